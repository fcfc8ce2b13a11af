"""Features over an edge table: an entity's neighbours, as they were known at a moment.

An edge is a fact with two ends, `source` and `target`. The neighbours of an entity are the different targets of its
visible edges: an edge that is there twice counts once, one that was retracted or corrected away does not count, one to
itself makes an entity its own neighbour, one without a target is none. Edges have a direction: swap the ends to look
the other way; a friendship is two facts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from hindcast.errors import ConfigError
from hindcast.facts.table import Table
from hindcast.features.aggregates import Aggregate, members
from hindcast.features.definitions import Enriched, Latest, Notes, Transform, Window, window
from hindcast.features.given import name_of, table_name
from hindcast.features.spans import Over

__all__ = ["Neighbours", "SharedNeighbours", "degree", "neighbours_mean", "shared_neighbours", "unfolded"]


@dataclass(frozen=True)
class Neighbours:
    """The mean of a looked-up value over an entity's neighbours; make it with :func:`neighbours_mean`.

    Attributes
    ----------
    name : str
    members : Window
        One feature: the neighbours, as a list.
    of : Latest
        One column of a table about neighbours, keyed by one column.
    """

    name: str
    members: Window
    of: Latest
    notes: Notes = field(default=Notes(), compare=False)

    def describe(self) -> dict[str, Any]:
        return {"is": "neighbours", "name": self.name, "members": self.members.describe(), "of": self.of.describe()}


@dataclass(frozen=True)
class SharedNeighbours:
    """How many neighbours two entities have in common; make it with :func:`shared_neighbours`.

    Attributes
    ----------
    name : str
    members : pair of Window
        One feature each: the neighbours of the one and of the other, as lists.
    """

    name: str
    members: tuple[Window, Window]
    notes: Notes = field(default=Notes(), compare=False)

    def __post_init__(self) -> None:
        one, other = (replace(side, by=tuple(("", column) for _, column in side.by)) for side in self.members)
        if one != other:
            raise ConfigError(f"{self.name}: the two lists of neighbours may differ only in whom they are about.")

    @property
    def step(self) -> Transform:
        """What is done with the two lists."""

        def in_common(**lists: Any) -> Any:
            return np.array([_in_common(*pair) for pair in zip(*lists.values(), strict=True)], dtype=np.float64)

        inputs = tuple(side.names()[0] for side in self.members)
        return Transform(in_common, self.name, inputs, "shared neighbours", self.notes)

    def describe(self) -> dict[str, Any]:
        return {"is": "shared neighbours", "name": self.name, "members": [side.describe() for side in self.members]}


def unfolded(definitions: Iterable[Any]) -> list[Any]:
    """The definitions, shared neighbours as the windows and the function that they are made of."""
    parts = ([*d.members, d.step] if isinstance(d, SharedNeighbours) else [d] for d in definitions)
    return [part for some in parts for part in some]


def _in_common(one: tuple[Any, ...] | None, other: tuple[Any, ...] | None) -> float:
    return float("nan") if one is None or other is None else float(len(set(one).intersection(other)))


def degree(
    edges: Table | Enriched,
    source: str,
    target: str,
    *,
    by: str,
    over: Over | Sequence[Over] = "all",
    where: str | None = None,
    name: str | None = None,
    owner: str | None = None,
    description: str | None = None,
    unit: str | None = None,
) -> Window:
    """How many neighbours an entity has: 0 when none is known, null for a null entity.

    Parameters
    ----------
    edges : Table or Enriched
        A fact per edge. Give it a key and it may be corrected and retracted.
    source, target : str
        The columns of the two ends.
    by : str
        The request's column, or earlier feature, that names the entity.
    over : duration, pair of durations or span, or a sequence of them, default "all"
        Which edges count, by their event time; see :func:`window`.
    where : str, optional
        Only edges for which this condition holds, such as ``"amount > 100"``.
    name : str, optional
        Takes the place of table and column in the features' names.
    owner, description, unit : str, optional
        For the catalogue.

    Examples
    --------
    >>> follows = Table("follows", key="id", event_time="at", known="event")
    >>> degree(follows, "follower", "followed", by="user").names()
    ['follows_followed_degree_all_by_user']
    """
    notes = Notes(owner, description, unit)
    made = _around("degree", edges, source, target, by, over, where, Aggregate("distinct", ("degree",)), name)
    return replace(made, notes=notes)


def shared_neighbours(
    edges: Table | Enriched,
    source: str,
    target: str,
    *,
    between: tuple[str, str],
    over: Over = "all",
    where: str | None = None,
    name: str | None = None,
    owner: str | None = None,
    description: str | None = None,
    unit: str | None = None,
) -> SharedNeighbours:
    """How many neighbours two entities have in common: 0 when none is known, null when an entity is null.

    Parameters
    ----------
    edges, source, target, over, where
        As in :func:`degree`; one span.
    between : pair of str
        The request's columns, or earlier features, that name the two entities.
    name : str, optional
        The feature's name.
    owner, description, unit : str, optional
        For the catalogue.

    Notes
    -----
    O(degree of both) per request; nothing is kept beside the edges.

    Examples
    --------
    >>> follows = Table("follows", key="id", event_time="at", known="event")
    >>> shared_neighbours(follows, "follower", "followed", between=("reader", "author")).name
    'follows_followed_shared_all_by_reader_and_author'
    """
    notes = Notes(owner, description, unit)
    if not isinstance(between, tuple | list) or len(between) != 2 or between[0] == between[1]:
        raise ConfigError(
            f"shared_neighbours(): between names two different columns, such as ('reader', 'author'), got {between!r}."
        )
    one, other = (_listed("shared_neighbours", edges, source, target, by, over, where) for by in between)
    made = _called(name, one, "shared", between)
    return SharedNeighbours(made, (one, other), notes)


def neighbours_mean(
    edges: Table | Enriched,
    source: str,
    target: str,
    *,
    of: Latest,
    by: str,
    over: Over = "all",
    where: str | None = None,
    name: str | None = None,
    owner: str | None = None,
    description: str | None = None,
    unit: str | None = None,
) -> Neighbours:
    """The mean, over an entity's neighbours, of what is known about each: the newest visible fact at as_of.

    A neighbour about whom nothing is known, or null, does not count; null when that goes for all. The sum is exact.

    Parameters
    ----------
    edges, source, target, by, over, where
        As in :func:`degree`; one span.
    of : Latest
        One column of a table about the neighbours, keyed by one column: ``hc.latest(users, "age", by="user")``. A
        `max_age` holds for it as ever.
    name : str, optional
        The feature's name.
    owner, description, unit : str, optional
        For the catalogue.

    Notes
    -----
    O(degree) lookups per request.

    Examples
    --------
    >>> from hindcast.features import latest
    >>> follows = Table("follows", key="id", event_time="at", known="event")
    >>> users = Table("users", key="user", event_time="changed", known="event")
    >>> neighbours_mean(follows, "follower", "followed", of=latest(users, "age", by="user"), by="reader").name
    'follows_followed_mean_users_age_all_by_reader'
    """
    notes = Notes(owner, description, unit)
    if not isinstance(of, Latest) or len(of.columns) != 1 or len(of.by) != 1:
        raise ConfigError("neighbours_mean(): of takes latest(...) of one column, by one key: the neighbour.")
    around = _listed("neighbours_mean", edges, source, target, by, over, where)
    made = _called(name, around, f"mean_{of.prefix or of.table.name}_{of.columns[0]}", (by,))
    return Neighbours(made, around, of, notes)


def _around(
    what: str,
    edges: Table | Enriched,
    source: str,
    target: str,
    by: str,
    over: Over | Sequence[Over],
    where: str | None,
    aggregate: Aggregate,
    name: str | None = None,
) -> Window:
    """A window over the edges of one entity."""
    place = f"{what}({table_name(edges, f'{what}()')})"
    by, source, target = (
        name_of(f"{place}: {end}", column) for end, column in (("by", by), ("source", source), ("target", target))
    )
    return window(edges, target, aggregate, over=over, by={by: source}, where=where, name=name)


def _listed(
    what: str, edges: Table | Enriched, source: str, target: str, by: str, over: Over, where: str | None
) -> Window:
    """The neighbours as a list, over one span."""
    made = _around(what, edges, source, target, by, over, where, members())
    if len(made.spans) != 1:
        raise ConfigError(f"{what}({edges.name}): over takes one span here; declare a feature for each.")
    return made


def _called(name: str | None, around: Window, told: str, by: Sequence[str]) -> str:
    """The name given, or the one of the list of neighbours with `told` in place of the aggregate."""
    if name is not None:
        return name_of("name", name)
    alone = replace(around, by=(), aggregates=(Aggregate("members", (told,)),))
    return f"{alone.names()[0]}_by_{'_and_'.join(by)}"
