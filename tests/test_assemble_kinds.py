"""A system with a feature of every kind: run, replayed, checked and served, with the same values everywhere."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hindcast as hc
from assemble_town import with_sources
from hindcast.assemble import Assembly
from hindcast.clock import ReplayClock
from hindcast.loop.live import logged_history
from hindcast.models import read
from hindcast.serve import Ask
from hindcast.serve.prediction_log import prediction_table
from hindcast.serve.protocol import answer_of, encoded
from hindcast.system import System
from hindcast.testing import DELIVERIES_START
from hindcast.trainset import TrainingSet
from hindcast.values import DAY_US, iso
from laws_town import same_columns

pytestmark = pytest.mark.slow

UNTIL = DELIVERIES_START + 37 * DAY_US
END = DELIVERIES_START + 43 * DAY_US
LAST = "orders_district_last_3_7d_by_courier"


def often_here(district, orders_district_last_3_7d_by_courier):
    """How many of the courier's last three orders went to this district."""
    return np.array(
        [
            np.nan if last is None else float(sum(word == here for word in last))
            for here, last in zip(district, orders_district_last_3_7d_by_courier, strict=True)
        ]
    )


def usual_shop(orders_shop_top_2_24h_by_courier):
    """The courier's most frequent shop of the last day."""
    return np.array([shops[0] if shops else None for shops in orders_shop_top_2_24h_by_courier], dtype=object)


def two_lists(orders_shop_top_2_24h_by_courier, orders_district_last_3_7d_by_courier):
    """A list of a function's own."""
    made = np.empty(len(orders_shop_top_2_24h_by_courier), dtype=object)
    made[:] = [
        None if a is None or b is None else (*a, *b)
        for a, b in zip(orders_shop_top_2_24h_by_courier, orders_district_last_3_7d_by_courier, strict=True)
    ]
    return made


def keep(state, x):
    return (x, max(state[1], abs(x - state[0])) if state[0] == state[0] else 0.0)


def step(state):
    return state[1]


largest_step = hc.aggregate("largest_step", empty=(np.nan, np.nan), add=keep, read=step)


def every_kind() -> System:
    town = with_sources(days=44)
    orders, pickups, arrivals, weather = (town.tables[name] for name in ("orders", "pickups", "arrivals", "weather"))
    carried = hc.enrich(pickups, hc.latest(orders, "courier", by="order", ahead=True))
    ends = (orders, "courier", "shop")
    return replace(
        town,
        features=[
            hc.request("shop", "district", "distance"),
            hc.window(orders, "shop", [hc.top(2), "distinct", "last"], over="24h", by="courier"),
            hc.window(orders, "district", hc.last_n(3), over="7d", by="courier"),
            often_here,
            usual_shop,
            two_lists,
            hc.window(pickups, "wait", ["mean", hc.last_n(2)], over=hc.to_date("day", zone="Europe/Berlin"), by="shop"),
            hc.window(pickups, "wait", ["count", "mean"], over=hc.session("30m", at_most="12h"), by="shop"),
            hc.window(pickups, "wait", [hc.quantile(0.9), "median"], over=["6h", "3d"], by="shop"),
            hc.window(arrivals, "late", hc.decayed("mean", half_life="12h"), over="5d", by="courier"),
            hc.window(carried, "wait", "mean", over="10d", by={"courier": "orders_courier_by_order"}),
            hc.latest(orders, "district", by="shop"),
            hc.window(weather, "rain", ["mean", "max"], over="6h", by={"orders_district_by_shop": "district"}),
            hc.window(weather, "rain", ["sum", "max"], over="5d", tile="6h", by="district"),
            hc.window(weather, "temp", largest_step, over="2d", by="district"),
            hc.degree(*ends, by="courier", over="7d"),
            hc.neighbours_mean(*ends, of=hc.latest(pickups, "wait", by="shop"), by="courier", over="7d"),
            hc.window(orders, "shop", hc.members(), over="3d", by="courier"),
        ],
        models=[hc.logistic(), hc.lightgbm(trees=10, leaves=7, min_leaf=40, threads=1)],
        gates=[hc.beats_baselines("log_loss", by=0.0)],
    )


def lists_of_plan(assembly: Assembly) -> list[str]:
    return [name for name, kind in assembly.history().features.kinds.items() if kind == "list"]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    assembly = hc.open_system(every_kind(), tmp_path_factory.mktemp("kinds"), clock=ReplayClock(END))
    found = assembly.run(until=iso(UNTIL))
    assert found["promoted"], found["verdicts"]
    return assembly


def test_the_system_has_lists_of_numbers_and_of_texts(town: Assembly) -> None:
    features = town.history().features
    assert lists_of_plan(town) == [
        "orders_shop_top_2_24h_by_courier",
        "orders_shop_top_2_share_24h_by_courier",
        LAST,
        "two_lists",
        "pickups_wait_last_2_day_to_date_by_shop",
        "orders_shop_members_3d_by_courier",
    ]
    for name, kind in ((LAST, str), ("pickups_wait_last_2_day_to_date_by_shop", float)):
        assert {type(part) for value in features[name].objects() for part in value or ()} == {kind}
    assert set(features["often_here"].floats().tolist()) >= {0.0, 1.0, 2.0, 3.0}


def test_no_model_reads_a_list(town: Assembly) -> None:
    lists = set(lists_of_plan(town))
    registry = town.standing_registry()
    with registry.ledger:
        folders = [registry.folder(model["version"]) for model in town.models()]
    assert folders
    for folder in folders:
        inputs = set(read(folder).inputs)
        assert not inputs & lists
        assert {"often_here", "usual_shop", "orders_shop_distinct_24h_by_courier"} <= inputs
        assert inputs == set(town.system.plan.names) - lists


def test_a_training_set_keeps_its_lists(town: Assembly, tmp_path: Path) -> None:
    made = town.history().training_set(UNTIL)
    folder = made.save(tmp_path / "first")
    loaded = TrainingSet.load(folder)
    assert same_columns(loaded.features, made.features) == []
    assert loaded.features.kinds == made.features.kinds
    assert loaded.manifest == made.manifest
    again = loaded.save(tmp_path / "second")
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {p.name: p.read_bytes() for p in again.iterdir()}


def test_a_replay_watches_renews_and_reports(town: Assembly, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    story = town.replay(iso(UNTIL), iso(END), policies=["renewed", "never"], report_path=page)
    assert story["summary"]["rows"]["scored"] > 200
    assert page.read_text(encoding="utf-8").startswith("<!")


def test_what_is_served_is_what_batch_answers(town: Assembly) -> None:
    history = town.history()
    rows = np.flatnonzero((history.as_of > UNTIL) & (history.as_of < END))[:120]
    service = town.open_service(ReplayClock(UNTIL))
    names = list(service.predictor.kinds)
    asked = history.spine.frame.take(rows).select(names).rows()

    async def serve() -> list[Any]:
        await service.start()
        try:
            asks = [
                Ask(values=values, request_id=f"r{at}", as_of=int(moment))
                for at, (values, moment) in enumerate(zip(asked, history.as_of[rows], strict=True))
            ]
            records = [record for ask in asks for record in await service.predict([ask])]
            sent = json.loads(encoded(records[0].features))
            for _ in range(2):  # the second time it is known, and must be the same request
                (back,) = await service.predict([Ask(values=sent, given=True, request_id="given")])
            assert back.probability == records[0].probability
            await service.refresh()
            return records
        finally:
            await service.close()

    records = asyncio.run(serve())
    batch = history.features.take(rows).rows()
    for record, expected in zip(records, batch, strict=True):
        assert set(record.features) == set(expected)
        for name, value in record.features.items():
            told = expected[name]
            assert repr(value) == repr(told) or (value is None and told is None), (record.request_id, name)
    shown = json.loads(encoded(answer_of(records[-1], features=True)))["features"]
    assert shown[LAST] == list(records[-1].features[LAST])
    assert any(record.features["orders_shop_top_2_24h_by_courier"] for record in records)
    document = json.dumps(service_description(service))
    assert '"array"' in document

    log = town.lake.facts(prediction_table("late").name)
    logged = logged_history(history, log)
    looked_up = [int(np.flatnonzero(logged.spine.key.objects() == f"r{at}")[0]) for at in range(len(rows))]
    for name in lists_of_plan(town):
        assert logged.features[name].kind == "list"
        assert logged.features[name].take(np.array(looked_up)).objects().tolist() == [e[name] for e in batch]

    report = town.skew()
    assert len(report.differences) == 0
    assert report.features


def service_description(service: Any) -> dict[str, Any]:
    from hindcast.serve.openapi import openapi

    plan = service.plan
    return openapi(
        system="deliveries", target="late", requests=service.predictor.kinds, features=dict(plan.origins),
        tables=service.tables, replay=True, secured=False, max_rows=10, version="1",
    )  # fmt: skip


def test_the_driver_that_serves_agrees_over_the_whole_stretch(town: Assembly) -> None:
    report = town.skew(iso(UNTIL), iso(END), replay=True)
    assert len(report.differences) == 0


def test_the_system_holds_to_the_laws(town: Assembly) -> None:
    verdicts = town.check(sample=10)
    assert all(verdict.ok for verdict in verdicts), [v for v in verdicts if not v.ok]


def test_the_catalogue_tells_of_lists(town: Assembly) -> None:
    entry = town.catalogue()[LAST]
    assert entry.statistics is not None
