"""The climb: it arrives where plain steps do, in fewer of them, and its values never fall."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import psi

from hindcast.crowd.climbing import climb
from hindcast.crowd.passes import digamma
from hindcast.crowd.pooling import pooled


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.0, 0.999), min_size=1, max_size=4), st.integers(1, 40))
def test_values_never_fall_and_end_at_the_top(rates, steps):
    shrink, stepped = np.array(rates), []

    def step(x):
        stepped.append(x)
        return -float(x @ x), shrink * x

    values, there = climb(step, np.ones(len(rates)), normal=lambda x: x, steps=steps, gain=1e-12)
    assert len(stepped) <= steps
    assert (np.diff(values) >= 0).all()
    assert values[-1] == -float(stepped[-1] @ stepped[-1])
    assert there or len(stepped) == steps


def test_a_slow_climb_takes_a_tenth_of_the_steps():
    calls = []

    def step(x):
        calls.append(x)
        return -float(x @ x), np.array([0.99, 0.9, 0.5]) * x

    values, there = climb(step, np.ones(3), normal=lambda x: x, steps=500, gain=1e-12)
    assert there
    assert -values[-1] < 1e-9
    assert len(calls) < 100  # plain steps: a thousand


@pytest.mark.parametrize("strength", [2.0, 20.0])
def test_how_alike_annotators_are_is_learnt(strength):
    draw = np.random.default_rng(3)
    centre = np.array([[0.8, 0.1], [0.15, 0.7], [0.05, 0.2]])
    counts = np.stack(
        [[draw.multinomial(50, draw.dirichlet(strength * centre[:, j])) for j in (0, 1)] for _ in range(400)]
    ).transpose(0, 2, 1)
    prior = np.ones((3, 2))
    for _ in range(200):
        prior = pooled(counts.astype(float), prior, np.ones((3, 2)))
    assert np.abs(prior / prior.sum(axis=0) - centre).max() < 5 * np.sqrt(0.25 / 400)
    assert (np.abs(prior.sum(axis=0) / strength - 1) < 0.15).all()
    assert prior[:, 0].sum() == pytest.approx(prior[:, 1].sum())


@given(st.floats(1e-3, 1e6))
def test_digamma_is_scipys(x):
    assert digamma(x) == pytest.approx(float(psi(x)), rel=1e-11, abs=1e-12)
