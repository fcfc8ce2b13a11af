"""Rows of a ledger in memory: what a replay decides, and tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from heapq import merge
from threading import RLock

from hindcast.registry.entries import Row

__all__ = ["MemoryRows"]


class MemoryRows:
    """Rows in lists, one for all and one per (system, target, kind); nothing outlives the process."""

    place = "in memory"

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._of: dict[tuple[str, str, str], list[Row]] = {}
        self._lock = RLock()

    @contextmanager
    def writing(self) -> Iterator[MemoryRows]:
        """Alone until the end; an exception takes back what was inserted."""
        with self._lock:
            before = len(self._rows)
            try:
                yield self
            except BaseException:
                for row in reversed(self._rows[before:]):
                    self._of[row.system, row.target, row.kind].pop()
                del self._rows[before:]
                raise

    def last(self) -> int:
        return len(self._rows)

    def insert(self, rows: Sequence[Row]) -> None:
        self._rows.extend(rows)
        for row in rows:
            self._of.setdefault((row.system, row.target, row.kind), []).append(row)

    def select(
        self, *, system: str | None, target: str | None, kinds: Sequence[str] | None, before_us: int | None, after: int
    ) -> Iterator[Row]:
        with self._lock:
            if system is None and target is None and kinds is None:
                rows = self._rows[after:]
            else:
                parts = [
                    part
                    for whose, part in self._of.items()
                    if system in (None, whose[0])
                    and target in (None, whose[1])
                    and (kinds is None or whose[2] in kinds)
                ]
                rows = [row for row in merge(*parts) if row.number > after]
        return (row for row in rows if before_us is None or row.at_us < before_us)

    def newest_us(self, system: str, target: str, kinds: Sequence[str]) -> int | None:
        """The greatest at_us of such rows."""
        found = [row.at_us for kind in kinds for row in self._of.get((system, target, kind), ())[-1:]]
        return max(found, default=None)

    def close(self) -> None:
        """Nothing is held."""
