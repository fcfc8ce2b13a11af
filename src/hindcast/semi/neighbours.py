"""The nearest neighbours of every item, exactly, block by block: never all distances at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from hindcast.errors import DataError
from hindcast.parameters import choice, progress_of, whole
from hindcast.semi.items import finite_matrix, is_sparse
from hindcast.semi.learner import one_thread
from hindcast.values import Floats, Ints

__all__ = ["Metric", "Neighbours", "nearest"]

Metric = Literal["euclidean", "cosine"]
_TREE_WIDTH = 12
_GROUP = 64
_BLOCK_BYTES = 96 << 20
_THREADS = 2


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The k nearest of each query, nearest first.

    Parameters
    ----------
    place : int64 array, shape (n, k)
        Into the items searched.
    distance : float64 array, shape (n, k)
        Euclidean, or 1 minus the cosine.
    """

    place: Ints
    distance: Floats


def _unit(matrix: Any) -> Any:
    """Rows of length 1; a row of zeros stays one."""
    if is_sparse(matrix):
        from scipy import sparse

        length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
        scale = np.divide(1.0, length, out=np.zeros_like(length), where=length > 0)
        return sparse.csr_array(sparse.diags_array(scale) @ matrix)
    length = np.sqrt(np.einsum("ij,ij->i", matrix, matrix))[:, None]
    return np.divide(matrix, length, out=np.zeros_like(matrix), where=length > 0)


def _squares(matrix: Any) -> Floats:
    if is_sparse(matrix):
        return np.asarray(matrix.multiply(matrix).sum(axis=1), dtype=np.float64).ravel()
    squares: Floats = np.einsum("ij,ij->i", matrix, matrix)
    return squares


def _smallest(values: Floats, k: int) -> tuple[Ints, Floats]:
    """Columns and values of the k smallest of each row, smallest first, ties by column; shape (rows, k) each.

    The minima of groups of columns are found first: the k smallest lie in the k groups of smallest minima, so only
    these are partitioned.
    """
    rows, n = values.shape
    if n > 4 * _GROUP * k:
        groups = -(-n // _GROUP)
        whole = n // _GROUP * _GROUP
        minima = np.full((rows, groups), np.inf)
        minima[:, : n // _GROUP] = values[:, :whole].reshape(rows, -1, _GROUP).min(axis=2)
        if whole < n:
            minima[:, -1] = values[:, whole:].min(axis=1)
        keep = np.sort(np.argpartition(minima, k - 1, axis=1)[:, :k], axis=1)
        columns = (keep[:, :, None] * _GROUP + np.arange(_GROUP)).reshape(rows, -1)
        outside = columns >= n
        candidates = np.take_along_axis(values, np.minimum(columns, n - 1), axis=1)
        candidates[outside] = np.inf
    else:
        columns, candidates = np.broadcast_to(np.arange(n), values.shape), values
    part = np.argpartition(candidates, k - 1, axis=1)[:, :k]
    found, at = np.take_along_axis(candidates, part, axis=1), np.take_along_axis(columns, part, axis=1)
    order = np.lexsort((at, found), axis=1)
    return np.take_along_axis(at, order, axis=1), np.take_along_axis(found, order, axis=1)


def _brute(items: Any, queries: Any, k: int, skip: bool, told: Callable[[int, int], None]) -> Neighbours:
    """By blocks of queries against all items; the distance is the root of |a|^2 + |b|^2 - 2 ab."""
    n, m = items.shape[0], queries.shape[0]
    size = max(1, min(m, _BLOCK_BYTES // (8 * n)))
    place, distance = np.empty((m, k), dtype=np.int64), np.empty((m, k))
    item_squares, query_squares = _squares(items), _squares(queries)
    across = items.T.tocsr() if is_sparse(items) else np.ascontiguousarray(items.T)

    def search(start: int) -> None:
        stop = min(start + size, m)
        product = queries[start:stop] @ across
        block = product.toarray() if is_sparse(product) else product
        block *= -2.0
        block += item_squares
        if skip:
            block[np.arange(stop - start), np.arange(start, stop)] = np.inf
        at, least = _smallest(block, k)
        place[start:stop] = at
        distance[start:stop] = np.sqrt(np.maximum(least + query_squares[start:stop, None], 0.0))

    starts = range(0, m, size)
    with one_thread(), ThreadPoolExecutor(_THREADS) as pool:
        for done, _ in enumerate(pool.map(search, starts), start=1):
            told(min(done * size, m), m)
    return Neighbours(place, distance)


def _tree(items: Floats, queries: Floats, k: int, skip: bool) -> Neighbours:
    from scipy.spatial import cKDTree

    ask = min(k + int(skip), len(items))
    distance, place = cKDTree(items).query(queries, k=ask, workers=_THREADS)
    distance, place = distance.reshape(len(queries), ask), place.reshape(len(queries), ask).astype(np.int64)
    if skip:
        own = place == np.arange(len(queries))[:, None]
        own[:, -1] |= ~own.any(axis=1)  # itself is not among copies of it: the last goes instead
        place = place[~own].reshape(len(queries), ask - 1)
        distance = distance[~own].reshape(len(queries), ask - 1)
    return Neighbours(place, distance)


def nearest(
    items: Any,
    k: int,
    *,
    queries: Any = None,
    metric: Metric = "euclidean",
    progress: Callable[[int, int], None] | None = None,
) -> Neighbours:
    """The k nearest items of each query, exact to rounding.

    Up to 12 dense columns are searched by a k-d tree, O(n log n) where the data have few dimensions; all else by
    blocks, O(n m d) with blocks of about 100 MB for each of two threads. No graph of n x n numbers is ever made.

    Parameters
    ----------
    items : array or sparse matrix, shape (n, d)
    k : int
        At most the items there are (one fewer without `queries`): fewer are returned then.
    queries : array or sparse matrix, shape (m, d), optional
        Without it each item is asked for its neighbours among the others.
    metric : {"euclidean", "cosine"}
        For "cosine" the distance is 1 minus the cosine; a row of zeros is 1 from everything.
    progress : callable, optional
        Called with (queries done, queries).

    Returns
    -------
    Neighbours
        Ties go by place, but for those at the k-th distance and those the tree breaks. Distances below about 1e-8
        of the items' length are rounding.

    Examples
    --------
    >>> nearest(np.array([[0.0], [1.0], [3.0]]), 1).place.ravel().tolist()
    [1, 0, 1]
    """
    choice("metric", metric, ["euclidean", "cosine"], where="nearest")
    k = whole("nearest: k", k, least=1)
    told = progress_of(progress)
    base = finite_matrix(items)
    skip = queries is None
    asked = base if queries is None else finite_matrix(queries, what="queries")
    if base.shape[1] != asked.shape[1] and asked.shape[0]:
        raise DataError(f"queries have {asked.shape[1]} columns, the items {base.shape[1]}.")
    k = min(k, base.shape[0] - int(skip))
    if k < 1 or not asked.shape[0]:
        rows, width = asked.shape[0], max(k, 0)
        return Neighbours(np.zeros((rows, width), dtype=np.int64), np.zeros((rows, width)))
    if is_sparse(base) != is_sparse(asked):
        base, asked = (part.toarray() if is_sparse(part) else part for part in (base, asked))
    if metric == "cosine":
        base, asked = _unit(base), _unit(asked)
    elif not is_sparse(base):
        centre = base.mean(axis=0)
        base, asked = base - centre, asked - centre
    if not is_sparse(base) and 0 < base.shape[1] <= _TREE_WIDTH and metric == "euclidean":
        return _tree(base, asked, k, skip)
    found = _brute(base, asked, k, skip, told)
    if metric == "cosine":
        return Neighbours(found.place, found.distance**2 / 2.0)
    return found
