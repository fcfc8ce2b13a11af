"""Samples in which every row has the same chance: simple random, Bernoulli, systematic."""

from __future__ import annotations

from typing import Any

import numpy as np

from hindcast.errors import DataError
from hindcast.parameters import seed_of, switch
from hindcast.parameters import share as share_of
from hindcast.sampling.blocks import rows_in, size_of
from hindcast.sampling.sample import Sample
from hindcast.sampling.strata import strata_of
from hindcast.values import Floats, Ints

__all__ = ["bernoulli", "simple_random", "systematic"]

_MANY = 1 << 26
_SIMPLE, _BERNOULLI, _SYSTEMATIC = 11, 12, 13


def draw(random: np.random.Generator, population: int, n: int) -> Ints:
    """`n` of `population` places without replacement, rising: every set of n is equally likely."""
    if n == population:
        return np.arange(n, dtype=np.int64)
    if population > _MANY and n > population // 50:  # where NumPy would shuffle all places
        found = np.zeros(0, dtype=np.int64)
        while len(found) < n:
            found = np.unique(np.r_[found, random.integers(0, population, size=2 * (n - len(found)))])
        return np.delete(found, random.choice(len(found), size=len(found) - n, replace=False, shuffle=False))
    return np.sort(random.choice(population, size=n, replace=False, shuffle=False)).astype(np.int64)


def simple_random(
    population: Any, n: int | None = None, *, share: float | None = None, replace: bool = False, seed: int = 0
) -> Sample:
    """`n` rows, every set of n rows with the same chance.

    Parameters
    ----------
    population : int, or anything with rows
    n, share : int, float
        How many rows, or which share of them; give one. A share is rounded to whole rows.
    replace : bool, default False
        Whether a row may come twice. `pi` is then the expected number of draws, ``n / N``, by whose inverse
        totals are unbiased (Hansen and Hurwitz); a row comes at least once with ``1 - (1 - 1 / N) ** n``.
    seed : int, default 0

    Notes
    -----
    ``pi = n / N``. O(n log n) time and O(n) memory for small n, at most O(N).

    Raises
    ------
    DataError
        For more rows than there are, without replacement; for rows from nothing.

    Examples
    --------
    >>> sample = simple_random(1000, 50, seed=1)
    >>> len(sample), float(sample.pi[0]), float(sample.weights.sum())
    (50, 0.05, 1000.0)
    """
    rows = rows_in(population)
    n = size_of(n, share, rows, "simple_random", repeats=switch("simple_random: replace", replace))
    random = np.random.default_rng([seed_of(seed), _SIMPLE])
    if replace:
        places = np.sort(random.integers(0, max(rows, 1), size=n))
    else:
        places = draw(random, rows, n)
    pi = np.full(n, n / rows if rows else np.nan)
    return Sample(places, pi, "simple random", rows, seed, spread="replaced" if replace else "fixed")


def bernoulli(population: Any, share: float, *, seed: int = 0) -> Sample:
    """Each row on its own with chance `share`: the size is random, and parts can be drawn apart and put together.

    Examples
    --------
    >>> sample = bernoulli(10_000, 0.1, seed=3)
    >>> 850 < len(sample) < 1150, float(sample.pi[0])
    (True, 0.1)
    """
    rows = rows_in(population)
    chance = share_of("bernoulli: share", share, zero=True)
    random = np.random.default_rng([seed_of(seed), _BERNOULLI])
    n = int(random.binomial(rows, chance))  # given how many there are, every set of so many is as likely
    places = draw(random, rows, size_of(n, None, rows, "bernoulli"))
    return Sample(places, np.full(n, chance), "Bernoulli", rows, seed, spread="poisson")


def systematic(
    population: Any, n: int | None = None, *, share: float | None = None, order: Any = None, seed: int = 0
) -> Sample:
    """Every k-th row from a random start, k = N / n (a fraction, so that every row has the same chance n / N).

    Parameters
    ----------
    population : int, or anything with rows
    n, share : int, float
    order : array_like, shape (N,), optional
        Walk through the rows in the order of these values (ties as they stand): the sample then spreads over them
        evenly, like a stratified one. Without it the rows' own order is walked.

    Notes
    -----
    ``pi = n / N``, exactly. Only about N / n different samples can be drawn: where the order has a period near k
    (weekdays, shifts) the sample is a bad one, and nothing in it shows that. No design-unbiased variance exists;
    estimates use differences of neighbours and say so.

    Examples
    --------
    >>> systematic(12, 4, seed=2).places.tolist()
    [2, 5, 8, 11]
    """
    rows = rows_in(population)
    n = size_of(n, share, rows, "systematic")
    start = int(np.random.default_rng([seed_of(seed), _SYSTEMATIC]).integers(0, max(rows, 1)))
    step, rest = divmod(rows, max(n, 1))
    row = np.arange(n, dtype=np.int64)
    places = row * step + (row * rest + start) // max(n, 1)  # row * rows + start in whole parts of n, without overflow
    if order is not None:
        places = walked(order, rows, "systematic")[places]
    note = "" if n > 1 else "a systematic sample of one row has no estimate of its spread"
    return Sample(places, np.full(n, n / rows if rows else np.nan), "systematic", rows, seed, note, "ordered")


def walked(order: Any, rows: int, what: str) -> Ints:
    """The places in the order of the values of `order`."""
    code = strata_of(order).code
    if len(code) != rows:
        raise DataError(f"{what}: order has {len(code)} values for {rows} rows.")
    return np.argsort(code, kind="stable").astype(np.int64)


def every_kth(chance: Floats, n: int, start: float) -> Ints:
    """The places whose stretch of the running sum of `chance` (total n) holds one of start, start + 1, ..."""
    if not n:
        return np.zeros(0, dtype=np.int64)
    ends = np.cumsum(chance)
    ends *= n / ends[-1]
    ends[-1] = n  # rounding must not lose the last row
    return np.searchsorted(ends, start + np.arange(n), side="right").astype(np.int64)
