"""Versions of one key, in the order in which they take effect, and codes that join keys across tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np

from hindcast.columns import Column
from hindcast.errors import DataError
from hindcast.values import NEVER, Bools, Ints

__all__ = ["Versions", "join_codes", "key_codes", "key_column"]


@dataclass(frozen=True, slots=True, eq=False)
class Versions:
    """When each fact of a keyed table is the one that holds for its key.

    Precedence is (known, sequence): a fact holds at every t with ``known < t <= until``. Of facts of one key known
    in one instant only the last by sequence ever holds; the others have ``until == known``.

    Parameters
    ----------
    order : int64 array, shape (n,)
        The facts by (key, known, sequence).
    first : bool array, shape (n,)
        In that order: whether a new key begins.
    until : int64 array, shape (n,)
        By fact: the known time of the next version of its key, NEVER for the last.
    """

    order: Ints
    first: Bools
    until: Ints

    @staticmethod
    def of(codes: Ints, known: Ints, seq: Ints) -> Versions:
        """From key codes, known times and sequence numbers, each of shape (n,). O(n log n)."""
        order = np.lexsort((seq, known, codes)).astype(np.int64)
        sorted_codes = codes[order]
        first = np.ones(len(order), dtype=np.bool_)
        first[1:] = sorted_codes[1:] != sorted_codes[:-1]
        sorted_until = np.full(len(order), NEVER, dtype=np.int64)
        sorted_until[:-1][~first[1:]] = known[order[1:]][~first[1:]]
        until = np.empty(len(order), dtype=np.int64)
        until[order] = sorted_until
        return Versions(order, first, until)


def key_codes(columns: Sequence[Column]) -> Ints:
    """Codes of a (compound) key, shape (n,): equal keys have equal codes; -1 where any part is null."""
    return join_codes(columns, [column.take(slice(0, 0)) for column in columns])[0]


def join_codes(left: Sequence[Column], right: Sequence[Column]) -> tuple[Ints, Ints]:
    """Codes that are equal just where two (compound) keys are equal, for keys of two frames.

    Parameters
    ----------
    left, right : sequence of Column
        As many columns on both sides, pairwise of one kind.

    Returns
    -------
    left_codes, right_codes : int64 arrays
        From 0; -1 where a part of the key is null, and for keys of the right that the left does not have.

    Raises
    ------
    DataError
        When a pair of columns is of two kinds, such as text and integer ids.
    """
    size = len(left[0])
    codes = np.zeros(size + len(right[0]), dtype=np.int64)
    null = np.zeros(len(codes), dtype=np.bool_)
    for position, (a, b) in enumerate(zip(left, right, strict=True)):
        part = _codes(a, b)
        null |= part < 0
        if position == 0:
            codes = part
        else:
            codes = np.unique(codes * (int(part.max(initial=0)) + 1) + part, return_inverse=True)[1].astype(np.int64)
    codes[null] = -1
    return codes[:size], codes[size:]


def _codes(a: Column, b: Column) -> Ints:
    """Codes of two columns one after the other, -1 for null."""
    if len(b) == 0 and b.kind != a.kind:
        b = Column.empty(a.kind, 0)
    if a.kind != b.kind:
        raise DataError(
            f"keys of kinds {a.kind} and {b.kind} cannot be joined; declare the column's type in both tables."
        )
    if a.kind == "text":
        assert a.vocabulary is not None
        assert b.vocabulary is not None
        if a.vocabulary is b.vocabulary or not len(b):
            return np.concatenate([a.values, b.values]).astype(np.int64)
        places = dict(zip(a.vocabulary.tolist(), range(len(a.vocabulary)), strict=True))
        recode = np.array([*map(places.get, b.vocabulary.tolist(), repeat(-1)), -1], dtype=np.int64)
        return np.concatenate([a.values, recode[b.values]])
    both = Column.concat([a, b])
    known = both.present()
    result = np.full(len(both), -1, dtype=np.int64)
    result[known] = np.unique(both.values[known], return_inverse=True)[1]
    return result


def key_column(columns: Sequence[Column]) -> Column:
    """One column that names each key: the key's own column, or the parts of a compound key as a JSON list."""
    if len(columns) == 1:
        return columns[0]
    parts = zip(*(column.objects().tolist() for column in columns), strict=True)
    return Column.of_kind([json.dumps(list(part), ensure_ascii=False) for part in parts], "text")
