"""How this room's functions are compiled: once per machine, without the GIL, dividing by zero as NumPy does.

Compiled code is kept beside the source, else in the user's cache, as numba does. Where neither can be written (a
container with a read-only package and no home) it is kept in a folder of the temporary directory; without one it would
not load at all. ``NUMBA_CACHE_DIR`` chooses another place.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numba
import numba.core.config

__all__ = ["compiled", "inlined"]


def _writable(folder: Path) -> bool:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return os.access(folder, os.W_OK | os.X_OK)


def _choose_cache() -> None:
    if os.environ.get("NUMBA_CACHE_DIR") or _writable(Path(__file__).parent / "__pycache__"):
        return
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if not _writable(Path(home)):
        folder = Path(tempfile.gettempdir()) / f"hindcast-numba-{os.getuid() if hasattr(os, 'getuid') else 0}"
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.stat().st_uid == (os.getuid() if hasattr(os, "getuid") else folder.stat().st_uid):
            numba.core.config.CACHE_DIR = str(folder)  # a folder of somebody else's could hold anything


_choose_cache()
compiled: Any = numba.njit(cache=True, nogil=True, error_model="numpy")
inlined: Any = numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")
"""For what is called once per fact: passing a dozen arrays would cost more than the work."""
