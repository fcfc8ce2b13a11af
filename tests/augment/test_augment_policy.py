"""A policy makes as many copies as it says, each knows its original, and only training rows have copies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.augment import Policy, augment_images, augment_text, augment_texts, delete_words, flip, noise, swap_words
from hindcast.augment import typos as slips
from hindcast.columns import Frame
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.models.baselines import zero_rule
from hindcast.models.trained import trained
from hindcast.trainset.rows import Rows, Step

TEXTS = ["where is my card", "the transfer failed again", "hello there my friend"]


@given(st.integers(1, 4), st.floats(0.01, 1), st.integers(0, 99), st.integers(0, 2**20))
def test_places_are_a_share_each_as_often(times, share, n, seed):
    places = Policy([slips()], times=times, share=share).places(n, seed)
    values, counts = np.unique(places, return_counts=True)
    assert len(values) == round(n * share)
    assert set(counts.tolist()) <= {times}
    assert ((places >= 0) & (places < n)).all()


def test_copies_know_their_originals_and_differ_from_them():
    copies, of = augment_texts(TEXTS, Policy([slips(0.5), swap_words(0.5)], times=20), seed=1)
    assert len(copies) == len(of) <= 60
    for copy, place in zip(copies, of, strict=True):
        assert copy != TEXTS[place]
        assert abs(len(copy) - len(TEXTS[place])) <= 6
    again, of_again = augment_texts(TEXTS, Policy([slips(0.5), swap_words(0.5)], times=20), seed=1)
    assert (copies, of.tolist()) == (again, of_again.tolist())


def test_all_changes_together():
    policy = Policy([delete_words(1.0, keep=["card", "my"]), slips(1.0, shortest=4)], together=2, times=10)
    copies, _ = augment_texts(["where is my card"], policy)
    assert copies
    assert all(copy.startswith("my c") and copy != "my card" for copy in copies)


def test_pictures_too():
    images = np.random.default_rng(0).random((4, 5, 5))
    copies, of = augment_images(images, Policy([flip(1.0), noise(0.1)], times=3, share=0.5))
    assert copies.shape == (6, 5, 5)
    assert len(set(of.tolist())) == 2
    with pytest.raises(ConfigError, match="does not change pictures"):
        augment_images(images, Policy([slips()]))
    with pytest.raises(ConfigError, match="does not change texts"):
        augment_texts(TEXTS, Policy([flip()]))


def test_as_a_step_it_adds_rows_of_the_same_label():
    step = augment_text("text", [slips(1.0)], times=2, weight=0.5)
    assert isinstance(step, Step)
    frame = Frame.of({"text": [*TEXTS, None], "x": [1.0, 2.0, 3.0, 4.0]})
    rows = Rows.of(frame, [0, 1, 0.3, 1], as_of=[1, 2, 3, 4])
    after = step.apply(rows, 5)
    assert len(after) == 4 + 6
    assert after.features["text"].objects()[:4].tolist() == [*TEXTS, None]
    assert after.label[4:].tolist() == [0, 0, 1, 1, 0.3, 0.3]
    assert after.as_of[4:].tolist() == [1, 1, 2, 2, 3, 3]
    assert set(after.weight[4:].tolist()) == {0.5}
    model = trained(zero_rule(), on=step).fit(frame, np.array([0.0, 1, 0, 1]), as_of=np.arange(4), seed=0)
    assert model.odds == 1.0  # what it does to the base rate is not meant to be taken back


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: Policy([]), ConfigError, "needs a change"),
        (lambda: Policy([slips()], times=0), ConfigError, "times"),
        (lambda: Policy([slips()], share=0), ConfigError, "share"),
        (lambda: Policy([slips()], together=2), ConfigError, "together"),
        (lambda: augment_text("t", slips(), weight=0), ConfigError, "weight"),
        (lambda: augment_texts(["a", 3], Policy([slips()], times=1)), DataError, "row 2"),
        (lambda: augment_text("txt", slips()).apply(Rows.of(Frame.of({"text": ["a"]}), [1]), 0), UnknownName, "text"),
        (lambda: augment_text("x", slips()).apply(Rows.of(Frame.of({"x": [1.0]}), [1]), 0), ConfigError, "text column"),
    ],
)
def test_what_is_refused(make, error, says):
    with pytest.raises(error, match=says):
        make()


def test_a_column_of_pandas_is_read_by_position():
    texts = ["where is my card", "open an account"]
    policy = Policy([slips(1.0)])
    found = augment_texts(pd.Series(texts, index=[1, 9]), policy)
    assert found[0] == augment_texts(texts, policy)[0]
    assert found[1].tolist() == [0, 1]
