"""What lies in an online store: how it is laid out, and what a plan needs to have there.

Three kinds of keys: ``m``, what the store says of itself; ``e<shelf>:<entity>``, an entity's block of facts; and
``v<table>:<key>``, the versions of a keyed table's key that a correction must find. A *shelf* is the facts of one
table by one of its keys, for all groups of features that look there.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import msgspec

from hindcast.columns import Kind
from hindcast.errors import ConfigError, StateError
from hindcast.features.asked import instance_of
from hindcast.features.group import Group
from hindcast.features.plan import FeaturePlan
from hindcast.fold import layout
from hindcast.stores.store import OnlineStore

__all__ = [
    "FORMAT",
    "META",
    "Meta",
    "Shelf",
    "Shelves",
    "Version",
    "decode_versions",
    "encode_meta",
    "encode_versions",
    "seal",
]

FORMAT = 1
"""The layout of what this version writes and reads."""

META = b"m"


class _Stamp(msgspec.Struct, frozen=True):
    """What every format begins with."""

    format: int


class Meta(msgspec.Struct, frozen=True):
    """What a store says of itself: of which plan it is, how many commits it has seen, and how far it has come."""

    format: int
    plan: str
    commits: int
    now_us: int
    watermarks: dict[str, int]
    kinds: dict[str, dict[str, Kind]]


class Version(msgspec.Struct, array_like=True):
    """A fact of a key: its precedence, and where its row lies, in the shelves of its table."""

    known: int
    seq: int
    retracted: bool
    places: list[bytes | None]


_decoder = msgspec.msgpack.Decoder(list[Version])


def seal(body: bytes) -> bytes:
    """Bytes with their CRC-32 before them."""
    return struct.pack("<I", crc32(body)) + body


def _unsealed(data: bytes) -> bytes:
    if len(data) < 4 or struct.unpack_from("<I", data)[0] != crc32(data[4:]):
        raise msgspec.DecodeError("their checksum is wrong")
    return data[4:]


def encode_meta(meta: Meta) -> bytes:
    """What :meth:`Shelves.meta` reads."""
    return seal(msgspec.json.encode(meta))


def encode_versions(versions: list[Version]) -> bytes:
    """What :func:`decode_versions` reads."""
    return seal(msgspec.msgpack.encode(versions))


def decode_versions(data: bytes, place: str) -> list[Version]:
    """The versions of a key, in order of (known, sequence).

    Raises
    ------
    StateError
        For bytes that are none, naming `place`.
    """
    try:
        return _decoder.decode(_unsealed(data))
    except msgspec.MsgspecError as error:
        raise StateError(
            f"{place} holds {len(data)} bytes that are no versions of a key of this version of hindcast: {error}. "
            "Clear the store and write it again."
        ) from None


@dataclass(frozen=True)
class Shelf:
    """The facts of a table by one of its keys, for all groups of features that look there.

    Attributes
    ----------
    kind : bytes
        What the stored keys begin with.
    retain_us : int
        For how long after its event time a fact matters; -1 for ever.
    latest_kept : bool
        Whether the newest fact matters however old it is.
    asked : tuple of tuples of str
        Under which names a request brings the key, or features make it; one per way in which groups look here.
    fanned : tuple of str
        Lists whose values are looked up here.
    """

    kind: bytes
    table: str
    columns: tuple[str, ...]
    retain_us: int
    latest_kept: bool
    asked: tuple[tuple[str, ...], ...]
    fanned: tuple[str, ...]


class Shelves:
    """What a plan needs to have stored.

    Raises
    ------
    ConfigError
        For features of an enriched table: what its facts carry was looked up at their own known times, which takes a
        process that holds the looked-up table's history.
    """

    def __init__(self, plan: FeaturePlan) -> None:
        instance_of("plan", plan, FeaturePlan)
        self.plan = plan
        groups = [(group, "") for stage in plan.stages for group in stage.groups]
        groups += [(fan.group, fan.members) for stage in plan.stages for fan in stage.fans]
        grouped: dict[tuple[str, tuple[str, ...]], list[tuple[Group, str]]] = {}
        for group, members in groups:
            if group.lookups:
                raise ConfigError(
                    f"features of the enriched table {group.table.name!r} ({', '.join(group.names[:3])}) cannot be "
                    "read from an online store yet. Read them in process (OnlineFeatures), or add the looked-up "
                    "columns where the facts are made."
                )
            place = (group.table.name, tuple(column for _, column in group.by))
            grouped.setdefault(place, []).append((group, members))
        self.all = [_shelf(number, *place, found) for number, (place, found) in enumerate(grouped.items())]
        self.of_table: dict[str, list[Shelf]] = {}
        for shelf in self.all:
            self.of_table.setdefault(shelf.table, []).append(shelf)
        self.columns = {table: plan.columns_of(table) for table in self.of_table}
        self.version_kind = {table: b"v%d:" % number for number, table in enumerate(self.of_table)}

    def meta(self, data: bytes | None, store: OnlineStore) -> Meta | None:
        """What the store says of itself; None for a new one.

        Raises
        ------
        StateError
            When it was written for another plan, by a newer version, or by something else.
        """
        if data is None:
            return None
        try:
            body = _unsealed(data)
            stamp = msgspec.json.decode(body, type=_Stamp)
            meta = msgspec.json.decode(body, type=Meta) if stamp.format == FORMAT else None
        except msgspec.MsgspecError as error:
            raise StateError(
                f"{store.place} does not hold features of this version of hindcast ({error}). Give another place, or "
                "start its writer with clear=True."
            ) from None
        if meta is None:
            raise StateError(
                f"{store.place} has format {stamp.format}; this version of hindcast reads {FORMAT}. Use the version "
                "that wrote it, or start its writer with clear=True and push the facts again."
            )
        if meta.plan != self.plan.identity:
            raise StateError(
                f"{store.place} was written for the features {meta.plan}; these are {self.plan.identity}. Load the "
                "declaration it was written for, or start its writer with clear=True and push the facts again; give "
                "each declaration its own place to have both."
            )
        return meta


def _shelf(number: int, table: str, columns: tuple[str, ...], groups: Sequence[tuple[Group, str]]) -> Shelf:
    retains = [int(group.spec[layout.RETAIN]) for group, _ in groups]
    return Shelf(
        b"e%d:" % number,
        table,
        columns,
        -1 if min(retains) < 0 else max(retains),
        any(group.spec[layout.LATEST_KEPT] for group, _ in groups),
        tuple(dict.fromkeys(tuple(asked for asked, _ in group.by) for group, members in groups if not members)),
        tuple(dict.fromkeys(members for _, members in groups if members)),
    )
