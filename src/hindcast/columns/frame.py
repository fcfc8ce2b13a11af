"""A frame: columns of one length, by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.columns.column import Column, Kind
from hindcast.errors import DataError, UnknownName

__all__ = ["Frame"]


class Frame(Mapping[str, Column]):
    """Columns of one length, by name, in order: what facts, requests and features travel in.

    Examples
    --------
    >>> frame = Frame.of({"origin": ["JFK", "EWR"], "distance": [1400, 200]})
    >>> len(frame), frame.names, frame["distance"].kind
    (2, ['origin', 'distance'], 'integer')
    >>> frame.take(np.array([1])).rows()
    [{'origin': 'EWR', 'distance': 200}]
    """

    __slots__ = ("_columns", "length")

    def __init__(self, columns: Mapping[str, Column], length: int | None = None) -> None:
        if not isinstance(columns, Mapping) or not all(isinstance(column, Column) for column in columns.values()):
            raise DataError("a frame takes a mapping of columns by name; Frame.of makes columns of other values")
        lengths = {len(column) for column in columns.values()}
        if length is not None:
            lengths.add(length)
        if len(lengths) > 1:
            shown = ", ".join(f"{name}: {len(column)}" for name, column in columns.items())
            raise DataError(f"the columns of a frame must have one length, got {shown}.")
        self._columns = dict(columns)
        self.length = lengths.pop() if lengths else 0

    @staticmethod
    def unchecked(columns: dict[str, Column], length: int) -> Frame:
        """A frame that takes over a dictionary whose columns are known to have this length; costs nothing."""
        made = Frame.__new__(Frame)
        made._columns, made.length = columns, length
        return made

    @staticmethod
    def of(columns: Mapping[str, Any]) -> Frame:
        """A frame from arrays or sequences by name; see :meth:`Column.of`."""
        if not isinstance(columns, Mapping):
            raise DataError(f"a frame is made of columns by name, got a {type(columns).__name__}")
        made = {}
        for name, values in columns.items():
            try:
                made[name] = Column.of(values)
            except DataError as error:
                raise DataError(str(error), column=name) from None
        return Frame(made)

    @staticmethod
    def of_rows(rows: Iterable[Mapping[str, Any]], kinds: Mapping[str, Kind]) -> Frame:
        """A frame with the columns of `kinds` from mappings; an absent key is null."""
        items = list(rows)
        made = {}
        for name, kind in kinds.items():
            try:
                made[name] = Column.of_kind([row.get(name) for row in items], kind)
            except DataError as error:
                raise DataError(str(error), column=name) from None
        return Frame(made, len(items))

    def __getitem__(self, name: str) -> Column:
        try:
            return self._columns[name]
        except KeyError:
            raise UnknownName("column", name, self._columns) from None

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        """The number of rows."""
        return self.length

    def __bool__(self) -> bool:
        return self.length > 0

    @property
    def names(self) -> list[str]:
        """The columns' names, in order."""
        return list(self._columns)

    @property
    def kinds(self) -> dict[str, Kind]:
        """Each column's kind."""
        return {name: column.kind for name, column in self._columns.items()}

    def take(self, rows: NDArray[Any] | slice) -> Frame:
        """The frame at `rows`: indices, a mask or a slice. Slices share memory."""
        taken = {name: column.take(rows) for name, column in self._columns.items()}
        return Frame(taken) if taken else Frame({}, len(np.empty(self.length)[rows]))

    def select(self, names: Iterable[str]) -> Frame:
        """Only the columns of `names`, in that order."""
        return Frame({name: self[name] for name in names}, self.length)

    def having(self, **columns: Any) -> Frame:
        """The frame with these columns added or replaced."""
        return Frame({**self._columns, **{name: Column.of(values) for name, values in columns.items()}}, self.length)

    def merged(self, other: Frame) -> Frame:
        """Both frames' columns side by side; on a shared name the other's wins."""
        return Frame({**self._columns, **other._columns})

    def rows(self) -> list[dict[str, Any]]:
        """The rows as dictionaries of Python values; for small frames and for people."""
        names = self.names
        return [
            dict(zip(names, values, strict=True)) for values in zip(*(self[n].objects() for n in names), strict=True)
        ]

    @staticmethod
    def concat(frames: Sequence[Frame]) -> Frame:
        """Frames one below the other; a column that one lacks is null there."""
        frames = list(frames)
        if len(frames) == 1:
            return frames[0]
        names = list(dict.fromkeys(name for frame in frames for name in frame.names))
        made = {}
        for name in names:
            kind = next(frame[name].kind for frame in frames if name in frame)
            made[name] = Column.concat([f[name] if name in f else Column.empty(kind, len(f)) for f in frames])
        return Frame(made, sum(map(len, frames)))

    @staticmethod
    def from_arrow(table: Any) -> Frame:
        """A frame from a pyarrow Table or RecordBatch."""
        return Frame({n: Column.from_arrow(table.column(i)) for i, n in enumerate(table.schema.names)}, table.num_rows)

    def to_arrow(self) -> Any:
        """The frame as a pyarrow Table."""
        import pyarrow as pa

        return pa.table({name: column.to_arrow() for name, column in self._columns.items()})
