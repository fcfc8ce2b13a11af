"""Answers are what annotators said, whatever the columns came as; nothing is lost without being counted."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hindcast.crowd import Answers
from hindcast.crowd.names import codes_of
from hindcast.errors import ConfigError, DataError

ROWS = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from("abc"), st.sampled_from(["x", "y", "ü", None])), max_size=30
)


@settings(max_examples=60)
@given(ROWS)
def test_the_last_answer_of_an_annotator_to_an_item_counts(rows):
    answers = Answers.of([r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows])
    said = {(i, a): label for i, a, label in rows if label is not None}
    kept = {
        (answers.items[i], answers.annotators[a]): answers.classes[c]
        for i, a, c in zip(answers.item, answers.annotator, answers.label, strict=True)
    }
    assert kept == said
    assert len(answers) + answers.missing + answers.superseded == len(rows)
    assert answers.missing == sum(label is None for *_, label in rows)
    again = Answers.of_matrix(answers.matrix(), answers.classes, items=answers.items, annotators=answers.annotators)
    assert np.array_equal(again.matrix(), answers.matrix())
    assert np.array_equal(again.votes(), answers.votes())


@settings(max_examples=40)
@given(ROWS, st.randoms(use_true_random=False))
def test_times_decide_which_answer_is_last_whatever_the_order_of_rows(rows, random):
    rows = [(*row, at) for at, row in enumerate(rows)]
    shuffled = rows[:]
    random.shuffle(shuffled)

    def read(rows):
        item, who, label, at = zip(*rows, strict=True) if rows else ([], [], [], [])
        return Answers.of(item, who, label, at=list(at)).matrix()

    assert np.array_equal(read(rows), read(shuffled))


@pytest.mark.parametrize(
    "wrap", [list, tuple, np.array, pd.Series, pl.Series, pa.array, lambda x: pa.chunked_array([x])]
)
def test_columns_may_come_from_any_data_frame(wrap):
    answers = Answers.of(
        wrap([3, 3, 9]), wrap(["b", "a", "b"]), wrap(["no", "yes", "no"]), seconds=wrap([1.0, 2.0, 3.0])
    )
    assert answers.items == (3, 9)
    assert answers.annotators == ("a", "b")
    assert answers.classes == ("no", "yes")
    assert answers.item.tolist() == [0, 0, 1]
    assert answers.seconds.tolist() == [1.0, 2.0, 3.0]
    assert all(type(item) is int for item in answers.items)


def test_missing_labels_of_every_data_frame_are_counted():
    for column in (
        [1, None, 2],
        [1.0, float("nan"), 2.0],
        np.array([1.0, np.nan, 2.0]),
        pd.Series([1, None, 2]),
        pd.Series([1, None, 2], dtype="Int64"),
        pl.Series([1, None, 2]),
        pa.array([1, None, 2]),
    ):
        answers = Answers.of([0, 1, 2], ["a", "a", "a"], column)
        assert (answers.classes, answers.missing, len(answers.items)) == ((1, 2), 1, 3)


def test_names_of_several_types_and_given_classes_keep_their_order():
    assert Answers.of([1, "1"], ["a", "a"], [True, False]).items == (1, "1")
    ordered = Answers.of([1, 2], ["a", "a"], ["low", "high"], classes=["low", "middle", "high"])
    assert ordered.label.tolist() == [0, 2]
    assert codes_of(np.array([2.5, 1.0]), column="label")[1] == (1, 2.5)
    assert codes_of(np.array([-128, 127, -128], dtype=np.int8), column="label")[0].tolist() == [0, 1, 0]
    assert codes_of(np.array([2**63 + 5, 2**63], dtype=np.uint64), column="label")[1] == (2**63, 2**63 + 5)
    far = codes_of(np.array([-(2**62), 2**62]), column="label")
    assert (far[0].tolist(), far[1]) == ([0, 1], (-(2**62), 2**62))
    assert codes_of(np.array([True, False]), column="label")[1] == (False, True)


def test_times_come_as_moments_of_any_kind():
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    us = 1_767_312_000_000_000
    for at in (
        [moment],
        ["2026-01-02T00:00:00Z"],
        [us],
        np.array(["2026-01-02"], dtype="datetime64[s]"),
        pd.Series([moment]),
    ):
        assert Answers.of([1], [1], [1], at=at, guideline=[3]).at.tolist() == [us]
    with pytest.raises(DataError, match="row 2"):
        Answers.of([1, 2], [1, 1], [1, 1], at=[moment, None])
    with pytest.raises(DataError, match="moments"):
        Answers.of([1], [1], [1], at=[1.5])


def test_nothing_at_all_is_no_answer():
    for answers in (Answers.of([], [], []), Answers.of_matrix([]), Answers.of_matrix(np.zeros((0, 3)))):
        assert len(answers) == 0
        assert answers.votes().shape == (0, 0)
    only_missing = Answers.of([1], ["a"], [None])
    assert (only_missing.items, only_missing.classes, only_missing.missing) == ((1,), (), 1)


def test_bad_answers_are_named():
    with pytest.raises(DataError, match=r"row 2.*'spma'") as error:
        Answers.of([1, 2], [1, 1], ["spam", "spma"], classes=["ham", "spam"])
    assert "Did you mean 'spam'" in str(error.value)
    assert (error.value.row, error.value.value) == (2, "spma")
    with pytest.raises(DataError, match="item is missing"):
        Answers.of([1, None], [1, 1], [1, 1])
    with pytest.raises(DataError, match="3 items"):
        Answers.of([1, 2, 3], [1, 1], [1, 1, 1])
    with pytest.raises(ConfigError, match="distinct"):
        Answers.of([1], [1], [1], classes=[1, 1])
    with pytest.raises(ConfigError, match="keep"):
        Answers.of([1], [1], [1], keep="first")
    with pytest.raises(DataError, match="class code"):
        Answers.of_matrix([[0, 5]], classes=["a", "b"])
    with pytest.raises(DataError, match="class code"):
        Answers.of_matrix([[0.5]])
    with pytest.raises(DataError, match="row 1"):
        Answers.of([[1]], [1], [1])
    with pytest.raises(DataError, match="annotators"):
        Answers.of_matrix([[0, 1]], annotators=["a"])


def test_all_answers_can_be_kept_and_a_matrix_too_large_is_refused():
    answers = Answers.of([1, 1], ["a", "a"], ["x", "y"], keep="all")
    assert len(answers) == 2
    assert answers.votes().tolist() == [[1.0, 1.0]]
    assert answers.matrix().tolist() == [[1]]
    n = 20_000
    wide = Answers.of(np.arange(n), np.arange(n), np.zeros(n, dtype=int))
    with pytest.raises(DataError, match="mostly empty"):
        wide.matrix()


def test_a_matrix_may_hold_names_and_gaps_of_any_kind():
    pandas = pytest.importorskip("pandas")
    gaps = pandas.DataFrame({"a": pandas.array([1, None], dtype="Int64"), "b": pandas.array([0, 1], dtype="Int64")})
    for codes in ([[1, 0], [None, 1]], gaps, gaps.astype("float64")):
        found = Answers.of_matrix(codes)
        assert (found.classes, found.label.tolist(), found.missing) == ((0, 1), [1, 0, 1], 1)
    named = Answers.of_matrix([["ja", "nein"], [None, "ja"]], classes=["nein", "ja"])
    assert (named.label.tolist(), named.missing) == ([1, 0, 1], 1)
    with pytest.raises(DataError, match="row 2, column '1', value 'nie'"):
        Answers.of_matrix([["ja", "nein"], ["ja", "nie"]], classes=["nein", "ja"])
    with pytest.raises(DataError, match="as many places"):
        Answers.of_matrix([[1, 0], [1]])
    with pytest.raises(DataError, match="as many classes"):
        Answers.of_matrix([[0, 2**60]])
