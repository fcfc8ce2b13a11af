"""Reading a story: plain JSON in which anything may be missing, and nothing that is missing is made up.

A story is what a replay tells: goal, period, summary, the policies day by day, decisions, and the figures around them.
These few readers turn whatever stands in a place into a mapping, a list or a number, or into nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["POLICIES", "Story", "count", "items", "mapping", "number", "numbers"]

Story = Mapping[str, Any]

POLICIES = {
    "renewed": "Renewed as declared",
    "never": "Never retrained",
    "straight": "Retrained, promoted straight",
}
"""The three policies a replay compares, in the order of every table, and their names."""


def mapping(value: Any) -> Mapping[str, Any]:
    """The mapping that stands there, or an empty one."""
    return value if isinstance(value, Mapping) else {}


def items(value: Any) -> list[Any]:
    """The list that stands there, or an empty one; a text or a mapping is no list."""
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping) else []


def number(value: Any) -> float | None:
    """A finite number, or None for whatever else stands there.

    Examples
    --------
    >>> number(3), number("3"), number(float("nan")), number(True)
    (3.0, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def numbers(value: Any) -> list[float | None]:
    """The list that stands there, each item as :func:`number` reads it."""
    return [number(item) for item in items(value)]


def count(value: Any) -> int | None:
    """How many: a count as it is, a list by its length, None for anything else."""
    if isinstance(value, list | tuple):
        return len(value)
    found = number(value)
    return None if found is None else round(found)
