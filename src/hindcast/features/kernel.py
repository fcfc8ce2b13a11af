"""The one fold: facts enter when they become visible, leave when a window passes them, are read at a moment.

A *fold* is the state of one feature group for one entity: the visible facts that still matter, in order of
(event time, known time, sequence), and for each window a pair of positions ``lo <= hi`` between which the facts
are summed up. Four verbs move it, and batch, stream and online know nothing else:

* ``push``     a fact becomes visible (in any order; late ones are put in their place),
* ``kill``     a fact is corrected or retracted and is visible no more,
* ``advance``  time moves to t: facts enter and leave the windows,
* ``read``     the values at t.

Whatever the order of pushes and kills, the state depends only on the facts that are visible, since counts and
sums are exact (:mod:`hindcast.features.exact`) and extremes are kept in a wedge that is mended when a fact is
inserted or removed in the middle. A fold is two flat arrays, ``ints`` and ``floats``, so that it can be copied,
stored and handed to compiled code as it is; `spec` says how they are laid out.

Cost: O(1) amortised per fact and window when facts come in order; a late fact costs one move of what lies after
it. Memory: the facts in the longest window, plus 544 bytes per exact sum.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from hindcast.features.exact import DIGITS, exact_add, exact_add_square, exact_read, exact_variance
from hindcast.features.layout import (
    CAP,
    COUNT,
    FAR,
    FOLD_HEAD,
    HEAD,
    LATEST,
    LATEST_KEPT,
    MAX,
    MIN,
    NOW,
    OUTPUT_WIDTH,
    OUTPUTS,
    RETAIN,
    SIZE,
    SPEC_HEAD,
    START,
    STD,
    SUM,
    SUMS,
    VALUES,
    WEDGES,
    WINDOWS,
    Fold,
    fixed_length,
    new_fold,
)
from hindcast.features.wedge import wedge_append, wedge_insert, wedge_remove
from hindcast.values import Floats, Ints

__all__ = ["advance", "feed", "kill", "new_fold", "push", "read", "sweep"]


@njit(cache=True, nogil=True)
def _clear(spec: Ints, ints: Ints) -> None:
    ints[SIZE] = 0
    ints[HEAD] = 0
    ints[NOW] = -FAR
    ints[FOLD_HEAD : fixed_length(spec)] = 0


@njit(cache=True, nogil=True)
def _room(spec: Ints, ints: Ints, floats: Floats) -> Fold:
    """Make room for one more fact: drop what no window needs, or double. Gives the arrays to go on with."""
    cap, size, head = ints[CAP], ints[SIZE], ints[HEAD]
    v, m, w = spec[VALUES], spec[WEDGES], spec[WINDOWS]
    fixed = fixed_length(spec)
    new_cap = cap if head * 2 >= cap else cap * 2
    if new_cap == cap:
        new_ints, new_floats = ints, floats
    else:
        new_ints = np.zeros(fixed + (3 + m) * new_cap, dtype=np.int64)
        new_floats = np.zeros(v * new_cap, dtype=np.float64)
        new_ints[:fixed] = ints[:fixed]
        new_ints[CAP] = new_cap
    n = size - head
    for column in range(3):
        a, b = fixed + column * cap + head, fixed + column * new_cap
        for i in range(n):
            new_ints[b + i] = ints[a + i]
    for value in range(v):
        a, b = value * cap + head, value * new_cap
        for i in range(n):
            new_floats[b + i] = floats[a + i]
    for wedge in range(m):
        first, last = ints[FOLD_HEAD + 2 * w + wedge], ints[FOLD_HEAD + 2 * w + m + wedge]
        a, b = fixed + (3 + wedge) * cap + first, fixed + (3 + wedge) * new_cap
        for i in range(last - first):
            new_ints[b + i] = ints[a + i] - head
        new_ints[FOLD_HEAD + 2 * w + wedge] = 0
        new_ints[FOLD_HEAD + 2 * w + m + wedge] = last - first
    for window in range(2 * w):
        new_ints[FOLD_HEAD + window] -= head
    new_ints[SIZE] = n
    new_ints[HEAD] = 0
    return new_ints, new_floats


@njit(cache=True, nogil=True)
def _account(spec: Ints, ints: Ints, floats: Floats, window: int, position: int, sign: int) -> None:
    """Count the fact at `position` into (sign 1) or out of (sign -1) a window's counts and exact sums."""
    v, w, m, cap = spec[VALUES], spec[WINDOWS], spec[WEDGES], ints[CAP]
    counts = FOLD_HEAD + 2 * w + 2 * m
    for value in range(v):
        x = floats[value * cap + position]
        if not math.isnan(x):
            ints[counts + window * v + value] += sign
            if math.isinf(x):
                ints[counts + w * v + 2 * (window * v + value) + (1 if x < 0 else 0)] += sign
    digits = counts + 3 * w * v
    table = SPEC_HEAD + 2 * w + 3 * m
    for slot in range(spec[SUMS]):
        if spec[table + 3 * slot] == window:
            x = floats[spec[table + 3 * slot + 1] * cap + position]
            if math.isfinite(x):
                at = digits + slot * DIGITS
                if spec[table + 3 * slot + 2] == 1:
                    exact_add(ints[at : at + DIGITS], x, sign)
                else:
                    exact_add_square(ints[at : at + DIGITS], x, sign)


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def push(spec: Ints, ints: Ints, floats: Floats, event: int, known: int, seq: int, values: Floats) -> Fold:
    """A fact becomes visible; `values` has shape (V,). Gives the fold's arrays, which may be new ones."""
    retain = spec[RETAIN]
    if retain >= 0 and spec[LATEST_KEPT] == 0 and event < ints[NOW] - retain:
        return ints, floats  # every window has passed it
    if ints[SIZE] == ints[CAP]:
        ints, floats = _room(spec, ints, floats)
    cap, size = ints[CAP], ints[SIZE]
    v, w, m = spec[VALUES], spec[WINDOWS], spec[WEDGES]
    fixed = fixed_length(spec)
    at = _place(spec, ints, event, known, seq)
    for i in range(size, at, -1):
        ints[fixed + i] = ints[fixed + i - 1]
        ints[fixed + cap + i] = ints[fixed + cap + i - 1]
        ints[fixed + 2 * cap + i] = ints[fixed + 2 * cap + i - 1]
    ints[fixed + at] = event
    ints[fixed + cap + at] = known
    ints[fixed + 2 * cap + at] = seq
    for value in range(v):
        base = value * cap
        for i in range(size, at, -1):
            floats[base + i] = floats[base + i - 1]
        floats[base + at] = values[value] + 0.0  # no negative zeros
    ints[SIZE] = size + 1
    if at < size:
        for window in range(w):
            lo, hi = ints[FOLD_HEAD + window], ints[FOLD_HEAD + w + window]
            inside = lo <= at < hi
            if at < lo:
                ints[FOLD_HEAD + window] = lo + 1
            if at < hi:
                ints[FOLD_HEAD + w + window] = hi + 1
            if inside:
                _account(spec, ints, floats, window, at, 1)
            if at < hi:
                for wedge in range(m):
                    if spec[SPEC_HEAD + 2 * w + 3 * wedge] == window:
                        wedge_insert(spec, ints, floats, wedge, at, inside)
    return ints, floats


@njit(cache=True, nogil=True)
def kill(spec: Ints, ints: Ints, floats: Floats, event: int, known: int, seq: int) -> None:
    """The fact (event, known, seq) is visible no more; one that no window needed any longer is simply not there."""
    cap, size = ints[CAP], ints[SIZE]
    v, w, m = spec[VALUES], spec[WINDOWS], spec[WEDGES]
    fixed = fixed_length(spec)
    at = _place(spec, ints, event, known, seq)
    if at >= size or ints[fixed + 2 * cap + at] != seq or ints[fixed + at] != event or ints[fixed + cap + at] != known:
        return
    for window in range(w):
        lo, hi = ints[FOLD_HEAD + window], ints[FOLD_HEAD + w + window]
        if lo <= at < hi:
            _account(spec, ints, floats, window, at, -1)
        if at < hi:
            for wedge in range(m):
                if spec[SPEC_HEAD + 2 * w + 3 * wedge] == window:
                    wedge_remove(spec, ints, floats, wedge, at, lo)
            ints[FOLD_HEAD + w + window] = hi - 1
        if at < lo:
            ints[FOLD_HEAD + window] = lo - 1
    for i in range(at, size - 1):
        ints[fixed + i] = ints[fixed + i + 1]
        ints[fixed + cap + i] = ints[fixed + cap + i + 1]
        ints[fixed + 2 * cap + i] = ints[fixed + 2 * cap + i + 1]
    for value in range(v):
        base = value * cap
        for i in range(at, size - 1):
            floats[base + i] = floats[base + i + 1]
    ints[SIZE] = size - 1


@njit(cache=True, nogil=True)
def _before(spec: Ints, ints: Ints, moment: int) -> int:
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


@njit(cache=True, nogil=True)
def advance(spec: Ints, ints: Ints, floats: Floats, now: int) -> None:
    """Time moves to `now`, never back: facts leave and enter the windows, what nothing needs is let go.

    Moving again to the same moment takes in what was pushed since.
    """
    if now < ints[NOW]:
        return
    ints[NOW] = now
    w, m, size, cap = spec[WINDOWS], spec[WEDGES], ints[SIZE], ints[CAP]
    fixed = fixed_length(spec)
    keep = size
    for window in range(w):
        bound = now - spec[SPEC_HEAD + 2 * window]
        lo, hi = ints[FOLD_HEAD + window], ints[FOLD_HEAD + w + window]
        while lo < size and ints[fixed + lo] < bound:
            if lo < hi:
                _account(spec, ints, floats, window, lo, -1)
            lo += 1
        hi = max(hi, lo)
        for wedge in range(m):
            if spec[SPEC_HEAD + 2 * w + 3 * wedge] == window:
                base = fixed + (3 + wedge) * cap
                head, tail = ints[FOLD_HEAD + 2 * w + wedge], ints[FOLD_HEAD + 2 * w + m + wedge]
                while head < tail and ints[base + head] < lo:
                    head += 1
                ints[FOLD_HEAD + 2 * w + wedge] = head
        bound = now - spec[SPEC_HEAD + 2 * window + 1]
        while hi < size and ints[fixed + hi] < bound:
            _account(spec, ints, floats, window, hi, 1)
            for wedge in range(m):
                if spec[SPEC_HEAD + 2 * w + 3 * wedge] == window:
                    wedge_append(spec, ints, floats, wedge, hi)
            hi += 1
        ints[FOLD_HEAD + window] = lo
        ints[FOLD_HEAD + w + window] = hi
        keep = min(keep, lo)
    retain = spec[RETAIN]
    if retain >= 0:
        if spec[LATEST_KEPT] == 1:  # the newest fact before now answers, however old
            keep = min(keep, max(_before(spec, ints, now) - 1, ints[HEAD]))
        else:
            keep = min(keep, _before(spec, ints, now - retain))
        ints[HEAD] = max(ints[HEAD], keep)


@njit(cache=True, nogil=True)
def read(
    spec: Ints, ints: Ints, floats: Floats, own: bool, own_event: int, own_values: Floats, out: Floats, ages: Ints
) -> None:
    """Write the values at the moment of the last ``advance`` into `out` and their facts' ages into `ages`.

    Parameters
    ----------
    own : bool
        Whether the request's own fact is to be counted (``closed="right"``), once: `own_event` is the event
        time of its version that is already visible here, or FAR. `own_values` has shape (V,).
    out : float64 array, shape (OUTPUTS,)
        Null is nan.
    ages : int64 array, shape (OUTPUTS,) or (0,)
        Microseconds from the newest fact used to now; -1 where there is none.
    """
    v, w, m, cap, now = spec[VALUES], spec[WINDOWS], spec[WEDGES], ints[CAP], ints[NOW]
    fixed = fixed_length(spec)
    counts = FOLD_HEAD + 2 * w + 2 * m
    infinite = counts + w * v
    digits = counts + 3 * w * v
    outputs = SPEC_HEAD + 2 * w + 3 * m + 3 * spec[SUMS]
    newest = -1
    for o in range(spec[OUTPUTS]):
        row = outputs + OUTPUT_WIDTH * o
        aggregate = spec[row]
        if aggregate == LATEST:
            value, max_age, ahead = spec[row + 2], spec[row + 3], spec[row + 4]
            if ahead == 1:
                at = ints[SIZE] - 1
            else:
                if newest < 0:
                    newest = _before(spec, ints, now)
                at = newest - 1
            result = math.nan
            age = np.int64(-1)
            if at >= ints[HEAD]:
                event = ints[fixed + at]
                if max_age < 0 or now - event <= max_age:
                    result = floats[value * cap + at]
                    age = now - event if event > -FAR else np.int64(-1)
            out[o] = result
            if len(ages):
                ages[o] = age
            continue
        window, value, slot, slot2 = spec[row + 1], spec[row + 2], spec[row + 3], spec[row + 4]
        hi_bound = now - spec[SPEC_HEAD + 2 * window + 1]
        if len(ages):
            hi = ints[FOLD_HEAD + w + window]
            ages[o] = now - ints[fixed + hi - 1] if hi > ints[FOLD_HEAD + window] else -1
        if hi_bound <= spec[START]:
            out[o] = math.nan  # before the table was observed at all: not empty, unknown
            continue
        extra = math.nan
        if own and not (now - spec[SPEC_HEAD + 2 * window] <= own_event < hi_bound):
            extra = own_values[value]
            if len(ages):
                ages[o] = 0
        has = not math.isnan(extra)
        count = ints[counts + window * v + value] + (1 if has else 0)
        if aggregate == COUNT:
            out[o] = float(count)
        elif aggregate in (MIN, MAX):
            base = fixed + (3 + slot) * cap
            head, tail = ints[FOLD_HEAD + 2 * w + slot], ints[FOLD_HEAD + 2 * w + m + slot]
            result = floats[value * cap + ints[base + head]] if tail > head else math.nan
            if has:
                if math.isnan(result):
                    result = extra + 0.0
                else:
                    result = min(result, extra) if aggregate == MIN else max(result, extra)
            out[o] = result
        else:
            plus, minus = ints[infinite + 2 * (window * v + value)], ints[infinite + 2 * (window * v + value) + 1]
            if has and math.isinf(extra):
                plus += 1 if extra > 0 else 0
                minus += 1 if extra < 0 else 0
            at = digits + slot * DIGITS
            sums = ints[at : at + DIGITS]
            if plus > 0 or minus > 0:
                if aggregate == STD or (plus > 0 and minus > 0):
                    out[o] = math.nan
                else:
                    out[o] = math.inf if plus > 0 else -math.inf
            elif aggregate == STD:
                at2 = digits + slot2 * DIGITS
                squares = ints[at2 : at2 + DIGITS]
                if has:
                    exact_add(sums, extra, 1)
                    exact_add_square(squares, extra, 1)
                out[o] = math.sqrt(exact_variance(sums, squares, count)) if count > 1 else math.nan
                if has:
                    exact_add(sums, extra, -1)
                    exact_add_square(squares, extra, -1)
            else:
                if has:
                    exact_add(sums, extra, 1)
                total = exact_read(sums)
                if has:
                    exact_add(sums, extra, -1)
                if aggregate == SUM:
                    out[o] = total
                else:
                    out[o] = total / count if count > 0 else math.nan


@njit(cache=True, nogil=True)
def feed(
    spec: Ints, ints: Ints, floats: Floats, events: Ints, knowns: Ints, seqs: Ints, values: Floats, rows: Ints
) -> Fold:
    """Push the facts at `rows` one after another; `values` has shape (V, n). Gives the fold's arrays."""
    one = np.empty(spec[VALUES], dtype=np.float64)
    for row in rows:
        for value in range(spec[VALUES]):
            one[value] = values[value, row]
        ints, floats = push(spec, ints, floats, events[row], knowns[row], seqs[row], one)
    return ints, floats


@njit(cache=True, nogil=True)
def sweep(
    spec: Ints,
    first: int,
    last: int,
    fact_starts: Ints,
    fact_rows: Ints,
    request_starts: Ints,
    request_rows: Ints,
    kill_starts: Ints,
    kill_rows: Ints,
    events: Ints,
    knowns: Ints,
    seqs: Ints,
    deads: Ints,
    values: Floats,
    as_of: Ints,
    own: bool,
    own_events: Ints,
    own_values: Floats,
    out: Floats,
) -> None:
    """Answer every request of the entities first..last, each entity's facts and requests swept once.

    Parameters
    ----------
    fact_starts, fact_rows : int64 arrays, shapes (entities + 1,), (f,)
        Entity e's facts, as rows of `events` and so on, in order of (known time, sequence).
    request_starts, request_rows : likewise, in order of as_of
    kill_starts, kill_rows : likewise, the facts that are visible no more from ``deads[row]`` on, in that order
    own : bool
        Whether the requests' own facts count; `own_events` has shape (requests,), `own_values` (V, requests).
    out : float64 array, shape (requests, OUTPUTS)
        Written in place, by row of the request.
    """  # fmt: skip
    v = spec[VALUES]
    ints, floats = new_fold(spec, 64)
    one = np.empty(v, dtype=np.float64)
    mine = np.empty(v, dtype=np.float64)
    no_ages = np.empty(0, dtype=np.int64)
    for entity in range(first, last):
        if request_starts[entity] == request_starts[entity + 1]:
            continue
        _clear(spec, ints)
        f, f_stop = fact_starts[entity], fact_starts[entity + 1]
        k, k_stop = kill_starts[entity], kill_starts[entity + 1]
        for r in range(request_starts[entity], request_starts[entity + 1]):
            request = request_rows[r]
            t = as_of[request]
            while f < f_stop and knowns[fact_rows[f]] < t:
                row = fact_rows[f]
                for value in range(v):
                    one[value] = values[value, row]
                ints, floats = push(spec, ints, floats, events[row], knowns[row], seqs[row], one)
                f += 1
            while k < k_stop and deads[kill_rows[k]] < t:
                row = kill_rows[k]
                kill(spec, ints, floats, events[row], knowns[row], seqs[row])
                k += 1
            advance(spec, ints, floats, t)
            own_event = FAR
            if own:
                own_event = own_events[request]
                for value in range(v):
                    mine[value] = own_values[value, request]
            read(spec, ints, floats, own, own_event, mine, out[request], no_ages)
