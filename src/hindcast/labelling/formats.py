"""What labels come in and go out as: our own facts, tables, and the files of other labelling tools."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from hindcast.errors import DataError
from hindcast.journal import make_folder
from hindcast.labelling.book import Book, check_path
from hindcast.labelling.facts import write_facts
from hindcast.labelling.imported import Imported, Said, take_in
from hindcast.labelling.items import rows_of_file
from hindcast.labelling.label_studio import read_label_studio, write_label_studio
from hindcast.labelling.tabular import read_long, read_wide, write_long, write_wide
from hindcast.labelling.tasks import check_name
from hindcast.labelling.text_lines import read_doccano, read_prodigy, write_doccano, write_prodigy
from hindcast.parameters import choice

__all__ = ["FORMATS", "export", "import_"]

FORMATS = ("facts", "long", "wide", "label-studio", "doccano", "prodigy")
"""The formats of :meth:`hindcast.labelling.Project.export` and :meth:`~hindcast.labelling.Project.import_`."""


def export(book: Book, path: Path | str, format: str, method: str) -> int:
    """See :meth:`hindcast.labelling.Project.export`."""
    choice("format", format, FORMATS)
    path = check_path(path, "path")
    with book.lock:
        make_folder(path.parent)
        if format == "facts":
            return write_facts(book, path, method)
        if format == "doccano":
            return write_doccano(book, path, method)
        write = {
            "long": write_long, "wide": write_wide, "label-studio": write_label_studio, "prodigy": write_prodigy,
        }[format]  # fmt: skip
        return write(book, path)


def import_(book: Book, path: Path | str, format: str, annotator: str | None) -> Imported:
    """See :meth:`hindcast.labelling.Project.import_`."""
    choice("format", format, FORMATS)
    path = check_path(path, "path")
    if annotator is not None:
        check_name(annotator, "an annotator's name")
    try:
        there = path.is_file()
    except (OSError, ValueError):
        there = False
    if not there:
        raise DataError("no such file", file=str(path))
    read: Callable[[Book, Path, str | None], Iterator[Said]] = {
        "facts": _read_facts, "long": read_long, "wide": read_wide, "label-studio": read_label_studio,
        "doccano": read_doccano, "prodigy": read_prodigy,
    }[format]  # fmt: skip
    return take_in(book, path, read(book, path, annotator))


def _read_facts(book: Book, path: Path, annotator: str | None) -> Iterator[Said]:
    """The last label of each item, as decided by `annotator`, or by the adjudicator the file names."""
    last: dict[str, tuple[int, dict[str, object]]] = {}
    for row, cells in rows_of_file(path):
        if cells.get("item") is None:
            raise DataError("a fact does not say which item", file=str(path), row=row, column="item")
        last[str(cells["item"])] = (row, cells)
    for item, (row, cells) in last.items():
        if cells.get("label") is None or cells.get("how") == "gold":
            continue
        decided = cells.get("how") == "adjudicated" and bool(cells.get("annotators"))
        comment = "" if decided else f"imported: {cells.get('how', 'label')}, probability {cells.get('probability')}"
        who = str(cells["annotators"]) if decided else annotator or "imported"
        yield Said(row, item, None, who, str(cells["label"]), "decided", comment)
