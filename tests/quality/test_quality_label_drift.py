"""A planted change of the label rate is found and dated; season, chance, missing labels are not taken for one."""

from __future__ import annotations

import numpy as np
import pytest

from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.quality import LabelDrift, find_label_drift
from hindcast.values import DAY_US

MONDAY = 1_767_571_200_000_000  # 2026-01-05T00:00:00Z
WEEK = np.array([0.1, 0.1, 0.12, 0.14, 0.2, 0.35, 0.3])


def days(count, per_day, rate, seed):
    """`per_day` rows on each of `count` days; `rate` gives the chance of the label by day."""
    draw = np.random.default_rng(seed)
    day = np.repeat(np.arange(count), per_day)
    at = MONDAY + day * DAY_US + draw.integers(0, DAY_US, len(day))
    order = draw.permutation(len(day))
    label = draw.random(len(day)) < np.asarray(rate)[day]
    return at[order], label[order]


def test_a_step_is_found_where_it_is():
    rate = np.where(np.arange(90) < 55, 0.1, 0.16)
    found = find_label_drift(*days(90, 200, rate, 0))
    assert abs(found.change - 55) <= 2
    assert found.p_value < 0.005
    assert found.before[1] < 0.1 < found.before[2]
    assert found.after[1] < 0.16 < found.after[2]
    (finding,) = found.findings()
    assert finding.number == "HC007"
    assert finding.evidence["when"].startswith("2026-03-0")
    assert "from then on" in found.to_text()
    assert isinstance(found, LabelDrift)


def test_false_alarms_are_as_rare_as_the_p_value_says():
    p = np.array([find_label_drift(*days(42, 60, np.full(42, 0.2), s), draws=200).p_value for s in range(100)])
    assert (p <= 0.05).sum() <= 13  # 5 expected, standard deviation 2.2
    assert (p <= 0.5).sum() >= 30


def test_the_week_is_not_taken_for_a_change():
    rate = np.tile(WEEK, 12)
    at, label = days(84, 300, rate, 3)
    found = find_label_drift(at, label)
    assert found.p_value > 0.01
    assert np.abs(found.z).max() < 5
    assert np.abs(found.expected - rate).max() < 0.03
    assert np.abs(find_label_drift(at, label, season=None).z).max() > np.abs(found.z).max()
    stepped = rate * np.where(np.arange(84) < 40, 1.0, 1.4)
    assert abs(find_label_drift(*days(84, 300, stepped, 3)).change - 40) <= 2


def test_an_odd_day_names_its_rows():
    rate = np.full(60, 0.1)
    rate[20] = 0.6
    at, label = days(60, 100, rate, 5)
    found = find_label_drift(at, label)
    suspects = found.suspects()
    day = (at[suspects.row] - MONDAY) // DAY_US
    assert set(day.tolist()) == {20}
    assert label[suspects.row].all()
    assert "where" in suspects.reason[0]
    low = np.full(60, 0.5)
    low[30] = 0.0
    at, label = days(60, 200, low, 6)
    named = find_label_drift(at, label).suspects()
    assert not label[named.row].any()


def test_days_that_differ_more_than_rows_widen_the_spread():
    draw = np.random.default_rng(7)
    found = find_label_drift(*days(100, 400, np.clip(draw.normal(0.3, 0.08, 100), 0, 1), 7))
    assert found.spread > 3
    assert np.abs(found.z).max() < 6
    calm = find_label_drift(*days(100, 400, np.full(100, 0.3), 7))
    assert calm.spread < 2


def test_a_wandering_rate_is_told():
    draw = np.random.default_rng(8)
    rate = np.clip(0.5 + np.cumsum(draw.normal(0, 0.04, 120)), 0.02, 0.98)
    assert any("wanders" in note for note in find_label_drift(*days(120, 300, rate, 8)).notes)


def test_classes_missing_labels_and_short_histories():
    at, label = days(30, 20, np.full(30, 0.5), 1)
    words = np.where(label, "yes", "no").astype(object)
    words[:10] = None
    found = find_label_drift(at, words)
    assert found.positive == "yes"
    assert "10 rows" in found.notes[0]
    assert find_label_drift(at.astype("datetime64[us]"), words).p_value == found.p_value
    three = np.arange(len(at)) % 3
    with pytest.raises(ConfigError, match="3 classes"):
        find_label_drift(at, three)
    assert find_label_drift(at, three, positive=1).positive == 1
    with pytest.raises(UnknownName):
        find_label_drift(at, three, positive=7)
    short = find_label_drift(at[:3], label[:3])
    assert short.change is None
    assert np.isnan(short.p_value)
    assert not short.findings()
    assert find_label_drift([], []).to_text()
    assert any("season" in note for note in find_label_drift(*days(12, 20, np.full(12, 0.5), 0)).notes)


def test_bad_requests_are_named():
    at, label = days(10, 5, np.full(10, 0.5), 0)
    for wrong in ({"season": "30h"}, {"draws": 0}, {"period": "1us", "season": None}):
        with pytest.raises(ConfigError):
            find_label_drift(at, label, **wrong)
    with pytest.raises(DataError, match="moments"):
        find_label_drift(at.astype(float), label)
    with pytest.raises(DataError, match="no time"):
        find_label_drift(np.array(["NaT"], dtype="datetime64[us]"), [1])
    with pytest.raises(DataError, match="one per row"):
        find_label_drift(at, label[:-1])
