"""Kernels of MinHash: shingles of texts, their smallest hashes, pairs of a bucket, the exact likeness of two texts."""

from __future__ import annotations

from typing import Any

import numpy as np

from hindcast.quality.compiled import compiled

__all__ = ["join_alike", "pairs", "signatures"]


@compiled
def _mix(x: Any) -> Any:
    """Scatter 64 bits."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@compiled
def _letters(codes: Any, start: Any, stop: Any, out: Any) -> Any:
    """The characters of a text in UTF-8 into `out`; how many."""
    count = 0
    at = start
    while at < stop:
        code = np.uint32(codes[at])
        more = 0
        if code >= 0xF0:
            code, more = code & np.uint32(0x07), 3
        elif code >= 0xE0:
            code, more = code & np.uint32(0x0F), 2
        elif code >= 0xC0:
            code, more = code & np.uint32(0x1F), 1
        for step in range(1, more + 1):
            code = (code << np.uint32(6)) | (np.uint32(codes[at + step]) & np.uint32(0x3F))
        out[count] = code
        count += 1
        at += 1 + more
    return count


@compiled
def _shingles(letters: Any, length: Any, size: Any, words: Any, out: Any) -> Any:
    """Hashes of the shingles of one text into `out`; how many. A text shorter than a shingle is one.

    Shingles of characters slide by one; of words, by one word (a word ends at a space).
    """
    base = np.uint64(0x9E3779B97F4A7C15)
    count = 0
    if length == 0:
        return 0
    if not words:
        n = min(size, length)
        leaving = np.uint64(1)
        for _ in range(n - 1):
            leaving *= base
        h = np.uint64(0)
        for at in range(n):
            h = h * base + np.uint64(letters[at]) + np.uint64(1)
        out[0] = _mix(h)
        count = 1
        for at in range(n, length):
            h = (
                (h - (np.uint64(letters[at - n]) + np.uint64(1)) * leaving) * base
                + np.uint64(letters[at])
                + np.uint64(1)
            )
            out[count] = _mix(h)
            count += 1
        return count
    h = np.uint64(0)
    found = 0
    for at in range(length):  # the hash of each word
        if letters[at] == 32:
            out[found] = _mix(h)
            found += 1
            h = np.uint64(0)
        else:
            h = h * base + np.uint64(letters[at]) + np.uint64(1)
    out[found] = _mix(h)
    found += 1
    n = min(size, found)
    for at in range(found - n + 1):  # of each run of n words, over what has been read
        h = np.uint64(0)
        for word in range(at, at + n):
            h = h * base + out[word]
        out[at] = _mix(h)
    return found - n + 1


@compiled
def signatures(
    codes: Any, start: Any, stop: Any, size: Any, words: Any, a: Any, b: Any, keys: Any, sketch: Any
) -> None:
    """MinHash signatures: the smallest of ``a * h + b`` (mod 2**32) over the shingles of each text, for each a and b.

    Kept are `keys`, shape (bands, texts), a band of the signature boiled down to 32 bits, and `sketch`, shape
    (texts, words of 64 bits), a bit of each of its numbers. Eight shingles are hashed at a time: the smallest hashes so
    far are then read and written an eighth as often.
    """
    longest = 1
    for text in range(len(start)):
        longest = max(longest, stop[text] - start[text])
    letters, room = np.empty(longest, dtype=np.uint32), np.empty(longest, dtype=np.uint64)
    short = np.empty(longest + 7, dtype=np.uint32)
    m = len(a)
    rows = m // len(keys)
    least = np.empty(m, dtype=np.uint32)
    for text in range(len(start)):
        count = _shingles(letters, _letters(codes, start[text], stop[text], letters), size, words, room)
        for s in range(count):
            short[s] = np.uint32(room[s] >> np.uint64(32))
        while count % 8 != 0:  # once more the first: the smallest stays what it is
            short[count] = short[0]
            count += 1
        for p in range(m):
            least[p] = np.uint32(0xFFFFFFFF)
        for s in range(0, count, 8):
            h0, h1, h2, h3 = short[s], short[s + 1], short[s + 2], short[s + 3]
            h4, h5, h6, h7 = short[s + 4], short[s + 5], short[s + 6], short[s + 7]
            for p in range(m):
                i, j = a[p], b[p]
                x = min(np.uint32(i * h0 + j), np.uint32(i * h1 + j))
                y = min(np.uint32(i * h2 + j), np.uint32(i * h3 + j))
                z = min(np.uint32(i * h4 + j), np.uint32(i * h5 + j))
                w = min(np.uint32(i * h6 + j), np.uint32(i * h7 + j))
                least[p] = min(least[p], x, y, z, w)
        for band in range(len(keys)):
            key = np.uint64(band)
            for p in range(band * rows, (band + 1) * rows):
                key = key * np.uint64(0x9E3779B97F4A7C15) + np.uint64(least[p]) + np.uint64(1)
            keys[band, text] = np.uint32(_mix(key) >> np.uint64(32))
        for word in range(sketch.shape[1]):
            bits = np.uint64(0)
            for p in range(word * 64, min(word * 64 + 64, m)):
                bits = (bits << np.uint64(1)) | np.uint64(np.uint32(least[p] * np.uint32(0x9E3779B1)) >> np.uint32(31))
            sketch[text, word] = bits


@compiled
def pairs(ranked: Any, all_pairs: Any) -> Any:
    """Pairs of rows of one key, as ``left * 2**32 + right`` with the smaller row left.

    `ranked` holds ``key * 2**32 + row`` in order. Of a key that at most `all_pairs` rows have, every pair; else each
    row with the first and with the one before.
    """
    n = len(ranked)
    out = np.empty(0, dtype=np.uint64)
    for fill in range(2):
        count = 0
        begin = 0
        while begin < n:
            end = begin + 1
            while end < n and ranked[end] >> np.uint64(32) == ranked[begin] >> np.uint64(32):
                end += 1
            for right in range(begin + 1, end):
                step = 1
                if end - begin > all_pairs and right - begin > 1:
                    step = right - begin - 1
                for left in range(begin, right, step):
                    if fill == 1:
                        out[count] = (ranked[left] << np.uint64(32)) | (ranked[right] & np.uint64(0xFFFFFFFF))
                    count += 1
            begin = end
        if fill == 0:
            out = np.empty(count, dtype=np.uint64)
    return out


@compiled
def _ones(x: Any) -> Any:
    """How many of 64 bits are 1."""
    x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (x * np.uint64(0x0101010101010101)) >> np.uint64(56)


@compiled
def _slots(count: Any) -> Any:
    """A power of two that leaves half of the slots free."""
    slots = 4
    while slots < 2 * count:
        slots *= 2
    return slots


@compiled
def _place(table: Any, slots: Any, value: Any) -> Any:
    """Where a value is in a table of `slots`, or would be: 0 is an empty slot."""
    at = value & np.uint64(slots - 1)
    while table[at] != 0 and table[at] != value:
        at = (at + np.uint64(1)) & np.uint64(slots - 1)
    return at


@compiled
def _root(parent: Any, node: Any) -> Any:
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@compiled
def join_alike(
    codes: Any,
    start: Any,
    stop: Any,
    size: Any,
    words: Any,
    sketch: Any,
    hashes: Any,
    candidates: Any,
    threshold: Any,
    parent: Any,
    likeness: Any,
) -> Any:
    """Join the groups of each pair whose Jaccard likeness reaches the threshold; how many pairs were compared.

    Pairs already in one group are not compared, nor those whose sketches differ by more than chance would have it at
    the threshold (four standard errors; a bit of a hash that differs is equal half of the time). The smaller row stays
    the root, and `likeness` of the other root is that of the pair that joined it.
    """
    longest = 1
    for pair in range(len(candidates)):
        i, j = np.int64(candidates[pair] >> np.uint64(32)), np.int64(candidates[pair] & np.uint64(0xFFFFFFFF))
        longest = max(longest, stop[i] - start[i], stop[j] - start[j])
    letters, room = np.empty(longest, dtype=np.uint32), np.empty(longest, dtype=np.uint64)
    one, two = np.zeros(_slots(longest), dtype=np.uint64), np.zeros(_slots(longest), dtype=np.uint64)
    compared = 0
    held, n_one, slots = np.int64(-1), 0, 4
    equal = 0.5 + 0.5 * threshold
    most = hashes * (1.0 - equal) + 4.0 * np.sqrt(hashes * equal * (1.0 - equal))
    for pair in range(len(candidates)):
        i, j = np.int64(candidates[pair] >> np.uint64(32)), np.int64(candidates[pair] & np.uint64(0xFFFFFFFF))
        a, b = _root(parent, i), _root(parent, j)
        if a == b:
            continue
        differ = np.uint64(0)
        for word in range(sketch.shape[1]):
            differ += _ones(sketch[i, word] ^ sketch[j, word])
        if differ > most:
            continue
        compared += 1
        if i != held:
            count = _shingles(letters, _letters(codes, start[i], stop[i], letters), size, words, room)
            slots = _slots(count)
            one[:slots] = 0
            n_one = 0
            for s in range(count):
                value = room[s] | np.uint64(1)
                at = _place(one, slots, value)
                if one[at] == 0:
                    one[at] = value
                    n_one += 1
            held = i
        count = _shingles(letters, _letters(codes, start[j], stop[j], letters), size, words, room)
        others = _slots(count)
        two[:others] = 0
        n_two, same = 0, 0
        for s in range(count):
            value = room[s] | np.uint64(1)
            at = _place(two, others, value)
            if two[at] == 0:
                two[at] = value
                n_two += 1
                if one[_place(one, slots, value)] == value:
                    same += 1
        union = n_one + n_two - same
        alike = same / union if union > 0 else 1.0
        if alike >= threshold:
            root, other = min(a, b), max(a, b)
            parent[other] = root
            likeness[other] = alike
    return compared
