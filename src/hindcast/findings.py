"""Numbered findings: what is wrong with data or a declaration, where, how bad, and how to mend it.

A number never changes its meaning, so that it can be looked up, silenced or counted; ``docs/reference/findings.md`` has
a paragraph for each. A finding is advice about data; what stops a run is an error or a failed gate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hindcast.errors import UnknownName

__all__ = ["FINDINGS", "MEANINGS", "Finding", "Severity"]

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

MEANINGS: Mapping[str, str] = {
    "HC001": (
        "No column says when a row happened. Only a split at random is left, which hides every change of the "
        "world and every value that is known too late. Add the moment, even a coarse one."
    ),
    "HC002": (
        "A moment in this column lies after the row's own. Whatever was written down at that moment cannot be "
        "used at the question. Declare it as a table of its own with its own known time."
    ),
    "HC003": (
        "One column alone tells the outcome almost perfectly, or far better than any other. Either the question "
        "is easy, or the column was filled in with the answer, like the duration of a call that ended in a sale."
    ),
    "HC004": "The column is a term of the sum that is to be predicted.",
    "HC005": (
        "Rows repeat each other word for word. Repeats weigh more than they should, and stand on both sides of a split."
    ),
    "HC006": (
        "Rows with equal inputs have different labels. Some labels are wrong, or a column is missing that would "
        "tell them apart."
    ),
    "HC007": (
        "A first model does worse on later rows than on rows drawn at random, or the label's frequency moves. A "
        "split at random promises what will not be kept."
    ),
    "HC008": "Rows are not independent: a split at random shows the model each entity's other rows.",
    "HC009": (
        "Columns have exactly the mean and spread, or the ends, that a scaler leaves, or gaps filled with the "
        "mean of all rows: the test rows took part. A hint: some quantities are shares by nature."
    ),
    "HC010": (
        "One class repeats itself far more than the others, or classes have exactly equal sizes. Copies land on "
        "both sides of a split; and a model learns a base rate that the world does not have. Rebalance inside "
        "training: hc.trained(learner, on=[...])."
    ),
    "HC011": "The label differs where the value is missing. Keep a column that says that it is missing.",
    "HC012": (
        "A column begins or stops at a moment: a feed changed. Learn from one side of it, or leave the column out."
    ),
    "HC013": "A class has fewer than a hundred rows: its scores are guesses.",
    "HC014": "The newest rows lack labels far more often than older ones. Such rows are not negatives: wait for them.",
    "HC015": "The column is the same in every row.",
    "HC016": "Nearly every row has its own value. Use it as a key or an entity.",
    "HC017": (
        "The column gives away how or where a row was collected. A model learns the source instead of the subject."
    ),
    "HC018": (
        "Rows were chosen by convenience, judgement, chains of acquaintance or quotas. Figures describe the "
        "sample; no interval says how far they hold for the rest."
    ),
    "HC019": "Models that did not see these rows agree on another label. Have them looked at.",
    "HC020": "Rows of the test part stand in the training part too, word for word or nearly so.",
}
"""What each number means and what is to be done, as on its page of the reference."""


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
