"""Checks of a user's own system on a sample of its own facts: the laws, and what breaking them would have been worth.

Each check answers pass, fail or unknown. None trusts the engine: values are recomputed in another way, from facts in
which the future was replaced by nonsense, one request at a time, or in another order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from hindcast.columns import Column, Frame
from hindcast.errors import ArtifactError
from hindcast.facts.facts import Facts
from hindcast.features.batch import answer
from hindcast.features.online import OnlineFeatures
from hindcast.loop.history import History
from hindcast.models import check_features, read
from hindcast.registry import Registry
from hindcast.system import System
from hindcast.values import BEGINNING, DAY_US, Ints, iso
from hindcast.verdicts import Verdict

__all__ = ["check", "check_models"]

_CUTS = 3


def check(system: System, history: History, facts: Mapping[str, Facts], *, sample: int = 500) -> list[Verdict]:
    """Hold a system to the laws on `sample` requests of its own.

    Returns
    -------
    list of Verdict
        ``no future``: with everything that became known later replaced by nonsense, no feature changes.
        ``batch = online``: the online driver, fed in order, gives the same values.
        ``row by row``: feature functions do not depend on how many rows they see, or in which order.
        ``naive join``: a pass that says how many values a join on event time alone would have leaked.
    """
    random = np.random.default_rng([system.seed, len(history)])
    rows = np.sort(random.choice(len(history), min(sample, len(history)), replace=False))
    requests, as_of = history.spine.frame.take(rows), history.as_of[rows]
    truth = history.features.take(rows)
    return [
        _no_future(system, facts, requests, as_of, truth),
        _online(system, history, facts, sample),
        _row_by_row(system, history, rows),
        _naive(system, facts, requests, as_of, truth),
    ]


def check_models(system: System, registry: Registry) -> Verdict:
    """Whether every stored model is what the ledger says it is, and the champion fits the declared features."""
    champion = registry.roles().champion
    found = [(version.name, registry.folder(version.name)) for version in registry.versions() if version.folder]
    for name, folder in found:
        try:
            manifest = read(folder)
        except ArtifactError as error:
            return Verdict.failed("models", f"{name}: {error}")
        if name == champion:
            try:
                check_features(name, system.plan, **manifest.trained_on)
            except ArtifactError as error:
                return Verdict.failed("models", f"the champion cannot serve: {error}")
    return Verdict.passed("models", f"{len(found)} stored models have the bytes they were stored with")


def _no_future(system: System, facts: Mapping[str, Facts], requests: Frame, as_of: Ints, truth: Frame) -> Verdict:
    name = "no future"
    changed: dict[str, int] = {}
    cuts = np.quantile(as_of, np.linspace(0.3, 1.0, _CUTS), method="inverted_cdf")
    seen = 0
    for cut in cuts.tolist():
        past = as_of <= cut
        planted = {table: _plant(f, int(cut)) for table, f in facts.items()}
        again = answer(system.plan, planted, requests.take(past), as_of[past])
        seen += int(past.sum())
        for feature in system.plan.names:
            wrong = int((~_same(again[feature], truth[feature].take(past))).sum())
            if wrong:
                changed[feature] = changed.get(feature, 0) + wrong
    if changed:
        worst = max(changed, key=lambda feature: (changed[feature], feature))
        return Verdict.failed(
            name, f"{worst} changed with the future in {changed[worst]} of {seen} values", changed=changed
        )
    return Verdict.passed(name, f"{seen} requests, {len(cuts)} futures planted, no value changed", rows=seen)


def _plant(facts: Facts, cut_us: int) -> Facts:
    """The same facts, with all that became known from `cut_us` on turned into nonsense."""
    later = facts.known >= cut_us
    columns = {}
    for name, column in facts.frame.items():
        if column.kind == "number":
            columns[name] = Column("number", np.where(later, -1e6 - column.values, column.values))
        else:
            columns[name] = column
    return replace(facts, frame=Frame(columns, len(facts)), event=np.where(later, facts.event - DAY_US, facts.event))


def _same(left: Column, right: Column) -> Any:
    if left.kind == "text" or right.kind == "text":
        return left.objects() == right.objects()
    a, b = left.floats(), right.floats()
    return (a == b) | (np.isnan(a) & np.isnan(b))


def _online(system: System, history: History, facts: Mapping[str, Facts], sample: int) -> Verdict:
    """The last requests of history, answered one by one by a state that is fed fact by fact."""
    name = "batch = online"
    rows = np.arange(max(0, len(history) - sample), len(history))
    start = int(history.as_of[rows[0]])
    online = OnlineFeatures(system.plan)
    waiting = {}
    for table in system.plan.tables:
        past = facts[table].known < start
        online.load(table, facts[table].take(past), start)
        later = facts[table].take(~past)
        waiting[table] = later.take(np.lexsort((later.seq, later.known)))
    kinds = {column: history.spine.frame[column].kind for column in system.plan.request_columns}
    asked = history.spine.frame.select(system.plan.request_columns)
    at = dict.fromkeys(waiting, 0)
    for row in rows.tolist():
        now = int(history.as_of[row])
        for table, later in waiting.items():
            upto = int(np.searchsorted(later.known, now))
            online.push(table, later.take(slice(at[table], upto)))
            at[table] = upto
        values = online.read(asked.take(slice(row, row + 1)).rows()[0], now, kinds).values
        for feature in system.plan.names:
            expected = history.features[feature].item(row)
            if values[feature] != expected:
                return Verdict.failed(
                    name, f"{feature} at {iso(now)} is {values[feature]!r} online and {expected!r} in batch"
                )
    return Verdict.passed(
        name, f"{len(rows)} requests x {len(system.plan.names)} features equal to the bit", rows=len(rows)
    )


def _row_by_row(system: System, history: History, rows: Ints) -> Verdict:
    name = "row by row"
    for step in system.plan.transforms:
        inputs = {n: history.features[n] if n in history.features else history.spine.frame[n] for n in step.inputs}
        for row in rows[:50].tolist():
            one = {n: column.take(slice(row, row + 1)).array() for n, column in inputs.items()}
            got = Column.of(np.asarray(step.function(**one)))
            got = got if got.kind in ("text", "time") else got.as_kind("number")
            if not _same(got, history.features[step.name].take(slice(row, row + 1)))[0]:
                return Verdict.failed(
                    name, f"feature function {step.name!r} gives another value for row {row} alone than among all rows"
                )
    return Verdict.passed(name, f"{len(system.plan.transforms)} functions, one row at a time")


def _naive(system: System, facts: Mapping[str, Facts], requests: Frame, as_of: Ints, truth: Frame) -> Verdict:
    """What a join on event time alone would have read: values that were not known yet, by table."""
    naive = {
        table: replace(f, known=np.where(f.known > BEGINNING, np.minimum(f.known, f.event), f.known))
        for table, f in facts.items()
    }
    loose = answer(system.plan, naive, requests, as_of)
    leaked = {f: int((~_same(loose[f], truth[f])).sum()) for f in system.plan.names}
    leaked = {f: n for f, n in leaked.items() if n}
    total, values = sum(leaked.values()), len(requests) * len(system.plan.names)
    worst = max(leaked, key=lambda f: (leaked[f], f), default=None)
    said = f"; most in {worst} ({leaked[worst]} of {len(requests)} requests)" if worst else ""
    return Verdict.passed(
        "naive join", f"joining on event time alone would have leaked {total} of {values} values{said}", leaked=leaked
    )
