"""Units of work: parts put together until they fill the budget, or divided until they fit; answered one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from hindcast.bulk.bucket import bucket
from hindcast.bulk.budget import Budget, Load, expected_bytes
from hindcast.bulk.division import REQUEST, hashed, packed, release
from hindcast.bulk.joins import Join
from hindcast.bulk.slices import Hot, sliced
from hindcast.bulk.spill import Scratch, Spill, as_table, parts_of, take, to_frame
from hindcast.facts.arrow import integers
from hindcast.values import Floats, Ints

__all__ = ["Units"]

_PER_COLLECTED = 56
"""Bytes of a window's value: as a number, and in a list."""

Unit = tuple[Spill, Spill, list[int]]
"""Facts, requests, and the parts of both."""


class Units:
    """Answers joins, unit by unit.

    Attributes
    ----------
    done : int
        Units answered.
    peak : int
        Bytes that the largest was expected to take.
    """

    def __init__(self, budget: Budget, scratch: Scratch, threads: int, tell: Callable[[str, int], None]) -> None:
        self.budget, self.scratch, self.threads, self.tell = budget, scratch, threads, tell
        self.done = self.peak = 0

    def answer(self, join: Join, facts: Spill, requests: Spill, ranges_of: Callable[[Ints], Ints]) -> Spill:
        """The features of a join for all requests, by ranges of rows."""
        asked = [*join.plan.request_columns, *REQUEST]
        name = join.table.name
        answers = self.scratch.spill("answers", _schema(join, facts, requests.schema.empty_table().select(asked)))
        for done, (held, asking, parts) in enumerate(self._units(join, facts, requests, depth=0), 1):
            table = _tidy(held.read(parts))
            words = sum(held.load(part).words for part in parts)
            for some in self._requests(join, table, words, asking, parts):
                found = bucket(join.plan, {name: table}, some, threads=self.threads)
                answers.add(found, ranges_of(integers(found["_row"])))
                del found, some
            del table
            release()
            self.done += 1
            self.tell(f"features of {join.title}", done)
        answers.close()
        return answers

    def _requests(self, join: Join, facts: Any, words: int, requests: Spill, parts: Sequence[int]) -> Iterator[Any]:
        """A unit's requests, all at once or, where they are many, as many as fit beside its facts."""
        asked = [*join.plan.request_columns, *REQUEST]
        bytes_of = _bytes_of(join)
        load = sum((requests.load(part) for part in parts), Load())
        held = bytes_of(Load(facts.num_rows, facts.nbytes, words), Load())
        each = max((bytes_of(Load(), load) - bytes_of(Load(), Load())) / max(load.rows, 1), 1)
        room = max(self.budget.unit - held, self.budget.unit // 8)
        weigh = _weigher(join, facts) if join.collected else None
        if load.rows * each <= room and weigh is None:
            self.peak = max(self.peak, held + int(each * load.rows))
            yield requests.read(parts, asked)
            return
        waiting: list[Any] = []
        weight = 0.0
        for part in parts:
            for batch in requests.batches(part):
                table = as_table(batch).select(asked)
                weights = np.full(len(table), each) if weigh is None else each + weigh(table)
                while len(table):
                    fits = int(np.searchsorted(np.cumsum(weights), room - weight, side="right"))
                    if fits == 0 and not waiting:
                        fits = 1
                    if fits:
                        waiting.append(table.slice(0, fits))
                        weight += float(weights[:fits].sum())
                        table, weights = table.slice(fits), weights[fits:]
                    if len(table):
                        self.peak = max(self.peak, held + int(weight))
                        yield pa.concat_tables(waiting)
                        waiting, weight = [], 0.0
        if waiting:
            self.peak = max(self.peak, held + int(weight))
            yield pa.concat_tables(waiting)

    def _units(self, join: Join, facts: Spill, requests: Spill, depth: int) -> Iterator[Unit]:
        bytes_of = _bytes_of(join)
        for parts in packed(facts, requests, bytes_of, self.budget):
            alone = len(parts) == 1 and bytes_of(facts.load(parts[0]), requests.load(parts[0])) > self.budget.unit
            if alone:
                yield from self._divided(join, facts, requests, parts[0], depth)
            else:
                yield facts, requests, parts

    def _divided(self, join: Join, facts: Spill, requests: Spill, part: int, depth: int) -> Iterator[Unit]:
        """A part that does not fit: by the hash again if it holds several entities, by time if it holds one."""
        entities, name = _entities(join, requests, part)
        if len(entities) < 2:
            yield from self._sliced(join, facts, requests, part, entities, name)
            return
        load = _bytes_of(join)(facts.load(part), requests.load(part))
        many = min(max(4 * load // self.budget.unit, 4), 256)
        deeper = self.scratch.spill("facts", facts.schema), self.scratch.spill("requests", requests.schema)
        try:
            for source, target, columns in ((facts, deeper[0], join.by), (requests, deeper[1], join.asked)):
                for batch in source.batches(part):
                    table = as_table(batch)
                    hashes, _ = hashed(to_frame(table, columns), columns)
                    target.add(table, parts_of(hashes, many, depth + 1))
            yield from self._units(join, *deeper, depth + 1)
        finally:
            for spill in deeper:
                spill.drop()

    def _sliced(
        self, join: Join, facts: Spill, requests: Spill, part: int, entities: set[int], name: str
    ) -> Iterator[Unit]:
        def of_entity() -> Iterator[Any]:
            wanted = np.array(sorted(entities), dtype=np.uint64)
            for batch in facts.batches(part):
                table = as_table(batch)
                hashes, _ = hashed(to_frame(table, join.by), join.by)
                here = np.flatnonzero(np.isin(hashes, wanted))
                yield table if len(here) == len(hashes) else take(table, here)

        loads = facts.load(part), requests.load(part)
        hot = Hot(join, name, of_entity, lambda: requests.batches(part), facts.schema, requests.schema, *loads)
        for held, asking, stretch in sliced(hot, self.budget, self.scratch):
            yield held, asking, [stretch]


def _bytes_of(join: Join) -> Callable[[Load, Load], int]:
    return lambda facts, requests: expected_bytes(facts, requests, len(join.columns), join.outputs)


def _weigher(join: Join, facts: Any) -> Callable[[Any], Floats]:
    """For features made from all values of a window: the bytes of each request's, from its entity's facts in reach."""
    hashes, _ = hashed(to_frame(facts, join.by), join.by)
    entities, entity = np.unique(hashes, return_inverse=True)
    moments, moment = np.unique(integers(facts["_event"]), return_inverse=True)
    places = np.sort(entity * (len(moments) + 1) + moment)
    back = join.collected_back_us

    def weigh(requests: Any) -> Floats:
        asking, _ = hashed(to_frame(requests, join.asked), join.asked)
        if not len(entities):
            return np.zeros(len(asking))
        at = np.minimum(np.searchsorted(entities, asking), len(entities) - 1)
        start = at * (len(moments) + 1)
        since = 0 if back is None else np.searchsorted(moments, integers(requests["_as_of"]) - back)
        counts = np.searchsorted(places, start + len(moments)) - np.searchsorted(places, start + since)
        if not any(ahead is None or ahead > 0 for ahead in join.aheads):
            until = np.searchsorted(moments, integers(requests["_as_of"]))
            counts = np.searchsorted(places, start + until) - np.searchsorted(places, start + since)
        return np.where(entities[at] == asking, np.maximum(counts, 0), 0) * float(_PER_COLLECTED * join.collected)

    return weigh


def _entities(join: Join, requests: Spill, part: int) -> tuple[set[int], str]:
    """The hashes of the entities that are asked for in a part, two at most; and one of them, for messages."""
    entities: set[int] = set()
    name = "" if join.asked else "the whole table"
    for batch in requests.batches(part):
        frame = to_frame(as_table(batch), join.asked)
        hashes, present = hashed(frame, join.asked)
        entities.update(np.unique(hashes[present])[:2].tolist())
        if not name and present.any():
            first: Mapping[str, Any] = frame.take(np.flatnonzero(present)[:1]).rows()[0]
            name = ", ".join(f"{asked}={first[asked]!r}" for asked in join.asked)
        if len(entities) > 1:
            break
    return entities, name


def _schema(join: Join, facts: Spill, nothing: Any) -> Any:
    """The columns of a join's answers; a list of texts is one though all that was seen are empty."""
    schema = bucket(join.plan, {join.table.name: facts.schema.empty_table()}, nothing).schema
    texts = {field.name for field in facts.schema if pa.types.is_string(field.type)}
    for group in join.plan.groups:
        for reading in group.readings:
            at = schema.get_field_index(reading.name)
            if pa.types.is_list(schema.field(at).type):
                of_texts = group.slots[reading.slot].column in texts
                kind = pa.list_(pa.string() if of_texts else pa.float64())
                schema = schema.set(at, pa.field(reading.name, kind))
    return schema


def _tidy(facts: Any) -> Any:
    """Facts in the order of landing; a retraction that stands in for a version that is here itself goes."""
    seq = integers(facts["_seq"])
    if (seq[1:] > seq[:-1]).all():
        return facts
    retract = to_frame(facts, ["_retract"])["_retract"].values
    order = np.lexsort((retract, seq))
    again = np.append(False, (seq[order[1:]] == seq[order[:-1]]) & (retract[order[1:]] == 1))
    return take(facts, order[~again].astype(np.int64))
