"""A learner of whatever kind, fitted on rows that may be weighted: what comparisons of balancing stand on."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from hindcast.balance.arrays import row_count
from hindcast.errors import ConfigError
from hindcast.values import Floats

__all__ = ["Answers", "cloned", "fitted"]

Answers = Callable[[Any], Floats]
"""From rows X to the probability of label 1, shape (n,)."""


def cloned(learner: Any, seed: int) -> Any:
    """A fresh copy of a scikit-learn classifier, seeded where it takes a seed."""
    from sklearn.base import clone

    if isinstance(learner, type) or not (hasattr(learner, "get_params") and hasattr(learner, "fit")):
        raise ConfigError(f"a learner is a scikit-learn classifier, got {learner!r:.60}.")
    fresh = clone(learner)
    names = fresh.get_params(deep=True)
    seeds = {name: seed % 2**32 for name in sorted(names) if name == "random_state" or name.endswith("__random_state")}
    return fresh.set_params(**seeds) if seeds else fresh


def _weight_keyword(learner: Any) -> str:
    """How a classifier takes weights: a pipeline hands them to its last step."""
    steps = getattr(learner, "steps", None)
    last, prefix = (steps[-1][1], f"{steps[-1][0]}__") if steps else (learner, "")
    if "sample_weight" not in inspect.signature(last.fit).parameters:
        raise ConfigError(
            f"{type(last).__name__} takes no weights; use oversample() in place of class_weights(), or another learner."
        )
    return f"{prefix}sample_weight"


def fitted(learner: Any, X: Any, label: Any, weight: Floats, *, seed: int) -> Answers:
    """Fit on rows X with labels 0 and 1 and answer probabilities of label 1.

    Parameters
    ----------
    learner : object
        A scikit-learn classifier (never changed: a copy is fitted), or a learner of hindcast, such as
        ``hindcast.lightgbm()``, for a Frame.
    """
    from threadpoolctl import threadpool_limits

    even = bool((weight == weight[0]).all())
    if hasattr(learner, "get_params"):
        model = cloned(learner, seed)
        more = {} if even else {_weight_keyword(model): weight}
        with threadpool_limits(limits=1, user_api="blas"):  # small problems: more threads wait for each other
            model.fit(X, label.astype(np.int64), **more)
        one = list(model.classes_).index(1)
        return lambda rows: np.asarray(model.predict_proba(rows)[:, one], dtype=np.float64)
    if hasattr(learner, "fit") and hasattr(learner, "describe"):
        more = {} if even else {"weight": weight}
        as_of = np.zeros(row_count(X), dtype=np.int64)
        found = learner.fit(X, label.astype(np.float64), as_of=as_of, seed=seed, **more)
        return lambda rows: np.asarray(found.predict(rows), dtype=np.float64)
    raise ConfigError(
        f"a learner is a scikit-learn classifier or one of hindcast's, such as hindcast.lightgbm(); got {learner!r}."
    )
