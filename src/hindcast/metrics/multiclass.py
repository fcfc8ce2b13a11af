"""Many classes: the confusion of truth and decision, and the scores that follow from it, class by class and overall.

Labels are any texts, integers or booleans. Averages: *macro* counts every class the same, *weighted* by its rows,
*micro* counts every row the same (for one label per row that is the accuracy).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.metrics.costs import Costs, classes_of, is_missing
from hindcast.metrics.intervals import DRAWS, Estimate, block_draws, estimate_from_draws
from hindcast.metrics.rows import block_numbers
from hindcast.values import Floats, Ints

__all__ = ["ClassConfusion", "ClassScore", "class_confusion", "class_interval"]

Average = Literal["macro", "micro", "weighted"]


def _divide(part: Floats, whole: Floats) -> Floats:
    result = np.full(np.broadcast(part, whole).shape, np.nan)
    np.divide(part, whole, out=result, where=whole > 0)
    return result


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One class against the rest.

    `rows` have it as truth, `decided` were given it; precision is NaN where none was given it, recall where none has
    it, F1 where neither.
    """

    name: Any
    rows: int
    decided: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, eq=False)
class ClassConfusion:
    """How often each class was taken for each other.

    Parameters
    ----------
    classes : tuple
    counts : int64 array, shape (K, K)
        ``counts[true, decided]``.

    Examples
    --------
    >>> seen = class_confusion(["a", "a", "b", "c"], ["a", "b", "b", "b"])
    >>> seen.classes, seen.counts.tolist()
    (('a', 'b', 'c'), [[1, 1, 0], [0, 1, 0], [0, 1, 0]])
    >>> round(seen.f1("macro"), 4), seen.accuracy, round(seen.balanced_accuracy, 3)
    (0.3889, 0.5, 0.5)
    """

    classes: tuple[Any, ...]
    counts: Ints

    @property
    def n(self) -> int:
        """The rows."""
        return int(self.counts.sum())

    def by_class(self) -> list[ClassScore]:
        """Each class against the rest, in the order of `classes`."""
        precision, recall, f1 = (_per_class(self.counts.astype(np.float64), metric) for metric in _PER_CLASS)
        rows, decided = self.counts.sum(axis=1), self.counts.sum(axis=0)
        return [
            ClassScore(name, int(rows[k]), int(decided[k]), float(precision[k]), float(recall[k]), float(f1[k]))
            for k, name in enumerate(self.classes)
        ]

    def _score(self, metric: str) -> float:
        return float(_read(metric)(self.counts.astype(np.float64)))

    def precision(self, average: Average = "macro") -> float:
        """Share of a class's decisions that were right, averaged; a class never decided counts 0 (if it has rows)."""
        return self._score(f"precision_{average}")

    def recall(self, average: Average = "macro") -> float:
        """Share of a class's rows that were found, averaged over the classes that have rows."""
        return self._score(f"recall_{average}")

    def f1(self, average: Average = "macro") -> float:
        """Harmonic mean of precision and recall, averaged over the classes that have rows or decisions."""
        return self._score(f"f1_{average}")

    @property
    def accuracy(self) -> float:
        """Share of rows decided right; no rows: NaN."""
        return self._score("accuracy")

    @property
    def balanced_accuracy(self) -> float:
        """Mean recall of the classes that have rows: 1/K for chance."""
        return self._score("balanced_accuracy")

    @property
    def g_mean(self) -> float:
        """Geometric mean of the recalls of the classes that have rows: 0 once one is missed altogether."""
        return self._score("g_mean")

    @property
    def matthews(self) -> float:
        """Correlation of truth and decision (Gorodkin's R_K, 2004); NaN where either is constant."""
        return self._score("matthews")

    def cost(self, costs: Costs) -> float:
        """Mean cost of a row; no rows: NaN."""
        if set(self.classes) - set(costs.classes):
            missing = sorted(map(repr, set(self.classes) - set(costs.classes)))
            raise ConfigError(f"the costs do not name the classes {', '.join(missing)}.")
        at = costs.code_of(self.classes, "classes")
        return float((self.counts * costs.cost[np.ix_(at, at)]).sum() / self.n) if self.n else float("nan")


def class_confusion(label: Any, decided: Any, classes: Sequence[Any] | None = None) -> ClassConfusion:
    """Count what was taken for what.

    Parameters
    ----------
    label, decided : array_like, shape (n,)
        Truth and decision; texts, integers or booleans. A missing one (None, NaN) is refused with its row.
    classes : sequence, optional
        All classes in order, for those that never occur; else those that occur, sorted.
    """
    names, true, made = _coded_both(label, decided, classes)
    k = len(names)
    return ClassConfusion(names, np.bincount(true * k + made, minlength=k * k).reshape(k, k).astype(np.int64))


def _coded_both(label: Any, decided: Any, classes: Sequence[Any] | None) -> tuple[tuple[Any, ...], Ints, Ints]:
    """The classes, and the place of each label and each decision among them, shape (n,)."""
    arrays = [np.asarray(values) for values in (label, decided) if hasattr(values, "dtype")]
    if len(arrays) == 2 and arrays[0].dtype.kind == arrays[1].dtype.kind and arrays[0].dtype.kind in "biuU":
        distinct, inverse = np.unique(np.concatenate(arrays), return_inverse=True)
        both, n = distinct.tolist(), len(arrays[0])
        names = tuple(both) if classes is None else _distinct(classes)
        index = {name: code for code, name in enumerate(names)}
        if all(name in index for name in both) and len(arrays[1]) == n:
            codes = np.array([index[name] for name in both], dtype=np.int64)[inverse]
            return names, codes[:n], codes[n:]
    true, made = _labels(label, "label"), _labels(decided, "decided")
    if len(true) != len(made):
        raise DataError(f"{len(true)} labels meet {len(made)} decisions; pass one decision per label.")
    names = classes_of([*true, *made]) if classes is None else _distinct(classes)
    index = {name: code for code, name in enumerate(names)}
    return names, _coded(true, index, "label"), _coded(made, index, "decided")


def _distinct(classes: Sequence[Any]) -> tuple[Any, ...]:
    names = tuple(classes)
    if len(set(names)) != len(names):
        raise ConfigError(f"classes must be distinct, got {names!r}.")
    return names


def _labels(values: Any, what: str) -> list[Any]:
    items: list[Any] = values.tolist() if hasattr(values, "tolist") else list(values)
    for row, item in enumerate(items):
        if is_missing(item):
            raise DataError("a label is missing; drop such rows first", row=row + 1, column=what, value=item)
        if isinstance(item, list):
            raise DataError(f"labels must have shape (n,), and {what} has rows of several", row=row + 1, column=what)
    return items


def _coded(items: list[Any], index: dict[Any, int], what: str) -> Ints:
    codes = np.empty(len(items), dtype=np.int64)
    for row, item in enumerate(items):
        if item not in index:
            raise DataError(
                f"not one of the classes {', '.join(map(repr, list(index)[:10]))}", row=row + 1, column=what, value=item
            )
        codes[row] = index[item]
    return codes


# ---- from counts of shape (..., K, K) to scores -----------------------------------------------------------

_PER_CLASS = ("precision", "recall", "f1")


def _per_class(c: Floats, metric: str) -> Floats:
    right = np.diagonal(c, axis1=-2, axis2=-1)
    rows, decided = c.sum(axis=-1), c.sum(axis=-2)
    if metric == "precision":
        return _divide(right, decided)
    if metric == "recall":
        return _divide(right, rows)
    return _divide(2.0 * right, rows + decided)


def _average(c: Floats, metric: str, how: str) -> Floats:
    rows, decided = c.sum(axis=-1), c.sum(axis=-2)
    total = c.sum(axis=(-2, -1))
    if how == "micro":
        return _divide(np.trace(c, axis1=-2, axis2=-1), total)
    counts = rows > 0 if metric == "recall" else (rows > 0) | (decided > 0)
    scores = np.nan_to_num(_per_class(c, metric), nan=0.0)
    weight = rows if how == "weighted" else counts.astype(np.float64)
    return _divide((scores * weight).sum(axis=-1), weight.sum(axis=-1))


def _g_mean(c: Floats) -> Floats:
    recall = _per_class(c, "recall")
    known = ~np.isnan(recall)
    with np.errstate(divide="ignore"):
        logs = np.log(np.where(known, recall, 1.0))
    return np.asarray(np.exp(_divide(logs.sum(axis=-1), known.sum(axis=-1))))


def _matthews(c: Floats) -> Floats:
    rows, decided = c.sum(axis=-1), c.sum(axis=-2)
    total = c.sum(axis=(-2, -1))
    right = np.trace(c, axis1=-2, axis2=-1)
    covariance = right * total - (rows * decided).sum(axis=-1)
    spread = np.sqrt((total**2 - (rows**2).sum(axis=-1)) * (total**2 - (decided**2).sum(axis=-1)))
    return _divide(covariance, spread)


CLASS_METRICS: dict[str, Callable[[Floats], Floats]] = {
    "accuracy": lambda c: _divide(np.trace(c, axis1=-2, axis2=-1), c.sum(axis=(-2, -1))),
    "balanced_accuracy": lambda c: _average(c, "recall", "macro"),
    "g_mean": _g_mean,
    "matthews": _matthews,
    **{
        f"{metric}_{how}": (lambda c, metric=metric, how=how: _average(c, metric, how))  # type: ignore[misc]
        for metric in _PER_CLASS
        for how in ("macro", "micro", "weighted")
    },
}
"""Scores of many classes by name, each a function of counts of shape (..., K, K)."""


def _read(metric: str) -> Callable[[Floats], Floats]:
    if metric not in CLASS_METRICS:
        raise UnknownName("metric of classes", metric, CLASS_METRICS)
    return CLASS_METRICS[metric]


def class_interval(
    metric: str, label: Any, decided: Any, blocks: Any, *, level: float = 0.95, draws: int = DRAWS, seed: int = 0
) -> Estimate:
    """A score of many classes with its interval over blocks (whole days are drawn); exact for every draw.

    Parameters
    ----------
    metric : str
        ``accuracy``, ``balanced_accuracy``, ``g_mean``, ``matthews``, or ``precision_``, ``recall_`` or ``f1_`` with
        ``macro``, ``micro`` or ``weighted``.
    label, decided, blocks : array_like, shape (n,)
    level, draws, seed
        As in :func:`hindcast.metrics.interval`.

    Examples
    --------
    >>> truth, day = ["a", "b", "c", "a"] * 6, np.repeat(np.arange(6), 4)
    >>> class_interval("f1_macro", truth, truth, day).low
    1.0
    """
    read = _read(metric)
    names, true, made = _coded_both(label, decided, None)
    k, n = len(names), len(true)
    codes, count = block_numbers(blocks, n)
    cell = true * k + made
    counts = np.bincount(codes * k * k + cell, minlength=count * k * k).reshape(count, k * k).astype(np.float64)
    found = read((block_draws(count, draws, seed) @ counts).reshape(draws, k, k))
    return estimate_from_draws(float(read(counts.sum(axis=0).reshape(k, k))), found, count, level, n)
