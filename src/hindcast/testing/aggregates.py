"""What each aggregate makes of a window's values, in slow, obvious Python with exact fractions.

Every function takes the window's values, nulls left out, oldest first, and answers with an :class:`Expected`: a value,
None for null, and how far from it an engine may be.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from hindcast.values import SECOND_US

__all__ = [
    "Expected",
    "decayed",
    "deviation",
    "distinct",
    "exact_sum",
    "extreme",
    "folded",
    "mean",
    "members",
    "newest",
    "quantile",
    "rate",
    "since",
    "top",
    "top_shares",
    "total",
    "variance",
    "weighted_mean",
]


@dataclass(frozen=True, slots=True)
class Expected:
    """A value, and the distance from it that still agrees; 0 for values that are exact.

    Examples
    --------
    >>> Expected(0.5).agrees(0.5), Expected(None).agrees(float("nan")), Expected(("a",)).agrees(("a", "b"))
    (True, True, False)
    """

    value: Any
    within: float = 0.0

    def agrees(self, got: Any) -> bool:
        """Whether `got` is this value; NaN is null."""
        ours, theirs = _plain(self.value), _plain(got)
        if isinstance(ours, float) and isinstance(theirs, float) and self.within:
            return ours == theirs or abs(ours - theirs) <= self.within
        return type(ours) is type(theirs) and bool(ours == theirs)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return tuple(_plain(item) for item in value)
    if isinstance(value, bool | int | float):
        return None if value != value else float(value)  # noqa: PLR0124
    return value


NULL = Expected(None)


def exact_sum(xs: Iterable[float]) -> float | None:
    """The sum rounded once; null where infinities of both signs meet, infinite where it is too large."""
    items = list(xs)
    infinite = {x for x in items if math.isinf(x)}
    if infinite:
        return None if len(infinite) > 1 else infinite.pop()
    return _rounded(sum(map(Fraction, items), Fraction(0)))


def _rounded(exact: Fraction) -> float:
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def total(xs: Sequence[float]) -> Expected:
    return Expected(exact_sum(xs))


def mean(xs: Sequence[float]) -> Expected:
    found = exact_sum(xs)
    return NULL if found is None or not xs else Expected(found / len(xs))


def extreme(xs: Sequence[float], largest: bool) -> Expected:
    if not xs:
        return NULL
    return Expected(max(xs) if largest else min(xs))


def variance(xs: Sequence[float]) -> Expected:
    """The sample's, null below two values, to 1e-12 of itself."""
    if len(xs) < 2 or any(map(math.isinf, xs)):
        return NULL
    found = _rounded(_variance(xs))
    return Expected(found, 1e-12 * found)


def deviation(xs: Sequence[float]) -> Expected:
    """The root of the sample's variance, to 1e-12 of itself."""
    if len(xs) < 2 or any(map(math.isinf, xs)):
        return NULL
    found = math.sqrt(_rounded(_variance(xs)))
    return Expected(found, 1e-12 * found)


def _variance(xs: Sequence[float]) -> Fraction:
    exact = [Fraction(x) for x in xs]
    middle = sum(exact, Fraction(0)) / len(exact)
    return sum(((x - middle) ** 2 for x in exact), Fraction(0)) / (len(exact) - 1)


def quantile(xs: Sequence[float], q: float) -> Expected:
    """Linear between the neighbours of rank ``(n - 1) q``."""
    if not xs:
        return NULL
    ranked = sorted(xs)
    h = (len(ranked) - 1) * q
    i = math.floor(h)
    if h == i or ranked[i] == ranked[i + 1]:
        return Expected(ranked[i])
    return Expected(ranked[i] + (h - i) * (ranked[i + 1] - ranked[i]))


def distinct(xs: Sequence[Any]) -> Expected:
    return Expected(float(len(set(xs))))


def newest(xs: Sequence[Any], many: int) -> Expected:
    """The newest up to `many`, newest first."""
    return Expected(tuple(reversed(xs))[:many])


def members(xs: Sequence[Any]) -> Expected:
    """Each value once, the most recently seen first."""
    return Expected(tuple(dict.fromkeys(reversed(xs))))


def _ranking(xs: Sequence[Any], many: int) -> list[tuple[Any, int]]:
    """The most frequent values with their numbers; of two as frequent, the one seen last comes first."""
    recent = list(dict.fromkeys(reversed(xs)))
    counted = [(x, sum(other == x for other in xs)) for x in recent]
    return sorted(counted, key=lambda pair: -pair[1])[:many]


def top(xs: Sequence[Any], many: int) -> Expected:
    return Expected(tuple(x for x, _ in _ranking(xs, many)))


def top_shares(xs: Sequence[Any], many: int) -> Expected:
    return Expected(tuple(count / len(xs) for _, count in _ranking(xs, many)))


def rate(n: int, length_us: int, per_us: int) -> Expected:
    """How many per `per_us`; a window without length, a day at its very start, has no rate."""
    if length_us == 0:
        return NULL
    return Expected(n / (length_us / per_us), 1e-15 * n * per_us / length_us)


def since(events: Sequence[int], t: int) -> Expected:
    """Seconds from the newest to `t`."""
    return Expected((t - events[-1]) / SECOND_US) if events else NULL


def decayed(xs: Sequence[float], events: Sequence[int], t: int, half_life_us: int, kind: str) -> Expected:
    """Each value weighed by half per half-life of its age: their sum, their mean, or the sum of weights ("count").

    An engine may be off by 1e-12 of the sum of the absolute terms.
    """
    if kind == "mean":
        if not xs:
            return NULL
        nearest = max(events)  # the weights' common factor cancels, however small it is
        weights = [2.0 ** (-(nearest - event) / half_life_us) for event in events]
        terms = [w * x for w, x in zip(weights, xs, strict=True)]
        size = math.fsum(map(abs, terms)) / math.fsum(weights)
        return Expected(math.fsum(terms) / math.fsum(weights), 1e-12 * size)
    weights = [2.0 ** (-(t - event) / half_life_us) for event in events]
    terms = weights if kind == "count" else [w * x for w, x in zip(weights, xs, strict=True)]
    return Expected(math.fsum(terms), 1e-12 * math.fsum(map(abs, terms)))


def weighted_mean(pairs: Sequence[tuple[float, float]]) -> Expected:
    """Of (weight, value) pairs; null without any, or where the weights cancel."""
    weights = exact_sum(w for w, _ in pairs)
    if not pairs or not weights:
        return NULL
    terms = _rounded(sum((Fraction(w) * Fraction(x) for w, x in pairs), Fraction(0)))
    return Expected(terms / weights)


def folded(xs: Sequence[float], algebra: Any) -> Expected:
    """A user's own: its values added to its empty state one after another, oldest first, and read."""
    state = algebra.empty
    for x in xs:
        state = algebra.add(state, x)
    return Expected(_plain(float(algebra.read(state))))
