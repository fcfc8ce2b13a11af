"""One entity that is too large for the budget, divided by time.

Requests are cut into stretches of as_of. A stretch needs the facts whose events lie at most as far back as its windows
reach, and that are known before it ends; neighbours share the facts between them. A correction whose own event lies
outside still ends the version it replaces, so there it is stood in for by a retraction of its key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hindcast.bulk.budget import Budget, Load, expected_bytes, size_text
from hindcast.bulk.division import stood_in, successors
from hindcast.bulk.joins import Join
from hindcast.bulk.spill import Scratch, Spill, as_table, key_hashes, parts_of, take, to_frame
from hindcast.errors import ConfigError
from hindcast.facts.arrow import integers
from hindcast.fold.entities import row_codes
from hindcast.values import NEVER, Ints

__all__ = ["Cuts", "Hot", "sliced"]

_SAMPLE = 1 << 16
_CUTS = 2_048


@dataclass(frozen=True)
class Hot:
    """A join's facts and requests of one entity, still on disk.

    Attributes
    ----------
    name : str
        The entity, for messages.
    facts, requests : callable
        Record batches from the beginning, each time they are called.
    facts_load, requests_load : Load
    """

    join: Join
    name: str
    facts: Callable[[], Iterator[Any]]
    requests: Callable[[], Iterator[Any]]
    facts_schema: Any
    requests_schema: Any
    facts_load: Load
    requests_load: Load


@dataclass(frozen=True, eq=False)
class Cuts:
    """Moments at which as_of is cut, rising, and the first and last as_of there are."""

    bounds: Ints
    low: int
    high: int


def sliced(hot: Hot, budget: Budget, scratch: Scratch) -> Iterator[tuple[Spill, Spill, int]]:
    """Units of work that hold one stretch of time each: facts, requests, and the part of both that is the unit.

    Raises
    ------
    ConfigError
        When the facts of one stretch exceed the whole budget, naming the entity and what would help.
    """
    cuts = _cuts(hot, budget)
    bounds = cuts.bounds
    facts = scratch.spill("slices-of-facts", hot.facts_schema)
    requests = scratch.spill("slices-of-requests", hot.requests_schema)
    try:
        for batch in hot.requests():
            requests.add(as_table(batch), np.searchsorted(bounds, integers(batch["_as_of"]), side="right"))
        if hot.join.table.keys:
            _divide_versions(hot, cuts, budget, scratch, facts)
        else:
            for batch in hot.facts():
                table = as_table(batch)
                first, last = _stretch(hot, cuts, integers(table["_event"]), integers(table["_known"]))
                for offset in range(int((last - first).max(initial=-1)) + 1):
                    here = np.flatnonzero(first + offset <= last)
                    facts.add(take(table, here), first[here] + offset)
        for part in requests.parts:
            yield facts, requests, part
    finally:
        facts.drop()
        requests.drop()


def _divide_versions(hot: Hot, cuts: Cuts, budget: Budget, scratch: Scratch, facts: Spill) -> None:
    """Facts to all stretches they matter in, key by key, so that every replaced version meets its end."""
    join = hot.join
    parts = replace(budget, parts=None).parts_for(hot.facts_load, Load(), len(join.columns), 0)
    by_key = scratch.spill("versions", hot.facts_schema)
    try:
        for batch in hot.facts():
            table = as_table(batch)
            frame = to_frame(table, join.table.keys)
            by_key.add(table, parts_of(key_hashes(list(frame.values()))[0], parts, depth=7))
        for part in by_key.parts:
            table = by_key.read([part])
            frame = to_frame(table)
            known, seq = frame["_known"].values, frame["_seq"].values
            retract = frame["_retract"].values.astype(np.bool_)
            first, last = _stretch(hot, cuts, frame["_event"].values, known)
            last[retract] = -1  # it matters where it ends a version, and nowhere else
            for offset in range(int((last - first).max(initial=-1)) + 1):
                here = np.flatnonzero(first + offset <= last)
                facts.add(take(table, here), first[here] + offset)
            last[last < first] = -1
            codes, _ = row_codes([frame[name] for name in join.table.keys])
            old, new = successors(codes, known, seq)
            begin = np.searchsorted(cuts.bounds, known[new], side="right")
            for offset in range(int((last - first).max(initial=-1)) + 1):
                at = first[old] + offset
                own = (first[new] <= at) & (at <= last[new])
                here = np.flatnonzero((at <= last[old]) & (at >= begin) & ~own)
                rows = new[here]
                keys = frame.select(dict.fromkeys([*join.table.keys, *join.by])).take(rows)
                facts.add(stood_in(keys, hot.facts_schema, known[rows], seq[rows]), at[here])
    finally:
        by_key.drop()


def _stretch(hot: Hot, cuts: Cuts, event: Ints, known: Ints) -> tuple[Ints, Ints]:
    """The first and the last stretch in which each fact may be seen; none where the last is before the first."""
    first = np.searchsorted(cuts.bounds, known, side="right").astype(np.int64)
    last = np.full(len(event), len(cuts.bounds), dtype=np.int64)
    back = hot.join.back_us
    if back is not None:
        seen_until = np.minimum(event, NEVER) + back
        last = np.searchsorted(cuts.bounds, seen_until, side="right").astype(np.int64)
        last[seen_until < cuts.low] = -1
    last[known >= cuts.high] = -1
    return first, last


def _cuts(hot: Hot, budget: Budget) -> Cuts:
    """Where to cut so that each stretch's facts take at most the larger part of a unit.

    The sizes are taken from a sample of facts and requests; the first and the last moment are exact.
    """
    asked, low, high = _sampled(hot.requests(), hot.requests_load.rows, ["_as_of"])
    (event, known), _, _ = _sampled(hot.facts(), hot.facts_load.rows, ["_event", "_known"])
    starts = np.unique(asked[0])
    starts = np.unique(starts[np.linspace(0, len(starts) - 1, min(_CUTS, len(starts))).astype(np.int64)])
    starts[0] = low
    each = hot.facts_load.rows / max(len(event), 1)
    back = hot.join.back_us

    def needed(start: int, end: int) -> int:
        """Bytes to answer requests in [start, end), their own apart."""
        here = known < end
        if back is not None:
            here &= event >= start - back
        share = min(float(here.sum()) * each / max(hot.facts_load.rows, 1), 1.0)
        load = hot.facts_load
        load = Load(int(load.rows * share), int(load.bytes * share), int(load.words * share))
        return expected_bytes(load, Load(), len(hot.join.columns), 0)

    room = int(budget.unit * 0.75)
    ends = np.append(starts[1:], high + 1)
    bounds: list[int] = []
    at = 0
    while at < len(starts):
        first, last = at, len(ends) - 1
        while first < last:  # the last end for which the stretch fits: more time never holds fewer facts
            middle = (first + last + 1) // 2
            first, last = (middle, last) if needed(int(starts[at]), int(ends[middle])) <= room else (first, middle - 1)
        if (size := needed(int(starts[at]), int(ends[first]))) > budget.total:
            raise _too_large(hot, size, budget)
        if first < len(ends) - 1:
            bounds.append(int(ends[first]))
        at = first + 1
    return Cuts(np.array(bounds, dtype=np.int64), low, high)


def _too_large(hot: Hot, needed: int, budget: Budget) -> ConfigError:
    join = hot.join
    if join.back_us is None:
        cause = "a feature of it looks back without a bound (latest without max_age, or an unbounded window)"
        help_ = "give that feature a max_age or a length"
    else:
        cause = "so many lie within its longest window"
        help_ = "shorten the window, or bound its state by tile="
    return ConfigError(
        f"features of {join.title}: {hot.name} has {hot.facts_load.rows:,} facts, and {cause}, so that about "
        f"{size_text(needed)} are needed at once where memory= allows {size_text(budget.total)}. Give more memory, or "
        f"{help_}."
    )


def _sampled(batches: Iterator[Any], rows: int, names: Sequence[str]) -> tuple[list[Ints], int, int]:
    """Columns of every k-th row, so that about 65,536 are held; and the exact range of the first of them."""
    step = max(rows // _SAMPLE, 1)
    found: list[list[Ints]] = [[] for _ in names]
    skipped, low, high = 0, NEVER, -NEVER
    for batch in batches:
        for at, name in enumerate(names):
            values = integers(batch[name])
            if at == 0 and len(values):
                low, high = min(low, int(values.min())), max(high, int(values.max()))
            found[at].append(values[skipped::step].copy())
        skipped = (skipped - batch.num_rows) % step
    return [np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64) for parts in found], low, high
