"""Ingesting: land what is new in the sources, once, and say what became of every row.

A table's rows are compared, as a multiset of digests, with what has landed: the same file, a grown one, or one in
another order adds only what was not there. Each file is one commit: its refused rows are in quarantine before its good
rows land, so a kill at any instant leaves either nothing of the file, or refusals whose good rows land next time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.clock import Clock
from hindcast.columns import Column, Frame, Kind
from hindcast.errors import ConfigError, DataError, SchemaError, UnknownName
from hindcast.facts.cast import Cast, cast_texts, cast_typed, guess_kind
from hindcast.facts.digests import Lanes, row_digests, surplus
from hindcast.facts.documents import Fault, Flat, Leaf, flat_leaf
from hindcast.facts.facts import Facts
from hindcast.facts.fit import kind_of_values
from hindcast.facts.lake import Lake, Receipt
from hindcast.facts.paths import DocumentPath
from hindcast.facts.quarantine import Quarantine, Refused
from hindcast.facts.reading import Rows, openings
from hindcast.facts.table import RESERVED, Refusal, Table, check_views
from hindcast.values import Bools, Ints, Moment, digest, moment_us

__all__ = ["Landed", "ingest", "retract"]

_A: dict[Kind, str] = {
    "number": "a number",
    "integer": "an integer",
    "time": "a time",
    "boolean": "true or false",
    "text": "a text",
}

Progress = Callable[[str, int, int], None]
"""Called with what was done, how many parts are done, and how many are known so far."""


@dataclass(frozen=True, slots=True)
class Landed:
    """What became of the rows of a table's source: every row is new, same, absent or refused.

    Parameters
    ----------
    table : str
    new : int
        Facts that landed now.
    same : int
        Rows that had landed before.
    absent : int
        Rows without an event time, which are no facts of this view.
    refused : int
        Rows that are in quarantine, whether they came there now or before.
    version : int
        The table's version afterwards.
    future : int
        Of the new facts, those that become known only after their arrival.
    ambiguous : int
        Of the new facts, those with a local clock time that occurred twice (the first is taken) or never.
    """

    table: str
    new: int
    same: int
    absent: int
    refused: int
    version: int
    future: int = 0
    ambiguous: int = 0


def ingest(
    lake: Lake,
    tables: Iterable[Table],
    *,
    clock: Clock,
    quarantine: Quarantine,
    progress: Progress | None = None,
    base: Path | None = None,
) -> list[Landed]:
    """Land what is new in the tables' sources.

    Parameters
    ----------
    lake : Lake
    tables : iterable of Table
        Those without a source are passed over.
    clock : Clock
        Says when facts arrive.
    quarantine : Quarantine
        Where refused rows go.
    progress : callable, optional
        Told after each part: a text, parts done, parts known so far.
    base : Path, optional
        Where relative paths of sources start; the working folder by default.

    Returns
    -------
    list of Landed
        One per table with a source, in the order given.

    Raises
    ------
    ConfigError, DataError, SchemaError
        For a file that cannot be read at all, lacks a declared column, or changed a column's kind. Nothing of that file
        has landed; files before it have.

    Notes
    -----
    Two rows that are equal in every column are two facts when one reading of the source holds both. A row that was
    corrected and then corrected back to the same values is not seen as news unless a known time tells them apart.
    Reading costs one pass over each file, whatever the number of its views; memory is one file.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from hindcast.clock import ReplayClock
    >>> from hindcast.facts import Lake, Quarantine, Table, frame, ingest
    >>> hours = frame({"hour": ["2013-07-01T06:00:00Z", "soon"], "temp": [71.0, 72.0]})
    >>> weather = Table("weather", hours, event_time="hour", known_after="1h")
    >>> lake, quarantine = Lake(mkdtemp()), Quarantine(mkdtemp())
    >>> [landed] = ingest(lake, [weather], clock=ReplayClock(), quarantine=quarantine)
    >>> landed.new, landed.refused, quarantine.rows()[0].reason
    (1, 1, 'hour is not a time')
    """
    tables = [table for table in tables if table.source is not None]
    check_views(tables)
    groups: dict[int, list[Table]] = {}
    for table in tables:
        groups.setdefault(id(table.source), []).append(table)
    counts = {table.name: Landed(table.name, 0, 0, 0, 0, -1) for table in tables}
    done = known = 0
    for views in groups.values():
        source = views[0].source
        assert source is not None
        parts = list(openings(source, base))
        known += len(parts) * len(views)
        with ExitStack() as stack:
            for view in sorted(views, key=lambda view: view.name):
                stack.enter_context(lake.writing(view.name))
            landings = [_Landing(lake, view, quarantine) for view in views]
            for name, read in parts:
                columns = _Columns(read(views))
                for landing in landings:
                    counts[landing.table.name] = landing.land(columns, counts[landing.table.name], clock)
                    done += 1
                    if progress is not None:
                        progress(f"{landing.table.name} from {name}", done, known)
    return [replace(counts[table.name], version=lake.version(table.name)) for table in tables]


@dataclass(eq=False)
class _Columns:
    """The columns of one file, each read as a kind once, however many views ask for it."""

    rows: Rows
    _cache: dict[tuple[str, DocumentPath, Kind | None, str | None], Cast | Flat] = field(default_factory=dict)

    def cast(self, name: str, path: DocumentPath, kind: Kind | None, zone: str | None) -> Cast | Flat:
        key = (name, path, kind, zone)
        if key not in self._cache:
            self._cache[key] = self._cast(name, path, kind, zone)
        return self._cache[key]

    def _cast(self, name: str, path: DocumentPath, kind: Kind | None, zone: str | None) -> Cast | Flat:
        what = f"file {self.rows.name}, column {name!r}"
        array = self.rows.at(path)
        if isinstance(array, Leaf):
            return flat_leaf(name, path, array, kind or kind_of_values(array.values, what), zone)
        made = cast_typed(array, zone=zone, what=what)
        column = made.column
        if column.kind == "text" and kind != "text":
            if self.rows.typed and kind is None:
                return made
            return cast_texts(column, kind or guess_kind(column), zone=zone, what=what)
        if kind is None or kind == column.kind:
            return made
        if kind == "text":
            return Cast(_as_text(column), made.bad, made.odd)
        try:
            return Cast(column.as_kind(kind), made.bad, made.odd)
        except DataError:
            if kind == "time":
                raise ConfigError(
                    f"{what}: holds {column.kind} values, not times. Convert them to timestamps with a zone, or name "
                    "another column as the time."
                ) from None
            raise SchemaError(f"{what}: holds {column.kind} values that are no {kind}s.", column=name) from None

    def faults(self, name: str, path: DocumentPath, cast: Cast | Flat, places: Ints) -> list[Fault]:
        """What is wrong with the column's values at `places`, which do not fit."""
        if isinstance(cast, Flat):
            return [cast.faults[int(place)] for place in places]
        reason = f"{name} is not {_A[cast.column.kind]}"
        return [Fault(value, reason) for value in self.rows.at(path).take(places).to_pylist()]


class _Landing:
    """Lands the files of one table's source, remembering which landed rows have been met already."""

    def __init__(self, lake: Lake, table: Table, quarantine: Quarantine) -> None:
        self.lake, self.table, self.quarantine = lake, table, quarantine
        self.stored = lake.schema(table.name) if table.name in lake.tables() else {}
        self.lanes = lake.digests(table.name)
        self.open = np.ones(len(self.lanes), dtype=np.bool_)
        self.refused_before = quarantine.identities(table.name)

    def land(self, columns: _Columns, counts: Landed, clock: Clock) -> Landed:
        """Land one file; the counts with its rows added."""
        rows, table = columns.rows, self.table
        frame, bad, odd = self._frame(columns)
        keep = np.flatnonzero(~bad[0])
        arrival_us = clock.stamp_us()
        derived = table.derive(frame.take(keep), seq_from=0, arrival_us=arrival_us, where=f"file {rows.name}")
        at = keep[derived.rows]
        lanes = row_digests(derived.facts.frame)
        new = self._new(derived.facts, lanes, rows.name)
        fresh = derived.facts.take(new)
        start = self.lake.next_seq(table.name)
        fresh = replace(fresh, seq=np.arange(start, start + len(fresh), dtype=np.int64))

        refusals: list[tuple[int | None, Refusal]] = [(None, refusal) for refusal in rows.refusals]
        refusals += bad[1]
        refusals += [
            (int(keep[r.row - 1]), replace(r, row=int(rows.numbers[keep[r.row - 1]]))) for r in derived.refusals
        ]
        self._quarantine(refusals, rows)
        content = [int(part) for part in np.add.reduce(lanes[new], axis=0)]
        self.lake.append(
            table,
            fresh,
            batch=f"ingest {digest([rows.name, start, len(fresh), content])}",
            origin={"file": rows.name, "rows": len(rows) + len(rows.refusals), "refused": len(refusals)},
            file=rows.name,
            rows=rows.numbers[at[new]],
            digests=lanes[new],
            arrival=np.full(len(fresh), arrival_us, dtype=np.int64),
        )
        self.stored = self.lake.schema(table.name)
        return Landed(
            table.name,
            counts.new + len(fresh),
            counts.same + len(derived.facts) - len(fresh),
            counts.absent + derived.absent,
            counts.refused + len(refusals),
            -1,
            counts.future + int((fresh.known > arrival_us).sum()),
            counts.ambiguous + int(odd[at[new]].sum()),
        )

    def _frame(self, columns: _Columns) -> tuple[Frame, tuple[Bools, list[tuple[int, Refusal]]], Bools]:
        """The table's columns as their kinds; which rows hold a value that does not fit, and which odd clock times."""
        table, rows = self.table, columns.rows
        there = rows.names
        place = f"table {table.name!r}, file {rows.name}"
        self._check_names(rows, place)
        wanted = table.all_columns or tuple(dict.fromkeys([*there, *table.needed]))
        for name in wanted:
            if name in RESERVED:
                raise ConfigError(f"{place}: column {name!r} is a name the lake keeps for itself; rename it.")
        made: dict[str, Column] = {}
        bad = np.zeros(len(rows), dtype=np.bool_)
        odd = np.zeros(len(rows), dtype=np.bool_)
        refusals: list[tuple[int, Refusal]] = []
        for name in wanted:
            path = table.path(name)
            cast = self._cast(columns, name, path)
            made[name] = cast.column
            odd |= cast.odd
            hits = np.flatnonzero(cast.bad & ~bad)
            if len(hits):
                refusals += [
                    (int(row), Refusal(int(rows.numbers[row]), name, fault.value, fault.reason))
                    for row, fault in zip(hits, columns.faults(name, path, cast, hits), strict=True)
                ]
                bad |= cast.bad
        return Frame(made, len(rows)), (bad, refusals), odd

    def _check_names(self, rows: Rows, place: str) -> None:
        """Every declared column and path must be there; a document may lack it, but not all of a file.

        A column that has landed with values before is known to be one, and may be missing from all documents of a
        later file.
        """
        table = self.table
        for name in table.all_columns or table.needed:
            path = table.path(name)
            if rows.table is not None:
                if name not in (table.paths or ()) and name not in rows.names:
                    raise UnknownName("column", name, rows.names, where=place)
            elif not path.optional and (error := rows.unknown(path)) is not None and not self._landed(name):
                raise UnknownName(
                    error.kind,
                    error.name,
                    error.known,
                    where=f"{place}, column {name!r} (if no document need have it, say {str(path) + '?'!r} in paths=)",
                )
        for name in table.kinds:
            if table.all_columns is None and name not in rows.names and (len(rows) or rows.table is not None):
                raise UnknownName("column", name, rows.names, where=f"{place}, types")

    def _landed(self, name: str) -> bool:
        """Whether the column holds a value in the lake."""
        return name in self.stored and bool(self.lake.facts(self.table.name, [name]).frame[name].present().any())

    def _cast(self, columns: _Columns, name: str, path: DocumentPath) -> Cast | Flat:
        """One column as the kind that is declared, else as it is stored, else as it reads best."""
        table, zone = self.table, self.table.clock_zone
        declared, stored = table.kinds.get(name), self.stored.get(name)
        if declared is not None:
            return columns.cast(name, path, declared, zone)
        leaf = columns.rows.at(path)
        if isinstance(leaf, Leaf) and stored is not None and self._landed(name):
            whole = not any(type(value) is float and not value.is_integer() for value in leaf.values)
            cast = columns.cast(name, path, stored if whole or stored != "integer" else "number", zone)
            return self._mostly(cast, columns, name, stored, "of another kind")
        as_is = columns.cast(name, path, None, zone)
        if stored is None or stored == as_is.column.kind or not (as_is.column.present().any() or as_is.bad.any()):
            return as_is
        if {stored, as_is.column.kind} <= {"integer", "number", "boolean"} or not self._landed(name):
            return as_is
        cast = columns.cast(name, path, stored, zone) if not columns.rows.typed or stored == "text" else as_is
        return self._mostly(cast, columns, name, stored, as_is.column.kind)

    def _mostly(self, cast: Cast | Flat, columns: _Columns, name: str, stored: Kind, came: str) -> Cast | Flat:
        """The column, unless most of its values are not of the kind that is stored."""
        if int(cast.bad.sum()) > len(cast.bad) // 2:
            raise SchemaError(
                f"table {self.table.name!r}: column {name!r} holds {stored} values, and most that came now are "
                f"{came}. Mend the file, or declare types={{{name!r}: {stored!r}}} to refuse them row by row.",
                file=columns.rows.name,
                column=name,
            )
        return cast

    def _new(self, facts: Facts, given: Lanes, file: str) -> Bools:
        """Which facts have not landed before; what they match counts as met."""
        names = facts.frame.names
        lanes = self.lanes
        if any(name not in names for name in self.stored):
            landed = self.lake.facts(self.table.name, [name for name in names if name in self.stored])
            lanes = row_digests(landed.frame, landed.retract)[: len(self.lanes)]
        open_rows = np.flatnonzero(self.open)
        new, used = surplus(given, lanes[open_rows])
        if not self.table.keys and self.stored:
            self._check_added(facts.take(new), file, lanes[open_rows[~used]])
        self.open[open_rows[used]] = False
        return new

    def _check_added(self, facts: Facts, file: str, left: Lanes) -> None:
        """Without a key, a landed row that comes back with a value in an added column would be doubled."""
        added = [name for name in facts.frame.names if name not in self.stored]
        filled = [name for name in added if facts.frame[name].present().any()]
        if not filled or not len(left):
            return
        before, _ = surplus(row_digests(facts.frame.select([n for n in facts.frame.names if n not in added])), left)
        if not before.all():
            raise SchemaError(
                f"table {self.table.name!r}: {int((~before).sum())} rows that have landed came back with values in "
                f"added columns ({', '.join(filled)}) and would count twice. Declare key=, so that they arrive as "
                "corrections.",
                file=file,
            )

    def _quarantine(self, refusals: Sequence[tuple[int | None, Refusal]], rows: Rows) -> None:
        """Put those refusals into quarantine that are not there yet."""
        places = [row for row, _ in refusals if row is not None]
        contents = dict(zip(places, rows.contents(places), strict=True)) if places else {}
        fresh = []
        for row, refusal in sorted(refusals, key=lambda pair: pair[1].row):
            content = digest(repr(refusal.value if row is None else contents[row]).encode(), length=32)
            value = None if refusal.value is None else str(refusal.value)
            refused = Refused(self.table.name, rows.name, refusal.row, refusal.column, value, refusal.reason, content)
            if self.refused_before[refused.identity] > 0:
                self.refused_before[refused.identity] -= 1
            else:
                fresh.append(refused)
        self.quarantine.add(fresh)


def _as_text(column: Column) -> Column:
    items = [None if item is None else str(item) for item in column.objects()]
    return Column.of_kind(items, "text")


def retract(lake: Lake, table: Table, keys: Sequence[Any], known: Moment) -> Receipt:
    """Withdraw facts: from `known` on nobody sees the facts with these keys; a later fact of a key revives it.

    Parameters
    ----------
    lake : Lake
    table : Table
        With a key.
    keys : sequence
        Values of the key; tuples when it has several columns.
    known : moment
        When the withdrawal became known.

    Returns
    -------
    Receipt
        The same retraction again lands nothing.

    Raises
    ------
    ConfigError
        When the table has no key.
    DataError
        For the first key that never landed: a retraction of nothing is a mistake.
    """
    if not table.keys:
        raise ConfigError(f"table {table.name!r} has no key, so no fact of it can be named; declare key=.")
    known_us = moment_us(known, what="known")
    tuples = [key if isinstance(key, tuple) else (key,) for key in keys]
    for key in tuples:
        if len(key) != len(table.keys):
            raise ConfigError(f"table {table.name!r}: a key is ({', '.join(table.keys)}), got {key!r}.")
    with lake.writing(table.name):
        kinds = lake.schema(table.name)
        frame = Frame(
            {
                name: Column.of_kind([key[place] for key in tuples], kinds[name])
                for place, name in enumerate(table.keys)
            },
            len(tuples),
        )
        there = lake.facts(table.name, table.keys)
        strange, _ = surplus(row_digests(frame), _each_as_often(row_digests(there.frame), len(tuples)))
        if strange.any():
            raise DataError(
                f"table {table.name!r}: no fact with this key has landed", value=tuples[int(strange.argmax())]
            )
        start = lake.next_seq(table.name)
        moments: Ints = np.full(len(tuples), known_us, dtype=np.int64)
        seq = np.arange(start, start + len(tuples), dtype=np.int64)
        facts = Facts(moments, moments, seq, np.ones(len(tuples), dtype=np.bool_), frame)
        batch = f"retract {digest([table.name, [list(map(str, key)) for key in tuples], known_us])}"
        return lake.append(table, facts, batch=batch, origin={"retracted": len(tuples)})


def _each_as_often(lanes: Lanes, times: int) -> Lanes:
    """Each distinct digest `times` times, so that a key asked for twice is found twice."""
    return np.repeat(np.unique(lanes, axis=0), times, axis=0) if times > 1 else lanes
