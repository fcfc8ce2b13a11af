"""Confidence that means what it says: one temperature, learnt on labelled rows that the model had not seen."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.metrics.rows import numbers
from hindcast.parameters import number, seed_of, whole
from hindcast.semi.classes import Labelled
from hindcast.semi.items import count, places_of, take
from hindcast.semi.learner import fit
from hindcast.values import Floats, Ints

__all__ = ["cooled", "folds", "out_of_fold", "temperature"]

_FLOOR = 1e-12
_RANGE = (math.log(0.05), math.log(20.0))
_LEAST = 10


def cooled(probability: Floats, temperature: float) -> Floats:
    """Probabilities raised to 1 / temperature and made to sum to 1 again, shape (n, K).

    Above 1 they are drawn towards even odds, below 1 away from them; the order of the classes stays.

    Examples
    --------
    >>> cooled(np.array([[0.8, 0.2]]), 2.0).round(3).tolist()
    [[0.667, 0.333]]
    """
    p, temperature = numbers(probability, "probabilities"), number("temperature", temperature, above=0.0)
    if p.ndim != 2:
        raise DataError(f"probabilities have shape (n, K), got {p.shape}.")
    if not p.size:
        return p
    logs = np.log(np.clip(p, _FLOOR, 1.0)) / max(temperature, 1e-300)
    logs -= logs.max(axis=1, keepdims=True)
    power: Floats = np.exp(logs)
    power /= power.sum(axis=1, keepdims=True)
    return power


def temperature(probability: Floats, codes: Ints) -> float:
    """The temperature in [0.05, 20] under which labels that the model had not seen are likeliest.

    Parameters
    ----------
    probability : float64 array, shape (n, K)
        Of rows that the model was not fitted on.
    codes : int64 array, shape (n,)

    Returns
    -------
    float
        1 with fewer than 10 rows. The log likelihood is unimodal in the inverse temperature; found by golden section
        to 1e-6 of its logarithm. O(n K) per step.

    References
    ----------
    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.

    Examples
    --------
    >>> sure_and_half_wrong = np.tile([[0.99, 0.01]], (40, 1))
    >>> temperature(sure_and_half_wrong, np.tile([0, 1], 20))
    20.0
    """
    probability, codes = checked_answers(probability, codes)
    if len(codes) < _LEAST:
        return 1.0
    rows = np.arange(len(codes))

    def loss(log_t: float) -> float:
        return -float(np.log(np.clip(cooled(probability, math.exp(log_t))[rows, codes], 1e-300, 1.0)).mean())

    low, high = _RANGE
    ratio = (math.sqrt(5) - 1) / 2
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = loss(left), loss(right)
    while high - low > 1e-6:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = loss(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = loss(right)
    return round(math.exp((low + high) / 2), 4)


def checked_answers(probability: Any, codes: Any) -> tuple[Floats, Ints]:
    """Probabilities, shape (n, K), and class codes, shape (n,), that belong together."""
    p, found = numbers(probability, "probabilities"), numbers(codes, "codes")
    if p.ndim != 2 or found.ndim != 1:
        raise DataError(f"probabilities have shape (n, K) and codes (n,), got {p.shape} and {found.shape}.")
    if len(found) != len(p):
        raise DataError(f"{len(found)} labels meet {len(p)} predictions.")
    wrong = ~((found >= 0) & (found < p.shape[1]) & (found == np.floor(found)))
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(f"a code is a whole number, 0 to {p.shape[1] - 1}", row=row + 1, value=float(found[row]))
    return p, found.astype(np.int64)


def folds(codes: Ints, parts: int, seed: int) -> Ints:
    """The fold, 0 to parts - 1, of each row, shape (n,): every class is spread as evenly as it goes, seeded.

    Examples
    --------
    >>> np.bincount(folds(np.array([0] * 6 + [1] * 3), 3, seed=0)).tolist()
    [3, 3, 3]
    """
    random = np.random.default_rng([seed, 40_121])
    order = random.permutation(len(codes))
    order = order[np.argsort(codes[order], kind="stable")]
    result = np.empty(len(codes), dtype=np.int64)
    result[order] = np.arange(len(codes)) % parts
    return result


def out_of_fold(learner: Any, items: Any, y: Labelled, places: Ints, *, parts: int = 5, seed: int = 0) -> Floats:
    """Probabilities of the labelled rows at `places`, each from a model fitted without its fold, shape (m, K)."""
    if not isinstance(y, Labelled):
        raise ConfigError(f"out_of_fold: y is what labelled() gives, got {y!r:.60}.")
    places = places_of(places, len(y), what="out_of_fold: places")
    parts, seed = min(whole("out_of_fold: parts", parts, least=2), max(len(places), 1)), seed_of(seed)
    if count(items) != len(y):
        raise DataError(f"out_of_fold: {count(items)} items came with {len(y)} labels.")
    codes = y.codes[places]
    result = np.zeros((len(places), len(y.classes)))
    fold = folds(codes, parts, seed)
    for part in range(parts):
        inside, outside = fold == part, fold != part
        model = fit(learner, items, y, places[outside], seed=seed)
        result[inside] = model.predict_proba(take(items, places[inside]))
    return result


def learnt_temperature(learner: Any, items: Any, y: Labelled, seed: int) -> tuple[float, tuple[str, ...]]:
    """The temperature from out-of-fold predictions of the labelled rows, and what must be said about it."""
    places = np.flatnonzero(y.known)
    if len(places) < _LEAST or y.codes[places].min() == y.codes[places].max():
        return 1.0, (f"{len(places)} labelled rows are too few to calibrate on: confidences are the model's own.",)
    return temperature(out_of_fold(learner, items, y, places, seed=seed), y.codes[places]), ()
