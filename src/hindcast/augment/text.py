"""Texts said otherwise: changes of wording, spelling and order after which a text's label should still hold.

Every change is a value: parameters and nothing learnt. ``change(texts, seed)`` gives as many texts; a text's change
depends on the seed and on its place, never on its neighbours.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from types import MappingProxyType
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.parameters import seed_of, share, whole

__all__ = [
    "DeleteWords",
    "SwapWords",
    "Synonyms",
    "TextChange",
    "Typos",
    "changed_texts",
    "delete_words",
    "from_template",
    "swap_words",
    "synonyms",
    "typos",
]

_WORDS = re.compile(r"\w+(?:['’]\w+)*", re.UNICODE)
_ROWS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")


@runtime_checkable
class TextChange(Protocol):
    """A change of one text; laws: the same text and generator give the same, and an empty text stays empty."""

    of: ClassVar[str]
    """``"texts"`` or ``"pictures"``: what it changes."""

    @property
    def name(self) -> str: ...

    def one(self, text: str, rng: np.random.Generator) -> str:
        """The text, changed."""
        ...

    def describe(self) -> dict[str, Any]: ...


def changed_texts(change: TextChange, texts: Sequence[str], seed: int = 0) -> list[str]:
    """Every text changed once.

    Parameters
    ----------
    change : TextChange
    texts : sequence of str
    seed : int, default 0

    Raises
    ------
    DataError
        For something that is no text.

    Examples
    --------
    >>> changed_texts(synonyms({"big": ["large"]}, rate=1.0), ["A big dog", "a cat"])
    ['A large dog', 'a cat']
    """
    if getattr(change, "of", None) != "texts":
        raise ConfigError(f"{change!r:.60} does not change texts; give typos(), synonyms(), ...")
    if isinstance(texts, str | bytes) or not isinstance(texts, Iterable) or getattr(texts, "shape", None) == ():
        raise DataError(f"texts are a sequence of them, got {texts!r:.60}.")
    found = []
    for at, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError("not a text", row=at + 1, value=text)
        found.append(change.one(text, np.random.default_rng([seed_of(seed), 71, at])))
    return found


def _share(what: str, rate: float) -> None:
    share(f"{what}: rate", rate)


def _cased(word: str, like: str) -> str:
    """`word` in capitals, with a capital, or as it is, as `like` is written."""
    if len(like) > 1 and like.isupper():
        return word.upper()
    return word[:1].upper() + word[1:] if like[:1].isupper() else word


# ---- other words ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Synonyms:
    """Words replaced by one of their synonyms; see :func:`synonyms`."""

    table: Mapping[str, tuple[str, ...]]
    rate: float
    name: str = field(default="synonyms", init=False)
    of: ClassVar[str] = "texts"

    def one(self, text: str, rng: np.random.Generator) -> str:
        def other(match: re.Match[str]) -> str:
            choices = self.table.get(match[0].casefold())
            if choices is None or rng.random() >= self.rate:
                return match[0]
            return _cased(choices[int(rng.integers(len(choices)))], match[0])

        return _WORDS.sub(other, text)

    def describe(self) -> dict[str, Any]:
        return {"change": self.name, "table": {k: list(v) for k, v in self.table.items()}, "rate": self.rate}


def synonyms(table: Mapping[str, Iterable[str]], rate: float = 0.3) -> Synonyms:
    """Replace words that have synonyms in `table`, each with the chance `rate`; capitals are kept.

    Parameters
    ----------
    table : mapping of str to iterable of str
        What may stand for a word; keys match whatever their case. Whether a word may stand for another depends on the
        task, so there is no table of its own.
    rate : float, default 0.3

    Raises
    ------
    ConfigError
        For an empty table, a word without synonyms, or a rate outside (0, 1].
    """
    _share("synonyms", rate)
    if not isinstance(table, Mapping) or not table:
        raise ConfigError("synonyms() takes a table such as {'big': ['large', 'huge']}.")
    made: dict[str, tuple[str, ...]] = {}
    for word in sorted(table):
        others = table[word]
        choices = (others,) if isinstance(others, str) else tuple(others)
        if not choices:
            raise ConfigError(f"synonyms(): {word!r} has no synonym; leave it out of the table.")
        made[word.casefold()] = made.get(word.casefold(), ()) + choices
    return Synonyms(MappingProxyType(made), rate)


# ---- other letters ----------------------------------------------------------------------------------------


def _neighbours() -> dict[str, str]:
    """Keys that lie beside each other on a keyboard of English letters."""
    beside: dict[str, set[str]] = {}
    for at, row in enumerate(_ROWS):
        for place, key in enumerate(row):
            near = {row[p] for p in (place - 1, place + 1) if 0 <= p < len(row)}
            if at + 1 < len(_ROWS):
                below = {_ROWS[at + 1][p] for p in (place - 1, place) if 0 <= p < len(_ROWS[at + 1])}
                near |= below
                for other in below:
                    beside.setdefault(other, set()).add(key)
            beside.setdefault(key, set()).update(near)
    return {key: "".join(sorted(near - set(string.digits)) or sorted(near)) for key, near in beside.items()}


_BESIDE = _neighbours()


@dataclass(frozen=True)
class Typos:
    """Slips of the finger; see :func:`typos`."""

    rate: float
    shortest: int
    name: str = field(default="typos", init=False)
    of: ClassVar[str] = "texts"

    def one(self, text: str, rng: np.random.Generator) -> str:
        def slip(match: re.Match[str]) -> str:
            word = match[0]
            if len(word) < self.shortest or not word.isalpha() or rng.random() >= self.rate:
                return word
            return _slip(word, rng)

        return _WORDS.sub(slip, text)

    def describe(self) -> dict[str, Any]:
        return {"change": self.name, "rate": self.rate, "shortest": self.shortest}


def _slip(word: str, rng: np.random.Generator) -> str:
    at = int(rng.integers(1, len(word)))  # the first letter is seldom wrong
    kind = int(rng.integers(4))
    if kind == 0:
        return word[:at] + word[at + 1 :]
    if kind == 1:
        return word[:at] + word[at] + word[at:]
    if kind == 2 and at + 1 < len(word) and word[at] != word[at + 1]:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    near = _BESIDE.get(word[at].casefold())
    if near is None:  # a letter no such keyboard has
        return word[:at] + word[at + 1 :]
    return word[:at] + _cased(near[int(rng.integers(len(near)))], word[at]) + word[at + 1 :]


def typos(rate: float = 0.1, *, shortest: int = 4) -> Typos:
    """In a share `rate` of the words of at least `shortest` letters, one slip: a letter lost, doubled, swapped with the
    next, or replaced by the key beside it. The first letter stays."""
    _share("typos", rate)
    whole("typos: shortest", shortest, least=2)
    return Typos(rate, shortest)


# ---- other order ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SwapWords:
    """Neighbouring words swapped; see :func:`swap_words`."""

    rate: float
    name: str = field(default="swap_words", init=False)
    of: ClassVar[str] = "texts"

    def one(self, text: str, rng: np.random.Generator) -> str:
        matches = list(_WORDS.finditer(text))
        words = [m[0] for m in matches]
        at = 0
        while at + 1 < len(words):
            if rng.random() < self.rate:
                words[at], words[at + 1] = words[at + 1], words[at]
                at += 1
            at += 1
        return _rejoined(text, matches, words)

    def describe(self) -> dict[str, Any]:
        return {"change": self.name, "rate": self.rate}


def swap_words(rate: float = 0.1) -> SwapWords:
    """Swap neighbouring words, each pair with the chance `rate`, no word twice; what stands between them stays."""
    _share("swap_words", rate)
    return SwapWords(rate)


@dataclass(frozen=True)
class DeleteWords:
    """Words left out; see :func:`delete_words`."""

    rate: float
    keep: frozenset[str]
    name: str = field(default="delete_words", init=False)
    of: ClassVar[str] = "texts"

    def one(self, text: str, rng: np.random.Generator) -> str:
        matches = list(_WORDS.finditer(text))
        loose = [at for at, m in enumerate(matches) if m[0].casefold() not in self.keep]
        gone = {at for at in loose if rng.random() < self.rate}
        if len(gone) == len(matches) and gone:
            gone.discard(loose[int(rng.integers(len(loose)))])  # something is left to read
        words = ["" if at in gone else m[0] for at, m in enumerate(matches)]
        return re.sub(r" {2,}", " ", _rejoined(text, matches, words)).strip(" ") if gone else text

    def describe(self) -> dict[str, Any]:
        return {"change": self.name, "rate": self.rate, "keep": sorted(self.keep)}


def delete_words(rate: float = 0.1, *, keep: Iterable[str] = ()) -> DeleteWords:
    """Leave words out, each with the chance `rate`, but never all, and never one of `keep` (such as "not").

    Examples
    --------
    >>> changed_texts(delete_words(1.0, keep=["not", "good"]), ["this is not good"])
    ['not good']
    """
    _share("delete_words", rate)
    if isinstance(keep, str) or not isinstance(keep, Iterable) or getattr(keep, "shape", None) == ():
        raise ConfigError(f"delete_words: keep is a list of words, got {keep!r:.60}.")
    keep = list(keep)
    if not all(isinstance(word, str) for word in keep):
        raise ConfigError(f"delete_words: keep is a list of words, got {keep!r:.60}.")
    return DeleteWords(rate, frozenset(word.casefold() for word in keep))


def _rejoined(text: str, matches: Sequence[re.Match[str]], words: Sequence[str]) -> str:
    parts, last = [], 0
    for match, word in zip(matches, words, strict=True):
        parts += [text[last : match.start()], word]
        last = match.end()
    return "".join([*parts, text[last:]])


# ---- from templates ---------------------------------------------------------------------------------------


def from_template(
    template: str, slots: Mapping[str, Sequence[str]], n: int | None = None, *, seed: int = 0
) -> list[str]:
    """Texts made from a template, in the order of the slots' values, or `n` different ones drawn at random.

    Parameters
    ----------
    template : str
        With slots in braces: ``"book a table for {number} at {place}"``.
    slots : mapping of str to sequence of str
        What may fill each.
    n : int, optional
        Fewer than there are: that many different ones, drawn without putting back.
    seed : int, default 0

    Raises
    ------
    UnknownName
        For a slot that the template names and nobody fills, or the other way round.
    ConfigError
        For a slot without values.

    Examples
    --------
    >>> from_template("fly to {city} {day}", {"city": ["Rome", "Oslo"], "day": ["today"]})
    ['fly to Rome today', 'fly to Oslo today']
    """
    names = list(dict.fromkeys(field for _, field, _, _ in string.Formatter().parse(template) if field is not None))
    for name in names:
        if name not in slots:
            raise UnknownName("slot", name, slots, where=f"template {template!r}")
    n = None if n is None else whole("from_template: n", n, least=0, most=10**7)
    for name in sorted(slots):
        if name not in names:
            raise UnknownName("slot", name, names, where=f"template {template!r}, which does not use it")
        if isinstance(slots[name], str) or not slots[name]:
            raise ConfigError(f"template {template!r}: slot {name!r} needs a list of texts, got {slots[name]!r}.")
    sizes = [len(slots[name]) for name in names]
    total = int(np.prod(sizes, dtype=object)) if sizes else 1
    if n is None or n >= total:
        return [_filled(template, names, values) for values in product(*(slots[name] for name in names))]
    return [_filled(template, names, values) for values in _drawn(names, slots, sizes, total, n, seed)]


def _drawn(
    names: Sequence[str], slots: Mapping[str, Sequence[str]], sizes: Sequence[int], total: int, n: int, seed: int
) -> Iterator[tuple[str, ...]]:
    """`n` different combinations in a random order, without making all of them."""
    rng = np.random.default_rng([seed_of(seed), 72])
    seen: dict[int, None] = {}
    while len(seen) < n:
        place = 0
        for size in sizes:
            place = place * size + int(rng.integers(size))
        seen.setdefault(place)
    for place in seen:
        values = []
        rest = place
        for name, size in zip(reversed(names), reversed(sizes), strict=True):
            rest, which = divmod(rest, size)
            values.append(slots[name][which])
        yield tuple(reversed(values))


def _filled(template: str, names: Sequence[str], values: Sequence[str]) -> str:
    return template.format(**dict(zip(names, values, strict=True)))
