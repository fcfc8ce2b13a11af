"""Aggregates: what a window is read for.

Let xs be a window's values that are not null, oldest first, n of them. The plain ones are asked for by name, the
others by a function that takes their parameter. A user's own is a small algebra over tuples of floats
(:func:`aggregate`).

==================  ==========================================================  ===========
``count``           n                                                           0
``sum``             the exact sum, rounded once                                 0
``mean``            that sum / n; ``share`` is the mean of a boolean column     null
``min`` ``max``     the least, the greatest                                     null
``var`` ``std``     of a sample; null below two values                          null
``first`` ``last``  the oldest, the newest; texts too                           null
``median``          ``quantile(0.5)``                                           null
``distinct``        how many different values; texts too                        0
``since``           seconds from the newest value's event time to as_of         null
``members``         the different values, the most recently seen first          ()
==================  ==========================================================  ===========

The last column is what an empty window gives.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hindcast.errors import ConfigError, UnknownName
from hindcast.features.given import name_of
from hindcast.features.identity import code_of
from hindcast.parameters import choice, share, whole
from hindcast.values import Duration, duration_text, duration_us

__all__ = [
    "Aggregate",
    "Algebra",
    "aggregate",
    "decayed",
    "last_n",
    "members",
    "named",
    "quantile",
    "rate",
    "top",
    "weighted_mean",
]

State = tuple[float, ...]

PLAIN = (
    "count", "sum", "mean", "min", "max", "var", "std", "first", "last", "median", "distinct", "share", "since",
    "members",
)  # fmt: skip
OF_TEXTS = frozenset({"count", "first", "last", "distinct", "last_n", "top", "members", "since"})
"""What makes sense of a text column."""
LISTS = frozenset({"last_n", "top", "members"})
"""What gives a tuple of values."""


@dataclass(frozen=True)
class Algebra:
    """A user's own aggregate: functions over a state that is a tuple of floats; see :func:`aggregate`."""

    empty: State
    add: Callable[[State, float], State] = field(compare=False)
    read: Callable[[State], float] = field(compare=False)
    merge: Callable[[State, State], State] | None = field(compare=False)
    inverse: Callable[[State, float], State] | None = field(compare=False)
    code: tuple[str, ...]

    def fold(self, xs: Any) -> float:
        """The value over `xs`, oldest first; nan is null. O(len(xs))."""
        state = self.empty
        for x in xs:
            state = self.add(state, x)
        return float(self.read(state))


@dataclass(frozen=True)
class Aggregate:
    """What a window is read for.

    Attributes
    ----------
    kind : str
        One of the names of the module, or quantile, rate, decayed_sum, decayed_mean, decayed_count, last_n, top,
        weighted_mean, own.
    tokens : tuple of str
        Its spelling in names; one feature each.
    number : float
        The quantile, the microseconds of a rate's unit or of a half-life, how many values of a list.
    weight : str or None
        The column of weights.
    algebra : Algebra or None
        For a user's own.
    """

    kind: str
    tokens: tuple[str, ...]
    number: float = 0.0
    weight: str | None = None
    algebra: Algebra | None = None

    def describe(self) -> dict[str, Any]:
        return {
            "is": self.kind,
            "tokens": list(self.tokens),
            "number": self.number,
            "weight": self.weight,
            "code": list(self.algebra.code) if self.algebra else None,
            "empty": list(self.algebra.empty) if self.algebra else None,
        }


def named(value: str | Aggregate, where: str) -> Aggregate:
    """An aggregate from its name; `where` names the window in the error."""
    if isinstance(value, Aggregate):
        return value
    if not isinstance(value, str) or value not in PLAIN:
        raise UnknownName("aggregate", str(value), [*PLAIN, *_MADE], where=where)
    return Aggregate("quantile", ("median",), 0.5) if value == "median" else Aggregate(value, (value,))


def quantile(q: float) -> Aggregate:
    """The q-quantile, interpolated between neighbours as NumPy does by default; exact.

    Examples
    --------
    >>> quantile(0.95).tokens
    ('p95',)
    """
    q = share("a quantile", q, zero=True)
    return Aggregate("quantile", ("p" + f"{100 * q:.10g}".replace(".", "_"),), q)


def rate(per: Duration) -> Aggregate:
    """Values per unit of time: n over the window's length in units of `per`.

    Examples
    --------
    >>> rate("1h").tokens
    ('rate_per_1h',)
    """
    us = _positive(per, "rate")
    return Aggregate("rate", (f"rate_per_{duration_text(us)}",), float(us))


def decayed(kind: str, *, half_life: Duration) -> Aggregate:
    """An exponentially decayed sum, mean or count: a value of age a weighs ``2 ** (-a / half_life)``.

    Added up from the oldest to the newest at the moment of reading, so equal to the bit wherever it is read.
    O(n) per reading.

    Examples
    --------
    >>> decayed("mean", half_life="6h").tokens
    ('decayed_mean_6h',)
    """
    choice("decayed aggregate", kind, ("sum", "mean", "count"))
    us = _positive(half_life, "decayed half_life")
    return Aggregate(f"decayed_{kind}", (f"decayed_{kind}_{duration_text(us)}",), float(us))


def last_n(n: int) -> Aggregate:
    """The newest up to `n` values, the newest first, as a tuple.

    Examples
    --------
    >>> last_n(3).tokens
    ('last_3',)
    """
    n = whole("last_n", n, least=1, most=1000)
    return Aggregate("last_n", (f"last_{n}",), float(n))


def top(k: int) -> Aggregate:
    """The `k` most frequent values and their shares, as two features; of equally frequent ones the last seen first.

    Examples
    --------
    >>> top(3).tokens
    ('top_3', 'top_3_share')
    """
    k = whole("top", k, least=1, most=1000)
    return Aggregate("top", (f"top_{k}", f"top_{k}_share"), float(k))


def weighted_mean(weight: str) -> Aggregate:
    """Sum of weight x value over sum of weights, both exact, of the facts that have both.

    Null without such facts, and where the weights add up to 0.

    Examples
    --------
    >>> weighted_mean("seats").tokens
    ('mean_weighted_by_seats',)
    """
    weight = name_of("weighted_mean(): the column of weights", weight)
    return Aggregate("weighted_mean", (f"mean_weighted_by_{weight}",), weight=weight)


def members() -> Aggregate:
    """The different values, the most recently seen first, as a tuple."""
    return Aggregate("members", ("members",))


def aggregate(
    name: str,
    *,
    empty: State,
    add: Callable[[State, float], State],
    read: Callable[[State], float],
    merge: Callable[[State, State], State] | None = None,
    inverse: Callable[[State, float], State] | None = None,
) -> Aggregate:
    """A user's own aggregate: a small algebra over a state that is a tuple of floats.

    Its value over xs is ``read(add(... add(add(empty, xs[0]), xs[1]) ..., xs[-1]))``, oldest first: a meaning that
    needs no more to be the same in batch, stream and online. The functions are compiled where numba can, and run
    as they are where it cannot.

    Parameters
    ----------
    name : str
        Its spelling in names of features.
    empty : tuple of float
        The state of no values; every state has its length.
    add : function of (state, x) giving a state
    read : function of state giving a float
        NaN is null.
    merge : function of two states giving a state, optional
        What two stretches of values make together. With it :func:`hindcast.testing.check_aggregate` holds the
        algebra to its laws, and a bucket may be cut in two.
    inverse : function of (state, x) giving a state, optional
        Takes back what `add` added.

    Examples
    --------
    >>> def add(state, x): return (state[0] * x, state[1] + 1.0)
    >>> def read(state): return state[0] ** (1.0 / state[1]) if state[1] else float("nan")
    >>> aggregate("geometric_mean", empty=(1.0, 0.0), add=add, read=read).tokens
    ('geometric_mean',)
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise ConfigError(f"an aggregate needs a name of letters, digits and underscores, got {name!r}.")
    if not isinstance(empty, tuple) or not empty or not all(isinstance(x, int | float) for x in empty):
        raise ConfigError(f"aggregate {name!r}: empty must be a tuple of floats, got {empty!r}.")
    functions = {"add": add, "read": read, "merge": merge, "inverse": inverse}
    for role, function in functions.items():
        if function is not None and (
            not isinstance(function, types.FunctionType) or getattr(function, "__name__", "") == "<lambda>"
        ):
            raise ConfigError(f"aggregate {name!r}: {role} must be a plain named function, got {function!r}.")
    code = tuple(code_of(function) if function is not None else "" for function in functions.values())
    algebra = Algebra(tuple(float(x) for x in empty), add, read, merge, inverse, code)
    return Aggregate("own", (name,), algebra=algebra)


_MADE = (
    "quantile(...)",
    "rate(...)",
    "decayed(...)",
    "last_n(...)",
    "top(...)",
    "weighted_mean(...)",
    "aggregate(...)",
)


def _positive(duration: Duration, what: str) -> int:
    us = duration_us(duration, what=what)
    if us <= 0:
        raise ConfigError(f"{what} must be above zero, got {duration!r}.")
    return us
