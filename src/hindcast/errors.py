"""One family of errors, each a short letter: what was wrong, where, and how to mend it.

::

    HindcastError
    ├── ConfigError          a declaration or an argument makes no sense
    │   └── UnknownName      a name nobody knows, answered with close matches
    ├── DataError            a value, row, column or file is not what it should be
    │   └── SchemaError      a table's columns changed in a way that loses something
    ├── LeakError            a value the world did not yet know
    ├── StateError           the home folder, journal or lake is locked, torn or of another format
    ├── ArtifactError        a stored model is missing, altered or of another system
    └── RequestError         a caller of the server asked for something impossible
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

__all__ = [
    "ArtifactError",
    "ConfigError",
    "DataError",
    "HindcastError",
    "LeakError",
    "RequestError",
    "SchemaError",
    "StateError",
    "UnknownName",
]


class HindcastError(Exception):
    """The root of every error hindcast raises on purpose; its text is meant for the user."""


class ConfigError(HindcastError):
    """A declaration or an argument makes no sense; the text says which and how to mend it."""


class UnknownName(ConfigError):
    """A name nobody knows, answered with the closest known ones.

    Parameters
    ----------
    kind : str
        What the name should have named, such as ``"column"``.
    name : str
        The name as given.
    known : iterable of str
        The names that would have been understood.
    where : str, optional
        The place that used the name, such as ``"feature window(departures, ...)"``.

    Examples
    --------
    >>> str(UnknownName("column", "dep_dely", ["dep_delay", "origin"], where="table 'departures'"))
    "table 'departures': no column 'dep_dely'. Did you mean 'dep_delay'? Known: dep_delay, origin."
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], where: str = "") -> None:
        names = sorted({str(one) for one in known})
        close = get_close_matches(name, names, n=3, cutoff=0.6) if isinstance(name, str) else []
        hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
        shown = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
        place = f"{where}: " if where else ""
        super().__init__(f"{place}no {kind} {name!r}.{hint} Known: {shown or 'none'}.")
        self.kind, self.name, self.known, self.close = kind, name, tuple(names), tuple(close)


class DataError(HindcastError):
    """A value, row, column or file is not what it should be.

    Parameters
    ----------
    message : str
        What was wrong and how to mend it.
    file, row, column, value : optional
        Where it was, kept as attributes so that a caller can act on them. Rows count from 1, as in an editor.
    """

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        row: int | None = None,
        column: str | None = None,
        value: Any = None,
    ) -> None:
        place = ", ".join(
            part
            for part in (
                f"file {file}" if file is not None else "",
                f"row {row}" if row is not None else "",
                f"column {column!r}" if column is not None else "",
                f"value {value!r}" if value is not None else "",
            )
            if part
        )
        super().__init__(f"{message} ({place})" if place else message)
        self.file, self.row, self.column, self.value = file, row, column, value


class SchemaError(DataError):
    """A table's columns changed in a way that would lose or reinterpret what is stored."""


class LeakError(HindcastError):
    """A value the world did not yet know reached a row that must not see it."""


class StateError(HindcastError):
    """The home folder, the journal or the lake is locked, torn, or of another format."""


class ArtifactError(HindcastError):
    """A stored model is missing, was altered, or belongs to another declaration."""


class RequestError(HindcastError):
    """A caller of the server asked for something impossible; the server answers 422."""
