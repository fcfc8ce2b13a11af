"""What the scoping page draws over time: rows, answers, and how long answers take."""

from __future__ import annotations

from hindcast.web.charts import Axis, Line, bars, lines, ticks
from hindcast.web.markup import Cell, paragraph, section, table
from hindcast.web.scope_words import (
    age_text,
    capitalised,
    fold,
    folded,
    interval_text,
    not_there,
    percent,
    series,
    time_axis,
    when,
)  # fmt: skip
from hindcast.web.story import Story, items, mapping, number
from hindcast.web.words import span_text, whole

__all__ = ["delay", "rate", "volume"]

TONES = ("renewed", "never", "straight", "accent")


def volume(told: Story) -> str:
    """Rows over time."""
    line = mapping(told.get("timeline"))
    starts, rows, labelled = (items(line.get(name)) for name in ("start", "rows", "labelled"))
    if not starts:
        return section("volume", "Rows over time", not_there("a column with the moment of each row"))
    top, y = ticks(max((number(n) or 0.0 for n in rows), default=0.0))
    every = f"each bar {span_text(line.get('period_seconds'))}"
    chart = bars(
        f"Rows over time, {every}.",
        [(number(n) or 0.0) / top for n in rows],
        time_axis(starts),
        Axis(y, f"Rows, {every}"),
    )
    cells = [
        [Cell(when(at, line), kind="text"), Cell(whole(n)), Cell(whole(m))]
        for at, n, m in zip(starts, rows, labelled, strict=False)
    ]
    empty = sum(not n for n in rows)
    said = f"{empty} of {len(rows)} periods hold no row." if empty else "Every period holds rows."
    more = f"{said} The first and the last may be cut short."
    return section("volume", "Rows over time", paragraph(more), chart, folded("Rows", "From", cells, "With an answer"))


def rate(told: Story) -> str:
    """The answer over time."""
    line = mapping(told.get("timeline"))
    starts, rates = items(line.get("start")), [mapping(r) for r in items(line.get("rates"))]
    amount = mapping(told.get("framing")).get("kind") == "regression"
    named = f"How often the answer is {rates[0].get('name')}, over time" if len(rates) == 1 else "The answers over time"
    title = "The usual answer over time" if amount else named
    if len(starts) < 2 or not rates:
        return section("rate", title, not_there("answers over at least two periods"))
    names = [str(r.get("name")) for r in rates]
    value, lower, upper = ([series(r.get(key), len(starts)) for r in rates] for key in ("value", "low", "high"))
    ends = [v for one in (*value, *lower, *upper) for v in one if v == v]  # noqa: PLR0124
    if amount:
        low, high = min(ends, default=0.0), max(ends, default=1.0)
        span = (high - low) or 1.0
        y = Axis([(at, f"{low + at * span:,.4g}") for at in (0.0, 0.5, 1.0)], "Median, and the middle half of the rows")
    else:
        low, span = 0.0, 1.0
        # a few labels in one period have an interval that would flatten all others
        most = max((v for one in value for v in one if v == v), default=1.0)  # noqa: PLR0124
        span, marks = ticks(min(1.0, most * 1.15), "{:.3g}")
        y = Axis(
            [(at, f"{at * span:.3g}" if span < 0.01 else f"{at * span:.0%}") for at, _ in marks], "Share of answers"
        )

    def place(v: float) -> float:
        return min(1.0, max(0.0, (v - low) / span)) if v == v else v  # noqa: PLR0124

    step = 1.0 / len(starts)
    drawn = [
        Line(
            name,
            [((at + 0.5) * step, place(v)) for at, v in enumerate(value[n])],
            [place(v) for v in lower[n]],
            [place(v) for v in upper[n]],
            TONES[n % len(TONES)],
        )
        for n, name in enumerate(names)
    ]
    says = f"{title}: {', '.join(names)}, with intervals."
    cells = [
        [
            Cell(when(start, line), kind="text"),
            *(_share_cell(value[n][at], lower[n][at], upper[n][at], amount=amount) for n in range(len(names))),
        ]
        for at, start in enumerate(starts)
    ]
    shown = table(title, ("From", *names), cells)
    said = "" if amount else f"The share of {names[0]} among the answers known; the band is its 95% interval."
    if len(names) > 1:
        said = "The share of the most frequent classes among the answers known; the bands are 95% intervals."
    return section("rate", title, paragraph(said), lines(says, drawn, time_axis(starts), y), fold(shown))


def delay(told: Story) -> str:
    """How long answers take."""
    found = mapping(told.get("delay"))
    ages = series(found.get("age_us"))
    share, low, high = (series(found.get(name), len(ages)) for name in ("share", "low", "high"))
    title = "How long answers take"
    if not ages or not all(v >= 0 for v in (*ages, *share)):
        return section("delay", title, not_there("the moment at which each answer became known (label_time)"))
    final = max(share)
    end = next((a for a, s in zip(ages, share, strict=True) if s >= 0.99 * final), ages[-1]) * 1.05 or 1.0
    inside = [at for at, age in enumerate(ages) if age <= end]
    where = [(ages[at] / end, share[at]) for at in inside]
    unit, word = next(
        (u, w)
        for u, w in ((86.4e9, "days"), (3.6e9, "hours"), (6e7, "minutes"), (1e6, "seconds"), (1.0, "µs"))
        if end >= 2 * u or u == 1.0
    )
    top, marks = ticks(end / unit, "{:,.3g}")
    x = Axis(
        [(at * top * unit / end, said) for at, said in marks if at * top * unit <= end * 1.001], f"Age of a row, {word}"
    )
    y = Axis([(at, f"{at:.0%}") for at in (0.0, 0.5, 1.0)], "Share of all rows whose answer is known")
    curve = Line(
        "known",
        [(0.0, 0.0), *where, (1.0, where[-1][1])],
        [0.0, *(low[at] for at in inside), low[inside[-1]]],
        [0.0, *(high[at] for at in inside), high[inside[-1]]],
    )
    half, most = number(found.get("half_us")), number(found.get("most_us"))
    upright = [
        (at / end, f"{name} after {age_text(at)}")
        for name, at in (("half", half), ("nine in ten", most))
        if at is not None and at <= end
    ]
    reach = interval_text(found.get("half_low_us"), found.get("half_high_us"))
    if most is not None:
        reach = f"{reach}; nine in ten after {age_text(most)}" if reach else f"nine in ten after {age_text(most)}"
    asked = (number(found.get("known")) or 0.0) + (number(found.get("unknown")) or 0.0)
    said = [
        f"Half of all rows have their answer after {age_text(half)}" + (f" ({reach})." if reach else ".")
        if half is not None
        else "Half of the rows never had an answer for as long as anybody watched.",
        f"{whole(found.get('unknown'))} of {whole(asked)} rows have no moment of the answer: these count as waiting.",
        *(f"{capitalised(note)}." for note in items(found.get("notes"))),
    ]
    rows = [
        [Cell(age_text(age), kind="text"), Cell(percent(s), note=f"{percent(a)} to {percent(b)}")]
        for age, s, a, b in list(zip(ages, share, low, high, strict=True))[:: max(1, len(ages) // 40)]
    ]
    chart = lines("Share of answers known by age, with its 95% interval.", [curve], x, y, marks=upright, step=True)
    return section("delay", title, paragraph(" ".join(said)), chart, folded("Answer known", "By the age of", rows))


def _share_cell(value: float, low: float, high: float, *, amount: bool) -> Cell:
    if value != value:  # noqa: PLR0124
        return Cell("—")
    if amount:
        return Cell(f"{value:,.4g}", note=f"{low:,.4g} to {high:,.4g}")
    return Cell(percent(value), note=f"{percent(low)} to {percent(high)}")
