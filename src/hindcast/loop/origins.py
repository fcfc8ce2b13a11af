"""Where facts came from: a file and row of it, a push, or people who said something of an item."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.columns import Column, Frame, Kind
from hindcast.facts.datafile import read_file
from hindcast.facts.facts import Facts
from hindcast.facts.lake import Lake
from hindcast.facts.source import HandLabels
from hindcast.facts.table import Table
from hindcast.labelling.project import Project
from hindcast.loop.hand_labels import project_folder
from hindcast.values import Ints

__all__ = ["Origins"]

_KINDS: dict[str, Kind] = {"_seq": "integer", "_file": "text", "_row": "integer"}
_SAID = ("answer", "undone", "adjudicated")
_TOLD = ("at", "what", "who", "label", "action", "comment", "guideline", "guideline_digest", "undone_by")


@dataclass(eq=False)
class Origins:
    """Reads what the lake keeps beside each fact, and the labelling projects that tables name.

    Parameters
    ----------
    lake : Lake
    base : Path
        Where relative folders of projects start.
    """

    lake: Lake
    base: Path
    _tables: dict[str, Frame] = field(default_factory=dict)
    _projects: dict[Path, Project] = field(default_factory=dict)

    def of(self, table: str) -> Frame:
        """``_seq``, ``_file`` (null for a push) and ``_row`` of every fact, in the order of landing."""
        if table not in self._tables:
            parts = [read_file(path, _KINDS) for path in self.lake.files(table)]
            none = Frame({name: Column.empty(kind, 0) for name, kind in _KINDS.items()}, 0)
            found = Frame.concat(parts) if parts else none
            self._tables[table] = found.take(np.argsort(found["_seq"].values, kind="stable"))
        return self._tables[table]

    def sources(self, table: str, seq: Ints) -> dict[str, int]:
        """How many of the facts `seq` came from each file; -1 stands for a label that no fact says."""
        origin = self.of(table)
        files = origin["_file"].objects()[np.searchsorted(origin["_seq"].values, seq[seq >= 0])]
        names, counts = np.unique(np.array([name or "pushed" for name in files], dtype=str), return_counts=True)
        found = {str(name): int(count) for name, count in zip(names, counts, strict=True)}
        absent = int((seq < 0).sum())
        return {**found, **({"nothing came in time": absent} if absent else {})}

    def told(self, table: Table, facts: Facts, seq: Ints) -> list[dict[str, Any]]:
        """Where each fact stands, and of a decision by people what was said by then; empty for -1.

        Cost: of people, some 256 KiB of their project's journal per thing said.
        """
        origin = self.of(table.name)
        hand = table.source if isinstance(table.source, HandLabels) else None
        files, numbers = origin["_file"].objects(), origin["_row"].objects()
        found: list[dict[str, Any]] = []
        for number, at in zip(seq.tolist(), np.searchsorted(origin["_seq"].values, seq).tolist(), strict=True):
            if number < 0:
                found.append({})
                continue
            told = {"table": table.name, "number": number, "file": files[at] or "pushed", "row": numbers[at] or None}
            if hand is not None:
                item = str(facts.frame[hand.item].take(slice(at, at + 1)).objects()[0])
                told |= {"item": item, "said": self._said(hand, item, int(facts.known[at]))}
            found.append(told)
        return found

    def _said(self, hand: HandLabels, item: str, until_us: int) -> list[dict[str, Any]]:
        """Who said what of an item up to a decision, under which guideline."""
        folder = project_folder(hand, self.base)
        if folder not in self._projects:
            self._projects[folder] = Project.open(folder, writing=False)
        steps = self._projects[folder].lineage(item).describe()["steps"]
        return [
            {name: step[name] for name in _TOLD if step.get(name)}
            for step in steps
            if step["what"] in _SAID and step["at_us"] <= until_us
        ]
