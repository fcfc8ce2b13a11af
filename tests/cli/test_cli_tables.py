"""The manager's table: every month, the whole period against the floors, and the gain in a sentence."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.cli.progress import Bars, Lines, Quiet, shown
from hindcast.cli.tables import Grid, plain, print_grid, print_story, story_grids

sys.path.insert(0, str(Path(__file__).parent.parent / "web"))
from web_story import story

words = st.text(st.characters(codec="ascii", exclude_categories=("C",)), max_size=9).map(str.strip)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(told: Any, out: io.StringIO) -> str:
    print_story(told, out)
    return out.getvalue()


def test_piped_it_is_plain_and_complete() -> None:
    text = printed(story(), io.StringIO())
    assert "\x1b" not in text
    assert text.startswith("flight-delays, late: 1 Jul 2013 to 31 Dec 2013\n")
    for month in story()["summary"]["months"]:
        assert f"{month['value']:,.0f}" in text
        assert f"{month['log_loss']:.3f}" in text
    for name in ("Renewed as declared", "Never retrained", "Retrained, promoted straight", "zero_rule", "do nothing"):
        assert name in text
    assert "415,214 (394,214 to 437,614)" in text
    assert "holds zero: this period does not show that renewing pays." in text
    assert "On the ledger: 6 retrainings, 4 promotions, 2 alerts, 13 fitted trainings." in text


def test_on_a_terminal_it_says_the_same_figures() -> None:
    text = printed(story(), Terminal())
    assert "415,214" in text
    assert "0.763" in text


def test_a_long_year_is_broken_into_rows_of_months() -> None:
    told = story()
    told["summary"]["months"] = [{"month": f"2013-{m:02d}", "n": m, "value": float(m)} for m in range(1, 13)]
    grids = story_grids(told)
    assert [len(grid.headings) for grid in grids] == [7, 7, 5]
    assert [name for grid in grids[:2] for name in grid.headings[1:]][::11] == ["Jan", "Dec"]


def test_a_missing_summary_is_said_and_breaks_nothing() -> None:
    text = printed({}, io.StringIO())
    assert "Whether renewing paid is missing" in text


@given(st.integers(1, 5).flatmap(lambda n: st.lists(st.lists(words, min_size=n, max_size=n), min_size=1, max_size=5)))
def test_columns_line_up(rows: list[list[str]]) -> None:
    lines = plain(Grid("", rows[0], rows[1:], left=())).split("\n")
    assert len(lines) == len(rows)
    assert len({len(line) for line in lines if line and not line.endswith(" ")}) <= 2 or len(rows[0]) > 1
    for line, row in zip(lines, rows, strict=True):
        assert line.split() == " ".join(row).split()


def test_markup_in_a_cell_stays_text() -> None:
    out = Terminal()
    print_grid(Grid("", ["", "x"], [["[bold red]a[/]", "[link=http://x]b[/link]"]]), out)
    assert "[bold red]a[/]" in out.getvalue()


# ---- progress -------------------------------------------------------------------------------------------


def test_lines_tell_each_finished_stage_once() -> None:
    out = io.StringIO()
    with Lines(out, timed=False) as progress:
        for done in (0, 50, 100, 100):
            progress("replay", done, 100)
        progress("half", 1, 2)
        progress("replay", 0, 100)
        progress("replay", 100, 100)
        progress("nothing", 0, 0)
    assert out.getvalue() == "replay: 100\nreplay: 100\nnothing: 0\n"


def test_the_right_progress_for_where_it_goes() -> None:
    assert type(shown(quiet=True)) is Quiet
    assert type(shown(out=io.StringIO())) is Lines
    out = Terminal()
    with shown(out=out) as progress:
        assert type(progress) is Bars
        progress("[red]features", 0, 0)
        progress("[red]features", 3, 10)
        progress("[red]features", 12, 10)
    assert "[red]features" in out.getvalue()
    assert "10/10" in out.getvalue()


def test_parts_of_one_stage_share_a_bar() -> None:
    out = Terminal()
    with shown(out=out) as progress:
        for i, part in enumerate(("flights", "weather", "planes"), 1):
            progress(f"landing {part}", i, 3)
        progress("features", 0, 3)
        progress("features", 3, 3)
    last = out.getvalue().rsplit("landing planes", 1)[1]
    assert "3/3" in last
    assert "1/3" not in out.getvalue().rsplit("\x1b[2K", 4)[-1]
    assert "landing flights" not in last


def test_bars_stop_when_the_work_fails() -> None:
    out = Terminal()

    def work() -> None:
        with shown(out=out) as progress:
            progress("replay", 1, 2)
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        work()
    assert "1/2" in out.getvalue()
