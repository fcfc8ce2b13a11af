"""Columns to and from Arrow, buffer by buffer.

pyarrow's own bridge to NumPy imports pandas whenever pandas is installed; a server that only reads and appends facts
should not pay for that. Null slots come out as 0, whatever the buffer held there.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hindcast.columns import Column, Kind
from hindcast.errors import DataError
from hindcast.values import Bools, Ints

__all__ = [
    "ARROW_TYPES",
    "bytes_to_arrow",
    "column_to_arrow",
    "compact",
    "digests_of_arrow",
    "integers",
    "read_column",
    "text_bytes",
    "words_to_arrow",
]

ARROW_TYPES: dict[Kind, Any] = {
    "number": pa.float64(),
    "integer": pa.int64(),
    "time": pa.timestamp("us", tz="UTC"),
    "boolean": pa.bool_(),
    "text": pa.string(),
}
"""The Arrow type, and with it the Delta type, in which each kind is stored."""

_LONGEST_TEXT = (1 << 31) - 1


# ---- from Arrow -----------------------------------------------------------------------------------------


def read_column(array: Any, kind: Kind) -> Column:
    """A stored column, pyarrow Array or ChunkedArray, as a column of `kind`; texts arrive dictionary-encoded.

    The stored type may be narrower than `kind`: files written before a column was widened hold what they held.
    """
    chunks = array.chunks if isinstance(array, pa.ChunkedArray) else [array]
    parts = [_read_chunk(chunk, kind) for chunk in chunks if len(chunk)]
    return Column.concat(parts) if parts else Column.empty(kind, 0)


def _read_chunk(chunk: Any, kind: Kind) -> Column:
    if pa.types.is_null(chunk.type):
        return Column.empty(kind, len(chunk))
    valid = _valid(chunk)
    if pa.types.is_dictionary(chunk.type):
        codes = np.where(valid, _fixed(chunk.indices, np.int32), -1).astype(np.int32)
        return Column("text", codes, None, _words(chunk.dictionary)).as_kind(kind)
    if pa.types.is_string(chunk.type):
        return _read_chunk(chunk.dictionary_encode(), kind)
    if pa.types.is_boolean(chunk.type):
        return Column("boolean", np.where(valid, _bits(chunk, 1), False).astype(np.int8), _mask(valid)).as_kind(kind)
    if pa.types.is_float64(chunk.type):
        return Column("number", np.where(valid, _fixed(chunk, np.float64), np.nan)).as_kind(kind)
    if pa.types.is_int64(chunk.type) or pa.types.is_timestamp(chunk.type):
        stored: Kind = "integer" if pa.types.is_int64(chunk.type) else "time"
        return Column(stored, np.where(valid, _fixed(chunk, np.int64), 0), _mask(valid)).as_kind(kind)
    raise DataError(f"the lake holds a column of Arrow type {chunk.type}, which it never writes.")


def integers(array: Any) -> Ints:
    """A stored int64 column without nulls as an array, shape (n,)."""
    chunks = array.chunks if isinstance(array, pa.ChunkedArray) else [array]
    parts = [_fixed(chunk, np.int64) for chunk in chunks]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def digests_of_arrow(array: Any) -> NDArray[np.uint64]:
    """A stored column of 16 bytes per row as two lanes, shape (n, 2)."""
    parts = []
    for chunk in array.chunks:
        start = np.frombuffer(chunk.buffers()[1], dtype=np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
        data = np.frombuffer(chunk.buffers()[2] or b"", dtype=np.uint8)[start[0] : start[-1]]
        parts.append(data.view("<u8").astype(np.uint64).reshape(len(chunk), 2))
    return np.concatenate(parts) if parts else np.zeros((0, 2), dtype=np.uint64)


def _fixed(chunk: Any, dtype: Any) -> NDArray[Any]:
    return np.frombuffer(chunk.buffers()[1], dtype=dtype)[chunk.offset : chunk.offset + len(chunk)]


def _bits(chunk: Any, buffer: int) -> Bools:
    bits = np.frombuffer(chunk.buffers()[buffer], dtype=np.uint8)
    flags = np.unpackbits(bits, bitorder="little", count=chunk.offset + len(chunk))
    return flags[chunk.offset :].astype(np.bool_)


def _valid(chunk: Any) -> Bools:
    if chunk.null_count == 0 or chunk.buffers()[0] is None:
        return np.ones(len(chunk), dtype=np.bool_)
    return _bits(chunk, 0)


def _mask(valid: Bools) -> Bools | None:
    return None if valid.all() else valid


def _words(dictionary: Any) -> NDArray[np.object_]:
    """The texts of an Arrow string array without nulls."""
    words = np.empty(len(dictionary), dtype=object)
    if len(dictionary) == 0:
        return words
    if not pa.types.is_string(dictionary.type):
        dictionary = dictionary.cast(pa.string())
    ends = np.frombuffer(dictionary.buffers()[1], dtype=np.int32)
    ends = ends[dictionary.offset : dictionary.offset + len(dictionary) + 1]
    data = bytes(memoryview(dictionary.buffers()[2] or b"")[ends[0] : ends[-1]])
    bounds = (ends - ends[0]).tolist()
    if data.isascii():
        text = data.decode("ascii")
        words[:] = [text[a:b] for a, b in pairwise(bounds)]
    else:
        words[:] = [data[a:b].decode() for a, b in pairwise(bounds)]
    return words


# ---- to Arrow -------------------------------------------------------------------------------------------


def text_bytes(words: Sequence[str] | NDArray[np.object_]) -> tuple[bytes, Ints]:
    """Texts as UTF-8 one after another, and where each begins, shape (k + 1,)."""
    joined = "".join(words)
    starts = np.zeros(len(words) + 1, dtype=np.int64)
    if joined.isascii():
        np.cumsum(np.fromiter(map(len, words), dtype=np.int64, count=len(words)), out=starts[1:])
        return joined.encode("ascii"), starts
    encoded = [word.encode() for word in words]
    np.cumsum(np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded)), out=starts[1:])
    return b"".join(encoded), starts


def compact(column: Column) -> Column:
    """A text column without the words that none of its rows uses, when most are: rows taken from many share them."""
    if column.kind != "text" or column.vocabulary is None or len(column.vocabulary) <= 2 * len(column):
        return column
    used = np.unique(column.values[column.values >= 0])
    codes = np.where(column.values >= 0, np.searchsorted(used, column.values), -1).astype(np.int32)
    return Column("text", codes, None, column.vocabulary[used])


def words_to_arrow(words: Sequence[str] | NDArray[np.object_]) -> Any:
    """Texts as a pyarrow string Array.

    Raises
    ------
    DataError
        When they are longer than 2 GB together.
    """
    data, starts = text_bytes(words)
    if len(data) > _LONGEST_TEXT:
        raise DataError("more than 2 GB of distinct texts in one batch; land the rows in smaller batches.")
    return pa.Array.from_buffers(pa.string(), len(words), [None, _buffer(starts.astype(np.int32)), pa.py_buffer(data)])


def column_to_arrow(column: Column) -> Any:
    """A column as a pyarrow Array of its stored type; texts stay dictionary-encoded.

    Raises
    ------
    DataError
        When the distinct texts of a batch are longer than 2 GB together.
    """
    column = compact(column)
    present = column.present()
    missing = int((~present).sum())
    bitmap = None if missing == 0 else _buffer(np.packbits(present, bitorder="little"))
    if column.kind == "text":
        assert column.vocabulary is not None
        words = words_to_arrow(column.vocabulary)
        codes = _buffer(np.maximum(column.values, 0).astype(np.int32))
        kind = pa.dictionary(pa.int32(), pa.string())
        return pa.DictionaryArray.from_buffers(kind, len(column), [bitmap, codes], words, missing)
    if column.kind == "boolean":
        bits = _buffer(np.packbits(column.values.astype(np.bool_), bitorder="little"))
        return pa.Array.from_buffers(pa.bool_(), len(column), [bitmap, bits], missing)
    dtype = np.float64 if column.kind == "number" else np.int64
    return pa.Array.from_buffers(
        ARROW_TYPES[column.kind], len(column), [bitmap, _buffer(column.values.astype(dtype))], missing
    )


def bytes_to_arrow(lanes: NDArray[np.uint64]) -> Any:
    """Two lanes per row, shape (n, 2), as a pyarrow binary Array of 16 bytes per row."""
    starts = np.arange(0, 16 * len(lanes) + 1, 16, dtype=np.int32)
    data = np.ascontiguousarray(lanes.astype("<u8"))
    return pa.Array.from_buffers(pa.binary(), len(lanes), [None, _buffer(starts), _buffer(data)])


def _buffer(array: NDArray[Any]) -> Any:
    return pa.py_buffer(np.ascontiguousarray(array))
