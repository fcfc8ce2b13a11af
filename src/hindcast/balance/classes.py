"""Labels as class codes: 0 to K - 1 in the order of the classes, whatever the labels were."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hindcast.errors import DataError
from hindcast.metrics.costs import classes_of, is_missing
from hindcast.values import Ints

__all__ = ["class_counts", "coded", "listed"]


def coded(y: Any) -> tuple[Ints, tuple[Any, ...]]:
    """The code of each label, shape (n,), and the classes, sorted; a missing label is refused with its row.

    Examples
    --------
    >>> codes, classes = coded(["spam", "ham", "spam"])
    >>> codes.tolist(), classes
    ([1, 0, 1], ('ham', 'spam'))
    """
    array = np.asarray(y) if isinstance(y, np.ndarray) else None
    if array is not None and array.ndim != 1:
        raise DataError(f"labels must have shape (n,), got {array.shape}.")
    if array is not None and array.dtype.kind in "biuU":
        distinct, inverse = np.unique(array, return_inverse=True)
        return inverse.astype(np.int64), tuple(distinct.tolist())
    items = listed(y)
    for row, item in enumerate(items):
        if is_missing(item):
            raise DataError("a label is missing; leave such rows out", row=row + 1, column="label", value=item)
        if isinstance(item, list):
            raise DataError("labels must have shape (n,), and here is a row of several", row=row + 1, column="label")
    classes = classes_of(items)
    index = {name: code for code, name in enumerate(classes)}
    return np.fromiter((index[item] for item in items), dtype=np.int64, count=len(items)), classes


def listed(y: Any) -> list[Any]:
    """Labels as a list of Python values, from an array, a column of any make, or any iterable but a text or mapping."""
    if isinstance(y, str | bytes | Mapping) or not (hasattr(y, "tolist") or hasattr(y, "__iter__")):
        raise DataError(f"labels are a sequence with one label per row, got {type(y).__name__}.")
    for name in ("to_pylist", "tolist", "to_list"):
        if hasattr(y, name):
            items = getattr(y, name)()
            return items if isinstance(items, list) else [items]
    return list(y)


def class_counts(codes: Ints, classes: int, what: str) -> Ints:
    """The rows of each class, shape (K,), once there are two classes at least to tell apart.

    Raises
    ------
    DataError
        For no rows, or rows of one class only.
    """
    counts = np.bincount(codes, minlength=classes).astype(np.int64)
    if (counts > 0).sum() < 2:
        raise DataError(
            f"{what} balances classes against each other, but these {len(codes)} rows hold "
            f"{int((counts > 0).sum())} of them; give it rows of two classes at least."
        )
    return counts
