"""Self-training as a candidate: true labels first, sure rows beside them, the base rate put right again."""

from __future__ import annotations

import numpy as np
import pytest

import hindcast as hc
from hindcast.balance import undersample
from hindcast.columns import Frame
from hindcast.errors import ConfigError, DataError
from hindcast.models import load_model, trained, write
from hindcast.models.model import LearnsUnlabelled
from hindcast.semi import SelfTrained, self_trained
from hindcast.trainset.rows import Rows

LEARNER = hc.logistic(c=1.0)


def two_clusters(n: int, seed: int, rate: float = 0.25) -> tuple[Frame, np.ndarray]:
    random = np.random.default_rng(seed)
    label = (random.random(n) < rate).astype(float)
    x = random.normal(size=(n, 2)) + 2.5 * label[:, None]
    return Frame.of({"x": x[:, 0], "y": x[:, 1]}), label


def test_without_other_requests_it_is_the_learner_itself():
    features, label = two_clusters(200, 0)
    none = features.take(slice(0, 0))
    rows, nothing = Rows.of(features, label), np.zeros(0, dtype=np.int64)
    alone = LEARNER.fit(features, label, as_of=rows.as_of, seed=0)
    semi = self_trained(LEARNER)
    for model in (
        semi.fit(features, label, as_of=rows.as_of, seed=0),
        semi.fit_unlabelled(rows, none, nothing, seed=0),
    ):
        assert np.array_equal(model.predict(features), alone.predict(features))


def test_few_labels_and_many_rows_without_help_and_stay_calibrated():
    gains = []
    for seed in range(6):
        features, label = two_clusters(20, 10 + seed, rate=0.4)
        if label.min() == label.max():
            continue
        pool, _ = two_clusters(1_500, 100 + seed, rate=0.4)
        later, truth = two_clusters(3_000, 200 + seed, rate=0.4)
        rows = Rows.of(features, label)
        at = np.arange(len(pool), dtype=np.int64)
        model = self_trained(LEARNER, rounds=4, threshold=0.9).fit_unlabelled(rows, pool, at, seed=0)
        alone = LEARNER.fit(features, label, as_of=rows.as_of, seed=0)
        gains.append(((model.predict(later) >= 0.5) == truth).mean() - ((alone.predict(later) >= 0.5) == truth).mean())
    assert np.mean(gains) > -0.01


def test_a_base_rate_that_the_taken_rows_moved_is_put_right():
    features, label = two_clusters(400, 0)
    pool, _ = two_clusters(2_000, 1, rate=0.02)  # hardly any of these is positive
    later, truth = two_clusters(4_000, 2)
    model = self_trained(LEARNER, threshold=0.9).fit_unlabelled(
        Rows.of(features, label), pool, np.zeros(len(pool), dtype=np.int64), seed=0
    )
    assert abs(model.predict(later).mean() - truth.mean()) < 0.03
    assert abs(model.predict(features).mean() - label.mean()) < 0.01


def test_it_is_stored_as_plain_files_and_says_all_that_changes_it(tmp_path):
    features, label = two_clusters(200, 0)
    pool, _ = two_clusters(300, 1)
    semi = self_trained(LEARNER, rounds=2)
    assert isinstance(semi, LearnsUnlabelled)
    assert isinstance(semi, SelfTrained)
    model = semi.fit_unlabelled(Rows.of(features, label), pool, np.zeros(300, dtype=np.int64), seed=0)
    write(tmp_path / "m", model)
    assert np.array_equal(load_model(tmp_path / "m").predict(pool), model.predict(pool))
    told = [semi, self_trained(LEARNER), self_trained(hc.logistic(c=9.0), rounds=2), self_trained(LEARNER, weight=0.5)]
    assert len({repr(one.describe()) for one in told}) == len(told)
    assert self_trained(LEARNER, name="s").name == "s"


def test_steps_belong_on_the_learner_within():
    features, label = two_clusters(400, 0)
    pool, _ = two_clusters(300, 1)
    within = self_trained(trained(LEARNER, on=undersample(1.0)))
    model = within.fit_unlabelled(Rows.of(features, label), pool, np.zeros(300, dtype=np.int64), seed=0)
    assert abs(model.predict(features).mean() - label.mean()) < 0.1
    with pytest.raises(ConfigError, match="put the steps on the learner within"):
        trained(self_trained(LEARNER), on=undersample(1.0))
    with pytest.raises(ConfigError, match="self-trained already"):
        self_trained(self_trained(LEARNER))


def test_one_class_alone_is_refused():
    features, label = two_clusters(50, 0)
    with pytest.raises(DataError):
        self_trained(LEARNER).fit_unlabelled(
            Rows.of(features, label * 0), features, np.zeros(50, dtype=np.int64), seed=0
        )


@pytest.mark.parametrize("given", [None, "x", True, 2.5, float("nan"), float("inf"), -1, []])
def test_what_makes_no_sense_is_refused(given):
    for name in ("learner", "rounds", "threshold", "most", "name", "weight"):
        if (name, given) in [("name", None), ("name", "x"), ("weight", 2.5)]:
            continue
        arguments = {"learner": LEARNER, name: given}
        with pytest.raises(ConfigError):
            self_trained(**arguments)
