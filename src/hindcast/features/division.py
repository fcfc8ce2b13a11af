"""Facts and requests divided on disk by the hash of the key they meet under.

Each source is read once, chunk by chunk. An entity's facts and requests have one hash, whatever kind its key is stored
as, so they land in parts of one number; what has a null in its key meets nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from hindcast.columns import Column, Frame, Kind
from hindcast.facts.facts import Facts
from hindcast.facts.table import Table
from hindcast.features.budget import Budget, Load, expected_bytes, row_bytes
from hindcast.features.entities import joint_codes, row_codes
from hindcast.features.feed import FactFeed, RequestFeed
from hindcast.features.joins import Join
from hindcast.features.spill import (
    Scratch,
    Spill,
    key_hashes,
    kinds_of,
    parts_of,
    schema_of,
    take,
    to_arrow,
    to_frame,
)
from hindcast.values import Bools, Ints

__all__ = ["FACT", "REQUEST", "Division", "hashed", "packed", "release", "stood_in", "successors"]

FACT: dict[str, Kind] = {"_event": "integer", "_known": "integer", "_seq": "integer", "_retract": "boolean"}
REQUEST: dict[str, Kind] = {"_row": "integer", "_as_of": "integer"}
_SEVERAL = 128


@dataclass
class Division:
    """Spills of facts by join, and of requests by key and by ranges of rows.

    Attributes
    ----------
    parts : int
        Into how many parts keys are hashed.
    span : int
        Rows of a range of requests.
    by_key : dict
        Requests by the columns they ask by.
    rows : Spill
        The request columns that the output and its transforms need, by ranges of rows.
    count : int
        Requests.
    """

    joins: Sequence[Join]
    budget: Budget
    scratch: Scratch
    tell: Callable[[str, int, int | None], None]
    parts: int = 1
    span: int = 1
    count: int = 0
    by_key: dict[tuple[str, ...], Spill] = field(default_factory=dict)
    rows: Any = None
    _samples: dict[tuple[str, str], Column] = field(default_factory=dict)

    # ---- facts ------------------------------------------------------------------------------------------

    def add_facts(self, table: Table, feed: FactFeed) -> dict[int, Spill]:
        """Read a table's facts, and write them by each key they are grouped by: a spill by the join's number."""
        mine = {at: join for at, join in enumerate(self.joins) if join.table.name == table.name}
        spills = {
            at: self.scratch.spill("facts", schema_of({**{c: feed.kinds[c] for c in join.columns}, **FACT}))
            for at, join in mine.items()
        }
        moving = {at: join for at, join in mine.items() if join.moves}
        keyed = sorted({*table.keys, *(c for join in moving.values() for c in join.by)})
        versions = None
        if moving:
            versions = self.scratch.spill("versions", schema_of({**{c: feed.kinds[c] for c in keyed}, **FACT}))
        for facts in feed.chunks(self.budget.chunk_rows(4 * row_bytes([*feed.kinds.values(), *FACT.values()]))):
            own = _own(facts)
            for at, join in mine.items():
                hashes, present = hashed(facts.frame, join.by)
                self._sample(table.name, facts.frame, join.by)
                arrow, parts = to_arrow({**_some(facts.frame, join.columns), **own}), parts_of(hashes, self.parts)
                if not present.all():
                    here = np.flatnonzero(present)
                    arrow, parts = take(arrow, here), parts[here]
                spills[at].add(arrow, parts)
            if versions is not None:
                hashes, _ = hashed(facts.frame, table.keys)
                versions.add(to_arrow({**_some(facts.frame, keyed), **own}), parts_of(hashes, self.parts))
            self.tell(f"facts of {table.name}", feed.facts, feed.rows)
        if versions is not None:
            self._stand_in(table, moving, spills, versions)
            versions.drop()
        release()
        return spills

    def _stand_in(self, table: Table, moving: Mapping[int, Join], spills: Mapping[int, Spill], versions: Spill) -> None:
        """Where a correction moved a fact to another entity, leave a retraction with the entity that it left."""
        for parts in packed(versions, None, lambda facts, _: expected_bytes(facts, Load(), 2, 0), self.budget):
            frame = to_frame(versions.read(parts))
            known, seq = frame["_known"].values, frame["_seq"].values
            old, new = successors(row_codes([frame[name] for name in table.keys])[0], known, seq)
            stated = frame["_retract"].values[old] == 0
            old, new = old[stated], new[stated]
            for at, join in moving.items():
                entity, _ = row_codes([frame[name] for name in join.by])
                left = np.flatnonzero((entity[old] >= 0) & (entity[old] != entity[new]))
                if len(left):
                    before = _some(frame.take(old[left]), [*table.keys, *join.by])
                    ends = stood_in(before, spills[at].schema, known[new[left]], seq[new[left]])
                    spills[at].add(ends, parts_of(key_hashes([before[name] for name in join.by])[0], self.parts))

    # ---- requests ---------------------------------------------------------------------------------------

    def add_requests(self, feed: RequestFeed, held: Sequence[str], width: int) -> None:
        """Read the requests, and write them by each key they ask by, and by ranges of rows.

        `held` are the columns that the output and its transforms need, `width` the features beside them.
        """
        needed: dict[tuple[str, ...], dict[str, None]] = {}
        for join in self.joins:
            needed.setdefault(join.asked, {}).update(dict.fromkeys([*join.asked, *join.plan.request_columns]))
        for asked, columns in needed.items():
            schema = schema_of({**{c: feed.kinds[c] for c in columns}, **REQUEST})
            self.by_key[asked] = self.scratch.spill("requests", schema)
        kinds = {c: feed.kinds[c] for c in held}
        self.rows = self.scratch.spill("rows", schema_of({**kinds, "_row": "integer"}))
        self.span = self.budget.chunk_rows(4 * (8 * width + row_bytes(kinds.values())))
        for frame, moments in feed.chunks(
            self.budget.chunk_rows(4 * row_bytes([*feed.kinds.values(), *REQUEST.values()]))
        ):
            place = np.arange(self.count, self.count + len(frame), dtype=np.int64)
            own = {"_row": Column("integer", place), "_as_of": Column("integer", moments)}
            for asked, columns in needed.items():
                self._sample("", frame, asked)
                hashes, present = hashed(frame, asked)
                parts = np.where(present, parts_of(hashes, self.parts), place % self.parts)
                self.by_key[asked].add(to_arrow({**_some(frame, columns), **own}), parts)
            self.rows.add(to_arrow({**_some(frame, held), "_row": own["_row"]}), place // self.span)
            self.count += len(frame)
            self.tell("requests", self.count, feed.rows)
        release()

    # ---- both -------------------------------------------------------------------------------------------

    def choose_parts(self, facts: Mapping[str, FactFeed], requests: RequestFeed) -> None:
        """Take the number of parts from what the sources say they hold, for the join that needs most."""
        self.parts = self.budget.parts or 1
        for join in self.joins:
            feed = facts[join.table.name]
            if feed.rows is None or requests.rows is None:
                self.parts = self.budget.parts or _SEVERAL
                return
            load = Load.guessed(feed.rows, [*(feed.kinds[c] for c in join.columns), *FACT.values()])
            asked = [requests.kinds[c] for c in join.plan.request_columns]
            ask = Load.guessed(requests.rows, [*asked, *REQUEST.values()])
            self.parts = max(self.parts, self.budget.parts_for(load, ask, len(join.columns), len(join.plan.names)))

    def _sample(self, table: str, frame: Frame, columns: Sequence[str]) -> None:
        for name in columns:
            if (table, name) not in self._samples and (present := frame[name].present()).any():
                self._samples[table, name] = frame[name].take(np.flatnonzero(present)[:1])

    def check_kinds(self) -> None:
        """A key that is text on one side and number on the other would never meet, and say nothing about it."""
        for join in self.joins:
            for asked, by in zip(join.asked, join.by, strict=True):
                if (join.table.name, by) in self._samples and ("", asked) in self._samples:
                    joint_codes([self._samples[join.table.name, by]], [self._samples["", asked]])


def hashed(frame: Mapping[str, Column], columns: Sequence[str]) -> tuple[Any, Bools]:
    """As :func:`~hindcast.features.spill.key_hashes`; without columns there is one key."""
    if columns:
        return key_hashes([frame[name] for name in columns])
    assert isinstance(frame, Frame)
    return np.zeros(len(frame), dtype=np.uint64), np.ones(len(frame), dtype=np.bool_)


def packed(
    facts: Spill, requests: Spill | None, bytes_of: Callable[[Load, Load], int], budget: Budget
) -> Iterator[list[int]]:
    """Parts put together to units of work that are expected to fit; one that does not fit alone comes alone.

    With requests, only parts in which something is asked.
    """
    unit: list[int] = []
    held, asked = Load(), Load()
    for part in (facts if requests is None else requests).parts:
        more, ask = facts.load(part), Load() if requests is None else requests.load(part)
        if unit and bytes_of(held + more, asked + ask) > budget.unit:
            yield unit
            unit, held, asked = [], Load(), Load()
        unit.append(part)
        held, asked = held + more, asked + ask
    if unit:
        yield unit


def successors(codes: Ints, known: Ints, seq: Ints) -> tuple[Ints, Ints]:
    """Rows, and the rows that replace them: the next version of the same key by (known, sequence).

    Rows with code -1 have no key and are never replaced.
    """
    rows = np.flatnonzero(codes >= 0)
    order = rows[np.lexsort((seq[rows], known[rows], codes[rows]))]
    same = codes[order[1:]] == codes[order[:-1]]
    return order[:-1][same], order[1:][same]


def stood_in(columns: Mapping[str, Column], schema: Any, known: Ints, seq: Ints) -> Any:
    """Retractions that become known at `known`, as rows of a spill of facts; other columns are null."""
    length = len(known)
    kinds = kinds_of(schema)
    made = {name: columns[name] if name in columns else Column.empty(kind, length) for name, kind in kinds.items()}
    made["_event"] = made["_known"] = Column("integer", known)
    made["_seq"] = Column("integer", seq)
    made["_retract"] = Column("boolean", np.ones(length, dtype=np.int8))
    return to_arrow(made)


def release() -> None:
    """Give memory that Arrow keeps for later back to the system."""
    pa.default_memory_pool().release_unused()


def _own(facts: Facts) -> dict[str, Column]:
    return {
        "_event": Column("integer", facts.event),
        "_known": Column("integer", facts.known),
        "_seq": Column("integer", facts.seq),
        "_retract": Column("boolean", facts.retract.astype(np.int8)),
    }


def _some(frame: Frame, names: Iterable[str]) -> dict[str, Column]:
    return {name: frame[name] for name in names}
