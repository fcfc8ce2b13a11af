"""Items on their way into a project, and up in its order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from hindcast.errors import DataError
from hindcast.labelling.book import Book, check_many, check_text
from hindcast.labelling.items import items_of
from hindcast.labelling.log import Draft
from hindcast.labelling.media import keep_image
from hindcast.labelling.tasks import Item, check_item
from hindcast.parameters import number, whole
from hindcast.values import digest

__all__ = ["Added", "Refused", "add_items", "drafted", "enqueue"]


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that became no item: its number from 1, its id if it had one, and why."""

    row: int
    id: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Added:
    """What came of adding items: how many are new, how many were there already, and the rows that were refused."""

    added: int
    known: int
    refused: tuple[Refused, ...] = ()


def add_items(book: Book, items: Iterable[Item] | Any, reason: str, priority: float) -> Added:
    """See :meth:`hindcast.labelling.Project.add_items`."""
    check_text(reason, "reason")
    value = number("priority", priority)
    known, refused = 0, list[Refused]()
    with book.lock:
        drafts: dict[str, Draft] = {}
        for row, (item, error) in enumerate(items_of(items, book.settings.kind), 1):
            try:
                if item is None:
                    raise error or DataError("no item")
                draft = drafted(book, item, reason=reason, priority=value, beside=drafts)
            except DataError as trouble:
                refused.append(Refused(row, None if item is None else str(item.id), str(trouble)))
                continue
            if draft is None:
                known += 1
            else:
                drafts[str(draft.item)] = draft
        rows = [{"row": one.row, "id": one.id, "reason": one.reason} for one in refused]
        told = [Draft("refused", body={"rows": rows})] if refused else []
        book.log.append([*drafts.values(), *told])
        book.touch(drafts)
    return Added(len(drafts), known, tuple(refused))


def drafted(
    book: Book, item: Item, *, reason: str, priority: float = 0.0, beside: dict[str, Draft] | None = None
) -> Draft | None:
    """The event that adds an item; None when it is there already, in the project or `beside` it.

    Raises
    ------
    DataError
        When it makes no item, or when another one has its id.
    """
    settings = book.settings
    made = check_item(item, settings.kind, settings.classes)
    if settings.kind == "image":
        made = replace(made, content=keep_image(book.folder / "media", made.content))
    there = book.state.items.get(made.id)
    if there is not None:
        held: tuple[Any, Any] | None = (there.item.content, there.item.gold)
    else:
        draft = (beside or {}).get(made.id)
        held = None if draft is None else (draft.body["content"], draft.body.get("gold"))
    if held is not None:
        if digest(list(held)) != digest([made.content, made.gold]):
            raise DataError("another item has this id", column="id", value=made.id)
        return None
    body = {"content": made.content, "reason": reason, "priority": priority}
    body |= {"meta": dict(made.meta)} if made.meta else {}
    body |= {"gold": made.gold} if made.gold is not None else {}
    return Draft("item", item=made.id, body=body)


def enqueue(book: Book, ids: Iterable[str], reason: str, priority: float, answers: int | None) -> int:
    """See :meth:`hindcast.labelling.Project.enqueue`."""
    check_text(reason, "reason")
    value = number("priority", priority)
    if answers is not None:
        answers = whole("answers", answers, least=1)
    asked = check_many(ids, "ids")
    with book.lock:
        changed = []
        for item in dict.fromkeys(asked):
            state = book.item(item)
            before = state.suspects if state.done else state.reasons[-1:]
            if state.priority != value or reason not in before or (answers or 0) > state.need:
                changed.append(item)
        if changed:
            body = {"items": changed, "reason": reason, "priority": value, "answers": answers}
            book.log.append([Draft("enqueued", body=body)])
            book.touch(changed)
    return len(changed)
