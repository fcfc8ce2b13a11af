"""What calls for a training, in a town where something was planted and in one where nothing was."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from hindcast.adapt import every, on_decay, on_drift, on_volume
from hindcast.values import DAY_US
from laws_town import FROM, UNTIL, at_day, loop_over, town_history, with_system


def turned(retrain, until=UNTIL, **planted):
    loop = loop_over(with_system(town_history(**planted), retrain=retrain))
    loop.run(until)
    return loop


def entries(loop, kind):
    return [e for e in loop.registry.ledger.entries() if e.kind == kind]


def test_drift_of_an_input_calls_for_a_training_within_a_day():
    """From day 80 on distances come in metres."""
    begun = entries(turned([on_drift()], at_day(85), scaled_from=80), "retraining")
    assert begun[0].body["triggers"] == ["on_drift"]
    assert "distance" in begun[0].body["reason"]
    assert at_day(80) < begun[0].at_us <= at_day(81.5)


def test_decay_calls_for_a_training_when_the_world_has_changed():
    """From day 75 on what made orders late does no longer; no input moves."""
    loop = turned([on_decay()], at_day(95), changed_from=75)
    begun = entries(loop, "retraining")
    assert begun[0].body["triggers"] == ["on_decay"]
    assert "decay of" in begun[0].body["reason"]
    assert at_day(75) < begun[0].at_us <= at_day(75 + 10)
    decayed = [e for e in entries(loop, "alert") if e.body["kind"] == "decay"]
    assert decayed[0].at_us <= begun[0].at_us


def test_where_nothing_was_planted_neither_calls():
    assert entries(turned([on_drift(), on_decay()]), "retraining") == []


@pytest.mark.parametrize("rows", [300, 900])
def test_volume_counts_the_rows_that_matured_since_the_last_training(rows):
    loop = turned([on_volume(rows)], at_day(80))
    history = loop.world.history
    begun = [e.at_us for e in entries(loop, "retraining")]
    assert len(begun) >= 1
    maturity = history.maturity_us(FROM)
    since, now = FROM, begun[0]
    inside = (history.as_of > since - maturity) & (history.as_of <= now - maturity) & ~np.isnan(history.label)
    assert rows <= inside.sum() <= rows + 60


def test_a_cool_down_keeps_a_lasting_drift_from_calling_every_day():
    loop = turned([on_drift(cooldown="7d")], at_day(100), scaled_from=70)
    begun = [e.at_us for e in entries(loop, "retraining")]
    assert begun
    assert all(later - earlier >= 7 * DAY_US for earlier, later in pairwise(begun))


def test_the_calendar_calls_on_its_day():
    begun = [e.at_us for e in entries(turned([every("9d")], at_day(60)), "retraining")]
    assert begun == [FROM + 9 * DAY_US]
