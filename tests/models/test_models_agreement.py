"""A model keeps the definitions it was trained on: it serves while those it reads mean the same."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from hindcast.errors import ArtifactError
from hindcast.facts import Table
from hindcast.features import FeaturePlan, request, window
from hindcast.features.meaning import meanings
from hindcast.models import check_features, disagreement
from hindcast.values import canonical

TRIPS = Table("trips", key="trip", event_time="asked", known="event")
RIDES = Table("rides", event_time="ended", known_after="5m")
FARE, COUNT = "rides_fare_mean_24h_by_driver", "rides_count_1h_by_driver"


def plan(*features: Any, rides: Table = RIDES) -> FeaturePlan:
    named = {
        "zone": request("zone"),
        "fare": window(rides, "fare", "mean", over="24h", by="driver"),
        "count": window(rides, over="1h", by="driver"),
    }
    return FeaturePlan.compile([named.get(f, f) if isinstance(f, str) else f for f in features], target=TRIPS)


def trained(on: FeaturePlan, *inputs: str) -> dict[str, Any]:
    stored = json.loads(canonical(meanings(on)))
    return {"identity": on.identity, "meanings": stored, "inputs": inputs or on.names}


def test_the_same_declaration_agrees() -> None:
    check_features("v1", plan("zone", "fare"), **trained(plan("zone", "fare")))


def test_what_was_added_or_moved_disturbs_nobody() -> None:
    assert disagreement(plan("count", "fare", "zone"), **trained(plan("zone", "fare"))) == ""
    noted = window(RIDES, "fare", ["mean", "max"], over="24h", by="driver", owner="pricing")
    assert disagreement(plan("zone", noted), **trained(plan("zone", "fare"))) == ""


def test_what_the_model_never_read_disturbs_nobody() -> None:
    assert disagreement(plan("fare"), **trained(plan("zone", "fare"), FARE)) == ""
    assert "zone removed" in disagreement(plan("fare"), **trained(plan("zone", "fare"), FARE, "zone"))


def test_the_refusal_names_what_changed_how_and_what_to_do() -> None:
    later = replace(RIDES, known_after="10m")
    with pytest.raises(ArtifactError) as refused:
        check_features("v3", plan("fare", "count", rides=later), **trained(plan("zone", "fare")))
    assert str(refused.value) == (
        "version v3 was trained on features that mean something else now: "
        f"{FARE} changed (table rides: known_after 5m -> 10m); zone removed. "
        f"Added since, which would not matter: {COUNT}. "
        "Train anew with `hindcast run`, or restore the declaration."
    )


def test_a_feature_that_only_a_request_brings_now_is_removed() -> None:
    keyed = window(RIDES, "fare", "mean", over="24h", by={"zone": "zone"}, name="fares")
    said = disagreement(plan(keyed), **trained(plan("zone", keyed)))
    assert "zone removed" in said


def test_an_older_artefact_is_held_to_the_plan_as_a_whole() -> None:
    old = {"identity": plan("zone").identity, "meanings": {}, "inputs": ("zone",)}
    assert disagreement(plan("zone"), **old) == ""
    with pytest.raises(ArtifactError, match="the same names may mean something else"):
        check_features("v1", plan("zone", "fare"), **old)


def test_an_input_that_was_not_recorded_is_refused() -> None:
    recorded = trained(plan("zone"))
    del recorded["meanings"]["zone"]
    recorded["meanings"]["other"] = {"is": "request"}
    assert "zone changed (what it meant was not recorded)" in disagreement(plan("zone", "fare"), **recorded)
