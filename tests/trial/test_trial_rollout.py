from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hindcast.errors import ConfigError, DataError
from hindcast.trial import Arm, CanaryEvidence, Rollout, RolloutState, ShadowEvidence, canary, shadow
from hindcast.values import DAY_US, HOUR_US

MATURITY = 18 * HOUR_US
STAGES = [shadow("7d", patience=1), canary([0.05, 0.25, 1.0], every="3d", guard=["errors"])]
ROLLOUT = Rollout(STAGES)


def shown(outcome: str) -> ShadowEvidence:
    """Evidence on which the shadow judges `outcome`."""
    label = np.tile([0.0, 1.0], 70)
    as_of = np.repeat(np.arange(7), 20) * DAY_US
    good, bad = np.where(label == 1, 0.8, 0.2), np.full(140, 0.5)
    pairs = {"pass": (bad, good), "fail": (good, bad), "unknown": (good, good)}
    return ShadowEvidence(label, *pairs[outcome], as_of)


def served(outcome: str) -> CanaryEvidence:
    """Evidence on which the canary judges `outcome`."""
    none = np.zeros(0)
    requests, errors = {"pass": (500, 0), "fail": (500, 50), "unknown": (0, 0)}[outcome]
    return CanaryEvidence(Arm(requests, errors, none, none), Arm(5000, 5, none, none))


def evidence_for(state: RolloutState, outcome: str):
    return shown(outcome) if state.stage == 0 else served(outcome)


def test_a_challenger_that_keeps_passing_is_promoted_on_schedule():
    action = ROLLOUT.begin("v2", now_us=0)
    seen = []
    while action.state is not None:
        look = ROLLOUT.look(action.state, maturity_us=MATURITY)
        early = ROLLOUT.decide(action.state, None, now_us=look.due_us - 1, maturity_us=MATURITY)
        assert (early.kind, early.state, early.share) == ("wait", action.state, action.share)
        seen.append((look.share, look.since_us / DAY_US, look.until_us / DAY_US, look.due_us / DAY_US))
        action = ROLLOUT.decide(
            action.state, evidence_for(action.state, "pass"), now_us=look.due_us, maturity_us=MATURITY
        )
    assert seen == [(0.0, 0, 7, 7.75), (0.05, 7.75, 10.75, 11.5), (0.25, 11.5, 14.5, 15.25), (1.0, 15.25, 18.25, 19)]
    assert (action.kind, action.share) == ("promote", 1.0)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(["pass", "fail", "unknown", "none"]), min_size=12, max_size=12))
def test_only_a_pass_in_every_step_promotes(outcomes):
    action = ROLLOUT.begin("v2", now_us=0)
    passed = unknowns = 0
    share = 0.0
    for outcome in outcomes:
        if action.state is None:
            break
        look = ROLLOUT.look(action.state, maturity_us=MATURITY)
        evidence = None if outcome == "none" else evidence_for(action.state, outcome)
        before = action.state
        action = ROLLOUT.decide(before, evidence, now_us=look.due_us, maturity_us=MATURITY)
        if outcome == "pass":
            passed, unknowns = passed + 1, 0
            assert action.kind == ("promote" if passed == 4 else "next")
        elif outcome == "fail" or unknowns == 1:
            assert (action.kind, action.share) == ("abort", 0.0)
        else:
            unknowns = 1
            assert (action.kind, action.state) == ("wait", replace(before, looks=1))
            later = ROLLOUT.look(action.state, maturity_us=MATURITY)
            assert later.since_us == look.since_us
            assert later.until_us > look.until_us
        assert action.share >= share or action.kind == "abort"
        share = action.share
    assert (action.kind == "promote") == (passed == 4)


def test_a_state_survives_the_ledger():
    state = RolloutState("v2", 1, 2, 15 * DAY_US + 1, looks=1)
    assert RolloutState.of(state.describe()) == state
    assert state.salt == replace(state, step=0, stage=0).salt != replace(state, version="v3").salt
    with pytest.raises(DataError, match="lacks 'since'"):
        RolloutState.of({"version": "v2"})


def test_no_stages_promote_straight_away():
    action = Rollout([]).begin("v2", now_us=5)
    assert (action.kind, action.state, action.share) == ("promote", None, 1.0)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ConfigError, match="made of shadow"):
        Rollout(["shadow"])
    with pytest.raises(ConfigError, match="take traffic away"):
        Rollout([canary([0.5], every="1d"), shadow("1d")])
    with pytest.raises(ConfigError, match="none numbered 2"):
        ROLLOUT.look(RolloutState("v2", 2, 0, 0), maturity_us=0)
    with pytest.raises(ConfigError, match="3 steps and none numbered 3"):
        ROLLOUT.look(RolloutState("v2", 1, 3, 0), maturity_us=0)
    with pytest.raises(ConfigError, match="shadow cannot judge CanaryEvidence"):
        ROLLOUT.decide(RolloutState("v2", 0, 0, 0), served("pass"), now_us=99 * DAY_US, maturity_us=0)
