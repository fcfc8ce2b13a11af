"""How far two ways of learning differ: over held-out rows, or over repeats."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hindcast.errors import DataError
from hindcast.metrics.intervals import Estimate, mean_interval, student_quantile
from hindcast.metrics.rows import numbers
from hindcast.parameters import choice, level_of
from hindcast.sampling.blocks import array_of
from hindcast.semi.calibration import checked_answers
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
    level, x = level_of("level", level), numbers(values, "values")
    if x.ndim != 1:
        raise DataError(f"values have shape (n,), got {x.shape}.")
    if blocks is not None:
        return mean_interval(x, array_of(blocks, "blocks"), level=level)
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
    x = numbers(differences, "differences")
    wins, losses = int((x > 0).sum()), int((x < 0).sum())
    if wins + losses == 0:
        return 1.0
    from scipy.stats import binomtest

    return float(binomtest(wins, wins + losses).pvalue)


def row_scores(metric: str, probability: Floats, codes: Any) -> Floats:
    """A score per row, more is better, shape (n,): 1 if right for ``"accuracy"``, log-likelihood for ``"log_loss"``."""
    choice("metric", metric, ["accuracy", "log_loss"], where="row_scores")
    probability, codes = checked_answers(probability, codes)
    if metric == "accuracy":
        right: Floats = (probability.argmax(axis=1) == codes).astype(np.float64)
        return right
    likelihood: Floats = np.log(np.clip(probability[np.arange(len(codes)), codes], _CLIP, 1.0))
    return likelihood
