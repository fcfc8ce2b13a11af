"""The laws of a store of folds, on every store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.errors import ConfigError, StateError
from hindcast.stores.lmdb import LmdbStore
from hindcast.stores.memory import MemoryStore
from hindcast.stores.redis import RedisStore
from hindcast.stores.store import OnlineStore

numbers = count()


@pytest.fixture(params=["memory", "lmdb", "redis"], scope="module")
def make(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], OnlineStore]]:
    """A function that makes new, empty stores of one kind."""
    made: list[OnlineStore] = []
    server = request.getfixturevalue("redis_server") if request.param == "redis" else None

    def build() -> OnlineStore:
        if request.param == "memory":
            store: OnlineStore = MemoryStore()
        elif server is None:
            store = LmdbStore(tmp_path_factory.mktemp("lmdb") / "store", max_bytes=1 << 24)
        else:
            store = RedisStore(server.url, f"laws-{next(numbers)}")
        made.append(store)
        return store

    yield build
    for store in made:
        store.close()
        store.close()


keys = st.binary(min_size=1, max_size=3) | st.sampled_from([b"\x00", b"*", b"[a]", b"a\\", b":", b"writer", b"epoch"])
values = st.binary(max_size=40)
commits = st.lists(st.dictionaries(keys, values | st.none(), max_size=8), max_size=6)


@given(commits=commits, asked=st.lists(keys, max_size=8), prefix=st.binary(max_size=2))
def test_a_store_is_a_dict_whatever_the_bytes(make, commits, asked, prefix):
    store = make()
    told: dict[bytes, bytes | None] = {}
    held: dict[bytes, bytes] = {}
    with store.writer("laws") as writer:
        for puts in commits:
            writer.commit(puts)
            told.update(puts)
            held = {key: value for key, value in told.items() if value is not None}
            assert store.get_many([*told, *asked]) == [held.get(key) for key in (*told, *asked)]
    found = list(store.scan(prefix))
    assert dict(found) == {key: value for key, value in held.items() if key.startswith(prefix)}
    assert len(found) == len(dict(found))
    store.close()


def test_an_empty_store_holds_nothing(make):
    store = make()
    assert store.get_many([b"a", b"b"]) == [None, None]
    assert store.get_many([]) == []
    assert list(store.scan(b"")) == []
    with store.writer("nobody") as writer:
        writer.commit({})
        writer.commit({b"never there": None})
    assert list(store.scan(b"")) == []


def test_one_writer_at_a_time(make):
    store = make()
    first = store.writer("the first")
    first.commit({b"a": b"1"})
    with pytest.raises(StateError, match=r"the first.*'the second' cannot") as told:
        store.writer("the second")
    assert store.place in str(told.value) or "writer.lock" in str(told.value)
    first.commit({b"a": b"2"})
    first.release()
    first.release()
    with pytest.raises(StateError, match="released"):
        first.commit({b"a": b"3"})
    with pytest.raises(StateError, match="released"):
        first.clear()
    with store.writer("the second") as second:
        second.commit({b"b": b"1"})
    assert store.get_many([b"a", b"b"]) == [b"2", b"1"]


def test_a_writer_that_fails_lets_the_next_one_in(make):
    store = make()
    with pytest.raises(ZeroDivisionError), store.writer("a clumsy one") as writer:
        writer.commit({b"a": b"%d" % (1 // len(store.get_many([])))})
    with store.writer("the next"):
        assert store.get_many([b"a"]) == [None]


def test_cleared_is_empty_and_goes_on(make):
    store = make()
    with store.writer("a gardener") as writer:
        writer.commit({b"%d" % n: b"x" * n for n in range(100)})
        writer.clear()
        assert list(store.scan(b"")) == []
        writer.commit({b"a": b"1"})
    with store.writer("another"):
        assert list(store.scan(b"")) == [(b"a", b"1")]


def test_many_keys_and_large_values_in_one_commit(make):
    store = make()
    puts = {b"key %05d" % n: bytes([n % 251]) * (n % 17) for n in range(5_000)}
    puts[b"large"] = bytes(range(256)) * 4_000
    with store.writer("a lorry") as writer:
        writer.commit(puts)
        assert dict(store.scan(b"")) == puts
        assert store.get_many(sorted(puts)) == [puts[key] for key in sorted(puts)]
        writer.commit(dict.fromkeys(puts))
    assert list(store.scan(b"")) == []


def test_a_reader_sees_every_commit_whole_and_in_order(make):
    store = make()
    asked = [b"key %d" % n for n in range(20)]
    done = threading.Event()
    seen: list[list[set[bytes | None]]] = [[] for _ in range(3)]

    def look(into: list[set[bytes | None]]) -> None:
        while not done.is_set():
            into.append(set(store.get_many(asked)))

    readers = [threading.Thread(target=look, args=(into,)) for into in seen]
    with store.writer("a counter") as writer:
        writer.commit(dict.fromkeys(asked, b"0"))
        for reader in readers:
            reader.start()
        for number in range(1, 60):
            writer.commit(dict.fromkeys(asked, b"%d" % number))
        last = set(store.get_many(asked))
        done.set()
        for reader in readers:
            reader.join()
    assert last == {b"59"}
    for into in seen:
        assert all(len(found) == 1 for found in into), "a read saw half a commit"
        order = [int(next(iter(found)) or b"-1") for found in into]
        assert order == sorted(order), "a read saw an older commit than the one before"
        assert order


def test_a_key_that_fits_no_store_is_refused_and_nothing_changes(make):
    store = make()
    if isinstance(store, LmdbStore):
        with store.writer("a poet") as writer:
            writer.commit({b"a": b"1"})
            for key in (b"", b"k" * 600):
                with pytest.raises(ConfigError, match="empty or longer than 511"):
                    writer.commit({b"a": b"2", key: b"x"})
        with pytest.raises(ConfigError, match="empty or longer"):
            store.get_many([b"a", b""])
    else:  # the others take more than the protocol promises
        with store.writer("a poet") as writer:
            writer.commit({b"a": b"1", b"k" * 600: b"x"})
    assert store.get_many([b"a"]) == [b"1"]
