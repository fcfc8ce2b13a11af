"""Corrections of labels that are not all there yet: a row counts once, chances are checked."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.errors import DataError
from hindcast.labels import fake_negative_weights, known_weights, undelayed_probability


@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=1, max_size=20), st.floats(0.01, 1))
def test_a_row_counts_once(rows, chance):
    label, probability = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    positive, negative = fake_negative_weights(label, probability, chance)
    np.testing.assert_allclose(positive + negative, 1)
    assert np.all((positive >= 0) & (negative >= -1e-12))
    assert np.all(positive[label == 1] == 1)
    if chance == 1:
        assert np.all(positive[(label == 0) & (probability < 1)] == 0)


def test_a_probability_is_divided_by_its_chance():
    assert undelayed_probability([0.2], 1.0).tolist() == [0.2]
    with pytest.raises(DataError, match="chance that a positive"):
        undelayed_probability([0.2], 0.0)
    with pytest.raises(DataError, match="probabilities"):
        undelayed_probability([1.2], 0.5)


@given(st.lists(st.integers(0, 1), min_size=1, max_size=20), st.floats(0.01, 1), st.floats(0.01, 1))
def test_known_rows_stand_for_all(label, negative, positive):
    weight = known_weights(label, negative, positive)
    assert weight.mean() == pytest.approx(1)
    ratio = {label[i]: weight[i] for i in range(len(label))}
    if len(ratio) == 2:
        assert ratio[1] / ratio[0] == pytest.approx(negative / positive)


def test_what_cannot_be_known_cannot_be_weighed():
    assert known_weights([], 1.0, 1.0).tolist() == []
    with pytest.raises(DataError, match="chance in"):
        known_weights([1], 1.0, 0.0)
    with pytest.raises(DataError, match="a label is 0 or 1"):
        known_weights([2], 1.0, 1.0)
    with pytest.raises(DataError, match="a label is 0 or 1"):
        fake_negative_weights([0.5], [0.5], 0.5)


def test_chances_come_one_for_all_or_one_a_row():
    with pytest.raises(DataError, match="chance_positive"):
        known_weights([0, 1], 1.0, [0.5, 0.5, 0.5])
    with pytest.raises(DataError, match="probability"):
        fake_negative_weights([0, 1], [0.1], 0.5)
    with pytest.raises(DataError, match="numbers"):
        known_weights(["yes", "no"], 1.0, 0.5)
    with pytest.raises(DataError, match="shape"):
        known_weights(0, 1.0, 0.5)
