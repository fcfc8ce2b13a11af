"""Votes as every model here reads them: an int8 or int16 matrix of class codes, -1 for silence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.crowd.names import listed_names
from hindcast.errors import ConfigError, DataError
from hindcast.parameters import whole
from hindcast.values import Floats, Ints
from hindcast.weak.analysis import truth_codes
from hindcast.weak.votes import Votes

__all__ = ["ballots", "balance_of", "known_of", "vote_rates"]

_ROWS = 1 << 16
_LARGEST = 32_767
"""Class codes are int16 at most."""


def ballots(votes: Any, classes: int | Sequence[Any] | None = None) -> tuple[NDArray[Any], tuple[Any, ...]]:
    """The matrix of votes, shape (n, m), and the classes its codes stand for.

    Parameters
    ----------
    votes : Votes, Answers, or anything that makes an array of shape (n, m)
        Codes from 0 to K - 1; -1, NaN and None are silence. int8 is taken as it lies, without a copy. Texts are names
        of classes, as :meth:`hindcast.weak.Votes.of` takes them.
    classes : int or sequence, optional
        How many classes there are, or their names. By default those of `votes`, or 0 to the largest code, at least two.

    Raises
    ------
    DataError
        For another shape, a vote that is no whole number, or a code outside the classes.
    """
    names = class_names(getattr(votes, "classes", None) if classes is None else classes)
    raw = votes.matrix if hasattr(votes, "matrix") else votes
    try:
        array = np.asarray(raw() if callable(raw) and raw is not votes else raw)
    except ValueError:
        raise DataError("every row of votes has as many places as there are functions; -1 is silence.") from None
    if array.dtype.kind in "OU":
        said = Votes.of(array, classes=names)
        array, names = said.matrix, said.classes
    if array.ndim != 2:
        if array.size:
            raise DataError(f"votes have shape (rows, functions), got {array.shape}.")
        array = array.reshape(0, 0)
    if array.dtype.kind == "f":
        whole = np.where(np.isnan(array), -1.0, array)
        odd = (whole != np.floor(whole)) | (np.abs(whole) > _LARGEST)
        if odd.any():
            row, column = np.argwhere(odd)[0].tolist()
            raise DataError(
                "a vote is a whole number", row=row + 1, column=str(column), value=float(array[row, column])
            )
        array = whole.astype(np.int64)
    elif array.dtype.kind not in "iub":
        raise DataError(f"votes are class codes, got {array.dtype}; name them by hindcast.weak.Votes.of(labels).")
    least, most = (int(array.min()), int(array.max())) if array.size else (-1, -1)
    if names is None and most > _LARGEST:
        raise DataError(f"a vote is a class code up to {_LARGEST:,}", value=most)
    named = tuple(range(max(2, most + 1))) if names is None else names
    if least < -1 or most >= len(named):
        row, column = np.argwhere((array < -1) | (array >= len(named)))[0].tolist()
        text = f"a vote is a class code from 0 to {len(named) - 1}, or -1 for silence"
        raise DataError(text, row=row + 1, column=str(column), value=int(array[row, column]))
    kind = np.int8 if len(named) <= 127 else np.int16
    own = tuple(getattr(votes, "classes", None) or named)
    if own != named and not isinstance(classes, int | np.integer):
        array = _renamed(own, named)[array]
    return array.astype(kind, order="K", copy=False), named


def class_names(classes: Any) -> tuple[Any, ...] | None:
    """Classes by name: those given, or 0 to K - 1 where K is given; None where nothing is."""
    if classes is None:
        return None
    if isinstance(classes, int | np.integer):
        return tuple(range(whole("classes", classes, least=1, most=_LARGEST)))
    names = tuple(listed_names("classes", classes))
    if not names:
        raise ConfigError("a label model needs at least one class.")
    return names


def _renamed(own: tuple[Any, ...], named: tuple[Any, ...]) -> Ints:
    """The code of each class of the votes among those asked for, -1 last: by name, since codes may stand elsewhere."""
    lost = [name for name in own if name not in named]
    if lost:
        raise DataError(f"votes may be for {lost[0]!r}, the classes are {list(named)!r}", column="votes", value=lost[0])
    return np.array([*(named.index(name) for name in own), -1], dtype=np.int64)


def known_of(truth: Any, rows: int, classes: tuple[Any, ...]) -> Ints:
    """True classes as codes, -1 where unknown, shape (n,); empty where none is known.

    Names of classes, as :func:`hindcast.weak.analyse` takes them; where no class is a number, numbers are codes.
    """
    if truth is None:
        return np.empty(0, dtype=np.int64)
    values = np.asarray(truth)
    numbers = values.dtype.kind in "iubf"
    if numbers and values.shape == (rows,) and not any(isinstance(name, int | float | np.number) for name in classes):
        codes = np.where(np.isnan(values), -1, values) if values.dtype.kind == "f" else values
        wrong = (codes != np.floor(codes)) | (codes < -1) | (codes >= len(classes))
        if wrong.any():
            row = int(wrong.argmax())
            text = f"a true class is a code from 0 to {len(classes) - 1}, -1 where unknown, or one of {list(classes)!r}"
            raise DataError(text, row=row + 1, column="truth", value=codes[row].item())
        found = codes.astype(np.int64)
    else:
        found = truth_codes(values, classes, rows)
    return found if (found >= 0).any() else np.empty(0, dtype=np.int64)


def balance_of(balance: Any, classes: int) -> Floats | None:
    """A given class balance, shape (K,), or None."""
    if balance is None:
        return None
    try:
        given = np.asarray(balance, dtype=np.float64)
    except (TypeError, ValueError):
        given = np.empty(0)
    if given.shape != (classes,) or not (given > 0).all() or not np.isfinite(given).all():
        raise ConfigError(f"balance needs {classes} positive shares, one per class, got {balance!r}.")
    if abs(given.sum() - 1) > 1e-6:
        raise ConfigError(f"the shares of balance must add up to 1, got {given.sum():g}.")
    shares: Floats = given / given.sum()
    return shares


def vote_rates(votes: NDArray[Any], classes: int) -> Floats:
    """How often each function votes for each class, shape (m, K)."""
    n, m = votes.shape
    counts = np.zeros((m, classes))
    for first in range(0, n, _ROWS):
        part = votes[first : first + _ROWS]
        for j in range(m):
            if classes > 16:
                counts[j] += np.bincount(part[:, j].astype(np.int64) + 1, minlength=classes + 1)[1:]
                continue
            column = np.ascontiguousarray(part[:, j])
            for k in range(classes):
                counts[j, k] += np.count_nonzero(column == k)
    rates: Floats = counts / max(n, 1)
    return rates


def covered(votes: NDArray[Any]) -> NDArray[np.bool_]:
    """Where anybody votes, shape (n,); in blocks, so that no second matrix is made."""
    found = np.zeros(len(votes), dtype=bool)
    for first in range(0, len(votes), _ROWS):
        found[first : first + _ROWS] = (votes[first : first + _ROWS] >= 0).any(axis=1)
    return found
