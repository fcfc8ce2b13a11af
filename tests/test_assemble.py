"""A system joined with its home: facts landed, a champion trained, a stretch replayed, everything looked at again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import hindcast as hc
from assemble_town import with_sources
from hindcast.assemble import Assembly
from hindcast.clock import ReplayClock
from hindcast.errors import ConfigError
from hindcast.testing import DELIVERIES_START, deliveries_system
from hindcast.values import DAY_US, iso, moment_us

UNTIL = DELIVERIES_START + 50 * DAY_US
END = DELIVERIES_START + 70 * DAY_US


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """The town, landed and with a first champion."""
    assembly = hc.open_system(with_sources(), tmp_path_factory.mktemp("town"), clock=ReplayClock(END))
    found = assembly.run(until=iso(UNTIL))
    assert found["promoted"], found["verdicts"]
    return assembly


def test_landing_twice_adds_nothing(town: Assembly) -> None:
    again = town.land()
    assert {landed.table for landed in again} == set(town.system.tables)
    assert sum(landed.new for landed in again) == 0
    assert sum(landed.refused for landed in again) == 0


def test_a_run_leaves_a_champion_with_its_reasons(town: Assembly) -> None:
    (champion,) = (model for model in town.models() if model["role"] == "champion")
    assert champion["version"] == "v1"
    (promotion,) = town.ledger(kind="promotion")
    assert promotion.body["version"] == "v1"
    assert promotion.at_us == UNTIL
    assert len(town.ledger(last=2)) == 2


def test_a_replay_has_a_ledger_of_its_own_and_writes_its_report(town: Assembly, tmp_path: Path) -> None:
    before = len(town.ledger())
    page = tmp_path / "reports" / "report.html"
    story = town.replay(iso(UNTIL), iso(END), policies=["renewed", "never"], report_path=page)
    assert len(town.ledger()) == before
    assert story["summary"]["retrainings"] == 2
    assert story["summary"]["frozen"]["retrainings"] == 0
    assert story["summary"]["replay"]["n"] == story["summary"]["rows"]["scored"] > 1_000
    assert page.read_text(encoding="utf-8").startswith("<!")
    assert set(town.timings) >= {"land", "features", "train", "replay", "story", "report"}


def test_a_second_replay_fits_nothing_and_tells_the_same(town: Assembly) -> None:
    first = town.replay(iso(UNTIL), iso(END), policies=["renewed"])
    fitted = town.timings["fitting (within replay)"]
    second = town.replay(iso(UNTIL), iso(END), policies=["renewed"])
    assert second == first
    assert town.timings["fitting (within replay)"] < max(fitted, 1.0)


def test_features_are_computed_once_for_all_that_look_at_history(town: Assembly) -> None:
    town.history()
    again = hc.open_system(town.system, town.home.root, clock=ReplayClock(END))
    report = again.backfill()
    assert (report.cells, report.landed, report.notices) == (0, {}, ())
    assert report.cells_reused == len(again.history()) * len(report.computed) > 0
    assert again.history().features.rows() == town.history().features.rows()


def test_the_system_holds_to_the_laws(town: Assembly) -> None:
    verdicts = {verdict.check: verdict for verdict in town.check(sample=60)}
    assert verdicts["no future"].ok
    assert verdicts["batch = online"].ok
    assert all(verdict.ok for verdict in verdicts.values()), verdicts


def test_a_file_of_requests_is_answered(town: Assembly, tmp_path: Path) -> None:
    asked = tmp_path / "requests.csv"
    asked.write_text("order,shop,district,courier,distance,due\nx1,baker,north,c01,2.5,2024-03-15T12:00:00Z\n")
    answers = tmp_path / "answers.csv"
    assert town.predict_file(asked, answers) == 1
    head, row = answers.read_text().splitlines()
    found = dict(zip(head.replace('"', "").split(","), row.replace('"', "").split(","), strict=True))
    assert found["version"] == "v1"
    assert 0 < float(found["probability"]) < 1


def test_a_bare_date_is_midnight_where_the_system_lives(town: Assembly) -> None:
    assert town.moment("2024-07-01") == moment_us("2024-06-30T22:00:00Z")
    assert town.moment("2024-07-01T00:00:00Z") == moment_us("2024-07-01")


def test_a_system_without_facts_says_so(tmp_path: Path) -> None:
    assembly = hc.open_system(deliveries_system(), tmp_path / "home")
    with pytest.raises(ConfigError, match="no facts have landed for arrivals"):
        assembly.run()


def test_where_a_home_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "somewhere" / "system.py"
    path.parent.mkdir()
    path.write_text("from hindcast.testing import deliveries_system\ntown = deliveries_system()\n")
    monkeypatch.delenv("HINDCAST_HOME", raising=False)
    assert hc.open_system(path).home.root == tmp_path / "somewhere" / ".hindcast" / "deliveries"
    monkeypatch.setenv("HINDCAST_HOME", str(tmp_path / "elsewhere"))
    assert hc.open_system(path).home.root == tmp_path / "elsewhere"
    assert hc.open_system(path, tmp_path / "here").home.root == tmp_path / "here"


def test_running_again_changes_nothing_and_a_later_run_begins_a_trial(tmp_path: Path) -> None:
    system = replace(with_sources(), rollout=[hc.shadow("3d")])
    assembly = hc.open_system(system, tmp_path, clock=ReplayClock(END))
    assert assembly.run(until=iso(UNTIL))["version"] == "v1"
    entries = len(assembly.ledger())
    again = assembly.run(until=iso(UNTIL))
    assert (again["version"], again["promoted"]) == ("v1", True)
    assert len(assembly.ledger()) == entries
    later = assembly.run(until=iso(END))
    (compared,) = (v for v in later["verdicts"] if v["check"].startswith("not_worse_than_champion"))
    assert "no champion" not in compared["reason"]
    assert (later["version"], later["promoted"], later["stage"]) == ("v2", False, "shadow")
    assert [model["role"] for model in assembly.models()] == ["champion", "challenger (shadow)"]


def test_an_empty_field_of_a_csv_file_of_requests_is_null(town: Assembly, tmp_path: Path) -> None:
    from hindcast.serve.batch_files import read_requests

    path = tmp_path / "requests.csv"
    path.write_text('shop,courier\nbaker,\n"",c1\n', encoding="utf-8")
    assert read_requests(path).to_pylist() == [{"shop": "baker", "courier": None}, {"shop": "", "courier": "c1"}]
