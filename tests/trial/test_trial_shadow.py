from __future__ import annotations

import numpy as np
import pytest

from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.metrics import Goal
from hindcast.trial import ShadowEvidence, shadow
from hindcast.values import DAY_US, digest

GOAL = Goal("act", hit=40, false_alarm=-15)


def evidence(
    sharpness: float, *, days: int = 7, rows: int = 200, seed: int = 1, goal: Goal | None = None
) -> ShadowEvidence:
    """A champion with a logit noise of 1 and a challenger with `sharpness` less of it, over days of unlike rates."""
    rng = np.random.default_rng(seed)
    as_of = np.repeat(np.arange(days), rows) * DAY_US
    truth = rng.normal(-1 + 0.3 * np.sin(np.arange(days)).repeat(rows), 1.0)
    label = (rng.random(days * rows) < 1 / (1 + np.exp(-truth))).astype(float)
    noise = rng.normal(0, 1, (2, days * rows))
    champion, challenger = (1 / (1 + np.exp(-(truth + n))) for n in (noise[0], noise[1] * (1 - sharpness)))
    return ShadowEvidence(label, champion, challenger, as_of, goal)


@pytest.mark.parametrize("metric", ["log_loss", "auc", "brier", "value", "skill"])
def test_a_better_challenger_passes_a_worse_one_fails(metric):
    spec = shadow("7d", metric)
    better = spec.judge(evidence(0.9, goal=GOAL))
    worse = spec.judge(evidence(-1.5, goal=GOAL))
    assert (better.outcome, worse.outcome) == ("pass", "fail"), (better.reason, worse.reason)
    assert better.evidence["gain"] > 0 > worse.evidence["gain"]
    assert better.evidence["low"] <= better.evidence["gain"] <= better.evidence["high"]


def test_value_is_judged_per_request():
    found = shadow("7d", "value").judge(evidence(0.9, goal=GOAL))
    assert found.evidence["gain"] == pytest.approx(found.evidence["challenger"] - found.evidence["champion"])
    assert abs(found.evidence["challenger"]) < 40


def test_the_same_model_is_not_superior_but_not_inferior_either():
    same = evidence(0.0)
    same = ShadowEvidence(same.label, same.champion, same.champion, same.as_of)
    assert shadow("7d").judge(same).outcome == "unknown"
    assert shadow("7d", margin=0.002).judge(same).outcome == "pass"
    assert shadow("7d", margin=-0.002).judge(same).outcome == "fail"


def test_a_winner_by_chance_is_rare():
    wins = sum(shadow("7d").judge(evidence(0.0, seed=seed)).outcome == "pass" for seed in range(60))
    assert wins <= 7, "2.5% are expected, and the bootstrap over seven days is somewhat free"


def test_each_further_look_costs_confidence():
    found = evidence(0.3)
    one, three = (shadow("7d", patience=p).judge(found).evidence for p in (0, 2))
    assert three["low"] < one["low"] < one["high"] < three["high"]


def test_what_cannot_be_judged_is_unknown():
    spec = shadow("7d")
    empty = np.zeros(0)
    assert spec.judge(ShadowEvidence(empty, empty, empty, np.zeros(0, dtype=np.int64))).outcome == "unknown"
    one_day = spec.judge(evidence(0.9, days=1))
    assert one_day.outcome == "unknown"
    assert "at least two days" in one_day.reason
    assert shadow("7d", "value").judge(evidence(0.9)).outcome == "unknown"
    some = evidence(0.9)
    some.label[:50] = np.nan
    some.challenger[50:80] = np.nan
    found = spec.judge(some)
    assert (found.evidence["rows"], found.evidence["missing"]) == (1400 - 80, 30)


def test_declarations_are_checked_and_identified():
    assert digest(shadow("7d")) == digest(shadow("168h"))
    assert len({digest(s) for s in (shadow("7d"), shadow("8d"), shadow("7d", margin=0.1), shadow("7d", "auc"))}) == 4
    with pytest.raises(UnknownName, match="log_loss"):
        shadow("7d", "logloss")
    with pytest.raises(ConfigError, match="cannot judge by 'average_precision'"):
        shadow("7d", "average_precision")
    for bad in ({"duration": "0s"}, {"duration": "7d", "level": 1.0}, {"duration": "7d", "margin": float("nan")}):
        with pytest.raises(ConfigError):
            shadow(**bad)
    with pytest.raises(ConfigError, match="patience"):
        shadow("7d", patience=-1)
    with pytest.raises(DataError, match="one length"):
        ShadowEvidence(np.zeros(2), np.zeros(2), np.zeros(1), np.zeros(2, dtype=np.int64))
