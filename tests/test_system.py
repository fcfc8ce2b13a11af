"""The declaration: what it refuses, what it means, and how it is loaded from a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import hindcast as hc
from hindcast.errors import ConfigError, UnknownName
from hindcast.testing import deliveries_system
from hindcast.values import DAY_US, HOUR_US

FILE = """
from hindcast.testing import deliveries_system
town = deliveries_system()
"""


def test_a_declaration_has_one_identity_and_any_change_of_meaning_another() -> None:
    same = deliveries_system()
    assert same.identity == deliveries_system().identity
    changes: list[dict[str, Any]] = [
        {"name": "town"},
        {"seed": 1},
        {"goal": hc.Goal("call ahead", hit=5, false_alarm=-2, unit="EUR")},
        {"gates": ()},
        {"rollout": ()},
        {"retrain": [hc.every("15d")]},
        {"training": hc.Training(validation="21d")},
        {"monitoring": hc.Monitoring(every="12h", zone="Europe/Berlin")},
        {"models": [hc.logistic()]},
        {"features": same.features[:-1]},
        {"predict": replace(same.predict, maturity="13h")},
    ]
    identities = {same.identity, *(deliveries_system(**change).identity for change in changes)}
    assert len(identities) == len(changes) + 1


def test_an_assumption_is_for_people_and_retrains_nothing() -> None:
    assert deliveries_system(assumptions=["Clocks are right."]).identity == deliveries_system().identity


def test_baselines_always_stand_beside_the_models() -> None:
    names = [learner.name for learner in deliveries_system(models=[hc.logistic()]).learners]
    assert names == ["random", "zero_rule", "last_label", "logistic"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "no spaces"}, "letters, digits"),
        ({"name": ""}, "letters, digits"),
        ({"features": []}, "no features"),
        ({"models": []}, "no models"),
        ({"models": [hc.logistic(), hc.logistic()]}, "two models called logistic"),
        ({"goal": 40}, "hindcast.Goal"),
        ({"predict": "late"}, "hindcast.Binary"),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        deliveries_system(**changes)


def test_two_tables_of_one_name_are_refused() -> None:
    other = hc.Table("weather", event_time="hour", known_after="2h", columns=["district", "rain"])
    system = deliveries_system()
    with pytest.raises(ConfigError, match="two different tables are called 'weather'"):
        deliveries_system(features=[*system.features, hc.latest(other, "rain", by="district", name="rain_later")])


def test_a_table_is_read_for_its_features_its_label_and_its_timer() -> None:
    system = deliveries_system()
    assert set(system.tables) == {"orders", "pickups", "arrivals", "weather", "couriers"}
    assert system.columns_of("weather") == ["district", "rain", "temp"]
    assert {"order", "late"} <= set(system.columns_of("arrivals"))
    assert "due" in system.columns_of("orders")


# ---- training and monitoring ----------------------------------------------------------------------------


def test_durations_are_read_once() -> None:
    training = hc.Training(validation="7d", window="60d", takes="2h")
    assert (training.validation_us, training.window_us, training.takes_us) == (7 * DAY_US, 60 * DAY_US, 2 * HOUR_US)
    assert hc.Training().window_us is None
    monitoring = hc.Monitoring(window="2d", every="12h", score_window="7d")
    found = (monitoring.window_us, monitoring.every_us, monitoring.score_window_us)
    assert found == (2 * DAY_US, 12 * HOUR_US, 7 * DAY_US)


@pytest.mark.parametrize(
    "changes",
    [{"validation": "0s"}, {"validation": "a month"}, {"window": "-1d"}, {"takes": 3}, {"min_rows": 1}],
)
def test_a_training_that_cannot_be_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        hc.Training(**changes)


@pytest.mark.parametrize("changes", [{"every": "0s"}, {"every": "2d", "window": "1d"}])
def test_a_monitor_that_cannot_look_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="looks every"):
        hc.Monitoring(**changes)


# ---- files ----------------------------------------------------------------------------------------------


def test_a_file_declares_a_system(tmp_path: Path) -> None:
    path = tmp_path / "system.py"
    path.write_text(FILE)
    assert hc.load_system(path).identity == deliveries_system().identity


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1", "declares no hindcast.System"),
        ("raise ValueError('boom')", "ValueError: boom"),
        ("def (", "could not be run"),
        (FILE + "two = deliveries_system(name='two')", "declares 2 systems"),
    ],
)
def test_a_file_that_declares_none_says_why(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "system.py"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        hc.load_system(path)


def test_one_of_several_is_chosen_by_name(tmp_path: Path) -> None:
    path = tmp_path / "system.py"
    path.write_text(FILE + "two = deliveries_system(name='two')")
    assert hc.load_system(path, "two").name == "two"
    with pytest.raises(UnknownName, match="Did you mean 'two'"):
        hc.load_system(path, "tow")


def test_a_missing_file_says_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="hindcast init"):
        hc.load_system(tmp_path / "nowhere.py")


def test_a_file_may_import_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_system.py").write_text(FILE)
    (tmp_path / "system.py").write_text("from neighbour_of_system import town")
    assert hc.load_system(tmp_path / "system.py").name == "deliveries"
