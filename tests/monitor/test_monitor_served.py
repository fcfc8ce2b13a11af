"""Causes planted in a prediction log of the generated town: each is named, and a clean log has none."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from hindcast.columns import Column, Frame
from hindcast.facts import Facts
from hindcast.features.batch import answer
from hindcast.monitor.served import Served, served_skew
from hindcast.monitor.skew import SkewReport
from hindcast.serve import PredictionRecord, prediction_facts
from hindcast.system import System
from hindcast.testing import deliveries, deliveries_system
from hindcast.trainset import make_spine
from hindcast.values import HOUR_US, Ints

MINUTE = HOUR_US // 60
ASKED = 240


@cache
def town() -> tuple[System, dict[str, Facts], Frame, Ints]:
    """The system, its facts, and some requests in the order of their moments."""
    system, facts = deliveries_system(), deliveries(24, 40)
    spine = make_spine(system.target, facts)
    rows = np.sort(np.random.default_rng(5).choice(np.arange(300, len(spine)), ASKED, replace=False))
    return system, facts, spine.frame.take(rows).select(system.plan.request_columns), spine.as_of[rows]


@cache
def truth() -> Frame:
    system, facts, requests, as_of = town()
    return answer(system.plan, facts, requests, as_of)


def log_of(features: Frame, as_of: Ints, requests: Frame, version: str = "v1", given: bool = False) -> Facts:
    """What a server that said this would have logged."""
    records = [
        PredictionRecord(
            system="deliveries", target="late", request_id=f"r{at}", group="", as_of=int(moment), version=version,
            role="champion", probability=0.5, acted=False, given=given, request=request, features=row, ages={},
        )
        for at, (moment, request, row) in enumerate(
            zip(as_of.tolist(), requests.rows(), features.rows(), strict=True)
        )
    ]  # fmt: skip
    return prediction_facts(records, (), kinds=requests.kinds, seq_from=0)


def held_against_now(features: Frame, facts: dict[str, Facts] | None = None, **options) -> SkewReport:
    system, landed, requests, as_of = town()
    served = Served.of(log_of(features, as_of, requests), system.plan, system="deliveries")
    return served_skew(system.plan, served, facts or landed, options.pop("arrivals", {}), **options)


def named(report: SkewReport, cause: str) -> float:
    """The share of the differing values that got this cause."""
    total = len(report.differences)
    assert total > 20, "too little was planted"
    return report.causes.get(cause, 0) / total


def as_arrived(arrivals: dict[str, Ints]) -> Frame:
    """The slow, obvious truth: every request answered from the facts that had arrived before it, and from no others."""
    system, facts, requests, as_of = town()
    parts = []
    for row in range(len(as_of)):
        there = {n: f.take(arrivals[n] < as_of[row]) if n in arrivals else f for n, f in facts.items()}
        parts.append(answer(system.plan, there, requests.take([row]), as_of[row : row + 1], threads=1))
    return Frame.concat(parts)


def corrections(facts: Facts) -> np.ndarray:
    """Facts whose key has landed before."""
    seen: set[str] = set()
    again = []
    for key in facts.frame[facts.frame.names[0]].objects():
        again.append(key in seen)
        seen.add(key)
    return np.array(again)


def delayed(*, corrected: bool, share: float = 0.15) -> dict[str, Ints]:
    """Arrivals up to 30 hours behind the known time, for a share of the facts: only new ones, or only corrections."""
    _, facts, _, _ = town()
    random = np.random.default_rng(11)
    arrivals = {}
    for name in ("arrivals", "orders", "pickups", "weather"):
        theirs = facts[name]
        again = corrections(theirs) if name in ("arrivals", "orders") else np.zeros(len(theirs), dtype=bool)
        late = (random.random(len(theirs)) < (1.0 if corrected else share)) & (again == corrected)
        arrivals[name] = theirs.known + np.where(late, random.integers(HOUR_US, 30 * HOUR_US, len(theirs)), 0)
    return arrivals


def test_a_clean_log_has_no_difference() -> None:
    report = held_against_now(truth(), arrivals=delayed(corrected=False))
    assert report.causes == {}
    assert (report.rows, report.values) == (ASKED, ASKED * len(truth().names))


def test_late_facts_are_named() -> None:
    arrivals = delayed(corrected=False)
    report = held_against_now(as_arrived(arrivals), arrivals=arrivals)
    assert named(report, "late fact") > 0.95
    assert {f.feature for f in report.features if f.different} >= {
        "weather_rain_by_district", "pickups_wait_mean_3h_by_shop", "orders_count_from_minus_1h_to_1h_by_shop"
    }  # fmt: skip


def test_late_corrections_are_named() -> None:
    arrivals = delayed(corrected=True)
    report = held_against_now(as_arrived(arrivals), arrivals=arrivals)
    assert named(report, "correction") > 0.95


def test_both_at_once_are_told_apart_where_they_can_be() -> None:
    facts = town()[1]
    one, other = delayed(corrected=False, share=0.05), delayed(corrected=True)
    arrivals = {name: np.maximum(one[name], other[name]) for name in one}
    report = held_against_now(as_arrived(arrivals), arrivals=arrivals)
    assert set(report.causes) == {"late fact", "correction"}
    assert len(facts["orders"]) > 0


@pytest.mark.parametrize("shift", [-HOUR_US, HOUR_US, -MINUTE, MINUTE])
def test_a_clock_that_is_wrong_is_named(shift: int) -> None:
    system, facts, requests, as_of = town()
    report = held_against_now(
        answer(system.plan, facts, requests, as_of + shift), arrivals=delayed(corrected=False, share=0.01)
    )
    if abs(shift) == HOUR_US:
        assert named(report, "clock") > 0.95
    assert set(report.causes) <= {"clock"}
    sign, word = "-" if shift < 0 else "+", "1h" if abs(shift) == HOUR_US else "1m"
    details = report.differences["detail"].objects().tolist()
    assert details.count(f"{sign}{word}") > 0.95 * len(details)


def test_rounding_is_named() -> None:
    noise = np.random.default_rng(3).choice([-1e-13, 1e-13, 3e-12], ASKED)
    features = truth().having(
        **{n: c.values * (1 + noise) for n, c in truth().items() if c.kind == "number" and "mean" in n}
    )
    assert named(held_against_now(features), "float") == 1.0


def test_a_changed_definition_is_named_where_it_is_known_and_where_only_the_plan_is() -> None:
    system, facts, requests, as_of = town()
    other = answer(system.plan, {**facts, "pickups": facts["pickups"].take(slice(0, None, 2))}, requests, as_of)
    old = np.arange(ASKED) % 2 == 0
    features = truth().having(
        **{
            name: Column("number", np.where(old, other[name].values, truth()[name].values))
            for name in truth().names
            if name.startswith("pickups_wait_mean")
        }
    )
    marks = {name: old for name in features.names if name.startswith("pickups_wait_mean")}
    assert named(held_against_now(features, changed=marks), "definition") == 1.0
    assert named(held_against_now(features, another_plan=old), "definition") > 0.95


def test_what_has_no_cause_is_unexplained() -> None:
    random = np.random.default_rng(4)
    features = truth().having(
        distance=truth()["distance"].values + 1.0,
        weather_temp_by_district=random.permutation(truth()["weather_temp_by_district"].values),
        shop=Column.of(["florist"] * ASKED),
    )
    report = held_against_now(features, arrivals=delayed(corrected=False))
    assert named(report, "unexplained") > 0.95
    assert report.verdict().outcome == "fail"


def test_causes_that_meet_in_one_row_are_told_apart() -> None:
    arrivals = delayed(corrected=False)
    seen = as_arrived(arrivals)
    features = seen.having(distance=seen["distance"].values * (1 + 1e-14), shop=Column.of(["nowhere"] * ASKED))
    report = held_against_now(features, arrivals=arrivals)
    by_feature = {f.feature: f.causes for f in report.features}
    assert by_feature["shop"] == {"unexplained": ASKED}
    assert set(by_feature["distance"]) <= {"float"}
    assert set(by_feature["weather_rain_by_district"]) == {"late fact"}


def test_an_empty_log_is_unknown_and_what_callers_sent_is_left_out() -> None:
    system, facts, requests, as_of = town()
    nothing = Served.of(Facts.empty({}), system.plan)
    assert served_skew(system.plan, nothing, facts, {}).verdict().outcome == "unknown"
    sent = Served.of(log_of(truth(), as_of, requests, given=True), system.plan)
    assert (len(sent), sent.left_out) == (0, {"given": ASKED, "older": 0})


def test_the_newest_requests_of_a_stretch_are_taken() -> None:
    system, _, requests, as_of = town()
    log = log_of(truth(), as_of, requests)
    served = Served.of(log, system.plan, since_us=int(as_of[9]), until_us=int(as_of[99]), limit=20)
    assert served.as_of.tolist() == as_of[80:100].tolist()
    assert served.left_out == {"given": 0, "older": 70}
    assert len(Served.of(log, system.plan, system="another")) == 0
