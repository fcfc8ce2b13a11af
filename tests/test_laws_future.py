"""Law 1: nothing from the future. Another future is planted everywhere, and the past is held against what it was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hindcast.columns import Frame
from hindcast.loop.replay import replay
from hindcast.loop.trainer import Trainer
from hindcast.testing import deliveries_system
from hindcast.trainset import Binary
from laws_town import (
    FROM,
    UNTIL,
    at_day,
    history_of,
    lines,
    same_columns,
    town,
    town_history,
    town_replays,
    with_future,
)

CUT = at_day(93) + 12 * 3_600_000_000


def test_another_future_is_another_one():
    """The plant bites: labels, features and predictions after the cut differ."""
    planted, history = history_of(with_future(town(), CUT)), town_history()
    after = history.slice(CUT, UNTIL)
    assert not np.array_equal(
        history.label[after], planted.label[after][: after.stop - after.start], equal_nan=True
    ) or len(planted) != len(history)
    upto = history.slice(FROM, UNTIL).stop
    assert same_columns(history.features.take(slice(0, upto)), planted.features.take(slice(0, upto)))


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("day", [20.3, 61.0, 93.5])
def test_no_feature_and_no_usable_label_changes_with_the_future(day, seed):
    cut = at_day(day)
    history, planted = town_history(), history_of(with_future(town(), cut, seed))
    n = history.slice(-(1 << 62), cut).stop
    assert planted.slice(-(1 << 62), cut).stop == n > 500
    past = slice(0, n)
    assert same_columns(history.features.take(past), planted.features.take(past)) == []
    assert same_columns(history.spine.frame.take(past), planted.spine.frame.take(past)) == []
    maturity = history.maturity_us(cut)
    usable = history.spine.usable(cut, maturity)[past]
    assert np.array_equal(usable, planted.spine.usable(cut, maturity)[past])
    assert np.array_equal(history.label[past][usable], planted.label[past][usable])
    before, after = history.training_set(cut), planted.training_set(cut)
    assert before.name == after.name
    assert before.counts == after.counts
    assert same_columns(before.features, after.features) == []
    for part in ("label", "as_of", "seq", "label_known", "last_label"):
        assert np.array_equal(getattr(before, part), getattr(after, part), equal_nan=True), part


@pytest.mark.parametrize("maturity", ["12h", None])
def test_a_replay_up_to_a_moment_is_the_same_whatever_comes_after(maturity):
    """Predictions, who answered, trained models byte for byte, and every entry of the ledger."""
    system = deliveries_system()
    target = {name: getattr(system.target, name) for name in ("table", "as_of", "label", "name")}
    system = deliveries_system(predict=Binary(**target, maturity=maturity))
    found = []
    for facts in (town(), with_future(town(), CUT)):
        history = history_of(facts, system)
        names = ["renewed"] if maturity is None else ["renewed", "straight"]
        found.append(replay(history, FROM, CUT, names, trainer=Trainer(history)))
    for name, before in found[0].items():
        after = found[1][name]
        assert len(before.entries("promotion")) > 1, "nothing was decided, so nothing was tested"
        assert np.array_equal(before.probability, after.probability)
        assert before.version.tolist() == after.version.tolist()
        assert lines(before.entries()) == lines(after.entries())
        for version, trained in before.loop._trained.items():
            assert trained.model.files() == after.loop._trained[version].model.files(), version


def test_a_longer_replay_begins_as_the_shorter_one():
    history = town_history()
    short = replay(history, FROM, CUT, ["renewed"], trainer=Trainer(history))["renewed"]
    long = town_replays()["renewed"]
    n = short.rows.stop - short.rows.start
    assert np.array_equal(short.probability, long.probability[:n])
    assert lines(short.entries()) == lines(long.entries(), CUT)
    assert long.entries()[-1].at_us > CUT


def test_an_outcome_that_is_changed_changes_nothing_before_it_was_known():
    """Its own features least of all."""
    facts, history, system = town(), town_history(), deliveries_system()
    arrivals = facts["arrivals"]
    random = np.random.default_rng(3)
    for row in random.choice(np.flatnonzero(arrivals.known > FROM), 12, replace=False).tolist():
        late = arrivals.frame["late"].values.copy()
        late[row] = -500.0 if late[row] >= 10 else 500.0
        changed = replace(arrivals, frame=Frame({**arrivals.frame, "late": arrivals.frame.having(late=late)["late"]}))
        again = history_of({**facts, "arrivals": changed}, system)
        known = int(arrivals.known[row])
        n = history.slice(-(1 << 62), known).stop
        assert same_columns(history.features.take(slice(0, n)), again.features.take(slice(0, n))) == []
        own = np.flatnonzero(history.spine.key.objects() == arrivals.frame["order"].item(row))
        assert (own < n).all()


def test_an_outcome_that_is_changed_changes_no_earlier_prediction():
    facts = town()
    arrivals = facts["arrivals"]
    row = int(np.flatnonzero(arrivals.known > at_day(90))[0])
    late = arrivals.frame["late"].values.copy()
    late[row] = -500.0 if late[row] >= 10 else 500.0
    changed = history_of({**facts, "arrivals": replace(arrivals, frame=arrivals.frame.having(late=late))})
    known = int(arrivals.known[row])
    again = replay(changed, FROM, UNTIL, ["renewed"], trainer=Trainer(changed))["renewed"]
    usual = town_replays()["renewed"]
    n = int(np.searchsorted(usual.as_of, known, side="right"))
    assert np.array_equal(usual.probability[:n], again.probability[:n])
    assert not np.array_equal(usual.probability, again.probability), "the change reached nothing at all"
