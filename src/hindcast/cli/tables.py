"""The table a manager reads, and the smaller tables of the other commands: coloured on a terminal, plain when piped.

A :class:`Grid` is what a table says; how it looks is decided where it is printed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

from hindcast.web.story import POLICIES, Story, count, items, mapping, number
from hindcast.web.words import (
    figure,
    gain_sentence,
    interval,
    money,
    month_text,
    nothing_worth,
    period_text,
    span_text,
    whole,
)

__all__ = ["Grid", "plain", "print_grid", "print_story", "story_grids", "story_words"]

MONTHS_ACROSS = 6
SUMMARY_OF = {"renewed": "replay", "never": "frozen", "straight": "straight"}


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of texts.

    Parameters
    ----------
    title : str
    headings : sequence of str
        The first heads the rows.
    rows : sequence of sequence of str
        As many texts as headings.
    left : sequence of int, default (0,)
        Columns that are set flush left; the others hold figures.
    """

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: Sequence[int] = field(default=(0,))


def plain(grid: Grid) -> str:
    """The grid as aligned text without frames or colours, for pipes and logs.

    Examples
    --------
    >>> print(plain(Grid("Scores", ["", "AUC"], [["renewed", "0.763"], ["never", "0.76"]])))
    Scores
               AUC
    renewed  0.763
    never     0.76
    """
    lines = [list(grid.headings), *(list(row) for row in grid.rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(grid.headings))]
    text = [
        "  ".join(
            cell.ljust(width) if i in grid.left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join([*([grid.title] if grid.title else []), *text])


def story_grids(story: Story) -> list[Grid]:
    """The months across, and the whole period against the alternatives; see :func:`print_story`."""
    summary = mapping(story.get("summary"))
    unit = str(mapping(story.get("goal")).get("unit", ""))
    value_in = f"Value, {unit}" if unit else "Value"
    grids = []
    months = [mapping(m) for m in items(summary.get("months"))]
    for start in range(0, len(months), MONTHS_ACROSS):
        part = months[start : start + MONTHS_ACROSS]
        years = {str(m.get("month"))[:4] for m in part}
        rows = [
            ["Requests scored", *(whole(m.get("n")) for m in part)],
            ["AUC", *(figure(m.get("auc")) for m in part)],
            ["Log loss", *(figure(m.get("log_loss")) for m in part)],
            ["Calibration error", *(figure(m.get("ece")) for m in part)],
            [value_in, *(money(m.get("value")) for m in part)],
        ]
        if any(number(m.get("value_low")) is not None for m in part):
            rows.append(["  at least (95%)", *(money(m.get("value_low")) for m in part)])
            rows.append(["  at most", *(money(m.get("value_high")) for m in part)])
        rows.append(["Live version", *(str(m.get("version") or "missing") for m in part)])
        headings = ["Month by month", *(month_text(m.get("month"), year=len(years) > 1) for m in part)]
        grids.append(Grid("", headings, rows))

    def scored(name: str, scores: Story) -> list[str]:
        def cell(key: str, say: Any, places: int | None) -> str:
            spread = interval(scores.get(f"{key}_low"), scores.get(f"{key}_high"), places)
            if number(scores.get(key)) is None:
                return "-"
            return f"{say(scores.get(key))} ({spread})" if spread else str(say(scores.get(key)))

        return [name, cell("value", money, None), *(cell(key, figure, 3) for key in ("auc", "log_loss", "ece"))]

    rows = [
        scored(POLICIES[name], mapping(summary.get(key)))
        for name, key in SUMMARY_OF.items()
        if mapping(summary.get(key))
    ]
    listed = {str(b.get("name")): b for b in map(mapping, items(story.get("baselines"))) if b.get("name")}
    told = listed or {str(name): mapping(b) for name, b in sorted(mapping(summary.get("baselines")).items())}
    rows += [scored(name, b) for name, b in told.items()]
    nothing = nothing_worth(story)
    if nothing is not None and not any("nothing" in name for name in told):
        rows.append(scored("do nothing", {"value": nothing}))
    grids.append(Grid("", ["Whole period (95%)", value_in, "AUC", "Log loss", "Calibration error"], rows))
    return grids


def story_words(story: Story) -> list[str]:
    """The sentences under the table: whether renewing paid, what was decided, how long labels take."""
    summary = mapping(story.get("summary"))
    unit = str(mapping(story.get("goal")).get("unit", ""))
    words = [gain_sentence(mapping(summary.get("gain")), unit)[0]]
    compute = mapping(story.get("compute"))
    counts = {
        "retraining": summary.get("retrainings"),
        "promotion": summary.get("promotions"),
        "alert": summary.get("alerts"),
        "fitted training": compute.get("trainings", summary.get("trainings")),
    }
    did = [f"{n:,} {name}{'' if n == 1 else 's'}" for name, told in counts.items() if (n := count(told)) is not None]
    if did:
        words.append(f"On the ledger: {', '.join(did)}.")
    half, mature = number(summary.get("label_delay_p50_s")), number(summary.get("maturity_s"))
    if half is not None and mature is not None:
        words.append(
            f"Half of the labels are known after {span_text(half)}; a row counts from the age of {span_text(mature)}."
        )
    return words


def print_grid(grid: Grid, out: TextIO | None = None) -> None:
    """Print a grid to `out` (stdout): with rich on a terminal, plain when piped."""
    out = out or sys.stdout
    if not out.isatty():
        print(plain(grid), file=out)
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, title=grid.title or None, title_justify="left", pad_edge=False)
    for i, name in enumerate(grid.headings):
        table.add_column(
            Text(name), justify="left" if i in grid.left else "right", style="bold" if i == 0 else "", overflow="fold"
        )
    console = Console(file=out)
    narrow = max(map(len, plain(grid).split("\n"))) > console.width - 4
    for row in grid.rows:
        cells = [cell.replace(" (", "\n(") if narrow and i not in grid.left else cell for i, cell in enumerate(row)]
        table.add_row(*map(Text, cells))
    console.print(table)


def print_story(story: Story, out: TextIO | None = None) -> None:
    """Print what a manager reads: months across, the whole period against the alternatives, whether renewing paid."""
    out = out or sys.stdout
    target = f", {story.get('target')}" if story.get("target") else ""
    print(f"{story.get('system') or 'system'}{target}: {period_text(story)}\n", file=out)
    for grid in story_grids(story):
        print_grid(grid, out)
        print(file=out)
    for words in story_words(story):
        print(words, file=out)
