"""When to stop asking: rules that say what they saw, none of which knows the future."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.metrics.intervals import Estimate
from hindcast.metrics.rows import numbers
from hindcast.parameters import number, whole
from hindcast.sampling.blocks import array_of
from hindcast.verdicts import Verdict

__all__ = ["budget_spent", "predictions_settled", "score_flat", "score_reached"]


def budget_spent(spent: float, budget: float) -> Verdict:
    """Stop (pass) when `spent` has reached `budget`.

    Examples
    --------
    >>> budget_spent(120, 100).outcome
    'pass'
    """
    spent, budget = number("spent", spent), number("budget", budget)
    if spent >= budget:
        return Verdict.passed("stop: budget", f"{spent:g} of {budget:g} is spent", spent=spent, budget=budget)
    return Verdict.failed("stop: budget", f"{budget - spent:g} of {budget:g} is left", spent=spent, budget=budget)


def score_reached(score: Estimate, target: float) -> Verdict:
    """Stop when the held-out score's whole interval is at `target` or above; unknown without an interval.

    Examples
    --------
    >>> score_reached(Estimate(0.93, 0.91, 0.95, 400), 0.9).outcome
    'pass'
    """
    if not isinstance(score, Estimate):
        raise ConfigError(f"score_reached takes an Estimate, got {score!r:.60}.")
    target = number("target", target)
    if not np.isfinite(score.low):
        return Verdict.unknown("stop: score", f"{score.value:.4g} on {score.n} rows has no interval")
    evidence = {"score": score.value, "low": score.low, "target": target}
    if score.low >= target:
        return Verdict.passed("stop: score", f"{score} is at {target:g} or above", **evidence)
    return Verdict.failed("stop: score", f"{score} may be below {target:g}", **evidence)


def agreement(first: Any, second: Any) -> float:
    """Cohen's kappa of two lists of classes; 1 where both say one and the same class throughout."""
    a, b = array_of(first, "predictions"), array_of(second, "predictions")
    if a.shape != b.shape or a.ndim != 1:
        raise DataError(f"predictions of shapes {a.shape} and {b.shape} cannot be compared.")
    if not a.size:
        return float("nan")
    _, codes = np.unique(np.concatenate([a, b]), return_inverse=True)
    size = int(codes.max()) + 1
    left = np.bincount(codes[: a.size], minlength=size) / a.size
    right = np.bincount(codes[a.size :], minlength=size) / a.size
    chance = float(left @ right)
    same = float((a == b).mean())
    return 1.0 if chance >= 1.0 else (same - chance) / (1.0 - chance)


def predictions_settled(rounds: Sequence[Any], *, kappa: float = 0.99, window: int = 3) -> Verdict:
    """Stop when the predictions on one fixed set of unlabelled items hardly move from round to round.

    Parameters
    ----------
    rounds : sequence of arrays, shape (m,)
        The likeliest classes of the same m items after each round, oldest first.
    kappa : float, default 0.99
        The mean agreement of successive rounds that counts as settled.
    window : int, default 3
        Over so many steps. Unknown with fewer.

    Notes
    -----
    Needs no held-out labels. It says that the model has settled, not that it is right: a strategy that never looks into
    some region settles too.

    References
    ----------
    Bloodgood and Vijay-Shanker, "A Method for Stopping Active Learning Based on Stabilizing Predictions", CoNLL 2009.

    Examples
    --------
    >>> predictions_settled([["a", "b"]] * 4).outcome
    'pass'
    """
    window, kappa = whole("predictions_settled: window", window, least=1), number("kappa", kappa)
    if not isinstance(rounds, Sequence) or isinstance(rounds, str | bytes):
        raise ConfigError(f"rounds are a sequence of predictions, got {rounds!r:.60}.")
    if len(rounds) <= window:
        return Verdict.unknown("stop: settled", f"{len(rounds)} rounds are too few to see {window} steps")
    last = list(rounds)[-window - 1 :]
    found = [agreement(a, b) for a, b in pairwise(last)]
    mean = float(np.mean(found))
    if not np.isfinite(mean):
        return Verdict.unknown("stop: settled", "no items to compare the rounds on")
    reason = f"successive rounds agree with kappa {mean:.4f} over the last {window} steps"
    verdict = Verdict.passed if mean >= kappa else Verdict.failed
    return verdict("stop: settled", reason, kappa=mean, wanted=kappa)


def score_flat(scores: Sequence[float], *, gain: float = 0.002, window: int = 3) -> Verdict:
    """Stop when the held-out score rose by less than `gain` a round, on average over the last `window` rounds.

    Curves have plateaus and rise again: prefer :func:`predictions_settled`, or both.

    Examples
    --------
    >>> score_flat([0.5, 0.7, 0.8, 0.801, 0.801, 0.802]).outcome
    'pass'
    """
    window, gain = whole("score_flat: window", window, least=1), number("gain", gain)
    found = numbers(scores, "scores")
    if found.ndim != 1:
        raise DataError(f"scores have shape (rounds,), got {found.shape}.")
    scores = found.tolist()
    if len(scores) <= window or not np.isfinite(scores[-1] - scores[-1 - window]):
        return Verdict.unknown("stop: flat", f"{len(scores)} rounds are too few to see {window} steps")
    rise = (float(scores[-1]) - float(scores[-1 - window])) / window
    verdict = Verdict.passed if rise < gain else Verdict.failed
    return verdict("stop: flat", f"{rise:+.4f} a round over the last {window} rounds", gain=rise, wanted=gain)
