"""What measures of agreement share: how often each class was named for each item, and draws of items.

Items are boiled down to counts of classes, sparsely, never to a matrix of items by annotators. Intervals are
percentiles of a bootstrap over items; with more than 1,000 items, these are first put into 1,000 groups at random and
the groups are drawn, which comes to the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hindcast.crowd.answers import Answers
from hindcast.errors import ConfigError
from hindcast.parameters import level_of, seed_of, whole
from hindcast.values import Floats, Ints

__all__ = [
    "checked",
    "class_shares",
    "counted",
    "groups",
    "paradox",
    "percentiles",
    "ratio",
    "size_notes",
    "squares",
    "summed",
    "summed_counts",
]

GROUPS = 1_000
_NAN = float("nan")


def counted(answers: Answers) -> tuple[Any, Floats]:
    """How often each class was named, sparse (items, classes), and answers per item; of items with two or more."""
    from scipy.sparse import csr_array

    shape = (len(answers.items), len(answers.classes))
    if shape[0] * shape[1] <= 4 * len(answers):  # as good as full: counting is quicker than sorting
        counts = csr_array(answers.votes())
    else:
        counts = csr_array((np.ones(len(answers)), (answers.item, answers.label)), shape=shape)
    m = np.bincount(answers.item, minlength=shape[0]).astype(np.float64)
    return counts[m >= 2], m[m >= 2]


def squares(counts: Any) -> Floats:
    """Sums of squared counts per item."""
    return np.asarray(counts.multiply(counts).sum(axis=1), dtype=np.float64).ravel()


def class_shares(counts: Any) -> Floats:
    named = np.asarray(counts.sum(axis=0), dtype=np.float64).ravel()
    return np.asarray(named / max(named.sum(), 1.0))


def groups(n: int, columns: int, seed: int) -> Ints:
    """The group of each item: each its own while few, else as many groups at random as memory allows."""
    most = int(min(GROUPS, max(20_000_000 // max(columns, 1), 1)))
    if n <= most:
        return np.arange(n, dtype=np.int64)
    order = np.random.default_rng([seed, 4112]).permutation(n)
    return np.asarray(order % most, dtype=np.int64)


def summed(parts: Floats, group: Ints) -> Floats:
    blocks = int(group.max()) + 1 if len(group) else 0
    columns = [np.bincount(group, weights=parts[:, at], minlength=blocks) for at in range(parts.shape[1])]
    return np.stack(columns, axis=1) if columns else np.zeros((blocks, 0))


def _member(group: Ints) -> Any:
    from scipy.sparse import csr_array

    blocks = int(group.max()) + 1 if len(group) else 0
    return csr_array((np.ones(len(group)), (group, np.arange(len(group)))), shape=(blocks, len(group)))


def summed_counts(counts: Any, group: Ints) -> Floats:
    return np.asarray((_member(group) @ counts).toarray(), dtype=np.float64)


def percentiles(values: Floats, level: float, notes: list[str]) -> tuple[float, float]:
    defined = values[~np.isnan(values)]
    if len(defined) < 0.95 * len(values):
        notes.append("no interval: it is undefined in more than one draw of twenty (too few items, or one rare class).")
        return _NAN, _NAN
    low, high = np.quantile(defined, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return float(low), float(high)


def checked(where: str, answers: Any, level: Any, draws: Any, seed: Any) -> tuple[float, int, int]:
    """Level, draws and seed of an interval of agreement in `answers`."""
    if not isinstance(answers, Answers):
        raise ConfigError(f"{where} takes Answers, got {type(answers).__name__}; make them with Answers.of(...).")
    return level_of("level", level), whole("draws", draws, least=0, most=1_000_000), seed_of(seed)


def ratio(part: Floats, whole: Floats) -> Floats:
    """Their quotient, NaN where the second is 0 (or as good as, by rounding)."""
    shape = np.broadcast_shapes(part.shape, whole.shape)
    result = np.full(shape, np.nan)
    np.divide(part, whole, out=result, where=np.broadcast_to(whole > 1e-12, shape))
    return result


def paradox(observed: float, expected: float, shares: Floats, names: tuple[Any, ...]) -> list[str]:
    """Much agreement and little of it beyond chance: one class takes nearly all answers."""
    if not shares.size or not (observed >= 0.8 and expected >= 0.7) or (observed - expected) > 0.6 * (1 - expected):
        return []
    most = int(np.argmax(shares))
    if shares[most] >= 1.0:
        return []
    return [
        (
            f"annotators agree on {observed:.0%}, but {shares[most]:.0%} of answers are {names[most]!r}, so "
            f"chance alone gives {expected:.0%}: the value says how they agree on the rare classes; look at those."
        )
    ]


def size_notes(n: int, value: float) -> list[str]:
    notes = []
    if n < 30:
        notes.append(f"{n} items with two answers: the interval is rough.")
    if value == 1.0:
        notes.append(f"no disagreement was seen in {n} items: the interval cannot tell how rare it is.")
    return notes
