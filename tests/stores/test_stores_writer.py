"""Law 2 across processes: what is read from a store is what a process that has seen all facts would answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hindcast.features as f
from hindcast.columns import Column, Frame
from hindcast.errors import ConfigError, DataError, StateError, UnknownName
from hindcast.facts import Facts, Table
from hindcast.features.graph import degree, neighbours_mean, shared_neighbours
from hindcast.features.online import OnlineFeatures
from hindcast.features.plan import FeaturePlan
from hindcast.stores.lmdb import LmdbStore
from hindcast.stores.memory import MemoryStore
from hindcast.stores.reader import StoredFeatures
from hindcast.stores.redis import RedisStore
from hindcast.stores.shelves import seal
from hindcast.stores.store import OnlineStore, encode_key
from hindcast.stores.writer import FeatureWriter
from hindcast.testing import episodes
from hindcast.values import HOUR_US, moment_us

COLUMNS = ("id", "who", "lane", "x", "w", "word", "flag")
KEYED = Table("trips", key="id", event_time="at", known="seen", columns=COLUMNS, start="2024-11-02T04:00Z")
PLAIN = Table("pings", event_time="at", known="seen", columns=COLUMNS)
ROLES = Table("roles", key="id", event_time="at", known="seen", columns=("id", "who", "word"))
TABLES = [KEYED, PLAIN]
POOLS = {
    "id": [0, 1, 2, 3, 4],
    "who": ["a", "b", None],
    "lane": [0, 1, 2, None],
    "x": [0.0, -0.0, 1.0, -1.0, 0.1, 0.2, 0.3, 1e16, -1e16, 1e-9, None],
    "w": [1.0, 2.0, 0.5, 0.0, None],
    "word": ["x", "y", "z", None],
    "flag": [True, False, None],
}
numbers = count()


def drawn(*tables):
    return episodes(tables, POOLS, asked=tuple(POOLS), start="2024-11-02T00:00Z")


@pytest.fixture(params=["memory", "lmdb", "redis"], scope="module")
def make(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], OnlineStore]]:
    """A function that makes new, empty stores of one kind."""
    made: list[OnlineStore] = []
    server = request.getfixturevalue("redis_server") if request.param == "redis" else None

    def build() -> OnlineStore:
        if request.param == "memory":
            return MemoryStore()
        if server is not None:
            made.append(RedisStore(server.url, f"shared-{next(numbers)}"))
        else:
            made.append(LmdbStore(tmp_path_factory.mktemp("lmdb") / "store", max_bytes=1 << 24))
        return made[-1]

    yield build
    for store in made:
        store.close()


def agree(make: Callable[[], OnlineStore], plan: FeaturePlan, episode) -> None:
    """Push in any order and any batches, each by another writer; every read equals that of a state with all facts."""
    facts, as_of = episode.facts, episode.as_of
    requests = episode.requests.select(plan.request_columns)
    kinds = requests.kinds
    random = np.random.default_rng(episode.seed)
    store, whole = make(), informed(plan, facts)
    reader = StoredFeatures(plan, store)
    waiting = {name: random.permutation(len(found)) for name, found in facts.items()}
    for at in np.argsort(as_of, kind="stable").tolist():
        t = int(as_of[at])
        with FeatureWriter(plan, store) as writer:
            for name in random.permutation(sorted(waiting)).tolist():
                rest = waiting[name]
                due = (facts[name].known[rest] < t) | (random.random(len(rest)) < 0.3)
                waiting[name] = rest[~due]
                again = random.permutation(len(facts[name]))[:2]
                again = again[~np.isin(again, waiting[name])]
                for part in [*np.array_split(rest[due], random.integers(1, 4)), again]:
                    writer.push(name, facts[name].take(part))
                    if random.random() < 0.3:
                        writer.commit(max(writer.now_us, t - int(random.integers(0, 6)) * HOUR_US))
                whole.push(name, facts[name].take(rest[due]))
            writer.commit(max(writer.now_us, t - int(random.integers(0, 6)) * HOUR_US))
        request = requests.take(slice(at, at + 1))
        row = request.rows()[0] if requests.names else {}
        ours, theirs = reader.read(row, t, kinds), whole.read(row, t, kinds)
        wrong = {
            name: (ours.values[name], value) for name, value in theirs.values.items() if ours.values[name] != value
        }
        assert not wrong, f"read from the store, and by a state with all facts: {wrong}"
        assert ours.ages == theirs.ages
    later = int(as_of.max()) + random.integers(0, 30, len(as_of)) * HOUR_US
    many, one_by_one = reader.read_many(requests, later), informed(plan, facts)
    for name, found in facts.items():
        one_by_one.push(name, found.take(np.setdiff1d(np.arange(len(found)), waiting[name])))
    assert many.rows() == one_by_one.read_many(requests, later).rows()


def informed(plan: FeaturePlan, facts) -> OnlineFeatures:
    """A state that knows what is a text before it meets a fact that counts, as a store does from any it has seen."""
    made = OnlineFeatures(plan)
    for state in made.groups:
        state.coders(facts[state.group.table.name].frame)
    return made


def holds(make, plan, strategy) -> None:
    """More is tried in memory; what the others may do otherwise is for the stores' own laws to find."""

    @settings(max_examples=25 if isinstance(make(), MemoryStore) else 8)
    @given(strategy)
    def law(episode):
        agree(make, plan, episode)

    law()


def shout(said_word_by_who, x):
    """Sees a text or None, also where nobody of the request has said anything."""
    return np.array([None if word is None else f"{word}!" for word in said_word_by_who], dtype=object)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_windows_and_the_latest(make, table):
    found = [
        f.window(table, "x", ["count", "sum", "mean", "min", "max", "std", "median"], over=["3h", "12h"], by="who"),
        f.window(table, "x", ["sum", "last", f.last_n(2), f.decayed("sum", half_life="2h")], over="6h", lag="4h",
                 by=["who", "lane"]),
        f.window(table, "x", ["mean", "min"], over=("-5h", "+4h"), by="who"),
        f.window(table, "x", ["count", f.weighted_mean("w")], over="8h", by="who", where="x > 0.15 and word == 'x'"),
        f.window(table, "word", ["count", f.top(2), f.members()], over="8h", tile="3h", by="lane"),
        f.window(table, over=["9h", "all"]),
        f.window(table, "x", ["sum", "since"], over=f.session("2h"), by="who"),
        f.window(table, "x", ["sum", "first"], over=f.to_date("day", zone="America/New_York"), by="who"),
        f.latest(table, "x", "word", by="who", name="said"),
        f.latest(table, "x", "flag", by="lane", max_age="5h", name="fresh"),
        f.latest(table, "word", "x", by={"id": "lane"}, ahead=True, name="ahead"),
        shout,
    ]  # fmt: skip
    holds(make, FeaturePlan.compile(found), drawn(table))


def test_the_requests_own_fact(make):
    found = [
        f.window(
            KEYED, "x", ["count", "sum", "min", "std", "last"], over=["7h", "all"], by="who", closed="right", name="own"
        ),
        f.window(KEYED, "x", ["sum"], over="5h", by=["who", "lane"], closed="right", name="narrow"),
        f.window(KEYED, "x", ["sum"], over="7h", by="who"),
    ]
    holds(make, FeaturePlan.compile(found, target=KEYED), drawn(KEYED))


def lane_of(lane):
    return lane * 1.0


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_keys_that_are_looked_up_or_made(make, table):
    found = [
        f.latest(ROLES, "word", "who", by="id"),
        f.window(table, "x", ["sum", "last", f.members()], over="9h", by={"roles_word_by_id": "word"}),
        f.latest(table, "x", "lane", by={"roles_who_by_id": "who"}, name="theirs"),
        f.window(table, "word", ["count", f.top(2)], over="all", by={"theirs_lane_by_roles_who_by_id": "lane"}),
        f.window(table, "x", "max", over="6h", by={"lane_of": "lane"}),
        lane_of,
    ]
    holds(make, FeaturePlan.compile(found), drawn(ROLES, table))


def test_neighbours(make):
    edges = Table("edges", key="id", event_time="at", known="seen", columns=("id", "who", "lane", "word"))
    found = [
        neighbours_mean(edges, "who", "word", of=f.latest(PLAIN, "x", by="word"), by="who", over="12h", name="around"),
        neighbours_mean(edges, "lane", "id", of=f.latest(PLAIN, "w", by="id"), by="lane", name="wide"),
        f.window(edges, "word", f.members(), over="12h", by="who"),
        degree(edges, "who", "word", by="who"),
        shared_neighbours(edges, "lane", "word", between=("lane", "id"), over="20h", name="common"),
    ]
    holds(make, FeaturePlan.compile(found), drawn(edges, PLAIN))


# ---- a day in the life of a store -------------------------------------------------------------------------

RIDES = Table("rides", key="ride", event_time="at", known="seen", columns=("ride", "at", "seen", "who", "fare"))
NOON = moment_us("2024-05-01T12:00Z")
SPENT = f.window(RIDES, "fare", ["sum", "count"], over="1h", by="who", name="spent")
PLAN = FeaturePlan.compile([SPENT, f.latest(RIDES, "fare", by="who", name="last")])
SUM, LAST = "spent_sum_1h_by_who", "last_fare_by_who"


def rides(*rows, seq_from=0, retract=False) -> Facts:
    """Facts from (ride, minutes after noon, minutes until known, who, fare)."""
    made = [
        {"ride": ride, "at": NOON + at * 60_000_000, "seen": NOON + (at + late) * 60_000_000, "who": who, "fare": fare}
        for ride, at, late, who, fare in rows
    ]
    frame = Frame(
        {
            "ride": Column.of_kind([row["ride"] for row in made], "text"),
            "at": Column("time", np.array([row["at"] for row in made], dtype=np.int64)),
            "seen": Column("time", np.array([row["seen"] for row in made], dtype=np.int64)),
            "who": Column.of_kind([row["who"] for row in made], "text"),
            "fare": Column.of_kind([row["fare"] for row in made], "number"),
        },
        len(made),
    )
    count = len(made)
    return Facts(
        frame["at"].values, frame["seen"].values, np.arange(seq_from, seq_from + count), np.full(count, retract), frame
    )


def after(minutes: int) -> int:
    return NOON + minutes * 60_000_000


def test_a_store_that_nobody_wrote_says_so(make):
    store = make()
    with pytest.raises(StateError, match=r"is empty.*Start a FeatureWriter"):
        StoredFeatures(PLAN, store).read({"who": "ann"}, NOON)
    with FeatureWriter(PLAN, store) as writer:
        with pytest.raises(StateError, match="is empty"):
            StoredFeatures(PLAN, store).now_us()
        assert writer.commit(NOON) == 0
    reader = StoredFeatures(PLAN, store)
    assert reader.read({"who": "ann"}, NOON).values == {
        SUM: 0.0, "spent_count_1h_by_who": 0.0, LAST: None,
    }  # fmt: skip
    assert (reader.now_us(), reader.watermarks()) == (NOON, {})
    assert reader.read_many(Frame.of({"who": ["ann"]}).take(slice(0, 0)), np.zeros(0, dtype=np.int64)).length == 0


def test_a_correction_that_is_not_yet_known_takes_effect_in_its_time_without_the_writer(make):
    store = make()
    with FeatureWriter(PLAN, store) as writer:
        writer.push("rides", rides(("r1", 0, 0, "ann", 5.0), ("r2", 1, 0, "ann", 7.0)))
        writer.commit(after(2))
        writer.push("rides", rides(("r1", 0, 30, "bob", 6.0), seq_from=2))
        writer.push("rides", rides(("r2", 1, 40, "ann", None), seq_from=3, retract=True))
        writer.commit(after(2))
        assert writer.watermarks == {"rides": 3}
    reader = StoredFeatures(PLAN, store)
    told = {minute: [reader.read({"who": who}, after(minute)).values[SUM] for who in ("ann", "bob")] for minute in (
        2, 30, 31, 41, 42, 62)}  # fmt: skip
    assert told == {2: [12.0, 0.0], 30: [12.0, 0.0], 31: [7.0, 6.0], 41: [7.0, 6.0], 42: [0.0, 6.0], 62: [0.0, 0.0]}
    many = reader.read_many(Frame.of({"who": ["ann", "bob", "ann"]}), np.array([after(42), after(31), after(2)]))
    assert many[SUM].values.tolist() == [0.0, 6.0, 12.0]


def test_a_moment_before_the_last_commit_is_refused_on_both_sides(make):
    store = make()
    with FeatureWriter(PLAN, store) as writer:
        writer.commit(after(5))
        with pytest.raises(ConfigError, match=r"were committed at 2024-05-01T12:05:00.*let go"):
            writer.commit(after(4))
    with pytest.raises(ConfigError, match=r"committed at 2024-05-01T12:05:00.*Ask at a later moment"):
        StoredFeatures(PLAN, store).read({"who": "ann"}, after(5) - 1)
    with pytest.raises(UnknownName, match="no request column 'who'"):
        StoredFeatures(PLAN, store).read({}, after(5))


def test_what_no_request_can_ask_for_any_more_is_let_go(make):
    store, plan = make(), FeaturePlan.compile([SPENT])
    with FeatureWriter(plan, store) as writer:
        for hour in range(30):
            facts = rides(*[(f"r{hour}-{n}", hour * 60 + n, 0, "ann", 1.0) for n in range(10)], seq_from=hour * 10)
            writer.push("rides", facts)
            writer.commit(after(hour * 60 + 30))
    sizes = [len(value) for key, value in store.scan(b"e")]
    assert len(sizes) == 1
    assert sizes[0] < 10 * 8 * 10
    assert StoredFeatures(plan, store).read({"who": "ann"}, after(29 * 60 + 30)).values[SUM] == 10.0
    with FeatureWriter(plan, store) as writer:
        writer.push("rides", rides(("r29-9", 29 * 60 + 9, 60, "ann", None), seq_from=1000, retract=True))
        writer.commit(after(60 * 60))
    assert list(store.scan(b"e")) == []  # an entity without facts takes no room


def test_another_declaration_is_refused_until_the_store_is_cleared(make):
    store, other = make(), FeaturePlan.compile([f.window(RIDES, "fare", "max", over="1h", by="who")])
    with FeatureWriter(PLAN, store) as writer:
        writer.push("rides", rides(("r1", 0, 0, "ann", 5.0)))
        writer.commit(after(1))
    for attempt in (lambda: FeatureWriter(other, store), lambda: StoredFeatures(other, store).now_us()):
        with pytest.raises(StateError, match="was written for the features") as told:
            attempt()
        assert PLAN.identity in str(told.value)
        assert other.identity in str(told.value)
        assert "clear=True" in str(told.value)
    with FeatureWriter(PLAN, store):  # the refusal left the place free, and nothing changed
        assert StoredFeatures(PLAN, store).read({"who": "ann"}, after(1)).values[SUM] == 5.0
    with FeatureWriter(other, store, clear=True) as writer:
        with pytest.raises(StateError, match="is empty"):
            StoredFeatures(PLAN, store).now_us()
        writer.commit(after(2))
    assert [key for key, _ in store.scan(b"")] == [b"m"]
    with pytest.raises(StateError, match="was written for the features"):
        StoredFeatures(PLAN, store).read({"who": "ann"}, after(2))


def test_two_writers_are_one_too_many(make):
    store = make()
    with FeatureWriter(PLAN, store) as writer:
        with pytest.raises(StateError, match="the writer of online features"):
            FeatureWriter(PLAN, store)
        writer.commit(NOON)


def test_a_first_filling_that_was_cut_short_is_begun_anew(make):
    store = make()
    with store.writer("one that was killed") as lease:
        lease.commit({b"e0:half": b"a block", b"v0:half": b"a key"})
    with pytest.raises(StateError, match="is empty"):
        StoredFeatures(PLAN, store).now_us()
    with FeatureWriter(PLAN, store) as writer:
        writer.push("rides", rides(("r1", 0, 0, "ann", 5.0)))
        writer.commit(after(1))
    assert [key for key, _ in store.scan(b"e0:")] == [encode_key(b"e0:", ["ann"])[0]]  # what was half is gone
    assert StoredFeatures(PLAN, store).read({"who": "ann"}, after(1)).values[SUM] == 5.0


def test_a_commit_that_failed_keeps_what_was_pushed(tmp_path):
    store = LmdbStore(tmp_path / "store", max_bytes=1 << 18)
    with FeatureWriter(PLAN, store) as writer:
        writer.push("rides", rides(("r0", 0, 0, "ann", 5.0)))
        writer.commit(after(1))
        many = rides(*[(f"r{n}", 1, 0, f"w{n}", 1.0) for n in range(1, 2000)], seq_from=1)
        writer.push("rides", many)
        with pytest.raises(StateError, match="is full"):
            writer.commit(after(2))
        reader = StoredFeatures(PLAN, store)
        assert reader.read({"who": "ann"}, after(2)).values[SUM] == 5.0
        assert reader.watermarks() == writer.watermarks == {"rides": 0}
        larger = LmdbStore(tmp_path / "store", max_bytes=1 << 24)
        assert writer.commit(after(2)) == 1999
        assert reader.read({"who": "w1999"}, after(2)).values[SUM] == 1.0
        assert reader.watermarks() == {"rides": 1999}
        larger.close()
    store.close()


def test_features_of_an_enriched_table_are_refused_by_name():
    made = f.enrich(PLAIN, f.latest(ROLES, "word", by={"id": "id"}))
    plan = FeaturePlan.compile([f.window(made, "x", "sum", over="9h", by="who", name="rich")])
    for attempt in (lambda: FeatureWriter(plan, MemoryStore()), lambda: StoredFeatures(plan, MemoryStore())):
        with pytest.raises(ConfigError, match=r"enriched table 'pings' \(rich_sum_9h_by_who\).*OnlineFeatures"):
            attempt()


# ---- hostile bytes ----------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(st.data())
def test_any_bytes_in_place_of_what_was_written_are_an_error_or_the_truth(data):
    store = MemoryStore()
    with FeatureWriter(PLAN, store) as writer:
        writer.push("rides", rides(("r1", 0, 0, "ann", 5.0), ("r2", 0, 30, "ann", None)))
        writer.commit(after(1))
    held = sorted(store.scan(b""))
    key, value = data.draw(st.sampled_from(held))
    at = data.draw(st.integers(0, len(value) - 1))
    hostile = data.draw(
        st.binary(max_size=80)
        | st.builds(lambda bit: value[:at] + bytes([value[at] ^ (1 << bit)]) + value[at + 1 :], st.integers(0, 7))
        | st.builds(lambda more: value[:at] + more, st.binary(max_size=9))
        | st.just(value + b"\0")
    )
    with store.writer("a vandal") as lease:
        lease.commit({key: hostile})
    with suppress(StateError):
        answer = StoredFeatures(PLAN, store).read({"who": "ann"}, after(2)).values
        assert answer == {SUM: 5.0, "spent_count_1h_by_who": 1.0, LAST: 5.0}
    with suppress(StateError), FeatureWriter(PLAN, store) as writer:
        writer.push("rides", rides(("r1", 0, 1, "ann", 6.0), seq_from=7))
        writer.commit(after(3))


def test_a_newer_format_is_named(make):
    store = make()
    with store.writer("tomorrow's hindcast") as lease:
        lease.commit({b"m": seal(b'{"format": 2, "plan": 7}')})
    with pytest.raises(StateError, match="has format 2; this version of hindcast reads 1"):
        FeatureWriter(PLAN, store)
    with pytest.raises(StateError, match="has format 2"):
        StoredFeatures(PLAN, store).now_us()


def test_lists_are_refused():
    with FeatureWriter(PLAN, MemoryStore()) as writer:
        facts = rides(("r1", 0, 0, "ann", 5.0))
        lists = Column.of_kind([("a", "b")], "list")
        with pytest.raises(DataError, match="holds no lists"):
            writer.push(
                "rides", Facts(facts.event, facts.known, facts.seq, facts.retract, facts.frame.having(fare=lists))
            )
