"""Columns and frames: what goes in comes out, null is null, and nothing is rounded or lost in silence."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hindcast as hc
from hindcast.columns import Column, Frame, Kind
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.values import moment_us

WHOLE = st.integers(-(1 << 63), (1 << 63) - 1)
VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    "number": st.floats(allow_nan=False),
    "integer": WHOLE,
    "time": st.integers(-(1 << 61), 1 << 61),
    "boolean": st.booleans(),
    "text": st.text(st.characters(codec="utf-8"), max_size=4),
}


@st.composite
def items(draw: st.DrawFn, kind: Kind | None = None, **size: int) -> tuple[Kind, list[Any]]:
    """A kind, and values of it among nulls."""
    chosen: Kind = kind or draw(st.sampled_from(list(VALUES)))
    return chosen, draw(st.lists(st.none() | VALUES[chosen], max_size=size.get("most", 8)))


def same(a: list[Any], b: list[Any]) -> bool:
    return a == b and [type(x) for x in a] == [type(x) for x in b]


# ---- making and reading ---------------------------------------------------------------------------------


@given(items())
def test_what_goes_in_comes_out(case: tuple[Kind, list[Any]]) -> None:
    kind, values = case
    column = Column.of_kind(values, kind)
    assert column.kind == kind
    assert same(column.objects().tolist(), values)
    assert same([column.item(row) for row in range(len(values))], values)
    assert column.present().tolist() == [value is not None for value in values]


@given(items())
def test_a_kind_is_seen_in_the_values(case: tuple[Kind, list[Any]]) -> None:
    kind, values = case
    column = Column.of(values)
    if kind == "time":  # microseconds look like integers
        kind = "integer"
    assert column.kind == (kind if any(value is not None for value in values) else "number")
    assert column.objects().tolist() == values


@given(st.lists(st.none() | st.integers(-(1 << 50), 1 << 50) | st.floats(allow_nan=False), max_size=6))
def test_whole_numbers_among_fractions_are_numbers(values: list[Any]) -> None:
    column = Column.of(values)
    assert column.objects().tolist() == values


def test_moments_are_microseconds() -> None:
    at = datetime(2013, 7, 1, tzinfo=UTC)
    for column in (Column.of([at, None]), Column.of(np.array(["2013-07-01", "NaT"], dtype="datetime64[ns]"))):
        assert column.kind == "time"
        assert column.objects().tolist() == [moment_us(at), None]
        assert np.array_equal(column.array(), [moment_us(at), np.nan], equal_nan=True)
    assert Column.of([at]).array().dtype == np.int64


def test_nan_is_null_in_every_kind() -> None:
    for kind in VALUES:
        assert Column.of_kind([math.nan, np.float32("nan"), None], kind).objects().tolist() == [None] * 3


@pytest.mark.parametrize("value", [True, 1, 1.0, "true", " TRUE ", np.bool_(True)])
def test_what_means_true(value: object) -> None:
    assert Column.of_kind([value, None], "boolean").objects().tolist() == [True, None]


@pytest.mark.parametrize("value", [False, 0, 0.0, "false", "False", np.bool_(False)])
def test_what_means_false(value: object) -> None:
    assert Column.of_kind([value], "boolean").objects().tolist() == [False]


@pytest.mark.parametrize(
    ("kind", "bad"),
    [
        ("boolean", "no"), ("boolean", 2), ("boolean", ""), ("boolean", [1]), ("integer", 1.5), ("integer", "x"),
        ("integer", 1 << 63), ("integer", math.inf), ("number", "x"), ("number", [1]), ("time", "noon"), ("time", 1.5),
        ("time", datetime(2013, 7, 1)),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_named(kind: Kind, bad: object) -> None:
    good = {"boolean": True, "integer": 1, "number": 1.0, "time": 1}[kind]
    for values, row in (([bad], 1), ([good, None, bad, good], 3)):
        with pytest.raises(DataError, match=r"not an? ") as caught:
            Column.of_kind(values, kind)
        assert caught.value.row == row
        assert caught.value.value == bad


@pytest.mark.parametrize(
    "bad", [[1, "a"], [True, 1.5], ["a", datetime(2013, 7, 1, tzinfo=UTC)], [object()], [b"x"], [date(2013, 7, 1)]]
)
def test_mixtures_and_strangers_are_refused(bad: list[Any]) -> None:
    with pytest.raises(DataError):
        Column.of(bad)


@pytest.mark.parametrize(
    ("array", "kind"),
    [
        (np.array([1, 2], dtype=np.uint8), "integer"),
        (np.array([1.5], dtype=np.float32), "number"),
        (np.array([True]), "boolean"),
        (np.array(["a", "b"]), "text"),
        (np.array(["a", None], dtype=object), "text"),
    ],
)
def test_arrays_have_a_kind(array: Any, kind: Kind) -> None:
    column = Column.of(array)
    assert column.kind == kind
    assert column.objects().tolist() == array.tolist()


def test_unsigned_numbers_are_not_wrapped() -> None:
    assert Column.of(np.array([(1 << 63) - 1], dtype=np.uint64)).item(0) == (1 << 63) - 1
    with pytest.raises(DataError, match="int64"):
        Column.of(np.array([1 << 63], dtype=np.uint64))


def test_a_column_has_one_dimension() -> None:
    for array in (np.zeros((2, 3)), np.ones(())):
        with pytest.raises(DataError, match="one dimension"):
            Column.of(array)


# ---- numbers --------------------------------------------------------------------------------------------


@given(st.lists(st.none() | WHOLE, min_size=1, max_size=5))
def test_an_integer_becomes_a_float_exactly_or_not_at_all(values: list[int | None]) -> None:
    column = Column.of_kind(values, "integer")
    beyond = [value for value in values if value is not None and abs(value) > 1 << 53]
    if beyond:
        with pytest.raises(DataError, match="rounded") as caught:
            column.floats()
        assert caught.value.value == beyond[0]
    else:
        assert [None if math.isnan(x) else int(x) for x in column.floats()] == values


def test_a_text_has_no_numbers() -> None:
    with pytest.raises(ConfigError, match="no numbers"):
        Column.of(["a"]).floats()


@given(items(), st.sampled_from(list(VALUES)))
def test_another_kind_loses_nothing(case: tuple[Kind, list[Any]], other: Kind) -> None:
    column = Column.of_kind(case[1], case[0])
    try:
        turned = column.as_kind(other)
    except DataError:
        return
    assert turned.kind == other
    assert turned.objects().tolist() == case[1]


def test_kinds_that_can_be_widened() -> None:
    assert Column.of([True, None]).as_kind("integer").objects().tolist() == [1, None]
    assert Column.of([1, None]).as_kind("number").objects().tolist() == [1.0, None]
    assert Column.of([1.0, None]).as_kind("integer").objects().tolist() == [1, None]
    assert Column.of([None]).as_kind("text").kind == "text"
    with pytest.raises(DataError, match="losing"):
        Column.of([1.5]).as_kind("integer")


# ---- joining, taking, coding ----------------------------------------------------------------------------


@given(st.sampled_from(list(VALUES)).flatmap(lambda kind: st.lists(items(kind), min_size=1, max_size=4)))
def test_parts_joined_are_the_values_joined(cases: list[tuple[Kind, list[Any]]]) -> None:
    joined = Column.concat([Column.of_kind(values, kind) for kind, values in cases])
    assert joined.objects().tolist() == [value for _, values in cases for value in values]
    if joined.vocabulary is not None:
        assert len(set(joined.vocabulary)) == len(joined.vocabulary)


def test_an_empty_part_takes_any_kind_and_others_must_agree() -> None:
    assert Column.concat([Column.empty("number", 2), Column.of(["a"])]).objects().tolist() == [None, None, "a"]
    assert Column.concat([Column.of([1]), Column.of([1.5])]).kind == "number"
    with pytest.raises(DataError, match="kinds"):
        Column.concat([Column.of(["a"]), Column.of([1])])
    with pytest.raises(DataError, match="nothing"):
        Column.concat([])


@given(items(), st.data())
def test_taking_is_indexing(case: tuple[Kind, list[Any]], data: st.DataObject) -> None:
    kind, values = case
    column = Column.of_kind(values, kind)
    rows = data.draw(st.lists(st.integers(0, max(len(values) - 1, 0)), max_size=5 if values else 0))
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values))), dtype=bool)
    assert column.take(np.array(rows, dtype=np.int64)).objects().tolist() == [values[row] for row in rows]
    assert column.take(mask).objects().tolist() == [value for value, keep in zip(values, mask, strict=True) if keep]
    assert column.take(slice(1, None)).objects().tolist() == values[1:]


@given(items())
def test_codes_follow_the_order_of_the_values(case: tuple[Kind, list[Any]]) -> None:
    kind, values = case
    codes, distinct = Column.of_kind(values, kind).codes()
    assert [None if code < 0 else distinct[code] for code in codes] == values
    assert distinct == sorted(distinct)


# ---- Arrow ----------------------------------------------------------------------------------------------


@given(items())
def test_arrow_and_back(case: tuple[Kind, list[Any]]) -> None:
    kind, values = case
    column = Column.of_kind(values, kind)
    back = Column.from_arrow(column.to_arrow())
    assert back.kind == kind
    assert same(back.objects().tolist(), values)


@given(st.lists(st.lists(st.none() | st.sampled_from("abc"), max_size=4), max_size=3))
def test_chunks_and_dictionaries_of_arrow(chunks: list[list[str | None]]) -> None:
    values = [value for chunk in chunks for value in chunk]
    plain = pa.chunked_array([pa.array(chunk, pa.string()) for chunk in chunks], pa.string())
    coded = pa.chunked_array(
        [pa.array(chunk, pa.string()).dictionary_encode() for chunk in chunks], pa.dictionary(pa.int32(), pa.string())
    )
    for array in (plain, coded, plain.cast(pa.large_string()), plain.cast(pa.string_view())):
        assert Column.from_arrow(array).objects().tolist() == values


def test_a_dictionary_that_holds_null_or_a_word_twice() -> None:
    for words in (["a", None], ["a", "a"]):
        column = Column.from_arrow(pa.DictionaryArray.from_arrays(pa.array([0, 1, None]), pa.array(words)))
        assert column.objects().tolist() == [*words, None]
        assert column.present().tolist() == [True, words[1] is not None, False]
        assert column.codes()[0].tolist() == [0, 0 if words[1] else -1, -1]


@pytest.mark.parametrize(
    ("array", "kind", "values"),
    [
        (pa.array([1, None], pa.uint8()), "integer", [1, None]),
        (pa.array([1.5, None], pa.float32()), "number", [1.5, None]),
        (pa.array([True, None]), "boolean", [True, None]),
        (pa.nulls(2), "number", [None, None]),
        (pa.array([1, 2], pa.dictionary(pa.int8(), pa.int64())), "integer", [1, 2]),
        (pa.array([date(1970, 1, 2), None]), "time", [86_400_000_000, None]),
        (pa.array([1, None], pa.timestamp("s")), "time", [1_000_000, None]),
        (pa.array([1, None], pa.timestamp("ms", tz="America/New_York")), "time", [1_000, None]),
    ],
)
def test_types_of_arrow(array: pa.Array, kind: Kind, values: list[Any]) -> None:
    column = Column.from_arrow(array)
    assert column.kind == kind
    assert column.objects().tolist() == values


@pytest.mark.parametrize("array", [pa.array([b"x"]), pa.array([{"a": 1}]), pa.array([1], pa.duration("us"))])
def test_types_of_arrow_that_are_not_understood(array: pa.Array) -> None:
    with pytest.raises(DataError, match="not understood"):
        Column.from_arrow(array)


# ---- frames ---------------------------------------------------------------------------------------------


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    rows = draw(st.integers(0, 5))
    kinds = draw(st.dictionaries(st.sampled_from("abcd"), st.sampled_from(list(VALUES)), min_size=1))
    columns = {
        name: Column.of_kind(draw(st.lists(st.none() | VALUES[kind], min_size=rows, max_size=rows)), kind)
        for name, kind in kinds.items()
    }
    return Frame(columns)


@given(frames())
def test_rows_make_the_frame_again(frame: Frame) -> None:
    again = Frame.of_rows(frame.rows(), frame.kinds)
    assert again.rows() == frame.rows()
    assert again.kinds == frame.kinds
    assert Frame.from_arrow(frame.to_arrow()).rows() == frame.rows()
    assert len(frame.rows()) == len(frame) == len(again)


@given(frames(), st.integers(0, 5))
def test_a_frame_cut_and_joined_is_the_frame(frame: Frame, cut: int) -> None:
    assert Frame.concat([frame.take(slice(0, cut)), frame.take(slice(cut, None))]).rows() == frame.rows()


def test_a_frame_knows_its_columns() -> None:
    frame = hc.Frame.of({"a": [1, 2], "b": ["x", None]})
    assert frame.names == ["a", "b"]
    assert "a" in frame
    assert "c" not in frame
    assert bool(frame)
    assert frame.select(["b"]).names == ["b"]
    assert frame.having(a=[3, 4], c=[True, False]).rows()[0] == {"a": 3, "b": "x", "c": True}
    assert frame.merged(Frame.of({"b": ["y", "z"]})).rows()[1] == {"a": 2, "b": "z"}
    with pytest.raises(UnknownName, match="Did you mean 'arr'"):
        _ = Frame.of({"arr": [1]})["ar"]


def test_columns_of_a_frame_have_one_length() -> None:
    with pytest.raises(DataError, match="a: 1, b: 2"):
        Frame.of({"a": [1], "b": [1, 2]})
    with pytest.raises(DataError, match="column 'b'"):
        Frame.of({"a": [1], "b": [object()]})


def test_a_frame_without_columns_still_has_rows() -> None:
    frame = Frame({}, 3)
    assert len(frame) == 3
    assert len(frame.take(np.array([True, False, True]))) == 2
    assert not Frame({})


def test_a_column_that_one_frame_lacks_is_null_there() -> None:
    joined = Frame.concat([Frame.of({"a": [1]}), Frame.of({"a": [2], "b": ["x"]})])
    assert joined.rows() == [{"a": 1, "b": None}, {"a": 2, "b": "x"}]


def test_a_column_is_exported() -> None:
    assert hc.Column is Column
