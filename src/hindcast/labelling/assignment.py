"""Who is asked what next: overlap, priorities, an order of its own for everybody, control items."""

from __future__ import annotations

from collections.abc import Collection
from hashlib import blake2b
from heapq import heapify, heappop, heappush

from hindcast.labelling.state import State

__all__ = ["Desk", "shuffled"]

_Entry = tuple[float, int, str]


def shuffled(seed: int, annotator: str, item: str) -> int:
    """Where an item stands in an annotator's own order: uniform on 64 bits, the same on every machine.

    Examples
    --------
    >>> sorted("abcd", key=lambda item: shuffled(0, "Ann", item)), sorted("abcd", key=lambda i: shuffled(0, "Bo", i))
    (['b', 'a', 'd', 'c'], ['c', 'b', 'd', 'a'])
    """
    name = f"{seed}\0{annotator}\0{item}".encode()
    return int.from_bytes(blake2b(name, digest_size=8).digest(), "big")


class Desk:
    """Picks the next item of an annotator from a project's state; a cache beside it, and never part of it.

    The order: what is kept for the annotator; then the greatest priority; then the annotator's own shuffle, so that
    nobody's mistakes of the first or last hour fall on the same items. An item is picked while it has a place that is
    neither taken nor kept for somebody else, and the annotator has said nothing about it.

    Control items go to everybody: with ``gold_every=n`` one at a random place of every `n` tasks while there are any;
    otherwise among the others.

    Cost: O(items) for an annotator's first pick, then O(log items) per pick, plus the items kept for others.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._queues: dict[str, list[_Entry]] = {}
        self._controls: dict[str, list[_Entry]] = {}

    def touch(self, item: str) -> None:
        """Say that an item is new, wants answers again, or has another priority."""
        groups = self._controls if self._apart(item) else self._queues
        for name, queue in groups.items():
            heappush(queue, self._entry(name, item))

    def held(self, annotator: str, now_us: int, besides: Collection[str] = ()) -> str | None:
        """The item kept for an annotator that they should be shown (again), of those that still make sense.

        What they took back comes first, the latest of it before the rest; then what was handed out first.
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
        for name, groups in ((annotator, self._queues), (annotator, self._controls)):
            if name not in groups:
                groups[name] = self._queue(name, controls=groups is self._controls)
        if self._control_is_due(
            annotator, sum(not self._state.seen(annotator, item) for item in besides if item in self._state.items)
        ):
            item = self._first(annotator, self._controls[annotator], now_us, besides)
            if item is not None:
                return item
        return self._first(annotator, self._queues[annotator], now_us, besides)

    def remaining(self, annotator: str) -> int:
        """How many items an annotator could still be asked, if nobody else did anything."""
        state = self._state
        judged = state.judged_items(annotator)
        open_ = len(state.open) - sum(item in state.open for item in judged)
        controls = 0 if self._every() else len(state.gold) - sum(item in state.gold for item in judged)
        return open_ + controls

    # ---- the order --------------------------------------------------------------------------------------

    def _every(self) -> int:
        return 0 if self._state.settings is None else self._state.settings.gold_every

    def _seed(self) -> int:
        return 0 if self._state.settings is None else self._state.settings.seed

    def _apart(self, item: str) -> bool:
        return bool(self._every()) and item in self._state.gold

    def _entry(self, annotator: str, item: str) -> _Entry:
        return -self._state.items[item].priority, shuffled(self._seed(), annotator, item), item

    def _queue(self, annotator: str, *, controls: bool) -> list[_Entry]:
        state = self._state
        if controls:
            items = list(state.gold) if self._every() else []
        else:
            items = [*state.open, *(() if self._every() else state.gold)]
        queue = [self._entry(annotator, item) for item in items if not state.seen(annotator, item)]
        heapify(queue)
        return queue

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
        return item in self._state.gold or self._state.items[item].places(annotator, now_us) > 0

    def _first(self, annotator: str, queue: list[_Entry], now_us: int, besides: Collection[str] = ()) -> str | None:
        """The first entry with a free place; those that are out of question go, those kept for others stay."""
        waiting: list[_Entry] = []
        found: str | None = None
        while queue and found is None:
            entry = heappop(queue)
            item = entry[2]
            state = self._state.items[item]
            if -entry[0] != state.priority or not self._wanted(annotator, item):
                continue
            waiting.append(entry)  # it stays: picked and never answered, it must come again
            if item in besides:
                continue
            if self._has_place(annotator, item, now_us):
                found = item
        for entry in waiting:
            heappush(queue, entry)
        return found
