"""Planted outliers are found by the method made for them; ordinary rows are seldom named."""

from __future__ import annotations

import numpy as np
import pytest

from hindcast.columns import Frame
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.quality import find_outliers

METHODS = ["robust", "neighbours", "forest"]


def cloud(n=2_000, d=4, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)) * [1, 10, 100, 0.01] + [0, 5, -3, 1]


@pytest.mark.parametrize("method", METHODS)
def test_far_rows_are_found_whatever_the_unit(method):
    rows = cloud()
    rows[7] += np.array([15, 150, 1_500, 0.15])
    rows[42, 1] = -200
    found = find_outliers(rows, method, share=0.005)
    planted = {7} if method == "forest" else {7, 42}  # one odd column of four is not what a forest sees
    assert planted <= set(found.row.tolist())
    assert len(found) <= 10
    assert (found.score >= 0).all()
    assert (found.score <= 1).all()
    assert (np.diff(found.score) <= 0).all()
    if method != "forest":
        assert "column 1 is -200, far below the median" in found.reason[found.row.tolist().index(42)]
    scaled = find_outliers(rows * 1_000.0, method, share=0.005)
    assert scaled.row.tolist() == found.row.tolist()


def test_an_odd_combination_is_seen_by_neighbours_alone():
    draw = np.random.default_rng(1)
    x = draw.normal(size=1_000)
    rows = np.stack([x, x + draw.normal(0, 0.05, 1_000)], axis=1)
    rows[3] = [1.9, -1.9]
    found = find_outliers(rows, "neighbours")
    assert 3 in found.row[:3]
    assert found.reason[found.row.tolist().index(3)] == "an unusual combination of usual values"
    assert 3 not in find_outliers(rows, "robust").row


def test_usual_rows_are_seldom_named():
    found = find_outliers(cloud(5_000), share=1.0)
    assert len(found) < 5_000 * 4 * 0.0005 * 3  # a normal value is beyond 3.5 with probability 0.00047


def test_flags_constants_and_counts_that_are_mostly_nothing():
    draw = np.random.default_rng(2)
    rows = {"flag": (draw.random(3_000) < 0.02).tolist(), "one": np.ones(3_000)}
    rows["count"] = np.where(draw.random(3_000) < 0.05, draw.poisson(5, 3_000).astype(float), 0.0)
    assert len(find_outliers(Frame.of(rows))) <= 3
    rows["count"][9] = 900.0
    assert find_outliers(Frame.of(rows)).row[0] == 9
    assert find_outliers(np.array([[5.0]] * 50 + [[1_000.0]])).row.tolist() == [50]


def test_missing_infinite_and_textual_values():
    rows = cloud(300)
    rows[5] = np.nan
    rows[6, 0] = np.inf
    for method in METHODS:
        found = find_outliers(rows, method, share=0.01)
        assert 5 not in found.row
        assert 6 in found.row
    frame = Frame.of({"x": [1.0, 2.0, 3.0, 2.0, 90.0], "name": ["a", "b", "c", "d", "e"]})
    found = find_outliers(frame, share=0.4)
    assert found.row.tolist() == [4]
    assert "name" in found.notes[0]
    only_text = find_outliers(Frame.of({"name": ["a", "b", "c"]}))
    assert not len(only_text)
    assert "too few" in only_text.notes[-1]
    assert not len(find_outliers(np.zeros((0, 3))))
    assert not len(find_outliers(np.full((50, 2), np.nan)))


def test_a_long_tail_is_told():
    found = find_outliers(np.random.default_rng(0).lognormal(0, 2, (1_000, 1)))
    assert any("long tail" in note for note in found.notes)
    assert any("farthest" in note for note in found.notes)


def test_many_rows_are_compared_with_some(monkeypatch):
    import hindcast.quality.outliers as module
    from hindcast.quality import outliers as module_function  # noqa: F401

    monkeypatch.setattr(module, "_MOST_NEIGHBOURS", 500)
    rows = cloud(1_000)
    rows[11] = 1e6
    found = find_outliers(rows, "neighbours")
    assert found.row[0] == 11
    assert any("500" in note for note in found.notes)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same(method):
    rows = cloud(400)
    a, b = find_outliers(rows, method, seed=3), find_outliers(rows, method, seed=3)
    assert a.row.tolist() == b.row.tolist()
    assert a.score.tolist() == b.score.tolist()


def test_bad_requests_are_named():
    with pytest.raises(UnknownName):
        find_outliers(cloud(10), "iqr")
    for wrong in ({"share": 0}, {"neighbours": 0}):
        with pytest.raises(ConfigError):
            find_outliers(cloud(10), **wrong)
    with pytest.raises(DataError):
        find_outliers([1, 2, 3])
