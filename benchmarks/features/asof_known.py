"""`asof-known`: the newest fact before each request, at most a day old, among those created by then.

A correction counts from when it was created, not from the moment it speaks about.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from harness.job import Job, Work

from features import asof, data


def hindcast(place: Path) -> Work:
    import hindcast as hc
    from features.ours import answered, facts_of
    from hindcast.facts.parquet import read_parquet
    from hindcast.features import FeaturePlan

    table = hc.Table(
        "facts", event_time="event_timestamp", known="created_timestamp", columns=["entity_id", *data.VALUES]
    )
    newest = hc.latest(table, *data.VALUES, by="entity_id", max_age=timedelta(days=1, microseconds=1))
    plan = FeaturePlan.compile([newest])

    def answers(facts: Any, requests: Any) -> Any:
        return answered(plan, {"facts": facts_of(table, facts)}, requests, after_us=1, names=data.VALUES)

    return lambda: answers(read_parquet(place / "facts.parquet"), read_parquet(place / "requests.parquet"))


def duckdb(place: Path) -> Work:
    import duckdb

    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    newest = ", ".join(f"arg_max(f.{name}, (f.event_timestamp, f.created_timestamp)) as {name}" for name in data.VALUES)
    query = f"""
        select r.row_id, {newest}
        from '{place}/requests.parquet' r left join '{place}/facts.parquet' f
        on r.entity_id = f.entity_id
            and f.event_timestamp <= r.event_timestamp
            and f.event_timestamp >= r.event_timestamp - interval 1 day
            and f.created_timestamp <= r.event_timestamp
        group by r.row_id"""
    return lambda: connection.sql(query).to_arrow_table()


def feast(place: Path) -> Work:
    from features.feast_store import historical

    return historical(place, known=True)


def reference(place: Path) -> Work:
    """Plain and slow: every request looks through all facts of its entity."""
    return asof.looking_through(place, known=True)


JOB = Job(
    asks="the newest fact before each request, at most a day old, among those created by then",
    size=1_000_000,
    unit="requests",
    data=lambda size: data.make("asof", size),
    peers={"hindcast": hindcast, "duckdb": duckdb, "feast": feast, "reference": reference},
    check=asof.check,
    packages={"feast": ("feast", "duckdb"), "reference": ("numpy",)},
    limits={"reference": 100_000},
    input_bytes=asof.JOB.input_bytes,
)
