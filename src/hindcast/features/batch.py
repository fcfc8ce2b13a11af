"""The batch driver: every entity's facts swept once, for all windows and requests.

Facts and requests are bucketed by entity with a counting sort (linear; facts that come in order of known time
are not sorted at all), then each bucket is folded by :func:`hindcast.features.kernel.sweep`. Buckets are
independent, so they go to threads, and the answers are the same whatever their number.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
from numba import njit

from hindcast.columns import Column, Frame
from hindcast.errors import DataError, UnknownName
from hindcast.facts.facts import Facts
from hindcast.features import kernel
from hindcast.features.plan import FeaturePlan, Group
from hindcast.features.versions import joint_codes, known_until
from hindcast.values import NEVER, Floats, Ints

__all__ = ["answer"]


def answer(plan: FeaturePlan, facts: Mapping[str, Facts], requests: Frame, as_of: Ints, *, threads: int = 2) -> Frame:
    """The features of many requests, each at its own moment.

    Parameters
    ----------
    plan : FeaturePlan
    facts : mapping of table name to Facts
        All landed facts, whatever their known time: visibility is decided here.
    requests : Frame, n rows
        With the columns of ``plan.request_columns``.
    as_of : int64 array, shape (n,)
        Microseconds; in any order.
    threads : int, default 2
        Changes the time it takes and nothing else.

    Returns
    -------
    Frame, n rows
        The columns of ``plan.names``: numbers with NaN for null, texts and times as they are.

    Notes
    -----
    O(f + n) and a sort of what is out of order, per group; memory is the input, the output, and eight bytes per
    fact, value column and group at a time.
    """
    as_of = np.ascontiguousarray(as_of, dtype=np.int64)
    if as_of.shape != (len(requests),):
        raise DataError(f"as_of has shape {as_of.shape} for {len(requests)} requests.")
    for name in plan.request_columns:
        if name not in requests:
            raise UnknownName("request column", name, requests.names, where="features")
    for name in plan.tables:
        if name not in facts:
            raise UnknownName("table", name, facts, where="features")
    until: dict[str, Ints] = {}
    order: dict[str, Ints] = {}
    looked_up: dict[str, Column] = {}
    with ThreadPoolExecutor(max_workers=max(1, threads)) as pool:
        for group in plan.groups:
            table = group.table.name
            if table not in until:
                until[table] = known_until(facts[table], group.table.key)
                order[table] = _ordered_rows(np.arange(len(facts[table])), facts[table].known, facts[table].seq)
            looked_up.update(
                _answer_group(group, facts[table], until[table], order[table], requests, as_of, pool, max(1, threads))
            )
    return plan.finish(requests, looked_up)


def _answer_group(
    group: Group,
    facts: Facts,
    until: Ints,
    order: Ints,
    requests: Frame,
    as_of: Ints,
    pool: ThreadPoolExecutor,
    threads: int,
) -> dict[str, Column]:
    n = len(requests)
    for column in sorted(group.fact_columns()):
        if column not in facts.frame:
            raise UnknownName("column", column, facts.frame, where=f"table {group.table.name!r}")
    if group.by:
        of_fact, of_request, entities = joint_codes(
            [facts.frame[column] for _, column in group.by], [requests[column] for column, _ in group.by]
        )
    else:
        of_fact, of_request, entities = np.zeros(len(facts), np.int64), np.zeros(n, np.int64), 1

    live = (until > facts.known) & ~facts.retract & (of_fact >= 0)
    coders: list[Any] = [None] * len(group.slots)
    vocabularies: dict[int, Any] = {}
    for at, slot in enumerate(group.slots):
        if slot.column is not None and not slot.present and facts.frame[slot.column].kind == "text":
            vocabularies[at] = facts.frame[slot.column].vocabulary
            coders[at] = lambda column: np.where(column.values < 0, np.nan, column.values)
    values = group.values(facts.frame, len(facts), coders)

    fact_starts, fact_rows = _count_sort(of_fact, order[live[order]], entities)
    replaced = np.flatnonzero(live & (until < NEVER))
    kill_starts, kill_rows = _count_sort(of_fact, _ordered_rows(replaced, until, facts.seq), entities)
    asked = np.flatnonzero(of_request >= 0)
    request_starts, request_rows = _count_sort(of_request, _ordered_rows(asked, as_of, None), entities)

    own_events, own_values = _own(group, facts, until, requests, as_of, n)
    out = np.full((n, len(group.names)), np.nan)
    arguments: tuple[Any, ...] = (
        fact_starts, fact_rows, request_starts, request_rows, kill_starts, kill_rows,
        facts.event, facts.known, facts.seq, until, values, as_of, group.own, own_events, own_values, out,
    )  # fmt: skip
    work = np.add(fact_starts, request_starts)
    cuts = [0, *np.searchsorted(work, np.linspace(0, work[-1], 4 * threads + 1)[1:-1]).tolist(), entities]
    jobs = [
        pool.submit(kernel.sweep, group.spec, first, last, *arguments) for first, last in pairwise(cuts) if first < last
    ]
    for job in jobs:
        job.result()

    columns = np.ascontiguousarray(out.T)
    result: dict[str, Column] = {}
    for at, (name, text) in enumerate(zip(group.names, group.texts, strict=True)):
        if text is not None and text in vocabularies:
            codes = np.where(np.isnan(columns[at]), -1, columns[at]).astype(np.int32)
            result[name] = Column("text", codes, None, vocabularies[text])
        else:
            result[name] = Column("number", columns[at])
    return result


def _own(group: Group, facts: Facts, until: Ints, requests: Frame, as_of: Ints, n: int) -> tuple[Ints, Floats]:
    """For ``closed="right"``: the event time of each request's own fact where it is visible, and its values."""
    if not group.own:
        return np.zeros(0, np.int64), np.zeros((len(group.slots), 0))
    key = group.table.key
    assert key
    for name in [*key, *(s.column for s in group.slots if s.column)]:
        if name not in requests:
            raise UnknownName(
                "request column", name, requests.names, where=f"window({group.table.name}, closed='right')"
            )
    values = group.values(requests, n, [None] * len(group.slots))
    of_fact, of_request, _ = joint_codes([facts.frame[k] for k in key], [requests[k] for k in key])
    entity_of_fact, entity_of_request, _ = (
        joint_codes([facts.frame[c] for _, c in group.by], [requests[c] for c, _ in group.by])
        if group.by
        else (np.zeros(len(facts), np.int64), np.zeros(n, np.int64), 1)
    )
    events = np.full(n, NEVER, dtype=np.int64)
    rows = np.flatnonzero((of_fact >= 0) & (until > facts.known))
    rows = rows[np.lexsort((facts.known[rows], of_fact[rows]))]
    starts = np.searchsorted(of_fact[rows], of_request, side="left")
    for request in np.flatnonzero(of_request >= 0):
        for row in rows[starts[request] :]:
            if of_fact[row] != of_request[request] or facts.known[row] >= as_of[request]:
                break
            if until[row] >= as_of[request]:
                if not facts.retract[row] and entity_of_fact[row] == entity_of_request[request]:
                    events[request] = facts.event[row]
                break
    return events, values


def _ordered_rows(rows: Ints, order_by: Ints, then_by: Ints | None) -> Ints:
    """`rows`, rising, in order of one column and, for ties, of another (or of the rows)."""
    moments = order_by[rows]
    ties = moments if then_by is None else then_by[rows]
    if _ordered(moments, ties, then_by is not None):
        return rows
    return rows[np.argsort(moments, kind="stable") if then_by is None else np.lexsort((ties, moments))]


@njit(cache=True, nogil=True)
def _ordered(moments: np.ndarray, ties: np.ndarray, use_ties: bool) -> bool:
    for i in range(1, len(moments)):
        if moments[i] < moments[i - 1] or (use_ties and moments[i] == moments[i - 1] and ties[i] < ties[i - 1]):
            return False
    return True


@njit(cache=True, nogil=True)
def _count_sort(codes: np.ndarray, rows: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Stable: rows of one code stay in the order they came."""
    starts = np.zeros(count + 1, dtype=np.int64)
    for row in rows:
        starts[codes[row] + 1] += 1
    for code in range(count):
        starts[code + 1] += starts[code]
    place = starts[:-1].copy()
    result = np.empty(len(rows), dtype=np.int64)
    for row in rows:
        code = codes[row]
        result[place[code]] = row
        place[code] += 1
    return starts, result
