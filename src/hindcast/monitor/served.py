"""What a server said, and what would be said now: the two sides of a comparison for skew, and why they may differ.

The server's side is the prediction log. The other side is the batch driver over everything that has landed since, at
the same moments. Where they differ, the requests are answered once more under other assumptions: by the online driver
with facts in the order in which they *arrived* rather than became known, and by the batch driver with the clock moved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from hindcast.columns import Column, Frame, Kind
from hindcast.facts.facts import Facts
from hindcast.facts.lists import lists_of
from hindcast.features.online import OnlineFeatures
from hindcast.features.plan import FeaturePlan
from hindcast.fold.entities import row_codes
from hindcast.monitor.skew import CLOCK, CORRECTION, DEFINITION, LATE_FACT, UNEXPLAINED, Explanation, SkewReport, skew
from hindcast.values import HOUR_US, NEVER, Bools, Ints, duration_text

__all__ = ["SHIFTS_US", "Served", "served_skew"]

SHIFTS_US = tuple(sign * size for size in (1_000_000, 60_000_000, HOUR_US) for sign in (-1, 1))
"""By how much a clock is tried to have been wrong: a second, a minute, an hour, either way."""


@dataclass(frozen=True, eq=False)
class Served:
    """Answered requests, in the order of (as_of, sequence); n rows each.

    Attributes
    ----------
    request_id, version, plan : Column
        The request, who answered it, and the identity of the features it was answered with.
    as_of : int64 array, shape (n,)
    requests : Frame
        The plan's request columns, as sent.
    features : Frame
        The plan's features, as the log holds them; one that it has no value of is null everywhere.
    left_out : mapping of str to int
        Requests that cannot be recomputed, by the reason: ``given`` (the caller sent the features), ``older`` (beyond
        the limit).
    """

    request_id: Column
    version: Column
    plan: Column
    as_of: Ints
    requests: Frame
    features: Frame
    left_out: Mapping[str, int]

    def __len__(self) -> int:
        """The number of requests."""
        return len(self.as_of)

    @staticmethod
    def of(
        log: Facts,
        plan: FeaturePlan,
        *,
        system: str | None = None,
        since_us: int = -NEVER,
        until_us: int = NEVER,
        limit: int | None = None,
    ) -> Served:
        """The requests of a prediction log.

        Parameters
        ----------
        log : Facts
            Of the table that :func:`hindcast.serve.prediction_table` declares; empty, with any columns, is fine.
        plan : FeaturePlan
            Whose features are to be compared.
        system : str, optional
            Only that system's requests.
        since_us, until_us : int
            Requests with ``since < as_of <= until``.
        limit : int, optional
            At most so many, the newest.
        """
        n = len(log)
        rows = (log.event > since_us) & (log.event <= until_us)
        if system is not None and "system" in log.frame:
            rows &= log.frame["system"].objects() == system
        given = log.frame["given"].floats() == 1.0 if "given" in log.frame else np.zeros(n, dtype=np.bool_)
        order = np.lexsort((log.seq, log.event))
        chosen = order[(rows & ~given)[order]]
        older = 0 if limit is None else max(0, len(chosen) - limit)
        log_rows = log.frame.take(chosen[older:])

        def column(name: str, kind: Kind) -> Column:
            return log_rows[name] if name in log_rows else Column.empty(kind, len(log_rows))

        requests = {name: column(f"request_{name}", "number") for name in plan.request_columns}
        features = {name: column(f"feature_{name}", "number") for name in plan.names}
        return Served(
            request_id=column("request_id", "text"),
            version=column("version", "text"),
            plan=column("plan", "text"),
            as_of=log.event[chosen[older:]],
            requests=Frame(requests, len(log_rows)),
            features=Frame(features, len(log_rows)),
            left_out={"given": int((rows & given).sum()), "older": older},
        )


def served_skew(
    plan: FeaturePlan,
    served: Served,
    facts: Mapping[str, Facts],
    arrivals: Mapping[str, Ints],
    *,
    changed: Mapping[str, Bools] | None = None,
    another_plan: Bools | None = None,
    compared: Mapping[str, Bools] | None = None,
    shifts_us: Sequence[int] = SHIFTS_US,
    tolerance: float = 1e-9,
    threads: int = 2,
) -> SkewReport:
    """Recompute what was served, compare, and look for the cause of every difference.

    Parameters
    ----------
    plan : FeaturePlan
        As it is declared now.
    served : Served
    facts : mapping of str to Facts
        All that has landed, by table.
    arrivals : mapping of str to int64 array
        When each fact arrived, in the order of the facts; see :meth:`hindcast.facts.Lake.arrivals`. A table that it
        lacks has no late facts.
    changed, another_plan, compared, tolerance
        As of :func:`~hindcast.monitor.skew.skew`.
    shifts_us : sequence of int
        Moves of the clock to try.
    threads : int, default 2

    Notes
    -----
    One run of the batch driver where nothing differs. Where something does, up to three runs of the online driver over
    facts and differing requests, as long as some fact was late, and one batch run per shift over the requests that this
    does not explain.
    """
    from hindcast.features.batch import answer

    recomputed = answer(plan, facts, served.requests, served.as_of, threads=threads)
    lists = {name: lists_of(served.features[name]) for name, kind in recomputed.kinds.items() if kind == "list"}
    served = replace(served, features=Frame({**served.features, **lists}, len(served)))

    def compare(explanations: Sequence[Explanation]) -> SkewReport:
        return skew(
            served.features,
            recomputed,
            explanations=explanations,
            changed=changed,
            another_plan=another_plan,
            compared=compared,
            tolerance=tolerance,
            keys=served.request_id,
            as_of=served.as_of,
            left_out=served.left_out,
        )

    report = compare(())
    rows = _unexplained(report, changed or {})
    if not len(rows):
        return report
    explanations = list(_arrivals(plan, served, facts, arrivals, rows, recomputed))
    report = compare(explanations) if explanations else report
    rows = _unexplained(report, changed or {})
    if len(rows) and shifts_us:
        for shift in sorted(shifts_us, key=lambda us: (abs(us), us)):
            moved = answer(plan, facts, served.requests.take(rows), served.as_of[rows] + shift, threads=threads)
            sign = "-" if shift < 0 else "+"
            explanations.append(Explanation(CLOCK, rows, moved, f"{sign}{duration_text(abs(shift))}"))
        report = compare(explanations)
    return report


def _unexplained(report: SkewReport, changed: Mapping[str, Bools]) -> Ints:
    """The rows with a value that nothing explains yet, or only that it was served under another plan."""
    found = report.differences
    rows, because, feature = found["row"].values, found["cause"].objects(), found["feature"].objects()
    wanted = because == UNEXPLAINED
    for at in np.flatnonzero(because == DEFINITION):
        wanted[at] = feature[at] not in changed or not changed[feature[at]][rows[at]]
    return np.unique(rows[wanted])


def _arrivals(
    plan: FeaturePlan,
    served: Served,
    facts: Mapping[str, Facts],
    arrivals: Mapping[str, Ints],
    rows: Ints,
    recomputed: Frame,
) -> Iterator[Explanation]:
    """What the requests at `rows` would have got with facts that arrived late, each seen from its arrival on."""
    last = int(served.as_of[rows].max())
    late: dict[str, Bools] = {}
    correction: dict[str, Bools] = {}
    for name, table in plan.tables.items():
        theirs = facts[name]
        arrival = arrivals.get(name, theirs.known)
        late[name] = (arrival > theirs.known) & (arrival >= served.as_of[rows].min()) & (theirs.known < last)
        correction[name] = _corrections(theirs, table.keys)
    first = {name: late[name] & ~correction[name] for name in late}
    again = {name: late[name] & correction[name] for name in late}
    assumptions = [(LATE_FACT, first), (CORRECTION, again)]
    if all(any(held.any() for held in assumed.values()) for _, assumed in assumptions):
        assumptions.append((LATE_FACT, late))
    for cause, held in assumptions:
        if any(rows_held.any() for rows_held in held.values()):
            values = _as_arrived(plan, served, facts, arrivals, held, rows, recomputed.kinds)
            detail = "and a correction" if held is late else ""
            yield Explanation(cause, rows, values, detail)


def _corrections(facts: Facts, key: Sequence[str]) -> Bools:
    """Facts of a key that had landed before: corrections and retractions, shape (n,)."""
    again = np.zeros(len(facts), dtype=np.bool_)
    if key and len(facts):
        codes, _ = row_codes([facts.frame[name] for name in key])
        rows = np.flatnonzero(codes >= 0)
        order = rows[np.lexsort((facts.seq[rows], codes[rows]))]
        again[order[1:]] = codes[order[1:]] == codes[order[:-1]]
    return again


def _as_arrived(
    plan: FeaturePlan,
    served: Served,
    facts: Mapping[str, Facts],
    arrivals: Mapping[str, Ints],
    held: Mapping[str, Bools],
    rows: Ints,
    kinds: Mapping[str, Kind],
) -> Frame:
    """The features at `rows`, in the order of as_of, when the facts `held` are pushed as they arrived."""
    as_of = served.as_of[rows]
    last = int(as_of[-1])
    online = OnlineFeatures(plan)
    waiting: list[tuple[Ints, str, Facts]] = []
    for name in plan.tables:
        on_time = ~held[name] & (facts[name].known < last)
        online.load(name, facts[name].take(on_time), int(as_of[0]))
        if held[name].any():
            behind = np.flatnonzero(held[name])
            behind = behind[np.argsort(arrivals[name][behind], kind="stable")]
            waiting.append((arrivals[name][behind], name, facts[name].take(behind)))
    moments = np.unique(np.concatenate([arrival for arrival, _, _ in waiting]))
    epoch = np.searchsorted(moments, as_of, side="left")
    given = dict.fromkeys((name for _, name, _ in waiting), 0)
    parts = []
    for start, stop in _runs(epoch):
        for arrival, name, theirs in waiting:
            upto = int(np.searchsorted(arrival, as_of[start], side="left"))
            online.push(name, theirs.take(slice(given[name], upto)))
            given[name] = upto
        parts.append(online.read_many(served.requests.take(rows[start:stop]), as_of[start:stop]))
    answered = Frame.concat(parts)
    return Frame({name: _as(answered[name], kinds.get(name)) for name in answered}, len(answered))


def _as(column: Column, kind: Kind | None) -> Column:
    """The column as `kind` where it holds nothing, so that it compares with what does."""
    return column.as_kind(kind) if kind is not None and not column.present().any() else column


def _runs(values: Ints) -> Iterator[tuple[int, int]]:
    """The stretches of equal values, as (start, stop)."""
    cuts = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    yield from pairwise(cuts)
