"""A writer of online features killed at any instant, readers of other processes beside it, and its next life."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from time import sleep

import pytest

from hindcast.errors import StateError
from hindcast.features.online import OnlineFeatures
from hindcast.stores.reader import StoredFeatures
from hindcast.stores.store import OnlineStore

WORLD = """
import os, sys
import numpy as np
import hindcast.features as f
from hindcast.columns import Column, Frame
from hindcast.facts import Facts, Table
from hindcast.features.plan import FeaturePlan

TABLE = Table("rides", key="ride", event_time="at", known="seen", columns=("ride", "at", "seen", "who", "fare"))
PLAN = FeaturePlan.compile([
    f.window(TABLE, "fare", ["count", "sum", "max"], over=["1s", "1m"], by="who"),
    f.window(TABLE, "fare", "sum", over="1m", name="all"),
    f.latest(TABLE, "fare", by="who"),
])

def facts(begin, end):
    "Facts begin..end of a stream without end: a fact a millisecond, every third corrects one of five before it."
    n = np.arange(begin, end)
    ride = np.where(n % 3 == 0, np.maximum(n - 1 - n % 5, 0), n)
    at = n * 1_000
    frame = Frame({
        "ride": Column("integer", ride), "at": Column("time", at), "seen": Column("time", at + n % 7 * 500),
        "who": Column("integer", n % 4), "fare": Column("number", n % 11 / 10),
    }, len(n))
    return Facts(at, at + n % 7 * 500, n, n % 9 == 3, frame)

def connect(address):
    if address.startswith("redis:"):
        from hindcast.stores.redis import RedisStore
        return RedisStore(address, "shared-kill", lease_s=0.3)
    from hindcast.stores.lmdb import LmdbStore
    return LmdbStore(address)
"""

WRITER = """
from hindcast.stores.writer import FeatureWriter
with FeatureWriter(PLAN, connect(sys.argv[1])) as writer:
    at = max(writer.watermarks.get("rides", -1) - 4, 0)  # some facts again
    while True:
        writer.push("rides", facts(at, at + 10))
        at += 10
        writer.commit(max(writer.now_us, at * 1_000 - 5_000))
        os.write(1, b"%d\\n" % writer.watermarks["rides"])
"""

READER = """
from hindcast.stores.reader import StoredFeatures
reader = StoredFeatures(PLAN, connect(sys.argv[1]))
last = -1
for n in range(int(sys.argv[2])):
    mark = reader.watermarks()["rides"]
    assert mark >= last, "time went back"
    last = mark
    row = reader.read({"who": n % 4}, mark * 1_000 + 60_000_000 - 1).values
    assert row["all_sum_1m"] >= row["rides_fare_sum_1m_by_who"], "half a commit"
os.write(1, b"%d\\n" % last)
"""

world: dict = {}
exec(WORLD, world)


def start(code: str, *arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WORLD + code, *map(str, arguments)], stdout=subprocess.PIPE)


def check(store: OnlineStore) -> int:
    """The store holds what the facts up to its watermark say, at any later moment; gives that watermark."""
    reader = StoredFeatures(world["PLAN"], store)
    mark = reader.watermarks()["rides"]
    whole = OnlineFeatures(world["PLAN"])
    whole.push("rides", world["facts"](0, mark + 1))
    for later in (0, 1_000, 500_000, 3_000_000):
        for who in range(5):
            t = max(reader.now_us(), mark * 1_000 - 5_000) + later
            assert reader.read({"who": who}, t) == whole.read({"who": who}, t)
    return mark


@pytest.mark.slow
@pytest.mark.service
@pytest.mark.parametrize("kind", ["lmdb", "redis"])
def test_a_killed_writer_leaves_a_prefix_and_the_next_one_goes_on(kind, tmp_path, request):
    address = str(tmp_path / "store") if kind == "lmdb" else request.getfixturevalue("redis_server").url
    rng, acknowledged = random.Random(5), -1
    for life in range(3):
        readers = []
        with start(WRITER, address) as writer:
            request.addfinalizer(writer.kill)
            assert writer.stdout is not None
            lines = [writer.stdout.readline()]
            if life == 1:
                readers = [start(READER, address, 60) for _ in range(2)]
                lines += [writer.stdout.readline() for _ in range(100)]
                assert all(int(reader.communicate(timeout=120)[0] or -1) > 0 for reader in readers)
            lines += [writer.stdout.readline() for _ in range(rng.randrange(1, 25))]
            sleep(rng.random() * 0.02)
            os.kill(writer.pid, signal.SIGKILL)
            lines += writer.stdout.readlines()
        assert all(reader.returncode == 0 for reader in readers)
        before, acknowledged = acknowledged, max(int(line) for line in lines if line.endswith(b"\n"))
        assert acknowledged > before
        store = world["connect"](address)
        mark = check(store)
        assert mark in (acknowledged, acknowledged + 10)
        store.close()
        sleep(0.4 if kind == "redis" else 0)  # the lease of the dead


@pytest.mark.service
def test_a_redis_that_lost_its_memory_is_written_again_from_the_start(tmp_path):
    from hindcast.stores.writer import FeatureWriter
    from redis_server import RedisServer

    server = RedisServer(tmp_path).start()
    try:
        store = world["connect"](server.url)
        writer = FeatureWriter(world["PLAN"], store)
        writer.push("rides", world["facts"](0, 50))
        writer.commit(50_000)
        server.kill()
        server.start()
        writer.push("rides", world["facts"](50, 60))
        with pytest.raises(StateError, match="no longer holds"):
            writer.commit(60_000)
        with pytest.raises(StateError, match="is empty"):
            StoredFeatures(world["PLAN"], store).watermarks()
        with FeatureWriter(world["PLAN"], store) as again:
            assert again.watermarks == {}
            again.push("rides", world["facts"](0, 60))
            again.commit(60_000)
        assert check(store) == 59
        store.close()
    finally:
        server.stop()
