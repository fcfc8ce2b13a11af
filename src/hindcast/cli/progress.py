"""Progress of long work: bars on a terminal, a plain line per finished stage anywhere else, nothing when quiet.

Whoever works calls ``progress(stage, done, total)``; this is what listens. It writes to stderr, so that what a
command prints can be piped.
"""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Self, TextIO

from hindcast.clock import stopwatch_s

__all__ = ["Bars", "Lines", "Quiet", "shown"]


class Quiet:
    """Progress nobody wants to see."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Hear that `done` of `total` of `stage` are done."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave nothing open."""


class Lines(Quiet):
    """A line when a stage is done, for logs and pipes.

    Examples
    --------
    >>> with Lines(sys.stdout, timed=False) as progress:
    ...     progress("features", 0, 1_000)
    ...     progress("features", 1_000, 1_000)
    features: 1,000
    """

    def __init__(self, out: TextIO, *, timed: bool = True) -> None:
        self._out, self._timed = out, timed
        self._began: dict[str, float] = {}
        self._done: set[str] = set()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """A line for `stage` once all of it is done; a stage that starts again may end again."""
        if done < total:
            self._done.discard(stage)
        began = self._began.setdefault(stage, stopwatch_s())
        if done >= total and stage not in self._done:
            self._done.add(stage)
            seconds = f" ({stopwatch_s() - began:.1f} s)" if self._timed and total > 0 else ""
            print(f"{stage}: {total:,}{seconds}", file=self._out, flush=True)
            del self._began[stage]


class Bars(Quiet):
    """A bar per stage, on a terminal; stages that are done stay with their time.

    A stage that takes up where an unfinished one stands (the second file of five after the first) is the same bar under
    its new name.
    """

    def __init__(self, out: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._bars: Any = Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(file=out),
        )
        self._tasks: dict[str, Any] = {}
        self._last = ("", 0, 0)

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Move the bar of `stage`."""
        last, last_done, last_total = self._last
        if stage not in self._tasks:
            goes_on = last_done < last_total == total and last_done < done
            self._tasks[stage] = self._tasks.pop(last) if goes_on else self._bars.add_task(stage, total=max(total, 1))
        shown_total, shown_done = (total, min(done, total)) if total > 0 else (1, 1)
        self._bars.update(self._tasks[stage], description=stage, completed=shown_done, total=shown_total)
        self._last = (stage, done, total)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()


def shown(*, quiet: bool = False, out: TextIO | None = None) -> Quiet:
    """The progress that fits where `out` (stderr) goes: bars on a terminal, else lines; a context manager.

    Examples
    --------
    >>> with shown(quiet=True) as progress:
    ...     progress("replay", 1, 2)
    """
    out = out or sys.stderr
    if quiet:
        return Quiet()
    return Bars(out) if out.isatty() else Lines(out)
