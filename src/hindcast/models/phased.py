"""Boosted trees that learn in phases, so that a rare class is seen: balanced rows first, or other shares every round.

``in_two_phases(lightgbm(), undersample(1.0))`` is a candidate like any other, and what is stored and served is an
ordinary forest. All of it happens inside ``fit``, on the rows it is given. Its probabilities are those of the rows as
they were: the odds are multiplied so that their mean is the base rate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from hindcast.columns import Frame
from hindcast.errors import ConfigError
from hindcast.models.lightgbm import LightGBM, LightGBMModel, forest_of
from hindcast.models.model import checked_labels, checked_weights
from hindcast.models.prepare import Preparation
from hindcast.models.threads import let_threads_sleep
from hindcast.models.trained import TrainedModel
from hindcast.parameters import choice, share, switch, whole
from hindcast.values import Floats, Ints

if TYPE_CHECKING:
    from hindcast.trainset.rows import Step

__all__ = ["Phased", "in_two_phases", "matched_odds", "sampled_dynamically"]


@dataclass(frozen=True)
class Phased:
    """Boosted trees and how they learn in phases; see :func:`in_two_phases` and :func:`sampled_dynamically`."""

    learner: LightGBM
    name: str
    more: int
    balance: Step | None = None
    rounds: int = 1
    held: float = 0.2
    by: Literal["f1", "recall"] = "f1"
    correct: bool = True

    def describe(self) -> dict[str, Any]:
        how = (
            {"rounds": self.rounds, "held": self.held, "by": self.by}
            if self.balance is None
            else {"balance": self.balance.describe()}
        )
        return {
            "learner": "phased", "name": self.name, "of": self.learner.describe(), "more": self.more, **how,
            "correct": self.correct,
        }  # fmt: skip

    def fit(
        self,
        features: Frame,
        label: Floats,
        *,
        as_of: Ints,
        seed: int,
        weight: Floats | None = None,
        validation: tuple[Frame, Floats] | None = None,
    ) -> TrainedModel:
        from hindcast.balance.phases import Boosting

        let_threads_sleep()
        label = checked_labels(features, label, both=True)
        weight = checked_weights(features, weight)
        preparation = Preparation.trees(features, min_rows=self.learner.min_rows)
        parameters = self.learner.parameters(preparation, seed)
        texts = [at for at, kind in enumerate(preparation.kinds.values()) if kind == "text"]
        growing = Boosting(self.learner.trees, self.more, parameters, texts)
        state, told = self._grow(growing, preparation.dense(features), label, weight, seed)
        text, gain, shape = forest_of(state)
        model = LightGBMModel(preparation, text, gain, {"rows": len(label), **shape}, self.learner.name)
        odds = matched_odds(model.predict(features), label, weight) if self.correct else 1.0
        return TrainedModel(model, odds, self.name, told)

    def _grow(
        self, growing: Any, X: Floats, label: Floats, weight: Floats | None, seed: int
    ) -> tuple[Any, Mapping[str, Any]]:
        """The trees as they stand at the end, and what happened on the way."""
        from hindcast.balance.dynamic import dynamic_sampling
        from hindcast.balance.phases import two_phase

        codes = label.astype(np.int64)
        if self.balance is not None:
            balance: Any = self.balance
            return two_phase(growing, X, codes, balance, weight=weight, seed=seed).states[-1], {
                "phases": [balance.name, "all rows"]
            }
        if weight is not None:  # rows are drawn in this method anyway; then as often as they count
            chances = weight / weight.sum()
            drawn = np.sort(np.random.default_rng([seed, 0x706861]).choice(len(codes), len(codes), p=chances))
            X, codes = X[drawn], codes[drawn]
        found = dynamic_sampling(growing, X, codes, rounds=self.rounds, held=self.held, by=self.by, seed=seed)
        return found.phases.states[found.best], {
            "best_round": found.best + 1,
            "shares": [round(float(one.drawn[1] / one.drawn.sum()), 4) for one in found.rounds],
            "scores": [round(one.mean, 4) for one in found.rounds],
        }


def matched_odds(probability: Floats, label: Floats, weight: Floats | None = None) -> float:
    """What to multiply the odds of `probability` with, so that their weighted mean is that of the labels.

    The mean rises with the factor, so it is found by halving; 100 halvings, O(n) each.

    Examples
    --------
    >>> p = np.array([0.5, 0.5, 0.5, 0.5])
    >>> round(matched_odds(p, np.array([1.0, 0.0, 0.0, 0.0])), 6)
    0.333333
    """
    rate = float(np.average(label, weights=weight))
    low, high = -40.0, 40.0
    for _ in range(100):
        middle = (low + high) / 2
        ones = probability * np.exp(middle)
        if float(np.average(ones / (ones + (1.0 - probability)), weights=weight)) < rate:
            low = middle
        else:
            high = middle
    return float(np.exp((low + high) / 2))


def in_two_phases(
    learner: LightGBM, balance: Step, *, more: int | None = None, name: str | None = None, correct: bool = True
) -> Phased:
    """Trees grown on balanced rows first, then on all rows as they are.

    The first phase shows what the rare class looks like, the second puts the odds right again.

    Parameters
    ----------
    learner : LightGBM
        On log loss; its trees are those of the first phase.
    balance : step
        What the first phase's rows go through, such as ``undersample(0.5)`` or ``class_weights("balanced")``.
    more : int, optional
        Trees of the second phase; half as many as in the first unless given.
    name : str, optional
    correct : bool, default True
        Match the mean of the answers to the base rate; what the second phase left of the first's odds is taken back.

    References
    ----------
    Lee, Park and Kim, "Plankton Classification on Imbalanced Large Scale Database via Convolutional Neural Networks
    with Transfer Learning", ICIP 2016.

    Examples
    --------
    >>> from hindcast.balance import undersample
    >>> from hindcast.models.lightgbm import lightgbm
    >>> in_two_phases(lightgbm(), undersample(1.0)).name
    'lightgbm+two-phase'
    """
    where = "in_two_phases"
    _growable(learner, where)
    if not (hasattr(balance, "draw") or hasattr(balance, "by_class")) or not hasattr(balance, "describe"):
        raise ConfigError(f"{where} takes a step that balances classes, such as undersample(1.0); got {balance!r}.")
    trees = max(1, learner.trees // 2) if more is None else whole(f"{where}: more", more, least=1)
    return Phased(
        learner, _named(name, "lightgbm+two-phase", where), trees, balance,
        correct=switch(f"{where}: correct", correct),
    )  # fmt: skip


def sampled_dynamically(
    learner: LightGBM,
    *,
    rounds: int = 5,
    held: float = 0.2,
    by: Literal["f1", "recall"] = "f1",
    name: str | None = None,
    correct: bool = True,
) -> Phased:
    """Trees grown in rounds, each on a sample whose shares follow how bad they are at each class so far.

    Parameters
    ----------
    learner : LightGBM
        On log loss; each round grows its share of the trees. Rows that count differently are drawn by their weight
        first.
    rounds : int, default 5
    held : float, default 0.2
        The share of the rows to learn from that is held back to measure on.
    by : {"f1", "recall"}
    name : str, optional
    correct : bool, default True
        Match the mean of the answers to the base rate.

    References
    ----------
    Pouyanfar et al., "Dynamic Sampling in Convolutional Neural Networks for Imbalanced Data Classification", MIPR 2018.

    Examples
    --------
    >>> from hindcast.models.lightgbm import lightgbm
    >>> sampled_dynamically(lightgbm(trees=100), rounds=4).learner.trees
    25
    """
    where = "sampled_dynamically"
    _growable(learner, where)
    rounds = whole(f"{where}: rounds", rounds, least=1)
    choice("score", by, ("f1", "recall"), where=where)
    each = max(1, learner.trees // rounds)
    return Phased(
        replace(learner, trees=each), _named(name, "lightgbm+dynamic", where), each, None, rounds,
        share(f"{where}: held", held, one=False), by, switch(f"{where}: correct", correct),
    )  # fmt: skip


def _growable(learner: object, where: str) -> None:
    if not isinstance(learner, LightGBM):
        raise ConfigError(f"{where} takes trees that can go on growing, hindcast.lightgbm(); got {learner!r}.")
    if learner.loss is not None or learner.early_stopping is not None:
        raise ConfigError(
            f"{where} grows on log loss for a stated number of trees; leave out loss= and early_stopping=."
        )


def _named(name: str | None, otherwise: str, where: str) -> str:
    if name is None:
        return otherwise
    if not isinstance(name, str) or not name:
        raise ConfigError(f"{where}: name is a text, got {name!r}.")
    return name
