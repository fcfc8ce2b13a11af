"""The labelling page: a project's tasks in the browser, for several people at once, keyboard first.

:func:`run` serves a project's folder; :func:`labelling_app` is the same as an ASGI application; :func:`perform` changes
a project whether it is served or not. What is labelled, by
whom and how it is kept is :class:`hindcast.labelling.Project`'s affair; here are only its face and its manners.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hindcast.web.labelling.app import labelling_app
    from hindcast.web.labelling.owner import perform
    from hindcast.web.labelling.server import run

__all__ = ["labelling_app", "perform", "run"]

_PLACES = {"labelling_app": "app", "perform": "owner", "run": "server"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
