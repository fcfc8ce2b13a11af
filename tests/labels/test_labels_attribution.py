"""Credit goes to touches within the window, by the rule, and adds up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.labels import Attribution, attribute

touches = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20)), max_size=12)
RULES = ["last", "first", "linear", "decay", "ends"]


def shares(times, end, rule):
    n = len(times)
    if rule == "last":
        return [0.0] * (n - 1) + [1.0]
    if rule == "first":
        return [1.0] + [0.0] * (n - 1)
    if rule == "linear":
        return [1 / n] * n
    if rule == "decay":
        raw = [2.0 ** (-(end - t) / 5) for t in times]
        return [r / sum(raw) for r in raw]
    if n <= 2:
        return [1 / n] * n
    return [0.4, *[0.2 / (n - 2)] * (n - 2), 0.4]


@given(touches, touches, st.sampled_from(RULES))
def test_it_equals_sharing_out_one_by_one(touched, outcomes, rule):
    found = attribute(
        [g for g, _ in touched],
        [t for _, t in touched],
        [g for g, _ in outcomes],
        [t for _, t in outcomes],
        within="8us",
        rule=rule,
        half_life="5us",
    )
    assert isinstance(found, Attribution)
    expected = np.zeros(len(touched))
    owed = []
    for group, end in outcomes:
        mine = [(t, i) for i, (g, t) in enumerate(touched) if g == group and 0 <= end - t < 8]
        mine.sort()
        owed.append(bool(mine))
        if mine:
            for (_, place), share in zip(mine, shares([t for t, _ in mine], end, rule), strict=True):
                expected[place] += share
    np.testing.assert_allclose(found.per_touch(), expected, atol=1e-12)
    assert found.owed().tolist() == owed
    assert found.per_touch().sum() == pytest.approx(sum(owed))


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: attribute(["a"], [1], ["a"], [2], within="1s", rule="lst"), UnknownName, "Did you mean 'last'"),
        (lambda: attribute(["a"], [1], ["a"], [2, 3], within="1s"), DataError, "2 owners"),
        (lambda: attribute(["a"], [None], ["a"], [2], within="1s"), DataError, "a moment is missing"),
        (lambda: attribute(["a"], [1], ["a"], [2], within="1s", half_life="0s"), ConfigError, "half-life"),
    ],
)
def test_bad_requests_are_answered_kindly(call, error, says):
    with pytest.raises(error, match=says):
        call()
