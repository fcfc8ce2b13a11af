"""Skew: every planted cause is named, and what agrees is left in peace."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hindcast.columns import Column, Frame
from hindcast.errors import DataError, UnknownName
from hindcast.monitor import CAUSES, Explanation, skew

ROWS = Frame.of({"mean": [1.0, 2.0, None, 4.0], "word": ["a", None, "c", "d"], "count": [1, 2, 3, 4]})


def causes(report):
    return dict(report.causes)


def test_equal_values_leave_nothing_to_tell():
    found = skew(ROWS, ROWS)
    assert (found.values, found.causes, len(found.differences)) == (12, {}, 0)
    assert found.verdict().ok


def test_mismatch_missing_and_extra_are_told_apart_with_their_size():
    served = Frame.of({"mean": [1.5, None, 3.0, 8.0], "word": ["a", "b", None, "e"], "count": [1.0, 2.0, 3.0, 4.0]})
    found = skew(served, ROWS)
    mean, word, count = found.features
    assert (mean.rows, mean.equal, mean.mismatched, mean.missing, mean.extra) == (4, 0, 2, 1, 1)
    assert (mean.typical, mean.largest) == (0.5, 4.0)
    assert (word.equal, word.mismatched, word.missing, word.extra) == (1, 1, 1, 1)
    assert np.isnan(word.largest)
    assert count.different == 0, "integers as served are numbers as recomputed"
    assert found.differences["kind"].objects().tolist().count("missing") == 2
    assert sorted(found.as_dict()["causes"]) == ["unexplained"]


@pytest.mark.parametrize(
    ("served", "recomputed", "cause"),
    [
        (0.1 + 0.2, 0.3, "float"),
        (1e16, 1e16 + 2, "float"),
        (1e-17, 0.0, "float"),
        (1.0, 1.0 + 1e-6, "unexplained"),
        (float("inf"), 1.0, "unexplained"),
        (float("inf"), float("inf"), None),
        (None, 0.0, "unexplained"),
    ],
)
def test_only_rounding_is_float(served, recomputed, cause):
    found = skew(Frame.of({"x": [served, 5.0]}), Frame.of({"x": [recomputed, 5.0]}))
    assert found.causes == ({} if cause is None else {cause: 1})


def test_whatever_the_kinds_nothing_breaks():
    beyond = Column.of([1 << 60, None])
    served = Frame({"a": Column.of(["x", None]), "b": beyond, "c": Column.of_kind([5, None], "time")}, 2)
    recomputed = Frame({"a": Column.of([1.0, None]), "b": beyond, "c": Column.of([5.0, 6.0])}, 2)
    found = skew(served, recomputed)
    assert [(f.equal, f.mismatched, f.missing) for f in found.features] == [(1, 1, 0), (2, 0, 0), (1, 0, 1)]
    assert all(example.as_dict()["as_of"] is None for example in found.examples)


def test_lists_are_compared_item_by_item():
    served = Frame({"last": Column.of([(1.0, 0.1 + 0.2), (2.0,), (), None, (1.0,)])})
    recomputed = Frame({"last": Column.of([(1.0, 0.3), (2.0,), None, (), (1.0, 2.0)])})
    found = skew(served, recomputed)
    assert found.causes == {"float": 1, "unexplained": 3}
    assert [(e.kind, e.cause) for e in found.examples] == [
        ("mismatch", "float"),
        ("extra", "unexplained"),
        ("missing", "unexplained"),
        ("mismatch", "unexplained"),
    ]
    assert found.examples[0].as_dict()["served"] == [1.0, 0.1 + 0.2]


def test_a_changed_definition_is_named_before_anything_else_and_another_plan_after():
    served = Frame.of({"a": [1.0, 1.0, 1.0], "b": [1.0, 1.0, 1.0]})
    recomputed = Frame.of({"a": [2.0, 2.0, 2.0], "b": [2.0, 1.0, 2.0]})
    changed = {"a": np.array([True, True, False])}
    late = Explanation("late fact", np.array([0, 2]), Frame.of({"a": [1.0, 1.0], "b": [1.0, 1.0]}))
    found = skew(served, recomputed, explanations=[late], changed=changed, another_plan=np.array([True, True, False]))
    told = {(d["row"], d["feature"]): d["cause"] for d in found.differences.rows()}
    assert told == {
        (0, "a"): "definition", (1, "a"): "definition", (2, "a"): "late fact", (0, "b"): "late fact",
        (2, "b"): "late fact",
    }  # fmt: skip
    plain = skew(served, recomputed, another_plan=np.array([True, True, False]))
    assert plain.causes == {"definition": 3, "unexplained": 2}


def test_an_explanation_that_spoils_what_agrees_is_none():
    served, recomputed = Frame.of({"a": [1.0], "b": [5.0]}), Frame.of({"a": [2.0], "b": [5.0]})
    spoils = Explanation("clock", np.array([0]), Frame.of({"a": [1.0], "b": [6.0]}), "-1h")
    fits = Explanation("clock", np.array([0]), Frame.of({"a": [1.0], "b": [5.0]}), "-1m")
    assert skew(served, recomputed, explanations=[spoils]).causes == {"unexplained": 1}
    found = skew(served, recomputed, explanations=[spoils, fits])
    assert [(d["cause"], d["detail"]) for d in found.differences.rows()] == [("clock", "-1m")]


def test_the_explanation_that_explains_most_of_a_row_is_taken():
    served, recomputed = Frame.of({"a": [1.0], "b": [1.0]}), Frame.of({"a": [2.0], "b": [2.0]})
    part = Explanation("late fact", np.array([0]), Frame.of({"a": [1.0], "b": [3.0]}))
    whole = Explanation("clock", np.array([0]), Frame.of({"a": [1.0], "b": [1.0]}), "+1s")
    assert skew(served, recomputed, explanations=[part, whole]).causes == {"clock": 2}
    assert skew(served, recomputed, explanations=[part]).causes == {"late fact": 1, "unexplained": 1}


def test_only_what_was_served_is_compared():
    served = Frame.of({"a": [1.0, 1.0]})
    found = skew(served, Frame.of({"a": [2.0, 2.0], "new": [1.0, 1.0]}), compared={"a": np.array([False, True])})
    (only,) = found.features
    assert (only.rows, only.mismatched) == (1, 1)
    with pytest.raises(DataError, match="2 served rows meet 1"):
        skew(served, Frame.of({"a": [1.0]}))


def test_nothing_compared_is_unknown_and_says_why():
    verdict = skew(Frame({}, 0), Frame({}, 0), left_out={"given": 3, "older": 0}).verdict()
    assert (verdict.outcome, "3 given" in verdict.reason) == ("unknown", True)


def test_a_cause_that_is_allowed_is_no_failure():
    found = skew(Frame.of({"a": [1.0]}), Frame.of({"a": [2.0]}))
    assert found.verdict().outcome == "fail"
    assert found.verdict(CAUSES).ok
    with pytest.raises(UnknownName, match="Did you mean 'late fact'"):
        found.verdict(["late facts"])


values = st.one_of(st.none(), st.floats(allow_nan=False), st.sampled_from([0.0, 1.0, 2.0]))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(values, values), max_size=8))
def test_the_counts_add_up_and_equal_means_equal(pairs):
    served = Frame({"x": Column.of_kind([a for a, _ in pairs], "number")}, len(pairs))
    recomputed = Frame({"x": Column.of_kind([b for _, b in pairs], "number")}, len(pairs))
    (x,) = skew(served, recomputed).features
    assert x.rows == len(pairs) == x.equal + x.different
    assert sum(x.causes.values()) == x.different
    assert x.equal == sum(a == b for a, b in pairs)
    assert x.missing == sum(a is None and b is not None for a, b in pairs)
