"""Facts divided on disk by the hash of the key they meet requests under.

Each source is read once, chunk by chunk. An entity's facts and requests have one hash, whatever kind its key is stored
as, so they land in parts of one number; what has a null in its key meets nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from hindcast.bulk.budget import Budget, Load, expected_bytes
from hindcast.bulk.joins import Join
from hindcast.bulk.spill import (
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
from hindcast.columns import Column, Frame, Kind
from hindcast.facts.facts import Facts
from hindcast.fold.entities import joint_codes, row_codes
from hindcast.values import Bools, Ints

__all__ = [
    "FACT",
    "REQUEST",
    "Divided",
    "check_kinds",
    "divide_facts",
    "hashed",
    "own_columns_of",
    "packed",
    "release",
    "some",
    "stood_in",
    "successors",
]

FACT: dict[str, Kind] = {"_event": "integer", "_known": "integer", "_seq": "integer", "_retract": "boolean"}
REQUEST: dict[str, Kind] = {"_row": "integer", "_as_of": "integer"}


def divide_facts(
    chunks: Iterator[Facts],
    kinds: Mapping[str, Kind],
    joins: Sequence[Join],
    parts: int,
    budget: Budget,
    scratch: Scratch,
    also: Callable[[Facts], None] | None = None,
) -> list[Divided]:
    """Read the facts of a table, and write them by each key they are joined by.

    Where a correction moves a fact to another entity, a retraction stands in for it with the entity that it left: so
    every entity's facts say by themselves until when each is visible.

    Parameters
    ----------
    chunks : iterator of Facts
        Of one table.
    kinds : mapping of str to kind
        Of its columns.
    joins : sequence of Join
        Over that table.
    parts : int
        Into how many parts keys are hashed.
    also : callable, optional
        Gets each chunk too: a source is read once.
    """
    divided = [
        Divided(scratch.spill("facts", schema_of({**{c: kinds[c] for c in join.columns}, **FACT}))) for join in joins
    ]
    moving = [at for at, join in enumerate(joins) if join.moves]
    keys = joins[0].table.keys if joins else ()
    keyed = sorted({*keys, *(c for at in moving for c in joins[at].by)})
    versions = None
    if moving:
        versions = scratch.spill("versions", schema_of({**{c: kinds[c] for c in keyed}, **FACT}))
    for facts in chunks:
        own = own_columns_of(facts)
        for join, into in zip(joins, divided, strict=True):
            hashes, present = hashed(facts.frame, join.by)
            into.sample(facts.frame, join.by)
            arrow, part = to_arrow({**some(facts.frame, join.columns), **own}), parts_of(hashes, parts)
            if not present.all():
                here = np.flatnonzero(present)
                arrow, part = take(arrow, here), part[here]
            into.spill.add(arrow, part)
        if versions is not None:
            hashes, _ = hashed(facts.frame, keys)
            versions.add(to_arrow({**some(facts.frame, keyed), **own}), parts_of(hashes, parts))
        if also is not None:
            also(facts)
    if versions is not None:
        _stand_in([(joins[at], divided[at].spill) for at in moving], keys, versions, parts, budget)
        versions.drop()
    release()
    return divided


def _stand_in(
    moving: Sequence[tuple[Join, Spill]], keys: Sequence[str], versions: Spill, parts: int, budget: Budget
) -> None:
    for unit in packed(versions, None, lambda facts, _: expected_bytes(facts, Load(), 2, 0), budget):
        frame = to_frame(versions.read(unit))
        known, seq = frame["_known"].values, frame["_seq"].values
        old, new = successors(row_codes([frame[name] for name in keys])[0], known, seq)
        stated = frame["_retract"].values[old] == 0
        old, new = old[stated], new[stated]
        for join, spill in moving:
            entity, _ = row_codes([frame[name] for name in join.by])
            left = np.flatnonzero((entity[old] >= 0) & (entity[old] != entity[new]))
            if len(left):
                before = some(frame.take(old[left]), [*keys, *join.by])
                ends = stood_in(before, spill.schema, known[new[left]], seq[new[left]])
                spill.add(ends, parts_of(key_hashes([before[name] for name in join.by])[0], parts))


@dataclass
class Divided:
    """Rows by part, and a value of each key column, for its kind."""

    spill: Spill
    samples: dict[str, Column] = field(default_factory=dict)

    def sample(self, frame: Frame, columns: Sequence[str]) -> None:
        """Remember the first value of each column."""
        for name in columns:
            if name not in self.samples and (present := frame[name].present()).any():
                self.samples[name] = frame[name].take(np.flatnonzero(present)[:1])


def check_kinds(join: Join, facts: Divided, requests: Divided) -> None:
    """A key that is text on one side and number on the other would never meet, and say nothing about it.

    Raises
    ------
    ConfigError
    """
    for asked, by in zip(join.asked, join.by, strict=True):
        if asked in requests.samples and by in facts.samples:
            joint_codes([facts.samples[by]], [requests.samples[asked]])


def hashed(frame: Mapping[str, Column], columns: Sequence[str]) -> tuple[Any, Bools]:
    """As :func:`~hindcast.bulk.spill.key_hashes`; without columns there is one key."""
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


def own_columns_of(facts: Facts) -> dict[str, Column]:
    return {
        "_event": Column("integer", facts.event),
        "_known": Column("integer", facts.known),
        "_seq": Column("integer", facts.seq),
        "_retract": Column("boolean", facts.retract.astype(np.int8)),
    }


def some(frame: Frame, names: Iterable[str]) -> dict[str, Column]:
    return {name: frame[name] for name in names}
