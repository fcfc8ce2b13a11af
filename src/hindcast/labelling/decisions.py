"""The label of each item: what was decided, or what its answers say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hindcast.labelling.book import Book
from hindcast.labelling.item_state import ItemState
from hindcast.parameters import choice, switch

__all__ = ["Decision", "Labels", "labels", "settled", "voted"]


@dataclass(frozen=True, slots=True)
class Decision:
    """The label of one item, and how it came about.

    Parameters
    ----------
    item : str
    label : str or None
        None when an adjudicator decided that it has none, or when the vote is tied.
    probability : float
        Of the label: 1 if decided, the share of the votes, or what the method believes. NaN without a label.
    how : str
        ``"adjudicated"``, ``"gold"`` (a control item), or the method.
    decided_us : int
        When it was known: the moment of the decision; of a vote, that of the last answer in it; of a method that
        learns from all answers, that of the project's last answer.
    annotators : tuple of str
        Whose answers are in it; of an adjudication, who decided.
    answers : int
        How many answers count.
    guideline : int
        The latest version of the guideline among them.
    """

    item: str
    label: str | None
    probability: float
    how: str
    decided_us: int
    annotators: tuple[str, ...]
    answers: int
    guideline: int


@dataclass(frozen=True, slots=True)
class Labels:
    """Decisions on items, in the order the items came, and what to know before trusting them.

    Parameters
    ----------
    decisions : tuple of Decision
    method : str
        For what nobody adjudicated.
    notes : tuple of str
    """

    decisions: tuple[Decision, ...]
    method: str
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Decision]:
        return iter(self.decisions)

    def __len__(self) -> int:
        return len(self.decisions)

    def __getitem__(self, place: int) -> Decision:
        return self.decisions[place]


def labels(book: Book, method: str, *, unfinished: bool) -> Labels:
    """See :meth:`hindcast.labelling.Project.labels`."""
    from hindcast.crowd.truth import TRUTH_METHODS, infer_truth

    switch("unfinished", unfinished)
    chosen = method.removeprefix("adjudicated-else-") if isinstance(method, str) else method
    choice("method", chosen, TRUTH_METHODS)
    with book.lock:
        state = book.state
        fixed = {item: settled(one) for item, one in state.items.items()}
        known = book.known()
        asked = {item for item, one in state.items.items() if fixed[item] is None and (unfinished or one.done)}
        found = {item: voted(state.items[item]) for item in asked}
        answers = book.answers()
        settings = book.settings
        last_us = max((one.at_us for item in state.items.values() for one in item.counted()), default=0)
    notes: list[str] = []
    tied = sum(one is not None and one.label is None for one in found.values())
    if chosen == "majority" and tied:
        notes.append(f"{tied} items have no label: their votes are tied.")
    if chosen != "majority" and any(one is not None for one in found.values()):
        truth = infer_truth(answers, chosen, known={name: known[name] for name in answers.items if name in known})
        notes += truth.notes
        places = {name: place for place, name in enumerate(truth.items)}
        for item, vote in found.items():
            if vote is not None:
                place = places[item]
                code = int(truth.label[place])
                found[item] = Decision(
                    item,
                    truth.classes[code],
                    float(truth.probability[place, code]),
                    chosen,
                    last_us,
                    vote.annotators,
                    vote.answers,
                    vote.guideline,
                )
    both = ((fixed[item] or found.get(item)) for item in fixed)
    decided = tuple(one for one in both if one is not None)
    left = len(fixed) - len(decided)
    if left:
        notes.append(f"{left} of {len(fixed)} items of {settings.name!r} have no answers that make a label yet.")
    return Labels(decided, chosen, tuple(notes))


def voted(state: ItemState) -> Decision | None:
    """What an item's own answers say; None without a label among them. A tie has no label."""
    said = [one for one in state.counted() if one.label is not None]
    if not said:
        return None
    votes = state.votes()
    most = max(votes.values())
    first = [label for label, count in votes.items() if count == most]
    tied = len(first) > 1
    return Decision(
        state.item.id,
        None if tied else first[0],
        float("nan") if tied else most / len(said),
        "majority",
        max(one.at_us for one in said),
        tuple(one.annotator for one in said),
        len(said),
        max(one.guideline for one in said),
    )


def settled(state: ItemState) -> Decision | None:
    """What needs no inference: an adjudicator's decision, or a known answer."""
    verdict, answers = state.verdict, len([one for one in state.counted() if one.label is not None])
    if verdict is not None:
        share = float("nan") if verdict.label is None else 1.0
        return Decision(
            state.item.id, verdict.label, share, "adjudicated", verdict.at_us, (verdict.who,), answers,
            verdict.guideline,
        )  # fmt: skip
    if state.item.gold is not None:
        return Decision(state.item.id, state.item.gold, 1.0, "gold", state.at_us, (), answers, 0)
    return None
