"""The guard of a promotion, as a value: when it compares, over what, and what it takes to send a champion back."""

from __future__ import annotations

import numpy as np
import pytest

from hindcast.loop.guard import Guard
from hindcast.registry import Ledger, Registry
from hindcast.trial import ShadowEvidence
from hindcast.values import DAY_US, HOUR_US

WEEK = 7 * DAY_US


def registry(*told):
    """A registry with versions v1 to v3 and these (kind, version or alert's kind, moment) on its ledger."""
    found = Registry(Ledger("sqlite://"), system="town", target="late")
    for _ in range(3):
        found.register({}, at_us=0)
    for kind, what, at in told:
        if kind == "promotion":
            found.promote(what, reason="better", at_us=at)
        elif kind == "rollback":
            found.rollback(reason="worse", at_us=at)
        else:
            found.ledger.append("alert", {"kind": what}, at_us=at, system="town", target="late")
    return found


def guard_of(*told):
    found = registry(*told)
    return Guard.of(found.roles(), found.ledger.entries(), WEEK)


def test_the_first_champion_has_no_guard():
    assert guard_of() is None
    assert guard_of(("promotion", "v1", 5), ("alert", "decay", 6)) is None


def test_it_is_folded_from_the_ledger():
    both = ("promotion", "v1", 5), ("promotion", "v2", 10)
    assert guard_of(*both) == Guard("v2", "v1", 10, WEEK)
    assert guard_of(*both, ("alert", "drift", 11)) == Guard("v2", "v1", 10, WEEK)
    assert guard_of(*both, ("alert", "decay", 12)) == Guard("v2", "v1", 10, WEEK, armed_us=12)
    again = guard_of(*both, ("alert", "decay", 12), ("promotion", "v3", 20))
    assert again == Guard("v3", "v2", 20, WEEK), "the alert was about the champion before"
    assert guard_of(*both, ("alert", "decay", 12), ("rollback", None, 13)) is None, "v1 is back, and nobody before it"


def test_it_compares_at_the_alert_and_once_a_day_for_a_window():
    armed = Guard("v2", "v1", 0, WEEK, armed_us=30 * DAY_US)
    looks = np.arange(29 * DAY_US, 45 * DAY_US, 6 * HOUR_US)
    due = [at for at in looks.tolist() if armed.due(at, 6 * HOUR_US)]
    assert due == [30 * DAY_US + k * DAY_US for k in range(8)]
    assert not any(Guard("v2", "v1", 0, WEEK).due(at, 6 * HOUR_US) for at in looks.tolist())


@pytest.mark.parametrize("every_h", [5, 7, 24])
def test_once_a_day_whatever_the_grid_of_looks(every_h):
    every = every_h * HOUR_US
    armed = Guard("v2", "v1", 0, WEEK, armed_us=30 * every)
    due = [at for at in range(0, 90 * every, every) if armed.due(at, every)]
    assert due[0] == 30 * every
    assert 7 <= len(due) <= 8


def test_only_matured_traffic_of_its_own_reign_is_compared():
    guard = Guard("v2", "v1", 100 * DAY_US, WEEK)
    assert guard.stretch(120 * DAY_US, DAY_US) == (112 * DAY_US, 119 * DAY_US)
    assert guard.stretch(103 * DAY_US, DAY_US) == (100 * DAY_US, 102 * DAY_US)
    assert guard.stretch(100 * DAY_US, DAY_US) == (100 * DAY_US, 100 * DAY_US)


def evidence(rows, sharp, dull, seed=0):
    random = np.random.default_rng(seed)
    label = (random.random(rows) < 0.4).astype(float)
    as_of = np.sort(random.integers(0, WEEK, rows))

    def answers(edge):
        return np.clip(np.where(label == 1, 0.4 + edge, 0.4 - edge) + random.normal(0, 0.05, rows), 0.02, 0.98)

    return ShadowEvidence(label, answers(sharp), answers(dull), as_of)


def test_a_predecessor_that_is_shown_to_be_better_passes():
    verdict = Guard("v2", "v1", 0, WEEK).judge(evidence(800, 0.0, 0.2))
    assert (verdict.outcome, verdict.check) == ("pass", "guard(v1)")
    assert verdict.evidence["rows"] == 800
    assert verdict.evidence["predecessor"] < verdict.evidence["champion"]


def test_a_predecessor_that_is_worse_fails_and_one_alike_is_unknown():
    assert Guard("v2", "v1", 0, WEEK).judge(evidence(800, 0.2, 0.0)).outcome == "fail"
    assert Guard("v2", "v1", 0, WEEK).judge(evidence(800, 0.1, 0.1)).outcome == "unknown"


def test_too_little_is_unknown():
    assert Guard("v2", "v1", 0, WEEK).judge(evidence(0, 0.0, 0.2)).outcome == "unknown"
    nobody = evidence(50, 0.0, 0.2)
    blank = ShadowEvidence(np.full(50, np.nan), nobody.champion, nobody.challenger, nobody.as_of)
    assert Guard("v2", "v1", 0, WEEK).judge(blank).outcome == "unknown"


def test_models_alike_are_hardly_ever_told_apart_however_often_it_looks():
    """One look may err in 0.3 % of cases, so that the looks of a week together err in 2.5 %."""
    back = sum(Guard("v2", "v1", 0, WEEK).judge(evidence(300, 0.1, 0.1, seed)).ok for seed in range(1000))
    assert back <= 10
