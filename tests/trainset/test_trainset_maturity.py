from __future__ import annotations

import numpy as np
import pytest

from hindcast.columns import Column, Frame
from hindcast.errors import DataError
from hindcast.facts import Facts, Table, after
from hindcast.trainset import Binary, delay_quantiles, label_delays, make_spine, maturity_of, outcome
from hindcast.values import HOUR_US

ASKS = Table("asks", key="id", event_time="at", known="always")
ANSWERS = Table("answers", key="id", event_time="at", known="event")


def spine_of(delays, **target):
    """A request every hour, answered after the hours of `delays`."""
    size = len(delays)
    at = np.arange(size, dtype=np.int64) * HOUR_US
    known = at + np.array(delays, dtype=np.int64) * HOUR_US
    ids = Column.of(list(range(size)))
    none, seq = np.zeros(size, dtype=np.bool_), np.arange(size, dtype=np.int64)
    facts = {
        "asks": Facts(at, np.full(size, -1), seq, none, Frame({"id": ids, "at": Column("time", at)})),
        "answers": Facts(known, known, seq, none, Frame({"id": ids, "y": Column.of([1.0] * size)})),
    }
    made = Binary(ASKS, as_of=after("at", "0s"), label=outcome(ANSWERS, "y == 1", on="id"), **target)
    return made, make_spine(made, facts)


def test_a_measured_maturity_is_a_delay_that_occurred():
    target, spine = spine_of([1, 2, 3, 4, 30], maturity_quantile=0.8)
    assert label_delays(spine).tolist() == [h * HOUR_US for h in (1, 2, 3, 4, 30)]
    assert maturity_of(target, spine) == 4 * HOUR_US
    assert delay_quantiles(spine, [0.0, 0.5, 1.0]) == [HOUR_US, 3 * HOUR_US, 30 * HOUR_US]


def test_it_is_measured_only_on_labels_known_by_then():
    target, spine = spine_of([1, 2, 3, 4, 30], maturity_quantile=1.0)
    assert maturity_of(target, spine, 10 * HOUR_US) == 4 * HOUR_US
    with pytest.raises(DataError, match="no label is known before 1970-01-01T01:00:00Z"):
        maturity_of(target, spine, HOUR_US)


def test_a_declared_maturity_is_taken_as_it_is():
    assert maturity_of(*spine_of([1, 2], maturity="18h")) == 18 * HOUR_US
    assert maturity_of(*spine_of([1, 2], within="5h")) == 5 * HOUR_US
