"""Splits by time, with a gap as long as the label takes to mature.

Rows are asked about at ``as_of``; whoever trained at the start of a validation part could only have used rows whose
labels had matured by then. Boundaries are half-open: a validation part is ``start <= as_of < end``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.parameters import share as part
from hindcast.parameters import whole
from hindcast.values import NEVER, Ints, duration_text

__all__ = ["Split", "rolling_origin", "split_at", "split_last"]


@dataclass(frozen=True, eq=False)
class Split:
    """Which rows to fit on and which to judge on.

    Parameters
    ----------
    train, validation : int64 arrays
        Row numbers, rising.
    start_us, end_us : int
        The validation part is ``start_us <= as_of < end_us``.
    gap_us : int
        Every row of `train` has ``as_of + gap_us <= start_us``.
    dropped : int
        Rows before the start that the gap, or a label known only later, keeps out of `train`.
    """

    train: Ints
    validation: Ints
    start_us: int
    end_us: int
    gap_us: int
    dropped: int


def split_at(
    as_of: Ints,
    start_us: int,
    *,
    gap_us: int,
    end_us: int = NEVER,
    since_us: int | None = None,
    label_known: Ints | None = None,
) -> Split:
    """Validation from `start_us`, training on what had matured by then.

    Parameters
    ----------
    as_of : int64 array, shape (n,)
        In any order.
    start_us, end_us : int
        Bounds of the validation part, half-open.
    gap_us : int
        The maturity of the label.
    since_us : int, optional
        Training rows have ``as_of >= since_us``.
    label_known : int64 array, shape (n,), optional
        With it a training row's label was visible at the start too (``label_known < start_us``): some labels
        take longer than the maturity.

    Raises
    ------
    ConfigError
        For a gap below zero or an empty validation period.

    Examples
    --------
    >>> part = split_at(np.arange(10), 6, gap_us=2)
    >>> part.train.tolist(), part.validation.tolist(), part.dropped
    ([0, 1, 2, 3, 4], [6, 7, 8, 9], 1)
    """
    as_of = _moments("as_of", as_of)
    start_us, end_us = whole("split: start_us", start_us), whole("split: end_us", end_us)
    whole("split: gap_us, the label's maturity,", gap_us, least=0)
    if end_us <= start_us:
        raise ConfigError("a validation part ends after it starts.")
    before = as_of < start_us
    if since_us is not None:
        before &= as_of >= whole("split: since_us", since_us)
    train = before & (as_of <= start_us - gap_us)
    if label_known is not None:
        label_known = _moments("label_known", label_known)
        if len(label_known) != len(as_of):
            raise DataError(f"{len(as_of)} rows came with {len(label_known)} moments of labels; give one per row.")
        train &= label_known < start_us
    validation = (as_of >= start_us) & (as_of < end_us)
    return Split(
        np.flatnonzero(train), np.flatnonzero(validation), start_us, end_us, gap_us, int(before.sum() - train.sum())
    )


def split_last(as_of: Ints, share: float = 0.2, *, gap_us: int, label_known: Ints | None = None) -> Split:
    """The latest `share` of the rows validates; rows of one moment stay together.

    Raises
    ------
    ConfigError
        For a share outside (0, 1).
    DataError
        When either part would be empty, for want of rows or since the gap swallows the training part.

    Examples
    --------
    >>> part = split_last(np.arange(10), 0.3, gap_us=1)
    >>> part.train.tolist(), part.validation.tolist()
    ([0, 1, 2, 3, 4, 5, 6], [7, 8, 9])
    """
    part("the share of validation rows", share, one=False)
    as_of = _moments("as_of", as_of)
    if not len(as_of):
        raise DataError("there are no rows to split.")
    moments = np.sort(as_of)
    start = int(moments[min(len(moments) - 1, round(len(moments) * (1 - share)))])
    result = split_at(as_of, start, gap_us=gap_us, label_known=label_known)
    if not len(result.train):
        raise DataError(
            f"no training rows are left before the last {share:.0%} of {len(as_of)} rows once the gap of "
            f"{duration_text(gap_us)} (the label's maturity) is kept; give more history or a smaller share."
        )
    return result


def rolling_origin(
    as_of: Ints,
    *,
    start_us: int,
    end_us: int,
    every_us: int,
    gap_us: int,
    window_us: int | None = None,
    label_known: Ints | None = None,
) -> Iterator[Split]:
    """Folds that walk forward: train on what had matured, validate on the next `every_us`, move on.

    Parameters
    ----------
    as_of : int64 array, shape (n,)
    start_us, end_us : int
        The validation parts together cover ``start_us <= as_of < end_us``, each once; the last may be shorter.
    every_us : int
        The length of a validation part.
    gap_us : int
        The maturity of the label.
    window_us : int, optional
        Train on the last so many microseconds before each start; without it, on everything before.
    label_known : int64 array, optional
        See :func:`split_at`.

    Examples
    --------
    >>> folds = rolling_origin(np.arange(9), start_us=4, end_us=9, every_us=2, gap_us=1)
    >>> [(fold.train.tolist(), fold.validation.tolist()) for fold in folds]
    [([0, 1, 2, 3], [4, 5]), ([0, 1, 2, 3, 4, 5], [6, 7]), ([0, 1, 2, 3, 4, 5, 6, 7], [8])]
    """
    whole("folds: every_us, their length,", every_us, least=1)
    if window_us is not None:
        whole("folds: window_us, the training window,", window_us, least=1)
    start, end_us = whole("folds: start_us", start_us), whole("folds: end_us", end_us)
    while start < end_us:
        yield split_at(
            as_of,
            start,
            gap_us=gap_us,
            end_us=min(start + every_us, end_us),
            since_us=None if window_us is None else start - window_us,
            label_known=label_known,
        )
        start += every_us


def _moments(name: str, values: Any) -> Ints:
    moments = np.asarray(values)
    if moments.ndim != 1 or (len(moments) and moments.dtype.kind not in "iu"):
        raise DataError(f"{name} are moments in microseconds, shape (n,); got {values!r:.80}.")
    return moments.astype(np.int64, copy=False)
