"""What the journal holds: facts, predictions, shadow answers and how far they were drained, each as MessagePack."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
import numpy as np

from hindcast.columns import Column, Frame, Kind
from hindcast.errors import StateError
from hindcast.facts.facts import Facts

__all__ = [
    "DRAIN",
    "DRAINED",
    "FACTS",
    "PREDICTION",
    "SHADOW",
    "DrainRecord",
    "DrainedRecord",
    "FactsRecord",
    "RefusedRow",
    "pack_facts",
    "packed",
    "unpacked",
]

FACTS, PREDICTION, SHADOW, DRAIN, DRAINED = "facts", "prediction", "shadow", "drain", "drained"
"""The kinds of record."""

_TYPES: dict[str, Any] = {"number": "<f8", "integer": "<i8", "time": "<i8", "boolean": "<i1", "text": "<i4"}
"""How values stand in a record; those of a list are MessagePack, as they differ in length."""


class PackedColumn(msgspec.Struct, array_like=True, frozen=True):
    """A column as its bytes, so that what comes back is what went in, to the bit."""

    kind: Kind
    values: bytes
    valid: bytes | None
    vocabulary: list[str] | None


class RefusedRow(msgspec.Struct, array_like=True, frozen=True):
    """A row of a push that went to quarantine; rows count from 1."""

    row: int
    column: str | None
    value: str | None
    reason: str


class FactsRecord(msgspec.Struct, frozen=True):
    """Facts of one push, with the sequence and arrival they got for ever.

    Attributes
    ----------
    stamp : int
        Arrival, microseconds.
    first : int
        The sequence of the first fact; the others follow without gaps.
    content : bytes
        Digest of the rows as they were sent: another push under the same key is refused.
    absent, future : int
        Rows without an event time; facts that are known only after their arrival.
    """

    table: str
    stamp: int
    first: int
    event: bytes
    known: bytes
    retract: bytes
    columns: dict[str, PackedColumn]
    refused: list[RefusedRow]
    content: bytes
    absent: int = 0
    future: int = 0

    def __len__(self) -> int:
        return len(self.event) // 8

    def facts(self) -> Facts:
        """The facts, exactly as they were pushed."""
        n = len(self)
        frame = Frame({name: _unpack(column) for name, column in self.columns.items()}, n)
        return Facts(
            np.frombuffer(self.event, "<i8").astype(np.int64),
            np.frombuffer(self.known, "<i8").astype(np.int64),
            np.arange(self.first, self.first + n, dtype=np.int64),
            np.frombuffer(self.retract, "<i1").astype(np.bool_),
            frame,
        )


class DrainRecord(msgspec.Struct, frozen=True):
    """Everything before this record, back to the one before it, is to go to the lake as one batch."""

    stamp: int

    def batch(self, position: int) -> str:
        """The batch's name in the lake: the same however often the drain is tried, and never another's."""
        return f"journal-{position}-{self.stamp}"


class DrainedRecord(msgspec.Struct, frozen=True):
    """Everything up to position `upto` is in the lake."""

    stamp: int
    upto: int


def pack_facts(
    table: str, facts: Facts, *, stamp: int, content: bytes, refused: list[RefusedRow], absent: int, future: int
) -> FactsRecord:
    """The record of facts whose sequence numbers have no gaps."""
    return FactsRecord(
        table,
        stamp,
        int(facts.seq[0]) if len(facts) else 0,
        facts.event.astype("<i8").tobytes(),
        facts.known.astype("<i8").tobytes(),
        facts.retract.astype("<i1").tobytes(),
        {name: _pack(column) for name, column in facts.frame.items()},
        refused,
        content,
        absent,
        future,
    )


def _pack(column: Column) -> PackedColumn:
    if column.kind == "list":
        return PackedColumn("list", _encoder.encode(column.values.tolist()), None, None)
    return PackedColumn(
        column.kind,
        column.values.astype(_TYPES[column.kind]).tobytes(),
        None if column.valid is None else column.valid.astype("<i1").tobytes(),
        None if column.vocabulary is None else column.vocabulary.tolist(),
    )


def _unpack(packed_column: PackedColumn) -> Column:
    kind, valid = packed_column.kind, packed_column.valid
    if kind == "list":
        return Column.of_kind(msgspec.msgpack.decode(packed_column.values), "list")
    values = np.frombuffer(packed_column.values, _TYPES[kind])
    words = None
    if packed_column.vocabulary is not None:
        words = np.empty(len(packed_column.vocabulary), dtype=object)
        words[:] = packed_column.vocabulary
    mask = None if valid is None else np.frombuffer(valid, "<i1").astype(np.bool_)
    return Column(kind, values.astype(values.dtype.newbyteorder("=")), mask, words)


_encoder = msgspec.msgpack.Encoder()
_decoders: dict[type, Any] = {}
_Record = TypeVar("_Record")


def packed(record: msgspec.Struct) -> bytes:
    """The record's bytes."""
    return _encoder.encode(record)


def unpacked(body: bytes, kind: type[_Record]) -> _Record:
    """The record in `body`; StateError when another version wrote something else."""
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.msgpack.Decoder(kind)
    try:
        return decoder.decode(body)  # type: ignore[no-any-return]
    except msgspec.MsgspecError as error:
        raise StateError(
            f"the journal holds a {kind.__name__} that cannot be read ({error}). Upgrade hindcast."
        ) from None
