"""What labelling functions cover, where they contradict each other, how often they are right, which say it twice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.columns import Frame
from hindcast.crowd.names import codes_of, is_missing
from hindcast.errors import DataError
from hindcast.metrics import Estimate, wilson
from hindcast.parameters import level_of, share
from hindcast.values import Floats, Ints
from hindcast.weak.votes import Votes

__all__ = ["Analysis", "FunctionReport", "Pair", "analyse", "truth_codes"]

_COPY = 0.8
"""From this excess on a pair is called a copy."""

_FEW = 5
"""Rows on which two functions must vote alike before their likeness is judged."""


@dataclass(frozen=True)
class FunctionReport:
    """One function among the others.

    Attributes
    ----------
    name : str
    polarity : tuple
        The classes it votes for.
    votes : int
    coverage, overlap, conflict : float
        Shares of all rows: where it votes; where another votes too; where another votes for another class.
    correct, incorrect : int
        Its votes on rows whose truth is known.
    accuracy : Estimate
        The share of these that is right, with Wilson's interval; NaN where nothing is known.
    by_class : mapping of class to Estimate
        The same for its votes for each class.
    chance : float
        The accuracy that as many votes for each class would have if they fell anywhere; NaN where nothing is known.
    """

    name: str
    polarity: tuple[Any, ...]
    votes: int
    coverage: float
    overlap: float
    conflict: float
    correct: int
    incorrect: int
    accuracy: Estimate
    by_class: dict[Any, Estimate]
    chance: float


@dataclass(frozen=True)
class Pair:
    """Two functions that agree more than their votes within each true class explain.

    Attributes
    ----------
    first, second : str
    agreement : float
        The share of rows (of known truth, if any is) on which both do the same; abstaining is doing something.
    expected : float
        The share if each did what it does within each true class, but not on the same rows; NaN without truth.
    excess : float
        How much of the way from `expected` to doing the same everywhere they are: 0 independent, 1 copies.
    p_value : float
        Of so much agreement among independent functions, one-sided, times the number of pairs (Bonferroni).
    exact : bool
        Whether they do the same on every row.
    """

    first: str
    second: str
    agreement: float
    expected: float
    excess: float
    p_value: float
    exact: bool

    def __str__(self) -> str:
        if self.exact:
            return f"{self.second!r} says exactly what {self.first!r} says: it is the same vote twice"
        what = "nearly copies" if self.excess >= _COPY else "agrees too often with"
        return (
            f"{self.second!r} {what} {self.first!r}: alike on {self.agreement:.1%} of the rows, {self.expected:.1%} "
            f"expected of independent functions (p = {self.p_value:.2g})"
        )


@dataclass(frozen=True, eq=False)
class Analysis:
    """What :func:`analyse` found.

    Attributes
    ----------
    rows : int
    classes : tuple
    functions : tuple of FunctionReport
    coverage, overlap, conflict : float
        Shares of rows with a vote, with two or more, and with votes for different classes.
    known : int
        Rows whose truth is known.
    pairs : tuple of Pair
        Functions that hang together, the strongest first.
    notes : tuple of str
        What deserves attention.
    """

    rows: int
    classes: tuple[Any, ...]
    functions: tuple[FunctionReport, ...]
    coverage: float
    overlap: float
    conflict: float
    known: int
    pairs: tuple[Pair, ...]
    notes: tuple[str, ...]

    def table(self) -> Frame:
        """A row per function: name, polarity, coverage, overlaps, conflicts and, where truth is known, accuracy."""
        columns: dict[str, Any] = {
            "function": [f.name for f in self.functions],
            "polarity": [", ".join(map(str, f.polarity)) for f in self.functions],
            "coverage": np.array([f.coverage for f in self.functions], dtype=np.float64),
            "overlaps": np.array([f.overlap for f in self.functions], dtype=np.float64),
            "conflicts": np.array([f.conflict for f in self.functions], dtype=np.float64),
        }
        if self.known:
            columns |= {
                "correct": np.array([f.correct for f in self.functions], dtype=np.int64),
                "incorrect": np.array([f.incorrect for f in self.functions], dtype=np.int64),
                "accuracy": np.array([f.accuracy.value for f in self.functions]),
                "low": np.array([f.accuracy.low for f in self.functions]),
                "high": np.array([f.accuracy.high for f in self.functions]),
            }
        return Frame.of(columns)

    def __str__(self) -> str:
        table = self.table()
        shown = [table.names] + [[_cell(row[name]) for name in table.names] for row in table.rows()]
        widths = [max(len(line[place]) for line in shown) for place in range(len(table.names))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in shown]
        lines.append(f"{self.rows} rows: {self.coverage:.1%} covered, {self.conflict:.1%} in conflict")
        return "\n".join(line.rstrip() for line in [*lines, *(f"- {note}" for note in self.notes)])


def analyse(votes: Any, truth: Sequence[Any] | None = None, *, level: float = 0.95, at: float = 0.01) -> Analysis:
    """Analyse votes, on their own or against the truth of some rows.

    Parameters
    ----------
    votes : Votes, or matrix of shape (n, m)
        Codes, -1 abstains.
    truth : sequence, shape (n,), optional
        The true class of each row; None or NaN (and -1, unless it is a class) where it is not known.
    level : float, default 0.95
        Of the intervals of accuracies.
    at : float, default 0.01
        The chance of naming any pair at all where all functions are independent given the truth.

    Returns
    -------
    Analysis
        No rows give NaN, never a reassuring 0.

    Notes
    -----
    O(n m^2) comparisons of bytes. Pairs: within each true class, given how often each function does what, the rows on
    which two do the same are counted, an abstention being one thing to do. If a permutation of the rows would do as
    well, the count has a known mean and variance (those of Mantel's test); its distance from the mean, summed over
    classes, is taken as normal, and no pair is named that votes alike on fewer than 5 rows. Without truth only exact
    copies can be told from functions that are both right.

    References
    ----------
    Mantel, "The detection of disease clustering and a generalized regression approach", Cancer Research 27, 1967.
    Ratner et al., "Snorkel: Rapid Training Data Creation with Weak Supervision", VLDB 2017.

    Examples
    --------
    >>> found = analyse([[0, 0, -1], [1, -1, -1], [1, 0, -1]], truth=[0, 1, 1])
    >>> [round(f.coverage, 2) for f in found.functions], found.functions[1].correct, round(found.conflict, 2)
    ([1.0, 0.67, 0.0], 1, 0.33)
    >>> found.notes
    ("'lf_2' never votes",)
    """
    held = votes if isinstance(votes, Votes) else Votes.of(votes)
    level, at = level_of("level", level), share("at", at, one=False)
    matrix = held.matrix
    n, k = len(matrix), len(held.classes)
    known = truth_codes(truth, held.classes, n) if truth is not None else np.full(n, -1, dtype=np.int64)
    votes_of_row = (matrix >= 0).sum(axis=1)
    high = matrix.max(axis=1, initial=-1)
    low = np.where(matrix >= 0, matrix, np.iinfo(matrix.dtype).max).min(axis=1, initial=np.iinfo(matrix.dtype).max)
    disputed = (votes_of_row > 1) & (high != low)
    prior = np.bincount(known[known >= 0], minlength=k) / max(int((known >= 0).sum()), 1)
    reports = tuple(
        _report(name, matrix[:, j], held.classes, known, votes_of_row > 1, disputed, prior, level)
        for j, name in enumerate(held.functions)
    )
    pairs = _pairs(held, known, at)
    notes = (*_notes(reports, bool((known >= 0).any()), k), *(str(pair) for pair in pairs))
    return Analysis(
        n, held.classes, reports, _share(votes_of_row > 0), _share(votes_of_row > 1), _share(disputed),
        int((known >= 0).sum()), pairs, notes,
    )  # fmt: skip


def truth_codes(truth: Any, classes: Sequence[Any], rows: int) -> Ints:
    """Codes of true classes, shape (rows,), -1 where one is not known.

    Raises
    ------
    DataError
        For another number of values, or one that is no class.
    """
    try:
        values = truth.tolist() if isinstance(truth, np.ndarray) else list(truth)
        given = len(values)
    except TypeError:
        raise DataError(f"the truth is a list of classes, one per row, got {truth!r}.") from None
    if given != rows:
        raise DataError(f"{rows} rows came with {given} true classes; give one per row, None where not known.")
    values = [None if is_missing(v) or (v == -1 and -1 not in classes) else v for v in values]
    return codes_of(values, column="truth", known=list(classes), missing=True)[0]


def _report(
    name: str,
    said: Any,
    classes: Sequence[Any],
    known: Ints,
    overlapped: Any,
    disputed: Any,
    prior: Floats,
    level: float,
) -> FunctionReport:
    votes = said >= 0
    judged = votes & (known >= 0)
    right = judged & (said == known)
    used = np.flatnonzero(np.bincount(said[votes], minlength=len(classes))).tolist()
    shares = np.bincount(said[judged], minlength=len(classes)) / max(int(judged.sum()), 1)
    by_class = {
        classes[c]: _rate(int((right & (said == c)).sum()), int((judged & (said == c)).sum()), level) for c in used
    }
    return FunctionReport(
        name, tuple(classes[c] for c in used), int(votes.sum()), _share(votes), _share(votes & overlapped),
        _share(votes & disputed), int(right.sum()), int((judged & ~right).sum()),
        _rate(int(right.sum()), int(judged.sum()), level), by_class,
        float(shares @ prior) if judged.any() else math.nan,
    )  # fmt: skip


def _notes(reports: Sequence[FunctionReport], judged: bool, classes: int) -> list[str]:
    notes = []
    for report in reports:
        if not report.votes:
            notes.append(f"{report.name!r} never votes")
        elif report.coverage == 1.0 and len(report.polarity) == 1 and classes > 1:
            notes.append(f"{report.name!r} votes {report.polarity[0]!r} on every row: it tells no two rows apart")
        if judged and report.accuracy.high < report.chance:
            notes.append(
                f"{report.name!r} is worse than chance: right in {report.accuracy.value:.1%} of "
                f"{report.accuracy.n} votes, where {report.chance:.1%} would be by chance; is it the wrong way round?"
            )
    if reports and classes > 1:
        voted = {label for report in reports for label in report.polarity}
        if len(voted) == 1:
            notes.append(f"all functions vote for {voted.pop()!r} only: nothing speaks for another class")
    return notes


def _pairs(votes: Votes, known: Ints, at: float) -> tuple[Pair, ...]:
    """Pairs of functions that agree beyond what truth explains."""
    matrix = np.ascontiguousarray(votes.matrix.T)
    m, n = matrix.shape
    if m < 2 or not n:
        return ()
    silent = -1
    used = np.asarray((matrix >= 0).any(axis=1))
    same_everywhere = np.asarray(_alike(matrix) == n)
    judged = known >= 0
    count = int(judged.sum())
    alike, both = np.zeros((m, m)), np.zeros((m, m))
    mean, variance = np.zeros((m, m)), np.zeros((m, m))
    for code in np.unique(known[judged]).tolist():
        part = np.ascontiguousarray(matrix[:, known == code])
        alike += _alike(part)
        both += _alike(np.where(part == silent, np.arange(-2, -2 - m, -1)[:, None], part.astype(np.int64)))
        expected, spread = _permuted(part, len(votes.classes))
        mean += expected
        variance += spread
    found = []
    pairs = m * (m - 1) // 2
    for i in range(m):
        for j in range(i + 1, m):
            exact = bool(used[i] and same_everywhere[i, j])
            p = math.nan
            if count and variance[i, j] > 0:
                z = (alike[i, j] - mean[i, j] - 1.0) / math.sqrt(variance[i, j])
                p = min(1.0, pairs * 0.5 * math.erfc(z / math.sqrt(2.0)))
            named = p < at and both[i, j] >= _FEW
            if exact or named:
                agreement = alike[i, j] / count if count else 1.0
                expected_share = mean[i, j] / count if count else math.nan
                excess = (agreement - expected_share) / (1 - expected_share) if expected_share < 1 else 1.0
                found.append(
                    Pair(votes.functions[i], votes.functions[j], float(agreement), float(expected_share),
                         1.0 if exact else float(excess), 0.0 if exact and math.isnan(p) else p, exact)
                )  # fmt: skip
    return tuple(sorted(found, key=lambda pair: (-pair.excess, pair.first, pair.second)))


def _alike(matrix: Any) -> Floats:
    """On how many columns each two rows of `matrix` are equal, shape (m, m); the lower half is left 0."""
    m = len(matrix)
    counts = np.zeros((m, m))
    for i in range(m - 1):
        counts[i, i + 1 :] = np.count_nonzero(matrix[i + 1 :] == matrix[i], axis=1)
    return counts


def _permuted(part: Any, classes: int) -> tuple[Floats, Floats]:
    """Mean and variance of the number of equal places of any two rows if one of them were permuted."""
    m, n = part.shape
    r = np.stack([np.bincount(row.astype(np.int64) + 1, minlength=classes + 1) for row in part]).astype(np.float64)
    product = r @ r.T
    if n < 2:
        return product / max(n, 1), np.zeros((m, m))
    square = (r @ (r * r).T + (r * r) @ r.T) / n
    return product / n, np.maximum((product - square + product * product / n**2) / (n - 1), 0.0)


def _rate(right: int, count: int, level: float) -> Estimate:
    low, high = wilson(right, count, level)
    return Estimate(right / count if count else math.nan, low, high, count)


def _share(mask: Any) -> float:
    return float(mask.mean()) if len(mask) else math.nan


def _cell(value: Any) -> str:
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
