"""Whether a stored model still fits the declaration: each feature it reads must mean what it meant in training.

The model keeps the definitions it was trained on. It is held to those that it reads: features that were added since, or
that it never read, do not disturb it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from hindcast.errors import ArtifactError

if TYPE_CHECKING:
    from hindcast.features.plan import FeaturePlan

__all__ = ["check_features", "disagreement"]


def disagreement(plan: FeaturePlan, *, identity: str, meanings: Mapping[str, Any], inputs: Iterable[str]) -> str:
    """How the features a model was trained on differ from those declared now; empty when it can serve.

    Parameters
    ----------
    plan : FeaturePlan
        What is declared now.
    identity : str
        Of the plan it was trained on.
    meanings : mapping
        What its features meant, as its manifest records it. Empty in an older one: then the plans as a whole must be
        the same.
    inputs : iterable of str
        The features it reads.
    """
    if identity == plan.identity:
        return ""
    if not meanings:
        return (
            f"was trained on features {identity or 'unknown'}, the system declares {plan.identity}: the same names may "
            "mean something else"
        )
    from hindcast.features import meaning  # compiles; a model alone answers without it

    now = meaning.meanings(plan)
    found = meaning.changes(meanings, now)
    read = dict.fromkeys(inputs)
    wrong = [change for change in found if change.name in read and change.kind != "added"]
    told = {change.name for change in wrong}
    for name in read:
        if name not in meanings:
            wrong.append(meaning.Change(name, "changed", ("what it meant was not recorded",)))
        elif name not in plan.origins and name not in told:  # no feature any more, though a request still brings it
            wrong.append(meaning.Change(name, "removed"))
    if not wrong:
        return ""
    added = [change.name for change in found if change.kind == "added" and change.name in plan.origins]
    news = f". Added since, which would not matter: {', '.join(added)}" if added else ""
    return f"was trained on features that mean something else now: {'; '.join(map(str, wrong))}{news}"


def check_features(version: str, plan: FeaturePlan, **trained_on: Any) -> None:
    """Refuse a model that was trained on features of another meaning than `plan` declares.

    Parameters
    ----------
    version : str
        The model's, for the message.
    plan : FeaturePlan
    **trained_on
        As :func:`disagreement` takes it and :attr:`Manifest.trained_on` gives it.

    Raises
    ------
    ArtifactError
        Naming the features that changed or were removed, how, and what to do.
    """
    if wrong := disagreement(plan, **trained_on):
        raise ArtifactError(f"version {version} {wrong}. Train anew with `hindcast run`, or restore the declaration.")
