"""Which of the earlier touches an outcome is owed to, by rules that somebody agreed on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.labels.moments import listed, moments_of
from hindcast.parameters import choice
from hindcast.sampling import strata_of
from hindcast.values import NEVER, Duration, Floats, Ints, duration_us

__all__ = ["Attribution", "Rule", "attribute"]

Rule = Literal["last", "first", "linear", "decay", "ends"]
_RULES = ("last", "first", "linear", "decay", "ends")


@dataclass(frozen=True, slots=True, eq=False)
class Attribution:
    """Credit for outcomes, shared out among touches.

    Parameters
    ----------
    outcome, touch : int64 arrays, shape (p,)
        Pairs with credit, by outcome and then time of the touch.
    credit : float64 array, shape (p,)
        Above zero; adds up to 1 for each outcome that has a touch.
    outcomes, touches : int
        How many of each there were.
    """

    outcome: Ints
    touch: Ints
    credit: Floats
    outcomes: int
    touches: int

    def per_touch(self) -> Floats:
        """The credit of each touch, shape (touches,)."""
        return np.bincount(self.touch, weights=self.credit, minlength=self.touches).astype(np.float64)

    def owed(self) -> Any:
        """Which outcomes have a touch within the window, shape (outcomes,)."""
        return np.bincount(self.outcome, minlength=self.outcomes) > 0


def attribute(
    touched_by: Any,
    touched: Any,
    outcome_by: Any,
    happened: Any,
    *,
    within: Duration,
    rule: Rule = "last",
    half_life: Duration = "7d",
) -> Attribution:
    """Share out the credit for outcomes (purchases, sign-ups) among the touches (impressions, clicks) before them.

    Parameters
    ----------
    touched_by, outcome_by : array_like, shapes (t,) and (o,)
        Whose touch and whose outcome it was: a user, a session.
    touched, happened : array_like of moments, shapes (t,) and (o,)
    within : duration
        The window: a touch at s counts for an outcome at t when ``0 <= t - s < within``.
    rule : {"last", "first", "linear", "decay", "ends"}
        All to the last touch, or to the first; the same to each; half as much for every `half_life` before the outcome;
        40% each to first and last and the rest among those between.
    half_life : duration, default "7d"

    Returns
    -------
    Attribution
        Each outcome is shared out on its own; of touches at one moment the later place is the last.

    Notes
    -----
    A rule is a convention, not a measurement: what a touch brings about only an experiment shows. O((t + o) log t) and
    the pairs within the window.

    Examples
    --------
    >>> found = attribute(["a", "a", "b"], [1, 5, 6], ["a", "c"], [8, 9], within="10us")
    >>> found.per_touch().tolist(), found.owed().tolist()
    ([0.0, 1.0, 0.0], [True, False])
    """
    choice("rule", rule, _RULES, where="attribute")
    window, half = duration_us(within, what="within"), duration_us(half_life, what="half_life")
    if half < 1:
        raise ConfigError("attribute: a half-life is above zero.")
    touch_at, outcome_at = moments_of(touched, "touched"), moments_of(happened, "happened")
    groups = strata_of([*listed(touched_by, "touched_by"), *listed(outcome_by, "outcome_by")]).code
    t, o = len(touch_at), len(outcome_at)
    if len(groups) != t + o:
        raise DataError(f"{t} touches and {o} outcomes came with {len(groups)} owners; give one for each.")
    for name, values in (("touched", touch_at), ("happened", outcome_at)):
        if (values >= NEVER).any():
            raise DataError("a moment is missing", row=int((values >= NEVER).argmax()) + 1, column=name)
    order = np.lexsort((np.arange(t), touch_at, groups[:t]))
    start = _first_after(groups[:t][order], touch_at[order], groups[t:], outcome_at - window)
    stop = _first_after(groups[:t][order], touch_at[order], groups[t:], outcome_at)
    count = np.maximum(stop - start, 0)
    outcome = np.repeat(np.arange(o, dtype=np.int64), count)
    within_outcome = np.arange(len(outcome)) - np.repeat(np.cumsum(count) - count, count)
    touch = order[np.repeat(start, count) + within_outcome]
    many = np.repeat(count, count)
    first, last = within_outcome == 0, within_outcome == many - 1
    if rule == "last":
        credit = last.astype(np.float64)
    elif rule == "first":
        credit = first.astype(np.float64)
    elif rule == "linear":
        credit = 1.0 / many
    elif rule == "decay":
        newest = touch_at[order[np.repeat(stop - 1, count)]] if len(touch) else touch_at[:0]
        raw = np.exp2(-(newest - touch_at[touch]) / half)
        credit = raw / np.bincount(outcome, weights=raw, minlength=o)[outcome]
    else:
        middle = np.where(many > 2, 0.2 / np.maximum(many - 2, 1), 0.0)
        credit = np.where(first | last, np.where(many == 1, 1.0, np.where(many == 2, 0.5, 0.4)), middle)
    kept = credit > 0
    return Attribution(outcome[kept], touch[kept].astype(np.int64), credit[kept], o, t)


def _first_after(group: Ints, at: Ints, wanted: Ints, moment: Ints) -> Ints:
    """For each wanted (group, moment) the place after all (group, at) up to it, in arrays sorted by both."""
    both = np.concatenate([np.stack([group, at], 1), np.stack([wanted, moment], 1)])
    kind = np.concatenate([np.zeros(len(group), np.int64), np.ones(len(wanted), np.int64)])
    order = np.lexsort((kind, both[:, 1], both[:, 0]))
    before = np.cumsum(kind[order] == 0)
    result = np.empty(len(order), dtype=np.int64)
    result[order] = before
    return result[len(group) :]
