"""Intervals: sufficient statistics equal scoring the drawn rows; days that hang together widen; seeds repeat."""

import math

import numpy as np
import pytest
from scipy import stats

from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.metrics import (
    Goal,
    block_draws,
    difference,
    interval,
    mean_interval,
    measure,
    student_quantile,
    total_interval,
)

GOAL = Goal("g", 40, -15)
NAMES = ["auc", "brier", "ece", "log_loss", "skill", "value"]


def stormy(days=40, per_day=30, seed=3):
    """Rows of days with an effect that a whole day shares; the prediction does not see it."""
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(days), per_day)
    storm = rng.normal(0, 1, days)[day]
    x = rng.normal(0, 1, day.size)
    y = (rng.random(day.size) < 1 / (1 + np.exp(-(x + storm - 1)))).astype(float)
    return y, np.round(1 / (1 + np.exp(-(x - 1))), 2), day


@pytest.mark.parametrize("name", NAMES)
def test_a_draw_equals_scoring_the_rows_of_the_drawn_days(name):
    y, p, day = stormy(days=8)
    weights = block_draws(8, 200, seed=5).astype(int)
    brute = []
    for weight in weights:
        rows = np.concatenate([np.flatnonzero(day == d) for d in range(8) for _ in range(weight[d])])
        brute.append(measure(name, y[rows], p[rows], goal=GOAL))
    point = measure(name, y, p, goal=GOAL)
    low, high = np.quantile(brute, [0.025, 0.975])
    widen = math.sqrt(8 / 7) * stats.t.ppf(0.975, 7) / stats.norm.ppf(0.975)
    estimate = interval(name, y, p, day, goal=GOAL, draws=200, seed=5)
    assert estimate.value == point
    assert estimate.low == pytest.approx(point + (low - point) * widen, rel=1e-9, abs=2e-4 if name == "auc" else 1e-9)
    assert estimate.high == pytest.approx(point + (high - point) * widen, rel=1e-9, abs=2e-4 if name == "auc" else 1e-9)
    assert estimate.n == y.size


@pytest.mark.parametrize("name", NAMES)
def test_a_paired_difference_with_itself_is_exactly_nothing(name):
    y, p, day = stormy()
    same = difference(name, y, p, p, day, goal=GOAL)
    assert (same.value, same.low, same.high) == (0, 0, 0)


@pytest.mark.parametrize("name", NAMES)
def test_a_paired_difference_is_antisymmetric_and_tighter(name):
    y, p, day = stormy()
    q = np.clip(p * 0.9 + 0.03, 0, 1)
    forth, back = difference(name, y, p, q, day, goal=GOAL), difference(name, y, q, p, day, goal=GOAL)
    assert forth.value == pytest.approx(-back.value)
    assert forth.low == pytest.approx(-back.high)
    alone = interval(name, y, p, day, goal=GOAL)
    assert forth.high - forth.low < alone.high - alone.low


def test_days_that_hang_together_widen_the_interval():
    y, p, day = stormy()
    by_day, by_row = interval("log_loss", y, p, day), interval("log_loss", y, p, np.arange(y.size))
    assert by_day.high - by_day.low > 1.5 * (by_row.high - by_row.low)


def test_the_interval_covers_about_as_often_as_it_says():
    rng = np.random.default_rng(11)
    covered = 0
    for repeat in range(200):
        day = np.repeat(np.arange(20), 10)
        amount = rng.normal(0, 1, 20)[day] + rng.normal(0, 1, day.size)
        estimate = mean_interval(amount, day, draws=200, seed=repeat)
        covered += estimate.low <= 0 <= estimate.high
    assert 0.88 <= covered / 200 <= 0.99


def test_a_total_is_the_sum_and_its_interval_scales():
    amount, day = np.arange(12.0), np.repeat(np.arange(4), 3)
    total, mean = total_interval(amount, day), mean_interval(amount, day)
    assert total.value == 66
    assert mean.value == 5.5
    assert total.low == pytest.approx(mean.low * 12)
    assert total_interval(amount * 10, day).high == pytest.approx(total.high * 10)


def test_the_same_seed_gives_the_same_bytes_and_blocks_are_only_names():
    y, p, day = stormy()
    assert interval("auc", y, p, day) == interval("auc", y, p, day * 1_000_000_007 - 5)
    assert interval("auc", y, p, day) == interval("auc", y, p, np.array([f"{d:03d}" for d in day]))
    assert interval("auc", y, p, day, seed=1) != interval("auc", y, p, day)
    draws = block_draws(7, 50, seed=2)
    assert (draws.sum(axis=1) == 7).all()


def test_no_rows_or_one_day_have_no_interval():
    for name in NAMES:
        empty = interval(name, [], [], [], goal=GOAL)
        assert math.isnan(empty.value)
        assert math.isnan(empty.low)
        assert empty.n == 0
        assert math.isnan(difference(name, [], [], [], [], goal=GOAL).value)
    one = interval("brier", [0, 1], [0.5, 0.5], [3, 3])
    assert one.value == 0.25
    assert math.isnan(one.low)
    assert math.isnan(total_interval([], []).value)


def test_a_score_that_most_draws_cannot_have_has_no_interval():
    rare = interval("auc", [1, 0, 0, 0, 0], [0.9, 0.1, 0.2, 0.3, 0.4], [0, 1, 2, 3, 4])
    assert rare.value == 1
    assert math.isnan(rare.low)


def test_bad_arguments_are_refused():
    with pytest.raises(UnknownName, match="accuracy"):
        interval("accuracy", [0], [0.1], [0])
    with pytest.raises(ConfigError, match="goal"):
        interval("value", [0], [0.1], [0])
    with pytest.raises(ConfigError, match="level"):
        interval("brier", [0, 1], [0.1, 0.2], [0, 1], level=95)
    with pytest.raises(DataError, match="blocks"):
        interval("brier", [0, 1], [0.1, 0.2], [0])


def test_half_a_year_of_flights_has_its_intervals():
    rng = np.random.default_rng(0)
    day = np.sort(rng.integers(0, 184, 200_000))
    p = rng.beta(1, 4, day.size)
    y = (rng.random(day.size) < p).astype(float)
    for name in NAMES:
        estimate = interval(name, y, p, day, goal=GOAL)
        assert estimate.value == measure(name, y, p, goal=GOAL)
        assert estimate.low < estimate.high


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 7, 30, 183])
@pytest.mark.parametrize("share", [0.6, 0.95, 0.975, 0.9999])
def test_students_quantile_is_scipys(share, freedom):
    assert student_quantile(share, freedom) == pytest.approx(stats.t.ppf(share, freedom), rel=1e-9)


def test_intervals_over_a_week_of_days_cover_as_often_as_they_say():
    random = np.random.default_rng(5)
    covered = 0
    for _ in range(600):
        day = np.repeat(np.arange(7), 20)
        amount = np.repeat(random.normal(0, 1, 7), 20) + random.normal(0, 1, 140)
        found = mean_interval(amount, day, draws=300)
        covered += found.low <= 0 <= found.high
    assert 0.91 < covered / 600 < 0.98
