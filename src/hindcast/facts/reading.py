"""Files and data frames as rows that still say where they came from."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from hindcast.errors import DataError
from hindcast.facts.source import Data, Files, Source, to_arrow
from hindcast.facts.table import Refusal
from hindcast.values import Ints

__all__ = ["NULL_TEXTS", "Rows", "openings"]

NULL_TEXTS = ("", "NA", "N/A", "#N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "NaT", "\\N")
"""What an unquoted cell of a CSV file may hold to say that there is no value."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows of one file or data frame.

    Parameters
    ----------
    name : str
        The file as given, or ``"data frame"``.
    table : pyarrow.Table
        The rows that have as many cells as the header.
    numbers : int64 array, shape (table.num_rows,)
        Each row's number in the file, from 1; the header and blank lines do not count.
    refusals : list of Refusal
        The rows that have more or fewer cells; their value is the text of the row.
    typed : bool
        Whether the columns have types (Parquet, a data frame); in a CSV file all are texts.
    """

    name: str
    table: Any
    numbers: Ints
    refusals: list[Refusal]
    typed: bool


def openings(source: Source, base: Path | None = None) -> Iterator[tuple[str, Callable[[], Rows]]]:
    """The parts of a source, each with its name and a function that reads it when it is needed."""
    if not isinstance(source, Files):
        yield "data frame", partial(_read_data, source)
        return
    for path in source.expand(base):
        name = path.relative_to(base).as_posix() if base is not None and path.is_relative_to(base) else path.as_posix()
        if path.name.endswith((".csv", ".csv.gz")):
            yield name, partial(_read_csv, path, name)
        else:
            yield name, partial(_read_parquet, path, name)


def _read_data(source: Data) -> Rows:
    return _typed("data frame", to_arrow(source))


def _typed(name: str, table: Any) -> Rows:
    _check_header(table.schema.names, name)
    return Rows(name, table, np.arange(1, table.num_rows + 1, dtype=np.int64), [], True)


def _read_parquet(path: Path, name: str) -> Rows:
    try:
        file = pq.ParquetFile(path)
        _check_header(file.schema_arrow.names, name)
        return _typed(name, file.read())
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"cannot be read as Parquet: {error}", file=name) from None


def _read_csv(path: Path, name: str) -> Rows:
    header, delimiter = _header(path, name)
    _check_header(header, name)
    ragged: list[Refusal] = []

    def refuse(row: Any) -> str:
        reason = f"has {row.actual_columns} cells where the header has {row.expected_columns}"
        ragged.append(Refusal(int(row.number) - 1, None, row.text, reason))
        return "skip"

    try:
        table = pa_csv.read_csv(
            path,
            read_options=pa_csv.ReadOptions(use_threads=False),
            parse_options=pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=refuse),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()),
                null_values=list(NULL_TEXTS),
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"cannot be read as CSV: {error}", file=name) from None
    numbers = np.arange(1, table.num_rows + len(ragged) + 1, dtype=np.int64)
    numbers = np.delete(numbers, np.array([refusal.row - 1 for refusal in ragged], dtype=np.int64))
    return Rows(name, table, numbers, ragged, False)


def _header(path: Path, name: str) -> tuple[list[str], str]:
    """The names in the first row of a CSV file, and what separates its cells."""
    opener: Any = gzip.open if path.name.endswith(".gz") else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
            line = file.readline()
            file.seek(0)
            delimiter = max(",;\t|", key=line.count)
            return next(csv.reader(file, delimiter=delimiter), []), delimiter
    except (UnicodeDecodeError, OSError, csv.Error) as error:
        raise DataError(f"cannot be read as CSV in UTF-8: {error}", file=name) from None


def _check_header(names: list[str], file: str) -> None:
    if not names:
        raise DataError("there is no header: the first row must name the columns.", file=file)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            f"the header names {', '.join(map(repr, twice))} more than once; rename one of them.", file=file
        )
    if "" in names:
        raise DataError(f"column {names.index('') + 1} has no name in the header; give it one.", file=file)
