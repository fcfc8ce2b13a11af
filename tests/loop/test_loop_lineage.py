"""From a model back to who said what, from a request to its corrections, forward from a bad fact."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import hindcast as hc
from hand_labels_town import START, comments, labelled_town, opened, spam_system, truth_of
from hindcast.assemble import Assembly
from hindcast.cli.main import commands
from hindcast.clock import ReplayClock
from hindcast.errors import ConfigError, UnknownName
from hindcast.serve import Ask
from hindcast.values import DAY_US, moment_us


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """Two models of hand labels; one label was corrected between them, and both were asked."""
    folder = tmp_path_factory.mktemp("lineage")
    labelling = labelled_town(folder / "project")
    labelling.project.set_guideline("Capitals are shouting.")
    labelling.at(START + 70 * DAY_US).project.adjudicate("Jo", "c5", "spam", comment="shouts", key="c5")
    assembly = opened(folder, now="2024-04-01")
    assert assembly.run(until="2024-02-20")["version"] == "v1"
    service = assembly.open_service()

    async def ask() -> None:
        await service.start()
        values = {"capitals": 0.9, "length": 20.0, "comment": "c5"}
        await service.predict([Ask(values=values, request_id="r5")])
        await service.close()

    asyncio.run(ask())
    assert assembly.run(until="2024-03-25")["version"] == "v2"
    return assembly


def test_every_row_of_a_model_says_who_labelled_it_and_when(town: Assembly):
    told = town.lineage().model("v1", rows=0)
    trained = town.history().training_set(moment_us(told["as_of"]))
    assert told["verified"]
    assert [row["label"] for row in told["rows"]] == trained.label.astype(int).tolist()
    assert told["rows_used"] == len(trained)
    truth = dict(zip(comments()["comment"], truth_of(comments()), strict=True))
    for row in told["rows"]:
        (said,) = row["fact"]["said"]
        assert (said["who"], said["label"], said["guideline"]) == ("Ann", truth[row["request"]], 1)
        assert row["fact"]["item"] == row["request"]
        assert said["at"] == row["known"]
    assert sum(told["sources"].values()) == len(trained)
    assert town.lineage().model(rows=3)["version"] == "v2"  # it passed its gates, and there is no rollout
    assert len(town.lineage().model(rows=3)["rows"]) == 3


def test_a_request_has_its_prediction_its_model_and_its_corrections(town: Assembly):
    told = town.lineage().request("r5")
    (prediction,) = told["predictions"]
    assert (prediction["version"], prediction["learner"]) == ("v1", "logistic")
    assert prediction["features"] == {"capitals": 0.9, "length": 20.0}
    first, last = told["outcomes"]
    assert (first["label"], last["label"]) == (truth_of(comments())[5] == "spam", 1)
    assert [one["what"] for one in last["said"]] == ["answer", "adjudicated"]
    assert [one["what"] for one in first["said"]] == ["answer"]
    assert last["said"][1]["guideline"] == 2
    assert told["learnt_by"] == ["v1", "v2"]
    assert town.lineage().request("c5")["outcomes"] == told["outcomes"]
    with pytest.raises(UnknownName, match="r5"):
        town.lineage().request("r55")


def test_what_a_fact_reached(town: Assembly):
    late = town.lineage().forward(item="c230")
    assert [one["version"] for one in late["models"]] == ["v2"]
    assert late["predictions"] == []
    early = town.lineage().forward(item="c5")
    assert [(one["version"], one["rows"]) for one in early["models"]] == [("v1", 1), ("v2", 1)]
    assert [(one["version"], one["requests"]) for one in early["predictions"]] == [("v1", ["r5"])]
    asked = town.lineage().forward(fact="comments:7")
    assert [one["requests"][0]["request"] for one in asked["models"]] == ["c7", "c7"]
    everything = town.lineage().forward(file="data frame", rows=0)
    assert all(one["rows"] == one["of"] == len(one["requests"]) for one in everything["models"])


def test_what_is_not_there_is_answered_with_what_is(town: Assembly):
    found = town.lineage()
    for given in ({}, {"item": "nobody"}, {"fact": "labels:9999"}, {"fact": "labels"}, {"item": "c1", "fact": "a:1"}):
        with pytest.raises(ConfigError):
            found.forward(**given)
    with pytest.raises(UnknownName, match="data frame"):
        found.forward(file="data frames")
    with pytest.raises(UnknownName):
        found.forward(fact="label:1")
    with pytest.raises(UnknownName):
        found.model("v9")


def test_a_fact_that_changes_one_feature_reaches_the_rows_that_read_it(tmp_path: Path):
    labelled_town(tmp_path / "project")
    system = spam_system(tmp_path / "project")
    shouts = hc.Table(
        "shouts",
        hc.frame({"at": ["2024-01-10T00:00:00Z", "2024-03-30T00:00:00Z"], "who": ["a", "a"], "loud": [1.0, 2.0]}),
        event_time="at",
        known="event",
    )
    rows = {**comments(), "who": ["a", "b"] * 120}
    system = spam_system(
        tmp_path / "project", rows,
        features=[hc.request("capitals", "length"), hc.window(shouts, "loud", ["sum"], over="2d", by="who")],
    )  # fmt: skip
    assembly = hc.open_system(system, tmp_path / "home", clock=ReplayClock(moment_us("2024-04-01")))
    assembly.run(until="2024-02-20")
    (model,) = assembly.lineage().forward(fact="shouts:0", rows=0)["models"]
    spine = assembly.history().spine
    within = (spine.as_of >= moment_us("2024-01-10")) & (spine.as_of < moment_us("2024-01-12"))
    reached = [name for name, hit in zip(spine.key.objects(), within, strict=True) if hit and int(name[1:]) % 2 == 0]
    named = [row["request"] for row in model["requests"]]
    assert set(named) == set(reached)
    assert assembly.lineage().forward(fact="shouts:1")["models"] == []


def test_rules_that_taught_a_model_say_what_they_voted(tmp_path: Path):
    labelled_town(tmp_path / "project", until=160)
    rules = hc.weak_labels([shouting, quiet])
    system = spam_system(tmp_path / "project", training=hc.Training(validation="16d", min_rows=20, weak=rules))
    assembly = hc.open_system(system, tmp_path / "home", clock=ReplayClock(moment_us("2024-03-05")))
    assembly.run(until="2024-02-20")
    told = assembly.lineage().model(rows=0)
    assert told["verified"]
    assert told["weak"]["functions"] == ["shouting", "quiet"]
    share = dict(zip(comments()["comment"], comments()["capitals"], strict=True))
    names, used = comments()["comment"], {row["request"] for row in told["rows"]}
    asked = names[: int((moment_us(told["as_of"]) - START) // (DAY_US // 4)) + 1]
    loud_or_quiet = [name for name in asked if name not in used and not 0.3 <= share[name] <= 0.7]
    assert [row["request"] for row in told["taught"]] == loud_or_quiet
    for row in told["taught"]:
        loud = share[row["request"]]
        assert row["votes"] == ({"shouting": 1} if loud > 0.7 else {"quiet": 0})
    changed = hc.open_system(spam_system(tmp_path / "project"), tmp_path / "home")
    with pytest.raises(ConfigError, match="rules that are no longer declared"):
        changed.lineage().model()


def shouting(capitals: float) -> int | None:
    return 1 if capitals > 0.7 else None


def quiet(capitals: float) -> int | None:
    return 0 if capitals < 0.3 else None


def test_a_model_without_kept_lineage_says_so(town: Assembly, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hindcast.loop.lineage._kept", lambda *_: {})
    with pytest.raises(ConfigError, match="before lineage was kept"):
        town.lineage().model("v1")
    assert town.lineage().forward(item="c5")["models"] == []


def test_rows_that_are_not_found_again_as_they_were_are_said_to_be_so(town: Assembly, monkeypatch: pytest.MonkeyPatch):
    from hindcast.loop import lineage

    kept = lineage._kept
    monkeypatch.setattr(lineage, "_kept", lambda *given: {**kept(*given), "rows": "0" * 32})
    assert not town.lineage().model("v1")["verified"]
    monkeypatch.setattr(lineage, "_kept", lambda *given: {**kept(*given), "landed": {"comments": 240, "labels": 3}})
    told = town.lineage().model("v1")
    assert (told["verified"], told["rows_used"]) == (False, 3)


SYSTEM = """
import sys
sys.path.insert(0, {tests!r})
from hand_labels_town import spam_system
system = spam_system({project!r})
"""


def test_the_command_prints_tables_and_json(town: Assembly, tmp_path: Path):
    tests = str(Path(__file__).parent.parent)
    project = str(town.home.root.parent / "project")
    file = tmp_path / "system.py"
    file.write_text(SYSTEM.format(tests=tests, project=project), encoding="utf-8")

    def run(*options: str) -> str:
        done = CliRunner().invoke(commands, ["lineage", str(file), "--home", str(town.home.root), *options])
        assert done.exit_code == 0, done.output
        return done.output

    assert "its rows are found again" in run("--model", "v1")
    assert "Ann ham (guideline 1)" in run("--model", "v1") or "Ann spam (guideline 1)" in run("--model", "v1")
    assert "Learnt from by: v1, v2" in run("--request", "r5")
    assert "Jo spam (guideline 2)" in run("--request", "r5")
    assert "r5" in run("--item", "c5", "--json")
    assert json.loads(run("--fact", "comments:7", "--json"))["facts"] == {"comments": 1}
    assert "Rows touched" in run("--item", "c5")
    both = CliRunner().invoke(commands, ["lineage", str(file), "--item", "c5", "--request", "r5"])
    assert both.exit_code == 2
    assert np.isfinite(json.loads(run("--model", "v2", "--json"))["rows_used"])
