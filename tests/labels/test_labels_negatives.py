"""Negatives: never what a group took, only what existed, with the chances they say, standing for all left out."""

import math
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.labels import Negatives, sample_negatives

DATA = os.environ.get("HINDCAST_DATA")
ITEMS = 6

positives = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, ITEMS - 1), st.integers(0, 10)), min_size=1, max_size=12
)
lives = st.lists(st.tuples(st.integers(0, 8), st.integers(1, 9)), min_size=ITEMS, max_size=ITEMS)


@given(positives, lives, st.sampled_from(["uniform", "popularity"]), st.floats(0, 1.5), st.integers(0, 3))
def test_only_what_existed_and_was_not_taken_with_its_chance(rows, life, how, alpha, seed):
    group, item, at = zip(*rows, strict=True)
    since, until = [s for s, _ in life], [s + d for s, d in life]
    found = sample_negatives(
        group, item, draws=3, at=at, how=how, alpha=alpha, items=range(ITEMS), since=since, until=until, seed=seed
    )
    assert isinstance(found, Negatives)
    load = np.ones(ITEMS) if how == "uniform" else np.bincount(item, minlength=ITEMS).astype(float) ** alpha
    alone = []
    for place, (who, _, when) in enumerate(rows):
        allowed = [
            i
            for i in range(ITEMS)
            if since[i] <= when < until[i] and not any(g == who and x == i for g, x, _ in rows) and load[i] > 0
        ]
        mine = found.item[found.positive == place]
        if not allowed:
            alone.append(place)
            assert len(mine) == 0
            continue
        assert len(mine) == 3
        assert set(mine) <= set(allowed)
        chance = {i: load[i] / sum(load[allowed]) for i in allowed}
        np.testing.assert_allclose(found.probability[found.positive == place], [chance[i] for i in mine], rtol=1e-9)
    assert found.unanswered.tolist() == alone
    np.testing.assert_allclose(found.weights, 1 / (3 * found.probability))


@pytest.mark.parametrize("how", ["uniform", "popularity"])
def test_items_come_as_often_as_their_chance_says(how):
    popularity = [1, 2, 4, 8, 16, 32]
    found = sample_negatives(["a"] * 2, [0, 1], draws=20_000, how=how, popularity=popularity, items=range(6), seed=2)
    load = np.array(popularity)[2:] ** 0.75 if how == "popularity" else np.ones(4)
    counts = np.bincount(found.item.astype(int), minlength=6)
    assert counts[:2].sum() == 0
    assert stats.chisquare(counts[2:], counts.sum() * load / load.sum()).pvalue > 1e-4


def test_weights_stand_for_all_that_could_be_drawn():
    worth = np.array([0.0, 3.0, 1.0, 4.0, 1.0, 5.0])
    popularity = [5, 1, 1, 3, 9, 2]
    found = sample_negatives(
        ["a"] * 3_000, [0] * 3_000, draws=2, how="popularity", popularity=popularity, items=range(6)
    )
    totals = np.bincount(found.positive, weights=found.weights * worth[found.item.astype(int)])
    assert abs(totals.mean() - worth.sum()) < 5 * totals.std() / math.sqrt(3_000)
    assert found.log_correction(2).shape == (6_000,)


def test_hard_negatives_are_the_highest_and_no_positives():
    rating = {"x": 9.0, "y": 5.0, "z": 7.0, "w": 1.0}
    found = sample_negatives(
        ["ann", "bob"],
        ["x", "z"],
        items=list(rating),
        draws=2,
        how="hard",
        pool=200,
        score=lambda places, items: [rating[i] for i in items],
    )
    assert found.positive.tolist() == [0, 0, 1, 1]
    assert found.item.tolist() == ["z", "y", "x", "y"]
    assert np.isnan(found.probability).all()
    assert found.weights.tolist() == [1.0] * 4
    assert "no known chances" in found.notes[0]


def test_seeds_repeat_and_names_stay():
    one, two, other = (
        sample_negatives(["u"] * 50, [("a", i) for i in range(50)], items=[("a", i) for i in range(90)], seed=seed)
        for seed in (1, 1, 2)
    )
    assert one.item.tolist() == two.item.tolist() != other.item.tolist()
    assert all(isinstance(item, tuple) and item[1] >= 50 for item in one.item)
    nothing = sample_negatives([], [], items=[1, 2])
    assert len(nothing) == 0
    taken = sample_negatives(["a", "a"], ["x", "y"])
    assert taken.unanswered.tolist() == [0, 1]
    assert "2 positives have no item left" in taken.notes[0]


def test_a_group_that_took_nearly_all_is_served():
    size = 2_000
    found = sample_negatives(["a"] * (size - 1), range(size - 1), items=range(size), draws=1)
    assert set(found.item.tolist()) == {size - 1}
    assert np.all(found.probability == 1)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: sample_negatives(["a"], ["x"], how="unifrm"), UnknownName, "Did you mean 'uniform'"),
        (lambda: sample_negatives(["a"], ["x"], draws=0), ConfigError, "at least 1"),
        (lambda: sample_negatives(["a"], ["x"], how="hard"), ConfigError, "need a score"),
        (lambda: sample_negatives(["a"], ["x"], alpha=-1), ConfigError, "alpha must be"),
        (lambda: sample_negatives(["a"], ["x"], items=["y"]), UnknownName, "no item 'x'"),
        (lambda: sample_negatives(["a"], ["x"], items=["x", "x"]), DataError, "listed twice"),
        (lambda: sample_negatives(["a"], ["x", "y"]), DataError, "1 groups meet 2 items"),
        (lambda: sample_negatives(["a"], ["x"], since=[1]), ConfigError, "need the moment"),
        (lambda: sample_negatives(["a"], ["x"], at=[1], since=[1, 2]), DataError, "2 moments of `since`"),
        (lambda: sample_negatives(["a"], ["x"], at=[1, 2]), DataError, "2 moments"),
        (lambda: sample_negatives(["a"], ["x"], how="popularity", popularity=[-1]), DataError, "at least zero"),
        (
            lambda: sample_negatives(["a"], ["x"], items=["x", "y"], how="hard", score=lambda p, i: [math.nan]),
            DataError,
            "one number for each",
        ),
    ],
)
def test_bad_requests_are_answered_kindly(call, error, says):
    with pytest.raises(error, match=says):
        call()


@pytest.mark.skipif(DATA is None, reason="HINDCAST_DATA is not set")
def test_a_real_catalogue_of_films():
    import pyarrow.parquet as pq

    table = pq.read_table(Path(DATA) / "recsys_movielens_small" / "ratings.parquet")
    user, film, at = (table.column(name).to_numpy() for name in ("userId", "movieId", "timestamp"))
    films, first = np.unique(film, return_index=True)
    since = np.minimum.reduceat(at[np.argsort(film, kind="stable")], np.searchsorted(np.sort(film), films))
    found = sample_negatives(user, film, draws=2, at=at, how="popularity", items=films, since=since, seed=1)
    assert len(first) == len(films)
    born = dict(zip(films.tolist(), since.tolist(), strict=True))
    assert all(born[i] <= at[p] for i, p in zip(found.item[::97].tolist(), found.positive[::97].tolist(), strict=True))
    taken = set(zip(user.tolist(), film.tolist(), strict=True))
    assert not any((user[p], i) in taken for p, i in zip(found.positive.tolist(), found.item.tolist(), strict=True))
    assert len(found) == 2 * (len(user) - len(found.unanswered))
