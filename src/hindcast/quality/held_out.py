"""Probabilities for rows the learner has not seen: in folds, or, where rows have times, from the past alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.crowd.names import codes_of
from hindcast.errors import ConfigError, DataError
from hindcast.parameters import progress_of, seed_of, whole
from hindcast.quality.given import column_of, is_sequence
from hindcast.semi.items import count, take
from hindcast.semi.learner import fresh, one_thread
from hindcast.values import Bools, Floats, Ints

__all__ = ["HeldOut", "held_out_probabilities"]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Probabilities of rows, each from a model that did not see it.

    Parameters
    ----------
    probability : float64 array, shape (n, K)
        NaN in rows that could not be judged.
    classes : tuple
    label : int64 array, shape (n,)
        The given labels as codes, -1 where there is none.
    fold : int64 array, shape (n,)
        Which model judged the row; -1 for none.
    notes : tuple of str
    """

    probability: Floats
    classes: tuple[Any, ...]
    label: Ints
    fold: Ints
    notes: tuple[str, ...] = ()

    @property
    def judged(self) -> Bools:
        """Which rows have probabilities, shape (n,)."""
        return np.asarray(self.fold >= 0)


def held_out_probabilities(
    learner: Any,
    items: Any,
    label: Any,
    *,
    folds: int = 5,
    at: Any = None,
    known: Any = None,
    groups: Any = None,
    seed: int = 0,
    progress: Any = None,
) -> HeldOut:
    """Probabilities of the classes of every row, from models that did not see the row.

    Without times: `folds` folds, each class spread over them; a group of rows is never in two. With times: rows in
    order of `at` are cut into ``folds + 1`` blocks of equal numbers; each block is judged by a model of the rows before
    it whose label was known when the block begins. The first block only trains, and is not judged.

    Parameters
    ----------
    learner : scikit-learn style
        Cloned for every fold.
    items : array, sparse matrix, frame or sequence of n rows
    label : sequence or array of n labels
        Text, integers, booleans; None or NaN where there is none: such rows are judged and train nothing.
    folds : int, default 5
    at : array of n numbers, optional
        When each row's question was asked, in any unit.
    known : array of n numbers, optional
        When each label was known, in the same unit; by default at once.
    groups : sequence, optional
        Rows of one group (a duplicate, a customer) are judged by models that saw none of it.

    Raises
    ------
    ConfigError, DataError

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> x = np.array([[0.0], [0.1], [0.2], [0.9], [1.0], [1.1]] * 4)
    >>> found = held_out_probabilities(LogisticRegression(), x, ["a", "a", "a", "b", "b", "b"] * 4, folds=3)
    >>> found.classes, found.probability.shape, bool(found.judged.all())
    (('a', 'b'), (24, 2), True)
    """
    if not hasattr(learner, "fit") or not hasattr(learner, "predict_proba"):
        raise ConfigError(f"held-out probabilities need a learner with fit and predict_proba, got {learner!r}.")
    folds, seed = whole("folds", folds, least=2, most=10_000), seed_of(seed)
    told = progress_of(progress)
    if not is_sequence(items) and not hasattr(items, "shape"):
        raise DataError(f"items are an array, a frame or a sequence of rows, got {type(items).__name__}.")
    n = count(items)
    codes, classes = codes_of(label, column="label", missing=True)
    for name, values in (("label", codes), ("at", at), ("known", known), ("groups", groups)):
        if values is not None and not is_sequence(values):
            raise DataError(f"give one value of {name} per row, got {values!r}.")
        if values is not None and len(values) != n:
            raise DataError(f"{n} rows came with {len(values)} values of {name}; give one per row.")
    if known is not None and at is None:
        raise ConfigError("known says when labels were known; it needs at, when the rows were asked about.")
    probability, fold = np.full((n, len(classes)), np.nan), np.full(n, -1, dtype=np.int64)
    group = None if groups is None else codes_of(groups, column="groups")[0]
    plan = _folds(codes, group, folds, seed) if at is None else _blocks(codes, at, known, group, folds)
    notes: list[str] = []
    for done, (train, test) in enumerate(plan):
        told(done, len(plan))
        if not len(test):
            continue
        seen = np.unique(codes[train])
        if len(seen) < 2:
            notes.append(f"fold {done + 1}: {len(train):,} rows of {len(seen)} classes to learn from; not judged.")
            continue
        model = fresh(learner, seed)
        with one_thread():
            model.fit(take(items, train), codes[train])
            found = np.asarray(model.predict_proba(take(items, test)), dtype=np.float64)
        probability[test] = 0.0
        probability[np.ix_(test, np.asarray(model.classes_, dtype=np.int64))] = found
        fold[test] = done
        if len(seen) < len(classes):
            absent = [str(classes[c]) for c in np.setdiff1d(np.arange(len(classes)), seen)[:5]]
            notes.append(f"fold {done + 1}: no rows of {', '.join(absent)} to learn from.")
    told(len(plan), len(plan))
    if unjudged := int((fold < 0).sum()):
        notes.append(f"{unjudged:,} of {n:,} rows are not judged.")
    return HeldOut(probability, classes, codes, fold, tuple(notes))


def _folds(codes: Ints, group: Ints | None, folds: int, seed: int) -> list[tuple[Ints, Ints]]:
    """Every class spread evenly, or every group in one fold."""
    draw = np.random.default_rng([seed, 4121])
    n = len(codes)
    fold = np.empty(n, dtype=np.int64)
    if group is None:
        order = draw.permutation(n)
        order = order[np.argsort(codes[order], kind="stable")]
        fold[order] = np.arange(n) % folds
    else:
        names = draw.permutation(int(group.max(initial=-1)) + 1)
        fold = names[group] % folds
    rows = np.arange(n)
    return [(rows[(fold != f) & (codes >= 0)], rows[fold == f]) for f in range(folds)]


def _blocks(codes: Ints, at: Any, known: Any, group: Ints | None, folds: int) -> list[tuple[Ints, Ints]]:
    """Blocks in time; a block is learnt from the rows before it whose label was known when it began."""
    asked = _moments(at, "at")
    matured = asked if known is None else _moments(known, "known")
    order = np.sort(asked)
    edges = order[np.linspace(0, len(order), folds + 1, endpoint=False).astype(np.int64)] if len(order) else order
    plan = []
    for f in range(1, len(edges)):
        begins = edges[f]
        within = asked >= begins
        if f + 1 < len(edges):
            within &= asked < edges[f + 1]
        train = (asked < begins) & (matured < begins) & (codes >= 0)
        test = np.flatnonzero(within)
        if group is not None:
            train &= ~np.isin(group, group[test])
        plan.append((np.flatnonzero(train), test))
    return plan


def _moments(values: Any, name: str) -> Floats:
    """Times as floats (a microsecond in a century is exact); never missing but where a label is not known yet."""
    array = column_of(name, values)
    if array.dtype.kind == "M":
        missing = np.isnat(array)
        times = array.astype("datetime64[us]").astype(np.int64).astype(np.float64)
        times[missing] = np.nan
    else:
        try:
            times = array.astype(np.float64)
        except (TypeError, ValueError):
            raise DataError(f"times are numbers or datetime64, got {array.dtype}", column=name) from None
    missing = np.isnan(times)
    if missing.any():
        if name == "at":
            raise DataError("a row has no time", row=int(missing.argmax()) + 1, column=name)
        times[missing] = np.inf  # never known: trains nothing
    return times
