"""How far a labelling project is, and who did how much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from hindcast.labelling.adjudication import waiting
from hindcast.labelling.book import Book

__all__ = ["AnnotatorProgress", "Progress", "progress"]


@dataclass(frozen=True, slots=True)
class AnnotatorProgress:
    """What one annotator did: things said that stand, how long one takes (median), when the last one came."""

    labelled: int
    skipped: int
    unsure: int
    seconds: float | None
    last_us: int | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a project is.

    Parameters
    ----------
    items : int
        All but the control items.
    done : int
        Items that nobody need be asked about any more.
    decided : int
        Items an adjudicator decided.
    waiting : int
        Items in the adjudication queue.
    answers : int
        Things said about them that count.
    wanted : int
        Answers still to be given.
    control_items : int
    annotators : mapping of str to AnnotatorProgress
    """

    items: int
    done: int
    decided: int
    waiting: int
    answers: int
    wanted: int
    control_items: int
    annotators: Mapping[str, AnnotatorProgress]

    @property
    def share(self) -> float:
        """The share of the items that are done; 0 without any."""
        return self.done / self.items if self.items else 0.0


def progress(book: Book) -> Progress:
    """See :meth:`hindcast.labelling.Project.progress`."""
    with book.lock:
        state = book.state
        ordinary = [one for one in state.items.values() if one.item.gold is None]
        counts = [len(one.counted()) for one in ordinary]
        people = {}
        for name, trail in state.trail.items():
            said = list({one.item: one for one in trail}.values())
            times = [one.seconds for one in said if one.seconds is not None]
            people[name] = AnnotatorProgress(
                sum(one.action == "label" for one in said),
                sum(one.action == "skip" for one in said),
                sum(one.action == "unsure" for one in said),
                median(times) if times else None,
                max((one.at_us for one in said), default=None),
            )
        return Progress(
            items=len(ordinary),
            done=len(ordinary) - len(state.open),
            decided=sum(one.verdict is not None for one in ordinary),
            waiting=len(waiting(book)),
            answers=sum(counts),
            wanted=sum(max(state.items[item].need - len(state.items[item].counted()), 0) for item in state.open),
            control_items=len(state.gold),
            annotators=people,
        )
