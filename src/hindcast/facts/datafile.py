"""One batch as one Parquet file: a table's columns, and beside them what the lake keeps about every fact.

Written so that any reader of Delta tables understands it, read without pandas or pyarrow's datasets, and on disk when
writing returns.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.columns import Column, Frame, Kind
from hindcast.facts.digests import Lanes
from hindcast.facts.facts import Facts
from hindcast.values import Ints

__all__ = [
    "DELTA_TYPES",
    "FACT_KINDS",
    "KINDS",
    "OWN_KINDS",
    "OWN_TYPES",
    "delta_schema",
    "own_columns",
    "read_digests",
    "read_file",
    "sync",
    "write_file",
]

DELTA_TYPES: dict[Kind, str] = {
    "number": "double",
    "integer": "long",
    "time": "timestamp",
    "boolean": "boolean",
    "text": "string",
}
"""How each kind is called in a Delta schema."""

KINDS: dict[str, Kind] = {name: kind for kind, name in DELTA_TYPES.items()}
"""The other way round."""

OWN_TYPES = {
    "_event": "long",
    "_known": "long",
    "_seq": "long",
    "_retract": "boolean",
    "_arrival": "long",
    "_file": "string",
    "_row": "long",
    "_digest": "binary",
}
"""What the lake keeps about every fact: its times, place, arrival and origin, and the digest of its row."""

OWN_KINDS: dict[str, Kind] = {name: KINDS[stored] for name, stored in OWN_TYPES.items() if stored in KINDS}
FACT_KINDS: dict[str, Kind] = {name: OWN_KINDS[name] for name in ("_event", "_known", "_seq", "_retract")}


def delta_schema(kinds: Mapping[str, Kind]) -> Any:
    """The Delta schema of a table with columns of these kinds."""
    from deltalake import Field, Schema

    types = {**{name: DELTA_TYPES[kind] for name, kind in kinds.items()}, **OWN_TYPES}
    return Schema([Field(name, stored) for name, stored in types.items()])


def sync(path: Path) -> None:
    """Return once a file, or a folder's list of names, is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def own_columns(facts: Facts, file: str, rows: Ints | None, arrival: Ints | None = None) -> dict[str, Column]:
    """What the lake keeps about each fact, but for the digest; without `arrival` that is null."""
    count = len(facts)
    name = np.empty(1, dtype=object)
    name[0] = file
    return {
        "_event": Column("integer", facts.event),
        "_known": Column("integer", facts.known),
        "_seq": Column("integer", facts.seq),
        "_retract": Column("boolean", facts.retract.astype(np.int8)),
        "_arrival": Column.empty("integer", count) if arrival is None else Column("integer", arrival),
        "_file": Column("text", np.full(count, 0 if file else -1, dtype=np.int32), None, name),
        "_row": Column("integer", np.zeros(count, dtype=np.int64) if rows is None else rows),
    }


def write_file(path: Path, columns: Mapping[str, Column], lanes: Lanes) -> None:
    """One Parquet file, on disk when this returns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from hindcast.facts.arrow import bytes_to_arrow, column_to_arrow

    table = pa.Table.from_arrays(
        [*(column_to_arrow(column) for column in columns.values()), bytes_to_arrow(lanes)], names=[*columns, "_digest"]
    )
    texts = [name for name, column in columns.items() if column.kind == "text"]
    pq.write_table(table, path, compression="zstd", use_dictionary=texts, store_schema=False)
    sync(path)


def read_file(path: Path, kinds: Mapping[str, Kind]) -> Frame:
    """Columns of a file as these kinds; one that the file does not have is null."""
    import pyarrow.parquet as pq

    from hindcast.facts.arrow import read_column

    metadata = pq.ParquetFile(path).metadata
    there = set(metadata.schema.names)
    texts = [name for name, kind in kinds.items() if kind == "text" and name in there]
    file = pq.ParquetFile(path, read_dictionary=texts, metadata=metadata)
    table = file.read(columns=[name for name in kinds if name in there])
    return Frame(
        {
            name: read_column(table[name], kind) if name in there else Column.empty(kind, table.num_rows)
            for name, kind in kinds.items()
        },
        table.num_rows,
    )


def read_digests(path: Path) -> tuple[Lanes, Ints]:
    """The digests of a file's rows, shape (n, 2), and their sequence numbers, shape (n,)."""
    import pyarrow.parquet as pq

    from hindcast.facts.arrow import digests_of_arrow, integers

    table = pq.ParquetFile(path).read(columns=["_digest", "_seq"])
    return digests_of_arrow(table["_digest"]), integers(table["_seq"])
