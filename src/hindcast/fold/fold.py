"""A fold's arrays: how long they are, where their parts begin, and an empty one."""

from __future__ import annotations

import numpy as np

from hindcast.fold.compiled import compiled
from hindcast.fold.exact import DIGITS
from hindcast.fold.layout import (
    CAP,
    FIXED,
    NOW,
    SUMS,
    VALUE_AT,
    VALUES,
    WEDGE_HEADS,
    WEDGES,
)
from hindcast.values import NEVER, Floats, Ints

__all__ = ["Fold", "fixed_length", "fold_lengths", "new_fold", "value_start", "wedge_heads"]

Fold = tuple[Ints, Floats]


@compiled
def fixed_length(spec: Ints) -> int:
    """Length of the part of ``ints`` before the facts."""
    return int(spec[FIXED])


@compiled
def wedge_heads(spec: Ints) -> int:
    """Where the wedges' first entries stand in ``ints``; their last ones follow."""
    return int(spec[WEDGE_HEADS])


@compiled
def value_start(spec: Ints) -> int:
    """Where the facts' values begin in ``floats``."""
    return int(spec[VALUE_AT])


@compiled
def fold_lengths(spec: Ints, capacity: int, wide: int) -> tuple[int, int]:
    """Lengths of ``ints`` and ``floats`` of a fold with room for `capacity` facts."""
    ints = fixed_length(spec) + (3 + spec[WEDGES]) * capacity + (spec[SUMS] * DIGITS if wide else 0)
    return int(ints), int(value_start(spec) + spec[VALUES] * capacity)


@compiled
def new_fold(spec: Ints, capacity: int) -> Fold:
    """An empty fold with room for `capacity` facts: (ints, floats)."""
    length, floats = fold_lengths(spec, capacity, 0)
    ints = np.zeros(length, dtype=np.int64)
    ints[CAP] = capacity
    ints[NOW] = -NEVER
    return ints, np.zeros(floats, dtype=np.float64)
