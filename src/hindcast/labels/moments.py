"""Moments in whatever they come, as microseconds; durations for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.values import DAY_US, HOUR_US, NEVER, Ints, duration_text, moment_us

__all__ = ["about", "listed", "moment_at", "moments_of"]


def moments_of(values: Any, what: str) -> Ints:
    """Moments as microseconds, NEVER where missing, shape (n,)."""
    if hasattr(values, "to_pylist"):
        values = values.to_pylist()
    if isinstance(values, np.ma.MaskedArray):
        masked, values = np.ma.getmaskarray(values), values.data.astype(object)
        values[masked] = None
    try:
        array = np.asarray(list(values) if isinstance(values, Sequence) else values)
    except ValueError:
        raise DataError(f"`{what}` are moments of shape (n,), got lists of different lengths.") from None
    if array.ndim != 1:
        raise DataError(f"`{what}` are moments of shape (n,), got {array.shape}.")
    if array.dtype.kind in "iu":
        return np.minimum(array.astype(np.int64), NEVER)
    if array.dtype.kind == "M":
        missing = np.isnat(array)
        moments = array.astype("datetime64[us]").astype(np.int64)
        return np.where(missing, NEVER, moments)
    if array.dtype.kind == "f":
        missing = ~(array < NEVER)  # NaN and infinity too
        return np.where(missing, NEVER, np.where(missing, 0.0, array)).astype(np.int64)
    result = np.empty(len(array), dtype=np.int64)
    for row, value in enumerate(array.tolist()):
        if value is None or type(value).__name__ in ("NAType", "NaTType") or value != value:  # noqa: PLR0124
            result[row] = NEVER
            continue
        try:
            result[row] = moment_us(int(value) if isinstance(value, float) else value, what=what)
        except ConfigError as error:
            raise DataError(str(error), row=row + 1, column=what) from None
    return np.minimum(result, NEVER)


def moment_at(value: Any, what: str) -> int:
    """One moment as microseconds, no later than NEVER."""
    return max(min(moment_us(value, what=what), NEVER), -NEVER)


def listed(values: Any, what: str) -> list[Any]:
    """Names of rows as a list."""
    if hasattr(values, "to_pylist"):
        return list(values.to_pylist())
    if hasattr(values, "tolist") and np.ndim(values) == 1:
        return list(values.tolist())
    if isinstance(values, str | bytes | np.ndarray) or not hasattr(values, "__iter__"):
        raise DataError(f"`{what}` has one value per row, got {values!r}.")
    return list(values)


def about(us: int) -> str:
    """A duration for people, rounded up to a unit that is a small part of it."""
    for unit, least in ((HOUR_US, 4 * DAY_US), (HOUR_US // 60, 2 * HOUR_US), (1_000_000, 120_000_000)):
        if us >= least:
            return duration_text(-(-us // unit) * unit)
    return duration_text(us)
