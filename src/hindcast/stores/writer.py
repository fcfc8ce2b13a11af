"""The writer of online features: it takes facts as they come and commits what they change to a store.

For each entity it keeps a block of the facts that still matter (:mod:`hindcast.stores.blocks`); a commit changes
the blocks of the entities that a micro-batch touched, all together. :class:`~hindcast.stores.reader.StoredFeatures`
reads them in any number of processes.

The writer holds no state: it reads what it changes from the store, so it starts at once wherever the last one
stopped, and a fact that is pushed twice counts once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any

import numpy as np

from hindcast.columns import Column
from hindcast.errors import ConfigError, DataError
from hindcast.facts.facts import Facts
from hindcast.features.plan import FeaturePlan
from hindcast.stores.blocks import Block
from hindcast.stores.shelves import (
    FORMAT,
    META,
    Meta,
    Shelf,
    Shelves,
    Version,
    decode_versions,
    encode_meta,
    encode_versions,
)
from hindcast.stores.store import OnlineStore, encode_key
from hindcast.values import BEGINNING, NEVER, Ints, iso

__all__ = ["FeatureWriter"]

_FIRST_KEYS, _FIRST_BYTES = 20_000, 1 << 25
"""A new store is filled in commits of this size; nobody reads it before the last one."""

Places = tuple[bytes | None, ...]


class FeatureWriter:
    """Takes facts and commits what changed to an online store; the one that may.

    Parameters
    ----------
    plan : FeaturePlan
    store : OnlineStore
    clear : bool, default False
        Begin anew: whatever the store holds is removed at once.

    Raises
    ------
    StateError
        When the store has a writer already, or was written for other features.
    ConfigError
        For features of an enriched table, which cannot be stored.

    Attributes
    ----------
    watermarks : dict of str to int
        By table, the greatest sequence that is committed. Push in the order of sequence, and after a restart go on
        behind it; facts pushed again count once in any case.
    now_us : int
        The earliest as_of that readers may ask for.

    Notes
    -----
    Memory: the facts pushed since the last commit, and the blocks they touch while it runs. Cost of a commit: two
    reads and one write of the store; each touched entity's facts are rewritten, so one entity with very many facts
    in its longest window is dear.

    Examples
    --------
    >>> from hindcast.facts import Table
    >>> from hindcast.features import window
    >>> from hindcast.stores.reader import StoredFeatures
    >>> from hindcast.stores.memory import MemoryStore
    >>> rides = Table("rides", event_time="at", known="event")
    >>> plan = FeaturePlan.compile([window(rides, "fare", "sum", over="1h", by="who", name="spent")])
    >>> store = MemoryStore()
    >>> with FeatureWriter(plan, store) as writer:
    ...     writer.push("rides", Facts.of(rides, [{"at": "1970-01-01T00:00:05Z", "who": "ann", "fare": 7.5}]))
    ...     writer.commit(6_000_000)
    1
    >>> reader = StoredFeatures(plan, store)
    >>> reader.read({"who": "ann"}, 60_000_000).values, reader.read({"who": "ann"}, 3_605_000_001).values
    ({'spent_sum_1h_by_who': 7.5}, {'spent_sum_1h_by_who': 0.0})
    """

    def __init__(self, plan: FeaturePlan, store: OnlineStore, *, clear: bool = False) -> None:
        self.plan, self.store = plan, store
        self._shelves = Shelves(plan)
        self._waiting: dict[str, list[Facts]] = {}
        self._lease = store.writer("the writer of online features")
        try:
            (data,) = store.get_many([META])
            meta = None if clear else self._shelves.meta(data, store)
            self._fresh = meta is None
            if self._fresh:  # also what a first filling left that was cut short
                self._lease.clear()
            self._meta = meta or Meta(FORMAT, plan.identity, 0, BEGINNING, {}, {})
        except BaseException:
            self._lease.release()
            raise

    @property
    def now_us(self) -> int:
        return self._meta.now_us

    @property
    def watermarks(self) -> dict[str, int]:
        return dict(self._meta.watermarks)

    def push(self, table: str, facts: Facts) -> None:
        """Take facts of `table`, in any order, for the next commit. A table that no feature reads is ignored."""
        if table in self._shelves.of_table:
            columns = facts.frame.select(self._shelves.columns[table])
            for name, column in columns.items():
                if column.kind == "list":
                    raise DataError(f"table {table!r}: an online store holds no lists of values", column=name)
            self._waiting.setdefault(table, []).append(
                Facts(facts.event, facts.known, facts.seq, facts.retract, columns)
            )

    def commit(self, now_us: int) -> int:
        """Commit what was pushed, all of it or nothing; gives how many entities changed.

        Parameters
        ----------
        now_us : int
            From here on no request asks for an earlier as_of. Give a little less than the clock says, so that
            servers whose clocks are behind are answered too: facts that become known later enter at their time.

        Raises
        ------
        StateError
            From the store; what was pushed stays, and the next commit holds it again.
        ConfigError
            For a moment before the last commit's.
        """
        if now_us < self._meta.now_us:
            raise ConfigError(
                f"online features were committed at {iso(self._meta.now_us)}; a commit at {iso(now_us)} would need "
                "what was let go."
            )
        batch = _Batch(self.store, self._shelves, now_us)
        marks, kinds = self.watermarks, {name: dict(found) for name, found in self._meta.kinds.items()}
        for table, parts in self._waiting.items():
            facts = Facts.concat(parts)
            if len(facts):
                batch.add(table, facts)
                marks[table] = max(marks.get(table, -1), int(facts.seq.max()))
            held = kinds.setdefault(table, {})
            for name, column in facts.frame.items():
                if held.get(name) != "text":
                    held[name] = column.kind
        puts, entities = batch.puts()
        meta = Meta(FORMAT, self.plan.identity, self._meta.commits + 1, now_us, marks, kinds)
        if self._fresh:
            puts = self._fill(puts)
        self._lease.commit({**puts, META: encode_meta(meta)})
        self._meta, self._fresh = meta, False
        self._waiting.clear()
        return entities

    def _fill(self, puts: dict[bytes, bytes | None]) -> dict[bytes, bytes | None]:
        """Commit most of what a new store gets, piece by piece; gives the rest."""
        piece: dict[bytes, bytes | None] = {}
        size = 0
        for key, value in puts.items():
            piece[key] = value
            size += len(value or b"")
            if len(piece) >= _FIRST_KEYS or size >= _FIRST_BYTES:
                self._lease.commit(piece)
                piece, size = {}, 0
        return piece

    def release(self) -> None:
        """Let the next writer in; what was not committed is forgotten."""
        self._lease.release()

    def __enter__(self) -> FeatureWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class _Batch:
    """The changes of one commit."""

    def __init__(self, store: OnlineStore, shelves: Shelves, now_us: int) -> None:
        self.store, self.shelves, self.now_us = store, shelves, now_us
        self.chains: dict[bytes, list[Version]] = {}
        self.touched: dict[bytes, _Change] = {}

    def add(self, table: str, facts: Facts) -> None:
        """Put facts into their entities' blocks, and end what they replace."""
        shelves = self.shelves.of_table[table]
        places = list(zip(*(_places(shelf, facts) for shelf in shelves), strict=True))
        until = np.full(len(facts), NEVER, dtype=np.int64)
        counts = ~facts.retract
        if self.shelves.plan.tables[table].key:
            self._replace(table, facts, places, until, counts)
        made = Block(facts, until)
        rows_of: list[dict[bytes, list[int]]] = [{} for _ in shelves]
        for row in np.flatnonzero(counts).tolist():
            for at, place in enumerate(places[row]):
                if place is not None:
                    rows_of[at].setdefault(place, []).append(row)
        for shelf, found in zip(shelves, rows_of, strict=True):
            for place, rows in found.items():
                self._change(shelf, place).add(made.take(np.array(rows, dtype=np.int64)))

    def _change(self, shelf: Shelf, place: bytes) -> _Change:
        change = self.touched.get(place)
        if change is None:
            change = self.touched[place] = _Change(shelf)
        return change

    def _replace(self, table: str, facts: Facts, places: list[Places], until: Ints, counts: Any) -> None:
        """Where each fact stands among the versions of its key; writes `until`, and `counts` for what is repeated."""
        keys = _versions_of(self.shelves.plan.tables[table].keys, self.shelves.version_kind[table], facts.frame)
        wanted = [key for key in dict.fromkeys(keys) if key is not None]
        for key, data in zip(wanted, self.store.get_many(wanted), strict=True):
            self.chains[key] = decode_versions(data, self.store.place) if data is not None else []
        shelves = self.shelves.of_table[table]
        row_of: dict[int, int] = {}
        for row in np.lexsort((facts.seq, facts.known)).tolist():
            key = keys[row]
            if key is None:
                continue
            chain = self.chains[key]
            known, seq = int(facts.known[row]), int(facts.seq[row])
            if any(version.seq == seq for version in chain):
                counts[row] = False
                continue
            at = sum((version.known, version.seq) < (known, seq) for version in chain)
            chain.insert(at, Version(known, seq, bool(facts.retract[row]), list(places[row])))
            row_of[seq] = row
            if at + 1 < len(chain):
                until[row] = chain[at + 1].known
            if at > 0 and not chain[at - 1].retracted:
                old = chain[at - 1]
                if old.seq in row_of:
                    until[row_of[old.seq]] = known
                else:
                    for shelf, place in zip(shelves, old.places, strict=True):
                        if place is not None:
                            self._change(shelf, place).ends[old.seq] = known
        for key in wanted:  # a version whose successor was known before now is never asked for again
            chain = self.chains[key]
            while len(chain) > 1 and chain[1].known < self.now_us:
                del chain[0]

    def puts(self) -> tuple[dict[bytes, bytes | None], int]:
        """What is to be committed, and how many entities it changes."""
        keys = sorted(self.touched)
        puts: dict[bytes, bytes | None] = {}
        for key, held in zip(keys, self.store.get_many(keys), strict=True):
            change = self.touched[key]
            columns = self.shelves.columns[change.shelf.table]
            block = change.on(Block.decode(held, columns, self.store.place) if held is not None else None, self.now_us)
            puts[key] = block.encode(columns) if block is not None else None
        entities = len(puts)
        for key, chain in self.chains.items():
            puts[key] = encode_versions(chain)
        return puts, entities


class _Change:
    """What becomes of one block: facts that come, and moments until which older ones are visible."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.parts: list[Block] = []
        self.ends: dict[int, int] = {}

    def add(self, part: Block) -> None:
        self.parts.append(part)

    def on(self, held: Block | None, now_us: int) -> Block | None:
        """The block after the change, without what no as_of from `now_us` on needs, in canonical order."""
        parts = ([held] if held is not None else []) + self.parts
        if not parts:
            return None
        block = Block.concat(parts)
        facts, until = block.facts, block.until
        if self.ends:
            until = until.copy()
            for row, seq in enumerate(facts.seq.tolist()):
                until[row] = min(until[row], self.ends.get(seq, NEVER))
        _, first = np.unique(facts.seq, return_index=True)  # pushed again: the one that is there counts
        once = np.zeros(len(facts), dtype=np.bool_)
        once[first] = True
        keep = once & (until >= now_us)
        if self.shelf.retain_us >= 0:
            matters = facts.event >= now_us - self.shelf.retain_us
            if self.shelf.latest_kept:
                past = np.flatnonzero(keep & (facts.event < now_us) & (facts.known < now_us))
                if len(past):
                    newest = np.lexsort((facts.seq[past], facts.known[past], facts.event[past]))[-1]
                    matters[past[newest]] = True
                matters |= facts.known >= now_us  # it may be the newest once it is known
            keep &= matters
        rows = np.flatnonzero(keep)
        if not len(rows):
            return None
        order = np.lexsort((facts.seq[rows], facts.known[rows], facts.event[rows]))
        return Block(facts, until).take(rows[order])


def _places(shelf: Shelf, facts: Facts) -> list[bytes | None]:
    """The stored key of each fact's entity, None where a part of it is null."""
    return _encoded(shelf.kind, [facts.frame[name] for name in shelf.columns], len(facts))


def _versions_of(key: Iterable[str], kind: bytes, frame: Mapping[str, Column]) -> list[bytes | None]:
    columns = [frame[name] for name in key]
    return _encoded(kind, columns, len(columns[0]))


def _encoded(kind: bytes, columns: Sequence[Column], length: int) -> list[bytes | None]:
    if not columns:
        return [encode_key(kind, ())[0]] * length
    made: dict[tuple[Any, ...], bytes | None] = {}
    found = []
    for parts in zip(*(column.objects().tolist() for column in columns), strict=True):
        if parts not in made:
            made[parts] = None if None in parts else encode_key(kind, parts)[0]
        found.append(made[parts])
    return found
