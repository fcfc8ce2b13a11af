"""What goes out comes in again, and what does not fit is told by row and field."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labelling_aids import fresh_key, make, say

from hindcast.clock import ReplayClock
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.labelling import Item, Project
from hindcast.labelling.formats import FORMATS

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
CONTENTS = {
    "text": ["Great song", 'quoted "text",\nin two lines', "ünïcode ☃"],
    "row": [{"amount": 3.5, "country": "NO"}, {"amount": None, "country": "Ö"}, {"amount": 7, "country": ""}],
    "image": [PNG, PNG + b"1", b"\xff\xd8\xff" + bytes(9)],
}


def labelled(folder, kind: str) -> Project:
    """A project in which everything happened: answers, a skip, doubts, comments, an undo, a decision, an item nobody
    saw."""
    project = make(folder, items=0, kind=kind, classes=["ham", "spam", "a b; c"])
    project.add_items([Item(f"i {n}", content, {"n": n}) for n, content in enumerate(CONTENTS[kind])])
    project.add_items([Item("gold", CONTENTS[kind][0], gold="ham")])
    project.add_annotator("Jo", role="adjudicator")
    say(project, "Ann", "i 0", "spam", comment='why, "so"?', seconds=2.5)
    say(project, "Bo", "i 0", "ham")
    say(project, "Bo", "i 1", "a b; c", action="unsure", comment="hm")
    say(project, "Ann", "i 1", None, action="skip")
    say(project, "Ann", "gold", "ham")
    say(project, "Ann", "i 2", "ham")
    project.undo("Ann")
    project.adjudicate("Jo", "i 0", "spam", comment="plainly", key=fresh_key())
    return project


def said(project: Project) -> set[tuple]:
    """All that stands, but for when it became known here and under which guideline."""
    return {
        (
            one.item, one.annotator, one.action, one.label, one.comment, one.seconds,
            one.at_us if one.made_us is None else one.made_us,
        )
        for state in project._book.state.items.values()
        for one in state.standing()
    }  # fmt: skip


def decided(project: Project) -> set[tuple]:
    return {
        (one.item.id, one.verdict.who, one.verdict.label, one.verdict.comment)
        for one in project._book.state.items.values()
        if one.verdict is not None
    }


def contents(project: Project) -> dict[str, object]:
    found = {item: project.item(item).content for item in project.items}
    return {item: one.read_bytes() if project.kind == "image" else one for item, one in found.items()}


@pytest.mark.parametrize("kind", ["text", "row", "image"])
@pytest.mark.parametrize(("format", "name"), [("long", "a.csv"), ("long", "a.jsonl"), ("label-studio", "a.json")])
def test_a_round_trip_keeps_everything_that_stands(tmp_path, kind, format, name):
    with (
        labelled(tmp_path / "p", kind) as one,
        make(tmp_path / "q", items=0, people=(), kind=kind, classes=one.classes) as two,
    ):
        one.export(tmp_path / "out" / name, format)
        found = two.import_(tmp_path / "out" / name, format)
        assert said(two) == said(one)
        assert decided(two) == decided(one)
        if format == "label-studio":
            assert contents(two) == contents(one)
            assert [two.item(item) for item in two.items if kind != "image"] == [
                one.item(item) for item in one.items if kind != "image"
            ]
        else:  # an item of which nobody said anything is in no row
            assert contents(two) == {item: content for item, content in contents(one).items() if item != "i 2"}
        assert (found.items, found.answers, found.decisions, found.known) == (len(two.items), 5, 1, 0)
        before = two.canonical()
        again = two.import_(tmp_path / "out" / name, format)
        assert (again.items, again.answers, again.decisions, again.known) == (0, 0, 0, 6)
        assert two.canonical() == before


@pytest.mark.parametrize("kind", ["text", "row", "image"])
def test_prodigy_keeps_answers_and_doubts(tmp_path, kind):
    with (
        labelled(tmp_path / "p", kind) as one,
        make(tmp_path / "q", items=0, people=(), kind=kind, classes=one.classes) as two,
    ):
        one.export(tmp_path / "a.jsonl", "prodigy")
        two.import_(tmp_path / "a.jsonl", "prodigy")
        drop = [(item, who, action, label, comment) for item, who, action, label, comment, _, _ in said(one)]
        assert {one[:5] for one in said(two)} == set(drop)
        assert contents(two) == {item: content for item, content in contents(one).items() if item != "i 2"}


@pytest.mark.parametrize("kind", ["text", "row", "image"])
def test_doccano_keeps_the_labels(tmp_path, kind):
    with (
        labelled(tmp_path / "p", kind) as one,
        make(tmp_path / "q", items=0, people=(), kind=kind, classes=one.classes, overlap=1) as two,
    ):
        assert one.export(tmp_path / "a.jsonl", "doccano") == 4
        two.import_(tmp_path / "a.jsonl", "doccano", annotator="the team")
        assert contents(two) == contents(one)
        assert {(who, item, label) for item, who, _, label, *_ in said(two)} == {
            ("the team", "i 0", "spam"),
            ("the team", "gold", "ham"),
        }


def test_a_wide_table(tmp_path):
    with labelled(tmp_path / "p", "text") as one, make(tmp_path / "q", items=0, people=(), classes=one.classes) as two:
        one.export(tmp_path / "a.csv", "wide")
        assert (tmp_path / "a.csv").read_text().splitlines()[0] == "item,content,Ann,Bo"
        two.import_(tmp_path / "a.csv", "wide")
        assert contents(two) == contents(one)
        assert {one[:2] + one[3:4] for one in said(two)} == {
            ("i 0", "Ann", "spam"), ("i 0", "Bo", "ham"), ("i 1", "Bo", "a b; c"), ("gold", "Ann", "ham"),
        }  # fmt: skip


def test_crowd_answers_count_whatever_the_overlap(tmp_path):
    lines = [
        "item,worker,label",
        *(f"i{n},w{w},{'spam' if (n + w) % 3 else 'ham'}" for n in range(3) for w in range(5)),
    ]
    (tmp_path / "crowd.csv").write_text("\n".join(lines) + "\n")
    with make(tmp_path / "p") as project:
        found = project.import_(tmp_path / "crowd.csv", "long")
        assert (found.items, found.answers) == (0, 15)
        assert len(project.answers()) == 15
        assert project.progress().done == 3
        assert not any(one.active and not one.imported for one in project.annotators() if one.name.startswith("w"))


def test_the_same_answers_from_another_file_are_known(tmp_path):
    (tmp_path / "a.csv").write_text("item,annotator,label\ni0,w,spam\ni1,w,ham\n")
    (tmp_path / "b.csv").write_text("item,annotator,label\ni0,w,spam\ni1,w,spam\n")
    with make(tmp_path / "p") as project:
        project.import_(tmp_path / "a.csv", "long")
        found = project.import_(tmp_path / "b.csv", "long")
        assert (found.answers, found.known) == (1, 1)
        assert {one[0]: one[3] for one in said(project)} == {"i0": "spam", "i1": "spam"}


VISIBLE = st.characters(exclude_categories=["C", "Z"])


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(
            st.lists(st.text(VISIBLE, min_size=1, max_size=4), min_size=1, max_size=2).map(" ".join),
            st.sampled_from(["Ann", "Bö", "C;D"]),
            st.sampled_from(["yes", "no", "1"]),
            st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=5),
        ),
        max_size=8,
    ),
    st.sampled_from([("long", "a.csv"), ("long", "a.jsonl"), ("label-studio", "a.json"), ("prodigy", "a.jsonl")]),
)
def test_any_answers_come_back(tmp_path_factory, rows, how):
    format, name = how
    folder = tmp_path_factory.mktemp("any")
    classes = ["yes", "no", "1"]
    with (
        Project.create(folder / "p", name="p", classes=classes, clock=ReplayClock(5)) as one,
        Project.create(folder / "q", name="q", classes=classes) as two,
    ):
        for who in ("Ann", "Bö", "C;D"):
            one.add_annotator(who)
        for item, who, label, comment in rows:
            one.add_items([Item(item, f"text of {item}")])
            say(one, who, item, label, comment=comment)
        one.export(folder / name, format)
        two.import_(folder / name, format)
        assert {row[:5] for row in said(two)} == {row[:5] for row in said(one)}


# ---- files as other tools write them --------------------------------------------------------------------


def ls_annotation(number, who, *choices, shape="choices", **more):
    """As Label Studio's JSON export has it, with all the fields nobody asked for."""
    results = [
        {
            "value": {shape: [choice]}, "id": f"r{number}", "from_name": "topic", "to_name": "text", "type": shape,
            "origin": "manual",
        }
        for choice in choices
    ]  # fmt: skip
    return {
        "id": number, "completed_by": who, "result": results, "was_cancelled": False, "ground_truth": False,
        "created_at": "2024-03-09T22:16:08.728353Z", "updated_at": "2024-03-09T22:16:08.728390Z",
        "draft_created_at": None, "lead_time": 4.083, "prediction": {}, "result_count": 1, "unique_id": "0f",
        "import_id": None, "last_action": None, "task": 1, "project": 7, "updated_by": 1, "parent_prediction": None,
        "parent_annotation": None, "last_created_by": None, **more,
    }  # fmt: skip


def ls_task(number, data, *annotations):
    return {
        "id": number, "annotations": list(annotations), "file_upload": "8a-tasks.json", "drafts": [],
        "predictions": [{"result": [], "score": 0.5}], "data": data, "meta": {},
        "created_at": "2024-03-09T22:15:44.1Z", "updated_at": "2024-03-09T22:16:08.7Z", "inner_id": number,
        "total_annotations": len(annotations), "cancelled_annotations": 0, "total_predictions": 1, "comment_count": 0,
        "comment_authors": [], "project": 7, "updated_by": 1,
    }  # fmt: skip


def test_a_file_as_label_studio_writes_it(tmp_path):
    jo = {"id": 5, "first_name": "Jo", "last_name": "Ø", "email": "jo@example.org"}
    tasks = [
        ls_task(
            41, {"text": "Ein Hund 🐕", "source": "forum", "score": 0.25},
            ls_annotation(1, 3, ["animal", "dog"]), ls_annotation(2, jo, ["plant"]),
            ls_annotation(3, 4, was_cancelled=True, lead_time=1.0),
            ls_annotation(4, 8, "plant", ground_truth=True),
        ),
        ls_task(42, {"text": "Une fleur"}, ls_annotation(5, 3, ["plant"], shape="taxonomy"), ls_annotation(6, 4)),
        ls_task(43, {"text": "Nobody saw it"}),
        ls_task(44, {"text": "Ein Tier"}, ls_annotation(7, 3, "animal/dog")),
    ]  # fmt: skip
    (tmp_path / "project-7.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(tasks, ensure_ascii=False).encode())
    with make(tmp_path / "p", items=0, people=(), classes=["animal/dog", "plant"]) as project:
        found = project.import_(tmp_path / "project-7.json", "label-studio")
        assert (found.items, found.answers, found.decisions) == (4, 6, 1)
        assert {row[:4] for row in said(project)} == {
            ("41", "3", "label", "animal/dog"), ("41", "jo@example.org", "label", "plant"), ("41", "4", "skip", None),
            ("42", "3", "label", "plant"), ("42", "4", "unsure", None), ("44", "3", "label", "animal/dog"),
        }  # fmt: skip
        assert decided(project) == {("41", "8", "plant", "")}
        assert project.item("41").content == "Ein Hund 🐕"
        assert project.item("41").meta == {"source": "forum", "score": 0.25}
        assert project.import_(tmp_path / "project-7.json", "label-studio").known == 7
    (tmp_path / "min.json").write_text(json.dumps([{"text": "x", "id": 1, "topic": "plant", "annotator": 1}]))
    with make(tmp_path / "q") as project, pytest.raises(DataError, match="not as JSON-MIN"):
        project.import_(tmp_path / "min.json", "label-studio")


def test_files_as_doccano_writes_them(tmp_path):
    lines = [
        {"id": 11, "text": "Großartig!", "label": ["ham"], "Comments": ["sicher?", "ja"], "lang": "de"},
        {"id": 12, "text": "Buy\nnow", "label": [], "Comments": []},
        {"id": 13, "data": "an older one", "label": ["spam"]},
    ]
    (tmp_path / "all.jsonl").write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines) + "\n")
    with make(tmp_path / "p", items=0, people=()) as project:
        project.import_(tmp_path / "all.jsonl", "doccano", annotator="Ann")
        assert {row[:5] for row in said(project)} == {
            ("11", "Ann", "label", "ham", "sicher?\nja"), ("13", "Ann", "label", "spam", ""),
        }  # fmt: skip
        assert project.item("12").content == "Buy\nnow"
        assert project.item("11").meta == {"lang": "de"}
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "cat.png").write_bytes(PNG)
    (tmp_path / "images" / "all.jsonl").write_text('{"id": 1, "filename": "cat.png", "label": ["ham"], "Comments": []}')
    with make(tmp_path / "q", items=0, people=(), kind="image") as project:
        project.import_(tmp_path / "images" / "all.jsonl", "doccano")
        assert project.item("1").content.read_bytes() == PNG


def test_files_as_prodigy_writes_them(tmp_path):
    options = [{"id": 0, "text": "ham"}, {"id": 1, "text": "spam"}]
    common = {"options": options, "_view_id": "choice", "config": {"choice_style": "single"}, "_task_hash": 9}
    lines = [
        {"text": "Café ☕", "_input_hash": 1, **common, "accept": [1], "answer": "accept", "_timestamp": 1711000000,
         "_annotator_id": "db-ann", "_session_id": "db-ann", "meta": {"source": "web"}},
        {"text": "Café ☕", "_input_hash": 1, **common, "accept": [0], "answer": "accept", "_annotator_id": "db-bo",
         "_session_id": "db-bo", "meta": {"source": "web"}},
        {"text": "two", **common, "accept": [], "answer": "ignore", "_session_id": "db-ann"},
        {"text": "three", **common, "accept": [1], "answer": "reject", "_session_id": "db-ann"},
        {"text": "four", **common, "accept": [], "answer": "accept", "_session_id": "db-ann"},
        {"text": "five", "label": "spam", "answer": "accept", "_session_id": None, "_view_id": "classification"},
    ]  # fmt: skip
    (tmp_path / "db.jsonl").write_text("\n".join(map(json.dumps, lines)))
    with make(tmp_path / "p", items=0, people=()) as project:
        found = project.import_(tmp_path / "db.jsonl", "prodigy")
        assert (found.items, found.answers) == (5, 6)
        texts = {item: project.item(item).content for item in project.items}
        assert {(texts[item], *rest) for item, *rest in (row[:4] for row in said(project))} == {
            ("Café ☕", "db-ann", "label", "spam"), ("Café ☕", "db-bo", "label", "ham"),
            ("two", "db-ann", "skip", None), ("three", "db-ann", "skip", None), ("four", "db-ann", "unsure", None),
            ("five", "prodigy", "label", "spam"),
        }  # fmt: skip
        (dispute,) = [one for one in project.disagreements() if one.item.content == "Café ☕"]
        assert dispute.item.meta == {"source": "web"}
    image = "data:image/png;base64," + b64encode(PNG).decode()
    (tmp_path / "images.jsonl").write_text(json.dumps({"image": image, **common, "accept": [1], "answer": "accept"}))
    with make(tmp_path / "q", items=0, people=(), kind="image") as project:
        project.import_(tmp_path / "images.jsonl", "prodigy")
        (item,) = project.items
        assert project.item(item).content.read_bytes() == PNG
        (tmp_path / "svg.jsonl").write_text(
            json.dumps({"image": "data:image/png;base64,PHN2Zy8+", "accept": ["spam"], "answer": "accept"})
        )
        with pytest.raises(DataError, match="no PNG"):
            project.import_(tmp_path / "svg.jsonl", "prodigy")


# ---- what does not fit ----------------------------------------------------------------------------------

LS = {"id": 1, "data": {"text": "x"}, "annotations": []}


def annotated(**annotation):
    choice = {"type": "choices", "from_name": "label", "value": {"choices": ["spam"]}}
    return [LS, {**LS, "id": 2, "annotations": [{"completed_by": 3, "result": [choice], **annotation}]}]


@pytest.mark.parametrize(
    ("format", "name", "text", "row", "column"),
    [
        ("long", "a.csv", "item,annotator,label\ni0,Ann,spam\ni1,Ann,eggs\n", 2, "label"),
        ("long", "a.csv", "item,annotator,label\nnowhere,Ann,spam\n", 1, "item"),
        ("long", "a.csv", "item,label\ni0,spam\n", 1, "annotator"),
        ("long", "a.csv", "annotator,label\nAnn,spam\n", 1, "item"),
        ("long", "a.csv", "item,annotator,label\ni0,Ann\n", 1, None),
        ("long", "a.csv", "item,annotator,label,seconds\ni0,Ann,spam,soon\n", 1, "seconds"),
        ("long", "a.csv", "item,annotator,label,seconds\ni0,Ann,spam,-1\n", 1, "seconds"),
        ("long", "a.csv", "item,annotator,label,at\ni0,Ann,spam,yesterday\n", 1, "at"),
        ("long", "a.csv", "item,annotator,label,action\ni0,Ann,spam,guess\n", 1, "action"),
        ("long", "a.csv", "item,annotator,label,content\ni0,Ann,spam,other text\n", 1, "id"),
        ("long", "a.csv", "item,annotator,label\ni0, Ann,spam\n", 1, None),
        ("long", "a.jsonl", '{"item": "i0", "annotator": "Ann", "label": "spam"}\n{"item"\n', 2, None),
        ("wide", "a.csv", "item,Ann,Bo\ni0,spam,\ni1,,eggs\n", 2, "Bo"),
        ("label-studio", "a.json", json.dumps([{"id": 1}]), 1, "data"),
        ("label-studio", "a.json", json.dumps([{"data": {"text": "x"}}]), 1, "id"),
        ("label-studio", "a.json", json.dumps([{"id": 1, "data": {"a": "x", "b": "y"}}]), 1, "data.text"),
        ("label-studio", "a.json", json.dumps(annotated(completed_by=None)), 2, "annotations[0].completed_by"),
        ("label-studio", "a.json", json.dumps(annotated(lead_time="long")), 2, "annotations[0].lead_time"),
        ("label-studio", "a.json", json.dumps(annotated(result=3)), 2, "annotations[0].result"),
        (
            "label-studio", "a.json",
            json.dumps(annotated(result=[{"type": "rectanglelabels", "value": {}}])), 2,
            "annotations[0].result[0].type",
        ),
        (
            "label-studio", "a.json",
            json.dumps(annotated(result=[{"type": "choices", "value": {"choices": ["spam", "ham"]}}])), 2,
            "annotations[0].result[0].value.choices",
        ),
        (
            "label-studio", "a.json",
            json.dumps(annotated(result=[{"type": "choices", "value": {"choices": ["eggs"]}}])), 2,
            "annotations[0].result",
        ),
        ("doccano", "a.jsonl", '{"id": 1, "text": "x", "label": [[0, 3, "spam"]]}\n', 1, "label"),
        ("doccano", "a.jsonl", '{"id": 1, "label": ["spam"]}\n', 1, "text"),
        ("prodigy", "a.jsonl", '{"text": "x", "answer": "accept"}\n', 1, "accept"),
        ("prodigy", "a.jsonl", '{"text": "x", "accept": ["spam"]}\n', 1, "answer"),
        ("prodigy", "a.jsonl", '{"text": "x", "accept": ["eggs"], "answer": "accept"}\n', 1, "accept"),
        ("facts", "a.csv", "label\nspam\n", 1, "item"),
    ],
)  # fmt: skip
def test_a_wrong_row_is_named_and_nothing_comes_in(tmp_path, format, name, text, row, column):
    (tmp_path / name).write_text(text)
    with make(tmp_path / "p") as project:
        before = project.canonical()
        with pytest.raises(DataError) as caught:
            project.import_(tmp_path / name, format)
        assert (caught.value.row, caught.value.column) == (row, column)
        assert name in str(caught.value)
        assert project.canonical() == before


def test_prodigy_rejections_need_two_classes(tmp_path):
    (tmp_path / "a.jsonl").write_text(
        '{"text": "x", "id": 5, "label": "spam", "answer": "reject", "_session_id": "s"}\n'
    )
    with make(tmp_path / "p") as project:
        project.import_(tmp_path / "a.jsonl", "prodigy")
        assert {one[:4] for one in said(project)} == {("5", "s", "label", "ham")}
    with make(tmp_path / "q", classes=["ham", "spam", "eggs"]) as project, pytest.raises(DataError, match="which of 3"):
        project.import_(tmp_path / "a.jsonl", "prodigy")


def test_formats_and_endings_nobody_knows(tmp_path):
    with make(tmp_path / "p") as project:
        with pytest.raises(UnknownName, match="label-studio"):
            project.export(tmp_path / "a.json", "labelstudio")
        for format in FORMATS:
            if format != "label-studio":
                with pytest.raises(ConfigError):
                    project.export(tmp_path / "a.docx", format)
        with pytest.raises(DataError, match="no such file"):
            project.import_(tmp_path / "nowhere.csv", "long")


def test_an_empty_project_goes_out_and_comes_in(tmp_path):
    with make(tmp_path / "p", items=0, people=()) as one, make(tmp_path / "q", items=0, people=()) as two:
        for format, name in (("long", "a.csv"), ("wide", "b.csv"), ("label-studio", "c.json"), ("facts", "d.csv")):
            assert one.export(tmp_path / name, format) == 0
            assert two.import_(tmp_path / name, format).items == 0


def test_a_name_that_a_wide_table_cannot_have(tmp_path):
    with make(tmp_path / "p", people=("content",)) as project:
        say(project, "content", "i0")
        with pytest.raises(ConfigError, match="export the long one"):
            project.export(tmp_path / "a.csv", "wide")
