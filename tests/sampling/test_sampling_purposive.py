"""Samples that no chance made stay what they are: no chances, no weights, and a note."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.sampling import convenience, judgement, quota, snowball


def test_each_says_what_it_is():
    for sample, word in (
        (convenience(10, 3), "convenience"),
        (convenience(10, places=[9, 1]), "convenience"),
        (judgement(10, [1, 5], why="typical"), "typical"),
        (quota(["a", "b"], 1), "quota"),
        (snowball([(0, 1)], [0]), "snowball"),
    ):
        assert not sample.random
        assert sample.pi is None
        assert word in sample.warnings()[0]
        assert sample.describe()["warnings"] == [sample.note]
        with pytest.raises(ConfigError, match="has no weights"):
            _ = sample.weights


def test_quotas_take_the_first_to_come_and_say_what_ran_short():
    by = ["a", "b", "a", "a", "b"]
    assert quota(by, {"a": 2, "b": 1}).places.tolist() == [0, 1, 2]
    assert quota(by, {"a": 2}, order=[5, 4, 3, 2, 1]).places.tolist() == [2, 3]
    assert "'b' 2 of 3" in quota(by, 3).note
    assert len(quota([], 3)) == 0


def chain(n):
    return [(i, i + 1) for i in range(n - 1)]


def test_waves_walk_the_graph():
    sample = snowball(chain(10), [4], nodes=10, waves=2)
    assert sample.places.tolist() == [2, 3, 4, 5, 6]
    assert sample.stratum.tolist() == [2, 1, 0, 1, 2]
    assert sample.strata == ("seed", "wave 1", "wave 2")
    assert snowball(chain(10), [4], nodes=10, directed=True).places.tolist() == [4, 5, 6, 7, 8, 9]
    assert snowball(chain(10), [4], nodes=10, waves=0).places.tolist() == [4]
    assert snowball([], [], nodes=3).places.tolist() == []
    assert snowball(np.array(chain(4)), np.array([0])).places.tolist() == [0, 1, 2, 3]
    assert snowball([("b", "a")], ["b"]).take(["a", "b"]) == ["a", "b"]


@given(
    st.integers(1, 12).flatmap(
        lambda n: st.tuples(
            st.just(n),
            st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=30),
            st.lists(st.integers(0, n - 1), min_size=1, max_size=3),
        )
    ),
    st.booleans(),
)
def test_waves_are_distances(graph, directed):
    n, edges, seeds = graph
    distance = np.full((n, n), np.inf)
    np.fill_diagonal(distance, 0)
    for a, b in edges:
        distance[a, b] = min(distance[a, b], 1)
        if not directed:
            distance[b, a] = min(distance[b, a], 1)
    for k in range(n):
        distance = np.minimum(distance, distance[:, [k]] + distance[[k], :])
    nearest = distance[seeds].min(axis=0)
    sample = snowball(edges, seeds, nodes=n, directed=directed)
    assert sample.places.tolist() == np.flatnonzero(np.isfinite(nearest)).tolist()
    assert sample.stratum.tolist() == nearest[sample.places].tolist()


def test_referrals_are_few_and_seeded():
    star = [(0, i) for i in range(1, 50)]
    one = snowball(star, [0], referrals=5, seed=1)
    assert len(one) == 6
    assert snowball(star, [0], referrals=5, seed=1).places.tolist() == one.places.tolist()
    assert snowball(star, [0], referrals=5, seed=2).places.tolist() != one.places.tolist()


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: convenience(10), ConfigError, "either n="),
        (lambda: convenience(3, 4), DataError, "4 rows were asked for"),
        (lambda: judgement(3, [5]), DataError, "outside the population"),
        (lambda: judgement(3, np.array([True])), DataError, "a mask needs"),
        (lambda: quota(["a"], {"b": 1}), UnknownName, "no cell 'b'"),
        (lambda: quota(["a"], {"a": -1}), ConfigError, "must be a whole number of at least 0, got -1"),
        (lambda: quota(["a"], 1, order=[1, 2]), DataError, "2 values for 1 rows"),
        (lambda: snowball([(0, 9)], [0], nodes=3), UnknownName, "no node '9'"),
        (lambda: snowball([(0, 1, 2)], [0]), DataError, "a pair of nodes"),
        (lambda: snowball([], [], waves=-1), ConfigError, "waves must be a whole number of at least 0"),
    ],
)
def test_bad_requests_are_answered_kindly(call, error, says):
    with pytest.raises(error, match=says):
        call()
