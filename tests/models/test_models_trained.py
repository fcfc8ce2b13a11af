"""Steps touch only the rows a learner is fitted on; weights and soft labels mean what they say; odds are put right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.balance.focal import FocalLoss
from hindcast.columns import Frame
from hindcast.errors import ConfigError, DataError
from hindcast.models.baselines import LAST_LABEL, last_label, rule, zero_rule
from hindcast.models.lightgbm import lightgbm
from hindcast.models.logistic import logistic
from hindcast.models.trained import fit_rows, trained
from hindcast.trainset.rows import Rows


@dataclass(frozen=True)
class Keep:
    """Keeps label 0 with a chance."""

    share: float
    shifts_prior: bool = True
    name: str = "keep"

    def apply(self, rows, seed):
        kept = (rows.label == 1) | (np.random.default_rng(seed).random(len(rows)) < self.share)
        return rows.take(kept)

    def describe(self):
        return {"step": self.name, "share": self.share}


@dataclass(frozen=True)
class Weigh:
    ones: float
    name: str = "weigh"

    def apply(self, rows, seed):
        return rows.having(weight=rows.weight * np.where(rows.label == 1, self.ones, 1.0))

    def describe(self):
        return {"step": self.name, "ones": self.ones}


def is_high(row):
    return row["x"] > 0


def world(count, seed=0):
    rng = np.random.default_rng([seed, 40])
    x = rng.normal(size=count)
    label = (rng.random(count) < 1 / (1 + np.exp(3 - 1.5 * x))).astype(float)
    return Frame.of({"x": x}), label


weights = st.lists(st.integers(1, 4), min_size=20, max_size=20)


@pytest.mark.parametrize("learner", [zero_rule(), rule(is_high), logistic(min_rows=1, tol=1e-8)], ids=lambda x: x.name)
@given(weights)
def test_a_weight_of_n_is_n_rows(learner, times):
    features, label = world(20, seed=3)
    label[:2] = [0, 1]
    weighted = fit_rows(learner, Rows.of(features, label, weight=times), seed=0)
    repeated = Rows.of(features, label).take(np.repeat(np.arange(20), times))
    if learner.name == "logistic":  # its preparation counts rows, not weights: the same line, told in other units
        assert weighted.predict(features) == pytest.approx(
            fit_rows(learner, repeated, seed=0).predict(features), abs=0.1
        )
    else:
        assert weighted.predict(features) == pytest.approx(fit_rows(learner, repeated, seed=0).predict(features))


def test_weights_of_the_last_label():
    features = Frame.of({LAST_LABEL: [0.0, 0.0, 1.0, 1.0]})
    model = last_label().fit(
        features, np.array([0.0, 1.0, 1.0, 0.0]), as_of=np.arange(4), seed=0, weight=np.array([3.0, 1, 1, 1])
    )
    assert model.after_0 == pytest.approx((1 + 2 / 6) / 5)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_a_soft_label_is_two_rows(labels):
    features = Frame.of({"x": np.arange(float(len(labels)))})
    model = fit_rows(zero_rule(), Rows.of(features, labels), seed=0)
    assert model.rate == pytest.approx(np.mean(labels))


@pytest.mark.slow
def test_soft_labels_teach_trees():
    features, _ = world(4000)
    p = 1 / (1 + np.exp(3 - 1.5 * features["x"].values))
    model = fit_rows(lightgbm(trees=50, min_leaf=50), Rows.of(features, p), seed=0)
    assert np.abs(model.predict(features) - p).mean() < 0.02


@pytest.mark.parametrize("step", [Keep(0.1), Weigh(10.0)], ids=lambda s: s.name)
@pytest.mark.parametrize(
    "learner",
    [logistic(), pytest.param(lightgbm(trees=40, min_leaf=200), marks=pytest.mark.slow)],
    ids=lambda x: x.name,
)
def test_probabilities_are_put_right(step, learner):
    features, label = world(40_000)
    fresh, truth = world(40_000, seed=1)
    plain = learner.fit(features, label, as_of=np.arange(len(label)), seed=0).predict(fresh)
    right = trained(learner, on=step).fit(features, label, as_of=np.arange(len(label)), seed=0).predict(fresh)
    wrong = trained(learner, on=step, correct=False).fit(features, label, as_of=np.arange(len(label)), seed=0)
    error = 5 * np.sqrt(truth.mean() * (1 - truth.mean()) / len(truth)) + 5 * np.sqrt(label.mean() / len(label))
    assert right.mean() == pytest.approx(truth.mean(), abs=error)
    assert np.abs(right - plain).mean() < 0.02
    assert wrong.predict(fresh).mean() > 3 * truth.mean()


def test_a_step_whose_change_is_meant_is_not_taken_back():
    features, label = world(2_000)
    model = trained(zero_rule(), on=Keep(0.1, shifts_prior=False)).fit(features, label, as_of=np.arange(2_000), seed=0)
    assert model.odds == 1.0
    assert model.predict_row({}) > 2 * label.mean()


def test_the_learner_never_sees_what_it_is_judged_by():
    features, label = world(1_000)
    seen = []

    @dataclass(frozen=True)
    class Spy:
        name: str = "spy"

        def apply(self, rows, seed):
            seen.append(rows.features["x"].values.copy())
            return rows

        def describe(self):
            return {"step": "spy"}

    part = np.arange(600)
    model = trained(logistic(), on=[Spy()]).fit(features.take(part), label[part], as_of=part, seed=0)
    model.predict(features.take(np.arange(600, 1_000)))
    assert len(seen) == 1
    assert np.array_equal(seen[0], features["x"].values[:600])


def test_steps_do_not_see_what_is_about_the_row():
    features, label = world(100)
    with_last = features.having(**{LAST_LABEL: label})
    model = trained(logistic(), on=[Weigh(2.0)]).fit(with_last, label, as_of=np.arange(100), seed=0)
    assert model.inputs == ("x",)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: trained(logistic(), on=[]), "does nothing"),
        (lambda: trained("logistic", on=Keep(0.5)), "takes a learner first"),
        (lambda: trained(logistic(), on=["undersample"]), "takes steps"),
    ],
)
def test_what_is_refused(make, says):
    with pytest.raises(ConfigError, match=says):
        make()


def test_a_step_that_leaves_one_class_is_named():
    features, label = world(100)
    with pytest.raises(DataError, match="'keep'"):
        trained(logistic(), on=Keep(0.0)).fit(features, label, as_of=np.arange(100), seed=0)


@pytest.mark.parametrize("weight", [[1.0, -1.0], [1.0, np.nan], [1.0, 0.0]])
def test_a_wrong_weight_is_named_by_its_row(weight):
    features = Frame.of({"x": [1.0, 2.0]})
    with pytest.raises(DataError, match="above zero") as raised:
        logistic().fit(features, np.array([0.0, 1.0]), as_of=np.arange(2), seed=0, weight=np.array(weight))
    assert raised.value.row == 2


@pytest.mark.slow
def test_focal_loss_of_no_focus_is_log_loss():
    features, label = world(5_000)
    plain = lightgbm(trees=30, min_leaf=100).fit(features, label, as_of=np.arange(5_000), seed=0)
    focal = lightgbm(trees=30, min_leaf=100, loss=FocalLoss(0.0)).fit(features, label, as_of=np.arange(5_000), seed=0)
    assert focal.predict(features) == pytest.approx(plain.predict(features), abs=2e-3)


@pytest.mark.slow
def test_focal_answers_are_probabilities():
    features, label = world(40_000)
    fresh, truth = world(40_000, seed=1)
    learner = lightgbm(trees=150, min_leaf=500, loss=FocalLoss(2.0))
    answers = learner.fit(features, label, as_of=np.arange(40_000), seed=0).predict(fresh)
    p = 1 / (1 + np.exp(3 - 1.5 * fresh["x"].values))
    assert np.abs(answers - p).mean() < 0.02
    assert answers.mean() == pytest.approx(truth.mean(), abs=0.01)
    assert learner.name == "lightgbm+focal(2)"


def test_focal_loss_stops_early_on_its_own_loss():
    features, label = world(4_000)
    fresh, truth = world(2_000, seed=1)
    learner = lightgbm(trees=500, learning_rate=0.3, min_leaf=20, loss=FocalLoss(1.0), early_stopping=5)
    model = learner.fit(features, label, as_of=np.arange(4_000), seed=0, validation=(fresh, truth))
    assert model.fitted["trees"] < 200
