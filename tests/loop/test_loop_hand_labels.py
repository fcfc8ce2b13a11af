"""A labelling project as a table of a system: what was decided by then is known then, and lands once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hindcast as hc
from hand_labels_town import HOUR_US, START, Labelling, labelled_town, opened, spam_system
from hindcast.errors import ConfigError, StateError
from hindcast.facts import HandLabels, hand_labels
from hindcast.labelling import Item, Project
from hindcast.loop.hand_labels import LabelFeed, project_folder
from hindcast.values import DAY_US, NEVER, iso

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["Ann", "Bo", "Jo", "undo", "doubt"]), st.sampled_from(["i0", "i1", "g"]),
        st.sampled_from(["ham", "spam", None]),
    ),
    max_size=14,
)  # fmt: skip


def do(town: Labelling, who: str, item: str, label: str | None) -> None:
    town.at(town.clock.now_us() + HOUR_US)
    project = town.project
    if who == "Jo":
        project.adjudicate("Jo", item, label, key=str(town.clock.now_us()))
    elif who == "undo":
        project.undo("Ann")
    elif who == "doubt":
        project.enqueue([item], reason="odd", priority=0.5, answers=2)
    else:
        project.answer(who, item, label, action="label" if label else "skip", key=str(town.clock.now_us()))


@given(steps=STEPS)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_visible_then_is_what_the_project_said_then(steps, tmp_path_factory):
    folder = tmp_path_factory.mktemp("law")
    town = Labelling.create(folder / "project", overlap=1)
    town.project.add_items([Item("i0", "a"), Item("i1", "b"), Item("g", "c", gold="ham")])
    said: list[tuple[int, list]] = []
    feed = LabelFeed(hand_labels("labels", folder / "project", item="comment"), folder)
    for step in steps:
        do(town, *step)
        feed.refresh()  # as somebody who reads while others write
        said.append((town.clock.now_us() + 1, town.project.facts("majority")))
    assert repr(feed.decisions) == repr(town.project.facts("majority"))
    assert repr(LabelFeed(feed.table, folder).decisions) == repr(feed.decisions)
    facts, refused = feed.table.facts_of(feed.data().data, seq_from=0, arrival_us=NEVER)
    assert not refused
    for moment, then in said:
        seen = facts.known < moment
        rows = zip(facts.frame["comment"].take(seen).objects(), facts.frame["label"].take(seen).objects(), strict=True)
        assert list(rows) == [(one.item, one.label) for one in then]
    assert (facts.event == facts.known).all()
    assert "g" not in facts.frame["comment"].objects() or any(who == "Jo" for who, item, _ in steps if item == "g")


def test_a_project_read_twice_lands_nothing_twice_and_news_land_while_it_is_written(tmp_path):
    town = labelled_town(tmp_path / "project", until=30)  # stays open for writing all the time
    assembly = opened(tmp_path)
    assert {one.table: one.new for one in assembly.land()} == {"comments": 240, "labels": 30}
    assert all(one.new == 0 for one in assembly.land())
    town.at(START + 40 * DAY_US).say("c31", "spam")
    town.project.adjudicate("Jo", "c0", "spam", key="again")
    again = opened(tmp_path)
    assert {one.table: one.new for one in again.land()} == {"comments": 0, "labels": 2}
    assert sum(one.new for one in assembly.land()) == 0
    assert Project.open(tmp_path / "project", writing=False).lineage("c31").steps


def test_a_model_learns_from_hand_labels(tmp_path):
    labelled_town(tmp_path / "project")
    assembly = opened(tmp_path)
    found = assembly.run(until="2024-02-20")
    assert found["promoted"], found["verdicts"]
    assert found["scores"]["logistic"]["auc"] > 0.8
    spine = assembly.history().spine
    assert (spine.label_known - spine.as_of // HOUR_US * HOUR_US <= 23 * HOUR_US + 1).all()


@pytest.mark.slow
def test_a_replay_and_a_check_read_the_project_by_themselves(tmp_path):
    labelled_town(tmp_path / "project")
    assembly = opened(tmp_path)
    story = assembly.replay("2024-02-20", "2024-02-26", policies=["renewed"])
    assert story["summary"]["replay"]["n"] == 24
    assert all(verdict.ok for verdict in assembly.check(sample=40))


def test_labels_before_they_are_decided_change_nothing(tmp_path):
    town = labelled_town(tmp_path / "project", until=120)
    first = opened(tmp_path / "a", system=lambda _, **more: spam_system(tmp_path / "project", **more))
    first.land()
    cut = START + 20 * DAY_US
    before = first.history().training_set(cut)
    for item in range(120):
        town.project.adjudicate("Jo", f"c{item}", "spam", key=f"late {item}")
    first.land()
    after = first.history().training_set(cut)
    assert np.array_equal(before.label, after.label)
    assert np.array_equal(before.seq, after.seq)


def test_a_server_follows_the_project_and_what_it_took_lands_once(tmp_path):
    town = labelled_town(tmp_path / "project", until=30)
    assembly = opened(tmp_path)
    assembly.land()
    service = assembly.open_service()

    async def follow() -> None:
        await service.start()
        town.say("c30", "spam")
        town.say("c30", "ham", who="Bo")  # beyond what was asked for: nothing is decided by it
        town.project.adjudicate("Jo", "c0", None, key="none")
        await service.fetch()
        await service.fetch()
        await service.close()

    asyncio.run(follow())
    facts = assembly.lake.facts("labels")
    assert facts.frame["comment"].objects().tolist()[30:] == ["c30", "c0"]
    assert facts.frame["label"].objects().tolist()[30:] == ["spam", None]
    assert all(one.new == 0 for one in opened(tmp_path).land())
    assert {one.new for one in assembly.land()} == {0}


def test_ids_may_be_whole_numbers_and_what_is_none_is_put_aside(tmp_path):
    town = Labelling.create(tmp_path / "project")
    town.project.add_items([Item("7", "a"), Item("x", "b")])
    town.say("7", "spam")
    town.say("x", "spam")
    rows = {"comment": [7, 8], "posted": [iso(START)] * 2, "capitals": [0.1, 0.2], "length": [1.0, 2.0]}
    system = spam_system(tmp_path / "project", rows)
    labels = hand_labels("labels", tmp_path / "project", item="comment", kind="integer")
    system = spam_system(
        rows=rows,
        predict=hc.Binary(
            system.predict.table,
            as_of=hc.after("posted", "1h"),
            label=hc.outcome(labels, "label == 'spam'", on="comment"),
        ),
    )
    assembly = hc.open_system(system, tmp_path / "home")
    landed = {one.table: one for one in assembly.land()}
    assert (landed["labels"].new, landed["labels"].refused) == (1, 1)
    assert assembly.lake.facts("labels").frame["comment"].objects().tolist() == [7]
    assert "comment is not an integer" in assembly.quarantine.rows()[0].reason
    rows_pushed = LabelFeed(labels, tmp_path).news()[0][0]
    assert [row["comment"] for row in rows_pushed] == [7, "x"]


def test_where_a_project_is(tmp_path, monkeypatch):
    def place(given: str) -> Path:
        source = hand_labels("labels", given).source
        assert isinstance(source, HandLabels)
        return project_folder(source, tmp_path)

    monkeypatch.delenv("HINDCAST_HOME", raising=False)
    assert place("labels/spam") == tmp_path / "labels" / "spam"
    assert place("spam") == tmp_path / ".hindcast" / "labels" / "spam"
    monkeypatch.setenv("HINDCAST_HOME", str(tmp_path / "home"))
    assert place("spam") == tmp_path / "home" / "labels" / "spam"
    (tmp_path / "spam").mkdir()
    (tmp_path / "spam" / "project.json").write_text("{}")
    assert place("spam") == tmp_path / "spam"
    assert place(str(tmp_path / "there")) == tmp_path / "there"


def test_a_project_that_is_not_there_is_named_with_its_table(tmp_path):
    with pytest.raises(StateError, match=r"table 'labels': no labelling project in .*project"):
        opened(tmp_path).land()


def test_a_project_without_decisions_is_an_empty_table(tmp_path):
    Labelling.create(tmp_path / "project")
    assembly = opened(tmp_path)
    assembly.land()
    assert len(assembly.lake.facts("labels")) == 0
    assert (assembly.history().spine.label_known == NEVER).all()


@pytest.mark.parametrize(
    "given", [{"project": None}, {"project": ""}, {"project": 3}, {"item": "label"}, {"item": ""}, {"item": None},
              {"kind": "number"}, {"kind": 3}, {"name": "a b"}],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(given):
    with pytest.raises(ConfigError):
        hand_labels(**{"name": "labels", "project": "labels/spam", **given})


def test_only_a_system_with_a_home_reads_a_project(tmp_path):
    from hindcast.clock import ReplayClock
    from hindcast.facts import Lake, Quarantine, ingest

    with pytest.raises(ConfigError, match="read by a system that has a home"):
        ingest(
            Lake(tmp_path), [hand_labels("labels", "spam")], clock=ReplayClock(), quarantine=Quarantine(tmp_path / "q")
        )
