"""The oracle's aggregates against the plainest formulas, and what agrees with an expected value."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.testing import Expected, aggregates

NUMBERS = st.lists(st.floats(-1e6, 1e6).map(lambda x: round(x, 3)), min_size=1, max_size=12)


@given(NUMBERS)
def test_moments_are_those_of_the_standard_library(xs):
    assert aggregates.total(xs).value == math.fsum(xs)
    assert aggregates.mean(xs).value == math.fsum(xs) / len(xs)
    if len(xs) > 1:
        assert aggregates.variance(xs).value == pytest.approx(statistics.variance(xs), rel=1e-9)
        assert aggregates.deviation(xs).value == pytest.approx(statistics.stdev(xs), rel=1e-9)


@given(NUMBERS, st.floats(0, 1))
def test_quantiles_are_numpys_default(xs, q):
    assert aggregates.quantile(xs, q).value == pytest.approx(float(np.quantile(xs, q)), rel=1e-12, abs=1e-9)


@given(st.lists(st.sampled_from("abc"), max_size=12), st.integers(1, 4))
def test_the_most_frequent_come_first_and_their_shares_fit(xs, many):
    values, shares = aggregates.top(xs, many).value, aggregates.top_shares(xs, many).value
    assert len(values) == len(shares) == min(many, len(set(xs)))
    assert list(shares) == sorted(shares, reverse=True)
    assert [xs.count(value) / len(xs) for value in values] == list(shares)
    assert set(aggregates.members(xs).value) == set(xs)


def test_infinities_are_sums_too_where_they_agree():
    assert aggregates.total([math.inf, 1.0]).value == math.inf
    assert aggregates.total([math.inf, -math.inf]).value is None
    assert aggregates.total([1.7e308, 1.7e308]).value == math.inf


@given(st.lists(st.tuples(st.floats(0.1, 9), st.floats(-9, 9)), min_size=1, max_size=8))
def test_a_weighted_mean_lies_among_its_values(pairs):
    found = aggregates.weighted_mean(pairs).value
    values = [x for _, x in pairs]
    assert min(values) - 1e-9 <= found <= max(values) + 1e-9


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8).map(sorted))
def test_decayed_means_of_one_value_are_that_value(events):
    assert aggregates.decayed([3.0] * len(events), events, 60, 7, "mean").value == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("expected", "got", "agrees"),
    [
        (Expected(1.0), 1.0, True),
        (Expected(1.0), 1, True),
        (Expected(1.0), 1.0 + 1e-15, False),
        (Expected(1.0, 1e-12), 1.0 + 1e-15, True),
        (Expected(1.0, 1e-12), 1.0 + 1e-9, False),
        (Expected(1.0, 1e-12), None, False),
        (Expected(None), None, True),
        (Expected(None), math.nan, True),
        (Expected(None), 0.0, False),
        (Expected(0.0), None, False),
        (Expected("a"), "a", True),
        (Expected("1.0"), 1.0, False),
        (Expected(()), (), True),
        (Expected(()), None, False),
        (Expected((1.0, 2.0)), (1, 2.0), True),
        (Expected((1.0, 2.0)), (2.0, 1.0), False),
    ],
)
def test_what_agrees(expected, got, agrees):
    assert expected.agrees(got) is agrees
