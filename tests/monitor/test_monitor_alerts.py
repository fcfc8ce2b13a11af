"""A lasting condition speaks once; what is told is plain data."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from hindcast.monitor import Alert, CoolDown

steps = st.lists(st.integers(1, 30), min_size=1, max_size=40)


@given(steps, st.integers(0, 20), st.integers(1, 100))
@settings(max_examples=80)
def test_it_speaks_at_the_start_after_a_quiet_time_and_after_again(gaps, quiet, again):
    cool, at, spoke, seen = CoolDown(quiet_us=quiet, again_us=again), 0, None, None
    for gap in gaps:
        at += gap
        due = seen is None or at - seen > quiet or at - spoke >= again
        assert cool.speaks("x", at) == due
        seen, spoke = at, at if due else spoke


def test_keys_are_independent_and_state_resumes():
    cool = CoolDown(quiet_us=10, again_us=100)
    assert cool.speaks("a", 0)
    assert cool.speaks("b", 5)
    later = CoolDown(quiet_us=10, again_us=100)
    later.resume(json.loads(json.dumps(cool.state())))
    assert not later.speaks("a", 8)
    assert later.speaks("c", 8)


def test_nearly_ended_is_not_ended_but_never_starts_anything():
    cool = CoolDown(quiet_us=10, again_us=100)
    cool.lasts("x", 0)
    assert cool.speaks("x", 1)
    cool.lasts("x", 9)
    cool.lasts("x", 18)
    assert not cool.speaks("x", 27)
    cool.lasts("x", 60)
    assert cool.speaks("x", 61)


def test_the_body_is_plain_and_complete():
    alert = Alert(0, "drift", "warning", "temp", "shift", 2.0, 1.0, 0.25, 5, ("temp",), "said", "do", {"rows": 3})
    body = json.loads(json.dumps(alert.body(), allow_nan=False))
    assert body["at"].startswith("1970-01-01T00:00:00")
    assert set(body) == {name for name in Alert.__dataclass_fields__ if name != "at_us"} | {"at"}
