"""`reservoir`: a uniform sample of 1,000 rows of a Parquet file, in one pass.

`algorithm-l` is the textbook's loop in Python (Li 1994), which skips rows by geometric jumps and takes single rows from
the batches: it cannot be merged, and its rows cannot be weighted.
"""

from __future__ import annotations

import math
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from harness.data import kept, write
from harness.job import Found, Job, Work

K = 1_000


def draw(place: Path, size: int, random: np.random.Generator) -> None:
    write(place / "rows.parquet", {"id": np.arange(size), "load": random.random(size)})


def data(size: int) -> Path:
    return kept(f"reservoir-{size}", lambda place, random: draw(place, size, random), 11)


def hindcast(place: Path) -> Work:
    from hindcast.sampling import reservoir

    return lambda: told(reservoir(place / "rows.parquet", K, seed=1).rows()["id"].to_numpy())


def hindcast_weighted(place: Path) -> Work:
    from hindcast.sampling import reservoir

    return lambda: told(reservoir(place / "rows.parquet", K, weight="load", seed=1).rows()["id"].to_numpy())


def algorithm_l(place: Path) -> Work:
    import pyarrow.parquet as pq

    def work() -> Found:
        random = Random(1)
        kept_rows: list[Any] = []
        seen, w, due = 0, 1.0, 0
        with pq.ParquetFile(place / "rows.parquet") as file:
            for batch in file.iter_batches(batch_size=1 << 16):
                while due < seen + len(batch):
                    row = batch.slice(due - seen, 1).to_pylist()[0]
                    if len(kept_rows) < K:
                        kept_rows.append(row)
                        due += 1
                        if len(kept_rows) < K:
                            continue
                        due -= 1
                    else:
                        kept_rows[random.randrange(K)] = row
                    w *= math.exp(math.log(random.random()) / K)
                    due += math.floor(math.log(random.random()) / math.log(1 - w)) + 1
                seen += len(batch)
        return told(np.array([row["id"] for row in kept_rows]))

    return work


def duckdb(place: Path) -> Work:
    import duckdb as engine

    query = f"select id, load from '{place / 'rows.parquet'}' using sample reservoir({K} rows) repeatable (1)"
    return lambda: told(engine.sql(query).fetchnumpy()["id"])


def told(ids: Any) -> Found:
    """The ids, and their mean as a share of the greatest: 0.5 for a fair sample, give or take 0.009."""
    return Found(ids, {"mean place": round(float(np.mean(ids)) / max(float(np.max(ids)), 1.0), 4)})


def check(found: Any) -> dict[str, Any]:
    return {"rows": len(np.unique(found))}


JOB = Job(
    asks="1,000 rows of a Parquet file in one pass; hindcast-weighted by a column",
    size=10_000_000,
    unit="rows",
    data=data,
    peers={
        "hindcast": hindcast,
        "hindcast-weighted": hindcast_weighted,
        "algorithm-l": algorithm_l,
        "duckdb": duckdb,
    },
    check=check,
    packages={"hindcast-weighted": ("hindcast",), "algorithm-l": ("pyarrow",)},
    columns=("times ours", "CPU s", "above imports MB", "mean place", "runs", "version"),
    warm_size=10_000,
    touch=lambda size: 200_000_000,
    input_bytes=lambda size: size * 16,
)
