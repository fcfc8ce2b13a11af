"""Batches: different items, seeded ties, no copies, k-centres within twice the best radius."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from hindcast.active import badge, cluster, k_centre, mixed, ranked, top
from hindcast.errors import ConfigError, DataError

seeds = st.integers(0, 10**6)


def batches(x: Any, p: Any, n: int, seed: int) -> dict[str, Any]:
    score = 1 - p.max(axis=1)
    return {
        "top": top(score, n, features=x, seed=seed),
        "k_centre": k_centre(x, n, seed=seed),
        "mixed": mixed(score, x, n, seed=seed),
        "cluster": cluster(x, n, scores=score, seed=seed),
        "badge": badge(p, x, n, seed=seed),
    }


def pool(seed: int, n: int, width: int = 3, classes: int = 3) -> tuple[Any, Any]:
    random = np.random.default_rng(seed)
    return random.normal(size=(n, width)), random.dirichlet(np.ones(classes), n)


@given(seeds, st.integers(1, 30), st.integers(1, 8))
def test_places_are_different_and_as_many_as_asked(seed: int, n: int, wanted: int) -> None:
    x, p = pool(seed, n)
    for name, places in batches(x, p, wanted, seed).items():
        assert len(set(places.tolist())) == len(places), name
        assert len(places) == min(n, wanted), name


@given(seeds)
def test_copies_are_chosen_once(seed: int) -> None:
    x, p = pool(seed, 6)
    x, p = np.tile(x, (5, 1)), np.tile(p, (5, 1))
    x += np.random.default_rng(seed).normal(0, 1e-6, x.shape)
    for name, places in batches(x, p, 12, seed).items():
        chosen = [int(place) % 6 for place in places]
        assert len(set(chosen)) == len(chosen), name


@given(seeds, st.integers(1, 25), st.integers(1, 6))
def test_sparse_is_dense(seed: int, n: int, wanted: int) -> None:
    x, p = pool(seed, n)
    thin = batches(sparse.csr_array(x), p, wanted, seed)
    for name, places in batches(x, p, wanted, seed).items():
        assert places.tolist() == thin[name].tolist(), name


def test_the_same_seed_gives_the_same_batch_and_ties_go_by_seed() -> None:
    x, p = pool(0, 200)
    for name, places in batches(x, p, 10, 3).items():
        assert places.tolist() == batches(x, p, 10, 3)[name].tolist()
    firsts = {int(ranked(np.ones(50), seed=seed)[0]) for seed in range(20)}
    assert len(firsts) > 10
    assert {int(k_centre(np.eye(30), 1, seed=seed)[0]) for seed in range(20)} != {0}


@given(seeds, st.integers(4, 9), st.integers(1, 3))
def test_k_centre_is_within_twice_the_best_radius(seed: int, n: int, k: int) -> None:
    x, _ = pool(seed, n, 2)
    distance = np.sqrt(((x[:, None] - x[None]) ** 2).sum(axis=2))
    best = min(distance[list(c)].min(axis=0).max() for c in combinations(range(n), k))
    assert distance[k_centre(x, k, seed=seed)].min(axis=0).max() <= 2 * best + 1e-9


def test_labelled_items_are_kept_away_from() -> None:
    x = np.array([[1.0, 0.0], [0.0, 1.0], [5.0, 5.0]])
    assert k_centre(x, 1, asked=x[[2]] + 1e-9)[0] in (0, 1)
    assert top([3.0, 2.0, 1.0], 3, features=x, asked=x[[0]]).tolist() == [1, 2]
    assert 2 not in mixed([1.0, 1.0, 1.0], x, 3, asked=x[[2]]).tolist()
    assert k_centre(x, 3, asked=x).tolist() == []


def test_items_far_from_zero_are_no_copies_of_each_other() -> None:
    years = np.array([[1999.0], [2000.0], [2001.0], [2001.0], [2005.0]])
    assert len(top(np.ones(5), 5, features=years)) == 4
    assert len(k_centre(years, 5)) == 4
    assert len(mixed(np.ones(5), years, 5)) == 4


@given(seeds, st.sampled_from([1e-6, 1e6]))
def test_the_unit_of_the_features_does_not_matter(seed: int, unit: float) -> None:
    x, p = pool(seed, 20)
    other = batches(x * unit, p, 6, seed)
    for name, places in batches(x, p, 6, seed).items():
        assert len(other[name]) == 6
        if name != "cluster":  # its tolerance for moving centres is absolute
            assert places.tolist() == other[name].tolist(), name


def test_clusters_are_each_asked_once_and_the_uncertain_weigh_more() -> None:
    random = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])
    x = np.repeat(centres, 50, axis=0) + random.normal(size=(200, 2))
    assert sorted(p // 50 for p in cluster(x, 4).tolist()) == [0, 1, 2, 3]
    score = np.r_[np.ones(100), np.zeros(100)]
    assert set(cluster(x, 4, scores=score, pool=100).tolist()) <= set(range(100))


def test_badge_leaves_certain_items_and_prefers_different_gradients() -> None:
    p = np.array([[0.5, 0.5], [0.5, 0.5], [1.0, 0.0], [1.0, 0.0]])
    x = np.array([[1.0, 0.0], [0.0, 1.0], [3.0, 3.0], [-3.0, 3.0]])
    assert sorted(badge(p, x, 4).tolist()) == [0, 1]


def test_badge_draws_by_the_squared_distance_of_the_gradients() -> None:
    p, x = np.full((3, 2), 0.5), np.array([[10.0, 0.0], [0.0, 3.0], [0.0, -1.0]])
    second = np.array([badge(p, x, 2, seed=seed)[1] for seed in range(2_000)])
    gradient = np.stack([np.outer(p[i] - np.eye(2)[0], x[i]).ravel() for i in range(3)])
    d = np.minimum((gradient**2).sum(axis=1), ((gradient - gradient[0]) ** 2).sum(axis=1))
    share = d[1] / (d[1] + d[2])
    assert abs((second == 1).mean() - share) < 5 * np.sqrt(share * (1 - share) / 2_000)


def test_no_items_and_bad_questions() -> None:
    empty = np.zeros((0, 3))
    assert all(len(b) == 0 for b in batches(empty, np.zeros((0, 2)), 3, 0).values())
    assert k_centre(empty, 2).tolist() == []
    assert badge(np.zeros((0, 2)), empty, 2).tolist() == []
    assert mixed([], empty, 2).tolist() == []
    assert top([], 3).tolist() == []
    with pytest.raises(DataError) as error:
        ranked([0.0, np.nan])
    assert error.value.row == 2
    with pytest.raises(DataError):
        top([1.0], 1, features=np.ones((2, 2)))
    with pytest.raises(ConfigError):
        mixed([1.0], np.ones((1, 1)), 1, weight=2.0)
    with pytest.raises(DataError):
        mixed([-1.0], np.ones((1, 1)), 1)


@pytest.mark.slow
def test_a_large_pool_needs_memory_for_rows_only() -> None:
    import tracemalloc

    x, p = pool(0, 200_000, 8)
    tracemalloc.start()
    for places in batches(x, p, 20, 0).values():
        assert len(places) == 20
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200_000 * 8 * 60
