"""Rows on disk, divided into parts: added in any order, read back part by part.

A spill is one Arrow IPC file. Each chunk that is added is sorted by part and written as one record batch per part, so
writing is sequential, and reading a part reads its own batches and nothing else. A scratch folder holds spills; it is
locked while its owner lives, and whoever comes next removes the folders of the dead.
"""

from __future__ import annotations

import errno
import fcntl
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa

from hindcast.bulk.budget import Load, size_text
from hindcast.columns import Column, Frame, Kind
from hindcast.errors import StateError
from hindcast.facts.arrow import ARROW_TYPES, column_to_arrow
from hindcast.facts.cast import cast_typed
from hindcast.facts.digests import mixed, row_digests
from hindcast.values import Bools, Ints

__all__ = [
    "Scratch",
    "Spill",
    "as_table",
    "key_hashes",
    "kinds_of",
    "parts_of",
    "schema_of",
    "take",
    "to_arrow",
    "to_frame",
]

_PREFIX = "hindcast-scratch-"


# ---- Arrow and frames -----------------------------------------------------------------------------------


def to_arrow(columns: Mapping[str, Column]) -> Any:
    """Columns as a pyarrow Table of plain types: texts as strings, since each batch on disk stands for itself."""
    arrays = []
    for column in columns.values():
        array = column_to_arrow(column) if column.kind in ARROW_TYPES else column.to_arrow()
        arrays.append(array.dictionary_decode() if pa.types.is_dictionary(array.type) else array)
    return pa.Table.from_arrays(arrays, names=list(columns))


def to_frame(table: Any, names: Iterable[str] | None = None) -> Frame:
    """The columns of a table made by :func:`to_arrow`, all or those of `names`."""
    chosen = table.schema.names if names is None else names
    return Frame({name: _column(table[name], name) for name in chosen}, table.num_rows)


def _column(array: Any, name: str) -> Column:
    if pa.types.is_list(array.type):
        return Column.from_arrow(array)
    return cast_typed(array, zone=None, what=f"column {name!r}").column


def kinds_of(schema: Any) -> dict[str, Kind]:
    """The kinds that the types of a schema made by :func:`to_arrow` stand for."""
    return {column.name: next(kind for kind, type_ in ARROW_TYPES.items() if type_ == column.type) for column in schema}


def schema_of(kinds: Mapping[str, Kind]) -> Any:
    """The schema that :func:`to_arrow` gives columns of these kinds."""
    return pa.schema([(name, ARROW_TYPES[kind]) for name, kind in kinds.items()])


def as_table(batch: Any) -> Any:
    """A record batch as a table; a table as it is."""
    return batch if isinstance(batch, pa.Table) else pa.Table.from_batches([batch])


def take(table: Any, rows: Ints) -> Any:
    """The rows of a table, by index."""
    return table.take(column_to_arrow(Column("integer", rows)))


def key_hashes(columns: Sequence[Column]) -> tuple[Any, Bools]:
    """One 64-bit hash per row of key columns, the same in every process, and where no part of the key is null.

    Equal keys have equal hashes whatever they are stored as: 7, 7.0 and True hash like 1 and 7 do elsewhere. Shape
    (n,) each; O(n) for numbers, one hash per distinct text.
    """
    frame = Frame({str(at): column for at, column in enumerate(columns)})
    present = np.ones(len(frame), dtype=np.bool_)
    for column in columns:
        present &= column.present()
    return row_digests(frame)[:, 0], present


def parts_of(hashes: Any, parts: int, depth: int = 0) -> Ints:
    """The part of each hash; another depth divides anew what one part of the depth above holds."""
    if parts == 1:
        return np.zeros(len(hashes), dtype=np.int64)
    return (mixed(hashes + np.uint64(depth)) % np.uint64(parts)).astype(np.int64)


# ---- spills ---------------------------------------------------------------------------------------------


class Spill:
    """Rows of one schema on disk, by part.

    Parameters
    ----------
    path : Path
        The file; it is made now and removed by :meth:`drop`.
    schema : pyarrow.Schema

    Examples
    --------
    >>> with Scratch() as scratch:
    ...     spill = scratch.spill("rows", pa.schema({"x": pa.int64()}))
    ...     spill.add(pa.table({"x": [10, 20, 30]}), np.array([1, 0, 1]))
    ...     spill.add(pa.table({"x": [40]}), np.array([1]))
    ...     spill.load(1).rows, spill.read([1])["x"].to_pylist()
    (3, [10, 30, 40])
    """

    def __init__(self, path: Path, schema: Any) -> None:
        self.path, self.schema = path, schema
        self._loads: dict[int, Load] = {}
        self._batches: dict[int, list[int]] = {}
        self._count = 0
        with room(path):
            self._file = pa.OSFile(str(path), "wb")
            self._writer = pa.ipc.new_file(self._file, schema)
        self._reader: Any = None

    @property
    def parts(self) -> list[int]:
        """The parts that hold rows, rising."""
        return sorted(self._loads)

    @property
    def total(self) -> Load:
        """What all parts hold together."""
        return sum(self._loads.values(), Load())

    def load(self, part: int) -> Load:
        """What a part holds."""
        return self._loads.get(part, Load())

    def add(self, table: Any, parts: Ints) -> None:
        """Write the rows of `table`, each to its part; rows of a part stay in the order they came."""
        if not table.num_rows:
            return
        table = table.select(self.schema.names).cast(self.schema)
        first = int(parts[0])
        if (parts == first).all():
            self._write(table, first)
            return
        small = parts.astype(np.uint16) if parts.min() >= 0 and parts.max() < 1 << 16 else parts
        order = np.argsort(small, kind="stable")
        table = take(table, order.astype(np.int64))
        ordered = parts[order]
        starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
        for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(ordered)], strict=True):
            self._write(table.slice(start, end - start), int(ordered[start]))

    def _write(self, table: Any, part: int) -> None:
        with room(self.path):
            for batch in table.combine_chunks().to_batches():
                self._writer.write_batch(batch)
                self._batches.setdefault(part, []).append(self._count)
                self._count += 1
                self._loads[part] = self.load(part) + Load(batch.num_rows, batch.nbytes, _words(batch))

    def batches(self, part: int, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """The record batches of a part, in the order they were added; writing has ended when reading begins."""
        reader = self._open(columns)
        for at in self._batches.get(part, []):
            yield reader.get_batch(at)

    def read(self, parts: Iterable[int], columns: Sequence[str] | None = None) -> Any:
        """The rows of some parts as a pyarrow Table, part after part."""
        reader = self._open(columns)
        found = [reader.get_batch(at) for part in parts for at in self._batches.get(part, [])]
        schema = self.schema if columns is None else pa.schema([self.schema.field(name) for name in columns])
        if not found:
            return schema.empty_table()
        table = pa.Table.from_batches(found)
        return table if columns is None else table.select(list(columns))

    def _open(self, columns: Sequence[str] | None) -> Any:
        self.close()
        options = pa.ipc.IpcReadOptions(use_threads=False)
        if columns is not None:
            options.included_fields = sorted(self.schema.get_field_index(name) for name in columns)
        return pa.ipc.open_file(pa.OSFile(str(self.path), "rb"), options=options)

    def close(self) -> None:
        """End the writing; reading does it too."""
        if self._writer is not None:
            with room(self.path):
                self._writer.close()
                self._file.close()
            self._writer = None

    def drop(self) -> None:
        """Give the disk space back."""
        self.close()
        self.path.unlink(missing_ok=True)


def _words(batch: Any) -> int:
    """How many texts of a batch may be distinct, counted on its first rows."""
    count = 0
    for array in batch.columns:
        if pa.types.is_string(array.type) and len(array):
            head = array.slice(0, 512)
            count += len(head.unique()) * len(array) // len(head)
    return count


@contextmanager
def room(path: Path) -> Iterator[None]:
    """Say kindly that a disk is full."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error):
            free = shutil.disk_usage(path.parent).free
            raise StateError(
                f"the disk of the scratch folder {path.parent.parent} is full ({size_text(free)} left). Free some "
                "space, or name a larger place by scratch=; nothing was written to the output."
            ) from None
        raise


# ---- the folder -----------------------------------------------------------------------------------------


class Scratch:
    """A folder of one's own for spills, gone when the work is done, failed or was interrupted.

    A kill leaves the folder behind; the next to open a scratch in the same place removes it, since nobody holds its
    lock any more.

    Parameters
    ----------
    place : Path or str, optional
        The folder to make it in; the system's temporary one by default.
    """

    def __init__(self, place: Path | str | None = None) -> None:
        self.place = Path(gettempdir() if place is None else place)
        self._count = 0
        self._lock: Any = None
        self.folder: Path = self.place

    def __enter__(self) -> Scratch:
        self.place.mkdir(parents=True, exist_ok=True)
        self.sweep()
        self.folder = Path(mkdtemp(prefix=_PREFIX, dir=self.place))
        self._lock = open(self.folder / "lock", "w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.close()

    def sweep(self) -> int:
        """Remove folders whose owners died, and say how many."""
        removed = 0
        for folder in sorted(self.place.glob(_PREFIX + "*")):
            try:
                with open(folder / "lock") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
                    removed += 1
            except OSError:
                continue  # its owner lives, is just making it, or has just removed it
        return removed

    @property
    def free(self) -> int:
        """Bytes that are free on its disk."""
        return shutil.disk_usage(self.place).free

    def bytes(self) -> int:
        """Bytes that its spills take now."""
        return sum(path.stat().st_size for path in self.folder.glob("*.arrow"))

    def spill(self, name: str, schema: Any) -> Spill:
        """A new, empty spill."""
        self._count += 1
        return Spill(self.folder / f"{self._count:04d}-{name}.arrow", schema)
