"""Neighbours equal those of all distances; flows solve their equations; 10^4 rows stay small."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from hindcast.errors import ConfigError, DataError
from hindcast.semi import Flow, GraphModel, Neighbours, Propagation, flow, graph, graph_bytes, nearest
from hindcast.semi.neighbours import _smallest


def all_distances(x: np.ndarray, q: np.ndarray, metric: str) -> np.ndarray:
    if metric == "cosine":
        lengths = [np.linalg.norm(m, axis=1, keepdims=True) for m in (x, q)]
        x, q = (np.divide(m, n, out=np.zeros_like(m), where=n > 0) for m, n in zip((x, q), lengths, strict=True))
        return 1.0 - q @ x.T - np.where((q == 0).all(axis=1)[:, None] | (x == 0).all(axis=1)[None], 0.0, 0.0)
    return np.sqrt(((q[:, None] - x[None]) ** 2).sum(axis=2))


@pytest.mark.parametrize("width", [1, 2, 30])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("thin", [False, True])
@given(seed=st.integers(0, 10**6), n=st.integers(2, 40), k=st.integers(1, 12))
def test_neighbours_are_those_of_all_distances(width: int, metric: str, thin: bool, seed: int, n: int, k: int) -> None:
    random = np.random.default_rng(seed)
    x = random.normal(size=(n, width)) * (random.random((n, width)) < 0.7) + (0.5 if not thin else 0.0)
    items = sparse.csr_array(x) if thin else x
    found = nearest(items, k, metric=metric)  # type: ignore[arg-type]
    assert isinstance(found, Neighbours)
    distances = all_distances(x, x, metric)
    if metric == "cosine":
        zero = (x == 0).all(axis=1)
        distances[zero[:, None] & zero[None]] = 1.0
    np.fill_diagonal(distances, np.inf)
    width_found = min(k, n - 1)
    expected = np.sort(distances, axis=1)[:, :width_found]
    assert found.place.shape == (n, width_found)
    assert (found.place != np.arange(n)[:, None]).all()
    if metric == "euclidean" or not (x == 0).all(axis=1).any():
        assert np.allclose(found.distance, expected, atol=2e-7)
        assert np.allclose(np.take_along_axis(distances, found.place, axis=1), expected, atol=2e-7)


def test_queries_find_themselves_and_wide_blocks_find_all() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(3_000, 20))
    found = nearest(x, 5, queries=x[:50])
    assert found.place[:, 0].tolist() == list(range(50))
    assert np.allclose(found.distance, np.sort(all_distances(x, x[:50], "euclidean"), axis=1)[:, :5], atol=1e-6)


def test_the_smallest_by_groups_are_the_smallest() -> None:
    values = np.random.default_rng(0).integers(0, 50, (20, 3_001)).astype(float)
    place, least = _smallest(values.copy(), 7)
    assert (least == np.sort(values, axis=1)[:, :7]).all()
    assert (np.take_along_axis(values, place, axis=1) == least).all()


def test_copies_are_neighbours_of_each_other() -> None:
    for width in (2, 30):
        x = np.repeat(np.eye(3, width), 4, axis=0)
        found = nearest(x, 3)
        assert (found.place // 4 == np.arange(12)[:, None] // 4).all()
        assert (found.distance < 1e-7).all()


def test_flow_is_harmonic_and_spreading_solves_its_equation() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(80, 2))
    weights = graph(nearest(x, 6), 80)
    dense = weights.toarray()
    assert (dense == dense.T).all()
    codes = np.full(80, -1)
    codes[:9] = np.arange(9) % 3
    prior = np.full(3, 1 / 3)
    harmonic = flow(weights, codes, prior, tol=1e-10)
    assert isinstance(harmonic, Flow)
    assert harmonic.converged
    inner = harmonic.reached & (codes < 0)
    mean = dense @ harmonic.probability / dense.sum(axis=1, keepdims=True)
    assert np.allclose(mean[inner], harmonic.probability[inner], atol=1e-8)
    assert (harmonic.probability[:9].argmax(axis=1) == codes[:9]).all()
    spread = flow(weights, codes, prior, alpha=0.8, tol=1e-12)
    root = 1 / np.sqrt(dense.sum(axis=1))
    given_ = np.eye(3)[codes] * (codes >= 0)[:, None]
    exact = np.linalg.solve(np.eye(80) - 0.8 * root[:, None] * dense * root, 0.2 * given_)
    exact /= exact.sum(axis=1, keepdims=True)
    assert np.allclose(spread.probability, exact, atol=1e-8)


def test_what_no_label_reaches_gets_the_prior_and_is_told() -> None:
    x = np.r_[np.zeros((5, 1)), np.full((5, 1), 100.0)] + np.arange(10).reshape(-1, 1) * 0.1
    model = Propagation(k=2).fit(x, ["a", "b", None, None, None] + [None] * 5)
    assert "no label reaches 5 of 10" in model.notes[0]
    assert (model.pseudo[5:] == -1).all()
    assert isinstance(model.model, GraphModel)
    assert model.model.probability[5:].tolist() == [[0.5, 0.5]] * 5


def test_spreading_outvotes_a_wrong_label() -> None:
    x = np.linspace(0, 1, 40).reshape(-1, 1)
    labels = [0] * 5 + [1] + [0] * 5 + [None] * 29
    kept = Propagation(k=5).fit(x, labels).model
    doubted = Propagation(k=5, alpha=0.95).fit(x, labels).model
    assert isinstance(kept, GraphModel)
    assert isinstance(doubted, GraphModel)
    assert kept.probability[5].argmax() == 1
    assert doubted.probability[5].argmax() == 0


def test_too_few_steps_are_told() -> None:
    x = np.linspace(0, 1, 200).reshape(-1, 1)
    model = Propagation(k=2, iterations=1).fit(x, [0] + [None] * 198 + [1])
    assert any("had not settled" in note for note in model.notes)


@pytest.mark.slow
def test_memory_stays_near_what_is_told() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(10_000, 3))
    labels = np.full(10_000, -1)
    labels[:20] = np.arange(20) % 2
    Propagation(k=5).fit(x[:100], labels[:100])
    tracemalloc.start()
    Propagation(k=10).fit(x, labels)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * graph_bytes(10_000, 10, 2)


def test_bad_questions_are_refused() -> None:
    with pytest.raises(ConfigError):
        nearest(np.eye(3), 0)
    with pytest.raises(ConfigError, match="metric"):
        nearest(np.eye(3), 1, metric="taxi")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="columns"):
        nearest(np.eye(3), 1, queries=np.ones((2, 2)))
    with pytest.raises(DataError, match="finite"):
        Propagation().fit(np.array([[np.nan], [1.0]]), [0, None])
    assert nearest(np.zeros((1, 2)), 3).place.shape == (1, 0)
    assert nearest(np.eye(3), 2, queries=np.zeros((0, 3))).place.shape[0] == 0
