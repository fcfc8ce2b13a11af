"""Closed tiles: the facts of a stretch of time that every window holds or leaves as a whole, summed up as one.

A tiled window begins at a multiple of its tile, so once a tile lies behind the end of all windows it does not matter
which of its facts is which. They become one: how many they were, their exact sum in two doubles, the least and the
greatest. Nothing that is read changes; a fold keeps the newest facts and one row per tile instead of every fact.

Only for tables without a key: what may be corrected must be kept as it is. A fact that is delivered again after its
tile was closed counts again, which the journal in front of it rules out.
"""

from __future__ import annotations

import math

from hindcast.fold.compiled import compiled
from hindcast.fold.exact import pair_add
from hindcast.fold.layout import (
    CAP,
    FIXED,
    FOLD_HEAD,
    HEAD,
    ROLE_AT,
    ROLE_MAX,
    ROLE_MIN,
    ROLE_SUM,
    ROLE_WEIGHT,
    SIZE,
    SPEC_HEAD,
    TILE,
    VALUE_AT,
    VALUES,
    W_WEDGE,
    W_WEDGE_END,
    WEDGE_HEADS,
    WEDGES,
    WINDOW_WIDTH,
    WINDOWS,
)
from hindcast.fold.wedge import wedge_append
from hindcast.values import Floats, Ints

__all__ = ["close_tiles"]


@compiled
def _sum(values: Floats, rests: Floats) -> tuple[float, float, bool]:
    """The sum of the values and rests that are there, in two doubles; nan for none; whether nothing was lost."""
    high = low = 0.0
    whole = True
    found = False
    for i in range(len(values)):
        if math.isnan(values[i]):
            continue
        found = True
        high, low, whole = pair_add(high, low, values[i])
        if whole and not math.isnan(rests[i]):
            high, low, whole = pair_add(high, low, rests[i])
        if not whole:
            return math.nan, math.nan, False
    return (high, low, True) if found else (math.nan, math.nan, True)


@compiled
def _extreme(values: Floats, sign: int) -> float:
    found = math.nan
    for x in values:
        if not math.isnan(x) and (math.isnan(found) or sign * x > sign * found):
            found = x
    return found


@compiled
def _summed_up(spec: Ints, floats: Floats, cap: int, first: int, last: int, to: int) -> bool:
    """Write the facts first..last as one at `to`; False, with nothing written, where two doubles do not hold a sum."""
    start, v = spec[VALUE_AT], spec[VALUES]
    for value in range(v):
        role = spec[spec[ROLE_AT] + value]
        if role in (ROLE_WEIGHT, ROLE_SUM):
            mine = floats[start + value * cap + first : start + value * cap + last]
            at = value + 1 if role == ROLE_SUM else value
            rest = floats[start + at * cap + first : start + at * cap + last]
            if role == ROLE_WEIGHT:
                rest = rest * math.nan
            if not _sum(mine, rest)[2]:
                return False
    for value in range(v):
        role, base = spec[spec[ROLE_AT] + value], start + value * cap
        if role == ROLE_WEIGHT:
            mine = floats[base + first : base + last]
            floats[base + to] = _sum(mine, mine * math.nan)[0]
        elif role == ROLE_SUM:
            high, low, _ = _sum(floats[base + first : base + last], floats[base + cap + first : base + cap + last])
            floats[base + to], floats[base + cap + to] = high, low
        elif role == ROLE_MIN:
            floats[base + to] = _extreme(floats[base + first : base + last], -1)
        elif role == ROLE_MAX:
            floats[base + to] = _extreme(floats[base + first : base + last], 1)
    return True


@compiled
def close_tiles(spec: Ints, ints: Ints, floats: Floats, closed: int) -> None:
    """Sum up every tile that ends at `closed` or before, and let go what lies before the head. O(facts kept)."""
    cap, size, head, w, v = ints[CAP], ints[SIZE], ints[HEAD], spec[WINDOWS], spec[VALUES]
    fixed, start, tile, m = spec[FIXED], spec[VALUE_AT], spec[TILE], spec[WEDGES]
    to, first = 0, head
    for window in range(2 * w):
        if ints[FOLD_HEAD + window] <= head:
            ints[FOLD_HEAD + window] = 0
    while first < size:
        begin = ints[fixed + first] - ints[fixed + first] % tile
        last = first + 1
        while last < size and ints[fixed + last] - ints[fixed + last] % tile == begin:
            last += 1
        whole = last - first > 1 and begin + tile <= closed
        for window in range(2 * w):
            # positions behind `to` are already those of the new order
            whole = whole and not first < ints[FOLD_HEAD + window] < last
        if whole and _summed_up(spec, floats, cap, first, last, to):
            for column in range(3):
                ints[fixed + column * cap + to] = ints[fixed + column * cap + last - 1]
            moved = to + 1
        else:
            for i in range(last - first):
                for column in range(3):
                    ints[fixed + column * cap + to + i] = ints[fixed + column * cap + first + i]
                for value in range(v):
                    floats[start + value * cap + to + i] = floats[start + value * cap + first + i]
            moved = to + last - first
        for window in range(2 * w):
            at = ints[FOLD_HEAD + window]
            if first < at < last:
                ints[FOLD_HEAD + window] = -1 - (to + at - first)
            elif at == last:
                ints[FOLD_HEAD + window] = -1 - moved
        to, first = moved, last
    for window in range(2 * w):
        at = ints[FOLD_HEAD + window]
        ints[FOLD_HEAD + window] = -1 - at if at < 0 else 0
    ints[SIZE], ints[HEAD] = to, 0
    heads = spec[WEDGE_HEADS]
    for window in range(w):
        row = SPEC_HEAD + window * WINDOW_WIDTH
        for wedge in range(spec[row + W_WEDGE], spec[row + W_WEDGE_END]):
            ints[heads + wedge] = ints[heads + m + wedge] = 0
            for position in range(ints[FOLD_HEAD + window], ints[FOLD_HEAD + w + window]):
                wedge_append(spec, ints, floats, wedge, position)
