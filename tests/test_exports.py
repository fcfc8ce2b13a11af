"""What is exported is real, explained, documented and tested."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from functools import cache

import pytest

import hindcast
from architecture import ROOT, SOURCE, modules, rooms

FACE = ast.parse((SOURCE / "__init__.py").read_text(encoding="utf-8"))


@cache
def documents(folder: str) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs" / folder).rglob("*.md")))


@cache
def all_tests() -> str:
    here = {"test_exports.py"}
    return "\n".join(
        path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests").rglob("*.py")) if path.name not in here
    )


def typed_names() -> list[str]:
    """What the face imports for type checkers."""
    return [
        alias.asname or alias.name
        for node in FACE.body
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for item in node.body
        if isinstance(item, ast.ImportFrom)
        for alias in item.names
    ]


def test_all_names_are_the_typed_ones_and_sorted() -> None:
    assert sorted(typed_names()) == sorted(hindcast.__all__)
    assert len(set(hindcast.__all__)) == len(hindcast.__all__)
    assert set(hindcast.__all__) <= set(dir(hindcast))


def test_types_and_values_come_from_the_same_place() -> None:
    for node in ast.walk(FACE):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("hindcast."):
            for alias in node.names:
                declared = getattr(importlib.import_module(node.module), alias.name)
                assert getattr(hindcast, alias.asname or alias.name) is declared


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nowhere'"):
        _ = hindcast.nowhere


@pytest.mark.parametrize("name", sorted(hindcast.__all__))
def test_an_export_is_explained_documented_and_tested(name: str) -> None:
    value = getattr(hindcast, name)
    text = inspect.getdoc(value) or ""
    used = rf"\b(?:hc|hindcast)\.{name}\b"
    assert text.strip(), f"hindcast.{name} has no docstring"
    shown = ">>> " in text or re.search(used, documents("."))
    assert shown, f"hindcast.{name} has no example, in its docstring or in docs/"
    assert re.search(rf"`(?:hc\.)?{name}\b", documents("reference")), (
        f"docs/reference does not say what hindcast.{name} is"
    )
    assert re.search(rf"\b{name}\b", all_tests()), f"no test names hindcast.{name}"


def public_modules() -> list[str]:
    """Rooms and modules that say by ``__all__`` what they offer."""
    found = []
    for module in modules():
        names = module.path.relative_to(SOURCE.parent).with_suffix("").parts
        if names[-1] != "__main__":
            found.append(".".join(names[:-1] if names[-1] == "__init__" else names))
    return found


@pytest.mark.parametrize("name", public_modules())
def test_all_is_what_there_is(name: str) -> None:
    module = importlib.import_module(name)
    assert (module.__doc__ or "").strip(), f"{name} does not say what it is for"
    exported = getattr(module, "__all__", [])
    missing = [entry for entry in exported if not hasattr(module, entry)]
    assert not missing, f"{name}.__all__ names what is not there: {missing}"
    assert len(set(exported)) == len(exported), f"{name}.__all__ names something twice"


@pytest.mark.parametrize("room", rooms())
def test_every_room_has_its_page(room: str) -> None:
    page = ROOT / "docs" / "reference" / f"{room.removesuffix('.py').rstrip('/')}.md"
    assert page.is_file(), f"docs/reference has no page {page.name}"
    package = importlib.import_module("hindcast." + room.removesuffix(".py").rstrip("/"))
    text = page.read_text(encoding="utf-8")
    missing = [name for name in getattr(package, "__all__", []) if f"`{name}" not in text]
    assert not missing, f"docs/reference/{page.name} does not name {', '.join(missing)}"
