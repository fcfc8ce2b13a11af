"""Which version answers a request: the ledger's roles, and the trial's sticky draw."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Protocol

from hindcast.registry import Roles
from hindcast.serve.predictor import Predictor
from hindcast.serve.warm import warm_model

__all__ = ["NOBODY", "Registered", "assigned", "prepare"]

NOBODY = Roles()


class Registered(Protocol):
    """Where roles and artefacts come from; :class:`hindcast.registry.Registry` is one."""

    def roles(self) -> Roles: ...

    def folder(self, name: str) -> Path: ...


def assigned(roles: Roles, unit: str) -> tuple[str | None, Literal["champion", "canary"]]:
    """The version that answers `unit`, and in which role: the same unit gets the same one as long as the trial lasts.

    Examples
    --------
    >>> trial = Roles(champion="v1", challenger="v2", stage="canary", share=1.0, salt="v2")
    >>> assigned(trial, "N14228"), assigned(Roles(champion="v1"), "N14228")
    (('v2', 'canary'), ('v1', 'champion'))
    """
    if roles.stage == "canary" and roles.challenger is not None and roles.share > 0:
        from hindcast.trial.assign import share_of

        if share_of(unit, roles.salt) < roles.share:
            return roles.challenger, "canary"
    return roles.champion, "champion"


def prepare(predictor: Predictor, registry: Registered) -> Roles:
    """Read the roles and load every model they name that is not loaded yet; the predictor serves on meanwhile.

    Raises
    ------
    HindcastError
        When the ledger is out of reach or an artefact is refused: the roles so far then stay.
    """
    roles = registry.roles()
    for version in (roles.champion, roles.challenger):
        if version is not None and version not in predictor.versions:
            predictor.load(version, registry.folder(version))
            warm_model(predictor.model(version))
    return roles
