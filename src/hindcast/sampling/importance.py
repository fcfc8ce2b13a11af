"""Importance sampling: what a mean would be under one distribution, from draws of another, and if to believe it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.errors import DataError
from hindcast.metrics.rows import numbers
from hindcast.parameters import level_of, number, switch
from hindcast.sampling.estimates import SampleEstimate, effective_size, reach
from hindcast.sampling.weighted import checked_weights
from hindcast.values import Floats
from hindcast.verdicts import Verdict

__all__ = ["ImportanceWeights", "importance_estimate", "importance_weights", "tail_shape"]

_FEW = 0.1
_HEAVY = 0.7


@dataclass(frozen=True, slots=True, eq=False)
class ImportanceWeights:
    """How much more often each draw would have come under the target: ``target / proposal``.

    Parameters
    ----------
    values : float64 array, shape (n,)
        The ratios, truncated if that was asked for, up to one common factor where densities were not normalised.
    effective : float
        Kish's effective sample size: how many draws of the target itself would be as sure.
    largest : float
        The share of all weight that lies on the heaviest draw.
    tail : float
        Shape of the generalised Pareto distribution of the largest ratios, before truncation: beyond 0.5 their variance
        is infinite, beyond 0.7 estimates settle too slowly to be of use (Vehtari et al. 2024). NaN with fewer than 25
        draws.
    truncated : int
        How many ratios were cut.
    log_factor : float
        The logarithm of a factor taken out of the ratios because they are beyond what a float holds; 0 otherwise.
    """

    values: Floats
    effective: float
    largest: float
    tail: float
    truncated: int = 0
    log_factor: float = 0.0

    def warnings(self) -> tuple[str, ...]:
        """Why the weights should not be trusted, if they should not."""
        n, found = len(self.values), []
        if n and self.effective < max(_FEW * n, 10.0):
            found.append(
                f"{n} draws are worth only {self.effective:.3g}; the heaviest holds {self.largest:.0%} of the weight"
            )
        if self.tail > _HEAVY:
            found.append(
                f"the weights' tail has shape {self.tail:.2f}, above {_HEAVY}: the proposal hardly covers the target, "
                "so neither the estimate nor its interval can be trusted"
            )
        if self.truncated:
            found.append(f"{self.truncated} weights were cut, which lowers variance and adds bias")
        return tuple(found)

    def verdict(self) -> Verdict:
        """Pass when the weights can be trusted, fail when not, unknown without draws."""
        if not len(self.values):
            return Verdict.unknown("importance weights", "there are no draws")
        evidence = {"effective": self.effective, "largest": self.largest}
        bad = [text for text in self.warnings() if "were cut" not in text]
        if bad:
            return Verdict.failed("importance weights", "; ".join(bad), **evidence)
        text = f"{len(self.values)} draws are worth {self.effective:.3g}"
        return Verdict.passed("importance weights", text, **evidence)


def importance_weights(
    target: Any, proposal: Any, *, log: bool = False, truncate: bool | float = False
) -> ImportanceWeights:
    """The weights of draws from `proposal` for questions about `target`.

    Parameters
    ----------
    target, proposal : array_like, shape (n,)
        Densities (or probabilities) of each draw under both; a common factor of either does not matter to
        self-normalised estimates.
    log : bool, default False
        Whether they are logarithms; -inf for a target density of zero.
    truncate : bool or float, default False
        Cut ratios beyond ``sqrt(n)`` times their mean (Ionides 2008), or beyond so many times their mean.

    Raises
    ------
    DataError
        For a draw whose proposal density is not above zero: it cannot have been drawn.

    Examples
    --------
    >>> found = importance_weights([0.5, 0.25, 0.25], [0.25, 0.5, 0.25])
    >>> found.values.tolist(), round(found.effective, 2)
    ([2.0, 0.5, 1.0], 2.33)
    """
    log = switch("log", log)
    switched = isinstance(truncate, bool | np.bool_)
    most_times = None if switched else number("truncate (in times of the mean weight)", truncate, above=0.0)
    p, q = _density(target, "target", log), _density(proposal, "proposal", log)
    if p.shape != q.shape:
        raise DataError(f"{len(p)} target densities meet {len(q)} of the proposal; give one of each per draw.")
    impossible = ~np.isfinite(q)
    if impossible.any():
        row = int(impossible.argmax())
        raise DataError(
            "a draw that the proposal cannot have made",
            row=row + 1,
            column="proposal",
            value=float(q[row]) if log else 0.0,
        )
    ratio = p - q
    top = float(ratio.max(initial=-np.inf))
    if len(ratio) and not np.isfinite(top):
        raise DataError("the target gives every draw a density of zero: the proposal does not cover it.")
    shift = top if top > 700 or top < -700 else 0.0  # beyond these a ratio is no float; a common factor is taken out
    values = np.exp(ratio - shift)
    tail = tail_shape(values)
    cut = 0
    if (truncate if switched else True) and len(values):
        times = math.sqrt(len(values)) if most_times is None else most_times
        most = times * float(values.mean())
        cut = int((values > most).sum())
        values = np.minimum(values, most)
    total = float(values.sum())
    largest = float(values.max(initial=0.0) / total) if total else math.nan
    return ImportanceWeights(values, effective_size(values), largest, tail, cut, shift)


def importance_estimate(
    values: Any,
    target: Any,
    proposal: Any,
    *,
    log: bool = False,
    normalise: bool = True,
    truncate: bool | float = False,
    level: float = 0.95,
) -> SampleEstimate:
    """The mean of `values` under the target, from draws of the proposal.

    Parameters
    ----------
    values : array_like, shape (n,)
    target, proposal, log, truncate
        See :func:`importance_weights`.
    normalise : bool, default True
        Divide by the sum of the weights (self-normalised: densities may lack their constant, little bias, mostly less
        spread); or by n (plain: unbiased, and both densities must be normalised).
    level : float, default 0.95

    Returns
    -------
    SampleEstimate
        With an interval by the delta method, Student's with the effective size's freedom; notes say when not to
        trust it.

    References
    ----------
    Owen, "Monte Carlo theory, methods and examples", 2013, chapter 9.

    Examples
    --------
    >>> x = np.random.default_rng(0).uniform(0, 1, 4000)
    >>> print(importance_estimate(x, 2 * x, np.ones(4000)))          # under the density 2x, from uniform draws
    0.6639 [0.6563, 0.6715]
    """
    level = level_of("level", level)
    y = numbers(values, "values")
    if y.ndim != 1:
        raise DataError(f"values have shape (n,), one per draw, got {y.shape}.")
    if not np.isfinite(y).all():
        row = int((~np.isfinite(y)).argmax())
        raise DataError("not a finite value", row=row + 1, column="values", value=float(y[row]))
    weights = importance_weights(target, proposal, log=log, truncate=truncate)
    w, n = weights.values, len(weights.values)
    if y.shape != w.shape:
        raise DataError(f"{n} draws came with values of shape {y.shape}; give one per draw.")
    if n == 0:
        return SampleEstimate(math.nan, notes=("there are no draws",))
    if switch("normalise", normalise):
        w = w / w.max()
        value = float((w * y).sum() / w.sum())
        part = n * w * (y - value) / w.sum()
    else:
        if weights.log_factor:
            raise DataError("ratios of densities beyond what a float holds have no plain mean; use normalise=True.")
        value = float((w * y).mean())
        part = w * y - value
    if n < 2:
        return SampleEstimate(value, n=n, effective=weights.effective, notes=("one draw has no spread",))
    error = math.sqrt(float(np.square(part).sum()) / (n * (n - 1)))
    half = reach(level, max(int(weights.effective) - 1, 1)) * error
    return SampleEstimate(value, value - half, value + half, n, error, weights.effective, weights.warnings())


def tail_shape(weights: Any) -> float:
    """The shape k of a generalised Pareto distribution fitted to the largest ``min(n / 5, 3 sqrt(n))`` weights.

    Zhang and Stephens' quick posterior mean (2009), drawn to 0.5 by ten draws' worth as Vehtari et al. advise. NaN with
    fewer than 25 weights; -inf where the largest are all alike.

    Examples
    --------
    >>> heavy = np.random.default_rng(1).pareto(1.0, 20_000)          # variance infinite: k = 1
    >>> 0.8 < tail_shape(heavy) < 1.2
    True
    """
    w = np.sort(checked_weights(weights, "tail_shape"))
    n = len(w)
    size = math.ceil(min(n / 5, 3 * math.sqrt(n)))
    if n < 25:
        return math.nan
    excess = w[-size:] - w[-size - 1]
    excess = excess[excess > 0]
    if len(excess) < 5 or excess[-1] <= 1e-12 * w[-1]:
        return -math.inf
    m = len(excess)
    grid = 30 + int(math.sqrt(m))
    quartile = excess[int(m / 4 + 0.5) - 1]
    theta = 1 / excess[-1] + (1 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))) / (3 * quartile)
    shape = np.log1p(-theta[:, None] * excess).mean(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        likelihood = m * (np.log(-theta / shape) - shape - 1)
    likelihood = np.where(np.isfinite(likelihood), likelihood, -np.inf)
    belief = np.exp(likelihood - likelihood.max())
    best = float((theta * belief).sum() / belief.sum())
    k = float(np.log1p(-best * excess).mean())
    return (m * k + 10 * 0.5) / (m + 10)


def _density(values: Any, what: str, log: bool) -> Floats:
    array = numbers(values, f"{what} densities")
    if array.ndim != 1:
        raise DataError(f"{what} densities have shape (n,), got {array.shape}.")
    wrong = np.isnan(array) | (array == np.inf) if log else ~(np.isfinite(array) & (array >= 0))
    if wrong.any():
        row = int(wrong.argmax())
        kind = "logarithm of a density" if log else "density"
        raise DataError(f"not a {kind}", row=row + 1, column=what, value=float(array[row]))
    if log:
        return array
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(array))
