"""Ages: what the oracle sees as the newest fact, and what the online driver says beside its values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hindcast.features as f
from hindcast.catalogue.ages import aged, ages
from hindcast.columns import Column, Frame
from hindcast.errors import UnknownName
from hindcast.facts import Table
from hindcast.facts.facts import Facts
from hindcast.features.graph import neighbours_mean, shared_neighbours
from hindcast.features.online import OnlineFeatures
from hindcast.features.plan import FeaturePlan
from hindcast.testing import visible_versions

KEYED = Table("trips", key="id", event_time="at", known="seen")
ALWAYS = Table("makers", key="who", known="always")


def is_dear(hour, trips_x_mean_10us_by_who):
    return trips_x_mean_10us_by_who > hour


def is_odd(hour):
    return hour % 2


PLAN = FeaturePlan.compile(
    [
        f.request("hour"),
        f.window(KEYED, "x", "mean", over="10us", by="who"),
        f.window(KEYED, "x", ["mean", "max"], over="10us", by="who", lag="3us"),
        f.window(KEYED, over="5us", where="x > 2"),
        f.latest(KEYED, "x", by="who", name="now"),
        f.latest(KEYED, "x", by="who", max_age="4us", name="lately"),
        f.latest(ALWAYS, "maker", by="who"),
        is_dear,
        is_odd,
    ]
)


def history() -> Any:
    fact = st.tuples(
        st.integers(0, 5),
        st.sampled_from(["a", "b"]),
        st.integers(0, 20),
        st.integers(-2, 8),
        st.floats(0, 5),
        st.booleans(),
    )
    ask = st.tuples(st.sampled_from(["a", "b", "c", None]), st.integers(0, 32))
    return st.tuples(st.lists(fact, max_size=16), st.lists(ask, min_size=1, max_size=8))


def made(drawn: Any) -> tuple[dict[str, Facts], Frame, Any]:
    rows, asks = drawn
    event = np.array([row[2] for row in rows], dtype=np.int64)
    columns = {
        "id": Column.of_kind([row[0] for row in rows], "integer"),
        "who": Column.of_kind([row[1] for row in rows], "text"),
        "x": Column.of_kind([row[4] if row[0] else None for row in rows], "number"),
    }
    known = event + np.array([row[3] for row in rows], dtype=np.int64)
    gone = np.array([row[5] and row[0] == 1 for row in rows], dtype=np.bool_)
    trips = Facts(event, known, np.arange(len(rows), dtype=np.int64), gone, Frame(columns, len(rows)))
    makers = Facts.of(ALWAYS, {"who": ["a", "b"], "maker": ["fox", "hen"]})
    who = Column.of_kind([ask[0] for ask in asks], "text")
    requests = Frame({"who": who, "hour": Column.of_kind([1.0] * len(asks), "number")}, len(asks))
    return {"trips": trips, "makers": makers}, requests, np.array([ask[1] for ask in asks], dtype=np.int64)


def newest(facts: Facts, t: int, who: Any, lo: int, hi: int) -> float:
    """Microseconds to the newest event in [t - lo, t - hi) of `who`; of anyone for ``...``."""
    seen = [row for row in visible_versions(facts, KEYED, t) if who is ... or (who is not None and row["who"] == who)]
    return t - max((row["_event"] for row in seen if t - lo <= row["_event"] < t - hi), default=np.nan)


@settings(max_examples=60, deadline=None)
@given(history())
def test_ages_are_those_of_the_oracle(drawn: Any) -> None:
    facts, requests, as_of = made(drawn)
    found = ages(PLAN, facts, requests, as_of, of=[*aged(PLAN), "trips"])
    for row, t in enumerate(as_of.tolist()):
        who, trips = requests["who"].item(row), facts["trips"]
        expected = {
            "trips_x_mean_10us_by_who": newest(trips, t, who, 10, 0),
            "trips_x_mean_10us_lag_3us_by_who": newest(trips, t, who, 13, 3),
            "trips_x_max_10us_lag_3us_by_who": newest(trips, t, who, 13, 3),
            "trips_where_x_gt_2_count_5us": newest(trips, t, ..., 5, 0),
            "now_x_by_who": newest(trips, t, who, 1000, 0),
            "lately_x_by_who": newest(trips, t, who, 4, 0),
            "is_dear": newest(trips, t, who, 10, 0),
            "trips": newest(trips, t, ..., 1000, 0),
        }
        assert {name: age[row] for name, age in found.items()} == pytest.approx(expected, nan_ok=True)


@settings(max_examples=40, deadline=None)
@given(history())
def test_ages_are_those_that_serving_tells(drawn: Any) -> None:
    facts, requests, as_of = made(drawn)
    found = ages(PLAN, facts, requests, as_of)
    for row, t in enumerate(as_of.tolist()):
        online = OnlineFeatures(PLAN)
        for table, its in facts.items():
            online.load(table, its.take(its.known < t), t)
        told = online.read(requests.take(slice(row, row + 1)).rows()[0], t, requests.kinds).ages
        for name, age in found.items():
            if name in told:
                expected = np.nan if told[name] is None else float(told[name])
                assert age[row] == pytest.approx(expected, nan_ok=True), name


def test_what_was_always_known_and_what_a_request_brings_has_no_age() -> None:
    assert aged(PLAN) == [name for name in PLAN.names if name not in ("hour", "is_odd", "makers_maker_by_who")]


def test_a_name_without_an_age_is_refused_with_close_ones() -> None:
    facts, requests, as_of = made(([], [("a", 1)]))
    for name, close in (("tripz", "'trips'"), ("now_x_by_whom", "'now_x_by_who'"), ("makers", "Known: ")):
        with pytest.raises(UnknownName, match=close):
            ages(PLAN, facts, requests, as_of, of=[name])


def test_the_requests_own_fact_has_no_age_and_a_looked_up_key_is_followed() -> None:
    plan = FeaturePlan.compile(
        [
            f.latest(ALWAYS, "maker", by="who"),
            f.window(KEYED, over="10us", by={"makers_maker_by_who": "who"}, name="kin"),
            f.window(KEYED, over="10us", by="who", closed="right", name="own"),
        ],
        target=KEYED,
    )
    facts, _, _ = made(([(1, "fox", 3, 0, 1.0, False), (2, "a", 5, 0, 1.0, False)], [("a", 1)]))
    requests = Frame.of({"id": [7], "who": ["a"]})
    found = ages(plan, facts, requests, np.array([8]))
    assert {name: age.tolist() for name, age in found.items()} == {
        "kin_count_10us_by_makers_maker_by_who": [5.0],
        "own_count_10us_by_who": [0.0],
    }


def test_of_neighbours_it_is_the_newest_edge() -> None:
    plan = FeaturePlan.compile(
        [
            neighbours_mean(KEYED, "who", "x", of=f.latest(ALWAYS, "maker", by="who"), by="who", name="kin"),
            shared_neighbours(KEYED, "who", "x", between=("who", "other"), name="shared"),
        ]
    )
    facts, _, _ = made(([(1, "a", 3, 0, 1.0, False), (2, "b", 5, 0, 1.0, False)], [("a", 1)]))
    requests = Frame.of({"who": ["a"], "other": ["b"]})
    found = ages(plan, facts, requests, np.array([8]))
    assert {name: age.tolist() for name, age in found.items()} == {"kin": [5.0], "shared": [5.0]}
