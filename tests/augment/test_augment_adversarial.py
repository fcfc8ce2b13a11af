"""Steps go where the loss grows, never further than they may; a search finds the edit that fools."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.augment import fgsm, greedy_attack, linear_gradient, row_edits, text_edits, torch_gradient
from hindcast.errors import ConfigError, DataError


def loss(w, b, x, y):
    scores = x @ w.T + b
    if len(w) == 1:
        scores = np.column_stack([np.zeros(len(x)), scores[:, 0]])
    return -(scores[np.arange(len(y)), y] - np.log(np.exp(scores).sum(axis=1)))


@given(st.integers(2, 5), st.integers(1, 4), st.integers(0, 2**20))
def test_the_linear_gradient_is_the_numeric_one(classes, features, seed):
    rng = np.random.default_rng(seed)
    w = rng.normal(size=(1 if classes == 2 else classes, features))
    b, x, y = rng.normal(size=len(w)), rng.normal(size=(3, features)), rng.integers(0, classes, 3)
    slope = linear_gradient(w, b)(x, y)
    for at in range(features):
        step = np.zeros(features)
        step[at] = 1e-6
        numeric = (loss(w, b, x + step, y) - loss(w, b, x - step, y)) / 2e-6
        assert slope[:, at] == pytest.approx(numeric, abs=1e-6)


@given(st.floats(0, 0.5), st.integers(0, 2**20))
def test_a_step_never_goes_too_far_and_never_makes_a_linear_model_surer(epsilon, seed):
    rng = np.random.default_rng(seed)
    w, b, x, y = rng.normal(size=(3, 4)), rng.normal(size=3), rng.normal(size=(6, 4)), rng.integers(0, 3, 6)
    moved = fgsm(linear_gradient(w, b), x, y, epsilon=epsilon)
    assert np.abs(moved - x).max() <= epsilon + 1e-12
    assert (loss(w, b, moved, y) >= loss(w, b, x, y) - 1e-9).all()
    assert fgsm(linear_gradient(w, b), x, y, epsilon=epsilon, low=-0.1, high=0.1).max() <= 0.1


def test_a_module_has_the_gradient_of_the_same_line():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for outputs in (1, 3):
        module = torch.nn.Linear(4, outputs).double()
        w, b = module.weight.detach().numpy(), module.bias.detach().numpy()
        x, y = rng.normal(size=(5, 4)), rng.integers(0, max(outputs, 2), 5)
        assert torch_gradient(module)(x, y) == pytest.approx(linear_gradient(w, b)(x, y), abs=1e-9)
        assert module.training


def shop(texts):
    return np.array([[0.9, 0.1] if "refund" in t else [0.2, 0.8] for t in texts])


def test_the_search_finds_the_word_everything_hangs_on():
    found = greedy_attack(shop, ["I want a refund now", "hello there", "refund"], [0, 1, 1], text_edits, budget=2)
    assert found.right.tolist() == [True, True, False]
    assert found.fooled.tolist() == [True, False, False]
    assert found.edits.tolist() == [1, 0, 0]
    assert "refund" not in found.items[0]
    assert found.items[2] == "refund"
    assert found.share_fooled[0] == 0.5


def test_rows_are_pushed_over_the_line_within_the_budget():
    def model(rows):
        p = 1 / (1 + np.exp(-np.array(rows).sum(axis=1)))
        return np.column_stack([1 - p, p])

    rows = [np.array([0.4, 0.4, 0.0]), np.array([5.0, 5.0, 0.0])]
    found = greedy_attack(model, rows, [1, 1], row_edits([1.0, 1.0, 1.0], step=0.5, fixed=[2]), budget=2)
    assert found.fooled.tolist() == [True, False]
    assert found.items[0][2] == 0.0
    assert found.edits.tolist() == [2, 2]
    assert rows[0].tolist() == [0.4, 0.4, 0.0]


@given(st.text(max_size=30))
def test_a_text_edit_is_another_text(text):
    assert all(edit != text or " " in text for edit in text_edits(text))


def test_odd_input():
    assert greedy_attack(shop, [], [], text_edits).items == ()
    assert np.isnan(greedy_attack(shop, ["refund"], [1], text_edits).share_fooled[0])
    with pytest.raises(ConfigError, match="budget"):
        greedy_attack(shop, ["a"], [0], text_edits, budget=0)
    with pytest.raises(DataError, match="one label per item"):
        greedy_attack(shop, ["a"], [0, 1], text_edits)
    with pytest.raises(DataError, match="row 1"):
        greedy_attack(shop, ["a"], [2], text_edits)
    with pytest.raises(ConfigError, match="epsilon"):
        fgsm(linear_gradient([[1.0]], [0.0]), [[1.0]], [1], epsilon=-1)
    with pytest.raises(ConfigError, match="shape"):
        fgsm(lambda x, y: x[:, :1], [[1.0, 2.0]], [1], epsilon=1)
