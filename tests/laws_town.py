"""What the law tests and the loop's tests share: one generated town, its history, and replays of it, each made once."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from hindcast.adapt import policy
from hindcast.columns import Column, Frame
from hindcast.facts import Facts
from hindcast.loop.history import History
from hindcast.loop.loop import Loop
from hindcast.loop.replay import Replayed, replay
from hindcast.loop.trainer import Trainer
from hindcast.loop.world import ReplayWorld
from hindcast.registry import Ledger, Registry
from hindcast.system import System
from hindcast.testing import DELIVERIES_START, deliveries, deliveries_system
from hindcast.values import DAY_US, Floats

FROM, UNTIL = DELIVERIES_START + 50 * DAY_US, DELIVERIES_START + 118 * DAY_US
POLICIES = ("renewed", "never", "straight")


def at_day(day: float) -> int:
    """The moment so many days after the history's start."""
    return DELIVERIES_START + int(day * DAY_US)


@cache
def town(**changes: Any) -> dict[str, Facts]:
    return deliveries(**changes)


def history_of(facts: dict[str, Facts], system: System | None = None, threads: int = 2) -> History:
    """Fingerprints name the facts as landed; here they are told apart by the tests themselves."""
    return History.build(system or deliveries_system(), facts, dict.fromkeys(facts, "town"), threads=threads)


@cache
def town_history(**changes: Any) -> History:
    return history_of(town(**changes))


@cache
def town_trainer() -> Trainer:
    return Trainer(town_history())


@cache
def town_replays() -> dict[str, Replayed]:
    return replay(town_history(), FROM, UNTIL, list(POLICIES), trainer=town_trainer())


def with_system(history: History, **changes: Any) -> History:
    """The same requests and features under a declaration that differs in what comes after them."""
    return replace(history, system=deliveries_system(**changes))


def loop_over(
    history: History,
    *,
    trainer: Trainer | None = None,
    name: str = "renewed",
    ahead_days: int = 0,
    monitors: bool = True,
) -> Loop:
    """A loop at its beginning, to be turned tick by tick."""
    registry = Registry(Ledger("sqlite://"), system=history.system.name, target=history.system.target.name)
    world = ReplayWorld(history, FROM)
    chosen = trainer or Trainer(history)
    loop = Loop(history.system, world, chosen, registry, policy(name), UNTIL, ahead_days * DAY_US, monitors)
    loop.begin(FROM)
    return loop


def lines(entries: list[Any], until_us: int | None = None) -> list[tuple[Any, ...]]:
    """Entries as comparable values; those decided up to `until_us`."""
    return [(e.number, e.at_us, e.kind, repr(e.body)) for e in entries if until_us is None or e.at_us <= until_us]


def same_columns(left: Frame, right: Frame) -> list[str]:
    """The columns that differ in any bit."""
    assert left.names == right.names
    return [
        name
        for name in left.names
        if left[name].kind != right[name].kind
        or not np.array_equal(left[name].present(), right[name].present())
        or left[name].objects()[left[name].present()].tolist() != right[name].objects()[right[name].present()].tolist()
    ]


def with_future(facts: dict[str, Facts], t: int, seed: int = 7) -> dict[str, Facts]:
    """The same facts up to `t`, and another future: all that is known from `t` on is changed, corrected, withdrawn or
    new."""
    random = np.random.default_rng(seed)
    return {name: _another_future(f, t, random) for name, f in sorted(facts.items())}


def _another_future(facts: Facts, t: int, random: np.random.Generator) -> Facts:
    later = facts.known >= t
    if not later.any():
        return facts
    columns = {name: _scrambled(column, later, random) for name, column in facts.frame.items()}
    event = np.where(later, facts.event - random.integers(0, 40, len(facts)) * DAY_US, facts.event)
    known = np.where(later, t + random.integers(0, 30, len(facts)) * DAY_US, facts.known)
    retract = np.where(later, random.random(len(facts)) < 0.2, facts.retract)
    changed = replace(facts, event=event, known=known, retract=retract, frame=Frame(columns, len(facts)))
    # corrections and retractions of what was known before, and facts that claim to have happened long ago
    many = len(facts) // 3
    old = random.integers(0, len(facts), many)
    extra = facts.take(old)
    all_rows = np.ones(many, dtype=np.bool_)
    news = replace(
        extra,
        known=t + random.integers(0, 10, many) * DAY_US,
        event=extra.event - random.integers(-5, 5, many) * DAY_US,
        seq=int(facts.seq.max()) + 1 + np.arange(many),
        retract=random.random(many) < 0.3,
        frame=Frame({name: _scrambled(c, all_rows, random, keep=name in _KEYS) for name, c in extra.frame.items()}),
    )
    return Facts.concat([changed, news])


_KEYS = ("order", "shop", "courier", "district")


def _scrambled(column: Column, rows: Any, random: np.random.Generator, keep: bool = False) -> Column:
    if keep:
        return column
    if column.kind == "number":
        return Column("number", np.where(rows, random.normal(0, 1e4, len(column)), column.values))
    if column.kind == "time":
        return Column(
            "time", np.where(rows, column.values - random.integers(-9, 9, len(column)) * DAY_US, column.values)
        )
    places = np.flatnonzero(rows)
    values = column.values.copy()
    values[places] = values[random.permutation(places)]
    return Column(column.kind, values, column.valid, column.vocabulary)


class Anti:
    """A model that says the opposite of another: every part of it works, and it does harm."""

    kind = "anti"

    def __init__(self, model: Any) -> None:
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def predict(self, features: Frame) -> Floats:
        opposite: Floats = 1.0 - self._model.predict(features)
        return opposite
