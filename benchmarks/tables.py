"""Put the last figures of results/*.jsonl into the READMEs, so that nobody types a number.

    python benchmarks/tables.py            # writes
    python benchmarks/tables.py --check    # exits with 1 where a README says something else

A README has a place for each job, between ``<!-- figures: asof -->`` and ``<!-- end of figures -->``.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from harness.rooms import job_named, names, rooms  # noqa: E402

Line = dict[str, Any]
_PLACE = re.compile(r"(<!-- figures: (?P<job>[\w-]+) -->\n).*?(<!-- end of figures -->)", re.S)


def last_lines(path: Path) -> list[Line]:
    """The last line of each job, peer and size, in the order of the file; none where nothing was measured yet."""
    kept: dict[tuple[str, str, int], Line] = {}
    if not path.exists():
        return []
    for text in path.read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        key = (line["job"], line["peer"], line["size"])
        kept.pop(key, None)
        kept[key] = line
    return list(kept.values())


def table(job: str, lines: Iterable[Line]) -> str:
    """The figures of a job as a Markdown table: sizes rising, at each hindcast first and the others by their time."""
    rows = [line for line in lines if line["job"] == job]
    if not rows:
        return "Not measured yet.\n"
    rows.sort(key=lambda line: (line["size"], not line["peer"].startswith("hindcast"), line["seconds"]))
    columns = ["peer", "size", "seconds", *(job_named(job).columns if job in names() else ("peak MB", "runs"))]
    cells = [columns, ["---", *["---:"] * (len(columns) - 1)]]
    for line in rows:
        ours = next((r["seconds"] for r in rows if r["size"] == line["size"] and r["peer"] == "hindcast"), None)
        said = {
            "peer": line["peer"],
            "size": f"{line['size']:,}",
            "seconds": _short(line["seconds"]),
            "times ours": _short(line["seconds"] / ours) if ours else "",
            "CPU s": _short(line.get("cpu_seconds")),
            "peak MB": f"{line['peak_rss_mb']:,.0f}",
            "above imports MB": f"{line['peak_rss_mb'] - line.get('base_rss_mb', 0):,.0f}",
            "of input": _of_input(job, line),
            "per second": f"{line['size'] / line['seconds']:,.0f}",
            "ns a fact": f"{line['seconds'] / line['size'] * 1e9:,.0f}",
            "p50 µs": _short(line.get("p50_us")),
            "p99 µs": _short(line.get("p99_us")),
            "import s": _short(line.get("import_s")),
            "runs": str(line["repeat"]),
            "version": line.get("versions", ""),
        }
        cells.append([said[column] if column in said else _short(line.get(column)) for column in columns])
    return "\n".join(f"| {' | '.join(row)} |" for row in cells) + "\n" + _circumstances(rows)


def _circumstances(rows: list[Line]) -> str:
    """When and where, for lines that say so, and how busy the machine was before."""
    told = [line for line in rows if "machine" in line]
    if not told:
        return ""
    days = sorted({line["measured"] for line in told})
    places = sorted({line["machine"] for line in told})
    load = max(line["load_before"] for line in told)
    return f"\n{' and '.join(days)}, on {'; '.join(places)}; load of the machine before: {load} at most.\n"


def _of_input(job: str, line: Line) -> str:
    held = job_named(job).input_bytes if job in names() else None
    if held is None or "base_rss_mb" not in line:
        return ""
    return f"{(line['peak_rss_mb'] - line['base_rss_mb']) * 1e6 / held(line['size']):.1f} x"


def _short(number: float | None) -> str:
    """Three digits that count."""
    if number is None:
        return ""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def pages() -> dict[Path, Path]:
    """The README of each room, and the lines whose figures it shows."""
    results = HERE / "results"
    return {HERE / "README.md": results / "loop.jsonl"} | {
        HERE / room / "README.md": results / f"{room}.jsonl" for room in rooms()
    }


def filled(readme: str, lines: list[Line]) -> str:
    """A README with every place filled."""
    return _PLACE.sub(lambda place: f"{place[1]}\n{table(place['job'], lines)}\n{place[3]}", readme)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; say what differs")
    options = parser.parse_args(argv)
    stale = []
    for page, results in pages().items():
        said = page.read_text(encoding="utf-8")
        true = filled(said, last_lines(results))
        if said != true:
            stale.append(page.relative_to(HERE.parent).as_posix())
            if not options.check:
                page.write_text(true, encoding="utf-8")
    for name in stale:
        print(f"{name}: {'other figures than results' if options.check else 'written'}")
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
