"""How long labels take, and the age at which they may be used.

The label delay is ``label_known - as_of``. Its quantiles are measured on the labels known so far, so they are
biased low: of the youngest rows only the fast labels have come, and rows that never get a label do not count at
all. A declared maturity has no such bias; prefer it where the process is understood.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.parameters import share, whole
from hindcast.trainset.spine import Spine
from hindcast.trainset.target import Binary
from hindcast.values import NEVER, Ints, iso

__all__ = ["delay_quantiles", "label_delays", "maturity_of"]


def label_delays(spine: Spine, now_us: int = NEVER) -> Ints:
    """The delays, in microseconds, of the labels visible at `now_us`, in the spine's order.

    A label known before its as_of has a delay below zero.
    """
    if not isinstance(spine, Spine):
        raise ConfigError(f"delays are those of a Spine, got {spine!r:.80}.")
    now_us = whole("now_us", now_us)
    visible = spine.visible(now_us) & (spine.as_of <= now_us)
    return spine.label_known[visible] - spine.as_of[visible]


def delay_quantiles(spine: Spine, shares: Sequence[float], now_us: int = NEVER) -> list[int]:
    """The delays that `shares` (each in [0, 1]) of the labels visible at `now_us` do not exceed, microseconds.

    Each is a delay that occurred, so the result is exact. No labels: DataError.
    """
    delays = label_delays(spine, now_us)
    if not len(delays):
        raise DataError(f"no label is known before {iso(now_us)}, so no delay could be measured; declare the maturity.")
    if not isinstance(shares, Sequence | np.ndarray) or isinstance(shares, str | bytes):
        raise ConfigError(f"shares are numbers in [0, 1], got {shares!r:.80}.")
    wanted = [share("a share of the labels", one, zero=True) for one in shares]
    return [int(q) for q in np.quantile(delays, wanted, method="inverted_cdf")]


def maturity_of(target: Binary, spine: Spine, now_us: int = NEVER) -> int:
    """The maturity of `target` in microseconds: declared, or implied by ``within=``, or measured at `now_us`.

    Measured, it is the target's `maturity_quantile` of the delays of the labels visible at `now_us` (never below
    zero), with the bias that the module names.

    Raises
    ------
    DataError
        When it has to be measured and no label is known yet.
    """
    if not isinstance(target, Binary):
        raise ConfigError(f"a maturity is that of a target, hindcast.Binary(...); got {target!r:.80}.")
    declared = target.maturity_us
    if declared is not None:
        return declared
    return max(0, delay_quantiles(spine, [target.maturity_quantile], now_us)[0])
