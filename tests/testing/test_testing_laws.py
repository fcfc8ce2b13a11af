"""The laws as one call: they pass on what is sound, and each finds what it is there to find."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hindcast.columns import Column, Frame
from hindcast.errors import DataError
from hindcast.facts import Facts, Table
from hindcast.features import enrich, last_n, latest, members, request, window
from hindcast.features.batch import answer
from hindcast.features.online import OnlineFeatures
from hindcast.testing import check_laws, laws
from hindcast.testing.relevant import relevant_facts
from hindcast.testing.subject import plan_of
from hindcast.values import HOUR_US, moment_us

TRIPS = Table("trips", key="trip", event_time="ended", known="told", columns=["trip", "driver", "fare", "zone"])
PINGS = Table("pings", event_time="at", known="event", columns=["at", "driver"])
LAWS = (
    "no future", "batch = online", "order-free", "counted once",
    "by definition", "row by row", "pure functions", "threads",
)  # fmt: skip
START = moment_us("2025-01-03")


def world(seed=0, many=300):
    """Trips told late and corrected, pings, and requests."""
    random = np.random.default_rng(seed)
    ended = START + random.integers(0, 48, many) * HOUR_US
    told = ended + random.integers(-3, 30, many) * HOUR_US
    trips = {
        "trip": random.integers(0, many // 2, many),
        "driver": random.choice(["ann", "bob", "eve"], many).tolist(),
        "fare": np.round(random.normal(20, 5, many), 2),
        "zone": random.choice(["north", "south"], many).tolist(),
        "ended": Column("time", ended),
        "told": Column("time", told),
    }
    pings = {"at": Column("time", np.sort(ended)), "driver": random.choice(["ann", "bob"], many).tolist()}
    facts = {"trips": Facts.of(TRIPS, trips), "pings": Facts.of(PINGS, pings)}
    requests = Frame.of(
        {"driver": random.choice(["ann", "bob", "eve", None], 80).tolist(), "distance": random.normal(5, 2, 80)}
    )
    return facts, requests, START + random.integers(0, 60, 80) * HOUR_US


def per_trip(trips_fare_sum_6h_by_driver, trips_fare_count_6h_by_driver):
    return trips_fare_sum_6h_by_driver / np.maximum(trips_fare_count_6h_by_driver, 1)


FEATURES = [
    request("distance"),
    window(TRIPS, "fare", ["sum", "count", "max", last_n(2)], over=["6h", "24h"], by="driver"),
    window(TRIPS, "zone", [members()], over="all", by="driver"),
    window(PINGS, over="2h", by="driver"),
    latest(TRIPS, "zone", "fare", by="driver", max_age="12h"),
    per_trip,
]


def judged(features=FEATURES, **options):
    facts, requests, as_of = world()
    return {verdict.check: verdict for verdict in check_laws(features, facts, requests, as_of, **options)}


def failing(features=FEATURES, **options):
    return {name: verdict.reason for name, verdict in judged(features, **options).items() if not verdict.ok}


def test_sound_features_pass_every_law():
    found = judged()
    assert tuple(found) == LAWS
    assert {name: v.outcome for name, v in found.items()} == dict.fromkeys(LAWS, "pass"), failing()


def test_chained_features_pass_too():
    made = enrich(TRIPS, latest(PINGS, "driver", by="driver", name="seen"))
    chained = [
        latest(TRIPS, "zone", by="driver"),
        window(TRIPS, "fare", "sum", over="6h", by={"trips_zone_by_driver": "zone"}),
        window(made, "fare", "count", over="6h", by={"driver": "seen_driver_by_driver"}),
    ]
    assert failing(chained) == {}


def test_the_same_call_says_the_same():
    assert judged() == judged()


# ---- functions ----------------------------------------------------------------------------------------------


def rank(distance):
    return np.argsort(np.argsort(distance)).astype(float)


def above_the_mean(distance):
    return distance - distance.mean()


def cumulated(distance):
    return np.cumsum(distance)


@pytest.mark.parametrize("function", [rank, above_the_mean, cumulated])
def test_a_function_that_looks_around_is_named_with_a_row(function):
    reason = failing([request("distance"), function])["row by row"]
    assert f"{function.__name__!r} looks at other rows than its own: for row " in reason
    assert "distance=" in reason


def writes(distance):
    distance *= 2
    return distance


def test_a_function_that_writes_into_its_input_is_named():
    assert "'writes' writes into its input 'distance'" in failing([writes])["pure functions"]


class _Tally:
    asked = 0


def counts_calls(distance):
    _Tally.asked += 1
    return distance + _Tally.asked


def test_a_function_that_remembers_is_named():
    assert "'counts_calls' gives" in failing([counts_calls])["pure functions"]


# ---- engines that break the laws ----------------------------------------------------------------------------


def test_an_engine_that_looks_an_hour_ahead_is_found(monkeypatch):
    def ahead(plan, facts, requests, as_of, *, threads=2):
        early = {name: replace(f, known=f.known - HOUR_US) for name, f in facts.items()}
        return answer(plan, early, requests, as_of, threads=threads)

    monkeypatch.setattr(laws, "answer", ahead)
    found = failing()
    assert "changed with the future" in found["no future"]
    assert {"batch = online", "by definition"} <= set(found)


class LateIsLost(OnlineFeatures):
    """Forgets what arrives after it became known."""

    def push(self, table, facts):
        super().push(table, facts.take(facts.known >= self.now_us))


class CountsAgain(OnlineFeatures):
    """Takes every delivery for a new fact."""

    def __init__(self, plan):
        super().__init__(plan)
        self.delivered = 1_000_000

    def push(self, table, facts):
        self.delivered += len(facts)
        seq = np.arange(self.delivered, self.delivered + len(facts), dtype=np.int64)
        super().push(table, replace(facts, seq=seq))


class KeepsFew(OnlineFeatures):
    """Has no room for more than the first facts."""

    def push(self, table, facts):
        super().push(table, facts.take(slice(0, 0)) if table == "trips" and self.pushed > 200 else facts)


@pytest.mark.parametrize(
    ("driver", "broken"),
    [
        (LateIsLost, {"order-free", "counted once"}),
        (CountsAgain, {"counted once"}),
        (KeepsFew, {"batch = online"}),
    ],
)
def test_an_online_driver_that_breaks_a_law_is_found(monkeypatch, driver, broken):
    monkeypatch.setattr(laws, "OnlineFeatures", driver)
    assert broken <= set(failing())


def test_threads_that_matter_are_found(monkeypatch):
    def other(plan, facts, requests, as_of, *, threads=2):
        found = answer(plan, facts, requests, as_of, threads=threads)
        name = "pings_count_2h_by_driver"
        return found.having(**{name: Column("number", -found[name].values)}) if threads == 3 else found

    monkeypatch.setattr(laws, "answer", other)
    assert set(failing()) == {"threads"}


def test_values_that_were_logged_are_held_against_the_laws():
    facts, requests, as_of = world()
    logged = answer(plan_of(FEATURES), facts, requests, as_of)
    assert failing(values=logged) == {}
    name = "trips_fare_max_6h_by_driver"
    wrong = logged.having(**{name: Column("number", np.nan_to_num(logged[name].values) + 1)})
    found = failing(values=wrong)
    assert {"no future", "batch = online", "order-free", "counted once", "by definition"} <= set(found)
    assert name in found["by definition"]


# ---- what they take -----------------------------------------------------------------------------------------


def test_rows_and_texts_will_do():
    facts = [{"driver": "ann", "at": "2025-01-03T09:30Z"}]
    asked = [{"driver": "ann"}, {"driver": "bob"}]
    found = check_laws(window(PINGS, over="1h", by="driver"), facts, asked, ["2025-01-03T10:00Z"] * 2)
    assert all(verdict.ok for verdict in found)


def test_a_request_without_its_moment_is_refused():
    with pytest.raises(DataError, match="give each request its own"):
        check_laws(window(PINGS, over="1h", by="driver"), [], [{"driver": "ann"}], [])


def test_too_many_facts_for_the_oracle_are_unknown_and_not_a_pass(monkeypatch):
    monkeypatch.setattr(laws, "_MOST_FACTS", -1)
    assert judged([window(TRIPS, "fare", "sum", over="all")])["by definition"].outcome == "unknown"


def test_what_is_left_out_for_the_oracle_has_no_part():
    """The relevant facts give the same answers as all of them, and are fewer."""
    facts, requests, as_of = world()
    plan = plan_of(FEATURES)
    fewer = 0
    for row in range(20):
        asked = requests.take(slice(row, row + 1))
        for definitions, some in relevant_facts(plan, facts, asked.rows()[0], int(as_of[row])):
            part = plan_of(definitions)
            now = as_of[row : row + 1]
            assert answer(part, some, asked, now).rows() == answer(part, facts, asked, now).rows()
            fewer += sum(map(len, some.values())) < sum(len(facts[name]) for name in some)
    assert fewer > 20
