"""Samples that no chance made: convenience, judgement, snowball, quota, kept as what they are.

They can be all there is, and they can be useful. But nobody knows with what chance a row came into them, so nothing
says how far they are from the population: each carries a note that follows it into estimates and reports, and estimates
from it have no interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np

from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.parameters import seed_of, switch, whole
from hindcast.sampling.blocks import array_of, rows_in, size_of
from hindcast.sampling.sample import Sample, by_place
from hindcast.sampling.strata import strata_of
from hindcast.values import Ints

__all__ = ["convenience", "judgement", "quota", "snowball"]

_SNOWBALL = 51


def convenience(population: Any, n: int | None = None, *, places: Any = None, why: str = "") -> Sample:
    """The rows that were easy to have: the first `n`, or those at `places`.

    Examples
    --------
    >>> convenience(100, 3).warnings()[0]
    'a convenience sample: rows that were easy to have, with unknown chances, so nothing can be said about the others'
    """
    rows = rows_in(population)
    if (n is None) == (places is None):
        raise ConfigError("convenience: say which rows, either n= for the first ones or places=.")
    chosen = np.arange(size_of(n, None, rows, "convenience")) if places is None else _places(places, rows)
    note = "a convenience sample: rows that were easy to have, with unknown chances"
    return _purposive(chosen, "convenience", rows, note, why)


def judgement(population: Any, places: Any, *, why: str = "") -> Sample:
    """The rows that somebody who knows the subject chose; `why` says by what.

    Examples
    --------
    >>> judgement(100, [4, 17], why="typical of each plant").random
    False
    """
    rows = rows_in(population)
    note = "a judgement sample: rows that somebody chose, with unknown chances"
    return _purposive(_places(places, rows), "judgement", rows, note, why)


def quota(by: Any, n: Mapping[Any, int] | int, *, order: Any = None, why: str = "") -> Sample:
    """The first rows to come until each cell has its quota, as interviewers fill them.

    Parameters
    ----------
    by : one column or several
        What makes the cells; see :func:`strata_of`.
    n : mapping of cell to int, or int
        The quota of each cell, or the same for all. A cell that runs short gives what it has, and the note says so.
    order : array_like, shape (N,), optional
        Rows come in the order of these values, else as they stand.

    Notes
    -----
    It looks like a stratified sample and is none: within a cell the first to come are no random choice.

    Examples
    --------
    >>> sample = quota(["f", "m", "m", "f", "m"], {"f": 1, "m": 2})
    >>> sample.places.tolist(), sample.random
    ([0, 1, 2], False)
    """
    cells = strata_of(by)
    if isinstance(n, Mapping):
        for name in n:
            if name not in cells.names:
                raise UnknownName("cell", str(name), map(str, cells.names), where="quota")
        wanted = [n.get(name, 0) for name in cells.names]
    else:
        wanted = [whole("quota: n", n, least=0)] * len(cells)
    wanted = [
        whole(f"quota: n of cell {name!r}", count, least=0) for name, count in zip(cells.names, wanted, strict=True)
    ]
    rank = np.arange(len(cells.code)) if order is None else strata_of(order).code
    if len(rank) != len(cells.code):
        raise DataError(f"quota: order has {len(rank)} values for {len(cells.code)} rows.")
    chosen, cell, short = [], [], []
    for code, here in enumerate(cells.places()):
        first = here[np.argsort(rank[here], kind="stable")][: wanted[code]]
        chosen.append(first)
        cell.append(np.full(len(first), code, dtype=np.int64))
        if len(first) < wanted[code]:
            short.append(f"{cells.names[code]!r} {len(first)} of {wanted[code]}")
    note = "a quota sample: within a cell the first rows to come, with unknown chances"
    if short:
        note += f"; cells that ran short: {', '.join(short)}"
    none = np.zeros(0, dtype=np.int64)
    place, stratum = by_place(np.concatenate([none, *chosen]), np.concatenate([none, *cell]))
    return _purposive(place, "quota", len(cells.code), note, why, stratum=stratum, strata=cells.names)


def snowball(
    edges: Any,
    seeds: Any,
    *,
    nodes: Any = None,
    waves: int | None = None,
    referrals: int | None = None,
    directed: bool = False,
    seed: int = 0,
) -> Sample:
    """Those who are reached from `seeds` over the edges of a graph, wave by wave.

    Parameters
    ----------
    edges : array_like, shape (m, 2)
        Pairs of nodes.
    seeds : sequence
        The nodes to start from.
    nodes : int or sequence, optional
        All nodes: a number when nodes are 0 to N - 1, else their names. Without it, those of the edges and seeds,
        sorted.
    waves : int, optional
        How many waves to follow, else until nobody new is reached.
    referrals : int, optional
        At most so many new nodes named by each, drawn at random; else all its neighbours.
    directed : bool, default False
        Whether an edge leads from its first node to its second only.
    seed : int, default 0

    Returns
    -------
    Sample
        Places are those of `nodes`; `stratum` is the wave, 0 for the seeds.

    Notes
    -----
    O(nodes + edges). Whoever has many neighbours is found more often, and whoever has none is never found.

    Examples
    --------
    >>> people = ["ann", "bob", "cy", "dee", "eve"]
    >>> sample = snowball([("ann", "bob"), ("bob", "cy"), ("dee", "eve")], ["ann"], nodes=people)
    >>> sample.take(people), sample.stratum.tolist()
    (['ann', 'bob', 'cy'], [0, 1, 2])
    """
    waves = None if waves is None else whole("snowball: waves", waves, least=0)
    referrals = None if referrals is None else whole("snowball: referrals", referrals, least=1)
    pairs = [tuple(_listed(pair, "an edge is a pair of nodes")) for pair in _listed(edges, "edges are pairs of nodes")]
    if any(len(pair) != 2 for pair in pairs):
        raise DataError("an edge is a pair of nodes", row=next(i for i, p in enumerate(pairs) if len(p) != 2) + 1)
    start = _listed(seeds, "seeds are nodes")
    ends = [end for pair in pairs for end in pair] + start
    try:
        start, present = list(dict.fromkeys(start)), dict.fromkeys(ends)
        if nodes is None or isinstance(nodes, Integral):
            # nodes that no edge and no seed names are never reached: they need no place
            names: Sequence[Any] = strata_of(list(present)).names if present else ()
        else:
            names = _listed(nodes, "nodes are a number of them or their names")
        place = {name: at for at, name in enumerate(names)}
        population = (
            len(names) if not isinstance(nodes, Integral) else whole("snowball: nodes", nodes, least=0, most=2**53)
        )
        for end in present:
            if isinstance(nodes, Integral):
                if not isinstance(end, Integral) or not 0 <= int(end) < population:
                    raise UnknownName("node", str(end), [f"0 to {population - 1}"], where="snowball")
            elif end not in place:
                raise UnknownName("node", str(end), map(str, names), where="snowball")
    except TypeError:
        raise DataError("snowball: a node is a text, a number or another value that can be looked up.") from None
    source = np.array([place[a] for a, _ in pairs], dtype=np.int64)
    target = np.array([place[b] for _, b in pairs], dtype=np.int64)
    if not switch("snowball: directed", directed):
        source, target = np.concatenate([source, target]), np.concatenate([target, source])
    order = np.lexsort((target, source))
    source, target = source[order], target[order]
    bounds = np.searchsorted(source, np.arange(len(names) + 1))
    random = np.random.default_rng([seed_of(seed), _SNOWBALL])
    wave = np.full(len(names), -1, dtype=np.int64)
    front = np.array([place[name] for name in start], dtype=np.int64)
    wave[front] = 0
    step = 0
    while len(front) and (waves is None or step < waves):
        step += 1
        found = []
        for node in np.sort(front).tolist():
            near = np.unique(target[bounds[node] : bounds[node + 1]])
            near = near[wave[near] < 0]
            if referrals is not None and len(near) > referrals:
                near = np.sort(random.choice(near, size=referrals, replace=False))
            wave[near] = step
            found.append(near)
        front = np.concatenate(found)
    reached = np.flatnonzero(wave >= 0)
    note = "a snowball sample: found over the graph from chosen seeds, so the well-connected come too often"
    strata = ("seed", *(f"wave {k}" for k in range(1, int(wave.max(initial=0)) + 1)))
    places = (
        reached if not isinstance(nodes, Integral) else np.array([names[at] for at in reached.tolist()], dtype=np.int64)
    )
    return _purposive(places, "snowball", population, note, "", seed=seed, stratum=wave[reached], strata=strata)


def _listed(values: Any, what: str) -> list[Any]:
    if (
        isinstance(values, str | bytes | Mapping)
        or not isinstance(values, Iterable)
        or getattr(values, "shape", None) == ()
    ):
        raise DataError(f"snowball: {what}, got {values!r:.60}.")
    return values.tolist() if isinstance(values, np.ndarray) else list(values)


def _places(places: Any, rows: int) -> Ints:
    array = array_of(places, "places")
    if array.dtype == np.bool_:
        if array.shape != (rows,):
            raise DataError(f"a mask needs one value for each of the {rows} rows, got shape {array.shape}.")
        return np.flatnonzero(array)
    if array.ndim != 1 or (len(array) and array.dtype.kind not in "iu"):
        raise DataError(f"places are whole numbers, shape (m,), or a mask, got {places!r:.60}.")
    return np.unique(array.astype(np.int64))


def _purposive(places: Ints, design: str, rows: int, note: str, why: str, **more: Any) -> Sample:
    if not isinstance(why, str):
        raise ConfigError(f"{design}: why is a text, got {why!r:.60}.")
    told = f"{note}{f' ({why})' if why else ''}, so nothing can be said about the others"
    return Sample(places, None, design, rows, note=told, spread="unknown", **more)
