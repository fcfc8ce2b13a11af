"""The event loop's hand on the journal: what is on its way to the disk, and who is told when it is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from hindcast.journal import Journal

__all__ = ["Writer"]

Records = Sequence[tuple[str, bytes, str | None]]


class Writer:
    """Appends records from one event loop, which never waits for the disk.

    Attributes
    ----------
    unsynced : int
        Bytes on their way.
    """

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.unsynced = 0

    def append(self, records: Records, then: Callable[[], None]) -> Future[list[int]]:
        """Hand over (kind, body, key) records, whole or not at all; `then` runs on the loop when that is settled.

        Raises
        ------
        StateError
            When the journal is closed or broken.
        """
        loop = asyncio.get_running_loop()
        size = sum(len(body) for _, body, _ in records)
        future = self.journal.append_many(records)
        self.unsynced += size

        def settle() -> None:
            self.unsynced -= size
            then()

        future.add_done_callback(lambda _: loop.call_soon_threadsafe(settle))
        return future

    def durable(self, records: Records) -> asyncio.Future[list[int]]:
        """Hand over records; the future gives their positions once they are on the medium."""
        answer: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()

        def tell() -> None:
            if answer.cancelled():
                return
            error = appended.exception()
            if error is None:
                answer.set_result(appended.result())
            else:
                answer.set_exception(error)

        appended = self.append(records, tell)
        return answer
