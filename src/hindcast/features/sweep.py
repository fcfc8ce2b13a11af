"""Sweeps: every entity's facts and requests once, in order of time, for a stretch of entities.

Entities are independent, so stretches of them go to threads, and the answers are the same whatever their number.
Facts and requests come bucketed by entity, in the order in which they landed; a bucket that is not in order of known
time is sorted here, while it is in the cache.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from hindcast.features.kernel import advance, clear, kill, new_fold, push
from hindcast.features.layout import COLLECTED, FAR, O_KIND, OUTPUT_AT, OUTPUT_WIDTH, OUTPUTS
from hindcast.features.read import collect, read
from hindcast.values import Floats, Ints

__all__ = ["gather", "sweep", "sweep_rows"]

Rows = np.ndarray
"""Row numbers, int32."""


@njit(cache=True, nogil=True)
def _sorted_rows(rows: Rows, first: int, last: int, moments: Ints, ties: Ints, keys: Ints, spare: Rows) -> None:
    """Put ``rows[first:last]`` in order of (moment, tie, place), in place. `ties` empty: of (moment, place)."""
    n = last - first
    if n < 2:
        return
    rising = True
    low = high = moments[rows[first]]
    for i in range(first + 1, last):
        now, then = moments[rows[i]], moments[rows[i - 1]]
        if now < then or (len(ties) > 0 and now == then and ties[rows[i]] < ties[rows[i - 1]]):
            rising = False
        low, high = min(low, now), max(high, now)
    if rising:
        return
    bits = 1
    while (1 << bits) < n:
        bits += 1
    if high - low < np.int64(1) << (62 - bits):
        for i in range(n):
            keys[i] = ((moments[rows[first + i]] - low) << bits) | i
        keys[:n].sort()
        mask = (1 << bits) - 1
        for i in range(n):
            spare[i] = rows[first + (keys[i] & mask)]
    else:
        order = np.argsort(moments[rows[first:last]], kind="mergesort")
        for i in range(n):
            spare[i] = rows[first + order[i]]
    for i in range(n):
        rows[first + i] = spare[i]
    if len(ties) > 0:
        for i in range(first + 1, last):
            row, j = rows[i], i - 1
            while j >= first and moments[rows[j]] == moments[row] and ties[rows[j]] > ties[row]:
                rows[j + 1] = rows[j]
                j -= 1
            rows[j + 1] = row


@njit(cache=True, nogil=True)
def _longest(starts: Ints, first: int, last: int) -> int:
    longest = 0
    for entity in range(first, last):
        longest = max(longest, starts[entity + 1] - starts[entity])
    return longest


@njit(cache=True, nogil=True)
def sweep_rows(
    first: int,
    last: int,
    fact_starts: Ints,
    fact_rows: Rows,
    request_starts: Ints,
    request_rows: Rows,
    events: Ints,
    knowns: Ints,
    seqs: Ints,
    as_of: Ints,
    ages: Ints,
    out: Rows,
) -> None:
    """The row of the newest fact for every request of the entities first..last, -1 for none.

    For entities whose facts are never replaced and happen no later than they become known: the newest of the facts
    known so far is then a running maximum. Binary search per request.

    Parameters
    ----------
    seqs : int64 array, shape (facts,) or (0,)
        Empty where rows are in order of sequence.
    ages : int64 array, shape (variants,)
        The greatest age, or -1.
    out : int32 array, shape (requests, variants)
    """
    room = _longest(fact_starts, first, last)
    keys, spare = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int32)
    times, best = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int32)
    for entity in range(first, last):
        start, n = fact_starts[entity], fact_starts[entity + 1] - fact_starts[entity]
        if request_starts[entity] == request_starts[entity + 1]:
            continue
        _sorted_rows(fact_rows, start, start + n, knowns, seqs, keys, spare)
        for i in range(n):
            row = fact_rows[start + i]
            times[i] = knowns[row]
            if i > 0 and events[row] < events[best[i - 1]]:
                row = best[i - 1]
            best[i] = row  # of equally new ones the later known, the later landed
        for r in range(request_starts[entity], request_starts[entity + 1]):
            request = request_rows[r]
            t = as_of[request]
            low, high = 0, n
            while low < high:
                middle = (low + high) // 2
                if times[middle] < t:
                    low = middle + 1
                else:
                    high = middle
            row = best[low - 1] if low > 0 else -1
            for variant in range(len(ages)):
                old = row >= 0 and ages[variant] >= 0 and t - events[row] > ages[variant]
                out[request, variant] = -1 if old else row


@njit(cache=True, nogil=True)
def sweep(
    spec: Ints,
    first: int,
    last: int,
    fact_starts: Ints,
    fact_rows: Rows,
    request_starts: Ints,
    request_rows: Rows,
    kill_starts: Ints,
    kill_rows: Rows,
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
    lengths: Ints,
) -> Floats:
    """Answer every request of the entities first..last, each entity's facts and requests swept once.

    Parameters
    ----------
    fact_starts, fact_rows : int64 array, shape (entities + 1,); int32 array, shape (f,)
        Entity e's facts, as rows of `events` and so on; sorted here by (known time, sequence).
    request_starts, request_rows : likewise; sorted here by as_of
    kill_starts, kill_rows : likewise, the facts that are visible no more from ``deads[row]`` on; sorted here
    seqs : int64 array, shape (facts,) or (0,)
        Empty where rows are in order of sequence.
    own : bool
        Whether the requests' own facts count; `own_events` has shape (requests,), `own_values` (V, requests).
    out : float64 array, shape (requests, CELLS)
        Written in place, by row of the request.
    lengths : int64 array, shape (requests, collected outputs)
        How many values were collected for each, -1 where the table saw nothing yet.

    Returns
    -------
    float64 array
        The collected values, entity by entity, request by request in `request_rows`, output by output.
    """
    room = max(
        _longest(fact_starts, first, last), _longest(request_starts, first, last), _longest(kill_starts, first, last)
    )
    keys, spare = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int32)
    ints, floats = new_fold(spec, 64)
    mine = np.empty(len(own_values), dtype=np.float64)
    no_ages, no_ties = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    collected, filled = np.empty(0, dtype=np.float64), 0
    for entity in range(first, last):
        if request_starts[entity] == request_starts[entity + 1]:
            continue
        f, f_stop = fact_starts[entity], fact_starts[entity + 1]
        k, k_stop = kill_starts[entity], kill_starts[entity + 1]
        _sorted_rows(fact_rows, f, f_stop, knowns, seqs, keys, spare)
        _sorted_rows(kill_rows, k, k_stop, deads, seqs, keys, spare)
        _sorted_rows(request_rows, request_starts[entity], request_starts[entity + 1], as_of, no_ties, keys, spare)
        clear(spec, ints, floats)
        for r in range(request_starts[entity], request_starts[entity + 1]):
            request = request_rows[r]
            t = as_of[request]
            while f < f_stop and knowns[fact_rows[f]] < t:
                row = fact_rows[f]
                seq = seqs[row] if len(seqs) > 0 else row
                ints, floats = push(spec, ints, floats, events[row], knowns[row], seq, values, row)
                f += 1
            while k < k_stop and deads[kill_rows[k]] < t:
                row = kill_rows[k]
                seq = seqs[row] if len(seqs) > 0 else row
                ints, floats = kill(spec, ints, floats, events[row], knowns[row], seq)
                k += 1
            ints, floats = advance(spec, ints, floats, t)
            own_event = FAR
            if own:
                own_event = own_events[request]
                for value in range(len(mine)):
                    mine[value] = own_values[value, request]
            read(spec, ints, floats, own, own_event, mine, out[request], no_ages)
            if lengths.shape[1] > 0:
                at = 0
                for o in range(spec[OUTPUTS]):
                    if spec[spec[OUTPUT_AT] + OUTPUT_WIDTH * o + O_KIND] == COLLECTED:
                        xs, seen = collect(spec, ints, floats, o)
                        if filled + len(xs) > len(collected):
                            more = np.empty(2 * (filled + len(xs)), dtype=np.float64)
                            more[:filled] = collected[:filled]
                            collected = more
                        collected[filled : filled + len(xs)] = xs
                        filled += len(xs)
                        lengths[request, at] = len(xs) if seen else -1
                        at += 1
    return collected[:filled]


@njit(cache=True, nogil=True)
def gather(values: Floats, rows: Rows, first: int, last: int, out: Floats) -> None:
    """``out[i] = values[rows[i]]`` for first <= i < last, nan where the row is -1."""
    for i in range(first, last):
        out[i] = values[rows[i]] if rows[i] >= 0 else np.nan
