from __future__ import annotations

import numpy as np
import pytest

from hindcast.columns import Column
from hindcast.errors import ConfigError
from hindcast.facts import after, before
from hindcast.facts.times import Shift, read_times
from hindcast.values import HOUR_US, moment_us


def test_before_and_after_are_shifts_of_a_column():
    assert before("scheduled", "2h") == Shift("scheduled", -2 * HOUR_US)
    assert after("landed", "2h") == Shift("landed", 2 * HOUR_US)
    assert before("scheduled", "30d").describe() == {"column": "scheduled", "offset": "-30d"}
    assert after("landed", "0s").describe() == {"column": "landed", "offset": "0s"}


@pytest.mark.parametrize("wrong", [("", "2h"), (3, "2h"), ("scheduled", "2 fortnights"), ("scheduled", "-2h")])
def test_a_shift_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ConfigError):
        before(*wrong)


def test_every_kind_of_column_is_read_as_moments():
    noon = moment_us("2013-07-01T12:00:00Z")
    for values in (["2013-07-01T12:00:00Z", "2013-07-01 14:00:00+02:00"], [noon, noon], [float(noon), float(noon)]):
        read = read_times(Column.of(values))
        assert read.us.tolist() == [noon, noon]
        assert read.present.all()
        assert not (read.bad | read.odd).any()
    assert read_times(Column.of(["2013-07-01"])).us.tolist() == [moment_us("2013-07-01")]


def test_what_is_not_a_time_is_bad_and_what_is_missing_is_absent():
    read = read_times(Column.of(["soon", None, "2013-02-30T00:00:00Z", ""]))
    assert read.bad.tolist() == [True, False, True, True]
    assert not read.present.any()
    fractions = read_times(Column.of([1.5, float("nan"), 2.0]))
    assert fractions.bad.tolist() == [True, False, False]
    assert fractions.present.tolist() == [False, False, True]
    assert read_times(Column.of([True])).bad.all()


def test_a_clock_time_needs_a_zone_and_hours_that_occur_twice_are_marked():
    clocks = Column.of(["2013-11-03 01:30:00", "2013-03-10 02:30:00", "2013-07-01 06:00:00", "2013-07-01T06:00:00Z"])
    with pytest.raises(ConfigError, match="zone="):
        read_times(clocks, what="column 'hour'")
    read = read_times(clocks, zone="America/New_York")
    assert read.odd.tolist() == [True, True, False, False]
    expected = ["2013-11-03T05:30:00Z", "2013-03-10T07:30:00Z", "2013-07-01T10:00:00Z", "2013-07-01T06:00:00Z"]
    assert read.us.tolist() == [moment_us(text) for text in expected]
    midnight = read_times(Column.of(["2013-07-01"]), zone="America/New_York")
    assert midnight.us.tolist() == [moment_us("2013-07-01T04:00:00Z")]
    assert np.array_equal(read.column().values, read.us)
