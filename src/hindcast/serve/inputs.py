"""Rows as callers send them, checked against the columns and kinds that were declared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hindcast.columns import Kind
from hindcast.errors import DataError, UnknownName
from hindcast.facts.fit import checked_value

__all__ = ["checked_row", "refuse_unknown"]


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
