"""Rows in whatever they come: a list, an array, a Frame, an Arrow table or batch, a pandas or Polars frame."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence, Sized
from typing import Any

import numpy as np

from hindcast.columns import Column, Frame
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.values import Ints

__all__ = ["column_of", "is_block", "joined", "rows_in", "size_of", "take_rows"]


def rows_in(population: Any) -> int:
    """The number of rows of a population: a whole number itself, or of anything that holds rows."""
    if isinstance(population, bool):
        raise ConfigError(f"a population is a number of rows or something that holds rows, got {population!r}.")
    shape = getattr(population, "shape", None)
    if shape is not None and len(shape):  # scipy's sparse matrices have a shape and refuse len()
        return int(shape[0])
    if isinstance(population, Sized):
        return len(population)
    try:
        n = operator.index(population)
    except TypeError:
        raise ConfigError(
            f"a population is a number of rows or something that holds rows, got {population!r:.80}."
        ) from None
    if n < 0:
        raise ConfigError(f"a population cannot have {n} rows.")
    return n


def size_of(n: int | None, share: float | None, population: int, what: str, *, repeats: bool = False) -> int:
    """How many rows to draw, asked for as a number or as a share of `population` (rounded to the nearest)."""
    if (n is None) == (share is None):
        raise ConfigError(f"{what}: say how many rows, either n= or share=.")
    if share is not None:
        if not 0 <= share <= 1:
            raise ConfigError(f"{what}: a share lies in [0, 1], got {share}.")
        return round(share * population)
    try:
        count = -1 if n is None or isinstance(n, bool) else operator.index(n)
    except TypeError:
        count = -1
    if count < 0:
        raise ConfigError(f"{what}: n is a whole number of rows, got {n!r}.")
    if count > population and not repeats:
        raise DataError(
            f"{what}: {count} rows were asked for, and there are {population}; "
            "ask for fewer, or draw with replacement (replace=True)."
        )
    if count and not population:
        raise DataError(f"{what}: there are no rows to draw from.")
    return count


def is_block(value: Any) -> bool:
    """Whether `value` holds many rows without doubt: a frame, a table, an array of two dimensions or of numbers."""
    if isinstance(value, Frame | Column):
        return True
    return isinstance(value, np.ndarray) or any(
        hasattr(value, name) for name in ("iloc", "num_rows", "to_arrow", "to_pylist", "tocsr")
    )


def take_rows(rows: Any, places: Ints) -> Any:
    """The rows at `places`, in that order, as the kind of thing `rows` is; a tuple or another sequence gives a list."""
    if isinstance(rows, np.ndarray):
        return rows[places]
    if isinstance(rows, Frame | Column):
        return rows.take(places)
    if hasattr(rows, "iloc"):
        return rows.iloc[places]
    if hasattr(rows, "num_rows") or hasattr(rows, "to_pylist"):  # pyarrow
        return rows.take(places)
    if hasattr(rows, "to_arrow") or hasattr(rows, "tocsr"):
        return (rows.tocsr() if hasattr(rows, "tocsr") else rows)[places]
    if isinstance(rows, Sequence):
        return [rows[place] for place in places.tolist()]
    raise ConfigError(f"cannot take rows from a {type(rows).__name__}; give a list, an array or a data frame.")


def joined(parts: Sequence[Any]) -> Any:
    """Blocks of one kind one below the other; nothing gives an empty list."""
    if not parts:
        return []
    first = parts[0]
    if len(parts) == 1:
        return first
    if isinstance(first, np.ndarray):
        return np.concatenate(parts)
    if isinstance(first, Frame):
        return Frame.concat(parts)
    if isinstance(first, Column):
        return Column.concat(parts)
    if isinstance(first, list):
        return [row for part in parts for row in part]
    if hasattr(first, "iloc"):
        import pandas as pd

        return pd.concat(parts)
    if hasattr(first, "tocsr"):
        from scipy import sparse

        return sparse.vstack(parts, format="csr")
    if hasattr(first, "num_rows"):
        import pyarrow as pa

        tables = [p if isinstance(p, pa.Table) else pa.Table.from_batches([p]) for p in parts]
        return pa.concat_tables(tables)
    if hasattr(first, "to_pylist"):
        import pyarrow as pa

        return pa.concat_arrays([p for q in parts for p in (q.chunks if isinstance(q, pa.ChunkedArray) else [q])])
    import polars as pl

    return pl.concat(parts)


def column_of(rows: Any, name: str, what: str) -> Any:
    """The column `name` of a block or of a list of mappings; a name that is not there is answered with close ones."""
    if isinstance(rows, Frame):
        return rows[name]
    names = getattr(rows, "column_names", None)  # pyarrow
    if names is None and getattr(rows, "schema", None) is not None and hasattr(rows, "num_rows"):
        names = rows.schema.names
    if names is not None:
        if name not in names:
            raise UnknownName("column", name, names, where=what)
        return Column.from_arrow(rows.column(names.index(name)))
    if isinstance(rows, list):
        if rows and not isinstance(rows[0], Mapping):
            raise ConfigError(
                f"{what}: rows of type {type(rows[0]).__name__} have no column {name!r}; give a function."
            )
        for row in rows:
            if name not in row:
                raise UnknownName("column", name, map(str, row), where=what)
        return [row[name] for row in rows]
    columns = getattr(rows, "columns", None)
    if isinstance(rows, Mapping):
        columns = list(rows)
    if columns is None:
        raise ConfigError(f"{what}: a {type(rows).__name__} has no column {name!r}; give the values or a function.")
    if name not in columns:
        raise UnknownName("column", name, map(str, columns), where=what)
    return rows[name]
