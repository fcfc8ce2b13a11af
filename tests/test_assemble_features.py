"""Features in a home: an edit is a new version, the champion keeps the old one and does not answer for the new."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

import hindcast as hc
from assemble_town import with_sources
from hindcast.clock import ReplayClock
from hindcast.errors import ArtifactError
from hindcast.testing import DELIVERIES_START
from hindcast.values import DAY_US, HOUR_US, iso

UNTIL, END = DELIVERIES_START + 50 * DAY_US, DELIVERIES_START + 70 * DAY_US
RAIN = "weather_rain_by_district"


def edited(system: hc.System) -> hc.System:
    """The same system with a shorter age for the weather."""
    features = [
        replace(f, max_age_us=3 * HOUR_US) if hasattr(f, "max_age_us") and f.table.name == "weather" else f
        for f in system.features
    ]
    return replace(system, features=features)


def test_an_edit_is_told_refused_and_mended(tmp_path: Path) -> None:
    system = with_sources()
    before = hc.open_system(system, tmp_path, clock=ReplayClock(END))
    assert before.run(until=iso(UNTIL))["promoted"]
    found = before.catalogue()
    assert {entry.version for entry in found.values()} == {1}
    assert found[RAIN].freshness is not None
    assert [(use.model, use.role, use.version) for use in found[RAIN].models] == [("v1", "champion", 1)]

    after = hc.open_system(edited(system), tmp_path, clock=ReplayClock(END))
    told = f"{RAIN} changed (max_age 6h -> 3h)"
    asked = tmp_path / "requests.csv"
    asked.write_text("order,shop,district,courier,distance,due\nx1,baker,north,c01,2.5,2024-03-15T12:00:00Z\n")
    with pytest.raises(ArtifactError) as refused:
        after.predict_file(asked, tmp_path / "answers.csv")
    assert told in str(refused.value)
    service = after.open_service()
    assert not service.ready
    assert told in service._watch.trouble
    asyncio.run(service.close())
    (models,) = (verdict for verdict in after.check(sample=5) if verdict.check == "models")
    assert models.outcome == "fail"
    assert told in models.reason

    entry = after.catalogue(statistics=False)[RAIN]
    assert (entry.version, [(use.model, use.version) for use in entry.models]) == (2, [("v1", 1)])
    last = after.ledger(kind="features")[-1]
    assert told in last.body["reason"]

    again = after.run(until=iso(END))
    assert (again["version"], again["promoted"]) == ("v2", True)
    assert after.predict_file(asked, tmp_path / "answers.csv") == 1
    assert [(use.model, use.version) for use in after.catalogue(statistics=False)[RAIN].models] == [
        ("v1", 1),
        ("v2", 2),
    ]
    assert before.catalogue(statistics=False)[RAIN].version == 1


def test_an_added_feature_leaves_the_champion_serving(tmp_path: Path) -> None:
    system = with_sources()
    hc.open_system(system, tmp_path, clock=ReplayClock(END)).run(until=iso(UNTIL))
    pickups = system.tables["pickups"]
    wider = replace(system, features=[*system.features, hc.window(pickups, over="2h", by="shop")])
    after = hc.open_system(wider, tmp_path, clock=ReplayClock(END))
    asked = tmp_path / "requests.csv"
    asked.write_text("order,shop,district,courier,distance,due\nx1,baker,north,c01,2.5,2024-03-15T12:00:00Z\n")
    assert after.predict_file(asked, tmp_path / "answers.csv") == 1
    assert all(verdict.ok for verdict in after.check(sample=5) if verdict.check == "models")
