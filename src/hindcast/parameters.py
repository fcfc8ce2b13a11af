"""What a caller may give: whole numbers, numbers, shares, switches, seeds and words, checked at the border.

A parameter of the wrong type or out of its range is answered by name, with what was given and what would be taken,
before any work starts. Each check returns the value as plain Python, so that NumPy scalars do not travel on. Cost: a
microsecond each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from contextlib import suppress
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import Any

from hindcast.errors import ConfigError, UnknownName

__all__ = ["choice", "number", "level_of", "progress_of", "path_of", "seed_of", "share", "switch", "whole"]


def whole(name: str, value: Any, *, least: int | None = None, most: int | None = None) -> int:
    """A whole number, within bounds that are themselves allowed.

    Parameters
    ----------
    name : str
        What the caller calls it, such as ``"n"`` or ``"smote: k"``.
    value : object
        What was given: an ``int`` or an integer of NumPy. ``True``, ``3.0`` and ``"3"`` are refused: each is more
        often a slip than a wish.
    least, most : int, optional
        The smallest and the greatest that make sense.

    Returns
    -------
    int

    Raises
    ------
    ConfigError
        Says what was given, of which type, and what is taken.

    Examples
    --------
    >>> whole("n", 20, least=1)
    20
    >>> whole("n", 2.5, least=1)
    Traceback (most recent call last):
        ...
    hindcast.errors.ConfigError: n must be a whole number of at least 1, got 2.5 (float).
    """
    if isinstance(value, Integral) and not _is_switch(value):
        found = int(value)
        if (least is None or found >= least) and (most is None or found <= most):
            return found
    raise _refused(name, f"a whole number{_bounds(least, most)}", value)


def number(
    name: str,
    value: Any,
    *,
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> float:
    """A finite number; `least` and `most` are allowed themselves, `above` and `below` are not.

    Raises
    ------
    ConfigError
        For anything else, NaN and infinity included.

    Examples
    --------
    >>> number("alpha", 1, above=0)
    1.0
    >>> number("alpha", float("nan"), above=0)
    Traceback (most recent call last):
        ...
    hindcast.errors.ConfigError: alpha must be a number above 0, got nan (float).
    """
    if isinstance(value, Real) and not _is_switch(value):
        try:
            found = float(value)
        except OverflowError:
            found = math.inf
        if (
            math.isfinite(found)
            and (least is None or found >= least)
            and (most is None or found <= most)
            and (above is None or found > above)
            and (below is None or found < below)
        ):
            return found
    raise _refused(name, f"a number{_bounds(least, most, above, below)}", value)


def share(name: str, value: Any, *, zero: bool = False, one: bool = True) -> float:
    """A share of a whole: a number between 0 and 1; `zero` and `one` say whether the ends make sense.

    Examples
    --------
    >>> share("share", 0.25)
    0.25
    >>> share("share", 25)
    Traceback (most recent call last):
        ...
    hindcast.errors.ConfigError: share must be a number above 0 and at most 1, got 25 (int).
    """
    return number(
        name,
        value,
        least=0.0 if zero else None,
        above=None if zero else 0.0,
        most=1.0 if one else None,
        below=None if one else 1.0,
    )


def level_of(name: str, value: Any) -> float:
    """How sure an interval is: a number between 0 and 1, both excluded.

    Examples
    --------
    >>> level_of("level", 0.95)
    0.95
    """
    return share(name, value, one=False)


def seed_of(value: Any, name: str = "seed") -> int:
    """A seed: a whole number from 0, the same run for the same seed.

    Examples
    --------
    >>> seed_of(7)
    7
    >>> seed_of(None)
    Traceback (most recent call last):
        ...
    hindcast.errors.ConfigError: seed must be a whole number of at least 0, got None (NoneType).
    """
    return whole(name, value, least=0)


def switch(name: str, value: Any) -> bool:
    """``True`` or ``False``, nothing that only counts as such.

    Examples
    --------
    >>> switch("replace", True)
    True
    >>> switch("replace", "no")
    Traceback (most recent call last):
        ...
    hindcast.errors.ConfigError: replace must be True or False, got 'no' (str).
    """
    if _is_switch(value):
        return bool(value)
    raise _refused(name, "True or False", value)


def choice(name: str, value: Any, known: Iterable[str], *, where: str = "") -> str:
    """One of the `known` words.

    Raises
    ------
    UnknownName
        For another word, with the closest ones.
    ConfigError
        For what is no word at all.

    Examples
    --------
    >>> choice("method", "majority", ["majority", "weighted"])
    'majority'
    >>> choice("method", "majorty", ["majority", "weighted"])
    Traceback (most recent call last):
        ...
    hindcast.errors.UnknownName: no method 'majorty'. Did you mean 'majority'? Known: majority, weighted.
    """
    words = list(known)
    if not isinstance(value, str):
        place = f"{where}: " if where else ""
        raise _refused(f"{place}{name}", " or ".join(map(repr, words)), value)
    if value not in words:
        raise UnknownName(name, value, words, where=where)
    return str(value)


def path_of(name: str, value: Any) -> Path:
    """A path of a file or folder, there or not.

    Examples
    --------
    >>> path_of("folder", "models/v1").name
    'v1'
    >>> path_of("folder", 3)
    Traceback (most recent call last):
        ...
    hindcast.errors.ConfigError: folder must be a path, got 3 (int).
    """
    if isinstance(value, str | PathLike) and "\0" not in str(value):
        with suppress(TypeError):  # a path of bytes
            return Path(value)
    raise _refused(name, "a path", value)


def progress_of(value: Any) -> Callable[[int, int], None]:
    """What is told how far the work is: a function of (done, all), or None, which gives one that does nothing.

    Examples
    --------
    >>> progress_of(None)(1, 10)
    >>> progress_of("bar")
    Traceback (most recent call last):
        ...
    hindcast.errors.ConfigError: progress must be a function of (done, all) or None, got 'bar' (str).
    """
    if value is None:
        return lambda done, all_: None
    if callable(value):
        told: Callable[[int, int], None] = value
        return told
    raise _refused("progress", "a function of (done, all) or None", value)


def _is_switch(value: Any) -> bool:
    # NumPy's own truth value is no `bool`, and is named so without loading NumPy
    return isinstance(value, bool) or (type(value).__module__ == "numpy" and type(value).__name__.startswith("bool"))


def _bounds(least: float | None, most: float | None, above: float | None = None, below: float | None = None) -> str:
    said = [
        f"{word} {bound:g}"
        for word, bound in (("of at least", least), ("above", above), ("at most", most), ("below", below))
        if bound is not None
    ]
    return " " + " and ".join(said) if said else ""


def _refused(name: str, taken: str, value: Any) -> ConfigError:
    shown = repr(value)
    if len(shown) > 60:
        shown = f"{shown[:57]}..."
    return ConfigError(f"{name} must be {taken}, got {shown} ({type(value).__name__}).")
