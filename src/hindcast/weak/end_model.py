"""A classifier trained on probable labels, so that rows on which no function votes get an answer too.

Labelling functions see the few words they were written for; a model trained on what they make of many rows sees all the
words that come with these. It is trained on the expected loss over the labels' probabilities: a row of which nobody is
sure counts for both classes, and so for neither.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hindcast.columns import Frame
from hindcast.crowd.names import codes_of
from hindcast.errors import ConfigError, DataError
from hindcast.parameters import choice
from hindcast.values import Bools, Floats, Ints

__all__ = ["EndModel", "FittedEndModel", "text_classifier"]

_LEAST = 1e-6
"""Probabilities below are left out: a copy of a row with such a weight changes nothing."""

_COPIES = 10
"""How often a row is repeated, for classifiers that take no weights."""


def text_classifier() -> Any:
    """What is trained on texts by default: TF-IDF of words and pairs of words, and a logistic regression.

    Terms are weighted by one plus the logarithm of their count; a word is two letters or digits or more, whatever its
    case. The regression's strength is C = 10, the same for all data.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline

    return Pipeline(
        [
            ("terms", TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)),
            ("logistic", LogisticRegression(C=10.0, max_iter=1_000)),
        ]
    )


@dataclass(frozen=True)
class FittedEndModel:
    """A trained end model.

    Attributes
    ----------
    classes : tuple
    classifier : Any
        As it was trained, on class codes.
    rows : int
        How many rows it was trained on.
    notes : tuple of str
    """

    classes: tuple[Any, ...]
    classifier: Any
    rows: int
    notes: tuple[str, ...] = ()

    def predict_proba(self, x: Any) -> Floats:
        """Probabilities of shape (n, K), in the order of `classes`; 0 for a class that no label ever spoke for."""
        x = inputs_of(x)
        out = np.zeros((_length(x), len(self.classes)))
        if len(out):
            found = np.asarray(self.classifier.predict_proba(x), dtype=np.float64)
            out[:, np.asarray(self.classifier.classes_, dtype=np.int64)] = found
        return out

    def predict(self, x: Any) -> list[Any]:
        """The most probable class of each row; of equally probable ones the first."""
        return [self.classes[code] for code in self.predict_proba(x).argmax(axis=1).tolist()]

    @property
    def classes_(self) -> NDArray[Any]:
        """The classes as scikit-learn names them, so that the model can vote itself (:func:`model_votes`)."""
        return np.array(self.classes)


@dataclass(frozen=True)
class EndModel:
    """How to train a classifier on probable labels.

    Each row enters once per class, with the class's probability as its weight: for a loss that adds up over rows that
    is the loss expected under the labels' probabilities. A classifier that takes no weights gets each row ten times,
    divided among the classes as nearly as that goes.

    Parameters
    ----------
    classifier : scikit-learn-like, optional
        With ``fit(X, y, sample_weight)`` and ``predict_proba``; it is cloned, never changed. In a pipeline, what comes
        before the last step is fitted to every row once. By default :func:`text_classifier`.
    uncovered : {"drop", "keep"}, default "drop"
        What becomes of rows on which no function voted: nothing is known of them, and keeping them teaches the balance
        of classes at best.

    References
    ----------
    Ratner et al., "Data Programming: Creating Large Training Sets, Quickly", NeurIPS 2016, section 2 (the noise-aware
    loss).

    Examples
    --------
    >>> texts = ["win cash now", "win a prize now", "see you at noon", "lunch at noon?"] * 3
    >>> sure = np.array([[0.1, 0.9], [0.2, 0.8], [0.9, 0.1], [0.8, 0.2]] * 3)
    >>> model = EndModel().fit(texts, sure, classes=["ham", "spam"])
    >>> model.predict(["cash prize", "noon"])
    ['spam', 'ham']
    """

    classifier: Any = None
    uncovered: Literal["drop", "keep"] = "drop"

    def __post_init__(self) -> None:
        choice("uncovered", self.uncovered, ("drop", "keep"))
        if self.classifier is not None and not hasattr(self.classifier, "predict_proba"):
            raise ConfigError(f"a {type(self.classifier).__name__} has no predict_proba; give another classifier.")

    def fit(
        self,
        x: Any,
        probability: Any,
        *,
        classes: Sequence[Any] | None = None,
        covered: Any = None,
        weight: Any = None,
    ) -> FittedEndModel:
        """Train.

        Parameters
        ----------
        x : texts, array, sparse matrix, Frame or data frame of n rows
        probability : float array, shape (n, K)
            Rows sum to 1.
        classes : sequence of K, optional
            By default 0 to K-1.
        covered : bool array, shape (n,), optional
            Where functions voted (``votes.covered``); by default everywhere.
        weight : float array, shape (n,), optional
            How much each row counts.

        Raises
        ------
        DataError
            For shapes that do not fit, rows that are no probabilities, no covered row, or labels for one class only.
        """
        x = inputs_of(x)
        try:
            n, shares = _length(x), np.asarray(probability, dtype=np.float64)
        except (TypeError, ValueError):
            raise DataError("an end model learns from rows and a matrix of probabilities, one row each.") from None
        if shares.ndim != 2 or len(shares) != n:
            raise DataError(f"{n} rows came with probabilities of shape {shares.shape}; give shape (rows, classes).")
        wrong = ~((shares >= 0).all(axis=1) & (np.abs(shares.sum(axis=1) - 1) <= 1e-6))
        if wrong.any():
            row = int(wrong.argmax())
            raise DataError(
                "a row's probabilities are at least 0 and sum to 1", row=row + 1, value=shares[row].tolist()
            )
        named = list(range(shares.shape[1])) if classes is None else list(classes)
        names = codes_of(named, column="classes", known=named)[1]
        if len(names) != shares.shape[1]:
            raise DataError(f"{len(names)} classes came with probabilities of shape {shares.shape}.")
        kept = _kept(n, covered, self.uncovered)
        factor = np.ones(n) if weight is None else np.asarray(weight, dtype=np.float64)
        if factor.shape != (n,) or not (factor >= 0).all():
            raise DataError(f"a weight is a number of at least 0 per row, got shape {factor.shape} for {n} rows.")
        places = np.flatnonzero(kept & (factor > 0))
        if not len(places):
            raise DataError("no row has a vote to learn from; write functions that vote on more rows.")
        shares, factor = shares[places], factor[places]
        spoken = np.flatnonzero((shares > _LEAST).any(axis=0))
        if len(spoken) < 2:
            only = names[int(spoken[0])]
            raise DataError(f"all labels are {only!r}; a model needs functions that speak for another class too.")
        dropped = n - int(kept.sum())
        notes = [f"{dropped} of {n} rows without a vote were left out"] if dropped else []
        fitted = _fitted(self.classifier, rows_of(x, places), shares, factor, notes)
        return FittedEndModel(names, fitted, len(places), tuple(notes))


def rows_of(x: Any, places: Ints) -> Any:
    """The rows of `x` at `places`, whatever holds them."""
    if isinstance(x, list | tuple):
        return [x[place] for place in places.tolist()]
    if hasattr(x, "iloc"):
        return x.iloc[places]
    return x[places]


def inputs_of(x: Any) -> Any:
    """What a classifier takes: a frame's one text column as a list, its numbers as an array; all else as it is."""
    if not isinstance(x, Frame):
        return x
    if x.names and all(column.kind == "text" for column in x.values()):
        if len(x.names) > 1:
            raise ConfigError(f"a model reads one column of text, got {', '.join(x.names)}; join or select them.")
        return ["" if text is None else text for text in x[x.names[0]].objects().tolist()]
    return np.stack([column.floats() for column in x.values()], axis=1)


def _length(x: Any) -> int:
    return int(x.shape[0]) if hasattr(x, "shape") and x.shape else len(x)


def _kept(n: int, covered: Any, uncovered: str) -> Bools:
    if covered is None or uncovered == "keep":
        return np.ones(n, dtype=np.bool_)
    kept = np.asarray(covered)
    if kept.dtype != np.bool_ or kept.shape != (n,):
        raise DataError(f"covered is one boolean per row, got {kept.dtype} of shape {kept.shape} for {n} rows.")
    return kept


def _fitted(classifier: Any, x: Any, shares: Floats, weight: Floats, notes: list[str]) -> Any:
    from sklearn.base import clone
    from sklearn.pipeline import Pipeline
    from threadpoolctl import threadpool_limits

    made = text_classifier() if classifier is None else clone(classifier)
    last = made
    if isinstance(made, Pipeline):
        last = made.steps[-1][1]
        if len(made.steps) > 1:
            x = made[:-1].fit_transform(x, shares.argmax(axis=1))
    if _takes_weights(last):
        rows, codes = np.nonzero(shares > _LEAST)
        options = {"sample_weight": shares[rows, codes] * weight[rows]}
    else:
        rows, codes = _divided(shares, weight)
        options = {}
        notes.append(f"{type(last).__name__} takes no weights: each row was repeated, divided among the classes")
    with threadpool_limits(limits=1 if classifier is None else None):  # the same bits with any number of threads
        last.fit(rows_of(x, rows), codes, **options)
    return made


def _takes_weights(classifier: Any) -> bool:
    return "sample_weight" in inspect.signature(classifier.fit).parameters


def _divided(shares: Floats, weight: Floats) -> tuple[Ints, Ints]:
    """Rows repeated about `_COPIES` times their weight, divided among classes; rounding is carried to the next row."""
    exact = shares * (_COPIES * weight / weight.mean())[:, None]
    counts = np.diff(np.floor(np.cumsum(exact, axis=0) + 0.5), axis=0, prepend=0.0).astype(np.int64)
    rows, codes = np.nonzero(counts)
    times = counts[rows, codes]
    return np.repeat(rows, times), np.repeat(codes, times)
