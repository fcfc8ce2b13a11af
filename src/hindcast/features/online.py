"""The online driver: facts are pushed as they arrive, a request is answered in microseconds.

One owner holds the state and moves it forward in time. It is a cache of the facts: drop it, push the facts again
in any order, and the same answers come back. It needs neither the batch driver nor Arrow.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hindcast.columns import Column, Frame, Kind
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.facts.facts import Facts
from hindcast.features.asked import instance_of, moments_of
from hindcast.features.definitions import Latest, Transform
from hindcast.features.plan import FanOut, FeaturePlan
from hindcast.features.state import GroupState
from hindcast.fold import layout
from hindcast.fold.current import Current, in_order
from hindcast.parameters import whole
from hindcast.values import BEGINNING, NEVER, Bools, Floats, Ints, iso

__all__ = ["Answer", "Followed", "OnlineFeatures"]

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


class Followed:
    """What facts were followed by.

    Attributes
    ----------
    as_of : int64 array, shape (n,)
        The moment of each answer: a microsecond after the fact became known, or now for one that came late.
    features : Frame, n rows
        The features of each fact's own entity; made when first asked for.
    numbers : float64 array, shape (n, features)
        The same as a model takes them, NaN for null; texts and lists are refused. Cheaper than `features` where these
        are few rows, since no columns are made.
    """

    __slots__ = ("_features", "_make", "_numbers", "as_of")

    def __init__(self, as_of: Ints, make: Callable[[], Frame], numbers: Floats | None = None) -> None:
        self.as_of, self._make, self._numbers = as_of, make, numbers
        self._features: Frame | None = None

    @property
    def features(self) -> Frame:
        if self._features is None:
            self._features = self._make()
        return self._features

    @property
    def numbers(self) -> Floats:
        if self._numbers is None:
            columns = [column.floats() for column in self.features.values()]
            self._numbers = np.stack(columns, axis=1) if columns else np.empty((len(self.as_of), 0))
        return self._numbers


class OnlineFeatures:
    """The state of all folds of a plan, for one owner.

    Parameters
    ----------
    plan : FeaturePlan

    Notes
    -----
    Not safe for several threads at once. Memory: per entity the facts in its longest window; per key of a keyed
    table some 100 bytes, and its texts, so that a correction finds what it corrects.
    """

    def __init__(self, plan: FeaturePlan) -> None:
        instance_of("plan", plan, FeaturePlan)
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
        # by table: groups whose key comes with a fact, their features, and whether each fact is followed by itself
        self._followers: dict[str, tuple[list[GroupState], tuple[str, ...], bool]] = {}
        first = {id(group) for stage in plan.stages[:1] for group in stage.groups}
        for name, states in self._of_table.items():
            mine = [state for state in states if id(state.group) in first and not state.group.own]
            asked = {feature for state in mine for feature in state.names}
            followed = tuple(feature for feature in plan.names if feature in asked)
            self._followers[name] = mine, followed, any(state.collects for state in mine)
        # lookups that enrich facts have a state of their own, which lives at the facts' known times
        self.lookups: dict[tuple[str, Any], OnlineFeatures] = {}
        for state in self.groups:
            if state.group.lookups:
                place = (state.group.table.name, state.group.lookups)
                self.lookups[place] = OnlineFeatures(FeaturePlan.compile(state.group.lookups))
        self.current = {
            name: Current(table.keys, len(states), any(state.group.own for state in states))
            for name, table in plan.tables.items()
            if table.key and (states := self._of_table[name])
        }
        self.waiting: list[tuple[int, int, int, str, Facts]] = []
        self.pushes = 0

    # ---- facts ------------------------------------------------------------------------------------------

    def push(self, table: str, facts: Facts) -> None:
        """Take facts of `table`, in any order; what becomes known only later waits until then.

        A table that no feature reads is ignored; a fact that was pushed before changes nothing. O(1) per fact and
        group when facts come in order.
        """
        if not self._reads(table, facts):
            return
        for state in self._of_table[table]:
            state.coders(facts.frame)  # what holds texts is known before a fact is visible
        if not len(facts):
            return
        for lookup in self.lookups.values():
            lookup.push(table, facts)
        visible = facts.known < self.now_us
        if any(enriched == table for enriched, _ in self.lookups):
            visible[:] = False  # what its lookups need may come in the same breath: they wait for the next read
        if not visible.all():
            later = facts.take(~visible)
            self._wait(table, later.take(np.lexsort((later.seq, later.known))))
            facts = facts.take(visible)
        self._apply(table, facts)

    def _reads(self, table: str, facts: Facts) -> bool:
        """Whether any feature reads the facts of a table."""
        instance_of("table", table, str)
        instance_of("facts", facts, Facts)
        return table in self._of_table

    def _wait(self, table: str, facts: Facts) -> None:
        """Keep facts, in order of (known, sequence), until they become known."""
        if len(facts):
            self.pushes += 1
            heapq.heappush(self.waiting, (int(facts.known[0]), int(facts.seq[0]), self.pushes, table, facts))

    def load(self, table: str, facts: Facts, now_us: int) -> None:
        """Take all facts of `table` at once, as they stand at `now_us`: what a fresh state does at its start.

        Same answers as :meth:`push`, without the detour of versions that were replaced long ago.
        """
        if not self._reads(table, facts):
            return
        if self.lookups:
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
        if not in_order(facts.known, facts.seq):
            facts = facts.take(np.lexsort((facts.seq, facts.known)))
        enriched = self._enriched(table, facts)
        states = self._of_table[table]
        ids = [state.ids(made) for state, made in zip(states, enriched, strict=True)]
        values = [state.values(made) for state, made in zip(states, enriched, strict=True)]  # refused before any change
        push = ~facts.retract
        if table in self.current:
            counts, replaced = self.current[table].replace(facts, np.stack(ids, axis=1), each=False)
            push &= counts
            for state, places in zip(states, replaced[:, 3:].T, strict=True):
                state.pool.kill_many(places, replaced[:, 0], replaced[:, 1], replaced[:, 2])
        for state, places, found in zip(states, ids, values, strict=True):
            self._feed(state, facts, places, found, push)

    def _enriched(self, table: str, facts: Facts) -> list[Facts]:
        """For each group: the facts, with what was known about something else when they became known."""
        made: dict[tuple[Latest, ...], Facts] = {(): facts}
        for state in self._of_table[table]:
            lookups = state.group.lookups
            if lookups not in made:
                lookup = self.lookups[table, lookups]
                asked = facts.frame.select(lookup.plan.request_columns)
                found = lookup.read_many(asked, np.maximum(facts.known, lookup.now_us))
                made[lookups] = replace(facts, frame=facts.frame.having(**dict(found)))
        return [made[state.group.lookups] for state in self._of_table[table]]

    def _feed(self, state: GroupState, facts: Facts, ids: Ints, values: Floats, push: Bools) -> None:
        spec = state.group.spec
        if spec[layout.RETAIN] >= 0 and not spec[layout.LATEST_KEPT]:
            push = push & (facts.event >= self.now_us - int(spec[layout.RETAIN]))  # what every window has passed
        push = push & (ids >= 0)
        event, known, seq = facts.event, facts.known, facts.seq
        if not push.all():
            event, known, seq, ids, values = event[push], known[push], seq[push], ids[push], values[:, push]
        if len(ids):
            state.pool.feed(ids, self.now_us, event, known, seq, np.ascontiguousarray(values))

    # ---- facts, each followed by its features -----------------------------------------------------------

    def followed(self, table: str) -> tuple[str, ...]:
        """The features that :meth:`follow` answers: those over `table` that ask for nothing but an entity of its."""
        if not isinstance(table, str) or table not in self._followers:
            raise UnknownName("table", table, self._of_table, where="follow")
        return self._followers[table][1]

    def follow(self, table: str, facts: Facts) -> Followed:
        """Take facts of `table`, and answer the features of each one's own entity right after it became known.

        Parameters
        ----------
        facts : Facts
            In any order. Those that become known at the same moment are taken together, then answered.

        Returns
        -------
        Followed
            Row by row as in `facts`; equal to what :meth:`read` would give at ``known + 1`` microsecond with everything
            pushed that was known by then. A fact that was known before the last read is answered as of that.

        Notes
        -----
        Time moves to a microsecond after the last fact. One compiled sweep for all facts, unless facts that were pushed
        earlier become known meanwhile, or a feature needs all values of its window (members, a user's own): then
        fact by fact.
        """
        names = self.followed(table)
        instance_of("facts", facts, Facts)
        if not len(facts):
            self.push(table, facts)  # it may say which columns hold texts
            none = Frame({name: _made([], self._kind(name, None)) for name in names}, 0)
            return Followed(facts.known, lambda: none)
        n = len(facts)
        order = None if n == 1 or in_order(facts.known, facts.seq) else np.lexsort((facts.seq, facts.known))
        ordered = facts if order is None else facts.take(order)
        as_of = np.maximum(ordered.known + 1, self.now_us)
        states, _, by_one = self._followers[table]
        by_one = by_one or (bool(self.waiting) and self.waiting[0][0] < int(as_of[-1]))
        follow = self._follow_one_by_one if by_one else self._follow_at_once
        found = follow(table, ordered, as_of, states)
        back = None if order is None else np.argsort(order)

        def make() -> Frame:
            made: dict[str, Column] = {}
            for state, out in found:
                made |= state.columns(out) if isinstance(out, np.ndarray) else out
            features = Frame.unchecked({name: made[name] for name in names}, n)
            return features if back is None else features.take(back)

        numbers = None
        if len(found) == 1:
            state, out = found[0]
            if isinstance(out, np.ndarray) and state.is_plain and state.names == names:
                numbers = out if back is None else out[back]
        return Followed(as_of if back is None else as_of[back], make, numbers)

    def _follow_at_once(
        self, table: str, facts: Facts, as_of: Ints, states: list[GroupState]
    ) -> list[tuple[GroupState, Floats | dict[str, Column]]]:
        """Facts in order, while nothing else becomes known: each group's answers."""
        every = self._of_table[table]
        for lookup in self.lookups.values():
            lookup.push(table, facts)
        made = self._enriched(table, facts) if self.lookups else [facts] * len(every)
        ids = [state.ids(some) for state, some in zip(every, made, strict=True)]
        values = [state.values(some) for state, some in zip(every, made, strict=True)]  # refused before any change
        live, replaced = ~facts.retract, _NOTHING
        if table in self.current:
            counts, replaced = self.current[table].replace(facts, np.stack(ids, axis=1), each=True)
            live &= counts
            if not (replaced[:, 3:] >= 0).any():
                replaced = _NOTHING
        found: list[tuple[GroupState, Floats | dict[str, Column]]] = []
        for at, (state, places) in enumerate(zip(every, ids, strict=True)):
            gone = np.ascontiguousarray(replaced[:, [3 + at, 0, 1, 2]]) if len(replaced) else _NOTHING
            out = state.follow(places, facts, values[at], live, gone, as_of)
            if state in states:
                found.append((state, out))
        self.pushed += len(facts)
        self.now_us = int(as_of[-1])
        return found

    def _follow_one_by_one(
        self, table: str, facts: Facts, as_of: Ints, states: list[GroupState]
    ) -> list[tuple[GroupState, Floats | dict[str, Column]]]:
        """The same fact by fact, with all that becomes known meanwhile: each group's columns."""
        self.push(table, facts)
        rows: list[dict[str, Any]] = []
        for row in range(len(facts)):
            now = int(as_of[row])
            values: dict[str, Any] = {}
            self._move(now)
            made = self._enriched(table, facts.take(slice(row, row + 1)))
            for state, some in zip(self._of_table[table], made, strict=True):
                if state in states:
                    entity = int(state.ids(some)[0])
                    if entity < 0:
                        state.null(values, {})
                    else:
                        state.read_entity(entity, now)
                        state.into(entity, values, {})
            rows.append(values)
        return [(state, {name: self._gathered(name, rows) for name in state.names}) for state in states]

    def _move(self, now_us: int) -> None:
        if type(now_us) is not int or not BEGINNING <= now_us <= NEVER:
            now_us = whole("the moment of a request", now_us, least=BEGINNING, most=NEVER)
        if now_us < self.now_us:
            raise ConfigError(
                f"features were read at {iso(self.now_us)}; a request at {iso(now_us)} would need what was let go."
            )
        self.now_us = now_us
        due: dict[str, list[Facts]] = {}
        while self.waiting and self.waiting[0][0] < now_us:
            _, _, _, table, facts = heapq.heappop(self.waiting)
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
        if not isinstance(request, Mapping):
            raise DataError(f"a request is a value per column, got a {type(request).__name__}")
        if kinds is not None:
            instance_of("kinds", kinds, Mapping)
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
        instance_of("requests", requests, Frame)
        as_of = moments_of(as_of, len(requests))
        held = requests.kinds
        names = self.plan.request_columns
        parts = [requests[name].objects().tolist() for name in names]
        rows: list[dict[str, Any]] = [{} for _ in range(len(requests))]
        for row in np.argsort(as_of, kind="stable").tolist():
            now = int(as_of[row])
            self._move(now)
            given = {name: part[row] for name, part in zip(names, parts, strict=True)}
            rows[row] = self._answer(given, held, now).values
        columns: dict[str, Column] = {}
        for name in self.plan.names:
            is_request = self.plan.origins.get(name) == "request"
            kind = requests[name].kind if is_request and requests[name].kind in ("text", "time") else None
            columns[name] = self._gathered(name, rows, kind)
        return Frame(columns, len(requests))

    def _gathered(self, name: str, rows: Sequence[Mapping[str, Any]], kind: Kind | None = None) -> Column:
        """A feature's column from answers one by one."""
        values = [row[name] for row in rows]
        kind = kind or self._kind(name, next((value for value in values if value is not None), None))
        return _made(values, "time" if kind == "integer" else kind)  # what a transform or a request gives as a time

    def _own(
        self, state: GroupState, given: Mapping[str, Any], held: Mapping[str, Kind], place: Key
    ) -> tuple[int, Floats]:
        """The event time of the request's own fact where it is visible in this entity's fold, and its values."""
        group = state.group
        request = Frame({name: _column(given[name], held[name]) for name in given}, 1)
        values = np.ascontiguousarray(group.values(request, 1, state.coders(request))[:, 0])
        key = tuple([given[name] for name in group.table.keys])
        version = self.current[group.table.name].find(key) if None not in key else None
        if version is None:
            return NEVER, values
        at = self._of_table[group.table.name].index(state)
        here = version.places[at] >= 0 and version.places[at] == state.pool.index.find(place)
        return (version.event if here else NEVER), values


_NOTHING = np.zeros((0, 4), dtype=np.int64)
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
