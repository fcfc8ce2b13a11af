"""Which facts of a delivery were taken before, and which come late."""

from __future__ import annotations

from hindcast.fold.compiled import compiled
from hindcast.values import Ints

__all__ = ["again_and_late"]


@compiled
def again_and_late(known: Ints, seq: Ints, mark: int, bound: int) -> tuple[int, int]:
    """How many facts were taken before (up to sequence `mark`), and how many others were known before `bound`."""
    again = late = 0
    for i in range(len(seq)):
        if seq[i] <= mark:
            again += 1
        elif known[i] < bound:
            late += 1
    return again, late
