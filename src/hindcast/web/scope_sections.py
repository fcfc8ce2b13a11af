"""The scoping page's sections in reading order, each made of plain JSON alone."""

from __future__ import annotations

import math

from hindcast.findings import FINDINGS, MEANINGS
from hindcast.web.charts import Axis, Line, bars, heat, lines, ticks
from hindcast.web.markup import Cell, bar, paragraph, range_bar, section, table, text
from hindcast.web.scope_time import delay, rate, volume
from hindcast.web.scope_words import capitalised, classes, folded, not_there, percent, series, time_axis
from hindcast.web.story import Story, items, mapping, number, numbers
from hindcast.web.words import MISSING, figure, interval, money, whole

__all__ = ["SECTIONS"]

MOST_CLASSES, MOST_GAPS, MOST_HEAT, MOST_COLUMNS = 12, 40, 24, 200
WEIGHTS = {"stop": "Stop", "warn": "Mind", "note": "Note"}
FLOORS = {
    "zero rule": "always the same answer",
    "last label": "whatever came last",
    "one rule": "one cut through one column",
    "first model": "boosted trees, nothing tuned",
}
MECHANISMS = {
    "MCAR": "by chance: nothing speaks against it",
    "MAR": "other columns tell which rows lack it",
    "MNAR?": "perhaps by its own value: the answer differs where it is missing",
    "complete": "nothing is missing",
}


def balance(told: Story) -> str:
    """How often each answer is given."""
    framing = mapping(told.get("framing"))
    answers = classes(framing)
    drawn = mapping(framing.get("histogram"))
    edges, heights = numbers(drawn.get("edges")), numbers(drawn.get("counts"))
    if answers:
        total, most = sum(n for _, n in answers) or 1.0, max(n for _, n in answers)
        rows = [
            [Cell(name, bar(n, most), kind="text"), Cell(whole(n)), Cell(percent(n / total))] for name, n in answers
        ]
        rest = f"The {MOST_CLASSES} largest of {len(answers):,} classes." if len(rows) > MOST_CLASSES else ""
        said = "A model that is judged by how often it is right can do well by always naming the first."
        shown = table("Rows of each class", ("Answer", "Rows", "Share"), rows[:MOST_CLASSES], style="named")
        return section("balance", "How often each answer is given", paragraph(said), shown, paragraph(rest, "note"))
    if heights and len(edges) == len(heights) + 1:
        top, y = ticks(max(n or 0.0 for n in heights))
        x = Axis([(at, f"{edges[round(at * len(heights))] or 0.0:,.4g}") for at in (0.0, 0.5, 1.0)])
        chart = bars("How many rows have which amount.", [(n or 0.0) / top for n in heights], x, Axis(y, "Rows"))
        rows = [
            [Cell(f"{a or 0.0:,.4g} to {b or 0.0:,.4g}", kind="text"), Cell(whole(n))]
            for a, b, n in zip(edges, edges[1:], heights, strict=False)
        ]
        said = "The first and the last bar also hold the hundredth of rows that lies beyond."
        return section("balance", "How large the answers are", paragraph(said), chart, folded("Rows", "Amount", rows))
    return section("balance", "How often each answer is given", not_there("known answers"))


def floors(told: Story) -> str:
    """A first model beside what costs nothing."""
    found = [mapping(floor) for floor in items(told.get("floors"))]
    title = "What a first model reaches, beside what costs nothing"
    if not found:
        return section("floors", title, not_there("answers enough to try a first model"))
    goal = mapping(told.get("goal"))
    worth = any(number(floor.get("worth")) is not None for floor in found)
    ends = [v for floor in found for key in ("low", "high") if (v := number(floor.get(key))) is not None]
    scale = (min(ends), max(ends)) if ends else (0.0, 1.0)
    best = min((number(floor.get("value")) or math.inf for floor in found[:-1]), default=None)
    rows = []
    for floor in found:
        name, how = str(floor.get("name")), str(floor.get("how") or "")
        row = [
            Cell(name.capitalize(), note=how or FLOORS.get(name, ""), kind="text"),
            Cell("", range_bar(floor.get("value"), floor.get("low"), floor.get("high"), scale, best)),
            Cell(figure(floor.get("value")), note=interval(floor.get("low"), floor.get("high"))),
            Cell(percent(floor.get("right"))),
        ]
        if worth:
            note = interval(floor.get("worth_low"), floor.get("worth_high"), None)
            row.append(Cell(money(floor.get("worth"), str(goal.get("unit") or "")), note=note))
        rows.append(row)
    metric = str(found[0].get("metric")).capitalize()
    headings = ["", "95% interval", metric, "Right"] + (["Worth of 1,000 rows"] if worth else [])
    said = (
        "Learnt from the first three quarters of the rows, judged on the last; less is better, small print is the 95% "
        "interval. The thin line is the best of what costs nothing: a model that does not clearly pass it is not worth "
        "running."
    )
    parts = [
        paragraph(said),
        table(title, headings, rows, kinds=("text", "text", *["number"] * (len(headings) - 2)), style="stack ranges"),
    ]
    curve = [mapping(point) for point in items(told.get("curve"))]
    if len(curve) > 1:
        learnt, value, low, high = (
            series(points)
            for points in zip(
                *[[point.get(key) for key in ("rows", "value", "low", "high")] for point in curve], strict=True
            )
        )
        learnt = [max(n, 1.0) if n == n else 1.0 for n in learnt]  # noqa: PLR0124
        top, y = ticks(max((v for v in (*value, *high) if v == v), default=1.0), "{:.3g}")  # noqa: PLR0124
        first, last = math.log(learnt[0]), math.log(learnt[-1])
        places = [(math.log(n) - first) / ((last - first) or 1.0) * 0.96 + 0.02 for n in learnt]
        line = Line(
            "first model",
            [(at, v / top) for at, v in zip(places, value, strict=True)],
            [v / top for v in low],
            [v / top for v in high],
        )
        x = Axis([(at, f"{n:,.0f}") for at, n in zip(places, learnt, strict=True)], "Rows learnt from")
        helped = high[-1] < value[-2]
        advice = (
            "It still falls on the right: more rows would help."
            if helped
            else "It hardly falls any more on the right: more such rows would help little, better columns might."
        )
        parts += [
            "<h3>Would more rows help?</h3>\n",
            lines("Error of the first model by rows learnt from.", [line], x, Axis(y, metric)),
            paragraph(advice, "note"),
        ]
    return section("floors", title, *parts)


def gaps(told: Story) -> str:
    """Missing values."""
    found = [mapping(column) for column in items(told.get("missing"))]
    if not found:
        return section("gaps", "Missing values", paragraph("No column that could be learnt from lacks a value."))
    rows = [
        [
            Cell(str(c.get("name")), bar(c.get("share"), 1.0), kind="text"),
            Cell(percent(c.get("share"))),
            Cell(MECHANISMS.get(str(c.get("mechanism")), str(c.get("mechanism"))), note=_evidence(c), kind="text"),
            Cell(str(c.get("advice") or MISSING), kind="text"),
        ]
        for c in found
    ]
    line = mapping(told.get("timeline"))
    over = mapping(line.get("gaps"))
    names = [str(c.get("name")) for c in found if str(c.get("name")) in over][:MOST_HEAT]
    shares = [series(over.get(name)) for name in names]
    most = max((v for row in shares for v in row if v == v), default=0.0) or 1.0  # noqa: PLR0124
    drawn = heat(
        "Where values are missing over time; the darker, the more.",
        names,
        [[v / most for v in row] for row in shares],
        time_axis(items(line.get("start"))),
    )
    kinds = ("text", "number", "text", "text")
    headings = ("Column", "Missing", "Why, as far as data can tell", "What to do")
    parts = [
        paragraph("Whether a value is missing because of its own size no table can tell; what speaks for it is said."),
        table("Missing values", headings, rows[:MOST_GAPS], kinds=kinds, style="stack"),
    ]
    if len(rows) > MOST_GAPS:
        parts.append(paragraph(f"The {MOST_GAPS} columns that lack most, of {len(rows):,}.", "note"))
    if drawn:
        note = paragraph(f"Share of rows that lack the value, over time; the darkest place lacks {most:.0%}.", "note")
        parts += ["<h3>When they are missing</h3>\n", drawn, note]
    return section("gaps", "Missing values", *parts)


def findings(told: Story) -> str:
    """Suspected leaks and other hazards."""
    found = [mapping(finding) for finding in items(told.get("findings"))]
    if not found:
        return section(
            "findings", "Leaks and other hazards", paragraph("Nothing was found that would spoil a first model.")
        )
    cards = "".join(
        f'<article class="card is-{_known(f.get("severity"))}">\n<h3><span class=badge>'
        f"{WEIGHTS[_known(f.get('severity'))]}</span> {text(capitalised(f.get('title')))} "
        f"<span class=where>{text(f.get('where') or '')}</span></h3>\n<p>{text(f.get('says') or MISSING)}</p>\n"
        f"<p class=mend>{text(f.get('mend') or MISSING)}</p>\n"
        + (
            f'<p><a href="#{text(n)}">{text(n)}: what that means</a></p>\n'
            if (n := str(f.get("number"))) in FINDINGS
            else ""
        )
        + "</article>\n"
        for f in found
    )
    lead = "Hints from the table, not proofs; whoever knows where a column comes from has the last word."
    return section("findings", "Leaks and other hazards", paragraph(lead), cards)


def lacking(told: Story) -> str:
    """What only people can say."""
    said = [str(s) for s in items(told.get("lacking"))]
    other = [str(s) for s in items(mapping(told.get("framing")).get("alternatives"))]
    parts = [_list(said) if said else paragraph("Nothing that this report asks for is missing.")]
    if other:
        parts += ["<h3>Other ways to ask</h3>\n", _list(other)]
    return section("lacking", "What is still missing", *parts)


def next_steps(told: Story) -> str:
    """What to do next, in order."""
    steps = [
        f"{text(capitalised(f.get('title')))} ({text(f.get('where') or '')}): {text(f.get('mend') or '')} "
        f'<a href="#findings">{text(f.get("number"))}</a>'
        for f in map(mapping, items(told.get("findings")))
        if f.get("severity") == "stop"
    ]
    minds = sum(mapping(f).get("severity") == "warn" for f in items(told.get("findings")))
    if minds:
        steps.append(f'Settle the {minds} {"findings" if minds > 1 else "finding"} to <a href="#findings">mind</a>.')
    if items(told.get("lacking")):
        steps.append('Answer what <a href="#lacking">only people can say</a>, above all what a right answer is worth.')
    roles = {what: mapping(role).get("value") for what, role in mapping(told.get("roles")).items()}
    if mapping(told.get("framing")).get("kind") in (None, "unlabelled"):
        steps.append(
            "Have rows labelled (<code>hindcast label --help</code>), or name another column: <code>--label</code>."
        )
    elif not roles.get("time"):
        steps.append("Add the moment of each row; then look the table over once more.")
    else:
        name = text(told.get("file") or "DATA")
        command = f"hindcast init {name} --target {text(roles.get('label') or 'COLUMN')} --time {text(roles['time'])}"
        steps.append(f"Write a first system file: <code>{command}</code>")
        steps.append("Then <code>hindcast run system.py</code>, and replay the past before anything goes live.")
    body = "".join(f"<li>{step}</li>\n" for step in steps)
    return section("next_steps", "Next steps", f"<ol class=steps>\n{body}</ol>\n")


def columns(told: Story) -> str:
    """Every column, and how the table was read."""
    kinds, roles = mapping(told.get("kinds")), mapping(told.get("roles"))
    share = {str(c.get("name")): c.get("share") for c in map(mapping, items(told.get("missing")))}
    of: dict[str, list[str]] = {}
    for finding in map(mapping, items(told.get("findings"))):
        for name in str(finding.get("where")).split(", "):
            of.setdefault(name, []).append(str(finding.get("number")))
    taken = {str(mapping(role).get("value")): what for what, role in roles.items() if mapping(role).get("value")}
    rows = [
        [
            Cell(str(name), kind="text"),
            Cell(str(kind), kind="text"),
            Cell(taken.get(str(name), "").capitalize(), kind="text"),
            Cell(percent(share.get(str(name), 0.0))),
            Cell(", ".join(dict.fromkeys(of.get(str(name), []))), kind="text"),
        ]
        for name, kind in list(kinds.items())[:MOST_COLUMNS]
    ]
    guesses = [
        f"{capitalised(what)}: {mapping(role).get('value') or 'none'} ({mapping(role).get('why')})."
        for what, role in roles.items()
    ]
    mended = [f"{capitalised(s)}." for s in items(told.get("mended"))]
    refused = number(told.get("refused"))
    if refused:
        mended.append(f"{whole(refused)} rows had more or fewer cells than the header, and were left out.")
    if not kinds:
        return section("columns", "How the table was read", not_there("the columns"))
    headings = ("Column", "Kind", "Taken as", "Missing", "Findings")
    shown = table("Columns", headings, rows, kinds=("text", "text", "text", "number", "text"))
    rest = f"The first {MOST_COLUMNS} of {len(kinds):,} columns." if len(kinds) > MOST_COLUMNS else ""
    more = f"{shown}{paragraph(rest, 'note')}"
    listed = f"<details class=data><summary>All {len(kinds):,} columns</summary>\n{more}</details>\n"
    return section("columns", "How the table was read", _list([*guesses, *mended]), listed)


def meanings(told: Story) -> str:
    """What the numbers of findings mean."""
    numbers_ = sorted({str(mapping(f).get("number")) for f in items(told.get("findings"))} & set(MEANINGS))
    body = "".join(f'<dt id="{n}">{n}: {text(FINDINGS[n])}</dt>\n<dd>{text(MEANINGS[n])}</dd>\n' for n in numbers_)
    return section("meanings", "What the findings mean", f"<dl class=meanings>\n{body}</dl>\n") if body else ""


def _evidence(column: Story) -> str:
    """The figures behind a mechanism, as a sentence."""
    said = []
    told, low = number(column.get("told_by_others")), number(column.get("low"))
    if told is not None and low is not None:
        said.append(f"other columns tell with AUC {told:.2f} (at least {low:.2f})")
    gap = number(column.get("label_gap"))
    if gap is not None:
        said.append(
            f"answer {gap:+.3g} where missing ({interval(column.get('label_gap_low'), column.get('label_gap_high'))})"
        )
    if number(column.get("since")) is not None:
        said.append("begins or stops at a moment")
    return "; ".join(said)


def _known(severity: object) -> str:
    return str(severity) if severity in WEIGHTS else "note"


def _list(said: list[str]) -> str:
    return "<ul class=prose>\n" + "".join(f"<li>{text(s)}</li>\n" for s in said) + "</ul>\n"


SECTIONS = (
    ("Balance", balance),
    ("Volume", volume),
    ("Over time", rate),
    ("Delay", delay),
    ("Floors", floors),
    ("Gaps", gaps),
    ("Hazards", findings),
    ("Still missing", lacking),
    ("Next", next_steps),
    ("Columns", columns),
    ("Meanings", meanings),
)
"""What the page links to and the function that writes it, in order; each function's name is its anchor."""
