"""A replay of a generated town: policies, roll-out, and that the ledger says who answered."""

from __future__ import annotations

import numpy as np
import pytest

from hindcast.errors import ConfigError
from hindcast.loop.loop import Loop
from hindcast.loop.replay import replay
from hindcast.loop.trainer import Trainer
from hindcast.loop.world import moments
from hindcast.registry import roles
from hindcast.trial import share_of
from hindcast.values import DAY_US, HOUR_US
from laws_town import FROM, UNTIL, at_day, lines, loop_over, town_history, town_replays, town_trainer


def test_never_promotes_once():
    never = town_replays()["never"]
    assert [e.body["version"] for e in never.entries("promotion", "rollback")] == ["v1"]
    assert never.entries("retraining", "trial", "training") == []
    assert set(never.version.tolist()) == {"v1"}


def test_straight_promotes_each_without_a_trial():
    straight = town_replays()["straight"]
    trained = [e.body["name"] for e in straight.entries("version")]
    assert len(trained) >= 4
    assert [e.body["version"] for e in straight.entries("promotion")] == trained
    assert straight.entries("trial") == []


def test_renewed_goes_through_shadow_and_canary_before_it_promotes():
    renewed = town_replays()["renewed"]
    seen = [(e.body["version"], e.body["stage"], e.body["share"]) for e in renewed.entries("trial")]
    for name in [e.body["version"] for e in renewed.entries("promotion")][1:]:
        assert [s[1:] for s in seen if s[0] == name] == [("shadow", 0.0), ("canary", 0.3), ("canary", 1.0)]
    assert len(renewed.entries("promotion")) >= 3


def test_every_decision_has_a_reason_and_a_trial_its_figures():
    for replayed in town_replays().values():
        for entry in replayed.entries("promotion", "rollback", "trial", "retraining", "version"):
            assert entry.body["reason"]
    for entry in town_replays()["renewed"].entries("promotion")[1:]:
        assert entry.body["verdict"] == "pass"
        assert entry.body["figures"]


def test_a_training_takes_its_time():
    renewed = town_replays()["renewed"]
    begun = [e.at_us for e in renewed.entries("retraining")]
    trained = [e.at_us for e in renewed.entries("version")][1:]
    assert [t - b for b, t in zip(begun, trained, strict=False)] == [HOUR_US] * len(trained)


@pytest.mark.parametrize("name", ["renewed", "never", "straight"])
def test_the_ledger_answers_who_served_every_request(name):
    """live_at(t) for the champion, and the sticky draw recomputed from the ledger for the canary's part."""
    replayed = town_replays()[name]
    decisions = replayed.entries("promotion", "rollback", "trial")
    keys = replayed.history.spine.key.take(replayed.rows).objects().tolist()
    known = {}
    canary = 0
    for key, at, served in zip(keys, replayed.as_of.tolist(), replayed.version.tolist(), strict=True):
        upto = sum(e.at_us < at for e in decisions)
        now = known.setdefault(upto, roles(decisions, at))
        expected = now.champion
        if now.stage == "canary" and share_of(key, now.salt) < now.share:
            expected, canary = now.challenger, canary + 1
        assert served == expected, (key, at)
        if now.stage != "canary":
            assert served == replayed.registry.live_at(at) if upto == 0 else served == now.champion
    assert (canary > 100) == (name == "renewed")
    for entry in decisions:  # exactly at a decision the one before still governs
        assert replayed.registry.live_at(entry.at_us) == roles([e for e in decisions if e.at_us < entry.at_us]).champion


def test_the_canary_gets_its_share():
    renewed = town_replays()["renewed"]
    steps = [e for e in renewed.entries("trial") if e.body["stage"] == "canary" and e.body["share"] == 0.3]
    for entry in steps:
        rows = (renewed.as_of > entry.at_us) & (renewed.as_of <= entry.at_us + 4 * DAY_US)
        served = (renewed.version[rows] == entry.body["version"]).mean()
        assert abs(served - 0.3) < 4 * np.sqrt(0.21 / rows.sum())


def test_every_request_is_answered_by_a_model_that_was_there():
    for replayed in town_replays().values():
        assert not np.isnan(replayed.probability).any()
        born = {e.body["name"]: e.at_us for e in replayed.entries("version")}
        assert all(born[v] < t for v, t in zip(replayed.version.tolist(), replayed.as_of.tolist(), strict=True))


def test_a_second_replay_trains_nothing():
    town_replays()
    trainer = town_trainer()
    before = trainer.trainings, trainer.seconds
    assert before[0] > 0
    again = replay(town_history(), FROM, UNTIL, ["renewed"], trainer=trainer)["renewed"]
    assert (trainer.trainings, trainer.seconds) == before
    assert lines(again.entries()) == lines(town_replays()["renewed"].entries())


def test_models_of_an_earlier_process_are_read_back(tmp_path):
    history = town_history()
    first = Trainer(history, tmp_path)
    found = replay(history, FROM, UNTIL, ["renewed"], trainer=first)["renewed"]
    assert first.trainings > 0
    second = Trainer(history, tmp_path)
    again = replay(history, FROM, UNTIL, ["renewed"], trainer=second)["renewed"]
    assert second.trainings == 0
    assert second.seconds == 0
    assert np.array_equal(found.probability, again.probability)
    assert found.registry.ledger.content_hash() == again.registry.ledger.content_hash()


def test_a_damaged_model_in_the_cache_is_made_again(tmp_path):
    history = town_history()
    kept = Trainer(history, tmp_path).train(at_day(60))
    for path in sorted((tmp_path / "models").glob("*/*")):
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    again = Trainer(history, tmp_path)
    assert again.train(at_day(60)).model.files() == kept.model.files()
    assert again.trainings == 1


@pytest.mark.parametrize("day", [64.0, 75.2, 90.5])
def test_stopped_and_turned_on_is_the_same_as_unbroken(day):
    loop = loop_over(town_history(), trainer=town_trainer())
    loop.run(at_day(day))
    loop.run(UNTIL)
    unbroken = town_replays()["renewed"]
    assert lines(loop.registry.ledger.entries()) == lines(unbroken.entries())
    assert np.array_equal(loop.world.served(unbroken.rows), unbroken.probability)


@pytest.mark.parametrize("day", [64.02, 66.0, 71.3, 75.2, 83.0])
def test_a_loop_that_goes_on_from_the_ledger_decides_as_the_one_that_never_stopped(day):
    """In a training, a shadow, a canary, between them; what it had in memory is read back from the ledger."""
    unbroken, stopped = (loop_over(town_history(), trainer=town_trainer(), monitors=False) for _ in range(2))
    unbroken.run(UNTIL)
    stopped.run(at_day(day))
    fresh = Loop(
        stopped.system, stopped.world, stopped.trainer, stopped.registry, stopped.policy, UNTIL, monitors=False
    )
    fresh.resume(at_day(day))
    fresh.run(UNTIL)
    assert lines(fresh.registry.ledger.entries()) == lines(unbroken.registry.ledger.entries())
    rows = unbroken.world.rows(FROM, UNTIL)
    assert np.array_equal(fresh.world.served(rows), unbroken.world.served(rows))


def test_how_far_monitors_look_ahead_changes_nothing():
    ahead, step_by_step = (loop_over(town_history(), trainer=town_trainer(), ahead_days=days) for days in (31, 0))
    ahead.run(UNTIL)
    step_by_step.run(UNTIL)
    assert ahead.registry.ledger.content_hash() == step_by_step.registry.ledger.content_hash()


def test_a_stretch_without_requests_is_refused():
    history = town_history()
    with pytest.raises(ConfigError, match="no request is asked"):
        replay(history, UNTIL + 90 * DAY_US, UNTIL + 91 * DAY_US, ["never"], trainer=town_trainer())


def test_ticks_lie_on_the_grid():
    assert moments(0, 3, 1).tolist() == [1, 2, 3]
    assert moments(5, 20, 10).tolist() == [10, 20]
    assert moments(10, 19, 10).tolist() == []
