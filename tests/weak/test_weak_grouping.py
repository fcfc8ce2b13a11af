"""Votes taken together in codes say what they say one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hindcast.weak.em import Estimate, Expected, expect
from hindcast.weak.grouping import FEW_CLASSES, codes_for, groups_of
from hindcast.weak.tables import Shape


def one_by_one(votes: np.ndarray, estimate: Estimate, known: np.ndarray) -> tuple[Expected, np.ndarray]:
    """What a row at a time and Bayes' rule find."""
    shape, base, parent = estimate.shape, estimate.shape.base, estimate.shape.parent
    counts, found, total = np.zeros_like(estimate.tables), np.zeros((len(votes), shape.classes)), 0.0
    for i, row in enumerate(votes):
        cells = [(base[j] + (row[parent[j]] + 1 if parent[j] >= 0 else 0), v + 1) for j, v in enumerate(row)]
        score = np.log(estimate.balance) + sum(np.log(estimate.tables[cell]) for cell in cells)
        top = score.max()
        if known[i] >= 0:
            total += score[known[i]]
            found[i, known[i]] = 1.0
        else:
            total += top + np.log(np.exp(score - top).sum())
            found[i] = np.exp(score - top) / np.exp(score - top).sum()
        for cell in cells:
            counts[cell] += found[i]
    return Expected(counts, found.sum(axis=0), total), found


@settings(max_examples=40, deadline=None)
@given(
    st.integers(2, FEW_CLASSES + 1),
    st.integers(1, 12),
    st.sampled_from([0.3, 1.0, 45.0, 200.0]),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_a_pass_in_codes_is_a_pass_vote_by_vote(
    classes: int, functions: int, sharp: float, told: bool, seed: int
) -> None:
    random = np.random.default_rng(seed)
    parent = np.array([random.integers(-1, j) if j else -1 for j in range(functions)], dtype=np.int64)[::-1]
    parent = np.where(parent >= 0, functions - 1 - parent, -1)
    shape = Shape(classes, parent, np.zeros(functions, dtype=bool), np.ones(functions, dtype=bool))
    logs = sharp * random.random((int(shape.width.sum()), classes + 1, classes))
    tables = np.exp(logs - logs.max(axis=1, keepdims=True))
    estimate = Estimate(shape, tables / tables.sum(axis=1, keepdims=True), random.dirichlet(np.ones(classes)))
    votes = random.integers(-1, classes, (30, functions)).astype(np.int8)
    known = random.integers(-1, classes, 30) if told else np.full(30, -1)
    right, probability = one_by_one(votes, estimate, known)
    out = np.empty((30, classes))
    for order in ("C", "F"):
        if sharp > 10 and told:  # a known class may be less likely than any number: only the posteriors are compared
            expect(np.asarray(votes, order=order), estimate, known=known, out=out)
        else:
            found = expect(np.asarray(votes, order=order), estimate, known=known if told else known[:0], out=out)
            assert found.log_likelihood == pytest.approx(right.log_likelihood, rel=1e-9)
            np.testing.assert_allclose(found.counts, right.counts, atol=1e-8)
            np.testing.assert_allclose(found.mass, right.mass, atol=1e-9)
        np.testing.assert_allclose(out, probability, atol=1e-9)


@given(
    st.integers(2, FEW_CLASSES),
    st.lists(st.integers(-1, 30), min_size=1, max_size=30),
    st.sampled_from([0, 10_000, 10**6]),
)
def test_groups_hold_every_function_with_the_one_it_leans_on(classes: int, wished: list[int], rows: int) -> None:
    parent = tuple(p if p < j else -1 for j, p in enumerate(wished))
    plan = groups_of(classes, parent, codes_for(rows))
    for j, (group, own, other) in enumerate(plan.where.tolist()):
        digits = plan.digits[group].tolist()
        assert own == (classes + 1) ** digits.index(j)
        assert parent[j] < 0 or other == (classes + 1) ** digits.index(parent[j])
    assert plan.size.max() <= codes_for(rows)
