"""Lists written as texts come back to the bit, whatever they hold."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hindcast.columns import Column
from hindcast.errors import ConfigError, DataError
from hindcast.facts import Table
from hindcast.facts.fit import checked_value
from hindcast.facts.lists import lists_of, texts_of

parts = st.one_of(st.lists(st.floats(allow_nan=False), max_size=4), st.lists(st.text(max_size=4), max_size=4))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.none() | parts, max_size=6))
def test_texts_and_back(values):
    column = Column.of_kind(values, "list")
    back = lists_of(texts_of(column))
    assert back.kind == "list"
    for was, now in zip(column.objects(), back.objects(), strict=True):
        assert (was is None) == (now is None)
        for a, b in zip(was or (), now or (), strict=True):
            assert type(a) is type(b)
            assert a == b if isinstance(a, str) else struct.pack("<d", a) == struct.pack("<d", b)


@pytest.mark.parametrize("other", ["north", "{}", '"a"', '["a", 1.0]', "[[1.0]]", "3.0", "[null]", "[1"])
def test_what_is_no_list_is_null(other):
    assert lists_of(Column.of([other, '["a"]'])).objects().tolist() == [None, ("a",)]


def test_columns_that_held_something_else_are_null():
    assert lists_of(Column.of([1.0, None])).objects().tolist() == [None, None]
    column = Column.of([(1.0,)])
    assert lists_of(column) is column


def test_a_list_that_is_sent_is_one_of_texts_or_of_numbers():
    assert checked_value("last", ["a", "b"], "list") == ["a", "b"]
    assert [type(part) for part in checked_value("last", (1, 2.5), "list")] == [float, float]
    assert checked_value("last", [], "list") == []
    assert checked_value("last", None, "list") is None
    for wrong in ("a", 3, [True], ["a", 1.0], [float("nan")], [None], [["a"]]):
        with pytest.raises(DataError, match="a list of texts or of finite numbers was expected"):
            checked_value("last", wrong, "list")


def test_a_fact_holds_no_lists():
    with pytest.raises(ConfigError, match="expected one of number, integer, time, boolean, text"):
        Table("trips", event_time="at", known="event", types={"stops": "list"})
