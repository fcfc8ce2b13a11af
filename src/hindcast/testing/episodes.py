"""Episodes for property tests: facts with few distinct moments, so that ties, corrections, retractions, late facts and
facts from the future are the rule and not the exception.

:func:`episodes` is a `hypothesis <https://hypothesis.readthedocs.io>`_ strategy; hypothesis is imported when it is
called, and is not among hindcast's own dependencies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hindcast.columns import Column, Frame
from hindcast.errors import ConfigError, UnknownName
from hindcast.facts.facts import Facts
from hindcast.facts.table import Table
from hindcast.facts.times import Shift
from hindcast.features.batch import answer
from hindcast.features.online import OnlineFeatures
from hindcast.testing.given import At, Given
from hindcast.testing.subject import Subject, plan_of
from hindcast.values import BEGINNING, Duration, Ints, Moment, duration_us, moment_us

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["Episode", "assert_agreement", "episodes"]


@dataclass(frozen=True)
class Episode:
    """Facts and requests, and a way in which the facts are delivered.

    Attributes
    ----------
    facts : mapping of table name to Facts
        In the order of landing, which is not that of their known times.
    requests : Frame, n rows
    as_of : int64 array, shape (n,)
    seed : int
        Of the order and batches of delivery.
    """

    facts: Mapping[str, Facts]
    requests: Frame
    as_of: Ints
    seed: int


def episodes(
    tables: Table | Sequence[Table],
    pools: Mapping[str, Sequence[Any]],
    *,
    asked: Sequence[str] = (),
    start: Moment = "2024-03-30",
    step: Duration = "1h",
    steps: int = 24,
    early: int = 4,
    late: int = 24,
    most_facts: int = 24,
    most_requests: int = 10,
) -> SearchStrategy[Episode]:
    """A strategy of episodes.

    Parameters
    ----------
    tables : Table or sequence of tables
        With declared `columns`, or else with all columns of `pools`.
    pools : mapping of column to values
        What a column may hold, None among it for null; shared by tables and requests. Times come from the tables'
        declarations.
    asked : sequence of str
        The columns of a request.
    start, step, steps : moment, duration, int
        Facts happen at ``start + i * step`` for i from 0 to `steps`; requests are made up to as long again after.
    early, late : int
        By how many steps a fact may be known before and after it happens, where the table's declaration does not say.
    most_facts, most_requests : int
        Of facts per table.

    Examples
    --------
    Hold features to their meaning on whatever hypothesis can think of:

    >>> from hypothesis import given, settings
    >>> from hindcast.features import window
    >>> trips = Table("trips", key="trip", event_time="at", known="seen", columns=["driver", "fare"])
    >>> pools = {"trip": [1, 2, 3], "driver": ["ann", "bob", None], "fare": [1.5, 2.0, None]}
    >>> features = [window(trips, "fare", ["sum", "last"], over="5h", by="driver")]
    >>> @settings(max_examples=5, database=None)
    ... @given(episodes(trips, pools, asked=["driver"]))
    ... def test_they_agree(episode):
    ...     assert_agreement(features, episode)
    >>> test_they_agree()
    """
    from hypothesis import strategies as st

    found = [tables] if isinstance(tables, Table) else list(tables)
    for name in asked:
        if name not in pools:
            raise UnknownName("column", name, pools, where="episodes, asked")
    start_us, step_us = moment_us(start), duration_us(step, what="step")
    kinds = {name: Column.of(list(values)).kind for name, values in pools.items()}

    def values_of(names: Sequence[str]) -> SearchStrategy[tuple[Any, ...]]:
        return st.tuples(*(st.sampled_from(list(pools[name])) for name in names))

    def frame_of(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, Column]:
        return {name: Column.of_kind([row[at] for row in rows], kinds[name]) for at, name in enumerate(names)}

    def facts_of(table: Table) -> SearchStrategy[Facts]:
        names = [name for name in table.all_columns or pools if name not in table.time_columns]
        for name in names:
            if name not in pools:
                raise ConfigError(f"episodes: no pool says what column {name!r} of table {table.name!r} may hold.")
        row = st.tuples(
            st.integers(0, steps),
            st.integers(-early, late),
            st.booleans() if table.key else st.just(False),
            values_of(names),
        )

        def made(rows: Sequence[tuple[int, int, bool, tuple[Any, ...]]]) -> Facts:
            event = np.array([start_us + step_us * row[0] for row in rows], dtype=np.int64)
            known = _known(table, event, np.array([step_us * row[1] for row in rows], dtype=np.int64))
            times = {table.event_time: event} if table.event_time else {}
            if table.known_column is not None:
                shift = table.known.offset_us if isinstance(table.known, Shift) else 0
                times.setdefault(table.known_column, known - shift)
            frame = {name: Column("time", moments) for name, moments in times.items()}
            frame |= frame_of(names, [row[3] for row in rows])
            seq = np.arange(len(rows), dtype=np.int64) * 3 + 1
            # a retraction is half as likely as a correction
            retract = np.array([row[2] and at % 2 == 1 for at, row in enumerate(rows)], dtype=np.bool_)
            return Facts(event if table.event_time else known, known, seq, retract, Frame(frame, len(rows)))

        return st.lists(row, max_size=most_facts).map(made)

    request = st.tuples(st.integers(0, 2 * steps + 2), values_of(asked))

    def told(drawn: tuple[tuple[Facts, ...], list[tuple[int, tuple[Any, ...]]], int]) -> Episode:
        facts, requests, seed = drawn
        as_of = np.array([start_us + step_us * at for at, _ in requests], dtype=np.int64)
        frame = Frame(frame_of(asked, [row for _, row in requests]), len(requests))
        return Episode({table.name: f for table, f in zip(found, facts, strict=True)}, frame, as_of, seed)

    return st.tuples(
        st.tuples(*(facts_of(table) for table in found)),
        st.lists(request, min_size=1, max_size=most_requests),
        st.integers(0, 2**16),
    ).map(told)


def _known(table: Table, event: Ints, drawn: Ints) -> Ints:
    """When facts become known: as declared, or as drawn."""
    if table.known == "always":
        return np.full(len(event), BEGINNING, dtype=np.int64)
    if table.known_after is not None:
        return event + duration_us(table.known_after)
    return event if table.known_column == table.event_time or table.known == "event" else event + drawn


def assert_agreement(
    features: Subject, episode: Episode, *, target: Table | None = None, in_order: bool = False
) -> None:
    """Assert that batch, on any threads, and online, on any delivery, are what the definitions say.

    Parameters
    ----------
    features : System, FeaturePlan, definition, function, or a sequence of definitions and functions
    episode : Episode
    target : Table, optional
        For bare definitions with ``closed="right"``.
    in_order : bool, default False
        Deliver facts one by one in the order of their known times, instead of in any order, early and late.

    Raises
    ------
    AssertionError
        Naming the first request and features that differ, with the facts that had a part in them.
    """
    plan = plan_of(features, target)
    facts, as_of = episode.facts, episode.as_of
    requests = episode.requests.select(plan.request_columns)
    rows = requests.rows() if requests.names else [{} for _ in range(len(as_of))]
    world = Given(plan, facts)
    batch = answer(plan, facts, requests, as_of, threads=1)
    found = batch.rows()
    for at, request in enumerate(rows):
        expected = world.oracle.expected(request, int(as_of[at]), requests.kinds)
        _assert(
            world, episode, at, {n: (found[at][n], e.value) for n, e in expected.items() if not e.agrees(found[at][n])},
            "batch", "by definition",
        )  # fmt: skip
    random = np.random.default_rng(episode.seed)
    shuffled = {name: f.take(random.permutation(len(f))) for name, f in facts.items()}
    again = answer(plan, shuffled, requests, as_of, threads=3)
    for at, row in enumerate(again.rows()):
        _assert(world, episode, at, _unequal(row, found[at]), "batch over shuffled facts, on three threads", "batch")

    # delivery: what is known before a request has arrived by then, in any order and any batches
    online = OnlineFeatures(plan)
    waiting = {name: random.permutation(len(f)) for name, f in facts.items()}
    for at in np.argsort(as_of, kind="stable").tolist():
        t = int(as_of[at])
        if in_order:
            waiting = _delivered_in_order(online, facts, waiting, t)
        elif random.random() < 0.3:  # another request: what comes now comes late
            online.read(rows[at], t, requests.kinds)
        for name in [] if in_order else random.permutation(sorted(waiting)).tolist():
            rest = waiting[name]
            due = (facts[name].known[rest] < t) | (random.random(len(rest)) < 0.3)
            waiting[name] = rest[~due]
            for part in np.array_split(rest[due], random.integers(1, 4)):
                online.push(name, facts[name].take(part))
        row = online.read(rows[at], t, requests.kinds).values
        _assert(world, episode, at, _unequal(row, found[at]), "online", "batch")
    fresh = OnlineFeatures(plan)
    last = int(np.argmax(as_of))
    for name in facts:
        fresh.load(name, shuffled[name], int(as_of[last]))
    row = fresh.read(rows[last], int(as_of[last]), requests.kinds).values
    _assert(world, episode, last, _unequal(row, found[last]), "a state loaded at once", "batch")


def _delivered_in_order(
    online: OnlineFeatures, facts: Mapping[str, Facts], waiting: Mapping[str, Ints], t: int
) -> dict[str, Ints]:
    """Push what is known before `t`, in order of known time; what waits on."""
    due = [(int(facts[name].known[row]), name, row) for name, rest in waiting.items() for row in rest.tolist()]
    for known, name, row in sorted(due):
        if known < t:
            online.push(name, facts[name].take(slice(row, row + 1)))
    return {name: rest[facts[name].known[rest] >= t] for name, rest in waiting.items()}


def _unequal(row: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {name: (row[name], value) for name, value in other.items() if row[name] != value}


def _assert(
    world: Given, episode: Episode, at: int, wrong: Mapping[str, tuple[Any, Any]], ours: str, theirs: str
) -> None:
    if wrong:
        requests = episode.requests.select(world.plan.request_columns)
        asked = At(world, int(episode.as_of[at]), requests.take(slice(at, at + 1)))
        told = "\n".join(f"  {name}: {a!r} {ours}, {b!r} {theirs}" for name, (a, b) in wrong.items())
        raise AssertionError(f"request {at}, {asked.told()}\n{told}\n{asked.explain(next(iter(wrong)))}")
