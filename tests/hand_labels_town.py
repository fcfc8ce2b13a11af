"""A town of comments that people label, for tests of systems whose labels come from a labelling project."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import hindcast as hc
from hindcast.assemble import Assembly
from hindcast.clock import ReplayClock
from hindcast.facts import hand_labels
from hindcast.labelling import Item, Project
from hindcast.labelling.book import Book
from hindcast.labelling.log import EventLog
from hindcast.system import System
from hindcast.values import DAY_US, iso, moment_us

START = moment_us("2024-01-01")
HOUR_US = DAY_US // 24


def comments(n: int = 240, seed: int = 0) -> dict[str, Any]:
    """A comment every six hours; the more capitals, the likelier it is spam."""
    random = np.random.default_rng(seed)
    return {
        "comment": [f"c{i}" for i in range(n)],
        "posted": [iso(START + i * 6 * HOUR_US) for i in range(n)],
        "capitals": random.random(n).round(3),
        "length": random.integers(5, 200, n).astype(float),
    }


def truth_of(rows: dict[str, Any], seed: int = 1) -> list[str]:
    noise = np.random.default_rng(seed).normal(0, 0.15, len(rows["comment"]))
    return ["spam" if capitals > 0.6 else "ham" for capitals in rows["capitals"] + noise]


def spam_system(folder: Path | str = "labels/spam", rows: dict[str, Any] | None = None, **changes: Any) -> System:
    source = hc.frame(comments() if rows is None else rows, zone="UTC")
    asked = hc.Table("comments", source, key="comment", event_time="posted", known="event")
    labels = hand_labels("labels", folder, item="comment")
    declared: dict[str, Any] = {
        "name": "spam",
        "goal": hc.Goal("hide", hit=1, false_alarm=-1),
        "predict": hc.Binary(
            asked, as_of=hc.after("posted", "1h"), label=hc.outcome(labels, "label == 'spam'", on="comment"),
            maturity="2d",
        ),
        "features": [hc.request("capitals", "length")],
        "models": [hc.logistic()],
        "training": hc.Training(validation="16d", min_rows=20),
    }  # fmt: skip
    return System(**{**declared, **changes})


@dataclass
class Labelling:
    """A project on a clock of its own, written without waiting for the disk."""

    folder: Path
    clock: ReplayClock
    project: Project

    @staticmethod
    def create(folder: Path, *, overlap: int = 1, classes: tuple[str, ...] = ("ham", "spam")) -> Labelling:
        clock = ReplayClock(START)
        Project.create(folder, name="spam", classes=classes, overlap=overlap, clock=clock).close()
        project = Project(Book(folder, EventLog(folder, clock=clock, sync=False)))
        for name in ("Ann", "Bo"):
            project.add_annotator(name)
        project.add_annotator("Jo", role="adjudicator")
        return Labelling(folder, clock, project)

    def at(self, moment_us: int) -> Labelling:
        self.clock.advance(max(moment_us, self.clock.now_us()))
        return self

    def say(self, item: str, label: str, who: str = "Ann") -> None:
        self.project.answer(who, item, label, key=f"{who} {item} {label} {self.clock.now_us()}")


def labelled_town(folder: Path, rows: dict[str, Any] | None = None, until: int | None = None) -> Labelling:
    """All comments as items, each labelled a day after it was posted."""
    rows = comments() if rows is None else rows
    found = Labelling.create(folder)
    found.project.add_items([Item(name, name) for name in rows["comment"]])
    for name, posted, label in list(zip(rows["comment"], rows["posted"], truth_of(rows), strict=True))[:until]:
        found.at(moment_us(posted) + DAY_US).say(name, label)
    return found


def opened(
    folder: Path, now: str = "2024-03-05", system: Callable[..., System] = spam_system, **changes: Any
) -> Assembly:
    return hc.open_system(system(folder / "project", **changes), folder / "home", clock=ReplayClock(moment_us(now)))
