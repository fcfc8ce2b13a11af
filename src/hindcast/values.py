"""Moments, durations and identities: the values every room shares.

Inside, a moment is int64 microseconds since 1970 UTC and a duration int64 microseconds; names say so (``_us``).
At the border a moment is an aware ``datetime`` or ISO text, a duration a ``timedelta`` or text like ``"90m"``.
An identity is the SHA-256 of canonical JSON: the same value has the same name on every machine.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from hindcast.errors import ConfigError, DataError

__all__ = [
    "BEGINNING",
    "DAY_US",
    "HOUR_US",
    "NEVER",
    "Duration",
    "Ints",
    "Floats",
    "Bools",
    "Moment",
    "canonical",
    "digest",
    "duration_text",
    "duration_us",
    "from_local",
    "iso",
    "local_hour",
    "local_weekday",
    "moment_us",
    "zone_offset_us",
]

Moment = datetime | date | str | int
Duration = timedelta | str
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SECOND_US = 1_000_000
HOUR_US = 3_600 * SECOND_US
DAY_US = 24 * HOUR_US
NEVER = 1 << 61
"""A moment after every moment; far enough from the end of int64 that any window can be added to it."""
BEGINNING = -(1 << 61)
"""A moment before every moment: the known time of what was always known."""
LONGEST_US = 9_998 * 366 * DAY_US
"""No duration is longer, so that a sum of a moment and a few durations stays within int64."""

_UNITS = {
    "us": 1,
    "ms": 1_000,
    "s": SECOND_US,
    "m": 60 * SECOND_US,
    "h": HOUR_US,
    "d": DAY_US,
    "w": 7 * DAY_US,
}
_DURATION = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(us|ms|s|m|h|d|w)\s*")


def duration_us(value: Duration, *, what: str = "duration", signed: bool = False) -> int:
    """Microseconds of a duration such as ``"90m"``, ``"1d12h"`` or a ``timedelta``.

    Units are us, ms, s, m (minutes), h, d (24 hours) and w. Months and years have no fixed length and are
    refused. A sign stands in front and goes for the whole; without `signed` a duration below zero is refused. A
    fraction of a microsecond is rounded.

    Examples
    --------
    >>> duration_us("90m")
    5400000000
    >>> duration_us("1d12h") == 36 * HOUR_US
    True
    """
    if isinstance(value, timedelta):
        total = value // timedelta(microseconds=1)
    elif isinstance(value, str):
        text = value.strip()
        sign = -1 if text.startswith("-") else 1
        text = text[1:] if text[:1] in ("+", "-") else text
        amount, at = Fraction(0), 0
        while at < len(text):
            match = _DURATION.match(text, at)
            if match is None:
                break
            amount += Fraction(match[1]) * _UNITS[match[2]]
            at = match.end()
        total = sign * round(amount)
        if not text or at != len(text):
            raise ConfigError(
                f"{what}: {value!r} is not a duration. Write it like '30s', '90m', '24h', '7d' or '1d12h'."
            )
    else:
        raise ConfigError(f"{what}: expected a duration like '24h' or a timedelta, got {value!r}.")
    if total < 0 and not signed:
        raise ConfigError(f"{what}: {value!r} is below zero.")
    if abs(total) > LONGEST_US:
        raise ConfigError(f"{what}: {value!r} is longer than 9,998 years.")
    return total


def duration_text(us: int) -> str:
    """The shortest exact text of a duration in one unit; the inverse of :func:`duration_us`.

    Examples
    --------
    >>> duration_text(5_400_000_000), duration_text(24 * HOUR_US), duration_text(0)
    ('90m', '24h', '0s')
    """
    if us == 0:
        return "0s"
    for unit in ("d", "h", "m", "s", "ms"):
        size = _UNITS[unit]
        if us % size == 0 and (unit != "d" or us >= 2 * size):
            return f"{us // size}{unit}"
    return f"{us}us"


def moment_us(value: Moment, *, what: str = "moment") -> int:
    """Microseconds of an aware datetime, an ISO text, a date (midnight UTC) or microseconds themselves.

    A text or datetime without a zone is read as UTC only when it is a bare date; a bare clock time is refused,
    since nobody can know whose clock it was.

    Examples
    --------
    >>> moment_us("2013-07-01") == moment_us("2013-07-01T00:00:00Z") == moment_us("2013-06-30T20:00:00-04:00")
    True
    """
    if isinstance(value, bool):
        raise ConfigError(f"{what}: expected a moment, got {value!r}.")
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, str):
        try:
            if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value.strip()):
                return moment_us(date.fromisoformat(value.strip()))
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise ConfigError(
                f"{what}: {value!r} is not a moment. Write it like '2013-07-01' or '2013-07-01T06:00:00Z'."
            ) from None
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise ConfigError(f"{what}: {value.isoformat()} has no zone. Add one, such as 'Z' for UTC.")
        return (value - _EPOCH) // timedelta(microseconds=1)
    if isinstance(value, date):
        return (datetime(value.year, value.month, value.day, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
    raise ConfigError(f"{what}: expected a moment, got {value!r}.")


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def iso(us: int) -> str:
    """A moment as ISO text in UTC, to the second unless it has a fraction.

    Examples
    --------
    >>> iso(moment_us("2013-07-01T06:30:00Z")), iso(NEVER), iso(BEGINNING)
    ('2013-07-01T06:30:00Z', 'never', 'always')

    A moment outside the years 1 to 9999 has no such text and is told in microseconds.
    """
    if us >= NEVER:
        return "never"
    if us <= BEGINNING:
        return "always"
    try:
        return (_EPOCH + timedelta(microseconds=int(us))).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return f"{us} us since 1970"


# ---- local time -----------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ConfigError(f"no time zone {name!r}. Use a name of the IANA list, such as 'America/New_York'.") from None


def _offset_at(seconds: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(seconds, zone).utcoffset()
    return 0 if offset is None else round(offset.total_seconds())


@lru_cache(maxsize=256)
def _transitions(name: str, year: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Seconds at which `name`'s offset changes within `year`, and the offset from each of them on."""
    zone = _zone(name)
    start = int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
    stop = int(datetime(year + 1, 1, 1, tzinfo=UTC).timestamp())
    moments, offsets = [start], [_offset_at(start, zone)]
    for day in range(start, stop, 86_400):
        low, high = day - 1, min(day + 86_400, stop) - 1  # the offset may change at midnight itself
        if _offset_at(high, zone) == offsets[-1]:
            continue
        while high - low > 1:
            middle = (low + high) // 2
            if _offset_at(middle, zone) == offsets[-1]:
                low = middle
            else:
                high = middle
        moments.append(high)
        offsets.append(_offset_at(high, zone))
    return tuple(moments), tuple(offsets)


def zone_offset_us(moments_us: Ints | Floats, zone: str) -> Ints:
    """What to add to UTC moments to read a clock in `zone`, in microseconds, shape (n,).

    Right for every second of the years 2 to 9998, the hours that occur twice included. A null, NaN in floats, is
    answered with 0, so that it stays null when added. Cost: a binary search per moment, after a few hundred look-ups
    per year touched.

    Raises
    ------
    ConfigError, DataError
        For a zone nobody knows; for a moment outside those years.
    """
    moments, known = _moments(moments_us)
    if not known.any():
        return np.zeros(len(moments), dtype=np.int64)
    first, last = (_year(int(end)) for end in (moments[known].min(), moments[known].max()))
    pairs = [_transitions(zone, year) for year in range(first, last + 1)]
    starts = np.concatenate([np.asarray(p[0], dtype=np.int64) for p in pairs]) * SECOND_US
    offsets = np.concatenate([np.asarray(p[1], dtype=np.int64) for p in pairs]) * SECOND_US
    return np.where(known, offsets[np.searchsorted(starts, moments, side="right") - 1], 0)


def _moments(moments_us: Ints | Floats) -> tuple[Ints, Bools]:
    """Whole microseconds, and where there are any: a column of times with nulls comes as floats with NaN."""
    values = np.asarray(moments_us)
    if values.dtype.kind != "f":
        return values.astype(np.int64, copy=False), np.ones(len(values), dtype=np.bool_)
    known = ~np.isnan(values)
    return np.where(known, values, 0).astype(np.int64), known


def _year(us: int) -> int:
    seconds = us // SECOND_US
    if not _FIRST_S <= seconds < _LAST_S:
        raise DataError(f"{iso(us)} has no local time here; the years 2 to 9998 have")
    return datetime.fromtimestamp(seconds, UTC).year


_FIRST_S = int(datetime(2, 1, 1, tzinfo=UTC).timestamp())
_LAST_S = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp())


def local_hour(moments_us: Ints | Floats, zone: str) -> Floats:
    """The hour, 0 to 23, that a clock in `zone` shows at each UTC moment, shape (n,); NaN for null.

    Examples
    --------
    >>> local_hour(np.array([moment_us("2013-07-01T06:30:00Z")]), "America/New_York")
    array([2.])
    """
    moments, known = _moments(moments_us)
    return np.where(known, (moments + zone_offset_us(moments, zone)) // HOUR_US % 24, np.nan)


def local_weekday(moments_us: Ints | Floats, zone: str) -> Floats:
    """The day of the week in `zone`, 0 for Monday to 6 for Sunday, at each UTC moment, shape (n,); NaN for null.

    Examples
    --------
    >>> local_weekday(np.array([moment_us("2013-07-01T06:30:00Z"), np.nan]), "America/New_York")
    array([ 0., nan])
    """
    moments, known = _moments(moments_us)
    return np.where(known, ((moments + zone_offset_us(moments, zone)) // DAY_US + 3) % 7, np.nan)


def from_local(clock_us: Ints, zone: str, *, second: Bools | bool = False) -> tuple[Ints, Bools]:
    """UTC moments of what a clock in `zone` showed, given as microseconds since 1970 on that clock.

    Parameters
    ----------
    clock_us : int64 array, shape (n,)
    zone : str
        A name of the IANA list.
    second : bool or bool array
        For an hour that occurs twice: whether the second occurrence is meant.

    Returns
    -------
    moments_us : int64 array, shape (n,)
        A time the clock skipped (spring) is read as if it had not been skipped, so an hour later.
    odd : bool array, shape (n,)
        Where the clock's time occurred twice or never.
    """
    clock = np.asarray(clock_us, dtype=np.int64)
    before = clock - zone_offset_us(clock - DAY_US, zone)
    after = clock - zone_offset_us(clock + DAY_US, zone)
    fits_before = before + zone_offset_us(before, zone) == clock
    fits_after = after + zone_offset_us(after, zone) == clock
    twice = fits_before & fits_after & (before != after)
    never = ~fits_before & ~fits_after
    earlier, later = np.minimum(before, after), np.maximum(before, after)
    result = np.where(twice, np.where(second, later, earlier), np.where(fits_before | never, before, after))
    return result, twice | never


# ---- identity -------------------------------------------------------------------------------------------


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        number = float(value)
        return number if math.isfinite(number) else {"float": repr(number)}
    if hasattr(value, "describe"):
        return _plain(value.describe())
    if is_dataclass(value) and not isinstance(value, type):
        return {"is": type(value).__name__, **{f.name: _plain(getattr(value, f.name)) for f in fields(value)}}
    if isinstance(value, Mapping):
        named = {str(key): _plain(item) for key, item in value.items()}
        if len(named) != len(value):
            raise ConfigError(f"{value!r:.200} has two keys with one spelling, so no canonical form.")
        return named
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((_plain(item) for item in value), key=_json)
    if isinstance(value, np.ndarray):
        return [_plain(item) for item in value.tolist()]
    raise ConfigError(f"{value!r} of type {type(value).__name__} has no canonical form.")


def canonical(value: Any) -> bytes:
    """Canonical JSON: sorted keys, no spaces, NaN and infinities spelled out; dataclasses by their fields.

    An object may offer ``describe()`` to choose what stands for it.

    Examples
    --------
    >>> canonical({"b": 1, "a": [1.5, None]})
    b'{"a":[1.5,null],"b":1}'
    """
    try:
        return _json(_plain(value)).encode()
    except UnicodeEncodeError as error:
        raise ConfigError(f"half a character is not proper text and has no canonical form: {error}.") from None


def _json(plain: Any) -> str:
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any, *, length: int = 16) -> str:
    """The first `length` hex digits of the SHA-256 of ``canonical(value)``, or of bytes as they are."""
    data = value if isinstance(value, bytes) else canonical(value)
    return sha256(data).hexdigest()[:length]
