"""The threshold from which to act, chosen on rows that neither trained the model nor will judge it.

A threshold chosen on the rows it is then judged on flatters itself, the more the rarer the positives are: choose on a
validation part, report on a later one. Where a goal says what outcomes are worth and probabilities are calibrated, its
own threshold needs no choosing (:attr:`hindcast.metrics.Goal.threshold`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.metrics.costs import Costs
from hindcast.metrics.curves import counts_at_thresholds
from hindcast.metrics.decisions import DECISION_METRICS
from hindcast.metrics.rows import checked_scores, paired
from hindcast.metrics.value import Goal
from hindcast.values import Bools, Floats

__all__ = ["Threshold", "best_threshold"]


@dataclass(frozen=True, slots=True)
class Threshold:
    """Act where the score is at least `at`.

    Parameters
    ----------
    at : float
        Infinite: never act.
    by : str
        What was maximised (a cost: minimised).
    score : float
        What it reached on the rows it was chosen on: too good to be reported, see the module.
    n, positives : int
        Those rows.
    """

    at: float
    by: str
    score: float
    n: int
    positives: int

    def decide(self, score: Any) -> Bools:
        """Where to act, shape (n,)."""
        return np.asarray(checked_scores(score) >= self.at)


def best_threshold(label: Any, score: Any, by: str | Goal | Costs = "f1") -> Threshold:
    """The threshold that is best on these rows; choose on validation rows, never on those you report on.

    Parameters
    ----------
    label : array_like, shape (n,)
        0 and 1.
    score : array_like, shape (n,)
        Probabilities, or any finite score.
    by : str, Goal or Costs, default "f1"
        A name of :data:`hindcast.metrics.DECISION_METRICS`, or what outcomes are worth or cost in total.

    Returns
    -------
    Threshold
        Halfway between the last score acted on and the next, so that a small change of scores changes little; of
        equally good ones the strictest.

    Raises
    ------
    DataError
        Without rows, or where the metric is not defined at any threshold (one class only).

    Examples
    --------
    >>> found = best_threshold([0, 0, 1, 1], [0.1, 0.3, 0.6, 0.9], by="f1")
    >>> round(found.at, 2), found.score
    (0.45, 1.0)
    >>> best_threshold([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.9], by=Goal("call", hit=40, false_alarm=-15)).score
    65.0
    """
    y, s = paired(label, score, probability=False)
    if not y.size:
        raise DataError("a threshold cannot be chosen without rows; give it validation rows with known labels.")
    threshold, hits, alarms = counts_at_thresholds(y, s)
    hits, alarms = np.r_[0.0, hits], np.r_[0.0, alarms]
    positives = float(y.sum())
    counts = np.stack([hits, alarms, positives - hits, y.size - positives - alarms], axis=1)
    name, found = _gain(by, counts)
    if np.isnan(found).all():
        alike = 0 < positives < y.size
        raise DataError(
            f"{name} is not defined on these {y.size} rows, of which {int(positives)} are positive"
            + (
                ", at any threshold: all scores are alike."
                if alike
                else "; choose a threshold on rows of both classes."
            )
        )
    best = int(np.nanargmax(found))
    edges = np.r_[threshold, -np.inf]
    at = np.inf if best == 0 else _between(float(edges[best - 1]), float(edges[best]))
    reached = -float(found[best]) if isinstance(by, Costs) else float(found[best])
    return Threshold(float(at), name, reached, int(y.size), int(positives))


def _between(above: float, below: float) -> float:
    """Halfway, but never so low that the lower score is acted on."""
    if not np.isfinite(below):
        return above
    middle = above / 2.0 + below / 2.0 if abs(above) > 1e300 else below + (above - below) / 2.0
    return middle if middle > below else above


def _gain(by: str | Goal | Costs, counts: Floats) -> tuple[str, Floats]:
    """What is to be as great as possible, at each threshold, and its name."""
    if isinstance(by, Goal):
        return f"value of {by.text!r}", counts @ np.array([by.hit, by.false_alarm, by.miss, by.pass_by])
    if isinstance(by, Costs):
        if len(by.classes) != 2:
            raise ConfigError(f"one threshold tells two classes apart, these costs have {len(by.classes)}.")
        c = by.cost
        return "cost", -(counts @ np.array([c[1, 1], c[0, 1], c[1, 0], c[0, 0]]))
    if by not in DECISION_METRICS:
        raise UnknownName("metric of decisions", by, DECISION_METRICS)
    return by, DECISION_METRICS[by](counts)
