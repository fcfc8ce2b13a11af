"""What it would cost to wait less for labels: how many are missing then, and how wrong the rest are.

Waiting less gives fresher rows and falser labels. Two kinds of falseness: where only positives ever arrive (a click, a
conversion), a row that has not answered by the horizon counts as negative, and some of these are fake; where both
answers arrive, rows that have not answered are left out, and if bad news takes longer, what is left looks too good.
What a model loses by it: :mod:`hindcast.labels.horizon_accuracy`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.errors import DataError
from hindcast.labels.horizon_rows import HorizonRows, Missing, ages_of, final_of
from hindcast.labels.moments import listed
from hindcast.metrics import Estimate, student_quantile
from hindcast.parameters import choice, level_of
from hindcast.sampling import strata_of
from hindcast.values import Duration, Floats, Moment, duration_text

__all__ = ["HorizonCost", "horizon_costs"]


@dataclass(frozen=True, slots=True)
class HorizonCost:
    """Labels as they stand at a horizon against the final ones, on rows old enough to have those.

    Parameters
    ----------
    horizon : int
        Microseconds.
    n : int
        Rows with a final label.
    known : Estimate
        Share of them whose own label had come by the horizon.
    base_rate : Estimate
        Share of positives among the labels of the horizon.
    bias : Estimate
        That minus the final base rate.
    false_negatives : Estimate
        Share of final positives that the horizon calls negative (or leaves out).
    wrong : Estimate
        Share of the horizon's labels that the final ones contradict; left-out rows are not among them.
    """

    horizon: int
    n: int
    known: Estimate
    base_rate: Estimate
    bias: Estimate
    false_negatives: Estimate
    wrong: Estimate


def horizon_costs(
    asked: Any,
    known: Any,
    label: Any,
    horizons: Sequence[Duration],
    *,
    final: Duration | None = None,
    missing: Missing = "negative",
    now: Moment | None = None,
    blocks: Any = None,
    level: float = 0.95,
) -> tuple[HorizonCost, ...]:
    """What labels would be like if nobody waited longer than each of `horizons`.

    Parameters
    ----------
    asked, known : array_like of moments, shape (n,)
        When each row was asked, and when its label became known; missing (None, NaN, NEVER) where it has not.
    label : array_like, shape (n,)
        0 or 1; not read where there is no label.
    horizons : sequence of durations
    final : duration, optional
        The age at which labels are taken to be final; the longest horizon unless given. Only rows asked so long before
        `now` are judged.
    missing : {"negative", "drop"}
        What a row without a label is at a horizon: negative, or left out.
    now : moment, optional
        The last moment in the data unless given.
    blocks : array_like, shape (n,), optional
        Rows that hang together; days of `asked` unless given.
    level : float, default 0.95

    Notes
    -----
    A label counts at a horizon when it was known before ``asked + horizon``. Intervals: a jackknife over blocks,
    Student's. O(n) for each horizon.

    Examples
    --------
    >>> from hindcast.values import NEVER
    >>> day = 86_400_000_000
    >>> asked = np.arange(10) * day
    >>> known = np.where(np.arange(10) % 2, asked + 3 * day, NEVER)          # every second converts, after three days
    >>> one, four = horizon_costs(asked, known, np.ones(10), ["2d", "4d"], now=30 * day)
    >>> one.base_rate.value, four.base_rate.value, one.false_negatives.value
    (0.0, 0.5, 1.0)
    """
    level = level_of("level", level)
    choice("missing", missing, ("negative", "drop"), where="horizon_costs")
    data = HorizonRows.of(asked, known, label, now)
    ages = ages_of(horizons)
    last = final_of(final, ages)
    found, y = data.final(last, missing)
    if not len(found):
        raise DataError(f"no row is old enough for a final label: none was asked {duration_text(last)} before now.")
    group = data.days if blocks is None else strata_of(listed(blocks, "blocks")).code
    if len(group) != len(data.asked):
        raise DataError(f"{len(data.asked)} rows came with {len(group)} blocks.")
    code = np.unique(group[found], return_inverse=True)[1]
    costs = []
    for age in ages:
        came = data.known[found] < data.asked[found] + age
        seen = np.where(came, data.label[found], 0.0 if missing == "negative" else np.nan)
        counted = ~np.isnan(seen)
        columns = np.stack(
            [
                np.ones(len(y)),
                came,
                counted,
                np.where(counted, seen, 0.0),
                y,
                (y == 1) & ~(seen == 1),
                counted & (seen != y),
            ],
            axis=1,
        ).astype(np.float64)
        sums: Floats = np.stack([np.bincount(code, weights=c) for c in columns.T], axis=1).astype(np.float64)
        n = len(y)

        def told(read: Callable[[Floats], Floats], sums: Floats = sums, n: int = n) -> Estimate:
            return _jackknife(sums, read, level, n)

        costs.append(
            HorizonCost(
                age,
                n,
                known=told(lambda s: _ratio(s[:, 1], s[:, 0])),
                base_rate=told(lambda s: _ratio(s[:, 3], s[:, 2])),
                bias=told(lambda s: _ratio(s[:, 3], s[:, 2]) - _ratio(s[:, 4], s[:, 0])),
                false_negatives=told(lambda s: _ratio(s[:, 5], s[:, 4])),
                wrong=told(lambda s: _ratio(s[:, 6], s[:, 2])),
            )
        )
    return tuple(costs)


def _jackknife(sums: Floats, read: Callable[[Floats], Floats], level: float, n: int) -> Estimate:
    """A figure of sums over blocks, with Student's interval from leaving out each block in turn."""
    total = sums.sum(axis=0, keepdims=True)
    value = float(read(total)[0])
    blocks = len(sums)
    if blocks < 2 or math.isnan(value):
        return Estimate(value, n=n)
    left = read(total - sums)
    left = left[np.isfinite(left)]
    if len(left) < 2:
        return Estimate(value, n=n)
    error = math.sqrt((len(left) - 1) / len(left) * float(np.square(left - left.mean()).sum()))
    half = student_quantile(0.5 + level / 2, min(blocks - 1, 500)) * error
    return Estimate(value, value - half, value + half, n)


def _ratio(part: Floats, whole: Floats) -> Floats:
    result: Floats = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return result
