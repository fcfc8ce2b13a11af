"""The catalogue: every feature with its origin and its users, forwards and backwards."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import hindcast as hc
from hindcast.catalogue import Catalogue, Cost, Freshness, ModelUse, catalogue
from hindcast.columns import Frame
from hindcast.errors import UnknownName
from hindcast.facts import Table
from hindcast.features import FeaturePlan, enrich, latest, request, window
from hindcast.features.graph import neighbours_mean, shared_neighbours
from hindcast.features.meaning import meanings
from hindcast.values import HOUR_US, digest

TRIPS = Table("trips", key="trip", event_time="asked", known="event", columns=["trip", "driver", "zone", "asked"])
RIDES = Table("rides", key="ride", event_time="ended", known_after="5m", columns=["ride", "driver", "fare", "tip"])
DRIVERS = Table("drivers", key="driver", known="always")


@hc.feature(owner="pricing")
def is_generous(rides_fare_mean_24h_by_driver):
    """Whether riders paid much lately."""
    return rides_fare_mean_24h_by_driver > 20


def hour(asked):
    return asked // HOUR_US % 24


def is_generous_late(is_generous, hour):
    return is_generous * (hour > 20)


PLAN = FeaturePlan.compile(
    [
        request("zone", owner="maps"),
        hour,
        window(
            RIDES,
            "fare",
            "mean",
            over="24h",
            by="driver",
            where="tip > 0",
            name="rides_fare",
            unit="EUR",
            description="What riders pay.",
        ),
        is_generous,
        is_generous_late,
        latest(DRIVERS, "maker", by="driver"),
        window(
            enrich(RIDES, latest(DRIVERS, "maker", by="driver")),
            over="1h",
            by={"drivers_maker_by_driver": "drivers_maker_by_driver"},
            name="rides_of_the_maker",
        ),
    ],
    target=TRIPS,
)
FARE = "rides_fare_mean_24h_by_driver"
MAKER = "rides_of_the_maker_count_1h_by_drivers_maker_by_driver"
USES = {"rides.tip": ("label",), "trips.asked": ("as_of",)}


def made(**more: Any) -> Catalogue:
    reads = {
        FARE: [ModelUse("v1", "archived", 1), ModelUse("v2", "champion", 2)],
        "zone": [ModelUse("v1", "archived", 1)],
    }
    return catalogue(PLAN, system="taxis", models=reads, uses=USES, versions_of_models=["v1", "v2", "v3"], **more)


def test_an_entry_says_what_a_feature_is() -> None:
    entry = made(versions={FARE: 2})[FARE]
    assert (entry.kind, entry.table, entry.column, entry.aggregate, entry.window, entry.by) == (
        "window", "rides", "fare", "mean", "24h", ("driver",),
    )  # fmt: skip
    assert (entry.unit, entry.description, entry.owner, entry.version) == ("EUR", "What riders pay.", None, 2)
    assert entry.digest == digest(meanings(PLAN)[FARE])
    assert entry.reads == ("rides.driver", "rides.ended", "rides.fare", "rides.ride", "rides.tip", "trips.driver")
    assert entry.transforms == ("is_generous",)
    assert [use.model for use in entry.models] == ["v1", "v2"]
    assert entry.systems == ("taxis",)
    assert made()["is_generous"].owner == "pricing"
    assert made()["is_generous"].description == "Whether riders paid much lately."


def test_all_features_are_there_in_order() -> None:
    assert list(made()) == list(PLAN.names)
    assert len(made()) == len(PLAN.names)
    assert "nowhere" not in made()
    with pytest.raises(UnknownName, match="Did you mean 'is_generous'"):
        made()["is_generos"]


def test_lineage_goes_back_to_tables_and_columns() -> None:
    origin = made().lineage("is_generous_late")
    assert origin.features == (FARE, "is_generous", "hour")
    assert origin.tables == {
        "rides": ("driver", "ended", "fare", "ride", "tip"),
        "trips": ("asked", "driver"),
    }
    assert made().lineage(MAKER).tables == {
        "drivers": ("driver", "maker"),
        "rides": ("driver", "ended", "ride"),
        "trips": ("driver",),
    }
    assert made().lineage(MAKER).features == ("drivers_maker_by_driver",)


@pytest.mark.parametrize(
    ("place", "features", "models", "uses"),
    [
        ("rides.fare", (FARE, "is_generous", "is_generous_late"), ("v1", "v2"), ()),
        ("rides.tip", (FARE, "is_generous", "is_generous_late"), ("v1", "v2", "v3"), ("label",)),
        ("drivers", ("drivers_maker_by_driver", MAKER), (), ()),
        ("trips.asked", ("hour", "is_generous_late"), ("v1", "v2", "v3"), ("as_of",)),
        ("trips.zone", ("zone",), ("v1",), ()),
        (FARE, ("is_generous", "is_generous_late"), ("v1", "v2"), ()),
        ("is_generous_late", (), (), ()),
    ],
)
def test_dependents_go_forward(place: str, features: Any, models: Any, uses: Any) -> None:
    found = made().depends_on(place)
    assert (found.features, found.models, found.uses) == (features, models, uses)
    assert found.systems == ("taxis",)
    assert json.loads(json.dumps(found.describe()))["features"] == list(features)


def test_forwards_is_the_inverse_of_backwards() -> None:
    found = made()
    for place in {source for entry in found.values() for source in entry.reads}:
        forward = set(found.depends_on(place).features)
        backward = set()
        for name in found:
            origin = found.lineage(name)
            columns = {f"{table}.{column}" for table, those in origin.tables.items() for column in those}
            if place in columns | set(origin.features):
                backward.add(name)
        assert forward == backward, place


def test_a_place_nobody_reads_is_answered_with_close_ones() -> None:
    with pytest.raises(UnknownName, match=r"Did you mean 'rides\.fare'"):
        made().depends_on("rides.fares")


def test_without_a_target_a_request_is_its_own_place() -> None:
    found = catalogue(FeaturePlan.compile([hour]))
    assert found.depends_on("request.asked").features == ("hour",)


def test_statistics_freshness_and_cost_are_shown_where_they_are_known() -> None:
    values = Frame.of({FARE: [10.0, None, 30.0], "zone": ["a", "b", "a"]})
    found = made(
        features=values,
        ages={FARE: np.array([1.0, np.nan, 9.0]) * HOUR_US},
        max_ages={FARE: 6 * HOUR_US},
        costs={FARE: Cost(0.5)},
    )
    entry = found[FARE]
    assert entry.statistics is not None
    assert (entry.statistics.mean, entry.statistics.null_share) == (20.0, pytest.approx(1 / 3))
    assert entry.freshness == Freshness(3, 3600.0, 9 * 3600.0, pytest.approx(1 / 3), 6 * 3600.0, pytest.approx(2 / 3))
    assert entry.cost == Cost(0.5)
    assert found["hour"].statistics is None
    plain = json.loads(json.dumps(found.describe(), allow_nan=False))
    (told,) = (feature for feature in plain["features"] if feature["name"] == FARE)
    assert told["statistics"]["quantiles"]["p50"] == 10.0
    assert told["read_by"]["models"][1] == {"model": "v2", "role": "champion", "version": 2}
    assert told["freshness"]["p90_s"] == 9 * 3600.0
    assert told["meaning"] == json.loads(json.dumps(meanings(PLAN)[FARE]))


def test_ages_of_nothing_are_nothing() -> None:
    assert Freshness.of(np.array([np.nan, np.nan]), 5) == Freshness(2, None, None, 1.0, 5e-6, 1.0)


def test_features_of_neighbours_come_from_both_tables() -> None:
    friends = Table("friends", key="id", event_time="at", known="event")
    mean = neighbours_mean(friends, "one", "other", of=latest(DRIVERS, "year", by="driver"), by="driver", name="kin")
    shared = shared_neighbours(friends, "one", "other", between=("driver", "rider"), name="shared")
    found = catalogue(FeaturePlan.compile([mean, shared], target=TRIPS))
    assert found.lineage("kin").tables == {
        "drivers": ("driver", "year"),
        "friends": ("at", "id", "one", "other"),
        "trips": ("driver",),
    }
    assert (found["kin"].kind, found["kin"].table, found["kin"].by) == ("neighbours", "drivers", ("driver",))
    assert (found["shared"].kind, found["shared"].by) == ("shared neighbours", ("driver", "rider"))
    assert found.depends_on("friends.other").features == ("kin", "shared")
    assert found.depends_on("drivers").features == ("kin",)
