from __future__ import annotations

import gzip

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hindcast.columns import Frame
from hindcast.errors import ConfigError, DataError
from hindcast.facts import files, frame
from hindcast.facts.reading import openings
from hindcast.facts.source import to_arrow


def read(path):
    [(name, opening)] = openings(files(path))
    assert name == str(path)
    return opening()


def test_files_are_found_by_path_folder_and_pattern(tmp_path):
    for name in ("b.csv", "a.parquet", "sub/c.csv.gz", ".hidden.csv", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    found = [p.relative_to(tmp_path).as_posix() for p in files(".").expand(tmp_path)]
    assert found == ["a.parquet", "b.csv", "sub/c.csv.gz"]
    assert [p.name for p in files("*.csv", "b.csv", "a.parquet").expand(tmp_path)] == ["b.csv", "a.parquet"]
    with pytest.raises(ConfigError, match=r"no file at 'z\*.csv'"):
        files("z*.csv").expand(tmp_path)
    with pytest.raises(ConfigError, match="expected one of"):
        files("notes.txt").expand(tmp_path)
    with pytest.raises(ConfigError, match="at least one"):
        files()
    with pytest.raises(ConfigError, match="types"):
        files("a.csv", types={"x": "float"})


def test_a_description_has_paths_as_given_and_no_contents():
    assert files("a.csv", zone="UTC").describe() == {"files": ["a.csv"], "zone": "UTC", "types": {}}
    assert frame({"secret": [42]}).describe() == {"frame": "dict", "zone": None, "types": {}}


def test_any_data_frame_is_a_source():
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    data = {"a": [1, 2], "b": ["x", None]}
    for made in (
        data,
        Frame.of(data),
        pa.table(data),
        pa.RecordBatch.from_pydict(data),
        pandas.DataFrame(data),
        polars.DataFrame(data),
        polars.LazyFrame(data),
    ):
        table = to_arrow(frame(made))
        assert table["a"].to_pylist() == [1, 2]
        assert table["b"].to_pylist() == ["x", None]
    assert to_arrow(frame({"t": np.array(["2013-07-01"], "datetime64[ns]")})).schema.field("t").type.tz is None
    with pytest.raises(ConfigError, match="data frame"):
        to_arrow(frame(42))
    with pytest.raises(ConfigError, match="Series"):
        to_arrow(frame(polars.Series([1])))
    with pytest.raises(DataError, match="column 'x'"):
        to_arrow(frame({"x": [1, "a"]}))


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
