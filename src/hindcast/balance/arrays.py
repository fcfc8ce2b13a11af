"""Rows of whatever X is: an array, a sparse matrix, a list, a Frame, a data frame of pandas or polars."""

from __future__ import annotations

from typing import Any

import numpy as np

from hindcast.columns import Column, Frame
from hindcast.errors import DataError
from hindcast.values import Ints

__all__ = ["as_frame", "below", "is_sparse", "row_count", "taken"]


def is_sparse(X: Any) -> bool:
    """Whether X is a SciPy sparse matrix or array."""
    return hasattr(X, "tocsr") and hasattr(X, "nnz")


def _is_table(X: Any) -> bool:
    return hasattr(X, "columns") and hasattr(X, "shape")


def row_count(X: Any) -> int:
    """How many rows X has."""
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)


def taken(X: Any, places: Ints) -> Any:
    """The rows of X at `places`, of X's own kind."""
    if isinstance(X, Frame):
        return X.take(places)
    if is_sparse(X):
        return X.tocsr()[places]
    if hasattr(X, "iloc"):
        return X.iloc[places].reset_index(drop=True)
    if isinstance(X, list | tuple):
        return [X[place] for place in places.tolist()]
    return X[places]


def below(top: Any, made: Any) -> Any:
    """`made`, rows of the kind :class:`hindcast.balance.space.Space` restores, put below the rows of `top`."""
    if isinstance(top, Frame):
        return Frame.concat([top, made])
    if is_sparse(top):
        from scipy.sparse import vstack

        return vstack([top, made], format="csr", dtype=top.dtype)
    if _is_table(top):
        import narwhals

        native = narwhals.from_native(top, eager_only=True)
        columns = {name: made[name].objects().tolist() for name in native.columns}
        made_native = narwhals.from_dict(columns, schema=native.schema, backend=native.implementation)
        joined = narwhals.to_native(narwhals.concat([native, made_native], how="vertical"))
        return joined.reset_index(drop=True) if hasattr(joined, "iloc") else joined
    if isinstance(made, Frame):
        parts = [made[name].objects() for name in made.names]
        made = np.stack(parts, axis=1) if parts else np.zeros((len(made), 0), dtype=object)
    return np.concatenate([top, made])


def as_frame(X: Any) -> Frame:
    """X as a frame: the columns of a data frame, or those of an array of objects under their numbers."""
    if isinstance(X, Frame):
        return X
    if _is_table(X):
        import narwhals

        native = narwhals.from_native(X, eager_only=True)
        return Frame({name: Column.of(native[name].to_list()) for name in native.columns}, row_count(X))
    array = np.asarray(X)
    if array.ndim != 2:
        raise DataError(
            f"neighbours are sought among rows of columns: X must have shape (n, columns), got {array.shape}."
        )
    return Frame({f"{k:06d}": Column.of(array[:, k].tolist()) for k in range(array.shape[1])}, len(array))
