"""The catalogue of a system that has a home: its features as declared, as they look in its facts, and who reads them.

Which models read a feature is on the ledger with each version. Ages are measured on a sample of the requests; what
answering costs is measured on request, since it means answering again group by group.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hindcast.catalogue import Catalogue, Cost, ModelUse, catalogue
from hindcast.clock import stopwatch_s
from hindcast.evaluate import Fresh
from hindcast.facts.facts import Facts
from hindcast.features.definitions import Latest, Window
from hindcast.features.meaning import meanings, singles
from hindcast.features.plan import FeaturePlan
from hindcast.loop.history import History, Progress
from hindcast.registry import Registry, declare, declared
from hindcast.system import System

__all__ = ["catalogue_of", "costs_of", "declare_features"]

_SAMPLE = 50_000


def declare_features(system: System, registry: Registry, at_us: int) -> dict[str, int]:
    """The version of each feature the system declares; news go on the ledger."""
    return declare(registry, system.plan.names, meanings(system.plan), at_us=at_us)


def catalogue_of(
    system: System,
    registry: Registry,
    *,
    at_us: int,
    history: History | None = None,
    facts: Mapping[str, Facts] | None = None,
    costs: Mapping[str, Cost] | None = None,
    progress: Progress | None = None,
) -> Catalogue:
    """What is known of a system's features.

    Parameters
    ----------
    system : System
    registry : Registry
        Whose ledger counts the versions and names the models.
    at_us : int
        Now, for the ledger.
    history, facts : optional
        Give statistics and freshness.
    costs : mapping, optional
        See :func:`costs_of`.
    """
    versions = declare_features(system, registry, at_us)
    ages = None
    if history is not None and facts is not None:
        from hindcast.catalogue.ages import ages as measured_ages

        rows = _sampled(history, system.seed)
        if progress:
            progress("ages", 0, len(rows))
        ages = measured_ages(system.plan, facts, history.spine.frame.take(rows), history.as_of[rows])
        if progress:
            progress("ages", len(rows), len(rows))
    return catalogue(
        system.plan,
        system=system.name,
        features=None if history is None else history.features,
        ages=ages,
        max_ages={gate.place: gate.max_age_us for gate in system.gates if isinstance(gate, Fresh)},
        versions=versions,
        models=_models(registry),
        costs=costs,
        uses=_uses(system),
        versions_of_models=[version.name for version in registry.versions()],
    )


def costs_of(system: System, history: History, facts: Mapping[str, Facts]) -> dict[str, Cost]:
    """What each feature that a request keys costs here, group by group, in equal parts to its features.

    Seconds per million requests: each group (one table, one key) is answered alone for a sample of the requests, after
    all were answered once so that nothing is compiled any more. They hold the sorting of the facts, so they fall
    when more is asked at once. Bytes per entity: of the online state at the last of these requests.
    """
    from hindcast.features.batch import answer
    from hindcast.features.online import OnlineFeatures

    rows = _sampled(history, system.seed)
    requests, as_of = history.spine.frame.take(rows), history.as_of[rows]
    grouped: dict[Any, list[Latest | Window]] = {}
    for definition in system.plan.definitions:
        if isinstance(definition, Latest | Window) and not any(
            system.plan.origins.get(asked, "request") != "request" for asked, _ in definition.by
        ):
            grouped.setdefault((definition.table.name, definition.by), []).append(definition)
    answer(system.plan, facts, requests, as_of)
    found: dict[str, Cost] = {}
    for members in grouped.values():
        plan = FeaturePlan.compile(members, target=system.plan.target)
        began = stopwatch_s()
        answer(plan, facts, requests, as_of)
        seconds = (stopwatch_s() - began) / max(len(rows), 1) * 1e6
        names = [single.name for member in members for single in singles(member)]
        online = OnlineFeatures(plan)
        for table in plan.tables:
            online.load(table, facts[table], int(as_of[-1]) if len(as_of) else 0)
        held = sum(state.pool.nbytes / max(len(state.pool), 1) for state in online.groups)
        found |= dict.fromkeys(names, Cost(seconds / len(names), held / len(names)))
    return found


def _sampled(history: History, seed: int) -> Any:
    if len(history) <= _SAMPLE:
        return np.arange(len(history))
    return np.sort(np.random.default_rng([seed, len(history)]).choice(len(history), _SAMPLE, replace=False))


def _models(registry: Registry) -> dict[str, list[ModelUse]]:
    """Who reads each feature: every version of the model, with the version of the feature it was trained on."""
    roles, known = registry.roles(), declared(registry)
    role = {roles.champion: "champion", roles.challenger: f"challenger ({roles.stage})"}
    found: dict[str, list[ModelUse]] = {}
    for version in registry.versions():
        for name, its in dict(version.body.get("features", {})).items():
            number = next((defined.version for defined in known.get(name, ()) if defined.digest == its), None)
            found.setdefault(name, []).append(ModelUse(version.name, role.get(version.name, "archived"), number))
    return found


def _uses(system: System) -> dict[str, list[str]]:
    """What the system reads its tables for besides features."""
    target, label = system.target, system.target.label
    found: dict[str, list[str]] = {}

    def note(table: str, columns: Any, what: str) -> None:
        for column in columns:
            found.setdefault(f"{table}.{column}", []).append(what)

    note(label.table.name, sorted({*label.expression.names, *label.on, *label.table.time_columns}), "label")
    note(target.table.name, [target.as_of.column], "as_of")
    note(target.table.name, sorted({*target.table.keys, *label.on}), "request key")
    note(target.table.name, system.slices, "slices")
    return {column: list(dict.fromkeys(what)) for column, what in found.items()}
