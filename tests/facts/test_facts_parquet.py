"""A Parquet file read column by column is the file read at once."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.columns import Frame
from hindcast.errors import UnknownName
from hindcast.facts.parquet import read_parquet

rows = st.lists(
    st.tuples(
        st.one_of(st.none(), st.floats(allow_nan=False)),
        st.one_of(st.none(), st.integers(-(2**62), 2**62)),
        st.one_of(st.none(), st.booleans()),
        st.one_of(st.none(), st.sampled_from(["a", "b", "ü"])),
        st.one_of(st.none(), st.integers(0, 10**15)),
        st.integers(-5, 5),
    ),
    max_size=12,
)


@given(rows, st.integers(1, 5))
def test_row_groups_and_nulls_make_no_difference(tmp_path_factory, drawn, size):
    names = ["number", "integer", "boolean", "text", "time", "full"]
    kinds = [pa.float64(), pa.int64(), pa.bool_(), pa.string(), pa.timestamp("us", "UTC"), pa.int32()]
    columns = [pa.array([row[at] for row in drawn], type=kind) for at, kind in enumerate(kinds)]
    table = pa.table(columns, names=names)
    path = tmp_path_factory.mktemp("parquet") / "facts.parquet"
    pq.write_table(table, path, row_group_size=size)
    found, whole = read_parquet(path), Frame.from_arrow(table)
    assert found.rows() == whole.rows()
    assert found.kinds == whole.kinds
    assert read_parquet(path, ["text", "full"], threads=1).rows() == whole.select(["text", "full"]).rows()


def test_a_column_that_is_not_there_is_named(tmp_path):
    pq.write_table(pa.table({"amount": np.ones(3)}), tmp_path / "facts.parquet")
    with pytest.raises(UnknownName, match="amount"):
        read_parquet(tmp_path / "facts.parquet", ["amuont"])
