"""How a room's kernels are compiled: once per machine, without the GIL, dividing by zero as NumPy does.

Compiled code is kept on disk in a folder named by the digest of the room's sources: a compiled function holds the
functions it calls, so after a change in any of them all are compiled anew, and nothing stale is ever run. The folder
lies beside the sources; where that cannot be written, in the user's cache; and where that cannot either (a container
with a read-only package and no home), in the temporary directory. ``NUMBA_CACHE_DIR`` chooses another place.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numba
import numba.core.config

__all__ = ["cache_folder", "compiler"]


def _writable(folder: Path) -> bool:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _digest(room: Path) -> str:
    found = sha256()
    for path in sorted(room.glob("*.py")):
        found.update(path.name.encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:16]


def cache_folder(room: Path) -> Path:
    """Where the compiled code of the room in folder `room` is kept."""
    name = f"hindcast-{_digest(room)}"
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        return Path(chosen) / name
    beside = room / "__pycache__"
    if _writable(beside):
        for old in beside.glob("hindcast-*"):
            if old.name != name:
                shutil.rmtree(old, ignore_errors=True)
        return beside / name
    user = os.getuid() if hasattr(os, "getuid") else 0
    homes = [Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "hindcast"]
    homes.append(Path(tempfile.gettempdir()) / f"hindcast-{user}")
    for home in homes:
        if _writable(home):
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not hasattr(os, "getuid") or home.stat().st_uid == user:  # somebody else's could hold anything
                return home / name
    return Path(tempfile.mkdtemp(prefix="hindcast-")) / name


def compiler(room: Path) -> Callable[..., Callable[[Callable[..., Any]], Any]]:
    """What compiles the kernels of the room in folder `room`: call it with numba's options to have a decorator.

    Examples
    --------
    In a file ``compiled.py`` of the room::

        compile_ = compiler(Path(__file__).resolve().parent)
        compiled = compile_()
    """
    folder = cache_folder(room)

    def with_options(**options: Any) -> Callable[[Callable[..., Any]], Any]:
        def compile_(function: Callable[..., Any]) -> Any:
            before = numba.core.config.CACHE_DIR
            numba.core.config.CACHE_DIR = str(folder)  # for this function alone
            try:
                return numba.njit(cache=True, nogil=True, error_model="numpy", **options)(function)
            finally:
                numba.core.config.CACHE_DIR = before

        return compile_

    return with_options
