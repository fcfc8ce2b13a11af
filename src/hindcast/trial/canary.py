"""Canary: the challenger serves a growing share of the traffic, and is stopped when it does harm.

A step asks a smaller question than a shadow: not "is it better?" but "does it hurt?". Each guard compares the
requests served by the challenger with those served by the champion over the same time (at the full share: with the
champion's unseen answers to the same requests, `paired`). Harm shown fails the step, figures without harm pass it,
no figures are unknown; and since little traffic shows little, the reason says how many rows a harm of the
declared size would have needed.

**Steps and maturity.** A step counts the traffic ``since < as_of <= since + every`` and is judged at
``since + every + maturity``; the share stays as it is until then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.metrics import Goal
from hindcast.trial.harm import Arm, Finding, calibration_harm, error_harm, value_harm
from hindcast.values import Duration, duration_text, duration_us
from hindcast.verdicts import Verdict

__all__ = ["Canary", "CanaryEvidence", "Guard", "canary"]

_GUARDS = {"errors": (0.0, 0.01), "calibration": (0.03, 0.03), "value": (0.0, None)}
_HARM_OF_PAYOFF = 0.05
_MIN_ROWS = 30


@dataclass(frozen=True)
class Guard:
    """One kind of harm to watch for.

    Parameters
    ----------
    name : {"errors", "calibration", "value"}
        The share of requests without an answer of the model; the expected calibration error; the goal's value per
        request.
    tolerance : float, optional
        Harm up to here is none. Defaults: 0 errors, 0.03 calibration, 0 value.
    harm : float, optional
        The size of harm for which the needed sample size is stated. Defaults: 0.01 errors, 0.03 calibration, and a
        twentieth of the goal's payoff between hit and miss.
    """

    name: str
    tolerance: float | None = None
    harm: float | None = None

    def __post_init__(self) -> None:
        if self.name not in _GUARDS:
            raise UnknownName("guard", self.name, _GUARDS, where="canary")
        tolerance, harm = _GUARDS[self.name]
        if self.tolerance is None:
            object.__setattr__(self, "tolerance", tolerance)
        if self.harm is None:
            object.__setattr__(self, "harm", harm)
        if not 0 <= float(self.tolerance or 0.0) < float("inf"):
            raise ConfigError(f"guard {self.name!r}: tolerance must be zero or more, got {self.tolerance}.")
        if self.harm is not None and not 0 < self.harm < float("inf"):
            raise ConfigError(f"guard {self.name!r}: harm must be above zero, got {self.harm}.")


@dataclass(frozen=True, eq=False)
class CanaryEvidence:
    """Both arms of a step.

    Parameters
    ----------
    canary : Arm
        The requests the challenger served.
    champion : Arm
        What it is compared with: the requests the champion served over the same time, or, when `paired`, its unseen
        answers to the canary's requests, row by row.
    goal : Goal, optional
        Needed by the guard ``"value"``.
    paired : bool, default False
    """

    canary: Arm
    champion: Arm
    goal: Goal | None = None
    paired: bool = False

    def __post_init__(self) -> None:
        if self.paired and len(self.canary.label) != len(self.champion.label):
            raise DataError(
                "a paired canary compares the same requests, row by row, got "
                f"{len(self.canary.label)} and {len(self.champion.label)} rows."
            )


@dataclass(frozen=True)
class Canary:
    """Serve a growing share, step by step, as long as no guard shows harm.

    Parameters
    ----------
    shares : sequence of float
        Rising, in (0, 1]. After the last step comes promotion. At share 1 nobody is left to be compared with: there
        the champion goes on answering unseen, and the evidence is paired.
    every : duration
        The traffic of a step.
    guard : sequence of str or Guard, default ("errors", "calibration", "value")
    level : float, default 0.99
        One-sided confidence with which harm is declared. A harmless challenger is stopped with a chance of at most
        ``guards * steps * (1 - level)``.
    power : float, default 0.8
        Of the needed sample size that the reasons state.
    patience : int, default 1
        How many times another `every` may be waited for in a step while a guard is unknown; then the trial ends.

    Examples
    --------
    >>> spec = canary([0.05, 0.25, 1.0], every="3d", guard=["errors", "value"])
    >>> spec.shares, spec.guard[0]
    ((0.05, 0.25, 1.0), Guard(name='errors', tolerance=0.0, harm=0.01))
    """

    shares: tuple[float, ...]
    every: Duration
    guard: tuple[Guard, ...] = field(default_factory=lambda: tuple(map(Guard, _GUARDS)))
    level: float = 0.99
    power: float = 0.8
    patience: int = 1

    def __post_init__(self) -> None:
        if not self.shares or not all(0 < share <= 1 for share in self.shares):
            raise ConfigError(f"a canary's shares are in (0, 1], got {list(self.shares)}.")
        if any(later <= sooner for sooner, later in pairwise(self.shares)):
            raise ConfigError(f"a canary's shares must rise, got {list(self.shares)}.")
        if duration_us(self.every, what="canary: every") <= 0:
            raise ConfigError("a canary's steps last longer than nothing.")
        if not self.guard:
            raise ConfigError(
                "a canary without a guard would wave everything through; name at least one, such as 'errors'."
            )
        if len({guard.name for guard in self.guard}) < len(self.guard):
            raise ConfigError(f"a canary names each guard once, got {', '.join(guard.name for guard in self.guard)}.")
        if not 0.5 <= self.level < 1 or not 0 < self.power < 1:
            raise ConfigError(
                f"a canary's level is in [0.5, 1) and its power in (0, 1), got {self.level} and {self.power}."
            )
        if self.patience < 0:
            raise ConfigError(f"a canary's patience is a count of extra steps, got {self.patience}.")

    @property
    def every_us(self) -> int:
        """Microseconds of traffic per step."""
        return duration_us(self.every)

    def describe(self) -> dict[str, Any]:
        """What stands for the stage in an identity."""
        return {
            "is": "canary",
            "shares": [float(share) for share in self.shares],
            "every": duration_text(self.every_us),
            "guard": [{"name": g.name, "tolerance": g.tolerance, "harm": g.harm} for g in self.guard],
            "level": float(self.level),
            "power": float(self.power),
            "patience": self.patience,
        }

    def judge(self, evidence: CanaryEvidence, *, seed: int = 0) -> Verdict:
        """Whether a step did harm: fail when any guard shows harm, unknown when any has no figures, else pass."""
        return _together(f"canary({duration_text(self.every_us)})", self.verdicts(evidence, seed=seed))

    def verdicts(self, evidence: CanaryEvidence, *, seed: int = 0) -> list[Verdict]:
        """One verdict per guard, in their order, each with its figures and the needed sample size."""
        return [self._verdict(guard, evidence, seed) for guard in self.guard]

    def _verdict(self, guard: Guard, evidence: CanaryEvidence, seed: int) -> Verdict:
        old, new, unit = evidence.champion, evidence.canary, ""
        worst_case = guard.harm
        if guard.name == "errors":
            if not new.requests or not old.requests:
                return Verdict.unknown(
                    "errors", f"{new.requests} canary and {old.requests} champion requests", rows=new.requests
                )
            assert guard.harm is not None
            found = error_harm(new, old, self.level, guard.harm)
        else:
            if min(new.rows, old.rows) < _MIN_ROWS:
                said = f"{new.rows} canary and {old.rows} champion rows have a matured label"
                return Verdict.unknown(guard.name, f"{said}; {_MIN_ROWS} of each are the least", rows=new.rows)
            if guard.name == "calibration":
                found = calibration_harm(new, old, self.level, seed)
            elif evidence.goal is None:
                return Verdict.unknown("value", "value needs a goal, and none was given", rows=new.rows)
            else:
                goal, unit = evidence.goal, f" {evidence.goal.unit} a request"
                worst_case = guard.harm or _HARM_OF_PAYOFF * (goal.hit - goal.miss)
                found = value_harm(new, old, goal, self.level, paired=evidence.paired)
        assert worst_case is not None
        return self._say(guard, found, worst_case, unit, paired=evidence.paired)

    def _say(self, guard: Guard, found: Finding, harm: float, unit: str, *, paired: bool) -> Verdict:
        tolerance = float(guard.tolerance or 0.0)
        needed = found.needed(harm, self.level, self.power, paired=paired) if np.isfinite(found.sd) else None
        figures: dict[str, Any] = {
            "canary": found.canary,
            "champion": found.champion,
            "harm": found.harm,
            "at_least": found.low,
            "rows": found.rows,
            "needed": needed,
        }
        said = (
            f"{found.canary:.4g}{unit} against {found.champion:.4g}; harm {found.harm:+.4g}, at least {found.low:+.4g} "
            f"with {self.level:.0%} confidence, tolerance {tolerance:g}; on {found.rows} rows, and a harm of "
            f"{harm:.4g} needs {'more than that' if needed is None else needed} to be seen with power {self.power:.0%}"
        )
        if not np.isfinite([found.harm, found.low]).all():
            return Verdict.unknown(guard.name, said, **figures)
        if found.low > tolerance:
            return Verdict.failed(guard.name, said, **figures)
        return Verdict.passed(guard.name, said, **figures)


def _together(check: str, verdicts: Sequence[Verdict]) -> Verdict:
    outcome = Verdict.all_of(check, verdicts).outcome
    shown = [v for v in verdicts if v.outcome == outcome]
    evidence = {v.check: dict(v.evidence) for v in verdicts}
    return Verdict(outcome, check, "; ".join(f"{v.check}: {v.reason}" for v in shown), evidence)


def canary(
    shares: Sequence[float],
    every: Duration,
    guard: Sequence[str | Guard] = ("errors", "calibration", "value"),
    *,
    level: float = 0.99,
    power: float = 0.8,
    patience: int = 1,
) -> Canary:
    """A stage in which the challenger serves a growing share; see :class:`Canary`."""
    guards = tuple(g if isinstance(g, Guard) else Guard(g) for g in guard)
    return Canary(tuple(float(share) for share in shares), every, guards, level, power, patience)
