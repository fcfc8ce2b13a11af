"""The only place that asks the machine for the time, so that everything else can be replayed.

A clock answers two questions. ``now_us`` is the current moment. ``stamp_us`` is a moment that no earlier
stamp of this clock has had: facts and requests that arrive are ordered by it. Durations of real work
(seconds per stage, latency) come from :func:`stopwatch_s` and never enter a decision that a replay repeats.
"""

from __future__ import annotations

import time
from threading import Lock
from typing import Protocol

from hindcast.errors import ConfigError

__all__ = ["Clock", "ReplayClock", "SystemClock", "stopwatch_s"]


class Clock(Protocol):
    """A source of moments, in int64 microseconds since 1970 UTC.

    Laws: ``now_us`` never goes back; ``stamp_us`` strictly increases and is never before ``now_us``.
    """

    def now_us(self) -> int: ...

    def stamp_us(self) -> int: ...


class SystemClock:
    """The machine's clock, made monotone: when the machine's time is set back, stamps go on from the last one.

    Parameters
    ----------
    after_us : int, default 0
        Every stamp is later than this: pass the greatest stamp found on disk, so that stamps strictly
        increase across processes too.
    """

    def __init__(self, after_us: int = 0) -> None:
        self._last = after_us
        self._lock = Lock()

    def now_us(self) -> int:
        with self._lock:
            self._last = max(self._last, time.time_ns() // 1000)
            return self._last

    def stamp_us(self) -> int:
        with self._lock:
            self._last = max(self._last + 1, time.time_ns() // 1000)
            return self._last


class ReplayClock:
    """A clock that stands still until it is moved, and only ever forward.

    Examples
    --------
    >>> clock = ReplayClock(1_000)
    >>> clock.advance(5_000)
    >>> clock.now_us(), clock.stamp_us(), clock.stamp_us()
    (5000, 5001, 5002)
    """

    def __init__(self, now_us: int = 0) -> None:
        self._now = now_us
        self._lock = Lock()

    def now_us(self) -> int:
        return self._now

    def stamp_us(self) -> int:
        with self._lock:
            self._now += 1
            return self._now

    def advance(self, to_us: int) -> None:
        """Move to `to_us`; a moment before now is refused, since nothing could be taken back."""
        with self._lock:
            if to_us < self._now:
                raise ConfigError(f"a replay clock cannot go back from {self._now} to {to_us} microseconds.")
            self._now = to_us


def stopwatch_s() -> float:
    """Seconds on a stopwatch that never goes back; only differences mean something."""
    return time.perf_counter()
