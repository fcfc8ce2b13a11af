"""Which facts can have a part in a request's features: so that an oracle need not look at all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from hindcast.columns import Column
from hindcast.facts.facts import Facts
from hindcast.facts.table import Table
from hindcast.features.definitions import Latest, Request, Transform, Window
from hindcast.features.plan import FeaturePlan
from hindcast.values import BEGINNING, NEVER, Bools

__all__ = ["relevant_facts"]


def relevant_facts(
    plan: FeaturePlan, facts: Mapping[str, Facts], request: Mapping[str, Any], t: int
) -> Iterator[tuple[list[Any], dict[str, Facts]]]:
    """Definitions, some at a time, with the facts that can have a part in them at `t`.

    A definition over a plain table whose key comes with the request gets the facts of that entity and of its span
    of time, with all versions of each; the others come with all definitions and all facts. Functions alone come not at
    all: they read no facts. Too many facts are fine, too few are not.
    """
    rest = []
    for definition in plan.definitions:
        if isinstance(definition, Request | Transform):
            continue
        if (
            isinstance(definition, Latest | Window)
            and isinstance(definition.table, Table)
            and all(asked not in plan.names or asked in _requested(plan) for asked, _ in definition.by)
        ):
            found = facts[definition.table.name]
            yield [definition], {definition.table.name: found.take(_relevant(definition, found, request, t))}
        else:
            rest.append(definition)
    if rest:
        # what they are made of must be answered with them
        yield list(plan.definitions), dict(facts)


def _requested(plan: FeaturePlan) -> set[str]:
    return {column for d in plan.definitions if isinstance(d, Request) for column in d.columns}


def _relevant(definition: Latest | Window, facts: Facts, request: Mapping[str, Any], t: int) -> Bools:
    hits = facts.known < t
    for asked, column in definition.by:
        hits &= _equal(facts.frame[column], request[asked])
    lo, hi = _reach(definition, t)
    hits &= (facts.event >= lo) & (facts.event < hi)
    key = definition.table.keys
    if not key:
        return hits
    nulls = np.zeros(len(facts), dtype=np.bool_)
    versions = facts.known < t
    for column in key:
        values = facts.frame[column]
        nulls |= ~values.present()
        versions &= np.isin(values.values, values.values[hits])
    return np.asarray(versions | (hits & nulls))


def _reach(definition: Latest | Window, t: int) -> tuple[int, int]:
    """From when to before when a fact must have happened to matter."""
    if isinstance(definition, Latest):
        return BEGINNING, NEVER if definition.ahead else t
    lo = min(t - span.reach_us for span in definition.spans)
    return max(lo, BEGINNING), max(t - span.hi_us for span in definition.spans)


def _equal(column: Column, value: Any) -> Bools:
    """Where a column holds `value`, which may be null: then nowhere."""
    if value is None:
        return np.zeros(len(column), dtype=np.bool_)
    if column.kind == "text":
        assert column.vocabulary is not None
        return np.isin(column.values, np.flatnonzero(column.vocabulary == value))
    return np.asarray((column.values == value) & column.present())
