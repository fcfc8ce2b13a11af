"""A project's promises one by one: items, people, guidelines, answers, undo."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from labelling_aids import clock_of, fresh_key, make, say

from hindcast.columns import Frame
from hindcast.errors import ConfigError, DataError, StateError, UnknownName
from hindcast.labelling import Item, Project, items_of
from hindcast.labelling.events import KINDS, decode_event, encode_event
from hindcast.labelling.guideline import keep_guideline, read_guideline
from hindcast.labelling.media import image_type, keep_image
from hindcast.labelling.state import State

# ---- making ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"classes": ["one"]}, "at least two"),
        ({"classes": ["a", "a"]}, "at least two"),
        ({"classes": "spam"}, "list of names"),
        ({"classes": ["a", " b"]}, "a class must be"),
        ({"classes": ["a", 3]}, "a class must be"),
        ({"kind": "video"}, "no kind .video."),
        ({"overlap": 0}, "overlap"),
        ({"overlap": True}, "overlap"),
        ({"gold_every": -1}, "gold_every"),
        ({"seed": 1.5}, "seed"),
        ({"lease": "0s"}, "longer than nothing"),
        ({"lease": "soon"}, "not a duration"),
        ({"name": ""}, "name"),
        ({"question": 3}, "question is text"),
        ({"guideline": b"x"}, "Markdown text"),
    ],
)
def test_what_makes_no_sense_is_refused_and_leaves_nothing(tmp_path, wrong, told):
    with pytest.raises(ConfigError, match=told):
        Project.create(tmp_path / "p", **{"name": "p", "classes": ["a", "b"], **wrong})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_its_own(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="not empty"):
        make(tmp_path)
    with make(tmp_path / "deep" / "p"), pytest.raises(ConfigError, match="not empty"):
        make(tmp_path / "deep" / "p")


@pytest.mark.parametrize(
    ("text", "told"),
    [('{"format": 2}', "Upgrade"), ("", "not readable"), ('{"format": "1"}', "Upgrade"), ("[]", "not readable")],
)
def test_another_format_is_refused(tmp_path, text, told):
    make(tmp_path / "p").close()
    (tmp_path / "p" / "project.json").write_text(text)
    with pytest.raises(StateError, match=told):
        Project.open(tmp_path / "p")


def test_no_project(tmp_path):
    with pytest.raises(StateError, match="no labelling project"):
        Project.open(tmp_path)


def test_settings_are_kept(tmp_path):
    more = {"question": "Is it?", "instructions": "Look.", "overlap": 3, "lease": "90s", "gold_every": 5, "seed": 7}
    with make(tmp_path / "p", **more) as project:
        before = project.settings
    with Project.open(tmp_path / "p") as project:
        assert project.settings == before
        assert (before.lease_us, before.gold_every, before.seed, project.question) == (90_000_000, 5, 7, "Is it?")
        assert (project.name, project.kind, project.classes) == ("spam", "text", ("ham", "spam"))


# ---- items ----------------------------------------------------------------------------------------------


def test_adding_again_changes_nothing_and_bad_rows_are_named(tmp_path):
    rows = [Item("a", "x"), Item("b", 3), Item("", "x"), Item("a", "x"), Item("a", "y"), Item("c", "z", gold="eggs")]
    with make(tmp_path / "p", items=0) as project:
        found = project.add_items(rows)
        assert (found.added, found.known) == (1, 1)
        assert [(one.row, one.id) for one in found.refused] == [(2, "b"), (3, ""), (5, "a"), (6, "c")]
        assert "another item has this id" in found.refused[2].reason
        assert "none of ham, spam" in found.refused[3].reason
        again = project.add_items([Item("a", "x")])
        assert (again.added, again.known, again.refused) == (0, 1, ())
    with Project.open(tmp_path / "p") as project:
        assert [(one["row"], one["id"]) for one in project.refused] == [(2, "b"), (3, ""), (5, "a"), (6, "c")]
        assert project.items == ("a",)
        with pytest.raises(UnknownName, match="no item 'b'"):
            project.item("b")


FRAMES = {
    "frame": lambda rows: Frame.of({name: [row[name] for row in rows] for name in rows[0]}),
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "arrow": lambda rows: pl.DataFrame(rows).to_arrow(),
    "rows": list,
    "items": lambda rows: [Item(row["id"], row["text"], {"n": row["n"]}) for row in rows],
}


@pytest.mark.parametrize("how", FRAMES)
def test_items_from_anything_with_rows(tmp_path, how):
    rows = [{"id": 7, "text": "ünï", "n": 1.5}, {"id": 8, "text": "", "n": float("nan")}]
    with make(tmp_path / "p", items=0) as project:
        assert project.add_items(FRAMES[how](rows)).added == 2
        assert project.item("7") == Item("7", "ünï", {"n": 1.5})
        assert project.item("8") == Item("8", "", {"n": None})


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_items_from_files(tmp_path, ending):
    frame = pl.DataFrame({"item": ["a", "b"], "amount": ["3", "4"], "country": ["NO", "SE"]})
    path = tmp_path / f"rows.{ending}"
    if ending == "csv":
        frame.write_csv(path)
    elif ending == "tsv":
        frame.write_csv(path, separator="\t")
    elif ending == "jsonl":
        frame.write_ndjson(path)
    else:
        frame.write_parquet(path)
    with make(tmp_path / "p", items=0, kind="row") as project:
        assert project.add_items(path).added == 2
        assert project.item("b").content == {"amount": "4", "country": "SE"}


def test_a_file_that_cannot_be_read(tmp_path):
    (tmp_path / "a.csv").write_text("id,id\n1,2\n")
    (tmp_path / "b.jsonl").write_text('{"id": 1, "text": "x"}\nnonsense\n')
    (tmp_path / "c.csv").write_text("id,text\n1,x,y\n")
    with make(tmp_path / "p", items=0) as project:
        for name, told in (
            ("a.csv", "each once"),
            ("b.jsonl", "row 2"),
            ("c.csv", "3 cells"),
            ("d.csv", "No such file"),
        ):
            with pytest.raises(DataError, match=told):
                project.add_items(tmp_path / name)
        with pytest.raises(ConfigError, match="parquet"):
            project.add_items(tmp_path / "e.xlsx")
        with pytest.raises(ConfigError, match="iterable of Item"):
            project.add_items(3)
        assert project.items == ()
    assert [error.column for _, error in items_of([{"text": "x"}, {"id": 1}], "text") if error] == ["id", "text"]


def test_images_are_copied_in_by_what_they_are(tmp_path):
    data = b"\x89PNG\r\n\x1a\n" + bytes(10)
    (tmp_path / "one.png").write_bytes(data)
    (tmp_path / "list.csv").write_text("id,image\nc,one.png\nd,nowhere.png\n")
    with make(tmp_path / "p", items=0, kind="image") as project:
        found = project.add_items(
            [Item("a", tmp_path / "one.png"), Item("b", data), Item("x", b"<svg/>"), Item("y", "https://a.b/c.png")]
        )
        assert found.added == 2
        assert [one.id for one in found.refused] == ["x", "y"]
        assert "nothing is fetched" in found.refused[1].reason
        assert [one.id for one in project.add_items(tmp_path / "list.csv").refused] == ["d"]
        (tmp_path / "one.png").unlink()
        paths = {project.item(item).content for item in ("a", "b", "c")}
        assert len(paths) == 1
        assert paths.pop().read_bytes() == data
        assert project.next("Ann").item.content.is_file()


def test_image_types_by_their_bytes(tmp_path):
    found = [image_type(data) for data in (b"GIF89a", b"BM..", b"RIFF\0\0\0\0WEBP", b"RIFF\0\0\0\0WAVE", b"")]
    assert found == ["gif", "bmp", "webp", None, None]
    assert keep_image(tmp_path, b"BM 1") == keep_image(tmp_path, b"BM 1")
    assert keep_image(tmp_path, b"BM 1") != keep_image(tmp_path, b"BM 2")


def test_enqueue(tmp_path):
    with make(tmp_path / "p") as project:
        assert project.enqueue(["i0", "i1", "i0"], reason="unsure model", priority=np.float64(0.5)) == 2
        assert project.enqueue(["i0"], reason="unsure model", priority=0.5) == 0
        before = project.canonical()
        with pytest.raises(UnknownName, match="no item 'j1'"):
            project.enqueue(["i2", "j1"], reason="x", priority=1)
        assert project.canonical() == before
        for wrong in ({"reason": " "}, {"priority": float("nan")}, {"answers": 0}, {"priority": True}):
            with pytest.raises(ConfigError):
                project.enqueue(["i0"], **{"reason": "x", "priority": 1, **wrong})


# ---- people ---------------------------------------------------------------------------------------------


def test_tokens(tmp_path):
    with make(tmp_path / "p", people=()) as project:
        token = project.add_annotator("Ann")
        assert project.annotator_of(token).name == "Ann"
        assert project.annotator_of("guess") is None
        assert project.annotator_of("") is None
        with pytest.raises(ConfigError, match="renew=True"):
            project.add_annotator("Ann")
        second = project.add_annotator("Ann", role="adjudicator", renew=True)
        assert project.annotator_of(token) is None
        assert project.annotator_of(second).role == "adjudicator"
        project.revoke("Ann")
        project.revoke("Ann")
        assert project.annotator_of(second) is None
        with pytest.raises(ConfigError, match="revoked"):
            project.next("Ann")
        assert project.add_annotator("Ann") != second
        for wrong in ("", " Ann", "a\nb", "x" * 101, None):
            with pytest.raises(ConfigError):
                project.add_annotator(wrong)
        with pytest.raises(ConfigError, match=r"no role .boss."):
            project.add_annotator("Bo", role="boss")
        with pytest.raises(UnknownName, match="Did you mean 'Ann'"):
            project.next("Anm")
    everything = b"".join(path.read_bytes() for path in (tmp_path / "p").rglob("*") if path.is_file())
    assert token.encode() not in everything
    assert second.encode() not in everything


# ---- guidelines -----------------------------------------------------------------------------------------


def test_answers_keep_the_guideline_they_were_given_under(tmp_path):
    with make(tmp_path / "p", guideline="# One") as project:
        say(project, "Ann", "i0")
        shown = project.next("Bo")
        assert project.set_guideline("# Two") == 2
        assert project.set_guideline("# Two") == 2
        say(project, "Bo", shown.item.id)  # shown under the first
        assert project.next("Ann").guideline == 2
        held = project.next("Bo")
        assert project.set_guideline("# One") == 3
        assert project.next("Bo").guideline == 3, "who comes back sees the new one"
        assert project.next("Bo").item == held.item
        say(project, "Bo", held.item.id)
        versions = {(one.annotator, one.item): one.guideline for who in ("Ann", "Bo") for one in project.history(who)}
        assert versions == {("Ann", "i0"): 1, ("Bo", shown.item.id): 1, ("Bo", held.item.id): 3}
        assert [project.guideline(n).text for n in (1, 2, 3)] == ["# One", "# Two", "# One"]
        assert project.guideline().version == 3
        for wrong in (0, 4):
            with pytest.raises(ConfigError, match="at least 1 and at most 3"):
                project.guideline(wrong)


def test_an_altered_guideline_is_noticed(tmp_path):
    name = keep_guideline(tmp_path, "# One")
    assert read_guideline(tmp_path, name) == "# One"
    (tmp_path / f"{name}.md").write_text("# Other")
    with pytest.raises(StateError, match="was altered"):
        read_guideline(tmp_path, name)
    (tmp_path / f"{name}.md").unlink()
    with pytest.raises(StateError, match="cannot be read"):
        read_guideline(tmp_path, name)


# ---- answers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"label": "eggs"}, UnknownName),
        ({"label": None}, ConfigError),
        ({"label": "spam", "action": "skip"}, ConfigError),
        ({"label": "spam", "action": "shrug"}, ConfigError),
        ({"label": "spam", "comment": 3}, ConfigError),
        ({"label": "spam", "comment": "x" * 10_001}, ConfigError),
        ({"label": "spam", "comment": "\ud800"}, DataError),
        ({"label": "spam", "seconds": -1}, ConfigError),
        ({"label": "spam", "seconds": float("inf")}, ConfigError),
        ({"label": "spam", "seconds": "1"}, ConfigError),
        ({"label": "spam", "key": ""}, ConfigError),
        ({"label": "spam", "key": "x" * 201}, ConfigError),
        ({"label": "spam", "item_id": "nowhere"}, UnknownName),
        ({"label": "spam", "item_id": ["i0"]}, UnknownName),
        ({"label": "spam", "annotator": "nobody"}, UnknownName),
    ],
)
def test_what_is_no_answer_is_refused_and_changes_nothing(tmp_path, said, error):
    with make(tmp_path / "p") as project:
        before = project.canonical()
        with pytest.raises(error):
            project.answer(**{"annotator": "Ann", "item_id": "i0", "key": "k", **said})
        assert project.canonical() == before
        say(project, "Ann", "i0")  # and it goes on


def test_a_key_counts_once_and_means_one_thing(tmp_path):
    with make(tmp_path / "p") as project:
        first = project.answer("Ann", "i0", "spam", seconds=2, key="k")
    with Project.open(tmp_path / "p") as project:
        assert project.answer("Ann", "i0", "spam", seconds=9, key="k") == first
        assert project.answer("Bo", "i0", "spam", key="k").position > first.position, "keys are each person's own"
        for item, label in (("i1", "spam"), ("i0", "ham")):
            with pytest.raises(DataError, match="used for something else"):
                project.answer("Ann", item, label, key="k")
        assert project.undo("Ann", key="u") == "i0"
        assert project.undo("Ann", key="u") == "i0"
        with pytest.raises(DataError, match="used for something else"):
            project.undo("Ann", key="k")


def test_a_change_of_mind_replaces_and_its_undo_restores(tmp_path):
    with make(tmp_path / "p", items=1) as project:
        say(project, "Ann", "i0", "spam")
        say(project, "Ann", "i0", "ham")
        assert len(project.answers()) == 1
        assert project.answers().classes[project.answers().label[0]] == "ham"
        project.undo("Ann")
        assert project.answers().classes[project.answers().label[0]] == "spam"
        assert [one.label for one in project.history("Ann")] == ["spam"]


def test_an_answer_and_its_undo_leave_nothing_but_lineage(tmp_path):
    with make(tmp_path / "p") as project:
        item = project.next("Ann").item.id
        before = (project.progress(), len(project.answers()), project.history("Ann"))
        for action in ("label", "skip", "unsure"):
            say(project, "Ann", item, None if action == "skip" else "spam", action=action)
            assert project.undo("Ann") == item
            assert (project.progress(), len(project.answers()), project.history("Ann")) == before
            assert project.next("Ann").item.id == item
        assert [step.what for step in project.lineage(item).steps].count("undone") == 3
        assert project.undo("Ann") is None
        assert project.undo("Ann", item_id="i1") is None


def test_undo_of_a_named_item_only_if_it_is_the_last(tmp_path):
    with make(tmp_path / "p") as project:
        say(project, "Ann", "i0")
        say(project, "Ann", "i1")
        assert project.undo("Ann", item_id="i0") is None
        assert project.undo("Ann", item_id="i1") == "i1"


def test_history_is_the_latest_first(tmp_path):
    with make(tmp_path / "p") as project:
        for n in range(3):
            say(project, "Ann", f"i{n}")
        assert [one.item for one in project.history("Ann", 2)] == ["i2", "i1"]
        assert project.history("Ann", 0) == []
        assert project.history("Bo") == []


def test_moments_strictly_increase_even_when_the_clock_is_set_back(tmp_path):
    from hindcast.clock import ReplayClock

    with make(tmp_path / "p", clock=ReplayClock(5_000_000)) as project:
        say(project, "Ann", "i0")
        last = project._book.state.at_us
        assert clock_of(project).now_us() >= last
    with Project.open(tmp_path / "p", clock=ReplayClock(0)) as project:
        event = project.answer("Bo", "i0", "ham", key=fresh_key())
        assert event.at_us == last + 1


# ---- events ---------------------------------------------------------------------------------------------


def test_events_are_json_that_comes_back():
    event = decode_event(3, "answer", encode_event(5, "Ann", "i0", {"label": "spam", "comment": "ü"}))
    assert (event.position, event.at_us, event.who, event.label, event.comment) == (3, 5, "Ann", "spam", "ü")
    assert json.loads(encode_event(5, None, None, {}))["at"] == 5
    with pytest.raises(StateError, match="not readable"):
        decode_event(3, "answer", b"{}")


@given(st.dictionaries(st.text(max_size=3), st.none() | st.integers(-9, 9) | st.text(max_size=3), max_size=6))
def test_a_row_keeps_the_order_of_its_columns(row):
    body = decode_event(1, "item", encode_event(5, None, "r", {"content": row, "meta": {"more": row}})).body
    assert list(body["content"].items()) == list(row.items()) == list(body["meta"]["more"].items())


def test_a_table_is_shown_as_it_came_also_after_a_restart(tmp_path):
    (tmp_path / "homes.csv").write_text("id,street,city,2024,10,age\n1,Main St,Oslo,3,4,5\n")
    columns = ["street", "city", "2024", "10", "age"]
    with make(tmp_path / "p", items=0, kind="row") as project:
        project.add_items(tmp_path / "homes.csv")
        assert list(project.item("1").content) == columns
    with Project.open(tmp_path / "p") as project:
        assert list(project.next("Ann").item.content) == columns


def test_an_event_that_makes_no_sense_is_told():
    state = State()
    with pytest.raises(StateError, match="unknown kind"):
        state.apply(decode_event(1, "danced", encode_event(1, "Ann", None, {})))
    for kind in KINDS:
        if kind != "refused":
            with pytest.raises(StateError, match="makes no sense"):
                state.apply(decode_event(1, kind, encode_event(1, "Ann", "i0", {"items": ["i0"]})))


def test_labels_out_of_numpy_arrays_are_plain_labels(tmp_path):
    project = make(tmp_path)
    project.add_items([Item("n1", "text")])
    project.add_annotator("Numa")
    label = np.array(["ham"])[0]
    while (task := project.next("Numa")) and task.item.id != "n1":
        project.answer("Numa", task.item.id, label, key=fresh_key())
    event = project.answer("Numa", "n1", label, seconds=np.float64(2.0), key=fresh_key())
    assert decode_event(1, "answer", encode_event(1, "Numa", "n1", event.body)).body["label"] == "ham"
