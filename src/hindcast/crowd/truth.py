"""Truth inference: from many answers of unequal annotators to one label for each item, and how sure it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from hindcast.crowd.answers import Answers, Truth
from hindcast.crowd.dawid_skene import MOST_CELLS, dawid_skene
from hindcast.crowd.glad import glad
from hindcast.crowd.one_coin import one_coin
from hindcast.crowd.posterior import clamped, common_notes, finished, known_codes
from hindcast.errors import ConfigError, UnknownName
from hindcast.parameters import choice, number, seed_of, whole
from hindcast.values import Floats, Ints

__all__ = ["TRUTH_METHODS", "infer_truth"]

_ENOUGH = 50
_LEANING = 0.1
_OVERRULED = 0.05
TRUTH_METHODS = ("majority", "weighted", "dawid-skene", "one-coin", "glad")


def infer_truth(
    answers: Answers,
    method: str = "dawid-skene",
    *,
    known: Mapping[Any, Any] | None = None,
    prior: Any = None,
    smoothing: float = 1.0,
    weights: Mapping[Any, float] | None = None,
    ties: Literal["lowest", "random"] = "lowest",
    iterations: int = 500,
    tolerance: float = 1e-8,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Truth:
    """What is true of each item, inferred from the answers of several annotators.

    =============  ==========================================================  ===============================
    method         supposes                                                    good where
    =============  ==========================================================  ===============================
    majority       all annotators are equally good                             the floor: always beside others
    weighted       some are better; weights are given, or learnt by vote       few answers, one quick pass
    dawid-skene    each confuses classes in a way of their own, of one crowd   people lean, classes are rare
    one-coin       each is right with one probability, whatever the class      few answers a person, no bias
    glad           abilities, and items that are harder than others            items differ in difficulty
    =============  ==========================================================  ===============================

    The three that know no bias (weighted, one-coin, glad) are held against Dawid-Skene, and that against the majority;
    a note says where it sees another truth on over a tenth (a twentieth) of the items. All suppose that, given the
    truth, annotators err independently: where they copy each other (or share a misunderstanding) every method is too
    sure. Items and annotators may come in any order.

    Parameters
    ----------
    answers : Answers
        Any number of classes; anyone may have answered any part. Answers kept twice (``keep="all"``) count twice.
    method : {"dawid-skene", "majority", "weighted", "one-coin", "glad"}
    known : mapping, optional
        From item to class where the truth is known (gold questions): annotators are measured by them.
    prior : "learnt", "uniform", or shares of the classes, optional
        Default: learnt for ``dawid-skene``, uniform for ``one-coin`` and ``glad``; votes have none.
    smoothing : float, default 1
        Times the prior on annotators, whose strength ``dawid-skene`` and ``one-coin`` learn from all of them; 0 for
        plain maximum likelihood. For ``weighted``, in answers. See the methods.
    weights : mapping, optional
        For ``weighted``: from annotator to weight, not below 0 (others 0). Learnt by default: the logarithm of the
        odds of agreeing with the weighted vote, against chance, again and again until no label changes.
    ties : {"lowest", "random"}
        What to name where classes are equally probable; :attr:`Truth.tied` says where.
    iterations, tolerance : int, float
        EM stops when the objective rises by less than `tolerance` for each answer.
    seed : int
        For random ties.
    progress : callable, optional
        Called with (iterations done, most there may be).

    Returns
    -------
    Truth
        An item without answers has the prior.

    Raises
    ------
    UnknownName, ConfigError, DataError

    References
    ----------
    Zheng et al., "Truth Inference in Crowdsourcing: Is the Problem Solved?", PVLDB 10(5), 2017; for the learnt
    weights Li and Yu, "Error Rate Bounds and Iterative Weighted Majority Voting for Crowdsourcing", 2014.

    Examples
    --------
    >>> votes = [[1, 1, 0], [0, 0, 1], [1, 1, 0], [0, 0, 0], [1, 1, 1], [0, 0, 1]]
    >>> truth = infer_truth(Answers.of_matrix(votes, classes=["no", "yes"]))
    >>> truth.names()
    ['yes', 'no', 'yes', 'no', 'yes', 'no']
    >>> bool(truth.confusion[0, 1, 1] > truth.confusion[2, 1, 1])
    True
    """
    if not isinstance(answers, Answers):
        raise ConfigError(f"infer_truth takes Answers, got {type(answers).__name__}; make them with Answers.of(...).")
    choice("method", method, TRUTH_METHODS, where="infer_truth")
    choice("ties", ties, ("lowest", "random"), where="infer_truth")
    smoothing, tolerance = number("smoothing", smoothing, least=0), number("tolerance", tolerance, least=0)
    iterations, seed = whole("iterations", iterations, least=1), seed_of(seed)
    if progress is not None and not callable(progress):
        raise ConfigError(f"progress is a function of (iterations done, most there may be), got {progress!r}.")
    if not isinstance(weights, Mapping | None):
        raise ConfigError(f"weights are a mapping from annotator to weight, got {type(weights).__name__}.")
    if weights is not None and method != "weighted":
        raise ConfigError(f"weights are for method='weighted', not {method!r}.")
    codes = known_codes(answers, known)
    finish = {"ties": ties, "seed": seed}
    if method in ("majority", "weighted"):
        if prior is not None:
            raise ConfigError(f"method {method!r} has no prior.")
        if method == "majority":
            return _vote(answers, codes, None, "majority", finish)
        return _beside(answers, _weighted(answers, codes, weights, smoothing, iterations, finish), codes, weights)
    fit = {"dawid-skene": dawid_skene, "one-coin": one_coin, "glad": glad}[method]
    result: Truth = fit(
        answers,
        codes,
        prior=prior,
        smoothing=smoothing,
        iterations=iterations,
        tolerance=tolerance,
        progress=progress,
        **finish,
    )
    return _beside_vote(result, answers, codes) if method == "dawid-skene" else _beside(answers, result, codes, None)


def _beside(answers: Answers, found: Truth, known: Ints, weights: Any) -> Truth:
    """The same, with a note where Dawid and Skene's model sees another truth: people may lean, which it can tell."""
    k = len(answers.classes)
    if weights is not None or len(answers.items) < _ENOUGH or k < 2 or len(answers.annotators) * k * k > MOST_CELLS:
        return found
    full: Truth = dawid_skene(answers, known, ties="lowest", seed=0)
    other = (full.label != found.label) & ~found.tied & ~full.tied
    if other.mean() <= _LEANING:
        return found
    note = (
        f"dawid-skene names another class on {other.mean():.0%} of items: right where people lean to a class, wrong "
        f"where few or careless answers tell little; look at these items, or add some whose truth is known."
    )
    return replace(found, notes=(*found.notes, note))


def _beside_vote(found: Truth, answers: Answers, known: Ints) -> Truth:
    """The same, with a note where it overrules the majority often: nothing in the answers says which is right."""
    shares = _shares(answers, known, None)[0]
    if len(found) < _ENOUGH or shares.shape[1] < 2:
        return found
    clear = (shares >= shares.max(axis=1, keepdims=True) - 1e-9).sum(axis=1) == 1
    other = clear & ~found.tied & (shares.argmax(axis=1) != found.label)
    if other.mean() <= _OVERRULED:
        return found
    note = (
        f"another class than the majority's on {other.mean():.0%} of items: right where people lean to a class, wrong "
        f"where few or careless answers tell little; look at some of them, or add items whose truth is known."
    )
    return replace(found, notes=(*found.notes, note))


def _shares(answers: Answers, known: Ints, weight: Floats | None) -> tuple[Floats, Floats]:
    """The share of (weighted) votes of each class in each item, and overall."""
    votes = answers.votes(None if weight is None else weight[answers.annotator])
    k = votes.shape[1]
    overall = votes.sum(axis=0)
    overall = overall / overall.sum() if overall.sum() > 0 else np.full(k, 1.0 / max(k, 1))
    total = votes.sum(axis=1, keepdims=True)
    shares = np.tile(overall, (len(votes), 1))
    np.divide(votes, total, out=shares, where=total > 0)
    return clamped(shares, known), overall


def _vote(answers: Answers, known: Ints, weight: Floats | None, method: str, finish: Any, **parts: Any) -> Truth:
    shares, overall = _shares(answers, known, weight)
    notes = common_notes(answers, known) + parts.pop("notes", [])
    return finished(answers, shares, method, overall, notes=notes, **parts, **finish)


def _weighted(
    answers: Answers,
    known: Ints,
    weights: Mapping[Any, float] | None,
    smoothing: float,
    iterations: int,
    finish: Any,
) -> Truth:
    m, k = len(answers.annotators), len(answers.classes)
    if weights is not None:
        unknown = [name for name in weights if name not in set(answers.annotators)]
        if unknown:
            raise UnknownName("annotator", str(unknown[0]), map(str, answers.annotators), where="weights")
        given = np.array([number(f"the weight of {n!r}", weights.get(n, 0.0), least=0) for n in answers.annotators])
        return _vote(answers, known, given, "weighted", finish, ability=given)
    total = np.bincount(answers.annotator, minlength=m)
    weight = np.ones(m)
    labels = np.full(len(answers.items), -1, dtype=np.int64)
    done, converged = 0, False
    while done < iterations and not converged:
        done += 1
        shares, _ = _shares(answers, known, weight)
        before, labels = labels, shares.argmax(axis=1) if k else labels
        best = shares >= shares.max(axis=1, keepdims=True, initial=0.0) - 1e-9
        credit = best / np.maximum(best.sum(axis=1, keepdims=True), 1)  # a tie is nobody's: split
        right = np.bincount(answers.annotator, weights=credit[answers.item, answers.label], minlength=m)
        rate = np.clip((right + smoothing) / np.maximum(total + 2 * smoothing, 1e-12), 1e-6, 1 - 1e-6)
        weight = np.maximum(np.log(rate * max(k - 1, 1) / (1.0 - rate)), 0.0)  # worse than chance: no vote
        if not weight.any():
            weight = np.ones(m)
        converged = done > 1 and bool(np.array_equal(before, labels))
    notes = [] if converged else [f"the labels still changed after {done} rounds."]
    return _vote(
        answers, known, weight, "weighted", finish, ability=weight, iterations=done, converged=converged, notes=notes
    )
