"""Sliding windows over rows at any moments: rows are counted once per piece of time, windows are differences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hindcast.errors import ConfigError
from hindcast.values import Floats, Ints

__all__ = ["Windows", "check_forward"]


def check_forward(moments: Ints, last_us: int | None) -> None:
    """Refuse looks that do not move forward in time."""
    if (np.diff(moments) <= 0).any() or (last_us is not None and moments.size and int(moments[0]) <= last_us):
        raise ConfigError("looks must move forward in time, each later than the last.")


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Windows ``[start, stop)`` and the rows in them.

    Parameters
    ----------
    start_us, stop_us : int64 arrays, shape (windows,)
    piece : int64 array, shape (n,)
        The piece of time between two neighbouring bounds in which each row lies.
    pieces : int
    first, last : int64 arrays, shape (windows,)
        Each window is made of the pieces first + 1 to last.
    """

    start_us: Ints
    stop_us: Ints
    piece: Ints
    pieces: int
    first: Ints
    last: Ints

    @staticmethod
    def of(moments_us: Ints, start_us: Ints, stop_us: Ints) -> Windows:
        """The windows between those bounds over rows at `moments_us`, in any order; O((n + windows) log windows)."""
        cuts = np.unique(np.concatenate([start_us, stop_us]))
        piece = np.searchsorted(cuts, moments_us, side="right")
        first, last = np.searchsorted(cuts, start_us), np.searchsorted(cuts, stop_us)
        return Windows(start_us, stop_us, piece, cuts.size + 1, first, last)

    def counts(self, codes: NDArray[np.integer], size: int) -> Floats:
        """How often each code below `size` occurs in each window, shape (windows, size); O(n)."""
        flat = np.bincount(self.piece * size + codes, minlength=self.pieces * size).reshape(-1, size)
        running = np.cumsum(flat, axis=0)
        counts: Floats = (running[self.last] - running[self.first]).astype(np.float64)
        return counts
