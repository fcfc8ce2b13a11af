"""A column in figures, against the obvious way to count them."""

from __future__ import annotations

import json
import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hindcast.catalogue.statistics import Statistics
from hindcast.columns import Column

NUMBERS = st.lists(st.none() | st.floats(-1e6, 1e6) | st.integers(-3, 3).map(float), max_size=60)
WORDS = st.lists(st.none() | st.sampled_from("abcdefgh"), max_size=60)


@settings(max_examples=100, deadline=None)
@given(NUMBERS)
def test_numbers(values):
    found = Statistics.of(Column.of_kind(values, "number"))
    known = sorted(value for value in values if value is not None)
    assert (found.rows, found.distinct) == (len(values), len(set(known)))
    if not values:
        assert math.isnan(found.null_share)
        return
    assert found.null_share == pytest.approx(1 - len(known) / len(values))
    if not known:
        assert (found.mean, found.min, found.quantiles, found.top) == (None, None, {}, ())
        return
    assert (found.min, found.max) == (known[0], known[-1])
    assert found.mean == pytest.approx(statistics.fmean(known), rel=1e-9, abs=1e-9)
    if len(known) > 1:
        assert found.std == pytest.approx(statistics.stdev(known), rel=1e-6, abs=1e-6)
    for name, value in found.quantiles.items():
        share = float(name[1:]) / 100
        assert value in known
        assert sum(x <= value for x in known) >= share * len(known) - 1e-9
        assert sum(x < value for x in known) < share * len(known) + 1e-9


@settings(max_examples=50, deadline=None)
@given(WORDS)
def test_texts(values):
    found = Statistics.of(Column.of_kind(values, "text"))
    known = [value for value in values if value is not None]
    assert (found.rows, found.distinct, found.mean, found.quantiles) == (len(values), len(set(known)), None, {})
    ranked = sorted(set(known), key=lambda word: (-known.count(word), word))[:5]
    assert found.top == tuple((word, known.count(word) / len(values)) for word in ranked)


def test_moments_are_told_as_moments_and_truths_as_numbers():
    moments = Column("time", np.array([0, 60_000_000]))
    said = Statistics.of(moments).describe(time=True)
    assert (said["min"], said["max"], said["std"]) == ("1970-01-01T00:00:00Z", "1970-01-01T00:01:00Z", None)
    assert Statistics.of(Column.of([True, False, True, None])).top == ((1.0, 0.5), (0.0, 0.25))


def test_what_is_infinite_is_counted_apart():
    found = Statistics.of(Column.of([1.0, math.inf, -math.inf, None]))
    assert (found.infinite, found.mean, found.max, found.null_share) == (2, 1.0, 1.0, 0.25)
    assert json.dumps(found.describe(), allow_nan=False)


def test_lists_are_counted_by_length_and_entry():
    items = np.empty(3, dtype=object)
    items[:] = [("a", "b", "a"), ("a",), None]
    found = Statistics.of(Column("list", items))
    assert (found.rows, found.distinct, found.mean, found.max) == (3, 2, 2.0, 3.0)
    assert found.top == (("a", 2 / 3), ("b", 1 / 3))
    assert found.null_share == pytest.approx(1 / 3)


def test_no_rows_have_no_figures():
    said = Statistics.of(Column.of_kind([], "text")).describe()
    assert said["null_share"] is None
    assert json.dumps(said, allow_nan=False)
