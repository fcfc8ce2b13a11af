"""What features meant when they were served, noted beside the lake by every process that serves them.

So that later an edited definition is told apart from an unchanged one, feature by feature: when served values are
compared with recomputed ones, and when they are trained on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hindcast.columns import Column
from hindcast.errors import HindcastError
from hindcast.features.meaning import digests_of
from hindcast.journal.durable import make_folder, replace_file
from hindcast.models import read
from hindcast.registry import Registry
from hindcast.system import System
from hindcast.values import Bools

__all__ = ["ServedMeanings", "keep_meanings", "kept_meanings", "served_meanings"]


@dataclass(frozen=True, eq=False)
class ServedMeanings:
    """Which of n served rows meant what the features mean now; every array has shape (n,).

    Attributes
    ----------
    changed : dict of str to bool array
        By feature, rows that were served under another definition of it.
    compared : dict of str to bool array
        By feature, rows whose plan had it at all.
    another_plan : bool array
        Rows of which no more is known than that some definition was another.
    """

    changed: dict[str, Bools]
    compared: dict[str, Bools]
    another_plan: Bools

    def current(self) -> dict[str, Bools]:
        """By feature, the rows that were served under the definition that holds now."""
        return {name: self.compared[name] & ~self.changed[name] & ~self.another_plan for name in self.changed}


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


def served_meanings(system: System, plan: Column, version: Column, registry: Registry, noted: Path) -> ServedMeanings:
    """What rows served meant.

    Parameters
    ----------
    system : System
        As it is declared now.
    plan : Column, shape (n,)
        The identity of the features that were served; null or empty where the log does not say.
    version : Column, shape (n,)
        Who answered. Where the log does not say what was served, it was what the version was trained on.
    registry : Registry
    noted : Path
        Where :func:`keep_meanings` noted what features meant.
    """
    now, names, n = digests_of(system.plan), system.plan.names, len(version)
    found = ServedMeanings(
        changed={name: np.zeros(n, dtype=np.bool_) for name in names},
        compared={name: np.ones(n, dtype=np.bool_) for name in names},
        another_plan=np.zeros(n, dtype=np.bool_),
    )
    pairs = list(zip(plan.objects().tolist(), version.objects().tolist(), strict=True))
    trained_on = {word: _features_of(registry, word) for said, word in set(pairs) if not said and word is not None}
    identities = np.array([said or trained_on.get(word) for said, word in pairs], dtype=object)
    for identity in sorted({word for word in identities if word is not None} - {system.plan.identity}):
        rows = np.asarray(identities == identity)
        then = kept_meanings(noted, identity)
        if then is None:
            found.another_plan[rows] = True
            continue
        for name in names:
            if name not in then:
                found.compared[name][rows] = False
            elif then[name] != now[name]:
                found.changed[name][rows] = True
    return found


def _features_of(registry: Registry, version: str) -> str | None:
    """The identity of the features that a version was trained on; None where its artefact is gone."""
    try:
        return read(registry.folder(version)).features
    except HindcastError:
        return None
