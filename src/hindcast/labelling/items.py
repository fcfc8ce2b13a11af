"""Items from wherever they come: objects, data frames, files; a row that is none is told, not lost."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from hindcast.columns import Frame
from hindcast.errors import ConfigError, DataError
from hindcast.labelling.media import place_of
from hindcast.labelling.tasks import Item, ItemKind, check_kind

__all__ = ["items_of", "rows_of_file"]

_ID = ("id", "item", "item_id")
_CONTENT = {"text": ("text", "content"), "row": ("content",), "image": ("image", "path", "content")}
_OWN = ("meta", "gold")


def items_of(items: Iterable[Item] | Any, kind: ItemKind) -> Iterator[tuple[Item | None, DataError | None]]:
    """Items, or in their place what is wrong with a row.

    Parameters
    ----------
    items : iterable of Item or mapping, a data frame, or a path
        A row's id is in the column ``id``, ``item`` or ``item_id``; its content in ``text`` or ``content``, for images
        in ``image``, ``path`` or ``content`` (relative to the file). ``gold`` is the known answer, ``meta`` a mapping.
        Other columns are the content of a row item, and `meta` of any other. A file is CSV (all values are
        texts), JSON lines or Parquet, by its ending.
    kind : {"text", "row", "image"}

    Examples
    --------
    >>> [item for item, error in items_of([{"id": 7, "text": "Great song", "video": "Eminem"}], "text")]
    [Item(id=7, content='Great song', meta={'video': 'Eminem'}, gold=None)]
    """
    check_kind(kind)
    base: Path | None = None
    rows: Iterable[Any]
    if isinstance(items, str | Path):
        base = Path(items).expanduser().parent
        rows = (row for _, row in rows_of_file(Path(items).expanduser()))
    elif isinstance(items, Frame):
        rows = items.rows()
    elif hasattr(items, "columns") or hasattr(items, "column_names"):
        from hindcast.facts.source import frame, to_arrow

        rows = to_arrow(frame(items)).to_pylist()
    elif isinstance(items, Iterable) and not isinstance(items, Mapping | bytes):
        rows = items
    else:
        raise ConfigError(f"items are an iterable of Item, a data frame or a path, got {type(items).__name__}.")
    for row in rows:
        try:
            yield (row if isinstance(row, Item) else _item(row, kind, base)), None
        except DataError as error:
            yield None, error


def rows_of_file(path: Path) -> Iterator[tuple[int, Any]]:
    """The rows of a CSV, JSON-lines or Parquet file, numbered from 1 (of JSON lines: by line).

    A cell of a CSV file that holds nothing is left out.

    Raises
    ------
    ConfigError, DataError
        For another ending; for a file or line that cannot be read.
    """
    ending = path.suffix.lower()
    try:
        if ending == ".parquet":
            import pyarrow.parquet as pq

            yield from enumerate(pq.read_table(path).to_pylist(), 1)
        elif ending in (".jsonl", ".ndjson"):
            with path.open(encoding="utf-8-sig") as lines:
                for number, line in enumerate(lines, 1):
                    if line.strip():
                        yield number, _parsed(line, path, number)
        elif ending in (".csv", ".tsv"):
            with path.open(encoding="utf-8-sig", newline="") as lines:
                reader = csv.reader(lines, delimiter="\t" if ending == ".tsv" else ",", strict=True)
                head = next(reader, None)
                if not head or len(set(head)) < len(head):
                    raise DataError("the first line must name the columns, each once", file=str(path), row=0)
                for number, cells in enumerate(filter(None, reader), 1):
                    if len(cells) != len(head):
                        raise DataError(f"{len(cells)} cells under a head of {len(head)}", file=str(path), row=number)
                    yield number, {name: cell for name, cell in zip(head, cells, strict=True) if cell != ""}
        else:
            raise ConfigError(f"{path}: read from .csv, .tsv, .jsonl or .parquet files.")
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        raise DataError(f"cannot be read: {error}", file=str(path)) from None


def _parsed(line: str, path: Path, number: int) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise DataError(f"a line is no JSON: {error}", file=str(path), row=number) from None


def _item(row: Any, kind: ItemKind, base: Path | None) -> Item:
    if not isinstance(row, Mapping):
        raise DataError("a row maps columns to values", value=repr(row)[:80])
    named = next((name for name in _ID if row.get(name) is not None), None)
    if named is None:
        raise DataError(f"a row has no {_ID[0]!r}", column=_ID[0])
    rest = {str(name): value for name, value in row.items() if name not in (named, *_OWN)}
    held = next((name for name in _CONTENT[kind] if name in rest), None)
    if held is None and kind != "row":
        raise DataError(f"a row has no {_CONTENT[kind][0]!r}", column=_CONTENT[kind][0])
    content: Any = rest if held is None or not (kind != "row" or isinstance(rest[held], Mapping)) else rest.pop(held)
    if kind == "image" and base is not None:
        content = place_of(content, base)
    meta = row.get("meta")
    if meta is None or (isinstance(meta, Mapping) and not meta):
        meta = {} if content is rest else rest
    return Item(row[named], content, meta, row.get("gold"))
