"""Tests that read like the sentence: what they take, what they say when something is not as expected."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import import_module

import numpy as np
import pytest

from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.facts import Facts, Table, before
from hindcast.features import FeaturePlan, last_n, latest, request, window
from hindcast.features.online import OnlineFeatures
from hindcast.testing import DELIVERIES_START, deliveries_system, given
from hindcast.values import HOUR_US

TRIPS = Table(
    "trips", key="trip", event_time="ended", known="told", columns=["trip", "driver", "fare", "zone"],
    types={"fare": "number"},
)  # fmt: skip
FARES = window(TRIPS, "fare", ["count", "mean"], over="1h", by="driver", where="zone != 'depot'")
COUNT, MEAN = FARES.names()
AREA = latest(Table("zones", key="zone", known="always"), "area", by="zone")
FARE = latest(TRIPS, "fare", by="driver", max_age="2h")


def trip(number, ended="09:30", told="09:30", fare=10.0, driver="ann", zone="north", **other):
    return {
        "trip": number, "driver": driver, "fare": fare, "zone": zone,
        "ended": f"2025-01-03T{ended}Z", "told": f"2025-01-03T{told}Z", **other,
    }  # fmt: skip


ROWS = [
    trip(0),
    trip(1, fare=30.0, told="10:00"),
    trip(2, fare=5.0),
    trip(2, fare=7.0, told="09:40"),
    trip(3),
    trip(3, told="09:50", _retract=True),
    trip(4, "08:59:59"),
    trip(5, "10:00", "09:00"),
    trip(6, zone="depot"),
    trip(7, fare=None),
    trip(8, driver="bob"),
]


def asked(features=FARES, rows=ROWS, **options):
    return given(features, rows, **options).at("2025-01-03T10:00Z", driver="ann")


def test_a_right_expectation_says_nothing_and_goes_on():
    now = asked().expect({COUNT: 2, MEAN: 8.5})
    assert now.values == {COUNT: 2.0, MEAN: 8.5}
    now.at("2025-01-03T10:01Z", {"driver": "ann"}).expect({COUNT: 4}).at("2025-01-03T10:01Z", driver="bob").expect(
        {COUNT: 1.0}
    )


def test_a_wrong_one_says_of_every_fact_why_it_counts_or_not():
    with pytest.raises(AssertionError) as caught:
        asked().expect({COUNT: 3})
    said = str(caught.value)
    for part in (
        "at 2025-01-03T10:00:00Z, driver='ann'",
        f"{COUNT}\n  expected 3\n  got      2.0",
        "2 of 11 facts of trips in the window from 2025-01-03T09:00:00Z to before 2025-01-03T10:00:00Z",
        "known only at 2025-01-03T10:00:00Z, not before as_of",
        "corrected by #3, known at 2025-01-03T09:40:00Z",
        "retracted by #5, known at 2025-01-03T09:50:00Z",
        "a retraction",
        "happened at 2025-01-03T08:59:59Z, before the window begins",
        "happens at 2025-01-03T10:00:00Z, not before the window ends",
        "zone != 'depot' does not hold",
        "fare is null",
        "of another entity: driver 'bob'",
    ):
        assert part in said


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(AssertionError, match=f"(?s){COUNT}.*{MEAN}"):
        asked().expect({COUNT: 0, MEAN: None})


def test_a_looked_up_value_is_explained_too():
    rows = [trip(0, "07:59"), trip(1, "07:00"), trip(2, "10:30", "09:00")]
    with pytest.raises(AssertionError) as caught:
        asked(FARE, rows).expect(trips_fare_by_driver=10)
    said = str(caught.value)
    for part in ("no fact of trips is taken", "too old", "older than #0", "happens at 2025-01-03T10:30:00Z"):
        assert part in said
    assert "taken is:\n  #0" in asked(FARE, [trip(0)]).explain("trips_fare_by_driver")


def fare_in_cents(trips_fare_by_driver, tax):
    return trips_fare_by_driver * 100 + tax


def test_a_function_is_explained_by_what_it_was_given():
    now = given([FARE, fare_in_cents], [trip(0)]).at("2025-01-03T10:00Z", driver="ann", tax=5)
    with pytest.raises(AssertionError, match=r"(?s)trips_fare_by_driver = 10.0.*taken is.*tax = 5"):
        now.expect(fare_in_cents=1000)


def test_a_table_that_has_not_begun_is_told():
    table = Table("trips", event_time="ended", known="event", columns=["fare"], start="2025-01-03T12:00Z")
    fares = window(table, "fare", "sum", over="1h", name="fares")
    with pytest.raises(AssertionError, match="starts at 2025-01-03T12:00:00Z"):
        given(fares).at("2025-01-03T10:00Z").expect(fares_sum_1h=0)


def test_long_histories_are_cut_short():
    now = given(window(TRIPS, over="1h", name="trips"), [trip(n) for n in range(30)]).at("2025-01-03T10:00Z")
    assert "and 20 more" in now.explain("trips_count_1h")


# ---- what is expected ---------------------------------------------------------------------------------------


def test_nearly_equal_is_by_choice():
    rows = [trip(0, fare=0.1), trip(1, fare=0.2, told="09:45"), trip(2, fare=0.4)]
    now = asked(FARES, rows)
    with pytest.raises(AssertionError):
        now.expect({MEAN: 0.2333})
    now.expect({MEAN: 0.2333}, within=1e-3).expect({MEAN: pytest.approx(0.7 / 3)})
    with pytest.raises(AssertionError, match=r"within 1e-06"):
        now.expect({MEAN: 0.2333}, within=1e-6)


def test_lists_texts_nulls_and_numpy_values_compare():
    features = [window(TRIPS, "zone", [last_n(2)], over="1h", name="zones"), request("driver")]
    now = asked(features, [trip(0), trip(1, zone="depot")])
    now.expect(zones_last_2_1h=["depot", "north"], driver="ann").expect(zones_last_2_1h=("depot", "north"))
    for wrong in (["depot"], ["north", "depot"], None, "depot"):
        with pytest.raises(AssertionError):
            now.expect(zones_last_2_1h=wrong)
    asked(FARES, []).expect({COUNT: np.float64(0.0), MEAN: None})
    with pytest.raises(AssertionError):
        asked(FARES, []).expect({MEAN: 0})


def test_moments_compare_with_moments():
    plan = FeaturePlan.compile([request("told")], target=TRIPS)
    now = given(plan, []).at("2025-01-03T10:00Z", told="2025-01-03T09:00Z")
    now.expect(told="2025-01-03T10:00+01:00").expect(told=datetime(2025, 1, 3, 9, tzinfo=UTC))
    with pytest.raises(AssertionError, match="got      2025-01-03T09:00:00Z"):
        now.expect(told="2025-01-03T09:01Z")


# ---- what is given ------------------------------------------------------------------------------------------


def test_a_system_a_plan_a_definition_and_several_are_all_features():
    start = DELIVERIES_START
    system = deliveries_system()
    name = "weather_rain_by_district"
    rows = {"weather": [{"hour": start, "district": "north", "rain": 1.5, "temp": 3.0}]}
    columns = dict.fromkeys(system.plan.request_columns)
    order = {**columns, "order": "o1", "district": "north", "due": start + 5 * HOUR_US}
    given(system, rows).at(start + 2 * HOUR_US, order).expect({name: 1.5})
    weather = system.tables["weather"]
    rain = latest(weather, "rain", by="district", max_age="6h")
    for features in (rain, [rain], (rain,), FeaturePlan.compile([rain])):
        given(features, {weather: rows["weather"]}).at(start + 2 * HOUR_US, district="north").expect({name: 1.5})


def test_facts_may_be_facts():
    facts = Facts.of(TRIPS, [trip(0)])
    given(FARES, {"trips": facts}).at("2025-01-03T10:00Z", driver="ann").expect({COUNT: 1})


@pytest.mark.parametrize(
    ("known", "seen"),
    [("event", "09:30"), (before("ended", "30m"), "09:00")],
    ids=str,
)
def test_when_a_fact_became_known_follows_from_its_table(known, seen):
    table = Table("trips", event_time="ended", known=known, columns=["driver"])
    counted = window(table, over=("-1h", "+1h"), by="driver")
    world = given(counted, [{"driver": "ann", "ended": "2025-01-03T09:30Z"}])
    world.at(f"2025-01-03T{seen}Z", driver="ann").expect({counted.names()[0]: 0})
    world.at(f"2025-01-03T{seen}:00.000001Z", driver="ann").expect({counted.names()[0]: 1})


def test_a_row_may_say_itself_when_it_was_known():
    world = given(FARES, [trip(0, told="09:30", _known="2025-01-03T09:50Z")])
    world.at("2025-01-03T09:50Z", driver="ann").expect({COUNT: 0}).at("2025-01-03T09:51Z", driver="ann").expect(
        {COUNT: 1}
    )


def test_a_table_known_on_arrival_needs_to_be_told():
    table = Table("pings", known="arrival", columns=["who"])
    pings = window(table, over="1h", by="who")
    with pytest.raises(ConfigError, match="give row 1 a '_known'"):
        given(pings, [{"who": "a"}])
    given(pings, [{"who": "a", "_known": "2025-01-03T09:30Z"}]).at("2025-01-03T10:00Z", who="a").expect(
        {pings.names()[0]: 1}
    )


def test_a_row_without_event_time_is_no_fact():
    rows = [{**trip(0), "ended": None}, trip(1, _known="2025-01-03T09:55Z")]
    asked(FARES, rows).expect({COUNT: 1}).at("2025-01-03T09:52Z", driver="ann").expect({COUNT: 0})


@pytest.mark.parametrize(
    ("ask", "error", "said"),
    [
        (lambda: given(FARES, {"tripps": []}), UnknownName, "tripps.*trips"),
        (lambda: given(FARES, [{**trip(0), "fair": 1.0}]), UnknownName, "fair.*fare"),
        (lambda: given(FARES, [{**trip(0), "ended": "yesterday"}]), DataError, "is not a time"),
        (lambda: given(FARES, [{**trip(0), "trip": None}]), DataError,
         "trip is null"),
        (lambda: given(FARES, [trip(0, fare="ten"), trip(1)]), DataError, "mixes"),
        (lambda: given([FARES, AREA], ROWS), ConfigError, "read 2 tables"),
        (lambda: asked().at("2025-01-03T10:00Z"), UnknownName, "driver"),
        (lambda: asked().at("2025-01-03T10:00Z", driver="ann", diver="bob"), UnknownName, "diver"),
        (lambda: asked().at("2025-01-03T10:00", driver="ann"), ConfigError, "no zone"),
        (lambda: asked().expect(trips_fare_cuont=1), UnknownName, "trips_fare_cuont"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_by_name(ask, error, said):
    with pytest.raises(error, match=said):
        ask()


def test_drivers_that_disagree_are_found(monkeypatch):
    class Deaf(OnlineFeatures):
        """A driver that hears nothing."""

        def push(self, table, facts):
            return None

    monkeypatch.setattr(import_module("hindcast.testing.given"), "OnlineFeatures", Deaf)
    with pytest.raises(AssertionError, match=rf"(?s){COUNT} is 2.0 in batch, 0.0 online and 2.0 by its definition"):
        asked().expect({COUNT: 2})
