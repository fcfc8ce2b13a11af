"""The rows to be answered, on disk: divided by each key they ask by, and by ranges of rows with their answers.

Requests are a spine; so are the facts of an enriched table, each asking at its own known time, and so are the members
of lists that are looked up one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from hindcast.bulk.budget import Budget, row_bytes
from hindcast.bulk.division import REQUEST, Divided, hashed, some
from hindcast.bulk.joins import Join
from hindcast.bulk.spill import Scratch, Spill, as_table, parts_of, schema_of, take, to_arrow, to_frame
from hindcast.columns import Column, Frame, Kind
from hindcast.errors import DataError, StateError
from hindcast.facts.arrow import integers
from hindcast.values import Ints

__all__ = ["Piece", "Spine", "as_kinds", "settled"]

Piece = tuple[Frame, Ints, Ints, dict[str, Column]]
"""Columns, moments, row numbers, and answers of some rows in a row."""


class Spine:
    """Rows, each with a moment, that are asked about.

    Parameters
    ----------
    kinds : mapping of str to kind
        The columns to keep by ranges of rows.
    features : int
        How many will stand beside them, for the length of a range.
    """

    def __init__(self, kinds: Mapping[str, Kind], features: int, parts: int, budget: Budget, scratch: Scratch) -> None:
        self.kinds, self.parts, self.budget, self.scratch = dict(kinds), parts, budget, scratch
        self.count = 0
        self.starts: list[int] = []
        self.by_key: dict[tuple[str, ...], Divided] = {}
        self.answers: list[Spill] = []
        self._span = budget.chunk_rows(4 * (8 * features + row_bytes([*self.kinds.values(), *REQUEST.values()])))
        self._rows = scratch.spill("rows", schema_of({**self.kinds, "_as_of": "integer"}))
        self._asking: dict[tuple[str, ...], list[str]] = {}

    def __len__(self) -> int:
        """The number of ranges."""
        return len(self.starts)

    def ask(self, joins: Sequence[Join], kinds: Mapping[str, Kind]) -> None:
        """Divide the rows that come from now on by the keys of these joins; `kinds` of the columns they need."""
        self._asking = {}
        for join in joins:
            columns = self._asking.setdefault(join.asked, [])
            columns += [c for c in (*join.asked, *join.plan.request_columns) if c not in columns]
        for asked, columns in self._asking.items():
            schema = schema_of({**{c: kinds[c] for c in columns}, **REQUEST})
            self.by_key[asked] = Divided(self.scratch.spill("requests", schema))

    def add(self, frame: Frame, as_of: Ints, *, whole: bool = False) -> None:
        """Add rows; with `whole` they are one range, else ranges are filled up to their length."""
        place = np.arange(self.count, self.count + len(frame), dtype=np.int64)
        self.divide(frame, as_of, place)
        if whole:
            self.starts.append(self.count)
        else:
            while self.count + len(frame) > (self.starts[-1] + self._span if self.starts else 0):
                self.starts.append(self.starts[-1] + self._span if self.starts else 0)
        rows = to_arrow({**some(frame, self.kinds), "_as_of": Column("integer", as_of)})
        self._rows.add(rows, self.ranges_of(place))
        self.count += len(frame)

    def divide(self, frame: Frame, as_of: Ints, place: Ints) -> None:
        """Write rows by the keys that are asked for; `place` is each row's number."""
        own = {"_row": Column("integer", place), "_as_of": Column("integer", as_of)}
        for asked, columns in self._asking.items():
            into = self.by_key[asked]
            into.sample(frame, asked)
            hashes, present = hashed(frame, asked)
            parts = np.where(present, parts_of(hashes, self.parts), place % self.parts)
            into.spill.add(to_arrow({**some(frame, columns), **own}), parts)

    def ranges_of(self, rows: Ints) -> Ints:
        """The range of each row."""
        return np.searchsorted(np.array(self.starts, dtype=np.int64), rows, side="right") - 1

    def range(self, at: int) -> Piece:
        """A range's columns, moments, row numbers, and what has been answered."""
        return _piece(list(self.kinds), self._rows, self.answers, at, self._place(at))

    def pieces(self, at: int) -> Iterator[Piece]:
        """The same in pieces that fit the budget, where long lists make a range larger than was thought."""
        place = self._place(at)
        size = sum(spill.load(at).bytes for spill in (self._rows, *self.answers))
        count = min(-(-size // self.budget.chunk), len(place))
        if count <= 1:
            yield self.range(at)
            return
        parts = np.arange(len(place), dtype=np.int64) * count // len(place)
        smaller: list[Spill] = []
        try:
            for spill in (self._rows, *self.answers):
                smaller.append(self.scratch.spill("pieces", spill.schema))
                done = 0
                for batch in spill.batches(at):
                    rows = np.arange(done, done + len(batch))
                    if spill is not self._rows:
                        rows = integers(batch["_row"]) - place[0]
                    smaller[-1].add(as_table(batch), parts[rows])
                    done += len(batch)
            for part in range(count):
                yield _piece(list(self.kinds), smaller[0], smaller[1:], part, place[parts == part])
        finally:
            for spill in smaller:
                spill.drop()

    def _place(self, at: int) -> Ints:
        if not self.starts:
            return np.zeros(0, dtype=np.int64)
        end = self.starts[at + 1] if at + 1 < len(self.starts) else self.count
        return np.arange(self.starts[at], end, dtype=np.int64)

    def drop(self) -> None:
        """Give the disk space of rows and answers back."""
        for spill in (self._rows, *self.answers):
            spill.drop()


def _piece(names: Sequence[str], rows: Spill, answers: Sequence[Spill], part: int, place: Ints) -> Piece:
    table = rows.read([part])
    if table.num_rows != len(place):
        raise _lost()
    found: dict[str, Column] = {}
    for spill in answers:
        answered = spill.read([part])
        at = integers(answered["_row"]) - (place[0] if len(place) else 0)
        order = np.full(len(place), -1, dtype=np.int64)
        if len(at) == len(place):
            order[at] = np.arange(len(at))
        if (order < 0).any():
            raise _lost()
        found |= dict(to_frame(take(answered, order), [name for name in answered.schema.names if name != "_row"]))
    return to_frame(table, names), integers(table["_as_of"]), place, found


def _lost() -> StateError:
    return StateError("rows were lost in the scratch folder; was it altered while this ran?")


def settled(frames: Iterator[Frame], made: Sequence[str], scratch: Scratch) -> tuple[dict[str, Kind], Iterator[Frame]]:
    """One kind for each column of all frames, though what a function makes may be null for a long time.

    A text column of which only nulls have been seen looks like numbers. So frames wait on disk until every column
    of `made` has shown what it holds, or all frames have been seen.
    """
    waiting: list[Spill] = []
    kinds: dict[str, Kind] = {}
    unseen = dict.fromkeys(made)
    for frame in frames:
        for name in [n for n in unseen if frame[n].kind != "number" or frame[n].present().any()]:
            kinds[name] = frame[name].kind
            del unseen[name]
        kinds = {**frame.kinds, **kinds}
        arrow = to_arrow(dict(frame))
        waiting.append(scratch.spill("waiting", arrow.schema))
        waiting[-1].add(arrow, np.zeros(len(frame), dtype=np.int64))
        if not unseen:
            break

    def again() -> Iterator[Frame]:
        for spill in waiting:
            yield as_kinds(to_frame(spill.read([0])), kinds)
            spill.drop()
        for frame in frames:
            yield as_kinds(frame, kinds)

    return kinds, again()


def as_kinds(frame: Frame, kinds: Mapping[str, Kind]) -> Frame:
    """The frame's columns as these kinds: a column of nulls takes any.

    Raises
    ------
    DataError
        For a column that holds values of another kind.
    """
    columns = {}
    for name, kind in kinds.items():
        column = frame[name]
        if column.kind != kind and column.present().any():
            text = f"a feature function gives {kind} values for some rows and {column.kind} for others"
            raise DataError(text, column=name)
        columns[name] = column if column.kind == kind else Column.empty(kind, len(frame))
    return Frame(columns, len(frame))
