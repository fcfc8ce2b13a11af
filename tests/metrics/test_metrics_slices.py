"""Slices: every row in one slice, each scored as if alone."""

import numpy as np
import pytest

from hindcast.columns import Column
from hindcast.errors import DataError
from hindcast.metrics import by_slice, interval


def rows(n=300):
    rng = np.random.default_rng(4)
    p = rng.random(n)
    return (rng.random(n) < p).astype(float), p, np.arange(n) // 30, rng


def test_each_slice_is_scored_as_if_alone():
    y, p, day, rng = rows()
    origin = np.array(["JFK", "EWR", "LGA"], dtype=object)[rng.integers(0, 3, y.size)].tolist()
    found = by_slice(origin, y, p, day, ["auc", "brier"])
    assert sum(part.n for part in found) == y.size
    assert [part.n for part in found] == sorted((part.n for part in found), reverse=True)
    for part in found:
        own = np.array([name == part.name for name in origin])
        assert part.scores["auc"] == interval("auc", y[own], p[own], day[own])
        assert part.base_rate == pytest.approx(y[own].mean())


def test_numbers_are_cut_at_quantiles_and_nulls_stand_apart():
    y, p, day, rng = rows()
    x = rng.normal(size=y.size)
    x[:20] = np.nan
    found = by_slice(x, y, p, day, ["brier"], parts=4)
    assert sum(part.n for part in found) == y.size
    assert {part.name: part.n for part in found}["null"] == 20
    assert sorted(part.n for part in found)[1:] == [70, 70, 70, 70]


def test_a_range_holds_its_lower_bound_and_not_its_upper():
    column = Column("number", np.array([1.0, 1.0, 2.0, 2.0, 3.0, 3.0]))
    found = by_slice(column, [0, 1] * 3, [0.3] * 6, range(6), ["brier"], parts=2)
    edges = {part.name: part.n for part in found}
    assert edges == {"[1, 2)": 2, "[2, 3]": 4}


@pytest.mark.parametrize(
    ("column", "names"),
    [
        (Column.of([3, 1, 3, None]), ["3", "1", "null"]),
        (Column.of([True, False, True, True]), ["True", "False"]),
        (Column.of([2.5, 2.5, 2.5, 2.5]), ["[2.5, 2.5]"]),
        (Column.of([None, None, None, None]), ["null"]),
    ],
)
def test_slices_are_named_by_their_values(column, names):
    assert [part.name for part in by_slice(column, [0, 1, 1, 0], [0.1, 0.4, 0.2, 0.3], [0, 0, 1, 1])] == names


def test_small_slices_are_left_out_and_large_ones_come_first():
    column = ["a"] * 5 + ["b"] * 3 + ["c"] * 2
    found = by_slice(column, [0, 1] * 5, [0.3] * 10, range(10), ["brier"], min_rows=3)
    assert [part.name for part in found] == ["a", "b"]
    assert [part.name for part in by_slice(column, [0, 1] * 5, [0.3] * 10, range(10), ["brier"], most=1)] == ["a"]


def test_no_rows_have_no_slices():
    assert by_slice([], [], [], []) == []
    with pytest.raises(DataError, match="rows"):
        by_slice(["a"], [0, 1], [0.1, 0.2], [0, 1])
