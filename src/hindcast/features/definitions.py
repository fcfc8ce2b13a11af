"""What a feature means: four kinds, each a frozen value that names itself.

* :func:`request`  values that come with the question,
* :func:`latest`   a column of an entity's newest fact,
* :func:`window`   aggregates over an entity's facts of the last hours or days,
* a plain function: a *transform*, named by its output, whose parameters name its inputs.

A definition holds no data and no state. Its identity is the digest of what it means, so that a changed feature
is another feature.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hindcast.errors import ConfigError, UnknownName
from hindcast.expressions import Expression
from hindcast.facts.table import Table
from hindcast.values import Duration, digest, duration_text, duration_us

__all__ = [
    "Aggregate",
    "Latest",
    "Request",
    "Transform",
    "Window",
    "code_of",
    "latest",
    "request",
    "transform",
    "window",
]

AGGREGATES = {"count": 0, "sum": 1, "mean": 2, "min": 3, "max": 4, "std": 5, "latest": 6}
"""What a fold can be read for, by the code that compiled code knows; ``latest`` is no window's."""
AGGREGATE_NAMES = tuple(AGGREGATES)[:-1]
Aggregate = str
By = str | Sequence[str] | Mapping[str, str]


@dataclass(frozen=True)
class Request:
    """Columns of the request itself, as sent by the caller or as found in the target table's row at as_of."""

    columns: tuple[str, ...]

    def describe(self) -> dict[str, Any]:
        return {"is": "request", "columns": list(self.columns)}


@dataclass(frozen=True)
class Latest:
    """Columns of the visible fact with event time before as_of and the greatest (event, known, sequence)."""

    table: Table
    columns: tuple[str, ...]
    by: tuple[tuple[str, str], ...]
    max_age_us: int | None
    ahead: bool
    prefix: str | None

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
class Window:
    """Aggregates over an entity's visible facts whose event time lies in a span before as_of."""

    table: Table
    column: str | None
    aggregates: tuple[Aggregate, ...]
    spans: tuple[tuple[int, int, str], ...]
    """(lo, hi, text): facts with ``t - lo <= event < t - hi``, and how the span is spelled in names."""
    by: tuple[tuple[str, str], ...]
    where: Expression | None
    own: bool
    prefix: str | None

    def names(self) -> list[tuple[str, Aggregate, int]]:
        """(name, aggregate, index of the span) of each feature, span by span."""
        lead = self.prefix or "_".join(
            part
            for part in (self.table.name, self.column, _slug(self.where.describe()) if self.where else None)
            if part
        )
        return [
            (f"{lead}_{aggregate}_{text}{_tail(self.by)}", aggregate, at)
            for at, (_, _, text) in enumerate(self.spans)
            for aggregate in self.aggregates
        ]

    def describe(self) -> dict[str, Any]:
        return {
            "is": "window",
            "table": self.table.describe(),
            "column": self.column,
            "aggregates": list(self.aggregates),
            "spans": [list(span) for span in self.spans],
            "by": [list(pair) for pair in self.by],
            "where": self.where.describe() if self.where else None,
            "own": self.own,
            "names": [name for name, _, _ in self.names()],
        }


@dataclass(frozen=True)
class Transform:
    """A plain function over NumPy columns; its name is the feature, its parameters are the inputs."""

    function: Callable[..., Any] = field(compare=False)
    name: str
    inputs: tuple[str, ...]
    code: str

    def describe(self) -> dict[str, Any]:
        return {"is": "transform", "name": self.name, "inputs": list(self.inputs), "code": self.code}


def request(*columns: str) -> Request:
    """Features that are columns of the request, under their own names.

    Examples
    --------
    >>> request("carrier", "distance").columns
    ('carrier', 'distance')
    """
    if not columns or not all(isinstance(column, str) and column for column in columns):
        raise ConfigError(f"request() takes the names of one or more columns, got {columns!r}.")
    return Request(columns)


def latest(
    table: Table,
    *columns: str,
    by: By = (),
    max_age: Duration | None = None,
    ahead: bool = False,
    name: str | None = None,
) -> Latest:
    """Features that are columns of an entity's newest fact.

    The newest is the visible fact (known before as_of) with event time before as_of and the greatest (event time,
    known time, sequence). It is taken as a row: a null in it is null, not the value before. Its features are
    named ``<table>_<column>_by_<key>``.

    Parameters
    ----------
    table : Table
    *columns : str
        Any kind but an integer beyond 2**53.
    by : str, sequence of str, or mapping
        The entity: columns that request and table share, or ``{request column: table column}``. Empty: the
        table is about one thing only.
    max_age : duration, optional
        An older fact does not count; one of exactly this age does.
    ahead : bool, default False
        Look at facts dated in the future too (a forecast, a plan), as far as they are known.
    name : str, optional
        Takes the table's place in the features' names.
    """
    if not columns:
        raise ConfigError(f"latest({table.name}) needs the names of one or more columns.")
    where = f"latest({table.name})"
    age = None if max_age is None else duration_us(max_age, what=f"{where} max_age")
    return Latest(table, columns, _by(by, where), age, ahead, name)


def window(
    table: Table,
    column: str | None = None,
    aggregates: Sequence[Aggregate] | Aggregate = ("count",),
    *,
    over: Duration | tuple[Duration, Duration] | Sequence[Duration | tuple[Duration, Duration]],
    by: By = (),
    where: str | None = None,
    closed: str = "left",
    lag: Duration = "0s",
    name: str | None = None,
) -> Window:
    """Features that aggregate an entity's facts of a stretch of time before as_of.

    A window of length w with lag g at t takes the visible facts with ``t - g - w <= event time < t - g``. Nulls
    do not count; with no facts count and sum are 0 and mean, min, max are null; std is the sample's, null below
    two values. Before the table's declared start everything is null. Features are named
    ``<table>_<column>_<aggregate>_<window>_by_<key>``.

    Parameters
    ----------
    table : Table
    column : str, optional
        A number, integer, boolean or time; None counts facts.
    aggregates : sequence of {"count", "sum", "mean", "min", "max", "std"}
        count, min, max exact; sum and mean from exact sums rounded once (as ``math.fsum``); std to 1e-12 of
        itself. All are equal to the bit in batch, stream and online.
    over : duration or pair of durations, or a sequence of them
        Lengths like ``"24h"``; a pair like ``("-1h", "+2h")`` looks from an hour before as_of to two hours after
        it, and still sees known facts only.
    by : str, sequence of str, or mapping
        The entity; see :func:`latest`.
    where : str, optional
        Only facts for which this condition holds, such as ``"dep_delay > 15"``.
    closed : {"left", "right"}
        "right" adds exactly one fact: the request's own, whether it is stored yet or not. For windows over the
        target's own table only.
    lag : duration, default "0s"
        The window ends this long before as_of.
    name : str, optional
        Takes the place of table and column in the features' names.
    """
    place = f"window({table.name}{f', {column}' if column else ''})"
    kinds = (aggregates,) if isinstance(aggregates, str) else tuple(aggregates)
    for aggregate in kinds:
        if aggregate not in AGGREGATE_NAMES:
            raise UnknownName("aggregate", str(aggregate), AGGREGATE_NAMES, where=place)
    if column is None and kinds != ("count",):
        raise ConfigError(f"{place}: without a column only 'count' means something, got {list(kinds)}.")
    if closed not in ("left", "right"):
        raise ConfigError(f"{place}: closed must be 'left' or 'right', got {closed!r}.")
    lag_us = duration_us(lag, what=f"{place} lag")
    if closed == "right" and lag_us:
        raise ConfigError(
            f"{place}: a window with a lag ends before the request's own fact; drop lag or closed='right'."
        )
    lengths = [over] if isinstance(over, str) or _is_pair(over) or not isinstance(over, Sequence) else list(over)
    if not lengths:
        raise ConfigError(f"{place}: over needs at least one length.")
    spans = tuple(_span(length, lag_us, place) for length in lengths)  # type: ignore[arg-type]
    condition = Expression(where) if where is not None else None
    return Window(table, column, kinds, spans, _by(by, place), condition, closed == "right", name)


def transform(function: Callable[..., Any]) -> Transform:
    """A named function as a feature.

    It gets NumPy arrays, shape (n,): float64 with NaN for null, int64 microseconds for times without null,
    objects (str or None) for texts; it gives an array of the same length. It must not depend on the order or the
    number of rows: the same function answers a million rows or one.

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
    return Transform(function, name, tuple(inputs), code_of(function))


def code_of(function: Callable[..., Any]) -> str:
    """A digest of what a function does: its syntax tree without comments, docstring and layout, the constants and
    functions of its own module that it names, and what it closes over.

    Raises
    ------
    ConfigError
        If its source cannot be read, or if it closes over something without a canonical form.
    """
    return digest(_code(function, frozenset()))


def _code(function: Callable[..., Any], seen: frozenset[str]) -> dict[str, Any]:
    name = getattr(function, "__qualname__", repr(function))
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError, IndentationError):
        raise ConfigError(
            f"the source of function {name!r} cannot be read, so it has no stable identity; define it in a file."
        ) from None
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module)
            and ast.get_docstring(node, clean=False) is not None
        ):
            node.body = node.body[1:] or [ast.Pass()]
    names: dict[str, Any] = {}
    code = function.__code__  # type: ignore[attr-defined]
    scope = getattr(function, "__globals__", {})
    for used in sorted(_names(code)):
        value = scope.get(used)
        if isinstance(value, bool | int | float | str | tuple) or value is None:
            if used in scope:
                names[used] = repr(value)
        elif (
            isinstance(value, types.FunctionType)
            and value.__module__ == getattr(function, "__module__", None)
            and used not in seen
        ):
            names[used] = _code(value, seen | {used, getattr(function, "__name__", "")})
    closed = inspect.getclosurevars(function).nonlocals
    for used, value in sorted(closed.items()):
        if isinstance(value, types.FunctionType):
            if used not in seen:
                names[used] = _code(value, seen | {used})
        else:
            try:
                names[used] = digest(value)
            except ConfigError:
                raise ConfigError(
                    f"function {name!r} closes over {used!r}, which has no stable identity; pass it as a constant."
                ) from None
    return {"tree": ast.dump(tree, annotate_fields=False), "names": names}


def _names(code: types.CodeType) -> set[str]:
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= _names(constant)
    return found


def _by(by: By, where: str) -> tuple[tuple[str, str], ...]:
    if isinstance(by, str):
        by = (by,)
    pairs = tuple(by.items()) if isinstance(by, Mapping) else tuple((name, name) for name in by)
    if not all(isinstance(a, str) and isinstance(b, str) and a and b for a, b in pairs):
        raise ConfigError(f"{where}: by takes column names, got {by!r}.")
    return pairs


def _tail(by: tuple[tuple[str, str], ...]) -> str:
    return f"_by_{'_and_'.join(asked for asked, _ in by)}" if by else ""


def _is_pair(over: Any) -> bool:
    return (
        isinstance(over, tuple)
        and len(over) == 2
        and all(isinstance(end, str) and end.strip()[:1] in "+-" for end in over)
    )


def _span(length: Duration | tuple[Duration, Duration], lag_us: int, where: str) -> tuple[int, int, str]:
    if isinstance(length, tuple):
        first, last = (duration_us(end, what=f"{where} over", signed=True) for end in length)
        if first >= last:
            raise ConfigError(f"{where}: the span {length!r} ends before it starts.")
        if lag_us:
            raise ConfigError(f"{where}: give the lag inside the span {length!r}, not beside it.")
        text = f"from_{_signed(first)}_to_{_signed(last)}"
        return -first, -last, text
    us = duration_us(length, what=f"{where} over")
    if us == 0:
        raise ConfigError(f"{where}: a window needs a length above zero.")
    return us + lag_us, lag_us, _spelled(length, us) + (f"_lag_{duration_text(lag_us)}" if lag_us else "")


def _spelled(length: Duration, us: int) -> str:
    """A duration as the user spelled it: ``"1d"`` stays 1d in a feature's name, though it is 24h."""
    return "".join(length.split()).lstrip("+") if isinstance(length, str) else duration_text(us)


def _signed(us: int) -> str:
    return f"minus_{duration_text(-us)}" if us < 0 else duration_text(us)


_WORDS = {">=": " ge ", "<=": " le ", "==": " eq ", "!=": " ne ", ">": " gt ", "<": " lt ", "-": " minus ", ".": "p"}


def _slug(text: str) -> str:
    for sign, word in _WORDS.items():
        text = text.replace(sign, word)
    return "where_" + re.sub(r"\W+", "_", text).strip("_")
