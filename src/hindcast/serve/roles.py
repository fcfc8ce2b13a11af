"""Which version answers a request: the ledger's roles, and the trial's sticky draw."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Literal, Protocol

from hindcast.errors import HindcastError
from hindcast.registry import Roles
from hindcast.serve.predictor import Predictor
from hindcast.serve.telemetry import Telemetry
from hindcast.serve.warm import warm_model

__all__ = ["Registered", "Watch", "assigned"]

NOBODY = Roles()
_log = logging.getLogger("hindcast.serve")


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


class Watch:
    """The roles that govern now, kept up with the ledger without stopping for it.

    Attributes
    ----------
    roles : Roles
    trouble : str
        Why those on the ledger could not be taken over; empty when they were.
    """

    def __init__(self, predictor: Predictor, registry: Registered, telemetry: Telemetry) -> None:
        self.roles, self.trouble = NOBODY, ""
        self._predictor, self._registry, self._telemetry = predictor, registry, telemetry
        self._one = asyncio.Lock()

    async def refresh(self) -> None:
        """Ask the ledger, load what is new in a thread, then swap; on trouble the present roles stay."""
        async with self._one:
            try:
                roles = await asyncio.to_thread(self._prepare)
            except HindcastError as error:
                self._fail(error)
            else:
                self._take_over(roles)

    def begin(self) -> None:
        """The same at once, before there is any traffic."""
        try:
            self._take_over(self._prepare())
        except HindcastError as error:
            self._fail(error)

    def _prepare(self) -> Roles:
        roles = self._registry.roles()
        for version in (roles.champion, roles.challenger):
            if version is not None and version not in self._predictor.versions:
                self._predictor.load(version, self._registry.folder(version))
                warm_model(self._predictor.model(version))
        return roles

    def _fail(self, error: HindcastError) -> None:
        if str(error) != self.trouble:
            self._telemetry.swap_failures.inc()
            _log.error("the ledger's roles could not be taken over: %s", error)
        self.trouble = str(error)

    def _take_over(self, roles: Roles) -> None:
        self.trouble = ""
        if roles == self.roles:
            return
        if roles.champion != self.roles.champion:
            self._telemetry.crown(roles.champion)
            _log.info("%s serves now, in place of %s", roles.champion, self.roles.champion)
        self.roles = roles
        self._predictor.retire({version for version in (roles.champion, roles.challenger) if version is not None})
