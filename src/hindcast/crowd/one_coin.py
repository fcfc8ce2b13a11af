"""One coin each: an annotator is right with a probability of their own, and else names any other class alike."""

from __future__ import annotations

from typing import Any

import numpy as np

from hindcast.crowd.answers import Answers
from hindcast.crowd.climbing import Progress, fit
from hindcast.crowd.pooling import pooled
from hindcast.crowd.posterior import LEAST, class_prior, common_notes, finished, first_coins, unconverged
from hindcast.values import Floats, Ints

__all__ = ["one_coin"]


def one_coin(
    answers: Answers,
    known: Ints,
    *,
    prior: Any = None,
    smoothing: float = 1.0,
    iterations: int = 500,
    tolerance: float = 1e-8,
    progress: Progress | None = None,
    **finish: Any,
) -> Any:
    """One probability of being right for every annotator; see :func:`hindcast.crowd.infer_truth`.

    Abilities have a Beta prior that is learnt from all of them, times `smoothing`. Classes are equally likely unless a
    prior is given or asked to be learnt: with one coin, what is really a common bias would be taken for the prior.
    """
    k, m = len(answers.classes), len(answers.annotators)
    shares, learn = class_prior(answers, prior, "uniform")
    coins = _Coins(answers, known, shares, learn, smoothing)
    objective: tuple[float, ...] = ()
    done, converged = 0, True
    if k:
        gain = tolerance * max(len(answers), 1)
        objective, done, converged = fit(coins, iterations=iterations, gain=gain, progress=progress)
    ability = np.exp(coins.place[:m])
    confusion = np.broadcast_to(((1.0 - ability) / max(k - 1, 1))[:, None, None], (m, k, k)).copy()
    confusion[:, np.arange(k), np.arange(k)] = ability[:, None] if k > 1 else 1.0
    return finished(
        answers,
        coins.belief,
        "one-coin",
        np.exp(coins.place[2 * m :]),
        notes=common_notes(answers, known) + unconverged(done, converged),
        confusion=confusion,
        iterations=done,
        converged=converged,
        objective=objective,
        ability=ability,
        **finish,
    )


class _Coins:
    """Places are the logarithms of abilities, of what is left of them, and of the shares of classes."""

    def __init__(self, answers: Answers, known: Ints, shares: Floats, learn: bool, smoothing: float) -> None:
        from hindcast.crowd.passes import by_item

        self.annotator, self.label, self.start = by_item(answers)
        self.known, self.shares, self.learns, self.smoothing = known, shares, learn, smoothing
        m, k = len(answers.annotators), len(shares)
        self.total = np.bincount(self.annotator, minlength=m).astype(np.float64)
        self.right = np.zeros(m)
        self.belief = np.zeros((len(answers.items), k))
        self.beta = np.array([[3.0], [1.0]])
        first = first_coins(answers, known)
        self.place = np.concatenate([np.log(first), np.log1p(-first), np.log(shares)])

    def begin(self) -> Floats:
        return self.place

    def listen(self, place: Floats) -> tuple[float, float]:
        from hindcast.crowd.passes import coin_pass

        self.place, m, others = place, len(self.right), max(len(self.shares) - 1, 1)
        good, bad = place[:m], place[m : 2 * m] - np.log(others)
        evidence, moved = coin_pass(
            self.annotator, self.label, self.start, good, bad, place[2 * m :], self.known, self.belief, self.right
        )
        return evidence, moved / max(len(self.belief), 1)

    def learn(self) -> None:
        told = np.stack([self.right, self.total - self.right], axis=1)[:, :, None]
        self.beta = pooled(np.maximum(told, 0.0), self.beta, np.ones((2, 1)))

    def best(self) -> Floats:
        extra = self.smoothing * self.beta[:, 0]
        able = (self.right + extra[0]) / np.maximum(self.total + extra.sum(), LEAST)
        able = np.clip(able, LEAST, 1.0 - LEAST)
        if self.learns:
            heard = self.belief.sum(axis=0) + 1.0
            self.shares = heard / heard.sum()
        return np.concatenate([np.log(able), np.log1p(-able), np.log(self.shares)])

    def prior(self, place: Floats) -> float:
        m = len(self.right)
        coins = self.smoothing * float(place[: 2 * m].reshape(2, m).sum(axis=1) @ self.beta[:, 0])
        return coins + (float(place[2 * m :].sum()) if self.learns else 0.0)

    def normal(self, place: Floats) -> Floats:
        m = len(self.right)
        coins, shares = place[: 2 * m].reshape(2, m), place[2 * m :]
        return np.concatenate(
            [(coins - np.logaddexp(coins[0], coins[1])).ravel(), shares - np.logaddexp.reduce(shares)]
        )
