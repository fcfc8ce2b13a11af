from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hindcast.errors import ConfigError, DataError
from hindcast.trainset import rolling_origin, split_at, split_last

moments = st.lists(st.integers(0, 60), min_size=1, max_size=40).map(lambda xs: np.array(xs, dtype=np.int64))


@settings(max_examples=80, deadline=None)
@given(moments, st.integers(0, 60), st.integers(0, 10), st.integers(1, 20), st.integers(0, 20))
def test_every_training_row_had_matured_when_validation_began(as_of, start, gap, length, delay):
    known = as_of + delay
    part = split_at(as_of, start, gap_us=gap, end_us=start + length, label_known=known)
    for row, t in enumerate(as_of):
        assert (row in part.train) == (t < start and t + gap <= start and known[row] < start)
        assert (row in part.validation) == (start <= t < start + length)
    assert part.dropped + len(part.train) == sum(as_of < start)


@settings(max_examples=60, deadline=None)
@given(moments, st.integers(0, 10), st.integers(1, 15), st.none() | st.integers(1, 30))
def test_folds_validate_every_row_of_the_period_once(as_of, gap, every, window):
    folds = list(rolling_origin(as_of, start_us=10, end_us=50, every_us=every, gap_us=gap, window_us=window))
    judged = np.concatenate([fold.validation for fold in folds])
    assert sorted(judged.tolist()) == np.flatnonzero((as_of >= 10) & (as_of < 50)).tolist()
    for fold in folds:
        assert (as_of[fold.train] + gap <= fold.start_us).all()
        if window is not None:
            assert (as_of[fold.train] >= fold.start_us - window).all()


def test_the_last_share_keeps_rows_of_one_moment_together():
    as_of = np.array([1, 2, 3, 5, 5, 5, 5, 9])
    part = split_last(as_of, 0.25, gap_us=0)
    assert as_of[part.train].tolist() == [1, 2, 3]
    assert as_of[part.validation].tolist() == [5, 5, 5, 5, 9]


def test_splits_that_cannot_be_made_are_refused():
    with pytest.raises(ConfigError, match="gap_us, the label's maturity, must be a whole number of at least 0"):
        split_at(np.arange(3), 1, gap_us=-1)
    with pytest.raises(ConfigError, match="ends after it starts"):
        split_at(np.arange(3), 1, gap_us=0, end_us=1)
    with pytest.raises(ConfigError, match="must be a number above 0 and below 1"):
        split_last(np.arange(3), 1.0, gap_us=0)
    with pytest.raises(DataError, match="no rows"):
        split_last(np.arange(0), gap_us=0)
    with pytest.raises(DataError, match="no training rows are left"):
        split_last(np.arange(10), gap_us=100)
    with pytest.raises(ConfigError, match="every_us, their length, must be a whole number of at least 1"):
        list(rolling_origin(np.arange(3), start_us=0, end_us=3, every_us=0, gap_us=0))
