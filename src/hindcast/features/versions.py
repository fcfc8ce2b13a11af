"""Which version of a fact is visible when: corrections and retractions, as intervals of known time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hindcast.columns import Column
from hindcast.errors import ConfigError
from hindcast.facts.facts import Facts
from hindcast.values import NEVER, Ints

__all__ = ["joint_codes", "known_until", "row_codes"]


def joint_codes(left: list[Column], right: list[Column]) -> tuple[Ints, Ints, int]:
    """One dense code per distinct row of key columns, shared by two frames; -1 where any part is null.

    Returns
    -------
    left, right : int64 arrays, shapes (n,), (m,)
    count : int
        Codes are below this.

    Cost: O(n + m) for texts and small integers, one sort per other column.
    """
    n = len(left[0]) if left else 0
    m = len(right[0]) if right else 0
    total = np.zeros(n + m, dtype=np.int64)
    null = np.zeros(n + m, dtype=np.bool_)
    size = 1
    for a, b in zip(left, right, strict=True):
        if (a.kind == "text") != (b.kind == "text") and a.present().any() and b.present().any():
            raise ConfigError(f"a key is {a.kind} on one side and {b.kind} on the other; give both one kind.")
        if a.kind == "text" or b.kind == "text":
            column = Column.concat([a.as_kind("text"), b.as_kind("text")])
            codes, count = column.values.astype(np.int64), len(column.vocabulary)  # type: ignore[arg-type]
            known = codes >= 0
        else:
            column = Column.concat([a, b])
            known = column.present()
            codes, count = _dense(column.values, known)
        null |= ~known
        if size * max(count, 1) > 1 << 40:
            total, size = _dense(total, ~null)
        total = total * max(count, 1) + np.where(known, codes, 0)
        size *= max(count, 1)
        if size > max(4 * (n + m), 1 << 16):
            total, size = _dense(total, ~null)
    total[null] = -1
    return total[:n], total[n:], size


def row_codes(columns: list[Column]) -> tuple[Ints, int]:
    """One dense code per distinct row of key columns; -1 where any part is null."""
    codes, _, count = joint_codes(columns, [column.take(slice(0, 0)) for column in columns])
    return codes, count


def _dense(values: np.ndarray, known: np.ndarray) -> tuple[Ints, int]:
    """Codes from 0 for integers or floats; a table where their range is small, a sort where not."""
    result = np.zeros(len(values), dtype=np.int64)
    present = values[known]
    if not len(present):
        return result, 0
    if present.dtype.kind in "iub":
        low, high = int(present.min()), int(present.max())
        if high - low < max(4 * len(values), 1 << 16):
            result[known] = present.astype(np.int64) - low
            return result, high - low + 1
    distinct, inverse = np.unique(present, return_inverse=True)
    result[known] = inverse
    return result, len(distinct)


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
