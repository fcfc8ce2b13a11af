"""`asof`: the newest fact before each request, at most a day old; by event time alone.

Of two facts of one moment the later created counts. The peers' joins include equality; hindcast sees what was known
strictly before, so it is asked a microsecond later and may look back a microsecond longer.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from harness.job import Job, Work

from features import checks, data

COLUMNS = ", ".join(data.VALUES)


def hindcast(place: Path) -> Work:
    import hindcast as hc
    from features.ours import answered, facts_of
    from hindcast.facts.parquet import read_parquet
    from hindcast.features import FeaturePlan

    table = hc.Table("facts", event_time="event_timestamp", known="event", columns=["entity_id", *data.VALUES])
    newest = hc.latest(table, *data.VALUES, by="entity_id", max_age=timedelta(days=1, microseconds=1))
    plan = FeaturePlan.compile([newest])

    def answers(facts: Any, requests: Any) -> Any:
        landed = facts_of(table, facts, landed_by="created_timestamp")
        return answered(plan, {"facts": landed}, requests, after_us=1, names=data.VALUES)

    return lambda: answers(read_parquet(place / "facts.parquet"), read_parquet(place / "requests.parquet"))


def polars(place: Path) -> Work:
    import polars as pl

    def work() -> Any:
        facts = pl.scan_parquet(place / "facts.parquet").sort("event_timestamp", "created_timestamp")
        requests = pl.scan_parquet(place / "requests.parquet").sort("event_timestamp")
        joined = requests.join_asof(
            facts.drop("created_timestamp"), on="event_timestamp", by="entity_id", strategy="backward",
            tolerance="1d", check_sortedness=False,
        )  # fmt: skip
        return joined.collect()

    return work


def duckdb(place: Path) -> Work:
    import duckdb

    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    kept = ", ".join(f"case when fresh then {name} end as {name}" for name in data.VALUES)
    query = f"""
        with newest as (
            select * from '{place}/facts.parquet'
            qualify row_number() over (partition by entity_id, event_timestamp order by created_timestamp desc) = 1
        ), joined as (
            select r.row_id, r.event_timestamp - f.event_timestamp <= interval 1 day as fresh, {COLUMNS}
            from '{place}/requests.parquet' r asof left join newest f
            on r.entity_id = f.entity_id and r.event_timestamp >= f.event_timestamp
        )
        select row_id, {kept} from joined"""
    return lambda: connection.sql(query).to_arrow_table()


def pandas(place: Path) -> Work:
    import pandas as pd

    def work() -> Any:
        facts = pd.read_parquet(place / "facts.parquet").sort_values(["event_timestamp", "created_timestamp"])
        requests = pd.read_parquet(place / "requests.parquet").sort_values("event_timestamp", kind="stable")
        return pd.merge_asof(
            requests, facts.drop(columns="created_timestamp"), on="event_timestamp", by="entity_id",
            tolerance=pd.Timedelta(days=1),
        )  # fmt: skip

    return work


def feast(place: Path) -> Work:
    from features.feast_store import historical

    return historical(place, known=False)


def pyspark(place: Path) -> Work:
    """Spark has no as-of join: facts and requests in one table, and the last fact of a growing window."""
    from features.spark_session import session

    spark = session()
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    out = place / "spark-asof"

    def work() -> Any:
        import pyarrow.parquet as pq

        facts = spark.read.parquet(str(place / "facts.parquet"))
        requests = spark.read.parquet(str(place / "requests.parquet"))
        fact = F.struct(F.col("event_timestamp").alias("at"), *data.VALUES).alias("fact")
        told = facts.select("entity_id", "event_timestamp", "created_timestamp", fact, F.lit(0).alias("asks"))
        asked = requests.select("entity_id", "event_timestamp", "row_id", F.lit(1).alias("asks"))
        before = (
            Window.partitionBy("entity_id")
            .orderBy("event_timestamp", "asks", "created_timestamp")
            .rowsBetween(Window.unboundedPreceding, Window.currentRow)
        )
        both = told.unionByName(asked, allowMissingColumns=True)
        found = both.withColumn("fact", F.last("fact", ignorenulls=True).over(before)).where("asks = 1")
        fresh = F.col("fact.at") >= F.col("event_timestamp") - F.expr("interval 24 hours")
        kept = [F.when(fresh, F.col(f"fact.{name}")).alias(name) for name in data.VALUES]
        found.select("row_id", *kept).write.mode("overwrite").parquet(str(out))
        return pq.read_table(out)

    return work


def reference(place: Path) -> Work:
    """Plain and slow: every request looks through all facts of its entity."""
    return looking_through(place, known=False)


def looking_through(place: Path, known: bool) -> Work:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    def work() -> Any:
        facts, requests = pq.read_table(place / "facts.parquet"), pq.read_table(place / "requests.parquet")
        entity, event, created = (_ints(facts, name) for name in ("entity_id", "event_timestamp", "created_timestamp"))
        of_entity = {int(one): np.flatnonzero(entity == one) for one in np.unique(entity)}
        hit = np.full(requests.num_rows, -1)
        asked = zip(_ints(requests, "entity_id").tolist(), _ints(requests, "event_timestamp").tolist(), strict=True)
        for request, (one, t) in enumerate(asked):
            rows = of_entity.get(one, np.zeros(0, np.int64))
            seen = rows[(event[rows] <= t) & (event[rows] >= t - data.DAY_US) & ((created[rows] <= t) | (not known))]
            if len(seen):
                hit[request] = max(seen.tolist(), key=lambda row: (event[row], created[row]))
        values = {name: np.where(hit < 0, np.nan, facts[name].to_numpy()[hit]) for name in data.VALUES}
        return pa.table({"row_id": requests["row_id"], **values})

    return work


def _ints(table: Any, name: str) -> Any:
    return table[name].cast("int64").to_numpy()


def check(found: Any) -> checks.Check:
    return checks.of_asof(as_arrow(found))


def as_arrow(found: Any) -> Any:
    """A result as an Arrow table, whatever data frame it is."""
    import pyarrow as pa

    if isinstance(found, pa.Table):
        return found
    return found.to_arrow() if hasattr(found, "to_arrow") else pa.Table.from_pandas(found, preserve_index=False)


JOB = Job(
    asks="the newest fact before each request, at most a day old, by event time",
    size=1_000_000,
    unit="requests",
    data=lambda size: data.make("asof", size),
    peers={
        "hindcast": hindcast, "polars": polars, "duckdb": duckdb, "pandas": pandas, "pyspark": pyspark,
        "feast": feast, "reference": reference,
    },
    check=check,
    packages={"feast": ("feast", "duckdb"), "reference": ("numpy",)},
    children=frozenset({"pyspark"}),
    limits={"reference": 100_000},
    input_bytes=lambda size: 5 * size * 64 + size * 24,
)  # fmt: skip
