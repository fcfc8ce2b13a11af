"""Laws of the goal: the threshold is where acting stops paying; what is not known has no value."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.errors import ConfigError, DataError
from hindcast.metrics import Goal

payoff = st.floats(-1000, 1000).map(lambda x: round(x, 2))
probability = st.floats(0, 1)


@st.composite
def goals(draw):
    miss, pass_by = draw(payoff), draw(payoff)
    return Goal("g", miss + draw(st.floats(0.01, 500)), pass_by - draw(st.floats(0, 500)), miss, pass_by)


@given(goals(), probability)
def test_acting_pays_exactly_above_the_threshold(goal, p):
    acting = p * goal.hit + (1 - p) * goal.false_alarm
    leaving = p * goal.miss + (1 - p) * goal.pass_by
    if abs(acting - leaving) > 1e-6:
        assert bool(goal.decide([p])[0]) == (acting > leaving)
    assert goal.expected([p])[0] == pytest.approx(acting - leaving, abs=1e-6)
    assert 0 <= goal.threshold < 1


def test_every_outcome_has_its_payoff():
    goal = Goal("g", hit=4, false_alarm=-3, miss=-2, pass_by=1)
    assert goal.value([True, True, False, False], [1, 0, 1, 0]).tolist() == [4, -3, -2, 1]
    assert goal.inaction([1, 0, np.nan])[:2].tolist() == [-2, 1]


def test_an_unknown_label_has_no_value():
    value = Goal("g", 40, -15).value([True, False], [np.nan, np.nan])
    assert np.isnan(value).all()


def test_at_the_threshold_nobody_acts():
    goal = Goal("g", hit=1, false_alarm=-1)
    assert goal.threshold == 0.5
    assert goal.decide([0.5, np.nextafter(0.5, 1)]).tolist() == [False, True]


@pytest.mark.parametrize(
    "payoffs", [{"hit": 0, "false_alarm": -1}, {"hit": 5, "false_alarm": 1}, {"hit": float("nan"), "false_alarm": -1}]
)
def test_payoffs_that_need_no_model_are_refused(payoffs):
    with pytest.raises(ConfigError):
        Goal("g", **payoffs)


def test_a_bad_probability_is_named_by_its_row():
    with pytest.raises(DataError, match="row 2") as error:
        Goal("g", 40, -15).decide([0.5, float("nan")])
    assert error.value.row == 2


def test_describe_is_plain_and_complete():
    goal = Goal("g", 40, -15, miss=-1, pass_by=2, unit="EUR")
    assert Goal(**goal.describe()) == goal
