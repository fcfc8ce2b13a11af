"""What to have labelled next: requests without a label, those first about which the champion is least sure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.active.scores import margin
from hindcast.errors import ConfigError, UnknownName
from hindcast.facts.facts import Facts
from hindcast.facts.source import HandLabels
from hindcast.loop.history import History
from hindcast.models import Model
from hindcast.parameters import whole
from hindcast.system import System
from hindcast.values import NEVER, Ints, iso

__all__ = ["Suggestion", "item_column", "items_of_requests", "suggest"]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A request that is worth a label.

    Parameters
    ----------
    item : str
        What the labelling project calls it.
    seq : int
        Its number in the target's table.
    as_of : int
    probability : float
        What the champion says; for reports, and never for those who label.
    score : float
        1 where it cannot tell at all, 0 where it is sure.
    """

    item: str
    seq: int
    as_of: int
    probability: float
    score: float


def item_column(system: System) -> str:
    """The request's column that holds an item's id: the one that hand labels are joined by, else the table's key.

    Raises
    ------
    ConfigError
        When it takes several columns to name a request.
    """
    target = system.target
    source = target.label.table.source
    if isinstance(source, HandLabels) and source.item in target.label.on:
        return source.item
    if len(target.table.keys) != 1:
        raise ConfigError(f"an item has one id, and table {target.table.name!r} is named by {list(target.table.keys)}.")
    return target.table.keys[0]


def suggest(
    history: History, model: Model, *, n: int = 100, since_us: int = -NEVER, besides: Collection[str] = ()
) -> list[Suggestion]:
    """The requests without a label about which a model is least sure, the least sure first, then the newest.

    Parameters
    ----------
    history : History
    model : Model
    n : int, default 100
        At most so many; one per item, its newest request.
    since_us : int, optional
        Only requests after this.
    besides : collection of str
        Items that are not to be asked about.
    """
    n = whole("n", n, least=1)
    spine = history.spine
    ids = spine.frame[item_column(history.system)].objects()
    places = np.flatnonzero((spine.label_known >= NEVER) & (spine.as_of > since_us))
    newest: dict[str, int] = {str(ids[at]): int(at) for at in places.tolist() if ids[at] is not None}
    rows: Ints = np.array([at for item, at in newest.items() if item not in besides], dtype=np.int64)
    if not len(rows):
        return []
    p = model.predict(history.inputs.take(rows))
    score = margin(np.stack([1.0 - p, p], axis=1))
    order = np.lexsort((-rows, -score))[:n]
    return [
        Suggestion(str(ids[rows[i]]), int(spine.seq[rows[i]]), int(spine.as_of[rows[i]]), float(p[i]), float(score[i]))
        for i in order.tolist()
    ]


def items_of_requests(
    chosen: Sequence[Suggestion], facts: Facts, *, kind: str, content: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Suggestions as rows for a labelling project: their ids, and what annotators see of them.

    Parameters
    ----------
    chosen : sequence of Suggestion
    facts : Facts
        Of the target's table, whole.
    kind : {"text", "row", "image"}
        Of the project.
    content : sequence of str
        The columns that are shown; of a text or an image exactly one. A row shows all of them unless some are named.
    """
    frame = facts.frame
    for name in content:
        if name not in frame:
            raise UnknownName("column", name, frame.names, where="what annotators are to see")
    if kind != "row" and len(content) != 1:
        raise ConfigError(
            f"a project of {kind}s shows one column of each request; name it with --content. There are: "
            f"{', '.join(frame.names)}."
        )
    places = np.searchsorted(facts.seq, [one.seq for one in chosen])
    names = list(content) or list(frame.names)
    columns = {name: frame[name].take(places) for name in names}
    shown = [
        {name: iso(int(value)) if columns[name].kind == "time" and value is not None else value for name, value in row}
        for row in (
            zip(names, values, strict=True)
            for values in zip(*(column.objects().tolist() for column in columns.values()), strict=True)
        )
    ]
    if kind == "row":
        return [{"id": one.item, "content": row} for one, row in zip(chosen, shown, strict=True)]
    return [{"id": one.item, "content": row[content[0]]} for one, row in zip(chosen, shown, strict=True)]
