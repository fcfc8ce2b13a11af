"""Where annotators differ or doubt, in the order in which somebody should decide."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hindcast.errors import ConfigError
from hindcast.labelling.answering import check_comment
from hindcast.labelling.book import Book, check_key
from hindcast.labelling.events import Event
from hindcast.labelling.item_state import ItemState, Judgement
from hindcast.labelling.log import Draft
from hindcast.labelling.tasks import Annotator, Item
from hindcast.parameters import choice

__all__ = ["Dispute", "adjudicate", "adjudication_queue", "disagreements", "waiting"]


@dataclass(frozen=True, slots=True)
class Dispute:
    """An item that somebody should look at.

    Parameters
    ----------
    item : Item
    score : float
        How urgent: the share of votes against the most frequent label, plus the share of annotators who are unsure
        or skipped, plus how doubtful it is to whoever enqueued it (0 to 1).
    reasons : tuple of str
        In words.
    judgements : tuple of Judgement
        What everybody says now.
    label : str or None
        What was decided before, if it is doubted since.
    """

    item: Item
    score: float
    reasons: tuple[str, ...]
    judgements: tuple[Judgement, ...]
    label: str | None = None


def disagreements(book: Book) -> list[Dispute]:
    """Items whose annotators gave different labels, the most divided first; undecided and decided, done or not."""
    with book.lock:
        found = [_dispute(book, book.state.items[item]) for item in book.state.contested]
        return _ranked(
            one for one in found if len({said.label for said in one.judgements if said.label is not None}) > 1
        )


def adjudication_queue(book: Book) -> list[Dispute]:
    """What waits for an adjudicator, the most urgent first.

    Items that nobody need be asked about any more and on which annotators differ, are unsure, or somebody casts doubt;
    and items that every active annotator skipped or answered while answers are still missing. What was decided is not
    among them, unless it is doubted since.
    """
    with book.lock:
        return _ranked(_dispute(book, book.state.items[item]) for item in waiting(book))


def waiting(book: Book) -> list[str]:
    """The items of :func:`adjudication_queue`, in no order."""
    with book.lock:
        state = book.state
        active = {one.name for one in state.annotators.values() if one.active and not one.imported}
        stuck = [item for item in state.skipped if active and active <= state.items[item].speakers()]
        asked = [
            item
            for item in state.contested
            if state.items[item].done and (state.items[item].verdict is None or state.items[item].suspects)
        ]
        return list(dict.fromkeys([*asked, *stuck]))


def adjudicate(book: Book, who: Annotator | str, item_id: str, label: str | None, comment: str, key: str) -> Event:
    """See :meth:`hindcast.labelling.Project.adjudicate`."""
    if label is not None:
        choice("class", label, book.settings.classes)
    check_comment(comment)
    with book.lock:
        judge, state = book.annotator(who), book.item(item_id)
        if judge.role != "adjudicator":
            raise ConfigError(
                f"{judge.name!r} labels but does not adjudicate. Add them with role='adjudicator' and renew=True."
            )
        whole = check_key(judge.name, key)
        again = book.again(whole, "adjudicated", item_id, {"label": label, "comment": comment})
        if again is not None:
            return again
        body = {"label": label, "comment": comment, "guideline": book.version}
        (event,) = book.log.append([Draft("adjudicated", judge.name, state.item.id, body, whole)])
        return event


def _ranked(disputes: Iterable[Dispute]) -> list[Dispute]:
    return sorted(disputes, key=lambda one: (-one.score, one.item.id))


def _dispute(book: Book, state: ItemState) -> Dispute:
    said = state.standing()
    votes: dict[str, int] = {}
    for one in said:
        if one.label is not None:
            votes[one.label] = votes.get(one.label, 0) + 1
    total = sum(votes.values())
    against = 1 - max(votes.values()) / total if total else 0.0
    torn = [one.annotator for one in said if one.action == "unsure"]
    skips = [one.annotator for one in said if one.action == "skip"]
    reasons = []
    if len(votes) > 1:
        ordered = sorted(votes.items(), key=lambda vote: (-vote[1], vote[0]))
        reasons.append("answers differ: " + ", ".join(f"{label} {count}" for label, count in ordered))
    reasons += [f"unsure: {', '.join(torn)}"] if torn else []
    reasons += [f"skipped by {', '.join(skips)}"] if skips else []
    reasons += state.suspects
    doubt = min(max(state.doubt, 0.0), 1.0) if state.suspects else 0.0
    score = against + (len(torn) + len(skips)) / max(len(said), 1) + doubt
    before = None if state.verdict is None else state.verdict.label
    return Dispute(book.visible(state.item), score, tuple(reasons), tuple(said), before)
