"""Run benchmarks: every peer in processes of its own, in turns, medians; a line per peer and job.

    python benchmarks/run.py features                          # every job of a room
    python benchmarks/run.py asof --size 200000 --repeat 3
    python benchmarks/run.py asof-known --peers hindcast feast # sets up what is named and missing
    python benchmarks/run.py replay

Lines are appended to ``benchmarks/results/<room>.jsonl``; ``tables.py`` puts them into the READMEs. Exits with 1 when
the peers of a job disagree, or one that should have run failed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import replay  # noqa: E402
from harness.checks import disagreements  # noqa: E402
from harness.environments import python_of  # noqa: E402
from harness.job import Job  # noqa: E402
from harness.machine import machine  # noqa: E402
from harness.measure import ABSENT  # noqa: E402
from harness.rooms import job_named, names, own_environments, room_of, rooms  # noqa: E402

RESULTS = HERE / "results"
MEDIANS = ("seconds", "cpu_seconds", "peak_rss_mb", "base_rss_mb", "p50_us", "p99_us", "import_s")


class Failed(Exception):
    """A run that ended in an error, or took too long."""


class Left(Exception):
    """A peer is left out, and why."""


def once(python: Path, job: str, peer: str, size: int, timeout_s: float) -> dict[str, Any]:
    """One measured run in a process of its own."""
    command = [str(python), "-m", "harness.measure", job, peer, "--size", str(size)]
    try:
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        raise Failed(f"not done after {timeout_s:.0f} s") from None
    last = (done.stdout.strip().splitlines() or [""])[-1]
    if done.returncode == ABSENT:
        raise Left(last)
    if done.returncode:
        raise Failed((done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1])
    line: dict[str, Any] = json.loads(last)
    return line


def run(
    name: str, job: Job, size: int, peers: Sequence[str] | None, repeat: int, timeout_s: float
) -> tuple[list[dict[str, Any]], bool]:
    """All peers of a job at a size, in turns: their lines, and whether all is well."""
    print(f"{name}: {job.asks}; {size:,} {job.unit}", flush=True)
    pythons: dict[str, Path] = {}
    own = own_environments()
    for peer in peers or job.peers:
        try:
            if peer not in job.peers:
                raise Left(f"no peer of this job; there are {', '.join(job.peers)}")
            if size > job.limits.get(peer, size):
                raise Left(f"left out above {job.limits[peer]:,}")
            pythons[peer] = python_of(peer, own.get(peer, ()), set_up=peers is not None)
        except LookupError as reason:
            print(f"  {peer:18} skipped: {reason.args[0]}", flush=True)
        except Left as reason:
            print(f"  {peer:18} skipped: {reason}", flush=True)
    runs: dict[str, list[dict[str, Any]]] = {}
    well = True
    load = round(os.getloadavg()[0], 2)
    job.data(size)
    for _ in range(repeat if size <= (job.once_above or size) else 1):
        for peer, python in list(pythons.items()):
            try:
                runs.setdefault(peer, []).append(once(python, name, peer, size, timeout_s))
            except Left as reason:
                del pythons[peer]
                print(f"  {peer:18} skipped: {reason}", flush=True)
            except Failed as error:
                del pythons[peer]
                well = False
                print(f"  {peer:18} FAILED: {error}", flush=True)
    where = {"load_before": load, "machine": machine(), "measured": datetime.now(UTC).date().isoformat()}
    lines = [{**summary(found), **where} for found in runs.values() if found]
    show(lines)
    checks = {f"{line['peer']}#{at}": line["check"] for found in runs.values() for at, line in enumerate(found)}
    differing = disagreements(checks)
    for difference in differing:
        print(f"  RESULTS DIFFER in {difference}")
    return lines, well and not differing and bool(lines)


def summary(found: list[dict[str, Any]]) -> dict[str, Any]:
    """A line of medians."""
    middle = {key: round(median(line[key] for line in found), 4) for key in MEDIANS if key in found[0]}
    whole = {key: int(value) if key.endswith("_mb") else value for key, value in middle.items()}
    seconds = [line["seconds"] for line in found]
    last = {"repeat": len(found), "fastest": min(seconds), "slowest": max(seconds)}
    return {**found[0], **whole, **last}


def show(lines: list[dict[str, Any]]) -> None:
    ours = next((line["seconds"] for line in lines if line["peer"] == "hindcast"), None)
    for line in lines:
        ratio = f"{line['seconds'] / ours:6.2f} x" if ours else ""
        latency = f"  p50 {line['p50_us']} us, p99 {line['p99_us']} us" if "p50_us" in line else ""
        memory = f"{line['peak_rss_mb']:,.0f} MB, {line['peak_rss_mb'] - line['base_rss_mb']:,.0f} above the imports"
        cost = f"{line['seconds']:9.3f} s {ratio} {line['cpu_seconds']:9.3f} s CPU {memory:>38}"
        print(f"  {line['peer']:18} {cost}{latency}", flush=True)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "job", choices=[*rooms(), *names(), "replay"], metavar="job", help="a job, or a room: all its jobs"
    )
    parser.add_argument("--size", type=int, help="what it counts depends on the job")
    parser.add_argument("--repeat", type=int, default=5)
    own = ", ".join(sorted(own_environments()))
    parser.add_argument("--peers", nargs="*", help=f"only these; {own} are set up when named here")
    parser.add_argument("--timeout", type=float, default=900.0, help="seconds a run may take")
    parser.add_argument("--results", type=Path, help="the file that lines are appended to; by default that of the room")
    options = parser.parse_args(argv)
    if options.job == "replay":
        return replay.main(["--repeat", str(options.repeat)])
    well = True
    for name in rooms().get(options.job, [options.job]):
        job = job_named(name)
        results = options.results or RESULTS / f"{room_of(name)}.jsonl"
        for size in [options.size] if options.size else job.sizes or [job.size]:
            lines, good = run(name, job, size, options.peers, options.repeat, options.timeout)
            well &= good
            results.parent.mkdir(parents=True, exist_ok=True)
            with results.open("a", encoding="utf-8") as out:
                out.writelines(json.dumps(line) + "\n" for line in lines)
    return 0 if well else 1


if __name__ == "__main__":
    raise SystemExit(main())
