"""Labels as facts: known when decided, corrected later, read by a spine that lets nothing through too early."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labelling_aids import MINUTE, fresh_key, make, say, unsynced, wait

import hindcast as hc
from hindcast.clock import ReplayClock
from hindcast.facts import Lake, Quarantine, ingest
from hindcast.labelling import Item, Project
from hindcast.trainset import make_spine
from hindcast.values import iso, moment_us


def history(project: Project, method: str = "majority") -> list[tuple]:
    return [(one.item, one.label, one.how) for one in project.facts(method)]


def test_a_label_is_known_when_its_last_answer_is(tmp_path):
    with make(tmp_path / "p", items=1) as project:
        say(project, "Ann", "i0", "spam")
        assert history(project) == []
        wait(project, MINUTE)
        place = say(project, "Bo", "i0", "spam")
        (fact,) = project.facts("majority")
        assert (fact.label, fact.probability, fact.annotators) == ("spam", 1.0, ("Ann", "Bo"))
        assert fact.decided_us == project._book.log.event(place).at_us


def test_a_correction_is_a_later_fact_of_the_same_item(tmp_path):
    with make(tmp_path / "p", items=1) as project:
        project.add_annotator("Jo", role="adjudicator")
        say(project, "Ann", "i0", "spam")
        say(project, "Bo", "i0", "spam")
        wait(project, MINUTE)
        project.adjudicate("Jo", "i0", "ham", key=fresh_key())
        facts = project.facts("majority")
        assert [(one.label, one.how) for one in facts] == [("spam", "majority"), ("ham", "adjudicated")]
        assert facts[1].decided_us - facts[0].decided_us >= MINUTE
        assert facts[1].annotators == ("Jo",)


def test_what_falls_away_is_a_fact_without_a_label(tmp_path):
    with make(tmp_path / "p", items=1, overlap=1) as project:
        say(project, "Ann", "i0", "spam")
        project.undo("Ann")
        say(project, "Ann", "i0", "ham")
        project.undo("Ann")
        assert history(project) == [
            ("i0", "spam", "majority"), ("i0", None, "undecided"), ("i0", "ham", "majority"),
            ("i0", None, "undecided"),
        ]  # fmt: skip


def test_a_tie_says_nothing_until_somebody_decides(tmp_path):
    with make(tmp_path / "p", items=1) as project:
        project.add_annotator("Jo", role="adjudicator")
        say(project, "Ann", "i0", "spam")
        say(project, "Bo", "i0", "ham")
        assert history(project) == []
        project.adjudicate("Jo", "i0", None, comment="neither", key=fresh_key())
        assert history(project) == []
        project.adjudicate("Jo", "i0", "ham", key=fresh_key())
        assert history(project) == [("i0", "ham", "adjudicated")]


def test_a_method_that_learns_from_all_answers_knows_them_only_at_the_end(tmp_path):
    with make(tmp_path / "p", items=6) as project:
        for n in range(6):
            wait(project, MINUTE)
            say(project, "Ann", f"i{n}", "spam" if n % 2 else "ham")
            last = say(project, "Bo", f"i{n}", "spam" if n % 2 else "ham")
        end = project._book.log.event(last).at_us
        facts = project.facts("dawid-skene")
        learnt = [one for one in facts if one.how == "dawid-skene"]
        assert len(learnt) == 6
        assert all(one.decided_us >= end for one in learnt)
        assert [one.decided_us for one in facts] == sorted(one.decided_us for one in facts)
        times = [(one.item, one.decided_us) for one in facts]
        assert len(set(times)) == len(times)


@pytest.mark.parametrize("name", ["labels.parquet", "labels.jsonl", "labels.csv"])
def test_a_spine_reads_hand_labels_and_never_too_early(tmp_path, name):
    """Through the table, the outcome and the spine of a system file; a decision corrects a vote, and only from then."""
    start = moment_us("2024-05-01")
    messages = hc.Table(
        "messages", hc.frame({"item": [f"m{n}" for n in range(4)], "sent": [iso(start)] * 4}, types={"sent": "time"}),
        key="item", event_time="sent", known="always",
    )  # fmt: skip
    reviews = hc.Table("reviews", hc.files(str(tmp_path / name)), key="item", event_time="decided_at", known="event")
    target = hc.Binary(
        messages, as_of=hc.before("sent", "0s"), label=hc.outcome(reviews, "label == 'spam'", on="item"), maturity="1d"
    )
    lake, refused = Lake(tmp_path / "lake"), Quarantine(tmp_path / "quarantine")

    def spine():
        landed = ingest(lake, [messages, reviews], clock=ReplayClock(start), quarantine=refused)
        assert not any(one.refused for one in landed)
        return make_spine(target, {"messages": lake.facts("messages"), "reviews": lake.facts("reviews")})

    with make(tmp_path / "p", items=0, clock=ReplayClock(start)) as project:
        project.add_annotator("Jo", role="adjudicator")
        project.add_items([Item(f"m{n}", f"message {n}") for n in range(4)])
        for n, label in enumerate(["spam", "ham", "spam"]):
            wait(project, 60 * MINUTE)
            say(project, "Ann", f"m{n}", label)
            say(project, "Bo", f"m{n}", label)
        voted = {one.item: one.decided_us for one in project.facts("majority")}
        project.export(tmp_path / name, method="majority")
        first = spine()
        assert first.label.tolist()[:3] == [1.0, 0.0, 1.0]
        assert np.isnan(first.label[3])
        assert first.label_known.tolist()[:3] == [voted[f"m{n}"] for n in range(3)]
        for n in range(3):
            assert first.visible(voted[f"m{n}"])[n] == np.False_, "a label counts before it was given"
            assert first.visible(voted[f"m{n}"] + 1)[n] == np.True_

        wait(project, 60 * MINUTE)
        project.adjudicate("Jo", "m2", "ham", key=fresh_key())
        project.export(tmp_path / name, method="majority")
        second = spine()
        assert second.label.tolist()[:3] == [1.0, 0.0, 1.0], "the first known label scores"
        assert second.revised[2] == 0.0
        assert second.revised_known[2] == project.facts("majority")[-1].decided_us
        assert second.counts["revised"] == 1


ACTIONS = st.tuples(
    st.sampled_from(["label", "label", "unsure", "skip", "undo", "decide", "more"]),
    st.sampled_from(["Ann", "Bo", "Cy"]),
    st.sampled_from(["i0", "i1"]),
    st.sampled_from(["ham", "spam"]),
)


@pytest.mark.slow
@settings(max_examples=40)
@given(st.lists(ACTIONS, max_size=14), st.integers(1, 3))
def test_at_every_moment_the_facts_known_then_are_the_labels_of_then(tmp_path_factory, actions, overlap):
    folder = tmp_path_factory.mktemp("facts")
    seen: list[tuple[int, dict[str, str]]] = []
    with make(folder / "p", items=2, people=("Ann", "Bo", "Cy"), overlap=overlap) as made:
        made.add_annotator("Jo", role="adjudicator")
    with unsynced(folder / "p", ReplayClock(MINUTE)) as project:
        for what, who, item, label in actions:
            if what == "undo":
                project.undo(who)
            elif what == "decide":
                project.adjudicate("Jo", item, label if who != "Cy" else None, key=fresh_key())
            elif what == "more":
                project.enqueue([item], reason="again", priority=1, answers=2)
            else:
                say(project, who, item, None if what == "skip" else label, action=what)
            found = {one.item: one.label for one in project.labels("majority") if one.label is not None}
            seen.append((project._book.state.at_us, found))
        facts = project.facts("majority")
    for at, found in seen:
        known: dict[str, str | None] = {}
        for one in facts:
            if one.decided_us <= at:
                known[one.item] = one.label
        assert {item: label for item, label in known.items() if label is not None} == found


def test_facts_come_in_as_decisions(tmp_path):
    with make(tmp_path / "p", items=2, overlap=1) as one, make(tmp_path / "q", items=2, people=()) as two:
        one.add_annotator("Jo", role="adjudicator")
        say(one, "Ann", "i0", "spam")
        one.adjudicate("Jo", "i1", "ham", key=fresh_key())
        one.export(tmp_path / "a.parquet")
        two.import_(tmp_path / "a.parquet", "facts", annotator="the first round")
        assert {(found.item, found.label, found.annotators) for found in two.labels()} == {
            ("i0", "spam", ("the first round",)),
            ("i1", "ham", ("Jo",)),
        }
