"""Rows as metrics need them: labels of 0 and 1, finite scores, one of each, or an error that names the row."""

from __future__ import annotations

from typing import Any

import numpy as np

from hindcast.errors import DataError
from hindcast.values import Floats, Ints

__all__ = ["block_numbers", "checked_labels", "checked_probabilities", "checked_scores", "paired"]


def _flat(values: Any, what: str) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise DataError(f"{what} must have shape (n,), got {array.shape}.")
    return array


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
