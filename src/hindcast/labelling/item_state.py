"""What is known of one item: who said what of it, for whom it is kept, what was decided."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from hindcast.labelling.tasks import Action, Item

__all__ = ["NOTHING", "ItemState", "Judgement", "Lease", "Verdict"]

NOTHING: Mapping[str, Any] = MappingProxyType({})
"""What all items share that have none of something; a million empty dictionaries would be 64 MB."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one annotator said about one item: an answer, a skip, or being unsure (with or without a label).

    ``at_us`` is when the project learnt it; ``made_us`` when it was made, if that was elsewhere and earlier.
    """

    position: int
    at_us: int
    annotator: str
    item: str
    action: Action
    label: str | None
    comment: str
    seconds: float | None
    guideline: int
    imported: bool = False
    made_us: int | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """An item kept for an annotator until a moment.

    ``since`` is the event from which on it has been kept without a break; ``again`` says that it came back by an undo:
    then it is theirs to mend until they answer it.
    """

    until_us: int
    guideline: int
    since: int
    again: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an adjudicator decided; no label means that the item has none."""

    position: int
    at_us: int
    who: str
    label: str | None
    comment: str
    guideline: int


@dataclass(slots=True)
class ItemState:
    """An item and what happened to it.

    Values that are replaced, never changed in place: what is empty is shared by all items.

    Parameters
    ----------
    item, position, at_us : Item, int, int
        The event that added it.
    need : int
        How many answers are asked for.
    reasons : tuple of str
        Why it is to be labelled.
    said : tuple of Judgement
        What stands, oldest first; the last one of an annotator is what they say now.
    leases : mapping of str to Lease
        For whom it is kept.
    lapsed : tuple of str
        To whom it was shown who neither said anything nor have it kept.
    suspects, doubt : tuple of str, float
        Reasons to doubt it since it was done, and how much.
    events : array of int
        Where in the journal something happened to it.
    """

    item: Item
    position: int
    at_us: int
    priority: float
    need: int
    reasons: tuple[str, ...]
    said: tuple[Judgement, ...] = ()
    leases: Mapping[str, Lease] = field(default_factory=lambda: NOTHING)
    lapsed: tuple[str, ...] = ()
    verdict: Verdict | None = None
    suspects: tuple[str, ...] = ()
    doubt: float = 0.0
    events: array[int] = field(default_factory=lambda: array("q"))

    def speakers(self) -> set[str]:
        """Of whom a judgement stands."""
        return {one.annotator for one in self.said}

    def standing(self) -> list[Judgement]:
        """What each annotator says now, in the order in which they took places: by the first that is no skip."""
        last = {one.annotator: one for one in self.said}
        if len(last) == len(self.said):
            return list(self.said)
        place: dict[str, int] = {}
        for one in self.said:
            if one.action != "skip":
                place.setdefault(one.annotator, one.position)
        for one in self.said:
            place.setdefault(one.annotator, one.position)
        return sorted(last.values(), key=lambda one: place[one.annotator])

    def counted(self) -> list[Judgement]:
        """The judgements that count: the first `need`, skips aside; imported ones and those on gold count all."""
        found: list[Judgement] = []
        for judgement in self.standing():
            if judgement.action == "skip":
                continue
            if judgement.imported or self.item.gold is not None or len(found) < self.need:
                found.append(judgement)
        return found

    def votes(self) -> dict[str, int]:
        """How many counted judgements are for each label, in the order of their first one."""
        votes: dict[str, int] = {}
        for judgement in self.counted():
            if judgement.label is not None:
                votes[judgement.label] = votes.get(judgement.label, 0) + 1
        return votes

    @property
    def done(self) -> bool:
        """Whether nobody need be asked any more."""
        return self.verdict is not None or len(self.counted()) >= self.need

    def full(self, annotator: str, now_us: int) -> bool:
        """Whether others have all the places, by an answer that counts or because the item is kept for them.

        Who has it kept goes before all for whom it was kept later: so what was shown to somebody is taken from them by
        others' answers alone.
        """
        own = self.leases.get(annotator)
        since = own.since if own is not None and own.until_us > now_us else None
        taken = {judgement.annotator for judgement in self.counted()}
        taken |= {
            name
            for name, lease in self.leases.items()
            if lease.until_us > now_us and (since is None or lease.since < since)
        }
        return len(taken - {annotator}) >= self.need
