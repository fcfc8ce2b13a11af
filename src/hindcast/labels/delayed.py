"""Corrections for labels that are not all there yet: weights and probabilities by the chance of being known."""

from __future__ import annotations

from typing import Any

import numpy as np

from hindcast.errors import DataError
from hindcast.metrics.rows import numbers
from hindcast.values import Floats

__all__ = ["binary", "fake_negative_weights", "known_weights", "undelayed_probability"]


def known_weights(label: Any, chance_negative: Any, chance_positive: Any) -> Floats:
    """Weights for rows whose label is known, ``1 / P(known by its age | label)``, with mean 1.

    Where both answers arrive and one takes longer, the known rows hold too few of it; so weighted they stand for all
    rows. The chances are numbers or arrays of shape (n,), such as ``curve.share(age)`` of the delay curve of each
    label, measured on rows old enough to have their final one.

    Examples
    --------
    >>> known_weights([0, 0, 1], 1.0, 0.5).tolist()
    [0.75, 0.75, 1.5]
    """
    y = binary(label)
    chance = np.where(
        y == 1, _per_row(chance_positive, y, "chance_positive"), _per_row(chance_negative, y, "chance_negative")
    )
    wrong = ~((chance > 0) & (chance <= 1))
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError("a known label has a chance in (0, 1] of being known", row=row + 1, value=float(chance[row]))
    weight = 1 / chance
    return np.asarray(weight / weight.mean()) if len(weight) else weight


def fake_negative_weights(label: Any, probability: Any, chance: Any) -> tuple[Floats, Floats]:
    """How much each row counts as positive and as negative when some negatives are positives still to come.

    Parameters
    ----------
    label : array_like, shape (n,)
        1 where the positive is known, 0 where nothing has come.
    probability : array_like, shape (n,)
        What a model fitted to these labels says: the chance of a positive known by now.
    chance : float or array_like, shape (n,)
        That a positive is known by the row's age.

    Returns
    -------
    as_positive, as_negative : float64 arrays, shape (n,)
        They add up to 1. A negative is a fake one with chance ``p (1 - chance) / (1 - p chance)``, with ``p =
        probability / chance``: one step of expectation and maximisation.

    References
    ----------
    Chapelle, "Modeling Delayed Feedback in Display Advertising", 2014; Ktena et al., "Addressing Delayed Feedback for
    Continuous Training with Neural Networks in CTR prediction", 2019.

    Examples
    --------
    >>> positive, negative = fake_negative_weights([1, 0], [0.25, 0.25], 0.5)
    >>> positive.round(4).tolist(), negative.round(4).tolist()
    ([1.0, 0.3333], [0.0, 0.6667])
    """
    y = binary(label)
    f = _per_row(chance, y, "chance")
    p = undelayed_probability(_per_row(probability, y, "probability"), f)
    rest = 1 - p * f
    fake = np.divide(p * (1 - f), rest, out=np.ones_like(p), where=rest > 0)
    positive = np.where(y == 1, 1.0, np.clip(fake, 0, 1))
    return positive, 1 - positive


def undelayed_probability(probability: Any, chance: Any) -> Floats:
    """The chance of a positive ever, from that of one known by an age: divided by the chance of being known, at most 1.

    Right where how long a positive takes does not hang on the row.

    Examples
    --------
    >>> undelayed_probability([0.1, 0.4, 0.9], 0.5).tolist()
    [0.2, 0.8, 1.0]
    """
    p, f = numbers(probability, "probabilities"), numbers(chance, "chances")
    if f.ndim and f.shape != p.shape:
        raise DataError(f"probabilities of shape {p.shape} meet chances of shape {f.shape}; give one of each per row.")
    if not ((p >= 0) & (p <= 1)).all():
        raise DataError("probabilities lie in [0, 1].")
    if not ((f > 0) & (f <= 1)).all():
        raise DataError("the chance that a positive is known lies in (0, 1].")
    return np.asarray(np.minimum(p / f, 1.0))


def _per_row(values: Any, y: Floats, what: str) -> Floats:
    """A number for each label: one for all, or one each."""
    array = numbers(values, what)
    if array.ndim and array.shape != y.shape:
        raise DataError(f"{len(y)} labels came with `{what}` of shape {array.shape}; give one number, or one per row.")
    return np.broadcast_to(array, y.shape)


def binary(label: Any) -> Floats:
    """Labels as float64, 0 and 1, shape (n,)."""
    y = numbers(label, "labels")
    if y.ndim != 1:
        raise DataError(f"labels have shape (n,), got {y.shape}.")
    wrong = (y != 0) & (y != 1)
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError("a label is 0 or 1", row=row + 1, column="label", value=float(y[row]))
    return y
