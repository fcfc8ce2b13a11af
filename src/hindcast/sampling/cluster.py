"""Cluster samples: whole groups are drawn, since rows of a group are cheap to have together."""

from __future__ import annotations

from typing import Any

import numpy as np

from hindcast.parameters import seed_of, switch, whole
from hindcast.sampling.blocks import size_of
from hindcast.sampling.sample import Sample, Spread, by_place
from hindcast.sampling.simple import draw
from hindcast.sampling.strata import strata_of
from hindcast.sampling.weighted import inclusion, pivotal

__all__ = ["cluster"]

_CLUSTER = 41


def cluster(
    groups: Any,
    n: int | None = None,
    *,
    share: float | None = None,
    within: int | None = None,
    by_size: bool = False,
    seed: int = 0,
) -> Sample:
    """All rows, or some, of `n` groups drawn at random: users, days, sites.

    Parameters
    ----------
    groups : one column or several
        The group of each row, as for :func:`strata_of`.
    n, share : int, float
        How many groups, or which share of them; give one.
    within : int, optional
        Draw at most so many rows of each drawn group (a second stage), else all of them.
    by_size : bool, default False
        Groups with chances in proportion to their rows; with `within` every row then has nearly the same chance.
    seed : int, default 0

    Notes
    -----
    ``pi`` is the group's chance times ``within / size`` of the group. Rows of a group hang together: estimates take the
    spread between groups, never that of single rows, so the groups drawn are what counts, not the rows.

    Examples
    --------
    >>> sample = cluster(["a"] * 3 + ["b"] * 2 + ["c"] * 5, 2, seed=1)
    >>> len(set(sample.unit.tolist())), float(sample.pi[0].round(4))
    (2, 0.6667)
    """
    strata = strata_of(groups)
    n = size_of(n, share, len(strata), "cluster")
    if within is not None:
        within = whole("cluster: within", within, least=1)
    random = np.random.default_rng([seed_of(seed), _CLUSTER])
    sizes = strata.sizes
    if switch("cluster: by_size", by_size):
        chance = inclusion(sizes, n)
        drawn = np.sort(pivotal(chance, random))
    else:
        chance = np.full(len(strata), n / len(strata) if len(strata) else 0.0)
        drawn = draw(random, len(strata), n)
    places, pi, unit = [], [], []
    rows_of = strata.places()
    for code in drawn.tolist():
        here = rows_of[code]
        m = len(here) if within is None else min(within, len(here))
        picked = here if m == len(here) else here[draw(random, len(here), m)]
        places.append(picked)
        pi.append(np.full(m, chance[code] * m / len(here)))
        unit.append(np.full(m, code, dtype=np.int64))
    rows = len(strata.code)
    if not places:
        return Sample(np.zeros(0, np.int64), np.zeros(0), "cluster", rows, seed, unit=np.zeros(0, np.int64))
    place, probability, group = by_place(np.concatenate(places), np.concatenate(pi), np.concatenate(unit))
    note = "only one group was drawn, so nothing says how groups differ" if n == 1 < len(strata) else ""
    # of two stages the first one's spread stands for both: a little wide, never narrow
    spread: Spread = "fixed" if within is None or int(sizes[drawn].max()) <= within else "replaced"
    return Sample(place, probability, "cluster", rows, seed, note, spread, unit=group)
