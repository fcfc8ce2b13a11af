"""Samples in which some rows have better chances than others, and which chances exactly."""

from __future__ import annotations

from typing import Any, Literal, cast, get_args

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.metrics.rows import numbers
from hindcast.parameters import choice, seed_of, switch, whole
from hindcast.sampling.blocks import size_of
from hindcast.sampling.sample import Sample, by_place
from hindcast.sampling.simple import every_kth, walked
from hindcast.values import Floats, Ints

__all__ = ["WeightedMethod", "inclusion", "weighted"]

WeightedMethod = Literal["pivotal", "systematic", "poisson", "successive"]
_WEIGHTED = 31
_DUST = 1e-12


def checked_weights(weight: Any, what: str) -> Floats:
    """Weights as float64, shape (n,): finite and at least zero."""
    array = numbers(weight, f"{what}: weights")
    if array.ndim != 1:
        raise DataError(f"{what}: weights have shape (n,), got {array.shape}.")
    wrong = ~(np.isfinite(array) & (array >= 0))
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(
            "a weight is a finite number of at least zero", row=row + 1, column="weight", value=float(array[row])
        )
    return array


def inclusion(weight: Any, n: int) -> Floats:
    """The inclusion probabilities, adding up to `n`, that are in proportion to `weight`.

    A row whose share would be above 1 is certain, and the others share what is left, again and again (Särndal,
    Swensson and Wretman 1992, section 3.6).

    Examples
    --------
    >>> inclusion([1.0, 1.0, 2.0, 8.0], 2).round(6).tolist()
    [0.25, 0.25, 0.5, 1.0]
    """
    w = checked_weights(weight, "inclusion")
    positive = int((w > 0).sum())
    if whole("inclusion: n", n, least=0) > positive:
        raise DataError(f"inclusion: {n} rows were asked for, and {positive} have a weight above zero.")
    pi = np.zeros(len(w))
    if not n:
        return pi
    scaled = w / w.max()
    order = np.argsort(-scaled, kind="stable")
    heavy = scaled[order]
    rest = np.cumsum(heavy[::-1])[::-1]  # of the row itself and all lighter ones
    certain = np.arange(len(w))
    # the k-th heaviest is certain when, with the k heavier ones certain, its share reaches 1
    ahead = (certain < n) & ((n - certain) * heavy >= rest * (1 - 1e-15))
    k = int(ahead.argmin()) if not ahead.all() else len(w)
    pi[order[:k]] = 1.0
    if k < n:
        pi[order[k:]] = np.minimum((n - k) * heavy[k:] / rest[k], 1.0)
    return pi


def weighted(
    weight: Any,
    n: int | None = None,
    *,
    share: float | None = None,
    method: WeightedMethod = "pivotal",
    replace: bool = False,
    order: Any = None,
    seed: int = 0,
) -> Sample:
    """`n` rows with chances that grow with their weight.

    Parameters
    ----------
    weight : array_like, shape (N,)
        Finite, at least 0; a row of weight 0 is never drawn.
    n, share : int, float
        How many rows, or which share of them; give one.
    method : {"pivotal", "systematic", "poisson", "successive"}
        Without replacement:

        ``pivotal``     n rows; ``pi = inclusion(weight, n)`` exactly. Rows in random order fight in pairs until each
                        is in or out (Deville and Tillé 1998): close to the design of greatest entropy.
        ``systematic``  n rows; the same pi exactly, one walk along the running sum of pi from a random start, in
                        the order given or a random one (Madow 1949).
        ``poisson``     each row on its own with the same pi: about n rows; parts can be drawn apart.
        ``successive``  n rows, one after another in proportion to the weights of those left: keys ``exponential /
                        weight``, the n smallest win (Efraimidis and Spirakis 2006). The chances of this design
                        have no closed form; `pi` is the chance given the smallest key that lost, ``1 - exp(-weight
                        * key)``, which makes totals exactly unbiased all the same (Cohen and Kaplan 2007).
    replace : bool, default False
        n draws in proportion to weight; `pi` is the expected number of draws, ``n * weight / sum``.
    order : array_like, shape (N,), optional
        For the systematic method: walk in the order of these values.
    seed : int, default 0

    Notes
    -----
    O(N) time and memory, vectorised; ``successive`` sorts its winners.

    Examples
    --------
    >>> sample = weighted([1.0, 2.0, 3.0, 4.0, 10.0], 2, seed=5)
    >>> sample.places.tolist(), sample.pi.tolist()
    ([0, 4], [0.1, 1.0])
    """
    w = checked_weights(weight, "weighted")
    rows = len(w)
    n = size_of(n, share, rows, "weighted", repeats=switch("weighted: replace", replace))
    method = cast("WeightedMethod", choice("method", method, get_args(WeightedMethod), where="weighted"))
    if n and not w.any():
        raise DataError("weighted: all weights are zero, so no row can be drawn.")
    random = np.random.default_rng([seed_of(seed), _WEIGHTED])
    note = ""
    if (w == 0).any() and n:
        note = f"{int((w == 0).sum())} rows have weight 0 and could not be drawn; estimates say nothing about them"
    if replace:
        chance = w / w.max() if n else w  # weights near the greatest float do not add up
        chance = chance / chance.sum() if n else w
        places = np.sort(random.choice(rows, size=n, p=chance)) if n else np.zeros(0, np.int64)
        return Sample(places, n * chance[places], "weighted", rows, seed, note, "replaced")
    if order is not None and method != "systematic":
        raise ConfigError(f"weighted: the {method} method has no order; use method='systematic'.")
    if method == "successive":
        place, pi = _successive(w, n, random)
        return Sample(place, pi, "weighted, successive", rows, seed, note, "poisson")
    pi = inclusion(w, n)
    if method == "poisson":
        places = np.flatnonzero(random.random(rows) < pi)
        return Sample(places, pi[places], "weighted, Poisson", rows, seed, note, "poisson")
    if method == "pivotal":
        places = np.sort(pivotal(pi, random))
        return Sample(places, pi[places], "weighted", rows, seed, note)
    walk = random.permutation(rows) if order is None else walked(order, rows, "weighted")
    places = walk[every_kth(pi[walk], n, float(random.random()))]
    if order is not None:
        return Sample(places, pi[places], "weighted, systematic", rows, seed, note, "ordered")
    places = np.sort(places)
    return Sample(places, pi[places], "weighted, systematic", rows, seed, note)


def pivotal(pi: Floats, random: np.random.Generator) -> Ints:
    """Rows drawn with chances `pi`, as many as they add up to, by a tournament of pairs in random order.

    In a fight of chances a + b < 1 one takes both and the other is out; else one is in and the other keeps a + b - 1.
    Each fight keeps the expectation of both, so every row ends with its own chance, whoever fights whom.
    """
    sure = np.flatnonzero(pi >= 1.0 - _DUST)
    live = np.flatnonzero((pi > _DUST) & (pi < 1.0 - _DUST))
    random.shuffle(live)
    chance = pi[live]
    taken = [sure]
    while len(live) > 1:
        pairs = len(live) // 2
        a, b = chance[: 2 * pairs : 2], chance[1 : 2 * pairs : 2]
        both = a + b
        full = both >= 1.0
        luck = random.random(pairs)
        odds = np.where(full, (1.0 - b) / np.where(full, 2.0 - both, 1.0), a / both)
        first = luck < odds  # where full: takes the whole place; else: takes what both have
        one, other = live[: 2 * pairs : 2], live[1 : 2 * pairs : 2]
        winner, loser = np.where(first, one, other), np.where(first, other, one)
        taken.append(winner[full])
        kept = np.where(full, loser, winner)
        left = np.where(full, both - 1.0, both)
        done = left >= 1.0 - _DUST
        taken.append(kept[done])
        on = ~done & (left > _DUST)
        live = np.concatenate([kept[on], live[2 * pairs :]])
        chance = np.concatenate([left[on], chance[2 * pairs :]])
    if len(live) and (chance[0] > 1.0 - 1e-6 or (chance[0] > 1e-6 and random.random() < chance[0])):
        taken.append(live)
    return np.concatenate(taken).astype(np.int64)


def _successive(w: Floats, n: int, random: np.random.Generator) -> tuple[Ints, Floats]:
    if n > int((w > 0).sum()):
        raise DataError(f"weighted: {n} rows were asked for, and {int((w > 0).sum())} have a weight above zero.")
    drawable = np.flatnonzero(w > 0)
    key = random.standard_exponential(len(w))[drawable] / w[drawable]
    if n == len(drawable):
        return drawable, np.ones(n)
    nearest = np.argpartition(key, n)
    threshold = key[nearest[n]]
    winners = nearest[:n]
    place, winning = by_place(drawable[winners], w[drawable[winners]])
    return place, np.asarray(-np.expm1(-winning * threshold))
