"""Agreement equals its slow definition and the worked examples of its authors; intervals cover what they should."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from hindcast.crowd import Agreement, Answers, cohen_kappa, fleiss_kappa, krippendorff_alpha, percent_agreement
from hindcast.errors import ConfigError, DataError

KINDS = ["nominal", "ordinal", "interval", "ratio"]
MATRICES = st.integers(1, 5).flatmap(
    lambda width: st.lists(st.lists(st.integers(-1, 3), min_size=width, max_size=width), min_size=1, max_size=12)
)

KRIPPENDORFF = [  # four observers, twelve units; Krippendorff 2011, example C and D
    [1, 2, 3, 3, 2, 1, 4, 1, 2, -1, -1, -1],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, -1, 3],
    [-1, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, -1],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, -1],
]
FLEISS = """00060 03003 01401 00006 03030 20400 00402 20310 20040 00006 10050 11040 03300 10050 02031
            00501 30012 51000 02040 10203 00006 01050 02013 20040 10041 05010 40002 02040 10500 00006"""


def alpha_by_definition(votes, kind):
    """All pairs of answers within items against all pairs of answers, one by one."""
    units = [[v for v in row if v >= 0] for row in votes]
    units = [u for u in units if len(u) >= 2]
    pool = [v for u in units for v in u]
    n = len(pool)
    values = sorted(set(pool))
    named = {v: pool.count(v) for v in values}

    def apart(c, k):
        if kind == "nominal":
            return float(c != k)
        if kind == "ordinal":
            low, high = min(c, k), max(c, k)
            return (sum(named[g] for g in values if low <= g <= high) - (named[c] + named[k]) / 2) ** 2
        if kind == "interval":
            return (c - k) ** 2
        return ((c - k) / (c + k)) ** 2 if c + k else 0.0

    if not units:
        return math.nan
    seen = sum(apart(a, b) / (len(u) - 1) for u in units for a, b in permutations(u, 2)) / n
    chance = sum(apart(a, b) for a, b in permutations(pool, 2)) / (n * (n - 1))
    return 1 - seen / chance if chance else math.nan


@pytest.mark.parametrize(("kind", "value"), list(zip(KINDS, [0.743, 0.815, 0.849, 0.797], strict=True)))
def test_alpha_of_the_worked_example_of_krippendorff(kind, value):
    found = krippendorff_alpha(Answers.of_matrix(np.array(KRIPPENDORFF).T), kind)
    assert found.value == pytest.approx(value, abs=5e-4)
    assert (found.items, found.answers) == (11, 40)
    assert found.low < found.value < found.high


def test_kappa_of_the_worked_example_of_fleiss():
    votes = [[c for c, times in enumerate(row) for _ in range(int(times))] for row in FLEISS.split()]
    found = fleiss_kappa(Answers.of_matrix(votes))
    assert found.value == pytest.approx(0.430, abs=5e-4)
    assert percent_agreement(Answers.of_matrix(votes)).value == pytest.approx(found.observed)


@settings(max_examples=60, deadline=None)
@given(MATRICES, st.sampled_from(KINDS))
def test_alpha_is_its_definition(votes, kind):
    slow = alpha_by_definition(votes, kind)
    fast = krippendorff_alpha(Answers.of_matrix(votes), kind, draws=5)
    assert fast.value == pytest.approx(slow, nan_ok=True, abs=1e-9)
    if math.isnan(slow):
        assert math.isnan(fast.low)
        assert fast.notes


@settings(max_examples=60, deadline=None)
@given(MATRICES)
def test_percent_and_fleiss_are_their_definitions(votes):
    units = [u for u in ([v for v in row if v >= 0] for row in votes) if len(u) >= 2]
    pairs = [(sum(a == b for a, b in permutations(u, 2)) / len(u) / (len(u) - 1), len(u)) for u in units]
    answers = Answers.of_matrix(votes)
    if not units:
        assert math.isnan(percent_agreement(answers).value)
        assert math.isnan(fleiss_kappa(answers).value)
        return
    weighted = sum(p * m for p, m in pairs) / sum(m for _, m in pairs)
    assert percent_agreement(answers, draws=5).value == pytest.approx(weighted)
    pool = [v for u in units for v in u]
    chance = sum((pool.count(v) / len(pool)) ** 2 for v in set(pool))
    mean = sum(p for p, _ in pairs) / len(pairs)
    expected = (mean - chance) / (1 - chance) if chance < 1 else math.nan
    assert fleiss_kappa(answers, draws=5).value == pytest.approx(expected, nan_ok=True, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=20),
    st.sampled_from([None, "linear", "quadratic"]),
)
def test_cohen_is_the_field_s(pairs, weights):
    left, right = zip(*pairs, strict=True)
    ours = cohen_kappa(left, right, weights=weights, classes=[0, 1, 2, 3], draws=20).value
    if len({*left, *right}) == 1:
        assert math.isnan(ours)
    else:
        assert ours == pytest.approx(cohen_kappa_score(left, right, weights=weights, labels=[0, 1, 2, 3]), abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(MATRICES, st.randoms(use_true_random=False))
def test_neither_items_nor_annotators_have_an_order(votes, random):
    array = np.array(votes)
    shuffled = array[random.sample(range(len(array)), len(array))][
        :, random.sample(range(array.shape[1]), array.shape[1])
    ]
    for measure in (percent_agreement, fleiss_kappa, krippendorff_alpha):
        a, b = (measure(Answers.of_matrix(v), draws=3).value for v in (array, shuffled))
        assert a == pytest.approx(b, nan_ok=True)


def crowd(items, seed, spread=0.75, k=3, width=4):
    draw = np.random.default_rng(seed)
    truth = draw.integers(0, k, items)
    right = draw.random((items, width)) < spread
    return np.where(right, truth[:, None], draw.integers(0, k, (items, width)))


@pytest.mark.parametrize("measure", [percent_agreement, fleiss_kappa, krippendorff_alpha])
def test_intervals_cover_what_generated_the_answers(measure):
    spread, k = 0.75, 3
    truth = spread**2 if measure is not percent_agreement else spread**2 + (1 - spread**2) / k  # copied by chance
    covered = 0
    for seed in range(100):
        found = measure(Answers.of_matrix(crowd(150, seed, spread)), draws=200)
        covered += found.low <= truth <= found.high
    assert covered >= 84  # 95 expected, standard deviation 2.2


def test_many_items_in_groups_give_the_interval_of_each_item_alone(monkeypatch):
    from hindcast.crowd import tally

    answers = Answers.of_matrix(crowd(3_000, 7))
    for kind in KINDS:
        grouped = krippendorff_alpha(answers, kind)
        monkeypatch.setattr(tally, "GROUPS", 10_000)
        alone = krippendorff_alpha(answers, kind)
        monkeypatch.undo()
        assert grouped.value == alone.value
        assert grouped.high - grouped.low == pytest.approx(alone.high - alone.low, rel=0.2)


def test_what_is_not_defined_says_so():
    same = Answers.of_matrix([[1, 1], [1, 1]])
    for found in (krippendorff_alpha(same), fleiss_kappa(same), cohen_kappa([1, 1], [1, 1])):
        assert isinstance(found, Agreement)
        assert math.isnan(found.value)
        assert any("one class" in note for note in found.notes)
    assert percent_agreement(same).value == 1.0
    alone = Answers.of_matrix([[1, -1], [-1, 0]])
    for measure in (percent_agreement, fleiss_kappa, krippendorff_alpha):
        assert "two answers" in measure(alone).notes[0]
        assert math.isnan(measure(Answers.of([], [], [])).value)
    assert math.isnan(cohen_kappa([None], ["a"]).value)


def test_agreement_on_one_frequent_class_is_told_apart():
    votes = [[0, 0]] * 95 + [[0, 1]] * 3 + [[1, 0]] * 2
    for found in (
        krippendorff_alpha(Answers.of_matrix(votes)),
        fleiss_kappa(Answers.of_matrix(votes)),
        cohen_kappa(Answers.of_matrix(votes)),
    ):
        assert found.value < 0.1
        assert any("chance alone" in note for note in found.notes)
        assert "note" in str(found)


def test_text_classes_have_the_order_they_are_given():
    votes = [["low", "middle"], ["high", "high"], ["low", "low"], ["middle", "high"]]
    item, who, label = zip(*[(i, a, v) for i, row in enumerate(votes) for a, v in enumerate(row)], strict=True)
    found = krippendorff_alpha(Answers.of(item, who, label, classes=["low", "middle", "high"]), "ordinal")
    codes = [[0, 1], [2, 2], [0, 0], [1, 2]]
    assert found.value == pytest.approx(alpha_by_definition(codes, "ordinal"))
    assert "low, middle, high" in found.notes[0]
    with pytest.raises(DataError, match="numbers"):
        krippendorff_alpha(Answers.of(item, who, label), "interval")


def test_columns_with_gaps_and_costs_of_one_s_own():
    found = cohen_kappa(["a", "b", None, "b"], ["a", "b", "b", "a"])
    assert (found.items, found.answers) == (3, 6)
    assert cohen_kappa(["x", "y"] * 9, ["x", "z"] * 9).value == pytest.approx(
        cohen_kappa_score(["x", "y"] * 9, ["x", "z"] * 9)
    )
    free = cohen_kappa([0, 1, 2, 2], [0, 1, 2, 1], weights=[[0, 1, 1], [1, 0, 0], [1, 0, 0]])
    assert free.value == 1.0
    assert krippendorff_alpha(Answers.of([1, 1, 2, 2], [0, 1, 0, 1], [1e-9, 2e-9, 5e-9, 5e-9]), "interval").value > 0.5


def test_bad_requests_are_named():
    three = Answers.of_matrix([[0, 1, 1]])
    with pytest.raises(ConfigError, match="fleiss_kappa"):
        cohen_kappa(three)
    with pytest.raises(ConfigError, match="two columns"):
        cohen_kappa([1])
    with pytest.raises(DataError, match="one per item"):
        cohen_kappa([1], [1, 2])
    with pytest.raises(ConfigError, match="weights"):
        cohen_kappa([1], [1], weights="cubic")
    with pytest.raises(ConfigError, match="diagonal"):
        cohen_kappa([1, 2], [1, 2], weights=[[1, 1], [1, 1]])
    with pytest.raises(ConfigError, match="kind"):
        krippendorff_alpha(three, "cardinal")
    with pytest.raises(DataError, match="below zero"):
        krippendorff_alpha(Answers.of([1, 1], [1, 2], [-1, 2]), "ratio")
    for wrong in ({"level": 1.0}, {"draws": -1}, {"seed": None}):
        with pytest.raises(ConfigError, match="must be"):
            krippendorff_alpha(three, **wrong)
        with pytest.raises(ConfigError, match="must be"):
            percent_agreement(three, **wrong)


def test_a_million_answers_are_counted_without_a_matrix():
    draw = np.random.default_rng(0)
    n = 1_000_000
    item = np.repeat(np.arange(n // 5), 5)
    label = np.where(draw.random(n) < 0.6, (item * 7) % 5, draw.integers(0, 5, n))
    answers = Answers.of(item, draw.integers(0, 50_000, n), label, keep="all")
    assert krippendorff_alpha(answers, "nominal").value == pytest.approx(0.36, abs=0.003)


@pytest.mark.parametrize("measure", [percent_agreement, fleiss_kappa, krippendorff_alpha, cohen_kappa])
def test_the_interval_can_be_left_out(measure):
    answers = Answers.of_matrix([[0, 1], [1, 1], [0, 0], [1, 0]])
    plain, full = measure(answers, draws=0), measure(answers, draws=50)
    assert plain.value == full.value
    assert np.isnan([plain.low, plain.high]).all()
