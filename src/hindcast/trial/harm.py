"""How much worse one arm of a trial did than the other, and the least that this can be said with confidence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from hindcast.errors import DataError
from hindcast.metrics import Goal, ece, wilson
from hindcast.metrics.scores import calibration_bins
from hindcast.trial.sample_size import sample_size
from hindcast.values import Floats

__all__ = ["Arm", "Finding", "calibration_harm", "error_harm", "value_harm"]

_DRAWS = 2_000
_BINS = 10


@dataclass(frozen=True, eq=False)
class Arm:
    """What one model's requests came to.

    Parameters
    ----------
    requests : int
        Requests that were routed to the model.
    errors : int
        Of these, those it gave no answer to (an exception, a timeout, a fallback answered).
    label, probability : float64 arrays, shape (n,)
        Of the requests with a matured label; rows where either is NaN count in no score.
    """

    requests: int
    errors: int
    label: Floats
    probability: Floats

    def __post_init__(self) -> None:
        if len(self.label) != len(self.probability):
            raise DataError(f"an arm has {len(self.label)} labels for {len(self.probability)} probabilities.")
        if not 0 <= self.errors <= self.requests:
            raise DataError(f"an arm of {self.requests} requests cannot have {self.errors} errors.")

    @property
    def rows(self) -> int:
        """The rows that have both a label and a probability."""
        return int((~np.isnan(self.label) & ~np.isnan(self.probability)).sum())

    def scored(self) -> tuple[Floats, Floats]:
        """Labels and probabilities of these rows."""
        both = ~np.isnan(self.label) & ~np.isnan(self.probability)
        return self.label[both], self.probability[both]


@dataclass(frozen=True, slots=True)
class Finding:
    """A harm: above zero the canary did worse.

    Parameters
    ----------
    canary, champion : float
        The figure of each arm.
    harm : float
        How much worse the canary's is.
    low : float
        The least harm that can be declared with the asked confidence; at or below zero: none.
    rows, others : int
        Rows of the canary, of the champion.
    sd : float
        Standard deviation of the figure per row, for the needed sample size.
    """

    canary: float
    champion: float
    harm: float
    low: float
    rows: int
    others: int
    sd: float

    def needed(self, harm: float, level: float, power: float, *, paired: bool) -> int:
        """Rows of the canary that would show a harm of size `harm`."""
        share = 1.0 if paired else min(0.999, max(0.001, self.rows / max(1, self.rows + self.others)))
        return sample_size(harm, self.sd, share=share, level=level, power=power)


def error_harm(canary: Arm, champion: Arm, level: float, harm: float) -> Finding:
    """By how much the canary's error rate is higher; Newcombe's interval of a difference of two rates.

    Both arms have at least one request. The deviation for the sample size is that of the champion's rate worsened by
    `harm`, since a rate of zero has none. Reference: Newcombe, "Interval estimation for the difference between
    independent proportions", Statistics in Medicine 1998, method 10.
    """
    new, old = canary.errors / canary.requests, champion.errors / champion.requests
    both_sides = max(2 * level - 1, 1e-9)
    new_low, _ = wilson(canary.errors, canary.requests, both_sides)
    _, old_high = wilson(champion.errors, champion.requests, both_sides)
    low = new - old - math.hypot(new - new_low, old_high - old)
    rate = min(1.0, old + harm)
    return Finding(new, old, new - old, low, canary.requests, champion.requests, math.sqrt(rate * (1 - rate)))


def calibration_harm(canary: Arm, champion: Arm, level: float, seed: int) -> Finding:
    """By how much the canary's expected calibration error is higher than the champion's, beyond what chance explains.

    The error of a perfectly calibrated model is above zero on few rows. So what such a model would show with
    probability `level`, given the same probabilities, is taken off the canary's (bin sums drawn as normal, with a
    fixed seed), and the champion's is taken as it is.
    """
    y, p = canary.scored()
    bins = calibration_bins(p, _BINS)
    spread = np.sqrt(np.bincount(bins, weights=p * (1 - p), minlength=_BINS))
    drawn = np.abs(np.random.default_rng(seed).standard_normal((_DRAWS, _BINS)) * spread).sum(axis=1) / len(p)
    new, old = ece(y, p, bins=_BINS), ece(*champion.scored(), bins=_BINS)
    low = new - float(np.quantile(drawn, level)) - old
    return Finding(new, old, new - old, low, len(p), champion.rows, math.sqrt(float(np.mean(p * (1 - p)))))


def value_harm(canary: Arm, champion: Arm, goal: Goal, level: float, *, paired: bool) -> Finding:
    """By how much less the canary's decisions were worth, per request in the goal's unit.

    Two independent arms are compared by Welch's standard error, paired ones by that of the differences; the normal
    quantile is used, so each arm wants some tens of rows.
    """
    z = NormalDist().inv_cdf(level)
    if paired:
        both = ~np.isnan(canary.label) & ~np.isnan(canary.probability) & ~np.isnan(champion.probability)
        label = canary.label[both]
        new, old = (goal.value(goal.decide(arm.probability[both]), label) for arm in (canary, champion))
        loss = old - new
        sd = float(loss.std(ddof=1)) if len(loss) > 1 else math.nan
        error = sd / math.sqrt(len(loss)) if len(loss) else math.nan
    else:
        (y, p), (y0, p0) = canary.scored(), champion.scored()
        new, old = goal.value(goal.decide(p), y), goal.value(goal.decide(p0), y0)
        variances = [float(v.var(ddof=1)) if len(v) > 1 else math.nan for v in (new, old)]
        error = math.sqrt(variances[0] / max(1, len(new)) + variances[1] / max(1, len(old)))
        sd = math.sqrt((variances[0] + variances[1]) / 2)
    mean_new = float(new.mean()) if len(new) else math.nan
    mean_old = float(old.mean()) if len(old) else math.nan
    harm = mean_old - mean_new
    return Finding(mean_new, mean_old, harm, harm - z * error, len(new), len(old), sd)
