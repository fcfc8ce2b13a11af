"""The catalogue of a system: what its facts, its ledger and a stopwatch say of its features."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

import hindcast as hc
from hindcast.features.meaning import meanings
from hindcast.loop.catalogue import catalogue_of, costs_of, declare_features
from hindcast.registry import declared
from hindcast.testing import deliveries_system
from laws_town import at_day, history_of, loop_over, town, town_history


def test_what_the_facts_and_the_ledger_say() -> None:
    system = deliveries_system(
        gates=[*deliveries_system().gates, hc.fresh("weather_rain_by_district", "3h", share=0.9)]
    )
    history, facts = history_of(town(), system), town()
    loop = loop_over(history)
    found = catalogue_of(system, loop.registry, at_us=at_day(51), history=history, facts=facts)
    entry = found["weather_rain_by_district"]
    assert entry.freshness is not None
    assert entry.freshness.max_age_s == 3 * 3600
    assert entry.freshness.p90_s is not None
    assert 3600 < entry.freshness.p90_s <= 2 * 3600
    assert entry.statistics is not None
    assert entry.statistics.rows == len(history)
    assert math.isclose(entry.statistics.null_share, np.mean(~history.features[entry.name].present()), abs_tol=1e-12)
    assert [(use.model, use.role, use.version) for use in entry.models] == [("v1", "champion", 1)]
    assert found.depends_on("arrivals.late").uses == ("label",)
    assert found.depends_on("couriers.years").models == ("v1",)
    assert found["hour_of_day"].freshness is None


def test_without_facts_it_says_what_is_declared() -> None:
    loop = loop_over(town_history())
    found = catalogue_of(town_history().system, loop.registry, at_us=at_day(51))
    assert {entry.version for entry in found.values()} == {1}
    assert {entry.statistics for entry in found.values()} == {None}
    assert found.models == ("v1",)


def test_an_edit_counts_and_the_model_keeps_its_version() -> None:
    history = town_history()
    loop = loop_over(history)
    declare_features(history.system, loop.registry, at_day(51))
    (rain,) = (f for f in history.system.features if getattr(getattr(f, "table", None), "name", "") == "weather")
    rest = [f for f in history.system.features if f is not rain]
    edited = replace(history.system, features=[*rest, replace(rain, max_age_us=3 * 3_600_000_000)])
    found = catalogue_of(edited, loop.registry, at_us=at_day(52))
    entry = found["weather_rain_by_district"]
    assert entry.version == 2
    assert [(use.model, use.version) for use in entry.models] == [("v1", 1)]
    assert found["shop"].version == 1
    (note,) = loop.registry.ledger.entries(kind="features")[1:]
    assert "weather_rain_by_district changed (max_age 6h -> 3h)" in note.body["reason"]
    kept = declared(loop.registry)["weather_rain_by_district"]
    assert [defined.meaning for defined in kept] == [
        {**meanings(system.plan)["weather_rain_by_district"]} for system in (history.system, edited)
    ]


def test_what_a_request_keys_is_measured() -> None:
    history = town_history()
    costs = costs_of(history.system, history, town())
    kinds = history.system.plan.origins
    assert set(costs) == {name for name in kinds if kinds[name].startswith(("window", "latest"))}
    for cost in costs.values():
        assert cost.seconds_per_million is not None
        assert cost.seconds_per_million > 0
        assert cost.bytes_per_entity is not None
        assert 8 < cost.bytes_per_entity < 1e6
