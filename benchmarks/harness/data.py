"""Data of the jobs lie in a folder of the machine's temporary directory, drawn once from a seed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import numpy as np


def folder() -> Path:
    return Path(gettempdir()) / "hindcast-bench" / "data"


def kept(name: str, draw: Callable[[Path, np.random.Generator], None], seed: int) -> Path:
    """The folder of the data set `name`, drawn first where it is not there yet.

    The name must hold every parameter: what is there under it is taken for what would be drawn.
    """
    place = folder() / f"{name}-{seed}"
    if not (place / "done").exists():
        place.mkdir(parents=True, exist_ok=True)
        draw(place, np.random.default_rng(seed))
        (place / "done").touch()
    return place


def write(path: Path, columns: dict[str, Any]) -> None:
    """A Parquet file, two groups of rows at least, so that a small one is read along the same ways as a large one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    whole = path.with_suffix(".part")
    table = pa.table(columns)
    pq.write_table(table, whole, compression="snappy", row_group_size=min(500_000, max(1, table.num_rows // 2)))
    whole.rename(path)
