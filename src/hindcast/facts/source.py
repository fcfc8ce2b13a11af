"""Where rows come from: files on disk, a data frame in memory, or what people decide in a labelling project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from glob import glob
from pathlib import Path
from typing import Any, get_args

from hindcast.columns import Column, Frame, Kind
from hindcast.errors import ConfigError, DataError

__all__ = ["DOCUMENTS", "Data", "Files", "HandLabels", "Source", "check_types", "files", "frame", "to_arrow"]

DOCUMENTS = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
"""How files of JSON lines are called."""

SUFFIXES = (".parquet", ".pq", ".csv", ".csv.gz", *DOCUMENTS)


@dataclass(frozen=True)
class Files:
    """Parquet, CSV or JSON-lines files, by path, folder or pattern; make it with :func:`files`.

    Two sources are the same source only when they are the same object: one object given to several tables says
    that they are views of the same rows.
    """

    paths: tuple[str, ...]
    zone: str | None = None
    types: Mapping[str, Kind] | None = field(default=None, hash=False)

    def describe(self) -> dict[str, Any]:
        """The paths as given and how their columns are read; never contents."""
        return {"files": list(self.paths), "zone": self.zone, "types": dict(self.types or {})}

    def expand(self, base: Path | None = None) -> list[Path]:
        """The files that are there now, sorted within each path given; relative paths start at `base`.

        Raises
        ------
        ConfigError
            When a path names no file, or one that is neither Parquet nor CSV nor JSON lines.
        """
        found: dict[Path, None] = {}
        for given in self.paths:
            path = Path(given) if base is None else base / given
            if path.is_dir():
                hits = sorted(
                    p for p in path.rglob("*") if p.name.endswith(SUFFIXES) and not p.name.startswith((".", "_"))
                )
            elif path.exists():
                hits = [path]
            else:
                hits = sorted(Path(p) for p in glob(str(path), recursive=True))
            if not hits:
                place = (base or Path.cwd()).resolve()
                raise ConfigError(f"no file at {given!r} (looked in {place}). Give a file, a folder or a pattern.")
            for hit in hits:
                if not hit.name.endswith(SUFFIXES):
                    raise ConfigError(f"file {hit}: expected one of {', '.join(SUFFIXES)}.")
                found.setdefault(hit)
        return list(found)


@dataclass(frozen=True, eq=False)
class Data:
    """Rows in memory; make it with :func:`frame`. What lands is kept as coming from `name`."""

    data: Any
    zone: str | None = None
    types: Mapping[str, Kind] | None = None
    name: str = "data frame"

    @property
    def documents(self) -> bool:
        """Whether the rows are dictionaries, one by one, rather than columns."""
        return isinstance(self.data, list | tuple) and all(isinstance(row, Mapping) for row in self.data)

    def describe(self) -> dict[str, Any]:
        """That it is a data frame and how its columns are read; never contents."""
        return {"frame": type(self.data).__name__, "zone": self.zone, "types": dict(self.types or {})}


@dataclass(frozen=True, eq=False)
class HandLabels:
    """What people decide in a labelling project; make a table of it with :func:`hindcast.facts.hand_labels`.

    It only says where the project is. Whoever joins a system with its home reads it (:mod:`hindcast.loop.hand_labels`):
    facts stand above labelling, so nothing here can.
    """

    folder: str
    item: str
    types: Mapping[str, Kind]
    zone: str | None = None

    def describe(self) -> dict[str, Any]:
        """The project as given and what its items are called; never contents."""
        return {"hand_labels": self.folder, "item": self.item}


Source = Files | Data | HandLabels


def files(*paths: str | Path, zone: str | None = None, types: Mapping[str, Kind] | None = None) -> Files:
    """Rows in Parquet, CSV or JSON-lines files.

    Parameters
    ----------
    *paths : str or Path
        Files, folders (all files below, by name) or patterns such as ``"data/2013-*.csv"``.
    zone : str, optional
        Whose clock times without an offset are read on, such as ``"America/New_York"`` or ``"UTC"``.
    types : mapping of str to kind, optional
        Kinds of columns that should not be guessed from a CSV or JSON file: number, integer, time, boolean or text.

    Examples
    --------
    >>> files("data/weather.parquet").describe()
    {'files': ['data/weather.parquet'], 'zone': None, 'types': {}}
    """
    if not paths:
        raise ConfigError("files() needs at least one path, such as files('data/flights.parquet').")
    return Files(tuple(str(path) for path in paths), zone, check_types(types, "files()"))


def frame(data: Any, *, zone: str | None = None, types: Mapping[str, Kind] | None = None) -> Data:
    """Rows of a data frame: pandas, Polars, Arrow or another that narwhals knows, arrays by name, or a Frame.

    A list of dictionaries are documents: they may be nested, and a table's `paths` say what is taken from them.

    Examples
    --------
    >>> to_arrow(frame({"origin": ["JFK", "EWR"], "seats": [180, 55]})).num_rows
    2
    """
    return Data(data, zone, check_types(types, "frame()"))


def check_types(types: Mapping[str, Kind] | None, where: str) -> dict[str, Kind] | None:
    """The declared kinds as a dictionary, each a kind that exists."""
    kinds = [kind for kind in get_args(Kind) if kind != "list"]  # a fact holds one value per column
    for name, kind in (types or {}).items():
        if kind not in kinds:
            raise ConfigError(f"{where}: types[{name!r}] is {kind!r}; expected one of {', '.join(kinds)}.")
    return None if types is None else dict(types)


def to_arrow(source: Data) -> Any:
    """The data as a pyarrow Table; times without a zone stay without one.

    Raises
    ------
    ConfigError
        When nothing tabular can be made of it.
    """
    import pyarrow as pa

    data = source.data
    if isinstance(data, pa.RecordBatch):
        return pa.Table.from_batches([data])
    if isinstance(data, pa.Table):
        return data
    if isinstance(data, Frame):
        return data.to_arrow()
    if isinstance(data, Mapping):
        return pa.table({name: _array(name, values) for name, values in data.items()})
    import narwhals as nw

    try:
        native = nw.from_native(data)
    except TypeError:
        raise ConfigError(
            f"frame(): cannot read rows from a {type(data).__name__}; give a data frame or arrays by name."
        ) from None
    if isinstance(native, nw.LazyFrame):
        native = native.collect()
    return native.to_arrow()


def _array(name: str, values: Any) -> Any:
    import numpy as np
    import pyarrow as pa

    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    if isinstance(values, np.ndarray) and values.dtype.kind == "M":
        return pa.array(values.astype("datetime64[us]"))
    try:
        return Column.of(values).to_arrow()
    except DataError as error:
        raise DataError(str(error), column=name) from None
