"""Parquet files as frames, a column and a row group at a time, so that a file is never in memory twice."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.columns import Column, Frame, Kind
from hindcast.errors import UnknownName

__all__ = ["read_parquet"]


def read_parquet(path: str | Path, columns: Sequence[str] | None = None, *, threads: int = 2) -> Frame:
    """The columns of a Parquet file.

    Parameters
    ----------
    path : str or Path
    columns : sequence of str, optional
        All by default.
    threads : int, default 2
        How many columns are read at once.

    Raises
    ------
    UnknownName
        For a column that the file does not have.

    Notes
    -----
    Memory: the frame, and a row group of a column per thread. About a third less time than reading a table first and
    making a frame of it.
    """
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        there = file.schema_arrow.names
        groups = [file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)]
    for name in columns or ():
        if name not in there:
            raise UnknownName("column", name, there, where=str(path))
    wanted = list(there if columns is None else columns)
    with ThreadPoolExecutor(max_workers=max(1, threads)) as pool:
        found = list(pool.map(lambda name: _column(path, name, groups), wanted))
    return Frame(dict(zip(wanted, found, strict=True)), sum(groups))


def _column(path: str | Path, name: str, groups: Sequence[int]) -> Column:
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts: list[Column] = []
    whole: Any = None
    kind: Kind = "number"
    with pq.ParquetFile(path) as file:
        for at in range(len(groups)):
            part = Column.from_arrow(file.read_row_group(at, columns=[name], use_threads=False).column(0))
            if at == 0 and len(groups) > 1 and part.kind in ("number", "integer", "time"):
                whole, kind = np.empty(sum(groups), dtype=part.values.dtype), part.kind
            if whole is None or parts or part.valid is not None:
                parts.append(part)
            else:
                first = sum(groups[:at])
                whole[first : first + groups[at]] = part.values
        if whole is None:
            return (
                Column.concat(parts) if parts else Column.from_arrow(pa.array([], file.schema_arrow.field(name).type))
            )
    if not parts:
        return Column(kind, whole)
    done = sum(groups) - sum(len(part) for part in parts)
    return Column.concat([Column(kind, whole[:done]), *parts])
