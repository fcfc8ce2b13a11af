"""Importance: what is lost when a feature is shuffled."""

from __future__ import annotations

import numpy as np
import pytest
from evaluate_models import Formula, many

from hindcast.errors import ConfigError
from hindcast.evaluate import importance
from hindcast.metrics import log_loss


def clipped(x):
    return np.clip(x, 0.02, 0.98)


BOTH = Formula(lambda f: clipped(f["x"].floats()) + 0.001 * (f["word"].objects() == "a"), ("word", "x", "still"))


def test_what_matters_comes_first_and_what_does_not_is_nought():
    features, label, _, _ = many()
    x, word, still = importance(BOTH, features, label)
    assert (x.feature, still.loss, still.spread) == ("x", 0.0, 0.0)
    assert x.loss > 0.3
    assert abs(word.loss) < 0.001
    assert np.isnan(x.gain)


def test_shuffling_the_only_feature_leaves_the_loss_of_a_stranger():
    features, label, _, rate = many()
    (x,) = importance(Formula(lambda f: clipped(f["x"].floats()), ("x",)), features, label)
    stranger = log_loss(label, clipped(np.random.default_rng(5).permutation(rate)))
    assert x.loss == pytest.approx(stranger - log_loss(label, clipped(rate)), rel=0.1)


def test_the_same_seed_gives_the_same_figures_whatever_the_order():
    features, label, _, _ = many()
    first = importance(BOTH, features, label, rows=500, seed=4)
    turned = Formula(BOTH.formula, BOTH.reads[::-1])
    again = importance(turned, features.select(reversed(features.names)), label, rows=500, seed=4)
    assert [(i.feature, i.loss) for i in first] == [(i.feature, i.loss) for i in again]
    assert importance(BOTH, features, label, rows=500, seed=5)[0].loss != first[0].loss


def test_rows_without_label_are_left_out():
    features, label, _, _ = many()
    nothing = importance(BOTH, features, np.full(len(label), np.nan))
    assert [i.feature for i in nothing] == ["word", "x", "still"]
    assert all(np.isnan(i.loss) for i in nothing)
    with pytest.raises(ConfigError):
        importance(BOTH, features, label, repeats=0)


def test_only_those_that_the_model_itself_puts_first_are_shuffled_where_that_is_asked():
    features, label, _, _ = many()

    class Accounted(Formula):
        def importance(self):
            return {"x": 0.7, "word": 0.1, "still": 0.2}

    model = Accounted(BOTH.formula, BOTH.reads)
    every = {i.feature: i for i in importance(model, features, label, rows=500)}
    found = importance(model, features, label, rows=500, most=2)
    assert [(i.feature, i.gain) for i in found] == [("x", 0.7), ("still", 0.2), ("word", 0.1)]
    assert [i.loss for i in found[:2]] == [every["x"].loss, every["still"].loss]
    assert np.isnan(found[2].loss)
    assert len(importance(BOTH, features, label, rows=500, most=1)) == 3
    assert not any(np.isnan(i.loss) for i in importance(BOTH, features, label, rows=500, most=1))
