"""The service: the one owner of a server's state.

Facts and requests stand in one line, in the order of their arrival stamps. A fact is written to the journal as it
arrives and takes effect when it is on the medium; a request behind it waits, so it sees every fact that arrived before
it and none that could be lost. An answer is given when its record is on the medium. All of it runs on one event loop,
which never waits for a disk.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

from hindcast.clock import Clock, stopwatch_s
from hindcast.columns import Kind
from hindcast.errors import DataError, RequestError, StateError, UnknownName
from hindcast.facts.table import Table
from hindcast.features.online import OnlineFeatures
from hindcast.features.plan import FeaturePlan
from hindcast.journal import Home, Journal, Lock
from hindcast.registry import Roles
from hindcast.serve.ask import Ask
from hindcast.serve.drain import Drain, Drainage
from hindcast.serve.feeds import Feed, fetch
from hindcast.serve.intake import Intake
from hindcast.serve.landing import Receipt
from hindcast.serve.line import Line
from hindcast.serve.moments import moments
from hindcast.serve.prediction_log import PredictionRecord, ShadowRecord
from hindcast.serve.predictor import Predictor
from hindcast.serve.records import PREDICTION, SHADOW, packed, unpacked
from hindcast.serve.recovery import Journaled, clock_after, finish_drains, fold, journaled, table_kinds
from hindcast.serve.roles import Registered, Watch, assigned
from hindcast.serve.settings import Settings
from hindcast.serve.telemetry import Telemetry
from hindcast.serve.warm import warm_features, warm_request
from hindcast.serve.writer import Writer

__all__ = ["Service"]

_log = logging.getLogger("hindcast.serve")


_Answered = tuple[list[PredictionRecord], "asyncio.Future[list[int]]"]


class Service:
    """Takes facts, answers requests, remembers both. Make one with :meth:`open`, then ``await start()``.

    Notes
    -----
    One event loop owns it; nothing here may be called from another thread.
    """

    def __init__(
        self,
        *,
        lock: Lock,
        drain: Drain,
        online: OnlineFeatures,
        next_seq: dict[str, int],
        kinds: dict[str, dict[str, Kind]],
        predictor: Predictor,
        registry: Registered,
        clock: Clock,
        found: Journaled,
        system: str,
        unit: str | None,
        settings: Settings,
        feeds: Sequence[Feed],
    ) -> None:
        self.system, self.target, self.unit = system, drain.target, unit
        self.clock, self.predictor, self.settings = clock, predictor, settings
        self.plan = online.plan
        self.tables = drain.tables
        self.telemetry = Telemetry()
        self._lock, self._journal, self._writer = lock, drain.journal, Writer(drain.journal)
        self._drainage = Drainage(
            drain,
            self._writer,
            clock,
            drained=found.drained,
            waiting=max(0, found.newest - found.drained),
            remember=settings.remember,
        )
        self._watch = Watch(predictor, registry, self.telemetry)
        self._watch.begin()
        self._online = online
        self._predictions = found.predictions
        self._line = Line()
        self._intake = Intake(
            tables=drain.tables, kinds=kinds, next_seq=next_seq, pushes=found.pushes, online=online, line=self._line,
            writer=self._writer, drainage=self._drainage, clock=clock, telemetry=self.telemetry,
        )  # fmt: skip
        self._feeds = feeds
        self._flying: dict[str, asyncio.Future[Any]] = {}
        self._shadows: deque[tuple[str, PredictionRecord]] = deque()
        self._serving = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._state = "opened"
        self.telemetry.watch(
            lambda: self._drainage.lag, lambda: stopwatch_s() - self._intake.changed_s, lambda: self._writer.unsynced
        )

    @staticmethod
    def open(
        home: Home | Path | str,
        *,
        system: str,
        target: str,
        plan: FeaturePlan,
        tables: Mapping[str, Table] | Sequence[Table],
        kinds: Mapping[str, Kind],
        goal: Any,
        registry: Registered,
        clock: Clock | None = None,
        functions: Mapping[str, Callable[..., Any]] | None = None,
        unit: str | None = None,
        settings: Settings | None = None,
        feeds: Sequence[Feed] = (),
    ) -> Service:
        """Take over a home: its lock, its journal, its state. Slow (it folds all facts); run it in a thread.

        Parameters
        ----------
        home : Home or path
        system, target : str
        plan : FeaturePlan
        tables : tables of the system
            Facts of all of them may be pushed, whether a feature reads them or not.
        kinds : mapping of str to kind
            Of the request's columns.
        goal : Goal
            Anything with a `threshold`.
        registry : Registry
            Who serves, and where its artefact is.
        clock : Clock, optional
            A :class:`~hindcast.clock.ReplayClock` lets requests and facts carry their own moments. By default the
            machine's, going on after the last moment on disk.
        functions : mapping, optional
            The functions the system declares, for stored rules.
        unit : str, optional
            The request's column by which a canary is drawn; by default each request id.
        feeds : sequence of Feed, optional
            Asked for news as often as the ledger is.

        Raises
        ------
        StateError
            When another server has the home, or what is on disk does not fit together.
        """
        from hindcast.facts.lake import Lake
        from hindcast.facts.quarantine import Quarantine

        home = home if isinstance(home, Home) else Home.open(home)
        settings = settings or Settings()
        predictor = Predictor(plan, goal, kinds, functions)
        if unit is not None and unit not in predictor.kinds:
            raise UnknownName("request column", unit, predictor.kinds, where="the canary's unit")
        named = dict(tables) if isinstance(tables, Mapping) else {table.name: table for table in tables}
        for name in plan.tables:
            if name not in named:
                raise UnknownName("table", name, named, where="features")
        lock = home.lock("serve")
        journal: Journal | None = None
        try:
            journal = Journal(home.journal, segment_bytes=settings.segment_bytes, sync=settings.sync)
            lake, quarantine = Lake(home.lake), Quarantine(home.root / "quarantine")
            drain = Drain(journal, lake, quarantine, named, target, predictor.kinds)
            found = journaled(drain, settings.remember)
            finish_drains(drain, found)
            clock = clock_after(clock, found.stamp)
            now = clock.now_us()
            online, next_seq = fold(plan, drain, found, now)
            warm_features(online)
            warm_request(online, predictor, now)
            return Service(
                lock=lock, drain=drain, online=online, next_seq=next_seq, kinds=table_kinds(named, drain, found),
                predictor=predictor, registry=registry, clock=clock, found=found, system=system, unit=unit,
                settings=settings, feeds=feeds,
            )  # fmt: skip
        except BaseException:
            if journal is not None:
                journal.close()
            lock.release()
            raise

    # ---- life -------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to drain and to watch the ledger."""
        self._state = "running"
        self._poll_now, self._drain_now = asyncio.Event(), asyncio.Event()
        self._tasks = [
            asyncio.create_task(self._often(self._poll_now, self.settings.poll_s, self.refresh)),
            asyncio.create_task(self._often(self._drain_now, self.settings.drain_every_s, self._drain_quietly)),
        ]
        if self._feeds:
            self._tasks.append(asyncio.create_task(self._often(asyncio.Event(), self.settings.poll_s, self.fetch)))

    @property
    def running(self) -> bool:
        """Whether it takes facts."""
        return self._state == "running"

    @property
    def ready(self) -> bool:
        """Whether it answers requests with looked-up features: it runs, and there is a champion."""
        return self.running and self.roles.champion is not None

    def status(self) -> str:
        """One line for a person: whether it answers, and if not, why."""
        if not self.running:
            return f"the service is {self._state}"
        if self.roles.champion is None:
            return self._watch.trouble or "no version has been promoted yet: train one, then promote it"
        return f"{self.roles.champion} serves" + (f"; but {self._watch.trouble}" if self._watch.trouble else "")

    async def close(self) -> None:
        """Finish what is in flight, drain, and let the next server in. A second call does nothing."""
        if self._state in ("closing", "closed"):
            return
        started, self._state = self._state == "running", "closing"
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        while self._serving or self._line:
            await asyncio.sleep(0.005)
        try:
            if started:
                await self._drain_quietly()
        finally:
            await asyncio.to_thread(self._journal.close)
            self._lock.release()
            self._state = "closed"

    async def _often(self, event: asyncio.Event, seconds: float, work: Callable[[], Any]) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(event.wait(), seconds)
            event.clear()
            try:
                await work()
            except Exception:
                _log.exception("%s failed; it is tried again", work.__name__)

    def _admit(self) -> None:
        if not self.running:
            raise StateError(f"the service is {self._state}. Try again soon.")
        if self._writer.unsynced > self.settings.unsynced_bytes:
            raise StateError("the disk cannot keep up with what arrives. Try again soon.")

    # ---- facts ------------------------------------------------------------------------------------------

    async def push(
        self,
        table: str,
        rows: Sequence[Mapping[str, Any]],
        *,
        key: str | None = None,
        arrival: int | None = None,
        quarantine: bool = False,
    ) -> Receipt:
        """Take facts; the receipt means that they are on the medium, and that every later request sees them.

        Parameters
        ----------
        table : str
        rows : sequence of mapping
        key : str, optional
            Idempotency key: the same push under it counts once, also after a restart.
        arrival : int, optional
            Microseconds; only with a replay clock.
        quarantine : bool, default False
            Put bad rows aside and take the others; without it one bad row refuses all.

        Raises
        ------
        UnknownName, DataError
            For a table, column or value that cannot be; nothing was taken.
        RequestError
            For a key that was used for another push.
        StateError
            When it could not be made durable; send it again under its key.
        """
        self._admit()
        self._serving += 1
        try:
            return await self._intake.push(table, rows, key=key, arrival=arrival, quarantine=quarantine)
        finally:
            self._serving -= 1

    async def fetch(self) -> None:
        """Take in what the feeds have now."""
        await fetch(self, self._feeds)

    # ---- requests ---------------------------------------------------------------------------------------

    async def predict(self, asks: Sequence[Ask]) -> list[PredictionRecord]:
        """Answer requests, in order; the answers mean that their records are on the medium.

        Requests without a moment of their own get one stamp together. One that was asked before under its id gets
        its first answer.

        Raises
        ------
        HindcastError
            For the first request that cannot be; none was answered.
        """
        self._admit()
        if self.roles.champion is None:
            raise StateError(f"nobody can answer: {self.status()}.")
        ids = [ask.request_id for ask in asks if ask.request_id]
        if len(set(ids)) != len(ids):
            raise RequestError("two requests have one request_id; an id names one request for ever.")
        values = [self._checked(number, ask) for number, ask in enumerate(asks, 1)]
        while flying := [self._flying[key] for name in ids if (key := f"{PREDICTION}:{name}") in self._flying]:
            await asyncio.wait(flying)
        known = [self._known(ask, value) for ask, value in zip(asks, values, strict=True)]
        fresh = [at for at, record in enumerate(known) if record is None]
        if fresh:
            now = [asks[at] for at in fresh]
            keys = [f"{PREDICTION}:{ask.request_id}" if ask.request_id else None for ask in now]
            done = self._take_off(keys)  # at once: whoever asks under the same id from here on waits
            work = self._fresh(now, [values[at] for at in fresh], keys, done)
            # an id stays taken until its record is settled, even when its caller has gone
            records = await (asyncio.shield(asyncio.ensure_future(work)) if ids else work)
            for at, record in zip(fresh, records, strict=True):
                known[at] = record
        return [record for record in known if record is not None]

    def _checked(self, number: int, ask: Ask) -> dict[str, Any]:
        if not ask.given:
            return self.predictor.request(ask.values, number)
        values, champion = self.predictor.features(ask.values, number), self.roles.champion
        for name in self.predictor.model(champion or "").inputs:
            if name not in values:
                raise DataError(
                    f"{champion} reads feature {name!r}; send it, null says that it is not known",
                    row=number,
                    column=name,
                )
        return values

    def _known(self, ask: Ask, values: dict[str, Any]) -> PredictionRecord | None:
        """The record under this request's id, if there is one."""
        body = self._predictions.get(f"{PREDICTION}:{ask.request_id}") if ask.request_id else None
        if body is None:
            return None
        record = unpacked(body, PredictionRecord)
        self.telemetry.repeats.labels(PREDICTION).inc()
        if record.given != ask.given or (record.features if ask.given else record.request) != values:
            raise RequestError(
                f"request_id {ask.request_id!r} was used for another request; an id names one request for ever."
            )
        return record

    def _take_off(self, keys: list[str | None]) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        for key in keys:
            if key is not None:
                self._flying[key] = done
        return done

    async def _fresh(
        self, asks: list[Ask], values: list[dict[str, Any]], keys: list[str | None], done: asyncio.Future[None]
    ) -> list[PredictionRecord]:
        """Answer requests that were not asked before, in their place in the line."""
        loop = asyncio.get_running_loop()
        self._serving += 1
        try:
            at, newer_than = moments(self.clock, [ask.as_of for ask in asks], "as_of"), self._journal.last
            if self._line:
                waiting = self._line.add(lambda: self._answer(asks, values, at, keys))
                records, durable = await asyncio.shield(waiting)
            else:
                records, durable = self._answer(asks, values, at, keys)
            positions = await durable
            for key, position, record in zip(keys, positions, records, strict=True):
                if key is not None and position <= newer_than:
                    raise RequestError(
                        f"request_id {record.request_id!r} was answered long ago; look for it in the lake's table "
                        f"predictions_{self.target}, or use another id."
                    )
                if key is not None:
                    self._predictions[key] = packed(record)
                self.telemetry.predictions.labels(record.version, record.role).inc()
        finally:
            for key in keys:
                if key is not None:
                    self._flying.pop(key, None)
            done.set_result(None)
            self._serving -= 1
        if self._shadows:
            loop.call_soon(self._answer_in_shadow)
        return records

    def _answer(
        self, asks: list[Ask], values: list[dict[str, Any]], at: list[int], keys: list[str | None]
    ) -> _Answered:
        """Features, probabilities and decisions at their moments, handed to the journal."""
        roles, online, predictor = self.roles, self._online, self.predictor
        records = []
        for ask, value, moment in zip(asks, values, at, strict=True):
            request_id = ask.request_id or f"{moment:x}-{token_hex(6)}"
            if ask.given:
                request, features, ages = {}, value, {}
            else:
                found = online.read(value, moment, predictor.kinds)
                request, features, ages = value, found.values, found.ages
            unit = request_id if self.unit is None or request.get(self.unit) is None else str(request[self.unit])
            version, role = assigned(roles, unit)
            probability, acted, version = predictor.predict(version or "", features)
            records.append(
                PredictionRecord(
                    system=self.system, target=self.target, request_id=request_id, group=ask.group, as_of=moment,
                    version=version, role=role, probability=probability, acted=acted, given=ask.given,
                    request=request, features=features, ages=ages, plan=self.plan.identity,
                )
            )  # fmt: skip
        written = [(PREDICTION, packed(record), key) for record, key in zip(records, keys, strict=True)]
        durable = self._writer.durable(self._note(written))
        if roles.stage == "shadow" and roles.challenger is not None:
            self._shadows.extend((roles.challenger, record) for record in records)
        return records, durable

    def _answer_in_shadow(self) -> None:
        """Ask the challenger what it would have said, and note it; whatever goes wrong there touches nobody."""
        appended: list[tuple[str, bytes, str | None]] = []
        while self._shadows:
            version, record = self._shadows.popleft()
            try:
                probability = self.predictor.predict(version, record.features).probability
            except Exception as error:
                self.telemetry.shadow_failures.labels(version).inc()
                _log.warning("%s in shadow failed on request %s: %r", version, record.request_id, error)
                continue
            shadow = ShadowRecord(record.request_id, record.as_of, version, probability)
            appended.append((SHADOW, packed(shadow), None))
        if appended:
            try:
                self._writer.append(self._note(appended), _nothing_to_do)
            except StateError as error:
                _log.warning("shadow answers were lost: %s", error)

    # ---- drain and roles --------------------------------------------------------------------------------

    async def drain(self) -> int:
        """Bring everything taken so far to the lake, and say how many rows were new there."""
        rows = await self._drainage.run(self._answer_in_shadow)
        self.telemetry.drained.inc(rows)
        return rows

    async def _drain_quietly(self) -> None:
        try:
            await self.drain()
        except Exception as error:
            self.telemetry.drain_failures.inc()
            _log.error("the journal could not be drained, it keeps everything until it can: %r", error)

    @property
    def roles(self) -> Roles:
        """Who serves and who is on trial."""
        return self._watch.roles

    def notify(self) -> None:
        """The ledger has news."""
        self._poll_now.set()

    async def refresh(self) -> None:
        """Take over the ledger's roles now."""
        await self._watch.refresh()

    # ---- the journal ------------------------------------------------------------------------------------

    def _note(self, records: Sequence[tuple[str, bytes, str | None]]) -> Sequence[tuple[str, bytes, str | None]]:
        """The records, after noting that they are to be drained."""
        self._drainage.note(len(records), sum(len(body) for _, body, _ in records))
        if self._drainage.undrained_bytes > self.settings.drain_bytes:
            self._drain_now.set()
        return records


def _nothing_to_do() -> None:
    return
