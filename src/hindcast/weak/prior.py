"""What is thought of functions before their votes are seen, and how far functions differ as the votes tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.values import Floats, Ints
from hindcast.weak.em import Estimate, expect, maximise_until
from hindcast.weak.moments import skill_of_all
from hindcast.weak.tables import Shape, likeliest, vote_like

__all__ = ["DEFAULT", "Prior", "learnt_prior"]

_WORTH = 2.0
"""On how many functions what is thought of their spread counts as seen."""
_FIXED = 1e9
_LEAST = 0.1
"""Less skill than this cannot be told from none."""


@dataclass(frozen=True)
class Prior:
    """Pseudo-votes of every function.

    Attributes
    ----------
    accuracy : float
        How often functions are right when they vote.
    votes : float
        What that counts for, in votes of each function.
    rows : float
        The least it counts for, in rows of each class.
    even : float
        Rows of each class that stand for an even balance.
    """

    accuracy: float = 0.75
    votes: float = 0.0
    rows: float = 2.0
    even: float = 1.0

    def counts(self, shape: Shape, rate: Floats) -> Floats:
        """Pseudo-counts of the tables of `shape`, whose functions vote for each class at `rate`, (m, K)."""
        k = shape.classes
        centre = vote_like(np.full(len(rate), self.accuracy), rate, np.full(k, 1 / k))
        strength = np.maximum(self.rows, self.votes / np.maximum(k * rate.sum(axis=1), 1e-9))
        strength = np.where(shape.tells & (shape.parent < 0), self.rows, strength)
        return (strength / shape.width)[shape.function][:, None, None] * centre[shape.function]


DEFAULT = Prior()


def learnt_prior(
    votes: NDArray[Any], coins: Shape, joint: Floats, rate: Floats, free: Estimate, *, known: Ints, **options: Any
) -> Prior:
    """How right functions are on the whole, and how firmly to believe it of each: empirical Bayes.

    The accuracy of all comes from their agreement. How far they differ is read from how much likelier votes are where
    each has an accuracy of its own (`free`, a fit of `coins`) than where all have the same: twice that, less what
    chance gives, over the votes that tell, is the variance of accuracies (as DerSimonian and Laird have it for the
    effects of trials). Only what can be known of the truth counts: a vote tells less the less sure its truth is.
    """
    k, n = coins.classes, len(votes)
    skill = max(skill_of_all(joint), _LEAST)
    accuracy = min((1 + (k - 1) * skill) / k, 0.97)
    pseudo = Prior(accuracy, _FIXED).counts(coins, rate)
    tables = likeliest(np.zeros_like(pseudo), pseudo, coins)
    flat = Estimate(coins, tables, np.full(k, 1 / k))
    alike = maximise_until(votes, flat, pseudo, known=known, **options)
    posterior = np.empty((n, k))
    found = expect(votes, alike, known=known, out=posterior)
    unsure, cast, m = 0.0, 0, 0
    for j in np.flatnonzero(~coins.tells & (rate.sum(axis=1) > 0)).tolist():
        rows = np.flatnonzero(votes[:, j] >= 0)
        right = posterior[rows, votes[rows, j]]
        unsure += float((right * (1 - right)).sum())
        cast, m = cast + len(rows), m + 1
    one, expected = accuracy * (1 - accuracy), (accuracy - 1 / k) ** 2 / 3
    gain = 2 * (expect(votes, free, known=known).log_likelihood - found.log_likelihood)
    telling = max(cast * one - unsure, 0.0) / one**2
    spread = (max(gain - (m - 1), 0.0) + _WORTH) / (telling + _WORTH / expected)
    even = 1.0
    if options.get("learn_balance", True):
        uneven = 2 * (found.log_likelihood - expect(votes, flat, known=known).log_likelihood)
        apart = k * float(((alike.balance - 1 / k) ** 2).sum())
        kept = max(1 - (k - 1) / max(uneven, 1e-9), 1e-3)
        even = max(1.0, uneven / max(apart, 1e-9) * (1 - kept) / kept / k)
    return Prior(accuracy, one / spread, even=even)
