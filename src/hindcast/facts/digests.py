"""The content of a row as 128 bits, so that the same row is recognised whenever and in whatever file it comes back.

A row's digest is the sum, modulo 2**64 in each of two lanes, of its columns' hashes; each is salted by the column's
name, and null adds nothing. So the order of columns does not matter, a column that is null everywhere might as well be
absent, and an integer that later becomes a number keeps its digest. Everything is computed column by column with
NumPy. The hashes are meant to tell rows apart, not to withstand someone who crafts collisions.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.columns import Column, Frame
from hindcast.values import Bools, Ints

__all__ = ["Lanes", "mixed", "row_digests", "surplus", "total"]

Lanes = NDArray[np.uint64]
"""Digests, shape (n, 2)."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_LONGEST_PIECE = 1 << 22


def mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Every bit of each value spread over all bits of the result (the finaliser of splitmix64)."""
    z = values + _GOLDEN
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def row_digests(frame: Frame, retract: Bools | None = None) -> Lanes:
    """The digests of a frame's rows, shape (n, 2); a retraction differs from a statement of the same values."""
    lanes = np.zeros((len(frame), 2), dtype=np.uint64)
    for name, column in frame.items():
        salts = np.frombuffer(sha256(name.encode()).digest()[:16], dtype="<u8").astype(np.uint64)
        _add_column(lanes, column, salts)
    if retract is not None and retract.any():
        lanes[retract] = mixed(lanes[retract] ^ _GOLDEN)
    return lanes


def _add_column(lanes: Lanes, column: Column, salts: NDArray[np.uint64]) -> None:
    present = column.present()
    if column.kind == "text":
        from hindcast.facts.arrow import compact

        column = compact(column)
        assert column.vocabulary is not None
        words = _text_hashes(column.vocabulary, salts)
        hashes = np.concatenate([words, np.zeros((1, 2), dtype=np.uint64)])
        lanes += hashes[column.values]
        return
    bits = _bits(column)
    for lane in range(2):
        lanes[:, lane] += np.where(present, mixed(mixed(bits ^ salts[lane]) + salts[1 - lane]), np.uint64(0))


def _bits(column: Column) -> NDArray[np.uint64]:
    """64 bits per value, equal for equal values: a whole number has the bits of that integer."""
    if column.kind != "number":
        return column.values.astype(np.int64).view(np.uint64)
    numbers = np.where(np.isnan(column.values), 0.0, column.values)
    whole = (numbers == np.trunc(numbers)) & (np.abs(numbers) < 2.0**63)
    integer = np.where(whole, numbers, 0.0).astype(np.int64).view(np.uint64)
    return np.where(whole, integer, mixed(numbers.view(np.uint64)))


def _text_hashes(words: NDArray[np.object_], salts: NDArray[np.uint64]) -> Lanes:
    """Hashes of texts: every byte times an odd number that belongs to its place, summed, shape (k, 2)."""
    from hindcast.facts.arrow import text_bytes

    result = np.zeros((len(words), 2), dtype=np.uint64)
    data, starts = text_bytes(words)
    letters = np.frombuffer(data, dtype=np.uint8)
    lengths = np.diff(starts)
    places = [_odd_numbers(int(lengths.max(initial=0)), salt) for salt in salts]
    begin = 0
    while begin < len(words):
        end = int(np.searchsorted(starts, starts[begin] + _LONGEST_PIECE, side="right")) - 1
        end = min(max(end, begin + 1), len(words))
        piece = letters[starts[begin] : starts[end]].astype(np.uint64) + np.uint64(1)
        offsets = starts[begin:end] - starts[begin]
        filled = np.flatnonzero(lengths[begin:end])
        place = np.arange(len(piece)) - np.repeat(offsets, lengths[begin:end])
        for lane in range(2):
            if len(filled):
                sums = np.add.reduceat(piece * places[lane][place], offsets[filled])
                result[begin + filled, lane] = sums
        begin = end
    for lane in range(2):
        result[:, lane] = mixed(mixed(result[:, lane] ^ salts[lane]) + lengths.astype(np.uint64))
    return result


def _odd_numbers(count: int, salt: np.uint64) -> NDArray[np.uint64]:
    return mixed(np.arange(count, dtype=np.uint64) + (salt | np.uint64(1))) | np.uint64(1)


def total(lanes: Lanes, seq: Ints, event: Ints, known: Ints) -> NDArray[np.uint64]:
    """One digest of many facts, shape (2,): a sum, so that it does not matter how they were divided into batches.

    Each fact enters with its sequence and times; the same facts in another order of landing give another digest.
    """
    result = np.zeros(2, dtype=np.uint64)
    for lane in range(2):
        fact = mixed(lanes[:, lane] ^ mixed(seq.view(np.uint64)))
        fact = mixed(fact ^ mixed(event.view(np.uint64) + np.uint64(1)))
        fact = mixed(fact ^ mixed(known.view(np.uint64) + np.uint64(2)))
        result[lane] = np.add.reduce(fact)
    return result


def surplus(given: Lanes, landed: Lanes) -> tuple[Bools, Bools]:
    """Subtract one multiset of digests from another.

    Parameters
    ----------
    given : uint64 array, shape (n, 2)
        What a file holds, in its order.
    landed : uint64 array, shape (m, 2)
        What is there already.

    Returns
    -------
    new : bool array, shape (n,)
        Rows for which nothing was left in `landed`; of equal rows the first ones are the landed ones.
    used : bool array, shape (m,)
        Which of `landed` were matched.

    Notes
    -----
    O((n + m) log(n + m)) time, a few arrays of that length in memory.

    Examples
    --------
    >>> def lanes(*numbers):
    ...     return np.array([[n, n] for n in numbers], dtype=np.uint64)
    >>> surplus(lanes(7, 8, 7), lanes(7))[0].tolist()
    [False, True, True]
    """
    both = np.concatenate([landed, given])
    mine = np.concatenate([np.zeros(len(landed), dtype=np.bool_), np.ones(len(given), dtype=np.bool_)])
    order = np.lexsort((both[:, 1], both[:, 0]))
    ordered = both[order]
    starts = np.ones(len(both), dtype=np.bool_)
    starts[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    group = np.cumsum(starts) - 1
    ours = mine[order]
    groups = int(group[-1]) + 1 if len(group) else 0
    here = np.bincount(group[~ours], minlength=groups)
    asked = np.bincount(group[ours], minlength=groups)
    new = np.zeros(len(both), dtype=np.bool_)
    used = np.zeros(len(both), dtype=np.bool_)
    new[order[ours]] = _rank(group[ours]) >= here[group[ours]]
    used[order[~ours]] = _rank(group[~ours]) < asked[group[~ours]]
    return new[len(landed) :], used[: len(landed)]


def _rank(group: NDArray[Any]) -> Ints:
    """How many equal values stand before each value of a sorted array."""
    index = np.arange(len(group), dtype=np.int64)
    first = np.ones(len(group), dtype=np.bool_)
    first[1:] = group[1:] != group[:-1]
    return index - np.maximum.accumulate(np.where(first, index, 0))
