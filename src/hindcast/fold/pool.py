"""A pool: the folds of all entities of a group in two long arrays, so that compiled code walks over them.

A fold that outgrows its place moves to the end of the pool; when half of the pool is left behind, the rest moves up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hindcast.columns import Column
from hindcast.fold.compiled import compiled, inlined
from hindcast.fold.fold import fold_lengths, new_fold
from hindcast.fold.index import Index
from hindcast.fold.kernel import advance, append, kill, push
from hindcast.fold.layout import CAP, NOW, WIDE
from hindcast.fold.read import collect, read
from hindcast.values import NEVER, Bools, Floats, Ints

__all__ = ["Pool"]

Key = tuple[Any, ...]
_ROOM = 4
"""A new fold has room for so many facts."""


class Pool:
    """The folds of a group, one per entity.

    Parameters
    ----------
    spec : int64 array
    width : int
        How many columns the key has.
    """

    def __init__(self, spec: Ints, width: int) -> None:
        self.spec, self.index = spec, Index(width)
        self._ints, self._floats = np.zeros(1024, dtype=np.int64), np.zeros(1024, dtype=np.float64)
        self._places = np.full((0, 2), -1, dtype=np.int64)  # where each fold begins in the two arrays
        self._used = np.zeros(4, dtype=np.int64)  # of the two arrays; and what of it is left behind

    def __len__(self) -> int:
        return len(self.index)

    @property
    def nbytes(self) -> int:
        """Bytes in use, the ones left behind included."""
        return 8 * int(self._used[:2].sum())

    def _grow(self) -> None:
        """A place for every entity that the index knows."""
        n = len(self.index)
        if n > len(self._places):
            more = np.full((max(n, 2 * len(self._places), 16), 2), -1, dtype=np.int64)
            more[: len(self._places)] = self._places
            self._places = more

    def ids(self, frame: Mapping[str, Column], columns: list[str], length: int) -> Ints:
        """The entities of rows, -1 for none; new ones get a fold when a fact comes."""
        ids = self.index.of([frame[column] for column in columns], length)
        self._grow()
        return ids

    def feed(self, ids: Ints, now: int, events: Ints, knowns: Ints, seqs: Ints, values: Floats) -> None:
        """Push facts one after another, each into its entity's fold; `values` has shape (V, n)."""
        self._tidy()
        self._ints, self._floats = _feed(
            self.spec, self._ints, self._floats, self._places, self._used, ids, now, events, knowns, seqs, values
        )

    def kill(self, entity: int, event: int, known: int, seq: int) -> None:
        """A fact is visible no more."""
        if entity >= 0 and self._places[entity, 0] >= 0:
            self._ints, self._floats = _kill(
                self.spec, self._ints, self._floats, self._places, self._used, entity, event, known, seq
            )

    def kill_many(self, ids: Ints, events: Ints, knowns: Ints, seqs: Ints) -> None:
        """Facts are visible no more; -1 is none."""
        self._ints, self._floats = _kill_many(
            self.spec, self._ints, self._floats, self._places, self._used, ids, events, knowns, seqs
        )

    def read(
        self, entity: int, now: int, own: bool, own_event: int, own_values: Floats, out: Floats, ages: Ints
    ) -> None:
        """One entity's answers at `now`; -1 is an entity without facts."""
        self._ints, self._floats = _read(
            self.spec, self._ints, self._floats, self._places, self._used, entity, now,
            own, own_event, own_values, out, ages,
        )  # fmt: skip

    def follow(
        self,
        ids: Ints,
        live: Bools,
        replaced: Ints,
        events: Ints,
        knowns: Ints,
        seqs: Ints,
        values: Floats,
        now: Ints,
        out: Floats,
    ) -> None:
        """Push facts, and read the entity of each at its moment in `now`, which rises.

        Facts of one moment are pushed together before their entities are read. What is not `live` is only read;
        a row of `replaced` (entity or -1, event, known, sequence) is killed before its fact is pushed; it may have no
        rows at all. An id of -1 reads as null.
        """
        self._tidy()
        self._ints, self._floats = _follow(
            self.spec, self._ints, self._floats, self._places, self._used, ids, live, replaced, events, knowns, seqs,
            values, now, out,
        )  # fmt: skip

    def collect(self, entity: int, output: int, now: int) -> tuple[Floats, bool]:
        """The values that a collecting output is made of, and whether the table saw anything, after :meth:`read`."""
        ints, floats = self.fold(entity)
        if ints[NOW] < now:
            ints, floats = advance(self.spec, ints, floats, now)
        xs, seen = collect(self.spec, ints, floats, output)
        return xs, bool(seen)

    def fold(self, entity: int) -> tuple[Ints, Floats]:
        """An entity's fold, a view; an empty one where it has none."""
        if entity < 0 or self._places[entity, 0] < 0:
            return new_fold(self.spec, 1)  # type: ignore[no-any-return]
        i, f = self._places[entity].tolist()
        lengths = fold_lengths(self.spec, self._ints[i + CAP], self._ints[i + WIDE])
        return self._ints[i : i + lengths[0]], self._floats[f : f + lengths[1]]

    def put(self, key: Key, ints: Ints, floats: Floats) -> None:
        """Set the fold of an entity."""
        entity = self.index.add(key)
        self._grow()
        self._ints, self._floats = _put(
            self.spec, self._ints, self._floats, self._places, self._used, entity, ints, floats
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """The folds as they lie: what :meth:`fill` takes, in its order."""
        self._tidy()
        return {
            "ints": self._ints[: self._used[0]],
            "floats": self._floats[: self._used[1]],
            "places": self._places[: len(self.index)],
            "used": self._used,
        }

    def fill(self, ints: Ints, floats: Floats, places: Ints, used: Ints) -> None:
        """Take the folds of another pool, whose index this one has."""
        self._ints, self._floats = np.zeros(max(1024, len(ints)), np.int64), np.zeros(max(1024, len(floats)))
        self._ints[: len(ints)], self._floats[: len(floats)] = ints, floats
        self._places, self._used = places.copy(), used.copy()

    def _tidy(self) -> None:
        """Leave behind what is left behind, when that is half of it all."""
        if self._used[2] * 2 > self._used[0] and self._used[0] > 1 << 16:
            self._ints, self._floats = _packed(self.spec, self._ints, self._floats, self._places, self._used)


@compiled
def _view(spec: Ints, ints: Ints, floats: Floats, i: int, f: int) -> tuple[Ints, Floats]:
    a, b = fold_lengths(spec, ints[i + CAP], ints[i + WIDE])
    return ints[i : i + a], floats[f : f + b]


@compiled
def _put(
    spec: Ints, ints: Ints, floats: Floats, places: Ints, used: Ints, entity: int, fold_ints: Ints, fold_floats: Floats
) -> tuple[Ints, Floats]:
    """Put a fold at the end of the pool, and leave the entity's old one behind."""
    if places[entity, 0] >= 0:
        a, b = fold_lengths(spec, ints[places[entity, 0] + CAP], ints[places[entity, 0] + WIDE])
        used[2] += a
        used[3] += b
    i, f = used[0], used[1]
    if i + len(fold_ints) > len(ints):
        more = np.empty(max(2 * len(ints), i + len(fold_ints)), dtype=np.int64)
        more[:i] = ints[:i]
        ints = more
    if f + len(fold_floats) > len(floats):
        more_floats = np.empty(max(2 * len(floats), f + len(fold_floats)), dtype=np.float64)
        more_floats[:f] = floats[:f]
        floats = more_floats
    ints[i : i + len(fold_ints)] = fold_ints
    floats[f : f + len(fold_floats)] = fold_floats
    places[entity, 0], places[entity, 1] = i, f
    used[0] += len(fold_ints)
    used[1] += len(fold_floats)
    return ints, floats


@compiled
def _packed(spec: Ints, ints: Ints, floats: Floats, places: Ints, used: Ints) -> tuple[Ints, Floats]:
    room_ints, room_floats = max(1024, 2 * (used[0] - used[2])), max(1024, 2 * (used[1] - used[3]))
    new_ints, new_floats = np.empty(room_ints, dtype=np.int64), np.empty(room_floats, dtype=np.float64)
    used[:] = 0
    for entity in range(len(places)):
        i, f = places[entity]
        if i >= 0:
            fold_ints, fold_floats = _view(spec, ints, floats, i, f)
            places[entity, 0] = -1
            new_ints, new_floats = _put(spec, new_ints, new_floats, places, used, entity, fold_ints, fold_floats)
    return new_ints, new_floats


@compiled
def _push(
    spec: Ints,
    ints: Ints,
    floats: Floats,
    places: Ints,
    used: Ints,
    entity: int,
    now: int,
    event: int,
    known: int,
    seq: int,
    values: Floats,
    row: int,
) -> tuple[Ints, Floats]:
    if places[entity, 0] < 0:
        empty_ints, empty_floats = new_fold(spec, _ROOM)
        ints, floats = _put(spec, ints, floats, places, used, entity, empty_ints, empty_floats)
    fold_ints, fold_floats = _view(spec, ints, floats, places[entity, 0], places[entity, 1])
    cap, wide = fold_ints[CAP], fold_ints[WIDE]
    if fold_ints[NOW] < now:
        fold_ints, fold_floats = advance(spec, fold_ints, fold_floats, now)
    fold_ints, fold_floats = push(spec, fold_ints, fold_floats, event, known, seq, values, row)
    if fold_ints[CAP] != cap or fold_ints[WIDE] != wide:
        ints, floats = _put(spec, ints, floats, places, used, entity, fold_ints, fold_floats)
    return ints, floats


@compiled
def _feed(
    spec: Ints,
    ints: Ints,
    floats: Floats,
    places: Ints,
    used: Ints,
    ids: Ints,
    now: int,
    events: Ints,
    knowns: Ints,
    seqs: Ints,
    values: Floats,
) -> tuple[Ints, Floats]:
    for row in range(len(ids)):
        if ids[row] >= 0:
            ints, floats = _push(
                spec, ints, floats, places, used, ids[row], now, events[row], knowns[row], seqs[row], values, row
            )
    return ints, floats


@compiled
def _kill(
    spec: Ints, ints: Ints, floats: Floats, places: Ints, used: Ints, entity: int, event: int, known: int, seq: int
) -> tuple[Ints, Floats]:
    fold_ints, fold_floats = _view(spec, ints, floats, places[entity, 0], places[entity, 1])
    wide = fold_ints[WIDE]
    fold_ints, fold_floats = kill(spec, fold_ints, fold_floats, event, known, seq)
    if fold_ints[WIDE] != wide:
        ints, floats = _put(spec, ints, floats, places, used, entity, fold_ints, fold_floats)
    return ints, floats


@compiled
def _kill_many(
    spec: Ints, ints: Ints, floats: Floats, places: Ints, used: Ints, ids: Ints, events: Ints, knowns: Ints, seqs: Ints
) -> tuple[Ints, Floats]:
    for row in range(len(ids)):
        if ids[row] >= 0 and places[ids[row], 0] >= 0:
            ints, floats = _kill(spec, ints, floats, places, used, ids[row], events[row], knowns[row], seqs[row])
    return ints, floats


@compiled
def _read(
    spec: Ints,
    ints: Ints,
    floats: Floats,
    places: Ints,
    used: Ints,
    entity: int,
    now: int,
    own: bool,
    own_event: int,
    own_values: Floats,
    out: Floats,
    ages: Ints,
) -> tuple[Ints, Floats]:
    if entity < 0 or places[entity, 0] < 0:
        fold_ints, fold_floats = new_fold(spec, 1)
        fold_ints, fold_floats = advance(spec, fold_ints, fold_floats, now)
        read(spec, fold_ints, fold_floats, own, own_event, own_values, out, ages)
        return ints, floats
    fold_ints, fold_floats = _view(spec, ints, floats, places[entity, 0], places[entity, 1])
    wide = fold_ints[WIDE]
    fold_ints, fold_floats = advance(spec, fold_ints, fold_floats, now)
    if fold_ints[WIDE] != wide:
        ints, floats = _put(spec, ints, floats, places, used, entity, fold_ints, fold_floats)
    read(spec, fold_ints, fold_floats, own, own_event, own_values, out, ages)
    return ints, floats


@inlined
def _step(
    spec: Ints,
    ints: Ints,
    floats: Floats,
    places: Ints,
    used: Ints,
    entity: int,
    event: int,
    known: int,
    seq: int,
    values: Floats,
    row: int,
    now: int,
    out: Floats,
    none: Floats,
    no_ages: Ints,
) -> tuple[Ints, Floats]:
    """Push one fact and read its entity at `now`: what :func:`_push` and :func:`_read` do, with its fold at hand."""
    if places[entity, 0] < 0:
        empty_ints, empty_floats = new_fold(spec, _ROOM)
        ints, floats = _put(spec, ints, floats, places, used, entity, empty_ints, empty_floats)
    fold_ints, fold_floats = _view(spec, ints, floats, places[entity, 0], places[entity, 1])
    cap, wide = fold_ints[CAP], fold_ints[WIDE]
    if not append(spec, fold_ints, fold_floats, event, known, seq, values, row):
        fold_ints, fold_floats = push(spec, fold_ints, fold_floats, event, known, seq, values, row)
    fold_ints, fold_floats = advance(spec, fold_ints, fold_floats, now)
    if fold_ints[CAP] != cap or fold_ints[WIDE] != wide:
        ints, floats = _put(spec, ints, floats, places, used, entity, fold_ints, fold_floats)
    read(spec, fold_ints, fold_floats, False, NEVER, none, out, no_ages)
    return ints, floats


@compiled
def _follow(
    spec: Ints,
    ints: Ints,
    floats: Floats,
    places: Ints,
    used: Ints,
    ids: Ints,
    live: Bools,
    replaced: Ints,
    events: Ints,
    knowns: Ints,
    seqs: Ints,
    values: Floats,
    now: Ints,
    out: Floats,
) -> tuple[Ints, Floats]:
    none, no_ages = np.empty(0, dtype=np.float64), np.empty(0, dtype=np.int64)
    first, n, kills = 0, len(ids), len(replaced) > 0
    while first < n:
        end = first + 1
        while end < n and now[end] == now[first]:
            end += 1
        if end == first + 1 and not kills and live[first] and ids[first] >= 0:
            ints, floats = _step(
                spec, ints, floats, places, used, ids[first], events[first], knowns[first], seqs[first], values, first,
                now[first], out[first], none, no_ages,
            )  # fmt: skip
            first = end
            continue
        for row in range(first, end):
            if kills and replaced[row, 0] >= 0 and places[replaced[row, 0], 0] >= 0:
                ints, floats = _kill(
                    spec, ints, floats, places, used, replaced[row, 0], replaced[row, 1], replaced[row, 2],
                    replaced[row, 3],
                )  # fmt: skip
            if live[row] and ids[row] >= 0:
                ints, floats = _push(
                    spec, ints, floats, places, used, ids[row], -NEVER, events[row], knowns[row], seqs[row], values, row
                )
        for row in range(first, end):
            if ids[row] < 0:
                out[row] = np.nan
            else:
                ints, floats = _read(
                    spec, ints, floats, places, used, ids[row], now[row], False, NEVER, none, out[row], no_ages
                )
        first = end
    return ints, floats
