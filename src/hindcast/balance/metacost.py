"""Learning from costs: labels changed to the decision of least cost, and costs that differ from row to row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hindcast.balance.arrays import row_count, taken
from hindcast.balance.classes import class_counts, coded
from hindcast.balance.fitting import cloned
from hindcast.balance.phases import class_array
from hindcast.errors import ConfigError, DataError
from hindcast.metrics.costs import Costs
from hindcast.metrics.rows import checked_labels, checked_probabilities, checked_scores, numbers
from hindcast.parameters import progress_of, seed_of, whole
from hindcast.values import Bools, Floats, Ints

__all__ = ["cost_sampled", "decide_by_row", "metacost", "weight_by_row"]

_BAGS, _ACCEPT = 0x62616773, 0x61636365


def metacost(
    X: Any,
    y: Any,
    learner: Any,
    costs: Costs,
    *,
    bags: int = 10,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray[Any, Any]:
    """Labels as they would have to be for a learner that counts mistakes to be one that counts costs.

    Each row's probabilities are the mean over models fitted on bootstrap samples without it (a row that was in all of
    them takes all), and its label becomes the decision of least expected cost. Fit any learner on the new labels. They
    are no longer what happened: never judge by them.

    Parameters
    ----------
    X : rows
    y : array_like, shape (n,)
    learner : object
        A scikit-learn classifier with ``predict_proba``; copied, never changed.
    costs : Costs
        With the classes of `y`.
    bags : int, default 10
    seed : int, default 0
    progress : callable, optional

    Returns
    -------
    array of labels, shape (n,)

    References
    ----------
    Domingos, "MetaCost: A General Method for Making Classifiers Cost-Sensitive", KDD 1999.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> random = np.random.default_rng(0)
    >>> y = (random.random(600) < 0.2).astype(int)
    >>> X = random.normal(size=(600, 1)) + y[:, None]
    >>> labels = metacost(X, y, LogisticRegression(), Costs.binary(miss=10, false_alarm=1))
    >>> bool(labels.mean() > 2 * y.mean())
    True
    """
    bags = whole("metacost: bags", bags, least=1, most=100_000)
    seed, told = seed_of(seed), progress_of(progress)
    if not isinstance(costs, Costs):
        raise ConfigError(f"metacost: costs are Costs, such as Costs.binary(miss=, false_alarm=), got {costs!r:.60}.")
    codes, classes = coded(y)
    class_counts(codes, len(classes), "metacost")
    n = row_count(X)
    if len(codes) != n:
        raise DataError(f"{n} rows came with {len(codes)} labels; give one label per row.")
    places = costs.code_of(classes, "label")
    if len(classes) != len(costs.classes):
        raise ConfigError(f"the costs are about {len(costs.classes)} classes, the labels hold {len(classes)}.")
    random = np.random.default_rng([seed, _BAGS])
    within, without = np.zeros((n, len(classes))), np.zeros((n, len(classes)))
    spared = np.zeros(n, dtype=np.int64)
    for bag in range(bags):
        rows = random.integers(0, n, n)
        model = cloned(learner, seed + bag).fit(taken(X, rows), codes[rows])
        p = np.zeros((n, len(classes)))
        p[:, np.asarray(model.classes_, dtype=np.int64)] = model.predict_proba(X)
        outside = np.ones(n, dtype=np.bool_)
        outside[rows] = False
        within += p
        without[outside] += p[outside]
        spared += outside
        told(bag + 1, bags)
    mean = np.where(spared[:, None] > 0, without / np.maximum(spared, 1)[:, None], within / bags)
    expected = mean @ costs.cost[np.ix_(places, places)]
    return np.asarray(class_array(classes)[expected.argmin(axis=1)])


def _prices(miss: Any, false_alarm: Any, n: int) -> tuple[Floats, Floats]:
    found = []
    for name, value in (("miss", miss), ("false_alarm", false_alarm)):
        given = numbers(value, name)
        if given.shape not in ((), (1,), (n,)):
            raise DataError(f"{n} rows came with {name} of shape {given.shape}; give one number, or one per row.")
        price = checked_scores(np.broadcast_to(given, (n,)))
        if (price < 0).any():
            row = int((price < 0).argmax())
            raise DataError("a cost is not below zero", row=row + 1, column=name, value=float(price[row]))
        found.append(price)
    return found[0], found[1]


def decide_by_row(probability: Any, *, miss: Any, false_alarm: Any) -> Bools:
    """Act where that is expected to cost less, each row by its own costs, shape (n,).

    Parameters
    ----------
    probability : array_like, shape (n,)
        Calibrated, of label 1.
    miss, false_alarm : float or array_like, shape (n,)
        What leaving a positive row alone costs (the amount that is stolen), and acting on a negative one.

    Examples
    --------
    >>> decide_by_row([0.1, 0.1], miss=[50, 500], false_alarm=10).tolist()
    [False, True]
    """
    p = checked_probabilities(probability)
    lost, spent = _prices(miss, false_alarm, len(p))
    return np.asarray(p * lost > (1.0 - p) * spent)


def weight_by_row(label: Any, *, miss: Any, false_alarm: Any) -> Floats:
    """What each row's mistake costs, as a weight with mean 1: learning by it is learning to spend least.

    Raises
    ------
    DataError
        For a row whose mistake costs nothing: leave it out.

    References
    ----------
    Zadrozny, Langford and Abe, "Cost-Sensitive Learning by Cost-Proportionate Example Weighting", ICDM 2003.

    Examples
    --------
    >>> weight_by_row([1, 0, 0], miss=[4, 9, 9], false_alarm=1).tolist()
    [2.0, 0.5, 0.5]
    """
    y = checked_labels(label)
    lost, spent = _prices(miss, false_alarm, len(y))
    price = np.where(y == 1.0, lost, spent)
    if (price == 0).any():
        raise DataError("a mistake about a row costs nothing; leave such rows out", row=int((price == 0).argmax()) + 1)
    return np.asarray(price / price.max() / (price / price.max()).mean()) if price.size else price


def cost_sampled(weight: Any, *, seed: int = 0) -> Ints:
    """Places of a sample that holds each row with probability ``weight / max(weight)``, rising, none twice.

    For learners that take no weights: unlike drawing with replacement it never repeats a row. Average a few models,
    each on a sample of its own ("costing").

    References
    ----------
    Zadrozny, Langford and Abe, ICDM 2003.

    Examples
    --------
    >>> len(cost_sampled(np.r_[np.full(100, 1.0), np.full(100, 0.1)], seed=1))
    110
    """
    w = checked_scores(weight)
    if (w < 0).any() or (w.size and not w.max() > 0):
        raise DataError("weights are not below zero, and not all zero")
    if not w.size:
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(np.random.default_rng([seed_of(seed), _ACCEPT]).random(len(w)) < w / w.max())
