from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hindcast.columns import Column
from hindcast.errors import ConfigError
from hindcast.trial import in_trial, share_of, shares_of


@settings(max_examples=60, deadline=None)
@given(st.lists(st.none() | st.text(max_size=8), max_size=20), st.text(max_size=6))
def test_many_units_are_drawn_as_each_alone(units, salt):
    expected = [np.nan if unit is None else share_of(unit, salt) for unit in units]
    np.testing.assert_array_equal(shares_of(Column.of_kind(units, "text"), salt), expected)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=8), max_size=30), st.floats(0, 1), st.floats(0, 1))
def test_a_growing_trial_keeps_whom_it_has(units, one, other):
    shares = shares_of(Column.of_kind(units, "text"), "v2")
    small, large = sorted((one, other))
    assert (in_trial(shares, small) <= in_trial(shares, large)).all()
    assert not in_trial(shares, 0.0).any()
    assert in_trial(shares, 1.0).all()


def test_integers_are_drawn_by_their_digits_and_null_never_enters():
    units = Column.of_kind([7, None, 12, 7], "integer")
    np.testing.assert_array_equal(
        shares_of(units, "s"), [share_of("7", "s"), np.nan, share_of("12", "s"), share_of("7", "s")]
    )
    assert in_trial(shares_of(units, "s"), 1.0).tolist() == [True, False, True, True]


def test_shares_are_uniform_and_salts_independent():
    units = [f"N{i}" for i in range(20_000)]
    one, other = shares_of(units, "v1"), shares_of(units, "v2")
    counts = np.bincount((one * 20).astype(int), minlength=20)
    assert np.square(counts - 1000).sum() / 1000 < 43.8, "chi-square with 19 degrees of freedom, 99.9%"
    assert abs(np.corrcoef(one, other)[0, 1]) < 4 / np.sqrt(20_000)


def test_another_process_with_another_hash_seed_draws_the_same():
    code = "from hindcast.trial import share_of; print(repr(share_of('N14228', 'v2')))"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
        timeout=240,
    )
    assert float(run.stdout) == share_of("N14228", "v2") == 0.3041497922311016


def test_units_without_a_stable_name_are_refused():
    with pytest.raises(ConfigError, match="no stable name"):
        shares_of(np.array([1.5]), "s")
    with pytest.raises(ConfigError, match="two units at most"):
        shares_of(np.array([True]), "s")
    with pytest.raises(ConfigError, match=r"in \[0, 1\], got 1.2"):
        in_trial(np.array([0.5]), 1.2)
