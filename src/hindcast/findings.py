"""Numbered findings: what is wrong with data or a declaration, where, how bad, and how to mend it.

A number never changes its meaning, so that it can be looked up, silenced or counted; ``docs/reference/findings.md`` has
a paragraph for each. A finding is advice about data; what stops a run is an error or a failed gate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hindcast.errors import UnknownName

__all__ = ["FINDINGS", "Finding", "Severity"]

Severity = Literal["stop", "warn", "note"]
"""``stop``: figures would be meaningless; ``warn``: they would be worse than they look; ``note``: know it."""

FINDINGS: Mapping[str, str] = {
    "HC001": "no time",
    "HC002": "known later",
    "HC003": "knows the answer",
    "HC004": "adds up to the outcome",
    "HC005": "duplicate rows",
    "HC006": "same input, different label",
    "HC007": "the world changes",
    "HC008": "one entity, many rows",
    "HC009": "scaled or filled over all rows",
    "HC010": "balanced before the split",
    "HC011": "missing tells the outcome",
    "HC012": "missing since a moment",
    "HC013": "too few of a class",
    "HC014": "labels still to come",
    "HC015": "nothing to learn from",
    "HC016": "a name, not a property",
    "HC017": "tells which part a row comes from",
    "HC018": "not a random sample",
    "HC019": "wrong labels",
    "HC020": "shared by training and test",
}
"""Every number and its title."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    Parameters
    ----------
    number : str
        Such as ``"HC003"``.
    where : str
        The column, table or rows it is about.
    severity : {"stop", "warn", "note"}
    says : str
        What was found, with the figures, as a sentence.
    mend : str
        What to do about it, as a sentence.
    evidence : mapping, optional
        The figures, plain values.

    Raises
    ------
    UnknownName
        For a number nobody knows.

    Examples
    --------
    >>> print(Finding("HC005", "table", "warn", "12 of 41,188 rows repeat another.", "Drop them before the split."))
    HC005 duplicate rows, table: 12 of 41,188 rows repeat another. Drop them before the split.
    """

    number: str
    where: str
    severity: Severity
    says: str
    mend: str
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.number not in FINDINGS:
            raise UnknownName("finding", self.number, FINDINGS)

    @property
    def title(self) -> str:
        """What findings of this number are called."""
        return FINDINGS[self.number]

    def __str__(self) -> str:
        return f"{self.number} {self.title}, {self.where}: {self.says} {self.mend}"

    def describe(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "number": self.number,
            "title": self.title,
            "where": self.where,
            "severity": self.severity,
            "says": self.says,
            "mend": self.mend,
            "evidence": dict(self.evidence),
        }
