"""Coverage, conflicts, accuracy and copies, against slow and obvious counts and against generated truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hindcast.errors import ConfigError, DataError
from hindcast.metrics import wilson
from hindcast.weak import Votes, analyse

matrices = st.tuples(st.integers(0, 12), st.integers(1, 4)).flatmap(
    lambda shape: arrays(np.int64, shape, elements=st.integers(-1, 2))
)


@given(matrices, st.data())
def test_shares_are_what_one_counts_by_hand(matrix, data):
    n = len(matrix)
    truth = data.draw(st.lists(st.sampled_from([None, 0, 1, 2]), min_size=n, max_size=n))
    found = analyse(Votes.of(matrix, classes=[0, 1, 2]), truth)
    rows = matrix.tolist()
    for j, report in enumerate(found.functions):
        others = [[v for i, v in enumerate(row) if i != j and v >= 0] for row in rows]
        votes = [i for i in range(n) if rows[i][j] >= 0]
        judged = [i for i in votes if truth[i] is not None]
        right = [i for i in judged if rows[i][j] == truth[i]]
        assert report.votes == len(votes)
        assert report.polarity == tuple(sorted({rows[i][j] for i in votes}))
        assert (report.correct, report.incorrect) == (len(right), len(judged) - len(right))
        if n:
            assert report.coverage == pytest.approx(len(votes) / n)
            assert report.overlap == pytest.approx(sum(bool(others[i]) for i in votes) / n)
            assert report.conflict == pytest.approx(sum(any(o != rows[i][j] for o in others[i]) for i in votes) / n)
        if judged:
            assert report.accuracy.value == len(right) / len(judged)
            assert (report.accuracy.low, report.accuracy.high) == wilson(len(right), len(judged))
        for label, estimate in report.by_class.items():
            of_class = [i for i in judged if rows[i][j] == label]
            assert estimate.n == len(of_class)
    if n:
        assert found.coverage == pytest.approx(sum(any(v >= 0 for v in row) for row in rows) / n)
        assert found.conflict == pytest.approx(sum(len({v for v in row if v >= 0}) > 1 for row in rows) / n)
    else:
        assert math.isnan(found.coverage)


def test_the_table_and_its_text():
    found = analyse(Votes.of([["spam", "ham"], ["spam", None]], functions=["link", "short"]), ["spam", None])
    assert found.table().names == [
        "function", "polarity", "coverage", "overlaps", "conflicts", "correct", "incorrect", "accuracy", "low", "high",
    ]  # fmt: skip
    assert found.table().rows()[0]["polarity"] == "spam"
    assert "2 rows: 100.0% covered, 50.0% in conflict" in str(found)
    assert analyse([[0, 1]]).table().names[-1] == "conflicts"
    assert len(analyse(Votes.of([], functions=["a"])).table()) == 1


def test_notes_name_what_deserves_attention():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, 400)
    matrix = np.stack([np.full(400, -1), np.zeros(400, dtype=int), 1 - truth, truth], axis=1)
    notes = analyse(Votes.of(matrix, functions=["never", "always", "wrong", "right"]), truth).notes
    assert any("'never' never votes" in note for note in notes)
    assert any("'always' votes 0 on every row" in note for note in notes)
    assert any("'wrong' is worse than chance" in note for note in notes)
    assert not any("'right'" in note for note in notes)
    assert any("vote for 1 only" in note for note in analyse([[1, -1], [-1, 1], [-1, -1]]).notes)


def planted(rng, n, m, coverage, classes=2):
    """Independent functions given the truth, accuracies from 0.6 to 0.9."""
    truth = rng.integers(0, classes, n)
    accuracy = rng.uniform(0.6, 0.9, m)
    right = rng.random((n, m)) < accuracy
    other = (truth[:, None] + rng.integers(1, classes, (n, m))) % classes
    matrix = np.where(right, truth[:, None], other)
    matrix[rng.random((n, m)) > coverage] = -1
    return truth, matrix


@pytest.mark.parametrize(("coverage", "classes"), [(0.03, 2), (0.3, 2), (1.0, 2), (0.5, 5)])
def test_independent_functions_are_not_called_copies(coverage, classes):
    alarms = 0
    for seed in range(40):
        truth, matrix = planted(np.random.default_rng([seed, classes]), 800, 10, coverage, classes)
        alarms += bool(analyse(Votes.of(matrix, classes=range(classes)), truth).pairs)
    assert alarms <= 3  # 0.4 expected of 40


def test_one_sided_functions_that_fire_on_their_own_are_not_called_copies():
    alarms = 0
    for seed in range(40):
        rng = np.random.default_rng([seed, 5])
        truth = rng.integers(0, 2, 1_000)
        rates = rng.uniform([0.0, 0.05], [0.03, 0.2], (12, 2))
        matrix = np.where(rng.random((1_000, 12)) < rates[:, truth].T, 1, -1)
        alarms += bool(analyse(Votes.of(matrix, classes=[0, 1]), truth).pairs)
    assert alarms <= 3


def test_functions_that_copy_are_found():
    truth, matrix = planted(np.random.default_rng(3), 2_000, 6, 0.4)
    rng = np.random.default_rng(4)
    matrix[:, 3] = matrix[:, 0]
    partly = rng.random(2_000) < 0.5
    matrix[partly, 4] = matrix[partly, 1]
    votes = Votes.of(matrix)
    found = analyse(votes, truth).pairs
    assert [(pair.first, pair.second, pair.exact) for pair in found] == [
        ("lf_0", "lf_3", True),
        ("lf_1", "lf_4", False),
    ]
    assert found[1].excess == pytest.approx(0.5, abs=0.05)
    assert found[1].p_value < 1e-6
    assert "'lf_3' says exactly what 'lf_0' says" in str(found[0])
    assert "agrees too often" in str(found[1])
    half = [t if i % 4 == 0 else None for i, t in enumerate(truth.tolist())]
    assert [(p.first, p.second) for p in analyse(votes, half).pairs] == [("lf_0", "lf_3"), ("lf_1", "lf_4")]
    [blind] = analyse(votes).pairs
    assert (blind.first, blind.second, blind.exact) == ("lf_0", "lf_3", True)
    assert math.isnan(blind.expected)


def test_functions_that_are_both_always_right_are_no_copies_of_each_other_in_expectation():
    truth = np.arange(300) % 3
    pairs = analyse(np.stack([truth, truth], axis=1), truth).pairs
    assert [pair.exact for pair in pairs] == [True]  # the same vote twice, whatever the reason


def test_truth_that_does_not_fit():
    with pytest.raises(DataError, match="2 rows came with 1 true classes"):
        analyse([[0], [1]], [0])
    with pytest.raises(DataError, match="no known truth"):
        analyse([[0], [1]], [0, 7])
    with pytest.raises(ConfigError, match="level must be"):
        analyse([[0]], level=1.0)
    assert analyse([[0], [1]], [-1, 1]).known == 1
