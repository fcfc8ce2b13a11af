"""The jobs, as each peer does them: from Parquet files on disk to a table in memory, rows in the order of `row`.

``asof``     the newest fact before each request, at most a day old
``windows``  count, sum, mean and max of the facts of 1 hour, 24 hours and 7 days before each request

A window of length w at t holds the facts with ``t - w <= at < t``. Facts of one moment are in the order of the file. A
peer is a function that gives another, so that its imports and what it compiles are not timed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

Work = Callable[[Path], pa.Table]
SPANS = {"1h": 1, "24h": 24, "7d": 168}
HOUR_US = 3_600_000_000


def hindcast_asof() -> Work:
    import hindcast as hc

    table = hc.Table("facts", event_time="at", known="event", columns=["entity", "amount"])
    return _ours(table, [hc.latest(table, "amount", by="entity", max_age="1d")], ["amount"])


def hindcast_windows() -> Work:
    import hindcast as hc

    table = hc.Table("facts", event_time="at", known="event", columns=["entity", "amount"])
    kinds = ["count", "sum", "mean", "max"]
    windows = hc.window(table, "amount", kinds, over=list(SPANS), by="entity")
    return _ours(table, [windows], [f"{kind}_{span}" for span in SPANS for kind in kinds])


def _ours(table: object, features: list[object], names: list[str]) -> Work:
    from hindcast.columns import Frame
    from hindcast.facts import Facts
    from hindcast.features import FeaturePlan
    from hindcast.features.batch import answer

    plan = FeaturePlan.compile(features)  # type: ignore[arg-type]

    def answers(facts: pa.Table, requests: pa.Table) -> pa.Table:
        asked = Frame.from_arrow(requests)
        landed = {"facts": Facts.of(table, Frame.from_arrow(facts))}  # type: ignore[arg-type]
        found = answer(plan, landed, asked.select(["entity"]), asked["as_of"].values)
        return pa.table([requests["row"], *(found[name].to_arrow() for name in plan.names)], names=["row", *names])

    small = pa.table({"entity": [1], "at": pa.array([0], pa.timestamp("us", "UTC")), "amount": [1.0]})
    answers(small, pa.table({"row": [0], "entity": [1], "as_of": pa.array([1], pa.timestamp("us", "UTC"))}))
    return lambda place: answers(pq.read_table(place / "facts.parquet"), pq.read_table(place / "requests.parquet"))


def polars_asof() -> Work:
    import polars as pl

    def work(place: Path) -> pa.Table:
        facts = pl.scan_parquet(place / "facts.parquet")
        requests = pl.scan_parquet(place / "requests.parquet").sort("as_of")
        joined = requests.join_asof(
            facts, left_on="as_of", right_on="at", by="entity", tolerance="1d", allow_exact_matches=False,
            check_sortedness=False,
        )  # fmt: skip
        return joined.sort("row").select("row", "amount").collect().to_arrow()

    return work


def polars_windows() -> Work:
    import polars as pl

    def work(place: Path) -> pa.Table:
        facts = pl.scan_parquet(place / "facts.parquet")
        requests = pl.scan_parquet(place / "requests.parquet").rename({"as_of": "at"})
        both = pl.concat([facts, requests], how="diagonal").sort("entity", "at")
        amount, one = pl.col("amount"), pl.col("amount").is_not_null().cast(pl.Float64)
        made = []
        for span in SPANS:
            for name, column, kind in (
                ("count", one, "sum"),
                ("sum", amount, "sum"),
                ("mean", amount, "mean"),
                ("max", amount, "max"),
            ):
                rolled = getattr(column, f"rolling_{kind}_by")("at", window_size=span, closed="left")
                made.append(rolled.over("entity").alias(f"{name}_{span}"))
        found = both.with_columns(made).filter(pl.col("row").is_not_null()).sort("row")
        return found.drop("entity", "at", "amount").collect().to_arrow()

    return work


def duckdb_asof() -> Work:
    import duckdb

    def work(place: Path) -> pa.Table:
        return duckdb.sql(f"""
            select "row", case when f."at" >= as_of - interval 1 day then amount end as amount
            from '{place}/requests.parquet' r asof left join '{place}/facts.parquet' f
            on r.entity = f.entity and r.as_of > f."at" order by "row"
        """).to_arrow_table()

    return work


def duckdb_windows() -> Work:
    import duckdb

    aggregates = ", ".join(
        f'{kind}(amount) filter (f."at" >= as_of - interval {hours} hour) as {name}_{span}'
        for span, hours in SPANS.items()
        for kind, name in (("count", "count"), ("sum", "sum"), ("avg", "mean"), ("max", "max"))
    )

    def work(place: Path) -> pa.Table:
        return duckdb.sql(f"""
            select "row", {aggregates}
            from '{place}/requests.parquet' r left join '{place}/facts.parquet' f
            on r.entity = f.entity and f."at" < r.as_of and f."at" >= r.as_of - interval 7 day
            group by "row" order by "row"
        """).to_arrow_table()

    return work


def pandas_asof() -> Work:
    import pandas as pd

    def work(place: Path) -> pa.Table:
        facts = pd.read_parquet(place / "facts.parquet")
        requests = pd.read_parquet(place / "requests.parquet").sort_values("as_of", kind="stable")
        joined = pd.merge_asof(
            requests, facts, left_on="as_of", right_on="at", by="entity", tolerance=pd.Timedelta("1d"),
            allow_exact_matches=False,
        )  # fmt: skip
        return pa.Table.from_pandas(joined.sort_values("row")[["row", "amount"]], preserve_index=False)

    return work


def pandas_windows() -> Work:
    import pandas as pd

    def work(place: Path) -> pa.Table:
        facts = pd.read_parquet(place / "facts.parquet")
        requests = pd.read_parquet(place / "requests.parquet").rename(columns={"as_of": "at"})
        both = pd.concat([facts, requests]).sort_values(["entity", "at"], kind="stable", ignore_index=True)
        groups = both.groupby("entity", sort=False)
        made = {"row": both["row"]}
        for span in SPANS:
            rolled = groups.rolling(span, on="at", closed="left")["amount"]
            for name, kind in (("count", "count"), ("sum", "sum"), ("mean", "mean"), ("max", "max")):
                made[f"{name}_{span}"] = getattr(rolled, kind)().to_numpy()
        found = pd.DataFrame(made).dropna(subset=["row"]).astype({"row": "int64"}).sort_values("row")
        return pa.Table.from_pandas(found, preserve_index=False)

    return work


PEERS: dict[str, dict[str, Callable[[], Work]]] = {
    "asof": {"hindcast": hindcast_asof, "polars": polars_asof, "duckdb": duckdb_asof, "pandas": pandas_asof},
    "windows": {
        "hindcast": hindcast_windows, "polars": polars_windows, "duckdb": duckdb_windows, "pandas": pandas_windows,
    },
}  # fmt: skip


def check(found: pa.Table) -> str:
    """A digest of a result: equal for peers that found the same values. Nothing in a window is a sum of 0."""
    from hashlib import sha256

    whole = sha256()
    for name in sorted(set(found.column_names) - {"row"}):
        values = found[name].combine_chunks().cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        if name.startswith(("count", "sum")):
            values = np.nan_to_num(values)
        whole.update(name.encode() + np.where(np.isnan(values), np.nan, np.round(values, 9) + 0.0).tobytes())
    return whole.hexdigest()[:12]
