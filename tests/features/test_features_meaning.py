"""What one feature means: its digest follows what its values hang on, and nothing else; an edit is told in words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

import hindcast as hc
from hindcast.facts import Table
from hindcast.features import FeaturePlan, enrich, last_full, latest, quantile, request, session, to_date, top, window
from hindcast.features.graph import degree, neighbours_mean, shared_neighbours
from hindcast.features.meaning import Change, changes, digests, in_words, meanings, singles
from hindcast.values import canonical, digest

TRIPS = Table(
    "trips", key="trip", event_time="asked", known="event", columns=["trip", "driver", "zone", "fare", "asked"]
)
RIDES = Table(
    "rides", key="ride", event_time="ended", known_after="5m", columns=["ride", "driver", "zone", "fare", "tip"]
)
DRIVERS = Table("drivers", key="driver", known="always")


def is_generous(rides_fare_mean_24h_by_driver):
    """Whether riders paid much lately."""
    return rides_fare_mean_24h_by_driver > 20


def declared(**changed: Any) -> list[Any]:
    """Some of everything, with one thing otherwise."""
    made: dict[str, Any] = {
        "asked": request("zone"),
        "day": window(RIDES, "fare", ["mean", "max"], over=["24h", "7d"], by="driver"),
        "maker": latest(DRIVERS, "maker", by="driver", max_age="30d"),
        "generous": is_generous,
    }
    return [value for value in {**made, **changed}.values() if value is not None]


def meant(features: Sequence[Any], target: Table | None = TRIPS) -> dict[str, dict[str, Any]]:
    return meanings(FeaturePlan.compile(features, target=target))


def told(before: Sequence[Any], after: Sequence[Any]) -> list[str]:
    return [str(change) for change in changes(meant(before), meant(after))]


def test_every_feature_and_request_column_has_a_meaning_of_its_own() -> None:
    found = meant(declared())
    assert list(found) == [
        "zone",
        "rides_fare_mean_24h_by_driver",
        "rides_fare_max_24h_by_driver",
        "rides_fare_mean_7d_by_driver",
        "rides_fare_max_7d_by_driver",
        "drivers_maker_by_driver",
        "is_generous",
        "driver",
    ]
    assert len(set(digests(found).values())) == len(found)


def test_a_meaning_survives_being_stored() -> None:
    found = meant(declared())
    read_back = json.loads(canonical(found))
    assert digests(read_back) == digests(found)
    assert changes(read_back, found) == []


@pytest.mark.parametrize(
    "same",
    [
        window(RIDES, "fare", ["max", "mean"], over=["7d", "24h"], by="driver"),
        window(RIDES, "fare", ["mean", "max", "sum"], over=["24h", "7d", "2h"], by="driver"),
        window(RIDES, "fare", ["mean", "max"], over=["24h", "7d"], by="driver", owner="pricing", unit="EUR"),
        window(
            replace(RIDES, columns=[*RIDES.columns, "stars"]), "fare", ["mean", "max"], over=["24h", "7d"], by="driver"
        ),
        window(replace(RIDES, types={"tip": "number"}), "fare", ["mean", "max"], over=["24h", "7d"], by="driver"),
        window(RIDES, "fare", ["mean", "max"], over=["24 h", "168h"], by="driver", name="rides_fare"),
    ],
    ids=["order", "more", "notes", "column", "type", "spelling"],
)
def test_what_no_value_hangs_on_changes_no_digest(same: Any) -> None:
    before, after = digests(meant(declared())), digests(meant(declared(day=same, generous=None)))
    wanted = {its for name, its in before.items() if name.startswith("rides")}
    assert wanted <= set(after.values())


@pytest.mark.parametrize(
    ("other", "how"),
    [
        ({"over": ["12h", "7d"]}, "over 24h -> 12h"),
        ({"over": ["24h", "7d"], "lag": "1h"}, "over 24h -> 24h lag 1h"),
        ({"over": ["24h", "7d"], "tile": "5m"}, "over 24h -> 24h tile 5m"),
        ({"over": ["all", "7d"]}, "over 24h -> all"),
        ({"over": [to_date("day", zone="Europe/Paris"), "7d"]}, "over 24h -> day to date in Europe/Paris"),
        ({"over": [last_full("week"), "7d"]}, "over 24h -> last full week in UTC"),
        ({"over": [session("30m"), "7d"]}, "over 24h -> session of gap 30m, at most 24h"),
        ({"over": [("-1h", "+2h"), "7d"]}, "over 24h -> from -1h to +2h"),
        ({"column": "tip"}, "column fare -> tip"),
        ({"aggregates": ["std", "max"]}, "aggregate mean -> std"),
        ({"aggregates": [quantile(0.9), "max"]}, "aggregate mean -> quantile 0.9"),
        ({"by": {"driver": "zone"}}, "by driver -> zone"),
        ({"where": "tip > 0"}, "where none -> tip > 0"),
        ({"table": replace(RIDES, known_after="10m")}, "table rides: known_after 5m -> 10m"),
        ({"table": replace(RIDES, name="jobs")}, "table rides -> jobs"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_edit_is_told_in_words(other: dict[str, Any], how: str) -> None:
    parts = {"table": RIDES, "column": "fare", "aggregates": ["mean", "max"], "over": ["24h", "7d"], "by": "driver"}
    before = window(**parts)
    after = window(**{**parts, **other})
    one, two = before.outputs()[0].name, after.outputs()[0].name
    old, new = meant([before]), meant([after])
    new[one] = new.pop(two)
    (found,) = (change for change in changes(old, new) if change.name == one)
    assert found == Change(one, "changed", (how,))


def test_an_edit_reaches_what_is_made_from_it_and_nothing_else() -> None:
    older = replace(RIDES, known_after="10m")
    found = told(declared(), declared(day=window(older, "fare", ["mean", "max"], over=["24h", "7d"], by="driver")))
    how = "table rides: known_after 5m -> 10m"
    assert found == [
        *(f"rides_fare_{a}_{w}_by_driver changed ({how})" for w in ("24h", "7d") for a in ("mean", "max")),
        f"is_generous changed (rides_fare_mean_24h_by_driver, from which it is made, changed: {how})",
    ]


def test_removed_added_and_renamed_are_told_apart() -> None:
    renamed = latest(DRIVERS, "maker", by="driver", max_age="30d", name="car")
    found = told(declared(), declared(maker=renamed, generous=None, more=window(RIDES, over="1h")))
    assert found == [
        "drivers_maker_by_driver removed (car_maker_by_driver means the same)",
        "is_generous removed",
        "car_maker_by_driver added",
        "rides_count_1h added",
    ]


def test_code_counts_and_its_docstring_does_not() -> None:
    def noted() -> Any:
        def is_generous(rides_fare_mean_24h_by_driver):
            """Another word for it."""
            return rides_fare_mean_24h_by_driver > 20

        return is_generous

    def edited() -> Any:
        def is_generous(rides_fare_mean_24h_by_driver):
            return rides_fare_mean_24h_by_driver > 25

        return is_generous

    assert told(declared(), declared(generous=noted())) == []
    assert told(declared(), declared(generous=edited())) == ["is_generous changed (its code changed)"]


def test_the_target_decides_what_a_request_brings() -> None:
    early = replace(TRIPS, known=hc.before("asked", "1h"))
    before, after = meant(declared()), meant(declared(), early)
    changed = {change.name for change in changes(before, after)}
    assert changed == set(before)  # all are keyed by, or made from, the request's columns
    zone = next(change for change in changes(before, after) if change.name == "zone")
    assert zone.how[0].startswith("table trips: known event -> ")
    wider = replace(TRIPS, columns=[*TRIPS.columns, "notes"])
    assert changes(before, meant(declared(), wider)) == []


def test_looked_up_columns_bring_their_lookup() -> None:
    def over(max_age: str) -> Any:
        made = enrich(RIDES, latest(DRIVERS, "maker", "year", by="driver", max_age=max_age))
        key = {"maker": "drivers_maker_by_driver"}
        return [window(made, "fare", "mean", over="1h", by=key), window(made, "fare", "mean", over="1h", by="driver")]

    assert [change.name for change in changes(meant(over("1d")), meant(over("2d")))] == ["rides_fare_mean_1h_by_maker"]
    plain = meant([window(RIDES, "fare", "mean", over="1h", by="driver")])["rides_fare_mean_1h_by_driver"]
    assert digest(meant(over("1d"))["rides_fare_mean_1h_by_driver"]) == digest(plain)


def test_one_aggregate_may_give_several_features() -> None:
    (values, shares) = singles(window(RIDES, "zone", top(3), over="1h", by="driver"))
    assert values.aggregate is not None
    assert shares.aggregate is not None
    assert [in_words(values.aggregate), in_words(shares.aggregate)] == ["top 3", "shares of top 3"]
    assert len(set(digests(meant([values.definition])).values())) == 3  # and the request's driver


FRIENDS = Table("friends", key="id", event_time="at", known="event")


def graph(over: str = "all", max_age: str = "30d") -> list[Any]:
    """A degree, a mean over neighbours and what two have in common."""
    edges = {"over": over, "name": "kin"}
    made_by = latest(DRIVERS, "year", by="driver", max_age=max_age)
    return [
        degree(FRIENDS, "one", "other", by="driver", over=over),
        neighbours_mean(FRIENDS, "one", "other", of=made_by, by="driver", **edges),
        shared_neighbours(FRIENDS, "one", "other", between=("driver", "rider"), over=over, name="shared"),
    ]


def test_features_of_neighbours_mean_their_edges_and_what_is_looked_up() -> None:
    found = meant(graph())
    assert len(set(digests(found).values())) == len(found) == 5
    assert told(graph(), graph(max_age="7d")) == ["kin changed (of max_age 30d -> 7d)"]
    assert told(graph(), graph(over="7d")) == [
        "kin changed (members over all -> 7d)",
        "shared changed (members over all -> 7d; others over all -> 7d)",
        "friends_other_degree_all_by_driver removed",
        "friends_other_degree_7d_by_driver added",
    ]


def test_edges_of_another_table_are_told() -> None:
    swapped = [shared_neighbours(FRIENDS, "other", "one", between=("driver", "rider"), name="shared")]
    (said,) = told([graph()[2]], swapped)
    assert said == (
        "shared changed (members column other -> one; members by one -> other; "
        "others column other -> one; others by one -> other)"
    )
