"""Rows on disk come back by part, in order; scratch folders of the dead are removed, of the living left alone."""

import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hindcast.bulk.budget import Load
from hindcast.bulk.spill import Scratch, Spill, key_hashes, parts_of, to_arrow, to_frame
from hindcast.columns import Column
from hindcast.errors import StateError

SCHEMA = pa.schema({"x": pa.int64(), "word": pa.string()})
rows = st.lists(st.tuples(st.integers(0, 5), st.integers(-9, 9), st.sampled_from(["a", "", "ü", None])), max_size=12)


@given(st.lists(rows, max_size=4))
@settings(max_examples=50, deadline=None)
def test_each_part_holds_its_rows_in_the_order_they_came(chunks):
    wanted: dict[int, list] = {}
    with Scratch() as scratch:
        spill = scratch.spill("rows", SCHEMA)
        for chunk in chunks:
            for part, x, word in chunk:
                wanted.setdefault(part, []).append({"x": x, "word": word})
            table = pa.table({"x": [r[1] for r in chunk], "word": [r[2] for r in chunk]}, schema=SCHEMA)
            spill.add(table, np.array([r[0] for r in chunk], dtype=np.int64))
        assert spill.parts == sorted(wanted)
        assert spill.total.rows == sum(map(len, chunks))
        for part, expected in wanted.items():
            assert spill.read([part]).to_pylist() == expected
            assert spill.load(part).rows == len(expected)
            assert [row for batch in spill.batches(part) for row in batch.to_pylist()] == expected
            assert spill.read([part], ["word"]).to_pylist() == [{"word": row["word"]} for row in expected]
        assert spill.read([7]).num_rows == 0
        assert spill.load(7) == Load()


def test_columns_come_back_as_they_went(tmp_path):
    columns = {
        "number": Column.of([1.5, None, float("inf")]),
        "integer": Column.of_kind([1, None, -(2**60)], "integer"),
        "time": Column.of_kind([10**15, None, 0], "time"),
        "boolean": Column.of([True, None, False]),
        "text": Column.of(["ä", None, ""]),
        "texts": Column.of_kind([("a", "b"), None, ()], "list"),
    }
    with Scratch(tmp_path) as scratch:
        table = to_arrow(columns)
        spill = scratch.spill("columns", table.schema)
        spill.add(table, np.zeros(3, dtype=np.int64))
        frame = to_frame(spill.read([0]))
    assert frame.kinds == {name: column.kind for name, column in columns.items()}
    for name, column in columns.items():
        assert frame[name].objects().tolist() == column.objects().tolist()


def test_equal_keys_meet_whatever_they_are_stored_as():
    kinds = [Column.of([0, 1, 7]), Column.of([-0.0, 1.0, 7.0])]
    texts = [
        Column.of(["a", "b", "a"]),
        Column("text", np.array([1, 0, 1], np.int32), None, np.array(["b", "a"], object)),
    ]
    for left, right in (kinds, texts):
        assert (key_hashes([left])[0] == key_hashes([right])[0]).all()
    hashes, present = key_hashes([Column.of(["a", None]), Column.of([1, 2])])
    assert present.tolist() == [True, False]
    assert len(set(key_hashes([Column.of(["a", "b"]), Column.of(["b", "a"])])[0].tolist())) == 2
    assert hashes[0] == key_hashes([Column.of(["a"]), Column.of([1.0])])[0][0]


def test_hashes_are_the_same_in_every_process():
    code = (
        "from hindcast.columns import Column; from hindcast.bulk.spill import key_hashes;"
        "print(key_hashes([Column.of(['JFK', 'ü']), Column.of([1, 2])])[0].tolist())"
    )
    env = {**os.environ, "PYTHONHASHSEED": "7"}
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert there.stdout.strip() == str(key_hashes([Column.of(["JFK", "ü"]), Column.of([1, 2])])[0].tolist())


def test_another_depth_divides_what_one_part_holds():
    hashes, _ = key_hashes([Column.of(np.arange(20_000))])
    first = parts_of(hashes, 8)
    assert np.bincount(first, minlength=8).min() > 2_000
    deeper = parts_of(hashes[first == 3], 8, depth=1)
    assert np.bincount(deeper, minlength=8).min() > 200


def test_a_full_disk_is_said_kindly(tmp_path):
    (tmp_path / "full.arrow").symlink_to("/dev/full")
    rows = pa.table({"x": range(9_000), "word": ["w"] * 9_000}, schema=SCHEMA)

    def fill() -> None:
        spill = Spill(tmp_path / "full.arrow", SCHEMA)
        for _ in range(100):
            spill.add(rows, np.zeros(9_000, dtype=np.int64))

    with pytest.raises(StateError, match=r"is full .*scratch="):
        fill()


def test_a_scratch_folder_goes_with_its_owner(tmp_path):
    def interrupted() -> None:
        with Scratch(tmp_path) as scratch:
            scratch.spill("rows", SCHEMA)
            assert len(list(tmp_path.iterdir())) == 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not list(tmp_path.iterdir())


def test_a_dead_owners_folder_is_removed_and_a_living_ones_is_not(tmp_path):
    code = (
        "import os, sys; from hindcast.bulk.spill import Scratch; import pyarrow as pa;"
        "s = Scratch(sys.argv[1]).__enter__(); s.spill('rows', pa.schema({'x': pa.int64()})); os.kill(os.getpid(), 9)"
    )
    dead = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert dead.returncode == -9
    assert len(list(tmp_path.iterdir())) == 1
    with Scratch(tmp_path) as living:
        assert list(tmp_path.iterdir()) == [living.folder]
        with Scratch(tmp_path) as other:
            assert sorted(tmp_path.iterdir()) == sorted([living.folder, other.folder])
