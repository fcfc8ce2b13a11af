"""The online driver: facts are pushed as they arrive, a request is answered in microseconds.

One owner holds the state and moves it forward in time. It is a cache of the facts: drop it, push the facts again
in any order, and the same answers come back. It needs neither the batch driver nor Arrow.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from hindcast.columns import Column, Frame, Kind
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.facts.facts import Facts
from hindcast.features import kernel, layout
from hindcast.features.plan import FeaturePlan, Group
from hindcast.values import BEGINNING, NEVER, Bools, Floats, Ints, iso

__all__ = ["Answer", "OnlineFeatures"]

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """The features of one request.

    Attributes
    ----------
    values : dict
        By name: float, text, int microseconds for a time, or None.
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
    places: tuple[Key | None, ...]


class _Words:
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


class _GroupState:
    """One fold per entity of a group."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.folds: dict[Key, tuple[Ints, Floats]] = {}
        self.words: list[_Words | None] = [None] * len(group.slots)
        self.out = np.empty(len(group.names))
        self.ages = np.empty(len(group.names), dtype=np.int64)
        self.nothing = np.zeros(len(group.slots))

    def coders(self, frame: Mapping[str, Column]) -> list[Any]:
        """A numbering for every slot that turns out to hold texts."""
        for at, slot in enumerate(self.group.slots):
            if (
                slot.column is not None
                and not slot.present
                and self.words[at] is None
                and frame[slot.column].kind == "text"
            ):
                self.words[at] = _Words()
        return self.words

    def fold(self, key: Key) -> tuple[Ints, Floats]:
        made = self.folds.get(key)
        if made is None:
            made = self.folds[key] = kernel.new_fold(self.group.spec, 8)
        return made


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
        self._groups = [_GroupState(group) for group in plan.groups]
        self._of_table: dict[str, list[_GroupState]] = {}
        for state in self._groups:
            self._of_table.setdefault(state.group.table.name, []).append(state)
        # by key: a version, or the row of one in the block that was loaded at the start
        self._versions: dict[str, dict[Any, _Version | int]] = {n: {} for n, table in plan.tables.items() if table.key}
        self._loaded: dict[str, Facts] = {}
        self._waiting: list[tuple[int, int, str, Facts]] = []
        self._steps = replace(plan, names=tuple(step.name for step in plan.transforms))
        made = set(self._steps.names)
        self._inputs = sorted({name for step in plan.transforms for name in step.inputs} - made)
        self._text_of = {
            name: (state, text)
            for state in self._groups
            for name, text in zip(state.group.names, state.group.texts, strict=True)
            if text is not None
        }

    # ---- facts ------------------------------------------------------------------------------------------

    def push(self, table: str, facts: Facts) -> None:
        """Take facts of `table`, in any order; what becomes known only later waits until then.

        A table that no feature reads is ignored. O(1) per fact and group when facts come in order.
        """
        if table not in self._of_table or not len(facts):
            return
        visible = facts.known < self.now_us
        if not visible.all():
            later = facts.take(~visible)
            self._wait(table, later.take(np.lexsort((later.seq, later.known))))
            facts = facts.take(visible)
        self._apply(table, facts)

    def _wait(self, table: str, facts: Facts) -> None:
        """Keep facts, in order of (known, sequence), until they become known."""
        if len(facts):
            heapq.heappush(self._waiting, (int(facts.known[0]), int(facts.seq[0]), table, facts))

    def load(self, table: str, facts: Facts, now_us: int) -> None:
        """Take all facts of `table` at once, as they stand at `now_us`: what a fresh state does at its start.

        Same answers as :meth:`push`, without the detour of versions that were replaced long ago.
        """
        if table not in self._of_table:
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
        push = ~facts.retract
        if table in self._versions:
            push &= self._supersede(table, facts) if self._versions[table] else self._settle(table, facts)
        for state in self._of_table[table]:
            self._feed(state, facts, push)

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

    def _supersede(self, table: str, facts: Facts) -> Bools:
        """Which facts count, being the newest of their key; what they replace leaves its folds."""
        versions, states = self._versions[table], self._of_table[table]
        keys = self._names(table, facts.frame)
        last = {key: row for row, key in enumerate(keys) if key is not None}
        here = list(zip(*(_places(state.group, facts) for state in states), strict=True))
        counts = np.array([key is None for key in keys], dtype=np.bool_)
        for key, row in last.items():
            known, seq = int(facts.known[row]), int(facts.seq[row])
            old = self._version(table, key)
            if old is not None:
                if (old.known, old.seq) >= (known, seq):
                    continue
                if not old.retracted:
                    for state, place in zip(states, old.places, strict=True):
                        if place is not None and place in state.folds:
                            kernel.kill(state.group.spec, *state.folds[place], old.event, old.known, old.seq)
            counts[row] = True
            versions[key] = _Version(known, seq, int(facts.event[row]), bool(facts.retract[row]), here[row])
        return counts

    def _version(self, table: str, key: Any) -> _Version | None:
        """The visible version of a key."""
        held = self._versions[table].get(key)
        if not isinstance(held, int):
            return held
        one = self._loaded[table].take(slice(held, held + 1))
        places = tuple(_places(state.group, one)[0] for state in self._of_table[table])
        return _Version(int(one.known[0]), int(one.seq[0]), int(one.event[0]), bool(one.retract[0]), places)

    def _names(self, table: str, frame: Mapping[str, Column]) -> list[Any]:
        """The key of each row as it is looked up; None where a part of it is null."""
        columns = self.plan.tables[table].keys
        return frame[columns[0]].objects().tolist() if len(columns) == 1 else _keys(frame, list(columns))

    def _feed(self, state: _GroupState, facts: Facts, push: Bools) -> None:
        spec = state.group.spec
        vocabularies = state.coders(facts.frame)
        if spec[layout.RETAIN] >= 0 and not spec[layout.LATEST_KEPT]:
            push = push & (facts.event >= self.now_us - int(spec[layout.RETAIN]))  # what every window has passed
        if not push.all():
            facts = facts.take(push)
        if not len(facts):
            return
        places = _places(state.group, facts)
        values = np.ascontiguousarray(state.group.values(facts.frame, len(facts), vocabularies))
        rows_of: dict[Key, list[int]] = {}
        for row, place in enumerate(places):
            if place is not None:
                rows_of.setdefault(place, []).append(row)
        for place, rows in rows_of.items():
            ints, floats = state.fold(place)
            kernel.advance(spec, ints, floats, self.now_us)
            state.folds[place] = kernel.feed(
                spec, ints, floats, facts.event, facts.known, facts.seq, values, np.array(rows, dtype=np.int64)
            )

    def _move(self, now_us: int) -> None:
        if now_us < self.now_us:
            raise ConfigError(
                f"features were read at {iso(self.now_us)}; a request at {iso(now_us)} would need what was let go."
            )
        self.now_us = now_us
        while self._waiting and self._waiting[0][0] < now_us:
            _, _, table, facts = heapq.heappop(self._waiting)
            due = int(np.searchsorted(facts.known, now_us))
            self._wait(table, facts.take(slice(due, None)))
            self._apply(table, facts.take(slice(0, due)))

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
        values: dict[str, Any] = {}
        ages: dict[str, int | None] = {}
        for state in self._groups:
            group = state.group
            self._fill(state, given, held, as_of_us)
            for name, value, age, text in zip(
                group.names, state.out.tolist(), state.ages.tolist(), group.texts, strict=True
            ):
                ages[name] = age if age >= 0 else None
                words = state.words[text] if text is not None else None
                if math.isnan(value):
                    values[name] = None
                else:
                    values[name] = value if words is None else words.words[int(value)]
        if self.plan.transforms:
            self._transform(given, held, values)
        return Answer({n: values[n] if n in values else _feature(n, given[n], held[n]) for n in self.plan.names}, ages)

    def _transform(self, given: Mapping[str, Any], held: Mapping[str, Kind], values: dict[str, Any]) -> None:
        """Run the row transforms on columns of one row; only what they read is made into columns."""
        asked: dict[str, Column] = {}
        looked_up: dict[str, Column] = {}
        for name in self._inputs:
            if name in values:
                looked_up[name] = _column(values[name], "text" if self._is_text(name) else "number")
            else:
                asked[name] = _column(given[name], held[name])
        done = self._steps.finish(Frame(asked, 1), looked_up)
        for name in done:
            values[name] = done[name].item(0)

    def _is_text(self, name: str) -> bool:
        """Whether a looked-up feature turned out to be a text."""
        state, at = self._text_of.get(name, (None, 0))
        return state is not None and state.words[at] is not None

    def read_many(self, requests: Frame, as_of: Ints) -> Frame:
        """The features of many requests, in order of `as_of`; equal to :meth:`read` one by one."""
        order = np.argsort(as_of, kind="stable")
        parts: list[dict[str, Column]] = [
            self._look_up(requests.take(slice(row, row + 1)), int(as_of[row])) for row in order.tolist()
        ]
        back = np.empty(len(order), dtype=np.int64)
        back[order] = np.arange(len(order))
        names = [name for state in self._groups for name in state.group.names]
        looked_up = {name: Column.concat([part[name] for part in parts]).take(back) for name in names if parts}
        return self.plan.finish(requests, looked_up)

    def _look_up(self, request: Frame, as_of_us: int) -> dict[str, Column]:
        self._move(as_of_us)
        held = request.kinds
        given = {name: column.item(0) for name, column in request.items()}
        looked_up: dict[str, Column] = {}
        for state in self._groups:
            group = state.group
            self._fill(state, given, held, as_of_us)
            for at, name in enumerate(group.names):
                text = group.texts[at]
                words = state.words[text] if text is not None else None
                if words is None:
                    looked_up[name] = Column("number", state.out[at : at + 1].copy())
                else:
                    value = state.out[at]
                    looked_up[name] = Column.of_kind([None if np.isnan(value) else words.words[int(value)]], "text")
        return looked_up

    def _fill(self, state: _GroupState, given: Mapping[str, Any], held: Mapping[str, Kind], as_of_us: int) -> None:
        """Write a group's answers and ages for a request into ``state.out`` and ``state.ages``."""
        group = state.group
        place = tuple([given[asked] for asked, _ in group.by])
        if None in place:
            state.out.fill(np.nan)
            state.ages.fill(-1)
            return
        ints, floats = state.folds.get(place) or kernel.new_fold(group.spec, 8)
        own_event, own_values = NEVER, state.nothing
        if group.own:
            request = Frame({name: _column(given[name], held[name]) for name in given}, 1)
            own_event, own_values = self._own(state, request, place)
        kernel.advance(group.spec, ints, floats, as_of_us)
        kernel.read(group.spec, ints, floats, group.own, own_event, own_values, state.out, state.ages)

    def _own(self, state: _GroupState, request: Frame, place: Key) -> tuple[int, Floats]:
        """The event time of the request's own fact where it is visible in this entity's fold, and its values."""
        group = state.group
        values = np.ascontiguousarray(group.values(request, 1, [None] * len(group.slots))[:, 0])
        (key,) = self._names(group.table.name, request)
        version = self._version(group.table.name, key) if key is not None else None
        if version is None or version.retracted:
            return NEVER, values
        at = self._of_table[group.table.name].index(state)
        return (version.event if version.places[at] == place else NEVER), values


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
    return Column.of_kind([value], kind)


def _feature(name: str, value: Any, kind: Kind) -> Any:
    """A request's value as the feature of its name: a number, text or time."""
    if value is None or kind in ("text", "time", "number"):
        return value
    if kind == "integer" and not -_LARGEST <= value <= _LARGEST:
        raise DataError("an integer beyond 2**53 would be rounded; keep it as text", column=name, value=value)
    return float(value)


_LARGEST = 1 << 53


def _places(group: Group, facts: Facts) -> list[Key | None]:
    """The entity of each fact, None where a part of it is null."""
    return _keys(facts.frame, [column for _, column in group.by]) if group.by else [()] * len(facts)


def _keys(frame: Mapping[str, Column], columns: list[str]) -> list[Key | None]:
    """Each row's values of `columns`, one at least, as a tuple, None where one of them is null."""
    parts = [frame[column].objects().tolist() for column in columns]
    return [None if None in row else row for row in zip(*parts, strict=True)]
