"""The journal's files: a segment on disk, its recovery after a crash, and the keys that outlive it."""

from __future__ import annotations

import logging
import os
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec

from hindcast.errors import StateError
from hindcast.journal.durable import replace_file, sync, sync_folder, write_all
from hindcast.journal.framing import (
    FRAME_BYTES,
    HEADER_BYTES,
    Damage,
    Frame,
    check_header,
    encode_header,
    frame_at,
    frame_bytes,
    read_frames,
)

__all__ = ["Entry", "KeyFile", "Segment", "create", "read", "recover"]

_MARK_EVERY_BYTES = 256 << 10
_log = logging.getLogger("hindcast.journal")


class Entry(NamedTuple):
    """A record of the journal at its position, which counts from 1 and never changes."""

    position: int
    kind: str
    key: str | None
    body: bytes


@dataclass(slots=True)
class Segment:
    """One file of the journal: records `first` to `last` in its bytes before `end`, all of them on the medium.

    ``marks`` are (position, offset) of some frames, in order, so that reading can start near any position;
    ``keys`` those of its records, in order; ``sealed`` says that a frame at its end calls all before it synced.
    """

    path: Path
    first: int
    last: int
    end: int
    marks: list[tuple[int, int]] = field(default_factory=list)
    keys: list[tuple[str, int]] = field(default_factory=list)
    sealed: bool = False

    def add(self, position: int, start: int) -> None:
        """Note that a frame starts here, unless the last note is near."""
        if not self.marks or start - self.marks[-1][1] >= _MARK_EVERY_BYTES:
            self.marks.append((position, start))


def segment_path(folder: Path, first: int) -> Path:
    return folder / f"{first:020d}.seg"


def create(folder: Path, first: int, *, durable: bool) -> Segment:
    """A new, empty segment whose first record will be `first`; whole and durable before it has its name."""
    path = segment_path(folder, first)
    if durable:
        replace_file(path, encode_header(first))
    else:
        path.write_bytes(encode_header(first))
    return Segment(path, first, first - 1, HEADER_BYTES)


def recover(path: Path, *, newest: bool, durable: bool) -> tuple[Segment, int]:
    """Read a segment after a stop of any kind, and make what was read durable.

    Parameters
    ----------
    path : Path
    newest : bool
        Whether this is the journal's last segment: only there can a tail be torn. Torn bytes are kept in a file
        ``<segment>-<offset>.torn`` and cut off.
    durable : bool
        Sync. The frames that no later frame calls synced are written once more before: they may be in the
        kernel's memory alone, and a kernel that failed to write a page does not try again by itself.

    Returns
    -------
    segment : Segment
    torn : int
        Bytes that were cut off.

    Raises
    ------
    StateError
        For corruption: damage to what had been synced, named by segment and offset.
    """
    try:
        first = int(path.stem)
    except ValueError:
        raise StateError(f"{path} does not belong to a journal. Move it elsewhere.") from None
    data = path.read_bytes()
    segment = Segment(path, first, first - 1, HEADER_BYTES)
    damage, unproven = None, HEADER_BYTES
    try:
        for item in read_frames(data, first=first):
            if isinstance(item, Damage):
                damage = item
                break
            segment.add(item.position, item.start)
            segment.keys.extend((r[1], item.position + n) for n, r in enumerate(item.records) if r[1] is not None)
            segment.last, segment.end = item.position + len(item.records) - 1, item.end
            unproven, segment.sealed = max(unproven, item.synced), not item.records
    except StateError as error:
        raise StateError(f"journal segment {path}: {error}. Restore it from a backup.") from None
    if damage is not None and (damage.corrupt or not newest):
        raise StateError(
            f"journal segment {path} is corrupt at offset {damage.offset} ({damage.reason}), in what was acknowledged; "
            f"records from position {segment.last + 1} on cannot be trusted. Restore the file from a backup."
        )
    torn = 0 if damage is None else len(data) - damage.offset
    if newest:
        _settle(path, data, damage, unproven=unproven, end=segment.end, durable=durable)
    if torn:
        _log.warning(
            "journal segment %s: %d torn bytes at offset %d set aside", path, torn, damage.offset if damage else 0
        )
    return segment, torn


def _settle(path: Path, data: bytes, damage: Damage | None, *, unproven: int, end: int, durable: bool) -> None:
    if damage is not None:
        _keep(path, data[damage.offset :], damage.offset)
        if damage.offset < HEADER_BYTES:
            replace_file(path, encode_header(int(path.stem)))
            return
    fd = os.open(path, os.O_RDWR)
    try:
        if damage is not None:
            os.ftruncate(fd, end)
        if durable:
            write_all(fd, memoryview(data)[unproven:end], unproven)
            sync(fd)
    finally:
        os.close(fd)


def _keep(path: Path, torn: bytes, offset: int) -> None:
    """Put torn bytes beside their segment; the same bytes once, others under another name."""
    if not torn:
        return
    for number in range(1_000_000):
        kept = path.with_name(f"{path.stem}-{offset}{f'-{number}' if number else ''}.torn")
        if not kept.exists():
            replace_file(kept, torn)
            return
        if kept.read_bytes() == torn:
            return


def read(segment: Segment, *, after: int, end: int) -> Iterator[Entry]:
    """The entries with a position greater than `after`, from the segment's bytes before `end`.

    Cost: starts within 256 KiB of the first one asked for; memory is one frame.

    Raises
    ------
    StateError
        When what had been synced is no longer whole.
    """
    where = bisect_right(segment.marks, (after + 1, end)) - 1
    start = segment.marks[where][1] if where >= 0 else HEADER_BYTES
    with segment.path.open("rb", buffering=1 << 18) as file:
        try:
            check_header(file.read(HEADER_BYTES), segment.first)
        except StateError as error:
            raise StateError(f"journal segment {segment.path}: {error}. Restore it from a backup.") from None
        file.seek(start)
        while start < end:
            head = file.read(FRAME_BYTES)
            data = head + file.read(frame_bytes(head) - len(head)) if len(head) == FRAME_BYTES else head
            frame = frame_at(data, start, first=segment.first, origin=start)
            if not isinstance(frame, Frame):
                raise StateError(
                    f"journal segment {segment.path} is corrupt at offset {start} ({frame}). Restore it from a backup."
                )
            for position, (kind, key, body) in enumerate(frame.records, frame.position):
                if position > after:
                    yield Entry(position, kind, key, body)
            start = frame.end


@dataclass(frozen=True, slots=True)
class KeyFile:
    """The keys of a segment that was released, so that they are still known."""

    path: Path
    keys: list[tuple[str, int]]

    @staticmethod
    def write(segment: Segment) -> KeyFile:
        """Make the keys of `segment` durable on their own."""
        path = segment.path.with_suffix(".keys")
        body = msgspec.msgpack.encode(segment.keys)
        replace_file(path, msgspec.msgpack.encode((1, len(segment.keys), msgspec.Raw(body))))
        return KeyFile(path, segment.keys)

    @staticmethod
    def load(path: Path) -> KeyFile:
        try:
            version, count, keys = msgspec.msgpack.decode(
                path.read_bytes(), type=tuple[int, int, list[tuple[str, int]]]
            )
        except msgspec.MsgspecError as error:
            raise StateError(f"journal keys {path} are corrupt ({error}). Restore the file from a backup.") from None
        if version != 1 or count != len(keys):
            raise StateError(f"journal keys {path} are of an unknown format {version}. Upgrade hindcast.")
        return KeyFile(path, keys)

    def drop(self) -> None:
        """Forget these keys."""
        self.path.unlink()
        sync_folder(self.path.parent)
