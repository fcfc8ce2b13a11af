"""Peers whose requirements fight with the others' live in virtual environments of their own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import gettempdir


def python_of(peer: str, needs: Sequence[str], *, set_up: bool) -> Path:
    """The interpreter that runs a peer: this one, or that of its own environment, which is made if `set_up` says so.

    Parameters
    ----------
    needs : sequence of str
        What is installed in its own environment; nothing means that it has none.

    Raises
    ------
    LookupError
        Where the environment is not there; the message says how to get it.
    """
    if not needs:
        return Path(sys.executable)
    place = Path(gettempdir()) / "hindcast-bench" / "environments" / peer
    python = place / "bin" / "python"
    if (place / "done").exists():
        return python
    if not set_up:
        raise LookupError(f"not set up here; --peers {peer} does it")
    print(f"  {peer:18} is being set up in {place}", flush=True)
    uv = shutil.which("uv")
    if uv:
        make, install = [uv, "venv", "--quiet", "--python", sys.executable], [uv, "pip", "install", "--quiet"]
        install += ["--python", str(python)]
    else:
        make, install = [sys.executable, "-m", "venv"], [str(python), "-m", "pip", "install", "--quiet"]
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    for command in ([*make, str(place)], [*install, *needs]):
        if subprocess.run(command, check=False).returncode:
            raise LookupError(f"could not be set up: {' '.join(command)} failed")
    (place / "done").touch()
    return python
