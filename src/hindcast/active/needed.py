"""What a strategy spends for random's score at a budget, with an interval, and an honest "no gain here"."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.metrics.intervals import Estimate, block_draws, student_quantile
from hindcast.metrics.rows import numbers
from hindcast.parameters import level_of, number
from hindcast.values import Floats

__all__ = ["Needed", "needed"]

_DRAWS = 500


@dataclass(frozen=True)
class Needed:
    """What a strategy spends to score as random does at a budget.

    Parameters
    ----------
    strategy : str
    budget : float
        Random's.
    target : float
        Random's score there.
    spent : Estimate
        Infinite where the strategy did not reach the target within the budgets.
    """

    strategy: str
    budget: float
    target: float
    spent: Estimate

    @property
    def saved(self) -> float:
        """The share of the budget that is saved; below zero where more is spent than by random."""
        return 1.0 - self.spent.value / self.budget

    @property
    def gain(self) -> bool:
        """Whether less is spent than by random, the whole interval through."""
        return self.spent.high < self.budget

    def __str__(self) -> str:
        if math.isinf(self.spent.value):
            return "not reached"
        shown = f"{self.spent.value:.0f} [{self.spent.low:.0f}, {self.spent.high:.0f}]"
        return shown if self.gain else f"{shown}, no gain here"


def _rising(curve: Floats) -> Floats:
    """The rising curve nearest to `curve` in squares (pool adjacent violators), shape (B,)."""
    levels: list[float] = []
    sizes: list[int] = []
    for value in curve:
        levels.append(float(value))
        sizes.append(1)
        while len(levels) > 1 and levels[-2] > levels[-1]:
            size = sizes[-2] + sizes[-1]
            levels[-2] = (levels[-2] * sizes[-2] + levels[-1] * sizes[-1]) / size
            sizes[-2] = size
            levels.pop()
            sizes.pop()
    return np.repeat(levels, sizes)


def _crossing(budgets: Floats, curve: Floats, target: float) -> float:
    """Where the rising curve first reaches `target`, linear between budgets; infinite where it never does."""
    rising = _rising(curve)
    place = int(np.searchsorted(rising, target - 1e-12, side="left"))
    if place == len(rising):
        return math.inf
    if place == 0:
        return float(budgets[0])
    low, high = rising[place - 1], rising[place]
    return float(budgets[place - 1] + (budgets[place] - budgets[place - 1]) * (target - low) / (high - low))


def needed(
    budgets: Floats, ours: Floats, random: Floats, budget: float, *, strategy: str = "strategy", level: float = 0.95
) -> Needed:
    """What a strategy spends to score as random does at `budget`.

    Parameters
    ----------
    budgets : shape (B,)
    ours, random : shape (repeats, B)
        Paired by repeat.
    budget : float
        Between the first and the last of the budgets.
    level : float

    Notes
    -----
    Mean curves over repeats are made rising (noise would else be read as reaching the target early) and interpolated;
    the interval draws repeats, paired, and is widened for few of them as :mod:`hindcast.metrics.intervals` does. At the
    first budget all strategies have the same labels, so no answer is below it.

    Examples
    --------
    >>> b = np.array([10.0, 20.0, 40.0])
    >>> needed(b, np.tile([0.5, 0.8, 0.9], (3, 1)), np.tile([0.5, 0.6, 0.8], (3, 1)), 40).spent.value
    20.0
    """
    b, ours, random = numbers(budgets, "budgets"), numbers(ours, "ours"), numbers(random, "random")
    level, budget = level_of("level", level), number("budget", budget)
    if b.ndim != 1 or not len(b) or ours.ndim != 2 or ours.shape != random.shape or ours.shape[1] != len(b):
        raise DataError(
            f"budgets of shape {b.shape} meet curves of shape {ours.shape} and {random.shape}; "
            "give (m,) and (repeats, m)."
        )
    if not b[0] <= budget <= b[-1]:
        raise ConfigError(f"the budget {budget:g} lies outside those measured, {b[0]:g} to {b[-1]:g}.")

    def spent(weight: Floats) -> tuple[float, float]:
        share = weight / weight.sum()
        target = float(np.interp(budget, b, _rising(share @ random)))
        return _crossing(b, share @ ours, target), target

    repeats = len(ours)
    point, target = spent(np.ones(repeats))
    if repeats < 2:
        return Needed(strategy, budget, target, Estimate(point, n=repeats))
    draws = np.array([spent(weight)[0] for weight in block_draws(repeats, _DRAWS)])
    share = 0.5 + level / 2.0
    low, high = np.quantile(draws, [1.0 - share, share], method="inverted_cdf")
    widen = math.sqrt(repeats / (repeats - 1)) * student_quantile(share, repeats - 1) / NormalDist().inv_cdf(share)
    if math.isinf(point):
        return Needed(strategy, budget, target, Estimate(point, float(low), math.inf, repeats))
    below = max(float(b[0]), point - (point - float(low)) * widen)
    above = point + (float(high) - point) * widen
    return Needed(strategy, budget, target, Estimate(point, below, above if above <= b[-1] else math.inf, repeats))
