"""Dawid and Skene: what is true, and how each annotator errs, learnt from nothing but their answers.

Given the truth, answers are taken to be independent. Either annotators err each in their own way (a confusion matrix
each), or they toss one coin: right with a probability of their own, else any other class alike. Both are fitted by
expectation maximisation; an iteration is two products with the sparse matrix of answers, O(answers x classes).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hindcast.crowd.answers import Answers
from hindcast.crowd.posterior import class_prior, common_notes, finished, normalised, started
from hindcast.errors import DataError
from hindcast.values import Floats, Ints

__all__ = ["MOST_CELLS", "dawid_skene", "one_coin"]

FLOOR = 0.01
"""Added to every cell of a confusion, so that what was never seen is not impossible."""
LEAST = 1e-12
_ROUNDS = 30
MOST_CELLS = 200_000_000
"""Of all confusions together: 1.6 GB."""
Progress = Callable[[int, int], None]


def _sparse(answers: Answers) -> Any:
    """Answers as ones of shape (items, annotators x classes)."""
    from scipy.sparse import csr_array

    k = len(answers.classes)
    shape = (len(answers.items), len(answers.annotators) * k)
    return csr_array((np.ones(len(answers)), (answers.item, answers.annotator * k + answers.label)), shape=shape)


def _told(iterations: int, converged: bool) -> list[str]:
    return [] if converged else [f"not converged in {iterations} iterations; allow more, or distrust close calls."]


def _share(probability: Floats, prior: Floats, learn: bool) -> Floats:
    if not learn:
        return prior
    share = probability.sum(axis=0) + FLOOR
    return np.asarray(share / share.sum())


def _tossed(answers: Answers, known: Ints) -> Floats:
    """What a few rounds of one coin per annotator believe of each item, classes equally likely."""
    if not len(answers) or len(answers.classes) < 2:
        return started(answers, known)
    found = one_coin(answers, known, prior="uniform", iterations=_ROUNDS, ties="lowest", seed=0)
    return np.array(found.probability)


def dawid_skene(
    answers: Answers,
    known: Ints,
    *,
    prior: Any = None,
    smoothing: float = 1.0,
    iterations: int = 500,
    tolerance: float = 1e-8,
    progress: Progress | None = None,
    **finish: Any,
) -> Any:
    """The full model, a confusion matrix for every annotator; see :func:`hindcast.crowd.infer_truth`.

    Each row of each confusion starts from `smoothing` answers of the average annotator (as one coin each sees them)
    and a hundredth of an answer in every cell: with many classes and few answers each, plain smoothing towards equal
    cells drowns what is known. What is maximised is the likelihood with that prior; it never falls.

    References
    ----------
    Dawid and Skene, "Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm", Applied
    Statistics 28(1), 1979.
    """
    k, m = len(answers.classes), len(answers.annotators)
    if m * k * k > MOST_CELLS:
        raise DataError(
            f"{m:,} annotators with {k:,} classes need {m * k * k:,} cells of confusion; take method='one-coin'."
        )
    shares, learn = class_prior(answers, prior, "learnt")
    probability = _tossed(answers, known)
    said = _sparse(answers)
    heard = said.T.tocsr()
    counts = (heard @ probability).reshape(m, k, k)  # annotator, answer, truth
    average = counts.sum(axis=0) + 1.0
    extra = smoothing * average / average.sum(axis=0, keepdims=True) + FLOOR
    objective: list[float] = []
    converged, done = not len(answers), 0
    errs = np.zeros((m, k, k))
    while done < iterations and not converged:
        done += 1
        errs = counts + extra
        errs /= np.maximum(errs.sum(axis=1, keepdims=True), LEAST)
        shares = _share(probability, shares, learn)
        logs = np.log(np.maximum(errs, LEAST))
        probability, evidence = normalised(said @ logs.reshape(m * k, k) + np.log(shares), known)
        evidence += float((extra * logs).sum()) + (FLOOR * float(np.log(shares).sum()) if learn else 0.0)
        converged = bool(objective) and evidence - objective[-1] < tolerance * len(answers)
        objective.append(evidence)
        counts = (heard @ probability).reshape(m, k, k)
        if progress is not None:
            progress(done, iterations)
    if not len(answers):
        probability = normalised(np.tile(np.log(shares), (len(answers.items), 1)), known)[0]
        errs = np.full((m, k, k), 1.0 / max(k, 1))
    notes = common_notes(answers, known) + _told(done, converged)
    thin = int((np.bincount(answers.annotator, minlength=m) < 5 * k).sum())
    if m and thin > m / 2:
        notes.append(
            f"{thin} of {m} annotators gave fewer than {5 * k} answers (five for each class): "
            f"their confusions are mostly that of the average annotator; one-coin needs fewer answers."
        )
    return finished(
        answers,
        probability,
        "dawid-skene",
        shares,
        notes=notes,
        confusion=np.ascontiguousarray(errs.transpose(0, 2, 1)),
        iterations=done,
        converged=converged,
        objective=tuple(objective),
        **finish,
    )


def one_coin(
    answers: Answers,
    known: Ints,
    *,
    prior: Any = None,
    smoothing: float = 1.0,
    iterations: int = 500,
    tolerance: float = 1e-8,
    progress: Progress | None = None,
    **finish: Any,
) -> Any:
    """One probability of being right for every annotator; see :func:`hindcast.crowd.infer_truth`.

    Every annotator starts from `smoothing` right and as many wrong answers. Classes are equally likely unless a prior
    is given or asked to be learnt: with one coin, what is really a common bias would be taken for the prior.
    """
    k, m = len(answers.classes), len(answers.annotators)
    shares, learn = class_prior(answers, prior, "uniform")
    probability = started(answers, known)
    total = np.bincount(answers.annotator, minlength=m).astype(np.float64)
    others = max(k - 1, 1)
    objective: list[float] = []
    converged, done = not len(answers), 0
    ability = np.full(m, 0.5)
    while done < iterations and not converged:
        done += 1
        right = np.bincount(answers.annotator, weights=probability[answers.item, answers.label], minlength=m)
        ability = np.clip((right + smoothing) / np.maximum(total + 2 * smoothing, LEAST), LEAST, 1 - LEAST)
        shares = _share(probability, shares, learn)
        good, bad = np.log(ability), np.log((1.0 - ability) / others)
        base = np.bincount(answers.item, weights=bad[answers.annotator], minlength=len(answers.items))
        logs = answers.votes((good - bad)[answers.annotator]) + base[:, None] + np.log(shares)
        probability, evidence = normalised(logs, known)
        evidence += float(smoothing * (good + bad).sum()) + (FLOOR * float(np.log(shares).sum()) if learn else 0.0)
        converged = bool(objective) and evidence - objective[-1] < tolerance * len(answers)
        objective.append(evidence)
        if progress is not None:
            progress(done, iterations)
    if not len(answers):
        probability = normalised(np.tile(np.log(shares), (len(answers.items), 1)), known)[0]
    confusion = np.broadcast_to(((1.0 - ability) / others)[:, None, None], (m, k, k)).copy()
    confusion[:, np.arange(k), np.arange(k)] = ability[:, None] if k > 1 else 1.0
    return finished(
        answers,
        probability,
        "one-coin",
        shares,
        notes=common_notes(answers, known) + _told(done, converged),
        confusion=confusion,
        iterations=done,
        converged=converged,
        objective=tuple(objective),
        ability=ability,
        **finish,
    )
