"""Labels that people decide, as a table of a system: known when they were decided, corrected later."""

from __future__ import annotations

from os import PathLike, fspath

from hindcast.columns import Kind
from hindcast.errors import ConfigError
from hindcast.facts.source import HandLabels
from hindcast.facts.table import Table
from hindcast.parameters import choice

__all__ = ["hand_labels"]

_KINDS: dict[str, Kind] = {
    "label": "text", "probability": "number", "decided_at": "time", "how": "text", "annotators": "text",
    "answers": "integer", "guideline": "integer",
}  # fmt: skip


def hand_labels(name: str, project: str | PathLike[str], *, item: str = "item", kind: Kind = "text") -> Table:
    """A table of what is decided in a labelling project, read while people label.

    Every decision is a fact of its item, whose event and known time are the moment it was decided: when its last
    answer came in (by the majority of its own answers), or an adjudicator spoke. What changes it later is a later fact
    of the same item, visible from then on only; one that falls away is a fact without a label. Control items are left
    out. What a method infers from all answers together is no such fact, since it is known only when somebody asks;
    ``hindcast label export`` writes it.

    The columns: the item's, ``label``, ``probability`` (the share of the votes; 1 when adjudicated), ``decided_at``,
    ``how`` (``"majority"``, ``"adjudicated"``, ``"undecided"``), ``annotators``, ``answers``, ``guideline`` (a number).

    Parameters
    ----------
    name : str
        Of the table.
    project : path
        Its folder, from the system file on; or the name of a project in the home folder, as for ``hindcast label``.
    item : str, default "item"
        What the column of the items' ids is called: the name of the request's column that joins them.
    kind : {"text", "integer"}
        Of the ids, as the request's column is.

    Examples
    --------
    >>> labels = hand_labels("labels", "labels/spam", item="comment")
    >>> labels.key, labels.event_time, labels.known
    (('comment',), 'decided_at', 'event')
    """
    where = f"hand_labels({name!r})"
    if not isinstance(project, str | PathLike) or not fspath(project):
        raise ConfigError(f"{where}: project is the folder or name of a labelling project, got {project!r}.")
    if not isinstance(item, str) or not item or item in _KINDS:
        raise ConfigError(f"{where}: item names the column of ids, and none of {', '.join(_KINDS)}; got {item!r}.")
    choice("kind", kind, ("text", "integer"), where=where)
    source = HandLabels(str(fspath(project)), item, {item: kind, **_KINDS})
    return Table(name, source, key=item, event_time="decided_at", known="event", columns=(item, *_KINDS))
