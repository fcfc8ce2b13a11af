"""Small charts as plain SVG: bars, lines with bands, steps and heat maps, drawn from numbers, without any script.

The shapes stretch with the page while labels are ordinary text beside them, so a chart reads as well on a phone as on
paper. Colours are the page's own variables. What a chart shows is said in words for those who do not see it; what
there is nothing to draw of is an empty text.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hindcast.web.markup import text

__all__ = ["Axis", "Line", "bars", "heat", "lines", "ticks"]

WIDE, HIGH = 1000.0, 100.0
"""The units that shapes are drawn in."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Labels along an axis.

    Parameters
    ----------
    ticks : sequence of (float, str)
        Places from 0 (left, or below) to 1, and what stands there.
    title : str
    """

    ticks: Sequence[tuple[float, str]]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One series over the width of a chart.

    Parameters
    ----------
    name : str
    points : sequence of (float, float)
        Both from 0 to 1; a place that is NaN breaks the line.
    low, high : sequence of float
        The ends of its band, if it has one.
    tone : str
        A variable of the page, without its dashes.
    dashed : bool
    """

    name: str
    points: Sequence[tuple[float, float]]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    tone: str = "renewed"
    dashed: bool = False


def ticks(most: float, say: str = "{:,.0f}", *, about: int = 4) -> tuple[float, list[tuple[float, str]]]:
    """A round number at or above `most`, and about so many labels from 0 to it.

    Examples
    --------
    >>> ticks(870)
    (1000.0, [(0.0, '0'), (0.5, '500'), (1.0, '1,000')])
    """
    if not math.isfinite(most) or most <= 0:
        most = 1.0
    raw = most / about
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * n for n in (1, 2, 5, 10) if size * n >= raw * 0.999)
    count = math.ceil(most / step - 1e-9)
    return step * count, [(n / count, say.format(n * step)) for n in range(count + 1)]


def bars(says: str, heights: Sequence[float], x: Axis, y: Axis, *, tone: str = "renewed") -> str:
    """Bars side by side over the whole width, each from 0 to 1 high."""
    if not heights:
        return ""
    step = WIDE / len(heights)
    gap = min(step * 0.15, 4.0)
    shapes = "".join(
        f'<rect x="{at * step + gap / 2:.1f}" y="{HIGH * (1 - h):.2f}" width="{step - gap:.1f}" '
        f'height="{HIGH * h:.2f}" />'
        for at, h in enumerate(heights)
        if h > 0
    )
    return _frame(says, f'<g style="fill:var(--{tone})">{shapes}</g>', x, y)


def lines(
    says: str, series: Iterable[Line], x: Axis, y: Axis, *, marks: Sequence[tuple[float, str]] = (), step: bool = False
) -> str:
    """Lines with their bands; `marks` are upright lines with a label; with `step` a line keeps its height until the
    next point."""
    drawn, keys = [], []
    for line in series:
        drawn.append(_band(line, step))
        drawn += [
            f'<polyline points="{_path(part, step)}" style="stroke:var(--{line.tone})"'
            f"{' class=dashed' if line.dashed else ''} />"
            for part in _unbroken(line.points)
        ]
        drawn += [
            f'<path d="M{a * WIDE:.1f} {HIGH * (1 - b):.2f}h0" class=dot style="stroke:var(--{line.tone})" />'
            for a, b in line.points
            if b == b and len(line.points) < 13 and not step  # noqa: PLR0124
        ]
        keys.append(f'<li style="--tone:var(--{line.tone})">{text(line.name)}</li>')
    if not any(drawn):
        return ""
    upright = "".join(f'<path class=mark d="M{at * WIDE:.1f} 0V{HIGH:.0f}" />' for at, _ in marks)
    notes = "".join(
        f'<span class="at{" far" if at > 0.6 else ""}" style="left:{100 * at:.1f}%">{text(said)}</span>'
        for at, said in marks
    )
    legend = f"<ul class=keys aria-hidden=true>{''.join(keys)}</ul>\n" if len(keys) > 1 else ""
    return legend + _frame(says, upright + "".join(drawn), x, y, notes)


def heat(says: str, names: Sequence[str], cells: Sequence[Sequence[float]], x: Axis) -> str:
    """A row of cells for each name, from 0 (nothing) to 1 (full); NaN is left open."""
    if not names or not cells or not cells[0]:
        return ""
    step = WIDE / len(cells[0])
    rows = []
    for name, row in zip(names, cells, strict=True):
        shapes = "".join(
            f'<rect x="{at * step:.1f}" y="0" width="{step + 0.4:.1f}" height="10" '
            f'style="fill:color-mix(in srgb, var(--warn) {100 * share:.0f}%, var(--heat-0))" />'
            for at, share in enumerate(row)
            if share == share  # noqa: PLR0124
        )
        rows.append(
            f"<span class=name>{text(name)}</span>"
            f'<svg viewBox="0 0 {WIDE:.0f} 10" preserveAspectRatio=none aria-hidden=true>{shapes}</svg>\n'
        )
    foot = f"<span class=name></span><div class=x>{_ticks(x.ticks, 'left')}</div>\n"
    return f'<div class=heat role=img aria-label="{text(says)}">\n{"".join(rows)}{foot}</div>\n'


def _frame(says: str, shapes: str, x: Axis, y: Axis, notes: str = "") -> str:
    grid = "".join(f'<path class=grid d="M0 {HIGH * (1 - at):.2f}H{WIDE:.0f}" />' for at, _ in y.ticks)
    title = f"<p class=axis aria-hidden=true>{text(y.title)}</p>\n" if y.title else ""
    under = f"<p class=axis aria-hidden=true>{text(x.title)}</p>\n" if x.title else ""
    return (
        f'{title}<div class=chart role=img aria-label="{text(says)}">\n'
        f"<div class=y aria-hidden=true>{_ticks(y.ticks, 'bottom')}</div>\n"
        f'<div class=area><svg viewBox="0 0 {WIDE:.0f} {HIGH:.0f}" preserveAspectRatio=none aria-hidden=true>'
        f"{grid}{shapes}</svg>{notes}</div>\n"
        f"<div class=x aria-hidden=true>{_ticks(x.ticks, 'left')}</div>\n</div>\n{under}"
    )


def _ticks(marked: Sequence[tuple[float, str]], side: str) -> str:
    def shift(at: float) -> str:
        return "start" if at < 0.06 else "end" if at > 0.94 else "middle"

    return "".join(f'<span class={shift(at)} style="{side}:{100 * at:.1f}%">{text(said)}</span>' for at, said in marked)


def _unbroken(points: Sequence[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    parts: list[list[tuple[float, float]]] = [[]]
    for at, height in points:
        if height == height:  # noqa: PLR0124
            parts[-1].append((at, height))
        elif parts[-1]:
            parts.append([])
    return [part for part in parts if len(part) > 1]


def _path(points: Sequence[tuple[float, float]], step: bool) -> str:
    corners: list[tuple[float, float]] = []
    for at, height in points:
        if step and corners:
            corners.append((at, corners[-1][1]))
        corners.append((at, height))
    return " ".join(f"{WIDE * at:.1f},{HIGH * (1 - height):.2f}" for at, height in corners)


def _band(line: Line, step: bool) -> str:
    if not line.low:
        return ""
    shapes = []
    ends = [(at, low, high) for (at, _), low, high in zip(line.points, line.low, line.high, strict=True)]
    for part in _unbroken([(at, low if high == high else math.nan) for at, low, high in ends]):  # noqa: PLR0124
        inside = {at for at, _ in part}
        upper = [(at, high) for at, _, high in ends if at in inside]
        below, above = _path(part, step), _path(upper, step).split(" ")[::-1]
        shapes.append(f'<polygon points="{below} {" ".join(above)}" style="fill:var(--{line.tone})" />')
    return "".join(shapes)
