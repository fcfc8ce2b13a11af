from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

from hindcast.columns import Column, Frame
from hindcast.facts.datafile import DELTA_TYPES, KINDS, OWN_TYPES, delta_schema, read_digests, read_file, write_file
from hindcast.facts.digests import row_digests

FRAME = Frame.of({"x": [1, None, 3], "word": ["a", None, "é"], "_seq": [4, 5, 6]})


@pytest.fixture
def path(tmp_path):
    write_file(tmp_path / "part.parquet", dict(FRAME), row_digests(FRAME))
    return tmp_path / "part.parquet"


def test_a_file_is_read_as_the_kinds_asked_for(path):
    found = read_file(path, {"word": "text", "x": "number", "later": "text"})
    assert found.names == ["word", "x", "later"]
    assert found.kinds == {"word": "text", "x": "number", "later": "text"}
    assert found["x"].objects().tolist() == [1.0, None, 3.0]
    assert found["word"].objects().tolist() == ["a", None, "é"]
    assert found["later"].objects().tolist() == [None, None, None]
    assert len(read_file(path, {})) == 3


def test_digests_come_with_their_sequence(path):
    lanes, seq = read_digests(path)
    assert np.array_equal(lanes, row_digests(FRAME))
    assert seq.tolist() == [4, 5, 6]


def test_the_file_holds_plain_types_that_other_readers_know(path):
    schema = pq.read_schema(path)
    assert [str(schema.field(name).type) for name in ("x", "word", "_digest")] == ["int64", "string", "binary"]
    assert schema.metadata is None, "no hints that only pyarrow understands"


def test_every_kind_has_a_delta_type_of_its_own():
    assert {KINDS[stored] for stored in DELTA_TYPES.values()} == set(DELTA_TYPES)
    for kind in DELTA_TYPES:
        assert Column.empty(kind, 0).kind == kind
    assert [field.name for field in delta_schema({"x": "number"}).fields] == ["x", *OWN_TYPES]
