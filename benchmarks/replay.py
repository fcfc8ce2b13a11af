"""`replay`: half a year of flights through the whole loop, with a model trained before; see README.md.

python benchmarks/replay.py --repeat 3
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import gettempdir
from typing import Any

from hindcast.clock import stopwatch_s

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "loop.jsonl"


def measured() -> dict[str, Any]:
    """One run in this process: July to December under the policy *never*."""
    from hindcast.assemble import open_system

    example = HERE.parent / "examples" / "flights"
    sys.path.insert(0, str(example))
    from data import prepare  # type: ignore[import-not-found]

    if not (example / "data" / "assumptions.json").exists():
        prepare(example / "data")
    home = Path(gettempdir()) / "hindcast-bench" / "flights"
    open_system(example / "system.py", home).replay("2013-07-01", "2013-07-02", policies=["never"])  # trains, once
    began = stopwatch_s()
    story = open_system(example / "system.py", home).replay("2013-07-01", policies=["never"])
    seconds = stopwatch_s() - began
    return {
        "job": "replay",
        "peer": "hindcast",
        "size": story["summary"]["rows"]["requests"],
        "seconds": round(seconds, 3),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "check": story["summary"]["ledger"]["never"][:12],
    }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.once:
        print(json.dumps(measured()))
        return 0
    runs = []
    for _ in range(options.repeat):
        done = subprocess.run([sys.executable, __file__, "--once"], stdout=subprocess.PIPE, text=True, check=True)
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    middle = {key: median(run[key] for run in runs) for key in ("seconds", "peak_rss_mb")}
    line = {**runs[0], **middle, "repeat": len(runs)}
    with RESULTS.open("a", encoding="utf-8") as out:
        out.write(json.dumps(line) + "\n")
    print(json.dumps(line))
    return 0 if len({run["check"] for run in runs}) == 1 else 1


if __name__ == "__main__":
    raise SystemExit(main())
