"""Sweeps: every entity's facts and requests once, in order of time, for a stretch of entities.

Entities are independent, so stretches of them go to threads, and the answers are the same whatever their number.
Facts and requests come in buckets, one per entity, in the order in which they landed; a bucket that is not in order
of known time is sorted here, while it is in the cache.
"""

from __future__ import annotations

import numpy as np

from hindcast.fold.compiled import compiled
from hindcast.fold.kernel import advance, append, clear, kill, new_fold, push
from hindcast.fold.layout import (
    COLLECTED,
    O_KIND,
    OUTPUT_AT,
    OUTPUT_WIDTH,
    OUTPUTS,
)
from hindcast.fold.read import collect, read
from hindcast.values import NEVER, Floats, Ints

__all__ = ["gather", "sweep", "sweep_rows"]

Rows = np.ndarray
"""Row numbers, int32."""


@compiled
def _ordered(moments: Ints, ties: Ints, first: int, last: int, keys: Ints, order: Rows) -> None:
    """Write the order of ``moments[first:last]`` into `order`: by (moment, tie, place); `ties` may be empty."""
    n = last - first
    rising = True
    low = high = moments[first] if n > 0 else np.int64(0)
    for i in range(n):
        order[i] = i
        now = moments[first + i]
        if i > 0 and now < moments[first + i - 1]:
            rising = False
        low, high = min(low, now), max(high, now)
    if not rising:
        bits = 1
        while (1 << bits) < n:
            bits += 1
        if high - low < np.int64(1) << (62 - bits):
            for i in range(n):
                keys[i] = ((moments[first + i] - low) << bits) | i
            keys[:n].sort()
            mask = (1 << bits) - 1
            for i in range(n):
                order[i] = keys[i] & mask
        else:
            order[:n] = np.argsort(moments[first:last], kind="mergesort")
    if len(ties) > 0:
        for i in range(1, n):
            at, j = order[i], i - 1
            while (
                j >= 0
                and moments[first + order[j]] == moments[first + at]
                and ties[first + order[j]] > ties[first + at]
            ):
                order[j + 1] = order[j]
                j -= 1
            order[j + 1] = at


@compiled
def _longest(starts: Ints, first: int, last: int) -> int:
    longest = 0
    for entity in range(first, last):
        longest = max(longest, starts[entity + 1] - starts[entity])
    return longest


@compiled
def sweep_rows(
    first: int,
    last: int,
    fact_starts: Ints,
    request_starts: Ints,
    rows: Rows,
    events: Ints,
    knowns: Ints,
    seqs: Ints,
    request_rows: Rows,
    as_of: Ints,
    ages: Ints,
    out: Rows,
) -> None:
    """The row of the newest fact for every request of the entities first..last, -1 for none.

    For entities whose facts are never replaced and happen no later than they become known: the newest of the facts
    known so far is then a running maximum. Binary search per request.

    Parameters
    ----------
    fact_starts, request_starts : int64 arrays, shape (entities + 1,)
    rows, events, knowns, seqs : arrays, shape (facts,)
        In buckets. `events` is empty where it equals `knowns`; `seqs` where rows are in order of sequence.
    request_rows, as_of : arrays, shape (requests,)
        In buckets.
    ages : int64 array, shape (variants,)
        The greatest age, or -1.
    out : int32 array, shape (variants, requests)
        Written in place, by row of the request.
    """
    room = _longest(fact_starts, first, last)
    keys, order = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int32)
    times, happened, best = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int32)
    for entity in range(first, last):
        start, n = fact_starts[entity], fact_starts[entity + 1] - fact_starts[entity]
        if request_starts[entity] == request_starts[entity + 1]:
            continue
        _ordered(knowns, seqs, start, start + n, keys, order)
        for i in range(n):
            at = start + order[i]
            times[i] = knowns[at]
            event = events[at] if len(events) > 0 else times[i]
            if i > 0 and event < happened[i - 1]:  # of equally new ones the later known, the later landed
                happened[i], best[i] = happened[i - 1], best[i - 1]
            else:
                happened[i], best[i] = event, rows[at]
        for r in range(request_starts[entity], request_starts[entity + 1]):
            t = as_of[r]
            low, high = 0, n
            while low < high:
                middle = (low + high) // 2
                if times[middle] < t:
                    low = middle + 1
                else:
                    high = middle
            for variant in range(len(ages)):
                fresh = low > 0 and (ages[variant] < 0 or t - happened[low - 1] <= ages[variant])
                out[variant, request_rows[r]] = best[low - 1] if fresh else -1


@compiled
def sweep(
    spec: Ints,
    first: int,
    last: int,
    fact_starts: Ints,
    request_starts: Ints,
    events: Ints,
    knowns: Ints,
    seqs: Ints,
    untils: Ints,
    values: Floats,
    request_rows: Rows,
    as_of: Ints,
    own: bool,
    own_events: Ints,
    own_values: Floats,
    out: Floats,
    lengths: Ints,
) -> Floats:
    """Answer every request of the entities first..last, each entity's facts and requests swept once.

    Parameters
    ----------
    fact_starts, request_starts : int64 arrays, shape (entities + 1,)
    events, knowns, seqs, untils : int64 arrays, shape (facts,)
        In buckets. `events` is empty where it equals `knowns`, `seqs` where rows are in order of sequence, `untils`
        where no fact is ever replaced; a fact is visible no more from its until on.
    values : float64 array, shape (V, facts)
        In buckets.
    request_rows, as_of : arrays, shape (requests,)
        In buckets.
    own : bool
        Whether the requests' own facts count; `own_events` has shape (requests,), `own_values` (V, requests).
    out : float64 array, shape (requests, CELLS)
        Written in place, by row of the request.
    lengths : int64 array, shape (requests, collected outputs)
        How many values were collected for each, -1 where the table saw nothing yet.

    Returns
    -------
    float64 array
        The collected values, entity by entity, request by request in order of as_of, output by output.
    """
    room = max(_longest(fact_starts, first, last), _longest(request_starts, first, last))
    keys, order, asked = np.empty(room, np.int64), np.empty(room, np.int32), np.empty(room, np.int32)
    deaths, dying, dead = np.empty(room, np.int32), np.empty(room, np.int64), np.empty(room, np.int32)
    ties = np.empty(room, np.int64)
    ints, floats = new_fold(spec, 64)
    mine = np.empty(len(own_values), dtype=np.float64)
    no_ages, no_ties = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    collected, filled = np.empty(0, dtype=np.float64), 0
    for entity in range(first, last):
        start, n = fact_starts[entity], fact_starts[entity + 1] - fact_starts[entity]
        asking, requests = request_starts[entity], request_starts[entity + 1] - request_starts[entity]
        if requests == 0:
            continue
        _ordered(knowns, seqs, start, start + n, keys, order)
        _ordered(as_of, no_ties, asking, asking + requests, keys, asked)
        deathly = 0
        if len(untils) > 0:
            for i in range(n):
                if untils[start + i] < NEVER:
                    deaths[deathly], dying[deathly] = i, untils[start + i]
                    ties[deathly] = seqs[start + i] if len(seqs) > 0 else start + i
                    deathly += 1
            _ordered(dying, ties, 0, deathly, keys, dead)
        clear(spec, ints, floats)
        f = k = 0
        for r in range(requests):
            t = as_of[asking + asked[r]]
            request = request_rows[asking + asked[r]]
            while f < n and knowns[start + order[f]] < t:
                at = start + order[f]
                event = events[at] if len(events) > 0 else knowns[at]
                seq = seqs[at] if len(seqs) > 0 else at
                if not append(spec, ints, floats, event, knowns[at], seq, values, at):
                    ints, floats = push(spec, ints, floats, event, knowns[at], seq, values, at)
                f += 1
            while k < deathly and dying[dead[k]] < t:
                at = start + deaths[dead[k]]
                event = events[at] if len(events) > 0 else knowns[at]
                ints, floats = kill(spec, ints, floats, event, knowns[at], seqs[at] if len(seqs) > 0 else at)
                k += 1
            ints, floats = advance(spec, ints, floats, t)
            own_event = NEVER
            if own:
                own_event = own_events[request]
                for value in range(len(mine)):
                    mine[value] = own_values[value, request]
            read(spec, ints, floats, own, own_event, mine, out[request], no_ages)
            if lengths.shape[1] > 0:
                output = 0
                for o in range(spec[OUTPUTS]):
                    if spec[spec[OUTPUT_AT] + OUTPUT_WIDTH * o + O_KIND] == COLLECTED:
                        xs, seen = collect(spec, ints, floats, o)
                        xs = xs if seen else xs[:0]
                        if filled + len(xs) > len(collected):
                            more = np.empty(2 * (filled + len(xs)), dtype=np.float64)
                            more[:filled] = collected[:filled]
                            collected = more
                        collected[filled : filled + len(xs)] = xs
                        filled += len(xs)
                        lengths[request, output] = len(xs) if seen else -1
                        output += 1
        for r in range(requests):  # the order in which they were collected
            keys[r] = request_rows[asking + asked[r]]
        for r in range(requests):
            request_rows[asking + r] = keys[r]
    return collected[:filled]


@compiled
def gather(values: Floats, rows: Rows, first: int, last: int, out: Floats) -> None:
    """``out[i] = values[rows[i]]`` for first <= i < last, nan where the row is -1."""
    for i in range(first, last):
        out[i] = values[rows[i]] if rows[i] >= 0 else np.nan
