"""Curves and figures of curves against scikit-learn and slow loops over thresholds."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from hindcast import metrics as m
from hindcast.errors import ConfigError, DataError

few = st.integers(-3, 5).map(float)
rows = st.lists(st.tuples(st.integers(0, 1), st.one_of(few, st.floats(-2, 2))), min_size=1, max_size=40)


def _columns(pairs):
    y, s = zip(*pairs, strict=True)
    return np.array(y, dtype=float), np.array(s)


@given(rows)
def test_precision_and_recall_are_those_of_a_loop_over_thresholds(pairs):
    y, s = _columns(pairs)
    curve = m.precision_recall_curve(y, s)
    assert curve.threshold.tolist() == sorted(set(s.tolist()), reverse=True)
    for threshold, precision, recall in zip(curve.threshold, curve.precision, curve.recall, strict=True):
        acted = s >= threshold
        assert precision == m.precision(y, acted)
        assert recall == pytest.approx(m.recall(y, acted), nan_ok=True)


@given(rows)
def test_steps_under_the_curve_are_the_average_precision(pairs):
    y, s = _columns(pairs)
    curve = m.precision_recall_curve(y, s)
    area = (np.diff(curve.recall, prepend=0) * curve.precision).sum()
    assert area == pytest.approx(m.average_precision(y, s), nan_ok=True)


@given(rows)
def test_the_area_under_the_roc_curve_is_the_auc(pairs):
    y, s = _columns(pairs)
    curve = m.roc_curve(y, s)
    assert curve.area == pytest.approx(m.auc(y, s), nan_ok=True)
    if 0 < y.sum() < len(y):
        false, true, _ = sk.roc_curve(y, s, drop_intermediate=False)
        assert np.allclose(curve.false_alarm_rate, false)
        assert np.allclose(curve.recall, true)


@given(rows, st.floats(0.01, 1))
def test_interpolated_precision_is_that_of_a_mixture_of_two_thresholds(pairs, recall):
    y, s = _columns(pairs)
    curve = m.precision_recall_curve(y, s)
    found = curve.at_recall(recall)[0]
    if not y.any():
        assert math.isnan(found)
        return
    hits, alarms = [0.0], [0.0]
    for threshold in sorted(set(s), reverse=True):
        hits.append(float(y[s >= threshold].sum()))
        alarms.append(float((1 - y[s >= threshold]).sum()))
    want = recall * y.sum()
    best = None
    for k in range(1, len(hits)):
        if hits[k] >= want - 1e-9 and hits[k] > hits[k - 1]:
            share = min(1.0, (want - hits[k - 1]) / (hits[k] - hits[k - 1]))
            best = want / (want + alarms[k - 1] + share * (alarms[k] - alarms[k - 1]))
            break
    assert found == pytest.approx(best, rel=1e-6)


def test_interpolation_is_no_straight_line():
    curve = m.precision_recall_curve([1, *[0] * 9, 1], [0.9, *[0.5] * 10])
    straight = (curve.precision[0] + curve.precision[-1]) / 2
    assert curve.at_recall(0.75)[0] < straight
    assert curve.at_recall(0.75)[0] == pytest.approx(1.5 / (1.5 + 4.5))


@given(rows, st.integers(1, 45))
def test_the_best_k_are_counted_with_ties_by_their_average(pairs, k):
    y, s = _columns(pairs)
    taken = min(k, len(y))
    cut = np.sort(s)[::-1][taken - 1]
    above, level = s > cut, s == cut
    hits = y[above].sum() + (taken - above.sum()) * y[level].mean()
    assert m.precision_at(y, s, k) == pytest.approx(hits / taken)
    if y.any():
        assert m.recall_at(y, s, k) == pytest.approx(hits / y.sum())
        assert m.lift_at(y, s, k) == pytest.approx(hits / taken / y.mean())
        assert m.gain_curve(y, s).at(taken / len(y))[0] == pytest.approx(hits / y.sum())


@given(rows, st.floats(0, 1))
def test_recall_at_precision_tries_every_threshold(pairs, asked):
    y, s = _columns(pairs)
    tried = [(m.precision(y, s >= t), m.recall(y, s >= t)) for t in set(s)]
    found = m.recall_at_precision(y, s, asked)
    if not y.any():
        assert math.isnan(found)
        assert math.isnan(m.precision_at_recall(y, s, asked))
        return
    assert found == max([recall for precision, recall in tried if precision >= asked], default=0.0)
    assert m.precision_at_recall(y, s, asked) == max(precision for precision, recall in tried if recall >= asked)


def test_chance_has_no_lift():
    curve = m.gain_curve([0, 1, 0, 1], [0.5] * 4)
    assert curve.area == 0.5
    assert curve.lift[-1] == 1.0


def test_no_rows_are_no_news():
    assert m.precision_recall_curve([], []).threshold.size == 0
    assert math.isnan(m.roc_curve([], []).area)
    assert math.isnan(m.precision_at([], [], 3))
    assert math.isnan(m.lift_at([0, 0], [1.0, 2.0], 1))
    assert math.isnan(m.gain_curve([], []).area)


def test_wrong_questions_are_refused():
    for k in (0, -1, 1.5, True):
        with pytest.raises(ConfigError, match="k counts rows"):
            m.precision_at([1], [0.5], k)
    with pytest.raises(ConfigError, match="a precision lies in"):
        m.recall_at_precision([1], [0.5], 1.5)
    with pytest.raises(DataError, match="row 2"):
        m.roc_curve([1, 0], [0.5, math.nan])
    with pytest.raises(ConfigError, match="recall"):
        m.precision_recall_curve([1], [0.5]).at_recall(0)
    with pytest.raises(ConfigError, match="share of rows"):
        m.gain_curve([1], [0.5]).at(2)
