from __future__ import annotations

import pytest

from hindcast.adapt import POLICIES, Signal, TriggerState, every, on_decay, on_drift, on_volume, policy, retraining
from hindcast.errors import ConfigError, UnknownName
from hindcast.trial import canary, shadow
from hindcast.values import DAY_US, HOUR_US, digest

DECLARED = retraining([every("30d"), on_drift(), on_decay()], training_time="2h", window="90d")
ROLLOUT = [shadow("7d"), canary([0.05, 1.0], every="3d")]


def test_all_that_is_due_is_named_and_work_waits_while_busy():
    drifted = TriggerState(30 * DAY_US, 0, (Signal(9 * DAY_US, "drift", "wind"),))
    due = DECLARED.due(drifted)
    assert due.triggers == ("every", "on_drift")
    assert due.reason == "30d since the training of 1970-01-01T00:00:00Z; drift of wind"
    assert DECLARED.due(drifted, busy=True) is None
    assert DECLARED.due(TriggerState(8 * DAY_US, 0)) is None


def test_the_next_moment_is_that_of_the_first_trigger():
    assert DECLARED.next_us(TriggerState(8 * DAY_US, 0)) == 30 * DAY_US
    assert DECLARED.next_us(TriggerState(2 * DAY_US, 0, (Signal(DAY_US, "drift", "wind"),))) == 7 * DAY_US
    assert retraining([on_volume(5)]).next_us(TriggerState(DAY_US, 0)) is None


def test_work_takes_its_declared_time_and_looks_back_its_window():
    assert DECLARED.ready_us(5 * DAY_US) == 5 * DAY_US + 2 * HOUR_US
    assert DECLARED.since_us(100 * DAY_US) == 10 * DAY_US
    assert retraining([]).since_us(0) is None


def test_policies_transform_what_was_declared():
    assert policy("renewed").apply(DECLARED, ROLLOUT) == (DECLARED, tuple(ROLLOUT))
    never, stages = policy("never").apply(DECLARED, ROLLOUT)
    assert (never.triggers, stages) == ((), ())
    assert never.next_us(TriggerState(0, None)) is None
    straight, stages = policy("straight").apply(DECLARED, ROLLOUT)
    assert (straight.triggers, straight.training_time, straight.window, stages) == ((every("30d"),), "2h", "90d", ())
    assert policy("straight").apply(retraining([on_decay()]), ROLLOUT)[0].triggers == (every("30d"),)
    assert [(name, found.gated) for name, found in POLICIES.items()] == [
        ("renewed", True),
        ("never", True),
        ("straight", False),
    ]


def test_mistakes_are_named():
    with pytest.raises(UnknownName, match="Did you mean 'renewed'"):
        policy("renew")
    with pytest.raises(ConfigError, match="triggered by every"):
        retraining(["30d"])
    with pytest.raises(ConfigError, match="longer than nothing"):
        retraining([every("30d")], window="0s")
    with pytest.raises(ConfigError, match="'a while' is not a duration"):
        retraining([every("30d")], training_time="a while")
    assert digest(DECLARED) != digest(retraining([every("30d"), on_drift(), on_decay()], training_time="2h"))
