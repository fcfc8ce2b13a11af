"""Run a benchmark: every peer in processes of its own, one after the other, again and again; medians.

    python benchmarks/run.py windows --size 200000 --repeat 3
    python benchmarks/run.py replay

Appends a line per peer to ``benchmarks/results/<room>.jsonl``.
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

from generate import generate
from jobs import PEERS, check

from hindcast.clock import stopwatch_s

HERE = Path(__file__).resolve().parent
ROOMS = {"asof": "features", "windows": "features", "replay": "loop"}


def measured(job: str, peer: str, size: int) -> dict[str, Any]:
    """One run in this process: seconds after the imports, the process's peak of memory, a digest of the result."""
    if job == "replay":
        seconds, found, digest = _replay()
        size = found
    else:
        place = generate(Path(gettempdir()) / "hindcast-bench", size)
        work = PEERS[job][peer]()
        began = stopwatch_s()
        table = work(place)
        seconds = stopwatch_s() - began
        digest = check(table)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "job": job,
        "peer": peer,
        "size": size,
        "seconds": round(seconds, 3),
        "peak_rss_mb": round(peak),
        "check": digest,
    }


def _replay() -> tuple[float, int, str]:
    """The flights of July to December under the policy *never*, with a model already trained: seconds, requests."""
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
    return seconds, story["summary"]["rows"]["requests"], story["summary"]["ledger"]["never"][:12]


def run(job: str, peers: list[str], size: int, repeat: int) -> list[dict[str, Any]]:
    """Peers take turns, `repeat` times each; a line per peer with medians."""
    runs: dict[str, list[dict[str, Any]]] = {peer: [] for peer in peers}
    for _ in range(repeat):
        for peer in peers:
            command = [sys.executable, __file__, job, "--size", str(size), "--once", peer]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{peer}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
                continue
            runs[peer].append(json.loads(done.stdout.splitlines()[-1]))
    lines = []
    for found in filter(None, runs.values()):
        middle = {key: median(one[key] for one in found) for key in ("seconds", "peak_rss_mb")}
        lines.append({**found[0], **middle, "repeat": len(found)})
    return lines


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", choices=sorted(ROOMS))
    parser.add_argument("--size", type=int, default=200_000, help="requests; facts are five times as many")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--peers", nargs="*", help="only these")
    parser.add_argument("--once", metavar="PEER", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.once:
        print(json.dumps(measured(options.job, options.once, options.size)))
        return 0
    peers = options.peers or (["hindcast"] if options.job == "replay" else list(PEERS[options.job]))
    lines = run(options.job, peers, options.size, options.repeat)
    path = HERE / "results" / f"{ROOMS[options.job]}.jsonl"
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as out:
        for line in lines:
            out.write(json.dumps(line) + "\n")
    fastest = min((line["seconds"] for line in lines), default=1.0)
    for line in lines:
        ratio = line["seconds"] / fastest
        name = f"{line['job']:8} {line['peer']:9} {line['size']:>9,}"
        print(f"{name} {line['seconds']:>8.3f} s {ratio:>6.1f} x {line['peak_rss_mb']:>6.0f} MB  {line['check']}")
    equal = len({line["check"] for line in lines}) == 1
    print("results are equal" if equal else "RESULTS DIFFER")
    return 0 if equal and len(lines) == len(peers) else 1


if __name__ == "__main__":
    raise SystemExit(main())
