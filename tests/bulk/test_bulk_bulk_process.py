"""What only a whole process can show: the memory it takes, and what a kill leaves behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.slow

DECLARATION = """
import os, resource, sys
import pyarrow as pa, pyarrow.parquet as pq
import hindcast.features as f
from hindcast.columns import Frame
from hindcast.facts import Facts, Table
from hindcast.features.batch import answer
from hindcast.bulk import answer_files
from hindcast.features.plan import FeaturePlan

folder = sys.argv[1]
table = Table("rides", event_time="at", known="seen")
plan = FeaturePlan.compile([
    f.window(table, "x", ["count", "sum", "mean", "max"], over=["1h", "24h"], by="who"),
    f.latest(table, "x", "y", by="who", max_age="1d"),
] if sys.argv[-1] != "whole" else [
    f.window(table, "x", ["max", f.members()], over="1m"),
    f.latest(table, "y", max_age="1d"),
])
facts, requests = {"rides": folder + "/facts.parquet"}, folder + "/requests.parquet"
"""

MEASURE = """
def megabytes(name):
    return int(next(line for line in open("/proc/self/status") if line.startswith(name)).split()[1]) / 1024

few = {"rides": pq.ParquetFile(facts["rides"]).read_row_group(0).slice(0, 1_000)}
asked = pq.ParquetFile(requests).read_row_group(0).slice(0, 100)
answer_files(plan, few, asked, folder + "/warm.parquet", memory="64MiB")   # compiles, and imports the rest
before = megabytes("VmRSS")
if sys.argv[2] == "memory":
    frame = Frame.from_arrow(pq.read_table(requests))
    rows = Facts.of(table, Frame.from_arrow(pq.read_table(facts["rides"])))
    answer(plan, {"rides": rows}, frame, frame["as_of"].values)
else:
    answer_files(plan, facts, requests, folder + "/out.parquet", memory=sys.argv[2])
print(megabytes("VmHWM") - before)
"""

KILLED = """
count = 0
def kill(what, done, known):
    global count
    count += 1
    if count == int(sys.argv[2]):
        os.kill(os.getpid(), 9)

answer_files(plan, facts, requests, folder + "/out.parquet", memory="64MiB", scratch=folder + "/scratch", progress=kill)
"""


def generated(folder: Path, facts: int, requests: int) -> None:
    random = np.random.default_rng(11)
    at = np.sort(random.integers(0, 30 * 86_400, facts)) * 1_000_000
    rows = {
        "who": random.integers(0, 5_000, facts),
        "at": pa.array(at).cast(pa.timestamp("us", "UTC")),
        "seen": pa.array(at + random.integers(0, 3_600, facts) * 1_000_000).cast(pa.timestamp("us", "UTC")),
        "x": np.round(random.normal(0, 9, facts), 2),
        "y": random.normal(0, 1, facts),
    }
    pq.write_table(pa.table(rows), folder / "facts.parquet", row_group_size=500_000)
    moments = random.integers(0, 30 * 86_400, requests) * 1_000_000
    asked = {"who": random.integers(0, 5_000, requests), "as_of": pa.array(moments).cast(pa.timestamp("us", "UTC"))}
    pq.write_table(pa.table(asked), folder / "requests.parquet")


def run(code: str, *arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", DECLARATION + code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


def taken(folder: Path, how: str, plan: str = "by who") -> float:
    done = run(MEASURE, folder, how, plan)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak of memory from /proc")
def test_the_budget_holds_where_memory_alone_would_not_do(tmp_path):
    generated(tmp_path, 3_000_000, 300_000)
    assert taken(tmp_path, "memory") > 300
    assert taken(tmp_path, "300MiB") < 300
    assert taken(tmp_path, "150MiB") < 150
    assert pq.ParquetFile(tmp_path / "out.parquet").metadata.num_rows == 300_000


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak of memory from /proc")
def test_a_table_without_a_key_is_divided_by_time_and_its_lists_are_not_held_at_once(tmp_path):
    generated(tmp_path, 2_000_000, 200_000)
    assert taken(tmp_path, "memory", "whole") > 300
    assert taken(tmp_path, "150MiB", "whole") < 150
    assert pq.ParquetFile(tmp_path / "out.parquet").metadata.num_rows == 200_000


@pytest.mark.parametrize("moment", [1, 4, 9])
def test_a_kill_at_any_moment_leaves_the_output_as_it_was(moment, tmp_path):
    generated(tmp_path, 200_000, 20_000)
    out, scratch = tmp_path / "out.parquet", tmp_path / "scratch"
    out.write_bytes(b"before")
    assert run(KILLED, tmp_path, moment).returncode == -signal.SIGKILL
    assert out.read_bytes() == b"before"
    assert len(list(scratch.iterdir())) == 1
    finished = run(KILLED, tmp_path, 0)
    assert finished.returncode == 0, finished.stderr
    assert pq.ParquetFile(out).metadata.num_rows == 20_000
    assert not list(scratch.iterdir())
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".draft")]
