"""One pass over votes, compiled: posteriors of a block of rows, and what they add to the expected counts.

Votes may lie by rows or by columns: a block of rows is small enough to stay in the nearest cache, and each function's
votes in it are read in one go. Sums run in the order of the rows, so that the same block gives the same bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hindcast.weak.compiled import compiled, reordered

__all__ = ["BLOCK", "sweep", "sweep_two"]

BLOCK = 1024


@compiled
def _posterior(score: Any, rows: int, known: Any) -> float:
    """Turn log scores (rows, K) into posteriors in place; the log likelihood. `known` holds a class or -1 per row."""
    classes = score.shape[1]
    total = 0.0
    for i in range(rows):
        best = score[i, 0]
        for k in range(1, classes):
            best = max(best, score[i, k])
        mass = 0.0
        here = score[i, known[i]] if known[i] >= 0 else 0.0
        for k in range(classes):
            score[i, k] = np.exp(score[i, k] - best)
            mass += score[i, k]
        if known[i] >= 0:
            total += here
            for k in range(classes):
                score[i, k] = 0.0
            score[i, known[i]] = 1.0
        else:
            total += best + np.log(mass)
            for k in range(classes):
                score[i, k] /= mass
    return total


@compiled
def sweep(
    votes: Any,
    first: int,
    last: int,
    known: Any,
    parent: Any,
    base: Any,
    gain: Any,
    start: Any,
    counts: Any,
    mass: Any,
    out: Any,
) -> float:
    """Posteriors of rows `first` to `last`; adds them to `counts`, writes them to `out` if it has rows; log likelihood.

    ``gain[base[j] + s, v + 1]`` is what vote v of function j adds to the log score of each class, s being the vote of
    its parent plus one (0 without a parent), relative to both being silent, which is in `start`. `counts`, of the same
    shape, misses what was counted where both were silent: the caller has it from the totals.
    """
    functions = votes.shape[1]
    classes = gain.shape[2]
    told = known.shape[0] > 0
    nobody = np.full(BLOCK, -1, known.dtype)
    score = np.empty((BLOCK, classes))
    total = 0.0
    for begin in range(first, last, BLOCK):
        rows = min(BLOCK, last - begin)
        for i in range(rows):
            for k in range(classes):
                score[i, k] = start[k]
        for j in range(functions):
            b, p = base[j], parent[j]
            if p < 0:
                for i in range(rows):
                    v = votes[begin + i, j]
                    if v >= 0:
                        for k in range(classes):
                            score[i, k] += gain[b, v + 1, k]
            else:
                for i in range(rows):
                    v, s = votes[begin + i, j] + 1, votes[begin + i, p] + 1
                    if v > 0 or s > 0:
                        for k in range(classes):
                            score[i, k] += gain[b + s, v, k]
        total += _posterior(score, rows, known[begin : begin + rows] if told else nobody)
        for j in range(functions):
            b, p = base[j], parent[j]
            if p < 0:
                for i in range(rows):
                    v = votes[begin + i, j]
                    if v >= 0:
                        for k in range(classes):
                            counts[b, v + 1, k] += score[i, k]
            else:
                for i in range(rows):
                    v, s = votes[begin + i, j] + 1, votes[begin + i, p] + 1
                    if v > 0 or s > 0:
                        for k in range(classes):
                            counts[b + s, v, k] += score[i, k]
        for i in range(rows):
            for k in range(classes):
                mass[k] += score[i, k]
        if out.shape[0]:
            for i in range(rows):
                for k in range(classes):
                    out[begin + i, k] = score[i, k]
    return total


@reordered
def sweep_two(
    votes: Any, first: int, last: int, parent: Any, base: Any, gain: Any, start: Any, counts: Any, mass: Any, out: Any
) -> float:
    """:func:`sweep` for two classes and no known truth: one log odds a row, and no branches where nobody leans."""
    functions = votes.shape[1]
    odds, level = np.empty(BLOCK), np.empty(BLOCK)
    total = 0.0
    for begin in range(first, last, BLOCK):
        rows = min(BLOCK, last - begin)
        for i in range(rows):
            odds[i] = start[1] - start[0]
            level[i] = start[0]
        for j in range(functions):
            b, p = base[j], parent[j]
            if p < 0:
                zero, one = gain[b, 1, 1] - gain[b, 1, 0], gain[b, 2, 1] - gain[b, 2, 0]
                low0, low1 = gain[b, 1, 0], gain[b, 2, 0]
                for i in range(rows):
                    v = votes[begin + i, j]
                    odds[i] += zero if v == 0 else (one if v == 1 else 0.0)
                    level[i] += low0 if v == 0 else (low1 if v == 1 else 0.0)
            else:
                for i in range(rows):
                    s, v = b + votes[begin + i, p] + 1, votes[begin + i, j] + 1
                    odds[i] += gain[s, v, 1] - gain[s, v, 0]
                    level[i] += gain[s, v, 0]
        for i in range(rows):
            small = np.exp(-abs(odds[i]))
            total += level[i] + max(odds[i], 0.0) + np.log1p(small)
            low = small / (1.0 + small)
            odds[i] = 1.0 - low if odds[i] > 0 else low
            mass[1] += odds[i]
            mass[0] += 1.0 - odds[i]
        for j in range(functions):
            b, p = base[j], parent[j]
            if p < 0:
                zero, one, low0, low1 = 0.0, 0.0, 0.0, 0.0
                for i in range(rows):
                    v, high = votes[begin + i, j], odds[i]
                    zero += high if v == 0 else 0.0
                    one += high if v == 1 else 0.0
                    low0 += 1.0 - high if v == 0 else 0.0
                    low1 += 1.0 - high if v == 1 else 0.0
                counts[b, 1, 1] += zero
                counts[b, 2, 1] += one
                counts[b, 1, 0] += low0
                counts[b, 2, 0] += low1
            else:
                for i in range(rows):
                    s, v = b + votes[begin + i, p] + 1, votes[begin + i, j] + 1
                    counts[s, v, 1] += odds[i]
                    counts[s, v, 0] += 1.0 - odds[i]
        if out.shape[0]:
            for i in range(rows):
                out[begin + i, 0] = 1.0 - odds[i]
                out[begin + i, 1] = odds[i]
    return total
