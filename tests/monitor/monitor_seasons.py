"""Histories to watch: requests with hours, weekdays, slow weather and days that hang together."""

from __future__ import annotations

import numpy as np

from hindcast.columns import Column, Frame
from hindcast.values import DAY_US, HOUR_US, Floats, Ints, moment_us

START_US = moment_us("2013-01-01T00:00:00Z")
AIRLINES = np.array(["UA", "B6", "EV", "DL", "AA", "MQ", "US", "9E", "WN", "VX", "FL", "AS", "F9", "YV", "HA"], object)


def slow(days: int, rng: np.random.Generator, memory: float = 0.8) -> Floats:
    """A weather-like number per day: remembers yesterday, mean 0, spread 1."""
    noise = rng.normal(0, np.sqrt(1 - memory**2), days)
    noise[0] /= np.sqrt(1 - memory**2)
    for day in range(1, days):
        noise[day] += memory * noise[day - 1]
    return noise


def requests(days: int = 182, per_day: int = 300, seed: int = 0, numbers: int = 6) -> tuple[Frame, Ints, Floats]:
    """Features, as_of and prediction of `days` days from New Year 2013 on, sorted by as_of.

    The first four numbers are delays, a temperature, a wind and a count; more numbers are delays of other sources.
    """
    rng = np.random.default_rng(seed)
    weekday = np.arange(days) % 7
    volume = rng.poisson(per_day * np.where(weekday == 5, 0.75, 1.0))
    day = np.repeat(np.arange(days), volume)
    hour = rng.normal(14, 5, day.size) % 24
    hour = hour[np.lexsort((hour, day))]
    as_of = START_US + day * DAY_US + (hour * HOUR_US).astype(np.int64)
    storm, warmth, gust = (slow(days, rng) for _ in range(3))
    busy = 1 + 0.6 * np.sin((hour - 9) / 24 * 2 * np.pi)
    columns: dict[str, Floats] = {
        "delay_mean": busy * np.exp(2 + 0.7 * storm[day] + 0.4 * rng.normal(size=day.size)),
        "temp": 10 + 7 * warmth[day] + 4 * np.sin((hour - 9) / 24 * 2 * np.pi) + rng.normal(size=day.size),
        "wind": np.exp(2 + 0.4 * gust[day] + 0.3 * rng.normal(size=day.size)),
        "count": rng.poisson(40 * busy * np.where(weekday[day] == 5, 0.7, 1.0)).astype(float),
    }
    for k in range(4, numbers):
        own = 0.6 * storm[day] + 0.5 * slow(days, rng)[day]
        columns[f"delay_{k}"] = busy * np.exp(1.5 + 0.6 * own + 0.5 * rng.normal(size=day.size))
    columns["delay_mean"][rng.random(day.size) < 0.01 + 0.02 * (storm[day] > 1.5)] = np.nan
    share = 1 / np.arange(2, AIRLINES.size + 2)
    share[-1] /= 20
    worry = np.log(np.nan_to_num(columns["delay_mean"], nan=8.0)) - 2
    chance = 1 / (1 + np.exp(1.6 - 0.2 * storm[day] - 0.4 * worry))
    airline = rng.choice(AIRLINES.size, day.size, p=share / share.sum()).astype(np.int32)
    frame = Frame(
        {
            **{name: Column("number", x) for name, x in columns.items()},
            "distance": Column("integer", rng.choice([187, 502, 733, 1089, 1400, 2475], day.size)),
            "carrier": Column("text", airline, None, AIRLINES),
        }
    )
    return frame, as_of, chance


def looks(first_us: int, last_us: int, every_us: int = 6 * HOUR_US) -> Ints:
    """The moments on the grid of `every_us` in (first, last]."""
    return np.arange(first_us // every_us + 1, last_us // every_us + 1) * every_us
