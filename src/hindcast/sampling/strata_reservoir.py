"""A reservoir for each stratum of a stream whose strata nobody knows beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.sampling.blocks import joined, rows_in, take_rows
from hindcast.sampling.reservoir import Reservoir, block_weights, keys_of
from hindcast.sampling.sample import Sample
from hindcast.sampling.strata import strata_of

__all__ = ["StrataReservoir"]

_STRATA = 62


class StrataReservoir:
    """Up to `k` rows of each stratum of a stream, in one pass: rare strata are not left to luck.

    Parameters
    ----------
    k : int, or mapping of stratum to int
        Rows to keep of each; strata that a mapping does not name are counted and not kept.
    weighted, seed, shard
        As for :class:`Reservoir`.

    Notes
    -----
    One stream of keys for all strata, so the same stream gives the same rows however it is cut into blocks. State: k
    rows for each stratum that has come. Merging asks for different shards, as for :class:`Reservoir`.

    Examples
    --------
    >>> kept = StrataReservoir(2, seed=1)
    >>> kept.extend(np.arange(100), ["rare" if i == 7 else "common" for i in range(100)])
    >>> kept.counts, len(kept.sample()), 7 in kept.rows()
    ({'common': 99, 'rare': 1}, 3, True)
    """

    def __init__(self, k: int | Mapping[Any, int], *, weighted: bool = False, seed: int = 0, shard: int = 0) -> None:
        self.k = dict(k) if isinstance(k, Mapping) else k
        self.weighted, self.seed, self.shard = weighted, seed, shard
        self.seen = 0
        """Rows that have come."""
        self.shards: tuple[tuple[int, int], ...] = ((seed, shard),)
        self._counts: dict[Any, int] = {}
        self._parts: dict[Any, Reservoir] = {}
        self._random = np.random.default_rng([seed, _STRATA, shard])
        for name, size in self.k.items() if isinstance(self.k, dict) else [("", self.k)]:
            if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
                raise ConfigError(f"a reservoir keeps a whole number of rows, at least 1, got {size!r} of {name!r}.")

    @property
    def counts(self) -> dict[Any, int]:
        """Rows that have come of each stratum, in the order of the strata's names."""
        return {name: self._counts[name] for name in self._names()}

    def _names(self) -> tuple[Any, ...]:
        return strata_of(list(self._counts)).names if self._counts else ()

    def extend(self, block: Any, by: Any, weight: Any = None) -> None:
        """The rows of a block, the stratum of each, and the weight of each."""
        n = rows_in(block)
        strata = strata_of(by)
        if len(strata.code) != n:
            raise DataError(f"a block of {n} rows came with {len(strata.code)} strata.")
        if self.weighted != (weight is not None):
            raise ConfigError("give weights to a weighted reservoir, and to no other.")
        keys, weights = keys_of(self._random, n, None if weight is None else block_weights(weight, n))
        thresholds = np.full(len(strata), -np.inf)
        for code, (name, size) in enumerate(zip(strata.names, strata.sizes.tolist(), strict=True)):
            self._counts[name] = self._counts.get(name, 0) + size
            part = self._part(name)
            if part is not None:
                part.seen += size
                thresholds[code] = part._threshold
        candidates = np.flatnonzero(keys < thresholds[strata.code]) if n else np.zeros(0, dtype=np.int64)
        candidates = candidates[np.argsort(strata.code[candidates], kind="stable")]
        codes, starts = np.unique(strata.code[candidates], return_index=True)
        for code, here in zip(codes.tolist(), np.split(candidates, starts[1:]), strict=False):
            part = self._parts[strata.names[code]]
            part.offer(
                keys[here],
                here + self.seen,
                weights[here],
                lambda kept, here=here: take_rows(block, here[kept]),  # type: ignore[misc]
            )
        self.seen += n

    def _part(self, name: Any) -> Reservoir | None:
        """The stratum's reservoir, made when its first row comes; None for one that is not asked for."""
        if name not in self._parts:
            size = self.k.get(name) if isinstance(self.k, dict) else self.k
            if size is None:
                return None
            self._parts[name] = Reservoir(size, weighted=self.weighted, seed=self.seed, shard=self.shard)
        return self._parts[name]

    def merge(self, other: StrataReservoir) -> StrataReservoir:
        """A new one over this stream and then the other's; see :meth:`Reservoir.merge`."""
        if (self.k, self.weighted) != (other.k, other.weighted):
            raise ConfigError("reservoirs of different k or kind cannot be merged.")
        shared = sorted(set(self.shards) & set(other.shards))
        if shared:
            seed, shard = shared[0]
            raise ConfigError(f"both drew with seed {seed}, shard {shard}; give each stream its own shard=.")
        merged = StrataReservoir(self.k, weighted=self.weighted, seed=self.seed, shard=self.shard)
        merged.shards = tuple(sorted(self.shards + other.shards))
        merged._random = np.random.default_rng([_STRATA, *(part for shard in merged.shards for part in shard)])
        merged.seen = self.seen + other.seen
        for name in dict.fromkeys([*self._counts, *other._counts]):
            merged._counts[name] = self._counts.get(name, 0) + other._counts.get(name, 0)
            parts = [(p, first) for p, first in ((self._parts.get(name), 0), (other._parts.get(name), self.seen)) if p]
            into = merged._part(name)
            if into is None:
                continue
            into._threshold = min([into._threshold, *(p._threshold for p, _ in parts)])
            for part, first in parts:
                below = np.flatnonzero(part._keys < into._threshold)
                rows = joined(part._rows)
                into.offer(
                    part._keys[below],
                    part._places[below] + first,
                    part._weights[below],
                    lambda kept, rows=rows, below=below: take_rows(rows, below[kept]),  # type: ignore[misc]
                )
            into.seen = merged._counts[name]
        return merged

    def rows(self) -> Any:
        """The rows of all strata, in the order of the stream."""
        parts = [(p._places, joined(p._rows)) for p in self._parts.values() if len(p)]
        if not parts:
            return []
        order = np.argsort(np.concatenate([places for places, _ in parts]), kind="stable")
        return take_rows(joined([rows for _, rows in parts]), order)

    def sample(self) -> Sample:
        """Which rows of the stream it holds, their strata, and their chances within them."""
        names = self._names()
        places, pi, stratum = [np.zeros(0, np.int64)], [np.zeros(0)], [np.zeros(0, np.int64)]
        for code, name in enumerate(names):
            part = self._parts.get(name)
            if part is not None and len(part):
                held, chance = part.chances()
                places.append(held)
                pi.append(chance)
                stratum.append(np.full(len(held), code, dtype=np.int64))
        place = np.concatenate(places)
        order = np.argsort(place, kind="stable")
        left = [name for name in names if name not in self._parts]
        note = f"strata that were not asked for gave no rows: {', '.join(map(repr, left[:5]))}" if left else ""
        return Sample(
            place[order],
            np.concatenate(pi)[order],
            "reservoir per stratum",
            self.seen,
            self.seed,
            note,
            "poisson" if self.weighted else "fixed",
            stratum=np.concatenate(stratum)[order],
            strata=names,
        )
