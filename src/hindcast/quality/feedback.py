"""How long labels take in a table, with those that have not come yet counted as waiting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.columns import Frame
from hindcast.errors import ConfigError
from hindcast.labels.delay import delay_curve
from hindcast.values import NEVER, duration_text

__all__ = ["Delay", "measure_delay"]

STEPS = 80


@dataclass(frozen=True, slots=True)
class Delay:
    """How long labels take, from the row's time to the label's.

    Parameters
    ----------
    known : int
        Rows with both times.
    unknown : int
        Rows without the label's time: never, or not yet.
    median_us, p90_us, p99_us : int
        Of those known: too short where many are unknown.
    age_us : tuple of int
        Rising ages.
    share, low, high : tuple of float
        The share of all rows whose label is known by each age, by the product-limit estimate, with its 95% interval.
    half_us, most_us : float
        The ages by which half and nine tenths of all rows have their label; NaN where the curve does not get there.
    half_low_us, half_high_us : float
        The interval of the former.
    notes : tuple of str
    """

    known: int
    unknown: int
    median_us: int
    p90_us: int
    p99_us: int
    age_us: tuple[int, ...]
    share: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    half_us: float
    half_low_us: float
    half_high_us: float
    most_us: float
    notes: tuple[str, ...] = ()

    def sentence(self) -> str:
        """What to expect, in words."""
        whole = self.known + self.unknown
        waits = [
            f"{name} of all rows have their label after {duration_text(int(at))}"
            for name, at in (("half", self.half_us), ("nine in ten", self.most_us))
            if at == at  # noqa: PLR0124
        ]
        reached = ", ".join(waits) if waits else "half of the rows never had a label for as long as anybody watched"
        rest = f"; {self.unknown:,} of {whole:,} rows have no moment of the label" if self.unknown else ""
        return f"{reached[:1].upper()}{reached[1:]}{rest}."

    def describe(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {name: list(v) if isinstance(v := getattr(self, name), tuple) else v for name in self.__slots__}


def measure_delay(frame: Frame, time: str, label_time: str) -> Delay | None:
    """The delays from `time` to `label_time`; None where no row has both.

    Raises
    ------
    ConfigError
        When `label_time` holds no times.

    Examples
    --------
    >>> from hindcast.columns import Column
    >>> asked = Column("time", np.arange(4, dtype=np.int64) * 3_600_000_000)
    >>> settled = Column("time", asked.values + 7_200_000_000, np.array([True, True, True, False]))
    >>> found = measure_delay(Frame.of({"at": asked, "settled": settled}), "at", "settled")
    >>> found.known, found.unknown, found.median_us == 7_200_000_000
    (3, 1, True)
    """
    asked, known = frame[time], frame[label_time]
    if known.kind != "time":
        raise ConfigError(f"label_time={label_time!r} holds {known.kind} values, not times.")
    there = asked.present()
    both = there & known.present()
    if not both.any():
        return None
    median, p90, p99 = (int(v) for v in np.quantile((known.values - asked.values)[both], [0.5, 0.9, 0.99]))
    curve = delay_curve(asked.values[there], np.where(both, known.values, NEVER)[there])
    low, high = curve.bounds()
    steps = np.unique(np.linspace(0, len(curve.age) - 1, min(STEPS, len(curve.age))).round().astype(np.int64))
    half = curve.quantile(0.5)
    return Delay(
        int(both.sum()),
        int(there.sum() - both.sum()),
        median,
        p90,
        p99,
        tuple(curve.age[steps].tolist()),
        tuple(curve.known[steps].tolist()),
        tuple(low[steps].tolist()),
        tuple(high[steps].tolist()),
        half.value,
        half.low,
        half.high,
        curve.quantile(0.9).value,
        curve.notes,
    )
