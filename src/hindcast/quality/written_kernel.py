"""Kernels over texts in one array of bytes: case and spaces set aside, equal texts found."""

from __future__ import annotations

from typing import Any

import numpy as np

from hindcast.quality.compiled import compiled

__all__ = ["digests", "grouped", "plain"]


_ALIKE = np.arange(256, dtype=np.uint8)
"""What each byte of ASCII is written as: a capital as its small letter, whatever is blank as a space."""
_ALIKE[65:91] += 32
_ALIKE[[9, 10, 11, 12, 13, 28, 29, 30, 31]] = 32


@compiled
def plain(codes: Any, start: Any, stop: Any, out: Any, place: Any, end: Any, wide: Any) -> None:
    """Write each text to `out` from `place` on, in lower case with single spaces, and its `end`.

    A text with a byte beyond ASCII is only marked as `wide`.
    """
    for row in range(len(start)):
        text = codes[start[row] : stop[row]]
        every = np.uint8(0)
        for at in range(len(text)):
            every = np.uint8(every | text[at])
        wide[row] = every >= 0x80
        length = 0
        if not wide[row]:
            written = out[place[row] :]
            spaced = True
            for at in range(len(text)):
                code = _ALIKE[text[at]]
                written[length] = code
                blank = code == 32
                length += not (blank and spaced)  # the next one is written over a space too many
                spaced = blank
            if length > 0 and spaced:
                length -= 1
        end[row] = place[row] + length


@compiled
def digests(codes: Any, start: Any, stop: Any, out: Any) -> None:
    """A hash of 64 bits of each text, by eight bytes at a time."""
    for row in range(len(start)):
        text = codes[start[row] : stop[row]]
        h = np.uint64(len(text))
        for at in range(0, len(text) - 7, 8):
            word = np.uint64(0)
            for byte in range(8):
                word |= np.uint64(text[at + byte]) << np.uint64(8 * byte)
            h = (h ^ word) * np.uint64(0x9E3779B97F4A7C15)
            h ^= h >> np.uint64(32)
        for at in range(len(text) // 8 * 8, len(text)):
            h = (h ^ np.uint64(text[at])) * np.uint64(0x9E3779B97F4A7C15)
            h ^= h >> np.uint64(32)
        out[row] = h


@compiled
def grouped(codes: Any, start: Any, stop: Any, missing: Any, digest: Any, slots: Any, group: Any, first: Any) -> Any:
    """The group of each text and the first row of each group; how many groups. `slots` are a power of two, all -1."""
    mask = np.uint64(len(slots) - 1)
    count = 0
    for row in range(len(start)):
        length = stop[row] - start[row]
        at = digest[row] & mask
        head = -1
        if not missing[row]:
            while slots[at] >= 0:
                other = slots[at]
                if digest[other] == digest[row] and stop[other] - start[other] == length:
                    same = True
                    for step in range(length):
                        if codes[start[other] + step] != codes[start[row] + step]:
                            same = False
                            break
                    if same:
                        head = other
                        break
                at = (at + np.uint64(1)) & mask
            if head < 0:
                slots[at] = row
        if head < 0:
            first[count] = row
            group[row] = count
            count += 1
        else:
            group[row] = group[head]
    return count
