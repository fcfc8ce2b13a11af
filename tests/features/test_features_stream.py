"""A stream: features after each fact, late facts by three policies, every fact counted; killed at any instant."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from time import sleep

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hindcast.features as f
from hindcast.columns import Column, Frame
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.facts import Facts, Table
from hindcast.features.batch import answer
from hindcast.features.plan import FeaturePlan
from hindcast.features.stream import Counts, FeatureStream, LateFacts
from hindcast.testing import episodes
from hindcast.testing.laws import same_values

COLUMNS = ("id", "who", "lane", "x", "word")
TYPES = {"who": "text", "word": "text", "lane": "integer"}
KEYED = Table("trips", key="id", event_time="at", known="seen", columns=COLUMNS, types=TYPES)
PLAIN = Table("pings", event_time="at", known="seen", columns=COLUMNS, types=TYPES)
ROLES = Table("roles", event_time="at", known="seen", columns=("id", "word"), types={"word": "text"})
POOLS = {
    "id": [0, 1, 2, 3, 4],
    "who": ["a", "b", None],
    "lane": [0, 1, None],
    "x": [0.0, 1.0, -1.0, 0.1, 1e16, -1e16, 7.25, None],
    "word": ["x", "y", None],
}


def swept(table):
    return [
        f.window(table, "x", ["count", "sum", "mean", "min", "max", "std", "last"], over=["3h", "all"], by="who"),
        f.window(table, "x", ["sum", "median", f.last_n(2)], over="6h", lag="2h", by=["who", "lane"], name="two"),
        f.window(table, "word", ["last", "distinct", f.top(2)], over=("-5h", "+2h"), by="who", name="ahead"),
        f.window(table, None, "count", over=f.session("2h"), name="everyone"),
        f.latest(table, "x", "word", by="who", name="l"),
    ]


def joined(table):
    made = f.enrich(table, f.latest(ROLES, "word", by={"id": "id"}, name="role"))
    return [f.window(made, "x", ["sum", "count"], over="9h", by={"word": "role_word_by_id"}, name="joined")]


SETS = {
    "numbers": lambda table: swept(table)[:1],
    "swept": swept,
    "one by one": lambda table: [*swept(table), f.window(table, "word", f.members(), over="5h", by="who")],
}


@pytest.mark.parametrize("table", [KEYED, PLAIN], ids=lambda table: table.name)
@pytest.mark.parametrize("kind", SETS)
def test_what_follows_a_fact_is_what_batch_answers_a_microsecond_later(table, kind):
    plan = FeaturePlan.compile(SETS[kind](table))

    @settings(max_examples=25)
    @given(episodes(table, POOLS), st.integers(1, 6))
    def holds(episode, batches):
        facts = episode.facts[table.name]
        stream, rng = FeatureStream(plan), np.random.default_rng(episode.seed)
        moments = np.unique(facts.known)
        for some in np.array_split(moments, batches):
            rows = rng.permutation(np.flatnonzero(np.isin(facts.known, some)))
            part = facts.take(rows)
            stream.watermarks.clear()  # facts come by known time here, which is not the order of landing
            found = stream.follow(table.name, part)
            assert found.counts == Counts(on_time=len(part))
            assert found.rows.tolist() == list(range(len(part)))
            assert found.as_of.tolist() == (part.known + 1).tolist()
            expected = answer(plan, {table.name: facts}, part.frame.select(plan.request_columns), part.known + 1)
            assert found.features.names == list(plan.names)
            for name in plan.names:
                assert same_values(found.features[name], expected[name]).all(), name
            if any(column.kind in ("text", "list") for column in expected.values()):
                with pytest.raises(ConfigError, match="has no numbers"):
                    _ = found.numbers
            else:
                by_column = np.stack([expected[name].floats() for name in plan.names], axis=1)
                assert np.array_equal(found.numbers, by_column, equal_nan=True)

    holds()


def test_what_was_known_meanwhile_counts():
    """Facts that were pushed ahead of their time, lookups of enriched facts among them, enter in their order."""
    plan = FeaturePlan.compile([*swept(PLAIN), *joined(PLAIN)])
    rng = np.random.default_rng(3)
    facts = drawn(PLAIN, rng, 60)
    roles = drawn(ROLES, rng, 20)
    ahead, rest = facts.take(slice(0, 30)), facts.take(slice(30, 60))
    stream = FeatureStream(plan)
    stream.push("roles", roles)
    stream.push("pings", ahead)
    found = stream.follow("pings", rest)
    asked = rest.frame.select(plan.request_columns)
    expected = answer(plan, {"pings": facts, "roles": roles}, asked, rest.known + 1)
    for name in stream.online.followed("pings"):
        if not name.startswith("joined"):
            assert same_values(found.features[name], expected[name]).all(), name
    role = answer(
        FeaturePlan.compile([f.latest(ROLES, "word", by="id", name="role")]), {"roles": roles}, rest.frame, rest.known
    )
    own = answer(plan, {"pings": facts, "roles": roles}, asked.having(word=role["role_word_by_id"]), rest.known + 1)
    assert same_values(found.features["joined_sum_9h_by_word"], own["joined_sum_9h_by_word"]).all()


def drawn(table, rng, count):
    """Facts whose known times are all different, in no order."""
    known = rng.permutation(np.arange(1, count + 1)) * 1_800_000_000
    columns = {"at": Column("time", known - 7), "seen": Column("time", known)}
    for name in [name for name in table.all_columns if name in POOLS]:
        columns[name] = Column.of([POOLS[name][at] for at in rng.integers(0, len(POOLS[name]), count)])
    order = np.arange(count, dtype=np.int64)
    return Facts(known - 7, known, order, np.zeros(count, dtype=np.bool_), Frame(columns, count))


# ---- late facts -------------------------------------------------------------------------------------------

RIDES = Table("rides", event_time="at", known="event", columns=("at", "who", "fare"))
PLAN = FeaturePlan.compile([f.window(RIDES, "fare", ["sum", "count"], over="1h", by="who", name="w")])
SUM, COUNT = "w_sum_1h_by_who", "w_count_1h_by_who"


def rides(seconds, first=0):
    at = np.array(seconds, dtype=np.int64) * 1_000_000
    columns = {"at": Column("time", at), "who": Column.of(["ann"] * len(at)), "fare": Column.of([1.0] * len(at))}
    seq = np.arange(first, first + len(at))
    return Facts(at, at, seq, np.zeros(len(at), dtype=np.bool_), Frame(columns, len(at)))


def test_a_late_fact_is_right_from_now_on():
    stream = FeatureStream(PLAN)
    assert stream.follow("rides", rides([10, 20])).features[COUNT].values.tolist() == [1.0, 2.0]
    found = stream.follow("rides", rides([15, 30, 5], first=2))
    assert found.counts == Counts(on_time=1, revised=2)
    assert found.as_of.tolist() == [20_000_001, 30_000_001, 20_000_001]
    assert found.features[COUNT].values.tolist() == [4.0, 5.0, 4.0]
    assert stream.push("rides", rides([25], first=5)) == Counts(revised=1)
    assert stream.read({"who": "ann"}, 40_000_000).values[COUNT] == 6.0
    assert stream.counts["rides"] == Counts(on_time=3, revised=3)
    assert stream.counts["rides"].late == 3


def test_a_late_fact_is_kept_aside_with_its_reason():
    stream = FeatureStream(PLAN, late="aside")
    stream.follow("rides", rides([10, 20]))
    found = stream.follow("rides", rides([15, 30], first=2))
    assert (found.counts, found.rows.tolist()) == (Counts(on_time=1, aside=1), [1])
    assert found.features[COUNT].values.tolist() == [3.0]
    assert stream.push("rides", rides([1], first=4)) == Counts(aside=1)
    kept = stream.aside("rides")
    assert kept.facts.seq.tolist() == [2, 4]
    assert kept.reason(0) == (
        "known at 1970-01-01T00:00:15Z, came 5000001us after features were read at 1970-01-01T00:00:20.000001Z"
    )
    assert len(stream.take_aside("rides")) == 2
    assert stream.aside("rides") is None
    assert stream.watermarks == {"rides": 4}


def test_a_batch_with_late_facts_is_refused_as_a_whole():
    stream = FeatureStream(PLAN, late="refuse")
    stream.follow("rides", rides([10, 20]))
    batch = rides([30, 15, 12], first=2)
    with pytest.raises(LateFacts, match=r"2 of 3 facts of table 'rides'.*nothing was taken.*row 2") as caught:
        stream.follow("rides", batch)
    assert caught.value.rows.tolist() == [1, 2]
    assert caught.value.counts == Counts(refused=2)
    assert stream.watermarks == {"rides": 1}
    assert stream.push("rides", batch.take(np.array([0]))) == Counts(on_time=1)
    assert stream.read({"who": "ann"}, 40_000_000).values[COUNT] == 3.0
    assert stream.counts["rides"] == Counts(on_time=3, refused=2)


@pytest.mark.parametrize("late", ["revise", "aside", "refuse"])
def test_what_is_late_by_no_more_than_the_lateness_is_on_time(late):
    stream = FeatureStream(PLAN, late=late, lateness="5s")
    stream.read({"who": "ann"}, 20_000_000)
    assert stream.push("rides", rides([15])) == Counts(on_time=1)
    assert stream.read({"who": "ann"}, 20_000_000).values[COUNT] == 1.0
    stream.read({"who": "ann"}, 20_000_001)
    if late == "refuse":
        with pytest.raises(LateFacts):
            stream.push("rides", rides([15], first=1))
    else:
        assert stream.push("rides", rides([15], first=1)).late == 1


def test_a_fact_pushed_again_changes_nothing_and_is_counted():
    stream = FeatureStream(PLAN, late="refuse")
    stream.follow("rides", rides([10, 20]))
    found = stream.follow("rides", rides([10, 20, 30]))
    assert (found.counts, found.rows.tolist()) == (Counts(on_time=1, again=2), [2])
    assert found.features[SUM].values.tolist() == [3.0]
    assert stream.push("rides", rides([10, 20, 30])) == Counts(again=3)
    assert stream.counts["rides"] == Counts(on_time=3, again=5)


def test_a_table_that_no_feature_reads_is_counted_and_ignored():
    stream = FeatureStream(PLAN)
    assert stream.push("taxis", rides([1, 2])) == Counts(ignored=2)
    assert (stream.counts["taxis"].ignored, stream.watermarks) == (2, {})


def test_nothing_at_all():
    stream = FeatureStream(PLAN)
    found = stream.follow("rides", rides([]))
    assert (len(found.features), found.counts, stream.watermarks) == (0, Counts(), {})
    assert stream.aside("rides") is None


def test_what_makes_no_sense_is_refused():
    with pytest.raises(UnknownName, match="revise"):
        FeatureStream(PLAN, late="revize")
    with pytest.raises(UnknownName, match="table"):
        FeatureStream(PLAN).follow("taxis", rides([1]))
    own = FeaturePlan.compile([f.window(KEYED, "x", "sum", over="1h", by="who", closed="right")], target=KEYED)
    with pytest.raises(ConfigError, match="no feature follows"):
        FeatureStream(own).follow("trips", drawn(KEYED, np.random.default_rng(0), 2))


def test_a_batch_that_cannot_be_read_changes_nothing():
    plan = FeaturePlan.compile([f.window(KEYED, "x", "sum", over="all", by="who", name="w")])
    good = drawn(KEYED, np.random.default_rng(1), 12)
    bad = Facts(good.event, good.known, good.seq, good.retract, good.frame.having(x=["no number"] * 12))
    stream, whole = FeatureStream(plan), FeatureStream(plan)
    with pytest.raises(DataError, match="x"):
        stream.follow("trips", bad)
    assert (stream.watermarks, stream.counts) == ({}, {})
    stream.push("trips", good)
    whole.push("trips", good)
    assert stream.read({"who": "a"}, 10**15) == whole.read({"who": "a"}, 10**15)


# ---- a real process, killed -------------------------------------------------------------------------------

WORLD = """
import os, sys, random
import numpy as np
import hindcast.features as f
from hindcast.columns import Column, Frame
from hindcast.facts import Facts, Table
from hindcast.features.plan import FeaturePlan
from hindcast.features.stream import FeatureStream

TABLE = Table("rides", key="ride", event_time="at", known="seen", columns=("ride", "at", "seen", "who", "fare"))
PLAN = FeaturePlan.compile([
    f.window(TABLE, "fare", ["count", "sum", "max"], over=["1s", "1m"], by="who"),
    f.latest(TABLE, "fare", by="who"),
])
BATCH = 20

def batch(n):
    "Facts of a stream without end: one a millisecond, some corrected or withdrawn, some late by up to a batch."
    n = np.arange(n * BATCH, (n + 1) * BATCH)
    ride = np.where(n % 3 == 0, np.maximum(n - 1 - n % 5, 0), n)
    at = n * 1_000
    known = at + n % 7 * 500 - np.where(n % 11 == 0, 9_000, 0)
    frame = Frame({
        "ride": Column("integer", ride), "at": Column("time", at), "seen": Column("time", known),
        "who": Column("integer", n % 4), "fare": Column("number", n % 11 / 10),
    }, len(n))
    return Facts(at, known, n, n % 9 == 3, frame)

def told(n, found):
    columns = b"".join(found.features[name].values.tobytes() for name in PLAN.names)
    return f"{n} {found.counts.late} {hash_of(columns)}\\n".encode()

def hash_of(data):
    from hashlib import sha256
    return sha256(data).hexdigest()[:16]
"""

LIFE = """
rng = random.Random(int(sys.argv[3]))
with FeatureStream(PLAN, late=sys.argv[2], folder=sys.argv[1]) as stream:
    assert not stream.notices, stream.notices
    n = (stream.watermarks.get("rides", -1) + 1) // BATCH
    while True:
        os.write(1, told(n, stream.follow("rides", batch(n))))
        n += 1
        if rng.random() < 0.5:
            stream.snapshot()
            os.write(1, b"snapshot %d\\n" % n)
"""

world: dict = {}
exec(WORLD, world)


@pytest.mark.service
@pytest.mark.parametrize("late", ["revise", "aside"])
def test_a_process_killed_at_any_instant_leaves_the_values_of_an_unbroken_run(late, tmp_path):
    rng, lines, kept = random.Random(7), [], 0
    for life in range(6):
        command = [sys.executable, "-c", WORLD + LIFE, str(tmp_path), late, str(life)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            mine = [process.stdout.readline() for _ in range(rng.randrange(1, 30))]
            sleep(rng.random() * 0.02)
            os.kill(process.pid, signal.SIGKILL)
            mine += process.stdout.readlines()
        values = [line for line in mine if line.endswith(b"\n") and not line.startswith(b"snapshot")]
        assert int(values[0].split()[0]) >= kept  # nothing before the last snapshot that was told is asked for again
        kept = max(
            [kept, *(int(line.split()[1]) for line in mine if line.startswith(b"snapshot") and line.endswith(b"\n"))]
        )
        lines += values
    whole = FeatureStream(world["PLAN"], late=late)
    expected = [
        world["told"](n, whole.follow("rides", world["batch"](n)))
        for n in range(1 + max(int(line.split()[0]) for line in lines))
    ]
    assert set(lines) == set(expected)
    assert kept > 0
    assert whole.counts["rides"].late > 0
