"""From the journal to the lake: each record once, whatever is killed when.

A drain is announced in the journal by a record whose position ends a batch. The batch's name in the lake comes from
that record, so it is the same when the drain is tried again after a kill, and the lake lands it once. Only when all
of it is in the lake does a second record say so; then the journal may let it go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import takewhile

import numpy as np

from hindcast.clock import Clock
from hindcast.columns import Kind
from hindcast.facts.facts import Facts
from hindcast.facts.lake import Lake
from hindcast.facts.quarantine import Quarantine, Refused
from hindcast.facts.table import Table
from hindcast.journal import Entry, Journal
from hindcast.serve.prediction_log import PredictionRecord, ShadowRecord, prediction_facts, prediction_table
from hindcast.serve.records import (
    DRAIN,
    DRAINED,
    FACTS,
    PREDICTION,
    SHADOW,
    DrainedRecord,
    DrainRecord,
    FactsRecord,
    packed,
    unpacked,
)
from hindcast.serve.writer import Writer

__all__ = ["Drain", "Drainage"]


@dataclass(slots=True)
class _Batch:
    """The records of one drain, sorted by where they go."""

    facts: dict[str, list[tuple[Facts, int]]] = field(default_factory=dict)
    """By table, with their arrival stamps."""
    refused: dict[str, list[Refused]] = field(default_factory=dict)
    predictions: list[PredictionRecord] = field(default_factory=list)
    shadows: list[ShadowRecord] = field(default_factory=list)


@dataclass(frozen=True)
class Drain:
    """Writes journal entries to the lake.

    Parameters
    ----------
    journal : Journal
    lake : Lake
    quarantine : Quarantine
    tables : mapping of str to Table
    target : str
        Its predictions land in the table ``predictions_<target>``.
    kinds : mapping of str to kind
        Of the requests' columns.
    """

    journal: Journal
    lake: Lake
    quarantine: Quarantine
    tables: Mapping[str, Table]
    target: str
    kinds: Mapping[str, Kind]

    def land(self, after: int, upto: int, batch: str) -> int:
        """Land the entries with ``after < position < upto`` as `batch`, and say how many rows were new in the lake.

        Idempotent: what of the batch has landed is left alone. Memory: the entries of the batch.
        """
        found = _sorted(takewhile(lambda entry: entry.position < upto, self.journal.entries(after)))
        origin = {"journal": [after + 1, upto]}
        rows = 0
        for name, parts in sorted(found.facts.items()):
            facts = Facts.concat([part for part, _ in parts])
            arrival = np.repeat([stamp for _, stamp in parts], [len(part) for part, _ in parts]).astype(np.int64)
            if len(facts):
                landed = self.lake.append(self.tables[name], facts, batch=batch, origin=origin, arrival=arrival)
                rows += landed.rows
        for name, refused in sorted(found.refused.items()):
            there = self.quarantine.identities(name)
            self.quarantine.add([row for row in refused if row.identity not in there])
        if found.predictions:
            table = prediction_table(self.target)
            with self.lake.writing(table.name):
                facts = prediction_facts(
                    found.predictions, found.shadows, kinds=self.kinds, seq_from=self.lake.next_seq(table.name)
                )
                rows += self.lake.append(table, facts, batch=batch, origin=origin).rows
        return rows


def _sorted(entries: Iterable[Entry]) -> _Batch:
    found = _Batch()
    for entry in entries:
        if entry.kind == FACTS:
            record = unpacked(entry.body, FactsRecord)
            if len(record):
                found.facts.setdefault(record.table, []).append((record.facts(), record.stamp))
            for row in record.refused:
                refused = Refused(
                    record.table, "server", row.row, row.column, row.value, row.reason, f"{record.stamp}:{row.row}"
                )
                found.refused.setdefault(record.table, []).append(refused)
        elif entry.kind == PREDICTION:
            found.predictions.append(unpacked(entry.body, PredictionRecord))
        elif entry.kind == SHADOW:
            found.shadows.append(unpacked(entry.body, ShadowRecord))
    return found


class Drainage:
    """Drains again and again, beside the traffic.

    Parameters
    ----------
    drain : Drain
    writer : Writer
    clock : Clock
    drained : int
        Up to this position everything is in the lake.
    waiting : int
        Records beyond that are not.
    remember : int
        So many records stay in the journal, drained or not.
    """

    def __init__(
        self, drain: Drain, writer: Writer, clock: Clock, *, drained: int, waiting: int, remember: int
    ) -> None:
        self.drained, self.undrained_bytes = drained, 0
        self._drain, self._writer, self._clock, self._remember = drain, writer, clock, remember
        self._waiting = waiting
        self._begun: list[tuple[int, DrainRecord]] = []
        self._one = asyncio.Lock()

    @property
    def lag(self) -> int:
        """Records that are not in the lake yet."""
        return self._drain.journal.last - self.drained if self._begun else self._waiting

    def note(self, records: int, size: int) -> None:
        """So much more waits."""
        self._waiting += records
        self.undrained_bytes += size

    async def run(self, first: Callable[[], None] | None = None) -> int:
        """Bring everything handed to the journal so far to the lake, and say how many rows were new there.

        What failed before is done first, under the name it had. `first` may hand over what belongs to this batch.
        """
        async with self._one:
            if first is not None:
                first()
            if not self._begun and not self._waiting:
                return 0
            self.undrained_bytes = self._waiting = 0
            begun = DrainRecord(self._clock.now_us())
            (position,) = await self._writer.durable([(DRAIN, packed(begun), None)])
            self._begun.append((position, begun))
            rows = 0
            while self._begun:
                position, begun = self._begun[0]
                rows += await asyncio.to_thread(self._drain.land, self.drained, position, begun.batch(position))
                self.drained = position
                self._begun.pop(0)
            done = DrainedRecord(self._clock.now_us(), self.drained)
            await self._writer.durable([(DRAINED, packed(done), None)])
            journal = self._drain.journal
            await asyncio.to_thread(journal.release, min(self.drained, journal.last - self._remember))
            return rows
