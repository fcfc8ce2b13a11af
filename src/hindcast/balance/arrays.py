"""Rows of whatever X is: an array, a sparse matrix, a list, a Frame, a data frame of pandas or polars."""

from __future__ import annotations

from typing import Any

import numpy as np

from hindcast.columns import Column, Frame
from hindcast.errors import DataError
from hindcast.metrics.costs import is_missing
from hindcast.values import Ints

__all__ = ["as_frame", "below", "is_sparse", "is_table", "row_count", "table_rows", "taken"]


def is_sparse(X: Any) -> bool:
    """Whether X is a SciPy sparse matrix or array."""
    return hasattr(X, "tocsr") and hasattr(X, "nnz")


def is_table(X: Any) -> bool:
    """Whether X is a data frame: pandas, polars, Arrow."""
    return hasattr(X, "columns") and hasattr(X, "shape")


def row_count(X: Any) -> int:
    """How many rows X has."""
    shape = getattr(X, "shape", None)
    if shape:
        return int(shape[0])
    if shape is not None or isinstance(X, str | dict) or not hasattr(X, "__len__"):
        raise DataError(f"X holds rows: an array, a list or a data frame; got {type(X).__name__}.")
    return len(X)


def taken(X: Any, places: Ints) -> Any:
    """The rows of X at `places`, of X's own kind."""
    if isinstance(X, Frame):
        return X.take(places)
    if is_sparse(X):
        return X.tocsr()[places]
    if hasattr(X, "iloc"):
        return X.iloc[places].reset_index(drop=True)
    if hasattr(X, "num_rows") or hasattr(X, "to_pylist"):  # Arrow
        return X.take(places)
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
    if is_table(top):
        import narwhals

        made = made.cast(top.schema) if hasattr(top, "num_rows") else made  # Arrow tells small from large texts
        parts = [narwhals.from_native(part, eager_only=True) for part in (top, made)]
        joined = narwhals.to_native(narwhals.concat(parts, how="vertical"))
        return joined.reset_index(drop=True) if hasattr(joined, "iloc") else joined
    if isinstance(made, Frame):
        parts = [made[name].objects() for name in made.names]
        made = np.stack(parts, axis=1) if parts else np.zeros((len(made), 0), dtype=object)
    return np.concatenate([top, made])


def _series(X: Any) -> list[tuple[str, Any]]:
    """The columns of a data frame that hold numbers, texts or booleans, by the texts of their names."""
    import narwhals

    native = narwhals.from_native(X, eager_only=True)
    names = [str(name) for name in native.columns]
    if len(set(names)) != len(names):
        raise DataError("two columns of X have one name; rename one.")
    found = zip(names, native.iter_columns(), strict=True)
    moments = (narwhals.Datetime, narwhals.Date, narwhals.Duration, narwhals.Time, narwhals.List, narwhals.Struct)
    return [(name, series) for name, series in found if series.dtype.base_type() not in moments]


def table_rows(X: Any, near: Ints, made: Frame) -> Any:
    """The rows of a data frame at `near`, their columns that `made` holds replaced, each of its own type."""
    import narwhals

    rows = taken(X, near)
    used = [(name, series) for name, series in _series(rows) if not name.startswith("__")]
    values = {name: made[name].objects().tolist() for name, _ in used}
    if hasattr(rows, "iloc"):
        import pandas

        for k, name in enumerate(map(str, rows.columns)):
            if name in values:
                rows.isetitem(k, pandas.array(values[name], dtype=rows.dtypes.iloc[k]))
        return rows
    columns = [
        narwhals.new_series(name, values[name], series.dtype, backend=series.implementation) for name, series in used
    ]
    return narwhals.to_native(narwhals.from_native(rows, eager_only=True).with_columns(*columns)) if columns else rows


def as_frame(X: Any) -> Frame:
    """X as a frame: the columns of a data frame, or those of an array of objects under their numbers."""
    if isinstance(X, Frame):
        return X
    if is_table(X):
        return Frame(
            {name: Column.of([None if is_missing(v) else v for v in s.to_list()]) for name, s in _series(X)},
            row_count(X),
        )
    array = np.asarray(X)
    if array.ndim != 2:
        raise DataError(
            f"neighbours are sought among rows of columns: X must have shape (n, columns), got {array.shape}."
        )
    return Frame({f"{k:06d}": Column.of(array[:, k].tolist()) for k in range(array.shape[1])}, len(array))
