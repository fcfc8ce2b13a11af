"""The data of the jobs: drawn from a seed, kept as Parquet, the same rows on every machine.

Every float is a small multiple of 1/64, so that sums are exact in whatever order a peer adds, and results can be
compared bit for bit. Facts lie in no order. Entities are busy to very different degrees: weights are lognormal, the
busiest has some 25 times the mean.

    python -m features.data asof --size 1000000
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from harness.data import kept, write

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
START_US = 1_735_689_600_000_000  # 2025-01-01T00:00:00Z
SPAN_US = 90 * DAY_US
SEED = 7
LEAST = 1_000
"""Fewer requests cannot hold one repeated (entity, time)."""

VALUES = ("f0", "f1", "f2", "f3", "f4")
SPANS_H = {"1h": 1, "24h": 24, "7d": 168}
READ_SPANS_H = {"1h": 1, "6h": 6, "24h": 24, "3d": 72, "7d": 168}
KINDS = ("count", "sum", "mean", "max")
END_US = START_US + SPAN_US
"""After every fact of :func:`windows`."""

Ints = np.ndarray


def entities_of(size: int) -> int:
    return max(size // 100, 10)


def asof(place: Path, size: int, random: np.random.Generator) -> None:
    """`size` requests on ``5 * size`` facts of five columns; a fact is created up to two hours after it happened.

    One fact in fifty corrects another: the same entity and event time, created an hour to three days after it.
    """
    facts = 5 * size
    entity = _busy(random, facts, entities_of(size))
    event = START_US + _ms(random, SPAN_US, facts)
    created = event + _ms(random, 2 * HOUR_US, facts)
    corrected = facts // 50
    entity[-corrected:], event[-corrected:] = entity[:corrected], event[:corrected]
    created[-corrected:] = created[:corrected] + HOUR_US + _ms(random, 3 * DAY_US, corrected)
    shuffled = random.permutation(facts)
    entity, event, created = entity[shuffled], event[shuffled], created[shuffled]
    values = {name: _sixty_fourths(random.normal(0, 10, facts)) for name in VALUES}
    times = {"event_timestamp": _times(event), "created_timestamp": _times(created)}
    write(place / "facts.parquet", {"entity_id": entity, **times, **values})
    _write_requests(place, random, size, entity, event, offsets=[DAY_US])


def windows(place: Path, size: int, random: np.random.Generator) -> None:
    """`size` requests on ``5 * size`` facts with an amount."""
    facts = 5 * size
    entity = _busy(random, facts, entities_of(size))
    event = START_US + _ms(random, SPAN_US, facts)
    amount = _sixty_fourths(random.gamma(2.0, 20.0, facts))
    write(place / "facts.parquet", {"entity_id": entity, "event_timestamp": _times(event), "amount": amount})
    _write_requests(place, random, size, entity, event, offsets=[hours * HOUR_US for hours in SPANS_H.values()])


def orders(place: Path, size: int, random: np.random.Generator) -> None:
    """`size` orders of customers (one per 50) in shops (one per 1,000): each is a fact, and asks about those before."""
    columns = {
        "row_id": np.arange(size, dtype=np.int64),
        "customer_id": _busy(random, size, max(size // 50, 10)),
        "shop_id": _busy(random, size, max(size // 1_000, 5)),
        "event_timestamp": _times(START_US + _ms(random, SPAN_US, size)),
        "amount": _sixty_fourths(random.gamma(2.0, 20.0, size)),
    }
    write(place / "orders.parquet", columns)


def stream(place: Path, size: int, random: np.random.Generator) -> None:
    """`size` facts in order of time over 18 days, so that an entity is as busy as in :func:`windows`."""
    entity = _busy(random, size, entities_of(size))
    event = np.sort(START_US + _ms(random, SPAN_US // 5, size))
    amount = _sixty_fourths(random.gamma(2.0, 20.0, size))
    write(place / "facts.parquet", {"entity_id": entity, "event_timestamp": _times(event), "amount": amount})


def online(place: Path, size: int, random: np.random.Generator) -> None:
    """The last eight days of :func:`windows`, and what twenty features are at its end: a row per entity."""
    import pyarrow.parquet as pq

    facts = pq.read_table(make("windows", size) / "facts.parquet")
    event = facts["event_timestamp"].cast("int64").to_numpy()
    recent = np.flatnonzero(event >= END_US - 8 * DAY_US)
    recent = recent[np.argsort(event[recent], kind="stable")]
    facts, event = facts.take(recent), event[recent]
    write(place / "facts.parquet", {name: facts[name] for name in facts.column_names})
    entity, amount = facts["entity_id"].to_numpy(), facts["amount"].to_numpy()
    count = entities_of(size)
    rows: dict[str, Any] = {"entity_id": np.arange(count, dtype=np.int64)}
    for span, hours in READ_SPANS_H.items():
        inside = event >= END_US - hours * HOUR_US
        n = np.bincount(entity[inside], minlength=count).astype(np.float64)
        total = np.bincount(entity[inside], weights=amount[inside], minlength=count)
        largest = np.full(count, -np.inf)
        np.maximum.at(largest, entity[inside], amount[inside])
        with np.errstate(invalid="ignore"):
            rows |= {f"count_{span}": n, f"sum_{span}": total, f"mean_{span}": total / n}
        rows[f"max_{span}"] = np.where(n > 0, largest, np.nan)
    write(place / "rows.parquet", rows)


MAKERS: dict[str, tuple[Callable[[Path, int, np.random.Generator], None], int]] = {
    "asof": (asof, 0),
    "windows": (windows, 1),
    "stream": (stream, 2),
    "orders": (orders, 3),
    "online": (online, 4),
}
"""By name: what draws it, and what is added to the seed."""


def make(name: str, size: int, seed: int = SEED) -> Path:
    """The folder of a data set, drawn first where it is not there yet."""
    if size < LEAST:
        raise SystemExit(f"data of size {size}: at least {LEAST:,} are needed")
    maker, offset = MAKERS[name]
    return kept(f"{name}-{size}", lambda place, random: maker(place, size, random), seed + offset)


# ---- drawing -----------------------------------------------------------------------------------------------------


def _busy(random: np.random.Generator, rows: int, entities: int) -> Ints:
    weight = random.lognormal(0.0, 1.0, entities)
    reach = np.cumsum(weight / weight.sum())
    return np.minimum(np.searchsorted(reach, random.random(rows)), entities - 1).astype(np.int64)


def _ms(random: np.random.Generator, below_us: int, rows: int) -> Ints:
    """Whole milliseconds, in microseconds."""
    return random.integers(0, below_us // 1_000, rows) * 1_000


def _sixty_fourths(values: np.ndarray) -> np.ndarray:
    return np.round(values * 64.0) / 64.0


def _write_requests(
    place: Path, random: np.random.Generator, size: int, entity: Ints, event: Ints, offsets: Sequence[int]
) -> None:
    """Requests at random; 1% at the very moment of a fact, 0.2% one of `offsets` after it, 0.1% asked twice."""
    asked = random.integers(0, entities_of(size), size).astype(np.int64)
    at = START_US + _ms(random, SPAN_US, size)
    first = 0
    for offset, rows in [(0, size // 100), *((offset, size // 500) for offset in offsets)]:
        chosen = random.integers(0, len(entity), rows)
        asked[first : first + rows], at[first : first + rows] = entity[chosen], event[chosen] + offset
        first += rows
    twice = size // 1_000
    asked[-twice:], at[-twice:] = asked[-2 * twice : -twice], at[-2 * twice : -twice]
    order = random.permutation(size)
    columns = {"row_id": np.arange(size, dtype=np.int64), "entity_id": asked[order]}
    write(place / "requests.parquet", {**columns, "event_timestamp": _times(at[order])})


def _times(us: Ints) -> Any:
    import pyarrow as pa

    return pa.array(us, pa.int64()).cast(pa.timestamp("us", tz="UTC"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=sorted(MAKERS))
    parser.add_argument("--size", type=int, required=True)
    options = parser.parse_args()
    print(make(options.name, options.size))
