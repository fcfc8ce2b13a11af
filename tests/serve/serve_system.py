"""A tiny system for the server's tests: trips of taxis, pings from the road, one feature of every kind."""

import sys
from pathlib import Path

import numpy as np

import hindcast.features as f
from hindcast.clock import ReplayClock
from hindcast.columns import Frame
from hindcast.facts import Table
from hindcast.features.plan import FeaturePlan
from hindcast.journal import Home
from hindcast.metrics import Goal
from hindcast.models import LogisticModel, Preparation, write, zero_rule
from hindcast.registry import Ledger, Registry

TRIPS = Table(
    "trips", key="id", event_time="at", known="arrival", columns=["who", "x", "word"],
    types={"id": "text", "who": "text", "x": "number", "word": "text"},
)  # fmt: skip
PINGS = Table("pings", known="arrival", types={"lane": "integer", "speed": "number"})
LABELS = Table("labels", key="id", event_time="at", known="event", types={"id": "text", "late": "boolean"})
TABLES = [TRIPS, PINGS, LABELS]
KINDS = {"who": "text", "lane": "integer", "hour": "number"}


def is_evening(hour):
    return hour >= 18


PLAN = FeaturePlan.compile(
    [
        f.request("hour"),
        is_evening,
        f.latest(TRIPS, "x", "word", by="who"),
        f.window(TRIPS, "x", ["count", "sum", "mean", "max"], over=["1h", "7d"], by="who"),
        f.window(PINGS, "speed", ["mean", "std", "count"], over=["10m", "1h"], by="lane"),
        f.window(PINGS, over="1h"),
        f.window(PINGS, "lane", "max", over="1h"),
    ],
    target=TRIPS,
)
FROM = 1_785_000_000_000_000
GOAL = Goal("turn back", hit=40, false_alarm=-15)


def open_registry(home: Path) -> Registry:
    made = Home.open(home)
    return Registry(Ledger(made.ledger_url), system="taxis", target="late", models=made.models)


def train(rate: float = 0.3, kind: str = "logistic"):
    """A model whose answer depends on the features, made by hand: nothing here may import scikit-learn."""
    rng = np.random.default_rng(int(rate * 100))
    n = 60
    columns = {}
    for name in PLAN.names:
        text = name.startswith("trips_word")
        columns[name] = rng.choice(["a", "b"], n).tolist() if text else rng.normal(5, 3, n)
    rows = Frame.of(columns)
    label = (rng.random(n) < rate).astype(float)
    if kind == "zero_rule":
        return zero_rule().fit(rows, label, as_of=np.arange(n), seed=0)
    preparation = Preparation.linear(rows, min_rows=1)
    weights = rng.normal(0, 0.2, preparation.width)
    return LogisticModel(preparation, rate, weights, np.zeros(len(PLAN.names)))


def promote(
    home: Path, *, rate: float = 0.3, kind: str = "logistic", at_us: int = 0, only_register: bool = False
) -> str:
    """Train, store, register and (unless only registered) promote a version; its name."""
    registry = open_registry(home)
    folder = registry.draft() / "model"
    write(folder, train(rate, kind), system="taxis", target="late", features=PLAN.identity, threshold=GOAL.threshold)
    version = registry.register({"features": PLAN.identity}, at_us=at_us, artefact=folder).name
    if not only_register:
        registry.promote(version, reason="a test", at_us=at_us)
    return version


def open_service(home: Path, *, replay_from: int | None = None, **settings):
    from hindcast.serve import Service, Settings

    return Service.open(
        home, system="taxis", target="late", plan=PLAN, tables=TABLES, kinds=KINDS, goal=GOAL,
        registry=open_registry(home), clock=None if replay_from is None else ReplayClock(replay_from),
        settings=Settings(**{"poll_s": 0.1, **settings}),
    )  # fmt: skip


if __name__ == "__main__":  # a server process: serve_system.py HOME [replay_from]
    import json

    from hindcast.serve import run_server

    home, options = Path(sys.argv[1]), json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}
    run_server(lambda: open_service(home, **options), port=0)
    heavy = {"pandas", "sklearn", "lightgbm", "pyarrow.dataset", "hindcast.features.batch", "hindcast.trainset"}
    print("heavy", sorted(heavy & set(sys.modules)), flush=True)
