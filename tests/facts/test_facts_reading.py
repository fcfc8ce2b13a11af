from __future__ import annotations

import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hindcast.errors import DataError
from hindcast.facts import files
from hindcast.facts.reading import openings


def read(path):
    [(name, opening)] = openings(files(path))
    assert name == str(path)
    return opening()


def test_csv_rows_keep_their_numbers_and_ragged_ones_are_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('\ufeffid,x\n1,2\n3\n\n4,5,6\n"7\n7",NA\n8,"NA"\n', encoding="utf-8")
    rows = read(path)
    assert rows.table.to_pylist() == [
        {"id": "1", "x": "2"},
        {"id": "7\n7", "x": None},
        {"id": "8", "x": "NA"},
    ], "a quoted NA is a text"
    assert rows.numbers.tolist() == [1, 4, 5]
    assert [(r.row, r.value) for r in rows.refusals] == [(2, "3"), (3, "4,5,6")]
    assert "1 cells where the header has 2" in rows.refusals[0].reason
    assert not rows.typed


def test_other_delimiters_and_compression_are_understood(tmp_path):
    (tmp_path / "a.csv").write_text("id;x\n1;2,5\n")
    assert read(tmp_path / "a.csv").table.to_pylist() == [{"id": "1", "x": "2,5"}]
    with gzip.open(tmp_path / "b.csv.gz", "wt") as file:
        file.write("id\tx\n1\t2\n")
    assert read(tmp_path / "b.csv.gz").table.to_pylist() == [{"id": "1", "x": "2"}]
    (tmp_path / "c.csv").write_text("id,x\n")
    assert read(tmp_path / "c.csv").table.num_rows == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"id,x,id\n1,2,3\n", "names 'id' more than once"),
        (b"id,,x\n1,2,3\n", "column 2 has no name"),
        (b"", "no header"),
        (b"id,x\n1,\xff\xfe\n", "CSV"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, content, message):
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read(path)
    assert caught.value.file == str(path)


def test_parquet_rows_are_numbered_too(tmp_path):
    pq.write_table(pa.table({"a": [1, 2]}), tmp_path / "a.parquet")
    rows = read(tmp_path / "a.parquet")
    assert rows.typed
    assert rows.numbers.tolist() == [1, 2]
    (tmp_path / "b.parquet").write_bytes(b"PAR1 not at all")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read(tmp_path / "b.parquet")
