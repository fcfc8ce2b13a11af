"""Bulk answers: any number of requests over any number of facts, under a declared memory budget.

Facts and requests are read once, chunk by chunk, and divided on disk by a hash of each group's key. The parts are
answered one unit after another by :func:`hindcast.features.bucket.bucket`, the answers divided on disk by ranges of
rows, joined there in the order of the requests, and streamed out. The values are those of
:func:`hindcast.features.batch.answer` to the bit, whatever the budget.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from hindcast.columns import Column, Frame, Kind
from hindcast.errors import ConfigError, DataError, StateError, UnknownName
from hindcast.facts.arrow import integers
from hindcast.facts.table import Refusal
from hindcast.features.bucket import bucket
from hindcast.features.budget import Budget, Load, expected_bytes
from hindcast.features.division import REQUEST, Division, hashed, packed, release
from hindcast.features.feed import FactFeed, RequestFeed
from hindcast.features.joins import Join, joins_of
from hindcast.features.plan import FeaturePlan
from hindcast.features.sink import write_answers
from hindcast.features.slices import Hot, sliced
from hindcast.features.spill import Scratch, Spill, as_table, parts_of, take, to_arrow, to_frame
from hindcast.values import Ints, digest

__all__ = ["BulkReceipt", "answer_batches", "answer_files"]

Progress = Callable[[str, int, int], None]
"""Called with what was done, how many parts of it are done, and how many are known so far."""


@dataclass(frozen=True)
class BulkReceipt:
    """What was answered, given once the output is on disk and its rows were counted there.

    Attributes
    ----------
    out : str
    rows : int
        Requests answered; 0 when the batch had been appended before.
    facts, absent, refused : mapping of str to int
        Per table: facts that were read, rows without an event time, rows that are no facts.
    examples : mapping of str to tuple of Refusal
        The first few refused rows of each table.
    units : int
        Units of work.
    peak_bytes : int
        What the largest of them was expected to take.
    scratch_bytes : int
        The most that the scratch folder held.
    """

    out: str
    rows: int
    facts: Mapping[str, int]
    absent: Mapping[str, int]
    refused: Mapping[str, int]
    examples: Mapping[str, tuple[Refusal, ...]]
    units: int
    peak_bytes: int
    scratch_bytes: int


def answer_files(
    plan: FeaturePlan,
    facts: Mapping[str, Any],
    requests: Any,
    out: Path | str,
    *,
    memory: int | str | Budget = "1GiB",
    as_of: str = "as_of",
    keep: Sequence[str] = (),
    threads: int = 2,
    scratch: Path | str | None = None,
    batch: str | None = None,
    progress: Progress | None = None,
) -> BulkReceipt:
    """Answer the features of many requests from disk to disk, within a memory budget.

    Parameters
    ----------
    plan : FeaturePlan
    facts : mapping of table name to source
        Parquet (a path, several, a folder, ``hc.files``), a :class:`~hindcast.facts.Lake`, an Arrow table, an iterator
        of Arrow record batches, a data frame, or facts. Rows that have landed carry ``_event``, ``_known`` and
        ``_seq``; others become facts as their table declares, and those that cannot are counted.
    requests : source
        With the columns of ``plan.request_columns`` and the moment of asking.
    out : Path or str
        ``*.parquet``, ``*.arrow``, or the folder of a Delta table to append to.
    memory : int or str, default "1GiB"
        Bytes above what the imports take; at least 64 MiB. Holds for any size of input.
    as_of : str, default "as_of"
        The requests' column that says when each is asked: times, ISO texts with an offset, or microseconds.
    keep : sequence of str, optional
        Columns of the requests to put before the features.
    threads : int, default 2
        Changes the time it takes and nothing else.
    scratch : Path or str, optional
        A folder on a disk with room for about two to three times the needed columns of facts and requests; the
        system's temporary folder by default.
    batch : str, optional
        A Delta table takes answers of the same name once, so that a run that was cut off can be repeated. By default
        every run has a name of its own content: plan, rows and facts.
    progress : callable, optional
        Told what is being done, how many parts of it are done and how many are known.

    Raises
    ------
    UnknownName, ConfigError
        For a table, column or source that is not there; for one entity whose facts exceed the budget.
    DataError
        For a request without a moment.
    StateError
        For a full disk. Nothing was written to `out` then.

    Notes
    -----
    Time is linear in facts and requests. Each fact is read once and written once per key that its table is grouped by,
    and so is each request. An interrupt removes the scratch folder; what a kill leaves is removed by the next run.

    Examples
    --------
    >>> import hindcast.features as f
    >>> from hindcast.facts import Table
    >>> from tempfile import mkdtemp
    >>> trips = Table("trips", event_time="at", known="event")
    >>> plan = FeaturePlan.compile([f.window(trips, "km", "sum", over="1h", by="car")])
    >>> rows = {"car": ["a", "a"], "km": [1.5, 2.0], "at": ["2024-01-01T08:00:00Z", "2024-01-01T08:30:00Z"]}
    >>> asked = {"car": ["a"], "as_of": ["2024-01-01T09:00:00Z"]}
    >>> out = Path(mkdtemp()) / "features.parquet"
    >>> answer_files(plan, {"trips": rows}, asked, out).rows
    1
    """
    with Scratch(scratch) as place:
        work = _Bulk(plan, Budget.of(memory), threads, progress, place)
        schema, tables = work.answers(facts, requests, as_of, tuple(keep))
        name = batch if batch is not None else work.identity(keep)
        rows = write_answers(out, schema, tables, batch=name, origin={"features": plan.identity, "batch": name})
        return work.receipt(str(out), rows)


def answer_batches(
    plan: FeaturePlan,
    facts: Mapping[str, Any],
    requests: Any,
    *,
    memory: int | str | Budget = "1GiB",
    as_of: str = "as_of",
    keep: Sequence[str] = (),
    threads: int = 2,
    scratch: Path | str | None = None,
    progress: Progress | None = None,
) -> Iterator[Any]:
    """The answers of :func:`answer_files` as Arrow record batches, in the order of the requests.

    The scratch folder is removed when the iterator ends or is closed.
    """
    with Scratch(scratch) as place:
        work = _Bulk(plan, Budget.of(memory), threads, progress, place)
        _, tables = work.answers(facts, requests, as_of, tuple(keep))
        for table in tables:
            yield from table.combine_chunks().to_batches() or [pa.RecordBatch.from_pylist([], schema=table.schema)]


class _Bulk:
    """One run: what is on disk, and what has been counted."""

    def __init__(
        self, plan: FeaturePlan, budget: Budget, threads: int, progress: Progress | None, scratch: Scratch
    ) -> None:
        self.plan, self.budget, self.threads, self.progress, self.scratch = plan, budget, threads, progress, scratch
        self.joins = joins_of(plan)
        self.division = Division(self.joins, budget, scratch, self._tell)
        self.feeds: dict[str, FactFeed] = {}
        self._units = self._peak = self._scratch = 0

    def answers(
        self, facts: Mapping[str, Any], requests: Any, as_of: str, keep: tuple[str, ...]
    ) -> tuple[Any, Iterator[Any]]:
        """The schema of the answers, and their tables, to be taken before the scratch folder goes."""
        plan, division = self.plan, self.division
        if not plan.is_plain or any(group.lookups for group in plan.groups):
            raise ConfigError("features keyed by features, and enriched tables, are answered in memory so far.")
        for name in keep:
            if name in plan.names:
                raise ConfigError(f"keep: {name!r} is a feature too; its column cannot be both.")
        for name in plan.tables:
            if name not in facts:
                raise UnknownName("table", name, facts, where="features")
        asked = RequestFeed.open(requests, [*plan.request_columns, *keep], as_of)
        for name, table in sorted(plan.tables.items()):
            columns = {c for join in self.joins if join.table.name == name for c in join.columns}
            self.feeds[name] = FactFeed.open(table, facts[name], sorted(columns))
        division.choose_parts(self.feeds, asked)
        spills: dict[int, Spill] = {}
        for name, feed in self.feeds.items():
            spills |= division.add_facts(plan.tables[name], feed)
        held = sorted({*self._read(), *keep})
        division.add_requests(asked, held, len(plan.names))
        division.check_kinds()
        answered = []
        for at, join in enumerate(self.joins):
            answered.append(self._answer(join, spills.pop(at), division.by_key[join.asked]))
            if all(later.asked != join.asked for later in self.joins[at + 1 :]):
                division.by_key.pop(join.asked).drop()
        made = [step.name for step in plan.transforms]
        return settled(self._joined(answered, keep), made, self.scratch)

    def receipt(self, out: str, rows: int) -> BulkReceipt:
        """What was done; `rows` were found in the output."""
        feeds = self.feeds
        return BulkReceipt(
            out,
            rows,
            {name: feed.facts for name, feed in feeds.items()},
            {name: feed.absent for name, feed in feeds.items()},
            {name: feed.refused for name, feed in feeds.items()},
            {name: tuple(feed.examples) for name, feed in feeds.items()},
            self._units,
            self._peak,
            self._scratch,
        )

    def identity(self, keep: Sequence[str]) -> str:
        """A name for these answers, from what went in."""
        facts = {name: feed.facts for name, feed in self.feeds.items()}
        return digest([self.plan.identity, self.division.count, facts, list(keep)])

    def _read(self) -> set[str]:
        """The request columns that are features or that transforms read."""
        given = {name for join in self.joins for name in join.plan.names}
        made = {step.name for step in self.plan.transforms}
        return {*self.plan.names, *(name for step in self.plan.transforms for name in step.inputs)} - given - made

    def _tell(self, what: str, done: int, known: int | None) -> None:
        self._scratch = max(self._scratch, self.scratch.bytes())
        if self.progress is not None:
            self.progress(what, done, max(done, known or 0))

    # ---- answering --------------------------------------------------------------------------------------

    def _answer(self, join: Join, facts: Spill, requests: Spill) -> Spill:
        """Answer a join unit by unit; its answers on disk, by ranges of rows."""
        asked = [*join.plan.request_columns, *REQUEST]
        nothing = requests.schema.empty_table().select(asked)
        schema = bucket(join.plan, {join.table.name: facts.schema.empty_table()}, nothing).schema
        answers = self.scratch.spill("answers", schema)
        for done, (held, asking, parts) in enumerate(self._units_of(join, facts, requests, depth=0), 1):
            table = {join.table.name: _tidy(held.read(parts))}
            for some in self._requests(join, table[join.table.name], asking, parts):
                answers.add(found := bucket(join.plan, table, some, threads=self.threads), self._ranges(found))
            del table
            release()
            self._units += 1
            self._tell(f"features of {join.title}", done, None)
        facts.drop()
        return answers

    def _ranges(self, answers: Any) -> Ints:
        return integers(answers["_row"]) // self.division.span

    def _requests(self, join: Join, facts: Any, requests: Spill, parts: Sequence[int]) -> Iterator[Any]:
        """A unit's requests, all at once or, where they are many, as many as fit beside its facts."""
        asked = [*join.plan.request_columns, *REQUEST]
        load = sum((requests.load(part) for part in parts), Load())
        held = self._bytes_of(join)(Load(facts.num_rows, facts.nbytes), Load())
        each = max((self._bytes_of(join)(Load(), load) - self._bytes_of(join)(Load(), Load())) / max(load.rows, 1), 1)
        room = int(max(self.budget.unit - held, self.budget.unit // 8) / each)
        self._peak = max(self._peak, held + int(each * min(load.rows, room)))
        if load.rows <= room:
            yield requests.read(parts, asked)
            return
        waiting: list[Any] = []
        for part in parts:
            for batch in requests.batches(part):
                waiting.append(pa.Table.from_batches([batch]).select(asked))
                while sum(map(len, waiting)) >= max(room, 1):
                    whole = pa.concat_tables(waiting)
                    yield whole.slice(0, max(room, 1))
                    waiting = [whole.slice(max(room, 1))]
        if sum(map(len, waiting)):
            yield pa.concat_tables(waiting)

    def _bytes_of(self, join: Join) -> Callable[[Load, Load], int]:
        return lambda facts, requests: expected_bytes(facts, requests, len(join.columns), len(join.plan.names))

    def _units_of(
        self, join: Join, facts: Spill, requests: Spill, depth: int
    ) -> Iterator[tuple[Spill, Spill, list[int]]]:
        """Units of work: facts, requests, and which parts of both; each fits the budget as far as it can be divided."""
        bytes_of = self._bytes_of(join)
        for parts in packed(facts, requests, bytes_of, self.budget):
            alone = len(parts) == 1 and bytes_of(facts.load(parts[0]), requests.load(parts[0])) > self.budget.unit
            if alone:
                yield from self._divided(join, facts, requests, parts[0], depth)
            else:
                yield facts, requests, parts

    def _divided(
        self, join: Join, facts: Spill, requests: Spill, part: int, depth: int
    ) -> Iterator[tuple[Spill, Spill, list[int]]]:
        """A part that does not fit: by the hash again if it holds several entities, by time if it holds one."""
        entities: set[int] = set()
        name = "the whole table"
        for batch in requests.batches(part):
            frame = to_frame(as_table(batch))
            hashes, present = hashed(frame, join.asked)
            if len(entities) < 2:
                entities.update(np.unique(hashes[present]).tolist())
            if join.asked and present.any() and name == "the whole table":
                first = frame.take(np.flatnonzero(present)[:1]).rows()[0]
                name = ", ".join(f"{asked}={first[asked]!r}" for asked in join.asked)
        if len(entities) < 2:
            yield from self._sliced(join, facts, requests, part, name, entities)
            return
        load = self._bytes_of(join)(facts.load(part), requests.load(part))
        many = min(max(4 * load // self.budget.unit, 4), 256)
        deeper = self.scratch.spill("facts", facts.schema), self.scratch.spill("requests", requests.schema)
        try:
            for source, target, columns in ((facts, deeper[0], join.by), (requests, deeper[1], join.asked)):
                for batch in source.batches(part):
                    table = as_table(batch)
                    hashes, _ = hashed(to_frame(table, columns), columns)
                    target.add(table, parts_of(hashes, many, depth + 1))
            yield from self._units_of(join, *deeper, depth + 1)
        finally:
            for spill in deeper:
                spill.drop()

    def _sliced(
        self, join: Join, facts: Spill, requests: Spill, part: int, name: str, entities: set[int]
    ) -> Iterator[tuple[Spill, Spill, list[int]]]:
        def of_entity() -> Iterator[Any]:
            for batch in facts.batches(part):
                table = as_table(batch)
                hashes, _ = hashed(to_frame(table, join.by), join.by)
                here = np.flatnonzero(np.isin(hashes, np.array(sorted(entities), dtype=np.uint64)))
                yield table if len(here) == len(hashes) else take(table, here)

        hot = Hot(
            join,
            name,
            of_entity,
            lambda: requests.batches(part),
            facts.schema,
            requests.schema,
            facts.load(part),
            requests.load(part),
        )
        for held, asking, stretch in sliced(hot, self.budget, self.scratch):
            yield held, asking, [stretch]

    # ---- joining ----------------------------------------------------------------------------------------

    def _joined(self, answered: Sequence[Spill], keep: tuple[str, ...]) -> Iterator[Frame]:
        """All features, range of rows by range of rows, in the order of the requests."""
        rows, span, total = self.division.rows, self.division.span, self.division.count
        for at in range(max(-(-total // span), 1)):
            base = to_frame(rows.read([at]))
            looked_up: dict[str, Column] = {}
            for spill in answered:
                table = spill.read([at])
                place = integers(table["_row"]) - at * span
                order = np.empty(len(base), dtype=np.int64)
                order.fill(-1)
                if len(place) == len(base):
                    order[place] = np.arange(len(place))
                if (order < 0).any():
                    raise StateError("answers were lost in the scratch folder; was it altered while this ran?")
                table = take(table, order)
                looked_up |= dict(to_frame(table, [name for name in table.schema.names if name != "_row"]))
            found = self.plan.finish(base, looked_up)
            yield Frame({**{name: base[name] for name in keep}, **dict(found)}, len(base))
            self._tell("rows written", min((at + 1) * span, total), total)
        release()


def settled(frames: Iterator[Frame], made: Sequence[str], scratch: Scratch) -> tuple[Any, Iterator[Any]]:
    """One schema for all frames, and their tables, though what a function makes may be null for a long time.

    A text column of which only nulls have been seen looks like numbers. So frames wait on disk until every column
    of `made` has shown what it holds, or all frames have been seen.
    """
    waiting: list[Spill] = []
    kinds: dict[str, Kind] = {}
    open_ = dict.fromkeys(made)
    for frame in frames:
        for name in [n for n in open_ if frame[n].kind != "number" or frame[n].present().any()]:
            kinds[name] = frame[name].kind
            del open_[name]
        kinds = {**frame.kinds, **kinds}
        arrow = to_arrow(dict(frame))
        waiting.append(scratch.spill("waiting", arrow.schema))
        waiting[-1].add(arrow, np.zeros(len(frame), dtype=np.int64))
        if not open_:
            break

    def tables() -> Iterator[Any]:
        for spill in waiting:
            yield _as_kinds(to_frame(spill.read([0])), kinds)
            spill.drop()
        for frame in frames:
            yield _as_kinds(frame, kinds)

    return _as_kinds(Frame({name: Column.empty(kind, 0) for name, kind in kinds.items()}), kinds).schema, tables()


def _as_kinds(frame: Frame, kinds: Mapping[str, Kind]) -> Any:
    """The frame as a table; a column of nulls takes any kind."""
    columns = {}
    for name, kind in kinds.items():
        column = frame[name]
        if column.kind != kind and column.present().any():
            raise DataError(
                f"a feature function gives {kind} values for some rows and {column.kind} for others", column=name
            )
        columns[name] = column if column.kind == kind else Column.empty(kind, len(frame))
    return to_arrow(columns)


def _tidy(facts: Any) -> Any:
    """Facts in the order of landing; a retraction that stands in for a version that is here itself goes."""
    seq = integers(facts["_seq"])
    steps = np.diff(seq)
    if (steps > 0).all():
        return facts
    retract = to_frame(facts, ["_retract"])["_retract"].values
    order = np.lexsort((retract, seq))
    again = np.append(False, (seq[order[1:]] == seq[order[:-1]]) & (retract[order[1:]] == 1))
    return take(facts, order[~again].astype(np.int64))
