"""What declarations say of themselves, and what they refuse."""

import numpy as np
import pytest

import hindcast as hc
from hindcast import Frame
from hindcast.errors import ConfigError, DataError, HindcastError, UnknownName
from hindcast.facts.facts import Facts
from hindcast.features import FeaturePlan
from hindcast.features.batch import answer

TRIPS = hc.Table("trips", key="id", event_time="at", known="event")
DRIVERS = hc.Table("drivers", key="driver", known="always")


def add(state, x):
    return (state[0] + x,)


def read(state):
    return state[0]


@pytest.mark.parametrize(
    ("aggregate", "token"),
    [
        ("median", "median"),
        (hc.quantile(0.999), "p99_9"),
        (hc.rate("1h"), "rate_per_1h"),
        (hc.decayed("sum", half_life="90m"), "decayed_sum_90m"),
        (hc.last_n(3), "last_3"),
        (hc.weighted_mean("seats"), "mean_weighted_by_seats"),
        (hc.members(), "members"),
        (hc.aggregate("total", empty=(0.0,), add=add, read=read), "total"),
    ],
)
def test_an_aggregate_spells_itself(aggregate, token):
    assert hc.window(TRIPS, "fare", aggregate, over="7d", by="driver").names() == [f"trips_fare_{token}_7d_by_driver"]


@pytest.mark.parametrize(
    ("over", "more", "token"),
    [
        ("24h", {"lag": "7d"}, "24h_lag_7d"),
        ("24h", {"tile": "5m"}, "24h_tile_5m"),
        ("all", {}, "all"),
        (hc.to_date("week", zone="Europe/Paris"), {}, "week_to_date"),
        (hc.last_full("month"), {}, "last_full_month"),
        (hc.session("30m", at_most="6h"), {}, "session_30m"),
    ],
)
def test_a_span_spells_itself(over, more, token):
    assert hc.window(TRIPS, over=over, by="driver", **more).names() == [f"trips_count_{token}_by_driver"]


def test_top_gives_two_features():
    assert hc.window(TRIPS, "zone", hc.top(2), over="7d").names() == [
        "trips_zone_top_2_7d",
        "trips_zone_top_2_share_7d",
    ]


def test_what_makes_no_sense_is_refused():
    with pytest.raises(UnknownName, match="median"):
        hc.window(TRIPS, "fare", "medain", over="7d")
    with pytest.raises(ConfigError, match="known length"):
        hc.window(TRIPS, "fare", hc.rate("1h"), over="all")
    with pytest.raises(ConfigError, match="longer than the window"):
        hc.window(TRIPS, "fare", "sum", over="1m", tile="5m")
    with pytest.raises(ConfigError, match="at least 0 and at most 1, got 95"):
        hc.quantile(95)
    with pytest.raises(ConfigError, match="0 < gap <= at_most"):
        hc.session("2h", at_most="1h")
    with pytest.raises(ConfigError, match="plain named function"):
        hc.aggregate("total", empty=(0.0,), add=lambda state, x: state, read=read)


def test_owners_and_words_are_not_part_of_what_a_feature_means():
    plain = hc.window(TRIPS, "fare", "sum", over="7d", by="driver")
    told = hc.window(TRIPS, "fare", "sum", over="7d", by="driver", owner="pricing", description="Fares", unit="EUR")
    assert FeaturePlan.compile([plain]).identity == FeaturePlan.compile([told]).identity


def test_a_looked_up_key_stands_in_a_later_stage():
    made = hc.enrich(TRIPS, hc.latest(DRIVERS, "city", by="driver"))
    plan = FeaturePlan.compile(
        [
            hc.latest(DRIVERS, "city", by="driver"),
            hc.window(made, "fare", "mean", over="7d", by={"drivers_city_by_driver": "drivers_city_by_driver"}),
        ]
    )
    assert [group.stage for group in plan.groups] == [0, 1]
    assert plan.request_columns == ("driver",)
    assert plan.columns_of("trips") == ["driver", "fare", "id"]
    assert plan.columns_of("drivers") == ["city", "driver"]


def test_keys_that_need_each_other_are_refused():
    def first(second):
        return second

    def second(first):
        return first

    with pytest.raises(ConfigError, match="circle"):
        FeaturePlan.compile([first, second])


@pytest.mark.parametrize("odd", [None, True, 2.5, -1, b"x", [], [None], np.zeros((2, 2)), object()])
def test_a_declaration_refuses_what_it_cannot_take(odd):
    """Whatever stands where a table, a name or several of them should be is answered by a letter."""
    about = [lambda: hc.latest(TRIPS, odd), lambda: hc.latest(odd, "fare"), lambda: hc.window(odd, over="1h")]
    about += [lambda: hc.window(TRIPS, "fare", over="1h", closed=odd), lambda: hc.window(TRIPS, "fare", over=odd)]
    about += [lambda: hc.degree(TRIPS, odd, "b", by="x"), lambda: hc.degree(odd, "a", "b", by="x")]
    about += [lambda: hc.shared_neighbours(TRIPS, "a", "b", between=odd), lambda: hc.to_date(odd)]
    about += [
        lambda: hc.quantile(odd),
        lambda: hc.top(odd),
        lambda: hc.last_n(odd),
        lambda: hc.decayed(odd, half_life="1h"),
    ]
    about += [lambda: FeaturePlan.compile([hc.latest(TRIPS, "fare")], target=odd)] if odd is not None else []
    for declared in about:
        with pytest.raises(HindcastError):
            declared()


def test_requests_that_cannot_be_answered_are_refused_before_any_work():
    plan = FeaturePlan.compile([hc.latest(TRIPS, "fare")])
    facts, asked = {"trips": Facts.of(TRIPS, [{"id": 1, "at": 1, "fare": 2.5}])}, Frame({}, 2)
    for as_of in (None, [1], [1.5, 2.5], ["a", "b"], [True, False], np.array(["NaT", "2020"], "M8[s]"), [[1], [2, 3]]):
        with pytest.raises(DataError, match="as_of"):
            answer(plan, facts, asked, as_of)
    day = np.array(["1970-01-01", "1970-01-02"], "M8[D]")
    assert answer(plan, facts, asked, day).names == answer(plan, facts, asked, [0, 86_400_000_000]).names
    for threads in (None, 0, -1, True, 2.5, 10**30):
        with pytest.raises(ConfigError, match="threads must be a whole number"):
            answer(plan, facts, asked, [1, 2], threads=threads)
    with pytest.raises(ConfigError, match="plan must be a FeaturePlan, got a NoneType"):
        answer(None, facts, asked, [1, 2])
