"""What declarations say of themselves, and what they refuse."""

import pytest

import hindcast as hc
from hindcast.errors import ConfigError, UnknownName
from hindcast.features import FeaturePlan

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
    with pytest.raises(ConfigError, match="between 0 and 1"):
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
