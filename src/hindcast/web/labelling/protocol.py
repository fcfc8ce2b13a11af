"""What travels between the labelling page and the server: bodies as they are decoded, values as they are told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from hindcast.labelling.guideline import Guideline
from hindcast.labelling.item_state import Judgement
from hindcast.labelling.project import Project
from hindcast.labelling.tasks import Annotator, Item, Task
from hindcast.values import iso

__all__ = [
    "AdjudicationBody", "AnswerBody", "GuidelineBody", "PersonBody", "UndoBody", "guideline_of", "item_of",
    "judgement_of", "me_of", "task_of",
]  # fmt: skip


class AnswerBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``POST answers``."""

    item: str
    key: str
    action: Literal["label", "skip", "unsure"] = "label"
    label: str | None = None
    comment: str = ""
    seconds: float | None = None


class UndoBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``POST undo``: only an answer on this item is taken back."""

    item: str
    key: str


class AdjudicationBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``POST adjudications``; no label means that no class fits."""

    item: str
    key: str
    label: str | None = None
    comment: str = ""


class GuidelineBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``POST guideline``."""

    text: str


class PersonBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``POST people``."""

    name: str
    role: Literal["annotator", "adjudicator"] = "annotator"
    renew: bool = False


def me_of(project: Project, who: Annotator, disputed: int | None) -> dict[str, Any]:
    """What the page must know to begin."""
    settings, guideline = project.settings, project.guideline()
    return {
        "name": who.name,
        "role": who.role,
        "project": {
            "id": project.folder.name,
            "name": settings.name,
            "kind": settings.kind,
            "question": settings.question or "Which class is it?",
            "instructions": settings.instructions,
            "classes": list(settings.classes),
            "guideline": guideline.version,
            "guided": bool(guideline.text.strip()),
            "lease_s": settings.lease_us / 1e6,
            "disputed": disputed,
        },
    }


def item_of(item: Item) -> dict[str, Any]:
    """An item as annotators may see it: never its known answer, and an image by its name.

    A row and what stands beside an item are lists of [name, value]: a browser would put the names of an object that
    look like numbers first.
    """
    content = item.content.name if isinstance(item.content, Path) else item.content
    if isinstance(content, Mapping):
        content = list(content.items())
    return {"id": item.id, "content": content, "meta": list(item.meta.items())}


def task_of(task: Task) -> dict[str, Any]:
    """A task."""
    return {
        "item": item_of(task.item),
        "seen_before": task.seen_before,
        "guideline": task.guideline,
    }


def judgement_of(judgement: Judgement) -> dict[str, Any]:
    """What somebody said of an item."""
    return {
        "annotator": judgement.annotator,
        "action": judgement.action,
        "label": judgement.label,
        "comment": judgement.comment,
        "seconds": judgement.seconds,
        "guideline": judgement.guideline,
        "at": iso(judgement.made_us if judgement.made_us is not None else judgement.at_us),
    }


def guideline_of(guideline: Guideline, newest: int) -> Mapping[str, Any]:
    """A version of the guideline, and which is the newest."""
    return {
        "version": guideline.version,
        "newest": newest,
        "text": guideline.text,
        "since": iso(guideline.since_us),
    }
