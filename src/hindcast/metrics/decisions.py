"""Scores of decisions that stay honest when positives are rare: F-beta, balanced accuracy, G-mean, Matthews, alarms.

`label` has shape (n,) and holds 0 and 1, `acted` has shape (n,) and holds decisions. All follow from the four counts of
:class:`hindcast.metrics.Confusion`; where a rate has no rows the score is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from hindcast.errors import ConfigError, UnknownName
from hindcast.metrics.intervals import DRAWS, Estimate, block_draws, estimate_from_draws
from hindcast.metrics.rows import block_numbers, checked_decisions, checked_labels
from hindcast.metrics.scores import confusion
from hindcast.values import Floats

__all__ = [
    "DECISION_METRICS",
    "balanced_accuracy",
    "decision_difference",
    "decision_interval",
    "f_beta",
    "g_mean",
    "matthews",
    "specificity",
]

Counts = Floats
"""Hits, false alarms, misses, passed by: shape (..., 4)."""


def _counts(label: Any, acted: Any) -> Counts:
    c = confusion(label, acted)
    return np.array([c.hits, c.false_alarms, c.misses, c.passed_by], dtype=np.float64)


def _divide(part: Floats, whole: Floats) -> Floats:
    result = np.full(np.shape(part), np.nan)
    np.divide(part, whole, out=result, where=whole > 0)
    return result


def _accuracy(c: Counts) -> Floats:
    return _divide(c[..., 0] + c[..., 3], c.sum(axis=-1))


def _precision(c: Counts) -> Floats:
    return _divide(c[..., 0], c[..., 0] + c[..., 1])


def _recall(c: Counts) -> Floats:
    return _divide(c[..., 0], c[..., 0] + c[..., 2])


def _specificity(c: Counts) -> Floats:
    return _divide(c[..., 3], c[..., 3] + c[..., 1])


def _f_beta(c: Counts, beta: float) -> Floats:
    square = beta * beta
    both = (1.0 + square) * c[..., 0]
    return _divide(both, both + c[..., 1] + square * c[..., 2])


def _balanced_accuracy(c: Counts) -> Floats:
    return (_recall(c) + _specificity(c)) / 2.0


def _g_mean(c: Counts) -> Floats:
    return np.asarray(np.sqrt(_recall(c) * _specificity(c)))


def _matthews(c: Counts) -> Floats:
    hits, alarms, misses, passed = (c[..., k] for k in range(4))
    whole = np.sqrt((hits + alarms) * (hits + misses) * (passed + alarms) * (passed + misses))
    return _divide(hits * passed - alarms * misses, whole)


def f_beta(label: Any, acted: Any, beta: float) -> float:
    """Weighted harmonic mean of precision and recall: recall counts `beta` times as much. Beta above zero.

    Nothing positive and nobody acted: NaN.

    Examples
    --------
    >>> f_beta([1, 1, 0, 0], [True, False, True, False], beta=2.0)
    0.5
    """
    return float(_f_beta(_counts(label, acted), _checked(beta)))


def _checked(beta: float) -> float:
    if not (math.isfinite(beta) and beta > 0):
        raise ConfigError(f"F-beta needs a finite beta above zero, got {beta!r}.")
    return float(beta)


def specificity(label: Any, acted: Any) -> float:
    """Share of negative rows that were left alone; no negatives: NaN."""
    return float(_specificity(_counts(label, acted)))


def balanced_accuracy(label: Any, acted: Any) -> float:
    """Mean of recall and specificity: 0.5 for acting always, never or at random; one class: NaN.

    Examples
    --------
    >>> balanced_accuracy([1, 0, 0, 0], [False, False, False, False])
    0.5
    """
    return float(_balanced_accuracy(_counts(label, acted)))


def g_mean(label: Any, acted: Any) -> float:
    """Geometric mean of recall and specificity: 0 as soon as one class is missed altogether; one class: NaN.

    References
    ----------
    Kubat and Matwin, "Addressing the Curse of Imbalanced Training Sets", ICML 1997.

    Examples
    --------
    >>> g_mean([1, 1, 0, 0], [True, False, False, False]) == 0.5 ** 0.5
    True
    """
    return float(_g_mean(_counts(label, acted)))


def matthews(label: Any, acted: Any) -> float:
    """Correlation of label and decision, in [-1, 1]; NaN where either is constant.

    References
    ----------
    Matthews, "Comparison of the predicted and observed secondary structure of T4 phage lysozyme", 1975.

    Examples
    --------
    >>> matthews([1, 1, 0, 0], [True, True, False, False]), matthews([1, 1, 0, 0], [False, False, True, True])
    (1.0, -1.0)
    """
    return float(_matthews(_counts(label, acted)))


DECISION_METRICS: dict[str, Callable[[Counts], Floats]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "f1": lambda counts: _f_beta(counts, 1.0),
    "f2": lambda counts: _f_beta(counts, 2.0),
    "g_mean": _g_mean,
    "matthews": _matthews,
    "precision": _precision,
    "recall": _recall,
    "specificity": _specificity,
}
"""Metrics of decisions by name, each a function of counts of shape (..., 4): hits, false alarms, misses, passed by."""


def _read(metric: str) -> Callable[[Counts], Floats]:
    if metric not in DECISION_METRICS:
        raise UnknownName("metric of decisions", metric, DECISION_METRICS)
    return DECISION_METRICS[metric]


def _per_block(label: Any, acted: Any, blocks: Any) -> Counts:
    """The four counts of each block, shape (blocks, 4)."""
    total = int(_counts(label, acted).sum())  # checks both
    y, did = checked_labels(label) == 1.0, checked_decisions(acted)
    codes, count = block_numbers(blocks, total)
    cell = np.where(did, np.where(y, 0, 1), np.where(y, 2, 3))
    return np.bincount(codes * 4 + cell, minlength=4 * count).reshape(count, 4).astype(np.float64)


def decision_interval(
    metric: str, label: Any, acted: Any, blocks: Any, *, level: float = 0.95, draws: int = DRAWS, seed: int = 0
) -> Estimate:
    """A score of decisions with its interval over blocks (whole days are drawn); exact for every draw.

    Parameters
    ----------
    metric : str
        A name of :data:`DECISION_METRICS`.
    label, acted, blocks : array_like, shape (n,)
    level, draws, seed
        As in :func:`hindcast.metrics.interval`.

    Examples
    --------
    >>> day = np.repeat(np.arange(8), 5)
    >>> label, acted = np.tile([1, 0, 0, 1, 0], 8), np.tile([1, 0, 1, 1, 0], 8)
    >>> str(decision_interval("precision", label, acted, day))
    '0.6667 [0.6667, 0.6667]'
    """
    read = _read(metric)
    counts = _per_block(label, acted, blocks)
    whole = counts.sum(axis=0)
    found = read(block_draws(len(counts), draws, seed) @ counts)
    return estimate_from_draws(float(read(whole)), found, len(counts), level, int(whole.sum()))


def decision_difference(
    metric: str,
    label: Any,
    first: Any,
    second: Any,
    blocks: Any,
    *,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
) -> Estimate:
    """Score of the decisions `first` minus that of `second` on the same rows and the same drawn blocks.

    Examples
    --------
    >>> day = np.repeat(np.arange(8), 5)
    >>> label, some = np.tile([1, 0, 0, 1, 0], 8), np.tile([1, 0, 0, 0, 0], 8)
    >>> decision_difference("recall", label, label == 1, some, day).value
    0.5
    """
    read = _read(metric)
    left, right = _per_block(label, first, blocks), _per_block(label, second, blocks)
    weights = block_draws(len(left), draws, seed)
    point = float(read(left.sum(axis=0)) - read(right.sum(axis=0)))
    found = read(weights @ left) - read(weights @ right)
    return estimate_from_draws(point, found, len(left), level, int(left.sum()))
