"""Where a window lies at a moment, found the slow and obvious way: by a calendar, or by walking back through facts.

All bounds are half open, ``lo <= event < hi``, in microseconds since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hindcast.errors import UnknownName

__all__ = ["UNITS", "last_full_bounds", "local_unit", "session_start", "tiled", "to_date_bounds", "unit_before"]

UNITS = ("day", "week", "month", "quarter", "year")
"""The calendar's units that a window can follow; weeks begin on Monday."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def local_unit(t: int, unit: str, zone: str) -> date:
    """The first day of the unit that a calendar in `zone` shows at `t`.

    Examples
    --------
    >>> from hindcast.values import moment_us
    >>> local_unit(moment_us("2024-11-03T02:00:00Z"), "week", "America/New_York").isoformat()
    '2024-10-28'
    """
    today = (_EPOCH + timedelta(microseconds=t)).astimezone(ZoneInfo(zone)).date()
    match unit:
        case "day":
            return today
        case "week":
            return today - timedelta(days=today.weekday())
        case "month":
            return today.replace(day=1)
        case "quarter":
            return today.replace(month=3 * ((today.month - 1) // 3) + 1, day=1)
        case "year":
            return today.replace(month=1, day=1)
    raise UnknownName("unit", unit, UNITS, where="a calendar window")


def unit_before(first: date, unit: str) -> date:
    """The first day of the unit that ends where the one that begins on `first` begins."""
    if unit == "day":
        return first - timedelta(days=1)
    if unit == "week":
        return first - timedelta(days=7)
    last = first - timedelta(days=1)
    match unit:
        case "month":
            return last.replace(day=1)
        case "quarter":
            return last.replace(month=first.month - 3 if first.month > 3 else 10, day=1)
        case "year":
            return last.replace(month=1, day=1)
    raise UnknownName("unit", unit, UNITS, where="a calendar window")


def _midnight(day: date, zone: str) -> int:
    """The moment at which `day` begins in `zone`: the earlier of two midnights; a skipped one is the jump itself."""
    local = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone), fold=0)
    return (local.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)


def to_date_bounds(t: int, unit: str, zone: str) -> tuple[int, int]:
    """From the start of the local unit that `t` lies in, to `t`.

    Examples
    --------
    A day on which the clock goes back is 25 hours long:

    >>> from hindcast.values import HOUR_US, moment_us
    >>> lo, hi = to_date_bounds(moment_us("2024-11-04T04:59:00Z"), "day", "America/New_York")
    >>> (hi - lo) / HOUR_US > 24
    True
    """
    return _midnight(local_unit(t, unit, zone), zone), t


def last_full_bounds(t: int, unit: str, zone: str) -> tuple[int, int]:
    """The last local unit that is over at `t`.

    Examples
    --------
    >>> from hindcast.values import HOUR_US, iso, moment_us
    >>> lo, hi = last_full_bounds(moment_us("2024-05-15T12:00:00Z"), "quarter", "UTC")
    >>> iso(lo), iso(hi)
    ('2024-01-01T00:00:00Z', '2024-04-01T00:00:00Z')
    """
    first = local_unit(t, unit, zone)
    return _midnight(unit_before(first, unit), zone), _midnight(first, zone)


def session_start(events: Sequence[int], t: int, gap_us: int, at_most_us: int) -> int:
    """When the session that is open at `t` began: the first of the run of facts in which neighbours are at most a gap
    apart and whose newest is at most a gap before `t`; `t` itself when none is open.

    Examples
    --------
    >>> session_start([1, 20, 25, 31], t=40, gap_us=10, at_most_us=1_000)
    20
    >>> session_start([1, 20, 25, 31], t=42, gap_us=10, at_most_us=1_000)
    42
    """
    start = t
    for event in sorted((e for e in events if t - at_most_us <= e < t), reverse=True):
        if start - event > gap_us:
            break
        start = event
    return start


def tiled(lo: int, tile_us: int | None) -> int:
    """`lo`, or the multiple of the tile at or before it: the far end of a tiled window moves in whole tiles."""
    return lo if tile_us is None else lo // tile_us * tile_us
