"""Estimates: equal to the textbook, unbiased, and their intervals hold the truth as often as they say."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.sampling import (
    Sample,
    SampleEstimate,
    bernoulli,
    bootstrap_estimate,
    cluster,
    convenience,
    effective_size,
    estimate_mean,
    estimate_quantile,
    estimate_rate,
    estimate_total,
    quota,
    simple_random,
    stratified,
    systematic,
    weighted,
)

RNG = np.random.default_rng(20)
N = 600
PART = np.sort(RNG.integers(0, 4, N))
GROUP = np.arange(N) // 6
SIZE = RNG.gamma(2.0, 10.0, N) + 1
Y = 5.0 * PART + 0.2 * SIZE + RNG.normal(0, 4, N) + RNG.normal(0, 2, 100)[GROUP] + 20
HOLDS = (np.random.default_rng(1).random(N) < 0.15).astype(float)

DESIGNS = {
    "simple": lambda seed: simple_random(N, 120, seed=seed),
    "replaced": lambda seed: simple_random(N, 120, replace=True, seed=seed),
    "bernoulli": lambda seed: bernoulli(N, 0.2, seed=seed),
    "stratified": lambda seed: stratified(PART, 120, allocation="equal", seed=seed),
    "pivotal": lambda seed: weighted(SIZE, 120, seed=seed),
    "systematic pps": lambda seed: weighted(SIZE, 120, method="systematic", seed=seed),
    "poisson": lambda seed: weighted(SIZE, 120, method="poisson", seed=seed),
    "successive": lambda seed: weighted(SIZE, 120, method="successive", seed=seed),
    "weighted, replaced": lambda seed: weighted(SIZE, 120, replace=True, seed=seed),
    "cluster": lambda seed: cluster(GROUP, 40, seed=seed),
    "two stages": lambda seed: cluster(GROUP, 40, within=3, seed=seed),
}
SEEDS = 500
LEAST = 0.95 - 5 * math.sqrt(0.05 * 0.95 / SEEDS)


@pytest.mark.parametrize("design", DESIGNS)
def test_intervals_hold_the_truth_as_often_as_they_say(design):
    truth = {"mean": Y.mean(), "total": Y.sum(), "rate": HOLDS.mean(), "quantile": np.sort(Y)[N // 2 - 1]}
    inside = dict.fromkeys(truth, 0)
    values = []
    for seed in range(SEEDS):
        sample = DESIGNS[design](seed)
        y = Y[sample.places]
        found = {
            "mean": estimate_mean(y, sample),
            "total": estimate_total(y, sample),
            "rate": estimate_rate(HOLDS[sample.places], sample),
            "quantile": estimate_quantile(y, 0.5, sample),
        }
        values.append([found[name].value for name in truth] + [found["total"].error ** 2])
        for name, estimate in found.items():
            inside[name] += estimate.low <= truth[name] <= estimate.high
    for name, hits in inside.items():
        assert hits / SEEDS >= LEAST, f"{name}: {hits / SEEDS}"
        if name != "quantile" and design != "two stages":  # bounded above too: intervals are not merely wide
            assert hits / SEEDS <= 0.95 + 5 * math.sqrt(0.05 * 0.95 / SEEDS)
    values = np.array(values)
    total = values[:, 1]
    assert abs(total.mean() - Y.sum()) < 5 * total.std() / math.sqrt(SEEDS), "the total is biased"
    if design != "two stages":
        assert 0.75 < values[:, 4].mean() / total.var() < 1.3, "the variance is off"


def test_stratified_by_the_textbook():
    sample = stratified(PART, {0: 20, 1: 30, 2: 10, 3: 40}, seed=3)
    y = Y[sample.places]
    mean = variance = 0.0
    for code in range(4):
        mine, size = y[sample.stratum == code], (code == PART).sum()
        mean += size / N * mine.mean()
        variance += (size / N) ** 2 * (1 - len(mine) / size) * mine.var(ddof=1) / len(mine)
    found = estimate_mean(y, sample)
    assert found.value == pytest.approx(mean)
    assert found.error == pytest.approx(math.sqrt(variance))
    assert estimate_mean(y, sample, estimator="horvitz-thompson").value == pytest.approx(mean)
    assert estimate_total(y, sample).value == pytest.approx(N * mean)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30), st.data())
def test_simple_random_by_the_textbook(values, data):
    population = len(values) + data.draw(st.integers(0, 50))
    sample = simple_random(population, len(values), seed=1)
    found = estimate_mean(values, sample)
    assert found.value == pytest.approx(np.mean(values), abs=1e-6)
    error = math.sqrt((1 - len(values) / population) * np.var(values, ddof=1) / len(values))
    assert found.error == pytest.approx(error, rel=1e-6, abs=1e-5)


def test_clusters_by_the_textbook():
    sample = cluster(GROUP, 25, seed=5)
    sums = np.array([Y[g == GROUP].sum() for g in np.unique(sample.unit)])
    variance = 100**2 * (1 - 0.25) * sums.var(ddof=1) / 25
    assert estimate_total(Y[sample.places], sample).error == pytest.approx(math.sqrt(variance))


def test_with_replacement_by_the_textbook():
    sample = weighted(SIZE, 50, replace=True, seed=5)
    z = Y[sample.places] / (SIZE / SIZE.sum())[sample.places]
    found = estimate_total(Y[sample.places], sample)
    assert found.value == pytest.approx(z.mean())
    assert found.error == pytest.approx(z.std(ddof=1) / math.sqrt(50))


def test_a_systematic_sample_is_sure_where_its_order_explains():
    ordered = np.linspace(0, 100, N)
    sample, other = systematic(N, 60, order=ordered, seed=1), simple_random(N, 60, seed=1)
    found = estimate_mean(ordered[sample.places], sample)
    assert found.error < 0.2 * estimate_mean(ordered[other.places], other).error
    assert abs(found.value - 50) < 1
    assert "neighbours" in found.notes[0]


def test_a_part_of_the_population():
    truth = Y[PART == 2].mean()
    hits = 0
    for seed in range(300):
        sample = weighted(SIZE, 150, seed=seed)
        found = estimate_mean(Y[sample.places], sample, where=PART[sample.places] == 2)
        hits += found.low <= truth <= found.high
    assert hits / 300 > 0.95 - 5 * math.sqrt(0.05 * 0.95 / 300)
    total = estimate_total(Y[sample.places], sample, where=PART[sample.places] == 2)
    assert total.low < Y[PART == 2].sum() < total.high
    nobody = estimate_mean(Y[sample.places], sample, where=PART[sample.places] == 9)
    assert math.isnan(nobody.value)
    assert "no drawn row" in nobody.notes[0]


def test_a_census_is_sure():
    sample = simple_random(N, N)
    for found in (estimate_mean(Y, sample), estimate_total(Y, sample), estimate_rate(HOLDS, sample)):
        assert found.low == pytest.approx(found.value)
        assert found.high == pytest.approx(found.value)
    assert estimate_rate(HOLDS, sample).value == pytest.approx(HOLDS.mean())
    assert estimate_quantile(Y, 0.25, sample).value == np.sort(Y)[N // 4 - 1]


def test_rare_things_never_look_impossible():
    sample = simple_random(10**6, 100, seed=1)
    none, all_ = estimate_rate(np.zeros(100), sample), estimate_rate(np.ones(100), sample)
    assert (none.low, all_.high) == (0, 1)
    assert 0.03 < none.high < 0.05
    assert all_.low == pytest.approx(1 - none.high)
    hits = sum(
        (found := estimate_rate(HOLDS[s.places] * (SIZE[s.places] > 40), s)).low
        <= (HOLDS * (SIZE > 40)).mean()
        <= found.high
        for s in (simple_random(N, 60, seed=seed) for seed in range(400))
    )
    assert hits / 400 > 0.9


@pytest.mark.parametrize("sample", [convenience(N, 50), quota(PART, 10)], ids=["convenience", "quota"])
def test_what_no_chance_drew_has_no_interval(sample):
    y = Y[sample.places]
    for found in (
        estimate_mean(y, sample),
        estimate_total(y, sample),
        estimate_rate(HOLDS[sample.places], sample),
        estimate_quantile(y, 0.5, sample),
        bootstrap_estimate(y, sample, lambda v, w: float(np.average(v, weights=w))),
    ):
        assert math.isfinite(found.value)
        assert math.isnan(found.low)
        assert math.isnan(found.high)
        assert sample.design in found.notes[0]
        assert sample.design in str(found)
        assert found.describe()["notes"] == list(found.notes)


def test_one_group_in_a_stratum_says_so():
    sample = stratified(PART, {0: 1, 1: 5}, seed=1)
    found = estimate_mean(Y[sample.places], sample)
    assert math.isnan(found.low)
    assert "one group only" in found.notes[-1]
    assert math.isnan(bootstrap_estimate(Y[sample.places], sample, lambda v, w: 0.0).low)
    whole = stratified([1, 2, 2, 2], {1: 1, 2: 2})
    assert math.isfinite(estimate_mean([1.0, 2.0, 4.0], whole).error), "a stratum that was taken whole has no spread"


@pytest.mark.parametrize("design", ["simple", "stratified", "pivotal", "cluster", "replaced"])
def test_the_bootstrap_agrees_with_the_formula(design):
    sample = DESIGNS[design](4)
    y = Y[sample.places]
    formula = estimate_mean(y, sample)
    boot = bootstrap_estimate(y, sample, lambda v, w: float((v * w).sum() / w.sum()), draws=1500, seed=2)
    assert boot.value == pytest.approx(formula.value)
    assert boot.error == pytest.approx(formula.error, rel=0.15)
    again = bootstrap_estimate(y, sample, lambda v, w: float((v * w).sum() / w.sum()), draws=1500, seed=2)
    assert (again.low, again.high) == (boot.low, boot.high)


def test_the_bootstrap_takes_rows_of_columns():
    sample = simple_random(N, 200, seed=1)
    seen = []
    both = np.column_stack([Y, SIZE])[sample.places]
    found = bootstrap_estimate(
        both, sample, lambda v, w: float(np.cov(v.T, aweights=w)[0, 1]), draws=50, progress=lambda *a: seen.append(a)
    )
    assert found.low < np.cov(Y, SIZE)[0, 1] < found.high
    assert seen[-1] == (50, 50)


def test_effective_size():
    assert effective_size([]) == 0
    assert effective_size([0.0]) == 0
    assert effective_size(np.full(7, 1e-300)) == pytest.approx(7)
    assert effective_size(np.full(7, 1e300)) == pytest.approx(7)
    with pytest.raises(DataError, match="at least zero"):
        effective_size([-1.0])
    sample = simple_random(10**6, 400, replace=True, seed=0)
    assert estimate_mean(np.arange(400.0), sample).effective == pytest.approx(399)
    assert isinstance(estimate_mean(np.arange(400.0), sample), SampleEstimate)


SOME = simple_random(10, 3)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: estimate_mean([1.0, 2.0], SOME), DataError, "3 drawn rows came with values of shape"),
        (lambda: estimate_mean(np.ones(10), SOME), DataError, r"pass values\[sample.places\]"),
        (lambda: estimate_mean([1.0, math.nan, 2.0], SOME), DataError, "a value is missing"),
        (lambda: estimate_mean([1.0, 1.0, 1.0], SOME, estimator="x"), UnknownName, "no estimator 'x'"),
        (lambda: estimate_mean([1, 1, 1], SOME, where=[1, 0, 1]), DataError, "where= is a mask"),
        (lambda: estimate_mean([1, 1, 1], SOME, level=1.0), ConfigError, "level must be a number above 0 and below 1"),
        (lambda: estimate_quantile([1, 1, 1], 0.5, SOME, level=2), ConfigError, "level must be a number above 0"),
        (lambda: bootstrap_estimate([1, 1, 1], SOME, np.average, draws=10**9), ConfigError, "draws must be a whole"),
        (lambda: bootstrap_estimate([1, 1, 1], SOME, None), ConfigError, "the statistic must be a function"),
        (lambda: estimate_rate([1, 2, 1], SOME), DataError, "values that are 0 or 1"),
        (
            lambda: estimate_quantile([1, 2, 1], 2, SOME),
            ConfigError,
            "share must be a number of at least 0",
        ),
        (lambda: bootstrap_estimate([1, 2], SOME, lambda v, w: 0.0), DataError, "3 drawn rows and values of shape"),
        (
            lambda: bootstrap_estimate([1, 2, 3], SOME, lambda v, w: 0.0, draws=1),
            ConfigError,
            "draws must be a whole",
        ),
        (lambda: convenience(5, 2).weights, ConfigError, "has no weights"),
    ],
)
def test_bad_requests_are_answered_kindly(call, error, says):
    with pytest.raises(error, match=says):
        call()


def test_nothing_drawn_says_nothing():
    nothing = Sample(np.zeros(0, np.int64), np.zeros(0), "given", 5)
    for found in (
        estimate_mean([], nothing),
        estimate_total([], nothing),
        estimate_rate([], nothing),
        estimate_quantile([], 0.5, nothing),
    ):
        assert math.isnan(found.value)
        assert found.notes
    one = estimate_mean([3.0], simple_random(5, 1))
    assert one.value == 3.0
    assert math.isnan(one.low)


def test_what_is_no_number_or_sample_is_refused_kindly():
    sample = simple_random(10, 2, seed=0)
    with pytest.raises(DataError, match="values must be numbers"):
        estimate_mean(["a", "b"], sample)
    with pytest.raises(ConfigError, match="Sample"):
        estimate_mean([1.0, 2.0], [0, 1])
    with pytest.raises(DataError, match="numbers"):
        weighted(["a", "b"], 1)


@pytest.mark.parametrize("n", [3, 4, 60, 1000])
def test_a_level_next_to_1_ends(n):
    sample = simple_random(10 * n, n, seed=1)
    found = estimate_quantile(np.arange(float(n)), 0.5, sample, level=1 - 2.0**-53)
    assert 0.0 <= found.low <= found.value <= found.high <= n - 1.0
    assert found.high - found.low > 0.2 * n
