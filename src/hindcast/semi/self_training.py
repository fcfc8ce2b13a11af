"""Self-training: the model labels the rows it is sure of, class by class, and learns again."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from hindcast.errors import ConfigError
from hindcast.parameters import number, progress_of, share, switch
from hindcast.semi.calibration import cooled, learnt_temperature
from hindcast.semi.classes import Labelled, labels_of
from hindcast.semi.items import take
from hindcast.semi.learner import Fitted, fit
from hindcast.semi.method import Round, SemiModel, checked_rounds, told_round, untaught
from hindcast.values import Floats, Ints

__all__ = ["Quota", "SelfTraining", "self_training", "sure_rows"]

Quota = Literal["prior", "balanced", "none"] | Mapping[Any, float]
_SOFT_FLOOR = 0.01


def class_shares(quota: Quota, y: Labelled) -> Floats | None:
    """The share of the rows to be taken that each class may have, shape (K,); None where classes have no quota."""
    if isinstance(quota, str):
        if quota == "none":
            return None
        if quota == "prior":
            return y.prior
        return np.full(len(y.classes), 1.0 / len(y.classes))
    unknown = sorted(repr(name) for name in quota if name not in y.classes)
    if unknown:
        raise ConfigError(f"quota names {', '.join(unknown)}, not among the classes {list(y.classes)!r:.200}.")
    shares: Floats = np.array([number(f"quota of {name!r}", quota.get(name, 0.0), least=0.0) for name in y.classes])
    if not shares.sum():
        raise ConfigError("quota shares must be zero or above, and one of them above zero.")
    shares /= shares.sum()
    return shares


def sure_rows(confidence: Floats, codes: Ints, *, threshold: float, most: int, shares: Floats | None) -> Ints:
    """Places of the rows to be taken: confident enough, the surest first, at most a quota for each class.

    Parameters
    ----------
    confidence : float64 array, shape (n,)
    codes : int64 array, shape (n,)
        The class that each row would get.
    threshold : float
    most : int
        Rows in all.
    shares : float64 array, shape (K,), or None
        The share of `most` that each class may have, rounded up; None: no quota.

    Returns
    -------
    int64 array
        Sorted. Equal confidences go by place.

    Examples
    --------
    >>> sure_rows(np.array([0.9, 0.8, 0.95, 0.4]), np.array([0, 0, 0, 1]), threshold=0.5, most=2, shares=None).tolist()
    [0, 2]
    """
    fit_ = np.flatnonzero(confidence >= threshold)
    order = fit_[np.argsort(-confidence[fit_], kind="stable")]
    if shares is not None:
        allowed = np.ceil(shares * most - 1e-9).astype(np.int64)
        order_codes = codes[order]
        by_class = np.argsort(order_codes, kind="stable")
        sizes = np.bincount(order_codes, minlength=len(shares))
        rank = np.empty(len(order), dtype=np.int64)
        rank[by_class] = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        order = order[rank < allowed[order_codes]]
    return np.sort(order[:most] if shares is None else order)


@dataclass(frozen=True)
class SelfTraining:
    """Self-training with calibrated confidence, class quotas and a growing schedule.

    Each round the model labels all unlabelled rows anew, keeps the surest (at least `threshold`, at most a growing
    share, split over the classes by `quota`) and learns from them and the labelled rows. Choosing afresh each round
    lets a wrong label go again; quotas keep an easy class from swallowing the others; confidences are divided by a
    temperature learnt on labelled rows that the model had not seen. Costs (rounds + 6) fits.

    Parameters
    ----------
    learner : scikit-learn style classifier with predict_proba, or a pipeline
    rounds : int, default 5
    threshold : float, default 0.8
        The least calibrated confidence of a row that is taken.
    most : float, default 1.0
        The share of the unlabelled rows that the last round may take; round r of R may take r / R of it.
    quota : {"prior", "balanced", "none"} or mapping of class to share, default "prior"
        "prior": as the labelled rows are split. Where the unlabelled rows are known to be split otherwise, say how.
    soft : bool, default False
        Learn each taken row with all its classes, weighted by their probability, instead of the likeliest alone.
        Needs a learner that takes ``sample_weight``.
    weight : float, default 1.0
        What a taken row weighs against a labelled one. Below 1 needs ``sample_weight``.
    calibrate : bool, default True

    References
    ----------
    Yarowsky, "Unsupervised Word Sense Disambiguation Rivaling Supervised Methods", ACL 1995. Zou et al.,
    "Unsupervised Domain Adaptation for Semantic Segmentation via Class-Balanced Self-Training", ECCV 2018.
    Cascante-Bonilla et al., "Curriculum Labeling", AAAI 2021.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> x = np.r_[np.linspace(-2, -1, 30), np.linspace(1, 2, 30)].reshape(-1, 1)
    >>> labels = [-1] * 60
    >>> labels[0], labels[59] = "low", "high"
    >>> SelfTraining(LogisticRegression(), threshold=0.5).fit(x, labels).predict([[-1.5], [1.5]]).tolist()
    ['low', 'high']
    """

    learner: Any
    rounds: int = 5
    threshold: float = 0.8
    most: float = 1.0
    quota: Quota = "prior"
    soft: bool = False
    weight: float = 1.0
    calibrate: bool = True

    def __post_init__(self) -> None:
        checked_rounds("SelfTraining", self)
        share("SelfTraining: most", self.most)
        number("SelfTraining: weight", self.weight, above=0.0, most=1e9)
        switch("SelfTraining: soft", self.soft)

    @property
    def name(self) -> str:
        return "self-training"

    def describe(self) -> dict[str, Any]:
        return {
            "method": self.name,
            "learner": repr(self.learner),
            **{n: getattr(self, n) for n in ("rounds", "threshold", "most", "quota", "soft", "weight", "calibrate")},
        }

    def supervised(
        self, items: Any, labels: Any, *, unlabelled: Any = -1, classes: Any = None, seed: int = 0
    ) -> Fitted:
        """The learner on the labelled rows alone."""
        y = labels_of(items, labels, unlabelled=unlabelled, classes=classes, what=self.name)
        return fit(self.learner, items, y, np.flatnonzero(y.known), seed=seed)

    def fit(
        self,
        items: Any,
        labels: Any,
        *,
        unlabelled: Any = -1,
        classes: Any = None,
        seed: int = 0,
        progress: Callable[[int, int], None] | None = None,
    ) -> SemiModel:
        """Learn from labelled and unlabelled rows.

        Parameters
        ----------
        items : n items: array, sparse matrix, frame or list of text
        labels : sequence, shape (n,)
        unlabelled : default -1
            What stands for "no label", besides None and NaN.
        classes : sequence, optional
        seed : int, default 0
        progress : callable, optional
            Called with (rounds done, rounds).
        """
        y = labels_of(items, labels, unlabelled=unlabelled, classes=classes, what=self.name)
        known, open_ = np.flatnonzero(y.known), np.flatnonzero(~y.known)
        model = supervised = fit(self.learner, items, y, known, seed=seed)
        if not len(open_):
            return untaught(model, y)
        told = progress_of(progress)
        pseudo = np.full(len(y), -1, dtype=np.int64)
        shares = class_shares(self.quota, y)
        heat, notes = learnt_temperature(self.learner, items, y, seed) if self.calibrate else (1.0, ())
        unknown = take(items, open_)
        rounds: list[Round] = []
        for turn in range(1, self.rounds + 1):
            probability = cooled(model.predict_proba(unknown), heat)
            codes = probability.argmax(axis=1)
            confidence = probability.max(axis=1)
            most = math.ceil(self.most * len(open_) * turn / self.rounds)
            chosen = sure_rows(confidence, codes, threshold=self.threshold, most=most, shares=shares)
            before = pseudo.copy()
            pseudo[:] = -1
            pseudo[open_[chosen]] = codes[chosen]
            least = float(confidence[chosen].min()) if len(chosen) else float("nan")
            rounds.append(told_round(turn, pseudo, before, len(y.classes), least))
            told(turn, self.rounds)
            if len(chosen) == 0:
                model = supervised
            elif rounds[-1].changed or self.soft:
                model = self._learn(items, y, known, open_[chosen], codes[chosen], probability[chosen], seed)
        if not any(r.taken for r in rounds):
            notes = (*notes, f"no row reached the confidence {self.threshold}: this is the supervised model.")
        return SemiModel(model, y.classes, pseudo, tuple(rounds), heat, notes)

    def _learn(
        self, items: Any, y: Labelled, known: Ints, taken: Ints, codes: Ints, probability: Floats, seed: int
    ) -> Fitted:
        if self.soft:
            row, codes = np.nonzero(probability >= _SOFT_FLOOR)
            taken, weight = taken[row], self.weight * probability[row, codes]
        else:
            weight = np.full(len(taken), self.weight)
        places = np.concatenate([known, taken])
        every = np.concatenate([y.codes[known], codes])
        return fit(
            self.learner, items, y, places, codes=every, weight=np.concatenate([np.ones(len(known)), weight]), seed=seed
        )


self_training = SelfTraining
