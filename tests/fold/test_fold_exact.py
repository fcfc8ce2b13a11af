"""Exact sums equal math.fsum, whatever was added and taken away before."""

import math
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hindcast.fold.exact import DIGITS, exact_add, exact_read, pair_variance
from hindcast.fold.walk import exact_pair

finite = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300)
moderate = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e6, max_value=1e6)


@given(st.lists(finite, max_size=60), st.lists(finite, max_size=30))
def test_the_sum_of_what_remains_is_the_correctly_rounded_one(kept, taken_back):
    digits = np.zeros(DIGITS, dtype=np.int64)
    for x in taken_back:
        exact_add(digits, x, 1)
    for x in kept:
        exact_add(digits, x, 1)
    for x in reversed(taken_back):
        exact_add(digits, x, -1)
    assert exact_read(digits) == math.fsum(kept)


@given(st.lists(st.sampled_from([1.0, 2.0**53, -(2.0**53), 2.0**-53, -1.0, 5e-324, 3.0, 2.0**106]), max_size=40))
def test_cancellation_and_ties_round_to_even(xs):
    digits = np.zeros(DIGITS, dtype=np.int64)
    for x in xs:
        exact_add(digits, x, 1)
    assert exact_read(digits) == math.fsum(xs)


@given(st.lists(moderate, min_size=2, max_size=40))
def test_variance_is_that_of_exact_rational_arithmetic(xs):
    values, ones = np.array(xs), np.ones(len(xs))
    found = pair_variance(*exact_pair(values, ones), *exact_pair(values, values), len(xs))
    exact = [Fraction(x) for x in xs]
    mean = sum(exact) / len(xs)
    variance = float(sum((x - mean) ** 2 for x in exact) / (len(xs) - 1))
    scale = max(abs(x) for x in xs) ** 2
    assert math.isclose(found, variance, rel_tol=1e-12, abs_tol=1e-28 * scale + 1e-300)
