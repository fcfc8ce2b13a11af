"""Scores of decisions, many classes, costs and thresholds against scikit-learn and brute force."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from hindcast import metrics as m
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.metrics.multiclass import CLASS_METRICS

pairs = st.lists(st.tuples(st.integers(0, 1), st.booleans()), min_size=1, max_size=40)
names = st.sampled_from(["a", "b", "ç", "d"])
classes = st.lists(st.tuples(names, names), min_size=1, max_size=40)


@given(pairs, st.floats(0.1, 4))
def test_scores_of_decisions_agree_with_scikit_learn(rows, beta):
    y, acted = (np.array(column) for column in zip(*rows, strict=True))
    if y.any() or acted.any():
        assert m.f_beta(y, acted, beta) == pytest.approx(sk.fbeta_score(y, acted, beta=beta, zero_division=0))
        assert m.f_beta(y, acted, 1.0) == pytest.approx(m.f1(y, acted))
    if 0 < y.sum() < len(y):
        assert m.balanced_accuracy(y, acted) == pytest.approx(sk.balanced_accuracy_score(y, acted))
        recall, left_alone = sk.recall_score(y, acted), sk.recall_score(1 - y, ~acted)
        assert m.g_mean(y, acted) == pytest.approx(math.sqrt(recall * left_alone))
        assert m.specificity(y, acted) == pytest.approx(left_alone)
        if 0 < acted.sum() < len(y):
            assert m.matthews(y, acted) == pytest.approx(sk.matthews_corrcoef(y, acted))
    else:
        assert math.isnan(m.balanced_accuracy(y, acted))
        assert math.isnan(m.matthews(y, acted))


@given(st.lists(st.tuples(st.integers(0, 1), st.booleans(), st.integers(0, 5)), min_size=1, max_size=30))
def test_intervals_of_decisions_draw_whole_blocks(rows):
    y, acted, block = (np.array(column) for column in zip(*rows, strict=True))
    weights = m.block_draws(len(set(block.tolist())), 50, seed=3)
    _, codes = np.unique(block, return_inverse=True)
    for metric in m.DECISION_METRICS:
        estimate = m.decision_interval(metric, y, acted, block, draws=50, seed=3)
        drawn = [np.repeat(np.arange(len(y)), w[codes].astype(int)) for w in weights]
        slow = [m.DECISION_METRICS[metric](_counts(y[d], acted[d])) for d in drawn]
        defined = np.array(slow)[np.isfinite(slow)]
        if np.isfinite(estimate.low):
            assert estimate.low <= np.median(defined) + 1e-9
            assert estimate.high >= np.median(defined) - 1e-9
        same = m.decision_difference(metric, y, acted, acted, block, draws=50)
        assert same.value == 0 or math.isnan(same.value)


def _counts(y, acted):
    c = m.confusion(y, acted)
    return np.array([c.hits, c.false_alarms, c.misses, c.passed_by], dtype=float)


def test_an_interval_covers_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(5)
    inside = 0
    for trial in range(200):
        label = (random.random(400) < 0.3).astype(int)
        acted = np.where(label == 1, random.random(400) < 0.6, random.random(400) < 0.1)
        estimate = m.decision_interval("recall", label, acted, np.arange(400), draws=200, seed=trial)
        inside += estimate.low <= 0.6 <= estimate.high
    assert 0.95 * 200 - 4 * math.sqrt(200 * 0.95 * 0.05) < inside  # 4 standard errors below what is promised


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6), st.integers(0, 3)), min_size=2, max_size=40))
def test_draws_of_average_precision_are_exact(rows):
    y, p, block = (np.array(column) for column in zip(*rows, strict=True))
    from hindcast.metrics.intervals import _statistics

    _, codes = np.unique(block, return_inverse=True)
    statistics, read = _statistics("average_precision", y.astype(float), p / 6, codes, codes.max() + 1, None)
    weights = m.block_draws(codes.max() + 1, 20)
    found = read(weights @ statistics)
    for w, one in zip(weights, found, strict=True):
        drawn = np.repeat(np.arange(len(y)), w[codes].astype(int))
        assert one == pytest.approx(m.average_precision(y[drawn], p[drawn] / 6), nan_ok=True)


def test_average_precision_has_an_interval_on_many_positives_too():
    random = np.random.default_rng(0)
    label = (random.random(5_000) < 0.3).astype(float)
    score = np.clip(0.3 * label + random.random(5_000) * 0.7, 0, 1)
    estimate = m.interval("average_precision", label, score, np.arange(5_000) // 10)
    assert estimate.low < estimate.value < estimate.high
    assert estimate.value == m.average_precision(label, score)


@given(classes)
def test_many_classes_agree_with_scikit_learn(rows):
    true, made = (list(column) for column in zip(*rows, strict=True))
    seen = m.class_confusion(true, made)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.array_equal(seen.counts, sk.confusion_matrix(true, made, labels=list(seen.classes)))
        assert seen.accuracy == pytest.approx(sk.accuracy_score(true, made))
        assert seen.balanced_accuracy == pytest.approx(sk.balanced_accuracy_score(true, made))
        for average in ("macro", "micro", "weighted"):
            assert seen.f1(average) == pytest.approx(sk.f1_score(true, made, average=average, zero_division=0))
        assert seen.precision("weighted") == pytest.approx(
            sk.precision_score(true, made, average="weighted", zero_division=0)
        )
        if not math.isnan(seen.matthews):
            assert seen.matthews == pytest.approx(sk.matthews_corrcoef(true, made))
    assert np.array_equal(m.class_confusion(np.array(true), np.array(made)).counts, seen.counts)
    recalls = [c.recall for c in seen.by_class() if c.rows]
    assert seen.g_mean == pytest.approx(math.prod(recalls) ** (1 / len(recalls)))
    assert sum(c.rows for c in seen.by_class()) == sum(c.decided for c in seen.by_class()) == len(rows)


def test_two_classes_of_many_are_the_binary_scores():
    y, acted = np.tile([1, 1, 0, 0, 0, 1], 20), np.tile([1, 0, 0, 1, 0, 1], 20)
    seen = m.class_confusion(y, acted)
    assert seen.matthews == pytest.approx(m.matthews(y, acted))
    assert seen.g_mean == pytest.approx(m.g_mean(y, acted))
    assert seen.by_class()[1].f1 == pytest.approx(m.f1(y, acted))
    blocks = np.arange(120)
    for metric in ("balanced_accuracy", "matthews", "g_mean", "accuracy"):
        assert str(m.class_interval(metric, y, acted, blocks)) == str(m.decision_interval(metric, y, acted, blocks))


@pytest.mark.parametrize("metric", sorted(CLASS_METRICS))
def test_every_score_of_classes_has_an_interval(metric):
    random = np.random.default_rng(1)
    true = random.integers(0, 3, 300)
    made = np.where(random.random(300) < 0.7, true, random.integers(0, 3, 300))
    estimate = m.class_interval(metric, true, made, np.arange(300))
    assert estimate.low < estimate.value < estimate.high


def test_classes_may_be_given_and_of_any_kind():
    seen = m.class_confusion([True, False], [True, True], classes=[False, True])
    assert seen.counts.tolist() == [[0, 1], [0, 1]]
    empty = m.class_confusion([], [], classes=["x", "y"])
    assert math.isnan(empty.f1("macro"))
    assert math.isnan(empty.accuracy)
    assert m.class_confusion([1, "1"], ["1", 1]).classes == (1, "1")
    with pytest.raises(DataError, match="row 2"):
        m.class_confusion(["a", None], ["a", "a"])
    with pytest.raises(DataError, match="not one of the classes"):
        m.class_confusion(["a", "z"], ["a", "a"], classes=["a", "b"])
    with pytest.raises(UnknownName, match="f1_macro"):
        m.class_interval("f1_marco", [1], [1], [1])


# ---- costs ------------------------------------------------------------------------------------------------


@given(
    st.lists(st.lists(st.floats(0.01, 1), min_size=3, max_size=3), min_size=1, max_size=20),
    st.lists(st.floats(0, 9), min_size=6, max_size=6),
)
def test_the_decision_has_the_least_expected_cost(chances, prices):
    p = np.array(chances)
    p /= p.sum(axis=1, keepdims=True)
    cost = np.zeros((3, 3))
    cost[~np.eye(3, dtype=bool)] = prices
    costs = m.Costs(cost, ("a", "b", "c"))
    for row, chosen in zip(p, costs.codes(p), strict=True):
        slow = [sum(row[true] * cost[true, made] for true in range(3)) for made in range(3)]
        assert slow[chosen] == pytest.approx(min(slow), abs=1e-12)


@given(st.floats(0.01, 50), st.floats(0.01, 50), st.floats(0, 1))
def test_the_threshold_is_where_both_decisions_cost_the_same(miss, alarm, p):
    costs = m.Costs.binary(miss=miss, false_alarm=alarm)
    at = costs.expected([costs.threshold])[0]
    assert at[0] == pytest.approx(at[1])
    left, act = costs.expected([p])[0]
    if abs(left - act) > 1e-9:
        assert costs.acted([p])[0] == (act < left) == (costs.decide([p])[0] == 1)


def test_a_goal_is_a_matrix_of_costs():
    goal = m.Goal("call", hit=40, false_alarm=-15, miss=-5)
    costs = m.Costs.of_goal(goal)
    assert costs.threshold == pytest.approx(goal.threshold)
    y, acted = np.array([1, 0, 1, 0]), np.array([1, 1, 0, 0])
    assert m.expected_cost(y, acted, costs) == pytest.approx(-goal.value(acted, y).mean())
    assert m.class_confusion(y, acted).cost(costs) == pytest.approx(m.expected_cost(y, acted, costs))
    assert costs.describe()["unit"] == "USD"


def test_costs_that_make_no_sense_are_refused():
    for cost in ([[0, 1]], [[0]], [[0, math.inf], [1, 0]], [1, 2]):
        with pytest.raises(ConfigError, match="square matrix"):
            m.Costs(cost)
    with pytest.raises(ConfigError, match="check the signs"):
        m.Costs([[5, 1], [1, 0]])
    with pytest.raises(ConfigError, match="distinct classes"):
        m.Costs([[0, 1], [1, 0]], classes=["a", "a"])
    with pytest.raises(ConfigError, match="no single threshold"):
        _ = m.Costs(1 - np.eye(3)).threshold
    with pytest.raises(ConfigError, match="nothing to decide"):
        _ = m.Costs(np.zeros((2, 2))).threshold
    with pytest.raises(DataError, match="row 2"):
        m.expected_cost([0, 7], [0, 0], m.Costs.binary(miss=1, false_alarm=1))
    with pytest.raises(DataError, match="probabilities of shape"):
        m.Costs(1 - np.eye(3)).expected([[0.5, 0.5]])


# ---- thresholds -------------------------------------------------------------------------------------------

scored = st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=1, max_size=30)


@given(scored, st.sampled_from(["f1", "f2", "g_mean", "matthews", "balanced_accuracy", "precision"]))
def test_no_threshold_is_better_than_the_best(rows, metric):
    y, s = (np.array(column) for column in zip(*rows, strict=True))
    read = m.DECISION_METRICS[metric]
    tried = [read(_counts(y, s >= t)) for t in [*s, np.inf]]
    if np.isnan(tried).all():
        alike = 0 < y.sum() < len(y)
        with pytest.raises(DataError, match="all scores are alike" if alike else "both classes"):
            m.best_threshold(y, s, by=metric)
        return
    found = m.best_threshold(y, s, by=metric)
    assert found.score == pytest.approx(np.nanmax(tried))
    assert read(_counts(y, found.decide(s))) == pytest.approx(found.score)


@given(scored)
def test_the_best_threshold_for_value_is_the_best_for_its_costs(rows):
    y, s = (np.array(column) for column in zip(*rows, strict=True))
    goal = m.Goal("call", hit=7, false_alarm=-3)
    value, cost = m.best_threshold(y, s, by=goal), m.best_threshold(y, s, by=m.Costs.of_goal(goal))
    assert value.at == cost.at
    assert value.score == pytest.approx(-cost.score)
    assert value.score == pytest.approx(goal.value(value.decide(s), y).sum())


def test_a_threshold_needs_rows_and_a_known_metric():
    with pytest.raises(DataError, match="without rows"):
        m.best_threshold([], [])
    with pytest.raises(UnknownName, match="f1"):
        m.best_threshold([1, 0], [0.5, 0.2], by="f_1")
    with pytest.raises(ConfigError, match="two classes"):
        m.best_threshold([1, 0], [0.5, 0.2], by=m.Costs(1 - np.eye(3)))
    assert m.best_threshold([1, 0], [0.2, 0.9], by=m.Goal("x", hit=1, false_alarm=-5)).at == math.inf


def test_estimates_of_ones_own_metric():
    estimate = m.estimate_from_draws(1.0, np.linspace(0.5, 1.5, 1001), 10_000, 0.9, 7)
    assert estimate.low == pytest.approx(0.55, abs=0.001)
    assert estimate.high == pytest.approx(1.45, abs=0.001)


@pytest.mark.parametrize(
    ("acted", "told"),
    [
        ([0.9, 0.2, 0.0], "threshold"),
        ([True, None, False], "leave such rows out"),
        ([1.0, math.nan, 0.0], "row 2"),
        (["yes", "no", "no"], "must be numbers"),
        (pd.array([True, None, False], dtype="boolean"), "row 2"),
        ([[True], [False], [True]], "shape"),
    ],
)
def test_what_is_no_decision_is_not_taken_for_acting(acted, told):
    with pytest.raises(DataError, match=told):
        m.f_beta([1, 0, 1], acted, 1.0)
    with pytest.raises(DataError, match=told):
        m.decision_interval("f1", [1, 0, 1], acted, [1, 2, 3])


def test_decisions_may_be_numbers():
    assert m.matthews([1, 0, 1], [1, 0, 1]) == m.matthews([1, 0, 1], np.array([1.0, 0.0, 1.0], np.float32)) == 1.0


@pytest.mark.parametrize("label", [["yes", "no"], [1, "a"], object(), [10**400, 0]])
def test_labels_that_are_no_numbers_are_refused_kindly(label):
    with pytest.raises(DataError, match="labels"):
        m.roc_curve(label, [0.1, 0.2])


def test_missing_labels_of_pandas_are_no_class():
    for label in (pd.array([1, None], dtype="Int64"), pd.Series(["a", None], dtype="string")):
        with pytest.raises(DataError, match="row 2"):
            m.class_confusion(label, label)
    with pytest.raises(DataError, match="shape"):
        m.class_confusion([[1], [2]], [1, 2])


def test_scores_all_alike_have_no_threshold_of_matthews():
    with pytest.raises(DataError, match="alike"):
        m.best_threshold([0, 1, 1], [0.5, 0.5, 0.5], by="matthews")
    with pytest.raises(DataError, match="not a finite score"):
        m.best_threshold([0, 1], [0.1, 0.9]).decide([math.nan])


def test_a_threshold_between_huge_scores_is_finite():
    found = m.best_threshold([0, 1], [-1.7e308, 1.7e308])
    assert found.decide([-1.7e308, 1.7e308]).tolist() == [False, True]
