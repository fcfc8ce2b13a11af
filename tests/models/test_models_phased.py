"""Trees that learn in phases: a forest like any other, whose probabilities are those of the rows as they were."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hindcast as hc
from hindcast.balance import class_weights, smote, undersample
from hindcast.columns import Frame
from hindcast.errors import ConfigError, DataError
from hindcast.models import Learner, LightGBM, in_two_phases, load_model, sampled_dynamically, write
from hindcast.models.phased import matched_odds

SMALL = LightGBM(trees=30, leaves=7, min_leaf=10, min_rows=10)


def rare(n: int, seed: int) -> tuple[Frame, Any]:
    """Rows of which one in about fifteen is positive, by a number and a text."""
    random = np.random.default_rng(seed)
    x, place = random.normal(size=n), random.choice(["north", "south"], n)
    chance = 1 / (1 + np.exp(3.6 - 1.5 * x - (place == "north")))
    label = (random.random(n) < chance).astype(float)
    return Frame.of({"x": x, "place": place}), label


def learners() -> list[Any]:
    return [
        in_two_phases(SMALL, undersample(1.0)),
        in_two_phases(SMALL, class_weights("balanced"), more=10),
        sampled_dynamically(SMALL, rounds=3),
        sampled_dynamically(SMALL, rounds=2, by="recall"),
    ]


@pytest.mark.parametrize("learner", learners(), ids=lambda one: f"{one.name} {one.more}")
def test_probabilities_are_those_of_rows_never_seen(learner):
    features, label = rare(6_000, 0)
    later, truth = rare(6_000, 1)
    model = learner.fit(features, label, as_of=np.zeros(len(label), dtype=np.int64), seed=3)
    p = model.predict(later)
    assert abs(model.predict(features).mean() - label.mean()) < 1e-9
    spread = np.sqrt(truth.mean() * (1 - truth.mean()) / len(truth))
    assert abs(p.mean() - truth.mean()) < 4 * np.sqrt(2) * spread
    order = np.argsort(p)
    assert truth[order[-600:]].mean() > 3 * truth.mean()  # a tenth of the rows holds far more than its share


@pytest.mark.parametrize("learner", learners()[::2], ids=lambda one: one.name)
def test_the_same_rows_and_seed_give_the_same_bytes_which_are_read_back(learner, tmp_path):
    features, label = rare(1_500, 0)
    as_of = np.zeros(len(label), dtype=np.int64)
    model = learner.fit(features, label, as_of=as_of, seed=3)
    assert model.files() == learner.fit(features, label, as_of=as_of, seed=3).files()
    assert isinstance(learner, Learner)
    write(tmp_path / "m", model)
    again = load_model(tmp_path / "m")
    assert np.array_equal(again.predict(features), model.predict(features))
    row = features.rows()[7]
    assert again.predict_row(row) == model.predict(features)[7]
    assert set(model.importance()) == {"x", "place"}


def test_rows_that_count_more_are_learnt_from_more():
    features, label = rare(2_000, 0)
    weight = np.where(label == 1, 5.0, 1.0)
    for learner in learners():
        as_of = np.zeros(len(label), dtype=np.int64)
        model = learner.fit(features, label, as_of=as_of, seed=3, weight=weight)
        assert np.average(model.predict(features), weights=weight) == pytest.approx(np.average(label, weights=weight))


def test_uncorrected_answers_are_those_of_the_shares_last_seen():
    features, label = rare(3_000, 0)
    as_of = np.zeros(len(label), dtype=np.int64)
    plain = sampled_dynamically(SMALL, rounds=1, correct=False).fit(features, label, as_of=as_of, seed=0)
    assert plain.odds == 1.0
    assert plain.predict(features).mean() > 2 * label.mean()  # the first round draws both classes alike


def test_an_identity_says_all_that_changes_the_model():
    told = [learner.describe() for learner in learners()]
    assert len({repr(one) for one in told}) == len(told)
    assert in_two_phases(SMALL, undersample(1.0)).describe() == in_two_phases(SMALL, undersample(1.0)).describe()
    assert in_two_phases(hc.lightgbm(), undersample(1.0)).more == 150
    assert in_two_phases(SMALL, undersample(1.0), name="two").name == "two"


def test_matched_odds_takes_back_what_undersampling_did():
    random = np.random.default_rng(0)
    p = random.random(100_000) * 0.2
    label = (random.random(len(p)) < p).astype(float)
    shifted = 7 * p / (7 * p + 1 - p)
    assert matched_odds(shifted, label) == pytest.approx(1 / 7, rel=0.05)
    assert matched_odds(p, label, np.ones(len(p))) == pytest.approx(1, rel=0.05)


def test_one_class_alone_is_refused():
    features, label = rare(100, 0)
    for learner in learners():
        with pytest.raises(DataError):
            learner.fit(features, label * 0, as_of=np.zeros(100, dtype=np.int64), seed=0)


@pytest.mark.parametrize("given", [None, "x", True, 2.5, float("nan"), -1, 0])
def test_what_makes_no_sense_is_refused(given):
    for make in (
        lambda: in_two_phases(given, undersample(1.0)),
        lambda: in_two_phases(SMALL, given),
        lambda: in_two_phases(SMALL, undersample(1.0), more=given) if given is not None else in_two_phases(SMALL, 1),
        lambda: sampled_dynamically(given),
        lambda: sampled_dynamically(SMALL, rounds=given),
        lambda: sampled_dynamically(SMALL, held=given),
        lambda: sampled_dynamically(SMALL, by=given),
        lambda: sampled_dynamically(SMALL, name=given if given not in (None, "x") else 7),
        lambda: sampled_dynamically(SMALL, correct=given if given is not True else "yes"),
    ):
        with pytest.raises(ConfigError):
            make()


def test_learners_that_cannot_go_on_growing_are_refused():
    for learner in (hc.logistic(), LightGBM(early_stopping=5), LightGBM(loss=hc.focal(2.0))):
        with pytest.raises(ConfigError, match=r"in_two_phases (takes|grows)"):
            in_two_phases(learner, smote())
