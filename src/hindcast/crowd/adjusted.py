"""p-values of many tests at once."""

from __future__ import annotations

import numpy as np

from hindcast.values import Floats

__all__ = ["holm"]


def holm(p: Floats) -> Floats:
    """p-values adjusted so that the chance of any false alarm among them is bounded; NaN stays and does not count.

    References
    ----------
    Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics 6(2), 1979.

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, np.nan])).tolist()
    [0.02, 0.04, nan]
    """
    result = np.full(p.shape, np.nan)
    there = np.flatnonzero(~np.isnan(p))
    order = there[np.argsort(p[there], kind="stable")]
    steps = p[order] * (len(order) - np.arange(len(order)))
    result[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return result
