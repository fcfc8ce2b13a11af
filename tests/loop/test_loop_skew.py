"""Skew in production and in replay: a served home, with every cause planted where it comes from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest
from skew_taxis import LISTS, START, crowded, live, opened, taxis

import hindcast as hc
from hindcast.assemble import open_system
from hindcast.clock import ReplayClock
from hindcast.expressions import Expression
from hindcast.features.meaning import digests_of
from hindcast.features.plan import FeaturePlan
from hindcast.loop.meanings import keep_meanings, kept_meanings
from hindcast.loop.skew import replayed_skew
from hindcast.testing import DELIVERIES_START, deliveries, deliveries_system
from hindcast.values import DAY_US, HOUR_US, iso

pytestmark = pytest.mark.service


def test_a_clean_day_has_no_skew(tmp_path: Path) -> None:
    assembly = opened(taxis(*LISTS), tmp_path)
    asked = live(assembly)
    report = assembly.skew()
    assert (report.rows, report.causes) == (asked, {})
    logged = assembly.lake.facts("predictions_target").frame["feature_pings_speed_last_3_2h_by_lane"].objects()
    assert any(text.count(",") == 2 for text in logged if text), "a list is in the log as JSON"
    assert report.verdict().ok
    assert sum(f.rows for f in report.features) == asked * len(assembly.system.plan.names)


def test_late_facts_and_late_corrections_are_named(tmp_path: Path) -> None:
    assembly = opened(taxis(*LISTS), tmp_path / "late")
    live(assembly, late=0.15)
    report = assembly.skew()
    assert report.causes["late fact"] > 20
    assert set(report.causes) == {"late fact"}
    touched = {f.feature for f in report.features if f.different}
    assert {"pings_count_1h_by_lane", "pings_speed_by_lane", "pings_speed_last_3_2h_by_lane"} <= touched
    assert not {"fare", "is_big", "trips_fare_sum_3h_by_lane"} & touched
    assert not report.verdict().ok
    assert report.verdict(["late fact"]).ok

    other = opened(taxis(*LISTS), tmp_path / "corrected")
    live(other, corrected=0.3)
    report = other.skew()
    assert report.causes["correction"] > 20
    assert set(report.causes) == {"correction"}


def test_the_lake_alone_is_enough(tmp_path: Path) -> None:
    """Arrivals are kept with the facts, so the journal may be gone."""
    assembly = opened(taxis(), tmp_path)
    live(assembly, late=0.15)
    before = assembly.skew().causes
    for segment in (tmp_path / "journal").glob("*"):
        segment.unlink()
    assert open_system(taxis(), tmp_path, clock=ReplayClock(START)).skew().causes == before


def test_an_edited_definition_is_named_feature_by_feature(tmp_path: Path) -> None:
    live(opened(taxis(), tmp_path), late=0.1)
    edited = open_system(taxis(speeds="speed > 40"), tmp_path, clock=ReplayClock(START))
    report = edited.skew()
    causes = {f.feature: f.causes for f in report.features}
    assert set(causes["pings_mean_2h_by_lane"]) == {"definition"}
    assert set(causes["pings_count_1h_by_lane"]) == {"late fact"}, "what was not edited has its own causes"
    for noted in (tmp_path / "features").glob("*.json"):
        noted.unlink()
    causes = {f.feature: f.causes for f in edited.skew().features}
    assert causes["pings_mean_2h_by_lane"]["definition"] > 20, "then the plan's identity still tells"


def test_the_log_itself_says_under_which_plan_it_was_served(tmp_path: Path) -> None:
    """A version may serve under plans that came after its training, and its artefact may be gone."""
    served = opened(taxis(), tmp_path)
    asked = live(served, steps=100)
    said = served.lake.facts("predictions_target").frame["plan"].objects().tolist()
    assert said == [served.system.plan.identity] * asked
    rmtree(tmp_path / "models")
    edited = open_system(taxis(speeds="speed > 40"), tmp_path, clock=ReplayClock(START))
    assert set(edited.skew().causes) == {"definition"}


def test_a_feature_that_was_not_served_yet_is_not_compared(tmp_path: Path) -> None:
    asked = live(opened(taxis(), tmp_path), steps=100)
    longer = taxis(hc.window(hc.Table("pings", **same_pings()), over="5h", by="lane"))
    report = open_system(longer, tmp_path, clock=ReplayClock(START)).skew()
    assert report.causes == {}
    rows = {f.feature: f.rows for f in report.features}
    assert rows["fare"] == asked
    assert rows.get("pings_count_5h_by_lane", 0) == 0


def same_pings() -> dict[str, Any]:
    return {"event_time": "at", "known_after": "1m", "types": {"lane": "integer", "speed": "number"}}


def meddler(change: Any) -> Any:
    """Changes what the server's state is asked, or what it answers."""

    def meddle(service: Any) -> None:
        read = service._online.read
        service._online.read = lambda value, moment, kinds: change(read, value, moment, kinds)

    return meddle


def an_hour_ago(read: Any, value: Any, moment: int, kinds: Any) -> Any:
    return read(value, moment - HOUR_US, kinds)


def rounded_otherwise(read: Any, value: Any, moment: int, kinds: Any) -> Any:
    found = read(value, moment, kinds)
    for name, number in found.values.items():
        if isinstance(number, float) and "mean" in name:
            found.values[name] = number * (1 + 3e-16) + 1e-14
    return found


def one_too_many(read: Any, value: Any, moment: int, kinds: Any) -> Any:
    found = read(value, moment, kinds)
    found.values["pings_count_1h_by_lane"] += 1
    found.values["crowded"] = None
    return found


def test_a_server_whose_clock_is_wrong_is_found(tmp_path: Path) -> None:
    assembly = opened(taxis(*LISTS), tmp_path)
    live(assembly, meddle=meddler(an_hour_ago))
    report = assembly.skew()
    total = sum(report.causes.values())
    assert total > 100
    assert report.causes["clock"] > 0.95 * total
    assert {d["detail"] for d in report.differences.rows() if d["cause"] == "clock"} == {"-1h"}


def test_a_server_that_rounds_otherwise_and_one_with_a_bug_are_told_apart(tmp_path: Path) -> None:
    assembly = opened(taxis(), tmp_path / "rounds")
    live(assembly, meddle=meddler(rounded_otherwise))
    report = assembly.skew()
    assert set(report.causes) == {"float"}
    assert report.verdict().ok
    assembly = opened(taxis(), tmp_path / "bug")
    asked = live(assembly, meddle=meddler(one_too_many))
    report = assembly.skew()
    count, flag = (next(f for f in report.features if f.feature == n) for n in ("pings_count_1h_by_lane", "crowded"))
    assert report.causes == {"unexplained": 2 * asked}
    assert (count.mismatched, count.typical, count.largest) == (asked, 1.0, 1.0)
    assert (flag.missing, flag.mismatched) == (asked, 0)


def test_a_home_without_predictions_is_unknown(tmp_path: Path) -> None:
    assert opened(taxis(), tmp_path).skew().verdict().outcome == "unknown"


def test_a_stretch_and_a_limit(tmp_path: Path) -> None:
    assembly = opened(taxis(), tmp_path)
    asked = live(assembly, steps=100)
    assert assembly.skew(limit=5).rows == 5
    assert assembly.skew(limit=5).left_out["older"] == asked - 5
    assert assembly.skew(until=iso(START)).rows == 0


def test_in_replay_both_drivers_agree_and_a_bug_in_one_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    system, facts = deliveries_system(), deliveries(20, 30)
    since = DELIVERIES_START + 5 * DAY_US
    report = replayed_skew(system, facts, since_us=since, limit=150)
    assert (report.rows, report.causes) == (150, {})
    assert report.left_out["older"] > 0
    assert replayed_skew(system, facts, since_us=since + 90 * DAY_US).verdict().outcome == "unknown"

    from hindcast.features.online import OnlineFeatures

    load = OnlineFeatures.load
    monkeypatch.setattr(
        OnlineFeatures, "load", lambda self, name, f, now: load(self, name, f.take(slice(0, None, 2)), now)
    )
    report = replayed_skew(system, facts, since_us=since, limit=150)
    assert report.causes["unexplained"] > 100


def test_what_features_meant_is_noted_once_and_found_again(tmp_path: Path) -> None:
    system = taxis()
    keep_meanings(tmp_path, system)
    keep_meanings(tmp_path, system)
    assert kept_meanings(tmp_path, system.plan.identity) == digests_of(system.plan)
    assert kept_meanings(tmp_path, "another") is None
    assert list(digests_of(system.plan)) == list(system.plan.names)


def test_a_meaning_covers_what_a_feature_is_computed_from() -> None:
    before, after = digests_of(taxis().plan), digests_of(taxis(speeds="speed > 40").plan)
    assert {name for name in before if before[name] != after[name]} == {
        f"pings_{what}_{over}_by_lane" for what in ("mean", "max") for over in ("10m", "2h")
    }
    features = [
        replace(f, where=Expression("speed > 5"), prefix="pings")
        if hasattr(f, "spans") and f.spans[0].text == "1h"
        else f
        for f in taxis().features
    ]
    longer = digests_of(FeaturePlan.compile(features, target=taxis().plan.target))
    assert {name for name in before if before[name] != longer.get(name)} == {"pings_count_1h_by_lane", "crowded"}
    assert callable(crowded)
