"""What people want to know of a feature and no value depends on: who owns it, its unit, what it is for."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from hindcast.errors import ConfigError
from hindcast.features.definitions import Notes, Transform
from hindcast.features.identity import NOTES

__all__ = ["feature", "notes_of"]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def feature(
    *, owner: str | None = None, unit: str | None = None, description: str | None = None
) -> Callable[[_Function], _Function]:
    """A decorator that notes who owns a feature function and in which unit it answers.

    The function stays itself, its identity included. Without a `description` the first paragraph of its docstring is
    one.

    Examples
    --------
    >>> @feature(owner="ops", unit="h")
    ... def hours_left(minutes_left):
    ...     return minutes_left / 60
    >>> hours_left(30.0)
    0.5
    """
    notes = Notes(owner, description, unit)
    for name in ("owner", "unit", "description"):
        value = getattr(notes, name)
        if not isinstance(value, str | None):
            raise ConfigError(f"@hc.feature: {name} is a text, got {value!r}.")

    def noted(function: _Function) -> _Function:
        if not inspect.isfunction(function):
            raise ConfigError(f"@hc.feature(...) stands above a plain named function (def), not above {function!r}.")
        setattr(function, NOTES, notes)
        return function

    return noted


def notes_of(definition: Any) -> Notes:
    """The notes on a definition; those of a transform's decorator before what its docstring says."""
    said: Notes = definition.notes
    if not isinstance(definition, Transform):
        return said
    noted: Notes = getattr(definition.function, NOTES, said)
    return Notes(noted.owner or said.owner, noted.description or said.description, noted.unit or said.unit)
