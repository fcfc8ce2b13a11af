"""Where windows lie, against calendars walked hour by hour."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.errors import UnknownName
from hindcast.testing.windows import UNITS, last_full_bounds, local_unit, session_start, tiled, to_date_bounds
from hindcast.values import HOUR_US, moment_us

ZONES = ["UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "America/Havana"]
moments = st.integers(moment_us("2019-06-01"), moment_us("2026-06-01")).map(lambda us: us // 60_000_000 * 60_000_000)


def clock(us, zone):
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)).astimezone(ZoneInfo(zone))


@given(moments, st.sampled_from(ZONES), st.sampled_from(UNITS))
def test_a_unit_goes_from_its_first_instant_to_now(t, zone, unit):
    lo, hi = to_date_bounds(t, unit, zone)
    assert lo <= hi == t
    assert local_unit(lo, unit, zone) == local_unit(t, unit, zone) == clock(lo, zone).date()
    assert local_unit(lo - 1, unit, zone) < local_unit(t, unit, zone)


@given(moments, st.sampled_from(ZONES), st.sampled_from(UNITS))
def test_the_unit_before_ends_where_this_one_begins(t, zone, unit):
    lo, hi = last_full_bounds(t, unit, zone)
    assert hi == to_date_bounds(t, unit, zone)[0]
    assert lo == to_date_bounds(hi - 1, unit, zone)[0]
    days = {"day": (0, 2), "week": (6, 8), "month": (27, 32), "quarter": (89, 93), "year": (364, 367)}[unit]
    assert days[0] * 24 * HOUR_US < hi - lo < days[1] * 24 * HOUR_US


def test_weeks_begin_on_monday():
    assert local_unit(moment_us("2025-01-05"), "week", "UTC").isoformat() == "2024-12-30"
    assert local_unit(moment_us("2025-01-06"), "week", "UTC").isoformat() == "2025-01-06"


def test_a_unit_nobody_knows_is_refused():
    with pytest.raises(UnknownName, match="fortnight"):
        local_unit(0, "fortnight", "UTC")


@given(st.lists(st.integers(0, 60), max_size=12), st.integers(1, 70), st.integers(1, 9), st.integers(9, 40))
def test_a_session_has_no_gap_and_cannot_be_longer(events, t, gap, at_most):
    start = session_start(events, t, gap, at_most)
    inside = sorted(e for e in events if start <= e < t)
    assert start == (inside[0] if inside else t)
    assert start >= t - at_most
    assert all(later - earlier <= gap for earlier, later in zip(inside, [*inside, t][1:], strict=True))
    assert not any(start - gap <= e < start and e >= t - at_most for e in events)


@given(st.integers(-1000, 1000), st.integers(1, 60))
def test_a_tile_rounds_down(lo, tile):
    found = tiled(lo, tile)
    assert found <= lo < found + tile
    assert found % tile == 0
    assert tiled(lo, None) == lo
