"""What an annotator does: be shown an item, answer, take it back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import get_args

from hindcast.errors import ConfigError
from hindcast.labelling.book import Book, check_key, check_many
from hindcast.labelling.events import Event
from hindcast.labelling.item_state import Judgement
from hindcast.labelling.log import Draft
from hindcast.labelling.tasks import Action, Annotator, Task
from hindcast.parameters import choice, number, whole

__all__ = ["answer", "check_comment", "history", "next_task", "reached", "undo"]

_LONGEST_COMMENT = 10_000


def next_task(book: Book, annotator: Annotator | str, besides: Collection[str] = ()) -> Task | None:
    """See :meth:`hindcast.labelling.Project.next`."""
    besides = frozenset(check_many(besides, "besides"))
    with book.lock:
        name, now, state = book.annotator(annotator).name, book.now_us, book.state
        item = book.desk.held(name, now, besides) or book.desk.pick(name, now, besides)
        if item is None:
            return None
        found = state.items[item]
        lease = found.leases.get(name)
        seen = lease is not None or name in found.lapsed or state.seen(name, item)
        if lease is None or lease.until_us <= now or lease.guideline != book.version:
            body = {"until": now + book.settings.lease_us, "guideline": book.version}
            if lease is not None and lease.again:
                body["again"] = True
            book.log.append([Draft("shown", name, item, body)])
            lease = found.leases[name]
        return Task(
            replace(book.visible(found.item), gold=None),
            seen,
            state.spoken[name] + (not state.seen(name, item)),
            max(book.desk.remaining(name), 1),
            lease.guideline,
            lease.until_us,
        )


def answer(
    book: Book,
    annotator: Annotator | str,
    item_id: str,
    label: str | None,
    action: Action,
    comment: str,
    seconds: float | None,
    key: str,
) -> Event:
    """See :meth:`hindcast.labelling.Project.answer`."""
    _check_said(label, action, comment, seconds, book.settings.classes)
    with book.lock:
        name, state = book.annotator(annotator).name, book.item(item_id)
        said = {"action": action, "label": label, "comment": comment}
        whole = check_key(name, key)
        again = book.again(whole, "answer", item_id, said)
        if again is not None:
            return again
        lease = state.leases.get(name)
        body = {
            **said,
            "seconds": None if seconds is None else float(seconds),
            "guideline": book.version if lease is None else lease.guideline,
        }
        (event,) = book.log.append([Draft("answer", name, item_id, body, whole)])
        return event


def undo(book: Book, annotator: Annotator | str, key: str | None, item_id: str | None = None) -> str | None:
    """See :meth:`hindcast.labelling.Project.undo`."""
    with book.lock:
        name = book.annotator(annotator).name
        whole = None if key is None else check_key(name, key)
        again = None if whole is None else book.again(whole, "undone", None, {})
        if again is not None:
            return again.item
        if not book.state.trail[name]:
            return None
        last = book.state.trail[name][-1]
        item = last.item
        if item_id is not None and item != book.item(item_id).item.id:
            return None
        body = {"position": last.position, "until": book.now_us + book.settings.lease_us, "guideline": book.version}
        book.log.append([Draft("undone", name, item, body, whole)])
        book.desk.touch((item,))
        return item


def history(book: Book, annotator: Annotator | str, n: int) -> list[Judgement]:
    """See :meth:`hindcast.labelling.Project.history`."""
    n = whole("n", n, least=0)
    with book.lock:
        name = book.annotator(annotator, active=False).name
        return book.state.trail[name][-n:][::-1] if n else []


def reached(book: Book, annotator: Annotator | str) -> tuple[int, int]:
    """See :meth:`hindcast.labelling.Project.reached`."""
    with book.lock:
        name = book.annotator(annotator, active=False).name
        return book.state.spoken[name], book.desk.remaining(name)


def check_comment(comment: str) -> str:
    """`comment` if it is text of a length somebody may read."""
    if not isinstance(comment, str) or len(comment) > _LONGEST_COMMENT:
        raise ConfigError(f"a comment is text of at most {_LONGEST_COMMENT} characters.")
    return comment


def _check_said(label: str | None, action: Action, comment: str, seconds: float | None, classes: Sequence[str]) -> None:
    choice("action", action, get_args(Action))
    if label is not None:
        choice("class", label, classes)
    if action == "label" and label is None:
        raise ConfigError("an answer needs a label; without one it is a skip, or unsure.")
    if action == "skip" and label is not None:
        raise ConfigError(f"a skip has no label, got {label!r}.")
    check_comment(comment)
    if seconds is not None:
        number("seconds", seconds, least=0)
