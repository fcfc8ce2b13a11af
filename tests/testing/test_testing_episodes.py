"""Episodes are hard where they should be, and agreement finds what disagrees."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings

from hindcast.errors import ConfigError, UnknownName
from hindcast.facts import Table, before
from hindcast.features import window
from hindcast.features.batch import answer
from hindcast.features.online import OnlineFeatures
from hindcast.testing import assert_agreement, episodes
from hindcast.values import BEGINNING, HOUR_US, moment_us

TRIPS = Table("trips", key="trip", event_time="at", known="seen", columns=["trip", "who", "x"])
POOLS = {"trip": [1, 2], "who": ["a", "b", None], "x": [1.0, 2.0, None]}
SUMS = window(TRIPS, "x", ["sum", "last"], over="5h", by="who")
MODULE = import_module("hindcast.testing.episodes")
QUICK = settings(max_examples=2000, database=None, phases=[Phase.generate], derandomize=True)


def drawn(*tables, **options):
    return episodes(tables or TRIPS, POOLS, **{"asked": ["who"], **options})


@pytest.mark.parametrize(
    "is_hard",
    [
        lambda f: len(np.unique(f.event)) < len(f) > 1,
        lambda f: bool((np.diff(f.known) < 0).any()),
        lambda f: bool((f.known < f.event).any()),
        lambda f: bool((f.known >= f.event + 20 * HOUR_US).any()),
        lambda f: bool(f.retract.any()),
        lambda f: len(set(f.frame["trip"].values.tolist())) < len(f),
    ],
    ids=["ties", "landed out of order", "known before", "late", "retracted", "corrected"],
)
def test_what_makes_facts_hard_is_drawn(is_hard):
    find(drawn(), lambda episode: is_hard(episode.facts["trips"]), settings=QUICK)


@given(drawn())
def test_facts_lie_on_a_grid_and_fit_their_table(episode):
    facts, start = episode.facts["trips"], moment_us("2024-03-30")
    assert ((facts.event - start) % HOUR_US == 0).all()
    assert np.array_equal(facts.frame["at"].values, facts.event)
    assert np.array_equal(facts.frame["seen"].values, facts.known)
    assert len(episode.as_of) == len(episode.requests) >= 1
    assert list(episode.requests) == ["who"]


@pytest.mark.parametrize(
    ("declared", "lies"),
    [
        ({"event_time": "at", "known": "event"}, lambda f: f.known == f.event),
        ({"event_time": "at", "known": "at"}, lambda f: f.known == f.event),
        ({"event_time": "at", "known_after": "2h"}, lambda f: f.known == f.event + 2 * HOUR_US),
        ({"event_time": "at", "known": before("seen", "1h")}, lambda f: f.frame["seen"].values == f.known + HOUR_US),
        ({"known": "always"}, lambda f: f.known == BEGINNING),
        ({"known": "arrival"}, lambda f: f.known == f.event),
    ],
)
def test_known_times_are_as_the_table_declares(declared, lies):
    table = Table("trips", columns=["who"], **declared)

    @settings(max_examples=10)
    @given(drawn(table))
    def holds(episode):
        assert lies(episode.facts["trips"]).all()

    holds()


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ConfigError, match="no pool says what column 'y'"):
        drawn(Table("trips", event_time="at", known="event", columns=["at", "y"]))
    with pytest.raises(UnknownName, match="wo"):
        drawn(asked=["wo"])


class Forgetful(OnlineFeatures):
    """Forgets what arrives after it became known."""

    def push(self, table, facts):
        super().push(table, facts.take(facts.known >= self.now_us))


def test_a_driver_that_loses_late_facts_is_found(monkeypatch):
    monkeypatch.setattr(MODULE, "OnlineFeatures", Forgetful)
    with pytest.raises(AssertionError, match=r"(?s)online.*batch.*facts of trips in the window"):
        always(SUMS)


def test_an_engine_that_is_not_as_defined_is_found(monkeypatch):
    def early(plan, facts, requests, as_of, *, threads=2):
        return answer(plan, {n: replace(f, known=f.known - 1) for n, f in facts.items()}, requests, as_of)

    monkeypatch.setattr(MODULE, "answer", early)
    with pytest.raises(AssertionError, match="by definition"):
        always(SUMS)


def always(features):
    @settings(QUICK)
    @given(drawn())
    def holds(episode):
        assert_agreement(features, episode)

    holds()
