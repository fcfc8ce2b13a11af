"""How a segment of the journal is laid out, and how a damaged one is read. Pure: bytes in, frames out.

A segment is a header and frames. A frame is what one append put there, whole or not at all::

    header   8s magic and format   u64 position of its first record   u32 crc
    frame    4s magic   u32 length   u64 synced   u64 position   u32 crc   payload

The payload is MessagePack: [[kind, key, body], ...].

A frame's checksum also covers its segment and offset, so bytes that were valid somewhere else are not valid here.
``synced`` is the offset up to which the segment was known to be on the medium when the frame was written. By it a
reader can tell two kinds of damage apart: bytes that no sync ever covered may be anything after a crash, whole
frames behind them included, and were never acknowledged (a torn tail); but damage before an offset that a later
frame calls synced destroyed something acknowledged (corruption), and must never be passed over. A frame without
records is a seal: closing the journal puts one at the end, so that all before it is known to have been synced.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from struct import Struct
from zlib import crc32

import msgspec

from hindcast.errors import DataError, StateError

__all__ = [
    "MAX_BYTES",
    "FRAME_BYTES",
    "HEADER_BYTES",
    "Damage",
    "Frame",
    "encode_frame",
    "encode_header",
    "encode_record",
    "read_frames",
]

FORMAT = 1
MAX_BYTES = 1 << 30

_MAGIC = b"HCJOURN"
_MARK = b"\xf5hc\xa1"
_HEADER = Struct("<8sQI")
_FRAME = Struct("<4sIQQI")
_PLACE = Struct("<QQIQQ")
_COUNT = Struct(">BI")
HEADER_BYTES = _HEADER.size
FRAME_BYTES = _FRAME.size

RecordTuple = tuple[str, str | None, bytes]
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[RecordTuple])


@dataclass(frozen=True, slots=True)
class Frame:
    """Records that were appended together: the first at `position`, from byte `start` to before `end`."""

    start: int
    end: int
    synced: int
    position: int
    records: list[RecordTuple]


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes from `offset` on that are no frame; `corrupt` when they had been synced, else a torn tail."""

    offset: int
    reason: str
    corrupt: bool


def encode_header(first: int) -> bytes:
    """The first bytes of a segment whose records start at position `first`."""
    head = _HEADER.pack(_MAGIC + bytes([FORMAT]), first, 0)[:-4]
    return head + crc32(head).to_bytes(4, "little")


def check_header(data: bytes, first: int) -> None:
    """Raise StateError unless `data` starts a segment of this format whose first position is `first`."""
    head = data[:HEADER_BYTES]
    if head[:7] == _MAGIC and head[7] > FORMAT:
        raise StateError(f"journal format {head[7]} is newer than format {FORMAT} of this version; upgrade hindcast")
    if head != encode_header(first):
        raise StateError("the segment's header is damaged (offset 0)")


def encode_record(kind: str, key: str | None, body: bytes) -> bytes:
    """One record as MessagePack; DataError when it is not text, text or None, and bytes, or is too large."""
    if not isinstance(kind, str) or not (key is None or isinstance(key, str)) or not isinstance(body, bytes):
        raise DataError(
            "a journal record is (kind: str, key: str or None, body: bytes), got "
            f"({type(kind).__name__}, {type(key).__name__}, {type(body).__name__})."
        )
    try:
        data = _encoder.encode((kind, key, body))
    except (UnicodeEncodeError, OverflowError, msgspec.MsgspecError) as error:
        raise DataError(f"a journal record of kind {kind!r} cannot be written: {error}.") from None
    if len(data) > MAX_BYTES:
        raise DataError(f"a journal record of {len(data)} bytes is too large; at most {MAX_BYTES}.")
    return data


def encode_frame(records: Sequence[bytes], *, first: int, start: int, synced: int, position: int) -> bytes:
    """A frame of encoded `records` for byte `start` of the segment whose first position is `first`.

    Examples
    --------
    >>> data = encode_frame([encode_record("fact", None, b"x")], first=1, start=HEADER_BYTES, synced=0, position=1)
    >>> [frame.records for frame in read_frames(encode_header(1) + data, first=1)]
    [[('fact', None, b'x')]]
    """
    payload = b"".join([_COUNT.pack(0xDD, len(records)), *records])
    crc = crc32(payload, crc32(_PLACE.pack(first, start, len(payload), synced, position)))
    return _FRAME.pack(_MARK, len(payload), synced, position, crc) + payload


def frame_at(data: bytes, start: int, *, first: int, origin: int = 0) -> Frame | str:
    """The frame at byte `start` of a segment of which `data` holds the bytes from `origin` on, or why there is none."""
    at = start - origin
    if at + FRAME_BYTES > len(data):
        return "the frame's head is cut off"
    mark, length, synced, position, crc = _FRAME.unpack_from(data, at)
    if mark != _MARK:
        return "no frame starts here"
    if at + FRAME_BYTES + length > len(data):
        return "the frame is cut off"
    payload = data[at + FRAME_BYTES : at + FRAME_BYTES + length]
    if crc != crc32(payload, crc32(_PLACE.pack(first, start, length, synced, position))):
        return "the checksum does not fit"
    return Frame(start, start + FRAME_BYTES + length, synced, position, _decoder.decode(payload))


def frame_bytes(head: bytes) -> int:
    """Bytes of the whole frame that starts with `head`, as it claims."""
    return FRAME_BYTES + int(_FRAME.unpack(head)[1]) if len(head) == FRAME_BYTES else 0


def read_frames(data: bytes, *, first: int) -> Iterator[Frame | Damage]:
    """The frames of a whole segment in order; at the first bytes that are none, a last Damage.

    A segment cut off within its header is torn from offset 0. Cost: one pass; a second over what follows damage.

    Raises
    ------
    StateError
        For a whole header that is damaged or of another format.
    """
    if len(data) < HEADER_BYTES:
        yield Damage(0, "the segment's header is cut off", False)
        return
    check_header(data, first)
    start, position = HEADER_BYTES, first
    while start < len(data):
        frame = frame_at(data, start, first=first)
        if isinstance(frame, Frame) and frame.position != position:
            frame = f"position {frame.position} follows {position - 1}"
        if isinstance(frame, str):
            yield Damage(start, frame, _was_synced(data, start, first=first))
            return
        yield frame
        start, position = frame.end, position + len(frame.records)


def _was_synced(data: bytes, offset: int, *, first: int) -> bool:
    """Whether any frame behind `offset` says that the bytes at `offset` had been synced when it was written."""
    at = data.find(_MARK, offset + 1)
    while at >= 0:
        frame = frame_at(data, at, first=first)
        if isinstance(frame, Frame) and frame.synced > offset:
            return True
        at = data.find(_MARK, at + 1)
    return False
