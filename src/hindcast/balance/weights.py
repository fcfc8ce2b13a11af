"""Weights in place of rows: the same balance without drawing, repeating or making any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from hindcast.balance.classes import class_counts, coded
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.metrics.costs import Costs
from hindcast.metrics.rows import numbers
from hindcast.parameters import choice, number, share
from hindcast.trainset.rows import Rows
from hindcast.values import Floats

__all__ = ["ClassWeights", "CostWeights", "class_weights", "cost_weights", "weight_of_classes"]

How = Literal["balanced", "inverse", "sqrt", "effective"]
_HOW = ("balanced", "inverse", "sqrt", "effective")


def weight_of_classes(
    y: Any,
    how: How = "balanced",
    *,
    beta: float = 0.999,
    weight: Any = None,
    normalise: Literal["rows", "classes"] = "rows",
) -> dict[Any, float]:
    """What a row of each class should weigh.

    Parameters
    ----------
    y : array_like, shape (n,)
        Labels of two classes or more.
    how : {"balanced", "inverse", "sqrt", "effective"}
        One over a class's rows ("balanced", "inverse"), one over their square root, or one over their effective number
        ``(1 - beta**n) / (1 - beta)``: rows overlap, so that the thousandth adds less than the first.
    beta : float, default 0.999
        For "effective", in [0, 1): 0 weighs all classes the same, towards 1 it comes to "inverse".
    weight : array_like, shape (n,), optional
        Weights the rows have already; a class's rows are then their sum.
    normalise : {"rows", "classes"}
        So that the weights of all rows add up to what they did, or those of the classes to K (as Cui et al. do).

    References
    ----------
    Cui et al., "Class-Balanced Loss Based on Effective Number of Samples", CVPR 2019.

    Examples
    --------
    >>> weight_of_classes(["a", "b", "b", "b"])
    {'a': 2.0, 'b': 0.6666666666666666}
    >>> found = weight_of_classes([0] * 900 + [1] * 100, "effective", beta=0.99, normalise="classes")
    >>> {name: round(value, 3) for name, value in found.items()}
    {0: 0.776, 1: 1.224}
    """
    step = ClassWeights(how, beta)
    choice("way to normalise", normalise, ["rows", "classes"], where="weight_of_classes")
    codes, classes = coded(y)
    class_counts(codes, len(classes), "weight_of_classes")
    w = None if weight is None else numbers(weight, "weights")
    if w is not None and (w.shape != codes.shape or not (np.isfinite(w) & (w > 0)).all()):
        raise DataError(
            f"weights are finite numbers above zero, one for each of {len(codes)} rows; got shape {w.shape}."
        )
    totals = np.bincount(codes, weights=w, minlength=len(classes)).astype(np.float64)
    found = step.by_class(totals, classes)
    if normalise == "classes":
        found = found * len(classes) / found.sum()
    return dict(zip(classes, found.tolist(), strict=True))


def _keeping_total(relative: Floats, totals: Floats) -> Floats:
    return np.asarray(relative * totals.sum() / (relative * totals).sum())


def _reweighted(rows: Rows, by_class: Floats) -> Rows:
    """Rows with the weight of each class multiplied; of a soft label both parts are, and it moves accordingly."""
    nought, one = by_class[0] * (1.0 - rows.label), by_class[1] * rows.label
    return rows.having(label=one / (nought + one), weight=rows.weight * (nought + one))


@dataclass(frozen=True)
class ClassWeights:
    """Rows of rare classes weigh more; the total weight stays. For learners on log loss.

    Like repeating rows, without the rows. Probabilities are too high for the rare class until they are put right.

    Parameters
    ----------
    how : {"balanced", "inverse", "sqrt", "effective"}
        As in :func:`weight_of_classes`; "inverse" is another name for "balanced" here, since the total weight stays.
    beta : float, default 0.999
        For "effective" alone.

    Examples
    --------
    >>> from hindcast.columns import Frame
    >>> rows = Rows.of(Frame.of({"x": [1, 2, 3, 4]}), [0, 0, 0, 1])
    >>> ClassWeights("balanced").apply(rows, seed=0).base_rate
    0.5
    """

    how: How = "balanced"
    beta: float = 0.999
    label: ClassVar[str] = "class_weights"

    def __post_init__(self) -> None:
        choice("way to weigh classes", self.how, _HOW, where="class_weights")
        share("class_weights: beta", self.beta, zero=True, one=False)

    @property
    def name(self) -> str:
        return self.label

    def describe(self) -> dict[str, Any]:
        beta = {"beta": self.beta} if self.how == "effective" else {}
        return {"step": self.label, "how": self.how, **beta}

    def by_class(self, totals: Floats, classes: tuple[Any, ...]) -> Floats:
        """What to multiply the weights of each class with, shape (K,); a class without rows gets 1."""
        n = np.where(totals > 0, totals, 1.0)
        if self.how == "sqrt":
            relative = 1.0 / np.sqrt(n)
        elif self.how == "effective" and self.beta == 0:
            relative = np.ones(len(n))
        elif self.how == "effective":
            relative = (1.0 - self.beta) / -np.expm1(n * np.log(self.beta))
        else:
            relative = 1.0 / n
        return np.where(totals > 0, _keeping_total(np.asarray(relative), totals), 1.0)

    def apply(self, rows: Rows, seed: int) -> Rows:
        ones = float((rows.weight * rows.label).sum())
        totals = np.array([float(rows.weight.sum()) - ones, ones])
        if not (totals > 0).all():
            raise DataError(
                f"class_weights balances two classes, but these {len(rows)} rows hold one of them; train on more rows."
            )
        return _reweighted(rows, self.by_class(totals, (0, 1)))


@dataclass(frozen=True)
class CostWeights:
    """Rows weigh what their mistake costs, so that a learner's 0.5 is the decision of least cost; the total stays.

    Two classes: exact (Elkan). More: a class weighs the mean cost of its mistakes, exact only where that does not
    depend on what it is mistaken for; relabel (:func:`hindcast.balance.metacost`) or decide by
    :meth:`hindcast.metrics.Costs.decide` otherwise. Where probabilities are put right afterwards, as ``trained`` does,
    decide by the goal's threshold, not by 0.5.

    Parameters
    ----------
    costs : Costs

    References
    ----------
    Elkan, "The Foundations of Cost-Sensitive Learning", IJCAI 2001; Ting, "An Instance-Weighting Method to Induce
    Cost-Sensitive Trees", IEEE TKDE 14, 2002.

    Examples
    --------
    >>> from hindcast.columns import Frame
    >>> rows = Rows.of(Frame.of({"x": [1, 2]}), [0, 1])
    >>> CostWeights(Costs.binary(miss=3, false_alarm=1)).apply(rows, seed=0).weight.tolist()
    [0.5, 1.5]
    """

    costs: Costs
    label: ClassVar[str] = "cost_weights"

    def __post_init__(self) -> None:
        if not isinstance(self.costs, Costs):
            raise ConfigError(
                "cost_weights takes hindcast.metrics.Costs, such as Costs.binary(miss=10, false_alarm=1); "
                f"got {self.costs!r}."
            )
        price = self._price()
        if not (price > 0).all():
            name = self.costs.classes[int(price.argmin())]
            raise ConfigError(f"a mistake about class {name!r} costs nothing, so its rows would weigh nothing.")

    def _price(self) -> Floats:
        cost = self.costs.cost
        return np.asarray((cost - np.diag(cost)[:, None]).sum(axis=1) / (len(cost) - 1))

    @property
    def name(self) -> str:
        return self.label

    def describe(self) -> dict[str, Any]:
        return {"step": self.label, "costs": self.costs.describe()}

    def by_class(self, totals: Floats, classes: tuple[Any, ...]) -> Floats:
        """What to multiply the weights of each class with, shape (K,)."""
        price = self._price()[self.costs.code_of(classes, "label")]
        return _keeping_total(price, totals)

    def apply(self, rows: Rows, seed: int) -> Rows:
        if not len(rows):
            return rows
        ones = float((rows.weight * rows.label).sum())
        return _reweighted(rows, self.by_class(np.array([float(rows.weight.sum()) - ones, ones]), (0, 1)))


def cost_weights(costs: Costs | Mapping[str, Any]) -> CostWeights:
    """Rows weigh what their mistake costs: see :class:`CostWeights`; a mapping is given to ``Costs.binary``.

    Examples
    --------
    >>> cost_weights({"miss": 10, "false_alarm": 1}).costs.threshold
    0.09090909090909091
    """
    if not isinstance(costs, Mapping):
        return CostWeights(costs)
    known = ("miss", "false_alarm", "hit", "pass_by", "unit")
    for name in costs:
        if name not in known:
            raise UnknownName("cost", str(name), known, where="cost_weights")
    if not {"miss", "false_alarm"} <= costs.keys():
        raise ConfigError(f"cost_weights needs what a miss and a false_alarm cost, got {dict(costs)!r}.")
    given = {name: number(f"cost_weights: {name}", cost) for name, cost in costs.items() if name != "unit"}
    return CostWeights(Costs.binary(**given, unit=str(costs.get("unit", ""))))


class_weights = ClassWeights
