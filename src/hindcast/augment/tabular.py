"""Copies of rows with a little noise: numbers moved by a part of their column's spread, categories swapped for others.

How far a column spreads and which categories it has is learnt on the rows a step is given, those to learn from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from hindcast.columns import Column, Frame
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.parameters import number, seed_of, share, whole
from hindcast.trainset.rows import Rows
from hindcast.values import Bools, Floats

__all__ = ["Jitter", "SwapCategory", "jitter", "jittered", "swap_category", "swapped_categories"]

_JITTER, _SWAP = 0x6A697474, 0x73776170


def with_copies(rows: Rows, changed: list[Frame], weight: float) -> Rows:
    """Rows, and below them a changed copy of each per frame of `changed`, which counts `weight` times as much."""
    times = len(changed)
    return Rows(
        Frame.concat([rows.features, *changed]),
        np.tile(rows.label, times + 1),
        np.concatenate([rows.weight, np.tile(rows.weight * weight, times)]),
        np.tile(rows.as_of, times + 1),
    )


def checked_copies(what: str, times: int, weight: float) -> None:
    """Refuse a number of copies below 1, or a weight that is not above zero."""
    whole(f"{what}: times", times, least=1, most=10_000)
    number(f"{what}: weight", weight, above=0.0)


def _named(what: str, columns: Any) -> tuple[str, ...] | None:
    if columns is None:
        return None
    if not isinstance(columns, str | list | tuple) or not all(isinstance(name, str) for name in columns):
        raise ConfigError(f"{what}: columns are names, got {columns!r:.60}.")
    return (columns,) if isinstance(columns, str) else tuple(columns)


def _chosen(what: str, features: Frame, columns: tuple[str, ...] | None, kinds: tuple[str, ...]) -> list[str]:
    """The columns to change: those asked for, or all of such a kind whose name does not start with two underscores."""
    if columns is None:
        return [name for name, kind in features.kinds.items() if kind in kinds and not name.startswith("__")]
    for name in columns:
        if name not in features:
            raise UnknownName("column", name, features.names, where=what)
        if features[name].kind not in kinds:
            raise ConfigError(f"{what} changes columns of {' and '.join(kinds)}; {name!r} is of {features[name].kind}.")
    return list(columns)


def _places(columns: Any, width: int) -> list[int]:
    """Places of the columns to change: all, or those given."""
    if columns is None:
        return list(range(width))
    if not isinstance(columns, list | tuple | range | np.ndarray) or len(np.shape(columns)) != 1:
        raise ConfigError(f"columns are places, 0 to {width - 1}, got {columns!r:.60}.")
    return [whole("a column's place", k, least=0, most=width - 1) for k in columns]


def _spread(values: Floats) -> float:
    known = values[np.isfinite(values)]
    spread = float(known.std()) if known.size else 0.0
    return spread if np.isfinite(spread) else 0.0


@dataclass(frozen=True)
class Jitter:
    """Copies of rows whose numbers are moved by normal noise, a part of their column's standard deviation.

    Whole numbers are rounded, missing ones stay missing, and no copy leaves the range its column has. A column that
    never varies stays as it is.

    Parameters
    ----------
    scale : float, default 0.05
        Of the noise, in standard deviations of the column; above zero.
    columns : sequence of str, optional
        All numbers and integers unless given. Leave out codes that only look like numbers.
    times : int, default 1
        Copies of each row.
    weight : float, default 1.0
        Of a copy, beside its row.

    Examples
    --------
    >>> rows = Rows.of(Frame.of({"x": [0.0, 1.0, 2.0]}), [0, 1, 1])
    >>> after = jitter(0.1).apply(rows, seed=0)
    >>> len(after), after.label.tolist()
    (6, [0.0, 1.0, 1.0, 0.0, 1.0, 1.0])
    """

    scale: float = 0.05
    columns: tuple[str, ...] | None = None
    times: int = 1
    weight: float = 1.0
    name: ClassVar[str] = "jitter"
    shifts_prior: ClassVar[bool] = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", _named(self.name, self.columns))
        number("jitter: scale", self.scale, above=0.0)
        checked_copies(self.name, self.times, self.weight)

    def describe(self) -> dict[str, Any]:
        columns = None if self.columns is None else list(self.columns)
        return {"step": self.name, "scale": self.scale, "columns": columns, "times": self.times, "weight": self.weight}

    def apply(self, rows: Rows, seed: int) -> Rows:
        chosen = _chosen(self.name, rows.features, self.columns, ("number", "integer"))
        copies = []
        for copy in range(self.times):
            random = np.random.default_rng([seed_of(seed), _JITTER, copy])
            made = {}
            for name in chosen:
                column = rows.features[name]
                values = _moved(column.floats(), self.scale, random)
                if column.kind == "integer":
                    whole = np.rint(np.where(column.present(), values, 0.0)).astype(np.int64)
                    made[name] = Column("integer", whole, column.valid)
                else:
                    made[name] = Column("number", values)
            copies.append(rows.features.having(**made))
        return with_copies(rows, copies, self.weight)


def _moved(values: Floats, scale: float, random: np.random.Generator) -> Floats:
    """Values with noise, within their own range; what is not finite stays."""
    noise = random.normal(0.0, 1.0, values.shape)
    spread = _spread(values)
    finite = np.isfinite(values)
    if not finite.any() or spread == 0:
        return values.copy()
    moved = np.clip(values + scale * spread * noise, values[finite].min(), values[finite].max())
    return np.where(finite, moved, values)


def jittered(X: Any, scale: float = 0.05, *, columns: Sequence[int] | None = None, seed: int = 0) -> Any:
    """A copy of the numbers X, shape (n, columns), moved as :class:`Jitter` does; of X's type.

    Examples
    --------
    >>> bool(np.abs(jittered([[0.0], [1.0], [2.0]], 0.1) - [[0.0], [1.0], [2.0]]).max() < 0.5)
    True
    """
    Jitter(scale)
    array = np.asarray(X)
    scale = number("jittered: scale", scale, above=0.0)
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise DataError(f"jittered takes numbers of shape (n, columns), got {array.dtype} of shape {array.shape}.")
    random = np.random.default_rng([seed_of(seed), _JITTER, 0])
    result = array.astype(np.float64)
    for k in _places(columns, array.shape[1]):
        result[:, k] = _moved(result[:, k], scale, random)
    return (np.rint(result) if array.dtype.kind in "iu" else result).astype(array.dtype)


@dataclass(frozen=True)
class SwapCategory:
    """Copies of rows in which a category is now and then that of another row, drawn at random.

    So frequent categories come more often, and a category nobody has never comes. What is missing may come too.

    Parameters
    ----------
    rate : float, default 0.1
        The chance of each value to be drawn anew, in (0, 1].
    columns : sequence of str, optional
        All texts and booleans unless given.
    times, weight
        As for :class:`Jitter`.

    Examples
    --------
    >>> rows = Rows.of(Frame.of({"w": ["a", "b", "b", "c"]}), [0, 1, 1, 0])
    >>> len(swap_category(0.5).apply(rows, seed=0))
    8
    """

    rate: float = 0.1
    columns: tuple[str, ...] | None = None
    times: int = 1
    weight: float = 1.0
    name: ClassVar[str] = "swap_category"
    shifts_prior: ClassVar[bool] = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", _named(self.name, self.columns))
        share("swap_category: rate", self.rate)
        checked_copies(self.name, self.times, self.weight)

    def describe(self) -> dict[str, Any]:
        columns = None if self.columns is None else list(self.columns)
        return {"step": self.name, "rate": self.rate, "columns": columns, "times": self.times, "weight": self.weight}

    def apply(self, rows: Rows, seed: int) -> Rows:
        chosen = _chosen(self.name, rows.features, self.columns, ("text", "boolean"))
        n, copies = len(rows), []
        for copy in range(self.times):
            random = np.random.default_rng([seed_of(seed), _SWAP, copy])
            made = {name: rows.features[name].take(_drawn(n, self.rate, random)[0]) for name in chosen}
            copies.append(rows.features.having(**made))
        return with_copies(rows, copies, self.weight)


def _drawn(n: int, rate: float, random: np.random.Generator) -> tuple[np.ndarray[Any, Any], Bools]:
    """For each row the row whose value it takes, itself mostly; and where another was drawn."""
    swapped = random.random(n) < rate
    others = random.integers(0, n, n) if n else np.zeros(0, dtype=np.int64)
    return np.where(swapped, others, np.arange(n)), swapped


def swapped_categories(X: Any, rate: float = 0.1, *, columns: Sequence[int] | None = None, seed: int = 0) -> Any:
    """A copy of X, shape (n, columns), whose values were swapped as :class:`SwapCategory` does, column by column.

    Examples
    --------
    >>> swapped_categories(np.array([["a", "u"], ["b", "u"]]), 1.0)[:, 1].tolist()
    ['u', 'u']
    """
    SwapCategory(rate)
    result = np.array(X)
    if result.ndim != 2:
        raise DataError(f"swapped_categories takes rows of columns, shape (n, columns), got {result.shape}.")
    random = np.random.default_rng([seed_of(seed), _SWAP, 0])
    for k in _places(columns, result.shape[1]):
        result[:, k] = result[_drawn(len(result), rate, random)[0], k]
    return result


jitter = Jitter
swap_category = SwapCategory
