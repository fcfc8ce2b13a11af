"""The online driver: facts are pushed as they arrive, a request is answered in microseconds.

One owner holds the state and moves it forward in time. It is a cache of the facts: drop it, push the facts again
in any order, and the same answers come back. It needs neither the batch driver nor Arrow.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from hindcast.columns import Column, Frame, Kind
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.facts.facts import Facts
from hindcast.facts.table import Table
from hindcast.features import layout
from hindcast.features.definitions import Latest, Transform
from hindcast.features.group import Group, Reading
from hindcast.features.listed import collected_value, list_value
from hindcast.features.plan import FanOut, FeaturePlan
from hindcast.features.pool import Pool
from hindcast.values import BEGINNING, NEVER, Bools, Floats, Ints, iso

__all__ = ["Answer", "GroupState", "OnlineFeatures"]

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """The features of one request.

    Attributes
    ----------
    values : dict
        By name: float, text, int microseconds for a time, tuple for a list, or None.
    ages : dict
        Microseconds from the newest fact used to as_of, None where no fact was used, for looked-up features.
    """

    values: dict[str, Any]
    ages: dict[str, int | None]


class _Version(NamedTuple):
    """The visible version of a key: its precedence, whether it is a retraction, and where each group keeps it."""

    known: int
    seq: int
    event: int
    retracted: bool
    places: tuple[int, ...]


class Words:
    """Texts as numbers, numbered as they come."""

    def __init__(self) -> None:
        self.index: dict[str, int] = {}
        self.words: list[str] = []
        self._coded: tuple[Any, Floats] = (None, np.empty(0))  # slices of one batch share its vocabulary

    def __call__(self, column: Column) -> Floats:
        assert column.vocabulary is not None
        if column.vocabulary is not self._coded[0]:
            recode = np.empty(len(column.vocabulary) + 1)
            for at, word in enumerate(column.vocabulary):
                if word not in self.index:
                    self.index[word] = len(self.words)
                    self.words.append(word)
                recode[at] = self.index[word]
            recode[-1] = np.nan
            self._coded = (column.vocabulary, recode)
        codes: Floats = self._coded[1][column.values]
        return codes


class GroupState:
    """The folds of a group, and how what they answer is understood."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.pool = Pool(group.spec, len(group.by))
        self.words: list[Words | None] = [
            Words() if not slot.present and _declared(group, slot.column) == "text" else None for slot in group.slots
        ]
        self.now_us = BEGINNING
        self.out = np.empty(group.cells)
        self.ages = np.empty(len(group.readings), dtype=np.int64)
        self.nothing = np.zeros(len(group.slots))
        self.plain = not any(r.is_list or r.collected or r.codes for r in group.readings)

    def coders(self, frame: Mapping[str, Column]) -> list[Any]:
        """A numbering for every slot that turns out to hold texts."""
        for at, slot in enumerate(self.group.slots):
            if (
                slot.column is not None
                and not slot.present
                and self.words[at] is None
                and slot.column in frame
                and frame[slot.column].kind == "text"
            ):
                self.words[at] = Words()
        return self.words

    def ids(self, facts: Facts) -> Ints:
        """The entity of each fact, -1 where a part of its key is null."""
        return self.pool.ids(facts.frame, [column for _, column in self.group.by], len(facts))

    def feed(self, ids: Ints, facts: Facts, now_us: int) -> None:
        """Facts become visible, in order."""
        values = self.group.values(facts.frame, len(facts), self.coders(facts.frame))
        self.pool.feed(ids, now_us, facts.event, facts.known, facts.seq, values)

    def read(self, key: Key, now_us: int, own_event: int = NEVER, own_values: Floats | None = None) -> int:
        """Fill ``out`` and ``ages`` with one entity's answers; gives its number in the pool."""
        entity, self.now_us = self.pool.index.find(key), now_us
        own = self.nothing if own_values is None else own_values
        self.pool.read(entity, now_us, own_values is not None, own_event, own, self.out, self.ages)
        return entity

    def into(self, entity: int, values: dict[str, Any], ages: dict[str, int | None]) -> None:
        """What was read, by name."""
        cells = self.out.tolist()
        for at, (reading, age) in enumerate(zip(self.group.readings, self.ages.tolist(), strict=True)):
            ages[reading.name] = age if age >= 0 else None
            value = cells[reading.cell] if reading.cells else 0.0
            if reading.is_list or reading.collected:
                values[reading.name] = self._listed(at, reading, entity, cells)
            elif value != value:  # noqa: PLR0124 (nan)
                values[reading.name] = None
            else:
                words = self.words[reading.slot] if reading.codes else None
                values[reading.name] = value if words is None else words.words[int(value)]

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
        for reading in self.group.readings:
            values[reading.name] = ages[reading.name] = None


def _declared(group: Group, column: str | None) -> Kind | None:
    """The kind that a column of a group's table is declared to have, so that it is known before there are facts."""
    for lookup in group.lookups:
        if column in lookup.names() and isinstance(lookup.table, Table):
            return lookup.table.kinds.get(lookup.columns[lookup.names().index(column)])
    return group.table.kinds.get(column) if column is not None else None


class OnlineFeatures:
    """The state of all folds of a plan, for one owner.

    Parameters
    ----------
    plan : FeaturePlan

    Notes
    -----
    Not safe for several threads at once. Memory: per entity the facts in its longest window; per key of a keyed
    table about 200 bytes, so that a correction finds what it corrects.
    """

    def __init__(self, plan: FeaturePlan) -> None:
        self.plan = plan
        self.now_us = BEGINNING
        self.pushed = 0
        self.groups = [GroupState(group) for group in plan.groups]
        self._state_of = {id(group): state for group, state in zip(plan.groups, self.groups, strict=True)}
        for stage in plan.stages:
            for fan in stage.fans:
                self._state_of[id(fan.group)] = GroupState(fan.group)
                self.groups.append(self._state_of[id(fan.group)])
        self._of_table: dict[str, list[GroupState]] = {name: [] for name in plan.tables}
        for state in self.groups:
            self._of_table[state.group.table.name].append(state)
        # lookups that enrich facts have a state of their own, which lives at the facts' known times
        self._lookups: dict[tuple[str, Any], OnlineFeatures] = {}
        for state in self.groups:
            if state.group.lookups:
                place = (state.group.table.name, state.group.lookups)
                self._lookups[place] = OnlineFeatures(FeaturePlan.compile(state.group.lookups))
        # by key: a version, or the row of one in the block that was loaded at the start
        self._versions: dict[str, dict[Any, _Version | int]] = {n: {} for n, table in plan.tables.items() if table.key}
        self._loaded: dict[str, Facts] = {}
        self._waiting: list[tuple[int, int, int, str, Facts]] = []
        self._pushes = 0

    # ---- facts ------------------------------------------------------------------------------------------

    def push(self, table: str, facts: Facts) -> None:
        """Take facts of `table`, in any order; what becomes known only later waits until then.

        A table that no feature reads is ignored; a fact that was pushed before changes nothing. O(1) per fact and
        group when facts come in order.
        """
        if table not in self._of_table:
            return
        for state in self._of_table[table]:
            state.coders(facts.frame)  # what holds texts is known before a fact is visible
        if not len(facts):
            return
        for lookup in self._lookups.values():
            lookup.push(table, facts)
        visible = facts.known < self.now_us
        if not visible.all():
            later = facts.take(~visible)
            self._wait(table, later.take(np.lexsort((later.seq, later.known))))
            facts = facts.take(visible)
        self._apply(table, facts)

    def _wait(self, table: str, facts: Facts) -> None:
        """Keep facts, in order of (known, sequence), until they become known."""
        if len(facts):
            self._pushes += 1
            heapq.heappush(self._waiting, (int(facts.known[0]), int(facts.seq[0]), self._pushes, table, facts))

    def load(self, table: str, facts: Facts, now_us: int) -> None:
        """Take all facts of `table` at once, as they stand at `now_us`: what a fresh state does at its start.

        Same answers as :meth:`push`, without the detour of versions that were replaced long ago.
        """
        if table not in self._of_table:
            return
        if self._lookups:
            self.push(table, facts)
            return
        self._move(now_us)
        seen = facts.known < now_us
        self.push(table, facts.take(~seen))
        self._apply(table, facts.take(seen))

    def _apply(self, table: str, facts: Facts) -> None:
        """Facts that are visible by now take effect; of each key the greatest (known, sequence) counts."""
        n = len(facts)
        if not n:
            return
        self.pushed += n
        order = np.lexsort((facts.seq, facts.known))
        if not np.array_equal(order, np.arange(n)):
            facts = facts.take(order)
        enriched = self._enriched(table, facts)
        ids = [state.ids(made) for state, made in zip(self._of_table[table], enriched, strict=True)]
        push = ~facts.retract
        if table in self._versions:
            first = not self._versions[table] and not self._lookups
            push &= self._settle(table, facts) if first else self._supersede(table, facts, ids)
        for state, made, places in zip(self._of_table[table], enriched, ids, strict=True):
            self._feed(state, made, places, push)

    def _enriched(self, table: str, facts: Facts) -> list[Facts]:
        """For each group: the facts, with what was known about something else when they became known."""
        made: dict[tuple[Latest, ...], Facts] = {(): facts}
        for state in self._of_table[table]:
            lookups = state.group.lookups
            if lookups not in made:
                lookup = self._lookups[table, lookups]
                asked = facts.frame.select(lookup.plan.request_columns)
                found = lookup.read_many(asked, np.maximum(facts.known, lookup.now_us))
                made[lookups] = replace(facts, frame=facts.frame.having(**dict(found)))
        return [made[state.group.lookups] for state in self._of_table[table]]

    def _settle(self, table: str, facts: Facts) -> Bools:
        """The first facts of a keyed table: which count, being the newest of their key. Keeps rows, not versions."""
        keys = self._names(table, facts.frame)
        versions = {key: row for row, key in enumerate(keys) if key is not None}
        counts = np.array([key is None for key in keys], dtype=np.bool_)
        counts[list(versions.values())] = True
        self._versions[table] = dict(versions)
        read = dict.fromkeys(column for state in self._of_table[table] for _, column in state.group.by)
        self._loaded[table] = Facts(facts.event, facts.known, facts.seq, facts.retract, facts.frame.select(read))
        return counts

    def _supersede(self, table: str, facts: Facts, ids: list[Ints]) -> Bools:
        """Which facts count, being the newest of their key; what they replace leaves its folds."""
        versions, states = self._versions[table], self._of_table[table]
        keys = self._names(table, facts.frame)
        last = {key: row for row, key in enumerate(keys) if key is not None}
        counts = np.array([key is None for key in keys], dtype=np.bool_)
        for key, row in last.items():
            known, seq = int(facts.known[row]), int(facts.seq[row])
            old = self._version(table, key)
            if old is not None:
                if (old.known, old.seq) >= (known, seq):
                    continue
                if not old.retracted:
                    for state, place in zip(states, old.places, strict=True):
                        state.pool.kill(place, old.event, old.known, old.seq)
            counts[row] = True
            places = tuple(int(place[row]) for place in ids)
            versions[key] = _Version(known, seq, int(facts.event[row]), bool(facts.retract[row]), places)
        return counts

    def _version(self, table: str, key: Any) -> _Version | None:
        """The visible version of a key."""
        held = self._versions[table].get(key)
        if not isinstance(held, int):
            return held
        one = self._loaded[table].take(slice(held, held + 1))
        places = tuple(int(state.ids(one)[0]) for state in self._of_table[table])
        return _Version(int(one.known[0]), int(one.seq[0]), int(one.event[0]), bool(one.retract[0]), places)

    def _names(self, table: str, frame: Mapping[str, Column]) -> list[Any]:
        """The key of each row as it is looked up; None where a part of it is null."""
        columns = self.plan.tables[table].keys
        if len(columns) == 1:
            alone: list[Any] = frame[columns[0]].objects().tolist()
            return alone
        parts = [frame[column].objects().tolist() for column in columns]
        return [None if None in row else row for row in zip(*parts, strict=True)]

    def _feed(self, state: GroupState, facts: Facts, ids: Ints, push: Bools) -> None:
        spec = state.group.spec
        if spec[layout.RETAIN] >= 0 and not spec[layout.LATEST_KEPT]:
            push = push & (facts.event >= self.now_us - int(spec[layout.RETAIN]))  # what every window has passed
        push = push & (ids >= 0)
        if not push.all():
            facts, ids = facts.take(push), ids[push]
        if len(facts):
            state.feed(ids, facts, self.now_us)

    def _move(self, now_us: int) -> None:
        if now_us < self.now_us:
            raise ConfigError(
                f"features were read at {iso(self.now_us)}; a request at {iso(now_us)} would need what was let go."
            )
        self.now_us = now_us
        due: dict[str, list[Facts]] = {}
        while self._waiting and self._waiting[0][0] < now_us:
            _, _, _, table, facts = heapq.heappop(self._waiting)
            upto = int(np.searchsorted(facts.known, now_us))
            self._wait(table, facts.take(slice(upto, None)))
            due.setdefault(table, []).append(facts.take(slice(0, upto)))
        for table, parts in due.items():
            self._apply(table, Facts.concat(parts))

    # ---- requests ---------------------------------------------------------------------------------------

    def read(self, request: Mapping[str, Any], as_of_us: int, kinds: Mapping[str, Kind] | None = None) -> Answer:
        """The features of one request at `as_of_us`, which never decreases.

        Parameters
        ----------
        request : mapping
            A value per column of ``plan.request_columns``; None is null.
        kinds : mapping, optional
            The kinds of the request's columns; without it they are taken from the values.
        """
        given: dict[str, Any] = {}
        held: dict[str, Kind] = {}
        for name in self.plan.request_columns:
            if name not in request:
                raise UnknownName("request column", name, request, where="a request lacks a value;")
            try:
                given[name], held[name] = _scalar(request[name], kinds.get(name) if kinds else None)
            except DataError as error:
                raise DataError(f"request: {error}", column=name) from None
        self._move(as_of_us)
        return self._answer(given, held, as_of_us)

    def _answer(self, given: Mapping[str, Any], held: Mapping[str, Kind], as_of_us: int) -> Answer:
        values: dict[str, Any] = {}
        ages: dict[str, int | None] = {}
        for stage in self.plan.stages:
            for group in stage.groups:
                state = self._state_of[id(group)]
                key = tuple([values[n] if n in values else given[n] for n, _ in group.by])
                if None in key:
                    state.null(values, ages)
                    continue
                own = self._own(state, given, held, key) if group.own else ()
                state.into(state.read(key, as_of_us, *own), values, ages)
            for fan in stage.fans:
                values[fan.name] = self._fanned(fan, values[fan.members], as_of_us)
            if stage.transforms:
                self._transform(stage.transforms, given, held, values)
        return Answer({n: values[n] if n in values else _feature(n, given[n], held[n]) for n in self.plan.names}, ages)

    def _fanned(self, fan: FanOut, members: Sequence[Any] | None, as_of_us: int) -> float | None:
        """The mean of what is known about each of a list's values."""
        state, found = self._state_of[id(fan.group)], []
        for member in members or ():
            values: dict[str, Any] = {}
            state.into(state.read((member,), as_of_us), values, {})
            found += [value for value in values.values() if value is not None]
        return math.fsum(found) / len(found) if found else None

    def _transform(
        self, steps: Sequence[Transform], given: Mapping[str, Any], held: Mapping[str, Kind], values: dict[str, Any]
    ) -> None:
        """Run row transforms on columns of one row."""
        made: dict[str, Column] = {}
        asked: dict[str, Column] = {}
        for name in {name: None for step in steps for name in step.inputs}:
            if name in values:
                made[name] = _column(values[name], self._kind(name, values[name]))
            elif name in given:
                asked[name] = _column(given[name], held[name])
        before = set(made)
        self.plan.transformed(steps, Frame(asked, 1), made)
        values.update({name: column.item(0) for name, column in made.items() if name not in before})

    def _kind(self, name: str, value: Any) -> Kind:
        """The kind of a feature's column, of which only one value is at hand."""
        if isinstance(value, str):
            return "text"
        if isinstance(value, tuple):
            return "list"
        if value is None:
            for state in self.groups:
                for reading in state.group.readings:
                    if reading.name == name:
                        listed = reading.is_list or (reading.collected is not None and not reading.collected.algebra)
                        texts = reading.codes and state.words[reading.slot] is not None
                        return "list" if listed else "text" if texts else "number"
        return "integer" if isinstance(value, int) and not isinstance(value, bool) else "number"

    def read_many(self, requests: Frame, as_of: Ints) -> Frame:
        """The features of many requests, answered in order of `as_of`; equal to :meth:`read` one by one."""
        held = requests.kinds
        names = self.plan.request_columns
        parts = [requests[name].objects().tolist() for name in names]
        rows: list[dict[str, Any]] = [{} for _ in range(len(requests))]
        for row in np.argsort(as_of, kind="stable").tolist():
            now = int(as_of[row])
            self._move(now)
            given = {name: part[row] for name, part in zip(names, parts, strict=True)}
            rows[row] = self._answer(given, held, now).values
        kinds = {name: self._kind(name, None) for name in self.plan.names}
        columns: dict[str, Column] = {}
        for name in self.plan.names:
            values = [row[name] for row in rows]
            known = next((value for value in values if value is not None), None)
            kind = kinds[name] if known is None else self._kind(name, known)
            if self.plan.origins.get(name) == "request" and requests[name].kind in ("text", "time"):
                kind = requests[name].kind
            if kind == "integer":  # what a transform or a request gives as a time
                kind = "time"
            columns[name] = _made(values, kind)
        return Frame(columns, len(requests))

    def _own(
        self, state: GroupState, given: Mapping[str, Any], held: Mapping[str, Kind], place: Key
    ) -> tuple[int, Floats]:
        """The event time of the request's own fact where it is visible in this entity's fold, and its values."""
        group = state.group
        request = Frame({name: _column(given[name], held[name]) for name in given}, 1)
        values = np.ascontiguousarray(group.values(request, 1, state.coders(request))[:, 0])
        (key,) = self._names(group.table.name, request)
        version = self._version(group.table.name, key) if key is not None else None
        if version is None or version.retracted:
            return NEVER, values
        at = self._of_table[group.table.name].index(state)
        here = version.places[at] >= 0 and version.places[at] == state.pool.index.find(place)
        return (version.event if here else NEVER), values


_EXACT: dict[type, Kind] = {float: "number", int: "integer", str: "text", bool: "boolean"}


def _scalar(value: Any, kind: Kind | None) -> tuple[Any, Kind]:
    """A request's value as a column of `kind` holds it (None for null), and its kind: the value's own by default."""
    own = _EXACT.get(type(value))
    if own is not None and own == (kind or own) and (own != "integer" or -_LARGEST <= value <= _LARGEST):
        return (None if own == "number" and math.isnan(value) else value), own
    if value is None and kind is not None:
        return None, kind
    column = Column.of_kind([value], kind) if kind is not None else Column.of([value])
    return column.item(0), column.kind


def _column(value: Any, kind: Kind) -> Column:
    """A column of one row."""
    if kind in ("time", "integer") and value is not None:
        return Column(kind, np.array([value], dtype=np.int64))
    return Column.of_kind([value], kind)


def _made(values: list[Any], kind: Kind) -> Column:
    """A column of features."""
    if kind == "time":
        known = np.array([value is not None for value in values], dtype=np.bool_)
        moments = np.array([0 if value is None else value for value in values], dtype=np.int64)
        return Column("time", moments, None if known.all() else known)
    return Column.of_kind(values, kind)


def _feature(name: str, value: Any, kind: Kind) -> Any:
    """A request's value as the feature of its name: a number, text or time."""
    if value is None or kind in ("text", "time", "number"):
        return value
    if kind == "integer" and not -_LARGEST <= value <= _LARGEST:
        raise DataError("an integer beyond 2**53 would be rounded; keep it as text", column=name, value=value)
    return float(value)


_LARGEST = 1 << 53
