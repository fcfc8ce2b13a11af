"""One run of one peer in this process: the clock, the memory, the check; a line of JSON.

python -m harness.measure asof polars --size 100000
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from harness.job import Absent, Found
from harness.rooms import job_named

ABSENT = 3
"""Exit status of a run whose peer cannot run here; the last line says why."""
_TOUCH = "import mmap,sys\nn=int(sys.argv[1])\nm=mmap.mmap(-1,n)\nb=b'1'*(1<<24)\nfor _ in range(n>>24): m.write(b)"


def measured(job: str, peer: str, size: int) -> dict[str, Any]:
    """Set up a peer, warm it, run it once, and say what it cost."""
    declared = job_named(job)
    set_up = declared.peers[peer]
    if declared.warm_size:
        set_up(declared.data(declared.warm_size))()
    work = set_up(declared.data(size))
    gc.collect()
    touch_memory(declared.touch(size))
    family = _Family() if peer in declared.children else None
    base = _start_of_peak()
    cpu, began = _cpu_s(family), time.perf_counter()
    found = work()
    seconds, cpu = time.perf_counter() - began, _cpu_s(family) - cpu
    peak = max(_peak_mb(), family.stop() if family else 0.0)
    if not isinstance(found, Found):
        found = Found(found)
    return {
        "job": job,
        "peer": peer,
        "size": size,
        "seconds": round(seconds, 4),
        "cpu_seconds": round(cpu, 4),
        "peak_rss_mb": round(peak),
        "base_rss_mb": round(base),
        **found.line,
        **(declared.line(found.result) if declared.line else {}),
        "check": dict(declared.check(found.result)),
        "versions": _versions(declared.packages.get(peer, (peer,))),
    }


# ---- the machine -------------------------------------------------------------------------------------------------


def touch_memory(size: int) -> None:
    """Have `size` bytes written to in a passing process.

    A virtual machine may have given free memory back to its host; the first write then costs seconds per gigabyte, and
    whoever runs first would pay. Nothing is touched beyond half of what is free.
    """
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return
    size = min(size, free // 2, 6 << 30)
    if size >= 1 << 24:
        subprocess.run([sys.executable, "-I", "-S", "-c", _TOUCH, str(size)], check=True)


def _status_mb(name: str) -> float | None:
    """A line of /proc/self/status, such as VmHWM, where there is one."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1_024 / 1e6 for line in lines if line.startswith(f"{name}:")), None)


def _start_of_peak() -> float:
    """The memory held now, in MB; where the system allows, the peak is forgotten, so that set-up does not count."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return _peak_mb()
    return _status_mb("VmRSS") or _peak_mb()


def _peak_mb() -> float:
    peak = _status_mb("VmHWM")
    unit = 1 if sys.platform == "darwin" else 1_024
    return peak if peak is not None else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _cpu_s(family: _Family | None) -> float:
    return family.cpu_s() if family else time.process_time()


class _Family:
    """This process and its children, looked at twenty times a second."""

    def __init__(self) -> None:
        import psutil

        self._gone = psutil.Error
        self._me = psutil.Process()
        self._peak = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _each(self, ask: Callable[[Any], float]) -> float:
        total = 0.0
        for process in [self._me, *self._me.children(recursive=True)]:
            try:
                total += ask(process)
            except self._gone:
                continue
        return total

    def _look(self) -> None:
        while not self._over.wait(0.05):
            self._peak = max(self._peak, self._each(lambda process: process.memory_info().rss / 1e6))

    def cpu_s(self) -> float:
        return self._each(lambda process: sum(process.cpu_times()[:2]))

    def stop(self) -> float:
        self._over.set()
        self._thread.join()
        return self._peak


def _versions(packages: tuple[str, ...]) -> str:
    found = []
    for package in packages:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job")
    parser.add_argument("peer")
    parser.add_argument("--size", type=int, required=True)
    options = parser.parse_args(argv)
    try:
        line = measured(options.job, options.peer, options.size)
    except ModuleNotFoundError as error:
        print(f"{error.name} is not installed")
        return ABSENT
    except Absent as reason:
        print(reason)
        return ABSENT
    print(json.dumps(line), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
