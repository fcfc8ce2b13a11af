"""Snapshot + restore + the rest of the facts = an unbroken run, to the bit; what is torn is passed over and said."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hindcast.features as f
from hindcast.columns import Column
from hindcast.errors import ConfigError, StateError
from hindcast.facts import Facts, Table
from hindcast.features.dump import dump_online, load_online
from hindcast.features.plan import FeaturePlan
from hindcast.features.snapshot import Snapshots
from hindcast.features.stream import FeatureStream
from hindcast.fold.index import Index
from hindcast.testing import episodes
from hindcast.testing.laws import same_values

COLUMNS = ("id", "who", "lane", "x", "w", "word", "flag")
TYPES = {"who": "text", "word": "text", "flag": "boolean", "lane": "integer"}
KEYED = Table("trips", key="id", event_time="at", known="seen", columns=COLUMNS, types=TYPES)
PLAIN = Table("pings", event_time="at", known="seen", columns=COLUMNS, types=TYPES)
ROLES = Table(
    "roles",
    key="id",
    event_time="at",
    known="seen",
    columns=("id", "who", "word"),
    types={"who": "text", "word": "text"},
)
POOLS = {
    "id": [0, 1, 2, 3, 4],
    "who": ["a", "b", None],
    "lane": [0, 1, 2, None],
    "x": [0.0, 1.0, -1.0, 0.1, 1e16, -1e16, 7.25, float("inf"), None],
    "w": [1.0, 2.0, 0.5, 0.0, None],
    "word": ["x", "y", "z", None],
    "flag": [True, False, None],
}


def add(state, x):
    return (state[0] * 0.5 + x,)


def read(state):
    return state[0]


OWN = f.aggregate("fading", empty=(0.0,), add=add, read=read)
NUMBERS = [
    "count", "sum", "mean", "min", "max", "var", "std", "first", "last", "median", "distinct", "since",
    f.weighted_mean("w"), f.decayed("mean", half_life="3h"),
]  # fmt: skip
LISTS = [f.last_n(3), f.top(2), f.members()]


def louder(l_word_by_who):
    return np.array([None if word is None else word + "!" for word in l_word_by_who], dtype=object)


def features_of(table):
    made = f.enrich(table, f.latest(ROLES, "word", "who", by={"id": "id"}))
    return [
        f.window(table, "x", NUMBERS + LISTS, over=["3h", "all"], by="who"),
        f.window(table, "x", ["sum", "max", OWN], over="6h", lag="2h", by=["who", "lane"], name="two"),
        f.window(table, "x", ["sum", "count"], over="7h", tile="2h", by="lane", name="tiled"),
        f.window(table, "word", ["last", "distinct", *LISTS], over=("-5h", "+2h"), by="who", name="ahead"),
        f.window(table, "flag", "share", over=f.to_date("day"), by="lane", where="x > 0.5", name="day"),
        f.window(table, "x", "sum", over=f.session("2h"), name="everyone"),
        f.window(made, "x", ["sum", f.members()], over="9h", by={"word": "roles_word_by_id"}, name="joined"),
        f.latest(table, "x", "word", "flag", by="who", name="l"),
        f.latest(table, "x", by="x", max_age="5h", name="fraction"),
        f.latest(ROLES, "word", by="id", name="role"),
        f.window(table, "x", "sum", over="9h", by={"role_word_by_id": "word"}, name="hop"),
        louder,
    ]


def rows_of(facts, rng):
    """Micro-batches of facts in order of sequence."""
    cuts = np.sort(rng.integers(0, len(facts) + 1, 4))
    return [facts.take(slice(a, b)) for a, b in pairwise([0, *cuts.tolist(), len(facts)])]


def steps_of(episode):
    """Pushes and reads in a drawn order, each table's batches in theirs; reads at rising moments."""
    rng = np.random.default_rng(episode.seed)
    steps = [
        (rng.random(), "push", name, n, part)
        for name, facts in episode.facts.items()
        for n, part in enumerate(rows_of(facts, rng))
    ]
    queues = {name: sorted((s for s in steps if s[2] == name), key=lambda s: s[3]) for name in episode.facts}
    order = [name for name, queue in queues.items() for _ in queue] + ["read"] * 4
    rng.shuffle(order)
    moments = iter(np.sort(rng.choice(episode.as_of, 4)).tolist())
    return [("read", next(moments)) if kind == "read" else ("push", kind, queues[kind].pop(0)[4]) for kind in order]


def do(stream, episode, step):
    """One step; what it answers."""
    if step[0] == "push":
        stream.push(step[1], step[2])
        return None
    asked = episode.requests.select(stream.plan.request_columns)
    return stream.read_many(asked, np.full(len(asked), step[1], dtype=np.int64))


def assert_same(got, expected):
    for name in expected:
        a, b = got[name], expected[name]
        assert a.kind == b.kind
        assert same_values(a, b).all(), name
        if a.kind == "number":
            assert a.values.tobytes() == b.values.tobytes(), name


@pytest.mark.parametrize("table", [KEYED, PLAIN], ids=lambda table: table.name)
def test_a_restart_anywhere_answers_as_an_unbroken_run(table, tmp_path_factory):
    plan = FeaturePlan.compile(features_of(table))

    @settings(max_examples=25)
    @given(
        episodes([table, ROLES], POOLS, asked=tuple(POOLS)),
        st.sampled_from(["revise", "aside"]),
        st.data(),
    )
    def holds(episode, late, data):
        steps = steps_of(episode)
        cut = data.draw(st.integers(0, len(steps)))
        whole, folder = FeatureStream(plan, late=late), tmp_path_factory.mktemp("stream")
        with FeatureStream(plan, late=late, folder=folder) as broken:
            for step in steps[:cut]:
                do(whole, episode, step)
                do(broken, episode, step)
            broken.snapshot()
        with FeatureStream(plan, late=late, folder=folder) as restored:
            assert restored.restored == 1
            assert not restored.notices
            for step in steps[:cut]:  # pushed again: nothing changes
                if step[0] == "push" and len(step[2]):
                    assert restored.push(step[1], step[2]).again == len(step[2])
            for step in steps[cut:]:
                expected, got = do(whole, episode, step), do(restored, episode, step)
                if expected is not None:
                    assert_same(got, expected)
            asked = episode.requests.select(plan.request_columns)
            last = np.full(len(asked), max(whole.now_us, int(episode.as_of.max())) + 7_200_000_000, dtype=np.int64)
            assert_same(restored.read_many(asked, last), whole.read_many(asked, last))
            assert restored.watermarks == whole.watermarks
            for name in (table.name, "roles"):
                a, b = restored.aside(name), whole.aside(name)
                assert (a is None) == (b is None)
                if a is not None and b is not None:
                    assert a.facts.seq.tolist() == b.facts.seq.tolist()
                    assert a.facts.frame.rows() == b.facts.frame.rows()
                    assert a.read_us.tolist() == b.read_us.tolist()

    holds()


def test_an_index_is_the_same_after_a_restart():
    """Also where the values of a key column come in several kinds, and new keys come afterwards."""
    plan = FeaturePlan.compile([f.latest(PLAIN, "x", by=["lane", "who"])])
    stream = FeatureStream(plan)
    index = stream.online.groups[0].pool.index
    batches = [([5, None, 7], ["a", "b", "c"]), ([5.0, 5.5, -2.5], ["a", "a", "ü"]), (["5", "x", "5"], ["a", "b", "a"])]
    more = ([5.5, 7.0, 8.0], ["a", "c", "d"])

    def ids(index, batch):
        return index.of([Column.of(part) for part in batch], 3).tolist()

    before = [ids(index, batch) for batch in batches]
    again = load_online(plan, dump_online(stream.online)).groups[0].pool.index
    assert isinstance(again, Index)
    assert again.keys == index.keys
    assert [ids(again, batch) for batch in batches] == before == [[0, -1, 1], [0, 2, 3], [4, 5, 4]]
    assert ids(again, more) == ids(index, more) == [2, 1, 6]
    assert again.find((8.0, "d")) == 6


# ---- folders ----------------------------------------------------------------------------------------------

PLAN = FeaturePlan.compile([f.window(PLAIN, "x", ["sum", "count"], over="9h", by="who")])
HOUR = 3_600_000_000


def some_facts(first, count):
    n = np.arange(first, first + count)
    rows = [{"at": int(i) * HOUR, "seen": int(i) * HOUR, "who": "ab"[i % 2], "x": float(i) / 10} for i in n]
    return Facts.of(PLAIN, [{**dict.fromkeys(COLUMNS), **row} for row in rows], seq_from=first)


def filled(folder, snapshots=2):
    """A folder with snapshots after 10 facts, 20 facts, and so on."""
    with FeatureStream(PLAN, folder=folder) as stream:
        for n in range(snapshots):
            stream.follow("pings", some_facts(10 * n, 10))
            assert stream.snapshot() == n + 1


def test_the_newest_two_are_kept(tmp_path):
    filled(tmp_path, 4)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "snapshot-000000000003",
        "snapshot-000000000004",
        "stream.lock",
    ]
    with FeatureStream(PLAN, folder=tmp_path) as stream:
        assert (stream.restored, stream.watermarks, stream.counts["pings"].on_time) == (4, {"pings": 39}, 40)
        assert stream.now_us == 39 * HOUR + 1


@pytest.mark.parametrize("harm", ["cut", "flipped", "missing", "manifest", "no manifest", "another format", "renamed"])
def test_a_harmed_snapshot_is_passed_over_and_said(tmp_path, harm):
    filled(tmp_path)
    newest = tmp_path / "snapshot-000000000002"
    data, manifest = newest / "group-0.bin", newest / "manifest.json"
    if harm == "cut":
        data.write_bytes(data.read_bytes()[:-8])
    elif harm == "flipped":
        torn = bytearray(data.read_bytes())
        torn[len(torn) // 2] ^= 1
        data.write_bytes(torn)
    elif harm == "missing":
        data.unlink()
    elif harm == "manifest":
        manifest.write_text(manifest.read_text().replace('"pings": 19', '"pings": 18'))
    elif harm == "no manifest":
        manifest.unlink()
    elif harm == "another format":
        manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "format": 0}))
    else:
        newest.rename(tmp_path / "snapshot-000000000007")
    with FeatureStream(PLAN, folder=tmp_path) as stream:
        assert (stream.restored, stream.watermarks) == (1, {"pings": 9})
        assert len(stream.notices) == 1
        assert "passed over" in stream.notices[0]
        again = stream.follow("pings", some_facts(0, 20))
        assert (again.counts.again, again.rows.tolist()) == (10, list(range(10, 20)))
        assert stream.snapshot() == (8 if harm == "renamed" else 3)
    whole = FeatureStream(PLAN)
    expected = whole.follow("pings", some_facts(0, 20))
    for name in PLAN.names:
        assert again.features[name].values.tolist() == expected.features[name].values[10:].tolist()


def test_with_no_whole_snapshot_the_stream_begins_empty_and_says_so(tmp_path):
    filled(tmp_path, 1)
    (tmp_path / "snapshot-000000000001" / "manifest.json").write_text("{")
    with FeatureStream(PLAN, folder=tmp_path) as stream:
        assert (stream.restored, stream.watermarks, len(stream.notices)) == (None, {}, 2)
        assert "push all facts again" in stream.notices[-1]


def test_another_layout_of_folds_is_passed_over(tmp_path, monkeypatch):
    filled(tmp_path, 1)
    monkeypatch.setattr("hindcast.features.stream.layout_of", lambda plan: "another")
    with FeatureStream(PLAN, folder=tmp_path) as stream:
        assert stream.restored is None
        assert "keeps folds otherwise" in stream.notices[0]


def test_a_snapshot_of_other_features_is_refused(tmp_path):
    filled(tmp_path)
    other = FeaturePlan.compile([f.window(PLAIN, "x", ["sum", "count"], over="8h", by="who")])
    with pytest.raises(StateError, match=f"{PLAN.identity[:12]}.*{other.identity[:12]}.*folder of their own"):
        FeatureStream(other, folder=tmp_path)
    with FeatureStream(PLAN, folder=tmp_path) as stream:  # the lock was let go
        assert stream.restored == 2


def test_a_folder_has_one_owner(tmp_path):
    with FeatureStream(PLAN, folder=tmp_path), pytest.raises(StateError, match="held by"):
        FeatureStream(PLAN, folder=tmp_path)


def test_a_stream_without_a_folder_has_no_snapshots():
    with pytest.raises(ConfigError, match="folder="):
        FeatureStream(PLAN).snapshot()


def test_a_snapshot_that_cannot_be_written_leaves_the_ones_before(tmp_path, monkeypatch):
    filled(tmp_path)

    def full(path, parts):
        raise OSError(28, "No space left on device")

    with FeatureStream(PLAN, folder=tmp_path) as stream:
        stream.follow("pings", some_facts(20, 10))
        with monkeypatch.context() as patch:
            patch.setattr("hindcast.features.snapshot._write", full)
            with pytest.raises(StateError, match=r"No space left.*unharmed"):
                stream.snapshot()
        assert Snapshots.numbers(stream._snapshots) == [1, 2]
        assert stream.snapshot() == 3
    with FeatureStream(PLAN, folder=tmp_path) as stream:
        assert stream.watermarks == {"pings": 29}
