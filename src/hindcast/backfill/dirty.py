"""Dirt: which answered requests a fact that landed later can have touched, and no others.

A fact known at k changes nothing at or before k. After k it speaks of its own entity; and where it replaces an earlier
version of its key, that version's entity loses what it had, for a correction may move a fact from one entity to another
and a retraction names nothing but the key. Both last until the next version of the key becomes known. A window that is
bounded sees the fact only for as long as it reaches back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hindcast.columns import Column
from hindcast.facts.facts import Facts
from hindcast.facts.table import Table
from hindcast.features.definitions import Latest, Window
from hindcast.fold.entities import joint_codes, row_codes
from hindcast.values import NEVER, Bools, Ints

__all__ = ["Changes", "Reach", "changes_since", "is_plain", "reach_of", "touched"]


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """What facts that landed after a place in the order of landing changed.

    Between `after` (exclusive) and `until` (inclusive) the fact in row `rows` is visible and was not, or was and no
    longer is. Every array has shape (c,).
    """

    rows: Ints
    after: Ints
    until: Ints


@dataclass(frozen=True, slots=True)
class Reach:
    """When a feature can see a fact that happened at e: at moments t with ``e + after_us < t <= e + upto_us``.

    None is no bound.
    """

    after_us: int | None
    upto_us: int | None


def changes_since(facts: Facts, key: Sequence[str] | None, first: int) -> Changes:
    """What ``facts[first:]``, the newest to land, changed about what had landed before them.

    Every one of them brings itself, unless it is a retraction, and takes away the last earlier-landed version of its
    key that precedes it in (known time, sequence). Facts of another key, and a fact with a null in its key, replace
    nothing.

    Examples
    --------
    >>> trips = Table("trips", key="id", event_time="at", known="event")
    >>> rows = [{"id": 1, "at": 10, "car": "a"}, {"id": 2, "at": 15, "car": "a"}, {"id": 1, "at": 20, "car": "b"}]
    >>> found = changes_since(Facts.of(trips, rows), ("id",), first=2)
    >>> found.rows.tolist(), found.after.tolist()
    ([2, 0], [20, 20])

    Notes
    -----
    O(n) in all facts to find the keys concerned, and a sort of their versions.
    """
    landed = np.arange(first, len(facts), dtype=np.int64)
    until = np.full(len(landed), NEVER, dtype=np.int64)
    replaced = np.full(len(landed), -1, dtype=np.int64)
    if key and len(landed):
        codes, count = row_codes([facts.frame[name] for name in key])
        concerned = np.zeros(count + 1, dtype=np.bool_)  # the last one stands for null, code -1
        concerned[codes[landed]] = True
        concerned[-1] = False
        rows = np.flatnonzero(concerned[codes])
        rows = rows[np.lexsort((facts.seq[rows], facts.known[rows], codes[rows]))]
        follows = codes[rows[1:]] == codes[rows[:-1]]
        ends = np.full(len(rows), NEVER, dtype=np.int64)
        ends[:-1][follows] = facts.known[rows[1:]][follows]
        fresh = np.flatnonzero(rows >= first)
        before = np.maximum.accumulate(np.where(rows < first, np.arange(len(rows)), -1))[fresh]
        same = (before >= 0) & (codes[rows[before]] == codes[rows[fresh]])
        until[rows[fresh] - first] = ends[fresh]
        replaced[rows[fresh] - first] = np.where(same, rows[before], -1)
    gone = replaced >= 0
    rows = np.concatenate([landed, replaced[gone]])
    after = np.concatenate([facts.known[landed], facts.known[landed][gone]])
    until = np.concatenate([until, until[gone]])
    speaks = (until > after) & ~facts.retract[rows]
    return Changes(rows[speaks], after[speaks], until[speaks])


def reach_of(definition: Latest | Window) -> Reach:
    """How far from a fact's event time the feature can see it.

    A window that counts the request's own fact gets no bound, since that fact enters wherever it stands.

    Examples
    --------
    >>> from hindcast.features.definitions import window
    >>> clicks = Table("clicks", event_time="at", known="event")
    >>> reach_of(window(clicks, over=["1h", "24h"], lag="10m")) == Reach(600_000_000, 87_000_000_000)
    True
    """
    if isinstance(definition, Latest):
        return Reach(None if definition.ahead else 0, definition.max_age_us)
    if definition.own:
        return Reach(None, None)
    furthest = max(span.reach_us for span in definition.spans)
    return Reach(min(span.hi_us for span in definition.spans), None if furthest >= NEVER else furthest)


def touched(
    definition: Latest | Window, facts: Facts, changes: Changes, requests: Mapping[str, Column], as_of: Ints
) -> Bools:
    """Which requests' answers to `definition` the changes can have altered, shape (n,).

    Parameters
    ----------
    definition : Latest or Window
        Over a plain table.
    facts : Facts
        The facts that `changes` points into.
    changes : Changes
    requests : mapping of str to Column, n rows
        With the columns that the definition is keyed by; a looked-up key is given as it is now.
    as_of : int64 array, shape (n,)

    Notes
    -----
    A sort of the requests within the changes' stretch of time, and two binary searches per change.
    """
    found = np.zeros(len(as_of), dtype=np.bool_)
    rows, after, until = changes.rows, changes.after, changes.until
    reach = reach_of(definition)
    event = facts.event[rows]
    if reach.after_us is not None:
        after = np.maximum(after, event + reach.after_us)
    if reach.upto_us is not None:
        until = np.minimum(until, event + reach.upto_us)
    seen = until > after
    rows, after, until = rows[seen], after[seen], until[seen]
    if not len(rows):
        return found
    asked = np.flatnonzero((as_of > after.min()) & (as_of <= until.max()))
    if not definition.by:
        found[asked] = _within(
            np.zeros(len(rows), np.int64), after, until, np.zeros(len(asked), np.int64), as_of[asked]
        )
        return found
    of_fact, of_request, _ = joint_codes(
        [facts.frame[column].take(rows) for _, column in definition.by],
        [requests[column].take(asked) for column, _ in definition.by],
    )
    mine, theirs = of_fact >= 0, of_request >= 0
    asked = asked[theirs]
    found[asked] = _within(
        of_fact[mine].astype(np.int64), after[mine], until[mine], of_request[theirs].astype(np.int64), as_of[asked]
    )
    return found


def _within(entity: Ints, after: Ints, until: Ints, asked_of: Ints, as_of: Ints) -> Bools:
    """Which requests lie in a stretch ``(after, until]`` of their entity, shape (n,)."""
    moments, rank = np.unique(as_of, return_inverse=True)
    size = len(moments) + 1
    place = asked_of * size + rank
    order = np.argsort(place, kind="stable")
    place = place[order]
    first = np.searchsorted(place, entity * size + np.searchsorted(moments, after, side="right"), side="left")
    last = np.searchsorted(place, entity * size + np.searchsorted(moments, until, side="right"), side="left")
    depth = np.zeros(len(as_of) + 1, dtype=np.int64)
    np.add.at(depth, first, 1)
    np.add.at(depth, last, -1)
    found = np.zeros(len(as_of), dtype=np.bool_)
    found[order] = np.cumsum(depth[:-1]) > 0
    return found


def is_plain(definition: object) -> bool:
    """Whether :func:`touched` understands the definition: looked up or aggregated from the facts of one table."""
    return type(definition) in (Latest, Window) and type(definition.table) is Table  # type: ignore[attr-defined]
