"""Probabilities for another prior: laws of the correction, and calibration on data whose truth is known."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hindcast import balance as b
from hindcast.errors import ConfigError, DataError
from hindcast.metrics import auc, ece

inner = st.floats(0.001, 0.999)
shares3 = st.lists(st.floats(0.01, 1), min_size=3, max_size=3).map(lambda v: np.array(v) / sum(v))
answers = st.lists(st.floats(0, 1), min_size=1, max_size=20)


@given(answers, inner, inner)
def test_a_correction_taken_back_changes_nothing(p, one, other):
    there = b.correct_prior(p, trained=one, actual=other)
    assert b.correct_prior(there, trained=other, actual=one) == pytest.approx(np.array(p), abs=1e-9)
    assert b.correct_prior(p, trained=one, actual=one) == pytest.approx(np.array(p), abs=1e-12)


@given(st.lists(shares3, min_size=1, max_size=10), shares3, shares3, shares3)
def test_corrections_follow_one_another(p, first, second, third):
    p = np.array(p)
    steps = b.correct_prior(b.correct_prior(p, trained=first, actual=second), trained=second, actual=third)
    assert steps == pytest.approx(b.correct_prior(p, trained=first, actual=third), abs=1e-9)
    assert steps.sum(axis=1) == pytest.approx(np.ones(len(p)))


@given(answers, inner, inner)
def test_two_classes_are_the_case_of_two(p, one, other):
    both = np.stack([1 - np.array(p), p], axis=1)
    found = b.correct_prior(both, trained=[1 - one, one], actual=[1 - other, other])
    assert found[:, 1] == pytest.approx(b.correct_prior(p, trained=one, actual=other), abs=1e-9)


@given(answers, inner, st.floats(0.01, 1))
def test_undersampling_is_a_change_of_prior(p, rate, kept):
    shifted = rate / (rate + kept * (1 - rate))
    found = b.undersampled_probability(p, kept)
    assert found == pytest.approx(b.correct_prior(p, trained=shifted, actual=rate), abs=1e-9)


@given(inner, inner, inner, inner)
def test_a_corrected_threshold_decides_the_same(threshold, p, one, other):
    corrected = b.correct_prior([p], trained=one, actual=other)[0]
    assume(abs(corrected - threshold) > 1e-9)
    at = b.corrected_threshold(threshold, trained=one, actual=other)
    assert (corrected > threshold) == (p > at)


def world(n, rate, seed):
    """A label with that base rate and a number around it; the probability is known in closed form."""
    random = np.random.default_rng(seed)
    y = (random.random(n) < rate).astype(int)
    x = random.normal(size=n) + 1.5 * y
    return x, y


def truth(x, rate):
    return 1 / (1 + (1 - rate) / rate * np.exp(-(1.5 * x - 1.125)))


def test_after_undersampling_the_corrected_probability_is_calibrated():
    from sklearn.linear_model import LogisticRegression

    x, y = world(60_000, 0.02, 0)
    after = b.resample(x[:, None], y, b.undersample(0.5), seed=1)
    model = LogisticRegression(C=1e6).fit(after.X, after.y)
    fresh, label = world(200_000, 0.02, 2)
    raw = model.predict_proba(fresh[:, None])[:, 1]
    right = b.correct_prior(raw, trained=after.y.mean(), actual=0.02)
    assert ece(label, raw) > 0.1
    assert ece(label, right) < 5 * np.sqrt(0.02 * 0.98 / 200_000) + 0.005
    assert np.abs(right - truth(fresh, 0.02)).mean() < 0.003
    assert auc(label, right) == pytest.approx(auc(label, raw), abs=1e-9)


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.8])
def test_the_new_prior_is_found_without_labels(rate):
    x, _ = world(50_000, rate, 3)
    found = b.estimate_prior(truth(x, 0.5), trained=0.5)
    assert found.converged
    assert not found.notes
    assert found.shares[1] == pytest.approx(rate, abs=5 * np.sqrt(0.25 / 50_000) * 1.5)
    assert found.probability == pytest.approx(truth(x, rate), abs=0.02)
    assert found.ratio > 100


def test_where_nothing_shifted_the_ratio_is_chi_square():
    ratios = [b.estimate_prior(truth(world(400, 0.3, seed)[0], 0.3), trained=0.3).ratio for seed in range(300)]
    above = np.mean(np.array(ratios) > 3.841)
    assert abs(above - 0.05) < 5 * np.sqrt(0.05 * 0.95 / 300)


def test_the_prior_of_three_classes():
    random = np.random.default_rng(0)
    actual, trained = np.array([0.6, 0.3, 0.1]), np.full(3, 1 / 3)
    y = random.choice(3, 30_000, p=actual)
    x = random.normal(size=(30_000, 3)) + 2 * np.eye(3)[y]
    scores = 2 * x
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    found = b.estimate_prior(p / p.sum(axis=1, keepdims=True), trained=trained)
    assert found.shares == pytest.approx(actual, abs=0.02)
    assert isinstance(found, b.Prior)
    assert found.probability.shape == (30_000, 3)


def test_an_estimate_that_says_nothing_says_so():
    assert "says nothing" in b.estimate_prior([0.3] * 10, trained=0.3).notes[0]
    assert any("vanished" in note for note in b.estimate_prior([1.0, 1.0], trained=0.3).notes)
    assert any("not converged" in note for note in b.estimate_prior([0.9, 0.2], trained=0.3, most=1).notes)


def test_what_cannot_be_corrected_is_refused():
    with pytest.raises(ConfigError, match="sum to 1"):
        b.correct_prior([[0.5, 0.5]], trained=[0.5, 0.6], actual=[0.5, 0.5])
    with pytest.raises(ConfigError, match="nothing to correct from"):
        b.correct_prior([0.5], trained=0.0, actual=0.5)
    with pytest.raises(ConfigError, match="share for each of 3"):
        b.correct_prior([[0.2, 0.3, 0.5]], trained=0.5, actual=0.5)
    with pytest.raises(DataError, match="row 1"):
        b.correct_prior([1.2], trained=0.5, actual=0.5)
    with pytest.raises(DataError, match="must sum to 1"):
        b.correct_prior([[0.5, 0.6]], trained=0.5, actual=0.5)
    with pytest.raises(DataError, match="no share now"):
        b.correct_prior([1.0], trained=0.5, actual=0.0)
    with pytest.raises(DataError, match="without rows"):
        b.estimate_prior([], trained=0.5)
    with pytest.raises(ConfigError, match="leave it out"):
        b.estimate_prior([[0.5, 0.5, 0.0]], trained=[0.5, 0.5, 0.0])
    with pytest.raises(ConfigError, match="kept"):
        b.undersampled_probability([0.5], 0)
    with pytest.raises(ConfigError, match="threshold"):
        b.corrected_threshold(1.5, trained=0.5, actual=0.5)
    assert b.correct_prior([], trained=0.5, actual=0.1).shape == (0,)


def test_shares_and_probabilities_that_are_no_numbers_are_refused_kindly():
    with pytest.raises(ConfigError, match="trained"):
        b.correct_prior([0.5], trained="half", actual=0.1)
    with pytest.raises(DataError, match="numbers"):
        b.correct_prior(["a"], trained=0.5, actual=0.1)
