"""Whatever holds rows, as functions see it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from hindcast.columns import Frame
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.weak import Block
from hindcast.weak.block import blocks_of

COLUMNS = {"text": ["a", None, "ü"], "size": [1, 2, None]}


@pytest.mark.parametrize(
    "rows",
    [
        COLUMNS,
        Frame.of(COLUMNS),
        pa.table(COLUMNS),
        pa.table(COLUMNS).to_batches()[0],
        pl.DataFrame(COLUMNS),
        pl.LazyFrame(COLUMNS),
        pd.DataFrame(COLUMNS),
        [{"text": "a", "size": 1}, {"size": 2}, {"text": "ü", "size": float("nan")}],
        {"text": np.array(["a", None, "ü"], dtype=object), "size": np.array([1, 2, np.nan])},
    ],
    ids=lambda rows: type(rows).__name__,
)
def test_the_same_rows_however_they_come(rows):
    block = Block.of(rows)
    assert len(block) == 3
    assert block.values("text") == ["a", None, "ü"]
    assert block.values("size") == [1, 2, None]
    assert [dict(row) for row in block.rows()][1] == {"text": None, "size": 2}


@pytest.mark.parametrize(
    "texts",
    [["a", None], ("a", None), np.array(["a", None], dtype=object), pd.Series(["a", None]), pl.Series(["a", None]),
     pa.array(["a", None]), pa.chunked_array([["a"], [None]])],
    ids=lambda texts: type(texts).__name__,
)  # fmt: skip
def test_texts_are_the_column_text(texts):
    assert Block.of(texts).values("text") == ["a", None]


def test_nothing_at_all():
    assert len(Block.of([])) == 0
    assert Block.of([]).values("text") == []
    assert len(Block.of({})) == 0
    assert Block.of({}).rows() == []


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        ("text", "many texts, not one"),
        (3, "cannot read rows from a int"),
        ([1, 2], "texts, or dictionaries"),
        (["a", {"text": "b"}], "texts, or dictionaries"),
        ({"a": [1], "b": [1, 2]}, "one length"),
        ({"a": "xyz"}, "not one text"),
        (np.zeros((2, 2)), "one dimension"),
    ],
)
def test_what_holds_no_rows(rows, match):
    with pytest.raises((ConfigError, DataError), match=match):
        Block.of(rows)


def test_a_row_by_name_and_by_attribute():
    row = Block.of([{"text": "a", "size": 1}]).rows()[0]
    assert (row["text"], row.size, len(row), list(row), "size" in row, row.get("gone", 7)) == (
        "a", 1, 2, ["text", "size"], True, 7,
    )  # fmt: skip
    with pytest.raises(UnknownName, match="Did you mean 'text'"):
        _ = row["txt"]
    with pytest.raises(AttributeError):
        _ = row.__array__


def test_rows_are_taken_and_cut():
    block = Block.of(Frame.of(COLUMNS))
    assert block.part(1, 9).values("size") == [2, None]
    assert block.take(np.array([2, 0])).values("text") == ["ü", "a"]
    assert block.select(["size"]).names == ["size"]
    assert block.frame().kinds == {"text": "text", "size": "integer"}


def test_texts_and_numbers_are_what_they_are_called():
    block = Block.of({"text": ["A", 3], "size": ["x", "y"]})
    with pytest.raises(DataError, match="not a text") as error:
        block.texts("text")
    assert (error.value.row, error.value.column, error.value.value) == (2, "text", 3)
    with pytest.raises(DataError, match="no numbers"):
        block.numbers("size")
    assert Block.of(["STRASSE", None]).folded("text") == ["strasse", None]


def test_an_iterator_gives_blocks():
    assert [len(b) for b in blocks_of(iter([["a"], [], pa.table({"x": [1, 2]})]))] == [1, 0, 2]
    assert [len(b) for b in blocks_of(["a", "b"])] == [2]


def test_nested_values_are_passed_on():
    block = Block.of([{"user": {"name": "Ann"}}])
    assert block.rows()[0].user["name"] == "Ann"
    with pytest.raises(DataError, match="user"):
        block.frame()
