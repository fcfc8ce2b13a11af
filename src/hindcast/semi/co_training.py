"""Co-training: two models that see different sides of an item teach each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.errors import ConfigError
from hindcast.parameters import progress_of, share
from hindcast.semi.calibration import cooled, learnt_temperature
from hindcast.semi.classes import Labelled, labels_of
from hindcast.semi.items import count, take
from hindcast.semi.learner import Fitted, fit
from hindcast.semi.method import Round, SemiModel, checked_rounds, told_round, untaught
from hindcast.semi.self_training import Quota, class_shares, sure_rows
from hindcast.values import Floats, Ints

__all__ = ["CoTraining", "TwoViews", "co_training", "view_of"]

View = Callable[[Any], Any]


def view_of(items: Any, view: Any) -> Any:
    """One side of the items: what a function makes of all of them, or columns by number or name."""
    if callable(view):
        seen = view(items)
        if count(seen) != count(items):
            raise ConfigError(f"a view made {count(seen)} items of {count(items)}; it must keep them all, in order.")
        return seen
    if not isinstance(view, Iterable) or isinstance(view, str | bytes | Mapping) or getattr(view, "shape", None) == ():
        raise ConfigError(f"a view is a function of items, or a sequence of columns, got {view!r:.60}.")
    columns = list(view)
    try:
        if hasattr(items, "iloc"):
            return items[columns]
        if hasattr(items, "select") and not isinstance(items, np.ndarray):
            return items.select(columns)
        if isinstance(items, np.ndarray):
            return items[:, np.array(columns, dtype=np.int64 if not columns else None)]
        if hasattr(items, "tocsc"):
            return items.tocsc()[:, np.array(columns)].tocsr()
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"the items have no columns {columns!r:.60} to view: {error}") from None
    raise ConfigError("columns can be chosen from arrays, sparse matrices and frames; for other items give a function.")


@dataclass(frozen=True, eq=False)
class TwoViews:
    """Two models, each on its side of the items; their probabilities are averaged."""

    models: tuple[Fitted, Fitted]
    views: tuple[Any, Any]

    def predict_proba(self, items: Any) -> Floats:
        """Probability of each class, shape (n, K)."""
        first, second = (m.predict_proba(view_of(items, v)) for m, v in zip(self.models, self.views, strict=True))
        return (first + second) / 2.0


@dataclass(frozen=True)
class CoTraining:
    """Co-training on two views.

    Each round each model labels the unlabelled rows it is surest of, by class quotas, for the other to learn from. It
    helps where either side alone would do and the two err independently given the class; where they do not, it is
    self-training at twice the price. Rows on which the two then disagree are left out.

    Parameters
    ----------
    learners : pair of classifiers, or one classifier for both views
    views : pair of functions from items to items, or of columns (numbers or names)
    rounds, threshold, most, quota, calibrate
        As in :class:`~hindcast.semi.SelfTraining`.

    References
    ----------
    Blum and Mitchell, "Combining Labeled and Unlabeled Data with Co-Training", COLT 1998.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> x = np.repeat([[-1.0, -1.0], [1.0, 1.0]], 20, axis=0)
    >>> labels = [0] + [-1] * 38 + [1]
    >>> CoTraining(LogisticRegression(), views=([0], [1]), threshold=0.5).fit(x, labels).predict(x[[0, 39]]).tolist()
    [0, 1]
    """

    learners: Any
    views: tuple[Any, Any]
    rounds: int = 5
    threshold: float = 0.8
    most: float = 1.0
    quota: Quota = "prior"
    calibrate: bool = True

    def __post_init__(self) -> None:
        checked_rounds("CoTraining", self)
        share("CoTraining: most", self.most)
        if not isinstance(self.views, tuple | list) or len(self.views) != 2:
            raise ConfigError(f"CoTraining needs two views, functions or columns, got {self.views!r:.60}.")

    @property
    def name(self) -> str:
        return "co-training"

    def describe(self) -> dict[str, Any]:
        return {
            "method": self.name,
            "learners": [repr(learner) for learner in self._pair],
            "views": [getattr(v, "__name__", None) or repr(v) for v in self.views],
            **{n: getattr(self, n) for n in ("rounds", "threshold", "most", "quota", "calibrate")},
        }

    @property
    def _pair(self) -> tuple[Any, Any]:
        if isinstance(self.learners, tuple | list):
            if len(self.learners) != 2:
                raise ConfigError(f"CoTraining needs one learner or two, got {len(self.learners)}.")
            return self.learners[0], self.learners[1]
        return self.learners, self.learners

    def supervised(
        self, items: Any, labels: Any, *, unlabelled: Any = -1, classes: Any = None, seed: int = 0
    ) -> TwoViews:
        """The two learners on the labelled rows alone."""
        y = labels_of(items, labels, unlabelled=unlabelled, classes=classes, what=self.name)
        seen = [view_of(items, view) for view in self.views]
        return TwoViews(self._fitted(seen, y, (y.codes, y.codes), seed), self.views)

    def _fitted(self, seen: list[Any], y: Labelled, codes: tuple[Ints, Ints], seed: int) -> tuple[Fitted, Fitted]:
        first, second = (
            fit(learner, items, y, np.flatnonzero(c >= 0), codes=c[c >= 0], seed=seed)
            for learner, items, c in zip(self._pair, seen, codes, strict=True)
        )
        return first, second

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
        """Learn from labelled and unlabelled rows; `progress` is called with (rounds done, rounds)."""
        y = labels_of(items, labels, unlabelled=unlabelled, classes=classes, what=self.name)
        open_ = np.flatnonzero(~y.known)
        seen = [view_of(items, view) for view in self.views]
        models = self._fitted(seen, y, (y.codes, y.codes), seed)
        if not len(open_):
            return untaught(TwoViews(models, self.views), y)
        report = progress_of(progress)
        pseudo = np.full(len(y), -1, dtype=np.int64)
        shares = class_shares(self.quota, y)
        learnt = [
            learnt_temperature(learner, view, y, seed) if self.calibrate else (1.0, ())
            for learner, view in zip(self._pair, seen, strict=True)
        ]
        notes = learnt[0][1]
        unknown = [take(view, open_) for view in seen]
        rounds: list[Round] = []
        for number in range(1, self.rounds + 1):
            most = math.ceil(self.most * len(open_) * number / self.rounds)
            told = []  # what each model says of the rows it is sure of
            for model, view, (heat, _) in zip(models, unknown, learnt, strict=True):
                probability = cooled(model.predict_proba(view), heat)
                codes, confidence = probability.argmax(axis=1), probability.max(axis=1)
                chosen = sure_rows(confidence, codes, threshold=self.threshold, most=most, shares=shares)
                said = np.full(len(open_), -1, dtype=np.int64)
                said[chosen] = codes[chosen]
                told.append((said, float(confidence[chosen].min()) if len(chosen) else float("nan")))
            (first, low), (second, high) = told
            quarrel = (first >= 0) & (second >= 0) & (first != second)
            first, second = np.where(quarrel, -1, first), np.where(quarrel, -1, second)
            before = pseudo.copy()
            pseudo[open_] = np.maximum(first, second)
            rounds.append(told_round(number, pseudo, before, len(y.classes), float(np.fmin(low, high))))
            heard = (y.codes.copy(), y.codes.copy())
            heard[0][open_], heard[1][open_] = second, first  # each learns what the other said
            models = self._fitted(seen, y, heard, seed)
            report(number, self.rounds)
        if not any(r.taken for r in rounds):
            notes = (*notes, f"no row reached the confidence {self.threshold}: this is the supervised model.")
        return SemiModel(TwoViews(models, self.views), y.classes, pseudo, tuple(rounds), learnt[0][0], notes)


co_training = CoTraining
