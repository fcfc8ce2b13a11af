"""Folds in a folder that the processes of one machine share: an LMDB environment, mapped into each of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Lock as ThreadLock
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from hindcast.errors import ConfigError, StateError
from hindcast.journal import Lock, make_folder

if TYPE_CHECKING:
    import lmdb

__all__ = ["LmdbStore"]

T = TypeVar("T")

_READERS = 1024
"""Reads at one time, over all processes, that the lock file has room for; 64 bytes each."""


class LmdbStore:
    """Bytes by key in a folder, read without a server and without a lock.

    A commit is synced to the medium before it returns, and survives ``kill -9`` and a power cut. A reader sees the
    state between two commits and never waits for the writer. The writer holds a lock of the kernel's, which is
    free at once when its process dies.

    Parameters
    ----------
    path : path
        The folder; made when it is missing. On a disk of this machine: LMDB cannot share a network file system.
    max_bytes : int, default 16 GiB
        How large it may become. Costs address space, not memory or disk. A commit beyond it is refused and
        changes nothing; open with a larger number to go on.
    read_only : bool, default False
        For a process that may not write the files; the store must exist.

    Raises
    ------
    StateError
        When the folder holds something else, or is missing and `read_only`.
    ConfigError
        When the package is not installed.

    Notes
    -----
    Cost: a few microseconds per key, in the page cache. A value takes whole pages of 4 KiB once it is longer than
    half of one. All stores of one folder in one process share a mapping, since LMDB may map a file only once per
    process; it cannot be used in a child forked after it was opened.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     store = LmdbStore(folder)
    ...     with store.writer("an example") as writer:
    ...         writer.commit({b"a": b"1", b"b": b"2"})
    ...     print(store.get_many([b"b", b"c"]))
    ...     store.close()
    [b'2', None]
    """

    def __init__(self, path: Path | str, *, max_bytes: int = 1 << 34, read_only: bool = False) -> None:
        if max_bytes < 1 << 16:
            raise ConfigError(f"LmdbStore: max_bytes must be at least 65536, got {max_bytes}.")
        self.path = Path(path).expanduser().absolute()
        self.max_bytes, self.read_only = max_bytes, read_only
        self.place = f"the LMDB store {self.path}"
        if not read_only:
            make_folder(self.path)
        self._shared: _Mapping | None = _mapping(self.path, max_bytes, read_only, self.place)

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of `keys`, None where there is none, of one moment between two commits."""

        def read(env: lmdb.Environment) -> list[bytes | None]:
            with env.begin() as transaction:
                get = transaction.get
                return [get(key) for key in keys]

        return self._reading(read)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Every key with this beginning, and its value, in order of the keys, of one moment."""

        def read(env: lmdb.Environment) -> list[tuple[bytes, bytes]]:
            found = []
            with env.begin() as transaction, transaction.cursor() as cursor:
                if cursor.set_range(prefix):
                    for key, value in cursor.iternext():
                        if not key.startswith(prefix):
                            break
                        found.append((key, value))
            return found

        return iter(self._reading(read))

    def writer(self, role: str) -> _Writer:
        """Become the one writer, until released or until the process ends."""
        if self.read_only:
            raise StateError(f"{self.place} was opened to be read only; open it without read_only to write.")
        env = self._env()
        lock = Lock(self.path / "writer.lock", role)
        env.reader_check()  # a killed reader's place would keep pages from being used again
        return _Writer(self, lock)

    def close(self) -> None:
        """Unmap the files when no other store of this process uses them."""
        if self._shared is not None:
            shared, self._shared = self._shared, None
            _let_go(shared)

    def _env(self) -> lmdb.Environment:
        if self._shared is None:
            raise StateError(f"{self.place} was closed; open it again.")
        if self._shared.pid != os.getpid():
            raise StateError(
                f"{self.place} was opened before this process was forked, which LMDB cannot bear. Open it only in "
                "the children, or start them by 'spawn'."
            )
        return self._shared.env

    def _reading(self, read: Callable[[lmdb.Environment], T]) -> T:
        import lmdb

        env = self._env()
        try:
            try:
                return read(env)
            except lmdb.MapResizedError:  # another process was opened with a larger max_bytes
                env.set_mapsize(0)
                return read(env)
            except lmdb.ReadersFullError:
                env.reader_check()
                return read(env)
        except lmdb.BadValsizeError:
            raise ConfigError(f"{self.place}: a key is empty or longer than {env.max_key_size()} bytes.") from None
        except lmdb.Error as error:
            raise StateError(f"{self.place} cannot be read: {error}.") from error


class _Writer:
    """The one writer of an LMDB store."""

    def __init__(self, store: LmdbStore, lock: Lock) -> None:
        self._store, self._lock = store, lock
        self._held = True

    def commit(self, puts: Mapping[bytes, bytes | None]) -> None:
        """Put and remove in one transaction, synced before this returns."""

        def write(transaction: lmdb.Transaction) -> None:
            for key in sorted(puts):  # neighbours share pages
                value = puts[key]
                if value is None:
                    transaction.delete(key)
                else:
                    transaction.put(key, value)

        self._writing(write)

    def clear(self) -> None:
        """Remove every key in one transaction; the file keeps its size and uses the room again."""
        self._writing(lambda transaction: transaction.drop(self._store._env().open_db(txn=transaction), delete=False))

    def _writing(self, write: Callable[[lmdb.Transaction], Any]) -> None:
        import lmdb

        store = self._store
        if not self._held:
            raise StateError(f"{store.place}: {self._lock.role!r} released its place; ask for a writer again.")
        env = store._env()
        try:
            try:
                with env.begin(write=True) as transaction:
                    write(transaction)
            except lmdb.MapResizedError:
                env.set_mapsize(0)
                with env.begin(write=True) as transaction:
                    write(transaction)
            except lmdb.MapFullError:
                if not env.reader_check():
                    raise
                with env.begin(write=True) as transaction:  # a killed reader had held pages back
                    write(transaction)
        except lmdb.MapFullError:
            raise StateError(
                f"{store.place} is full: this commit needs more than max_bytes={env.info()['map_size']}, and was not "
                "done. Open it with a larger max_bytes."
            ) from None
        except lmdb.BadValsizeError:
            raise ConfigError(
                f"{store.place}: a key is empty or longer than {env.max_key_size()} bytes; nothing was done."
            ) from None
        except lmdb.Error as error:
            raise StateError(
                f"{store.place}: the commit was not done: {error}. Is the disk full? What was committed before is "
                "there; make room and commit again."
            ) from error

    def release(self) -> None:
        """Let the next writer in."""
        self._held = False
        self._lock.release()

    def __enter__(self) -> _Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


# ---- one mapping per folder and process ------------------------------------------------------------------


class _Mapping:
    """An open environment and how many stores of this process use it."""

    def __init__(self, env: lmdb.Environment, path: Path, read_only: bool) -> None:
        self.env, self.path, self.read_only = env, path, read_only
        self.users = 1
        self.pid = os.getpid()


_open: dict[Path, _Mapping] = {}
_opening = ThreadLock()


def _mapping(path: Path, max_bytes: int, read_only: bool, place: str) -> _Mapping:
    try:
        import lmdb
    except ImportError:
        raise ConfigError("LmdbStore needs the package lmdb: pip install 'hindcast[lmdb]'.") from None
    path = path.resolve()
    with _opening:
        held = _open.get(path)
        if held is not None and held.pid == os.getpid():
            if held.read_only and not read_only:
                raise StateError(f"{place} is open in this process to be read only; close that, or open it second.")
            if not read_only and max_bytes > held.env.info()["map_size"]:
                held.env.set_mapsize(max_bytes)
            held.users += 1
            return held
        try:
            env = lmdb.open(
                os.fspath(path),
                map_size=max_bytes,
                readonly=read_only,
                max_readers=_READERS,
                max_spare_txns=1,
                readahead=False,
            )
        except lmdb.Error as error:
            raise StateError(
                f"{place} cannot be opened: {error}. Give the folder of a store, or one that does not exist yet."
            ) from error
        made = _open[path] = _Mapping(env, path, read_only)
        return made


def _let_go(shared: _Mapping) -> None:
    with _opening:
        shared.users -= 1
        if shared.users == 0 and shared.pid == os.getpid():
            del _open[shared.path]
            shared.env.close()
