"""Who is asked what next: overlap, priorities, an order of its own for everybody, control items."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from hashlib import blake2b
from heapq import heappop, heappush
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from hindcast.labelling.state import State

__all__ = ["Desk", "shuffled"]

_Entry = tuple[float, int, str]
_MANY = 1_000
_WORD = (1 << 64) - 1
_MIX = (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53)


def shuffled(seed: int, annotator: str, item: str) -> int:
    """Where an item stands in an annotator's own order: uniform on 64 bits, the same on every machine.

    A hash of the item, by itself the same for everybody, mixed with one of the annotator by MurmurHash3's finalizer.

    Examples
    --------
    >>> sorted("abcd", key=lambda item: shuffled(0, "Ann", item)), sorted("abcd", key=lambda i: shuffled(0, "Bo", i))
    (['c', 'a', 'b', 'd'], ['d', 'c', 'b', 'a'])
    """
    mixed = _hash(item) ^ _hash(f"{seed}\0{annotator}")
    for factor in _MIX:
        mixed = ((mixed ^ mixed >> 33) * factor) & _WORD
    return mixed ^ mixed >> 33


class Desk:
    """Picks the next item of an annotator from a project's state; a cache beside it, and never part of it.

    The order: what the annotator took back, the latest first, for it is theirs to mend; what else is kept for them, as
    it was handed out; then the greatest priority; then the annotator's own shuffle, so that nobody's mistakes of the
    first or last hour fall on the same items. An item is picked while it has a place that is neither taken nor kept
    for somebody else, and the annotator has said nothing about it.

    Control items go to everybody: with ``gold_every=n`` one at a random place of every `n` tasks while there are any;
    otherwise among the others.

    Cost: O(items log items) for an annotator's first pick (2 s for 10^6), then O(log items) per pick, plus the items
    kept for others. Memory: 16 bytes per item, and 4 (12 where priorities differ) per item and annotator.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._queues: dict[str, _Queue] = {}
        self._controls: dict[str, _Queue] = {}
        self._items: list[str] = []
        self._hashes = np.zeros(0, dtype=np.uint64)

    def touch(self, items: Collection[str]) -> None:
        """Say that items are new, want answers again, or have another priority."""
        if len(items) > _MANY:
            self._queues.clear()
            self._controls.clear()
        for item in items:
            for name, queue in (self._controls if self._apart(item) else self._queues).items():
                queue.put((-self._state.items[item].priority, shuffled(self._seed(), name, item), item))

    def held(self, annotator: str, now_us: int, besides: Collection[str] = ()) -> str | None:
        """The item kept for an annotator that they should be shown (again), of those that still make sense.

        What they took back comes first, the latest of it before the rest, whoever else answered it since; then what
        was handed out first, unless others have all its places.
        """
        held = [item for item in self._state.held[annotator] if item not in besides]
        for item in reversed(held):
            if self._state.items[item].leases[annotator].again:
                return item
        for item in held:
            if self._wanted(annotator, item) and self._has_place(annotator, item, now_us):
                return item
        return None

    def pick(self, annotator: str, now_us: int, besides: Collection[str] = ()) -> str | None:
        """The next item that is new to an annotator; None when there is none now."""
        controls = self._queue(annotator, self._controls, self._state.gold if self._every() else ())
        if self._control_is_due(
            annotator, sum(not self._state.seen(annotator, item) for item in besides if item in self._state.items)
        ):
            item = self._first(annotator, controls, now_us, besides)
            if item is not None:
                return item
        among = () if self._every() else self._state.gold
        others = self._queue(annotator, self._queues, self._state.open, among)
        return self._first(annotator, others, now_us, besides)

    def remaining(self, annotator: str) -> int:
        """How many items an annotator could still be asked, if nobody else did anything."""
        state = self._state
        return len(state.open) + (0 if self._every() else len(state.gold)) - state.met[annotator]

    # ---- the order --------------------------------------------------------------------------------------

    def _every(self) -> int:
        return 0 if self._state.settings is None else self._state.settings.gold_every

    def _seed(self) -> int:
        return 0 if self._state.settings is None else self._state.settings.seed

    def _apart(self, item: str) -> bool:
        return bool(self._every()) and item in self._state.gold

    def _queue(
        self, annotator: str, queues: dict[str, _Queue], wanted: Collection[str], also: Collection[str] = ()
    ) -> _Queue:
        """An annotator's order of the items that are wanted now; those to come are put into it."""
        if annotator not in queues:
            state, items = self._state, self._known()
            asked = np.fromiter((item in wanted or item in also for item in items), bool, len(items))
            numbers = np.flatnonzero(asked).astype(np.uint32)
            priority = np.fromiter((state.items[items[n]].priority for n in numbers.tolist()), float, len(numbers))
            mixed = self._hashes[numbers] ^ np.uint64(_hash(f"{self._seed()}\0{annotator}"))
            for factor in _MIX:
                mixed = (mixed ^ mixed >> np.uint64(33)) * np.uint64(factor)
            order = np.lexsort((mixed ^ mixed >> np.uint64(33), -priority))
            even = not len(priority) or bool((priority == priority[0]).all())
            sorted_ = np.broadcast_to(priority[:1].sum(), len(priority)) if even else priority[order]
            queues[annotator] = _Queue(items, numbers[order], sorted_, self._seed(), annotator)
        return queues[annotator]

    def _known(self) -> list[str]:
        """All items, their hashes beside them."""
        new = list(islice(self._state.items, len(self._items), None))
        if new:
            self._hashes = np.append(self._hashes, np.fromiter(map(_hash, new), np.uint64, len(new)))
            self._items += new
        return self._items

    def _control_is_due(self, annotator: str, ahead: int) -> bool:
        every = self._every()
        if not every:
            return False
        done = len(self._state.trail[annotator]) + ahead
        return done % every == shuffled(self._seed(), annotator, f"control {done // every}") % every

    def _wanted(self, annotator: str, item: str) -> bool:
        state = self._state
        return (item in state.open or item in state.gold) and not state.seen(annotator, item)

    def _has_place(self, annotator: str, item: str, now_us: int) -> bool:
        """Whether an item takes an answer more; a control item takes everybody's."""
        return item in self._state.gold or not self._state.items[item].full(annotator, now_us)

    def _first(self, annotator: str, queue: _Queue, now_us: int, besides: Collection[str] = ()) -> str | None:
        """The first entry with a free place; those that are out of question go, those kept for others stay."""
        waiting: list[_Entry] = []
        found: str | None = None
        for entry in queue:
            item = entry[2]
            if -entry[0] != self._state.items[item].priority or not self._wanted(annotator, item):
                continue
            if entry in waiting[-1:]:  # put in twice
                continue
            waiting.append(entry)  # it stays: picked and never answered, it must come again
            if item not in besides and self._has_place(annotator, item, now_us):
                found = item
                break
        for entry in waiting:
            queue.put(entry)
        return found


class _Queue:
    """An annotator's order: what was wanted when it was made, sorted once, and a heap of what came or came back."""

    def __init__(
        self,
        items: Sequence[str],
        numbers: NDArray[np.uint32],
        priority: NDArray[np.float64],
        seed: int,
        annotator: str,
    ) -> None:
        self._items, self._numbers, self._priority = items, numbers, priority
        self._seed, self._annotator = seed, annotator
        self._at = 0
        self._heap: list[_Entry] = []

    def put(self, entry: _Entry) -> None:
        heappush(self._heap, entry)

    def __iter__(self) -> Iterator[_Entry]:
        """Entries in order; each is taken out before it is given."""
        while self._at < len(self._numbers):
            item = self._items[self._numbers[self._at]]
            entry = (-float(self._priority[self._at]), shuffled(self._seed, self._annotator, item), item)
            while self._heap and self._heap[0] <= entry:
                yield heappop(self._heap)
            self._at += 1
            yield entry
        while self._heap:
            yield heappop(self._heap)


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
