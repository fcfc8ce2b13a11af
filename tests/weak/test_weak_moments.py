"""Joint counts of pairs, and the trees that are made of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hindcast.weak.dependencies import forest, groups
from hindcast.weak.moments import accuracies_of_pairs, association, divergence, joint_counts


@settings(max_examples=40, deadline=None)
@given(arrays(np.int8, st.tuples(st.integers(1, 12), st.integers(1, 4)), elements=st.integers(-1, 2)))
def test_joint_counts_are_counts(votes: np.ndarray) -> None:
    m = votes.shape[1]
    slow = np.zeros((m, 4, m, 4))
    for row in votes:
        for i in range(m):
            for j in range(m):
                slow[i, row[i] + 1, j, row[j] + 1] += 1
    np.testing.assert_array_equal(joint_counts(votes, 3), slow)


def test_what_follows_from_the_truth_alone_departs_from_no_model() -> None:
    random = np.random.default_rng(0)
    tables, balance = random.dirichlet([1, 1, 1], (4, 2)).transpose(0, 2, 1), np.array([0.3, 0.7])
    flat = tables.reshape(12, 2)
    joint = 1e6 * ((flat * balance) @ flat.T).reshape(4, 3, 4, 3)
    for i in range(4):
        joint[i, :, i] = np.diag(1e6 * tables[i] @ balance)
    telling = np.ones(4, dtype=bool)
    assert divergence(joint, tables, balance, telling).max() < 1e-9
    assert association(joint, telling)[np.triu_indices(4, 1)].min() > 1e-6


def test_agreement_tells_accuracies() -> None:
    random = np.random.default_rng(1)
    truth = random.integers(0, 3, 20_000)
    accuracy = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    votes = np.where(
        random.random((20_000, 5)) < accuracy,
        truth[:, None],
        (truth[:, None] + 1 + random.integers(0, 2, (20_000, 5))) % 3,
    )
    apart = np.ones((5, 5), dtype=bool)
    assert accuracies_of_pairs(joint_counts(votes, 3), apart) == pytest.approx(accuracy, abs=0.04)


@given(arrays(np.float64, (6, 6), elements=st.floats(0, 1)), st.integers(0, 5))
def test_a_forest_has_no_cycle_and_spans_what_is_allowed(nats: np.ndarray, least: int) -> None:
    nats = nats + nats.T
    allowed = nats > least / 3
    parent = forest(nats, allowed)
    root = groups(parent)
    assert (parent[root] == -1).all()
    for j, p in enumerate(parent.tolist()):
        assert p < 0 or allowed[j, p]
    for i in range(6):
        for j in range(i):
            assert not allowed[i, j] or root[i] == root[j]
