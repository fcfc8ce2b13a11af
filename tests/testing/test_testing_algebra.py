"""The laws of a user's own aggregate: they pass on sound algebras, and each finds what it is there to find."""

import math

import numpy as np
import pytest

from hindcast.errors import ConfigError
from hindcast.features import aggregate, quantile
from hindcast.testing import check_aggregate


def add(state, x):
    return (state[0] + x, state[1] + 1.0)


def merge(a, b):
    return (a[0] + b[0], a[1] + b[1])


def read(state):
    return state[0] / state[1] if state[1] else math.nan


def inverse(state, x):
    return (state[0] - x, state[1] - 1.0)


def average(**changes):
    return aggregate(
        "average", **{"empty": (0.0, 0.0), "add": add, "merge": merge, "read": read, "inverse": inverse, **changes}
    )


def failing(made, **options):
    return {verdict.check: verdict.reason for verdict in check_aggregate(made, **options) if not verdict.ok}


def test_a_sound_algebra_passes_every_law():
    found = check_aggregate(average())
    assert [v.check for v in found] == [
        "state", "read", "pure", "empty", "associative", "singleton", "split", "inverse",
    ]  # fmt: skip
    assert all(v.ok for v in found), found


def test_laws_of_what_was_not_given_are_not_asked():
    bare = aggregate("average", empty=(0.0, 0.0), add=add, read=read)
    assert [v.check for v in check_aggregate(bare)] == ["state", "read", "pure"]


def longer(state, x):
    return (*state, x)


def not_a_tuple(state, x):
    return [state[0] + x, state[1] + 1.0]


def in_texts(state, x):
    return (f"{x}", state[1])


@pytest.mark.parametrize("wrong", [longer, not_a_tuple, in_texts])
def test_a_state_that_changes_its_shape_is_found(wrong):
    assert "state" in failing(average(add=wrong))


def divides(state):
    return state[0] / state[1]


def says(state):
    return f"{state[0]}"


def test_a_reading_must_answer_for_every_state():
    assert "ZeroDivisionError" in failing(average(read=divides))["read"], "the empty state too"
    assert "a float is wanted" in failing(average(read=says))["read"]


class _Tally:
    asked = 0.0


def remembers(state, x):
    _Tally.asked += 1.0
    return (state[0] + _Tally.asked, state[1] + 1.0)


def test_functions_that_remember_are_found():
    assert "pure" in failing(average(add=remembers))


def left(a, b):
    return a


def pairwise_mean(a, b):
    """Right for the empty state and for nothing else."""
    return ((a[0] + b[0]) / (2.0 if a[1] and b[1] else 1.0), max(a[1], b[1]))


def loses_one(a, b):
    return (a[0] + b[0], a[1] + b[1] - (1.0 if a[1] and b[1] else 0.0))


@pytest.mark.parametrize(
    ("wrong", "laws"),
    [(left, {"empty", "singleton", "split"}), (pairwise_mean, {"associative", "singleton", "split"}),
     (loses_one, {"singleton", "split"})],
)  # fmt: skip
def test_a_merge_that_is_none_is_found(wrong, laws):
    assert laws <= set(failing(average(merge=wrong)))


def not_back(state, x):
    return (state[0] - x, state[1])


def test_an_inverse_that_takes_back_something_else_is_found():
    reason = failing(average(inverse=not_back))["inverse"]
    assert "taking" in reason
    assert "never having had it" in reason


def keep_newest(state, x):
    return (x, 1.0)


def newest_wins(a, b):
    return b if b[1] else a


def forget(state, x):
    return (0.0, 0.0)


def test_an_aggregate_that_depends_on_the_order_may_have_a_merge_but_no_inverse():
    newest = average(add=keep_newest, merge=newest_wins, inverse=forget)
    assert set(failing(newest)) == {"inverse"}


def log_add(state, x):
    return (state[0] + math.log(x), state[1] + 1.0)


def log_read(state):
    return math.exp(state[0] / state[1]) if state[1] else math.nan


def test_values_say_what_it_will_meet():
    geometric = average(add=log_add, read=log_read, inverse=None)
    assert "ValueError" in failing(geometric)["state"], "a logarithm of what is not positive"
    assert failing(geometric, values=np.array([0.5, 1.0, 2.0, 30.0])) == {}


def test_sums_of_floats_are_near_and_not_equal():
    values = [0.1, 0.2, 0.3, 1e6]
    assert failing(average(), values=values) == {}
    assert set(failing(average(), values=values, within=0.0)) & {"associative", "split", "inverse"}


def test_what_cannot_be_judged_is_refused():
    with pytest.raises(ConfigError, match="not of your own making"):
        check_aggregate(quantile(0.5))
    with pytest.raises(ConfigError, match="needs values"):
        check_aggregate(average(), values=[math.nan])
