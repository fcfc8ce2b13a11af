"""`windows-12`: for every order, count and mean over 1, 7 and 30 days of its customer and of its shop.

The shop's windows end 7 days before the order. Orders are facts and requests at once: an order does not see itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.job import Job, Work

from features import asof, checks, data

DAYS = (1, 7, 30)
KEYS = {"customer_id": 0, "shop_id": 7}
"""And by how many days its windows lag."""
NAMES = tuple(f"{kind}_{days}d_{key}" for key in KEYS for days in DAYS for kind in ("count", "mean"))


def hindcast(place: Path) -> Work:
    import hindcast as hc
    from features.ours import answered, facts_of
    from hindcast.facts.parquet import read_parquet
    from hindcast.features import FeaturePlan

    table = hc.Table("orders", event_time="event_timestamp", known="event", columns=[*KEYS, "amount"])
    over = [f"{days}d" for days in DAYS]
    plan = FeaturePlan.compile(
        [hc.window(table, "amount", ["count", "mean"], over=over, by=key, lag=f"{lag}d") for key, lag in KEYS.items()]
    )

    def answers(orders: Any) -> Any:
        return answered(plan, {"orders": facts_of(table, orders)}, orders, after_us=0, names=NAMES)

    return lambda: answers(read_parquet(place / "orders.parquet"))


def numpy(place: Path) -> Work:
    """Per key one sort; per window two binary searches and the difference of two prefix sums."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    def work() -> Any:
        orders = pq.read_table(place / "orders.parquet")
        at = orders["event_timestamp"].cast("int64").to_numpy() - data.START_US
        amount = orders["amount"].to_numpy()
        found = {"row_id": orders["row_id"]}
        room = 1 << 44  # more microseconds than the span and the longest look back
        for key, lag in KEYS.items():
            line = orders[key].to_numpy() * room + at + (DAYS[-1] + lag) * data.DAY_US
            order = np.argsort(line)
            line = line[order]
            total = np.concatenate([[0.0], np.cumsum(amount[order])])
            stop = np.searchsorted(line, line - lag * data.DAY_US, side="left")
            for days in DAYS:
                start = np.searchsorted(line, line - (lag + days) * data.DAY_US, side="left")
                count = stop - start
                with np.errstate(invalid="ignore"):
                    mean = (total[stop] - total[start]) / count
                for name, values in (("count", count), ("mean", mean)):
                    back = np.empty(len(order), dtype=np.float64)
                    back[order] = values
                    found[f"{name}_{days}d_{key}"] = back
        return pa.table(found)

    return work


def polars(place: Path) -> Work:
    import polars as pl

    def work() -> Any:
        orders = pl.scan_parquet(place / "orders.parquet")
        made = []
        for key, lag in KEYS.items():
            told = orders.select(key, pl.col("event_timestamp") + pl.duration(days=lag), "amount")
            asked = orders.select(key, "event_timestamp", "row_id")
            both = pl.concat([told, asked], how="diagonal").sort(key, "event_timestamp")
            rolled = []
            for days in DAYS:
                over = {"by": "event_timestamp", "window_size": f"{days}d", "closed": "left"}
                one = pl.col("amount").is_not_null().cast(pl.Float64)
                for name, part in (
                    ("count", one.rolling_sum_by(**over)), ("mean", pl.col("amount").rolling_mean_by(**over)),
                ):  # fmt: skip
                    rolled.append(part.over(key).alias(f"{name}_{days}d_{key}"))
            made.append(both.with_columns(rolled).filter(pl.col("row_id").is_not_null()))
        customer, shop = pl.collect_all([one.sort("row_id").drop("amount", "event_timestamp") for one in made])
        return customer.hstack(shop.drop("row_id")).select("row_id", *NAMES)

    return work


def check(found: Any) -> checks.Check:
    return checks.of_columns(asof.as_arrow(found))


JOB = Job(
    asks="12 features: count and mean over 1, 7 and 30 days by customer and, a week late, by shop",
    size=1_750_000,
    unit="orders",
    data=lambda size: data.make("orders", size),
    peers={"hindcast": hindcast, "polars": polars, "numpy": numpy},
    check=check,
    input_bytes=lambda size: size * 40,
)
