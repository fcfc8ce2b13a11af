"""Scores of named parts of the rows: an average hides the part that fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from hindcast.columns import Column
from hindcast.errors import ConfigError, DataError
from hindcast.metrics.intervals import DRAWS, Estimate, interval
from hindcast.metrics.rows import paired
from hindcast.metrics.value import Goal
from hindcast.values import Floats

__all__ = ["Slice", "by_slice"]


@dataclass(frozen=True, slots=True)
class Slice:
    """One part of the rows.

    Parameters
    ----------
    name : str
        The value that names it, ``"null"`` where there is none; a range such as ``"[3, 7)"`` for numbers.
    n : int
        Its rows.
    share : float
        Its share of all rows.
    base_rate : float
        Its share of positive rows.
    scores : dict of str to Estimate
        By metric.
    """

    name: str
    n: int
    share: float
    base_rate: float
    scores: dict[str, Estimate]


def by_slice(
    column: Any,
    label: Any,
    probability: Any,
    blocks: Any,
    metrics: Sequence[str] = ("auc", "log_loss"),
    *,
    goal: Goal | None = None,
    min_rows: int = 1,
    most: int = 50,
    parts: int = 5,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
) -> list[Slice]:
    """Score each part of the rows apart, with intervals over blocks, largest part first.

    Parameters
    ----------
    column : Column or array_like, shape (n,)
        Text, whole numbers or booleans with at most `most` values name a slice per value; other numbers are cut
        at their quantiles into `parts` ranges. Nulls are a slice of their own.
    label, probability, blocks, metrics, goal, level, draws, seed
        As in :func:`~hindcast.metrics.interval`.
    min_rows : int, default 1
        Smaller slices are left out.
    most : int, default 50
        At most so many slices, the largest.

    Examples
    --------
    >>> found = by_slice(["a", "a", "b", None], [0, 1, 1, 0], [0.2, 0.7, 0.6, 0.5], [1, 2, 1, 2], ["brier"])
    >>> [(part.name, part.n, round(part.scores["brier"].value, 3)) for part in found]
    [('a', 2, 0.065), ('b', 1, 0.16), ('null', 1, 0.25)]
    """
    y, p = paired(label, probability)
    ids = np.asarray(blocks)
    names, which = _parts(Column.of(column), parts, most)
    if not which.shape == y.shape == ids.shape:
        raise DataError(f"the column has {which.size} rows, the blocks {ids.size}, the labels {y.size}.")
    if most < 1 or parts < 1:
        raise ConfigError(f"by_slice needs most >= 1 and parts >= 1, got {most} and {parts}.")
    counts = np.bincount(which, minlength=len(names))
    order = sorted(np.flatnonzero(counts >= max(1, min_rows)).tolist(), key=lambda k: (-counts[k], names[k]))
    found = []
    for k in order[:most]:
        rows = np.flatnonzero(which == k)
        scores = {
            metric: interval(metric, y[rows], p[rows], ids[rows], goal=goal, level=level, draws=draws, seed=seed)
            for metric in metrics
        }
        found.append(Slice(names[k], int(rows.size), rows.size / y.size, float(y[rows].mean()), scores))
    return found


def _parts(column: Column, parts: int, most: int) -> tuple[list[str], np.ndarray[Any, np.dtype[np.intp]]]:
    """The slices' names and the slice of each row; the last slice holds the nulls."""
    present = column.present()
    which = np.zeros(len(column), dtype=np.intp)
    if column.kind == "text":
        assert column.vocabulary is not None
        names = [str(word) for word in column.vocabulary]
        which[present] = column.values[present]
    else:
        x: Floats = column.floats()
        values = np.unique(x[present])
        if column.kind in ("integer", "boolean") and values.size <= most:
            names = [f"{value:.0f}" for value in values] if column.kind == "integer" else [str(bool(v)) for v in values]
            which[present] = np.searchsorted(values, x[present])
        else:
            edges = np.unique(np.quantile(x[present], np.arange(parts + 1) / parts)) if values.size else np.zeros(0)
            if edges.size == 1:
                edges = np.r_[edges, edges]
            names = [f"[{low:g}, {high:g})" for low, high in pairwise(edges.tolist())]
            if names:
                names[-1] = names[-1][:-1] + "]"
            which[present] = np.searchsorted(edges[1:-1], x[present], side="right")
    which[~present] = len(names)
    return [*names, "null"], which
