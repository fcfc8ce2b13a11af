from __future__ import annotations

import errno
import os
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait

import pytest

from hindcast.errors import ConfigError, DataError, StateError
from hindcast.journal import Entry, Journal, Record, durable
from hindcast.journal import journal as module


def positions(journal: Journal, after: int = 0) -> list[int]:
    return [entry.position for entry in journal.entries(after)]


def no_space(written: int):
    """A disk that takes `written` bytes of each write and then is full, until ``full`` is cleared."""
    real = os.pwrite

    def pwrite(fd, data, at):
        if not pwrite.full:
            return real(fd, data, at)
        if pwrite.left == 0:
            pwrite.left = written
            raise OSError(errno.ENOSPC, "No space left on device")
        done = real(fd, bytes(data)[: pwrite.left], at)
        pwrite.left -= done
        return done

    pwrite.full, pwrite.left = True, written
    return pwrite


# ---- order, threads, reading ----------------------------------------------------------------------------


def test_positions_count_from_one_in_the_order_of_appends(tmp_path):
    with Journal(tmp_path) as journal:
        assert journal.last == 0
        assert journal.first == 1
        answers = [journal.append("fact", b"%d" % number) for number in range(100)]
        assert [answer.result() for answer in answers] == list(range(1, 101))
        assert journal.last == 100
    with Journal(tmp_path) as journal:
        assert [entry.body for entry in journal.entries()] == [b"%d" % number for number in range(100)]
        assert journal.append("fact", b"more").result() == 101


def test_many_threads_each_see_their_own_order(tmp_path):
    with Journal(tmp_path, segment_bytes=4096) as journal, ThreadPoolExecutor(8) as pool:

        def run(name: int) -> list[int]:
            return [journal.append(str(name), b"%d" % n, key=f"{name}-{n}").result() for n in range(50)]

        found = list(pool.map(run, range(8)))
        assert sorted(p for each in found for p in each) == list(range(1, 401))
        assert all(each == sorted(each) for each in found)
        entries = list(journal.entries())
    assert [entry.position for entry in entries] == list(range(1, 401))
    for name, each in enumerate(found):
        assert [(e.position, e.body) for e in entries if e.kind == str(name)] == [
            (place, b"%d" % n) for n, place in enumerate(each)
        ]


def test_nothing_is_acknowledged_before_it_is_synced(tmp_path, monkeypatch):
    allowed, real = threading.Event(), durable.sync
    monkeypatch.setattr(module, "sync", lambda fd: (allowed.wait(), real(fd)))
    with Journal(tmp_path) as journal:
        answer = journal.append("fact", b"x")
        done, _ = wait([answer], timeout=0.05)
        assert not done
        assert journal.last == 0
        assert positions(journal) == []
        allowed.set()
        assert answer.result(timeout=60) == 1


def test_a_new_segment_is_synced_with_its_folder_before_anything_in_it_is_acknowledged(tmp_path, monkeypatch):
    calls: list[str] = []
    monkeypatch.setattr(durable, "sync", lambda fd: calls.append("file"))
    monkeypatch.setattr(durable, "sync_folder", lambda folder: calls.append("folder"))
    monkeypatch.setattr(module, "sync", lambda fd: calls.append("group"))
    with Journal(tmp_path / "new", segment_bytes=1) as journal:
        assert calls == ["folder", "file", "folder"]  # the journal's folder in its parent; the segment and its name
        calls.clear()
        journal.append("fact", b"1").result()
        journal.append("fact", b"2").result()
        assert calls == ["group", "file", "folder", "group"]


def test_reading_starts_anywhere_and_sees_only_what_was_acknowledged_when_asked(tmp_path):
    body = bytes(1000)
    with Journal(tmp_path, segment_bytes=700_000) as journal:
        for _ in range(20):
            journal.append_many([("fact", body)] * 100).result()
        reading = journal.entries(1990)
        assert next(reading).position == 1991
        journal.append("fact", b"late").result()
        assert [entry.position for entry in reading] == list(range(1992, 2001))
        assert len(list(tmp_path.glob("*.seg"))) == 3
        for after in (0, 1, 255, 256, 699, 1000, 1500, 2000, 2001, 9999):
            assert positions(journal, after) == list(range(after + 1, 2002))


def test_a_record_larger_than_a_segment_fits(tmp_path):
    with Journal(tmp_path, segment_bytes=100) as journal:
        journal.append("big", bytes(100_000)).result()
        journal.append("small", b"x").result()
    with Journal(tmp_path, segment_bytes=100) as journal:
        assert [len(entry.body) for entry in journal.entries()] == [100_000, 1]


# ---- keys -----------------------------------------------------------------------------------------------


def test_a_key_is_written_once_within_a_group_and_across_restarts(tmp_path):
    with Journal(tmp_path) as journal:
        answers = [journal.append("fact", b"%d" % n, key="same") for n in range(10)]
        assert {answer.result() for answer in answers} == {1}
        records = [("f", b"a", "k"), Record("f", b"b"), ("f", b"c", "same"), ("f", b"d", "k")]
        assert journal.append_many(records).result() == [2, 3, 1, 2]
    with Journal(tmp_path) as journal:
        assert journal.append("fact", b"again", key="same").result() == 1
        assert journal.append("fact", b"again", key="k").result() == 2
        assert list(journal.entries()) == [
            Entry(1, "fact", "same", b"0"),
            Entry(2, "f", "k", b"a"),
            Entry(3, "f", None, b"b"),
        ]


def test_released_segments_go_but_their_keys_stay(tmp_path):
    with Journal(tmp_path, segment_bytes=1, remember=3) as journal:
        for n in range(8):
            journal.append("fact", b"x", key=f"k{n}").result()
        journal.release(3)
        assert journal.first == 4
        assert positions(journal) == [4, 5, 6, 7, 8]
        assert journal.append("fact", b"x", key="k0").result() == 1
        journal.release(100)
        assert positions(journal) == [8]
    with Journal(tmp_path, segment_bytes=1, remember=3) as journal:
        assert [journal.append("fact", b"x", key=f"k{n}").result() for n in (4, 5, 6, 7)] == [5, 6, 7, 8]
        assert journal.last == 8
        assert journal.append("fact", b"x", key="k3").result() == 9, "older than the keys remembered, so new again"


def test_released_while_it_is_read_is_said(tmp_path):
    with Journal(tmp_path, segment_bytes=1) as journal:
        for _ in range(3):
            journal.append("fact", b"x").result()
        reading = journal.entries()
        assert next(reading).position == 1
        journal.release(2)
        with pytest.raises(StateError, match=r"was released while it was read\. Read on from 3"):
            list(reading)


# ---- trouble --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", [0, 1, 30, 60])
def test_a_full_disk_fails_the_append_loses_nothing_and_goes_on_when_there_is_room(tmp_path, monkeypatch, written):
    with Journal(tmp_path) as journal:
        assert journal.append("fact", b"kept", key="a").result() == 1
        disk = no_space(written)
        monkeypatch.setattr(os, "pwrite", disk)
        refused = journal.append_many([("fact", b"x" * 50, "b"), ("fact", b"y" * 50, "c")])
        with pytest.raises(StateError, match=r"No space left.*make room"):
            refused.result()
        assert journal.append("fact", b"kept", key="a").result() == 1, "known already, needs no room"
        assert journal.last == 1
        disk.full = False
        assert journal.append("fact", b"x", key="b").result() == 2
    with Journal(tmp_path) as journal:
        assert [(entry.position, entry.body) for entry in journal.entries()] == [(1, b"kept"), (2, b"x")]
        assert journal.torn_bytes == 0


def test_no_room_for_a_new_segment_fails_the_append_only(tmp_path, monkeypatch):
    with Journal(tmp_path, segment_bytes=1) as journal:
        journal.append("fact", b"1", key="a").result()
        disk = no_space(0)
        monkeypatch.setattr(os, "pwrite", disk)
        with pytest.raises(StateError, match=r"no new segment.*No space left"):
            journal.append("fact", b"2").result()
        assert journal.append("fact", b"1", key="a").result() == 1
        disk.full = False
        assert journal.append("fact", b"2").result() == 2
    with Journal(tmp_path) as journal:
        assert positions(journal) == [1, 2]


def test_after_a_failed_sync_nothing_is_believed_until_the_journal_is_opened_anew(tmp_path, monkeypatch):
    def fail(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    journal = Journal(tmp_path)
    journal.append("fact", b"kept").result()
    with monkeypatch.context() as patch:
        patch.setattr(module, "sync", fail)
        with pytest.raises(StateError, match="nobody knows"):
            journal.append("fact", b"doubtful").result()
    with pytest.raises(StateError, match="nobody knows"):
        journal.append("fact", b"refused")
    assert [entry.body for entry in journal.entries()] == [b"kept"]
    journal.close()
    with Journal(tmp_path) as journal:
        assert next(journal.entries()).body == b"kept"
        assert journal.append("fact", b"new").result() > 1


def test_an_end_that_cannot_be_restored_breaks_the_journal(tmp_path, monkeypatch):
    def refuse(fd: int, size: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with Journal(tmp_path) as journal:
        journal.append("fact", b"kept").result()
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", no_space(10))
            patch.setattr(os, "ftruncate", refuse)
            with pytest.raises(StateError, match="could not be restored"):
                journal.append("fact", b"lost").result()
        with pytest.raises(StateError, match="could not be restored"):
            journal.append("fact", b"refused")
    with Journal(tmp_path) as journal:
        assert [entry.body for entry in journal.entries()] == [b"kept"]
        assert journal.torn_bytes == 10


def test_a_fault_of_the_writer_is_told_to_everyone_who_waits(tmp_path, monkeypatch):
    def fault(*_args: object, **_named: object) -> bytes:
        raise RuntimeError("a bug")

    with Journal(tmp_path) as journal:
        monkeypatch.setattr(module, "encode_frame", fault)
        with pytest.raises(StateError, match="a bug"):
            journal.append("fact", b"x").result(timeout=60)
        with pytest.raises(StateError, match="a bug"):
            journal.append("fact", b"x")


def test_damage_found_while_reading_is_named(tmp_path):
    with Journal(tmp_path) as journal:
        journal.append("fact", b"first").result()
        journal.append("fact", b"second").result()
        path = next(tmp_path.glob("*.seg"))
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
        reading = journal.entries()
        assert next(reading).body == b"first"
        with pytest.raises(StateError, match=rf"{path.name} is corrupt at offset \d+ \(the checksum"):
            next(reading)


# ---- one writer, closing --------------------------------------------------------------------------------


def test_a_second_writer_is_refused_and_told_who_writes(tmp_path):
    with Journal(tmp_path), pytest.raises(StateError, match=rf"held by process {os.getpid()} \(journal\)"):
        Journal(tmp_path)
    Journal(tmp_path).close()


def test_close_writes_what_waits_and_then_refuses(tmp_path):
    journal = Journal(tmp_path)
    answers = [journal.append("fact", b"x") for _ in range(1000)]
    journal.close()
    journal.close()
    assert [answer.result(timeout=0) for answer in answers] == list(range(1, 1001))
    with pytest.raises(StateError, match="closed"):
        journal.append("fact", b"late")
    assert positions(journal) == list(range(1, 1001))


def test_a_callback_may_append_and_close(tmp_path):
    journal, closed = Journal(tmp_path), threading.Event()

    def again(answer: Future[int]) -> None:
        if answer.result() < 5:
            journal.append("fact", b"x").add_done_callback(again)
        else:
            journal.close()
            closed.set()

    journal.append("fact", b"x").add_done_callback(again)
    assert closed.wait(60)
    journal.close()
    with Journal(tmp_path) as journal:
        assert positions(journal) == [1, 2, 3, 4, 5]


def test_a_withdrawn_append_is_not_written(tmp_path, monkeypatch):
    allowed, entered, real = threading.Event(), threading.Event(), durable.sync
    monkeypatch.setattr(module, "sync", lambda fd: (entered.set(), allowed.wait(), real(fd)))
    with Journal(tmp_path) as journal:
        first = journal.append("fact", b"first")
        assert entered.wait(60)
        withdrawn, kept = journal.append("fact", b"withdrawn"), journal.append("fact", b"kept")
        assert withdrawn.cancel()
        allowed.set()
        assert (first.result(), kept.result()) == (1, 2)
        assert [entry.body for entry in journal.entries()] == [b"first", b"kept"]


def test_a_fork_cannot_append_and_its_parent_goes_on(tmp_path):
    code = (
        "import os, sys\n"
        "from hindcast.journal import Journal\n"
        "from hindcast.errors import StateError\n"
        "journal = Journal(sys.argv[1])\n"
        "if (child := os.fork()) == 0:\n"
        "    try:\n"
        "        journal.append('fact', b'child')\n"
        "    except StateError:\n"
        "        journal.close()\n"
        "        os._exit(7)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7\n"
        "assert journal.append('fact', b'parent').result() == 1\n"
        "journal.close()\n"
    )
    import subprocess
    import sys

    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=120)
    with Journal(tmp_path) as journal:
        assert [entry.body for entry in journal.entries()] == [b"parent"]


def test_appenders_wait_while_too_much_is_on_its_way(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_BACKLOG_BYTES", 1000)
    allowed, entered, real = threading.Event(), threading.Event(), durable.sync
    monkeypatch.setattr(module, "sync", lambda fd: (entered.set(), allowed.wait(), real(fd)))
    with Journal(tmp_path) as journal, ThreadPoolExecutor(1) as pool:
        journal.append("fact", b"first")
        assert entered.wait(60)
        waiting = [journal.append("fact", bytes(600)) for _ in range(2)]
        blocked = pool.submit(journal.append, "fact", b"one too many")
        assert not wait([blocked], timeout=0.05).done
        allowed.set()
        assert [answer.result(60) for answer in waiting] == [2, 3]
        assert blocked.result(60).result(60) == 4


@pytest.mark.parametrize("wrong", [{"segment_bytes": 0}, {"remember": -1}])
def test_sizes_that_make_no_sense_are_refused(tmp_path, wrong):
    with pytest.raises(ConfigError, match="segment_bytes >= 1 and remember >= 0"):
        Journal(tmp_path, **wrong)


def test_a_record_of_the_wrong_kind_is_refused_before_anything_is_written(tmp_path):
    with Journal(tmp_path) as journal:
        with pytest.raises(DataError, match="body: bytes"):
            journal.append_many([("fact", b"fine"), ("fact", "text")])
        assert journal.append_many([]).result() == []
        assert positions(journal) == []


def test_what_waits_is_synced_together(tmp_path, monkeypatch):
    """A disk of 5 ms a sync would need 100 seconds for 20,000 records one by one; here a few syncs carry them all."""
    synced = []

    def slow(fd):
        synced.append(fd)
        time.sleep(0.005)

    monkeypatch.setattr(module, "sync", slow)
    with Journal(tmp_path) as journal:
        answers = [journal.append("fact", bytes(200), key=f"key-{n}") for n in range(20_000)]
        assert answers[-1].result(timeout=60) == 20_000
    assert len(synced) < 4_000


def test_a_folder_that_cannot_be_opened_is_said_kindly(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StateError, match="cannot be opened"):
        Journal(tmp_path / "file")
    monkeypatch.setattr(os, "pwrite", no_space(0))
    with pytest.raises(StateError, match="No space left"):
        Journal(tmp_path / "new")


def test_an_idle_session_leaves_the_files_as_they_were(tmp_path):
    with Journal(tmp_path) as journal:
        journal.append("fact", b"x", key="a").result()
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.seg")}
    with Journal(tmp_path) as journal:
        assert journal.append("fact", b"x", key="a").result() == 1
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.seg")} == before
