"""Self-training in a system's declaration: a candidate that also learns from requests whose label is not known.

What a model is judged by has true labels only, and the same learner without it stands beside it in every table.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.columns import Frame
from hindcast.errors import ConfigError
from hindcast.models.model import Learner, feature_kinds
from hindcast.models.phased import matched_odds
from hindcast.models.trained import TrainedModel, fit_rows, odds_of
from hindcast.parameters import number, share, whole
from hindcast.semi.self_training import sure_rows
from hindcast.trainset.rows import Rows
from hindcast.values import Floats, Ints

__all__ = ["SelfTrained", "self_trained"]


@dataclass(frozen=True)
class SelfTrained:
    """A learner that labels the requests it is sure of and learns again; see :func:`self_trained`."""

    learner: Learner
    name: str
    rounds: int
    threshold: float
    most: float
    weight: float

    def describe(self) -> dict[str, Any]:
        return {
            "learner": "self_trained",
            "name": self.name,
            "of": self.learner.describe(),
            **{name: getattr(self, name) for name in ("rounds", "threshold", "most", "weight")},
        }

    def fit(
        self,
        features: Frame,
        label: Floats,
        *,
        as_of: Ints,
        seed: int,
        weight: Floats | None = None,
        validation: tuple[Frame, Floats] | None = None,
    ) -> TrainedModel:
        """From labelled rows alone: what the learner itself makes of them."""
        rows = Rows.of(features, label, weight=weight, as_of=as_of)
        return TrainedModel(
            fit_rows(self.learner, rows, seed=seed, validation=validation), 1.0, self.name, {"taken": []}
        )

    def fit_unlabelled(self, rows: Rows, unlabelled: Frame, as_of: Ints, *, seed: int) -> TrainedModel:
        """From labelled rows, and requests without a label at their moments `as_of`, int64, shape (m,)."""
        rows = rows.having(features=rows.features.select(feature_kinds(rows.features)))
        unlabelled = unlabelled.select(rows.features.names)
        model = fit_rows(self.learner, rows, seed=seed)
        rate, after = rows.base_rate, rows
        shares = np.array([1.0 - rate, rate])
        taken: list[list[int]] = []
        before = np.full(len(unlabelled), -1, dtype=np.int64)
        for turn in range(1, self.rounds + 1):
            p = model.predict(unlabelled)
            codes = (p >= 0.5).astype(np.int64)
            most = math.ceil(self.most * len(unlabelled) * turn / self.rounds)
            confidence = np.maximum(p, 1.0 - p)
            chosen = sure_rows(confidence, codes, threshold=self.threshold, most=most, shares=shares)
            now = np.full(len(unlabelled), -1, dtype=np.int64)
            now[chosen] = codes[chosen]
            taken.append(np.bincount(codes[chosen], minlength=2).tolist())
            if (now == before).all():
                break
            before = now
            after = _joined(rows, unlabelled, as_of, chosen, codes, self.weight)
            model = fit_rows(self.learner, after, seed=seed)
        most_odds = odds_of(rows, self.name) / odds_of(after, self.name)  # had the rows been drawn at random by class
        odds = (
            matched_odds(model.predict(rows.features), rows.label, rows.weight) if before.max(initial=-1) >= 0 else 1.0
        )
        odds = float(np.clip(odds, min(1.0, most_odds), max(1.0, most_odds)))
        return TrainedModel(model, odds, self.name, {"unlabelled": len(unlabelled), "taken": taken})


def _joined(rows: Rows, unlabelled: Frame, as_of: Ints, chosen: Ints, codes: Ints, weight: float) -> Rows:
    return Rows(
        Frame.concat([rows.features, unlabelled.take(chosen)]),
        np.concatenate([rows.label, codes[chosen].astype(np.float64)]),
        np.concatenate([rows.weight, np.full(len(chosen), weight)]),
        np.concatenate([rows.as_of, as_of[chosen]]),
    )


def self_trained(
    learner: Learner,
    *,
    rounds: int = 3,
    threshold: float = 0.8,
    most: float = 1.0,
    weight: float = 1.0,
    name: str | None = None,
) -> SelfTrained:
    """A candidate that also learns from requests without a known label, by labelling those it is sure of.

    In a system these are the requests that were asked before the rows to learn from end, and whose label had not
    matured then: their features are as of their own moment, and no later request is among them. Each round chooses
    afresh, in the proportion of the classes among the labelled rows. What that does to the base rate is taken back: the
    odds are multiplied so that the answers to the labelled rows have their mean, at most as far as the taken rows moved
    it. Declare the learner itself beside it: the gates see both, on true labels.

    Parameters
    ----------
    learner : Learner
        Such as ``hindcast.logistic()``; it may be ``trained(...)`` on steps.
    rounds : int, default 3
        Round r of R may take r / R of `most`; it ends earlier when nothing changes. Costs a fit each, and one.
    threshold : float, default 0.8
        The least probability of the class that is taken.
    most : float, default 1.0
        The share of the requests without a label that the last round may take.
    weight : float, default 1.0
        What a taken row counts against one with a label.
    name : str, optional

    Examples
    --------
    >>> from hindcast.models.logistic import logistic
    >>> self_trained(logistic()).name
    'logistic+self-training'
    """
    where = "self_trained"
    if not isinstance(learner, Learner):
        raise ConfigError(f"{where} takes a learner, such as hindcast.logistic(); got {learner!r}.")
    if isinstance(learner, SelfTrained):
        raise ConfigError(f"{where} takes a learner that is not self-trained already; got {learner.name}.")
    if name is not None and (not isinstance(name, str) or not name):
        raise ConfigError(f"{where}: name is a text, got {name!r}.")
    return SelfTrained(
        learner,
        name or f"{learner.name}+self-training",
        whole(f"{where}: rounds", rounds, least=1),
        share(f"{where}: threshold", threshold, zero=True),
        share(f"{where}: most", most),
        number(f"{where}: weight", weight, above=0.0),
    )
