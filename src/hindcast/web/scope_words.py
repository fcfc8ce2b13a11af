"""What the scoping page says again and again: ages, shares, times along an axis, tables folded away."""

from __future__ import annotations

import math

from hindcast.web.charts import Axis
from hindcast.web.markup import Cell, table, text
from hindcast.web.story import Story, items, number, numbers
from hindcast.web.words import MISSING, day_text, moment_text, span_text

__all__ = [
    "age_text", "capitalised", "classes", "fold", "folded", "interval_text", "not_there", "percent", "series",
    "time_axis", "when",
]  # fmt: skip


def age_text(us: float | None) -> str:
    if us is None:
        return MISSING
    return span_text(us / 1e6) if us >= 1e6 or us == 0 else f"{us / 1e3:,.3g} ms"


def interval_text(low: object, high: object) -> str:
    """Two ages as an interval, empty when the lower is not known."""
    a, b = number(low), number(high)
    if a is None:
        return ""
    if b is not None and age_text(a) == age_text(b):
        return "the 95% interval is no wider"
    return f"95% interval {age_text(a)} to {age_text(b)}" if b is not None else f"95% interval from {age_text(a)} on"


def percent(told: object) -> str:
    found = number(told)
    return MISSING if found is None else f"{found:.2%}" if 0 < found < 0.001 else f"{found:.1%}"


def capitalised(told: object) -> str:
    said = str(told or MISSING)
    return said[:1].upper() + said[1:]


def series(told: object, length: int = 0) -> list[float]:
    """Numbers with NaN for whatever is none; cut or filled up to `length`, if one is given."""
    found = [math.nan if v is None else v for v in numbers(told)]
    return (found + [math.nan] * length)[:length] if length else found


def classes(framing: Story) -> list[tuple[str, float]]:
    pairs = zip(items(framing.get("classes")), numbers(framing.get("counts")), strict=False)
    return [(str(name), max(n or 0.0, 0.0)) for name, n in pairs]


def when(at: object, line: Story) -> str:
    return day_text(at) if (number(line.get("period_seconds")) or 0.0) >= 86_400 else moment_text(at)


def time_axis(starts: list[object]) -> Axis:
    """Labels for a few of the periods, each where it begins."""
    n = len(starts)
    places = sorted({0, n // 3, 2 * n // 3, n - 1}) if n > 3 else range(n)
    short = len({day_text(at) for at in starts}) > 1
    return Axis([(at / n, day_text(starts[at]) if short else moment_text(starts[at])) for at in places] if n else [])


def not_there(what: str) -> str:
    return f"<p class=missing>Not in this table: {text(what)}.</p>\n"


def fold(shown: str) -> str:
    return f"<details class=data><summary>The same as a table</summary>\n{shown}</details>\n"


def folded(what: str, head: str, rows: list[list[Cell]], *more: str) -> str:
    return fold(table(what, (head, what, *more), rows))
