"""The guard of a promotion: the champion before goes on being scored, and is restored where it would have done better.

A promotion may be wrong in ways that its trial could not show: a rare case, a slow decay, a change that came just
after. When the present champion's performance alert says decay, both models are compared on the same matured rows of
its reign, request by request; only a champion shown to be worse than the one before it is rolled back. Where both
decay alike the world has changed, and going back would not help: then retraining is what is called for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.metrics import log_losses, student_quantile
from hindcast.registry import Entry, Roles
from hindcast.trial import ShadowEvidence
from hindcast.values import DAY_US, Floats, Ints
from hindcast.verdicts import Verdict

__all__ = ["Guard"]

_LEAST_DAYS = 4


@dataclass(frozen=True)
class Guard:
    """One reign, watched over by its predecessor.

    Parameters
    ----------
    champion, predecessor : str
    since_us : int
        When the reign began: rows asked later count.
    window_us : int
        How much of the newest matured traffic is compared, and how long after an alert the comparison is repeated,
        once a day: an alert speaks once, and its first day may hold too little to decide.
    armed_us : int, optional
        When decay was last alerted; None while nothing is wrong, and then nothing is compared.
    """

    champion: str
    predecessor: str
    since_us: int
    window_us: int
    armed_us: int | None = None

    @staticmethod
    def of(roles: Roles, entries: Iterable[Entry], window_us: int) -> Guard | None:
        """The guard of the present reign, folded from the ledger's promotions, roll-backs and alerts; None for a
        champion without a predecessor."""
        if roles.champion is None or not roles.predecessors:
            return None
        since, armed = 0, None
        for entry in entries:
            if entry.kind in ("promotion", "rollback"):
                since, armed = entry.at_us, None
            elif entry.kind == "alert" and entry.body["kind"] == "decay":
                armed = entry.at_us
        return Guard(roles.champion, roles.predecessors[-1], since, window_us, armed)

    def due(self, now_us: int, every_us: int) -> bool:
        """Whether both are to be compared at a look at `now_us`, where looks are `every_us` apart."""
        if self.armed_us is None or not 0 <= now_us - self.armed_us <= self.window_us:
            return False
        return (now_us - self.armed_us) % DAY_US < every_us

    def stretch(self, now_us: int, maturity_us: int) -> tuple[int, int]:
        """The requests compared now: those with ``since < as_of <= until`` of this pair."""
        until = now_us - maturity_us
        return max(self.since_us, until - self.window_us), max(self.since_us, until)

    def judge(self, evidence: ShadowEvidence) -> Verdict:
        """Whether the predecessor, as `evidence`'s challenger, has been shown to be better: pass restores it, unknown
        never does.

        The mean gain of log loss has an interval from the spread between days, by Student's t, since a window holds
        few days and a bootstrap of few is too sure; every repetition costs confidence (Bonferroni). Pass when it lies
        above 0, fail when below.

        References
        ----------
        Cochran, "Sampling Techniques", 3rd edition, 1977, chapter 6: the ratio of two sums over clusters.
        """
        check = f"guard({self.predecessor})"
        labelled = ~np.isnan(evidence.label)
        both = labelled & ~np.isnan(evidence.champion) & ~np.isnan(evidence.challenger)
        label = evidence.label[both]
        new, old = log_losses(label, evidence.champion[both]), log_losses(label, evidence.challenger[both])
        days, day = np.unique(evidence.as_of[both] // DAY_US, return_inverse=True)
        figures: dict[str, Any] = {"rows": len(label), "missing": int((labelled & ~both).sum()), "days": len(days)}
        if len(days) < _LEAST_DAYS:
            said = f"{len(label)} matured rows of {len(days)} days; {_LEAST_DAYS} days are the least"
            return Verdict("unknown", check, said, figures)
        level = 1 - 0.05 / (self.window_us // DAY_US + 1)
        gain, error = _by_day(new - old, day, len(days))
        reach = student_quantile(0.5 + level / 2, len(days) - 1) * error
        low, high = gain - reach, gain + reach
        figures |= {
            "champion": float(new.mean()),
            "predecessor": float(old.mean()),
            "gain": gain,
            "low": low,
            "high": high,
        }
        said = (
            f"log_loss {old.mean():.5g} against the champion's {new.mean():.5g} on {len(label)} requests of "
            f"{len(days)} days: gain {gain:+.5f}, {level:.1%} interval {low:+.5f} to {high:+.5f}"
        )
        return Verdict("pass" if low > 0 else "fail" if high < 0 else "unknown", check, said, figures)


def _by_day(amount: Floats, day: Ints, days: int) -> tuple[float, float]:
    """The mean of an amount per row, and its standard error with days as clusters."""
    sums, rows = np.bincount(day, weights=amount, minlength=days), np.bincount(day, minlength=days)
    mean = float(sums.sum() / rows.sum())
    spread = float(np.square(sums - mean * rows).sum()) * days / (days - 1)
    return mean, math.sqrt(spread) / float(rows.sum())
