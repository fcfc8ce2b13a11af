"""The report on annotators: how often each is right, which way they lean, how fast they are, whether they change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hindcast.crowd.adjusted import holm
from hindcast.crowd.answers import Answers, Truth
from hindcast.crowd.copying import CopyingPair, copying_pairs
from hindcast.crowd.posterior import known_codes
from hindcast.crowd.truth import infer_truth
from hindcast.errors import ConfigError
from hindcast.parameters import level_of, whole
from hindcast.values import Floats, Ints

__all__ = ["AnnotatorReport", "annotator_report", "held_out"]

_CELLS = 50_000_000
_FEW = 10
_ROUNDS = 100


@dataclass(frozen=True, eq=False)
class AnnotatorReport:
    """Figures of every annotator, in the order of `annotators`; NaN where something cannot be known.

    Parameters
    ----------
    annotators, classes : tuple
    answers : int64 array, shape (annotators,)
    accuracy, accuracy_low, accuracy_high : float64 arrays, shape (annotators,)
        The share of answers that are right, by the truth the others' answers give (an annotator's own answer is taken
        out first), with Wilson's interval on as many answers as what the others leave open allows.
    peers : float64 array, shape (annotators,)
        How often another annotator of the same item says the same.
    bias : float64 array, shape (annotators, classes)
        How much more often they name a class than it is true of their items, as a share of their answers.
    bias_error : float64 array, shape (annotators, classes)
        Its standard error.
    confusion : float64 array, shape (annotators, classes, classes), or None
        Share of each answer where each class is true; rows without evidence are NaN. None beyond 5e7 cells.
    spammer_score : float64 array, shape (annotators,)
        0 for whoever answers the same whatever is true, 1 for the perfect (Raykar and Yu 2012).
    seconds, pace : float64 arrays, shape (annotators,)
        Median seconds per answer, and that over the median of all answers.
    by_period : float64 array, shape (annotators, periods)
        Accuracy in each stretch of their answers, by time, equal numbers each.
    drift_p : float64 array, shape (annotators,)
        That accuracy against that of the peers did not move with time; adjusted for the number of annotators (Holm).
    copying : tuple of CopyingPair
        Pairs who say the same more often than their skills explain.
    flags : tuple of tuple of str
        What stands out, for each annotator.
    notes : tuple of str
    """

    annotators: tuple[Any, ...]
    classes: tuple[Any, ...]
    answers: Ints
    accuracy: Floats
    accuracy_low: Floats
    accuracy_high: Floats
    peers: Floats
    bias: Floats
    bias_error: Floats
    confusion: Floats | None
    spammer_score: Floats
    seconds: Floats
    pace: Floats
    by_period: Floats
    drift_p: Floats
    copying: tuple[CopyingPair, ...]
    flags: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = field(default=())

    def rows(self) -> list[dict[str, Any]]:
        """One mapping of plain values for each annotator."""
        return [
            {
                "annotator": name,
                "answers": int(self.answers[at]),
                "accuracy": float(self.accuracy[at]),
                "accuracy_low": float(self.accuracy_low[at]),
                "accuracy_high": float(self.accuracy_high[at]),
                "peers": float(self.peers[at]),
                "spammer_score": float(self.spammer_score[at]),
                "bias": {str(c): float(b) for c, b in zip(self.classes, self.bias[at], strict=True)},
                "seconds": float(self.seconds[at]),
                "pace": float(self.pace[at]),
                "by_period": self.by_period[at].tolist(),
                "drift_p": float(self.drift_p[at]),
                "flags": list(self.flags[at]),
            }
            for at, name in enumerate(self.annotators)
        ]

    def to_text(self, limit: int = 30) -> str:
        """A table, those with flags and the least accurate first; at most `limit` annotators."""
        order = sorted(
            range(len(self.annotators)),
            key=lambda a: (not self.flags[a], np.nan_to_num(self.accuracy[a], nan=2.0), a),
        )
        head = ("annotator", "answers", "right", "interval", "peers", "spammer", "leans to", "seconds", "drift p", "")
        lines = [head, *(self._line(a) for a in order[:limit])]
        widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
        text = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        ]
        if len(order) > limit:
            text.append(f"... and {len(order) - limit} more")
        text += [str(pair) for pair in self.copying[:limit]]
        return "\n".join([*text, *(f"note: {note}" for note in self.notes)])

    def _line(self, a: int) -> tuple[str, ...]:
        lean = ""
        if self.bias.shape[1] and not np.isnan(self.bias[a]).all():
            most = int(np.nanargmax(self.bias[a]))
            lean = f"{self.classes[most]} {self.bias[a, most]:+.0%}"
        return (
            str(self.annotators[a]),
            f"{int(self.answers[a]):,}",
            _shown(self.accuracy[a], "{:.1%}"),
            _shown(self.accuracy_low[a], "{:.0%}") + "-" + _shown(self.accuracy_high[a], "{:.0%}"),
            _shown(self.peers[a], "{:.1%}"),
            _shown(self.spammer_score[a], "{:.2f}"),
            lean,
            _shown(self.seconds[a], "{:.1f}"),
            _shown(self.drift_p[a], "{:.2g}"),
            ", ".join(self.flags[a]),
        )


def _shown(value: float, form: str) -> str:
    return "?" if np.isnan(value) else form.format(value)


def annotator_report(
    answers: Answers,
    truth: Truth | Mapping[Any, Any] | None = None,
    *,
    periods: int = 4,
    level: float = 0.95,
    progress: Any = None,
) -> AnnotatorReport:
    """How good each annotator is, and what stands out.

    Parameters
    ----------
    answers : Answers
        With ``at`` for drift over time and ``seconds`` for speed, where they are known.
    truth : Truth or mapping from item to class, optional
        By default inferred by Dawid-Skene. A mapping is taken as certain and only its items count. From a `Truth` an
        annotator's own answer is taken out before they are judged by it.
    periods : int, default 4
        Stretches of time for accuracy over time.
    level : float, default 0.95
        Of the intervals of accuracy.

    Notes
    -----
    O(answers x classes), and for copying O(pairs of answers to one item). Where all share a misunderstanding, all
    look right: put known items among the tasks.

    References
    ----------
    Raykar and Yu, "Eliminating Spammers and Ranking Annotators for Crowdsourced Labeling Tasks", JMLR 13, 2012.

    Examples
    --------
    >>> votes = [[0, 0, 1], [1, 1, 1], [0, 0, 1], [1, 1, 1], [0, 0, 1], [1, 1, 1]] * 5
    >>> report = annotator_report(Answers.of_matrix(votes, classes=["no", "yes"], annotators=["a", "b", "c"]))
    >>> report.spammer_score.round(1).tolist(), report.flags[2][0]
    ([0.8, 0.8, 0.0], 'answers regardless of the item')
    """
    if not isinstance(answers, Answers):
        raise ConfigError(f"annotator_report takes Answers, got {type(answers).__name__}.")
    if truth is not None and not isinstance(truth, Truth | Mapping):
        raise ConfigError(f"truth is a Truth, or from item to class, got {type(truth).__name__}.")
    periods, level = whole("periods", periods, least=2, most=10_000), level_of("level", level)
    answers = answers.last()
    m, k = len(answers.annotators), len(answers.classes)
    if truth is None:
        truth = infer_truth(answers, progress=progress)
    belief = held_out(answers, truth)
    judged = ~np.isnan(belief[:, 0]) if k else np.zeros(0, dtype=np.bool_)
    mine = answers.take(judged)
    belief = belief[judged]
    total = np.bincount(mine.annotator, minlength=m).astype(np.float64)
    right = belief[np.arange(len(mine)), mine.label] if len(mine) else np.zeros(0)
    accuracy, told = _accuracy(mine.annotator, belief, mine.label, m)
    low, high = _wilson(accuracy, told, level)

    lean = -belief
    if len(mine):
        lean[np.arange(len(mine)), mine.label] += 1.0
    bias = np.stack([_mean(mine.annotator, lean[:, c], m) for c in range(k)], axis=1) if k else np.zeros((m, 0))
    square = np.stack([_mean(mine.annotator, np.square(lean[:, c]), m) for c in range(k)], axis=1) if k else bias
    bias_error = np.sqrt(np.maximum(square - np.square(bias), 0.0) / np.maximum(total[:, None], 1.0))

    confusion, notes = None, []
    score = np.full(m, np.nan)
    if m * k * k <= _CELLS:
        counts = np.zeros((m, k, k))
        for j in range(k):
            named = np.bincount(mine.annotator * k + mine.label, weights=belief[:, j], minlength=m * k)
            counts[:, j] = named.reshape(m, k)
        rows = counts.sum(axis=2, keepdims=True)
        confusion = np.full(counts.shape, np.nan)
        np.divide(counts, rows, out=confusion, where=rows > 1e-9)
        score = _spammer_score(counts)
    else:
        notes.append(f"{m:,} annotators with {k:,} classes: confusions and spammer scores were left out.")

    seconds, pace = _speed(answers, m)
    by_period, drift_p = _drift(mine, right, m, periods)
    copying, more = copying_pairs(answers, truth if isinstance(truth, Truth) else None)
    notes += more
    if answers.at is None:
        notes.append("no times: drift is not known.")
    if alone := int((total == 0).sum()):
        notes.append(f"{alone} annotators share no item with another: nothing says whether they are right.")
    count = np.bincount(answers.annotator, minlength=m)
    if few := int(((count < _FEW) & (total > 0)).sum()):
        notes.append(f"{few} annotators gave fewer than {_FEW} answers: their figures are mostly chance.")
    flags = tuple(
        _flags(a, answers.classes, total, high, score, bias, bias_error, pace, drift_p, by_period, k) for a in range(m)
    )
    return AnnotatorReport(
        answers.annotators,
        answers.classes,
        count.astype(np.int64),
        accuracy,
        low,
        high,
        _peers(answers, m, k),
        bias,
        bias_error,
        confusion,
        score,
        seconds,
        pace,
        by_period,
        drift_p,
        copying,
        flags,
        tuple(notes),
    )


def held_out(answers: Answers, truth: Truth | Mapping[Any, Any]) -> Floats:
    """What is believed of each answer's item without that answer, shape (n, classes); NaN where nothing is.

    With confusions the answer's evidence is divided out; else it is the votes of the others.
    """
    n, k = len(answers), len(answers.classes)
    result = np.full((n, k), np.nan)
    if isinstance(truth, Mapping):
        codes = known_codes(answers, truth)[answers.item]
        there = codes >= 0
        result[there] = 0.0
        result[np.flatnonzero(there), codes[there]] = 1.0
        return result
    if truth.items != answers.items or truth.classes != answers.classes:
        raise ConfigError("the truth is of other items or classes than the answers; infer it from the same answers.")
    votes = answers.votes()
    others = votes[answers.item]
    others[np.arange(n), answers.label] -= 1.0
    heard = others.sum(axis=1)
    known = (truth.probability.max(axis=1, initial=0.0) >= 1.0)[answers.item]
    if truth.confusion is not None and truth.annotators == answers.annotators:
        own = truth.confusion[answers.annotator, :, answers.label]
        result = truth.probability[answers.item] / np.maximum(own, 1e-12)
        result /= result.sum(axis=1, keepdims=True)
        result[(heard == 0) & ~known] = np.nan
    else:
        result[heard > 0] = others[heard > 0] / heard[heard > 0, None]
        result[known] = truth.probability[answers.item[known]]
    return result


def _mean(codes: Ints, values: Floats, m: int) -> Floats:
    result = np.full(m, np.nan)
    n = np.bincount(codes, minlength=m)
    np.divide(np.bincount(codes, weights=values, minlength=m), n, out=result, where=n > 0)
    return result


def _accuracy(annotator: Ints, belief: Floats, label: Ints, m: int) -> tuple[Floats, Floats]:
    """How often each annotator is right, and how many answers to items of certain truth would tell it as well.

    `belief` is what the others say of each answer's item, shape (n, classes). Where they are unsure the mean belief in
    an annotator's answers draws everybody to the middle; this is the rate that makes these answers likeliest.
    """
    n, k = belief.shape
    right = belief[np.arange(n), label] if n else np.zeros(0)
    other = (1.0 - right) / max(k - 1, 1)
    rate = _mean(annotator, right, m)
    for _ in range(_ROUNDS):
        before, own = rate, rate[annotator]
        part = own * right
        rate = _mean(annotator, part / np.maximum(part + (1.0 - own) * other, 1e-300), m)
        if np.nan_to_num(np.abs(rate - before)).max(initial=0.0) < 1e-6:
            break
    total = np.bincount(annotator, minlength=m).astype(np.float64)
    near = ((rate * total + 1.0) / (total + 2.0))[annotator]
    top = belief.max(axis=1, initial=0.0)
    rest = (1.0 - top) / max(k - 1, 1)
    named = near * top + (1.0 - near) * rest
    worth = np.square(top - rest) * near * (1.0 - near) / np.maximum(named * (1.0 - named), 1e-12)
    return rate, np.bincount(annotator, weights=np.minimum(worth, 1.0), minlength=m).astype(np.float64)


def _wilson(rate: Floats, n: Floats, level: float) -> tuple[Floats, Floats]:
    from statistics import NormalDist

    z = NormalDist().inv_cdf(0.5 + level / 2.0)
    n = np.where(n > 0, n, np.nan)
    middle = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(np.maximum(rate * (1 - rate), 0) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)


def _spammer_score(counts: Floats) -> Floats:
    """Mean squared distance of the rows of each confusion, every row smoothed by one answer of the annotator's own."""
    m, k, _ = counts.shape
    if k < 2:
        return np.full(m, np.nan)
    own = counts.sum(axis=1, keepdims=True)
    own = own / np.maximum(own.sum(axis=2, keepdims=True), 1e-12)
    rows = (counts + own) / np.maximum(counts.sum(axis=2, keepdims=True) + 1.0, 1e-12)
    centred = rows - rows.mean(axis=1, keepdims=True)
    score = np.square(centred).sum(axis=(1, 2)) / (k - 1)  # the sum over pairs of rows, of k (k - 1) / 2 pairs
    return np.where(counts.sum(axis=(1, 2)) > 0, score, np.nan)


def _peers(answers: Answers, m: int, k: int) -> Floats:
    votes = answers.votes()
    same = votes[answers.item, answers.label] - 1.0 if k else np.zeros(0)
    others = votes.sum(axis=1)[answers.item] - 1.0 if k else np.zeros(0)
    result = np.full(m, np.nan)
    total = np.bincount(answers.annotator, weights=others, minlength=m)
    agreed = np.bincount(answers.annotator, weights=same, minlength=m)
    np.divide(agreed, total, out=result, where=total > 0)
    return result


def _speed(answers: Answers, m: int) -> tuple[Floats, Floats]:
    seconds = np.full(m, np.nan)
    if answers.seconds is None or np.isnan(answers.seconds).all():
        return seconds, seconds.copy()
    timed = answers.take(~np.isnan(answers.seconds))
    assert timed.seconds is not None
    order = np.lexsort((timed.seconds, timed.annotator))
    ends = np.searchsorted(timed.annotator[order], np.arange(m + 1))
    sorted_seconds = timed.seconds[order]
    for a in range(m):
        if ends[a + 1] > ends[a]:
            seconds[a] = np.median(sorted_seconds[ends[a] : ends[a + 1]])
    middle = float(np.median(timed.seconds))
    return seconds, seconds / middle if middle > 0 else np.full(m, np.nan)


def _drift(mine: Answers, right: Floats, m: int, periods: int) -> tuple[Floats, Floats]:
    """Accuracy by stretch, and p-values (Holm) of the rank correlation of being right with time, beyond the peers'."""
    from scipy.special import ndtr

    by_period, p = np.full((m, periods), np.nan), np.full(m, np.nan)
    if mine.at is None or not len(mine):
        return by_period, p
    n_items = len(mine.items)
    item_right = np.bincount(mine.item, weights=right, minlength=n_items)[mine.item] - right
    others = np.bincount(mine.item, minlength=n_items)[mine.item] - 1.0
    share: Floats = np.full(len(mine), right.mean())
    np.divide(item_right, others, out=share, where=others > 0)
    beyond: Floats = np.asarray(right - share)
    order = np.lexsort((np.arange(len(mine)), mine.at, mine.annotator))
    ends = np.searchsorted(mine.annotator[order], np.arange(m + 1))
    for a in range(m):
        rows = order[ends[a] : ends[a + 1]]
        if len(rows) < max(2 * periods, _FEW):
            continue
        by_period[a] = [right[part].mean() for part in np.array_split(rows, periods)]
        x = np.arange(len(rows)) - (len(rows) - 1) / 2.0
        y = beyond[rows] - beyond[rows].mean()
        spread = float(np.square(x).sum() * np.square(y).sum())
        if spread > 1e-12:
            z = float(x @ y) / np.sqrt(spread) * np.sqrt(len(rows) - 1.0)
            p[a] = 2.0 * float(ndtr(-abs(z)))
    return by_period, holm(p)


def _flags(
    a: int,
    classes: tuple[Any, ...],
    total: Floats,
    high: Floats,
    score: Floats,
    bias: Floats,
    bias_error: Floats,
    pace: Floats,
    drift_p: Floats,
    by_period: Floats,
    k: int,
) -> tuple[str, ...]:
    """What stands out, said only where there are answers enough to say it."""
    if total[a] < _FEW:
        return ()
    flags = []
    if score[a] < 0.05 and total[a] >= 2 * _FEW:
        flags.append("answers regardless of the item")
    if k > 1 and high[a] < 1.0 / k:
        flags.append("worse than chance")
    if k > 1 and bias.shape[1]:
        most = int(np.argmax(bias[a]))
        if bias[a, most] > 0.1 and bias[a, most] > 4.0 * bias_error[a, most]:
            flags.append(f"leans to {classes[most]}")
    if pace[a] < 1 / 3:
        flags.append("three times faster than usual")
    if drift_p[a] < 0.01:
        flags.append("got worse" if by_period[a, -1] < by_period[a, 0] else "got better")
    return tuple(flags)
