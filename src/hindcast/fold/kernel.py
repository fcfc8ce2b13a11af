"""The one fold: facts enter when they become visible, leave when a window passes them, are read at a moment.

A *fold* is the state of one feature group for one entity: the visible facts that still matter, in order of
(event time, known time, sequence), and for each window a pair of positions ``lo <= hi`` between which the facts
are summed up. Four verbs move it, and batch, stream and online know nothing else:

* ``push``     a fact becomes visible (in any order; late ones are put in their place),
* ``kill``     a fact is corrected or retracted and is visible no more,
* ``advance``  time moves to t: facts enter and leave the windows,
* ``read``     the values at t (:mod:`hindcast.fold.read`).

Whatever the order of pushes and kills, the answers depend only on the facts that are visible, since counts and
sums are exact (:mod:`hindcast.fold.exact`) and extremes are kept in a wedge that is mended when a fact is
inserted or removed in the middle. A fold is two flat arrays, ``ints`` and ``floats``; :mod:`hindcast.fold.layout`
says how they are laid out. A verb may give new ones: it returns the arrays to go on with.

Cost: O(1) amortised per fact and window when facts come in order; a late fact costs one move of what lies after
it. Memory: the facts in the longest window.
"""

from __future__ import annotations

import math

import numpy as np

from hindcast.fold.compiled import compiled, inlined
from hindcast.fold.exact import DIGITS, exact_add, pair_add, two_product
from hindcast.fold.fold import Fold, fixed_length, fold_lengths, new_fold, value_start, wedge_heads
from hindcast.fold.layout import (
    CALENDAR,
    CAP,
    COUNT_AT,
    COUNT_BASE,
    FIXED,
    FOLD_HEAD,
    HEAD,
    INFINITE_BASE,
    LATEST_KEPT,
    NOW,
    OFFSETS,
    RETAIN,
    SIZE,
    SPEC_HEAD,
    SUM_AT,
    SUM_WIDTH,
    SUMS,
    TILE,
    VALUE_AT,
    VALUES,
    W_BACK,
    W_COUNT,
    W_COUNT_END,
    W_EDGE_COUNT,
    W_EDGES,
    W_HI,
    W_KIND,
    W_LO,
    W_SUM,
    W_SUM_END,
    W_TILE,
    W_WEDGE,
    W_WEDGE_END,
    WEDGE_HEADS,
    WEDGES,
    WIDE,
    WINDOW_WIDTH,
    WINDOWS,
)
from hindcast.fold.tiles import close_tiles
from hindcast.fold.wedge import wedge_append, wedge_insert, wedge_remove
from hindcast.values import NEVER, Floats, Ints

__all__ = ["advance", "append", "before", "bounds", "clear", "kill", "new_fold", "push", "widened"]


@compiled
def clear(spec: Ints, ints: Ints, floats: Floats) -> None:
    """Make a fold empty, keeping its room."""
    ints[1 : fixed_length(spec)] = 0
    ints[NOW] = -NEVER
    floats[: value_start(spec)] = 0.0


@compiled
def _resized(spec: Ints, ints: Ints, floats: Floats, capacity: int, wide: int) -> Fold:
    """The same fold with room for `capacity` facts, without those before its head; `wide` sums where asked for."""
    cap, size, head = ints[CAP], ints[SIZE], ints[HEAD]
    v, m, w = spec[VALUES], spec[WEDGES], spec[WINDOWS]
    fixed, start, heads = fixed_length(spec), value_start(spec), wedge_heads(spec)
    in_place = capacity == cap and wide == ints[WIDE]
    if in_place:
        new_ints, new_floats = ints, floats
    else:
        length, values = fold_lengths(spec, capacity, wide)
        new_ints, new_floats = np.zeros(length, dtype=np.int64), np.zeros(values, dtype=np.float64)
        new_ints[:fixed] = ints[:fixed]
        new_floats[:start] = floats[:start]
        new_ints[CAP] = capacity
    n = size - head
    for column in range(3):
        a, b = fixed + column * cap + head, fixed + column * capacity
        for i in range(n):
            new_ints[b + i] = ints[a + i]
    for value in range(v):
        a, b = start + value * cap + head, start + value * capacity
        for i in range(n):
            new_floats[b + i] = floats[a + i]
    for wedge in range(m):
        first, last = ints[heads + wedge], ints[heads + m + wedge]
        a, b = fixed + (3 + wedge) * cap + first, fixed + (3 + wedge) * capacity
        for i in range(last - first):
            new_ints[b + i] = ints[a + i] - head
        new_ints[heads + wedge] = 0
        new_ints[heads + m + wedge] = last - first
    for window in range(2 * w):
        new_ints[FOLD_HEAD + window] -= head
    new_ints[SIZE] = n
    new_ints[HEAD] = 0
    if not in_place and wide:
        digits = fixed + (3 + m) * capacity
        old = fixed + (3 + m) * cap
        for s in range(spec[SUMS]):
            to = digits + s * DIGITS
            if ints[WIDE]:
                new_ints[to : to + DIGITS] = ints[old + s * DIGITS : old + (s + 1) * DIGITS]
            else:
                exact_add(new_ints[to : to + DIGITS], floats[s], 1)
                exact_add(new_ints[to : to + DIGITS], floats[spec[SUMS] + s], 1)
        new_ints[WIDE] = 1
    return new_ints, new_floats


@compiled
def _shift(spec: Ints, ints: Ints, floats: Floats, window: int, position: int, end: int, sign: int) -> int:
    """Count the facts from `position` to `end` into (sign 1) or out of (sign -1) a window's counts and sums.

    Gives `end`, or the position of the first fact that is not counted: two doubles do not hold a sum any more; make
    the fold wide and go on from there.
    """
    row, cap, start, n = SPEC_HEAD + window * WINDOW_WIDTH, ints[CAP], spec[VALUE_AT], spec[SUMS]
    first, last = spec[row + W_SUM], spec[row + W_SUM_END]
    first_count, last_count = spec[row + W_COUNT], spec[row + W_COUNT_END]
    counted, counts, sums, wide = spec[COUNT_AT], spec[COUNT_BASE], spec[SUM_AT], ints[WIDE] != 0
    while position < end:
        odd = False
        for s in range(first, last):
            at = sums + SUM_WIDTH * s
            x, other, error = floats[start + spec[at] * cap + position], spec[at + 1], 0.0
            if other >= 0:
                x, error = two_product(x, floats[start + other * cap + position])
            elif other < -1:
                error = floats[start + (-2 - other) * cap + position]
            error = error if math.isfinite(error) else 0.0
            high, low = floats[s], floats[n + s]
            floats[2 * n + s], floats[3 * n + s] = high, low
            if not math.isfinite(x):
                odd = odd or math.isinf(x)
            elif wide:
                digits = spec[FIXED] + (3 + spec[WEDGES]) * cap + s * DIGITS
                exact_add(ints[digits : digits + DIGITS], x, sign)
                exact_add(ints[digits : digits + DIGITS], error, sign)
            else:
                high, low, whole = pair_add(high, low, sign * x)
                if whole and error != 0.0:
                    high, low, whole = pair_add(high, low, sign * error)
                if not whole:
                    for done in range(first, s):
                        floats[done], floats[n + done] = floats[2 * n + done], floats[3 * n + done]
                    return int(position)
                floats[s], floats[n + s] = high, low
        if odd:
            _count_infinite(spec, ints, floats, first, last, position, sign)
        for c in range(first_count, last_count):
            if not math.isnan(floats[start + spec[counted + c] * cap + position]):
                ints[counts + c] += sign
        position += 1
    return int(position)


@compiled
def _count_infinite(spec: Ints, ints: Ints, floats: Floats, first: int, last: int, position: int, sign: int) -> None:
    """Count the infinite terms of the sums first..last, which no sum can hold."""
    cap, start = ints[CAP], spec[VALUE_AT]
    for s in range(first, last):
        at = spec[SUM_AT] + SUM_WIDTH * s
        x, other = floats[start + spec[at] * cap + position], spec[at + 1]
        x = x if other < 0 else x * floats[start + other * cap + position]
        if math.isinf(x):
            ints[spec[INFINITE_BASE] + 2 * s + (1 if x < 0 else 0)] += sign


@compiled
def widened(spec: Ints, ints: Ints, floats: Floats) -> Fold:
    """The same fold with long numbers for its sums, every position as it was."""
    head = ints[HEAD]
    ints[HEAD] = 0
    ints, floats = _resized(spec, ints, floats, ints[CAP], 1)
    ints[HEAD] = head
    return ints, floats


@compiled
def _place(spec: Ints, ints: Ints, event: int, known: int, seq: int) -> int:
    """Where (event, known, seq) stands, or would stand, among the facts kept."""
    cap = ints[CAP]
    fixed = fixed_length(spec)
    low, high = ints[HEAD], ints[SIZE]
    # most facts are the newest: look there first
    if high > low:
        i = high - 1
        e = ints[fixed + i]
        if e < event or (
            e == event
            and (ints[fixed + cap + i] < known or (ints[fixed + cap + i] == known and ints[fixed + 2 * cap + i] < seq))
        ):
            return int(high)
    while low < high:
        i = (low + high) // 2
        e, k, q = ints[fixed + i], ints[fixed + cap + i], ints[fixed + 2 * cap + i]
        if e < event or (e == event and (k < known or (k == known and q < seq))):
            low = i + 1
        else:
            high = i
    return int(low)


@compiled
def _is_at(ints: Ints, fixed: int, at: int, event: int, known: int, seq: int) -> bool:
    cap = ints[CAP]
    return bool(ints[fixed + 2 * cap + at] == seq and ints[fixed + at] == event and ints[fixed + cap + at] == known)


@inlined
def append(spec: Ints, ints: Ints, floats: Floats, event: int, known: int, seq: int, values: Floats, row: int) -> bool:
    """Push a fact that is newer than all others, where there is room; False, with nothing changed, if it is not."""
    cap, size, fixed = ints[CAP], ints[SIZE], spec[FIXED]
    if size == cap:
        return False
    if size > ints[HEAD]:
        i = fixed + size - 1
        if event < ints[i]:
            return False
        if event == ints[i]:
            k = ints[i + cap]
            if known < k or (known == k and seq <= ints[i + 2 * cap]):
                return False
    at = fixed + size
    ints[at] = event
    ints[at + cap] = known
    ints[at + 2 * cap] = seq
    base = spec[VALUE_AT] + size
    for value in range(spec[VALUES]):
        floats[base + value * cap] = values[value, row] + 0.0  # no negative zeros
    ints[SIZE] = size + 1
    return True


@compiled
def push(spec: Ints, ints: Ints, floats: Floats, event: int, known: int, seq: int, values: Floats, row: int) -> Fold:
    """A fact becomes visible; its values are ``values[:, row]``. One that is there already changes nothing."""
    retain = spec[RETAIN]
    if retain >= 0 and spec[LATEST_KEPT] == 0 and event < ints[NOW] - retain:
        return ints, floats  # every window has passed it
    if ints[SIZE] == ints[CAP]:
        if spec[TILE] > 0:
            closed = ints[NOW]
            for window in range(spec[WINDOWS]):
                closed = min(closed, bounds(spec, window, ints[NOW])[1])
            close_tiles(spec, ints, floats, closed)
        cap = ints[CAP]
        if ints[SIZE] * 2 > cap:
            ints, floats = _resized(spec, ints, floats, cap if ints[HEAD] * 2 >= cap > 0 else cap * 2, ints[WIDE])
    if append(spec, ints, floats, event, known, seq, values, row):
        return ints, floats
    at = _place(spec, ints, event, known, seq)
    if at < ints[SIZE] and _is_at(ints, spec[FIXED], at, event, known, seq):
        return ints, floats
    cap, size = ints[CAP], ints[SIZE]
    w, fixed, start = spec[WINDOWS], spec[FIXED], spec[VALUE_AT]
    for i in range(size, at, -1):
        ints[fixed + i] = ints[fixed + i - 1]
        ints[fixed + cap + i] = ints[fixed + cap + i - 1]
        ints[fixed + 2 * cap + i] = ints[fixed + 2 * cap + i - 1]
    ints[fixed + at] = event
    ints[fixed + cap + at] = known
    ints[fixed + 2 * cap + at] = seq
    for value in range(spec[VALUES]):
        base = start + value * cap
        for i in range(size, at, -1):
            floats[base + i] = floats[base + i - 1]
        floats[base + at] = values[value, row] + 0.0
    ints[SIZE] = size + 1
    for window in range(w):
        lo, hi = ints[FOLD_HEAD + window], ints[FOLD_HEAD + w + window]
        if at < lo:
            ints[FOLD_HEAD + window] = lo + 1
        if at < hi:
            ints[FOLD_HEAD + w + window] = hi + 1
            spec_row = SPEC_HEAD + window * WINDOW_WIDTH
            for wedge in range(spec[spec_row + W_WEDGE], spec[spec_row + W_WEDGE_END]):
                wedge_insert(spec, ints, floats, wedge, at, lo <= at)
            if lo <= at and _shift(spec, ints, floats, window, at, at + 1, 1) == at:
                ints, floats = widened(spec, ints, floats)
                _shift(spec, ints, floats, window, at, at + 1, 1)
    return ints, floats


@compiled
def kill(spec: Ints, ints: Ints, floats: Floats, event: int, known: int, seq: int) -> Fold:
    """The fact (event, known, seq) is visible no more; one that no window needed any longer is simply not there."""
    cap, size = ints[CAP], ints[SIZE]
    v, w = spec[VALUES], spec[WINDOWS]
    fixed, start = fixed_length(spec), value_start(spec)
    at = _place(spec, ints, event, known, seq)
    if at >= size or not _is_at(ints, fixed, at, event, known, seq):
        return ints, floats
    for window in range(w):
        lo, hi = ints[FOLD_HEAD + window], ints[FOLD_HEAD + w + window]
        if lo <= at < hi and _shift(spec, ints, floats, window, at, at + 1, -1) == at:
            ints, floats = widened(spec, ints, floats)
            _shift(spec, ints, floats, window, at, at + 1, -1)
        if at < hi:
            row = SPEC_HEAD + window * WINDOW_WIDTH
            for wedge in range(spec[row + W_WEDGE], spec[row + W_WEDGE_END]):
                wedge_remove(spec, ints, floats, wedge, at, lo)
            ints[FOLD_HEAD + w + window] = hi - 1
        if at < lo:
            ints[FOLD_HEAD + window] = lo - 1
    for i in range(at, size - 1):
        ints[fixed + i] = ints[fixed + i + 1]
        ints[fixed + cap + i] = ints[fixed + cap + i + 1]
        ints[fixed + 2 * cap + i] = ints[fixed + 2 * cap + i + 1]
    for value in range(v):
        base = start + value * cap
        for i in range(at, size - 1):
            floats[base + i] = floats[base + i + 1]
    ints[SIZE] = size - 1
    return ints, floats


@compiled
def before(spec: Ints, ints: Ints, moment: int) -> int:
    """How many of the facts kept, from the first slot on, have an event time before `moment`."""
    fixed = fixed_length(spec)
    low, high = ints[HEAD], ints[SIZE]
    while low < high:
        middle = (low + high) // 2
        if ints[fixed + middle] < moment:
            low = middle + 1
        else:
            high = middle
    return int(low)


@compiled
def bounds(spec: Ints, window: int, now: int) -> tuple[int, int]:
    """The window at `now`: facts with ``lo <= event < hi``."""
    row = SPEC_HEAD + window * WINDOW_WIDTH
    if spec[row + W_KIND] == CALENDAR:
        first, low, high = spec[row + W_EDGES], 0, spec[row + W_EDGE_COUNT]
        while low < high:
            middle = (low + high) // 2
            if spec[first + middle] <= now:
                low = middle + 1
            else:
                high = middle
        back = spec[row + W_BACK]
        lo = spec[first + low - 1 - back] if low - 1 - back >= 0 else -NEVER
        return lo, (now if back == 0 else (spec[first + low - 1] if low > 0 else -NEVER))
    reach = spec[row + W_LO]
    if reach >= NEVER:
        return -NEVER, now - spec[row + W_HI]
    lo = now - reach
    tile = spec[row + W_TILE]
    if tile > 0:
        lo -= lo % tile
    return lo, now - spec[row + W_HI]


@compiled
def _advance(spec: Ints, ints: Ints, floats: Floats, now: int) -> bool:
    """Move to `now` as far as two doubles hold the sums; False where they do not: make the fold wide and go on."""
    ints[NOW] = now
    w, m, size, cap = spec[WINDOWS], spec[WEDGES], ints[SIZE], ints[CAP]
    fixed, heads = spec[FIXED], spec[WEDGE_HEADS]
    keep = size
    for window in range(w):
        row = SPEC_HEAD + window * WINDOW_WIDTH
        if spec[row + W_KIND] == OFFSETS and spec[row + W_TILE] == 0 and spec[row + W_LO] < NEVER:
            first, last = now - spec[row + W_LO], now - spec[row + W_HI]
        else:
            first, last = bounds(spec, window, now)
        lo, hi = ints[FOLD_HEAD + window], ints[FOLD_HEAD + w + window]
        leaving = lo
        while leaving < size and ints[fixed + leaving] < first:
            leaving += 1
        gone = min(leaving, hi)
        if lo < gone:
            reached = _shift(spec, ints, floats, window, lo, gone, -1)
            if reached < gone:
                ints[FOLD_HEAD + window] = reached
                return False
        entering = hi = max(hi, leaving)
        while entering < size and ints[fixed + entering] < last:
            entering += 1
        reached = _shift(spec, ints, floats, window, hi, entering, 1) if hi < entering else hi
        if lo < leaving or hi < reached:
            for wedge in range(spec[row + W_WEDGE], spec[row + W_WEDGE_END]):
                base = fixed + (3 + wedge) * cap
                head, tail = ints[heads + wedge], ints[heads + m + wedge]
                while head < tail and ints[base + head] < leaving:
                    head += 1
                ints[heads + wedge] = head
                for position in range(hi, reached):
                    wedge_append(spec, ints, floats, wedge, position)
            ints[FOLD_HEAD + window] = leaving
            ints[FOLD_HEAD + w + window] = reached
        if reached < entering:
            return False
        lo = leaving
        keep = min(keep, lo)
    retain = spec[RETAIN]
    if retain >= 0:
        if spec[LATEST_KEPT] == 1:  # the newest fact before now answers, however old
            keep = min(keep, max(before(spec, ints, now) - 1, ints[HEAD]))
        elif w == 0:
            keep = min(keep, before(spec, ints, now - retain))
        ints[HEAD] = max(ints[HEAD], keep)
    return True


@compiled
def advance(spec: Ints, ints: Ints, floats: Floats, now: int) -> Fold:
    """Time moves to `now`, never back: facts leave and enter the windows, what nothing needs is let go.

    Moving again to the same moment takes in what was pushed since.
    """
    if now >= ints[NOW] and not _advance(spec, ints, floats, now):
        ints, floats = widened(spec, ints, floats)
        _advance(spec, ints, floats, now)
    return ints, floats
