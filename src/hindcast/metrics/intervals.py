"""Intervals around scores by a block bootstrap: whole days are drawn, since the rows of one day are not independent.

A day of storms makes a thousand rows late together, so an interval from single rows is far too narrow. Here each
block (day) is boiled down to sufficient statistics once; a draw of days is then a weighted sum of a few numbers
per day, and 500 draws over 200,000 rows cost about what sorting the rows costs.

==========  =====================================================  ==============================
metric      statistics per block                                   draws are
==========  =====================================================  ==============================
log_loss    rows, sum of losses                                    exact
brier       rows, sum of squares                                   exact
value       sum of payoffs                                         exact
skill       rows, sum of losses, positives                         exact
ece         rows, probabilities, positives per calibration bin     exact
auc         positives and negatives per bin of the score's rank    to about 1e-4 (512 bins)
average_    positives and negatives between the positives' scores  exact up to 512 distinct ones
precision
==========  =====================================================  ==============================

The point estimate is always exact; draws that use bins are shifted by the difference.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Any

import numpy as np

from hindcast.errors import ConfigError, UnknownName
from hindcast.metrics.rows import block_numbers, checked_scores, paired
from hindcast.metrics.scores import calibration_bins, log_losses, measure
from hindcast.metrics.value import Goal
from hindcast.values import Floats, Ints

__all__ = [
    "Estimate",
    "block_draws",
    "difference",
    "estimate_from_draws",
    "interval",
    "mean_interval",
    "student_quantile",
    "total_interval",
]

DRAWS = 500
_RANK_BINS = 512
_ECE_BINS = 10
_NAN = float("nan")
_UNDEFINED_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Estimate:
    """A score with its interval.

    Parameters
    ----------
    value : float
        The score on all rows; NaN where it is not defined.
    low, high : float
        Its interval; NaN where there are fewer than two blocks, or where the score is undefined in more than one
        draw of twenty.
    n : int
        The rows it was measured on.
    """

    value: float
    low: float = _NAN
    high: float = _NAN
    n: int = 0

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"

    def describe(self) -> dict[str, Any]:
        """Plain data: value, low, high, n."""
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n}


def block_draws(blocks: int, draws: int = DRAWS, seed: int = 0) -> Floats:
    """How often each of `blocks` blocks is drawn in each of `draws` draws with replacement, shape (draws, blocks).

    Every row sums to `blocks`. The same seed gives the same draws.
    """
    if blocks == 0:
        return np.zeros((draws, 0))
    picks = np.random.default_rng(seed).integers(0, blocks, size=(draws, blocks))
    cells = picks + np.arange(draws, dtype=np.int64)[:, None] * blocks
    return np.bincount(cells.ravel(), minlength=draws * blocks).reshape(draws, blocks).astype(np.float64)


# ---- sufficient statistics --------------------------------------------------------------------------------

Read = Callable[[Floats], Floats]
"""From sums over blocks, shape (draws, k), to one score per draw, shape (draws,)."""


def _per_block(codes: Ints, blocks: int, *weights: Floats | None) -> Floats:
    """Sums of each weight (None counts rows) over the rows of each block, shape (blocks, len(weights))."""
    return np.stack([np.bincount(codes, weights=w, minlength=blocks) for w in weights], axis=1).astype(np.float64)


def _per_cell(codes: Ints, blocks: int, bins: np.ndarray[Any, Any], size: int, weights: Floats | None = None) -> Floats:
    """Sums over the rows of each block and bin, shape (blocks, size)."""
    flat = np.bincount(codes * size + bins, weights=weights, minlength=blocks * size)
    return flat.reshape(blocks, size).astype(np.float64)


def _divide(part: Floats, whole: Floats) -> Floats:
    result = np.full(part.shape, np.nan)
    np.divide(part, whole, out=result, where=whole > 0)
    return result


def _read_mean(sums: Floats) -> Floats:
    return _divide(sums[:, 1], sums[:, 0])


def _read_total(sums: Floats) -> Floats:
    return sums[:, 0]


def _read_skill(sums: Floats) -> Floats:
    n, losses, positives = sums.T
    rate = _divide(positives, n)
    both = (positives > 0) & (positives < n)
    safe = np.where(both, rate, 0.5)
    chance = -(safe * np.log(safe) + (1.0 - safe) * np.log(1.0 - safe))
    return np.where(both, 1.0 - _divide(losses, n) / chance, np.nan)


def _read_ece(sums: Floats) -> Floats:
    n, gap = sums[:, :_ECE_BINS], sums[:, _ECE_BINS:]
    return _divide(np.abs(gap).sum(axis=1), n.sum(axis=1))


def _read_auc(sums: Floats) -> Floats:
    half = sums.shape[1] // 2
    negative, positive = sums[:, :half], sums[:, half:]
    below = np.cumsum(negative, axis=1) - negative / 2.0
    return _divide((positive * below).sum(axis=1), positive.sum(axis=1) * negative.sum(axis=1))


def _read_average_precision(sums: Floats) -> Floats:
    half = sums.shape[1] // 2
    positive = sums[:, :half]
    found = np.cumsum(positive, axis=1)
    acted = found + np.cumsum(sums[:, half:], axis=1)
    precise = np.divide(found, acted, out=np.zeros_like(found), where=acted > 0)
    return _divide((positive * precise).sum(axis=1), found[:, -1])


def _bins_of_positives(y: Floats, score: Floats) -> tuple[np.ndarray[Any, np.dtype[np.intp]], int]:
    """Bins from the highest score down, shape (n,), and how many: one ends at each distinct score of a positive.

    Only negatives that stand above or level with a positive matter to it, so nothing is lost; beyond so many distinct
    scores bins hold about equal numbers of positives.
    """
    edges = np.unique(score[y == 1.0])
    if edges.size > _RANK_BINS:
        cuts = np.quantile(score[y == 1.0], np.arange(_RANK_BINS) / _RANK_BINS, method="inverted_cdf")
        edges = np.unique(cuts)
    return edges.size - np.searchsorted(edges, score, side="right"), edges.size + 1


def _rank_bins(score: Floats) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Bins of about equal numbers of rows by the score's rank, shape (n,); equal scores share a bin."""
    edges = np.unique(np.quantile(score, np.arange(1, _RANK_BINS) / _RANK_BINS, method="inverted_cdf"))
    return np.searchsorted(edges, score, side="left")


def _statistics(metric: str, y: Floats, p: Floats, codes: Ints, blocks: int, goal: Goal | None) -> tuple[Floats, Read]:
    if metric == "log_loss":
        return _per_block(codes, blocks, None, log_losses(y, p)), _read_mean
    if metric == "brier":
        return _per_block(codes, blocks, None, np.square(p - y)), _read_mean
    if metric == "skill":
        return _per_block(codes, blocks, None, log_losses(y, p), y), _read_skill
    if metric == "value":
        if goal is None:
            raise ConfigError("the metric 'value' needs a goal; pass goal=Goal(...).")
        return _per_block(codes, blocks, goal.value(goal.decide(p), y)), _read_total
    if metric == "ece":
        bins = calibration_bins(p, _ECE_BINS)
        counts = _per_cell(codes, blocks, bins, _ECE_BINS)
        return np.concatenate([counts, _per_cell(codes, blocks, bins, _ECE_BINS, p - y)], axis=1), _read_ece
    if metric == "auc":
        bins = _rank_bins(p) if p.size else np.zeros(0, dtype=np.intp)
        return _per_cell(codes, blocks, bins + _RANK_BINS * (y == 1.0), 2 * _RANK_BINS), _read_auc
    if metric == "average_precision":
        bins, size = _bins_of_positives(y, p)
        positive = _per_cell(codes, blocks, bins, size, y)
        return np.concatenate([positive, _per_cell(codes, blocks, bins, size) - positive], axis=1), (
            _read_average_precision
        )
    known = ["auc", "average_precision", "brier", "ece", "log_loss", "skill", "value"]
    raise UnknownName("metric with an interval", metric, known)


def _sums(weights: Floats, statistics: Floats) -> Floats:
    """Weighted sums over blocks, shape (draws, k), the same bits with any number of threads.

    Whole numbers add up exactly in any order, so BLAS may; sums of fractions are added in one fixed order.
    """
    if statistics.shape[1] > 4 * _ECE_BINS:
        return weights @ statistics
    return np.stack([(weights * column).sum(axis=1) for column in statistics.T], axis=1)


# ---- intervals --------------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def student_quantile(share: float, freedom: int) -> float:
    """The quantile of Student's t at `share`, in (0.5, 1), with `freedom` degrees of freedom, to 1e-12.

    Found by bisection of the distribution function, which is a finite sum for whole degrees of freedom.

    References
    ----------
    Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.7.3 and 26.7.4.

    Examples
    --------
    >>> round(student_quantile(0.975, 6), 4), round(student_quantile(0.975, 183), 4)
    (2.4469, 1.973)
    """
    low, high = 0.0, 1.0
    while _student_share(high, freedom) < share and high < 2.0**1000:  # next to 1 the sum may stay below by rounding
        high *= 2.0
    for _ in range(80):
        middle = (low + high) / 2.0
        low, high = (middle, high) if _student_share(middle, freedom) < share else (low, middle)
    return (low + high) / 2.0


def _student_share(t: float, freedom: int) -> float:
    """The probability that Student's t with `freedom` degrees of freedom is at most `t`, which is not below zero."""
    angle = math.atan2(t, math.sqrt(freedom))
    cosine, sine = math.cos(angle), math.sin(angle)
    odd = freedom % 2 == 1
    term, total = (cosine, 0.0) if odd else (1.0, 0.0)
    for k in range(1 if odd else 0, freedom - 1, 2):
        total += term
        term *= cosine * cosine * (k + 1.0) / (k + 2.0)
    inside = 2.0 / math.pi * (angle + sine * total) if odd else sine * total
    return 0.5 + inside / 2.0


def _estimate(point: float, centre: float, draws: Floats, blocks: int, level: float, n: int) -> Estimate:
    """Percentiles of the draws around the point, widened for few blocks: the bootstrap of k blocks is too sure.

    Its variance falls short by (k - 1) / k, and with an estimated variance the reach of an interval is Student's with
    k - 1 degrees of freedom, not the normal's: 1.35 times as far for a week of days, 1.01 for half a year.
    """
    if not 0.0 < level < 1.0:
        raise ConfigError(f"an interval needs a level between 0 and 1, got {level}.")
    defined = draws[np.isfinite(draws)]
    if blocks < 2 or not math.isfinite(point) or defined.size < (1.0 - _UNDEFINED_SHARE) * draws.size:
        return Estimate(point, n=n)
    low, high = np.quantile(defined, [0.5 - level / 2.0, 0.5 + level / 2.0])
    share = 0.5 + level / 2.0
    widen = math.sqrt(blocks / (blocks - 1.0)) * student_quantile(share, blocks - 1) / NormalDist().inv_cdf(share)
    return Estimate(point, point + (float(low) - centre) * widen, point + (float(high) - centre) * widen, n)


def estimate_from_draws(point: float, draws: Floats, blocks: int, level: float, n: int) -> Estimate:
    """A score and its interval from the scores of draws over `blocks` blocks, shape (draws,): for metrics of one's own.

    Undefined draws are NaN; the interval is widened for few blocks as everywhere here.

    Examples
    --------
    >>> estimate_from_draws(0.5, np.linspace(0.4, 0.6, 101), blocks=400, level=0.9, n=1000).n
    1000
    """
    return _estimate(point, point, draws, blocks, level, n)


def interval(
    metric: str,
    label: Any,
    probability: Any,
    blocks: Any,
    *,
    goal: Goal | None = None,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
) -> Estimate:
    """A score of predictions with its interval over blocks.

    Parameters
    ----------
    metric : {"auc", "average_precision", "brier", "ece", "log_loss", "skill", "value"}
        `value` is the total over all rows in the goal's unit; the others are per row.
    label, probability : array_like, shape (n,)
        0 and 1; in [0, 1].
    blocks : array_like, shape (n,)
        The block of each row, such as its day: ``as_of // DAY_US``. Blocks are taken as independent; take longer
        ones (weeks) where days hang together.
    goal : Goal, optional
        Needed by `value`.
    level : float, default 0.95
    draws : int, default 500
    seed : int, default 0
        The same rows, seed and draws give the same interval.

    Returns
    -------
    Estimate
        NaN for no rows, or where the metric is not defined. `ece` is never below 0 and biased upwards on few
        rows, and so are its draws: read its interval as the noise around the value.

    References
    ----------
    Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 8 and 13.

    Examples
    --------
    >>> day = np.repeat(np.arange(10), 3)
    >>> label = np.tile([0, 0, 1], 10)
    >>> estimate = interval("brier", label, np.where(label == 1, 0.8, 0.1) + 0.01 * (day % 3), day)
    >>> estimate.low < estimate.value < estimate.high, estimate.n
    (True, 30)
    """
    y, p = paired(label, probability)
    codes, count = block_numbers(blocks, y.size)
    statistics, read = _statistics(metric, y, p, codes, count, goal)
    point = measure(metric, y, p, goal=goal)
    if not y.size:
        return Estimate(point)
    centre = float(read(statistics.sum(axis=0, keepdims=True))[0])
    found = read(_sums(block_draws(count, draws, seed), statistics))
    return _estimate(point, centre, found, count, level, y.size)


def difference(
    metric: str,
    label: Any,
    first: Any,
    second: Any,
    blocks: Any,
    *,
    goal: Goal | None = None,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
) -> Estimate:
    """Score of `first` minus score of `second` on the same rows, paired: both see the same drawn days.

    Parameters are those of :func:`interval`; an interval that leaves out 0 tells the two apart.

    Examples
    --------
    >>> day, label = np.repeat(np.arange(10), 3), np.tile([0, 0, 1], 10)
    >>> better, worse = np.where(label == 1, 0.9, 0.1), np.where(label == 1, 0.6, 0.3) + 0.01 * (day % 2)
    >>> difference("log_loss", label, better, worse, day).high < 0
    True
    """
    y, a = paired(label, first)
    y, b = paired(y, second)
    codes, count = block_numbers(blocks, y.size)
    left, read = _statistics(metric, y, a, codes, count, goal)
    right, _ = _statistics(metric, y, b, codes, count, goal)
    point = measure(metric, y, a, goal=goal) - measure(metric, y, b, goal=goal)
    if not y.size:
        return Estimate(point)
    weights = block_draws(count, draws, seed)
    centre = float((read(left.sum(axis=0, keepdims=True)) - read(right.sum(axis=0, keepdims=True)))[0])
    return _estimate(point, centre, read(_sums(weights, left)) - read(_sums(weights, right)), count, level, y.size)


def _sums_interval(amount: Any, blocks: Any, mean: bool, level: float, draws: int, seed: int) -> Estimate:
    x = checked_scores(amount)
    if not x.size:
        return Estimate(_NAN)
    codes, count = block_numbers(blocks, x.size)
    statistics = _per_block(codes, count, None, x) if mean else _per_block(codes, count, x)
    read: Read = _read_mean if mean else _read_total
    point = float(x.mean() if mean else x.sum())
    centre = float(read(statistics.sum(axis=0, keepdims=True))[0])
    return _estimate(point, centre, read(_sums(block_draws(count, draws, seed), statistics)), count, level, x.size)


def total_interval(amount: Any, blocks: Any, *, level: float = 0.95, draws: int = DRAWS, seed: int = 0) -> Estimate:
    """The sum of an amount per row (a value in USD, a difference of two values) with its interval over blocks.

    `amount` has shape (n,) and is finite. No rows give NaN.

    Examples
    --------
    >>> total_interval([1.0, 2.0, 3.0, 6.0], [0, 0, 1, 1]).value
    12.0
    """
    return _sums_interval(amount, blocks, False, level, draws, seed)


def mean_interval(amount: Any, blocks: Any, *, level: float = 0.95, draws: int = DRAWS, seed: int = 0) -> Estimate:
    """The mean of an amount per row with its interval over blocks; see :func:`total_interval`."""
    return _sums_interval(amount, blocks, True, level, draws, seed)
