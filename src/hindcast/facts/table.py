"""A table says what its rows mean: what names a fact, when it happened, and when it could first be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hindcast.columns import Column, Frame, Kind
from hindcast.errors import ConfigError, UnknownName
from hindcast.facts.facts import Facts
from hindcast.facts.paths import DocumentPath
from hindcast.facts.source import Source, check_types
from hindcast.facts.times import Shift, TimesRead, read_times
from hindcast.values import BEGINNING, Bools, Duration, Ints, Moment, duration_text, duration_us, iso, moment_us

__all__ = ["RESERVED", "Derivation", "Refusal", "Table", "check_views"]

RESERVED = ("_event", "_known", "_seq", "_retract", "_file", "_row", "_digest")
"""Names of the columns that the lake stores beside a table's own."""

_FIRST_US, _LAST_US = moment_us("1900-01-01"), moment_us("2200-01-01")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that is not a fact, and why.

    Parameters
    ----------
    row : int
        The row's number in its file or frame, from 1; a header does not count.
    column : str or None
    value : object
        The value that was refused, None when it was missing.
    reason : str
        One sentence for a person.
    """

    row: int
    column: str | None
    value: Any
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Derivation:
    """What a table makes of rows.

    Parameters
    ----------
    facts : Facts
        The rows that are facts of the table, in their order.
    rows : int64 array, shape (len(facts),)
        Each fact's row in the frame, from 0.
    refusals : list of Refusal
        In order of rows; one per refused row, for its first fault.
    absent : int
        Rows without an event time, which are no facts of this view.
    future : int
        Facts that are known only after their arrival.
    ambiguous : int
        Facts with a local clock time that occurred twice or never.
    """

    facts: Facts
    rows: Ints
    refusals: list[Refusal]
    absent: int
    future: int
    ambiguous: int


@dataclass(frozen=True, kw_only=True)
class Table:
    """Append-only facts with a declared meaning.

    Parameters
    ----------
    name : str
        Letters, digits and underscores.
    source : Files or Data, optional
        Where rows come from. One source object may feed several tables, its views: each then declares `columns`.
    key : str or sequence of str, optional
        The columns that name a fact. A later-known fact with the same key replaces the earlier one. Without a
        key there are no corrections.
    event_time : str, optional
        The column that says when it happened. A row where it is null is not a fact of this table. Without it a
        fact happens when it becomes known.
    known : str or Shift, optional
        When the system could first read the fact: a time column, ``before(...)`` or ``after(...)`` a time column,
        ``"event"`` (when it happens), ``"arrival"`` (when it reaches us) or ``"always"`` (reference data, an
        assumption that reports list). For a column of one of these three names write ``after("event", "0s")``.
    known_after : duration, optional
        Instead of `known`: this long after the event, such as ``"1h"``.
    columns : sequence of str, optional
        The table's columns; key, event time and known column belong to it always. All of the source's by default.
    start : moment, optional
        Before it the table saw nothing: windows reaching back further are null rather than empty.
    zone : str, optional
        Whose clock times without an offset are read on; by default the source's `zone`.
    types : mapping of str to kind, optional
        Kinds of columns, over the source's `types`.
    paths : mapping of str to str, optional
        Columns that stand inside of documents, and where: ``{"amount": "payment.amount", "first": "items[0].sku"}``.
        With it the table's columns are these, those of `columns`, and those it needs; other fields of the documents
        are left alone. A path that a document lacks is null there.

    Raises
    ------
    ConfigError
        For a declaration that makes no sense, above all when nothing says when the facts become known.

    Examples
    --------
    >>> weather = Table("weather", event_time="hour", known_after="1h", columns=["origin", "temp"])
    >>> weather.needed, weather.all_columns
    (('hour',), ('hour', 'origin', 'temp'))
    >>> Table("planes", key="tailnum")
    Traceback (most recent call last):
        ...
    hindcast.errors.ConfigError: table 'planes': nothing says when its facts become known. Declare known= (a time \
column, before(...), after(...), 'event', 'arrival' or 'always') or known_after='1h': only what was known by then may \
be used.
    """

    name: str = field(kw_only=False)
    source: Source | None = field(default=None, kw_only=False, compare=False, repr=False)
    key: str | Sequence[str] | None = None
    event_time: str | None = None
    known: str | Shift | None = None
    known_after: Duration | None = None
    columns: Sequence[str] | None = None
    start: Moment | None = None
    zone: str | None = None
    types: Mapping[str, Kind] | None = field(default=None, hash=False)
    paths: Mapping[str, str] | None = field(default=None, hash=False)

    def __post_init__(self) -> None:
        where = f"table {self.name!r}"
        if (
            not isinstance(self.name, str)
            or not self.name.isidentifier()
            or not self.name.isascii()
            or self.name.startswith("_")
        ):
            raise ConfigError(f"{where}: a table's name is letters, digits and underscores, starting with a letter.")
        if (self.known is None) == (self.known_after is None):
            problem = (
                "nothing says when its facts become known"
                if self.known is None
                else "known= and known_after= say it twice"
            )
            raise ConfigError(
                f"{where}: {problem}. Declare known= (a time column, before(...), after(...), 'event', 'arrival' or "
                "'always') or known_after='1h': only what was known by then may be used."
            )
        put = object.__setattr__
        put(self, "key", _names(self.key, f"{where}: key"))
        if self.columns is not None:
            put(self, "columns", _names(self.columns, f"{where}: columns"))
        if self.known_after is not None:
            put(self, "known_after", duration_text(duration_us(self.known_after, what=f"{where}: known_after")))
        if self.start is not None:
            put(self, "start", moment_us(self.start, what=f"{where}: start"))
        if self.event_time is None and (self.known == "event" or self.known_after is not None):
            raise ConfigError(f"{where}: facts are known relative to an event, so it needs event_time=, a time column.")
        put(self, "types", check_types(self.types, where))
        if self.paths is not None:
            if not isinstance(self.paths, Mapping):
                raise ConfigError(f"{where}: paths is a mapping such as {{'amount': 'payment.amount'}}.")
            _names(tuple(self.paths), f"{where}: paths")
            told = {name: DocumentPath.of(path, f"{where}, paths[{name!r}]") for name, path in self.paths.items()}
            put(self, "paths", {name: str(path) for name, path in told.items()} or None)
        if self.zone is not None:
            read_times(Column.of(["2000-01-01"]), zone=self.zone, what=where)
        for column in self.all_columns or self.needed:
            if column in RESERVED:
                raise ConfigError(
                    f"{where}: column {column!r} is a name the lake keeps for itself; rename it in the source."
                )

    @property
    def keys(self) -> tuple[str, ...]:
        """The key's columns; empty when the table has none."""
        return tuple(self.key or ())

    @property
    def start_us(self) -> int | None:
        """The declared start in microseconds since 1970 UTC."""
        return None if self.start is None else moment_us(self.start)

    @property
    def known_column(self) -> str | None:
        """The column that says when facts become known, if a column does."""
        if isinstance(self.known, Shift):
            return self.known.column
        return self.known if self.known not in ("event", "arrival", "always") else None

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns without which a row cannot be a fact: key, event time and known column."""
        return tuple(dict.fromkeys(c for c in (*self.keys, self.event_time, self.known_column) if c is not None))

    @property
    def all_columns(self) -> tuple[str, ...] | None:
        """All columns of the table when `columns` or `paths` are declared, else None."""
        if self.columns is None and not self.paths:
            return None
        return tuple(dict.fromkeys((*self.needed, *(self.columns or ()), *(self.paths or ()))))

    def path(self, column: str) -> DocumentPath:
        """Where the column stands in a document: its declared path, else a field of its own name."""
        declared = (self.paths or {}).get(column)
        return DocumentPath((column,)) if declared is None else DocumentPath.of(declared)

    @property
    def time_columns(self) -> tuple[str, ...]:
        """The columns that must hold moments."""
        return tuple(dict.fromkeys(c for c in (self.event_time, self.known_column) if c is not None))

    @property
    def kinds(self) -> dict[str, Kind]:
        """The kinds that are declared: of the source, of the table, and that the times are times."""
        declared: dict[str, Kind] = {**((self.source.types if self.source else None) or {}), **(self.types or {})}
        return {**declared, **dict.fromkeys(self.time_columns, "time")}

    @property
    def clock_zone(self) -> str | None:
        """Whose clock times without an offset are read on: the table's, else the source's zone."""
        return self.zone or (self.source.zone if self.source else None)

    def describe(self) -> dict[str, Any]:
        """What identifies the declaration, in plain values: the meaning, not where the rows live."""
        return {
            "table": self.name,
            "key": list(self.keys),
            "event_time": self.event_time,
            "known": self.known.describe() if isinstance(self.known, Shift) else self.known,
            "known_after": self.known_after,
            "columns": None if self.all_columns is None else list(self.all_columns),
            "start": None if self.start is None else iso(moment_us(self.start)),
            "zone": self.clock_zone,
            "types": self.kinds,
            **({"paths": dict(self.paths)} if self.paths else {}),
        }

    def facts_of(self, frame: Frame, *, seq_from: int, arrival_us: int) -> tuple[Facts, list[Refusal]]:
        """The facts among `frame`'s rows, and the rows that were refused; see :meth:`derive` for the counts."""
        derived = self.derive(frame, seq_from=seq_from, arrival_us=arrival_us)
        return derived.facts, derived.refusals

    def derive(self, frame: Frame, *, seq_from: int, arrival_us: int, where: str = "") -> Derivation:
        """Read the times of every row and say which rows are facts, absent, or refused.

        Parameters
        ----------
        frame : Frame, shape (n,)
            Rows in the order they arrived. Time columns may be times, ISO texts or microseconds.
        seq_from : int
            The sequence number of the first fact.
        arrival_us : int
            When the rows arrived: the known time where that is declared, and what counts as future.
        where : str, optional
            The rows' origin for error messages, such as ``"file flights.csv"``.

        Raises
        ------
        UnknownName
            When the frame lacks a column that is declared.
        """
        place = f"table {self.name!r}" + (f", {where}" if where else "")
        wanted = self.all_columns or (*self.needed, *(name for name in frame.names if name not in self.needed))
        for name in wanted:
            if name not in frame:
                raise UnknownName("column", name, frame.names, where=place)
        judge = _Judge(len(frame))
        times: dict[str, TimesRead] = {}
        for name in self.time_columns:
            read = times[name] = read_times(frame[name], zone=self.clock_zone, what=f"{place}, column {name!r}")
            judge.refuse(read.bad, name, frame[name], "is not a time")
        absent = np.zeros(len(frame), dtype=np.bool_)
        if self.event_time is not None:
            absent = judge.open & ~times[self.event_time].present
            judge.close(absent)
        for name in self.keys:
            judge.refuse(
                ~frame[name].present(), name, frame[name], "is null, but belongs to the key that names the fact"
            )
        if self.known_column is not None:
            column = self.known_column
            judge.refuse(
                ~times[column].present, column, frame[column], "is null, so nothing says when the fact became known"
            )
        event, known = self._when(len(frame), times, arrival_us)
        for name in self.time_columns:
            us = times[name].us
            judge.refuse((us < _FIRST_US) | (us >= _LAST_US), name, frame[name], "lies outside the years 1900 to 2199")
        good = judge.open
        rows = np.flatnonzero(good)
        columns = {name: times[name].column() if name in times else frame[name] for name in wanted}
        odd = np.zeros(len(frame), dtype=np.bool_)
        for read in times.values():
            odd |= read.odd
        landed = Frame(columns, len(frame))
        if len(rows) < len(frame):
            same = known is event
            event, landed = event[rows], landed.take(rows)
            known = event if same else known[rows]
        seq = np.arange(seq_from, seq_from + len(rows), dtype=np.int64)
        facts = Facts(event, known, seq, np.zeros(len(rows), dtype=np.bool_), landed)
        future = int((facts.known > arrival_us).sum())
        return Derivation(facts, rows, judge.refusals(), int(absent.sum()), future, int(odd[rows].sum()))

    def _when(self, length: int, times: Mapping[str, TimesRead], arrival_us: int) -> tuple[Ints, Ints]:
        """Event and known times of every row; meaningless where a row is absent or refused."""
        known = np.full(length, BEGINNING if self.known == "always" else arrival_us, dtype=np.int64)
        event = known if self.event_time is None else times[self.event_time].us
        if isinstance(self.known, Shift):
            known = times[self.known.column].us + self.known.offset_us
        elif self.known_column is not None:
            known = times[self.known_column].us
        elif self.known == "event":
            known = event
        elif self.known_after is not None:
            known = event + duration_us(self.known_after)
        return (known if self.event_time is None else event), known


class _Judge:
    """Collects the first fault of each row; `open` is where nothing was found yet."""

    def __init__(self, length: int) -> None:
        self.open: Bools = np.ones(length, dtype=np.bool_)
        self._found: list[tuple[Ints, str, Column, str]] = []

    def close(self, rows: Bools) -> None:
        self.open = self.open & ~rows

    def refuse(self, rows: Bools, name: str, column: Column, reason: str) -> None:
        hits = np.flatnonzero(rows & self.open)
        if len(hits):
            self._found.append((hits, name, column, reason))
            self.close(rows)

    def refusals(self) -> list[Refusal]:
        result = [
            Refusal(int(row) + 1, name, value, f"{name} {reason}")
            for hits, name, column, reason in self._found
            for row, value in zip(hits, column.take(hits).objects(), strict=True)
        ]
        return sorted(result, key=lambda refusal: refusal.row)


def _names(given: str | Sequence[str] | None, what: str) -> tuple[str, ...]:
    names = () if given is None else (given,) if isinstance(given, str) else tuple(given)
    if not all(isinstance(name, str) and name for name in names):
        raise ConfigError(f"{what}: expected names of columns, got {given!r}.")
    if len(set(names)) != len(names):
        raise ConfigError(f"{what}: {', '.join(names)} names a column twice.")
    return names


def check_views(tables: Iterable[Table]) -> None:
    """Views of one source must say which columns are theirs: else the plan would carry the outcome.

    Raises
    ------
    ConfigError
        Naming the tables of one source object of which one declares no `columns`, or tables of one name.
    """
    sharing: dict[int, list[Table]] = {}
    seen: set[str] = set()
    for table in tables:
        if table.name in seen:
            raise ConfigError(f"two tables are named {table.name!r}; give each a name of its own.")
        seen.add(table.name)
        if table.source is not None:
            sharing.setdefault(id(table.source), []).append(table)
    for views in sharing.values():
        bare = [view.name for view in views if view.all_columns is None]
        if len(views) > 1 and bare:
            names = " and ".join(repr(view.name) for view in views)
            raise ConfigError(
                f"tables {names} read the same source, whose rows hold facts known at different times. Declare "
                f"columns= for {' and '.join(map(repr, bare))}: only what is known at that table's known time."
            )
