"""The checks of a user's own system: they pass on a sound one, and each finds what it is there to find."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hindcast.columns import Column
from hindcast.features import request
from hindcast.loop.check import check
from hindcast.loop.history import History
from hindcast.testing import deliveries_system
from laws_town import town, town_history


def verdicts(history, sample=120):
    return {v.check: v for v in check(history.system, history, town(), sample=sample)}


def test_a_sound_system_passes_and_the_naive_join_is_told():
    found = verdicts(town_history())
    assert {name: v.outcome for name, v in found.items()} == dict.fromkeys(
        (
            *("no future", "batch = online", "order-free", "counted once", "by definition"),
            *("row by row", "pure functions", "threads", "naive join"),
        ),
        "pass",
    )
    leaked = found["naive join"].evidence["leaked"]
    assert not any(name.startswith(("pickups", "couriers")) for name in leaked), "known when they happen, or always"
    assert sum(leaked.values()) > 0, "arrivals and weather are known late, so a join on event time leaks"


@pytest.mark.parametrize("name", ["no future", "batch = online", "order-free", "counted once", "by definition"])
def test_a_feature_that_is_not_what_it_says_is_found(name):
    history = town_history()
    column = "pickups_wait_mean_3h_by_shop"
    wrong = replace(
        history,
        features=history.features.having(
            **{column: Column("number", np.nan_to_num(history.features[column].values) + 1)}
        ),
    )
    found = verdicts(wrong)[name]
    assert found.outcome == "fail"
    assert column in found.reason


def rank_among_neighbours(distance):
    """Depends on which rows are asked together: what no feature may."""
    return np.argsort(np.argsort(distance)).astype(float)


def test_a_function_that_looks_at_its_neighbours_is_found():
    system = deliveries_system(features=[request("shop", "distance"), rank_among_neighbours])
    history = History.build(system, town(), dict.fromkeys(town(), "town"))
    found = verdicts(history)["row by row"]
    assert found.outcome == "fail"
    assert "rank_among_neighbours" in found.reason
