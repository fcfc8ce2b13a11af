"""Values as callers send them, checked against the kinds that were declared: nothing is guessed, nothing is cut."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hindcast.columns import Column, Kind
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.values import moment_us

__all__ = ["Misfit", "Scalar", "checked_row", "checked_value", "column_of", "refuse_unknown"]

Scalar = str | int | float | bool | None
"""What JSON can say in one value."""

_FIRST_US, _LAST_US = moment_us("1900-01-01"), moment_us("2200-01-01")
_WANTED = {
    "number": "a finite number",
    "integer": "a whole number",
    "time": "a moment such as '2013-07-01T06:00:00Z'",
    "boolean": "true or false",
    "text": "a text",
}


class Misfit(DataError):
    """A value that is not of its column's kind; `reason` says so without the place."""

    def __init__(self, reason: str, *, column: str, value: Any, row: int | None = None) -> None:
        super().__init__(reason, row=row, column=column, value=value)
        self.reason = reason


def checked_value(name: str, value: Any, kind: Kind, row: int | None = None) -> Any:
    """`value` as the column `name` of `kind` holds it; None is null.

    A whole float is an integer, an integer a number; a moment is ISO text with its offset, or microseconds. Nothing
    else is converted: ``"12"`` is no number and ``1`` is no boolean.

    Raises
    ------
    Misfit
        Naming the `row`, if one is given, the column and the value.

    Examples
    --------
    >>> checked_value("distance", 1400.0, "integer"), checked_value("at", "1970-01-01T00:00:01Z", "time")
    (1400, 1000000)
    """
    if value is None:
        return None
    given = type(value)
    if kind == "text":
        if given is str:
            return value
    elif kind == "number":
        if given is float:
            if math.isfinite(value):
                return value
        elif given is int and abs(value) < 1 << 1000:
            return float(value)
    elif kind == "integer":
        if given is int and -(1 << 63) <= value < 1 << 63:
            return value
        if given is float and value.is_integer() and abs(value) <= 1 << 53:
            return int(value)
    elif kind == "boolean":
        if given is bool:
            return value
    elif kind == "time" and given in (str, int):
        try:
            moment = moment_us(value, what=name)
        except ConfigError as error:
            raise Misfit(str(error), column=name, value=_short(value), row=row) from None
        if _FIRST_US <= moment < _LAST_US:
            return moment
        raise Misfit("a moment must lie in the years 1900 to 2199", column=name, value=_short(value), row=row)
    raise Misfit(f"{_WANTED[kind]} was expected", column=name, value=_short(value), row=row)


def checked_row(row: Mapping[str, Any], kinds: Mapping[str, Kind], *, what: str, number: int) -> dict[str, Any]:
    """The values of `kinds` from `row`, the caller's `number`-th, in that order; each must be given, and nothing else.

    Raises
    ------
    UnknownName
        For a name that is not asked for, with close matches.
    DataError
        For a missing name or a value of another kind.
    """
    result = {}
    for name, kind in kinds.items():
        if name not in row:
            refuse_unknown(row, kinds, what=f"{what} {number}")
            raise DataError(f"no value for {name!r}; send one, null says that it is not known", row=number, column=name)
        result[name] = checked_value(name, row[name], kind, number)
    if len(row) != len(kinds):
        refuse_unknown(row, kinds, what=f"{what} {number}")
    return result


def refuse_unknown(names: Iterable[str], known: Iterable[str], *, what: str) -> None:
    """Raise UnknownName for the first of `names` that is not `known`."""
    known = list(known)
    for name in names:
        if name not in known:
            raise UnknownName("column", name[:100], known, where=what)


def column_of(name: str, items: Sequence[Any], kind: Kind | None) -> tuple[Column, list[Misfit]]:
    """A column from values as sent, and those that do not fit, null in it; rows count from 1.

    Without a `kind` it is taken from the values: JSON does not tell 1 from 1.0, so any number makes it a number.
    """
    found = kind or _kind_of(items)
    values, faults = [], []
    for row, item in enumerate(items, 1):
        try:
            values.append(checked_value(name, item, found, row))
        except Misfit as fault:
            values.append(None)
            faults.append(fault)
    return Column.of_kind(values, found), faults


def _kind_of(items: Sequence[Any]) -> Kind:
    for item in items:
        if item is not None:
            return "boolean" if isinstance(item, bool) else "text" if isinstance(item, str) else "number"
    return "number"


def _short(value: Any) -> Any:
    return value if not isinstance(value, str) or len(value) <= 100 else value[:100] + "..."
