"""An entry of the ledger, and its one written form: the same history is the same bytes everywhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from hindcast.errors import ConfigError
from hindcast.values import canonical

__all__ = ["Draft", "Entry", "Row", "line", "opened", "written"]

_NOT_FINITE = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was decided or observed, for ever.

    Parameters
    ----------
    number : int
        Its place in the ledger, from 1, without gaps.
    at_us : int
        The moment of the decision (of the replay's clock, in a replay).
    system, target : str
        Whom it concerns.
    kind : str
        ``run``, ``training``, ``version``, ``verdict``, ``promotion``, ``rollback``, ``trial``, ``alert``,
        ``retraining``, or a word of your own.
    body : mapping
        Plain values: inputs, figures, reason. Yours to change; the ledger keeps its own.
    group, request_id : str
        Empty when there is none.
    """

    number: int
    at_us: int
    system: str
    target: str
    kind: str
    body: Mapping[str, Any]
    group: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry to be, without its number; see :class:`Entry`."""

    kind: str
    body: Mapping[str, Any]
    at_us: int
    system: str
    target: str
    request_id: str = ""
    group: str = ""


class Row(NamedTuple):
    """An entry as it is stored: the body as canonical JSON."""

    number: int
    at_us: int
    system: str
    target: str
    kind: str
    request_id: str
    group: str
    body: str


def written(draft: Draft, number: int) -> Row:
    """The stored form of `draft`; ConfigError when it has none."""
    for name in ("kind", "system", "target", "request_id", "group"):
        value = getattr(draft, name)
        if not isinstance(value, str) or (not value and name in ("kind", "system")):
            raise ConfigError(f"ledger entry of kind {draft.kind!r}: {name} must be a text, got {value!r}.")
    if isinstance(draft.at_us, bool) or not isinstance(draft.at_us, int):
        raise ConfigError(
            f"ledger entry of kind {draft.kind!r}: at_us must be whole microseconds, got {draft.at_us!r}."
        )
    if not -(1 << 63) <= draft.at_us < 1 << 63:
        raise ConfigError(f"ledger entry of kind {draft.kind!r}: at_us {draft.at_us} does not fit in 64 bits.")
    try:
        body = canonical(draft.body).decode()
    except UnicodeEncodeError as error:
        raise ConfigError(f"ledger entry of kind {draft.kind!r}: its body is not proper text ({error}).") from None
    return Row(number, draft.at_us, draft.system, draft.target, draft.kind, draft.request_id, draft.group, body)


def opened(row: Row) -> Entry:
    """The entry that `row` stores, with a body of its own.

    Examples
    --------
    >>> opened(written(Draft("run", {"auc": float("nan")}, 5, "flights", "late"), 1)).body
    {'auc': nan}
    """
    body = json.loads(row.body, object_hook=_number)
    return Entry(row.number, row.at_us, row.system, row.target, row.kind, body, row.group, row.request_id)


def line(row: Row) -> bytes:
    """The canonical JSON of a whole entry, its line in an export."""
    text = (
        f'{{"at_us":{row.at_us},"body":{row.body},"group":{_quoted(row.group)},"kind":{_quoted(row.kind)},'
        f'"number":{row.number},"request_id":{_quoted(row.request_id)},"system":{_quoted(row.system)},'
        f'"target":{_quoted(row.target)}}}\n'
    )
    return text.encode()


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _number(item: dict[str, Any]) -> Any:
    """Undo how canonical JSON spells a number that is not finite."""
    if len(item) == 1 and item.get("float") in _NOT_FINITE:
        return _NOT_FINITE[item["float"]]
    return item
