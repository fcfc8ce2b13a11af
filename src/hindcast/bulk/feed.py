"""Facts and requests chunk by chunk, from whatever holds them, so that no input is ever in memory as a whole.

A source is Parquet (paths, a folder, a pattern, ``hc.files``), a lake, an Arrow table, an iterator or reader of Arrow
record batches, a data frame, or facts. Of Parquet only the needed columns are read, page by page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from hindcast.bulk.spill import to_arrow
from hindcast.columns import Column, Frame, Kind
from hindcast.errors import ConfigError, DataError, SchemaError, UnknownName
from hindcast.facts.cast import cast_texts, cast_typed
from hindcast.facts.datafile import FACT_KINDS
from hindcast.facts.facts import Facts
from hindcast.facts.lake import Lake
from hindcast.facts.source import Data, Files, files
from hindcast.facts.source import to_arrow as data_to_arrow
from hindcast.facts.table import Refusal, Table
from hindcast.facts.times import read_times
from hindcast.values import Bools, Ints

__all__ = ["FactFeed", "Feed", "RequestFeed"]

_OWN = tuple(FACT_KINDS)
_SHOWN = 10
_BUFFER = 1 << 20


@dataclass(frozen=True)
class Feed:
    """A source opened for reading once, in order.

    Attributes
    ----------
    name : str
        For messages.
    schema : mapping of str to Arrow type
        Every column that some part of the source has.
    rows : int or None
        How many there are, where that is known beforehand.
    batches : callable
        From the columns wanted and the rows of a chunk to an iterator of Arrow record batches; a column that a part
        of the source lacks is absent from its batches.
    """

    name: str
    schema: Mapping[str, Any]
    rows: int | None
    zone: str | None
    batches: Callable[[Sequence[str], int], Iterator[Any]] = field(repr=False)

    @staticmethod
    def open(source: Any, name: str) -> Feed:
        """A feed of `source`; `name` says what it is for.

        Raises
        ------
        ConfigError
            For something rows cannot be read from chunk by chunk.
        """
        zone = getattr(source, "zone", None) if isinstance(source, Files | Data) else None
        if isinstance(source, str | Path):
            source = files(source)
        elif isinstance(source, Sequence) and source and all(isinstance(path, str | Path) for path in source):
            source = files(*source)
        if isinstance(source, Files):
            return _parquet(source.expand(), name, zone)
        if isinstance(source, Facts):
            stored = dict(zip(_OWN, _own(source), strict=True))
            source = to_arrow({**dict(source.frame), **stored})
        elif isinstance(source, Frame):
            source = to_arrow(dict(source))
        elif isinstance(source, Data):
            source = data_to_arrow(source)
        if isinstance(source, pa.RecordBatch):
            source = pa.Table.from_batches([source])
        if isinstance(source, pa.Table):
            return _table(source, name, zone)
        if isinstance(source, pa.RecordBatchReader):
            return _stream(source, source.schema, name)
        if isinstance(source, Iterator):
            first = next(source, None)
            if isinstance(first, pa.RecordBatch | pa.Table):
                return _stream(_chained(first, source), first.schema, name)
        else:
            try:
                return _table(data_to_arrow(Data(source)), name, zone)
            except ConfigError:
                pass
        raise ConfigError(
            f"{name}: rows cannot be read chunk by chunk from a {type(source).__name__}. Give paths of Parquet files, "
            "a lake, an Arrow table, or an iterator of Arrow record batches that holds at least one."
        )


def _own(facts: Facts) -> tuple[Column, ...]:
    return (
        Column("integer", facts.event),
        Column("integer", facts.known),
        Column("integer", facts.seq),
        Column("boolean", facts.retract.astype(np.int8)),
    )


def _parquet(paths: Sequence[Path], name: str, zone: str | None) -> Feed:
    import pyarrow.parquet as pq

    schema: dict[str, Any] = {}
    rows = 0
    for path in paths:
        if not path.name.endswith((".parquet", ".pq")):
            raise ConfigError(f"{name}: file {path} is no Parquet. Land CSV files in a lake first, or convert them.")
        try:
            file = pq.ParquetFile(path)
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(f"{name}: cannot be read as Parquet: {error}", file=str(path)) from None
        rows += file.metadata.num_rows
        for column in file.schema_arrow:
            schema[column.name] = _wider(schema.get(column.name), column.type, f"{name}, file {path}", column.name)
        file.close()

    def batches(columns: Sequence[str], size: int) -> Iterator[Any]:
        for path in paths:
            with pq.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER) as file:
                there = [column for column in columns if column in file.schema_arrow.names]
                yield from file.iter_batches(batch_size=size, columns=there, use_threads=False)

    return Feed(name, schema, rows, zone, batches)


def _table(table: Any, name: str, zone: str | None) -> Feed:
    def batches(columns: Sequence[str], size: int) -> Iterator[Any]:
        chosen = table.select([column for column in columns if column in table.schema.names])
        for start in range(0, table.num_rows, size):
            yield chosen.slice(start, size)

    return Feed(name, {c.name: c.type for c in table.schema}, table.num_rows, zone, batches)


def _stream(source: Iterable[Any], schema: Any, name: str) -> Feed:
    def batches(columns: Sequence[str], size: int) -> Iterator[Any]:
        for batch in source:
            if not batch.schema.equals(schema):
                raise SchemaError(f"{name}: a record batch has another schema than the first one; give them all one.")
            chosen = batch.select([column for column in columns if column in batch.schema.names])
            for start in range(0, batch.num_rows, size):
                yield chosen.slice(start, size)

    return Feed(name, {c.name: c.type for c in schema}, None, None, batches)


def _chained(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def _wider(known: Any, other: Any, where: str, column: str) -> Any:
    """The type that holds both, where one file has one and another the other."""
    if known is None or pa.types.is_null(known) or known.equals(other):
        return other
    if pa.types.is_null(other):
        return known
    kinds = {_kind(known, where, column), _kind(other, where, column)}
    if kinds <= {"integer", "number", "boolean"}:
        return pa.float64() if len(kinds) > 1 else known
    if len(kinds) > 1:
        raise SchemaError(
            f"{where}: holds {_kind(other, where, column)} values where files before it hold "
            f"{_kind(known, where, column)} ones; convert one of them.",
            column=column,
        )
    return known


def _kind(stored: Any, where: str, column: str) -> Kind:
    try:
        return cast_typed(pa.array([], type=stored), zone="UTC", what=f"{where}, column {column!r}").column.kind
    except pa.ArrowNotImplementedError:
        raise DataError(f"{where}: a column of Arrow type {stored} is not understood.", column=column) from None


@dataclass(frozen=True, eq=False)
class _Cut:
    """A chunk as columns of fixed kinds, and where its values did not fit them."""

    frame: Frame
    bad: Bools
    refusals: list[Refusal]


class _Caster:
    """Reads a feed's chunks as columns of the kinds that are declared, or else that their types stand for."""

    def __init__(self, feed: Feed, names: Sequence[str], declared: Mapping[str, Kind], zone: str | None) -> None:
        for name in names:
            if name not in feed.schema:
                raise UnknownName("column", name, feed.schema, where=feed.name)
        self.feed, self.names, self.zone = feed, list(names), zone
        self.kinds: dict[str, Kind] = {
            name: declared.get(name) or _kind(feed.schema[name], feed.name, name) for name in names
        }

    def chunks(self, rows: int) -> Iterator[_Cut]:
        for batch in self.feed.batches(self.names, rows):
            bad = np.zeros(batch.num_rows, dtype=np.bool_)
            refusals: list[Refusal] = []
            columns = {}
            for name in self.names:
                columns[name], wrong = self._column(batch, name)
                for row in np.flatnonzero(wrong & ~bad)[:_SHOWN].tolist():
                    value = batch[name][row].as_py()
                    refusals.append(Refusal(row + 1, name, value, f"{name} is not of kind {self.kinds[name]}"))
                bad |= wrong
            yield _Cut(Frame(columns, batch.num_rows), bad, refusals)

    def _column(self, batch: Any, name: str) -> tuple[Column, Bools]:
        kind, what = self.kinds[name], f"{self.feed.name}, column {name!r}"
        nowhere = np.zeros(batch.num_rows, dtype=np.bool_)
        if name not in batch.schema.names:
            return Column.empty(kind, batch.num_rows), nowhere
        cast = cast_typed(batch[name], zone=self.zone, what=what)
        if cast.column.kind == kind:
            return cast.column, nowhere
        if cast.column.kind == "text":
            cast = cast_texts(cast.column, kind, zone=self.zone, what=what)
            return cast.column, cast.bad
        if kind == "time" and cast.column.kind in ("integer", "number"):
            read = read_times(cast.column, what=what)
            return read.column(), read.bad
        try:
            return cast.column.as_kind(kind), nowhere
        except DataError:
            raise SchemaError(f"{what}: holds {cast.column.kind} values that are no {kind}s.", column=name) from None


@dataclass
class FactFeed:
    """A table's facts, chunk by chunk.

    Attributes
    ----------
    kinds : dict of str to kind
        Of the columns asked for.
    rows : int or None
        How many rows there are to read, where that is known.
    facts, absent, refused : int
        Counted while reading: facts given, rows that are no facts of this table, rows refused.
    examples : list of Refusal
        The first few refused rows, by their number in the source.
    """

    table: Table
    kinds: dict[str, Kind]
    rows: int | None
    facts: int = 0
    absent: int = 0
    refused: int = 0
    examples: list[Refusal] = field(default_factory=list)
    _caster: Any = None
    _stored: bool = False

    @staticmethod
    def open(table: Table, source: Any, columns: Iterable[str]) -> FactFeed:
        """The facts of `table` in `source`, with these columns.

        Rows that carry ``_event``, ``_known`` and ``_seq`` (and, if any is one, ``_retract``) are taken as they stand;
        others are derived as the table declares.

        Raises
        ------
        ConfigError
            When facts become known on arrival and nothing says when they arrived.
        """
        where = f"facts of table {table.name!r}"
        if isinstance(source, Lake):
            source = source.files(table.name)
        feed = Feed.open(source, where)
        wanted = list(dict.fromkeys(columns))
        if all(name in feed.schema for name in ("_event", "_known", "_seq")):
            names = [*wanted, *(name for name in _OWN if name in feed.schema)]
            caster = _Caster(feed, names, FACT_KINDS, "UTC")
            kinds = {name: caster.kinds[name] for name in wanted}
            return FactFeed(table, kinds, feed.rows, _caster=caster, _stored=True)
        if table.known == "arrival" or (table.event_time is None and table.known_column is None):
            raise ConfigError(
                f"{where}: they become known on arrival, and rows that have not landed do not say when that was. Land "
                "them in a lake first and give the lake."
            )
        if table.paths:
            raise ConfigError(
                f"{where}: their columns are taken from documents by path. Land them in a lake first and give the lake."
            )
        table = replace(table, columns=wanted)
        names = list(table.all_columns or ())
        declared = {name: kind for name, kind in table.kinds.items() if name in names}
        caster = _Caster(feed, names, declared, table.clock_zone or feed.zone)
        return FactFeed(table, {name: caster.kinds[name] for name in wanted}, feed.rows, _caster=caster)

    def chunks(self, rows: int) -> Iterator[Facts]:
        """Facts of at most `rows` rows at a time, in order; to be called once."""
        before = 0
        for cut in self._caster.chunks(rows):
            facts = self._landed(cut) if self._stored else self._derived(cut, before)
            before += len(cut.frame)
            self.facts += len(facts)
            yield facts

    def _landed(self, cut: _Cut) -> Facts:
        frame = cut.frame
        for name in ("_event", "_known", "_seq"):
            if not frame[name].present().all():
                raise DataError(f"{self._caster.feed.name}: a landed fact lacks a value", column=name)
        none = np.zeros(len(frame), dtype=np.bool_)
        retract = frame["_retract"].values.astype(np.bool_) if "_retract" in frame else none
        return Facts(
            frame["_event"].values, frame["_known"].values, frame["_seq"].values, retract, frame.select(self.kinds)
        )

    def _derived(self, cut: _Cut, before: int) -> Facts:
        keep = np.flatnonzero(~cut.bad)
        whole = len(keep) == len(cut.frame)
        derived = self.table.derive(
            cut.frame if whole else cut.frame.take(keep),
            seq_from=self.facts,
            arrival_us=0,
            where=self._caster.feed.name,
        )
        self.absent += derived.absent
        self.refused += int(cut.bad.sum()) + len(derived.refusals)
        found = cut.refusals + [replace(r, row=int(keep[r.row - 1]) + 1) for r in derived.refusals[:_SHOWN]]
        for refusal in sorted(found, key=lambda refusal: refusal.row)[: _SHOWN - len(self.examples)]:
            self.examples.append(replace(refusal, row=before + refusal.row))
        facts = derived.facts
        return Facts(facts.event, facts.known, facts.seq, facts.retract, facts.frame.select(self.kinds))


@dataclass
class RequestFeed:
    """Requests, chunk by chunk: their columns, their moments, their place.

    Attributes
    ----------
    kinds : dict of str to kind
        Of the columns asked for.
    rows : int or None
        How many requests there are, where that is known.
    """

    kinds: dict[str, Kind]
    rows: int | None
    _caster: Any = None
    _as_of: str = "as_of"

    @staticmethod
    def open(source: Any, columns: Iterable[str], as_of: str) -> RequestFeed:
        """The requests in `source`, asked at the moments of its column `as_of`."""
        feed = Feed.open(source, "requests")
        wanted = list(dict.fromkeys(columns))
        caster = _Caster(feed, list(dict.fromkeys([*wanted, as_of])), {}, feed.zone)
        return RequestFeed({name: caster.kinds[name] for name in wanted}, feed.rows, caster, as_of)

    def chunks(self, rows: int) -> Iterator[tuple[Frame, Ints]]:
        """Requests and their moments in microseconds, at most `rows` at a time; to be called once.

        Raises
        ------
        DataError
            For the first request without a moment: it could not be answered, and would be missing silently.
        """
        before = 0
        for cut in self._caster.chunks(rows):
            column = cut.frame[self._as_of]
            read = read_times(column, zone=self._caster.zone, what=f"requests, column {self._as_of!r}")
            if not read.present.all():
                row = int((~read.present).argmax())
                raise DataError(
                    "a request needs a moment at which it is asked",
                    row=before + row + 1,
                    column=self._as_of,
                    value=column.item(row),
                )
            before += len(cut.frame)
            yield cut.frame.select(self.kinds), read.us
