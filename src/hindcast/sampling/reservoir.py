"""Samples of a stream in one pass: k rows in memory, however long the stream, and reservoirs that can be merged.

Each row gets a random key, and the k rows with the smallest keys stay. For a uniform sample the key is uniform, for a
weighted one exponential with the row's weight as its rate (Efraimidis and Spirakis 2006). The smallest keys of two
streams together are the smallest keys of both, so the merge of two reservoirs is, row by row, the reservoir that one
pass over both streams with the same keys would have kept. Keys are drawn block by block, and a row whose key is above
the k-th smallest costs no more than that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.sampling.blocks import column_of, is_block, joined, rows_in, take_rows
from hindcast.sampling.sample import Sample
from hindcast.sampling.weighted import checked_weights
from hindcast.values import Floats, Ints

__all__ = ["Reservoir", "blocks_of", "reservoir"]

_RESERVOIR = 61
_BLOCK = 1 << 16


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
    Laws: the same stream gives the same rows however it is cut into blocks; ``a.merge(b)`` has the law of one reservoir
    over both streams; merging is associative and commutative up to the order of rows. State: k rows, their keys and
    places. About 10 ns a row for blocks of an array, plus taking the few rows that enter (k ln(n / k) of n in all).

    Uniform: ``pi = min(1, k / n)``. Weighted: rows are drawn as if one after another in proportion to weight
    (successive sampling); `pi` is the chance given the smallest key that lost, by whose inverse totals are unbiased.

    References
    ----------
    Vitter, "Random Sampling with a Reservoir", 1985; Efraimidis and Spirakis, "Weighted Random Sampling with a
    Reservoir", 2006; Cohen and Kaplan, "Summarizing Data using Bottom-k Sketches", 2007.

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
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
            raise ConfigError(f"a reservoir keeps a whole number of rows, at least 1, got {k!r}.")
        self.k, self.weighted, self.seed = int(k), bool(weighted), int(seed)
        self.seen = 0
        """Rows that have come."""
        self.shards: tuple[tuple[int, int], ...] = ((self.seed, int(shard)),)
        """Which streams of keys it holds."""
        self._random = np.random.default_rng([self.seed, _RESERVOIR, int(shard)])
        self._keys: Floats = np.zeros(0)
        self._places: Ints = np.zeros(0, dtype=np.int64)
        self._weights: Floats = np.zeros(0)
        self._rows: list[Any] = []  # blocks; together as long as the keys
        self._threshold = np.inf  # the smallest key that lost

    def __len__(self) -> int:
        """The rows it holds."""
        return len(self._keys)

    def add(self, row: Any, weight: float | None = None) -> None:
        """One row; many are far cheaper through :meth:`extend`."""
        self.extend([row], None if weight is None else [weight])

    def extend(self, block: Any, weight: Any = None) -> None:
        """The rows of a block (list, array, Frame, Arrow table, data frame), with their weights, shape (n,)."""
        n = rows_in(block)
        if self.weighted != (weight is not None):
            raise ConfigError(
                "a weighted reservoir needs the weight of each row."
                if self.weighted
                else "weights were given to a uniform reservoir; make it Reservoir(k, weighted=True)."
            )
        loads = None if weight is None else block_weights(weight, n)
        for start in range(0, n, _BLOCK):
            stop = min(start + _BLOCK, n)
            keys, weights = keys_of(self._random, stop - start, None if loads is None else loads[start:stop])
            below = np.flatnonzero(keys < self._threshold)
            self.offer(
                keys[below],
                below + self.seen,
                weights[below],
                lambda kept, places=below + start: take_rows(block, places[kept]),  # type: ignore[misc]
            )
            self.seen += stop - start

    def offer(self, keys: Floats, places: Ints, weights: Floats, rows: Callable[[Ints], Any]) -> None:
        """Rows with keys already drawn; ``rows(chosen)`` gives those that enter."""
        every = np.concatenate([self._keys, keys])
        order = np.argsort(every, kind="stable")  # equal keys: the earlier row stays
        if len(order) > self.k:
            self._threshold = min(self._threshold, float(every[order[self.k]]))
            order = order[: self.k]
        stay, enter = order[order < len(self._keys)], order[order >= len(self._keys)] - len(self._keys)
        if not len(enter) and len(stay) == len(self._keys):
            return
        stay = np.sort(stay)
        old = joined(self._rows)
        kept = [take_rows(old, stay)] if len(stay) else []
        self._rows = kept + ([rows(enter)] if len(enter) else [])
        self._keys = np.concatenate([self._keys[stay], keys[enter]])
        self._places = np.concatenate([self._places[stay], places[enter]])
        self._weights = np.concatenate([self._weights[stay], weights[enter]])

    def merge(self, other: Reservoir) -> Reservoir:
        """A new reservoir over this stream and then the other's; both stay as they are.

        Raises
        ------
        ConfigError
            For reservoirs of different k or kind, or that hold the same stream of keys: give each stream its own
            `shard`, else their rows would be drawn by the same luck.
        """
        if (self.k, self.weighted) != (other.k, other.weighted):
            raise ConfigError(
                f"reservoirs of k={self.k}, weighted={self.weighted} and of k={other.k}, weighted={other.weighted} "
                "cannot be merged."
            )
        shared = sorted(set(self.shards) & set(other.shards))
        if shared:
            raise ConfigError(
                f"both reservoirs drew with seed {shared[0][0]}, shard {shared[0][1]}: their keys are the same. "
                "Give each stream its own shard=."
            )
        merged = Reservoir(self.k, weighted=self.weighted, seed=self.seed, shard=self.shards[0][1])
        merged.shards = tuple(sorted(self.shards + other.shards))
        merged._random = np.random.default_rng([_RESERVOIR, *(part for shard in merged.shards for part in shard)])
        merged._threshold = min(self._threshold, other._threshold)
        for part, first in ((self, 0), (other, self.seen)):
            below = np.flatnonzero(part._keys < merged._threshold)
            rows = joined(part._rows)
            merged.offer(
                part._keys[below],
                part._places[below] + first,
                part._weights[below],
                lambda kept, rows=rows, below=below: take_rows(rows, below[kept]),  # type: ignore[misc]
            )
        merged.seen = self.seen + other.seen
        return merged

    def _order(self) -> Ints:
        return np.argsort(self._places, kind="stable")

    def rows(self) -> Any:
        """The rows it holds, in the order of the stream, as the kind of thing the blocks were."""
        if not self._rows:
            return []
        return take_rows(joined(self._rows), self._order())

    def sample(self) -> Sample:
        """Which rows of the stream it holds, counted from 0, and their chances."""
        place, pi = self.chances()
        if self.weighted:
            return Sample(place, pi, "weighted reservoir", self.seen, self.seed, spread="poisson")
        return Sample(place, pi, "reservoir", self.seen, self.seed)

    def chances(self) -> tuple[Ints, Floats]:
        """The places it holds, rising, and their chances."""
        order = self._order()
        if not self.weighted:
            pi = np.full(len(self), min(1.0, self.k / max(self.seen, 1)))
        elif np.isinf(self._threshold):
            pi = np.ones(len(self))
        else:
            pi = np.asarray(-np.expm1(-self._weights[order] * self._threshold))
        return self._places[order], pi


def block_weights(weight: Any, n: int) -> Floats:
    """The weights of a block of `n` rows, checked."""
    w = checked_weights(weight, "reservoir")
    if len(w) != n:
        raise DataError(f"a block of {n} rows came with {len(w)} weights.")
    return w


def keys_of(random: np.random.Generator, n: int, weights: Floats | None) -> tuple[Floats, Floats]:
    """A random key for each of `n` rows, infinite for weight 0, and the weights, 1 unless given."""
    if weights is None:
        return random.random(n), np.ones(n)
    keys = random.standard_exponential(n)
    with np.errstate(divide="ignore"):
        return np.where(weights > 0, keys / weights, np.inf), weights


def blocks_of(source: Any, *, blocks: bool | None = None, block_rows: int = _BLOCK) -> Iterator[Any]:
    """`source` as blocks of rows: one pass, little memory.

    Parameters
    ----------
    source : rows or blocks or a path
        A block itself; the path of a Parquet file, or several ``Path`` (read batch by batch); or any iterable of rows
        (tuples, mappings, numbers, anything) or of blocks (arrays, frames, Arrow batches).
    blocks : bool, optional
        Whether the items of an iterable are blocks. Unless given, frames, tables and arrays are blocks and everything
        else is a row; say True for lists of rows, False for arrays that are rows.
    block_rows : int, default 65,536
        Rows are gathered into lists of so many.
    """
    if isinstance(source, str | Path):
        yield from _parquet(source, block_rows)
        return
    if is_block(source):
        yield source
        return
    if isinstance(source, Sequence) and source and all(isinstance(item, Path) for item in source):
        for path in source:
            yield from _parquet(path, block_rows)
        return
    items: Iterator[Any] = iter(source)
    for first in items:
        if blocks if blocks is not None else is_block(first):
            if not is_block(first) and (isinstance(first, str) or not isinstance(first, Sequence)):
                raise DataError(f"expected blocks of rows, got a {type(first).__name__}.")
            yield first
            continue
        rows = [first, *islice(items, block_rows - 1)]
        if blocks is None and any(is_block(row) for row in {type(row): row for row in rows}.values()):
            raise DataError("the stream mixes rows and blocks of rows; say blocks=False if arrays are rows.")
        yield rows


def _parquet(path: Any, block_rows: int) -> Iterator[Any]:
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be read as Parquet: {error}", file=str(path)) from None
    with file:
        yield from file.iter_batches(batch_size=block_rows)


def reservoir(
    source: Any,
    k: int | Mapping[Any, int],
    *,
    weight: str | Callable[[Any], Any] | None = None,
    by: str | Callable[[Any], Any] | None = None,
    blocks: bool | None = None,
    seed: int = 0,
    shard: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Any:
    """A :class:`Reservoir` filled in one pass over `source`, or with `by` one for each stratum.

    Parameters
    ----------
    source
        See :func:`blocks_of`: rows, blocks, an array or a data frame, a Parquet file larger than memory.
    k : int, or mapping of stratum to int
        Rows to keep; with `by`, of each stratum.
    weight : str or callable, optional
        The column of weights, or a function from a block to them, shape (n,).
    by : str or callable, optional
        The column of strata, or a function from a block to them.
    blocks : bool, optional
    seed, shard : int, default 0
    progress : callable, optional
        Called with (rows so far, 0) after each block.

    Returns
    -------
    Reservoir or StrataReservoir

    Examples
    --------
    >>> kept = reservoir(({"id": i} for i in range(10_000)), 2, seed=4)
    >>> kept.seen, len(kept.rows()), len(kept.sample())
    (10000, 2, 2)
    """
    from hindcast.sampling.strata_reservoir import StrataReservoir

    kept: Any
    if by is None:
        if isinstance(k, Mapping):
            raise ConfigError("reservoir: k of each stratum needs the strata (by=).")
        kept = Reservoir(k, weighted=weight is not None, seed=seed, shard=shard)
    else:
        kept = StrataReservoir(k, weighted=weight is not None, seed=seed, shard=shard)
    for block in blocks_of(source, blocks=blocks):
        loads = None if weight is None else _read(block, weight, "reservoir, weight")
        if by is None:
            kept.extend(block, loads)
        else:
            kept.extend(block, _read(block, by, "reservoir, by"), loads)
        if progress is not None:
            progress(kept.seen, 0)
    return kept


def _read(block: Any, what: str | Callable[[Any], Any], where: str) -> Any:
    if callable(what):
        return what(block)
    values = column_of(block, what, where)
    return values.array() if hasattr(values, "array") and hasattr(values, "kind") else values
