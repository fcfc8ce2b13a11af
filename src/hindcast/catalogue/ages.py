"""How old the newest fact behind each answer was: what freshness is judged by.

The age of a looked-up feature is the time from the newest fact of its entity inside its window (for latest: the fact
itself) to as_of, whatever the fact's values are; it equals what the online driver answers beside its values. Of
neighbours it is the age of the entity's newest edge. A table's own age is that of its newest visible fact, of whatever
entity. The engine answers it all, asked for the greatest event time instead of values, so that an age sees what a value
sees: visible facts only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np

from hindcast.columns import Column, Frame
from hindcast.errors import UnknownName
from hindcast.facts.facts import Facts
from hindcast.facts.table import Table
from hindcast.features.aggregates import named
from hindcast.features.asked import asked_at
from hindcast.features.definitions import Enriched, Latest, Notes, Transform, Window
from hindcast.features.given import sequence_of
from hindcast.features.graph import Neighbours, unfolded
from hindcast.features.meaning import singles
from hindcast.features.plan import Definition, FeaturePlan
from hindcast.values import Floats, Ints, digest

__all__ = ["ages", "aged"]

_EVENT = "__event_time"


def aged(plan: FeaturePlan) -> list[str]:
    """The features that have an age: looked up from facts that happen, or computed from such ones."""
    found = _have_age(plan)
    return [name for name in plan.names if found[name]]


def _have_age(plan: FeaturePlan) -> dict[str, bool]:
    """Whether a feature has an age, by name, those that graph features need included."""
    found: dict[str, bool] = {}
    definitions = unfolded(plan.definitions)
    for definition in [*(d for d in definitions if not isinstance(d, Transform)), *plan.steps]:
        for single in singles(definition):
            if isinstance(definition, Transform):
                found[single.name] = any(found.get(name, False) for name in definition.inputs)
            else:
                found[single.name] = _reader(definition) is not None
    return found


def ages(
    plan: FeaturePlan,
    facts: Mapping[str, Facts],
    requests: Frame,
    as_of: Ints,
    *,
    of: Iterable[str] | None = None,
    threads: int = 2,
) -> dict[str, Floats]:
    """Ages in microseconds, NaN where there was no fact, shape (n,) each, by name.

    Parameters
    ----------
    plan : FeaturePlan
    facts : mapping of str to Facts
        By table.
    requests : Frame, n rows
    as_of : int64 array, shape (n,)
    of : iterable of str, optional
        Features and tables; by default :func:`aged`, all features that have an age. A transform is as old as the
        oldest of what it is computed from, and without a fact where one of them is.
    threads : int, default 2

    Raises
    ------
    UnknownName
        For a name that is neither a feature with an age nor a table the features read.
    """
    from hindcast.features.batch import answer

    as_of = asked_at(plan, facts, requests, as_of)
    known = aged(plan)
    wanted = known if of is None else list(dict.fromkeys(sequence_of("of", of)))
    happens = [name for name, table in plan.tables.items() if table.known != "always"]
    for name in wanted:
        if name not in known and name not in happens:
            raise UnknownName("feature or table that has an age", name, [*known, *happens], where="freshness")
    has_age = _have_age(plan)
    made = {single.name: definition for definition in unfolded(plan.definitions) for single in singles(definition)}
    asked: dict[str, Latest | Window] = {}
    place: dict[str, str | None] = {}

    def ask(name: str) -> None:
        """Note which question gives the age of `name`; None where the request's own fact is the newest."""
        definition = made.get(name)
        if name in place:
            return
        if isinstance(definition, Transform):
            for needed in definition.inputs:
                if has_age.get(needed):
                    ask(needed)
            return
        question = _table_question(plan.tables[name]) if definition is None else _question(definition, name)
        place[name] = None
        if question is not None:
            place[name] = key = "age_" + digest(question)
            asked[key] = replace(question, prefix=key)

    for name in wanted:
        ask(name)
    stamped = {name: replace(f, frame=f.frame.having(**{_EVENT: Column("time", f.event)})) for name, f in facts.items()}
    questions = list(asked.values())
    names = {key: question.names()[0] for key, question in asked.items()}
    companion = FeaturePlan.compile([*_keys(questions, made), *questions], target=plan.target)
    answered = answer(companion, stamped, requests, as_of, threads=threads) if questions else Frame({}, len(requests))
    moments = np.asarray(as_of, dtype=np.float64)

    def age(name: str) -> Floats:
        definition = made.get(name)
        if isinstance(definition, Transform):
            return reduce(np.maximum, (age(needed) for needed in definition.inputs if has_age.get(needed)))
        key = place[name]
        return np.zeros(len(requests)) if key is None else moments - answered[names[key]].floats()

    return {name: age(name) for name in wanted}


def _reader(definition: Definition) -> Latest | Window | None:
    """What looks facts up, if it looks up facts that happen."""
    if isinstance(definition, Neighbours):
        definition = definition.members
    if not isinstance(definition, Latest | Window):
        return None
    table = definition.table.table if isinstance(definition.table, Enriched) else definition.table
    return None if table.known == "always" else definition


def _question(definition: Definition, name: str) -> Latest | Window | None:
    """What to ask for the newest event time that the feature sees."""
    reader = _reader(definition)
    if isinstance(reader, Latest):
        return replace(reader, columns=(_EVENT,), prefix="age", notes=Notes())
    assert isinstance(reader, Window)
    if reader.own:
        return None
    outputs = reader.outputs()
    span = next((output.span for output in outputs if output.name == name), outputs[0].span)
    newest = (named("max", "age"),)
    return replace(reader, column=_EVENT, aggregates=newest, spans=(span,), where=None, prefix="age", notes=Notes())


def _table_question(table: Table) -> Latest:
    return Latest(table, (_EVENT,), (), None, False, "age")


def _keys(questions: Sequence[Latest | Window], made: Mapping[str, Any]) -> list[Definition]:
    """The definitions of features by which questions are keyed, and of what those need in turn."""
    found: dict[int, Definition] = {}
    waiting = [asked for question in questions for asked, _ in question.by]
    while waiting:
        definition = made.get(waiting.pop())
        if definition is None or id(definition) in found:
            continue
        found[id(definition)] = definition
        if isinstance(definition, Transform):
            waiting += definition.inputs
        elif isinstance(definition, Neighbours):
            waiting += [asked for asked, _ in definition.members.by]
        elif isinstance(definition, Latest | Window):
            waiting += [asked for asked, _ in definition.by]
    return list(found.values())
