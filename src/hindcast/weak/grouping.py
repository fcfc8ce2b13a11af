"""Functions taken together: the votes of a few of them are one number, so that one look-up serves them all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hindcast.values import Bools, Floats, Ints
from hindcast.weak.tables import Shape

__all__ = ["FEW_CLASSES", "STEEP", "Groups", "codes_for", "groups_of"]

FEW_CLASSES = 7
"""Beyond, votes are looked up one by one: groups would be of two, and silence could not be passed over."""
_CODES, _MOST = 256, 1296
"""Codes of a group, at most: by default, and where many rows make up for the work of a longer table."""
STEEP = 50.0
"""Nats beyond which a single vote is weighed by logarithms, as no table learnt from rows asks for."""
_RANGE = 500.0
"""Nats that odds may move before they are brought back; numbers end near 700."""


@dataclass(frozen=True, eq=False)
class Groups:
    """Which functions share a code.

    Attributes
    ----------
    digits : int64 array, shape (groups, most digits)
        The functions whose votes (plus one) are the digits of the code, the least first; -1 at the end.
    where : int64 array, shape (m, 3)
        Of each function its group, and what its digit and its parent's count in the code (1 without a parent).
    size : int64 array, shape (groups,)
        How many codes there are.
    """

    digits: Ints
    where: Ints
    size: Ints

    def rescaled(self, most: Floats, shape: Shape) -> Bools:
        """Before which groups odds are brought back, given the most nats, (tables,), that a vote in each can add."""
        found = np.zeros(len(self.size), dtype=bool)
        if most.sum() <= _RANGE:
            return found
        function = np.zeros(len(shape.parent))
        np.maximum.at(function, shape.function, most)
        moved = 0.0
        for g, more in enumerate(np.bincount(self.where[:, 0], function, len(self.size)).tolist()):
            found[g] = moved + more > _RANGE
            moved = more if found[g] else moved + more
        return found


def codes_for(rows: int) -> int:
    """How many codes a group may have where so many rows are counted by code: a table is as long as it earns."""
    return min(max(rows // 64, 64), _MOST)


@lru_cache(maxsize=256)
def groups_of(classes: int, parent: tuple[int, ...], codes: int = _CODES) -> Groups:
    """Groups of functions, each with room for the votes of those they lean on, of few enough codes."""
    kinds = classes + 1
    digits_each = 2
    while kinds ** (digits_each + 1) <= codes:
        digits_each += 1
    spread = -(-len(parent) // max(-(-len(parent) // digits_each), 1))
    most = max(kinds**2, kinds**spread)  # as many groups as before, all of much the same size
    groups: list[list[int]] = []
    where = np.ones((len(parent), 3), dtype=np.int64)
    for j in sorted(range(len(parent)), key=lambda j: (j if parent[j] < 0 else parent[j], parent[j] >= 0, j)):
        heard = [j] if parent[j] < 0 else [parent[j], j]
        digits = groups[-1] if groups else []
        missing = [i for i in heard if i not in digits]
        if not groups or kinds ** (len(digits) + len(missing)) > most:
            groups.append([])
            digits, missing = groups[-1], heard
        digits.extend(missing)
        where[j, 0], where[j, 1] = len(groups) - 1, kinds ** digits.index(j)
        if parent[j] >= 0:
            where[j, 2] = kinds ** digits.index(parent[j])
    digits_of = np.full((len(groups), max(map(len, groups), default=1)), -1, dtype=np.int64)
    for g, digits in enumerate(groups):
        digits_of[g, : len(digits)] = digits
    size = np.array([kinds ** len(digits) for digits in groups], dtype=np.int64)
    return Groups(digits_of, where, size)
