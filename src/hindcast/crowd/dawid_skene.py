"""Dawid and Skene: what is true, and which classes each annotator takes for which, learnt from nothing but answers.

Given the truth, answers are taken to be independent, and annotators to err each in their own way: a confusion matrix
each. Few give enough answers to fill one, so annotators are taken to come from one crowd: their rows have a Dirichlet
prior that is learnt from all of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hindcast.crowd.answers import Answers
from hindcast.crowd.climbing import Progress, fit
from hindcast.crowd.pooling import pooled
from hindcast.crowd.posterior import LEAST, class_prior, common_notes, finished, first_coins, unconverged
from hindcast.errors import DataError
from hindcast.values import Floats, Ints

__all__ = ["MOST_CELLS", "dawid_skene"]

MOST_CELLS = 50_000_000
"""Of all confusions together: half a gigabyte for each of the half dozen tables the fit keeps."""
_TOWARDS = 20.0
"""Answers for each class by which the average annotator is taken to be a coin: right as often whatever is true."""
_VOTED = 20.0
"""Items at the vote's shares of classes besides those there are: with few answers a truth could be anything, and drifts
to the largest class."""


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

    The rows of all annotators for one class have one Dirichlet prior: its centre is how the average annotator answers,
    its strength how alike annotators are, and both are learnt from all of them (:func:`hindcast.crowd.pooling.pooled`),
    then held. What is maximised is the likelihood with that prior times `smoothing`; it never falls. Items with one
    answer teach nothing of who errs: they are judged by what the others taught.

    References
    ----------
    Dawid and Skene, "Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm", Applied
    Statistics 28(1), 1979; Paun et al., "Comparing Bayesian Models of Annotation", TACL 6, 2018.
    """
    k, m = len(answers.classes), len(answers.annotators)
    if m * k * k > MOST_CELLS:
        raise DataError(
            f"{m:,} annotators with {k:,} classes need {m * k * k:,} cells of confusion; take method='one-coin'."
        )
    shares, learn = class_prior(answers, prior, "learnt")
    crowd = _Confusions(answers, known, shares, learn, smoothing)
    objective: tuple[float, ...] = ()
    done, converged = 0, True
    if k and crowd.teaches.any():
        gain = tolerance * max(len(answers), 1)
        objective, done, converged = fit(crowd, iterations=iterations, gain=gain, progress=progress)
    elif k:
        crowd.listen(crowd.place)
    notes = common_notes(answers, known) + unconverged(done, converged)
    if len(answers) and not crowd.teaches.any():
        notes.append("no item has two answers: nothing tells who errs, and each answer is taken as it stands.")
    thin = int((np.bincount(answers.annotator, minlength=m) < 5 * k).sum())
    if m and thin > m / 2:
        notes.append(
            f"{thin} of {m} annotators gave fewer than {5 * k} answers (five for each class): "
            f"their confusions are mostly that of the average annotator; one-coin needs fewer answers."
        )
    return finished(
        answers,
        crowd.belief,
        "dawid-skene",
        np.exp(crowd.place[m * k * k :]),
        notes=notes,
        confusion=np.exp(crowd.place[: m * k * k]).reshape(m, k, k).transpose(0, 2, 1).copy(),
        iterations=done,
        converged=converged,
        objective=objective,
        **finish,
    )


def _coin(k: int, right: Any) -> Floats:
    """The confusion, or one for each of several, of who is right that often, and else names any other class alike."""
    right = np.asarray(right)[..., None, None]
    return np.where(np.eye(k) > 0, right if k > 1 else 1.0, (1.0 - right) / max(k - 1, 1))


class _Confusions:
    """Places are the logarithms of confusions (annotator, answer, truth) and of the shares of classes."""

    def __init__(self, answers: Answers, known: Ints, shares: Floats, learn: bool, smoothing: float) -> None:
        from hindcast.crowd.passes import by_item

        m, k, n = len(answers.annotators), len(shares), len(answers.items)
        annotator, label, self.start = by_item(answers)
        self.cell = annotator * k + label
        self.known, self.learns, self.smoothing = known, learn, smoothing
        heard = np.diff(self.start)
        self.teaches = (heard > 1) | ((known >= 0) & (heard > 0))
        voted = np.bincount(label[np.repeat(self.teaches, heard)], minlength=k) + 1.0
        self.few = 1.0 + _VOTED * voted / voted.sum()
        self.belief, self.counts = np.zeros((n, k)), np.zeros((m * k, k))
        self.shape = (m, k, k)
        self.dirichlet = 4.0 * _coin(k, 0.75)
        first = _coin(k, first_coins(answers, known))
        self.place = np.concatenate([np.log(np.maximum(first, LEAST)).ravel(), np.log(shares)])

    def _parts(self, place: Floats) -> tuple[Floats, Floats]:
        cells = self.counts.size
        return place[:cells].reshape(self.shape), place[cells:]

    def begin(self) -> Floats:
        return self.place

    def listen(self, place: Floats) -> tuple[float, float]:
        from hindcast.crowd.passes import confusion_pass

        self.place = place
        logs, log_share = self._parts(place)
        logs = logs.reshape(self.counts.shape)
        evidence, moved = confusion_pass(
            self.cell, self.start, logs, log_share, self.known, self.teaches, self.belief, self.counts
        )
        return evidence, moved / max(len(self.belief), 1)

    def learn(self) -> None:
        counts = self.counts.reshape(self.shape)
        right = (counts.trace(axis1=1, axis2=2).sum() + 2.0) / (counts.sum() + 3.0)
        self.dirichlet = pooled(counts, self.dirichlet, _TOWARDS * _coin(len(self.few), right) + LEAST)

    def best(self) -> Floats:
        rates = np.maximum(self.counts.reshape(self.shape) + self.smoothing * self.dirichlet, LEAST)
        rates /= rates.sum(axis=1, keepdims=True)
        log_share = self._parts(self.place)[1]
        if self.learns:
            heard = self.belief[self.teaches].sum(axis=0) + self.few
            log_share = np.log(heard / heard.sum())
        return np.concatenate([np.log(rates).ravel(), log_share])

    def prior(self, place: Floats) -> float:
        logs, log_share = self._parts(place)
        rows = self.smoothing * float((logs.sum(axis=0) * self.dirichlet).sum())
        return rows + (float(self.few @ log_share) if self.learns else 0.0)

    def normal(self, place: Floats) -> Floats:
        logs, log_share = self._parts(place)
        rows = logs - np.logaddexp.reduce(logs, axis=1, keepdims=True)
        return np.concatenate([rows.ravel(), log_share - np.logaddexp.reduce(log_share)])
