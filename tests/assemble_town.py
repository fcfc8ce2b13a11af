"""The generated town as a system whose tables have sources, for tests that begin with raw rows."""

from __future__ import annotations

from dataclasses import replace

import hindcast as hc
from hindcast.system import System
from hindcast.testing import deliveries, deliveries_system


def with_sources(days: int = 75) -> System:
    """The town of `days` days; it trains again every 10 days and promotes whatever passes the gates."""
    facts = deliveries(days)
    system = deliveries_system(rollout=(), retrain=[hc.every("10d")])
    sourced = {name: replace(table, source=hc.frame(facts[name].frame)) for name, table in system.tables.items()}
    features = [
        replace(feature, table=sourced[feature.table.name]) if hasattr(feature, "table") else feature
        for feature in system.features
    ]
    label = replace(system.predict.label, table=sourced["arrivals"])
    return replace(system, features=features, predict=replace(system.predict, table=sourced["orders"], label=label))
