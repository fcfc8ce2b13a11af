"""Rows as labelling functions see them: columns of plain Python values, made once and shared by all functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.columns import Column, Frame
from hindcast.crowd.names import is_missing
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.values import Floats

__all__ = ["TEXT", "Block", "Row", "blocks_of"]

TEXT = "text"
"""What the one column of a list of texts is called."""


class Row(Mapping[str, Any]):
    """One row: its values by name, as ``row["subject"]`` or ``row.subject``; null is None.

    Examples
    --------
    >>> row = Block.of([{"subject": "hi", "size": 3}]).rows()[0]
    >>> row["subject"], row.size, dict(row)
    ('hi', 3, {'subject': 'hi', 'size': 3})
    """

    __slots__ = ("_places", "_values")

    def __init__(self, places: Mapping[str, int], values: Sequence[Any]) -> None:
        self._places = places
        self._values = values

    def __getitem__(self, name: str) -> Any:
        try:
            return self._values[self._places[name]]
        except KeyError:
            raise UnknownName("column", name, self._places, where="row") from None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def get(self, name: str, default: Any = None) -> Any:
        """The value, or `default` where there is no such column."""
        return self._values[self._places[name]] if name in self._places else default

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __repr__(self) -> str:
        return f"Row({dict(self)!r})"


class Block:
    """Columns of one length, each as a list of Python values when a function asks for it.

    Examples
    --------
    >>> block = Block.of(["Call NOW", None])
    >>> block.values("text"), block.folded("text")
    (['Call NOW', None], ['call now', None])
    """

    def __init__(self, columns: Mapping[str, Column | list[Any]], length: int) -> None:
        self._columns = dict(columns)
        self.length = length
        self._made: dict[tuple[str, str], Any] = {}

    @staticmethod
    def of(rows: Any) -> Block:
        """A block of whatever holds rows.

        Parameters
        ----------
        rows : Frame, data frame, sequence or mapping
            A Frame, a pandas, Polars or Arrow table (or another data frame that narwhals knows), a mapping of names
            to columns, a sequence of texts or a column of them (called ``text``), or a sequence of mappings.

        Raises
        ------
        ConfigError, DataError
            For anything else; for a sequence that mixes texts and rows.
        """
        if isinstance(rows, Block):
            return rows
        if isinstance(rows, Frame):
            return Block(dict(rows), len(rows))
        if isinstance(rows, str | bytes):
            raise ConfigError("rows are many texts, not one; put it into a list.")
        if isinstance(rows, Mapping):
            return _of_columns(rows)
        if isinstance(rows, list | tuple):
            return _of_items(rows)
        if isinstance(rows, np.ndarray):
            if rows.ndim != 1:
                raise DataError(
                    f"an array of rows has one dimension (texts), got shape {rows.shape}; give columns names"
                )
            return _of_items(rows.tolist())
        if is_table(rows):
            from hindcast.facts.source import frame, to_arrow

            made = Frame.from_arrow(to_arrow(frame(rows)))
            return Block(dict(made), len(made))
        if hasattr(rows, "to_list") or hasattr(rows, "to_pylist"):  # one column of pandas, Polars, Arrow
            return _of_items(rows.to_pylist() if hasattr(rows, "to_pylist") else rows.to_list())
        raise ConfigError(
            f"cannot read rows from a {type(rows).__name__}; give a data frame, columns by name, texts or dictionaries."
        )

    def __len__(self) -> int:
        return self.length

    @property
    def names(self) -> list[str]:
        """The columns' names, in order."""
        return list(self._columns)

    def column(self, name: str, where: str = "") -> Column | list[Any]:
        """A column as it came."""
        try:
            return self._columns[name]
        except KeyError:
            raise UnknownName("column", name, self._columns, where=where) from None

    def values(self, name: str, where: str = "") -> list[Any]:
        """A column's values as Python objects; None for null, moments as int microseconds."""
        made = self._made.get(("values", name))
        if made is None:
            column = self.column(name, where)
            made = column.objects().tolist() if isinstance(column, Column) else column
            self._made["values", name] = made
        return made  # type: ignore[no-any-return]

    def texts(self, name: str, where: str = "") -> list[str | None]:
        """A column's values where they are texts.

        Raises
        ------
        DataError
            For the first value that is neither a text nor null.
        """
        if ("texts", name) not in self._made:
            values = self.values(name, where)
            kinds = {type(value) for value in values} - {str, type(None)}
            if kinds:
                row = next(i for i, value in enumerate(values) if not isinstance(value, str | None))
                raise DataError(f"{where or 'a text column'}: not a text", row=row + 1, column=name, value=values[row])
            self._made["texts", name] = values
        return self._made["texts", name]  # type: ignore[no-any-return]

    def folded(self, name: str, where: str = "") -> list[str | None]:
        """A text column without the difference of upper and lower case."""
        if ("folded", name) not in self._made:
            texts = self.texts(name, where)
            self._made["folded", name] = [None if text is None else text.casefold() for text in texts]
        return self._made["folded", name]  # type: ignore[no-any-return]

    def numbers(self, name: str, where: str = "") -> Floats:
        """A column as float64, NaN for null."""
        if ("numbers", name) not in self._made:
            column = self.column(name, where)
            try:
                made = (column if isinstance(column, Column) else Column.of(column)).floats()
            except (ConfigError, DataError) as error:
                raise DataError(f"{where or 'numbers'}: {error}", column=name) from None
            self._made["numbers", name] = made
        return self._made["numbers", name]  # type: ignore[no-any-return]

    def rows(self) -> list[Row]:
        """The rows, for functions that take them whole."""
        if ("rows", "") not in self._made:
            places = {name: place for place, name in enumerate(self._columns)}
            columns = [self.values(name) for name in self._columns]
            values = zip(*columns, strict=True) if columns else [()] * self.length
            self._made["rows", ""] = [Row(places, row) for row in values]
        return self._made["rows", ""]  # type: ignore[no-any-return]

    def part(self, start: int, stop: int) -> Block:
        """Some rows in a row."""
        stop = min(stop, self.length)
        return Block({name: _sliced(column, start, stop) for name, column in self._columns.items()}, stop - start)

    def take(self, places: NDArray[np.int64]) -> Block:
        """The rows at `places`, in that order."""
        if len(places) == self.length and np.array_equal(places, np.arange(self.length)):
            return self
        return Block({name: _taken(column, places) for name, column in self._columns.items()}, len(places))

    def select(self, names: Iterable[str], where: str = "") -> Block:
        """Only some columns."""
        return Block({name: self.column(name, where) for name in names}, self.length)

    def frame(self) -> Frame:
        """The rows as a frame.

        Raises
        ------
        DataError
            When a column holds what a frame cannot, such as nested values.
        """
        made = {}
        for name, column in self._columns.items():
            try:
                made[name] = column if isinstance(column, Column) else Column.of(column)
            except DataError as error:
                raise DataError(str(error), column=name) from None
        return Frame(made, self.length)


def blocks_of(rows: Any) -> Iterator[Block]:
    """The blocks of `rows`: one where everything is in memory, else one per item of the iterator.

    Examples
    --------
    >>> [len(block) for block in blocks_of(iter([["a", "b"], ["c"]]))]
    [2, 1]
    """
    if isinstance(rows, Iterator):
        for part in rows:
            yield Block.of(part)
    else:
        yield Block.of(rows)


def is_table(rows: Any) -> bool:
    """Whether it is a data frame of some kind (looked up on the type: a lazy frame would compute its columns)."""
    return any(hasattr(type(rows), name) for name in ("columns", "column_names", "schema"))


def _of_columns(columns: Mapping[str, Any]) -> Block:
    made: dict[str, Column | list[Any]] = {}
    for name, values in columns.items():
        if isinstance(values, str | bytes):
            raise DataError("a column is many values, not one text", column=str(name), value=values)
        if isinstance(values, Column):
            made[str(name)] = values
        elif hasattr(values, "to_pylist"):
            made[str(name)] = values.to_pylist()
        else:
            made[str(name)] = _null_as_none(values.tolist() if hasattr(values, "tolist") else list(values))
    lengths = {name: len(column) for name, column in made.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name}: {length}" for name, length in lengths.items())
        raise DataError(f"the columns of rows must have one length, got {shown}.")
    return Block(made, next(iter(lengths.values()), 0))


def _of_items(items: Sequence[Any]) -> Block:
    """Texts, or rows one by one."""
    kinds = {type(item) for item in items}
    if kinds <= {str, type(None)}:
        return Block({TEXT: list(items)}, len(items))
    if all(issubclass(kind, Mapping) for kind in kinds):
        names = list(dict.fromkeys(name for item in items for name in item))
        return Block({str(name): _null_as_none([item.get(name) for item in items]) for name in names}, len(items))
    listed = _null_as_none(list(items))
    row = next((i for i, item in enumerate(listed) if not isinstance(item, str | None)), None)
    if row is None:
        return Block({TEXT: listed}, len(listed))
    raise DataError("a list of rows holds texts, or dictionaries, one kind only", row=row + 1, value=items[row])


def _null_as_none(values: list[Any]) -> list[Any]:
    kinds = {type(value) for value in values} - {str, int, bool}
    return [None if is_missing(value) else value for value in values] if kinds else values


def _sliced(column: Column | list[Any], start: int, stop: int) -> Column | list[Any]:
    return column[start:stop] if isinstance(column, list) else column.take(slice(start, stop))


def _taken(column: Column | list[Any], places: NDArray[np.int64]) -> Column | list[Any]:
    return [column[place] for place in places.tolist()] if isinstance(column, list) else column.take(places)
