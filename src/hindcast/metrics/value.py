"""What a decision is worth: a payoff per outcome gives the threshold, the decisions and the value."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.metrics.rows import checked_labels, checked_probabilities
from hindcast.values import Bools, Floats

__all__ = ["Goal"]


@dataclass(frozen=True, slots=True)
class Goal:
    """What acting on a prediction is worth, per outcome, against the other choices.

    A *hit* acts on a row that turns out positive, a *false alarm* on one that turns out negative; a *miss*
    leaves a positive row alone, a *pass by* a negative one. With a calibrated probability p the best policy
    acts exactly when ``p * hit + (1 - p) * false_alarm > p * miss + (1 - p) * pass_by``, so the four payoffs
    give the threshold and nobody has to choose one.

    Parameters
    ----------
    text : str
        The goal in words, such as ``"rebook before the delay"``.
    hit, false_alarm : float
        Payoff of acting on a positive, on a negative row, in `unit`. A cost is below zero.
    miss, pass_by : float, default 0
        Payoff of not acting on a positive, on a negative row.
    unit : str, default "USD"
        What the payoffs are counted in.

    Raises
    ------
    ConfigError
        When a payoff is not finite, when acting on a positive row is not worth more than leaving it alone (then
        nobody should ever act), or when a false alarm is worth more than passing by (then everybody should
        always act): no model is needed there, most likely a sign is wrong.

    References
    ----------
    Elkan, "The Foundations of Cost-Sensitive Learning", IJCAI 2001.

    Examples
    --------
    >>> goal = Goal("rebook before the delay", hit=40, false_alarm=-15)
    >>> round(goal.threshold, 4)
    0.2727
    >>> acted = goal.decide([0.1, 0.3, 0.9])
    >>> goal.value(acted, [1, 0, 1]).tolist()
    [0.0, -15.0, 40.0]
    """

    text: str
    hit: float
    false_alarm: float
    miss: float = 0.0
    pass_by: float = 0.0
    unit: str = "USD"

    def __post_init__(self) -> None:
        for name in ("hit", "false_alarm", "miss", "pass_by"):
            payoff = getattr(self, name)
            if not isinstance(payoff, int | float) or isinstance(payoff, bool) or not math.isfinite(payoff):
                raise ConfigError(f"Goal needs a finite number for {name}, got {payoff!r}.")
            object.__setattr__(self, name, float(payoff))
        if self.hit <= self.miss:
            raise ConfigError(
                f"Goal {self.text!r}: a hit ({self.hit:g}) must be worth more than a miss ({self.miss:g}), or acting "
                "never pays. Check the signs: a gain is above zero, a cost below."
            )
        if self.false_alarm > self.pass_by:
            raise ConfigError(
                f"Goal {self.text!r}: a false alarm ({self.false_alarm:g}) is worth more than passing by "
                f"({self.pass_by:g}), so acting always pays. Check the signs: a cost is below zero."
            )

    @property
    def threshold(self) -> float:
        """The probability above which acting is worth more than not acting; at it both are worth the same."""
        gain, cost = self.hit - self.miss, self.pass_by - self.false_alarm
        return cost / (gain + cost)

    def decide(self, probability: Any) -> Bools:
        """Where to act, shape (n,), for probabilities of shape (n,): strictly above the threshold."""
        return checked_probabilities(probability) > self.threshold

    def expected(self, probability: Any) -> Floats:
        """Expected value of acting minus that of not acting, per row, in `unit`, shape (n,)."""
        p = checked_probabilities(probability)
        return p * (self.hit - self.miss) - (1.0 - p) * (self.pass_by - self.false_alarm)

    def value(self, acted: Any, label: Any) -> Floats:
        """What each decision turned out to be worth, in `unit`, shape (n,); NaN where the label is not known."""
        did = np.asarray(acted, dtype=np.bool_)
        y = checked_labels(label, missing=True)
        if did.shape != y.shape:
            raise DataError(f"{did.size} decisions meet {y.size} labels; pass one label per decision.")
        result = np.where(
            did, np.where(y == 1.0, self.hit, self.false_alarm), np.where(y == 1.0, self.miss, self.pass_by)
        )
        result[np.isnan(y)] = np.nan
        return result

    def inaction(self, label: Any) -> Floats:
        """What doing nothing would have been worth, per row, shape (n,): the floor of every table of values."""
        y = checked_labels(label, missing=True)
        return self.value(np.zeros(y.shape, dtype=np.bool_), y)

    def describe(self) -> dict[str, Any]:
        """Plain data that names the goal, for identities and reports."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
