"""Where windows begin and end: durations, lags, tiles, calendars with hours that occur twice, sessions."""

import pytest

from hindcast.errors import HindcastError
from hindcast.facts import Table
from hindcast.features import last_full, last_n, rate, session, to_date, window
from hindcast.testing import given
from hindcast.values import iso, moment_us

PINGS = Table("pings", event_time="at", known="event", columns=["at", "x"], types={"x": "number"})


def inside(over, as_of, *moments, **options):
    """Which of the moments lie in the window, the newest first."""
    rows = [{"at": moment, "x": float(n)} for n, moment in enumerate(moments)]
    feature = window(PINGS, "x", last_n(50), over=over, **options)
    (found,) = given(feature, rows).at(as_of).values.values()
    return [moments[int(n)] for n in reversed(found)]


def test_a_window_is_half_open():
    at = ("2025-01-03T10:59:59Z", "2025-01-03T11:00:00Z", "2025-01-03T11:59:59.999999Z", "2025-01-03T12:00:00Z")
    assert inside("1h", "2025-01-03T12:00Z", *at) == list(at[1:3])


def test_a_lag_moves_both_ends():
    at = ("2025-01-03T08:59Z", "2025-01-03T09:00Z", "2025-01-03T09:59Z", "2025-01-03T10:00Z", "2025-01-03T11:00Z")
    assert inside("1h", "2025-01-03T12:00Z", *at, lag="2h") == list(at[1:3])
    assert inside("all", "2025-01-03T12:00Z", *at, lag="2h") == list(at[:3])


def test_all_is_everything_that_has_happened():
    at = ("1970-01-01T00:00Z", "2024-01-01T00:00Z", "2025-01-03T12:00Z")
    assert inside("all", "2025-01-03T12:00Z", *at) == list(at[:2])


def test_a_tile_rounds_the_far_end_only():
    at = ("2025-01-03T10:54Z", "2025-01-03T10:55Z", "2025-01-03T10:58Z", "2025-01-03T11:57Z", "2025-01-03T11:58Z")
    assert inside("1h", "2025-01-03T11:58Z", *at, tile="5m") == list(at[1:4])
    assert inside("1h", "2025-01-03T11:55Z", *at, tile="5m") == list(at[1:3]), "on a tile's edge it is exact"


def test_a_tiled_window_before_1970_rounds_towards_the_past_too():
    assert inside("1h", "1969-12-31T23:58Z", "1969-12-31T22:54Z", "1969-12-31T22:55Z", tile="5m") == [
        "1969-12-31T22:55Z"
    ]


def test_a_rate_over_a_tiled_window_is_of_its_true_length():
    rows = [{"at": "2025-01-03T11:00Z", "x": 1.0}]
    feature = window(PINGS, "x", [rate("1h")], over="1h", tile="1h")
    given(feature, rows).at("2025-01-03T12:30Z").expect({feature.names()[0]: 1 / 1.5}, within=1e-15)


# ---- calendars --------------------------------------------------------------------------------------------

EDGES = [
    # unit, zone, as_of, start of the unit, start of the one before
    ("day", "UTC", "2025-01-03T12:00Z", "2025-01-03T00:00Z", "2025-01-02T00:00Z"),
    ("day", "America/New_York", "2025-01-03T03:00Z", "2025-01-02T05:00Z", "2025-01-01T05:00Z"),
    ("week", "UTC", "2025-01-05T23:59Z", "2024-12-30T00:00Z", "2024-12-23T00:00Z"),
    ("week", "Europe/Berlin", "2025-01-05T23:00Z", "2025-01-05T23:00Z", "2024-12-29T23:00Z"),
    ("month", "America/New_York", "2024-12-01T04:59Z", "2024-11-01T04:00Z", "2024-10-01T04:00Z"),
    ("quarter", "UTC", "2025-01-01T00:00Z", "2025-01-01T00:00Z", "2024-10-01T00:00Z"),
    ("year", "Asia/Kolkata", "2024-12-31T18:29Z", "2023-12-31T18:30Z", "2022-12-31T18:30Z"),
    # the clock goes back: a day of 25 hours; it goes on: one of 23
    ("day", "America/New_York", "2024-11-04T04:59Z", "2024-11-03T04:00Z", "2024-11-02T04:00Z"),
    ("day", "America/New_York", "2024-11-04T05:00Z", "2024-11-04T05:00Z", "2024-11-03T04:00Z"),
    ("day", "America/New_York", "2024-03-11T04:00Z", "2024-03-11T04:00Z", "2024-03-10T05:00Z"),
    # midnight occurs twice: the day begins with the first; midnight is skipped: it begins with the jump
    ("day", "America/Havana", "2024-11-03T05:30Z", "2024-11-03T04:00Z", "2024-11-02T04:00Z"),
    ("day", "Africa/Cairo", "2024-04-26T10:00Z", "2024-04-25T22:00Z", "2024-04-24T22:00Z"),
]


@pytest.mark.parametrize(("unit", "zone", "as_of", "start", "before"), EDGES)
def test_a_calendar_window_follows_the_local_clock(unit, zone, as_of, start, before):
    start_us, before_us, now = moment_us(start), moment_us(before), moment_us(as_of)
    at = [iso(us) for us in (before_us - 1, before_us, start_us - 1, start_us, now - 1) if us < now]
    current, past = to_date(unit, zone=zone), last_full(unit, zone=zone)
    assert inside(current, as_of, *at) == [m for m in at if start_us <= moment_us(m)]
    assert inside(past, as_of, *at) == [m for m in at if before_us <= moment_us(m) < start_us]


def test_a_rate_of_a_long_day_is_over_25_hours():
    rows = [{"at": "2024-11-03T12:00Z", "x": 1.0}] * 5
    feature = window(PINGS, "x", [rate("1h")], over=last_full("day", zone="America/New_York"))
    given(feature, rows).at("2024-11-04T12:00Z").expect({feature.names()[0]: 0.2}, within=1e-15)


def test_a_unit_or_zone_nobody_knows_is_refused():
    with pytest.raises(HindcastError, match="fortnight"):
        to_date("fortnight")
    with pytest.raises(HindcastError, match="Mars"):
        last_full("day", zone="Mars/Olympus")


# ---- sessions ---------------------------------------------------------------------------------------------


def test_a_session_is_the_run_without_a_long_gap():
    at = ("2025-01-03T10:00Z", "2025-01-03T11:00Z", "2025-01-03T11:30Z", "2025-01-03T11:45Z")
    assert inside(session("30m"), "2025-01-03T12:00Z", *at) == list(at[1:])
    assert inside(session("29m"), "2025-01-03T12:00Z", *at) == list(at[2:])
    assert inside(session("14m"), "2025-01-03T12:00Z", *at) == []


def test_a_session_goes_on_up_to_its_gap():
    assert inside(session("30m"), "2025-01-03T12:15Z", "2025-01-03T11:45Z") == ["2025-01-03T11:45Z"]
    assert inside(session("30m"), "2025-01-03T12:15:00.000001Z", "2025-01-03T11:45Z") == []


def test_a_session_looks_back_at_most_so_far():
    at = tuple(f"2025-01-03T11:{m:02}Z" for m in range(0, 60, 5))
    assert inside(session("10m", at_most="30m"), "2025-01-03T12:00Z", *at) == list(at[6:])


def test_late_news_can_join_two_sessions():
    rows = [
        {"at": "2025-01-03T11:00Z", "x": 1.0},
        {"at": "2025-01-03T11:40Z", "x": 2.0},
        {"at": "2025-01-03T11:20Z", "x": 4.0, "_known": "2025-01-03T11:50Z"},
    ]
    (name,) = window(PINGS, "x", "sum", over=session("20m")).names()
    world = given(window(PINGS, "x", "sum", over=session("20m")), rows)
    world.at("2025-01-03T11:45Z", {}).expect({name: 2.0}).at("2025-01-03T11:55Z").expect({name: 7.0})


def test_a_condition_does_not_cut_a_session():
    """The run is of facts; which of them are counted is another question."""
    rows = [{"at": f"2025-01-03T11:{m}Z", "x": x} for m, x in ((20, 5.0), (35, -1.0), (50, 7.0))]
    feature = window(PINGS, "x", "sum", over=session("20m"), where="x > 0")
    given(feature, rows).at("2025-01-03T12:00Z").expect({feature.names()[0]: 12.0})
