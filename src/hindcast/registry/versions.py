"""Versions of a target's model, and what is done with them: registered, tried, promoted, rolled back."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from hindcast.errors import ConfigError, StateError, UnknownName
from hindcast.journal import make_folder, sync_folder
from hindcast.registry.entries import Entry
from hindcast.registry.ledger import Batch, Ledger
from hindcast.registry.roles import DECISIONS, Reign, Roles, reigns, roles
from hindcast.values import NEVER, Moment, moment_us

__all__ = ["Registry", "Version"]


@dataclass(frozen=True, slots=True)
class Version:
    """A model that was trained and kept.

    Parameters
    ----------
    name : str
        ``v1``, ``v2`` ... per system and target.
    at_us : int
        When it was registered.
    number : int
        Of its entry on the ledger.
    folder : str
        Of its artefact, relative to the registry's models; empty when it was kept in memory only.
    body : mapping
        What was said of it: digest, metrics, training set, features.
    """

    name: str
    at_us: int
    number: int
    folder: str
    body: Mapping[str, Any]


class Registry:
    """The versions and roles of one target, over the ledger that holds them; no state of its own.

    Parameters
    ----------
    ledger : Ledger
    system, target : str
    models : Path, optional
        Where artefacts are kept, as ``<system>/<target>/v1`` (``Home.models``). None: in memory only, for replays.

    Examples
    --------
    >>> registry = Registry(Ledger("sqlite://"), system="flights", target="late")
    >>> [registry.register({"auc": auc}, at_us=at).name for at, auc in ((1, 0.71), (2, 0.74))]
    ['v1', 'v2']
    >>> _ = registry.promote("v1", reason="first", at_us=10), registry.promote("v2", reason="better", at_us=20)
    >>> _ = registry.rollback(reason="errors doubled", at_us=30)
    >>> [registry.live_at(t) for t in (10, 15, 30, 31)]
    [None, 'v1', 'v2', 'v1']
    """

    def __init__(self, ledger: Ledger, *, system: str, target: str, models: Path | None = None) -> None:
        for name in (system, target):
            if not name or name in (".", "..") or any(c in name for c in "/\\\0"):
                raise ConfigError(f"{name!r} names a folder of models, so it must be a plain name without slashes.")
        self.ledger, self.system, self.target, self.models = ledger, system, target, models

    # ---- versions ---------------------------------------------------------------------------------------

    def draft(self) -> Path:
        """A fresh folder for an artefact that is being written, on the same disk as the models."""
        if self.models is None:
            raise ConfigError("this registry keeps models in memory only; give it models=, such as Home.models.")
        folder = self.models / ".drafts"
        make_folder(folder)
        return Path(mkdtemp(dir=folder))

    def register(
        self,
        body: Mapping[str, Any],
        *,
        at_us: int,
        artefact: Path | None = None,
        request_id: str = "",
        group: str = "",
    ) -> Version:
        """Give a trained model the next name and put it on the ledger.

        Parameters
        ----------
        body : mapping
            What is to be known of it. ``name`` and ``folder`` are added.
        at_us : int
        artefact : Path, optional
            The finished folder, from :meth:`draft`; it is moved to its place before the version is on the ledger,
            so a version on the ledger always has its artefact. Its files should be synced.
        """
        if taken := sorted({"name", "folder"} & set(body)):
            raise ConfigError(f"a version's {' and '.join(taken)} is given by the registry; leave it out of the body.")
        with self.ledger.writing() as batch:
            before = batch.entries(system=self.system, target=self.target, kind="version")
            name = f"v{len(before) + 1}"
            folder = "" if artefact is None else self._keep(artefact, name)
            entry = self._append(
                batch, "version", {**body, "name": name, "folder": folder}, at_us, request_id=request_id, group=group
            )
        return _version(entry)

    def versions(self) -> list[Version]:
        """All versions, oldest first."""
        found = self.ledger.entries(system=self.system, target=self.target, kind="version")
        return [_version(entry) for entry in found]

    def version(self, name: str) -> Version:
        """The version of that name; UnknownName, with close matches, when there is none."""
        return _named(self.versions(), name, self._where)

    def folder(self, name: str) -> Path:
        """Where the artefact of a version is."""
        version = self.version(name)
        if self.models is None or not version.folder:
            raise StateError(f"{self._where}: {name} was kept in memory only and has no folder.")
        return self.models / version.folder

    # ---- roles ------------------------------------------------------------------------------------------

    def promote(self, name: str, *, reason: str, at_us: int, **evidence: Any) -> Entry:
        """Make a version the champion for requests with as_of after `at_us`."""
        with self.ledger.writing() as batch:
            self._known(batch, name)
            body = {**evidence, "version": name, "replaced": self._roles(batch).champion, "reason": reason}
            return self._append(batch, "promotion", body, at_us)

    def rollback(self, *, reason: str, at_us: int, to: str | None = None, **evidence: Any) -> Entry:
        """Restore the champion before the present one, or the version `to`.

        Raises
        ------
        StateError
            When there is nothing to go back to.
        """
        with self.ledger.writing() as batch:
            now = self._roles(batch)
            if to is not None:
                self._known(batch, to)
            elif not now.predecessors:
                raise StateError(
                    f"{self._where}: nothing to roll back to: before {now.champion or 'now'} there was no champion. "
                    "Name a version with to=."
                )
            body = {**evidence, "version": to or now.predecessors[-1], "from": now.champion, "reason": reason}
            return self._append(batch, "rollback", body, at_us)

    def trial(
        self, name: str, stage: str, *, reason: str, at_us: int, share: float = 0.0, salt: str = "", **evidence: Any
    ) -> Entry:
        """Put a version on trial (``"shadow"``, or ``"canary"`` with its share), or end its trial (``"ended"``)."""
        with self.ledger.writing() as batch:
            self._known(batch, name)
            body = {**evidence, "version": name, "stage": stage, "share": share, "salt": salt, "reason": reason}
            return self._append(batch, "trial", body, at_us)

    def roles(self, at: Moment = NEVER) -> Roles:
        """The roles that govern a request with as_of `at`; without it, the present ones."""
        return self.ledger.roles(moment_us(at), system=self.system, target=self.target)

    def live_at(self, at: Moment) -> str | None:
        """The version that answered requests with as_of `at`."""
        return self.roles(at).champion

    def reigns(self, before: Moment = NEVER) -> list[Reign]:
        """The champions in order, with the moments each governed."""
        found = self.ledger.entries(system=self.system, target=self.target, kind=DECISIONS)
        return reigns(found, moment_us(before))

    # ---- inside -----------------------------------------------------------------------------------------

    @property
    def _where(self) -> str:
        return f"registry of {self.system}/{self.target}"

    def _roles(self, batch: Batch) -> Roles:
        return roles(batch.entries(system=self.system, target=self.target, kind=DECISIONS))

    def _known(self, batch: Batch, name: str) -> None:
        found = batch.entries(system=self.system, target=self.target, kind="version")
        _named([_version(entry) for entry in found], name, self._where)

    def _append(
        self, batch: Batch, kind: str, body: dict[str, Any], at_us: int, *, request_id: str = "", group: str = ""
    ) -> Entry:
        return batch.append(
            kind, body, at_us=at_us, system=self.system, target=self.target, request_id=request_id, group=group
        )

    def _keep(self, artefact: Path, name: str) -> str:
        """Move a finished artefact to its place; what lies there was never on the ledger (a kill before its commit)."""
        if self.models is None:
            raise ConfigError("this registry keeps models in memory only; give it models=, such as Home.models.")
        if not artefact.is_dir():
            raise ConfigError(f"artefact {artefact} is no folder.")
        folder = self.models / self.system / self.target / name
        make_folder(folder.parent)
        if folder.exists():
            shutil.rmtree(folder)
        artefact.rename(folder)
        folder.chmod(0o755)
        sync_folder(folder.parent)
        return folder.relative_to(self.models).as_posix()


def _version(entry: Entry) -> Version:
    return Version(entry.body["name"], entry.at_us, entry.number, entry.body.get("folder", ""), entry.body)


def _named(versions: list[Version], name: str, where: str) -> Version:
    for version in versions:
        if version.name == name:
            return version
    raise UnknownName("version", name, [version.name for version in versions], where)
