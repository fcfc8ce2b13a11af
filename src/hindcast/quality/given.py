"""What a caller gives by the row or by name, checked at the border: numbers, tables, texts, columns, values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.parameters import choice
from hindcast.values import Floats, Ints

__all__ = ["as_floats", "column_of", "instance", "is_sequence", "names_of", "table_of", "texts_of", "whole_numbers"]


def as_floats(name: str, values: Any) -> Floats:
    """Numbers of any shape, None and NaN for none."""
    try:
        raw = np.asarray(values)
        if raw.dtype.kind in "iufbO" or not raw.size:
            return raw.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        pass
    raise DataError(f"{name} holds numbers, got {_shown(values)}.")


def whole_numbers(name: str, values: Any) -> Ints:
    """Whole numbers of any shape."""
    try:
        raw = np.asarray(values)
        if (raw.dtype.kind in "iu" and (not raw.size or int(raw.max()) < 1 << 63)) or not raw.size:
            return raw.astype(np.int64)
    except (TypeError, ValueError, OverflowError):
        pass
    raise DataError(f"{name} holds whole numbers, got {_shown(values)}.")


def column_of(name: str, values: Any) -> np.ndarray[Any, np.dtype[Any]]:
    """An array of one value per row, shape (n,), of whatever type."""
    try:
        array = np.asarray(values)
    except ValueError:
        raise DataError(f"{name} holds one value per row, got {_shown(values)}.") from None
    if array.ndim != 1:
        raise DataError(f"{name} holds one value per row, got {_shown(values)} of shape {array.shape}.")
    return array


def table_of(rows: Any) -> Any:
    """An array of numbers of shape (n, d)."""
    try:
        array = np.asarray(rows)
    except ValueError:
        raise DataError("rows are a Frame or numbers of shape (n, d), got rows of different lengths.") from None
    if array.ndim != 2 or array.dtype.kind not in "iufb":
        raise DataError(f"rows are a Frame or numbers of shape (n, d), got {array.dtype} of shape {array.shape}.")
    return array


def texts_of(name: str, values: Any) -> Sequence[str]:
    """A sequence of texts, which is no text itself."""
    if not is_sequence(values):
        raise DataError(f"{name} is a sequence of texts, got {_shown(values)}.")
    return tuple(values)


def is_sequence(values: Any) -> bool:
    """Whether it holds one value per row, in order: a list, an array, a column of a data frame; no text or mapping."""
    if isinstance(values, str | bytes | Mapping | Set) or not hasattr(values, "__len__"):
        return False
    return not isinstance(values, np.ndarray) or values.ndim > 0


def names_of(name: str, values: Any, known: Sequence[str]) -> list[str]:
    """Names of columns, each of which is `known`."""
    return [choice("column", value, known, where=name) for value in texts_of(name, values)]


def instance(name: str, value: Any, kind: type) -> None:
    """Refuse what is no `kind`."""
    if not isinstance(value, kind):
        raise ConfigError(f"{name} must be a {kind.__name__}, got {_shown(value)} ({type(value).__name__}).")


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
