"""The spine: which requests were asked, when, and which answers came, all of it decided by visibility alone.

**Requests.** ``as_of=before("scheduled", "2h")`` is a timer over the version of the row visible then. It fires once
per key: a version fires when it still holds at its own moment (``known < moment <= known of the next version``).
Rescheduled before firing it moves; after firing it does not fire again, even when the key is retracted and revived.
A key whose row was published too late (``known >= moment``) and never fires is refused and counted.

**Labels.** The outcome is known when its fact is. The first known label scores: the one of the first version, by
(known, sequence), that ever held and whose outcome is not null (a version overruled in the instant it became
known never held). The last outcome, where it differs, is kept beside it as the revision. While a label's fact is
retracted the label is hidden; a later fact of that key brings it back. With ``within=`` a row is positive when a
positive outcome is first known before the deadline ``as_of + within``, and else negative from the deadline on,
unless the fact visible then has a null outcome, which is no label.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hindcast.columns import Column, Frame
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.parameters import whole
from hindcast.trainset.target import Binary
from hindcast.trainset.versions import Versions, join_codes, key_codes, key_column
from hindcast.values import NEVER, Bools, Floats, Ints

if TYPE_CHECKING:
    from hindcast.facts import Facts

__all__ = ["Spine", "last_known_label", "make_spine"]


@dataclass(frozen=True, eq=False)
class Spine:
    """The requests of a target in the order (as_of, sequence), with what became of each.

    Parameters
    ----------
    key : Column, shape (n,)
        The row asked about.
    as_of : int64 array, shape (n,)
        When it was asked, microseconds.
    seq : int64 array, shape (n,)
        The sequence number of the version asked about; breaks ties of `as_of`.
    frame : Frame, n rows
        The request's columns: the version visible at `as_of`.
    label : float64 array, shape (n,)
        The first known label, 1 or 0; NaN for none.
    label_known : int64 array, shape (n,)
        When it became known: it is visible at t when ``label_known < t``. NEVER for none.
    label_seq : int64 array, shape (n,)
        The sequence number, in the outcome's table, of the fact that says so; -1 for none, as for a row that is
        negative because nothing came before its deadline.
    answered : int64 array, shape (n,)
        When the first fact of the outcome became known, be its outcome null or not; NEVER for none. Rows that
        are answered without a label had a null outcome; rows that are not are censored.
    revised : float64 array, shape (n,)
        The last outcome where it differs from the label, else NaN. Never used to train or to score.
    revised_known : int64 array, shape (n,)
    hidden : int64 array, shape (m, 3)
        Retractions as (row, from, until): the label of `row` is hidden at every t with ``from < t <= until``.
    refused : int64 array, shape (r,)
        The known times, rising, of versions that were published too late for their own moment while their key
        had not been asked about.
    counts : mapping of str to int
        ``requests``; keys never asked about, by the reason: ``pending`` (the moment is still to come), ``late``
        (published too late: refused), ``retracted``, ``untimed`` (no moment in the timer's column); facts
        without a key: ``unkeyed``; and of the requests: ``labelled``, ``unlabelled`` (null outcome),
        ``censored`` (no outcome), ``revised``, ``hidden`` (once retracted), ``early`` (labels known at or before
        as_of: the question had been answered when it was asked).
    """

    key: Column
    as_of: Ints
    seq: Ints
    frame: Frame
    label: Floats
    label_known: Ints
    label_seq: Ints
    answered: Ints
    revised: Floats
    revised_known: Ints
    hidden: Ints
    refused: Ints
    counts: Mapping[str, int]

    def __len__(self) -> int:
        """The number of requests."""
        return len(self.as_of)

    def matured(self, now_us: int, maturity_us: int) -> Bools:
        """Rows old enough at `now_us` for their label to be used, known or not, shape (n,)."""
        return self.as_of <= now_us - maturity_us

    def visible(self, now_us: int) -> Bools:
        """Rows whose label can be read at `now_us`: known before, and not hidden by a retraction; shape (n,)."""
        result = self.label_known < now_us
        rows, since, until = self.hidden.T
        result[rows[(since < now_us) & (now_us <= until)]] = False
        return result

    def usable(self, now_us: int, maturity_us: int) -> Bools:
        """Rows whose label may be used at `now_us`: mature, and its label visible; shape (n,).

        Maturity decides, not mere known-ness: of the young rows those known early are no fair sample.
        """
        return self.matured(now_us, maturity_us) & self.visible(now_us)

    def tally(self, now_us: int, maturity_us: int, *, by: str | None = None) -> dict[str, Any]:
        """What the requests asked up to `now_us` have come to, as counts that add up.

        Returns
        -------
        counts : dict
            ``requests`` is the sum of ``immature``, ``used``, ``unlabelled`` (mature, null outcome), ``hidden``
            (mature, label retracted) and ``censored`` (mature, no outcome yet); ``positives`` are among the used.
                ``refused`` are versions published too late, which never became requests.
            With `by`, a column of :attr:`frame`: such a dict per value of it, the null as None, without
            ``refused``.
        """
        asked = self.as_of <= now_us
        mature, visible = self.matured(now_us, maturity_us) & asked, self.visible(now_us)
        known, answered = self.label_known < now_us, self.answered < now_us
        parts = {
            "requests": asked,
            "immature": asked & ~mature,
            "used": mature & visible,
            "positives": mature & visible & (self.label == 1),
            "unlabelled": mature & ~known & answered,
            "hidden": mature & known & ~visible,
            "censored": mature & ~known & ~answered,
        }
        if by is None:
            refused = int(np.searchsorted(self.refused, now_us, side="left"))
            return {**{name: int(rows.sum()) for name, rows in parts.items()}, "refused": refused}
        codes, names = self.frame[by].codes()
        sums = {name: np.bincount(codes[rows] + 1, minlength=len(names) + 1) for name, rows in parts.items()}
        every = [None, *names]
        return {every[i]: {n: int(s[i]) for n, s in sums.items()} for i in range(len(every)) if sums["requests"][i]}

    def last_label(self) -> Floats:
        """For each request the label of the latest earlier request whose label it could know; see
        :func:`last_known_label`."""
        return last_known_label(self.as_of, self.label, self.label_known)

    def take(self, rows: NDArray[Any] | slice) -> Spine:
        """The spine at `rows` (a mask, a slice, or rising indices); the counts stay those of the whole."""
        indices = np.arange(len(self), dtype=np.int64)[rows]
        if np.any(indices[1:] <= indices[:-1]):
            raise ConfigError("the rows taken from a spine must rise, since it is ordered by time.")
        place = np.full(len(self), -1, dtype=np.int64)
        place[indices] = np.arange(len(indices))
        hidden = self.hidden[place[self.hidden[:, 0]] >= 0].copy()
        hidden[:, 0] = place[hidden[:, 0]]
        columns = ("as_of", "seq", "label", "label_known", "label_seq", "answered", "revised", "revised_known")
        taken: dict[str, Any] = {name: getattr(self, name)[indices] for name in columns}
        return replace(self, key=self.key.take(indices), frame=self.frame.take(indices), hidden=hidden, **taken)


def make_spine(target: Binary, facts: Mapping[str, Facts], *, until_us: int = NEVER) -> Spine:
    """The requests of `target` over `facts` and their labels, as they stand at `until_us`.

    Facts known at or after `until_us` change nothing, so a spine made of all history and read at `t` through
    :meth:`Spine.usable` agrees with one made at `t`. The order in which facts are delivered does not matter.

    Parameters
    ----------
    target : Binary
    facts : mapping of str to Facts
        By table name; at least the target's table and the outcome's.
    until_us : int, default NEVER
        Requests with ``as_of <= until_us``, facts with ``known < until_us``.

    Raises
    ------
    UnknownName
        For a table that `facts` lacks, or a column that a table lacks.
    ConfigError, DataError
        For a timer over a column that is no time; for keys of two kinds.

    Notes
    -----
    A few sorts, O(n log n): 337,000 requests and as many outcomes with text keys take about 0.4 seconds.

    Examples
    --------
    >>> from hindcast.facts import Facts, Table, before
    >>> from hindcast.trainset import outcome
    >>> from hindcast.values import iso
    >>> flights = Table("flights", key="id", event_time="due", known=before("due", "30d"))
    >>> arrivals = Table("arrivals", key="id", event_time="landed", known="event")
    >>> late = outcome(arrivals, "delay >= 15", on="id")
    >>> target = Binary(flights, as_of=before("due", "2h"), label=late, maturity="18h")
    >>> planned = [{"id": "UA1", "due": "2013-07-01T12:00:00Z"}, {"id": "UA2", "due": "2013-07-01T13:00:00Z"}]
    >>> spine = make_spine(target, {
    ...     "flights": Facts.of(flights, planned),
    ...     "arrivals": Facts.of(arrivals, [{"id": "UA1", "landed": "2013-07-01T16:00:00Z", "delay": 31.0}]),
    ... })
    >>> [iso(t) for t in spine.as_of], spine.label.tolist(), spine.counts["censored"]
    (['2013-07-01T10:00:00Z', '2013-07-01T11:00:00Z'], [1.0, nan], 1)
    """
    if not isinstance(target, Binary) or not isinstance(facts, Mapping):
        raise ConfigError(f"make_spine takes a target and facts by table, got {target!r:.80} and {facts!r:.80}.")
    until_us = whole("until_us", until_us)
    asked = _facts(target.table.name, facts, until_us)
    rows, as_of, refused, counts = _timers(target, asked, until_us)
    frame = asked.frame.take(rows)
    on = _columns(asked.frame, target.label.on, f"outcome of target {target.name!r}, table {target.table.name!r}")
    labels = _labels(
        target, _facts(target.label.table.name, facts, until_us), [c.take(rows) for c in on], as_of, until_us
    )
    named = target.table.keys or target.label.on
    spine = Spine(
        key=key_column([frame[name] for name in named]),
        as_of=as_of,
        seq=asked.seq[rows],
        frame=frame,
        refused=refused,
        counts={},
        **labels,
    )
    known = spine.label_known < NEVER
    answered = spine.answered < NEVER
    counts |= {
        "labelled": int(known.sum()),
        "unlabelled": int((answered & ~known).sum()),
        "censored": int((~answered & ~known).sum()),
        "revised": int((spine.revised_known < NEVER).sum()),
        "hidden": len(np.unique(spine.hidden[:, 0])),
        "early": int((known & (spine.label_known <= as_of)).sum()),
    }
    return replace(spine, counts=counts)


def last_known_label(as_of: Ints, label: Floats, label_known: Ints) -> Floats:
    """For each request the label of the latest earlier request whose label was visible then; NaN for none.

    The no-change forecast. A request counts as earlier when its as_of is strictly before; the latest is the last
    row of them. One sort and one sweep, O(n log n).

    Parameters
    ----------
    as_of, label, label_known : arrays, shape (n,)
        Rows in the order (as_of, sequence).

    Examples
    --------
    >>> last_known_label(np.array([1, 2, 5, 9]), np.array([1.0, 0.0, 1.0, 0.0]), np.array([4, 3, 6, 20]))
    array([nan, nan,  0.,  1.])
    """
    try:
        as_of, label_known = np.asarray(as_of, dtype=np.int64), np.asarray(label_known, dtype=np.int64)
        label = np.asarray(label, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise DataError("last_known_label takes moments in microseconds, and labels that are numbers.") from None
    if as_of.ndim != 1 or not as_of.shape == label.shape == label_known.shape:
        raise DataError(
            f"last_known_label takes one moment, label and known time per row; got the shapes {as_of.shape}, "
            f"{label.shape} and {label_known.shape}."
        )
    rows = np.flatnonzero(~np.isnan(label) & (label_known < NEVER))
    ready = np.maximum(label_known[rows], as_of[rows])
    order = np.argsort(ready, kind="stable")
    latest = np.maximum.accumulate(rows[order]) if len(rows) else rows
    at = np.searchsorted(ready[order], as_of, side="left") - 1
    result = np.full(len(as_of), np.nan)
    result[at >= 0] = label[latest[at[at >= 0]]]
    return result


# ---- requests -------------------------------------------------------------------------------------------


def _facts(name: str, facts: Mapping[str, Facts], until_us: int) -> Facts:
    if name not in facts:
        raise UnknownName("table", name, facts, where="make_spine")
    found = facts[name]
    return found if until_us >= NEVER else found.take(found.known < until_us)


def _columns(frame: Frame, names: tuple[str, ...], where: str) -> list[Column]:
    for name in names:
        if name not in frame:
            raise UnknownName("column", name, frame, where=where)
    return [frame[name] for name in names]


def _timers(target: Binary, facts: Facts, until_us: int) -> tuple[Ints, Ints, Ints, dict[str, int]]:
    """The facts whose timer fires, their moments, both by (moment, sequence); when others were refused as too late;
    and why other keys never asked."""
    where = f"as_of of target {target.name!r}, table {target.table.name!r}"
    timer = _columns(facts.frame, (target.as_of.column,), where)[0]
    if timer.kind != "time" and timer.present().any():
        raise ConfigError(f"{where}: column {target.as_of.column!r} holds {timer.kind} values, not times.")
    size = len(facts.known)
    keys = _columns(facts.frame, target.table.keys, where) if target.table.keys else []
    codes = key_codes(keys) if keys else np.arange(size, dtype=np.int64)
    versions = Versions.of(codes, facts.known, facts.seq)
    keyed = codes >= 0
    timed = timer.present() & ~facts.retract & keyed
    moment = np.where(timed, timer.values.astype(np.int64) + target.as_of.offset_us, NEVER)
    holds = facts.known < versions.until
    fires = timed & (facts.known < moment) & (moment <= versions.until) & (moment <= until_us)

    order, group = versions.order, np.cumsum(versions.first) - 1
    groups = int(group[-1]) + 1 if size else 0
    firing = np.flatnonzero(fires[order])
    firing = firing[np.concatenate([[True], group[firing][1:] != group[firing][:-1]])[: len(firing)]]
    rows = order[firing]

    def any_of(mask: Bools) -> Bools:
        result = np.zeros(groups, dtype=np.bool_)
        result[group[mask[order]]] = True
        return result

    fired = np.zeros(groups, dtype=np.bool_)
    fired[group[firing]] = True
    late = holds & timed & (facts.known >= moment)
    turn = np.full(groups, size, dtype=np.int64)
    turn[group[firing]] = firing
    refused = np.sort(facts.known[order][late[order] & (np.arange(size) < turn[group])])
    rest = any_of(keyed) & ~fired
    counts = {"requests": len(rows)}
    last = versions.until >= NEVER
    for name, mask in {
        "pending": last & timed & (facts.known < moment),
        "late": late,
        "retracted": last & facts.retract,
        "untimed": keyed & ~timed,
    }.items():
        found = any_of(mask) & rest
        counts[name] = int(found.sum())
        rest &= ~found
    counts["unkeyed"] = int((~keyed).sum())
    rows = rows[np.lexsort((facts.seq[rows], moment[rows]))]
    return rows, moment[rows], refused, counts


# ---- labels ---------------------------------------------------------------------------------------------


def _labels(target: Binary, facts: Facts, on: list[Column], as_of: Ints, until_us: int) -> dict[str, Any]:
    """The label columns of the requests with the join key `on` and moments `as_of`, each of shape (n,)."""
    outcome = target.label
    where = f"outcome of target {target.name!r}, table {outcome.table.name!r}"
    names = outcome.table.keys
    size = len(facts.known)
    codes = key_codes(_columns(facts.frame, names, where)) if names else np.arange(size, dtype=np.int64)
    versions = Versions.of(codes, facts.known, facts.seq)
    try:
        truth, known = outcome.expression.truth(facts.frame)
    except UnknownName as error:
        raise UnknownName(
            "column", error.name, error.known, where=f"{where}, expression {outcome.expression.text!r}"
        ) from None
    asked, told = join_codes(on, _columns(facts.frame, outcome.on, where))

    held = np.flatnonzero((facts.known < versions.until) & (told >= 0))
    held = held[np.lexsort((facts.seq[held], facts.known[held], told[held]))]
    facing = _Answers(asked, told[held], facts.known[held])
    fact = ~facts.retract[held]
    valued, value = fact & known[held], truth[held].astype(np.float64)

    if target.within_us is None:
        first = facing.first(valued)
        chosen = held[np.maximum(first, 0)] if len(held) else np.zeros(len(as_of), dtype=np.int64)
        has = first >= 0
        label_known = np.where(has, facing.known(first), NEVER)
        label = np.where(has, facing.pick(value, first), np.nan)
        last = facing.last(valued)
    else:
        deadline = as_of + target.within_us
        first = facing.first(valued & (value == 1))
        has = (first >= 0) & (facing.known(first) < deadline)
        chosen = held[np.maximum(first, 0)] if len(held) else np.zeros(len(as_of), dtype=np.int64)
        seen = facing.last_before(np.ones(len(held), dtype=np.bool_), deadline)
        null = (seen >= 0) & facing.pick(fact & ~valued, seen)
        negative = ~has & ~null & (deadline < until_us)
        label_known = np.where(has, facing.known(first), np.where(negative, deadline, NEVER))
        label = np.where(has, 1.0, np.where(negative, 0.0, np.nan))
        last = np.where(has, facing.last_before(valued, deadline), -1)

    answer = facing.first(fact)
    final = np.where(last >= 0, facing.pick(value, last), np.nan)
    differs = ~np.isnan(label) & ~np.isnan(final) & (final != label)
    return {
        "label": label,
        "label_known": label_known,
        "label_seq": np.where(has, np.append(facts.seq, -1)[chosen], -1),
        "answered": np.where(answer >= 0, facing.known(answer), NEVER),
        "revised": np.where(differs, final, np.nan),
        "revised_known": np.where(differs, facing.known(last), NEVER),
        "hidden": _hidden(has, label_known, codes[chosen] if size else chosen, facts, codes, versions),
    }


class _Answers:
    """Facts sorted by (join code, known, sequence), looked up by the requests' join codes."""

    def __init__(self, asked: Ints, told: Ints, known: Ints) -> None:
        self._asked, self._told, self._known = asked, told, known

    def known(self, at: Ints) -> Ints:
        """The known times of the facts at positions `at`; NEVER at -1."""
        return np.append(self._known, NEVER)[at]

    def pick(self, values: NDArray[Any], at: Ints) -> NDArray[Any]:
        """`values` (by fact) at positions `at`; zero at -1."""
        return np.append(values, values.dtype.type(0))[at]

    def first(self, among: Bools) -> Ints:
        """By request, the position of its first fact of `among`; -1 for none."""
        places = np.flatnonzero(among)
        told = self._told[places]
        return self._at(places[np.concatenate([[True], told[1:] != told[:-1]])[: len(told)]])

    def last(self, among: Bools) -> Ints:
        """By request, the position of its last fact of `among`; -1 for none."""
        places = np.flatnonzero(among)
        told = self._told[places]
        return self._at(places[np.concatenate([told[1:] != told[:-1], [True]])[-len(told) :]] if len(told) else places)

    def last_before(self, among: Bools, moment_us: Ints) -> Ints:
        """By request, the position of its last fact of `among` known before its `moment_us`; -1 for none."""
        places = np.flatnonzero(among)
        moments = np.unique(self._known[places])
        base = len(moments) + 1
        marks = self._told[places] * base + np.searchsorted(moments, self._known[places])
        wanted = np.maximum(self._asked, 0) * base + np.searchsorted(moments, moment_us, side="left")
        found = np.append(places, -1)[np.searchsorted(marks, wanted, side="left") - 1]
        return np.where((found >= 0) & (np.append(self._told, -2)[found] == self._asked), found, -1)

    def _at(self, places: Ints) -> Ints:
        """By request, the one of `places` (at most one per join code) that answers it; -1 for none."""
        table = np.full(max(int(self._asked.max(initial=-1)), int(self._told.max(initial=-1))) + 2, -1, dtype=np.int64)
        table[self._told[places]] = places
        return table[self._asked]


def _hidden(has: Bools, label_known: Ints, label_key: Ints, facts: Facts, codes: Ints, versions: Versions) -> Ints:
    """Retractions of the facts behind labels as rows of (request, from, until), shape (m, 3)."""
    cuts = np.flatnonzero(facts.retract & (facts.known < versions.until) & (codes >= 0))
    if not len(cuts):
        return np.zeros((0, 3), dtype=np.int64)
    cuts = cuts[np.lexsort((facts.known[cuts], codes[cuts]))]
    rows = np.flatnonzero(has)
    low = np.searchsorted(codes[cuts], label_key[rows], side="left")
    many = np.searchsorted(codes[cuts], label_key[rows], side="right") - low
    row = np.repeat(rows, many)
    cut = cuts[np.repeat(low, many) + np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)]
    later = facts.known[cut] >= label_known[row]
    result: Ints = np.stack([row, facts.known[cut], versions.until[cut]], axis=1)[later].astype(np.int64)
    return result
