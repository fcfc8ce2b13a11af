"""The majority vote: shares, ties, silence, weights."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hindcast.errors import ConfigError
from hindcast.weak import MajorityVote

VOTES = arrays(np.int64, st.tuples(st.integers(0, 8), st.integers(1, 5)), elements=st.integers(-1, 3))


@given(VOTES)
def test_probabilities_are_shares_of_the_votes(votes: np.ndarray) -> None:
    shares = MajorityVote(classes=4).predict_proba(votes)
    labels = MajorityVote(classes=4).predict(votes)
    for row, share, label in zip(votes.tolist(), shares.tolist(), labels.tolist(), strict=True):
        count = Counter(vote for vote in row if vote >= 0)
        total = sum(count.values())
        assert share == pytest.approx([count[k] / total if total else 0.25 for k in range(4)])
        assert label == (min(k for k in count if count[k] == max(count.values())) if count else -1)


def test_ties_go_where_they_are_sent() -> None:
    votes = np.tile([[0, 1], [1, 1]], (500, 1))
    vote = MajorityVote().fit(votes)
    assert vote.predict(votes, ties="abstain")[:2].tolist() == [-1, 1]
    thrown = vote.predict(votes, ties="random", seed=1)
    assert 0.4 < thrown[::2].mean() < 0.6
    np.testing.assert_array_equal(thrown, vote.predict(votes, ties="random", seed=1))
    with pytest.raises(ConfigError, match="ties"):
        vote.predict(votes, ties="first")  # type: ignore[arg-type]


def test_weights_count_as_votes() -> None:
    votes = [[0, 1, 1]]
    assert MajorityVote([3, 1, 1]).predict(votes).tolist() == [0]
    assert MajorityVote([0, 0, 0]).predict(votes).tolist() == [-1]
    with pytest.raises(ConfigError, match="weights"):
        MajorityVote([1, 2]).predict(votes)
