"""Gates on the scores themselves: are the probabilities honest, and is no part of the rows left behind."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hindcast.errors import ConfigError, UnknownName
from hindcast.evaluate.gate import Evidence
from hindcast.metrics import by_slice, ece, higher_is_better, interval
from hindcast.values import Floats
from hindcast.verdicts import Verdict

__all__ = ["Calibrated", "SliceFloor", "calibrated", "slice_floor"]

BINS = 10


def calibration_noise(probability: Floats, bins: int = BINS) -> float:
    """The calibration error that a perfectly calibrated model would show on so many rows, by the normal approximation.

    In a bin of k rows with mean probability p the gap is sqrt(2 p (1 - p) / (pi k)) on average.

    Examples
    --------
    >>> round(calibration_noise(np.full(100, 0.5)), 3), round(calibration_noise(np.full(10_000, 0.5)), 3)
    (0.04, 0.004)
    """
    if not len(probability):
        return math.nan
    which = np.minimum((probability * bins).astype(np.int64), bins - 1)
    counts = np.bincount(which, minlength=bins)
    means = np.bincount(which, weights=probability, minlength=bins) / np.maximum(counts, 1)
    gaps = np.sqrt(2 * means * (1 - means) / (np.pi * np.maximum(counts, 1)))
    return float((counts * gaps).sum() / len(probability))


@dataclass(frozen=True)
class Calibrated:
    """Probabilities sit within `max_ece` of observed frequencies, on average over ten equal-width bins.

    Pass: the expected calibration error is at most `max_ece`. Fail: it is more. Unknown: it is more, but on so few
    rows a perfect model would show more than `max_ece` as well; or there is no label.

    Parameters
    ----------
    max_ece : float, default 0.03
        Probability, so 0.03 is three points.
    """

    max_ece: float = 0.03

    def __post_init__(self) -> None:
        if not 0 < self.max_ece < 1:
            raise ConfigError(f"calibrated needs max_ece between 0 and 1, got {self.max_ece!r}.")

    @property
    def name(self) -> str:
        return f"calibrated({self.max_ece:g})"

    def describe(self) -> dict[str, Any]:
        return {"gate": "calibrated", **asdict(self)}

    def judge(self, evidence: Evidence) -> Verdict:
        probability = evidence.probability[evidence.scored]
        error, rows = ece(evidence.labels, probability, BINS), len(probability)
        if math.isnan(error):
            return Verdict.unknown(self.name, f"no calibration error on {rows} labels")
        noise = calibration_noise(probability)
        text, figures = f"calibration error {error:.4f} on {rows} rows", {"ece": error, "noise": noise, "rows": rows}
        if error <= self.max_ece:
            return Verdict.passed(self.name, text, **figures)
        if noise > self.max_ece:
            return Verdict.unknown(
                self.name, f"{text}, where a perfect model would show {noise:.4f}: too few rows", **figures
            )
        return Verdict.failed(self.name, f"{text}, more than {self.max_ece:g}", **figures)


def calibrated(max_ece: float = 0.03) -> Calibrated:
    """A gate: see :class:`Calibrated`."""
    return Calibrated(max_ece)


@dataclass(frozen=True)
class SliceFloor:
    """No slice of the rows scores below a floor.

    Slices are the values of a text, boolean or whole-number column (at most 50), or the quintiles of other numbers;
    nulls are a slice of their own. A slice of fewer than `min_rows` labels cannot be judged: it neither passes nor
    fails, is listed, and when such slices hold more than the share `unjudged` of the rows the verdict is unknown.

    Parameters
    ----------
    column : str
        A feature, or a column of the spine.
    metric : str
        One where higher is better and that has an interval: auc, skill.
    floor : float
    min_rows : int, default 500
    unjudged : float, default 0.1
    """

    column: str
    metric: str
    floor: float
    min_rows: int = 500
    unjudged: float = 0.1

    def __post_init__(self) -> None:
        if self.min_rows < 1 or not 0 <= self.unjudged <= 1:
            raise ConfigError(
                f"slice_floor needs min_rows >= 1 and unjudged in [0, 1], got {self.min_rows} and {self.unjudged!r}."
            )

    @property
    def name(self) -> str:
        return f"slice_floor({self.column!r}, {self.metric}={self.floor:g})"

    def describe(self) -> dict[str, Any]:
        return {"gate": "slice_floor", **asdict(self)}

    def judge(self, evidence: Evidence) -> Verdict:
        rows = evidence.scored
        probability = evidence.probability[rows]
        parts = by_slice(
            evidence.column(self.column).take(rows),
            evidence.labels,
            probability,
            evidence.days,
            [self.metric],
            goal=evidence.goal,
            min_rows=self.min_rows,
            most=max(1, len(rows)),
            seed=evidence.seed,
        )
        left_out = 1.0 - sum(part.n for part in parts) / max(1, len(rows))
        figures: dict[str, Any] = {
            "slices": {part.name: part.scores[self.metric].describe() for part in parts},
            "unjudged": round(left_out, 9),
        }
        below = [part for part in parts if part.scores[self.metric].value < self.floor]
        if below:
            worst = min(below, key=lambda part: part.scores[self.metric].value)
            whole = interval(
                self.metric, evidence.labels, probability, evidence.days, goal=evidence.goal, seed=evidence.seed
            )
            return Verdict.failed(
                self.name,
                f"{self.column}={worst.name} has {self.metric} {worst.scores[self.metric]} on {worst.n} rows"
                f" (all rows: {whole.value:.4g}); {len(below)} of {len(parts)} slices are below {self.floor:g}",
                **figures,
            )
        if undefined := [part.name for part in parts if math.isnan(part.scores[self.metric].value)]:
            return Verdict.unknown(self.name, f"no {self.metric} for {self.column}={', '.join(undefined)}", **figures)
        if not parts or left_out > self.unjudged:
            return Verdict.unknown(
                self.name,
                f"slices of fewer than {self.min_rows} labels hold {left_out:.0%} of {len(rows)} rows",
                **figures,
            )
        lowest = min(parts, key=lambda part: part.scores[self.metric].value)
        return Verdict.passed(
            self.name,
            f"the lowest of {len(parts)} slices, {self.column}={lowest.name}, has {self.metric} "
            f"{lowest.scores[self.metric]}"
            + (f"; {left_out:.1%} of the rows are in smaller slices" if left_out > 0 else ""),
            **figures,
        )


def slice_floor(column: str, *, min_rows: int = 500, unjudged: float = 0.1, **floor: float) -> SliceFloor:
    """A gate: see :class:`SliceFloor`; the metric is named by its keyword.

    Examples
    --------
    >>> slice_floor("origin", auc=0.65).name
    "slice_floor('origin', auc=0.65)"
    """
    if len(floor) != 1:
        raise ConfigError(
            f"slice_floor({column!r}) needs one metric with its floor, such as auc=0.65; got {len(floor)}."
        )
    ((metric, least),) = floor.items()
    if metric not in ("auc", "skill"):
        higher_is_better(metric)
        raise UnknownName(
            "metric of which higher is better, row by row,", metric, ["auc", "skill"], where="slice_floor"
        )
    return SliceFloor(column, metric, least, min_rows, unjudged)
