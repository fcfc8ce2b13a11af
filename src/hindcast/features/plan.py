"""A plan: all features of a system, grouped so that each entity's facts are swept once for all of them.

Features over one table and one key make a *group*: one fold per entity, whatever windows and aggregates are asked
of it. The plan knows what every group reads and where each feature stands; it is compiled once and shared by the
batch, streaming and online drivers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.columns import Column, Frame
from hindcast.errors import ConfigError, DataError
from hindcast.expressions import Expression
from hindcast.facts.table import Table
from hindcast.features.definitions import AGGREGATES, Latest, Request, Transform, Window, transform
from hindcast.values import Floats, Ints, digest

__all__ = ["FeaturePlan", "Group"]

Feature = Request | Latest | Window | Transform | Callable[..., Any]


@dataclass(frozen=True)
class Slot:
    """A column of facts as the fold sees it: floats, or codes of texts, or 1 where `column` is None."""

    column: str | None
    where: Expression | None
    present: bool
    """Only whether there is a value counts (the count of a text column)."""


@dataclass(frozen=True)
class Group:
    """Everything asked of one table under one key.

    Attributes
    ----------
    spec : int64 array
        What :mod:`hindcast.features.kernel` needs to know.
    names : tuple of str
        The group's features, in the order of the fold's outputs.
    """

    table: Table
    by: tuple[tuple[str, str], ...]
    own: bool
    slots: tuple[Slot, ...]
    spec: Ints
    names: tuple[str, ...]
    texts: tuple[int | None, ...]
    """For each output the slot whose codes it gives, where it may be a text."""

    def fact_columns(self) -> set[str]:
        """The table's columns that this group reads."""
        found = {column for _, column in self.by}
        for slot in self.slots:
            found |= {slot.column} if slot.column else set()
            found |= slot.where.names if slot.where else set()
        return found

    def values(self, frame: Mapping[str, Column], length: int, vocabularies: list[Any]) -> Floats:
        """The facts' (or requests' own) columns as floats, shape (slots, length).

        `vocabularies`, one entry per slot, gets a function from codes to texts where the slot holds a text.
        """
        result = np.empty((len(self.slots), length), dtype=np.float64)
        for at, slot in enumerate(self.slots):
            if slot.column is None:
                result[at] = 1.0
            else:
                column = frame[slot.column]
                if slot.present:
                    result[at] = np.where(column.present(), 1.0, np.nan)
                elif column.kind == "text":
                    coder = vocabularies[at]
                    result[at] = coder(column) if coder is not None else np.nan
                else:
                    try:
                        result[at] = column.floats()
                    except DataError as error:
                        raise DataError(f"table {self.table.name!r}: {error}", column=slot.column) from None
            if slot.where is not None:
                result[at, ~slot.where.holds(frame)] = np.nan
        return result


@dataclass(frozen=True)
class FeaturePlan:
    """Compiled features.

    Attributes
    ----------
    names : tuple of str
        The features, in the order of their declaration.
    groups : tuple of Group
    transforms : tuple of Transform
        In an order in which each one's inputs come before it.
    request_columns : tuple of str
        The columns a request must bring: request features, keys, transforms' inputs.
    tables : mapping of str to Table
        The tables whose facts the features read.
    identity : str
        Digest of what all features mean.
    """

    names: tuple[str, ...]
    groups: tuple[Group, ...]
    transforms: tuple[Transform, ...]
    request_columns: tuple[str, ...]
    tables: Mapping[str, Table]
    target: Table | None
    identity: str
    origins: Mapping[str, str]
    """What each feature is: request, latest, window or transform, and of which table."""

    @staticmethod
    def compile(features: Sequence[Feature], *, target: Table | None = None) -> FeaturePlan:
        """Check and group `features`; `target` is the table whose rows are asked about.

        Raises
        ------
        ConfigError
            For two features of one name, a cycle of transforms, a window that counts the request's own fact
            over another table than the target's.
        """
        made = [f if isinstance(f, Request | Latest | Window | Transform) else transform(f) for f in features]
        names: list[str] = []
        origins: dict[str, str] = {}
        tables: dict[str, Table] = {}
        grouped: dict[tuple[str, tuple[tuple[str, str], ...], bool, bool], list[Latest | Window]] = {}
        transforms: dict[str, Transform] = {}
        asked: dict[str, None] = {}
        for feature in made:
            if isinstance(feature, Request):
                given = [(column, "request") for column in feature.columns]
                asked.update(dict.fromkeys(feature.columns))
            elif isinstance(feature, Transform):
                given = [(feature.name, "transform")]
                transforms[feature.name] = feature
            else:
                table = feature.table
                if tables.setdefault(table.name, table).describe() != table.describe():
                    raise ConfigError(f"two different tables are called {table.name!r}; give each its own name.")
                if isinstance(feature, Window):
                    if feature.own and (target is None or table.name != target.name or not table.key):
                        raise ConfigError(
                            f"window({table.name}): closed='right' adds the request's own fact, so it needs "
                            "the target's own table, with a key."
                        )
                    given = [(name, f"window of {table.name}") for name, _, _ in feature.names()]
                else:
                    given = [(name, f"latest of {table.name}") for name in feature.names()]
                own = isinstance(feature, Window) and feature.own
                grouped.setdefault((table.name, feature.by, own, isinstance(feature, Latest)), []).append(feature)
                asked.update(dict.fromkeys(column for column, _ in feature.by))
                if isinstance(feature, Window) and feature.own:
                    read = [*(table.key or ()), feature.column, *(feature.where.names if feature.where else ())]
                    asked.update(dict.fromkeys(sorted({column for column in read if column})))
            for name, origin in given:
                if name in origins:
                    raise ConfigError(
                        f"two features are called {name!r} ({origins[name]}, {origin}); use name= on one."
                    )
                names.append(name)
                origins[name] = origin
        order: list[Transform] = []
        _sort(transforms, origins, asked, order)
        groups = tuple(_group(tables[t], by, own, members) for (t, by, own, _), members in grouped.items())
        identity = digest({"features": [f.describe() for f in made], "target": target.describe() if target else None})
        return FeaturePlan(tuple(names), groups, tuple(order), tuple(asked), tables, target, identity, origins)

    def describe(self) -> dict[str, Any]:
        return {"identity": self.identity, "names": list(self.names), "origins": dict(self.origins)}

    def columns_of(self, table: str) -> list[str]:
        """The columns of `table` that the features read, sorted; the key that corrections need included."""
        found = set(self.tables[table].key or ())
        for group in self.groups:
            if group.table.name == table:
                found |= group.fact_columns()
        return sorted(found)

    def finish(self, requests: Frame, looked_up: Mapping[str, Column]) -> Frame:
        """All features in order, from the requests' columns and the folds' answers; transforms run here."""
        columns: dict[str, Column] = dict(looked_up)
        for step in self.transforms:
            arguments = {}
            for name in step.inputs:
                column = columns[name] if name in columns else requests[name]
                arguments[name] = column.array()
            result = np.asarray(step.function(**arguments))
            if result.shape != (len(requests),):
                raise ConfigError(
                    f"feature function {step.name!r} gave shape {result.shape} for {len(requests)} rows; "
                    "it must give one value per row."
                )
            made = Column.of(result)
            columns[step.name] = made if made.kind in ("text", "time") else made.as_kind("number")
        return Frame({n: columns[n] if n in columns else _asked(requests[n]) for n in self.names}, len(requests))


def _asked(column: Column) -> Column:
    return column if column.kind in ("text", "time") else column.as_kind("number")


def _sort(
    transforms: Mapping[str, Transform], origins: Mapping[str, str], asked: dict[str, None], order: list[Transform]
) -> None:
    """Depth first, so that a transform stands after its inputs; what is no feature is asked of the request."""
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise ConfigError(f"feature functions need each other in a circle: {' -> '.join([*path, name])}.")
        if name in done:
            return
        for needed in transforms[name].inputs:
            if needed in transforms:
                visit(needed, (*path, name))
            elif needed not in origins:
                asked.setdefault(needed)
        done.add(name)
        order.append(transforms[name])

    for name in transforms:
        visit(name, ())


def _group(table: Table, by: tuple[tuple[str, str], ...], own: bool, members: Iterable[Latest | Window]) -> Group:
    slots: dict[Slot, int] = {}
    windows: dict[tuple[int, int], int] = {}
    wedges: dict[tuple[int, int, int], int] = {}
    sums: dict[tuple[int, int, int], int] = {}
    outputs: list[tuple[int, int, int, int, int]] = []
    names: list[str] = []
    texts: list[int | None] = []
    retain, latest_kept = 0, False

    def slot(column: str | None, where: Expression | None = None, present: bool = False) -> int:
        return slots.setdefault(Slot(column, where, present), len(slots))

    for member in members:
        if isinstance(member, Latest):
            for name, column in zip(member.names(), member.columns, strict=True):
                at = slot(column)
                age = -1 if member.max_age_us is None else member.max_age_us
                outputs.append((AGGREGATES["latest"], 0, at, age, int(member.ahead)))
                names.append(name)
                texts.append(at)
            if member.max_age_us is not None:
                retain = max(retain, member.max_age_us) if retain >= 0 else retain
            elif table.key:
                retain = -1  # a retraction may bring any older fact back
            else:
                latest_kept = True
            continue
        only_counts = member.column is not None and set(member.aggregates) == {"count"}
        for name, aggregate, span in member.names():
            lo, hi, _ = member.spans[span]
            w = windows.setdefault((lo, hi), len(windows))
            v = slot(member.column, member.where, only_counts)
            first = second = 0
            if aggregate in ("min", "max"):
                first = wedges.setdefault((w, v, 1 if aggregate == "max" else -1), len(wedges))
            elif aggregate in ("sum", "mean", "std"):
                first = sums.setdefault((w, v, 1), len(sums))
                if aggregate == "std":
                    second = sums.setdefault((w, v, 2), len(sums))
            outputs.append((AGGREGATES[aggregate], w, v, first, second))
            names.append(name)
            texts.append(None)
            retain = max(retain, lo) if retain >= 0 else retain
    start = table.start_us if table.start_us is not None else -(1 << 62)
    head = [len(slots), len(windows), len(wedges), len(sums), len(outputs), retain, int(latest_kept), start]
    tables = [n for rows in (windows, wedges, sums, outputs) for row in rows for n in row]
    spec = np.array(head + tables, dtype=np.int64)
    return Group(table, by, own, tuple(slots), spec, tuple(names), tuple(texts))
