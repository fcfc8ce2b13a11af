"""The wedge: a window's greatest (or least) value, kept while facts come, go, arrive late and are taken back.

A wedge lists, in order of time, the facts that no later fact of the window outdoes; its first entry is the extreme.
A fact at the end costs O(1) amortised. One inserted in the middle takes its place among them or is outdone; one
removed from the middle brings back those it alone outdid, found by looking at the facts since the entry before it.
"""

from __future__ import annotations

import math

from hindcast.fold.compiled import compiled
from hindcast.fold.fold import fixed_length, value_start, wedge_heads
from hindcast.fold.layout import (
    CAP,
    WEDGE_AT,
    WEDGE_WIDTH,
    WEDGES,
)
from hindcast.values import Floats, Ints

__all__ = ["wedge_append", "wedge_insert", "wedge_remove"]


@compiled
def wedge_append(spec: Ints, ints: Ints, floats: Floats, wedge: int, position: int) -> None:
    """The newest fact of a window takes its place at the end of a wedge; what it outdoes goes."""
    m, cap = spec[WEDGES], ints[CAP]
    row = spec[WEDGE_AT] + WEDGE_WIDTH * wedge
    values, sign = value_start(spec) + spec[row] * cap, spec[row + 1]
    x = floats[values + position]
    if math.isnan(x):
        return
    base = fixed_length(spec) + (3 + wedge) * cap
    heads = wedge_heads(spec)
    tails = heads + m
    head, tail = ints[heads + wedge], ints[tails + wedge]
    while tail > head and sign * floats[values + ints[base + tail - 1]] <= sign * x:
        tail -= 1
    if tail == cap:
        for i in range(head, tail):
            ints[base + i - head] = ints[base + i]
        tail -= head
        ints[heads + wedge] = 0
    ints[base + tail] = position
    ints[tails + wedge] = tail + 1


@compiled
def _splice(spec: Ints, ints: Ints, wedge: int, start: int, stop: int, count: int) -> int:
    """Make room for `count` entries in place of entries start..stop of a wedge; gives where they start now."""
    m, cap = spec[WEDGES], ints[CAP]
    base = fixed_length(spec) + (3 + wedge) * cap
    heads = wedge_heads(spec)
    tails = heads + m
    head, tail = ints[heads + wedge], ints[tails + wedge]
    if tail + count - (stop - start) > cap:
        for i in range(head, tail):
            ints[base + i - head] = ints[base + i]
        start, stop, tail = start - head, stop - head, tail - head
        ints[heads + wedge] = 0
    move = count - (stop - start)
    if move > 0:
        for i in range(tail - 1, stop - 1, -1):
            ints[base + i + move] = ints[base + i]
    elif move < 0:
        for i in range(stop, tail):
            ints[base + i + move] = ints[base + i]
    ints[tails + wedge] = tail + move
    return int(start)


@compiled
def _first_from(spec: Ints, ints: Ints, wedge: int, position: int) -> int:
    """The first entry of a wedge whose fact stands at `position` or later."""
    m, cap = spec[WEDGES], ints[CAP]
    base = fixed_length(spec) + (3 + wedge) * cap
    heads = wedge_heads(spec)
    low, high = ints[heads + wedge], ints[heads + m + wedge]
    while low < high:
        middle = (low + high) // 2
        if ints[base + middle] < position:
            low = middle + 1
        else:
            high = middle
    return int(low)


@compiled
def wedge_insert(spec: Ints, ints: Ints, floats: Floats, wedge: int, position: int, inside: bool) -> None:
    """A fact was inserted at `position` (those from there on moved up by one); `inside` the window or before it."""
    m, cap = spec[WEDGES], ints[CAP]
    base = fixed_length(spec) + (3 + wedge) * cap
    at = _first_from(spec, ints, wedge, position)
    heads = wedge_heads(spec)
    tail = ints[heads + m + wedge]
    for i in range(at, tail):
        ints[base + i] += 1
    if not inside:
        return
    row = spec[WEDGE_AT] + WEDGE_WIDTH * wedge
    values, sign = value_start(spec) + spec[row] * cap, spec[row + 1]
    x = floats[values + position]
    if math.isnan(x) or (at < tail and sign * floats[values + ints[base + at]] >= sign * x):
        return
    start = at
    head = ints[heads + wedge]
    while start > head and sign * floats[values + ints[base + start - 1]] <= sign * x:
        start -= 1
    start = _splice(spec, ints, wedge, start, at, 1)
    ints[base + start] = position


@compiled
def wedge_remove(spec: Ints, ints: Ints, floats: Floats, wedge: int, position: int, first: int) -> None:
    """The fact at `position` is about to go (those after it move down by one); `first` is the window's lo."""
    m, cap = spec[WEDGES], ints[CAP]
    base = fixed_length(spec) + (3 + wedge) * cap
    row = spec[WEDGE_AT] + WEDGE_WIDTH * wedge
    values, sign = value_start(spec) + spec[row] * cap, spec[row + 1]
    at = _first_from(spec, ints, wedge, position)
    heads = wedge_heads(spec)
    head, tail = ints[heads + wedge], ints[heads + m + wedge]
    stop = at
    if at < tail and ints[base + at] == position:
        stop = at + 1
        # what it outdid since the entry before it comes back
        floor = ints[base + at - 1] if at > head else first - 1
        bar = sign * floats[values + ints[base + stop]] if stop < tail else -math.inf
        bare = stop >= tail
        count = 0
        best = bar
        none = bare
        for q in range(position - 1, floor, -1):
            x = sign * floats[values + q]
            if not math.isnan(x) and (none or x > best):
                best, none = x, False
                count += 1
        at = _splice(spec, ints, wedge, at, stop, count)
        stop = at + count
        best, none = bar, bare
        place = stop - 1
        for q in range(position - 1, floor, -1):
            x = sign * floats[values + q]
            if not math.isnan(x) and (none or x > best):
                best, none = x, False
                ints[base + place] = q
                place -= 1
    for i in range(stop, ints[heads + m + wedge]):
        ints[base + i] -= 1
