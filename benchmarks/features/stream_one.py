"""`stream-one`: as `stream`, but every fact comes alone and is answered before the next."""

from __future__ import annotations

from array import array
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.job import Work

from features import data, stream


def hindcast(place: Path) -> Work:
    import hindcast as hc
    from features.ours import facts_of
    from hindcast.facts.parquet import read_parquet
    from hindcast.features import FeaturePlan
    from hindcast.features.stream import FeatureStream

    table = hc.Table("facts", event_time="event_timestamp", known="event", columns=["entity_id", "amount"])
    plan = FeaturePlan.compile([hc.window(table, "amount", list(data.KINDS), over=list(data.SPANS_H), by="entity_id")])
    facts = facts_of(table, read_parquet(place / "facts.parquet"))
    singles = [facts.take(slice(row, row + 1)) for row in range(len(facts))]

    def work() -> Any:
        stream, emitted = FeatureStream(plan), array("d")
        for one in singles:
            emitted.extend(stream.follow("facts", one).numbers[0])
        return emitted

    return work


def bytewax(place: Path) -> Work:
    return stream.bytewax_in_batches(place, 1)


JOB = replace(
    stream.JOB,
    asks="the same, one fact at a time",
    size=200_000,
    peers={"hindcast": hindcast, "python-deque": stream.python_deque, "bytewax": bytewax, "river": stream.river},
)
