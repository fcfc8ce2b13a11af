"""Handing items to a labelling project by urgency, whether its page is served or not."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from hindcast.labelling.operations import AddItems, Enqueue
from hindcast.web.labelling.owner import perform

__all__ = ["hand_over"]

_STEPS = 5
"""How many priorities what is handed over is given."""


def hand_over(
    folder: Path | str, rows: Sequence[dict[str, Any]], *, known: Collection[str], by: str
) -> tuple[int, int]:
    """Add rows to a project, the most urgent first; those it knows already move up.

    Parameters
    ----------
    folder : path
        Of the project.
    rows : sequence of dict
        Items as :class:`hindcast.labelling.operations.AddItems` takes them, the most urgent first.
    known : collection of str
        The ids that are in the project.
    by : str
        Who is unsure of them; told in the reason.

    Returns
    -------
    added, moved : int
    """
    added = moved = 0
    size = max(1, -(-len(rows) // _STEPS))
    for step, first in enumerate(range(0, len(rows), size)):
        part = rows[first : first + size]
        reason, priority = f"{by} is unsure, {step + 1} of {_STEPS}", 1.0 - step / _STEPS
        added += perform(folder, AddItems(items=list(part), reason=reason, priority=priority)).added
        again = [row["id"] for row in part if row["id"] in known]
        if again:
            moved += perform(folder, Enqueue(ids=again, reason=reason, priority=priority))
    return added, moved
