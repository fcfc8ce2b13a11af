"""Items are taken and stacked alike whatever holds them; labels of any type become codes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from hindcast.columns import Frame
from hindcast.errors import DataError
from hindcast.semi import Labelled, labelled
from hindcast.semi.items import count, finite_matrix, places_of, stack, take

NUMBERS = np.arange(12.0).reshape(6, 2)


def holders() -> list[object]:
    import pandas as pd
    import polars as pl

    return [
        NUMBERS,
        sparse.csr_array(NUMBERS),
        sparse.csc_matrix(NUMBERS),
        pd.DataFrame(NUMBERS, columns=["a", "b"]),
        pl.DataFrame({"a": NUMBERS[:, 0], "b": NUMBERS[:, 1]}),
        Frame.of({"a": NUMBERS[:, 0], "b": NUMBERS[:, 1]}),
    ]


def plain(items: object) -> list[list[float]]:
    if isinstance(items, Frame):
        return [[row["a"], row["b"]] for row in items.rows()]
    if hasattr(items, "toarray"):
        return items.toarray().tolist()
    return np.asarray(items).tolist()


@pytest.mark.parametrize("items", holders(), ids=lambda i: type(i).__name__)
def test_taking_and_stacking_are_those_of_an_array(items: object) -> None:
    assert count(items) == 6
    assert plain(take(items, [4, 0, 0])) == NUMBERS[[4, 0, 0]].tolist()
    assert plain(take(items, NUMBERS[:, 0] > 5)) == NUMBERS[NUMBERS[:, 0] > 5].tolist()
    assert plain(stack([take(items, [1]), take(items, []), take(items, [2, 3])])) == NUMBERS[1:4].tolist()


def test_texts_are_taken_and_stacked_as_lists() -> None:
    texts = ("é", "b", "c")
    assert take(texts, [2, 0]) == ["c", "é"]
    assert stack([["a"], [], ["b"]]) == ["a", "b"]


def test_bad_items_are_named_by_their_row() -> None:
    with pytest.raises(DataError) as dense:
        finite_matrix([[1.0], [np.nan]])
    assert dense.value.row == 2
    with pytest.raises(DataError) as thin:
        finite_matrix(sparse.csr_array(np.array([[0.0, 1.0], [0.0, 0.0], [np.inf, 0.0]])))
    assert thin.value.row == 3
    with pytest.raises(DataError, match="encoder"):
        finite_matrix([["a"], ["b"]])
    with pytest.raises(DataError, match="mask"):
        take([1, 2], np.array([True]))
    with pytest.raises(DataError, match="places must lie"):
        places_of([0, 5], 3, what="held_out")
    with pytest.raises(DataError, match="sequence"):
        count(3)


@given(st.lists(st.sampled_from(["ham", "spam", "ÜBER", None])))
def test_codes_give_the_labels_back(labels: list[str | None]) -> None:
    y = labelled(labels)
    assert [None if c < 0 else y.classes[c] for c in y.codes] == labels
    assert list(y.classes) == sorted({label for label in labels if label is not None})
    assert np.isclose(y.prior.sum(), 1.0) or not y.classes


@pytest.mark.parametrize(
    ("labels", "classes", "codes"),
    [
        ([1, -1, 0], (0, 1), [1, -1, 0]),
        ([1.0, float("nan"), 2.0], (1, 2), [0, -1, 1]),
        (np.array([True, False]), (False, True), [1, 0]),
        (np.array(["b", "a"]), ("a", "b"), [1, 0]),
        ([], (), []),
    ],
)
def test_labels_of_all_types(labels: object, classes: tuple[object, ...], codes: list[int]) -> None:
    y = labelled(labels)
    assert isinstance(y, Labelled)
    assert y.classes == classes
    assert y.codes.tolist() == codes


def test_minus_one_may_be_a_class_and_any_text_may_mean_none() -> None:
    assert labelled([-1, 1, None], unlabelled=None).codes.tolist() == [0, 1, -1]
    assert labelled(["", "a"], unlabelled="").codes.tolist() == [-1, 0]
    assert labelled(["b"], classes=["a", "b", "c"]).codes.tolist() == [1]


@pytest.mark.parametrize("labels", [["a", 1], [1, True], [0.5], [["a"]]])
def test_labels_of_mixed_or_odd_types_are_refused(labels: list[object]) -> None:
    with pytest.raises(DataError):
        labelled(labels)


def test_a_label_outside_the_classes_is_refused() -> None:
    with pytest.raises(DataError) as error:
        labelled(["a", "z"], classes=["a", "b"])
    assert error.value.row == 2
