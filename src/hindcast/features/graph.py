"""Features over an edge table: an entity's neighbours, as they were known at a moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hindcast.features.definitions import Latest, Notes, Window

__all__ = ["Neighbours"]


@dataclass(frozen=True)
class Neighbours:
    """The mean of a looked-up value over an entity's neighbours.

    Attributes
    ----------
    name : str
    members : Window
        One feature: the neighbours, as a list.
    of : Latest
        One column of a table about neighbours, keyed by one column.
    """

    name: str
    members: Window
    of: Latest
    notes: Notes = field(default=Notes(), compare=False)

    def describe(self) -> dict[str, Any]:
        return {"is": "neighbours", "name": self.name, "members": self.members.describe(), "of": self.of.describe()}
