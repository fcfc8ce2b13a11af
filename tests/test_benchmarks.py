"""The benchmarks measure what they say: every peer of every job does the same work, and the pages show the figures."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from architecture import ROOT

BENCHMARKS = ROOT / "benchmarks"
LABEL_MODELS = ("labelmodel", "labelmodel-5", "labelmodel-copies", "labelmodel-large")
SIZES = {"curve": 10_000, "stream": 2_000, "stream-one": 2_000}
BATCH = ("asof", "asof-known", "windows", "windows-12", "curve", "stream", "stream-one", "online-read")
INSTALLED = {
    "hindcast": "hindcast",
    "hindcast-memory": "hindcast",
    "hindcast-lmdb": "lmdb",
    "polars": "polars",
    "duckdb": "duckdb",
    "pandas": "pandas",
    "reference": "numpy",
    "numpy": "numpy",
    "python-deque": "collections",
    "dict": "builtins",
    "sqlite": "sqlite3",
    "lmdb": "lmdb",
}
"""Peers of the tests, and the package whose absence leaves one out."""


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The modules of the benchmarks, by name; their data go to a folder of the test."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setattr(import_module("harness.data"), "folder", lambda: tmp_path / "data")
    monkeypatch.setattr(import_module("features.online_read"), "READS", 300)
    return import_module


@pytest.mark.slow
@pytest.mark.parametrize("name", BATCH)
def test_all_peers_of_a_job_find_the_same(name: str, bench: Any) -> None:
    job, checks = bench("harness.rooms").job_named(name), bench("harness.checks")
    place = job.data(SIZES.get(name, 2_000))
    found = {}
    for peer, set_up in job.peers.items():
        if peer in INSTALLED and find_spec(INSTALLED[peer]):
            result = set_up(place)()
            found[peer] = job.check(getattr(result, "result", result))
    assert "hindcast" in found
    assert len(found) > 1
    assert not checks.disagreements(found)


@pytest.mark.slow
@pytest.mark.parametrize("name", LABEL_MODELS)
def test_a_label_model_is_about_as_right_as_the_oracle(name: str, bench: Any) -> None:
    job = bench("harness.rooms").job_named(name)
    place = job.data(5_000)
    found = {peer: job.peers[peer](place)() for peer in ("hindcast", "numpy-em", "oracle") if peer in job.peers}
    assert not bench("harness.checks").disagreements({peer: job.check(result) for peer, result in found.items()})
    said = {peer: job.line(result)["accuracy"] for peer, result in found.items()}
    assert said["hindcast"] > said.get("oracle", said["numpy-em"]) - 0.01


def test_every_job_has_our_side_and_another(bench: Any) -> None:
    jobs = bench("harness.rooms")
    for name in jobs.names():
        peers = list(jobs.job_named(name).peers)
        assert any(peer.startswith("hindcast") for peer in peers)
        assert len(peers) > 1


def test_jobs_are_found_by_room_and_every_name_once(bench: Any) -> None:
    jobs = bench("harness.rooms")
    assert {"features", "labels"} >= set(jobs.rooms()) >= {"features"}
    assert set(BATCH) <= set(jobs.rooms()["features"])
    assert len(set(jobs.names())) == len(jobs.names())
    assert not set(jobs.names()) & set(jobs.rooms())


def test_a_changed_value_is_seen(bench: Any) -> None:
    pa = pytest.importorskip("pyarrow")
    checks, same = bench("features.checks"), bench("harness.checks").disagreements
    columns = {f"f{i}": [1.0, None, 2.5] for i in range(5)}
    right = checks.of_asof(pa.table({"row_id": [0, 1, 2], **columns}))
    reordered = {name: [values[2], values[0], values[1]] for name, values in columns.items()}
    assert not same({"a": right, "b": checks.of_asof(pa.table({"row_id": [2, 0, 1], **reordered}))})
    wrong = checks.of_asof(pa.table({"row_id": [0, 1, 2], **columns, "f4": [1.0, 2.5, None]}))
    lines = same({"right": right, "wrong": wrong})
    assert [line.split(":")[0] for line in lines] == ["digest"]


def test_data_are_drawn_once_and_the_same_again(bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, kept = bench("features.data"), bench("harness.data")
    first = data.make("asof", 1_000) / "facts.parquet"
    written = first.stat().st_mtime_ns
    assert data.make("asof", 1_000) / "facts.parquet" == first
    assert first.stat().st_mtime_ns == written
    monkeypatch.setattr(kept, "folder", lambda: tmp_path / "again")
    again = data.make("asof", 1_000) / "facts.parquet"
    assert again != first
    assert again.read_bytes() == first.read_bytes()


def test_what_the_data_promise(bench: Any) -> None:
    np, pq = pytest.importorskip("numpy"), pytest.importorskip("pyarrow.parquet")
    facts = pq.read_table(bench("features.data").make("asof", 2_000) / "facts.parquet")
    event, created = (facts[name].cast("int64").to_numpy() for name in ("event_timestamp", "created_timestamp"))
    assert (created >= event).all()
    assert (np.diff(event) < 0).any()  # in no order
    pairs = np.stack([facts["entity_id"].to_numpy(), event], axis=1)
    assert len(pairs) - len(np.unique(pairs, axis=0)) >= len(facts) // 50  # corrections
    for name in ("f0", "f4"):
        assert (facts[name].to_numpy() * 64 % 1 == 0).all()


@pytest.mark.slow
def test_a_run_prints_and_keeps_a_line_per_peer(tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    command = [sys.executable, str(BENCHMARKS / "run.py"), "asof", "--size", "2000", "--repeat", "2"]
    command += ["--peers", "hindcast", "polars", "reference", "nobody", "--results", str(results)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    assert "nobody" in done.stdout
    assert "no peer of this job" in done.stdout
    lines = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    assert {line["peer"] for line in lines} == {"hindcast", "polars", "reference"}
    for line in lines:
        assert line["repeat"] == 2
        assert line["fastest"] <= line["seconds"] <= line["slowest"]
        assert 0 < line["base_rss_mb"] <= line["peak_rss_mb"]


def test_the_pages_show_the_last_figures(bench: Any) -> None:
    assert bench("tables").main(["--check"]) == 0


def test_a_table_shows_the_last_line_of_a_peer(bench: Any, tmp_path: Path) -> None:
    tables = bench("tables")
    line = {"job": "asof", "size": 1_000, "cpu_seconds": 1.0, "peak_rss_mb": 9, "base_rss_mb": 5, "repeat": 5}
    said = [{**line, "peer": "polars", "seconds": s} for s in (9.0, 4.0)] + [
        {**line, "peer": "hindcast", "seconds": 2.0}
    ]
    path = tmp_path / "lines.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in said), encoding="utf-8")
    readme = "before\n<!-- figures: asof -->\nold\n<!-- end of figures -->\nafter\n"
    rows = [row.split(" | ") for row in tables.filled(readme, tables.last_lines(path)).splitlines() if "1,000" in row]
    assert [row[:4] for row in rows] == [["| hindcast", "1,000", "2", "1"], ["| polars", "1,000", "4", "2"]]
