"""Items by place, whatever holds them: arrays, sparse matrices, data frames, lists of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hindcast.columns import Frame
from hindcast.errors import DataError
from hindcast.sampling.blocks import array_of
from hindcast.values import Floats, Ints

__all__ = ["count", "finite_matrix", "is_sparse", "stack", "take"]


def is_sparse(items: Any) -> bool:
    """Whether `items` is a SciPy sparse matrix or array; loads nothing."""
    return hasattr(items, "tocsr") and hasattr(items, "nnz")


def count(items: Any) -> int:
    """How many items there are.

    Examples
    --------
    >>> count(["a", "b"]), count(np.zeros((3, 2)))
    (2, 3)
    """
    shape = getattr(items, "shape", None)
    if shape is not None and len(shape):
        return int(shape[0])
    try:
        return len(items)
    except TypeError:
        raise DataError(
            f"items must be an array, a sparse matrix, a frame or a sequence, got {type(items).__name__}."
        ) from None


def take(items: Any, places: Any) -> Any:
    """The items at `places` (integers or a mask), in that order, held as they were.

    Arrays, sparse matrices, :class:`~hindcast.columns.Frame`, pandas, Polars and Arrow frames stay what they are; any
    other sequence becomes a list. Cost: a copy of what is taken.

    Examples
    --------
    >>> take(["a", "b", "c"], [2, 0])
    ['c', 'a']
    """
    places = np.asarray(places)
    if places.dtype == np.bool_:
        if places.shape != (count(items),):
            raise DataError(f"a mask of shape {places.shape} cannot choose from {count(items)} items.")
        places = np.flatnonzero(places)
    places = places.astype(np.int64, copy=False)
    if isinstance(items, np.ndarray):
        return items[places]
    if is_sparse(items):
        return items.tocsr()[places]
    if hasattr(items, "iloc"):
        return items.iloc[places]
    if isinstance(items, Frame) or hasattr(items, "column_names"):
        return items.take(places)
    if hasattr(items, "__array_ufunc__") or type(items).__module__.startswith("polars"):
        return items[places]
    return [items[int(place)] for place in places]


def stack(parts: Sequence[Any]) -> Any:
    """Items one below the other; all parts must be held alike.

    Examples
    --------
    >>> stack([["a"], ["b", "c"]])
    ['a', 'b', 'c']
    """
    parts = [part for part in parts if count(part)] or list(parts[:1])
    first = parts[0]
    if len(parts) == 1:
        return first
    if is_sparse(first):
        from scipy import sparse

        return sparse.vstack([part.tocsr() for part in parts]).tocsr()
    if isinstance(first, np.ndarray):
        return np.concatenate(parts)
    if isinstance(first, Frame):
        return Frame.concat(parts)
    if hasattr(first, "iloc"):
        import pandas as pd

        return pd.concat(parts, ignore_index=True)
    if type(first).__module__.startswith("polars"):
        import polars as pl

        return pl.concat(parts)
    return [item for part in parts for item in part]


def finite_matrix(items: Any, *, what: str = "items") -> Any:
    """Numbers of shape (n, d), every one finite: float64, or CSR where they came sparse.

    Raises
    ------
    DataError
        For another shape, for what is not numbers, and for the first number that is not finite, named by its row.
    """
    if is_sparse(items):
        matrix = items.tocsr().astype(np.float64)
        wrong = ~np.isfinite(matrix.data)
        if wrong.any():
            place = int(wrong.argmax())
            row = int(np.searchsorted(matrix.indptr, place, side="right"))
            raise DataError(f"{what} must be finite numbers; impute first", row=row, value=float(matrix.data[place]))
        return matrix
    if isinstance(items, Frame):
        items = np.stack([np.asarray(items[name].values, dtype=np.float64) for name in items.names], axis=1)
    try:
        dense: Floats = np.asarray(items, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(
            f"{what} must be numbers, shape (n, d), got {type(items).__name__}; give an encoder, such as TF-IDF."
        ) from None
    if dense.ndim == 1 and not dense.size:
        dense = dense.reshape(0, 0)
    if dense.ndim != 2:
        raise DataError(f"{what} must have shape (n, d), got {dense.shape}.")
    wrong = ~np.isfinite(dense)
    if wrong.any():
        row, column = (int(p) for p in np.argwhere(wrong)[0])
        raise DataError(
            f"{what} must be finite numbers; impute first",
            row=row + 1,
            column=str(column),
            value=float(dense[row, column]),
        )
    return dense


def places_of(places: Any, n: int, *, what: str) -> Ints:
    """Distinct places in 0 to n - 1 as sorted int64, from integers or a mask of shape (n,)."""
    array = array_of(places, what)
    if array.dtype == np.bool_:
        if array.shape != (n,):
            raise DataError(f"{what}: a mask of shape {array.shape} does not fit {n} items.")
        return np.flatnonzero(array)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise DataError(f"{what}: places are whole numbers, shape (m,), or a mask, got {places!r:.60}.")
    array = np.unique(array.astype(np.int64))
    if array.size and (array[0] < 0 or array[-1] >= n):
        raise DataError(f"{what}: places must lie in 0 to {n - 1}", value=int(array[0] if array[0] < 0 else array[-1]))
    return array
