"""Log and wait, end to end: served, logged, matured, and trained on what was logged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skew_taxis import LISTS, PINGS, START, live, opened, taxis
from test_loop_skew import meddler, one_too_many

import hindcast as hc
from hindcast.assemble import Assembly, open_system
from hindcast.clock import ReplayClock
from hindcast.columns import Frame
from hindcast.errors import ConfigError
from hindcast.features.logged import unlogged
from hindcast.features.plan import FeaturePlan
from hindcast.loop.history import History
from hindcast.loop.replay import replay
from hindcast.loop.trainer import Trainer
from hindcast.system import System
from hindcast.values import DAY_US, HOUR_US, iso

pytestmark = pytest.mark.service

COUNT = "pings_count_1h_by_lane"
NOW = START + DAY_US


def with_logged(system: System, *names: str, **how: Any) -> System:
    """The system with the definitions of these features logged."""
    from hindcast.features.meaning import names_of

    return replace(
        system, features=[hc.logged(f, **how) if set(names_of(f)) & set(names) else f for f in system.features]
    )


def at(home: Path, system: System) -> Assembly:
    return open_system(system, home, clock=ReplayClock(NOW))


def recomputed(assembly: Assembly) -> History:
    return History.build(assembly.system, assembly.facts(), {})


def same(left: Frame, right: Frame, rows: Any) -> list[str]:
    """The features that differ in a row of `rows`."""
    return [n for n in left if left[n].objects()[rows].tolist() != right[n].objects()[rows].tolist()]


def test_on_a_clean_day_logged_values_are_the_recomputed_ones(tmp_path: Path) -> None:
    asked = live(opened(taxis(*LISTS), tmp_path))
    system = with_logged(taxis(*LISTS), *taxis(*LISTS).plan.names)
    assembly = at(tmp_path, system)
    history, plain = assembly.history(), recomputed(assembly)
    there = history.logged[COUNT] == 0
    assert there.sum() == asked == len(history) - 1, "the first trip was never asked about"
    assert same(history.features, plain.features, there) == []
    assert set(history.features[COUNT].objects()[~there].tolist()) == {None}
    made = history.training_set(NOW)
    assert made.manifest["logged"][COUNT]["unasked"] == 1
    assert made.manifest["logged"][COUNT]["logged"] == len(made) - 1
    assert "predictions_target" in made.manifest["facts"]
    assert made.name != plain.training_set(NOW).name
    assert made.manifest["declaration"]["features"] == system.features_identity != system.plan.identity
    assert "logged" not in plain.training_set(NOW).manifest


def test_what_was_served_otherwise_is_trained_on_as_it_was_served(tmp_path: Path) -> None:
    live(opened(taxis(), tmp_path), meddle=meddler(one_too_many))
    assembly = at(tmp_path, with_logged(taxis(), COUNT))
    history, plain = assembly.history(), recomputed(assembly)
    there = history.logged[COUNT] == 0
    assert same(history.features, plain.features, there) == [COUNT]
    np.testing.assert_array_equal(
        history.features[COUNT].values[there], plain.features[COUNT].values[there] + 1, strict=True
    )
    trained, again = (Trainer(h).train(NOW) for h in (history, plain))
    assert trained.training_set == history.training_set(NOW).name != again.training_set
    assert list(trained.manifest["logged"]) == [COUNT]
    assert trained.digest != again.digest, "another model"


def test_a_replay_takes_the_same_values(tmp_path: Path) -> None:
    live(opened(taxis(), tmp_path), meddle=meddler(one_too_many))
    assembly = at(tmp_path, with_logged(taxis(), COUNT))
    history = assembly.history()
    trainer = Trainer(history)
    since, until = START + 13 * HOUR_US, START + 16 * HOUR_US
    found = replay(history, since, until, ["never"], trainer=trainer, monitors=False)["never"]
    inputs = found.loop.world.inputs(found.rows)
    np.testing.assert_array_equal(inputs[COUNT].values, recomputed(assembly).features[COUNT].values[found.rows] + 1)
    assert found.scored.any()


def test_before_logging_began_values_are_null_unless_they_are_to_be_filled(tmp_path: Path) -> None:
    live(opened(taxis(), tmp_path))
    since = START + 6 * HOUR_US
    history = at(tmp_path, with_logged(taxis(), COUNT, since=iso(since))).history()
    before = history.as_of < since
    assert 0 < before.sum() < len(history)
    assert np.isnan(history.features[COUNT].values[before]).all()
    assert not np.isnan(history.features[COUNT].values[~before]).any()
    filled = at(tmp_path, with_logged(taxis(), COUNT, since=iso(since), fill=True)).history()
    assert not np.isnan(filled.features[COUNT].values).any()
    assert filled.training_set(NOW).manifest["logged"][COUNT]["before"] > 0
    assert filled.training_set(NOW).name != history.training_set(NOW).name


def test_values_that_were_served_under_another_definition_are_not_taken(tmp_path: Path) -> None:
    live(opened(taxis(), tmp_path))
    mean = "pings_mean_2h_by_lane"
    history = at(tmp_path, with_logged(taxis(speeds="speed > 40"), mean, COUNT)).history()
    counts = history.training_set(NOW).manifest["logged"]
    assert counts[mean]["logged"] == 0
    assert counts[mean]["changed"] == counts[COUNT]["logged"] > 0


def test_nothing_logged_yet_is_every_value_null(tmp_path: Path) -> None:
    assembly = opened(with_logged(taxis(), COUNT), tmp_path)
    history = assembly.history()
    assert history.features[COUNT].objects().tolist() == [None]
    assert history.fingerprints["predictions_target"] == "0" * 32


def test_logging_changes_nothing_that_is_served(tmp_path: Path) -> None:
    system = with_logged(taxis(), COUNT)
    assert system.plan.identity == taxis().plan.identity
    assert system.identity != taxis().identity
    opened(taxis(), tmp_path)
    assembly = open_system(system, tmp_path, clock=ReplayClock(START))
    assert live(assembly, steps=20) > 0
    assert assembly.skew().causes == {}


def test_only_features_are_logged_and_once() -> None:
    definition = hc.window(PINGS, over="1h")
    assert unlogged(hc.logged(definition)) is definition
    assert FeaturePlan.compile([hc.logged(definition)]).identity == FeaturePlan.compile([definition]).identity
    assert unlogged(definition) is definition
    with pytest.raises(ConfigError, match="once is enough"):
        hc.logged(hc.logged(definition))
    with pytest.raises(ConfigError, match="takes a feature"):
        hc.logged("pings_count_1h")
