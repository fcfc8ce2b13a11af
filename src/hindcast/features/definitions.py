"""What a feature means: a few kinds, each a frozen value that names itself.

* :func:`request`  values that come with the question,
* :func:`latest`   a column of an entity's newest fact,
* :func:`window`   aggregates over an entity's facts of a stretch of time,
* a plain function: a *transform*, named by its output, whose parameters name its inputs,
* :func:`enrich`   a table whose facts carry what was known about something else when they became known.

A definition holds no data and no state. Its identity is the digest of what it means, so that a changed feature
is another feature; who owns it and what it is called for people is not part of that.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hindcast.errors import ConfigError
from hindcast.expressions import Expression
from hindcast.facts.table import Table
from hindcast.features.aggregates import LISTS, Aggregate, named
from hindcast.features.given import By, by_of, name_of, sequence_of, table_name
from hindcast.features.identity import code_of
from hindcast.features.spans import Over, Span, spans_of
from hindcast.parameters import choice, switch
from hindcast.values import Duration, duration_us

__all__ = [
    "Enriched",
    "Latest",
    "Notes",
    "Output",
    "Request",
    "Transform",
    "Window",
    "enrich",
    "latest",
    "request",
    "transform",
    "window",
]


@dataclass(frozen=True)
class Notes:
    """What people want to know of a feature; not part of its identity."""

    owner: str | None = None
    description: str | None = None
    unit: str | None = None

    def __post_init__(self) -> None:
        for what in ("owner", "description", "unit"):
            said = getattr(self, what)
            if said is not None and not isinstance(said, str):
                raise ConfigError(f"{what} is a text for the catalogue, got {said!r}.")


class Output(NamedTuple):
    """One feature of a window: its name, the aggregate, which of the aggregate's features, over which span."""

    name: str
    aggregate: Aggregate
    part: int
    span: Span


@dataclass(frozen=True)
class Request:
    """Columns of the request itself, as sent by the caller or as found in the target table's row at as_of."""

    columns: tuple[str, ...]
    notes: Notes = field(default=Notes(), compare=False)

    def describe(self) -> dict[str, Any]:
        return {"is": "request", "columns": list(self.columns)}


@dataclass(frozen=True)
class Latest:
    """Columns of the visible fact with event time before as_of and the greatest (event, known, sequence)."""

    table: Table | Enriched
    columns: tuple[str, ...]
    by: tuple[tuple[str, str], ...]
    max_age_us: int | None
    ahead: bool
    prefix: str | None
    notes: Notes = field(default=Notes(), compare=False)

    def names(self) -> list[str]:
        """The features' names, one per column."""
        lead = self.prefix or self.table.name
        return [f"{lead}_{column}{_tail(self.by)}" for column in self.columns]

    def describe(self) -> dict[str, Any]:
        return {
            "is": "latest",
            "table": self.table.describe(),
            "columns": list(self.columns),
            "by": [list(pair) for pair in self.by],
            "max_age_us": self.max_age_us,
            "ahead": self.ahead,
            "names": self.names(),
        }


@dataclass(frozen=True)
class Enriched:
    """A table whose facts carry looked-up columns, each as of the fact's own known time; see :func:`enrich`."""

    table: Table
    lookups: tuple[Latest, ...]

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def key(self) -> Any:
        return self.table.key

    @property
    def keys(self) -> tuple[str, ...]:
        return self.table.keys

    @property
    def start_us(self) -> int | None:
        return self.table.start_us

    def names(self) -> list[str]:
        """The columns that are looked up."""
        return [name for lookup in self.lookups for name in lookup.names()]

    def describe(self) -> dict[str, Any]:
        return {"table": self.table.describe(), "lookups": [lookup.describe() for lookup in self.lookups]}


@dataclass(frozen=True)
class Window:
    """Aggregates over an entity's visible facts whose event time lies in a span before as_of."""

    table: Table | Enriched
    column: str | None
    aggregates: tuple[Aggregate, ...]
    spans: tuple[Span, ...]
    by: tuple[tuple[str, str], ...]
    where: Expression | None
    own: bool
    prefix: str | None
    notes: Notes = field(default=Notes(), compare=False)

    def outputs(self) -> list[Output]:
        """The window's features, span by span."""
        lead = self.prefix or "_".join(
            part
            for part in (self.table.name, self.column, _slug(self.where.describe()) if self.where else None)
            if part
        )
        return [
            Output(f"{lead}_{token}_{span.text}{_tail(self.by)}", aggregate, part, span)
            for span in self.spans
            for aggregate in self.aggregates
            for part, token in enumerate(aggregate.tokens)
        ]

    def names(self) -> list[str]:
        """The features' names."""
        return [output.name for output in self.outputs()]

    def describe(self) -> dict[str, Any]:
        return {
            "is": "window",
            "table": self.table.describe(),
            "column": self.column,
            "aggregates": [aggregate.describe() for aggregate in self.aggregates],
            "spans": [span.describe() for span in self.spans],
            "by": [list(pair) for pair in self.by],
            "where": self.where.describe() if self.where else None,
            "own": self.own,
            "names": self.names(),
        }


@dataclass(frozen=True)
class Transform:
    """A plain function over NumPy columns; its name is the feature, its parameters are the inputs."""

    function: Callable[..., Any] = field(compare=False)
    name: str
    inputs: tuple[str, ...]
    code: str
    notes: Notes = field(default=Notes(), compare=False)

    def describe(self) -> dict[str, Any]:
        return {"is": "transform", "name": self.name, "inputs": list(self.inputs), "code": self.code}


def request(
    *columns: str, owner: str | None = None, description: str | None = None, unit: str | None = None
) -> Request:
    """Features that are columns of the request, under their own names.

    Examples
    --------
    >>> request("carrier", "distance").columns
    ('carrier', 'distance')
    """
    if not columns:
        raise ConfigError("request() takes the names of one or more columns, got none.")
    return Request(tuple(name_of("request(): a column", column) for column in columns), Notes(owner, description, unit))


def latest(
    table: Table | Enriched,
    *columns: str,
    by: By = (),
    max_age: Duration | None = None,
    ahead: bool = False,
    name: str | None = None,
    owner: str | None = None,
    description: str | None = None,
    unit: str | None = None,
) -> Latest:
    """Features that are columns of an entity's newest fact.

    The newest is the visible fact (known before as_of) with event time before as_of and the greatest (event time,
    known time, sequence). It is taken as a row: a null in it is null, not the value before. Its features are
    named ``<table>_<column>_by_<key>``.

    Parameters
    ----------
    table : Table or Enriched
    *columns : str
        Any kind but an integer beyond 2**53.
    by : str, sequence of str, or mapping
        The entity: columns that request and table share, or ``{request column: table column}``. In place of a
        request's column it may name a looked-up feature or a transform. Empty: the table is about one thing only.
    max_age : duration, optional
        An older fact does not count; one of exactly this age does.
    ahead : bool, default False
        Look at facts dated in the future too (a forecast, a plan), as far as they are known.
    name : str, optional
        Takes the table's place in the features' names.
    owner, description, unit : str, optional
        For the catalogue.
    """
    where = f"latest({table_name(table, 'latest()')})"
    if not columns:
        raise ConfigError(f"{where} needs the names of one or more columns.")
    for column in columns:
        name_of(f"{where}: a column", column)
    age = None if max_age is None else duration_us(max_age, what=f"{where} max_age")
    prefix = None if name is None else name_of(f"{where}: name", name)
    ahead = switch(f"{where}: ahead", ahead)
    return Latest(table, columns, by_of(by, where), age, ahead, prefix, Notes(owner, description, unit))


def window(
    table: Table | Enriched,
    column: str | None = None,
    aggregates: Sequence[str | Aggregate] | str | Aggregate = ("count",),
    *,
    over: Over | Sequence[Over],
    by: By = (),
    where: str | None = None,
    closed: str = "left",
    lag: Duration = "0s",
    tile: Duration | None = None,
    name: str | None = None,
    owner: str | None = None,
    description: str | None = None,
    unit: str | None = None,
) -> Window:
    """Features that aggregate an entity's facts of a stretch of time before as_of.

    A window of length w with lag g at t takes the visible facts with ``t - g - w <= event time < t - g``. Nulls
    do not count. What an empty window gives is said in :mod:`hindcast.features.aggregates`; before the table's
    declared start everything is null. Features are named ``<table>_<column>_<aggregate>_<window>_by_<key>``.

    Parameters
    ----------
    table : Table or Enriched
    column : str, optional
        A number, integer, boolean or time (some aggregates take texts); None counts facts.
    aggregates : sequence of str or Aggregate
        "count", "sum", "mean", "min", "max", "var", "std", "first", "last", "median", "distinct", "share", "since",
        or one of :mod:`hindcast.features.aggregates`. All are equal to the bit in batch, stream and online.
    over : duration, pair of durations or span, or a sequence of them
        Lengths like ``"24h"``; ``"all"``; a pair like ``("-1h", "+2h")`` looks from an hour before as_of to two hours
        after it, and still sees known facts only; :func:`to_date`, :func:`last_full`, :func:`session`.
    by : str, sequence of str, or mapping
        The entity; see :func:`latest`.
    where : str, optional
        Only facts for which this condition holds, such as ``"dep_delay > 15"``.
    closed : {"left", "right"}
        "right" adds exactly one fact: the request's own, whether it is stored yet or not, as the newest. For
        windows over the target's own table only.
    lag : duration, default "0s"
        The window ends this long before as_of.
    tile : duration, optional
        The window begins at a multiple of this since 1970 UTC, at ``t - g - w`` rounded down: up to one tile more
        than was asked for. What lies behind as_of by more than a tile may then be kept summed up, tile by tile.
    name : str, optional
        Takes the place of table and column in the features' names.
    owner, description, unit : str, optional
        For the catalogue.

    Examples
    --------
    >>> trips = Table("trips", event_time="ended", known="event")
    >>> window(trips, "fare", ["sum", "median"], over=["1h", "7d"], by="driver").names()[:2]
    ['trips_fare_sum_1h_by_driver', 'trips_fare_median_1h_by_driver']
    """
    place = f"window({table_name(table, 'window()')})"
    if column is not None:
        place = f"{place[:-1]}, {name_of(f'{place}: column', column)})"
    prefix = None if name is None else name_of(f"{place}: name", name)
    several = not isinstance(aggregates, str | Aggregate)
    given: list[Any] = sequence_of(f"{place}: aggregates", aggregates) if several else [aggregates]
    kinds = tuple(named(aggregate, place) for aggregate in given)
    if not kinds:
        raise ConfigError(f"{place} needs at least one aggregate.")
    if column is None and not {kind.kind for kind in kinds} <= {"count", "rate", "since", "decayed_count"}:
        raise ConfigError(f"{place}: without a column facts can only be counted or timed, got {given}.")
    choice("closed", closed, ("left", "right"), where=place)
    lag_us = duration_us(lag, what=f"{place} lag")
    tile_us = 0 if tile is None else duration_us(tile, what=f"{place} tile")
    spans = spans_of(over, lag_us, tile_us, place)
    for kind in kinds:
        if kind.kind == "rate" and any(span.kind == "session" or span.text.startswith("all") for span in spans):
            raise ConfigError(f"{place}: a rate needs a window of known length, not 'all' or a session.")
        if closed == "right" and kind.kind in LISTS | {"own"}:
            raise ConfigError(f"{place}: {kind.tokens[0]} does not take closed='right'.")
    if closed == "right" and any(span.hi_us or span.back for span in spans):
        raise ConfigError(
            f"{place}: a window that ends before as_of does not reach the request's own fact; drop lag or "
            "closed='right'."
        )
    condition = Expression(where) if where is not None else None
    notes = Notes(owner, description, unit)
    return Window(table, column, kinds, spans, by_of(by, place), condition, closed == "right", prefix, notes)


def enrich(table: Table, *lookups: Latest) -> Enriched:
    """A table whose facts carry what was known about something else at their own known time.

    Each fact gets the looked-up columns, named as those features, as of the moment it became known itself: what a
    reader of the fact would have seen. Use it wherever a table is used: to sum up over a looked-up value, or to
    group by one.

    Parameters
    ----------
    table : Table
    *lookups : Latest
        Keyed by columns of `table`.

    Examples
    --------
    >>> planes = Table("planes", key="tailnum", known="always")
    >>> landings = Table("landings", event_time="landed", known="event")
    >>> made = enrich(landings, latest(planes, "maker", by="tailnum"))
    >>> window(made, "delay", "mean", over="7d", by={"maker": "planes_maker_by_tailnum"}).names()
    ['landings_delay_mean_7d_by_maker']
    """
    if not isinstance(table, Table) or not lookups or not all(isinstance(lookup, Latest) for lookup in lookups):
        raise ConfigError("enrich() takes a table and one or more latest(...).")
    made = Enriched(table, lookups)
    names = made.names()
    if len(set(names)) < len(names):
        raise ConfigError(f"enrich({table.name}): two looked-up columns have one name in {names}; use name= on one.")
    return made


def transform(function: Callable[..., Any]) -> Transform:
    """A named function as a feature.

    It gets NumPy arrays, shape (n,): float64 with NaN for null, int64 microseconds for times without null,
    objects for texts (str or None) and lists (tuple or None); it gives an array of the same length. It must not
    depend on the order or the number of rows: the same function answers a million rows or one.

    Examples
    --------
    >>> def late_evening(hour_of_day): return hour_of_day >= 22
    >>> transform(late_evening).inputs
    ('hour_of_day',)
    """
    name = getattr(function, "__name__", "")
    if not isinstance(function, types.FunctionType) or name == "<lambda>" or not name:
        raise ConfigError(
            "a feature function must be a plain named function (def), so that it has a name and a stable identity; "
            f"got {function!r}."
        )
    inputs = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ConfigError(f"feature function {name!r}: parameter {parameter.name!r} must name one input.")
        if parameter.default is parameter.empty:
            inputs.append(parameter.name)
    if not inputs:
        raise ConfigError(f"feature function {name!r} has no parameters; they name its inputs.")
    said = (inspect.getdoc(function) or "").split("\n\n")[0].replace("\n", " ") or None
    return Transform(function, name, tuple(inputs), code_of(function), Notes(description=said))


def _tail(by: tuple[tuple[str, str], ...]) -> str:
    return f"_by_{'_and_'.join(asked for asked, _ in by)}" if by else ""


_WORDS = {">=": " ge ", "<=": " le ", "==": " eq ", "!=": " ne ", ">": " gt ", "<": " lt ", "-": " minus ", ".": "p"}


def _slug(text: str) -> str:
    for sign, word in _WORDS.items():
        text = text.replace(sign, word)
    return "where_" + re.sub(r"\W+", "_", text).strip("_")
