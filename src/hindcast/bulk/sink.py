"""Where answers go: a Parquet file, an Arrow file or a Delta table, written as they come and whole or not there.

A file is written under another name, synced, counted again, and renamed; an append to a Delta table is the one commit
that names its files. So a full disk, an interrupt or a kill leaves what was there before, and at worst a draft that
the next write to the same place removes.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from hindcast.errors import ConfigError, SchemaError, StateError
from hindcast.facts.datafile import sync
from hindcast.journal.durable import make_folder
from hindcast.values import digest

__all__ = ["write_answers"]

_DRAFT = ".draft"


def write_answers(out: Path | str, schema: Any, tables: Iterator[Any], *, batch: str, origin: dict[str, Any]) -> int:
    """Write all tables to `out` and say how many rows were found there afterwards.

    Parameters
    ----------
    out : Path or str
        ``*.parquet`` and ``*.arrow`` are files, replaced as a whole. Any other path is the folder of a Delta table,
        made if it is not there, else appended to.
    schema : pyarrow.Schema
    tables : iterator of pyarrow.Table
    batch : str
        A name for these answers: a Delta table takes the same name once.
    origin : dict
        Plain values about where they come from, kept with the file or commit.

    Raises
    ------
    ConfigError
        When `out` is a file that is none of these, or its folder's columns are others.
    StateError
        When what was written cannot be found again.
    """
    path = Path(out)
    if path.suffix in (".parquet", ".pq", ".arrow"):
        if path.is_dir():
            raise ConfigError(f"out: {path} is a folder; give a file, or a Delta table's folder without that suffix.")
        return _write_file(path, schema, tables, origin)
    if path.suffix in (".csv", ".json", ".feather") or path.is_file():
        raise ConfigError(f"out: {path} is neither *.parquet nor *.arrow nor the folder of a Delta table.")
    return _append(path, schema, tables, batch, origin)


def _write_file(path: Path, schema: Any, tables: Iterator[Any], origin: dict[str, Any]) -> int:
    make_folder(path.parent)
    draft = path.with_name(f".{path.name}{_DRAFT}")
    try:
        rows = _write(draft, schema.with_metadata({"hindcast": json.dumps(origin, sort_keys=True)}), tables)
        sync(draft)
        _check(rows, _count(draft), draft)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync(path.parent)
    return rows


def _write(path: Path, schema: Any, tables: Iterator[Any]) -> int:
    import pyarrow.parquet as pq

    rows = 0
    try:
        with pa.OSFile(str(path), "wb") as file:
            if ".arrow" in path.suffixes:
                writer = pa.ipc.new_file(file, schema)
            else:
                texts = [field.name for field in schema if not pa.types.is_floating(field.type)]
                writer = pq.ParquetWriter(file, schema, compression="zstd", compression_level=1, use_dictionary=texts)
            with writer:
                for table in tables:
                    writer.write_table(table.replace_schema_metadata(schema.metadata))
                    rows += table.num_rows
    except OSError as error:
        if "No space left" in str(error):
            raise StateError(f"the disk of {path.parent} is full; nothing was written to the output.") from None
        raise
    return rows


def _count(path: Path) -> int:
    import pyarrow.parquet as pq

    if ".arrow" in path.suffixes:
        with pa.OSFile(str(path), "rb") as file:
            reader = pa.ipc.open_file(file)
            return sum(reader.get_batch(at).num_rows for at in range(reader.num_record_batches))
    return int(pq.ParquetFile(path).metadata.num_rows)


def _check(written: int, found: int, path: Path) -> None:
    if written != found:
        raise StateError(f"wrote {written} answers to {path} and found {found}; check the disk.")


def _append(folder: Path, schema: Any, tables: Iterator[Any], batch: str, origin: dict[str, Any]) -> int:
    make_folder(folder)
    with open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in folder.glob(f".*{_DRAFT}"):
            left.unlink(missing_ok=True)  # its writer is dead: it would hold the lock
        return _append_alone(folder, schema, tables, batch, origin)


def _append_alone(folder: Path, schema: Any, tables: Iterator[Any], batch: str, origin: dict[str, Any]) -> int:
    from deltalake import CommitProperties, DeltaTable, Schema, Transaction
    from deltalake.transaction import AddAction

    delta_schema = Schema.from_arrow(schema)
    if DeltaTable.is_deltatable(str(folder)):
        delta = DeltaTable(str(folder))
        if delta.transaction_version(batch) is not None:
            return 0
        if _fields(delta.schema()) != _fields(delta_schema):
            raise SchemaError(
                f"out: the table in {folder} has other columns than these answers; write them to a table of their own."
            )
    else:
        delta = DeltaTable.create(str(folder), delta_schema, mode="ignore")
        _sync_log(folder, delta.version())
    name = f"answers-{delta.version() + 1:012d}-{digest(batch)}.parquet"
    draft, path = folder / f".{name}{_DRAFT}", folder / name
    try:
        rows = _write(draft, schema, tables)
        sync(draft)
        _check(rows, _count(draft), draft)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync(folder)
    action = AddAction(
        name, path.stat().st_size, {}, path.stat().st_mtime_ns // 10**6, True, json.dumps({"numRecords": rows})
    )
    properties = CommitProperties(
        custom_metadata={"hindcast": json.dumps(origin, sort_keys=True)}, app_transactions=[Transaction(batch, 1)]
    )
    delta.create_write_transaction([action], "append", delta_schema, commit_properties=properties)
    found = DeltaTable(str(folder))
    if not any(Path(uri).name == name for uri in found.file_uris()):
        raise StateError(f"the answers appended to {folder} cannot be found there; check the disk.")
    _sync_log(folder, found.version())
    return rows


def _sync_log(folder: Path, version: int) -> None:
    log = folder / "_delta_log"
    for path in [*log.glob(f"{version:020d}*"), *log.glob("_last_checkpoint"), log, folder]:
        sync(path)


def _fields(schema: Any) -> list[tuple[str, str]]:
    return [(field.name, str(field.type)) for field in schema.fields]
