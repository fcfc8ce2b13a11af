"""The lake: every fact that ever landed, in append-only Delta tables that other tools can read too.

One folder per table. A batch is one Parquet file, synced to disk before the commit that names it; the commit is synced
before the receipt is given. Each commit carries where the table stands: rows, next sequence number, fingerprint. Files
are read one by one through pyarrow's Parquet reader; nothing is ever merged or updated in place.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np

from hindcast.columns import Column, Frame, Kind
from hindcast.errors import DataError, SchemaError, StateError, UnknownName
from hindcast.facts.datafile import (
    DELTA_TYPES,
    FACT_KINDS,
    KINDS,
    OWN_KINDS,
    OWN_TYPES,
    delta_schema,
    own_columns,
    read_digests,
    read_file,
    sync,
    write_file,
)
from hindcast.facts.delta_log import began, set_torn_aside, stand_at, sync_commit
from hindcast.facts.digests import Lanes, row_digests, total
from hindcast.facts.facts import Facts
from hindcast.facts.table import Table
from hindcast.values import BEGINNING, Ints, digest

__all__ = ["Lake", "Receipt"]

_NOTHING = "0" * 32


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a batch did, given only once it is on disk and has been found there.

    Parameters
    ----------
    rows : int
        Facts that landed with this batch.
    version : int
        The table's version that holds them.
    read_back : bool
        Whether the rows were counted again in what was written.
    fingerprint : str
        The table's fingerprint with them.
    repeated : bool
        Whether the batch had landed before, so that nothing was written now.
    """

    rows: int
    version: int
    read_back: bool
    fingerprint: str
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class _State:
    """Where a table stands at a version."""

    delta: Any
    version: int
    kinds: dict[str, Kind]
    files: list[Path]
    rows: int
    next_seq: int
    fingerprint: str


class Lake:
    """Append-only facts on disk.

    Safe for several processes: one appends to a table at a time, any number read. What a reader sees is one version.

    Parameters
    ----------
    root : Path or str
        A folder; it is made when something is written.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from hindcast.facts import Facts, Lake, Table
    >>> weather = Table("weather", event_time="hour", known_after="1h")
    >>> lake = Lake(mkdtemp())
    >>> lake.append(weather, Facts.of(weather, [{"hour": "2013-07-01T06:00:00Z", "temp": 71.0}]), batch="first").rows
    1
    >>> lake.facts("weather").frame["temp"].values, lake.next_seq("weather")
    (array([71.]), 1)
    """

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        self._mutex = RLock()
        self._held: dict[str, int] = {}

    # ---- reading ----------------------------------------------------------------------------------------

    def tables(self) -> list[str]:
        """The names of the tables that something has landed in, sorted."""
        return sorted(path.parent.name for path in self.root.glob("*/_delta_log") if began(path.parent))

    def version(self, name: str) -> int:
        """The table's version, growing with every commit; -1 before the first."""
        return self._delta(name).version() if name in self.tables() else -1

    def schema(self, name: str, *, version: int | None = None) -> dict[str, Kind]:
        """The table's columns and their kinds."""
        return dict(self._state(name, version).kinds)

    def next_seq(self, name: str) -> int:
        """The sequence number that the next fact gets; 0 before the first."""
        return self._state(name).next_seq if name in self.tables() else 0

    def rows(self, name: str) -> int:
        """How many facts have landed, retractions included."""
        return self._state(name).rows if name in self.tables() else 0

    def fingerprint(self, name: str, *, version: int | None = None) -> str:
        """The content of the table as 32 hex digits: the same for the same facts landed in the same order.

        It depends on values, times and sequence of every fact, neither on the machine nor on how the facts were
        divided into batches or files. Of a table that does not exist it is all zeros.
        """
        return self._state(name, version).fingerprint if name in self.tables() else _NOTHING

    def files(self, name: str, *, version: int | None = None) -> list[Path]:
        """The Parquet files that hold the table's facts, in the order of landing: to be read chunk by chunk."""
        return list(self._state(name, version).files)

    def landed(self, name: str, batch: str) -> bool:
        """Whether `batch` has landed in the table."""
        return name in self.tables() and self._delta(name).transaction_version(batch) is not None

    def facts(self, name: str, columns: Iterable[str] | None = None, *, version: int | None = None) -> Facts:
        """The table's facts in the order of landing.

        Parameters
        ----------
        name : str
        columns : iterable of str, optional
            Only these columns, in this order; all by default.
        version : int, optional
            As they were at that version; the newest by default.

        Raises
        ------
        UnknownName
            For a table or column that does not exist.
        """
        state = self._state(name, version)
        wanted = list(state.kinds) if columns is None else list(dict.fromkeys(columns))
        for column in wanted:
            if column not in state.kinds:
                raise UnknownName("column", column, state.kinds, where=f"table {name!r}")
        kinds = {column: state.kinds[column] for column in wanted}
        parts = [read_file(path, {**kinds, **FACT_KINDS}) for path in state.files]
        frame = (
            Frame.concat(parts) if parts else Frame({n: Column.empty(k, 0) for n, k in {**kinds, **FACT_KINDS}.items()})
        )
        facts = Facts(
            frame["_event"].values,
            frame["_known"].values,
            frame["_seq"].values,
            frame["_retract"].values.astype(np.bool_),
            Frame({column: frame[column] for column in wanted}, len(frame)),
        )
        return facts if _increasing(facts.seq) else facts.take(np.argsort(facts.seq, kind="stable"))

    def digests(self, name: str) -> Lanes:
        """The digests of the table's facts in the order of landing, shape (n, 2); none before the first."""
        if name not in self.tables():
            return np.zeros((0, 2), dtype=np.uint64)
        parts = [read_digests(path) for path in self._state(name).files]
        if not parts:
            return np.zeros((0, 2), dtype=np.uint64)
        lanes, seq = np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
        return lanes if _increasing(seq) else lanes[np.argsort(seq, kind="stable")]

    def arrivals(self, name: str) -> Ints:
        """When each of the table's facts reached us, in the order of landing, in microseconds.

        ``BEGINNING`` where nobody said so. A fact whose arrival comes after its known time is late: requests between
        the two were answered without it.
        """
        if name not in self.tables():
            return np.zeros(0, dtype=np.int64)
        kinds: dict[str, Kind] = {"_seq": "integer", "_arrival": "integer"}
        parts = [read_file(path, kinds) for path in self._state(name).files]
        if not parts:
            return np.zeros(0, dtype=np.int64)
        frame = Frame.concat(parts)
        known = frame["_arrival"].present()
        arrival = np.where(known, frame["_arrival"].values, BEGINNING).astype(np.int64)
        seq = frame["_seq"].values
        return arrival if _increasing(seq) else arrival[np.argsort(seq, kind="stable")]

    # ---- writing ----------------------------------------------------------------------------------------

    @contextmanager
    def writing(self, name: str) -> Iterator[None]:
        """Be the only one who appends to table `name`; waits for another process. May be entered again within."""
        with self._mutex:
            if self._held.get(name):
                self._held[name] += 1
                try:
                    yield
                finally:
                    self._held[name] -= 1
                return
            self.root.mkdir(parents=True, exist_ok=True)
            with open(self.root / f".{name}.lock", "w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._held[name] = 1
                try:
                    yield
                finally:
                    self._held[name] = 0

    def append(
        self,
        table: Table,
        facts: Facts,
        *,
        batch: str,
        origin: Mapping[str, Any] | None = None,
        file: str = "",
        rows: Ints | None = None,
        digests: Lanes | None = None,
        arrival: Ints | None = None,
    ) -> Receipt:
        """Land `facts`, or do nothing when `batch` has landed before.

        Parameters
        ----------
        table : Table
        facts : Facts
            With sequence numbers that increase and start at :meth:`next_seq` or later.
        batch : str
            A name for this batch; the same name lands once.
        origin : mapping, optional
            Plain values about where it came from, kept with the commit.
        file : str, optional
            The file the rows came from.
        rows : int64 array, shape (len(facts),), optional
            Each fact's row in that file, from 1; 0 when there is no file.
        digests : uint64 array, shape (len(facts), 2), optional
            The rows' digests, when they are computed already.
        arrival : int64 array, shape (len(facts),), optional
            When each fact reached us, microseconds; no part of the fingerprint. See :meth:`arrivals`.

        Raises
        ------
        SchemaError
            When a column's kind changed in a way that would lose something.
        StateError
            When the sequence numbers are taken, or what was written cannot be found again.
        """
        names = [n for n in facts.frame.names if table.all_columns is None or n in table.all_columns]
        frame = facts.frame.select(names)
        for name in table.keys:
            if name not in frame:
                raise UnknownName("column", name, names, where=f"table {table.name!r}, facts to append")
        with self.writing(table.name):
            self._create(table.name, frame.kinds)
            state = self._state(table.name)
            if state.delta.transaction_version(batch) is not None:
                return Receipt(0, state.version, True, state.fingerprint, repeated=True)
            if len(facts) == 0:
                return Receipt(0, state.version, True, state.fingerprint)
            if not _increasing(facts.seq) or facts.seq[0] < state.next_seq:
                raise StateError(
                    f"table {table.name!r}: facts must land in order with sequence numbers from {state.next_seq} on, "
                    f"these start at {facts.seq[0]}. Someone else has appended meanwhile: take next_seq() within "
                    "writing()."
                )
            frame, state = self._evolve(table.name, state, frame)
            lanes = row_digests(frame, facts.retract) if digests is None else digests
            own = own_columns(facts, file, rows, arrival)
            path = self._path(table.name) / f"part-{int(facts.seq[0]):020d}-{digest(batch)}.parquet"
            write_file(path, {**dict(frame), **own}, lanes)
            moved = _sum(state.fingerprint, total(lanes, facts.seq, facts.event, facts.known))
            stand = {
                "rows": state.rows + len(facts),
                "next_seq": int(facts.seq[-1]) + 1,
                "fingerprint": moved,
                "batch": batch,
                "added": len(facts),
                "origin": dict(origin or {}),
            }
            state = self._commit(table.name, state, [(path, len(facts))], stand, "append", batch)
            return self._read_back(table.name, state, path, len(facts))

    @staticmethod
    def _read_back(name: str, state: _State, path: Path, rows: int) -> Receipt:
        import pyarrow.parquet as pq

        found = pq.ParquetFile(path).metadata.num_rows if path in state.files else -1
        if found != rows:
            raise StateError(f"table {name!r}: wrote {rows} facts to {path.name} and found {found}; check the disk.")
        return Receipt(rows, state.version, True, state.fingerprint)

    def _evolve(self, name: str, state: _State, frame: Frame) -> tuple[Frame, _State]:
        """Bring the table's schema and the frame together: columns are added or widened, never narrowed."""
        columns: dict[str, Column] = {}
        added: dict[str, Kind] = {}
        widened: dict[str, Kind] = {}
        if not OWN_TYPES.keys() <= {field.name for field in state.delta.schema().fields}:  # made by an older version
            self._add_columns(name, state, {})
            state = self._state(name)
        for column_name, column in frame.items():
            stored = state.kinds.get(column_name)
            if stored is None:
                added[column_name] = column.kind
                columns[column_name] = column
                continue
            try:
                columns[column_name] = column.as_kind(stored)
            except DataError:
                empty = not self.facts(name, [column_name]).frame[column_name].present().any()
                if (stored, column.kind) != ("integer", "number") and not empty:
                    raise SchemaError(
                        f"table {name!r}: column {column_name!r} holds {stored} values and now came as {column.kind}. "
                        f"Convert it at the source, or declare types={{{column_name!r}: {stored!r}}}.",
                        column=column_name,
                    ) from None
                widened[column_name] = column.kind
                columns[column_name] = column
        if widened:
            state = self._widen(name, state, widened)
        if added:
            self._add_columns(name, state, added)
            state = self._state(name)
        return Frame(columns, len(frame)), state

    def _widen(self, name: str, state: _State, widened: Mapping[str, Kind]) -> _State:
        """Write every file again with wider columns, in one commit; nobody sees a mixture."""
        kinds = {**state.kinds, **widened}
        written = []
        for number, path in enumerate(state.files):
            frame = read_file(path, {**kinds, **OWN_KINDS})
            fresh = path.with_name(f"{path.name[:25]}-wide-{state.version + 1}-{number}.parquet")
            write_file(fresh, dict(frame), read_digests(path)[0])
            written.append((fresh, len(frame)))
        wider = _State(state.delta, state.version, kinds, state.files, state.rows, state.next_seq, state.fingerprint)
        stand = {
            "rows": state.rows,
            "next_seq": state.next_seq,
            "fingerprint": state.fingerprint,
            "widened": dict(widened),
        }
        return self._commit(name, wider, written, stand, "overwrite", None)

    def _add_columns(self, name: str, state: _State, added: Mapping[str, Kind]) -> None:
        from deltalake import CommitProperties, Field

        there = {field.name for field in state.delta.schema().fields}
        types = {n: DELTA_TYPES[k] for n, k in added.items()} | {n: t for n, t in OWN_TYPES.items() if n not in there}
        stand = {
            "rows": state.rows,
            "next_seq": state.next_seq,
            "fingerprint": state.fingerprint,
            "columns": sorted(added),
        }
        properties = CommitProperties(custom_metadata={"hindcast": json.dumps(stand, sort_keys=True)})
        state.delta.alter.add_columns([Field(n, t) for n, t in types.items()], commit_properties=properties)
        sync_commit(self._path(name), state.delta.version())

    def _create(self, name: str, kinds: Mapping[str, Kind]) -> None:
        if name in self.tables():
            return
        from deltalake import CommitProperties, DeltaTable

        path = self._path(name)
        path.mkdir(parents=True, exist_ok=True)
        stand = {"rows": 0, "next_seq": 0, "fingerprint": _NOTHING}
        DeltaTable.create(
            str(path.absolute()),
            schema=delta_schema(kinds),
            mode="ignore",
            name=name,
            configuration={"delta.enableExpiredLogCleanup": "false"},
            commit_properties=CommitProperties(custom_metadata={"hindcast": json.dumps(stand, sort_keys=True)}),
        )
        sync_commit(path, 0)
        sync(self.root)

    def _commit(
        self,
        name: str,
        state: _State,
        files: Sequence[tuple[Path, int]],
        stand: Mapping[str, Any],
        mode: str,
        batch: str | None,
    ) -> _State:
        """Commit `files` and say where the table stands, as found by opening it anew; synced on return."""
        from deltalake import CommitProperties, Transaction
        from deltalake.transaction import AddAction

        sync(self._path(name))
        actions = [
            AddAction(
                path.name,
                path.stat().st_size,
                {},
                path.stat().st_mtime_ns // 10**6,
                True,
                json.dumps({"numRecords": rows}),
            )
            for path, rows in files
        ]
        properties = CommitProperties(
            custom_metadata={"hindcast": json.dumps(stand, sort_keys=True)},
            app_transactions=[Transaction(batch, 1)] if batch is not None else None,
        )
        state.delta.create_write_transaction(actions, mode, delta_schema(state.kinds), commit_properties=properties)
        found = self._state(name)
        sync_commit(self._path(name), found.version)
        return found

    # ---- the table on disk ------------------------------------------------------------------------------

    def _path(self, name: str) -> Path:
        return self.root / name

    def _delta(self, name: str, version: int | None = None) -> Any:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        if name not in self.tables():
            raise UnknownName("table", name, self.tables(), where=f"lake {self.root}")
        uri = str(self._path(name).absolute())
        try:
            return DeltaTable(uri, version=version)
        except (DeltaError, OSError, ValueError) as error:
            if version is not None:
                raise StateError(f"table {name!r} has no readable version {version}: {error}") from None
            if not self._set_torn_aside(name):
                raise StateError(f"table {name!r} in {self.root} cannot be opened: {error}") from None
            return DeltaTable(uri)

    def _state(self, name: str, version: int | None = None) -> _State:
        delta = self._delta(name, version)
        stand = stand_at(self._path(name), delta.version())
        if stand is None:
            if version is not None or not self._set_torn_aside(name):
                raise StateError(f"table {name!r}: version {delta.version()} does not say where the table stands.")
            return self._state(name)
        fields = {field.name: field.type.type for field in delta.schema().fields if field.name not in OWN_TYPES}
        folder = self._path(name)
        files = sorted(folder / Path(uri).name for uri in delta.file_uris())
        kinds = {column: KINDS[stored] for column, stored in fields.items()}
        return _State(delta, delta.version(), kinds, files, stand["rows"], stand["next_seq"], stand["fingerprint"])

    def _set_torn_aside(self, name: str) -> bool:
        with self.writing(name):
            return set_torn_aside(self._path(name))


def _increasing(seq: Ints) -> bool:
    return bool((np.diff(seq) > 0).all())


def _sum(fingerprint: str, more: Any) -> str:
    lanes = [int(fingerprint[:16], 16), int(fingerprint[16:], 16)]
    return "".join(f"{(lane + int(plus)) % (1 << 64):016x}" for lane, plus in zip(lanes, more, strict=True))
