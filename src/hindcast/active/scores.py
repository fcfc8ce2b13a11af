"""How much a model would like to be told an item's label: pure functions of probabilities; more is more wanted.

==================  ==========================================  ==================================
score               needs                                       is
==================  ==========================================  ==================================
least_confidence    probabilities (n, K)                        1 minus the likeliest class's
margin              probabilities (n, K)                        1 minus the lead of first on second
entropy             probabilities (n, K)                        nats
vote_entropy        a committee's probabilities (m, n, K)       nats of the members' votes
mean_kl             a committee's probabilities (m, n, K)       nats of disagreement (BALD)
gradient_length     probabilities and features                  expected change of a linear model
density             features                                    likeness to the whole pool
==================  ==========================================  ==================================
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hindcast.errors import DataError
from hindcast.metrics.rows import numbers
from hindcast.parameters import switch
from hindcast.semi.items import finite_matrix, is_sparse
from hindcast.values import Floats

__all__ = [
    "density",
    "entropy",
    "gradient_length",
    "least_confidence",
    "margin",
    "mean_kl",
    "vote_entropy",
]


def _checked(probability: Any, axes: int) -> Floats:
    p = numbers(probability, "probabilities")
    shape = "(n, classes)" if axes == 2 else "(members, n, classes)"
    if p.ndim != axes:
        raise DataError(f"probabilities must have shape {shape}, got {p.shape}.")
    wrong = ~((p >= -1e-9) & (p <= 1 + 1e-9)).all(axis=-1)
    wrong |= np.abs(p.sum(axis=-1) - 1.0) > 1e-3
    if p.size and wrong.any():
        row = int(np.argwhere(wrong)[0][-1])
        raise DataError("not probabilities that sum to 1", row=row + 1)
    return np.clip(p, 0.0, 1.0)


def _plogp(p: Floats) -> Floats:
    """Minus p log p, 0 at 0."""
    bits: Floats = -p * np.log(np.where(p > 0, p, 1.0))
    return bits


def least_confidence(probability: Any) -> Floats:
    """1 minus the probability of the likeliest class, shape (n,).

    Examples
    --------
    >>> least_confidence([[0.9, 0.1], [0.5, 0.5]]).round(2).tolist()
    [0.1, 0.5]
    """
    p = _checked(probability, 2)
    doubt: Floats = 1.0 - p.max(axis=1, initial=0.0)
    return doubt


def margin(probability: Any) -> Floats:
    """1 minus the lead of the likeliest class over the second, shape (n,); with one class 0.

    Examples
    --------
    >>> margin([[0.5, 0.4, 0.1], [0.5, 0.25, 0.25]]).round(2).tolist()
    [0.9, 0.75]
    """
    p = _checked(probability, 2)
    if p.shape[1] < 2:
        return np.zeros(len(p))
    two = np.partition(p, p.shape[1] - 2, axis=1)[:, -2:]
    lead: Floats = 1.0 - (two[:, 1] - two[:, 0])
    return lead


def entropy(probability: Any) -> Floats:
    """Entropy of the answer in nats, shape (n,): 0 when certain, log K when all classes are as likely.

    Examples
    --------
    >>> entropy([[1.0, 0.0], [0.5, 0.5]]).round(3).tolist()
    [0.0, 0.693]
    """
    total: Floats = _plogp(_checked(probability, 2)).sum(axis=1)
    return total


def vote_entropy(committee: Any) -> Floats:
    """Entropy of the members' votes in nats, shape (n,); each member votes for its likeliest class.

    References
    ----------
    Dagan and Engelson, "Committee-Based Sampling for Training Probabilistic Classifiers", ICML 1995.

    Examples
    --------
    >>> vote_entropy([[[0.9, 0.1]], [[0.4, 0.6]]]).round(3).tolist()
    [0.693]
    """
    p = _checked(committee, 3)
    votes = np.zeros(p.shape[1:])
    rows = np.arange(p.shape[1])
    for member in p:
        votes[rows, member.argmax(axis=1)] += 1.0
    total: Floats = _plogp(votes / max(1, len(p))).sum(axis=1)
    return total


def mean_kl(committee: Any) -> Floats:
    """Mean Kullback-Leibler divergence of the members from their mean in nats, shape (n,).

    Equal to the entropy of the mean less the mean entropy, which is BALD: what is unknown for want of data, not what
    is uncertain by nature.

    References
    ----------
    McCallum and Nigam, "Employing EM and Pool-Based Active Learning for Text Classification", ICML 1998. Houlsby et
    al., "Bayesian Active Learning for Classification and Preference Learning", 2011.

    Examples
    --------
    >>> mean_kl([[[1.0, 0.0], [0.5, 0.5]], [[0.0, 1.0], [0.5, 0.5]]]).round(3).tolist()
    [0.693, 0.0]
    """
    p = _checked(committee, 3)
    if not len(p):
        return np.zeros(p.shape[1])
    apart: Floats = _plogp(p.mean(axis=0)).sum(axis=1) - _plogp(p).sum(axis=2).mean(axis=0)
    return np.maximum(apart, 0.0)


def _lengths(features: Any) -> Floats:
    if is_sparse(features):
        return np.sqrt(np.asarray(features.multiply(features).sum(axis=1), dtype=np.float64).ravel())
    lengths: Floats = np.sqrt(np.einsum("ij,ij->i", features, features))
    return lengths


def gradient_length(probability: Any, features: Any, *, intercept: bool = True) -> Floats:
    """Expected length of the gradient that an item's label would send into a softmax-linear model, shape (n,).

    With class k the gradient of the log loss is (p - e_k) times the features, so its length is |p - e_k| |x|; the mean
    over k under p is taken in closed form: O(n K) and one pass over the features. Long items score more: scale rows
    first where length means nothing.

    Parameters
    ----------
    probability : shape (n, K)
    features : array or sparse matrix, shape (n, d)
    intercept : bool, default True
        Whether the model has one (a feature that is always 1).

    References
    ----------
    Settles, Craven and Ray, "Multiple-Instance Active Learning", NIPS 2007.

    Examples
    --------
    >>> gradient_length([[0.5, 0.5], [1.0, 0.0]], np.array([[3.0], [3.0]]), intercept=False).round(3).tolist()
    [2.121, 0.0]
    """
    p = _checked(probability, 2)
    x = finite_matrix(features)
    if x.shape[0] != len(p):
        raise DataError(f"{len(p)} probabilities came with {x.shape[0]} rows of features.")
    squares = (p**2).sum(axis=1, keepdims=True)
    away = np.sqrt(np.maximum(squares - 2 * p + 1.0, 0.0))  # |p - e_k|
    length = np.sqrt(_lengths(x) ** 2 + float(switch("intercept", intercept)))
    expected: Floats = (p * away).sum(axis=1) * length
    return expected


def density(features: Any) -> Floats:
    """Mean cosine of each item to all of the pool, shape (n,), in [-1, 1]; O(n d), no pair is ever formed.

    The mean of the cosines to all is the cosine-scaled product with the mean of all unit rows. Multiply it (to some
    power) into a score so that outliers, which are uncertain but alone, are not asked for.

    References
    ----------
    Settles and Craven, "An Analysis of Active Learning Strategies for Sequence Labeling Tasks", EMNLP 2008.

    Examples
    --------
    >>> density(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])).round(3).tolist()
    [0.667, 0.667, 0.333]
    """
    x = finite_matrix(features)
    if not x.shape[0]:
        return np.zeros(0)
    length = _lengths(x)
    scale = np.divide(1.0, length, out=np.zeros_like(length), where=length > 0)
    centre = np.asarray(x.T @ scale, dtype=np.float64).ravel() / x.shape[0]
    return np.asarray(x @ centre, dtype=np.float64).ravel() * scale
