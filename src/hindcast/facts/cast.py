"""What kind a column of texts has, and its values as that kind, with the texts that do not fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from hindcast.columns import Column, Kind
from hindcast.errors import ConfigError, DataError
from hindcast.facts.arrow import ARROW_TYPES, column_to_arrow, read_column, words_to_arrow
from hindcast.facts.times import read_times
from hindcast.values import Bools, Ints, from_local

__all__ = ["Cast", "cast_texts", "cast_typed", "guess_kind", "read_moments"]

_ENOUGH = 0.99
"""A kind is guessed when at least this share of the values reads as it; the others are refused."""

_PLAIN: dict[str, Kind] = {
    **{str(stored): kind for kind, stored in ARROW_TYPES.items()},
    "dictionary<values=string, indices=int32, ordered=0>": "text",
}
"""Arrow types that need no conversion."""

_WHOLE = r"^[+-]?(0|[1-9]\d{0,17})$"
_DECIMAL = r"^[+-]?(\d{1,15}(\.\d*)?|\d*\.\d+|\d+\.\d*)([eE][+-]?\d{1,3})?$"
_PADDED = r"^[+-]?0\d"
_TRUE_FALSE = r"^(?i:true|false)$"
_CLOCK = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?)?$"
_DATE = r"^\d{4}-\d{2}-\d{2}$"
_OFFSET = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}(:?\d{2})?)$"


@dataclass(frozen=True, slots=True, eq=False)
class Cast:
    """A column as the kind asked for; every array has shape (n,).

    Parameters
    ----------
    column : Column
        Null where the value was missing or did not fit.
    bad : bool array
        Where there was a value that did not fit.
    odd : bool array
        Where a local clock's time occurred twice (the first is taken) or never.
    """

    column: Column
    bad: Bools
    odd: Bools


# ---- texts ----------------------------------------------------------------------------------------------


def guess_kind(column: Column) -> Kind:
    """The kind that at least 99% of a text column's values read as; text when none does.

    A column with leading zeros ("007") is text: they would be lost. No values at all are a number.
    A clock time without an offset stays text, since nobody can know whose clock it was; declare it a time.
    """
    assert column.vocabulary is not None
    weights = np.bincount(column.values[column.values >= 0], minlength=len(column.vocabulary))
    count = int(weights.sum())
    if count == 0:
        return "number"
    words = _trimmed(column.vocabulary)

    def share(pattern: str) -> float:
        return float(weights[_matches(words, pattern)].sum()) / count

    if share(_TRUE_FALSE) >= _ENOUGH:
        return "boolean"
    if not _matches(words, _PADDED).any():
        decimal = _matches(words, _DECIMAL) | _matches(words, _WHOLE)
        if float(weights[decimal].sum()) / count >= _ENOUGH:
            return "integer" if _matches(words, _WHOLE)[decimal].all() else "number"
    dates = _matches(words, _DATE)
    if float(weights[_matches(words, _OFFSET) | dates].sum()) / count >= _ENOUGH:
        return "time"
    return "text"


def cast_texts(column: Column, kind: Kind, *, zone: str | None, what: str) -> Cast:
    """A text column as `kind`, each distinct text being read once.

    Raises
    ------
    ConfigError
        For a clock time without an offset when no `zone` says whose clock it was.
    """
    assert column.vocabulary is not None
    nowhere = np.zeros(len(column), dtype=np.bool_)
    if kind == "text":
        return Cast(column, nowhere, nowhere)
    words = _trimmed(column.vocabulary)
    odd = np.zeros(len(words), dtype=np.bool_)
    values: NDArray[Any]
    if kind == "time":
        values, good, odd = _read_words(words, zone, what)
    elif kind == "boolean":
        good = _matches(words, r"^(?i:true|false|t|f|yes|no|y|n|1|0)$")
        values = _matches(words, r"^(?i:true|t|yes|y|1)$").astype(np.int8)
    elif kind == "integer":
        good = _matches(words, r"^[+-]?\d{1,18}$")
        plain = pc.replace_substring_regex(_only(words, good, "0"), r"^\+", "")
        values = read_column(plain.cast(pa.int64()), "integer").values
    else:
        good = _matches(words, r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$")
        values = read_column(_only(words, good, "0").cast(pa.float64()), "number").values
        good &= np.isfinite(values)
    fits = np.append(good, False)[column.values]
    present = column.values >= 0
    spread = np.append(values, np.zeros(1, dtype=values.dtype))[column.values]
    if kind == "number":
        made = Column("number", np.where(fits, spread, np.nan))
    else:
        made = Column(kind, np.where(fits, spread, 0).astype(spread.dtype), None if fits.all() else fits)
    return Cast(made, present & ~fits, np.append(odd, False)[column.values] & fits)


def _trimmed(words: NDArray[np.object_]) -> Any:
    return pc.utf8_trim_whitespace(words_to_arrow(words))


def _matches(words: Any, pattern: str) -> Bools:
    return read_column(pc.match_substring_regex(words, pattern), "boolean").values.astype(np.bool_)


def _only(words: Any, good: Bools, other: str) -> Any:
    mask = column_to_arrow(Column("boolean", good.astype(np.int8)))
    return pc.if_else(mask, words, words_to_arrow([other])[0])


def _read_words(words: Any, zone: str | None, what: str) -> tuple[Ints, Bools, Bools]:
    """Moments of distinct texts: all at once when they are well formed, else one by one."""
    if zone is None:
        dates = _matches(words, _DATE)
        clocks = np.flatnonzero(_matches(words, _CLOCK) & ~dates)
        if len(clocks):
            raise _zoneless(what, words[int(clocks[0])].as_py())
    made = _well_formed(words, zone)
    if made is None:
        read = read_times(Column.of_kind(words.to_pylist(), "text"), zone=zone, what=what)
        return read.us, read.present, read.odd
    return made


def read_moments(words: NDArray[np.object_], zone: str | None) -> tuple[Ints, Bools, Bools]:
    """Moments of those distinct texts that are written out in full, shape (k,); where they are; where a clock was odd.

    Clock times without an offset are among them only when a `zone` says whose clock it was.
    """
    made = _well_formed(_trimmed(words), zone)
    nowhere = np.zeros(len(words), dtype=np.bool_)
    return (np.zeros(len(words), dtype=np.int64), nowhere, nowhere.copy()) if made is None else made


def _well_formed(words: Any, zone: str | None) -> tuple[Ints, Bools, Bools] | None:
    """Microseconds where a text is a moment in full; None when one of them only looks like a moment."""
    aware, bare = _matches(words, _OFFSET), _matches(words, _DATE if zone is None else _CLOCK)
    try:
        with_offset = _only(words, aware, "1970-01-01T00:00:00Z").cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
        on_clock = _only(words, bare, "1970-01-01T00:00:00").cast(pa.timestamp("us")).cast(pa.int64())
    except pa.ArrowInvalid:
        return None
    us = read_column(with_offset, "integer").values.copy()
    shown = read_column(on_clock, "integer").values
    odd = np.zeros(len(words), dtype=np.bool_)
    us[bare] = shown[bare]
    if zone is not None and bare.any():
        us[bare], odd[bare] = from_local(shown[bare], zone)
    return us, aware | bare, odd


def _zoneless(what: str, example: object) -> ConfigError:
    return ConfigError(
        f"{what}: {example!r} does not say whose clock it was. Declare it: zone='America/New_York', or zone='UTC'."
    )


# ---- typed columns --------------------------------------------------------------------------------------


def cast_typed(array: Any, *, zone: str | None, what: str) -> Cast:
    """A typed Arrow column as the kind its type stands for.

    Raises
    ------
    ConfigError
        For timestamps without a zone when no `zone` is declared.
    DataError
        For a type that is no kind of value, such as a list, or a whole number beyond int64.
    """
    kind = array.type
    nowhere = np.zeros(len(array), dtype=np.bool_)
    naive = (pa.types.is_timestamp(kind) and kind.tz is None) or (pa.types.is_date(kind) and zone is not None)
    if naive and zone is None and array.null_count < len(array):
        first = next(value for value in array.slice(0).cast(pa.timestamp("us"), safe=False) if value.is_valid)
        raise _zoneless(what, first.as_py().isoformat())
    if pa.types.is_unsigned_integer(kind) or pa.types.is_decimal(kind):
        try:
            target = pa.float64() if pa.types.is_decimal(kind) and kind.scale > 0 else pa.int64()
            array = array.cast(target)
        except pa.ArrowInvalid:
            raise DataError(f"{what}: holds numbers beyond 64-bit integers; keep them as text.") from None
    if pa.types.is_nested(kind):
        raise DataError(
            f"{what}: holds {kind}, and a column holds one value per row. Say which one you want from it, as in "
            "paths={'city': 'customer.address.city', 'first_item': 'items[0].sku'}, or leave it out by columns=."
        )
    plain = _PLAIN.get(str(kind))
    try:
        column = Column.from_arrow(array) if plain is None else read_column(array, plain)
    except DataError as error:
        raise DataError(f"{what}: {error}") from None
    if naive and zone is not None:
        shown = column.values
        moments, odd = from_local(shown, zone)
        present = column.present()
        return Cast(Column("time", np.where(present, moments, 0), column.valid), nowhere, odd & present)
    return Cast(column, nowhere, nowhere)
