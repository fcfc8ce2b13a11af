from __future__ import annotations

import numpy as np
import pytest

from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.metrics import Goal
from hindcast.trial import Arm, CanaryEvidence, Guard, canary, sample_size
from hindcast.values import digest

GOAL = Goal("act", hit=40, false_alarm=-15)
SPEC = canary([0.05, 0.25, 1.0], every="3d", guard=["errors", "calibration", "value"])


def arm(rows: int, *, errors: int = 0, shift: float = 0.0, noise: float = 0.0, seed: int = 1) -> Arm:
    rng = np.random.default_rng(seed)
    truth = rng.normal(-1, 1, rows)
    label = (rng.random(rows) < 1 / (1 + np.exp(-truth))).astype(float)
    return Arm(rows, errors, label, 1 / (1 + np.exp(-(truth + shift + rng.normal(0, noise, rows)))))


def outcomes(evidence: CanaryEvidence) -> dict[str, str]:
    return {v.check: v.outcome for v in SPEC.verdicts(evidence)}


def test_a_harmless_canary_passes_and_says_how_much_it_could_have_seen():
    verdict = SPEC.judge(CanaryEvidence(arm(140), arm(2600, seed=2), GOAL))
    assert verdict.outcome == "pass"
    value = verdict.evidence["value"]
    assert value["needed"] > value["rows"] == 140
    assert f"needs {value['needed']} to be seen with power 80%" in verdict.reason
    assert "harm of 2 needs" in verdict.reason


@pytest.mark.parametrize(
    ("guard", "harmful"),
    [
        ("errors", arm(300, errors=9)),
        ("calibration", arm(3000, shift=0.8)),
        ("value", arm(3000, noise=6.0)),
    ],
)
def test_each_guard_finds_its_harm(guard, harmful):
    evidence = CanaryEvidence(harmful, arm(3000, seed=2), GOAL)
    assert outcomes(evidence)[guard] == "fail"
    verdict = SPEC.judge(evidence)
    assert verdict.outcome == "fail"
    assert guard in verdict.reason


def test_false_alarms_are_as_rare_as_declared():
    stopped = sum(
        SPEC.judge(CanaryEvidence(arm(200, errors=1, seed=2 * s), arm(2000, errors=10, seed=2 * s + 1), GOAL)).outcome
        == "fail"
        for s in range(150)
    )
    assert stopped <= 12, "at most 3 guards at 1% each are expected: 4.5 in 150"


def test_a_champion_that_is_as_badly_calibrated_makes_it_no_harm():
    assert outcomes(CanaryEvidence(arm(3000, shift=0.8), arm(3000, shift=0.8, seed=2), GOAL))["calibration"] == "pass"


def test_missing_figures_are_unknown_and_never_pass():
    nothing = Arm(0, 0, np.zeros(0), np.zeros(0))
    assert set(outcomes(CanaryEvidence(nothing, arm(2600), GOAL)).values()) == {"unknown"}
    assert set(outcomes(CanaryEvidence(arm(300), nothing, GOAL)).values()) == {"unknown"}
    assert outcomes(CanaryEvidence(arm(29), arm(2600), GOAL)) == {
        "errors": "pass",
        "calibration": "unknown",
        "value": "unknown",
    }
    assert outcomes(CanaryEvidence(arm(300), arm(300), None))["value"] == "unknown"
    unlabelled = Arm(300, 0, np.full(300, np.nan), np.full(300, 0.5))
    assert SPEC.judge(CanaryEvidence(unlabelled, arm(300), GOAL)).outcome == "unknown"


def test_pairing_sees_a_harm_that_two_arms_cannot():
    old = arm(2000)
    noisy = np.clip(old.probability + np.random.default_rng(5).normal(0, 0.12, 2000), 0, 1)
    new = Arm(2000, 0, old.label, noisy)
    apart = SPEC.verdicts(CanaryEvidence(new, arm(2000, seed=9), GOAL))[2]
    paired = SPEC.verdicts(CanaryEvidence(new, old, GOAL, paired=True))[2]
    assert paired.evidence["needed"] < apart.evidence["needed"]
    assert paired.evidence["harm"] - paired.evidence["at_least"] < apart.evidence["harm"] - apart.evidence["at_least"]
    same = SPEC.judge(CanaryEvidence(old, old, GOAL, paired=True))
    assert same.outcome == "pass"


def test_the_needed_sample_size_has_the_declared_power():
    needed = sample_size(1.0, 5.0, share=0.2, level=0.95, power=0.8)
    rng = np.random.default_rng(3)
    found = 0
    for _ in range(400):
        new, old = rng.normal(-1.0, 5.0, needed), rng.normal(0.0, 5.0, 4 * needed)
        error = np.sqrt(new.var(ddof=1) / len(new) + old.var(ddof=1) / len(old))
        found += old.mean() - new.mean() - 1.645 * error > 0
    assert 0.73 < found / 400 < 0.87


def test_declarations_are_checked_and_identified():
    assert digest(SPEC) == digest(canary((0.05, 0.25, 1), every="72h"))
    assert digest(SPEC) != digest(canary([0.05, 0.25, 1.0], every="3d", guard=["errors", Guard("value", harm=1.0)]))
    for shares in ([], [0.0, 1.0], [0.5, 0.25], [0.5, 0.5], [1.5]):
        with pytest.raises(ConfigError, match="shares"):
            canary(shares, every="3d")
    with pytest.raises(UnknownName, match="Did you mean 'errors'"):
        canary([1.0], every="3d", guard=["error"])
    with pytest.raises(ConfigError, match="without a guard"):
        canary([1.0], every="3d", guard=[])
    with pytest.raises(ConfigError, match="each guard once"):
        canary([1.0], every="3d", guard=["errors", "errors"])
    with pytest.raises(ConfigError, match="longer than nothing"):
        canary([1.0], every="0s")
    with pytest.raises(ConfigError, match="harm must be above zero"):
        Guard("value", harm=0.0)
    with pytest.raises(ConfigError, match="harm > 0"):
        sample_size(0.0, 1.0)
    with pytest.raises(DataError, match="cannot have 4 errors"):
        Arm(3, 4, np.zeros(0), np.zeros(0))
    with pytest.raises(DataError, match="the same requests"):
        CanaryEvidence(arm(3), arm(4), paired=True)
