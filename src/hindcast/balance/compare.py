"""Whether balancing helps here: every method against the data as they are, on rows that none of them touched.

For each seed the rows are split in three: a part to learn from, a part to choose thresholds on, and a part to judge on.
Steps get the first part and nothing else. Judged are the ranking (AUC, average precision), the probabilities (log loss,
calibration error; as learnt, and put right for the prior), and the decisions (at 0.5, and at the threshold that was
best on the second part, for the untouched data too: moving a threshold is the cheapest way of balancing).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from hindcast.balance.arrays import row_count, taken
from hindcast.balance.classes import coded, listed
from hindcast.balance.fitting import fitted
from hindcast.balance.prior import correct_prior
from hindcast.balance.random import oversample, undersample
from hindcast.balance.report import UNTOUCHED, BalanceReport, MethodScores, over_blocks, over_splits, value_of
from hindcast.balance.resampling import resample
from hindcast.balance.synthetic import smote
from hindcast.balance.weights import class_weights
from hindcast.errors import ConfigError, DataError
from hindcast.metrics.costs import Costs
from hindcast.metrics.thresholds import best_threshold
from hindcast.metrics.value import Goal
from hindcast.parameters import level_of, progress_of, whole
from hindcast.parameters import share as share_of
from hindcast.sampling.blocks import array_of
from hindcast.trainset.split import split_last
from hindcast.values import Duration, Floats, Ints, duration_us

__all__ = ["compare_balancing"]

_SEED = 0x62616C61
_GROUPS = 500


def compare_balancing(
    X: Any,
    y: Any,
    learner: Any,
    methods: Mapping[str, Any] | None = None,
    *,
    at: Any = None,
    gap: Duration = "0s",
    positive: Any = None,
    threshold_by: str | Goal | Costs = "f1",
    share: float = 0.3,
    seeds: int = 5,
    blocks: Any = None,
    level: float = 0.95,
    progress: Callable[[int, int], None] | None = None,
) -> BalanceReport:
    """Try each method of balancing and say what it did to ranking, probabilities and decisions.

    Parameters
    ----------
    X : array_like, sparse matrix, Frame or data frame, n rows
    y : array_like, shape (n,)
        Labels. With more than two classes say which is `positive`.
    learner : object
        A scikit-learn classifier, or a learner of hindcast for a Frame; see :func:`hindcast.balance.fitting.fitted`.
    methods : mapping of str to step or sequence of steps, optional
        By default ``undersample()``, ``oversample()``, ``class_weights()`` and ``smote()``.
    at : array_like, shape (n,), optional
        The moment of each row (int microseconds or datetime64). With it the last `share` of the rows judges, the last
        fifth of the others chooses thresholds, and seeds change the methods alone. Without it each seed splits anew, at
        random and by class: only for rows that are independent of each other.
    gap : duration, default "0s"
        How long labels take to mature; left free before each part.
    positive : label, optional
        The class that counts as 1; the rarer of two unless given.
    threshold_by : str, Goal or Costs, default "f1"
        What thresholds are chosen for; see :func:`hindcast.metrics.best_threshold`.
    share : float, default 0.3
        Of the rows that judge, in (0, 1).
    seeds : int, default 5
        At least 2.
    blocks : array_like, shape (n,), optional
        With `at`: which rows hang together (days, customers), for intervals.
    level : float, default 0.95
    progress : callable, optional
        Told (fits done, fits in all).

    Returns
    -------
    BalanceReport

    References
    ----------
    van den Goorbergh, van Smeden, Timmerman and Van Calster, "The harm of class imbalance corrections for risk
    prediction models", JAMIA 29, 2022; Elor and Averbuch-Elor, "To SMOTE, or not to SMOTE?", 2022.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> random = np.random.default_rng(0)
    >>> y = (random.random(1500) < 0.1).astype(int)
    >>> X = random.normal(size=(1500, 2)) + y[:, None]
    >>> report = compare_balancing(X, y, LogisticRegression(), {"under": undersample()}, seeds=3)
    >>> [method.name for method in report.methods], report["under"].gain["log_loss"].low > 0
    (['untouched', 'under'], True)
    """
    seeds = whole("compare_balancing: seeds", seeds, least=2, most=10_000)  # one would not know the noise
    share = share_of("compare_balancing: share", share, one=False)
    level, told = level_of("level", level), progress_of(progress)
    if not isinstance(threshold_by, str | Goal | Costs):
        raise ConfigError(f"threshold_by is a metric's name, a Goal or Costs, got {threshold_by!r:.60}.")
    label, one = _binary(y, positive)
    n = row_count(X)
    if len(label) != n:
        raise DataError(f"{n} rows came with {len(label)} labels; give one label per row.")
    if methods is None:
        methods = {
            "undersample": undersample(),
            "oversample": oversample(),
            "class_weights": class_weights(),
            "smote": smote(),
        }
    if not isinstance(methods, Mapping):
        raise ConfigError(f"methods are steps by name, such as {{'under': undersample()}}, got {methods!r:.60}.")
    if UNTOUCHED in methods:
        raise ConfigError(f"{UNTOUCHED!r} is the name of the data as they are, which always stand beside.")
    steps = {UNTOUCHED: (), **{name: _steps(name, found) for name, found in methods.items()}}
    found: dict[str, list[_Answered]] = {name: [] for name in steps}
    parts = list(_splits(label, at, gap, share, seeds))
    for seed, part in enumerate(parts):
        for name, chain in steps.items():
            found[name].append(_answered(X, label, part, chain, learner, threshold_by, seed))
            told(sum(map(len, found.values())), len(parts) * len(steps))
    groups = _groups(blocks, at, n)
    rows = []
    for name, answers in found.items():
        scores, gain = {}, {}
        for metric in answers[0].measures:
            own = [a.measures[metric] for a in answers]
            base = [a.measures[metric] for a in found[UNTOUCHED]]
            if at is None:
                ratio = len(parts[0][2]) / len(parts[0][0])
                scores[metric] = over_splits([m.value for m in own], ratio, level, n)
                gain[metric] = over_splits([m.value - b.value for m, b in zip(own, base, strict=True)], ratio, level, n)
            else:
                drawn = groups[parts[0][2]]
                scores[metric] = over_blocks(own, None, drawn, level)
                gain[metric] = over_blocks(own, base, drawn, level)
        last = answers[-1]
        rows.append(MethodScores(name, scores, gain, last.rows, last.share))
    notes = _notes(label, parts, at)
    return BalanceReport(tuple(rows), one, n, float(label.mean()), seeds, at is not None, level, notes)


def _binary(y: Any, positive: Any) -> tuple[Ints, Any]:
    """Labels 0 and 1, shape (n,), and the class that is 1."""
    codes, classes = coded(y)
    if len(classes) < 2:
        raise DataError(f"there are {len(classes)} classes among the labels; nothing can be told apart. Give two.")
    if positive is None:
        if len(classes) > 2:
            raise ConfigError(
                f"{len(classes)} classes: say which one is looked for, as positive={classes[-1]!r}; all others count "
                "as 0."
            )
        positive = classes[int(np.bincount(codes).argmin())] if np.ptp(np.bincount(codes)) else classes[1]
    if np.ndim(positive) or positive not in classes:
        raise ConfigError(f"no label is {positive!r}; there are {', '.join(map(repr, classes[:20]))}.")
    return (codes == classes.index(positive)).astype(np.int64), positive


def _steps(name: str, given: Any) -> tuple[Any, ...]:
    chain = tuple(given) if isinstance(given, Sequence) and not isinstance(given, str) else (given,)
    for step in chain:
        if not (hasattr(step, "draw") or hasattr(step, "by_class")):
            raise ConfigError(f"method {name!r} holds {step!r}, which is no step of hindcast.balance.")
    return chain


_Part = tuple[Ints, Ints, Ints]


def _splits(label: Ints, at: Any, gap: Duration, share: float, seeds: int) -> Iterator[_Part]:
    """Rows to learn from, to choose on and to judge on, once per seed."""
    if at is not None:
        moments = at if isinstance(at, np.ndarray) else array_of(listed(at), "at")
        if moments.dtype.kind == "M":
            moments = moments.astype("datetime64[us]")
        elif moments.dtype.kind not in "iu":
            raise DataError(f"moments are int64 microseconds or datetime64, got an array of {moments.dtype}.")
        moments = moments.astype(np.int64)
        if moments.shape != label.shape:
            raise DataError(f"{len(label)} rows came with moments of shape {moments.shape}; give one per row.")
        gap_us = duration_us(gap, what="gap")
        outer = split_last(moments, share, gap_us=gap_us)
        inner = split_last(moments[outer.train], 0.2, gap_us=gap_us)
        part = outer.train[inner.train], outer.train[inner.validation], outer.validation
        for which, rows in zip(("to learn from", "to choose thresholds on", "to judge on"), part, strict=True):
            if not 0 < label[rows].sum() < len(rows):
                raise DataError(f"the {len(rows)} rows {which} are of one class; give more history, or another share.")
        yield from [part] * seeds
        return
    for seed in range(seeds):
        random = np.random.default_rng([seed, _SEED])
        parts: list[list[Ints]] = [[], [], []]
        for code in (0, 1):
            rows = random.permutation(np.flatnonzero(label == code))
            judged = round(len(rows) * share)
            chosen = round((len(rows) - judged) * 0.2)
            if not judged or not chosen or judged + chosen >= len(rows):
                raise DataError(f"class {code} has {len(rows)} rows, too few for three parts; get more labels of it.")
            for k, piece in enumerate(np.split(rows, [judged, judged + chosen])):
                parts[(2, 1, 0)[k]].append(piece)
        learn, choose, judge = (np.sort(np.concatenate(pieces)) for pieces in parts)
        yield learn, choose, judge


def _groups(blocks: Any, at: Any, n: int) -> Ints:
    """The block of each row: given, or as many random groups of rows as intervals need."""
    if blocks is not None:
        if at is None:
            raise ConfigError("blocks are for intervals over a later part: give at= too, or leave them out.")
        return np.asarray(np.unique(np.asarray(blocks), return_inverse=True)[1], dtype=np.int64)
    return np.random.default_rng([1, _SEED]).permutation(n) % min(n, _GROUPS)


class _Measure:
    """One figure of one model on one part: a value, and what a bootstrap needs to draw it again."""

    def __init__(self, metric: str, label: Ints, answer: Any, decided: bool) -> None:
        self.metric, self.label, self.answer, self.decided = metric, label, answer, decided
        self.value = value_of(metric, label, answer, decided)


class _Answered:
    """What one method's model answered on the rows that judge."""

    def __init__(self, measures: dict[str, _Measure], rows: int, share: float) -> None:
        self.measures, self.rows, self.share = measures, rows, share


def _answered(
    X: Any, label: Ints, part: _Part, chain: tuple[Any, ...], learner: Any, by: str | Goal | Costs, seed: int
) -> _Answered:
    learn, choose, judge = part
    rows, y, weight = taken(X, learn), label[learn], np.ones(len(learn))
    for place, step in enumerate(chain):
        rows, y, weight, _ = resample(rows, y, step, weight=weight, seed=seed + 1_000 * place)
    share = float((weight * y).sum() / weight.sum())
    if not 0 < share < 1:
        raise DataError(f"{chain[-1].name} left rows of one class alone; loosen it, or leave it out.")
    answer = fitted(learner, rows, y, weight, seed=seed)
    raw = answer(taken(X, judge))

    def right(p: Floats) -> Floats:
        return correct_prior(p, trained=share, actual=float(label[learn].mean())) if chain else p

    chosen = best_threshold(label[choose], right(answer(taken(X, choose))), by=by)
    truth = label[judge]
    corrected = right(raw)
    half, moved = raw >= 0.5, chosen.decide(corrected)
    figures: dict[str, tuple[str, Any, bool]] = {
        "auc": ("auc", raw, False),
        "average_precision": ("average_precision", raw, False),
        "log_loss": ("log_loss", raw, False),
        "log_loss_corrected": ("log_loss", corrected, False),
        "ece": ("ece", raw, False),
        "ece_corrected": ("ece", corrected, False),
    }
    for metric in ("precision", "recall", "f1"):
        figures[f"{metric}_at_half"] = (metric, half, True)
        figures[f"{metric}_moved"] = (metric, moved, True)
    return _Answered(
        {name: _Measure(metric, truth, found, decided) for name, (metric, found, decided) in figures.items()},
        len(y),
        share,
    )


def _notes(label: Ints, parts: list[_Part], at: Any) -> tuple[str, ...]:
    notes = []
    judged = int(label[parts[0][2]].sum())
    if judged < 50:
        notes.append(f"only {judged} of the rows that judge are positive: every figure is rough, intervals too")
    if at is None:
        notes.append("split at random, which says nothing about a later world; give at= where rows have a time")
    else:
        learnt, later = float(label[parts[0][0]].mean()), float(label[parts[0][2]].mean())
        if not 0.5 < later / learnt < 2:
            notes.append(
                f"the share of positives moved from {learnt:.1%} to {later:.1%}: probabilities that were too high for "
                "the rows learnt from may look right here by accident; see estimate_prior"
            )
    return tuple(notes)
