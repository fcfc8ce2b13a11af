"""Label Studio's JSON: a list of tasks, each with its data and annotations, whose results are choices."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hindcast.errors import ConfigError, DataError
from hindcast.journal import replace_file
from hindcast.labelling.book import Book
from hindcast.labelling.imported import Said
from hindcast.labelling.item_state import ItemState
from hindcast.labelling.media import beside, place_of
from hindcast.values import iso, moment_us

__all__ = ["read_label_studio", "write_label_studio"]


def write_label_studio(book: Book, path: Path) -> int:
    """All items with what stands of them, as tasks; the number of tasks.

    A skip is a cancelled annotation, a decision one of ground truth; being unsure is a choice named ``unsure``, a
    comment a text area.
    """
    people = {name: number for number, name in enumerate(book.state.annotators, 1)}
    tasks = [_task(book, number, state, people, path) for number, state in enumerate(book.state.items.values(), 1)]
    replace_file(path, json.dumps(tasks, ensure_ascii=False, indent=1).encode() + b"\n")
    return len(tasks)


def _task(book: Book, number: int, state: ItemState, people: Mapping[str, int], path: Path) -> dict[str, Any]:
    kind, content = book.settings.kind, beside(book, state.item, path)
    found = [
        _annotation(
            one.position, people, one.annotator, kind, one.label, one.comment, one.action == "unsure",
            was_cancelled=one.action == "skip", created_at=iso(one.at_us if one.made_us is None else one.made_us),
            lead_time=one.seconds, ground_truth=False,
        )
        for one in state.standing()
    ]  # fmt: skip
    if state.verdict is not None:
        one = state.verdict
        found.append(
            _annotation(
                one.position, people, one.who, kind, one.label, one.comment, False,
                was_cancelled=False, created_at=iso(one.at_us), lead_time=None, ground_truth=True,
            )
        )  # fmt: skip
    meta = {
        "item": state.item.id,
        **({"gold": state.item.gold} if state.item.gold else {}),
        "meta": dict(state.item.meta),
    }
    return {
        "id": number,
        "data": content if kind == "row" else {kind: content},
        "meta": meta,
        "annotations": found,
        "predictions": [],
    }


def _annotation(
    number: int,
    people: Mapping[str, int],
    who: str,
    kind: str,
    label: str | None,
    comment: str,
    unsure: bool,
    **more: Any,
) -> dict[str, Any]:
    def result(name: str, shape: str, value: Mapping[str, Any]) -> dict[str, Any]:
        return {"id": f"{number}-{name}", "from_name": name, "to_name": kind, "type": shape, "value": value}

    results = [result("label", "choices", {"choices": [label]})] if label is not None else []
    results += [result("unsure", "choices", {"choices": ["unsure"]})] if unsure else []
    results += [result("comment", "textarea", {"text": [comment]})] if comment else []
    by = {"id": people[who], "email": who, "first_name": who, "last_name": ""}
    return {"id": number, "completed_by": by, "result": results, **more}


def read_label_studio(book: Book, path: Path, annotator: str | None) -> Iterator[Said]:
    """What the tasks of an export say; rows are tasks, from 1.

    An item's id is ``meta.item``, else ``data.id`` or the task's id; other fields of its data stand beside it. One
    choice per annotation is its label, of nested ones (or a taxonomy) the path (``animal/dog``) or its end, whichever
    is a class. A cancelled annotation is a skip, one of ground truth a decision, one without a result unsure. Results
    of other types (boxes, spans) are refused by name.
    """
    try:
        tasks = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be read as JSON: {error}", file=str(path)) from None
    if not isinstance(tasks, list):
        raise DataError("Label Studio's JSON is a list of tasks", file=str(path), value=type(tasks).__name__)
    for row, task in enumerate(tasks, 1):
        read = _Reader(path, row)
        if "data" not in read.mapping(task, "task"):
            raise read.wrong("data", "missing; export as JSON, not as JSON-MIN")
        data = read.mapping(task["data"], "data")
        meta = read.mapping(task.get("meta") or {}, "meta")
        item = meta.get("item", data.get("id", task.get("id")))
        if item is None:
            raise read.wrong("id", "a task has no id")
        named, content = _content(book, data, path, read)
        beside_it = {name: value for name, value in data.items() if named and name not in (named, "id")}
        whole = {
            "row": row,
            "item": str(item),
            "content": content,
            "meta": read.mapping(meta.get("meta", beside_it) or {}, "meta.meta"),
            "gold": meta.get("gold"),
        }
        found = task.get("annotations", task.get("completions")) or []
        if not isinstance(found, list):
            raise read.wrong("annotations", "annotations are a list", found)
        if not found:
            yield Said(**whole)
        for place, one in enumerate(found):
            yield Said(**whole, **_said(read, one, f"annotations[{place}]", annotator, book.settings.classes))


class _Reader:
    """Fields of a task, missing or misshapen ones refused by their path."""

    def __init__(self, path: Path, row: int) -> None:
        self._path, self._row = path, row

    def wrong(self, column: str, why: str, value: Any = None) -> DataError:
        return DataError(why, file=str(self._path), row=self._row, column=column, value=value)

    def mapping(self, value: Any, column: str) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            raise self.wrong(column, "not an object", value)
        return value

    def field(self, value: Any, name: str, column: str) -> Any:
        if name not in self.mapping(value, column):
            raise self.wrong(column, "missing")
        return value[name]


def _content(book: Book, data: Mapping[str, Any], path: Path, read: _Reader) -> tuple[str | None, Any]:
    """What of a task's data is looked at, under which name; of a row it is all."""
    kind = book.settings.kind
    if kind == "row":
        return None, dict(data)
    texts = {name: value for name, value in data.items() if isinstance(value, str) and name != "id"}
    named = kind if kind in texts else next(iter(texts)) if len(texts) == 1 else None
    if named is None:
        raise read.wrong(f"data.{kind}", f"the task's data has no {kind}")
    return named, texts[named] if kind == "text" else place_of(texts[named], path.parent)


def _said(read: _Reader, one: Any, where: str, annotator: str | None, classes: Sequence[str]) -> dict[str, Any]:
    results = read.field(one, "result", f"{where}.result")
    if not isinstance(results, list):
        raise read.wrong(f"{where}.result", "results are a list", results)
    labels: list[str] = []
    comment, unsure = "", False
    for place, result in enumerate(results):
        at = f"{where}.result[{place}]"
        shape = read.field(result, "type", f"{at}.type")
        value = read.mapping(read.field(result, "value", f"{at}.value"), f"{at}.value")
        if shape == "textarea":
            told = value.get("text")
            comment = "\n".join(map(str, told)) if isinstance(told, list) else str(told or "")
        elif shape in ("choices", "taxonomy"):
            choices = read.field(value, shape, f"{at}.value.{shape}")
            if not isinstance(choices, list) or len(choices) != 1:
                raise read.wrong(f"{at}.value.{shape}", "an item has one class", choices)
            if result.get("from_name") == "unsure":
                unsure = True
            else:
                labels.append(_chosen(choices[0], classes))
        else:
            raise read.wrong(f"{at}.type", "only choices and text areas are labels of whole items", shape)
    if len(labels) > 1:
        raise read.wrong(f"{where}.result", "an item has one class", labels)
    cancelled, decided = bool(one.get("was_cancelled")), bool(one.get("ground_truth"))
    action = "skip" if cancelled else "decided" if decided else "unsure" if unsure or not labels else "label"
    return {
        "annotator": _who(read, one.get("completed_by"), f"{where}.completed_by", annotator),
        "label": labels[0] if labels and not cancelled else None,
        "action": action,
        "comment": comment,
        "seconds": _seconds(read, one.get("lead_time"), f"{where}.lead_time"),
        "made_us": _moment(read, one.get("created_at"), f"{where}.created_at"),
        "column": f"{where}.result",
    }


def _chosen(choice: Any, classes: Sequence[str]) -> str:
    """The class that was chosen; of nested choices, which come as a path, the path or else its end."""
    if not isinstance(choice, list) or not choice:
        return str(choice)
    path = [str(name) for name in choice]
    return next((name for mark in ("/", " / ", " > ") if (name := mark.join(path)) in classes), path[-1])


def _who(read: _Reader, by: Any, where: str, annotator: str | None) -> str:
    if isinstance(by, Mapping):
        by = next((by[name] for name in ("email", "username", "first_name", "id") if by.get(name)), None)
    if by is None:
        by = annotator
    if by is None:
        raise read.wrong(where, "nobody completed this annotation; name somebody for such (annotator=)")
    return str(by)


def _seconds(read: _Reader, value: Any, where: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise read.wrong(where, "no number of seconds", value)
    return float(value)


def _moment(read: _Reader, value: Any, where: str) -> int | None:
    if value is None:
        return None
    try:
        return moment_us(str(value))
    except ConfigError as error:
        raise read.wrong(where, str(error)) from None
