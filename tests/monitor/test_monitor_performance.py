"""The performance monitor: scores equal scoring the window, healthy models stay quiet, sick ones do not."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hindcast import metrics as m
from hindcast.errors import ArtifactError, ConfigError, DataError, UnknownName
from hindcast.monitor import PerformanceMonitor, ScoreReference
from hindcast.values import DAY_US, HOUR_US, NEVER

GOAL = m.Goal("rebook", hit=40, false_alarm=-15)


def rows(days, per_day=100, seed=0, start=0):
    """Labels, honest probabilities, as_of and the time the label became known; days hang together."""
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(days), per_day)
    logit = rng.normal(-1.2, 0.3, days)[day] + rng.normal(0, 1.2, day.size)
    p = 1 / (1 + np.exp(-logit))
    y = (rng.random(day.size) < p).astype(float)
    as_of = (start + day) * DAY_US + np.sort(rng.integers(0, DAY_US, (days, per_day)), axis=1).ravel()
    known = as_of + rng.integers(HOUR_US, 30 * HOUR_US, day.size)
    return y, p, as_of, known


def reference(**options):
    y, p, as_of, _ = rows(60, seed=1)
    return ScoreReference.learn(y, p, as_of, goal=GOAL, **options)


def daily(first, last):
    return np.arange(first, last + 1) * DAY_US


def test_scores_are_those_of_the_rows_that_became_usable_in_the_window():
    y, p, as_of, known = rows(40)
    monitor = PerformanceMonitor(reference(), maturity="18h", start_us=0)
    monitor.observe(y, p, as_of, known)
    found = monitor.look(daily(14, 40))
    for look in (0, 9, 26):
        at = int(found.at_us[look])

        def usable(t):
            return (as_of + 18 * HOUR_US <= t) & (known < t)

        inside = usable(at) & ~usable(at - 14 * DAY_US)
        assert found.rows[look] == inside.sum()
        label, chance = y[inside], p[inside]
        assert found.values["auc"][look] == pytest.approx(m.auc(label, chance), abs=2e-3)
        assert found.values["skill"][look] == pytest.approx(m.skill(label, chance))
        assert found.values["log_loss"][look] == pytest.approx(m.log_loss(label, chance))
        assert found.values["calibration"][look] == pytest.approx(chance.mean() - label.mean())
        perfect = GOAL.value(label == 1, label).sum()
        assert found.values["value"][look] == pytest.approx(m.total_value(label, chance, GOAL) / perfect)
        for name in found.values:
            assert found.low[name][look] < found.values[name][look] < found.high[name][look]


def test_a_healthy_model_stays_quiet_through_the_quarters():
    alerts = 0
    for seed in range(6):
        monitor = PerformanceMonitor(reference(), maturity="18h", start_us=0)
        monitor.observe(*rows(105, seed=seed + 10))
        alerts += len(monitor.look(daily(14, 105)).alerts)
    assert alerts <= 2  # of about six quarters


def test_a_season_of_another_base_rate_is_no_decay():
    y, p, as_of, known = rows(60, per_day=200, seed=4)
    rng = np.random.default_rng(0)
    logit = np.log(p / (1 - p)) + 0.7
    p = 1 / (1 + np.exp(-logit))
    y = (rng.random(y.size) < p).astype(float)
    monitor = PerformanceMonitor(reference(), maturity="18h", start_us=0)
    monitor.observe(y, p, as_of, known)
    found = monitor.look(daily(14, 60))
    assert found.alerts == ()
    assert np.nanmin(found.values["log_loss"]) > m.log_loss(*rows(60, seed=1)[:2])


@pytest.mark.parametrize(
    ("metric", "sicken"),
    [
        ("auc", lambda y, p, rng: (y, rng.permutation(p))),
        ("calibration", lambda y, p, rng: (y, p * 0.3)),
        ("value", lambda y, p, rng: (y, np.clip(p * 1.6, 0, 1))),
        ("log_loss", lambda y, p, rng: ((rng.random(y.size) < 0.3).astype(float), p)),
    ],
)
def test_a_sick_model_is_told_once_with_its_figures(metric, sicken):
    y, p, as_of, known = rows(70, seed=5)
    sick = as_of >= 30 * DAY_US
    y[sick], p[sick] = sicken(y[sick], p[sick], np.random.default_rng(0))
    monitor = PerformanceMonitor(reference(), maturity="18h", start_us=0)
    monitor.observe(y, p, as_of, known)
    alerts = [a for a in monitor.look(daily(14, 58)).alerts if metric in a.features]
    assert len(alerts) == 1
    assert 31 * DAY_US < alerts[0].at_us <= 46 * DAY_US
    assert alerts[0].kind == "decay"
    assert alerts[0].effect > alerts[0].threshold >= alerts[0].floor
    assert alerts[0].evidence["least"] > 0
    json.dumps(alerts[0].body(), allow_nan=False)


def test_a_calm_season_is_harder_and_no_decay():
    y, p, as_of, known = rows(60, per_day=200, seed=4)
    rng = np.random.default_rng(0)
    p = 1 / (1 + np.exp(-(-2.2 + 0.4 * (np.log(p / (1 - p)) + 1.2))))
    y = (rng.random(y.size) < p).astype(float)
    monitor = PerformanceMonitor(reference(), maturity="18h", start_us=0)
    monitor.observe(y, p, as_of, known)
    found = monitor.look(daily(14, 60))
    assert np.nanmax(found.values["auc"]) < reference().values["auc"] - 0.1
    assert found.alerts == ()


def test_gaps_are_those_of_the_probabilities_taken_at_their_word():
    y, p, as_of, _ = rows(30, per_day=50)
    found = ScoreReference.learn(y, p, as_of, goal=GOAL)
    drawn = np.tile(p, 400) > np.random.default_rng(0).random(400 * p.size)
    label, chance = drawn.astype(float), np.tile(p, 400)
    assert found.gaps["auc"] == pytest.approx(m.auc(label, chance) - m.auc(y, p), abs=3e-3)
    assert found.gaps["log_loss"] == pytest.approx(m.log_loss(y, p) - m.log_loss(label, chance), abs=3e-3)
    per_row = m.total_value(y, p, GOAL) / y.size
    promised = m.total_value(label, chance, GOAL) / label.size
    assert found.gain_per_row == pytest.approx(per_row)
    assert found.gaps["value"] == pytest.approx((promised - per_row) / per_row, abs=1e-2)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=10), st.integers(1, 4), st.booleans())
@settings(max_examples=15, deadline=None)
def test_bulk_and_one_by_one_are_the_same_to_the_bit(hours, block, resumed):
    y, p, as_of, known = rows(45, per_day=40, seed=6)
    p = np.where(as_of > 20 * DAY_US, np.clip(p * 1.7, 0, 1), p)
    moments = 14 * DAY_US + np.cumsum(hours) * 8 * HOUR_US
    judged = reference()
    bulk = PerformanceMonitor(judged, maturity="18h", start_us=0)
    bulk.observe(y, p, as_of, known)
    expected = bulk.look(moments)
    usable = np.maximum(as_of + 18 * HOUR_US, known + 1)
    single, done, alerts = PerformanceMonitor(judged, maturity="18h", start_us=0), -(1 << 60), []
    for look, at in enumerate(moments.tolist()):
        new = np.flatnonzero((usable > done) & (usable <= at))
        for part in np.array_split(new, block):
            single.observe(y[part], p[part], as_of[part], known[part])
        if resumed:
            fresh = PerformanceMonitor(ScoreReference.from_json(judged.to_json()), maturity="18h")
            part = np.flatnonzero(usable <= at)
            fresh.resume(single.state(), y[part], p[part], as_of[part], known[part])
            single = fresh
        done, found = at, single.look([at])
        for name in expected.values:
            assert found.values[name].tobytes() == expected.values[name][look : look + 1].tobytes()
            assert found.low[name].tobytes() == expected.low[name][look : look + 1].tobytes()
        assert found.rows[0] == expected.rows[look]
        alerts += found.alerts
    assert tuple(alerts) == expected.alerts


def test_a_label_that_is_not_yet_usable_changes_nothing():
    y, p, as_of, known = rows(40)
    at, flipped = 30 * DAY_US, y.copy()
    late = (as_of + 18 * HOUR_US > at) | (known >= at)
    flipped[late] = 1 - flipped[late]
    looks = []
    for label in (y, flipped):
        monitor = PerformanceMonitor(reference(), maturity="18h", start_us=0)
        monitor.observe(label, p, as_of, known)
        looks.append(monitor.look([at]))
    assert looks[0].values["log_loss"].tobytes() == looks[1].values["log_loss"].tobytes()


def test_a_row_counts_from_the_look_at_which_it_is_just_mature_and_its_label_known_before():
    at = 20 * DAY_US
    monitor = PerformanceMonitor(reference(), maturity="18h", start_us=0)
    mature, known = at - 18 * HOUR_US, at
    monitor.observe([0, 0, 0], [0.1] * 3, [mature, mature + 1, mature], [0, 0, known])
    assert monitor.look([at, at + 1]).rows.tolist() == [1, 3]


def test_rows_usable_at_one_moment_may_come_in_any_order():
    y, p, as_of, known = rows(30)
    as_of, known = as_of // DAY_US * DAY_US, known // DAY_US * DAY_US
    order = np.random.default_rng(0).permutation(y.size)
    looks = []
    for part in (slice(None), order):
        monitor = PerformanceMonitor(reference(), maturity="18h", start_us=0)
        monitor.observe(y[part], p[part], as_of[part], known[part])
        looks.append(monitor.look(daily(14, 30)))
    for name in looks[0].values:
        assert looks[0].values[name].tobytes() == looks[1].values[name].tobytes()
        assert looks[0].high[name].tobytes() == looks[1].high[name].tobytes()


def test_what_cannot_be_judged_is_nan_and_says_nothing():
    y, p, as_of, known = rows(40)
    monitor = PerformanceMonitor(reference(), maturity="18h")
    monitor.observe(np.zeros(y.size), p, as_of, known)
    found = monitor.look(daily(5, 40))
    assert np.isnan(found.values["auc"]).all()
    assert found.alerts == ()
    silent = PerformanceMonitor(reference(), maturity="18h")
    assert np.isnan(silent.look([DAY_US]).values["skill"]).all()
    silent.observe([], [], [], [])
    partial = PerformanceMonitor(reference(), maturity="18h", start_us=DAY_US)
    partial.observe(y, p, as_of + DAY_US, known + DAY_US)
    assert np.isnan(partial.look(daily(14, 16)).values["skill"]).tolist() == [True, False, False]


def test_without_a_goal_value_is_not_judged_and_all_is_stored():
    y, p, as_of, _ = rows(20, seed=1)
    plain = ScoreReference.learn(y, p, as_of, floors={"auc": 0.05})
    assert np.isnan(plain.values["value"])
    again = ScoreReference.from_json(plain.to_json())
    assert again.to_json() == plain.to_json()
    assert again.thresholds["auc"] >= 0.05
    assert again.floors["auc"] == 0.05
    assert ScoreReference.from_json(reference().to_json()).goal == GOAL
    with pytest.raises(ArtifactError, match="format"):
        ScoreReference.from_plain({"format": 0})
    monitor = PerformanceMonitor(again, maturity="18h", start_us=0)
    monitor.observe(*rows(20))
    assert np.isnan(monitor.look([16 * DAY_US]).values["value"]).all()


def test_the_reference_ripples_raise_the_threshold():
    y, p, as_of, _ = rows(60, per_day=400, seed=2)
    calm = ScoreReference.learn(y, p, as_of)
    storm = (as_of >= 20 * DAY_US) & (as_of < 34 * DAY_US)
    p[storm] = np.random.default_rng(0).permutation(p[storm])
    assert ScoreReference.learn(y, p, as_of).thresholds["auc"] > calm.thresholds["auc"] + 0.1


def test_bad_arguments_are_refused():
    y, p, as_of, known = rows(20)
    with pytest.raises(ConfigError, match="whole days"):
        ScoreReference.learn(y, p, as_of, window="30h")
    with pytest.raises(ConfigError, match="above zero"):
        ScoreReference.learn(y, p, as_of, false_alarms=0)
    with pytest.raises(UnknownName, match="auc"):
        ScoreReference.learn(y, p, as_of, floors={"acu": 0.1})
    with pytest.raises(DataError, match="cannot judge"):
        ScoreReference.learn(y[:90], p[:90], as_of[:90])
    monitor = PerformanceMonitor(reference(), maturity="18h")
    with pytest.raises(DataError, match="known times"):
        monitor.observe(y, p, as_of, known[1:])
    monitor.observe(y, p, as_of, known)
    monitor.look([15 * DAY_US])
    with pytest.raises(ConfigError, match="forward"):
        monitor.look([15 * DAY_US])
    with pytest.raises(DataError, match="before looking"):
        monitor.observe(y[:1], p[:1], as_of[:1], known[:1])
    monitor.observe(y[:1], p[:1], as_of[:1], [NEVER])


def test_half_a_year_is_scored_at_every_look():
    y, p, as_of, known = rows(184, per_day=900)
    monitor = PerformanceMonitor(reference(), maturity="18h", start_us=0)
    monitor.observe(y, p, as_of, known)
    found = monitor.look(daily(14, 184))
    assert np.isfinite(found.values["auc"]).all()
