"""Rules of thumb teach requests without a label: more rows, sooner; never a floor, a gate, a monitor, or the future."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

import hindcast as hc
from hindcast.errors import ConfigError
from hindcast.loop.history import History
from hindcast.loop.trainer import Trained, Trainer
from hindcast.testing import deliveries_system
from hindcast.weak import labelling_function, weak_labels
from laws_town import at_day, history_of, loop_over, town


def is_far(distance):
    return 1 if distance > 6 else None


def is_near(distance):
    return 0 if distance < 2.5 else None


def is_wet(weather_rain_by_district):
    return None if weather_rain_by_district is None else 1 if weather_rain_by_district > 1 else None


def is_dry(weather_rain_by_district):
    return 0 if weather_rain_by_district == 0 else None


RULES = weak_labels([is_far, is_near, is_wet, is_dry])


@cache
def history(rules: Any = RULES, share: float = 0.2) -> History:
    """The town, of whose orders only a share ever has its arrival reported."""
    facts = town()
    arrivals = facts["arrivals"]
    orders = arrivals.frame["order"].codes()[0]
    kept = np.random.default_rng(4).random(int(orders.max()) + 1)[orders] < share
    training = hc.Training(validation="14d", takes="1h", min_rows=50, weak=rules)
    system = deliveries_system(training=training, gates=(), models=[hc.logistic(c=0.1), hc.lightgbm(trees=20)])
    return history_of({**facts, "arrivals": arrivals.take(kept)}, system)


@cache
def trained(rules: Any = RULES) -> Trained:
    return Trainer(history(rules)).train(at_day(70))


def test_they_are_judged_on_true_labels_only_and_told_on_the_ledger() -> None:
    plain, taught = trained(None), trained()
    assert np.array_equal(plain.label, taught.label)
    assert len(plain.validation.train) == len(taught.validation.train)
    assert plain.weak is None
    told = taught.body()["weak"]
    assert told["functions"] == ["is_far", "is_near", "is_wet", "is_dry"]
    assert told["labelled"] == len(taught.validation.train)
    assert 0 < told["covered"] <= told["unlabelled"]
    assert told["by"] in ("model", "vote")
    assert "weak" not in plain.body()


def test_floors_stand_on_true_labels_alone() -> None:
    plain, taught = trained(None), trained()
    for floor in ("random", "zero_rule", "last_label"):
        assert plain.scores[floor] == taught.scores[floor]
    assert plain.scores["logistic"] != taught.scores["logistic"]


def test_what_is_learnt_from_was_asked_before_the_validation_begins() -> None:
    found = history()
    rows = found.training_set(at_day(70))
    start = int(rows.as_of.max()) - found.system.training.validation_us
    trainer = Trainer(found)
    trainer.train(at_day(70))
    (taught, _) = trainer._weak[start]
    assert taught.as_of.max() < start
    later, _ = trainer._weak[at_day(70)]
    assert later.as_of.max() < at_day(70)
    soft = (taught.label > 0) & (taught.label < 1)
    assert soft.any()


def test_the_same_again_is_the_same_and_news_after_the_moment_changes_nothing() -> None:
    again = Trainer(history_of_before(at_day(70))).train(at_day(70))
    assert again.digest == trained().digest
    assert again.body() == {**trained().body(), "training_set": again.training_set}


def history_of_before(moment: int) -> History:
    """The same facts, but for those that became known at that moment or later."""
    whole = history()
    facts = town()
    arrivals = facts["arrivals"]
    orders = arrivals.frame["order"].codes()[0]
    kept = np.random.default_rng(4).random(int(orders.max()) + 1)[orders] < 0.2
    cut = {**facts, "arrivals": arrivals.take(kept)}
    cut = {name: fact.take(fact.known < moment) for name, fact in cut.items()}
    return history_of(cut, whole.system)


def test_another_rule_is_another_declaration() -> None:
    def is_far(distance):
        return 1 if distance > 9 else None

    other = deliveries_system(training=hc.Training(weak=weak_labels([is_far])))
    same = deliveries_system(training=hc.Training(weak=weak_labels([is_far])))
    assert other.identity == same.identity
    assert other.identity != deliveries_system(training=hc.Training()).identity
    assert other.identity != deliveries_system(training=hc.Training(weak=RULES)).identity


def test_a_loop_turns_with_them() -> None:
    loop = loop_over(history())
    loop.run(at_day(75))
    told = [entry.body for entry in loop.registry.ledger.entries() if "weak" in entry.body]
    assert told


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: weak_labels([]), "no labelling function"),
        (lambda: weak_labels([is_far], weight=0), "weight"),
        (lambda: weak_labels([is_far], balance=1.0), "balance"),
        (lambda: weak_labels([labelling_function(lambda distance: 1, name="x")]), "cannot be part of a declaration"),
        (lambda: weak_labels([is_far, is_far]), "two labelling functions"),
    ],
)
def test_what_is_refused(make: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        make()
