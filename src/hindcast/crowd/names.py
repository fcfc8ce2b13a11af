"""Names and codes: items, annotators and classes are called anything at the border and are int64 codes inside."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.errors import ConfigError, DataError
from hindcast.values import Ints

__all__ = ["codes_of", "is_missing", "listed_names", "table_codes"]

_MISSING_TYPES = ("NAType", "NaTType")


def is_missing(value: Any) -> bool:
    """Whether a value stands for none: None, NaN, and what pandas and NumPy use for them."""
    if value is None or type(value).__name__ in _MISSING_TYPES:
        return True
    return isinstance(value, float | np.floating | np.datetime64 | np.timedelta64) and bool(value != value)  # noqa: PLR0124


def codes_of(
    values: Any, *, column: str, known: Sequence[Any] | None = None, missing: bool = False
) -> tuple[Ints, tuple[Any, ...]]:
    """Codes of `values`, shape (n,), and the names they stand for; -1 where a value is missing.

    Parameters
    ----------
    values : sequence, array, or a column of pandas, Polars or Arrow
        Text, integers, booleans or floats. Whole floats become integers, since that is what a column of integers
        with gaps is in pandas.
    column : str
        What they are, for errors.
    known : sequence, optional
        The names in the order of their codes. By default the distinct values, sorted (numbers before text).
    missing : bool, default False
        Whether values may be missing.

    Raises
    ------
    DataError
        For a missing value where none may be, a value that is not `known`, or values that cannot be names (lists).
    ConfigError
        For `known` names that repeat or are missing.

    Examples
    --------
    >>> codes, names = codes_of(["ham", None, "spam"], column="label", missing=True)
    >>> codes.tolist(), names
    ([0, -1, 1], ('ham', 'spam'))
    """
    raw = _array(values, column)
    codes, names = _distinct_numbers(raw) if raw.dtype.kind in "iufb" else _distinct_objects(raw, column)
    if not missing and (codes < 0).any():
        row = int((codes < 0).argmax())
        raise DataError(f"{column} is missing; every answer needs one", row=row + 1, column=column)
    if known is None:
        return codes, names
    known = listed_names(column, known)
    order = {name: code for code, name in enumerate(known)}
    recode = np.array([order.get(name, -1) for name in names] + [-1], dtype=np.int64)
    unknown = (codes >= 0) & (recode[codes] < 0)
    if unknown.any():
        row = int(unknown.argmax())
        value = names[codes[row]]
        close = get_close_matches(str(value), [str(name) for name in known], n=3)
        hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise DataError(f"no known {column}; known: {list(known)!r}.{hint}", row=row + 1, column=column, value=value)
    return recode[codes], tuple(_plain(name) for name in known)


def listed_names(what: str, names: Any) -> list[Any]:
    """Names in an order that is given: distinct, and none missing."""
    try:
        if isinstance(names, str | bytes):
            raise TypeError
        listed = list(names)
        distinct = len(set(listed))
    except TypeError:
        raise ConfigError(f"the names of {what} must be a sequence of texts or numbers, got {names!r}.") from None
    if distinct < len(listed) or any(is_missing(name) for name in listed):
        raise ConfigError(f"the names of {what} must be distinct and none missing, got {listed!r}.")
    return listed


def table_codes(
    table: NDArray[Any], *, column: str, known: Sequence[Any] | None = None
) -> tuple[NDArray[np.int64], tuple[Any, ...]]:
    """Codes of names in a table of two dimensions, -1 where one is missing; errors name row and column of it."""
    flat = table.ravel()
    try:
        codes, names = codes_of(flat, column=column, known=known, missing=True)
    except DataError as error:
        if error.row is None:
            raise
        row, place = divmod(error.row - 1, table.shape[1])
        said = str(error).rpartition(f" (row {error.row},")[0]
        raise DataError(said, row=row + 1, column=str(place), value=flat[error.row - 1]) from None
    return codes.reshape(table.shape), names


def _array(values: Any, column: str) -> NDArray[Any]:
    """One dimension of numbers or of objects."""
    if hasattr(values, "to_numpy"):
        try:
            values = values.to_numpy(zero_copy_only=False)  # Arrow's
        except TypeError:
            values = values.to_numpy()
    if isinstance(values, np.ma.MaskedArray):
        values = np.ma.MaskedArray(values, dtype=object).filled(None)
    if not isinstance(values, np.ndarray):
        if isinstance(values, str | bytes) or not hasattr(values, "__iter__"):
            raise DataError(f"{column}: expected one value per answer, got {values!r}.")
        listed = list(values)
        values = np.empty(len(listed), dtype=object)
        for row, value in enumerate(listed):
            values[row] = value  # one by one: a list among them would make NumPy ask for another dimension
    if values.ndim != 1:
        raise DataError(f"{column}: expected one value per answer, got an array of shape {values.shape}.")
    array: NDArray[Any] = values if values.dtype.kind in "iufb" else values.astype(object)
    return array


def _distinct_numbers(raw: NDArray[Any]) -> tuple[Ints, tuple[Any, ...]]:
    if raw.dtype.kind in "iu" and len(raw):
        low, high = int(raw.min()), int(raw.max())
        if high - low <= 4 * len(raw) + 1_000:  # a table of what occurs is quicker than sorting
            wide = raw if raw.dtype == np.uint64 else raw.astype(np.int64)  # int8 would overflow
            shifted = (wide - wide.dtype.type(low)).astype(np.int64)
            occurs = np.zeros(high - low + 1, dtype=np.bool_)
            occurs[shifted] = True
            return (np.cumsum(occurs) - 1)[shifted], tuple(low + at for at in np.flatnonzero(occurs).tolist())
    present = ~np.isnan(raw) if raw.dtype.kind == "f" else np.ones(len(raw), dtype=np.bool_)
    names, inverse = np.unique(raw[present], return_inverse=True)
    codes = np.full(len(raw), -1, dtype=np.int64)
    codes[present] = inverse
    return codes, tuple(_plain(name) for name in names.tolist())


def _distinct_objects(raw: NDArray[Any], column: str) -> tuple[Ints, tuple[Any, ...]]:
    index: dict[Any, int] = {}
    try:
        codes = np.fromiter((index.setdefault(v, len(index)) for v in raw), dtype=np.int64, count=len(raw))
    except TypeError:
        row = next(i for i, v in enumerate(raw) if getattr(v, "__hash__", None) is None)
        raise DataError("a name is a text, a number or a boolean", row=row + 1, column=column, value=raw[row]) from None
    plain = [None if is_missing(name) else _plain(name) for name in index]
    names = sorted({name for name in plain if name is not None}, key=_rank)
    place = {name: code for code, name in enumerate(names)}
    recode = np.array([-1 if name is None else place[name] for name in plain] + [-1], dtype=np.int64)
    return recode[codes], tuple(names)


def _plain(name: Any) -> Any:
    if isinstance(name, np.generic):
        name = name.item()
    return int(name) if isinstance(name, float) and name.is_integer() else name


def _rank(name: Any) -> tuple[int, str, Any]:
    """Numbers by size, then all else by type and by text."""
    if isinstance(name, bool | int | float):
        return 0, "", name
    return (1, "", name) if isinstance(name, str) else (2, type(name).__name__, str(name))
