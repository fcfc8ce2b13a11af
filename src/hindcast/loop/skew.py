"""Skew of a whole system: in production from its prediction log, in a replay between the two drivers.

Every serving process leaves behind what its features meant (:func:`keep_meanings`), so that later an edited definition
is told apart from an unchanged one, feature by feature.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hindcast.columns import Column, Frame
from hindcast.errors import HindcastError
from hindcast.facts.facts import Facts
from hindcast.facts.lake import Lake
from hindcast.features.meaning import digests_of
from hindcast.features.online import OnlineFeatures
from hindcast.journal.durable import make_folder, replace_file
from hindcast.loop.history import History
from hindcast.models import read
from hindcast.monitor.served import Served, served_skew
from hindcast.monitor.skew import SkewReport, skew
from hindcast.registry import Registry
from hindcast.serve.prediction_log import prediction_table
from hindcast.system import System
from hindcast.values import NEVER, Bools

__all__ = ["keep_meanings", "kept_meanings", "logged_skew", "replayed_skew"]


def keep_meanings(folder: Path, system: System) -> None:
    """Note in `folder` what the system's features mean, under their plan's identity; once."""
    path = folder / f"{system.plan.identity}.json"
    if not path.exists():
        make_folder(folder)
        replace_file(path, json.dumps(digests_of(system.plan), indent=1).encode() + b"\n")


def kept_meanings(folder: Path, identity: str) -> dict[str, str] | None:
    """What the features of a plan meant, by name; None where nobody noted it."""
    try:
        found: dict[str, str] = json.loads((folder / f"{identity}.json").read_bytes())
    except (OSError, ValueError):
        return None
    return found


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
        Where :func:`keep_meanings` noted what features meant.
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
    changed, another_plan, compared = _definitions(system, served, registry, noted)
    return served_skew(
        system.plan,
        served,
        facts,
        arrivals,
        changed=changed,
        another_plan=another_plan,
        compared=compared,
        threads=threads,
    )


def _definitions(
    system: System, served: Served, registry: Registry, noted: Path
) -> tuple[dict[str, Bools], Bools, dict[str, Bools]]:
    """By feature the rows served under another definition; the rows served under a plan of which no more is known than
    that it was another; by feature the rows in which it was served at all."""
    now = digests_of(system.plan)
    n = len(served)
    another_plan = np.zeros(n, dtype=np.bool_)
    changed = {name: np.zeros(n, dtype=np.bool_) for name in system.plan.names}
    compared = {name: np.ones(n, dtype=np.bool_) for name in system.plan.names}
    versions = served.version.objects()
    for version in sorted({word for word in versions if word is not None}):
        identity = _features_of(registry, version)
        if identity is None or identity == system.plan.identity:
            continue
        rows = np.asarray(versions == version)
        then = kept_meanings(noted, identity)
        if then is None:
            another_plan |= rows
            continue
        for name in system.plan.names:
            if name not in then:
                compared[name] &= ~rows
            elif then[name] != now.get(name):
                changed[name] |= rows
    return changed, another_plan, compared


def _features_of(registry: Registry, version: str) -> str | None:
    """The identity of the features that a version was trained on; None where its artefact is gone."""
    try:
        return read(registry.folder(version)).features
    except HindcastError:
        return None


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
