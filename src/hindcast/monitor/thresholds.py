"""Thresholds from a reference's own ripples: how large an effect must be to be rarer than a budget allows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hindcast.values import Floats

__all__ = ["Rarity", "Threshold"]

_PEAKS = 0.85


@dataclass(frozen=True, slots=True)
class Threshold:
    """What one statistic of one feature must exceed.

    Parameters
    ----------
    level : float
        The effect to exceed. NaN where nothing can be judged: the reference gave nothing to calibrate by, or its own
        ripples already fill the statistic's range (days of one weather each are as far apart as days can be).
    calibrated : float
        The part of it that comes from the reference: the effect that its ripples are expected to exceed
        ``budget / tests`` times a quarter, and at least the largest ripple seen.
    floor : float
        The declared least effect; `level` is the greater of the two.
    largest : float
        The largest effect among the reference's own windows.
    """

    level: float
    calibrated: float
    floor: float
    largest: float

    def to_plain(self) -> list[float | None]:
        """Level, calibrated, floor and largest as plain data; NaN as null."""
        values = (self.level, self.calibrated, self.floor, self.largest)
        return [value if math.isfinite(value) else None for value in values]

    @staticmethod
    def from_plain(values: Sequence[float | None]) -> Threshold:
        """The threshold that :meth:`to_plain` described."""
        return Threshold(*(math.nan if value is None else value for value in values))


def _surprise(x: Floats) -> Floats:
    inside = np.clip(x, 0.0, 1.0 - 1e-12)
    result: Floats = -np.log1p(-inside)
    return result


_SCALES: dict[str, tuple[Callable[[Floats], Floats], Callable[[float], float]]] = {
    "shift": (np.sqrt, lambda z: z * z),
    "shape": (_surprise, lambda z: -math.expm1(-z)),
    "null_share": (_surprise, lambda z: -math.expm1(-z)),
    "unseen_share": (_surprise, lambda z: -math.expm1(-z)),
    "volume": (lambda x: x, lambda z: z),
}
"""A scale on which each statistic's tail is about exponential, and back."""
_BOUNDED = frozenset({"shape", "null_share", "unseen_share"})
_BLIND = 0.95


@dataclass(frozen=True, slots=True)
class Rarity:
    """How rare an exceedance must be.

    Parameters
    ----------
    per_window : int
        Looks per window length.
    quarter : float
        Windows side by side in a quarter.
    budget : float
        Expected exceedances per quarter that one test may have.

    References
    ----------
    Coles, "An Introduction to Statistical Modeling of Extreme Values", 2001, chapter 4.
    """

    per_window: int
    quarter: float
    budget: float

    def threshold(self, statistic: str, effects: Floats, floor: float) -> Threshold:
        """Peaks over a threshold: the largest effect of each window's length of looks, an exponential tail fitted to
        their upper part (its mean excess made larger by its standard error), and the level of the wanted rarity."""
        scaled, back = _SCALES[statistic]
        known = np.isfinite(effects)
        if not known.any():
            return Threshold(math.nan, math.nan, floor, math.nan)
        starts = np.arange(0, effects.size, self.per_window)
        z = np.where(known, scaled(np.where(known, effects, 0.0)), -np.inf)
        peaks = np.maximum.reduceat(z, starts)
        peaks = peaks[np.isfinite(peaks)]
        base = float(np.quantile(peaks, _PEAKS))
        excess = peaks[peaks > base] - base
        largest = level = float(peaks.max())
        if excess.size:
            mean = float(excess.mean()) * (1.0 + 1.0 / math.sqrt(excess.size))
            per_quarter = self.quarter * excess.size / peaks.size
            level = max(largest, base + mean * math.log(max(1.0, per_quarter / self.budget)))
        calibrated = back(level)
        blind = statistic in _BOUNDED and calibrated > _BLIND
        return Threshold(math.nan if blind else max(calibrated, floor), calibrated, floor, back(largest))
