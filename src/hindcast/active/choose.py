"""Which items to have labelled next: one round, as a pure function of a model, a pool and what is labelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hindcast.active.batches import ranked
from hindcast.active.committee import committee_probabilities
from hindcast.active.strategy import Pool, Strategy, strategy_of
from hindcast.errors import ConfigError, DataError
from hindcast.metrics.rows import numbers
from hindcast.parameters import number, seed_of, whole
from hindcast.semi.items import count, is_sparse, take
from hindcast.semi.learner import predictions
from hindcast.values import Floats, Ints

__all__ = ["Choice", "choose", "features_of"]


@dataclass(frozen=True, eq=False)
class Choice:
    """What to have labelled next.

    Parameters
    ----------
    places : int64 array, shape (m,)
        Into the pool, most wanted first.
    score : float64 array, shape (m,)
        By the strategy's score, before costs.
    cost : float64 array, shape (m,)
    strategy : str
    notes : tuple of str
    """

    places: Ints
    score: Floats
    cost: Floats
    strategy: str
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.places)

    @property
    def spent(self) -> float:
        """What the labels of all of them cost."""
        return float(self.cost.sum())

    @property
    def priority(self) -> Floats:
        """From 1 for the most wanted down towards 0, shape (m,): the order of a batch, not its scores."""
        return 1.0 - np.arange(len(self.places)) / max(1, len(self.places))

    def tasks(self, items: Sequence[Any] | None = None) -> list[tuple[Any, float, str]]:
        """(item, priority, reason) of each, for a labelling project; `items` are the pool's, by default places."""
        return [
            (
                int(place) if items is None else items[int(place)],
                float(priority),
                f"{self.strategy}: {order} of {len(self)}, score {score:.4g}",
            )
            for order, (place, priority, score) in enumerate(
                zip(self.places, self.priority, self.score, strict=True), start=1
            )
        ]


def features_of(model: Any, items: Any, features: Any = None) -> Any:
    """Numbers of items for distances: what `features` makes of them or is, or what a pipeline's model sees, or they.

    None where items are text and nobody says how to make numbers of them.
    """
    if features is not None:
        if callable(features):
            return features(items)
        if hasattr(features, "transform"):
            return features.transform(items)
        if count(features) != count(items):
            raise DataError(f"{count(items)} items came with {count(features)} rows of features.")
        return features
    first = model[0] if isinstance(model, tuple | list) and model else model
    steps = getattr(getattr(first, "model", first), "steps", None)
    if steps and len(steps) > 1 and count(items):
        for _, step in steps[:-1]:
            if step is not None and step != "passthrough":
                items = step.transform(items)
        return items
    if is_sparse(items) or (isinstance(items, np.ndarray) and items.ndim == 2 and items.dtype.kind in "fiub"):
        return items
    return None


def _same_texts(items: Any, asked: Any, order: Ints) -> Ints:
    """`order` without places whose text, but for case and spaces, came before or was asked."""
    if not isinstance(items, list | tuple) or not all(isinstance(item, str) for item in items):
        return order
    seen = {" ".join(str(t).casefold().split()) for t in (asked if asked is not None else ())}
    kept = []
    for place in order:
        text = " ".join(items[int(place)].casefold().split())
        if text not in seen:
            seen.add(text)
            kept.append(int(place))
    return np.array(kept, dtype=np.int64)


def _costs(cost: Any, n: int) -> Floats:
    given = np.ones(n) if cost is None else numbers(cost, "costs")
    if given.shape not in ((), (n,)):
        raise DataError(f"{n} items came with costs of shape {given.shape}; give one number, or one per item.")
    costs = np.broadcast_to(given, (n,)).copy()
    wrong = ~(np.isfinite(costs) & (costs > 0))
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError("a cost is a finite number above zero", row=row + 1, column="cost", value=float(costs[row]))
    return costs


def choose(
    model: Any,
    pool: Any,
    labelled: Any = None,
    *,
    strategy: str | Strategy = "margin",
    n: int = 10,
    cost: Any = None,
    budget: float | None = None,
    features: Any = None,
    labelled_features: Any = None,
    near: float = 1e-3,
    seed: int = 0,
) -> Choice:
    """Choose up to `n` items of the pool to have labelled.

    Parameters
    ----------
    model : fitted classifier with predict_proba; a tuple of them for a committee; None before there are labels
    pool : m items: array, sparse matrix, frame, list of text
    labelled : k items, optional
        Those that are labelled already: nothing near them is chosen, and distances start from them.
    strategy : str or Strategy, default "margin"
        One of :data:`~hindcast.active.STRATEGIES`. "random" is one.
    n : int, default 10
    cost : float or array, shape (m,), optional
        What each label costs, 1 by default. Scores are then per cost ("k_centre" and "badge" have no score to divide
        and are only cut).
    budget : float, optional
        In the unit of cost; items are taken in order as long as they can be paid for, dearer ones passed over.
    features : array, callable or fitted transformer, optional
        Numbers for distances. Default: what a pipeline's last step sees, or the items where they are numbers. An array
        belongs to the pool; the labelled items' then come as `labelled_features`.
    labelled_features : array or sparse matrix, shape (k, d), optional
    near : float, default 1e-3
        See :func:`~hindcast.active.top`; texts alike but for case and spaces are never chosen twice.
    seed : int, default 0

    Returns
    -------
    Choice
        Without a model, strategies that need one choose at random, with a note. Pools of 10^6 are fine: nothing of
        m x m is made.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> model = LogisticRegression().fit([[-1.0], [1.0]], ["no", "yes"])
    >>> choose(model, np.array([[-3.0], [0.1], [2.0]]), n=1).places.tolist()
    [1]
    """
    plan = strategy_of(strategy)
    n, near, seed = whole("choose: n", n, least=1), number("near", near, least=0.0), seed_of(seed)
    budget = None if budget is None else number("choose: budget", budget, least=0.0)
    size, notes = count(pool), []
    costs = _costs(cost, size)
    members = model if isinstance(model, tuple | list) else None
    if plan.needs_model and model is None:
        notes.append(f"no model yet, so {plan.name} chose at random.")
        plan = replace(strategy_of("random"), name=f"{plan.name} (cold)")
    if plan.needs_committee and members is None:
        raise ConfigError(f"{plan.name} needs a committee; pass a tuple of fitted models, see active.committee.")
    if size == 0:
        nothing = np.zeros(0)
        return Choice(np.zeros(0, dtype=np.int64), nothing, nothing, plan.name, ("the pool is empty.",))
    x = features_of(model, pool, features)
    if x is None and plan.needs_features and model is None:
        notes.append(f"no model yet to make numbers of the items, so {plan.name} chose at random.")
        plan = replace(strategy_of("random"), name=f"{plan.name} (cold)")
    if x is None and plan.needs_features:
        raise ConfigError(f"{plan.name} needs numbers to compare items by; pass features= (an encoder or an array).")
    by_array = features is not None and not callable(features) and not hasattr(features, "transform")
    asked = labelled_features
    if asked is None and labelled is not None and count(labelled) and not by_array and x is not None:
        asked = features_of(model, labelled, features)
    table, votes = None, None
    if plan.needs_model:
        if members is None:
            table = predictions(model, pool)
        else:
            votes = committee_probabilities(members, pool)
            table = votes.mean(axis=0)
    view = Pool(size, table, votes, x, asked, seed, near)
    score = plan.scores(view)
    per_cost = score / costs if cost is not None else score
    texts = x is None and isinstance(pool, list | tuple)
    spare = min(size, 4 * n + 64) if plan.batch != "cluster" and (texts or budget is not None) else n
    order = _same_texts(pool, labelled, plan.places(view, per_cost, spare))
    if texts and len(order) < min(n, size) and spare < size:
        order = _same_texts(pool, labelled, ranked(per_cost, seed=seed))
    if cost is not None or budget is not None:
        order = _affordable(order, costs, n, budget)
    chosen = order[:n]
    if len(chosen) < min(n, size):
        notes.append(
            f"{len(chosen)} of {n} chosen: the rest are near copies of these or of labelled ones, or too dear."
        )
    return Choice(chosen, score[chosen], costs[chosen], plan.name, tuple(notes))


def _affordable(order: Ints, costs: Floats, n: int, budget: float | None) -> Ints:
    if budget is None:
        return order[:n]
    kept: list[int] = []
    left = budget
    for place in order:
        if len(kept) < n and costs[place] <= left + 1e-12:
            kept.append(int(place))
            left -= float(costs[place])
    return np.array(kept, dtype=np.int64)


def chosen_items(choice: Choice, pool: Any) -> Any:
    """The chosen items themselves, in their order."""
    return take(pool, choice.places)
