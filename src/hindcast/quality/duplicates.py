"""Rows that repeat each other, exactly or once written alike; and rows that training and test share."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.columns import Column, Frame
from hindcast.crowd.names import codes_of
from hindcast.errors import DataError, UnknownName
from hindcast.findings import Finding
from hindcast.parameters import choice, number, switch, whole
from hindcast.quality.given import instance, is_sequence, table_of
from hindcast.quality.suspects import Suspects
from hindcast.quality.written import listed_texts, normalised, packed, repeated, written_alike
from hindcast.values import Bools, Floats, Ints

__all__ = ["Duplicates", "duplicate_rows", "duplicate_texts", "normalised", "shared_between"]

_MANY = 20_000
"""So many texts are worth loading compiled code for."""


@dataclass(frozen=True, eq=False)
class Duplicates:
    """Which rows repeat which.

    Parameters
    ----------
    group : int64 array, shape (n,)
        Rows of one group repeat each other; numbered in the order of their first rows. Missing texts are each alone.
    similarity : float64 array, shape (n,), optional
        For near duplicates: how like the row it was joined by each row is; 1 for the first of a group.
    notes : tuple of str
    """

    group: Ints
    similarity: Floats | None = None
    notes: tuple[str, ...] = ()

    @property
    def distinct(self) -> int:
        """How many groups there are: the rows that would be left."""
        return int(self.group.max()) + 1 if len(self.group) else 0

    @property
    def sizes(self) -> Ints:
        """Rows in each group, shape (distinct,)."""
        return np.bincount(self.group, minlength=self.distinct)

    @property
    def first(self) -> Bools:
        """The first row of each group, shape (n,): what to keep."""
        mask = np.ones(len(self.group), dtype=np.bool_)
        highest = np.maximum.accumulate(self.group)
        mask[1:] = highest[1:] > highest[:-1]
        return mask

    @property
    def repeated(self) -> Bools:
        """Rows that are not alone in their group, shape (n,)."""
        return np.asarray(self.sizes[self.group] > 1) if len(self.group) else np.zeros(0, dtype=np.bool_)

    def groups(self) -> list[Ints]:
        """The rows of each group of two or more, the largest first."""
        order = np.argsort(self.group, kind="stable")
        parts = np.split(order, np.cumsum(self.sizes)[:-1]) if len(order) else []
        return sorted((part for part in parts if len(part) > 1), key=lambda part: (-len(part), int(part[0])))

    def suspects(self) -> Suspects:
        """Every repetition of an earlier row, those most alike first."""
        rows = np.flatnonzero(~self.first)
        head = np.flatnonzero(self.first)
        alike = np.ones(len(rows)) if self.similarity is None else self.similarity[rows]
        word = "repeats" if self.similarity is None else "is nearly"
        return Suspects.ranked(rows, [f"{word} row {head[self.group[r]]}" for r in rows], alike, self.notes)

    def findings(self) -> list[Finding]:
        """HC005 where rows repeat."""
        extra = len(self.group) - self.distinct
        if not extra:
            return []
        n = len(self.group)
        return [
            Finding(
                "HC005",
                "rows",
                "warn",
                f"{extra:,} of {n:,} rows ({extra / n:.1%}) repeat an earlier one; the largest group has "
                f"{int(self.sizes.max()):,}.",
                "Keep the first of each group before splitting, or split by group.",
                {"repeated": extra, "rows": n, "distinct": self.distinct, "largest": int(self.sizes.max())},
            )
        ]


def duplicate_texts(texts: Any, *, exact: bool = False, threads: int = 2) -> Duplicates:
    """Texts that are the same once case, spaces and forms of characters are set aside.

    Parameters
    ----------
    texts : sequence or column of str
        None and NaN are missing: each a group of its own.
    exact : bool, default False
        Compare to the character.
    threads : int, default 2
        For many texts; the result is the same with any number.

    Notes
    -----
    O(characters). Few texts go through a dictionary, many through compiled code over their bytes in one array; equal
    means equal in both, never an equal hash. Memory for many: the bytes of the texts once, twice unless `exact`, and
    about 60 bytes a text. Texts beyond ASCII are written alike one by one, at a third of the speed or less.

    Examples
    --------
    >>> duplicate_texts(["Win cash!", "hello", "win  CASH!", None, None]).group.tolist()
    [0, 1, 0, 2, 3]
    """
    threads, exact = whole("threads", threads, least=1, most=1_024), switch("exact", exact)
    if is_sequence(texts) and len(texts) >= _MANY:
        found = packed(texts)
        return Duplicates(repeated(found if exact else written_alike(found, threads), threads)[0])
    listed = listed_texts(texts)
    index: dict[Any, int] = {}
    codes = np.empty(len(listed), dtype=np.int64)
    for row, text in enumerate(listed):
        key = row if text is None else text if exact else normalised(text)
        codes[row] = index.setdefault(key, len(index))
    return Duplicates(codes)


def duplicate_rows(rows: Any, *, round_to: float | dict[str, float] | None = None) -> Duplicates:
    """Rows whose values are all the same; missing equals missing.

    Parameters
    ----------
    rows : Frame, or array of numbers of shape (n, d)
    round_to : float or mapping from column to float, optional
        Numbers are first rounded to multiples of it, so that nearly equal ones are equal. Two values a hair apart may
        still fall on two sides of a boundary. Without it 0 and -0 are equal and nothing else is rounded.

    Notes
    -----
    O(rows x columns) and one sort of a 64-bit hash of each row; rows of equal hash are compared value by value.

    Examples
    --------
    >>> duplicate_rows(Frame.of({"x": [1.0, 2.0, 1.0], "y": ["a", "a", "a"]})).group.tolist()
    [0, 1, 0]
    >>> duplicate_rows([[1.001, 2.0], [0.999, 2.0]], round_to=0.1).distinct
    1
    """
    columns, names = _columns(rows)
    steps = round_to if isinstance(round_to, dict) else dict.fromkeys(names, round_to)
    for name, step in steps.items():
        choice("column", name, names, where="round_to")
        if step is not None:
            number("round_to", step, above=0.0)
    n = len(columns[0]) if columns else 0
    hashes = np.zeros(n, dtype=np.uint64)
    values = []
    for name, column in zip(names, columns, strict=True):
        plain = _plain(column, steps.get(name))
        values.append(plain)
        hashes = _mixed(hashes * np.uint64(0x9E3779B97F4A7C15) + _mixed(plain.view(np.uint64)))
    _, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    leader = first[inverse]
    while True:  # two different rows of one hash: as good as never, and then parted here
        differ = np.zeros(n, dtype=np.bool_)
        for plain in values:
            differ |= plain != plain[leader]
        if not differ.any():
            break
        apart = np.flatnonzero(differ)
        _, first, inverse = np.unique(leader[apart], return_index=True, return_inverse=True)
        leader[apart] = apart[first[inverse]]
    _, group = np.unique(leader, return_inverse=True)  # leaders are first rows, so groups are in their order
    return Duplicates(group.astype(np.int64))


def _columns(rows: Any) -> tuple[list[Column], list[str]]:
    if isinstance(rows, Frame):
        return [rows[name] for name in rows.names], list(rows.names)
    array = table_of(rows)
    return [Column.of(np.ascontiguousarray(array[:, c])) for c in range(array.shape[1])], [
        str(c) for c in range(array.shape[1])
    ]


def _plain(column: Column, step: float | None) -> Ints:
    """Values as 64-bit integers that are equal where the values are."""
    if column.kind == "list":
        column = Column.of([None if value is None else repr(value) for value in column.values])
    if column.kind == "text":
        return column.codes()[0]
    if column.kind == "number" or step is not None:
        values = column.floats()
        if step is not None:
            values = np.rint(values / step)
        values = values + 0.0  # -0 becomes 0
        values[np.isnan(values)] = np.nan
        return np.ascontiguousarray(values).view(np.int64)
    codes = column.values.astype(np.int64)
    if column.valid is not None:
        codes = np.where(column.valid, codes, np.iinfo(np.int64).min)
    return np.ascontiguousarray(codes)


def _mixed(x: Any) -> Any:
    """A bijection of 64-bit integers that scatters them (SplitMix64's finaliser)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def shared_between(
    duplicates: Duplicates, part: Sequence[Any], *, test: Any = "test"
) -> tuple[Suspects, list[Finding]]:
    """Rows of the test part that (nearly) repeat a row of another part: a model can know them by heart.

    Parameters
    ----------
    duplicates : Duplicates, of n rows
    part : sequence of n values
        The part of each row, such as "train" and "test".
    test : default "test"
        The part that judges.

    Returns
    -------
    Suspects
        The rows of the test part.
    list of Finding
        HC020 where there are any.

    Examples
    --------
    >>> rows = duplicate_texts(["a", "b", "A", "c"])
    >>> found, findings = shared_between(rows, ["train", "train", "test", "test"])
    >>> found.row.tolist(), findings[0].number
    ([2], 'HC020')
    """
    instance("duplicates", duplicates, Duplicates)
    codes, names = codes_of(part, column="part")
    if len(codes) != len(duplicates.group):
        raise DataError(f"{len(duplicates.group)} rows came with {len(codes)} values of part; give one per row.")
    if not any(test is name or (isinstance(test, Hashable) and test == name) for name in names):
        raise UnknownName("part", str(test), map(str, names), where="shared_between")
    judging = codes == names.index(test)
    taught = np.bincount(duplicates.group[~judging], minlength=duplicates.distinct) > 0
    rows = np.flatnonzero(judging & taught[duplicates.group])
    elsewhere = np.full(duplicates.distinct, -1, dtype=np.int64)
    others = np.flatnonzero(~judging)[::-1]
    elsewhere[duplicates.group[others]] = others
    alike = np.ones(len(rows)) if duplicates.similarity is None else duplicates.similarity[rows]
    reasons = [
        f"also in {names[codes[elsewhere[duplicates.group[r]]]]}, row {elsewhere[duplicates.group[r]]}" for r in rows
    ]
    found = Suspects.ranked(rows, reasons, alike)
    if not len(rows):
        return found, []
    total = int(judging.sum())
    return found, [
        Finding(
            "HC020",
            str(test),
            "warn",
            f"{len(rows):,} of {total:,} rows of {test!r} ({len(rows) / total:.1%}) are in another part too.",
            "Leave them out of what judges the model, or split by group of duplicates.",
            {"shared": len(rows), "rows": total},
        )
    ]
