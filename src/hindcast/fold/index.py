"""An index: entities numbered from 0 in the order in which their keys are met, by column and compiled.

Keys are compared by value whatever kind a batch holds them in: 5 and 5.0 are one key, 5 and "5" are two. Each column
has a numbering of its own; a key of several columns is numbered by pairing them from the left.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hindcast.columns import Column
from hindcast.fold.compiled import compiled
from hindcast.values import Bools, Floats, Ints

__all__ = ["Index", "Keys", "Words"]

Key = tuple[Any, ...]
_EVERYWHERE = np.ones(0, dtype=np.bool_)
"""No mask: every row has a value."""
_UNSEEN = -2


class Words:
    """Texts as whole numbers, numbered as they come. Slices of one batch share its vocabulary and cost little."""

    def __init__(self) -> None:
        self.index: dict[str, int] = {}
        self.words: list[str] = []
        self._vocabulary: Any = None
        self._codes = np.empty(0, dtype=np.int64)
        self._array = np.empty(0, dtype=object)

    def codes(self, column: Column) -> Ints:
        """The number of each text, -1 for null; shape (n,)."""
        assert column.vocabulary is not None
        if column.vocabulary is not self._vocabulary:
            self._vocabulary = column.vocabulary
            self._codes = np.full(len(column.vocabulary) + 1, _UNSEEN, dtype=np.int64)
            self._codes[-1] = -1
        found: Ints = self._codes[column.values]
        if len(found) and found.min() == _UNSEEN:
            for code in dict.fromkeys(column.values[found == _UNSEEN].tolist()):
                self._codes[code] = self.number(column.vocabulary[code])
            found = self._codes[column.values]
        return found

    def floats(self, column: Column) -> Floats:
        """The same with nan for null."""
        codes = self.codes(column)
        found = codes.astype(np.float64)
        found[codes < 0] = np.nan
        return found

    def array(self) -> Any:
        """The texts by number, as a vocabulary."""
        if len(self._array) != len(self.words):
            self._array = np.empty(len(self.words), dtype=object)
            self._array[:] = self.words
        return self._array

    def number(self, word: str) -> int:
        """The number of a text, which may be new."""
        at = self.index.setdefault(word, len(self.words))
        if at == len(self.words):
            self.words.append(word)
        return at

    def fill(self, words: Sequence[str]) -> None:
        """Take the words of another numbering, in its order, as the first ones."""
        self.words = list(words)
        self.index = {word: at for at, word in enumerate(self.words)}


class Whole:
    """Whole numbers numbered from 0 as they come: open addressing."""

    def __init__(self) -> None:
        self.slots = np.full(16, -1, dtype=np.int64)
        self.values = np.empty(8, dtype=np.int64)
        self.count = 0

    def number(self, values: Ints, known: Bools) -> Ints:
        """The number of each value, -1 where it is not known; `known` may be empty for everywhere."""
        ids = np.empty(len(values), dtype=np.int64)
        self.slots, self.values, self.count = _numbered(self.slots, self.values, self.count, values, known, ids)
        return ids

    def fill(self, values: Ints) -> None:
        """Take distinct values, numbered in their order, as the first ones."""
        self.__init__()  # type: ignore[misc]
        self.number(np.ascontiguousarray(values, dtype=np.int64), _EVERYWHERE)


@compiled
def _slot(slots: np.ndarray, keys: np.ndarray, value: int) -> int:
    mask = len(slots) - 1
    at = np.int64((np.uint64(value) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(22)) & mask
    while slots[at] >= 0 and keys[slots[at]] != value:
        at = (at + 1) & mask
    return int(at)


@compiled
def _numbered(
    slots: np.ndarray, keys: np.ndarray, count: int, values: np.ndarray, known: np.ndarray, ids: np.ndarray
) -> tuple[np.ndarray, np.ndarray, int]:
    for i in range(len(values)):
        if len(known) > 0 and not known[i]:
            ids[i] = -1
            continue
        at = _slot(slots, keys, values[i])
        if slots[at] < 0:
            if count == len(keys):
                more = np.empty(2 * count, dtype=np.int64)
                more[:count] = keys
                keys = more
                slots = np.full(4 * count, -1, dtype=np.int64)
                for j in range(count):
                    slots[_slot(slots, keys, keys[j])] = j
                at = _slot(slots, keys, values[i])
            slots[at] = count
            keys[count] = values[i]
            count += 1
        ids[i] = slots[at]
    return slots, keys, count


class Keys:
    """The values of one key column, numbered across kinds.

    A column nearly always keeps to one kind, and then the numbers of that kind are the column's own.
    """

    KINDS = ("whole", "fraction", "text")

    def __init__(self) -> None:
        self.count = 0
        self.whole, self.fractions, self.words = Whole(), Whole(), Words()
        self.numbers: dict[str, Ints] = {}  # by kind, once there are two: its own numbers as the column's

    def codes(self, column: Column) -> Ints:
        """The number of each value, -1 for null; shape (n,)."""
        if column.kind == "text":
            return self._joint("text", self.words.codes(column), len(self.words.words))
        if column.kind != "number":
            values = column.values if column.values.dtype == np.int64 else column.values.astype(np.int64)
            known = _EVERYWHERE if column.valid is None or column.valid.all() else column.valid
            return self._joint("whole", self.whole.number(values, known), self.whole.count)
        present = ~np.isnan(column.values)
        whole = present & (np.abs(column.values) < 1 << 62) & (column.values == np.trunc(column.values))
        codes = np.full(len(column), -1, dtype=np.int64)
        if whole.any():
            integers = Column("integer", np.where(whole, column.values, 0.0).astype(np.int64), whole)
            codes[whole] = self.codes(integers)[whole]
        other = present & ~whole
        if other.any():
            found = self.fractions.number(column.values.view(np.int64), other)
            codes[other] = self._joint("fraction", found, self.fractions.count)[other]
        return codes

    def _joint(self, kind: str, own: Ints, count: int) -> Ints:
        """Numbers of one kind, of which there are `count` by now, as numbers of the column."""
        if kind not in self.numbers:
            if not self.numbers:
                self.numbers[kind] = np.zeros(0, dtype=np.int64)
            else:
                for other, held in self.numbers.items():
                    if not len(held):
                        self.numbers[other] = np.arange(self.count, dtype=np.int64)
                self.numbers[kind] = np.zeros(0, dtype=np.int64)
        if len(self.numbers) == 1:
            self.count = count
            return own
        held = self.numbers[kind]
        if count > len(held):
            fresh = np.arange(self.count, self.count + count - len(held), dtype=np.int64)
            self.numbers[kind] = held = np.concatenate([held, fresh])
            self.count += len(fresh)
        return np.append(held, -1)[own]


class Index:
    """Keys numbered from 0 as they come: by column, compiled, or one key at a time.

    Parameters
    ----------
    width : int
        How many columns a key has.
    named : bool, default True
        Keep every key as a tuple, so that a single one is found at once; costs some 200 bytes per key.

    Examples
    --------
    >>> index = Index(1)
    >>> index.of([Column.of(["JFK", None, "EWR", "JFK"])], 4).tolist(), index.find(("EWR",))
    ([0, -1, 1, 0], 1)
    """

    def __init__(self, width: int, named: bool = True) -> None:
        self.width, self.named = width, named
        self.keys: list[Key] = []
        self.ids: dict[Key, int] = {}
        self.columns = [Keys() for _ in range(width)]
        self.pairs = [Whole() for _ in range(max(width - 1, 0))]
        self.count = 0

    def __len__(self) -> int:
        return self.count

    def find(self, key: Key) -> int:
        """The number of a key, or -1; the index must be named."""
        return self.ids.get(key, -1)

    def add(self, key: Key) -> int:
        """The number of a key, which may be new. All its values must be there."""
        at = self.ids.get(key)
        return self.of([Column.of([value]) for value in key], 1)[0].item() if at is None else at

    def of(self, columns: Sequence[Column], length: int) -> Ints:
        """The number of each row's key, -1 where a part of it is null; shape (length,)."""
        before = self.count
        if not columns:
            ids = np.zeros(length, dtype=np.int64)
            self.count = max(self.count, min(length, 1))
        else:
            ids = self.columns[0].codes(columns[0])
            self.count = self.columns[0].count
            for keys, pairs, column in zip(self.columns[1:], self.pairs, columns[1:], strict=True):
                right = keys.codes(column)
                ids = pairs.number((ids << 32) | right, (ids >= 0) & (right >= 0))
                self.count = pairs.count
        if self.named and self.count > before:
            self._meet(columns, ids, before)
        return ids

    def _meet(self, columns: Sequence[Column], ids: Ints, before: int) -> None:
        """Keep the keys that are new."""
        new = np.flatnonzero(ids >= before)
        rows = np.empty(self.count - before, dtype=np.int64)
        rows[ids[new[::-1]] - before] = new[::-1]
        parts = [column.take(rows).objects().tolist() for column in columns]
        for key in zip(*parts, strict=True) if parts else [()]:
            self.ids[key] = len(self.keys)
            self.keys.append(key)
