"""From features to a decision: the models of one target, by version, and what a caller may send them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from hindcast.columns import Kind
from hindcast.errors import ArtifactError, ConfigError, UnknownName
from hindcast.features.plan import FeaturePlan
from hindcast.models import Model, check_features, load_model, read
from hindcast.serve.inputs import checked_row, refuse_unknown

__all__ = ["Prediction", "Predictor"]


class _Goal(Protocol):
    @property
    def threshold(self) -> float: ...


class Prediction(NamedTuple):
    """What a version said: the probability, and whether to act on it."""

    probability: float
    acted: bool
    version: str


@dataclass(frozen=True, slots=True)
class _Admitted:
    model: Model
    kinds: Mapping[str, Kind]


class Predictor:
    """Models that answer over one feature plan.

    Parameters
    ----------
    plan : FeaturePlan
    goal : Goal
        Anything with a `threshold`: above it, act.
    kinds : mapping of str to kind
        Of the columns a request brings: those of ``plan.request_columns``, and what else is to stand in the log, such
        as the key by which an outcome finds its prediction.
    functions : mapping of str to function, optional
        The functions the system declares, for stored rules.

    Examples
    --------
    >>> import numpy as np
    >>> from hindcast import features
    >>> from hindcast.columns import Frame
    >>> from hindcast.metrics import Goal
    >>> from hindcast.models import zero_rule
    >>> plan = FeaturePlan.compile([features.request("distance")])
    >>> rows = Frame.of({"distance": [1.0, 2.0, 3.0]})
    >>> model = zero_rule().fit(rows, np.array([1.0, 1.0, 0.0]), as_of=np.arange(3), seed=0)
    >>> predictor = Predictor(plan, Goal("act", hit=1, false_alarm=-1), {"distance": "number"})
    >>> predictor.admit("v1", model, plan.identity)
    >>> predictor.predict("v1", {"distance": 2.0}).acted
    True
    """

    def __init__(
        self,
        plan: FeaturePlan,
        goal: _Goal,
        kinds: Mapping[str, Kind],
        functions: Mapping[str, Callable[..., Any]] | None = None,
    ) -> None:
        for name in plan.request_columns:
            if name not in kinds:
                raise UnknownName("kind of the request's column", name, kinds, where="predictor")
        if not 0.0 <= goal.threshold <= 1.0:
            raise ConfigError(f"the goal's threshold must be a probability, got {goal.threshold!r}.")
        self.plan = plan
        self.threshold = float(goal.threshold)
        first = dict.fromkeys(plan.request_columns)
        self.kinds: dict[str, Kind] = {name: kinds[name] for name in (*first, *(n for n in kinds if n not in first))}
        self.functions = dict(functions or {})
        self._admitted: dict[str, _Admitted] = {}

    # ---- versions ---------------------------------------------------------------------------------------

    def admit(self, version: str, model: Model, features: str, meanings: Mapping[str, Any] | None = None) -> None:
        """Let `model`, trained on the feature plan of identity `features`, answer as `version`.

        Parameters
        ----------
        meanings : mapping, optional
            What its features meant when it was trained; see :func:`hindcast.models.check_features`.

        Raises
        ------
        ArtifactError
            When a feature it reads means something else now, or is not declared at all.
        """
        check_features(version, self.plan, identity=features, meanings=meanings or {}, inputs=model.inputs)
        for name in model.inputs:
            if name not in self.plan.origins:
                raise ArtifactError(f"version {version}: {UnknownName('feature', name, self.plan.names)}")
        self._admitted = {**self._admitted, version: _Admitted(model, dict(model.kinds))}

    def load(self, version: str, folder: Path) -> None:
        """Admit the version stored in `folder`; its every file is checked against its manifest."""
        manifest = read(folder)
        self.admit(version, load_model(folder, functions=self.functions), manifest.features, manifest.meanings)

    def retire(self, keep: set[str]) -> None:
        """Let go of all versions but `keep`."""
        self._admitted = {version: held for version, held in self._admitted.items() if version in keep}

    @property
    def versions(self) -> list[str]:
        """The versions that can answer."""
        return list(self._admitted)

    def model(self, version: str) -> Model:
        """The model of a version."""
        try:
            return self._admitted[version].model
        except KeyError:
            raise UnknownName("version", version, self._admitted, where="predictor") from None

    # ---- requests ---------------------------------------------------------------------------------------

    def request(self, row: Mapping[str, Any], number: int = 1) -> dict[str, Any]:
        """A request's values, checked: every column of `kinds`, and no other."""
        return checked_row(row, self.kinds, what="request", number=number)

    def features(self, row: Mapping[str, Any], number: int = 1) -> dict[str, Any]:
        """Features given by the caller, checked; names the plan does not know are refused."""
        kinds = {name: self._feature_kind(name, value) for name, value in row.items() if name in self.plan.origins}
        refuse_unknown(row, self.plan.names, what=f"given features {number}")
        return checked_row(row, kinds, what="given features", number=number)

    def _feature_kind(self, name: str, value: Any) -> Kind:
        for held in self._admitted.values():
            if name in held.kinds:
                return held.kinds[name]
        if isinstance(value, list | tuple):
            return "list"
        return "text" if isinstance(value, str) else "number"

    def predict(self, version: str, features: Mapping[str, Any]) -> Prediction:
        """What `version` says to `features` by name. Microseconds.

        Raises
        ------
        UnknownName
            For a feature the model reads and `features` lacks.
        ArtifactError
            When the answer is no probability.
        """
        probability = self.model(version).predict_row(features)
        if not 0.0 <= probability <= 1.0 or math.isnan(probability):
            raise ArtifactError(f"version {version} answered {probability!r}, which is no probability. Roll it back.")
        return Prediction(probability, probability > self.threshold, version)
