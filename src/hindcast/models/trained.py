"""A learner that sees its rows after some steps: a sample, a rebalancing, an augmentation.

``trained(lightgbm(), on=[undersample(1.0)])`` is a candidate like any other, and stands in one table with
``lightgbm()``. Steps touch the rows a learner is fitted on and nothing else: what a model is judged by never passes
through them. Where steps change how common label 1 is, the answers are put right again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from hindcast.columns import Frame, Kind
from hindcast.errors import ConfigError, DataError
from hindcast.models.artifact import loader_of
from hindcast.models.baselines import Functions
from hindcast.models.model import Learner, LearnsUnlabelled, Model, Row, StoredModel, checked_frame, feature_kinds
from hindcast.parameters import seed_of, switch
from hindcast.values import Floats, Ints, canonical

if TYPE_CHECKING:
    from hindcast.trainset.rows import Rows, Step

__all__ = ["Trained", "TrainedModel", "fit_rows", "trained"]

_INNER = "inner/"


def fit_rows(learner: Learner, rows: Rows, *, seed: int, validation: tuple[Frame, Floats] | None = None) -> Model:
    """The learner's model on `rows`, whose labels may be probabilities and whose weights may differ.

    A row with probability p of label 1 is learnt from as two rows, one of weight p with label 1 and one of weight
    1 - p with label 0: for a learner on log loss that is exactly learning from the probability.

    Examples
    --------
    >>> from hindcast.models.baselines import zero_rule
    >>> from hindcast.trainset.rows import Rows
    >>> fit_rows(zero_rule(), Rows.of(Frame.of({"x": [1.0, 2.0]}), [0.25, 1.0]), seed=0).rate
    0.625
    """
    rows = _hard(rows)
    options: dict[str, Any] = {} if (rows.weight == 1).all() else {"weight": rows.weight}
    if validation is not None:
        options["validation"] = validation
    return learner.fit(rows.features, rows.label, as_of=rows.as_of, seed=seed, **options)


def _hard(rows: Rows) -> Rows:
    """Rows with labels of 0 and 1 only, those with a probability split in two, beside each other."""
    soft = (rows.label > 0) & (rows.label < 1)
    if not soft.any():
        return rows
    places = np.repeat(np.arange(len(rows)), 1 + soft)
    second = np.zeros(len(places), dtype=np.bool_)
    second[1:] = places[1:] == places[:-1]
    split, share = soft[places], rows.label[places]
    label = np.where(split, np.where(second, 0.0, 1.0), share)
    weight = rows.weight[places] * np.where(split, np.where(second, 1.0 - share, share), 1.0)
    return rows.take(places).having(label=label, weight=weight)


@dataclass(frozen=True)
class TrainedModel(StoredModel):
    """A model whose odds are multiplied by a constant: what rebalanced rows did to them is taken back.

    Parameters
    ----------
    model : Model
        Fitted on the rows after the steps.
    odds : float
        The odds of label 1 before the steps, divided by those after; 1 where nothing is to be put right.
    name : str
    fitted : mapping
        Rows and base rates before and after, and the steps.
    """

    model: Model
    odds: float
    name: str
    fitted: Mapping[str, Any] = field(default_factory=dict)
    kind: ClassVar[str] = "trained"

    @property
    def kinds(self) -> Mapping[str, Kind]:
        return self.model.kinds

    def predict(self, features: Frame) -> Floats:
        p = self.model.predict(features)
        if self.odds == 1.0:
            return p
        ones = p * self.odds
        return ones / (ones + (1.0 - p))

    def predict_row(self, row: Row) -> float:
        p = self.model.predict_row(row)
        if self.odds == 1.0:
            return p
        ones = p * self.odds
        return ones / (ones + (1.0 - p))

    def importance(self) -> dict[str, float] | None:
        return self.model.importance()

    def describe(self) -> dict[str, Any]:
        return {**self.model.describe(), **self.fitted, "odds": self.odds}

    def files(self) -> dict[str, bytes]:
        body = {
            "kind": self.kind,
            "inner": self.model.kind,
            "odds": self.odds,
            "name": self.name,
            "fitted": self.fitted,
        }
        return {"model.json": canonical(body)} | {_INNER + name: data for name, data in self.model.files().items()}

    @staticmethod
    def load(files: Mapping[str, bytes], functions: Functions) -> Model:
        body = json.loads(files["model.json"])
        inner = {name.removeprefix(_INNER): data for name, data in files.items() if name.startswith(_INNER)}
        model = loader_of(str(body["inner"]), "a trained model")(inner, functions)
        return TrainedModel(model, float(body["odds"]), str(body["name"]), body["fitted"])


@dataclass(frozen=True)
class Trained:
    """A learner and what is done to its rows first; see :func:`trained`."""

    learner: Learner
    on: tuple[Step, ...]
    name: str
    correct: bool = True

    def describe(self) -> dict[str, Any]:
        return {
            "learner": "trained",
            "name": self.name,
            "of": self.learner.describe(),
            "on": [step.describe() for step in self.on],
            "correct": self.correct,
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
        from hindcast.trainset.rows import Rows, apply_steps  # a server reads such models, and trains none

        seed = seed_of(seed)
        usable = checked_frame(features).select(feature_kinds(features))
        before = rows = Rows.of(usable, label, weight=weight, as_of=as_of)
        odds = 1.0
        for place, step in enumerate(self.on):
            after = apply_steps(rows, [step], seed + place)
            if self.correct and getattr(step, "shifts_prior", True):
                odds *= odds_of(rows, step.name) / odds_of(after, step.name)
            rows = after
        model = fit_rows(self.learner, rows, seed=seed, validation=validation)
        fitted = {
            "rows_before": len(before),
            "rows_after": len(rows),
            "base_rate_before": before.base_rate,
            "base_rate_after": rows.base_rate,
            "steps": [step.name for step in self.on],
        }
        return TrainedModel(model, odds, self.name, fitted)


def odds_of(rows: Rows, step: str) -> float:
    """The odds of label 1 among rows beside a step; DataError where there is one class only."""
    rate = rows.base_rate
    if not 0 < rate < 1:
        raise DataError(
            f"beside step {step!r} all {len(rows)} labels are {rate:g}; nothing can be learnt from one class. Train on "
            "more rows, or loosen the step."
        )
    return rate / (1.0 - rate)


def trained(learner: Learner, *, on: Sequence[Step] | Step, name: str | None = None, correct: bool = True) -> Trained:
    """A candidate that learns from rows after some steps, which change nothing but those rows.

    Parameters
    ----------
    learner : Learner
        Such as :func:`hindcast.logistic` or :func:`hindcast.lightgbm`.
    on : step, or sequence of steps
        Done in order: samples (:mod:`hindcast.sampling`), rebalancing (:mod:`hindcast.balance`), augmentation
        (:mod:`hindcast.augment`), or anything with ``apply(rows, seed)``, ``describe()`` and ``name``.
    name : str, optional
        What tables and the ledger call it; by default the learner's name and the steps', joined by ``+``.
    correct : bool, default True
        Put the probabilities right where a step changed how common label 1 is: the model's odds are multiplied by
        the odds before over the odds after (exact for rows drawn or weighted by class, close for synthetic ones). A
        step whose change of the base rate is meant, such as taking recent rows only, says ``shifts_prior = False``.

    Raises
    ------
    ConfigError
        For something that is no learner or no step, or no step at all.

    References
    ----------
    Elkan, "The Foundations of Cost-Sensitive Learning", IJCAI 2001 (theorem 2).

    Examples
    --------
    >>> from hindcast.balance import undersample
    >>> from hindcast.models.logistic import logistic
    >>> trained(logistic(), on=undersample(1.0)).name
    'logistic+undersample'
    """
    from hindcast.trainset.rows import Step

    steps: tuple[Any, ...] = tuple(on) if isinstance(on, list | tuple) else (on,)
    if name is not None and (not isinstance(name, str) or not name):
        raise ConfigError(f"trained: name is a text, got {name!r:.80}.")
    switch("trained: correct", correct)
    if not isinstance(learner, Learner):
        raise ConfigError(f"trained() takes a learner first, such as hindcast.lightgbm(); got {learner!r}.")
    if isinstance(learner, LearnsUnlabelled):
        raise ConfigError(
            f"{learner.name} also learns from other rows than its own; put the steps on the learner within."
        )
    if not steps:
        raise ConfigError(f"trained({learner.name}, on=[]) does nothing; declare {learner.name} itself.")
    for step in steps:
        if not isinstance(step, Step):
            raise ConfigError(
                f"trained({learner.name}, on=...) takes steps, such as hindcast.undersample(1.0); got {step!r}. A step "
                "has a name, apply(rows, seed) and describe()."
            )
    return Trained(learner, steps, name or "+".join([learner.name, *(step.name for step in steps)]), correct)
