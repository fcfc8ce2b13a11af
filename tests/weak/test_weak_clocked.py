"""A labelling function sees what was known at the labelling moment, and nothing that came later."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.columns import Frame
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.facts import Facts, Table
from hindcast.features import FeaturePlan, latest, request, window
from hindcast.weak import apply_at

REPORTS = Table("reports", key="id", event_time="at", known="seen")
FEATURES = [
    request("text"),
    latest(REPORTS, "verdict", by="mail"),
    window(REPORTS, None, "count", over="1h", by="mail"),
]
COUNT = "reports_count_1h_by_mail"


def is_reported(reports_verdict_by_mail):
    return "spam" if reports_verdict_by_mail == "bad" else None


def seldom_reported(reports_count_1h_by_mail):
    return "ham" if not reports_count_1h_by_mail else None


def has_link(text):
    return "spam" if "http" in text else None


FUNCTIONS = [is_reported, seldom_reported, has_link]

fact = st.fixed_dictionaries(
    {
        "mail": st.sampled_from("ab"),
        "verdict": st.sampled_from(["bad", "good"]),
        "at": st.integers(0, 50),
        "late": st.integers(0, 60),
    }
)


def facts_of(rows):
    other = {"mail": "nobody", "verdict": "good", "at": 0, "late": 0}  # so that no column is ever empty
    rows = [{**row, "id": k, "seen": row["at"] + row["late"]} for k, row in enumerate([other, *rows])]
    return {"reports": Facts.of(REPORTS, [{k: v for k, v in row.items() if k != "late"} for row in rows])}


@given(st.lists(fact, max_size=8), st.lists(fact, max_size=4), st.lists(st.integers(1, 120), min_size=1, max_size=5))
def test_news_after_the_moment_changes_nothing(past, news, moments):
    asked = Frame.of(
        {"mail": ["a" if m % 2 else "b" for m in moments], "text": ["http" if m % 3 else "x" for m in moments]}
    )
    before = apply_at(FUNCTIONS, FEATURES, facts_of(past), asked, np.array(moments), classes=["ham", "spam"])
    last = max(moments)
    late = [
        {**row, "late": last - row["at"] + row["late"]} for row in news if row["at"] <= last
    ]  # known at `last` or later
    after = apply_at(FUNCTIONS, FEATURES, facts_of(past + late), asked, np.array(moments), classes=["ham", "spam"])
    np.testing.assert_array_equal(before.matrix, after.matrix)
    assert before.at is not None
    assert before.at.tolist() == moments


def test_a_fact_known_later_is_not_seen_before():
    facts = facts_of([{"mail": "a", "verdict": "bad", "at": 10, "late": 90}])
    asked = Frame.of({"mail": ["a"] * 3, "text": ["x"] * 3})
    votes = apply_at([is_reported], FEATURES, facts, asked, [99, 100, 101], classes=["ham", "spam"])
    assert votes.matrix[:, 0].tolist() == [-1, -1, 1]


def test_labelling_later_sees_more_and_is_known_later():
    facts = facts_of([{"mail": "a", "verdict": "bad", "at": 10, "late": 90}])
    asked = Frame.of({"mail": ["a"], "text": ["x"]})
    votes = apply_at([is_reported], FeaturePlan.compile(FEATURES), facts, asked, [20], after="100us")
    assert votes.matrix.tolist() == [[0]]
    assert votes.at is not None
    assert votes.at.tolist() == [120]
    assert votes.take([0]).at.tolist() == [120]
    assert replace(votes, at=None).at is None


def test_a_column_that_is_no_feature_is_not_seen():
    def peeks(outcome):
        return "spam" if outcome else None

    asked = Frame.of({"mail": ["a"], "text": ["x"], "outcome": [1]})
    with pytest.raises(UnknownName, match=r"'peeks' \(declare a column of the requests"):
        apply_at([peeks], FEATURES, facts_of([]), asked, [20])

    def whole(row):
        return "spam" if "outcome" in row or "mail" in row else "ham"

    assert apply_at([whole], FEATURES, facts_of([]), asked, ["2024-01-01"]).frame().rows() == [{"whole": "ham"}]


def test_what_does_not_fit():
    asked = Frame.of({"mail": ["a"], "text": ["x"]})
    with pytest.raises(DataError, match="as_of has shape"):
        apply_at([has_link], FEATURES, facts_of([]), asked, [1, 2])
    with pytest.raises(ConfigError, match="below zero"):
        apply_at([has_link], FEATURES, facts_of([]), asked, [1], after="-1h")
    with pytest.raises(ConfigError, match="leave rows= out"):
        apply_at([has_link], FEATURES, facts_of([]), asked, [1], rows=asked)
