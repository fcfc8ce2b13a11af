"""Kinds of moments follow the zone's calendar; the expected volume is the sum over hours."""

import numpy as np
import pytest

from hindcast.monitor.season import Season, Volume
from hindcast.values import DAY_US, HOUR_US, moment_us


def test_a_kind_is_a_quarter_of_a_day_of_the_week_in_its_zone():
    season = Season("America/New_York", hours=True, weekdays=True)
    monday_two = moment_us("2013-07-01T06:00:00Z")
    moments = np.array([monday_two, monday_two + 5 * HOUR_US, monday_two + DAY_US, monday_two + 7 * DAY_US])
    assert season.of_moments(moments).tolist() == [0, 1, 4, 0]
    assert season.kinds == 28


@pytest.mark.parametrize(("days", "kinds"), [(1, 1), (5, 4), (30, 28)])
def test_a_short_reference_knows_fewer_kinds(days, kinds):
    season = Season.of(days * DAY_US, "UTC")
    assert season.kinds == kinds
    moments = np.arange(0, 14 * DAY_US, HOUR_US)
    assert np.unique(season.of_moments(moments)).tolist() == list(range(kinds))


def test_volume_adds_up_the_hours_of_the_week():
    rng = np.random.default_rng(0)
    as_of = np.sort(rng.integers(3 * HOUR_US, 40 * DAY_US, 5000))
    volume = Volume.of(as_of, int(as_of[0]), int(as_of[-1]) + 1)
    start = np.array([5 * DAY_US, 6 * DAY_US + 7 * HOUR_US])
    stop = start + np.array([DAY_US, HOUR_US // 2])
    hours = np.arange(5 * 24, 6 * 24) % 168
    found = volume.expected(start, stop)
    assert found[0] == pytest.approx(volume.per_hour[hours].sum())
    assert found[1] == pytest.approx(volume.per_hour[(6 * 24 + 7) % 168] / 2)
    whole = volume.expected(np.array([0]), np.array([28 * DAY_US]))[0]
    assert whole == pytest.approx(5000 * 28 / 40, rel=0.05)


def test_volume_leaves_out_what_it_is_told_to():
    as_of = np.concatenate([np.arange(0, 20 * DAY_US, HOUR_US), np.full(1000, 10 * DAY_US)])
    calm = Volume.of(np.sort(as_of), 0, 20 * DAY_US, without=(10 * DAY_US, 11 * DAY_US))
    assert calm.per_hour.tolist() == [1.0] * 168
