"""What a first model reaches on a table, beside the floors it must beat, and whether more rows would help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.columns import Frame
from hindcast.metrics.intervals import block_draws
from hindcast.metrics.value import Goal
from hindcast.quality.framing import Framing
from hindcast.quality.missing import witness_matrix
from hindcast.values import Floats, Ints

__all__ = ["Floor", "LearningPoint", "learning_curve", "measure_floors"]

MOST_ROWS = 50_000
FEWEST = 30
BLOCKS = 40


@dataclass(frozen=True, slots=True)
class Floor:
    """One answerer's score on the last quarter of the rows.

    Parameters
    ----------
    name : str
        ``zero rule`` answers the training rows' frequencies (or mean), ``last label`` the label of the latest earlier
        row, ``first model`` is a boosted forest with the library's own settings.
    metric : str
        ``log loss`` (nats) for classes, ``absolute error`` for amounts; lower is better.
    value, low, high : float
        The mean per row with its 95% interval, by a bootstrap over stretches of rows.
    right : float
        The share of rows whose likeliest class was the true one; NaN for amounts.
    worth, worth_low, worth_high : float
        What acting on its probabilities would be worth per 1,000 rows, in the goal's unit; NaN without a goal, or for
        anything but two classes.
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


@dataclass(frozen=True, slots=True)
class LearningPoint:
    """The first model's score after learning from `rows` rows."""

    rows: int
    value: float
    low: float
    high: float


def measure_floors(
    frame: Frame, framing: Framing, order: Ints, *, goal: Goal | None = None, seed: int = 0
) -> tuple[list[Floor], Floats]:
    """Scores of the floors and of a first model, learnt from the first three quarters of `order`.

    Parameters
    ----------
    frame : Frame
        What may be learnt from.
    framing : Framing
    order : int64 array
        Places of the rows in the order of time (or drawn at random where there is none).
    goal : Goal, optional
        What a decision about the rarer of two classes is worth.
    seed : int, default 0

    Returns
    -------
    floors : list of Floor
        Empty where fewer than 40 rows have a label, or one of the parts has one class.
    losses : float64 array, shape (rows in the last quarter,)
        The first model's loss per row.
    """
    rows = _labelled(framing, order)
    cut = len(rows) * 3 // 4
    y = framing.label[rows]
    if len(rows) < 40 or len(np.unique(y[:cut])) < 2:
        return [], np.zeros(0)
    matrix = witness_matrix(frame.take(rows))
    truth = y[cut:]
    answers = {
        "zero rule": _always(framing, y[:cut], len(truth)),
        "last label": _no_change(framing, y, cut),
        "first model": _first_model(framing, matrix[:cut], y[:cut], matrix[cut:], seed),
    }
    losses = {name: _losses(framing, truth, answer) for name, answer in answers.items()}
    metric = "absolute error" if framing.kind == "regression" else "log loss"
    floors = []
    for name, loss in losses.items():
        right = float("nan")
        if framing.kind != "regression":
            right = float((answers[name].argmax(axis=1) == truth).mean())
        worth = (float("nan"),) * 3
        if goal is not None and framing.kind == "binary":
            worth = _interval(1_000.0 * goal.value(goal.decide(answers[name][:, 1]), truth), seed)
        floors.append(Floor(name, metric, *_interval(loss, seed), right, *worth))
    return floors, losses["first model"]


def learning_curve(frame: Frame, framing: Framing, order: Ints, *, seed: int = 0) -> list[LearningPoint]:
    """The first model's score on the last quarter after learning from 1/8, 1/4, 1/2 and all of the rows before it."""
    rows = _labelled(framing, order)
    cut = len(rows) * 3 // 4
    if len(rows) < 200 or len(np.unique(framing.label[rows[:cut]])) < 2:
        return []
    matrix, y = witness_matrix(frame.take(rows)), framing.label[rows]
    points = []
    for share in (8, 4, 2, 1):
        some = np.sort(np.random.default_rng([seed, 67]).permutation(cut)[: cut // share])
        if len(np.unique(y[some])) < 2:
            continue
        answer = _first_model(framing, matrix[some], y[some], matrix[cut:], seed)
        points.append(LearningPoint(len(some), *_interval(_losses(framing, y[cut:], answer), seed)))
    return points


def _labelled(framing: Framing, order: Ints) -> Ints:
    rows = order[~np.isnan(framing.label[order])]
    return rows[:: max(1, -(-len(rows) // MOST_ROWS))]


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
    if not x.shape[1]:
        return _always(framing, y, len(asked))
    with threadpool_limits(limits=1):
        if framing.kind == "regression":
            model = HistGradientBoostingRegressor(loss="absolute_error", **shared).fit(x, y)
            answer: Floats = model.predict(asked)
            return answer
        counts = np.bincount(y.astype(np.intp), minlength=len(framing.classes))
        common = counts >= FEWEST if (counts >= FEWEST).sum() >= 2 else counts > 0  # boosting runs wild on a few rows
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
