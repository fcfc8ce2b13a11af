"""Durations, moments, local clocks and identities."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from enum import Enum
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import hindcast as hc
from hindcast.errors import ConfigError, DataError
from hindcast.values import (
    BEGINNING,
    DAY_US,
    HOUR_US,
    LONGEST_US,
    NEVER,
    SECOND_US,
    canonical,
    digest,
    duration_text,
    duration_us,
    from_local,
    iso,
    local_hour,
    local_weekday,
    moment_us,
    zone_offset_us,
)

ZONES = (
    "America/New_York", "Europe/Lisbon", "Atlantic/Azores", "Africa/Casablanca", "Australia/Lord_Howe",
    "Asia/Kathmandu", "Pacific/Apia", "Pacific/Kiritimati", "Antarctica/Troll", "America/St_Johns",
    "Europe/Dublin", "UTC",
)  # fmt: skip
FIRST = moment_us("1900-01-01")
LAST = moment_us("2100-01-01")
microseconds = st.integers(-LONGEST_US, LONGEST_US)
moments = st.integers(FIRST, LAST)


# ---- durations ------------------------------------------------------------------------------------------


@given(microseconds)
def test_a_duration_survives_its_text(us: int) -> None:
    assert duration_us(duration_text(us), signed=True) == us


@given(microseconds)
def test_a_timedelta_is_its_microseconds(us: int) -> None:
    assert duration_us(timedelta(microseconds=us), signed=True) == us


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("90m", 90 * 60 * SECOND_US),
        ("1d12h", 36 * HOUR_US),
        ("1d 12h", 36 * HOUR_US),
        (" 1.5h ", 90 * 60 * SECOND_US),
        ("2w", 14 * DAY_US),
        ("0s", 0),
        ("250ms", 250_000),
        ("9007199254740993us", 9_007_199_254_740_993),
        ("0.1s", 100_000),
        ("+2h", 2 * HOUR_US),
        ("-1d12h", -36 * HOUR_US),
    ],
)
def test_durations_as_people_write_them(text: str, us: int) -> None:
    assert duration_us(text, signed=True) == us


@pytest.mark.parametrize(
    "bad",
    ["", " ", "1", "h", "1 month", "1y", "1d-2h", "--1h", "1e3s", "1,5h", "nan s", "inf s", "-",
     "+", "1h!", "9" * 40 + "d", 5, 1.5, None, "٣h"],
)  # fmt: skip
def test_what_is_no_duration_is_named(bad: object) -> None:
    with pytest.raises(ConfigError, match="window"):
        duration_us(bad, what="window", signed=True)  # type: ignore[arg-type]


def test_below_zero_only_where_it_means_something() -> None:
    with pytest.raises(ConfigError, match="below zero"):
        duration_us("-1h")
    with pytest.raises(ConfigError, match="below zero"):
        duration_us(timedelta(microseconds=-1))
    assert duration_us("-0s") == 0


# ---- moments --------------------------------------------------------------------------------------------


@given(st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=st.timezones()))
def test_a_moment_survives_its_text(at: datetime) -> None:
    us = moment_us(at)
    assert moment_us(iso(us)) == us
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us) == at.astimezone(UTC)


def test_moments_as_people_write_them() -> None:
    us = 1_372_636_800_000_000
    for value in (
        "2013-07-01",
        date(2013, 7, 1),
        "2013-07-01T00:00:00Z",
        "2013-06-30T20:00:00-04:00",
        us,
        np.int64(us),
    ):
        assert moment_us(value) == us
    assert iso(us) == "2013-07-01T00:00:00Z"
    assert iso(us + 1) == "2013-07-01T00:00:00.000001Z"


class Nowhere(tzinfo):
    """A zone that does not know its offset."""

    def utcoffset(self, _: datetime | None) -> None:
        return None


@pytest.mark.parametrize(
    "bad",
    [
        "2013-07-01 06:00", "2013-13-01", "yesterday", "", True, None, 1.5, np.datetime64("2013-07-01"),
        datetime(2013, 7, 1), datetime(2013, 7, 1, tzinfo=Nowhere()),
    ],
)  # fmt: skip
def test_what_is_no_moment_is_named(bad: object) -> None:
    with pytest.raises(ConfigError, match="start"):
        moment_us(bad, what="start")  # type: ignore[arg-type]


def test_moments_beyond_the_calendar_can_still_be_told() -> None:
    assert iso(NEVER) == iso(NEVER + DAY_US) == "never"
    assert iso(BEGINNING) == "always"
    assert iso(NEVER - 1) == f"{NEVER - 1} us since 1970"


# ---- local clocks ---------------------------------------------------------------------------------------


def offset_us(us: int, zone: str) -> int:
    """What zoneinfo says, one moment at a time."""
    offset = datetime.fromtimestamp(us // SECOND_US, ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return offset // timedelta(microseconds=1)


@given(st.lists(moments, max_size=8), st.sampled_from(ZONES))
@example(
    [moment_us("2008-06-01T00:00:00Z"), moment_us("2008-06-01") - 1, moment_us("2008-06-01") + 1], "Africa/Casablanca"
)
def test_offsets_are_zoneinfos(at: list[int], zone: str) -> None:
    assert zone_offset_us(np.array(at, dtype=np.int64), zone).tolist() == [offset_us(us, zone) for us in at]


def changes(zone: str, first: int, last: int) -> list[int]:
    """The seconds between two years at which a zone's offset changes."""
    found = []
    for hour in range(moment_us(f"{first}-01-01"), moment_us(f"{last}-01-01"), HOUR_US):
        if offset_us(hour, zone) != offset_us(hour + HOUR_US, zone):
            low, high = hour, hour + HOUR_US
            while high - low > SECOND_US:
                middle = (low + high) // 2 // SECOND_US * SECOND_US
                low, high = (middle, high) if offset_us(middle, zone) == offset_us(hour, zone) else (low, middle)
            found.append(high)
    return found


@pytest.mark.parametrize(
    ("zone", "year"),
    [("America/New_York", 2013), ("Africa/Casablanca", 2008), ("Pacific/Apia", 2011), ("Australia/Lord_Howe", 2019)],
)
def test_every_change_of_the_clock_is_met_to_the_microsecond(zone: str, year: int) -> None:
    found = changes(zone, year, year + 1)
    assert found
    around = [us + step for us in found for step in (-SECOND_US, -1, 0, 1, SECOND_US)]
    assert zone_offset_us(np.array(around), zone).tolist() == [offset_us(us, zone) for us in around]


@given(moments, st.sampled_from(ZONES), st.booleans())
def test_reading_a_clock_is_zoneinfos_too(clock: int, zone: str, second: bool) -> None:
    check_from_local(clock, zone, second)


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("America/New_York", "2013-03-10"), ("America/New_York", "2013-11-03"), ("Australia/Lord_Howe", "2019-04-07"),
        ("Australia/Lord_Howe", "2019-10-06"), ("Pacific/Apia", "2011-12-30"), ("Africa/Casablanca", "2008-06-01"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("second", [False, True])
def test_days_on_which_a_clock_is_turned(zone: str, day: str, second: bool) -> None:
    for minute in range(-12 * 60, 36 * 60, 10):
        check_from_local(moment_us(day) + minute * 60 * SECOND_US, zone, second)


def check_from_local(clock: int, zone: str, second: bool) -> None:
    """Hold one reading of a clock to zoneinfo."""
    at, odd = from_local(np.array([clock]), zone, second=second)
    shown = datetime(1970, 1, 1) + timedelta(microseconds=clock)
    readings = [shown.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1)]
    back = [reading.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for reading in readings]
    twice = readings[0] != readings[1] and back[0] == back[1] == shown
    never = shown not in back
    wanted = readings[1] if twice and second else readings[0]
    assert int(at[0]) == moment_us(wanted)
    assert bool(odd[0]) == (twice or never)


def test_an_hour_that_occurs_twice_and_one_that_never_does() -> None:
    twice = moment_us("2013-11-03") + HOUR_US  # 01:00 on the clock, as if it were UTC
    at, odd = from_local(np.array([twice, twice]), "America/New_York", second=np.array([False, True]))
    assert [iso(int(us)) for us in at] == ["2013-11-03T05:00:00Z", "2013-11-03T06:00:00Z"]
    assert odd.all()
    never = moment_us("2013-03-10") + 2 * HOUR_US
    at, odd = from_local(np.array([never]), "America/New_York")
    assert hc.local_hour(at, "America/New_York").tolist() == [3.0]
    assert odd.all()


@given(st.lists(moments, max_size=6), st.sampled_from(ZONES))
def test_hours_and_weekdays_are_what_the_clock_shows(at: list[int], zone: str) -> None:
    shown = [datetime.fromtimestamp(us // SECOND_US, ZoneInfo(zone)) for us in at]
    assert local_hour(np.array(at, dtype=np.int64), zone).tolist() == [clock.hour for clock in shown]
    assert local_weekday(np.array(at, dtype=np.int64), zone).tolist() == [clock.weekday() for clock in shown]


def test_a_null_moment_has_no_hour() -> None:
    at = np.array([np.nan, float(moment_us("2013-07-01T06:30:00Z"))])
    assert np.array_equal(local_hour(at, "America/New_York"), [np.nan, 2.0], equal_nan=True)
    assert np.array_equal(hc.local_weekday(at, "America/New_York"), [np.nan, 0.0], equal_nan=True)
    assert zone_offset_us(at, "America/New_York").tolist() == [0, -4 * HOUR_US]
    assert zone_offset_us(np.array([np.nan]), "UTC").tolist() == [0]


@pytest.mark.parametrize("year", ["0002-01-01", "9998-12-31"])
def test_the_first_and_the_last_year(year: str) -> None:
    us = moment_us(year)
    assert zone_offset_us(np.array([us]), "America/New_York").tolist() == [offset_us(us, "America/New_York")]


@pytest.mark.parametrize("us", [NEVER, BEGINNING, moment_us("0001-06-01"), moment_us("9999-06-01")])
def test_no_local_time_outside_the_calendar(us: int) -> None:
    with pytest.raises(DataError, match="no local time"):
        local_hour(np.array([us]), "America/New_York")


@pytest.mark.parametrize("zone", ["Nowhere/Land", "", "../etc/passwd", "America/New_york "])
def test_an_unknown_zone_is_named(zone: str) -> None:
    with pytest.raises(ConfigError, match="time zone"):
        local_hour(np.array([0]), zone)


def test_a_fixed_offset_needs_no_zone_name() -> None:
    assert moment_us(datetime(2013, 7, 1, 2, tzinfo=timezone(timedelta(hours=2)))) == moment_us("2013-07-01")


# ---- identity -------------------------------------------------------------------------------------------

texts = st.text(st.characters(codec="utf-8"))
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
plain = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(plain, plain)
def test_equal_values_have_one_form_and_different_ones_do_not(a: object, b: object) -> None:
    import json

    assert json.loads(canonical(a)) == json.loads(json.dumps(a))
    if canonical(a) == canonical(b):
        assert a == b
        assert digest(a) == digest(b)


@given(st.dictionaries(st.text(max_size=3), st.integers(), max_size=5), st.randoms())
def test_the_order_of_keys_and_sets_means_nothing(value: dict[str, int], random: object) -> None:
    keys = list(value)
    random.shuffle(keys)  # type: ignore[attr-defined]
    assert canonical({key: value[key] for key in keys}) == canonical(value)
    assert canonical(set(keys)) == canonical(frozenset(sorted(keys)))


def test_numbers_of_numpy_are_numbers_and_nan_is_spelled_out() -> None:
    assert canonical([np.int32(1), np.float64(0.5), np.array([1, 2])]) == b"[1,0.5,[1,2]]"
    assert canonical([float("nan"), float("inf")]) == b'[{"float":"nan"},{"float":"inf"}]'
    assert canonical({("a", 1), ("b", 0)}) == canonical({("b", 0), ("a", 1)})


def test_one_and_one_point_zero_are_two_things() -> None:
    assert canonical(1) != canonical(1.0) != canonical(True)


class Colour(Enum):
    RED = 1


@pytest.mark.parametrize(
    "bad", [object(), b"bytes", datetime(2013, 7, 1, tzinfo=UTC), Colour.RED, {1: "a", "1": "b"}, "\ud800", print]
)
def test_what_has_no_canonical_form_is_refused(bad: object) -> None:
    with pytest.raises(ConfigError, match="canonical"):
        canonical(bad)


def test_a_digest_has_the_length_asked_for() -> None:
    assert len(digest({"a": 1})) == 16
    assert digest({"a": 1}, length=64).startswith(digest({"a": 1}))
    assert digest(b"") == "e3b0c44298fc1c14"
