"""What monitors take for healthy, and what they see."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hindcast.loop.watch import reference_of
from hindcast.values import HOUR_US, NEVER
from laws_town import FROM, UNTIL, at_day, loop_over, town_history, town_trainer


def test_the_reference_is_all_that_was_asked_not_only_what_got_a_label():
    """Requests to come have no label yet, and some never will: a reference without such would find them strange."""
    history = town_history()
    trained = town_trainer().train(at_day(70))
    rows = history.slice(int(trained.asked_us[0]) - 1, at_day(70))
    assert np.array_equal(trained.asked_us, history.as_of[rows])
    assert len(trained.asked_us) > trained.manifest["counts"]["used"]
    assert np.isnan(history.label[rows]).any()
    reference = reference_of(history.system, trained)
    assert reference.rows == len(trained.asked_us)
    assert set(reference.names) == {*history.system.plan.names, "prediction"}


def test_the_reference_of_a_moment_holds_nothing_later():
    trained = town_trainer().train(at_day(70))
    assert trained.asked_us[-1] <= at_day(70)
    assert trained.as_of.max() + town_history().maturity_us(at_day(70)) <= at_day(70)


def test_the_same_training_asked_for_twice_is_one():
    assert town_trainer().train(at_day(70)) is town_trainer().train(at_day(70))


def test_alerts_are_given_out_once_and_not_before_their_time():
    loop = loop_over(town_history(scaled_from=80), name="never", ahead_days=31)
    loop.run(UNTIL)
    told = [e for e in loop.registry.ledger.entries() if e.kind == "alert"]
    assert told
    assert all(e.at_us % loop.system.monitoring.every_us == 0 for e in told)
    bodies = [repr(sorted(e.body.items(), key=str)) for e in told]
    assert len(set(bodies)) == len(bodies)
    drift = [e for e in told if e.body["kind"] == "drift"]
    assert drift[0].at_us > at_day(80)


def test_effects_by_day_cover_the_days_that_were_watched():
    loop = loop_over(town_history(), name="never", ahead_days=31)
    loop.run(at_day(90))
    days, names, worst = loop.watches[0].by_day(at_day(90))
    assert (np.diff(days) == 1).all()
    assert days[0] >= FROM // (24 * 3_600_000_000)
    assert days[-1] * 24 * 3_600_000_000 <= at_day(90)
    assert worst.shape == (len(names), len(days))
    assert np.isfinite(worst).mean() > 0.5


@pytest.mark.parametrize(("after_h", "for_h", "counts"), [(0, None, False), (0, 30, True), (40, None, True)])
def test_a_label_that_is_withdrawn_before_it_is_due_is_not_scored_until_it_is_back(after_h, for_h, counts):
    history = town_history()
    spine = history.spine
    row = int(np.flatnonzero((spine.as_of > at_day(60)) & (spine.label_known < at_day(61)))[0])
    since = int(spine.label_known[row]) + after_h * HOUR_US
    until = NEVER if for_h is None else since + for_h * HOUR_US
    torn = replace(history, spine=replace(spine, hidden=np.array([[row, since, until]])))
    loop = loop_over(torn, trainer=town_trainer(), name="never")
    watch = loop.scores[0]
    seen = []
    watch.monitor.observe = lambda label, probability, as_of, known: seen.extend(
        zip(as_of.tolist(), known.tolist(), strict=True)
    )
    for day in range(51, 70):
        watch.alerts(at_day(day))
    when = [known for as_of, known in seen if as_of == spine.as_of[row]]
    assert len(when) == counts
    if for_h is not None:
        assert when == [until]
    assert len(seen) > 500
