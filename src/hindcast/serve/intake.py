"""The intake: how pushed rows become facts that are durable, in effect, and counted once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np

from hindcast.clock import Clock, stopwatch_s
from hindcast.columns import Column, Kind
from hindcast.errors import DataError, RequestError, UnknownName
from hindcast.facts.facts import Facts
from hindcast.facts.table import Table
from hindcast.features.online import OnlineFeatures
from hindcast.serve.drain import Drainage
from hindcast.serve.landing import Pushed, PushRefused, Receipt, facts_of_rows, restamped
from hindcast.serve.line import Line
from hindcast.serve.moments import moments
from hindcast.serve.records import FACTS, FactsRecord, pack_facts, packed
from hindcast.serve.recovery import Answers, PushAnswer
from hindcast.serve.telemetry import Telemetry
from hindcast.serve.writer import Writer

__all__ = ["Intake"]


class Intake:
    """Takes pushes into the line, the journal and the features' state.

    Attributes
    ----------
    changed_s : float
        On the stopwatch, when a fact last took effect.
    """

    def __init__(
        self,
        *,
        tables: Mapping[str, Table],
        kinds: dict[str, dict[str, Kind]],
        next_seq: dict[str, int],
        pushes: Answers[PushAnswer],
        online: OnlineFeatures,
        line: Line,
        writer: Writer,
        drainage: Drainage,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self.changed_s = stopwatch_s()
        self._tables, self._kinds, self._next_seq, self._pushes = tables, kinds, next_seq, pushes
        self._online, self._plan, self._line, self._clock = online, online.plan, line, clock
        self._writer, self._drainage, self._telemetry = writer, drainage, telemetry
        self._flying: dict[str, asyncio.Future[Receipt]] = {}

    async def push(
        self,
        table: str,
        rows: Sequence[Mapping[str, Any]],
        *,
        key: str | None,
        arrival: int | None,
        quarantine: bool,
    ) -> Receipt:
        """See :meth:`hindcast.serve.Service.push`."""
        if table not in self._tables:
            raise UnknownName("table", table[:100], self._tables)
        content = _content(table, rows)
        name = f"{FACTS}:{key}" if key is not None else None
        if name is not None:
            while name in self._flying:
                await asyncio.wait([self._flying[name]])
            known = self._pushes.get(name)
            if known is not None:
                self._telemetry.repeats.labels(FACTS).inc()
                if known.content != content:
                    raise RequestError(f"key {key!r} was used for another push; a key names one push for ever.")
                return known.receipt
        return await asyncio.shield(self._land(table, rows, content, name, arrival, quarantine))

    def _land(
        self,
        table: str,
        rows: Sequence[Mapping[str, Any]],
        content: bytes,
        key: str | None,
        arrival: int | None,
        quarantine: bool,
    ) -> asyncio.Future[Receipt]:
        """Check a push, give it its stamp and sequence, hand it to the journal, put it in the line."""
        declared, first = self._tables[table], self._next_seq[table]
        needed = self._plan.columns_of(table) if table in self._plan.tables else ()

        def read(stamp: int) -> Pushed:
            return facts_of_rows(declared, rows, self._kinds[table], needed=needed, seq_from=first, arrival_us=stamp)

        draft = read(arrival if arrival is not None else self._clock.now_us())
        if draft.refused and not quarantine:
            self._telemetry.refused.labels(table).inc(len(draft.refused))
            raise PushRefused(table, draft.refused)
        self._check(table, draft.facts)
        (stamp,) = moments(self._clock, [arrival], "arrival")
        pushed = draft if stamp == arrival else restamped(declared, draft, stamp)
        record = pack_facts(
            table,
            pushed.facts,
            stamp=stamp,
            content=content,
            refused=pushed.refused,
            absent=pushed.absent,
            future=pushed.future,
        )
        body, newer_than = packed(record), self._writer.journal.last
        durable = self._writer.append([(FACTS, body, key)], self._line.serve)
        self._drainage.note(1, len(body))
        answer = self._line.add(lambda: self._apply(record, pushed.facts, durable, newer_than), durable)
        self._next_seq[table] = first + len(pushed.facts)
        self._kinds[table] |= {n: column.kind for n, column in pushed.facts.frame.items() if column.present().any()}
        if key is not None:
            self._flying[key] = answer
            answer.add_done_callback(lambda done: self._remember(key, record, done))
        return answer

    def _remember(self, key: str, record: FactsRecord, done: asyncio.Future[Receipt]) -> None:
        self._flying.pop(key, None)
        if done.exception() is None and not done.result().repeated:
            self._pushes[key] = PushAnswer.of(record)

    def _check(self, table: str, facts: Facts) -> None:
        """Raise what the features would raise on these facts, before anything is written."""
        for group in self._plan.groups:
            if group.table.name == table:
                group.values(facts.frame, len(facts), [_nothing] * len(group.slots))

    def _apply(self, record: FactsRecord, facts: Facts, durable: Future[list[int]], newer_than: int) -> Receipt:
        """Durable facts take effect."""
        (position,) = durable.result()
        if position <= newer_than:  # its key was known from long ago
            return Receipt(record.table, -1, 0, [], 0, 0, -1, repeated=True)
        self._online.push(record.table, facts)
        self.changed_s = stopwatch_s()
        self._telemetry.facts.labels(record.table).inc(len(record))
        if record.refused:
            self._telemetry.refused.labels(record.table).inc(len(record.refused))
        return Receipt.of(record, repeated=False)


def _content(table: str, rows: Sequence[Mapping[str, Any]]) -> bytes:
    """A digest of a push as it was sent."""
    try:
        return blake2b(msgspec.msgpack.encode((table, rows)), digest_size=16).digest()
    except (msgspec.MsgspecError, OverflowError, UnicodeEncodeError, TypeError, RecursionError) as error:
        raise DataError(f"table {table!r}: the rows cannot be written down ({error}).") from None


def _nothing(column: Column) -> Any:
    return np.zeros(len(column))
