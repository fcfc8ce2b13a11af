"""What a learner and a model are: the two protocols, and the checks all of them share.

A learner is a declaration: parameters and nothing learnt. ``fit`` gives a model: plain numbers that answer. Both are
protocols, so an outsider's class needs no base class; :class:`StoredModel` only saves writing the same few lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from hindcast.columns import Frame, Kind
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.values import Floats, Ints

if TYPE_CHECKING:
    from hindcast.trainset.rows import Rows

__all__ = [
    "Learner",
    "LearnsUnlabelled",
    "Model",
    "Row",
    "StoredModel",
    "checked_labels",
    "checked_weights",
    "value_of",
]

Row = Mapping[str, float | str | None]
"""One request's features by name: a number, a text or None, as the online features answer them. Lists may stand
beside them; no model reads one."""


@runtime_checkable
class Model(Protocol):
    """Probabilities from features.

    Laws: predicting learns nothing; a row's answer depends on that row alone, not on its neighbours, their number or
    their order; ``predict_row(row)`` equals ``predict`` of the frame of that row to the bit; a model read back from
    its files answers to the bit what it answered before.
    """

    kind: ClassVar[str]
    """The name under which its files are read back, such as ``"logistic"``."""

    @property
    def name(self) -> str:
        """The learner's name, as tables and the ledger show it."""
        ...

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """The features used and the kind of each, in order."""
        ...

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the features used, in order."""
        ...

    def predict(self, features: Frame) -> Floats:
        """Probability that the label is 1, shape (n,); columns that are not inputs are ignored."""
        ...

    def predict_row(self, row: Row) -> float:
        """Probability for one request, in microseconds."""
        ...

    def importance(self) -> dict[str, float] | None:
        """The share of the model's own gain that each input brings, summing to 1; None when it has no such notion."""
        ...

    def describe(self) -> dict[str, Any]:
        """Sizes and parameters, plain values."""
        ...

    def files(self) -> dict[str, bytes]:
        """Everything needed to answer again, as plain files by name; the same model gives the same bytes."""
        ...

    def save(self, folder: Path) -> None:
        """Write :meth:`files` into `folder`; :func:`hindcast.models.artifact.write` adds digests and atomicity."""
        ...


@runtime_checkable
class Learner(Protocol):
    """Parameters from which a model is fitted.

    Law: the same rows, parameters and seed give a model with the same files, byte for byte, whatever the number of
    threads.
    """

    @property
    def name(self) -> str: ...

    def describe(self) -> dict[str, Any]:
        """What identifies the learner: its name and parameters, none of which only changes the speed."""
        ...

    def fit(
        self,
        features: Frame,
        label: Floats,
        *,
        as_of: Ints,
        seed: int,
        weight: Floats | None = None,
        validation: tuple[Frame, Floats] | None = None,
    ) -> Model:
        """Learn from rows of shape (n,).

        Parameters
        ----------
        features : Frame
            All columns are inputs, except lists (:func:`feature_kinds` leaves them out) and those whose name starts
            with two underscores.
        label : float array, shape (n,)
            0 or 1.
        as_of : int64 array, shape (n,)
            The moment of each row's request, for learners that weigh or order rows by age.
        seed : int
        weight : float array, shape (n,), optional
            How often each row counts, above zero; None counts every row once. It is passed only where rows differ, so
            a learner that does not take it can still be used with plain rows.
        validation : (features, label), optional
            Later rows, for learners that stop early; never used to fit a statistic.
        """
        ...


@runtime_checkable
class LearnsUnlabelled(Protocol):
    """A learner that can also use requests whose label is not known.

    Law: without any of them it gives what ``fit`` gives.
    """

    def fit_unlabelled(self, rows: Rows, unlabelled: Frame, as_of: Ints, *, seed: int) -> Model:
        """Learn from `rows`, and from `unlabelled` requests at their moments `as_of`, shape (m,)."""
        ...


class StoredModel:
    """The part of :class:`Model` that is the same for most: inputs from kinds, saving from files."""

    kind: ClassVar[str]
    name: str

    @property
    def kinds(self) -> Mapping[str, Kind]:
        raise NotImplementedError

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(self.kinds)

    def importance(self) -> dict[str, float] | None:
        return None

    def files(self) -> dict[str, bytes]:
        raise NotImplementedError

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in self.files().items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def feature_kinds(features: Frame) -> dict[str, Kind]:
    """The columns a model may use: all but lists, and those whose name starts with two underscores (about the row)."""
    return {name: kind for name, kind in features.kinds.items() if kind != "list" and not name.startswith("__")}


def checked_frame(features: Any) -> Frame:
    """`features` if it is a Frame."""
    if not isinstance(features, Frame):
        raise ConfigError(f"features are a Frame, such as Frame.of({{'x': [1.0]}}); got a {type(features).__name__}.")
    return features


def checked_numbers(what: str, values: Any) -> Floats:
    """`values` as float64; DataError where they are no numbers."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise DataError(f"{what} are numbers, one per row; got {values!r:.80}.") from None


def checked_labels(features: Frame, label: Floats, *, both: bool = False) -> Floats:
    """`label` as float64, shape (n,), after checking that every one is 0 or 1 and belongs to a row.

    Parameters
    ----------
    both : bool, default False
        Refuse labels that are all the same: nothing can be told apart.

    Raises
    ------
    DataError
        For no rows, another number of labels than rows, or the first label that is not 0 or 1.
    """
    checked_frame(features)
    label = checked_numbers("labels", label)
    if label.shape != (len(features),):
        raise DataError(f"{len(features)} rows came with labels of shape {label.shape}; give one label per row.")
    if len(label) == 0:
        raise DataError("no rows to learn from; is every label still immature, or the period empty?")
    wrong = ~((label == 0) | (label == 1))
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(
            "a label must be 0 or 1; leave out rows whose label is unknown", row=row + 1, value=float(label[row])
        )
    if both and label.min() == label.max():
        raise DataError(
            f"all {len(label)} labels are {int(label[0])}; nothing can be learnt from one class. Train on more rows."
        )
    return label


def checked_weights(features: Frame, weight: Floats | None) -> Floats | None:
    """`weight` as float64, shape (n,), after checking that all are finite and above zero; None stays None."""
    if weight is None:
        return None
    weight = checked_numbers("weights", weight)
    if weight.shape != (len(features),):
        raise DataError(f"{len(features)} rows came with weights of shape {weight.shape}; give one weight per row.")
    wrong = ~(np.isfinite(weight) & (weight > 0))
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError("a weight must be a finite number above zero", row=row + 1, value=float(weight[row]))
    return weight


def value_of(row: Row, name: str) -> float | str | None:
    """The value of `name` in a request's features; a missing name is answered with close matches."""
    try:
        return row[name]
    except KeyError:
        raise UnknownName("feature", name, row, where="a request's features") from None
    except (TypeError, IndexError):
        raise ConfigError(f"a request's features are a mapping by name, got {row!r:.80}.") from None
