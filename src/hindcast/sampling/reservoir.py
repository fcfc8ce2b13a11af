"""Samples of a stream in one pass: k rows in memory, however long the stream, and reservoirs that can be merged.

Each row has a random key, and the k rows with the smallest keys stay. For a uniform sample the key is uniform, for a
weighted one exponential with the row's weight as its rate (Efraimidis and Spirakis 2006). The smallest keys of two
streams together are the smallest keys of both, so the merge of two reservoirs is, row by row, the reservoir that one
pass over both streams with the same keys would have kept.

Uniform keys above the k-th smallest are never drawn: how many rows pass until the next key below it is geometric, so
those rows cost nothing and need not be read (Li 1994).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.parameters import seed_of, switch, whole
from hindcast.sampling.blocks import is_block, joined, rows_in, take_rows
from hindcast.sampling.sample import Sample
from hindcast.sampling.snapshot import Torn, packed, random_at, unpacked
from hindcast.sampling.weighted import checked_weights
from hindcast.values import Floats, Ints

__all__ = ["Reservoir"]

_RESERVOIR = 61
_BLOCK = 1 << 16
_FEWEST = 256


class Reservoir:
    """`k` rows of a stream, each row of it with the same chance, or with chances that grow with its weight.

    Parameters
    ----------
    k : int
        At most so many rows are kept; of a shorter stream all.
    weighted : bool, default False
        Whether rows come with weights. A row of weight 0 is never kept.
    seed : int, default 0
    shard : int, default 0
        Which part of a stream this is, where several machines read one each: shards of one seed have keys of their
        own and can be merged.

    Notes
    -----
    Laws: the same stream gives the same rows however it is cut into blocks, and however often it was stopped and
    restored from a :meth:`snapshot`; ``a.merge(b)`` has the law of one reservoir over both streams; merging is
    associative and commutative up to the order of rows. State: k rows, their keys and places. A uniform reservoir
    draws and takes about k log2(n / k) of n rows and never looks at the others; a weighted one costs about 10 ns a row.

    Uniform: ``pi = min(1, k / n)``. Weighted: rows are drawn as if one after another in proportion to weight
    (successive sampling); `pi` is the chance given the smallest key that lost, by whose inverse totals are unbiased.

    References
    ----------
    Vitter, "Random Sampling with a Reservoir", 1985; Li, "Reservoir-Sampling Algorithms of Time Complexity
    O(n(1 + log(N/n)))", 1994; Efraimidis and Spirakis, "Weighted Random Sampling with a Reservoir", 2006; Cohen and
    Kaplan, "Summarizing Data using Bottom-k Sketches", 2007.

    Examples
    --------
    >>> a, b = Reservoir(3, seed=1), Reservoir(3, seed=1, shard=1)
    >>> a.extend(np.arange(100))
    >>> b.extend(np.arange(100, 1000))
    >>> both = a.merge(b)
    >>> both.seen, len(both.rows()), float(both.sample().pi[0])
    (1000, 3, 0.003)
    """

    def __init__(self, k: int, *, weighted: bool = False, seed: int = 0, shard: int = 0) -> None:
        self.k = whole("a reservoir's k", k, least=1)
        self.weighted = switch("a reservoir's weighted", weighted)
        self.seed = seed_of(seed)
        self.seen = 0
        """Rows that have come."""
        self.shards: tuple[tuple[int, int], ...] = ((self.seed, whole("shard", shard, least=0)),)
        """Which streams of keys it holds."""
        self._random = np.random.default_rng([self.seed, _RESERVOIR, shard])
        self._keys: Floats = np.zeros(0)  # of the rows it holds, which are in the order of the stream
        self._places: Ints = np.zeros(0, dtype=np.int64)
        self._weights: Floats = np.zeros(0)
        self._rows: Any = []  # a block, as long as the keys
        self._threshold = np.inf  # weighted: the smallest key that lost
        self._due: Ints = np.zeros(0, dtype=np.int64)  # uniform: the next rows whose keys may win,
        self._due_keys: Floats = np.zeros(0)  # and their keys
        self._drawn = 0  # uniform: rows up to which that is known

    def __len__(self) -> int:
        """The rows it holds."""
        return len(self._keys)

    def add(self, row: Any, weight: float | None = None) -> None:
        """One row; many are far cheaper through :meth:`extend`."""
        self.extend([row], None if weight is None else [weight])

    def extend(self, block: Any, weight: Any = None) -> None:
        """The rows of a block (list, array, Frame, Arrow table, data frame), with their weights, shape (n,)."""
        if self.weighted != (weight is not None):
            raise ConfigError(
                "a weighted reservoir needs the weight of each row."
                if self.weighted
                else "weights were given to a uniform reservoir; make it Reservoir(k, weighted=True)."
            )
        n = block_rows(block)
        held = self._places
        if weight is None:
            self._skip_ahead(self.seen + n)
        else:
            loads = block_weights(weight, n)
            for start in range(0, n, _BLOCK):
                part = loads[start : start + _BLOCK]
                keys = keys_of(self._random, len(part), part)
                below = np.flatnonzero(keys < self._threshold)
                self.offer(keys[below], below + start + self.seen, part[below])
        self.take(held, lambda places: take_rows(block, places - self.seen))
        self.seen += n

    def _skip_ahead(self, end: int) -> None:
        """Offer the keys that may win of the rows up to `end`, leaving out the others without drawing them."""
        while True:
            here = int(np.searchsorted(self._due, end))
            self.offer(self._due_keys[:here], self._due[:here], np.ones(here))
            self._due, self._due_keys = self._due[here:], self._due_keys[here:]
            if len(self._due) or self._drawn >= end:
                return
            # a fixed number at once, however the stream is cut: keys below the k-th smallest as of now
            n = min(max(self.k, _FEWEST), _BLOCK)
            most = float(self._keys.max()) if len(self) == self.k else 1.0
            gaps = np.minimum(self._random.geometric(most, n), 2**62 // n)
            self._due = self._drawn + np.cumsum(gaps) - 1
            self._due_keys = most * (1.0 - self._random.random(n))
            self._drawn = int(self._due[-1]) + 1

    def offer(self, keys: Floats, places: Ints, weights: Floats) -> None:
        """Rows, later than those it holds, by their keys; :meth:`take` then brings those that entered."""
        if not len(keys):
            return
        every = np.concatenate([self._keys, keys])
        kept = np.arange(len(every))
        if len(every) > self.k:
            order = np.argsort(every, kind="stable")  # equal keys: the earlier row stays
            self._threshold = min(self._threshold, float(every[order[self.k]]))
            kept = np.sort(order[: self.k])
        self._keys = every[kept]
        self._places = np.concatenate([self._places, places])[kept]
        self._weights = np.concatenate([self._weights, weights])[kept]

    def take(self, held: Ints, rows: Callable[[Ints], Any]) -> None:
        """Bring the rows in line with the keys: `held` are the places they had, ``rows(places)`` gives later ones."""
        new = int(np.searchsorted(self._places, held[-1], side="right")) if len(held) else 0
        stay, enter = np.searchsorted(held, self._places[:new]), self._places[new:]
        if len(stay) < len(held):
            self._rows = take_rows(self._rows, stay)
        if len(enter):
            self._rows = joined([self._rows, rows(enter)]) if len(stay) else rows(enter)

    def merge(self, other: Reservoir) -> Reservoir:
        """A new reservoir over this stream and then the other's; both stay as they are.

        Raises
        ------
        ConfigError
            For reservoirs of different k or kind, or that hold the same stream of keys: give each stream its own
            `shard`, else their rows would be drawn by the same luck.
        """
        merged = Reservoir(self.k, weighted=self.weighted, seed=self.seed, shard=self.shards[0][1])
        merged.shards = both_shards(self, other)
        merged._random = np.random.default_rng([_RESERVOIR, *(part for shard in merged.shards for part in shard)])
        merged._join(self, other)
        return merged

    def _join(self, *parts: Reservoir) -> None:
        for part in parts:
            held, first = self._places, self.seen
            self._threshold = min(self._threshold, part._threshold)
            self.offer(part._keys, part._places + first, part._weights)
            self.take(
                held,
                lambda places, part=part, first=first: take_rows(  # type: ignore[misc]
                    part._rows, np.searchsorted(part._places, places - first)
                ),
            )
            self.seen += part.seen
        self._drawn = self.seen

    def rows(self) -> Any:
        """The rows it holds, in the order of the stream, as the kind of thing the blocks were."""
        return take_rows(self._rows, np.arange(len(self)))

    def sample(self) -> Sample:
        """Which rows of the stream it holds, counted from 0, and their chances."""
        if self.weighted:
            return Sample(self._places, self.chances(), "weighted reservoir", self.seen, self.seed, spread="poisson")
        return Sample(self._places, self.chances(), "reservoir", self.seen, self.seed)

    def chances(self) -> Floats:
        """The chance of each row it holds, in their order, shape (len(self),)."""
        if not self.weighted:
            return np.full(len(self), min(1.0, self.k / max(self.seen, 1)))
        if np.isinf(self._threshold):
            return np.ones(len(self))
        return np.asarray(-np.expm1(-self._weights * self._threshold))

    # ---- what outlives a restart ----------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        """All it holds, as bytes that :meth:`restore` makes the same reservoir of: it will draw what this one would.

        Plain: a line of JSON with a checksum, numbers as they lie in memory, rows as Arrow, NumPy or JSON, and no
        pickle. Size: the k rows and 24 bytes for each. Write it to a new file and rename that over the old one.

        Raises
        ------
        DataError
            For rows that cannot be written plainly, such as arbitrary objects; hold them as mappings, arrays or frames.

        Examples
        --------
        >>> kept = Reservoir(2, seed=1)
        >>> kept.extend(np.arange(100))
        >>> again = Reservoir.restore(kept.snapshot())
        >>> for one in (kept, again):
        ...     one.extend(np.arange(100, 10_000))
        >>> again.seen, bool((again.rows() == kept.rows()).all())
        (10000, True)
        """
        return packed("reservoir", *self.state())

    @staticmethod
    def restore(data: bytes) -> Reservoir:
        """The reservoir that a :meth:`snapshot` was taken of.

        Raises
        ------
        DataError
            For bytes that are torn, altered, of another kind or of a later version.
        """
        with Torn("reservoir"):
            return Reservoir.of_state(*unpacked("reservoir", data))

    def state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Its state: plain values, and by name the arrays and rows."""
        plain = {
            "k": self.k,
            "weighted": self.weighted,
            "seen": self.seen,
            "shards": self.shards,
            "seed": self.seed,
            "threshold": self._threshold,
            "drawn": self._drawn,
            "random": self._random.bit_generator.state,
        }
        parts = {name: getattr(self, f"_{name}") for name in ("keys", "places", "weights", "due", "due_keys", "rows")}
        return plain, parts

    @staticmethod
    def of_state(plain: dict[str, Any], parts: dict[str, Any]) -> Reservoir:
        """The reservoir of a :meth:`state`."""
        kept = Reservoir(plain["k"], weighted=plain["weighted"], seed=plain["seed"])
        kept.shards = tuple((int(seed), int(shard)) for seed, shard in plain["shards"])
        kept.seen, kept._drawn = int(plain["seen"]), int(plain["drawn"])
        kept._threshold = float(plain["threshold"])
        kept._random = random_at(plain["random"])
        for name in ("keys", "places", "weights", "due", "due_keys", "rows"):
            setattr(kept, f"_{name}", parts[name])
        if not len(kept._keys) == len(kept._places) == len(kept._weights) == rows_in(kept._rows):
            raise DataError("its rows and their keys do not belong together.")
        return kept


def both_shards(one: Any, other: Any) -> tuple[tuple[int, int], ...]:
    """The streams of keys of two reservoirs that are to be merged, refused where they cannot be."""
    if type(other) is not type(one):
        raise ConfigError(f"a {type(one).__name__} merges with another one, not with a {type(other).__name__}.")
    if (one.k, one.weighted) != (other.k, other.weighted):
        raise ConfigError(
            f"reservoirs of different k or kind cannot be merged: k={one.k}, weighted={one.weighted} and k={other.k}, "
            f"weighted={other.weighted}."
        )
    shared = sorted(set(one.shards) & set(other.shards))
    if shared:
        raise ConfigError(
            f"both reservoirs drew with seed {shared[0][0]}, shard {shared[0][1]}: their keys are the same. "
            "Give each stream its own shard=."
        )
    return tuple(sorted(one.shards + other.shards))


def block_rows(block: Any) -> int:
    """The number of rows of a block, of a kind that rows can be taken from."""
    if not (is_block(block) or isinstance(block, Sequence) or hasattr(block, "batches")):
        raise ConfigError(
            f"a reservoir is extended by a block of rows (list, array, frame), got a {type(block).__name__}; for a "
            "single row there is add()."
        )
    return rows_in(block)


def block_weights(weight: Any, n: int) -> Floats:
    """The weights of a block of `n` rows, checked."""
    w = checked_weights(weight, "reservoir")
    if len(w) != n:
        raise DataError(f"a block of {n} rows came with {len(w)} weights.")
    return w


def keys_of(random: np.random.Generator, n: int, weights: Floats | None) -> Floats:
    """A random key for each of `n` rows, infinite for weight 0."""
    if weights is None:
        return random.random(n)
    keys = random.standard_exponential(n)
    with np.errstate(divide="ignore", over="ignore"):
        return np.where(weights > 0, keys / weights, np.inf)
