"""Divergences against SciPy, and their laws: zero for equals, symmetry, no rows are NaN."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from hindcast.errors import DataError
from hindcast.metrics import chi_square, jensen_shannon, kolmogorov_smirnov, psi, wasserstein, wasserstein_counts

counts = st.lists(st.integers(0, 50), min_size=3, max_size=3).filter(any)
samples = st.lists(st.integers(-20, 20).map(float), min_size=1, max_size=20)


@given(counts, counts)
@settings(max_examples=80)
def test_jensen_shannon_agrees_with_scipy(a, b):
    assert float(jensen_shannon(a, b)) == pytest.approx(jensenshannon(a, b, base=2), abs=1e-6)


@given(counts, counts)
@settings(max_examples=80)
def test_psi_is_a_symmetrised_divergence(a, b):
    p, q = (np.array(x) + 0.5 for x in (a, b))
    p, q = p / p.sum(), q / q.sum()
    assert float(psi(a, b)) == pytest.approx(stats.entropy(p, q) + stats.entropy(q, p), abs=1e-9)
    assert float(psi(a, b)) == pytest.approx(float(psi(b, a)))
    assert float(psi(a, a)) == 0


@given(samples, samples)
@settings(max_examples=80)
def test_sample_distances_agree_with_scipy(a, b):
    assert wasserstein(a, b) == pytest.approx(stats.wasserstein_distance(a, b), abs=1e-9)
    gaps = [abs(np.mean(np.array(a) <= x) - np.mean(np.array(b) <= x)) for x in a + b]
    assert kolmogorov_smirnov(a, b).statistic == pytest.approx(max(gaps))
    at = np.arange(-20.0, 21.0)
    heights = [np.bincount((np.array(x) + 20).astype(int), minlength=41) for x in (a, b)]
    assert float(wasserstein_counts(*heights, at)) == pytest.approx(wasserstein(a, b), abs=1e-9)


def test_tests_agree_with_scipy():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=800), rng.normal(0.1, 1, size=900)
    assert kolmogorov_smirnov(a, b).p_value == pytest.approx(stats.ks_2samp(a, b, method="asymp").pvalue, rel=0.1)
    oracle = stats.chi2_contingency([[10, 20, 5], [12, 9, 8]], correction=False)
    found = chi_square([10, 20, 0, 5], [12, 9, 0, 8])
    assert (found.statistic, found.p_value) == pytest.approx((oracle.statistic, oracle.pvalue))


def test_thousands_of_windows_are_compared_in_one_call():
    rng = np.random.default_rng(1)
    windows, reference = rng.integers(0, 9, (5, 4, 6)), rng.integers(1, 9, 6)
    for distance in (psi, jensen_shannon, lambda r, c: wasserstein_counts(r, c, np.arange(6.0))):
        many = distance(reference, windows)
        assert many.shape == (5, 4)
        assert many[2, 3] == pytest.approx(float(distance(reference, windows[2, 3])))


def test_no_rows_are_not_a_small_distance():
    for distance in (psi, jensen_shannon, lambda r, c: wasserstein_counts(r, c, [0.0, 1.0])):
        assert math.isnan(float(distance([1, 2], [0, 0])))
    assert math.isnan(wasserstein([], [1.0]))
    assert math.isnan(kolmogorov_smirnov([1.0], []).p_value)
    assert math.isnan(chi_square([1, 2], [0, 0]).p_value)


def test_counts_that_do_not_match_are_refused():
    with pytest.raises(DataError, match="bins"):
        psi([1, 2], [1, 2, 3])
    with pytest.raises(DataError, match="below zero"):
        jensen_shannon([1, -2], [1, 2])


def test_disjoint_is_one_and_equal_is_zero():
    assert float(jensen_shannon([3, 0], [0, 9])) == 1
    assert float(jensen_shannon([3, 6], [1, 2])) == pytest.approx(0, abs=1e-7)
