"""A reservoir for each stratum of a stream whose strata nobody knows beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.parameters import seed_of, switch, whole
from hindcast.sampling.blocks import joined, take_rows
from hindcast.sampling.reservoir import Reservoir, block_rows, block_weights, both_shards, keys_of
from hindcast.sampling.sample import Sample
from hindcast.sampling.snapshot import Torn, packed, random_at, unpacked
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
        sizes = k if isinstance(k, Mapping) else {"": k}
        for name, size in sizes.items():
            whole(f"a reservoir's k{f' of {name!r}' if isinstance(k, Mapping) else ''}", size, least=1)
        self.k = dict(k) if isinstance(k, Mapping) else k
        self.weighted, self.seed = switch("a reservoir's weighted", weighted), seed_of(seed)
        self.shard = whole("shard", shard, least=0)
        self.seen = 0
        """Rows that have come."""
        self.shards: tuple[tuple[int, int], ...] = ((self.seed, self.shard),)
        self._counts: dict[Any, int] = {}
        self._parts: dict[Any, Reservoir] = {}
        self._random = np.random.default_rng([self.seed, _STRATA, self.shard])

    @property
    def counts(self) -> dict[Any, int]:
        """Rows that have come of each stratum, in the order of the strata's names."""
        return {name: self._counts[name] for name in self._names()}

    def _names(self) -> tuple[Any, ...]:
        return strata_of(list(self._counts)).names if self._counts else ()

    def extend(self, block: Any, by: Any, weight: Any = None) -> None:
        """The rows of a block, the stratum of each, and the weight of each."""
        n = block_rows(block)
        strata = strata_of(by)
        if len(strata.code) != n:
            raise DataError(f"a block of {n} rows came with {len(strata.code)} strata.")
        if self.weighted != (weight is not None):
            raise ConfigError("give weights to a weighted reservoir, and to no other.")
        weights = np.ones(n) if weight is None else block_weights(weight, n)
        keys = keys_of(self._random, n, None if weight is None else weights)
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
            held = part._places
            part.offer(keys[here], here + self.seen, weights[here])
            part.take(held, lambda places: take_rows(block, places - self.seen))
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
        shards = both_shards(self, other)
        merged = StrataReservoir(self.k, weighted=self.weighted, seed=self.seed, shard=self.shard)
        merged.shards = shards
        merged._random = np.random.default_rng([_STRATA, *(part for shard in shards for part in shard)])
        merged.seen = self.seen + other.seen
        for name in dict.fromkeys([*self._counts, *other._counts]):
            merged._counts[name] = self._counts.get(name, 0) + other._counts.get(name, 0)
            into = merged._part(name)
            if into is None:
                continue
            for part, first in ((self._parts.get(name), 0), (other._parts.get(name), self.seen)):
                if part is not None:
                    into.seen = first  # places are those of the whole stream, not of the stratum
                    into._join(part)
            into.seen = merged._counts[name]
        return merged

    def rows(self) -> Any:
        """The rows of all strata, in the order of the stream."""
        parts = [part for part in self._parts.values() if len(part)]
        if not parts:
            return []
        order = np.argsort(np.concatenate([part._places for part in parts]), kind="stable")
        return take_rows(joined([part._rows for part in parts]), order)

    def sample(self) -> Sample:
        """Which rows of the stream it holds, their strata, and their chances within them."""
        names = self._names()
        places, pi, stratum = [np.zeros(0, np.int64)], [np.zeros(0)], [np.zeros(0, np.int64)]
        for code, name in enumerate(names):
            part = self._parts.get(name)
            if part is not None and len(part):
                places.append(part._places)
                pi.append(part.chances())
                stratum.append(np.full(len(part), code, dtype=np.int64))
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

    def snapshot(self) -> bytes:
        """All it holds, as bytes that :meth:`restore` makes the same reservoir of; see :meth:`Reservoir.snapshot`."""
        plain: dict[str, Any] = {
            "k": self.k,
            "weighted": self.weighted,
            "seed": self.seed,
            "shard": self.shard,
            "shards": self.shards,
            "seen": self.seen,
            "counts": self._counts,
            "random": self._random.bit_generator.state,
            "strata": [],
        }
        parts: dict[str, Any] = {}
        for at, (name, part) in enumerate(self._parts.items()):
            inside, held = part.state()
            plain["strata"].append([name, inside])
            parts |= {f"{at} {what}": values for what, values in held.items()}
        return packed("reservoir per stratum", plain, parts)

    @staticmethod
    def restore(data: bytes) -> StrataReservoir:
        """The reservoir that a :meth:`snapshot` was taken of; bytes that are no sound snapshot are refused."""
        with Torn("reservoir per stratum"):
            plain, parts = unpacked("reservoir per stratum", data)
            kept = StrataReservoir(plain["k"], weighted=plain["weighted"], seed=plain["seed"], shard=plain["shard"])
            kept.shards, kept.seen, kept._counts = plain["shards"], plain["seen"], plain["counts"]
            kept._random = random_at(plain["random"])
            for at, (name, inside) in enumerate(plain["strata"]):
                held = {what.partition(" ")[2]: v for what, v in parts.items() if what.startswith(f"{at} ")}
                kept._parts[name] = Reservoir.of_state(inside, held)
            return kept
