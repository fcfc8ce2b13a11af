"""Moments taken from a fact's own columns: ``before("scheduled", "2h")``, ``after("landed", "10m")``.

Also the one reading of a time column: whatever kind it came in, out come microseconds and what could not be read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hindcast.columns import Column
from hindcast.errors import ConfigError
from hindcast.values import Bools, Duration, Ints, duration_text, duration_us, from_local, moment_us

__all__ = ["Shift", "TimesRead", "after", "before", "read_times"]


@dataclass(frozen=True, slots=True)
class Shift:
    """The moment that lies a fixed duration from the time in a column.

    Parameters
    ----------
    column : str
        A time column of the same row.
    offset_us : int
        Microseconds to add; below zero is before.

    Examples
    --------
    >>> before("scheduled", "2h").describe()
    {'column': 'scheduled', 'offset': '-2h'}
    """

    column: str
    offset_us: int

    def __post_init__(self) -> None:
        if not isinstance(self.column, str) or not self.column:
            raise ConfigError(
                f"expected the name of a time column, got {self.column!r}. Write it like before('scheduled', '2h')."
            )

    def describe(self) -> dict[str, str]:
        """What identifies it, in plain values."""
        sign = "-" if self.offset_us < 0 else ""
        return {"column": self.column, "offset": sign + duration_text(abs(self.offset_us))}


def before(column: str, duration: Duration) -> Shift:
    """The moment `duration` before the time in `column`.

    Examples
    --------
    >>> before("scheduled", "90m")
    Shift(column='scheduled', offset_us=-5400000000)
    """
    return Shift(column, -duration_us(duration, what=f"before({column!r}, ...)"))


def after(column: str, duration: Duration) -> Shift:
    """The moment `duration` after the time in `column`.

    Examples
    --------
    >>> after("landed", "10m").offset_us
    600000000
    """
    return Shift(column, duration_us(duration, what=f"after({column!r}, ...)"))


@dataclass(frozen=True, slots=True, eq=False)
class TimesRead:
    """A column read as moments; every array has shape (n,).

    Parameters
    ----------
    us : int64 array
        Microseconds since 1970 UTC; 0 where there is none.
    present : bool array
        Where there is a moment.
    bad : bool array
        Where there was a value, but no moment could be read from it.
    odd : bool array
        Where a local clock's time occurred twice (the first is taken) or never.
    """

    us: Ints
    present: Bools
    bad: Bools
    odd: Bools

    def column(self) -> Column:
        """The moments as a time column; bad values are null in it."""
        return Column("time", self.us, None if self.present.all() else self.present)


def read_times(column: Column, *, zone: str | None = None, what: str = "time") -> TimesRead:
    """Moments of a column of any kind.

    A time column as it is; integers and whole numbers are microseconds since 1970 UTC; a text is ISO: with its own
    offset, a bare date (midnight, in `zone` or else UTC), or a bare clock time, which needs `zone`.

    Raises
    ------
    ConfigError
        For a bare clock time without `zone`, since nobody can know whose clock it was.
    """
    present = column.present()
    nowhere = np.zeros(len(column), dtype=np.bool_)
    if column.kind in ("time", "integer") and column.valid is None:
        return TimesRead(column.values, present, nowhere, nowhere)
    if column.kind in ("time", "integer"):
        return TimesRead(np.where(present, column.values, 0).astype(np.int64), present, nowhere, nowhere)
    if column.kind == "number":
        numbers = np.where(present, column.values, 0.0)
        whole = (numbers == np.trunc(numbers)) & (np.abs(numbers) < 2.0**62)
        return TimesRead(np.where(whole, numbers, 0.0).astype(np.int64), present & whole, present & ~whole, nowhere)
    if column.kind == "boolean":
        return TimesRead(np.zeros(len(column), dtype=np.int64), nowhere, present, nowhere)
    assert column.vocabulary is not None
    words = [_read_word(str(word), zone, what) for word in column.vocabulary]
    us = np.array([word[0] for word in words] + [0], dtype=np.int64)[column.values]
    good = np.array([word[1] for word in words] + [False], dtype=np.bool_)[column.values]
    odd = np.array([word[2] for word in words] + [False], dtype=np.bool_)[column.values]
    return TimesRead(us, good, present & ~good, odd)


def _read_word(text: str, zone: str | None, what: str) -> tuple[int, bool, bool]:
    """Microseconds, whether it could be read, whether the clock's time was odd."""
    try:
        if zone is None:
            return moment_us(text, what=what), True, False
        try:
            aware = moment_us(text, what=what) if len(text.strip()) > 10 else None
        except ConfigError:
            aware = None
        if aware is not None:
            return aware, True, False
        clock = moment_us(text.strip() + ("T00:00:00Z" if len(text.strip()) == 10 else "Z"), what=what)
    except ConfigError as error:
        if "has no zone" in str(error):
            raise ConfigError(
                f"{what}: {text!r} does not say whose clock it was. Declare it: zone='America/New_York', or zone='UTC'."
            ) from None
        return 0, False, False
    moments, odd = from_local(np.array([clock], dtype=np.int64), zone)
    return int(moments[0]), True, bool(odd[0])
