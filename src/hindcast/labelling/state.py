"""What a labelling project knows: a pure fold over its events. The same events are the same state, to the byte."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hindcast.errors import StateError
from hindcast.labelling.events import Event
from hindcast.labelling.tasks import Action, Annotator, Item, ItemKind
from hindcast.values import canonical

__all__ = ["ItemState", "Judgement", "Lease", "Settings", "State", "Verdict", "fold"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What a project was made with; see :meth:`hindcast.labelling.Project.create`."""

    name: str
    kind: ItemKind
    classes: tuple[str, ...]
    question: str
    instructions: str
    overlap: int
    seed: int
    lease_us: int
    gold_every: int


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
    """An item kept for an annotator until a moment; `again` when it came back by an undo."""

    until_us: int
    guideline: int
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

    ``judged`` holds for each annotator the judgements that stand, oldest first; the last one is what they say now.
    ``need`` is how many answers are asked for; ``suspects`` are reasons to doubt it since it was done.
    """

    item: Item
    position: int
    at_us: int
    priority: float
    need: int
    reasons: list[str]
    judged: dict[str, list[Judgement]] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)
    shown: set[str] = field(default_factory=set)
    verdict: Verdict | None = None
    suspects: list[str] = field(default_factory=list)
    doubt: float = 0.0
    events: list[int] = field(default_factory=list)

    def standing(self) -> list[Judgement]:
        """What each annotator says now, in the order in which they took their places."""
        if not self.judged:
            return []
        return [stack[-1] for stack in sorted(self.judged.values(), key=_place)]

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

    def places(self, annotator: str, now_us: int) -> int:
        """How many places are free for `annotator` at `now_us`: neither taken nor kept for somebody else."""
        taken = {judgement.annotator for judgement in self.counted()}
        taken |= {name for name, lease in self.leases.items() if lease.until_us > now_us and name not in self.judged}
        return self.need - len(taken - {annotator})


def _place(stack: list[Judgement]) -> int:
    return next((judgement.position for judgement in stack if judgement.action != "skip"), stack[0].position)


class State:
    """Everything that follows from the events so far; changed by :meth:`apply` alone."""

    def __init__(self) -> None:
        self.settings: Settings | None = None
        self.guidelines: list[tuple[str, int]] = []
        """Digest and moment of each version."""
        self.items: dict[str, ItemState] = {}
        self.open: dict[str, None] = {}
        """Items that still want answers, control items aside."""
        self.gold: dict[str, None] = {}
        self.contested: dict[str, None] = {}
        """Items with differing, unsure or doubted answers, decided or not."""
        self.skipped: dict[str, None] = {}
        """Open items that somebody skipped."""
        self.annotators: dict[str, Annotator] = {}
        self.tokens: dict[str, str] = {}
        """Annotator by the hash of the token."""
        self.trail: dict[str, list[tuple[str, int]]] = {}
        """Of each annotator, the items and positions of the judgements that stand, oldest first."""
        self.held: dict[str, dict[str, None]] = {}
        """Of each annotator, the items kept for them, oldest first."""
        self.refused: list[dict[str, Any]] = []
        self.keys: dict[str, int] = {}
        self.last = 0
        self.at_us = 0

    # ---- reading ----------------------------------------------------------------------------------------

    def seen(self, annotator: str, item: str) -> bool:
        """Whether a judgement of this annotator on this item stands."""
        return annotator in self.items[item].judged

    def judged_items(self, annotator: str) -> set[str]:
        """The items on which a judgement of this annotator stands."""
        return {item for item, _ in self.trail.get(annotator, ())}

    def describe(self) -> dict[str, Any]:
        """All of it as plain values, in a canonical order."""
        return {
            "settings": self.settings,
            "guidelines": self.guidelines,
            "items": [_described(item) for item in self.items.values()],
            "open": list(self.open),
            "contested": sorted(self.contested),
            "skipped": sorted(self.skipped),
            "annotators": self.annotators,
            "tokens": self.tokens,
            "trail": self.trail,
            "held": {name: list(items) for name, items in self.held.items()},
            "refused": self.refused,
            "keys": self.keys,
            "last": self.last,
            "at": self.at_us,
        }

    def canonical(self) -> bytes:
        """The state's one written form."""
        return canonical(self.describe())

    # ---- folding ----------------------------------------------------------------------------------------

    def apply(self, event: Event, key: str | None = None) -> None:
        """Take the next event in.

        Raises
        ------
        StateError
            For an event of a kind that this version does not know, or one that makes no sense where it stands.
        """
        step = _STEPS.get(event.kind)
        if step is None:
            raise StateError(f"labelling event {event.position} is of unknown kind {event.kind!r}. Upgrade hindcast.")
        try:
            step(self, event)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise StateError(
                f"labelling event {event.position} ({event.kind}) makes no sense here: {error!r}. Restore the project "
                "from a backup."
            ) from None
        self.last, self.at_us = event.position, event.at_us
        if key is not None:
            self.keys[key] = event.position
        if event.item is not None and event.item in self.items:
            self.items[event.item].events.append(event.position)
            self._sort(event.item)

    def _sort(self, item: str) -> None:
        """Put an item where it belongs after something happened to it."""
        state = self.items[item]
        if state.item.gold is not None:
            return
        done = state.done
        _member(self.open, item, not done)
        standing = state.standing()
        _member(self.skipped, item, not done and any(one.action == "skip" for one in standing))
        labels = {one.label for one in standing if one.label is not None}
        unsure = any(one.action == "unsure" for one in standing)
        _member(self.contested, item, len(labels) > 1 or unsure or bool(state.suspects))

    def _created(self, event: Event) -> None:
        body = dict(event.body)
        self.settings = Settings(**{**body, "classes": tuple(body["classes"])})

    def _guideline(self, event: Event) -> None:
        self.guidelines.append((event.body["digest"], event.at_us))

    def _item(self, event: Event) -> None:
        body = event.body
        if self.settings is None or event.item is None or event.item in self.items:
            raise ValueError(f"item {event.item!r} is there already, or comes before the project")
        item = Item(event.item, body["content"], body.get("meta", {}), body.get("gold"))
        self.items[item.id] = ItemState(
            item, event.position, event.at_us, body["priority"], self.settings.overlap, [body["reason"]]
        )
        if item.gold is not None:
            self.gold[item.id] = None

    def _refused(self, event: Event) -> None:
        self.refused.extend({**row, "at_us": event.at_us} for row in event.body["rows"])

    def _annotator(self, event: Event) -> None:
        name, body = _who(event), event.body
        self._forget_token(name)
        self.annotators[name] = Annotator(name, body["role"], True, body.get("imported", False))
        if "token" in body:
            self.tokens[body["token"]] = name
        self.trail.setdefault(name, [])
        self.held.setdefault(name, {})

    def _revoked(self, event: Event) -> None:
        name = _who(event)
        self._forget_token(name)
        self.annotators[name] = replace(self.annotators[name], active=False)
        for item in list(self.held[name]):
            self._let_go(name, item)

    def _enqueued(self, event: Event) -> None:
        body = event.body
        for item in body["items"]:
            state = self.items[item]
            if state.done:
                state.suspects.append(body["reason"])
                state.doubt = body["priority"]
            state.priority = body["priority"]
            state.reasons.append(body["reason"])
            if body.get("answers") is not None:
                state.need = max(state.need, body["answers"])
            state.events.append(event.position)
            self._sort(item)

    def _shown(self, event: Event) -> None:
        self._keep(_who(event), str(event.item), event, again=event.body.get("again", False))

    def _keep(self, name: str, item: str, event: Event, *, again: bool) -> None:
        for other in list(self.held[name]):
            if self.items[other].leases[name].until_us <= event.at_us:
                self._let_go(name, other)
        self.held[name].pop(item, None)
        self.held[name][item] = None
        self.items[item].leases[name] = Lease(event.body["until"], event.body["guideline"], again)
        self.items[item].shown.add(name)

    def _let_go(self, name: str, item: str) -> None:
        self.held[name].pop(item, None)
        self.items[item].leases.pop(name, None)

    def _answer(self, event: Event) -> None:
        name, body, item = _who(event), event.body, str(event.item)
        judgement = Judgement(
            event.position, event.at_us, name, item, body["action"], body["label"], body["comment"], body["seconds"],
            body["guideline"], body.get("imported", False), body.get("made"),
        )  # fmt: skip
        state = self.items[item]
        state.judged.setdefault(name, []).append(judgement)
        state.shown.add(name)
        self.trail[name].append((item, event.position))
        self._let_go(name, item)

    def _undone(self, event: Event) -> None:
        name, item, place = _who(event), str(event.item), event.body["position"]
        stack = self.items[item].judged[name]
        kept = [judgement for judgement in stack if judgement.position != place]
        if len(kept) == len(stack):
            raise ValueError(f"there is no judgement {place} to undo")
        if kept:
            self.items[item].judged[name] = kept
        else:
            del self.items[item].judged[name]
        self.trail[name].remove((item, place))
        self._keep(name, item, event, again=True)

    def _adjudicated(self, event: Event) -> None:
        body, state = event.body, self.items[str(event.item)]
        state.verdict = Verdict(
            event.position, event.at_us, _who(event), body["label"], body["comment"], body["guideline"]
        )
        state.suspects, state.doubt = [], 0.0
        for name in list(state.leases):
            self._let_go(name, state.item.id)

    def _forget_token(self, name: str) -> None:
        self.tokens = {token: whose for token, whose in self.tokens.items() if whose != name}


def fold(events: Iterable[tuple[Event, str | None]]) -> State:
    """The state after these events, each with its key."""
    state = State()
    for event, key in events:
        state.apply(event, key)
    return state


_STEPS = {
    "created": State._created,
    "guideline": State._guideline,
    "item": State._item,
    "refused": State._refused,
    "annotator": State._annotator,
    "revoked": State._revoked,
    "enqueued": State._enqueued,
    "shown": State._shown,
    "answer": State._answer,
    "undone": State._undone,
    "adjudicated": State._adjudicated,
}


def _who(event: Event) -> str:
    if event.who is None:
        raise ValueError("nobody did it")
    return event.who


def _member(group: dict[str, None], item: str, belongs: bool) -> None:
    if belongs:
        group.setdefault(item, None)
    else:
        group.pop(item, None)


def _described(state: ItemState) -> Mapping[str, Any]:
    return {
        "item": state.item,
        "at": [state.position, state.at_us],
        "priority": state.priority,
        "need": state.need,
        "reasons": state.reasons,
        "judged": state.judged,
        "leases": state.leases,
        "shown": sorted(state.shown),
        "verdict": state.verdict,
        "suspects": state.suspects,
        "doubt": state.doubt,
        "events": state.events,
    }
