"""Focal loss: closed forms against numeric derivatives, log loss, LightGBM's own objective, PyTorch; and its map."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from hindcast.balance import FocalLoss, focal_to_probability
from hindcast.errors import ConfigError, DataError

gammas = st.sampled_from([0.0, 0.3, 1.0, 2.0, 5.0])
scores = st.floats(-50, 50)


def numeric(z, gamma, h=1e-12):
    """First and second derivative of the definition by central differences in 80 digits."""
    from decimal import Decimal, localcontext

    with localcontext() as exact:
        exact.prec = 80
        step = Decimal(h)

        def loss(at):
            power = (-at).exp()
            q = power / (1 + power)
            return -(q ** Decimal(gamma)) * (1 / (1 + power)).ln()

        z = Decimal(z)
        up, at, down = loss(z + step), loss(z), loss(z - step)
        return float(at), float((up - down) / (2 * step)), float((up - 2 * at + down) / step**2)


@given(scores, gammas, st.integers(0, 1))
def test_closed_forms_are_the_numeric_derivatives_up_to_50(z, gamma, label):
    loss = FocalLoss(gamma)
    value, slope, curve = numeric(z if label else -z, gamma)
    sign = 1 if label else -1
    assert loss.losses([label], [z])[0] == pytest.approx(value, rel=1e-9, abs=1e-300)
    first, second = loss.derivatives([label], [z])
    assert first[0] == pytest.approx(sign * slope, rel=1e-9, abs=1e-300)
    assert second[0] == pytest.approx(curve, rel=1e-6, abs=1e-14 * max(1.0, abs(slope)))


@given(st.lists(st.floats(-20, 20), min_size=3, max_size=3), gammas, st.integers(0, 2))
def test_many_classes_agree_with_numeric_derivatives(row, gamma, label):
    loss = FocalLoss(gamma, alpha=(1.0, 2.0, 0.5))
    s, h = np.array([row]), 1e-4
    first, second = loss.derivatives([label], s)

    def at(j, by):
        moved = s.copy()
        moved[0, j] += by
        return loss.losses([label], moved)[0], loss.derivatives([label], moved)[0][0, j]

    for j in range(3):
        assert first[0, j] == pytest.approx((at(j, h)[0] - at(j, -h)[0]) / (2 * h), rel=1e-4, abs=1e-6)
        assert second[0, j] == pytest.approx((at(j, h)[1] - at(j, -h)[1]) / (2 * h), rel=1e-4, abs=1e-6)
    assert first.sum() == pytest.approx(0, abs=1e-9)


@given(st.lists(st.tuples(st.integers(0, 1), scores), min_size=1, max_size=20))
def test_gamma_zero_is_log_loss(rows):
    y, s = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    loss = FocalLoss(0.0)
    p = 1 / (1 + np.exp(-s))
    assert loss.losses(y, s) == pytest.approx(np.logaddexp(0, np.where(y == 1, -s, s)))
    first, second = loss.derivatives(y, s)
    assert first == pytest.approx(p - y, abs=1e-12)
    assert second == pytest.approx(p * (1 - p), abs=1e-12)
    assert np.array_equal(loss.derivatives(y, s, positive=True)[1], second) or np.allclose(
        loss.derivatives(y, s, positive=True)[1], second
    )


@given(st.lists(st.tuples(st.integers(0, 1), scores), min_size=1, max_size=20), gammas)
def test_two_classes_are_the_softmax_of_two(rows, gamma):
    y, s = (np.array(column) for column in zip(*rows, strict=True))
    both = np.stack([np.zeros(len(s)), s], axis=1)
    one, many = FocalLoss(gamma, 0.25), FocalLoss(gamma, (0.75, 0.25))
    assert one.losses(y, s) == pytest.approx(many.losses(y, both))
    assert one.derivatives(y, s)[0] == pytest.approx(many.derivatives(y, both)[0][:, 1])
    assert one.probability(s) == pytest.approx(many.probability(both)[:, 1])


@given(st.lists(st.floats(-700, 700), min_size=1, max_size=10), gammas, st.integers(0, 1))
def test_the_safe_curvature_is_positive_and_everything_finite(s, gamma, label):
    loss = FocalLoss(gamma)
    labels = np.full(len(s), label)
    first, second = loss.derivatives(labels, s, positive=True)
    assert np.isfinite(first).all()
    assert (second >= 0).all()
    assert (second[np.abs(s) < 50 / (1 + gamma)] > 0).all()
    assert np.isfinite(loss.losses(labels, s)).all()


# ---- what it means as a probability -----------------------------------------------------------------------


@given(st.floats(0.01, 0.99), gammas, st.sampled_from([None, 0.25, 0.7]))
def test_the_map_undoes_what_minimising_does(p, gamma, alpha):
    loss = FocalLoss(gamma, alpha)

    def expected(s):
        return p * loss.losses([1], [s])[0] + (1 - p) * loss.losses([0], [s])[0]

    best = minimize_scalar(expected, bounds=(-15, 15), method="bounded", options={"xatol": 1e-10}).x
    assert loss.probability([best])[0] == pytest.approx(p, abs=1e-4)
    assert focal_to_probability([1 / (1 + math.exp(-best))], gamma, alpha=alpha)[0] == pytest.approx(p, abs=1e-4)


@given(st.lists(st.floats(0.001, 1), min_size=3, max_size=4), gammas)
@settings(max_examples=12)
def test_the_score_to_start_from_has_no_slope_and_maps_to_the_shares(counts, gamma):
    shares = np.array(counts) / sum(counts)
    k = len(shares)
    loss = FocalLoss(gamma)
    start = loss.initial_score(np.arange(k), weight=shares, classes=k)
    slope = sum(shares[j] * loss.derivatives([j], start[None, :])[0][0] for j in range(k))
    assert slope == pytest.approx(np.zeros(k), abs=1e-6)
    assert loss.probability(start[None, :])[0] == pytest.approx(shares, abs=1e-6)


def test_the_start_of_log_loss_is_the_log_odds():
    y = np.r_[np.ones(3), np.zeros(9)]
    assert FocalLoss(0.0).initial_score(y) == pytest.approx(math.log(3 / 9))
    assert FocalLoss(2.0).initial_score(y) > math.log(3 / 9)
    with pytest.raises(DataError, match="each of 2 classes"):
        FocalLoss().initial_score([1, 1])


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20), gammas)
def test_the_map_keeps_the_order_and_the_ends(q, gamma):
    found = focal_to_probability(sorted(q), gamma)
    assert (np.diff(found) >= -1e-12).all()
    assert focal_to_probability([0.0, 0.5, 1.0], gamma) == pytest.approx([0, 0.5, 1])
    if gamma == 0:
        assert found == pytest.approx(np.array(sorted(q)), abs=1e-9)


# ---- LightGBM and PyTorch ---------------------------------------------------------------------------------


def _data(n=2_000, k=2, seed=0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, 4))
    if k == 2:
        return X, (random.random(n) < 1 / (1 + np.exp(3 - 2 * X[:, 0]))).astype(int)
    return X, (X[:, :k] + random.normal(size=(n, k))).argmax(axis=1)


_PLAIN = {"verbosity": -1, "num_threads": 1, "num_leaves": 7, "min_data_in_leaf": 20, "deterministic": True, "seed": 1}


def test_with_gamma_zero_lightgbm_grows_the_trees_of_its_own_log_loss():
    import lightgbm

    X, y = _data()
    loss = FocalLoss(0.0)
    start = loss.initial_score(y)
    ours = lightgbm.train(
        {**_PLAIN, "objective": loss.objective()},
        lightgbm.Dataset(X, y, init_score=np.full(len(y), start)),
        num_boost_round=10,
    )
    own = lightgbm.train({**_PLAIN, "objective": "binary"}, lightgbm.Dataset(X, y), num_boost_round=10)
    assert loss.probability(ours.predict(X) + start) == pytest.approx(own.predict(X), abs=1e-6)


def test_a_focal_forest_ranks_and_its_map_calibrates():
    import lightgbm

    from hindcast.metrics import auc, ece

    X, y = _data(20_000)
    fresh, later = _data(20_000, seed=1)
    loss = FocalLoss(2.0)
    start = loss.initial_score(y)
    weight = np.ones(len(y))
    model = lightgbm.train(
        {**_PLAIN, "objective": loss.objective(), "learning_rate": 0.2},
        lightgbm.Dataset(X, y, weight=weight, init_score=np.full(len(y), start)),
        num_boost_round=60,
    )
    score = model.predict(fresh) + start
    raw = 1 / (1 + np.exp(-score))
    assert auc(later, score) > 0.85
    assert ece(later, raw) > 0.05
    assert ece(later, loss.probability(score)) < 0.02


def test_many_classes_in_lightgbm():
    import lightgbm

    X, y = _data(k=3)
    loss = FocalLoss(1.0)
    model = lightgbm.train(
        {**_PLAIN, "objective": loss.objective(init_score=np.zeros(3)), "num_class": 3},
        lightgbm.Dataset(X, y),
        num_boost_round=20,
    )
    p = loss.probability(model.predict(X))
    assert p.sum(axis=1) == pytest.approx(np.ones(len(y)))
    assert (p.argmax(axis=1) == y).mean() > 0.6


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_the_module_answers_as_numpy_does(gamma):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from hindcast.balance.focal_torch import focal_module

    random = np.random.default_rng(0)
    for alpha, s, y in (
        (0.25, random.uniform(-50, 50, 40), random.integers(0, 2, 40)),
        ((1.0, 2.0, 3.0), random.uniform(-50, 50, (40, 3)), random.integers(0, 3, 40)),
    ):
        loss = FocalLoss(gamma, alpha)
        given_scores = torch.tensor(s, requires_grad=True)
        found = focal_module(loss, reduction="none")(given_scores, torch.tensor(y))
        assert found.detach().numpy() == pytest.approx(loss.losses(y, s), rel=1e-9)
        loss.module()(given_scores, torch.tensor(y)).backward()
        assert given_scores.grad.numpy() == pytest.approx(loss.derivatives(y, s)[0] / 40, rel=1e-6, abs=1e-12)
    with pytest.raises(ConfigError, match="reduction"):
        focal_module(FocalLoss(), reduction="max")


def test_without_pytorch_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(ConfigError, match=r"pip install hindcast\[torch\]"):
        FocalLoss().module()


@pytest.mark.parametrize(
    ("gamma", "alpha"), [(-1, None), (math.nan, None), (2, 1.5), (2, (1.0,)), (2, (1.0, 0.0)), (2, 0)]
)
def test_parameters_that_make_no_sense_are_refused(gamma, alpha):
    with pytest.raises(ConfigError):
        FocalLoss(gamma, alpha)


def test_labels_and_scores_are_checked():
    loss = FocalLoss(alpha=0.25)
    with pytest.raises(DataError, match="row 2"):
        loss.losses([0, 2], [0.0, 0.0])
    with pytest.raises(DataError, match="not finite"):
        loss.losses([0, 1], [0.0, math.inf])
    with pytest.raises(DataError, match="meet scores"):
        loss.losses([0, 1], [0.0])
    with pytest.raises(ConfigError, match="two classes"):
        loss.losses([0, 1], np.zeros((2, 3)))
    with pytest.raises(ConfigError, match="weights for 3"):
        FocalLoss(alpha=(1, 2, 3)).losses([0], [0.0])
    assert loss.losses([], []).shape == (0,)
    assert loss.describe() == {"loss": "focal", "gamma": 2.0, "alpha": 0.25}
    assert loss.name == "focal(2)"


def test_what_is_no_score_or_label_is_refused_kindly():
    loss = FocalLoss(2.0)
    for label, told in (([0, 1, math.nan], "row 3"), ([0, 2, 1], "row 2"), (["a", "b", "b"], "numbers")):
        with pytest.raises(DataError, match=told):
            loss.initial_score(label)
    with pytest.raises(DataError, match="one of each"):
        loss.initial_score([0, 1], weight=[1.0])
    with pytest.raises(DataError, match="at least zero"):
        loss.initial_score([0, 1], weight=[1.0, math.inf])
    with pytest.raises(DataError, match="finite"):
        loss.probability([math.inf])
    with pytest.raises(DataError, match="row 2"):
        focal_to_probability([[0.5, 0.5], [0.0, 0.0]], 2.0)
    assert FocalLoss(2.0, np.float32(0.25)).class_weights(2).tolist() == [0.75, 0.25]
