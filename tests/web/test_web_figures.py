"""Plot specifications: the story's figures, in its order, and nothing where there is nothing."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web_story import DAYS, FEATURES, story

from hindcast.web import figures

series = st.lists(st.none() | st.floats(-1e3, 1e3), max_size=30)


def test_value_adds_up_and_the_gain_is_the_difference() -> None:
    told = story()
    spec = figures.value(told)
    assert spec is not None
    by_name = {trace["name"]: trace for trace in spec["data"]}
    renewed, never = (math.fsum(told["policies"][name]["value"]) for name in ("renewed", "never"))
    assert by_name["Renewed as declared"]["y"][-1] == pytest.approx(renewed, abs=0.01)
    assert by_name["Renewed as declared, minus never"]["y"][-1] == pytest.approx(renewed - never, abs=0.02)


def test_each_kind_of_decision_has_its_lane_and_straight_has_none() -> None:
    spec = figures.value(story())
    assert spec is not None
    lanes = {trace["name"]: trace for trace in spec["data"] if trace.get("yaxis") == "y3"}
    assert set(lanes) == {"Retraining", "Trial", "Promotion", "Roll-back", "Alert"}
    assert sorted(trace["y"][0] for trace in lanes.values()) == list(range(len(lanes)))
    assert not any("without a trial" in text for trace in lanes.values() for text in trace["text"])


def test_drift_puts_the_furthest_on_top_and_keeps_gaps() -> None:
    spec = figures.drift(story())
    assert spec is not None
    heat = spec["data"][0]
    assert spec["layout"]["yaxis"]["ticktext"][-1] == "weather_temp_by_origin"
    assert len(heat["z"]) == figures.DRIFT_ROWS
    assert any(v is None for row in heat["z"] for v in row)
    stops = [at for at, _ in heat["colorscale"]]
    assert stops == sorted(stops)
    assert (stops[0], stops[-1]) == (0, 1)


def test_drift_given_day_by_day_is_turned() -> None:
    told = story()
    by_day = [list(day) for day in zip(*told["drift"]["effect"], strict=True)]
    turned = {**told, "drift": {**told["drift"], "effect": by_day}}
    assert len(FEATURES) != DAYS
    assert figures.drift(turned) == figures.drift(told)


def test_delay_marks_median_and_maturity() -> None:
    spec = figures.delay(story())
    assert spec is not None
    assert {shape["x0"] for shape in spec["layout"]["shapes"]} == {5.38, 10.4, 18.0}
    assert sum(spec["data"][0]["y"]) == sum(story()["label_delay"]["counts"])


def test_calibration_intervals_are_never_negative() -> None:
    told = story()
    told["calibration"]["renewed"][0] |= {"low": 0.5, "high": 0.01}
    spec = figures.calibration(told)
    assert spec is not None
    for trace in spec["data"][1:]:
        assert min(trace["error_y"]["array"] + trace["error_y"]["arrayminus"]) >= 0


@given(series)
def test_smoothing_stays_within_the_figures_it_saw(values: list[float | None]) -> None:
    for i, v in enumerate(figures.smoothed(values, [])):
        seen = [x for x in values[max(0, i - 6) : i + 1] if x is not None]
        assert (v is None) == (not seen)
        assert v is None or min(seen) - 1e-6 <= v <= max(seen) + 1e-6


@pytest.mark.parametrize("draw", [figures.value, figures.scores, figures.delay, figures.drift, figures.calibration])
def test_nothing_to_draw_is_none(draw: object) -> None:
    assert draw({}) is None  # type: ignore[operator]


@pytest.mark.parametrize(("days", "form"), [(12, "%-d %b"), (184, "%b")])
def test_no_two_ticks_of_a_short_stretch_read_the_same(days: int, form: str) -> None:
    told = story()
    for policy in told["policies"].values():
        policy["days"] = policy["days"][:days]
    spec = figures.value(told)
    assert spec is not None
    assert spec["layout"]["xaxis"]["tickformat"].split("\n")[0] == form


def test_the_maturity_line_lies_within_the_plot() -> None:
    told = story()
    told["label_delay"]["maturity_h"] = 72.0
    spec = figures.delay(told)
    assert spec is not None
    assert spec["layout"]["xaxis"]["range"][1] > 72
