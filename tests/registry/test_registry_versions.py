from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from hindcast.errors import ConfigError, StateError, UnknownName
from hindcast.journal import Home
from hindcast.registry import Ledger, Registry


@pytest.fixture
def home(tmp_path):
    return Home.open(tmp_path)


@pytest.fixture
def registry(home):
    with Ledger(home.ledger_url) as ledger:
        yield Registry(ledger, system="flights", target="late", models=home.models)


def artefact(registry: Registry, text: str):
    folder = registry.draft()
    (folder / "model.txt").write_text(text)
    return folder


def test_versions_are_named_in_order_per_target_and_keep_their_artefact(registry, home):
    other = Registry(registry.ledger, system="flights", target="cancelled", models=home.models)
    one = registry.register({"digest": "abc"}, at_us=1, artefact=artefact(registry, "one"))
    two = registry.register({"digest": "def"}, at_us=2, artefact=artefact(registry, "two"), group="g")
    assert (one.name, two.name, other.register({}, at_us=3).name) == ("v1", "v2", "v1")
    assert one.folder == "flights/late/v1"
    assert registry.folder("v2") == home.models / "flights" / "late" / "v2"
    assert (registry.folder("v2") / "model.txt").read_text() == "two"
    assert registry.versions() == [one, two]
    assert registry.version("v1").body == {"digest": "abc", "name": "v1", "folder": "flights/late/v1"}
    assert not list((home.models / ".drafts").iterdir())


def test_an_artefact_left_by_a_kill_before_its_commit_is_replaced(registry, home):
    left = home.models / "flights" / "late" / "v1"
    left.mkdir(parents=True)
    (left / "half.txt").write_text("never on the ledger")
    registry.register({}, at_us=1, artefact=artefact(registry, "whole"))
    assert [path.name for path in left.iterdir()] == ["model.txt"]


def test_registering_at_once_gives_every_name_once(registry):
    with ThreadPoolExecutor(8) as pool:
        found = list(
            pool.map(lambda n: registry.register({"n": n}, at_us=n, artefact=artefact(registry, str(n))), range(16))
        )
    assert sorted(version.name for version in found) == sorted(f"v{n}" for n in range(1, 17))
    assert all((registry.folder(v.name) / "model.txt").read_text() == str(v.body["n"]) for v in found)


def test_a_story_of_promotions_and_rollbacks(registry):
    for n in (1, 2, 3):
        registry.register({}, at_us=n)
    with pytest.raises(StateError, match="nothing to roll back to: before now there was no champion"):
        registry.rollback(reason="errors", at_us=9)
    registry.promote("v1", reason="first", at_us=10)
    registry.trial("v2", "shadow", reason="looks good", at_us=11, salt="x")
    registry.trial("v2", "canary", share=0.05, reason="superior", at_us=12, salt="x")
    assert registry.roles().challenger == "v2"
    assert registry.roles(12).stage == "shadow"
    promoted = registry.promote("v2", reason="no harm", at_us=20, gain=3.5)
    assert promoted.body == {"version": "v2", "replaced": "v1", "reason": "no harm", "gain": 3.5}
    registry.promote("v3", reason="better", at_us=30)
    back = registry.rollback(reason="errors doubled", at_us=40)
    assert back.body == {"version": "v2", "from": "v3", "reason": "errors doubled"}
    assert registry.rollback(reason="still", at_us=50).body["version"] == "v1"
    with pytest.raises(StateError, match="before v1 there was no champion"):
        registry.rollback(reason="still", at_us=60)
    assert registry.rollback(to="v3", reason="it was the network", at_us=60).body["version"] == "v3"
    moments = (10, 11, 20, 21, 31, 41, 51, 61)
    assert [registry.live_at(t) for t in moments] == [None, "v1", "v1", "v2", "v3", "v2", "v1", "v3"]
    assert [reign.version for reign in registry.reigns()] == ["v1", "v2", "v3", "v2", "v1", "v3"]


def test_unknown_versions_are_answered_with_close_ones(registry):
    registry.register({}, at_us=1)
    for act in (
        lambda: registry.version("v11"),
        lambda: registry.promote("v11", reason="x", at_us=1),
        lambda: registry.rollback(to="v11", reason="x", at_us=1),
        lambda: registry.trial("v11", "shadow", reason="x", at_us=1),
    ):
        with pytest.raises(UnknownName, match=r"no version 'v11'\. Did you mean 'v1'"):
            act()
    assert registry.ledger.last == 1


def test_in_memory_there_are_versions_but_no_folders():
    registry = Registry(Ledger("sqlite://"), system="flights", target="late")
    assert registry.register({}, at_us=1).folder == ""
    with pytest.raises(StateError, match="in memory only"):
        registry.folder("v1")
    with pytest.raises(ConfigError, match="in memory only"):
        registry.draft()


def test_names_that_would_leave_the_folder_are_refused(registry, tmp_path):
    for name in ("", "..", "a/b", "a\\b"):
        with pytest.raises(ConfigError, match="plain name"):
            Registry(registry.ledger, system=name, target="late")
    with pytest.raises(ConfigError, match="given by the registry"):
        registry.register({"name": "best"}, at_us=1)
    with pytest.raises(ConfigError, match="is no folder"):
        registry.register({}, at_us=1, artefact=tmp_path / "none")
    assert registry.versions() == []
