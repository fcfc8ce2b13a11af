"""A server's state as it stood when the last one stopped, however it stopped: the lake's facts and the journal's.

State is a cache: what is in the lake is folded anew, then what the journal holds beyond it. The journal also gives
the answers that were given under keys, so that asking again gives the same one.
"""

from __future__ import annotations

import gc
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from hindcast.clock import Clock, ReplayClock, SystemClock
from hindcast.columns import Column, Frame, Kind
from hindcast.errors import StateError
from hindcast.facts.facts import Facts
from hindcast.facts.table import Table
from hindcast.features.online import OnlineFeatures
from hindcast.features.plan import FeaturePlan
from hindcast.journal import Home, Journal
from hindcast.serve.drain import Drain
from hindcast.serve.landing import Receipt
from hindcast.serve.prediction_log import PredictionRecord
from hindcast.serve.records import (
    DRAIN,
    DRAINED,
    FACTS,
    PREDICTION,
    DrainedRecord,
    DrainRecord,
    FactsRecord,
    packed,
    unpacked,
)

__all__ = ["Answers", "Journaled", "PushAnswer", "clock_after", "drain_left", "finish_drains", "fold", "journaled"]

_Value = TypeVar("_Value")


class Answers(Generic[_Value]):
    """The last answers by key; the oldest go first.

    Examples
    --------
    >>> answers = Answers(2)
    >>> for key in "abc":
    ...     answers[key] = key.upper()
    >>> answers.get("a"), answers.get("c")
    (None, 'C')
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._of: OrderedDict[str, _Value] = OrderedDict()

    def __setitem__(self, key: str, value: _Value) -> None:
        self._of[key] = value
        if len(self._of) > self._limit:
            self._of.popitem(last=False)

    def get(self, key: str) -> _Value | None:
        return self._of.get(key)

    def __len__(self) -> int:
        return len(self._of)


@dataclass(frozen=True, slots=True)
class PushAnswer:
    """What was answered to a push, and a digest of what it sent."""

    content: bytes
    receipt: Receipt

    @staticmethod
    def of(record: FactsRecord) -> PushAnswer:
        return PushAnswer(record.content, Receipt.of(record, repeated=True))


@dataclass(slots=True)
class Journaled:
    """What the journal holds.

    Attributes
    ----------
    stamp : int
        The greatest moment in it; every later one must be greater.
    drained : int
        Up to this position everything is in the lake.
    newest : int
        The position of the newest fact, prediction or shadow answer.
    pending : list of (position, record)
        Drains that were announced and not finished, in order.
    facts : dict
        By table, in order, those with a position after `drained`.
    pushes, predictions : Answers
        By key; predictions as packed records.
    """

    stamp: int = 0
    drained: int = 0
    newest: int = 0
    pending: list[tuple[int, DrainRecord]] = field(default_factory=list)
    facts: dict[str, list[tuple[int, FactsRecord]]] = field(default_factory=dict)
    pushes: Answers[PushAnswer] = field(default_factory=lambda: Answers(20_000))
    predictions: Answers[bytes] = field(default_factory=lambda: Answers(20_000))


def journaled(drain: Drain, remember: int) -> Journaled:
    """Read the journal once, from its first record that is kept; at most `remember` answers of each kind.

    Raises
    ------
    StateError
        When records that were not drained are gone.
    """
    found = Journaled(pushes=Answers(remember), predictions=Answers(remember))
    for position, kind, key, body in drain.journal.entries():
        if kind not in (DRAIN, DRAINED):
            found.newest = position
        if kind == FACTS:
            facts = unpacked(body, FactsRecord)
            found.facts.setdefault(facts.table, []).append((position, facts))
            if key is not None:
                found.pushes[key] = PushAnswer.of(facts)
            found.stamp = max(found.stamp, facts.stamp)
        elif kind == PREDICTION:
            prediction = unpacked(body, PredictionRecord)
            if key is not None:
                found.predictions[key] = body
            found.stamp = max(found.stamp, prediction.as_of)
        elif kind == DRAIN:
            begun = unpacked(body, DrainRecord)
            found.pending.append((position, begun))
            found.stamp = max(found.stamp, begun.stamp)
        elif kind == DRAINED:
            done = unpacked(body, DrainedRecord)
            found.drained = max(found.drained, done.upto)
            found.stamp = max(found.stamp, done.stamp)
    if drain.journal.first > found.drained + 1:
        raise StateError(
            f"journal {drain.journal.folder} starts at record {drain.journal.first}, but only those up to "
            f"{found.drained} are known to be in the lake. Restore the missing segments from a backup."
        )
    found.pending = [(position, begun) for position, begun in found.pending if position > found.drained]
    for name, records in list(found.facts.items()):
        found.facts[name] = [(position, facts) for position, facts in records if position > found.drained]
    return found


def finish_drains(drain: Drain, found: Journaled) -> int:
    """Do the pending drains, and say how many rows were new in the lake.

    Afterwards the lake and ``found.facts`` have nothing in common.
    """
    rows = 0
    for position, begun in found.pending:
        rows += drain.land(found.drained, position, begun.batch(position))
        found.drained = position
    found.pending = []
    for name, records in list(found.facts.items()):
        found.facts[name] = [(position, facts) for position, facts in records if position > found.drained]
    return rows


def drain_left(home: Home, *, tables: Mapping[str, Table], target: str, kinds: Mapping[str, Kind]) -> int:
    """Bring to the lake what a killed server left in the journal, and say how many rows that were.

    For whoever lands facts in another way, while holding the server's lock and before the first one: the sequence
    numbers of what is in the journal come first.

    Parameters
    ----------
    home : Home
    tables, target, kinds
        As of :class:`hindcast.serve.drain.Drain`.
    """
    from hindcast.facts.lake import Lake
    from hindcast.facts.quarantine import Quarantine

    if not any(home.journal.glob("*.seg")):
        return 0
    with Journal(home.journal) as journal:
        drain = Drain(journal, Lake(home.lake), Quarantine(home.root / "quarantine"), tables, target, kinds)
        found = journaled(drain, 0)
        rows = finish_drains(drain, found)
        if found.newest > found.drained:
            begun = DrainRecord(found.stamp)
            position = journal.append(DRAIN, packed(begun)).result()
            found.pending.append((position, begun))
            rows += finish_drains(drain, found)
            journal.append(DRAINED, packed(DrainedRecord(found.stamp, position))).result()
        return rows


def clock_after(clock: Clock | None, stamp: int) -> Clock:
    """A clock whose stamps all come after `stamp`: the machine's, or the replay clock given, moved on."""
    if isinstance(clock, ReplayClock):
        if clock.now_us() < stamp:
            clock.advance(stamp)
        return clock
    if clock is None or isinstance(clock, SystemClock):
        return SystemClock(after_us=stamp if clock is None else max(stamp, clock.now_us()))
    if clock.now_us() <= stamp:
        raise StateError(
            "the clock given stands before moments that are on disk already; give one that goes on from there."
        )
    return clock


def fold(plan: FeaturePlan, drain: Drain, found: Journaled, now_us: int) -> tuple[OnlineFeatures, dict[str, int]]:
    """The features' state at `now_us`, and the next sequence number of every table.

    Raises
    ------
    StateError
        When facts in the journal and others that landed meanwhile have the same sequence numbers.
    """
    online = OnlineFeatures(plan)
    next_seq: dict[str, int] = {}
    for name in drain.tables:
        landed = drain.lake.next_seq(name)
        records = found.facts.get(name, [])
        taken = [facts for _, facts in records if len(facts)]
        if taken and taken[0].first < landed:
            raise StateError(
                f"table {name!r}: facts landed in the lake (up to sequence {landed - 1}) while the journal still held "
                f"some from {taken[0].first} on. Drain the journal before facts are ingested in another way."
            )
        next_seq[name] = max([landed, *(facts.first + len(facts) for facts in taken)])
        if name in plan.tables:
            with _no_collection():
                online.load(name, _facts(plan.columns_of(name), name, drain, taken), now_us)
    return online, next_seq


@contextmanager
def _no_collection() -> Iterator[None]:
    """Without Python's search for cycles, which would walk over a million new objects again and again."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _facts(columns: Iterable[str], name: str, drain: Drain, taken: list[FactsRecord]) -> Facts:
    """All facts of a table, lake first, with the columns that the features read."""
    columns = list(columns)
    parts = []
    if name in drain.lake.tables():
        there = drain.lake.schema(name)
        parts.append(_with(drain.lake.facts(name, [c for c in columns if c in there]), columns, there))
    parts += [_with(record.facts(), columns, {}) for record in taken]
    return Facts.concat(parts) if parts else Facts.empty(dict.fromkeys(columns, "number"))


def _with(facts: Facts, columns: list[str], kinds: Mapping[str, Kind]) -> Facts:
    made = {
        name: facts.frame[name] if name in facts.frame else Column.empty(kinds.get(name, "number"), len(facts))
        for name in columns
    }
    return Facts(facts.event, facts.known, facts.seq, facts.retract, Frame(made, len(facts)))


def table_kinds(tables: Mapping[str, Table], drain: Drain, found: Journaled) -> dict[str, dict[str, Kind]]:
    """Every table's columns as far as known: declared, landed, pushed."""
    result: dict[str, dict[str, Kind]] = {}
    for name, table in tables.items():
        kinds: dict[str, Kind] = dict(drain.lake.schema(name)) if name in drain.lake.tables() else {}
        for _, record in found.facts.get(name, []):
            kinds |= {column: packed.kind for column, packed in record.columns.items()}
        result[name] = {**kinds, **table.kinds}
    return result
