"""Files and data frames as rows that still say where they came from."""

from __future__ import annotations

import codecs
import csv
import gzip
import math
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.facts.documents import LONGEST, Walk, chunks, decode, too_deep
from hindcast.facts.fit import short
from hindcast.facts.paths import DocumentPath
from hindcast.facts.source import DOCUMENTS, Data, HandLabels, Source, to_arrow
from hindcast.facts.structs import arrow_leaves
from hindcast.facts.table import Refusal, Table
from hindcast.values import Ints, digest

__all__ = ["NULL_TEXTS", "Rows", "openings"]

_CHUNK_LINES, _CHUNK_BYTES = 4096, 1 << 22
_MOST_FIELDS = 1_000
_BLANKS = b" \t\r\n"

NULL_TEXTS = ("", "NA", "N/A", "#N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "NaT", "\\N")
"""What an unquoted cell of a CSV file may hold to say that there is no value."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows of one file or data frame.

    Parameters
    ----------
    name : str
        The file as given, or ``"data frame"``.
    table : pyarrow.Table or None
        The rows that have as many cells as the header; None when they are documents.
    numbers : int64 array, shape (n,)
        Each row's number in the file, from 1; the header and blank lines do not count.
    refusals : list of Refusal
        The rows that could not be read; their value is the text of the row.
    typed : bool
        Whether the columns have types (Parquet, a data frame); in a CSV file all are texts.
    leaves : mapping of DocumentPath to Leaf or pyarrow array
        What stands at the paths that were asked for; of documents, all that is to be had.
    names : list of str
        The columns; of documents, the fields they have.
    contents : callable
        Given places from 0, what the rows hold, in values that have one text.
    unknown : callable
        Given a path of documents, the error to raise when no document has it, else None.
    """

    name: str
    table: Any
    numbers: Ints
    refusals: list[Refusal]
    typed: bool
    leaves: Mapping[DocumentPath, Any]
    names: list[str]
    contents: Callable[[list[int]], list[Any]]
    unknown: Callable[[DocumentPath], UnknownName | None] = lambda path: None

    def __len__(self) -> int:
        return len(self.numbers)

    def at(self, path: DocumentPath) -> Any:
        """The column that stands at a path: a pyarrow array, or a Leaf."""
        if path in self.leaves:
            return self.leaves[path]
        return self.table[str(path.steps[0])]


Opening = Callable[..., Rows]
"""Reads a part of a source for the tables that want it: ``read(tables)``; without any, whatever is there."""


def openings(source: Source, base: Path | None = None) -> Iterator[tuple[str, Opening]]:
    """The parts of a source, each with its name and a function that reads it when it is needed."""
    if isinstance(source, HandLabels):
        raise ConfigError(
            f"the labelling project {source.folder!r} is read by a system that has a home: open_system(...).land()."
        )
    if isinstance(source, Data):
        yield source.name, partial(_read_rows if source.documents else _read_data, source)
        return
    for path in source.expand(base):
        name = path.relative_to(base).as_posix() if base is not None and path.is_relative_to(base) else path.as_posix()
        if path.name.endswith((".csv", ".csv.gz")):
            yield name, partial(_read_csv, path, name)
        elif path.name.endswith(DOCUMENTS):
            yield name, partial(_read_lines, path, name)
        else:
            yield name, partial(_read_parquet, path, name)


# ---- columns --------------------------------------------------------------------------------------------


def _read_data(source: Data, tables: Iterable[Table] = ()) -> Rows:
    return _typed(source.name, to_arrow(source), tables)


def _typed(name: str, table: Any, tables: Iterable[Table]) -> Rows:
    _check_header(table.schema.names, name)
    return _columnar(name, table, np.arange(1, table.num_rows + 1, dtype=np.int64), [], True, tables)


def _columnar(
    name: str, table: Any, numbers: Ints, refusals: list[Refusal], typed: bool, tables: Iterable[Table]
) -> Rows:
    leaves: dict[DocumentPath, Any] = {}
    for view in tables:
        wanted = [view.path(column) for column in view.paths or ()]
        leaves |= arrow_leaves(table, dict.fromkeys(wanted), f"table {view.name!r}, file {name}")

    def contents(places: list[int]) -> list[Any]:
        return [sorted(row.items()) for row in table.take(places).to_pylist()]

    return Rows(name, table, numbers, refusals, typed, leaves, list(table.schema.names), contents)


def _read_parquet(path: Path, name: str, tables: Iterable[Table] = ()) -> Rows:
    try:
        file = pq.ParquetFile(path)
        _check_header(file.schema_arrow.names, name)
        return _typed(name, file.read(), tables)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"cannot be read as Parquet: {error}", file=name) from None


def _read_csv(path: Path, name: str, tables: Iterable[Table] = ()) -> Rows:
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
    return _columnar(name, table, numbers, ragged, False, tables)


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


# ---- documents ------------------------------------------------------------------------------------------


class _Gathered:
    """What tables want from documents that come chunk by chunk; the columns of one that declares none are found."""

    def __init__(self, name: str, tables: Iterable[Table]) -> None:
        views = list(tables)
        wanted = [view.path(column) for view in views for column in view.all_columns or view.needed]
        self.name, self.walk = name, Walk(dict.fromkeys(wanted))
        self._open = not views or any(view.all_columns is None for view in views)
        self._names: dict[str, None] = {}

    def add(self, documents: list[Any]) -> None:
        fields = dict.fromkeys(chain.from_iterable(documents))
        if len(self._names) < _MOST_FIELDS:
            self._names |= fields
        if self._open:
            if len(self._names) >= _MOST_FIELDS:
                raise DataError(
                    f"the documents have {_MOST_FIELDS} different fields or more; declare paths= or columns=.",
                    file=self.name,
                )
            self.walk.also(DocumentPath((field,)) for field in fields)
        self.walk.add(documents)

    def rows(self, numbers: Ints, refusals: list[Refusal], contents: Callable[[list[int]], list[Any]]) -> Rows:
        if not all(type(name) is str and name for name in self._names):
            odd = next(name for name in self._names if type(name) is not str or not name)
            raise DataError(f"a field is called {odd!r}; a name is a text of at least one character.", file=self.name)
        leaves = self.walk.leaves
        return Rows(self.name, None, numbers, refusals, False, leaves, list(self._names), contents, self.walk.unknown)


def _read_lines(path: Path, name: str, tables: Iterable[Table] = ()) -> Rows:
    """JSON lines: one object per line."""
    gathered = _Gathered(name, tables)
    places: list[int] = []
    refusals: list[Refusal] = []
    number = 0
    for texts in _line_chunks(path, name):
        documents, faults = decode(texts)
        for place, document in enumerate(documents):
            if place not in faults and type(document) is not dict:
                faults[place] = f"a document is an object in braces, and this is {short(document)!r}"
        if number == 0 and 0 in faults and texts[0].startswith((b"[", b"{")) and len(texts[0].strip(b"[{ \r")) == 0:
            raise DataError("holds no JSON lines but one long JSON text; write one object per line.", file=name)
        good = [place for place in range(len(texts)) if place not in faults]
        refusals += [
            Refusal(number + place + 1, None, _line(texts[place]), f"the document cannot be read: {reason}")
            for place, reason in faults.items()
        ]
        gathered.add(documents if len(good) == len(texts) else [documents[place] for place in good])
        places += [number + place + 1 for place in good]
        number += len(texts)
    numbers = np.array(places, dtype=np.int64)

    def contents(wanted: list[int]) -> list[Any]:
        found = dict.fromkeys((int(numbers[place]) for place in wanted), "")
        at = 0
        for texts in _line_chunks(path, name):
            for place, text in enumerate(texts, at + 1):
                if place in found:
                    found[place] = text.decode()
            at += len(texts)
        return [found[int(numbers[place])] for place in wanted]

    return gathered.rows(numbers, refusals, contents)


def _read_rows(source: Data, tables: Iterable[Table] = ()) -> Rows:
    """Dictionaries in memory."""
    gathered = _Gathered(source.name, tables)
    data = [row if type(row) is dict else dict(row) for row in source.data]
    deep = too_deep(data)
    refusals = [Refusal(place + 1, None, short(data[place]), reason) for place, reason in deep.items()]
    numbers = np.array([place + 1 for place in range(len(data)) if place not in deep], dtype=np.int64)
    rows = [data[number - 1] for number in numbers]
    for chunk in chunks(len(rows)):
        gathered.add(rows[chunk])
    for leaf in gathered.walk.leaves.values():
        leaf.values[:] = [_plain(value) for value in leaf.values]
    return gathered.rows(numbers, refusals, lambda places: [rows[place] for place in places])


def _plain(value: Any) -> Any:
    """A value of a Python program as JSON would say it: NaN is null, a NumPy scalar its number."""
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and math.isnan(value) else value


def _line_chunks(path: Path, name: str) -> Iterator[list[bytes]]:
    """The lines that are not blank, a few thousand or a few megabytes at a time; one that is too long is cut off."""
    opener: Any = gzip.open if path.name.endswith(".gz") else open
    try:
        with opener(path, "rb") as file:
            texts: list[bytes] = []
            size = 0
            for line in _lines(file):
                texts.append(line)
                size += len(line)
                if len(texts) >= _CHUNK_LINES or size >= _CHUNK_BYTES:
                    yield texts
                    texts, size = [], 0
            if texts:
                yield texts
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot be read as JSON lines: {error}", file=name) from None


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    line = file.readline(LONGEST + 1).removeprefix(codecs.BOM_UTF8)
    while line:
        if len(line) > LONGEST and not line.endswith(b"\n"):
            yield line
            while line and not line.endswith(b"\n"):
                line = file.readline(LONGEST)
        elif text := line.strip(_BLANKS):
            yield text
        line = file.readline(LONGEST + 1)


def _line(text: bytes) -> str:
    """A line as a person should see it; what is left out still tells two lines apart."""
    shown = text[:300].decode(errors="replace")
    return shown if len(text) <= 300 else f"{shown}... ({len(text)} bytes, {digest([text.hex()], length=12)})"
