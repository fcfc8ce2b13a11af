"""Sampled, rebalanced and focal candidates are like others: judged, promoted, stored, read back, replayed."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

import hindcast as hc
from hindcast.loop.history import History
from hindcast.loop.trainer import Trainer
from hindcast.testing import deliveries_system
from laws_town import at_day, history_of, loop_over, town

CANDIDATES = (
    hc.logistic(),
    hc.trained(hc.logistic(), on=hc.undersample(1.0)),
    hc.trained(hc.logistic(), on=[hc.recent_rows(within="30d"), hc.class_weights("balanced")], name="recent"),
    hc.trained(hc.lightgbm(trees=20), on=[hc.stratified_rows("shop", n=1_500)]),
    hc.lightgbm(trees=20, loss=hc.focal(1.0)),
)


@cache
def history() -> History:
    return history_of(
        town(), deliveries_system(models=list(CANDIDATES), gates=(), rollout=(), retrain=[hc.every("12d")])
    )


def test_they_stand_in_one_table_and_keep_their_probabilities() -> None:
    trained = Trainer(history()).train(at_day(60))
    assert {learner.name for learner in CANDIDATES} <= set(trained.scores)
    base = trained.label.mean()
    model = Trainer(history())
    for name, scores in trained.scores.items():
        if name in {learner.name for learner in CANDIDATES}:
            assert scores["ece"] < 0.08, name  # probabilities, not scores of a rebalanced world
    assert 0.02 < base < 0.5
    assert model.trainings == 0


def test_models_are_kept_between_processes(tmp_path: Path) -> None:
    first, second = Trainer(history(), tmp_path), Trainer(history(), tmp_path)
    one, two = first.train(at_day(60)), second.train(at_day(60))
    assert first.trainings == 1
    assert second.trainings == 0
    assert one.digest == two.digest
    assert np.array_equal(one.probability, two.probability)


def test_a_loop_promotes_and_renews_them() -> None:
    loop = loop_over(history())
    loop.run(at_day(80))
    told = [entry for entry in loop.registry.ledger.entries() if entry.kind == "promotion"]
    assert len(told) >= 2
