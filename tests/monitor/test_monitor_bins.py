"""Bins: each row has one, equal values share it, far ones and unseen ones stand apart; effects against brute force."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from hindcast.columns import Column
from hindcast.monitor.bins import Bins

numbers = st.lists(st.one_of(st.none(), st.integers(-5, 5).map(float), st.floats(-1e6, 1e6)), min_size=1, max_size=60)


@given(numbers, numbers)
@settings(max_examples=100)
def test_every_value_has_one_bin_in_order_of_the_values(reference, live):
    bins = Bins.learn(Column.of_kind(reference, "number"))
    codes = bins.codes(Column.of_kind(live, "number"), len(live))
    assert codes.dtype == np.int16
    assert ((codes >= 0) & (codes < bins.size)).all()
    assert [c == bins.values for c in codes] == [x is None for x in live]
    known = sorted((x, int(c)) for x, c in zip(live, codes, strict=True) if x is not None)
    assert [c for _, c in known] == sorted(c for _, c in known)
    assert len(bins.positions) == bins.values
    assert (np.diff(bins.positions) >= 0).all()


@given(st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=40))
@settings(max_examples=60)
def test_a_known_category_is_never_unseen(words):
    bins = Bins.learn(Column.of(words))
    codes = bins.codes(Column.of([*words, "zz", None]), len(words) + 2)
    assert (codes[:-2] < bins.unseen).all()
    assert codes[-2:].tolist() == [bins.unseen, bins.values]


def test_many_categories_keep_the_common_apart_and_know_the_rare():
    words = [f"w{k:03d}" for k in range(60) for _ in range(60 - k)]
    bins = Bins.learn(Column.of(words))
    assert bins.common[0] == "w000"
    codes = bins.codes(Column.of(["w000", "w001", "w058", "w059", "w060"]), 5)
    assert codes.tolist() == [0, 1, len(bins.common), len(bins.common), bins.unseen]
    assert bins.label(bins.unseen) == "unseen"
    assert bins.label(0) == "w000"


def test_the_vocabulary_of_a_block_does_not_matter():
    bins = Bins.learn(Column.of(["a", "b", "b", "c"]))
    one = Column.of(["c", "a", "b"])
    other = Column("text", np.array([2, 0, 1], np.int32), None, np.array(["a", "b", "c", "never"], dtype=object))
    assert bins.codes(one, 3).tolist() == bins.codes(other, 3).tolist()


def test_a_wrong_unit_lands_far_outside():
    rng = np.random.default_rng(0)
    x = rng.gamma(2, 10, 5000)
    bins = Bins.learn(Column("number", x))
    counts = [np.bincount(bins.codes(Column("number", v), v.size), minlength=bins.size) for v in (x, x * 100)]
    effects = bins.effects(counts[0][None].astype(float), counts[1][None].astype(float), 1, 1)
    assert effects["shift"][0] > 20
    assert effects["shape"][0] > 0.9
    assert effects["null_share"][0] == 0


@pytest.mark.parametrize("values", [[5.0] * 50, [0.0] * 50, [-3.0] * 49 + [7.0], [None] * 5 + [1.0]])
def test_a_constant_column_still_sees_a_change(values):
    bins = Bins.learn(Column.of_kind(values, "number"))
    same = bins.codes(Column.of_kind([values[-2] if values[-2] is not None else 1.0], "number"), 1)
    moved = bins.codes(Column.of_kind([500.0], "number"), 1)
    assert same[0] != moved[0]


def test_an_absent_column_or_one_of_another_kind_is_null():
    number, category = Bins.learn(Column.of([1.0, 2.0])), Bins.learn(Column.of(["a", "b"]))
    for bins, other in ((number, Column.of(["x", "y"])), (category, Column.of([1.0, 2.0]))):
        assert (bins.codes(None, 2) == bins.values).all()
        assert (bins.codes(other, 2) == bins.values).all()
    assert (category.codes(Column.of([None, None]), 2) == category.values).all()


def test_effects_are_the_textbook_distances():
    bins = Bins.learn(Column.of(["a"] * 5 + ["b"] * 4 + ["c"] * 3))
    expected, counts = np.array([[5.0, 4, 3, 0, 0, 8]]), np.array([[2.0, 4, 6, 0, 3, 5]])
    found = bins.effects(expected, counts, 1, 1)
    assert found["shape"][0] == pytest.approx(jensenshannon([5, 4, 3], [2, 4, 6], base=2))
    assert found["unseen_share"][0] == pytest.approx((3 - 1) / 20)
    assert found["null_share"][0] == 0
    more = bins.effects(expected, np.array([[1.0, 1, 0, 0, 0, 18]]), 1, 1)
    assert more["null_share"][0] == pytest.approx((18 / 20 - 8 / 20) / (12 / 20))


def test_too_few_rows_are_not_judged():
    bins = Bins.learn(Column.of([1.0, 2.0, 3.0]))
    counts = np.zeros((2, bins.size))
    counts[0, 5], counts[1, bins.values] = 9, 50
    found = bins.effects(np.ones((2, bins.size)), counts, 10, 10)
    assert np.isnan([found["shift"][0], found["null_share"][0], found["shift"][1]]).all()
    assert found["null_share"][1] == 1


def test_bins_are_stored_as_plain_data():
    for column in (Column.of([1.0, 2.5, None, 9.0]), Column.of(["a", "b", "b", None])):
        bins = Bins.learn(column)
        again = Bins.from_plain(json.loads(json.dumps(bins.to_plain())))
        assert again.to_plain() == bins.to_plain()
        assert again.codes(column, len(column)).tolist() == bins.codes(column, len(column)).tolist()
        assert [again.label(k) for k in range(again.size)] == [bins.label(k) for k in range(bins.size)]
