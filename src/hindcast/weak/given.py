"""Words and tables of words that a caller gives: names of columns and functions, and what stands for what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, overload

from hindcast.errors import ConfigError

__all__ = ["mapping_of", "word", "words_of"]


@overload
def word(name: str, value: Any) -> str: ...
@overload
def word(name: str, value: Any, otherwise: str) -> str: ...
def word(name: str, value: Any, otherwise: str | None = None) -> str:
    """A text that is not empty; where nothing is given, what it is `otherwise`."""
    if value is None and otherwise is not None:
        return otherwise
    if isinstance(value, str) and value:
        return value
    raise ConfigError(f"{name} must be a text, not empty, got {value!r} ({type(value).__name__}).")


def words_of(name: str, value: Any) -> tuple[str, ...]:
    """A text, or several, none of them empty.

    Examples
    --------
    >>> words_of("columns", "text"), words_of("columns", ["title", "text"])
    (('text',), ('title', 'text'))
    """
    if isinstance(value, str):
        value = (value,)
    if isinstance(value, Iterable) and not isinstance(value, bytes | Mapping) and getattr(value, "ndim", 1) == 1:
        words = tuple(value)
        if words and all(isinstance(one, str) and one for one in words):
            return tuple(map(str, words))
    raise ConfigError(f"{name} must be a text or a list of texts, none empty, got {value!r}.")


def mapping_of(name: str, value: Any) -> dict[Any, Any]:
    """A dictionary, or another mapping."""
    if isinstance(value, Mapping):
        return dict(value)
    raise ConfigError(f"{name} must be a dictionary, got {value!r} ({type(value).__name__}).")
