"""Bins of one feature: what is far apart falls into different bins, and so does what was never seen.

A number's bins are quantiles of the reference, with a decade of bins on either side for values far beyond it (a
wrong unit lands there). A category's bins are its commonest values, one for the other known ones and one for
values never seen. The last bin always holds the nulls.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hindcast.columns import Column
from hindcast.metrics.divergence import jensen_shannon, wasserstein_counts
from hindcast.values import Floats

__all__ = ["Bins", "Codes"]

Codes = NDArray[np.int16]

_QUANTILES = 16
_TAIL = 0.005
_SHARES = [_TAIL, *(k / _QUANTILES for k in range(1, _QUANTILES)), 1 - _TAIL]
_DECADES = np.array([0.0, 1.0, 3.0, 10.0, 30.0, 100.0])
_MIDDLES = np.array([0.4, 1.7, 5.5, 17.0, 55.0, 170.0])
_COMMON = 24


@dataclass(frozen=True, slots=True, eq=False)
class Bins:
    """Where the values of one feature fall, and how far apart the bins are.

    Parameters
    ----------
    kind : {"number", "category"}
    edges : float64 array, shape (v - 1,)
        Numbers: bin k holds the values above ``edges[k - 1]`` and up to ``edges[k]``.
    positions : float64 array, shape (v,)
        Numbers: where each bin sits, in units of the reference's spread.
    bin_of : mapping of str to int
        Categories: the bin of each known value.
    common : tuple of str
        Categories: the values with a bin of their own, in order.
    """

    kind: Literal["number", "category"]
    edges: Floats
    positions: Floats
    bin_of: Mapping[str, int]
    common: tuple[str, ...]

    @property
    def values(self) -> int:
        """How many bins hold values; the bin of this number holds the nulls."""
        return len(self.positions) if self.kind == "number" else len(self.common) + 2

    @property
    def size(self) -> int:
        return self.values + 1

    @property
    def unseen(self) -> int:
        """A category's bin of values never seen."""
        return self.values - 1

    @property
    def statistics(self) -> tuple[str, ...]:
        """What :meth:`effects` measures."""
        return ("shift", "shape", "null_share") if self.kind == "number" else ("shape", "unseen_share", "null_share")

    # ---- learning -------------------------------------------------------------------------------------------

    @staticmethod
    def learn(column: Column, sample: NDArray[Any] | slice = slice(None)) -> Bins:
        """Bins from a reference column; quantiles are taken from the rows `sample`, categories from all."""
        if column.kind == "text":
            return Bins._of_category(column)
        x = column.take(sample).floats()
        return Bins._of_number(x[np.isfinite(x)])

    @staticmethod
    def _of_category(column: Column) -> Bins:
        assert column.vocabulary is not None
        counts = np.bincount(column.values[column.values >= 0], minlength=len(column.vocabulary))
        totals: dict[str, int] = {}
        for word, count in zip(column.vocabulary.tolist(), counts.tolist(), strict=True):
            if count:
                totals[word] = totals.get(word, 0) + count
        ranked = sorted(totals, key=lambda word: (-totals[word], word))
        common = tuple(ranked[:_COMMON])
        return Bins.categories(common, ranked[_COMMON:])

    @staticmethod
    def categories(common: tuple[str, ...], rare: list[str]) -> Bins:
        """A category's bins: one per common value, one shared by the rare ones."""
        bin_of = {word: k for k, word in enumerate(common)} | dict.fromkeys(sorted(rare), len(common))
        return Bins("category", np.zeros(0), np.zeros(0), bin_of, common)

    @staticmethod
    def _of_number(x: Floats) -> Bins:
        if not x.size:
            return Bins("number", np.zeros(0), np.zeros(1), {}, ())
        quantiles: Floats = np.asarray(np.quantile(x, _SHARES, method="inverted_cdf")).reshape(-1)
        low, high = float(quantiles[0]), float(quantiles[-1])
        reach = high - low or abs(high) or 1.0
        below: Floats = low - _DECADES[::-1] * reach
        above: Floats = high + _DECADES * reach
        below[-1] = np.nextafter(low, -np.inf)  # the lowest quantile itself belongs inside
        edges = np.unique(np.concatenate([below, quantiles[1:], above[1:]]))
        middles = np.concatenate([low - _MIDDLES[::-1] * reach, _inner(edges, low, high), high + _MIDDLES * reach])
        inside = x[(x >= low) & (x <= high)]
        spread = float(inside.std()) if inside.size else 0.0
        spread = max(spread, 0.1 * reach)
        return Bins("number", edges, np.maximum.accumulate(middles) / spread, {}, ())

    # ---- using ----------------------------------------------------------------------------------------------

    def codes(self, column: Column | None, rows: int) -> Codes:
        """The bin of each row, int16, shape (n,); a column that is absent or of another kind holds only nulls."""
        if column is None or column.kind == "list" or (column.kind == "text") != (self.kind == "category"):
            return np.full(rows, self.values, dtype=np.int16)
        if self.kind == "category":
            assert column.vocabulary is not None
            lookup = np.fromiter(
                (self.bin_of.get(word, self.unseen) for word in column.vocabulary),
                dtype=np.int16,
                count=len(column.vocabulary),
            )
            found: Codes = np.append(lookup, np.int16(self.values))[column.values]
            return found
        x = column.floats()
        codes = np.searchsorted(self.edges, x, side="left").astype(np.int16)
        codes[np.isnan(x)] = self.values
        return codes

    def effects(self, expected: Floats, counts: Floats, min_rows: float, min_values: float) -> dict[str, Floats]:
        """How far each window is from what was expected of it, per statistic, shape (windows,).

        `shift` is the earth mover's distance in reference spreads, `shape` the Jensen-Shannon distance, both among
        rows with a (known) value. `null_share` is the part of the rows that should have a value and have none.
        `unseen_share` is the share of rows with values never seen, less one row: a stray one is no pattern.

        Parameters
        ----------
        expected, counts : float64 arrays, shape (windows, size)
        min_rows, min_values : float
            Windows with fewer rows, or for `shift` and `shape` fewer rows with a value, are NaN: not judged.
        """
        known = self.values if self.kind == "number" else self.unseen
        rows, valued = counts.sum(axis=-1), counts[..., :known].sum(axis=-1)
        enough = np.where(rows >= min_rows, 0.0, np.nan)
        enough_valued = np.where((rows >= min_rows) & (valued >= min_values), 0.0, np.nan)
        nulls = counts[..., self.values] / np.maximum(rows, 1.0)
        usual = expected[..., self.values] / np.maximum(expected.sum(axis=-1), 1e-300)
        found = {"null_share": np.maximum(nulls - usual, 0.0) / np.maximum(1.0 - usual, 1e-9) + enough}
        found["shape"] = jensen_shannon(expected[..., :known], counts[..., :known]) + enough_valued
        if self.kind == "number":
            distance = wasserstein_counts(expected[..., :known], counts[..., :known], self.positions)
            found["shift"] = distance + enough_valued
        else:
            found["unseen_share"] = np.maximum(counts[..., self.unseen] - 1.0, 0.0) / np.maximum(rows, 1.0) + enough
        return {name: found[name] for name in self.statistics}

    def label(self, bin: int) -> str:
        """The bin in words."""
        if bin == self.values:
            return "null"
        if self.kind == "category":
            return self.common[bin] if bin < len(self.common) else ("other known", "unseen")[bin - len(self.common)]
        low = f"above {self.edges[bin - 1]:.4g}" if bin else ""
        high = f"up to {self.edges[bin]:.4g}" if bin < len(self.edges) else ""
        return " ".join(filter(None, (low, high))) or "any value"

    # ---- storing --------------------------------------------------------------------------------------------

    def to_plain(self) -> dict[str, Any]:
        if self.kind == "number":
            return {"kind": "number", "edges": self.edges.tolist(), "positions": self.positions.tolist()}
        rare = [word for word, k in self.bin_of.items() if k == len(self.common)]
        return {"kind": "category", "common": list(self.common), "rare": sorted(rare)}

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> Bins:
        if plain["kind"] == "number":
            return Bins("number", np.array(plain["edges"], float), np.array(plain["positions"], float), {}, ())
        return Bins.categories(tuple(plain["common"]), list(plain["rare"]))


def _inner(edges: Floats, low: float, high: float) -> Floats:
    """The middles of the bins within [low, high]."""
    inside = edges[(edges >= np.nextafter(low, -np.inf)) & (edges <= high)]
    middles: Floats = (inside[:-1] + inside[1:]) / 2.0
    return middles
