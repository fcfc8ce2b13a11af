"""How a labelling project went over time: what was done when, and whether people agree more or less than they did."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hindcast.labelling.book import Book
from hindcast.labelling.item_state import ItemState, Judgement

__all__ = ["Stretch", "Timeline", "timeline"]

POINTS = 60
MOST_STRETCHES = 8
LEAST_ITEMS = 20


@dataclass(frozen=True, slots=True)
class Stretch:
    """How often two answers to one item were the same, on items that got theirs between two moments.

    Parameters
    ----------
    from_us, to_us : int
        When the first and the last of its items had all their answers.
    items : int
    value, low, high : float
        Percent agreement as a share, with its 95% interval.
    """

    from_us: int
    to_us: int
    items: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """A project over time, by what stands now.

    Parameters
    ----------
    at_us : tuple of int
        Evenly spaced moments from the first answer to the last.
    answers, done : tuple of int
        How many answers that count there were by then, and how many items nobody need be asked about any more;
        control items aside.
    stretches : tuple of Stretch
        Up to eight, of equally many items, at least twenty each, in order. Empty with fewer.
    """

    at_us: tuple[int, ...] = ()
    answers: tuple[int, ...] = ()
    done: tuple[int, ...] = ()
    stretches: tuple[Stretch, ...] = ()


def timeline(book: Book) -> Timeline:
    """See :meth:`hindcast.labelling.Project.timeline`."""
    with book.lock:
        said = [(one, one.counted()) for one in book.state.items.values() if one.item.gold is None]
    given = np.sort(np.array([_when(one) for _, counted in said for one in counted], dtype=np.int64))
    if not len(given):
        return Timeline()
    finished = (_finished(state, counted) for state, counted in said)
    done = np.sort(np.array([at for at in finished if at is not None], dtype=np.int64))
    at = np.linspace(given[0], max(given[-1], *done[-1:]), POINTS).round().astype(np.int64)
    return Timeline(
        tuple(at.tolist()),
        tuple(np.searchsorted(given, at, side="right").tolist()),
        tuple(np.searchsorted(done, at, side="right").tolist()),
        _stretches(book, [labelled for _, counted in said if len(labelled := _labelled(counted)) > 1]),
    )


def _stretches(book: Book, items: list[list[Judgement]]) -> tuple[Stretch, ...]:
    from hindcast.crowd.agreement import percent_agreement
    from hindcast.crowd.answers import Answers

    items = sorted(items, key=lambda said: max(map(_when, said)))
    count = min(MOST_STRETCHES, len(items) // LEAST_ITEMS)
    found = []
    for part in np.array_split(np.arange(len(items)), count) if count else []:
        these = [items[place] for place in part]
        rows = [one for said in these for one in said]
        told = percent_agreement(
            Answers.of(
                [one.item for one in rows],
                [one.annotator for one in rows],
                [one.label for one in rows],
                classes=book.settings.classes,
            )
        )
        ends = max(map(_when, these[0])), max(map(_when, these[-1]))
        found.append(Stretch(*ends, len(these), told.value, told.low, told.high))
    return tuple(found)


def _finished(state: ItemState, counted: list[Judgement]) -> int | None:
    """When an item was done: with the last answer it needed, or by a decision before that."""
    if len(counted) >= state.need:
        return sorted(map(_when, counted))[state.need - 1]
    return None if state.verdict is None else state.verdict.at_us


def _labelled(counted: list[Judgement]) -> list[Judgement]:
    return [one for one in counted if one.label is not None]


def _when(one: Judgement) -> int:
    return one.at_us if one.made_us is None else one.made_us
