"""One pass over votes, compiled: posteriors of a block of rows, and what they add to the expected counts.

Votes may lie by rows or by columns: a block of rows is small enough to stay in the nearest cache, and each function's
votes in it are read in one go. Sums run in the order of the rows, so that the same block gives the same bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hindcast.weak.compiled import compiled, reordered

__all__ = ["fill", "fold", "sweep", "sweep_groups"]

BLOCK = 1024
FEW = 512


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


@compiled
def fill(where: Any, parent: Any, base: Any, size: Any, gain: Any, tables: Any) -> None:
    """What each code of each group multiplies the odds of each class by, (groups, K, codes), from log gains.

    `where` says of each function its group, and by what its own digit and its parent's are multiplied in a code.
    """
    tables[:] = 1.0
    kinds = np.uint32(gain.shape[1])
    classes = gain.shape[2]
    factor = np.exp(gain)
    for j in range(len(parent)):
        g, own, other, b = where[j, 0], np.uint32(where[j, 1]), np.uint32(where[j, 2]), base[j]
        for code in range(size[g]):
            v = (np.uint32(code) // own) % kinds
            s = b + (np.uint32(code) // other) % kinds if parent[j] >= 0 else b
            for k in range(classes):
                tables[g, k, code] *= factor[s, v, k]


@compiled
def fold(where: Any, parent: Any, base: Any, size: Any, coded: Any, counts: Any) -> None:
    """Add counts by code, (groups, K, codes), to those by vote, of the shape of log gains; undoes :func:`fill`."""
    kinds = np.uint32(counts.shape[1])
    classes = counts.shape[2]
    for j in range(len(parent)):
        g, own, other, b = where[j, 0], np.uint32(where[j, 1]), np.uint32(where[j, 2]), base[j]
        for code in range(size[g]):
            v = (np.uint32(code) // own) % kinds
            s = b + (np.uint32(code) // other) % kinds if parent[j] >= 0 else b
            for k in range(classes):
                counts[s, v, k] += coded[g, k, code]


@reordered
def sweep_groups(
    votes: Any,
    first: int,
    last: int,
    known: Any,
    digits: Any,
    rescaled: Any,
    tables: Any,
    start: Any,
    coded: Any,
    mass: Any,
    out: Any,
) -> float:
    """:func:`sweep` for few classes: the votes of a few functions are one code, and one factor is looked up for all.

    ``digits[g]`` are the functions of a group, -1 at the end, the first counting least; where ``rescaled[g]``, odds are
    brought back to 1 at most before the group, lest they leave the range of numbers. Counts by code go to `coded`, of
    the shape of `tables`, if it has groups.
    """
    groups, classes = tables.shape[0], tables.shape[1]
    kinds = classes + 1
    told, counted = known.shape[0] > 0, coded.shape[0] > 0
    codes = np.empty((groups, FEW), np.uint16)
    odds, inverse = np.empty((classes, FEW)), np.empty(FEW)
    highest = start[0]
    for k in range(1, classes):
        highest = max(highest, start[k])
    total = float(highest * (last - first))
    for begin in range(first, last, FEW):
        rows = min(FEW, last - begin)
        for k in range(classes):
            even = np.exp(start[k] - highest)
            for i in range(rows):
                odds[k, i] = even
        for g in range(groups):
            for i in range(rows):
                codes[g, i] = 0
            step = 1
            for d in range(digits.shape[1]):
                j = digits[g, d]
                if j >= 0:
                    for i in range(rows):
                        codes[g, i] += np.uint16((votes[begin + i, j] + 1) * step)
                    step *= kinds
            if rescaled[g]:
                for i in range(rows):
                    best = odds[0, i]
                    for k in range(1, classes):
                        best = max(best, odds[k, i])
                    for k in range(classes):
                        odds[k, i] /= best
                    total += np.log(best)
            for k in range(classes):
                for i in range(rows):
                    odds[k, i] *= tables[g, k, codes[g, i]]
        for i in range(rows):
            inverse[i] = 0.0
        for k in range(classes):
            for i in range(rows):
                inverse[i] += odds[k, i]
        if told:
            for i in range(rows):
                if known[begin + i] >= 0:
                    total += np.log(max(odds[known[begin + i], i], 1e-300))
                    for k in range(classes):
                        odds[k, i] = 0.0
                    odds[known[begin + i], i] = 1.0
                    inverse[i] = 1.0
        for i in range(rows):
            total += np.log(inverse[i])
            inverse[i] = 1.0 / inverse[i]
        for k in range(classes):
            heavier = 0.0
            for i in range(rows):
                odds[k, i] *= inverse[i]
                heavier += odds[k, i]
            mass[k] += heavier
        if counted:
            for g in range(groups):
                for k in range(0, classes - 1, 2):
                    for i in range(rows):
                        code = codes[g, i]
                        coded[g, k, code] += odds[k, i]
                        coded[g, k + 1, code] += odds[k + 1, i]
                if classes % 2:
                    for i in range(rows):
                        coded[g, classes - 1, codes[g, i]] += odds[classes - 1, i]
        if out.shape[0]:
            for i in range(rows):
                for k in range(classes):
                    out[begin + i, k] = odds[k, i]
    return total
