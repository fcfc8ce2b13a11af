"""A verdict has three values: pass, fail, unknown. Unknown never promotes.

Gates, trials and checks all answer with one, so that a check that could not run, a missing metric or a NaN is
never mistaken for good news.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, Literal

__all__ = ["Verdict"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found, and why.

    Parameters
    ----------
    outcome : {"pass", "fail", "unknown"}
    check : str
        The name of the check, such as ``"calibrated(0.03)"``.
    reason : str
        One sentence for a person, with the figures.
    evidence : mapping, optional
        The figures behind the reason, plain values only.

    Examples
    --------
    >>> worst = Verdict.all_of("gates", [Verdict.passed("a", "fine"), Verdict.unknown("b", "no rows")])
    >>> worst.outcome, worst.reason
    ('unknown', 'b: no rows')
    """

    outcome: Literal["pass", "fail", "unknown"]
    check: str
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """True only for a pass."""
        return self.outcome == "pass"

    @staticmethod
    def passed(check: str, reason: str, **evidence: Any) -> Verdict:
        """A pass; evidence that is NaN turns it into unknown."""
        missing = [name for name, value in evidence.items() if isinstance(value, Real) and value != value]  # noqa: PLR0124
        if missing:
            return Verdict("unknown", check, f"{', '.join(missing)} is not a number; {reason}", evidence)
        return Verdict("pass", check, reason, evidence)

    @staticmethod
    def failed(check: str, reason: str, **evidence: Any) -> Verdict:
        return Verdict("fail", check, reason, evidence)

    @staticmethod
    def unknown(check: str, reason: str, **evidence: Any) -> Verdict:
        return Verdict("unknown", check, reason, evidence)

    @staticmethod
    def all_of(check: str, verdicts: Iterable[Verdict]) -> Verdict:
        """Pass when all pass (and there is at least one), fail when any fails, else unknown."""
        verdicts = list(verdicts)
        for outcome in ("fail", "unknown"):
            bad = [v for v in verdicts if v.outcome == outcome]
            if bad:
                return Verdict(outcome, check, "; ".join(f"{v.check}: {v.reason}" for v in bad))  # type: ignore[arg-type]
        if not verdicts:
            return Verdict.unknown(check, "nothing was checked")
        return Verdict("pass", check, f"{len(verdicts)} checks passed")
