"""Declared methods: candidates that learn in phases or from requests without a label, beside the plain ones."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

import hindcast as hc
from hindcast.balance import undersample
from hindcast.errors import ConfigError
from hindcast.loop.history import History
from hindcast.loop.trainer import Trained, Trainer
from hindcast.models import in_two_phases, sampled_dynamically
from hindcast.semi import self_trained
from hindcast.testing import deliveries_system
from hindcast.weak import weak_labels
from laws_town import at_day, history_of, town, with_future

TREES = hc.lightgbm(trees=20, min_leaf=20)
MODELS = (
    hc.logistic(c=0.1),
    self_trained(hc.logistic(c=0.1), rounds=2, threshold=0.7),
    in_two_phases(TREES, undersample(1.0)),
    sampled_dynamically(TREES, rounds=2),
)


def scarce(facts: dict[str, Any], share: float = 0.3) -> dict[str, Any]:
    """The town, of whose orders only a share ever has its arrival reported."""
    arrivals = facts["arrivals"]
    kept = np.random.default_rng(4).random(len(arrivals)) < share
    return {**facts, "arrivals": arrivals.take(kept)}


def system_of(**changes: Any) -> Any:
    training = hc.Training(validation="14d", takes="1h", min_rows=50, refit=False)
    return deliveries_system(**{"training": training, "gates": (), "models": MODELS, **changes})


@cache
def history() -> History:
    return history_of(scarce(town()), system_of())


@cache
def trained() -> Trained:
    return Trainer(history()).train(at_day(70))


def test_every_method_stands_in_the_table_of_candidates_and_all_are_calibrated() -> None:
    found = trained()
    assert {learner.name for learner in MODELS} <= set(found.scores)
    for learner in MODELS:
        assert found.scores[learner.name]["ece"] < 0.12, learner.name
        assert found.scores[learner.name]["log_loss"] < found.scores["random"]["log_loss"]


def test_what_became_known_later_changes_no_model() -> None:
    at = at_day(70)
    trainer = Trainer(history_of(with_future(scarce(town()), at), system_of()))
    assert trainer.train(at).digest == trained().digest
    for name, scores in trainer.train(at).scores.items():
        assert scores == trained().scores[name]


def test_self_training_uses_requests_before_the_rows_to_learn_from_end() -> None:
    asked: list[tuple[int, int]] = []

    class Spy:
        name = "spy"

        def describe(self) -> dict[str, Any]:
            return {"learner": "spy"}

        def fit(self, features: Any, label: Any, **options: Any) -> Any:
            raise AssertionError("the trainer offers it the requests without a label")

        def fit_unlabelled(self, rows: Any, unlabelled: Any, as_of: Any, *, seed: int) -> Any:
            asked.append((int(as_of.max()), len(as_of)))
            assert len(unlabelled) == len(as_of)
            return hc.logistic().fit(rows.features, rows.label, as_of=rows.as_of, seed=seed)

    at = at_day(70)
    spying = system_of(models=[Spy()], training=hc.Training(validation="14d", takes="1h", min_rows=50))
    Trainer(replace(history(), system=spying)).train(at)
    (train_end, few), (all_end, many) = asked
    assert train_end < at - 14 * 86_400_000_000
    assert at - 2 * 86_400_000_000 < all_end < at  # younger than maturity: their labels could not be known
    assert few < many


def test_a_model_that_also_learnt_from_others_says_so() -> None:
    only = system_of(models=[MODELS[1]])
    found = Trainer(replace(history(), system=only)).train(at_day(70))
    assert found.lineage["unlabelled"]
    assert "unlabelled" not in trained().lineage or trained().learner.endswith("self-training")
    assert sum(map(sum, found.model.describe()["taken"])) > 0


def test_rules_and_self_training_do_not_teach_the_same_rows_twice() -> None:
    rules = weak_labels([is_far])
    with pytest.raises(ConfigError, match="declare one of them"):
        system_of(training=hc.Training(weak=rules))


def is_far(distance: float) -> int | None:
    return 1 if distance > 6 else None
