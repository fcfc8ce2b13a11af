from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hindcast.columns import Column, Frame
from hindcast.errors import ConfigError, DataError, StateError
from hindcast.facts import Facts, Table, before
from hindcast.trainset import Binary, Spine, TrainingSet, make_spine, outcome, trainset
from hindcast.values import HOUR_US

ASKS = Table("asks", key="id", event_time="due", known="always")
ANSWERS = Table("answers", key="id", event_time="at", known="event")
TARGET = Binary(
    ASKS, as_of=before("due", "0s"), label=outcome(ANSWERS, "delay >= 15", on="id"), maturity="4h", name="late"
)
PRINTS = {"asks": "a1", "answers": "b2"}


def history(delays: list[float | None], hours: list[int], shuffle: int | None = None) -> dict[str, Facts]:
    """A request every hour; `delays` become known after `hours`; delivered in another order if asked to."""
    size = len(delays)
    due = np.arange(size, dtype=np.int64) * HOUR_US
    ids = [f"k{i}" for i in range(size)]
    order = np.arange(size) if shuffle is None else np.random.default_rng(shuffle).permutation(size)
    names = Column.of_kind([ids[i] for i in order], "text")
    origin = Column.of_kind([None if i % 7 == 3 else "JFK"[i % 3 :] for i in order], "text")
    known = due + np.array(hours, dtype=np.int64) * HOUR_US
    none = np.zeros(size, dtype=np.bool_)
    past = np.full(size, -1, dtype=np.int64)
    asked = Frame({"id": names, "due": Column("time", due[order]), "origin": origin})
    told = Frame({"id": names, "delay": Column.of_kind([delays[i] for i in order], "number")})
    return {
        "asks": Facts(due[order], past, order, none, asked),
        "answers": Facts(known[order], known[order], order, none, told),
    }


def features_of(spine: Spine) -> Frame:
    count = np.where(np.arange(len(spine)) % 5 == 0, np.nan, spine.as_of / HOUR_US)
    return Frame({"count": Column("number", count), "origin": spine.frame["origin"]})


def built(facts: dict[str, Facts], hour: int, **more) -> TrainingSet:
    spine = make_spine(TARGET, facts)
    given = {"now_us": hour * HOUR_US, "fingerprints": PRINTS, "identity": "f1", **more}
    return TrainingSet.build(TARGET, spine, features_of(spine), **given)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


rows = st.lists(st.tuples(st.sampled_from([0.0, 20.0, None]), st.integers(1, 8)), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(rows, st.integers(0, 20), st.data())
def test_outcomes_known_after_the_as_of_change_nothing(rows, hour, data):
    delays, hours = map(list, zip(*rows, strict=True))
    told = [d if i + h < hour else data.draw(st.sampled_from([0.0, 20.0, None])) for i, (d, h) in enumerate(rows)]
    then, other = (built(history(ds, hours), hour) for ds in (delays, told))
    assert then.name == other.name
    assert then.label.tolist() == other.label.tolist()
    assert then.as_of.tolist() == other.as_of.tolist()
    assert then.manifest == other.manifest
    np.testing.assert_array_equal(then.last_label, other.last_label)


@settings(max_examples=60, deadline=None)
@given(rows, st.integers(0, 20))
def test_maturity_and_not_mere_knownness_admits(rows, hour):
    delays, hours = map(list, zip(*rows, strict=True))
    made = built(history(delays, hours), hour)
    expected = [i for i, (d, h) in enumerate(rows) if d is not None and i + h < hour and i + 4 <= hour]
    assert (made.as_of // HOUR_US).tolist() == expected
    assert made.label.tolist() == [float(delays[i] >= 15) for i in expected]
    counts = made.counts
    assert counts["used"] == len(expected)
    assert counts["requests"] == sum(i <= hour for i in range(len(rows)))
    parts = ("immature", "used", "unlabelled", "hidden", "censored")
    assert counts["requests"] == sum(counts[name] for name in parts)


def test_it_is_the_same_bytes_however_facts_are_delivered_and_blocks_are_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(trainset, "GROUP_ROWS", 16)
    rng = np.random.default_rng(5)
    delays = rng.choice([0.0, 20.0, np.nan], 100).tolist()
    hours = rng.integers(1, 9, 100).tolist()
    first = built(history(delays, hours), 90)
    first.save(tmp_path / "first")
    built(history(delays, hours, shuffle=3), 90).save(tmp_path / "permuted")
    spine = make_spine(TARGET, history(delays, hours, shuffle=4), until_us=90 * HOUR_US)
    for size in (1, 7, 40, 200):
        blocks = (features_of(spine).take(slice(i, i + size)) for i in range(0, len(spine), size))
        TrainingSet.stream(
            tmp_path / f"stream{size}", TARGET, spine, blocks, now_us=90 * HOUR_US, fingerprints=PRINTS, identity="f1"
        )
    expected = files(tmp_path / "first")
    assert len(first) > 48
    for folder in ("permuted", "stream1", "stream7", "stream40", "stream200"):
        assert files(tmp_path / folder) == expected, folder


def test_what_is_saved_is_what_is_loaded(tmp_path):
    made = built(history([20.0, 0.0, None, 20.0, 0.0, 20.0], [1, 2, 3, 1, 9, 1]), 9)
    loaded = TrainingSet.load(made.save(tmp_path / made.name))
    assert loaded.name == made.name
    assert loaded.manifest == made.manifest
    assert loaded.features.rows() == made.features.rows()
    assert loaded.key.objects().tolist() == made.key.objects().tolist() == ["k0", "k1", "k3", "k5"]
    for name in ("label", "as_of", "seq", "label_known", "last_label"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(made, name))
    np.testing.assert_array_equal(made.last_label, [np.nan, np.nan, 1.0, 1.0])
    assert (loaded.as_of_us, loaded.maturity_us) == (9 * HOUR_US, 4 * HOUR_US)


def test_no_rows_are_still_a_training_set(tmp_path):
    made = built(history([20.0, 0.0], [1, 1]), 3)
    assert len(made) == 0
    loaded = TrainingSet.load(made.save(tmp_path / "none"))
    assert len(loaded) == 0
    assert loaded.features.names == ["count", "origin"]
    assert loaded.counts["immature"] == 2


def test_whatever_makes_it_changes_its_name():
    facts = history([20.0, 0.0, 0.0, 20.0], [1, 1, 1, 1])
    names = [
        built(facts, 9).name,
        built(facts, 8).name,
        built(facts, 9, identity="f2").name,
        built(facts, 9, fingerprints={**PRINTS, "asks": "a2"}).name,
        built(facts, 9, since_us=HOUR_US).name,
    ]
    assert len(set(names)) == 5
    assert built(facts, 9, fingerprints=dict(reversed(PRINTS.items()))).name == names[0]


def test_rows_before_since_are_left_out_and_not_counted():
    made = built(history([20.0, 0.0, 0.0, 20.0], [1, 1, 1, 1]), 9, since_us=2 * HOUR_US)
    assert made.label.tolist() == [0.0, 1.0]
    assert made.last_label.tolist() == [1.0, 0.0]
    assert made.counts["requests"] == 2


def test_altered_or_foreign_folders_are_refused(tmp_path):
    made = built(history([20.0, 0.0], [1, 1]), 9)
    folder = made.save(tmp_path / "set")
    assert made.save(folder) == folder
    with pytest.raises(StateError, match="not overwritten"):
        built(history([20.0, 0.0], [1, 1]), 8).save(folder)
    with pytest.raises(DataError, match="no training set can be read"):
        TrainingSet.load(tmp_path / "nowhere")
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(DataError, match="has format 2"):
        TrainingSet.load(folder)
    manifest.write_text(manifest.read_text().replace('"format": 2', '"format": 1'))
    rows = folder / "rows.parquet"
    rows.write_bytes(rows.read_bytes()[:-1] + b"?")
    with pytest.raises(DataError, match="not those that were saved"):
        TrainingSet.load(folder)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["set"]


def test_features_must_answer_the_spine(tmp_path):
    facts = history([20.0, 0.0, 0.0], [1, 1, 1])
    spine = make_spine(TARGET, facts)
    given = {"now_us": 9 * HOUR_US, "fingerprints": PRINTS, "identity": "f1"}
    with pytest.raises(DataError, match="2 rows of features meet 3 requests"):
        TrainingSet.build(TARGET, spine, features_of(spine).take(slice(0, 2)), **given)
    with pytest.raises(ConfigError, match="keeps that name"):
        TrainingSet.build(TARGET, spine, Frame({"_label": Column.of([1.0] * 3)}), **given)
    for blocks, said in (([0, 1], "hold 1 rows for 3"), ([0, 2, 4], "hold more rows for 3")):
        parts = (features_of(spine).take(np.arange(a, b) % 3) for a, b in pairwise(blocks))
        with pytest.raises(DataError, match=said):
            TrainingSet.stream(tmp_path / "set", TARGET, spine, parts, **given)
    assert list(tmp_path.iterdir()) == []


def test_lists_are_kept_to_the_bit_however_the_blocks_are_cut(tmp_path, monkeypatch):
    """The first rows hold nothing that says whether the lists are of numbers or of texts."""
    monkeypatch.setattr(trainset, "GROUP_ROWS", 8)
    facts = history([20.0] * 40, [1] * 40)
    spine = make_spine(TARGET, facts, until_us=90 * HOUR_US)
    n = len(spine)
    words = [None if i % 5 == 4 else () if i < 12 else ("a", "ü")[: 1 + i % 2] for i in range(n)]
    numbers = [() if i < 20 else (0.1, -0.0, 1e300)[: i % 4] for i in range(n)]
    features = features_of(spine).having(
        words=Column.of_kind(words, "list"), numbers=Column.of_kind(numbers, "list"), none=Column.empty("list", n)
    )
    given = {"now_us": 90 * HOUR_US, "fingerprints": PRINTS, "identity": "f1"}
    made = TrainingSet.build(TARGET, spine, features, **given)
    loaded = TrainingSet.load(made.save(tmp_path / "whole"))
    assert loaded.features.kinds == features.kinds
    assert loaded.manifest == made.manifest
    for name in ("words", "numbers", "none"):
        assert repr(loaded.features[name].objects().tolist()) == repr(made.features[name].objects().tolist())
    blocks = (features.take(slice(i, i + 3)) for i in range(0, n, 3))
    TrainingSet.stream(tmp_path / "stream", TARGET, spine, blocks, **given)
    assert files(tmp_path / "stream") == files(tmp_path / "whole")
