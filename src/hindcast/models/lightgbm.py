"""Gradient boosted trees by LightGBM: the learner, and the model that a server reads without its Python package."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from hindcast.columns import Frame, Kind
from hindcast.errors import ArtifactError, ConfigError, UnknownName
from hindcast.models.baselines import Functions
from hindcast.models.forest import Forest
from hindcast.models.model import Model, Row, StoredModel, checked_labels, checked_weights
from hindcast.models.prepare import Preparation
from hindcast.models.threads import let_threads_sleep
from hindcast.parameters import number, seed_of, share, whole
from hindcast.values import Floats, Ints, canonical

if TYPE_CHECKING:
    from hindcast.balance.focal import FocalLoss

__all__ = ["LightGBM", "LightGBMModel", "lightgbm"]


@dataclass(frozen=True)
class LightGBMModel(StoredModel):
    """A forest on prepared features.

    Parameters
    ----------
    preparation : Preparation
    text : str
        LightGBM's model text, without its section of parameters.
    gain : float array, shape (number of features,)
        The total gain of each feature's splits.
    fitted : mapping
        Rows, trees and mean depth of a leaf.
    name : str, default "lightgbm"
    loss : FocalLoss, optional
        What it was trained on, where that was not log loss: the trees' sum plus `start` is then a score that
        :meth:`FocalLoss.probability` makes a probability of.
    start : float, default 0.0
    """

    preparation: Preparation
    text: str
    gain: Floats
    fitted: Mapping[str, Any] = field(default_factory=dict)
    name: str = "lightgbm"
    loss: FocalLoss | None = None
    start: float = 0.0
    kind: ClassVar[str] = "lightgbm"

    @property
    def kinds(self) -> Mapping[str, Kind]:
        return self.preparation.kinds

    @cached_property
    def forest(self) -> Forest:
        """The trees in memory; read from the text when first used."""
        return Forest(self.text)

    def predict(self, features: Frame) -> Floats:
        found = self.forest.predict(self.preparation.dense(features))
        return found if self.loss is None else self.loss.probability(found + self.start)

    def predict_row(self, row: Row) -> float:
        found = self.forest.predict_row(self.preparation.dense_row(row))
        return found if self.loss is None else float(self.loss.probability([found + self.start])[0])

    def importance(self) -> dict[str, float] | None:
        total = float(self.gain.sum())
        return {name: float(g) / total if total > 0 else 0.0 for name, g in zip(self.inputs, self.gain, strict=True)}

    def describe(self) -> dict[str, Any]:
        return {"inputs": len(self.inputs), "bytes": len(self.text), **self.fitted}

    def files(self) -> dict[str, bytes]:
        body: dict[str, Any] = {"kind": self.kind, "gain": self.gain, "fitted": self.fitted, "probe": self._probe()}
        if self.loss is not None:
            body |= {"name": self.name, "loss": self.loss.describe(), "start": self.start}
        return {
            "preparation.json": canonical(self.preparation),
            "trees.txt": self.text.encode(),
            "model.json": canonical(body),
        }

    def _probe(self) -> list[float]:
        """Answers to two fixed rows, so that a library that reads the trees otherwise is found out."""
        width = len(self.preparation.encoders)
        answers: list[float] = self.forest.predict(np.stack([np.zeros(width), np.full(width, np.nan)])).tolist()
        return answers

    @staticmethod
    def load(files: Mapping[str, bytes], functions: Functions) -> Model:
        body = json.loads(files["model.json"])
        loss: FocalLoss | None = None
        if said := body.get("loss"):
            from hindcast.balance.focal import FocalLoss  # with all that its room is made of: only where it is needed

            loss = FocalLoss(float(said["gamma"]), said["alpha"])
        model = LightGBMModel(
            Preparation.of(json.loads(files["preparation.json"])),
            files["trees.txt"].decode(),
            np.array(body["gain"], dtype=np.float64),
            body["fitted"],
            body.get("name", "lightgbm"),
            loss,
            float(body.get("start", 0.0)),
        )
        if model.forest.features != len(model.preparation.encoders):
            raise ArtifactError(
                f"the trees read {model.forest.features} features, "
                f"the preparation gives {len(model.preparation.encoders)}."
            )
        if not np.allclose(model._probe(), body["probe"], rtol=1e-9, atol=0):
            raise ArtifactError(
                "the installed LightGBM answers otherwise than the one that trained this model. Install that version."
            )
        return model


@dataclass(frozen=True)
class LightGBM:
    """Gradient boosted trees, categories split natively; on log loss, or on focal loss where a class is rare.

    The same rows, parameters and seed give the same bytes with one thread or two. About 6 seconds for 160,000 rows of
    60 features on two cores.

    Parameters
    ----------
    trees : int, default 300
    leaves : int, default 63
        Leaves per tree.
    learning_rate : float, default 0.05
    min_leaf : int, default 100
        Rows a leaf must hold.
    feature_fraction, row_fraction : float, default 0.8, 0.8
        The share of features drawn per tree, and of rows drawn anew for every tree; by the seed.
    ridge : float, default 0.0
        L2 penalty on the values of leaves.
    min_rows : int, default 100
        A category with fewer rows counts as rare: trees learn hundreds of small categories by heart.
    increasing, decreasing : tuple of str
        Numeric features in which the answer must never fall, or never rise.
    bins : int, default 255
        Histogram bins per number; fewer fit faster and see less.
    smoothing : float, default 10.0
        Pulls the statistics of small categories towards each other.
    early_stopping : int, optional
        Stop when the validation log loss has not improved for so many trees, and keep the best number; needs
        validation rows.
    loss : FocalLoss, optional
        Instead of log loss: :func:`hindcast.focal`. Its answers are probabilities nevertheless, mapped back in
        closed form.
    threads : int, default 2
        Not part of the identity: it only changes the speed.
    """

    trees: int = 300
    leaves: int = 63
    learning_rate: float = 0.05
    min_leaf: int = 100
    feature_fraction: float = 0.8
    row_fraction: float = 0.8
    ridge: float = 0.0
    min_rows: int = 100
    increasing: tuple[str, ...] = ()
    decreasing: tuple[str, ...] = ()
    bins: int = 255
    smoothing: float = 10.0
    early_stopping: int | None = None
    loss: FocalLoss | None = None
    threads: int = 2

    def __post_init__(self) -> None:
        what = "lightgbm"
        for name in ("trees", "min_leaf", "min_rows", "threads"):
            whole(f"{what}: {name}", getattr(self, name), least=1)
        whole(f"{what}: leaves", self.leaves, least=2)
        whole(f"{what}: bins", self.bins, least=2, most=65_535)
        number(f"{what}: learning_rate", self.learning_rate, above=0)
        for name in ("ridge", "smoothing"):
            number(f"{what}: {name}", getattr(self, name), least=0)
        for name in ("feature_fraction", "row_fraction"):
            share(f"{what}: {name}", getattr(self, name))
        if self.early_stopping is not None:
            whole(f"{what}: early_stopping", self.early_stopping, least=1)
        for name in ("increasing", "decreasing"):
            given = getattr(self, name)
            names = (given,) if isinstance(given, str) else given
            if not isinstance(names, list | tuple) or not all(isinstance(one, str) for one in names):
                raise ConfigError(f"{what}: {name} names features, got {given!r:.80}.")
            object.__setattr__(self, name, tuple(names))
        if both := sorted({*self.increasing} & {*self.decreasing}):
            raise ConfigError(f"{what} cannot be both increasing and decreasing in {', '.join(both)}.")

    @property
    def name(self) -> str:
        return "lightgbm" if self.loss is None else f"lightgbm+{self.loss.name}"

    def describe(self) -> dict[str, Any]:
        said = {key: value for key, value in asdict(self).items() if key not in ("threads", "loss")}
        return {"learner": self.name, **said, **({} if self.loss is None else {"loss": self.loss.describe()})}

    def fit(
        self,
        features: Frame,
        label: Floats,
        *,
        as_of: Ints,
        seed: int,
        weight: Floats | None = None,
        validation: tuple[Frame, Floats] | None = None,
    ) -> LightGBMModel:
        let_threads_sleep()
        import lightgbm as library

        label = checked_labels(features, label, both=True)
        weight = checked_weights(features, weight)
        preparation = Preparation.trees(features, min_rows=self.min_rows)
        parameters = self.parameters(preparation, seed)
        start = 0.0
        scores: dict[str, Any] = {}
        if self.loss is not None:
            start = self.loss.initial_score(label, weight=weight)
            parameters |= {"objective": self.loss.objective(), "metric": "None"}
            scores = {"init_score": np.full(len(label), start)}
        texts = [at for at, kind in enumerate(preparation.kinds.values()) if kind == "text"]
        data = library.Dataset(
            preparation.dense(features), label, weight=weight, params=parameters, categorical_feature=texts, **scores
        )
        watched: dict[str, Any] = {}
        if self.early_stopping is not None:
            if validation is None:
                raise ConfigError(
                    "lightgbm(early_stopping=...) needs validation rows; declare a validation part or leave it out."
                )
            dense, later_label = preparation.dense(validation[0]), checked_labels(*validation)
            if scores:
                scores = {"init_score": np.full(len(later_label), start)}
            later = library.Dataset(dense, later_label, reference=data, params=parameters, **scores)
            watched = {
                "valid_sets": [later],
                "callbacks": [library.early_stopping(self.early_stopping, verbose=False)],
            }
        if self.loss is not None and watched:
            watched["feval"] = _mean_loss(self.loss)
        booster = library.train(parameters, data, num_boost_round=self.trees, **watched)
        text, gain, shape = forest_of(booster, booster.best_iteration or self.trees)
        return LightGBMModel(preparation, text, gain, {"rows": len(label), **shape}, self.name, self.loss, start)

    def parameters(self, preparation: Preparation, seed: int) -> dict[str, Any]:
        """LightGBM's parameters for features so prepared; refuses monotone features that are none."""
        kinds = preparation.kinds
        for name in (*self.increasing, *self.decreasing):
            if name not in kinds:
                raise UnknownName("feature", name, kinds, where="lightgbm(increasing=, decreasing=)")
            if kinds[name] == "text":
                raise ConfigError(f"lightgbm cannot be monotone in {name!r}: a text has no order.")
        constraints = [int(name in self.increasing) - int(name in self.decreasing) for name in kinds]
        return {
            "objective": "binary",
            "metric": "binary_logloss",
            "num_leaves": self.leaves,
            "learning_rate": self.learning_rate,
            "min_data_in_leaf": self.min_leaf,
            "feature_fraction": self.feature_fraction,
            "bagging_fraction": self.row_fraction,
            "bagging_freq": 1 if self.row_fraction < 1 else 0,
            "lambda_l2": self.ridge,
            "max_bin": self.bins,
            "cat_smooth": self.smoothing,
            **({"monotone_constraints": constraints} if any(constraints) else {}),
            "seed": seed_of(seed) % (1 << 31),
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": self.threads,
            "verbosity": -1,
        }


def forest_of(booster: Any, trees: int | None = None) -> tuple[str, Floats, dict[str, Any]]:
    """The text of a booster's trees (all, or the first so many), the gain of each feature, and the trees' shape."""
    text = _without_parameters(booster.model_to_string(num_iteration=trees))
    return text, booster.feature_importance("gain", iteration=trees).astype(np.float64), _shape(text)


def _mean_loss(loss: FocalLoss) -> Any:
    """What LightGBM watches for early stopping where the objective is not its own."""

    def focal(scores: Any, data: Any) -> tuple[str, float, bool]:
        return "focal", float(loss.losses(data.get_label(), scores).mean()), False

    return focal


def _without_parameters(text: str) -> str:
    """The model text up to its section of parameters, which names the threads and is not needed to predict."""
    head, found, _ = text.partition("\nparameters:\n")
    if not found:
        raise ArtifactError(
            "LightGBM's model text has no section of parameters; this version of LightGBM is not understood."
        )
    return head + "\n"


def _shape(text: str) -> dict[str, Any]:
    """Countable facts about the trees: how many, their leaves, and the mean depth a row falls, by the leaves' rows."""
    trees = leaves = 0
    fallen = weighed = 0.0
    left: list[int] = []
    right: list[int] = []
    for line in text.splitlines():
        key, _, value = line.partition("=")
        if key == "num_leaves":
            trees, leaves = trees + 1, leaves + int(value)
            left, right = [], []
        elif key == "left_child":
            left = [int(v) for v in value.split()]
        elif key == "right_child":
            right = [int(v) for v in value.split()]
        elif key == "leaf_count":
            depths = _depths(left, right)
            counts = [float(v) for v in value.split()]
            fallen += sum(depth * count for depth, count in zip(depths, counts, strict=True))
            weighed += sum(counts)
    return {"trees": trees, "leaves": leaves, "mean_depth": round(fallen / weighed, 3) if weighed else 0.0}


def _depths(left: list[int], right: list[int]) -> list[int]:
    """The depth of every leaf; a child below 0 is the leaf of number -child - 1."""
    depths = [0] * (len(left) + 1)
    waiting = [(0, 0)] if left else []
    while waiting:
        node, depth = waiting.pop()
        for child in (left[node], right[node]):
            if child < 0:
                depths[-child - 1] = depth + 1
            else:
                waiting.append((child, depth + 1))
    return depths


lightgbm = LightGBM
