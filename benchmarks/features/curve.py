"""`curve`: `windows` from a hundred thousand facts to a hundred million: what a fact costs, and what memory it takes.

The size counts facts; requests are a fifth of them. hindcast answers from disk to disk and may take 4 GiB above its
imports, whatever the size; hindcast-memory holds everything, as in `windows`, and so does Polars.
"""

from __future__ import annotations

import atexit
import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from harness.job import Work

from features import checks, data, windows

SIZES = (100_000, 1_000_000, 10_000_000, 100_000_000)
MEMORY = "4GiB"


def hindcast(place: Path) -> Work:
    from hindcast.bulk import answer_files

    _, plan = windows.declared()
    folder = Path(mkdtemp(prefix="hindcast-bench-curve-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    out = folder / "answers.parquet"

    def work() -> Path:
        answer_files(
            plan, {"facts": place / "facts.parquet"}, place / "requests.parquet", out,
            memory=MEMORY, as_of="event_timestamp", keep=["row_id"], scratch=folder,
        )  # fmt: skip
        return out

    return work


def check(found: Any) -> checks.Check:
    """Of a table in memory, or of the file that was written."""
    if not isinstance(found, Path):
        return windows.check(found)
    import pyarrow.parquet as pq

    return windows.check(pq.read_table(found).rename_columns(["row_id", *windows.NAMES]))


JOB = replace(
    windows.JOB,
    asks=f"windows over more and more facts; hindcast from disk to disk within {MEMORY}",
    size=SIZES[0],
    sizes=SIZES,
    unit="facts",
    data=lambda size: data.make("windows", size // 5),
    peers={"hindcast": hindcast, "hindcast-memory": windows.hindcast, "polars": windows.polars},
    check=check,
    packages={"hindcast-memory": ("hindcast",)},
    children=frozenset(),
    limits={"hindcast-memory": 10_000_000, "polars": 10_000_000},
    touch=lambda size: min(1_024 * size, 4 << 30),
    input_bytes=lambda size: size * 24 + size // 5 * 24,
    warm_size=5_000,
    once_above=10_000_000,
    columns=("times ours", "ns a fact", "CPU s", "peak MB", "above imports MB", "of input", "runs"),
)
