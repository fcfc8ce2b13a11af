"""The rooms of the benchmarks, and the jobs in them.

A room is a folder beside this one with an ``__init__.py``; a job is a file in it that declares ``JOB = ...``, and is
named after the file: ``features/asof_known.py`` is the job `asof-known`. Its lines go to ``results/<room>.jsonl``, its
figures into the room's README. ``OWN`` in the room's ``__init__`` says what the environment of a peer holds whose
requirements fight with the others'.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from pathlib import Path

from harness.job import Job

HERE = Path(__file__).resolve().parent.parent
_DECLARES = re.compile(r"^JOB\b.*=", re.MULTILINE)


@cache
def rooms() -> dict[str, tuple[str, ...]]:
    """The names of the jobs of each room, both in alphabetical order."""
    found = {}
    for folder in sorted(place.parent for place in HERE.glob("*/__init__.py")):
        files = [file for file in sorted(folder.glob("*.py")) if _DECLARES.search(file.read_text(encoding="utf-8"))]
        if files and folder.name != "harness":
            found[folder.name] = tuple(file.stem.replace("_", "-") for file in files)
    return found


def room_of(job: str) -> str:
    """The room that a job stands in."""
    return next(room for room, names in rooms().items() if job in names)


def names() -> list[str]:
    """All jobs, room by room."""
    return [name for jobs in rooms().values() for name in jobs]


def job_named(name: str) -> Job:
    """The job that a file of a room declares."""
    job: Job = import_module(f"{room_of(name)}.{name.replace('-', '_')}").JOB
    return job


def own_environments() -> dict[str, list[str]]:
    """What is installed for each peer that has an environment of its own."""
    return {peer: needs for room in rooms() for peer, needs in getattr(import_module(room), "OWN", {}).items()}
