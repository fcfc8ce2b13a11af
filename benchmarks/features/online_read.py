"""`online-read`: 20 features of one entity, one read after another; latencies of each.

count, sum, mean and max over 1 hour, 6 hours, 1, 3 and 7 days. hindcast computes them at the moment asked, from its
state, or (hindcast-lmdb, hindcast-redis) from the facts that it fetches from a store which another process could write;
the others look up a row that was computed before, which is the least that any store can do. Every read ends in Python
floats.
"""

from __future__ import annotations

import atexit
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from harness.job import Absent, Found, Job, Work

from features import checks, data

READS = 20_000
WARM = 500
NAMES = tuple(f"{kind}_{span}" for span in data.READ_SPANS_H for kind in data.KINDS)
ROW = struct.Struct(f"<{len(NAMES)}d")
Read = Callable[[int, int], Sequence[Any]]
"""The values of an entity; the second argument counts the reads."""


def timed(place: Path, read: Read) -> Work:
    """Read entities at random; what is timed is each read, from the entity's number to a sequence of values."""
    import numpy as np
    import pyarrow.parquet as pq

    count = pq.ParquetFile(place / "rows.parquet").metadata.num_rows
    entities = np.random.default_rng(data.SEED).integers(0, count, WARM + READS).tolist()

    def work() -> Found:
        values, took = [], []
        for at, entity in enumerate(entities):
            began = time.perf_counter_ns()
            row = read(entity, at)
            took.append(time.perf_counter_ns() - began)
            values.append(row)
        p50, p99 = (float(np.quantile(took[WARM:], q)) / 1e3 for q in (0.5, 0.99))
        line = {"seconds": round(sum(took) / 1e9, 4), "p50_us": round(p50, 2), "p99_us": round(p99, 2)}
        return Found(values[:READS], line)

    return work


def declared(place: Path) -> tuple[Any, Any]:
    """The plan and the facts."""

    import hindcast as hc
    from features.ours import facts_of
    from hindcast.facts.parquet import read_parquet
    from hindcast.features import FeaturePlan

    table = hc.Table("facts", event_time="event_timestamp", known="event", columns=["entity_id", "amount"])
    plan = FeaturePlan.compile(
        [hc.window(table, "amount", list(data.KINDS), over=list(data.READ_SPANS_H), by="entity_id")]
    )
    return plan, facts_of(table, read_parquet(place / "facts.parquet"))


def asked(state: Any) -> Read:
    """Reads of a state or a store. Time goes on, by less than the millisecond between two facts: no window changes."""

    def read(entity: int, at: int) -> list[Any]:
        return list(state.read({"entity_id": entity}, data.END_US + at * 999 // (READS + WARM)).values.values())

    return read


def hindcast(place: Path) -> Work:
    from hindcast.features.online import OnlineFeatures

    plan, facts = declared(place)
    state = OnlineFeatures(plan)
    state.load("facts", facts, data.END_US)
    return timed(place, asked(state))


def stored(place: Path, store: Any) -> Work:
    """hindcast reading what a writer has committed to a store."""
    from hindcast.stores.reader import StoredFeatures
    from hindcast.stores.writer import FeatureWriter

    plan, facts = declared(place)
    with FeatureWriter(plan, store) as writer:
        writer.push("facts", facts)
        writer.commit(data.END_US)
    return timed(place, asked(StoredFeatures(plan, store)))


def hindcast_lmdb(place: Path) -> Work:
    from hindcast.stores.lmdb import LmdbStore

    return stored(place, LmdbStore(_scratch() / "store"))


def hindcast_redis(place: Path) -> Work:
    """Through a server of its own on loopback."""
    from hindcast.stores.redis import RedisStore

    return stored(place, RedisStore(_redis()))


def rows_of(place: Path) -> list[tuple[float, ...]]:
    """The values of every entity, by its number."""
    import pyarrow.parquet as pq

    rows = pq.read_table(place / "rows.parquet")
    return list(zip(*(rows[name].to_pylist() for name in NAMES), strict=True))


def python_dict(place: Path) -> Work:
    rows = dict(enumerate(rows_of(place)))
    return timed(place, lambda entity, at: rows[entity])


def sqlite(place: Path) -> Work:
    import sqlite3

    folder = _scratch()
    connection = sqlite3.connect(folder / "rows.db", isolation_level=None)
    connection.execute("pragma journal_mode = wal")
    connection.execute("create table rows (entity integer primary key, held blob not null)")
    connection.execute("begin")
    connection.executemany("insert into rows values (?, ?)", enumerate(ROW.pack(*row) for row in rows_of(place)))
    connection.execute("commit")
    ask = connection.execute

    def read(entity: int, at: int) -> tuple[float, ...]:
        return ROW.unpack(ask("select held from rows where entity = ?", (entity,)).fetchone()[0])

    return timed(place, read)


def lmdb(place: Path) -> Work:
    import lmdb

    store = lmdb.open(str(_scratch() / "rows"), map_size=1 << 30, sync=False)
    with store.begin(write=True) as writing:
        for entity, row in enumerate(rows_of(place)):
            writing.put(entity.to_bytes(8, "big"), ROW.pack(*row))

    def read(entity: int, at: int) -> tuple[float, ...]:
        with store.begin(buffers=True) as reading:
            return ROW.unpack(reading.get(entity.to_bytes(8, "big")))

    return timed(place, read)


def feast(place: Path) -> Work:
    """Its SDK on SQLite."""
    import pandas as pd

    from features.feast_store import store, view

    made = store("dask")
    rows = pd.read_parquet(place / "rows.parquet")
    rows["event_timestamp"] = pd.Timestamp(data.END_US, unit="us", tz="UTC")
    source = _scratch() / "rows.parquet"
    rows.to_parquet(source)
    view(made, source, list(NAMES), timedelta(days=36_500), created=False)
    made.write_to_online_store("facts", rows)
    features = [f"facts:{name}" for name in NAMES]

    def read(entity: int, at: int) -> list[Any]:
        found = made.get_online_features(features=features, entity_rows=[{"entity_id": entity}]).to_dict()
        return [found[name][0] for name in NAMES]

    return timed(place, read)


def _redis() -> str:
    """The address of a Redis server that ends with this process."""
    import redis

    program = shutil.which("redis-server")
    if program is None:
        raise Absent("redis-server is not installed (Debian: apt install redis-server)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(_scratch()), "--save", ""],
        stdout=subprocess.DEVNULL,
    )
    atexit.register(server.kill)
    with redis.Redis(port=port) as client:
        while True:
            try:
                client.ping()
                return f"redis://127.0.0.1:{port}/0"
            except redis.ConnectionError:
                if server.poll() is not None:
                    raise Absent(f"redis-server ended with {server.returncode}") from None
                time.sleep(0.02)


def _scratch() -> Path:
    folder = mkdtemp(prefix="hindcast-bench-online-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


JOB = Job(
    asks="20 features of one entity",
    size=1_000_000,
    unit="requests' worth of data: an entity per 100",
    data=lambda size: data.make("online", size),
    peers={
        "hindcast": hindcast,
        "hindcast-lmdb": hindcast_lmdb,
        "hindcast-redis": hindcast_redis,
        "dict": python_dict,
        "lmdb": lmdb,
        "sqlite": sqlite,
        "feast": feast,
    },
    check=checks.of_reads,
    packages={"hindcast-lmdb": ("hindcast", "lmdb"), "hindcast-redis": ("hindcast", "redis"), "dict": (), "sqlite": ()},
    touch=lambda size: 512 * size,
    columns=("p50 µs", "p99 µs", "runs", "version"),
)
