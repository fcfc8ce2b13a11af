"""JSON lines as doccano and Prodigy write them: one item per line, or one answer per line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hindcast.errors import ConfigError, DataError
from hindcast.journal import replace_file
from hindcast.labelling.book import Book
from hindcast.labelling.decisions import labels
from hindcast.labelling.imported import Said
from hindcast.labelling.items import rows_of_file
from hindcast.labelling.media import beside, place_of
from hindcast.values import digest

_CONTENT = {"image": ("image", "filename", "data")}
_DOCCANO = frozenset({"id", "item", "text", "data", "row", "image", "filename", "label", "labels", "Comments"})

__all__ = ["read_doccano", "read_prodigy", "write_doccano", "write_prodigy"]


def write_doccano(book: Book, path: Path, method: str) -> int:
    """Every item with its label, if it has one: ``{"id", "item", "text", "label": [...]}``; the number of lines."""
    decided = {one.item: one.label for one in labels(book, method, unfinished=False)}
    lines = []
    for number, state in enumerate(book.state.items.values(), 1):
        label = decided.get(state.item.id)
        comments = [one.comment for one in state.standing() if one.comment]
        lines.append(
            {
                "id": number,
                "item": state.item.id,
                **_fields(book, beside(book, state.item, path)),
                "label": [] if label is None else [label],
                "Comments": comments,
            }
        )
    return _write(path, lines)


def read_doccano(book: Book, path: Path, annotator: str | None) -> Iterator[Said]:
    """Lines of doccano's classification projects; who labelled is not in them, so `annotator` says it.

    Of images it has their names (``filename``); other fields of a line stand beside the item.
    """
    for row, line in _lines(path):
        given = line.get("label", line.get("labels", []))
        found = [given] if isinstance(given, str) else given
        if not isinstance(found, list) or len(found) > 1 or not all(isinstance(one, str) for one in found):
            raise DataError("an item has one class", file=str(path), row=row, column="label", value=given)
        content = _content(book, line, path, row)
        item = str(line.get("item", line.get("id", digest(str(content)))))
        meta = {name: value for name, value in line.items() if name not in _DOCCANO and value is not content}
        said = line.get("Comments")
        comment = "\n".join(map(str, said)) if isinstance(said, list) and found else ""
        who, label = (annotator or "doccano", found[0]) if found else (None, None)
        yield Said(row, item, content, who, label, comment=comment, meta=meta)


def write_prodigy(book: Book, path: Path) -> int:
    """One line per answer that stands, as a choice; the number of lines.

    Who is unsure accepts and flags; a skip, or being unsure without a label, is ignored. Decisions are not in it.
    """
    options = [{"id": name, "text": name} for name in book.settings.classes]
    lines = []
    for state in book.state.items.values():
        fields = _fields(book, beside(book, state.item, path))
        for one in state.standing():
            line = {
                **fields,
                "meta": {"item": state.item.id},
                "options": options,
                "accept": [] if one.label is None else [one.label],
                "answer": "ignore" if one.label is None else "accept",
                "_annotator_id": one.annotator,
                "_timestamp": (one.at_us if one.made_us is None else one.made_us) // 1_000_000,
            }
            line |= {"flagged": True} if one.action == "unsure" else {}
            line |= {"comment": one.comment} if one.comment else {}
            lines.append(line)
    return _write(path, lines)


def read_prodigy(book: Book, path: Path, annotator: str | None) -> Iterator[Said]:
    """Lines of Prodigy's choices (``accept``), or of its accept-or-reject of one ``label``.

    A rejected label says the other class where there are two; with more it says too little, and is refused. A question
    that was rejected or ignored as a whole is a skip, an accepted one with nothing chosen is unsure.
    """
    classes = book.settings.classes
    for row, line in _lines(path):

        def wrong(column: str, why: str, value: Any, row: int = row) -> DataError:
            return DataError(why, file=str(path), row=row, column=column, value=value)

        content = _content(book, line, path, row)
        meta = line.get("meta")
        item = line.get("item", line.get("id"))
        if item is None and isinstance(meta, Mapping):
            item = meta.get("item", meta.get("id"))
        if item is None:
            item = digest(str(content))
        given = line.get("answer")
        if given not in ("accept", "reject", "ignore"):
            raise wrong("answer", "an answer is accept, reject or ignore", given)
        chosen = line["accept"] if "accept" in line else [line["label"]] if "label" in line else []
        if not isinstance(chosen, list) or len(chosen) > 1:
            raise wrong("accept", "an item has one class", chosen)
        label = _chosen(chosen[0], line.get("options"), classes) if chosen else None
        asked = "accept" in line
        if given == "ignore" or (asked and given == "reject"):
            label = None
        elif label is None and asked:
            pass
        elif label is None:
            raise wrong("accept", "an answer without a choice", chosen)
        elif label not in classes:
            raise wrong("accept" if asked else "label", f"none of the classes {', '.join(classes)}", label)
        elif given == "reject":
            if len(classes) != 2:
                raise wrong("answer", f"a rejected label does not say which of {len(classes)} classes it is", label)
            label = next(name for name in classes if name != label)
        torn = bool(line.get("flagged")) or (label is None and given == "accept")
        more = {name: value for name, value in meta.items() if name != "item"} if isinstance(meta, Mapping) else {}
        who = line.get("_annotator_id", line.get("_session_id")) or annotator or "prodigy"
        at = line.get("_timestamp")
        if at is not None and (isinstance(at, bool) or not isinstance(at, int | float)):
            raise wrong("_timestamp", "no seconds since 1970", at)
        yield Said(
            row,
            str(item),
            content,
            str(who),
            label,
            "unsure" if torn else "skip" if label is None else "label",
            str(line.get("comment") or ""),
            made_us=None if at is None else int(at * 1_000_000),
            meta=more,
            column="accept" if asked else "label",
        )


def _chosen(choice: Any, options: Any, classes: Sequence[str]) -> str:
    """The class that was chosen: an option by its id, or by its text if that is the class."""
    if str(choice) not in classes and isinstance(options, list):
        for one in options:
            if isinstance(one, Mapping) and one.get("id") == choice and one.get("text") in classes:
                return str(one["text"])
    return str(choice)


def _fields(book: Book, content: Any) -> dict[str, Any]:
    return {book.settings.kind: content}


def _content(book: Book, line: Mapping[str, Any], path: Path, row: int) -> Any:
    kind = book.settings.kind
    content = next((line[name] for name in _CONTENT.get(kind, (kind, "data")) if line.get(name) is not None), None)
    if content is None:
        raise DataError(f"a line has no {kind!r}", file=str(path), row=row, column=kind)
    return place_of(content, path.parent) if kind == "image" else content


def _lines(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if path.suffix.lower() not in (".jsonl", ".ndjson"):
        raise ConfigError(f"{path}: JSON lines are in a .jsonl file.")
    for row, line in rows_of_file(path):
        if not isinstance(line, Mapping):
            raise DataError("a line is an object", file=str(path), row=row, value=line)
        yield row, line


def _write(path: Path, lines: list[dict[str, Any]]) -> int:
    if path.suffix.lower() not in (".jsonl", ".ndjson"):
        raise ConfigError(f"{path}: JSON lines go into a .jsonl file.")
    replace_file(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode())
    return len(lines)
