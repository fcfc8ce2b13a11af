"""Is the model still as good as when it was judged? Scores of matured rows over sliding windows, against a reference.

A calm month is harder to rank than a month of storms, so a model's plain scores rise and fall with the season though
nothing is wrong with it. What decay means is that the model is worse than *it says itself*: its own probabilities
tell what AUC, log loss and value to expect of a window if they were true. The gap between that and what happened is
held against the same gap in the reference.

===========  ================================================  =======================================
metric       gap                                               unit
===========  ================================================  =======================================
auc          expected minus realised                           probability of a right order
log_loss     realised minus expected                           nats
calibration  mean probability minus observed rate, both sides  probability
value        expected minus realised gain over inaction        part of the reference's gain per row
===========  ================================================  =======================================

A row enters a window when it became usable: mature (``as_of + maturity``) and its label known. All is read off sums,
so that a window is the sum of its days and an interval comes from drawing days.

References
----------
Garg et al., "Leveraging Unlabeled Data to Predict Out-of-Distribution Performance", ICLR 2022, on scores that a
model's own confidence lets expect.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.errors import ArtifactError, ConfigError, DataError, UnknownName
from hindcast.metrics import Goal
from hindcast.metrics.rows import block_numbers, paired
from hindcast.monitor.alerts import Alert, CoolDown
from hindcast.monitor.gaps import (
    SCORES,
    WATCHED,
    day_sums,
    drawn_sums,
    ripples,
    standard_error,
    sums_to_gaps,
    sums_to_scores,
)
from hindcast.monitor.windows import check_forward
from hindcast.values import DAY_US, Duration, Floats, Ints, duration_text, duration_us

__all__ = ["DECAY_FLOORS", "PerformanceMonitor", "ScoreLooks", "ScoreReference"]

DECAY_FLOORS: dict[str, float] = {"auc": 0.02, "log_loss": 0.015, "calibration": 0.04, "value": 0.15}
"""The least growth of a gap worth an alert, per metric; units in the module's table."""

_FORMAT = 1
_BINS = 128
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
    values : dict of str to float
        The scores: auc, log_loss, skill, calibration, and value as part of what perfect decisions would gain.
    gain_per_row : float
        Value gained over inaction per row, in the goal's unit: what the gap of `value` is measured in.
    gaps, errors : dict of str to float
        Each metric's gap to what the probabilities let expect, and its standard error by blocks of days.
    thresholds : dict of str to float
        The growth of the gap to exceed: the floor, or the largest that a window of the reference shows against the
        rest of it.
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
    gain_per_row: float
    gaps: Mapping[str, float]
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
        sums = day_sums(y, p, codes, days, edges, goal)
        whole = sums.sum(axis=0, keepdims=True)
        values = {name: float(score[0]) for name, score in sums_to_scores(whole).items()}
        gained = float(whole[0, 4] / whole[0, 0])
        per_row = gained if gained > 0 else math.nan
        gaps = {name: float(gap[0]) for name, gap in sums_to_gaps(whole, per_row).items()}
        errors = {
            name: standard_error(gap, days) for name, gap in sums_to_gaps(drawn_sums(sums, seed), per_row).items()
        }
        limits = {**DECAY_FLOORS, **(floors or {})}
        grown = ripples(sums, np.unique(moments // DAY_US), window_us // DAY_US, per_row)
        thresholds = {name: max(limits[name], grown[name]) for name in WATCHED}
        judgements = len(WATCHED) * max(1.0, _QUARTER_US / window_us) * _OVERLAP
        confidence = 1.0 - min(0.1, false_alarms / judgements)
        return ScoreReference(
            edges, goal, values, per_row, gaps, errors, thresholds, limits, window_us, confidence, int(y.size)
        )

    def to_plain(self) -> dict[str, Any]:
        """Plain data that JSON holds; NaN as null."""
        return {
            "format": _FORMAT,
            "edges": self.edges.tolist(),
            "goal": None if self.goal is None else self.goal.describe(),
            "values": {k: _null(v) for k, v in self.values.items()},
            "gain_per_row": _null(self.gain_per_row),
            "gaps": {k: _null(v) for k, v in self.gaps.items()},
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
            _floats(plain["values"]),
            math.nan if plain["gain_per_row"] is None else plain["gain_per_row"],
            _floats(plain["gaps"]),
            _floats(plain["errors"]),
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
    """Scores over time; every array in a mapping has shape (looks,), NaN where not judged.

    `values` has auc, log_loss, skill, calibration and value (a part of what perfect decisions would gain); `low` and
    `high` bound them at 95 %. `decay` has each watched metric's growth of the gap to the model's own expectation.
    """

    at_us: Ints
    rows: Ints
    values: Mapping[str, Floats]
    low: Mapping[str, Floats]
    high: Mapping[str, Floats]
    decay: Mapping[str, Floats]
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

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> as_of = np.arange(0, 60 * DAY_US, DAY_US // 100)
    >>> chance = rng.beta(1, 3, as_of.size)
    >>> label = (rng.random(as_of.size) < chance).astype(float)
    >>> reference = ScoreReference.learn(label, chance, as_of)
    >>> monitor = PerformanceMonitor(reference, maturity="18h", start_us=0)
    >>> monitor.observe(label, chance[::-1], as_of, as_of + DAY_US // 2)
    >>> monitor.look([20 * DAY_US]).alerts[0].features
    ('auc', 'log_loss')
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
        values, low, high = ({name: np.full(moments.size, np.nan) for name in SCORES} for _ in range(3))
        decay = {name: np.full(moments.size, np.nan) for name in WATCHED}
        alerts = []
        for look, at in enumerate(moments.tolist()):
            rows = slice(int(first[look]), int(last[look]))
            if at - window_us < start or not _judgeable(label[rows]):
                continue
            days = window_us // DAY_US
            codes = (usable[rows] - (at - window_us)) // DAY_US
            sums = day_sums(label[rows], probability[rows], codes, days, self.reference.edges, self.reference.goal)
            sums = sums[sums[:, 0] > 0]
            if len(sums) < _BLOCKS:
                continue
            whole, drawn = sums.sum(axis=0, keepdims=True), drawn_sums(sums, 0)
            found = {name: float(score[0]) for name, score in sums_to_scores(whole).items()}
            for name, score in sums_to_scores(drawn).items():
                error = standard_error(score, len(sums))
                values[name][look] = found[name]
                low[name][look], high[name][look] = found[name] - _Z * error, found[name] + _Z * error
            grown, errors = self._growth(whole, drawn, len(sums))
            for name in WATCHED:
                decay[name][look] = grown[name]
            alert = self._judge(at, found, grown, errors, rows.stop - rows.start)
            if alert is not None:
                alerts.append(alert)
        if moments.size:
            self._last_us = int(moments[-1])
            keep = self._usable >= self._last_us - window_us
            self._label, self._probability = self._label[keep], self._probability[keep]
            self._usable = self._usable[keep]
        return ScoreLooks(moments, last - first, values, low, high, decay, tuple(alerts))

    def _growth(self, whole: Floats, drawn: Floats, days: int) -> tuple[dict[str, float], dict[str, float]]:
        """How much each gap grew since the reference, and the standard error of that."""
        reference = self.reference
        gaps, draws = sums_to_gaps(whole, reference.gain_per_row), sums_to_gaps(drawn, reference.gain_per_row)
        grown = {name: float(gaps[name][0]) - reference.gaps[name] for name in WATCHED}
        grown["calibration"] = abs(grown["calibration"])
        errors = {name: math.hypot(reference.errors[name], standard_error(draws[name], days)) for name in WATCHED}
        return grown, errors

    def _judge(
        self, at: int, found: Mapping[str, float], grown: Mapping[str, float], errors: Mapping[str, float], rows: int
    ) -> Alert | None:
        """One alert for all metrics that decayed at this look, the worst first."""
        from statistics import NormalDist

        reference = self.reference
        z = NormalDist().inv_cdf(reference.confidence)
        decayed = []
        for name in WATCHED:
            effect, threshold = grown[name], reference.thresholds[name]
            least = effect - z * errors[name]
            over = effect > threshold and least > 0.0  # NaN is never over
            if over and self._cool.speaks(name, at):
                decayed.append((effect / threshold, name, effect, least))
            elif not over and effect > _NEARLY * threshold:
                self._cool.lasts(name, at)
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
            f"{name} is {found[name]:.3f} on the {rows} rows that matured in the last {window} "
            f"({reference.values[name]:.3f} when the model was judged), {effect:.3f} worse than its own probabilities "
            f"let expect, threshold {threshold:.3f}.",
            "Look at the drift of features at the same time; retrain, and judge the new model against this one.",
            {
                "rows": rows,
                "least": least,
                "confidence": reference.confidence,
                "decay": {k: _null(v) for k, v in grown.items()},
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


def _judgeable(label: Floats) -> bool:
    positives = float(label.sum())
    return min(positives, label.size - positives) >= _SIDE


def _null(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _floats(plain: Mapping[str, float | None]) -> dict[str, float]:
    return {name: math.nan if value is None else value for name, value in plain.items()}
