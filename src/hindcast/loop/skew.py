"""Skew of a whole system: in production from its prediction log, in a replay between the two drivers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hindcast.columns import Column, Frame
from hindcast.facts.facts import Facts
from hindcast.facts.lake import Lake
from hindcast.features.online import OnlineFeatures
from hindcast.loop.history import History
from hindcast.loop.meanings import served_meanings
from hindcast.monitor.served import Served, served_skew
from hindcast.monitor.skew import SkewReport, skew
from hindcast.registry import Registry
from hindcast.serve.prediction_log import prediction_table
from hindcast.system import System
from hindcast.values import NEVER

__all__ = ["logged_skew", "replayed_skew"]


def logged_skew(
    system: System,
    lake: Lake,
    *,
    registry: Registry,
    noted: Path,
    since_us: int = -NEVER,
    until_us: int = NEVER,
    limit: int | None = None,
    threads: int = 2,
) -> SkewReport:
    """What was served, as the lake's prediction log has it, beside what the landed facts give now.

    Predictions and the facts before them land together, so a server may go on meanwhile.

    Parameters
    ----------
    system : System
    lake : Lake
    registry : Registry
        Whose versions answered; a version's artefact says which features it was trained on.
    noted : Path
        Where :func:`~hindcast.loop.meanings.keep_meanings` noted what features meant.
    since_us, until_us, limit
        As of :meth:`Served.of`.
    threads : int, default 2
    """
    log_name = prediction_table(system.target.name).name
    log = lake.facts(log_name) if log_name in lake.tables() else Facts.empty({})
    served = Served.of(log, system.plan, system=system.name, since_us=since_us, until_us=until_us, limit=limit)
    if not len(served):
        return skew(Frame({}, 0), Frame({}, 0), left_out=served.left_out)
    facts = {name: lake.facts(name, system.columns_of(name)) for name in system.plan.tables}
    arrivals = {name: lake.arrivals(name)[: len(facts[name])] for name in facts}
    meant = served_meanings(system, served.plan, served.version, registry, noted)
    return served_skew(
        system.plan,
        served,
        facts,
        arrivals,
        changed=meant.changed,
        another_plan=meant.another_plan,
        compared=meant.compared,
        threads=threads,
    )


def replayed_skew(
    system: System,
    facts: Mapping[str, Facts],
    *,
    since_us: int = -NEVER,
    until_us: int = NEVER,
    limit: int | None = None,
    threads: int = 2,
) -> SkewReport:
    """The requests that the facts imply, answered by the online driver in order, beside the batch driver's answers.

    What would have been served had every fact arrived when it became known; any difference is a bug.
    """
    history = History.build(system, facts, {}, until_us=until_us, threads=threads)
    chosen = history.slice(since_us, until_us)
    rows = slice(chosen.start if limit is None else max(chosen.start, chosen.stop - limit), chosen.stop)
    as_of, recomputed = history.as_of[rows], history.features.take(rows)
    asked = history.spine.frame.take(rows)
    left_out = {"older": rows.start - chosen.start}
    if not len(as_of):
        return skew(Frame({}, 0), Frame({}, 0), left_out=left_out)
    online = OnlineFeatures(system.plan)
    for name in system.plan.tables:
        online.load(name, facts[name], int(as_of[0]))
    served = online.read_many(asked.select(system.plan.request_columns), as_of)
    keys: Column = history.spine.key.take(rows)
    return skew(served, recomputed, keys=keys, as_of=as_of, left_out=left_out)
