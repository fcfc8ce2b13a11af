"""The story of a replay: its figures are those that anyone can recompute from what was answered and what came of it."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest

from hindcast.loop.story import tell
from hindcast.metrics import auc, difference, ece, log_loss
from hindcast.values import DAY_US, iso, zone_offset_us
from laws_town import FROM, UNTIL, town_history, town_replays, town_trainer


@cache
def story():
    town_replays()
    return tell(town_replays(), town_trainer())


NAMES = {"renewed": "replay", "never": "frozen", "straight": "straight"}


@pytest.mark.parametrize("policy", NAMES)
def test_scores_are_recomputed_from_the_answers(policy):
    replayed, told = town_replays()[policy], story()["summary"][NAMES[policy]]
    known = replayed.scored
    y, p = replayed.label[known], replayed.probability[known]
    goal = replayed.history.system.goal
    expected = {
        "auc": auc(y, p),
        "log_loss": log_loss(y, p),
        "ece": ece(y, p),
        "value": goal.value(p >= goal.threshold, y).sum(),
    }
    for metric, value in expected.items():
        assert told[metric] == pytest.approx(value, abs=1e-6)
        assert told[f"{metric}_low"] <= told[metric] <= told[f"{metric}_high"] or metric == "ece"
    assert told["n"] == known.sum()
    assert told["promotions"] == len(replayed.entries("promotion", "rollback"))


def test_the_gain_is_paired_and_by_days():
    a, b = town_replays()["renewed"], town_replays()["never"]
    known = a.scored
    zone = a.history.system.monitoring.zone
    day = (a.as_of + zone_offset_us(a.as_of, zone)) // DAY_US
    goal = a.history.system.goal
    gain = difference("value", a.label[known], a.probability[known], b.probability[known], day[known], goal=goal)
    told = story()["summary"]["gain"]
    assert told["value"] == pytest.approx(gain.value)
    assert (told["low"], told["high"]) == (pytest.approx(gain.low), pytest.approx(gain.high))
    assert told["low"] <= told["value"] <= told["high"]


def test_months_and_days_add_up_to_the_whole():
    summary = story()["summary"]
    assert sum(m["n"] for m in summary["months"]) == summary["rows"]["scored"]
    assert sum(m["requests"] for m in summary["months"]) == summary["rows"]["requests"]
    assert sum(m["value"] for m in summary["months"]) == pytest.approx(summary["replay"]["value"])
    for policy, name in NAMES.items():
        daily = story()["policies"][policy]
        assert sum(daily["requests"]) == summary["rows"]["requests"]
        assert sum(daily["value"]) == pytest.approx(summary[name]["value"], abs=1)
        assert daily["days"] == sorted(set(daily["days"]))


def test_requests_that_never_got_a_label_are_counted_and_in_no_score():
    summary, history = story()["summary"], town_history()
    rows = history.slice(FROM, UNTIL)
    assert summary["rows"]["unlabelled"] == np.isnan(history.label[rows]).sum() > 0
    assert summary["rows"]["scored"] + summary["rows"]["unlabelled"] == summary["rows"]["requests"]


def test_baselines_stand_beside_and_doing_nothing_is_worth_nothing():
    told = story()["summary"]["baselines"]
    assert set(told) == {"random", "zero_rule", "last_label", "do nothing"}
    assert told["do nothing"]["value"] == 0
    assert min(b["log_loss"] for b in told.values() if b["log_loss"]) > story()["summary"]["replay"]["log_loss"]


def test_decisions_are_told_in_order_with_who_and_when():
    for policy, replayed in town_replays().items():
        told = [d for d in story()["decisions"] if d["policy"] == policy]
        assert [d["at"] for d in told if d["kind"] == "promotion"] == [
            iso(e.at_us) for e in replayed.entries("promotion")
        ]
        assert all(d["text"] and "{" not in d["text"] for d in told)


def test_it_is_plain_json_without_a_number_that_is_none():
    text = json.dumps(story(), allow_nan=False)
    assert json.loads(text) == story()


def test_the_ledgers_are_named_by_their_content():
    told = story()["summary"]["ledger"]
    assert told == {name: r.registry.ledger.content_hash() for name, r in town_replays().items()}
    assert len(set(told.values())) == 3


def test_one_policy_alone_has_a_story_too():
    alone = tell({"never": town_replays()["never"]}, town_trainer())
    assert "gain" not in alone["summary"]
    assert alone["summary"]["frozen"] == story()["summary"]["frozen"]
    assert alone["summary"]["promotions"] == 1
