"""Annotators who say the same more often than what they know explains: copies, shared keys, shared accounts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.crowd.adjusted import holm
from hindcast.crowd.answers import Answers, Truth
from hindcast.errors import ConfigError
from hindcast.parameters import share
from hindcast.values import Bools, Floats, Ints

__all__ = ["CopyingPair", "copying_pairs"]

_MOST_PAIRS = 20_000_000
_FEWEST_ITEMS = 10


@dataclass(frozen=True)
class CopyingPair:
    """Two annotators whose answers hang together.

    Parameters
    ----------
    first, second : annotator names
    items : int
        Items both answered.
    same, expected : float
        The share of these they answer alike, and the share their skills would give if neither saw the other.
    p : float
        That this is chance, against how much all pairs hang together, adjusted for the number of pairs (Holm).
    """

    first: Any
    second: Any
    items: int
    same: float
    expected: float
    p: float

    def __str__(self) -> str:
        return (
            f"{self.first} and {self.second} agree on {self.same:.0%} of {self.items:,} items, "
            f"{self.expected:.0%} is what their skills explain (p {self.p:.1g})"
        )


def copying_pairs(
    answers: Answers, truth: Truth | None, *, alpha: float = 0.01
) -> tuple[tuple[CopyingPair, ...], list[str]]:
    """Pairs who agree beyond what the truth and their confusions explain, the most striking first, and notes.

    For each pair the chance of agreeing on each shared item follows from their confusions and what all the others say
    of it (both answers are divided out). Hard items make all pairs agree a little too often: the score of a pair is
    measured against the middle and spread of all pairs' scores, so a crowd of copies hides itself; two do not.

    Parameters
    ----------
    answers : Answers, each annotator once per item
    truth : Truth with confusions, inferred from the same answers
    alpha : float, default 0.01
        Pairs with an adjusted p-value above it are not returned.
    """
    alpha = share("alpha", alpha)
    if not isinstance(answers, Answers):
        raise ConfigError(f"copying_pairs takes Answers, got {type(answers).__name__}.")
    if not isinstance(truth, Truth | None):
        raise ConfigError(f"copying_pairs takes the Truth inferred from the answers, got {type(truth).__name__}.")
    if truth is None or truth.confusion is None or truth.annotators != answers.annotators:
        return (), ["copying is not looked for: it needs a truth with confusions (dawid-skene or one-coin)."]
    m, k = len(answers.annotators), len(answers.classes)
    per_item = np.bincount(answers.item, minlength=len(answers.items))
    notes = []
    if float((per_item.astype(np.float64) * (per_item - 1)).sum()) / 2 > _MOST_PAIRS:
        keep = np.cumsum(per_item.astype(np.float64) * (per_item - 1) / 2) <= _MOST_PAIRS
        notes.append(f"copying was looked for in the first {int(keep.sum()):,} items.")
        answers = answers.take(keep[answers.item])
    order = np.lexsort((answers.annotator, answers.item))
    sorted_answers = answers.take(order)
    keys, sums = _pair_sums(sorted_answers, truth.probability, truth.confusion, m, k)
    enough = sums[:, 0] >= _FEWEST_ITEMS
    keys, sums = keys[enough], sums[enough]
    if not len(keys):
        return (), notes
    z = (sums[:, 1] - sums[:, 2]) / np.sqrt(np.maximum(sums[:, 3], 1e-9))
    usual = np.median(z) if len(z) >= 20 else 0.0
    spread = max(1.0, 1.4826 * float(np.median(np.abs(z - usual)))) if len(z) >= 20 else 1.0
    from scipy.special import ndtr

    p = holm(np.asarray(ndtr(-(z - max(usual, 0.0)) / spread)))
    found = [
        CopyingPair(
            answers.annotators[int(keys[at] // m)],
            answers.annotators[int(keys[at] % m)],
            int(sums[at, 0]),
            float(sums[at, 1] / sums[at, 0]),
            float(sums[at, 2] / sums[at, 0]),
            float(p[at]),
        )
        for at in np.lexsort((keys, -z))
        if p[at] <= alpha
    ]
    return tuple(found), notes


def _pair_sums(answers: Answers, belief: Floats, confusion: Floats, m: int, k: int) -> tuple[Ints, Floats]:
    """For each pair of annotators (as ``first * m + second``): shared items, agreements, expected ones, variance."""
    n = len(answers)
    keys: list[Ints] = []
    parts: list[Floats] = []
    left = np.arange(n)
    lag = 0
    while len(left):
        lag += 1
        left = left[left + lag < n]
        left = left[answers.item[left] == answers.item[left + lag]]
        for at in range(0, len(left), max(1, 8_000_000 // max(k, 1))):
            some = left[at : at + max(1, 8_000_000 // max(k, 1))]
            other = some + lag
            a, b = answers.annotator[some], answers.annotator[other]
            own = confusion[a, :, answers.label[some]] * confusion[b, :, answers.label[other]]
            rest = belief[answers.item[some]] / np.maximum(own, 1e-12)
            rest /= rest.sum(axis=1, keepdims=True)
            alike = np.zeros(len(some))
            for j in range(k):
                alike += rest[:, j] * (confusion[a, j] * confusion[b, j]).sum(axis=1)
            same: Bools = answers.label[some] == answers.label[other]
            keys.append(a * m + b)
            parts.append(np.stack([np.ones(len(some)), same.astype(np.float64), alike, alike * (1 - alike)], axis=1))
    if not keys:
        return np.zeros(0, dtype=np.int64), np.zeros((0, 4))
    distinct, inverse = np.unique(np.concatenate(keys), return_inverse=True)
    every = np.concatenate(parts)
    sums = np.stack([np.bincount(inverse, weights=every[:, c], minlength=len(distinct)) for c in range(4)], axis=1)
    return distinct, sums.astype(np.float64)
