"""What happens in a labelling project, one event after another: the only thing that is ever written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from hindcast.errors import DataError, StateError

__all__ = ["KINDS", "Event", "decode_event", "encode_event"]

KINDS = (
    "created", "guideline", "item", "refused", "annotator", "revoked", "enqueued", "shown", "answer", "undone",
    "adjudicated",
)  # fmt: skip
"""What can happen."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, for ever.

    Parameters
    ----------
    position : int
        Its place in the project's journal, from 1.
    at_us : int
        When, in microseconds since 1970 UTC; strictly increasing.
    kind : str
        One of :data:`KINDS`.
    who : str or None
        The annotator who did it, or whom it concerns; None for the project's owner.
    item : str or None
        The item it concerns.
    body : mapping
        What else there is to say, as plain values.
    """

    position: int
    at_us: int
    kind: str
    who: str | None = None
    item: str | None = None
    body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str | None:
        """The label of an answer or an adjudication."""
        label: str | None = self.body.get("label")
        return label

    @property
    def comment(self) -> str:
        """What was said with it."""
        return str(self.body.get("comment", ""))


class _Stored(msgspec.Struct, forbid_unknown_fields=True):
    """An event as it lies in the journal: JSON, so that anybody can read it."""

    at: int
    who: str | None = None
    item: str | None = None
    body: dict[str, Any] = {}


def _plain(value: Any) -> Any:
    """NumPy's scalars, as arrays of labels hold them, are plain values."""
    if isinstance(value, np.generic):
        return value.item()
    raise NotImplementedError(f"a {type(value).__name__} is no plain value")


_encoder = msgspec.json.Encoder(enc_hook=_plain)
_decoder = msgspec.json.Decoder(_Stored)


def encode_event(at_us: int, who: str | None, item: str | None, body: Mapping[str, Any]) -> bytes:
    """The bytes of an event: the same event is the same bytes everywhere, and what is in order stays so.

    Examples
    --------
    >>> encode_event(5, "ann", "c1", {"label": "spam"})
    b'{"at":5,"who":"ann","item":"c1","body":{"label":"spam"}}'
    >>> encode_event(5, None, "r1", {"content": {"street": "Main St", "city": "Oslo"}})
    b'{"at":5,"who":null,"item":"r1","body":{"content":{"street":"Main St","city":"Oslo"}}}'
    """
    try:
        return _encoder.encode(_Stored(at_us, who, item, dict(body)))
    except (TypeError, ValueError, OverflowError, UnicodeEncodeError, msgspec.MsgspecError) as error:
        raise DataError(f"what was given for item {item!r} cannot be written: {error}") from None


def decode_event(position: int, kind: str, data: bytes) -> Event:
    """The event that :func:`encode_event` wrote."""
    try:
        stored = _decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise StateError(
            f"labelling event {position} of kind {kind!r} is not readable ({error}). Restore the project from a "
            "backup, or upgrade hindcast if a newer version wrote it."
        ) from None
    return Event(position, stored.at, kind, stored.who, stored.item, stored.body)
