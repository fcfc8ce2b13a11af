"""Designs draw with the chances they promise: counted over thousands of seeds, within five standard errors."""

import math
from datetime import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse, stats

from hindcast.columns import Column, Frame
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.sampling import (
    Sample,
    Strata,
    allocate,
    bernoulli,
    cluster,
    inclusion,
    simple_random,
    strata_of,
    stratified,
    systematic,
    weighted,
)

SEEDS = 3_000
WEIGHT = np.array([1.0, 1.0, 2.0, 3.0, 5.0, 8.0, 0.5, 20.0])


def inclusion_counts(draw, population, seeds=SEEDS):
    counts = np.zeros(population)
    for seed in range(seeds):
        np.add.at(counts, draw(seed).places, 1)
    return counts / seeds


def assert_chances(found, expected, seeds=SEEDS):
    error = np.sqrt(np.maximum(expected * (1 - np.minimum(expected, 1)), 1e-9) / seeds)
    assert np.all(np.abs(found - expected) <= 5 * error + 1e-12), (found, expected)


# ---- chances ----------------------------------------------------------------------------------------------


def test_simple_random_draws_every_set_equally_often():
    sets = {}
    for seed in range(SEEDS):
        places = tuple(simple_random(5, 2, seed=seed).places.tolist())
        sets[places] = sets.get(places, 0) + 1
    assert len(sets) == 10
    assert stats.chisquare(list(sets.values())).pvalue > 1e-4


def test_simple_random_with_replacement_draws_each_row_n_over_n_times():
    found = inclusion_counts(lambda seed: simple_random(4, 6, replace=True, seed=seed), 4)
    assert np.all(np.abs(found - 1.5) < 5 * math.sqrt(6 * 0.25 * 0.75 / SEEDS))
    assert simple_random(4, 6, replace=True).pi.tolist() == [1.5] * 6


def test_bernoulli_draws_rows_on_their_own():
    sizes = np.array([len(bernoulli(50, 0.3, seed=s)) for s in range(SEEDS)])
    assert abs(sizes.var() - 50 * 0.3 * 0.7) < 5 * 50 * 0.21 * math.sqrt(2 / SEEDS)
    assert_chances(inclusion_counts(lambda seed: bernoulli(8, 0.3, seed=seed), 8), np.full(8, 0.3))


@pytest.mark.parametrize(("rows", "n"), [(10, 3), (12, 4), (7, 7), (9, 1)])
def test_systematic_gives_each_row_the_same_chance_and_exactly_n_rows(rows, n):
    drawn = [systematic(rows, n, seed=s) for s in range(SEEDS)]
    assert {len(s) for s in drawn} == {n}
    assert all(len(np.unique(s.places)) == n for s in drawn)
    assert_chances(inclusion_counts(lambda seed: drawn[seed], rows), np.full(rows, n / rows))


def test_systematic_walks_in_the_order_given():
    order = np.array([3, 1, 2, 0, 5, 4])
    places = systematic(6, 3, order=order, seed=1).places
    assert sorted(np.floor(order[places] / 2).tolist()) == [0, 1, 2]


@pytest.mark.parametrize("method", ["pivotal", "systematic", "poisson"])
@pytest.mark.parametrize("n", [1, 3, 6])
def test_weighted_chances_are_exact(method, n):
    expected = inclusion(WEIGHT, n)
    drawn = [weighted(WEIGHT, n, method=method, seed=s) for s in range(SEEDS)]
    if method != "poisson":
        assert {len(s) for s in drawn} == {n}
    assert_chances(inclusion_counts(lambda seed: drawn[seed], len(WEIGHT)), expected)
    np.testing.assert_allclose(drawn[0].pi, expected[drawn[0].places])


def test_weighted_with_replacement_draws_in_proportion():
    share = WEIGHT / WEIGHT.sum()
    found = inclusion_counts(lambda seed: weighted(WEIGHT, 4, replace=True, seed=seed), len(WEIGHT))
    assert np.all(np.abs(found - 4 * share) < 5 * np.sqrt(4 * share * (1 - share) / SEEDS))


def test_successive_draws_the_law_of_drawing_one_after_another():
    """First draws by weight, second ones by the weight of those left: all ordered pairs summed to sets."""
    w = WEIGHT[:5]
    pairs = {}
    for i in range(5):
        for j in range(5):
            if i != j:
                chance = w[i] / w.sum() * w[j] / (w.sum() - w[i])
                pairs[tuple(sorted((i, j)))] = pairs.get(tuple(sorted((i, j))), 0) + chance
    found = dict.fromkeys(pairs, 0)
    for seed in range(SEEDS):
        found[tuple(weighted(w, 2, method="successive", seed=seed).places.tolist())] += 1
    names = sorted(pairs)
    assert stats.chisquare([found[p] for p in names], [SEEDS * pairs[p] for p in names]).pvalue > 1e-4


@pytest.mark.parametrize("method", ["pivotal", "systematic", "poisson", "successive", "replace"])
def test_totals_weighted_by_one_over_pi_are_unbiased(method):
    y = np.array([3.0, -1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0])
    replace = method == "replace"
    totals = []
    for seed in range(SEEDS):
        sample = weighted(WEIGHT, 3, method="pivotal" if replace else method, replace=replace, seed=seed)
        totals.append((y[sample.places] * sample.weights).sum())
    assert abs(np.mean(totals) - y.sum()) < 5 * np.std(totals) / math.sqrt(SEEDS)


@pytest.mark.parametrize("by_size", [False, True])
@pytest.mark.parametrize("within", [None, 2])
def test_cluster_chances(by_size, within):
    groups = ["a"] * 5 + ["b"] * 2 + ["c"] * 3 + ["d"] * 1
    drawn = [cluster(groups, 2, by_size=by_size, within=within, seed=s) for s in range(SEEDS)]
    expected = np.full(11, np.nan)
    for sample in drawn:
        expected[sample.places] = sample.pi
    assert_chances(inclusion_counts(lambda seed: drawn[seed], 11), expected)
    assert {len(np.unique(s.unit)) for s in drawn} == {2}
    if by_size and within == 1:
        assert len(set(expected)) == 1


def test_stratified_chances():
    by = np.array([0] * 6 + [1] * 3 + [2] * 2)
    found = inclusion_counts(lambda seed: stratified(by, {0: 2, 1: 1, 2: 2}, seed=seed), 11)
    assert_chances(found, np.array([1 / 3] * 9 + [1.0] * 2))
    found = inclusion_counts(lambda seed: stratified(by, {0: 2, 1: 4}, replace=True, seed=seed), 11)
    np.testing.assert_allclose(found[:9], [1 / 3] * 6 + [4 / 3] * 3, atol=0.12)


# ---- allocation -------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 40), min_size=1, max_size=8), st.data())
def test_counts_add_up_and_never_exceed_a_stratum(sizes, data):
    n = data.draw(st.integers(0, sum(sizes)))
    counts = allocate(sizes, n)
    assert counts.sum() == n
    assert np.all((counts >= 0) & (counts <= sizes))
    if sum(sizes):
        quota = n * np.array(sizes) / sum(sizes)
        assert np.all(np.abs(counts - quota) < 1 + 1e-9)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=8), st.integers(0, 3), st.data())
def test_the_optimal_allocation_adds_up_keeps_its_bounds_and_is_optimal(sizes, minimum, data):
    spread = data.draw(st.lists(st.floats(0, 10), min_size=len(sizes), max_size=len(sizes)))
    sizes = [0 if s < minimum else s for s in sizes]
    low = minimum * sum(s > 0 for s in sizes)
    n = data.draw(st.integers(low, max(low, sum(sizes))))
    counts = allocate(sizes, n, "optimal", deviation=spread, minimum=minimum)
    assert counts.sum() == n
    assert all((minimum if size else 0) <= c <= size for c, size in zip(counts, sizes, strict=True))


def test_the_optimal_allocation_has_less_variance_than_others():
    sizes, spread = np.array([500, 300, 200]), np.array([1.0, 5.0, 20.0])

    def variance(counts):
        return (sizes**2 * spread**2 * (1 / counts - 1 / sizes)).sum()

    best = variance(allocate(sizes, 100, "optimal", deviation=spread))
    for how in ("proportional", "equal"):
        assert best < variance(allocate(sizes, 100, how))
    for shift in ([1, -1, 0], [0, 1, -1], [-1, 0, 1], [-1, 1, 0]):
        assert best <= variance(allocate(sizes, 100, "optimal", deviation=spread) + np.array(shift)) + 1e-9


def test_a_stratum_of_great_spread_is_taken_whole():
    assert allocate([1000, 5], 50, "optimal", deviation=[1.0, 1e6]).tolist() == [45, 5]
    assert allocate([10, 10], 15, "optimal", deviation=[0.0, 1.0]).tolist() == [5, 10]
    assert allocate([10, 10], 5, "optimal", deviation=[0.0, 0.0]).tolist() == [3, 2]


def test_cost_moves_rows_to_the_cheap_stratum():
    assert allocate([100, 100], 30, "optimal", deviation=[1, 1], cost=[1, 4]).tolist() == [20, 10]


def test_deviations_are_measured_on_a_column():
    by = np.repeat([0, 1], 50)
    measure = np.concatenate([np.tile([0.0, 2.0], 25), np.tile([0.0, 20.0], 25)])
    assert np.bincount(stratified(by, 22, allocation="optimal", deviation=measure).stratum).tolist() == [2, 20]


def test_what_a_stratum_cannot_give_is_said():
    with pytest.raises(DataError, match="stratum 'b' has 2 rows and asks for 3"):
        stratified(["a", "b", "b"], {"b": 3})
    with pytest.raises(DataError, match="stratum 'a' has 1 rows and needs the minimum of 2"):
        stratified(["a", "b", "b"], 3, minimum=2)
    with pytest.raises(DataError, match="stratum 0 has 1 rows and has an equal share of 5"):
        allocate([1, 20], 10, "equal")
    with pytest.raises(UnknownName, match="no stratum 'c'"):
        stratified(["a", "b"], {"c": 1})
    with pytest.raises(UnknownName, match="Did you mean 'optimal'"):
        allocate([1], 1, "optimale")
    with pytest.raises(ConfigError, match="needs the deviation"):
        allocate([1], 1, "optimal")
    with pytest.raises(DataError, match="need 4 rows, n is 3"):
        allocate([5, 5], 3, minimum=2)
    assert "stratum 'a' could be drawn" in stratified(["a", "b", "b"], {"b": 1}).note


# ---- strata -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "by",
    [
        ["b", "a", None, "b"],
        np.array(["b", "a", None, "b"], dtype=object),
        Column.of(["b", "a", None, "b"]),
        pd.Series(["b", "a", None, "b"]),
        pl.Series(["b", "a", None, "b"]),
        pa.array(["b", "a", None, "b"]),
        pa.chunked_array([["b", "a"], [None, "b"]]),
    ],
    ids=["list", "array", "Column", "pandas", "polars", "arrow", "chunked"],
)
def test_a_column_of_any_make_gives_the_same_strata(by):
    strata = strata_of(by)
    assert isinstance(strata, Strata)
    assert strata.names == ("a", "b", None)
    assert strata.code.tolist() == [1, 0, 2, 1]


@pytest.mark.parametrize(
    "by",
    [
        {"x": ["b", "a", "b"], "y": [1, 2, 1]},
        Frame.of({"x": ["b", "a", "b"], "y": [1, 2, 1]}),
        pd.DataFrame({"x": ["b", "a", "b"], "y": [1, 2, 1]}),
        pl.DataFrame({"x": ["b", "a", "b"], "y": [1, 2, 1]}),
        pa.table({"x": ["b", "a", "b"], "y": [1, 2, 1]}),
        [["b", "a", "b"], [1, 2, 1]],
        [np.array(["b", "a", "b"]), np.array([1, 2, 1])],
    ],
    ids=["mapping", "Frame", "pandas", "polars", "arrow", "lists", "arrays"],
)
def test_several_columns_make_strata_of_the_combinations_that_occur(by):
    strata = strata_of(by)
    assert strata.names == (("a", 2), ("b", 1))
    assert strata.code.tolist() == [1, 0, 1]


def test_odd_strata():
    assert strata_of([1.5, math.nan, 0.5]).names == (0.5, 1.5, None)
    assert strata_of([("x", 1), ("x", 1), ("a", 2)]).names == (("a", 2), ("x", 1))
    assert strata_of([]).sizes.tolist() == []
    days = np.array(["2020-01-02", "NaT", "2020-01-01"], dtype="datetime64[ns]")
    assert strata_of(days).names == (datetime(2020, 1, 1), datetime(2020, 1, 2), None)
    assert strata_of(pd.Series([1, None], dtype="Int64")).names == (1, None)
    assert strata_of(pd.Series([True, None], dtype="boolean")).names == (True, None)
    assert strata_of([True, False]).names == (False, True)
    assert strata_of(["ä", 1, None]).names == (1, "ä", None)
    assert strata_of(np.array([[1, 2], [1, 3]])).names == ((1, 2), (1, 3))
    with pytest.raises(DataError, match="must have one length"):
        strata_of([[1, 2], [1, 2, 3]])
    with pytest.raises(DataError, match="at least one column"):
        strata_of({})


# ---- the sample -------------------------------------------------------------------------------------------


@given(st.integers(0, 30), st.integers(0, 5), st.booleans(), st.data())
def test_the_same_seed_draws_the_same_rows(rows, seed, replace, data):
    n = data.draw(st.integers(0, rows))
    a, b = (simple_random(rows, n, replace=replace, seed=seed) for _ in range(2))
    assert np.array_equal(a.places, b.places)
    assert len(a) == n == len(a.weights)
    assert replace or len(np.unique(a.places)) == n


def test_rows_of_any_make_can_be_taken():
    sample = Sample(np.array([0, 2]), np.array([0.5, 0.5]), "given", 3)
    assert sample.take([1, 2, 3]) == [1, 3]
    assert sample.take(("x", "y", "z")) == ["x", "z"]
    assert sample.take(np.arange(3)).tolist() == [0, 2]
    assert sample.take(Frame.of({"x": [1, 2, 3]}))["x"].values.tolist() == [1, 3]
    assert sample.take(pd.DataFrame({"x": [1, 2, 3]}))["x"].tolist() == [1, 3]
    assert sample.take(pd.Series([1, 2, 3])).tolist() == [1, 3]
    assert sample.take(pl.DataFrame({"x": [1, 2, 3]}))["x"].to_list() == [1, 3]
    assert sample.take(pa.table({"x": [1, 2, 3]})).column("x").to_pylist() == [1, 3]
    assert sample.take(sparse.csr_matrix(np.eye(3))).toarray().tolist() == [[1, 0, 0], [0, 0, 1]]
    assert sample.mask().tolist() == [True, False, True]
    with pytest.raises(DataError, match="drawn from 3 rows, and here are 2"):
        sample.take([1, 2])
    with pytest.raises(ConfigError, match="cannot take rows"):
        sample.take({1, 2, 3})


def test_a_sample_refuses_what_it_cannot_be():
    with pytest.raises(DataError, match="outside the population"):
        Sample(np.array([3]), np.ones(1), "given", 3)
    with pytest.raises(DataError, match="inclusion probability"):
        Sample(np.array([1]), np.array([0.0]), "given", 3)
    with pytest.raises(DataError, match="one per place"):
        Sample(np.array([1]), np.ones(2), "given", 3)
    assert Sample(np.array([1]), np.ones(1), "given", 3).describe()["rows"] == 1


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: simple_random(5, 6), DataError, "6 rows were asked for, and there are 5"),
        (lambda: simple_random(5), ConfigError, "either n= or share="),
        (lambda: simple_random(5, 1, share=0.5), ConfigError, "either n= or share="),
        (lambda: simple_random(5, share=1.5), ConfigError, "share must be a number of at least 0 and at most 1"),
        (lambda: simple_random(5, -1), ConfigError, "n must be a whole number of at least 0"),
        (lambda: simple_random(5, 2.5), ConfigError, "n must be a whole number of at least 0"),
        (lambda: simple_random(0, 1, replace=True), DataError, "no rows to draw from"),
        (lambda: simple_random(-1, 0), ConfigError, "whole number of at least 0 and at most .*, got -1"),
        (lambda: simple_random(object(), 0), ConfigError, "a population is"),
        (lambda: bernoulli(5, 2), ConfigError, "share must be a number of at least 0 and at most 1"),
        (lambda: systematic(5, 2, order=[1, 2]), DataError, "order has 2 values for 5 rows"),
        (lambda: weighted([1, -1], 1), DataError, "at least zero"),
        (lambda: weighted([1, math.nan], 1), DataError, "at least zero"),
        (lambda: weighted([0, 0], 1), DataError, "all weights are zero"),
        (lambda: weighted([1, 0], 2), DataError, "1 have a weight above zero"),
        (lambda: weighted([1, 0], 2, method="successive"), DataError, "1 have a weight above zero"),
        (lambda: weighted([1, 1], 1, method="pivotl"), UnknownName, "Did you mean 'pivotal'"),
        (lambda: weighted([1, 1], 1, order=[1, 2]), ConfigError, "has no order"),
        (lambda: weighted([[1.0]], 1), DataError, r"shape \(n,\)"),
        (lambda: cluster(["a"], 1, within=0), ConfigError, "within must be a whole number of at least 1"),
        (lambda: cluster(["a"], 2), DataError, "2 rows were asked for"),
    ],
)
def test_bad_requests_are_answered_kindly(call, error, says):
    with pytest.raises(error, match=says):
        call()


def test_nothing_from_nothing_is_nothing():
    for sample in (
        simple_random(0, 0),
        simple_random([], share=0.5),
        bernoulli(0, 0.5),
        systematic(0, 0),
        stratified([], 0),
        weighted([], 0),
        weighted([], 0, replace=True),
        cluster([], 0),
    ):
        assert len(sample) == 0


def test_everything_is_everything():
    for sample in (simple_random(5, 5), systematic(5, 5), stratified([1, 1, 2, 2, 2], 5), cluster([1, 1, 2, 2, 2], 2)):
        assert sample.places.tolist() == [0, 1, 2, 3, 4]
        assert sample.pi.tolist() == [1.0] * 5
    for method in ("pivotal", "systematic", "poisson", "successive"):
        assert weighted([1.0, 5.0, 2.0], 3, method=method).pi.tolist() == [1.0] * 3


@given(st.lists(st.floats(0, 1e12), min_size=1, max_size=20), st.data())
def test_inclusion_probabilities_add_up_and_stay_in_proportion(weight, data):
    positive = sum(w > 0 for w in weight)
    n = data.draw(st.integers(0, positive))
    pi = inclusion(weight, n)
    assert np.all((pi >= 0) & (pi <= 1))
    assert pi.sum() == pytest.approx(n, abs=1e-9)
    order = np.argsort(weight, kind="stable")
    assert np.all(np.diff(pi[order]) >= -1e-12)


@pytest.mark.parametrize("method", ["pivotal", "systematic"])
@given(weight=st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=30), data=st.data())
def test_a_fixed_size_is_kept_whatever_the_weights(method, weight, data):
    n = data.draw(st.integers(0, len(weight)))
    sample = weighted(weight, n, method=method, seed=data.draw(st.integers(0, 9)))
    assert len(np.unique(sample.places)) == n


def test_a_group_drawn_alone_is_warned_about():
    assert "only one group" in cluster(["a", "b"], 1).warnings()[0]
    assert "weight 0" in weighted([0.0, 1.0, 1.0], 1).note
