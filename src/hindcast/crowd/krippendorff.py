"""Krippendorff's alpha: agreement beyond chance for any number of annotators, missing answers and any scale.

A million answers take less than a second: all that is kept of an item is how often each value was named.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from hindcast.crowd.agreement import DRAWS, Agreement
from hindcast.crowd.answers import Answers
from hindcast.crowd.tally import (
    checked,
    counted,
    groups,
    paradox,
    percentiles,
    ratio,
    size_notes,
    squares,
    summed,
    summed_counts,
)
from hindcast.errors import DataError
from hindcast.metrics import block_draws
from hindcast.parameters import choice
from hindcast.values import Floats, Ints

__all__ = ["krippendorff_alpha"]

_MOST_VALUES = 4_000
_NAN = float("nan")
Level = Literal["nominal", "ordinal", "interval", "ratio"]


def krippendorff_alpha(
    answers: Answers, kind: Level = "nominal", *, level: float = 0.95, draws: int = DRAWS, seed: int = 0
) -> Agreement:
    """Krippendorff's alpha: agreement beyond chance for any number of annotators, missing answers, any scale.

    One less the observed disagreement over the disagreement of answers paired at random. Customary reading: below
    0.667 draw no conclusions, from 0.8 on rely on it.

    Parameters
    ----------
    answers : Answers
    kind : {"nominal", "ordinal", "interval", "ratio"}
        How far two classes are apart: 1 when they differ; by ranks in the order of ``answers.classes``; squared
        difference; squared difference relative to the sum. The last two need classes that are numbers.
    level, draws, seed : float, int, int
        Of the interval: a bootstrap over items. ``draws=0`` leaves it out.

    Notes
    -----
    O(answers) time, and the interval about half as much again; for ratio O(items x values). The interval of ordinal
    alpha keeps a table of values by values for each group.

    References
    ----------
    Krippendorff, "Computing Krippendorff's Alpha-Reliability", 2011.

    Examples
    --------
    >>> votes = [[1, 1, 1], [2, 2, 2], [3, 3, -1], [3, 3, 2], [2, 1, 2]]
    >>> round(krippendorff_alpha(Answers.of_matrix(votes), "ordinal").value, 3)
    0.768
    """
    choice("kind", kind, ("nominal", "ordinal", "interval", "ratio"), where="krippendorff_alpha")
    level, draws, seed = checked("krippendorff_alpha", answers, level, draws, seed)
    counts, m = counted(answers)
    size = counts.shape[1]
    values = _values(answers, kind) if kind in ("interval", "ratio") else np.zeros(size)
    name = f"Krippendorff's alpha ({kind})"
    notes: list[str] = []
    if kind == "ordinal" and any(isinstance(c, str) for c in answers.classes):
        notes.append(f"classes are taken in the order {', '.join(map(str, answers.classes[:12]))}.")
    if not len(m):
        notes.append("no item has two answers: agreement cannot be measured.")
        return Agreement(name, _NAN, _NAN, _NAN, _NAN, _NAN, 0, 0, tuple(notes))
    named = np.asarray(counts.sum(axis=0)).ravel()
    apart = _ratio_distances(values) if kind == "ratio" else np.zeros((0, 0))
    if kind == "nominal":
        differ = (np.square(m) - squares(counts)) / (m - 1.0)
    elif kind == "ratio":
        differ = _cross(counts, apart) / (m - 1.0)
    else:
        scale = _ranks(named[None])[0] if kind == "ordinal" else values
        differ = _spread(counts, m, scale)

    def disagreement(total: Floats) -> Floats:
        """Sums of distances of all pairs of answers, shape (draws,), from how often each value was named."""
        n = total.sum(axis=1)
        if kind == "nominal":
            return np.asarray(np.square(n) - np.square(total).sum(axis=1))
        if kind == "ratio":
            return np.asarray(((total @ apart) * total).sum(axis=1))
        at = _ranks(total) if kind == "ordinal" else values
        return np.asarray(2.0 * (n * (total * np.square(at)).sum(axis=1) - np.square((total * at).sum(axis=1))))

    def read(sums: Floats) -> Floats:
        total = sums[:, 1 : size + 1]
        seen = sums[:, 0]
        if kind == "ordinal" and sums.shape[1] > size + 1:
            at = _ranks(total)
            pairs = sums[:, size + 1 :].reshape(-1, size, size)
            seen = 2.0 * (
                (pairs.sum(axis=2) * np.square(at)).sum(axis=1)
                - np.einsum("dc,dck,dk->d", at, pairs, at, optimize=True)
            )
        return 1.0 - ratio((total.sum(axis=1) - 1.0) * seen, disagreement(total))

    whole = np.concatenate([[differ.sum()], named])[None]
    value = float(read(whole)[0])
    n = float(named.sum())
    if kind == "nominal":
        observed = 1.0 - float(differ.sum()) / n
        expected = 1.0 - float(disagreement(named[None])[0]) / (n * (n - 1.0))
        notes += paradox(observed, expected, named / n, answers.classes)
    else:
        observed, expected = value, 0.0
    low = high = _NAN
    if math.isnan(value):
        notes.append("only one class was named: chance agrees as well, so alpha is not defined.")
    elif len(m) > 1 and draws:
        columns = 1 + size + (size * size if kind == "ordinal" else 0)
        group = groups(len(m), columns, seed)
        if group.max() < 29 <= len(m) - 1:
            notes.append(f"no interval: {size} distinct values are too many for one; round them.")
        else:
            parts = [summed(differ[:, None], group), summed_counts(counts, group)]
            if kind == "ordinal":
                parts.append(_pairs(counts, m, group))
            drawn = block_draws(int(group.max()) + 1, draws, seed) @ np.concatenate(parts, axis=1)
            low, high = percentiles(read(drawn), level, notes)
    notes += size_notes(len(m), value)
    return Agreement(name, value, low, high, observed, expected, len(m), int(n), tuple(notes))


def _spread(counts: Any, m: Floats, at: Floats) -> Floats:
    """Squared differences of all pairs of answers of each item, over answers less one."""
    centre = at - at.mean()
    return np.asarray(
        np.maximum(2.0 * (m * (counts @ np.square(centre)) - np.square(counts @ centre)), 0.0) / (m - 1.0)
    )


def _cross(counts: Any, apart: Floats) -> Floats:
    """Distances of all pairs of answers of each item."""
    step = max(1, 4_000_000 // max(len(apart), 1))
    parts = [
        np.asarray(counts[at : at + step].multiply(counts[at : at + step] @ apart).sum(axis=1)).ravel()
        for at in range(0, counts.shape[0], step)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def _ranks(named: Floats) -> Floats:
    """Middle ranks of the values: the ordinal distance of two is the difference of theirs."""
    return np.asarray(np.cumsum(named, axis=1) - named / 2.0)


def _values(answers: Answers, kind: str) -> Floats:
    for name in answers.classes:
        if isinstance(name, str) or not isinstance(name, int | float | np.number):
            raise DataError(f"{kind} agreement needs classes that are numbers", column="label", value=name)
    values = np.array([float(name) for name in answers.classes])
    if kind == "ratio":
        if (values < 0).any():
            raise DataError("a ratio scale has no values below zero", column="label", value=float(values.min()))
        if len(values) > _MOST_VALUES:
            raise DataError(f"{len(values):,} distinct values are too many for ratio agreement; round them.")
        return values
    centre = values - values.mean() if len(values) else values
    return np.asarray(centre / max(float(np.abs(centre).max(initial=0.0)), 1e-300))  # alpha knows no unit


def _ratio_distances(values: Floats) -> Floats:
    total = values[:, None] + values[None, :]
    return np.square(np.divide(values[:, None] - values, total, out=np.zeros(total.shape), where=total > 0))


def _pairs(counts: Any, m: Floats, group: Ints) -> Floats:
    """Pairs of values named for one item, each over answers less one, shape (groups, values x values)."""
    order = np.argsort(group, kind="stable")
    ends = np.searchsorted(group[order], np.arange(int(group.max()) + 2))
    ordered, scale = counts[order], 1.0 / (m[order] - 1.0)
    parts = []
    for low, high in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True):
        rows = ordered[low:high].toarray()
        parts.append((rows.T @ (rows * scale[low:high, None])).ravel())
    return np.stack(parts)
