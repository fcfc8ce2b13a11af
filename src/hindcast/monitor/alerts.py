"""An alert says what moved, by how much, against what, and what to do; a cool-down keeps it from saying so twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hindcast.values import iso

__all__ = ["Alert", "CoolDown", "Severity"]

Severity = Literal["warning", "critical"]


@dataclass(frozen=True, slots=True)
class Alert:
    """Something moved more than the reference's own ripples explain.

    Parameters
    ----------
    at_us : int
        The moment of the look that found it.
    kind : str
        ``"drift"`` (the values of a feature or of the prediction), ``"freshness"`` (values went missing, or facts
        are older than declared), ``"validation"`` (a declared condition does not hold), ``"volume"`` (requests),
        ``"decay"`` (the model's scores on matured rows).
    severity : {"warning", "critical"}
        Critical from twice the threshold on.
    feature : str
        The feature (or metric, or ``"requests"``) that moved most, measured by effect over threshold.
    statistic : str
        What was measured, such as ``"shift"``.
    effect, threshold, floor : float
        The size found; what it had to exceed: the greater of the calibrated threshold and the declared floor.
    window_us : int
        Length of the window that ends at `at_us`.
    features : tuple of str
        All that crossed their thresholds at this look, worst first, `feature` included.
    sentence, action : str
        One line for a person, and what to do about it.
    evidence : mapping
        The figures behind it, plain values only.
    """

    at_us: int
    kind: str
    severity: Severity
    feature: str
    statistic: str
    effect: float
    threshold: float
    floor: float
    window_us: int
    features: tuple[str, ...]
    sentence: str
    action: str
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """Plain data for the ledger; the moment as ISO text."""
        return {
            "at": iso(self.at_us),
            "kind": self.kind,
            "severity": self.severity,
            "feature": self.feature,
            "features": list(self.features),
            "statistic": self.statistic,
            "effect": self.effect,
            "threshold": self.threshold,
            "floor": self.floor,
            "window_us": self.window_us,
            "sentence": self.sentence,
            "action": self.action,
            "evidence": dict(self.evidence),
        }


class CoolDown:
    """Lets a lasting condition speak once: again only after it ended, or after `again_us`.

    A condition has ended when it was not seen for longer than `quiet_us`. Keys are independent of one another.

    Examples
    --------
    >>> cool = CoolDown(quiet_us=10, again_us=1000)
    >>> [cool.speaks("x", t) for t in (0, 5, 12, 40, 45)]
    [True, False, False, True, False]
    """

    def __init__(self, *, quiet_us: int, again_us: int) -> None:
        self.quiet_us, self.again_us = quiet_us, again_us
        self._spoke: dict[str, int] = {}
        self._seen: dict[str, int] = {}

    def speaks(self, key: str, at_us: int) -> bool:
        """Record that the condition `key` holds at `at_us`, never before the last time; whether to say so."""
        seen, spoke = self._seen.get(key), self._spoke.get(key)
        self._seen[key] = at_us
        if seen is not None and spoke is not None and at_us - seen <= self.quiet_us and at_us - spoke < self.again_us:
            return False
        self._spoke[key] = at_us
        return True

    def lasts(self, key: str, at_us: int) -> None:
        """Record that what was said has nearly, but not quite ended at `at_us`; it says nothing new."""
        if key in self._seen and at_us - self._seen[key] <= self.quiet_us:
            self._seen[key] = at_us

    def state(self) -> dict[str, list[int]]:
        """Plain data from which :meth:`resume` goes on: per key, when it last spoke and was last seen."""
        return {key: [self._spoke[key], self._seen[key]] for key in sorted(self._seen)}

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        self._spoke = {str(key): int(pair[0]) for key, pair in state.items()}
        self._seen = {str(key): int(pair[1]) for key, pair in state.items()}
