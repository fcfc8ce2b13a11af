"""A reservoir that was stopped and restored is the one that never stopped; torn and foreign bytes are refused."""

import datetime
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.columns import Column, Frame
from hindcast.errors import DataError
from hindcast.sampling import Reservoir, StrataReservoir

MAKES = {
    "array": np.asarray,
    "objects": lambda x: np.array([{"id": int(i)} for i in x] + [None], dtype=object)[:-1],
    "list": lambda x: [int(i) for i in x],
    "mappings": lambda x: [{"id": int(i), "told": (float(i) / 3, "é", b"\x00", None, np.float32(i))} for i in x],
    "Frame": lambda x: Frame.of({"id": x, "text": [f"é{i}" for i in x]}),
    "Column": lambda x: Column.of(np.asarray(x)),
    "table": lambda x: pa.table({"id": x, "when": pa.array(np.asarray(x), pa.timestamp("us"))}),
    "batch": lambda x: pa.record_batch({"id": x}),
    "arrow": lambda x: pa.array(np.asarray(x, dtype=float)),
}


def plain(rows):
    """Rows as lists, to be compared."""
    if isinstance(rows, Frame):
        return [rows[name].objects().tolist() for name in rows.names]
    if isinstance(rows, Column):
        return rows.objects().tolist()
    return rows.to_pylist() if hasattr(rows, "to_pylist") else list(rows)


def same(one, other):
    first, second = one.sample(), other.sample()
    assert plain(one.rows()) == plain(other.rows())
    np.testing.assert_array_equal(first.places, second.places)
    np.testing.assert_array_equal(first.pi, second.pi)
    assert first.describe() == second.describe()
    assert (one.seen, one.shards, one.snapshot()) == (other.seen, other.shards, other.snapshot())


@given(
    st.lists(st.integers(0, 700), min_size=1, max_size=5),
    st.integers(1, 40),
    st.sampled_from(["uniform", "weighted", "strata", "weighted strata"]),
    st.sampled_from(sorted(MAKES)),
    st.booleans(),
)
def test_stopped_anywhere_is_never_stopped(cuts, k, kind, make, merged):
    def started(shard=0):
        design = StrataReservoir if "strata" in kind else Reservoir
        return design(k, weighted="weighted" in kind, seed=5, shard=shard)

    def feed(kept, start, stop):
        places = np.arange(start, stop)
        more = [[("a", None, 2.5, ("b", 1))[i * i % 4] for i in places]] if "strata" in kind else []
        if "weighted" in kind:
            more.append(1.0 + np.sin(places) ** 2)
        kept.extend(MAKES[make](places), *more)

    never, stopped = started(), started()
    start = 0
    for size in cuts:
        for kept in (never, stopped):
            feed(kept, start, start + size)
        stopped = type(stopped).restore(stopped.snapshot())
        if merged:
            other = started(shard=start + 1)
            feed(other, 0, 90)
            never, stopped = never.merge(other), stopped.merge(type(other).restore(other.snapshot()))
        start += size
    same(never, stopped)


@pytest.fixture(scope="module")
def data():
    kept = Reservoir(20, seed=1)
    kept.extend([{"id": i, "text": "x" * i} for i in range(300)])
    return kept.snapshot()


@given(st.data())
def test_torn_or_altered_bytes_are_refused(data, draw):
    cut = draw.draw(st.integers(0, len(data) - 1))
    bit = 1 << draw.draw(st.integers(0, 7))
    altered = bytearray(data)
    altered[cut] ^= bit
    for torn in (data[:cut], bytes(altered), data + b"\n"):
        with pytest.raises(DataError, match="snapshot"):
            Reservoir.restore(torn)


@pytest.mark.parametrize(
    ("foreign", "says"),
    [
        (b"", "are no snapshot of a reservoir"),
        (b"PAR1" * 40, "are no snapshot of a reservoir"),
        (b'{"k": 3}\n', "are no snapshot of a reservoir"),
        ("text", "a snapshot is bytes, got str"),
        (None, "a snapshot is bytes, got NoneType"),
        (StrataReservoir(2).snapshot(), "of a reservoir per stratum, not of a reservoir"),
    ],
)
def test_foreign_bytes_are_refused(foreign, says):
    with pytest.raises(DataError, match=says):
        Reservoir.restore(foreign)


def test_a_later_version_says_so(data, monkeypatch):
    monkeypatch.setattr("hindcast.sampling.snapshot._VERSION", 2)
    with pytest.raises(DataError, match="has version 1, and this hindcast reads version 2"):
        Reservoir.restore(data)


def test_it_is_plain(data):
    line, _, body = data.partition(b"\n")
    header = json.loads(line.partition(b" ")[2])
    assert header["hindcast"] == "reservoir"
    assert [name for name, *_ in header["parts"]][-1] == "rows"
    rows = json.loads(body[-header["parts"][-1][2] :])
    assert rows == Reservoir.restore(data).rows()


@pytest.mark.parametrize("rows", [[{1, 2}], [{"when": datetime.date(2026, 1, 1)}], pd.DataFrame({"x": [1]})])
def test_rows_that_cannot_be_written_are_told(rows):
    kept = Reservoir(3)
    kept.extend(rows)
    with pytest.raises(DataError, match="cannot be written plainly"):
        kept.snapshot()
