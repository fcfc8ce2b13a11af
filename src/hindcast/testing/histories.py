"""Generated histories: a small town's deliveries, with everything that makes real facts hard.

Orders are placed hours to days before they are due, some are moved to another hour, some withdrawn. Pick-ups are known
when they happen, deliveries when they are reported, a while later, some of them corrected days afterwards and some
never. Weather is known an hour after its hour, couriers always were. Whether an order comes late depends on the
hour, the rain, its shop's present load, its courier and its way, so that every kind of feature has something to find.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from hindcast.adapt import every, on_decay, on_drift
from hindcast.columns import Column, Frame
from hindcast.evaluate import beats_baselines, calibrated, not_worse_than_champion
from hindcast.facts import Facts, Table, before
from hindcast.features import latest, request, window
from hindcast.metrics import Goal
from hindcast.system import Monitoring, System, Training
from hindcast.trainset import Binary, outcome
from hindcast.trial import canary, shadow
from hindcast.values import DAY_US, HOUR_US, Floats, Ints, local_hour, moment_us

__all__ = ["DELIVERIES_START", "deliveries", "deliveries_system"]

DELIVERIES_START = moment_us("2024-01-01T00:00:00Z")
"""The first day of every generated history; the clocks of its zone change on its 91st."""

_ZONE = "Europe/Berlin"
_SHOPS = ("baker", "butcher", "chemist", "florist", "grocer")
_DISTRICTS = ("north", "south")
_MINUTE_US = HOUR_US // 60
_BUSY = np.array([0, 0, 0, 0, 0, 0, 1, 2, 4, 5, 5, 6, 8, 6, 4, 4, 5, 7, 8, 5, 3, 2, 1, 0], dtype=np.float64)

_TABLES = {
    "orders": Table(
        "orders",
        key="order",
        event_time="due",
        known="placed",
        columns=["order", "shop", "district", "courier", "distance", "due", "placed"],
    ),
    "pickups": Table(
        "pickups", key="order", event_time="picked", known="event", columns=["order", "shop", "wait", "picked"]
    ),
    "arrivals": Table(
        "arrivals",
        key="order",
        event_time="arrived",
        known="reported",
        columns=["order", "courier", "late", "arrived", "reported"],
    ),
    "weather": Table("weather", event_time="hour", known_after="1h", columns=["hour", "district", "rain", "temp"]),
    "couriers": Table("couriers", key="courier", known="always", columns=["courier", "years"]),
}


def hour_of_day(due: Ints) -> Floats:
    """The local hour at which the order is due."""
    return local_hour(due, _ZONE)


def deliveries_system(**changes: Any) -> System:
    """A whole system over :func:`deliveries`: will an order come ten minutes late, asked an hour before it is due?

    Logistic regression and a small forest compete; the gates, a shadow of 5 days and a canary of two steps stand
    before a promotion; it trains again every 14 days and on drift and decay.

    Parameters
    ----------
    **changes
        Arguments of :class:`~hindcast.system.System` to have otherwise.

    Examples
    --------
    >>> deliveries_system(name="town").plan.names[:4]
    ('shop', 'distance', 'hour_of_day', 'weather_rain_by_district')
    """
    from hindcast.models.lightgbm import LightGBM
    from hindcast.models.logistic import Logistic

    tables = _TABLES
    declared: dict[str, Any] = {
        "name": "deliveries",
        "goal": Goal("call ahead", hit=4, false_alarm=-2, unit="EUR"),
        "predict": Binary(
            tables["orders"],
            as_of=before("due", "1h"),
            label=outcome(tables["arrivals"], "late >= 10", on="order"),
            maturity="12h",
            name="late",
        ),
        "features": [
            request("shop", "distance"),
            hour_of_day,
            latest(tables["weather"], "rain", "temp", by="district", max_age="6h"),
            latest(tables["couriers"], "years", by="courier"),
            window(tables["pickups"], "wait", ["mean", "count", "max"], over=["3h", "24h"], by="shop"),
            window(tables["arrivals"], "late", ["mean", "std"], over="10d", by="courier"),
            window(tables["orders"], over=("-1h", "+1h"), by="shop"),
        ],
        "models": [Logistic(), LightGBM(trees=25, leaves=7, min_leaf=40, threads=1)],
        "gates": [
            beats_baselines("log_loss", by=0.005),
            not_worse_than_champion("log_loss", margin=0.02),
            calibrated(0.1),
        ],
        "rollout": [shadow("5d", margin=0.02), canary([0.3, 1.0], every="4d")],
        "retrain": [every("14d"), on_drift(), on_decay()],
        "training": Training(validation="14d", takes="1h"),
        "monitoring": Monitoring(window="24h", every="6h", score_window="7d", zone=_ZONE),
        "slices": ["shop"],
    }
    return System(**{**declared, **changes})


def deliveries(
    days: int = 120,
    per_day: int = 70,
    *,
    seed: int = 0,
    scaled_from: int | None = None,
    changed_from: int | None = None,
) -> dict[str, Facts]:
    """Facts of `days` days from :data:`DELIVERIES_START` on, by table, for :func:`deliveries_system`.

    About `days` times `per_day` orders. 6 % of them are moved to another hour, 2 % withdrawn; of the arrivals
    2 % are never reported and 4 % corrected one to three days later. Facts are in the order of landing: that of
    their known times, ties as generated.

    Parameters
    ----------
    days, per_day : int
    seed : int, default 0
        The same arguments give the same facts, bit for bit; another seed gives another history of the same town.
    scaled_from : int, optional
        The day, from 0, on which the orders' distances begin to be told in metres instead of kilometres: drift of an
        input.
    changed_from : int, optional
        The day on which the town changes: what made orders late no longer does, and the other way round. No input
        moves at once; the model decays.

    Returns
    -------
    dict of str to Facts
        ``orders``, ``pickups``, ``arrivals``, ``weather``, ``couriers``.

    Examples
    --------
    >>> facts = deliveries(days=10)
    >>> sorted(facts), len(facts["weather"]), bool((facts["orders"].known[1:] >= facts["orders"].known[:-1]).all())
    (['arrivals', 'couriers', 'orders', 'pickups', 'weather'], 480, True)
    """
    random = np.random.default_rng([seed, days, per_day])
    hours = days * 24
    rain, temp = _weather(random, hours)
    load = _wandering(random, hours, len(_SHOPS), keep=0.9) * 3.0
    couriers = 24
    years = np.round(random.gamma(2.0, 2.0, couriers), 1)
    slowness = random.normal(0, 3.0, couriers) - years

    # orders: more at noon and in the evening, more on weekends, growing a little over time
    weekday = np.arange(days) % 7
    counts = random.poisson(per_day * np.where(weekday >= 5, 1.3, 0.88) * (1 + 0.1 * np.arange(days) / days))
    day = np.repeat(np.arange(days), counts)
    n = len(day)
    hour = random.choice(24, n, p=_BUSY / _BUSY.sum())
    due = DELIVERIES_START + day * DAY_US + hour * HOUR_US + random.integers(0, 60, n) * _MINUTE_US
    shop, district = random.integers(0, len(_SHOPS), n), random.integers(0, len(_DISTRICTS), n)
    courier = random.integers(0, couriers, n)
    distance = np.round(random.gamma(3.0, 1.2, n), 2)
    placed = due - (random.gamma(2.0, 6.0, n) * HOUR_US).astype(np.int64) - HOUR_US // 2
    moved = np.flatnonzero((random.random(n) < 0.06) & (placed + HOUR_US < due - 3 * HOUR_US))
    again = placed[moved] + ((due - placed)[moved] * 0.5).astype(np.int64)
    moved_due = due[moved] + random.integers(-1, 4, len(moved)) * HOUR_US
    withdrawn = np.flatnonzero(random.random(n) < 0.02)
    withdrawn = withdrawn[~np.isin(withdrawn, moved)]
    actual = due.copy()
    actual[moved] = moved_due

    # what came of them
    at = np.clip((actual - DELIVERIES_START) // HOUR_US, 0, hours - 1)
    rush = _BUSY[(actual - DELIVERIES_START) // HOUR_US % 24]
    wait = load[at, shop] + 0.4 * rush + random.gamma(2.0, 1.0, n)
    pull = 1.5 * load[at, shop] + 4.0 * rain[at, district] + 1.2 * rush + 1.0 * distance + slowness[courier]
    if changed_from is not None:
        pull = np.where(day >= changed_from, 2 * pull.mean() - pull, pull)
    late = np.round(pull - pull.mean() + 5.0 + random.normal(0, 6.0, n), 1)
    picked = actual - 20 * _MINUTE_US + (wait * _MINUTE_US).astype(np.int64)
    arrived = actual + (late * _MINUTE_US).astype(np.int64)
    reported = arrived + (random.gamma(1.2, 25.0, n) * _MINUTE_US).astype(np.int64) + _MINUTE_US
    told = distance if scaled_from is None else np.where(day >= scaled_from, distance * 1000, distance)

    names = np.array([f"o{i:06d}" for i in range(n)], dtype=object)
    words = {
        "order": names,
        "shop": np.array(_SHOPS, dtype=object)[shop],
        "district": np.array(_DISTRICTS, dtype=object)[district],
        "courier": np.array([f"c{i:02d}" for i in range(couriers)], dtype=object)[courier],
    }
    rows = np.concatenate([np.arange(n), moved, withdrawn])
    cancelled = placed[withdrawn] + ((due - placed)[withdrawn] * random.random(len(withdrawn))).astype(np.int64)
    orders = _landed(
        "orders",
        {
            **{name: values[rows] for name, values in words.items()},
            "distance": told[rows],
            "due": _times(np.concatenate([due, moved_due, due[withdrawn]])),
            "placed": _times(np.concatenate([placed, again, cancelled])),
        },
        retract=np.arange(len(rows)) >= n + len(moved),
    )
    happened = np.ones(n, dtype=np.bool_)
    happened[withdrawn] = False
    on = np.flatnonzero(happened)
    pickups = _landed(
        "pickups",
        {"order": names[on], "shop": words["shop"][on], "wait": np.round(wait, 2)[on], "picked": _times(picked[on])},
    )
    seen = np.flatnonzero(happened & (random.random(n) >= 0.02))
    revised = seen[random.random(len(seen)) < 0.04]
    rows = np.concatenate([seen, revised])
    later = np.concatenate([np.zeros(len(seen), np.int64), random.integers(1, 4, len(revised)) * DAY_US])
    change = np.concatenate([np.zeros(len(seen)), np.round(random.normal(0, 8.0, len(revised)), 1)])
    arrivals = _landed(
        "arrivals",
        {
            "order": names[rows],
            "courier": words["courier"][rows],
            "late": late[rows] + change,
            "arrived": _times(arrived[rows]),
            "reported": _times(reported[rows] + later),
        },
    )
    clock = np.repeat(DELIVERIES_START + np.arange(hours) * HOUR_US, len(_DISTRICTS))
    weather = _landed(
        "weather",
        {
            "hour": _times(clock),
            "district": np.array(_DISTRICTS * hours, dtype=object),
            "rain": np.round(rain, 2).reshape(-1),
            "temp": np.round(temp, 1).reshape(-1),
        },
    )
    people = Facts.of(_TABLES["couriers"], {"courier": [f"c{i:02d}" for i in range(couriers)], "years": years})
    return {"orders": orders, "pickups": pickups, "arrivals": arrivals, "weather": weather, "couriers": people}


def _weather(random: np.random.Generator, hours: int) -> tuple[Floats, Floats]:
    """Rain and temperature by hour and district, shape (hours, districts) each."""
    clock = np.arange(hours)[:, None]
    rain = np.maximum(_wandering(random, hours, len(_DISTRICTS), keep=0.9) - 0.6, 0.0)
    season = 12.0 + 4.0 * np.cos(2 * np.pi * (clock - 14) / 24)
    temp: Floats = season + _wandering(random, hours, len(_DISTRICTS), keep=0.8)
    return rain, temp


def _wandering(random: np.random.Generator, steps: int, many: int, *, keep: float) -> Floats:
    """Independent wanderings around zero with unit variance, shape (steps, many)."""
    pushes = random.normal(0, np.sqrt(1 - keep**2), (steps, many))
    found = np.empty((steps, many))
    now = random.normal(0, 1, many)
    for step in range(steps):
        now = keep * now + pushes[step]
        found[step] = now
    return found


def _times(moments: Ints) -> Column:
    return Column("time", moments.astype(np.int64))


def _landed(name: str, columns: Mapping[str, Any], retract: Any = None) -> Facts:
    """Facts of a table in the order of their known times, as they would have landed."""
    facts = Facts.of(_TABLES[name], Frame.of(columns))
    order = np.argsort(facts.known, kind="stable")
    marks = np.zeros(len(facts), dtype=np.bool_) if retract is None else np.asarray(retract)
    return replace(
        facts,
        event=facts.event[order],
        known=facts.known[order],
        retract=marks[order],
        frame=facts.frame.take(order),
    )
