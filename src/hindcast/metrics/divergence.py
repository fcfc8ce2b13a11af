"""How far two distributions are apart: effect sizes first, tests beside them.

On 100,000 rows a test calls every ripple significant; what matters is the effect. The functions on counts work on
the last axis and broadcast over the others, so that thousands of windows are compared in one call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.errors import DataError
from hindcast.metrics.rows import checked_scores
from hindcast.values import Floats

__all__ = [
    "TestResult",
    "chi_square",
    "jensen_shannon",
    "kolmogorov_smirnov",
    "psi",
    "wasserstein",
    "wasserstein_counts",
]


@dataclass(frozen=True, slots=True)
class TestResult:
    """A test's statistic and its p-value, for independent rows; NaN where nothing could be compared."""

    __test__ = False  # not a test case, whatever its name says to pytest

    statistic: float
    p_value: float


def _counts(reference: Any, current: Any) -> tuple[Floats, Floats]:
    r, c = np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)
    if r.ndim == 0 or c.ndim == 0 or r.shape[-1] != c.shape[-1]:
        raise DataError(f"counts must have the same bins on their last axis, got shapes {r.shape} and {c.shape}.")
    if (r < 0).any() or (c < 0).any():
        raise DataError("counts must not be below zero.")
    return r, c


def _shares(counts: Floats) -> Floats:
    total = counts.sum(axis=-1, keepdims=True)
    shares = np.full(counts.shape, np.nan)
    np.divide(counts, total, out=shares, where=total > 0)
    return shares


def psi(reference: Any, current: Any, *, prior: float = 0.5) -> Floats:
    """Population stability index of two histograms, in nats; 0 is equal.

    The symmetrised Kullback-Leibler divergence ``sum((c - r) * log(c / r))``. Common reading: below 0.1 stable,
    above 0.25 a shift. Without any shift its mean is about ``(bins - 1) * (1 / n + 1 / m)``, so small windows look
    shifted: compare it with windows of the same size.

    Parameters
    ----------
    reference, current : array_like, shape (..., bins)
        Counts; leading axes broadcast.
    prior : float, default 0.5
        Added to every bin of both, so that an empty bin gives a large, finite figure.

    Returns
    -------
    float64 array, shape (...)
        NaN where either side has no rows.

    Examples
    --------
    >>> float(psi([50, 50], [50, 50])), round(float(psi([50, 50], [80, 20])), 2)
    (0.0, 0.41)
    """
    r, c = _counts(reference, current)
    empty = (r.sum(axis=-1) == 0) | (c.sum(axis=-1) == 0)
    r, c = _shares(r + prior), _shares(c + prior)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(r == c, 0.0, (c - r) * np.log(c / r))
    return np.where(empty, np.nan, terms.sum(axis=-1))


def jensen_shannon(reference: Any, current: Any) -> Floats:
    """Jensen-Shannon distance of two histograms: 0 is equal, 1 is disjoint; a metric (base 2, square root).

    Counts of shape (..., bins), leading axes broadcast; NaN where either side has no rows.

    References
    ----------
    Endres and Schindelin, "A new metric for probability distributions", IEEE Trans. Inf. Theory 49(7), 2003.

    Examples
    --------
    >>> float(jensen_shannon([5, 0], [0, 7]))
    1.0
    """
    r, c = (_shares(x) for x in _counts(reference, current))
    middle = (r + c) / 2.0

    def entropy_gap(x: Floats) -> Floats:
        ratio = np.ones(np.broadcast_shapes(x.shape, middle.shape))
        np.divide(x, middle, out=ratio, where=x > 0)
        gap: Floats = (x * np.log2(ratio)).sum(axis=-1)
        return gap

    return np.sqrt(np.clip((entropy_gap(r) + entropy_gap(c)) / 2.0, 0.0, 1.0))


def wasserstein_counts(reference: Any, current: Any, positions: Any) -> Floats:
    """Earth mover's distance of two histograms whose bins sit at increasing `positions`, in their unit.

    Counts of shape (..., bins), positions of shape (bins,) or (..., bins); NaN where either side has no rows.

    Examples
    --------
    >>> float(wasserstein_counts([1, 0, 0], [0, 0, 1], [0.0, 1.0, 3.0]))
    3.0
    """
    r, c = (_shares(x) for x in _counts(reference, current))
    steps = np.diff(np.asarray(positions, dtype=np.float64), axis=-1)
    gap: Floats = (np.abs(np.cumsum(r - c, axis=-1))[..., :-1] * steps).sum(axis=-1)
    return np.where(np.isnan(r[..., 0] + c[..., 0]), np.nan, gap)


def wasserstein(reference: Any, current: Any) -> float:
    """Earth mover's distance of two samples, in their unit; O(n log n); NaN when either is empty.

    Examples
    --------
    >>> wasserstein([0.0, 1.0], [2.0, 3.0])
    2.0
    """
    a, b = np.sort(checked_scores(reference)), np.sort(checked_scores(current))
    if not a.size or not b.size:
        return float("nan")
    at = np.sort(np.concatenate([a, b]))
    left = np.searchsorted(a, at[:-1], side="right") / a.size
    right = np.searchsorted(b, at[:-1], side="right") / b.size
    return float((np.abs(left - right) * np.diff(at)).sum())


def kolmogorov_smirnov(reference: Any, current: Any) -> TestResult:
    """Greatest gap between two samples' distribution functions, with its asymptotic p-value.

    The p-value supposes independent rows: on rows that hang together it is far too small.

    Examples
    --------
    >>> kolmogorov_smirnov([1.0, 2.0], [3.0, 4.0]).statistic
    1.0
    """
    from scipy.special import kolmogorov

    a, b = np.sort(checked_scores(reference)), np.sort(checked_scores(current))
    if not a.size or not b.size:
        return TestResult(float("nan"), float("nan"))
    at = np.concatenate([a, b])
    left = np.searchsorted(a, at, side="right") / a.size
    right = np.searchsorted(b, at, side="right") / b.size
    gap = float(np.abs(left - right).max())
    return TestResult(gap, float(kolmogorov(gap * np.sqrt(a.size * b.size / (a.size + b.size)))))


def chi_square(reference: Any, current: Any) -> TestResult:
    """Pearson's test that two histograms, each of shape (bins,), come from one distribution.

    Bins empty on both sides are left out; fewer than two bins, or an empty side, give NaN.

    Examples
    --------
    >>> round(chi_square([50, 50], [60, 40]).p_value, 3)
    0.155
    """
    from scipy.special import chdtrc

    table = np.stack(_counts(reference, current))
    table = table[:, table.sum(axis=0) > 0]
    n = table.sum(axis=1)
    if table.shape[1] < 2 or (n == 0).any():
        return TestResult(float("nan"), float("nan"))
    expected = n[:, None] * table.sum(axis=0) / n.sum()
    statistic = float((np.square(table - expected) / expected).sum())
    return TestResult(statistic, float(chdtrc(table.shape[1] - 1, statistic)))
