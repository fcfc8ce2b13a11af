"""Rows as a caller pushes them, made into facts: what fits, what is refused and why. Pure: nothing is applied here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.columns import Column, Frame, Kind
from hindcast.errors import DataError, UnknownName
from hindcast.facts.documents import flat_leaf, flat_rows
from hindcast.facts.facts import Facts
from hindcast.facts.fit import Misfit, checked_value, column_of, first_kind
from hindcast.facts.table import Table
from hindcast.serve.records import FactsRecord, RefusedRow
from hindcast.values import iso

__all__ = ["PushRefused", "Pushed", "Receipt", "facts_of_rows", "restamped"]


@dataclass(frozen=True, slots=True, eq=False)
class Pushed:
    """What a table makes of pushed rows.

    Attributes
    ----------
    facts : Facts
    refused : list of RefusedRow
        In order of rows, one per refused row.
    absent : int
        Rows without an event time, which are no facts of this table.
    future : int
        Facts that become known only after their arrival.
    """

    facts: Facts
    refused: list[RefusedRow]
    absent: int
    future: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a push did, given when it is on the medium.

    Attributes
    ----------
    accepted : int
        Facts taken. Of a repeated push whose details are no longer kept: -1.
    quarantined : int
        Rows that were put aside.
    refused : list of RefusedRow
        The first hundred of them.
    absent : int
        Rows without an event time, which are no facts of this table.
    future : int
        Facts that will be known only later than they arrived.
    arrival : int
        Their arrival stamp; -1 where `accepted` is.
    repeated : bool
        The same push had been taken before; nothing was done now.
    """

    table: str
    accepted: int
    quarantined: int
    refused: list[RefusedRow]
    absent: int
    future: int
    arrival: int
    repeated: bool = False

    @staticmethod
    def of(record: FactsRecord, *, repeated: bool) -> Receipt:
        """The receipt of a record."""
        return Receipt(
            record.table,
            len(record),
            len(record.refused),
            record.refused[:100],
            record.absent,
            record.future,
            record.stamp,
            repeated,
        )


class PushRefused(DataError):
    """A push with bad rows: the first is the error, the others beside it.

    Parameters
    ----------
    table : str
    refused : list of RefusedRow
        In order of rows, at least one.
    """

    def __init__(self, table: str, refused: list[RefusedRow]) -> None:
        first = refused[0]
        super().__init__(
            f"table {table!r}: {first.reason.rstrip('.')}. Nothing of this push was taken",
            row=first.row,
            column=first.column,
            value=first.value,
        )
        self.refused = refused


def facts_of_rows(
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    kinds: Mapping[str, Kind],
    *,
    needed: Iterable[str] = (),
    seq_from: int,
    arrival_us: int,
) -> Pushed:
    """The facts among `rows`.

    Parameters
    ----------
    rows : sequence of mapping
        A name that a row lacks is null. Of a table with `paths`, documents.
    kinds : mapping of str to kind
        Of the table's columns as far as known: declared, or landed before. Others take theirs from the values.
    needed : iterable of str
        Columns that must be there, if only as null (those the features read).
    seq_from, arrival_us : int

    Raises
    ------
    UnknownName
        For a name that is no column of the table, with close matches.

    Examples
    --------
    >>> weather = Table("weather", event_time="hour", known="arrival", types={"temp": "number"})
    >>> rows = [{"hour": "2013-07-01T06:00:00Z", "temp": 71}, {"hour": "2013-07-01T07:00:00Z", "temp": "hot"}]
    >>> pushed = facts_of_rows(weather, rows, weather.kinds, seq_from=5, arrival_us=9)
    >>> pushed.facts.seq.tolist(), [(r.row, r.column, r.value) for r in pushed.refused]
    ([5], [(2, 'temp', 'hot')])
    """
    names = _names(table, rows, kinds, needed)
    faults: dict[int, Misfit] = {}
    columns: dict[str, Column] = {}
    documents = flat_rows(rows, {name: table.path(name) for name in names}) if table.paths else {}
    for name in names:
        if name in documents:
            leaf = documents[name]
            kind = _kind(table, name, leaf.values, kinds) or first_kind(leaf.values)
            flat = flat_leaf(name, table.path(name), leaf, kind, table.clock_zone)
            columns[name] = flat.column
            for place, wrong in flat.faults.items():
                faults.setdefault(place + 1, Misfit(wrong.reason, column=name, value=wrong.value, row=place + 1))
            continue
        items = [row.get(name) for row in rows]
        if name in table.time_columns and table.clock_zone is not None:
            columns[name], found = _clock_times(name, items)
        else:
            columns[name], found = column_of(name, items, _kind(table, name, items, kinds))
        for fault in found:
            faults.setdefault(fault.row or 0, fault)
    frame = Frame(columns, len(rows))
    good = np.array([row not in faults for row in range(1, len(rows) + 1)], dtype=np.bool_)
    places = np.flatnonzero(good)
    derived = table.derive(frame if good.all() else frame.take(good), seq_from=seq_from, arrival_us=arrival_us)
    refused = [RefusedRow(row, fault.column, _text(fault.value), fault.reason) for row, fault in faults.items()]
    refused += [RefusedRow(int(places[r.row - 1]) + 1, r.column, _text(r.value), r.reason) for r in derived.refusals]
    return Pushed(derived.facts, sorted(refused, key=lambda r: r.row), derived.absent, derived.future)


def restamped(table: Table, draft: Pushed, stamp: int) -> Pushed:
    """The draft as it is when its rows arrive at `stamp`."""
    facts = draft.facts
    arrived = np.full(len(facts), stamp, dtype=np.int64)
    known = arrived if table.known == "arrival" else facts.known
    event = known if table.event_time is None and table.known == "arrival" else facts.event
    moved = Facts(event, known, facts.seq, facts.retract, facts.frame)
    return Pushed(moved, draft.refused, draft.absent, int((known > stamp).sum()))


def _names(
    table: Table, rows: Sequence[Mapping[str, Any]], kinds: Mapping[str, Kind], needed: Iterable[str]
) -> list[str]:
    """The columns of the table, as far as anybody knows them; of a new table without a declaration, the rows'."""
    if table.all_columns is not None:
        known = dict.fromkeys(table.all_columns)
        if table.paths:
            return list(known)
    else:
        known = dict.fromkeys([*table.needed, *kinds, *needed])
        if not set(kinds) - set(table.kinds):
            known |= dict.fromkeys(name for row in rows for name in row)
    for number, row in enumerate(rows, 1):
        if not row.keys() <= known.keys():
            name = next(name for name in row if name not in known)
            raise UnknownName("column", name[:100], known, where=f"table {table.name!r}, row {number}")
    return list(known)


def _kind(table: Table, name: str, items: Sequence[Any], kinds: Mapping[str, Kind]) -> Kind | None:
    """The column's kind; integers that were never declared to be may widen to numbers, as in the lake."""
    kind = "time" if name in table.time_columns else kinds.get(name)
    fraction = kind == "integer" and any(type(item) is float and not item.is_integer() for item in items)
    return "number" if fraction and name not in table.kinds else kind


def _clock_times(name: str, items: Sequence[Any]) -> tuple[Column, list[Misfit]]:
    """Times that may be a local clock's, as texts for the table to read in its zone."""
    texts: list[str | None] = []
    faults = []
    for row, item in enumerate(items, 1):
        if item is None or isinstance(item, str):
            texts.append(item)
            continue
        try:
            texts.append(iso(checked_value(name, item, "time", row)))
        except Misfit as fault:
            texts.append(None)
            faults.append(fault)
    return Column.of_kind(texts, "text"), faults


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else repr(value)
