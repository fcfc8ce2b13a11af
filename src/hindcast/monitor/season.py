"""Kinds of moments: what a Sunday night is compared with are Sunday nights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hindcast.values import DAY_US, HOUR_US, Floats, Ints, local_hour, local_weekday

__all__ = ["Season", "Volume"]

_WEEK = 168
_BAND_HOURS = 6


@dataclass(frozen=True, slots=True)
class Season:
    """Hour bands and weekdays of a zone's calendar, as far as the reference is long enough to know them.

    Parameters
    ----------
    zone : str
        The calendar's zone.
    hours, weekdays : bool
        Whether quarters of the day, and days of the week, are told apart.
    """

    zone: str
    hours: bool
    weekdays: bool

    @staticmethod
    def of(span_us: int, zone: str) -> Season:
        """What a reference of that length can tell apart: hours from 3 days on, weekdays from 3 weeks on."""
        return Season(zone, hours=span_us >= 3 * DAY_US, weekdays=span_us >= 21 * DAY_US)

    @property
    def kinds(self) -> int:
        return (24 // _BAND_HOURS if self.hours else 1) * (7 if self.weekdays else 1)

    def of_moments(self, moments_us: Ints) -> Ints:
        """The kind of each moment, shape (n,), 0 to kinds - 1."""
        kind = np.zeros(len(moments_us), dtype=np.int64)
        if self.hours:
            kind += local_hour(moments_us, self.zone).astype(np.int64) // _BAND_HOURS
        if self.weekdays:
            kind += local_weekday(moments_us, self.zone).astype(np.int64) * (24 // _BAND_HOURS if self.hours else 1)
        return kind


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """How many requests each hour of a week brings, shape (168,), hours of UTC; an empty hour of the week is known
    to be empty, one never covered by the reference takes the mean."""

    per_hour: Floats

    @staticmethod
    def of(as_of: Ints, start_us: int, stop_us: int, *, without: tuple[int, int] = (0, 0)) -> Volume:
        """Mean requests per hour of the week over [start, stop), leaving out the moments `without` = (from, to)."""
        hours = np.arange(start_us // HOUR_US, -(-stop_us // HOUR_US))
        used = (hours * HOUR_US < without[0]) | (hours * HOUR_US >= without[1])
        kept = as_of[(as_of < without[0]) | (as_of >= without[1])]
        covered = np.bincount(hours[used] % _WEEK, minlength=_WEEK)
        rows = np.bincount(kept // HOUR_US % _WEEK, minlength=_WEEK)
        mean = rows.sum() / max(1, covered.sum())
        return Volume(np.where(covered > 0, rows / np.maximum(covered, 1), mean))

    def expected(self, start_us: Ints, stop_us: Ints) -> Floats:
        """Expected number of requests in each [start, stop), shape (n,)."""
        return self._before(stop_us) - self._before(start_us)

    def _before(self, moment_us: Ints) -> Floats:
        total = np.concatenate([[0.0], np.cumsum(self.per_hour)])
        hour = moment_us // HOUR_US
        part = (moment_us - hour * HOUR_US) / HOUR_US
        week, at = hour // _WEEK, hour % _WEEK
        result: Floats = week * total[-1] + total[at] + part * self.per_hour[at]
        return result
