"""Values as JSON says them, held against the kind of their column: nothing is guessed, nothing is cut.

One rule for a value that was pushed, a value out of a document, and a million of them: many are taken at once where
their types allow it, and one by one where not, with the same result.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from hindcast.columns import Column, Kind
from hindcast.errors import ConfigError, DataError
from hindcast.facts.times import read_times
from hindcast.values import Bools, moment_us

__all__ = ["Fitted", "Misfit", "Scalar", "checked_value", "column_of", "first_kind", "fit", "kind_of_values", "short"]

Scalar = str | int | float | bool | None
"""What JSON can say in one value."""

_FIRST_US, _LAST_US = moment_us("1900-01-01"), moment_us("2200-01-01")
_YEARS = "a moment must lie in the years 1900 to 2199"
_WANTED = {
    "number": "a finite number",
    "integer": "a whole number",
    "time": "a moment such as '2013-07-01T06:00:00Z'",
    "boolean": "true or false",
    "text": "a text",
    "list": "a list of texts or of finite numbers",
}
_KINDS: dict[type, Kind] = {bool: "boolean", int: "integer", float: "number", str: "text", datetime: "time"}
_ENOUGH = 0.99
"""A kind is taken from the values when at least this share of them has it; the others are refused."""
_BIGGEST = 2.0**1000
_MANY = 32
"""Fewer values are checked one by one: sooner done than looking for a shorter way."""


class Misfit(DataError):
    """A value that is not of its column's kind; `reason` says so without the place."""

    def __init__(self, reason: str, *, column: str, value: Any, row: int | None = None) -> None:
        super().__init__(reason, row=row, column=column, value=value)
        self.reason = reason


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """Values as a column of one kind.

    Parameters
    ----------
    column : Column, shape (n,)
        Null where a value was missing or did not fit.
    faults : mapping of int to str
        Why a value did not fit, by its place from 0, in order.
    odd : bool array, shape (n,)
        Where a local clock's time occurred twice (the first is taken) or never.
    """

    column: Column
    faults: Mapping[int, str] = field(default_factory=dict)
    odd: Bools = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))


def checked_value(name: str, value: Any, kind: Kind, row: int | None = None) -> Any:
    """`value` as the column `name` of `kind` holds it; None is null.

    A whole float is an integer, an integer a number; a moment is ISO text with its offset, an aware datetime, or
    microseconds. Nothing else is converted: ``"12"`` is no number and ``1`` is no boolean.

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
    elif kind == "time" and (given in (str, int) or isinstance(value, datetime)):
        try:
            moment = moment_us(value, what=name)
        except ConfigError as error:
            raise Misfit(str(error), column=name, value=short(value), row=row) from None
        if _FIRST_US <= moment < _LAST_US:
            return moment
        raise Misfit(_YEARS, column=name, value=short(value), row=row)
    elif kind == "list" and isinstance(value, list | tuple):
        if all(type(part) is str for part in value):
            return list(value)
        if all(type(part) in (float, int) and math.isfinite(part) for part in value):
            return [float(part) for part in value]
    raise Misfit(f"{_WANTED[kind]} was expected", column=name, value=short(value), row=row)


def column_of(name: str, items: Sequence[Any], kind: Kind | None) -> tuple[Column, list[Misfit]]:
    """A column from values as sent, and those that do not fit, null in it; rows count from 1.

    Without a `kind` it is taken from the values: JSON does not tell 1 from 1.0, so any number makes it a number.
    """
    made = fit(name, items, kind or first_kind(items))
    faults = [
        Misfit(reason, column=name, value=short(items[place]), row=place + 1) for place, reason in made.faults.items()
    ]
    return made.column, faults


def first_kind(items: Iterable[Any]) -> Kind:
    """The kind of a column of which no more is known than a few rows: that of its first value, a number by default."""
    for item in items:
        if item is not None:
            return "boolean" if isinstance(item, bool) else "text" if isinstance(item, str) else "number"
    return "number"


def kind_of_values(values: Iterable[Any], where: str) -> Kind:
    """The kind that at least 99% of the values have, integers among numbers being numbers; null says nothing.

    Raises
    ------
    DataError
        For a mixture, and for objects or lists, naming the first of each sort.

    Examples
    --------
    >>> kind_of_values([1, None, 2.5], "column 'x'"), kind_of_values([None], "column 'x'")
    ('number', 'number')
    """
    values = [value for value in values if value is not None]
    counts: Counter[Kind | None] = Counter()
    for given, count in Counter(map(type, values)).items():
        counts[_KINDS.get(given, "time" if issubclass(given, datetime) else None)] += count
    if counts["number"]:
        counts["number"] += counts.pop("integer", 0)
    if not values:
        return "number"
    kind, most = max(counts.items(), key=lambda pair: (pair[1], str(pair[0])))
    if kind is None:
        raise DataError(
            f"{where}: holds {_sort(values)}, and a column holds one value per row. Say which one you want from it, as "
            "in paths={'city': 'customer.address.city', 'first_item': 'items[0].sku'}, or leave it out by columns="
        )
    if most < _ENOUGH * len(values):
        shown = " and ".join(
            f"{count} values of kind {name or 'object'}" for name, count in sorted(counts.items(), key=str)
        )
        raise DataError(
            f"{where}: mixes {shown}. Declare which it is, as in types={{'amount': 'number'}}; the others are then "
            "refused row by row"
        )
    return kind


def _sort(values: Iterable[Any]) -> str:
    odd = next(value for value in values if type(value) not in _KINDS)
    return (
        "objects"
        if isinstance(odd, Mapping)
        else "lists"
        if isinstance(odd, list | tuple)
        else f"a {type(odd).__name__}"
    )


def fit(name: str, values: Sequence[Any], kind: Kind, zone: str | None = None) -> Fitted:
    """The values as a column of `kind`, each as :func:`checked_value` takes it; local clock times are read in `zone`.

    Examples
    --------
    >>> made = fit("amount", [12, None, "12"], "number")
    >>> made.column.values.tolist(), made.faults
    ([12.0, nan, nan], {2: 'a finite number was expected'})
    """
    nowhere = np.zeros(len(values), dtype=np.bool_)
    if kind == "time" and (zone is not None or len(values) >= _MANY):
        return _moments(name, values, zone)
    column = _at_once(values, kind) if len(values) >= _MANY else None
    if column is not None:
        return Fitted(column, {}, nowhere)
    taken, faults = [], {}
    for place, value in enumerate(values):
        try:
            taken.append(checked_value(name, value, kind))
        except Misfit as fault:
            taken.append(None)
            faults[place] = fault.reason
    return Fitted(Column.of_kind(taken, kind), faults, nowhere)


def _at_once(values: Sequence[Any], kind: Kind) -> Column | None:
    """The column, if the values' types leave no question; None says that they must be looked at one by one."""
    types = set(map(type, values)) - {type(None)}
    if kind == "text":
        return Column.of_kind(values, "text") if types <= {str} else None
    if kind == "boolean":
        return Column.of_kind(values, "boolean") if types <= {bool} else None
    try:
        if kind == "number" and types <= {float, int}:
            numbers = np.array(values, dtype=np.float64)
            good = np.abs(numbers) < _BIGGEST if int in types else np.isfinite(numbers)
            return Column("number", numbers) if int(good.sum()) == len(values) - values.count(None) else None
        if kind == "integer" and types <= {int}:
            missing = values.count(None)
            if not missing:
                return Column("integer", np.array(values, dtype=np.int64))
            valid = np.array([value is not None for value in values], dtype=np.bool_)
            return Column("integer", np.array([value or 0 for value in values], dtype=np.int64), valid)
    except OverflowError:
        pass
    return None


def _moments(name: str, values: Sequence[Any], zone: str | None) -> Fitted:
    """Moments: every distinct text is read once, other values one by one."""
    faults: dict[int, str] = {}
    texts: list[str | None] = []
    moments = np.zeros(len(values), dtype=np.int64)
    valid = np.zeros(len(values), dtype=np.bool_)
    for place, value in enumerate(values):
        texts.append(value if type(value) is str else None)
        if value is not None and type(value) is not str:
            try:
                moments[place], valid[place] = checked_value(name, value, "time"), True
            except Misfit as fault:
                faults[place] = fault.reason
    words = Column.of_kind(texts, "text")
    us, reasons, odd = _words(name, words, zone)
    told = words.values >= 0
    good = told & np.array([reason is None for reason in reasons] + [False], dtype=np.bool_)[words.values]
    moments[good] = us[words.values[good]]
    faults |= {row: str(reasons[words.values[row]]) for row in np.flatnonzero(told & ~good).tolist()}
    valid |= good
    column = Column("time", moments, None if valid.all() else valid)
    return Fitted(column, dict(sorted(faults.items())), good & np.append(odd, False)[words.values])


def _words(name: str, column: Column, zone: str | None) -> tuple[Any, list[str | None], Bools]:
    """Microseconds of each distinct text, why it could not be read, and whether the clock's time was odd."""
    from hindcast.facts.cast import read_moments

    assert column.vocabulary is not None
    count = len(column.vocabulary)
    us, good, odd = read_moments(column.vocabulary, zone) if count >= _MANY else _none(count)
    reasons: list[str | None] = [None] * count
    for place in range(count):
        if not good[place]:
            us[place], reasons[place], odd[place] = _word(name, str(column.vocabulary[place]), zone)
        if reasons[place] is None and not _FIRST_US <= us[place] < _LAST_US:
            reasons[place] = _YEARS
    return us, reasons, odd


def _none(count: int) -> tuple[Any, Bools, Bools]:
    return np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.bool_), np.zeros(count, dtype=np.bool_)


def _word(name: str, text: str, zone: str | None) -> tuple[int, str | None, bool]:
    if zone is None:
        try:
            return moment_us(text, what=name), None, False
        except ConfigError as error:
            return 0, str(error), False
    read = read_times(Column.of_kind([text], "text"), zone=zone, what=name)
    if not read.present[0]:
        return 0, f"{name}: {short(text)!r} is not a moment.", False
    return int(read.us[0]), None, bool(read.odd[0])


def short(value: Any, longest: int = 100) -> Any:
    """The value, a long text or anything that is not one value cut to what a person reads."""
    if isinstance(value, str):
        return value if len(value) <= longest else value[:longest] + "..."
    if isinstance(value, int) and value.bit_length() > 3 * longest:
        return f"a number of {value.bit_length()} bits"
    if value is None or isinstance(value, bool | int | float | datetime):
        return value
    if isinstance(value, Mapping):
        return f"an object ({', '.join(map(str, list(value)[:8]))}{', ...' if len(value) > 8 else ''})"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    return f"a {type(value).__name__}"
