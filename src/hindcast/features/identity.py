"""The identity of a function: what it does, whatever it looks like.

A function is known by its syntax tree and by what its names stand for: constants, dictionaries, lists, sets and arrays
by what they hold, functions of its own module and of other modules of the same author in the same way as itself. What
comes with a version (Python, NumPy, hindcast) is known by its name. The rest (a class, an open file, a function of an
installed package) is not seen: :func:`unseen` names it.
"""

from __future__ import annotations

import ast
import functools
import inspect
import re
import sys
import textwrap
import types
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from hashlib import sha256
from pathlib import Path, PurePath
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from hindcast.errors import ConfigError
from hindcast.values import digest

__all__ = ["NOTES", "code_of", "unseen"]

NOTES = "__hindcast_notes__"
"""The attribute under which a function carries what its decorator notes; see :mod:`hindcast.features.noted`."""

_VERSIONED = {"hindcast", "numpy", *sys.stdlib_module_names}
"""Packages that change with a version only: of Python, or one that answers are kept under."""
_SPELLED = (bytes, complex, range, slice, datetime, date, time, timedelta, timezone, Decimal, Fraction, PurePath)
"""Values that their repr tells apart."""


def code_of(function: Callable[..., Any]) -> str:
    """A digest of what a function does: its syntax tree without comments, docstring and layout, what it closes over,
    and what the names in it stand for (see the module).

    Raises
    ------
    ConfigError
        If its source cannot be read, or if it closes over something without a canonical form.
    """
    return digest(_Reading().code(function, frozenset()))


def unseen(function: Callable[..., Any]) -> tuple[str, ...]:
    """The names in a function's code, and in the code it uses, whose change would not change its identity.

    Examples
    --------
    >>> from hindcast.values import local_hour
    >>> unseen(local_hour)
    ()
    """
    reading = _Reading()
    reading.code(function, frozenset())
    return tuple(dict.fromkeys(reading.unseen))


class _Unseen(Exception):
    """A value that nothing stands for."""


class _Reading:
    """One walk through a function and all that it uses."""

    def __init__(self) -> None:
        self.unseen: list[str] = []
        self._digests: dict[str, str] = {}

    def code(self, function: Callable[..., Any], seen: frozenset[str]) -> dict[str, Any]:
        """A function as plain values; what is in `seen` (``module.name``) has been entered and is not entered again."""
        name = getattr(function, "__qualname__", repr(function))
        tree = _tree(function, name)
        module = str(getattr(function, "__module__", None))
        scope = getattr(function, "__globals__", {})
        names: dict[str, Any] = {}
        paths = _paths(tree)
        used_names = _names(function.__code__) | {path[0] for path in _paths_of_heads(tree)}  # type: ignore[attr-defined]
        for used in sorted(used_names & scope.keys()):
            value = scope[used]
            inside = seen | {f"{module}.{getattr(function, '__name__', '')}"}
            if _is_constant(value):
                names[used] = repr(value)
            elif isinstance(value, types.FunctionType) and value.__module__ == module:
                if f"{module}.{used}" not in seen:
                    names[used] = self.code(value, inside | {f"{module}.{used}"})
            elif own := [path for path in paths if path[0] == used]:
                for path, what in _resolved(value, own):
                    self._note(names, ".".join(path), what, inside)
        closed = inspect.getclosurevars(function).nonlocals
        for used, value in sorted(closed.items()):
            if isinstance(value, types.FunctionType):
                if f"{module}.{used}" not in seen:
                    names[used] = self.code(value, seen | {f"{module}.{used}"})
            else:
                names[used] = self._closed(name, used, value, seen)
        for used, value in _made_defaults(function, tree):
            self._note(names, f"{used}=", value, seen)
        return {"tree": ast.dump(tree, annotate_fields=False), "names": names}

    def _closed(self, name: str, used: str, value: Any, seen: frozenset[str]) -> Any:
        """What stands for a value that a function closes over."""
        try:
            return digest(value)
        except ConfigError:
            try:
                return self.form(value, seen)
            except _Unseen:
                raise ConfigError(
                    f"function {name!r} closes over {used!r}, which has no stable identity; pass it as a constant."
                ) from None

    def _note(self, names: dict[str, Any], path: str, value: Any, seen: frozenset[str]) -> None:
        """What stands for a value, if anything has to."""
        if _is_versioned(value):
            return
        try:
            names[path] = self.form(value, seen)
        except _Unseen:
            self.unseen.append(path)

    def form(self, value: Any, seen: frozenset[str]) -> Any:
        """A value as plain values that tell it from every other; the order of a dictionary counts."""
        if _is_constant(value):
            return repr(value)
        if isinstance(value, Enum):
            return ["enum", type(value).__qualname__, value.name, self.form(value.value, seen)]
        if isinstance(value, Mapping) and type(value).__module__ in ("builtins", "collections"):
            return [type(value).__name__, [[self.form(k, seen), self.form(v, seen)] for k, v in value.items()]]
        if type(value) in (list, tuple):
            return [type(value).__name__, [self.form(item, seen) for item in value]]
        if type(value) in (set, frozenset):
            return [type(value).__name__, sorted((self.form(item, seen) for item in value), key=repr)]
        if isinstance(value, np.ndarray):
            if value.dtype.hasobject:
                return ["array", list(value.shape), self.form(value.tolist(), seen)]
            held = sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
            return ["array", value.dtype.str, list(value.shape), held]
        if isinstance(value, np.generic):
            return ["scalar", value.dtype.str, repr(value.item())]
        if type(value) in _SPELLED or isinstance(value, PurePath):
            return repr(value)
        if isinstance(value, re.Pattern):
            return ["pattern", repr(value.pattern), value.flags]
        if isinstance(value, ZoneInfo):
            return ["zone", value.key]
        if isinstance(value, functools.partial):
            return ["partial", *(self.form(part, seen) for part in (value.func, value.args, value.keywords))]
        return self._function(value, seen)

    def _function(self, value: Any, seen: frozenset[str]) -> Any:
        """A function of the author's own, also one that was compiled or cached by a decorator."""
        inner = getattr(value, "py_func", None) or getattr(value, "__wrapped__", None) or value
        if _is_versioned(inner) and not isinstance(inner, types.ModuleType):
            return ["versioned", f"{getattr(inner, '__module__', 'numpy')}.{inner.__name__}"]
        if not isinstance(inner, types.FunctionType) or not _is_own(inner.__module__):
            raise _Unseen
        place = f"{inner.__module__}.{inner.__name__}"
        if place in seen:
            return ["again", place]
        try:
            if place not in self._digests:
                self._digests[place] = digest(self.code(inner, seen | {place}))
        except ConfigError:
            raise _Unseen from None
        return ["code", place, self._digests[place]]


# ---- what a value is ------------------------------------------------------------------------------------


def _is_constant(value: Any) -> bool:
    """Whether its repr says all: one value, or a tuple of such."""
    if isinstance(value, Enum):
        return False
    if isinstance(value, tuple):
        return type(value) is tuple and all(map(_is_constant, value))
    return value is None or type(value) in (bool, int, float, str)


def _is_versioned(value: Any) -> bool:
    """Whether it is a module, class or function that changes with a version only."""
    if isinstance(value, types.ModuleType):
        return _top(value.__name__) in _VERSIONED
    if isinstance(value, np.ufunc):
        return getattr(np, value.__name__, None) is value
    if isinstance(value, type | types.FunctionType | types.BuiltinFunctionType):
        return _top(str(value.__module__)) in _VERSIONED
    return False


def _is_own(module: str | None) -> bool:
    """Whether a module is the author's: neither versioned nor in a folder of installed packages."""
    if module is None or _top(module) in _VERSIONED - {"__main__"}:
        return False
    place = getattr(sys.modules.get(module), "__file__", None)
    return place is None or not {"site-packages", "dist-packages"} & set(Path(place).parts)


def _top(module: str) -> str:
    return module.partition(".")[0]


# ---- what a function names ------------------------------------------------------------------------------


def _tree(function: Callable[..., Any], name: str) -> ast.Module:
    """Its syntax tree, without docstrings and notes."""
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
    return tree


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


def _paths(node: ast.AST) -> set[tuple[str, ...]]:
    """The names in a tree with the attributes taken of them, such as ``("rates", "table")``."""
    return set(_each_path(node))


def _each_path(node: ast.AST) -> Iterator[tuple[str, ...]]:
    attributes: list[str] = []
    base = node
    while isinstance(base, ast.Attribute):
        attributes.append(base.attr)
        base = base.value
    if isinstance(base, ast.Name):
        yield (base.id, *reversed(attributes))
        return
    for child in ast.iter_child_nodes(base):
        yield from _each_path(child)


def _paths_of_heads(tree: ast.Module) -> set[tuple[str, ...]]:
    """What is named above a function: in its decorators and its parameters' defaults."""
    found: set[tuple[str, ...]] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            for part in (*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)):
                found |= _paths(part)
    return found


def _made_defaults(function: Callable[..., Any], tree: ast.Module) -> Iterator[tuple[str, Any]]:
    """Defaults that the syntax tree does not tell, since they were computed where the function was made."""
    head = next((node for node in tree.body if isinstance(node, ast.FunctionDef)), None)
    if head is None or head.name != getattr(function, "__name__", None):
        return
    places = [*head.args.posonlyargs, *head.args.args]
    defaults = head.args.defaults
    made = dict(zip([place.arg for place in places[len(places) - len(defaults) :]], defaults, strict=True))
    made |= {arg.arg: kept for arg, kept in zip(head.args.kwonlyargs, head.args.kw_defaults, strict=True) if kept}
    for parameter in inspect.signature(function, follow_wrapped=False).parameters.values():
        if parameter.name in made and not isinstance(made[parameter.name], ast.Constant):
            yield parameter.name, parameter.default


def _resolved(value: Any, paths: list[tuple[str, ...]]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The values that are used: the named one itself, or where it is a module of the author's, what is taken of it."""
    found: dict[tuple[str, ...], Any] = {}
    for path in sorted(paths):
        what, taken = value, 1
        while isinstance(what, types.ModuleType) and _is_own(what.__name__) and taken < len(path):
            what, taken = getattr(what, path[taken], what), taken + 1
        found[path[:taken]] = what
    yield from found.items()
