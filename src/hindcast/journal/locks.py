"""A role that one process at a time may hold, freed by the kernel when its holder dies."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType

from hindcast.errors import StateError

__all__ = ["Lock"]


class Lock:
    """An exclusive lock on a small file that names its holder; held from creation to :meth:`release`.

    The file stays behind when the lock is released (removing it would let two processes lock two files of one
    name); only the kernel's lock counts, so a file left by a killed process locks nothing. A forked child shares
    its parent's lock until both are gone.

    Parameters
    ----------
    path : Path
        The lock file; its folder must exist.
    role : str
        What the holder does, for the message to the next one, such as ``"serve"``.

    Raises
    ------
    StateError
        When another process, or another Lock of this one, holds it; the text names that process and its role.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder, Lock(Path(folder) / "serve.lock", "serve"):
    ...     try:
    ...         Lock(Path(folder) / "serve.lock", "serve")
    ...     except StateError as error:
    ...         print("another server" if f"process {os.getpid()}" in str(error) else error)
    another server
    """

    def __init__(self, path: Path, role: str) -> None:
        try:
            import fcntl
        except ImportError:  # pragma: no cover - not a POSIX system
            raise StateError(
                f"{path}: this system has no flock, which hindcast needs. Use Linux, macOS or WSL."
            ) from None
        self.path, self.role = path, role
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(fd, 0)
            os.pwrite(fd, json.dumps({"pid": os.getpid(), "role": role}).encode(), 0)
        except BlockingIOError:
            holder = _holder(fd)
            os.close(fd)
            raise StateError(
                f"{path}: held by {holder}, so {role!r} cannot start here. Stop that process, or use another folder."
            ) from None
        except BaseException:
            os.close(fd)
            raise
        self._fd: int | None = fd

    def release(self) -> None:
        """Let the next one in; a second call does nothing."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def __enter__(self) -> Lock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _holder(fd: int) -> str:
    try:
        note = json.loads(os.pread(fd, 4096, 0))
        return f"process {note['pid']} ({note['role']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
