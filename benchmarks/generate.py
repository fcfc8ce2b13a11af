"""The data of the benchmarks: made from a seed, kept as Parquet, the same on every machine.

All values are multiples of 1/64, so that sums are exact whatever their order and peers can be held to be equal.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

START_US = 1_735_689_600_000_000  # 2025-01-01
DAY_US = 86_400_000_000
SPAN_US = 90 * DAY_US


def generate(folder: Path, size: int, seed: int = 7) -> Path:
    """`size` requests over ``5 * size`` facts of ``size // 100`` entities in 90 days, some of them far busier.

    One request in a hundred is asked at the very moment of a fact, and one in a hundred exactly an hour, a day or seven
    days after one: where windows begin and end.
    """
    place = folder / f"facts-{size}-{seed}"
    if (place / "requests.parquet").exists():
        return place
    place.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    entities, facts = max(size // 100, 10), 5 * size
    weight = random.lognormal(0.0, 1.0, entities)
    entity = random.choice(entities, facts, p=weight / weight.sum())
    at = np.sort(START_US + random.integers(0, SPAN_US // 1_000, facts) * 1_000)
    amount = np.round(random.gamma(2.0, 20.0, facts) * 64) / 64
    _write(place / "facts.parquet", entity=entity, at=_times(at), amount=amount)
    asked_of = random.integers(0, entities, size)
    asked_at = START_US + random.integers(0, SPAN_US // 1_000, size) * 1_000
    for share, offset in enumerate((0, DAY_US // 24, DAY_US, 7 * DAY_US)):
        rows = slice(share * size // 100, (share + 1) * size // 100)
        chosen = random.integers(0, facts, rows.stop - rows.start)
        asked_of[rows], asked_at[rows] = entity[chosen], at[chosen] + offset
    order = random.permutation(size)
    _write(place / "requests.parquet", row=np.arange(size), entity=asked_of[order], as_of=_times(asked_at[order]))
    return place


def _times(us: np.ndarray) -> pa.Array:
    return pa.array(us, pa.int64()).cast(pa.timestamp("us", tz="UTC"))


def _write(path: Path, **columns: np.ndarray | pa.Array) -> None:
    whole = path.with_suffix(".part")
    pq.write_table(pa.table(columns), whole)
    whole.rename(path)
