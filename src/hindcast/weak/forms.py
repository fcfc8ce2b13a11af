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
    open_to = np.flatnonzero((shape.parent < 0) & ~shape.tells)
    votes = found.counts[shape.base[open_to], 1:]
    spoken = votes.sum(axis=1)
    voted = spoken.sum(axis=1)
    right = votes.trace(axis1=1, axis2=2)
    one = _log(right, voted) + _log(voted - right, voted * (k - 1))
    gain = float((_log(votes, spoken[:, None]).sum(axis=(1, 2)) - one).sum())
    extra = (k * (k - 1) - 1) * np.count_nonzero(voted)
    random = _log(voted, np.full_like(voted, total)) + _log(total - voted, np.full_like(voted, total))
    telling = (_log(spoken, found.mass) + _log(np.maximum(found.mass - spoken, 0), found.mass)).sum(axis=1)
    tells = shape.tells.copy()
    tells[open_to] = silence & (voted > 0) & (telling - random > penalty * (k - 1))
    return replace(shape, coin=~tells & (shape.parent < 0) & (gain <= extra), tells=tells)
