"""The only place where parts are chosen and joined: a system, its home folder, its facts, its loop.

Everything a command does is a method here, so that the same works from Python and in a notebook.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hindcast.clock import Clock, SystemClock
from hindcast.errors import ConfigError
from hindcast.facts.source import HandLabels
from hindcast.facts.table import Table
from hindcast.journal import Home
from hindcast.loop.history import Progress
from hindcast.parameters import path_of, switch, whole
from hindcast.system import System, load_system
from hindcast.values import NEVER, from_local, iso, moment_us
from hindcast.verdicts import Verdict

if TYPE_CHECKING:
    from hindcast.backfill import BackfillReport
    from hindcast.catalogue import Catalogue
    from hindcast.loop.hand_labels import LabelFeed
    from hindcast.loop.lineage import Lineage

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
    base, path = Path.cwd(), None
    if not isinstance(system, System):
        path = path_of("system", system).resolve()
        base, system = path.parent, load_system(system)
    place = path_of("home", home or os.environ.get("HINDCAST_HOME") or base / ".hindcast" / system.name)
    return Assembly(system, Home.open(place), base, clock or SystemClock(), path)


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

    def __init__(self, system: System, home: Home, base: Path, clock: Clock, path: Path | None = None) -> None:
        from hindcast.facts import Lake, Quarantine

        self.system, self.home, self.base, self.clock, self.path = system, home, base, clock, path
        self.lake = Lake(home.lake)
        self.quarantine = Quarantine(home.root / "quarantine")
        self.timings: dict[str, float] = {}
        self.replays: dict[str, Any] = {}
        self._history: tuple[dict[str, str], int, Any] | None = None
        self._feeds: dict[str, LabelFeed] = {}

    # ---- facts --------------------------------------------------------------------------------------------------

    def land(self, progress: Progress | None = None) -> list[Any]:
        """Land what is new in the sources; the same rows land once. A receipt per table with a source.

        A labelling project is read as it stands, also while people label. While a server owns the home nothing lands
        here, and that is said: facts go through the server then, so that it sees them; it follows projects by itself.
        """
        return self._land([table for table in self.system.tables.values() if table.source is not None], progress)

    def _land(self, tables: Sequence[Table], progress: Progress | None = None) -> list[Any]:
        from hindcast.errors import StateError
        from hindcast.facts import ingest

        try:
            owned = self.home.lock("serve")
        except StateError:
            if progress:
                progress("a server owns the home: sources are not read, push facts to it", 1, 1)
            return []
        with self._stage("land"), owned, self.home.lock("writer"):
            if any(self.home.journal.iterdir()):  # what a killed server had acknowledged comes first
                from hindcast.serve.recovery import drain_left

                drain_left(
                    self.home, tables=self.system.tables, target=self.system.target.name, kinds=self.request_kinds()
                )
            feeds = {table.name: self._feed(table) for table in tables if isinstance(table.source, HandLabels)}
            landed = ingest(
                self.lake,
                [replace(t, source=feeds[t.name].data()) if t.name in feeds else t for t in tables],
                clock=self.clock,
                quarantine=self.quarantine,
                base=self.base,
                progress=None if progress is None else lambda _, done, known: progress("landing facts", done, known),
            )
            for feed in feeds.values():
                feed.took_all()
            return landed

    def _feed(self, table: Table) -> LabelFeed:
        """The reader of a table's labelling project, with what is new there."""
        from hindcast.loop.hand_labels import LabelFeed

        if table.name in self._feeds:
            self._feeds[table.name].refresh()
        else:
            self._feeds[table.name] = LabelFeed(table, self.base)
        return self._feeds[table.name]

    def facts(self) -> dict[str, Any]:
        """The facts of every table the system reads, with the columns it reads."""
        missing = [name for name in self.system.tables if name not in self.lake.tables()]
        if missing:
            raise ConfigError(f"no facts have landed for {', '.join(sorted(missing))}; give the table a source.")
        return {name: self.lake.facts(name, self.system.columns_of(name)) for name in self.system.tables}

    def history(self, *, until_us: int = NEVER, threads: int = 2, progress: Progress | None = None) -> Any:
        """Every request the landed facts imply, with features and labels; see :mod:`hindcast.loop.history`."""
        from hindcast.loop.history import History
        from hindcast.loop.logged import logged_answers

        fingerprints = self._fingerprints()
        if self._history is None or self._history[:2] != (fingerprints, until_us):
            with self._stage("read facts"):
                facts = self.facts()
                with self._registry() as registry:
                    answers = logged_answers(self.system, self.lake, registry, self.home.root / "features")
            with self._stage("features"):
                made = History.build(
                    self.system, facts, fingerprints, until_us=until_us, threads=threads, progress=progress,
                    kept=self._answers, answers=answers,
                )  # fmt: skip
            self._history = (fingerprints, until_us, made)
        return self._history[2]

    def backfill(self, progress: Progress | None = None) -> BackfillReport:
        """Land, and answer what is new, changed or touched by late facts; the rest is kept from the last time.

        Every other method that looks at history does so too; this one does nothing else, and says what it did.
        """
        self.land(progress)
        self._history = None
        report: BackfillReport = self.history(progress=progress).backfill
        return report

    def _fingerprints(self) -> dict[str, str]:
        from hindcast.loop.logged import log_fingerprint

        landed = set(self.lake.tables())
        found = {name: self.lake.fingerprint(name) for name in sorted(self.system.tables) if name in landed}
        return found | log_fingerprint(self.system, self.lake)

    @property
    def _answers(self) -> Path:
        return self.home.cache / "features"

    # ---- run ----------------------------------------------------------------------------------------------------

    def run(self, until: str | int | None = None, progress: Progress | None = None) -> dict[str, Any]:
        """Land, train on what had matured at `until`, judge, and promote if every gate passes.

        Parameters
        ----------
        until : moment, optional
            Now, unless given; a bare date is midnight in the system's zone. The model was trained a training's
            length before, on what had matured then; nothing known later is used.

        Returns
        -------
        dict
            ``version``, ``promoted``, ``stage`` of its trial if it began one, ``verdicts``, ``scores`` by candidate,
            ``counts``.
        """
        from hindcast.adapt import policy
        from hindcast.loop.catalogue import declare_features
        from hindcast.loop.loop import Loop
        from hindcast.loop.trainer import Trainer
        from hindcast.loop.world import ReplayWorld
        from hindcast.models import disagreement, read

        self.land(progress)
        until_us = self.clock.now_us() if until is None else self.moment(until)
        history = self.history(progress=progress)
        trainer = Trainer(history, self.home.cache, progress=progress)
        with self._stage("train"), self.home.lock("loop"), self._registry() as registry:
            world = ReplayWorld(history, until_us)
            declare_features(self.system, registry, until_us)
            champion = registry.roles().champion
            if champion is not None and not disagreement(
                self.system.plan, **read(registry.folder(champion)).trained_on
            ):
                world.models[champion] = self._model(registry, champion)
            loop = Loop(self.system, world, trainer, registry, policy("renewed"), until_us=until_us, monitors=False)
            version, trained = loop.train_now(until_us, measured=True)
            roles = registry.roles()
        return {
            "system": self.system.name,
            "version": version,
            "promoted": roles.champion == version,
            "stage": roles.stage if roles.challenger == version else None,
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

        if not isinstance(policies, list | tuple) or not policies:
            raise ConfigError(
                f"replay: policies is a list of names, such as ['renewed', 'never']; got {policies!r:.80}."
            )
        since_us = self.moment(from_)
        path = None if report_path is None else path_of("report_path", report_path)
        if path is not None and path.is_dir():
            raise ConfigError(f"replay: {path} is a folder; a report is one HTML file.")
        self.land(progress)
        history = self.history(progress=progress)
        trainer = Trainer(history, self.home.cache, progress=progress)
        until_us = int(history.as_of[-1]) if until is None else self.moment(until)
        with self._stage("replay"):
            found = replay(history, since_us, until_us, list(policies), trainer=trainer, progress=progress)
        self.timings["fitting (within replay)"] = trainer.seconds
        with self._stage("story"):
            story = tell(found, trainer)
        self.replays = found
        if path is not None:
            from hindcast.web.report import render

            with self._stage("report"):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(render(story), encoding="utf-8")
                self.home.reports.mkdir(parents=True, exist_ok=True)
                (self.home.reports / "report.html").write_text(render(story), encoding="utf-8")
        return story

    # ---- answering ----------------------------------------------------------------------------------------------

    def check(self, progress: Progress | None = None, *, sample: int = 500) -> list[Verdict]:
        """Hold the system to its laws on a sample of its own facts, and its home to its digests.

        See :func:`hindcast.loop.check.check`; besides, ``quarantine`` (fails when rows were refused) and ``models``
        (every stored model is what the ledger says it is).
        """
        from hindcast.loop.check import check, check_models
        from hindcast.loop.history import History

        whole("check: sample", sample, least=1)
        self.land(progress)
        fingerprints, facts = self._fingerprints(), self.facts()
        history = History.build(self.system, facts, fingerprints, progress=progress, kept=self._answers)
        if progress:
            progress("checks", 0, 1)
        found = check(self.system, history, facts, sample=sample)
        found.append(self._check_quarantine())
        with self._registry() as registry:
            found.append(check_models(self.system, registry))
        if progress:
            progress("checks", 1, 1)
        return found

    def _check_quarantine(self) -> Verdict:
        refused = self.quarantine.rows()
        if not refused:
            return Verdict.passed("quarantine", "no row was refused")
        first = refused[0]
        return Verdict.failed(
            "quarantine",
            f"{len(refused)} rows were refused; the first: table {first.table!r}, file {first.file}, row {first.row}: "
            f"{first.reason}. They are in {self.quarantine.path}.",
            rows=len(refused),
        )

    def _model(self, registry: Any, version: str) -> Any:
        """The model of a version, which must have been trained on the features that are declared."""
        from hindcast.models import check_features, load_model, read

        folder = registry.folder(version)
        check_features(version, self.system.plan, **read(folder).trained_on)
        return load_model(folder, functions=self.functions())

    def predict_file(self, requests: str | Path, answers: str | Path, progress: Progress | None = None) -> int:
        """Answer a CSV or Parquet file of requests with the champion; gives how many.

        The file has the request columns; its column ``as_of``, else the target's timer, else the last landed fact
        says when each was asked. The answers hold the requests with ``as_of``, ``probability``, ``act`` and
        ``version`` beside them. Written whole or not at all.
        """
        from hindcast.columns import Frame
        from hindcast.serve.batch import answer_requests, requests_of, when_asked
        from hindcast.serve.batch_files import read_requests, write_answers

        source, out = path_of("requests", requests), path_of("answers", answers)
        if out.suffix not in (".csv", ".parquet"):
            raise ConfigError(f"answers go to a .csv or .parquet file, got {str(out)!r}.")
        given = Frame.from_arrow(read_requests(source))
        with self._registry() as registry:
            version = registry.roles().champion
            if version is None:
                raise ConfigError("there is no champion yet; `hindcast run` trains one.")
            model = self._model(registry, version)
        self.land(progress)
        facts = self.facts()
        kinds = self.lake.schema(self.system.target.table.name)
        asked = requests_of(given, self.system.plan, kinds, zone=self.system.target.table.clock_zone)
        newest = [int(f.known[f.known < NEVER].max()) for f in facts.values() if len(f)]
        as_of = when_asked(given.merged(asked), self.system.target.as_of, max(newest, default=0) + 1)
        if progress:
            progress("predict", 0, len(asked))
        answered = answer_requests(self.system.plan, facts, asked, as_of, model, version, self.system.goal)
        write_answers(given.merged(answered).to_arrow(), out)
        if progress:
            progress("predict", len(asked), len(asked))
        return len(asked)

    def skew(
        self,
        since: str | int | None = None,
        until: str | int | None = None,
        *,
        limit: int | None = 10_000,
        replay: bool = False,
        progress: Progress | None = None,
    ) -> Any:
        """Features as served beside features recomputed, and the cause of every difference.

        Parameters
        ----------
        since, until : moments, optional
            Requests with ``since < as_of <= until``; all by default.
        limit : int, optional
            At most so many requests, the newest.
        replay : bool, default False
            Instead of the prediction log, the requests that the facts imply, answered by the driver that serves.

        Returns
        -------
        SkewReport
            See :mod:`hindcast.monitor.skew`.
        """
        from hindcast.loop.skew import logged_skew, replayed_skew

        if limit is not None:
            whole("skew: limit", limit, least=1)
        switch("skew: replay", replay)
        self.land(progress)
        stretch: dict[str, Any] = {
            "since_us": -NEVER if since is None else self.moment(since),
            "until_us": NEVER if until is None else self.moment(until),
            "limit": limit,
        }
        with self._stage("skew"), self._registry() as registry:
            if replay:
                return replayed_skew(self.system, self.facts(), **stretch)
            noted = self.home.root / "features"
            return logged_skew(self.system, self.lake, registry=registry, noted=noted, **stretch)

    def functions(self) -> Mapping[str, Callable[..., Any]]:
        """The functions that stored rules refer to."""
        from hindcast.models.baselines import functions_of

        return functions_of(self.system.models)

    # ---- serving ------------------------------------------------------------------------------------------------

    def open_service(self, clock: Clock | None = None) -> Any:
        """The server's state: features, journal, models; see :class:`hindcast.serve.Service`."""
        from hindcast.loop.meanings import keep_meanings
        from hindcast.serve import Service

        target = self.system.target
        labelled = [table for table in self.system.tables.values() if isinstance(table.source, HandLabels)]
        if labelled:
            self._land(labelled)
        keep_meanings(self.home.root / "features", self.system)
        return Service.open(
            self.home,
            system=self.system.name,
            target=target.name,
            plan=self.system.plan,
            tables=self.system.tables,
            kinds=self.request_kinds(),
            goal=self.system.goal,
            registry=self.standing_registry(),
            clock=clock or self.clock,
            functions=self.functions(),
            feeds=[self._feed(table) for table in labelled],
        )

    def request_kinds(self) -> dict[str, Any]:
        """The columns a request brings, by kind: what features read, and the key by which its outcome finds it."""
        target = self.system.target
        schema = self.lake.schema(target.table.name) if target.table.name in self.lake.tables() else {}
        wanted = dict.fromkeys([*self.system.plan.request_columns, *target.label.on])
        missing = [name for name in wanted if name not in schema]
        if missing:
            raise ConfigError(
                f"the kinds of the request columns {', '.join(missing)} are not known before facts of table "
                f"{target.table.name!r} have landed; `hindcast run` lands them."
            )
        return {name: schema[name] for name in wanted}

    def serve(
        self, *, host: str = "127.0.0.1", port: int = 8000, token: str | None = None, clock: Clock | None = None
    ) -> None:
        """Serve the champion over HTTP until interrupted; the last report is the page at ``/``."""
        from hindcast.serve import run_server

        report = self.home.reports / "report.html"
        run_server(
            lambda: self.open_service(clock),
            host=host,
            port=port,
            token=token,
            page=report if report.exists() else None,
        )

    def up(self, *, host: str = "127.0.0.1", port: int = 8000, token: str | None = None) -> None:
        """Server, scheduler and monitors together, until interrupted.

        The server is a process of its own, so that a training never slows an answer; this process turns the loop
        with the machine's clock: it looks at the prediction log, retrains when a trigger is due, and moves
        challengers through their trial. The server follows the ledger.
        """
        from hindcast.loop.up import run_up

        if self.path is None:
            raise ConfigError("up() needs a system file, since the server is a process of its own; open it by path.")
        self.land()
        run_up(self, host=host, port=port, token=token)

    # ---- looking ------------------------------------------------------------------------------------------------

    def ledger(self, kind: str | None = None, last: int | None = None) -> list[Any]:
        """The ledger's entries, oldest first; only those of `kind`, only the `last` ones."""
        if kind is not None and not isinstance(kind, str):
            raise ConfigError(f"ledger: kind is a text, such as 'promotion'; got {kind!r:.80}.")
        if last is not None:
            whole("ledger: last", last, least=0)
        with self._registry() as registry:
            found = registry.ledger.entries(system=self.system.name, target=self.system.target.name, kind=kind)
        return list(found if last is None else found[len(found) - min(last, len(found)) :])

    def models(self) -> list[dict[str, Any]]:
        """Every version with its role, learner, scores and verdict."""
        with self._registry() as registry:
            roles = registry.roles()
            versions = registry.versions()
        role = {roles.champion: "champion", roles.challenger: f"challenger ({roles.stage})"}
        return [
            {"version": v.name, "role": role.get(v.name, "archived"), "at": iso(v.at_us), **dict(v.body)}
            for v in versions
        ]

    def lineage(self) -> Lineage:
        """From a model back to its labels, from a request to its outcome, forward from a fact; reads only.

        See :class:`hindcast.loop.lineage.Lineage`.
        """
        from hindcast.loop.lineage import Lineage

        return Lineage(self.system, self.lake, self.standing_registry(), self.base)

    def suggest(
        self,
        project: str | Path,
        n: int = 100,
        *,
        since: str | int | None = None,
        content: Sequence[str] = (),
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Hand the requests about which the champion is least sure to a labelling project, also while it is served.

        Requests without a label, those that nobody decided yet; what is in the project already moves up. The people who
        label are not told what the champion says.

        Parameters
        ----------
        project : path
        n : int, default 100
        since : moment, optional
            Only requests after this.
        content : sequence of str
            The columns that annotators see; see :func:`hindcast.loop.suggest.items_of_requests`.

        Returns
        -------
        dict
            ``version``, ``suggested`` (the list, with probabilities), ``added`` and ``moved``.
        """
        from hindcast.labelling.project import Project
        from hindcast.loop.suggest import items_of_requests, suggest
        from hindcast.web.labelling.handing import hand_over

        if not isinstance(content, list | tuple):
            raise ConfigError(f"suggest: content is a list of columns, got {content!r:.80}.")
        place, since_us = path_of("project", project), -NEVER if since is None else self.moment(since)
        whole("suggest: n", n, least=1)
        self.land(progress)
        with Project.open(place, writing=False) as opened:
            kind, there = opened.kind, set(opened.items)
            closed = {one.item for one in opened.labels("majority")}
        with self._registry() as registry:
            version = registry.roles().champion
            if version is None:
                raise ConfigError("there is no champion yet; `hindcast run` trains one.")
            model = self._model(registry, version)
        history = self.history(progress=progress)
        chosen = suggest(history, model, n=n, since_us=since_us, besides=closed)
        rows = items_of_requests(chosen, self.lake.facts(self.system.target.table.name), kind=kind, content=content)
        added, moved = hand_over(place, rows, known=there, by=version)
        return {
            "version": version,
            "suggested": [
                {"item": o.item, "as_of": iso(o.as_of), "probability": o.probability, "score": o.score} for o in chosen
            ],
            "added": added,
            "moved": moved,
        }

    def catalogue(self, *, statistics: bool = True, costs: bool = False, progress: Progress | None = None) -> Catalogue:
        """Every feature with its meaning, version, origin and users; see :mod:`hindcast.catalogue.catalogue`.

        Parameters
        ----------
        statistics : bool, default True
            Answer the features from the landed facts, for statistics and freshness. Without facts there are none.
        costs : bool, default False
            Measure what answering costs.
        """
        from hindcast.loop.catalogue import catalogue_of, costs_of

        landed = set(self.system.tables) <= set(self.lake.tables())
        looked = (self.history(progress=progress), self.facts()) if (statistics or costs) and landed else None
        with self._registry() as registry:
            return catalogue_of(
                self.system,
                registry,
                at_us=self.clock.now_us(),
                history=looked and looked[0],
                facts=looked and looked[1],
                costs=costs_of(self.system, *looked) if costs and looked else None,
                progress=progress,
            )

    def moment(self, value: str | int) -> int:
        """A moment in microseconds; a bare date is midnight in the system's zone."""
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value.strip()):
            import numpy as np

            clock = np.array([moment_us(value)], dtype=np.int64)
            return int(from_local(clock, self.system.monitoring.zone)[0][0])
        found = moment_us(value)
        if abs(found) >= NEVER:
            raise ConfigError(f"{value!r:.80} is no moment: it is some 73,000 years away.")
        return found

    # ---- parts --------------------------------------------------------------------------------------------------

    def standing_registry(self) -> Any:
        """A registry for as long as the process lives."""
        from hindcast.registry import Ledger, Registry

        ledger = Ledger(self.home.ledger_url)
        return Registry(ledger, system=self.system.name, target=self.system.target.name, models=self.home.models)

    def _registry(self) -> Any:
        from contextlib import contextmanager

        @contextmanager
        def opened() -> Any:
            registry = self.standing_registry()
            with registry.ledger:
                yield registry

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
