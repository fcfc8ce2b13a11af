"""Rows in whatever they come: a list, an array, a Frame, an Arrow table or batch, a pandas or Polars frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from typing import Any

import numpy as np

from hindcast.columns import Column, Frame
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.parameters import share as share_of
from hindcast.parameters import whole
from hindcast.values import Ints

__all__ = ["array_of", "column_of", "is_block", "joined", "rows_in", "size_of", "take_rows"]

_MOST_ROWS = 2**53  # beyond it a share of them is no whole number of a float
MOST_DRAWN = 2 * 10**8


def rows_in(population: Any) -> int:
    """The number of rows of a population: a whole number itself, or of anything that holds rows."""
    shape = getattr(population, "shape", None)
    if isinstance(shape, tuple) and shape:  # scipy's sparse matrices have a shape and refuse len()
        return int(shape[0])
    if isinstance(population, Sized) and shape != ():
        return len(population)
    if shape == () and not hasattr(population, "item"):
        population = None
    try:
        return whole("a population", population.item() if shape == () else population, least=0, most=_MOST_ROWS)
    except ConfigError as error:
        raise ConfigError(f"a population is a number of rows or something that holds rows: {error}") from None


def size_of(n: int | None, share: float | None, population: int, what: str, *, repeats: bool = False) -> int:
    """How many rows to draw, asked for as a number or as a share of `population` (rounded to the nearest)."""
    if (n is None) == (share is None):
        raise ConfigError(f"{what}: say how many rows, either n= or share=.")
    if share is not None:
        count = round(share_of(f"{what}: share", share, zero=True) * population)
    else:
        count = whole(f"{what}: n", n, least=0)
    if count > population and not repeats:
        raise DataError(
            f"{what}: {count} rows were asked for, and there are {population}; "
            "ask for fewer, or draw with replacement (replace=True)."
        )
    if count and not population:
        raise DataError(f"{what}: there are no rows to draw from.")
    if count > MOST_DRAWN:
        raise ConfigError(f"{what}: a sample lies in memory, so {MOST_DRAWN} rows are the most, and not {count}.")
    return count


def array_of(values: Any, what: str) -> np.ndarray[Any, Any]:
    """Values as an array of whatever type they are; rows of different lengths are no array."""
    try:
        return np.asarray(values)
    except ValueError as error:
        raise DataError(f"{what}: an array is needed, and rows differ in length: {error}") from None


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
    if hasattr(rows, "num_rows") or hasattr(rows, "to_pylist") or hasattr(rows, "batches"):  # pyarrow, Parquet
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
