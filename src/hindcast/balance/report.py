"""What balancing did, as figures with intervals, a table and sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from hindcast.errors import UnknownName
from hindcast.metrics.decisions import DECISION_METRICS, decision_difference, decision_interval
from hindcast.metrics.intervals import Estimate, difference, interval, student_quantile
from hindcast.metrics.scores import confusion, measure
from hindcast.values import Ints

__all__ = ["BalanceReport", "MethodScores"]

UNTOUCHED = "untouched"
_COLUMNS = {
    "auc": "AUC",
    "average_precision": "average precision",
    "log_loss": "log loss",
    "log_loss_corrected": "corrected",
    "ece": "ECE",
    "ece_corrected": "corrected",
    "precision_at_half": "precision at 0.5",
    "recall_at_half": "recall at 0.5",
    "f1_at_half": "F1 at 0.5",
    "f1_moved": "F1, threshold moved",
}


def value_of(metric: str, label: Ints, answer: Any, decided: bool) -> float:
    """One figure; `answer` holds decisions where `decided`, else probabilities."""
    if not decided:
        return measure(metric, label, answer)
    c = confusion(label, answer)
    counts = np.array([c.hits, c.false_alarms, c.misses, c.passed_by], dtype=np.float64)
    return float(DECISION_METRICS[metric](counts))


def over_splits(values: Sequence[float], ratio: float, level: float, n: int) -> Estimate:
    """The mean over random splits, its interval widened since their training rows overlap.

    The variance of the mean counts as ``(1/J + judged/learnt)`` that of one split.

    References
    ----------
    Nadeau and Bengio, "Inference for the Generalization Error", Machine Learning 52, 2003.
    """
    x = np.array(values)
    if not np.isfinite(x).all():
        return Estimate(float(np.mean(x)), n=n)
    reach = student_quantile(0.5 + level / 2.0, len(x) - 1) * float(x.std(ddof=1)) * math.sqrt(1.0 / len(x) + ratio)
    mean = float(x.mean())
    return Estimate(mean, mean - reach, mean + reach, n)


def over_blocks(own: Sequence[Any], base: Sequence[Any] | None, blocks: Ints, level: float) -> Estimate:
    """The mean over seeds on one later part: noise of its rows (whole blocks are drawn) and of the seeds together."""
    found = []
    for k, m in enumerate(own):
        if base is None and m.decided:
            found.append(decision_interval(m.metric, m.label, m.answer, blocks, level=level))
        elif base is None:
            found.append(interval(m.metric, m.label, m.answer, blocks, level=level))
        elif m.decided:
            found.append(decision_difference(m.metric, m.label, m.answer, base[k].answer, blocks, level=level))
        else:
            found.append(difference(m.metric, m.label, m.answer, base[k].answer, blocks, level=level))
    values = np.array([f.value for f in found])
    rows = float(np.mean([(f.high - f.low) / 2.0 for f in found]))
    seeds = student_quantile(0.5 + level / 2.0, len(found) - 1) * float(values.std(ddof=1)) / math.sqrt(len(found))
    mean, reach = float(values.mean()), math.hypot(rows, seeds)
    return Estimate(mean, mean - reach, mean + reach, len(own[0].label))


@dataclass(frozen=True, eq=False)
class MethodScores:
    """One method of balancing.

    Parameters
    ----------
    name : str
    scores : mapping of str to Estimate
        ``auc``, ``average_precision``, ``log_loss``, ``ece`` (both also ``_corrected`` for the prior), and
        ``precision``, ``recall``, ``f1``, each ``_at_half`` and ``_moved``.
    gain : mapping of str to Estimate
        The same, less those of the untouched data on the same rows.
    rows : int
        Learnt from, after it (of the last seed).
    share : float
        The weighted share of positives among them.
    """

    name: str
    scores: Mapping[str, Estimate]
    gain: Mapping[str, Estimate]
    rows: int
    share: float


@dataclass(frozen=True, eq=False)
class BalanceReport:
    """Every method beside the data as they are; see :func:`hindcast.balance.compare_balancing`.

    Parameters
    ----------
    methods : tuple of MethodScores
        The untouched first.
    positive : label
        The class that counts as 1.
    n : int
    base_rate : float
    seeds : int
    by_time : bool
        Judged on the latest rows, else on random parts.
    level : float
        Of the intervals.
    notes : tuple of str
        Why to be careful.
    """

    methods: tuple[MethodScores, ...]
    positive: Any
    n: int
    base_rate: float
    seeds: int
    by_time: bool
    level: float
    notes: tuple[str, ...]

    def __getitem__(self, name: str) -> MethodScores:
        for method in self.methods:
            if method.name == name:
                return method
        raise UnknownName("method", name, [method.name for method in self.methods], where="a balance report")

    def table(self, *, gains: bool = False) -> str:
        """A Markdown table of means; with `gains` of differences to the untouched data, with their intervals."""
        lines = [
            f"| method | rows | {' | '.join(_COLUMNS.values())} |",
            f"| --- | --- | {' | '.join('---' for _ in _COLUMNS)} |",
        ]
        for method in self.methods[1:] if gains else self.methods:
            figures = [method.gain[c] if gains else method.scores[c] for c in _COLUMNS]
            shown = [f"{f.value:+.3f} [{f.low:+.3f}, {f.high:+.3f}]" if gains else f"{f.value:.3f}" for f in figures]
            lines.append(f"| {method.name} | {method.rows:,} | {' | '.join(shown)} |")
        return "\n".join(lines)

    def findings(self) -> list[str]:
        """A sentence per method: what it did to ranking, probabilities and decisions, beyond the noise or not."""
        return [
            f"{method.name}: {_moved('ranks', method.gain['average_precision'], 'better', 'worse')}; "
            f"{_moved('probabilities', method.gain['log_loss'], 'worse', 'better')}, corrected "
            f"{_moved('', method.gain['log_loss_corrected'], 'worse', 'better')}; "
            f"{_moved('precision at 0.5', method.gain['precision_at_half'], 'higher', 'lower')}, "
            f"{_moved('recall', method.gain['recall_at_half'], 'higher', 'lower')}; with thresholds moved "
            f"{_moved('F1', method.gain['f1_moved'], 'higher', 'lower')}."
            for method in self.methods[1:]
        ]

    @property
    def advice(self) -> str:
        """What to do: leave the data alone unless something ranks better beyond the noise.

        The more methods are tried, the likelier one looks better by luck: here intervals are as wide as their number
        asks for (Bonferroni).
        """
        tail = (1.0 - self.level) / 2.0
        tried = max(1, len(self.methods) - 1)
        wider = NormalDist().inv_cdf(1.0 - tail / tried) / NormalDist().inv_cdf(1.0 - tail)
        gains = [(m, m.gain["average_precision"]) for m in self.methods[1:]]
        better = [(m, g) for m, g in gains if g.value - wider * (g.value - g.low) > 0]
        if not better:
            return (
                "Leave the rows as they are and move the threshold: no method finds the positives better than that, "
                "beyond the noise."
            )
        best, gain = max(better, key=lambda pair: pair[1].value)
        return (
            f"{best.name} ranks better than the rows as they are (average precision higher by {gain}); put its "
            "probabilities right for the prior, and choose the threshold on rows it has not seen."
        )

    def to_text(self) -> str:
        """Table, findings, advice and notes."""
        how = "judged on the latest rows" if self.by_time else "judged on random parts"
        head = f"{self.n:,} rows, {self.base_rate:.2%} are {self.positive!r}; {self.seeds} seeds, {how}."
        return "\n".join(
            [head, "", self.table(), "", *self.findings(), "", self.advice, *(f"Note: {note}." for note in self.notes)]
        )


def _moved(what: str, gain: Estimate, up: str, down: str) -> str:
    if not (math.isfinite(gain.low) and math.isfinite(gain.high)):
        word = "unknown"
    else:
        word = up if gain.low > 0 else down if gain.high < 0 else "no different"
    return f"{what} {word}".strip()
