"""How much of a function the rows can tell: one accuracy or a table, silence at random or silence that tells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hindcast.values import Floats
from hindcast.weak.em import Expected
from hindcast.weak.tables import Shape

__all__ = ["supported"]


def _log(part: Floats, whole: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(part > 0, part * np.log(part / whole), 0.0)


def supported(found: Expected, shape: Shape, rows: int, *, silence: bool) -> Shape:
    """The shape whose forms the counts support, by the Bayesian information criterion; never simpler than `shape`.

    Parameters
    ----------
    found : Expected
        Expected counts under the present model, on a sample or on all rows.
    rows : int
        All rows there are: counts of a sample are scaled to them.
    silence : bool
        Whether silence may be found to tell; where the model explains badly what functions have in common, it may not.
    """
    k = shape.classes
    sample = float(found.mass.sum())
    coin, tells = shape.coin.copy(), shape.tells.copy()
    for j in np.flatnonzero(shape.parent < 0):
        if shape.tells[j]:
            continue
        counts = found.counts[shape.base[j]]
        votes = counts[1:]
        spoken = votes.sum(axis=0)
        total, voted = float(found.mass.sum()), float(votes.sum())
        if voted <= 0:
            continue
        right = float(np.trace(votes))
        split = np.array([total - voted, voted])
        random = float(_log(split, np.full(2, total)).sum())
        parts = np.array([right, voted - right])
        one = float(_log(parts, np.array([voted, voted * (k - 1)])).sum())
        table = float(_log(votes, np.broadcast_to(spoken, votes.shape)).sum())
        telling = float(_log(spoken, found.mass).sum() + _log(np.maximum(found.mass - spoken, 0), found.mass).sum())
        scale, penalty = rows / max(sample, 1.0), 0.5 * np.log(max(rows, 2))
        forms = [(one + random, 2, True, False), (table + random, k * (k - 1) + 1, False, False)]
        if silence:
            forms.append((table + telling, k * k, False, True))
        _, _, coin[j], tells[j] = max(
            (form for form in forms if shape.coin[j] or not form[2]),
            key=lambda form: scale * form[0] - penalty * form[1],
        )
    return replace(shape, coin=coin, tells=tells)
