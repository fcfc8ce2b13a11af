"""Shadow: the challenger answers all traffic unseen, and is judged once the labels of that traffic have matured.

**Duration and maturity.** The declared duration counts traffic: requests with ``since < as_of <= since + duration``.
They are judged at ``since + duration + maturity``, when the label of the last of them may be used; the shadow goes
on answering until then. `patience` says how often another duration of traffic may be added while the verdict is
unknown; every look then costs confidence (Bonferroni), so that looking again does not manufacture a winner.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.metrics import Goal, difference, higher_is_better, measure
from hindcast.values import DAY_US, Duration, Floats, Ints, duration_text, duration_us
from hindcast.verdicts import Verdict

__all__ = ["Shadow", "ShadowEvidence", "shadow"]

_PAIRED = ("auc", "brier", "ece", "log_loss", "skill", "value")


@dataclass(frozen=True, eq=False)
class ShadowEvidence:
    """What both models said about the same matured requests, each array of shape (n,).

    Parameters
    ----------
    label : float64 array
        1 or 0; rows with NaN are left out.
    champion, challenger : float64 arrays
        Probabilities, NaN where that model gave none: those rows count against nobody, but are counted.
    as_of : int64 array
        Microseconds; rows are drawn by days of it.
    goal : Goal, optional
        Needed by the metric ``"value"``.
    """

    label: Floats
    champion: Floats
    challenger: Floats
    as_of: Ints
    goal: Goal | None = None

    def __post_init__(self) -> None:
        if len({len(self.label), len(self.champion), len(self.challenger), len(self.as_of)}) != 1:
            raise DataError("a shadow's labels, probabilities and moments must be of one length.")


@dataclass(frozen=True)
class Shadow:
    """Serve nobody, answer everything, and be shown to be better before going on.

    With ``gain`` the challenger's score minus the champion's (signed so that more is better) and its interval by
    days: pass when the interval lies above ``-margin``, fail when it lies below, else unknown.

    Parameters
    ----------
    duration : duration
        The traffic to judge on; see the module for how maturity adds to it.
    metric : str, default "log_loss"
        One of auc, brier, ece, log_loss, skill, value (the last per request, in the goal's unit).
    margin : float, default 0.0
        0 asks for superiority. Above 0: non-inferiority, the challenger may be worse by less than so much. Below
        0: it must be better by more than so much.
    level : float, default 0.95
        Of the two-sided interval, over all looks together.
    patience : int, default 0
        How many times another duration may be waited for while the verdict is unknown.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> label = rng.integers(0, 2, 700).astype(float)
    >>> as_of = np.repeat(np.arange(7), 100) * DAY_US
    >>> sharp, dull = np.where(label == 1, 0.7, 0.3) + rng.normal(0, 0.01, 700), np.full(700, 0.5)
    >>> shadow("7d").judge(ShadowEvidence(label, champion=dull, challenger=sharp, as_of=as_of)).outcome
    'pass'
    """

    duration: Duration
    metric: str = "log_loss"
    margin: float = 0.0
    level: float = 0.95
    patience: int = 0

    def __post_init__(self) -> None:
        if duration_us(self.duration, what="shadow") <= 0:
            raise ConfigError("a shadow lasts longer than nothing.")
        higher_is_better(self.metric)
        if self.metric not in _PAIRED:
            raise ConfigError(f"a shadow cannot judge by {self.metric!r}; use one of {', '.join(_PAIRED)}.")
        if not math.isfinite(self.margin):
            raise ConfigError(f"a shadow's margin is a finite number, got {self.margin}.")
        if not 0 < self.level < 1:
            raise ConfigError(f"a shadow's level must be in (0, 1), got {self.level}.")
        if self.patience < 0:
            raise ConfigError(f"a shadow's patience is a count of extra durations, got {self.patience}.")

    @property
    def duration_us(self) -> int:
        """Microseconds of traffic per look."""
        return duration_us(self.duration)

    def describe(self) -> dict[str, Any]:
        """What stands for the stage in an identity."""
        return {
            "is": "shadow",
            "duration": duration_text(self.duration_us),
            "metric": self.metric,
            "margin": float(self.margin),
            "level": float(self.level),
            "patience": self.patience,
        }

    def judge(self, evidence: ShadowEvidence, *, seed: int = 0) -> Verdict:
        """Whether the challenger has been shown to be good enough; pure, the same evidence and seed decide the same.

        No rows, a missing goal, or an interval that cannot be computed (fewer than two days) are unknown.
        """
        check = f"shadow({duration_text(self.duration_us)}, {self.metric})"
        labelled = ~np.isnan(evidence.label)
        both = labelled & ~np.isnan(evidence.champion) & ~np.isnan(evidence.challenger)
        rows, missing = int(both.sum()), int((labelled & ~both).sum())
        if not rows:
            return Verdict.unknown(
                check, "no request has both models' answers and a matured label", rows=0, missing=missing
            )
        if self.metric == "value" and evidence.goal is None:
            return Verdict.unknown(check, "value needs a goal, and none was given", rows=rows, missing=missing)
        label, old, new = evidence.label[both], evidence.champion[both], evidence.challenger[both]
        level = 1 - (1 - self.level) / (self.patience + 1)
        days = evidence.as_of[both] // DAY_US
        found = difference(self.metric, label, new, old, days, goal=evidence.goal, level=level, seed=seed)
        per = 1 / rows if self.metric == "value" else 1.0
        sign = per if higher_is_better(self.metric) else -per
        gain = sign * found.value
        low, high = sorted((sign * found.low, sign * found.high))
        scores = {
            name: per * measure(self.metric, label, p, goal=evidence.goal)
            for name, p in (("challenger", new), ("champion", old))
        }
        figures = {"gain": gain, "low": low, "high": high, **scores, "rows": rows, "missing": missing}
        said = (
            f"{self.metric} {scores['challenger']:.5g} against the champion's {scores['champion']:.5g} "
            f"on {rows} requests: gain {gain:+.5f}, {level:.1%} interval {low:+.5f} to {high:+.5f}, "
            + ("superiority asked" if self.margin == 0 else f"margin {self.margin:g}")
        )
        if not all(math.isfinite(x) for x in (gain, low, high)):
            return Verdict.unknown(check, f"{said}; an interval needs at least two days", **figures)
        if low > -self.margin:
            return Verdict.passed(check, said, **figures)
        if high < -self.margin:
            return Verdict.failed(check, said, **figures)
        return Verdict.unknown(check, f"{said}; not shown either way", **figures)


def shadow(
    duration: Duration, metric: str = "log_loss", *, margin: float = 0.0, level: float = 0.95, patience: int = 0
) -> Shadow:
    """A stage in which the challenger answers all traffic unseen; see :class:`Shadow`."""
    return Shadow(duration, metric, margin, level, patience)
