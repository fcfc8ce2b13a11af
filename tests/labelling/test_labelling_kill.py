"""Real processes: killed while people label, torn tails, two writers, readers beside them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from itertools import pairwise

import pytest
from labelling_aids import MINUTE, fresh_key, make, say, unsynced

from hindcast.clock import ReplayClock
from hindcast.errors import StateError
from hindcast.journal import Journal, Reader
from hindcast.labelling import Item, Project

LABELLING = """
import os, sys, threading
from hindcast.labelling import Project

project = Project.open(sys.argv[1])
def work(name):
    while task := project.next(name):
        os.write(1, f"shown {name} {task.item.id}\\n".encode())
        event = project.answer(name, task.item.id, "spam", key=f"{name}-{task.item.id}")
        os.write(1, f"said {name} {task.item.id} {event.position}\\n".encode())
        if event.position % 7 == 0:
            item = project.undo(name, key=f"undo-{event.position}")
            os.write(1, f"undone {name} {item} {event.position}\\n".encode())
            project.answer(name, item, "ham", key=f"{name}-{item}-{event.position}")
            os.write(1, f"said {name} {item} 0\\n".encode())
for name in ("Ann", "Bo", "Cy"):
    threading.Thread(target=work, args=(name,)).start()
"""


@pytest.mark.slow
@pytest.mark.service
def test_after_kill_9_all_that_was_acknowledged_is_there_and_people_go_on(tmp_path):
    with make(tmp_path / "p", items=300, people=("Ann", "Bo", "Cy"), overlap=2, clock=None):
        pass
    said: set[tuple[str, str]] = set()  # who answered which item, as acknowledged
    last: dict[str, list[str]] = {}  # what each annotator heard last, if anything yet
    for lines in (25, 60, 90):
        command = [sys.executable, "-c", LABELLING, str(tmp_path / "p")]
        # a narrow pipe: however late the kill comes, work is left
        with subprocess.Popen(command, stdout=subprocess.PIPE, pipesize=4096) as child:
            assert child.stdout is not None
            found = [child.stdout.readline() for _ in range(lines)]
            os.kill(child.pid, signal.SIGKILL)
            found += child.stdout.readlines()
        assert child.returncode == -signal.SIGKILL
        for what, who, item, *position in (line.decode().split() for line in found if line.endswith(b"\n")):
            last[who] = [what, who, item, *position]
            if what == "said":
                said.add((who, item))
            elif what == "undone":
                said.discard((who, item))
        for what, who, item, *position in last.values():
            if what == "said" and position != ["0"] and int(position[0]) % 7 == 0:
                said.discard((who, item))  # killed in the undo: kept perhaps, acknowledged never
        with Project.open(tmp_path / "p") as project:
            state = project._book.state
            for who, item in said:
                assert who in state.items[item].speakers(), f"{who}'s answer on {item} is lost"
            for who, line in last.items():
                if line[0] == "shown" and who not in state.items[line[2]].speakers():
                    assert project.next(who).item.id == line[2], "another item after the crash"
            assert all(len(one.counted()) <= 2 for one in state.items.values())
            events = [event.position for event in project._book.log.events()]
            assert events == list(range(1, len(events) + 1))
            times = [event.at_us for event in project._book.log.events()]
            assert all(a < b for a, b in pairwise(times))


def test_a_torn_tail_loses_nothing_that_was_acknowledged(tmp_path):
    with make(tmp_path / "p") as project:
        say(project, "Ann", "i0", "spam")
        before = project.canonical()
    (path,) = (tmp_path / "p" / "journal").glob("*.seg")
    with path.open("ab") as file:
        file.write(b"half a fra")
    with Project.open(tmp_path / "p", writing=False) as reader:
        assert reader.canonical() == before
    with Project.open(tmp_path / "p") as project:
        assert project.canonical() == before
        say(project, "Bo", "i0", "spam")


@pytest.mark.service
def test_a_second_writer_is_refused_and_readers_are_not(tmp_path):
    code = "import sys; from hindcast.labelling import Project; Project.open(sys.argv[1])"
    with make(tmp_path / "p") as project:
        with pytest.raises(StateError, match=f"process {os.getpid()} .labelling"):
            Project.open(tmp_path / "p")
        other = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "p")], capture_output=True, text=True, check=False
        )
        assert other.returncode == 1
        assert "another process writes to" in other.stderr
        with Project.open(tmp_path / "p", writing=False) as reader:
            assert reader.canonical() == project.canonical()
            say(project, "Ann", "i0")
            assert reader.progress().answers == 0
            assert reader.refresh() == 1
            assert reader.refresh() == 0
            assert reader.canonical() == project.canonical()
            assert len(reader.lineage("i0").steps) == 2
            with pytest.raises(StateError, match="opened for reading"):
                say(reader, "Bo", "i0")
    with Project.open(tmp_path / "p"):
        pass


def test_many_threads_at_once(tmp_path):
    """Ten people on one open project: every item gets its answers, none too many, nobody twice."""
    people = [f"person {n}" for n in range(10)]
    with make(tmp_path / "p", items=30, people=people, overlap=3):
        pass
    with unsynced(tmp_path / "p", ReplayClock(MINUTE)) as project:
        wrong: list[BaseException] = []

        def work(name: str) -> None:
            try:
                while task := project.next(name):
                    project.answer(name, task.item.id, "spam", key=fresh_key())
                    project.progress()
            except BaseException as error:
                wrong.append(error)

        threads = [threading.Thread(target=work, args=(name,)) for name in people]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong
        assert all(len(one.speakers()) == len(one.said) == 3 for one in project._book.state.items.values())
        before = project.canonical()
    with unsynced(tmp_path / "p", ReplayClock(MINUTE)) as project:
        assert project.canonical() == before


def test_the_same_events_are_the_same_project_to_the_byte(tmp_path):
    """However they are grouped and read: folded as they came, all at once, or from another journal's segments."""
    with make(tmp_path / "p", items=4) as project:
        project.add_items([Item("bad", 3)])  # refused
        for n, (who, label) in enumerate([("Ann", "spam"), ("Bo", "ham"), ("Ann", None), ("Bo", "spam")]):
            item = project.next(who).item.id
            project.answer(who, item, label, action="label" if label else "skip", key=f"k{n}")
        project.undo("Bo")
        project.set_guideline("# Another")
        project.enqueue(["i1", "i2"], reason="near the boundary", priority=1)
        live = project.canonical()
    shutil.copytree(tmp_path / "p", tmp_path / "q", ignore=shutil.ignore_patterns("journal"))
    with Journal(tmp_path / "q" / "journal", segment_bytes=300, sync=False) as copy:
        for entry in Reader(tmp_path / "p" / "journal").entries():
            copy.append(entry.kind, entry.body, key=entry.key).result()
    for folder in ("p", "q"):
        for writing in (True, False):
            with Project.open(tmp_path / folder, writing=writing) as project:
                assert project.canonical() == live


def test_a_project_is_made_whole_or_not_at_all(tmp_path, monkeypatch):
    from hindcast.labelling import creation

    def fails(*_):
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(creation.os, "rename", fails)
        with pytest.raises(OSError, match="no space"):
            make(tmp_path / "p")
    assert list(tmp_path.iterdir()) == []
    with make(tmp_path / "p"):
        pass
