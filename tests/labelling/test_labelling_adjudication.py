"""Where annotators differ, who decides, and what becomes the label."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from labelling_aids import fresh_key, make, say

from hindcast.crowd import infer_truth
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.labelling import Item, Project

LABELS = ("a", "b", "c")


@pytest.fixture
def project(tmp_path):
    made = make(tmp_path / "p", items=6, people=("Ann", "Bo", "Cy"), classes=LABELS, overlap=3)
    made.add_annotator("Jo", role="adjudicator")
    with made:
        yield made


def all_say(project: Project, item: str, *labels: str | None, **more) -> None:
    for who, label in zip(("Ann", "Bo", "Cy"), labels, strict=False):
        say(project, who, item, label, action="skip" if label is None else "label", **more)


def test_the_most_divided_come_first_with_reasons(project):
    all_say(project, "i0", "a", "a", "a")
    all_say(project, "i1", "a", "a", "b")
    all_say(project, "i2", "a", "b", "c")
    all_say(project, "i3", "a", "b")  # one answer is still missing
    queue = project.adjudication_queue()
    assert [one.item.id for one in queue] == ["i2", "i1"]
    assert queue[1].reasons == ("answers differ: a 2, b 1",)
    assert queue[1].score == pytest.approx(1 / 3)
    assert [one.annotator for one in queue[1].judgements] == ["Ann", "Bo", "Cy"]
    assert [one.item.id for one in project.disagreements()] == ["i2", "i3", "i1"]
    assert project.progress().waiting == 2


def test_who_is_unsure_calls_for_an_adjudicator(project):
    say(project, "Ann", "i0", "a", action="unsure", comment="could be b")
    say(project, "Bo", "i0", None, action="unsure")
    say(project, "Cy", "i0", "a")
    (one,) = project.adjudication_queue()
    assert one.reasons == ("unsure: Ann, Bo",)
    assert project.disagreements() == []
    assert len(project.answers()) == 2
    assert project.answers().missing == 1


def test_what_everybody_skipped_does_not_get_lost(project):
    all_say(project, "i0", None, None, None)
    assert project.adjudication_queue() == [], "the adjudicator may still label it"
    say(project, "Jo", "i0", None, action="skip")
    (one,) = project.adjudication_queue()
    assert one.reasons == ("skipped by Ann, Bo, Cy, Jo",)
    project.add_annotator("Di")
    assert project.adjudication_queue() == []
    project.enqueue(["i0"], reason="skipped by all", priority=1)
    assert project.next("Di").item.id == "i0"


def test_a_decision_settles_and_doubt_opens_again(project):
    all_say(project, "i0", "a", "a", "b")
    event = project.adjudicate("Jo", "i0", "b", comment="see page 3", key="k")
    assert project.adjudicate("Jo", "i0", "b", comment="see page 3", key="k") == event
    assert project.adjudication_queue() == []
    (one,) = project.labels("majority")
    assert (one.label, one.how, one.probability, one.annotators) == ("b", "adjudicated", 1.0, ("Jo",))
    project.enqueue(["i0"], reason="its neighbours are all a", priority=0.8)
    (doubt,) = project.adjudication_queue()
    assert doubt.label == "b"
    assert doubt.reasons[-1] == "its neighbours are all a"
    assert doubt.score == pytest.approx(1 / 3 + 0.8)
    project.adjudicate("Jo", "i0", None, comment="neither", key=fresh_key())
    (one,) = project.labels("majority")
    assert one.label is None
    assert math.isnan(one.probability)
    assert project.adjudication_queue() == []


def test_doubt_about_what_all_agreed_on(project):
    all_say(project, "i0", "a", "a", "a")
    project.enqueue(["i0", "i1"], reason="a duplicate says b", priority=5)
    (one,) = project.adjudication_queue()
    assert (one.item.id, one.score) == ("i0", 1.0)


def test_only_adjudicators_decide(project):
    with pytest.raises(ConfigError, match="does not adjudicate"):
        project.adjudicate("Ann", "i0", "a", key="k")
    with pytest.raises(UnknownName):
        project.adjudicate("Jo", "i0", "z", key="k")
    with pytest.raises(UnknownName):
        project.adjudicate("Jo", "i9", "a", key="k")
    project.adjudicate("Jo", "i0", "a", key="k")
    with pytest.raises(DataError, match="used for something else"):
        project.adjudicate("Jo", "i1", "a", key="k")


def test_an_item_decided_early_is_asked_no_more(project):
    project.adjudicate("Jo", "i0", "a", key="k")
    seen = set()
    while task := project.next("Ann"):
        seen.add(task.item.id)
        say(project, "Ann", task.item.id, "a")
    assert seen == set(project.items) - {"i0"}


# ---- labels ---------------------------------------------------------------------------------------------


def test_majority_ties_have_no_label_and_say_so(project):
    all_say(project, "i0", "a", "b", "c")
    all_say(project, "i1", "b", "b", "c")
    found = project.labels("majority")
    assert {one.item: one.label for one in found} == {"i0": None, "i1": "b"}
    assert any("tied" in note for note in found.notes)
    assert any("4 of 6 items" in note for note in found.notes)
    assert found[1].probability == pytest.approx(2 / 3)


def test_unfinished_items_when_asked_for(project):
    say(project, "Ann", "i0", "a")
    assert len(project.labels("majority")) == 0
    assert [one.label for one in project.labels("majority", unfinished=True)] == ["a"]
    assert len(project.labels()) == 0


def test_dawid_skene_is_the_rooms_own_and_learns_from_decisions(project):
    project.add_items([Item("g", "x", gold="c")])
    for item, labels in zip(project.items, ["aab", "aba", "bbb", "cca", "ccc", "abc", "ccb"], strict=True):
        all_say(project, item, *labels)
    project.adjudicate("Jo", "i5", "c", key="k")
    found = {one.item: one for one in project.labels()}
    truth = infer_truth(project.answers(), "dawid-skene", known={"i5": "c", "g": "c"})
    for place, item in enumerate(truth.items):
        if item not in ("i5", "g"):
            assert found[item].label == truth.classes[truth.label[place]]
            assert found[item].probability == pytest.approx(truth.probability[place].max())
            assert found[item].how == "dawid-skene"
    assert (found["i5"].how, found["g"].how, found["g"].label) == ("adjudicated", "gold", "c")
    assert list(project.labels("dawid-skene")) == list(project.labels())


def test_methods_nobody_knows(project):
    with pytest.raises(ConfigError, match="glad"):
        project.labels("oracle")


def test_a_project_without_answers(project):
    assert len(project.labels()) == 0
    report = project.report()
    assert report.annotators is None
    assert any("nobody" in note for note in report.notes)
    assert len(project.answers()) == 0


def test_the_report(project):
    for item, labels in zip(project.items, ["aaa", "aba", "bbb", "cca", "ccc", "bbb"], strict=True):
        all_say(project, item, *labels, seconds=3.0)
    report = project.report()
    assert {one.measure for one in report.agreement} >= {"percent agreement"}
    assert report.annotators.annotators == ("Ann", "Bo", "Cy")
    assert report.progress.annotators["Ann"].seconds == 3.0
    assert report.progress.done == 6


# ---- lineage --------------------------------------------------------------------------------------------


def test_the_lineage_of_a_label(project):
    item = project.next("Ann").item.id
    say(project, "Ann", item, "a", comment="first thought", seconds=1.5)
    project.undo("Ann")
    say(project, "Ann", item, "b")
    project.set_guideline("# New")
    say(project, "Bo", item, "c")
    project.enqueue([item], reason="near the boundary", priority=1)
    project.adjudicate("Jo", item, "b", comment="as it says", key="k1")
    project.adjudicate("Jo", item, "c", key="k2")
    steps = project.lineage(item).steps
    assert [one.what for one in steps] == [
        "item", "shown", "answer", "undone", "answer", "answer", "enqueued", "adjudicated", "adjudicated",
    ]  # fmt: skip
    first, second, third = (one for one in steps if one.what == "answer")
    assert (first.who, first.label, first.comment, first.seconds) == ("Ann", "a", "first thought", 1.5)
    assert (first.stands, first.counts, first.undone_by) == (False, False, steps[3].position)
    assert (second.stands, second.counts, second.guideline) == (True, True, 1)
    assert (third.guideline, third.guideline_digest) == (2, project.guideline(2).digest)
    assert [one.stands for one in steps[-2:]] == [False, True]
    assert steps[6].more == {"reason": "near the boundary", "priority": 1.0, "answers": None}
    assert all(a.at_us < b.at_us for a, b in pairwise(steps))
    assert project.lineage(item).describe()["steps"][0]["what"] == "item"
    with pytest.raises(UnknownName):
        project.lineage("nowhere")
