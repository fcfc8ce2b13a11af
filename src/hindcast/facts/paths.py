"""A path says where in a document a value stands: ``payment.amount``, ``items[0].sku``, ``items.length``."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from hindcast.errors import ConfigError

__all__ = ["Part", "DocumentPath", "Step", "spelled"]

_LONGEST, _MOST_STEPS = 1_000, 32
_NAME = re.compile(r"[^\s.\[\]\"'?]+")
_INDEX = re.compile(r"\[(-?\d{1,9})\]")
_DOUBLE = re.compile(r"\[(\"(?:[^\"\\]|\\.)*\")\]")
_SINGLE = re.compile(r"\['([^'\\]*)'\]")


class Part(Enum):
    """A step that is neither a name nor an index."""

    LENGTH = "length"


Step = str | int | Part


@dataclass(frozen=True, slots=True)
class DocumentPath:
    """Steps from a document to one value in it.

    Parameters
    ----------
    steps : tuple of str, int or Part
        A name goes into an object, an index into a list (from its end when negative), the length is a list's. In an
        object the last is a field called "length".
    optional : bool, default False
        Whether no document at all need have it. A path that single documents lack is nothing special: null.

    Examples
    --------
    >>> DocumentPath.of("items[-1].sku").steps
    ('items', -1, 'sku')
    >>> str(DocumentPath.of('["ship to"]["city"]')), str(DocumentPath.of("coupon.code?"))
    ('["ship to"].city', 'coupon.code?')
    """

    steps: tuple[Step, ...]
    optional: bool = False

    def __str__(self) -> str:
        return spelled(self.steps) + ("?" if self.optional else "")

    @staticmethod
    @lru_cache(maxsize=4096)
    def of(text: str, where: str = "path") -> DocumentPath:
        """The path that a text spells.

        Names stand with dots between; ``["any name"]`` for one with blanks, dots or brackets in it, or for a field
        that is called length; ``[0]`` is the first element of a list and ``[-1]`` its last; ``.length`` says how many
        there are. A path that ends in ``?`` may be found in no document of a whole file.

        Raises
        ------
        ConfigError
            Saying at which character it stops making sense.
        """
        if not isinstance(text, str) or not text or len(text) > _LONGEST:
            raise ConfigError(f"{where}: a path is a text of 1 to {_LONGEST} characters, such as 'payment.amount'.")
        steps: list[Step] = []
        optional = text.endswith("?")
        end = len(text) - optional
        at = 0
        while at < end:
            dotted = text[at] == "."
            if dotted and not steps:
                raise _nonsense(text, at, where)
            at += dotted
            if text[at:end].startswith("["):
                if dotted:
                    raise _nonsense(text, at, where)
                match = _INDEX.match(text, at, end) or _DOUBLE.match(text, at, end) or _SINGLE.match(text, at, end)
                step = _bracketed(match) if match else None
            else:
                match = _NAME.match(text, at, end) if dotted or not steps else None
                step = match[0] if match else None
                if step == "length" and steps:
                    step = Part.LENGTH
            if match is None or step is None or (isinstance(step, int) and not steps):
                raise _nonsense(text, at, where)
            steps.append(step)
            at = match.end()
        if not steps:
            raise _nonsense(text, 0, where)
        if len(steps) > _MOST_STEPS:
            raise ConfigError(f"{where}: {text[:60]!r}... has {len(steps)} steps; {_MOST_STEPS} are allowed.")
        return DocumentPath(tuple(steps), optional)


def _bracketed(match: re.Match[str]) -> Step | None:
    if match.re is _INDEX:
        return int(match[1])
    try:
        name: str = json.loads(match[1]) if match.re is _DOUBLE else match[1]
        name.encode()
    except ValueError:
        return None
    return name


def _nonsense(text: str, at: int, where: str) -> ConfigError:
    found = repr(text[at]) if at < len(text) else "the end"
    return ConfigError(
        f"{where}: {text!r} is not a path: {found} at character {at + 1}. Write it like 'payment.amount', "
        "'items[0].sku', 'items[-1].sku', 'items.length' or '[\"odd name\"].field'."
    )


def spelled(steps: tuple[Step, ...]) -> str:
    """The one text of these steps."""
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step is Part.LENGTH:
            text += ".length"
        elif _NAME.fullmatch(str(step)) and (step != "length" or not text):
            text += f".{step}" if text else str(step)
        else:
            text += f"[{json.dumps(step, ensure_ascii=False)}]"
    return text
