"""Backfill: answer features for many requests, and compute only what has changed since the last time.

Every feature is kept under the digest of what it means: its own definition, its table's, and those of the features it
is made from. Beside its values stands how far each table had landed. Asked again,

* a feature with a new digest is computed for all requests, and the others are not,
* a request that was not asked before is computed,
* facts that landed since make exactly those answers stale that they can have altered (:mod:`hindcast.backfill.dirty`),
* everything else is read back.

What comes out is equal to the bit to :func:`hindcast.features.batch.answer` over all facts. Where that cannot be shown
from the outside, more is computed than needed, and the report says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.backfill.answers import AnswerStore, Entry
from hindcast.backfill.parts import Part, parts_of
from hindcast.backfill.stale import Judge, Stale
from hindcast.clock import stopwatch_s
from hindcast.columns import Column, Frame
from hindcast.errors import ConfigError, DataError
from hindcast.facts.facts import Facts
from hindcast.features.asked import asked_at, instance_of
from hindcast.features.batch import answer
from hindcast.features.definitions import Latest, Window
from hindcast.features.plan import FeaturePlan
from hindcast.values import Bools, Ints

__all__ = ["BackfillReport", "Reason", "backfill"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something was computed.

    Parameters
    ----------
    why : str
    features : tuple of str
        The features it concerns.
    rows : int
        Of how many requests, of the feature with the most.
    """

    why: str
    features: tuple[str, ...]
    rows: int


@dataclass(frozen=True, slots=True)
class BackfillReport:
    """What a backfill did.

    Parameters
    ----------
    requests : int
        How many were asked.
    computed : mapping of str to int
        For each feature that is not simply a request's column: for how many requests it was computed.
    landed : mapping of str to int
        Facts of each table that landed since the features were last answered.
    dirty : mapping of str to int
        How many requests' answers those facts made stale, by table.
    reasons : tuple of Reason
    notices : tuple of str
        What was found torn, altered or missing among the kept answers.
    seconds : float
        Measured; not compared.
    """

    requests: int
    computed: Mapping[str, int]
    landed: Mapping[str, int]
    dirty: Mapping[str, int]
    reasons: tuple[Reason, ...]
    notices: tuple[str, ...]
    seconds: float = field(default=0.0, compare=False)

    @property
    def cells(self) -> int:
        """Values computed: features times requests."""
        return sum(self.computed.values())

    @property
    def cells_reused(self) -> int:
        """Values read back."""
        return self.requests * len(self.computed) - self.cells

    @property
    def reused(self) -> tuple[str, ...]:
        """The features of which nothing was computed."""
        return tuple(name for name, rows in self.computed.items() if not rows)

    def as_dict(self) -> dict[str, Any]:
        """The report in plain values."""
        return {
            "requests": self.requests,
            "features": len(self.computed),
            "features_computed": [n for n, rows in self.computed.items() if rows == self.requests > 0],
            "features_updated": [n for n, rows in self.computed.items() if 0 < rows < self.requests],
            "features_reused": list(self.reused),
            "cells_computed": self.cells,
            "cells_reused": self.cells_reused,
            "landed": dict(self.landed),
            "dirty": dict(self.dirty),
            "reasons": [{"why": r.why, "features": list(r.features), "rows": r.rows} for r in self.reasons],
            "notices": list(self.notices),
            "seconds": self.seconds,
        }


def backfill(
    plan: FeaturePlan,
    facts: Mapping[str, Facts],
    requests: Frame,
    as_of: Ints,
    folder: Path | str,
    *,
    marks: Mapping[str, str] | None = None,
    threads: int = 2,
) -> tuple[Frame, BackfillReport]:
    """The features of many requests, computing only what `folder` does not hold already.

    Parameters
    ----------
    plan : FeaturePlan
    facts : mapping of table name to Facts
        All landed facts in the order of landing, as for :func:`hindcast.features.batch.answer`.
    requests : Frame, n rows
    as_of : int64 array, shape (n,)
    folder : path
        Where answers are kept; it may be deleted at any time.
    marks : mapping of str to str, optional
        What identifies all facts of a table to the caller, such as :meth:`hindcast.facts.Lake.fingerprint`. Facts under
        the mark they had before are taken to be the same and not looked at; without one they are digested.
    threads : int, default 2

    Returns
    -------
    answers : Frame, n rows
        Equal to the bit to what :func:`~hindcast.features.batch.answer` gives.
    report : BackfillReport

    Notes
    -----
    O(n) to recognise the requests and O(f) to recognise facts without a mark, per column that is read; then the cost of
    answering the requests that are stale. Kept answers take their size in memory and, compressed, on disk; a feature of
    which anything changed is written anew as a whole.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from hindcast.facts.table import Table
    >>> from hindcast.features import window
    >>> trips = Table("trips", event_time="at", known="event")
    >>> plan, folder = FeaturePlan.compile([window(trips, over="1h", by="car")]), mkdtemp()
    >>> rows = [{"at": 10, "car": "a"}, {"at": 20, "car": "b"}]
    >>> asked, as_of = Frame.of({"car": ["a", "b"]}), np.array([40, 40])
    >>> backfill(plan, {"trips": Facts.of(trips, rows)}, asked, as_of, folder)[1].cells
    2
    >>> rows.append({"at": 30, "car": "b"})
    >>> answers, report = backfill(plan, {"trips": Facts.of(trips, rows)}, asked, as_of, folder)
    >>> answers["trips_count_1h_by_car"].values.tolist(), report.cells
    ([1.0, 2.0], 1)
    """
    began = stopwatch_s()
    as_of = asked_at(plan, facts, requests, as_of)
    marks = {} if marks is None else marks
    instance_of("marks", marks, Mapping)
    if not isinstance(folder, str | PathLike):
        raise ConfigError(f"folder must be a path, got {folder!r}.")
    asked, parts = parts_of(plan)
    with AnswerStore(folder) as store:
        judge = Judge(store, facts, requests, as_of, marks)
        work = _Work(plan, judge, threads)
        for depth in sorted({part.depth for part in parts}):
            work.answer([part for part in parts if part.depth == depth])
        work.save()
    if asked:
        alone = FeaturePlan.compile(asked)
        work.columns.update(answer(alone, {}, requests.select(alone.request_columns), as_of))
    answers = Frame({name: work.columns[name] for name in plan.names}, len(requests))
    return answers, work.report(stopwatch_s() - began)


class _Work:
    """One backfill: computes what is stale, puts it together with what was kept, and keeps the result."""

    def __init__(self, plan: FeaturePlan, judge: Judge, threads: int) -> None:
        self.plan, self.judge, self.threads = plan, judge, threads
        self.asked, self.as_of = judge.asked, judge.as_of
        self.columns: dict[str, Column] = {}
        self._computed: dict[str, int] = {}
        self._done: list[Stale] = []

    @property
    def frame(self) -> Frame:
        """The requests with all that has been answered."""
        return Frame({**self.asked, **self.columns}, len(self.asked))

    def answer(self, parts: Sequence[Part]) -> None:
        """Answer parts that depend on nothing that is still to be answered."""
        frame = self.frame
        stale = [self.judge.judge(part, frame) for part in parts]
        for together in _together(stale):
            rows = np.logical_or.reduce([one.rows for one in together])
            made = self._compute([one.part for one in together], frame, rows)
            for one in together:
                self._put(one, np.flatnonzero(rows), made, frame)
        nothing = np.zeros(0, dtype=np.int64)
        for one in stale:
            if one.part.names[0] not in self.columns:
                self._put(one, nothing, None, frame)
        self._done += stale

    def _compute(self, parts: Sequence[Part], frame: Frame, rows: Bools) -> Frame:
        plan = FeaturePlan.compile([part.definition for part in parts], target=self.plan.target)
        needed = frame.select(plan.request_columns)
        if not rows.all():
            needed = needed.take(np.flatnonzero(rows))
        tables = {name: self.judge.facts[name] for name in plan.tables}
        return answer(plan, tables, needed, self.as_of[rows], threads=self.threads)

    def _put(self, one: Stale, rows: Ints, made: Frame | None, frame: Frame) -> None:
        """Put what was kept and what was computed for `rows` together."""
        n = len(self.as_of)
        joined: dict[str, Column | None] = {}
        for name in one.part.names:
            if made is not None and len(rows) == n:
                joined[name] = made[name]
            else:
                assert one.place is not None
                whole = one.kept[name] if one.is_whole else _at(one.kept[name], one.place)
                joined[name] = whole if made is None else _joined(one.kept[name], one.place, rows, made[name])
        if len(rows) < n and not all(_is_settled(column, one.part) for column in joined.values()):
            self.judge.because("what kind its answers are is seen from all of them", one.part.names, n)
            everything = np.ones(n, dtype=np.bool_)
            self._put(one, np.arange(n), self._compute([one.part], frame, everything), frame)
            return
        self.columns.update({name: column for name, column in joined.items() if column is not None})
        self._computed.update(dict.fromkeys(one.part.names, len(rows)))

    def save(self) -> None:
        """Write what changed, in one step."""
        store, judge, frame = self.judge.store, self.judge, self.frame
        entries: dict[str, Entry] = {}
        files: dict[tuple[str, ...], str] = {}
        for one in self._done:
            part = one.part
            if part.open:
                continue
            if one.entry is not None and not one.moved and not self._computed[part.names[0]]:
                requests, values = one.entry.requests, one.entry.values
                kinds = dict(one.entry.kinds)  # of what the file holds: no requests, no kind to be seen
            else:
                if part.asks not in files:
                    files[part.asks] = store.put_digests(judge.digests(part.asks))
                requests = files[part.asks]
                values = store.put_columns({name: self.columns[name] for name in part.names})
                kinds = {name: self.columns[name].kind for name in part.names}
            tables = {table: judge.watermark(table, columns, one.entry) for table, columns in part.tables.items()}
            entries[part.digest] = Entry(kinds, judge.kinds(part, frame), tables, requests, values)
        if any(store.entries.get(name) != entry for name, entry in entries.items()):
            store.commit(entries)

    def report(self, seconds: float) -> BackfillReport:
        """What was done."""
        judge = self.judge
        order = {name: self._computed[name] for name in self.plan.names if name in self._computed}
        reasons = [Reason(why, tuple(found), max(found.values())) for why, found in judge.reasons.items()]
        dirty = {table: int(rows.sum()) for table, rows in sorted(judge.dirty.items())}
        notices = tuple(dict.fromkeys(judge.store.notices))
        return BackfillReport(
            len(self.as_of), order, dict(sorted(judge.landed.items())), dirty, tuple(reasons), notices, seconds
        )


def _together(stale: Sequence[Stale]) -> list[list[Stale]]:
    """What is computed in one sweep: all that is wanted for every request; of the rest, what reads the same tables."""
    groups: dict[tuple[str, ...] | None, list[Stale]] = {}
    for one in stale:
        if one.rows.any() or not len(one.rows):
            whole = one.place is None or bool(one.rows.all())
            groups.setdefault(None if whole else one.part.own_tables, []).append(one)
    return list(groups.values())


def _at(column: Column, rows: Ints) -> Column:
    taken = column.take(rows)
    valid = None if taken.valid is None or taken.valid.all() else taken.valid
    return Column(taken.kind, taken.values, valid, taken.vocabulary)


def _joined(kept: Column, place: Ints, rows: Ints, made: Column) -> Column | None:
    """Kept answers at their places, and computed ones in `rows`; None where their kinds do not go together."""
    index = place.copy()
    index[rows] = len(kept) + np.arange(len(rows))
    try:
        return _at(Column.concat([kept, made]), index)
    except DataError:
        return None


def _is_settled(column: Column | None, part: Part) -> bool:
    """Whether a column is of the kind it would have if it were computed at once.

    What is read from facts has the kind that they have. A function's answers say themselves what they are, and not if
    there is none.
    """
    if column is None:
        return False
    is_read = isinstance(part.definition, Latest | Window)
    return is_read or column.kind == "number" or bool(column.present().any())
