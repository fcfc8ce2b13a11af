"""Files of batch prediction: requests in, answers out, as CSV or Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hindcast.errors import ConfigError, DataError

__all__ = ["read_requests", "write_answers"]


def read_requests(path: Path) -> Any:
    """A CSV or Parquet file as an Arrow table.

    Raises
    ------
    ConfigError
        When there is no such file.
    DataError
        When it cannot be read, naming it.
    """
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    if not path.is_file():
        raise ConfigError(f"no file at {str(path)!r}.")
    try:
        if path.suffix == ".csv":
            empty_is_null = pyarrow.csv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False)
            return pyarrow.csv.read_csv(path, convert_options=empty_is_null)
        with pyarrow.parquet.ParquetFile(path) as file:
            return file.read()
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"requests cannot be read: {error}", file=str(path)) from None


def write_answers(table: Any, path: Path) -> None:
    """A CSV or Parquet file, in place only when it is whole."""
    import pyarrow.csv
    import pyarrow.parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        if path.suffix == ".csv":
            pyarrow.csv.write_csv(table, partial)
        else:
            pyarrow.parquet.write_table(table, partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
