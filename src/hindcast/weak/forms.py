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


def supported(found: Expected, shape: Shape, *, silence: bool) -> Shape:
    """The shape whose forms the counts of a model of tables support.

    All tables give way to one accuracy each where these are expected to predict better (Akaike's criterion, over all
    functions together: alone, few have the votes to tell). That silence tells is believed of a function where it is
    likelier than not (the Bayesian criterion), since a wrong belief costs more there.

    Parameters
    ----------
    found : Expected
        Expected counts under that model.
    silence : bool
        Whether silence may be found to tell; where the model explains badly what functions have in common, it may not.
    """
    k = shape.classes
    total = float(found.mass.sum())
    penalty = 0.5 * np.log(max(total, 2.0))
    tells, gain, extra = shape.tells.copy(), 0.0, 0
    for j in np.flatnonzero((shape.parent < 0) & ~shape.tells):
        votes = found.counts[shape.base[j], 1:]
        spoken, voted = votes.sum(axis=0), float(votes.sum())
        if voted <= 0:
            continue
        right = float(np.trace(votes))
        one = _log(np.array([right, voted - right]), np.array([voted, voted * (k - 1)])).sum()
        gain += float(_log(votes, np.broadcast_to(spoken, votes.shape)).sum() - one)
        extra += k * (k - 1) - 1
        random = _log(np.array([total - voted, voted]), np.full(2, total)).sum()
        telling = (_log(spoken, found.mass) + _log(np.maximum(found.mass - spoken, 0), found.mass)).sum()
        tells[j] = silence and telling - random > penalty * (k - 1)
    simple = gain <= extra
    return replace(shape, coin=~tells & ~shape.tells & (shape.parent < 0) & simple, tells=tells)
