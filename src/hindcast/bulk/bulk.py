"""Bulk answers: any number of requests over any number of facts, under a declared memory budget.

Facts and requests are read once, chunk by chunk, and divided on disk by a hash of each group's key. The parts are
answered one unit after another by :func:`hindcast.bulk.bucket.bucket`, the answers divided on disk by ranges of
rows, joined there in the order of the requests, and streamed out. The values are those of
:func:`hindcast.features.batch.answer` to the bit, whatever the budget.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from hindcast.bulk.budget import Budget, Load, row_bytes, size_text
from hindcast.bulk.division import FACT, REQUEST, Divided, check_kinds, divide_facts, own_columns_of, release
from hindcast.bulk.feed import FactFeed, RequestFeed
from hindcast.bulk.joins import Join, joins_of
from hindcast.bulk.sink import write_answers
from hindcast.bulk.spill import Scratch, to_arrow
from hindcast.bulk.spine import Piece, Spine, settled
from hindcast.bulk.units import Units
from hindcast.columns import Column, Frame, Kind
from hindcast.errors import ConfigError, StateError, UnknownName
from hindcast.facts.facts import Facts
from hindcast.facts.table import Refusal
from hindcast.features.asked import instance_of
from hindcast.features.batch import MOST_THREADS
from hindcast.features.definitions import Latest
from hindcast.features.given import name_of, sequence_of
from hindcast.features.plan import FanOut, FeaturePlan
from hindcast.parameters import whole
from hindcast.values import Ints, digest

__all__ = ["BulkReceipt", "answer_batches", "answer_files"]

Progress = Callable[[str, int, int], None]
"""Called with what was done, how many parts of it are done, and how many are known so far."""

_SEVERAL = 128
"""Parts where nobody knows how much will come."""


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
    if not isinstance(out, str | PathLike):
        raise ConfigError(f"out must be a path, got {out!r}.")
    if batch is not None:
        name_of("batch", batch)
    keep = tuple(sequence_of("keep", keep))
    with Scratch(scratch) as place:
        work = _Bulk(plan, Budget.of(memory), threads, progress, place)
        schema, tables = work.answers(facts, requests, as_of, keep)
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
        _, tables = work.answers(facts, requests, as_of, tuple(sequence_of("keep", keep)))
        for table in tables:
            yield from table.combine_chunks().to_batches() or [pa.RecordBatch.from_pylist([], schema=table.schema)]


class _Bulk:
    """One run: what is on disk, and what has been counted."""

    def __init__(
        self, plan: FeaturePlan, budget: Budget, threads: int, progress: Progress | None, scratch: Scratch
    ) -> None:
        instance_of("plan", plan, FeaturePlan)
        threads = whole("threads", threads, least=1, most=MOST_THREADS)
        if progress is not None and not callable(progress):
            raise ConfigError(f"progress is a function of what, done and known, got {progress!r}.")
        self.plan, self.budget, self.progress, self.scratch = plan, budget, progress, scratch
        self.units = Units(budget, scratch, threads, self._tell)
        self.stages = [joins_of(plan, stage.groups) for stage in plan.stages]
        self.fans = {fan.name: joins_of(plan, [fan.group]) for stage in plan.stages for fan in stage.fans}
        self.joins = [join for joins in (*self.stages, *self.fans.values()) for join in joins]
        self.enriched: dict[tuple[str, tuple[Latest, ...]], list[Join]] = {}
        for join in self.joins:  # grows while it is walked: what is looked up may be enriched itself
            if join.lookups and (join.table.name, join.lookups) not in self.enriched:
                made = FeaturePlan.compile(join.lookups)
                self.enriched[join.table.name, join.lookups] = found = joins_of(made, made.groups)
                self.joins += found
        self.feeds: dict[str, FactFeed] = {}
        self.spine: Spine
        self._facts: dict[int, Divided] = {}
        self._parts = 1
        self._scratch = 0

    def answers(
        self, facts: Mapping[str, Any], requests: Any, as_of: str, keep: tuple[str, ...]
    ) -> tuple[Any, Iterator[Any]]:
        """The schema of the answers, and their tables, to be taken before the scratch folder goes."""
        plan = self.plan
        instance_of("facts", facts, Mapping)
        name_of("as_of", as_of)
        for name in keep:
            if name_of("keep: a column", name) in plan.names:
                raise ConfigError(f"keep: {name!r} is a feature too; its column cannot be both.")
        for name in plan.tables:
            if name not in facts:
                raise UnknownName("table", name, map(str, facts), where="features")
        asked = RequestFeed.open(requests, [*plan.request_columns, *keep], as_of)
        for name, table in sorted(plan.tables.items()):
            self.feeds[name] = FactFeed.open(table, facts[name], self._columns_of(name))
        self._parts = self._choose_parts(asked)
        self._check_disk(asked)
        self._divide_facts()
        self._divide_requests(asked, keep)
        fans = self._answer_stages(keep)
        made = [step.name for step in plan.transforms]
        kinds, frames = settled(self._finished(fans, keep), made, self.scratch)
        empty = Frame({name: Column.empty(kind, 0) for name, kind in kinds.items()}, 0)
        return self._schema(empty), self._tables(frames, self._schema(empty))

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
            self.units.done,
            self.units.peak,
            self._scratch,
        )

    def identity(self, keep: Sequence[str]) -> str:
        """A name for these answers, from what went in."""
        facts = {name: feed.facts for name, feed in self.feeds.items()}
        return digest([self.plan.identity, self.spine.count, facts, list(keep)])

    def _tell(self, what: str, done: int, known: int | None = None) -> None:
        self._scratch = max(self._scratch, self.scratch.bytes())
        if self.progress is not None:
            self.progress(what, done, max(done, known or 0))

    # ---- facts ------------------------------------------------------------------------------------------

    def _columns_of(self, table: str) -> list[str]:
        """The columns of a table itself that anything reads."""
        found: set[str] = set()
        for join in self.joins:
            if join.table.name == table:
                found |= set(join.columns) - join.looked_up
        for (name, _), joins in self.enriched.items():
            if name == table:
                found |= {column for join in joins for column in join.plan.request_columns}
        return sorted(found)

    def _choose_parts(self, requests: RequestFeed) -> int:
        """Into how many parts keys are hashed, from what the sources say they hold: for the join that needs most."""
        parts = self.budget.parts or 1
        for join in self.joins:
            feed = self.feeds[join.table.name]
            if feed.rows is None or requests.rows is None:
                return self.budget.parts or _SEVERAL
            load = Load.guessed(feed.rows, [*(feed.kinds.get(c, "number") for c in join.columns), *FACT.values()])
            asked = [requests.kinds.get(c, "number") for c in join.plan.request_columns]
            ask = Load.guessed(requests.rows, [*asked, *REQUEST.values()])
            parts = max(parts, self.budget.parts_for(load, ask, len(join.columns), join.outputs))
        return parts

    def _check_disk(self, requests: RequestFeed) -> None:
        """Say before hours of work that the scratch folder's disk is too small for it."""
        if requests.rows is None or any(feed.rows is None for feed in self.feeds.values()):
            return
        needed = requests.rows * (16 + _least(requests.kinds.values()) + 8 * len(self.plan.names))
        for join in self.joins:
            feed = self.feeds[join.table.name]
            needed += (feed.rows or 0) * (25 + _least(feed.kinds.get(name, "number") for name in join.columns))
        for asked in {join.asked for joins in self.stages for join in joins}:
            needed += requests.rows * (16 + _least(requests.kinds.get(name, "number") for name in asked))
        if needed > self.scratch.free:
            raise StateError(
                f"the scratch folder {self.scratch.place} needs about {size_text(needed)} and its disk has "
                f"{size_text(self.scratch.free)} left. Name a larger place by scratch=."
            )

    def _divide_facts(self) -> None:
        """Read every table once; then enrich what is enriched, what is needed for it first."""
        spines: dict[tuple[str, tuple[Latest, ...]], Spine] = {}
        for name, feed in self.feeds.items():
            mine = {key: joins for key, joins in self.enriched.items() if key[0] == name}
            for key, joins in mine.items():
                spines[key] = self._spine({**feed.kinds, **FACT}, sum(len(join.plan.names) for join in joins))
                spines[key].ask(joins, feed.kinds)

            def also(facts: Facts, mine: Sequence[Any] = tuple(mine), name: str = name, feed: FactFeed = feed) -> None:
                for key in mine:
                    spines[key].add(facts.frame.having(**own_columns_of(facts)), facts.known)
                self._tell(f"facts of {name}", feed.facts, feed.rows)

            rows = self.budget.chunk_rows(4 * row_bytes([*feed.kinds.values(), *FACT.values()]))
            self._divide(
                feed.chunks(rows), feed.kinds, [j for j in self.joins if j.table.name == name and not j.lookups], also
            )
        for key in sorted(self.enriched, key=self._depth):
            self._answer(spines[key], self.enriched[key])
            _, _, _, found = spines[key].range(0)
            kinds = {**self.feeds[key[0]].kinds, **{name: column.kind for name, column in found.items()}}
            joins = [join for join in self.joins if (join.table.name, join.lookups) == key]
            self._divide(_facts(spines[key]), kinds, joins)
            spines[key].drop()

    def _depth(self, key: tuple[str, tuple[Latest, ...]]) -> int:
        below = [(join.table.name, join.lookups) for join in self.enriched[key] if join.lookups]
        return 1 + max((self._depth(other) for other in below), default=0)

    def _divide(
        self, chunks: Iterator[Facts], kinds: Mapping[str, Kind], joins: Sequence[Join], also: Any = None
    ) -> None:
        divided = divide_facts(chunks, kinds, joins, self._parts, self.budget, self.scratch, also)
        self._facts |= {id(join): into for join, into in zip(joins, divided, strict=True)}

    # ---- requests ---------------------------------------------------------------------------------------

    def _spine(self, kinds: Mapping[str, Kind], features: int) -> Spine:
        return Spine(kinds, features, self._parts, self.budget, self.scratch)

    def _divide_requests(self, feed: RequestFeed, keep: Sequence[str]) -> None:
        self.spine = self._spine(feed.kinds, len(self.plan.names))
        self.spine.ask(self.stages[0] if self.stages else [], feed.kinds)
        for frame, as_of in feed.chunks(
            self.budget.chunk_rows(4 * row_bytes([*feed.kinds.values(), *REQUEST.values()]))
        ):
            self.spine.add(frame, as_of)
            self._tell("requests", self.spine.count, feed.rows)
        if not self.spine.count:
            empty = Frame({name: Column.empty(kind, 0) for name, kind in feed.kinds.items()}, 0)
            self.spine.add(empty, np.zeros(0, dtype=np.int64), whole=True)
        release()

    def _answer(self, spine: Spine, joins: Sequence[Join]) -> None:
        """Answer the joins that the spine was divided for; their facts are not needed after it."""
        for join in joins:
            facts, requests = self._facts.pop(id(join)), spine.by_key[join.asked]
            check_kinds(join, facts, requests)
            spine.answers.append(self.units.answer(join, facts.spill, requests.spill, spine.ranges_of))
            facts.spill.drop()
        for divided in spine.by_key.values():
            divided.spill.drop()
        spine.by_key.clear()

    def _answer_stages(self, keep: Sequence[str]) -> dict[str, Spine]:
        """Answer stage by stage: what the first ones find is what the later ones ask by."""
        fans: dict[str, Spine] = {}
        for at, (stage, joins) in enumerate(zip(self.plan.stages, self.stages, strict=True)):
            if at and joins:
                self._ask_again(joins, at, fans)
            self._answer(self.spine, joins)
            for fan in stage.fans:
                fans[fan.name] = self._fan_out(fan, at, fans)
        return fans

    def _ask_again(self, joins: Sequence[Join], stage: int, fans: Mapping[str, Spine]) -> None:
        """Divide the requests by keys that earlier stages have found."""
        needed = sorted({column for join in joins for column in (*join.asked, *join.plan.request_columns)})

        def frames() -> Iterator[Frame]:
            for at in range(len(self.spine)):
                for base, columns, as_of, place in self._pieces(at, stage, fans):
                    own = {"_as_of": Column("integer", as_of), "_row": Column("integer", place)}
                    yield Frame({**{n: columns[n] if n in columns else base[n] for n in needed}, **own}, len(base))

        kinds, found = settled(frames(), needed, self.scratch)
        self.spine.ask(joins, kinds)
        for frame in found:
            self.spine.divide(frame, frame["_as_of"].values, frame["_row"].values)

    def _fan_out(self, fan: FanOut, stage: int, fans: Mapping[str, Spine]) -> Spine:
        """Look up each member of each list: a spine of its own, range by range beside the requests'."""

        def frames() -> Iterator[Frame]:
            for at in range(len(self.spine)):
                _, columns, as_of, _ = self._columns(self.spine.range(at), at, stage, fans, fanned=False)
                asked: list[Frame] = []

                def note(keys: Frame, rows: Ints, as_of: Ints = as_of, asked: list[Frame] = asked) -> Column:
                    asked.append(Frame({**dict(keys), "_as_of": Column("integer", as_of[rows])}, len(keys)))
                    return Column.empty("number", len(keys))

                fan.gathered(columns[fan.members], note)
                yield asked[0]

        joins = self.fans[fan.name]
        kinds, found = settled(frames(), [name for name, _ in fan.group.by], self.scratch)
        own = {name: kind for name, kind in kinds.items() if not name.startswith("_")}
        spine = self._spine({}, 1)
        spine.ask(joins, own)
        for frame in found:
            spine.add(frame, frame["_as_of"].values, whole=True)
        self._answer(spine, joins)
        return spine

    # ---- putting together -------------------------------------------------------------------------------

    def _pieces(
        self, at: int, stage: int, fans: Mapping[str, Spine]
    ) -> Iterator[tuple[Frame, dict[str, Column], Ints, Ints]]:
        """A range in pieces; whole where something fans out from it, which is kept by ranges."""
        for piece in [self.spine.range(at)] if fans else self.spine.pieces(at):
            yield self._columns(piece, at, stage, fans)

    def _columns(
        self, piece: Piece, at: int, stage: int, fans: Mapping[str, Spine], *, fanned: bool = True
    ) -> tuple[Frame, dict[str, Column], Ints, Ints]:
        """A piece's request columns, and all that is known of it before `stage`; moments, and row numbers.

        Without `fanned`, with the stage's own groups.
        """
        base, as_of, place, columns = piece
        for number, step in enumerate(self.plan.stages[: stage if fanned else stage + 1]):
            for fan in step.fans:
                if fan.name in fans:
                    found = fans[fan.name].range(at)[3][fan.group.names[0]]
                    columns[fan.name] = fan.gathered(columns[fan.members], _given(found))
            if number < stage:
                self.plan.transformed(step.transforms, base, columns)
        return base, columns, as_of, place

    def _finished(self, fans: Mapping[str, Spine], keep: Sequence[str]) -> Iterator[Frame]:
        """All features, range by range, in the order of the requests."""
        for at in range(len(self.spine)):
            for base, columns, _, _ in self._pieces(at, len(self.plan.stages), fans):
                found = self.plan.finish(base, columns)
                yield Frame({**{name: base[name] for name in keep}, **dict(found)}, len(base))
            self._tell("rows written", at + 1, len(self.spine))
        release()

    def _schema(self, empty: Frame) -> Any:
        """Of the answers: as the answers on disk where they are there, since a list says there what it holds."""
        stored = {column.name: column.type for spill in self.spine.answers for column in spill.schema}
        schema = to_arrow(dict(empty)).schema
        return pa.schema([(column.name, stored.get(column.name, column.type)) for column in schema])

    @staticmethod
    def _tables(frames: Iterator[Frame], schema: Any) -> Iterator[Any]:
        for frame in frames:
            yield to_arrow(dict(frame)).cast(schema)


def _least(kinds: Iterable[Kind]) -> int:
    """Bytes of a row on disk at the least: texts may be empty."""
    return sum({"boolean": 1, "text": 4}.get(kind, 8) for kind in kinds)


def _given(column: Column) -> Callable[[Frame, Ints], Column]:
    return lambda keys, rows: column


def _facts(spine: Spine) -> Iterator[Facts]:
    """Facts with what was looked up for them."""
    for at in range(len(spine)):
        base, _, _, found = spine.range(at)
        own = (
            base["_event"].values,
            base["_known"].values,
            base["_seq"].values,
            base["_retract"].values.astype(np.bool_),
        )
        yield Facts(*own, base.select([n for n in base if n not in FACT]).having(**found))
