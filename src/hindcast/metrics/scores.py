"""Scores of binary predictions: NumPy in, a number out, NaN where a score is not defined.

Everywhere `label` has shape (n,) and holds 0 and 1, `probability` has shape (n,) and lies in [0, 1], `acted` has
shape (n,) and holds decisions. A missing label or probability is refused with its row: which rows count is the
caller's decision, never a metric's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.metrics.rows import checked_decisions, checked_labels, paired
from hindcast.metrics.value import Goal
from hindcast.values import Floats

__all__ = [
    "METRICS",
    "CalibrationBin",
    "Confusion",
    "accuracy",
    "auc",
    "average_precision",
    "base_rate",
    "brier",
    "calibration_curve",
    "confusion",
    "ece",
    "f1",
    "higher_is_better",
    "log_loss",
    "log_losses",
    "measure",
    "precision",
    "recall",
    "skill",
    "total_value",
    "wilson",
]

_CLIP = 1e-15
_NAN = float("nan")


def auc(label: Any, score: Any) -> float:
    """Probability that a random positive row scores above a random negative one; ties count one half.

    Exact (average ranks), O(n log n) time and O(n) memory. Any finite score will do. One class only, or no rows,
    gives NaN.

    Examples
    --------
    >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.4, 0.8])
    0.875
    """
    y, s = paired(label, score, probability=False)
    positive = float(y.sum())
    negative = y.size - positive
    if positive == 0 or negative == 0:
        return _NAN
    order = np.argsort(s, kind="stable")
    s, y = s[order], y[order]
    start = np.flatnonzero(np.r_[True, s[1:] != s[:-1]])
    stop = np.r_[start[1:], s.size]
    rank = (start + 1 + stop) / 2.0
    total = float((rank * np.add.reduceat(y, start)).sum())
    return (total - positive * (positive + 1.0) / 2.0) / (positive * negative)


def average_precision(label: Any, score: Any) -> float:
    """Mean of the precision over the positives, best score first; ties enter together. No positives: NaN.

    Examples
    --------
    >>> round(average_precision([0, 1, 1], [0.9, 0.8, 0.7]), 4)
    0.5833
    """
    y, s = paired(label, score, probability=False)
    positive = float(y.sum())
    if positive == 0:
        return _NAN
    order = np.argsort(-s, kind="stable")
    s, y = s[order], y[order]
    last = np.flatnonzero(np.r_[s[1:] != s[:-1], True])
    found = np.cumsum(y)[last]
    return float((np.diff(found, prepend=0.0) * found / (last + 1.0)).sum() / positive)


def log_losses(label: Any, probability: Any) -> Floats:
    """Log loss of each row, in nats, shape (n,); probabilities are clipped to [1e-15, 1 - 1e-15]."""
    y, p = paired(label, probability)
    losses: Floats = -np.log(np.clip(np.where(y == 1.0, p, 1.0 - p), _CLIP, 1.0 - _CLIP))
    return losses


def log_loss(label: Any, probability: Any) -> float:
    """Mean negative log-likelihood, in nats; lower is better; no rows give NaN.

    Examples
    --------
    >>> round(log_loss([0, 1], [0.2, 0.9]), 4)
    0.1643
    """
    losses = log_losses(label, probability)
    return float(losses.mean()) if losses.size else _NAN


def brier(label: Any, probability: Any) -> float:
    """Mean squared distance of probability and label; lower is better; no rows give NaN.

    Examples
    --------
    >>> round(brier([0, 1], [0.2, 0.9]), 4)
    0.025
    """
    y, p = paired(label, probability)
    return float(np.square(p - y).mean()) if y.size else _NAN


def base_rate(label: Any) -> float:
    """Share of positive rows; no rows give NaN."""
    y = checked_labels(label)
    return float(y.mean()) if y.size else _NAN


def skill(label: Any, probability: Any) -> float:
    """Share of the log loss of "always answer these rows' base rate" that the prediction takes away.

    1 is perfect, 0 no better than knowing the base rate, below 0 worse. Unlike the log loss it hardly moves when
    only the base rate does, so it compares seasons. One class, or no rows: NaN.

    Examples
    --------
    >>> round(skill([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]), 3)
    0.763
    """
    y, p = paired(label, probability)
    rate = base_rate(y)
    if not 0.0 < rate < 1.0:
        return _NAN
    return 1.0 - log_loss(y, p) / -(rate * math.log(rate) + (1.0 - rate) * math.log(1.0 - rate))


def ece(label: Any, probability: Any, bins: int = 10) -> float:
    """Expected calibration error: how far probabilities sit from observed rates, on average.

    In each equal-width bin of [0, 1]: the gap between mean probability and observed rate, weighted by the bin's
    share of the rows. Unit: probability. O(n). No rows give NaN, never a reassuring 0.

    References
    ----------
    Naeini et al., "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI 2015.

    Examples
    --------
    >>> round(ece([0, 0, 1, 1], [0.2, 0.2, 0.9, 0.9], bins=2), 3)
    0.15
    """
    y, p = paired(label, probability)
    if not y.size:
        return _NAN
    gap = np.bincount(calibration_bins(p, bins), weights=p - y, minlength=bins)
    return float(np.abs(gap).sum() / y.size)


def calibration_bins(probability: Floats, bins: int) -> np.ndarray[Any, np.dtype[np.intp]]:
    """The equal-width bin of each probability, shape (n,): 0 to bins - 1, where 1.0 belongs to the last."""
    if bins < 1:
        raise ConfigError(f"calibration needs bins >= 1, got {bins}.")
    return np.minimum((probability * bins).astype(np.intp), bins - 1)


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """One bin of a calibration curve.

    `low` and `high` bound the bin's probabilities; `predicted` is their mean, `observed` the rate of positives
    among the bin's `n` rows, with its Wilson interval `observed_low` to `observed_high`.
    """

    low: float
    high: float
    n: int
    predicted: float
    observed: float
    observed_low: float
    observed_high: float


def wilson(successes: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Wilson's interval for a rate; (NaN, NaN) without trials.

    Independent trials are assumed: rows of one day seldom are, so for a whole score use a block bootstrap.

    Examples
    --------
    >>> [round(edge, 3) for edge in wilson(2, 10)]
    [0.057, 0.51]
    """
    from statistics import NormalDist

    if not 0.0 < level < 1.0:
        raise ConfigError(f"an interval needs a level between 0 and 1, got {level}.")
    if n <= 0:
        return _NAN, _NAN
    z = NormalDist().inv_cdf(0.5 + level / 2.0)
    rate = successes / n
    middle = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    low = 0.0 if successes == 0 else max(0.0, middle - half)
    high = 1.0 if successes == n else min(1.0, middle + half)
    return low, high


def calibration_curve(
    label: Any, probability: Any, bins: int = 10, *, equal: str = "width", level: float = 0.95
) -> list[CalibrationBin]:
    """Predicted probability against observed rate, bin by bin; empty bins are left out.

    Parameters
    ----------
    label, probability : array_like, shape (n,)
    bins : int, default 10
    equal : {"width", "rows"}
        Bins of equal width, or of about equal numbers of rows (equal probabilities stay together).
    level : float, default 0.95
        Of the Wilson interval around each observed rate.

    Examples
    --------
    >>> for bin in calibration_curve([0, 0, 1, 1], [0.2, 0.2, 0.9, 0.9], bins=2):
    ...     print(bin.n, round(bin.predicted, 2), bin.observed, round(bin.observed_high, 2))
    2 0.2 0.0 0.66
    2 0.9 1.0 1.0
    """
    y, p = paired(label, probability)
    if equal == "width":
        which = calibration_bins(p, bins)
        edges = np.arange(bins + 1) / bins
    elif equal == "rows":
        if bins < 1:
            raise ConfigError(f"calibration needs bins >= 1, got {bins}.")
        inner = np.unique(np.quantile(p, np.arange(1, bins) / bins)) if p.size else np.zeros(0)
        which = np.searchsorted(inner, p, side="left")
        edges = np.r_[0.0, inner, 1.0]
    else:
        raise UnknownName("kind of bins", equal, ["width", "rows"], where="calibration_curve")
    n = np.bincount(which, minlength=len(edges) - 1)
    predicted = np.bincount(which, weights=p, minlength=len(edges) - 1)
    observed = np.bincount(which, weights=y, minlength=len(edges) - 1)
    curve = []
    for k in np.flatnonzero(n):
        low, high = wilson(float(observed[k]), float(n[k]), level)
        mean, rate = float(predicted[k] / n[k]), float(observed[k] / n[k])
        curve.append(CalibrationBin(float(edges[k]), float(edges[k + 1]), int(n[k]), mean, rate, low, high))
    return curve


@dataclass(frozen=True, slots=True)
class Confusion:
    """How many rows each outcome of a decision had."""

    hits: int
    false_alarms: int
    misses: int
    passed_by: int

    @property
    def n(self) -> int:
        return self.hits + self.false_alarms + self.misses + self.passed_by


def confusion(label: Any, acted: Any) -> Confusion:
    """Count the outcomes of decisions.

    Examples
    --------
    >>> confusion([1, 0, 1, 0], [True, True, False, False])
    Confusion(hits=1, false_alarms=1, misses=1, passed_by=1)
    """
    y, did = checked_labels(label) == 1.0, checked_decisions(acted)
    if y.shape != did.shape:
        raise DataError(f"{y.size} labels meet {did.size} decisions; pass one decision per label.")
    hits, acts, positives = int((y & did).sum()), int(did.sum()), int(y.sum())
    return Confusion(hits, acts - hits, positives - hits, y.size - acts - positives + hits)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else _NAN


def accuracy(label: Any, acted: Any) -> float:
    """Share of rows where decision and label agree; no rows give NaN."""
    c = confusion(label, acted)
    return _ratio(c.hits + c.passed_by, c.n)


def precision(label: Any, acted: Any) -> float:
    """Share of actions that were hits; nobody acted: NaN."""
    c = confusion(label, acted)
    return _ratio(c.hits, c.hits + c.false_alarms)


def recall(label: Any, acted: Any) -> float:
    """Share of positive rows that were acted on; no positives: NaN."""
    c = confusion(label, acted)
    return _ratio(c.hits, c.hits + c.misses)


def f1(label: Any, acted: Any) -> float:
    """Harmonic mean of precision and recall; nothing positive and nobody acted: NaN."""
    c = confusion(label, acted)
    return _ratio(2 * c.hits, 2 * c.hits + c.false_alarms + c.misses)


def total_value(label: Any, probability: Any, goal: Goal) -> float:
    """What acting on these probabilities was worth in total, in the goal's unit; no rows give NaN.

    Examples
    --------
    >>> total_value([1, 0, 1], [0.1, 0.3, 0.9], Goal("rebook", hit=40, false_alarm=-15))
    25.0
    """
    y, p = paired(label, probability)
    return float(goal.value(goal.decide(p), y).sum()) if y.size else _NAN


METRICS: dict[str, Callable[..., float]] = {
    "auc": auc,
    "average_precision": average_precision,
    "brier": brier,
    "ece": ece,
    "log_loss": log_loss,
    "skill": skill,
    "value": total_value,
}
"""Metrics of a probability against a label, by name; `value` needs a goal besides."""

_HIGHER = frozenset({"auc", "average_precision", "skill", "value"})


def higher_is_better(metric: str) -> bool:
    """Whether more of `metric` is better; an unknown name is answered with close ones."""
    if metric not in METRICS:
        raise UnknownName("metric", metric, METRICS)
    return metric in _HIGHER


def measure(metric: str, label: Any, probability: Any, *, goal: Goal | None = None) -> float:
    """The metric of that name.

    Examples
    --------
    >>> measure("brier", [0, 1], [0.0, 1.0])
    0.0
    """
    if metric not in METRICS:
        raise UnknownName("metric", metric, METRICS)
    if metric != "value":
        return METRICS[metric](label, probability)
    if goal is None:
        raise ConfigError("the metric 'value' needs a goal; pass goal=Goal(...).")
    return total_value(label, probability, goal)
