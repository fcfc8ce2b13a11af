"""Is the label model better than the vote here? Often it is not, and one can tell."""

from __future__ import annotations

from typing import Any

import numpy as np

from hindcast.values import Floats, Ints
from hindcast.verdicts import Verdict
from hindcast.weak.learning import Learnt

__all__ = ["advise"]

CHECK = "label model better than vote"
_GAIN = 0.002
"""Fewer rows than this share decided otherwise make no difference."""
_Z = 1.96


def advise(learnt: Learnt, proba: Floats, counts: Floats, known: Ints) -> Verdict:
    """Pass: use the label model. Fail: the vote is better here, or as good and simpler. Unknown: nothing was voted on.

    With true labels of some rows (`known`, -1 elsewhere, or empty): the difference in accuracy on them, row by row,
    with its 95% interval. Where that includes 0, and without true labels, by evidence from the votes: how much of what
    functions have in common the model explains, how many votes a row has, and how many more rows the model expects to
    decide rightly than the vote does.

    Parameters
    ----------
    learnt : Learnt
        What the model learnt.
    proba, counts : float64 arrays, shape (n, K)
        The probabilities that it gives to each row, and the votes cast for each class.
    """
    seen = counts.sum(axis=1) > 0
    if not seen.any():
        return Verdict.unknown(CHECK, "nobody voted on these rows")
    measured: dict[str, Any] = {}
    if len(known) and ((known >= 0) & seen).any():
        rows = np.flatnonzero((known >= 0) & seen)
        gap = _credit(proba[rows], known[rows]) - _credit(counts[rows], known[rows])
        gain = float(gap.mean())
        reach = _Z * float(np.sqrt(((gap - gain) ** 2).mean() + 1 / len(gap)) / np.sqrt(len(gap)))
        measured = {"gain": gain, "low": gain - reach, "high": gain + reach, "labels": len(rows)}
        said = f"{gain:+.1%} accuracy on {len(rows)} true labels, from {gain - reach:+.1%} to {gain + reach:+.1%}"
        if gain - reach > 0:
            return Verdict.passed(CHECK, f"{said}: use the label model", **measured)
        if gain + reach < 0:
            return Verdict.failed(CHECK, f"{said}: the vote is better here", **measured)
    density = float(counts[seen].sum(axis=1).mean())
    expected = float((_best(proba) - _expected(counts, proba))[seen].mean())
    evidence = {"expected_gain": expected, "votes_a_row": density, "unexplained": learnt.unexplained, **measured}
    if learnt.held:
        text = f"{learnt.held}: accuracies cannot be learnt from these votes, use the vote"
        return Verdict.failed(CHECK, text, **evidence)
    if expected < _GAIN:
        text = f"at {density:.1f} votes a row the model expects to be right on {expected:.2%} more rows: use the vote"
        return Verdict.failed(CHECK, text, **evidence)
    text = f"the model explains what functions have in common, and expects to be right on {expected:.1%} more rows"
    doubt = f"; but {learnt.doubt}" if learnt.doubt else ""
    return Verdict("pass", CHECK, f"{text}: use the label model{doubt}", evidence)


def _top(scores: Floats) -> Floats:
    """Each row shared among its highest, (n, K)."""
    among = (scores >= scores.max(axis=1, keepdims=True) - 1e-9).astype(np.float64)
    shared: Floats = among / among.sum(axis=1, keepdims=True)
    return shared


def _credit(scores: Floats, truth: Ints) -> Floats:
    """1 where the highest score is at the truth, a share of it in a tie."""
    return _top(scores)[np.arange(len(truth)), truth]


def _best(proba: Floats) -> Floats:
    return np.asarray(proba.max(axis=1))


def _expected(counts: Floats, proba: Floats) -> Floats:
    """How likely the vote is right, as the model sees it."""
    return np.asarray((_top(counts) * proba).sum(axis=1))
