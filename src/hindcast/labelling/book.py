"""What all parts of a labelling project work on: its folder, its log, and one lock around both."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

from hindcast.errors import ConfigError, DataError, StateError, UnknownName
from hindcast.labelling.assignment import Desk
from hindcast.labelling.events import Event
from hindcast.labelling.item_state import ItemState
from hindcast.labelling.log import EventLog
from hindcast.labelling.state import Settings, State
from hindcast.labelling.tasks import Annotator, Item
from hindcast.parameters import switch

if TYPE_CHECKING:
    from hindcast.crowd.answers import Answers

__all__ = ["Book", "check_key", "check_many", "check_path", "check_text"]


class Book:
    """An open project within: hold ``lock`` while reading ``state`` or appending to ``log``."""

    def __init__(self, folder: Path, log: EventLog) -> None:
        self.folder = folder
        self.log = log
        self.lock = RLock()
        self.desk = Desk(log.state)

    @property
    def state(self) -> State:
        return self.log.state

    @property
    def settings(self) -> Settings:
        if self.state.settings is None:
            raise StateError(f"the labelling project in {self.folder} has no beginning. Restore it from a backup.")
        return self.state.settings

    @property
    def version(self) -> int:
        """The guideline's current version."""
        return len(self.state.guidelines)

    @property
    def now_us(self) -> int:
        return self.log.clock.now_us()

    def touch(self, items: Collection[str]) -> None:
        """Have items looked at again when somebody is next to be asked."""
        self.desk.touch(items)

    def item(self, item_id: str) -> ItemState:
        """What is known of an item; UnknownName when there is none."""
        try:
            return self.state.items[item_id]
        except (KeyError, TypeError):
            raise UnknownName("item", str(item_id), islice(self.state.items, 2_000), self.settings.name) from None

    def annotator(self, annotator: Annotator | str, *, active: bool = True) -> Annotator:
        """An annotator by name; ConfigError for a stranger, or somebody revoked."""
        name = annotator.name if isinstance(annotator, Annotator) else annotator
        if not isinstance(name, str):
            raise ConfigError(f"an annotator is given by name, got {name!r:.80} ({type(name).__name__}).")
        found = self.state.annotators.get(name)
        if found is None:
            raise UnknownName("annotator", name, self.state.annotators, self.settings.name)
        if active and not found.active:
            raise ConfigError(f"annotator {name!r} was revoked. Add them again to let them in.")
        return found

    def visible(self, item: Item) -> Item:
        """An item as callers see it: what is beside it their own to change, an image by its path."""
        content = item.content if self.settings.kind != "image" else self.folder / "media" / item.content
        return replace(item, content=content, meta=dict(item.meta))

    def again(self, key: str, kind: str, item: str | None, said: Mapping[str, Any]) -> Event | None:
        """The event that `key` was used for, if it says the same; None for a new key.

        Raises
        ------
        DataError
            When it says something else.
        """
        place = self.log.find(key)
        if place is None:
            return None
        event = self.log.event(place)
        if (
            event.kind != kind
            or (item is not None and event.item != item)
            or any(event.body.get(name) != value for name, value in said.items())
        ):
            raise DataError(
                f"this key was used for something else ({event.kind} of item {event.item!r}); everything said needs a "
                "key of its own",
                column="key",
                value=key.split("/", 2)[-1],
            )
        return event

    def known(self) -> dict[str, str]:
        """The label of each item that needs no inference: decided, or a control item."""
        return {
            item: label
            for item, one in self.state.items.items()
            if (label := one.item.gold if one.verdict is None else one.verdict.label) is not None
        }

    def answers(self, *, surplus: bool = False, gold: bool = True) -> Answers:
        """What annotators say now, one row per annotator and item; see :meth:`hindcast.labelling.Project.answers`."""
        from hindcast.crowd.answers import Answers

        switch("surplus", surplus)
        switch("gold", gold)
        with self.lock:
            rows = [
                one
                for state in self.state.items.values()
                if gold or state.item.gold is None
                for one in (state.standing() if surplus else state.counted())
                if one.action != "skip"
            ]
        return Answers.of(
            [one.item for one in rows],
            [one.annotator for one in rows],
            [one.label for one in rows],
            classes=self.settings.classes,
            at=[one.at_us if one.made_us is None else one.made_us for one in rows],
            seconds=[float("nan") if one.seconds is None else one.seconds for one in rows],
            guideline=[one.guideline for one in rows],
        )


def check_key(name: str, key: str) -> str:
    """The key under which what `name` says is kept: two people's keys never clash."""
    if not isinstance(key, str) or not key or len(key) > 200:
        raise ConfigError(f"a key is text of 1 to 200 characters, got {key!r:.250}.")
    return f"by/{name}/{key}"


def check_path(value: Path | str, what: str) -> Path:
    """`value` as a whole path."""
    if not isinstance(value, str | Path):
        raise ConfigError(f"{what} is a path, got {value!r:.80} ({type(value).__name__}).")
    return Path(value).expanduser().absolute()


def check_many(values: Iterable[str], what: str) -> list[str]:
    """`values` if they are several texts, not one."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable) or getattr(values, "ndim", 1) != 1:
        raise ConfigError(f"{what} is a list, such as ['c1', 'c2'], got {values!r:.80} ({type(values).__name__}).")
    return [str(one) for one in values]


def check_text(value: str, what: str) -> str:
    """`value` if it says something."""
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"{what} must be text that says something, got {value!r}.")
    return value
