"""Stratified samples: a number of rows of each part of the population, so that no part is left to luck."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np

from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.metrics.rows import numbers
from hindcast.parameters import choice, seed_of, switch, whole
from hindcast.sampling.blocks import MOST_DRAWN, size_of
from hindcast.sampling.sample import Sample, by_place
from hindcast.sampling.simple import draw
from hindcast.sampling.strata import Strata, strata_of
from hindcast.values import Floats, Ints

__all__ = ["Allocation", "allocate", "stratified"]

Allocation = Literal["proportional", "equal", "optimal"]
_STRATIFIED = 21


def stratified(
    by: Any,
    n: int | Mapping[Any, int] | None = None,
    *,
    share: float | None = None,
    allocation: Allocation = "proportional",
    deviation: Any = None,
    cost: Any = None,
    minimum: int = 0,
    replace: bool = False,
    seed: int = 0,
) -> Sample:
    """A simple random sample of each stratum.

    Parameters
    ----------
    by : one column or several
        What makes the strata; see :func:`strata_of`. Several columns make one stratum of each combination that occurs.
    n, share : int, or mapping of stratum to int; float
        Rows in all, shared out by `allocation`; or rows of each stratum by its name (a tuple of values for several
        columns), strata that are not named giving none.
    allocation : {"proportional", "equal", "optimal"}
        As many as the stratum's share of the population; the same of each; or Neyman's, by size times deviation over
        the root of cost, which gives the mean the smallest variance. See :func:`allocate`.
    deviation : array_like, shape (N,) or (strata,), or mapping, optional
        For the optimal allocation. One value a row is a measure whose standard deviation within each stratum is
        taken; one a stratum is the deviation itself.
    cost : array_like, shape (strata,), or mapping, optional
        What a row of each stratum costs, for the optimal allocation; 1 unless given.
    minimum : int, default 0
        At least so many rows of each stratum.
    replace : bool, default False
    seed : int, default 0

    Returns
    -------
    Sample
        ``pi = n_h / N_h`` for a row of stratum h.

    Raises
    ------
    DataError
        Where a stratum has fewer rows than are asked of it, named.

    Examples
    --------
    >>> origin = ["JFK"] * 60 + ["EWR"] * 30 + ["LGA"] * 10
    >>> sample = stratified(origin, 11, seed=1)
    >>> np.bincount(sample.stratum).tolist(), sample.strata
    ([3, 7, 1], ('EWR', 'JFK', 'LGA'))
    """
    strata = strata_of(by)
    sizes = strata.sizes
    rows = len(strata.code)
    replace = switch("stratified: replace", replace)
    seed = seed_of(seed)
    if isinstance(n, Mapping):
        counts = _given(n, strata)
    else:
        total = size_of(n, share, rows, "stratified", repeats=replace)
        counts = allocate(
            sizes,
            total,
            allocation,
            deviation=_deviations(deviation, strata),
            cost=_per_stratum(cost, strata, "cost"),
            minimum=minimum,
            replace=replace,
            names=strata.names,
        )
    if not replace:
        _check_sizes(counts, sizes, strata.names, "asks for")
    elif ((counts > 0) & (sizes == 0)).any():
        raise DataError("stratified: rows of an empty stratum were asked for.")
    random = np.random.default_rng([seed, _STRATIFIED])
    places, codes = [], []
    for code, here in enumerate(strata.places()):
        m = int(counts[code])
        picked = random.integers(0, max(len(here), 1), size=m) if replace else draw(random, len(here), m)
        places.append(here[picked])
        codes.append(np.full(m, code, dtype=np.int64))
    if not places:
        return Sample(np.zeros(0, np.int64), np.zeros(0), "stratified", rows, seed)
    place, stratum = by_place(np.concatenate(places), np.concatenate(codes))
    pi = counts[stratum] / sizes[stratum]
    left = [name for name, m, size in zip(strata.names, counts.tolist(), sizes.tolist(), strict=True) if size and not m]
    note = ""
    if left and len(place):
        shown = ", ".join(map(repr, left[:5])) + (f" and {len(left) - 5} more" if len(left) > 5 else "")
        note = f"no row of stratum {shown} could be drawn; estimates say nothing about it"
    spread: Literal["replaced", "fixed"] = "replaced" if replace else "fixed"
    return Sample(place, pi, "stratified", rows, seed, note, spread, stratum=stratum, strata=strata.names)


def allocate(
    sizes: Any,
    n: int,
    how: Allocation = "proportional",
    *,
    deviation: Any = None,
    cost: Any = None,
    minimum: int = 0,
    replace: bool = False,
    names: Sequence[Any] | None = None,
) -> Ints:
    """How many of `n` rows each stratum gives; the counts add up to n exactly.

    Parameters
    ----------
    sizes : array_like of int, shape (strata,)
    n : int
    how : {"proportional", "equal", "optimal"}
    deviation, cost : array_like, shape (strata,), optional
        For ``"optimal"``: shares go by ``size * deviation / sqrt(cost)``. A stratum whose share is beyond its size is
        taken whole and the rest shared out again (Neyman 1934; Cochran 1977, section 5.8).
    minimum : int, default 0
        At least so many of each stratum that is not empty.
    replace : bool, default False
        Whether a stratum may give more rows than it has.
    names : sequence, optional
        The strata's names, for errors.

    Returns
    -------
    counts : int64 array, shape (strata,)
        Whole parts of the shares, and the rows that are left over to the largest remainders (Hamilton); ties go to
        the earlier stratum.

    Raises
    ------
    DataError
        Where a stratum has fewer rows than `minimum` or than its equal share; where n cannot hold all minima.

    Examples
    --------
    >>> allocate([60, 30, 10], 11).tolist(), allocate([60, 30, 10], 9, "equal").tolist()
    ([7, 3, 1], [3, 3, 3])
    >>> allocate([100, 100], 30, "optimal", deviation=[1.0, 2.0]).tolist()
    [10, 20]
    """
    measured = numbers(sizes, "allocate: sizes")
    if measured.ndim != 1 or not ((measured >= 0) & (measured <= 2**53) & (measured == np.floor(measured))).all():
        raise DataError(f"allocate: sizes are whole numbers of rows, shape (strata,), got {sizes!r:.60}.")
    size = measured.astype(np.int64)
    named: list[Any] = list(range(len(size)))
    if names is not None:
        named = list(names) if isinstance(names, Iterable) and np.shape(names) != () else []
        if len(named) != len(size):
            raise ConfigError(f"allocate: {len(size)} strata need as many names, got {names!r:.60}.")
    choice("allocation", how, get_args(Allocation), where="allocate")
    n = whole("allocate: n", n, least=0, most=2**53)
    minimum = whole("allocate: minimum", minimum, least=0, most=2**31)
    replace = switch("allocate: replace", replace)
    filled = size > 0
    low = np.where(filled, minimum, 0)
    high = np.where(filled, n, 0) if replace else np.minimum(size, n)
    if not replace:
        _check_sizes(low, size, named, "needs the minimum of")
    if low.sum() > n:
        raise DataError(f"allocate: {filled.sum()} strata of at least {minimum} rows need {low.sum()} rows, n is {n}.")
    if n > high.sum():
        raise DataError(f"allocate: {n} rows were asked for, and the strata have {size.sum()}.")
    if how == "proportional":
        share = size.astype(np.float64)
    elif how == "equal":
        share = filled.astype(np.float64)
        if not replace and filled.any():
            _check_sizes(np.where(filled, n // int(filled.sum()), 0), size, named, "has an equal share of")
    else:
        if deviation is None:
            raise ConfigError("the optimal allocation needs the deviation of each stratum (deviation=).")
        spread = _positive(deviation, len(size), "deviation", zero=True)
        price = np.ones(len(size)) if cost is None else _positive(cost, len(size), "cost")
        share = size * spread / np.sqrt(price)
        if not share.sum() > 0:
            share = size.astype(np.float64)  # nothing varies: no allocation is better than another
    return _shared_out(share, n, low, np.maximum(high, low))


def _shared_out(share: Floats, n: int, low: Ints, high: Ints) -> Ints:
    """`n` in proportion to `share`, each within [low, high], whole and adding up exactly."""
    quota = low.astype(np.float64)
    free = high > low
    fixed = np.zeros(len(share), dtype=np.bool_) | ~free
    while not fixed.all():
        left = n - quota[fixed].sum()
        total = share[~fixed].sum()
        # what is left once all that vary are taken whole goes to the others by room
        part = share[~fixed] / total if total > 0 else (high - low)[~fixed] / (high - low)[~fixed].sum()
        quota[~fixed] = left * part
        over = ~fixed & (quota > high)
        under = ~fixed & (quota < low)
        if not over.any() and not under.any():
            break
        excess = (quota - high)[over].sum() - (low - quota)[under].sum()
        clamp, bound = (over, high) if excess >= 0 and over.any() else (under, low)
        quota[clamp] = bound[clamp]
        fixed |= clamp
    counts = np.clip(np.floor(quota + 1e-9).astype(np.int64), low, high)
    remainder = quota - counts
    while (missing := n - int(counts.sum())) != 0:
        room = counts < high if missing > 0 else counts > low
        order = np.argsort(np.where(room, -remainder if missing > 0 else remainder, np.inf), kind="stable")
        chosen = order[: min(abs(missing), int(room.sum()))]
        counts[chosen] += 1 if missing > 0 else -1
        remainder[chosen] -= 1 if missing > 0 else -1
    return counts


def _check_sizes(counts: Ints, sizes: Ints, names: Sequence[Any], asks: str) -> None:
    short = counts > sizes
    if short.any():
        code = int(short.argmax())
        raise DataError(
            f"stratum {names[code]!r} has {sizes[code]} rows and {asks} {counts[code]}; ask for fewer, join it with "
            "another stratum, or draw with replacement."
        )


def _given(n: Mapping[Any, int], strata: Strata) -> Ints:
    counts = np.zeros(len(strata), dtype=np.int64)
    place = {name: code for code, name in enumerate(strata.names)}
    for name, wanted in n.items():
        if name not in place:
            raise UnknownName("stratum", str(name), map(str, strata.names), where="stratified")
        count = whole(f"stratified: n of stratum {name!r}", wanted, least=0, most=MOST_DRAWN)
        counts[place[name]] = count
    return counts


def _per_stratum(values: Any, strata: Strata, what: str) -> Floats | None:
    if values is None:
        return None
    if isinstance(values, Mapping):
        for name in strata.names:
            if name not in values:
                raise ConfigError(f"stratified: {what} of stratum {name!r} is missing.")
        values = [values[name] for name in strata.names]
    return numbers(values, f"stratified: {what}")


def _deviations(values: Any, strata: Strata) -> Floats | None:
    """One deviation a stratum: as given, or measured on one value a row."""
    given = _per_stratum(values, strata, "the deviation")
    rows = len(strata.code)
    if given is None or given.shape != (rows,) or rows == len(strata):
        return given
    if not np.isfinite(given).all():
        row = int((~np.isfinite(given)).argmax())
        raise DataError("not a finite measure", row=row + 1, column="deviation", value=float(given[row]))
    size = np.maximum(strata.sizes, 1)
    mean = np.bincount(strata.code, weights=given, minlength=len(strata)) / size
    square = np.bincount(strata.code, weights=(given - mean[strata.code]) ** 2, minlength=len(strata))
    return np.asarray(np.sqrt(square / np.maximum(size - 1, 1)))


def _positive(values: Any, n: int, what: str, *, zero: bool = False) -> Floats:
    array = numbers(values, f"allocate: {what}")
    if array.shape != (n,):
        raise ConfigError(f"allocate: {what} needs one value for each of the {n} strata, got shape {array.shape}.")
    wrong = ~(np.isfinite(array) & ((array >= 0) if zero else (array > 0)))
    if wrong.any():
        raise ConfigError(f"allocate: {what} must be {'at least' if zero else 'above'} zero, got {array[wrong][0]}.")
    return array
