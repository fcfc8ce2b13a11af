"""Rows of a ledger in SQLite or PostgreSQL, which themselves refuse to change or remove one.

SQLite: write-ahead log with a sync at every commit; writers of any number of processes queue for the lock; a
killed one leaves nothing half written. PostgreSQL: writers queue for the table's lock, so that numbers have no gaps
and are in the order of commits.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hindcast.errors import ConfigError, StateError
from hindcast.registry.entries import Row

__all__ = ["SqlRows", "SqlWriter"]

FORMAT = 1
WAIT_S = 60

_metadata = sa.MetaData()
_ledger = sa.Table(
    "ledger",
    _metadata,
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("system", sa.Text, nullable=False),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("group", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Index("ledger_of", "system", "target", "kind", "number"),
)

_SQLITE_GUARDS = (
    """
    create trigger ledger_no_update before update on ledger
    begin select raise(abort, 'the ledger is append-only: no entry can be changed'); end
    """,
    """
    create trigger ledger_no_delete before delete on ledger
    begin select raise(abort, 'the ledger is append-only: no entry can be removed'); end
    """,
    # `insert or replace` removes a row without firing the trigger above
    """
    create trigger ledger_in_order before insert on ledger
    when new.number is not (select coalesce(max(number), 0) + 1 from ledger)
    begin select raise(abort, 'the ledger is append-only: an entry takes the next number'); end
    """,
)

_POSTGRESQL_GUARDS = (
    """
    create or replace function ledger_is_append_only() returns trigger language plpgsql as $$
    begin raise exception 'the ledger is append-only: no entry can be changed or removed'; end $$
    """,
    """
    create or replace function ledger_is_in_order() returns trigger language plpgsql as $$
    begin
        if new.number is distinct from (select coalesce(max(number), 0) + 1 from ledger) then
            raise exception 'the ledger is append-only: an entry takes the next number';
        end if;
        return new;
    end $$
    """,
    """
    create trigger ledger_no_change before update or delete on ledger
    for each row execute function ledger_is_append_only()
    """,
    """
    create trigger ledger_no_truncate before truncate on ledger
    for each statement execute function ledger_is_append_only()
    """,
    """
    create trigger ledger_in_order before insert on ledger
    for each row execute function ledger_is_in_order()
    """,
)


class SqlWriter:
    """Rows as one transaction sees and adds to them."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def last(self) -> int:
        return int(self._connection.execute(sa.select(sa.func.coalesce(sa.func.max(_ledger.c.number), 0))).scalar_one())

    def insert(self, rows: Sequence[Row]) -> None:
        if rows:
            self._connection.execute(sa.insert(_ledger), [row._asdict() for row in rows])

    def select(
        self, *, system: str | None, target: str | None, kinds: Sequence[str] | None, before_us: int | None, after: int
    ) -> Iterator[Row]:
        query = sa.select(_ledger).where(_ledger.c.number > after).order_by(_ledger.c.number)
        if system is not None:
            query = query.where(_ledger.c.system == system)
        if target is not None:
            query = query.where(_ledger.c.target == target)
        if kinds is not None:
            query = query.where(_ledger.c.kind.in_(list(kinds)))
        if before_us is not None:
            query = query.where(_ledger.c.at_us < before_us)
        for found in self._connection.execution_options(yield_per=1000).execute(query):
            yield Row(*found)

    def newest_us(self, system: str, target: str, kinds: Sequence[str]) -> int | None:
        query = sa.select(sa.func.max(_ledger.c.at_us)).where(
            _ledger.c.system == system, _ledger.c.target == target, _ledger.c.kind.in_(list(kinds))
        )
        found = self._connection.execute(query).scalar_one()
        return None if found is None else int(found)


class SqlRows:
    """A ledger's table behind an SQLAlchemy URL, made with its guards when it is missing."""

    def __init__(self, url: str, *, read_only: bool) -> None:
        try:
            parsed = sa.make_url(url)
        except sa.exc.ArgumentError:
            raise ConfigError(f"{url!r} is no ledger. Give a path, or a URL such as sqlite:///ledger.db.") from None
        self.place = parsed.render_as_string(hide_password=True)
        self._sqlite = parsed.get_backend_name() == "sqlite"
        self._pid = os.getpid()
        if self._sqlite:
            path = Path(parsed.database or "").absolute()
            _check_path(path, read_only=read_only)
            self._engine = _sqlite_engine(path, read_only=read_only)
        elif parsed.get_backend_name() == "postgresql":
            options = {"postgresql_readonly": True} if read_only else {}
            try:
                self._engine = sa.create_engine(parsed, execution_options=options)
            except ImportError as error:
                raise ConfigError(f"ledger {self.place}: {error}. Install the driver, such as psycopg.") from None
        else:
            raise ConfigError(f"ledger {self.place}: only SQLite and PostgreSQL are known.")
        try:
            with self._kindly():
                self._prepare(read_only=read_only)
        except BaseException:
            self._engine.dispose()
            raise

    @contextmanager
    def reading(self) -> Iterator[SqlWriter]:
        """One consistent view; never in the way of a writer."""
        with self._kindly(), self._connected().begin() as connection:
            yield SqlWriter(connection)

    @contextmanager
    def writing(self) -> Iterator[SqlWriter]:
        """Alone among writers until the end; then all of it is durable, or, after an exception, none of it."""
        with self._kindly(), self._connected().connect() as connection:
            connection.execution_options(hindcast_writes=True)
            with connection.begin():
                if not self._sqlite:
                    connection.exec_driver_sql("lock table ledger in exclusive mode")
                yield SqlWriter(connection)

    def last(self) -> int:
        with self.reading() as view:
            return view.last()

    def select(self, **where: Any) -> Iterator[Row]:
        with self.reading() as view:
            yield from view.select(**where)

    def close(self) -> None:
        self._engine.dispose()

    def _connected(self) -> sa.Engine:
        if os.getpid() != self._pid:  # a fork must not touch its parent's connections
            self._engine.dispose(close=False)
            self._pid = os.getpid()
        return self._engine

    @contextmanager
    def _kindly(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.DBAPIError as error:
            text = str(error.orig)
            hint = f" It was busy for {WAIT_S} seconds; is a process holding it?" if "locked" in text else ""
            raise StateError(f"ledger {self.place}: {text.rstrip('.')}.{hint}") from error
        except sqlite3.Error as error:
            raise StateError(f"ledger {self.place}: {error}.") from error

    def _prepare(self, *, read_only: bool) -> None:
        if self._sqlite:
            if not self._made() and not read_only:
                with _alone(Path(self._engine.url.database or "")):
                    if not self._made():
                        self._make()
            with self._engine.connect() as connection:
                found = connection.exec_driver_sql("pragma user_version").scalar_one()
            if found > FORMAT:
                raise StateError(
                    f"ledger {self.place} has format {found}, newer than {FORMAT}. Upgrade hindcast to open it."
                )
        elif not read_only:
            with self._engine.begin() as connection:
                connection.exec_driver_sql("select pg_advisory_xact_lock(7239451)")
                if not sa.inspect(connection).has_table("ledger"):
                    _metadata.create_all(connection)
                    for guard in _POSTGRESQL_GUARDS:
                        connection.exec_driver_sql(guard)
        if not self._made():
            raise StateError(f"ledger {self.place} holds no ledger yet. Open it for writing first, or check its place.")

    def _made(self) -> bool:
        with self._engine.connect() as connection:
            return sa.inspect(connection).has_table("ledger")

    def _make(self) -> None:
        connection = self._engine.raw_connection()
        try:
            connection.cursor().execute("pragma journal_mode = wal")
        finally:
            connection.close()
        with self._engine.connect() as writes:
            writes.execution_options(hindcast_writes=True)
            with writes.begin():
                _metadata.create_all(writes)
                for guard in _SQLITE_GUARDS:
                    writes.exec_driver_sql(guard)
                writes.exec_driver_sql(f"pragma user_version = {FORMAT}")


def _check_path(path: Path, *, read_only: bool) -> None:
    if path.is_dir():
        raise ConfigError(f"ledger {path} is a folder; give a file, such as {path / 'ledger.db'}.")
    if read_only and not path.exists():
        raise StateError(f"no ledger at {path}. Check the path, or let `hindcast run` create it.")
    if not path.parent.is_dir():
        raise StateError(f"ledger {path}: its folder does not exist. Create it first.")


def _sqlite_engine(path: Path, *, read_only: bool) -> sa.Engine:
    mode = "mode=ro" if read_only else "mode=rwc"
    log = path.with_name(f"{path.name}-wal")
    if read_only and not os.access(path.parent, os.W_OK) and not log.exists():
        mode += "&immutable=1"  # SQLite cannot make the small files it shares with writers, and there are none
    uri = f"{path.as_uri()}?{mode}"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(uri, uri=True, timeout=WAIT_S, isolation_level=None, check_same_thread=False)
        connection.execute("pragma synchronous = full")
        return connection

    engine = sa.create_engine(sa.URL.create("sqlite", database=str(path)), creator=connect, poolclass=sa.QueuePool)

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get("hindcast_writes", False)
        connection.exec_driver_sql("begin immediate" if writes else "begin")

    return engine


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time, while a ledger is made; the folder itself is the lock."""
    import fcntl

    fd = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
        os.fsync(fd)
    finally:
        os.close(fd)
