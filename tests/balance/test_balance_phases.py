"""Learners that go on, dynamic sampling and learning from costs: laws and generated worlds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression, SGDClassifier

from hindcast import balance as b
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.metrics import Costs, auc, ece, expected_cost


def world(n=3_000, rate=0.1, seed=0, classes=2):
    random = np.random.default_rng(seed)
    share = [1 - rate, rate] if classes == 2 else [1 - rate, rate / 2, rate / 2]
    y = random.choice(classes, n, p=share)
    return random.normal(size=(n, 3)) + 1.5 * np.eye(3)[y], y


def net():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    torch.set_num_threads(1)
    return torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))


LEARNERS = {
    "boosting": lambda: b.Boosting(trees=20, more=20, parameters={"num_leaves": 7}),
    "gradual": lambda: b.Gradual(SGDClassifier(loss="log_loss", alpha=1e-3), epochs=3, more=3),
    "network": lambda: b.Network(net, epochs=5, more=5, more_rate=1e-2),
}
by_learner = pytest.mark.parametrize("kind", sorted(LEARNERS))


@pytest.mark.slow
@by_learner
def test_the_second_phase_takes_back_what_balance_did_to_probabilities(kind):
    if kind == "network":
        pytest.importorskip("torch", reason="PyTorch is not installed")
    X, y = world()
    fresh, later = world(seed=1)
    both = b.two_phase(LEARNERS[kind](), X, y, b.undersample(1.0), seed=2)
    first, last = both.predict_proba(fresh, 0)[:, 1], both.predict_proba(fresh)[:, 1]
    assert isinstance(both, b.Phases)
    assert ece(later, np.clip(first, 0, 1)) > 2 * ece(later, np.clip(last, 0, 1))
    assert auc(later, last) > 0.75
    again = b.two_phase(LEARNERS[kind](), X, y, b.undersample(1.0), seed=2)
    assert np.array_equal(again.predict_proba(fresh), both.predict_proba(fresh))
    assert both.predict_proba(fresh, 0).sum(axis=1) == pytest.approx(np.ones(len(fresh)))


def test_going_on_leaves_the_earlier_state_as_it_was():
    X, y = world(600)
    for make in (LEARNERS["boosting"], LEARNERS["gradual"]):
        learner = make()
        first = learner.start(X, y, np.ones(len(y)), 2, 0)
        before = learner.probability(first, X)
        learner.go_on(first, X[::2], y[::2], np.full(len(y[::2]), 2.0), 1)
        assert np.array_equal(learner.probability(first, X), before)


def test_later_phases_may_change_a_part_of_a_network():
    pytest.importorskip("torch", reason="PyTorch is not installed")
    X, y = world(400)
    both = b.two_phase(b.Network(net, epochs=2, more=2, tuned=("2",)), X, y, b.oversample())
    (_, one), (_, two) = (list(state.named_parameters())[:2] for state in both.states)
    first, last = (dict(state.named_parameters()) for state in both.states)
    assert (first["0.weight"] == last["0.weight"]).all()
    assert (first["2.weight"] != last["2.weight"]).any()
    assert one[1].shape == two[1].shape
    with pytest.raises(ConfigError, match="no parameter"):
        b.two_phase(b.Network(net, tuned=("head",)), X, y, b.oversample())


def test_classes_keep_their_names():
    X, y = world(900, classes=3)
    names = np.array(["äpfel", "b", "c"])[y]
    both = b.two_phase(b.Boosting(trees=10, more=5), X, names, b.smote(3))
    assert both.classes_.tolist() == ["b", "c", "äpfel"]
    assert (both.predict(X) == names).mean() > 0.9
    with pytest.raises(DataError, match="two classes"):
        b.two_phase(b.Boosting(), X, np.zeros(900), b.undersample())


# ---- dynamic sampling -------------------------------------------------------------------------------------


def test_rounds_draw_more_of_the_class_that_is_learnt_worst():
    random = np.random.default_rng(0)
    n = 3_000
    y = random.choice(3, n, p=[0.8, 0.1, 0.1])
    X = random.normal(size=(n, 3))
    X[:, 0] += 8 * (y == 1)
    X[:, 1] += 0.7 * (y == 2)
    told = []
    found = b.dynamic_sampling(LEARNERS["boosting"](), X, y, rounds=4, rows=900, progress=lambda *t: told.append(t))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert found.rounds[0].drawn.tolist() == [300, 300, 300]
    for before, after in zip(found.rounds, found.rounds[1:], strict=False):
        assert after.drawn.sum() == pytest.approx(900, abs=3)
        assert np.argmax(after.drawn) == np.argmin(before.score)
        assert after.drawn.min() >= 25
    assert found.rounds[1].drawn[2] > found.rounds[1].drawn[1]
    assert found.best == int(np.argmax([r.mean for r in found.rounds]))
    assert found.predict_proba(X).shape == (n, 3)
    assert (found.predict(X)[y == 1] == 1).mean() > 0.9
    assert isinstance(found, b.DynamicSampling)
    assert isinstance(found.rounds[0], b.SamplingRound)


def test_rows_held_back_are_never_learnt_from():
    X, y = world(400)
    X = np.c_[X, np.arange(400)]

    class Noted:
        def __init__(self):
            self.learnt, self.asked = [], []

        def start(self, X, codes, weight, classes, seed):
            self.learnt.append(X[:, -1])
            return 0

        def go_on(self, state, X, codes, weight, seed):
            self.learnt.append(X[:, -1])
            return 0

        def probability(self, state, X):
            self.asked.append(X[:, -1])
            return np.tile([0.5, 0.5], (len(X), 1))

    noted = Noted()
    found = b.dynamic_sampling(noted, X, y, rounds=3, by="recall", seed=4)
    assert all(set(noted.asked[0]).isdisjoint(rows) for rows in noted.learnt)
    assert len(noted.asked[0]) == pytest.approx(80, abs=2)
    assert found.rounds[1].drawn[1] > 5 * found.rounds[1].drawn[0]


def test_what_dynamic_sampling_refuses():
    X, y = world(100)
    with pytest.raises(ConfigError, match="rounds"):
        b.dynamic_sampling(b.Boosting(), X, y, rounds=0)
    with pytest.raises(UnknownName, match="recall"):
        b.dynamic_sampling(b.Boosting(), X, y, by="recal")
    with pytest.raises(DataError, match="one row"):
        b.dynamic_sampling(b.Boosting(), X[:3], [0, 0, 1])
    with pytest.raises(ConfigError, match="partial_fit"):
        b.Gradual(LogisticRegression())
    with pytest.raises(ConfigError, match="at least 1"):
        b.Gradual(SGDClassifier(loss="log_loss"), epochs=0)
    with pytest.raises(ConfigError, match="trees must be a whole number of at least 1"):
        b.Boosting(trees=0)


# ---- costs ------------------------------------------------------------------------------------------------


def test_metacost_labels_are_those_of_least_expected_cost():
    random = np.random.default_rng(0)
    x = random.normal(size=4_000)
    p = 1 / (1 + np.exp(2 - 2 * x))
    y = np.where(random.random(4_000) < p, "yes", "no")
    costs = Costs([[0, 1], [8, 0]], classes=["no", "yes"])
    told = b.metacost(x[:, None], y, LogisticRegression(), costs, bags=5)
    assert (told == np.where(p > costs.threshold, "yes", "no")).mean() > 0.97
    plain = LogisticRegression().fit(x[:, None], y).predict(x[:, None])
    cheap = LogisticRegression().fit(x[:, None], told).predict(x[:, None])
    assert expected_cost(y, cheap, costs) < 0.8 * expected_cost(y, plain, costs)
    assert np.array_equal(told, b.metacost(x[:, None], y, LogisticRegression(), costs, bags=5))
    with pytest.raises(ConfigError, match="bags must be a whole number of at least 1"):
        b.metacost(x[:, None], y, LogisticRegression(), costs, bags=0)
    with pytest.raises(ConfigError, match="classes"):
        b.metacost(x[:, None], y, LogisticRegression(), Costs(1 - np.eye(3), ["no", "yes", "so"]))


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 100), st.floats(0, 100)), min_size=1, max_size=20))
def test_rows_with_costs_of_their_own_are_decided_by_them(rows):
    p, miss, alarm = (np.array(column) for column in zip(*rows, strict=True))
    acted = b.decide_by_row(p, miss=miss, false_alarm=alarm)
    assert acted.tolist() == [q * m > (1 - q) * a for q, m, a in zip(p, miss, alarm, strict=True)]


def test_weights_of_rows_learn_to_spend_least():
    random = np.random.default_rng(1)
    n = 6_000
    x, amount = random.normal(size=n), random.exponential(100, n)
    p = 1 / (1 + np.exp(3 - x))
    y = (random.random(n) < p).astype(int)
    X = np.c_[x, np.log(amount)]
    weight = b.weight_by_row(y, miss=amount, false_alarm=10)
    assert weight.mean() == pytest.approx(1)

    def paid(acted):
        return np.where(acted, np.where(y == 1, 0, 10), np.where(y == 1, amount, 0)).sum()

    plain = LogisticRegression().fit(X, y).predict(X) == 1
    weighed = LogisticRegression().fit(X, y, sample_weight=weight).predict(X) == 1
    rows = b.cost_sampled(weight, seed=0)
    sampled = LogisticRegression().fit(X[rows], y[rows]).predict(X) == 1
    best = b.decide_by_row(p, miss=amount, false_alarm=10)
    assert paid(weighed) < 0.8 * paid(plain)
    assert paid(weighed) < 1.1 * paid(best)
    assert paid(sampled) < 1.2 * paid(best)


def test_a_cost_sample_holds_each_row_with_its_chance():
    weight = np.array([1.0, 0.5, 0.1, 0.0])
    held = np.zeros(4)
    for seed in range(2_000):
        held[b.cost_sampled(weight, seed=seed)] += 1
    assert held / 2_000 == pytest.approx(weight, abs=5 * np.sqrt(0.25 / 2_000))
    assert b.cost_sampled([]).size == 0
    for wrong in ([-1.0, 1.0], [0.0, 0.0]):
        with pytest.raises(DataError, match="weights"):
            b.cost_sampled(wrong)
    with pytest.raises(DataError, match="leave such rows out"):
        b.weight_by_row([1, 0], miss=0, false_alarm=1)
    with pytest.raises(DataError, match="not below zero"):
        b.decide_by_row([0.5], miss=-1, false_alarm=1)


def test_the_class_balanced_loss_weighs_by_effective_numbers():
    y = ["b"] * 900 + ["a"] * 100
    loss = b.class_balanced(y, beta=0.99, gamma=1.0)
    assert loss.gamma == 1.0
    assert loss.alpha == pytest.approx(
        tuple(b.weight_of_classes(y, "effective", beta=0.99, normalise="classes").values())
    )
    assert loss.alpha[0] > loss.alpha[1]
    weighted = b.FocalLoss(1.0).losses([0, 1], [0.3, 0.3]) * loss.alpha
    assert loss.losses([0, 1], [0.3, 0.3]) == pytest.approx(weighted)
    assert isinstance(LEARNERS["boosting"](), b.Boosting)
    assert hasattr(b.GoingOn, "go_on")
