"""Answers from a file on their way into a project: all of them, or, if a row is wrong, none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hindcast.errors import ConfigError, DataError
from hindcast.labelling.book import Book
from hindcast.labelling.intake import drafted
from hindcast.labelling.log import Draft
from hindcast.labelling.tasks import Item, check_name
from hindcast.values import digest

__all__ = ["Imported", "Said", "located", "take_in"]


@dataclass(frozen=True, slots=True)
class Said:
    """A row of a file: an item, and what somebody said about it.

    Parameters
    ----------
    row : int
        Its number in the file.
    item : str
    content : object
        None when the file does not have it: then the project must.
    annotator : str or None
        None for an item about which nobody said anything.
    action : str
        ``label``, ``skip``, ``unsure``, or ``decided`` for an adjudication.
    column : str
        What the file calls the label, for errors.
    """

    row: int
    item: str
    content: Any = None
    annotator: str | None = None
    label: str | None = None
    action: str = "label"
    comment: str = ""
    seconds: float | None = None
    made_us: int | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    gold: str | None = None
    column: str = "label"


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import: new items, answers and decisions; and how many answers were there already."""

    items: int
    answers: int
    decisions: int
    known: int


@contextmanager
def located(path: Path, row: int, column: str | None = None) -> Iterator[None]:
    """Say where an error within happened: the file, the row, and the field unless it is known already."""
    try:
        yield
    except DataError as error:
        if error.file is not None:
            raise
        bare = str(error).split(" (", 1)[0] if error.column is not None or error.value is not None else str(error)
        raise DataError(bare, file=str(path), row=row, column=error.column or column, value=error.value) from None
    except ConfigError as error:
        raise DataError(str(error), file=str(path), row=row, column=column) from None


def take_in(book: Book, path: Path, rows: Iterable[Said]) -> Imported:
    """Put what a file says into a project; the same file again changes nothing.

    Answers count as given when the file says so, and as known from now on. They count beside those that are asked for
    here, whatever the overlap.

    Raises
    ------
    DataError
        Naming file, row and field, with nothing imported.
    """
    said = list(rows)
    mark = digest(path.read_bytes())
    with book.lock:
        items: dict[str, Draft] = {}
        people: dict[str, Draft] = {}
        answers: list[tuple[int, Draft]] = []
        decisions: list[tuple[int, Draft]] = []
        known = 0
        for place, one in enumerate(said):
            with located(path, one.row):
                _add_item(book, one, items)
                if one.annotator is None:
                    continue
                who = _person(book, one.annotator, people)
                _check(book, one)
                if _stands(book, one):
                    known += 1
                    continue
                key = f"import/{mark}/{place}"
                at = -1 if one.made_us is None else one.made_us
                if one.action == "decided":
                    verdict = {"label": one.label, "comment": one.comment, "guideline": book.version, "imported": True}
                    decisions.append((at, Draft("adjudicated", who, one.item, verdict, key)))
                else:
                    body: dict[str, Any] = {
                        "action": one.action, "label": one.label, "comment": one.comment, "seconds": one.seconds,
                        "guideline": book.version, "imported": True, "made": one.made_us,
                    }  # fmt: skip
                    answers.append((at, Draft("answer", who, one.item, body, key)))
        in_order = [draft for _, draft in sorted(answers, key=lambda pair: pair[0])]
        in_order += [draft for _, draft in sorted(decisions, key=lambda pair: pair[0])]
        events = book.log.append([*items.values(), *people.values(), *in_order])
        book.touch(items)
        count = {kind: sum(event.kind == kind for event in events) for kind in ("item", "answer", "adjudicated")}
    known += len(in_order) - count["answer"] - count["adjudicated"]
    return Imported(count["item"], count["answer"], count["adjudicated"], known)


def _add_item(book: Book, one: Said, items: dict[str, Draft]) -> None:
    if one.content is None:
        if one.item not in book.state.items and one.item not in items:
            raise DataError(
                "no such item in the project, and the file does not say what it is; add the items first",
                column="item",
                value=one.item,
            )
        return
    draft = drafted(book, Item(one.item, one.content, one.meta, one.gold), reason="imported", beside=items)
    if draft is not None:
        items[str(draft.item)] = draft


def _person(book: Book, name: str, people: dict[str, Draft]) -> str:
    if name not in book.state.annotators and name not in people:
        check_name(name, "an annotator's name")
        body = {"role": "annotator", "imported": True}
        people[name] = Draft("annotator", name, body=body, key=f"imported annotator/{name}")
    return name


def _check(book: Book, one: Said) -> None:
    classes = book.settings.classes
    if one.action not in ("label", "skip", "unsure", "decided"):
        raise DataError("an action is label, skip, unsure or decided", column="action", value=one.action)
    if one.label is not None and one.label not in classes:
        raise DataError(f"none of the classes {', '.join(classes)}", column=one.column, value=one.label)
    if one.action == "label" and one.label is None:
        raise DataError("an answer without a label", column=one.column)
    if one.action == "skip" and one.label is not None:
        raise DataError("a skip with a label", column=one.column, value=one.label)
    if one.seconds is not None and not 0 <= one.seconds < float("inf"):
        raise DataError("seconds are a duration of at least 0", column="seconds", value=one.seconds)


def _stands(book: Book, one: Said) -> bool:
    """Whether the project says the same already."""
    state = book.state.items.get(one.item)
    if state is None:
        return False
    if one.action == "decided":
        verdict = state.verdict
        return verdict is not None and (verdict.who, verdict.label) == (one.annotator, one.label)
    stands = next((said for said in reversed(state.said) if said.annotator == one.annotator), None)
    return stands is not None and (stands.action, stands.label) == (one.action, one.label)
