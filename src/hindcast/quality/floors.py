"""What a first model reaches on a table, beside the floors it must beat, and whether more rows would help."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hindcast.columns import Frame
from hindcast.metrics.intervals import block_draws
from hindcast.metrics.value import Goal
from hindcast.quality.framing import Framing
from hindcast.quality.missing import witness_matrix
from hindcast.values import Floats, Ints

__all__ = ["Floor", "LearningPoint", "Sample", "learning_curve", "measure_floors"]

MOST_ROWS = 50_000
FEWEST = 30
BLOCKS = 40


@dataclass(frozen=True, slots=True)
class Floor:
    """One answerer's score on the last quarter of the rows.

    Parameters
    ----------
    name : str
        ``zero rule`` answers the training rows' frequencies (or median), ``last label`` the label of the latest earlier
        row, ``one rule`` asks one question of one column, ``first model`` is a small boosted forest, nothing tuned.
    metric : str
        ``log loss`` (nats) for classes, ``absolute error`` for amounts; lower is better.
    value, low, high : float
        The mean per row with its 95% interval, by a bootstrap over stretches of rows.
    right : float
        The share of rows whose likeliest class was the true one; NaN for amounts.
    worth, worth_low, worth_high : float
        What acting on its probabilities would be worth per 1,000 rows, in the goal's unit; NaN without a goal, or for
        anything but two classes.
    over, over_low, over_high : float
        Its mean per row beyond the first model's, with the 95% interval of the difference, row by row: above 0 where
        the first model is better.
    how : str
        The rule, where it is one.
    """

    name: str
    metric: str
    value: float
    low: float
    high: float
    right: float
    worth: float = float("nan")
    worth_low: float = float("nan")
    worth_high: float = float("nan")
    over: float = 0.0
    over_low: float = 0.0
    over_high: float = 0.0
    how: str = ""


@dataclass(frozen=True, slots=True)
class LearningPoint:
    """The first model's score after learning from `rows` rows."""

    rows: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Sample:
    """Labelled rows that a first model is tried on: learnt from the first three quarters, judged on the last.

    Parameters
    ----------
    framing : Framing
    names : tuple of str
    matrix : float64 array, shape (n, names)
    label : float64 array, shape (n,)
    """

    framing: Framing
    names: tuple[str, ...]
    matrix: Floats
    label: Floats

    @staticmethod
    def of(frame: Frame, framing: Framing, order: Ints) -> Sample:
        """At most 50,000 rows with a label, evenly spaced in `order`: that of time, or drawn at random."""
        rows = order[~np.isnan(framing.label[order])]
        rows = rows[:: max(1, -(-len(rows) // MOST_ROWS))]
        return Sample(framing, tuple(frame.names), witness_matrix(frame.take(rows)), framing.label[rows])

    def shuffled(self, seed: int) -> Sample:
        """The same rows, split at random."""
        order = np.random.default_rng([seed, 62]).permutation(len(self.label))
        return replace(self, matrix=self.matrix[order], label=self.label[order])

    @property
    def cut(self) -> int:
        """Rows to learn from."""
        return len(self.label) * 3 // 4

    def enough(self, least: int) -> bool:
        """Whether there are so many rows, and anything to tell apart in the part to learn from."""
        return len(self.label) >= least and len(np.unique(self.label[: self.cut])) > 1


def measure_floors(sample: Sample, *, goal: Goal | None = None, seed: int = 0) -> tuple[Floor, ...]:
    """Scores of the floors and, last, of a first model.

    Parameters
    ----------
    sample : Sample
    goal : Goal, optional
        What a decision about the rarer of two classes is worth.
    seed : int, default 0

    Returns
    -------
    tuple of Floor
        Empty where fewer than 40 rows have a label, or there is one class only to learn from.
    """
    if not sample.enough(40):
        return ()
    framing, cut = sample.framing, sample.cut
    taught, truth = sample.label[:cut], sample.label[cut:]
    rule, how = _one_rule(sample)
    answers = {
        "zero rule": _always(framing, taught, len(truth)),
        "last label": _no_change(framing, sample.label, cut),
        "one rule": rule,
        "first model": _first_model(framing, sample.matrix[:cut], taught, sample.matrix[cut:], seed),
    }
    metric = "absolute error" if framing.kind == "regression" else "log loss"
    losses = {name: _losses(framing, truth, answer) for name, answer in answers.items()}
    floors = []
    for name, answer in answers.items():
        right = float("nan")
        if framing.kind != "regression":
            right = float((answer.argmax(axis=1) == truth).mean())
        worth = (float("nan"),) * 3
        if goal is not None and framing.kind == "binary":
            worth = _interval(1_000.0 * goal.value(goal.decide(answer[:, 1]), truth), seed)
        over = _interval(losses[name] - losses["first model"], seed)
        told = how if name == "one rule" else ""
        floors.append(Floor(name, metric, *_interval(losses[name], seed), right, *worth, *over, told))
    return tuple(floors)


def learning_curve(sample: Sample, whole: Floor, *, seed: int = 0) -> tuple[LearningPoint, ...]:
    """The first model's score after learning from 1/8, 1/4, 1/2 and all of the rows; the last is `whole`."""
    if not sample.enough(200):
        return ()
    points = []
    cut, y = sample.cut, sample.label
    for share in (8, 4, 2):
        some = np.sort(np.random.default_rng([seed, 67]).permutation(cut)[: cut // share])
        if len(np.unique(y[some])) < 2:
            continue
        answer = _first_model(sample.framing, sample.matrix[some], y[some], sample.matrix[cut:], seed)
        points.append(LearningPoint(len(some), *_interval(_losses(sample.framing, y[cut:], answer), seed)))
    return (*points, LearningPoint(cut, whole.value, whole.low, whole.high))


def _one_rule(sample: Sample) -> tuple[Floats, str]:
    """The best single cut through a single column, and what it says."""
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    framing, cut = sample.framing, sample.cut
    matrix, y = np.clip(sample.matrix, -3e38, 3e38).astype(np.float32), sample.label[:cut]
    x, asked = matrix[:cut], matrix[cut:]
    if not x.shape[1]:
        return _always(framing, y, len(asked)), ""
    kind = DecisionTreeRegressor if framing.kind == "regression" else DecisionTreeClassifier
    tree = kind(max_depth=1, min_samples_leaf=min(FEWEST, max(1, cut // 10)), random_state=0).fit(x, y)
    if tree.tree_.node_count == 1:
        return _always(framing, y, len(asked)), ""
    side, ask = tree.apply(x), tree.apply(asked)
    answer = np.empty((len(asked), *_always(framing, y, 1).shape[1:]))
    for leaf in np.unique(side):
        answer[ask == leaf] = _always(framing, y[side == leaf], 1)[0]
    return answer, f"by {sample.names[int(tree.tree_.feature[0])]}"


def _always(framing: Framing, y: Floats, n: int) -> Floats:
    if framing.kind == "regression":
        return np.full(n, float(np.median(y)))
    counts = np.bincount(y.astype(np.intp), minlength=len(framing.classes)) + 1.0 / len(framing.classes)
    return np.tile(counts / counts.sum(), (n, 1))


def _no_change(framing: Framing, y: Floats, cut: int) -> Floats:
    """What the row before had; for classes with the certainty that this deserved among the training rows."""
    before = y[cut - 1 : -1]
    if framing.kind == "regression":
        return before
    k = len(framing.classes)
    same = (y[1:cut] == y[: cut - 1]).sum()
    trust = (same + 1.0) / (cut + 1.0)
    answer = np.full((len(before), k), (1.0 - trust) / max(k - 1, 1))
    answer[np.arange(len(before)), before.astype(np.intp)] = trust
    return answer


def _first_model(framing: Framing, x: Floats, y: Floats, asked: Floats, seed: int) -> Floats:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    shared: dict[str, Any] = {"max_iter": 60, "max_leaf_nodes": 15, "random_state": seed, "early_stopping": False}
    shared["l2_regularization"] = 1.0  # without it rare classes run wild
    if not x.shape[1]:
        return _always(framing, y, len(asked))
    with threadpool_limits(limits=1):
        if framing.kind == "regression":
            model = HistGradientBoostingRegressor(loss="absolute_error", **shared).fit(x, y)
            answer: Floats = model.predict(asked)
            return answer
        counts = np.bincount(y.astype(np.intp), minlength=len(framing.classes))
        common = counts >= FEWEST if (counts >= FEWEST).sum() >= 2 else counts > 0
        rows = common[y.astype(np.intp)]
        found, codes = np.unique(y[rows], return_inverse=True)
        model = HistGradientBoostingClassifier(**shared).fit(x[rows], codes)
        share = (counts + 1.0 / len(counts)) / (counts.sum() + 1.0)
        answer = np.tile(share, (len(asked), 1))
        rest = 1.0 - share[~common].sum()
        answer[:, found.astype(np.intp)] = np.maximum(model.predict_proba(asked), 1e-6) * rest
    whole: Floats = answer / answer.sum(axis=1, keepdims=True)
    return whole


def _losses(framing: Framing, y: Floats, answer: Floats) -> Floats:
    if framing.kind == "regression":
        return np.abs(y - answer)
    losses: Floats = -np.log(np.clip(answer[np.arange(len(y)), y.astype(np.intp)], 1e-15, 1.0))
    return losses


def _interval(losses: Floats, seed: int) -> tuple[float, float, float]:
    blocks = min(BLOCKS, len(losses))
    parts = np.array_split(losses, blocks)
    draws = block_draws(blocks, seed=seed)
    sums, sizes = np.array([part.sum() for part in parts]), np.array([float(len(part)) for part in parts])
    means = (draws * sums).sum(axis=1) / (draws * sizes).sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(losses.mean()), float(low), float(high)
