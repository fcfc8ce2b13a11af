"""Texts one after another in one array of bytes, written alike where asked: what millions of texts are compared in."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.columns import Column
from hindcast.crowd.names import is_missing
from hindcast.errors import DataError
from hindcast.values import Bools, Ints

__all__ = ["Written", "listed_texts", "normalised", "packed", "repeated", "written_alike"]

_BLOCK = 50_000


@dataclass(frozen=True, eq=False)
class Written:
    """Texts in UTF-8; a lone surrogate is written as the three bytes that UTF-8 would have for it.

    Parameters
    ----------
    codes : uint8 array
    start, stop : int64 array, shape (n,)
        Where each text begins and ends in `codes`.
    missing : bool array, shape (n,)
    """

    codes: Any
    start: Ints
    stop: Ints
    missing: Bools

    def __len__(self) -> int:
        return len(self.start)

    def text(self, row: int) -> str:
        """One text."""
        return bytes(self.codes[self.start[row] : self.stop[row]]).decode("utf-8", "surrogatepass")


def normalised(text: str) -> str:
    """One text as duplicates are looked for: compatible Unicode forms, no case, single spaces.

    Examples
    --------
    >>> normalised("  Call  NOW\\n")
    'call now'
    """
    if not isinstance(text, str):
        raise DataError(f"a text is needed, got {type(text).__name__}.")
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.casefold().split())


def listed_texts(texts: Any) -> list[str | None]:
    """Texts as a list, None where missing; anything else is named."""
    if isinstance(texts, str):
        raise DataError("texts are a sequence of texts, got one text; put it into a list.")
    if isinstance(texts, Column):
        texts = texts.objects()
    listed: list[Any]
    if hasattr(texts, "to_pylist"):
        listed = texts.to_pylist()
    elif hasattr(texts, "tolist"):
        listed = texts.tolist()
    elif hasattr(texts, "to_list"):
        listed = texts.to_list()
    else:
        listed = _as_list(texts)
    if not isinstance(listed, list):
        raise DataError("texts are a sequence of texts, got one value; put it into a list.")
    if all(type(text) is str for text in listed):
        return listed
    found: list[str | None] = []
    for row, text in enumerate(listed):
        if isinstance(text, str):
            found.append(str.__str__(text))
        elif is_missing(text):
            found.append(None)
        else:
            raise DataError("not a text", row=row + 1, value=text)
    return found


def _as_list(texts: Any) -> list[Any]:
    if isinstance(texts, bytes | Mapping) or not hasattr(texts, "__iter__"):
        raise DataError(f"texts are a sequence of texts, got {type(texts).__name__}.")
    return list(texts)


def packed(texts: Any) -> Written:
    """Texts of any column or sequence in one array; an Arrow column's own bytes where there is one.

    Memory: the bytes of the texts, 17 bytes a text.
    """
    import pyarrow as pa

    if isinstance(texts, Column):
        texts = texts.objects()
    elif not isinstance(texts, str | list | np.ndarray | pa.Array | pa.ChunkedArray) and not hasattr(texts, "to_list"):
        texts = _as_list(texts)
    array = None if isinstance(texts, str) else _arrow(texts)
    if array is None:
        listed = listed_texts(texts)
        encoded = [None if text is None else text.encode("utf-8", "surrogatepass") for text in listed]
        array = pa.array(encoded, pa.large_binary())
    _, places, data = array.buffers()
    if len(array) == 0 or places is None:
        nothing = np.zeros(len(array), dtype=np.int64)
        return Written(np.zeros(0, dtype=np.uint8), nothing, nothing, np.ones(len(array), dtype=np.bool_))
    offsets = np.frombuffer(places, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    codes = np.zeros(0, dtype=np.uint8) if data is None else np.frombuffer(data, dtype=np.uint8)
    return Written(codes, offsets[:-1], offsets[1:], array.is_null().to_numpy(zero_copy_only=False))


def _arrow(texts: Any) -> Any:
    """An Arrow array of large strings; None where the texts are not plainly texts and nulls."""
    import pyarrow as pa

    try:
        array = texts.to_arrow() if hasattr(texts, "to_arrow") else texts
        if not isinstance(array, pa.Array | pa.ChunkedArray):
            array = pa.array(array)
        kind = array.type.value_type if pa.types.is_dictionary(array.type) else array.type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
            return None
        array = array.cast(pa.large_string())
        if not isinstance(array, pa.ChunkedArray):
            return array
        return pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], pa.large_string())
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return None


def written_alike(texts: Written, threads: int = 2) -> Written:
    """Each text as :func:`normalised` writes it; those of ASCII alone by compiled code, the others one by one.

    Memory: as many bytes again as the texts have.
    """
    from hindcast.quality.written_kernel import plain

    base = int(texts.start.min()) if len(texts) else 0
    start = texts.start - base
    stop, wide = start.copy(), np.zeros(len(texts), dtype=np.bool_)
    codes = np.empty((int(texts.stop.max()) - base) if len(texts) else 0, dtype=np.uint8)

    def work(part: slice) -> None:
        plain(texts.codes, texts.start[part], texts.stop[part], codes, start[part], stop[part], wide[part])

    in_blocks(work, len(texts), threads)
    rows = np.flatnonzero(wide)
    if not len(rows):
        return Written(codes, start, stop, texts.missing)
    pieces, end = [codes], len(codes)
    for at in range(0, len(rows), _BLOCK):
        some = rows[at : at + _BLOCK]
        encoded = [normalised(texts.text(row)).encode("utf-8", "surrogatepass") for row in some.tolist()]
        pieces.append(np.frombuffer(b"".join(encoded), dtype=np.uint8))
        ends = end + np.cumsum([len(text) for text in encoded])
        start[some] = np.append(end, ends[:-1])
        stop[some] = ends
        end = int(ends[-1])
    return Written(np.concatenate(pieces), start, stop, texts.missing)


def repeated(texts: Written, threads: int = 2) -> tuple[Ints, Ints]:
    """The group of each text, numbered in the order of first rows, and those first rows; missing texts are each alone.

    Texts of equal hash are compared byte by byte. O(bytes); memory 16 to 32 bytes a text.
    """
    from hindcast.quality.written_kernel import digests, grouped

    n = len(texts)
    digest: Any = np.empty(n, dtype=np.uint64)
    group, first = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    in_blocks(lambda p: digests(texts.codes, texts.start[p], texts.stop[p], digest[p]), n, threads)
    slots = np.full(1 << max(2 * n - 1, 1).bit_length(), -1, dtype=np.int32 if n < 1 << 31 else np.int64)
    count = grouped(texts.codes, texts.start, texts.stop, texts.missing, digest, slots, group, first)
    return group, np.array(first[:count])


def in_blocks(work: Callable[[slice], None], n: int, threads: int) -> None:
    """Do the work for rows 0 to n in blocks, as many at once as there are threads."""
    parts = [slice(at, min(at + _BLOCK, n)) for at in range(0, n, _BLOCK)]
    if threads == 1 or len(parts) < 2:
        for part in parts:
            work(part)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, parts))
