"""What mistakes cost: a matrix of costs, the decision of least expected cost, and what decisions did cost.

Rows of a matrix are what is true, columns what is decided: ``cost[true, decided]``. A cost below zero is a gain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.metrics.rows import checked_probabilities, numbers
from hindcast.metrics.value import Goal
from hindcast.values import Bools, Floats, Ints

__all__ = ["Costs", "expected_cost"]


@dataclass(frozen=True, eq=False)
class Costs:
    """Costs of each decision for each truth; with probabilities they say what to decide.

    Parameters
    ----------
    cost : array_like, shape (K, K)
        ``cost[true, decided]``, finite, in `unit`; K is at least 2.
    classes : sequence, optional
        The K classes, in the order of rows and columns; 0 to K - 1 unless given.
    unit : str, default ""

    Raises
    ------
    ConfigError
        For a matrix that is not square or not finite, for classes that are not K distinct ones, and where being right
        costs more than some mistake: then a sign is wrong, most likely.

    References
    ----------
    Elkan, "The Foundations of Cost-Sensitive Learning", IJCAI 2001.

    Examples
    --------
    >>> costs = Costs.binary(miss=10, false_alarm=1)
    >>> round(costs.threshold, 4)
    0.0909
    >>> three = Costs([[0, 1, 5], [1, 0, 5], [2, 2, 0]], classes=["a", "b", "c"])
    >>> three.decide([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]]).tolist()
    ['a', 'c']
    """

    cost: Floats
    classes: tuple[Any, ...] = ()
    unit: str = ""
    _of: dict[Any, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        cost = np.array(numbers(self.cost, "costs"))
        if cost.ndim != 2 or cost.shape[0] != cost.shape[1] or len(cost) < 2 or not np.isfinite(cost).all():
            raise ConfigError(f"Costs needs a square matrix of finite costs, 2 x 2 at least; got shape {cost.shape}.")
        classes = tuple(self.classes) or tuple(range(len(cost)))
        codes = {value: code for code, value in enumerate(classes)}
        if len(classes) != len(cost) or len(codes) != len(cost):
            raise ConfigError(f"Costs of shape {cost.shape} needs {len(cost)} distinct classes, got {classes!r}.")
        for true in range(len(cost)):
            if cost[true, true] > cost[true].min():
                better = int(cost[true].argmin())
                raise ConfigError(
                    f"for class {classes[true]!r} being right costs {cost[true, true]:g}, more than deciding "
                    f"{classes[better]!r} ({cost[true, better]:g}). Rows are what is true, columns what is decided, "
                    "and a gain is below zero: check the signs, or transpose."
                )
        cost.setflags(write=False)
        object.__setattr__(self, "cost", cost)
        object.__setattr__(self, "classes", classes)
        object.__setattr__(self, "_of", codes)

    @staticmethod
    def binary(*, miss: float, false_alarm: float, hit: float = 0.0, pass_by: float = 0.0, unit: str = "") -> Costs:
        """Costs of acting on label 1 or leaving it alone."""
        return Costs(np.array([[pass_by, false_alarm], [miss, hit]], dtype=np.float64), (0, 1), unit)

    @staticmethod
    def of_goal(goal: Goal) -> Costs:
        """A goal's payoffs as costs: what is worth something costs less than nothing."""
        return Costs.binary(
            miss=-goal.miss, false_alarm=-goal.false_alarm, hit=-goal.hit, pass_by=-goal.pass_by, unit=goal.unit
        )

    @property
    def threshold(self) -> float:
        """For two classes: decide the second where its probability is above this.

        Raises
        ------
        ConfigError
            For more classes, or where one decision is never the better one.
        """
        if len(self.classes) != 2:
            raise ConfigError(f"{len(self.classes)} classes have no single threshold; use decide(probability).")
        alarm = float(self.cost[0, 1] - self.cost[0, 0])
        miss = float(self.cost[1, 0] - self.cost[1, 1])
        if alarm + miss <= 0:
            raise ConfigError("both decisions always cost the same; there is nothing to decide.")
        return alarm / (alarm + miss)

    def expected(self, probability: Any) -> Floats:
        """The expected cost of each decision, shape (n, K), for probabilities of shape (n, K), or (n,) for two."""
        p = numbers(probability, "probabilities")
        if p.ndim == 1 and len(self.classes) == 2:
            p = checked_probabilities(p)
            p = np.stack([1.0 - p, p], axis=1)
        if p.ndim != 2 or p.shape[1] != len(self.classes):
            raise DataError(
                f"{len(self.classes)} classes need probabilities of shape (n, {len(self.classes)}), got {p.shape}."
            )
        checked_probabilities(p.ravel())
        return np.stack([(p * column).sum(axis=1) for column in self.cost.T], axis=1)

    def codes(self, probability: Any) -> Ints:
        """The place in `classes` of the decision of least expected cost, shape (n,); ties: the first class."""
        return np.asarray(self.expected(probability).argmin(axis=1), dtype=np.int64)

    def decide(self, probability: Any) -> np.ndarray[Any, Any]:
        """The class of least expected cost for each row, shape (n,)."""
        found = np.empty(len(self.classes), dtype=object)
        found[:] = self.classes
        chosen = found[self.codes(probability)]
        kinds = {type(value) for value in self.classes}
        return chosen.astype(np.asarray(self.classes).dtype) if len(kinds) == 1 else chosen

    def code_of(self, labels: Any, what: str) -> Ints:
        """The place in `classes` of each label, shape (n,); an unknown one is refused with its row."""
        items = labels.tolist() if hasattr(labels, "tolist") else list(labels)
        codes = np.empty(len(items), dtype=np.int64)
        for row, item in enumerate(items):
            code = None if isinstance(item, list) else self._of.get(item)
            if code is None:
                shown = ", ".join(map(repr, self.classes[:10]))
                raise DataError(f"not one of the classes {shown}", row=row + 1, column=what, value=item)
            codes[row] = code
        return codes

    def of_rows(self, label: Any, decided: Any) -> Floats:
        """What each decision cost, shape (n,)."""
        true, made = self.code_of(label, "label"), self.code_of(decided, "decided")
        if true.shape != made.shape:
            raise DataError(f"{true.size} labels meet {made.size} decisions; pass one decision per label.")
        return np.asarray(self.cost[true, made])

    def acted(self, probability: Any) -> Bools:
        """For two classes: where the second is decided, shape (n,)."""
        return np.asarray(checked_probabilities(probability) > self.threshold)

    def describe(self) -> dict[str, Any]:
        """Plain data: the matrix, the classes, the unit."""
        return {"cost": self.cost.tolist(), "classes": list(self.classes), "unit": self.unit}


def expected_cost(label: Any, decided: Any, costs: Costs) -> float:
    """Mean cost of a row as it was decided, in the unit of `costs`; no rows: NaN. Lower is better.

    Examples
    --------
    >>> expected_cost([1, 1, 0, 0], [1, 0, 1, 0], Costs.binary(miss=10, false_alarm=1))
    2.75
    """
    paid = costs.of_rows(label, decided)
    return float(paid.mean()) if paid.size else float("nan")


def is_missing(label: Any) -> bool:
    """Whether a label is None, NaN, or pandas' own NA or NaT."""
    if label is None or type(label).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(label, float | np.floating) and bool(np.isnan(label))


def classes_of(values: Sequence[Any]) -> tuple[Any, ...]:
    """The distinct values in order: as they compare, or by their text where they do not."""
    distinct = list(dict.fromkeys(values))
    try:
        return tuple(sorted(distinct))
    except TypeError:
        return tuple(sorted(distinct, key=lambda value: (type(value).__name__, str(value))))
