"""Aggregates read by walking over a window's values: those that no cheap running state gives exactly.

Cost: O(n) or O(n log n) per reading in the number of values n, and nothing in between readings.
"""

from __future__ import annotations

import math

import numpy as np

from hindcast.fold.compiled import compiled
from hindcast.fold.exact import (
    DIGITS,
    exact_add,
    exact_add_product,
    exact_read,
    pair_add,
    pair_variance,
    two_product,
)
from hindcast.fold.layout import (
    COUNT,
    DECAYED_COUNT,
    DECAYED_MEAN,
    DECAYED_SUM,
    DISTINCT,
    FIRST,
    LAST,
    LAST_N,
    MAX,
    MEAN,
    MIN,
    QUANTILE,
    SINCE,
    STD,
    SUM,
    TOP,
    TOP_SHARE,
    VAR,
    WEIGHTED_MEAN,
)
from hindcast.values import Floats, Ints

__all__ = ["exact_pair", "walk"]


@compiled
def exact_pair(xs: Floats, factors: Floats) -> tuple[float, float]:
    """The exact sum of ``xs * factors`` in two doubles (`factors` empty: of xs); the first is the sum rounded once."""
    high = low = 0.0
    whole = True
    product = len(factors) > 0
    for i in range(len(xs)):
        x, error = two_product(xs[i], factors[i]) if product else (xs[i], 0.0)
        high, low, whole = pair_add(high, low, x)
        if whole and error != 0.0:
            high, low, whole = pair_add(high, low, error)
        if not whole:
            break
    if whole:
        return high, low
    digits = np.zeros(DIGITS, dtype=np.int64)
    plus = minus = False
    for i in range(len(xs)):
        x = xs[i] * factors[i] if product else xs[i]
        if math.isinf(x):
            plus, minus = plus or x > 0, minus or x < 0
        elif product:
            exact_add_product(digits, xs[i], factors[i], 1)
        else:
            exact_add(digits, x, 1)
    if plus or minus:
        return (math.nan if plus and minus else math.inf if plus else -math.inf), 0.0
    high = exact_read(digits)
    exact_add(digits, high, -1)
    return high, exact_read(digits)


@compiled
def _table(xs: Floats) -> tuple[Ints, Ints, Ints]:
    """Different values: for each the index of its last occurrence, how often it occurs; and how many there are."""
    size = 4
    while size < 2 * len(xs):
        size *= 2
    slots = np.full(size, -1, dtype=np.int64)
    bits = xs.view(np.int64)
    last, counts = np.empty(len(xs), dtype=np.int64), np.zeros(len(xs), dtype=np.int64)
    found = 0
    for i in range(len(xs)):
        mixed = np.uint64(bits[i]) * np.uint64(0x9E3779B97F4A7C15)
        at = np.int64(mixed >> np.uint64(20)) & (size - 1)
        while slots[at] >= 0 and bits[last[slots[at]]] != bits[i]:
            at = (at + 1) & (size - 1)
        if slots[at] < 0:
            slots[at] = found
            found += 1
        last[slots[at]] = i
        counts[slots[at]] += 1
    return last[:found], counts[:found], np.array([found])


@compiled
def _top(xs: Floats, share: bool, cells: Floats) -> None:
    """The most frequent values, of equally frequent ones the last seen first, or their shares."""
    last, counts, _ = _table(xs)
    taken = 0
    for place in range(min(len(cells) - 1, len(last))):
        best = -1
        for i in range(len(last)):
            if counts[i] > 0 and (
                best < 0 or counts[i] > counts[best] or (counts[i] == counts[best] and last[i] > last[best])
            ):
                best = i
        cells[1 + place] = counts[best] / len(xs) if share else xs[last[best]]
        counts[best] = 0
        taken += 1
    cells[0] = float(taken)


@compiled
def _quantile(xs: Floats, q: float) -> float:
    n = len(xs)
    if n == 0:
        return math.nan
    h = (n - 1) * q
    i = math.floor(h)
    if i >= n - 1:
        return float(xs.max())
    parted = np.partition(xs, i)
    low, high = parted[i], parted[i + 1 :].min()
    return float(low if h == i or low == high else low + (h - i) * (high - low))


@compiled
def _decayed(kind: int, xs: Floats, events: Ints, now: int, half_life: float) -> float:
    total = weight = 0.0
    if kind == DECAYED_MEAN and len(xs) > 0:
        now = events[-1]  # the common factor cancels, and may be too small for a float
    for i in range(len(xs)):
        share = 2.0 ** (-(now - events[i]) / half_life)
        total += share * xs[i]
        weight += share
    if kind == DECAYED_SUM:
        return total
    if kind == DECAYED_COUNT:
        return weight
    return total / weight if len(xs) > 0 else math.nan


@compiled
def walk(
    kind: int,
    values: Floats,
    weights: Floats,
    events: Ints,
    now: int,
    extra: float,
    extra_weight: float,
    parameter: float,
    cells: Floats,
) -> None:
    """Write one aggregate over a window's facts, oldest first, into its cells.

    Parameters
    ----------
    values, weights, events : arrays, shape (facts,)
        NaN is null; `weights` count only for a weighted mean.
    extra, extra_weight : float
        One more value, the newest, at `now`; NaN for none.
    """
    n = 0
    for x in values:
        n += not math.isnan(x)
    more = 0 if math.isnan(extra) else 1
    if kind == COUNT:
        cells[0] = float(n + more)
        return
    if kind in (LAST, SINCE) and more:
        cells[0] = extra + 0.0 if kind == LAST else 0.0
        return
    if n + more == 0:
        empty = kind in (SUM, DISTINCT, LAST_N, TOP, TOP_SHARE, DECAYED_SUM, DECAYED_COUNT)
        cells[0] = 0.0 if empty else math.nan
        return
    xs, ws, es = np.empty(n + more), np.empty(n + more), np.empty(n + more, dtype=np.int64)
    at = 0
    for i in range(len(values)):
        if not math.isnan(values[i]):
            xs[at], ws[at], es[at] = values[i], weights[i], events[i]
            at += 1
    if more:
        xs[at], ws[at], es[at] = extra + 0.0, extra_weight, now
    if kind == FIRST:
        cells[0] = xs[0]
    elif kind == LAST:
        cells[0] = xs[-1]
    elif kind == SINCE:
        cells[0] = (now - es[-1]) / 1e6
    elif kind == LAST_N:
        count = min(len(cells) - 1, len(xs))
        cells[0] = float(count)
        for i in range(count):
            cells[1 + i] = xs[len(xs) - 1 - i]
    elif kind == QUANTILE:
        cells[0] = _quantile(xs, parameter)
    elif kind == DISTINCT:
        cells[0] = float(_table(xs)[2][0])
    elif kind in (DECAYED_SUM, DECAYED_MEAN, DECAYED_COUNT):
        cells[0] = _decayed(kind, xs, es, now, parameter)
    elif kind in (TOP, TOP_SHARE):
        _top(xs, kind == TOP_SHARE, cells)
    elif kind == MIN:
        cells[0] = xs.min()
    elif kind == MAX:
        cells[0] = xs.max()
    elif kind in (SUM, MEAN):
        total, _ = exact_pair(xs, xs[:0])
        cells[0] = total if kind == SUM else total / len(xs)
    elif kind == WEIGHTED_MEAN:
        total, _ = exact_pair(xs, ws)
        weight, _ = exact_pair(ws, ws[:0])
        cells[0] = total / weight if weight != 0.0 else math.nan
    elif kind in (VAR, STD):
        high, low = exact_pair(xs, xs[:0])
        square, rest = exact_pair(xs, xs)
        variance = math.nan
        if len(xs) > 1 and math.isfinite(high) and math.isfinite(square):
            variance = pair_variance(high, low, square, rest, len(xs))
        cells[0] = math.sqrt(variance) if kind == STD else variance
