"""The declaration: one value that says what a whole ML system is.

A :class:`System` holds no data, no paths beyond its sources' own, and no state. Its identity is the digest of what it
means; where things live (the home folder, secrets, sizes) is configuration and stays outside.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hindcast.errors import ConfigError, HindcastError, UnknownName
from hindcast.facts.source import Source
from hindcast.facts.table import Table, check_views
from hindcast.features.logged import Logged
from hindcast.features.meaning import names_of
from hindcast.features.plan import Feature, FeaturePlan
from hindcast.metrics.value import Goal
from hindcast.parameters import path_of, seed_of, switch, whole
from hindcast.trainset.target import Binary
from hindcast.values import Duration, digest, duration_us

if TYPE_CHECKING:
    from hindcast.models.model import Learner
    from hindcast.weak.declared import WeakLabels

__all__ = ["Monitoring", "System", "Training", "load_system"]


@dataclass(frozen=True)
class Training:
    """How a model is made from matured rows.

    Parameters
    ----------
    validation : duration, default "30d"
        The newest stretch of matured rows: candidates are compared and gated on it, having learnt only from
        rows that had matured before it began (the gap is the maturity).
    window : duration, optional
        Learn only from requests this recent; None uses all of history.
    takes : duration, default "1h"
        How long a training takes: a replay spends it before the new model can do anything.
    refit : bool, default True
        Fit the chosen candidate once more on all matured rows, validation included, before it serves.
    min_rows : int, default 200
        Fewer rows on either side of the split are refused.
    weak : WeakLabels, optional
        Rules of thumb that teach rows without a label (:func:`hindcast.weak_labels`). What a model is judged by is
        never among them.
    """

    validation: Duration = "30d"
    window: Duration | None = None
    takes: Duration = "1h"
    refit: bool = True
    min_rows: int = 200
    weak: WeakLabels | None = None

    def __post_init__(self) -> None:
        if self.validation_us <= 0:
            raise ConfigError("Training needs a validation stretch above zero.")
        whole("Training: min_rows", self.min_rows, least=2)
        switch("Training: refit", self.refit)
        if self.weak is not None and not hasattr(self.weak, "add"):
            raise ConfigError(f"Training: weak is made with hindcast.weak_labels([...]), got {self.weak!r:.80}.")
        _ = self.window_us, self.takes_us

    @property
    def validation_us(self) -> int:
        return duration_us(self.validation, what="Training validation")

    @property
    def window_us(self) -> int | None:
        return None if self.window is None else duration_us(self.window, what="Training window")

    @property
    def takes_us(self) -> int:
        return duration_us(self.takes, what="Training takes")

    def describe(self) -> dict[str, Any]:
        return {
            "validation_us": self.validation_us,
            "window_us": self.window_us,
            "takes_us": self.takes_us,
            "refit": self.refit,
            "min_rows": self.min_rows,
            **({} if self.weak is None else {"weak": self.weak.describe()}),
        }


@dataclass(frozen=True)
class Monitoring:
    """What is watched, how often, and how many false alarms are put up with.

    Parameters
    ----------
    window : duration, default "24h"
        Each look compares the requests of this long with the training reference.
    every : duration, default "6h"
        How often it looks; looks lie on multiples of this since 1970 UTC.
    score_window : duration, default "14d"
        Matured rows of this long make a performance figure.
    zone : str, default "UTC"
        Whose clock the daily season follows.
    """

    window: Duration = "24h"
    every: Duration = "6h"
    score_window: Duration = "14d"
    zone: str = "UTC"

    def __post_init__(self) -> None:
        if not 0 < self.every_us <= self.window_us:
            raise ConfigError(
                f"Monitoring looks every {self.every} at windows of {self.window}; every must not be longer."
            )

    @property
    def window_us(self) -> int:
        return duration_us(self.window, what="Monitoring window")

    @property
    def every_us(self) -> int:
        return duration_us(self.every, what="Monitoring every")

    @property
    def score_window_us(self) -> int:
        return duration_us(self.score_window, what="Monitoring score_window")

    def describe(self) -> dict[str, Any]:
        return {
            "window_us": self.window_us,
            "every_us": self.every_us,
            "score_window_us": self.score_window_us,
            "zone": self.zone,
        }


@dataclass(frozen=True)
class System:
    """A whole ML system: goal, question, features, candidates, gates, rollout, renewal.

    Parameters
    ----------
    name : str
        Letters, digits and hyphens.
    goal : Goal
        What a decision is worth.
    predict : Binary
        The question and its answer.
    features : sequence
        Definitions (:func:`hindcast.request`, :func:`hindcast.latest`, :func:`hindcast.window`) and plain
        functions; :func:`hindcast.logged` around one takes its training values from the prediction log.
    models : sequence of learners
        Candidates and baselines. The three parameter-free baselines (random, zero rule, last known label) are
        always added.
    gates : sequence
        Checks that a candidate must pass before anything else happens to it.
    rollout : sequence
        Trials in production, in order; none promotes as soon as the gates pass.
    retrain : sequence
        Triggers; none never retrains.
    training : Training
    monitoring : Monitoring
    assumptions : sequence of str
        What is taken for granted about the data; every report lists them.
    slices : sequence of str
        Request columns by which the report breaks its figures down.
    seed : int, default 0

    Raises
    ------
    ConfigError
        When a name is wrong, no servable model is declared, or views of one source overlap in time.
    """

    name: str
    goal: Goal
    predict: Binary
    features: Sequence[Feature | Logged]
    models: Sequence[Learner]
    gates: Sequence[Any] = ()
    rollout: Sequence[Any] = ()
    retrain: Sequence[Any] = ()
    training: Training = field(default_factory=Training)
    monitoring: Monitoring = field(default_factory=Monitoring)
    assumptions: Sequence[str] = ()
    slices: Sequence[str] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}", self.name):
            raise ConfigError(
                f"a system's name is letters, digits, - and _, starting with a letter; got {self.name!r}."
            )
        for what in ("features", "models", "gates", "rollout", "retrain", "assumptions", "slices"):
            if not isinstance(getattr(self, what), list | tuple):
                raise ConfigError(f"system {self.name!r}: {what}= is a list, got {getattr(self, what)!r:.80}.")
        if not self.features:
            raise ConfigError(f"system {self.name!r} has no features.")
        if not self.models:
            raise ConfigError(f"system {self.name!r} has no models; add hindcast.logistic() or hindcast.lightgbm().")
        from hindcast.models.model import Learner, LearnsUnlabelled

        if not isinstance(self.goal, Goal) or not isinstance(self.predict, Binary):
            raise ConfigError(f"system {self.name!r}: goal= is a hindcast.Goal and predict= a hindcast.Binary.")
        if not isinstance(self.training, Training) or not isinstance(self.monitoring, Monitoring):
            raise ConfigError(
                f"system {self.name!r}: training= is a hindcast.Training and monitoring= a hindcast.Monitoring."
            )
        for one in self.models:
            if not isinstance(one, Learner):
                raise ConfigError(
                    f"system {self.name!r}: models are learners, such as hindcast.logistic(); got {one!r:.80}."
                )
        seed_of(self.seed, f"system {self.name!r}: seed")
        names = [learner.name for learner in self.learners]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ConfigError(f"system {self.name!r} declares two models called {', '.join(sorted(twice))}.")
        if self.training.weak is not None and any(isinstance(one, LearnsUnlabelled) for one in self.models):
            raise ConfigError(
                f"system {self.name!r}: rules of thumb (Training(weak=...)) and a learner that labels requests for "
                "itself would teach the same rows twice; declare one of them."
            )
        check_views(self.tables.values())
        _ = self.plan

    @property
    def target(self) -> Binary:
        """The target; a system may come to have several, each with its name."""
        return self.predict

    @cached_property
    def plan(self) -> FeaturePlan:
        """The features, compiled."""
        return FeaturePlan.compile(self.features, target=self.predict.table)

    @cached_property
    def logged(self) -> Mapping[str, Logged]:
        """The features whose training values are those the server logged, by name."""
        return {name: how for how in self.features if isinstance(how, Logged) for name in names_of(how)}

    @cached_property
    def features_identity(self) -> str:
        """What a training set's features are: what they mean, and which of them are taken from the log, and how."""
        if not self.logged:
            return self.plan.identity
        return digest({"features": self.plan.identity, "logged": {n: how.describe() for n, how in self.logged.items()}})

    @cached_property
    def tables(self) -> Mapping[str, Table]:
        """Every table the system reads, by name."""
        found: dict[str, Table] = {}
        for table in (self.predict.table, self.predict.label.table, *self.plan.tables.values()):
            known = found.setdefault(table.name, table)
            if known is not table and known.describe() != table.describe():
                raise ConfigError(f"system {self.name!r}: two different tables are called {table.name!r}.")
        return found

    @cached_property
    def learners(self) -> tuple[Learner, ...]:
        """The declared models, after the baselines that always stand beside them."""
        from hindcast.models import last_label, random, zero_rule

        declared = {learner.name for learner in self.models}
        always = (random(), zero_rule(), last_label())
        return (*(b for b in always if b.name not in declared), *self.models)

    def columns_of(self, table: str) -> list[str]:
        """The columns of `table` that features, target or label read, sorted."""
        found: set[str] = set(self.plan.columns_of(table)) if table in self.plan.tables else set()
        if table == self.predict.label.table.name:
            found |= set(self.predict.label.on) | set(self.predict.label.expression.names)
        if table == self.predict.table.name:
            found |= {*self.plan.request_columns, *self.predict.label.on, self.predict.as_of.column, *self.slices}
        found |= set(self.tables[table].key or ())
        return sorted(found)

    @cached_property
    def identity(self) -> str:
        """A digest of all that the declaration means."""
        return digest(self.describe())

    def describe(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "goal": self.goal,
            "predict": self.predict,
            "features": self.features_identity,
            "models": list(self.learners),
            "gates": list(self.gates),
            "rollout": list(self.rollout),
            "retrain": list(self.retrain),
            "training": self.training,
            "monitoring": self.monitoring,
            "slices": list(self.slices),
            "seed": self.seed,
        }

    def sources(self) -> dict[str, Source]:
        """Each table's source, for the tables that declare one."""
        return {name: table.source for name, table in self.tables.items() if table.source is not None}


def load_system(path: str | Path, name: str | None = None) -> System:
    """The system that a Python file declares.

    Parameters
    ----------
    path : str or Path
        The file is run as Python, so load only files you trust.
    name : str, optional
        Which one, where a file declares several.

    Raises
    ------
    ConfigError
        When the file is missing, raises, or declares no system (or several, without `name`).
    """
    path = path_of("a system file", path)
    if not path.is_file():
        raise ConfigError(f"no system file at {str(path)!r}. `hindcast init data.csv` writes a first one.")
    module_name = "hindcast_system_" + re.sub(r"\W", "_", path.stem)
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{str(path)!r} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    except HindcastError:
        raise
    except Exception as error:
        raise ConfigError(f"{str(path)!r} could not be run: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(folder)
    found = {value.name: value for value in vars(module).values() if isinstance(value, System)}
    if not found:
        raise ConfigError(f"{str(path)!r} declares no hindcast.System.")
    if name is not None:
        if name not in found:
            raise UnknownName("system", name, found, where=str(path))
        return found[name]
    if len(found) > 1:
        raise ConfigError(f"{str(path)!r} declares {len(found)} systems ({', '.join(found)}); say which.")
    return next(iter(found.values()))
