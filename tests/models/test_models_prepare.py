"""Laws of preparation: a row alone is prepared as among a million, and nothing but the training rows is learnt from."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models_rows import many

from hindcast.columns import Column, Frame
from hindcast.errors import ArtifactError, ConfigError, DataError, UnknownName
from hindcast.models.prepare import Hashed, OneHot, Ordinal, Preparation, Scaled
from hindcast.values import canonical

numbers = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True), st.integers(-9, 9).map(float))
words = st.one_of(st.none(), st.sampled_from(["a", "b", "c", "ü", "", "unseen"]), st.text(max_size=3))


def oracle(encoder, value):
    """What one value becomes, as plainly as it can be said: a list of the number (if any) and the block."""
    missing = value is None or (isinstance(value, float) and not abs(value) <= 1e150)
    if isinstance(encoder, Scaled):
        number = ((encoder.fill if missing else value) - encoder.mean) / encoder.scale
        return [max(-10.0, min(10.0, number))] + ([float(missing)] if encoder.indicator else [])
    if isinstance(encoder, OneHot):
        known = value in encoder.categories
        return [*(float(value == c) for c in encoder.categories), float(not missing and not known), float(missing)]
    raise AssertionError(encoder)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(numbers, words), min_size=1, max_size=12),
    st.lists(st.tuples(numbers, words), min_size=1, max_size=6),
)
def test_the_matrix_is_what_the_plain_words_say(train, later):
    def frame(rows):
        return Frame(
            {"n": Column.of_kind([r[0] for r in rows], "number"), "t": Column.of_kind([r[1] for r in rows], "text")}
        )

    prepared = Preparation.linear(frame(train), min_rows=2)
    matrix = prepared.matrix(frame(later)).toarray()
    for (number, word), row in zip(later, matrix, strict=True):
        assert row.tolist() == oracle(prepared.encoders[0], number) + oracle(prepared.encoders[1], word)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(numbers, words), min_size=1, max_size=8))
def test_one_row_is_prepared_as_among_others(rows):
    train, _ = many(300)
    encoders = [
        *Preparation.linear(train, min_rows=3, max_one_hot=5).encoders,
        *Preparation.trees(train, min_rows=3).encoders,
    ]
    assert {type(e).__name__ for e in encoders} == {"Scaled", "OneHot", "Hashed", "Number", "Ordinal"}
    for encoder in encoders:
        values = [row[encoder.kind == "text"] for row in rows]
        number, code = encoder.column(Column.of_kind(values, encoder.kind))
        for at, value in enumerate(values):
            one_number, one_code = encoder.item(value)
            if encoder.numeric:
                assert number[at] == one_number or (math.isnan(number[at]) and math.isnan(one_number))
            assert one_code == (-1 if code is None else code[at])
            assert -1 <= one_code < max(encoder.width, 1)


def test_statistics_are_those_of_the_training_rows():
    train = Frame.of({"n": [1.0, None, 3.0, 8.0], "still": [2.0] * 4, "empty": Column.empty("number", 4)})
    n, still, empty = Preparation.linear(train).encoders
    assert (n.fill, n.mean, n.indicator) == (3.0, 3.75, True)
    assert n.scale == pytest.approx(np.std([1, 3, 3, 8]))
    assert (still.scale, still.indicator) == (1.0, False)
    assert empty == Scaled("empty", 0.0, 0.0, 1.0, True)


def test_rare_categories_share_a_place_with_unseen_ones():
    train = Frame.of({"t": ["a"] * 5 + ["b"] * 2 + ["c"]})
    (one_hot,) = Preparation.linear(train, min_rows=2).encoders
    (ordinal,) = Preparation.trees(train, min_rows=2).encoders
    assert one_hot.categories == ordinal.categories == ("a", "b")
    for encoder, value in ((one_hot, 1), (ordinal, 0)):
        assert encoder.item("c")[value] == encoder.item("never seen")[value] == 2
    assert one_hot.item(None) == (0.0, 3)
    assert math.isnan(ordinal.item(None)[0])


def test_many_categories_are_hashed_the_same_everywhere():
    train, _ = many(2000)
    shop = Preparation.linear(train, min_rows=1, max_one_hot=64, buckets=32).encoders[-1]
    assert shop == Hashed("shop", 32)
    assert [shop.item(w)[1] for w in ("shop 2", "überall", "", None)] == [7, 29, 0, 32]  # CRC-32, on any machine


def test_categories_do_not_depend_on_the_order_of_the_vocabulary():
    a = Frame({"t": Column("text", np.array([0, 1, 1, 0], np.int32), None, np.array(["x", "y"], dtype=object))})
    b = Frame(
        {"t": Column("text", np.array([2, 0, 0, 2], np.int32), None, np.array(["y", "unused", "x"], dtype=object))}
    )
    for fit in (Preparation.linear, Preparation.trees):
        assert fit(a, min_rows=1) == fit(b, min_rows=1)
        assert canonical(fit(a, min_rows=1)) == canonical(fit(b, min_rows=1))


@pytest.mark.parametrize("fit", [Preparation.linear, Preparation.trees])
def test_the_stored_preparation_is_the_same(fit):
    prepared = fit(many(500)[0], min_rows=3)
    assert Preparation.of(json.loads(canonical(prepared))) == prepared


def test_outputs_are_named_and_traced_to_their_features():
    prepared = Preparation.linear(many(500)[0], min_rows=3)
    assert len(prepared.places()) == prepared.width == len(prepared.source())
    assert prepared.places()[prepared.starts[5]] == "side is 'left'"
    assert prepared.source()[prepared.starts[5]] == 5


def test_moments_are_refused_with_a_way_out():
    with pytest.raises(ConfigError, match=r"feature 'when' is a moment.*local_hour"):
        Preparation.trees(Frame({"when": Column("time", np.arange(3))}))


def test_columns_about_the_row_are_no_features():
    assert list(Preparation.trees(Frame.of({"x": [1.0], "__last_label": [1.0]})).kinds) == ["x"]
    with pytest.raises(ConfigError, match="no feature"):
        Preparation.trees(Frame.of({"__last_label": [1.0]}))


def test_a_wrong_kind_or_name_at_prediction_is_an_error():
    prepared = Preparation.linear(many(100)[0], min_rows=1)
    with pytest.raises(UnknownName, match="no column 'x'"):
        prepared.matrix(Frame.of({"xx": [1.0]}))
    with pytest.raises(DataError, match="'x'"):
        prepared.matrix(many(5)[0].having(x=["a"] * 5))
    with pytest.raises(DataError, match="'side'"):
        prepared.matrix(many(5)[0].having(side=[1.0] * 5))
    for encoder, value in ((prepared.encoders[0], "one"), (prepared.encoders[5], 1.0), (prepared.encoders[6], True)):
        with pytest.raises(DataError, match=f"'{encoder.name}'"):
            encoder.item(value)


def test_a_text_column_that_holds_nothing_may_come_as_any_kind():
    (encoder,) = (Ordinal("side", ("left",)),)
    assert np.isnan(encoder.column(Column.of([None, None]))[0]).all()


@pytest.mark.parametrize(
    "item", [{"encoder": "pickle", "name": "x"}, {"encoder": "number"}, {"encoder": "number", "name": "x", "more": 1}]
)
def test_an_unknown_encoder_is_refused(item):
    with pytest.raises(ArtifactError):
        Preparation.of([item])


def test_features_that_are_all_lists_leave_nothing_to_learn_from():
    lists = Frame.of({"last": [("a",), ()]})
    for fit in (Preparation.linear, Preparation.trees):
        with pytest.raises(ConfigError, match="lists are left out"):
            fit(lists)
