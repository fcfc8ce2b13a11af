"""Gates as a row: nothing that could not be checked ever passes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from evaluate_models import Formula, evidence, many

import hindcast.evaluate as ev
from hindcast.errors import ConfigError, DataError
from hindcast.metrics import Goal
from hindcast.values import canonical
from hindcast.verdicts import Verdict

GATES = [
    ev.beats_baselines("log_loss", by=0.02),
    ev.not_worse_than_champion("log_loss", margin=0.002),
    ev.calibrated(0.05),
    ev.slice_floor("word", auc=0.7),
    ev.increasing("x", tolerance=0.02, share=0.95),
    ev.decreasing("still"),
    ev.invariant("word"),
    ev.latency(p99="10ms"),
    ev.size(1),
]


@dataclass(frozen=True)
class Stumbles:
    name: str = "stumbles"

    def judge(self, evidence):
        return Verdict.passed(self.name, f"{1 / 0}")

    def describe(self):
        return {}


def test_a_good_model_passes_them_all():
    verdicts, overall = ev.judge_all(GATES, evidence())
    assert [v.check for v in verdicts] == [gate.name for gate in GATES]
    assert overall.ok, overall.reason


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.name)
def test_a_gate_is_plain_data_and_repeats_itself(gate):
    assert isinstance(gate, ev.Gate)
    first, second = gate.judge(evidence()), gate.judge(evidence())
    assert canonical(first) == canonical(second)
    assert canonical(gate.describe())
    assert hash(gate) == hash(type(gate)(**{f: getattr(gate, f) for f in gate.__dataclass_fields__}))


def test_one_failure_fails_and_one_unknown_is_not_a_pass():
    fine, bad, unsure = ev.size(1), ev.size(1e-9), ev.slice_floor("nowhere", auc=0.5)
    assert ev.judge_all([fine, bad, unsure], evidence())[1].outcome == "fail"
    assert ev.judge_all([fine, unsure], evidence())[1].outcome == "unknown"
    assert ev.judge_all([], evidence())[1].outcome == "unknown"


def test_a_gate_that_stumbles_is_unknown_and_the_others_are_still_judged():
    verdicts, overall = ev.judge_all([Stumbles(), ev.size(1)], evidence())
    assert [v.outcome for v in verdicts] == ["unknown", "pass"]
    assert "ZeroDivisionError" in verdicts[0].reason
    assert not overall.ok


@pytest.mark.parametrize(
    ("gate", "hint"),
    [
        (ev.beats_baselines("log_los"), "'log_loss'"),
        (ev.not_worse_than_champion("aucc"), "'auc'"),
        (ev.slice_floor("wrod", auc=0.5), "'word'"),
        (ev.increasing("xx"), "'x'"),
        (ev.decreasing("stil"), "'still'"),
        (ev.invariant("words"), "'word'"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_name_nobody_knows_is_unknown_with_close_matches(gate, hint):
    (verdict,), _ = ev.judge_all([gate], evidence())
    assert verdict.outcome == "unknown"
    assert f"Did you mean {hint}" in verdict.reason


@pytest.mark.parametrize("gate", GATES[:5], ids=lambda gate: gate.name)
@pytest.mark.parametrize("harm", ["no rows", "no labels", "nan answers"])
def test_nothing_to_judge_is_unknown(gate, harm):
    nan = Formula(lambda f: np.full(len(f), np.nan), ("x", "word"))
    given = {
        "no rows": lambda: evidence(rows=0, champion="v1", champion_probability=np.zeros(0)),
        "no labels": lambda: evidence(label=np.full(3000, np.nan), champion="v1", champion_probability=np.zeros(3000)),
        "nan answers": lambda: evidence(nan, champion="v1", champion_probability=np.full(3000, 0.5)),
    }[harm]()
    (verdict,), _ = ev.judge_all([gate], given)
    if harm == "no labels" and "increasing" in gate.name:
        assert verdict.ok  # behaviour needs no labels
    else:
        assert verdict.outcome == "unknown", verdict.reason


def test_rows_without_label_are_in_no_score():
    features, label, as_of, rate = many()
    hidden = np.where(np.arange(len(label)) % 3 == 0, np.nan, label)
    kept = ~np.isnan(hidden)
    some = evidence(label=hidden)
    few = evidence(
        features=features.take(kept),
        label=label[kept],
        as_of=as_of[kept],
        probability=rate[kept],
        baselines={"zero_rule": np.full(kept.sum(), 0.5)},
    )
    for gate in GATES[:4]:
        assert gate.judge(some) == gate.judge(few)


def test_evidence_of_different_lengths_is_refused():
    with pytest.raises(DataError, match="3000 rows of features but 2 of label"):
        evidence(label=np.zeros(2))


def test_beating_needs_the_margin_and_more_than_chance():
    good = evidence()
    assert ev.beats_baselines("log_loss", by=0.1).judge(good).ok
    assert ev.beats_baselines("log_loss", by=0.5).judge(good).outcome == "fail"
    assert ev.beats_baselines("auc", by=0.1).judge(good).ok
    guesses = [np.random.default_rng(seed).random(3000) for seed in range(20)]
    outcomes = [ev.beats_baselines("auc").judge(evidence(probability=guess)).outcome for guess in guesses]
    assert outcomes.count("pass") <= 2  # half of them are ahead by luck, and few of those by much
    assert outcomes.count("unknown") >= 5
    assert ev.beats_baselines().judge(evidence(baselines={})).outcome == "unknown"
    assert ev.beats_baselines().judge(evidence(days=1)).outcome == "unknown"  # one day has no interval


def test_every_baseline_must_be_beaten():
    _, label, _, _rate = many()
    verdict = ev.beats_baselines("log_loss").judge(
        evidence(baselines={"weak": np.full(3000, 0.5), "oracle": 0.9 * label + 0.05})
    )
    assert verdict.outcome == "fail"
    assert "oracle" in verdict.reason


def test_value_is_compared_in_money():
    goal = Goal("act", hit=10, false_alarm=-5)
    verdict = ev.beats_baselines("value", by=100).judge(evidence(goal=goal))
    assert verdict.ok, verdict.reason
    (without,), _ = ev.judge_all([ev.beats_baselines("value")], evidence())
    assert without.outcome == "unknown"
    assert "needs a goal" in without.reason


def test_a_challenger_may_lose_the_margin_and_no_more():
    _, _, _, rate = many()
    worse = np.clip(rate * 0.9 + 0.05, 0, 1)
    against = {"champion": "v3", "champion_probability": rate}
    gate = ev.not_worse_than_champion
    assert "no champion yet" in gate().judge(evidence()).reason
    assert gate("log_loss", 0.0).judge(evidence(probability=rate, **against)).ok
    verdict = gate("log_loss", 0.0001).judge(evidence(probability=worse, **against))
    assert verdict.outcome == "fail"
    assert "v3" in verdict.reason
    assert gate("log_loss", 0.1).judge(evidence(probability=worse, **against)).ok
    assert gate("auc", 0.1).judge(evidence(probability=worse, **against)).ok
    assert gate().judge(evidence(champion="v3")).outcome == "unknown"


def test_rows_that_the_champion_has_learnt_from_are_left_out_of_the_comparison():
    """It knows their labels by heart: on them it would beat anybody."""
    _, label, _, rate = many()
    half = np.arange(3000) < 1500
    by_heart = np.where(half, np.clip(label, 0.01, 0.99), np.clip(rate * 0.8 + 0.1, 0, 1))
    gate = ev.not_worse_than_champion("log_loss", 0.0)
    assert gate.judge(evidence(probability=rate, champion="v3", champion_probability=by_heart)).outcome == "fail"
    fair = np.where(half, np.nan, by_heart)
    assert gate.judge(evidence(probability=rate, champion="v3", champion_probability=fair)).ok
    nothing = np.full(3000, np.nan)
    assert gate.judge(evidence(probability=rate, champion="v3", champion_probability=nothing)).outcome == "unknown"


def test_a_confident_gate_asks_for_the_whole_interval():
    _, _, _, rate = many()
    nudged = np.clip(rate + 0.05 * np.random.default_rng(1).normal(size=3000), 0.001, 0.999)
    given = evidence(probability=nudged, champion="v3", champion_probability=rate)
    loss = ev.not_worse_than_champion().judge(given).evidence["loss"]
    between = (loss["value"] + loss["high"]) / 2
    assert ev.not_worse_than_champion("log_loss", between).judge(given).ok
    assert ev.not_worse_than_champion("log_loss", between, confident=True).judge(given).outcome == "unknown"
    assert ev.not_worse_than_champion("log_loss", loss["high"], confident=True).judge(given).ok


def test_calibration_is_judged_when_there_are_rows_enough():
    _, _, _, rate = many()
    assert ev.calibrated(0.05).judge(evidence()).ok
    assert ev.calibrated(0.05).judge(evidence(probability=rate * 0.7)).outcome == "fail"
    few = ev.calibrated(0.01).judge(evidence(rows=40))
    assert few.outcome == "unknown"
    assert "too few rows" in few.reason


def test_the_slice_that_fails_is_named():
    features, _, _, rate = many()
    is_b = features["word"].objects() == "b"
    verdict = ev.slice_floor("word", auc=0.7).judge(evidence(probability=np.where(is_b, 1 - rate, rate)))
    assert verdict.outcome == "fail"
    assert "word=b" in verdict.reason
    assert set(verdict.evidence["slices"]) == {"a", "b", "c"}


def test_small_slices_are_not_judged_and_too_many_of_them_are_unknown():
    word = np.array(["big"] * 2950 + ["small"] * 50, dtype=object)
    features, *_ = many()
    given = evidence(features=features.having(word=word))
    verdict = ev.slice_floor("word", auc=0.7, min_rows=100).judge(given)
    assert verdict.ok
    assert "1.7% of the rows are in smaller slices" in verdict.reason
    assert ev.slice_floor("word", auc=0.7, min_rows=100, unjudged=0.01).judge(given).outcome == "unknown"
    assert ev.slice_floor("word", auc=0.7, min_rows=10_000).judge(given).outcome == "unknown"


def test_a_slice_of_one_class_is_unknown():
    features, label, _, _rate = many()
    one = np.where(features["word"].objects() == "b", 1.0, label)
    assert ev.slice_floor("word", auc=0.1).judge(evidence(label=one)).outcome == "unknown"


def test_rows_may_be_sliced_by_what_is_no_feature():
    features, *_ = many()
    given = evidence(features=features.select(["x"]), spine=features.select(["word"]))
    assert ev.slice_floor("word", auc=0.7).judge(given).ok


@pytest.mark.parametrize(
    "declare",
    [
        lambda: ev.calibrated(0),
        lambda: ev.beats_baselines(by=-1),
        lambda: ev.not_worse_than_champion(margin=float("nan")),
        lambda: ev.slice_floor("x"),
        lambda: ev.slice_floor("x", auc=0.5, skill=0.1),
        lambda: ev.slice_floor("x", log_loss=0.5),
        lambda: ev.slice_floor("x", acu=0.5),
        lambda: ev.slice_floor("x", auc=0.5, min_rows=0),
        lambda: ev.increasing("x", share=0),
        lambda: ev.decreasing("x", tolerance=-0.1),
        lambda: ev.invariant("x", rows=0),
        lambda: ev.latency(p99="0s"),
        lambda: ev.size(0),
    ],
)
def test_parameters_without_sense_are_refused(declare):
    with pytest.raises(ConfigError):
        declare()
