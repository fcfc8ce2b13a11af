"""Rows are checked where they are made, and steps are done in order, each with a seed of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from hindcast.columns import Frame
from hindcast.errors import DataError
from hindcast.trainset.rows import Rows, Step, apply_steps

FRAME = Frame.of({"x": [1.0, 2.0, 3.0]})


@dataclass(frozen=True)
class Note:
    name: str = "note"

    def apply(self, rows, seed):
        return rows.having(weight=rows.weight + seed)

    def describe(self):
        return {"step": self.name}


@dataclass(frozen=True)
class Nothing:
    name: str = "nothing"

    def apply(self, rows, seed):
        return rows.take([])

    def describe(self):
        return {"step": self.name}


@pytest.mark.parametrize(
    ("label", "weight", "says"),
    [
        ([0, 1], None, "labels? of shape|label of shape"),
        ([0, 1, 2], None, "probability"),
        ([0, 1, np.nan], None, "probability"),
        ([0, 1, 1], [1, 1, 0], "above zero"),
        ([0, 1, 1], [1, 1, np.inf], "above zero"),
    ],
)
def test_what_is_no_row(label, weight, says):
    with pytest.raises(DataError, match=says):
        Rows.of(FRAME, label, weight=weight)


def test_rows_are_taken_by_places_or_a_mask():
    rows = Rows.of(FRAME, [0, 0.5, 1], weight=[1, 2, 3], as_of=[5, 6, 7])
    assert rows.take([2, 2]).as_of.tolist() == [7, 7]
    assert rows.take(np.array([True, False, True])).weight.tolist() == [1, 3]
    assert rows.base_rate == pytest.approx(4 / 6)
    assert np.isnan(rows.take([]).base_rate)


def test_each_step_has_its_own_seed_and_the_same_seeds_again():
    rows = Rows.of(FRAME, [0, 1, 1])
    assert isinstance(Note(), Step)
    once, twice = apply_steps(rows, [Note(), Note()], 3), apply_steps(rows, [Note(), Note()], 3)
    alone = apply_steps(rows, [Note()], 3)
    assert np.array_equal(once.weight, twice.weight)
    assert once.weight[0] - alone.weight[0] != alone.weight[0] - 1.0
    assert np.array_equal(apply_steps(rows, [], 3).weight, rows.weight)


def test_a_step_that_leaves_nothing_is_named():
    with pytest.raises(DataError, match="'nothing' left no rows"):
        apply_steps(Rows.of(FRAME, [0, 1, 1]), [Nothing()], 0)
