"""The report before a project as one self-contained page: what a table could be asked, and what stands in the way.

Made of the plain JSON of :meth:`hindcast.quality.Scope.describe`; charts are plain SVG, so the page is small, prints as
it stands, and its content policy lets one short script run, the one that switches between light and dark.
"""

from __future__ import annotations

import base64
import hashlib
import math
from pathlib import Path

from hindcast.errors import ConfigError
from hindcast.web.markup import paragraph, text
from hindcast.web.scope_sections import SECTIONS
from hindcast.web.scope_words import age_text, capitalised, classes, interval_text
from hindcast.web.story import Story, items, mapping, number
from hindcast.web.words import MISSING, day_text, figure, whole

__all__ = ["render_scope"]

ANSWERS = {"for": "Speaks for", "against": "Against", "open": "Open"}
VERDICTS = {"yes": "Yes, so far", "not yet": "Not yet", "unclear": "Not clear yet"}


def render_scope(told: Story) -> str:
    """The page about a table that was looked over.

    Parameters
    ----------
    told : mapping
        Plain JSON, as ``scope(...).describe()`` gives it; `file`, the table's name, and `mended`, what reading it took,
        may be added. Whatever is missing is said to be missing.

    Returns
    -------
    html : str
        UTF-8 text that loads nothing from anywhere. The same mapping gives the same bytes.

    Raises
    ------
    ConfigError
        When `told` is not a mapping.

    Examples
    --------
    >>> page = render_scope({"question": "Will y be yes?", "rows": 3})
    >>> page.startswith("<!doctype html>"), "<h1>Will y be yes?</h1>" in page
    (True, True)
    """
    if not isinstance(told, dict):
        raise ConfigError(
            f"a scoping page is made of a dictionary as scope(...).describe() gives it; got {type(told).__name__}."
        )
    here = Path(__file__).parent
    style = "".join((here / n).read_text(encoding="utf-8") for n in ("static/tokens.css", "report.css", "scope.css"))
    script = (here / "theme.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"script-src 'sha256-{digest}'"
    )
    written = [(name, write.__name__, write(told)) for name, write in SECTIONS]
    links = "".join(f'<a href="#{anchor}">{text(name)}</a>\n' for name, anchor, body in written if body)
    question = str(told.get("question") or "A table looked over")
    title = f"{told.get('file') or 'hindcast scope'}: {question}"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="generator" content="hindcast">\n'
        f'<link rel="icon" href="data:,">\n<title>{text(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n'
        '<a class=skip href="#next_steps">Skip to what to do next</a>\n'
        '<button type=button id=theme aria-label="Switch between light and dark">Light / dark</button>\n'
        f"<main>\n{_front(told, question)}<nav aria-label=Contents>\n{links}</nav>\n"
        f"{''.join(body for *_, body in written)}<footer><p>Written by hindcast from the table alone; this file loads "
        f"nothing from anywhere.</p></footer>\n</main>\n<script>{script}</script>\n</body>\n</html>\n"
    )


def _front(told: Story, question: str) -> str:
    """The question, whether a model is the right answer to it, why, and the few figures that matter."""
    framing, fitness = mapping(told.get("framing")), mapping(told.get("fitness"))
    span = f"{day_text(told.get('first'))} to {day_text(told.get('last'))}" if told.get("first") else "no times"
    columns = items(told.get("columns"))
    name = " · ".join(
        [str(told.get("file") or "A table"), f"{whole(told.get('rows'))} rows, {len(columns):,} columns", span]
    )
    roles = {what: str(mapping(role).get("value") or "") for what, role in mapping(told.get("roles")).items()}
    asked = [
        f"about each {roles['entity']}" if roles.get("entity") else "of every row",
        f"at the moment in {roles['time']}" if roles.get("time") else "at a moment that no column names",
    ]
    reasons = "".join(
        f"<li class={text(weight)}><b>{ANSWERS[weight]}</b> {text(mapping(reason).get('says') or MISSING)}</li>\n"
        for weight in ANSWERS
        for reason in items(fitness.get("reasons"))
        if mapping(reason).get("weight") == weight
    )
    answer = str(fitness.get("answer") or "unclear")
    style = answer.replace(" ", "-") if answer in ("yes", "not yet") else "unclear"
    box = (
        f'<section class="answer {style}" aria-labelledby=answer><h2 id=answer>Is machine learning right here? '
        f"{VERDICTS.get(answer, VERDICTS['unclear'])}.</h2>\n<p>{text(_rest(fitness.get('says')))}</p>\n"
        f"<ul>\n{reasons}</ul></section>\n"
        if fitness
        else paragraph("Whether machine learning is right here is missing.", "missing")
    )
    cards = "".join(
        f"<div class=tile><dt>{text(title)}</dt><dd><strong{' class=gone' if value == MISSING else ''}>{text(value)}"
        f"</strong><small>{text(note) or '&nbsp;'}</small></dd></div>\n"
        for title, value, note in _tiles(told, framing)
    )
    return (
        f"<header class=front>\n<p class=eyebrow>{text(name)}</p>\n<h1>{text(question)}</h1>\n"
        f"<p class=lead>Asked {text(', '.join(asked))}; {text(framing.get('why') or MISSING)}.</p>\n{box}"
        f"<dl class=tiles>\n{cards}</dl></header>\n"
    )


def _tiles(told: Story, framing: Story) -> list[tuple[str, str, str]]:
    rows, labelled = number(told.get("rows")), number(framing.get("labelled"))
    answers = classes(framing)
    delay, floors = mapping(told.get("delay")), [mapping(floor) for floor in items(told.get("floors"))]
    found = [str(mapping(finding).get("severity")) for finding in items(told.get("findings"))]
    share = f"{labelled / rows:.0%} of {whole(rows)} rows" if rows and labelled is not None else ""
    tiles = [("Rows with an answer", whole(labelled), share)]
    total = sum(n for _, n in answers)
    if len(answers) > 1 and total:
        two = framing.get("kind") == "binary"
        name, n = answers[1 if two else 0]
        title = "The rarer class" if two else f"The largest of {len(answers)} classes"
        tiles.append((title, f"{n / total:.1%}", name))
    else:
        tiles.append(("Kind of question", str(framing.get("kind") or MISSING).capitalize(), ""))
    if floors:
        first, others = floors[-1], floors[:-1]
        best = min(others, key=lambda f: number(f.get("value")) or math.inf, default={})
        tiles.append(
            (
                f"First model, {first.get('metric')}",
                figure(first.get("value")),
                f"best floor {figure(mapping(best).get('value'))}; less is better",
            )
        )
    else:
        tiles.append(("First model", "not tried", "too few answers"))
    half = number(delay.get("half_us"))
    reach = interval_text(delay.get("half_low_us"), delay.get("half_high_us"))
    tiles.append(
        ("Half the answers known after", age_text(half), reach) if delay else ("How long answers take", MISSING, "")
    )
    said = ", ".join(
        f"{n} to {word}" for n, word in ((found.count("warn"), "mind"), (found.count("note"), "note")) if n
    )
    tiles.append(("Findings that stop it", whole(found.count("stop")), said))
    columns = [mapping(column) for column in items(told.get("missing"))]
    most = max((number(column.get("share")) or 0.0 for column in columns), default=0.0)
    tiles.append(("Columns with gaps", whole(len(columns)), f"up to {most:.0%} missing" if columns else ""))
    return tiles


def _rest(says: object) -> str:
    """The sentence behind the answer, which stands in the heading."""
    _, _, rest = str(says or MISSING).partition(": ")
    return capitalised(rest) if rest else capitalised(says)
