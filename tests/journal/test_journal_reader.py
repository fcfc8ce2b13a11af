"""Reading beside the writer: whole entries only, nothing changed, damage told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.errors import StateError
from hindcast.journal import Journal, Reader


def bodies(reader: Reader, after: int = 0) -> list[bytes]:
    return [entry.body for entry in reader.entries(after)]


def test_it_sees_what_was_acknowledged_and_news_after_a_refresh(tmp_path):
    reader = Reader(tmp_path / "journal")
    assert (reader.last, bodies(reader)) == (0, [])
    with Journal(tmp_path / "journal", segment_bytes=100) as journal:
        for n in range(9):
            journal.append("fact", b"%d" % n * 20).result()
            assert reader.refresh() == n + 1
        assert bodies(reader) == [b"%d" % n * 20 for n in range(9)]
        assert bodies(reader, after=7) == [b"7" * 20, b"8" * 20]
        assert len(list((tmp_path / "journal").glob("*.seg"))) > 1
    assert bodies(Reader(tmp_path / "journal")) == [b"%d" % n * 20 for n in range(9)]


@given(cut=st.integers(0, 400))
def test_a_torn_tail_is_left_alone(tmp_path_factory, cut):
    """Whatever is cut off the end, the reader gives a prefix, and the file keeps its bytes."""
    folder = tmp_path_factory.mktemp("journal")
    with Journal(folder, sync=False) as journal:
        for n in range(5):
            journal.append("fact", b"%d" % n * 30).result()
    (path,) = folder.glob("*.seg")
    data = path.read_bytes()[: max(len(path.read_bytes()) - cut, 0)]
    path.write_bytes(data)
    found = bodies(Reader(folder))
    assert found == [b"%d" % n * 30 for n in range(len(found))]
    assert path.read_bytes() == data
    assert not list(folder.glob("*.torn"))


def test_damage_to_what_was_synced_is_told(tmp_path):
    with Journal(tmp_path) as journal:
        for n in range(5):
            journal.append("fact", b"%d" % n * 30).result()
    (path,) = tmp_path.glob("*.seg")
    data = bytearray(path.read_bytes())
    data[60] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(StateError, match="corrupt at offset"):
        Reader(tmp_path)


def test_a_missing_segment_and_a_stranger_are_told(tmp_path):
    with Journal(tmp_path, segment_bytes=10) as journal:
        for n in range(3):
            journal.append("fact", b"%d" % n * 30).result()
    paths = sorted(tmp_path.glob("*.seg"))
    paths[1].unlink()
    with pytest.raises(StateError, match="missing before"):
        Reader(tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "strange.seg").write_bytes(b"x")
    with pytest.raises(StateError, match="does not belong"):
        Reader(tmp_path / "other")
