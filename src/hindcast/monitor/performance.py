"""Is the model still as good as when it was judged? Scores of matured rows over sliding windows, against a reference.

Four scores are watched that stay put when only the base rate moves with the season, which a plain log loss does not:

===========  =============================================================  ===========================
metric       what it is                                                     decay is
===========  =============================================================  ===========================
auc          ranking                                                        a fall
skill        part of the base rate's log loss that the model takes away     a fall
calibration  mean probability minus observed rate                           a move to either side
value        value gained, as part of what perfect decisions would gain     a fall
===========  =============================================================  ===========================

A row enters a window when it became usable: mature (``as_of + maturity``) and its label known. All scores are read
off sums, so that a window is the sum of its days and an interval comes from drawing days.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.errors import ArtifactError, ConfigError, DataError, UnknownName
from hindcast.metrics import Goal, block_draws, log_losses
from hindcast.metrics.rows import block_numbers, paired
from hindcast.monitor.alerts import Alert, CoolDown
from hindcast.monitor.windows import check_forward
from hindcast.values import DAY_US, Duration, Floats, Ints, duration_text, duration_us

__all__ = ["DECAY_FLOORS", "PerformanceMonitor", "ScoreLooks", "ScoreReference"]

DECAY_FLOORS: dict[str, float] = {"auc": 0.02, "skill": 0.04, "calibration": 0.04, "value": 0.08}
"""The least decay worth an alert, per metric."""

_METRICS = ("auc", "skill", "calibration", "value")
_FORMAT = 1
_BINS = 128
_DRAWS = 200
_SIDE = 20
_BLOCKS = 4
_QUARTER_US = 91 * DAY_US
_OVERLAP = 3.0
_NEARLY = 0.8
_Z = 1.959964


@dataclass(frozen=True, slots=True, eq=False)
class ScoreReference:
    """How well the model did on rows it was not trained on.

    Parameters
    ----------
    edges : float64 array
        Bounds of the probability's bins in which the ranking is counted.
    goal : Goal or None
        Without one, `value` is not judged.
    values, errors : dict of str to float
        Each metric and its standard error by blocks of days.
    thresholds : dict of str to float
        The decay to exceed: the floor, or the largest that a window of the reference shows against the rest of it.
    floors : dict of str to float
        The declared least decays.
    window_us : int
    confidence : float
        One-sided confidence that an alert asks for, from the budget of false alarms.
    rows : int
    """

    edges: Floats
    goal: Goal | None
    values: Mapping[str, float]
    errors: Mapping[str, float]
    thresholds: Mapping[str, float]
    floors: Mapping[str, float]
    window_us: int
    confidence: float
    rows: int

    @staticmethod
    def learn(
        label: Any,
        probability: Any,
        as_of: Ints,
        *,
        goal: Goal | None = None,
        window: Duration = "14d",
        false_alarms: float = 1.0,
        floors: Mapping[str, float] | None = None,
        seed: int = 0,
    ) -> ScoreReference:
        """Learn from matured rows the model was not trained on, such as its validation part.

        Parameters
        ----------
        label, probability : array_like, shape (n,)
        as_of : int64 array, shape (n,)
        goal : Goal, optional
        window : duration, default "14d"
            Length of the live windows: whole days, at least four.
        false_alarms : float, default 1
            Budget per quarter of 91 days, over all metrics and looks.
        floors : mapping of str to float, optional
            Least decays worth an alert; the others keep :data:`DECAY_FLOORS`.
        seed : int, default 0

        Raises
        ------
        DataError
            For fewer than four days of rows, or fewer than twenty of either class: nothing could be judged.
        """
        window_us = duration_us(window, what="window")
        if window_us % DAY_US or window_us < _BLOCKS * DAY_US:
            raise ConfigError(f"a performance window is {_BLOCKS} whole days or more, got {duration_text(window_us)}.")
        if not false_alarms > 0:
            raise ConfigError(f"a budget of false alarms must be above zero, got {false_alarms}.")
        for name in floors or {}:
            if name not in DECAY_FLOORS:
                raise UnknownName("metric", name, DECAY_FLOORS, where="floors")
        y, p = paired(label, probability)
        moments = np.asarray(as_of, dtype=np.int64)
        codes, days = block_numbers(moments // DAY_US, y.size)
        if days < _BLOCKS or min(y.sum(), y.size - y.sum()) < _SIDE:
            raise DataError(
                f"the {y.size} rows of {days} days, {int(y.sum())} of them positive, cannot judge a model; "
                f"pass {_BLOCKS} days and {_SIDE} rows of either class at least."
            )
        edges = np.unique(np.quantile(p, [k / _BINS for k in range(1, _BINS)], method="inverted_cdf"))
        sums = _day_sums(y, p, codes, days, edges, goal)
        whole = _read(sums.sum(axis=0, keepdims=True))
        draws = _read(_drawn(sums, seed))
        values = {name: float(whole[name][0]) for name in _METRICS}
        errors = {name: _error(draws[name], days) for name in _METRICS}
        limits = {**DECAY_FLOORS, **(floors or {})}
        ripples = _ripples(sums, np.unique(moments // DAY_US), window_us // DAY_US)
        thresholds = {name: max(limits[name], ripples[name]) for name in _METRICS}
        judgements = len(_METRICS) * max(1.0, _QUARTER_US / window_us) * _OVERLAP
        confidence = 1.0 - min(0.1, false_alarms / judgements)
        return ScoreReference(edges, goal, values, errors, thresholds, limits, window_us, confidence, int(y.size))

    def to_plain(self) -> dict[str, Any]:
        """Plain data that JSON holds; NaN as null."""
        return {
            "format": _FORMAT,
            "edges": self.edges.tolist(),
            "goal": None if self.goal is None else self.goal.describe(),
            "values": {k: _null(v) for k, v in self.values.items()},
            "errors": {k: _null(v) for k, v in self.errors.items()},
            "thresholds": dict(self.thresholds),
            "floors": dict(self.floors),
            "window_us": self.window_us,
            "confidence": self.confidence,
            "rows": self.rows,
        }

    def to_json(self) -> str:
        return json.dumps(self.to_plain(), sort_keys=True, separators=(",", ":"), allow_nan=False)

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> ScoreReference:
        if plain.get("format") != _FORMAT:
            raise ArtifactError(f"a score reference of format {plain.get('format')!r} cannot be read; learn it anew.")
        return ScoreReference(
            np.array(plain["edges"], dtype=np.float64),
            None if plain["goal"] is None else Goal(**plain["goal"]),
            {k: math.nan if v is None else v for k, v in plain["values"].items()},
            {k: math.nan if v is None else v for k, v in plain["errors"].items()},
            dict(plain["thresholds"]),
            dict(plain["floors"]),
            plain["window_us"],
            plain["confidence"],
            plain["rows"],
        )

    @staticmethod
    def from_json(text: str | bytes) -> ScoreReference:
        return ScoreReference.from_plain(json.loads(text))


@dataclass(frozen=True, slots=True, eq=False)
class ScoreLooks:
    """Scores over time; every array of `values`, `low` and `high` has shape (looks,), NaN where not judged.

    `values` has the watched metrics and besides `log_loss`; `low` and `high` bound them at 95 %.
    """

    at_us: Ints
    rows: Ints
    values: Mapping[str, Floats]
    low: Mapping[str, Floats]
    high: Mapping[str, Floats]
    alerts: tuple[Alert, ...]


class PerformanceMonitor:
    """Scores rows as they become usable, over sliding windows, and says when the model decays.

    Law: observing all rows and looking at all moments at once gives the same results, to the bit, as observing them
    in any blocks, each before the first look at which it is usable, and looking one moment after the other.

    Parameters
    ----------
    reference : ScoreReference
    maturity : duration
        The age at which a row's label may be used.
    start_us : int, optional
        The moment from which all usable rows are observed; a window that begins earlier is not judged. By default
        the day on which the first observed row became usable.
    again, quiet : durations, default "28d", "3d"
        See :class:`~hindcast.monitor.DriftMonitor`.
    """

    def __init__(
        self,
        reference: ScoreReference,
        *,
        maturity: Duration,
        start_us: int | None = None,
        again: Duration = "28d",
        quiet: Duration = "3d",
    ) -> None:
        self.reference, self.start_us = reference, start_us
        self.maturity_us = duration_us(maturity, what="maturity")
        self._cool = CoolDown(quiet_us=duration_us(quiet, what="quiet"), again_us=duration_us(again, what="again"))
        self._last_us: int | None = None
        self._label, self._probability = np.zeros(0), np.zeros(0)
        self._usable = np.zeros(0, dtype=np.int64)

    def observe(self, label: Any, probability: Any, as_of: Ints, label_known: Ints) -> None:
        """Take note of labelled predictions, once each; a row counts from the look at which it is usable.

        `label` (0 or 1), `probability`, `as_of` and `label_known` have shape (n,). A row that an earlier look should
        have counted is refused.
        """
        y, p = paired(label, probability)
        moments, known = np.asarray(as_of, dtype=np.int64), np.asarray(label_known, dtype=np.int64)
        if not moments.shape == known.shape == y.shape:
            raise DataError(f"{y.size} labels meet {moments.size} as-of moments and {known.size} known times.")
        if not y.size:
            return
        usable = np.maximum(moments + self.maturity_us - 1, known)  # usable at t: matured by t, known before it
        if self._last_us is not None and int(usable.min()) < self._last_us:
            row = int(np.flatnonzero(usable < self._last_us)[0])
            raise DataError("a label was usable before the last look; observe before looking", row=row + 1)
        if self.start_us is None:
            self.start_us = int(usable.min()) // DAY_US * DAY_US
        self._label = np.concatenate([self._label, y])
        self._probability = np.concatenate([self._probability, p])
        self._usable = np.concatenate([self._usable, usable])

    def look(self, at_us: Sequence[int] | Ints) -> ScoreLooks:
        """Score the windows that end at each of these moments, strictly increasing."""
        moments = np.asarray(at_us, dtype=np.int64).reshape(-1)
        check_forward(moments, self._last_us)
        order = np.lexsort((self._probability, self._label, self._usable))
        usable, label, probability = self._usable[order], self._label[order], self._probability[order]
        window_us = self.reference.window_us
        start = self.start_us if self.start_us is not None else 1 << 62
        first = np.searchsorted(usable, moments - window_us)
        last = np.searchsorted(usable, moments)
        names = (*_METRICS, "log_loss")
        values, low, high = ({name: np.full(moments.size, np.nan) for name in names} for _ in range(3))
        alerts = []
        for look, at in enumerate(moments.tolist()):
            rows = slice(int(first[look]), int(last[look]))
            if at - window_us < start or not _judgeable(label[rows]):
                continue
            days = window_us // DAY_US
            codes = (usable[rows] - (at - window_us)) // DAY_US
            sums = _day_sums(label[rows], probability[rows], codes, days, self.reference.edges, self.reference.goal)
            sums = sums[sums[:, 0] > 0]
            if len(sums) < _BLOCKS:
                continue
            found = _read(sums.sum(axis=0, keepdims=True))
            drawn = _read(_drawn(sums, 0))
            errors = {}
            for name in names:
                value = float(found[name][0])
                errors[name] = _error(drawn[name], len(sums))
                values[name][look] = value
                low[name][look], high[name][look] = value - _Z * errors[name], value + _Z * errors[name]
            alert = self._judge(at, {name: float(found[name][0]) for name in names}, errors, int(label[rows].size))
            if alert is not None:
                alerts.append(alert)
        if moments.size:
            self._last_us = int(moments[-1])
            keep = self._usable >= self._last_us - window_us
            self._label, self._probability = self._label[keep], self._probability[keep]
            self._usable = self._usable[keep]
        return ScoreLooks(moments, last - first, values, low, high, tuple(alerts))

    def _judge(self, at: int, found: Mapping[str, float], errors: Mapping[str, float], rows: int) -> Alert | None:
        """One alert for all metrics that decayed at this look, the worst first."""
        from statistics import NormalDist

        reference = self.reference
        z = NormalDist().inv_cdf(reference.confidence)
        decayed = []
        for name in _METRICS:
            fall = reference.values[name] - found[name]
            effect = abs(fall) if name == "calibration" else fall
            error = math.hypot(reference.errors[name], errors[name])
            over = effect > reference.thresholds[name] and effect - z * error > 0.0  # NaN is never over
            if not over and effect > _NEARLY * reference.thresholds[name]:
                self._cool.lasts(name, at)
            if over and self._cool.speaks(name, at):
                decayed.append((effect / reference.thresholds[name], name, effect, effect - z * error))
        if not decayed:
            return None
        decayed.sort(key=lambda entry: (-entry[0], entry[1]))
        ratio, name, effect, least = decayed[0]
        threshold = reference.thresholds[name]
        window = duration_text(reference.window_us)
        return Alert(
            at,
            "decay",
            "critical" if ratio > 2 else "warning",
            name,
            name,
            effect,
            threshold,
            reference.floors[name],
            reference.window_us,
            tuple(entry[1] for entry in decayed),
            f"{name} is {found[name]:.3f} on the {rows} rows that matured in the last {window}, "
            f"{reference.values[name]:.3f} when the model was judged: {effect:.3f} off, threshold {threshold:.3f}.",
            "Look at the drift of features at the same time; retrain, and judge the new model against this one.",
            {
                "rows": rows,
                "least": least,
                "confidence": reference.confidence,
                "window": {k: _null(v) for k, v in found.items()},
                "reference": {k: _null(v) for k, v in reference.values.items()},
            },
        )

    def state(self) -> dict[str, Any]:
        """Plain data from which :meth:`resume` goes on, together with the rows of the last window."""
        return {"start_us": self.start_us, "last_us": self._last_us, "cool": self._cool.state()}

    def resume(self, state: Mapping[str, Any], label: Any, probability: Any, as_of: Ints, label_known: Ints) -> None:
        """Go on from what :meth:`state` gave and the rows usable since one window before its last look."""
        self.start_us, self._last_us = state["start_us"], None
        self._label, self._probability, self._usable = np.zeros(0), np.zeros(0), np.zeros(0, dtype=np.int64)
        self._cool.resume(state["cool"])
        self.observe(label, probability, as_of, label_known)
        self._last_us = state["last_us"]


# ---- scores from sums -------------------------------------------------------------------------------------------


def _day_sums(y: Floats, p: Floats, codes: Ints, days: int, edges: Floats, goal: Goal | None) -> Floats:
    """Per day: rows, positives, probabilities, losses, value gained over inaction, the most that could be gained;
    then negatives and positives per bin of the probability; shape (days, 6 + 2 * bins)."""
    bins = len(edges) + 1
    gained = possible = np.full(y.size, np.nan)
    if goal is not None:
        inaction = goal.inaction(y)
        gained = goal.value(goal.decide(p), y) - inaction
        possible = goal.value(y == 1.0, y) - inaction
    parts = [np.bincount(codes, weights=w, minlength=days) for w in (None, y, p, log_losses(y, p), gained, possible)]
    cell = codes * (2 * bins) + np.searchsorted(edges, p, side="left") + bins * (y == 1.0)
    ranks = np.bincount(cell, minlength=days * 2 * bins).reshape(days, 2 * bins)
    return np.concatenate([np.stack(parts, axis=1), ranks], axis=1).astype(np.float64)


def _ratio(part: Floats, whole: Floats) -> Floats:
    result = np.full(part.shape, np.nan)
    np.divide(part, whole, out=result, where=whole > 0)
    return result


def _read(sums: Floats) -> dict[str, Floats]:
    """Scores of sums, shape (k,) each."""
    n, y, p, loss, gained, possible = sums[:, :6].T
    half = (sums.shape[1] - 6) // 2
    negative, positive = sums[:, 6 : 6 + half], sums[:, 6 + half :]
    below = np.cumsum(negative, axis=1) - negative / 2.0
    both = (y > 0) & (y < n)
    rate = np.where(both, _ratio(y, n), 0.5)
    chance = -(rate * np.log(rate) + (1.0 - rate) * np.log(1.0 - rate))
    return {
        "auc": _ratio((positive * below).sum(axis=1), y * (n - y)),
        "skill": np.where(both, 1.0 - _ratio(loss, n) / chance, np.nan),
        "calibration": _ratio(p - y, n),
        "value": _ratio(gained, possible),
        "log_loss": _ratio(loss, n),
    }


def _drawn(sums: Floats, seed: int) -> Floats:
    """Sums over drawn days, shape (draws, k); added day by day, so that the bits depend on nothing else."""
    weights = block_draws(len(sums), _DRAWS, seed)
    total = np.zeros((_DRAWS, sums.shape[1]))
    for day, row in enumerate(sums):
        total += weights[:, day, None] * row
    return total


def _error(draws: Floats, days: int) -> float:
    """Standard error from the draws; NaN where more than one in twenty is undefined."""
    known = draws[np.isfinite(draws)]
    if known.size < 0.95 * draws.size or days < 2:
        return math.nan
    return float(known.std()) * math.sqrt(days / (days - 1.0))


def _ripples(sums: Floats, days: Ints, length: int) -> dict[str, float]:
    """The largest decay that a window of the reference shows against the rest; 0 where it is too short to say."""
    calendar = np.zeros((int(days[-1] - days[0]) + 1, sums.shape[1]))
    calendar[days - days[0]] = sums
    if len(calendar) < 2 * length:
        return dict.fromkeys(_METRICS, 0.0)
    running = np.concatenate([np.zeros((1, sums.shape[1])), np.cumsum(calendar, axis=0)])
    window = running[length:] - running[:-length]
    inside, rest = _read(window), _read(running[-1] - window)
    worst = {}
    for name in _METRICS:
        fall = rest[name] - inside[name]
        fall = np.abs(fall) if name == "calibration" else fall
        worst[name] = max(0.0, float(np.nanmax(fall))) if np.isfinite(fall).any() else 0.0
    return worst


def _judgeable(label: Floats) -> bool:
    positives = float(label.sum())
    return min(positives, label.size - positives) >= _SIDE


def _null(value: float) -> float | None:
    return value if math.isfinite(value) else None
