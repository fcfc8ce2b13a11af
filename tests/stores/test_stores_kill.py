"""Real processes: writers killed at any instant, readers beside them, disks and servers that give out."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import sleep

import pytest

from hindcast.errors import ConfigError, StateError
from hindcast.stores.lmdb import LmdbStore
from hindcast.stores.redis import RedisStore
from hindcast.stores.store import OnlineStore, StoreWriter
from redis_server import RedisServer

OPEN = {
    "lmdb": "from hindcast.stores.lmdb import LmdbStore; store = LmdbStore(sys.argv[1])",
    "redis": (
        "from hindcast.stores.redis import RedisStore; url, name, lease = sys.argv[1].split(); "
        "store = RedisStore(url, name, lease_s=float(lease))"
    ),
}

WRITER = """
import os, sys
{open}
keys = [b"key %d" % n for n in range(50)]
with store.writer("a writer to be killed") as writer:
    for number in range(int(sys.argv[2]), 1_000_000):
        writer.commit(dict.fromkeys(keys, b"%d" % number * 100) | {{b"only %d" % number: b""}})
        os.write(1, b"%d\\n" % number)
"""

READER = """
import os, sys
{open}
keys = [b"key %d" % n for n in range(50)]
last = -1
for _ in range(int(sys.argv[2])):
    found = set(store.get_many(keys))
    assert len(found) == 1, "half a commit"
    value = next(iter(found)) or b""
    number = int(value[: len(value) // 100] or b"-1")
    assert number >= last, "time went back"
    last = number
os.write(1, b"%d\\n" % last)
"""


def start(code: str, kind: str, *arguments: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", code.format(open=OPEN[kind]), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def whole(store: OnlineStore) -> int:
    """The number of the one commit that a store ends with, after checking that nothing else is half there."""
    (value,) = set(store.get_many([b"key %d" % n for n in range(50)]))
    only = sorted(int(key[5:]) for key, _ in store.scan(b"only "))
    assert only == list(range(len(only)))
    if value is None:
        assert not only
        return -1
    number = int(value[: len(value) // 100])
    assert value == b"%d" % number * 100
    assert only[-1] == number
    return number


Place = tuple[str, Callable[[float], str], Callable[[], OnlineStore]]


@pytest.fixture(params=["lmdb", "redis"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """The kind of a store, its address for a child whose lease is so many seconds, and how to open it here."""
    if request.param == "lmdb":
        return "lmdb", lambda lease_s: str(tmp_path / "store"), lambda: LmdbStore(tmp_path / "store")
    server: RedisServer = request.getfixturevalue("redis_server")
    name = request.node.name
    return "redis", lambda lease_s: f"{server.url} {name} {lease_s}", lambda: RedisStore(server.url, name)


@pytest.mark.service
def test_a_writer_killed_at_any_instant_leaves_a_prefix_that_holds_what_was_acknowledged(place):
    kind, address, connect = place
    rng = random.Random(11)
    done = -1
    for _ in range(5):
        with start(WRITER, kind, address(0.3), done + 1) as child:
            assert child.stdout is not None
            lines = [child.stdout.readline() for _ in range(rng.randrange(1, 60))]
            sleep(rng.random() * 0.01)
            os.kill(child.pid, signal.SIGKILL)
            lines += child.stdout.readlines()
        acknowledged = max(int(line) for line in lines if line.endswith(b"\n"))
        store = connect()
        done = whole(store)
        assert acknowledged <= done <= acknowledged + 1
        store.close()
        sleep(0.4 if kind == "redis" else 0)  # the lease of the dead


@pytest.mark.service
def test_readers_in_other_processes_see_whole_commits_while_the_writer_writes(place):
    kind, address, connect = place
    with start(WRITER, kind, address(60), 0) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        readers = [start(READER, kind, address(60), 400) for _ in range(3)]
        store = connect()
        with pytest.raises(StateError, match="a writer to be killed"):
            store.writer("a second one")
        told = [reader.communicate()[0] for reader in readers]
        os.kill(writer.pid, signal.SIGKILL)
    assert [reader.returncode for reader in readers] == [0, 0, 0]
    assert all(int(line) > 0 for line in told)
    assert whole(store) >= max(int(line) for line in told)
    store.close()


@pytest.mark.service
def test_a_killed_reader_keeps_no_room(tmp_path):
    """A reader that died inside a read pins the pages of its moment until the next writer has looked for the dead."""
    code = """
import os, sys, lmdb
env = lmdb.open(sys.argv[1])
transaction = env.begin()
transaction.get(b"key")
os.write(1, b"reading\\n")
sys.stdin.read()
"""
    store = LmdbStore(tmp_path / "store", max_bytes=1 << 20)
    with store.writer("a writer") as writer:
        writer.commit({b"key": b"x" * 100_000})
        with subprocess.Popen(
            [sys.executable, "-c", code, str(store.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"reading\n"
            os.kill(child.pid, signal.SIGKILL)
        for number in range(50):
            writer.commit({b"key": bytes([number]) * 100_000})
    assert store.get_many([b"key"]) == [bytes([49]) * 100_000]
    store.close()


def fill(writer: StoreWriter, size: int) -> tuple[int, StateError]:
    """Commit rows of `size` bytes until one is refused: how many there are, and the refusal."""
    done = 0
    while True:
        try:
            writer.commit({b"a": b"%d" % (done + 1), b"row %d" % (done + 1): b"x" * size})
        except StateError as error:
            return done, error
        done += 1


# ---- LMDB: no room ---------------------------------------------------------------------------------------


def test_a_full_map_loses_nothing_and_can_be_made_larger(tmp_path):
    store = LmdbStore(tmp_path / "store", max_bytes=1 << 20)
    with store.writer("a glutton") as writer:
        done, error = fill(writer, 5_000)
        assert re.search(r"is full.*max_bytes=1048576.*larger max_bytes", str(error))
        assert store.get_many([b"a", b"row %d" % (done + 1)]) == [b"%d" % done, None]
        writer.commit({b"row 1": None})  # removing makes room
        larger = LmdbStore(tmp_path / "store", max_bytes=1 << 22)
        writer.commit({b"b": b"x" * 2_000_000})
        larger.close()
    assert sorted(key for key, _ in store.scan(b"row")) == sorted(b"row %d" % n for n in range(2, done + 1))
    store.close()


FULL_DISK = """
import resource, signal, sys
from hindcast.errors import StateError
from hindcast.stores.lmdb import LmdbStore

store = LmdbStore(sys.argv[1])
with store.writer("a glutton") as writer:
    writer.commit({b"a": b"0"})
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))  # as if the disk were full there
    done = 0
    try:
        while True:
            writer.commit({b"a": b"%d" % (done + 1), b"row %d" % (done + 1): b"x" * 5_000})
            done += 1
    except StateError as error:
        print(error)
    assert store.get_many([b"a", b"row %d" % (done + 1)]) == [b"%d" % done, None]
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    writer.commit({b"a": b"%d" % (done + 1), b"row %d" % (done + 1): b"x" * 5_000})
    print(done + 1)
"""


@pytest.mark.service
def test_a_full_disk_loses_nothing_and_the_writer_goes_on_when_there_is_room(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "store")], capture_output=True, text=True, check=True
    )
    error, done = run.stdout.strip().rsplit("\n", 1)
    assert "the commit was not done" in error
    assert "Is the disk full?" in error
    store = LmdbStore(tmp_path / "store", read_only=True)
    assert int(done) > 5
    assert store.get_many([b"a"]) == [done.encode()]
    assert len(list(store.scan(b"row "))) == int(done)
    with pytest.raises(StateError, match="read only"):
        store.writer("nobody")
    store.close()


def test_a_folder_that_holds_something_else_is_refused(tmp_path):
    (tmp_path / "data.mdb").write_bytes(b"not a database at all" * 1_000)
    with pytest.raises(StateError, match=r"cannot be opened.*Give the folder of a store"):
        LmdbStore(tmp_path)
    with pytest.raises(StateError, match="cannot be opened"):
        LmdbStore(tmp_path / "missing", read_only=True)
    with pytest.raises(ConfigError, match="max_bytes must be at least"):
        LmdbStore(tmp_path / "small", max_bytes=10)


def test_a_closed_store_says_so(tmp_path):
    one, two = LmdbStore(tmp_path / "store"), LmdbStore(tmp_path / "store")
    one.close()
    assert two.get_many([b"a"]) == [None]  # they share a mapping, and it is still needed
    with pytest.raises(StateError, match="was closed"):
        one.get_many([b"a"])
    two.close()


FORKED = """
import os, sys
from hindcast.errors import StateError
from hindcast.stores.lmdb import LmdbStore

store = LmdbStore(sys.argv[1])
child = os.fork()
if child == 0:
    try:
        store.get_many([b"a"])
    except StateError as error:
        os.write(1, str(error).encode())
    os._exit(0)
os.waitpid(child, 0)
"""


@pytest.mark.service
def test_a_forked_child_is_told_not_to_use_it(tmp_path):
    run = subprocess.run([sys.executable, "-c", FORKED, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "before this process was forked" in run.stdout


# ---- Redis: a server that goes away -----------------------------------------------------------------------


@pytest.mark.service
def test_a_killed_server_that_appends_always_comes_back_with_all_that_was_acknowledged(tmp_path):
    server = RedisServer(tmp_path, "--appendonly", "yes", "--appendfsync", "always").start()
    try:
        store = RedisStore(server.url, lease_s=0.2)
        with store.writer("a patient one") as writer:
            for number in range(30):
                writer.commit({b"a": b"%d" % number, b"row %d" % number: b"x" * 1_000})
            server.kill()
            with pytest.raises(StateError, match=r"cannot be read.*Check that the server is up"):
                store.get_many([b"a"])
            with pytest.raises(StateError, match="nobody knows whether this commit was done"):
                writer.commit({b"a": b"30"})
            server.start()
            assert store.get_many([b"a", b"row 29"]) == [b"29", b"x" * 1_000]
            writer.commit({b"a": b"30"})
            assert store.get_many([b"a"]) == [b"30"]
        store.close()
    finally:
        server.stop()


@pytest.mark.service
def test_a_server_that_forgot_refuses_the_writer_who_remembers(tmp_path):
    server = RedisServer(tmp_path).start()
    try:
        store = RedisStore(server.url)
        writer = store.writer("one who remembers")
        writer.commit({b"a": b"1"})
        server.kill()
        server.start()
        with pytest.raises(StateError, match=r"no longer holds what was committed.*`appendonly`"):
            writer.commit({b"b": b"2"})
        assert store.get_many([b"a", b"b"]) == [None, None]
        with store.writer("the next") as writer:
            writer.commit({b"b": b"3"})
        store.close()
    finally:
        server.stop()


@pytest.mark.service
def test_a_server_that_came_back_with_less_refuses_the_writer(redis_server):
    import redis

    store = RedisStore(redis_server.url, "less")
    writer = store.writer("one who remembers")
    for number in range(3):
        writer.commit({b"a": b"%d" % number})
    with redis.Redis(port=redis_server.port) as client:
        client.hincrby("{less}", "epoch", -1)  # as a server that had not synced its last second
    with pytest.raises(StateError, match="no longer holds"):
        writer.commit({b"a": b"3"})
    assert store.get_many([b"a"]) == [b"2"]
    store.close()


@pytest.mark.service
def test_a_writer_that_was_too_slow_finds_out_and_writes_nothing(redis_server):
    store = RedisStore(redis_server.url, "slow", lease_s=0.2)
    patient = RedisStore(redis_server.url, "slow", lease_s=60)
    slow = store.writer("a slow one")
    slow.commit({b"a": b"1"})
    sleep(0.3)
    slow.commit({b"a": b"2"})  # late, but nobody wanted its place
    sleep(0.3)
    quick = patient.writer("a quick one")
    quick.commit({b"a": b"3"})
    with pytest.raises(StateError, match=rf"a quick one, process {os.getpid()}.*took this writer's place"):
        slow.commit({b"a": b"4"})
    with pytest.raises(StateError, match="released"):
        slow.commit({b"a": b"5"})
    slow.release()  # takes nothing from the other
    with pytest.raises(StateError, match=r"held by a quick one.*free in \d\d\.\d s"):
        store.writer("a third")
    quick.commit({b"b": b"1"})
    assert store.get_many([b"a", b"b"]) == [b"3", b"1"]
    quick.release()
    patient.close()
    store.close()


@pytest.mark.service
def test_a_full_server_refuses_a_commit_whole(tmp_path):
    server = RedisServer(tmp_path, "--maxmemory", "8mb", "--maxmemory-policy", "noeviction").start()
    try:
        store = RedisStore(server.url)
        with store.writer("a glutton") as writer:
            done, error = fill(writer, 100_000)
            assert "maxmemory" in str(error)
            assert 5 < done < 100
            assert store.get_many([b"a", b"row %d" % (done + 1)]) == [b"%d" % done, None]
            writer.commit({b"row %d" % (n + 1): None for n in range(10)})
            writer.commit({b"a": b"%d" % (done + 1)})
        assert len(list(store.scan(b"row "))) == done - 10
        store.close()
    finally:
        server.stop()


@pytest.mark.service
def test_another_kind_of_value_under_the_name_is_an_error_not_a_crash(redis_server):
    import redis

    with redis.Redis(port=redis_server.port) as client:
        client.set("{list}", "a string")
    store = RedisStore(redis_server.url, "list")
    with pytest.raises(StateError, match="WRONGTYPE"):
        store.get_many([b"a"])
    with pytest.raises(StateError, match="WRONGTYPE"):
        store.writer("nobody")
    store.close()


def test_a_server_that_is_not_there_is_named_without_its_password():
    store = RedisStore("redis://someone:secret@127.0.0.1:1/3", "nowhere", timeout_s=1)
    with pytest.raises(StateError, match=r"'nowhere' at 127\.0\.0\.1:1/3 cannot be read") as told:
        store.get_many([b"a"])
    assert not re.search("secret|someone", str(told.value) + store.place)
    store.close()


@pytest.mark.parametrize("url", ["http://127.0.0.1", "nonsense", ""])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(ConfigError, match="redis://host:port/db"):
        RedisStore(url)
    with pytest.raises(ConfigError, match="name must not be empty"):
        RedisStore("redis://127.0.0.1:1", "")
