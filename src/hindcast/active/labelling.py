"""One simulated round after another, on rows whose labels are known to the simulation but not to the strategy."""

from __future__ import annotations

from typing import Any

import numpy as np

from hindcast.active.choose import Choice, choose
from hindcast.active.committee import committee_of
from hindcast.active.strategy import Strategy
from hindcast.semi.classes import Labelled
from hindcast.semi.items import take
from hindcast.semi.learner import fit
from hindcast.values import Ints

__all__ = ["COMMITTEE", "ask"]

COMMITTEE = 5


def ask(
    strategy: Strategy,
    learner: Any,
    model: Any,
    items: Any,
    y: Labelled,
    known: Ints,
    open_: Ints,
    *,
    n: int,
    cost: Any = None,
    budget: float | None = None,
    features: Any = None,
    asked: Ints | None = None,
    near: float = 1e-3,
    seed: int = 0,
) -> Choice:
    """What `strategy` asks of the items at `open_`, knowing the labels at `known`; places are those of `items`.

    `model` is what was fitted on `known`, or None; a committee is fitted here. Labels outside `known` are not read.
    """
    voters = model
    if strategy.needs_committee and model is not None:
        voters = committee_of(learner, items, y, known, COMMITTEE, seed)
    before = known if asked is None else asked
    whole = features is not None and not callable(features) and not hasattr(features, "transform")
    costs = None if cost is None else np.asarray(cost, dtype=np.float64)[open_]
    choice = choose(
        voters,
        take(items, open_),
        take(items, before),
        strategy=strategy,
        n=n,
        cost=costs,
        budget=budget,
        features=take(features, open_) if whole else features,
        labelled_features=take(features, before) if whole else None,
        near=near,
        seed=seed,
    )
    return Choice(open_[choice.places], choice.score, choice.cost, choice.strategy, choice.notes)


def fitted_or_none(learner: Any, items: Any, y: Labelled, known: Ints, seed: int) -> Any:
    """The learner fitted on the labels at `known`; None where there are none."""
    return fit(learner, items, y, known, seed=seed) if len(known) else None
