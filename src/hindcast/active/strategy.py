"""Strategies by name: how items score, and how a batch is put together from scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.active import scores as by
from hindcast.active.batches import badge, cluster, k_centre, mixed, top
from hindcast.errors import ConfigError
from hindcast.metrics.rows import numbers
from hindcast.parameters import choice, number, share
from hindcast.values import Floats, Ints

__all__ = ["BATCHES", "SCORES", "STRATEGIES", "Pool", "Strategy", "strategy_of"]

SCORES = ("random", "least_confidence", "margin", "entropy", "gradient_length", "vote_entropy", "mean_kl")
"""Scores by name."""
BATCHES = ("top", "mixed", "cluster", "k_centre", "badge")
"""Ways to put a batch together, by name."""
_COMMITTEE = ("vote_entropy", "mean_kl")
_NO_MODEL_BATCHES = ("k_centre",)


@dataclass(frozen=True, eq=False)
class Pool:
    """What a strategy may look at: n items, as a model sees them.

    Parameters
    ----------
    n : int
    probability : float64 array, shape (n, K), or None without a model
    committee : float64 array, shape (members, n, K), or None
    features : array or sparse matrix, shape (n, d), or None
    asked : array or sparse matrix, shape (k, d), or None
        The same features of the items that are labelled.
    seed : int
    near : float
    """

    n: int
    probability: Floats | None = None
    committee: Floats | None = None
    features: Any = None
    asked: Any = None
    seed: int = 0
    near: float = 1e-3


@dataclass(frozen=True)
class Strategy:
    """How to choose: a score for each item, and a way to put a batch together.

    Parameters
    ----------
    score : str or function of a :class:`Pool`, default "margin"
        One of :data:`SCORES`, or your own: finite numbers, shape (n,), 0 or above, more is more wanted.
    batch : str, default "top"
        "top": the best. "mixed": score times distance. "cluster": one each of clusters among the best. "k_centre":
        the most different, without a score. "badge": diverse gradients, without a score.
    density : float, default 0
        The power to which the likeness to the pool multiplies the score; 1 is usual.
    diversity : float in [0, 1], default 0.5
        The weight of distance in "mixed".
    name : str, optional

    Examples
    --------
    >>> Strategy("entropy", "cluster").name
    'entropy+cluster'
    >>> strategy_of("badge").batch
    'badge'
    """

    score: str | Callable[[Pool], Any] = "margin"
    batch: str = "top"
    density: float = 0.0
    diversity: float = 0.5
    name: str = ""

    def __post_init__(self) -> None:
        if not callable(self.score):
            choice("score", self.score, SCORES, where="Strategy")
        choice("batch", self.batch, BATCHES, where="Strategy")
        number("Strategy: density", self.density, least=0.0)
        share("Strategy: diversity", self.diversity, zero=True)
        if not isinstance(self.name, str):
            raise ConfigError(f"Strategy: name is a text, got {self.name!r:.60}.")
        if not self.name:
            score = self.score if isinstance(self.score, str) else getattr(self.score, "__name__", "score")
            parts = [self.batch] if self.batch in ("k_centre", "badge") else [score]
            parts += [self.batch] if self.batch in ("mixed", "cluster") else []
            parts += ["density"] if self.density and self.batch not in ("k_centre", "badge") else []
            object.__setattr__(self, "name", "+".join(parts))

    @property
    def needs_model(self) -> bool:
        """Whether it cannot choose before the first labels."""
        if self.batch == "badge":
            return True
        return self.batch not in _NO_MODEL_BATCHES and self.score != "random"

    @property
    def needs_committee(self) -> bool:
        return self.batch not in ("badge", "k_centre") and self.score in _COMMITTEE

    @property
    def needs_features(self) -> bool:
        return self.batch != "top" or self.score == "gradient_length" or self.density > 0

    def scores(self, pool: Pool) -> Floats:
        """How much each item is wanted, shape (n,), 0 or above."""
        if callable(self.score):
            found: Floats = numbers(self.score(pool), f"scores of {self.name!r}")
            if found.shape != (pool.n,):
                raise ConfigError(f"score {self.name!r} answered shape {found.shape} for {pool.n} items.")
        elif self.batch in ("k_centre", "badge"):
            found = np.zeros(pool.n) if self.batch == "k_centre" else by.least_confidence(pool.probability)
        elif self.score == "random":
            found = np.random.default_rng([pool.seed, 40_261]).random(pool.n)
        elif self.score == "gradient_length":
            found = by.gradient_length(pool.probability, pool.features)
        else:
            found = getattr(by, self.score)(pool.committee if self.needs_committee else pool.probability)
        if self.density and self.batch not in ("k_centre", "badge"):
            found = found * np.maximum(by.density(pool.features), 0.0) ** self.density
        return found

    def places(self, pool: Pool, scores: Floats, n: int) -> Ints:
        """Up to `n` different places, in the order they are wanted."""
        seed, near, x, asked = pool.seed, pool.near, pool.features, pool.asked
        if self.batch == "badge":
            return badge(pool.probability, x, n, near=near, seed=seed)
        if self.batch == "k_centre":
            return k_centre(x, n, asked=asked, near=near, seed=seed)
        if self.batch == "cluster":
            return cluster(x, n, scores=scores, asked=asked, near=near, seed=seed)
        if self.batch == "mixed":
            return mixed(scores, x, n, weight=self.diversity, asked=asked, near=near, seed=seed)
        return top(scores, n, features=x, asked=asked, near=near, seed=seed)


STRATEGIES: dict[str, Strategy] = {
    **{name: Strategy(name) for name in SCORES},
    "density": Strategy("entropy", density=1.0, name="density"),
    "mixed": Strategy("margin", "mixed", name="mixed"),
    "cluster": Strategy("margin", "cluster", name="cluster"),
    "k_centre": Strategy(batch="k_centre"),
    "badge": Strategy(batch="badge"),
}
"""Strategies by name."""


def strategy_of(strategy: str | Strategy) -> Strategy:
    """The strategy of that name; an unknown one is answered with close matches."""
    if isinstance(strategy, Strategy):
        return strategy
    return STRATEGIES[choice("strategy", strategy, STRATEGIES)]
