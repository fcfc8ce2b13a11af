"""Steps draw training rows and leave what they stand for in the weights."""

import numpy as np
import pytest

from hindcast.columns import Frame
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.sampling import (
    RecentRows,
    SampleRows,
    StratifiedRows,
    WeightedRows,
    recent_rows,
    sample_rows,
    stratified_rows,
    weighted_rows,
)
from hindcast.trainset.rows import Rows, Step, apply_steps
from hindcast.values import DAY_US, canonical

N = 2_000
RNG = np.random.default_rng(3)
LABEL = (RNG.random(N) < 0.05).astype(float)
ROWS = Rows.of(
    Frame.of({"amount": RNG.gamma(1.0, 50.0, N), "kind": RNG.choice(["a", "b", "c"], N, p=[0.9, 0.08, 0.02]).tolist()}),
    LABEL,
    weight=RNG.uniform(0.5, 1.5, N),
    as_of=np.arange(N) * DAY_US // 10,
)
STEPS = [
    sample_rows(200),
    sample_rows(share=0.3, replace=True),
    stratified_rows("label", 100, allocation="equal", minimum=5),
    stratified_rows(["kind", "label"], share=0.5),
    weighted_rows("amount", 300),
    weighted_rows("weight", share=0.1, method="successive"),
    recent_rows(100),
    recent_rows(within="30d", half_life="10d"),
]


@pytest.mark.parametrize("step", STEPS, ids=lambda s: s.name)
def test_a_step_keeps_the_laws(step):
    assert isinstance(step, Step)
    one, two = step.apply(ROWS, 7), step.apply(ROWS, 7)
    assert one.label.tolist() == two.label.tolist()
    assert one.weight.tolist() == two.weight.tolist()
    assert 0 < len(one) < N
    assert canonical(step.describe()) == canonical(step.describe())
    assert len({canonical(s.describe()) for s in STEPS}) == len(STEPS)
    assert len(step.apply(ROWS.take(np.zeros(0, dtype=np.int64)), 1)) == 0


@pytest.mark.parametrize("step", STEPS[:6], ids=lambda s: s.name)
def test_draws_leave_the_base_rate(step):
    rates = np.array([step.apply(ROWS, seed).base_rate for seed in range(200)])
    assert abs(rates.mean() - ROWS.base_rate) < 5 * rates.std() / np.sqrt(200) + 1e-3


def test_weights_have_mean_one_times_what_they_were():
    plain = ROWS.having(weight=np.ones(N))
    drawn = stratified_rows("label", 100, allocation="equal").apply(plain, 1)
    assert drawn.weight.mean() == pytest.approx(1)
    assert drawn.label.sum() == 50
    assert drawn.base_rate == pytest.approx(LABEL.mean())
    bare = stratified_rows("label", 100, allocation="equal", weigh=False).apply(plain, 1)
    assert bare.base_rate == 0.5
    assert set(sample_rows(10).apply(plain, 1).weight) == {1.0}


def test_more_than_there_are_is_all_of_them():
    assert len(sample_rows(10**6).apply(ROWS, 0)) == N
    assert len(stratified_rows("kind", 10**6).apply(ROWS, 0)) == N
    assert len(weighted_rows("amount", 10**6).apply(ROWS, 0)) == N
    assert len(recent_rows(10**6).apply(ROWS, 0)) == N
    assert len(sample_rows(3 * N, replace=True).apply(ROWS, 0)) == 3 * N


def test_recent_is_recent():
    assert recent_rows(5).apply(ROWS, 0).as_of.tolist() == ROWS.as_of[-5:].tolist()
    within = recent_rows(within="1d").apply(ROWS, 0)
    assert within.as_of.min() == ROWS.as_of[-1] - DAY_US
    faded = recent_rows(half_life="10d").apply(ROWS.having(weight=np.ones(N)), 0)
    assert faded.weight[-1] / faded.weight[-101] == pytest.approx(2)
    assert faded.weight.mean() == pytest.approx(1)
    old = recent_rows(half_life="1s").apply(ROWS, 0)
    assert np.all(old.weight > 0)


def test_steps_follow_each_other():
    rows = apply_steps(ROWS, [recent_rows(1000), sample_rows(100)], 3)
    assert len(rows) == 100
    assert rows.as_of.min() >= ROWS.as_of[1000]


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: sample_rows(), ConfigError, "either n= or share="),
        (lambda: sample_rows(0), ConfigError, "at least 1"),
        (lambda: sample_rows(share=0), ConfigError, "share must be a number above 0 and at most 1"),
        (lambda: stratified_rows([], 5), ConfigError, "name at least one"),
        (lambda: stratified_rows("x", 5, allocation="optimal"), UnknownName, "no allocation 'optimal'"),
        (lambda: stratified_rows("kindd", 5).apply(ROWS, 0), UnknownName, "Did you mean 'kind'"),
        (lambda: weighted_rows("amunt", 5).apply(ROWS, 0), UnknownName, "Did you mean 'amount'"),
        (lambda: weighted_rows("kind", 5).apply(ROWS, 0), ConfigError, "text column has no numbers"),
        (
            lambda: weighted_rows("x", 1).apply(Rows.of(Frame.of({"x": [1.0, None]}), [0, 1]), 0),
            DataError,
            "has no chance",
        ),
        (lambda: recent_rows(), ConfigError, "what recent is"),
        (lambda: recent_rows(0), ConfigError, "at least 1"),
        (lambda: recent_rows(half_life="0s"), ConfigError, "above zero"),
    ],
)
def test_bad_steps_are_answered_kindly(call, error, says):
    with pytest.raises(error, match=says):
        call()


def test_factories_make_what_they_are_named_after():
    assert isinstance(STEPS[0], SampleRows)
    assert isinstance(STEPS[2], StratifiedRows)
    assert isinstance(STEPS[4], WeightedRows)
    assert isinstance(STEPS[6], RecentRows)
