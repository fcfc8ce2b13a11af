"""Which candidate to use: chosen on validation rows, proven on held-out ones."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.weak import Candidate, Comparison, Predictions, compare

CLASSES = ("a", "b", "c")


def one_hot(codes, k=3):
    return np.eye(k)[np.asarray(codes, dtype=int)]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=20))
def test_scores_are_scikit_learns(pairs):
    truth, said = (list(x) for x in zip(*pairs, strict=True))
    names = [CLASSES[c] for c in truth]
    rows = Predictions({"one": one_hot(said)}, names, CLASSES)
    said_names = [CLASSES[c] for c in said]
    occurring = sorted(set(names))
    recalls = [np.mean([s == t for s, t in zip(said_names, names, strict=True) if t == c]) for c in occurring]
    for metric, expected in (
        ("accuracy", accuracy_score(names, said_names)),
        ("balanced_accuracy", np.mean(recalls)),
        ("macro_f1", f1_score(names, said_names, labels=occurring, average="macro", zero_division=0)),
        ("f1", f1_score(names, said_names, labels=["c"], average="macro", zero_division=0)),
    ):
        found = compare(rows, rows, metric=metric, draws=20)
        assert found.candidates[0].valid.value == pytest.approx(expected)
        assert found.candidates[0].test.value == pytest.approx(expected)
    assert balanced_accuracy_score(["a", "b"], ["a", "a"]) == 0.5


def test_ties_count_as_a_random_pick_on_average():
    tied = np.array([[0.5, 0.5, 0.0], [1 / 3, 1 / 3, 1 / 3]])
    rows = Predictions({"vote": tied}, ["b", "a"], CLASSES)
    assert compare(rows).candidates[0].valid.value == pytest.approx((1 / 2 + 1 / 3) / 2)


def two(rng, n, first, second):
    truth = rng.integers(0, 2, n)
    said = [np.where(rng.random(n) < rate, truth, 1 - truth) for rate in (first, second)]
    shares = {"vote": one_hot(said[0], 2), "end": one_hot(said[1], 2)}
    return Predictions(shares, truth.tolist(), (0, 1))


def test_the_better_one_is_chosen_and_proven():
    rng = np.random.default_rng(0)
    found = compare(two(rng, 400, 0.7, 0.9), two(rng, 400, 0.7, 0.9))
    assert isinstance(found, Comparison)
    assert found.chosen == "end"
    assert found.gains["vote"].low > 0.1
    assert found.verdict.ok
    assert found.notes == ()
    assert isinstance(found.candidates[0], Candidate)
    assert "use 'end': accuracy" in str(found)
    assert found.table().rows()[1]["gain"] is None


def test_a_choice_that_does_not_hold_is_a_fail():
    rng = np.random.default_rng(1)
    found = compare(two(rng, 200, 0.6, 0.9), two(rng, 400, 0.9, 0.6))
    assert (found.chosen, found.verdict.outcome) == ("end", "fail")
    assert "'vote' is better on held-out rows by 0.2" in found.verdict.reason


def test_of_equals_the_simpler_is_chosen_and_doubt_is_told():
    rng = np.random.default_rng(2)
    rows = two(rng, 20, 0.8, 0.8)
    same = Predictions({"vote": rows.probability["vote"], "end": rows.probability["vote"]}, rows.truth, rows.classes)
    found = compare(same)
    assert found.chosen == "vote"
    assert found.verdict.outcome == "unknown"
    assert any("do not tell 'vote' from 'end'" in note for note in found.notes)
    assert any("too few" in note for note in found.notes)


def test_of_equal_scores_the_nearer_to_the_truth_is_chosen():
    truth = [0, 1] * 20
    sure, unsure, wrong = one_hot(truth, 2), 0.6 * one_hot(truth, 2) + 0.2, one_hot([1, 1] * 20, 2)
    found = compare(Predictions({"wrong": wrong, "unsure": unsure, "sure": sure}, truth, (0, 1)))
    assert found.chosen == "sure"
    assert "'unsure' scored the same" in found.reason


def test_intervals_of_differences_hold_their_level():
    inside = 0
    for seed in range(150):
        rng = np.random.default_rng([9, seed])
        gain = compare(two(rng, 150, 0.99, 0.99), two(rng, 150, 0.75, 0.85), draws=400, seed=seed)
        estimate = gain.gains["vote" if gain.chosen == "end" else "end"]
        truth = 0.1 if gain.chosen == "end" else -0.1
        inside += estimate.low <= truth <= estimate.high
    assert 0.95 * 150 - 5 * math.sqrt(150 * 0.95 * 0.05) <= inside


def test_the_same_seed_gives_the_same_intervals():
    rows = two(np.random.default_rng(3), 100, 0.7, 0.8)
    first, second, third = (compare(rows, rows, seed=s).gains["vote"] for s in (1, 1, 2))
    assert first == second != third


def test_unknown_truth_is_left_out():
    rows = Predictions({"vote": one_hot([0, 1, 2])}, ["a", None, "a"], CLASSES)
    assert compare(rows).candidates[0].valid.n == 2
    with pytest.raises(DataError, match="no validation row"):
        compare(Predictions({"vote": one_hot([0])}, [None], CLASSES))


def test_what_cannot_be_compared():
    rows = Predictions({"vote": one_hot([0])}, ["a"], CLASSES)
    other = Predictions({"model": one_hot([0])}, ["a"], CLASSES)
    with pytest.raises(UnknownName, match="Did you mean 'accuracy'"):
        compare(rows, metric="acuracy")
    with pytest.raises(UnknownName, match="no class 'z'"):
        compare(rows, metric="f1", positive="z")
    with pytest.raises(ConfigError, match="held out are model"):
        compare(rows, other)
    with pytest.raises(ConfigError, match="nothing to compare"):
        compare(Predictions({}, ["a"], CLASSES))
    with pytest.raises(ConfigError, match="level must be"):
        compare(rows, level=2.0)
    for shares in (one_hot([0, 1]), np.full((1, 3), np.nan), one_hot([0], 2)[:, :2]):
        with pytest.raises(DataError, match="expected probabilities of shape"):
            compare(Predictions({"vote": shares}, ["a"], CLASSES))
