"""What is put to the test: a system, a plan, or bare definitions; and its facts and requests as people write them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from hindcast.columns import Column, Frame
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.facts.facts import Facts
from hindcast.facts.table import Table
from hindcast.features.plan import FeaturePlan
from hindcast.system import System
from hindcast.values import moment_us

__all__ = ["Subject", "facts_of", "plan_of", "request_of"]

Subject = System | FeaturePlan | Sequence[Any] | Any
"""What carries features: a :class:`~hindcast.system.System`, a :class:`~hindcast.features.FeaturePlan`, a definition or
function, or a sequence of them."""


def plan_of(subject: Subject, target: Table | None = None) -> FeaturePlan:
    """The plan of whatever carries features; `target` as in :meth:`FeaturePlan.compile`."""
    if isinstance(subject, System):
        return subject.plan
    if isinstance(subject, FeaturePlan):
        return subject
    features = list(subject) if isinstance(subject, Sequence) else [subject]
    return FeaturePlan.compile(features, target=target)


def facts_of(plan: FeaturePlan, given: Any) -> dict[str, Facts]:
    """Facts of every table that a plan reads, from what :func:`~hindcast.testing.given` takes.

    Raises
    ------
    ConfigError, UnknownName, DataError
        When it is not clear which table rows are of; for a table or column nobody knows; for a row that is no fact.
    """
    if not isinstance(given, Mapping):
        if not len(given):
            given = {}
        elif len(plan.tables) != 1:
            raise ConfigError(
                f"the features read {len(plan.tables)} tables ({', '.join(sorted(plan.tables))}); give their facts by "
                "name, such as given(features, {'trips': [...], 'drivers': [...]})."
            )
        else:
            given = {next(iter(plan.tables)): given}
    named = {key.name if isinstance(key, Table) else key: rows for key, rows in given.items()}
    for name, rows in named.items():
        if name not in plan.tables and not isinstance(
            rows, Facts
        ):  # a system's facts are of more tables than its plan's
            raise UnknownName("table", name, plan.tables, where="given facts")
    return {name: _facts(table, named.get(name, ()), plan.columns_of(name)) for name, table in plan.tables.items()}


def _facts(table: Table, rows: Any, read: Iterable[str]) -> Facts:
    if isinstance(rows, Facts):
        return rows
    if isinstance(rows, Frame):
        rows = rows.rows()
    items = [dict(row) for row in rows]
    known = [row.pop("_known", None) for row in items]
    retract = [bool(row.pop("_retract", False)) for row in items]
    said = list(dict.fromkeys(name for row in items for name in row))
    if table.all_columns is not None:
        for name in said:
            if name not in table.all_columns:
                raise UnknownName("column", name, table.all_columns, where=f"given facts of table {table.name!r}")
    names = list(dict.fromkeys([*table.needed, *(table.all_columns or ()), *said, *(() if items else read)]))
    frame = Frame({name: _column(table, name, items) for name in names}, len(items))
    derived = table.derive(frame, seq_from=0, arrival_us=0, where="given facts")
    if derived.refusals:
        first = derived.refusals[0]
        raise DataError(
            f"given facts of table {table.name!r}: {first.reason}",
            row=first.row,
            column=first.column,
            value=first.value,
        )
    facts = derived.facts
    moments = facts.known.copy()
    for at, row in enumerate(derived.rows.tolist()):
        if known[row] is not None:
            moments[at] = moment_us(known[row], what=f"_known of row {row + 1} of table {table.name!r}")
        elif table.known == "arrival":
            raise ConfigError(
                f"table {table.name!r} knows its facts on arrival, so each row must say when that was: give row "
                f"{row + 1} a '_known', such as {{..., '_known': '2025-01-03T09:30Z'}}."
            )
    event = moments if table.event_time is None else facts.event
    return replace(facts, known=moments, event=event, retract=np.array(retract, dtype=np.bool_)[derived.rows])


def _column(table: Table, name: str, items: Sequence[Mapping[str, Any]]) -> Column:
    """One column of rows; where no row has a value, null of the declared kind."""
    values = [row.get(name) for row in items]
    try:
        column = Column.of(values)
    except DataError as error:
        raise DataError(f"given facts of table {table.name!r}: {error}", column=name) from None
    kind = table.kinds.get(name)
    return column if kind is None or column.present().any() else Column.empty(kind, len(items))


def request_of(plan: FeaturePlan, given: Mapping[str, Any]) -> Frame:
    """One request as a frame of one row.

    Raises
    ------
    UnknownName
        For a column that the features do not ask for, and for one that they ask for and that is missing.
    """
    times = plan.target.time_columns if plan.target is not None else ()
    for name in given:
        if name not in plan.request_columns and (plan.target is None or name not in (plan.target.all_columns or ())):
            raise UnknownName("request column", name, plan.request_columns, where="the request")
    columns = {}
    for name in plan.request_columns:
        if name not in given:
            raise UnknownName("request column", name, given, where="the request lacks a value;")
        value = given[name]
        if name in times and value is not None:
            columns[name] = Column("time", np.array([moment_us(value, what=f"request column {name!r}")]))
        else:
            columns[name] = Column.of([value])
    return Frame(columns, 1)
