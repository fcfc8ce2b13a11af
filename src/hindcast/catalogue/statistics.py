"""A column in figures: how many values, how many nulls, how they are spread."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hindcast.columns import Column
from hindcast.values import Floats, iso

__all__ = ["QUANTILES", "Statistics"]

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_TOP = 5


@dataclass(frozen=True)
class Statistics:
    """What a column of values looks like.

    Attributes
    ----------
    rows : int
    null_share : float
        NaN without rows.
    distinct : int
        Different values, null not among them; of lists, different entries.
    mean, std, min, max : float or None
        Of numbers (times in microseconds, lists by their length); std is the sample's. None where there is no value.
    quantiles : mapping of str to float
        Observed values at the shares of :data:`QUANTILES`, as ``"p50"``; empty for texts.
    top : tuple of (value, share of the rows)
        The most frequent values, ties in their order: of texts, lists' entries (in what share of the rows one stands
        in the list), and numbers of few values.
    infinite : int
        Values beyond all numbers; they stand in no other figure but `rows`.
    """

    rows: int
    null_share: float
    distinct: int
    mean: float | None = None
    std: float | None = None
    min: float | None = None
    max: float | None = None
    quantiles: Mapping[str, float] = field(default_factory=dict)
    top: tuple[tuple[Any, float], ...] = ()
    infinite: int = 0

    @staticmethod
    def of(column: Column) -> Statistics:
        """The statistics of a column; one sort of its numbers, or one count of its texts. O(n log n).

        Examples
        --------
        >>> found = Statistics.of(Column.of([1.0, 3.0, None, 3.0]))
        >>> found.null_share, found.distinct, found.max, found.quantiles["p50"], found.top
        (0.25, 2, 3.0, 3.0, ((3.0, 0.5), (1.0, 0.25)))
        """
        rows = len(column)
        if column.kind == "text":
            assert column.vocabulary is not None
            counts = np.bincount(column.values[column.values >= 0], minlength=len(column.vocabulary))
            found = {word: n for word, n in zip(column.vocabulary.tolist(), counts.tolist(), strict=True) if n}
            return Statistics(rows, _share(rows - sum(found.values()), rows), len(found), top=_top(found, rows))
        if column.kind not in ("number", "integer", "time", "boolean"):
            lists = [items for items in column.objects().tolist() if items is not None]
            found = Counter(item for items in lists for item in set(items))
            lengths = np.sort(np.array([len(items) for items in lists], dtype=np.float64))
            return Statistics(
                rows,
                _share(rows - len(lists), rows),
                len(found),
                *_spread(lengths),
                _quantiles(lengths),
                _top(found, rows),
            )
        values = np.sort(column.values[column.present()].astype(np.float64))
        finite = values[np.isfinite(values)]
        distinct, counts = np.unique(finite, return_counts=True)
        few = {float(v): int(n) for v, n in zip(distinct, counts, strict=True)} if len(distinct) <= 50 else {}
        return Statistics(
            rows,
            _share(rows - len(values), rows),
            len(distinct),
            *_spread(finite),
            _quantiles(finite),
            _top(few, rows),
            len(values) - len(finite),
        )

    def describe(self, *, time: bool = False) -> dict[str, Any]:
        """Plain values for JSON; `time` says that the numbers are moments, told as ISO text."""

        def told(value: float | None) -> Any:
            return None if value is None or not math.isfinite(value) else iso(round(value)) if time else value

        return {
            "rows": self.rows,
            "null_share": None if math.isnan(self.null_share) else self.null_share,
            "distinct": self.distinct,
            "mean": told(self.mean),
            "std": None if time else told(self.std),
            "min": told(self.min),
            "max": told(self.max),
            "quantiles": {name: told(value) for name, value in self.quantiles.items()},
            "top": [[value, share] for value, share in self.top],
            "infinite": self.infinite,
        }


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _spread(values: Floats) -> tuple[float | None, float | None, float | None, float | None]:
    """Mean, standard deviation, least and greatest of sorted numbers."""
    if not len(values):
        return None, None, None, None
    deviation = float(values.std(ddof=1)) if len(values) > 1 else None
    return float(values.mean()), deviation, float(values[0]), float(values[-1])


def _quantiles(values: Floats) -> dict[str, float]:
    if not len(values):
        return {}
    return {f"p{100 * q:g}": float(values[min(len(values) - 1, math.ceil(q * len(values)) - 1)]) for q in QUANTILES}


def _top(counts: Mapping[Any, int], rows: int) -> tuple[tuple[Any, float], ...]:
    ranked = sorted(counts, key=lambda value: (-counts[value], value))
    return tuple((value, counts[value] / rows) for value in ranked[:_TOP])
