"""Which places to ask for together: the best by score, and batches that do not ask the same thing twice.

All return places in the order they were chosen. Equal scores go by a seeded order, not by position. Distances are
formed between the pool and one chosen item at a time (or by blocks), never between all pairs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hindcast.errors import DataError
from hindcast.metrics.rows import numbers
from hindcast.parameters import number, seed_of, share, whole
from hindcast.semi.items import finite_matrix, is_sparse
from hindcast.semi.learner import one_thread
from hindcast.values import Bools, Floats, Ints

__all__ = ["badge", "cluster", "k_centre", "mixed", "ranked", "top"]

_BLOCK = 1 << 16
_ROUNDING = 1e-13


def ranked(scores: Any, *, seed: int = 0) -> Ints:
    """All places, greatest score first, ties in a seeded order.

    Examples
    --------
    >>> ranked([0.1, 0.9, 0.5]).tolist()
    [1, 2, 0]
    """
    s, seed = numbers(scores, "scores"), seed_of(seed)
    if s.ndim != 1:
        raise DataError(f"scores must have shape (n,), got {s.shape}.")
    if np.isnan(s).any():
        raise DataError("a score is not a number", row=int(np.isnan(s).argmax()) + 1)
    return np.lexsort((np.random.default_rng([seed, 40_201]).permutation(len(s)), -s))


def _row(x: Any, place: int) -> Any:
    return x[[place]] if is_sparse(x) else x[place : place + 1]


def _squares(x: Any) -> Floats:
    if is_sparse(x):
        return np.asarray(x.multiply(x).sum(axis=1), dtype=np.float64).ravel()
    squares: Floats = np.einsum("ij,ij->i", x, x)
    return squares


def _dot(x: Any, row: Any) -> Floats:
    """Products of all rows with one, shape (n,)."""
    with_row = x @ row.T
    dense = with_row.toarray() if is_sparse(with_row) else with_row
    return np.asarray(dense, dtype=np.float64).ravel()


def _limit(x: Any, near: float) -> float:
    """The squared distance below which items are copies: `near` times the pool's spread, squared.

    The spread is the root mean square distance of the items from their mean, so that an offset of all of them changes
    nothing.
    """
    if not x.shape[0]:
        return 0.0
    mean = np.asarray(x.mean(axis=0), dtype=np.float64).ravel()
    return near**2 * max(float(_squares(x).mean()) - float(mean @ mean), 0.0)


def _copy(apart: Floats, longest: Any, limit: float) -> Bools:
    """Whether squared distances are those of copies, the rounding of items that long allowed for."""
    same: Bools = apart <= limit + _ROUNDING * longest
    return same


def near_to(x: Any, row: Any, squares: Floats, limit: float) -> Bools:
    """Which rows of `x` are copies of `row`, shape (n,)."""
    own = float(_squares(row)[0])
    return _copy(squares + own - 2.0 * _dot(x, row), np.maximum(squares, own), limit)


def top(
    scores: Any,
    n: int,
    *,
    features: Any = None,
    asked: Any = None,
    near: float = 1e-3,
    seed: int = 0,
) -> Ints:
    """The `n` places of greatest score, none a near copy of another.

    Parameters
    ----------
    scores : shape (m,)
    n : int
        Fewer are returned when the pool has not as many different items.
    features : array or sparse matrix, shape (m, d), optional
        Without it nothing is known of copies.
    asked : array or sparse matrix, shape (k, d), optional
        Items that are labelled already; near copies of them are not chosen.
    near : float, default 1e-3
        Items count as one when their distance is at most `near` times the spread of the pool: the root mean square
        distance of its items from their mean.

    Examples
    --------
    >>> top([0.9, 0.9, 0.5], 2, features=np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])).tolist()[1]
    2
    """
    n, near = whole("n", n, least=0), number("near", near, least=0.0)
    order = ranked(scores, seed=seed)
    if features is None:
        return order[:n]
    x = finite_matrix(features)
    if x.shape[0] != len(order):
        raise DataError(f"{len(order)} scores came with {x.shape[0]} rows of features.")
    old = None if asked is None else finite_matrix(asked, what="labelled items")
    limit = _limit(x, near)
    chosen: list[int] = []
    start, size = 0, max(64, 4 * n)
    while len(chosen) < n and start < len(order):
        block = order[start : start + size]
        part = x[block]
        squares = _squares(part)
        free = ~_copies_of_any(part, squares, old, limit)
        for place in chosen:
            free &= ~near_to(part, _row(x, place), squares, limit)
        for at in range(len(block)):
            if free[at] and len(chosen) < n:
                chosen.append(int(block[at]))
                free &= ~near_to(part, _row(part, at), squares, limit)
        start, size = start + size, min(size * 2, _BLOCK)
    return np.array(chosen, dtype=np.int64)


def _copies_of_any(part: Any, squares: Floats, old: Any, limit: float) -> Bools:
    """Which rows are near copies of any row of `old`, by blocks."""
    found = np.zeros(part.shape[0], dtype=np.bool_)
    if old is None or not old.shape[0]:
        return found
    old_squares = _squares(old)
    size = max(1, (1 << 22) // max(1, part.shape[0]))
    with one_thread():
        for start in range(0, old.shape[0], size):
            across = part @ old[start : start + size].T
            product = across.toarray() if is_sparse(across) else np.asarray(across)
            theirs = old_squares[start : start + size]
            apart = squares[:, None] + theirs - 2.0 * product
            found |= _copy(apart, np.maximum(squares[:, None], theirs), limit).any(axis=1)
    return found


def _nearest_square(x: Any, squares: Floats, old: Any) -> Floats:
    """Squared distance of each row to the nearest of `old`, shape (n,), by blocks; infinite without `old`."""
    least = np.full(x.shape[0], np.inf)
    if old is None or not old.shape[0]:
        return least
    old_squares = _squares(old)
    rows = max(1, (1 << 24) // max(1, old.shape[0]))
    with one_thread():
        for start in range(0, x.shape[0], rows):
            across = x[start : start + rows] @ old.T
            product = across.toarray() if is_sparse(across) else np.asarray(across)
            least[start : start + rows] = squares[start : start + rows] + (old_squares - 2.0 * product).min(axis=1)
    return np.maximum(least, 0.0)


def k_centre(features: Any, n: int, *, asked: Any = None, near: float = 1e-3, seed: int = 0) -> Ints:
    """Greedy k-centre (core-set): each place is the one furthest from all chosen and labelled so far.

    At most twice the least possible radius. O(n m d) time, O(m) memory. The first, without labelled items, is drawn.
    Takes outliers gladly: mix with a score where the pool has rubbish.

    References
    ----------
    Gonzalez, "Clustering to Minimize the Maximum Intercluster Distance", 1985. Sener and Savarese, "Active Learning
    for Convolutional Neural Networks: A Core-Set Approach", ICLR 2018.

    Examples
    --------
    >>> sorted(k_centre(np.array([[0.0], [0.1], [5.0], [10.0]]), 2, asked=np.array([[0.0]])).tolist())
    [2, 3]
    """
    n, near, seed = whole("n", n, least=0), number("near", near, least=0.0), seed_of(seed)
    x = finite_matrix(features)
    tie = np.random.default_rng([seed, 40_211]).permutation(x.shape[0])
    squares = _squares(x)
    old = None if asked is None else finite_matrix(asked, what="labelled items")
    least = _nearest_square(x, squares, old)
    limit = _limit(x, near)
    chosen: list[int] = []
    for _ in range(min(n, x.shape[0])):
        far = least.max()
        ties = np.flatnonzero(least >= far)
        place = int(ties[tie[ties].argmin()])
        if far <= limit + _ROUNDING * float(squares[place]):
            break
        chosen.append(place)
        row = _row(x, place)
        np.minimum(least, np.maximum(squares + squares[place] - 2.0 * _dot(x, row), 0.0), out=least)
        least[place] = -1.0
    return np.array(chosen, dtype=np.int64)


def cluster(
    features: Any,
    n: int,
    *,
    scores: Any = None,
    pool: int | None = None,
    asked: Any = None,
    near: float = 1e-3,
    seed: int = 0,
) -> Ints:
    """One item for each of `n` k-means clusters: the one nearest to the centre.

    Parameters
    ----------
    scores : shape (m,), optional
        Clusters are formed among the best `pool` by score, and items weigh as they score.
    pool : int, optional
        Default ``10 * n`` with scores, else all.

    References
    ----------
    Zhdanov, "Diverse Mini-Batch Active Learning", 2019.

    Examples
    --------
    >>> sorted(p // 2 for p in cluster(np.array([[0.0], [0.1], [5.0], [5.1]]), 2).tolist())
    [0, 1]
    """
    n, near, seed = whole("n", n, least=0), number("near", near, least=0.0), seed_of(seed)
    pool = None if pool is None else whole("cluster: pool", pool, least=1)
    x = finite_matrix(features)
    wanted = np.zeros(x.shape[0]) if scores is None else np.asarray(scores, dtype=np.float64)
    size = pool if pool is not None else (10 * n if scores is not None else x.shape[0])
    if n < 1 or x.shape[0] == 0:
        return np.zeros(0, dtype=np.int64)
    if pool is None and scores is None and asked is None and x.shape[0] > _BLOCK:
        places = np.sort(ranked(wanted, seed=seed))
    else:
        places = top(wanted, max(size, n), features=x, asked=asked, near=near, seed=seed)
    if len(places) <= n:
        return places
    from sklearn.cluster import KMeans, MiniBatchKMeans

    part = x[places]
    weight = wanted[places] - wanted[places].min()
    weight = weight / weight.max() + 1e-3 if weight.max() > 0 else np.ones(len(places))
    many = len(places) > 20_000
    kind = MiniBatchKMeans if many else KMeans
    state = int(np.random.SeedSequence([seed, 40_221]).generate_state(1)[0] & 0x7FFFFFFF)
    with one_thread():
        means = kind(n_clusters=n, n_init=1, random_state=state).fit(part, sample_weight=weight)
        group = means.labels_
        centre = means.cluster_centers_
        apart = _squares(part) + _squares(centre)[group]
        apart -= 2.0 * _own_product(part, centre, group)
    order = np.lexsort((ranked(-apart, seed=seed).argsort(), apart, group))
    first = order[np.r_[True, group[order][1:] != group[order][:-1]]]
    chosen = places[first]
    return chosen[np.argsort(-wanted[chosen], kind="stable")]


def mixed(
    scores: Any, features: Any, n: int, *, weight: float = 0.5, asked: Any = None, near: float = 1e-3, seed: int = 0
) -> Ints:
    """Greedily the greatest product of score and distance to all chosen and labelled so far.

    Parameters
    ----------
    scores : shape (m,)
        Not below zero; divided by the greatest.
    weight : float in [0, 1], default 0.5
        Of the distance: score ** (1 - weight) * distance ** weight. 0 is :func:`top`, 1 is :func:`k_centre`.

    Examples
    --------
    >>> mixed([1.0, 0.9, 0.8], np.array([[0.0, 1.0], [0.1, 1.0], [1.0, 0.0]]), 2).tolist()
    [0, 2]
    """
    n, near, seed = whole("n", n, least=0), number("near", near, least=0.0), seed_of(seed)
    weight = share("mixed: weight", weight, zero=True)
    if weight == 0:
        return top(scores, n, features=features, asked=asked, near=near, seed=seed)
    x = finite_matrix(features)
    wanted = numbers(scores, "scores")
    if wanted.shape != (x.shape[0],):
        raise DataError(f"scores of shape {wanted.shape} do not fit {x.shape[0]} rows of features.")
    if not len(wanted):
        return np.zeros(0, dtype=np.int64)
    if not (np.isfinite(wanted) & (wanted >= 0)).all():
        raise DataError("mixed needs finite scores of 0 or above.")
    wanted = (wanted / wanted.max() if wanted.max() > 0 else np.ones(len(wanted))) ** (1.0 - weight)
    tie = np.random.default_rng([seed, 40_241]).permutation(len(wanted))
    squares = _squares(x)
    least = _nearest_square(x, squares, None if asked is None else finite_matrix(asked, what="labelled items"))
    limit = _limit(x, near)
    chosen: list[int] = []
    for _ in range(min(n, len(wanted))):
        far = np.where(np.isinf(least), 1.0, least)
        greatest = float(far.max())
        value = wanted * (far / greatest if greatest > 0 else far) ** (weight / 2.0)
        value[_copy(least, squares, limit)] = -1.0
        value[chosen] = -1.0
        if value.max() < 0:
            break
        ties = np.flatnonzero(value >= value.max())
        place = int(ties[tie[ties].argmin()])
        chosen.append(place)
        apart = squares + squares[place] - 2.0 * _dot(x, _row(x, place))
        np.minimum(least, np.maximum(apart, 0.0), out=least)
    return np.array(chosen, dtype=np.int64)


def _own_product(x: Any, centre: Floats, group: Ints) -> Floats:
    """Each row times its own centre, shape (n,), by blocks."""
    result = np.empty(x.shape[0])
    for start in range(0, x.shape[0], 4096):
        part, own = x[start : start + 4096], centre[group[start : start + 4096]]
        product = part.multiply(own).sum(axis=1) if is_sparse(part) else (part * own).sum(axis=1)
        result[start : start + 4096] = np.asarray(product, dtype=np.float64).ravel()
    return result


def badge(probability: Any, features: Any, n: int, *, near: float = 1e-3, seed: int = 0) -> Ints:
    """Diverse gradients: k-means++ seeding over the gradients that the likeliest labels would send into the last layer.

    The gradient of item i is (p_i - e) times x_i, where e marks its likeliest class: long where the model is unsure,
    alike where it would learn the same. Inner products of such gradients are products of two small ones, so the
    gradients (K times as wide as the features) are never written down: O(m (d + K)) a choice. The zero gradient counts
    as chosen, so that items the model is certain of are not chosen for being different.

    Parameters
    ----------
    probability : shape (m, K)
    features : array or sparse matrix, shape (m, d)
        The last layer's inputs: embeddings, or the features of a linear model.
    near : float, default 1e-3
        An item is not chosen whose distance to a chosen one is at most `near` times the longest gradient's length.

    References
    ----------
    Ash et al., "Deep Batch Active Learning by Diverse, Uncertain Gradient Lower Bounds", ICLR 2020.

    Examples
    --------
    >>> p = np.array([[0.5, 0.5], [0.5, 0.5], [1.0, 0.0]])
    >>> sorted(badge(p, np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), 2).tolist())
    [0, 1]
    """
    x = finite_matrix(features)
    n, near, seed = whole("n", n, least=0), number("near", near, least=0.0), seed_of(seed)
    p = np.array(numbers(probability, "probabilities"))
    if p.ndim != 2 or p.shape[0] != x.shape[0]:
        raise DataError(f"probabilities of shape {p.shape} do not fit {x.shape[0]} rows of features.")
    if not len(p) or n < 1:
        return np.zeros(0, dtype=np.int64)
    gap = p
    gap[np.arange(len(p)), p.argmax(axis=1)] -= 1.0
    gap_squares, squares = _squares(gap), _squares(x)
    length = gap_squares * squares  # squared length of each gradient
    random = np.random.default_rng([seed, 40_231])
    tie = random.permutation(len(p))
    longest = float(length.max())
    least = length.copy()
    chosen: list[int] = []
    for step in range(min(n, len(p))):
        floor = max(near**2, 1e-12) * longest
        open_ = np.where(least > floor, least, 0.0)
        total = float(open_.sum())
        if not total > 0:
            break
        if step == 0:
            ties = np.flatnonzero(open_ >= open_.max())
            place = int(ties[tie[ties].argmin()])
        else:
            place = int(np.searchsorted(np.cumsum(open_), random.random() * total, side="right"))
            place = min(place, len(p) - 1)
        chosen.append(place)
        product = (gap @ gap[place]) * _dot(x, _row(x, place))
        np.minimum(least, np.maximum(length + length[place] - 2.0 * product, 0.0), out=least)
        least[chosen] = 0.0
    return np.array(chosen, dtype=np.int64)
