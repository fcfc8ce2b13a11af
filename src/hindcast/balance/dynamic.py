"""Dynamic sampling: each round shows a learner more of the classes it is worst at.

How good it is at a class is measured on a part of the rows to learn from that is held back for that alone; nothing it
will be judged on is looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from hindcast.balance.arrays import row_count, taken
from hindcast.balance.classes import class_counts, coded
from hindcast.balance.phases import GoingOn, Phases, class_array, going_on
from hindcast.errors import DataError
from hindcast.metrics.multiclass import class_confusion
from hindcast.parameters import choice, progress_of, seed_of, share, whole
from hindcast.values import Floats, Ints

__all__ = ["DynamicSampling", "SamplingRound", "dynamic_sampling"]

_SEED = 0x64796E61


@dataclass(frozen=True, eq=False)
class SamplingRound:
    """One round: the rows drawn of each class, shape (K,), and how good the learner was at each after it."""

    drawn: Ints
    score: Floats
    mean: float


@dataclass(frozen=True, eq=False)
class DynamicSampling:
    """What dynamic sampling learnt.

    Parameters
    ----------
    phases : Phases
        A state per round; ``phases.predict_proba(X, best)`` answers as after the best.
    rounds : tuple of SamplingRound
    best : int
        The round of the greatest mean score on the rows held back, the first of equals.
    """

    phases: Phases
    rounds: tuple[SamplingRound, ...]
    best: int

    @property
    def classes_(self) -> np.ndarray[Any, Any]:
        return self.phases.classes_

    def predict_proba(self, X: Any) -> Floats:
        """Probabilities as after the best round, shape (n, K): for the shares last drawn, not those of the world."""
        return self.phases.predict_proba(X, self.best)

    def predict(self, X: Any) -> np.ndarray[Any, Any]:
        """The likeliest class of each row."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])


def dynamic_sampling(
    learner: GoingOn,
    X: Any,
    y: Any,
    *,
    rounds: int = 5,
    rows: int | None = None,
    held: float = 0.2,
    by: Literal["f1", "recall"] = "f1",
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> DynamicSampling:
    """Learn in rounds, each on a sample whose shares follow how bad the learner is at each class.

    The first round draws all classes alike. Later a class of score s is drawn in proportion to ``1 - s``, and never
    less than a tenth of an even share, so that none is forgotten. A class that is drawn more often than it has rows is
    repeated.

    Parameters
    ----------
    learner : GoingOn
        See :mod:`hindcast.balance.phases`.
    X, y : rows and labels
        Those to learn from alone.
    rounds : int, default 5
    rows : int, optional
        Drawn per round; as many as there are to learn from, unless given.
    held : float, default 0.2
        The share of each class that is held back to measure on, one row at least.
    by : {"f1", "recall"}
    seed : int, default 0
    progress : callable, optional
        Told (rounds done, rounds).

    Raises
    ------
    DataError
        For a class of one row: there is nothing to hold back.

    References
    ----------
    Pouyanfar et al., "Dynamic Sampling in Convolutional Neural Networks for Imbalanced Data Classification", MIPR 2018.
    """
    going_on(learner, "dynamic_sampling")
    rounds = whole("dynamic_sampling: rounds", rounds, least=1, most=10_000)
    rows = None if rows is None else whole("dynamic_sampling: rows", rows, least=1, most=10**8)
    held = share("dynamic_sampling: held", held, one=False)
    choice("score of a class", by, ["f1", "recall"], where="dynamic_sampling")
    seed, tell = seed_of(seed), progress_of(progress)
    codes, classes = coded(y)
    counts = class_counts(codes, len(classes), "dynamic_sampling")
    if (counts < 2).any():
        raise DataError(f"class {classes[int(counts.argmin())]!r} has one row: none can be held back; get more labels.")
    if row_count(X) != len(codes):
        raise DataError(f"{row_count(X)} rows came with {len(codes)} labels; give one label per row.")
    random = np.random.default_rng([seed, _SEED])
    measured, learnt = _held(codes, len(classes), held, random)
    shares = np.full(len(classes), 1.0 / len(classes))
    states: list[Any] = []
    told: list[SamplingRound] = []
    for number in range(rounds):
        drawn = _whole(shares, rows or int(learnt.sum()))
        places = _drawn(codes, learnt, drawn, random)
        part, weight = taken(X, places), np.ones(len(places))
        if number == 0:
            state = learner.start(part, codes[places], weight, len(classes), seed)
        else:
            state = learner.go_on(states[-1], part, codes[places], weight, seed + number)
        states.append(state)
        decided = learner.probability(state, taken(X, measured)).argmax(axis=1)
        seen = class_confusion(codes[measured], decided, classes=range(len(classes))).by_class()
        score = np.nan_to_num(np.array([getattr(one, by) for one in seen]))
        told.append(SamplingRound(drawn, score, float(score.mean())))
        wanted = np.maximum(1.0 - score, 0.0)
        wanted = wanted / wanted.sum() if wanted.sum() > 0 else np.full(len(classes), 1.0 / len(classes))
        shares = np.maximum(wanted, 0.1 / len(classes))
        shares /= shares.sum()
        tell(number + 1, rounds)
    best = int(np.argmax([one.mean for one in told]))
    return DynamicSampling(Phases(class_array(classes), learner, tuple(states)), tuple(told), best)


def _held(codes: Ints, classes: int, held: float, random: np.random.Generator) -> tuple[Ints, np.ndarray[Any, Any]]:
    """Places of the rows to measure on, and a mask of those to learn from."""
    learnt = np.ones(len(codes), dtype=np.bool_)
    for code in range(classes):
        places = np.flatnonzero(codes == code)
        count = min(max(1, round(held * len(places))), len(places) - 1)
        learnt[random.choice(places, count, replace=False)] = False
    return np.flatnonzero(~learnt), learnt


def _whole(shares: Floats, rows: int) -> Ints:
    """Whole numbers in the proportion of `shares` that add up to `rows`, each at least 1."""
    exact = shares * rows
    found = np.floor(exact).astype(np.int64)
    order = np.argsort(found - exact, kind="stable")
    found[order[: rows - int(found.sum())]] += 1
    return np.maximum(found, 1)


def _drawn(codes: Ints, learnt: np.ndarray[Any, Any], wanted: Ints, random: np.random.Generator) -> Ints:
    """Places of so many rows of each class, rising; whole copies and a random part."""
    times = np.zeros(len(codes), dtype=np.int64)
    for code, count in enumerate(wanted.tolist()):
        places = np.flatnonzero(learnt & (codes == code))
        whole, rest = divmod(count, len(places))
        times[places] += whole
        times[random.choice(places, rest, replace=False)] += 1
    return np.repeat(np.arange(len(codes)), times)
