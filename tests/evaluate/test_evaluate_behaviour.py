"""Behaviour is tried by changing one feature; models of known behaviour say what must come out."""

from __future__ import annotations

import numpy as np
import pytest
from evaluate_models import Formula, evidence, many
from hypothesis import given, settings
from hypothesis import strategies as st

import hindcast.evaluate as ev
from hindcast.columns import Column, Frame


def of_x(shape, reads=("x",)):
    return Formula(lambda f: shape(f["x"].floats()), reads)


@settings(max_examples=50, deadline=None)
@given(st.floats(-1, 1), st.floats(0, 0.3))
def test_a_line_keeps_its_direction_within_the_tolerance(slope, tolerance):
    """On x in [0, 1] a line of slope s falls by at most about |s|, from the lowest x to the highest."""
    model = of_x(lambda x: 0.5 + slope * (x - 0.5) / 2)
    verdict = ev.increasing("x", tolerance=tolerance).judge(evidence(model, rows=300))
    x = many(300)[0]["x"].values
    farthest = np.quantile(x, 0.99, method="inverted_cdf") - x.min()
    assert verdict.ok == (-slope / 2 * farthest <= tolerance + 1e-12)
    mirrored = ev.decreasing("x", tolerance=tolerance).judge(
        evidence(of_x(lambda x: 0.5 - slope * (x - 0.5) / 2), rows=300)
    )
    assert mirrored.ok == verdict.ok


def test_the_share_of_rows_that_hold_is_measured():
    """A drop at 0.8 hurts those who start below it at a higher level than after it."""
    model = of_x(lambda x: np.where(x < 0.8, 0.6, np.where(x < 0.3, 0.1, 0.2)))
    verdict = ev.increasing("x", share=0.95).judge(evidence(model))
    assert verdict.outcome == "fail"
    below = np.mean(many()[3][many()[3] < 0.985] < 0.8)
    assert verdict.evidence["share"] == pytest.approx(1 - below, abs=0.04)
    assert verdict.evidence["worst"] == pytest.approx(0.4)
    assert ev.increasing("x", share=0.1).judge(evidence(model)).ok


def test_rows_without_a_value_are_not_tried():
    falls_when_null = Formula(
        lambda f: np.where(f["holey"].present(), f["holey"].floats() * 0.5 + 0.5, 0.9), ("holey",)
    )
    with np.errstate(invalid="ignore"):
        verdict = ev.increasing("holey").judge(evidence(falls_when_null))
    assert verdict.ok
    assert 300 < verdict.evidence["rows"] < 700


@pytest.mark.parametrize(
    ("feature", "reason"),
    [("word", "has no order"), ("still", "no row has a value"), ("empty", "null in all")],
)
def test_what_has_no_direction_is_unknown(feature, reason):
    model = Formula(lambda f: f["x"].floats(), ("x", "word", "still", "empty"))
    features, *_ = many()
    given_ = evidence(model, features=features.having(empty=Column.empty("number", 3000)))
    verdict = ev.increasing(feature).judge(given_)
    assert verdict.outcome == "unknown"
    assert reason in verdict.reason


def test_a_feature_the_model_does_not_read_moves_nothing():
    for gate in (ev.increasing("holey"), ev.decreasing("holey"), ev.invariant("holey")):
        verdict = gate.judge(evidence())
        assert verdict.ok
        assert "does not read" in verdict.reason


def test_invariance_is_of_the_answer():
    words = Formula(lambda f: np.where(f["word"].objects() == "b", 0.55, 0.5), ("word",))
    assert ev.invariant("word").judge(evidence(words)).outcome == "fail"
    assert ev.invariant("word", tolerance=0.051).judge(evidence(words)).ok
    reads_in_vain = Formula(lambda f: f["x"].floats(), ("x", "word"))
    assert ev.invariant("word").judge(evidence(reads_in_vain)).ok
    assert ev.invariant("x").judge(evidence(reads_in_vain)).outcome == "fail"


def test_invariance_is_tried_on_nulls_too():
    minds_null = Formula(lambda f: np.where(f["holey"].present(), 0.5, 0.9), ("holey",))
    assert ev.invariant("holey", tolerance=0.1, share=0.9).judge(evidence(minds_null)).outcome == "fail"


def test_invariance_cannot_be_tried_on_one_value():
    model = Formula(lambda f: f["x"].floats(), ("x", "still"))
    assert ev.invariant("still").judge(evidence(model)).outcome == "unknown"


def test_trying_leaves_the_evidence_as_it_was():
    given_ = evidence()
    before = given_.features["x"].values.copy()
    ev.increasing("x").judge(given_)
    ev.invariant("x").judge(given_)
    assert np.array_equal(given_.features["x"].values, before)


def test_other_features_do_not_change_what_is_drawn():
    features, *_ = many()
    model = of_x(lambda x: np.sin(9 * x) / 2 + 0.5)
    more = evidence(model, features=Frame({"aaa": Column.of(np.arange(3000.0)), **features}))
    assert ev.increasing("x", rows=100).judge(more) == ev.increasing("x", rows=100).judge(evidence(model))
