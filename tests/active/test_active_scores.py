"""Scores against their definitions, row by row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.stats import entropy as scipy_entropy

from hindcast.active import (
    committee,
    committee_probabilities,
    density,
    entropy,
    gradient_length,
    least_confidence,
    margin,
    mean_kl,
    vote_entropy,
)
from hindcast.errors import ConfigError, DataError

seeds = st.integers(0, 10**6)


@given(seeds, st.integers(0, 20), st.integers(1, 6))
def test_uncertainty_is_that_of_the_definition(seed: int, n: int, classes: int) -> None:
    p = np.random.default_rng(seed).dirichlet(np.full(classes, 0.3), n).reshape(n, classes)
    for row, (lc, m, e) in enumerate(zip(least_confidence(p), margin(p), entropy(p), strict=True)):
        first, *rest = sorted(p[row], reverse=True)
        assert np.isclose(lc, 1 - first)
        assert np.isclose(m, 1 - (first - rest[0]) if rest else 0.0)
        assert np.isclose(e, scipy_entropy(p[row]))


@given(seeds, st.integers(1, 6), st.integers(1, 8), st.integers(2, 5))
def test_disagreement_is_that_of_the_definition(seed: int, members: int, n: int, classes: int) -> None:
    p = np.random.default_rng(seed).dirichlet(np.full(classes, 0.5), (members, n))
    for row in range(n):
        votes = np.bincount(p[:, row].argmax(axis=1), minlength=classes) / members
        mean = p[:, row].mean(axis=0)
        assert np.isclose(vote_entropy(p)[row], scipy_entropy(votes))
        kl = np.mean([scipy_entropy(member, mean) for member in p[:, row]])
        assert np.isclose(mean_kl(p)[row], kl, atol=1e-12)


@given(seeds, st.integers(1, 6), st.integers(2, 5), st.booleans())
def test_gradient_length_is_the_mean_over_labels(seed: int, n: int, classes: int, intercept: bool) -> None:
    random = np.random.default_rng(seed)
    p, x = random.dirichlet(np.ones(classes), n), random.normal(size=(n, 3))
    full = np.c_[x, np.ones(n)] if intercept else x
    expected = [
        sum(p[i, k] * np.linalg.norm(np.outer(p[i] - np.eye(classes)[k], full[i])) for k in range(classes))
        for i in range(n)
    ]
    assert np.allclose(gradient_length(p, x, intercept=intercept), expected)
    assert np.allclose(gradient_length(p, sparse.csr_array(x), intercept=intercept), expected)


@given(seeds, st.integers(0, 20))
def test_density_is_the_mean_cosine(seed: int, n: int) -> None:
    x = np.random.default_rng(seed).normal(size=(n, 3))
    unit = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-300)
    assert np.allclose(density(x), (unit @ unit.T).mean(axis=1) if n else [])
    assert np.allclose(density(sparse.csr_array(x)), density(x))


def test_what_is_no_probability_is_refused_by_row() -> None:
    for score in (least_confidence, margin, entropy):
        with pytest.raises(DataError) as error:
            score([[0.5, 0.5], [0.9, 0.9]])
        assert error.value.row == 2
        with pytest.raises(DataError):
            score([[0.5, 0.5], [np.nan, 1.0]])
        with pytest.raises(DataError, match="shape"):
            score([0.5, 0.5])
    with pytest.raises(DataError, match="members"):
        vote_entropy([[0.5, 0.5]])
    with pytest.raises(DataError, match="rows of features"):
        gradient_length([[0.5, 0.5]], np.ones((2, 1)))


def test_a_committee_differs_where_labels_are_few_and_keeps_all_classes() -> None:
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(0)
    x, y = random.normal(size=(40, 2)), np.array(["a", "b", "c"] * 13 + [None], dtype=object)
    models = committee(LogisticRegression(), x, y, members=4, seed=1)
    again = committee(LogisticRegression(), x, y, members=4, seed=1)
    p = committee_probabilities(models, x)
    assert p.shape == (4, 40, 3)
    assert (p == committee_probabilities(again, x)).all()
    assert mean_kl(p).max() > 1e-4
    with pytest.raises(ConfigError):
        committee(LogisticRegression(), x, y, members=1)
    with pytest.raises(ConfigError):
        committee_probabilities([], x)
    other = committee(LogisticRegression(), x[:4], ["a", "z", "a", "z"], members=2)
    with pytest.raises(DataError, match="other classes"):
        committee_probabilities([models[0], other[0]], x)
