from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hindcast.adapt import Signal, TriggerState, every, on_decay, on_drift, on_volume
from hindcast.errors import ConfigError
from hindcast.values import DAY_US, digest

TRIGGERS = [
    every("30d"),
    on_drift(),
    on_drift(2, cooldown="3d"),
    on_decay(cooldown="5d"),
    on_volume(100, cooldown="2d"),
]
days = st.integers(0, 60).map(lambda d: d * DAY_US)
signals = st.lists(st.builds(Signal, days, st.sampled_from(["drift", "decay"]), st.sampled_from("abc")), max_size=6)
states = st.builds(TriggerState, days, st.none() | days, signals.map(tuple), st.integers(0, 200))


@settings(max_examples=100, deadline=None)
@given(states, st.sampled_from(TRIGGERS), st.integers(0, 40))
def test_the_announced_moment_is_when_it_becomes_due(state, trigger, wait):
    state = replace(state, signals=tuple(s for s in state.signals if s.at_us <= state.now_us))
    later = replace(state, now_us=state.now_us + wait * DAY_US)
    at = trigger.next_us(state)
    assert (trigger.due(later) is not None) == (at is not None and later.now_us >= at)


@settings(max_examples=100, deadline=None)
@given(states, st.sampled_from(TRIGGERS), days)
def test_a_training_answers_what_called_for_it(state, trigger, after):
    trained = TriggerState(state.now_us, state.now_us, state.signals, 0)
    assert trigger.due(trained) is None
    past = tuple(s for s in state.signals if s.at_us <= state.now_us)
    quiet = TriggerState(state.now_us + after, state.now_us, past, 0)
    assert trigger.due(quiet) is None or (trigger == every("30d") and after >= 30 * DAY_US)


@settings(max_examples=60, deadline=None)
@given(states, st.sampled_from(TRIGGERS), st.lists(st.builds(Signal, days, st.just("drift"), st.just("z")), max_size=3))
def test_signals_of_the_future_trigger_nothing_now(state, trigger, extra):
    future = tuple(Signal(s.at_us + state.now_us + 1, s.kind, s.subject) for s in extra)
    more = TriggerState(state.now_us, state.last_training_us, state.signals + future, state.matured_rows)
    assert trigger.due(more) == trigger.due(state)


def state(now: int, trained: int | None = 0, *signals: tuple[int, str, str], rows: int = 0) -> TriggerState:
    found = tuple(Signal(day * DAY_US, kind, subject) for day, kind, subject in signals)
    return TriggerState(now * DAY_US, None if trained is None else trained * DAY_US, found, rows)


def test_the_calendar():
    assert every("30d").due(state(29)) is None
    assert every("30d").due(state(30)) == "30d since the training of 1970-01-01T00:00:00Z"
    assert every("30d").due(state(0, None)) == "never trained before"


def test_drift_counts_distinct_features_and_waits_for_the_cool_down():
    twice = [(3, "drift", "wind"), (4, "drift", "wind")]
    assert on_drift().due(state(6, 0, *twice)) is None
    assert on_drift().due(state(7, 0, *twice)) == "drift of wind"
    assert on_drift(2).due(state(7, 0, *twice)) is None
    assert on_drift(2).due(state(7, 0, *twice, (5, "drift", "dep_delay"))) == "drift of dep_delay, wind"
    many = [(5, "drift", name) for name in "abcdefg"]
    assert on_drift().due(state(8, 0, *many)) == "drift of a, b, c, d, e and 2 more"
    assert on_drift().due(state(7, 0, (5, "decay", "auc"))) is None


def test_decay_and_volume():
    assert on_decay("2d").due(state(4, 0, (3, "decay", "log_loss"))) == "decay of log_loss"
    assert on_decay("2d").due(state(4, 3, (3, "decay", "log_loss"))) is None
    assert on_volume(100).due(state(1, 0, rows=99)) is None
    assert on_volume(100).due(state(1, 0, rows=100)) == "100 rows matured since the last training, 100 asked"
    assert on_volume(100, cooldown="2d").due(state(1, 0, rows=100)) is None


def test_declarations_are_checked_and_identified():
    assert len({digest(trigger) for trigger in TRIGGERS}) == len(TRIGGERS)
    assert digest(every("30d")) == digest(every("720h"))
    for make in (lambda: every("0s"), lambda: on_drift(0), lambda: on_drift(1, "often"), lambda: on_volume(0)):
        with pytest.raises(ConfigError):
            make()
