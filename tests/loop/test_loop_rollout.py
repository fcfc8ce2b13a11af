"""What is not good enough does not come to serve, and what does harm is taken back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from hindcast.adapt import every
from hindcast.errors import ArtifactError, DataError
from hindcast.loop.trainer import Trainer
from hindcast.trial import canary, shadow
from hindcast.values import HOUR_US, iso, moment_us
from hindcast.verdicts import Verdict
from laws_town import FROM, UNTIL, Anti, at_day, loop_over, town_history, town_trainer, with_system


def entries(loop, *kinds):
    return [e for e in loop.registry.ledger.entries() if e.kind in kinds]


def turn(loop, until, when, change):
    """Turn the loop; the first time that `when` holds after a tick, `change`."""
    changed = None
    while (at := loop.next_tick()) <= until:
        loop.tick(at)
        if changed is None and when(loop.registry.roles()):
            changed = at
            change(loop)
    assert changed is not None
    return changed


def break_version(name):
    def change(loop):
        loop.world.models[name] = Anti(loop.world.models[name])

    return change


@pytest.mark.parametrize("stage", ["shadow", "canary"])
def test_a_challenger_that_does_harm_is_stopped_and_the_champion_stays(stage):
    loop = loop_over(town_history(), trainer=town_trainer())
    broken = turn(loop, at_day(88), lambda r: r.challenger == "v2" and r.stage == stage, break_version("v2"))
    ended = [e for e in entries(loop, "trial") if e.body["stage"] == "ended"]
    assert [e.body["version"] for e in ended] == ["v2"]
    assert ended[0].body["verdict"] == "fail"
    assert ended[0].at_us > broken
    assert loop.registry.live_at(at_day(88)) == "v1"
    assert [e.body["version"] for e in entries(loop, "promotion")] == ["v1"]
    if stage == "canary":
        rows = loop.world.rows(broken, ended[0].at_us)
        assert (loop.world.served_by(rows) == "v2").any()
        after = loop.world.rows(ended[0].at_us, at_day(88))
        assert not (loop.world.served_by(after) == "v2").any()


def test_too_little_to_judge_by_never_promotes():
    few = [canary([0.01], every="1d", patience=2)]
    loop = loop_over(with_system(town_history(), rollout=few), trainer=town_trainer())
    loop.run(at_day(80))
    looks = [e for e in entries(loop, "verdict") if e.body["check"] == "rollout" and e.body["version"] == "v2"]
    assert [e.body["outcome"] for e in looks] == ["unknown"] * 2
    ended = [e for e in entries(loop, "trial") if e.body["stage"] == "ended"]
    assert "still unknown after 3 looks" in ended[0].body["reason"]
    assert [e.body["version"] for e in entries(loop, "promotion")] == ["v1"]


@dataclass(frozen=True)
class Undecided:
    """A gate that cannot say anything about a challenger."""

    name: str = "undecided"
    outcome: str = "unknown"

    def describe(self) -> dict[str, Any]:
        return {"gate": self.name, "outcome": self.outcome}

    def judge(self, evidence: Any) -> Verdict:
        if evidence.champion is None:
            return Verdict.passed(self.name, "the first")
        return Verdict(self.outcome, self.name, "as told", {})


@pytest.mark.parametrize("outcome", ["unknown", "fail"])
def test_a_gate_that_does_not_pass_leaves_the_version_on_the_ledger_and_untried(outcome):
    history = with_system(town_history(), gates=[Undecided(outcome=outcome)])
    loop = loop_over(history)
    loop.run(at_day(80))
    told = [e for e in entries(loop, "verdict") if e.body["version"] == "v2"]
    assert [(e.body["check"], e.body["outcome"]) for e in told] == [("undecided", outcome)]
    assert entries(loop, "trial") == []
    assert [e.body["version"] for e in entries(loop, "promotion")] == ["v1"]


def test_the_champion_is_compared_only_on_what_it_did_not_learn_from():
    """It was fitted once more on all rows that had matured then; on those it would look better than it is."""
    asked = []

    @dataclass(frozen=True)
    class Looks(Undecided):
        def judge(self, evidence: Any) -> Verdict:
            asked.append(evidence)
            return Verdict.passed(self.name, "looked")

    history = with_system(town_history(), gates=[Looks()], retrain=[every("8d")], rollout=[])
    loop = loop_over(history)
    loop.run(at_day(67))
    learnt = [moment_us(e.body["as_of"]) for e in entries(loop, "version")]
    assert len(asked) == 3
    assert asked[0].champion_probability is None
    for evidence, champion_us in zip(asked[1:], learnt, strict=False):
        seen = evidence.as_of <= champion_us - history.maturity_us(champion_us)
        assert np.array_equal(np.isnan(evidence.champion_probability), seen)
        assert 0 < seen.sum() < len(seen), "the stretches overlap, so there is something to leave out"


def test_without_a_model_that_passes_nothing_begins():
    @dataclass(frozen=True)
    class Never(Undecided):
        def judge(self, evidence: Any) -> Verdict:
            return Verdict.unknown(self.name, "nobody knows")

    with pytest.raises(DataError, match="no model may serve"):
        loop_over(with_system(town_history(), gates=[Never()]))


class Failing(Trainer):
    """Fails from its second training on, as often as it is told to."""

    failures = 1
    error: Exception = DataError("the disk of labels is empty")

    def train(self, now_us: int, *args: Any, **options: Any) -> Any:
        if now_us > FROM and self.failures:
            self.failures -= 1
            raise self.error
        return super().train(now_us, *args, **options)


@pytest.mark.parametrize("error", [DataError("no rows"), ArtifactError("damaged")])
def test_a_training_that_fails_is_on_the_ledger_and_the_next_one_is_tried(error):
    trainer = Failing(town_history())
    trainer.error = error
    loop = loop_over(town_history(), trainer=trainer)
    loop.run(at_day(95))
    failed = entries(loop, "training")
    assert [e.body["failed"] for e in failed] == [str(error)]
    assert failed[0].body["begun"] == iso(entries(loop, "retraining")[0].at_us)
    assert len(entries(loop, "retraining")) >= 2
    assert [e.body["name"] for e in entries(loop, "version")][:2] == ["v1", "v2"]
    rows = loop.world.rows(FROM, at_day(79))
    assert set(loop.world.served_by(rows).tolist()) == {"v1"}


# ---- the guard of a promotion -------------------------------------------------------------------------------


def quick(**changes):
    """A roll-out that is over in three days, so that a reign is long enough to be watched."""
    return with_system(town_history(), rollout=[shadow("2d", margin=0.5)], retrain=[every("28d")], **changes)


def test_a_champion_that_decays_is_rolled_back_where_the_one_before_would_have_done_better():
    loop = loop_over(quick())
    promoted = turn(loop, UNTIL, lambda r: r.champion == "v2", break_version("v2"))
    back = entries(loop, "rollback")
    assert [(e.body["version"], e.body["from"]) for e in back] == [("v1", "v2")]
    alerts = [e for e in entries(loop, "alert") if e.body["kind"] == "decay" and promoted < e.at_us <= back[0].at_us]
    assert alerts, "a roll-back answers an alert"
    assert back[0].body["figures"]["rows"] > 100
    assert "v1 would have done better than v2" in back[0].body["reason"]
    ended = back[0].at_us
    after = loop.world.rows(ended, ended + 3 * 24 * HOUR_US)
    assert set(loop.world.served_by(after).tolist()) == {"v1"}
    assert loop.registry.live_at(ended) == "v2"
    assert loop.registry.live_at(ended + 1) == "v1"


def test_where_both_decay_alike_nothing_is_rolled_back():
    """The world has changed: the one before would do no better, as a daily comparison says."""
    loop = loop_over(quick())

    def break_both(loop):
        models = loop.world.models
        models["v1"], models["v2"] = Anti(models["v2"]), Anti(models["v1"])  # of the better one the worse opposite

    turn(loop, UNTIL, lambda r: r.champion == "v2", break_both)
    assert [e for e in entries(loop, "alert") if e.body["kind"] == "decay"]
    assert entries(loop, "rollback") == []
    judged = [e for e in entries(loop, "verdict") if e.body["check"].startswith("guard(")]
    assert judged
    assert {e.body["outcome"] for e in judged} <= {"unknown", "fail"}


def test_the_first_champion_has_nobody_to_go_back_to():
    loop = loop_over(with_system(town_history(), retrain=[]))
    turn(loop, at_day(80), lambda r: r.champion == "v1", break_version("v1"))
    assert [e for e in entries(loop, "alert") if e.body["kind"] == "decay"]
    assert entries(loop, "rollback", "verdict")[-1].kind == "verdict"
    assert entries(loop, "rollback") == []


def test_a_predecessor_that_cannot_be_read_is_unknown_and_nothing_is_rolled_back():
    loop = loop_over(quick())

    def lose(loop):
        break_version("v2")(loop)
        del loop.world.models["v1"]

    turn(loop, UNTIL, lambda r: r.champion == "v2", lose)
    judged = [e for e in entries(loop, "verdict") if e.body["check"] == "guard(v1)"]
    assert {e.body["outcome"] for e in judged} == {"unknown"}
    assert entries(loop, "rollback") == []


def test_promoting_straight_has_no_guard():
    loop = loop_over(quick(), name="straight")
    turn(loop, UNTIL, lambda r: r.champion == "v2", break_version("v2"))
    assert entries(loop, "rollback") == []
