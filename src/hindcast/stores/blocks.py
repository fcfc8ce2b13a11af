"""A block: the facts that matter for one entity, as bytes.

What lies in an online store is not the compiled fold but the facts it is made of, each with the stretch of time in
which it is visible: a format that does not hang on how folds lie in memory, that no bytes can crash, and that
answers for every moment from the writer's on. A correction that the writer has, but that is not yet known, only ends
the earlier fact's stretch.

Layout, little-endian: magic, CRC-32 of the rest, number of rows, number of columns; the kinds of the columns; event,
known, sequence and, if one of them ends, the last moments of visibility; then the columns one after another. Every
array begins at a multiple of 8 bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np

from hindcast.columns import Column, Frame, Kind
from hindcast.errors import StateError
from hindcast.facts.facts import Facts
from hindcast.values import NEVER, Bools, Ints

__all__ = ["Block"]

_MAGIC = b"hcb1"
_HEAD = struct.Struct("<4sIII")
_KINDS: tuple[Kind, ...] = ("number", "integer", "time", "boolean", "text")
_ENDS, _VALID = 0x40, 0x80
_DTYPES: dict[str, np.dtype[Any]] = {
    "number": np.dtype("<f8"),
    "integer": np.dtype("<i8"),
    "time": np.dtype("<i8"),
    "boolean": np.dtype("i1"),
}
_LONG, _CODE, _FLAG, _SIZE = np.dtype("<i8"), np.dtype("<i4"), np.dtype("?"), np.dtype("<u4")


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Facts of one entity, none of them a retraction, each visible at t when ``known < t <= until``.

    Parameters
    ----------
    facts : Facts
    until : int64 array, shape (n,)
        The known time of what replaces it, or ``NEVER``.

    Examples
    --------
    >>> from hindcast.facts import Table
    >>> rides = Table("rides", event_time="at", known="event")
    >>> facts = Facts.of(rides, [{"at": "2024-05-01T06:00:00Z", "who": "ann", "fare": 7.5}])
    >>> block = Block(facts, np.array([NEVER]))
    >>> again = Block.decode(block.encode(facts.frame.names), facts.frame.names, "an example")
    >>> again.facts.frame["who"].item(0), int(again.until[0]) == NEVER
    ('ann', True)
    """

    facts: Facts
    until: Ints

    def __len__(self) -> int:
        return len(self.facts)

    def take(self, rows: Any) -> Block:
        """The facts at `rows`: indices, a mask or a slice."""
        return Block(self.facts.take(rows), self.until[rows])

    def visible(self, t: int) -> Bools:
        """Where a fact is visible at `t`, corrections applied."""
        return np.asarray((self.facts.known < t) & (t <= self.until))

    @staticmethod
    def concat(parts: Sequence[Block]) -> Block:
        """The parts one after another."""
        if len(parts) == 1:
            return parts[0]
        return Block(Facts.concat([p.facts for p in parts]), np.concatenate([p.until for p in parts]))

    # ---- bytes ------------------------------------------------------------------------------------------

    def encode(self, columns: Sequence[str]) -> bytes:
        """The block with these of its columns as bytes. O(rows times columns)."""
        facts = self.facts
        ends = bool((self.until < NEVER).any())
        kinds = bytearray()
        arrays: list[Any] = [_flat(facts.event), _flat(facts.known), _flat(facts.seq)]
        if ends:
            arrays.append(_flat(self.until))
        for name in columns:
            column = facts.frame[name]
            kind = _KINDS.index(column.kind)
            if column.kind == "text":
                arrays += _texts(column)
            else:
                arrays.append(np.ascontiguousarray(column.values, dtype=_DTYPES[column.kind]).tobytes())
                if column.valid is not None and not column.valid.all():
                    kind |= _VALID
                    arrays.append(np.ascontiguousarray(column.valid, dtype=_FLAG).tobytes())
            kinds.append(kind)
        if kinds and ends:
            kinds[0] |= _ENDS
        body = b"".join([part + bytes(-len(part) % 8) for part in (bytes(kinds), *arrays)])
        counts = struct.pack("<II", len(facts), len(kinds))
        return _MAGIC + struct.pack("<I", crc32(body, crc32(counts))) + counts + body

    @staticmethod
    def decode(data: bytes, columns: Sequence[str], place: str) -> Block:
        """The block that :meth:`encode` made `data` from; arrays may be read only.

        Raises
        ------
        StateError
            For any other bytes, naming `place`.
        """
        try:
            magic, check, rows, count = _HEAD.unpack_from(data)
            if magic != _MAGIC:
                raise ValueError("they begin otherwise")
            if crc32(memoryview(data)[_HEAD.size :], crc32(data[8:16])) != check:
                raise ValueError("their checksum is wrong")
            if count != len(columns):
                raise ValueError(f"they hold {count} columns, not {len(columns)}")
            reader = _Reader(data, rows)
            kinds = reader.bytes(count)
            ends = bool(count and kinds[0] & _ENDS)
            event, known, seq = (reader.array(_LONG, rows) for _ in range(3))
            until = reader.array(_LONG, rows) if ends else np.full(rows, NEVER, dtype=np.int64)
            frame = {name: reader.column(kind) for name, kind in zip(columns, kinds, strict=True)}
            if reader.at != len(data):
                raise ValueError(f"{len(data) - reader.at} bytes are left over")
        except (ValueError, IndexError, struct.error, UnicodeDecodeError) as error:
            raise StateError(
                f"{place} holds {len(data)} bytes that are no facts of this version of hindcast: {error}. Clear the "
                "store and write it again."
            ) from None
        return Block(Facts(event, known, seq, np.zeros(rows, dtype=np.bool_), Frame(frame, rows)), until)


def _flat(values: Ints) -> bytes:
    return np.ascontiguousarray(values, dtype=_LONG).tobytes()


def _texts(column: Column) -> list[bytes]:
    """A text column's words that occur, their lengths and the codes."""
    assert column.vocabulary is not None
    used, codes = np.unique(column.values, return_inverse=True)
    null = int(len(used) > 0 and used[0] < 0)
    words = [word.encode("utf-8", "surrogatepass") for word in column.vocabulary[used[null:]]]
    sizes = np.array([len(words), *map(len, words)], dtype=_SIZE)
    return [sizes.tobytes(), b"".join(words), (codes - null).astype(_CODE).tobytes()]


class _Reader:
    """Takes arrays off bytes, one after another."""

    def __init__(self, data: bytes, rows: int) -> None:
        self.data, self.rows, self.at = data, rows, _HEAD.size

    def _step(self, size: int) -> int:
        """Where the next `size` bytes begin."""
        begin = self.at
        self.at += size + -size % 8
        if self.at > len(self.data):
            raise ValueError("they end early")
        return begin

    def bytes(self, size: int) -> bytes:
        begin = self._step(size)
        return self.data[begin : begin + size]

    def array(self, dtype: np.dtype[Any], count: int) -> Any:
        begin = self._step(count * dtype.itemsize)
        return np.frombuffer(self.data, dtype, count, begin)

    def column(self, mark: int) -> Column:
        kind = _KINDS[mark & ~(_ENDS | _VALID)]
        if kind == "text":
            return self._texts()
        values = self.array(_DTYPES[kind], self.rows)
        return Column(kind, values, self.array(_FLAG, self.rows) if mark & _VALID else None)

    def _texts(self) -> Column:
        (count,) = struct.unpack_from("<I", self.data, self.at)
        sizes = self.array(_SIZE, 1 + count)[1:]
        ends = np.cumsum(sizes, dtype=np.int64).tolist()
        raw = self.bytes(ends[-1] if ends else 0)
        vocabulary = np.empty(count, dtype=object)
        vocabulary[:] = [raw[a:b].decode("utf-8", "surrogatepass") for a, b in zip([0, *ends], ends, strict=False)]
        codes = self.array(_CODE, self.rows)
        if self.rows and not -1 <= int(codes.min()) <= int(codes.max()) < count:
            raise ValueError("a text stands for no word")
        return Column("text", codes, None, vocabulary)
