"""What waiting less costs: counted right, and corrections give back what theory says they should."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hindcast.errors import ConfigError, DataError
from hindcast.labels import (
    HorizonAccuracy,
    HorizonCost,
    delay_curves,
    fake_negative_weights,
    horizon_accuracy,
    horizon_costs,
    known_weights,
)
from hindcast.values import DAY_US, HOUR_US, NEVER

rows_of = st.lists(
    st.tuples(st.integers(0, 10), st.integers(0, 9), st.integers(0, 1), st.booleans()), min_size=1, max_size=30
)


@given(rows_of, st.sampled_from(["negative", "drop"]), st.integers(1, 9))
def test_it_equals_counting_row_by_row(rows, missing, horizon):
    now, final = 20 * HOUR_US, 10
    judged = []
    for asked, delay, label, came in rows:
        if asked + final > 20 or (missing == "drop" and not (came and delay < final)):
            continue
        truth = label if came and delay < final else 0
        seen = label if came and delay < horizon else (0 if missing == "negative" else None)
        judged.append((truth, seen, came and delay < horizon))
    asked, delay, label, came = (np.array(column) for column in zip(*rows, strict=True))
    known = np.where(came, asked + delay, NEVER // HOUR_US) * HOUR_US
    arguments = asked * HOUR_US, np.minimum(known, NEVER), label, [f"{horizon}h"]
    if not judged:
        with pytest.raises(DataError, match="old enough"):
            horizon_costs(*arguments, final="10h", missing=missing, now=now)
        return
    (cost,) = horizon_costs(*arguments, final="10h", missing=missing, now=now)
    assert isinstance(cost, HorizonCost)
    assert cost.n == len(judged)
    assert cost.known.value == pytest.approx(np.mean([k for _, _, k in judged]))
    counted = [(t, s) for t, s, _ in judged if s is not None]
    if counted:
        assert cost.base_rate.value == pytest.approx(np.mean([s for _, s in counted]))
        assert cost.bias.value == pytest.approx(cost.base_rate.value - np.mean([t for t, _, _ in judged]))
        assert cost.wrong.value == pytest.approx(np.mean([t != s for t, s in counted]))
    else:
        assert math.isnan(cost.base_rate.value)
    positives = [s for t, s, _ in judged if t]
    if positives:
        assert cost.false_negatives.value == pytest.approx(np.mean([s != 1 for s in positives]))


def conversions(seed=0, n=8_000):
    """Rows over 60 days; a third converts, after a time of mean 2 days that does not hang on the row."""
    rng = np.random.default_rng([seed, 3])
    x = rng.normal(size=(n, 3))
    p = 1 / (1 + np.exp(-(x @ [1.0, -0.7, 0.0] - 0.9)))
    y = (rng.random(n) < p).astype(float)
    asked = np.sort(rng.integers(0, 60 * DAY_US, n))
    delay = rng.exponential(2 * DAY_US, n).astype(np.int64)
    return x, asked, np.where(y == 1, asked + delay, NEVER), y, p


def bad_news(seed=0, n=8_000):
    """Both answers come; the bad ones take three times as long."""
    x, asked, _, y, p = conversions(seed, n)
    rng = np.random.default_rng([seed, 4])
    known = asked + (rng.exponential(DAY_US, n) * np.where(y == 1, 3, 1)).astype(np.int64)
    return x, asked, known, y, p


def test_costs_are_what_the_distributions_say():
    _, asked, known, y, p = conversions(n=100_000)
    costs = horizon_costs(asked, known, y, ["1d", "2d", "4d"], final="20d", now=90 * DAY_US)
    for cost, days in zip(costs, (1, 2, 4), strict=True):
        late = math.exp(-days / 2)
        assert abs(cost.false_negatives.value - late) < 0.015
        assert (
            cost.false_negatives.low < late < cost.false_negatives.high
            or abs(cost.false_negatives.value - late) < 0.005
        )
        assert cost.bias.value == pytest.approx(-late * p.mean(), abs=0.01)
        assert cost.wrong.value == pytest.approx(late * p.mean(), abs=0.01)
        assert cost.bias.high < 0
    _, asked, known, y, _ = bad_news(n=100_000)
    one = horizon_costs(asked, known, y, ["1d"], final="30d", missing="drop", now=120 * DAY_US)[0]
    early = (1 - math.exp(-1)) * (1 - p.mean()), (1 - math.exp(-1 / 3)) * p.mean()
    assert one.base_rate.value == pytest.approx(early[1] / sum(early), abs=0.01)
    assert one.bias.high < -0.1
    assert one.wrong.value == 0


def test_intervals_of_the_bias_hold_the_truth():
    truth, hits = None, 0
    values = []
    for seed in range(200):
        _, asked, known, y, _p = conversions(seed, 1_500)
        cost = horizon_costs(asked, known, y, ["1d"], final="30d", now=120 * DAY_US)[0]
        truth = -math.exp(-0.5) * 0.3256
        values.append(cost.bias.value)
        hits += cost.bias.low <= truth <= cost.bias.high
    assert abs(np.mean(values) - truth) < 0.01
    assert hits / 200 > 0.95 - 5 * math.sqrt(0.05 * 0.95 / 200)


@pytest.mark.parametrize("correction", ["weights", "calibrate"])
def test_fake_negatives_are_corrected(correction):
    x, asked, known, y, _ = conversions()
    found = horizon_accuracy(
        x,
        asked,
        known,
        y,
        ["1d", "14d"],
        model=LogisticRegression(),
        train_until=40 * DAY_US,
        corrections=["none", correction],
        now=90 * DAY_US,
    )
    by = {(f.horizon // DAY_US, f.correction): f for f in found}
    short, right, best = by[1, "none"], by[1, correction], by[14, "none"]
    assert isinstance(short, HorizonAccuracy)
    assert short.against.low > 0.05, "the short horizon should cost a lot"
    assert right.score.value < short.score.value - 0.05
    assert abs(right.predicted_rate - right.base_rate) < 0.35 * abs(short.predicted_rate - short.base_rate)
    assert best.against.value == best.against.low == 0
    assert short.n_train > best.n_train, "a short horizon has fresher rows"
    assert all(isinstance(note, str) for note in right.notes)
    if correction == "calibrate":
        assert "would pass 1" in right.notes[0]
    if correction == "weights":  # dividing overshoots where probabilities are near the chance: weights are the better
        assert right.score.value < best.score.value + 0.005


def test_bad_news_is_corrected():
    x, asked, known, y, _ = bad_news()
    found = horizon_accuracy(
        pd.DataFrame(x),
        asked,
        known,
        y,
        ["1d", "20d"],
        model=make_pipeline(StandardScaler(), LogisticRegression()),
        train_until=40 * DAY_US,
        corrections=["none", "weights"],
        missing="drop",
        now=90 * DAY_US,
    )
    short, right, best, _ = found
    assert short.against.low > 0.01
    assert abs(right.predicted_rate - right.base_rate) < 0.02 < abs(short.predicted_rate - short.base_rate)
    assert right.score.value < best.score.value + 0.005


def test_delays_that_hang_on_a_group_are_corrected_by_it():
    """Half of the rows convert at once, the others take a week: a blind correction blames the wrong half."""
    x, asked, _, y, _ = conversions()
    slow = np.random.default_rng(9).integers(0, 2, len(y))
    delay = np.random.default_rng(8).exponential(np.where(slow == 1, 7 * DAY_US, 0.2 * DAY_US)).astype(np.int64)
    known = np.where(y == 1, asked + delay, NEVER)
    options = {
        "model": LogisticRegression(),
        "train_until": 40 * DAY_US,
        "corrections": ["weights"],
        "now": 120 * DAY_US,
    }
    rows = np.column_stack([x, slow])
    blind, *_ = horizon_accuracy(rows, asked, known, y, ["1d", "30d"], **options)
    seeing, *_ = horizon_accuracy(rows, asked, known, y, ["1d", "30d"], delay_by=slow, **options)
    assert seeing.score.value < blind.score.value - 0.02
    assert not seeing.notes
    early, *_ = horizon_accuracy(rows, asked, known, y, ["1h", "30d"], delay_by=slow, **options)
    assert "hardly ever known" in early.notes[0]
    with pytest.raises(DataError, match="delay_by has 1"):
        horizon_accuracy(rows, asked, known, y, ["1d", "30d"], delay_by=[1], **options)


def test_any_model_and_rows_will_do():
    x, asked, known, y, _ = conversions(n=600)
    options = {"train_until": 40 * DAY_US, "now": 90 * DAY_US}
    seen = []

    def model(rows, label, weight):
        rate = float(np.average(label, weights=weight))
        return lambda test: np.full(len(test), rate)

    (found,) = horizon_accuracy(
        x, asked, known, y, ["10d"], model=model, metric="brier", progress=lambda *a: seen.append(a), **options
    )
    assert found.score.value == pytest.approx(found.base_rate * (1 - found.base_rate), abs=0.02)
    assert seen == [(1, 1)]
    for rows in (sparse.csr_matrix(x), x):
        horizon_accuracy(rows, asked, known, y, ["10d"], model=LogisticRegression(), metric="auc", **options)
    with pytest.raises(ConfigError, match="takes no weights"):
        horizon_accuracy(
            x, asked, known, y, ["2d", "9d"], model=KNeighborsClassifier(), corrections=["weights"], **options
        )
    (constant,) = horizon_accuracy(
        x, asked, known, y * 0, ["10d"], model=LogisticRegression(), metric="brier", **options
    )
    assert constant.score.value == 0


def test_fake_negatives_are_as_many_as_they_are():
    """With the true probability, the weight as positive of all negatives is the number of fake ones."""
    _x, asked, known, y, p = conversions(n=50_000)
    age = (60 * DAY_US - asked).astype(float)
    chance = 1 - np.exp(-age / (2 * DAY_US))
    seen = (known < 60 * DAY_US).astype(float)
    positive, _ = fake_negative_weights(seen, p * chance, np.maximum(chance, 1e-12))
    fakes = ((y == 1) & (seen == 0)).sum()
    assert abs(positive[seen == 0].sum() - fakes) < 5 * math.sqrt(fakes)


def test_curves_give_the_chances_of_each_age():
    _, asked, known, y, p = bad_news(n=60_000)
    now = 60 * DAY_US
    seen, mature = known < now, asked < now - 25 * DAY_US
    curves = delay_curves(y[mature], asked[mature], known[mature])
    age = now - asked
    weights = known_weights(y[seen], curves[0.0].share(age[seen]).clip(1e-6), curves[1.0].share(age[seen]).clip(1e-6))
    old = age[seen] > DAY_US
    assert abs(np.average(y[seen][old], weights=weights[old]) - p.mean()) < 0.015
    assert y[seen].mean() < p.mean() - 0.003


A = np.arange(4) * DAY_US
OPTIONS = {"model": LogisticRegression(), "train_until": 2 * DAY_US}


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: horizon_costs(A, A, [0, 1, 0, 2], ["1h"]), DataError, "a label is 0 or 1"),
        (lambda: horizon_costs(A, A[:2], [0, 1, 0, 1], ["1h"]), DataError, "one of each per row"),
        (lambda: horizon_costs(A, A, [0, 1, 0, 1], []), ConfigError, "list of durations"),
        (lambda: horizon_costs(A, A, [0, 1, 0, 1], "1h"), ConfigError, "list of durations"),
        (lambda: horizon_costs(A, A, [0, 1, 0, 1], ["2h"], final="1h"), ConfigError, "before the horizon"),
        (lambda: horizon_costs(A, A, [0, 1, 0, 1], ["99d"]), DataError, "no row is old enough"),
        (lambda: horizon_costs(A, A, [0, 1, 0, 1], ["1h"], missing="x"), ConfigError, "drop, negative"),
        (lambda: horizon_costs(A, A, [0, 1, 0, 1], ["1h"], blocks=[1]), DataError, "1 blocks"),
        (lambda: horizon_costs([None], [1], [1], ["1h"]), DataError, "no moment"),
        (lambda: horizon_accuracy(A, A, A, [0, 1, 0, 1], ["9d"], **OPTIONS), DataError, "final label yet"),
        (lambda: horizon_accuracy(A[:1], A, A, [0, 1, 0, 1], ["1h"], **OPTIONS), DataError, "x has 1"),
        (
            lambda: horizon_accuracy(A, A, A, [0, 1, 0, 1], ["1h"], corrections=["x"], **OPTIONS),
            ConfigError,
            "no correction",
        ),
        (
            lambda: horizon_accuracy(
                A, A, A, [0, 1, 0, 1], ["1h"], missing="drop", corrections=["calibrate"], **OPTIONS
            ),
            ConfigError,
            "use 'weights'",
        ),
    ],
)
def test_bad_requests_are_answered_kindly(call, error, says):
    with pytest.raises(error, match=says):
        call()
