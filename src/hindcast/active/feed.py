"""From a choice to the labelling page: what was chosen moves up in a project's order, with the reason."""

from __future__ import annotations

from collections.abc import Sequence

from hindcast.active.choose import Choice
from hindcast.errors import DataError
from hindcast.labelling.project import Project

__all__ = ["feed"]


def feed(project: Project, choice: Choice, ids: Sequence[str], *, above: float = 0.0) -> int:
    """Have the chosen items labelled next; how many moved.

    Parameters
    ----------
    project : Project
        Opened for writing; holds the items.
    choice : Choice
    ids : sequence of str
        The project's id of each item of the pool, by place.
    above : float, default 0
        Added to the priorities, which lie in (0, 1]: raise it round by round to put a new choice before what is left
        of the one before.

    Returns
    -------
    int
        Items whose priority or reason changed. Each has its place in the choice and its score as reason. An item that
        is done already goes to the adjudication queue, as with every ``enqueue``: leave those out of the pool.
    """
    if len(choice) and int(choice.places.max()) >= len(ids):
        raise DataError(
            f"the choice names place {int(choice.places.max())} of a pool of {len(ids)} ids; give them all."
        )
    return sum(
        project.enqueue([item], reason=reason, priority=above + priority)
        for item, priority, reason in choice.tasks(ids)
    )
