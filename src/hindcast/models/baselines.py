"""The floor: what answering without learning much is worth. Every table shows these beside every model.

A model that does not beat chance, the base rate, the last known outcome and the rule somebody used before is not worth
serving, however good its score looks.
"""

from __future__ import annotations

import inspect
import json
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from hindcast.columns import Column, Frame, Kind
from hindcast.errors import ArtifactError, ConfigError, DataError, UnknownName
from hindcast.models.model import (
    Model,
    Row,
    StoredModel,
    checked_frame,
    checked_labels,
    checked_weights,
    feature_kinds,
    value_of,
)
from hindcast.parameters import seed_of
from hindcast.values import Bools, Floats, Ints, canonical, digest

__all__ = [
    "LAST_LABEL",
    "LastLabel",
    "Random",
    "Rule",
    "ZeroRule",
    "functions_of",
    "last_label",
    "random",
    "rule",
    "zero_rule",
]

LAST_LABEL = "__last_label"
"""The column a training set and a server supply for :func:`last_label`: the label (0 or 1) of the latest request whose
label was known before as_of, NaN when there is none. No other model reads it."""

Functions = Mapping[str, Callable[..., Any]]


def _model_file(kind: str, **content: Any) -> dict[str, bytes]:
    return {"model.json": canonical({"kind": kind, **content})}


def _read_file(files: Mapping[str, bytes]) -> dict[str, Any]:
    return dict(json.loads(files["model.json"]))


def _mean(label: Floats, weight: Floats | None) -> float:
    """The share of ones, each row counted as often as its weight says."""
    return float(label.mean() if weight is None else (label * weight).sum() / weight.sum())


def _rate(label: Floats, weight: Floats | None, part: Bools, prior: float) -> float:
    """The share of ones among the rows of `part`, with one row of `prior` added: no group answers a certain 0 or 1."""
    if weight is None:
        return float((label[part].sum() + prior) / (part.sum() + 1))
    return float(((label * weight)[part].sum() + prior) / (weight[part].sum() + 1))


# ---- random ---------------------------------------------------------------------------------------------

_MIX = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_NULL = (1 << 64) - 1


def _mixed(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finalizer of SplitMix64: every bit of the input reaches every bit of the output."""
    x = x + np.uint64(_MIX[0])
    x = (x ^ (x >> np.uint64(30))) * np.uint64(_MIX[1])
    x = (x ^ (x >> np.uint64(27))) * np.uint64(_MIX[2])
    mixed: NDArray[np.uint64] = x ^ (x >> np.uint64(31))
    return mixed


def _hashes(column: Column) -> NDArray[np.uint64]:
    """64 bits for each value; equal values (and all nulls) have equal bits, whatever batch they come in."""
    if column.kind == "text":
        assert column.vocabulary is not None
        words = np.array([crc32(w.encode()) + (1 << 40) for w in column.vocabulary] + [_NULL], dtype=np.uint64)
        hashes: NDArray[np.uint64] = words[column.values]
        return hashes
    values = np.where(column.present(), column.values, 0).astype(np.float64) + 0.0  # -0.0 becomes 0.0
    return np.where(column.present(), values.view(np.uint64), np.uint64(_NULL))


@dataclass(frozen=True)
class Random(StoredModel):
    """A uniform probability drawn from a hash of the request's features and the seed.

    The draw belongs to the row: the same request gets the same answer alone, in a batch, in any order of rows or
    columns, today or in a replay. Requests with equal features get equal answers.

    Parameters
    ----------
    seed : int
    features : mapping of str to kind
    """

    seed: int
    features: Mapping[str, Kind]
    kind: ClassVar[str] = "random"
    name: str = "random"

    @property
    def kinds(self) -> Mapping[str, Kind]:
        return self.features

    def predict(self, features: Frame) -> Floats:
        total = np.zeros(len(checked_frame(features)), dtype=np.uint64)
        for name in self.features:
            column = features[name]
            total += _mixed(_hashes(column) ^ np.uint64(int(digest(name.encode()), 16)))
        bits = _mixed(total ^ np.uint64(int(digest({"seed": self.seed}), 16)))
        return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def predict_row(self, row: Row) -> float:
        columns = {name: Column.of([value_of(row, name)]) for name in self.features}
        return float(self.predict(Frame(columns, 1))[0])

    def describe(self) -> dict[str, Any]:
        return {"seed": self.seed, "inputs": len(self.features)}

    def files(self) -> dict[str, bytes]:
        return _model_file(self.kind, seed=self.seed, features=list(self.features.items()))

    @staticmethod
    def load(files: Mapping[str, bytes], functions: Functions) -> Model:
        body = _read_file(files)
        return Random(int(body["seed"]), dict(body["features"]))


@dataclass(frozen=True)
class _LearnRandom:
    name: str = "random"

    def describe(self) -> dict[str, Any]:
        return {"learner": self.name}

    def fit(
        self,
        features: Frame,
        label: Floats,
        *,
        as_of: Ints,
        seed: int,
        weight: Floats | None = None,
        validation: tuple[Frame, Floats] | None = None,
    ) -> Random:
        checked_labels(features, label)
        return Random(seed_of(seed), feature_kinds(features))


def random() -> _LearnRandom:
    """Chance: a uniform probability per request; AUC 0.5, log loss about 1. See :class:`Random`."""
    return _LearnRandom()


# ---- the base rate --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ZeroRule(StoredModel):
    """The share of ones among the training rows, for everybody."""

    rate: float
    kind: ClassVar[str] = "zero_rule"
    name: str = "zero_rule"

    @property
    def kinds(self) -> Mapping[str, Kind]:
        return {}

    def predict(self, features: Frame) -> Floats:
        return np.full(len(checked_frame(features)), self.rate)

    def predict_row(self, row: Row) -> float:
        return self.rate

    def describe(self) -> dict[str, Any]:
        return {"rate": self.rate}

    def files(self) -> dict[str, bytes]:
        return _model_file(self.kind, rate=self.rate)

    @staticmethod
    def load(files: Mapping[str, bytes], functions: Functions) -> Model:
        return ZeroRule(float(_read_file(files)["rate"]))


@dataclass(frozen=True)
class _LearnZeroRule:
    name: str = "zero_rule"

    def describe(self) -> dict[str, Any]:
        return {"learner": self.name}

    def fit(
        self,
        features: Frame,
        label: Floats,
        *,
        as_of: Ints,
        seed: int,
        weight: Floats | None = None,
        validation: tuple[Frame, Floats] | None = None,
    ) -> ZeroRule:
        return ZeroRule(_mean(checked_labels(features, label), checked_weights(features, weight)))


def zero_rule() -> _LearnZeroRule:
    """The base rate of the training rows, whatever the request.

    Examples
    --------
    >>> rows = Frame.of({"x": [1.0, 2.0, 3.0, 4.0]})
    >>> model = zero_rule().fit(rows, np.array([0.0, 0.0, 0.0, 1.0]), as_of=np.arange(4), seed=0)
    >>> model.predict_row({}), model.inputs
    (0.25, ())
    """
    return _LearnZeroRule()


# ---- no change ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LastLabel(StoredModel):
    """The chance of a 1 after a last known 0, after a last known 1, and after nothing known."""

    after_0: float
    after_1: float
    after_nothing: float
    kind: ClassVar[str] = "last_label"
    name: str = "last_label"

    @property
    def kinds(self) -> Mapping[str, Kind]:
        return {LAST_LABEL: "number"}

    def predict(self, features: Frame) -> Floats:
        last = features[LAST_LABEL].as_kind("number").floats()
        return np.where(np.isnan(last), self.after_nothing, np.where(last >= 0.5, self.after_1, self.after_0))

    def predict_row(self, row: Row) -> float:
        last = value_of(row, LAST_LABEL)
        if isinstance(last, str):
            raise DataError("the last label must be 0, 1 or None", column=LAST_LABEL, value=last)
        if last is None or np.isnan(last):
            return self.after_nothing
        return self.after_1 if last >= 0.5 else self.after_0

    def describe(self) -> dict[str, Any]:
        return {"after_0": self.after_0, "after_1": self.after_1, "after_nothing": self.after_nothing}

    def files(self) -> dict[str, bytes]:
        return _model_file(self.kind, **self.describe())

    @staticmethod
    def load(files: Mapping[str, bytes], functions: Functions) -> Model:
        body = _read_file(files)
        return LastLabel(float(body["after_0"]), float(body["after_1"]), float(body["after_nothing"]))


@dataclass(frozen=True)
class _LearnLastLabel:
    name: str = "last_label"

    def describe(self) -> dict[str, Any]:
        return {"learner": self.name}

    def fit(
        self,
        features: Frame,
        label: Floats,
        *,
        as_of: Ints,
        seed: int,
        weight: Floats | None = None,
        validation: tuple[Frame, Floats] | None = None,
    ) -> LastLabel:
        label = checked_labels(features, label)
        weight = checked_weights(features, weight)
        last = features[LAST_LABEL].as_kind("number").floats()
        rate = _mean(label, weight)
        after_0, after_1 = (_rate(label, weight, part, rate) for part in (last < 0.5, last >= 0.5))
        return LastLabel(after_0, after_1, _rate(label, weight, np.isnan(last), rate))


def last_label() -> _LearnLastLabel:
    """No change: the chance of a 1 given the latest label known at as_of, learnt from the training rows.

    Reads the column ``__last_label`` that the training set and the server supply (see :data:`LAST_LABEL`). Each of the
    three rates has one row of the overall rate added.
    """
    return _LearnLastLabel()


# ---- a rule ---------------------------------------------------------------------------------------------


class _Columns(Mapping[str, NDArray[Any]]):
    """What a rule sees: arrays by feature name. Remembers which it read."""

    def __init__(self, features: Frame) -> None:
        self._features = features
        self.read: dict[str, Kind] = {}

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._features:
            raise UnknownName("feature", name, self._features, where="a rule")
        column = self._features[name]
        if column.kind == "list":
            raise ConfigError(
                f"a rule reads {name!r}, which holds lists; models do not take lists. Make a number or a text of it "
                "with a feature function, and read that."
            )
        self.read[name] = column.kind
        return column.array()

    def __iter__(self) -> Iterator[str]:
        return iter(self._features)

    def __len__(self) -> int:
        return len(self._features.names)


def _identity(function: Callable[..., Any]) -> str:
    """A digest of what the function does: its source, or its byte code where there is no source to read."""
    try:
        return digest(textwrap.dedent(inspect.getsource(function)).encode())
    except (OSError, TypeError):
        code = function.__code__
        return digest({"code": code.co_code.hex(), "names": code.co_names, "constants": repr(code.co_consts)})


def _named(function: Callable[..., Any]) -> str:
    name = getattr(function, "__name__", "")
    if not inspect.isfunction(function) or name == "<lambda>" or not name.isidentifier():
        raise ConfigError(
            "a rule must be a named function, since a stored model names it: write `def is_late(row): return "
            'row["delay_mean_1h"] > 20` and pass hc.rule(is_late).'
        )
    return name


def _holds(function: Callable[..., Any], features: Frame) -> tuple[Bools, dict[str, Kind]]:
    columns = _Columns(features)
    what = f"rule {function.__name__!r}"
    try:
        answer = np.asarray(function(columns))
    except ValueError as error:
        if "truth value" not in str(error):
            raise
        raise ConfigError(
            f"{what} used `and`, `or`, `not` or `if` on a column; it is called with whole columns. Write &, | "
            "and ~, with each comparison in brackets, or np.where."
        ) from None
    if answer.shape != (len(features),) or answer.dtype.kind not in "bfiu":
        raise ConfigError(
            f"{what} must answer one boolean per row, shape ({len(features)},), got {answer.dtype} {answer.shape}."
        )
    if answer.dtype.kind == "f":
        answer = np.where(np.isnan(answer), 0.0, answer)
    return answer.astype(np.bool_), columns.read


@dataclass(frozen=True)
class Rule(StoredModel):
    """A function somebody wrote, with the chance of a 1 where it holds and where it does not.

    Parameters
    ----------
    function : function of a mapping of str to array, answering shape (n,) of booleans
    features : mapping of str to kind
        The features it read while it was fitted.
    holds, fails : float
        The two rates.
    """

    function: Callable[..., Any]
    features: Mapping[str, Kind]
    holds: float
    fails: float
    kind: ClassVar[str] = "rule"

    @property
    def name(self) -> str:  # type: ignore[override]
        return self.function.__name__

    @property
    def kinds(self) -> Mapping[str, Kind]:
        return self.features

    def predict(self, features: Frame) -> Floats:
        return np.where(_holds(self.function, features)[0], self.holds, self.fails)

    def predict_row(self, row: Row) -> float:
        columns = {name: Column.of_kind([value_of(row, name)], kind) for name, kind in self.features.items()}
        return float(self.predict(Frame(columns, 1))[0])

    def describe(self) -> dict[str, Any]:
        return {"function": self.name, "code": _identity(self.function), "holds": self.holds, "fails": self.fails}

    def files(self) -> dict[str, bytes]:
        return _model_file(self.kind, **self.describe(), features=list(self.features.items()))

    @staticmethod
    def load(files: Mapping[str, bytes], functions: Functions) -> Model:
        body = _read_file(files)
        name = str(body["function"])
        if name not in functions:
            raise ArtifactError(
                f"{UnknownName('function', name, functions, where='a stored rule')} Load it with the "
                "system that declares it."
            )
        if _identity(functions[name]) != body["code"]:
            raise ArtifactError(f"the rule {name!r} was changed after it was calibrated. Restore it, or train again.")
        return Rule(functions[name], dict(body["features"]), float(body["holds"]), float(body["fails"]))


@dataclass(frozen=True)
class _LearnRule:
    function: Callable[..., Any]

    @property
    def name(self) -> str:
        return self.function.__name__

    def describe(self) -> dict[str, Any]:
        return {"learner": "rule", "function": self.name, "code": _identity(self.function)}

    def fit(
        self,
        features: Frame,
        label: Floats,
        *,
        as_of: Ints,
        seed: int,
        weight: Floats | None = None,
        validation: tuple[Frame, Floats] | None = None,
    ) -> Rule:
        label = checked_labels(features, label)
        weight = checked_weights(features, weight)
        holds, read = _holds(self.function, features)
        rate = _mean(label, weight)
        return Rule(self.function, read, _rate(label, weight, holds, rate), _rate(label, weight, ~holds, rate))


def rule(function: Callable[..., Any]) -> _LearnRule:
    """A heuristic as a model: the two rates at which its answer turned out right on the training rows.

    Parameters
    ----------
    function : named function
        Called with a mapping of feature name to NumPy array (float64 with NaN for null; objects for text), it answers
        one boolean per row. NaN compares as False. A lambda is refused: it has no name to be stored under.

    Raises
    ------
    ConfigError
        For a lambda, and for an answer that is not one boolean per row.

    Examples
    --------
    >>> def is_backed_up(row): return row["delay_mean"] > 20
    >>> rows = Frame.of({"delay_mean": [0.0, 30.0, 40.0, 5.0]})
    >>> model = rule(is_backed_up).fit(rows, np.array([0.0, 1.0, 1.0, 0.0]), as_of=np.arange(4), seed=0)
    >>> model.name, round(model.holds, 3), model.predict_row({"delay_mean": 10.0}) == model.fails
    ('is_backed_up', 0.833, True)
    """
    _named(function)
    return _LearnRule(function)


def functions_of(learners: Iterable[Any]) -> dict[str, Callable[..., Any]]:
    """The functions that the rules among `learners` are made of, by name: what reading a stored rule needs."""
    bare = (getattr(learner, "learner", learner) for learner in learners)
    found = [learner.function for learner in bare if isinstance(learner, _LearnRule)]
    return {function.__name__: function for function in found}
