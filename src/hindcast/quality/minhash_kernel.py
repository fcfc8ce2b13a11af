"""Kernels of MinHash: shingles of texts, their smallest hashes, pairs of a bucket, the exact likeness of two texts."""

from __future__ import annotations

from typing import Any

import numpy as np

from hindcast.quality.compiled import compiled

__all__ = ["join_alike", "pairs", "signatures"]

_AT_ONCE = 64
"""So many pairs are looked up together, so that memory is waited for once."""
_SHORT = 16
"""Shingles of more letters are hashed by sliding along."""


@compiled
def _mix(x: Any) -> Any:
    """Scatter 64 bits."""
    x = (x ^ (x >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    return x ^ (x >> np.uint64(32))


@compiled
def _letters(codes: Any, start: Any, stop: Any, out: Any) -> Any:
    """The characters of a text in UTF-8, each plus one, into `out`; how many."""
    text = codes[start:stop]
    every = np.uint8(0)
    for at in range(len(text)):
        every = np.uint8(every | text[at])
    if every < 0x80:  # a byte each
        for at in range(len(text)):
            out[at] = np.uint64(text[at]) + np.uint64(1)
        return len(text)
    count = 0
    at = 0
    while at < len(text):
        code = np.uint64(text[at])
        more = 0
        if code >= 0xF0:
            code, more = code & np.uint64(0x07), 3
        elif code >= 0xE0:
            code, more = code & np.uint64(0x0F), 2
        elif code >= 0xC0:
            code, more = code & np.uint64(0x1F), 1
        for step in range(1, more + 1):
            code = (code << np.uint64(6)) | (np.uint64(text[at + step]) & np.uint64(0x3F))
        out[count] = code + np.uint64(1)
        count += 1
        at += 1 + more
    return count


@compiled
def _shingles(letters: Any, length: Any, size: Any, words: Any, out: Any) -> Any:
    """Hashes of the shingles of one text into `out`; how many. A text shorter than a shingle is one.

    Shingles of characters slide by one; of words, by one word (a word ends at a space).
    """
    base = np.uint64(0x9E3779B97F4A7C15)
    if length == 0:
        return 0
    if not words:
        n = min(size, length)
        count = length - n + 1
        if n <= _SHORT:  # all shingles at once, letter by letter
            for at in range(count):
                out[at] = letters[at]
            for step in range(1, n):
                ahead = letters[step:]
                for at in range(count):
                    out[at] = out[at] * base + ahead[at]
        else:
            h, leaving = np.uint64(0), np.uint64(1)
            for at in range(n):
                h, leaving = h * base + letters[at], leaving * base
            out[0] = h
            for at in range(count - 1):
                h = h * base + (letters[at + n] - letters[at] * leaving)
                out[at + 1] = h
        for at in range(count):
            out[at] = _mix(out[at])
        return count
    h = np.uint64(0)
    found = 0
    for at in range(length):  # the hash of each word
        if letters[at] == 33:  # a space, plus one
            out[found] = _mix(h)
            found += 1
            h = np.uint64(0)
        else:
            h = h * base + letters[at]
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
def signatures(codes: Any, start: Any, stop: Any, size: Any, words: Any, factors: Any, keys: Any, sketch: Any) -> None:
    """MinHash signatures: the smallest of ``factor * h`` (mod 2**32) over the shingles of each text, for each factor.

    Factors are odd, so each orders all hashes anew; as hashes are scattered already, no term need be added. Kept are
    `keys`, shape (bands, texts), a band of the signature boiled down to 32 bits, and `sketch`, shape (texts, words of
    64 bits), a bit of each of its numbers. Eight shingles are hashed at a time: the smallest hashes so far are then
    read and written an eighth as often.
    """
    longest = 1
    for text in range(len(start)):
        longest = max(longest, stop[text] - start[text])
    letters, room = np.empty(longest, dtype=np.uint64), np.empty(longest, dtype=np.uint64)
    short = np.empty(longest + 7, dtype=np.uint32)
    m = len(factors)
    bands = len(keys)
    least, key = np.empty(m, dtype=np.uint32), np.empty(bands, dtype=np.uint64)
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
                i = factors[p]
                x = min(np.uint32(i * h0), np.uint32(i * h1))
                y = min(np.uint32(i * h2), np.uint32(i * h3))
                z = min(np.uint32(i * h4), np.uint32(i * h5))
                w = min(np.uint32(i * h6), np.uint32(i * h7))
                least[p] = min(least[p], x, y, z, w)
        key[:] = 0
        weight = np.uint64(1)
        for row in range(0, m, bands):  # of each row of all bands at once
            weight *= np.uint64(0x9E3779B97F4A7C15)
            some = least[row : row + bands]
            for band in range(bands):
                key[band] += np.uint64(some[band]) * weight
        for band in range(bands):
            keys[band, text] = np.uint32(key[band] >> np.uint64(32))
        for word in range(sketch.shape[1]):
            bits = np.uint64(0)
            some = least[word * 64 : word * 64 + 64]
            for p in range(len(some)):
                bits |= np.uint64(np.uint32(some[p] * np.uint32(0x9E3779B1)) >> np.uint32(31)) << np.uint64(p)
            sketch[text, word] = bits


@compiled
def pairs(ranked: Any, all_pairs: Any) -> Any:
    """Pairs of rows of one key, as ``left * 2**32 + right`` with the smaller row left.

    `ranked` holds ``key * 2**32 + row`` in order. Of a key that at most `all_pairs` rows have, every pair; else each
    row with the first and with the one before.
    """
    n = len(ranked)
    high = np.uint64(32)
    out = np.empty(0, dtype=np.uint64)
    for fill in range(2):
        count = 0
        begin = 0
        while begin < n - 1:
            if ranked[begin] >> high != ranked[begin + 1] >> high:  # nearly always
                begin += 1
                continue
            end = begin + 2
            while end < n and ranked[end] >> high == ranked[begin] >> high:
                end += 1
            for right in range(begin + 1, end):
                step = 1
                if end - begin > all_pairs and right - begin > 1:
                    step = right - begin - 1
                for left in range(begin, right, step):
                    if fill == 1:
                        out[count] = (ranked[left] << high) | (ranked[right] & np.uint64(0xFFFFFFFF))
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
def _place(table: Any, mask: Any, value: Any) -> Any:
    """Where a value is in a table, or would be: 0 is an empty slot."""
    at = value & mask
    while table[at] != 0 and table[at] != value:
        at = (at + np.uint64(1)) & mask
    return at


@compiled
def _jaccard(one: Any, n: Any, two: Any, m: Any, table: Any, whose: Any) -> Any:
    """The share of distinct values that the first `n` of `one` and the first `m` of `two` have in common.

    What both begin and end with is in both, and is looked at once: of near duplicates that is nearly all.
    """
    slots = 8
    while slots < 3 * (n + m) // 2:
        slots *= 2
    mask = np.uint64(slots - 1)
    table[:slots] = 0
    head = 0
    while head < min(n, m) and one[head] == two[head]:
        head += 1
    tail = 0
    while tail < min(n, m) - head and one[n - 1 - tail] == two[m - 1 - tail]:
        tail += 1
    union, same = 0, 0
    for s in range(n):
        both = s < head or s >= n - tail
        value = one[s] | np.uint64(1)
        at = _place(table, mask, value)
        if table[at] == 0:
            table[at] = value
            whose[at] = both
            union += 1
            same += both
        elif both and not whose[at]:
            whose[at] = True
            same += 1
    for s in range(head, m - tail):
        value = two[s] | np.uint64(1)
        at = _place(table, mask, value)
        if table[at] == 0:
            table[at] = value
            whose[at] = True  # it need not be met again
            union += 1
        elif not whose[at]:
            whose[at] = True
            same += 1
    return same / union if union > 0 else 1.0


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
    letters, one, two = (
        np.empty(longest, dtype=np.uint64), np.empty(longest, dtype=np.uint64), np.empty(longest, dtype=np.uint64)
    )  # fmt: skip
    table, whose = np.empty(8 * longest + 8, dtype=np.uint64), np.empty(8 * longest + 8, dtype=np.bool_)
    compared = 0
    held, n = np.int64(-1), 0
    equal = 0.5 + 0.5 * threshold
    most = hashes * (1.0 - equal) + 4.0 * np.sqrt(hashes * equal * (1.0 - equal))
    low = np.uint64(0xFFFFFFFF)
    likely, warm = np.empty(_AT_ONCE, dtype=np.int64), np.zeros(1, dtype=np.uint8)
    for block in range(0, len(candidates), _AT_ONCE):
        found = 0
        for pair in range(block, min(block + _AT_ONCE, len(candidates))):
            i, j = np.int64(candidates[pair] >> np.uint64(32)), np.int64(candidates[pair] & low)
            if _root(parent, i) == _root(parent, j):
                continue
            differ = np.uint64(0)
            for word in range(sketch.shape[1]):
                differ += _ones(sketch[i, word] ^ sketch[j, word])
            if differ <= most:
                likely[found] = pair
                found += 1
                warm[0] ^= codes[start[i]] ^ codes[stop[i] - 1] ^ codes[start[j]] ^ codes[stop[j] - 1]
        for pair in likely[:found]:  # their texts are on the way from memory, all at once
            i, j = np.int64(candidates[pair] >> np.uint64(32)), np.int64(candidates[pair] & low)
            a, b = _root(parent, i), _root(parent, j)
            if a == b:
                continue
            compared += 1
            if i != held:
                n = _shingles(letters, _letters(codes, start[i], stop[i], letters), size, words, one)
                held = i
            m = _shingles(letters, _letters(codes, start[j], stop[j], letters), size, words, two)
            alike = _jaccard(one, n, two, m, table, whose)
            if alike >= threshold:
                root, other = min(a, b), max(a, b)
                parent[other] = root
                likeness[other] = alike
    return compared
