"""Answers kept on disk: columns of features by request, each with all that its values were made from.

A folder of plain Parquet files and a manifest. A file is named by the digest of its bytes and never changes; the
manifest names the files that count and is replaced in one step, so that a kill at any instant leaves the old state or
the new one. What is torn, altered or missing is answered anew and reported: a cache may be lost, never wrong. One
process works in a folder at a time; another one waits.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from hindcast import __version__
from hindcast.columns import Column, Kind
from hindcast.facts.digests import Lanes
from hindcast.journal.durable import make_folder, replace_file, sync, sync_folder
from hindcast.values import digest

__all__ = ["AnswerStore", "Entry", "Watermark"]

FORMAT = 1
_MADE_BY = f"hindcast {__version__}, numpy {np.__version__}"
"""Another version may answer differently in a last bit, so its answers are not taken over."""
_PATIENCE = 8
"""Answers that nobody asked for while others were written this often are dropped."""
_WRITERS = 4
"""Files are synced side by side: a disk takes several at once about as fast as one."""


@dataclass(frozen=True, slots=True)
class Watermark:
    """How far a table had landed.

    Parameters
    ----------
    seq : int
        The last fact's sequence number; -1 for an empty table.
    content : str
        Digest of the columns that were read, with times and places.
    mark : str or None
        What the caller said identifies the whole table, such as the lake's fingerprint.
    """

    seq: int
    content: str
    mark: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """The answers to one feature (or a few that are answered together).

    Parameters
    ----------
    kinds : mapping of str to str
        Each feature's kind, by name.
    read : mapping of str to str
        The kinds of the columns that were read.
    tables : mapping of str to Watermark
    requests, values : str
        The files with the requests' digests and the features' columns, row by row.
    unasked : int
        How often others were written since it was asked for.
    """

    kinds: Mapping[str, Kind]
    read: Mapping[str, str]
    tables: Mapping[str, Watermark]
    requests: str
    values: str
    unasked: int = 0


class AnswerStore:
    """A folder of kept answers, locked for as long as the context is entered.

    Parameters
    ----------
    folder : Path
        It is made when it does not exist; it may be deleted at any time.

    Attributes
    ----------
    entries : dict of str to Entry
        By the digest of the feature's meaning.
    notices : list of str
        What was found torn, altered or missing.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> folder = Path(mkdtemp())
    >>> with AnswerStore(folder) as store:
    ...     asked = store.put_digests(np.zeros((2, 2), dtype=np.uint64))
    ...     given = store.put_columns({"temp": Column.of([71.0, None])})
    ...     store.commit({"1f": Entry({"temp": "number"}, {}, {}, asked, given)})
    >>> with AnswerStore(folder) as store:
    ...     store.columns(store.entries["1f"])["temp"].values
    array([71., nan])
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.entries: dict[str, Entry] = {}
        self.notices: list[str] = []
        self._lock: int | None = None
        self._pool = ThreadPoolExecutor(max_workers=_WRITERS)
        self._writing: dict[str, Future[None]] = {}

    def __enter__(self) -> AnswerStore:
        make_folder(self.folder)
        self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            self.entries = self._manifest()
        except BaseException:
            os.close(self._lock)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    # ---- reading ----------------------------------------------------------------------------------------

    def digests(self, entry: Entry) -> Lanes | None:
        """The digests of the requests that were answered, shape (n, 2); None when the file is not what it was."""
        from hindcast.facts.arrow import digests_of_arrow

        table = self._read(entry.requests)
        return None if table is None else digests_of_arrow(table["request"])

    def columns(self, entry: Entry) -> dict[str, Column] | None:
        """The answers by feature, in the order of :meth:`digests`; None when the file is not what it was."""
        table = self._read(entry.values)
        if table is None:
            return None
        return {name: _from_arrow(table[name], kind) for name, kind in entry.kinds.items()}

    def _read(self, name: str) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            data = (self.folder / name).read_bytes()
        except OSError:
            self.notices.append(f"{self.folder / name} is missing or unreadable; its features are answered anew.")
            return None
        if _name_of(data) != name:
            self.notices.append(f"{self.folder / name} is torn or was altered; its features are answered anew.")
            return None
        return pq.ParquetFile(pa.BufferReader(data)).read()

    def _manifest(self) -> dict[str, Entry]:
        path = self.folder / "manifest.json"
        if not path.exists():
            return {}
        try:
            body = json.loads(path.read_bytes())
            if body.pop("digest") != digest(body):
                raise ValueError("altered")
            if (body["format"], body["made_by"]) != (FORMAT, _MADE_BY):
                self.notices.append(f"{path} was written by {body['made_by']}; all features are answered anew.")
                return {}
            return {name: _entry(stored) for name, stored in body["entries"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            self.notices.append(f"{path} is torn or was altered; all features are answered anew.")
            return {}

    # ---- writing ----------------------------------------------------------------------------------------

    def put_digests(self, lanes: Lanes) -> str:
        """Write the digests of requests; gives the file's name, for an :class:`Entry`."""
        from hindcast.facts.arrow import bytes_to_arrow

        return self._write({"request": bytes_to_arrow(lanes)})

    def put_columns(self, columns: Mapping[str, Column]) -> str:
        """Write answers by feature; gives the file's name."""
        return self._write({name: _to_arrow(column) for name, column in columns.items()})

    def _write(self, arrays: Mapping[str, Any]) -> str:
        import pyarrow as pa
        import pyarrow.parquet as pq

        buffer = io.BytesIO()
        table = pa.Table.from_arrays(list(arrays.values()), names=list(arrays))
        pq.write_table(table, buffer, compression="lz4", store_schema=False)
        data = buffer.getvalue()
        name = _name_of(data)
        if name not in self._writing and not self._holds(name):
            self._writing[name] = self._pool.submit(write_file, self.folder / name, data)
        return name

    def _holds(self, name: str) -> bool:
        path = self.folder / name
        return path.exists() and _name_of(path.read_bytes()) == name

    def commit(self, entries: Mapping[str, Entry]) -> None:
        """Make these the entries and keep others for a while; files that no entry names any more are removed."""
        for name in sorted(self._writing):
            self._writing.pop(name).result()
        sync_folder(self.folder)
        kept = {
            name: replace(entry, unasked=entry.unasked + 1)
            for name, entry in self.entries.items()
            if name not in entries and entry.unasked < _PATIENCE
        }
        self.entries = {**kept, **entries}
        body = {
            "format": FORMAT,
            "made_by": _MADE_BY,
            "entries": {name: _plain(entry) for name, entry in sorted(self.entries.items())},
        }
        whole = {**body, "digest": digest(body)}
        replace_file(self.folder / "manifest.json", json.dumps(whole, indent=1, sort_keys=True).encode() + b"\n")
        named = {file for entry in self.entries.values() for file in (entry.requests, entry.values)}
        for path in [*self.folder.glob("*.parquet"), *self.folder.glob("*.new")]:
            if path.name not in named:
                path.unlink(missing_ok=True)


def write_file(path: Path, data: bytes) -> None:
    """Put `data` at `path`, whole or not at all; the name is on disk once its folder is synced."""
    draft = path.with_suffix(".new")
    with open(draft, "wb") as file:
        file.write(data)
        file.flush()
        sync(file.fileno())
    draft.replace(path)


def _name_of(data: bytes) -> str:
    return f"{sha256(data).hexdigest()[:32]}.parquet"


def _plain(entry: Entry) -> dict[str, Any]:
    tables = {name: [mark.seq, mark.content, mark.mark] for name, mark in entry.tables.items()}
    return {
        "kinds": dict(entry.kinds),
        "read": dict(entry.read),
        "tables": tables,
        "requests": entry.requests,
        "values": entry.values,
        "unasked": entry.unasked,
    }


def _entry(stored: Mapping[str, Any]) -> Entry:
    tables = {name: Watermark(*mark) for name, mark in stored["tables"].items()}
    return Entry(stored["kinds"], stored["read"], tables, stored["requests"], stored["values"], stored["unasked"])


def _to_arrow(column: Column) -> Any:
    from hindcast.facts.arrow import ARROW_TYPES, column_to_arrow

    return column_to_arrow(column) if column.kind in ARROW_TYPES else column.to_arrow()


def _from_arrow(array: Any, kind: Kind) -> Column:
    from hindcast.facts.arrow import ARROW_TYPES, read_column

    return read_column(array, kind) if kind in ARROW_TYPES else Column.from_arrow(array).as_kind(kind)
