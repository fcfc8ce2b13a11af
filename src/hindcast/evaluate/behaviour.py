"""Gates on behaviour: what must happen to an answer when one feature alone is changed.

Rows are drawn from those the model is judged on, one feature is set to other values that were observed, everything else
stays. Features computed from the changed one are not recomputed: each gate asks about one input of the model.

References
----------
Ribeiro et al., "Beyond Accuracy: Behavioral Testing of NLP Models with CheckList", ACL 2020: directional expectation
and invariance tests.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any
from zlib import crc32

import numpy as np

from hindcast.columns import Column, Frame
from hindcast.errors import ConfigError, UnknownName
from hindcast.evaluate.gate import Evidence
from hindcast.values import Floats, Ints
from hindcast.verdicts import Verdict

__all__ = ["Direction", "Invariant", "decreasing", "increasing", "invariant"]

STEPS = 9
"""Observed values that a feature is set to: so many quantiles between 1% and 99%, or so many draws."""


def _checked(what: str, tolerance: float, share: float, rows: int) -> None:
    if not 0 <= tolerance < 1 or not 0 < share <= 1 or rows < 1:
        raise ConfigError(
            f"{what} needs tolerance in [0, 1), share in (0, 1] and rows >= 1, got {tolerance!r}, {share!r}, {rows!r}."
        )


def _ready(gate: Any, evidence: Evidence) -> Verdict | None:
    """The verdict when there is nothing to try: the feature is no feature, or the model does not read it."""
    if gate.feature not in evidence.features:
        raise UnknownName("feature", gate.feature, evidence.features)
    if gate.feature not in evidence.model.inputs:
        return Verdict.passed(gate.name, f"the model does not read {gate.feature!r}", rows=0)
    return None


def _answers(evidence: Evidence, rows: Frame, feature: str, values: Column) -> Floats:
    return evidence.model.predict(Frame({**rows, feature: values}, len(rows)))


def _verdict(gate: Any, holds: Any, worst: Floats, what: str) -> Verdict:
    """Pass when enough of the tried rows hold; `worst` is how far each row moved the wrong way."""
    share, tried = float(np.mean(holds)), len(holds)
    far = float(worst.max())
    figures = {"share": share, "rows": tried, "worst": far}
    text = f"{share:.1%} of {tried} rows {what} (tolerance {gate.tolerance:g}); the worst moves {far:.4f}"
    if share >= gate.share:
        return Verdict.passed(gate.name, text, **figures)
    return Verdict.failed(gate.name, f"{text}; {gate.share:.1%} are asked for", **figures)


@dataclass(frozen=True)
class Direction:
    """More of a feature never means less of the answer (or, downwards, never more).

    Each drawn row is asked again with the feature set to every higher one of nine observed quantiles. The row holds
    when none of these answers lies on the wrong side of its own by more than `tolerance`. Rows where the feature is
    null, or already above all of the quantiles, are not tried.

    Parameters
    ----------
    feature : str
        A number.
    upwards : bool
        True: the answer must not fall. False: it must not rise.
    tolerance : float, default 0.0
        Probability.
    share : float, default 1.0
        The share of tried rows that must hold.
    rows : int, default 1000
        How many are drawn.
    """

    feature: str
    upwards: bool
    tolerance: float = 0.0
    share: float = 1.0
    rows: int = 1000

    def __post_init__(self) -> None:
        _checked("increasing" if self.upwards else "decreasing", self.tolerance, self.share, self.rows)

    @property
    def name(self) -> str:
        what = "increasing" if self.upwards else "decreasing"
        return f"{what}({self.feature!r}, tolerance={self.tolerance:g}, share={self.share:g})"

    def describe(self) -> dict[str, Any]:
        return {"gate": "direction", **asdict(self)}

    def judge(self, evidence: Evidence) -> Verdict:
        if (settled := _ready(self, evidence)) is not None:
            return settled
        column = evidence.features[self.feature]
        if column.kind == "text":
            return Verdict.unknown(self.name, f"{self.feature!r} is a text and has no order; use invariant")
        values = column.floats()
        seen = values[~np.isnan(values)]
        if not len(seen):
            return Verdict.unknown(self.name, f"{self.feature!r} is null in all {len(values)} rows")
        grid = np.unique(np.quantile(seen, np.linspace(0.01, 0.99, STEPS), method="inverted_cdf"))
        drawn = evidence.drawn(self.rows, self.feature)
        drawn = drawn[values[drawn] < grid[-1]]
        if not len(drawn):
            return Verdict.unknown(
                self.name, f"no row has a value of {self.feature!r} below the highest observed, {grid[-1]:g}"
            )
        rows, own = evidence.features.take(drawn), values[drawn]
        before = evidence.model.predict(rows)
        worst = np.zeros(len(drawn))
        for higher in grid.tolist():
            moved = np.maximum(own, higher)
            change = _answers(evidence, rows, self.feature, Column("number", moved)) - before
            wrong = -change if self.upwards else change
            worst = np.where(own < higher, np.maximum(worst, wrong), worst)
        if np.isnan(worst).any():
            return Verdict.unknown(self.name, "some answers are not numbers")
        return _verdict(self, worst <= self.tolerance, worst, "never fall" if self.upwards else "never rise")


def increasing(feature: str, *, tolerance: float = 0.0, share: float = 1.0, rows: int = 1000) -> Direction:
    """A gate: more of `feature` never means a lower answer; see :class:`Direction`."""
    return Direction(feature, True, tolerance, share, rows)


def decreasing(feature: str, *, tolerance: float = 0.0, share: float = 1.0, rows: int = 1000) -> Direction:
    """A gate: more of `feature` never means a higher answer; see :class:`Direction`."""
    return Direction(feature, False, tolerance, share, rows)


@dataclass(frozen=True)
class Invariant:
    """A feature that the model reads does not move the answer.

    Each drawn row is asked again with the feature's values of nine other rows, null included. The row holds when none
    of these answers differs from its own by more than `tolerance`.

    Parameters
    ----------
    feature : str
        Of any kind. A feature that does not exist is unknown, not invariant.
    tolerance : float, default 0.0
        Probability.
    share : float, default 1.0
    rows : int, default 1000
    """

    feature: str
    tolerance: float = 0.0
    share: float = 1.0
    rows: int = 1000

    def __post_init__(self) -> None:
        _checked("invariant", self.tolerance, self.share, self.rows)

    @property
    def name(self) -> str:
        return f"invariant({self.feature!r}, tolerance={self.tolerance:g}, share={self.share:g})"

    def describe(self) -> dict[str, Any]:
        return {"gate": "invariant", **asdict(self)}

    def judge(self, evidence: Evidence) -> Verdict:
        if (settled := _ready(self, evidence)) is not None:
            return settled
        column = evidence.features[self.feature]
        if not len(column):
            return Verdict.unknown(self.name, "there are no rows to try")
        drawn = evidence.drawn(self.rows, self.feature)
        rows = evidence.features.take(drawn)
        before = evidence.model.predict(rows)
        random = np.random.default_rng([evidence.seed, crc32(self.feature.encode()), 1])
        codes, _ = column.codes()
        own, varied, worst = codes[drawn], np.zeros(len(drawn), dtype=np.bool_), np.zeros(len(drawn))
        for _ in range(STEPS):
            others: Ints = random.integers(0, len(column), len(drawn))
            after = _answers(evidence, rows, self.feature, column.take(others))
            worst = np.maximum(worst, np.abs(after - before))
            varied |= codes[others] != own
        if np.isnan(worst).any():
            return Verdict.unknown(self.name, "some answers are not numbers")
        if not varied.any():
            return Verdict.unknown(
                self.name, f"{self.feature!r} has one value only in these rows; nothing could be changed"
            )
        return _verdict(self, worst[varied] <= self.tolerance, worst[varied], f"do not mind {self.feature!r}")


def invariant(feature: str, *, tolerance: float = 0.0, share: float = 1.0, rows: int = 1000) -> Invariant:
    """A gate: the answer does not depend on `feature`; see :class:`Invariant`."""
    return Invariant(feature, tolerance, share, rows)
