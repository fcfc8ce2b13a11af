"""The drift monitor: faults found within a day, silence otherwise, bulk equals one by one."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from monitor_seasons import START_US, looks, requests

from hindcast.columns import Column, Frame
from hindcast.errors import ConfigError, DataError
from hindcast.monitor import PREDICTION, DriftMonitor, Reference
from hindcast.values import DAY_US, HOUR_US

CUT = START_US + 182 * DAY_US


class History:
    """Half a year to learn from and the quarter after it, of one process."""

    def __init__(self, seed: int, numbers: int = 20, per_day: int = 300) -> None:
        frame, as_of, prediction = requests(182 + 91, per_day, seed, numbers)
        split = int(np.searchsorted(as_of, CUT))
        self.past = (frame.take(slice(0, split)), as_of[:split], prediction[:split])
        self.frame, self.as_of, self.prediction = frame.take(slice(split, None)), as_of[split:], prediction[split:]
        self.reference = Reference.learn(*self.past)

    def watch(self, frame=None, days=91.0):
        frame = self.frame if frame is None else frame
        rows = slice(0, int(np.searchsorted(self.as_of, CUT + days * DAY_US)))
        monitor = DriftMonitor(self.reference, start_us=CUT)
        monitor.observe(frame.take(rows), self.as_of[rows], self.prediction[rows])
        return monitor.look(looks(CUT, int(CUT + days * DAY_US)))


@pytest.fixture(scope="module")
def history():
    return History(seed=7)


# ---- false alarms -------------------------------------------------------------------------------------------


def test_the_replayed_reference_keeps_the_budget_of_false_alarms(history):
    frame, as_of, prediction = history.past
    monitor = DriftMonitor(history.reference)
    monitor.observe(frame, as_of, prediction)
    found = monitor.look(looks(int(as_of[0]), int(as_of[-1])))
    assert len(found.alerts) <= 2  # two quarters, over all features together
    assert np.isfinite(found.effects[8:, :-1]).any(axis=1).all()


def test_a_fresh_quarter_of_the_same_process_has_at_most_one_false_alarm_on_average():
    found = [len(History(seed, numbers=12, per_day=200).watch().alerts) for seed in range(6)]
    assert sum(found) / len(found) <= 1, found


# ---- planted faults -------------------------------------------------------------------------------------------


def _from(history, start_us, frame):
    """The history's features, from `start_us` on those of `frame`."""
    after = history.as_of >= start_us
    columns = {}
    for name in history.frame.names:
        healthy, faulty = history.frame[name].objects(), frame[name].objects()
        kind = history.frame[name].kind
        columns[name] = Column.of_kind(np.where(after, faulty, healthy).tolist(), kind)
    return Frame(columns)


def _found_within_a_day(history, frame, start_us, names, kind):
    faulty = _from(history, start_us, frame)
    for alert in history.watch(faulty, days=(start_us - CUT) / DAY_US + 1.25).alerts:
        if alert.kind == kind and set(names) & set(alert.features):
            assert start_us < alert.at_us <= start_us + DAY_US
            assert alert.effect > alert.threshold >= alert.floor
            assert alert.feature in alert.sentence
            return alert
    raise AssertionError(f"nobody noticed what happened to {names}")


@pytest.mark.parametrize("days", [3, 20.3])
@pytest.mark.parametrize("name", ["delay_mean", "temp", "wind", "count", "distance"])
def test_a_number_in_another_unit_is_found_within_a_day(history, name, days):
    scaled = history.frame.having(**{name: history.frame[name].floats() * 100})
    alert = _found_within_a_day(
        history, scaled.having(distance=_whole(scaled)), int(CUT + days * DAY_US), [name], "drift"
    )
    assert alert.feature == name


def _whole(frame):
    return frame["distance"].floats().astype(np.int64)


@pytest.mark.parametrize("word", ["UA", "WN", "YV"])
def test_a_renamed_category_is_found_within_a_day(history, word):
    words = history.frame["carrier"].objects()
    renamed = history.frame.having(carrier=np.where(words == word, "renamed", words).tolist())
    _found_within_a_day(history, renamed, CUT + 9 * DAY_US, ["carrier"], "drift")


def test_a_late_source_is_found_within_a_day(history):
    late = ["delay_mean", "delay_5"]
    gone = history.frame.having(**{name: np.full(len(history.frame), np.nan) for name in late})
    for name in late:
        _found_within_a_day(history, gone, CUT + 9 * DAY_US, [name], "freshness")
    zero = history.frame.having(count=np.zeros(len(history.frame)))
    _found_within_a_day(history, zero, CUT + 9 * DAY_US, ["count"], "drift")


def test_missing_requests_are_found(history):
    few = DriftMonitor(history.reference, start_us=CUT)
    keep = (history.as_of < CUT + 10 * DAY_US) | (np.arange(history.as_of.size) % 5 == 0)
    few.observe(history.frame.take(keep), history.as_of[keep], history.prediction[keep])
    alerts = [a for a in few.look(looks(CUT, CUT + 11 * DAY_US)).alerts if a.kind == "volume"]
    assert [(a.feature, a.at_us > CUT + 10 * DAY_US) for a in alerts] == [("requests", True)]
    none = DriftMonitor(history.reference, start_us=CUT)
    assert [a.kind for a in none.look([CUT + 2 * DAY_US]).alerts] == ["volume"]


def test_a_prediction_that_moves_is_found_and_an_absent_column_too(history):
    monitor = DriftMonitor(history.reference, start_us=CUT)
    frame = Frame({name: history.frame[name] for name in history.frame.names if name != "wind"})
    monitor.observe(frame, history.as_of, np.full(history.as_of.size, 0.999))
    alerts = monitor.look([CUT + DAY_US]).alerts
    assert {(a.kind, a.feature) for a in alerts} >= {("freshness", "wind")}
    assert any(PREDICTION in a.features for a in alerts if a.kind == "drift")


# ---- telling once ---------------------------------------------------------------------------------------------


def test_a_lasting_drift_alerts_once_and_again_after_the_interval(history):
    scaled = history.frame.having(temp=history.frame["temp"].floats() * 100)
    alerts = [a for a in history.watch(scaled).alerts if "temp" in a.features]
    assert [round((a.at_us - CUT) / DAY_US) for a in alerts] == [1, 29, 57, 85]


def test_a_drift_that_ended_and_came_back_alerts_again(history):
    day = (history.as_of - CUT) // DAY_US
    wrong = (day < 5) | ((day >= 12) & (day < 15))
    temp = history.frame["temp"].floats()
    alerts = history.watch(history.frame.having(temp=np.where(wrong, temp * 100, temp)), days=20).alerts
    assert [round((a.at_us - CUT) / DAY_US) for a in alerts if "temp" in a.features] == [1, 12]


def test_one_fault_of_many_features_is_one_alert(history):
    gone = history.frame.having(**{f"delay_{k}": np.full(len(history.frame), np.nan) for k in range(4, 12)})
    alerts = [a for a in history.watch(gone, days=10).alerts if a.kind == "freshness"]
    assert len(alerts) == 1
    assert set(alerts[0].features) >= {f"delay_{k}" for k in range(4, 12)}
    assert alerts[0].evidence["bins"][0]["bin"] == "null"


# ---- laws -----------------------------------------------------------------------------------------------------

SMALL = requests(40, 40, seed=3)


def _reference():
    return Reference.learn(*SMALL)


def _live():
    frame, as_of, prediction = requests(40, 40, seed=4)
    day = (as_of - START_US) // DAY_US
    temp = frame["temp"].floats()
    return frame.having(temp=np.where((day > 10) & (day < 17), temp * 100, temp)), as_of, prediction


@given(st.lists(st.integers(1, 30), min_size=1, max_size=12), st.integers(1, 9), st.booleans())
@settings(max_examples=15, deadline=None)
def test_bulk_and_one_by_one_are_the_same_to_the_bit(hours, block, resumed):
    reference, (frame, as_of, prediction) = _reference(), _live()
    moments = START_US + 9 * DAY_US + np.cumsum(hours) * 6 * HOUR_US
    bulk = DriftMonitor(reference, start_us=START_US)
    bulk.observe(frame, as_of, prediction)
    expected = bulk.look(moments)
    single, seen, alerts = DriftMonitor(reference, start_us=START_US), 0, []
    for look, at in enumerate(moments.tolist()):
        upto = int(np.searchsorted(as_of, at))
        for rows in np.array_split(np.arange(seen, upto), block):
            single.observe(frame.take(rows), as_of[rows], prediction[rows])
        if resumed:
            rows = slice(int(np.searchsorted(as_of, at - 40 * DAY_US)), upto)
            fresh = DriftMonitor(Reference.from_json(reference.to_json()), start_us=START_US)
            fresh.resume(single.state(), frame.take(rows), as_of[rows], prediction[rows])
            single = fresh
        seen, found = upto, single.look([at])
        assert found.effects.tobytes() == expected.effects[look : look + 1].tobytes()
        assert found.rows.tolist() == expected.rows[look : look + 1].tolist()
        alerts += found.alerts
    assert tuple(alerts) == expected.alerts


def test_the_order_of_rows_and_rows_after_the_look_change_nothing():
    reference, (frame, as_of, prediction) = _reference(), _live()
    at = START_US + 15 * DAY_US
    straight, shuffled = (DriftMonitor(reference, start_us=START_US) for _ in range(2))
    straight.observe(frame.take(as_of < at), as_of[as_of < at], prediction[as_of < at])
    order = np.random.default_rng(0).permutation(as_of.size)
    shuffled.observe(frame.take(order), as_of[order], prediction[order])
    one, other = straight.look([at]), shuffled.look([at])
    assert one.effects.tobytes() == other.effects.tobytes()
    assert one.alerts == other.alerts


def test_a_window_holds_its_start_and_not_its_end():
    reference, frame = _reference(), _live()[0]
    monitor = DriftMonitor(reference, start_us=0)
    monitor.observe(frame.take(slice(0, 3)), np.array([0, DAY_US - 1, DAY_US]))
    assert monitor.look([DAY_US]).rows.tolist() == [2]
    assert monitor.look([DAY_US + 1, 2 * DAY_US]).rows.tolist() == [2, 1]


def test_nothing_is_judged_before_a_whole_window_has_passed():
    reference, (frame, as_of, prediction) = _reference(), _live()
    monitor = DriftMonitor(reference)
    monitor.observe(frame, as_of, prediction)
    first = int(as_of[0])
    found = monitor.look([first + DAY_US - 1, first + DAY_US])
    assert np.isnan(found.effects[0]).all()
    assert not np.isnan(found.effects[1]).all()
    assert found.unjudged >= found.effects.shape[1]
    assert found.effect("temp", "shift").shape == (2,)


def test_late_rows_and_looks_back_are_refused():
    reference, (frame, as_of, _) = _reference(), _live()
    monitor = DriftMonitor(reference)
    monitor.observe(frame.take(slice(0, 500)), as_of[:500])
    monitor.look([int(as_of[500])])
    with pytest.raises(DataError, match="older than the last look"):
        monitor.observe(frame.take(slice(0, 1)), as_of[:1])
    with pytest.raises(ConfigError, match="forward"):
        monitor.look([int(as_of[500])])
    with pytest.raises(ConfigError, match="forward"):
        monitor.look([int(as_of[-1]) + 5, int(as_of[-1]) + 5])
    with pytest.raises(DataError, match="shape"):
        monitor.observe(frame, as_of[1:])


# ---- real data --------------------------------------------------------------------------------------------------


def _data(name):
    path = Path(os.environ.get("HINDCAST_DATA", "")) / name
    if not os.environ.get("HINDCAST_DATA") or not path.exists():
        pytest.skip(f"real data {name} is not here; set HINDCAST_DATA to its folder")
    return path


def test_electricity_prices_drift_where_the_market_changed():
    import pyarrow.parquet as pq

    table = pq.read_table(_data("drift/elec2.parquet"))
    frame = Frame.from_arrow(table)
    as_of = frame["timestamp"].values
    watched = frame.select(["nswprice", "nswdemand", "vicprice", "vicdemand", "transfer"])
    past = as_of < as_of[0] + 300 * DAY_US
    reference = Reference.learn(watched.take(past), as_of[past], window="48h")
    monitor = DriftMonitor(reference, start_us=int(as_of[~past][0]))
    monitor.observe(watched.take(~past), as_of[~past])
    found = monitor.look(looks(int(as_of[~past][0]), int(as_of[-1])))
    drifted = {name for alert in found.alerts if alert.kind == "drift" for name in alert.features}
    assert drifted >= {"transfer"}  # constant until Victoria joined the market on 2 May 1997
    assert len(found.alerts) <= 40
    started = int(as_of[np.flatnonzero(frame["transfer"].values != frame["transfer"].values[0])[0]])
    assert min(a.at_us for a in found.alerts if "transfer" in a.features) <= started + 2 * DAY_US


def test_bike_hours_stay_quiet_and_a_changed_unit_does_not():
    from pyarrow import csv

    table = csv.read_csv(_data("bike_sharing/hour.csv"))
    frame = Frame.from_arrow(table)
    as_of = frame["dteday"].values + frame["hr"].values * HOUR_US
    names = ["weathersit", "temp", "hum", "windspeed"]
    split = int(np.searchsorted(as_of, as_of[0] + 365 * DAY_US))
    past, live = slice(0, split), slice(split, None)
    reference = Reference.learn(frame.select(names).take(past), as_of[past], window="72h", zone="America/New_York")
    healthy, faulty = (DriftMonitor(reference, start_us=int(as_of[split])) for _ in range(2))
    healthy.observe(frame.select(names).take(live), as_of[live])
    moments = looks(int(as_of[split]), int(as_of[-1]))
    assert len(healthy.look(moments).alerts) <= 4
    faulty.observe(frame.select(names).having(hum=frame["hum"].values * 100).take(live), as_of[live])
    assert any("hum" in alert.features for alert in faulty.look(moments[:16]).alerts)


# ---- size -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_half_a_year_of_sixty_features_is_looked_at_every_six_hours():
    frame, as_of, prediction = requests(365, 925, 1, 57)
    split = int(np.searchsorted(as_of, CUT))
    reference = Reference.learn(frame.take(slice(0, split)), as_of[:split], prediction[:split])
    monitor = DriftMonitor(reference, start_us=CUT)
    monitor.observe(frame.take(slice(split, None)), as_of[split:], prediction[split:])
    found = monitor.look(looks(CUT, CUT + 183 * DAY_US))
    assert found.effects.shape[0] == 732
