"""Implicit labels equal counting click by click at any moment; positions are corrected; real logs are read."""

import math
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.errors import ConfigError, DataError
from hindcast.labels import ImplicitLabels, click_labels, examination, horizon_costs, position_weights
from hindcast.values import HOUR_US, NEVER

DATA = os.environ.get("HINDCAST_DATA")
S = 1_000_000

clicks = st.lists(
    st.tuples(
        st.integers(0, 4),  # impression, 4 is nobody's
        st.integers(0, 20),  # when
        st.one_of(st.none(), st.integers(0, 8)),  # dwell
        st.integers(0, 10),  # reported so much later
        st.one_of(st.none(), st.integers(0, 40)),  # retracted
    ),
    max_size=12,
)


@given(st.lists(st.integers(0, 10), min_size=4, max_size=4), clicks, st.booleans(), st.integers(0, 45))
def test_it_equals_counting_click_by_click(shown, events, dwelt, now):
    least = 3 if dwelt else None
    found = click_labels(
        [s * S for s in shown],
        [e[0] for e in events],
        [e[1] * S for e in events],
        within="6s",
        dwell=[math.nan if e[2] is None else e[2] for e in events] if dwelt else None,
        least=least,
        known=[(e[1] + e[3]) * S for e in events],
        retracted=[None if e[4] is None else e[4] * S for e in events],
        now=now * S,
    )
    wait = 3 if dwelt else 0
    for place, since in enumerate(shown):
        counted, undone = [], []
        for impression, at, dwell, report, back in events:
            if impression != place or not since <= at < since + 6:
                continue
            if dwelt and (dwell is None or dwell < 3):
                continue
            ready = max(at + report, at + wait)
            if ready >= now:
                continue
            if back is not None and back < now:
                undone.append(back)
            else:
                counted.append(ready)
        deadline = max([since + 6 + wait, *undone])
        if counted:
            assert (found.label[place], found.known[place]) == (1, min(counted) * S)
        elif deadline < now:
            assert (found.label[place], found.known[place]) == (0, deadline * S)
        else:
            assert math.isnan(found.label[place])
            assert found.known[place] == NEVER
        assert found.clicks[place] == len(counted)
    parts = ("counted", "outside", "short", "retracted", "unseen", "unmatched")
    assert sum(found.counts[part] for part in parts) == len(events)
    assert found.counts["positive"] + found.counts["negative"] + found.counts["waiting"] == 4


@given(st.lists(st.integers(0, 10), min_size=4, max_size=4), clicks, st.integers(0, 45))
def test_news_after_now_changes_nothing(shown, events, now):
    def read(events):
        return click_labels(
            [s * S for s in shown],
            [e[0] for e in events],
            [e[1] * S for e in events],
            within="6s",
            known=[(e[1] + e[3]) * S for e in events],
            retracted=[None if e[4] is None else e[4] * S for e in events],
            now=now * S,
        )

    past = [(i, a, d, r, b if b is None or b < now else None) for i, a, d, r, b in events if a + r < now]
    whole, part = read(events), read(past)
    np.testing.assert_array_equal(whole.label, part.label)
    np.testing.assert_array_equal(whole.known, part.known)


def test_dwell_is_capped_and_summed():
    found = click_labels([0, 0, 0], [0, 0, 1], [1, 2, 3], within="1m", dwell=[20.0, 70.0, 15.0], cap=60)
    assert found.strength.tolist() == [1.0, 0.25, 0.0]
    assert isinstance(found, ImplicitLabels)
    assert click_labels([0], [0], [0], within="1s").strength.tolist() == [1.0]


def test_impressions_by_name():
    found = click_labels([0, 0], ["b", "x"], [5, 5], within="1s", key=["a", "b"])
    assert found.label.tolist() == [0, 1]
    assert "1 of 2 clicks belong to no impression" in found.notes[0]
    assert len(found) == 2
    assert found.settled.all()
    nobody = click_labels([], [], [], within="1s")
    assert nobody.counts["impressions"] == 0


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (
            lambda: click_labels([0, 0], ["a"], [1], within="1s", key=["a", "a"]),
            DataError,
            "two impressions have one key",
        ),
        (lambda: click_labels([0], ["a"], [1], within="1s", key=[]), DataError, "0 keys"),
        (lambda: click_labels([0], ["a"], [1], within="1s"), DataError, "named by place"),
        (lambda: click_labels([0], [0], [1, 2], within="1s"), DataError, "2 values of `clicked`"),
        (lambda: click_labels([None], [0], [1], within="1s"), DataError, "has no moment"),
        (lambda: click_labels([0], [0], [1], within="1s", dwell=[-1.0]), DataError, "dwell below zero"),
        (lambda: click_labels([0], [0], [1], within="1s", least=3), ConfigError, "needs the dwell"),
        (lambda: click_labels([0], [0], [1], within="1s", dwell=[1.0], cap=0), ConfigError, "above 0"),
        (lambda: click_labels([0], [0], [1], within="soon"), ConfigError, "not a duration"),
        (lambda: examination([1], [0.5]), DataError, "still waiting"),
        (lambda: examination([1, 2], [1]), DataError, "2 positions meet 1"),
        (lambda: position_weights([1], [3], {1: 1.0}), DataError, "how often this position"),
        (lambda: position_weights([1], [1], {1: math.nan}), DataError, "above zero"),
        (lambda: position_weights([1, 1], [1], {1: 1.0}), DataError, "1 positions meet 2"),
    ],
)
def test_bad_requests_are_answered_kindly(call, error, says):
    with pytest.raises(error, match=says):
        call()


def test_positions_are_corrected():
    """Chance puts items anywhere; clicks fall with position; weighted clicks rank items as they deserve."""
    rng = np.random.default_rng(6)
    n = 60_000
    position, good = rng.integers(1, 4, n), rng.random(n)
    looked = np.array([1.0, 0.5, 0.25])[position - 1]
    label = (rng.random(n) < 0.3 * good * looked).astype(float)
    rates = examination(position, label)
    for place, truth in ((1, 1.0), (2, 0.5), (3, 0.25)):
        assert rates[place].low <= truth <= rates[place].high
    shown_high = np.where(good > 0.5, 1, 3)  # now a policy puts the good ones first
    looked = np.array([1.0, 0.5, 0.25])[shown_high - 1]
    label = (rng.random(n) < 0.3 * good * looked).astype(float)
    weight = position_weights(label, shown_high, rates)
    low, high = good < 0.5, good >= 0.5
    assert label[high].mean() / label[low].mean() > 10, "raw clicks exaggerate"
    assert (weight * label)[high].mean() / (weight * label)[low].mean() == pytest.approx(3, abs=0.4)
    assert math.isnan(examination([1, 2], [0, 1])[2].value)
    assert position_weights([1], [3], {3: 0.001}, cap=5).tolist() == [5]


@pytest.mark.skipif(DATA is None, reason="HINDCAST_DATA is not set")
def test_a_real_log_of_clicks():
    import pyarrow.parquet as pq

    table = pq.read_table(Path(DATA) / "bandit_open_bandit" / "random_men.parquet")
    shown = table.column("timestamp").to_numpy().astype("datetime64[us]")
    label = table.column("click").to_numpy()
    clicked = np.flatnonzero(label)
    found = click_labels(shown, clicked, shown[clicked], within="1h")
    assert np.nanmean(found.label) == pytest.approx(0.0046, abs=1e-9)
    assert found.counts["positive"] == 46
    noon = click_labels(shown, clicked, shown[clicked], within="1h", now="2019-11-27")
    at, noon_us = shown.astype(np.int64), 1574812800 * S
    known_yes = (label == 1) & (at < noon_us)
    assert noon.counts["positive"] == known_yes.sum()
    assert noon.counts["waiting"] == ((at + HOUR_US >= noon_us) & ~known_yes).sum()
    rates = examination(table.column("position").to_numpy(), label)
    assert set(rates) == {1, 2, 3}
    assert all(rate.low < 1.3 and rate.high > 0.7 for rate in rates.values()), "46 clicks tell no position from another"


@pytest.mark.skipif(DATA is None, reason="HINDCAST_DATA is not set")
def test_a_real_experiment_ends_too_early():
    """Retention is known after 1 and after 7 days: at a horizon of two days all of the second are still negative."""
    from pyarrow import csv

    table = csv.read_csv(Path(DATA) / "ab_test" / "cookie_cats.csv")
    week = np.array([str(v).lower() == "true" for v in table.column("retention_7").to_pylist()])
    asked = (np.arange(len(week)) % 14) * 24 * HOUR_US
    known = np.where(week, asked + 7 * 24 * HOUR_US, NEVER)
    two, nine = horizon_costs(asked, known, week, ["2d", "9d"], now=60 * 24 * HOUR_US)
    assert two.base_rate.value == 0
    assert two.false_negatives.value == 1
    assert nine.base_rate.value == pytest.approx(0.1861, abs=0.0005)
    assert nine.wrong.value == 0


def test_clicks_of_other_numbers_are_refused_kindly():
    with pytest.raises(DataError, match="clicked"):
        click_labels([0, 1], [0, 1], [], within="1h", known=[5, 5])
    with pytest.raises(DataError, match="dwell"):
        click_labels([0, 1], [0, 1], [3, 4], within="1h", dwell=5, least=1.0)
    with pytest.raises(DataError, match="numbers"):
        examination([1, 2], ["yes", "no"])
