"""A committee: one learner fitted on resampled labels, so that its members differ where labels are few."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.parameters import seed_of, whole
from hindcast.semi.classes import Labelled, labels_of
from hindcast.semi.learner import Fitted, fit, predictions
from hindcast.values import Floats, Ints

__all__ = ["committee", "committee_probabilities"]


def drawn(codes: Ints, random: np.random.Generator) -> Ints:
    """Places drawn with replacement within each class, so that none is lost; of a class with one row, that row."""
    parts = []
    for code in np.unique(codes):
        members = np.flatnonzero(codes == code)
        parts.append(members[random.integers(0, len(members), len(members))])
    return np.sort(np.concatenate(parts))


def committee(
    learner: Any, items: Any, labels: Any, *, members: int = 5, classes: Any = None, seed: int = 0
) -> tuple[Fitted, ...]:
    """`members` models, each fitted on labels drawn anew within each class.

    Rows labelled -1, None or NaN are left out. All members answer for the same classes.

    References
    ----------
    Abe and Mamitsuka, "Query Learning Strategies Using Boosting and Bagging", ICML 1998.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> models = committee(LogisticRegression(), np.array([[0.0], [1.0], [2.0]]), ["a", "b", "b"], members=3)
    >>> committee_probabilities(models, np.array([[0.5]])).shape
    (3, 1, 2)
    """
    members, seed = whole("a committee's members", members, least=2, most=10_000), seed_of(seed)
    y = labels_of(items, labels, classes=classes, what="a committee")
    return committee_of(learner, items, y, np.flatnonzero(y.known), members, seed)


def committee_of(learner: Any, items: Any, y: Labelled, places: Ints, members: int, seed: int) -> tuple[Fitted, ...]:
    """The same for codes and places."""
    random = np.random.default_rng([seed, 40_251])
    return tuple(
        fit(learner, items, y, places[drawn(y.codes[places], random)], seed=seed + member) for member in range(members)
    )


def committee_probabilities(models: Sequence[Any], items: Any) -> Floats:
    """What each member says, shape (members, n, K), float64; all must know the same classes."""
    if not isinstance(models, Sequence) or isinstance(models, str | bytes) or not len(models):
        raise ConfigError(f"a committee is a sequence of fitted models, got {models!r:.60}.")
    names = [list(getattr(model, "classes_", ())) for model in models]
    for at, known in enumerate(names):
        if known != names[0]:
            raise DataError(f"member {at + 1} of the committee knows other classes than the first; fit it on all.")
    return np.stack([predictions(model, items) for model in models])
