"""A labelling project as the source of a table: its decisions as rows, read beside whoever writes it.

Each event of a project decides what it decides for ever, so a longer project begins with the rows of a shorter one:
reading it again gives the same rows and new ones behind them, and landing compares by content.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hindcast.columns import Column, Frame
from hindcast.errors import StateError
from hindcast.facts.source import Data, HandLabels
from hindcast.facts.table import Table
from hindcast.journal import Reader
from hindcast.labelling.creation import check_format
from hindcast.labelling.decisions import Decision
from hindcast.labelling.events import decode_event
from hindcast.labelling.facts import Deciding, fact_row
from hindcast.values import digest, iso

__all__ = ["LabelFeed", "project_folder"]

_PUSH_ROWS = 1_000


def project_folder(source: HandLabels, base: Path) -> Path:
    """Where the project lies: from `base` on, or under its bare name where ``hindcast label`` keeps it."""
    given = Path(source.folder).expanduser()
    place = base / given
    if len(given.parts) > 1 or (place / "project.json").exists():
        return place
    return base / (os.environ.get("HINDCAST_HOME") or ".hindcast") / "labels" / given


class LabelFeed:
    """What is decided in a labelling project, as rows of a table; :meth:`refresh` takes in what is new.

    Cost: a refresh reads the newest segment of the project's journal, if it has grown, and folds the new events.

    Parameters
    ----------
    table : Table
        Of :func:`hindcast.facts.hand_labels`.
    base : Path
        Where a relative folder starts.

    Raises
    ------
    StateError
        When there is no project, or it is damaged.
    """

    def __init__(self, table: Table, base: Path) -> None:
        assert isinstance(table.source, HandLabels)
        self.table, self.source = table, table.source
        self.folder = project_folder(self.source, base)
        try:
            check_format(self.folder)
            self._reader = Reader(self.folder / "journal")
        except StateError as error:
            raise StateError(f"table {table.name!r}: {error}") from None
        self.decisions: list[Decision] = []
        self._taken = 0
        self._deciding, self._position = Deciding(), 0
        self._written: list[tuple[str, int, int]] | None = None
        self.refresh()

    def refresh(self) -> int:
        """Take in what was written since; how many decisions there are now."""
        newest = sorted((self.folder / "journal").glob("*.seg"))[-1:]
        written = [(path.name, stat.st_size, stat.st_mtime_ns) for path in newest for stat in (path.stat(),)]
        if written == self._written:  # appended to only, so nothing is new
            return len(self.decisions)
        self._reader.refresh()
        self._written = written
        for entry in self._reader.entries(self._position):
            event = decode_event(entry.position, entry.kind, entry.body)
            self.decisions += sorted(self._deciding.take(event), key=lambda one: one.item)
            self._position = entry.position
        return len(self.decisions)

    def data(self) -> Data:
        """All decisions so far as a source."""
        rows = [self._row(one) for one in self.decisions]
        kinds = {**self.source.types, self.source.item: "text"}
        columns = {name: Column.of_kind([row[name] for row in rows], kind) for name, kind in kinds.items()}
        return Data(Frame(columns, len(rows)), None, self.source.types, self.source.folder)

    def news(self) -> list[tuple[list[dict[str, Any]], str]]:
        """Pushes for a server: what was not :meth:`took` yet, each with its idempotency key."""
        self.refresh()
        waiting = self.decisions[self._taken :]
        parts = [waiting[at : at + _PUSH_ROWS] for at in range(0, len(waiting), _PUSH_ROWS)]
        return [self._push(part) for part in parts]

    def took(self, rows: int) -> None:
        """So many more of the decisions have landed, or been pushed."""
        self._taken += rows

    def took_all(self) -> None:
        """All that :meth:`data` gave has landed."""
        self._taken = len(self.decisions)

    def _push(self, part: Sequence[Decision]) -> tuple[list[dict[str, Any]], str]:
        rows = [{**self._row(one), "decided_at": iso(one.decided_us)} for one in part]
        if self.source.types[self.source.item] == "integer":
            for row in rows:
                row[self.source.item] = _whole(row[self.source.item])
        return rows, f"{self.table.name} {digest(rows, length=32)}"

    def _row(self, one: Decision) -> dict[str, Any]:
        row = fact_row(one)
        return {self.source.item: row.pop("item"), **row}


def _whole(item: str) -> int | str:
    try:
        return int(item)
    except ValueError:
        return item  # refused by the table, with its reason
