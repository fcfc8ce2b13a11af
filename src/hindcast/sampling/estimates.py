"""What a sample says about its population, and how sure it is: means, totals, rates, quantiles with intervals.

Every estimate weighs rows by ``1 / pi``. Its variance comes from the design, in one form for all: the linearised value
of each row over its pi is added up within its group (cluster), and the spread of these sums within each stratum counts,
with the part of the population that was seen taken off. For simple and stratified samples this is the textbook formula;
for unequal chances it is Hájek's approximation in Deville's form, which needs no joint probabilities.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.metrics import Estimate, student_quantile, wilson
from hindcast.metrics.rows import numbers
from hindcast.parameters import choice, level_of, progress_of, seed_of, whole
from hindcast.parameters import share as share_of
from hindcast.sampling.blocks import array_of
from hindcast.sampling.sample import Sample
from hindcast.values import Bools, Floats, Ints

__all__ = [
    "SampleEstimate",
    "bootstrap_estimate",
    "effective_size",
    "estimate_mean",
    "estimate_quantile",
    "estimate_rate",
    "estimate_total",
]

_NAN = float("nan")
_BOOTSTRAP = 71
_CERTAIN = 1.0 - 1e-12
_MOST_DRAWS = 10**6


@dataclass(frozen=True, slots=True)
class SampleEstimate(Estimate):
    """An estimate of a figure of the population.

    Parameters
    ----------
    value, low, high, n
        As in :class:`hindcast.metrics.Estimate`; the interval is NaN where the sample has none to give.
    error : float
        Its standard error.
    effective : float
        The size of a simple random sample with replacement as sure as this one about the same figure; for totals and
        without a standard error, Kish's size of the weights.
    notes : tuple of str
        What must be said with it.
    """

    error: float = _NAN
    effective: float = _NAN
    notes: tuple[str, ...] = ()

    def describe(self) -> dict[str, Any]:
        """Plain data: value, low, high, n, error, effective, notes."""
        more = {"error": self.error, "effective": self.effective, "notes": list(self.notes)}
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n, **more}

    def __str__(self) -> str:
        if math.isnan(self.low):
            return f"{self.value:.4g} ({'; '.join(self.notes) or 'no interval'})"
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"


def effective_size(weights: Any) -> float:
    """Kish's effective sample size, ``sum(w)^2 / sum(w^2)``: as many equal weights vary as little; 0 without weights.

    Examples
    --------
    >>> effective_size([1.0, 1.0, 1.0, 1.0]), round(effective_size([10.0, 1.0, 1.0, 1.0]), 2)
    (4.0, 1.64)
    """
    w = numbers(weights, "weights")
    if w.size and (not np.isfinite(w).all() or (w < 0).any()):
        raise DataError("weights are finite and at least zero.")
    top = float(w.max(initial=0.0))
    if top == 0:
        return 0.0
    w = w / top
    return float(w.sum() ** 2 / np.square(w).sum())


def estimate_mean(
    values: Any,
    sample: Sample,
    *,
    where: Any = None,
    estimator: Literal["hajek", "horvitz-thompson"] = "hajek",
    level: float = 0.95,
) -> SampleEstimate:
    """The population's mean.

    Parameters
    ----------
    values : array_like, shape (n,)
        The measure of each drawn row, in the order of ``sample.places``.
    sample : Sample
    where : bool array_like, shape (n,), optional
        The mean of a part of the population (a domain): the drawn rows that belong to it.
    estimator : {"hajek", "horvitz-thompson"}
        The weighted mean of the drawn rows; or the estimated total over the known number of rows, which is unbiased to
        the letter and spreads more where chances do not follow the values. The same for simple and stratified samples.
    level : float, default 0.95

    Returns
    -------
    SampleEstimate
        Without an interval where the sample has no chances (purposive), or too few draws to see their spread.

    References
    ----------
    Horvitz and Thompson 1952; Hájek 1971; Deville 1999; Särndal, Swensson and Wretman, "Model Assisted Survey
    Sampling", 1992.

    Examples
    --------
    >>> from hindcast.sampling import simple_random
    >>> income = np.arange(1000.0)
    >>> sample = simple_random(1000, 100, seed=2)
    >>> print(estimate_mean(income[sample.places], sample))
    519.8 [460, 579.6]
    """
    level = level_of("level", level)
    y, domain = _values(values, sample), _domain(where, sample)
    choice("estimator", estimator, ["hajek", "horvitz-thompson"], where="estimate_mean")
    if not sample.random:
        return _refused(float(y[domain].mean()) if domain.any() else _NAN, sample, int(domain.sum()))
    w = sample.weights
    size = float(w[domain].sum())
    if not domain.any():
        return _told(_NAN, _NAN, y, w, domain, sample, level)
    if estimator == "horvitz-thompson":
        if where is not None:
            raise ConfigError(
                "estimate_mean: the size of a part is not known, so its mean is Hájek's; drop estimator=."
            )
        value = float((w * y).sum()) / sample.population
        return _told(value, _variance(y / sample.population, sample), y, w, domain, sample, level)
    value = float((w * y)[domain].sum()) / size
    return _told(value, _variance(np.where(domain, y - value, 0.0) / size, sample), y, w, domain, sample, level)


def estimate_total(values: Any, sample: Sample, *, where: Any = None, level: float = 0.95) -> SampleEstimate:
    """The population's total (Horvitz-Thompson; with replacement Hansen-Hurwitz): unbiased whatever the values.

    Parameters are those of :func:`estimate_mean`.

    Examples
    --------
    >>> from hindcast.sampling import weighted
    >>> size = np.arange(1.0, 101.0)
    >>> sample = weighted(size, 20, seed=1)
    >>> print(estimate_total(3.0 * size[sample.places], sample))
    1.515e+04 [1.515e+04, 1.515e+04]
    """
    level = level_of("level", level)
    y, domain = _values(values, sample), _domain(where, sample)
    if not sample.random:
        value = float(y[domain].sum()) * sample.population / len(sample) if len(sample) else _NAN
        return _refused(value, sample, int(domain.sum()))
    w, part = sample.weights, np.where(domain, y, 0.0)
    if not len(sample):
        return _told(_NAN, _NAN, y, w, domain, sample, level)
    told = _told(float((w * part).sum()), _variance(part, sample), y, w, domain, sample, level)
    return SampleEstimate(told.value, told.low, told.high, told.n, told.error, effective_size(w[domain]), told.notes)


def estimate_rate(values: Any, sample: Sample, *, where: Any = None, level: float = 0.95) -> SampleEstimate:
    """The share of the population for which something holds; its interval stays within [0, 1].

    Parameters
    ----------
    values : array_like of bool or 0 and 1, shape (n,)

    Notes
    -----
    Wilson's interval at the effective size (Korn and Graubard 1998): sound for rare things, and at 0 and n of n. Other
    parameters are those of :func:`estimate_mean`.

    Examples
    --------
    >>> from hindcast.sampling import simple_random
    >>> sample = simple_random(10_000, 50, seed=0)
    >>> print(estimate_rate(np.zeros(50), sample))
    0 [0, 0.07439]
    """
    level = level_of("level", level)
    y, domain = _values(values, sample), _domain(where, sample)
    wrong = (y != 0) & (y != 1)
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError("a rate is of values that are 0 or 1", row=row + 1, value=float(y[row]))
    mean = estimate_mean(y, sample, where=where, level=level)
    if math.isnan(mean.error) or not domain.any():
        return mean
    p, w = min(mean.value, 1.0), sample.weights
    if sample.spread != "replaced" and (np.asarray(sample.pi)[domain] >= _CERTAIN).all():
        return SampleEstimate(p, p, p, mean.n, 0.0, math.inf, mean.notes)
    freedom = _freedom(sample)
    size = p * (1 - p) / mean.error**2 if mean.error > 0 and 0 < p < 1 else _kish(w, domain, sample)
    shrunk = size * (NormalDist().inv_cdf(_upper(level)) / reach(level, freedom)) ** 2
    low, high = wilson(p * shrunk, shrunk, level)
    return SampleEstimate(p, min(low, p), max(high, p), mean.n, mean.error, size, mean.notes)


def estimate_quantile(
    values: Any, share: float, sample: Sample, *, where: Any = None, level: float = 0.95
) -> SampleEstimate:
    """The value that `share` of the population does not exceed.

    Notes
    -----
    Woodruff's interval (1952): that of the rate of rows at or below, read back through the weighted distribution. It
    needs no density and stays among values that were drawn. Parameters are those of :func:`estimate_mean`.

    Examples
    --------
    >>> from hindcast.sampling import simple_random
    >>> sample = simple_random(1000, 200, seed=3)
    >>> print(estimate_quantile(np.arange(1000.0)[sample.places], 0.5, sample))
    508 [430, 589]
    """
    share = share_of("estimate_quantile: share", share, zero=True)
    level = level_of("level", level)
    y, domain = _values(values, sample), _domain(where, sample)
    inside = y[domain]
    w = sample.weights[domain] if sample.random else np.ones(len(inside))
    if not len(inside):
        return _told(_NAN, _NAN, y, np.ones(len(y)), domain, sample, level)
    order = np.argsort(inside, kind="stable")
    sorted_values, running = inside[order], np.cumsum(w[order])
    reached = running / running[-1]

    def read(at: float) -> float:
        return float(sorted_values[min(int(np.searchsorted(reached, at - 1e-12)), len(inside) - 1)])

    value = read(share)
    if not sample.random:
        return _refused(value, sample, len(inside))
    size = float(w.sum())
    variance = _variance(np.where(domain, (y <= value) - share, 0.0) / size, sample)
    if math.isnan(variance):
        return _told(value, _NAN, y, sample.weights, domain, sample, level)
    half = reach(level, _freedom(sample)) * math.sqrt(variance)
    low, high = read(max(share - half, 0.0)), read(min(share + half, 1.0))
    normal = NormalDist().inv_cdf(_upper(level))
    return SampleEstimate(
        value,
        low,
        high,
        len(inside),
        (high - low) / (2 * normal),
        _kish(sample.weights, domain, sample),
        _notes(sample),
    )


def bootstrap_estimate(
    values: Any,
    sample: Sample,
    statistic: Callable[[Any, Floats], float],
    *,
    level: float = 0.95,
    draws: int = 500,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> SampleEstimate:
    """Any figure of the population, with an interval from the rescaled bootstrap; for what has no formula.

    Parameters
    ----------
    values : array_like, first axis n
        What the statistic needs of each drawn row.
    sample : Sample
    statistic : callable
        ``statistic(values, weights)`` to a number: a ratio, a correlation, a score of a model.
    level, draws, seed
        95%, 500 draws.

    Notes
    -----
    In each draw n_h - 1 of the n_h groups of each stratum are drawn with replacement and weights rescaled so that
    variances of totals come out as in the design, the part of the population seen included (Rao, Wu and Yue 1992).
    Percentile interval. Costs `draws` calls of the statistic.

    Examples
    --------
    >>> from hindcast.sampling import simple_random
    >>> sample = simple_random(1000, 200, seed=3)
    >>> x = np.arange(1000.0)[sample.places]
    >>> found = bootstrap_estimate(x, sample, lambda v, w: float(np.average(v**2, weights=w) ** 0.5))
    >>> found.low < found.value < found.high
    True
    """
    level = level_of("level", level)
    draws = whole("draws", draws, least=2, most=_MOST_DRAWS)
    drawn_by(sample)
    told = progress_of(progress)
    if not callable(statistic):
        raise ConfigError(f"the statistic must be a function of (values, weights), got a {type(statistic).__name__}.")
    data = values if hasattr(values, "__array__") else array_of(values, "values")
    if data.shape[:1] != (len(sample),):
        raise DataError(f"{len(sample)} drawn rows and values of shape {data.shape}; pass values[sample.places].")

    def figure(rows: Any, weights: Floats) -> float:
        found = statistic(rows, weights)
        try:
            return float(found)
        except (TypeError, ValueError):
            raise ConfigError(f"the statistic must give one number, got {found!r:.60}.") from None

    if not sample.random:
        return _refused(figure(data, np.ones(len(sample))), sample, len(sample))
    w = sample.weights
    value = figure(data, w)
    unit, stratum, pi = _units(sample)
    counts = np.bincount(stratum)
    if len(counts) == 0 or (counts[(counts > 0) & (np.bincount(stratum, weights=pi < _CERTAIN) > 0)] < 2).any():
        return SampleEstimate(value, n=len(sample), effective=effective_size(w), notes=(*_notes(sample), _LONELY))
    size = counts[stratum].astype(np.float64)
    keep = np.sqrt(np.maximum(1.0 - (pi if sample.spread != "replaced" else np.zeros(len(pi))), 0.0))
    first = np.r_[0, np.cumsum(counts)[:-1]]
    order = np.argsort(stratum, kind="stable")
    random = np.random.default_rng([seed_of(seed), _BOOTSTRAP])
    found = np.empty(draws)
    for draw in range(draws):
        drawn = np.zeros(len(pi))
        for code in np.flatnonzero(counts > 1):
            picks = random.integers(0, counts[code], size=counts[code] - 1)
            members = order[first[code] : first[code] + counts[code]]
            drawn[members] = np.bincount(picks, minlength=counts[code])
        factor = 1.0 + keep * (drawn * size / np.maximum(size - 1.0, 1.0) - 1.0)
        found[draw] = figure(data, np.maximum(w * factor[unit], 0.0))
        told(draw + 1, draws)
    low, high = np.nanquantile(found, [0.5 - level / 2, 0.5 + level / 2]) if np.isfinite(found).any() else (_NAN, _NAN)
    error = float(np.nanstd(found)) if np.isfinite(found).any() else _NAN
    return SampleEstimate(value, float(low), float(high), len(sample), error, effective_size(w), _notes(sample))


# ---- variance ---------------------------------------------------------------------------------------------

_LONELY = "a stratum gave one group only, so its spread is unknown: draw at least two, or join it with another"


def _values(values: Any, sample: Sample) -> Floats:
    drawn_by(sample)
    y = numbers(values, "values")
    if y.shape != (len(sample),):
        hint = "; pass values[sample.places]" if y.shape == (sample.population,) else ""
        raise DataError(f"{len(sample)} drawn rows came with values of shape {y.shape}{hint}.")
    wrong = ~np.isfinite(y)
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(
            "a value is missing; estimate the part that has one (where=), or fill it", row=row + 1, value=float(y[row])
        )
    return y


def drawn_by(sample: Any) -> None:
    """Refuse what is no sample."""
    if not isinstance(sample, Sample):
        raise ConfigError(f"estimates need the Sample that the values were drawn by, got {type(sample).__name__}.")


def _domain(where: Any, sample: Sample) -> Bools:
    if where is None:
        return np.ones(len(sample), dtype=np.bool_)
    mask = array_of(where, "where=")
    if mask.dtype != np.bool_ or mask.shape != (len(sample),):
        raise DataError(f"where= is a mask with one value for each of the {len(sample)} drawn rows.")
    return mask


def _units(sample: Sample) -> tuple[Ints, Ints, Floats]:
    """The group of each row, numbered; of each group its stratum, numbered, and its pi."""
    pi = np.asarray(sample.pi, dtype=np.float64)
    if sample.unit is None:
        unit = np.arange(len(sample), dtype=np.int64)
        first = unit
    else:
        _, first, unit = np.unique(sample.unit, return_index=True, return_inverse=True)
    stratum = np.zeros(len(first), dtype=np.int64)
    if sample.stratum is not None and len(first):
        stratum = np.unique(sample.stratum[first], return_inverse=True)[1]
    return unit.astype(np.int64), stratum.astype(np.int64), pi[first]


def _variance(u: Floats, sample: Sample) -> float:
    """The variance of the sum of ``u / pi``; NaN where the sample cannot say."""
    unit, stratum, pi = _units(sample)
    z = np.bincount(unit, weights=u * sample.weights, minlength=len(pi))
    if not len(z):
        return _NAN
    if sample.spread == "poisson":
        return float(((1.0 - pi) * z**2).sum())
    strata = int(stratum.max()) + 1
    if sample.spread == "ordered":
        if len(z) < 2:
            return 0.0 if pi[0] >= _CERTAIN else _NAN
        gap = np.diff(z)
        return float(max(1.0 - pi.mean(), 0.0) * len(z) / (2 * (len(z) - 1)) * (gap**2).sum())
    a = np.ones(len(z)) if sample.spread == "replaced" else np.where(pi < _CERTAIN, 1.0 - pi, 0.0)
    n = np.bincount(stratum[a > 0], minlength=strata)
    if (n == 1).any():
        return _NAN
    weight = np.bincount(stratum, weights=a, minlength=strata)
    centre = np.bincount(stratum, weights=a * z, minlength=strata) / np.where(weight > 0, weight, 1.0)
    square = np.bincount(stratum, weights=a * (z - centre[stratum]) ** 2, minlength=strata)
    return float((square * n / np.maximum(n - 1, 1)).sum())


def _freedom(sample: Sample) -> int:
    _, stratum, pi = _units(sample)
    free = pi < _CERTAIN if sample.spread != "replaced" else np.ones(len(pi), dtype=np.bool_)
    strata = len(np.unique(stratum[free]))
    return max(int(free.sum()) - strata, 1)


def _kish(w: Floats, domain: Bools, sample: Sample) -> float:
    """Kish's size over groups, with the part of the population seen taken off."""
    unit, _, _ = _units(sample)
    size = effective_size(np.bincount(unit, weights=np.where(domain, w, 0.0)))
    seen = 0.0 if sample.spread == "replaced" or not domain.any() else float(domain.sum() / w[domain].sum())
    return math.inf if seen >= _CERTAIN else size / (1.0 - seen)


def _notes(sample: Sample) -> tuple[str, ...]:
    more: tuple[str, ...] = ()
    if sample.spread == "ordered":
        more = ("a systematic sample has no unbiased variance: the interval takes neighbours for independent",)
    return (*sample.warnings(), *more)


def reach(level: float, freedom: int) -> float:
    """How many standard errors an interval reaches: Student's, beyond 500 degrees by its expansion (to 1e-6)."""
    if freedom <= 500:
        return student_quantile(_upper(level), freedom)
    z = NormalDist().inv_cdf(_upper(level))
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)


def _upper(level: float) -> float:
    """The share below the upper end of an interval; of a level next to 1 the last share below 1."""
    return min(0.5 + level / 2, 1.0 - 2.0**-53)


def _refused(value: float, sample: Sample, n: int) -> SampleEstimate:
    return SampleEstimate(value, n=n, notes=(f"no interval: {sample.note}",))


def _told(
    value: float, variance: float, y: Floats, w: Floats, domain: Bools, sample: Sample, level: float
) -> SampleEstimate:
    """The estimate with Student's interval, or without where there is no variance."""
    n = int(domain.sum())
    if not n:
        return SampleEstimate(_NAN, notes=(*_notes(sample), "no drawn row to estimate from"))
    kish = effective_size(w[domain])
    if math.isnan(variance):
        return SampleEstimate(value, n=n, effective=kish, notes=(*_notes(sample), _LONELY))
    error = math.sqrt(variance)
    half = reach(level, _freedom(sample)) * error
    mean = float(np.average(y[domain], weights=w[domain]))
    spread = float(np.average((y[domain] - mean) ** 2, weights=w[domain]))
    size = spread / variance if variance > 0 else (math.inf if spread > 0 else kish)
    return SampleEstimate(value, value - half, value + half, n, error, size, _notes(sample))
