"""Which version of a fact is visible when: corrections and retractions, as intervals of known time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hindcast.facts.facts import Facts
from hindcast.fold.entities import row_codes
from hindcast.values import NEVER, Ints

__all__ = ["known_until"]


def known_until(facts: Facts, key: Sequence[str] | None) -> Ints:
    """Until when each fact is visible: the known time of the next fact of its key, shape (n,).

    Precedence is (known time, sequence). A fact is visible at t when ``known < t <= known_until``; one that was
    replaced at its own known time never is. A table without a key, and a fact with a null in it, is never
    replaced. Retractions are facts here: they replace, and are dropped by the caller.
    """
    until = np.full(len(facts), NEVER, dtype=np.int64)
    if not key or not len(facts):
        return until
    codes, count = row_codes([facts.frame[name] for name in key])
    rows = np.flatnonzero(codes >= 0)
    if not len(rows):
        return until
    if count <= 4 * len(codes) + (1 << 16):
        once = np.bincount(codes[rows], minlength=count)
        rows = rows[once[codes[rows]] > 1]
        if not len(rows):
            return until
    order = rows[np.lexsort((facts.seq[rows], facts.known[rows], codes[rows]))]
    same = codes[order[1:]] == codes[order[:-1]]
    until[order[:-1][same]] = facts.known[order[1:][same]]
    return until
