"""How far annotators agree: in percent, and beyond chance by Fleiss' kappa, with intervals over items."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hindcast.crowd.answers import Answers
from hindcast.crowd.tally import (
    checked,
    class_shares,
    counted,
    groups,
    paradox,
    percentiles,
    ratio,
    size_notes,
    squares,
    summed,
    summed_counts,
)
from hindcast.metrics import block_draws
from hindcast.values import Floats

__all__ = ["DRAWS", "Agreement", "fleiss_kappa", "percent_agreement"]

DRAWS = 500
_NAN = float("nan")


@dataclass(frozen=True)
class Agreement:
    """One measure of agreement with its interval.

    Parameters
    ----------
    measure : str
    value : float
        1 is perfect; 0 is what chance gives (except for percent agreement); NaN where it is not defined.
    low, high : float
        Its interval; NaN with fewer than two items, or where none was asked for (``draws=0``).
    observed : float
        The agreement seen, as a share (for distances: 1 less the observed disagreement over the expected).
    expected : float
        The agreement chance would give, with the annotators' own shares of classes.
    items, answers : int
        Those it was measured on: items with two answers or more, and their answers.
    notes : tuple of str
        What to know before trusting it.
    """

    measure: str
    value: float
    low: float
    high: float
    observed: float
    expected: float
    items: int
    answers: int
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = f"{self.measure} {self.value:.3f} [{self.low:.3f}, {self.high:.3f}] on {self.items:,} items"
        return "\n".join([text, *(f"  note: {note}" for note in self.notes)])


def percent_agreement(answers: Answers, *, level: float = 0.95, draws: int = DRAWS, seed: int = 0) -> Agreement:
    """How often two answers to one item are the same; every answer counts alike.

    Not corrected for chance: two annotators who say "no" to everything agree always.

    Examples
    --------
    >>> percent_agreement(Answers.of_matrix([[0, 0], [1, 1], [0, 1], [1, 1]])).value
    0.75
    """
    how = checked("percent_agreement", answers, level, draws, seed)
    counts, m = counted(answers)
    same = (squares(counts) - m) / np.maximum(m - 1.0, 1.0)
    parts = np.stack([same, m], axis=1)
    shares = class_shares(counts)
    return _judged(
        "percent agreement",
        parts,
        lambda sums: ratio(sums[:, 0], sums[:, 1]),
        how,
        answers=int(m.sum()),
        expected=float(np.square(shares).sum()) if m.size else _NAN,
    )


def fleiss_kappa(answers: Answers, *, level: float = 0.95, draws: int = DRAWS, seed: int = 0) -> Agreement:
    """Fleiss' kappa: agreement of any number of annotators, not always the same ones, beyond chance; nominal.

    Items with fewer than two answers are left out; where numbers of answers differ, each item counts once with its
    own share of agreeing pairs.

    References
    ----------
    Fleiss, "Measuring Nominal Scale Agreement among Many Raters", Psychological Bulletin 76(5), 1971.

    Examples
    --------
    >>> round(fleiss_kappa(Answers.of_matrix([[0, 0], [1, 1], [0, 1], [1, 1]])).value, 3)
    0.467
    """
    how = checked("fleiss_kappa", answers, level, draws, seed)
    counts, m = counted(answers)
    same = (squares(counts) - m) / np.maximum(m * (m - 1.0), 1.0)
    k = counts.shape[1]

    def read(sums: Floats) -> Floats:
        named = sums[:, 2:]
        chance = np.square(ratio(named, named.sum(axis=1, keepdims=True))).sum(axis=1)
        return _beyond(ratio(sums[:, 0], sums[:, 1]), chance)

    shares = class_shares(counts)
    observed = float(same.mean()) if m.size else _NAN
    expected = float(np.square(shares).sum()) if m.size else _NAN
    notes = [] if not m.size else paradox(observed, expected, shares, answers.classes)
    if m.size and m.min() != m.max():
        notes.append(f"items have {int(m.min())} to {int(m.max())} answers; Krippendorff's alpha is made for that.")
    group = groups(len(m), k + 2, how[2])
    parts = np.concatenate(
        [summed(np.stack([same, np.ones(len(m))], axis=1), group), summed_counts(counts, group)], axis=1
    )
    return _judged(
        "Fleiss' kappa",
        parts,
        read,
        how,
        answers=int(m.sum()),
        items=len(m),
        observed=observed,
        expected=expected,
        notes=notes,
    )


def _judged(
    measure: str,
    parts: Floats,
    read: Callable[[Floats], Floats],
    how: tuple[float, int, int],
    *,
    answers: int,
    expected: float,
    items: int | None = None,
    observed: float | None = None,
    notes: list[str] | None = None,
) -> Agreement:
    level, draws, seed = how
    notes = [] if notes is None else notes
    n = len(parts) if items is None else items
    if not n:
        notes.append("no item has two answers: agreement cannot be measured.")
        return Agreement(measure, _NAN, _NAN, _NAN, _NAN, _NAN, 0, 0, tuple(notes))
    value = float(read(parts.sum(axis=0, keepdims=True))[0])
    low = high = _NAN
    if math.isnan(value):
        notes.append("only one class was named: chance agrees as well, so it is not defined.")
    elif n > 1 and draws:
        sums = summed(parts, groups(n, parts.shape[1], seed)) if len(parts) == n else parts
        low, high = percentiles(read(block_draws(len(sums), draws, seed) @ sums), level, notes)
    seen = value if observed is None else observed
    notes += size_notes(n, value)
    return Agreement(measure, value, low, high, seen, expected, n, answers, tuple(notes))


def _beyond(observed: Floats, chance: Floats) -> Floats:
    return ratio(observed - chance, 1.0 - chance)
