"""Which groups of a plan can be answered from one division of facts and requests: a join."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hindcast.facts.table import Table
from hindcast.features.definitions import Latest
from hindcast.features.group import Group
from hindcast.features.plan import FeaturePlan

__all__ = ["Join", "joins_of"]


@dataclass(frozen=True, eq=False)
class Join:
    """The groups over one table, enriched in one way, under one key.

    Attributes
    ----------
    plan : FeaturePlan
        Of these groups alone; what the table is enriched with counts as columns that it has.
    table : Table
    lookups : tuple of Latest
        What the table is enriched with.
    asked, by : tuple of str
        The key: columns of the request, and the table's columns they are compared with.
    columns : tuple of str
        The table's columns that the groups read, with the key that corrections need.
    back_us : int or None
        How far before as_of an event may lie that still counts; None without a bound.
    """

    plan: FeaturePlan
    table: Table
    lookups: tuple[Latest, ...]
    asked: tuple[str, ...]
    by: tuple[str, ...]
    columns: tuple[str, ...]
    back_us: int | None

    @property
    def moves(self) -> bool:
        """Whether a correction may put a fact into another entity, so that its versions are in different parts."""
        return bool(self.table.keys) and not set(self.by) <= set(self.table.keys)

    @property
    def outputs(self) -> int:
        """How many numbers an answer takes about as much memory as: a list is an object for each of its values."""
        readings = [reading for group in self.plan.groups for reading in group.readings]
        return sum(4 + 2 * reading.cells if reading.is_list else 1 for reading in readings)

    @property
    def collected(self) -> int:
        """How many features are made from all values of a window at once, held one by one."""
        return sum(reading.collected is not None for group in self.plan.groups for reading in group.readings)

    @property
    def aheads(self) -> list[int | None]:
        """How far after as_of an event may lie that counts, by group; None without a bound."""
        return [group.reach_us[1] for group in self.plan.groups]

    @property
    def collected_back_us(self) -> int | None:
        """How far back those features look."""
        backs = [
            g.reach_us[0] for g in self.plan.groups if any(reading.collected is not None for reading in g.readings)
        ]
        return None if None in backs else max((back for back in backs if back is not None), default=0)

    @property
    def looked_up(self) -> set[str]:
        """The columns that the table does not have itself."""
        return {name for lookup in self.lookups for name in lookup.names()}

    @property
    def title(self) -> str:
        """For messages."""
        return f"{self.table.name} by {' and '.join(self.asked) or 'nothing'}"


def joins_of(plan: FeaturePlan, groups: Sequence[Group]) -> list[Join]:
    """The joins that answer these groups of `plan`, in the order in which their first groups stand."""
    together: dict[tuple[str, tuple[Latest, ...], tuple[tuple[str, str], ...]], list[Group]] = {}
    for group in groups:
        together.setdefault((group.table.name, group.lookups, tuple(group.by)), []).append(group)
    made = []
    for (_, lookups, by), members in together.items():
        table = members[0].table
        read = set(table.keys).union(*(group.fact_columns() for group in members))
        backs = [group.reach_us[0] for group in members]
        back = None if None in backs else max(b for b in backs if b is not None)
        asked, columns = tuple(a for a, _ in by), tuple(b for _, b in by)
        bare = plan.part([replace(group, lookups=()) for group in members])
        made.append(Join(bare, table, lookups, asked, columns, tuple(sorted(read)), back))
    return made
