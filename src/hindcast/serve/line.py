"""The line: everything that arrived, in the order of its stamps, served from the head."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, NamedTuple, TypeVar

__all__ = ["Line"]

_Result = TypeVar("_Result")


class _Place(NamedTuple):
    """Work that may be done when `durable` is done, and whoever waits for its result."""

    durable: Future[Any] | None
    work: Callable[[], Any]
    answer: asyncio.Future[Any]


class Line:
    """Work in a fixed order, some of which must first be on the medium. Nothing overtakes.

    A fact stands in it until it is durable; a request behind it waits, so it sees every fact with an earlier stamp
    and none that could be lost. An empty line costs nothing: the caller then does its work at once.

    Examples
    --------
    >>> async def story():
    ...     line, durable, done = Line(), Future(), []
    ...     fact = line.add(lambda: done.append("fact"), durable)
    ...     request = line.add(lambda: done.append("request"))
    ...     line.serve()
    ...     before = list(done)
    ...     durable.set_result(None)
    ...     line.serve()
    ...     return before, done
    >>> asyncio.run(story())
    ([], ['fact', 'request'])
    """

    def __init__(self) -> None:
        self._places: deque[_Place] = deque()

    def __len__(self) -> int:
        return len(self._places)

    def add(self, work: Callable[[], _Result], durable: Future[Any] | None = None) -> asyncio.Future[_Result]:
        """Stand at the end; the future gets what `work` gives, or raises, when its turn has come."""
        answer: asyncio.Future[_Result] = asyncio.get_running_loop().create_future()
        self._places.append(_Place(durable, work, answer))
        return answer

    def serve(self) -> None:
        """Do the work at the head, as far as it is durable."""
        while self._places:
            durable, work, answer = self._places[0]
            if durable is not None and not durable.done():
                return
            self._places.popleft()
            try:
                answer.set_result(work())
            except Exception as error:
                answer.set_exception(error)
