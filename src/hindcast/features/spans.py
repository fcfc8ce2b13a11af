"""Spans: which stretch of time before as_of a window covers.

Four kinds, each a function from as_of to ``lo <= event time < hi``, and both ends never move back when time goes on:

* a duration, ``"24h"``, or a pair of offsets, ``("-1h", "+2h")``,
* ``"all"``: everything that happened before,
* local calendar units: :func:`to_date` and :func:`last_full`,
* a :func:`session`: the run of facts without a long gap that ends now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from hindcast.errors import ConfigError
from hindcast.parameters import choice
from hindcast.values import DAY_US, NEVER, Duration, Ints, duration_text, duration_us, from_local, zone_offset_us

__all__ = ["Span", "last_full", "session", "spans_of", "to_date", "unit_edges"]

Kind = Literal["offsets", "calendar", "session"]
UNITS = ("day", "week", "month", "quarter", "year")
_LONGEST_DAYS = {"day": 2, "week": 8, "month": 32, "quarter": 93, "year": 367}


@dataclass(frozen=True)
class Span:
    """A stretch of time before as_of.

    Attributes
    ----------
    kind : {"offsets", "calendar", "session"}
    lo_us, hi_us : int
        offsets: facts with ``t - lo <= event < t - hi``; session: `lo_us` is how far back it looks.
    text : str
        How it is spelled in names.
    tile_us : int
        offsets: ``t - lo`` is rounded down to a multiple of this since 1970 UTC; 0 does not round.
    unit, zone : str
        calendar: the local unit.
    back : int
        calendar: 0 for the current unit up to t, 1 for the last full one.
    gap_us : int
        session: neighbours further apart than this are of two sessions.
    """

    kind: Kind
    lo_us: int
    hi_us: int
    text: str
    tile_us: int = 0
    unit: str = ""
    zone: str = ""
    back: int = 0
    gap_us: int = 0

    @property
    def reach_us(self) -> int:
        """No fact older than this is ever inside; NEVER where there is no such bound."""
        return min(NEVER, self.lo_us + self.tile_us)

    def describe(self) -> dict[str, Any]:
        if self.kind == "offsets":
            return {"lo_us": self.lo_us, "hi_us": self.hi_us, "text": self.text, "tile_us": self.tile_us}
        if self.kind == "calendar":
            return {"unit": self.unit, "zone": self.zone, "back": self.back, "text": self.text}
        return {"gap_us": self.gap_us, "at_most_us": self.lo_us, "text": self.text}


Over = Duration | Span | tuple[Duration, Duration]


def to_date(unit: str, *, zone: str = "UTC") -> Span:
    """From the start of the current local day, week, month, quarter or year to as_of.

    Weeks start on Monday. A unit starts at the first instant of its first local date, so a day may have 23 or 25
    hours. For as_of from 1970 to 2100.

    Examples
    --------
    >>> to_date("day", zone="America/New_York").text
    'day_to_date'
    """
    return _calendar(unit, zone, 0, f"{unit}_to_date")


def last_full(unit: str, *, zone: str = "UTC") -> Span:
    """The last complete local day, week, month, quarter or year before as_of; see :func:`to_date`.

    Examples
    --------
    >>> last_full("month").text
    'last_full_month'
    """
    return _calendar(unit, zone, 1, f"last_full_{unit}")


def session(gap: Duration, *, at_most: Duration = "24h") -> Span:
    """The run of facts that goes on at as_of: neighbours at most `gap` apart, the newest at most `gap` ago.

    Parameters
    ----------
    gap : duration
        A longer silence ends a session; without a fact in the last `gap` the session is empty.
    at_most : duration, default "24h"
        Facts older than this do not count, however long the run: it bounds what must be kept.

    Notes
    -----
    Read by walking back from the newest fact: cost grows with the session's length.
    """
    gap_us = duration_us(gap, what="session gap")
    most_us = duration_us(at_most, what="session at_most")
    if not 0 < gap_us <= most_us:
        raise ConfigError(f"session needs 0 < gap <= at_most, got a gap of {gap} and at most {at_most}.")
    return Span("session", most_us, 0, f"session_{_spelled(gap, gap_us)}", gap_us=gap_us)


def spans_of(over: Over | Sequence[Over], lag_us: int, tile_us: int, where: str) -> tuple[Span, ...]:
    """What ``over=`` says, as spans; `where` names the window in errors."""
    single = isinstance(over, str | bytes | Span) or _is_pair(over) or not isinstance(over, Sequence)
    lengths = [over] if single else list(over)  # type: ignore[arg-type]
    if not lengths:
        raise ConfigError(f"{where}: over needs at least one length.")
    return tuple(_span(length, lag_us, tile_us, where) for length in lengths)  # type: ignore[arg-type]


@lru_cache(maxsize=64)
def unit_edges(unit: str, zone: str) -> Ints:
    """The UTC moments at which a local unit begins, from 1970 to 2100, rising; shape (n,)."""
    first, last = np.datetime64("1970-01-01"), np.datetime64("2100-01-01")
    if unit == "day":
        dates = np.arange(first, last)
    elif unit == "week":
        dates = np.arange(first - 3, last, 7)  # 1970 began on a Thursday
    else:
        dates = np.arange(first, last, dtype="datetime64[M]")[:: {"month": 1, "quarter": 3, "year": 12}[unit]]
    clock = dates.astype("datetime64[us]").astype(np.int64)
    edges, _ = from_local(clock, zone)
    return edges


def _calendar(unit: str, zone: str, back: int, text: str) -> Span:
    choice("calendar unit", unit, UNITS, where="over")
    if not isinstance(zone, str):
        raise ConfigError(f"zone must name a time zone, such as 'Europe/Paris', got {zone!r}.")
    zone_offset_us(np.zeros(1, dtype=np.int64), zone)  # an unknown zone is refused here
    reach = (1 + back) * _LONGEST_DAYS[unit] * DAY_US
    return Span("calendar", reach, 0, text, unit=unit, zone=zone, back=back)


def _is_pair(over: Any) -> bool:
    return (
        isinstance(over, tuple)
        and len(over) == 2
        and all(isinstance(end, str) and end.strip()[:1] in "+-" for end in over)
    )


def _span(length: Over, lag_us: int, tile_us: int, where: str) -> Span:
    lag = f"_lag_{duration_text(lag_us)}" if lag_us else ""
    if isinstance(length, Span):
        if lag_us or tile_us:
            raise ConfigError(f"{where}: lag and tile are for windows of a fixed length, not for {length.text}.")
        return length
    if isinstance(length, str) and length == "all":
        if tile_us:
            raise ConfigError(f"{where}: a tile rounds where a window begins, and {length!r} never does.")
        return Span("offsets", NEVER, lag_us, "all" + lag)
    if isinstance(length, tuple):
        first, last = (duration_us(end, what=f"{where} over", signed=True) for end in length)
        if first >= last:
            raise ConfigError(f"{where}: the span {length!r} ends before it starts.")
        if lag_us or tile_us:
            raise ConfigError(f"{where}: the span {length!r} takes no lag and no tile; give its ends as they are.")
        return Span("offsets", -first, -last, f"from_{_signed(first)}_to_{_signed(last)}")
    us = duration_us(length, what=f"{where} over")
    if us == 0:
        raise ConfigError(f"{where}: a window needs a length above zero.")
    if tile_us > us:
        raise ConfigError(f"{where}: a tile of {duration_text(tile_us)} is longer than the window of {length}.")
    tile = f"_tile_{duration_text(tile_us)}" if tile_us else ""
    return Span("offsets", us + lag_us, lag_us, _spelled(length, us) + lag + tile, tile_us)


def _spelled(length: Duration, us: int) -> str:
    """A duration as the user spelled it: ``"1d"`` stays 1d in a feature's name, though it is 24h."""
    return "".join(length.split()).lstrip("+") if isinstance(length, str) else duration_text(us)


def _signed(us: int) -> str:
    return f"minus_{duration_text(-us)}" if us < 0 else duration_text(us)
