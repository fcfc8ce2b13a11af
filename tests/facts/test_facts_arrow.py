from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hindcast.columns import Column
from hindcast.errors import DataError
from hindcast.facts.arrow import ARROW_TYPES, bytes_to_arrow, column_to_arrow, compact, digests_of_arrow, read_column

VALUES = {
    "number": st.floats(allow_nan=False),
    "integer": st.integers(-(2**63), 2**63 - 1),
    "time": st.integers(-(2**60), 2**60),
    "boolean": st.booleans(),
    "text": st.text(max_size=5),
}


@settings(max_examples=80, deadline=None)
@given(st.data(), st.sampled_from(sorted(VALUES)))
def test_a_column_comes_back_from_arrow_as_it_went(data, kind):
    items = data.draw(st.lists(st.one_of(st.none(), VALUES[kind]), max_size=20))
    column = Column.of_kind(items, kind)
    array = column_to_arrow(column)
    array.validate(full=True)
    plain = array.dictionary_decode() if kind == "text" else array
    assert plain.type == ARROW_TYPES[kind]
    assert plain.null_count == items.count(None)
    cut = data.draw(st.integers(0, len(items)))
    for made in (array, plain, pa.chunked_array([plain.slice(0, cut), plain.slice(cut)])):
        back = read_column(made, kind)
        assert back.kind == kind
        assert back.objects().tolist() == items


def test_a_file_from_before_a_widening_is_read_as_the_wider_kind():
    assert read_column(pa.array([1, None]), "number").objects().tolist() == [1.0, None]
    assert read_column(pa.nulls(2), "text").objects().tolist() == [None, None]
    with pytest.raises(DataError, match="never writes"):
        read_column(pa.array([[1]]), "number")


def test_words_nobody_uses_are_left_behind():
    many = Column.of([str(n) for n in range(100)])
    few = compact(many.take(np.array([7, 93, 7])))
    assert few.objects().tolist() == ["7", "93", "7"]
    assert len(few.vocabulary) == 2


def test_digests_come_back():
    lanes = np.array([[1, 2**64 - 1], [3, 4]], dtype=np.uint64)
    array = bytes_to_arrow(lanes)
    array.validate(full=True)
    assert [len(value) for value in array.to_pylist()] == [16, 16]
    assert digests_of_arrow(pa.chunked_array([array, array.slice(1)])).tolist() == [*lanes.tolist(), [3, 4]]
