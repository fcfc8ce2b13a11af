"""Bytes that survive a power cut: the few file operations that every promise of durability rests on.

A file is durable once its bytes and the entry that names it are synced: writing, or even closing, is not enough,
and a new name in a folder is lost with the power until the folder itself is synced.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["make_folder", "replace_file", "sync", "sync_folder", "write_all"]


def sync(fd: int) -> None:
    """Return once all that was written to `fd` is on the medium; an OSError says that nobody knows whether it is."""
    if hasattr(os, "fdatasync"):
        os.fdatasync(fd)
        return
    import fcntl

    full = getattr(fcntl, "F_FULLFSYNC", None)  # macOS: fsync alone stops at the drive's cache
    if full is None:
        os.fsync(fd)
    else:
        fcntl.fcntl(fd, full)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable: created, renamed and removed ones alike."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_all(fd: int, data: bytes | memoryview, at: int) -> None:
    """Write all of `data` from offset `at` on, however many calls it takes; an OSError may leave a part of it."""
    rest = memoryview(data)
    while rest:
        done = os.pwrite(fd, rest, at)
        rest, at = rest[done:], at + done


def make_folder(folder: Path) -> None:
    """Create `folder` and its missing parents, each one durable in its own parent; an existing one is left alone."""
    missing = []
    at = folder
    while not at.exists():
        missing.append(at)
        at = at.parent
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        sync_folder(path.parent)


def replace_file(path: Path, data: bytes) -> None:
    """Put `data` at `path` so that after a crash at any instant the file is whole: the old one or the new one."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            write_all(fd, data, 0)
            sync(fd)
        finally:
            os.close(fd)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
