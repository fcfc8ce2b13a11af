"""Stale: what of the kept answers can no longer be trusted, and why.

Each part of a plan is judged against its kept entry. Nothing is trusted that cannot be shown to be the same: requests
are recognised by the digest of what the part asks of them, facts by the digest of what had landed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from hindcast.backfill.answers import AnswerStore, Entry, Watermark
from hindcast.backfill.dirty import Changes, changes_since, touched
from hindcast.backfill.parts import Part
from hindcast.columns import Column, Frame
from hindcast.facts.digests import Lanes, row_digests, total
from hindcast.facts.facts import Facts
from hindcast.values import Bools, Ints, digest

__all__ = ["Judge", "Stale"]


@dataclass(frozen=True, slots=True, eq=False)
class Stale:
    """What must be computed of a part, and what there is already.

    Attributes
    ----------
    part : Part
    rows : bool array, shape (n,)
        The requests to compute it for.
    kept : mapping of str to Column
        The answers there are, by feature.
    place : int64 array, shape (n,), or None
        Each request's row in `kept`, -1 where it has none; None when nothing is kept.
    entry : Entry or None
        Where they come from.
    moved : bool
        Whether the entry must be written again even if no request is computed.
    """

    part: Part
    rows: Bools
    kept: Mapping[str, Column] = field(default_factory=dict)
    place: Ints | None = None
    entry: Entry | None = None
    moved: bool = True

    @property
    def is_whole(self) -> bool:
        """Whether what is kept is what is asked, row for row."""
        return self.place is not None and is_every_row(self.place, len(next(iter(self.kept.values()))))


class Judge:
    """Says what is stale; what it finds out about facts and requests it finds out once.

    Parameters
    ----------
    store : AnswerStore
    facts : mapping of str to Facts
    requests : Frame, n rows
    as_of : int64 array, shape (n,)
    marks : mapping of str to str
        See :func:`hindcast.backfill.backfill.backfill`.

    Attributes
    ----------
    reasons : dict of str to dict of str to int
        Why something is computed, and for how many requests of which feature.
    landed : dict of str to int
        Facts that landed since, by table.
    dirty : dict of str to bool array, shape (n,)
        The requests whose answers those facts made stale.
    """

    def __init__(
        self, store: AnswerStore, facts: Mapping[str, Facts], requests: Frame, as_of: Ints, marks: Mapping[str, str]
    ) -> None:
        self.store, self.facts, self.asked, self.as_of, self.marks = store, facts, requests, as_of, marks
        self.reasons: dict[str, dict[str, int]] = {}
        self.landed: dict[str, int] = {}
        self.dirty: dict[str, Bools] = {}
        self._nothing_kept = not store.entries and not store.notices
        self._contents = _Contents(facts, store.entries.values())
        self._lanes: dict[tuple[str, ...], Lanes] = {}
        self._asked_before: dict[str, Lanes | None] = {}
        self._places: dict[tuple[str, tuple[str, ...]], Ints] = {}
        self._changes: dict[tuple[str, int], Changes] = {}
        self._touched: dict[tuple[str, str, int], Bools] = {}

    def judge(self, part: Part, frame: Frame) -> Stale:
        """What is stale of `part`; `frame` holds the requests with the answers to its inputs."""
        n = len(self.as_of)
        everything = np.ones(n, dtype=np.bool_)
        entry = self.store.entries.get(part.digest)
        why = self._untrusted(part, entry, frame)
        if entry is None or why:
            self.because(why, part.names, n)
            return Stale(part, everything, entry=entry)
        kept, before = self.store.columns(entry), self._digests(entry)
        if kept is None or before is None:
            self.because("its file is torn, altered or missing", part.names, n)
            return Stale(part, everything, entry=entry)
        place = self._place(entry.requests, part.asks, before)
        rows = place < 0
        if rows.any():
            self.because("the request was not asked before", part.names, int(rows.sum()))
        landed = [table for table, mark in entry.tables.items() if self._landed(table, mark)]
        for table in landed:
            dirty = self._dirtied(part, table, entry.tables[table].seq, frame)
            self.dirty[table] = self.dirty.get(table, np.zeros(n, dtype=np.bool_)) | dirty
            rows = rows | dirty
            if dirty.any():
                followed = "" if part.is_plain else "; which requests they touch is not followed up"
                self.because(f"facts of {table} landed{followed}", part.names, int(dirty.sum()))
        moved = bool(landed) and not is_every_row(place, len(before))
        return Stale(part, rows, kept, place, entry, moved)

    def because(self, why: str, names: Sequence[str], rows: int) -> None:
        """Note why something is computed."""
        found = self.reasons.setdefault(why, {})
        for name in names:
            found[name] = max(found.get(name, 0), rows)

    def kinds(self, part: Part, frame: Frame) -> dict[str, str]:
        """The kinds of what a part reads; a time with nulls reaches a function as another type than one without."""
        found = {}
        for name in part.takes:
            column = frame[name]
            nulls = column.kind == "time" and column.valid is not None
            found[name] = f"{column.kind} with nulls" if nulls else str(column.kind)
        for table, columns in part.tables.items():
            there = self.facts[table].frame
            found.update({f"{table}.{name}": str(there[name].kind) for name in columns if name in there})
        return found

    def digests(self, asks: tuple[str, ...]) -> Lanes:
        """What identifies the requests to a part that asks these columns of them, shape (n, 2)."""
        if asks not in self._lanes:
            columns = {f"asked {name}": self.asked[name] for name in asks}
            self._lanes[asks] = row_digests(Frame({**columns, "as_of": Column("integer", self.as_of)}))
        return self._lanes[asks]

    def watermark(self, table: str, columns: tuple[str, ...], entry: Entry | None) -> Watermark:
        """How far a table has landed, for one who reads `columns` and was kept in `entry` before."""
        mark, seq = self.marks.get(table), self.facts[table].seq
        before = None if entry is None else entry.tables[table]
        if before is not None and self._is_marked(table, before):
            return before
        last = int(seq[-1]) if len(seq) else -1
        content = self._contents.upto(table, columns, last)
        if mark is None and before is not None and (before.seq, before.content) == (last, content):
            return before  # with the mark it had: it stands for the same facts
        return Watermark(last, content, mark)

    # ---- facts ------------------------------------------------------------------------------------------

    def _untrusted(self, part: Part, entry: Entry | None, frame: Frame) -> str:
        """Why nothing that is kept of the part can be used; empty when it can."""
        if part.open:
            return f"it uses {part.open}, which is not part of its identity"
        if entry is None:
            return "nothing was kept yet" if self._nothing_kept else "its definition is new or changed"
        if dict(entry.read) != self.kinds(part, frame):
            return "a column that it reads is of another kind than before"
        for table, mark in entry.tables.items():
            if self._is_marked(table, mark):
                continue
            if self._contents.upto(table, part.tables[table], mark.seq) != mark.content:
                return f"what had landed in {table} is not what it was"
        return ""

    def _is_marked(self, table: str, mark: Watermark) -> bool:
        return mark.mark is not None and mark.mark == self.marks.get(table)

    def _landed(self, table: str, mark: Watermark) -> bool:
        """Whether facts landed after a watermark."""
        if self._is_marked(table, mark):
            return False
        count = len(self.facts[table]) - int(np.searchsorted(self.facts[table].seq, mark.seq, side="right"))
        if count:
            self.landed[table] = max(self.landed.get(table, 0), count)
        return count > 0

    def _dirtied(self, part: Part, table: str, seq: int, frame: Frame) -> Bools:
        """Requests whose answers facts of `table` landed after `seq` can have altered, itself or through an input."""
        key = (part.digest, table, seq)
        if key not in self._touched:
            found = np.zeros(len(self.as_of), dtype=np.bool_)
            for needed in part.inputs:
                if table in needed.tables:
                    found |= self._dirtied(needed, table, seq, frame)
            if table in part.own_tables:
                facts = self.facts[table]
                first = int(np.searchsorted(facts.seq, seq, side="right"))
                if part.is_plain:
                    if (table, seq) not in self._changes:
                        self._changes[table, seq] = changes_since(facts, part.definition.table.key, first)
                    found |= touched(part.definition, facts, self._changes[table, seq], frame, self.as_of)
                else:
                    found |= self.as_of > facts.known[first:].min()
            self._touched[key] = found
        return self._touched[key]

    # ---- requests ---------------------------------------------------------------------------------------

    def _digests(self, entry: Entry) -> Lanes | None:
        if entry.requests not in self._asked_before:
            self._asked_before[entry.requests] = self.store.digests(entry)
        return self._asked_before[entry.requests]

    def _place(self, file: str, asks: tuple[str, ...], before: Lanes) -> Ints:
        if (file, asks) not in self._places:
            self._places[file, asks] = _places(before, self.digests(asks))
        return self._places[file, asks]


class _Contents:
    """Digests of what tables held up to places in the order of landing; each column is read at most once."""

    def __init__(self, facts: Mapping[str, Facts], entries: Iterable[Entry]) -> None:
        self.facts = facts
        self._seqs: dict[str, set[int]] = {}
        for entry in entries:
            for table, mark in entry.tables.items():
                self._seqs.setdefault(table, set()).add(mark.seq)
        self._totals: dict[tuple[str, str], dict[int, list[int]]] = {}

    def upto(self, table: str, columns: tuple[str, ...], seq: int) -> str:
        """The digest of `columns` of the facts with sequence up to `seq`, with their times and places."""
        row = self._row(table, seq)
        return digest({name: self._total(table, name)[row] for name in ("", *columns)}, length=32)

    def _row(self, table: str, seq: int) -> int:
        return int(np.searchsorted(self.facts[table].seq, seq, side="right"))

    def _total(self, table: str, column: str) -> dict[int, list[int]]:
        """By the number of facts from the first: the digest of their values in a column; times alone for ''."""
        if (table, column) not in self._totals:
            facts = self.facts[table]
            lanes = row_digests(Frame({column: facts.frame[column]} if column else {}, len(facts)), facts.retract)
            cuts = sorted({0, len(facts), *(self._row(table, seq) for seq in self._seqs.get(table, ()))})
            sums, so_far = {0: [0, 0]}, np.zeros(2, dtype=np.uint64)
            for first, last in pairwise(cuts):
                part = slice(first, last)
                so_far = so_far + total(lanes[part], facts.seq[part], facts.event[part], facts.known[part])
                sums[last] = so_far.tolist()
            self._totals[table, column] = sums
        return self._totals[table, column]


def is_every_row(place: Ints, count: int) -> bool:
    """Whether `place` is 0, 1, ... `count` - 1."""
    return len(place) == count and bool((place == np.arange(count)).all())


def _places(before: Lanes, now: Lanes) -> Ints:
    """For each row of `now` a row of `before` with the same digest, -1 where there is none, shape (n,)."""
    place = np.full(len(now), -1, dtype=np.int64)
    shared = min(len(before), len(now))
    same = (before[:shared] == now[:shared]).all(axis=1)
    place[:shared][same] = np.flatnonzero(same)
    rest = np.flatnonzero(place < 0)
    if len(rest) and len(before):
        order = np.argsort(before[:, 0], kind="stable")
        at = order[np.minimum(np.searchsorted(before[order, 0], now[rest, 0]), len(before) - 1)]
        found = (before[at] == now[rest]).all(axis=1)
        place[rest[found]] = at[found]
    return place
