from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.errors import DataError, StateError
from hindcast.journal.framing import (
    HEADER_BYTES,
    Damage,
    Frame,
    encode_frame,
    encode_header,
    encode_record,
    read_frames,
)

records = st.lists(
    st.tuples(st.text(min_size=1), st.none() | st.text(), st.binary(max_size=80)), min_size=1, max_size=5
)


def segment(groups: list[list[tuple[str, str | None, bytes]]], first: int = 1) -> bytes:
    """A segment with a frame per group, each written when all before it was synced."""
    data, position = encode_header(first), first
    for group in groups:
        encoded = [encode_record(*record) for record in group]
        data += encode_frame(encoded, first=first, start=len(data), synced=len(data), position=position)
        position += len(group)
    return data


@given(st.lists(records, max_size=5), st.integers(1, 1 << 50))
def test_what_was_framed_is_read_back(groups, first):
    frames = list(read_frames(segment(groups, first), first=first))
    assert [frame.records for frame in frames] == groups
    assert [frame.position for frame in frames] == [first + sum(map(len, groups[:n])) for n in range(len(groups))]


def test_a_frame_is_valid_only_where_it_was_written():
    data = segment([[("a", None, b"1")], [("a", None, b"2")]])
    one, two = read_frames(data, first=1)
    assert isinstance(one, Frame)
    assert isinstance(two, Frame)
    swapped = data[:HEADER_BYTES] + data[two.start : two.end] + data[one.start : one.end]
    assert isinstance(next(read_frames(swapped, first=1)), Damage)
    elsewhere = encode_header(7) + data[HEADER_BYTES:]
    assert isinstance(next(read_frames(elsewhere, first=7)), Damage)


def test_a_body_that_looks_like_frames_proves_nothing():
    """A segment journalled as a body, behind damage, must not count as a later frame."""
    inner = segment([[("a", None, b"x" * 50)]] * 5)
    data = segment([[("a", None, b"1")], [("nested", None, inner)]])
    frames = list(read_frames(data, first=1))
    torn = bytearray(data)
    torn[frames[1].start] ^= 1
    *kept, damage = read_frames(bytes(torn), first=1)
    assert len(kept) == 1
    assert damage == Damage(frames[1].start, "no frame starts here", corrupt=False)


def test_a_newer_format_and_a_damaged_header_are_told_apart():
    data = bytearray(segment([]))
    data[7] = 9
    with pytest.raises(StateError, match="format 9 is newer"):
        list(read_frames(bytes(data), first=1))
    data[7] = 1
    data[10] ^= 1
    with pytest.raises(StateError, match="header is damaged"):
        list(read_frames(bytes(data), first=1))


@pytest.mark.parametrize("record", [(1, None, b""), ("a", 2, b""), ("a", None, "text"), ("a", "\ud800", b"")])
def test_a_record_that_cannot_be_written_is_refused(record):
    with pytest.raises(DataError, match="journal record"):
        encode_record(*record)
