"""``hindcast features``: the catalogue as a table, one feature in full, what depends on a place, all of it as JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from hindcast.catalogue import Catalogue, Cost, ModelUse, catalogue
from hindcast.cli.features import _age
from hindcast.cli.main import main
from hindcast.columns import Frame
from hindcast.facts import Table
from hindcast.features import FeaturePlan, request, window
from hindcast.values import HOUR_US

STOPS = Table("stops", event_time="at", known="event")


def is_slow(stops_wait_mean_1h_by_line):
    """Whether people wait long."""
    return stops_wait_mean_1h_by_line > 5


NAME = "stops_wait_mean_1h_by_line"
PLAN = FeaturePlan.compile(
    [request("line"), window(STOPS, "wait", "mean", over="1h", by="line", unit="min", owner="ops"), is_slow]
)


class Fake:
    """An assembly that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, bool]] = []

    def catalogue(self, *, statistics: bool, costs: bool, progress: Any) -> Catalogue:
        self.asked.append({"statistics": statistics, "costs": costs})
        return catalogue(
            PLAN,
            system="buses",
            features=Frame.of({NAME: [1.0, None, 3.0, 8.0], "line": ["a", "b", "a", "a"]}) if statistics else None,
            ages={NAME: np.array([1, 2, 2, np.nan]) * HOUR_US} if statistics else None,
            max_ages={NAME: 2 * HOUR_US},
            versions=dict.fromkeys(PLAN.names, 1) | {NAME: 2},
            models={NAME: [ModelUse("v1", "archived", 1), ModelUse("v2", "champion", 2)]},
            costs={NAME: Cost(0.25, 640.0)} if costs else None,
            versions_of_models=["v1", "v2"],
        )


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    import hindcast.assemble

    made = Fake()
    monkeypatch.setattr(hindcast.assemble, "open_system", lambda *_, **__: made)
    return made


def said(capsys: pytest.CaptureFixture[str], *argv: str, code: int = 0) -> str:
    with pytest.raises(SystemExit) as left:
        main(["-q", "features", "s.py", *argv])
    assert left.value.code == code
    out, err = capsys.readouterr()
    return err if code else out


def test_every_feature_has_a_line(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys).splitlines()
    assert [line.split()[0] for line in lines[1:4]] == list(PLAN.names)
    row = next(line for line in lines if line.startswith(NAME))
    for part in ("window", "2", "mean of stops.wait over 1h", "line", "ops", "25.0%", "2 h", "v2"):
        assert part in row
    assert "v1" not in row  # archived
    assert lines[-1].startswith("3 features of buses.")
    assert fake.asked == [{"statistics": True, "costs": False}]


def test_what_is_declared_needs_no_answers(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, "--declared").splitlines()
    assert "Null" not in lines[0]
    assert fake.asked == [{"statistics": False, "costs": False}]


def test_costs_are_shown_once_measured(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Per million" not in said(capsys)
    assert "0.25 s" in said(capsys, "--costs")
    assert fake.asked[-1] == {"statistics": True, "costs": True}


def test_a_fact_of_the_future_is_ahead() -> None:
    assert (_age(5400.0), _age(-3600.0), _age(None)) == ("1 h 30 min", "1 h ahead", "")


def test_one_feature_in_full(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    out = " ".join(said(capsys, NAME, "--costs").split())
    for part in (
        f"Feature {NAME} Version 2 (",
        "Owner ops Unit min",
        "Comes from request: line; stops: at, line, wait",
        "Read by features is_slow",
        "v1 (archived, version 1 of the feature), v2 (champion, version 2 of the feature)",
        "Read by systems buses",
        "Null 25.0%",
        "Least and greatest 1 to 8",
        "half up to 2 h, nine tenths up to 2 h",
        "at most 2 h; 25.0% of the requests are older or without a fact",
        "Answering a million requests 0.25 s",
        "Online state per entity 640 bytes",
    ):
        assert part in out, part
    assert "Whether people wait long." in said(capsys, "is_slow")


def test_what_depends_on_a_place(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, "--depends-on", "stops.wait")
    assert [line.split()[-1] for line in out.splitlines()[1:]] == [NAME, "is_slow", "v1", "v2", "buses"]
    assert json.loads(said(capsys, "--depends-on", "stops.wait", "--json"))["features"] == [NAME, "is_slow"]


def test_json_is_the_whole_catalogue_or_one_feature(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    whole = json.loads(said(capsys, "--json"))
    assert [entry["name"] for entry in whole["features"]] == list(PLAN.names)
    one = json.loads(said(capsys, NAME, "--json"))
    assert one == next(entry for entry in whole["features"] if entry["name"] == NAME)
    assert (one["version"], one["unit"], one["statistics"]["mean"]) == (2, "min", 4.0)


@pytest.mark.parametrize("argv", [("stops_wait_mean_1h_by_lime",), ("--depends-on", "stops.weit")])
def test_a_wrong_name_is_answered_with_close_ones(
    fake: Fake, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...]
) -> None:
    assert "Did you mean 'stops" in said(capsys, *argv, code=2)


def test_the_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert "hindcast features system.py" in said(capsys, "--help")
