"""The identity of a function: what it does, whatever it looks like."""

from __future__ import annotations

import ast
import inspect
import textwrap
import types
from collections.abc import Callable
from typing import Any

from hindcast.errors import ConfigError
from hindcast.values import digest

__all__ = ["NOTES", "code_of"]

NOTES = "__hindcast_notes__"
"""The attribute under which a function carries what its decorator notes; see :mod:`hindcast.features.noted`."""


def code_of(function: Callable[..., Any]) -> str:
    """A digest of what a function does: its syntax tree without comments, docstring and layout, the constants and
    functions of its own module that it names, and what it closes over.

    Raises
    ------
    ConfigError
        If its source cannot be read, or if it closes over something without a canonical form.
    """
    return digest(_code(function, frozenset()))


def _code(function: Callable[..., Any], seen: frozenset[str]) -> dict[str, Any]:
    name = getattr(function, "__qualname__", repr(function))
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError, IndentationError):
        raise ConfigError(
            f"the source of function {name!r} cannot be read, so it has no stable identity; define it in a file."
        ) from None
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module)
            and ast.get_docstring(node, clean=False) is not None
        ):
            node.body = node.body[1:] or [ast.Pass()]
    if hasattr(function, NOTES):  # its decorator says something about it and does nothing to it
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                node.decorator_list = [made for made in node.decorator_list if not _is_note(made)]
    names: dict[str, Any] = {}
    code = function.__code__  # type: ignore[attr-defined]
    scope = getattr(function, "__globals__", {})
    for used in sorted(_names(code)):
        value = scope.get(used)
        if isinstance(value, bool | int | float | str | tuple) or value is None:
            if used in scope:
                names[used] = repr(value)
        elif (
            isinstance(value, types.FunctionType)
            and value.__module__ == getattr(function, "__module__", None)
            and used not in seen
        ):
            names[used] = _code(value, seen | {used, getattr(function, "__name__", "")})
    closed = inspect.getclosurevars(function).nonlocals
    for used, value in sorted(closed.items()):
        if isinstance(value, types.FunctionType):
            if used not in seen:
                names[used] = _code(value, seen | {used})
        else:
            try:
                names[used] = digest(value)
            except ConfigError:
                raise ConfigError(
                    f"function {name!r} closes over {used!r}, which has no stable identity; pass it as a constant."
                ) from None
    return {"tree": ast.dump(tree, annotate_fields=False), "names": names}


def _is_note(decorator: ast.expr) -> bool:
    """Whether it is ``@hc.feature(...)``, by whatever name the package goes."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return (called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")) == "feature"


def _names(code: types.CodeType) -> set[str]:
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= _names(constant)
    return found
