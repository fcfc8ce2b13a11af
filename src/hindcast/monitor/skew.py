"""Skew: features as they were served beside features recomputed, value by value, and why they differ.

Two values are equal, or one of four things: a *mismatch* (both are there and differ), *missing* (the server had none),
*extra* (only the server had one). What differs has a cause, tried in this order:

* ``float``: the same value, rounded in another way;
* ``definition``: the feature meant something else when it was served;
* whatever else is put forward as an :class:`Explanation`: what the value would have been, had some facts arrived later
  than they claim (``late fact``, ``correction``) or had the clock stood elsewhere (``clock``). An explanation holds for
  a row only if it spoils none of the row's values that agree already, so that small numbers do not explain by chance;
* ``unexplained``: a bug, until somebody finds a better word.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.columns import Column, Frame
from hindcast.errors import DataError, UnknownName
from hindcast.values import Bools, Floats, Ints, iso
from hindcast.verdicts import Verdict

__all__ = [
    "CAUSES",
    "CLOCK",
    "CORRECTION",
    "DEFINITION",
    "FLOAT",
    "LATE_FACT",
    "UNEXPLAINED",
    "Difference",
    "Explanation",
    "FeatureSkew",
    "SkewReport",
    "skew",
]

FLOAT, DEFINITION, LATE_FACT, CORRECTION, CLOCK, UNEXPLAINED = (
    "float",
    "definition",
    "late fact",
    "correction",
    "clock",
    "unexplained",
)
CAUSES = (FLOAT, DEFINITION, LATE_FACT, CORRECTION, CLOCK, UNEXPLAINED)
"""Every cause, the least worrying first."""

_EQUAL, _MISMATCH, _MISSING, _EXTRA, _APART = range(5)
_KINDS = ("equal", "mismatch", "missing", "extra")
_SHOWN = 3


@dataclass(frozen=True, eq=False)
class Explanation:
    """What some rows would have been under an assumption.

    Parameters
    ----------
    cause : str
        Of :data:`CAUSES`.
    rows : int64 array, shape (m,)
        Which of the compared rows, rising.
    values : Frame, m rows
        Their features under the assumption.
    detail : str
        The assumption in a word or two, such as ``"-1h"``.
    """

    cause: str
    rows: Ints
    values: Frame
    detail: str = ""


@dataclass(frozen=True)
class Difference:
    """One value that was served otherwise, for people.

    Attributes
    ----------
    row : int
        Among the compared rows, from 0.
    key : str or None
        The request's id, where ids are given.
    as_of : int or None
        Microseconds, where moments are given.
    """

    row: int
    key: str | None
    as_of: int | None
    feature: str
    served: Any
    recomputed: Any
    kind: str
    cause: str
    detail: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values; the moment as text, a list for a list of values."""
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}
        return {**plain, "as_of": None if self.as_of is None else iso(self.as_of)}


@dataclass(frozen=True)
class FeatureSkew:
    """One feature as served and as recomputed.

    Attributes
    ----------
    rows : int
        Compared; the sum of `equal`, `mismatched`, `missing` and `extra`.
    typical, largest : float
        Median (of an even number the smaller of two) and greatest absolute difference of the mismatched numbers, in the
        feature's unit; NaN for none.
    causes : mapping of str to int
        How many values differ for which cause; only causes that occur.
    """

    feature: str
    rows: int
    equal: int
    mismatched: int
    missing: int
    extra: int
    typical: float
    largest: float
    causes: Mapping[str, int]

    @property
    def different(self) -> int:
        """Values that are not equal."""
        return self.mismatched + self.missing + self.extra

    def as_dict(self) -> dict[str, Any]:
        return {**vars(self), "causes": dict(self.causes)}


@dataclass(frozen=True, eq=False)
class SkewReport:
    """What a comparison found.

    Attributes
    ----------
    rows : int
        Requests compared.
    features : tuple of FeatureSkew
        In the order of the recomputed features.
    differences : Frame
        A row per value that differs: ``row`` (integer), ``feature``, ``kind`` ("mismatch", "missing" or "extra"),
        ``size`` (absolute difference, null where there is none), ``cause`` and ``detail``.
    examples : tuple of Difference
        The first few of each feature and cause.
    left_out : mapping of str to int
        Requests that could not be compared, by the reason.
    """

    rows: int
    features: tuple[FeatureSkew, ...]
    differences: Frame
    examples: tuple[Difference, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def values(self) -> int:
        """Values compared."""
        return sum(feature.rows for feature in self.features)

    @property
    def causes(self) -> dict[str, int]:
        """Values that differ, by cause, in the order of :data:`CAUSES`; only causes that occur."""
        return _tally(feature.causes for feature in self.features)

    def verdict(self, allowed: Collection[str] = (FLOAT,)) -> Verdict:
        """Pass when every difference has an `allowed` cause, unknown when nothing was compared.

        Raises
        ------
        UnknownName
            For an allowed cause that is none.
        """
        for cause in allowed:
            if cause not in CAUSES:
                raise UnknownName("cause", cause, CAUSES, where="skew")
        if not self.values:
            left = ", ".join(f"{count} {reason}" for reason, count in self.left_out.items() if count)
            return Verdict.unknown("skew", f"no served value could be compared{f' ({left})' if left else ''}")
        causes = self.causes
        total = sum(causes.values())
        said = f"{total:,} of {self.values:,} values differ over {self.rows:,} requests"
        if not total:
            return Verdict.passed("skew", f"{self.values:,} values over {self.rows:,} requests are equal", causes={})
        worst = max(self.features, key=lambda feature: feature.different)
        because = ", ".join(f"{cause} {count:,}" for cause, count in causes.items())
        said = f"{said}: {because}; most in {worst.feature} ({worst.different:,})"
        bad = [cause for cause in causes if cause not in allowed]
        return Verdict.failed("skew", said, causes=causes) if bad else Verdict.passed("skew", said, causes=causes)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "rows": self.rows,
            "values": self.values,
            "causes": self.causes,
            "left_out": dict(self.left_out),
            "features": [feature.as_dict() for feature in self.features],
            "examples": [example.as_dict() for example in self.examples],
        }


def skew(
    served: Frame,
    recomputed: Frame,
    *,
    explanations: Sequence[Explanation] = (),
    changed: Mapping[str, Bools] | None = None,
    another_plan: Bools | None = None,
    compared: Mapping[str, Bools] | None = None,
    tolerance: float = 1e-9,
    keys: Column | None = None,
    as_of: Ints | None = None,
    left_out: Mapping[str, int] | None = None,
) -> SkewReport:
    """Compare features as served with features recomputed, value by value.

    Parameters
    ----------
    served : Frame, n rows
        A feature it lacks is not compared.
    recomputed : Frame, n rows
        The same requests. Kinds may differ: numbers, integers, booleans and times are compared as numbers.
    explanations : sequence of Explanation
        Of those that hold for a row the one that explains most of it is taken, then the next; of equals the first, but
        among neighbours of one cause the one that explains most in all rows.
    changed : mapping of str to bool array, shape (n,), optional
        By feature, the rows in which it was served under another definition.
    another_plan : bool array, shape (n,), optional
        Rows that were served when any definition was another: what nothing else explains there is ``definition``.
    compared : mapping of str to bool array, shape (n,), optional
        By feature, the only rows in which it was served at all.
    tolerance : float, default 1e-9
        Numbers that differ by less, relative to the larger one, differ by ``float`` only; so do differences below a
        thousandth of that of the feature's median size, for what should have cancelled out.
    keys : Column, optional
        The requests' ids, for the examples.
    as_of : int64 array, shape (n,), optional
        Their moments, for the examples.
    left_out : mapping of str to int, optional
        Requests that could not be compared, by the reason; handed on.

    Raises
    ------
    DataError
        When the two have another number of rows.

    Notes
    -----
    O(n) per feature and explanation. Texts and lists are compared as Python objects.

    Examples
    --------
    >>> served = Frame.of({"mean": [0.1 + 0.2, 5.0, None], "word": ["a", "b", "c"]})
    >>> found = skew(served, Frame.of({"mean": [0.3, 4.0, 1.0], "word": ["a", "b", "c"]}))
    >>> [(d.row, d.feature, d.kind, d.cause) for d in found.examples]
    [(0, 'mean', 'mismatch', 'float'), (1, 'mean', 'mismatch', 'unexplained'), (2, 'mean', 'missing', 'unexplained')]
    >>> found.verdict().outcome, found.features[1].different
    ('fail', 0)
    """
    n = len(recomputed)
    if len(served) != n:
        raise DataError(f"{len(served)} served rows meet {n} recomputed rows; recompute the same requests.")
    names = [name for name in recomputed.names if name in served]
    found = {name: _compare(served[name], recomputed[name], tolerance) for name in names}
    none = np.zeros(n, dtype=np.bool_)
    whole = ~none
    state = _table([np.where((compared or {}).get(name, whole), found[name].kind, _APART) for name in names], n)
    close = _table([found[name].close for name in names], n).astype(np.bool_)
    old = _table([(changed or {}).get(name, none) for name in names], n).astype(np.bool_)
    open_cells = (state != _EQUAL) & (state != _APART)
    cause = np.full(state.shape, -1, dtype=np.int64)
    detail = np.full(state.shape, -1, dtype=np.int64)

    def settle(cells: Bools, because: str) -> None:
        cause[cells] = CAUSES.index(because)
        open_cells[cells] = False

    settle(open_cells & close, FLOAT)
    settle(open_cells & old, DEFINITION)
    agreed = np.asarray(((state == _EQUAL) | (cause == CAUSES.index(FLOAT))) & ~old)
    _explain(served.select(names), explanations, tolerance, agreed, open_cells, cause, detail)
    if another_plan is not None:
        settle(open_cells & another_plan[:, None], DEFINITION)
    settle(open_cells.copy(), UNEXPLAINED)

    sizes = _table([found[name].size for name in names], n, np.float64)
    features = tuple(_feature(name, state[:, at], sizes[:, at], cause[:, at]) for at, name in enumerate(names))
    rows, columns = np.nonzero(cause >= 0)
    details = [explanation.detail for explanation in explanations]
    differences = Frame(
        {
            "row": Column("integer", rows.astype(np.int64)),
            "feature": _words(columns, names),
            "kind": _words(state[rows, columns], _KINDS),
            "size": Column("number", sizes[rows, columns]),
            "cause": _words(cause[rows, columns], CAUSES),
            "detail": Column.of_kind([details[at] if at >= 0 else "" for at in detail[rows, columns]], "text"),
        },
        len(rows),
    )
    examples = _examples(differences, served, recomputed, keys, as_of)
    return SkewReport(n, features, differences, examples, dict(left_out or {}))


# ---- two values -----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Compared:
    """How the values of two columns stand to each other; every array has shape (n,)."""

    kind: NDArray[np.int8]
    close: Bools
    size: Floats

    @property
    def same(self) -> Bools:
        """Equal, or but for rounding."""
        return np.asarray((self.kind == _EQUAL) | self.close)


def _compare(served: Column, recomputed: Column, tolerance: float) -> _Compared:
    n = len(served)
    if _numeric(served) and _numeric(recomputed):
        try:
            return _compare_numbers(served.floats(), recomputed.floats(), tolerance)
        except DataError:
            pass  # integers that no float holds: compared as they are
    a, b = served.objects().tolist(), recomputed.objects().tolist()
    kind = np.empty(n, dtype=np.int8)
    close = np.zeros(n, dtype=np.bool_)
    for row, (x, y) in enumerate(zip(a, b, strict=True)):
        if x is None or y is None:
            kind[row] = _EQUAL if x is y else _MISSING if x is None else _EXTRA
        else:
            kind[row] = _EQUAL if _same(x, y, 0.0) else _MISMATCH
            close[row] = kind[row] == _MISMATCH and _same(x, y, tolerance)
    return _Compared(kind, close, np.full(n, np.nan))


def _compare_numbers(x: Floats, y: Floats, tolerance: float) -> _Compared:
    no_x, no_y = np.isnan(x), np.isnan(y)
    equal = (x == y) | (no_x & no_y)
    kind = np.where(equal, _EQUAL, np.where(no_x, _MISSING, np.where(no_y, _EXTRA, _MISMATCH))).astype(np.int8)
    mismatch = kind == _MISMATCH
    size = np.full(len(x), np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        size[mismatch] = np.abs(x[mismatch] - y[mismatch])
    usual = np.abs(y[np.isfinite(y) & (y != 0)])
    floor = tolerance * 1e-3 * _middle(usual) if len(usual) else 0.0
    bound = np.maximum(tolerance * np.maximum(np.abs(x), np.abs(y)), floor)
    return _Compared(kind, mismatch & np.isfinite(size) & (size <= bound), size)


def _numeric(column: Column) -> bool:
    return column.kind in ("number", "integer", "boolean", "time")


def _same(x: Any, y: Any, tolerance: float) -> bool:
    if isinstance(x, tuple | list) and isinstance(y, tuple | list):
        return len(x) == len(y) and all(_same(a, b, tolerance) for a, b in zip(x, y, strict=True))
    if isinstance(x, str) or isinstance(y, str) or x is None or y is None:
        return bool(x == y)
    return bool(x == y or (x != x and y != y) or (tolerance and abs(x - y) <= tolerance * max(abs(x), abs(y))))  # noqa: PLR0124


# ---- why --------------------------------------------------------------------------------------------------


def _explain(
    served: Frame,
    explanations: Sequence[Explanation],
    tolerance: float,
    agreed: Bools,
    open_cells: Bools,
    cause: Ints,
    detail: Ints,
) -> None:
    """Give open cells the cause of the explanation that explains most of their row, then of the next."""
    holds = np.zeros((len(explanations), *open_cells.shape), dtype=np.bool_)
    for at, explanation in enumerate(explanations):
        rows = explanation.rows
        same = np.zeros((len(rows), open_cells.shape[1]), dtype=np.bool_)
        for column, name in enumerate(served.names):
            if name in explanation.values:
                theirs = _compare(served[name].take(rows), explanation.values[name], tolerance)
                same[:, column] = theirs.same
        spoils = np.any(agreed[rows] & ~same, axis=1, keepdims=True)
        holds[at, rows] = same & ~spoils
    order = _ranked(explanations, (holds & open_cells).sum(axis=(1, 2)))
    holds, causes = holds[order], np.array([CAUSES.index(explanations[at].cause) for at in order], dtype=np.int64)
    for _ in explanations:
        explained = (holds & open_cells).sum(axis=2)
        best = explained.argmax(axis=0)
        cells = holds[best, np.arange(len(best))] & open_cells
        if not cells.any():
            return
        rows, columns = np.nonzero(cells)
        cause[rows, columns] = causes[best[rows]]
        detail[rows, columns] = order[best[rows]]
        open_cells[cells] = False


def _ranked(explanations: Sequence[Explanation], explained: Ints) -> Ints:
    """Places of the explanations in their order, but of neighbours of one cause the one that explains most first."""
    runs = np.cumsum([at > 0 and e.cause != explanations[at - 1].cause for at, e in enumerate(explanations)])
    return np.lexsort((-explained, runs)).astype(np.int64)


# ---- telling it -------------------------------------------------------------------------------------------


def _feature(name: str, state: Ints, size: Floats, cause: Ints) -> FeatureSkew:
    equal, mismatched, missing, extra, _ = np.bincount(state, minlength=_APART + 1).tolist()
    sizes = size[np.isfinite(size)]
    found = np.bincount(cause[cause >= 0], minlength=len(CAUSES)).tolist()
    return FeatureSkew(
        feature=name,
        rows=equal + mismatched + missing + extra,
        equal=equal,
        mismatched=mismatched,
        missing=missing,
        extra=extra,
        typical=_middle(sizes) if len(sizes) else float("nan"),
        largest=float(sizes.max()) if len(sizes) else float("nan"),
        causes={because: many for because, many in zip(CAUSES, found, strict=True) if many},
    )


def _examples(
    differences: Frame, served: Frame, recomputed: Frame, keys: Column | None, as_of: Ints | None
) -> tuple[Difference, ...]:
    """The first few differences of each feature and cause, in the order of the rows."""
    seen: dict[tuple[str, str], int] = {}
    found = []
    for difference in differences.rows():
        group = (difference["feature"], difference["cause"])
        seen[group] = seen.get(group, 0) + 1
        if seen[group] <= _SHOWN:
            row, name = difference["row"], difference["feature"]
            key = None if keys is None else keys.item(row)
            found.append(
                Difference(
                    row=row,
                    key=None if key is None else str(key),
                    as_of=None if as_of is None else int(as_of[row]),
                    feature=name,
                    served=served[name].item(row),
                    recomputed=recomputed[name].item(row),
                    kind=difference["kind"],
                    cause=difference["cause"],
                    detail=difference["detail"],
                )
            )
    return tuple(found)


def _table(columns: Sequence[NDArray[Any]], n: int, dtype: Any = np.int64) -> NDArray[Any]:
    """The columns side by side, shape (n, len(columns))."""
    return np.stack(columns, axis=1).astype(dtype) if columns else np.zeros((n, 0), dtype=dtype)


def _words(codes: NDArray[Any], words: Sequence[str]) -> Column:
    vocabulary = np.empty(len(words), dtype=object)
    vocabulary[:] = list(words)
    return Column("text", codes.astype(np.int32), None, vocabulary)


def _middle(values: Floats) -> float:
    """The median; of an even number the smaller of the two."""
    at = (len(values) - 1) // 2
    return float(np.partition(values, at)[at])


def _tally(parts: Any) -> dict[str, int]:
    total = dict.fromkeys(CAUSES, 0)
    for part in parts:
        for cause, count in part.items():
            total[cause] += count
    return {cause: count for cause, count in total.items() if count}
