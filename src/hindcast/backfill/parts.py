"""Parts: declared features cut into the smallest pieces that can be answered, kept and judged stale alone.

A window over three spans with two aggregates is six parts, so that a span added to it leaves six alone. A part knows
what it is made from, down to requests and tables, and its digest says what it means, all of that included.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hindcast.backfill.dirty import is_plain
from hindcast.features.definitions import Latest, Request, Transform, Window
from hindcast.features.identity import unseen
from hindcast.features.plan import FeaturePlan
from hindcast.values import digest

__all__ = ["Part", "parts_of"]


@dataclass(frozen=True, eq=False)
class Part:
    """One feature, or the few that one definition answers together.

    Attributes
    ----------
    definition : Latest, Window, Transform or another kind
    names : tuple of str
        Its features.
    digest : str
        What it means: its definition and those of its inputs.
    takes : tuple of str
        The columns it takes: the request's, and features of other parts.
    inputs : tuple of Part
        The parts that answer those features.
    asks : tuple of str
        The request's columns that it depends on in the end, sorted.
    own_tables : tuple of str
        The tables it reads itself, sorted.
    tables : mapping of str to tuple of str
        The tables it depends on in the end, and their columns.
    depth : int
        0 when it takes the request's columns only, else one more than the deepest of its inputs.
    open : str or None
        What its code uses that is no part of its identity; such a part cannot be recognised.
    """

    definition: Any
    names: tuple[str, ...]
    digest: str
    takes: tuple[str, ...]
    inputs: tuple[Part, ...]
    asks: tuple[str, ...]
    own_tables: tuple[str, ...]
    tables: Mapping[str, tuple[str, ...]]
    depth: int
    open: str | None

    @property
    def is_plain(self) -> bool:
        """Whether it is looked up or aggregated from the facts of one table as they landed."""
        return is_plain(self.definition)


def parts_of(plan: FeaturePlan) -> tuple[list[Request], list[Part]]:
    """Cut a plan: the columns that are simply the request's own, and the parts.

    Examples
    --------
    >>> from hindcast.facts.table import Table
    >>> from hindcast.features import latest, window
    >>> weather = Table("weather", event_time="hour", known_after="1h")
    >>> plan = FeaturePlan.compile([latest(weather, "temp"), window(weather, "rain", "max", over=["1h", "6h"])])
    >>> [part.names for part in parts_of(plan)[1]]
    [('weather_temp',), ('weather_rain_max_1h',), ('weather_rain_max_6h',)]
    """
    asked = [definition for definition in plan.definitions if isinstance(definition, Request)]
    pieces = [piece for one in plan.definitions if not isinstance(one, Request) for piece in _cut(one)]
    plans = [FeaturePlan.compile([piece], target=plan.target) for piece in pieces]
    answers = {name: at for at, alone in enumerate(plans) for name in alone.names}
    made: dict[int, Part] = {}

    def make(at: int) -> Part:
        if at not in made:
            piece, alone = pieces[at], plans[at]
            needed = dict.fromkeys(answers[name] for name in alone.request_columns if name in answers)
            made[at] = _part(piece, alone, tuple(make(other) for other in needed), answers)
        return made[at]

    return asked, [make(at) for at in range(len(pieces))]


def _part(piece: Any, alone: FeaturePlan, inputs: tuple[Part, ...], answers: Mapping[str, int]) -> Part:
    tables = {table: set(alone.columns_of(table)) for table in alone.tables}
    asks = {name for name in alone.request_columns if name not in answers}
    for needed in inputs:
        asks |= set(needed.asks)
        for table, columns in needed.tables.items():
            tables.setdefault(table, set()).update(columns)
    opened = next((name for function in _functions(piece) for name in unseen(function)), None) or next(
        (i.open for i in inputs if i.open), None
    )
    return Part(
        piece,
        alone.names,
        digest({"means": piece.describe(), "inputs": [needed.digest for needed in inputs]}, length=32),
        alone.request_columns,
        inputs,
        tuple(sorted(asks)),
        tuple(sorted(alone.tables)),
        {table: tuple(sorted(columns)) for table, columns in sorted(tables.items())},
        1 + max((needed.depth for needed in inputs), default=-1),
        opened,
    )


def _cut(definition: Any) -> list[Any]:
    """The definition's smallest pieces, in the order of its features; a kind nobody knows here stays whole."""
    if type(definition) is Latest:
        return [replace(definition, columns=(column,)) for column in definition.columns]
    if type(definition) is Window:
        return [
            replace(definition, aggregates=(aggregate,), spans=(span,))
            for span in definition.spans
            for aggregate in definition.aggregates
        ]
    return [definition]


def _functions(piece: Any) -> list[Callable[..., Any]]:
    """The user's functions in it."""
    if isinstance(piece, Transform):
        return [piece.function]
    algebras = [getattr(aggregate, "algebra", None) for aggregate in getattr(piece, "aggregates", ())]
    functions = [getattr(a, role) for a in algebras if a is not None for role in ("add", "read", "merge", "inverse")]
    return [function for function in functions if function is not None]
