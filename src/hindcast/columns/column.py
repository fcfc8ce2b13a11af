"""A column: values of one kind in plain NumPy, whatever data frame they came from.

Six kinds cover what facts and features are made of. Each says what null is:

=========  ==================================  ==========================
kind       ``values``                          null
=========  ==================================  ==========================
number     float64                             NaN
integer    int64                               ``valid`` is False
time       int64 microseconds since 1970 UTC   ``valid`` is False
boolean    int8, 0 or 1                        ``valid`` is False
text       int32 codes into ``vocabulary``     code -1
list       objects: tuples of numbers or texts None
=========  ==================================  ==========================
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from hindcast.errors import ConfigError, DataError
from hindcast.parameters import choice, whole
from hindcast.values import Bools, Floats, moment_us

__all__ = ["Column", "Kind"]

Kind = Literal["number", "integer", "time", "boolean", "text", "list"]
_KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """Values of one kind, shape (n,); see the module for what null is.

    Parameters
    ----------
    kind : {"number", "integer", "time", "boolean", "text", "list"}
    values : ndarray, shape (n,)
    valid : bool ndarray, shape (n,), optional
        For integer, time and boolean: where there is a value. None says everywhere.
    vocabulary : object ndarray of str, shape (k,), optional
        For text: distinct, in any order.

    Examples
    --------
    >>> Column.of(["JFK", None, "EWR"]).objects().tolist()
    ['JFK', None, 'EWR']
    >>> Column.of([1.5, None]).values
    array([1.5, nan])
    """

    kind: Kind
    values: NDArray[Any]
    valid: Bools | None = None
    vocabulary: NDArray[np.object_] | None = None

    def __len__(self) -> int:
        return len(self.values)

    # ---- making -----------------------------------------------------------------------------------------

    @staticmethod
    def of(values: Any) -> Column:
        """A column from an array or a sequence; the kind is taken from the values.

        A float is a number, an int an integer, a bool a boolean, a datetime a time, a str a text; None is null.
        Mixed ints and floats are numbers; any other mixture is refused.
        """
        if isinstance(values, Column):
            return values
        if isinstance(values, np.ndarray):
            if values.ndim != 1:
                raise DataError(f"a column is an array of one dimension, got one of shape {values.shape}")
            if values.dtype.kind == "f":
                return Column("number", values.astype(np.float64, copy=False))
            if values.dtype.kind in "iu":
                if values.dtype == np.uint64 and len(values) and int(values.max()) > _LARGEST:
                    raise DataError("an integer beyond int64; keep it as text", value=int(values.max()))
                return Column("integer", values.astype(np.int64, copy=False))
            if values.dtype.kind == "b":
                return Column("boolean", values.astype(np.int8))
            if values.dtype.kind == "M":
                missing = np.isnat(values)
                moments = values.astype("datetime64[us]").astype(np.int64)
                moments[missing] = 0
                return Column("time", moments, None if not missing.any() else ~missing)
            values = values.tolist()
        if isinstance(values, str | bytes) or not isinstance(values, Iterable):
            raise DataError("a column is made of an array or a sequence of values", value=values)
        items = list(values)
        kinds = {_kind_of(item) for item in items if not _is_null(item)}
        if kinds == {"integer", "number"}:
            kinds = {"number"}
        if len(kinds) > 1:
            raise DataError(f"a column mixes {' and '.join(sorted(kinds))} values; give it one kind.")
        return Column.of_kind(items, kinds.pop() if kinds else "number")

    @staticmethod
    def of_kind(items: Sequence[Any], kind: Kind) -> Column:
        """A column of `kind` from Python values, None or NaN being null; a value that does not fit is named."""
        choice("kind", kind, _KINDS, where="column")
        if isinstance(items, str | bytes) or not isinstance(items, Iterable):
            raise DataError(f"a column is made of a sequence of values, got a {type(items).__name__}")
        valid = np.fromiter((not _is_null(item) for item in items), dtype=np.bool_, count=len(items))
        mask = None if valid.all() else valid
        try:
            if kind == "text":
                index: dict[str, int] = {}
                codes = np.fromiter(
                    (
                        index.setdefault(str(item), len(index)) if ok else -1
                        for item, ok in zip(items, valid, strict=True)
                    ),
                    dtype=np.int32,
                    count=len(items),
                )
                return Column("text", codes, None, _vocabulary(index))
            if kind == "list":
                return Column("list", _lists(items, valid))
            if kind == "number":
                return Column(
                    "number", np.array([float(i) if ok else np.nan for i, ok in zip(items, valid, strict=True)])
                )
            if kind == "time":
                moments = [moment_us(i) if ok else 0 for i, ok in zip(items, valid, strict=True)]
                return Column("time", np.array(moments, dtype=np.int64), mask)
            if kind == "boolean":
                return Column(
                    "boolean",
                    np.array([_truth(i) if ok else 0 for i, ok in zip(items, valid, strict=True)], np.int8),
                    mask,
                )
            whole = []
            for item, ok in zip(items, valid, strict=True):
                number = int(item) if ok else 0
                if ok and number != item and not isinstance(item, str):
                    raise ValueError("a fraction")
                whole.append(number)
            return Column("integer", np.array(whole, dtype=np.int64), mask)
        except (TypeError, ValueError, OverflowError, ConfigError):
            raise _misfit(items, valid, kind) from None

    @staticmethod
    def empty(kind: Kind, length: int) -> Column:
        """`length` nulls of `kind`."""
        choice("kind", kind, _KINDS, where="column")
        length = whole("length", length, least=0)
        if kind == "number":
            return Column("number", np.full(length, np.nan))
        if kind == "text":
            return Column("text", np.full(length, -1, dtype=np.int32), None, _vocabulary({}))
        if kind == "list":
            return Column("list", np.full(length, None, dtype=object))
        dtype = np.int8 if kind == "boolean" else np.int64
        return Column(kind, np.zeros(length, dtype=dtype), np.zeros(length, dtype=np.bool_))

    # ---- reading ----------------------------------------------------------------------------------------

    def present(self) -> Bools:
        """Where there is a value, shape (n,)."""
        if self.kind == "number":
            return np.asarray(~np.isnan(self.values))
        if self.kind == "text":
            return np.asarray(self.values >= 0, dtype=np.bool_)
        if self.kind == "list":
            return np.array([value is not None for value in self.values], dtype=np.bool_)
        return np.ones(len(self), dtype=np.bool_) if self.valid is None else np.asarray(self.valid)

    def floats(self) -> Floats:
        """The values as float64 with NaN for null; text is refused, except that its codes mean nothing as numbers.

        Exact for times and integers up to 2**53; a larger integer is refused rather than rounded.
        """
        if self.kind == "number":
            return self.values
        if self.kind == "text":
            raise ConfigError("a text column has no numbers; use it as a category or compare it with ==.")
        if self.kind == "list":
            raise ConfigError("a list column has no numbers; make one of it with a feature function.")
        result = self.values.astype(np.float64)
        if self.kind == "integer":
            beyond = (self.values > _EXACT) | (self.values < -_EXACT)
            if beyond.any():
                row = int(beyond.argmax())
                value = int(self.values[row])
                raise DataError("an integer beyond 2**53 would be rounded; keep it as text", row=row + 1, value=value)
        if self.valid is not None:
            result[~self.valid] = np.nan
        return result

    def objects(self) -> NDArray[np.object_]:
        """The values as Python objects (str, float, int, bool; time as int microseconds), None for null."""
        if self.kind == "text":
            assert self.vocabulary is not None
            lookup = np.empty(len(self.vocabulary) + 1, dtype=object)
            lookup[:-1] = self.vocabulary
            texts: NDArray[np.object_] = lookup[self.values]
            return texts
        if self.kind == "list":
            return self.values
        result = self.values.astype(object) if self.kind != "boolean" else self.values.astype(bool).astype(object)
        result[~self.present()] = None
        return result

    def array(self) -> NDArray[Any]:
        """What a row transform sees: float64, NaN for null; int64 for times without null; objects for text and list."""
        if self.kind in ("text", "list"):
            return self.objects()
        if self.kind == "time" and self.valid is None:
            return self.values
        return self.floats()

    def take(self, rows: NDArray[Any] | slice) -> Column:
        """The column at `rows`: indices, a mask or a slice. Slices share memory."""
        return Column(self.kind, self.values[rows], None if self.valid is None else self.valid[rows], self.vocabulary)

    def item(self, row: int) -> Any:
        """One value as a Python object; None for null, times as int microseconds."""
        return self.take(slice(row, row + 1)).objects()[0]

    def as_kind(self, kind: Kind) -> Column:
        """The column as `kind` where nothing is lost: integer or boolean to number, anything empty to anything."""
        if kind == self.kind:
            return self
        if kind == "number" and self.kind in ("integer", "boolean"):
            return Column("number", self.floats())
        if not self.present().any():
            return Column.empty(kind, len(self))
        if kind == "integer" and self.kind == "boolean":
            return Column("integer", self.values.astype(np.int64), self.valid)
        if kind == "integer" and self.kind == "number":
            known = self.present()
            whole = np.where(known, self.values, 0.0)
            if np.all(whole == np.trunc(whole)) and np.all(np.abs(whole) <= _EXACT):
                return Column("integer", whole.astype(np.int64), None if known.all() else known)
        raise DataError(f"cannot turn a {self.kind} column into {kind} without losing something.")

    @staticmethod
    def concat(parts: Sequence[Column]) -> Column:
        """The parts one after another; vocabularies are merged, kinds must agree (an empty part takes any)."""
        if not parts:
            raise DataError("there is nothing to join to a column")
        if len(parts) == 1:
            return parts[0]
        kinds = {p.kind for p in parts if p.present().any()} or {parts[0].kind}
        if kinds <= {"number", "integer", "boolean"} and len(kinds) > 1:
            kinds = {"number"}
        if len(kinds) > 1:
            raise DataError(f"cannot join columns of kinds {' and '.join(sorted(kinds))}.")
        kind = kinds.pop()
        parts = [p.as_kind(kind) for p in parts]
        if kind == "text":
            shared = parts[0].vocabulary
            if all(p.vocabulary is shared for p in parts):
                return Column("text", np.concatenate([p.values for p in parts]), None, shared)
            index: dict[str, int] = {}
            codes = []
            for p in parts:
                assert p.vocabulary is not None
                recode = np.array([index.setdefault(v, len(index)) for v in p.vocabulary] + [-1], dtype=np.int32)
                codes.append(recode[p.values])
            return Column("text", np.concatenate(codes), None, _vocabulary(index))
        values = np.concatenate([p.values for p in parts])
        if kind == "number" or all(p.valid is None for p in parts):
            return Column(kind, values)
        return Column(kind, values, np.concatenate([p.present() for p in parts]))

    def codes(self) -> tuple[NDArray[np.int64], list[Any]]:
        """Dense codes from 0 in order of the sorted distinct values, -1 for null, and those values."""
        known = self.present()
        if self.kind == "list":
            raise ConfigError("a list column has no codes; make a text or a number of it with a feature function.")
        if self.kind == "text":
            assert self.vocabulary is not None
            order = sorted(range(len(self.vocabulary)), key=self.vocabulary.__getitem__)
            rank = np.empty(len(order) + 1, dtype=np.int64)
            rank[order] = np.arange(len(order))
            rank[-1] = -1
            return rank[self.values], [self.vocabulary[i] for i in order]
        distinct, inverse = np.unique(self.values[known], return_inverse=True)
        result = np.full(len(self), -1, dtype=np.int64)
        result[known] = inverse
        return result, distinct.tolist()

    # ---- Arrow ------------------------------------------------------------------------------------------

    @staticmethod
    def from_arrow(array: Any) -> Column:
        """A column from a pyarrow Array or ChunkedArray; a timestamp without zone is read as UTC."""
        import pyarrow as pa

        if isinstance(array, pa.ChunkedArray):
            array = array.combine_chunks() if array.num_chunks != 1 else array.chunk(0)
            if isinstance(array, pa.ChunkedArray):
                array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], type=array.type)
        kind = array.type
        if pa.types.is_dictionary(kind):
            if not (pa.types.is_string(kind.value_type) or pa.types.is_large_string(kind.value_type)):
                return Column.from_arrow(array.dictionary_decode())
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
            array = (array.cast(pa.string()) if pa.types.is_string_view(kind) else array).dictionary_encode()
        if pa.types.is_dictionary(array.type):
            codes = array.indices.cast(pa.int32()).fill_null(-1).to_numpy(zero_copy_only=False)
            words = array.dictionary.to_pylist()
            if None in words or len(set(words)) < len(words):
                return Column.of_kind(array.to_pylist(), "text")
            vocabulary = np.empty(len(words), dtype=object)
            vocabulary[:] = words
            return Column("text", codes.astype(np.int32, copy=False), None, vocabulary)
        if pa.types.is_null(kind):
            return Column.empty("number", len(array))
        if pa.types.is_list(kind) or pa.types.is_large_list(kind):
            return Column.of_kind(array.to_pylist(), "list")
        if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
            return Column("number", array.cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False))
        valid = None if array.null_count == 0 else array.is_valid().to_numpy(zero_copy_only=False)
        if pa.types.is_boolean(kind):
            return Column("boolean", array.cast(pa.int8()).fill_null(0).to_numpy(zero_copy_only=False), valid)
        if pa.types.is_integer(kind):
            return Column("integer", array.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False), valid)
        if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
            moments = array.cast(pa.timestamp("us", tz=getattr(kind, "tz", None)), safe=False).cast(pa.int64())
            return Column("time", moments.fill_null(0).to_numpy(zero_copy_only=False), valid)
        raise DataError(f"a column of Arrow type {kind} is not understood; flatten or cast it first.")

    def to_arrow(self) -> Any:
        """The column as a pyarrow Array: float64, int64, timestamp[us, UTC], bool, string or a list."""
        import pyarrow as pa

        missing = None if self.kind == "text" else ~self.present()
        if missing is not None and not missing.any():
            missing = None
        if self.kind == "text":
            assert self.vocabulary is not None
            codes = pa.array(self.values, type=pa.int32(), mask=self.values < 0)
            return pa.DictionaryArray.from_arrays(codes, pa.array(self.vocabulary.tolist(), type=pa.string())).cast(
                pa.string()
            )
        if self.kind == "list":
            words = any(isinstance(item, str) for value in self.values if value for item in value)
            return pa.array(self.values.tolist(), type=pa.list_(pa.string() if words else pa.float64()))
        if self.kind == "number":
            return pa.array(self.values, type=pa.float64(), mask=missing)
        if self.kind == "integer":
            return pa.array(self.values, type=pa.int64(), mask=missing)
        if self.kind == "boolean":
            return pa.array(self.values.astype(np.bool_), type=pa.bool_(), mask=missing)
        return pa.array(self.values, type=pa.int64(), mask=missing).cast(pa.timestamp("us", tz="UTC"))


def _vocabulary(index: Mapping[str, int]) -> NDArray[np.object_]:
    words = np.empty(len(index), dtype=object)
    words[:] = list(index)
    return words


_EXACT = 1 << 53
"""The largest integer up to which every one is a float64."""
_LARGEST = (1 << 63) - 1


def _lists(items: Sequence[Any], valid: Bools) -> NDArray[np.object_]:
    """Tuples of texts or of floats, None where not valid."""
    result = np.full(len(items), None, dtype=object)
    for at, (item, ok) in enumerate(zip(items, valid, strict=True)):
        if ok:
            if not isinstance(item, list | tuple):
                raise ValueError("no list")
            result[at] = tuple(part if isinstance(part, str) else float(part) for part in item)
    return result


def _truth(item: Any) -> int:
    """1 or 0 for a boolean, for 1 and 0, and for the texts true and false; the truthiness of others means nothing."""
    if isinstance(item, str):
        item = (
            {"true": True, "false": False}[item.strip().lower()] if item.strip().lower() in ("true", "false") else None
        )
    if item in (0, 1):
        return int(item)
    raise ValueError("no boolean")


def _is_null(item: Any) -> bool:
    return item is None or (isinstance(item, float | np.floating) and item != item)  # noqa: PLR0124


def _kind_of(item: Any) -> Kind:
    if isinstance(item, bool | np.bool_):
        return "boolean"
    if isinstance(item, int | np.integer):
        return "integer"
    if isinstance(item, float | np.floating):
        return "number"
    if isinstance(item, datetime):
        return "time"
    if isinstance(item, str):
        return "text"
    if isinstance(item, tuple | list):
        return "list"
    raise DataError("a value must be a number, a text, a boolean, a datetime or None", value=item)


def _misfit(items: Sequence[Any], valid: Bools, kind: Kind) -> DataError:
    for row, (item, ok) in enumerate(zip(items, valid, strict=True)):
        if ok:
            try:
                Column.of_kind([item], kind) if len(items) > 1 else float("x")
            except (DataError, ConfigError, ValueError):
                return DataError(f"not {'an' if kind == 'integer' else 'a'} {kind}", row=row + 1, value=item)
    return DataError(f"a column is not of kind {kind}.")
