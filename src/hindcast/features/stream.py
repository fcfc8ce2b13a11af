"""The stream driver: facts come in micro-batches, late ones are counted and treated as said, a restart goes on.

A stream moves :class:`~hindcast.features.online.OnlineFeatures`, the state that serving reads, and adds three things:
a named policy for late facts, the features after each fact (:meth:`FeatureStream.follow`), and snapshots, so that a
restart needs only the facts since the last one. It reads no clock: time moves with what is read and followed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from operator import add
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple

import numpy as np

from hindcast.columns import Frame, Kind
from hindcast.errors import ConfigError, DataError, StateError
from hindcast.facts.facts import Facts
from hindcast.features.asked import instance_of
from hindcast.features.dump import dump_facts, dump_online, layout_of, load_facts, load_online
from hindcast.features.online import Answer, Followed, OnlineFeatures
from hindcast.features.plan import FeaturePlan
from hindcast.features.snapshot import Snapshots
from hindcast.fold.late import again_and_late
from hindcast.parameters import choice
from hindcast.values import Duration, Floats, Ints, duration_text, duration_us, iso

__all__ = ["Aside", "Counts", "Emitted", "FeatureStream", "LateFacts"]

Late = Literal["revise", "aside", "refuse"]
_POLICIES = ("revise", "aside", "refuse")


class Counts(NamedTuple):
    """What became of facts; each was exactly one of these.

    Attributes
    ----------
    on_time : int
        Taken, known no earlier than what had been read, or late by no more than the allowed lateness.
    revised : int
        Late and taken: right from now on, though what was answered before is not taken back.
    aside : int
        Late and kept aside.
    refused : int
        Late and refused; the others of their batch were not taken either, and are not counted.
    again : int
        Of a sequence that had been taken: nothing changed.
    ignored : int
        Of a table that no feature reads.
    """

    on_time: int = 0
    revised: int = 0
    aside: int = 0
    refused: int = 0
    again: int = 0
    ignored: int = 0

    @property
    def late(self) -> int:
        return self.revised + self.aside + self.refused

    def plus(self, other: Counts) -> Counts:
        """Both together."""
        return Counts._make(map(add, self, other))


@dataclass(frozen=True, slots=True, eq=False)
class Aside:
    """Facts that came late and are in no feature.

    Attributes
    ----------
    facts : Facts
    read_us : int64 array, shape (n,)
        Up to when the stream had been read as each one came.
    """

    facts: Facts
    read_us: Ints

    def __len__(self) -> int:
        return len(self.facts)

    def reason(self, row: int) -> str:
        """Why a fact is here, in words."""
        known, read = int(self.facts.known[row]), int(self.read_us[row])
        return f"known at {iso(known)}, came {duration_text(read - known)} after features were read at {iso(read)}"


class Emitted:
    """The features after each fact of a micro-batch.

    Attributes
    ----------
    features : Frame, n rows
        Made when first asked for.
    numbers : float64 array, shape (n, features)
        The same as a model takes them, without columns; NaN for null, texts and lists are refused.
    as_of : int64 array, shape (n,)
    rows : int64 array, shape (n,)
        Of which of the given facts: all but those kept aside or taken before.
    counts : Counts
    """

    __slots__ = ("_found", "_rows", "counts")

    def __init__(self, found: Followed, rows: Ints | None, counts: Counts) -> None:
        self._found, self._rows, self.counts = found, rows, counts

    @property
    def rows(self) -> Ints:
        return np.arange(len(self.as_of), dtype=np.int64) if self._rows is None else self._rows

    @property
    def features(self) -> Frame:
        return self._found.features

    @property
    def numbers(self) -> Floats:
        return self._found.numbers

    @property
    def as_of(self) -> Ints:
        return self._found.as_of


class LateFacts(DataError):
    """A micro-batch holds late facts and the stream refuses them; nothing of it was taken.

    Attributes
    ----------
    rows : int64 array
        The late facts' places in the batch, from 0.
    counts : Counts
    """

    def __init__(self, table: str, facts: Facts, rows: Ints, read_us: int) -> None:
        row = int(rows[0])
        known = int(facts.known[row])
        super().__init__(
            f"{len(rows)} of {len(facts)} facts of table {table!r} came late, and nothing was taken; the first was "
            f"known at {iso(known)}, and features were read at {iso(read_us)}. Push the others without them, allow "
            "more lateness, or make the stream with late='revise' or late='aside'",
            row=row + 1,
        )
        self.rows, self.counts = rows, Counts(refused=len(rows))


class FeatureStream:
    """Features of facts that come in micro-batches.

    Parameters
    ----------
    plan : FeaturePlan
    late : {"revise", "aside", "refuse"}, default "revise"
        What becomes of a fact that was known before what has been read, by more than `lateness`. "revise" takes it:
        what is read from now on is as if it had come in time. "aside" keeps it out of all features, in :meth:`aside`.
        "refuse" raises :class:`LateFacts` and takes nothing of its batch.
    lateness : duration, default "0s"
        Facts that are late by no more are taken as if they were not.
    folder : path, optional
        Where snapshots are kept; the newest whole one is where the stream begins.

    Attributes
    ----------
    counts : dict of str to Counts
        By table, all that was pushed.
    watermarks : dict of str to int
        By table, the greatest sequence that was pushed and not refused.
    restored : int or None
        The number of the snapshot with which the stream began.
    notices : tuple of str
        What was found wrong with newer ones.

    Raises
    ------
    StateError
        When the folder's snapshots are of other features, or another process holds it.

    Notes
    -----
    A micro-batch holds its facts in any order; micro-batches of a table come in order of sequence, as facts landed. A
    fact whose sequence is not above its table's watermark was pushed before and changes nothing, so after a restart
    push everything from a little before ``watermarks`` on. Facts known at one moment belong in one micro-batch: once
    features have been read past that moment, the next one of it is late by a microsecond.

    Examples
    --------
    >>> from hindcast.facts import Table
    >>> from hindcast.features import window
    >>> rides = Table("rides", event_time="at", known="event")
    >>> plan = FeaturePlan.compile([window(rides, "fare", "sum", over="1h", by="who", name="spent")])
    >>> stream = FeatureStream(plan, late="aside")
    >>> rows = [{"at": f"1970-01-01T00:0{m}:00Z", "who": "ann", "fare": 2.5} for m in (1, 2)]
    >>> stream.follow("rides", Facts.of(rides, rows)).features["spent_sum_1h_by_who"].values.tolist()
    [2.5, 5.0]
    >>> late = Facts.of(rides, [{"at": "1970-01-01T00:00:30Z", "who": "ann", "fare": 9.0}], seq_from=2)
    >>> stream.push("rides", late).aside, stream.aside("rides").reason(0)
    (1, 'known at 1970-01-01T00:00:30Z, came 90000001us after features were read at 1970-01-01T00:02:00.000001Z')
    """

    def __init__(
        self,
        plan: FeaturePlan,
        *,
        late: Late = "revise",
        lateness: Duration = "0s",
        folder: str | PathLike[str] | None = None,
    ) -> None:
        choice("policy for late facts", late, _POLICIES, where="FeatureStream")
        self.plan, self.late, self.lateness_us = plan, late, duration_us(lateness, what="lateness")
        self.online = OnlineFeatures(plan)
        self.counts: dict[str, Counts] = {}
        self.watermarks: dict[str, int] = {}
        self.restored: int | None = None
        self.notices: tuple[str, ...] = ()
        self._aside: dict[str, list[Aside]] = {}
        self._columns = {table: plan.columns_of(table) for table in plan.tables}
        self._snapshots = Snapshots(Path(folder)) if folder is not None else None
        if self._snapshots is not None:
            try:
                self._restore(self._snapshots)
            except BaseException:
                self._snapshots.release()
                raise

    @property
    def now_us(self) -> int:
        """Up to when the stream has been read: no later read asks for an earlier moment."""
        return self.online.now_us

    # ---- facts ------------------------------------------------------------------------------------------

    def push(self, table: str, facts: Facts) -> Counts:
        """Take a micro-batch; nothing is answered, and time does not move.

        Raises
        ------
        LateFacts
            When a fact is late and the stream refuses such; nothing was taken.
        """
        taken, _, aside, counts = self._admit(table, facts)
        if len(taken):
            self.online.push(table, taken)
        self._settle(table, facts, aside, counts)
        return counts

    def follow(self, table: str, facts: Facts) -> Emitted:
        """Take a micro-batch, and answer after each fact the features of its own entity, the fact itself included.

        The features are those of :meth:`OnlineFeatures.followed`: over this table, keyed by what its facts carry. Each
        is answered a microsecond after the fact became known, with everything that was pushed and known by then; for a
        late fact that is taken, as of what had been read. Time moves to the last of these moments.

        Raises
        ------
        LateFacts
            As :meth:`push`.
        ConfigError
            For a table with no such feature.
        """
        if not self.online.followed(table):
            raise ConfigError(
                f"no feature follows the facts of {table!r}: all that read it are keyed by another feature, or "
                "closed by the request's own fact. Push its facts and read."
            )
        taken, rows, aside, counts = self._admit(table, facts)
        found = self.online.follow(table, taken)
        self._settle(table, facts, aside, counts)
        return Emitted(found, rows, counts)

    def _admit(self, table: str, facts: Facts) -> tuple[Facts, Ints | None, Aside | None, Counts]:
        """What of a batch is to be taken, its rows (None for all), and what is to be kept aside."""
        instance_of("table", table, str)
        instance_of("facts", facts, Facts)
        n = len(facts)
        if table not in self._columns:
            return facts.take(slice(0, 0)), np.zeros(0, dtype=np.int64), None, Counts(ignored=n)
        now = self.online.now_us
        mark, bound = self.watermarks.get(table, -1), now - self.lateness_us
        again, late = again_and_late(facts.known, facts.seq, mark, bound)
        if not again and (not late or self.late == "revise"):
            return facts, None, None, Counts(n - late, late)
        rows = np.arange(n, dtype=np.int64)
        new = facts.seq > mark
        tardy = new & (facts.known < bound)
        if self.late == "refuse" and late:
            self._count(table, Counts(refused=late))
            raise LateFacts(table, facts, np.flatnonzero(tardy), now)
        if self.late == "revise" or not late:
            return facts.take(new), rows[new], None, Counts(n - again - late, late, again=again)
        kept = facts.take(tardy)
        kept = replace(kept, frame=kept.frame.select(self._columns[table]))  # no more than is read
        aside = Aside(kept, np.full(late, now, dtype=np.int64))
        taken = new & ~tardy
        return facts.take(taken), rows[taken], aside, Counts(n - again - late, aside=late, again=again)

    def _settle(self, table: str, facts: Facts, aside: Aside | None, counts: Counts) -> None:
        """A batch was taken."""
        self._count(table, counts)
        if aside is not None:
            self._aside.setdefault(table, []).append(aside)
        if len(facts) and table in self._columns:
            last = int(facts.seq[0] if len(facts) == 1 else facts.seq.max())
            self.watermarks[table] = max(self.watermarks.get(table, -1), last)

    def _count(self, table: str, counts: Counts) -> None:
        held = self.counts.get(table)
        self.counts[table] = counts if held is None else held.plus(counts)

    def aside(self, table: str) -> Aside | None:
        """The facts of `table` that were kept aside, in the order in which they came; None when there are none."""
        instance_of("table", table, str)
        parts = self._aside.get(table)
        if not parts:
            return None
        joined = Aside(Facts.concat([p.facts for p in parts]), np.concatenate([p.read_us for p in parts]))
        self._aside[table] = [joined]
        return joined

    def take_aside(self, table: str) -> Aside | None:
        """The same, and forget them; after a crash those since the last snapshot are there again."""
        found = self.aside(table)
        self._aside.pop(table, None)
        return found

    # ---- requests ---------------------------------------------------------------------------------------

    def read(self, request: Mapping[str, Any], as_of_us: int, kinds: Mapping[str, Kind] | None = None) -> Answer:
        """The features of one request: :meth:`OnlineFeatures.read`."""
        return self.online.read(request, as_of_us, kinds)

    def read_many(self, requests: Frame, as_of: Ints) -> Frame:
        """The features of many requests: :meth:`OnlineFeatures.read_many`."""
        return self.online.read_many(requests, as_of)

    # ---- snapshots --------------------------------------------------------------------------------------

    def snapshot(self) -> int:
        """Write the state to the folder, durable when this returns; gives the snapshot's number.

        The newest two are kept. Cost: one pass over the state's bytes, and a few syncs.

        Raises
        ------
        StateError
            When it cannot be written; the stream itself is unharmed and goes on.
        """
        if self._snapshots is None:
            raise ConfigError("this stream has no folder for snapshots; make it with folder=.")
        arrays = dump_online(self.online)
        aside = {table: found for table in sorted(self._aside) if (found := self.aside(table)) is not None}
        for table, found in aside.items():
            dump_facts(f"aside/{table}", found.facts, arrays)
            arrays[f"aside/{table}/read"] = found.read_us
        meta = {
            "plan": self.plan.identity,
            "layout": layout_of(self.plan),
            "watermarks": self.watermarks,
            "counts": {table: list(counts) for table, counts in self.counts.items()},
            "aside": list(aside),
        }
        return self._snapshots.write(meta, arrays)

    def _restore(self, snapshots: Snapshots) -> None:
        notices: list[str] = []
        layout = layout_of(self.plan)
        for found in snapshots.newest_first(notices):
            meta = found.meta
            if meta["plan"] != self.plan.identity:
                raise StateError(
                    f"{snapshots.folder} holds the state of other features: snapshot {found.number} is of plan "
                    f"{meta['plan'][:12]}, these are {self.plan.identity[:12]}. Give these features a folder "
                    "of their own and push the facts again."
                )
            if meta["layout"] != layout:
                notices.append(
                    f"snapshot {found.number} was passed over: this version of hindcast keeps folds otherwise"
                )
                continue
            self.online = load_online(self.plan, found.arrays)
            self.watermarks = {table: int(mark) for table, mark in meta["watermarks"].items()}
            self.counts = {table: Counts(*counts) for table, counts in meta["counts"].items()}
            self._aside = {table: [self._load_aside(table, found.arrays)] for table in meta["aside"]}
            self.restored = found.number
            break
        if notices and self.restored is None:
            notices.append("no snapshot is left to begin with: push all facts again")
        self.notices = tuple(notices)

    @staticmethod
    def _load_aside(table: str, arrays: Mapping[str, np.ndarray]) -> Aside:
        return Aside(load_facts(f"aside/{table}", arrays), arrays[f"aside/{table}/read"])

    def release(self) -> None:
        """Let the next owner of the folder in; what came after the last snapshot is forgotten."""
        if self._snapshots is not None:
            self._snapshots.release()

    def __enter__(self) -> FeatureStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
