"""`stream`: facts arrive a thousand at a time; after each fact, what its entity's windows hold, itself included.

count, sum, mean, max over 1 hour, 24 hours, 7 days. Windows are ``(t - w, t]``, which for hindcast is the question
asked a microsecond after the fact. Only the state is kept: nothing is journalled, nothing is read from disk meanwhile.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from pathlib import Path
from typing import Any

from harness.job import Job, Work

from features import checks, data

BATCH = 1_000
SPANS_US = tuple(hours * data.HOUR_US for hours in data.SPANS_H.values())
OUT = 4 * len(SPANS_US)


def hindcast(place: Path) -> Work:
    return _hindcast(place, BATCH)


def _hindcast(place: Path, batch: int) -> Work:
    import numpy as np

    import hindcast as hc
    from features.ours import facts_of
    from hindcast.facts.parquet import read_parquet
    from hindcast.features import FeaturePlan
    from hindcast.features.stream import FeatureStream

    table = hc.Table("facts", event_time="event_timestamp", known="event", columns=["entity_id", "amount"])
    plan = FeaturePlan.compile([hc.window(table, "amount", list(data.KINDS), over=list(data.SPANS_H), by="entity_id")])
    facts = facts_of(table, read_parquet(place / "facts.parquet"))

    def work() -> Any:
        stream, emitted = FeatureStream(plan), np.empty((len(facts), OUT))
        for start in range(0, len(facts), batch):
            rows = slice(start, start + batch)
            emitted[rows] = stream.follow("facts", facts.take(rows)).numbers
        return emitted

    return work


def python_deque(place: Path) -> Work:
    """Per entity and window: its facts, their running sum, and the falling run of candidates for the maximum."""
    entities, times, amounts = _lists(place)

    def work() -> Any:
        states: dict[int, Windows] = {}
        emitted = array("d")
        for entity, t, amount in zip(entities, times, amounts, strict=True):
            state = states.get(entity)
            if state is None:
                state = states[entity] = Windows()
            emitted.extend(state.after(t, amount))
        return emitted

    return work


class Windows:
    """The windows of one entity, in plain Python."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = [[span, 0.0, deque(), deque()] for span in SPANS_US]

    def after(self, t: int, amount: float) -> tuple[float, ...]:
        """What the windows hold once a fact has come: count, sum, mean and max of each."""
        found: list[float] = []
        for held in self._held:
            span, total, facts, largest = held
            gone = t - span
            facts.append((t, amount))
            total += amount
            while facts[0][0] <= gone:
                total -= facts.popleft()[1]
            while largest and largest[-1][1] <= amount:
                largest.pop()
            largest.append((t, amount))
            while largest[0][0] <= gone:
                largest.popleft()
            held[1] = total
            count = len(facts)
            found += (count, total, total / count, largest[0][1])
        return tuple(found)


def river(place: Path) -> Work:
    """Its statistics over time can take a value back, except the maximum, which is NaN here."""
    import datetime as dt

    from river import stats, utils

    entities, times, amounts = _lists(place)
    start = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - river compares with times that have no zone
    moments = [start + dt.timedelta(microseconds=t) for t in times]
    periods = [dt.timedelta(microseconds=span) for span in SPANS_US]

    def work() -> Any:
        states: dict[int, list[tuple[Any, Any]]] = {}
        emitted = array("d")
        for entity, t, amount in zip(entities, moments, amounts, strict=True):
            state = states.get(entity)
            if state is None:
                state = states[entity] = [
                    (utils.TimeRolling(stats.Sum, period=period), utils.TimeRolling(stats.Mean, period=period))
                    for period in periods
                ]
            for total, mean in state:
                total.update(amount, t=t)
                mean.update(amount, t=t)
                emitted.extend((mean.n, total.get(), mean.get(), math.nan))
        return emitted

    return work


def bytewax(place: Path) -> Work:
    return bytewax_in_batches(place, BATCH)


def bytewax_in_batches(place: Path, batch: int) -> Work:
    """Its own windows emit when they close, so the state is the plain Python one, kept by its stateful map."""
    import bytewax.operators as op
    from bytewax.dataflow import Dataflow
    from bytewax.testing import TestingSink, TestingSource, run_main

    rows = [(str(entity), (at, t, x)) for at, (entity, t, x) in enumerate(zip(*_lists(place), strict=True))]
    results: list[tuple[str, tuple[int, tuple[float, ...]]]] = []

    def step(state: Windows | None, fact: tuple[int, int, float]) -> tuple[Windows, Any]:
        state = state or Windows()
        return state, (fact[0], state.after(fact[1], fact[2]))

    flow = Dataflow("stream")
    facts = op.input("facts", flow, TestingSource(rows, batch_size=batch))
    op.output("found", op.stateful_map("windows", facts, step), TestingSink(results))

    def work() -> Any:
        run_main(flow)
        emitted: list[Any] = [None] * len(rows)
        for _, (at, found) in results:
            emitted[at] = found
        return emitted

    return work


def _lists(place: Path) -> tuple[list[int], list[int], list[float]]:
    import pyarrow.parquet as pq

    facts = pq.read_table(place / "facts.parquet")
    return (
        facts["entity_id"].to_pylist(),
        facts["event_timestamp"].cast("int64").to_pylist(),
        facts["amount"].to_pylist(),
    )


def check(emitted: Any) -> checks.Check:
    return checks.of_stream(emitted)


JOB = Job(
    asks="count, sum, mean and max over 1 hour, 24 hours and 7 days after every fact; facts in batches of 1,000",
    size=1_000_000,
    unit="facts",
    data=lambda size: data.make("stream", size),
    peers={"hindcast": hindcast, "python-deque": python_deque, "bytewax": bytewax, "river": river},
    check=check,
    touch=lambda size: 1_024 * size,
    columns=("times ours", "per second", "CPU s", "peak MB", "runs", "version"),
)
