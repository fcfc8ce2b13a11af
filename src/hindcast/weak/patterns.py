"""Labelling functions that look for words, patterns and sizes: on whole columns, at the cost of the search itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from operator import contains
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.errors import ConfigError
from hindcast.parameters import switch, whole
from hindcast.values import Bools
from hindcast.weak.block import TEXT, Block
from hindcast.weak.functions import Answered, LabellingFunction, check_label, identity_of
from hindcast.weak.given import word, words_of

__all__ = ["keyword", "regex", "threshold"]


def keyword(
    words: str | Iterable[str],
    label: Any,
    *,
    column: str = TEXT,
    whole_word: bool = False,
    match_case: bool = False,
    name: str | None = None,
) -> LabellingFunction:
    """Vote for `label` where a text contains one of `words`; null abstains.

    Parameters
    ----------
    words : str or iterable of str
    label : str, int or bool
    column : str, default "text"
    whole_word : bool, default False
        Whether "my" must stand alone; by default it is found in "enemy" too. A letter, digit or underscore next to it
        makes it a part of another word.
    match_case : bool, default False
        By default case makes no difference, in any script (``str.casefold``).
    name : str, optional
        By default ``keyword_`` and the first word.

    Notes
    -----
    O(rows x words) searches in C; the folded column is shared by all functions of one run.

    Examples
    --------
    >>> plea = keyword(["please", "plz"], "spam")
    >>> plea.name, plea("PLZ visit"), plea("hello")
    ('keyword_please', 'spam', None)
    >>> keyword("my", 1, whole_word=True)("enemy") is None
    True
    """
    match_case, whole_word = switch("keyword: match_case", match_case), switch("keyword: whole_word", whole_word)
    column, listed = word("keyword: column", column), words_of("keyword: words", words)
    listed = tuple(dict.fromkeys(listed if match_case else (one.casefold() for one in listed)))
    name = word("keyword: name", name, f"keyword_{listed[0]}")
    where = f"labelling function {name!r}"
    label = check_label(label, where)
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, listed))})(?!\w)") if whole_word else None

    def votes(block: Block) -> Answered:
        texts = block.texts(column, where) if match_case else block.folded(column, where)
        present, known = _present(texts)
        if pattern is not None:
            hit = _flags(map(pattern.search, known), len(known))
        else:
            hit = np.zeros(len(known), dtype=np.bool_)
            for word in listed:
                hit |= np.fromiter(map(contains, known, repeat(word)), np.bool_, len(known))
        return _one_label(label, hit, present, len(block))

    spec = {"kind": "keyword", "words": listed, "column": column, "whole_word": whole_word, "match_case": match_case}
    return _made(name, column, votes, label, spec)


def regex(
    pattern: str | re.Pattern[str],
    label: Any,
    *,
    column: str = TEXT,
    flags: int = re.IGNORECASE,
    name: str | None = None,
) -> LabellingFunction:
    """Vote for `label` where a text has a match of a regular expression of Python anywhere; null abstains.

    Parameters
    ----------
    pattern : str or compiled pattern
        A compiled one keeps its own flags.
    label : str, int or bool
    column : str, default "text"
    flags : int, default re.IGNORECASE
    name : str, optional
        By default ``regex_`` and the pattern.

    Examples
    --------
    >>> regex(r"check.*out", "spam")("Check this OUT")
    'spam'
    """
    column, flags = word("regex: column", column), whole("regex: flags", flags, least=0)
    try:
        made = re.compile(pattern, flags) if isinstance(pattern, str) else pattern
    except (re.error, ValueError, DeprecationWarning) as error:
        raise ConfigError(f"regex({pattern!r}) is no regular expression: {error}.") from None
    if not isinstance(made, re.Pattern) or not isinstance(made.pattern, str):
        raise ConfigError(f"regex() needs a pattern of text, got {pattern!r}.")
    name = word("regex: name", name, f"regex_{made.pattern}")
    where = f"labelling function {name!r}"
    label = check_label(label, where)

    def votes(block: Block) -> Answered:
        present, known = _present(block.texts(column, where))
        return _one_label(label, _flags(map(made.search, known), len(known)), present, len(block))

    return _made(name, column, votes, label, {
        "kind": "regex", "pattern": made.pattern, "flags": int(made.flags), "column": column,
    })  # fmt: skip


def threshold(
    column: str,
    label: Any,
    *,
    above: float | None = None,
    below: float | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
    name: str | None = None,
) -> LabellingFunction:
    """Vote for `label` where a number lies between bounds; null abstains.

    Examples
    --------
    >>> threshold("amount", "fraud", above=1_000)(1_200.0)
    'fraud'
    """
    column = word("threshold: column", column)
    bounds = {"above": above, "below": below, "at_least": at_least, "at_most": at_most}
    given: dict[str, float] = {}
    for what, bound in bounds.items():
        if bound is not None:
            if isinstance(bound, bool) or not isinstance(bound, int | float | np.number) or bound != bound:  # noqa: PLR0124
                raise ConfigError(f"threshold({column!r}): {what} is {bound!r}, not a number.")
            given[what] = float(bound)
    if not given:
        raise ConfigError(f"threshold({column!r}) needs a bound: above, below, at_least or at_most.")
    name = word("threshold: name", name, "_".join([column, *(f"{what}_{bound:g}" for what, bound in given.items())]))
    where = f"labelling function {name!r}"
    label = check_label(label, where)

    def votes(block: Block) -> Answered:
        numbers = block.numbers(column, where)
        hit = ~np.isnan(numbers)
        for what, bound in given.items():
            hit &= _COMPARED[what](numbers, bound)
        return (label,), np.where(hit, 0, -1).astype(np.int16)

    return _made(name, column, votes, label, {"kind": "threshold", "column": column, **given})


_COMPARED: dict[str, Callable[[Any, Any], Bools]] = {
    "above": np.greater,
    "below": np.less,
    "at_least": np.greater_equal,
    "at_most": np.less_equal,
}


def _made(
    name: str, column: str, votes: Callable[[Block], Answered], label: Any, spec: dict[str, Any]
) -> LabellingFunction:
    spec = {**spec, "label": label}
    identity, unknown = identity_of(spec["kind"], type(label).__name__, spec)
    return LabellingFunction(
        name, (column,), whole=votes, labels=(label,), identity=identity, unknown=unknown, spec=spec
    )


def _present(texts: Sequence[str | None]) -> tuple[NDArray[np.int64] | None, Sequence[str]]:
    """The places of texts that are there (None: all of them), and these texts."""
    if None not in texts:
        return None, texts  # type: ignore[return-value]
    places = [place for place, text in enumerate(texts) if text is not None]
    return np.array(places, dtype=np.int64), [texts[place] for place in places]  # type: ignore[misc]


def _flags(found: Iterable[Any], count: int) -> Bools:
    """Where something was found."""
    return np.fromiter(map(bool, found), np.bool_, count)


def _one_label(label: Any, hit: Bools, present: NDArray[np.int64] | None, rows: int) -> Answered:
    codes = np.full(rows, -1, dtype=np.int16)
    if present is None:
        codes[hit] = 0
    else:
        codes[present[hit]] = 0
    return (label,), codes
