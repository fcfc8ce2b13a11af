"""Scores against scikit-learn and brute force; what is undefined is NaN; what is missing is named."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from hindcast import metrics as m
from hindcast.errors import ConfigError, DataError, UnknownName

few = st.integers(0, 5).map(lambda k: k / 5)
rows = st.lists(st.tuples(st.integers(0, 1), st.one_of(few, st.floats(0, 1))), min_size=1, max_size=40)


def _columns(pairs):
    y, p = zip(*pairs, strict=True)
    return np.array(y, dtype=float), np.array(p)


@given(rows)
@settings(max_examples=100)
def test_auc_counts_every_pair_with_ties_as_one_half(pairs):
    y, p = _columns(pairs)
    duels = [(a > b) + 0.5 * (a == b) for a in p[y == 1] for b in p[y == 0]]
    if duels:
        assert m.auc(y, p) == pytest.approx(sum(duels) / len(duels), abs=1e-12)
        assert m.auc(y, p) == pytest.approx(sk.roc_auc_score(y, p), abs=1e-12)
    else:
        assert math.isnan(m.auc(y, p))


@given(rows)
@settings(max_examples=100)
def test_scores_agree_with_scikit_learn(pairs):
    y, p = _columns(pairs)
    assert m.brier(y, p) == pytest.approx(np.mean((p - y) ** 2))
    inside = np.clip(p, 1e-6, 1 - 1e-6)
    assert m.log_loss(y, inside) == pytest.approx(sk.log_loss(y, inside, labels=[0, 1]))
    acted = p > 0.4
    assert m.accuracy(y, acted) == pytest.approx(sk.accuracy_score(y, acted))
    if y.any():
        assert m.average_precision(y, p) == pytest.approx(sk.average_precision_score(y, p))
        assert m.recall(y, acted) == pytest.approx(sk.recall_score(y, acted))
        assert m.f1(y, acted) == pytest.approx(sk.f1_score(y, acted, zero_division=0))
    if acted.any():
        assert m.precision(y, acted) == pytest.approx(sk.precision_score(y, acted))


@given(rows, st.integers(1, 12))
@settings(max_examples=100)
def test_ece_equals_a_loop_over_bins(pairs, bins):
    y, p = _columns(pairs)
    gap = [0.0] * bins
    for label, chance in pairs:
        gap[min(int(chance * bins), bins - 1)] += chance - label
    assert m.ece(y, p, bins) == pytest.approx(sum(map(abs, gap)) / len(pairs), abs=1e-12)


@given(rows, st.sampled_from(["width", "rows"]))
@settings(max_examples=60)
def test_a_calibration_curve_holds_every_row_once(pairs, equal):
    y, p = _columns(pairs)
    curve = m.calibration_curve(y, p, bins=4, equal=equal)
    assert sum(b.n for b in curve) == len(pairs)
    assert sum(b.n * b.observed for b in curve) == pytest.approx(y.sum())
    for b in curve:
        assert b.observed_low <= b.observed <= b.observed_high
        assert b.low - 1e-12 <= b.predicted <= b.high + 1e-12


def test_skill_is_zero_for_the_base_rate_and_below_for_worse():
    y = np.array([0, 0, 0, 1.0])
    assert m.skill(y, np.full(4, 0.25)) == pytest.approx(0)
    assert m.skill(y, np.full(4, 0.5)) < 0
    assert m.skill(y, y) == pytest.approx(1)


@pytest.mark.parametrize("name", sorted(m.METRICS))
def test_no_rows_are_never_good_news(name):
    assert math.isnan(m.measure(name, [], [], goal=m.Goal("g", 40, -15)))


@pytest.mark.parametrize("score", [m.auc, m.skill])
def test_one_class_has_no_score(score):
    assert math.isnan(score([1, 1], [0.2, 0.3]))
    assert math.isnan(score([0, 0], [0.2, 0.3]))


@pytest.mark.parametrize("name", sorted(m.METRICS))
def test_a_missing_label_is_refused_and_named(name):
    with pytest.raises(DataError, match="row 2") as error:
        m.measure(name, [0, np.nan, 1], [0.1, 0.2, 0.3], goal=m.Goal("g", 40, -15))
    assert error.value.row == 2


def test_a_probability_outside_is_refused_and_named():
    with pytest.raises(DataError, match="row 1"):
        m.log_loss([0], [1.5])
    assert m.auc([0, 1], [-3.0, 7.0]) == 1.0
    with pytest.raises(DataError, match="row 2"):
        m.auc([0, 1], [0.0, np.inf])
    with pytest.raises(DataError, match="1 labels meet 2"):
        m.brier([0], [0.1, 0.2])


def test_a_perfectly_wrong_answer_costs_a_finite_loss():
    assert m.log_loss([1], [0.0]) == pytest.approx(-math.log(1e-15))


def test_unknown_names_are_answered_with_close_ones():
    with pytest.raises(UnknownName, match="log_loss"):
        m.measure("logloss", [0], [0.1])
    with pytest.raises(UnknownName, match="auc"):
        m.higher_is_better("aucc")
    with pytest.raises(ConfigError, match="goal"):
        m.measure("value", [0], [0.1])
    assert m.higher_is_better("auc")
    assert not m.higher_is_better("ece")


def test_wilson_agrees_with_scipy():
    from scipy.stats import binomtest

    for k, n in [(0, 5), (2, 10), (10, 10), (37, 100)]:
        oracle = binomtest(k, n).proportion_ci(0.9, method="wilson")
        assert m.wilson(k, n, 0.9) == pytest.approx((oracle.low, oracle.high), abs=1e-9)
    assert all(math.isnan(edge) for edge in m.wilson(0, 0))


def test_confusion_counts_every_row():
    c = m.confusion([1, 0, 0, 1, 1], [1, 1, 0, 0, 1])
    assert (c.hits, c.false_alarms, c.misses, c.passed_by, c.n) == (2, 1, 1, 1, 5)
    assert math.isnan(m.precision([1, 0], [0, 0]))
    assert math.isnan(m.recall([0, 0], [0, 1]))
    assert math.isnan(m.accuracy([], []))
