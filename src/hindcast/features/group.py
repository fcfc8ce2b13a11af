"""A group: everything asked of one table under one key, as the fold sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hindcast.columns import Column
from hindcast.errors import ConfigError, DataError
from hindcast.expressions import Expression
from hindcast.facts.table import Table
from hindcast.features.aggregates import LISTS, OF_TEXTS, Aggregate
from hindcast.features.definitions import Enriched, Latest, Window
from hindcast.features.spans import Span, unit_edges
from hindcast.fold import layout
from hindcast.values import NEVER, Floats, Ints

__all__ = ["Group", "Reading", "Slot", "make_group"]

Coder = Callable[[Column], Floats]


@dataclass(frozen=True)
class Slot:
    """A column of facts as the fold sees it: floats, or codes of texts, or 1 where `column` is None."""

    column: str | None
    where: Expression | None
    given: str | None = None
    """Another column that must have a value too."""
    present: bool = False
    """Only whether there is a value counts (the count of a text column)."""
    numeric: bool = False
    """Texts are refused: they would be added up."""
    role: int = -1
    """In a tiled fold: how the values of a closed tile become one; see :mod:`hindcast.fold.tiles`."""


@dataclass(frozen=True)
class Reading:
    """One feature of a group: which cells of a fold's answer hold it, and how they are to be understood.

    Attributes
    ----------
    name : str
    cell, cells : int
        A number has one cell; a list its length (nan for null) and then room for its values.
    slot : int
        The value it is made of.
    codes : bool
        Whether its values are codes of texts if the slot holds texts.
    is_list : bool
    collected : Aggregate or None
        It is made from the window's values, which the fold hands out as they are.
    column : str or None
        For latest: the column.
    """

    name: str
    cell: int
    cells: int
    slot: int
    codes: bool
    is_list: bool = False
    collected: Aggregate | None = None
    column: str | None = None


@dataclass(frozen=True)
class Group:
    """Everything asked of one table under one key.

    Attributes
    ----------
    table : Table
        Whose facts they are.
    lookups : tuple of Latest
        What the facts are enriched with.
    by : tuple of (asked, column)
        The key: a request's column or an earlier feature, and the fact's column.
    own : bool
        Whether the request's own fact counts.
    is_latest : bool
        Whether it looks up newest facts, or sums up windows.
    spec : int64 array
        What :mod:`hindcast.fold.kernel` needs to know.
    row_spec : int64 array
        For latest: the spec of a fold whose only value is the number of a row; an output per `variants`.
    variants : tuple of (max age or -1, ahead)
        For latest: the different ways in which columns are asked for.
    readings : tuple of Reading
        The group's features.
    stage : int
        0 if the request brings the key; otherwise after the stages that make it.
    """

    table: Table
    lookups: tuple[Latest, ...]
    by: tuple[tuple[str, str], ...]
    own: bool
    is_latest: bool
    slots: tuple[Slot, ...]
    spec: Ints
    readings: tuple[Reading, ...]
    variants: tuple[tuple[int, int], ...] = ()
    of_variant: tuple[int, ...] = ()
    row_spec: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    stage: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The group's features."""
        return tuple(reading.name for reading in self.readings)

    @property
    def cells(self) -> int:
        """How many numbers a fold answers."""
        return int(self.spec[layout.CELLS])

    @property
    def reach_us(self) -> tuple[int | None, int | None]:
        """(back, ahead): a request at t needs only facts with ``t - back <= event < t + ahead``; None has no bound."""
        retain = int(self.spec[layout.RETAIN])
        back = None if retain < 0 or self.spec[layout.LATEST_KEPT] else retain
        if self.is_latest:
            return back, None if any(ahead for _, ahead in self.variants) else 0
        windows = self.spec[layout.SPEC_HEAD : self.spec[layout.COUNT_AT]].reshape(-1, layout.WINDOW_WIDTH)
        return back, max(0, *(-windows[:, layout.W_HI]).tolist())

    def fact_columns(self) -> set[str]:
        """The columns of the facts, the looked-up ones included, that this group reads."""
        found = {column for _, column in self.by}
        for slot in self.slots:
            found |= {name for name in (slot.column, slot.given) if name}
            found |= slot.where.names if slot.where else set()
        return found

    def values(self, frame: Mapping[str, Column], length: int, coders: Sequence[Coder | None]) -> Floats:
        """The facts' (or requests' own) columns as floats, shape (slots, length).

        `coders`, one per slot, turns a text column into codes; without one its texts are null.
        """
        result = np.empty((len(self.slots), length), dtype=np.float64)
        for at in range(len(self.slots)):
            result[at] = self.value(at, frame, length, coders[at])
        return result

    def value(self, at: int, frame: Mapping[str, Column], length: int, coder: Coder | None) -> Floats:
        """One slot's column as floats, shape (length,)."""
        slot = self.slots[at]
        result = self._column(slot, frame, length, coder)
        if slot.given is not None:
            result = np.where(frame[slot.given].present(), result, np.nan)
        if slot.where is not None:
            result = np.where(slot.where.holds(frame), result, np.nan)
        return result

    def _column(self, slot: Slot, frame: Mapping[str, Column], length: int, coder: Coder | None) -> Floats:
        if slot.role == layout.ROLE_REST:
            return np.full(length, np.nan)
        if slot.column is None:
            return np.ones(length)
        column = frame[slot.column]
        if slot.present:
            return np.where(column.present(), 1.0, np.nan)
        if column.kind == "text" and not slot.numeric:
            return coder(column) if coder is not None else np.full(length, np.nan)
        try:
            return column.floats()
        except (DataError, ConfigError) as error:
            raise DataError(f"table {self.table.name!r}: {error}", column=slot.column) from None


def make_group(
    table: Table | Enriched,
    by: tuple[tuple[str, str], ...],
    own: bool,
    members: Iterable[Latest | Window],
    stage: int,
) -> Group:
    """The group of some definitions over one table and key: all latest, or all windows."""
    source, lookups = (table.table, table.lookups) if isinstance(table, Enriched) else (table, ())
    start = source.start_us if source.start_us is not None else -NEVER
    members = list(members)
    if isinstance(members[0], Latest):
        return _latest(source, lookups, by, [m for m in members if isinstance(m, Latest)], start, stage)
    return _windows(source, lookups, by, own, [m for m in members if isinstance(m, Window)], start, stage)


def _latest(
    table: Table,
    lookups: tuple[Latest, ...],
    by: tuple[tuple[str, str], ...],
    members: Sequence[Latest],
    start: int,
    stage: int,
) -> Group:
    slots: dict[Slot, int] = {}
    variants: dict[tuple[int, int], int] = {}
    outputs: list[tuple[int, ...]] = []
    rows: list[tuple[int, ...]] = []
    readings: list[Reading] = []
    of_variant: list[int] = []
    retain, kept = 0, 0
    for member in members:
        variant = (-1 if member.max_age_us is None else member.max_age_us, int(member.ahead))
        if variant not in variants:
            rows.append((layout.LATEST, -1, 0, *variant, len(rows), 1, 0))
        at = variants.setdefault(variant, len(variants))
        for name, column in zip(member.names(), member.columns, strict=True):
            slot = slots.setdefault(Slot(column, None), len(slots))
            cell = len(outputs)
            outputs.append((layout.LATEST, -1, slot, *variant, cell, 1, 0))
            readings.append(Reading(name, cell, 1, slot, True, column=column))
            of_variant.append(at)
        if member.max_age_us is not None:
            retain = max(retain, member.max_age_us) if retain >= 0 else retain
        elif table.key:
            retain = -1  # a retraction may bring any older fact back
        else:
            kept = 1
    return Group(
        table, lookups, by, False, True, tuple(slots),
        _spec([], [], [], [], outputs, len(slots), retain, kept, start), tuple(readings),
        tuple(variants), tuple(of_variant), _spec([], [], [], [], rows, 1, retain, kept, start), stage,
    )  # fmt: skip


class _Slots:
    """Numbers a group's value columns; what is asked of a column decides how it may be read."""

    def __init__(self, members: Sequence[Window]) -> None:
        self.index: dict[Slot, int] = {}
        asked: dict[tuple[str | None, Expression | None], set[str]] = {}
        for member in members:
            asked.setdefault((member.column, member.where), set()).update(a.kind for a in member.aggregates)
        self._asked = asked

    def of(self, member: Window) -> int:
        kinds = self._asked[member.column, member.where]
        present = member.column is not None and kinds <= {"count", "rate", "since", "decayed_count"}
        return self._add(Slot(member.column, member.where, None, present, not present and not kinds <= OF_TEXTS))

    def pair(self, member: Window, weight: str) -> tuple[int, int]:
        """Value and weight, each null where the other is."""
        value = self._add(Slot(member.column, member.where, weight, False, True))
        return value, self._add(Slot(weight, member.where, member.column, False, True))

    def _add(self, slot: Slot) -> int:
        return self.index.setdefault(slot, len(self.index))


class _TiledSlots(_Slots):
    """The value columns of a tiled fold: weights, sums in two values, least and greatest ones."""

    def role(self, member: Window, role: int) -> int:
        column, weight = member.column, role == layout.ROLE_WEIGHT
        at = self._add(Slot(column, member.where, None, weight and column is not None, not weight, role))
        if role == layout.ROLE_SUM:
            self._add(Slot(column, member.where, None, False, True, layout.ROLE_REST))  # stands next to it
        return at


def tile_us_of(window: Latest | Window) -> int:
    """The tile that a window's closed facts may be summed up by; 0 where they must be kept."""
    if not isinstance(window, Window) or window.table.key or window.own:
        return 0
    tiles = {span.tile_us for span in window.spans}
    kinds = {aggregate.kind for aggregate in window.aggregates}
    return tiles.pop() if len(tiles) == 1 and kinds <= {"count", "sum", "mean", "share", "min", "max"} else 0


class _Parts:
    """What a window keeps up to date: counts, sums and wedges, each once."""

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.sums: dict[tuple[int, int], int] = {}
        self.wedges: dict[tuple[int, int], int] = {}


def _windows(
    table: Table,
    lookups: tuple[Latest, ...],
    by: tuple[tuple[str, str], ...],
    own: bool,
    members: Sequence[Window],
    start: int,
    stage: int,
) -> Group:
    tile = tile_us_of(members[0])
    slots = _TiledSlots(members) if tile else _Slots(members)
    windows: dict[Span, int] = {}
    parts: list[_Parts] = []
    raw: list[tuple[Any, ...]] = []
    readings: list[Reading] = []
    cell = 0
    for member in members:
        for name, aggregate, part, span in member.outputs():
            w = windows.setdefault(span, len(windows))
            if w == len(parts):
                parts.append(_Parts())
            if isinstance(slots, _TiledSlots):
                slot, (kind, a, b, c) = -1, _tiled_output(aggregate, slots, member, parts[w])
            else:
                slot = slots.of(member) if aggregate.kind != "weighted_mean" else -1
                kind, a, b, c = _output(aggregate, part, slot, slots, member, parts[w], span.kind == "session")
            is_list = aggregate.kind in LISTS
            collected = aggregate if kind == layout.COLLECTED else None
            cells = 0 if collected else 1 + int(aggregate.number) if is_list else 1
            raw.append((kind, w, a, b, c, cell, cells, aggregate.number))
            codes = aggregate.kind in {"first", "last"} or (is_list and part == 0)
            readings.append(Reading(name, cell, cells, slot, codes, is_list, collected))
            cell += cells
    reaches = [span.reach_us for span in windows]
    retain = -1 if max(reaches) >= NEVER else max(0, *reaches)
    roles = [slot.role for slot in slots.index] if tile else []
    spec = _assembled(list(windows), parts, raw, len(slots.index), retain, start, tile, roles)
    return Group(table, lookups, by, own, False, tuple(slots.index), spec, tuple(readings), stage=stage)


_READ = {"count": layout.COUNT, "sum": layout.SUM, "mean": layout.MEAN, "share": layout.MEAN, "min": layout.MIN,
         "max": layout.MAX, "var": layout.VAR, "std": layout.STD, "weighted_mean": layout.WEIGHTED_MEAN,
         "rate": layout.RATE, "first": layout.FIRST, "last": layout.LAST, "since": layout.SINCE,
         "last_n": layout.LAST_N,
         "quantile": layout.QUANTILE, "distinct": layout.DISTINCT, "decayed_sum": layout.DECAYED_SUM,
         "decayed_mean": layout.DECAYED_MEAN, "decayed_count": layout.DECAYED_COUNT, "members": layout.COLLECTED,
         "own": layout.COLLECTED}  # fmt: skip


def _output(
    aggregate: Aggregate, part: int, slot: int, slots: _Slots, member: Window, parts: _Parts, walked: bool
) -> tuple[int, int, int, int]:
    """(kind, a, b, c): what an output is read from. A window that is walked over keeps no parts."""
    kind = (layout.TOP, layout.TOP_SHARE)[part] if aggregate.kind == "top" else _READ[aggregate.kind]
    value, weight = (slot, 0) if aggregate.weight is None else slots.pair(member, aggregate.weight)
    if kind >= layout.SCANNED or walked:
        return kind, value, weight, 0
    count = parts.counts.setdefault(value, len(parts.counts))
    if kind in (layout.MIN, layout.MAX):
        sign = 1 if kind == layout.MAX else -1
        return kind, parts.wedges.setdefault((value, sign), len(parts.wedges)), value, 0
    if kind in (layout.COUNT, layout.RATE):
        return kind, count, 0, 0
    if kind == layout.WEIGHTED_MEAN:
        product = parts.sums.setdefault((value, weight), len(parts.sums))
        return kind, product, parts.sums.setdefault((weight, -1), len(parts.sums)), count
    total = parts.sums.setdefault((value, -1), len(parts.sums))
    if kind in (layout.VAR, layout.STD):
        return kind, total, parts.sums.setdefault((value, value), len(parts.sums)), count
    return kind, total, 0, count


def _tiled_output(aggregate: Aggregate, slots: _TiledSlots, member: Window, parts: _Parts) -> tuple[int, int, int, int]:
    """(kind, a, b, c) in a tiled fold, whose rows may stand for many facts: counts are sums of weights."""
    if aggregate.kind in ("min", "max"):
        least = aggregate.kind == "min"
        value = slots.role(member, layout.ROLE_MIN if least else layout.ROLE_MAX)
        wedge = parts.wedges.setdefault((value, -1 if least else 1), len(parts.wedges))
        return layout.MIN if least else layout.MAX, wedge, value, 0
    weight = slots.role(member, layout.ROLE_WEIGHT)
    count = parts.sums.setdefault((weight, -1), len(parts.sums))
    if aggregate.kind == "count":
        return layout.SUM, count, 0, -1
    value = slots.role(member, layout.ROLE_SUM)
    total = parts.sums.setdefault((value, -2 - (value + 1)), len(parts.sums))
    return (layout.SUM, total, 0, -1) if aggregate.kind == "sum" else (layout.WEIGHTED_MEAN, total, count, -1)


def _assembled(
    windows: Sequence[Span],
    parts: Sequence[_Parts],
    raw: Sequence[tuple[Any, ...]],
    values: int,
    retain: int,
    start: int,
    tile: int,
    roles: Sequence[int],
) -> Ints:
    """Give every window's parts their places, and outputs those of the parts they read."""
    rows: list[tuple[int, ...]] = []
    counts: list[tuple[int, ...]] = []
    sums: list[tuple[int, ...]] = []
    wedges: list[tuple[int, ...]] = []
    firsts: list[tuple[int, int, int]] = []
    edges: list[Ints] = []
    for span, part in zip(windows, parts, strict=True):
        first = (len(counts), len(sums), len(wedges))
        firsts.append(first)
        counts += [(value,) for value in part.counts]
        sums += list(part.sums)
        wedges += list(part.wedges)
        ends = (first[0], len(counts), first[1], len(sums), first[2], len(wedges))
        kind = ("offsets", "calendar", "session").index(span.kind)
        unit = unit_edges(span.unit, span.zone) if span.kind == "calendar" else np.zeros(0, dtype=np.int64)
        place = sum(len(other) for other in edges)
        rows.append((kind, span.lo_us, span.hi_us, span.tile_us, place, len(unit), span.back, span.gap_us, *ends))
        edges.append(unit)
    outputs = []
    for kind, w, a, b, c, cell, cells, number in raw:
        count, total, wedge = firsts[w]
        moved = (total, total, count if c >= 0 else 0)
        if kind >= layout.SCANNED or windows[w].kind == "session":
            moved = (0, 0, 0)
        elif kind in (layout.MIN, layout.MAX):
            moved = (wedge, 0, 0)
        elif kind in (layout.COUNT, layout.RATE):
            moved = (count, 0, 0)
        bits = int(np.float64(number).view(np.int64))
        outputs.append((kind, w, a + moved[0], b + moved[1], c + moved[2], cell, cells, bits))
    spec = _spec(rows, counts, sums, wedges, outputs, values, retain, 0, start, tile, roles)
    for w in range(len(rows)):
        spec[layout.SPEC_HEAD + w * layout.WINDOW_WIDTH + layout.W_EDGES] += len(spec)
    return np.concatenate([spec, *edges])


def _spec(
    windows: Sequence[tuple[int, ...]],
    counts: Sequence[tuple[int, ...]],
    sums: Sequence[tuple[int, ...]],
    wedges: Sequence[tuple[int, ...]],
    outputs: Sequence[tuple[int, ...]],
    values: int,
    retain: int,
    kept: int,
    start: int,
    tile: int = 0,
    roles: Sequence[int] = (),
) -> Ints:
    sizes = [values, len(windows), len(counts), len(sums), len(wedges), len(outputs)]
    cells = sum(output[layout.O_CELLS] for output in outputs)
    counted = layout.FOLD_HEAD + 2 * len(windows)
    heads = counted + len(counts) + 2 * len(sums)
    bases = [heads + 2 * len(wedges), 4 * len(sums), counted, counted + len(counts), heads]
    starts, at = [], layout.SPEC_HEAD
    for rows in (windows, counts, sums, wedges, outputs):
        starts.append(at)
        at += sum(len(row) for row in rows)
    flat = [n for rows in (windows, counts, sums, wedges, outputs) for row in rows for n in row]
    head = [*sizes, cells, retain, kept, start, *starts, *bases, tile, at]
    return np.array([*head, *flat, *roles], dtype=np.int64)
