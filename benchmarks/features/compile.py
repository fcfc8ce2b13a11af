"""`compile`: what the first answer of a process costs, beyond the second: compiling the kernels, or loading them.

`hindcast-cold` finds no cache, `hindcast-cached` one from an earlier process, and `hindcast-readonly` too, but lies in
a folder that it cannot write to, with NUMBA_CACHE_DIR elsewhere. Each asks for a newest fact and for windows.
"""

from __future__ import annotations

import atexit
import ctypes
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from harness.job import Absent, Found, Job, Work

from features import asof, data, windows

HERE = Path(__file__).resolve().parent.parent
SIZE = 1_000
_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE = 24, 1


def first_answer(size: int) -> dict[str, Any]:
    """In this process: seconds of the import, of the first answer and of the second, and the check of both jobs."""
    began = time.perf_counter()
    import hindcast.features.batch  # noqa: F401

    imported = time.perf_counter()
    newest, rolled = (job.hindcast(data.make(name, size)) for job, name in ((asof, "asof"), (windows, "windows")))
    found = newest(), rolled()
    first = time.perf_counter()
    newest(), rolled()
    second = time.perf_counter()
    check = [asof.check(found[0])["digest"], windows.check(found[1])["digest"]]
    return {"import_s": imported - began, "first_s": first - imported, "second_s": second - first, "check": check}


def in_process(cache: Path, package: Path | None = None) -> dict[str, Any]:
    """:func:`first_answer` in a process of its own, with numba's cache in a folder."""
    path = [str(HERE), *([str(package)] if package else []), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": os.pathsep.join(reversed(path))}
    command = [sys.executable, "-B", "-m", "features.compile", str(SIZE)]
    before = _obey_modes if package and os.geteuid() == 0 else None
    done = subprocess.run(
        command, env=environment, cwd=cache, preexec_fn=before, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Absent(f"it failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def cold(place: Path) -> Work:
    cache = scratch()
    return lambda: told(in_process(cache))


def cached(place: Path) -> Work:
    cache = scratch()
    in_process(cache)
    return lambda: told(in_process(cache))


def readonly(place: Path) -> Work:
    import hindcast

    folder, cache = scratch(), scratch()
    package = folder / "site"
    shutil.copytree(Path(hindcast.__file__).parent, package / "hindcast", ignore=shutil.ignore_patterns("__pycache__"))
    for each in [package, *package.rglob("*")]:
        each.chmod(0o555 if each.is_dir() else 0o444)
    in_process(cache, package)
    return lambda: told(in_process(cache, package))


def _obey_modes() -> None:
    """Root writes to read-only folders too, unless it gives up that right for itself and its children."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "root cannot give up writing to read-only folders here")


def told(answer: dict[str, Any]) -> Found:
    seconds = round(answer["first_s"] - answer["second_s"], 4)
    return Found(answer["check"], {"seconds": seconds, "import_s": round(answer["import_s"], 4)})


def scratch() -> Path:
    """A folder that is removed at exit."""
    folder = Path(mkdtemp(prefix="hindcast-bench-compile-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def both(size: int) -> Path:
    """Both jobs' data; the size is always the same."""
    data.make("windows", SIZE)
    return data.make("asof", SIZE)


JOB = Job(
    asks="the first answer of a process, beyond the second",
    size=SIZE,
    unit="requests",
    data=both,
    peers={"hindcast-cold": cold, "hindcast-cached": cached, "hindcast-readonly": readonly},
    check=lambda found: {"asof": found[0], "windows": found[1]},
    packages=dict.fromkeys(("hindcast-cold", "hindcast-cached", "hindcast-readonly"), ("hindcast", "numba")),
    warm_size=0,
    touch=lambda size: 0,
    columns=("import s", "runs", "version"),
)

if __name__ == "__main__":
    print(json.dumps(first_answer(int(sys.argv[1]))))
