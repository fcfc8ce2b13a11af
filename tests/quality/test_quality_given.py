"""Whatever a caller gives: an answer, or a letter that says what is wrong; never a bare error out of the depths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from hindcast.columns import Frame
from hindcast.errors import ConfigError, DataError, HindcastError
from hindcast.quality import (
    Suspects,
    deletion_cost,
    diagnose_missing,
    duplicate_rows,
    duplicate_texts,
    find_label_drift,
    find_label_errors,
    find_outliers,
    held_out_probabilities,
    jaccard,
    label_conflicts,
    near_duplicate_texts,
    normalised,
    scope,
    shared_between,
)
from hindcast.quality.given import as_floats, is_sequence, names_of, table_of, texts_of, whole_numbers

ODD: list[Any] = [
    None, "x", "", b"x", True, 2.5, float("nan"), float("inf"), -1, 0, 10**30, 2**63, [], (), {}, {"a": 1}, [1], [[1]],
    [[1], [2, 3]], object(), np.array(5), np.zeros((0, 3)), np.zeros((2, 2, 2)), np.full(4, np.nan), [None] * 4,
    np.array([1, "a", None, 2.0], dtype=object), ["a", "b", None, "a"], [1 + 2j] * 4, Frame.of({}), range(4), iter([1]),
    Frame.of({"x": [None] * 4}), np.array([1, 2, 3, 4], dtype=np.uint64), np.float32("nan"), [2**70] * 4, set(),
]  # fmt: skip
ROWS = Frame.of({"x": [1.0, 2.0, 3.0, 4.0], "y": ["a", "b", "a", "b"]})
TWICE = duplicate_texts(["a", "b", "A", "c"])
ONE = Suspects.ranked([1], ["a"], [0.5])
P = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.1, 0.9]])
X = np.arange(8.0).reshape(8, 1)
DAYS = np.arange(40) * 86_400_000_000

CALLS: list[tuple[Callable[..., Any], dict[str, Any]]] = [
    (find_label_errors, {"label": list("abab"), "probability": P, "classes": ["a", "b"], "select": "both",
                         "rank": "margin"}),
    (label_conflicts, {"duplicates": TWICE, "label": list("abba")}),
    (duplicate_rows, {"rows": ROWS, "round_to": None}),
    (duplicate_texts, {"texts": ["a", "b"], "exact": False, "threads": 1}),
    (shared_between, {"duplicates": TWICE, "part": ["train", "test", "test", "train"], "test": "test"}),
    (held_out_probabilities, {"learner": LogisticRegression(), "items": X, "label": [0, 1] * 4, "folds": 2, "seed": 0,
                              "at": np.arange(8.0), "known": np.arange(8.0) + 0.5, "groups": list("aabbccdd")}),
    (find_label_drift, {"at": DAYS, "label": [0, 1] * 20, "positive": 1, "period": "1d", "season": "7d", "draws": 20,
                        "seed": 0}),
    (jaccard, {"first": "abc", "second": "abd", "size": 2, "by": "characters"}),
    (near_duplicate_texts, {"texts": ["abcdef", "abcdeg"], "threshold": 0.8, "size": 3, "by": "words", "hashes": 16,
                            "recall": 0.9, "threads": 1, "seed": 0}),
    (deletion_cost, {"frame": ROWS, "columns": ["x"], "label": [0, 1, 0, 1]}),
    (diagnose_missing, {"frame": ROWS, "label": [0, 1, 0, 1], "at": None, "columns": None, "seed": 0}),
    (find_outliers, {"rows": ROWS, "method": "robust", "share": 0.1, "neighbours": 2, "seed": 0}),
    (find_outliers, {"rows": np.arange(12.0).reshape(6, 2), "method": "neighbours", "share": 0.5, "neighbours": 2}),
    (scope, {"frame": ROWS, "label": "y", "time": None, "entity": None, "label_time": None, "source": None,
             "goal": None, "seed": 0}),
    (Suspects.ranked, {"row": [1], "reason": ["a"], "score": [0.5], "notes": ()}),
    (ONE.first, {"n": 1}),
    (ONE.to_text, {"limit": 1}),
    (ONE.send, {"queue": None, "items": ["a", "b"]}),
    (normalised, {"text": "A b"}),
]  # fmt: skip


@pytest.mark.parametrize(("call", "usual"), CALLS, ids=[f"{n}-{call.__name__}" for n, (call, _) in enumerate(CALLS)])
def test_odd_parameters_get_an_answer_or_a_letter(call: Callable[..., Any], usual: dict[str, Any]) -> None:
    refused = 0
    for name in usual:
        for odd in ODD:
            try:
                call(**{**usual, name: odd})
            except HindcastError:
                refused += 1
    assert refused >= len(ODD) // 3


def test_what_is_given_by_the_row() -> None:
    assert np.isnan(as_floats("score", [1, None, 2.5])).tolist() == [False, True, False]
    assert whole_numbers("row", []).dtype == np.int64
    assert table_of([[1, 2], [3, 4]]).shape == (2, 2)
    assert texts_of("notes", ["a"]) == ("a",)
    assert names_of("columns", ["x"], ["x", "y"]) == ["x"]
    assert is_sequence((1, 2))
    assert not any(map(is_sequence, ("ab", b"ab", {1: 2}, {1}, np.array(1), iter([]), None)))
    for wrong in ("x", ["a"], [1j], [[1], [2, 3]]):
        with pytest.raises(DataError, match="score holds numbers, got"):
            as_floats("score", wrong)
    with pytest.raises(DataError, match="row holds whole numbers"):
        whole_numbers("row", [1.5])
    with pytest.raises(ConfigError, match="frame must be a Frame, got"):
        diagnose_missing({"x": [1]})  # type: ignore[arg-type]
