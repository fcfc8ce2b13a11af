"""The prediction log as a world: what was served, and what was looked up for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import hindcast as hc
from assemble_town import with_sources
from hindcast.clock import ReplayClock
from hindcast.errors import ArtifactError
from hindcast.loop.live import logged_history
from hindcast.loop.up import open_loop
from hindcast.serve.prediction_log import PredictionRecord, prediction_facts
from hindcast.testing import DELIVERIES_START, deliveries_system
from hindcast.values import DAY_US, HOUR_US, iso
from laws_town import history_of, town

WEATHER = hc.fresh("weather_rain_by_district", "3h", share=0.9)


def test_ages_of_logged_requests_are_measured_where_something_was_looked_up() -> None:
    system = deliveries_system(gates=[*deliveries_system().gates, WEATHER])
    history = history_of(town(), system)
    rows = np.arange(1000, 1006)
    asked = history.spine.frame.take(rows)
    records = [
        PredictionRecord(
            system=system.name,
            target="late",
            request_id=f"r{at}",
            group="",
            as_of=int(history.as_of[row]),
            version="v1",
            role="champion",
            probability=0.5,
            acted=False,
            given=at == 2,
            request={} if at == 2 else asked.rows()[at],
            features={"distance": 1.0},
            ages={},
        )
        for at, row in enumerate(rows.tolist())
    ]
    log = prediction_facts(records, [], kinds=asked.kinds, seq_from=0)
    found = logged_history(history, log).ages[WEATHER.place]
    expected = history.ages[WEATHER.place][rows]
    assert np.isnan(found[2])
    others = np.arange(6) != 2
    assert found[others].tolist() == expected[others].tolist()
    met, judged = WEATHER.rows(history.features.take(rows), {WEATHER.place: found})
    assert judged.tolist() == others.tolist()
    assert met[others].all()


def test_a_loop_does_not_turn_over_a_champion_of_other_features(tmp_path: Path) -> None:
    system = with_sources()
    until, end = DELIVERIES_START + 50 * DAY_US, DELIVERIES_START + 70 * DAY_US
    hc.open_system(system, tmp_path, clock=ReplayClock(end)).run(until=iso(until))
    features = [replace(f, max_age_us=HOUR_US) if hasattr(f, "max_age_us") else f for f in system.features]
    edited = hc.open_system(replace(system, features=features), tmp_path, clock=ReplayClock(end))
    with pytest.raises(
        ArtifactError, match=r"version v1 was trained on features that mean something else now: .*max_age"
    ):
        open_loop(edited)
    wider = replace(system, features=[*system.features, hc.window(system.tables["pickups"], over="2h", by="shop")])
    loop = open_loop(hc.open_system(wider, tmp_path, clock=ReplayClock(end)))
    assert list(loop.world.models) == ["v1"]
    last = loop.registry.ledger.entries(kind="features")[-1]
    assert last.body["reason"].endswith("is what it was before; 1 feature is new: pickups_count_2h_by_shop")
