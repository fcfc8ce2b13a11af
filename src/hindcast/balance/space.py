"""The space in which neighbours are sought: columns as coordinates, learnt on the rows to be balanced and no others.

- A number is divided by its standard deviation, so that no column rules by its unit. A missing one (NaN, infinite)
  stands at its column's median.
- A category (text, boolean) is a coordinate per value; two rows that differ in it are one standard deviation apart.
  Missing is a value of its own.
- Moments, lists and columns whose name starts with two underscores have no place in it.

A made row is read back into columns. Whole numbers are rounded; what its nearest real row (of its class) misses it
misses too; columns that have no place in the space are those of that row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hindcast.balance.arrays import as_frame, is_sparse, is_table, table_rows
from hindcast.columns import Column, Frame
from hindcast.errors import DataError
from hindcast.values import Bools, Floats, Ints

__all__ = ["Space"]

_GREATEST = 1e150
_DENSE_WIDTH = 256


@dataclass(frozen=True, eq=False)
class Space:
    """Rows as points.

    Parameters
    ----------
    numbers : float array or CSR matrix, shape (n, p)
        Over their scale, nothing missing.
    codes : int64 array, shape (n, q)
        Categories, 0 to ``sizes[j] - 1``.
    sizes : tuple of int, length q
    restore : callable
        From made numbers (m, p), codes (m, q) and the places of their nearest real rows (m,) to rows of X's kind.
    """

    numbers: Any
    codes: Ints
    sizes: tuple[int, ...]
    restore: Callable[[Any, Ints, Ints], Any]

    @staticmethod
    def of(X: Any) -> Space:
        """The space of X: a sparse matrix, an array of numbers, or anything that makes a frame."""
        if is_sparse(X):
            return _of_sparse(X)
        if not isinstance(X, Frame) and not hasattr(X, "columns"):
            array = np.asarray(X)
            if array.dtype.kind in "fiub":
                return _of_array(array)
        space = _of_frame(as_frame(X))
        if isinstance(X, Frame) or not is_table(X):
            return space

        def restore(numbers: Any, codes: Ints, near: Ints) -> Any:
            return table_rows(X, near, space.restore(numbers, codes, near))

        return replace(space, restore=restore)

    def __len__(self) -> int:
        return int(self.numbers.shape[0])

    def points(self, numbers: Any = None, codes: Ints | None = None) -> Any:
        """Numbers and categories as one matrix, shape (n, width): distances in it are those of the module."""
        numbers = self.numbers if numbers is None else numbers
        codes = self.codes if codes is None else codes
        if not self.sizes:
            return numbers
        from scipy.sparse import csr_matrix, hstack

        starts = np.concatenate([[0], np.cumsum(self.sizes)])
        rows, columns = codes.shape
        places = (codes + starts[:-1]).ravel()
        ones = np.full(places.size, np.sqrt(0.5))
        blocks = csr_matrix((ones, places, np.arange(rows + 1) * columns), shape=(rows, int(starts[-1])))
        whole = hstack([csr_matrix(numbers), blocks], format="csr")
        return whole.toarray() if whole.shape[1] <= _DENSE_WIDTH else whole


def _scale(values: Floats) -> float:
    spread = float(values.std()) if values.size else 0.0
    return spread if spread > 0 and np.isfinite(spread) else 1.0


def _filled(values: Floats) -> tuple[Floats, Bools]:
    """Values with the median of the known ones where missing, and where that is."""
    known = np.abs(values) <= _GREATEST
    fill = float(np.median(values[known])) if known.any() else 0.0
    return np.where(known, values, fill), ~known


def _of_sparse(X: Any) -> Space:
    X = X.tocsr().astype(np.float64)
    if not (np.abs(X.data) <= _GREATEST).all():
        raise DataError("a sparse matrix has a missing or infinite value; fill it before neighbours are sought.")
    mean = np.asarray(X.mean(axis=0)).ravel()
    spread = np.sqrt(np.maximum(np.asarray(X.multiply(X).mean(axis=0)).ravel() - mean**2, 0.0))
    scale = np.where(spread > 0, spread, 1.0)
    from scipy.sparse import diags_array

    def restore(numbers: Any, codes: Ints, near: Ints) -> Any:
        return numbers @ diags_array(scale)

    return Space((X @ diags_array(1.0 / scale)).tocsr(), np.zeros((X.shape[0], 0), dtype=np.int64), (), restore)


def _of_array(X: Any) -> Space:
    if X.ndim != 2:
        raise DataError(f"neighbours are sought among rows of columns: X must have shape (n, columns), got {X.shape}.")
    whole = X.dtype.kind in "iu"
    if X.dtype.kind == "b":
        codes = X.astype(np.int64)

        def restore_bools(numbers: Any, codes: Ints, near: Ints) -> Any:
            return codes.astype(np.bool_)

        return Space(np.zeros((len(X), 0)), codes, (2,) * X.shape[1], restore_bools)
    columns = [_filled(X[:, k].astype(np.float64)) for k in range(X.shape[1])]
    scale = np.array([_scale(values) for values, _ in columns])
    numbers = np.stack([values for values, _ in columns], axis=1) / scale if columns else np.zeros((len(X), 0))

    def restore(numbers: Any, codes: Ints, near: Ints) -> Any:
        result = np.rint(numbers * scale) if whole else numbers * scale
        for k, (_, missing) in enumerate(columns):
            if missing.any():
                at = missing[near]
                result[at, k] = X[near[at], k]
        return result.astype(X.dtype)

    return Space(numbers, np.zeros((len(X), 0), dtype=np.int64), (), restore)


def _of_frame(frame: Frame) -> Space:
    used = [name for name in frame.names if not name.startswith("__")]
    numeric = [name for name in used if frame[name].kind in ("number", "integer")]
    nominal = [name for name in used if frame[name].kind in ("text", "boolean")]
    n = len(frame)
    columns = [_filled(frame[name].floats()) for name in numeric]
    scale = np.array([_scale(values) for values, _ in columns])
    numbers = np.stack([values for values, _ in columns], axis=1) / scale if columns else np.zeros((n, 0))
    levels = [_levels(frame[name]) for name in nominal]
    codes = np.stack([codes for codes, _ in levels], axis=1) if levels else np.zeros((n, 0), dtype=np.int64)

    def restore(numbers: Any, codes: Ints, near: Ints) -> Frame:
        made: dict[str, Column] = {name: frame[name].take(near) for name in frame.names}
        for k, name in enumerate(numeric):
            missing = columns[k][1][near]
            values = numbers[:, k] * scale[k]
            if frame[name].kind == "integer":
                made[name] = Column("integer", np.rint(values).astype(np.int64), ~missing if missing.any() else None)
            else:
                made[name] = Column("number", np.where(missing, frame[name].values[near], values))
        for k, name in enumerate(nominal):
            made[name] = frame[name].take(levels[k][1][codes[:, k]])
        return Frame(made, len(near))

    return Space(numbers, codes, tuple(len(first) for _, first in levels), restore)


def _levels(column: Column) -> tuple[Ints, Ints]:
    """A code per distinct value, null among them, and a row that holds each: shapes (n,) and (levels,)."""
    codes, _ = column.codes()
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    return inverse.astype(np.int64), first.astype(np.int64)
