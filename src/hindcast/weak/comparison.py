"""Vote, label model and end model side by side, and which of them to use.

The choice is made on validation rows and proven on held-out ones: on rows that helped to choose, the chosen one looks
better than it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hindcast.columns import Frame
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.metrics import Estimate, wilson
from hindcast.parameters import choice, level_of, seed_of, whole
from hindcast.values import Floats
from hindcast.verdicts import Verdict
from hindcast.weak.analysis import truth_codes

__all__ = ["METRICS", "Candidate", "Comparison", "Predictions", "compare"]

_NAN = math.nan
_DRAWS = 2_000
_FEW = 30
"""Validation rows below which a choice is called a guess."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """What the candidates believe of some rows whose truth is known, for some or all of them.

    Parameters
    ----------
    probability : mapping of candidate to array of shape (n, K)
        From the simplest candidate to the most involved: of those that are equal in all respects the first is chosen.
    truth : sequence, shape (n,)
        Classes; None where it is not known.
    classes : tuple of K
    """

    probability: Mapping[str, Floats]
    truth: Sequence[Any]
    classes: tuple[Any, ...]


@dataclass(frozen=True)
class Candidate:
    """One way to label, and how good it is on validation and on held-out rows."""

    name: str
    valid: Estimate
    test: Estimate


@dataclass(frozen=True)
class Comparison:
    """What :func:`compare` found.

    Attributes
    ----------
    metric : str
    candidates : tuple of Candidate
    chosen : str
        The one to use.
    reason : str
        Why, in a sentence.
    gains : mapping of candidate to Estimate
        Held-out score of the chosen one minus that of each other, paired.
    verdict : Verdict
        Passes when no other is better on the held-out rows beyond noise; unknown without such rows.
    notes : tuple of str
    """

    metric: str
    candidates: tuple[Candidate, ...]
    chosen: str
    reason: str
    gains: Mapping[str, Estimate]
    verdict: Verdict
    notes: tuple[str, ...] = field(default=())

    def table(self) -> Frame:
        """A row per candidate: both scores with their intervals, and what choosing the chosen one instead gains."""
        columns: dict[str, Any] = {"candidate": [c.name for c in self.candidates]}
        for part in ("valid", "test"):
            for edge in ("value", "low", "high"):
                name = part if edge == "value" else f"{part}_{edge}"
                columns[name] = np.array([getattr(getattr(c, part), edge) for c in self.candidates])
        for edge in ("value", "low", "high"):
            name = "gain" if edge == "value" else f"gain_{edge}"
            columns[name] = np.array([getattr(self.gains.get(c.name, Estimate(_NAN)), edge) for c in self.candidates])
        return Frame.of(columns)

    def __str__(self) -> str:
        lines = [f"{c.name}: {self.metric} {c.valid} on validation, {c.test} held out" for c in self.candidates]
        return "\n".join([*lines, self.reason, f"{self.verdict.outcome}: {self.verdict.reason}", *self.notes])


def compare(
    valid: Predictions,
    test: Predictions | None = None,
    *,
    metric: str = "accuracy",
    positive: Any = None,
    level: float = 0.95,
    draws: int = _DRAWS,
    seed: int = 0,
) -> Comparison:
    """Choose among candidates on validation rows, and say how the choice does on held-out ones.

    The best score on validation rows is chosen. Of equal scores (which a hundred rows often give) the one whose
    probabilities are nearer to the truth there by Brier's score, a finer measure; of these the first.

    Where classes are equally probable (a tied vote, a row nobody voted on) a candidate counts as one that picks among
    them at random, on average: no candidate gains by the order of the classes.

    Parameters
    ----------
    valid, test : Predictions
        Of the same candidates; `test` of rows that chose nothing, neither here nor before.
    metric : {"accuracy", "balanced_accuracy", "macro_f1", "f1"}
    positive : optional
        The class whose F1 is meant; by default the last.
    level : float, default 0.95
    draws : int, default 2000
        Of the paired bootstrap over rows. The interval of an accuracy is Wilson's.
    seed : int, default 0

    Examples
    --------
    >>> vote, model = np.array([[1.0, 0.0]] * 40), np.array([[1.0, 0.0]] * 20 + [[0.0, 1.0]] * 20)
    >>> rows = Predictions({"vote": vote, "model": model}, ["a"] * 20 + ["b"] * 20, ("a", "b"))
    >>> found = compare(rows, rows)
    >>> found.chosen, found.gains["vote"].value, found.verdict.outcome
    ('model', 0.5, 'pass')
    """
    for rows in (valid, test):
        if not isinstance(rows, Predictions | None):
            raise ConfigError(f"compare() takes Predictions, got {rows!r}.")
    if valid is None:
        raise ConfigError("compare() needs validation rows: Predictions.")
    choice("metric", metric, METRICS, where="compare()")
    level, draws, seed = level_of("level", level), whole("draws", draws, least=1), seed_of(seed)
    names = list(valid.probability)
    if not names:
        raise ConfigError("there is nothing to compare; give the probabilities of at least one candidate.")
    if test is not None and list(test.probability) != names:
        raise ConfigError(f"validation compares {', '.join(names)}; held out are {', '.join(test.probability)}.")
    score = _score(metric, valid.classes, positive)
    judged = _Judged(valid, score, metric, level, draws, seed)
    proven = None if test is None else _Judged(test, score, metric, level, draws, seed + 1)
    if not judged.n:
        raise DataError("no validation row has a known truth; label some rows by hand to choose by.")
    best = max(judged.points)
    level_best = [place for place, point in enumerate(judged.points) if point >= best - 1e-12]
    chosen = min(level_best, key=lambda place: (round(judged.briers[place], 12), place))
    candidates = tuple(
        Candidate(name, judged.estimate(j), Estimate(_NAN) if proven is None else proven.estimate(j))
        for j, name in enumerate(names)
    )
    gains = {} if proven is None else {n: proven.gain(chosen, j) for j, n in enumerate(names) if j != chosen}
    unsure = [n for j, n in enumerate(names) if j != chosen and not judged.gain(chosen, j).low > 0]
    notes = []
    if unsure:
        notes.append(f"{judged.n} validation rows do not tell {names[chosen]!r} from {', '.join(map(repr, unsure))}.")
    if judged.n < _FEW:
        notes.append(f"{judged.n} validation rows are too few to choose by; label {_FEW} or more.")
    reason = f"use {names[chosen]!r}: {metric} {best:.1%} on {judged.n} validation rows, the best of {len(names)}"
    if len(level_best) > 1:
        equals = ", ".join(repr(names[place]) for place in level_best if place != chosen)
        reason += f"; {equals} scored the same, with probabilities no nearer to the truth"
    return Comparison(
        metric, candidates, names[chosen], reason, gains, _verdict(names, chosen, metric, proven), tuple(notes)
    )


def _verdict(names: list[str], chosen: int, metric: str, proven: _Judged | None) -> Verdict:
    check = f"advice({names[chosen]})"
    if proven is None or not proven.n:
        return Verdict.unknown(check, "there are no held-out rows to prove it on")
    point = proven.points[chosen]
    others = [(j, proven.gain(chosen, j)) for j in range(len(names)) if j != chosen]
    worse = [(names[j], gain) for j, gain in others if gain.high < 0]
    regret = max([0.0, *(-gain.value for _, gain in others)])
    evidence = {"score": point, "regret": regret, "rows": proven.n}
    if worse:
        name, gain = worse[0]
        return Verdict.failed(check, f"{name!r} is better on held-out rows by {-gain.value:.3f} ({metric})", **evidence)
    reason = f"no other is better beyond noise on {proven.n} held-out rows; the best one is ahead by {regret:.3f}"
    return Verdict.passed(check, reason, **evidence)


# ---- scores ---------------------------------------------------------------------------------------------


class _Judged:
    """The candidates on some rows: their confusion matrices, as they are and over bootstrap draws."""

    def __init__(self, given: Predictions, score: Any, metric: str, level: float, draws: int, seed: int) -> None:
        k = len(given.classes)
        n = len(given.truth)
        truth = truth_codes(given.truth, given.classes, n)
        known = truth >= 0
        self.metric, self.level, self.n = metric, level, int(known.sum())
        decided = [_decided(p, n, k, name)[known] for name, p in given.probability.items()]
        cells = np.concatenate([truth[known][:, None].astype(np.float64), *decided], axis=1)
        patterns, counts = np.unique(cells, axis=0, return_counts=True)
        hit = np.eye(k)[truth[known]]
        believed = [np.asarray(p, dtype=np.float64)[known] for p in given.probability.values()]
        self.briers = [float(((p - hit) ** 2).sum(axis=1).mean()) if self.n else _NAN for p in believed]
        self.points = [_NAN] * len(decided)
        self._draws = np.full((draws, len(decided)), _NAN)
        if self.n:
            rng = np.random.default_rng([seed, 0x3E4C])
            drawn = rng.multinomial(self.n, counts / self.n, size=draws).astype(np.float64)
            codes = patterns[:, 0].astype(np.int64)
            for j in range(len(decided)):
                cell = np.zeros((len(patterns), k, k))
                cell[np.arange(len(codes)), codes] = patterns[:, 1 + j * k : 1 + (j + 1) * k]
                flat = cell.reshape(len(patterns), k * k)
                self.points[j] = float(score((counts @ flat).reshape(1, k, k))[0])
                self._draws[:, j] = score((drawn @ flat).reshape(draws, k, k))

    def estimate(self, j: int) -> Estimate:
        """A candidate's score."""
        point = self.points[j]
        if self.metric == "accuracy":
            low, high = wilson(point * self.n, self.n, self.level) if self.n else (_NAN, _NAN)
            return Estimate(point, low, high, self.n)
        return Estimate(point, *_between(self._draws[:, j], self.level), self.n)

    def gain(self, first: int, second: int) -> Estimate:
        """How much better the first is than the second on the same rows."""
        paired = self._draws[:, first] - self._draws[:, second]
        return Estimate(self.points[first] - self.points[second], *_between(paired, self.level), self.n)


def _between(draws: Floats, level: float) -> tuple[float, float]:
    if not np.isfinite(draws).all():
        return _NAN, _NAN
    low, high = np.quantile(draws, [0.5 - level / 2, 0.5 + level / 2])
    return float(low), float(high)


def _decided(probability: Any, n: int, k: int, name: str) -> Floats:
    """The share of each class in a candidate's decision: one, or equal parts where several are most probable."""
    shares = np.asarray(probability, dtype=np.float64)
    if shares.shape != (n, k) or not np.isfinite(shares).all():
        raise DataError(
            f"candidate {name!r}: expected probabilities of shape {(n, k)}, got {shares.shape}, all finite."
        )
    if not n:
        return shares
    top = shares >= shares.max(axis=1, keepdims=True) - 1e-12
    return np.asarray(top / top.sum(axis=1, keepdims=True))


def _score(metric: str, classes: Sequence[Any], positive: Any) -> Any:
    """From confusion matrices of shape (draws, K, K), truth by decision, to scores of shape (draws,)."""
    if metric != "f1":
        return METRICS[metric]
    if positive is not None and positive not in classes:
        raise UnknownName("class", str(positive), map(str, classes), where="compare(positive=)")
    place = len(classes) - 1 if positive is None else list(classes).index(positive)
    return lambda confusion: _f1(confusion)[:, place]


def _accuracy(confusion: Floats) -> Floats:
    return np.asarray(np.trace(confusion, axis1=1, axis2=2) / confusion.sum(axis=(1, 2)))


def _mean_of_occurring(values: Floats, confusion: Floats) -> Floats:
    occurs = confusion.sum(axis=2) > 0
    return np.asarray(np.where(occurs, values, 0.0).sum(axis=1) / occurs.sum(axis=1))


def _recall(confusion: Floats) -> Floats:
    right = np.diagonal(confusion, axis1=1, axis2=2)
    rows = confusion.sum(axis=2)
    return np.asarray(np.divide(right, rows, out=np.zeros_like(rows), where=rows > 0))


def _f1(confusion: Floats) -> Floats:
    right = 2 * np.diagonal(confusion, axis1=1, axis2=2)
    both = confusion.sum(axis=2) + confusion.sum(axis=1)
    return np.asarray(np.divide(right, both, out=np.zeros_like(both), where=both > 0))


METRICS: dict[str, Any] = {
    "accuracy": _accuracy,
    "balanced_accuracy": lambda confusion: _mean_of_occurring(_recall(confusion), confusion),
    "macro_f1": lambda confusion: _mean_of_occurring(_f1(confusion), confusion),
    "f1": _f1,
}
"""Scores that follow from a confusion matrix; higher is better."""
