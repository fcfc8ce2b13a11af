"""Kernels of MinHash: shingles of texts, their smallest hashes, and the exact likeness of two texts."""

from __future__ import annotations

from typing import Any

import numpy as np

from hindcast.quality.compiled import compiled

__all__ = ["crowded", "join_alike", "signatures"]


@compiled
def _mix(x: Any) -> Any:
    """Scatter 64 bits."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@compiled
def _shingles(codes: Any, start: Any, stop: Any, size: Any, words: Any, out: Any) -> Any:
    """Hashes of the shingles of one text into `out`; how many. A text shorter than a shingle is one.

    Shingles of characters slide by one; of words, by one word (a word ends at a space).
    """
    base = np.uint64(0x9E3779B97F4A7C15)
    count = 0
    if stop <= start:
        return 0
    if not words:
        n = min(size, stop - start)
        leaving = np.uint64(1)
        for _ in range(n - 1):
            leaving *= base
        h = np.uint64(0)
        for at in range(start, start + n):
            h = h * base + np.uint64(codes[at]) + np.uint64(1)
        out[0] = _mix(h)
        count = 1
        for at in range(start + n, stop):
            h = (h - (np.uint64(codes[at - n]) + np.uint64(1)) * leaving) * base + np.uint64(codes[at]) + np.uint64(1)
            out[count] = _mix(h)
            count += 1
        return count
    h = np.uint64(0)
    found = 0
    for at in range(start, stop):  # the hash of each word
        if codes[at] == 32:
            out[found] = _mix(h)
            found += 1
            h = np.uint64(0)
        else:
            h = h * base + np.uint64(codes[at]) + np.uint64(1)
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
def signatures(codes: Any, starts: Any, size: Any, words: Any, a: Any, b: Any, keys: Any, low: Any) -> None:
    """MinHash signatures: the smallest of ``a * h + b`` (mod 2**32) over the shingles of each text, for each a and b.

    Kept are `keys`, shape (bands, texts), a band of the signature boiled down to 64 bits, and `low`, shape (texts, m),
    the lowest byte of each of its numbers.
    """
    longest = 1
    for text in range(len(starts) - 1):
        longest = max(longest, starts[text + 1] - starts[text])
    room = np.empty(longest, dtype=np.uint64)
    m = len(a)
    rows = m // len(keys)
    least = np.empty(m, dtype=np.uint32)
    for text in range(len(starts) - 1):
        count = _shingles(codes, starts[text], starts[text + 1], size, words, room)
        for p in range(m):
            least[p] = np.uint32(0xFFFFFFFF)
        for s in range(count):
            h = np.uint32(room[s] >> np.uint64(32))
            for p in range(m):
                x = np.uint32(a[p] * h + b[p])
                least[p] = x if x < least[p] else least[p]
        for p in range(m):
            low[text, p] = np.uint8(least[p] & np.uint32(255))
        for band in range(len(keys)):
            key = np.uint64(0)
            for p in range(band * rows, (band + 1) * rows):
                key = _mix(key * np.uint64(0x9E3779B97F4A7C15) + np.uint64(least[p]) + np.uint64(1))
            keys[band, text] = key


@compiled
def crowded(key: Any, seen: Any, again: Any) -> Any:
    """Which texts share their key with another: all that do, and a few more.

    `seen` and `again` are bitmaps of 2**25 bits, all 0: what sets no bit twice is alone for sure.
    """
    for text in range(len(key)):
        word, bit = key[text] >> np.uint64(45), np.uint64(1) << ((key[text] >> np.uint64(39)) & np.uint64(63))
        if seen[word] & bit:
            again[word] |= bit
        else:
            seen[word] |= bit
    found = np.empty(len(key), dtype=np.int64)
    count = 0
    for text in range(len(key)):
        if again[key[text] >> np.uint64(45)] & (np.uint64(1) << ((key[text] >> np.uint64(39)) & np.uint64(63))):
            found[count] = text
            count += 1
    return found[:count]


@compiled
def _distinct(room: Any, count: Any) -> Any:
    """Sort the first `count` and drop repetitions; how many are left."""
    if count == 0:
        return 0
    part = np.sort(room[:count])
    left = 0
    for at in range(count):
        if at == 0 or part[at] != part[at - 1]:
            room[left] = part[at]
            left += 1
    return left


@compiled
def _root(parent: Any, node: Any) -> Any:
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@compiled
def join_alike(
    codes: Any,
    starts: Any,
    size: Any,
    words: Any,
    low: Any,
    left: Any,
    right: Any,
    threshold: Any,
    parent: Any,
    likeness: Any,
) -> Any:
    """Join the groups of each pair whose Jaccard likeness reaches the threshold; how many pairs were compared.

    Pairs already in one group are not compared, nor those whose signatures differ by more than chance would have it at
    the threshold (four standard errors). The smaller row stays the root, and `likeness` of the other root is
    that of the pair that joined it.
    """
    longest = 1
    for text in range(len(starts) - 1):
        longest = max(longest, starts[text + 1] - starts[text])
    one, two = np.empty(longest, dtype=np.uint64), np.empty(longest, dtype=np.uint64)
    compared = 0
    held, n_one = -1, 0
    m = low.shape[1]
    least = m * threshold - 4.0 * np.sqrt(m * threshold * (1.0 - threshold))
    for pair in range(len(left)):
        i, j = left[pair], right[pair]
        a, b = _root(parent, i), _root(parent, j)
        if a == b:
            continue
        agree = 0
        for p in range(m):
            agree += low[i, p] == low[j, p]
        if agree < least:
            continue
        if i != held:
            n_one = _distinct(one, _shingles(codes, starts[i], starts[i + 1], size, words, one))
            held = i
        n_two = _distinct(two, _shingles(codes, starts[j], starts[j + 1], size, words, two))
        compared += 1
        x, y, same = 0, 0, 0
        while x < n_one and y < n_two:
            if one[x] == two[y]:
                same += 1
                x += 1
                y += 1
            elif one[x] < two[y]:
                x += 1
            else:
                y += 1
        union = n_one + n_two - same
        alike = same / union if union > 0 else 1.0
        if alike >= threshold:
            root, other = min(a, b), max(a, b)
            parent[other] = root
            likeness[other] = alike
    return compared
