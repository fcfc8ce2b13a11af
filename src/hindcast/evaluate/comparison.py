"""Gates that compare: a model must beat the baselines; a challenger must not be worse than the champion.

Both compare on the same rows and draw the same days, so that a hard week is hard for both.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hindcast.errors import ConfigError
from hindcast.evaluate.gate import Evidence
from hindcast.metrics import Estimate, difference, higher_is_better
from hindcast.values import DAY_US, Bools, Floats
from hindcast.verdicts import Verdict

__all__ = ["BeatsBaselines", "NotWorseThanChampion", "beats_baselines", "not_worse_than_champion"]


def gain(metric: str, evidence: Evidence, first: Floats, second: Floats, among: Bools | None = None) -> Estimate:
    """How much better `first` is than `second` in `metric`, above 0 when better whichever way the metric points, on the
    rows with a label (and in `among`)."""
    rows = evidence.scored if among is None else evidence.scored[among[evidence.scored]]
    ahead, behind = (first, second) if higher_is_better(metric) else (second, first)
    return difference(
        metric,
        evidence.label[rows],
        ahead[rows],
        behind[rows],
        evidence.as_of[rows] // DAY_US,
        goal=evidence.goal,
        seed=evidence.seed,
    )


@dataclass(frozen=True)
class BeatsBaselines:
    """Every baseline is beaten by at least `by`, and not by chance.

    Pass: against each baseline the gain is at least `by` and its interval (95%, over days) lies above 0. Fail: some
    gain is below `by`. Unknown: gains suffice but might be noise, or there is no baseline, label, or second day.

    Parameters
    ----------
    metric : str, default "log_loss"
        One that has an interval: auc, brier, ece, log_loss, skill, value.
    by : float, default 0.0
        In the metric's own unit.
    """

    metric: str = "log_loss"
    by: float = 0.0

    def __post_init__(self) -> None:
        if not self.by >= 0:
            raise ConfigError(f"beats_baselines needs by >= 0, got {self.by!r}.")

    @property
    def name(self) -> str:
        return f"beats_baselines({self.metric!r}, by={self.by:g})"

    def describe(self) -> dict[str, Any]:
        return {"gate": "beats_baselines", **asdict(self)}

    def judge(self, evidence: Evidence) -> Verdict:
        higher_is_better(self.metric)
        if not evidence.baselines:
            return Verdict.unknown(self.name, "there is no baseline to beat; declare models=[hc.zero_rule(), ...].")
        gains = {
            name: gain(self.metric, evidence, evidence.probability, baseline)
            for name, baseline in sorted(evidence.baselines.items())
        }
        figures = {name: estimate.describe() for name, estimate in gains.items()}
        if missing := [name for name, g in gains.items() if not np.isfinite([g.value, g.low, g.high]).all()]:
            return Verdict.unknown(
                self.name,
                f"no comparable {self.metric} against {', '.join(missing)} ({len(evidence.scored)} labels)",
                gains=figures,
            )
        closest = min(gains, key=lambda name: gains[name].value)
        nearest = gains[closest]
        text = f"gains {nearest} in {self.metric} on {closest}, the closest of {len(gains)} baselines"
        if nearest.value < self.by:
            return Verdict.failed(self.name, f"{text}; {self.by:g} are asked for", gains=figures)
        if noisy := [name for name, g in gains.items() if g.low <= 0]:
            return Verdict.unknown(self.name, f"{text}; against {', '.join(noisy)} it might be noise", gains=figures)
        return Verdict.passed(self.name, text, gains=figures)


def beats_baselines(metric: str = "log_loss", by: float = 0.0) -> BeatsBaselines:
    """A gate: see :class:`BeatsBaselines`."""
    return BeatsBaselines(metric, by)


@dataclass(frozen=True)
class NotWorseThanChampion:
    """The challenger loses at most `margin` against the champion on the same rows.

    Pass: the measured loss is at most `margin`; or there is no champion, and then it says so. Fail: it is more.
    Unknown: the champion's answers, the labels or a second day are missing. Rows that the champion has no answer to,
    because it has learnt from them, are left out. With ``confident=True`` the whole interval
    (95%, over days) must be within the margin, as in a non-inferiority trial, and an undecided interval is unknown.

    Parameters
    ----------
    metric : str, default "log_loss"
    margin : float, default 0.0
        In the metric's own unit.
    confident : bool, default False
    """

    metric: str = "log_loss"
    margin: float = 0.0
    confident: bool = False

    def __post_init__(self) -> None:
        if not self.margin >= 0:
            raise ConfigError(f"not_worse_than_champion needs margin >= 0, got {self.margin!r}.")

    @property
    def name(self) -> str:
        how = ", confident=True" if self.confident else ""
        return f"not_worse_than_champion({self.metric!r}, margin={self.margin:g}{how})"

    def describe(self) -> dict[str, Any]:
        return {"gate": "not_worse_than_champion", **asdict(self)}

    def judge(self, evidence: Evidence) -> Verdict:
        higher_is_better(self.metric)
        if evidence.champion is None and evidence.champion_probability is None:
            return Verdict.passed(self.name, "there is no champion yet")
        if evidence.champion_probability is None:
            return Verdict.unknown(self.name, f"champion {evidence.champion} did not answer these rows")
        answered = ~np.isnan(evidence.champion_probability)
        loss = gain(self.metric, evidence, evidence.champion_probability, evidence.probability, answered)
        figures = loss.describe()
        if not np.isfinite([loss.value, loss.low, loss.high]).all():
            return Verdict.unknown(
                self.name, f"no comparable {self.metric} of both models ({len(evidence.scored)} labels)", loss=figures
            )
        text = f"loses {loss} in {self.metric} to champion {evidence.champion or ''}".rstrip()
        if loss.value > self.margin:
            return Verdict.failed(self.name, text, loss=figures)
        if self.confident and loss.high > self.margin:
            return Verdict.unknown(self.name, f"{text}; the interval reaches past the margin", loss=figures)
        return Verdict.passed(self.name, text, loss=figures)


def not_worse_than_champion(
    metric: str = "log_loss", margin: float = 0.0, *, confident: bool = False
) -> NotWorseThanChampion:
    """A gate: see :class:`NotWorseThanChampion`."""
    return NotWorseThanChampion(metric, margin, confident)
