"""Facts: what happened, when it happened, and when the system could first read it.

A :class:`Table` declares the meaning of rows; sources say where rows come from; :class:`Facts` are rows with their
times and their place in the order of landing; the :class:`Lake` keeps them, append-only, in Delta tables; ingesting
lands what is new, counts what is the same, and puts what is refused into :class:`Quarantine` with its reason.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hindcast.facts.facts import Facts
from hindcast.facts.hand_labels import hand_labels
from hindcast.facts.source import Data, Files, HandLabels, files, frame
from hindcast.facts.table import Refusal, Table, check_views
from hindcast.facts.times import Shift, after, before

if TYPE_CHECKING:
    from hindcast.facts.lake import Lake, Receipt
    from hindcast.facts.landing import Landed, ingest, retract
    from hindcast.facts.quarantine import Quarantine

__all__ = [
    "Data",
    "Facts",
    "Files",
    "HandLabels",
    "Lake",
    "Landed",
    "Quarantine",
    "Receipt",
    "Refusal",
    "Shift",
    "Table",
    "after",
    "before",
    "check_views",
    "files",
    "frame",
    "hand_labels",
    "ingest",
    "retract",
]

_LATER = {
    "Lake": "lake",
    "Receipt": "lake",
    "Landed": "landing",
    "ingest": "landing",
    "retract": "landing",
    "Quarantine": "quarantine",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        value = getattr(import_module(f"hindcast.facts.{_LATER[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'hindcast.facts' has no attribute {name!r}")
