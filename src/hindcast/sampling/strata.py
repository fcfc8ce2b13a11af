"""Strata: which part of the population each row belongs to, by one column or by several together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.columns import Column, Frame
from hindcast.errors import DataError
from hindcast.sampling.blocks import array_of
from hindcast.values import Ints

__all__ = ["Strata", "strata_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Strata:
    """Parts of a population that share no row and leave none out.

    Parameters
    ----------
    names : tuple
        One name a stratum, sorted: the value of its column, or a tuple of values when there are several columns.
        None is the stratum of rows without a value.
    code : int64 array, shape (n,)
        Which of `names` each row belongs to.

    Examples
    --------
    >>> parts = strata_of({"origin": ["JFK", "EWR", "JFK"], "late": [1, 0, 1]})
    >>> parts.names, parts.sizes.tolist()
    ((('EWR', 0), ('JFK', 1)), [1, 2])
    """

    names: tuple[Any, ...]
    code: Ints

    def __len__(self) -> int:
        return len(self.names)

    @property
    def sizes(self) -> Ints:
        """Rows in each stratum, shape (len(names),)."""
        return np.bincount(self.code, minlength=len(self.names)).astype(np.int64)

    def places(self) -> list[Ints]:
        """The rows of each stratum, rising."""
        order = np.argsort(self.code, kind="stable")
        return np.split(order, np.cumsum(self.sizes)[:-1]) if len(self.names) else []


def strata_of(by: Any) -> Strata:
    """The strata that one column makes, or the combinations of several that occur.

    Parameters
    ----------
    by : array_like, Column, Frame, data frame, mapping of columns, or list of columns
        A list of texts or numbers is one column; a list of arrays or lists, a mapping, a data frame and an array of
        two dimensions are several. Numbers that differ are different strata: cut a measure into bands first.

    Notes
    -----
    O(n log n) for numbers and O(n) for others, per column. None and NaN are a stratum of their own, after the others.
    """
    if isinstance(by, Strata):
        return by
    columns = _columns(by)
    coded = [_codes(column) for column in columns]
    lengths = {len(code) for code, _ in coded}
    if len(lengths) > 1:
        raise DataError(f"columns of strata must have one length, got {', '.join(map(str, sorted(lengths)))}.")
    code, names = coded[0]
    if len(coded) == 1:
        return Strata(tuple(names), code)
    for other, more in coded[1:]:
        _, code = np.unique(code * max(len(more), 1) + other, return_inverse=True)
    _, first = np.unique(code, return_index=True)
    combined = tuple(tuple(names[part[row]] for part, names in coded) for row in first.tolist())
    return Strata(combined, code.astype(np.int64))


def _columns(by: Any) -> list[Any]:
    if isinstance(by, np.ndarray):
        if by.ndim not in (1, 2) or by.dtype.kind == "c" or (by.ndim == 2 and not by.shape[1]):
            raise DataError(
                f"strata come from one column or several, got an array of shape {by.shape}, type {by.dtype}."
            )
        return [by] if by.ndim == 1 else list(by.T)
    if isinstance(by, Column):
        return [by]
    if isinstance(by, Frame | Mapping):
        columns = [by[name] for name in by]
    elif hasattr(by, "column_names") or (hasattr(by, "columns") and not isinstance(by, Sequence)):
        from hindcast.facts.source import frame, to_arrow

        columns = [Column.from_arrow(column) for column in to_arrow(frame(by)).columns]
    elif hasattr(by, "to_pylist") or hasattr(by, "to_numpy"):  # an Arrow array, or a series
        return [by]
    elif isinstance(by, str | bytes) or not isinstance(by, Iterable):
        raise DataError(f"strata come from one column or several, got {by!r:.60} ({type(by).__name__}).")
    else:
        items = list(by)
        several = bool(items) and all(
            isinstance(item, list | Column)
            or hasattr(item, "to_numpy")
            or (isinstance(item, np.ndarray) and item.ndim == 1)
            for item in items
        )
        columns = items if several else [items]
    if not columns:
        raise DataError("strata need at least one column.")
    return columns


def _codes(column: Any) -> tuple[Ints, list[Any]]:
    """Codes from 0 in the order of the sorted values, nulls last, and the values."""
    if isinstance(column, Column):
        values: Any = column.objects()
    elif hasattr(column, "to_pylist"):
        values = column.to_pylist()
    else:
        values = column if isinstance(column, list) else array_of(column, "strata")
    if np.ndim(values) != 1 and not isinstance(values, list):
        raise DataError(f"a column of strata has shape (n,), got {values!r:.60} ({type(column).__name__}).")
    if isinstance(values, np.ndarray) and values.dtype.kind == "M":
        values = values.astype("datetime64[us]").astype(object)
    if isinstance(values, np.ndarray) and values.dtype.kind in "iub":
        distinct, code = np.unique(values, return_inverse=True)
        return code.astype(np.int64), distinct.tolist()
    if isinstance(values, np.ndarray) and values.dtype.kind == "f":
        missing = np.isnan(values)
        distinct, code = np.unique(values[~missing], return_inverse=True)
        result = np.full(len(values), len(distinct), dtype=np.int64)
        result[~missing] = code
        return result, distinct.tolist() + ([None] if missing.any() else [])
    items = values.tolist() if isinstance(values, np.ndarray) else values
    index: dict[Any, int] = {}
    try:
        found = np.fromiter(
            (index.setdefault(None if _null(item) else item, len(index)) for item in items), np.int64, len(items)
        )
    except TypeError:
        raise DataError("a stratum's value must be a text, a number or another value that can be compared.") from None
    order = sorted(index, key=lambda v: (v is None, "" if v is None else _family(v), v if _sortable(v) else repr(v)))
    rank = np.empty(len(index), dtype=np.int64)
    rank[[index[value] for value in order]] = np.arange(len(order))
    return rank[found] if len(found) else found, order


def _null(item: Any) -> bool:
    if item is None or type(item).__name__ in ("NAType", "NaTType"):  # pandas' own
        return True
    return isinstance(item, float | np.floating) and bool(np.isnan(item))


def _family(value: Any) -> str:
    return "number" if isinstance(value, int | float | np.number) else type(value).__name__


def _sortable(value: Any) -> bool:
    return isinstance(value, int | float | str | np.number | bytes) or hasattr(value, "isoformat")
