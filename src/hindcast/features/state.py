"""The state of one group: its folds, the numbers of its texts, and how what the folds answer is understood."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hindcast.columns import Column, Kind
from hindcast.facts.facts import Facts
from hindcast.facts.table import Table
from hindcast.features.group import Coder, Group, Reading
from hindcast.features.listed import collected_value, list_column, list_value, text_column
from hindcast.fold.index import Words
from hindcast.fold.pool import Pool
from hindcast.values import BEGINNING, NEVER, Bools, Floats, Ints

__all__ = ["GroupState"]

Key = tuple[Any, ...]


class GroupState:
    """The folds of a group, and how what they answer is understood.

    Parameters
    ----------
    group : Group
    """

    def __init__(self, group: Group) -> None:
        self.group = group
        self.pool = Pool(group.spec, len(group.by))
        self.words: list[Words | None] = [None] * len(group.slots)
        self.now_us = BEGINNING
        self.out = np.empty(group.cells)
        self.ages = np.empty(len(group.readings), dtype=np.int64)
        self.nothing = np.zeros(len(group.slots))
        self.names = group.names
        self.key_columns = [column for _, column in group.by]
        self.collects = any(reading.collected for reading in group.readings)
        # a number that stands in its own cell is taken as it is; what is left is spelled out
        self._cells = [reading.cell if reading.cells else 0 for reading in group.readings]
        self._straight = self._cells == list(range(group.cells))
        self._numbers = self._straight and all(r.cells == 1 and not r.is_list for r in group.readings)
        self._lists = [at for at, r in enumerate(group.readings) if r.is_list or r.collected]
        self._texts: list[tuple[int, Words]] = []
        self._coders: list[Coder | None] = [None] * len(group.slots)
        self._open = {
            at: slot.column for at, slot in enumerate(group.slots) if slot.column is not None and not slot.present
        }
        for at in [at for at, column in self._open.items() if _declared(group, column) == "text"]:
            self.number_texts(at)

    def coders(self, frame: Mapping[str, Column]) -> Sequence[Coder | None]:
        """A numbering for every slot that turns out to hold texts."""
        if self._open:
            found = [at for at, name in self._open.items() if name in frame and frame[name].kind == "text"]
            for at in found:
                self.number_texts(at)
        return self._coders

    def number_texts(self, slot: int) -> Words:
        """The numbering of a slot that holds texts."""
        words = self.words[slot]
        if words is None:
            words = self.words[slot] = Words()
            self._coders[slot] = words.floats
            self._open.pop(slot, None)
            readings = enumerate(self.group.readings)
            self._texts += [(at, words) for at, r in readings if r.slot == slot and r.codes and not r.is_list]
        return words

    def ids(self, facts: Facts) -> Ints:
        """The entity of each fact, -1 where a part of its key is null."""
        return self.pool.ids(facts.frame, self.key_columns, len(facts))

    def values(self, facts: Facts) -> Floats:
        """What the folds keep of facts, shape (slots, n)."""
        return self.group.values(facts.frame, len(facts), self.coders(facts.frame))

    def follow(self, ids: Ints, facts: Facts, values: Floats, live: Bools, replaced: Ints, as_of: Ints) -> Floats:
        """Facts become visible one after another; their entities' answers after each, shape (n, cells).

        `replaced` has the columns entity, event, known time and sequence of what leaves first; it may have no rows.
        """
        out = np.empty((len(facts), self.out.size))
        self.pool.follow(ids, live, replaced, facts.event, facts.known, facts.seq, values, as_of, out)
        return out

    @property
    def is_plain(self) -> bool:
        """Whether its features are numbers and stand in the order of the cells."""
        return self._numbers and not self._texts

    def columns(self, out: Floats) -> dict[str, Column]:
        """The features in many answers; nothing in them may be collected."""
        if self.is_plain:
            return {name: Column("number", cells) for name, cells in zip(self.names, out.T, strict=True)}
        columns = {}
        for reading in self.group.readings:
            words = self.words[reading.slot] if reading.codes else None
            if reading.is_list:
                cells = out[:, reading.cell : reading.cell + reading.cells].T
                columns[reading.name] = list_column(cells, words.words if words else None)
            elif words is not None:
                columns[reading.name] = text_column(out[:, reading.cell], words.array())
            else:
                columns[reading.name] = Column("number", out[:, reading.cell])
        return columns

    def read(self, key: Key, now_us: int, own_event: int = NEVER, own_values: Floats | None = None) -> int:
        """Fill ``out`` and ``ages`` with one entity's answers; gives its number in the pool."""
        entity = self.pool.index.find(key)
        self.read_entity(entity, now_us, own_event, own_values)
        return entity

    def read_entity(self, entity: int, now_us: int, own_event: int = NEVER, own_values: Floats | None = None) -> None:
        """The same by number; -1 is an entity without facts."""
        self.now_us = now_us
        own = self.nothing if own_values is None else own_values
        self.pool.read(entity, now_us, own_values is not None, own_event, own, self.out, self.ages)

    def into(self, entity: int, values: dict[str, Any], ages: dict[str, int | None]) -> None:
        """What was read, by name."""
        cells = self.out.tolist()
        plain = cells if self._straight else [cells[at] for at in self._cells] if cells else [0.0] * len(self.names)
        values.update(zip(self.names, [None if x != x else x for x in plain], strict=True))  # noqa: PLR0124 - nan
        ages.update(zip(self.names, [age if age >= 0 else None for age in self.ages.tolist()], strict=True))
        for at, words in self._texts:
            if plain[at] == plain[at]:
                values[self.names[at]] = words.words[int(plain[at])]
        for at in self._lists:
            values[self.names[at]] = self._listed(at, self.group.readings[at], entity, cells)

    def _listed(self, at: int, reading: Reading, entity: int, cells: Sequence[float]) -> Any:
        words = self.words[reading.slot]
        spelled = words.words if words is not None and (reading.codes or reading.collected) else None
        if reading.collected is None:
            return list_value(cells[reading.cell : reading.cell + reading.cells], spelled)
        xs, seen = self.pool.collect(entity, at, self.now_us)
        value = collected_value(reading.collected, xs, spelled) if seen else None
        return None if isinstance(value, float) and math.isnan(value) else value

    def null(self, values: dict[str, Any], ages: dict[str, int | None]) -> None:
        """The answers for a key with a null in it."""
        for name in self.names:
            values[name] = ages[name] = None


def _declared(group: Group, column: str) -> Kind | None:
    """The kind that a column of a group's table is declared to have, so that it is known before there are facts."""
    for lookup in group.lookups:
        if column in lookup.names() and isinstance(lookup.table, Table):
            return lookup.table.kinds.get(lookup.columns[lookup.names().index(column)])
    return group.table.kinds.get(column)
