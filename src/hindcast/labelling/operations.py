"""What a project's owner does to it, as values: carried out here, or sent to the process that writes the project.

Carried out twice, each of them does no more than once: items are known by their ids, files by what is in them, a
decision by its key, somebody let in by their token. So what was sent and never answered is simply sent again.
"""

from __future__ import annotations

from secrets import token_hex, token_urlsafe
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import msgspec

from hindcast.labelling.imported import Imported
from hindcast.labelling.intake import Added

if TYPE_CHECKING:
    from hindcast.labelling.project import Project

__all__ = ["Adjudicate", "AddItems", "Enqueue", "Import", "LetIn", "Operation", "Revoke", "SetGuideline"]


class _Operation(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True, kw_only=True):
    returns: ClassVar[Any] = None

    def on(self, project: Project) -> Any:
        """Carry it out."""
        raise NotImplementedError


class AddItems(_Operation, frozen=True):
    """See :meth:`hindcast.labelling.Project.add_items`; `items` is the whole path of a file, or rows."""

    returns: ClassVar[Any] = Added
    items: str | list[dict[str, Any]]
    reason: str = "given"
    priority: float = 0.0

    def on(self, project: Project) -> Added:
        return project.add_items(self.items, reason=self.reason, priority=self.priority)


class Enqueue(_Operation, frozen=True):
    """See :meth:`hindcast.labelling.Project.enqueue`."""

    returns: ClassVar[Any] = int
    ids: list[str]
    reason: str
    priority: float
    answers: int | None = None

    def on(self, project: Project) -> int:
        return project.enqueue(self.ids, reason=self.reason, priority=self.priority, answers=self.answers)


class LetIn(_Operation, frozen=True):
    """See :meth:`hindcast.labelling.Project.add_annotator`; the token is made here, so that it is the same twice."""

    returns: ClassVar[Any] = str
    name: str
    role: Literal["annotator", "adjudicator"] = "annotator"
    renew: bool = False
    token: str = msgspec.field(default_factory=lambda: token_urlsafe(24))

    def on(self, project: Project) -> str:
        return project.add_annotator(self.name, role=self.role, renew=self.renew, token=self.token)


class Revoke(_Operation, frozen=True):
    """See :meth:`hindcast.labelling.Project.revoke`."""

    name: str

    def on(self, project: Project) -> None:
        project.revoke(self.name)


class SetGuideline(_Operation, frozen=True):
    """See :meth:`hindcast.labelling.Project.set_guideline`."""

    returns: ClassVar[Any] = int
    text: str

    def on(self, project: Project) -> int:
        return project.set_guideline(self.text)


class Adjudicate(_Operation, frozen=True):
    """See :meth:`hindcast.labelling.Project.adjudicate`."""

    who: str
    item: str
    label: str | None
    comment: str = ""
    key: str = msgspec.field(default_factory=lambda: token_hex(16))

    def on(self, project: Project) -> None:
        project.adjudicate(self.who, self.item, self.label, comment=self.comment, key=self.key)


class Import(_Operation, frozen=True):
    """See :meth:`hindcast.labelling.Project.import_`; `path` is whole."""

    returns: ClassVar[Any] = Imported
    path: str
    format: str
    annotator: str | None = None

    def on(self, project: Project) -> Imported:
        return project.import_(self.path, self.format, annotator=self.annotator)


Operation = AddItems | Enqueue | LetIn | Revoke | SetGuideline | Adjudicate | Import
"""Any of them."""
