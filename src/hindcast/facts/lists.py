"""Lists as JSON texts, for places that fix a column's type before they know what its lists hold.

The lake and the files of a training set take a column's type from its first rows, and ``()`` does not say whether it is
a list of numbers or of texts. As a text it needs not say so: ``'[]'``. Every float keeps its bits.
"""

from __future__ import annotations

import json
from typing import Any

from hindcast.columns import Column

__all__ = ["lists_of", "texts_of"]


def texts_of(column: Column) -> Column:
    """A list column as a text column, shape (n,), null staying null; O(all values of all lists).

    Examples
    --------
    >>> texts_of(Column.of([("a", "b"), (), None])).objects().tolist()
    ['["a", "b"]', '[]', None]
    """
    texts = [None if value is None else json.dumps(value, ensure_ascii=False) for value in column.objects().tolist()]
    return Column.of_kind(texts, "text")


def lists_of(column: Column) -> Column:
    """The list column that :func:`texts_of` made a text column of, to the bit; a list column is given back as it is.

    Any other value is null: it was written when its column meant something else.

    Examples
    --------
    >>> lists_of(Column.of(["[0.1, 2.0]", None, "north"])).objects().tolist()
    [(0.1, 2.0), None, None]
    """
    return column if column.kind == "list" else Column.of_kind([_list(text) for text in column.objects()], "list")


def _list(text: Any) -> list[Any] | None:
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if isinstance(found, list) and {type(part) for part in found} in ({str}, {float}, set()) else None
