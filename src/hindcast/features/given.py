"""What a declaration may be given: a table, names of columns, whom it is about; checked where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hindcast.errors import ConfigError

__all__ = ["By", "by_of", "name_of", "sequence_of", "table_name"]

By = str | Sequence[str] | Mapping[str, str]


def table_name(table: Any, where: str) -> str:
    """The name of what must be a table, plain or enriched."""
    name = getattr(table, "name", None)
    if not isinstance(name, str) or not callable(getattr(table, "describe", None)):
        raise ConfigError(f"{where} takes a table first, got {_shown(table)}.")
    return name


def name_of(what: str, value: Any) -> str:
    """A name: a text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{what} must be a name, got {_shown(value)}.")
    return value


def sequence_of(what: str, values: Any) -> list[Any]:
    """Several things of which each is checked by whom it concerns; a text is one thing, not its letters."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise ConfigError(f"{what} must be a sequence, got {_shown(values)}.")
    return list(values)


def by_of(by: Any, where: str) -> tuple[tuple[str, str], ...]:
    """The pairs of a request's column and a table's column that name the entity."""
    if isinstance(by, Mapping):
        pairs = tuple(by.items())
    elif isinstance(by, str):
        pairs = ((by, by),)
    elif isinstance(by, Iterable) and not isinstance(by, bytes):
        pairs = tuple((name, name) for name in by)
    else:
        pairs = ((None, None),)
    if not all(isinstance(name, str) and name for pair in pairs for name in pair):
        raise ConfigError(f"{where}: by takes column names, got {_shown(by)}.")
    return pairs


def _shown(value: Any) -> str:
    shown = repr(value)
    return f"{shown if len(shown) <= 60 else shown[:57] + '...'} ({type(value).__name__})"
