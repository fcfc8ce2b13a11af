"""The guard of a promotion: the champion before goes on being scored, and is restored where it would have done better.

A promotion may be wrong in ways that its trial could not show: a rare case, a slow decay, a change that came just
after. When the present champion's performance alert says decay, both models are compared on the same matured rows of
its reign, request by request; only a champion shown to be worse than the one before it is rolled back. Where both
decay alike the world has changed, and going back would not help: then retraining is what is called for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hindcast.registry import Entry, Roles
from hindcast.trial import Shadow, ShadowEvidence
from hindcast.values import DAY_US, duration_text
from hindcast.verdicts import Verdict

__all__ = ["Guard"]


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

    def judge(self, evidence: ShadowEvidence, *, seed: int = 0) -> Verdict:
        """Whether the predecessor, as `evidence`'s challenger, has been shown to be better.

        The paired interval of log loss, by days, has to lie on its side; every repetition costs confidence. Pass
        restores it; unknown never does.
        """
        looks = self.window_us // DAY_US
        verdict = Shadow(duration_text(self.window_us), metric="log_loss", patience=looks).judge(evidence, seed=seed)
        return Verdict(verdict.outcome, f"guard({self.predecessor})", verdict.reason, verdict.evidence)
