"""How far two ways of learning differ: over held-out rows, or over repeats."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.metrics.intervals import Estimate, mean_interval, student_quantile
from hindcast.values import Floats

__all__ = ["mean_of", "row_scores", "sign_test"]

_CLIP = 1e-15


def mean_of(values: Any, *, blocks: Any = None, level: float = 0.95) -> Estimate:
    """The mean of independent values, shape (n,), with Student's interval; of whole blocks where `blocks` are given.

    One value, or none, has no interval. For paired comparisons pass differences: over repeats with shared seeds, or
    over rows that both models answered.

    Examples
    --------
    >>> estimate = mean_of([0.1, 0.2, 0.3])
    >>> round(estimate.value, 3), round(estimate.low, 3), round(estimate.high, 3)
    (0.2, -0.048, 0.448)
    """
    if not 0 < level < 1:
        raise ConfigError(f"an interval needs a level between 0 and 1, got {level}.")
    x = np.asarray(values, dtype=np.float64)
    if blocks is not None:
        return mean_interval(x, blocks, level=level)
    if not x.size or not np.isfinite(x).all():
        return Estimate(float("nan"), n=x.size)
    mean = float(x.mean())
    if x.size == 1:
        return Estimate(mean, n=1)
    reach = student_quantile(0.5 + level / 2, x.size - 1) * float(x.std(ddof=1)) / math.sqrt(x.size)
    return Estimate(mean, mean - reach, mean + reach, x.size)


def sign_test(differences: Any) -> float:
    """The two-sided probability of so uneven a split into wins and losses if both were as likely; zeros do not count.

    Exact. 1 without a win or a loss.

    Examples
    --------
    >>> sign_test([1, 1, 1, 1, 0, -1])
    0.375
    """
    x = np.asarray(differences, dtype=np.float64)
    wins, losses = int((x > 0).sum()), int((x < 0).sum())
    if wins + losses == 0:
        return 1.0
    from scipy.stats import binomtest

    return float(binomtest(wins, wins + losses).pvalue)


def row_scores(metric: str, probability: Floats, codes: Any) -> Floats:
    """A score per row, more is better, shape (n,): 1 if right for ``"accuracy"``, log-likelihood for ``"log_loss"``."""
    codes = np.asarray(codes)
    if probability.shape[0] != codes.shape[0]:
        raise DataError(f"{codes.shape[0]} labels meet {probability.shape[0]} predictions.")
    if metric == "accuracy":
        right: Floats = (probability.argmax(axis=1) == codes).astype(np.float64)
        return right
    if metric == "log_loss":
        likelihood: Floats = np.log(np.clip(probability[np.arange(len(codes)), codes], _CLIP, 1.0))
        return likelihood
    raise ConfigError(f"metric must be 'accuracy' or 'log_loss', got {metric!r}.")
