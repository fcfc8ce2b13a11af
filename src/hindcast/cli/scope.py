"""``hindcast scope``: a table looked over before anything is built on it."""

from __future__ import annotations

from pathlib import Path

from hindcast.cli.init import DEFAULT_ZONE, read_table
from hindcast.cli.results import print_json
from hindcast.cli.tables import Grid, print_grid
from hindcast.errors import ConfigError
from hindcast.metrics.value import Goal
from hindcast.quality.scope import Scope, scope

__all__ = ["print_scope", "scope_file"]

MOST_MISSING = 12


def scope_file(
    path: Path,
    *,
    zone: str | None = None,
    as_json: bool = False,
    html: Path | None = None,
    label: str | None = None,
    time: str | None = None,
    entity: str | None = None,
    label_time: str | None = None,
    source: str | None = None,
    hit: float | None = None,
    false_alarm: float | None = None,
    unit: str = "",
) -> int:
    """Read the table, look it over, print or write what was found; 1 where every figure would be meaningless."""
    read = read_table(path, zone or DEFAULT_ZONE)
    if (hit is None) != (false_alarm is None):
        raise ConfigError("--hit and --false-alarm belong together: what acting is worth when right, and when wrong.")
    goal = None if hit is None or false_alarm is None else Goal("act", hit=hit, false_alarm=false_alarm, unit=unit)
    found = scope(
        read.frame,
        label=read.column(label),
        time=read.column(time),
        entity=read.column(entity),
        label_time=read.column(label_time),
        source=read.column(source),
        goal=goal,
    )
    told = {**found.describe(), "file": path.name, "refused": read.refused, "mended": read.mended}
    if html is not None:
        from hindcast.web.scope import render_scope

        html.parent.mkdir(parents=True, exist_ok=True)
        html.write_text(render_scope(told), encoding="utf-8")
    if as_json:
        print_json(told)
    else:
        print_scope(found, read.mended)
        if html is not None:
            print(f"\nThe page to pass around: {html}")
    return int(any(finding.severity == "stop" for finding in found.findings))


def print_scope(found: Scope, mended: list[str]) -> None:
    """The report, for a person."""
    for sentence in found.summary():
        print(sentence)
    for sentence in mended:
        print(f"Read so: {sentence}.")
    rows = [[guess.what, guess.value or "none", guess.why] for guess in found.roles]
    _show(Grid("Taken for", ["", "Column", "Why"], rows, left=(0, 1, 2)))
    if found.floors:
        rows = [
            [f.name, f"{f.value:.3f}", f"{f.low:.3f} to {f.high:.3f}", "" if f.right != f.right else f"{f.right:.1%}"]
            for f in found.floors
        ]
        _show(Grid("Last quarter of the rows", ["", found.floors[0].metric, "95%", "Right"], rows))
    if found.curve:
        rows = [[f"{p.rows:,}", f"{p.value:.3f}", f"{p.low:.3f} to {p.high:.3f}"] for p in found.curve]
        _show(Grid("The first model, by rows learnt from", ["Rows", found.floors[0].metric, "95%"], rows))
    if found.missing:
        rows = [[m.name, f"{m.share:.1%}", m.mechanism, m.advice] for m in found.missing[:MOST_MISSING]]
        _show(Grid("Missing values", ["", "Share", "Why", "Advice"], rows, left=(0, 2, 3)))
        if len(found.missing) > MOST_MISSING:
            print(f"and {len(found.missing) - MOST_MISSING} more columns")
    if found.findings:
        rows = [[f.number, f.severity, f.where, f"{f.says} {f.mend}"] for f in found.findings]
        _show(Grid("Findings", ["", "", "Where", "What, and what to do"], rows, left=(0, 1, 2, 3)))
    for title, sentences in (("Other ways to ask", found.framing.alternatives), ("Still to be said", found.lacking)):
        if sentences:
            print(f"\n{title}")
            for sentence in sentences:
                print(f"  - {sentence}")


def _show(grid: Grid) -> None:
    print()
    print_grid(grid)
