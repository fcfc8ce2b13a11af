"""The ledger: every decision with its inputs and its reason, appended once and never changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from hashlib import sha256
from pathlib import Path
from threading import local
from types import TracebackType
from typing import Any, Protocol

from hindcast.errors import ConfigError, StateError
from hindcast.journal import replace_file
from hindcast.registry.entries import Draft, Entry, Row, line, opened, written
from hindcast.registry.memory import MemoryRows
from hindcast.registry.roles import DECISIONS, Roles, check_decision, live_at, roles
from hindcast.values import NEVER, iso

__all__ = ["Batch", "Ledger"]


class _Seen(Protocol):
    """Rows as a writer sees them."""

    def last(self) -> int: ...

    def insert(self, rows: Sequence[Row]) -> None: ...

    def select(
        self, *, system: str | None, target: str | None, kinds: Sequence[str] | None, before_us: int | None, after: int
    ) -> Iterator[Row]: ...

    def newest_us(self, system: str, target: str, kinds: Sequence[str]) -> int | None: ...


class _Rows(Protocol):
    """Where rows are kept."""

    @property
    def place(self) -> str: ...

    def writing(self) -> AbstractContextManager[_Seen]: ...

    def last(self) -> int: ...

    def select(
        self, *, system: str | None, target: str | None, kinds: Sequence[str] | None, before_us: int | None, after: int
    ) -> Iterator[Row]: ...

    def close(self) -> None: ...


class Batch:
    """Appends that come true together, and reading between them; made by :meth:`Ledger.writing`."""

    def __init__(self, rows: _Seen, place: str) -> None:
        self._rows, self._place = rows, place
        self._last = rows.last()
        self._waiting: list[Row] = []
        self._decided: dict[tuple[str, str], int | None] = {}

    def append(
        self, kind: str, body: Any, *, at_us: int, system: str, target: str, request_id: str = "", group: str = ""
    ) -> Entry:
        """Add an entry; see :meth:`Ledger.append`."""
        return self.add(Draft(kind, body, at_us, system, target, request_id, group))

    def add(self, draft: Draft) -> Entry:
        """Add an entry from its draft; see :meth:`Ledger.append`."""
        row = written(draft, self._last + 1)
        entry = opened(row)
        if not isinstance(entry.body, dict):
            raise ConfigError(f"ledger entry of kind {draft.kind!r}: the body must be a mapping, got {draft.body!r}.")
        if entry.kind in DECISIONS:
            self._decide(entry)
        self._waiting.append(row)
        self._last += 1
        return entry

    def entries(
        self,
        *,
        system: str | None = None,
        target: str | None = None,
        kind: str | Iterable[str] | None = None,
        before_us: int | None = None,
        after: int = 0,
    ) -> list[Entry]:
        """The entries so far, those of this batch included; see :meth:`Ledger.entries`."""
        self.flush()
        found = self._rows.select(system=system, target=target, kinds=_kinds(kind), before_us=before_us, after=after)
        return [opened(row) for row in found]

    def flush(self) -> None:
        """Hand what was added to the store, still revocable."""
        rows, self._waiting = self._waiting, []
        self._rows.insert(rows)

    def _decide(self, entry: Entry) -> None:
        check_decision(entry.kind, entry.body)
        whose = (entry.system, entry.target)
        if whose not in self._decided:
            self._decided[whose] = self._rows.newest_us(*whose, DECISIONS)
        last = self._decided[whose]
        if last is not None and entry.at_us < last:
            raise StateError(
                f"ledger {self._place}: a {entry.kind} of {entry.system}/{entry.target} at {iso(entry.at_us)} would "
                f"rewrite the past: its roles were last decided at {iso(last)}. Decide at that moment or later."
            )
        self._decided[whose] = entry.at_us


class Ledger:
    """An append-only history of decisions, shared by any number of processes.

    The database itself refuses to change or remove an entry (triggers), and numbers them 1, 2, 3 ... in the order
    of their commits. What :meth:`append` returned is on the medium. Safe for threads, processes and forks.

    Decisions about roles (promotion, rollback, trial) of one target never go back in time: one before the last is
    refused, so what ``live_at(t)`` answers for a moment in the past never changes.

    Parameters
    ----------
    where : path or str
        A file for SQLite; an SQLAlchemy URL of SQLite or PostgreSQL; ``"sqlite://"`` keeps it in memory (without
        a database: fast, for replays).
    read_only : bool, default False
        Refuse to append, and to create what is missing.

    Raises
    ------
    StateError
        When it cannot be opened: missing, no database, of a newer format, busy for a minute.

    Examples
    --------
    >>> ledger = Ledger("sqlite://")
    >>> body = {"version": "v1", "replaced": None, "reason": "first of all"}
    >>> ledger.append("promotion", body, at_us=10, system="flights", target="late").number
    1
    >>> ledger.live_at(11, system="flights", target="late")
    'v1'
    """

    def __init__(self, where: Path | str, *, read_only: bool = False) -> None:
        self.read_only = read_only
        self._rows = _rows(where, read_only=read_only)
        self._here = local()

    # ---- writing ----------------------------------------------------------------------------------------

    def append(
        self, kind: str, body: Any, *, at_us: int, system: str, target: str, request_id: str = "", group: str = ""
    ) -> Entry:
        """Append one entry and return it, durable and numbered.

        Parameters
        ----------
        kind : str
        body : mapping or dataclass
            Anything with a canonical form (see :func:`hindcast.values.canonical`): NaN and infinities are kept,
            tuples become lists, keys texts. No measured durations here: they would change the content hash.
        at_us : int
        system, target, request_id, group : str

        Raises
        ------
        ConfigError
            For a body without a canonical form, or a decision that could not be carried out.
        StateError
            When the ledger is read-only, out of reach, or the decision would rewrite the past.
        """
        with self.writing() as batch:
            return batch.append(
                kind, body, at_us=at_us, system=system, target=target, request_id=request_id, group=group
            )

    def append_many(self, drafts: Iterable[Draft]) -> list[Entry]:
        """Append all drafts in one transaction, or none; one sync for all of them."""
        drafts = list(drafts)
        with self.writing() as batch:
            return [batch.add(draft) for draft in drafts]

    @contextmanager
    def writing(self) -> Iterator[Batch]:
        """Read and append alone: nobody appends in between, and an exception takes all of it back.

        Examples
        --------
        >>> ledger = Ledger("sqlite://")
        >>> with ledger.writing() as batch:
        ...     name = f"v{len(batch.entries(kind='version')) + 1}"
        ...     entry = batch.append("version", {"name": name}, at_us=1, system="flights", target="late")
        >>> [entry.body["name"] for entry in ledger.entries()]
        ['v1']
        """
        if self.read_only:
            raise StateError(f"ledger {self._rows.place} was opened read-only; open it for writing to append.")
        if getattr(self._here, "writing", False):
            raise StateError(f"ledger {self._rows.place} is being written here already; append through the batch.")
        self._here.writing = True
        try:
            with self._rows.writing() as rows:
                batch = Batch(rows, self._rows.place)
                yield batch
                batch.flush()
        finally:
            self._here.writing = False

    # ---- reading ----------------------------------------------------------------------------------------

    @property
    def last(self) -> int:
        """The number of the last entry; 0 when there is none."""
        return self._rows.last()

    def entries(
        self,
        *,
        system: str | None = None,
        target: str | None = None,
        kind: str | Iterable[str] | None = None,
        before_us: int | None = None,
        after: int = 0,
    ) -> list[Entry]:
        """The entries that fit, in the order of their numbers.

        Parameters
        ----------
        system, target : str, optional
        kind : str or iterable of str, optional
            One kind or several.
        before_us : int, optional
            Only those with ``at_us < before_us``.
        after : int, default 0
            Only those with a greater number: pass the last one seen to read on.
        """
        found = self._rows.select(system=system, target=target, kinds=_kinds(kind), before_us=before_us, after=after)
        return [opened(row) for row in found]

    def roles(self, before_us: int = NEVER, *, system: str, target: str) -> Roles:
        """Champion, challenger and trial of a target at a moment; see :func:`hindcast.registry.roles`."""
        return roles(self.entries(system=system, target=target, kind=DECISIONS, before_us=before_us), before_us)

    def live_at(self, at_us: int, *, system: str, target: str) -> str | None:
        """The version that answered requests with as_of `at_us`, exactly, for any past moment."""
        return live_at(self.entries(system=system, target=target, kind=DECISIONS, before_us=at_us), at_us)

    def content_hash(self) -> str:
        """SHA-256, in hex, of the whole history: of the very bytes :meth:`export` writes. Cost: one pass."""
        found = sha256()
        for row in self._all():
            found.update(line(row))
        return found.hexdigest()

    def export(self, path: Path | str) -> int:
        """Write all entries to `path` as JSON lines, canonical and in order; how many there were.

        The file appears whole. Its ``sha256sum`` is :meth:`content_hash`.
        """
        lines = [line(row) for row in self._all()]
        replace_file(Path(path), b"".join(lines))
        return len(lines)

    def close(self) -> None:
        """Let go of the database's connections; using the ledger again opens new ones."""
        self._rows.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _all(self) -> Iterator[Row]:
        return self._rows.select(system=None, target=None, kinds=None, before_us=None, after=0)


def _rows(where: Path | str, *, read_only: bool) -> _Rows:
    if isinstance(where, str) and where in ("sqlite://", "sqlite:///:memory:", ":memory:"):
        return MemoryRows()
    from hindcast.registry.sql import SqlRows

    return SqlRows(where if isinstance(where, str) and "://" in where else f"sqlite:///{where}", read_only=read_only)


def _kinds(kind: str | Iterable[str] | None) -> list[str] | None:
    return None if kind is None else [kind] if isinstance(kind, str) else sorted(kind)
