"""What a labelling project knows: a pure fold over its events. The same events are the same state, to the byte."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace
from typing import Any, cast

from hindcast.errors import StateError
from hindcast.labelling.events import Event
from hindcast.labelling.item_state import NOTHING, ItemState, Judgement, Lease, Verdict
from hindcast.labelling.tasks import Action, Annotator, Item, ItemKind
from hindcast.values import canonical

__all__ = ["Settings", "State"]


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


class State:
    """Everything that follows from the events so far; changed by :meth:`apply` and :meth:`fold` alone."""

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
        self.trail: dict[str, list[Judgement]] = {}
        """Of each annotator, the judgements that stand, oldest first."""
        self.held: dict[str, dict[str, None]] = {}
        """Of each annotator, the items kept for them, oldest first."""
        self.met: Counter[str] = Counter()
        """Of each annotator, how many open items they have spoken of, and control items if those come among them."""
        self.spoken: Counter[str] = Counter()
        """Of each annotator, of how many items a judgement stands."""
        self.refused: list[dict[str, Any]] = []
        self.last = 0
        self.at_us = 0
        self._words: dict[str, str] = {}
        self._reasons: dict[str, tuple[str]] = {}

    # ---- reading ----------------------------------------------------------------------------------------

    def seen(self, annotator: str, item: str) -> bool:
        """Whether a judgement of this annotator on this item stands."""
        return any(one.annotator == annotator for one in self.items[item].said)

    def describe(self) -> dict[str, Any]:
        """All of it as plain values, in a canonical order."""
        return {
            "settings": self.settings,
            "guidelines": self.guidelines,
            "items": [_described(item) for item in self.items.values()],
            "open": sorted(self.open),
            "contested": sorted(self.contested),
            "skipped": sorted(self.skipped),
            "annotators": self.annotators,
            "tokens": self.tokens,
            "trail": {name: [one.position for one in trail] for name, trail in self.trail.items()},
            "held": {name: list(items) for name, items in self.held.items()},
            "met": {name: count for name, count in self.met.items() if count},
            "refused": self.refused,
            "last": self.last,
            "at": self.at_us,
        }

    def canonical(self) -> bytes:
        """The state's one written form."""
        return canonical(self.describe())

    # ---- folding ----------------------------------------------------------------------------------------

    def apply(self, event: Event) -> None:
        """Take the next event in.

        Raises
        ------
        StateError
            For an event of a kind that this version does not know, or one that makes no sense where it stands.
        """
        item = event.item if event.kind in _MOVING else None
        before = self._met(item)
        self._take(event)
        if item is not None:
            self._sort(item, before)

    def fold(self, events: Iterable[Event]) -> None:
        """Take many events in: as one by one, and faster."""
        for event in events:
            self._take(event)
        self.met.clear()
        for item in self.items:
            self._sort(item, frozenset())

    def _take(self, event: Event) -> None:
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
        if event.item is not None and event.item in self.items:
            self.items[event.item].events.append(event.position)

    def _met(self, item: str | None) -> Set[str]:
        """Who has spoken of an item that is open, or a control item."""
        apart = self.settings is not None and self.settings.gold_every > 0
        if item is None or not (item in self.open or (item in self.gold and not apart)):
            return frozenset()
        return self.items[item].speakers()

    def _sort(self, item: str, before: Set[str]) -> None:
        """Put an item where it belongs after something happened to it; `before` had spoken of it while it was open."""
        state = self.items[item]
        if state.item.gold is None:
            done = state.done
            _member(self.open, item, not done)
            _member(self.skipped, item, not done and any(one.action == "skip" for one in state.standing()))
            _member(self.contested, item, bool(state.suspects) or _divided(state))
        after = self._met(item)
        if before != after:
            self.met.subtract(before)
            self.met.update(after)

    def _word(self, text: str) -> str:
        """The one copy of a word that comes again and again."""
        return self._words.setdefault(text, text)

    def _created(self, event: Event) -> None:
        body = dict(event.body)
        self.settings = Settings(**{**body, "classes": tuple(body["classes"])})

    def _guideline(self, event: Event) -> None:
        self.guidelines.append((event.body["digest"], event.at_us))

    def _item(self, event: Event) -> None:
        body = event.body
        if self.settings is None or event.item is None or event.item in self.items:
            raise ValueError(f"item {event.item!r} is there already, or comes before the project")
        item = Item(event.item, body["content"], body.get("meta", NOTHING), body.get("gold"))
        self.items[item.id] = ItemState(
            item, event.position, event.at_us, body["priority"] or 0.0, self.settings.overlap,
            self._reasons.setdefault(body["reason"], (body["reason"],)),
        )  # fmt: skip
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
            state, before = self.items[item], self._met(item)
            if state.done:
                state.suspects = (*state.suspects, body["reason"])
                state.doubt = body["priority"]
            state.priority = body["priority"]
            state.reasons = (*state.reasons, body["reason"])
            if body.get("answers") is not None:
                state.need = max(state.need, body["answers"])
            state.events.append(event.position)
            self._sort(item, before)

    def _shown(self, event: Event) -> None:
        self._keep(_who(event), str(event.item), event, again=event.body.get("again", False))

    def _keep(self, name: str, item: str, event: Event, *, again: bool) -> None:
        for other in list(self.held[name]):
            lease = self.items[other].leases[name]
            if other != item and not lease.again and lease.until_us <= event.at_us:
                self._let_go(name, other)
        state = self.items[item]
        before = state.leases.get(name)
        unbroken = before is not None and before.until_us > event.at_us
        since = before.since if before is not None and unbroken else event.position
        self.held[name].pop(item, None)
        self.held[name][item] = None
        lease = Lease(event.body["until"], event.body["guideline"], since, again)
        state.leases = {**state.leases, self._word(name): lease}
        state.lapsed = tuple(one for one in state.lapsed if one != name)

    def _let_go(self, name: str, item: str) -> None:
        self.held[name].pop(item, None)
        state = self.items[item]
        if name in state.leases:
            state.leases = {one: lease for one, lease in state.leases.items() if one != name} or NOTHING
            if name not in state.lapsed and not self.seen(name, item):
                state.lapsed = (*state.lapsed, self._word(name))

    def _answer(self, event: Event) -> None:
        name, body = self._word(_who(event)), event.body
        state = self.items[str(event.item)]
        item, label = state.item.id, body["label"]
        judgement = Judgement(
            event.position, event.at_us, name, item, cast(Action, self._word(body["action"])),
            None if label is None else self._word(label), body["comment"], body["seconds"], body["guideline"],
            body.get("imported", False), body.get("made"),
        )  # fmt: skip
        self.spoken[name] += not self.seen(name, item)
        state.said = (*state.said, judgement)
        state.lapsed = tuple(one for one in state.lapsed if one != name)
        self.trail[name].append(judgement)
        self._let_go(name, item)

    def _undone(self, event: Event) -> None:
        name, item, place = _who(event), str(event.item), event.body["position"]
        state, trail = self.items[item], self.trail[name]
        kept = tuple(one for one in state.said if one.position != place or one.annotator != name)
        if len(kept) == len(state.said):
            raise ValueError(f"there is no judgement {place} to undo")
        state.said = kept
        self.spoken[name] -= not self.seen(name, item)
        trail.pop(next(n for n in reversed(range(len(trail))) if trail[n].position == place))
        self._keep(name, item, event, again=True)

    def _adjudicated(self, event: Event) -> None:
        body, state = event.body, self.items[str(event.item)]
        state.verdict = Verdict(
            event.position, event.at_us, _who(event), body["label"], body["comment"], body["guideline"]
        )
        state.suspects, state.doubt = (), 0.0
        for name in list(state.leases):
            self._let_go(name, state.item.id)

    def _forget_token(self, name: str) -> None:
        self.tokens = {token: whose for token, whose in self.tokens.items() if whose != name}


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


_MOVING = frozenset({"item", "answer", "undone", "adjudicated"})
"""What may open an item, close it, or bring it into dispute; what is enqueued sees to that itself."""


def _divided(state: ItemState) -> bool:
    """Whether answers differ, or somebody is unsure."""
    standing = state.standing()
    return len({one.label for one in standing if one.label is not None}) > 1 or any(
        one.action == "unsure" for one in standing
    )


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
        "said": state.said,
        "leases": state.leases,
        "lapsed": sorted(state.lapsed),
        "verdict": state.verdict,
        "suspects": state.suspects,
        "doubt": state.doubt,
        "events": list(state.events),
    }
