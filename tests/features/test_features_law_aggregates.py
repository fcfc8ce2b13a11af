"""What each aggregate means, on values small enough to check by hand; batch, online and oracle must all say so."""

import math

import pytest

from hindcast.errors import HindcastError
from hindcast.facts import Table
from hindcast.features import (
    aggregate,
    decayed,
    last_n,
    members,
    quantile,
    rate,
    to_date,
    top,
    weighted_mean,
    window,
)
from hindcast.testing import given

TRIPS = Table(
    "trips",
    key="trip",
    event_time="at",
    known="event",
    columns=["trip", "driver", "fare", "tip", "zone", "paid"],
    types={"fare": "number", "tip": "number", "zone": "text", "paid": "boolean", "driver": "text"},
)
NOON = "2025-01-03T12:00Z"


def trips(*values, column="fare", **other):
    """Trips of one driver, five minutes apart, the last one five minutes before noon."""
    first = 60 - 5 * len(values)
    return [
        {"trip": n, "driver": "ann", "at": f"2025-01-03T11:{first + 5 * n:02}Z", column: value, **other}
        for n, value in enumerate(values)
    ]


def of(rows, *aggregates, column="fare", over="1h", **options):
    """The values of some aggregates over the hour before noon, in the order in which they are asked for."""
    feature = window(TRIPS, column, list(aggregates), over=over, by="driver", **options)
    found = given(feature, rows).at(NOON, driver="ann").values
    values = [found[name] for name in feature.names()]
    return values[0] if len(values) == 1 else values


EMPTY = {
    "count": 0.0,
    "sum": 0.0,
    "distinct": 0.0,
    rate("1h"): 0.0,
    decayed("sum", half_life="1h"): 0.0,
    decayed("count", half_life="1h"): 0.0,
    last_n(2): (),
    members(): (),
    "mean": None,
    "min": None,
    "max": None,
    "var": None,
    "std": None,
    "first": None,
    "last": None,
    "median": None,
    quantile(0.9): None,
    "since": None,
    decayed("mean", half_life="1h"): None,
    weighted_mean("tip"): None,
}


@pytest.mark.parametrize("rows", [[], trips(None, None), [{**trips(1.0)[0], "driver": "bob"}]], ids=str)
def test_nothing_is_counted_as_nothing(rows):
    """No facts, facts of another entity and nulls are the same: an empty window, not an unobserved one."""
    assert of(rows, *EMPTY) == list(EMPTY.values())
    assert of(rows, top(2)) == [(), ()]


def test_one_value_is_enough_for_all_but_the_spread():
    assert of(trips(4.0), "count", "sum", "mean", "min", "max", "first", "last", "median", "distinct") == [
        1.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 1.0,
    ]  # fmt: skip
    assert of(trips(4.0), "var", "std") == [None, None]


def test_the_plain_ones():
    rows = trips(3.0, None, 1.0, 4.0, 1.0)
    assert of(rows, "count", "sum", "mean", "min", "max") == [4.0, 9.0, 2.25, 1.0, 4.0]
    assert of(rows, "var", "std") == [2.25, 1.5]
    assert of(rows, "first", "last", "distinct") == [3.0, 1.0, 3.0]


def test_sums_are_exact():
    assert of(trips(1e16, 1.0, -1e16), "sum") == 1.0
    assert of(trips(*[0.1] * 10), "sum", "mean") == [1.0, 0.1]


@pytest.mark.parametrize(
    ("q", "expected"), [(0.0, 10.0), (0.25, 17.5), (0.5, 25.0), (0.75, 32.5), (0.9, 37.0), (1.0, 40.0)]
)
def test_quantiles_lie_between_their_neighbours(q, expected):
    assert of(trips(40.0, 10.0, 30.0, 20.0), quantile(q)) == expected


def test_the_median_is_a_quantile():
    assert of(trips(9.0, 1.0, 5.0), "median") == 5.0
    assert of(trips(9.0, 1.0), "median") == 5.0


@pytest.mark.parametrize("q", [-0.1, 1.1, math.nan])
def test_a_quantile_beyond_the_values_is_refused(q):
    with pytest.raises(HindcastError, match="at least 0 and at most 1"):
        quantile(q)


def test_a_share_is_that_of_true():
    rows = trips(True, False, None, True, True, column="paid")
    assert of(rows, "share", column="paid") == 0.75
    assert of(rows, "count", "sum", column="paid") == [4.0, 3.0]
    assert of([], "share", column="paid") is None


def test_texts_can_be_counted_listed_and_ranked():
    rows = trips("north", "south", None, "north", "west", column="zone")
    assert of(rows, "count", "distinct", "first", "last", column="zone") == [4.0, 3.0, "north", "west"]
    assert of(rows, last_n(2), members(), column="zone") == [("west", "north"), ("west", "north", "south")]
    assert of(rows, top(2), column="zone") == [("north", "west"), (0.5, 0.25)]


def test_of_two_as_frequent_the_last_seen_comes_first():
    assert of(trips("a", "b", "b", "a", column="zone"), top(2), column="zone") == [("a", "b"), (0.5, 0.5)]
    assert of(trips("a", "a", "b", "b", column="zone"), top(1), column="zone") == [("b",), (0.5,)]


def test_the_newest_come_first():
    assert of(trips(1.0, 2.0, 3.0, 4.0), last_n(3)) == (4.0, 3.0, 2.0)
    assert of(trips(1.0, 2.0), last_n(3)) == (2.0, 1.0)
    assert of(trips(1.0, 2.0, 1.0), members()) == (1.0, 2.0)


def test_a_rate_is_per_unit_of_the_windows_length():
    rows = trips(1.0, 1.0, 1.0)
    assert of(rows, rate("1h"), over="30m") == 6.0
    assert of(rows, rate("1m"), over="1h") == 0.05
    assert of(rows, rate("1h"), over=to_date("day")) == 0.25


@pytest.mark.parametrize("over", ["all"])
def test_a_rate_over_no_length_is_refused(over):
    with pytest.raises(HindcastError, match="rate"):
        window(TRIPS, "fare", [rate("1h")], over=over)


def test_since_is_seconds_from_the_newest():
    assert of(trips(1.0, 2.0), "since") == 300.0
    assert of(trips(1.0, None), "since") == 600.0, "what has no value was not seen"


def test_a_value_fades_by_half_in_each_half_life():
    rows = trips(8.0, 4.0)  # 10 and 5 minutes old
    sums, counts, means = of(rows, *(decayed(kind, half_life="5m") for kind in ("sum", "count", "mean")))
    assert sums == pytest.approx(8.0 / 4 + 4.0 / 2, rel=1e-12)
    assert counts == pytest.approx(0.75, rel=1e-12)
    assert means == pytest.approx(4.0 / 0.75, rel=1e-12)


def test_what_has_faded_beyond_floats_still_has_a_mean():
    rows = trips(2.0, 2.0)
    assert of(rows, decayed("mean", half_life="1ms")) == pytest.approx(2.0)


def test_weights_weigh():
    rows = [{**row, "tip": tip} for row, tip in zip(trips(1.0, 2.0, None, 4.0), (1.0, 3.0, 5.0, None), strict=True)]
    assert of(rows, weighted_mean("tip")) == 1.75
    assert of(trips(1.0, 2.0, tip=0.0), weighted_mean("tip")) is None
    cancelling = [{**row, "tip": tip} for row, tip in zip(trips(1.0, 2.0), (1.0, -1.0), strict=True)]
    assert of(cancelling, weighted_mean("tip")) is None


def test_ties_stand_in_the_order_of_landing():
    """Facts of one event time and one known time: the sequence says which is the newest."""
    rows = [{"trip": n, "driver": "ann", "at": "2025-01-03T11:30Z", "fare": float(n)} for n in range(4)]
    assert of(rows, "first", "last", last_n(4)) == [0.0, 3.0, (3.0, 2.0, 1.0, 0.0)]


def test_what_became_known_later_stands_later_at_one_event_time():
    rows = [{"trip": n, "driver": "ann", "at": "2025-01-03T11:30Z", "fare": float(n)} for n in range(2)]
    rows[0]["_known"] = "2025-01-03T11:45Z"
    assert of(rows, "first", "last") == [1.0, 0.0]


# ---- a user's own -----------------------------------------------------------------------------------------


def add(state, x):
    return (state[0] * 0.5 + x, state[1] + 1.0)


def read(state):
    return state[0] if state[1] else float("nan")


FADING = aggregate("fading", empty=(0.0, 0.0), add=add, read=read)


def test_an_own_aggregate_is_folded_from_the_oldest_to_the_newest():
    assert of(trips(8.0, 4.0, 2.0), FADING) == 8.0 / 4 + 4.0 / 2 + 2.0
    assert of([], FADING) is None


def remember(state, x):
    return (state[0] + words(x),)


def words(x):
    """Nothing that a compiler of numbers understands."""
    return float(len(f"{x:.0f}"))


def total(state):
    return state[0]


DIGITS = aggregate("digits", empty=(0.0,), add=remember, read=total)


def test_an_own_aggregate_may_be_any_python():
    assert of(trips(5.0, 12.0, 345.0), DIGITS) == 6.0
    assert of([], DIGITS) == 0.0
