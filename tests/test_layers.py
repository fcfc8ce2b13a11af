"""No room imports a room that stands later in ARCHITECTURE.md.

Everything counts: imports inside functions (they only move the moment), and those under ``if TYPE_CHECKING`` (to name
a type is to know it). The package's own ``__init__`` is the face above all rooms; nobody imports from it but its
version.
"""

from __future__ import annotations

import ast

import pytest

from architecture import SOURCE, Module, imports, modules, room_of, rooms

FACE = "__init__.py"


def is_room(name: str) -> bool:
    return (SOURCE / f"{name}.py").is_file() or (SOURCE / name).is_dir()


def offences(module: Module, order: tuple[str, ...]) -> list[str]:
    """What `module` imports against the order."""
    found = []
    for line, named, member in imports(module.tree):
        where = f"{module.where}:{line}"
        name = named
        if named.startswith("."):
            found.append(f"{where} imports {named!r} relatively; write the whole name, so that it can be checked")
        elif named == "hindcast" and member and is_room(member):
            name = f"hindcast.{member}"
        elif named == "hindcast" and member != "__version__" and module.room != FACE:
            found.append(f"{where} imports {member or named} from the face of the package; import it from its room")
        if not name.startswith("hindcast."):
            continue
        room = room_of(name)
        if room not in order:
            found.append(f"{where} imports {name}, whose room {room} ARCHITECTURE.md does not list")
        elif module.room != FACE and order.index(room) > order.index(module.room):
            found.append(f"{where} ({module.room}) imports {name}, but {room} stands later in ARCHITECTURE.md")
    return found


def test_the_list_of_rooms_is_the_package() -> None:
    here = {module.room for module in modules()} - {FACE}
    listed = rooms()
    assert len(listed) == len(set(listed)), "a room is listed twice"
    assert set(listed) == here, f"only in ARCHITECTURE.md: {set(listed) - here}; only in src: {here - set(listed)}"


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.where)
def test_no_room_imports_a_later_one(module: Module) -> None:
    assert not offences(module, rooms())


@pytest.mark.parametrize(
    "code",
    [
        "from hindcast.loop import replay",
        "import hindcast.web.report",
        "def f():\n    from hindcast.system import System",
        "if TYPE_CHECKING:\n    from hindcast.assemble import Assembly",
        "from hindcast import loop",
        "from hindcast import System",
        "import hindcast",
        "from . import table",
        "from importlib import import_module\nimport_module('hindcast.cli')",
        "from importlib import import_module\nimport_module(f'hindcast.loop.{name}')",
        "from hindcast.nowhere import x",
    ],
)
def test_what_the_walk_must_find(code: str) -> None:
    assert offences(Module(SOURCE / "facts" / "planted.py", ast.parse(code)), rooms())


@pytest.mark.parametrize(
    "code",
    [
        "from hindcast.errors import DataError",
        "from hindcast.facts.times import Shift",
        "from hindcast import __version__",
        "import numpy",
    ],
)
def test_what_the_walk_must_leave_alone(code: str) -> None:
    assert not offences(Module(SOURCE / "facts" / "planted.py", ast.parse(code)), rooms())
