"""The journal: what it acknowledged survives a kill and a power cut at any instant, and counts once."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from hindcast.errors import ConfigError, DataError, StateError
from hindcast.journal.durable import make_folder, sync, sync_folder, write_all
from hindcast.journal.framing import MAX_BYTES, encode_frame, encode_record
from hindcast.journal.locks import Lock
from hindcast.journal.segments import Entry, KeyFile, Segment, create, read, recover, segment_path

__all__ = ["Journal", "Record"]

_GROUP_BYTES = 8 << 20
_BACKLOG_BYTES = 64 << 20


class Record(NamedTuple):
    """What :meth:`Journal.append_many` takes; a plain tuple (kind, body) or (kind, body, key) will do."""

    kind: str
    body: bytes
    key: str | None = None


@dataclass(frozen=True, slots=True)
class _Ask:
    """Records that one caller wants appended together, encoded, and how to answer."""

    records: list[tuple[str | None, bytes]]
    bytes: int
    answer: Future
    many: bool


class Journal:
    """An append-only log in a folder, written by one process, synced in groups.

    Any thread appends; one writer thread takes all that is waiting, writes it, syncs once and then acknowledges
    each: so throughput grows with the load, tens of thousands of records a second, while a lone record waits for
    one sync. An append is acknowledged when its future has a result. Then it is on the medium, and:

    - it has a *position*, from 1, strictly increasing without gaps, that never changes;
    - after a kill or a power cut at any instant the journal holds a prefix of what was appended that contains every
      acknowledged record. What was not acknowledged may be there or not, a group of :meth:`append_many` whole or
      not at all: append it again with its key;
    - a key is written once: appending it again, also after a restart, answers with its first position. Keys are
      known while their segment is kept, and for the last `remember` keys of released segments.

    A full disk fails the appends that did not fit with StateError, and the journal goes on once there is room. When
    a sync fails nobody knows what is on the medium: the journal refuses everything until it is opened anew.

    Parameters
    ----------
    folder : Path
        Created when missing. Locked: a second writer is refused.
    segment_bytes : int, default 64 MiB
        A file this large is followed by a new one. The unit of :meth:`release`.
    sync : bool, default True
        False for tests and replays: no protection against a power cut, still against a kill.
    remember : int, default 1,000,000
        Keys kept at least, after their segments were released.

    Raises
    ------
    StateError
        When another writer has the folder, or when what had been acknowledged is damaged (segment and offset named).

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     with Journal(Path(folder)) as journal:
    ...         journal.append("fact", b"landed", key="UA1").result()
    ...         journal.append("fact", b"sent again", key="UA1").result()
    ...     with Journal(Path(folder)) as journal:
    ...         list(journal.entries())
    1
    1
    [Entry(position=1, kind='fact', key='UA1', body=b'landed')]
    """

    def __init__(
        self, folder: Path | str, *, segment_bytes: int = 64 << 20, sync: bool = True, remember: int = 1_000_000
    ) -> None:
        if segment_bytes < 1 or remember < 0:
            raise ConfigError(
                f"a journal needs segment_bytes >= 1 and remember >= 0, got {segment_bytes} and {remember}."
            )
        self.folder = Path(folder)
        self.torn_bytes = 0
        """Bytes of a torn tail that this opening set aside in ``.torn`` files; none of them had been acknowledged."""
        self._segment_bytes, self._sync, self._remember = segment_bytes, sync, remember
        self._keys: dict[str, int] = {}
        self._released: deque[KeyFile] = deque()
        self._segments: list[Segment] = []
        lock = threading.Lock()
        self._gate, self._room = threading.Condition(lock), threading.Condition(lock)
        self._releasing = threading.Lock()
        self._asks: deque[_Ask] = deque()
        self._backlog = 0
        self._closing = False
        self._broken: str | None = None
        self._pid = os.getpid()
        self._fd = -1
        try:
            make_folder(self.folder)
            self._lock = Lock(self.folder / "journal.lock", "journal")
        except OSError as error:
            raise StateError(f"journal {self.folder} cannot be opened: {error}.") from error
        try:
            self._recover()
            self._fd = os.open(self._segments[-1].path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            self._lock.release()
            raise StateError(f"journal {self.folder} cannot be opened: {error}.") from error
        except BaseException:
            self._lock.release()
            raise
        self._writer = threading.Thread(target=self._run, name="hindcast-journal", daemon=True)
        self._writer.start()

    # ---- appending --------------------------------------------------------------------------------------

    def append(self, kind: str, body: bytes, *, key: str | None = None) -> Future[int]:
        """Append one record; the future's result is its position, once it is on the medium.

        Waits while more than 64 MiB are on their way to the disk. Cancelling the future before its group is
        written withdraws the record.

        Raises
        ------
        DataError
            When the record is not text, bytes and text or None.
        StateError
            When the journal is closed or broken. The future raises it when this append failed.
        """
        answer: Future[int] = Future()
        data = encode_record(kind, key, body)
        self._ask(_Ask([(key, data)], len(data), answer, False))
        return answer

    def append_many(self, records: Iterable[Record | tuple]) -> Future[list[int]]:
        """Append all records or, should the machine stop before the acknowledgement, perhaps none of them.

        Parameters
        ----------
        records : iterable of Record
            (kind, body) or (kind, body, key). One whose key is known is answered with its first position.

        Returns
        -------
        Future of list of int
            The positions, in the order given.
        """
        answer: Future[list[int]] = Future()
        items = [(r.key, encode_record(r.kind, r.key, r.body)) for r in (Record(*record) for record in records)]
        size = sum(len(data) for _, data in items)
        if size > MAX_BYTES:
            raise DataError(
                f"{len(items)} journal records of {size} bytes are too large together; at most {MAX_BYTES}."
            )
        self._ask(_Ask(items, size, answer, True))
        return answer

    def _ask(self, ask: _Ask) -> None:
        if os.getpid() != self._pid:
            raise StateError(f"journal {self.folder} belongs to process {self._pid}; a fork cannot append.")
        with self._gate:
            while self._backlog > _BACKLOG_BYTES and not self._closing and self._broken is None:
                if threading.current_thread() is self._writer:  # a callback of an earlier answer: waiting would lock up
                    break
                self._room.wait()
            self._check_open()
            self._asks.append(ask)
            self._backlog += ask.bytes
            self._gate.notify()

    def _check_open(self) -> None:
        if self._broken is not None:
            raise StateError(self._broken)
        if self._closing:
            raise StateError(f"journal {self.folder} is closed.")

    # ---- reading ----------------------------------------------------------------------------------------

    @property
    def first(self) -> int:
        """The first position that is still kept (or, of an empty journal, the next one)."""
        with self._gate:
            return self._segments[0].first

    @property
    def last(self) -> int:
        """The last acknowledged position; 0 when there never was one."""
        with self._gate:
            return self._segments[-1].last

    def find(self, key: str) -> int | None:
        """The position of the record with this key; None when none is known."""
        with self._gate:
            return self._keys.get(key)

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """The acknowledged entries with a position greater than `after`, as of now, in order.

        What was released is no longer there: the first one may have a greater position than ``after + 1`` (see
        :attr:`first`). Works beside appends, and also when the journal is broken or closed. Memory: one frame.

        Raises
        ------
        StateError
            When an entry is damaged, or was released while it was about to be read.
        """
        with self._gate:
            parts = [(segment, segment.end) for segment in self._segments if segment.last > after]
        for segment, end in parts:
            try:
                yield from read(segment, after=after, end=end)
            except FileNotFoundError:
                raise StateError(
                    f"journal segment {segment.path} was released while it was read. Read on from {self.first}."
                ) from None

    def release(self, upto: int) -> None:
        """Say that everything up to position `upto` is safe elsewhere: older segments that hold nothing else go.

        The segment being written always stays, and so do the keys (see `remember`).
        """
        with self._releasing:
            while True:
                with self._gate:
                    if len(self._segments) < 2 or self._segments[0].last > upto:
                        return
                    segment = self._segments[0]
                kept = KeyFile.write(segment) if segment.keys else None
                with self._gate:
                    self._segments.pop(0)
                    if kept is not None:
                        self._released.append(kept)
                segment.path.unlink()
                sync_folder(self.folder)
                self._forget()

    def _forget(self) -> None:
        """Drop the oldest key files while `remember` keys stay without them."""
        known = sum(len(kept.keys) for kept in self._released)
        while self._released and known - len(self._released[0].keys) >= self._remember:
            oldest = self._released.popleft()
            known -= len(oldest.keys)
            oldest.drop()
            with self._gate:
                for key, position in oldest.keys:
                    if self._keys.get(key) == position:
                        del self._keys[key]

    # ---- closing ----------------------------------------------------------------------------------------

    def close(self) -> None:
        """Write and acknowledge what is waiting, then let the next writer in; a second call does nothing."""
        with self._gate:
            self._closing = True
            self._gate.notify_all()
            self._room.notify_all()
        if os.getpid() != self._pid:  # a fork lets go of its copies; its parent goes on
            self._let_go()
        elif threading.current_thread() is not self._writer:
            self._writer.join()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---- the writer thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        while asks := self._take():
            try:
                self._commit(asks)
            except BaseException as error:  # a fault of ours: better refuse than guess
                self._break(f"journal {self.folder} stopped: {error!r}. Open it anew.")
                _fail(asks, self._broken)
        self._seal()
        self._let_go()

    def _take(self) -> list[_Ask]:
        """Wait for work; a group of it, or nothing when the journal is closing and all is written."""
        with self._gate:
            while not self._asks and not self._closing:
                self._gate.wait()
            group: list[_Ask] = []
            size = 0
            while self._asks and (not group or size + self._asks[0].bytes <= _GROUP_BYTES):
                ask = self._asks.popleft()
                size += ask.bytes
                group.append(ask)
            self._backlog -= size
            self._room.notify_all()
            return group

    def _commit(self, asks: list[_Ask]) -> None:
        """Write a group, sync it, note it, acknowledge it."""
        asks = [ask for ask in asks if ask.answer.set_running_or_notify_cancel()]
        if self._broken is not None:
            _fail(asks, self._broken)
            return
        last = self._segments[-1].last
        try:
            all_known = all(self._known(ask) is not None for ask in asks)
            segment = self._segments[-1] if all_known else self._with_room()
        except OSError as error:
            self._answer(
                asks, [self._known(ask) for ask in asks], last, f"journal {self.folder}: no new segment, {error}."
            )
            return
        fresh: dict[str, int] = {}
        frames: list[bytes] = []
        starts: list[tuple[int, int]] = []
        answers: list[list[int] | None] = []
        end, position, synced = segment.end, last + 1, segment.end if self._sync else 0
        for ask in asks:
            places, new, begin = [], [], position
            for key, data in ask.records:
                known = None if key is None else self._keys.get(key, fresh.get(key, 0))
                if known:
                    places.append(known)
                    continue
                if key is not None:
                    fresh[key] = position
                places.append(position)
                new.append(data)
                position += 1
            answers.append(places)
            if new:
                frame = encode_frame(new, first=segment.first, start=end, synced=synced, position=begin)
                starts.append((begin, end))
                frames.append(frame)
                end += len(frame)
        trouble = self._put(segment, b"".join(frames)) if frames else None
        if frames and trouble is None:
            with self._gate:
                self._keys.update(fresh)
                segment.keys.extend(fresh.items())
                for begin, start in starts:
                    segment.add(begin, start)
                segment.last, segment.end, segment.sealed = position - 1, end, False
        self._answer(asks, answers, last if trouble else position - 1, trouble)

    def _put(self, segment: Segment, data: bytes) -> str | None:
        """Make `data` the durable end of the segment, or say why it is not; then the segment ends as before."""
        try:
            write_all(self._fd, data, segment.end)
        except OSError as error:
            try:
                os.ftruncate(self._fd, segment.end)
            except OSError as second:
                return self._break(
                    f"journal segment {segment.path}: {error}, and its end could not be restored: {second}."
                )
            return (
                f"journal segment {segment.path}: {error}. Nothing of this append was kept; make room, then try again."
            )
        if self._sync:
            try:
                sync(self._fd)
            except OSError as error:
                return self._break(
                    f"journal segment {segment.path}: a sync failed ({error}): nobody knows what is on the medium. "
                    "Check the disk, then open the journal anew; it will read what is there."
                )
        return None

    def _with_room(self) -> Segment:
        """The segment to write to: a new one after one that is large enough, and not empty."""
        newest = self._segments[-1]
        if newest.end < self._segment_bytes or newest.last < newest.first:
            return newest
        segment = create(self.folder, newest.last + 1, durable=self._sync)
        fd = os.open(segment.path, os.O_RDWR | os.O_CLOEXEC)
        os.close(self._fd)
        self._fd = fd
        with self._gate:
            self._segments.append(segment)
        return segment

    def _known(self, ask: _Ask) -> list[int] | None:
        """The positions of records that are all known by their keys already, else None."""
        places = [0 if key is None else self._keys.get(key, 0) for key, _ in ask.records]
        return places if all(places) else None

    def _answer(self, asks: list[_Ask], answers: list[list[int] | None], last: int, trouble: str | None) -> None:
        """Acknowledge what lies at or before `last`; fail the rest with `trouble`."""
        for ask, places in zip(asks, answers, strict=True):
            if places is None or any(place > last for place in places):
                ask.answer.set_exception(StateError(trouble))
            else:
                ask.answer.set_result(places if ask.many else places[0])

    def _break(self, reason: str) -> str:
        with self._gate:
            self._broken = reason
            self._room.notify_all()
        return reason

    def _seal(self) -> None:
        """Leave word, if there is room, that all is synced: damage to it will be told from a torn tail."""
        segment = self._segments[-1]
        if self._broken is None and self._sync and not segment.sealed and segment.last >= segment.first:
            end = segment.end
            seal = encode_frame([], first=segment.first, start=end, synced=end, position=segment.last + 1)
            if self._put(segment, seal) is None:
                segment.end, segment.sealed = end + len(seal), True

    def _let_go(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self._lock.release()

    # ---- opening ----------------------------------------------------------------------------------------

    def _recover(self) -> None:
        """Read what is there, oldest first, and make it whole."""
        for draft in self.folder.glob("*.new"):
            draft.unlink()
        paths = sorted(self.folder.glob("*.seg"))
        kept = sorted(self.folder.glob("*.keys"))
        if kept and not paths:
            raise StateError(
                f"journal {self.folder} has keys of released segments but no segment. Restore it from a backup."
            )
        for path in kept:
            if path.with_suffix(".seg") in paths:
                path.unlink()  # killed in the middle of a release, which is done again
                continue
            keys = KeyFile.load(path)
            self._released.append(keys)
            self._keys.update(keys.keys)
        for path in paths:
            segment, torn = recover(path, newest=path == paths[-1], durable=self._sync)
            self.torn_bytes += torn
            if self._segments and segment.first != self._segments[-1].last + 1:
                missing = segment_path(self.folder, self._segments[-1].last + 1)
                raise StateError(f"journal segment {missing} is missing before {path.name}. Restore it from a backup.")
            self._segments.append(segment)
            self._keys.update(segment.keys)
        if not self._segments:
            self._segments.append(create(self.folder, 1, durable=self._sync))
        elif self._sync:
            sync_folder(self.folder)


def _fail(asks: list[_Ask], reason: str | None) -> None:
    for ask in asks:
        if not ask.answer.done():
            ask.answer.set_exception(StateError(reason))
