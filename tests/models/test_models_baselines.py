"""The floor: chance, base rate, last label, rule."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models_rows import many

from hindcast.columns import Column, Frame
from hindcast.errors import ArtifactError, ConfigError, DataError, UnknownName
from hindcast.models import load_model, write
from hindcast.models.baselines import LAST_LABEL, last_label, random, rule, zero_rule


def fit(learner, features, label, seed=0):
    return learner.fit(features, np.asarray(label, dtype=float), as_of=np.arange(len(features)), seed=seed)


def test_chance_is_uniform_and_belongs_to_the_row():
    features, label = many(4000)
    model = fit(random(), features, label, seed=3)
    draws = model.predict(features)
    assert 0 <= draws.min() < 0.01
    assert 0.99 < draws.max() < 1
    assert abs(draws.mean() - 0.5) < 0.03
    assert abs(np.corrcoef(draws, label)[0, 1]) < 0.05
    order = np.random.default_rng(0).permutation(len(features))
    assert np.array_equal(model.predict(features.take(order)), draws[order])
    assert np.array_equal(model.predict(features.select(reversed(features.names))), draws)
    assert not np.array_equal(fit(random(), features, label, seed=4).predict(features), draws)


def test_chance_does_not_depend_on_the_vocabulary():
    features, label = many(50)
    model = fit(random(), features, label)
    again = Frame({n: Column.of_kind(c.objects().tolist(), c.kind) for n, c in features.items()})
    assert np.array_equal(model.predict(again), model.predict(features))


def test_zero_rule_is_the_rate():
    features, label = many(1000)
    model = fit(zero_rule(), features, label)
    assert np.array_equal(model.predict(features), np.full(1000, label.mean()))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0, None]), st.integers(0, 1)), min_size=1, max_size=30))
def test_last_label_learns_a_rate_for_each_state(rows):
    features = Frame({LAST_LABEL: Column.of_kind([last for last, _ in rows], "number")})
    model = fit(last_label(), features, [label for _, label in rows])
    prior = sum(label for _, label in rows) / len(rows)
    for state, rate in ((0.0, model.after_0), (1.0, model.after_1), (None, model.after_nothing)):
        among = [label for last, label in rows if last == state]
        assert rate == pytest.approx((sum(among) + prior) / (len(among) + 1))
        assert model.predict_row({LAST_LABEL: state}) == rate


def is_far(row):
    return (row["x"] > 0.5) & (row["side"] == "left")


def test_a_rule_is_calibrated_on_the_training_rows():
    features, label = many(2000)
    model = fit(rule(is_far), features, label)
    holds = is_far({n: c.array() for n, c in features.items()})
    assert model.inputs == ("x", "side")
    assert model.holds == pytest.approx((label[holds].sum() + label.mean()) / (holds.sum() + 1))
    assert np.array_equal(model.predict(features) == model.holds, holds)
    assert model.name == "is_far"


def test_a_rule_says_what_is_wrong_with_its_function():
    features, label = many(20)

    def uses_and(row):
        return row["x"] > 0 and row["y"] > 0

    def answers_once(row):
        return True

    def misspelt(row):
        return row["cuont"] > 3

    with pytest.raises(ConfigError, match="named function"):
        rule(lambda row: row["x"] > 0)
    with pytest.raises(ConfigError, match=r"'uses_and'.*Write &"):
        fit(rule(uses_and), features, label)
    with pytest.raises(ConfigError, match="one boolean per row"):
        fit(rule(answers_once), features, label)
    with pytest.raises(UnknownName, match="Did you mean 'count'"):
        fit(rule(misspelt), features, label)


def test_nan_does_not_satisfy_a_rule():
    def has_gap(row):
        return row["gaps"]

    features = Frame.of({"gaps": [np.nan, 0.0, 2.0]})
    model = fit(rule(has_gap), features, [0, 0, 1])
    assert (model.predict(features) == model.holds).tolist() == [False, False, True]


def test_a_stored_rule_wants_the_function_it_was_calibrated_with(tmp_path):
    features, label = many(200)
    model = fit(rule(is_far), features, label)
    write(tmp_path / "v1", model)
    again = load_model(tmp_path / "v1", functions={"is_far": is_far})
    assert np.array_equal(again.predict(features), model.predict(features))
    with pytest.raises(ArtifactError, match="no function 'is_far'"):
        load_model(tmp_path / "v1")

    def other(row):
        return row["x"] > 0.6

    with pytest.raises(ArtifactError, match="was changed"):
        load_model(tmp_path / "v1", functions={"is_far": other})


@pytest.mark.parametrize("label", [[0, 1], [0, 1, np.nan], [0, 1, 2]])
def test_wrong_labels_are_refused(label):
    with pytest.raises(DataError, match="label"):
        fit(zero_rule(), Frame.of({"x": [1.0, 2.0, 3.0]}), label)


def test_no_rows_are_refused():
    with pytest.raises(DataError, match="no rows"):
        fit(zero_rule(), Frame.of({"x": []}), [])


def test_a_rule_may_not_read_a_list():
    def often(row):
        return row["last"] != None  # noqa: E711

    features = Frame.of({"last": [("a",), ()], "x": [1.0, 2.0]})
    with pytest.raises(ConfigError, match="a rule reads 'last', which holds lists; models do not take lists"):
        fit(rule(often), features, [0, 1])


def test_chance_does_not_draw_on_lists():
    features, label = many(20)
    beside = features.having(last=Column.of_kind([("a",) * row for row in range(20)], "list"))
    assert fit(random(), beside, label).files() == fit(random(), features, label).files()
