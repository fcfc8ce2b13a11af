"""What drawing rows by class comes to, and what all steps that do so share.

A step says which rows stay or repeat, and which are made; this puts them together: for the rows of a system file, and
for plain arrays with any labels.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np

from hindcast.balance.arrays import below, row_count, taken
from hindcast.balance.classes import class_counts, coded, listed
from hindcast.columns import Frame
from hindcast.errors import ConfigError, DataError
from hindcast.metrics.rows import numbers
from hindcast.parameters import seed_of
from hindcast.trainset.rows import Rows
from hindcast.values import Floats, Ints

__all__ = ["Drawn", "Made", "Resampled", "Resampling", "Reweighting", "resample"]


@dataclass(frozen=True, eq=False)
class Made:
    """Rows that were made: of X's kind, with their class codes and the place of the real row each is nearest to."""

    rows: Any
    codes: Ints
    near: Ints


@dataclass(frozen=True, eq=False)
class Drawn:
    """Places of the rows that stay, rising, repeated ones more than once; and rows made besides."""

    places: Ints
    made: Made | None = None


class Resampling:
    """A step that draws or makes rows by class; its subclasses are frozen dataclasses that give :meth:`draw`.

    Rows of a soft label belong to the class that is likelier (label 1 from 0.5 on) and keep their label; no row is made
    from them. Real rows come in their order, unchanged; made ones after them, with the weight and moment of the real
    row of their class that they are nearest to.
    """

    label: ClassVar[str]

    @property
    def name(self) -> str:
        return self.label

    def describe(self) -> dict[str, Any]:
        return {"step": self.label, **{f.name: getattr(self, f.name) for f in fields(self)}}  # type: ignore[arg-type]

    def draw(self, X: Any, codes: Ints, counts: Ints, seed: int) -> Drawn:
        """What to do with rows X of class `codes`, shape (n,); `counts` has shape (K,)."""
        raise NotImplementedError

    def apply(self, rows: Rows, seed: int) -> Rows:
        codes = (rows.label >= 0.5).astype(np.int64)
        drawn = self.draw(rows.features, codes, class_counts(codes, 2, self.label), seed)
        kept = rows.take(drawn.places)
        made = drawn.made
        if made is None:
            return kept
        soft = (rows.label > 0) & (rows.label < 1)
        if soft.any():
            raise DataError(
                f"{self.label} makes rows of one class or the other; make labels 0 or 1 first, or oversample()",
                row=int(soft.argmax()) + 1,
                column="label",
                value=float(rows.label[soft.argmax()]),
            )
        return Rows(
            Frame.concat([kept.features, made.rows]),
            np.concatenate([kept.label, made.codes.astype(np.float64)]),
            np.concatenate([kept.weight, rows.weight[made.near]]),
            np.concatenate([kept.as_of, rows.as_of[made.near]]),
        )


class Reweighting(Protocol):
    """A step that changes no row but its weight: by class, for any number of them."""

    @property
    def name(self) -> str: ...

    def by_class(self, totals: Floats, classes: tuple[Any, ...]) -> Floats:
        """What to multiply the weights of each class with, shape (K,), given the total weight of each."""
        ...


class Resampled(NamedTuple):
    """Rows after a step.

    `X` is of the kind it was, `y` an array of the labels, `weight` has shape (m,), and `place` says which row each was
    (-1: made).
    """

    X: Any
    y: np.ndarray[Any, Any]
    weight: Floats
    place: Ints


def resample(X: Any, y: Any, step: Resampling | Reweighting, *, weight: Any = None, seed: int = 0) -> Resampled:
    """Plain arrays after a step, for any number of classes; only ever give it rows to learn from.

    Parameters
    ----------
    X : array_like, sparse matrix, Frame, or data frame of pandas or polars, n rows
        Methods that look at neighbours take numbers, texts and booleans; see :mod:`hindcast.balance.space`.
    y : array_like, shape (n,)
        Labels of two classes or more.
    step : step
        Such as ``undersample(0.5)``, ``smote()``, ``class_weights("balanced")``.
    weight : array_like, shape (n,), optional
        1 unless given.
    seed : int, default 0

    Raises
    ------
    DataError
        For one class only, a missing label, or other numbers of rows, labels and weights.

    Examples
    --------
    >>> from hindcast.balance import undersample
    >>> after = resample([[1], [2], [3], [4]], ["no", "no", "no", "yes"], undersample(1.0))
    >>> after.y.tolist(), len(after.X), after.place.size
    (['no', 'yes'], 2, 2)
    """
    seed = seed_of(seed)
    y = y if isinstance(y, np.ndarray) else listed(y)
    codes, classes = coded(y)
    n = row_count(X)
    labels = y if isinstance(y, np.ndarray) else _labels(y)
    w = np.ones(n) if weight is None else numbers(weight, "weights")
    if len(codes) != n or w.shape != (n,):
        raise DataError(
            f"{n} rows came with {len(codes)} labels and weights of shape {w.shape}; give one of each per row."
        )
    wrong = ~(np.isfinite(w) & (w > 0))
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError("a weight is a finite number above zero", row=row + 1, column="weight", value=float(w[row]))
    if isinstance(step, Resampling):
        drawn = step.draw(X, codes, class_counts(codes, len(classes), step.name), seed)
        top, made = taken(X, drawn.places), drawn.made
        if made is None:
            return Resampled(top, labels[drawn.places], w[drawn.places], drawn.places)
        names = np.empty(len(classes), dtype=object)
        names[:] = classes
        return Resampled(
            below(top, made.rows),
            np.concatenate([labels[drawn.places], names[made.codes].astype(labels.dtype)]),
            np.concatenate([w[drawn.places], w[made.near]]),
            np.concatenate([drawn.places, np.full(len(made.near), -1, dtype=np.int64)]),
        )
    if not hasattr(step, "by_class"):
        raise ConfigError(f"resample takes a step that balances classes, such as undersample(1.0); got {step!r}.")
    class_counts(codes, len(classes), step.name)
    totals = np.bincount(codes, weights=w, minlength=len(classes)).astype(np.float64)
    return Resampled(X, labels, np.asarray(w * step.by_class(totals, classes)[codes]), np.arange(n))


def _labels(items: list[Any]) -> np.ndarray[Any, Any]:
    """Labels as an array of their own type; a mixture as objects."""
    if len({type(item) for item in items}) == 1:
        return np.asarray(items)
    mixed = np.empty(len(items), dtype=object)
    mixed[:] = items
    return mixed
