"""What a feature means, spelled out row by row: the oracle that every driver is held against."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from hindcast.columns import Frame
from hindcast.facts.facts import Facts
from hindcast.facts.table import Table
from hindcast.features.definitions import Latest, Window

__all__ = ["feature_oracle", "visible_versions"]


def visible_versions(facts: Facts, table: Table, t: int) -> list[dict[str, Any]]:
    """The facts visible at `t`, as dictionaries with ``_event``, ``_known``, ``_seq`` beside the columns.

    Known before t; of each key only the one with the greatest (known, sequence), and none if that is a
    retraction. A table without a key, or a fact with a null in its key, has no corrections.
    """
    rows = [
        {**row, "_event": int(e), "_known": int(k), "_seq": int(s), "_retract": bool(r)}
        for row, e, k, s, r in zip(
            facts.frame.rows() if facts.frame.names else [{}] * len(facts),
            facts.event,
            facts.known,
            facts.seq,
            facts.retract,
            strict=True,
        )
    ]
    seen = [row for row in rows if row["_known"] < t]
    if not table.key:
        return [row for row in seen if not row["_retract"]]
    newest: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in seen:
        key = tuple(row[name] for name in table.key)
        identity = (*key, row["_seq"]) if None in key else key
        if identity not in newest or (row["_known"], row["_seq"]) > (
            newest[identity]["_known"],
            newest[identity]["_seq"],
        ):
            newest[identity] = row
    return [row for row in newest.values() if not row["_retract"]]


def feature_oracle(feature: Latest | Window, facts: Facts, request: Mapping[str, Any], t: int) -> dict[str, Any]:
    """The values of one definition for one request at `t`, by name; null is None."""
    table = feature.table
    asked = tuple(request[a] for a, _ in feature.by)
    visible = visible_versions(facts, table, t)
    mine = [] if None in asked else [row for row in visible if tuple(row[b] for _, b in feature.by) == asked]
    if isinstance(feature, Latest):
        past = [row for row in mine if feature.ahead or row["_event"] < t]
        newest = max(past, key=lambda row: (row["_event"], row["_known"], row["_seq"]), default=None)
        if newest is not None and feature.max_age_us is not None and t - newest["_event"] > feature.max_age_us:
            newest = None
        return {
            name: None if newest is None else newest[column]
            for name, column in zip(feature.names(), feature.columns, strict=True)
        }
    result: dict[str, Any] = {}
    for name, aggregate, at in feature.names():
        lo, hi, _ = feature.spans[at]
        if None in asked or (table.start_us is not None and t - hi <= table.start_us):
            result[name] = None
            continue
        inside = [row for row in mine if t - lo <= row["_event"] < t - hi]
        if feature.own and not any(all(row[k] == request[k] for k in table.key or ()) for row in inside):
            inside.append(dict(request))
        if feature.where is not None:
            inside = [row for row in inside if _holds(feature.where, row)]
        if feature.column is None:
            xs = [1.0] * len(inside)
        else:
            xs = [row[feature.column] for row in inside if row[feature.column] is not None]
        result[name] = _aggregate(aggregate, xs)
    return result


def _holds(where: Any, row: Mapping[str, Any]) -> bool:
    return bool(where.holds(Frame.of({name: [row[name]] for name in where.names}))[0])


def _aggregate(aggregate: str, xs: list[Any]) -> float | None:
    if aggregate == "count":
        return float(len(xs))
    if aggregate == "sum":
        return math.fsum(xs)
    if not xs or (aggregate == "std" and len(xs) < 2):
        return None
    if aggregate == "mean":
        return math.fsum(xs) / len(xs)
    if aggregate == "min":
        return float(min(xs))
    if aggregate == "max":
        return float(max(xs))
    exact = [Fraction(x) for x in xs]
    mean = sum(exact) / len(exact)
    return math.sqrt(float(sum((x - mean) ** 2 for x in exact) / (len(exact) - 1)))
