"""Delay curves: equal to the slow definition, true to known distributions through censoring, honest intervals."""

import json
import math
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.columns import Column, Frame
from hindcast.errors import ConfigError, DataError
from hindcast.facts import Facts, Table, after
from hindcast.labels import DelayCurve, delay_curve, delay_curves, spine_delay_curve
from hindcast.trainset import Binary, make_spine, outcome
from hindcast.values import HOUR_US, NEVER

cases = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 9), st.sampled_from(["label", "never", "open"]), st.integers(0, 4)),
    min_size=1,
    max_size=25,
)


def slow(rows, now, truncated=False):
    """Cumulative incidence of labels and Greenwood's variance of the waiting, by the definition, age by age."""
    seen = []
    for asked, delay, how, wait in rows:
        entry = wait if truncated and wait else -1
        stop, what = now - asked, "open"
        if how != "open" and asked + delay < now:
            stop, what = delay, how
        seen.append((entry, stop, what))
    waiting, known, total, steps = 1.0, 0.0, 0.0, []
    for age in sorted({stop for _, stop, what in seen if what != "open"}):
        risk = sum(entry < age <= stop for entry, stop, _ in seen)
        labels = sum(stop == age and what == "label" for _, stop, what in seen)
        ends = sum(stop == age and what != "open" for _, stop, what in seen)
        known += waiting * labels / risk
        waiting *= 1 - ends / risk
        total += ends / (risk * (risk - ends)) if risk > ends else 0.0
        steps.append((age, known, waiting, waiting**2 * total, risk))
    return steps


def arrays(rows):
    asked = np.array([r[0] for r in rows])
    known = np.array([a + d if how == "label" else NEVER for a, d, how, _ in rows])
    never = np.array([a + d if how == "never" else NEVER for a, d, how, _ in rows])
    return asked, known, never


@given(cases, st.integers(12, 30))
def test_it_equals_the_definition(rows, now):
    asked, known, never = arrays(rows)
    curve = delay_curve(asked, known, never=never, now=now)
    expected = slow(rows, now)
    assert curve.age.tolist() == [step[0] for step in expected]
    np.testing.assert_allclose(curve.known, [step[1] for step in expected], atol=1e-12)
    np.testing.assert_allclose(curve.waiting, [step[2] for step in expected], atol=1e-12)
    assert curve.at_risk.tolist() == [step[4] for step in expected]
    assert curve.labelled + curve.never + curve.censored == curve.n == len(rows)
    if not (never < NEVER).any():
        np.testing.assert_allclose(curve.variance, [step[3] for step in expected], atol=1e-10)
    low, high = curve.bounds()
    assert np.all((low <= curve.known + 1e-12) & (curve.known <= high + 1e-12))
    assert np.all((low >= 0) & (high <= 1))


@given(cases, st.integers(12, 30))
def test_left_truncation_equals_the_definition(rows, now):
    rows = [
        (a, d, how, wait if wait < (d if how != "open" else 99) and a + wait <= now else 0) for a, d, how, wait in rows
    ]
    asked, known, never = arrays(rows)
    entered = asked + np.array([r[3] for r in rows])
    curve = delay_curve(asked, known, never=never, now=now, entered=entered)
    expected = slow(rows, now, truncated=True)
    np.testing.assert_allclose(curve.known, [step[1] for step in expected], atol=1e-12)


@given(cases, st.integers(12, 30))
def test_without_censoring_it_is_the_share(rows, now):
    rows = [(a, d, "label", 0) for a, d, _, _ in rows]
    asked, known, _ = arrays(rows)
    curve = delay_curve(asked, known)
    for age in range(10):
        if age <= curve.longest:
            assert curve.share(age) == pytest.approx(np.mean(known - asked <= age))
    for share in (0.0, 0.3, 0.5, 1.0):
        at = curve.quantile(share).value
        assert share == 0 or at == np.quantile(known - asked, share, method="inverted_cdf")


@given(cases, st.integers(12, 20), st.integers(0, 5))
def test_news_after_now_changes_nothing(rows, now, late):
    asked, known, never = arrays(rows)
    before = delay_curve(asked, known, never=never, now=now)
    moved = np.where(known >= now, known + late, known)
    unseen = np.append(np.where(never < now, never, NEVER), NEVER)
    again = delay_curve(np.append(asked, now + 1), np.append(moved, now + 2), never=unseen, now=now)
    assert np.array_equal(before.known, again.known)
    assert before.quantile(0.5) == again.quantile(0.5) or math.isnan(before.quantile(0.5).value)


def sample(seed, n=400, horizon=20.0, lost=0.0):
    """Rows asked evenly over a time, delays exponential with mean 5 hours, a part of them never to come."""
    rng = np.random.default_rng([seed, 5])
    asked = rng.uniform(0, horizon, n)
    delay = rng.exponential(5.0, n)
    gone = rng.exponential(5.0 / lost, n) if lost else np.full(n, np.inf)
    known = np.where(delay <= gone, asked + delay, np.inf)
    never = np.where(gone < delay, asked + gone, np.inf)
    hours = [np.where(np.isfinite(v), v * HOUR_US, np.inf) for v in (asked, known, never)]
    return hours, int(horizon * HOUR_US)


@pytest.mark.parametrize("lost", [0.0, 0.25])
def test_it_converges_on_the_truth_through_censoring(lost):
    (asked, known, never), now = sample(0, n=100_000, lost=lost)
    curve = delay_curve(asked, known, never=never, now=now)
    rate = 1 + lost
    for hours in (1, 3, 5, 10, 15):
        truth = (1 - math.exp(-rate * hours / 5)) / rate
        found = curve.estimate(f"{hours}h")
        error = math.sqrt(curve.variance[np.searchsorted(curve.age, hours * HOUR_US, side="right") - 1])
        assert abs(found.value - truth) < 5 * error
        assert error < 0.01
    naive = np.median((known - asked)[known < now]) / HOUR_US
    if not lost:
        assert naive < 3.1, "the naive median should be too short"
        assert 3.4 < curve.quantile(0.5).value / HOUR_US < 3.55


@pytest.mark.parametrize("interval", ["log-log", "greenwood"])
@pytest.mark.parametrize("lost", [0.0, 0.25])
def test_intervals_hold_the_truth(interval, lost):
    seeds, rate = 400, 1 + lost
    ages = [2, 5, 10]
    truth = [(1 - math.exp(-rate * h / 5)) / rate for h in ages]
    inside = np.zeros(3)
    median, quantiles = -5 / rate * math.log(1 - 0.5 * rate) * HOUR_US, 0
    for seed in range(seeds):
        (asked, known, never), now = sample(seed, n=150, lost=lost)
        curve = delay_curve(asked, known, never=never, now=now, interval=interval)
        found = [curve.estimate(h * HOUR_US) for h in ages]
        inside += [e.low <= t <= e.high for e, t in zip(found, truth, strict=True)]
        q = curve.quantile(0.5)
        quantiles += q.low <= median and not q.high < median
    least = 0.95 - 5 * math.sqrt(0.05 * 0.95 / seeds)
    assert np.all(inside / seeds > least), inside / seeds
    assert quantiles / seeds > least


def test_the_variance_with_rows_that_never_come_is_that_of_repeats():
    found = []
    for seed in range(300):
        (asked, known, never), now = sample(seed, n=300, lost=0.5)
        curve = delay_curve(asked, known, never=never, now=now)
        at = np.searchsorted(curve.age, 5 * HOUR_US, side="right") - 1
        found.append((curve.known[at], curve.variance[at]))
    values, variances = np.array(found).T
    assert variances.mean() / values.var() == pytest.approx(1, abs=5 * math.sqrt(2 / 300))


def test_left_truncation_corrects():
    """Rows were only watched from a moment on, and those already answered then left no trace."""
    rng = np.random.default_rng(4)
    asked = rng.uniform(-40, 20, 60_000)
    delay = rng.exponential(5, 60_000)
    entered = np.maximum(asked, 0.0)
    seen = asked + delay > entered
    known = np.where(asked + delay < 30, asked + delay, np.inf)
    to_us = [np.where(np.isfinite(v), v * HOUR_US, np.inf)[seen] for v in (asked, known, entered)]
    right = delay_curve(to_us[0], to_us[1], entered=to_us[2], now=30 * HOUR_US)
    wrong = delay_curve(to_us[0], to_us[1], now=30 * HOUR_US)
    truth = 1 - math.exp(-1)
    assert abs(right.share("5h") - truth) < 0.01
    assert abs(wrong.share("5h") - truth) > 0.05


# ---- what comes in ----------------------------------------------------------------------------------------


def test_moments_of_any_make():
    asked = [datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 2, tzinfo=UTC)]
    known = [datetime(2020, 1, 3, tzinfo=UTC), None]
    as_numpy = np.array(["2020-01-03", "NaT"], dtype="datetime64[ns]")
    start = np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[s]")
    curves = [
        delay_curve(asked, known, now="2020-01-05"),
        delay_curve(start, as_numpy, now="2020-01-05"),
        delay_curve(pd.Series(start), pd.Series(as_numpy), now="2020-01-05"),
        delay_curve(Column.of(start).to_arrow(), Column.of(as_numpy).to_arrow(), now="2020-01-05"),
        delay_curve(["2020-01-01", "2020-01-02"], ["2020-01-03", None], now="2020-01-05"),
    ]
    for curve in curves:
        assert isinstance(curve, DelayCurve)
        assert (curve.age.tolist(), curve.known.tolist(), curve.censored) == ([48 * HOUR_US], [0.5], 1)


def test_a_spine_tells_its_delays_by_group():
    asks = Table("asks", key="id", event_time="at", known="always")
    answers = Table("answers", key="id", event_time="at", known="event")
    at = np.arange(6, dtype=np.int64) * HOUR_US
    none, seq = np.zeros(6, dtype=np.bool_), np.arange(6, dtype=np.int64)
    kind = Column.of(["a", "b", "a", "b", "a", None])
    columns = {"id": Column.of(list(range(6))), "at": Column("time", at), "kind": kind}
    facts = {
        "asks": Facts(at, np.full(6, -1), seq, none, Frame(columns)),
        "answers": Facts(
            at[:4] + HOUR_US,
            at[:4] + HOUR_US,
            seq[:4],
            none[:4],
            Frame({"id": Column.of([0, 1, 2, 3]), "y": Column.of([1.0, None, 0.0, 1.0])}),
        ),
    }
    target = Binary(asks, as_of=after("at", "0s"), label=outcome(answers, "y == 1", on="id"), maturity="1h")
    spine = make_spine(target, facts)
    curve = spine_delay_curve(spine)
    assert (curve.n, curve.labelled, curve.never, curve.censored) == (6, 3, 1, 2)
    early = spine_delay_curve(spine, 2 * HOUR_US + 1)
    assert (early.n, early.labelled, early.never) == (3, 1, 1)
    parts = spine_delay_curve(spine, by="kind")
    assert list(parts) == ["a", "b", None]
    assert [p.n for p in parts.values()] == [3, 2, 1]


def test_groups_share_their_now():
    curves = delay_curves(["x", "y", "y"], [0, 0, 5], [3, NEVER, 9], never=[NEVER, 2, NEVER], now=8)
    assert (curves["x"].labelled, curves["y"].never, curves["y"].censored) == (1, 1, 1)
    with pytest.raises(DataError, match="2 rows have a group"):
        delay_curves(["x", "y"], [0], [1])


def test_what_cannot_be_known_is_not_claimed():
    curve = delay_curve([0, 0, 0, 0], [HOUR_US, None, None, None], now=10 * HOUR_US)
    assert math.isnan(curve.quantile(0.5).value)
    assert math.isnan(curve.share("11h"))
    assert curve.share("10h") == 0.25
    assert curve.never_share().value == 0.75
    assert "75.0% of labels have not come" in curve.notes[0]
    assert curve.describe()["quantiles"]["0.5"] is None
    gone = delay_curve([0, 0], [1, None], never=[None, 2])
    assert "never get a label" in gone.notes[0]
    waiting = delay_curve([0, 0], [None, None], now=5)
    assert "no label has come yet" in waiting.notes
    assert math.isnan(waiting.quantile(0.1).value)
    assert waiting.share(3) == 0
    nothing = delay_curve([], [])
    assert nothing.n == 0
    assert math.isnan(nothing.never_share().value)
    early = delay_curve([5, 5], [2, 7])
    assert "known when their question was asked" in early.notes[0]
    assert early.share(0) == 0.5
    assert "left out" in delay_curve([0, 9], [1, 10], now=5).notes[0]


@pytest.mark.parametrize("rows", [1, 3000])
def test_the_figure_is_plain_data(rows):
    rng = np.random.default_rng(1)
    curve = delay_curve(np.zeros(rows, np.int64), rng.integers(1, 10**12, rows))
    figure = curve.figure(title="delay", points=100)
    json.dumps(figure, allow_nan=False)
    assert len(figure["data"][2]["x"]) <= 102
    y = figure["data"][2]["y"]
    assert y == sorted(y)
    assert y[0] == 0
    assert delay_curve([], []).figure()["data"]
    import plotly.graph_objects as go

    go.Figure(figure)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: delay_curve([0, 1], [1]), DataError, "`known` has 1 moments"),
        (lambda: delay_curve([None], [1]), DataError, "no moment at which it was asked"),
        (lambda: delay_curve([0], [1], never=[2]), DataError, "never to have one"),
        (lambda: delay_curve([0], [5], entered=[6], now=9), DataError, "before anybody watched it"),
        (lambda: delay_curve(["soon"], [1]), DataError, "not a moment"),
        (lambda: delay_curve(np.zeros((2, 2)), [1]), DataError, "shape"),
        (lambda: delay_curve([0], [1], level=2), ConfigError, "above 0 and below 1"),
        (lambda: delay_curve([0], [1], interval="x"), ConfigError, "log-log"),
        (lambda: delay_curve([0], [1]).quantile(2), ConfigError, "at most 1"),
        (lambda: delay_curve([0], [1]).share("soon"), ConfigError, "not a duration"),
    ],
)
def test_bad_requests_are_answered_kindly(call, error, says):
    with pytest.raises(error, match=says):
        call()


def test_the_share_at_several_durations():
    curve = delay_curve([0, 0, 0, 0], [1, 2, 3, None], now=10)
    assert curve.share(["1us", "2us"]).tolist() == [0.25, 0.5]
    assert curve.share(np.array([1, 2])).tolist() == [0.25, 0.5]
    with pytest.raises(ConfigError, match="microseconds"):
        curve.share(np.array([1.5]))


def test_masked_moments_are_missing():
    known = np.ma.masked_array([1, 0], mask=[False, True])
    curve = delay_curve(np.zeros(2, dtype=np.int64), known, now=9)
    assert (curve.labelled, curve.censored) == (1, 1)
