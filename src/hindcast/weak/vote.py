"""The majority vote: what every label model has to beat."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hindcast.errors import ConfigError
from hindcast.parameters import choice, seed_of
from hindcast.values import Floats, Ints
from hindcast.weak.ballots import ballots

__all__ = ["MajorityVote", "decide"]

_TIED = 1e-9


class MajorityVote:
    """Every function has one vote, or as many as its weight.

    Parameters
    ----------
    weights : sequence of float, optional
        One per function, not negative. By default all are 1.
    classes : int or sequence, optional
        By default those of the votes.

    Attributes
    ----------
    classes : tuple
        Once it has seen votes.

    Notes
    -----
    O(n m). Nothing is learnt: `fit` only takes the classes, so that it can stand where a label model stands.

    Examples
    --------
    >>> vote = MajorityVote().fit([[0, 1, 1], [0, -1, 1], [-1, -1, -1]])
    >>> vote.predict_proba([[0, 1, 1], [0, -1, 1], [-1, -1, -1]]).round(2).tolist()
    [[0.33, 0.67], [0.5, 0.5], [0.5, 0.5]]
    >>> vote.predict([[0, 1, 1], [0, -1, 1], [-1, -1, -1]], ties="abstain").tolist()
    [1, -1, -1]
    """

    def __init__(self, weights: Any = None, classes: Any = None) -> None:
        self.weights = weights
        self.classes = classes

    def fit(self, votes: Any, **_: Any) -> MajorityVote:
        """Take the classes of `votes`."""
        self.classes = ballots(votes, self.classes)[1]
        return self

    def counts(self, votes: Any) -> Floats:
        """Votes (their weights) for each class, shape (n, K)."""
        matrix, names = ballots(votes, self.classes)
        try:
            weights = np.ones(matrix.shape[1]) if self.weights is None else np.asarray(self.weights, dtype=np.float64)
        except (TypeError, ValueError):
            weights = np.empty(0)
        if weights.shape != (matrix.shape[1],) or not (weights >= 0).all() or not np.isfinite(weights).all():
            raise ConfigError(f"weights needs {matrix.shape[1]} numbers, not negative, got {self.weights!r}.")
        found = np.zeros((len(matrix), len(names)))
        for k in range(len(names)):
            for j, weight in enumerate(weights):
                found[:, k] += weight * (matrix[:, j] == k)
        return found

    def predict_proba(self, votes: Any) -> Floats:
        """Each class's share of the votes, shape (n, K); even where nobody votes."""
        counts = self.counts(votes)
        total = counts.sum(axis=1, keepdims=True)
        even = np.full_like(counts, 1 / counts.shape[1])
        return np.asarray(np.divide(counts, total, out=even, where=total > 0))

    def predict(self, votes: Any, *, ties: Literal["lowest", "abstain", "random"] = "lowest", seed: int = 0) -> Ints:
        """The code of the class with most votes, shape (n,); -1 where nobody votes.

        A tie goes to the lowest code, to nobody (-1), or to one of the tied classes at random.
        """
        counts = self.counts(votes)
        found = decide(counts, ties, seed)
        found[counts.max(axis=1, initial=0.0) <= 0] = -1
        return found


def decide(scores: NDArray[Any], ties: str = "lowest", seed: int = 0) -> Ints:
    """The code of the highest score of each row, shape (n,)."""
    ties, seed = choice("ties", ties, ("lowest", "abstain", "random")), seed_of(seed)
    best = scores.max(axis=1, keepdims=True, initial=-np.inf)
    among = scores >= best - _TIED
    if ties == "random":
        among = among * np.random.default_rng([seed, 0x7E5]).random(scores.shape)
    found: Ints = among.argmax(axis=1).astype(np.int64)
    if ties == "abstain":
        found[among.sum(axis=1) > 1] = -1
    return found
