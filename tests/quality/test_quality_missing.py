"""The mechanism planted is the mechanism found; nothing is found where values go missing by chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.columns import Frame
from hindcast.errors import DataError
from hindcast.quality.missing import deletion_cost, diagnose_missing

N = 4_000


def world(seed=0):
    rng = np.random.default_rng([seed, 5])
    age, income = rng.uniform(20, 80, N), rng.normal(size=N)
    city = rng.choice(["a", "b", "c"], N, p=[0.6, 0.3, 0.1])
    label = (rng.random(N) < 0.3).astype(float)
    return rng, age, income, city, label


def found(frame, *args, **more):
    return {column.name: column for column in diagnose_missing(frame, *args, **more)}


def test_completely_at_random_is_not_accused():
    accused = 0
    for seed in range(20):
        rng, age, income, city, label = world(seed)
        frame = Frame.of({"age": age, "city": city, "income": np.where(rng.random(N) < 0.2, np.nan, income)})
        accused += found(frame, label)["income"].mechanism != "MCAR"
    assert accused <= 4  # two tests of 2.5% and 5% each


@pytest.mark.parametrize("by", ["age", "city", "gap of another"])
def test_at_random_is_told_by_the_others(by):
    rng, age, income, city, label = world()
    witness = np.where(rng.random(N) < 0.5, np.nan, 1.0)
    chance = {"age": 0.5 * (age > 60), "city": 0.6 * (city == "c"), "gap of another": 0.5 * np.isnan(witness)}[by]
    frame = Frame.of({"age": age, "city": city, "witness": witness})
    frame = frame.having(income=np.where(rng.random(N) < chance, np.nan, income))
    assert found(frame, label)["income"].mechanism == "MAR"


def test_missing_by_its_own_value_shows_only_through_the_label():
    rng, age, income, city, _ = world()
    label = (rng.random(N) < 1 / (1 + np.exp(-2 * income))).astype(float)
    frame = Frame.of({"age": age, "city": city, "income": np.where(income > 0.8, np.nan, income)})
    with_label = found(frame, label)["income"]
    assert with_label.mechanism == "MNAR?"
    assert with_label.label_gap > 0.2
    assert found(frame)["income"].mechanism == "MCAR"  # and nothing in the data could say otherwise


@pytest.mark.parametrize("stops", [True, False])
def test_a_feed_that_stops_or_begins_is_dated(stops):
    rng, age, income, _, _ = world()
    at = rng.permutation(N)
    gone = at >= 1_234 if stops else at < 1_234
    column = found(Frame.of({"age": age, "income": np.where(gone, np.nan, income)}), at=at)["income"]
    assert column.since == 1_234
    assert "feed" in column.advice


def test_complete_columns_and_empty_tables_say_nothing():
    assert diagnose_missing(Frame.of({"a": [1.0, 2.0]})) == []
    assert diagnose_missing(Frame.of({"a": np.zeros(0)})) == []
    few = found(Frame.of({"a": [None, 2.0, 3.0], "b": [1.0, 2.0, 3.0]}))["a"]
    assert np.isnan(few.told_by_others)
    assert few.mechanism == "MCAR"


def test_labels_must_be_as_many_as_rows():
    with pytest.raises(DataError, match="one label per row"):
        diagnose_missing(Frame.of({"a": [None, 2.0]}), [1.0])


@given(
    st.lists(st.tuples(st.one_of(st.none(), st.floats(0, 1)), st.one_of(st.none(), st.floats(0, 1)), st.integers(0, 1)))
)
def test_deletion_keeps_the_complete_rows(rows):
    frame = Frame.of({"a": [r[0] for r in rows], "b": [r[1] for r in rows]}) if rows else Frame.of({"a": np.zeros(0)})
    cost = deletion_cost(frame, label=[float(r[2]) for r in rows])
    whole = [r for r in rows if r[0] is not None and r[1] is not None]
    assert cost.kept == len(whole)
    if whole:
        assert cost.base_rate_kept == pytest.approx(sum(r[2] for r in whole) / len(whole))


def test_deletion_that_bends_the_sample_is_told():
    rng, _, income, _, label = world()
    frame = Frame.of({"income": np.where((label == 1) & (rng.random(N) < 0.5), np.nan, income)})
    assert deletion_cost(frame, label=label).biased
    assert not deletion_cost(Frame.of({"income": np.where(rng.random(N) < 0.3, np.nan, income)}), label=label).biased
