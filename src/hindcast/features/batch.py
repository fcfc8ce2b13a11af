"""The batch driver: every entity's facts swept once, for all windows and requests.

Facts and requests are brought together by entity with a counting sort, then each entity is folded by
:mod:`hindcast.fold.sweep`. Entities are independent, so they go to threads, and the answers are the same whatever
their number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from hindcast.columns import Column, Frame
from hindcast.errors import UnknownName
from hindcast.facts.facts import Facts
from hindcast.features.asked import asked_at
from hindcast.features.group import Group
from hindcast.features.listed import collected_column, list_column, text_column
from hindcast.features.plan import FeaturePlan
from hindcast.fold.entities import bucket_starts, joint_codes, spread
from hindcast.fold.sweep import gather, sweep, sweep_rows
from hindcast.fold.versions import known_until
from hindcast.parameters import whole
from hindcast.values import NEVER, Bools, Floats, Ints

__all__ = ["MOST_THREADS", "answer"]

_NO_INTS = np.zeros(0, dtype=np.int64)
_NO_BOOLS = np.zeros(0, dtype=np.bool_)
MOST_THREADS = 256


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
        The columns of ``plan.names``: numbers with NaN for null, texts, times and lists as they are.

    Notes
    -----
    O(f + n) and a sort of what is out of order, per group; memory is the input, the output, and eight bytes per
    fact, value column and group at a time.
    """
    as_of = asked_at(plan, facts, requests, as_of)
    threads = whole("threads", threads, least=1, most=MOST_THREADS)
    with ThreadPoolExecutor(max_workers=threads) as pool:
        batch = _Batch(facts, pool, threads)
        columns: dict[str, Column] = {}
        for stage in plan.stages:
            for group in stage.groups:
                columns.update(batch.answer(group, _asked(group, requests, columns), as_of))
            for fan in stage.fans:

                def look_up(keys: Frame, rows: Ints, group: Group = fan.group) -> Column:
                    return batch.answer(group, keys, as_of[rows])[group.names[0]]

                columns[fan.name] = fan.gathered(columns[fan.members], look_up)
            plan.transformed(stage.transforms, requests, columns)
    return plan.finish(requests, columns)


def _asked(group: Group, requests: Frame, columns: Mapping[str, Column]) -> Frame:
    """The requests, with the key columns that are looked up themselves."""
    made = {asked: columns[asked] for asked, _ in group.by if asked in columns}
    return requests.having(**made) if made else requests


class _Batch:
    """All facts, what is worked out once per table, and the threads."""

    def __init__(self, facts: Mapping[str, Facts], pool: ThreadPoolExecutor, threads: int) -> None:
        self.facts, self.pool, self.threads = facts, pool, threads
        self._until: dict[str, Ints] = {}
        self._enriched: dict[tuple[str, Any], Frame] = {}

    def until(self, group: Group) -> Ints:
        """Until when each fact is visible; empty where none is ever replaced."""
        name = group.table.name
        if name not in self._until:
            found = known_until(self.facts[name], group.table.key) if group.table.key else _NO_INTS
            self._until[name] = found
        return self._until[name]

    def frame(self, group: Group) -> Frame:
        """The facts' columns, the looked-up ones included."""
        facts = self.facts[group.table.name]
        if not group.lookups:
            return facts.frame
        place = (group.table.name, group.lookups)
        if place not in self._enriched:
            plan = FeaturePlan.compile(group.lookups)
            asked = facts.frame.select(plan.request_columns)
            found = answer(plan, self.facts, asked, facts.known, threads=self.threads)
            self._enriched[place] = facts.frame.having(**dict(found))
        return self._enriched[place]

    def split(self, work: Ints, do: Callable[[int, int], Any]) -> list[Any]:
        """`do` stretches of entities of about equal work (which rises), in threads; what they gave, in order."""
        entities = len(work) - 1
        cuts = [0, *np.searchsorted(work, np.linspace(0, work[-1], 4 * self.threads + 1)[1:-1]).tolist(), entities]
        stretches = [(first, last) for first, last in pairwise(cuts) if first < last]
        return [job.result() for job in [self.pool.submit(do, *stretch) for stretch in stretches]]

    def answer(self, group: Group, requests: Frame, as_of: Ints) -> dict[str, Column]:
        """A group's features for many requests."""
        facts, frame, until = self.facts[group.table.name], self.frame(group), self.until(group)
        n = len(requests)
        for column in sorted(group.fact_columns()):
            if column not in frame:
                raise UnknownName("column", column, frame, where=f"table {group.table.name!r}")
        if group.by:
            of_fact, of_request, entities = joint_codes(
                [frame[column] for _, column in group.by], [requests[column] for column, _ in group.by]
            )
        else:
            of_fact, of_request, entities = np.zeros(len(facts), np.int32), np.zeros(n, np.int32), 1
        held = _Bucketed(self.pool, of_fact, _live(facts, until), entities)
        asked = _Bucketed(self.pool, of_request, _NO_BOOLS, entities)
        if group.is_latest:
            return self._latest(group, facts, frame, until, held, asked, as_of)
        return self._windows(group, facts, frame, until, held, asked, requests, as_of)

    def _latest(
        self,
        group: Group,
        facts: Facts,
        frame: Frame,
        until: Ints,
        held: _Bucketed,
        asked: _Bucketed,
        as_of: Ints,
    ) -> dict[str, Column]:
        """The newest facts, as rows; then their columns."""
        n, variants = len(as_of), len(group.variants)
        simple = facts.event is facts.known or not (facts.event > facts.known).any()
        if simple and not (len(until) and (until < NEVER).any()):
            chosen = np.full((variants, n), -1, dtype=np.int32)
            ages = np.array([age for age, _ in group.variants], dtype=np.int64)
            made = held.spread([_NO_INTS, *_times(facts)], [np.int32, np.int64, np.int64, np.int64])
            sent = asked.spread([_NO_INTS, as_of], [np.int32, np.int64])

            def newest(first: int, last: int) -> None:
                sweep_rows(first, last, held.starts, asked.starts, *made, *sent, ages, chosen)

            self.split(held.starts + asked.starts, newest)
            del made, sent
        else:
            out = np.full((n, variants), np.nan)
            numbers = [lambda: np.arange(len(facts), dtype=np.float64)]
            self._sweep(group.row_spec, False, facts, until, held, asked, numbers, as_of, out, _NO_OWN)
            chosen = np.ascontiguousarray(np.where(np.isnan(out), -1, out).astype(np.int32).T)
        found: dict[str, Column] = {}
        for reading, variant in zip(group.readings, group.of_variant, strict=True):
            assert reading.column is not None
            column, rows = frame[reading.column], chosen[variant]
            if column.kind == "text":
                codes = np.where(rows >= 0, column.values[rows], -1).astype(np.int32) if len(facts) else rows
                found[reading.name] = Column("text", codes, None, column.vocabulary)
            else:
                found[reading.name] = Column(
                    "number", self._gathered(group.value(reading.slot, frame, len(facts), None), rows)
                )
        return found

    def _gathered(self, values: Floats, rows: Any) -> Floats:
        out = np.empty(len(rows))
        cuts = np.linspace(0, len(rows), self.threads + 1).astype(np.int64).tolist()
        for job in [self.pool.submit(gather, values, rows, a, b, out) for a, b in pairwise(cuts)]:
            job.result()
        return out

    def _windows(
        self,
        group: Group,
        facts: Facts,
        frame: Frame,
        until: Ints,
        held: _Bucketed,
        asked: _Bucketed,
        requests: Frame,
        as_of: Ints,
    ) -> dict[str, Column]:
        n = len(requests)
        vocabularies, coders = _texts(group, frame)
        columns = [partial(group.value, at, frame, len(facts), coders[at]) for at in range(len(group.slots))]
        out = np.full((n, group.cells), np.nan)
        own = _own(group, facts, until, requests, as_of, n) if group.own else _NO_OWN
        lengths, parts, rows = self._sweep(
            group.spec, group.own, facts, until, held, asked, columns, as_of, out, own,
            sum(reading.collected is not None for reading in group.readings),
        )  # fmt: skip
        cells = np.ascontiguousarray(out.T)
        del out
        found: dict[str, Column] = {}
        at = 0
        for reading in group.readings:
            words = vocabularies[reading.slot] if reading.codes or reading.collected else None
            if reading.collected is not None:
                found[reading.name] = collected_column(reading.collected, parts, lengths, at, rows, words)
                at += 1
            elif reading.is_list:
                found[reading.name] = list_column(cells[reading.cell : reading.cell + reading.cells], words)
            elif words is not None:
                found[reading.name] = text_column(cells[reading.cell], words)
            else:
                found[reading.name] = Column("number", cells[reading.cell])
        return found

    def _sweep(
        self,
        spec: Ints,
        own: bool,
        facts: Facts,
        until: Ints,
        held: _Bucketed,
        asked: _Bucketed,
        columns: Sequence[Callable[[], Floats]],
        as_of: Ints,
        out: Floats,
        own_facts: tuple[Ints, Floats],
        collected: int = 0,
    ) -> tuple[Ints, list[Floats], Any]:
        """Fill `out`; gives the lengths of what was collected, its values, and the requests in their order."""
        lengths = np.full((len(as_of), collected), -1, dtype=np.int64)
        times = held.spread([*_times(facts), until], [np.int64] * 4)
        values = np.empty((len(columns), held.size))
        for at, column in enumerate(columns):
            held.spread_into(column(), values[at])
        request_rows, moments = asked.spread([_NO_INTS, as_of], [np.int32, np.int64])

        def stretch(first: int, last: int) -> Floats:
            return sweep(  # type: ignore[no-any-return]
                spec, first, last, held.starts, asked.starts, *times, values, request_rows, moments,
                own, *own_facts, out, lengths,
            )  # fmt: skip

        return lengths, self.split(held.starts + asked.starts, stretch), request_rows


class _Bucketed:
    """Rows brought together by entity."""

    def __init__(self, pool: ThreadPoolExecutor, codes: Any, kept: Bools, entities: int) -> None:
        self.pool, self.codes, self.kept = pool, codes, kept
        self.starts = bucket_starts(codes, kept, entities)
        self.size = int(self.starts[-1])

    def spread(self, columns: Sequence[Any], dtypes: Sequence[Any]) -> list[Any]:
        """Columns in buckets; the first empty one, of int32, is the rows' numbers, and other empty ones stay so."""
        found = [np.empty(self.size if len(c) or t is np.int32 else 0, t) for c, t in zip(columns, dtypes, strict=True)]
        jobs = [
            self.pool.submit(spread, self.codes, self.kept, self.starts, column, out)
            for column, out in zip(columns, found, strict=True)
            if len(out)
        ]
        for job in jobs:
            job.result()
        return found

    def spread_into(self, column: Any, out: Any) -> None:
        spread(self.codes, self.kept, self.starts, column, out)


def _times(facts: Facts) -> tuple[Ints, Ints, Ints]:
    """Event times (empty where they are the known times), known times, sequences (empty where rows are in order)."""
    same = facts.event is facts.known or np.array_equal(facts.event, facts.known)
    return _NO_INTS if same else facts.event, facts.known, _NO_INTS if _rising(facts.seq) else facts.seq


_NO_OWN = (_NO_INTS, np.zeros((0, 0)))


def _texts(group: Group, frame: Frame) -> tuple[list[Any], list[Any]]:
    """Per slot, if it holds texts: its vocabulary, and what makes codes of a column."""
    vocabularies: list[Any] = [None] * len(group.slots)
    coders: list[Any] = [None] * len(group.slots)
    for at, slot in enumerate(group.slots):
        if slot.column is not None and not slot.present and frame[slot.column].kind == "text":
            vocabularies[at] = frame[slot.column].vocabulary
            coders[at] = lambda column: np.where(column.values < 0, np.nan, column.values)
    return vocabularies, coders


def _live(facts: Facts, until: Ints) -> Bools:
    """Facts that are visible at some time; empty for all."""
    if len(until):
        return np.asarray((until > facts.known) & ~facts.retract)
    return ~facts.retract if facts.retract.any() else _NO_BOOLS


def _rising(seq: Ints) -> bool:
    return bool((seq[1:] > seq[:-1]).all())


def _own(group: Group, facts: Facts, until: Ints, requests: Frame, as_of: Ints, n: int) -> tuple[Ints, Floats]:
    """For ``closed="right"``: the event time of each request's own fact where it is visible, and its values."""
    key = group.table.keys
    for name in [*key, *(s.column for s in group.slots if s.column)]:
        if name not in requests:
            raise UnknownName(
                "request column", name, requests.names, where=f"window({group.table.name}, closed='right')"
            )
    vocabularies, _ = _texts(group, facts.frame)
    values = group.values(requests, n, [_coder(words) if words is not None else None for words in vocabularies])
    of_fact, of_request, _ = joint_codes([facts.frame[k] for k in key], [requests[k] for k in key])
    entity_of_fact, entity_of_request, _ = (
        joint_codes([facts.frame[c] for _, c in group.by], [requests[c] for c, _ in group.by])
        if group.by
        else (np.zeros(len(facts), np.int32), np.zeros(n, np.int32), 1)
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


def _coder(words: Sequence[str]) -> Callable[[Column], Floats]:
    """Codes of a request's own texts; a text that no fact holds gets a code of its own."""

    def code(column: Column) -> Floats:
        index = {word: at for at, word in enumerate(words)}
        texts = column.objects().tolist()
        return np.array([np.nan if text is None else index.setdefault(text, len(index)) for text in texts])

    return code
