"""One pass over votes, compiled: posteriors of a block of rows, and what they add to the expected counts.

Votes may lie by rows or by columns: a block of rows is small enough to stay in the nearest cache, and each function's
votes in it are read in one go. Sums run in the order of the rows, so that the same block gives the same bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hindcast.weak.compiled import compiled, reordered

__all__ = ["fill", "fold", "meet", "sweep", "sweep_groups"]

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
    kinds, classes = gain.shape[1], gain.shape[2]
    factor = np.exp(gain)
    for j in range(len(parent)):
        g, own, other, b = where[j, 0], where[j, 1], where[j, 2], base[j]
        for k in range(classes):
            row = tables[g, k]
            for high in range(0, size[g], own * kinds):
                for v in range(kinds):
                    first = high + v * own
                    if parent[j] < 0:
                        for code in range(first, first + own):
                            row[code] *= factor[b, v, k]
                    else:
                        for code in range(first, first + own):
                            row[code] *= factor[b + (code // other) % kinds, v, k]


@compiled
def fold(where: Any, parent: Any, base: Any, size: Any, coded: Any, counts: Any) -> None:
    """Add counts by code, (groups, K, codes), to those by vote, of the shape of log gains; undoes :func:`fill`."""
    kinds, classes = counts.shape[1], counts.shape[2]
    for j in range(len(parent)):
        g, own, other, b = where[j, 0], where[j, 1], where[j, 2], base[j]
        for k in range(classes):
            row = coded[g, k]
            for high in range(0, size[g], own * kinds):
                for v in range(kinds):
                    first = high + v * own
                    if parent[j] < 0:
                        for code in range(first, first + own):
                            counts[b, v, k] += row[code]
                    else:
                        for code in range(first, first + own):
                            counts[b + (code // other) % kinds, v, k] += row[code]


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
            code, step = codes[g], np.uint16(1)
            for i in range(rows):
                code[i] = 0
            for d in range(digits.shape[1]):
                j = digits[g, d]
                if j >= 0:
                    column = votes[begin : begin + rows, j]
                    for i in range(rows):
                        code[i] += np.uint16(np.int16(column[i]) + 1) * step
                    step *= np.uint16(kinds)
            if rescaled[g]:
                for i in range(rows):
                    best = odds[0, i]
                    for k in range(1, classes):
                        best = max(best, odds[k, i])
                    for k in range(classes):
                        odds[k, i] /= best
                    total += np.log(best)
            for k in range(classes):
                factor, own = tables[g, k], odds[k]
                for i in range(rows):
                    own[i] *= factor[code[i]]
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
        product = 1.0
        for i in range(rows):
            product *= inverse[i]
            if product < 1e-80 or product > 1e80:
                total += np.log(product)
                product = 1.0
        total += np.log(product)
        for i in range(rows):
            inverse[i] = 1.0 / inverse[i]
        for k in range(classes):
            heavier = 0.0
            for i in range(rows):
                odds[k, i] *= inverse[i]
                heavier += odds[k, i]
            mass[k] += heavier
        if counted:
            for g in range(groups):
                code = codes[g]
                for k in range(0, classes - 1, 2):  # two at a time: each waits for its last sum
                    one, other, to_one, to_other = odds[k], odds[k + 1], coded[g, k], coded[g, k + 1]
                    for i in range(rows):
                        to_one[code[i]] += one[i]
                        to_other[code[i]] += other[i]
                if classes % 2:
                    one, to_one = odds[classes - 1], coded[g, classes - 1]
                    for i in range(rows):
                        to_one[code[i]] += one[i]
        if out.shape[0]:
            for i in range(rows):
                for k in range(classes):
                    out[begin + i, k] = odds[k, i]
    return total


@compiled
def meet(words: Any, counts: Any) -> None:
    """Add to `counts` (m, m), above the diagonal and on it, how many bits each pair of rows of `words` shares.

    Bits of a word are added in twos, fours and eights, which a compiler knows for a count of bits.
    """
    twos, fours = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333)
    eights, ones = np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(0x0101010101010101)
    for i in range(len(words)):
        one = words[i]
        for j in range(i, len(words)):
            other, total = words[j], np.uint64(0)
            for w in range(words.shape[1]):
                bits = one[w] & other[w]
                bits -= (bits >> np.uint64(1)) & twos
                bits = (bits & fours) + ((bits >> np.uint64(2)) & fours)
                bits = (bits + (bits >> np.uint64(4))) & eights
                total += (bits * ones) >> np.uint64(56)
            counts[i, j] += np.int64(total)
