"""Checks of a user's own system on a sample of its own facts: the laws, and what breaking them would have been worth.

Each check answers pass, fail or unknown. None trusts the engine: see :func:`hindcast.testing.check_laws`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from hindcast.columns import Frame
from hindcast.errors import ArtifactError
from hindcast.facts.facts import Facts
from hindcast.features.batch import answer
from hindcast.loop.history import History
from hindcast.models import check_features, read
from hindcast.registry import Registry
from hindcast.system import System
from hindcast.testing.laws import check_laws, same_values
from hindcast.values import BEGINNING, Ints
from hindcast.verdicts import Verdict

__all__ = ["check", "check_models"]


def check(system: System, history: History, facts: Mapping[str, Facts], *, sample: int = 500) -> list[Verdict]:
    """Hold a system to the laws on `sample` requests of its own.

    Returns
    -------
    list of Verdict
        One per law of :func:`hindcast.testing.check_laws`; and ``naive join``, a pass that says how many values a
        join on event time alone would have leaked.
    """
    laws = check_laws(
        system,
        facts,
        history.spine.frame,
        history.as_of,
        values=history.features,
        sample=sample,
        seed=system.seed,
    )
    random = np.random.default_rng([system.seed, len(history)])
    rows = np.sort(random.choice(len(history), min(sample, len(history)), replace=False))
    asked = history.spine.frame.take(rows)
    return [*laws, _naive(system, facts, asked, history.as_of[rows], history.features.take(rows))]


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


def _naive(system: System, facts: Mapping[str, Facts], requests: Frame, as_of: Ints, truth: Frame) -> Verdict:
    """What a join on event time alone would have read: values that were not known yet, by feature."""
    naive = {
        table: replace(f, known=np.where(f.known > BEGINNING, np.minimum(f.known, f.event), f.known))
        for table, f in facts.items()
    }
    loose = answer(system.plan, naive, requests, as_of)
    leaked = {f: int((~same_values(loose[f], truth[f])).sum()) for f in system.plan.names}
    leaked = {f: n for f, n in leaked.items() if n}
    total, values = sum(leaked.values()), len(requests) * len(system.plan.names)
    worst = max(leaked, key=lambda f: (leaked[f], f), default=None)
    said = f"; most in {worst} ({leaked[worst]} of {len(requests)} requests)" if worst else ""
    return Verdict.passed(
        "naive join", f"joining on event time alone would have leaked {total} of {values} values{said}", leaked=leaked
    )
