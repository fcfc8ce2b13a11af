"""How a labelling project comes to be, and how its folder is known."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from secrets import token_hex
from shutil import rmtree

from hindcast.clock import Clock
from hindcast.errors import ConfigError, StateError
from hindcast.journal import make_folder, replace_file, sync_folder
from hindcast.labelling.guideline import keep_guideline
from hindcast.labelling.log import Draft, EventLog
from hindcast.labelling.state import Settings
from hindcast.labelling.tasks import check_kind, check_name
from hindcast.parameters import seed_of, whole
from hindcast.values import Duration, duration_us

__all__ = ["FORMAT", "check_format", "check_settings", "make_project"]

FORMAT = 1
"""The layout of a project's folder that this version writes and reads."""


def check_settings(
    name: str, classes: Sequence[str], kind: str, question: str, instructions: str, overlap: int, lease: Duration,
    gold_every: int, seed: int,
) -> Settings:  # fmt: skip
    """Settings that make sense; ConfigError says which does not."""
    overlap, gold_every = whole("overlap", overlap, least=1), whole("gold_every", gold_every, least=0)
    seed = seed_of(seed)
    lease_us = duration_us(lease, what="lease")
    if lease_us < 1:
        raise ConfigError(f"lease must be longer than nothing, got {lease!r}.")
    if isinstance(classes, str) or not isinstance(classes, Iterable):
        raise ConfigError(f"classes is a list of names, such as ['ham', 'spam'], got {classes!r:.80}.")
    names = tuple(check_name(one, "a class") for one in classes)
    if len(names) < 2 or len(set(names)) < len(names):
        raise ConfigError(f"classes must be at least two different names, got {list(names)}.")
    for what, text in (("question", question), ("instructions", instructions)):
        if not isinstance(text, str):
            raise ConfigError(f"{what} is text, got {text!r}.")
    return Settings(
        check_name(name, "the project's name"), check_kind(kind), names, question, instructions, overlap, seed,
        lease_us, gold_every,
    )  # fmt: skip


def make_project(place: Path, settings: Settings, guideline: str, clock: Clock | None) -> None:
    """Put a new project at `place`, whole or not at all, whenever the machine stops."""
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise ConfigError(f"{place} is not empty; a labelling project needs a folder of its own.")
    make_folder(place.parent)
    draft = place.parent / f".{place.name}.{token_hex(4)}.new"
    try:
        make_folder(draft)
        mark = {"format": FORMAT, "labelling": settings.name}
        replace_file(draft / "project.json", json.dumps(mark).encode() + b"\n")
        log = EventLog(draft, clock=clock)
        try:
            first = keep_guideline(draft / "guidelines", guideline)
            body = {name: getattr(settings, name) for name in Settings.__slots__}
            log.append([Draft("created", body=body, key="created"), Draft("guideline", body={"digest": first})])
        finally:
            log.close()
        os.rename(draft, place)
    except BaseException:
        rmtree(draft, ignore_errors=True)
        raise
    sync_folder(place.parent)


def check_format(folder: Path) -> None:
    """Raise StateError unless `folder` holds a project of a layout that this version knows."""
    mark = folder / "project.json"
    try:
        number = json.loads(mark.read_bytes())["format"]
    except (FileNotFoundError, NotADirectoryError):
        raise StateError(f"no labelling project in {folder}. Check the path, or make one first.") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise StateError(f"{mark} is not readable as a project's mark. Restore it from a backup.") from None
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= FORMAT:
        raise StateError(f"{mark} names format {number!r}; this version knows up to {FORMAT}. Upgrade hindcast.")
