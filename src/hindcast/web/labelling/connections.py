"""Connections that may not linger: who opens one and says nothing, or never comes to an end, gives it back.

A server answers so many at once, and each that is held open without a request takes a place from somebody who labels.
uvicorn closes what is idle after an answer; here the rest: a request whose head does not arrive, or has no end.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

__all__ = ["HEAD_BYTES", "HEAD_S", "ImpatientProtocol"]

HEAD_S = 15.0
"""A request's head must arrive within twice this."""
HEAD_BYTES = 64 << 10
"""More than this is no head."""


class ImpatientProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """uvicorn's protocol, for connections on which requests are made."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    cycle: Any

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._bytes = 0
        self._before: tuple[Any, ...] = ()
        self._look_again: asyncio.TimerHandle = self.loop.call_later(HEAD_S, self._look)

    def connection_lost(self, error: Exception | None) -> None:
        self._look_again.cancel()
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._bytes = self._bytes + len(data) if self._waits() else 0
        if self._bytes > HEAD_BYTES:
            self.transport.close()

    def _waits(self) -> bool:
        """Whether no request is in the making."""
        return self.cycle is None or bool(self.cycle.response_complete)

    def _look(self) -> None:
        """Close what was waiting at the last look too, with nothing between."""
        now = (self.cycle,) if self._waits() else ()
        if now and now == self._before:
            self.transport.close()
            return
        self._before = now
        self._look_again = self.loop.call_later(HEAD_S, self._look)
