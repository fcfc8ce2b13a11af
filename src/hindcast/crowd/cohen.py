"""Cohen's kappa: how far two annotators agree beyond chance, when some disagreements are worse than others."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from hindcast.crowd.agreement import DRAWS, Agreement
from hindcast.crowd.answers import Answers
from hindcast.crowd.names import codes_of
from hindcast.crowd.tally import paradox, percentiles, ratio, size_notes
from hindcast.errors import ConfigError, DataError
from hindcast.parameters import choice, level_of, seed_of, whole
from hindcast.values import Floats, Ints

__all__ = ["cohen_kappa"]

_NAN = float("nan")


def cohen_kappa(
    first: Any,
    second: Any = None,
    *,
    weights: Literal["linear", "quadratic"] | Any = None,
    classes: Any = None,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
) -> Agreement:
    """Cohen's kappa: agreement of two annotators beyond chance, each with their own shares of classes.

    Parameters
    ----------
    first, second : Answers of two annotators, or two columns of labels of the same items
        Items that either left out (None, NaN) do not count.
    weights : {None, "linear", "quadratic"} or array of shape (classes, classes)
        How bad each disagreement is, by the distance of classes in their order; None: all alike.
    classes : sequence, optional
        The order of the classes, where columns are given.

    References
    ----------
    Cohen, "A Coefficient of Agreement for Nominal Scales", Educational and Psychological Measurement 20(1), 1960;
    "Weighted Kappa", Psychological Bulletin 70(4), 1968.

    Examples
    --------
    >>> round(cohen_kappa(["y", "y", "n", "n"], ["y", "n", "n", "n"]).value, 3)
    0.5
    """
    level, draws, seed = level_of("level", level), whole("draws", draws, least=0, most=1_000_000), seed_of(seed)
    left, right, names = _paired(first, second, classes)
    k = len(names)
    cost = _costs(weights, k)
    table = np.bincount(left * k + right, minlength=k * k).astype(np.float64)
    n = len(left)

    def read(tables: Floats) -> Floats:
        shares = ratio(tables, tables.sum(axis=1, keepdims=True)).reshape(-1, k, k)
        seen = (shares * cost).sum(axis=(1, 2))
        chance = np.einsum("dj,jl,dl->d", shares.sum(axis=2), cost, shares.sum(axis=1))
        return 1.0 - ratio(seen, chance)

    notes: list[str] = []
    if not n:
        return Agreement("Cohen's kappa", _NAN, _NAN, _NAN, _NAN, _NAN, 0, 0, ("no item was labelled by both.",))
    value = float(read(table[None])[0])
    shares = table.reshape(k, k) / n
    worst = max(float(cost.max()), 1e-300)
    observed = 1.0 - float((shares * cost).sum()) / worst
    expected = 1.0 - float(shares.sum(axis=1) @ cost @ shares.sum(axis=0)) / worst
    low = high = _NAN
    if math.isnan(value):
        notes.append("both named one class only: chance agrees as well, so kappa is not defined.")
    else:
        notes += paradox(observed, expected, (shares.sum(axis=0) + shares.sum(axis=1)) / 2, names)
        if n > 1 and draws:
            seen_tables = np.random.default_rng([seed, 4111]).multinomial(n, table / n, size=draws)
            low, high = percentiles(read(seen_tables.astype(np.float64)), level, notes)
    notes += size_notes(n, value)
    name = "Cohen's kappa" if weights is None else "Cohen's weighted kappa"
    return Agreement(name, value, low, high, observed, expected, n, 2 * n, tuple(notes))


def _paired(first: Any, second: Any, classes: Any) -> tuple[Ints, Ints, tuple[Any, ...]]:
    if isinstance(first, Answers):
        if second is not None or len(first.annotators) != 2:
            raise ConfigError(
                f"cohen_kappa is for two annotators, these answers have {len(first.annotators)}; take "
                f"fleiss_kappa or krippendorff_alpha."
            )
        votes = first.matrix()
        both = (votes >= 0).all(axis=1)
        return votes[both, 0], votes[both, 1], first.classes
    if second is None:
        raise ConfigError("cohen_kappa takes two columns of labels, or Answers of two annotators.")
    left, left_names = codes_of(first, column="first", known=classes, missing=True)
    right, right_names = codes_of(second, column="second", known=classes, missing=True)
    if len(left) != len(right):
        raise DataError(f"the first annotator has {len(left)} labels and the second {len(right)}; give one per item.")
    if classes is None:
        names = codes_of([*left_names, *right_names], column="label")[1]
        left = codes_of([left_names[c] if c >= 0 else None for c in left], column="l", known=names, missing=True)[0]
        right = codes_of([right_names[c] if c >= 0 else None for c in right], column="r", known=names, missing=True)[0]
    else:
        names = left_names
    both = (left >= 0) & (right >= 0)
    return left[both], right[both], names


def _costs(weights: Any, k: int) -> Floats:
    at = np.arange(k, dtype=np.float64)
    apart = np.abs(at[:, None] - at)
    if weights is None:
        return (apart > 0).astype(np.float64)
    if isinstance(weights, str):
        choice("weights", weights, ("linear", "quadratic"), where="cohen_kappa")
        return apart if weights == "linear" else np.square(apart)
    try:
        cost = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        raise ConfigError(
            f"weights are None, 'linear', 'quadratic' or costs of shape ({k}, {k}), got {weights!r}."
        ) from None
    if cost.shape != (k, k) or not np.isfinite(cost).all() or (cost < 0).any() or np.diag(cost).any():
        raise ConfigError(f"costs are numbers of shape ({k}, {k}), not below 0, with 0 on the diagonal.")
    return cost
