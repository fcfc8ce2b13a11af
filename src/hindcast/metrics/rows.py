"""Rows as metrics need them: labels of 0 and 1, finite scores, one of each, or an error that names the row."""

from __future__ import annotations

from typing import Any

import numpy as np

from hindcast.errors import DataError
from hindcast.values import Bools, Floats, Ints

__all__ = [
    "block_numbers",
    "checked_decisions",
    "checked_labels",
    "checked_probabilities",
    "checked_scores",
    "numbers",
    "paired",
]


def numbers(values: Any, what: str) -> Floats:
    """Values as float64 of their own shape, NaN where masked; what is no number is refused with its row."""
    if isinstance(values, np.ma.MaskedArray):
        masked, values = np.ma.getmaskarray(values), values.data.astype(np.float64)
        values[masked] = np.nan
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        pass
    try:
        items = values.tolist() if hasattr(values, "tolist") else list(values)
    except TypeError:
        items = [values]
    for row, item in enumerate(items):
        try:
            np.asarray(item, dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            raise DataError(f"{what} must be numbers", row=row + 1, value=item) from None
    raise DataError(f"{what} must be an array of numbers, got {type(values).__name__}: {str(values)[:60]}.")


def _flat(values: Any, what: str) -> Floats:
    array = numbers(values, what)
    if array.ndim != 1:
        raise DataError(f"{what} must have shape (n,), got {array.shape}.")
    return array


def checked_decisions(acted: Any) -> Bools:
    """Decisions as booleans, shape (n,): True and False, or 1 and 0; a probability is no decision yet."""
    array = acted if isinstance(acted, np.ndarray) else np.asarray(acted)
    if array.dtype != np.bool_ or isinstance(acted, np.ma.MaskedArray):
        found = numbers(acted, "decisions")
        wrong = (found != 0.0) & (found != 1.0)
        if wrong.any():
            row = int(np.flatnonzero(wrong.ravel())[0])
            value = float(found.ravel()[row])
            advice = "leave such rows out" if np.isnan(value) else "choose a threshold: score >= 0.5"
            raise DataError(f"a decision is True or False; {advice}", row=row + 1, column="acted", value=value)
        array = found == 1.0
    if array.ndim != 1:
        raise DataError(f"decisions must have shape (n,), got {array.shape}.")
    return np.asarray(array)


def checked_labels(label: Any, *, missing: bool = False) -> Floats:
    """Labels as float64, shape (n,): 0 or 1, and NaN only where `missing` allows it."""
    y = _flat(label, "labels")
    wrong = (y != 0.0) & (y != 1.0)
    if missing:
        wrong &= ~np.isnan(y)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        advice = "drop rows without a label first" if np.isnan(y[row]) else "a label is 0 or 1"
        raise DataError(f"not a label; {advice}", row=row + 1, column="label", value=float(y[row]))
    return y


def checked_scores(score: Any) -> Floats:
    """Scores as float64, shape (n,), all finite."""
    s = _flat(score, "scores")
    wrong = ~np.isfinite(s)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError("not a finite score", row=row + 1, column="score", value=float(s[row]))
    return s


def checked_probabilities(probability: Any) -> Floats:
    """Probabilities as float64, shape (n,), all within [0, 1]."""
    p = _flat(probability, "probabilities")
    wrong = ~((p >= 0.0) & (p <= 1.0))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError("not a probability in [0, 1]", row=row + 1, column="probability", value=float(p[row]))
    return p


def paired(label: Any, other: Any, *, probability: bool = True) -> tuple[Floats, Floats]:
    """Labels and as many probabilities (or finite scores), both shape (n,)."""
    y = checked_labels(label)
    p = checked_probabilities(other) if probability else checked_scores(other)
    if y.shape != p.shape:
        raise DataError(f"{y.size} labels meet {p.size} predictions; pass one prediction per label.")
    return y, p


def block_numbers(blocks: Any, rows: int) -> tuple[Ints, int]:
    """Blocks renumbered 0 to k - 1 in sorted order, shape (n,), and k."""
    ids = np.asarray(blocks)
    if ids.shape != (rows,):
        raise DataError(f"blocks must name one block for each of the {rows} rows, got shape {ids.shape}.")
    if rows == 0:
        return np.zeros(0, dtype=np.int64), 0
    if ids.dtype.kind in "iu":
        first, last = int(ids.min()), int(ids.max())
        if last - first < max(4 * rows, 1024):
            seen = np.bincount(ids.astype(np.int64) - first) > 0
            number = np.cumsum(seen) - 1
            return number[ids - first].astype(np.int64), int(seen.sum())
    names, codes = np.unique(ids, return_inverse=True)
    return codes.astype(np.int64), len(names)
