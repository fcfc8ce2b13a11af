"""Expectations in a replay: at the gate, and watched afterwards on what is asked."""

from __future__ import annotations

from functools import cache
from typing import Any

import hindcast as hc
from hindcast.loop.history import History
from hindcast.loop.trainer import Trainer
from hindcast.testing import deliveries_system
from hindcast.values import HOUR_US
from laws_town import at_day, history_of, loop_over, town, with_future

EXPECTED = (
    hc.fresh("weather", "3h", share=0.9),
    hc.fresh("weather_rain_by_district", "3h", share=0.9),
    hc.holds("distance < 100"),
    hc.present("distance"),
)


@cache
def expecting(**planted: Any) -> History:
    system = deliveries_system()
    return history_of(town(**planted), deliveries_system(gates=[*system.gates, *EXPECTED], retrain=()))


def verdicts(loop: Any) -> dict[str, str]:
    told = [entry.body for entry in loop.registry.ledger.entries() if entry.kind == "verdict"]
    return {body["check"]: body["outcome"] for body in told}


def test_ages_are_measured_for_what_is_expected_to_be_fresh_and_for_nothing_else() -> None:
    history = expecting()
    assert set(history.ages) == {"weather", "weather_rain_by_district"}
    age = history.ages["weather"][len(history) // 2]
    assert HOUR_US < age <= 2 * HOUR_US  # known an hour after its hour
    assert history_of(town(), deliveries_system()).ages == {}


def test_the_gates_judge_what_is_learnt_from() -> None:
    loop = loop_over(expecting())
    assert {gate.name: verdicts(loop)[gate.name] for gate in EXPECTED} == {gate.name: "pass" for gate in EXPECTED}


def test_a_breach_of_a_gate_keeps_a_model_from_serving() -> None:
    facts = town()
    still = {**facts, "weather": facts["weather"].take(facts["weather"].known < at_day(10))}
    system = deliveries_system(gates=[hc.fresh("weather", "3h")])
    history = history_of(still, system)
    (verdict,) = Trainer(history).train(at_day(50)).verdicts
    assert verdict.outcome == "fail"
    assert "0.00% of" in verdict.reason


def test_a_value_out_of_range_is_told_within_a_day() -> None:
    """From day 80 on distances come in metres."""
    loop = loop_over(expecting(scaled_from=80))
    loop.run(at_day(83))
    told = [alert for alert in loop.alerts if alert.kind == "validation"]
    assert [alert.feature for alert in told] == ["distance < 100"]
    assert at_day(80) < told[0].at_us <= at_day(81.5)
    assert any(e.kind == "alert" and e.body["kind"] == "validation" for e in loop.registry.ledger.entries())


def test_a_source_that_stops_is_told_within_a_day() -> None:
    facts = town()
    still = {**facts, "weather": facts["weather"].take(facts["weather"].known < at_day(80))}
    loop = loop_over(history_of(still, expecting().system))
    loop.run(at_day(83))
    told = [alert for alert in loop.alerts if alert.statistic == "stale_share"]
    assert {alert.feature for alert in told} == {"weather", "weather_rain_by_district"}
    assert all(at_day(80) < alert.at_us <= at_day(81.5) for alert in told)


def test_where_nothing_is_wrong_nothing_is_said() -> None:
    loop = loop_over(expecting())
    loop.run(at_day(90))
    assert [alert.sentence for alert in loop.alerts if alert.kind == "validation" or alert.feature == "weather"] == []


def test_looking_ahead_says_the_same_as_looking_one_by_one() -> None:
    one, ahead = (loop_over(expecting(scaled_from=60), ahead_days=days, name="never") for days in (0, 31))
    for loop in (one, ahead):
        loop.run(at_day(75))
    assert one.alerts == ahead.alerts
    assert any(alert.kind == "validation" for alert in one.alerts)


def test_the_future_changes_no_alert() -> None:
    cut = at_day(65)
    past = [a for a in _turned(town(scaled_from=60), cut) if a.at_us <= cut]
    assert past
    assert past == [a for a in _turned(with_future(town(scaled_from=60), cut), cut) if a.at_us <= cut]


def _turned(facts: Any, until: int) -> list[Any]:
    loop = loop_over(history_of(facts, expecting().system), name="never")
    loop.run(until)
    return [alert for alert in loop.alerts if alert.kind in ("validation", "freshness")]
