"""Columns from a fold's cells: texts from their codes, lists from their lengths and values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from hindcast.columns import Column
from hindcast.features.aggregates import Aggregate, Algebra
from hindcast.values import Floats, Ints

__all__ = ["collected_column", "collected_value", "list_column", "list_value", "text_column"]

Words = Sequence[str] | None


def text_column(cells: Floats, words: Any) -> Column:
    """Texts of codes, shape (n,); nan is null."""
    codes = np.where(np.isnan(cells), -1, cells).astype(np.int32)
    return Column("text", codes, None, words)


def list_value(cells: Sequence[float], words: Words) -> tuple[Any, ...] | None:
    """A list from its cells: a length, nan for null, and then values."""
    if cells[0] != cells[0]:
        return None
    values = cells[1 : 1 + int(cells[0])]
    return tuple(values) if words is None else tuple(words[int(code)] for code in values)


def list_column(cells: Floats, words: Words) -> Column:
    """Lists from their cells, shape (1 + room, n)."""
    rows = cells.T.tolist()
    return Column("list", _objects([list_value(row, words) for row in rows]))


def collected_value(aggregate: Aggregate, xs: Floats, words: Words) -> Any:
    """What a collecting aggregate makes of a window's values: a tuple, or a number with nan for null."""
    if aggregate.algebra is not None:
        return _fold(aggregate.algebra)(xs, np.zeros(1, np.int64), np.full(1, len(xs), np.int64))[0].item()
    newest_first = dict.fromkeys(xs[::-1].tolist())
    return tuple(newest_first) if words is None else tuple(words[int(code)] for code in newest_first)


def collected_column(
    aggregate: Aggregate, parts: Sequence[Floats], lengths: Ints, output: int, request_rows: Any, words: Words
) -> Column:
    """The same for many requests.

    Parameters
    ----------
    parts : sequence of float64 arrays
        Values, request by request in `request_rows`, output by output.
    lengths : int64 array, shape (requests, outputs)
        -1 where the table saw nothing yet.
    output : int
        Which of the outputs is meant.
    """
    taken = np.maximum(lengths[request_rows], 0)
    ends = np.cumsum(taken).reshape(taken.shape) if taken.size else taken
    starts = ends - taken
    values = np.concatenate(parts) if parts else np.zeros(0)
    seen = np.zeros(len(lengths), dtype=np.bool_)
    seen[request_rows] = lengths[request_rows, output] >= 0
    if aggregate.algebra is not None:
        result = np.full(len(lengths), np.nan)
        result[request_rows] = _fold(aggregate.algebra)(values, starts[:, output].copy(), ends[:, output].copy())
        result[~seen] = np.nan
        return Column("number", result)
    lists: list[Any] = [None] * len(lengths)
    for at, row in enumerate(request_rows.tolist()):
        if seen[row]:
            lists[row] = collected_value(aggregate, values[starts[at, output] : ends[at, output]], words)
    return Column("list", _objects(lists))


def _objects(values: list[Any]) -> Any:
    """An object array of tuples, which NumPy would otherwise make a matrix of."""
    box = np.empty(len(values), dtype=object)
    for at, value in enumerate(values):
        box[at] = value
    return box


@lru_cache(maxsize=64)
def _fold(algebra: Algebra) -> Callable[[Floats, Ints, Ints], Floats]:
    """A left fold over each stretch of values, compiled where numba can."""
    import numba

    empty = algebra.empty

    def folded(add: Any, read: Any) -> Callable[[Floats, Ints, Ints], Floats]:
        def over(values: Floats, starts: Ints, ends: Ints) -> Floats:
            out = np.empty(len(starts))
            for i in range(len(starts)):
                state = empty
                for at in range(starts[i], ends[i]):
                    state = add(state, values[at])
                out[i] = read(state)
            return out

        return over

    try:
        compiled = numba.njit(folded(numba.njit(algebra.add), numba.njit(algebra.read)))
        compiled(np.ones(2), np.zeros(1, np.int64), np.full(1, 2, np.int64))
    except Exception:  # whatever numba cannot do, Python can
        plain = folded(algebra.add, algebra.read)
        return lambda values, starts, ends: plain(values.tolist(), starts, ends)  # type: ignore[arg-type]
    else:
        return compiled  # type: ignore[no-any-return]
