from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from hindcast.columns import Frame
from hindcast.errors import ConfigError, DataError
from hindcast.facts import files, frame
from hindcast.facts.source import to_arrow


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
