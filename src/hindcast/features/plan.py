"""A plan: all features of a system, grouped so that each entity's facts are swept once for all of them.

Features over one table and one key make a *group*: one fold per entity, whatever windows and aggregates are asked
of it. Groups come in *stages*: one whose key is itself looked up stands after the stage that looks it up. The plan
is compiled once and shared by the batch, streaming and online drivers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from hindcast.columns import Column, Frame
from hindcast.errors import ConfigError
from hindcast.facts.table import Table
from hindcast.features.definitions import Enriched, Latest, Request, Transform, Window, transform
from hindcast.features.given import sequence_of
from hindcast.features.graph import Neighbours, SharedNeighbours
from hindcast.features.group import Group, make_group, tile_us_of
from hindcast.features.logged import Logged, unlogged
from hindcast.values import digest

__all__ = ["FanOut", "Feature", "FeaturePlan", "Stage"]

Definition = Request | Latest | Window | Transform | Neighbours | SharedNeighbours
Feature = Definition | Callable[..., Any]


@dataclass(frozen=True)
class FanOut:
    """A mean of what is looked up for each value of a list: a feature of an entity's neighbours."""

    name: str
    members: str
    """The list-valued feature whose values are looked up."""
    group: Group
    """One latest feature, keyed by such a value."""

    def gathered(self, members: Column, look_up: Callable[[Frame, np.ndarray], Column]) -> Column:
        """The mean per row; `look_up` answers a frame of keys, each with the row that asks."""
        lists = members.objects()
        rows = np.repeat(np.arange(len(lists)), [len(found) if found else 0 for found in lists])
        values = [value for found in lists if found for value in found]
        found = look_up(Frame({self.group.by[0][0]: Column.of(values)}, len(values)), rows).floats()
        known = ~np.isnan(found)
        counts = np.bincount(rows[known], minlength=len(lists))
        ends = np.cumsum(np.bincount(rows, minlength=len(lists)))
        means = np.full(len(lists), np.nan)
        for row in np.flatnonzero(counts):
            mine = found[ends[row - 1] if row else 0 : ends[row]]
            means[row] = math.fsum(mine[~np.isnan(mine)]) / counts[row]
        return Column("number", means)


@dataclass(frozen=True)
class Stage:
    """What can be answered at once: groups, then what fans out from them, then transforms, in order."""

    groups: tuple[Group, ...]
    fans: tuple[FanOut, ...]
    transforms: tuple[Transform, ...]


@dataclass(frozen=True)
class FeaturePlan:
    """Compiled features.

    Attributes
    ----------
    names : tuple of str
        The features, in the order of their declaration.
    stages : tuple of Stage
        In the order in which they can be answered.
    definitions : tuple
        What was declared.
    request_columns : tuple of str
        The columns a request must bring: request features, keys, transforms' inputs.
    tables : mapping of str to Table
        The tables whose facts the features read.
    identity : str
        Digest of what all features mean.
    origins : mapping of str to str
        What each feature is, and of which table.
    """

    names: tuple[str, ...]
    stages: tuple[Stage, ...]
    definitions: tuple[Definition, ...]
    request_columns: tuple[str, ...]
    tables: Mapping[str, Table]
    target: Table | None
    identity: str
    origins: Mapping[str, str]

    @staticmethod
    def compile(features: Sequence[Feature | Logged], *, target: Table | None = None) -> FeaturePlan:
        """Check and group `features`; `target` is the table whose rows are asked about.

        Raises
        ------
        ConfigError
            For two features of one name, features that need each other in a circle, a window that counts the
            request's own fact over another table than the target's.
        """
        if target is not None and not isinstance(target, Table):
            raise ConfigError(f"target is the table whose rows are asked about, got {target!r}.")
        given = sequence_of("features", features)
        plain = [unlogged(feature) for feature in given]  # where training values come from changes no meaning
        made = tuple(f if isinstance(f, Definition) else transform(f) for f in plain)
        return _Compiler(made, target).plan()

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """All groups, stage by stage."""
        return tuple(group for stage in self.stages for group in stage.groups)

    @cached_property
    def steps(self) -> tuple[Transform, ...]:
        """All transforms, those that graph features need included; each one's inputs come before it."""
        return tuple(step for stage in self.stages for step in stage.transforms)

    @cached_property
    def transforms(self) -> tuple[Transform, ...]:
        """The transforms that were declared; each one's inputs come before it."""
        return tuple(step for step in self.steps if step in self.definitions)

    @property
    def is_plain(self) -> bool:
        """Whether every key comes with the request and nothing is asked of neighbours: one stage."""
        of_graphs = any(isinstance(definition, Neighbours | SharedNeighbours) for definition in self.definitions)
        return len(self.stages) <= 1 and not of_graphs

    def describe(self) -> dict[str, Any]:
        return {"identity": self.identity, "names": list(self.names), "origins": dict(self.origins)}

    def columns_of(self, table: str) -> list[str]:
        """The columns of `table` that the features read, sorted; the key that corrections need included."""
        found = set(self.tables[table].key or ())
        for group in self._readers():
            if group.table.name == table:
                found |= group.fact_columns() - {name for lookup in group.lookups for name in lookup.names()}
                found |= {asked for lookup in group.lookups for asked, _ in lookup.by}
            for lookup in group.lookups:
                if lookup.table.name == table:
                    found |= {*lookup.columns, *(column for _, column in lookup.by)}
        return sorted(found)

    def part(self, groups: Sequence[Group]) -> FeaturePlan:
        """A plan of these groups alone, whose keys come with the request: no transforms, no request features."""
        names = tuple(name for group in groups for name in group.names)
        asked: dict[str, None] = {}
        for group in groups:
            asked.update(dict.fromkeys(column for column, _ in group.by))
            if group.own:
                own = {column for slot in group.slots for column in (slot.column, slot.given) if column}
                conditions = {column for slot in group.slots if slot.where for column in slot.where.names}
                asked.update(dict.fromkeys(sorted(own | conditions | set(group.table.keys))))
        lone = FeaturePlan(names, (Stage(tuple(groups), (), ()),), (), tuple(asked), self.tables, self.target, "", {})
        read = {group.table.name for group in groups}
        read |= {lookup.table.name for group in groups for lookup in group.lookups}
        return replace(
            lone,
            tables={name: table for name, table in self.tables.items() if name in read},
            identity=digest({"plan": self.identity, "names": list(names)}),
            origins={name: self.origins.get(name, "hidden") for name in names},
        )

    def _readers(self) -> Iterator[Group]:
        for stage in self.stages:
            yield from stage.groups
            yield from (fan.group for fan in stage.fans)

    def transformed(self, steps: Sequence[Transform], requests: Frame, columns: dict[str, Column]) -> None:
        """Run row transforms and add their columns."""
        for step in steps:
            arguments = {name: (columns[name] if name in columns else requests[name]).array() for name in step.inputs}
            result = np.asarray(step.function(**arguments))
            if result.shape != (len(requests),):
                raise ConfigError(
                    f"feature function {step.name!r} gave shape {result.shape} for {len(requests)} rows; "
                    "it must give one value per row."
                )
            made = Column.of(result)
            columns[step.name] = made if made.kind in ("text", "time", "list") else made.as_kind("number")

    def finish(self, requests: Frame, looked_up: Mapping[str, Column]) -> Frame:
        """All features in order, from the requests' columns and the folds' answers; what is missing is transformed."""
        columns = dict(looked_up)
        self.transformed([step for step in self.steps if step.name not in columns], requests, columns)
        return Frame({n: columns[n] if n in columns else as_feature(requests[n]) for n in self.names}, len(requests))


def as_feature(column: Column) -> Column:
    """A request's column as the feature of its name: a number, text or time."""
    return column if column.kind in ("text", "time", "list") else column.as_kind("number")


class _Compiler:
    """Names, stages and groups of some definitions."""

    def __init__(self, made: tuple[Definition, ...], target: Table | None) -> None:
        self.made, self.target = made, target
        self.origins: dict[str, str] = {}
        self.tables: dict[str, Table] = {}
        self.asked: dict[str, None] = {}
        self.hidden: list[Window] = []
        self.of_name: dict[str, Definition] = {}
        self.stage_of: dict[str, int] = {}

    def plan(self) -> FeaturePlan:
        names: list[str] = []
        for definition in self.made:
            for name, origin in self._names(definition):
                if name in self.origins:
                    raise ConfigError(
                        f"two features are called {name!r} ({self.origins[name]}, {origin}); use name= on one."
                    )
                names.append(name)
                self.origins[name] = origin
                self.of_name[name] = definition
        for definition in self.made:
            self._check(definition)
        for definition in self.made:
            self._ask(definition)
        stages = self._stages()
        identity = digest(
            {
                "features": [d.describe() for d in self.made],
                "target": self.target.describe() if self.target else None,
            }
        )
        return FeaturePlan(
            tuple(names), stages, self.made, tuple(self.asked), self.tables, self.target, identity, self.origins
        )

    def _names(self, definition: Definition) -> list[tuple[str, str]]:
        if isinstance(definition, Request):
            return [(column, "request") for column in definition.columns]
        if isinstance(definition, Transform):
            return [(definition.name, "transform")]
        if isinstance(definition, Neighbours):
            return [(definition.name, f"neighbours of {definition.members.table.name}")]
        if isinstance(definition, SharedNeighbours):
            return [(definition.name, f"shared neighbours of {definition.members[0].table.name}")]
        kind = "window" if isinstance(definition, Window) else "latest"
        return [(name, f"{kind} of {definition.table.name}") for name in definition.names()]

    def _check(self, definition: Definition) -> None:
        """Learn which tables are read, and that one name means one table."""
        for reader in self._readers(definition):
            table = reader.table
            source = table.table if isinstance(table, Enriched) else table
            if self.tables.setdefault(source.name, source).describe() != source.describe():
                raise ConfigError(f"two different tables are called {source.name!r}; give each its own name.")
            if isinstance(table, Enriched):
                for lookup in table.lookups:
                    if isinstance(lookup.table, Enriched):
                        raise ConfigError(
                            f"enrich({table.name}): a lookup of an enriched table is one step too many; look up "
                            f"from {lookup.table.name} itself."
                        )
                    self._check(lookup)
            of_target = self.target is not None and source.name == self.target.name and bool(source.key)
            if isinstance(reader, Window) and reader.own and (not of_target or isinstance(table, Enriched)):
                raise ConfigError(
                    f"window({table.name}): closed='right' adds the request's own fact, so it needs the target's own "
                    "table, with a key, as it is."
                )

    @staticmethod
    def _readers(definition: Definition) -> tuple[Latest | Window, ...]:
        """What reads facts for it."""
        if isinstance(definition, Neighbours):
            return definition.members, definition.of
        if isinstance(definition, SharedNeighbours):
            return definition.members
        return (definition,) if isinstance(definition, Latest | Window) else ()

    @staticmethod
    def _keyed(definition: Definition) -> tuple[Latest | Window, ...]:
        """Of these, what is keyed by the request or by another feature."""
        return (definition.members,) if isinstance(definition, Neighbours) else _Compiler._readers(definition)

    def _is_feature(self, name: str) -> bool:
        return self.origins.get(name, "request") != "request"

    def _ask(self, definition: Definition) -> None:
        """What a request must bring for it."""
        if isinstance(definition, Request):
            self.asked.update(dict.fromkeys(definition.columns))
        elif isinstance(definition, Transform):
            self.asked.update(dict.fromkeys(n for n in definition.inputs if not self._is_feature(n)))
        else:
            for reader in self._keyed(definition):
                self.asked.update(dict.fromkeys(n for n, _ in reader.by if not self._is_feature(n)))
                if isinstance(reader, Window) and reader.own:
                    weights = [aggregate.weight for aggregate in reader.aggregates]
                    read = [*reader.table.keys, reader.column, *weights, *(reader.where.names if reader.where else ())]
                    self.asked.update(dict.fromkeys(sorted({column for column in read if column})))

    def _stage(self, name: str, path: tuple[str, ...] = ()) -> int:
        """The stage after which a feature has its value."""
        if name in path:
            raise ConfigError(f"features need each other in a circle: {' -> '.join([*path, name])}.")
        if not self._is_feature(name):
            return -1
        if name not in self.stage_of:
            definition = self.of_name[name]
            if isinstance(definition, Transform):
                stage = max([0, *(self._stage(n, (*path, name)) for n in definition.inputs)])
            else:
                keys = [n for reader in self._keyed(definition) for n, _ in reader.by]
                stage = max([0, *(1 + self._stage(n, (*path, name)) for n in keys)])
            self.stage_of[name] = stage
        return self.stage_of[name]

    def _stages(self) -> tuple[Stage, ...]:
        grouped: dict[tuple[int, str, tuple[tuple[str, str], ...], bool, int], list[Latest | Window]] = {}
        fans: dict[int, list[Neighbours]] = {}
        steps: dict[int, list[Transform]] = {}
        for definition in self.made:
            if isinstance(definition, Transform):
                continue
            if isinstance(definition, Neighbours):
                fans.setdefault(self._stage(definition.name), []).append(definition)
            for reader in self._keyed(definition):
                stage = max([0, *(1 + self._stage(n) for n, _ in reader.by)])
                own = isinstance(reader, Window) and reader.own
                kind = -1 if isinstance(reader, Latest) else tile_us_of(reader)
                place = (stage, digest(reader.table.describe()), reader.by, own, kind)
                members = grouped.setdefault(place, [])
                if reader not in members:
                    members.append(reader)
        for step in self._ordered():
            steps.setdefault(self._stage(step.name), []).append(step)
        made: dict[int, list[Group]] = {}
        for (stage, _, by, own, _), members in grouped.items():
            made.setdefault(stage, []).append(make_group(members[0].table, by, own, members, stage))
        count = 1 + max([-1, *made, *fans, *steps])
        return tuple(
            Stage(
                tuple(made.get(at, ())),
                tuple(
                    FanOut(fan.name, fan.members.names()[0], make_group(fan.of.table, fan.of.by, False, [fan.of], at))
                    for fan in fans.get(at, ())
                ),
                tuple(steps.get(at, ())),
            )
            for at in range(count)
        )

    def _ordered(self) -> list[Transform]:
        """Depth first, so that a transform stands after its inputs."""
        order: list[Transform] = []
        done: set[str] = set()

        def visit(name: str) -> None:
            definition = self.of_name.get(name)
            if name in done or not isinstance(definition, Transform | SharedNeighbours):
                return
            done.add(name)
            self._stage(name)  # refuses a circle
            step = definition.step if isinstance(definition, SharedNeighbours) else definition
            for needed in step.inputs:
                visit(needed)
            order.append(step)

        for definition in self.made:
            if isinstance(definition, Transform | SharedNeighbours):
                visit(definition.name)
        return order
