"""Which rows stay, and how often: the arithmetic of random under- and oversampling, for any number of classes."""

from __future__ import annotations

import numpy as np

from hindcast.values import Ints

__all__ = ["over_places", "shortfall", "under_places"]

_UNDER, _OVER = 0x756E6472, 0x6F766572


def under_places(codes: Ints, counts: Ints, *, ratio: float | None, rate: float | None, seed: int) -> Ints:
    """Places of the rows that stay, rising: a simple random sample of each class that is too large.

    Parameters
    ----------
    codes : int64 array, shape (n,)
    counts : int64 array, shape (K,)
    ratio : float, optional
        No class keeps more than ``rarest / ratio`` rows.
    rate : float, optional
        Each class but the rarest keeps that share of its rows.
    """
    random = np.random.default_rng([seed, _UNDER])
    rarest = int(counts[counts > 0].min())
    keep = np.ones(len(codes), dtype=np.bool_)
    spared = int(np.flatnonzero(counts == rarest)[0])
    for code, count in enumerate(counts.tolist()):
        if ratio is not None:
            wanted = max(1, round(rarest / ratio))
        else:
            assert rate is not None
            wanted = count if code == spared else max(1, round(rate * count))
        if count > wanted:
            places = np.flatnonzero(codes == code)
            keep[random.choice(places, count - wanted, replace=False)] = False
    return np.flatnonzero(keep)


def shortfall(counts: Ints, ratio: float) -> Ints:
    """How many rows each class lacks of ``ratio`` times the commonest, shape (K,); a class without rows lacks none."""
    wanted = round(ratio * int(counts.max()))
    return np.where(counts > 0, np.maximum(wanted - counts, 0), 0)


def over_places(codes: Ints, counts: Ints, *, ratio: float, seed: int) -> Ints:
    """Places of all rows, rising, those of too small classes again and again: whole copies first, then a random part.

    So no row is repeated more than once oftener than another of its class.
    """
    random = np.random.default_rng([seed, _OVER])
    times = np.ones(len(codes), dtype=np.int64)
    for code, lacking in enumerate(shortfall(counts, ratio).tolist()):
        if lacking:
            places = np.flatnonzero(codes == code)
            whole, rest = divmod(lacking, len(places))
            times[places] += whole
            times[random.choice(places, rest, replace=False)] += 1
    return np.repeat(np.arange(len(codes)), times)
