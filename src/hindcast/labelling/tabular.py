"""Answers as tables: one row per answer (long), or one row per item and one column per annotator (wide)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hindcast.errors import ConfigError, DataError
from hindcast.journal import replace_file
from hindcast.labelling.book import Book
from hindcast.labelling.imported import Said
from hindcast.labelling.items import rows_of_file
from hindcast.labelling.media import beside, place_of
from hindcast.values import iso, moment_us

__all__ = ["csv_text", "read_long", "read_wide", "write_long", "write_wide"]

LONG = ("item", "annotator", "label", "action", "comment", "seconds", "at", "guideline", "content")


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """A CSV file: the head, then the rows; None is an empty cell."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([["" if row.get(name) is None else row[name] for name in columns] for row in rows])
    return out.getvalue()


def write_long(book: Book, path: Path) -> int:
    """One row per answer, skip, doubt or decision, that stands; the number of rows. CSV or JSON lines by ending."""
    rows = []
    for state in book.state.items.values():
        content = beside(book, state.item, path)
        said: list[dict[str, Any]] = [
            {
                "annotator": one.annotator, "label": one.label, "action": one.action, "comment": one.comment or None,
                "seconds": one.seconds, "at": iso(one.at_us if one.made_us is None else one.made_us),
                "guideline": one.guideline,
            }
            for one in state.standing()
        ]  # fmt: skip
        if state.verdict is not None:
            one = state.verdict
            said.append(
                {
                    "annotator": one.who, "label": one.label, "action": "decided", "comment": one.comment or None,
                    "at": iso(one.at_us), "guideline": one.guideline,
                }
            )  # fmt: skip
        rows += [{"item": state.item.id, **row, "content": content} for row in said]
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        lines = [json.dumps({name: row.get(name) for name in LONG}, ensure_ascii=False) + "\n" for row in rows]
        replace_file(path, "".join(lines).encode())
    elif path.suffix.lower() == ".csv":
        flat = ({**row, "content": _cell(row["content"])} for row in rows)
        replace_file(path, csv_text(LONG, flat).encode())
    else:
        raise ConfigError(f"{path}: answers are written to .csv or .jsonl files.")
    return len(rows)


def read_long(book: Book, path: Path, annotator: str | None) -> Iterator[Said]:
    """The rows of a long table: item, annotator (or worker) and label; action, comment, seconds, at, content."""
    for row, cells in rows_of_file(path):
        item = _needed(cells, ("item", "item_id", "id"), path, row)
        who = cells.get("annotator", cells.get("worker", annotator))
        if who is None:
            raise DataError("a row says nobody's answer", file=str(path), row=row, column="annotator")
        label, made = cells.get("label"), cells.get("at")
        yield Said(
            row,
            str(item),
            _content(book, cells.get("content", cells.get("text")), path, row),
            str(who),
            None if label is None else str(label),
            str(cells.get("action") or ("unsure" if label is None else "label")),
            str(cells.get("comment") or ""),
            _seconds(cells.get("seconds"), path, row),
            None if made is None else _moment(made, path, row),
        )


def write_wide(book: Book, path: Path) -> int:
    """One row per item, one column per annotator who gave labels; an empty cell is no label. The number of rows."""
    _check_csv(path)
    said = {
        state.item.id: {one.annotator: one.label for one in state.standing() if one.action != "skip"}
        for state in book.state.items.values()
    }
    people = list(dict.fromkeys(name for row in said.values() for name in row))
    taken = [name for name in people if name in ("item", "content")]
    if taken:
        raise ConfigError(f"an annotator called {taken[0]!r} cannot be a column of a wide table; export the long one.")
    rows = [
        {"item": item, "content": _cell(beside(book, book.state.items[item].item, path)), **row}
        for item, row in said.items()
    ]
    replace_file(path, csv_text(["item", "content", *people], rows).encode())
    return len(rows)


def read_wide(book: Book, path: Path, annotator: str | None) -> Iterator[Said]:
    """The cells of a wide table: all columns but item and content are annotators."""
    _check_csv(path)
    for row, cells in rows_of_file(path):
        item = str(_needed(cells, ("item", "item_id", "id"), path, row))
        content = _content(book, cells.get("content"), path, row)
        names = [name for name in cells if name not in ("item", "item_id", "id", "content")]
        if not names:
            yield Said(row, item, content)
        for name in names:
            yield Said(row, item, content, name, str(cells[name]), column=name)


def _check_csv(path: Path) -> None:
    if path.suffix.lower() != ".csv":
        raise ConfigError(f"{path}: a wide table is a .csv file.")


def _needed(cells: Any, names: Sequence[str], path: Path, row: int) -> Any:
    if not isinstance(cells, Mapping):
        raise DataError("a row maps columns to values", file=str(path), row=row)
    for name in names:
        if cells.get(name) is not None:
            return cells[name]
    raise DataError("a row does not say which item", file=str(path), row=row, column=names[0])


def _cell(content: Any) -> str:
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)


def _content(book: Book, content: Any, path: Path, row: int) -> Any:
    kind = book.settings.kind
    if content is None or kind == "text":
        return content
    if kind == "image":
        return place_of(str(content), path.parent)
    if isinstance(content, str):
        try:
            return json.loads(content)
        except ValueError as error:
            raise DataError(f"no JSON: {error}", file=str(path), row=row, column="content") from None
    return content


def _seconds(value: Any, path: Path, row: int) -> float | None:
    if value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        raise DataError("no number", file=str(path), row=row, column="seconds", value=value) from None


def _moment(value: Any, path: Path, row: int) -> int:
    try:
        return moment_us(value)
    except ConfigError as error:
        raise DataError(str(error), file=str(path), row=row, column="at") from None
