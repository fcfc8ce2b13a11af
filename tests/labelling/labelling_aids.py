"""What the tests of labelling projects share."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path

from hindcast.clock import ReplayClock
from hindcast.labelling import Item, Project
from hindcast.labelling.book import Book
from hindcast.labelling.log import EventLog

MINUTE = 60_000_000
_keys = count()


def fresh_key() -> str:
    return f"key-{next(_keys)}"


def make(folder: Path, *, items: int = 3, people: Sequence[str] = ("Ann", "Bo"), **more) -> Project:
    """A project of texts on a clock that stands still, with annotators."""
    more = {"name": "spam", "classes": ["ham", "spam"], "clock": ReplayClock(1_000), **more}
    project = Project.create(folder, **more)
    project.add_items([Item(f"i{n}", f"text {n}") for n in range(items)])
    for name in people:
        project.add_annotator(name)
    return project


def unsynced(folder: Path, clock: ReplayClock) -> Project:
    """The project in `folder`, opened without waiting for the disk."""
    return Project(Book(folder, EventLog(folder, clock=clock, sync=False)))


def clock_of(project: Project) -> ReplayClock:
    clock = project._book.log.clock
    assert isinstance(clock, ReplayClock)
    return clock


def wait(project: Project, us: int) -> None:
    clock = clock_of(project)
    clock.advance(clock.now_us() + us)


def say(project: Project, who: str, item: str, label: str | None = "spam", **more) -> int:
    return project.answer(who, item, label, key=fresh_key(), **more).position
