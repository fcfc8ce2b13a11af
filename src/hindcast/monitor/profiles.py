"""What the world looked like when the model learnt: the reference that live windows are held against.

A reference is plain data: per feature its bins, one histogram per kind of moment (quarter of the day and day of the
week), and per statistic the threshold that its own past calibrated. To calibrate, the reference is replayed: cut
into blocks, each block's sliding windows are compared with all the *other* blocks, exactly as live windows will be.
The ripples found that way hold everything a live window's ripples hold: weather fronts, holidays, few rows. Their
tail is extended to the rarity that the budget of false alarms asks of each of the many tests.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.columns import Column, Frame
from hindcast.errors import ArtifactError, ConfigError, DataError, UnknownName
from hindcast.monitor.bins import Bins, Codes
from hindcast.monitor.season import Season, Volume
from hindcast.monitor.thresholds import Rarity, Threshold
from hindcast.values import DAY_US, Duration, Floats, Ints, duration_text, duration_us

__all__ = ["FLOORS", "PREDICTION", "REQUESTS", "Profile", "Reference"]

PREDICTION = "prediction"
"""The name under which the model's probability is watched beside the features."""
REQUESTS = "requests"
"""The name under which the number of requests is watched."""

FLOORS: dict[str, float] = {
    "shift": 0.25,
    "shape": 0.1,
    "null_share": 0.05,
    "unseen_share": 0.001,
    "volume": math.log(2),
}
"""The least effect worth an alert, per statistic: reference spreads; Jensen-Shannon distance; shares of rows; for
`volume` the absolute log of observed over expected requests."""

_FORMAT = 1
_FOLDS = 6
_QUARTER_US = 91 * DAY_US
_LEAST_ROWS = 30.0
_LEAST_WINDOWS = 10
_SHRINK_ROWS = 50.0
_SAMPLE = 100_000


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """One feature's reference: bins, a histogram per kind of moment of shape (kinds, size), thresholds by statistic.

    `min_values` is the least number of rows with a value for a window to be judged by shape and shift.
    """

    name: str
    bins: Bins
    histogram: Floats
    min_values: float
    thresholds: Mapping[str, Threshold]


def mixture(histogram: Floats, composition: Floats) -> Floats:
    """The histogram to expect of windows made of so many rows of each kind of moment, shape (windows, size).

    Kinds with few rows lean on the histogram of all kinds. Sums run in a fixed order, so that one window alone and
    among many give the same bits.
    """
    total = histogram.sum(axis=0)
    overall = total / max(total.sum(), 1.0)
    chances = (histogram + _SHRINK_ROWS * overall) / (histogram.sum(axis=1, keepdims=True) + _SHRINK_ROWS)
    result = np.zeros((len(composition), histogram.shape[1]))
    for kind, chance in enumerate(chances):
        result += composition[:, kind, None] * chance
    return result


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """The reference of all features, of the prediction and of the number of requests.

    Made by :meth:`learn`, stored by :meth:`to_json`; a live :class:`~hindcast.monitor.DriftMonitor` reads it.

    Parameters
    ----------
    window_us, every_us : int
        The windows and looks that the thresholds are calibrated for.
    season : Season
    profiles : tuple of Profile
    volume : Volume
    volume_threshold : Threshold
    min_rows : float
        Windows with fewer rows are not judged.
    rows : int
        The rows it was learnt from, between `start_us` and `stop_us`.
    false_alarms : float
        The budget per quarter over all features, statistics and looks together.
    ignored : tuple of str
        Columns not watched: times, which only ever grow, and lists, which no model reads; what a feature
        function makes of a list is watched like any number or text.
    """

    window_us: int
    every_us: int
    season: Season
    profiles: tuple[Profile, ...]
    volume: Volume
    volume_threshold: Threshold
    min_rows: float
    rows: int
    start_us: int
    stop_us: int
    false_alarms: float
    ignored: tuple[str, ...]

    @staticmethod
    def learn(
        features: Frame,
        as_of: Ints,
        prediction: Floats | None = None,
        *,
        window: Duration = "24h",
        every: Duration = "6h",
        false_alarms: float = 1.0,
        floors: Mapping[str, float] | None = None,
        zone: str = "UTC",
        seed: int = 0,
    ) -> Reference:
        """Learn a reference from rows that are taken to be healthy.

        Parameters
        ----------
        features : Frame, n rows
        as_of : int64 array, shape (n,)
            In any order. They must span at least ten windows.
        prediction : float64 array, shape (n,), optional
            The model's probabilities, best from rows it was not trained on.
        window, every : durations
            Length of the live windows, and how often they will be looked at; `every` divides `window`.
        false_alarms : float, default 1
            Budget per quarter of 91 days, over everything watched together. The reference's own largest ripple
            never alarms.
        floors : mapping of str to float, optional
            Least effects worth an alert, per statistic; the others keep :data:`FLOORS`.
        zone : str, default "UTC"
            Whose hours and weekdays the seasons follow.
        seed : int, default 0
            Quantiles of more than 100,000 rows are taken from a sample.

        Returns
        -------
        Reference
            O(rows x features) time; about a second for 160,000 rows of 60 features.

        Raises
        ------
        DataError
            For rows too few or too short in time to calibrate anything.
        """
        window_us, every_us = duration_us(window, what="window"), duration_us(every, what="every")
        if every_us <= 0 or window_us <= 0 or window_us % every_us:
            raise ConfigError(
                "the distance of looks must divide the window, got "
                f"{duration_text(every_us)} and {duration_text(window_us)}."
            )
        if not false_alarms > 0:
            raise ConfigError(f"a budget of false alarms must be above zero, got {false_alarms}.")
        for name in floors or {}:
            if name not in FLOORS:
                raise UnknownName("statistic", name, FLOORS, where="floors")
        limits = {**FLOORS, **(floors or {})}
        columns, ignored = watched(features, prediction)
        as_of = np.asarray(as_of, dtype=np.int64)
        if as_of.shape != (len(features),):
            raise DataError(f"{len(features)} rows of features meet as-of moments of shape {as_of.shape}.")
        if as_of.size and (np.diff(as_of) < 0).any():
            order = np.argsort(as_of, kind="stable")
            as_of, columns = as_of[order], {name: column.take(order) for name, column in columns.items()}
        grid = _Grid.of(as_of, window_us, every_us)
        season = Season.of(int(as_of[-1] - as_of[0]), zone)
        kind = season.of_moments(as_of)
        min_rows = max(_LEAST_ROWS, 0.5 * float(np.quantile(grid.rows, 0.05)))
        composition = grid.counts(kind, season.kinds)
        sample: NDArray[Any] | slice = slice(None)
        if as_of.size > _SAMPLE:
            sample = np.sort(np.random.default_rng(seed).choice(as_of.size, _SAMPLE, replace=False))
        drafts = []
        for name, column in columns.items():
            bins = Bins.learn(column, sample)
            drafts.append((name, bins, *_replay(column, bins, kind, composition, grid, min_rows)))
        tests = 1 + sum(len(bins.statistics) for _, bins, *_ in drafts)
        rarity = Rarity(grid.per_window, _QUARTER_US / window_us, false_alarms / tests)
        profiles = tuple(
            Profile(
                name,
                bins,
                histogram,
                min_values,
                {which: rarity.threshold(which, effects[which], limits[which]) for which in bins.statistics},
            )
            for name, bins, histogram, min_values, effects in drafts
        )
        return Reference(
            window_us,
            every_us,
            season,
            profiles,
            Volume.of(as_of, int(as_of[0]), int(as_of[-1]) + 1),
            rarity.threshold("volume", _volume_effects(as_of, grid), limits["volume"]),
            min_rows,
            int(as_of.size),
            int(as_of[0]),
            int(as_of[-1]),
            float(false_alarms),
            ignored,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """What is watched, in order: the features, then the prediction."""
        return tuple(profile.name for profile in self.profiles)

    @property
    def blind(self) -> tuple[tuple[str, str], ...]:
        """The (feature, statistic) pairs that cannot be judged; see :class:`Threshold`."""
        return tuple((p.name, which) for p in self.profiles for which, t in p.thresholds.items() if math.isnan(t.level))

    def profile(self, name: str) -> Profile:
        """One feature's profile."""
        for profile in self.profiles:
            if profile.name == name:
                return profile
        raise UnknownName("watched feature", name, self.names)

    # ---- storing --------------------------------------------------------------------------------------------

    def to_plain(self) -> dict[str, Any]:
        """Plain data that JSON holds: no NaN, null for a threshold that could not be calibrated."""
        return {
            "format": _FORMAT,
            "window_us": self.window_us,
            "every_us": self.every_us,
            "season": {"zone": self.season.zone, "hours": self.season.hours, "weekdays": self.season.weekdays},
            "volume": self.volume.per_hour.tolist(),
            "volume_threshold": self.volume_threshold.to_plain(),
            "min_rows": self.min_rows,
            "rows": self.rows,
            "start_us": self.start_us,
            "stop_us": self.stop_us,
            "false_alarms": self.false_alarms,
            "ignored": list(self.ignored),
            "profiles": [
                {
                    "name": profile.name,
                    "bins": profile.bins.to_plain(),
                    "histogram": profile.histogram.astype(np.int64).tolist(),
                    "min_values": profile.min_values,
                    "thresholds": {k: t.to_plain() for k, t in profile.thresholds.items()},
                }
                for profile in self.profiles
            ],
        }

    def to_json(self) -> str:
        """The reference as JSON; the same reference gives the same bytes."""
        return json.dumps(self.to_plain(), sort_keys=True, separators=(",", ":"), allow_nan=False)

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> Reference:
        """The reference that :meth:`to_plain` described."""
        if plain.get("format") != _FORMAT:
            raise ArtifactError(
                f"a reference of format {plain.get('format')!r} cannot be read, only {_FORMAT}; learn it anew."
            )
        return Reference(
            plain["window_us"],
            plain["every_us"],
            Season(**plain["season"]),
            tuple(
                Profile(
                    p["name"],
                    Bins.from_plain(p["bins"]),
                    np.array(p["histogram"], dtype=np.float64),
                    p["min_values"],
                    {k: Threshold.from_plain(t) for k, t in p["thresholds"].items()},
                )
                for p in plain["profiles"]
            ),
            Volume(np.array(plain["volume"], dtype=np.float64)),
            Threshold.from_plain(plain["volume_threshold"]),
            plain["min_rows"],
            plain["rows"],
            plain["start_us"],
            plain["stop_us"],
            plain["false_alarms"],
            tuple(plain["ignored"]),
        )

    @staticmethod
    def from_json(text: str | bytes) -> Reference:
        """The reference that :meth:`to_json` wrote."""
        return Reference.from_plain(json.loads(text))


def watched(features: Frame, prediction: Floats | None) -> tuple[dict[str, Column], tuple[str, ...]]:
    """The columns to watch, the prediction among them, and the names of those left out."""
    columns = {name: features[name] for name in features.names if features[name].kind not in ("time", "list")}
    ignored = tuple(name for name in features.names if name not in columns)
    if prediction is not None:
        if PREDICTION in columns:
            raise ConfigError(f"a feature is named {PREDICTION!r} like what the model answers; give it another name.")
        p = np.asarray(prediction, dtype=np.float64)
        if p.shape != (len(features),):
            raise DataError(f"{len(features)} rows of features meet predictions of shape {p.shape}.")
        columns[PREDICTION] = Column("number", p)
    return columns, ignored


# ---- replaying the reference ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """The reference's own windows on a grid of cells, one cell per look; and the blocks that are left out in turn."""

    cell: Ints  # of each row, sorted
    cells: int
    per_window: int
    ends: Ints  # the cell before which each window ends
    bounds: Ints  # first row of each cell, shape (cells + 1,)
    folds: list[tuple[int, int, int, int]]  # windows [a, b), left-out cells [c, d)
    start_us: int
    every_us: int

    @staticmethod
    def of(as_of: Ints, window_us: int, every_us: int) -> _Grid:
        per_window = window_us // every_us
        if as_of.size:
            start = int(as_of[0]) // every_us * every_us
            cell = (as_of - start) // every_us
            cells = int(cell[-1]) + 1
            whole = (int(as_of[-1]) + 1 - start) // every_us
            first = per_window + (int(as_of[0]) > start)
            ends = np.arange(first, whole + 1)
        if not as_of.size or ends.size < _LEAST_WINDOWS * per_window:
            span = duration_text(int(as_of[-1] - as_of[0])) if as_of.size else "no time"
            raise DataError(
                f"the reference's {as_of.size} rows span {span}: too short to calibrate windows of "
                f"{duration_text(window_us)}. Learn from at least {_LEAST_WINDOWS + 1} windows, or use shorter ones."
            )
        bounds = np.searchsorted(cell, np.arange(cells + 1))
        cuts = np.linspace(0, ends.size, _FOLDS + 1).astype(np.int64).tolist()
        folds = [(a, b, int(ends[a]) - per_window, int(ends[b - 1])) for a, b in pairwise(cuts)]
        folds[0], folds[-1] = (
            (*folds[0][:2], 0, folds[0][3]),
            (*folds[-1][:3], cells),
        )  # begun cells go with their block
        return _Grid(cell, cells, per_window, ends, bounds, folds, start, every_us)

    @property
    def rows(self) -> Ints:
        """Rows in each window."""
        return self.bounds[self.ends] - self.bounds[self.ends - self.per_window]

    def counts(self, codes: NDArray[Any], size: int) -> Floats:
        """How often each code occurs in each window, shape (windows, size)."""
        return self.slice_counts(codes, size, 0, self.cells, self.ends)

    def slice_counts(self, codes: NDArray[Any], size: int, first: int, last: int, ends: Ints) -> Floats:
        """The same for the rows of cells [first, last) only, whose codes are given, and the windows of `ends`."""
        cell = self.cell[self.bounds[first] : self.bounds[last]] - first
        flat = np.bincount(cell * size + codes, minlength=(last - first) * size).reshape(-1, size)
        running = np.concatenate([np.zeros((1, size), dtype=np.int64), np.cumsum(flat, axis=0)])
        counts: Floats = (running[ends - first] - running[ends - first - self.per_window]).astype(np.float64)
        return counts


def _replay(
    column: Column, bins: Bins, kind: Ints, composition: Floats, grid: _Grid, min_rows: float
) -> tuple[Floats, float, dict[str, Floats]]:
    """A feature's histogram per kind, the least values of a judged window, and the effects of the reference's own
    windows against the other blocks, per statistic, shape (windows,)."""
    codes = bins.codes(column, len(column))
    kinds, size = composition.shape[1], bins.size
    at = kind * size + codes
    total = np.bincount(at, minlength=kinds * size).reshape(kinds, size).astype(np.float64)
    known = bins.values if bins.kind == "number" else bins.unseen
    valued = grid.counts(codes >= known, 2)[:, 0]
    judged = valued[valued > 0]
    min_values = max(_LEAST_ROWS, 0.5 * float(np.quantile(judged, 0.05))) if judged.size else _LEAST_ROWS
    parts: list[dict[str, Floats]] = []
    for a, b, first, last in grid.folds:
        rows = slice(int(grid.bounds[first]), int(grid.bounds[last]))
        held = np.bincount(at[rows], minlength=kinds * size).reshape(kinds, size)
        own: Codes = codes[rows]
        if bins.kind == "category":
            own = _as_if_unseen(column, rows, own, bins)
        counts = grid.slice_counts(own, size, first, last, grid.ends[a:b])
        parts.append(bins.effects(mixture(total - held, composition[a:b]), counts, min_rows, min_values))
    return total, min_values, {which: np.concatenate([p[which] for p in parts]) for which in bins.statistics}


def _as_if_unseen(column: Column, rows: slice, own: Codes, bins: Bins) -> Codes:
    """A block's codes as seen by the others: a category that occurs in no other block was never seen."""
    assert column.vocabulary is not None
    words = len(column.vocabulary)
    everywhere = np.bincount(column.values + 1, minlength=words + 1)
    here = np.bincount(column.values[rows] + 1, minlength=words + 1)
    only_here = (here == everywhere) & (here > 0)
    only_here[0] = False
    if not only_here.any():
        return own
    return np.where(only_here[column.values[rows] + 1], np.int16(bins.unseen), own)


def _volume_effects(as_of: Ints, grid: _Grid) -> Floats:
    stop = grid.start_us + grid.ends * grid.every_us
    effects = np.empty(grid.ends.size)
    for a, b, first, last in grid.folds:
        out = (grid.start_us + first * grid.every_us, grid.start_us + last * grid.every_us)
        others = Volume.of(as_of, int(as_of[0]), int(as_of[-1]) + 1, without=out)
        expected = others.expected(stop[a:b] - grid.per_window * grid.every_us, stop[a:b])
        effects[a:b] = volume_effect(grid.rows[a:b], expected)
    return effects


def volume_effect(rows: NDArray[Any], expected: Floats) -> Floats:
    """Absolute log of the rows over the rows expected, each with one added."""
    effect: Floats = np.abs(np.log((rows + 1.0) / (expected + 1.0)))
    return effect
