"""Importance sampling: the truth within its interval, and a loud warning where it cannot be had."""

import math

import numpy as np
import pytest
from scipy import stats

from hindcast.errors import ConfigError, DataError
from hindcast.sampling import ImportanceWeights, importance_estimate, importance_weights, tail_shape

SEEDS = 400


def drawn(seed, n=500, shift=0.5, spread=1.3):
    """Draws of a normal, asked about the standard normal."""
    x = np.random.default_rng([seed, 1]).normal(shift, spread, n)
    return x, stats.norm.logpdf(x), stats.norm.logpdf(x, shift, spread)


@pytest.mark.parametrize("normalise", [True, False])
def test_intervals_hold_the_truth(normalise):
    hits, values = 0, []
    for seed in range(SEEDS):
        x, p, q = drawn(seed)
        found = importance_estimate(x**2, p, q, log=True, normalise=normalise)
        hits += found.low <= 1 <= found.high
        values.append(found.value)
        assert not found.notes
    assert abs(hits / SEEDS - 0.95) < 5 * math.sqrt(0.05 * 0.95 / SEEDS)
    assert abs(np.mean(values) - 1) < 5 * np.std(values) / math.sqrt(SEEDS)


def test_densities_may_lack_their_constant_when_normalised():
    x, p, q = drawn(1)
    found = importance_estimate(x, p, q, log=True)
    other = importance_estimate(x, p + 900.0, q - 300.0, log=True)
    assert found.value == pytest.approx(other.value)
    assert found.error == pytest.approx(other.error)
    assert found.value == pytest.approx(importance_estimate(x, np.exp(p), np.exp(q)).value)
    with pytest.raises(DataError, match="no plain mean"):
        importance_estimate(x, p + 900.0, q - 300.0, log=True, normalise=False)


def test_cutting_lowers_variance_and_says_so():
    plain, cut = [], []
    for seed in range(SEEDS):
        x, p, q = drawn(seed, n=200, shift=2.0, spread=1.0)
        plain.append(importance_estimate(x, p, q, log=True, normalise=False).value)
        found = importance_estimate(x, p, q, log=True, normalise=False, truncate=3.0)
        cut.append(found.value)
    assert np.var(cut) < 0.5 * np.var(plain)
    assert any("were cut" in note for note in found.notes)
    assert importance_weights(p, q, log=True, truncate=True).truncated >= 0


def test_a_proposal_that_misses_the_target_is_found_out():
    x, p, q = drawn(0, n=2000, shift=0.0, spread=0.3)
    weights = importance_weights(p, q, log=True)
    assert weights.tail > 0.7
    assert weights.verdict().outcome == "fail"
    assert any("tail" in note for note in importance_estimate(x, p, q, log=True).notes)
    good = importance_weights(*drawn(0, n=2000)[1:], log=True)
    assert isinstance(good, ImportanceWeights)
    assert good.verdict().ok
    assert good.tail < 0.7
    assert "worth only" in importance_weights([1e9] + [1.0] * 99, np.ones(100)).warnings()[0]
    assert importance_weights([], []).verdict().outcome == "unknown"


@pytest.mark.parametrize("k", [0.2, 0.5, 1.0])
def test_the_tail_is_measured(k):
    found = [tail_shape(stats.genpareto.rvs(k, size=20_000, random_state=seed)) for seed in range(20)]
    assert np.mean(found) == pytest.approx(k, abs=0.12)


def test_tails_without_a_shape():
    assert math.isnan(tail_shape(np.ones(10)))
    assert tail_shape(np.ones(1000)) == -math.inf
    assert tail_shape(np.random.default_rng(0).uniform(0.5, 1.5, 5000)) < 0.3


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: importance_weights([1.0], [0.0]), "cannot have made"),
        (lambda: importance_weights([0.0], [1.0]), "does not cover it"),
        (lambda: importance_weights([-1.0], [1.0]), "not a density"),
        (lambda: importance_weights([math.nan], [0.0], log=True), "not a logarithm"),
        (lambda: importance_weights([1.0], [1.0, 2.0]), "1 target densities meet 2"),
        (lambda: importance_weights([[1.0]], [1.0]), "shape"),
        (lambda: importance_estimate([math.inf], [1.0], [1.0]), "not a finite value"),
        (lambda: importance_estimate([1.0, 1.0], [1.0], [1.0]), "1 draws came with"),
    ],
)
def test_bad_densities_are_answered_kindly(call, says):
    with pytest.raises(DataError, match=says):
        call()
    with pytest.raises(ConfigError, match=r"truncate \(in times of the mean weight\) must be a number above 0"):
        importance_weights([1.0], [1.0], truncate=-1.0)


def test_few_draws():
    assert math.isnan(importance_estimate([], [], []).value)
    one = importance_estimate([2.0], [1.0], [0.5])
    assert (one.value, math.isnan(one.low)) == (2.0, True)
    assert importance_estimate([2.0], [1.0], [0.5], normalise=False).value == 4.0
    with pytest.raises(ConfigError, match="level"):
        importance_estimate([2.0], [1.0], [0.5], level=0)
