"""Folds in this process: the default, and the plainest way to keep the laws of a store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from threading import Lock
from types import TracebackType

from hindcast.errors import StateError

__all__ = ["MemoryStore"]


class MemoryStore:
    """Bytes by key in a dict; nothing outlives the process, and only its threads share it.

    Cost: a dict's look-up per key.

    Examples
    --------
    >>> store = MemoryStore()
    >>> with store.writer("an example") as writer:
    ...     writer.commit({b"a": b"1", b"b": b"2"})
    ...     writer.commit({b"a": None})
    >>> store.get_many([b"b", b"a"])
    [b'2', None]
    """

    place = "a store in memory"

    def __init__(self) -> None:
        self._values: dict[bytes, bytes] = {}
        self._lock = Lock()
        self._writer: _Writer | None = None

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of `keys`, None where there is none, between two commits."""
        with self._lock:
            return [self._values.get(key) for key in keys]

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Every key with this beginning, and its value, as they stand at the call."""
        with self._lock:
            found = [item for item in self._values.items() if item[0].startswith(prefix)]
        return iter(found)

    def writer(self, role: str) -> _Writer:
        """Become the one writer."""
        with self._lock:
            if self._writer is not None:
                raise StateError(
                    f"{self.place}: {self._writer.role!r} is writing, so {role!r} cannot. Release that writer first, "
                    "or give each its own store."
                )
            self._writer = _Writer(self, role)
            return self._writer

    def close(self) -> None:
        """Nothing is held."""


class _Writer:
    """The one writer of a store in memory."""

    def __init__(self, store: MemoryStore, role: str) -> None:
        self._store, self.role = store, role

    def commit(self, puts: Mapping[bytes, bytes | None]) -> None:
        """Put and remove, all together."""
        store = self._store
        with store._lock:
            self._check()
            for key, value in puts.items():
                if value is None:
                    store._values.pop(key, None)
                else:
                    store._values[key] = value

    def clear(self) -> None:
        """Remove every key."""
        with self._store._lock:
            self._check()
            self._store._values.clear()

    def _check(self) -> None:
        if self._store._writer is not self:
            raise StateError(f"{self._store.place}: {self.role!r} released its place; ask for a writer again.")

    def release(self) -> None:
        """Let the next writer in."""
        with self._store._lock:
            if self._store._writer is self:
                self._store._writer = None

    def __enter__(self) -> _Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
