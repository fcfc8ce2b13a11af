"""How a fold lies in memory, and how its specification says so.

A fold is two flat arrays, so that it can be copied, stored and handed to compiled code as it is. The specification,
an int64 array, is made once per feature group by :mod:`hindcast.features.plan`.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from hindcast.features.definitions import AGGREGATES
from hindcast.features.exact import DIGITS
from hindcast.values import Floats, Ints

Fold = tuple[Ints, Floats]

COUNT, SUM, MEAN, MIN, MAX, STD, LATEST = AGGREGATES.values()

FAR = 1 << 61
"""As hindcast.values.NEVER: beyond every moment."""

# spec, an int64 array: a header, then tables
VALUES, WINDOWS, WEDGES, SUMS, OUTPUTS, RETAIN, LATEST_KEPT, START = range(8)
SPEC_HEAD = 8
# per window: lo offset, hi offset | per wedge: window, value, sign | per sum: window, value, power
# per output: aggregate, window, value, slot, slot2   (latest: value, max age or -1, ahead)
OUTPUT_WIDTH = 5

# fold.ints: a header, then lo[W] hi[W] head[M] tail[M] count[W*V] infinite[2*W*V] digits[S*DIGITS]
#            event[cap] known[cap] seq[cap] wedge[M*cap];   fold.floats: value[V*cap]
CAP, SIZE, HEAD, NOW = range(4)
FOLD_HEAD = 4


@njit(cache=True, nogil=True)
def fixed_length(spec: Ints) -> int:
    """Length of the part of ``ints`` that does not grow with the facts."""
    w, v, m, s = spec[WINDOWS], spec[VALUES], spec[WEDGES], spec[SUMS]
    return int(FOLD_HEAD + 2 * w + 2 * m + 3 * w * v + s * DIGITS)


@njit(cache=True, nogil=True)
def new_fold(spec: Ints, capacity: int) -> Fold:
    """An empty fold with room for `capacity` facts: (ints, floats)."""
    ints = np.zeros(fixed_length(spec) + (3 + spec[WEDGES]) * capacity, dtype=np.int64)
    ints[CAP] = capacity
    ints[NOW] = -FAR
    return ints, np.zeros(spec[VALUES] * capacity, dtype=np.float64)
