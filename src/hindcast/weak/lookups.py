"""Labelling functions that know by looking it up: in a table at hand, or in a database."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.columns import Frame
from hindcast.crowd.names import is_missing
from hindcast.errors import ConfigError, DataError
from hindcast.weak.block import Block, is_table
from hindcast.weak.functions import Answered, LabellingFunction, check_label, identity_of
from hindcast.weak.given import mapping_of, word, words_of

__all__ = ["lookup", "sql_lookup"]

_REMEMBERED = 1_000_000
"""Answers of a database that are remembered, at most."""


def lookup(
    table: Mapping[Any, Any] | Iterable[Any] | Frame,
    label: Any = None,
    *,
    column: str,
    key: str | None = None,
    value: str | None = None,
    name: str | None = None,
) -> LabellingFunction:
    """Vote as a table says: for what stands beside a row's value there; what is not in it abstains.

    Parameters
    ----------
    table : mapping, Frame, data frame or iterable of keys
        From value to label (a mapping); a frame with the columns `key` and `value`; or keys alone, all voting for
        `label`. A missing label abstains. It is copied: later changes to it change nothing.
    label : str, int or bool, optional
        Needed where the table holds keys alone.
    column : str
        The rows' column that is looked up. Equal values meet whatever their type: 1 and 1.0.
    key, value : str, optional
        The columns of a frame; `key` is `column` unless given, and without `value` it holds keys alone.
    name : str, optional
        By default ``lookup_`` and the column.

    Raises
    ------
    DataError
        For a frame that gives two labels to one key.

    Examples
    --------
    >>> known = lookup({"acme.com": "ham", "win.biz": "spam"}, column="domain")
    >>> known("win.biz"), known("example.org")
    ('spam', None)
    >>> lookup(["Ann", "Bo"], "person", column="author")("Bo")
    'person'
    """
    column = word("lookup: column", column)
    name = word("lookup: name", name, f"lookup_{column}")
    where = f"labelling function {name!r}"
    pairs = _pairs(table, label, column if key is None else key, value, where)
    labels = tuple(dict.fromkeys(check_label(found, where) for found in pairs.values()))
    codes = {found: code for code, found in enumerate(labels)}
    coded = {given: codes[found] for given, found in pairs.items()}

    def votes(block: Block) -> Answered:
        return labels, _coded(block.values(column, where), coded, column, where)

    told = sorted(([type(k).__name__, k, type(v).__name__, v] for k, v in pairs.items()), key=repr)
    identity, unknown = identity_of("lookup", column, told)
    spec = {"kind": "lookup", "column": column, "keys": len(pairs), "labels": list(labels)}
    return LabellingFunction(name, (column,), whole=votes, labels=labels, identity=identity, unknown=unknown, spec=spec)


def sql_lookup(
    query: str,
    database: Any,
    *,
    columns: str | Sequence[str],
    labels: Mapping[Any, Any] | None = None,
    version: str | None = None,
    name: str | None = None,
) -> LabellingFunction:
    """Vote as a database answers: the first value of the first row of a query; no row, or NULL, abstains.

    The query takes the row's values as parameters, never as text: ``select label from senders where mail = :mail``.
    It runs once per distinct row of inputs and run. Nothing can be written: a path is opened read-only, another engine
    is refused all but one SELECT, in a transaction that is rolled back.

    Parameters
    ----------
    query : str
        One SELECT (or WITH), with ``:name`` for each of `columns`.
    database : path or SQLAlchemy engine
        A path is that of a SQLite file, which must exist.
    columns : str or sequence of str
    labels : mapping, optional
        From what the database gives to a label, such as ``{"Y": "spam"}``; anything else abstains. By default the
        answer is the label.
    version : str, optional
        Says which state of the database answers. Without one nobody knows whether it changed: nothing is cached from
        run to run.
    name : str, optional
        By default ``sql_`` and the columns.

    Raises
    ------
    ConfigError
        For a query that is no SELECT, lacks a parameter or asks for another; for a file that is not there.
    DataError
        When the database refuses, with what it said.

    Notes
    -----
    In this process only (``parallel=False``); a query per distinct value, all within one connection per block.
    """
    inputs, query = words_of("sql_lookup: columns", columns), word("sql_lookup: query", query)
    name = word("sql_lookup: name", name, "_".join(["sql", *inputs]))
    where = f"labelling function {name!r}"
    _check_query(query, inputs, where)
    answer = (
        _sqlite(query, Path(database), where) if isinstance(database, str | Path) else _engine(query, database, where)
    )
    known = (
        None
        if labels is None
        else {k: check_label(v, where) for k, v in mapping_of(f"{where}: labels", labels).items()}
    )
    remembered: dict[tuple[Any, ...], Any] = {}

    def votes(block: Block) -> Answered:
        rows = list(zip(*(block.values(column, where) for column in inputs), strict=True))
        wanted = [row for row in dict.fromkeys(rows) if row not in remembered]
        if len(remembered) + len(wanted) > _REMEMBERED:
            remembered.clear()
            wanted = list(dict.fromkeys(rows))
        for row, found in zip(wanted, answer([dict(zip(inputs, row, strict=True)) for row in wanted]), strict=True):
            remembered[row] = found if known is None else known.get(found)
        given = [remembered[row] for row in rows]
        made: dict[Any, int] = {}
        codes = np.fromiter(
            (-1 if is_missing(found) else made.setdefault(found, len(made)) for found in given), np.int16, len(given)
        )
        return tuple(made), codes

    identity, unknown = None, ("the state of a database cannot be seen; give version=",)
    if version is not None:
        version = word("sql_lookup: version", version)
        told = None if known is None else [[k, v] for k, v in known.items()]
        identity, unknown = identity_of("sql", " ".join(query.split()), list(inputs), told, version)  # type: ignore[assignment]
    return LabellingFunction(
        name, inputs, whole=votes, labels=() if known is None else tuple(dict.fromkeys(known.values())),
        identity=identity, unknown=unknown, parallel=False,
        spec={"kind": "sql", "query": query, "columns": list(inputs), "version": version},
    )  # fmt: skip


# ---- tables ---------------------------------------------------------------------------------------------


def _pairs(table: Any, label: Any, key: str, value: str | None, where: str) -> dict[Any, Any]:
    if isinstance(table, Mapping) and not isinstance(table, Frame):
        if label is not None:
            raise ConfigError(f"{where}: a mapping holds labels itself; leave `label` out, or give keys alone.")
        return {_plain(k): v for k, v in table.items() if not is_missing(v)}
    if isinstance(table, str | bytes):
        raise ConfigError(f"{where}: a table is many keys, not one text; put it into a list.")
    if isinstance(table, Frame) or is_table(table):
        block = Block.of(table)
        keys = block.values(key, where)
        if value is not None:
            if label is not None:
                raise ConfigError(f"{where}: `value` names the labels' column; leave `label` out.")
            return _without_conflicts(keys, block.values(value, where), key, where)
    else:
        if isinstance(table, str | bytes) or not isinstance(table, Iterable) or getattr(table, "ndim", 1) != 1:
            raise ConfigError(f"{where}: the table is a dictionary, a frame or a list of keys, got {table!r}.")
        keys = list(table)
    if label is None:
        raise ConfigError(f"{where}: the table holds keys alone; say what they vote for with `label`, or give `value`.")
    return {_plain(k): label for k in keys if not is_missing(k)}


def _without_conflicts(keys: Sequence[Any], values: Sequence[Any], key: str, where: str) -> dict[Any, Any]:
    pairs: dict[Any, Any] = {}
    for row, (given, label) in enumerate(zip(keys, values, strict=True)):
        if is_missing(given) or is_missing(label):
            continue
        if pairs.setdefault(given, label) != label:
            text = f"{where}: a key has two labels, {pairs[given]!r} and {label!r}; keep one"
            raise DataError(text, row=row + 1, column=key, value=given)
    return pairs


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _coded(values: Sequence[Any], codes: Mapping[Any, int], column: str, where: str) -> Any:
    try:
        return np.fromiter((codes.get(value, -1) for value in values), np.int16, len(values))
    except TypeError:
        row = next(i for i, v in enumerate(values) if getattr(v, "__hash__", None) is None)
        text = f"{where}: a value that cannot be looked up"
        raise DataError(text, row=row + 1, column=column, value=values[row]) from None


# ---- databases ------------------------------------------------------------------------------------------

_READ_ONLY = {
    "sqlite": (("PRAGMA query_only = ON",), ("PRAGMA query_only = OFF",)),
    **dict.fromkeys(("postgresql", "mysql", "mariadb", "oracle"), (("SET TRANSACTION READ ONLY",), ())),
}
"""What makes a connection read-only, and what undoes it, by kind of database."""

Ask = Callable[[Sequence[Mapping[str, Any]]], list[Any]]

_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/", re.S)
_PARAMETER = re.compile(r"(?<![:\w]):([A-Za-z_]\w*)")


def _check_query(query: str, inputs: Sequence[str], where: str) -> None:
    bare = _QUOTED.sub(" ", query).strip().rstrip(";").strip()
    if not re.match(r"(select|with)\b", bare, re.I) or ";" in bare:
        raise ConfigError(f"{where}: the query must be one SELECT, got {query!r}.")
    asked = set(_PARAMETER.findall(bare))
    if asked != set(inputs):
        wanted = ", ".join(f":{name}" for name in inputs)
        found = ", ".join(f":{name}" for name in sorted(asked)) or "none"
        raise ConfigError(f"{where}: the query must have the parameters {wanted}; it has {found}.")


def _refused(where: str, error: Exception, values: Mapping[str, Any]) -> DataError:
    said = str(getattr(error, "orig", None) or error)
    return DataError(f"{where}: the database refused: {said}", value=dict(values))


def _sqlite(query: str, path: Path, where: str) -> Ask:
    if not path.is_file():
        raise ConfigError(f"{where}: there is no SQLite file at {path}.")

    def ask(rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        found: list[Any] = []
        if not rows:
            return found
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            for values in rows:
                try:
                    row = connection.execute(query, values).fetchone()
                except sqlite3.Error as error:
                    raise _refused(where, error, values) from error
                found.append(None if row is None else row[0])
        return found

    return ask


def _engine(query: str, engine: Any, where: str) -> Ask:
    from sqlalchemy import Engine, text
    from sqlalchemy.exc import SQLAlchemyError

    if not isinstance(engine, Engine):
        raise ConfigError(f"{where}: where to ask is a path or a SQLAlchemy engine, got {engine!r}.")
    statement = text(query)

    def ask(rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        found: list[Any] = []
        values: Mapping[str, Any] = {}
        before, after = _READ_ONLY.get(engine.dialect.name, ((), ()))
        try:
            with engine.connect() as connection:  # nothing is ever committed
                try:
                    for said in before:
                        connection.execute(text(said))
                    for values in rows:
                        row = connection.execute(statement, dict(values)).first()
                        found.append(None if row is None else row[0])
                finally:
                    connection.rollback()
                    for said in after:
                        connection.execute(text(said))
        except SQLAlchemyError as error:
            raise _refused(where, error, values) from error
        return found

    return ask
