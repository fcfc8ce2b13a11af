"""`windows`: count, sum, mean and max of the facts of 1 hour, 24 hours and 7 days before each request.

A window of length w at t holds the facts with ``t - w <= event time < t``; an empty one has count 0, sum 0 or null, and
neither mean nor max.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.job import Job, Work

from features import asof, checks, data

SPANS = tuple(data.SPANS_H)
NAMES = tuple(f"{kind}_{span}" for span in SPANS for kind in ("cnt", "sum", "mean", "max"))


def declared() -> tuple[Any, Any]:
    """The table and the plan."""
    import hindcast as hc
    from hindcast.features import FeaturePlan

    table = hc.Table("facts", event_time="event_timestamp", known="event", columns=["entity_id", "amount"])
    plan = FeaturePlan.compile([hc.window(table, "amount", list(data.KINDS), over=list(SPANS), by="entity_id")])
    return table, plan


def hindcast(place: Path) -> Work:
    from features.ours import answered, facts_of
    from hindcast.facts.parquet import read_parquet

    table, plan = declared()

    def work() -> Any:
        facts, requests = read_parquet(place / "facts.parquet"), read_parquet(place / "requests.parquet")
        return answered(plan, {"facts": facts_of(table, facts)}, requests, after_us=0, names=NAMES)

    return work


def polars(place: Path) -> Work:
    import polars as pl

    def work() -> Any:
        facts, requests = pl.scan_parquet(place / "facts.parquet"), pl.scan_parquet(place / "requests.parquet")
        both = pl.concat([facts, requests], how="diagonal").sort("entity_id", "event_timestamp")
        amount, one = pl.col("amount"), pl.col("amount").is_not_null().cast(pl.Float64)
        rolled = []
        for span in SPANS:
            over = {"by": "event_timestamp", "window_size": span, "closed": "left"}
            parts = {
                "cnt": one.rolling_sum_by(**over),
                "sum": amount.rolling_sum_by(**over),
                "mean": amount.rolling_mean_by(**over),
                "max": amount.rolling_max_by(**over),
            }
            rolled += [part.over("entity_id").alias(f"{kind}_{span}") for kind, part in parts.items()]
        return both.with_columns(rolled).filter(pl.col("row_id").is_not_null()).select("row_id", *NAMES).collect()

    return work


def duckdb(place: Path) -> Work:
    import duckdb

    connection = duckdb.connect()
    aggregates, frames = [], []
    for span, hours in data.SPANS_H.items():
        for kind, name in (("cnt", "count"), ("sum", "sum"), ("mean", "avg"), ("max", "max")):
            aggregates.append(f"{name}(amount) over last_{span} as {kind}_{span}")
        lookback = hours * data.HOUR_US
        frames.append(
            f"last_{span} as (partition by entity_id order by us range between {lookback} preceding and 1 preceding)"
        )
    query = f"""
        with facts_and_requests as (
            select entity_id, epoch_us(event_timestamp) as us, amount, null::bigint as row_id
            from '{place}/facts.parquet'
            union all
            select entity_id, epoch_us(event_timestamp), null, row_id from '{place}/requests.parquet'
        ), found as (select row_id, {", ".join(aggregates)} from facts_and_requests window {", ".join(frames)})
        select * from found where row_id is not null"""
    return lambda: connection.sql(query).to_arrow_table()


def pandas(place: Path) -> Work:
    import pandas as pd

    def work() -> Any:
        facts, requests = pd.read_parquet(place / "facts.parquet"), pd.read_parquet(place / "requests.parquet")
        both = pd.concat([facts, requests], ignore_index=True)
        both = both.sort_values(["entity_id", "event_timestamp"], kind="stable", ignore_index=True)
        groups = both.groupby("entity_id", sort=True)
        made = {"row_id": both["row_id"].to_numpy()}
        for span, hours in data.SPANS_H.items():
            rolling = groups.rolling(f"{hours}h", on="event_timestamp", closed="left")["amount"]
            for kind, name in (("cnt", "count"), ("sum", "sum"), ("mean", "mean"), ("max", "max")):
                made[f"{kind}_{span}"] = getattr(rolling, name)().to_numpy()
        return pd.DataFrame(made)[both["row_id"].notna()].astype({"row_id": "int64"})

    return work


def pyspark(place: Path) -> Work:
    from features.spark_session import session

    spark = session()
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    out = place / "spark-windows"

    def work() -> Any:
        import pyarrow.parquet as pq

        facts = spark.read.parquet(str(place / "facts.parquet"))
        requests = spark.read.parquet(str(place / "requests.parquet"))
        both = facts.unionByName(requests, allowMissingColumns=True).withColumn("at", F.unix_micros("event_timestamp"))
        found = []
        for span, hours in data.SPANS_H.items():
            last = Window.partitionBy("entity_id").orderBy("at").rangeBetween(-hours * data.HOUR_US, -1)
            for kind, aggregate in (("cnt", F.count), ("sum", F.sum), ("mean", F.avg), ("max", F.max)):
                found.append(aggregate("amount").over(last).alias(f"{kind}_{span}"))
        both.select("row_id", *found).where("row_id is not null").write.mode("overwrite").parquet(str(out))
        return pq.read_table(out)

    return work


def check(found: Any) -> checks.Check:
    return checks.of_windows(asof.as_arrow(found), SPANS)


JOB = Job(
    asks="count, sum, mean and max over 1 hour, 24 hours and 7 days before each request",
    size=1_000_000,
    unit="requests",
    data=lambda size: data.make("windows", size),
    peers={"hindcast": hindcast, "polars": polars, "duckdb": duckdb, "pandas": pandas, "pyspark": pyspark},
    check=check,
    children=frozenset({"pyspark"}),
    input_bytes=lambda size: 5 * size * 24 + size * 24,
)
