"""Which groups of a plan can be answered together from one division of facts and requests: a join."""

from __future__ import annotations

from dataclasses import dataclass

from hindcast.facts.table import Table
from hindcast.features.bucket import part_of
from hindcast.features.plan import FeaturePlan, Group

__all__ = ["Join", "joins_of"]


@dataclass(frozen=True, eq=False)
class Join:
    """The groups over one table under one key.

    Attributes
    ----------
    plan : FeaturePlan
        Of these groups alone.
    table : Table
    asked, by : tuple of str
        The key: columns of the request, and the table's columns they are compared with.
    columns : tuple of str
        The table's columns that the groups read, with the key that corrections need.
    back_us : int or None
        How far before as_of an event may lie that still counts; None without a bound.
    """

    plan: FeaturePlan
    table: Table
    asked: tuple[str, ...]
    by: tuple[str, ...]
    columns: tuple[str, ...]
    back_us: int | None

    @property
    def moves(self) -> bool:
        """Whether a correction may put a fact into another entity, so that its versions are in different parts."""
        return bool(self.table.keys) and not set(self.by) <= set(self.table.keys)

    @property
    def title(self) -> str:
        """For messages."""
        return f"{self.table.name} by {' and '.join(self.asked) or 'nothing'}"


def joins_of(plan: FeaturePlan) -> list[Join]:
    """The joins that answer all groups of `plan`, in the order in which their first groups stand."""
    together: dict[tuple[str, tuple[tuple[str, str], ...]], list[Group]] = {}
    for group in plan.groups:
        together.setdefault((group.table.name, tuple(group.by)), []).append(group)
    made = []
    for (_, by), groups in together.items():
        table = groups[0].table
        read = set(table.keys).union(*(group.fact_columns() for group in groups))
        backs = [group.reach_us[0] for group in groups]
        back = None if None in backs else max(b for b in backs if b is not None)
        asked, columns = tuple(a for a, _ in by), tuple(b for _, b in by)
        made.append(Join(part_of(plan, groups), table, asked, columns, tuple(sorted(read)), back))
    return made
