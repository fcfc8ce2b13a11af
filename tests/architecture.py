"""What the tests of structure share: the modules of the package, and the order of rooms that ARCHITECTURE.md gives."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "hindcast"
_ROOM = re.compile(r"^\d+\. \*\*`(?P<name>[a-z_]+(?:\.py|/))`\*\*", re.MULTILINE)


@dataclass(frozen=True)
class Module:
    """One file of the package, parsed."""

    path: Path
    tree: ast.Module

    @property
    def room(self) -> str:
        """The room it stands in: a folder of the package, or a file directly in it."""
        parts = self.path.relative_to(SOURCE).parts
        return parts[0] if len(parts) == 1 else f"{parts[0]}/"

    @property
    def where(self) -> str:
        return self.path.relative_to(ROOT).as_posix()


@cache
def modules() -> tuple[Module, ...]:
    return tuple(Module(path, ast.parse(path.read_bytes(), str(path))) for path in sorted(SOURCE.rglob("*.py")))


@cache
def rooms() -> tuple[str, ...]:
    """The rooms in the order of ARCHITECTURE.md, as `clock.py` or `facts/`."""
    return tuple(match["name"] for match in _ROOM.finditer((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")))


def room_of(name: str) -> str:
    """The room that the dotted module `name` belongs to, such as ``facts/`` for ``hindcast.facts.table``."""
    first = name.split(".")[1]
    return f"{first}/" if (SOURCE / first).is_dir() else f"{first}.py"


def imports(tree: ast.AST) -> Iterator[tuple[int, str, str]]:
    """Every import anywhere in `tree`, in functions and under ``if TYPE_CHECKING`` too: (line, module, name)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from ((node.lineno, module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__"):
            yield from ((node.lineno, text, "") for text in _module_names(node))


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


def _module_names(node: ast.Call) -> Iterator[str]:
    """The module a dynamic import names; of an f-string its fixed beginning."""
    for argument in node.args[:1]:
        start = argument.values[0] if isinstance(argument, ast.JoinedStr) and argument.values else argument
        if isinstance(start, ast.Constant) and isinstance(start.value, str):
            yield start.value.rstrip(".")
