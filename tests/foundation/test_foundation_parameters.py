"""What a caller may give: every check takes what it says, as plain Python, and names what it refuses."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.errors import ConfigError, UnknownName
from hindcast.parameters import choice, level_of, number, path_of, seed_of, share, switch, whole

NO_NUMBERS = [None, "3", b"3", [3], (3,), {3}, True, np.bool_(True), 3j, np.array([3]), object(), int, Decimal(3)]
NOT_FINITE = [math.nan, math.inf, -math.inf, np.float32("nan"), 10**400]


@given(st.integers(), st.none() | st.integers(), st.none() | st.integers())
def test_a_whole_number_is_taken_exactly_within_its_bounds(value, least, most):
    within = (least is None or value >= least) and (most is None or value <= most)
    if within:
        assert whole("n", value, least=least, most=most) == value
    else:
        with pytest.raises(ConfigError, match=r"^n must be a whole number"):
            whole("n", value, least=least, most=most)


@pytest.mark.parametrize("kind", [np.int8, np.int64, np.uint16, np.intp])
def test_integers_of_numpy_come_out_as_plain_ones(kind):
    assert type(whole("n", kind(3))) is int
    assert type(number("x", kind(3))) is float


@pytest.mark.parametrize("value", [*NO_NUMBERS, *NOT_FINITE[:4], 3.0, Fraction(3)], ids=lambda v: type(v).__name__)
def test_what_is_no_whole_number_is_named_with_its_type(value):
    with pytest.raises(ConfigError, match=rf"n must be a whole number.*{type(value).__name__}\)"):
        whole("n", value)


@pytest.mark.parametrize("value", [*NO_NUMBERS, *NOT_FINITE], ids=lambda v: type(v).__name__)
def test_what_is_no_finite_number_is_refused(value):
    for check in (number, share, level_of):
        with pytest.raises(ConfigError, match="x must be a number"):
            check("x", value)


@given(st.floats(-3, 3), st.sampled_from(["least", "most", "above", "below"]), st.floats(-2, 2))
def test_bounds_include_or_exclude_what_they_say(value, bound, at):
    fits = {"least": value >= at, "most": value <= at, "above": value > at, "below": value < at}[bound]
    if fits:
        assert number("x", value, **{bound: at}) == value
    else:
        with pytest.raises(ConfigError):
            number("x", value, **{bound: at})


def test_the_ends_of_a_share_are_taken_where_they_make_sense():
    assert share("x", 1) == 1.0
    assert share("x", 0, zero=True) == 0.0
    for check in (lambda: share("x", 0), lambda: share("x", 1, one=False), lambda: level_of("x", 1)):
        with pytest.raises(ConfigError, match=r"x must be a number .* and .* 1, got [01] \(int\)"):
            check()


def test_a_seed_is_a_whole_number_from_zero():
    assert seed_of(np.int64(4)) == 4
    for wrong in (-1, 1.0, None, "4"):
        with pytest.raises(ConfigError, match="seed must be a whole number of at least 0"):
            seed_of(wrong)


def test_a_path_is_text_or_a_path():
    assert path_of("folder", "a/b") == path_of("folder", Path("a/b")) == Path("a") / "b"
    for wrong in (None, 3, b"a", True, ["a"], "a\0b"):
        with pytest.raises(ConfigError, match="folder must be a path"):
            path_of("folder", wrong)


def test_a_switch_is_no_number():
    assert switch("replace", np.bool_(False)) is False
    for wrong in (0, 1, "yes", None):
        with pytest.raises(ConfigError, match="replace must be True or False"):
            switch("replace", wrong)


def test_a_word_is_one_of_those_known():
    assert choice("method", "glad", ["glad", "vote"]) == "glad"
    with pytest.raises(UnknownName, match="Did you mean 'glad'"):
        choice("method", "gald", ["glad", "vote"])
    with pytest.raises(ConfigError, match=r"here: method must be 'glad' or 'vote', got 3 \(int\)"):
        choice("method", 3, ["glad", "vote"], where="here")


def test_a_long_value_is_shown_by_its_beginning():
    with pytest.raises(ConfigError, match=r"got '\w{10,60}\.\.\. \(str\)"):
        whole("n", "z" * 500)
