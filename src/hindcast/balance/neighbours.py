"""Rows made between neighbours, and rows taken out for what their neighbours are: through imbalanced-learn.

Points and class codes in, points or places out. Each class is made in a run of its own, so that a class with fewer
rows than neighbours asked for takes those it has. One thread, so that results do not depend on their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Literal

import numpy as np

from hindcast.balance.space import Space
from hindcast.errors import ConfigError, DataError
from hindcast.values import Ints

__all__ = ["Making", "cleaned_places", "library", "made_points", "nearest"]

Making = Literal["smote", "borderline_smote", "adasyn"]
_SEED = 0x6E656967


def library(part: str) -> Any:
    """The module ``imblearn.<part>``.

    Raises
    ------
    ConfigError
        Where imbalanced-learn is not installed, naming what to install.
    """
    try:
        return import_module(f"imblearn.{part}")
    except ImportError as error:
        raise ConfigError(
            "making rows between neighbours, or cleaning by them, needs imbalanced-learn. "
            "Install it: pip install hindcast[imbalance]. Random under- and oversampling and weights need nothing."
        ) from error


def _state(seed: int, code: int) -> int:
    return int(np.random.SeedSequence([seed, _SEED, code]).generate_state(1)[0])


def made_points(
    space: Space, codes: Ints, code: int, count: int, how: Making, *, k: int, among: int, kind: int, seed: int
) -> tuple[Any, Ints]:
    """About `count` new rows of class `code`, as numbers and categories of the space.

    Raises
    ------
    DataError
        Where the class has one row, or none that the method would start from.
    """
    from threadpoolctl import threadpool_limits

    rows = int((codes == code).sum())
    if rows < 2:
        raise DataError(
            f"{how} makes a row between two of its class, but class number {code} has {rows} row; use oversample(), or "
            "get more labels of that class."
        )
    _checked_space(space, how)
    k = min(k, rows - 1)
    before = np.bincount(codes)
    state, target = _state(seed, code), {code: rows + count}
    with threadpool_limits(limits=1):
        if how == "smote" and space.sizes:
            return _made_by_smote_of_categories(space, codes, target, k, state)
        points = space.points()
        over = library("over_sampling")
        if how == "smote":
            sampler = over.SMOTE(sampling_strategy=target, k_neighbors=k, random_state=state)
        elif how == "borderline_smote":
            sampler = over.BorderlineSMOTE(
                sampling_strategy=target,
                k_neighbors=k,
                m_neighbors=min(among, len(codes) - 1),
                kind=f"borderline-{kind}",
                random_state=state,
            )
        else:
            sampler = over.ADASYN(sampling_strategy=target, n_neighbors=k, random_state=state)
        try:
            found, labels = sampler.fit_resample(points, codes)
        except (RuntimeError, ValueError) as error:
            if how == "smote":
                raise
            raise _no_border(how, code, rows) from error
    made = found[len(codes) :]
    if not made.shape[0]:
        raise _no_border(how, code, rows)
    if np.bincount(labels)[code] != before[code] + made.shape[0]:
        raise DataError(f"{how} answered rows of another class than asked for; is the installed version supported?")
    width = space.numbers.shape[1]
    if not space.sizes:
        return made, np.zeros((made.shape[0], 0), dtype=np.int64)
    made = made.toarray() if hasattr(made, "toarray") else made
    near = nearest(points, np.flatnonzero(codes == code), made)
    return made[:, :width], space.codes[near]


def _checked_space(space: Space, how: str) -> None:
    if not space.numbers.shape[1] + len(space.sizes):
        raise DataError(f"{how} has no column to seek neighbours in: give it numbers, texts or booleans.")


def _no_border(how: str, code: int, rows: int) -> DataError:
    return DataError(
        f"{how} found no row of class number {code} to start from: none of its {rows} rows stands among other classes "
        "without being alone there. Where classes are easy to tell apart use smote(), or nothing."
    )


def _made_by_smote_of_categories(
    space: Space, codes: Ints, target: dict[int, int], k: int, state: int
) -> tuple[Any, Ints]:
    """SMOTE-NC for numbers and categories, SMOTE-N for categories alone: a made row takes the neighbours' commonest."""
    over = library("over_sampling")
    width = space.numbers.shape[1]
    if width == 0:
        sampler = over.SMOTEN(sampling_strategy=target, k_neighbors=k, random_state=state)
        found, _ = sampler.fit_resample(space.codes, codes)
        made = np.asarray(found[len(codes) :])
        return np.zeros((len(made), 0)), made.astype(np.int64)
    sampler = over.SMOTENC(
        categorical_features=list(range(width, width + len(space.sizes))),
        sampling_strategy=target,
        k_neighbors=k,
        random_state=state,
    )
    found, _ = sampler.fit_resample(np.concatenate([space.numbers, space.codes], axis=1), codes)
    made = np.asarray(found[len(codes) :], dtype=np.float64)
    return made[:, :width], np.rint(made[:, width:]).astype(np.int64)


def nearest(points: Any, among: Ints, asked: Any) -> Ints:
    """For each row of `asked` the place, one of `among`, of the nearest of `points`, shape (m,)."""
    from sklearn.neighbors import NearestNeighbors
    from threadpoolctl import threadpool_limits

    if not asked.shape[0] or not points.shape[1]:
        return np.full(asked.shape[0], among[0] if among.size else 0, dtype=np.int64)
    with threadpool_limits(limits=1):
        found = NearestNeighbors(n_neighbors=1).fit(points[among]).kneighbors(asked, return_distance=False)
    return np.asarray(among[found[:, 0]], dtype=np.int64)


def cleaned_places(
    space: Space,
    codes: Ints,
    of: Sequence[int],
    how: Literal["tomek_links", "edited"],
    *,
    k: int = 3,
    agree: str = "all",
) -> Ints:
    """The places of the rows that stay, rising; rows of the classes `of` may go.

    How many neighbours a class gives is not limited: one may lose all of its rows.
    """
    from threadpoolctl import threadpool_limits

    _checked_space(space, how)
    under = library("under_sampling")
    if how == "tomek_links":
        sampler = under.TomekLinks(sampling_strategy=list(of))
    else:
        k = min(k, len(codes) - 1)
        sampler = under.EditedNearestNeighbours(sampling_strategy=list(of), n_neighbors=k, kind_sel=agree)
    with threadpool_limits(limits=1):
        sampler.fit_resample(space.points(), codes)
    return np.sort(np.asarray(sampler.sample_indices_, dtype=np.int64))
