"""The reference: its replay against brute force, its budget of false alarms, its storage."""

import json

import numpy as np
import pytest
from monitor_seasons import START_US, requests

from hindcast.columns import Column, Frame
from hindcast.errors import ArtifactError, ConfigError, DataError, UnknownName
from hindcast.monitor import PREDICTION, DriftMonitor, Reference
from hindcast.monitor.bins import Bins
from hindcast.monitor.profiles import _Grid, _replay, mixture
from hindcast.monitor.season import Season
from hindcast.values import DAY_US, HOUR_US


def test_the_replay_of_the_reference_leaves_each_block_out():
    frame, as_of, _ = requests(days=40, per_day=60)
    words = frame["carrier"].objects()
    words[as_of > as_of[-1] - 3 * DAY_US] = "last days only"
    for column in (frame["temp"], Column.of(words.tolist())):
        bins, season = Bins.learn(column), Season("UTC", hours=True, weekdays=True)
        grid, kind = _Grid.of(as_of, DAY_US, 6 * HOUR_US), season.of_moments(as_of)
        composition = grid.counts(kind, season.kinds)
        _, min_values, effects = _replay(column, bins, kind, composition, grid, 30.0)
        stop = grid.start_us + grid.ends * grid.every_us
        for fold in (0, 3, 5):
            a, b, *_ = grid.folds[fold]
            out = ((as_of >= stop[a] - DAY_US) | (fold == 0)) & ((as_of < stop[b - 1]) | (fold == 5))
            others = {column.item(int(row)) for row in np.flatnonzero(~out)} if column.kind == "text" else set()
            codes = bins.codes(column, as_of.size)
            histogram = np.zeros((season.kinds, bins.size))
            np.add.at(histogram, (kind[~out], codes[~out]), 1)
            for window in range(a, b, 5):
                rows = np.flatnonzero((as_of >= stop[window] - DAY_US) & (as_of < stop[window]))
                own = codes[rows].copy()
                if column.kind == "text":
                    own[[column.item(int(row)) not in others for row in rows]] = bins.unseen
                counts = np.bincount(own, minlength=bins.size)[None].astype(float)
                mix = np.bincount(kind[rows], minlength=season.kinds)[None].astype(float)
                found = bins.effects(mixture(histogram, mix), counts, 30.0, min_values)
                for which in bins.statistics:
                    assert effects[which][window] == pytest.approx(found[which][0], nan_ok=True)
    assert effects["unseen_share"].max() > 0.9


def test_a_mixture_has_the_rows_of_its_composition():
    rng = np.random.default_rng(0)
    histogram, composition = rng.integers(0, 900, (4, 7)).astype(float), rng.integers(0, 50, (9, 4)).astype(float)
    found = mixture(histogram, composition)
    assert found.sum(axis=1) == pytest.approx(composition.sum(axis=1))
    alone = np.concatenate([mixture(histogram, row[None]) for row in composition])
    assert (alone == found).all()
    kind_two = mixture(histogram * 1e6, np.array([[0, 0, 10.0, 0]]))[0]
    assert kind_two == pytest.approx(10 * histogram[2] / histogram[2].sum(), rel=1e-3)


def test_the_same_rows_in_any_order_give_the_same_bytes():
    frame, as_of, prediction = requests(days=30, per_day=50)
    shuffled = np.random.default_rng(1).permutation(as_of.size)
    one = Reference.learn(frame, as_of, prediction)
    other = Reference.learn(frame.take(shuffled), as_of[shuffled], prediction[shuffled])
    assert one.to_json() == other.to_json()


def test_a_reference_is_stored_as_json_and_comes_back():
    frame, as_of, prediction = requests(days=30, per_day=50)
    frame = frame.having(empty=np.full(as_of.size, np.nan), when=Column("time", as_of))
    reference = Reference.learn(frame, as_of, prediction, zone="America/New_York", floors={"shift": 0.5})
    text = reference.to_json()
    again = Reference.from_json(text)
    assert again.to_json() == text
    assert again.names == (*[n for n in frame.names if n != "when"], PREDICTION)
    assert again.ignored == ("when",)
    assert ("empty", "shape") in again.blind
    assert again.profile("temp").thresholds["shift"].floor == 0.5
    with pytest.raises(UnknownName, match="temp"):
        again.profile("tmp")
    with pytest.raises(ArtifactError, match="format"):
        Reference.from_plain({**json.loads(text), "format": 99})


def test_thresholds_rise_above_the_reference_and_the_floor_and_with_rarity():
    frame, as_of, prediction = requests(days=90, per_day=100)
    strict = Reference.learn(frame, as_of, prediction, false_alarms=0.1)
    usual = Reference.learn(frame, as_of, prediction)
    for one, other in zip(strict.profiles, usual.profiles, strict=True):
        for which, threshold in other.thresholds.items():
            if not np.isnan(threshold.level):
                assert threshold.level >= max(threshold.floor, threshold.largest) - 1e-12
                assert not one.thresholds[which].calibrated < threshold.calibrated


def test_arguments_that_cannot_be_met_are_refused():
    frame, as_of, prediction = requests(days=30, per_day=20)
    with pytest.raises(DataError, match="too short"):
        Reference.learn(frame.take(slice(0, 100)), as_of[:100])
    with pytest.raises(DataError, match="too short"):
        Reference.learn(frame.take(slice(0, 0)), as_of[:0])
    with pytest.raises(ConfigError, match="divide"):
        Reference.learn(frame, as_of, window="24h", every="7h")
    with pytest.raises(ConfigError, match="above zero"):
        Reference.learn(frame, as_of, false_alarms=0)
    with pytest.raises(UnknownName, match="shift"):
        Reference.learn(frame, as_of, floors={"shft": 1.0})
    with pytest.raises(ConfigError, match="prediction"):
        Reference.learn(frame.having(prediction=prediction), as_of, prediction)
    with pytest.raises(DataError, match="shape"):
        Reference.learn(frame, as_of[1:])
    with pytest.raises(DataError, match="shape"):
        Reference.learn(frame, as_of, prediction[1:])


def test_rows_far_apart_in_time_leave_gaps_unjudged_rather_than_wrong():
    as_of = START_US + np.r_[np.arange(0, 12 * DAY_US, HOUR_US), 300 * DAY_US + np.arange(0, 12 * DAY_US, HOUR_US)]
    frame = Frame.of({"x": np.random.default_rng(0).normal(size=as_of.size)})
    reference = Reference.learn(frame, as_of, window="48h")
    assert reference.profile("x").thresholds["shift"].level < 3


def test_lists_are_not_watched_and_nothing_minds_them():
    frame, as_of, prediction = requests(days=30, per_day=50)
    last = Column.of_kind([("JFK",) * (row % 3) for row in range(len(frame))], "list")
    beside = Reference.learn(frame.having(last=last), as_of, prediction)
    plain = Reference.learn(frame, as_of, prediction)
    assert beside.ignored == (*plain.ignored, "last")
    assert beside.names == plain.names
    assert Bins.learn(frame["temp"]).codes(last, len(last)).tolist() == [Bins.learn(frame["temp"]).values] * len(last)
    monitor = DriftMonitor(beside)
    later = as_of + 60 * DAY_US
    monitor.observe(frame.having(temp=last), later, prediction)  # a feature that became a list is missing
    start = int(later[0]) // DAY_US * DAY_US
    found = monitor.look([start + 5 * DAY_US])
    assert ("temp", "null_share") in {(alert.feature, alert.statistic) for alert in found.alerts}
