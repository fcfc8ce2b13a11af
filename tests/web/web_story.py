"""A story as a replay tells it, invented but plausible, the same on every machine."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

START, DAYS = date(2013, 7, 1), 184
FEATURES = (
    "departures_dep_delay_mean_1h_by_origin",
    "departures_dep_delay_mean_3h_by_origin",
    "departures_count_1h_by_origin",
    "arrivals_arr_delay_mean_6h_by_dest",
    "arrivals_arr_delay_mean_24h_by_dest",
    "arrivals_arr_delay_mean_24h_by_tailnum",
    "weather_temp_by_origin",
    "weather_visib_by_origin",
    "weather_wind_speed_by_origin",
    "weather_precip_by_origin",
    "hour_of_day",
    "carrier",
    "origin",
    "dest",
    "distance",
    "planes_seats_by_tailnum",
    "planes_year_by_tailnum",
    "departures_dep_delay_max_24h_by_origin",
    "departures_dep_delay_mean_24h_by_carrier_origin",
    "is_weekend",
    "arrivals_count_24h_by_dest",
    "departures_dep_delay_std_3h_by_origin",
    "weather_pressure_by_origin",
    "weather_humid_by_origin",
    "departures_count_24h_by_origin",
    "minutes_since_last_departure",
)


def noise(*parts: int) -> float:
    """A number in [-1, 1) that depends on `parts` alone."""
    mixed = math.sin(math.fsum((i + 1) * 12.9898 * (p + 1) for i, p in enumerate(parts))) * 43758.5453
    return 2 * (mixed - math.floor(mixed)) - 1


def story() -> dict[str, Any]:
    """The whole story; a new copy on each call."""
    days = [(START + timedelta(days=i)).isoformat() for i in range(DAYS)]
    live = ["v1" if i < 41 else "v3" if i < 80 else "v4" if i < 140 else "v6" for i in range(DAYS)]

    def policy(shift: float, seed: int, version: list[str]) -> dict[str, Any]:
        season = [0.6 + 0.4 * math.cos(2 * math.pi * (i - 20) / 184) + 0.25 * noise(i, 1) for i in range(DAYS)]
        late = 60
        return {
            "days": days,
            "value": [
                round(2900 * s + (shift * 40 if i > late else 0) + 60 * noise(i, seed), 2) for i, s in enumerate(season)
            ],
            "requests": [round(905 + 45 * noise(i, 3)) for i in range(DAYS)],
            "log_loss": [
                None
                if i == 77
                else round(0.457 + 0.05 * s - (shift * 0.002 if i > late else 0) + 0.012 * noise(i, seed, 5), 5)
                for i, s in enumerate(season)
            ],
            "auc": [
                round(0.757 + (shift * 0.004 if i > late else 0) + 0.02 * noise(i, seed, 7), 5) for i in range(DAYS)
            ],
            "version": version,
        }

    policies = {
        "renewed": policy(1.0, 11, live),
        "never": policy(0.0, 12, ["v1"] * DAYS),
        "straight": policy(0.8, 13, [f"v{1 + i // 31}" for i in range(DAYS)]),
    }
    months = [
        {
            "month": f"2013-{7 + m:02d}",
            "n": 28_100 + 300 * m,
            "auc": 0.758 + 0.003 * (m % 4),
            "log_loss": 0.497 - 0.016 * m,
            "ece": 0.012 + 0.001 * m,
            "value": [98_120.0, 86_200.0, 51_480.0, 49_900.0, 47_210.0, 82_304.0][m],
            "version": ["v1", "v1, v3", "v3", "v4", "v6", "v6"][m],
        }
        for m in range(6)
    ]

    def scores(value: float, auc: float, loss: float, ece: float) -> dict[str, float]:
        return {
            "value": value,
            "value_low": value - 21_000,
            "value_high": value + 22_400,
            "auc": auc,
            "auc_low": auc - 0.004,
            "auc_high": auc + 0.004,
            "log_loss": loss,
            "log_loss_low": loss - 0.008,
            "log_loss_high": loss + 0.009,
            "ece": ece,
            "ece_low": ece - 0.003,
            "ece_high": ece + 0.004,
        }

    baselines = [
        {"name": "random", "auc": 0.5, "log_loss": 1.0, "ece": 0.31, "value": -214_300.0},
        {"name": "zero_rule", "auc": 0.5, "log_loss": 0.537, "ece": 0.021, "value": 0.0},
        {"name": "last_label", "auc": 0.561, "log_loss": 0.603, "ece": 0.11, "value": 14_210.0},
        {"name": "rule origin_is_backed_up", "auc": 0.622, "log_loss": 0.511, "ece": 0.034, "value": 171_020.0},
    ]
    decisions = [
        {
            "at": "2013-07-01T00:00:00Z",
            "kind": "promotion",
            "policy": "renewed",
            "text": "v1 is the first champion: all 6 gates passed",
        },
        {
            "at": "2013-07-31T00:00:00Z",
            "kind": "retraining",
            "policy": "renewed",
            "text": "every 30d: trained v2 on 148,220 rows",
        },
        {
            "at": "2013-08-01T00:00:00Z",
            "kind": "verdict",
            "policy": "renewed",
            "text": "v2 failed not_worse_than_champion: loses 0.003 log loss",
        },
        {
            "at": "2013-08-03T00:00:00Z",
            "kind": "retraining",
            "policy": "renewed",
            "text": "decay: log loss rose by 0.02; trained v3",
        },
        {"at": "2013-08-04T00:00:00Z", "kind": "trial", "policy": "renewed", "text": "v3 in shadow for 7 days"},
        {
            "at": "2013-08-11T00:00:00Z",
            "kind": "promotion",
            "policy": "renewed",
            "text": "v3 replaces v1: 212 USD a day better (40 to 390)",
        },
        {
            "at": "2013-08-11T00:00:00Z",
            "kind": "promotion",
            "policy": "straight",
            "text": "v2 replaces v1 without a trial",
        },
        {"at": "2013-09-19T00:00:00Z", "kind": "promotion", "policy": "renewed", "text": "v4 replaces v3"},
        {
            "at": "2013-10-12T06:00:00Z",
            "kind": "alert",
            "policy": "renewed",
            "text": "weather_temp_by_origin drifted: PSI 0.41 (floor 0.25)",
        },
        {
            "at": "2013-11-02T06:00:00Z",
            "kind": "alert",
            "policy": "renewed",
            "text": "weather_humid_by_origin drifted: PSI 0.33 (floor 0.25)",
        },
        {"at": "2013-11-16T00:00:00Z", "kind": "trial", "policy": "renewed", "text": "v5 in canary at 5%"},
        {
            "at": "2013-11-18T00:00:00Z",
            "kind": "rollback",
            "policy": "renewed",
            "text": "v5 harmed calibration at 25%: back to v4",
        },
        {"at": "2013-11-18T12:00:00Z", "kind": "promotion", "policy": "renewed", "text": "v6 replaces v4"},
    ]
    edges = [round(2 + 0.5 * i, 1) for i in range(41)]
    counts = [
        round(9_000 * math.exp(-((e - 5.2) ** 2) / 4.4) + 1_400 * math.exp(-((e - 8.8) ** 2) / 12)) for e in edges[:-1]
    ]
    effect = [
        [
            None
            if f == 9 and 100 < d < 108
            else round(
                max(
                    0.0,
                    0.03 + 0.02 * noise(f, d // 3) + (0.5 if f in (6, 23) else 0.05 * (f % 4)) * max(0, d - 60) / 124,
                ),
                4,
            )
            for d in range(DAYS)
        ]
        for f in range(len(FEATURES))
    ]
    calibration = {
        name: [
            {
                "p": 0.05 + 0.1 * i,
                "rate": 0.05 + 0.1 * i - bend * i / 10,
                "low": 0.03 + 0.1 * i - bend * i / 10 - 0.004 * i,
                "high": 0.07 + 0.1 * i - bend * i / 10 + 0.006 * i,
                "n": round(60_000 * math.exp(-0.62 * i)),
            }
            for i in range(9)
        ]
        for name, bend in (("renewed", 0.01), ("never", 0.06), ("straight", 0.02))
    }

    def sliced(names: tuple[str, ...]) -> list[dict[str, Any]]:
        rows = []
        for i, name in enumerate(names):
            n, auc = round(60_000 * math.exp(-0.45 * i)), 0.772 - 0.011 * (i % 5) + 0.004 * noise(i)
            width = 1.2 / math.sqrt(n)
            rows.append(
                {
                    "value": name,
                    "n": n,
                    "auc": auc,
                    "auc_low": auc - width,
                    "auc_high": auc + width,
                    "log_loss": 0.44 + 0.01 * i,
                    "value_sum": 150_000 * math.exp(-0.5 * i) - 900 * i,
                    "positive_rate": 0.21 + 0.01 * (i % 6),
                }
            )
        return rows

    assumptions = [
        "planes is static reference data, assumed to have been known always (known='always').",
        "tailnum is as flown: it is assumed that the plane was assigned by the time of the request.",
        "Four destinations without an airport row (BQN, PSE, SJU, STT) are read on the clock of Puerto Rico.",
        "717 diverted flights landed without a delay; they have no label and are in no score.",
    ]
    gain = {"value": 3_120.0, "low": -1_940.0, "high": 8_230.0}
    return {
        "system": "flight-delays",
        "target": "late",
        "goal": {
            "text": "rebook before the delay",
            "hit": 40.0,
            "false_alarm": -15.0,
            "miss": 0.0,
            "pass_by": 0.0,
            "unit": "USD",
            "threshold": 15 / 55,
        },
        "period": {"from": "2013-07-01T00:00:00Z", "until": "2014-01-01T00:00:00Z"},
        "summary": {
            "replay": scores(415_214.0, 0.7634, 0.4569, 0.014),
            "frozen": scores(412_094.0, 0.7597, 0.4601, 0.021),
            "straight": scores(414_020.0, 0.7629, 0.4573, 0.015),
            "gain": gain,
            "baselines": {b["name"]: {"log_loss": b["log_loss"], "value": b["value"]} for b in baselines},
            "months": months,
            "promotions": 4,
            "alerts": 2,
            "retrainings": 6,
            "label_delay_p50_s": 19_380,
            "maturity_s": 64_800,
            "rows": {"requests": 170_618, "labelled": 166_668, "censored": 3_950},
            "assumptions": assumptions,
        },
        "policies": policies,
        "decisions": decisions,
        "label_delay": {
            "edges_h": edges,
            "counts": counts,
            "maturity_h": 18.0,
            "p50_h": 5.38,
            "p99_h": 10.4,
            "unlabelled": 3_950,
        },
        "drift": {"days": days, "features": list(FEATURES), "effect": effect, "threshold": 0.25},
        "calibration": calibration,
        "importance": [
            {"feature": f, "gain": 9_000 * math.exp(-0.22 * i), "permutation": 0.031 * math.exp(-0.25 * i) - 0.0002}
            for i, f in enumerate(FEATURES)
        ],
        "slices": {
            "origin": sliced(("EWR", "JFK", "LGA")),
            "carrier": sliced(
                ("UA", "B6", "EV", "DL", "AA", "MQ", "US", "9E", "WN", "VX", "FL", "AS", "F9", "YV", "HA")
            ),
        },
        "baselines": baselines,
        "assumptions": assumptions,
        "exactness": [
            {
                "figure": "scores and value of each policy",
                "kind": "exact",
                "why": "every model is scored on the logged inputs of every request",
            },
            {
                "figure": "gain of renewing",
                "kind": "estimate",
                "why": "a paired difference over resampled days; another half-year would differ",
            },
            {
                "figure": "value of acting",
                "kind": "estimate",
                "why": "assumes that rebooking does not change whether the flight is late",
            },
            {"figure": "what travellers would have done", "kind": "unknown", "why": "nobody was rebooked in 2013"},
        ],
        "compute": {"trainings": 13, "trainings_reused": 9, "predictions": 511_854},
    }
