"""The only place where parts are chosen and joined: a system, its home folder, its facts, its loop.

Everything a command does is a method here, so that the same works from Python and in a notebook.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hindcast.clock import Clock, SystemClock
from hindcast.errors import ConfigError
from hindcast.journal import Home
from hindcast.loop.history import Progress
from hindcast.system import System, load_system
from hindcast.values import NEVER, from_local, iso, moment_us
from hindcast.verdicts import Verdict

__all__ = ["Assembly", "open_system"]


def open_system(system: System | str | Path, home: str | Path | None = None, *, clock: Clock | None = None) -> Assembly:
    """A system with a place to live, ready to run, replay or serve.

    Parameters
    ----------
    system : System, str or Path
        A declaration, or the Python file that holds one.
    home : str or Path, optional
        Where facts, models and the ledger are kept. Without it ``HINDCAST_HOME``, else ``.hindcast/<name>`` beside
        the system file (or in the working folder).
    clock : Clock, optional
        The machine's, unless something is being replayed.
    """
    base = Path.cwd()
    if not isinstance(system, System):
        base = Path(system).resolve().parent
        system = load_system(system)
    place = home or os.environ.get("HINDCAST_HOME") or base / ".hindcast" / system.name
    return Assembly(system, Home.open(place), base, clock or SystemClock())


class Assembly:
    """A system joined with its home.

    Attributes
    ----------
    system : System
    home : Home
    base : Path
        Where relative paths of sources start.
    timings : dict of str to float
        Measured seconds by stage; a sidecar, in no hash.
    """

    def __init__(self, system: System, home: Home, base: Path, clock: Clock) -> None:
        from hindcast.facts import Lake, Quarantine

        self.system, self.home, self.base, self.clock = system, home, base, clock
        self.lake = Lake(home.lake)
        self.quarantine = Quarantine(home.lake)
        self.timings: dict[str, float] = {}

    # ---- facts --------------------------------------------------------------------------------------------------

    def land(self, progress: Progress | None = None) -> list[Any]:
        """Land what is new in the sources; the same rows land once. A receipt per table and source."""
        from hindcast.facts import ingest

        tables = [table for table in self.system.tables.values() if table.source is not None]
        with self._stage("land"), self.home.lock("writer"):
            return ingest(
                self.lake, tables, clock=self.clock, quarantine=self.quarantine, base=self.base, progress=progress
            )

    def facts(self) -> dict[str, Any]:
        """The facts of every table the system reads, with the columns it reads."""
        missing = [name for name in self.system.tables if name not in self.lake.tables()]
        if missing:
            raise ConfigError(
                f"no facts have landed for {', '.join(sorted(missing))}; give the table a source, or push facts to the server."
            )
        return {name: self.lake.facts(name, self.system.columns_of(name)) for name in self.system.tables}

    def history(self, *, until_us: int = NEVER, threads: int = 2, progress: Progress | None = None) -> Any:
        """Every request the landed facts imply, with features and labels; see :class:`hindcast.loop.history.History`."""
        from hindcast.loop.history import History

        with self._stage("read facts"):
            facts = self.facts()
        fingerprints = {name: self.lake.fingerprint(name) for name in sorted(self.system.tables)}
        with self._stage("features"):
            return History.build(
                self.system, facts, fingerprints, until_us=until_us, threads=threads, progress=progress
            )

    # ---- run ----------------------------------------------------------------------------------------------------

    def run(self, until: str | int | None = None, progress: Progress | None = None) -> dict[str, Any]:
        """Land, train on what had matured at `until`, judge, and promote if every gate passes.

        Parameters
        ----------
        until : moment, optional
            Now, unless given; a bare date is midnight in the system's zone. Nothing known later is used.

        Returns
        -------
        dict
            ``version``, ``promoted``, ``verdicts``, ``scores`` by candidate, ``counts``.
        """
        from hindcast.adapt import policy
        from hindcast.loop.loop import Loop
        from hindcast.loop.trainer import Trainer
        from hindcast.loop.world import ReplayWorld

        self.land(progress)
        until_us = self.clock.now_us() if until is None else self.moment(until)
        history = self.history(progress=progress)
        trainer = Trainer(history, self.home.cache, progress=progress)
        with self._stage("train"), self.home.lock("loop"), self._registry() as registry:
            world = ReplayWorld(history, until_us)
            loop = Loop(self.system, world, trainer, registry, policy("renewed"), until_us=until_us, monitors=False)
            version, trained = loop.train_now(until_us, measured=True)
            promoted = registry.live_at(until_us + 1) == version
        return {
            "system": self.system.name,
            "version": version,
            "promoted": promoted,
            "learner": trained.learner,
            "until": iso(until_us),
            "training_set": trained.training_set,
            "counts": dict(trained.manifest["counts"]),
            "scores": {name: dict(scores) for name, scores in trained.scores.items()},
            "verdicts": [{"check": v.check, "outcome": v.outcome, "reason": v.reason} for v in trained.verdicts],
            "home": str(self.home.root),
        }

    # ---- replay -------------------------------------------------------------------------------------------------

    def replay(
        self,
        from_: str | int,
        until: str | int | None = None,
        policies: Sequence[str] = ("renewed", "never", "straight"),
        progress: Progress | None = None,
        report_path: str | Path | None = None,
    ) -> dict[str, Any]:
        """Replay history under several policies and tell what would have happened.

        Parameters
        ----------
        from_, until : moments
            Requests with ``from < as_of <= until`` are asked; `until` defaults to the last request's. A bare date is
            midnight in the system's zone.
        policies : sequence of {"renewed", "never", "straight"}
        report_path : path, optional
            Where to write the report, one self-contained HTML file.

        Returns
        -------
        dict
            The story; ``story["summary"]`` holds the figures.
        """
        from hindcast.loop.replay import replay
        from hindcast.loop.story import tell
        from hindcast.loop.trainer import Trainer

        self.land(progress)
        history = self.history(progress=progress)
        trainer = Trainer(history, self.home.cache, progress=progress)
        since_us = self.moment(from_)
        until_us = int(history.as_of[-1]) if until is None else self.moment(until)
        with self._stage("replay"):
            found = replay(history, since_us, until_us, list(policies), trainer=trainer, progress=progress)
        self.timings["fitting (within replay)"] = trainer.seconds
        with self._stage("story"):
            story = tell(found, trainer)
        self.replays = found
        if report_path is not None:
            from hindcast.web.report import render

            with self._stage("report"):
                path = Path(report_path)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(render(story), encoding="utf-8")
                self.home.reports.mkdir(parents=True, exist_ok=True)
                (self.home.reports / "report.html").write_text(render(story), encoding="utf-8")
        return story

    # ---- looking ------------------------------------------------------------------------------------------------

    def ledger(self, kind: str | None = None, last: int | None = None) -> list[Any]:
        """The ledger's entries, oldest first; only those of `kind`, only the `last` ones."""
        with self._registry() as registry:
            found = registry.ledger.entries(system=self.system.name, target=self.system.target.name, kind=kind)
        return found if last is None else found[len(found) - min(last, len(found)) :]

    def models(self) -> list[dict[str, Any]]:
        """Every version with its role, learner, scores and verdict."""
        with self._registry() as registry:
            roles = registry.roles()
            versions = registry.versions()
        role = {roles.champion: "champion", roles.challenger: f"challenger ({roles.stage})"}
        return [
            {"version": v.name, "role": role.get(v.name, "archived"), "at": iso(v.at_us), **dict(v.body)} for v in versions
        ]

    def moment(self, value: str | int) -> int:
        """A moment in microseconds; a bare date is midnight in the system's zone."""
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value.strip()):
            import numpy as np

            clock = np.array([moment_us(value)], dtype=np.int64)
            return int(from_local(clock, self.system.monitoring.zone)[0][0])
        return moment_us(value)

    # ---- parts --------------------------------------------------------------------------------------------------

    def _registry(self) -> Any:
        from contextlib import contextmanager

        from hindcast.registry import Ledger, Registry

        @contextmanager
        def opened() -> Any:
            with Ledger(self.home.ledger_url) as ledger:
                yield Registry(
                    ledger, system=self.system.name, target=self.system.target.name, models=self.home.models
                )

        return opened()

    def _stage(self, name: str) -> Any:
        from contextlib import contextmanager

        from hindcast.clock import stopwatch_s

        @contextmanager
        def measured() -> Any:
            began = stopwatch_s()
            try:
                yield
            finally:
                self.timings[name] = self.timings.get(name, 0.0) + stopwatch_s() - began

        return measured()
