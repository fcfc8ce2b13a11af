"""A project's events on disk, and the state they fold to: one process writes, others read."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hindcast.clock import Clock, SystemClock
from hindcast.errors import ConfigError, StateError
from hindcast.journal import Entry, Journal, Lock, Reader
from hindcast.labelling.events import Event, decode_event, encode_event
from hindcast.labelling.state import State

__all__ = ["Draft", "EventLog", "Taken"]

_GROUP_BYTES = 4 << 20


class Taken(StateError):
    """Another process writes to the project; it may be read, or asked."""


class Draft(NamedTuple):
    """An event to be."""

    kind: str
    who: str | None = None
    item: str | None = None
    body: Mapping[str, Any] = {}
    key: str | None = None


class EventLog:
    """The synced journal of a labelling project, folded into a :class:`State` as it grows.

    Not safe for several threads at once by itself: the project holds a lock around it.

    Parameters
    ----------
    folder : Path
        Of the project.
    clock : Clock, optional
        Whose stamps events get; by default the machine's. Stamps go on from the last event's, whatever it says.
    writing : bool
        Take the project for this process; otherwise only read what is there.
    sync : bool
        False for tests: no protection against a power cut.

    Raises
    ------
    Taken
        When another process writes.
    StateError
        When the journal is damaged.
    """

    def __init__(self, folder: Path, *, clock: Clock | None = None, writing: bool = True, sync: bool = True) -> None:
        if clock is not None and not hasattr(clock, "stamp_us"):
            raise ConfigError(f"clock is a Clock, such as ReplayClock(), got {clock!r:.80}.")
        self.folder = folder
        self.state = State()
        self._journal: Journal | None = None
        self._reader: Reader | None = None
        self._lock: Lock | None = None
        if writing:
            try:
                self._lock = Lock(folder / "writer.lock", "labelling")
            except StateError as error:
                raise Taken(
                    f"another process writes to the labelling project in {folder}: {error} If that is the labelling "
                    "page, the commands of `hindcast label` and hindcast.web.labelling.perform reach it there; to look "
                    "only: Project.open(folder, writing=False)."
                ) from None
            try:
                self._journal = Journal(folder / "journal", sync=sync)
            except BaseException:
                self._lock.release()
                raise
        else:
            self._reader = Reader(folder / "journal")
        collecting = gc.isenabled()
        gc.disable()  # nothing that is read is garbage, and looking for some costs a fifth of the time
        try:
            self.state.fold(self.events())
        except BaseException:
            self.close()
            raise
        finally:
            if collecting:
                gc.enable()
        self.clock: Clock = clock if clock is not None else SystemClock(self.state.at_us)

    @property
    def writing(self) -> bool:
        """Whether this process may append."""
        return self._journal is not None

    def append(self, drafts: Sequence[Draft]) -> list[Event]:
        """Write events, in order; when this returns they are on the medium and in the state.

        A crash in the middle may keep the first ones only, some 4 MiB of them at a time: give keys to what must not
        count twice, and append again. One whose key is known already is not written again.
        """
        if self._journal is None:
            raise StateError(
                f"the labelling project in {self.folder} was opened for reading. Open it with Project.open(folder) "
                "to change it."
            )
        done: list[Event] = []
        group: list[tuple[Event, str | None, bytes]] = []
        size, at = 0, self.state.at_us
        place, fresh = self.state.last, set()
        for draft in drafts:
            if draft.key is not None:
                if draft.key in fresh or self.find(draft.key) is not None:
                    continue
                fresh.add(draft.key)
            at = max(self.clock.stamp_us(), at + 1)
            place += 1
            data = encode_event(at, draft.who, draft.item, draft.body)
            group.append((decode_event(place, draft.kind, data), draft.key, data))
            size += len(data)
            if size >= _GROUP_BYTES:
                done += self._write(group)
                group, size = [], 0
        return done + self._write(group)

    def _write(self, group: Sequence[tuple[Event, str | None, bytes]]) -> list[Event]:
        assert self._journal is not None
        if not group:
            return []
        places = self._journal.append_many([(event.kind, data, key) for event, key, data in group]).result()
        if places != [event.position for event, _, _ in group]:
            raise StateError(
                f"the journal of the labelling project in {self.folder} put events at {places[0]} instead of "
                f"{group[0][0].position}. Open the project anew."
            )
        for event, _, _ in group:
            self.state.apply(event)
        return [event for event, _, _ in group]

    def refresh(self) -> int:
        """Take in what another process wrote; how many events are new. A writer knows everything already."""
        if self._reader is None:
            return 0
        before = self.state.last
        self._reader.refresh()
        for event in self.events(before):
            self.state.apply(event)
        return self.state.last - before

    def events(self, after: int = 0) -> Iterator[Event]:
        """The events behind a position; memory is a frame of the journal."""
        for entry in self._entries(after):
            yield decode_event(entry.position, entry.kind, entry.body)

    def find(self, key: str) -> int | None:
        """Where the event with this key is; None when there is none, or this process only reads."""
        return None if self._journal is None else self._journal.find(key)

    def event(self, position: int) -> Event:
        """The event at a position."""
        for event in self.events(position - 1):
            return event
        raise StateError(f"the labelling project in {self.folder} has no event {position}.")

    def close(self) -> None:
        """Let the next process write; a second call does nothing."""
        if self._journal is not None:
            self._journal.close()
        if self._lock is not None:
            self._lock.release()

    def _entries(self, after: int) -> Iterator[Entry]:
        source = self._journal if self._journal is not None else self._reader
        assert source is not None
        return source.entries(after)
