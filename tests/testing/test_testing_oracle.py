"""The oracle itself: what it takes, what it says of each fact, and where it refuses."""

import pytest

from hindcast.errors import UnknownName
from hindcast.facts import Facts, Table
from hindcast.features import latest, neighbours_mean, shared_neighbours, window
from hindcast.testing import Oracle, Sighting, feature_oracle, visible_versions

TRIPS = Table("trips", key="trip", event_time="at", known="seen", columns=["trip", "who", "x"])
ROWS = [
    {"trip": 1, "who": "a", "x": 1.0, "at": 10, "seen": 12},
    {"trip": 1, "who": "a", "x": 2.0, "at": 10, "seen": 20},
    {"trip": 2, "who": "b", "x": 4.0, "at": 15, "seen": 15},
]
FACTS = Facts.of(TRIPS, ROWS)


@pytest.mark.parametrize(("t", "seen"), [(12, []), (13, [1.0]), (16, [1.0, 4.0]), (20, [1.0, 4.0]), (21, [2.0, 4.0])])
def test_visible_is_known_before_and_not_replaced(t, seen):
    assert [row["x"] for row in visible_versions(FACTS, TRIPS, t)] == seen


def test_one_definition_may_be_asked_with_its_own_facts_or_with_several_tables():
    total = window(TRIPS, "x", "sum", over="all", by="who", name="total")
    for facts in (FACTS, {"trips": FACTS}):
        assert feature_oracle(total, facts, {"who": "a"}, 30) == {"total_sum_all_by_who": 2.0}


def test_every_fact_is_sighted_in_the_order_of_landing():
    oracle = Oracle([latest(TRIPS, "x", by="who")], {"trips": FACTS})
    seen = oracle.sightings("trips_x_by_who", {"who": "a"}, 30)
    assert all(isinstance(one, Sighting) for one in seen)
    assert [one.row["_seq"] for one in seen] == [0, 1, 2]
    assert [one.counts for one in seen] == [False, True, False]
    assert [bool(one.why) for one in seen] == [True, False, True]


def test_bounds_are_told_of_windows_only():
    oracle = Oracle(
        [window(TRIPS, "x", "sum", over="5us", lag="2us", name="w"), latest(TRIPS, "x", name="l")], {"trips": FACTS}
    )
    assert oracle.bounds("w_sum_5us_lag_2us", {}, 30) == (23, 28)
    assert oracle.bounds("l_x", {}, 30) is None


def test_a_feature_nobody_declared_is_refused():
    with pytest.raises(UnknownName, match="nothing"):
        Oracle([latest(TRIPS, "x")], {"trips": FACTS}).sightings("nothing", {}, 30)


def test_a_request_that_names_no_entity_says_so():
    oracle = Oracle([latest(TRIPS, "x", by="who")], {"trips": FACTS})
    assert {one.why for one in oracle.sightings("trips_x_by_who", {"who": None}, 16) if one.row["_known"] < 16} == {
        "the request does not say which entity it is about"
    }


EDGES = Table("follows", key=["one", "other"], event_time="at", known="event", columns=["one", "other", "at"])
PEOPLE = Table("people", key="who", event_time="at", known="event", columns=["who", "age", "at"])


def test_neighbours_are_looked_up_as_of_the_moment():
    edges = Facts.of(EDGES, [{"one": a, "other": b, "at": n} for n, (a, b) in enumerate(["ab", "ac", "bc", "ad"])])
    people = Facts.of(
        PEOPLE, [{"who": w, "age": a, "at": t} for w, a, t in (("b", 10.0, 1), ("c", 30.0, 1), ("c", 50.0, 9))]
    )
    oracle = Oracle(
        [
            neighbours_mean(EDGES, "one", "other", of=latest(PEOPLE, "age", by="who"), by="user", name="ages"),
            shared_neighbours(EDGES, "one", "other", between=("user", "friend"), name="shared"),
        ],
        {"follows": edges, "people": people},
    )
    assert oracle.values({"user": "a", "friend": "b"}, 9) == {"ages": 20.0, "shared": 1.0}
    assert oracle.values({"user": "a", "friend": "b"}, 10) == {"ages": 30.0, "shared": 1.0}
    assert oracle.values({"user": "a", "friend": "b"}, 2) == {"ages": 20.0, "shared": 0.0}
    assert oracle.values({"user": "x", "friend": None}, 10) == {"ages": None, "shared": None}
