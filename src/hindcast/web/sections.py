"""The report's sections in reading order, each made of a story alone."""

from __future__ import annotations

from typing import Any

from hindcast.web import figures
from hindcast.web.markup import Cell, bar, missing, paragraph, plot, range_bar, section, table, text
from hindcast.web.story import POLICIES, Story, count, items, mapping, number, numbers
from hindcast.web.words import (
    MISSING,
    day_text,
    figure,
    goal_sentence,
    headline,
    interval,
    moment_text,
    money,
    month_text,
    nothing_worth,
    period_text,
    span_text,
    whole,
)

__all__ = ["SECTIONS", "front"]

SUMMARY_OF = {"renewed": "replay", "never": "frozen", "straight": "straight"}
INACTION = ("do nothing", "nothing", "doing nothing")
IMPORTANCE_ROWS = 25
SLICE_ROWS = 40
SLICE_KINDS = ("text", "number", "number", "text", "number", "number", "number")


def front(story: Story) -> str:
    """The first screen: the headline, whether renewing paid, and the few figures that matter."""
    said = headline(story)
    summary = mapping(story.get("summary"))
    replay = mapping(summary.get("replay"))
    unit = str(mapping(story.get("goal")).get("unit", ""))
    gain = mapping(summary.get("gain"))
    compute = mapping(story.get("compute"))
    trainings = count(compute.get("trainings"))
    did = ", ".join(
        f"{n:,} {name if n != 1 else name[:-1]}"
        for key, name in (("retrainings", "retrainings"), ("promotions", "promotions"), ("alerts", "alerts"))
        if (n := count(summary.get(key))) is not None
    )

    def spread(told: Story, key: str, places: int | None = 3) -> str:
        low, high = (f"{key}_low", f"{key}_high") if key else ("low", "high")
        return interval(told.get(low), told.get(high), places)

    tiles = [
        ("Worth of its decisions", money(replay.get("value"), unit), spread(replay, "value", None), ""),
        ("Renewing, against never", money(gain.get("value"), unit, signed=True), spread(gain, "", None), said.paid),
        ("AUC", figure(replay.get("auc")), spread(replay, "auc"), ""),
        ("Log loss", figure(replay.get("log_loss")), spread(replay, "log_loss"), ""),
        ("Calibration error", figure(replay.get("ece")), spread(replay, "ece"), ""),
        ("Trainings", whole(trainings), did, ""),
    ]  # fmt: skip
    cards = "".join(
        f'<div class="tile {text(style)}"><dt>{text(name)}</dt>'
        f"<dd><strong{' class=gone' if value == MISSING else ''}>{text(value)}</strong>"
        f"<small>{text(note) if note else '&nbsp;'}</small></dd></div>\n"
        for name, value, note, style in tiles
    )
    target = story.get("target")
    name = f"{story.get('system') or 'A system'}{f' · {target}' if target else ''} · {period_text(story)}"
    return (
        f"<header class=front>\n<p class=eyebrow>{text(name)}</p>\n<h1>{text(said.title)}</h1>\n"
        f'<p class=lead>{text(said.earned)}</p>\n<p class="lead gain {text(said.paid)}">{text(said.gain)}</p>\n'
        f"<dl class=tiles>\n{cards}</dl>\n{paragraph(goal_sentence(story.get('goal')), 'note')}</header>\n"
    )


def months(story: Story) -> str:
    """What each month brought."""
    told = [mapping(m) for m in items(mapping(story.get("summary")).get("months"))]
    if not told:
        return section("months", "Month by month", missing("the months"))
    most = max((abs(v) for v in numbers([m.get("value") for m in told]) if v is not None), default=0.0)
    rows = [
        [
            Cell(month_text(m.get("month")), kind="text"),
            Cell(
                money(m.get("value")),
                bar(m.get("value"), most),
                interval(m.get("value_low"), m.get("value_high"), None),
            ),
            Cell(whole(m.get("n"))),
            Cell(figure(m.get("auc"))),
            Cell(figure(m.get("log_loss"))),
            Cell(figure(m.get("ece"))),
            Cell(_versions(m.get("versions") or m.get("version")), kind="text"),
        ]
        for m in told
    ]
    headings = ("Month", _value_in(story), "Requests", "AUC", "Log loss", "Calibration error", "Live")
    kinds = ("text", "number", "number", "number", "number", "number", "text")
    return section(
        "months",
        "Month by month",
        paragraph(
            "The renewed system, on the requests whose outcome became known, by the month in which they were asked."
        ),
        table("The renewed system month by month", headings, rows, kinds=kinds, style="stack"),
    )


def comparison(story: Story) -> str:
    """The policies and the baselines over the whole period."""
    summary = mapping(story.get("summary"))
    rows = []
    for name, title in POLICIES.items():
        scores = mapping(summary.get(SUMMARY_OF[name]))
        if scores:
            rows.append(_scored(title, scores))
    found = bool(rows)
    for name, scores in _baselines(story).items():
        rows.append(_scored(name, scores))
    nothing = nothing_worth(story)
    if nothing is not None and not any("nothing" in row[0].body.lower() for row in rows):
        rows.append(_scored("do nothing", {"value": nothing}))
    headings = ("Over the whole period", _value_in(story), "AUC", "Log loss", "Calibration error")
    parts = [
        paragraph(
            "The floor is shown: a system that does not clearly beat these rows is not worth running. Small print is "
            "the 95% interval from resampling whole days."
        )
    ]
    if not found:
        parts.append(missing("the scores of the policies"))
    if rows:
        parts.append(table("Policies and baselines over the whole period", headings, rows, style="stack"))
    if not _baselines(story):
        parts.append(missing("the baselines"))
    return section("comparison", "Against the alternatives", *parts)


def value(story: Story) -> str:
    """Value over time."""
    return _plotted(
        story,
        "value",
        "Value over time",
        "Value of each policy added up day by day, the difference that renewing made, and when something was decided.",
        "the value per day",
        _daily(story, "value", lambda v: money(v)),
        "Green lines are promotions, red ones roll-backs, of the renewed system. The middle panel is what had been "
        "gained by then over never retraining; the lanes below say when what was decided.",
    )


def scores(story: Story) -> str:
    """Scores over time."""
    return _plotted(
        story,
        "scores",
        "Scores over time",
        "Log loss and AUC of each policy over time.",
        "the scores per day",
        _daily(story, "log_loss", lambda v: figure(v)),
        "Means of the daily scores over seven days, weighted by requests. Labels count on the day of their request.",
    )


def calibration(story: Story) -> str:
    """Calibration."""
    told = mapping(story.get("calibration"))
    rows = [
        [
            Cell(POLICIES[name], kind="text"),
            Cell(figure(p.get("p"))),
            Cell(figure(p.get("rate")), note=interval(p.get("low"), p.get("high"))),
            Cell(whole(p.get("n"))),
        ]
        for name in POLICIES
        for p in map(mapping, items(told.get(name)))
    ]
    return _plotted(
        story,
        "calibration",
        "Calibration: does 30% mean 30%?",
        "Predicted probability against how often it happened, with 95% intervals.",
        "the calibration curve",
        table("Calibration", ("Policy", "Predicted", "Happened", "Rows"), rows) if rows else "",
        "On the dotted line a prediction of 30% comes true three times in ten. Points below it were too sure.",
    )


def slices(story: Story) -> str:
    """Scores by slice, one table per column that was sliced."""
    told = mapping(story.get("slices"))
    overall = number(mapping(mapping(story.get("summary")).get("replay")).get("auc"))
    parts = []
    for column in (*("origin", "carrier"), *(c for c in told if c not in ("origin", "carrier"))):
        found = [mapping(row) for row in items(told.get(column))]
        if not found:
            continue
        found.sort(key=lambda row: (-(number(row.get("n")) or 0.0), str(row.get("value"))))
        seen = [v for row in found for k in ("auc", "auc_low", "auc_high") if (v := number(row.get(k))) is not None]
        ends = (min([*seen, overall or 1.0]) - 0.01, max([*seen, overall or 0.0]) + 0.01) if seen else (0.0, 1.0)
        rows = [
            [
                Cell(str(row.get("value")) if row.get("value") is not None else "(none)", kind="text"),
                Cell(whole(row.get("n"))),
                Cell(figure(row.get("auc")), note=interval(row.get("auc_low"), row.get("auc_high"))),
                Cell("", range_bar(row.get("auc"), row.get("auc_low"), row.get("auc_high"), ends, overall)),
                Cell(figure(row.get("log_loss"))),
                Cell(_percent(row.get("positive_rate"))),
                Cell(money(row.get("value_sum"))),
            ]
            for row in found[:SLICE_ROWS]
        ]
        headings = (
            column,
            "Requests",
            "AUC",
            "AUC, 95% interval",
            "Log loss",
            "Happened",
            _value_in(story),
        )
        parts.append(
            f"<h3>By {text(column)}</h3>\n"
            + table(f"Scores by {column}", headings, rows, kinds=SLICE_KINDS, style="stack ranges")
        )
        if len(found) > SLICE_ROWS:
            parts.append(paragraph(f"The {SLICE_ROWS} largest of {len(found)}; the others are not shown.", "note"))
    if not parts:
        return section("slices", "Slices", missing("scores by slice"))
    lead = "Dot: AUC; bar: its 95% interval; thin line: the whole. A wide bar means few requests, not a bad model."
    return section("slices", "Slices: for whom does it work?", paragraph(lead), *parts)


def importance(story: Story) -> str:
    """What the model leans on."""
    found = [mapping(row) for row in items(story.get("importance"))]
    if not found:
        return section("importance", "What the model leans on", missing("feature importance"))
    by = "permutation" if any(number(row.get("permutation")) is not None for row in found) else "gain"
    found.sort(key=lambda row: (-(number(row.get(by)) or 0.0), str(row.get("feature"))))
    most = max((abs(number(row.get(by)) or 0.0) for row in found), default=0.0)
    gains = sum(v for row in found if (v := number(row.get("gain"))) is not None and v > 0)
    rows = [
        [
            Cell(str(row.get("feature")), bar(row.get(by), most), kind="text"),
            Cell(figure(row.get("permutation"), 4)),
            Cell(
                MISSING
                if number(row.get("gain")) is None or not gains
                else f"{(number(row.get('gain')) or 0) / gains:.1%}"
            ),
        ]
        for row in found[:IMPORTANCE_ROWS]
    ]
    parts = [
        paragraph(
            "Permutation: how much the log loss rises when this column is shuffled. Share of gain: how much of the "
            "model's own splitting it carries. Features that say the same share their importance."
        ),
        table("Feature importance", ("Feature", "Permutation", "Share of gain"), rows, style="named"),
    ]
    if len(found) > IMPORTANCE_ROWS:
        parts.append(paragraph(f"The first {IMPORTANCE_ROWS} of {len(found)} features.", "note"))
    return section("importance", "What the model leans on", *parts)


def drift(story: Story) -> str:
    """Drift of the features."""
    told = mapping(story.get("drift"))
    names = items(told.get("features"))
    alarm = figures.drift_threshold(story)
    measure = str(told.get("measure") or ("in shares of the threshold" if alarm == 1 else "as effect size"))
    more = f" The {figures.DRIFT_ROWS} that moved furthest, of {len(names)}." if len(names) > figures.DRIFT_ROWS else ""
    effects = items(told.get("effect"))
    rows = []
    if len(effects) == len(names):
        for name, row in zip(names, effects, strict=True):
            seen = [v for v in numbers(row) if v is not None]
            last = seen[-1] if seen else None
            rows.append([Cell(str(name), kind="text"), Cell(figure(max(seen, default=None))), Cell(figure(last))])
    return _plotted(
        story,
        "drift",
        "Drift: how far the inputs moved",
        "Effect size of each feature against the training reference, day by day.",
        "drift of the features",
        table("Drift of the features", ("Feature", "Furthest", "Last day"), rows) if rows else "",
        f"Distance from the training reference, {measure}: at {alarm:g} a feature counts as drifted. Blank is "
        f"unknown.{more}",
    )


def delay(story: Story) -> str:
    """How long labels take."""
    told = mapping(story.get("label_delay"))
    summary = mapping(story.get("summary"))
    edges, counts = numbers(told.get("edges_h")), numbers(told.get("counts"))
    rows = []
    if len(edges) == len(counts) + 1:
        rows = [
            [Cell(f"{figure(a, 1)} to {figure(b, 1)} h", kind="text"), Cell(whole(n))]
            for a, b, n in zip(edges, edges[1:], counts, strict=False)
        ]
    half = number(summary.get("label_delay_p50_s"))
    mature = number(summary.get("maturity_s"))
    says = []
    if half is not None:
        says.append(f"Half of the labels are known {span_text(half)} after the request.")
    if mature is not None:
        says.append(
            f"A row trains, or counts in a monitor, only at the age of {span_text(mature)}: bad news takes longer, so "
            "the labels that come early are no fair sample."
        )
    asked, lost = (number(mapping(summary.get("rows")).get(key)) for key in ("requests", "unlabelled"))
    if asked is not None and lost is not None:
        says.append(f"{whole(lost)} of the {whole(asked)} requests got no label; they are in no score.")
    elif (lost := number(told.get("unlabelled"))) is not None:
        says.append(f"{whole(lost)} requests never got a label.")
    return _plotted(
        story,
        "delay",
        "How long the truth takes",
        "Histogram of label delays with the maturity line.",
        "label delays",
        table("Label delays", ("Delay", "Labels"), rows) if rows else "",
        " ".join(says),
    )


def decisions(story: Story) -> str:
    """The ledger's decisions."""
    found = [mapping(d) for d in items(story.get("decisions"))]
    if not found:
        return section("decisions", "Decisions on the ledger", missing("decisions; the ledger of this run holds none"))
    of = {name: [d for d in found if (d.get("policy") or "renewed") == name] for name in POLICIES}
    others = [d for d in found if (d.get("policy") or "renewed") not in POLICIES]
    parts = [
        paragraph("Everything the renewed system decided, oldest first, each with its reason. Times in UTC."),
        _entries(of["renewed"]) if of["renewed"] else missing("decisions of the renewed system"),
    ]
    for title, listed in ((POLICIES["never"], of["never"]), (POLICIES["straight"], of["straight"]), ("Others", others)):
        if listed:
            count_text = f"{len(listed):,} {'entry' if len(listed) == 1 else 'entries'}"
            parts.append(
                f"<details><summary>{text(title)}: {text(count_text)}</summary>\n{_entries(listed)}</details>\n"
            )
    return section("decisions", "Decisions on the ledger", *parts)


def assumptions(story: Story) -> str:
    """What was assumed."""
    found = items(story.get("assumptions")) or items(mapping(story.get("summary")).get("assumptions"))
    if not found:
        return section("assumptions", "What is assumed", missing("the assumptions"))
    body = "".join(f"<li>{text(a)}</li>\n" for a in found)
    return section("assumptions", "What is assumed", f"<ul class=prose>\n{body}</ul>\n")


def exactness(story: Story) -> str:
    """Which figures are exact, which are estimates, which nobody can know."""
    kinds = {
        "exact": ("Exact", "computed from what was logged"),
        "estimate": ("Estimates", "could have come out differently; the interval says how far"),
        "unknown": ("Cannot be known", "nothing in these data could tell"),
    }
    found = [mapping(e) for e in items(story.get("exactness"))]
    if not found:
        return section(
            "exactness", "How sure each figure is", missing("which figures are exact and which are estimates")
        )
    parts = []
    for kind, (title, meaning) in kinds.items():
        rows = "".join(
            f"<dt>{text(e.get('figure') or MISSING)}</dt><dd>{text(e.get('why') or MISSING)}</dd>\n"
            for e in found
            if e.get("kind") == kind
        )
        parts.append(
            f'<div class="sure {kind}"><h3>{title}</h3><p class=note>{meaning}</p>'
            + (f"<dl>{rows}</dl>" if rows else "<p class=note>None listed.</p>")
            + "</div>\n"
        )
    others = [e for e in found if e.get("kind") not in kinds]
    if others:
        listed = ", ".join(str(e.get("figure") or MISSING) for e in others)
        parts.append(paragraph(f"Without a known kind: {listed}.", "note"))
    return section("exactness", "How sure each figure is", f"<div class=sures>{''.join(parts)}</div>")


def effort(story: Story) -> str:
    """Rows, compute, and what the figures were made of."""
    summary = mapping(story.get("summary"))
    told = {**mapping(summary.get("rows")), **mapping(story.get("compute"))}
    made = {"declaration": summary.get("identity")} if summary.get("identity") else {}
    made |= {f"facts of {name}": mark for name, mark in mapping(summary.get("facts")).items()}
    made |= {f"ledger, {name}": mark for name, mark in mapping(summary.get("ledger")).items()}
    if not told and not made:
        return section("effort", "Rows and compute", missing("rows and compute"))
    parts = []
    if told:
        rows = [[Cell(str(k).replace("_", " "), kind="text"), Cell(_plain(v))] for k, v in told.items()]
        parts.append(table("Rows and compute", ("What", "How many"), rows, style="narrow"))
    if made:
        marks = [[Cell(name, kind="text"), Cell(str(mark), kind="text")] for name, mark in made.items()]
        fold = table("What it was made of", ("What", "Digest"), marks, kinds=("text", "text"), style="marks")
        parts.append(f"<details class=data><summary>What these figures were made of</summary>\n{fold}</details>\n")
    return section("effort", "Rows and compute", *parts)


SECTIONS = (
    ("Months", months),
    ("Alternatives", comparison),
    ("Value", value),
    ("Scores", scores),
    ("Calibration", calibration),
    ("Slices", slices),
    ("Importance", importance),
    ("Drift", drift),
    ("Labels", delay),
    ("Decisions", decisions),
    ("Assumptions", assumptions),
    ("How sure", exactness),
    ("Effort", effort),
)
"""What the page links to and the function that writes it, in order; each function's name is its anchor."""


# ---- parts ----------------------------------------------------------------------------------------------


def _plotted(story: Story, name: str, title: str, says: str, lacks: str, rows: str, words: str) -> str:
    spec = getattr(figures, name)(story)
    if spec is None:
        return section(name, title, missing(lacks), paragraph(words) if name == "delay" else "")
    fold = f"<details class=data><summary>The same as a table</summary>\n{rows}</details>\n" if rows else ""
    return section(name, title, paragraph(words), plot(name, says, spec["layout"]["height"]), fold)


def _daily(story: Story, measure: str, say: Any) -> str:
    told = mapping(story.get("policies"))
    shown = [(n, mapping(told.get(n))) for n in POLICIES if items(mapping(told.get(n)).get("days"))]
    series = {n: dict(zip(map(str, items(p.get("days"))), items(p.get(measure)), strict=False)) for n, p in shown}
    days = sorted({day for found in series.values() for day in found})
    if not days:
        return ""
    rows = [
        [Cell(day_text(day), kind="text"), *(Cell(say(found.get(day))) for found in series.values())] for day in days
    ]
    title = "Log loss" if measure == "log_loss" else "Value"
    return table(f"{title} per day", ("Day", *(POLICIES[n] for n in series)), rows)


def _scored(title: str, scores: Story) -> list[Cell]:
    def cell(name: str, say: Any, places: int | None = 3) -> Cell:
        if name != "value" and title in INACTION and number(scores.get(name)) is None:
            return Cell("—")
        return Cell(say(scores.get(name)), note=interval(scores.get(f"{name}_low"), scores.get(f"{name}_high"), places))

    return [
        Cell(title, kind="text"),
        cell("value", money, None),
        cell("auc", figure),
        cell("log_loss", figure),
        cell("ece", figure),
    ]


def _baselines(story: Story) -> dict[str, Story]:
    """Baselines by name: the list of the story, else those of its summary."""
    listed = {str(b.get("name")): b for b in map(mapping, items(story.get("baselines"))) if b.get("name")}
    told = mapping(mapping(story.get("summary")).get("baselines"))
    return listed or {str(name): mapping(b) for name, b in sorted(told.items(), key=lambda pair: str(pair[0]))}


def _value_in(story: Story) -> str:
    unit = mapping(story.get("goal")).get("unit")
    return f"Value, {unit}" if unit else "Value"


def _versions(told: Any) -> str:
    if told is None:
        return MISSING
    return ", ".join(map(str, told)) if isinstance(told, list | tuple) else str(told)


def _percent(told: Any) -> str:
    found = number(told)
    return MISSING if found is None else f"{found:.1%}"


def _entries(found: list[Story]) -> str:
    lines = []
    for d in found:
        at, kind = text(d.get("at") or ""), str(d.get("kind") or MISSING)
        lines.append(
            f'<li class="{text(_slug(kind))}"><time datetime="{at}">{text(moment_text(d.get("at")))}</time>'
            f"<span class=kind>{text(kind)}</span><span class=said>{text(d.get('text') or MISSING)}</span></li>\n"
        )
    return f"<ol class=ledger>\n{''.join(lines)}</ol>\n"


def _slug(told: Any) -> str:
    return "".join(c for c in str(told or "") if c.isascii() and (c.isalnum() or c == "-"))


def _plain(told: Any) -> str:
    if isinstance(told, bool) or told is None:
        return str(told) if told is not None else MISSING
    found = number(told)
    if found is not None:
        return whole(found) if found == round(found) else f"{found:,.2f}"
    return ", ".join(map(str, told)) if isinstance(told, list | tuple) else str(told)
