"""Entities: rows of facts and requests numbered by their key, and brought together by a counting sort."""

from __future__ import annotations

import numpy as np

from hindcast.columns import Column
from hindcast.errors import ConfigError
from hindcast.fold.compiled import compiled
from hindcast.values import Bools, Ints

__all__ = ["bucket_starts", "joint_codes", "row_codes", "spread"]

Codes = np.ndarray
"""int32, -1 for null."""


def joint_codes(left: list[Column], right: list[Column]) -> tuple[Codes, Codes, int]:
    """One code per distinct row of key columns, shared by two frames; -1 where any part is null.

    Returns
    -------
    left, right : int32 arrays, shapes (n,), (m,)
    count : int
        Codes are below this.

    Cost: O(n + m): a subtraction for integers of a small range, a hash table for others.
    """
    n = len(left[0]) if left else 0
    m = len(right[0]) if right else 0
    first: tuple[Codes, Codes, int] | None = None
    for a, b in zip(left, right, strict=True):
        if (a.kind == "text") != (b.kind == "text") and a.present().any() and b.present().any():
            raise ConfigError(f"a key is {a.kind} on one side and {b.kind} on the other; give both one kind.")
        second = _texts(a, b) if "text" in (a.kind, b.kind) else _numbers(a, b)
        first = second if first is None else _paired(first, second, n + m)
    return first if first is not None else (np.zeros(n, np.int32), np.zeros(m, np.int32), 1)


def row_codes(columns: list[Column]) -> tuple[Codes, int]:
    """One code per distinct row of key columns; -1 where any part is null."""
    codes, _, count = joint_codes(columns, [column.take(slice(0, 0)) for column in columns])
    return codes, count


def _texts(a: Column, b: Column) -> tuple[Codes, Codes, int]:
    a, b = a.as_kind("text"), b.as_kind("text")
    column = Column.concat([a, b])
    assert column.vocabulary is not None
    return column.values[: len(a)], column.values[len(a) :], max(len(column.vocabulary), 1)


def _numbers(a: Column, b: Column) -> tuple[Codes, Codes, int]:
    if a.kind != b.kind:
        both = Column.concat([a, b])
        a, b = both.take(slice(0, len(a))), both.take(slice(len(a), None))
    if a.kind == "number":
        parts = [np.where(c.values == 0.0, 0.0, c.values).view(np.int64) for c in (a, b)]
    else:
        parts = [np.ascontiguousarray(c.values, dtype=np.int64) for c in (a, b)]
    known = [np.zeros(0, np.bool_) if c.kind != "number" and c.valid is None else c.present() for c in (a, b)]
    low, high = _range(parts, known)
    if low > high:
        return np.full(len(a), -1, np.int32), np.full(len(b), -1, np.int32), 1
    if high - low < max(4 * (len(a) + len(b)), 1 << 16) and high - low < 1 << 31:
        return _offset(parts[0], known[0], low), _offset(parts[1], known[1], low), high - low + 1
    size = 1 << max(4, (2 * (len(a) + len(b))).bit_length())
    table, keys = np.full(size, -1, dtype=np.int32), np.empty(len(a) + len(b), dtype=np.int64)
    codes_a, count = _hashed(parts[0], known[0], table, keys, 0)
    codes_b, count = _hashed(parts[1], known[1], table, keys, count)
    return codes_a, codes_b, max(count, 1)


def _paired(first: tuple[Codes, Codes, int], second: tuple[Codes, Codes, int], rows: int) -> tuple[Codes, Codes, int]:
    """One code for two."""
    parts, known = [], []
    for a, b in zip(first[:2], second[:2], strict=True):
        parts.append(a.astype(np.int64) * second[2] + b)
        known.append((a >= 0) & (b >= 0))
    size = first[2] * second[2]
    if size < max(4 * rows, 1 << 16):
        pairs = [np.where(k, p, -1).astype(np.int32) for p, k in zip(parts, known, strict=True)]
        return pairs[0], pairs[1], size
    table, keys = np.full(1 << max(4, (2 * rows).bit_length()), -1, np.int32), np.empty(rows, np.int64)
    codes_a, count = _hashed(parts[0], known[0], table, keys, 0)
    codes_b, count = _hashed(parts[1], known[1], table, keys, count)
    return codes_a, codes_b, max(count, 1)


def _range(parts: list[Ints], known: list[Bools]) -> tuple[int, int]:
    ends = [_ends(part, mask) for part, mask in zip(parts, known, strict=True)]
    return min(low for low, _ in ends), max(high for _, high in ends)


@compiled
def _ends(values: np.ndarray, known: np.ndarray) -> tuple[int, int]:
    low, high = np.int64(1) << 62, -(np.int64(1) << 62)
    for i in range(len(values)):
        if len(known) == 0 or known[i]:
            low, high = min(low, values[i]), max(high, values[i])
    return int(low), int(high)


@compiled
def _offset(values: np.ndarray, known: np.ndarray, low: int) -> np.ndarray:
    result = np.empty(len(values), dtype=np.int32)
    for i in range(len(values)):
        result[i] = values[i] - low if len(known) == 0 or known[i] else -1
    return result


@compiled
def _hashed(
    values: np.ndarray, known: np.ndarray, table: np.ndarray, keys: np.ndarray, count: int
) -> tuple[np.ndarray, int]:
    """Codes in order of first appearance, by open addressing in `table`; `keys` are the values met so far."""
    mask = len(table) - 1
    result = np.empty(len(values), dtype=np.int32)
    for i in range(len(values)):
        if len(known) > 0 and not known[i]:
            result[i] = -1
            continue
        mixed = np.uint64(values[i]) * np.uint64(0x9E3779B97F4A7C15)
        at = np.int64(mixed >> np.uint64(22)) & mask
        while table[at] >= 0 and keys[table[at]] != values[i]:
            at = (at + 1) & mask
        if table[at] < 0:
            table[at] = count
            keys[count] = values[i]
            count += 1
        result[i] = table[at]
    return result, count


@compiled
def bucket_starts(codes: np.ndarray, kept: np.ndarray, count: int) -> Ints:
    """Where each entity's rows begin once they are brought together, shape (count + 1,).

    Parameters
    ----------
    codes : int32 array, shape (n,)
        -1 is left out.
    kept : bool array, shape (n,) or (0,)
        Rows to take; empty takes all.
    count : int
        Codes are below this.
    """
    starts = np.zeros(count + 1, dtype=np.int64)
    for row in range(len(codes)):
        if codes[row] >= 0 and (len(kept) == 0 or kept[row]):
            starts[codes[row] + 1] += 1
    for code in range(count):
        starts[code + 1] += starts[code]
    return starts


@compiled
def spread(codes: np.ndarray, kept: np.ndarray, starts: Ints, values: np.ndarray, out: np.ndarray) -> None:
    """Bring a column together by entity, each entity's values in the order of rows; `values` empty: row numbers."""
    place = starts[:-1].copy()
    for row in range(len(codes)):
        code = codes[row]
        if code >= 0 and (len(kept) == 0 or kept[row]):
            out[place[code]] = values[row] if len(values) > 0 else row
            place[code] += 1
