"""Pieces of HTML, each made of escaped text: tables, inline bars and ranges, figures and their words.

Every text that comes from outside goes through :func:`text`; whatever these functions return is markup already.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hindcast.web.story import number
from hindcast.web.words import MISSING

__all__ = ["Cell", "bar", "missing", "paragraph", "plot", "range_bar", "section", "table", "text"]


def text(value: Any) -> str:
    """A text as it should be read: escaped, and with a true minus before figures.

    Examples
    --------
    >>> text('<img src=x onerror="alert(1)">'), text("-3 to -1 since 2013-07-01")
    ('&lt;img src=x onerror=&quot;alert(1)&quot;&gt;', '−3 to −1 since 2013-07-01')
    """
    return re.sub(r"(?<![\w\-])-(?=\d)", "−", html.escape(str(value), quote=True))


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table.

    Parameters
    ----------
    body : str
        Plain text; escaped here.
    markup : str
        HTML that follows it, made by this module.
    note : str
        Smaller text below it, such as an interval.
    kind : {"text", "number"}
    """

    body: str
    markup: str = ""
    note: str = ""
    kind: str = "number"

    def html(self, heading: str, *, head: bool = False) -> str:
        """The cell under a column's `heading`, which a narrow screen repeats beside it."""
        empty = " class=gone" if self.body == MISSING else ""
        note = f"<small>{text(self.note)}</small>" if self.note else ""
        body = text(self.body).replace("_", "_<wbr>") if head or self.kind == "text" else text(self.body)
        inner = f"<span{empty}>{body}</span>{self.markup}{note}"
        if head:
            return f"<th scope=row>{inner}</th>"
        return f'<td class={self.kind} data-head="{text(heading)}">{inner}</td>'


def table(
    caption: str, headings: Sequence[str], rows: Iterable[Sequence[Cell]], *, kinds: Sequence[str] = (), style: str = ""
) -> str:
    """A table whose first column heads its rows.

    Parameters
    ----------
    caption : str
        What it shows, read by screen readers.
    headings : sequence of str
    rows : iterable of sequence of Cell
    kinds : sequence of {"text", "number"}, optional
        Of each column; by default text for the first and number for the others.
    style : {"", "stack", "plain"}
        "stack" turns each row into a card on a narrow screen.
    """
    of = list(kinds) or ["text", *["number"] * (len(headings) - 1)]
    top = "".join(f"<th scope=col class={kind}>{text(name)}</th>" for name, kind in zip(headings, of, strict=True))
    body = "".join(
        "<tr>" + "".join(cell.html(headings[i], head=i == 0) for i, cell in enumerate(row)) + "</tr>\n" for row in rows
    )
    return (
        f'<div class="scroll {style}" tabindex=0 role=region aria-label="{text(caption)}">'
        f"<table><caption>{text(caption)}</caption><thead><tr>{top}</tr></thead>\n<tbody>{body}</tbody></table></div>\n"
    )


def bar(value: Any, most: Any) -> str:
    """A bar as long as `value` is of `most`, from the left; a value below zero is drawn in the colour of loss."""
    found, top = number(value), number(most)
    if found is None or not top:
        return ""
    share = min(100.0, 100 * abs(found) / abs(top))
    return f'<i class="bar{" loss" if found < 0 else ""}" aria-hidden=true><b style="width:{share:.1f}%"></b></i>'


def range_bar(value: Any, low: Any, high: Any, ends: tuple[float, float], mark: Any = None) -> str:
    """A dot for `value` and a line from `low` to `high` on the scale `ends`; `mark` is a thin line across."""
    found = number(value)
    if found is None or ends[1] <= ends[0]:
        return ""

    def place(x: float) -> float:
        return min(100.0, max(0.0, 100 * (x - ends[0]) / (ends[1] - ends[0])))

    left, right, across = number(low), number(high), number(mark)
    whisker = ""
    if left is not None and right is not None:
        whisker = f'<u style="left:{place(left):.1f}%;width:{max(0.0, place(right) - place(left)):.1f}%"></u>'
    line = "" if across is None else f'<s style="left:{place(across):.1f}%"></s>'
    return f'<i class=range aria-hidden=true>{line}{whisker}<b style="left:{place(found):.1f}%"></b></i>'


def plot(name: str, says: str, height: int) -> str:
    """The place of a plot; `says` is what it shows, in words, for those who do not see it."""
    return (
        f'<div class=plot id="plot-{text(name)}" data-plot="{text(name)}" role=img aria-label="{text(says)}" '
        f'style="min-height:{int(height)}px"></div>\n'
    )


def paragraph(words: str, style: str = "") -> str:
    """A paragraph of plain text."""
    return f"<p{f' class={style}' if style else ''}>{text(words)}</p>\n" if words else ""


def missing(what: str) -> str:
    """That something is not in this run: said, not left out."""
    return f"<p class=missing>Missing from this run: {text(what)}.</p>\n"


def section(name: str, title: str, *parts: str) -> str:
    """A section of the page, which `name` links to."""
    anchor = text(name)
    heading = f'<h2 id="{anchor}-title">{text(title)}</h2>'
    return f'<section id="{anchor}" aria-labelledby="{anchor}-title">\n{heading}\n{"".join(parts)}</section>\n'
