"""Labelling functions kept for the next project: named versions, as plain source and metadata.

A version is a JSON file with the function's source, what it reads and votes for, where it was defined and its identity.
It is written once and never changed. Nothing in it is executed: a function comes back by importing the module it was
defined in, or is declared again from its parameters, and is checked to be the one that was kept.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
import types
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hindcast.errors import ConfigError, StateError, UnknownName
from hindcast.journal.durable import make_folder, replace_file
from hindcast.parameters import path_of
from hindcast.values import canonical
from hindcast.weak.functions import LabellingFunction, as_functions, labelling_function
from hindcast.weak.given import word
from hindcast.weak.patterns import keyword, regex, threshold
from hindcast.weak.voters import column_votes

__all__ = ["FunctionLibrary", "FunctionRecord", "functions_in"]

_FORMAT = 1
_LONGEST_NAME = 120


def functions_in(module: str | types.ModuleType) -> tuple[LabellingFunction, ...]:
    """The labelling functions that a module defines, in order.

    Parameters
    ----------
    module : str or module
        A name is imported: ``"spam_rules"``, ``"our_company.rules"``.

    Raises
    ------
    ConfigError
        When it cannot be imported, or defines none.
    """
    if isinstance(module, str):
        module = _imported(word("module", module))
    if not isinstance(module, types.ModuleType):
        raise ConfigError(f"functions are found in a module, or by its name, got {module!r}.")
    found = [value for value in vars(module).values() if isinstance(value, LabellingFunction)]
    if not found:
        raise ConfigError(
            f"module {module.__name__!r} defines no labelling function; write @labelling_function above one."
        )
    return as_functions(dict.fromkeys(found))


@dataclass(frozen=True)
class FunctionRecord:
    """One version of one function, as it is kept.

    Attributes
    ----------
    name : str
    version : int
        From 1.
    identity : str
    inputs : tuple of str, optional
    labels : tuple
    module : str, optional
        Where it was defined, as ``"package.module:name"``.
    source : str, optional
        Its text, for people.
    declaration : mapping
        How a helper was declared.
    note : str
    """

    name: str
    version: int
    identity: str
    inputs: tuple[str, ...] | None
    labels: tuple[Any, ...]
    module: str | None
    source: str | None
    declaration: dict[str, Any]
    note: str


class FunctionLibrary:
    """Functions in a folder, by name and version.

    Parameters
    ----------
    folder : path
        Made when the first function is kept.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> library = FunctionLibrary(mkdtemp())
    >>> library.keep([keyword("subscribe", "spam")])
    {'keyword_subscribe': 1}
    >>> library.load("keyword_subscribe")("please SUBSCRIBE")
    'spam'
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = path_of("folder", folder)

    def keep(self, functions: Iterable[LabellingFunction | Callable[..., Any]], *, note: str = "") -> dict[str, int]:
        """Keep functions; one that does what its last version did is that version still.

        Returns
        -------
        dict of name to version

        Raises
        ------
        ConfigError
            For a function without an identity: nobody could tell its versions apart.
        """
        made = as_functions(functions)
        for function in made:
            if function.identity is None:
                raise ConfigError(f"{function.where} cannot be kept: {'; '.join(function.unknown)}.")
        return {function.name: self._keep(function, note) for function in made}

    @property
    def names(self) -> list[str]:
        """What is kept, sorted."""
        return sorted({self._read(path).name for path in self.folder.glob("*/1.json")})

    def versions(self, name: str) -> list[FunctionRecord]:
        """All versions of a function, oldest first."""
        paths = sorted(self._place(name).glob("*.json"), key=lambda path: int(path.stem))
        if not paths:
            raise UnknownName("kept labelling function", name, self.names, where=str(self.folder))
        return [self._read(path) for path in paths]

    def record(self, name: str, version: int | None = None) -> FunctionRecord:
        """A version of a function, by default its last."""
        found = self.versions(name)
        if version is None:
            return found[-1]
        if not 1 <= version <= len(found):
            raise ConfigError(f"labelling function {name!r} has versions 1 to {len(found)}, not {version}.")
        return found[version - 1]

    def load(self, name: str, version: int | None = None) -> LabellingFunction:
        """A kept function, ready to vote.

        Raises
        ------
        StateError
            When what its module defines today, or what this release makes of its declaration, is not what was kept.
        ConfigError
            When its module cannot be imported.
        """
        record = self.record(name, version)
        made = _declared(record) if record.module is None else _defined(record)
        if made.identity != record.identity:
            now = next((r.version for r in self.versions(name) if r.identity == made.identity), None)
            what = "a version that is not kept" if now is None else f"version {now}"
            raise StateError(
                f"labelling function {name!r}, version {record.version}: what is there today is {what}. Keep it, or "
                "restore the source that the record holds."
            )
        return made

    # ---- files ------------------------------------------------------------------------------------------

    def _place(self, name: str) -> Path:
        name = word("the name of a labelling function", name)
        plain = quote(name, safe=" ")
        if len(plain) > _LONGEST_NAME or plain.startswith("."):
            plain = f"{plain[:60].lstrip('.')}-{sha256(name.encode()).hexdigest()[:16]}"
        return self.folder / plain

    def _keep(self, function: LabellingFunction, note: str) -> int:
        place = self._place(function.name)
        before = self.versions(function.name) if place.is_dir() and any(place.glob("*.json")) else []
        if before and before[-1].identity == function.identity:
            return before[-1].version
        version = len(before) + 1
        data = {
            "format": _FORMAT,
            "name": function.name,
            "version": version,
            "identity": function.identity,
            "inputs": None if function.inputs is None else list(function.inputs),
            "labels": list(function.labels),
            "module": _place_of(function),
            "source": _source_of(function),
            "declaration": function.spec,
            "note": note,
        }
        try:
            make_folder(place)
            replace_file(place / f"{version}.json", json.dumps(json.loads(canonical(data)), indent=1).encode())
        except OSError as error:
            raise StateError(f"labelling functions cannot be kept in {self.folder}: {error}.") from error
        return version

    def _read(self, path: Path) -> FunctionRecord:
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["format"] != _FORMAT:
                raise StateError(f"{path} has format {data['format']}; this version of hindcast reads {_FORMAT}.")
            inputs = None if data["inputs"] is None else tuple(data["inputs"])
            rest = {
                key: data[key] for key in ("name", "version", "identity", "module", "source", "declaration", "note")
            }
            return FunctionRecord(**rest, inputs=inputs, labels=tuple(data["labels"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StateError(f"{path} is no kept labelling function: {error!r}.") from None


def _imported(name: str) -> types.ModuleType:
    try:
        return sys.modules.get(name) or import_module(name)
    except ImportError as error:
        raise ConfigError(f"module {name!r} cannot be imported: {error}.") from error


def _place_of(function: LabellingFunction) -> str | None:
    if function.each is None:
        return None
    return f"{function.each.__module__}:{getattr(function.each, '__qualname__', function.name)}"


def _source_of(function: LabellingFunction) -> str | None:
    if function.each is None:
        return None
    try:
        return inspect.getsource(function.each)
    except (OSError, TypeError):
        return None


def _defined(record: FunctionRecord) -> LabellingFunction:
    assert record.module is not None
    module, _, name = record.module.partition(":")
    value: Any = _imported(module)
    for part in name.split("."):
        value = getattr(value, part, None)
    if isinstance(value, LabellingFunction):
        return value
    if not callable(value):
        raise StateError(f"labelling function {record.name!r}: {module!r} no longer defines {name!r}.")
    return labelling_function(value, name=record.name, labels=record.labels)


def _declared(record: FunctionRecord) -> LabellingFunction:
    """A helper declared again with the parameters it had."""
    given = dict(record.declaration)
    kind, label = given.pop("kind", None), given.pop("label", None)
    name = record.name
    if kind == "keyword":
        return keyword(given["words"], label, column=given["column"], whole_word=given["whole_word"],
                       match_case=given["match_case"], name=name)  # fmt: skip
    if kind == "regex":
        return regex(re.compile(given["pattern"], given["flags"]), label, column=given["column"], name=name)
    if kind == "threshold":
        return threshold(given.pop("column"), label, **given, name=name)
    if kind == "column":
        return column_votes(given["column"], name=name)
    raise StateError(
        f"labelling function {name!r} is a {kind} helper, whose table or model is not kept; declare it again, and "
        "compare its identity with the record's."
    )
