"""Rows to learn from, and the steps that change them before a learner sees them.

A step draws, repeats, reweighs or alters rows: a sample, a rebalancing, an augmentation. It works on the part a
learner is fitted on and has no way to reach any other, which is how resampling and augmentation stay out of what a
model is judged by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np

from hindcast.columns import Frame
from hindcast.errors import ConfigError, DataError
from hindcast.parameters import seed_of
from hindcast.values import Floats, Ints

__all__ = ["Rows", "Step", "apply_steps"]


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows with labels and weights, shape (n,) each.

    Parameters
    ----------
    features : Frame, n rows
    label : float64 array, shape (n,)
        0 or 1, or the probability of 1 where a label is soft.
    weight : float64 array, shape (n,)
        How often a row counts; above zero.
    as_of : int64 array, shape (n,)
        The moment of each row's request; a row made from others has the moment of the first of them.

    Raises
    ------
    DataError
        For arrays of different lengths, a label outside [0, 1], or a weight that is not a finite number above zero.

    Examples
    --------
    >>> rows = Rows.of(Frame.of({"x": [1.0, 2.0, 3.0]}), [0, 1, 1])
    >>> rows.take(np.array([2, 2])).label.tolist()
    [1.0, 1.0]
    """

    features: Frame
    label: Floats
    weight: Floats
    as_of: Ints

    def __post_init__(self) -> None:
        n = len(self.features)
        for name in ("label", "weight", "as_of"):
            shape = getattr(self, name).shape
            if shape != (n,):
                raise DataError(f"{n} rows came with {name} of shape {shape}; give one per row.")
        wrong = ~((self.label >= 0) & (self.label <= 1))
        if wrong.any():
            row = int(wrong.argmax())
            raise DataError("a label is 0, 1 or a probability", row=row + 1, column="label", value=self.label[row])
        wrong = ~(np.isfinite(self.weight) & (self.weight > 0))
        if wrong.any():
            row = int(wrong.argmax())
            raise DataError(
                "a weight is a finite number above zero", row=row + 1, column="weight", value=self.weight[row]
            )

    @staticmethod
    def of(features: Frame, label: Any, *, weight: Any = None, as_of: Any = None) -> Rows:
        """Rows from anything array-like; weights are 1 and moments 0 unless given."""
        if not isinstance(features, Frame):
            raise ConfigError(
                f"rows are of a Frame, such as Frame.of({{'x': [1.0]}}); got a {type(features).__name__}."
            )
        n = len(features)
        return Rows(
            features,
            _array("label", label, np.float64),
            np.ones(n) if weight is None else _array("weight", weight, np.float64),
            np.zeros(n, dtype=np.int64) if as_of is None else _array("as_of", as_of, np.int64),
        )

    def __len__(self) -> int:
        return len(self.label)

    @property
    def base_rate(self) -> float:
        """The weighted share of label 1; NaN without rows."""
        total = float(self.weight.sum())
        return float((self.weight * self.label).sum()) / total if total else float("nan")

    def take(self, places: Any) -> Rows:
        """The rows at `places` (integers or a mask), in that order; a place may come more than once."""
        places = np.asarray(places)
        if places.ndim != 1 or (len(places) and places.dtype.kind not in "biu"):
            raise DataError(f"places are whole numbers or a mask, shape (n,); got {places!r:.80}.")
        places = np.flatnonzero(places) if places.dtype == np.bool_ else places.astype(np.intp)
        if len(places) and not -len(self) <= places.min() <= places.max() < len(self):
            raise DataError(f"there are {len(self)} rows; places go to {places.max()}.")
        return Rows(self.features.take(places), self.label[places], self.weight[places], self.as_of[places])

    def having(self, **parts: Any) -> Rows:
        """The same rows with other `features`, `label`, `weight` or `as_of`."""
        return replace(self, **parts)


@runtime_checkable
class Step(Protocol):
    """Something done to rows before a learner sees them.

    Laws: the same rows and seed give the same rows; a step reads nothing but its rows; labels stay within [0, 1].
    """

    @property
    def name(self) -> str:
        """What reports call it."""
        ...

    def apply(self, rows: Rows, seed: int) -> Rows:
        """The rows after it."""
        ...

    def describe(self) -> dict[str, Any]:
        """Its name and parameters, plain values: equal steps describe themselves equally."""
        ...


def apply_steps(rows: Rows, steps: Sequence[Step], seed: int) -> Rows:
    """`rows` after all `steps`, in order; each gets a seed of its own made from `seed` and its place.

    Raises
    ------
    DataError
        When a step leaves no rows.
    """
    if not isinstance(rows, Rows) or not all(isinstance(step, Step) for step in _sequence(steps)):
        raise ConfigError(f"apply_steps takes Rows and a sequence of steps, got {rows!r:.80} and {steps!r:.80}.")
    seed = seed_of(seed)
    for place, step in enumerate(steps):
        rows = step.apply(rows, int(np.random.SeedSequence([seed, place]).generate_state(1)[0]))
        if not len(rows):
            raise DataError(f"step {step.name!r} left no rows to learn from; loosen it, or train on more rows.")
    return rows


def _array(name: str, values: Any, kind: Any) -> Any:
    try:
        return np.asarray(values, dtype=kind)
    except (TypeError, ValueError, OverflowError):
        raise DataError(f"{name} holds what is no number: {values!r:.80}.") from None


def _sequence(steps: Any) -> Sequence[Any]:
    return steps if isinstance(steps, list | tuple) else (None,)
