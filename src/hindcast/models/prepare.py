"""Preparation: from features to the numbers a learner wants, learnt on the training rows and nowhere else.

A preparation is a list of encoders, one per feature. Each gives at most one number and at most one code (a position in
a block of zeros with a single one), so that a linear model needs no wide matrix: it adds up a product and a look-up per
feature, in the same order for one row and for a million. Stored as plain JSON.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar, Protocol
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from hindcast.columns import Column, Frame, Kind
from hindcast.errors import ArtifactError, ConfigError, DataError
from hindcast.models.model import Row, checked_frame, feature_kinds, value_of
from hindcast.values import Floats, Ints

__all__ = ["Encoder", "Hashed", "Number", "OneHot", "Ordinal", "Preparation", "Scaled"]


_GREATEST = 1e150
"""A number beyond this is as good as infinite, and counts as missing: its square is no number."""
_FARTHEST = 10.0
"""A scaled number is kept within so many standard deviations of its mean, in training as in serving."""


class Encoder(Protocol):
    """One feature's encoding: a number if `numeric`, and a code into a block of `width` places (-1: none of them).

    Law: ``item(value)`` equals ``column`` of that one value, to the bit.
    """

    encoder: ClassVar[str]
    kind: ClassVar[Kind]
    numeric: ClassVar[bool]

    @property
    def name(self) -> str: ...

    @property
    def width(self) -> int: ...

    def column(self, column: Column) -> tuple[Floats | None, Ints | None]: ...

    def item(self, value: float | str | None) -> tuple[float, int]: ...

    def places(self) -> list[str]:
        """What each place of the block stands for."""
        ...


def _number(name: str, value: float | str | None) -> float:
    """A float, NaN for what is missing, infinite or too great to be squared."""
    if value is None:
        return math.nan
    if isinstance(value, str):
        raise DataError("a number was expected", column=name, value=value)
    number = float(value)
    return number if abs(number) <= _GREATEST else math.nan


def _numbers(name: str, column: Column) -> Floats:
    try:
        values = column.as_kind("number").floats()
    except DataError as error:
        raise DataError(str(error), column=name) from None
    beyond = np.abs(values) > _GREATEST
    return np.where(beyond, np.nan, values) if beyond.any() else values


def _text(name: str, value: float | str | None) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and math.isnan(value):
        return None
    raise DataError("a text was expected", column=name, value=value)


def _coded(name: str, column: Column, missing: int, place: Callable[[str], int]) -> Ints:
    """`place` of each text, asked once per distinct one; `missing` for null."""
    try:
        column = column.as_kind("text")
    except DataError as error:
        raise DataError(str(error), column=name) from None
    assert column.vocabulary is not None
    if len(column.vocabulary) > 2 * len(column):
        used = np.unique(column.values)
        known = used[used >= 0]
        table = np.full(len(column.vocabulary) + 1, missing, dtype=np.int64)
        table[known] = [place(word) for word in column.vocabulary[known]]
    else:
        table = np.array([place(word) for word in column.vocabulary] + [missing], dtype=np.int64)
    coded: Ints = table[column.values]
    return coded


@dataclass(frozen=True)
class Number:
    """A number as it is, NaN where missing: for trees, which split around what is missing."""

    name: str
    encoder: ClassVar[str] = "number"
    kind: ClassVar[Kind] = "number"
    numeric: ClassVar[bool] = True
    width: ClassVar[int] = 0

    def column(self, column: Column) -> tuple[Floats, None]:
        return _numbers(self.name, column), None

    def item(self, value: float | str | None) -> tuple[float, int]:
        return _number(self.name, value), -1

    def places(self) -> list[str]:
        return []


@dataclass(frozen=True)
class Scaled:
    """A number with its median where missing, less its mean, over its standard deviation, within 10 of them.

    The bound keeps one wild value from bending the line in training, or from saturating an answer in serving.

    Parameters
    ----------
    name : str
    fill, mean, scale : float
        Median, mean (after filling) and population standard deviation of the training rows, in the feature's unit;
        a feature that never varies has scale 1.
    indicator : bool
        Whether "it was missing" is a place of its own: when it ever was, in training.
    """

    name: str
    fill: float
    mean: float
    scale: float
    indicator: bool
    encoder: ClassVar[str] = "scaled"
    kind: ClassVar[Kind] = "number"
    numeric: ClassVar[bool] = True

    @staticmethod
    def fit(name: str, column: Column) -> Scaled:
        values = _numbers(name, column)
        missing = np.isnan(values)
        known = values[~missing]
        if not len(known):
            return Scaled(name, 0.0, 0.0, 1.0, True)
        fill = float(np.median(known))
        filled = np.where(missing, fill, values)
        scale = float(filled.std())
        return Scaled(name, fill, float(filled.mean()), scale if scale > 0 else 1.0, bool(missing.any()))

    @property
    def width(self) -> int:
        return int(self.indicator)

    def column(self, column: Column) -> tuple[Floats, Ints | None]:
        values = _numbers(self.name, column)
        missing = np.isnan(values)
        scaled = (np.where(missing, self.fill, values) - self.mean) / self.scale
        np.clip(scaled, -_FARTHEST, _FARTHEST, out=scaled)
        return scaled, missing.astype(np.int64) - 1 if self.indicator else None

    def item(self, value: float | str | None) -> tuple[float, int]:
        number = _number(self.name, value)
        if math.isnan(number):
            number, code = self.fill, 0 if self.indicator else -1
        else:
            code = -1
        return min(max((number - self.mean) / self.scale, -_FARTHEST), _FARTHEST), code

    def places(self) -> list[str]:
        return [f"{self.name} is missing"] * self.width


@dataclass(frozen=True)
class OneHot:
    """A place per frequent category, then one for rare and never seen ones, then one for missing."""

    name: str
    categories: tuple[str, ...]
    encoder: ClassVar[str] = "one-hot"
    kind: ClassVar[Kind] = "text"
    numeric: ClassVar[bool] = False

    @property
    def width(self) -> int:
        return len(self.categories) + 2

    @cached_property
    def _place(self) -> dict[str, int]:
        return {category: place for place, category in enumerate(self.categories)}

    def column(self, column: Column) -> tuple[None, Ints]:
        other = len(self.categories)
        return None, _coded(self.name, column, other + 1, lambda word: self._place.get(word, other))

    def item(self, value: float | str | None) -> tuple[float, int]:
        word = _text(self.name, value)
        other = len(self.categories)
        return 0.0, other + 1 if word is None else self._place.get(word, other)

    def places(self) -> list[str]:
        return [
            *(f"{self.name} is {word!r}" for word in self.categories),
            f"{self.name} is another",
            f"{self.name} is missing",
        ]


@dataclass(frozen=True)
class Hashed:
    """A place by the CRC-32 of the category's UTF-8, modulo `buckets`, then one for missing: bounded, however many."""

    name: str
    buckets: int
    encoder: ClassVar[str] = "hashed"
    kind: ClassVar[Kind] = "text"
    numeric: ClassVar[bool] = False

    @property
    def width(self) -> int:
        return self.buckets + 1

    def column(self, column: Column) -> tuple[None, Ints]:
        return None, _coded(self.name, column, self.buckets, lambda word: crc32(word.encode()) % self.buckets)

    def item(self, value: float | str | None) -> tuple[float, int]:
        word = _text(self.name, value)
        return 0.0, self.buckets if word is None else crc32(word.encode()) % self.buckets

    def places(self) -> list[str]:
        return [*(f"{self.name} hashes to {place}" for place in range(self.buckets)), f"{self.name} is missing"]


@dataclass(frozen=True)
class Ordinal:
    """A category's number, for trees: the frequent from 0 by their text, then rare and unseen; NaN is missing."""

    name: str
    categories: tuple[str, ...]
    encoder: ClassVar[str] = "ordinal"
    kind: ClassVar[Kind] = "text"
    numeric: ClassVar[bool] = True
    width: ClassVar[int] = 0

    @cached_property
    def _place(self) -> dict[str, int]:
        return {category: place for place, category in enumerate(self.categories)}

    def column(self, column: Column) -> tuple[Floats, None]:
        other = len(self.categories)
        codes = _coded(self.name, column, -1, lambda word: self._place.get(word, other))
        return np.where(codes < 0, np.nan, codes.astype(np.float64)), None

    def item(self, value: float | str | None) -> tuple[float, int]:
        word = _text(self.name, value)
        return math.nan if word is None else float(self._place.get(word, len(self.categories))), -1

    def places(self) -> list[str]:
        return []


_ENCODERS: dict[str, type[Any]] = {cls.encoder: cls for cls in (Number, Scaled, OneHot, Hashed, Ordinal)}


def _frequent(column: Column, min_rows: int) -> tuple[str, ...]:
    """The categories with at least `min_rows` rows, sorted."""
    codes, words = column.codes()
    counts = np.bincount(codes[codes >= 0], minlength=len(words))
    return tuple(word for word, count in zip(words, counts.tolist(), strict=True) if count >= min_rows)


@dataclass(frozen=True)
class Preparation:
    """Encoders in the order of the features they read; see the module.

    Examples
    --------
    >>> rows = Frame.of({"delay": [0.0, 10.0, None, 20.0], "origin": ["JFK", "EWR", "JFK", None]})
    >>> prepared = Preparation.linear(rows, min_rows=1)
    >>> prepared.width, prepared.places()[:3]
    (6, ['delay', 'delay is missing', "origin is 'EWR'"])
    >>> prepared.matrix(rows).toarray()[0].tolist()
    [-1.414213562373095, 0.0, 0.0, 1.0, 0.0, 0.0]
    """

    encoders: tuple[Encoder, ...]

    @staticmethod
    def linear(features: Frame, *, min_rows: int = 20, max_one_hot: int = 64, buckets: int = 256) -> Preparation:
        """Fit for a linear model: numbers scaled and filled, categories one-hot, or hashed when there are many.

        Parameters
        ----------
        features : Frame
            The training rows, nothing else.
        min_rows : int, default 20
            A category with fewer rows shares the place of the rare and the unknown.
        max_one_hot : int, default 64
            With more frequent categories than this the feature is hashed.
        buckets : int, default 256
        """
        encoders: list[Encoder] = []
        for name, kind in _kinds(features).items():
            if kind != "text":
                encoders.append(Scaled.fit(name, features[name]))
                continue
            categories = _frequent(features[name], min_rows)
            encoders.append(OneHot(name, categories) if len(categories) <= max_one_hot else Hashed(name, buckets))
        return Preparation(tuple(encoders))

    @staticmethod
    def trees(features: Frame, *, min_rows: int = 100) -> Preparation:
        """Fit for trees: numbers as they are, categories by their ordinal code, the rare ones together."""
        return Preparation(
            tuple(
                Ordinal(name, _frequent(features[name], min_rows)) if kind == "text" else Number(name)
                for name, kind in _kinds(features).items()
            )
        )

    @cached_property
    def kinds(self) -> dict[str, Kind]:
        """What is read, and as which kind (integers and booleans are read as numbers)."""
        return {encoder.name: encoder.kind for encoder in self.encoders}

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Where each encoder's outputs begin, and at the end the width: first the number, then the block of places."""
        starts = [0]
        for encoder in self.encoders:
            starts.append(starts[-1] + int(encoder.numeric) + encoder.width)
        return tuple(starts)

    @property
    def width(self) -> int:
        """How many numbers a row becomes."""
        return self.starts[-1]

    def places(self) -> list[str]:
        """What each output stands for, shape (width,)."""
        return [text for e in self.encoders for text in ([e.name] if e.numeric else []) + e.places()]

    def source(self) -> Ints:
        """The index of the encoder behind each output, shape (width,)."""
        return np.repeat(np.arange(len(self.encoders)), [b - a for a, b in pairwise(self.starts)])

    def matrix(self, features: Frame) -> Any:
        """The outputs as a SciPy CSR matrix of shape (n, width); O(stored values) time and memory."""
        from scipy.sparse import csr_matrix

        rows = len(features)
        places: list[NDArray[np.int32]] = []
        values: list[Floats] = []
        kept: list[NDArray[np.bool_]] = []
        for start, encoder in zip(self.starts, self.encoders, strict=False):
            number, code = encoder.column(features[encoder.name])
            if number is not None:
                places.append(np.full(rows, start, dtype=np.int32))
                values.append(number)
                kept.append(number != 0)
            if code is not None:
                places.append((start + int(encoder.numeric) + code).astype(np.int32))
                values.append(np.ones(rows))
                kept.append(code >= 0)
        if not values:
            return csr_matrix((rows, self.width))
        keep = np.stack(kept, axis=1)
        ends = np.concatenate([[0], np.cumsum(keep.sum(axis=1))])
        return csr_matrix(
            (np.stack(values, axis=1)[keep], np.stack(places, axis=1)[keep], ends), shape=(rows, self.width)
        )

    def dense(self, features: Frame) -> Floats:
        """The numeric outputs as a C-ordered matrix, shape (n, number of numeric encoders): all there is, for trees."""
        numeric = [encoder for encoder in self.encoders if encoder.numeric]
        result = np.empty((len(checked_frame(features)), len(numeric)))
        for at, encoder in enumerate(numeric):
            result[:, at] = encoder.column(features[encoder.name])[0]
        return result

    def dense_row(self, row: Row) -> list[float]:
        """The numeric outputs of one row."""
        return [e.item(value_of(row, e.name))[0] for e in self.encoders if e.numeric]

    def describe(self) -> list[dict[str, Any]]:
        """Plain values from which :meth:`of` makes the same preparation."""
        return [
            {"encoder": encoder.encoder, **{f.name: _plain(getattr(encoder, f.name)) for f in fields(encoder)}}  # type: ignore[arg-type]
            for encoder in self.encoders
        ]

    @staticmethod
    def of(described: list[Mapping[str, Any]]) -> Preparation:
        """The preparation that :meth:`describe` described; ArtifactError for an unknown encoder or wrong parameters."""
        encoders = []
        for item in described:
            parameters = {key: tuple(v) if isinstance(v, list) else v for key, v in item.items() if key != "encoder"}
            cls = _ENCODERS.get(str(item.get("encoder")))
            if cls is None:
                raise ArtifactError(
                    f"a model was prepared by an unknown encoder {item.get('encoder')!r}; "
                    f"known: {', '.join(_ENCODERS)}."
                )
            if set(parameters) != {f.name for f in fields(cls)}:
                raise ArtifactError(f"the encoder {item!r} does not have the parameters of {cls.__name__}.")
            encoders.append(cls(**parameters))
        return Preparation(tuple(encoders))


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _kinds(features: Frame) -> dict[str, Kind]:
    kinds = feature_kinds(features)
    if not kinds:
        raise ConfigError(
            "there is no feature to learn from; declare at least one that is a number or a text (lists are left out)."
        )
    for name, kind in kinds.items():
        if kind == "time":
            raise ConfigError(
                f"feature {name!r} is a moment: it only ever grows, so nothing learnt from it would hold tomorrow. "
                f"Make a number of it, such as hc.local_hour({name}, zone) in a transform."
            )
    return kinds
