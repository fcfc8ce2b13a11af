"""Facts that a server fetches by itself, from where they are written, besides those that are pushed to it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from hindcast.facts.table import Table

if TYPE_CHECKING:
    from hindcast.serve.service import Service

__all__ = ["Feed", "fetch"]


class Feed(Protocol):
    """Facts of a table that somebody else writes, such as what is decided in a labelling project.

    Law: a push that was not taken is among the news again, with the same rows under the same key.
    """

    @property
    def table(self) -> Table: ...

    def news(self) -> Sequence[tuple[Sequence[Mapping[str, Any]], str]]:
        """Rows to be pushed, in order, each part with its idempotency key. May block: it is asked in a thread."""
        ...

    def took(self, rows: int) -> None:
        """So many of them are on the medium."""
        ...


async def fetch(service: Service, feeds: Sequence[Feed]) -> None:
    """Push what is new; a row that is no fact of its table goes to quarantine. The first failure ends it until next
    time."""
    for feed in feeds:
        for rows, key in await asyncio.to_thread(feed.news):
            await service.push(feed.table.name, rows, key=key, quarantine=True)
            feed.took(len(rows))
