"""The prediction log: what was asked, what was answered, by which version, on which features.

Labels, monitors and trials judge models on these records, never on features computed again. In the journal a record
is MessagePack; in the lake it is a row of the table ``predictions_<target>`` with one column per request value and
feature, so that any tool reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec
import numpy as np

from hindcast.columns import Column, Frame, Kind
from hindcast.facts.facts import Facts
from hindcast.facts.lists import texts_of
from hindcast.facts.table import Table

__all__ = ["PredictionRecord", "ShadowRecord", "prediction_facts", "prediction_table"]

Role = Literal["champion", "canary"]
_KINDS: dict[str, Kind] = {
    "system": "text",
    "target": "text",
    "request_id": "text",
    "group": "text",
    "as_of": "time",
    "version": "text",
    "plan": "text",
    "role": "text",
    "probability": "number",
    "acted": "boolean",
    "given": "boolean",
    "shadow_version": "text",
    "shadow_probability": "number",
}


class PredictionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One answered request.

    Attributes
    ----------
    as_of : int
        Microseconds; the moment of the features.
    role : {"champion", "canary"}
        In which role `version` answered.
    acted : bool
        The decision: probability above the goal's threshold.
    given : bool
        The caller sent the features; else they were looked up.
    request, features : dict
        By name, as served.
    plan : str
        The identity of the features that were served; empty in records of a version that did not say.
    ages : dict
        Microseconds from the newest fact of each looked-up feature to `as_of`.
    """

    system: str
    target: str
    request_id: str
    group: str
    as_of: int
    version: str
    role: Role
    probability: float
    acted: bool
    given: bool
    request: dict[str, Any]
    features: dict[str, Any]
    ages: dict[str, int | None]
    plan: str = ""


class ShadowRecord(msgspec.Struct, frozen=True):
    """What the version in shadow would have said to the request of a record before it."""

    request_id: str
    as_of: int
    version: str
    probability: float


def prediction_table(target: str) -> Table:
    """The declaration of the lake's table of predictions: named by request id, known when they were made."""
    return Table(f"predictions_{target}", key="request_id", event_time="as_of", known="event", types=dict(_KINDS))


def prediction_facts(
    records: Sequence[PredictionRecord],
    shadows: Iterable[ShadowRecord],
    *,
    kinds: Mapping[str, Kind],
    seq_from: int,
) -> Facts:
    """Records as rows, in their order.

    Columns are those of the record, then ``request_<column>`` of `kinds`, then ``feature_<name>``. A column without a
    single value is left out: its kind is not known yet. A list is written as JSON: a column
    of the lake holds single values. :func:`hindcast.facts.lists.lists_of` reads it.

    Parameters
    ----------
    shadows : iterable of ShadowRecord
        Joined by request id and moment; one without its prediction is left out.
    kinds : mapping
        Of the requests' columns.
    """
    answers = {(shadow.request_id, shadow.as_of): shadow for shadow in shadows}
    second = [answers.get((record.request_id, record.as_of)) for record in records]
    columns: dict[str, Column] = {
        name: Column.of_kind([getattr(record, name) for record in records], kind)
        for name, kind in _KINDS.items()
        if not name.startswith("shadow")
    }
    if any(second):
        columns["shadow_version"] = Column.of_kind([s and s.version for s in second], "text")
        columns["shadow_probability"] = Column.of_kind([s and s.probability for s in second], "number")
    for name, kind in kinds.items():
        columns[f"request_{name}"] = Column.of_kind([record.request.get(name) for record in records], kind)
    for name in dict.fromkeys(name for record in records for name in record.features):
        column = Column.of([record.features.get(name) for record in records])
        if column.kind == "list":
            column = texts_of(column)
        columns[f"feature_{name}"] = column if column.kind == "text" else column.as_kind("number")
    as_of = columns["as_of"].values
    frame = Frame({name: column for name, column in columns.items() if name in _KINDS or column.present().any()})
    n = len(records)
    return Facts(as_of, as_of, np.arange(seq_from, seq_from + n, dtype=np.int64), np.zeros(n, dtype=np.bool_), frame)
