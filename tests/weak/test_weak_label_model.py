"""The label model: what is generated is found again, its laws hold, and it says when the vote is better."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hindcast.errors import ConfigError, DataError
from hindcast.weak import LabelModel, MajorityVote, Votes

BALANCE = {2: [0.65, 0.35], 3: [0.5, 0.3, 0.2], 5: [0.35, 0.25, 0.2, 0.12, 0.08]}


def drawn(
    rows: int, classes: int = 2, functions: int = 20, copies: int = 0, faithful: float = 0.9, seed: int = 0
) -> tuple[Any, Any, Any, Any]:
    """Votes, truth, accuracies and the probabilities of an oracle that knows all, copies included."""
    random = np.random.default_rng([seed, 9])
    truth = random.choice(classes, rows, p=BALANCE[classes])
    coverage, accuracy = random.uniform(0.1, 0.6, functions), random.uniform(0.55, 0.95, functions)
    if copies:
        coverage[0], accuracy[0] = 0.5, 0.6
    votes = np.empty((rows, functions), np.int8, order="F")
    score = np.tile(np.log(BALANCE[classes]), (rows, 1))
    for j in range(functions):
        other = (truth + random.integers(1, classes, rows)) % classes
        vote = np.where(random.random(rows) < accuracy[j], truth, other)
        vote[random.random(rows) >= coverage[j]] = -1
        table = np.full((classes + 1, classes), coverage[j] * (1 - accuracy[j]) / (classes - 1))
        table[np.arange(1, classes + 1), np.arange(classes)] = coverage[j] * accuracy[j]
        table[0] = 1 - coverage[j]
        if j >= functions - copies:
            vote = np.where(random.random(rows) < faithful, votes[:, 0], vote)
            own = (1 - faithful) * table[vote + 1] + faithful * (vote == votes[:, 0])[:, None]
        else:
            own = table[vote + 1]
        votes[:, j] = vote
        score += np.log(own)
    score = np.exp(score - score.max(axis=1, keepdims=True))
    return votes, truth, accuracy, score / score.sum(axis=1, keepdims=True)


def rules(rows: int, functions: int = 12, seed: int = 0) -> tuple[Any, Any, Any]:
    """Votes of rules that can vote for one class only, truth, and P(vote | class), (m, 2)."""
    random = np.random.default_rng([seed, 10])
    truth = (random.random(rows) < 0.35).astype(int)
    says = np.arange(functions) % 2
    hit = random.uniform(0.15, 0.5, functions)
    chance = np.empty((functions, 2))
    chance[np.arange(functions), says] = hit
    chance[np.arange(functions), 1 - says] = hit * random.uniform(0.05, 0.4, functions)
    fires = random.random((rows, functions)) < chance[:, truth].T
    return np.where(fires, says, -1).astype(np.int8), truth, chance


def right(scores: Any, truth: Any) -> float:
    return float((np.argmax(scores, axis=1) == truth).mean())


# ---- what was generated is found -----------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [2, 5])
def test_accuracies_and_balance_are_found_and_labels_are_as_good_as_the_oracles(classes: int) -> None:
    votes, truth, accuracy, oracle = drawn(20_000, classes)
    model = LabelModel().fit(votes)
    probability = model.predict_proba(votes)
    assert model.converged
    assert right(probability, truth) > right(oracle, truth) - 0.003
    voted = (votes >= 0).sum(axis=0)
    error = np.sqrt(accuracy * (1 - accuracy) / voted)
    assert (np.abs(model.accuracies - accuracy) < 5 * 2 * error + 0.01).all()  # EM sees truth dimly: twice the error
    assert np.abs(model.balance - BALANCE[classes]).max() < 0.02
    assert (model.parents == -1).all()
    assert model.advice(votes).ok == (classes == 2 or right(probability, truth) > 0.5)


@pytest.mark.parametrize(("copies", "faithful"), [(3, 0.98), (3, 0.4), (5, 0.9), (12, 0.7)])
def test_copies_are_found_and_count_as_what_they_are(copies: int, faithful: float) -> None:
    votes, truth, _, oracle = drawn(20_000, copies=copies, faithful=faithful)
    model = LabelModel().fit(votes)
    assert [int(p) for p in model.parents[-copies:]] == [0] * copies
    assert (model.parents[:-copies] == -1).all()
    assert right(model.predict_proba(votes), truth) > right(oracle, truth) - 0.003
    alone = LabelModel(dependence=False).fit(votes)
    if faithful > 0.5:
        assert right(alone.predict_proba(votes), truth) < right(model.predict_proba(votes), truth)


@pytest.mark.slow
@pytest.mark.parametrize(("copies", "faithful"), [(0, 0.0), (3, 0.9), (4, 0.5), (5, 0.98), (5, 0.7)])
def test_within_two_in_a_thousand_of_the_oracle(copies: int, faithful: float) -> None:
    for seed in (1, 2):
        votes, truth, _, oracle = drawn(100_000, copies=copies, faithful=faithful, seed=seed)
        assert right(LabelModel().fit(votes).predict_proba(votes), truth) > right(oracle, truth) - 0.002


def test_exact_copies_count_once() -> None:
    votes, _, _, _ = drawn(10_000)
    model = LabelModel().fit(np.column_stack([votes, votes[:, :1], votes[:, :1], votes[:, :1]]))
    assert [int(p) for p in model.parents[-3:]] == [0, 0, 0]
    assert model.accuracies[-1] == model.accuracies[0]
    more = np.column_stack([votes, votes[:, [0, 0, 0]]])
    np.testing.assert_array_equal(model.predict_proba(more), LabelModel().fit(votes).predict_proba(votes))
    assert sum("they count once" in note for note in model.notes) == 3


def test_tables_of_rules_that_vote_for_one_class_are_found() -> None:
    votes, truth, chance = rules(30_000)
    model = LabelModel().fit(votes)
    says = np.arange(12) % 2
    found = model.tables[np.arange(12), says + 1]
    assert not model.near_the_vote
    assert np.abs(found - chance).max() < 0.04
    assert right(model.predict_proba(votes), truth) > right(MajorityVote().predict_proba(votes), truth)
    np.testing.assert_allclose(model.tables.sum(axis=1), 1)


def test_tables_that_differ_by_class_are_found() -> None:
    random = np.random.default_rng(3)
    truth = random.choice(3, 20_000, p=BALANCE[3])
    tables = random.dirichlet([1, 1, 1], (8, 3)) * 0.4 + 0.6 * np.eye(3)
    tables[0, 1] = [0.7, 0.2, 0.1]  # one that takes the second class for the first
    thrown = random.random((8, len(truth), 1))
    votes = np.stack([(u > t[truth].cumsum(axis=1)).sum(axis=1) for u, t in zip(thrown, tables, strict=True)], axis=1)
    model = LabelModel().fit(np.minimum(votes, 2).astype(np.int8))
    assert np.abs(model.tables[:, 1:].transpose(0, 2, 1) - tables).max() < 0.05


def test_a_few_true_labels_help_where_votes_alone_mislead() -> None:
    random = np.random.default_rng(4)
    truth = random.integers(0, 2, 4_000)
    worse = np.array([0.35, 0.35, 0.3, 0.9, 0.9])  # most functions are worse than chance: the assumption fails
    votes = np.where(random.random((4_000, 5)) < worse, truth[:, None], 1 - truth[:, None]).astype(np.int8)
    known = np.full(4_000, -1)
    known[:200] = truth[:200]
    told = LabelModel().fit(votes, truth=known)
    assert np.abs(told.accuracies - worse).max() < 0.06
    assert (told.predict_proba(votes)[200:].argmax(axis=1) == truth[200:]).mean() > 0.9


def test_a_model_that_explains_nothing_stays_near_the_vote_and_advises_it() -> None:
    random = np.random.default_rng(5)
    truth = random.integers(0, 2, 3_000)
    length = random.normal(size=3_000)  # rules fire by the length of a text rather than by its class
    votes = np.full((3_000, 8), -1, np.int8)
    for j in range(8):
        says = j % 2
        fires = random.normal(size=3_000) + (2 if j < 4 else -2) * length + 0.8 * (truth == says) > 2.2
        votes[fires, j] = says
    model = LabelModel().fit(votes)
    vote = MajorityVote().predict_proba(votes)
    sure = vote.max(axis=1) > 0.5
    assert model.near_the_vote
    agree = model.predict_proba(votes).argmax(axis=1) == vote.argmax(axis=1)
    assert agree[sure].mean() > 0.95
    advice = model.advice(votes)
    assert (advice.outcome, advice.ok) == ("fail", False)
    assert "use the vote" in advice.reason


def test_advice_by_true_labels_is_a_paired_interval() -> None:
    votes, truth, _, _ = drawn(20_000, copies=5)
    model = LabelModel().fit(votes)
    known = np.where(np.arange(20_000) < 500, truth, -1)
    said = model.advice(votes, known)
    assert said.ok
    assert said.evidence["labels"] <= 500
    gap = (model.predict(votes) == truth).mean() - (MajorityVote().fit(votes).predict(votes) == truth).mean()
    assert said.evidence["low"] < gap < said.evidence["high"] + 0.05
    wrong = model.advice(votes, np.where(known >= 0, 1 - model.predict(votes), -1))
    assert wrong.outcome == "fail"
    assert LabelModel().fit(votes).advice(np.full((3, 20), -1)).outcome == "unknown"


def small(rows: int, classes: int, rare: bool, coverage: float, skill: float, seed: int) -> tuple[Any, Any]:
    """Votes of ten functions not much better than chance, `rows` of them to learn from, and 4,000 to judge by."""
    random = np.random.default_rng([seed, 11])
    first = random.uniform(0.02, 0.1) if rare else 1 / classes
    balance = np.append([first], np.full(classes - 1, (1 - first) / (classes - 1)))
    truth = random.choice(classes, rows + 4_000, p=balance)
    accuracy = random.uniform(1 / classes, 1 / classes + 2 * skill * (1 - 1 / classes), 10)
    other = (truth[:, None] + random.integers(1, classes, (len(truth), 10))) % classes
    votes = np.where(random.random(other.shape) < accuracy, truth[:, None], other)
    votes[random.random(votes.shape) >= coverage] = -1
    return votes.astype(np.int8), truth


def test_few_rows_weak_functions_and_rare_classes_lose_nothing_to_the_vote() -> None:
    gains, losses = [], []
    for seed in range(40):
        case = (
            int([100, 300][seed % 2]),
            2 + seed % 3,
            seed % 4 < 2,
            [0.2, 1.0][seed // 2 % 2],
            [0.15, 0.4][seed % 5 > 2],
        )
        votes, truth = small(*case, seed)
        votes, later, truth = votes[: case[0]], votes[case[0] :], truth[case[0] :]
        spoken = (later >= 0).any(axis=1)
        credit = []
        for model in (LabelModel(case[1]).fit(votes), MajorityVote(classes=case[1])):
            best = model.predict_proba(later)[spoken]
            best = best >= best.max(axis=1, keepdims=True) - 1e-9
            credit.append(best[np.arange(len(best)), truth[spoken]] / best.sum(axis=1))
        gap = credit[0] - credit[1]
        gains.append(gap.mean())
        losses.append(gap.mean() < -0.02 - 3 * gap.std() / np.sqrt(len(gap)))
    assert np.mean(gains) > 0.02
    assert sum(losses) <= 3


def test_accuracies_that_few_rows_cannot_tell_apart_are_taken_to_be_alike() -> None:
    spread = []
    for rows in (100, 1_000, 10_000):
        votes, _, accuracy, _ = drawn(rows, functions=8, seed=5)
        model = LabelModel().fit(votes)
        spread.append((np.abs(model.accuracies - accuracy).mean(), model.accuracies.std()))
    errors, spreads = zip(*spread, strict=True)
    assert errors[2] < errors[1] < errors[0] < 0.15
    assert spreads[0] < accuracy.std() + 0.02  # never more different than they are


def test_a_few_functions_that_carry_all_agreement_are_named() -> None:
    random = np.random.default_rng(6)
    truth = random.integers(0, 2, 2_000)
    votes = np.where(random.random((2_000, 5)) < 0.6, truth[:, None], 1 - truth[:, None]).astype(np.int8)
    source = votes[:, 0].copy()
    for j in range(3):  # near copies of a source that is not among them: good functions, for all that votes can tell
        votes[:, j] = np.where(random.random(2_000) < 0.9, source, 1 - source)
    model = LabelModel().fit(Votes.of(votes, functions=["a", "b", "c", "d", "e"]))
    assert any("between a, b, c" in note and "true labels" in note for note in model.notes)
    assert "between a, b, c" in model.advice(votes).reason
    assert not any("between" in note for note in LabelModel().fit(drawn(5_000)[0]).notes)


# ---- laws ------------------------------------------------------------------------------------------------------------


@st.composite
def matrices(draw: Any, most: int = 60) -> tuple[Any, int]:
    k, m, n = draw(st.integers(2, 10)), draw(st.integers(1, 6)), draw(st.integers(0, most))
    seed = draw(st.integers(0, 10_000))
    random = np.random.default_rng(seed)
    truth = random.integers(0, k, n)
    votes = np.where(random.random((n, m)) < 0.6, truth[:, None], random.integers(0, k, (n, m)))
    votes[random.random((n, m)) < draw(st.sampled_from([0.0, 0.5, 0.95]))] = -1
    return votes.astype(np.int8), k


def bayes(model: LabelModel, votes: Any) -> Any:
    """The slow and obvious posterior of functions that do not lean on each other."""
    k = len(model.classes)
    found = np.empty((len(votes), k))
    for i, row in enumerate(votes):
        weight = np.array(model.balance, dtype=float)
        for j, vote in enumerate(row):
            if vote >= 0 or not model.near_the_vote:
                weight = weight * model.tables[j, vote + 1]
        found[i] = weight / weight.sum() if (row >= 0).any() else model.balance
    return found


@settings(max_examples=40, deadline=None)
@given(matrices())
def test_probabilities_are_bayes_rule_and_silence_gives_the_balance(case: tuple[Any, int]) -> None:
    votes, k = case
    model = LabelModel(k, dependence=False).fit(votes)
    probability = model.predict_proba(votes)
    assert probability.shape == (len(votes), k)
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    kept = [j for j in range(votes.shape[1]) if model.parents[j] < 0]
    if len(kept) == votes.shape[1]:
        np.testing.assert_allclose(probability, bayes(model, votes), atol=1e-9)
    silent = model.predict_proba(np.full((2, votes.shape[1]), -1))
    np.testing.assert_allclose(silent, [model.balance, model.balance], atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(matrices())
def test_the_objective_never_falls(case: tuple[Any, int]) -> None:
    votes, k = case
    model = LabelModel(k).fit(votes)
    steps = np.diff(model.objective)
    assert (steps > -1e-7 * np.maximum(1, np.abs(model.objective[:-1]))).all()


@settings(max_examples=20, deadline=None)
@given(matrices(), st.integers(0, 99))
def test_the_order_of_rows_changes_nothing(case: tuple[Any, int], seed: int) -> None:
    votes, k = case
    order = np.random.default_rng(seed).permutation(len(votes))
    straight = LabelModel(k).fit(votes)
    np.testing.assert_allclose(
        LabelModel(k).fit(votes[order]).predict_proba(votes), straight.predict_proba(votes), atol=1e-6
    )


def test_the_order_of_functions_and_the_names_of_classes_change_nothing() -> None:
    votes, _, _, _ = drawn(5_000, 3, functions=8)
    straight = LabelModel(3).fit(votes)
    order = np.random.default_rng(0).permutation(8)
    other = LabelModel(3).fit(votes[:, order])
    np.testing.assert_allclose(other.accuracies, straight.accuracies[order], atol=1e-6)
    np.testing.assert_allclose(other.predict_proba(votes[:, order]), straight.predict_proba(votes), atol=1e-5)
    names = np.array([2, 0, 1, -1])
    renamed = LabelModel(3).fit(names[votes])
    np.testing.assert_allclose(renamed.balance[names[:3]], straight.balance, atol=1e-5)
    np.testing.assert_allclose(
        renamed.predict_proba(names[votes])[:, names[:3]], straight.predict_proba(votes), atol=1e-4
    )


def test_threads_layout_and_kind_of_numbers_change_no_bit() -> None:
    votes, _, _, _ = drawn(20_000, copies=3)
    first = LabelModel(threads=1).fit(votes).predict_proba(votes)
    np.testing.assert_array_equal(LabelModel(threads=2).fit(votes).predict_proba(votes), first)
    wide = np.ascontiguousarray(votes).astype(np.int64)
    np.testing.assert_allclose(LabelModel().fit(wide).predict_proba(wide), first, atol=1e-9)


# ---- edges -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "votes",
    [
        np.empty((0, 3), np.int8),
        [[0, 1, -1]],
        [[1]],
        [[-1, -1], [-1, -1]],
        [[0, 0], [0, 0], [-1, 0]],
        [[0], [1], [0], [-1]],
    ],
)
def test_little_is_enough(votes: Any) -> None:
    model = LabelModel().fit(votes)
    probability = model.predict_proba(votes)
    assert np.isfinite(probability).all()
    assert probability.shape == (len(votes), 2)
    assert model.advice(votes).outcome in ("pass", "fail", "unknown")
    with_truth = LabelModel().fit(votes, truth=np.zeros(len(votes)))
    assert np.isfinite(with_truth.predict_proba(votes)).all()


def test_functions_that_never_vote_are_named_and_have_no_accuracy() -> None:
    votes = np.array([[0, -1, 0], [1, -1, 1], [0, -1, 1]])
    model = LabelModel().fit(Votes.of(votes, functions=["a", "mute", "c"]))
    assert np.isnan(model.accuracies[1])
    assert "never voted: mute" in model.notes


def test_the_balance_may_be_given() -> None:
    votes, _, _, _ = drawn(3_000)
    model = LabelModel(balance=[0.65, 0.35]).fit(votes)
    np.testing.assert_allclose(model.balance, [0.65, 0.35])
    for wrong in ([1.0], [0.5, 0.6], [1.0, 0.0]):
        with pytest.raises(ConfigError, match="balance"):
            LabelModel(balance=wrong).fit(votes)


def test_what_cannot_be_is_refused_with_its_place() -> None:
    with pytest.raises(DataError, match="row 2"):
        LabelModel(2).fit([[0, 1], [2, 0]])
    with pytest.raises(DataError, match="whole number"):
        LabelModel().fit([[0.5, 1.0]])
    with pytest.raises(DataError, match="3 functions"):
        LabelModel().fit([[0, 1, 1], [1, 1, 0]]).predict_proba([[0, 1]])
    with pytest.raises(ConfigError, match="fit"):
        LabelModel().predict_proba([[0, 1]])
    with pytest.raises(DataError, match="true classes"):
        LabelModel().fit([[0, 1]], truth=[0, 1])
    with pytest.raises(ConfigError, match="steps"):
        LabelModel(steps=0)


def test_missing_votes_may_be_nan_or_none() -> None:
    codes = np.array([[0, -1, 0], [1, 1, -1], [0, 1, 0]])
    straight = LabelModel().fit(codes)
    for other in (np.where(codes < 0, np.nan, codes), [[None if v < 0 else v for v in row] for row in codes.tolist()]):
        np.testing.assert_array_equal(LabelModel().fit(other).predict_proba(other), straight.predict_proba(codes))


@pytest.mark.parametrize(("classes", "rows"), [(5, 1_000), (10, 1_000), (20, 3_000)])
def test_copies_are_found_with_many_classes_and_few_rows(classes: int, rows: int) -> None:
    random = np.random.default_rng([4, classes])
    truth = random.integers(0, classes, rows)
    accuracy = np.append([0.35], random.uniform(0.35, 0.75, 19))
    wrong = (truth[:, None] + random.integers(1, classes, (rows, 20))) % classes
    votes = np.where(random.random((rows, 20)) < accuracy, truth[:, None], wrong)
    votes[random.random(votes.shape) < 0.5] = -1
    copied = random.random((rows, 4)) < 0.75
    votes[:, 16:] = np.where(copied, votes[:, :1], votes[:, 16:])
    model = LabelModel(classes).fit(votes)
    assert set(np.flatnonzero(model.parents >= 0)) <= {0, 16, 17, 18, 19}
    assert (model.parents >= 0).sum() == 4
    right = (model.predict(votes) == truth).mean()
    assert right > (MajorityVote(classes=classes).predict(votes) == truth).mean() + 0.05


def test_a_class_that_nobody_votes_for_is_not_made_up() -> None:
    votes, _, _, _ = drawn(2_000)
    two, four = (
        LabelModel(["b", "c"]).fit(votes),
        LabelModel(["a", "b", "c", "d"]).fit(np.where(votes < 0, -1, votes + 1)),
    )
    found = four.predict_proba(np.where(votes < 0, -1, votes + 1))
    np.testing.assert_array_equal(found[:, 1:3], two.predict_proba(votes))
    assert not found[:, [0, 3]].any()
    np.testing.assert_allclose(four.tables.sum(axis=1), 1.0)
    np.testing.assert_allclose(four.accuracies, two.accuracies)
    assert any("a, d" in note for note in four.notes)
    given = LabelModel(3, balance=[0.5, 0.3, 0.2]).fit(votes)
    np.testing.assert_allclose(given.predict_proba(votes)[:, 2], 0.2)
    np.testing.assert_allclose(given.balance, [0.5, 0.3, 0.2])


def test_votes_and_truth_may_be_names_and_classes_may_stand_in_any_order() -> None:
    votes, truth, _, _ = drawn(800, functions=5)
    names = np.array(["ham", "spam"], dtype=object)
    said = [[None if code < 0 else names[code] for code in row] for row in votes.tolist()]
    model = LabelModel().fit(Votes.of(votes, classes=["ham", "spam"]), truth=names[truth])
    assert LabelModel().fit(said).classes == ("ham", "spam")
    turned = Votes.of(np.where(votes < 0, -1, 1 - votes), classes=["spam", "ham"])
    for same in (said, turned):
        np.testing.assert_array_equal(model.predict_proba(same), model.predict_proba(votes))
        np.testing.assert_array_equal(MajorityVote(classes=["ham", "spam"]).counts(same), MajorityVote().counts(votes))
    assert model.advice(votes, names[truth]) == model.advice(votes, truth)
    numbers = Votes.of(votes, classes=[1, 2])
    by_name = LabelModel().fit(numbers).advice(numbers, truth + 1)
    assert by_name == LabelModel().fit(votes).advice(votes, truth)
    with pytest.raises(DataError, match="eggs"):
        model.advice(votes, ["eggs"] * len(votes))
    with pytest.raises(DataError, match="votes may be for"):
        LabelModel(["a", "b"]).fit(turned)


@pytest.mark.parametrize("wrong", [[[np.inf, 0.0]], [[0, 1], [1]], [[0, 10**9]], [[1e300, 0.0]]])
def test_votes_that_are_none_are_refused_kindly(wrong: Any) -> None:
    for read in (LabelModel().fit, MajorityVote().fit, Votes.of):
        with pytest.raises(DataError):
            read(wrong)


def test_no_functions_at_all_say_nothing() -> None:
    assert LabelModel().fit(np.zeros((3, 0))).predict_proba(np.zeros((3, 0))).tolist() == [[0.5, 0.5]] * 3
