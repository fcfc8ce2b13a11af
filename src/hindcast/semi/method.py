"""What every way of learning from rows without labels offers, and what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from hindcast.parameters import choice, share, switch, whole
from hindcast.semi.classes import Labelled
from hindcast.values import Floats, Ints

__all__ = ["Method", "Model", "Round", "SemiModel"]


class Model(Protocol):
    """A fitted classifier of scikit-learn's shape."""

    def predict_proba(self, items: Any) -> Floats:
        """Probability of each class, shape (n, K)."""
        ...


@dataclass(frozen=True, slots=True)
class Round:
    """One round of a method that labels rows for itself.

    Parameters
    ----------
    number : int
        From 1.
    taken : int
        Unlabelled rows that were given a label.
    per_class : tuple of int, K numbers
    threshold : float
        The least confidence among them; NaN where none was taken.
    changed : int
        Rows whose label is another than in the round before, those given or losing one included.
    """

    number: int
    taken: int
    per_class: tuple[int, ...]
    threshold: float
    changed: int


@dataclass(frozen=True, eq=False)
class SemiModel:
    """A model learnt from labelled and unlabelled rows; itself of scikit-learn's shape.

    Parameters
    ----------
    model : Model
    classes : tuple
    pseudo : int64 array, shape (n,)
        The code of the label that the method itself gave a row, -1 where it gave none (all labelled rows).
    rounds : tuple of Round
    temperature : float
        What confidences were divided by, see :func:`~hindcast.semi.temperature`.
    notes : tuple of str
        What cannot be trusted, in words.
    """

    model: Model
    classes: tuple[Any, ...]
    pseudo: Ints
    rounds: tuple[Round, ...] = ()
    temperature: float = 1.0
    notes: tuple[str, ...] = ()

    @property
    def classes_(self) -> np.ndarray[Any, Any]:
        """The classes, shape (K,)."""
        return np.array(self.classes)

    def predict_proba(self, items: Any) -> Floats:
        """Probability of each class, shape (n, K)."""
        return self.model.predict_proba(items)

    def predict(self, items: Any) -> np.ndarray[Any, Any]:
        """The likeliest class of each item, shape (n,)."""
        likeliest: np.ndarray[Any, Any] = self.classes_[self.predict_proba(items).argmax(axis=1)]
        return likeliest


def untaught(model: Model, y: Labelled) -> SemiModel:
    """What a method gives where no row is without a label: the supervised model."""
    nobody = np.full(len(y), -1, dtype=np.int64)
    return SemiModel(model, y.classes, nobody, notes=("no row is without a label: this is the supervised model.",))


def checked_rounds(what: str, method: Any) -> None:
    """Refuse parameters that methods of rounds share, where one makes no sense."""
    whole(f"{what}: rounds", method.rounds, least=1, most=10_000)
    share(f"{what}: threshold", method.threshold, zero=True)
    switch(f"{what}: calibrate", method.calibrate)
    if not isinstance(method.quota, Mapping):
        choice("quota (or a mapping of class to share)", method.quota, ["prior", "balanced", "none"], where=what)


def told_round(number: int, labels: Ints, before: Ints, classes: int, least: float) -> Round:
    """The round after which rows have `labels`, who had those `before`, shape (n,), -1 for none."""
    sizes = np.bincount(labels[labels >= 0], minlength=classes)
    return Round(number, int(sizes.sum()), tuple(sizes.tolist()), least, int((before != labels).sum()))


@runtime_checkable
class Method(Protocol):
    """A way of learning from rows of which some have no label.

    Laws: the same rows and seed give the same model; without unlabelled rows ``fit`` answers to the bit what
    ``supervised`` answers; the labels of unlabelled rows are never asked for.
    """

    @property
    def name(self) -> str: ...

    def describe(self) -> dict[str, Any]:
        """Its name and parameters, plain values."""
        ...

    def fit(self, items: Any, labels: Any, *, unlabelled: Any = -1, classes: Any = None, seed: int = 0) -> SemiModel:
        """Learn from all rows; those whose label is `unlabelled`, None or NaN have none."""
        ...

    def supervised(self, items: Any, labels: Any, *, unlabelled: Any = -1, classes: Any = None, seed: int = 0) -> Model:
        """What the same learner makes of the labelled rows alone."""
        ...
