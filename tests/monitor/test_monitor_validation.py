"""The validation monitor: what was declared is held to, in bulk as one by one, and nothing unjudged is good news."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hindcast.columns import Frame
from hindcast.errors import ConfigError, DataError
from hindcast.evaluate import fresh, holds, present
from hindcast.monitor import ValidationLooks, ValidationMonitor
from hindcast.values import DAY_US, HOUR_US

EXPECTED = [holds("delay >= 0", share=0.95), present("temp", share=0.9), fresh("weather", "6h", share=0.9)]
LOOKS = np.arange(1, 11) * DAY_US


def stream(days=10, per_day=96):
    """Healthy requests, a quarter of an hour apart."""
    as_of = np.arange(days * per_day) * (DAY_US // per_day)
    frame = {"delay": np.full(len(as_of), 5.0), "temp": np.full(len(as_of), 20.0)}
    return as_of, frame, {"weather": np.full(len(as_of), 1.0 * HOUR_US)}


def watched(as_of, frame, ages, looks=LOOKS, expected=EXPECTED) -> ValidationLooks:
    monitor = ValidationMonitor(expected, start_us=0)
    monitor.observe(Frame.of(frame), as_of, ages)
    return monitor.look(looks)


def test_healthy_requests_say_nothing():
    found = watched(*stream())
    assert found.alerts == ()
    assert (found.share() == 1.0).all()


def test_each_fault_is_told_within_a_look_and_once():
    as_of, frame, ages = stream()
    frame["delay"][as_of >= 3 * DAY_US] = -1.0
    frame["temp"][as_of >= 5 * DAY_US] = np.nan
    ages["weather"][as_of >= 7 * DAY_US] = 9.0 * HOUR_US
    alerts = watched(as_of, frame, ages).alerts
    told = [(a.at_us // DAY_US, a.kind, a.feature, a.statistic, a.severity) for a in alerts]
    assert told == [
        (4, "validation", "delay >= 0", "broken_share", "critical"),
        (6, "validation", "temp", "broken_share", "critical"),
        (8, "freshness", "weather", "stale_share", "critical"),
    ]
    assert alerts[2].effect == 1.0
    assert alerts[2].threshold == pytest.approx(0.1)
    assert json.dumps(alerts[2].body())


def test_the_declared_share_may_break_it():
    as_of, frame, ages = stream(days=1, per_day=100)
    frame["delay"][:5] = -1.0
    assert watched(as_of, frame, ages, LOOKS[:1]).alerts == ()
    frame["delay"][:6] = -1.0
    (alert,) = watched(as_of, frame, ages, LOOKS[:1]).alerts
    assert (alert.effect, alert.severity) == (pytest.approx(0.06), "warning")


def test_what_cannot_be_judged_is_told():
    as_of, frame, _ = stream(days=1)
    frame["delay"][:] = np.nan
    alerts = watched(as_of, frame, {}, LOOKS[:1]).alerts
    assert [(a.kind, a.statistic, a.evidence["judged"]) for a in alerts] == [
        ("validation", "unjudged", 0),
        ("freshness", "unjudged", 0),
    ]
    assert "only 0 of 96 rows could be judged" in alerts[0].sentence


def test_few_requests_and_windows_that_were_not_seen_whole_say_nothing():
    as_of, frame, ages = stream(days=2, per_day=10)
    frame["delay"][:] = -1.0
    assert watched(as_of, frame, ages, LOOKS[:2]).alerts == ()
    as_of, frame, ages = stream(days=2)
    frame["delay"][:] = -1.0
    monitor = ValidationMonitor(EXPECTED, start_us=1)
    monitor.observe(Frame.of(frame), as_of, ages)
    assert [a.at_us // DAY_US for a in monitor.look(LOOKS[:2]).alerts] == [2]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 9), max_size=4))
def test_bulk_equals_one_by_one_and_a_resumed_monitor_goes_on(seed, stops):
    rng = np.random.default_rng(seed)
    as_of, frame, ages = stream()
    frame["delay"] = np.where(rng.random(len(as_of)) < 0.08, -1.0, frame["delay"])
    frame["temp"] = np.where(rng.random(len(as_of)) < 0.12, np.nan, frame["temp"])
    ages["weather"] = rng.exponential(2.5 * HOUR_US, len(as_of))
    whole = watched(as_of, frame, ages)
    monitor, met, alerts = ValidationMonitor(EXPECTED, start_us=0), [], []
    rows = Frame.of(frame)
    for day, at in enumerate(LOOKS.tolist()):
        part = (as_of >= at - DAY_US) & (as_of < at)
        shuffled = rng.permutation(np.flatnonzero(part))
        monitor.observe(rows.take(shuffled), as_of[shuffled], {k: v[shuffled] for k, v in ages.items()})
        found = monitor.look([at])
        met.append(found.met[0])
        alerts += found.alerts
        if day in stops:
            state = json.loads(json.dumps(monitor.state()))
            monitor = ValidationMonitor(EXPECTED)
            monitor.resume(state, rows.take(part), as_of[part], {k: v[part] for k, v in ages.items()})
    assert np.array_equal(np.array(met), whole.met)
    assert alerts == list(whole.alerts)


def test_looks_move_forward_and_rows_come_before_them():
    monitor = ValidationMonitor(EXPECTED, start_us=0)
    as_of, frame, ages = stream(days=1)
    monitor.observe(Frame.of(frame), as_of, ages)
    monitor.look([DAY_US])
    with pytest.raises(ConfigError, match="forward"):
        monitor.look([DAY_US])
    with pytest.raises(DataError, match="older than the last look"):
        monitor.observe(Frame.of(frame), as_of, ages)
    with pytest.raises(DataError, match="shape"):
        monitor.observe(Frame.of(frame), as_of[1:], ages)
