"""A table over time: rows, labels, their rate and the gaps of its columns, period by period."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hindcast.columns import Frame
from hindcast.metrics import wilson
from hindcast.quality.framing import Framing
from hindcast.values import DAY_US, HOUR_US, Bools, Floats, Ints, iso

__all__ = ["Rate", "Timeline", "gaps_over", "measure_timeline"]

MOST_PERIODS = 60
MOST_CLASSES = 4
MONDAY_US = 4 * DAY_US
"""1970-01-05: weeks begin on Mondays."""
SECOND_US = 1_000_000
LENGTHS = tuple(
    [n * SECOND_US for n in (1, 10, 60, 300, 900)]
    + [n * HOUR_US for n in (1, 3, 6, 12)]
    + [n * DAY_US for n in (1, 2, 7, 14, 28, 91, 364, 3_640)]
)


@dataclass(frozen=True, slots=True)
class Rate:
    """What the label was, period by period.

    Parameters
    ----------
    name : str
        The class, or ``"median"`` of an amount.
    value, low, high : tuple of float
        The share of the class with Wilson's 95% interval; of an amount the median, and the middle half of the rows.
        NaN in a period without labels.
    """

    name: str
    value: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Timeline:
    """Rows and labels by periods of equal length; the first and the last may be cut short.

    Parameters
    ----------
    start_us : tuple of int
        Where each period begins, microseconds since 1970 UTC.
    length_us : int
    rows, labelled : tuple of int
    rates : tuple of Rate
    gaps : mapping from column to tuple of float
        The share of rows without a value, NaN in a period without rows; only columns that lack values.
    """

    start_us: tuple[int, ...]
    length_us: int
    rows: tuple[int, ...]
    labelled: tuple[int, ...]
    rates: tuple[Rate, ...]
    gaps: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "start": [iso(at) for at in self.start_us],
            "period_seconds": self.length_us / 1e6,
            "rows": list(self.rows),
            "labelled": list(self.labelled),
            "rates": [{name: getattr(rate, name) for name in Rate.__slots__} for rate in self.rates],
            "gaps": {name: list(shares) for name, shares in self.gaps.items()},
        }


def measure_timeline(frame: Frame, time: str, framing: Framing, gaps: list[str]) -> Timeline | None:
    """Rows of `frame` by the periods of its column `time`: at most 60, of a usual length; None without any moment.

    Examples
    --------
    >>> from hindcast.columns import Column
    >>> from hindcast.quality.framing import frame_question
    >>> at = Column("time", np.arange(48, dtype=np.int64) * HOUR_US)
    >>> label = Column.of([i % 4 == 0 for i in range(48)])
    >>> found = measure_timeline(Frame.of({"at": at, "y": label}), "at", frame_question(label, "y"), [])
    >>> len(found.start_us), found.length_us == HOUR_US, sum(found.rows), found.rates[0].value[:2]
    (48, True, 48, (1.0, 0.0))
    """
    there = frame[time].present()
    moments = frame[time].values
    if not there.any():
        return None
    first, last = int(moments[there].min()), int(moments[there].max())
    fits = (length for length in LENGTHS if _place(last, length) - _place(first, length) < MOST_PERIODS)
    length = next(fits, LENGTHS[-1])
    begin = _place(first, length)
    periods = _place(last, length) - begin + 1
    period: Ints = np.full(len(moments), -1, dtype=np.int64)
    period[there] = (moments[there] - MONDAY_US) // length - begin
    start = tuple((begin + at) * length + MONDAY_US for at in range(periods))
    known = there & ~np.isnan(framing.label)
    return Timeline(
        start,
        length,
        _counts(period[there], periods),
        _counts(period[known], periods),
        _rates(framing, period, known, periods),
        {name: gaps_over(~frame[name].present(), period, periods) for name in gaps},
    )


def gaps_over(gone: Bools, period: Ints, periods: int) -> tuple[float, ...]:
    """The share of rows that lack a value in each period; rows of period -1 are left out."""
    inside = period >= 0
    rows = np.bincount(period[inside], minlength=periods).astype(np.float64)
    missing = np.bincount(period[inside & gone], minlength=periods)
    shares = np.full(periods, np.nan)
    np.divide(missing, rows, out=shares, where=rows > 0)
    return tuple(shares.tolist())


def _place(at: int, length: int) -> int:
    return (at - MONDAY_US) // length


def _counts(period: Ints, periods: int) -> tuple[int, ...]:
    return tuple(np.bincount(period, minlength=periods).tolist())


def _rates(framing: Framing, period: Ints, known: Bools, periods: int) -> tuple[Rate, ...]:
    if framing.kind == "unlabelled":
        return ()
    at, label = period[known], framing.label[known]
    if framing.kind == "regression":
        order = np.argsort(at, kind="stable")
        parts = np.split(label[order], np.searchsorted(at[order], np.arange(1, periods)))
        cuts = [np.quantile(part, [0.5, 0.25, 0.75]).tolist() if part.size else [float("nan")] * 3 for part in parts]
        return (Rate("median", *(tuple(series) for series in zip(*cuts, strict=True))),)
    n: Floats = np.bincount(at, minlength=periods).astype(np.float64)
    watched = [1] if framing.kind == "binary" else range(min(len(framing.classes), MOST_CLASSES))
    rates = []
    for code in watched:
        hits = np.bincount(at[label == code], minlength=periods)
        bounds = [wilson(float(k), float(m)) for k, m in zip(hits, n, strict=True)]
        share = [float(k / m) if m else float("nan") for k, m in zip(hits, n, strict=True)]
        low, high = ([float(b[end]) if m else float("nan") for b, m in zip(bounds, n, strict=True)] for end in (0, 1))
        rates.append(Rate(str(framing.classes[code]), tuple(share), tuple(low), tuple(high)))
    return tuple(rates)
