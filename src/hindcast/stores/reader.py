"""The reader of online features: answers from what a writer has committed, in any number of processes.

It fetches the blocks of a request's entities in one trip and folds them with
:class:`~hindcast.features.online.OnlineFeatures`, so it gives what a process that has seen all facts would give, to
the bit. Where a key is itself looked up, it asks again with what it has learnt, for all blocks at once: whatever it
answers from is of one moment of the store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from hindcast.columns import Column, Frame, Kind
from hindcast.errors import ConfigError, DataError, StateError, UnknownName
from hindcast.facts.facts import Facts
from hindcast.features.graph import Neighbours
from hindcast.features.online import Answer, OnlineFeatures
from hindcast.features.plan import FeaturePlan
from hindcast.stores.blocks import Block
from hindcast.stores.shelves import META, Meta, Shelf, Shelves
from hindcast.stores.store import OnlineStore, encode_key
from hindcast.values import Ints, iso

__all__ = ["StoredFeatures"]

Place = tuple[str, bytes]


class _Look(NamedTuple):
    """Where to look, under which names the key is found, or in which list."""

    shelf: Shelf
    names: tuple[str, ...]
    fanned: str


class StoredFeatures:
    """Answers requests from what a :class:`FeatureWriter` has committed, in any number of processes.

    Parameters
    ----------
    plan : FeaturePlan
        The one that the store was written for.
    store : OnlineStore

    Notes
    -----
    Holds no state of its own and may be used by several threads. A read is one trip to the store, and then folds
    the facts of the request's entities: O(facts in their longest windows).
    """

    def __init__(self, plan: FeaturePlan, store: OnlineStore) -> None:
        self.plan, self.store = plan, store
        self._shelves = Shelves(plan)
        self._wide = _with_members(plan)
        self._made = {name for name, origin in self._wide.origins.items() if origin != "request"}
        looks = [_Look(shelf, names, "") for shelf in self._shelves.all for names in shelf.asked]
        looks += [_Look(shelf, (), members) for shelf in self._shelves.all for members in shelf.fanned]
        self._later = [look for look in looks if look.fanned or self._made & set(look.names)]
        self._first = [look for look in looks if look not in self._later]
        self._keys = list(dict.fromkeys(n for look in looks for n in (*look.names, look.fanned) if n))
        self._is_plain = not self._later
        self._seen: tuple[bytes | None, Meta | None, dict[str, Frame]] = (None, None, {})

    def now_us(self) -> int:
        """The earliest as_of that can be asked for: the moment of the writer's last commit."""
        (data,) = self.store.get_many([META])
        return self._told(data)[0].now_us

    def watermarks(self) -> dict[str, int]:
        """By table, the greatest sequence that is committed."""
        (data,) = self.store.get_many([META])
        return dict(self._told(data)[0].watermarks)

    def read(self, request: Mapping[str, Any], as_of_us: int, kinds: Mapping[str, Kind] | None = None) -> Answer:
        """The features of one request; equal to :meth:`OnlineFeatures.read` of a process that has seen all facts.

        Parameters
        ----------
        request : mapping
            A value per column of ``plan.request_columns``; None is null.
        as_of_us : int
            From the writer's last commit on, in any order.
        kinds : mapping, optional
            The kinds of the request's columns; without it they are taken from the values.

        Raises
        ------
        StateError
            For a store that is empty, was written for other features, or holds something else.
        ConfigError
            For a moment before the writer's last commit.
        UnknownName, DataError
            For a request that lacks a column, or holds what is no value of its kind.
        """
        given = self._asked(request, kinds)
        found: Mapping[str, Any] = {}
        places = self._wanted(self._first, given)
        while True:
            state = self._fetched(places).state(self._wide, as_of_us, places)
            answer = state.read(request, as_of_us, kinds)
            if self._is_plain:
                return answer
            found = {**given, **answer.values}
            wanted = dict.fromkeys([*self._wanted(self._first, given), *self._wanted(self._later, found)])
            if wanted.keys() <= set(places):
                return Answer({name: answer.values[name] for name in self.plan.names}, answer.ages)
            places = list(wanted)

    def read_many(self, requests: Frame, as_of: Ints) -> Frame:
        """The features of many requests in their order, all from one moment of the store; equal to :meth:`read`.

        Cost: one trip for all of them, and a fold per distinct entity and as_of.
        """
        given = _rows(requests, [name for name in self._keys if name in requests], len(requests))
        wanted = [self._wanted(self._first, row) for row in given]
        while True:
            places = list(dict.fromkeys(place for row in wanted for place in row))
            found = self._answered(self._fetched(places), wanted, requests, as_of)
            if self._is_plain:
                return found
            made = _rows(found, [name for name in self._keys if name in found], len(requests))
            learnt = [
                list(dict.fromkeys([*self._wanted(self._first, row), *self._wanted(self._later, {**row, **more})]))
                for row, more in zip(given, made, strict=True)
            ]
            if all(set(new) <= set(old) for new, old in zip(learnt, wanted, strict=True)):
                return found.select(self.plan.names)
            wanted = learnt

    def _answered(self, trip: _Trip, places: Sequence[Sequence[Place]], requests: Frame, as_of: Ints) -> Frame:
        """Answer requests, each from the blocks at its places."""
        moments, of_moment = np.unique(as_of, return_inverse=True)
        if not len(moments):
            return OnlineFeatures(self._wide).read_many(requests, as_of)
        parts, rows = [], []
        for number, moment in enumerate(moments.tolist()):
            here = np.flatnonzero(of_moment == number)
            needed = dict.fromkeys(place for row in here.tolist() for place in places[row])
            state = trip.state(self._wide, moment, list(needed))
            parts.append(state.read_many(requests.take(here), as_of[here]))
            rows.append(here)
        back = np.empty(len(as_of), dtype=np.int64)
        back[np.concatenate(rows)] = np.arange(len(as_of))
        return Frame.concat(parts).take(back)

    def _asked(self, request: Mapping[str, Any], kinds: Mapping[str, Kind] | None) -> dict[str, Any]:
        """The parts of keys that a request brings, as facts' columns would hold them."""
        found: dict[str, Any] = {}
        for name in self._keys:
            if name not in self._made:
                if name not in request:
                    raise UnknownName("request column", name, request, where="a request lacks a value;")
                found[name] = _plain(name, request[name], kinds.get(name) if kinds else None)
        return found

    @staticmethod
    def _wanted(looks: Sequence[_Look], values: Mapping[str, Any]) -> list[Place]:
        """The table and the stored key of every block that is needed for these parts of keys."""
        found = []
        for shelf, names, fanned in looks:
            keys = [(member,) for member in values[fanned] or ()] if fanned else [tuple([values[n] for n in names])]
            found += [(shelf.table, encode_key(shelf.kind, key)[0]) for key in keys if None not in key]
        return found

    def _fetched(self, places: Sequence[Place]) -> _Trip:
        """The blocks at `places`, and what the store says of itself, of one moment."""
        data, *values = self.store.get_many([META, *(key for _, key in places)])
        meta, kinds = self._told(data)
        columns, where = self._shelves.columns, self.store.place
        blocks = {
            place: Block.decode(value, columns[place[0]], where)
            for place, value in zip(places, values, strict=True)
            if value is not None
        }
        return _Trip(meta, kinds, blocks)

    def _told(self, data: bytes | None) -> tuple[Meta, dict[str, Frame]]:
        """What the store says of itself, and for each table an empty frame with columns of its kinds."""
        seen, meta, kinds = self._seen
        if meta is None or data != seen:
            meta = self._shelves.meta(data, self.store)
            if meta is None:
                raise StateError(
                    f"{self.store.place} is empty: no writer has committed to it, or it was lost. Start a "
                    "FeatureWriter on it and commit."
                )
            kinds = {
                table: Frame({name: Column.empty(kind, 0) for name, kind in columns.items()}, 0)
                for table, columns in sorted(meta.kinds.items())
            }
            self._seen = (data, meta, kinds)
        return meta, kinds


@dataclass(frozen=True)
class _Trip:
    """What one trip to the store has brought."""

    meta: Meta
    kinds: Mapping[str, Frame]
    blocks: Mapping[Place, Block]

    def state(self, plan: FeaturePlan, as_of_us: int, places: Sequence[Place]) -> OnlineFeatures:
        """The features of the entities at `places`, with the facts that are visible at `as_of_us`."""
        if as_of_us < self.meta.now_us:
            raise ConfigError(
                f"online features were committed at {iso(self.meta.now_us)}; a request at {iso(as_of_us)} would need "
                "what was let go. Ask at a later moment, or let the writer commit at an earlier one."
            )
        state = OnlineFeatures(plan)
        for group in state.groups:
            if group.group.table.name in self.kinds:
                group.coders(self.kinds[group.group.table.name])  # what a text is, also where nobody has said one
        parts: dict[str, list[Facts]] = {}
        for place in places:
            block = self.blocks.get(place)
            if block is not None:
                parts.setdefault(place[0], []).append(block.facts.take(block.visible(as_of_us)))
        for table, found in parts.items():
            facts = Facts.concat(found)
            if len(found) > 1:  # a fact may lie on several shelves
                facts = facts.take(np.unique(facts.seq, return_index=True)[1])
            state.load(table, facts, as_of_us)
        return state


def _with_members(plan: FeaturePlan) -> FeaturePlan:
    """The plan with the lists that fan out as features of their own, so that their values can be looked up."""
    hidden = [
        definition.members
        for definition in plan.definitions
        if isinstance(definition, Neighbours) and definition.members.names()[0] not in plan.names
    ]
    return FeaturePlan.compile([*plan.definitions, *dict.fromkeys(hidden)], target=plan.target) if hidden else plan


def _rows(frame: Mapping[str, Column], names: Sequence[str], length: int) -> list[dict[str, Any]]:
    """The values of some columns, row by row."""
    columns = [frame[name].objects().tolist() for name in names]
    return [{name: column[row] for name, column in zip(names, columns, strict=True)} for row in range(length)]


_PLAIN: dict[type, Kind] = {str: "text", int: "integer", float: "number", bool: "boolean"}


def _plain(name: str, value: Any, kind: Kind | None) -> Any:
    """A request's value as a column of `kind` would hold it."""
    own = _PLAIN.get(type(value))
    if own is not None and kind in (None, own):
        return None if value != value else value  # noqa: PLR0124 - nan is null
    if value is None:
        return None
    try:
        return (Column.of([value]) if kind is None else Column.of_kind([value], kind)).item(0)
    except DataError as error:
        raise DataError(f"request: {error}", column=name) from None
