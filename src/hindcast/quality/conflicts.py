"""The same input with different labels: no model can be right about all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.crowd.names import codes_of
from hindcast.errors import DataError
from hindcast.findings import Finding
from hindcast.quality.duplicates import Duplicates
from hindcast.quality.given import instance
from hindcast.quality.suspects import Suspects
from hindcast.values import Floats, Ints

__all__ = ["Conflicts", "label_conflicts"]


@dataclass(frozen=True, eq=False)
class Conflicts:
    """Groups of (nearly) equal rows whose labels disagree.

    Parameters
    ----------
    classes : tuple
    group : int64 array, shape (g,)
        The numbers of these groups in the duplicates they come from.
    counts : float64 array, shape (g, K)
        Labels of each class in each of them.
    rows : int
        Labelled rows in these groups.
    ceiling : float
        The best accuracy any function of the input can have on the labelled rows: each group's most frequent label.
    suspects : Suspects
        Rows whose label is not the most frequent of their group; in a tie all rows of the tied classes.
    """

    classes: tuple[Any, ...]
    group: Ints
    counts: Floats
    rows: int
    ceiling: float
    suspects: Suspects

    def findings(self) -> list[Finding]:
        """HC006 where labels disagree."""
        if not len(self.group):
            return []
        return [
            Finding(
                "HC006",
                "label",
                "warn",
                f"{len(self.group):,} inputs carry different labels, on {self.rows:,} rows; no model can be right on "
                f"more than {self.ceiling:.2%} of the labels.",
                "Have the rows adjudicated; if both labels are right, the input lacks what tells them apart.",
                {"groups": len(self.group), "rows": self.rows, "ceiling": self.ceiling},
            )
        ]


def label_conflicts(duplicates: Duplicates, label: Any) -> Conflicts:
    """Groups of equal (or nearly equal) rows that carry different labels.

    Parameters
    ----------
    duplicates : Duplicates, of n rows
    label : sequence of n labels
        None and NaN are no label and disagree with nobody.

    Examples
    --------
    >>> from hindcast.quality import duplicate_texts
    >>> found = label_conflicts(duplicate_texts(["hi", "Hi", "hi", "you"]), ["ham", "ham", "spam", "ham"])
    >>> found.suspects.row.tolist(), found.ceiling
    ([2], 0.75)
    """
    instance("duplicates", duplicates, Duplicates)
    codes, classes = codes_of(label, column="label", missing=True)
    if len(codes) != len(duplicates.group):
        raise DataError(f"{len(duplicates.group)} rows came with {len(codes)} labels; give one per row.")
    k = len(classes)
    rows = np.flatnonzero(codes >= 0)
    # only groups with a label that differs from the group's first are counted: classes may be many
    first = np.full(duplicates.distinct, -1, dtype=np.int64)
    first[duplicates.group[rows[::-1]]] = codes[rows[::-1]]
    mixed = np.zeros(duplicates.distinct, dtype=np.bool_)
    mixed[duplicates.group[rows[codes[rows] != first[duplicates.group[rows]]]]] = True
    group = np.flatnonzero(mixed)
    place = np.full(duplicates.distinct, -1, dtype=np.int64)
    place[group] = np.arange(len(group))
    inside = rows[place[duplicates.group[rows]] >= 0]
    at = place[duplicates.group[inside]]
    counts = np.bincount(at * k + codes[inside], minlength=len(group) * k).reshape(len(group), k).astype(np.float64)
    total, most = counts.sum(axis=1), counts.max(axis=1, initial=0.0)
    lost = float((total - most).sum())
    ceiling = 1.0 - lost / len(rows) if len(rows) else float("nan")
    own = counts[at, codes[inside]]
    tied = (counts == most[:, None]).sum(axis=1) > 1
    doubted = (own < most[at]) | tied[at]
    which = np.flatnonzero(doubted)
    reasons = [
        f"labelled {classes[codes[inside[w]]]}, as {int(own[w])} of {int(total[at[w]])} rows with this input; "
        f"most are {classes[int(np.argmax(counts[at[w]]))]}"
        if own[w] < most[at[w]]
        else f"labelled {classes[codes[inside[w]]]}, as {int(own[w])} of {int(total[at[w]])} rows with this input"
        for w in which.tolist()
    ]
    suspects = Suspects.ranked(inside[which], reasons, 1.0 - own[which] / total[at[which]])
    return Conflicts(classes, group, counts, len(inside), ceiling, suspects)
