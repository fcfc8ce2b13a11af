"""Curves against random: paired, honest, and where history is replayed nothing comes from the future."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from hindcast.active import (
    BudgetCurve,
    HistoryCurve,
    Needed,
    Strategy,
    bands,
    budget_curve,
    budget_spent,
    needed,
    predictions_settled,
    replay_labelling,
    score_flat,
    score_reached,
)
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.metrics import Estimate
from hindcast.values import DAY_US, HOUR_US

B = np.array([10.0, 20.0, 40.0, 80.0])


def one_sided(n: int = 600, seed: int = 0) -> tuple[Any, Any]:
    """A rare class: random labels seldom show it."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(n, 5))
    return x, (x[:, 0] > 1.2).astype(int)


def test_choosing_beats_random_where_it_must_and_says_so() -> None:
    x, y = one_sided()
    curve = budget_curve(
        x,
        y,
        LogisticRegression(C=10),
        ["margin", "k_centre"],
        budgets=[15, 30, 50],
        repeats=6,
        metric="balanced_accuracy",
    )
    assert isinstance(curve, BudgetCurve)
    assert curve.strategies == ("margin", "k_centre", "random")
    assert curve.verdict("margin").outcome == "pass", curve.table()
    found = curve.needed("margin", 50)
    assert found.gain
    assert found.saved > 0
    start = [curve.of(name)[:, 0] for name in curve.strategies]
    assert (start[0] == start[2]).all(), "the first labels are shared"
    assert (curve.labels["margin"] == [15, 30, 50]).all()
    assert curve.table().count("\n") == 4
    assert len(curve.rows()) == 9


def test_where_labels_are_noise_there_is_no_gain() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(300, 3)), random.integers(0, 2, 300)
    curve = budget_curve(x, y, LogisticRegression(), "margin", budgets=[20, 40, 60], repeats=5)
    assert curve.verdict("margin").outcome != "pass"
    assert "no gain" in str(curve.needed("margin", 60)) or "not reached" in str(curve.needed("margin", 60))


def test_the_same_seed_gives_the_same_curve_and_progress_is_told() -> None:
    x, y = one_sided(120)
    seen: list[tuple[int, int]] = []
    first, again = (
        budget_curve(
            x, y, LogisticRegression(), "entropy", budgets=[5, 10], repeats=2, seed=3,
            progress=lambda done, total: seen.append((done, total)),
        )
        for _ in range(2)
    )  # fmt: skip
    assert all((first.of(name) == again.of(name)).all() for name in first.strategies)
    assert seen[7] == (8, 8)


def test_held_out_rows_costs_texts_and_own_metrics() -> None:
    texts = [f"{word} {i}" for i in range(60) for word in ("refund", "parcel", "hello")]
    labels = [["money", "post", "chat"][i % 3] for i in range(180)]
    learner = make_pipeline(TfidfVectorizer(), LogisticRegression())

    def share_right(probability: Any, codes: Any) -> float:
        return float((probability.argmax(axis=1) == codes).mean())

    cost = np.where(np.arange(180) % 2, 1.0, 2.0)
    curve = budget_curve(
        texts, labels, learner, ["margin", "cluster", "vote_entropy"], budgets=[12, 24], repeats=2,
        held_out=(["refund x", "parcel y", "hello z"], ["money", "post", "chat"]), metric=share_right, cost=cost,
    )  # fmt: skip
    assert curve.metric == "share_right"
    assert (curve.of("margin")[:, -1] == 1.0).all()
    assert (curve.labels["random"] <= [12, 24]).all()


def test_bad_questions_are_refused() -> None:
    x, y = one_sided(50)
    learner = LogisticRegression()
    for bad in (
        {"budgets": [10, 5]},
        {"budgets": [10, 50]},
        {"budgets": []},
        {"budgets": [5], "repeats": 0},
        {"budgets": [5], "held_out": 1.0},
        {"budgets": [5], "metric": "f1"},
    ):
        with pytest.raises(ConfigError):
            budget_curve(x, y, learner, **bad)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="needs a label"):
        budget_curve(x, [None, *y[1:]], learner, budgets=[5])
    with pytest.raises(ConfigError, match="one name"):
        budget_curve(x, y, learner, [Strategy("margin"), Strategy("margin")], budgets=[5])
    one = budget_curve(x, y, learner, budgets=[5, 8], repeats=1)
    assert one.verdict("margin").outcome == "unknown"
    with pytest.raises(UnknownName):
        one.of("badge")


def test_labels_needed_are_interpolated_on_rising_curves() -> None:
    random = np.tile([0.5, 0.6, 0.7, 0.8], (4, 1))
    ours = np.tile([0.5, 0.7, 0.65, 0.9], (4, 1))
    found = needed(B, ours, random, 80)
    assert isinstance(found, Needed)
    assert found.target == 0.8
    assert np.isclose(found.spent.value, 40 + 40 * (0.8 - 0.675) / (0.9 - 0.675))
    assert needed(B, random, random, 40).spent.value == 40
    assert not needed(B, random, random, 40).gain
    never = needed(B, random - 0.5, random, 80)
    assert math.isinf(never.spent.value)
    assert str(never) == "not reached"
    with pytest.raises(ConfigError, match="outside"):
        needed(B, ours, random, 100)


def test_the_interval_of_labels_needed_covers_the_truth() -> None:
    random = np.random.default_rng(0)
    slow, fast = 0.5 + 0.1 * np.log2(B / 10), 0.5 + 0.2 * np.log2(B / 10)
    covered = 0
    for _ in range(60):
        noise = random.normal(0, 0.01, (2, 6, 4))
        found = needed(B, fast + noise[0], slow + noise[1], 40)
        covered += found.spent.low <= 20 <= found.spent.high
    assert covered >= 50  # 57 expected at 95%; fewer has a chance below 1 in 1,000


def test_a_figure_is_plain_data_that_escapes_names() -> None:
    figure = bands(
        [1, 2],
        {"<b>": [Estimate(0.5, 0.4, 0.6), Estimate(math.nan)], "random": [Estimate(0.5), Estimate(0.6)]},
        x="a",
        y="b",
    )
    assert json.dumps(figure, allow_nan=False)
    assert "&lt;b&gt;" in json.dumps(figure)
    x, y = one_sided(60)
    assert json.dumps(budget_curve(x, y, LogisticRegression(), budgets=[5, 8], repeats=2).figure(), allow_nan=False)


# ---- history ------------------------------------------------------------------------------------------------


def history(seed: int = 0, n: int = 240) -> tuple[Any, Any, Any]:
    x, y = one_sided(n, seed)
    return x, y, np.sort(np.random.default_rng(seed).integers(0, 30 * 24, n)) * HOUR_US


STRATEGIES = ["margin", "k_centre", "vote_entropy", "badge"]


@pytest.mark.parametrize("cut_days", [11, 19])
def test_nothing_from_the_future_moves_a_choice(cut_days: int) -> None:
    x, y, came = history()
    cut = cut_days * DAY_US
    later = came >= cut
    other_x, other_y = x.copy(), y.copy()
    random = np.random.default_rng(9)
    other_x[later] = random.normal(3, 5, other_x[later].shape)
    other_y[later] = random.integers(0, 2, int(later.sum()))
    first, second = (
        replay_labelling(a, b, came, LogisticRegression(), STRATEGIES, every="4d", per_round=8, repeats=2)
        for a, b in ((x, y), (other_x, other_y))
    )
    rounds = first.rounds <= cut
    assert 0 < rounds.sum() < len(rounds)
    for name in first.strategies:
        for repeat in range(2):
            n = int(first.asked[name][repeat][rounds][-1])
            assert (first.places[name][repeat][:n] == second.places[name][repeat][:n]).all()
        scored = first.rounds + 4 * DAY_US <= cut
        assert np.array_equal(first.of(name)[:, scored], second.of(name)[:, scored], equal_nan=True)


def test_labels_count_only_once_they_are_back() -> None:
    x, y, came = history()
    cut = 12 * DAY_US
    slow = replay_labelling(x, y, came, LogisticRegression(), every="4d", per_round=8, label_delay="5d", repeats=1)
    assert isinstance(slow, HistoryCurve)
    assert slow.known["margin"][0].tolist()[:4] == [0, 0, 8, 16]
    exact = replay_labelling(x, y, came, LogisticRegression(), every="4d", per_round=8, label_delay="4d", repeats=1)
    assert exact.known["margin"][0].tolist()[:4] == [0, 0, 8, 16], "known at the moment itself is not known before it"
    outcome = replay_labelling(
        x, y, came, LogisticRegression(), every="4d", per_round=8, label_delay="0s", known=came + cut, repeats=1
    )
    for at, now in enumerate(outcome.rounds):
        asked = outcome.places["margin"][0][: int(outcome.asked["margin"][0][at - 1]) if at else 0]
        assert outcome.known["margin"][0][at] == (came[asked] + cut < now).sum()


def test_only_what_had_come_is_asked_once_and_no_older_than_allowed() -> None:
    x, y, came = history()
    curve = replay_labelling(
        x, y, came, LogisticRegression(), ["margin", "badge"], every="3d", per_round=5, pool_age="6d", repeats=2
    )
    for name in curve.strategies:
        for repeat in range(2):
            places = curve.places[name][repeat]
            assert len(set(places.tolist())) == len(places)
            counts = np.diff(curve.asked[name][repeat], prepend=0).astype(int)
            when = np.repeat(curve.rounds, counts)
            assert (came[places] < when).all()
            assert (came[places] >= when - 6 * DAY_US).all()
    assert "| random |" in curve.table()
    assert json.dumps(curve.figure(), allow_nan=False)
    assert curve.verdict("margin").outcome in ("pass", "fail", "unknown")
    assert len(curve.estimates("margin")) == len(curve.rounds)


def test_bad_histories_are_refused() -> None:
    x, y, came = history(n=30)
    with pytest.raises(ConfigError, match="no round"):
        replay_labelling(x, y, came, LogisticRegression(), every="90d")
    with pytest.raises(DataError, match="as_of"):
        replay_labelling(x, y, came[:3], LogisticRegression())
    with pytest.raises(ConfigError):
        replay_labelling(x, y, came, LogisticRegression(), per_round=0)
    days = ["2026-01-01", "2026-02-01", "2026-03-01"]
    short = replay_labelling(x[:3], [0, 1, 0], days, LogisticRegression(), every="28d", repeats=1)
    assert len(short.rounds) == 2


# ---- stopping -----------------------------------------------------------------------------------------------


def test_stop_rules_say_what_they_saw() -> None:
    assert budget_spent(5, 10).outcome == "fail"
    assert budget_spent(10, 10).ok
    assert score_reached(Estimate(0.9, 0.88, 0.92, 50), 0.9).outcome == "fail"
    assert score_reached(Estimate(0.9), 0.5).outcome == "unknown"
    assert score_reached(Estimate(0.95, 0.91, 0.97, 50), 0.9).ok
    assert predictions_settled([["a", "b"]] * 3).outcome == "unknown"
    moving = [["a", "b", "a", "b"], ["b", "a", "b", "a"]] * 3
    assert predictions_settled(moving).outcome == "fail"
    assert predictions_settled([["a", "b", "a"]] * 5).ok
    assert predictions_settled([[]] * 5).outcome == "unknown"
    assert score_flat([0.1, 0.2, 0.3, 0.4]).outcome == "fail"
    assert score_flat([0.5]).outcome == "unknown"
    assert score_flat([0.5, 0.5, 0.5, 0.5]).ok
    for rule in (predictions_settled, score_flat):
        with pytest.raises(ConfigError):
            rule([], window=0)
