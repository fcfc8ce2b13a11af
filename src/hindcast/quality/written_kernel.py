"""Kernels over texts in one array of bytes: case and spaces set aside, equal texts found."""

from __future__ import annotations

from typing import Any

import numpy as np

from hindcast.quality.compiled import compiled

__all__ = ["digests", "grouped", "plain"]


@compiled
def plain(codes: Any, start: Any, stop: Any, out: Any, place: Any, end: Any, wide: Any) -> None:
    """Write each text to `out` from `place` on, in lower case with single spaces, and its `end`.

    A text with a byte beyond ASCII is only marked as `wide`.
    """
    for text in range(len(start)):
        at = place[text]
        pending = False
        for here in range(start[text], stop[text]):
            code = codes[here]
            if code >= 128:
                wide[text] = True
                at = place[text]
                break
            if code == 32 or 9 <= code <= 13 or 28 <= code <= 31:
                pending = at > place[text]
                continue
            if pending:
                out[at] = 32
                at += 1
                pending = False
            out[at] = code + 32 if 65 <= code <= 90 else code
            at += 1
        end[text] = at


@compiled
def digests(codes: Any, start: Any, stop: Any, out: Any) -> None:
    """A hash of 64 bits of each text."""
    for text in range(len(start)):
        h = np.uint64(stop[text] - start[text])
        for at in range(start[text], stop[text]):
            h = h * np.uint64(0x9E3779B97F4A7C15) + np.uint64(codes[at]) + np.uint64(1)
        h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        out[text] = h ^ (h >> np.uint64(31))


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
