"""What annotators work on and who they are: items, tasks, annotators."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from numbers import Integral
from pathlib import Path
from typing import Any, Literal, cast, get_args

from hindcast.errors import ConfigError, DataError
from hindcast.parameters import choice

__all__ = [
    "Action", "Annotator", "Item", "ItemKind", "Role", "Task",
    "check_content", "check_item", "check_kind", "check_name",
]  # fmt: skip

ItemKind = Literal["text", "row", "image"]
Role = Literal["annotator", "adjudicator"]
Action = Literal["label", "skip", "unsure"]

_LONGEST_NAME, _LONGEST_ID = 100, 500


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to be labelled.

    Parameters
    ----------
    id : str
        What names it for ever; a whole number is taken as its text.
    content : str, mapping or path
        The text; or a row as column to value; or an image: a path, or its bytes. A project copies images into its
        own folder, and gives their path there.
    meta : mapping, optional
        Anything else worth showing or keeping: plain values by name.
    gold : str, optional
        The known answer of a control item, which every annotator is to see.

    Examples
    --------
    >>> Item("c1", "Check out my channel!", {"video": "Eminem"}).id
    'c1'
    """

    id: str
    content: Any
    meta: Mapping[str, Any] = field(default_factory=dict)
    gold: str | None = None


@dataclass(frozen=True, slots=True)
class Annotator:
    """Somebody who labels, or who decides where others disagree.

    Parameters
    ----------
    name : str
    role : {"annotator", "adjudicator"}
        An adjudicator may also label.
    active : bool
        False once revoked: the answers stay, the token is dead.
    imported : bool
        True for somebody whose answers came from a file, and who has no token.
    """

    name: str
    role: Role = "annotator"
    active: bool = True
    imported: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """What an annotator is asked next.

    Parameters
    ----------
    item : Item
        Without its `gold`: a control item looks like any other.
    seen_before : bool
        Whether this annotator was shown it before: after a reload, or because an answer was taken back.
    position : int
        Which of this annotator's items it is, from 1.
    remaining : int
        How many there are left for this annotator, this one included; other people's work makes it fewer.
    guideline : int
        The version of the guideline to answer under.
    until_us : int
        Until when the item is kept for this annotator.
    """

    item: Item
    seen_before: bool
    position: int
    remaining: int
    guideline: int
    until_us: int


def check_name(name: object, what: str) -> str:
    """`name` if it is one: text without line breaks or blanks at its ends, of at most 100 characters."""
    if (
        not isinstance(name, str)
        or not name
        or name != name.strip()
        or len(name) > _LONGEST_NAME
        or not name.isprintable()
    ):
        raise ConfigError(
            f"{what} must be printable text of 1 to {_LONGEST_NAME} characters without blanks at its ends, "
            f"got {name!r:.120}."
        )
    return name


def check_item(item: Item, kind: ItemKind, classes: Sequence[str]) -> Item:
    """`item` with plain values, fit to be kept; images are left as they are.

    Raises
    ------
    DataError
        Naming the field (`id`, `content`, `meta` or `gold`) that does not fit.
    """
    identity = item.id
    if isinstance(identity, Integral) and not isinstance(identity, bool):
        identity = str(int(identity))
    if not isinstance(identity, str) or not identity.strip() or len(identity) > _LONGEST_ID:
        raise DataError(f"an item's id is text of 1 to {_LONGEST_ID} characters", column="id", value=_short(item.id))
    content = item.content if kind == "image" else check_content(item.content, kind)
    if not isinstance(item.meta, Mapping):
        raise DataError("meta is a mapping of names to plain values", column="meta", value=_short(item.meta))
    meta = _plain(item.meta, "meta")
    if item.gold is not None and (not isinstance(item.gold, str) or item.gold not in classes):
        raise DataError(f"the known answer is none of {', '.join(classes)}", column="gold", value=_short(item.gold))
    for column, value in (("id", identity), ("content", content if kind != "image" else "")):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise DataError("half a character is not proper text", column=column, value=_short(value)) from None
    return Item(identity, content, meta, item.gold)


def check_content(content: Any, kind: ItemKind) -> Any:
    """`content` as what an item of this kind holds; DataError when it cannot be."""
    if kind == "text":
        if not isinstance(content, str):
            raise DataError("the content of a text item is a str", column="content", value=_short(content))
        return content
    if kind == "row":
        if not isinstance(content, Mapping) or not content:
            raise DataError("the content of a row item maps columns to values", column="content", value=_short(content))
        return _plain(content, "content")
    if not isinstance(content, str | Path | bytes):
        raise DataError("the content of an image item is a path or bytes", column="content", value=_short(content))
    return content


def check_kind(kind: object) -> ItemKind:
    """`kind` if items can be of it."""
    return cast(ItemKind, choice("kind", kind, get_args(ItemKind)))


def _plain(value: Any, column: str) -> Any:
    """`value` as JSON has it: NaN is null, a moment is ISO text, NumPy's scalars are Python's."""
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        value = value.item()
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime | date):
        return None if value != value else value.isoformat()  # noqa: PLR0124 - NaT
    if isinstance(value, Mapping):
        return {str(name): _plain(part, column) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part, column) for part in value]
    raise DataError(f"{type(value).__name__} is no plain value", column=column, value=_short(value))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
