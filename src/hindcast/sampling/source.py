"""What a reservoir is filled from: rows or blocks of rows, frames, and Parquet files of which little need be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.parameters import progress_of, switch
from hindcast.sampling.blocks import column_of, is_block
from hindcast.sampling.reservoir import Reservoir
from hindcast.sampling.strata_reservoir import StrataReservoir
from hindcast.values import Ints

__all__ = ["ParquetRows", "blocks_of", "reservoir"]

_BLOCK = 1 << 16
_SMALL = 64 << 20
_THREADS = 2


class ParquetRows:
    """The rows of a Parquet file as a block that is read where rows are taken from it, and only there.

    The number of rows comes from the file's metadata. Taking rows reads the groups of rows that hold any, each up to
    the last one wanted, batch by batch on two threads: little memory, whatever the size of a group.

    Parameters
    ----------
    path : path
    told : callable, optional
        Called with the number of rows passed, after each group.
    """

    def __init__(self, path: Any, told: Callable[[int], None] | None = None) -> None:
        self.path, self.told = path, told
        with _opened(path) as file:
            self.metadata, self.schema = file.metadata, file.schema_arrow

    def __len__(self) -> int:
        return int(self.metadata.num_rows)

    def batches(self) -> Iterator[Any]:
        """All rows, in Arrow batches."""
        with _opened(self.path, self.metadata) as file:
            yield from file.iter_batches(batch_size=_BLOCK)

    def take(self, places: Ints) -> Any:
        """An Arrow table of the rows at `places`, which rise."""
        import pyarrow as pa

        ends = np.cumsum([self.metadata.row_group(g).num_rows for g in range(self.metadata.num_row_groups)])
        cuts = np.searchsorted(places, ends)
        starts, ends = [0, *ends[:-1].tolist()], ends.tolist()
        wanted = [part - start for part, start in zip(np.split(places, cuts[:-1]), starts, strict=True)]

        def group(at: int) -> list[Any]:
            found: list[Any] = []
            if not len(wanted[at]):
                return found
            first = 0
            with _opened(self.path, self.metadata) as file:
                if self.metadata.row_group(at).total_byte_size <= _SMALL:  # at once is faster
                    table = file.read_row_group(at, use_threads=False)
                    return list(table.take(pa.array(wanted[at])).to_batches())
                for batch in file.iter_batches(batch_size=_BLOCK, row_groups=[at], use_threads=False):
                    low, high = np.searchsorted(wanted[at], [first, first + len(batch)])
                    if high > low:
                        found.append(batch.take(pa.array(wanted[at][low:high] - first)))
                    first += len(batch)
                    if high == len(wanted[at]):
                        break
            return found

        taken: list[Any] = []
        with ThreadPoolExecutor(_THREADS) as pool:
            for at, found in enumerate(pool.map(group, range(len(wanted)))):
                taken += found
                if self.told is not None:
                    self.told(ends[at])
        return pa.Table.from_batches(taken, schema=self.schema)


def _opened(path: Any, metadata: Any = None) -> Any:
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path, metadata=metadata, pre_buffer=False)
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be read as Parquet: {error}", file=str(path)) from None


def blocks_of(
    source: Any, *, blocks: bool | None = None, block_rows: int = _BLOCK, told: Callable[[int], None] | None = None
) -> Iterator[Any]:
    """`source` as blocks of rows: one pass, little memory.

    Parameters
    ----------
    source : rows or blocks or a path
        A block itself; the path of a Parquet file, or several ``Path``, each a :class:`ParquetRows`; or any iterable of
        rows (tuples, mappings, numbers, anything) or of blocks (arrays, frames, Arrow batches).
    blocks : bool, optional
        Whether the items of an iterable are blocks. Unless given, frames, tables and arrays are blocks and everything
        else is a row; say True for lists of rows, False for arrays that are rows.
    block_rows : int, default 65,536
        Rows are gathered into lists of so many.
    told : callable, optional
        Called with the rows passed of a Parquet file.
    """
    if isinstance(source, str | Path):
        yield ParquetRows(source, told)
        return
    if is_block(source):
        yield source
        return
    if isinstance(source, Sequence) and source and all(isinstance(item, Path) for item in source):
        for path in source:
            yield ParquetRows(path, told)
        return
    if not isinstance(source, Iterable) or isinstance(source, bytes):
        raise ConfigError(
            f"a reservoir is filled from rows, blocks of rows or the path of a Parquet file, got {source!r:.60} "
            f"({type(source).__name__})."
        )
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
        See :func:`blocks_of`: rows, blocks, an array or a data frame, a Parquet file larger than memory. Of a Parquet
        file without `weight` and `by` only the groups of rows that hold the sample are read.
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
    blocks = None if blocks is None else switch("reservoir: blocks", blocks)
    tell = progress_of(progress)
    kept: Any
    if by is None:
        if isinstance(k, Mapping):
            raise ConfigError("reservoir: k of each stratum needs the strata (by=).")
        kept = Reservoir(k, weighted=weight is not None, seed=seed, shard=shard)
    else:
        kept = StrataReservoir(k, weighted=weight is not None, seed=seed, shard=shard)

    def told(rows: int) -> None:
        tell(kept.seen + rows, 0)

    for block in blocks_of(source, blocks=blocks, told=told):
        parts = (
            block.batches() if isinstance(block, ParquetRows) and (weight is not None or by is not None) else [block]
        )
        for part in parts:
            loads = None if weight is None else _read(part, weight, "reservoir, weight")
            if by is None:
                kept.extend(part, loads)
            else:
                kept.extend(part, _read(part, by, "reservoir, by"), loads)
            tell(kept.seen, 0)
    return kept


def _read(block: Any, what: str | Callable[[Any], Any], where: str) -> Any:
    if callable(what):
        return what(block)
    if not isinstance(what, str):
        raise ConfigError(f"{where}: name a column or give a function of a block, got {what!r:.60}.")
    values = column_of(block, what, where)
    return values.array() if hasattr(values, "array") and hasattr(values, "kind") else values
