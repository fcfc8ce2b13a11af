from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.errors import StateError
from hindcast.journal import Journal
from hindcast.journal.framing import HEADER_BYTES, encode_frame, encode_record, read_frames

FIRST = "00000000000000000001.seg"


def bodies(journal: Journal) -> list[bytes]:
    return [entry.body for entry in journal.entries()]


def killed(folder: Path, groups: list[list[bytes]], *, unsynced: list[bytes] = []) -> tuple[bytes, int]:  # noqa: B006
    """A segment as a crash leaves it: `groups` acknowledged one by one, then frames that no sync covered.

    Returns the segment's bytes and how many of them had been synced.
    """
    with Journal(folder) as journal:
        for group in groups:
            journal.append_many([("fact", body) for body in group]).result()
    data = (folder / FIRST).read_bytes()
    frames = [frame for frame in read_frames(data, first=1) if frame.records]
    end = frames[-1].end if frames else HEADER_BYTES
    data, position = data[:end], sum(map(len, groups)) + 1
    for body in unsynced:
        record = encode_record("fact", None, body)
        data += encode_frame([record], first=1, start=len(data), synced=end, position=position)
        position += 1
    return data, end


def test_cut_at_every_byte_recovery_gives_the_longest_whole_prefix(tmp_path):
    data, _ = killed(tmp_path / "made", [[b"a"], [b"bb", b"ccc"], [b"dddd"]], unsynced=[b"e" * 9, b"f"])
    frames = list(read_frames(data, first=1))
    folder = tmp_path / "cut"
    for cut in range(len(data) + 1):
        for old in folder.glob("*"):
            old.unlink()
        folder.mkdir(exist_ok=True)
        (folder / FIRST).write_bytes(data[:cut])
        whole = [body for frame in frames if frame.end <= cut for _, _, body in frame.records]
        with Journal(folder, sync=False) as journal:
            assert bodies(journal) == whole
            assert journal.append("fact", b"next").result() == len(whole) + 1
        kept = b"".join(path.read_bytes() for path in folder.glob("*.torn"))
        end = max([0, *(frame.end for frame in frames if frame.end <= cut)])
        assert kept == data[max(end, HEADER_BYTES if cut >= HEADER_BYTES else 0) : cut]
        with Journal(folder, sync=False) as journal:
            assert bodies(journal) == [*whole, b"next"]


texts = st.binary(max_size=40)


@given(
    st.lists(st.lists(texts, min_size=1, max_size=3), max_size=4),
    st.lists(texts, max_size=4),
    st.data(),
)
def test_whatever_happens_to_an_unsynced_tail_what_was_acknowledged_is_there(groups, unsynced, data):
    with TemporaryDirectory() as made:
        folder = Path(made)
        image, synced = killed(folder, groups, unsynced=unsynced)
        acknowledged = [body for group in groups for body in group]
        torn = bytearray(image)
        for _ in range(data.draw(st.integers(0, 3))):
            if synced < len(torn):
                at = data.draw(st.integers(synced, len(torn) - 1))
                size = data.draw(st.integers(1, 40))
                match data.draw(st.sampled_from(["flip", "zero", "cut"])):
                    case "flip":
                        torn[at] ^= 1 << data.draw(st.integers(0, 7))
                    case "zero":
                        torn[at : at + size] = bytes(len(torn[at : at + size]))
                    case "cut":
                        del torn[at:]
        (folder / FIRST).write_bytes(torn)
        with Journal(folder) as journal:
            found = bodies(journal)
        assert found[: len(acknowledged)] == acknowledged
        assert found == (acknowledged + unsynced)[: len(found)]


def test_damage_to_any_byte_that_was_synced_is_corruption_with_its_place(tmp_path):
    folder = tmp_path / "journal"
    with Journal(folder) as journal:
        for body in (b"a", b"bb", b"ccc"):
            journal.append("fact", body).result()
    path = folder / FIRST
    data = path.read_bytes()
    *frames, seal = read_frames(data, first=1)
    assert seal.records == []
    for at in range(HEADER_BYTES, seal.start):
        broken = bytearray(data)
        broken[at] ^= 0x40
        path.write_bytes(broken)
        start = max(frame.start for frame in frames if frame.start <= at)
        with pytest.raises(StateError, match=rf"{FIRST} is corrupt at offset {start} "):
            Journal(folder)
    path.write_bytes(data)
    with Journal(folder) as journal:
        assert bodies(journal) == [b"a", b"bb", b"ccc"]


def test_an_older_segment_has_no_torn_tail_and_none_may_be_missing(tmp_path):
    with Journal(tmp_path, segment_bytes=1) as journal:
        for number in range(4):
            journal.append("fact", b"%d" % number).result()
    first, second, *_ = sorted(tmp_path.glob("*.seg"))
    data = second.read_bytes()
    second.write_bytes(data[:-1])
    with pytest.raises(StateError, match=rf"{second.name} is corrupt at offset {HEADER_BYTES}"):
        Journal(tmp_path)
    second.unlink()
    with pytest.raises(StateError, match=rf"{second.name} is missing"):
        Journal(tmp_path)
    second.write_bytes(data)
    first.rename(tmp_path / "notes.seg")
    with pytest.raises(StateError, match="does not belong"):
        Journal(tmp_path)


def test_torn_bytes_are_kept_and_counted_once(tmp_path):
    image, synced = killed(tmp_path, [[b"a"]], unsynced=[b"lost"])
    for tail in (image[synced:-1], image[synced:-1], image[synced:-2]):
        (tmp_path / FIRST).write_bytes(image[:synced] + tail)
        with Journal(tmp_path) as journal:
            assert journal.torn_bytes == len(tail)
            assert bodies(journal) == [b"a"]
    assert sorted(len(path.read_bytes()) for path in tmp_path.glob("*.torn")) == sorted(
        {len(image) - synced - 1, len(image) - synced - 2}
    )


def test_a_release_that_was_interrupted_is_done_again(tmp_path):
    with Journal(tmp_path, segment_bytes=1) as journal:
        for number in range(4):
            journal.append("fact", b"x", key=f"k{number}").result()
        before = {path.name: path.read_bytes() for path in tmp_path.glob("*.seg")}
        journal.release(2)
    for name, data in before.items():  # as if its last step, removing the segments, had not reached the medium
        (tmp_path / name).write_bytes(data)
    with Journal(tmp_path, segment_bytes=1) as journal:
        assert [entry.position for entry in journal.entries()] == [1, 2, 3, 4]
        assert journal.append("fact", b"x", key="k0").result() == 1
        journal.release(2)
    for path in tmp_path.glob("*.seg"):
        path.unlink()
    with pytest.raises(StateError, match="no segment"):
        Journal(tmp_path)
