"""When something arrived, or is asked: the server's own stamp, or in a replay the caller's moment."""

from __future__ import annotations

from collections.abc import Sequence

from hindcast.clock import Clock, ReplayClock
from hindcast.errors import RequestError

__all__ = ["moments"]


def moments(clock: Clock, given: Sequence[int | None], what: str) -> list[int]:
    """A moment for each, never going back; those that carry none share a fresh stamp.

    Parameters
    ----------
    clock : Clock
        A ReplayClock is moved to the last moment; any other takes no moments from callers.
    given : sequence of int or None
        Microseconds.
    what : str
        The moments' name, for messages.

    Raises
    ------
    RequestError
        For a moment that this clock does not take, or that lies behind it. The clock then stands where it stood.

    Examples
    --------
    >>> moments(ReplayClock(5), [7, 7, None], "as_of")
    [7, 7, 8]
    """
    if not any(moment is not None for moment in given):
        return [clock.stamp_us()] * len(given)
    if not isinstance(clock, ReplayClock):
        raise RequestError(f"{what} may be sent to a server with a replay clock only; this one takes its own time.")
    now, result = clock.now_us(), []
    for moment in given:
        if moment is not None and moment < now:
            raise RequestError(
                f"{what} {moment} lies before {now} (microseconds), where the replay stands; send them in order."
            )
        now = now + 1 if moment is None else moment
        result.append(now)
    clock.advance(now)
    return result
