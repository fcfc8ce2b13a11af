"""What each function votes in each class: tables, the forms they may take, and how counts become tables."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from hindcast.values import Bools, Floats, Ints

__all__ = ["FLOOR", "Shape", "completed", "gains", "likeliest", "marginals", "vote_like"]

FLOOR = 1e-4
"""Pseudo-votes in a cell that no prior opinion covers: no vote is ever impossible."""


@dataclass(frozen=True, eq=False)
class Shape:
    """Which parameters the model has.

    Attributes
    ----------
    classes : int
        K.
    parent : int64 array, shape (m,)
        The function whose vote each one leans on besides the truth, or -1.
    coin : bool array, shape (m,)
        One accuracy instead of a table: right with the same chance in every class, wrong votes spread evenly.
    tells : bool array, shape (m,)
        Whether its silence is told apart by class; otherwise it is silent at random.
    """

    classes: int
    parent: Ints
    coin: Bools
    tells: Bools

    @staticmethod
    def of(classes: int, coin: Bools, tells: Bools) -> Shape:
        """Functions that lean on nobody."""
        return Shape(classes, np.full(len(coin), -1, dtype=np.int64), coin, tells)

    @cached_property
    def base(self) -> Ints:
        """The first table of each function: it has one, or one for each vote of its parent (silence first)."""
        return np.asarray(np.cumsum(self.width) - self.width, dtype=np.int64)

    @cached_property
    def width(self) -> Ints:
        return np.where(self.parent >= 0, self.classes + 1, 1).astype(np.int64)

    @cached_property
    def function(self) -> Ints:
        """The function each table belongs to."""
        return np.repeat(np.arange(len(self.parent)), self.width)

    @property
    def order(self) -> list[int]:
        """All functions, each after its parent."""
        placed: list[int] = []
        waiting = list(range(len(self.parent)))
        done = {-1}
        while waiting:
            ready = [j for j in waiting if int(self.parent[j]) in done]
            placed += ready
            done.update(ready)
            waiting = [j for j in waiting if j not in done]
        return placed

    @property
    def parameters(self) -> int:
        """How many numbers are learnt, the balance included."""
        k = self.classes
        alone = np.where(self.coin, 1, k * (k - 1)) + np.where(self.tells, k, 1)
        return int(np.where(self.parent >= 0, (k + 1) * k * k, alone).sum()) + k - 1

    def leaning(self, parent: Ints) -> Shape:
        """The same with other parents; who leans on another has a table, and silence that tells."""
        return replace(self, parent=parent, coin=self.coin & (parent < 0), tells=self.tells | (parent >= 0))


def vote_like(accuracy: Floats, rate: Floats, balance: Floats) -> Floats:
    """Tables (m, K + 1, K) that keep how often each class is voted for, (m, K), and give each vote this accuracy.

    Row 0 is silence, row v + 1 vote v; columns are the true classes. At an even balance one vote alone gives its class
    the probability `accuracy`.
    """
    m, k = rate.shape
    likelihood = np.repeat(((1 - accuracy) / max(k - 1, 1))[:, None, None], k, axis=1) * np.ones((1, 1, k))
    likelihood[:, np.arange(k), np.arange(k)] = accuracy[:, None]
    weight = rate[:, :, None] * likelihood / (likelihood * balance).sum(axis=2, keepdims=True)
    spoken = weight.sum(axis=1)
    weight *= np.minimum(1.0, 0.999 / np.maximum(spoken, 1e-9))[:, None, :]
    tables = np.empty((m, k + 1, k))
    tables[:, 1:], tables[:, 0] = weight, 1 - weight.sum(axis=1)
    return tables


def likeliest(counts: Floats, pseudo: Floats, shape: Shape) -> Floats:
    """The tables of highest posterior given expected counts and pseudo-counts, both (tables, K + 1, K)."""
    k = shape.classes
    seen: Floats = counts + pseudo + FLOOR
    mass = seen.sum(axis=1, keepdims=True)
    tables: Floats = seen / mass
    quiet = ~shape.tells[shape.function]
    if not quiet.any():
        return tables
    voted = seen[quiet, 1:]
    spoken = voted.sum(axis=1, keepdims=True)
    speaks = spoken.sum(axis=2, keepdims=True) / mass[quiet].sum(axis=2, keepdims=True)
    inner = voted / spoken
    coin = shape.coin[shape.function][quiet]
    if coin.any():
        right = voted[coin][:, np.arange(k), np.arange(k)].sum(axis=1) / voted[coin].sum(axis=(1, 2))
        even = np.repeat(((1 - right) / max(k - 1, 1))[:, None, None], k, axis=1) * np.ones((1, 1, k))
        even[:, np.arange(k), np.arange(k)] = right[:, None]
        inner[coin] = even
    tables[quiet, 1:] = speaks * inner
    tables[quiet, 0] = 1 - speaks[:, 0]
    return tables


def gains(tables: Floats, balance: Floats, shape: Shape, *, silence: bool = True) -> tuple[Floats, Floats]:
    """What votes add to the log score of each class, and the score of a row on which all are silent.

    With ``silence=False`` only votes count: a function that is silent, and a vote that leans on a silent parent, say
    nothing by their silence.
    """
    logs = np.log(tables)
    quiet = logs[shape.base, 0] if silence else np.zeros((len(shape.parent), shape.classes))
    gain = logs - quiet[shape.function][:, None, :]
    if not silence:
        gain[:, 0] = 0.0
    return gain, np.log(balance) + quiet.sum(axis=0)


def completed(counts: Floats, mass: Floats, shape: Shape) -> Floats:
    """Counts with those of rows on which a function and its parent are silent, which a sweep leaves out."""
    counts = counts.copy()
    base = shape.base
    counts[base, 0] = 0.0
    if len(base):
        counts[base, 0] = np.maximum(mass - np.add.reduceat(counts.sum(axis=1), base, axis=0), 0.0)
    return counts


def marginals(tables: Floats, shape: Shape) -> Floats:
    """P(vote | class) of each function alone, (m, K + 1, K), parents summed out."""
    base, k = shape.base, shape.classes
    found = np.empty((len(base), k + 1, k))
    for j in shape.order:
        if shape.parent[j] < 0:
            found[j] = tables[base[j]]
        else:
            found[j] = np.einsum("sk,svk->vk", found[shape.parent[j]], tables[base[j] : base[j] + k + 1])
    return found
