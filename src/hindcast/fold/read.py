"""Reading a fold: what its parts and its facts say at the moment it was last advanced to."""

from __future__ import annotations

import math

import numpy as np

from hindcast.fold.compiled import compiled
from hindcast.fold.exact import (
    DIGITS,
    exact_add,
    exact_read,
    pair_add,
    pair_variance,
    two_product,
)
from hindcast.fold.fold import fixed_length, value_start, wedge_heads
from hindcast.fold.kernel import before, bounds
from hindcast.fold.layout import (
    CAP,
    COLLECTED,
    COUNT,
    COUNT_AT,
    COUNTS,
    FOLD_HEAD,
    HEAD,
    INFINITE_BASE,
    LATEST,
    MAX,
    MEAN,
    MIN,
    NOW,
    O_A,
    O_B,
    O_C,
    O_CELL,
    O_CELLS,
    O_KIND,
    O_PARAM,
    O_WINDOW,
    OUTPUT_AT,
    OUTPUT_WIDTH,
    OUTPUTS,
    RATE,
    SCANNED,
    SESSION,
    SIZE,
    SPEC_HEAD,
    START,
    STD,
    SUM,
    SUM_AT,
    SUM_WIDTH,
    SUMS,
    W_GAP,
    W_KIND,
    WEDGE_AT,
    WEDGE_WIDTH,
    WEDGES,
    WEIGHTED_MEAN,
    WIDE,
    WINDOW_WIDTH,
    WINDOWS,
)
from hindcast.fold.walk import walk
from hindcast.values import NEVER, Floats, Ints

__all__ = ["collect", "read", "session_start"]


@compiled
def session_start(spec: Ints, ints: Ints, window: int) -> int:
    """The position at which a session window's facts begin; ``hi`` when it is empty."""
    lo, hi = ints[FOLD_HEAD + window], ints[FOLD_HEAD + spec[WINDOWS] + window]
    gap = spec[SPEC_HEAD + window * WINDOW_WIDTH + W_GAP]
    fixed, next_event, at = fixed_length(spec), ints[NOW], hi
    while at > lo and next_event - ints[fixed + at - 1] <= gap:
        at -= 1
        next_event = ints[fixed + at]
    return int(at)


@compiled
def _sum(spec: Ints, ints: Ints, floats: Floats, s: int, extra: float) -> tuple[float, float]:
    """A sum with one more term, in two doubles; the first is the sum rounded once."""
    infinite = FOLD_HEAD + 2 * spec[WINDOWS] + spec[COUNTS] + 2 * s
    plus, minus = ints[infinite], ints[infinite + 1]
    if math.isinf(extra):
        plus += 1 if extra > 0 else 0
        minus += 1 if extra < 0 else 0
    if plus > 0 or minus > 0:
        return (math.nan if plus > 0 and minus > 0 else math.inf if plus > 0 else -math.inf), 0.0
    if not ints[WIDE]:
        high, low = floats[s], floats[spec[SUMS] + s]
        if math.isnan(extra) or extra == 0.0:
            return float(high), float(low)
        new_high, new_low, whole = pair_add(high, low, extra)
        if whole:
            return float(new_high), float(new_low)
        digits = np.zeros(DIGITS, dtype=np.int64)
        exact_add(digits, high, 1)
        exact_add(digits, low, 1)
    else:
        at = fixed_length(spec) + (3 + spec[WEDGES]) * ints[CAP] + s * DIGITS
        digits = ints[at : at + DIGITS].copy()
    if not math.isnan(extra):
        exact_add(digits, extra, 1)
    high = exact_read(digits)
    exact_add(digits, high, -1)
    return high, exact_read(digits)


@compiled
def _product_sum(spec: Ints, ints: Ints, floats: Floats, s: int, own_values: Floats, own: bool) -> tuple[float, float]:
    """The sum of a product, or of a value, with the request's own fact if `own`."""
    at = spec[SUM_AT] + SUM_WIDTH * s
    if not own:
        return _sum(spec, ints, floats, s, math.nan)  # type: ignore[no-any-return]
    x, other = own_values[spec[at]], spec[at + 1]
    if other < 0:
        return _sum(spec, ints, floats, s, x)  # type: ignore[no-any-return]
    product, error = two_product(x, own_values[other])
    if math.isnan(product) or error == 0.0 or not math.isfinite(error):
        return _sum(spec, ints, floats, s, product)  # type: ignore[no-any-return]
    high, low = _sum(spec, ints, floats, s, product)
    new_high, new_low, whole = pair_add(high, low, error)
    if whole:
        return new_high, new_low
    digits = np.zeros(DIGITS, dtype=np.int64)
    exact_add(digits, high, 1)
    exact_add(digits, low, 1)
    exact_add(digits, error, 1)
    high = exact_read(digits)
    exact_add(digits, high, -1)
    return high, exact_read(digits)


@compiled
def read(
    spec: Ints, ints: Ints, floats: Floats, own: bool, own_event: int, own_values: Floats, out: Floats, ages: Ints
) -> None:
    """Write the values at the moment of the last ``advance`` into `out` and their facts' ages into `ages`.

    Parameters
    ----------
    own : bool
        Whether the request's own fact is to be counted (``closed="right"``), once: `own_event` is the event
        time of its version that is already visible here, or NEVER. `own_values` has shape (V,).
    out : float64 array, shape (CELLS,)
        Null is nan.
    ages : int64 array, shape (OUTPUTS,) or (0,)
        Microseconds from the newest fact used to now; -1 where there is none.
    """
    w, m, cap, now = spec[WINDOWS], spec[WEDGES], ints[CAP], ints[NOW]
    fixed, start, heads = fixed_length(spec), value_start(spec), wedge_heads(spec)
    counts = FOLD_HEAD + 2 * w
    newest = -1
    seen = -1
    first = last = np.int64(0)
    position = end = np.int64(0)
    for o in range(spec[OUTPUTS]):
        row = spec[OUTPUT_AT] + OUTPUT_WIDTH * o
        kind, window = spec[row + O_KIND], spec[row + O_WINDOW]
        a, b, c = spec[row + O_A], spec[row + O_B], spec[row + O_C]
        cell = spec[row + O_CELL]
        if kind == LATEST:
            if c == 1:
                at = ints[SIZE] - 1
            else:
                if newest < 0:
                    newest = before(spec, ints, now)
                at = newest - 1
            result, age = math.nan, np.int64(-1)
            if at >= ints[HEAD]:
                event = ints[fixed + at]
                if b < 0 or now - event <= b:
                    result = floats[start + a * cap + at]
                    age = now - event if event > -NEVER else np.int64(-1)
            out[cell] = result
            if len(ages):
                ages[o] = age
            continue
        walked = spec[SPEC_HEAD + window * WINDOW_WIDTH + W_KIND] == SESSION
        if window != seen:
            first, last = bounds(spec, window, now)
            position, end = ints[FOLD_HEAD + window], ints[FOLD_HEAD + w + window]
            if walked:
                position = session_start(spec, ints, window)
                first = ints[fixed + position] if position < end else last
            seen = window
        if len(ages):
            ages[o] = now - ints[fixed + end - 1] if end > position else -1
        if kind == COLLECTED:
            continue  # it has no cell
        if last <= spec[START]:
            out[cell] = math.nan  # before the table was observed at all: not empty, unknown
            continue
        extra = own and not (first <= own_event < last)
        if extra and len(ages):
            ages[o] = 0
        if walked or kind >= SCANNED:
            parameter = spec[row + O_PARAM : row + O_PARAM + 1].view(np.float64)[0]
            cells = out[cell : cell + spec[row + O_CELLS]]
            values = floats[start + a * cap + position : start + a * cap + end]
            weights = floats[start + b * cap + position : start + b * cap + end]
            events = ints[fixed + position : fixed + end]
            x, weight = (own_values[a], own_values[b]) if extra else (math.nan, math.nan)
            walk(kind, values, weights, events, now, x, weight, parameter, cells)
            continue
        if kind in (MIN, MAX):
            wedge = fixed + (3 + a) * cap
            head, tail = ints[heads + a], ints[heads + m + a]
            value = spec[spec[WEDGE_AT] + WEDGE_WIDTH * a]
            result = floats[start + value * cap + ints[wedge + head]] if tail > head else math.nan
            if extra and not math.isnan(own_values[value]):
                x = own_values[value] + 0.0
                if math.isnan(result) or (x < result if kind == MIN else x > result):
                    result = x
            out[cell] = result
        elif kind in (COUNT, RATE):
            count = ints[counts + a]
            if extra and not math.isnan(own_values[spec[spec[COUNT_AT] + a]]):
                count += 1
            if kind == COUNT:
                out[cell] = float(count)
            else:
                per = spec[row + O_PARAM : row + O_PARAM + 1].view(np.float64)[0]
                out[cell] = count / ((last - first) / per) if last > first else math.nan
        else:
            infinite = spec[INFINITE_BASE] + 2 * a
            if extra or ints[WIDE] or ints[infinite] or ints[infinite + 1]:
                high, low = _product_sum(spec, ints, floats, a, own_values, extra)
            else:
                high, low = floats[a], floats[spec[SUMS] + a]
            count = ints[counts + c] if c >= 0 else 1
            if extra and c >= 0 and not math.isnan(own_values[spec[spec[COUNT_AT] + c]]):
                count += 1
            if kind == SUM:
                out[cell] = high
            elif kind == MEAN:
                out[cell] = high / count if count > 0 else math.nan
            elif kind == WEIGHTED_MEAN:
                total, _ = _product_sum(spec, ints, floats, b, own_values, extra)
                out[cell] = high / total if total != 0.0 and count > 0 else math.nan
            else:
                square, rest = _product_sum(spec, ints, floats, b, own_values, extra)
                variance = math.nan
                if count > 1 and math.isfinite(high) and math.isfinite(square):
                    variance = pair_variance(high, low, square, rest, count)
                out[cell] = math.sqrt(variance) if kind == STD else variance


@compiled
def collect(spec: Ints, ints: Ints, floats: Floats, output: int) -> tuple[Floats, bool]:
    """A window's values that are not null, oldest first, for an output that is made from them; whether it was seen.

    None of them before the table's start, where a fact known before it happens may already lie.
    """
    row = spec[OUTPUT_AT] + OUTPUT_WIDTH * output
    window, value = spec[row + O_WINDOW], spec[row + O_A]
    _, last = bounds(spec, window, ints[NOW])
    position, end = ints[FOLD_HEAD + window], ints[FOLD_HEAD + spec[WINDOWS] + window]
    if spec[SPEC_HEAD + window * WINDOW_WIDTH + W_KIND] == SESSION:
        position = session_start(spec, ints, window)
    base = value_start(spec) + value * ints[CAP]
    seen = last > spec[START]
    xs = floats[base + position : base + (end if seen else position)]
    return xs[~np.isnan(xs)], seen
