"""Truth inference: what was planted is found, nothing hangs on the order of anything, the objective never falls."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hindcast.crowd import TRUTH_METHODS, Answers, Truth, infer_truth
from hindcast.errors import ConfigError, DataError, UnknownName

EM = ("dawid-skene", "one-coin", "glad")
MATRICES = st.tuples(st.integers(1, 8), st.integers(1, 5)).flatmap(
    lambda shape: st.lists(
        st.lists(st.integers(-1, 2), min_size=shape[1], max_size=shape[1]), min_size=shape[0], max_size=shape[0]
    )
)


def planted(items, annotators, k, *, seed, per_item=None, low=0.5, high=0.95):
    """Answers of annotators with a random confusion each, their truth and confusions."""
    draw = np.random.default_rng(seed)
    prior = np.linspace(1, 2, k) / np.linspace(1, 2, k).sum()
    truth = draw.choice(k, size=items, p=prior)
    confusion = np.zeros((annotators, k, k))
    for a in range(annotators):
        for j in range(k):
            right = draw.uniform(low, high)
            confusion[a, j] = draw.dirichlet(np.ones(k)) * (1 - right)
            confusion[a, j, j] += right
    votes = np.full((items, annotators), -1)
    for a in range(annotators):
        cumulative = confusion[a].cumsum(axis=1)[truth]
        votes[:, a] = (draw.random(items)[:, None] > cumulative).sum(axis=1).clip(max=k - 1)
    if per_item is not None:
        keep = draw.random((items, annotators)).argsort(axis=1) < per_item
        votes[~keep] = -1
    return Answers.of_matrix(votes, classes=tuple(range(k))), truth, confusion


def test_dawid_skene_recovers_planted_confusions():
    answers, truth, confusion = planted(20_000, 6, 3, seed=3)
    found = infer_truth(answers)
    counts = np.bincount(truth, minlength=3)
    bound = 5 * np.sqrt(0.25 / counts.min())  # five standard errors, were the truth known
    assert np.abs(found.confusion - confusion).max() < 1.5 * bound
    assert np.abs(found.prior - counts / counts.sum()).max() < bound
    assert found.converged
    errors = [np.abs(infer_truth(planted(n, 6, 3, seed=3)[0]).confusion - confusion).mean() for n in (300, 20_000)]
    assert errors[1] < errors[0] / 3  # sqrt(300 / 20000) is an eighth


def test_one_coin_recovers_planted_abilities_and_glad_orders_items_by_difficulty():
    draw = np.random.default_rng(5)
    ability = np.array([0.95, 0.9, 0.8, 0.7, 0.6, 0.55, 0.4])
    truth = draw.integers(0, 4, 20_000)
    right = draw.random((20_000, 7)) < ability
    votes = np.where(right, truth[:, None], (truth[:, None] + draw.integers(1, 4, (20_000, 7))) % 4)
    found = infer_truth(Answers.of_matrix(votes), "one-coin")
    assert np.abs(found.ability - ability).max() < 0.02

    ease = np.exp(draw.normal(0, 1, 3_000))
    skill = np.linspace(0.5, 2.5, 15)
    truth = draw.integers(0, 2, 3_000)
    right = draw.random((3_000, 15)) < 1 / (1 + np.exp(-skill * ease[:, None]))
    found = infer_truth(Answers.of_matrix(np.where(right, truth[:, None], 1 - truth[:, None])), "glad")
    assert np.corrcoef(found.ability, skill)[0, 1] > 0.95
    assert np.corrcoef(np.log(found.difficulty), -np.log(ease))[0, 1] > 0.5
    vote = infer_truth(Answers.of_matrix(np.where(right, truth[:, None], 1 - truth[:, None])), "majority")
    assert (found.label == truth).mean() >= (vote.label == truth).mean()


def test_many_answers_do_not_make_liars_of_all():
    draw = np.random.default_rng(50)
    truth = draw.choice(3, 4_000, p=[0.8, 0.1, 0.1])
    able = np.r_[np.full(7, 1 / 3), 0.05, 0.05, np.linspace(0.7, 0.8, 9)]
    who = draw.random((4_000, 18)).argsort(axis=1)[:, :7]
    wrong = (truth[:, None] + draw.integers(1, 3, who.shape)) % 3
    said = np.where(draw.random(who.shape) < able[who], truth[:, None], wrong)
    answers = Answers.of(np.repeat(np.arange(4_000), 7), who.ravel(), said.ravel())
    vote = (infer_truth(answers, "majority").label == truth).mean()
    for method in ("dawid-skene", "one-coin", "glad"):
        assert (infer_truth(answers, method).label == truth).mean() > vote + 0.05


def test_a_biased_majority_is_seen_through_by_dawid_skene_alone():
    draw = np.random.default_rng(8)
    truth = draw.integers(0, 2, 4_000)
    lenient = np.where(truth[:, None] == 1, draw.random((4_000, 5)) < 0.55, draw.random((4_000, 5)) < 0.02).astype(int)
    answers = Answers.of_matrix(lenient)
    vote, full = ((infer_truth(answers, m).label == truth).mean() for m in ("majority", "dawid-skene"))
    assert full > vote + 0.1
    for method in ("one-coin", "glad", "weighted"):
        assert any("dawid-skene names another class" in note for note in infer_truth(answers, method).notes)
    fair, _, _ = planted(300, 8, 2, seed=4, low=0.7, high=0.75)
    assert not any("another class" in note for note in infer_truth(fair, "one-coin").notes)


@pytest.mark.parametrize("method", EM)
@settings(max_examples=30, deadline=None)
@given(MATRICES, st.sampled_from([0.1, 1.0, 3.0]))
def test_the_objective_never_falls(method, votes, smoothing):
    found = infer_truth(Answers.of_matrix(votes), method, smoothing=smoothing, iterations=60)
    steps = np.diff(found.objective)
    assert (steps >= -1e-7 * np.maximum(1, np.abs(found.objective[:-1]))).all()


@pytest.mark.parametrize("method", TRUTH_METHODS)
@settings(max_examples=25, deadline=None)
@given(MATRICES)
def test_probabilities_are_probabilities_whatever_was_answered(method, votes):
    answers = Answers.of_matrix(votes, classes=["a", "b", "c"])
    found = infer_truth(answers, method)
    assert isinstance(found, Truth)
    assert found.probability.shape == (len(votes), 3)
    assert np.allclose(found.probability.sum(axis=1), 1)
    assert (found.probability >= 0).all()
    assert np.isclose(found.prior.sum(), 1)
    if found.confusion is not None:
        assert np.allclose(found.confusion.sum(axis=2), 1)
    assert len(found) == len(found.names()) == len(found.as_dict())
    assert (found.confidence >= found.probability.max(axis=1) - 1e-8).all()


@pytest.mark.parametrize("method", TRUTH_METHODS)
def test_neither_items_annotators_nor_classes_have_an_order(method):
    answers, _, _ = planted(120, 7, 3, seed=2, per_item=4)
    draw = np.random.default_rng(0)
    first = infer_truth(answers, method, tolerance=1e-12)
    rows, columns = draw.permutation(120), draw.permutation(7)
    moved = infer_truth(Answers.of_matrix(answers.matrix()[rows][:, columns]), method, tolerance=1e-12)
    assert np.allclose(moved.probability, first.probability[rows], atol=1e-4)
    if first.confusion is not None:
        assert np.allclose(moved.confusion, first.confusion[columns], atol=1e-4)
    renamed = np.array([2, 0, 1])
    votes = answers.matrix()
    other = infer_truth(Answers.of_matrix(np.where(votes >= 0, renamed[votes], -1)), method, tolerance=1e-12)
    assert np.allclose(other.probability[:, renamed], first.probability, atol=1e-4)


def test_known_items_measure_the_annotators():
    draw = np.random.default_rng(4)
    truth = draw.integers(0, 2, 200)
    liar = 1 - truth
    answers = Answers.of_matrix(np.stack([liar, liar, truth], axis=1))
    assert (infer_truth(answers).label == truth).mean() < 0.1
    gold = {i: int(truth[i]) for i in range(40)}
    for method in ("dawid-skene", "one-coin"):
        found = infer_truth(answers, method, known=gold)
        assert (found.label[:40] == truth[:40]).all()
        assert (found.label == truth).mean() > 0.95
        assert (np.diff(found.objective) >= -1e-6).all()
    assert infer_truth(answers, "majority", known={0: int(truth[0])}).probability[0, truth[0]] == 1.0


def test_repeated_answers_count_as_told():
    twice = Answers.of([0, 0, 0], ["a", "a", "b"], ["x", "x", "y"], keep="all")
    assert infer_truth(twice, "majority").names() == ["x"]
    assert any("repeat" in note for note in infer_truth(twice, "majority").notes)
    once = Answers.of([0, 0, 0], ["a", "a", "b"], ["x", "x", "y"])
    assert infer_truth(once, "majority").tied.tolist() == [True]


def test_ties_are_marked_and_broken_as_asked():
    answers = Answers.of_matrix([[0, 1]] * 400)
    lowest = infer_truth(answers, "majority")
    assert lowest.tied.all()
    assert not lowest.label.any()
    drawn = infer_truth(answers, "majority", ties="random", seed=1)
    assert 140 < drawn.label.sum() < 260
    assert np.array_equal(drawn.label, infer_truth(answers, "majority", ties="random", seed=1).label)
    assert not np.array_equal(drawn.label, infer_truth(answers, "majority", ties="random", seed=2).label)
    assert any("tied" in note for note in drawn.notes)


def test_weights_given_and_learnt():
    votes = [[0, 1, 1], [1, 0, 0]]
    answers = Answers.of_matrix(votes, annotators=["expert", "a", "b"])
    assert infer_truth(answers, "weighted", weights={"expert": 3, "a": 1, "b": 1}).names() == [0, 1]
    assert infer_truth(answers, "weighted", weights={"a": 1}).names() == [1, 0]
    draw = np.random.default_rng(1)
    truth = draw.integers(0, 2, 500)
    good = np.where(draw.random((500, 2)) < 0.95, truth[:, None], 1 - truth[:, None])
    noise = draw.integers(0, 2, (500, 5))
    crowd = Answers.of_matrix(np.hstack([good, noise]))
    learnt, vote = ((infer_truth(crowd, m).label == truth).mean() for m in ("weighted", "majority"))
    assert learnt > vote + 0.1


def test_many_classes_and_few_answers_are_not_worse_than_the_vote():
    draw = np.random.default_rng(2)
    k, items = 40, 1_500
    truth = draw.integers(0, k, items)
    who = draw.random((items, 40)).argsort(axis=1)[:, :3]
    skill = draw.beta(4, 2, 40)
    label = np.where(draw.random((items, 3)) < skill[who], truth[:, None], draw.integers(0, k, (items, 3)))
    answers = Answers.of(np.repeat(np.arange(items), 3), who.ravel(), label.ravel())
    vote, full, coin = (
        (infer_truth(answers, m).label == truth).mean() for m in ("majority", "dawid-skene", "one-coin")
    )
    assert full > vote - 0.02
    assert coin > vote


@pytest.mark.parametrize("method", TRUTH_METHODS)
def test_nothing_one_item_one_class_one_annotator(method):
    assert len(infer_truth(Answers.of([], [], []), method)) == 0
    one = infer_truth(Answers.of([1], ["a"], ["x"]), method)
    assert one.names() == ["x"]
    silent = infer_truth(Answers.of([1, 2, 2], ["a", "a", "b"], [None, "x", "y"]), method)
    assert len(silent) == 2
    assert any("no answer" in note for note in silent.notes)
    assert infer_truth(Answers.of([1], ["a"], [None], classes=["x", "y"]), method).tied.all()


@pytest.mark.parametrize("method", TRUTH_METHODS)
def test_items_without_any_answer_or_class_have_no_name(method):
    found = infer_truth(Answers.of(["a", "b"], ["x", "x"], [None, None]), method)
    assert found.names() == [None, None]
    assert found.confidence.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("k", [2, 4, 12])
def test_rare_classes_do_not_pull_dawid_skene_below_the_vote(k):
    beyond = []
    for seed in range(6):
        draw = np.random.default_rng([seed, k, 77])
        truth = np.where(draw.random(300) < 0.93, 0, draw.integers(1, k, 300))
        who = draw.random((300, 25)).argsort(axis=1)[:, :5]
        wrong = (truth[:, None] + draw.integers(1, k, (300, 5))) % k
        said = np.where(draw.random((300, 5)) < draw.uniform(0.6, 0.95, 25)[who], truth[:, None], wrong)
        answers = Answers.of(np.repeat(np.arange(300), 5), who.ravel(), said.ravel(), classes=range(k))
        vote, full = (infer_truth(answers, m, ties="random").label == truth for m in ("majority", "dawid-skene"))
        beyond.append(full.mean() - vote.mean())
    assert min(beyond) > -0.02
    assert np.mean(beyond) > 0.0


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 5), st.integers(0, 99), st.booleans())
def test_one_answer_an_item_is_taken_as_it_stands(k, seed, rare):
    draw = np.random.default_rng(seed)
    label = np.where(draw.random(80) < 0.9, 0, draw.integers(0, k, 80)) if rare else draw.integers(0, k, 80)
    alone = Answers.of(np.arange(80), draw.integers(0, 7, 80), label, classes=range(k))
    found = infer_truth(alone)
    assert np.array_equal(found.label, label)
    assert (found.confidence < 0.9).all()
    assert any("nothing tells who errs" in note for note in found.notes)


def test_what_cannot_be_trusted_says_so():
    answers, _, _ = planted(60, 5, 3, seed=1)
    assert any("not converged" in n for n in infer_truth(answers, iterations=2).notes)
    assert not infer_truth(answers, iterations=2).converged
    assert any("one answer" in n for n in infer_truth(Answers.of([1, 2], ["a", "b"], [0, 1])).notes)
    thin = Answers.of(np.arange(40) // 4, np.arange(40), np.arange(40) % 2)
    assert any("one-coin" in n for n in infer_truth(thin).notes)


def test_priors():
    answers, _, _ = planted(200, 3, 2, seed=1)
    given_prior = infer_truth(answers, prior={0: 1, 1: 3})
    assert given_prior.prior.tolist() == [0.25, 0.75]
    assert infer_truth(answers, prior="uniform").prior.tolist() == [0.5, 0.5]
    assert infer_truth(answers, "one-coin", prior="learnt").prior[1] > 0.5
    for wrong in ([1], [0, 1], "known", {0: 1}):
        with pytest.raises(ConfigError):
            infer_truth(answers, prior=wrong)


def test_bad_requests_are_named():
    answers = Answers.of_matrix([[0, 1]])
    with pytest.raises(UnknownName, match="dawid-skene"):
        infer_truth(answers, "dawid_skene")
    with pytest.raises(ConfigError, match="Answers"):
        infer_truth([[0, 1]])
    for wrong in ({"ties": "first"}, {"smoothing": -1}, {"iterations": 0}, {"weights": {}}):
        with pytest.raises(ConfigError):
            infer_truth(answers, **wrong)
    with pytest.raises(UnknownName):
        infer_truth(answers, "weighted", weights={"zoe": 1})
    with pytest.raises(ConfigError, match="at least 0"):
        infer_truth(answers, "weighted", weights={0: -1})
    with pytest.raises(ConfigError, match="prior"):
        infer_truth(answers, "majority", prior="uniform")
    with pytest.raises(DataError, match="item"):
        infer_truth(answers, known={7: 0})
    with pytest.raises(DataError, match="class"):
        infer_truth(answers, known={0: 7})
    told = []
    infer_truth(planted(30, 3, 2, seed=0)[0], progress=lambda done, total: told.append((done, total)))
    assert told[0] == (1, 500)


def test_confusions_that_would_not_fit_are_refused():
    n = 2_000
    wide = Answers.of(np.arange(n), np.arange(n), np.arange(n))
    with pytest.raises(DataError, match="one-coin"):
        infer_truth(wide)


@pytest.mark.skipif("HINDCAST_DATA" not in os.environ, reason="HINDCAST_DATA is not set")
@pytest.mark.parametrize(
    ("name", "reference"), [("bluebird", 89.8), ("rte", 92.8), ("trec", 70.2), ("web", 82.6), ("dog", 84.3)]
)
def test_dawid_skene_reaches_the_reference_figures(name, reference):
    folder = Path(os.environ["HINDCAST_DATA"]) / "crowd"

    def read(what):
        with (folder / f"{name}_{what}.csv").open(encoding="utf-8") as file:
            return list(csv.DictReader(file))

    rows = read("labels")
    answers = Answers.of(*([row[c] for row in rows] for c in ("item", "worker", "label")))
    found = infer_truth(answers).as_dict()
    truth = {row["item"]: row["label"] for row in read("truth") if row["item"] in found}
    right = np.mean([found[item] == label for item, label in truth.items()])
    error = np.sqrt(right * (1 - right) / len(truth))
    assert right * 100 > reference - 100 * error
