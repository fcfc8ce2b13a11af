"""The rules of time, one by one: what is visible, what counts, what replaces what."""

from hindcast.facts import Table
from hindcast.features import enrich, latest, window
from hindcast.testing import given

TRIPS = Table(
    "trips",
    key="trip",
    event_time="ended",
    known="told",
    columns=["trip", "driver", "fare"],
    types={"driver": "text", "fare": "number", "trip": "integer"},
)
FARES = window(TRIPS, "fare", ["count", "sum"], over="24h", by="driver")
COUNT, SUM = FARES.names()


def trip(number, ended, told, fare=1.0, driver="ann", **other):
    return {
        "trip": number, "driver": driver, "fare": fare,
        "ended": f"2025-01-03T{ended}Z", "told": f"2025-01-03T{told}Z", **other,
    }  # fmt: skip


def test_a_fact_is_visible_strictly_after_it_became_known():
    world = given(FARES, [trip(1, "09:00", "10:00")])
    world.at("2025-01-03T10:00Z", driver="ann").expect({COUNT: 0})
    world.at("2025-01-03T10:00:00.000001Z", driver="ann").expect({COUNT: 1})


def test_a_fact_known_before_it_happens_enters_when_it_happens():
    world = given(FARES, [trip(1, "12:00", "09:00")])
    world.at("2025-01-03T12:00Z", driver="ann").expect({COUNT: 0})
    world.at("2025-01-03T12:00:00.000001Z", driver="ann").expect({COUNT: 1})


def test_looking_ahead_sees_plans_that_are_known_and_no_others():
    ahead = window(TRIPS, "fare", ["count", "sum"], over=("-1h", "+2h"), by="driver")
    count, total = ahead.names()
    rows = [trip(1, "12:30", "09:00", 4.0), trip(2, "12:40", "12:00", 8.0), trip(3, "14:00", "09:00", 16.0)]
    world = given(ahead, rows)
    world.at("2025-01-03T12:00Z", driver="ann").expect({count: 1, total: 4.0})
    world.at("2025-01-03T12:01Z", driver="ann").expect({count: 3, total: 28.0})
    world.at("2025-01-03T11:59Z", driver="ann").expect({count: 1, total: 4.0})


def test_the_latest_is_kept_at_exactly_its_greatest_age():
    fare = latest(TRIPS, "fare", by="driver", max_age="1h")
    world = given(fare, [trip(1, "09:00", "09:00", 7.0)])
    world.at("2025-01-03T10:00Z", driver="ann").expect(trips_fare_by_driver=7)
    world.at("2025-01-03T10:00:00.000001Z", driver="ann").expect(trips_fare_by_driver=None)


def test_the_latest_is_a_row_and_not_the_last_value_of_a_column():
    fare = latest(TRIPS, "fare", by="driver")
    rows = [trip(1, "09:00", "09:00", 7.0), trip(2, "09:30", "09:30", None)]
    given(fare, rows).at("2025-01-03T10:00Z", driver="ann").expect(trips_fare_by_driver=None)


def test_the_latest_is_that_of_the_greatest_event_then_known_then_sequence():
    fare = latest(TRIPS, "fare", by="driver")
    late = [trip(1, "09:30", "09:40", 1.0), trip(2, "09:00", "10:00", 2.0)]
    given(fare, late).at("2025-01-03T11:00Z", driver="ann").expect(trips_fare_by_driver=1)
    told_later = [trip(1, "09:30", "10:00", 1.0), trip(2, "09:30", "09:40", 2.0)]
    given(fare, told_later).at("2025-01-03T11:00Z", driver="ann").expect(trips_fare_by_driver=1)
    tied = [trip(1, "09:30", "09:40", 1.0), trip(2, "09:30", "09:40", 2.0)]
    given(fare, tied).at("2025-01-03T11:00Z", driver="ann").expect(trips_fare_by_driver=2)


def test_a_forecast_is_looked_up_only_when_asked_for():
    plain, ahead = latest(TRIPS, "fare", by="driver"), latest(TRIPS, "fare", by="driver", ahead=True, name="plan")
    world = given([plain, ahead], [trip(1, "09:00", "09:00", 1.0), trip(2, "15:00", "09:00", 2.0)])
    world.at("2025-01-03T10:00Z", driver="ann").expect(trips_fare_by_driver=1, plan_fare_by_driver=2)


def test_a_correction_replaces_from_its_known_time_on():
    world = given(FARES, [trip(1, "09:00", "09:00", 5.0), trip(1, "09:00", "10:00", 7.0)])
    world.at("2025-01-03T10:00Z", driver="ann").expect({COUNT: 1, SUM: 5.0})
    world.at("2025-01-03T10:01Z", driver="ann").expect({COUNT: 1, SUM: 7.0})


def test_a_correction_may_move_a_fact_to_another_time_and_entity():
    world = given(FARES, [trip(1, "09:00", "09:00", 5.0), trip(1, "03:00", "10:00", 5.0, driver="bob")])
    world.at("2025-01-03T10:01Z", driver="ann").expect({COUNT: 0}).at("2025-01-03T10:01Z", driver="bob").expect(
        {COUNT: 1}
    )
    world.at("2025-01-04T03:01Z", driver="bob").expect({COUNT: 0})


def test_of_two_corrections_the_later_known_wins_and_then_the_later_landed():
    rows = [trip(1, "09:00", "10:00", 2.0), trip(1, "09:00", "09:30", 3.0)]
    given(FARES, rows).at("2025-01-03T11:00Z", driver="ann").expect({SUM: 2.0})
    tied = [trip(1, "09:00", "10:00", 2.0), trip(1, "09:00", "10:00", 3.0)]
    given(FARES, tied).at("2025-01-03T11:00Z", driver="ann").expect({SUM: 3.0})


def test_a_retraction_hides_its_key_and_a_later_fact_revives_it():
    rows = [
        trip(1, "09:00", "09:00", 5.0),
        trip(1, "09:00", "10:00", 5.0, _retract=True),
        trip(1, "09:00", "11:00", 6.0),
    ]
    world = given([FARES, latest(TRIPS, "fare", by="driver")], rows)
    world.at("2025-01-03T10:00Z", driver="ann").expect({SUM: 5.0}, trips_fare_by_driver=5)
    world.at("2025-01-03T10:30Z", driver="ann").expect({COUNT: 0, SUM: 0.0}, trips_fare_by_driver=None)
    world.at("2025-01-03T11:30Z", driver="ann").expect({SUM: 6.0}, trips_fare_by_driver=6)


def test_a_retraction_brings_back_the_one_before():
    rows = [trip(1, "09:00", "09:00", 1.0), trip(2, "09:30", "09:30", 2.0), trip(2, "09:30", "10:00", _retract=True)]
    world = given(latest(TRIPS, "fare", by="driver"), rows)
    world.at("2025-01-03T09:45Z", driver="ann").expect(trips_fare_by_driver=2)
    world.at("2025-01-03T10:30Z", driver="ann").expect(trips_fare_by_driver=1)


def test_a_table_without_key_has_no_corrections():
    table = Table("trips", event_time="ended", known="told", columns=["trip", "driver", "fare"])
    fares = window(table, "fare", "sum", over="24h", by="driver")
    rows = [trip(1, "09:00", "09:00", 5.0), trip(1, "09:00", "10:00", 7.0)]
    given(fares, rows).at("2025-01-03T10:01Z", driver="ann").expect(trips_fare_sum_24h_by_driver=12)


def test_a_fact_thirty_days_late_counts_from_when_it_is_known():
    long = window(TRIPS, "fare", "sum", over="60d", by="driver")
    rows = [{**trip(1, "09:00", "09:00", 5.0), "told": "2025-02-02T09:00Z"}]
    world = given(long, rows)
    world.at("2025-02-02T09:00Z", driver="ann").expect(trips_fare_sum_60d_by_driver=0)
    world.at("2025-02-02T09:01Z", driver="ann").expect(trips_fare_sum_60d_by_driver=5)


def test_empty_is_not_unobserved():
    table = Table("trips", event_time="ended", known="event", columns=["driver", "fare"], start="2025-01-03T09:00Z")
    fares = window(table, "fare", ["count", "mean"], over="1h", by="driver")
    count, mean = fares.names()
    world = given(fares)
    world.at("2025-01-03T09:00Z", driver="ann").expect({count: None, mean: None})
    world.at("2025-01-03T09:00:00.000001Z", driver="ann").expect({count: 0, mean: None})
    lagged = window(table, "fare", "count", over="1h", lag="2h", by="driver")
    world = given(lagged)
    world.at("2025-01-03T11:00Z", driver="ann").expect({lagged.names()[0]: None})
    world.at("2025-01-03T11:01Z", driver="ann").expect({lagged.names()[0]: 0})


def test_an_entity_that_is_null_has_no_facts_and_no_values():
    rows = [trip(1, "09:00", "09:00", 5.0, driver=None)]
    given(FARES, rows).at("2025-01-03T10:00Z", driver=None).expect({COUNT: None, SUM: None})


def test_the_requests_own_fact_counts_once_whether_stored_or_not():
    own = window(TRIPS, "fare", ["count", "sum", "last", "since"], over="24h", by="driver", closed="right")
    count, total, last, since = own.names()
    asked = {"trip": 2, "driver": "ann", "fare": 7.0}
    before = trip(1, "09:00", "09:00", 5.0)
    stored = given(own, [before, trip(2, "09:30", "09:30", 7.0)], target=TRIPS)
    stored.at("2025-01-03T10:00Z", asked).expect({count: 2, total: 12.0, last: 7.0})
    coming = given(own, [before, trip(2, "10:00", "09:30", 7.0)], target=TRIPS)
    coming.at("2025-01-03T10:00Z", asked).expect({count: 2, total: 12.0, last: 7.0, since: 0})
    unknown = given(own, [before], target=TRIPS)
    unknown.at("2025-01-03T10:00Z", asked).expect({count: 2, total: 12.0, last: 7.0, since: 0})


def test_an_own_fact_does_not_bring_its_ties():
    own = window(TRIPS, "fare", "sum", over="24h", by="driver", closed="right")
    tie = trip(3, "10:00", "09:00", 100.0)
    given(own, [tie], target=TRIPS).at("2025-01-03T10:00Z", trip=2, driver="ann", fare=7.0).expect(
        {own.names()[0]: 7.0}
    )


PLANES = Table("planes", key="tail", event_time="since", known="told", columns=["tail", "maker"])
FLIGHTS = Table("flights", event_time="landed", known="event", columns=["tail", "delay"])


def plane(maker, since, told):
    return {"tail": "N1", "maker": maker, "since": f"2025-01-03T{since}Z", "told": f"2025-01-03T{told}Z"}


def test_an_enriched_fact_carries_what_was_known_when_it_became_known():
    made = enrich(FLIGHTS, latest(PLANES, "maker", by="tail"))
    delays = window(made, "delay", ["count", "sum"], over="24h", by={"maker": "planes_maker_by_tail"})
    count, total = delays.names()
    facts = {
        "planes": [plane("old", "06:00", "06:00"), plane("new", "06:00", "10:00")],
        "flights": [
            {"tail": "N1", "landed": "2025-01-03T09:00Z", "delay": 1.0},
            {"tail": "N1", "landed": "2025-01-03T10:00Z", "delay": 2.0},
            {"tail": "N1", "landed": "2025-01-03T11:00Z", "delay": 4.0},
            {"tail": "N2", "landed": "2025-01-03T11:00Z", "delay": 8.0},
        ],
    }
    world = given(delays, facts)
    world.at("2025-01-03T12:00Z", maker="old").expect({count: 2, total: 3.0})
    world.at("2025-01-03T12:00Z", maker="new").expect({count: 1, total: 4.0})


def test_a_key_may_be_looked_up():
    maker = latest(PLANES, "maker", by="tail")
    fleet = Table("recalls", event_time="at", known="event", columns=["maker"])
    recalls = window(fleet, over="24h", by={"planes_maker_by_tail": "maker"})
    facts = {
        "planes": [plane("acme", "06:00", "06:00"), plane("zeta", "10:00", "10:00")],
        "recalls": [{"maker": "acme", "at": "2025-01-03T08:00Z"}, {"maker": "acme", "at": "2025-01-03T09:00Z"}],
    }
    name = recalls.names()[0]
    world = given([maker, recalls], facts)
    world.at("2025-01-03T10:00Z", tail="N1").expect({name: 2}, planes_maker_by_tail="acme")
    world.at("2025-01-03T10:01Z", tail="N1").expect({name: 0}, planes_maker_by_tail="zeta")
    world.at("2025-01-03T10:01Z", tail="N2").expect({name: None}, planes_maker_by_tail=None)
