"""The commands of ``hindcast label``, as they are typed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from hindcast.cli.main import main
from hindcast.labelling import Project
from hindcast.web.labelling import owner


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HINDCAST_HOME", raising=False)

    def typed(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(["label", *words])
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return typed


@pytest.fixture
def spam(run, tmp_path):
    """A project with two annotators, an adjudicator, four items and some answers."""
    (tmp_path / "guide.md").write_text("# Spam is what nobody asked for\n")
    (tmp_path / "items.csv").write_text("id,text\nc1,Buy now\nc2,Great song\nc3,Subscribe!\nc4,My heart\n")
    assert run("new", "spam", "--class", "ham", "--class", "spam", "--guideline", "guide.md")[0] == 0
    assert run("add", "spam", "items.csv")[0] == 0
    for name, more in (("Ann", ()), ("Bo", ()), ("Jo", ("--adjudicator",))):
        assert run("annotator", "spam", name, *more)[0] == 0
    with Project.open(tmp_path / ".hindcast" / "labels" / "spam") as project:
        for n, (ann, bo) in enumerate([("spam", "spam"), ("ham", "ham"), ("spam", "ham")], 1):
            project.answer("Ann", f"c{n}", ann, key=f"a{n}", seconds=2.0)
            project.answer("Bo", f"c{n}", bo, key=f"b{n}", comment="hm")
    return tmp_path


def test_a_project_from_start_to_end(run, spam):
    code, out, _ = run("status", "spam")
    assert code == 0
    assert "3 of 4 items done (75%), 2 answers wanted, 0 decided, 1 wait for a decision" in out
    assert "Ann" in out
    assert json.loads(run("status", "spam", "--json")[1])["done"] == 3

    code, out, _ = run("adjudicate", "spam")
    assert "c3" in out
    assert "answers differ" in out
    assert run("adjudicate", "spam", "c3", "spam", "--as", "Jo", "--comment", "an order")[0] == 0
    assert "0 items wait" in run("adjudicate", "spam")[1]

    code, out, _ = run("truth", "spam", "--method", "majority")
    assert [line.split()[:2] for line in out.splitlines() if line.startswith("c")] == [
        ["c1", "spam"], ["c2", "ham"], ["c3", "spam"],
    ]  # fmt: skip
    assert "1 of 4 items" in out
    found = json.loads(run("truth", "spam", "--json")[1])
    assert {one["item"]: one["how"] for one in found["labels"]} == {
        "c1": "dawid-skene", "c2": "dawid-skene", "c3": "adjudicated",
    }  # fmt: skip

    code, out, _ = run("lineage", "spam", "c3")
    assert "adjudicated" in out
    assert "an order" in out
    assert [step["what"] for step in json.loads(run("lineage", "spam", "c3", "--json")[1])["steps"]] == [
        "item", "answer", "answer", "adjudicated",
    ]  # fmt: skip

    code, out, _ = run("agreement", "spam")
    assert code == 0
    assert "percent" in out.lower()
    assert {one["annotator"] for one in json.loads(run("agreement", "spam", "--json")[1])["annotators"]} == {
        "Ann",
        "Bo",
    }


def test_files_in_and_out(run, spam):
    assert run("export", "spam", "labels.parquet")[0] == 0
    assert (spam / "labels.parquet").exists()
    assert "6 rows" in run("export", "spam", "answers.csv", "--format", "long")[1]
    assert run("new", "twin", "--class", "ham", "--class", "spam")[0] == 0
    code, out, _ = run("import", "twin", "answers.csv")
    assert code == 0
    assert out.startswith("3 items, 6 answers and 0 decisions are new")
    (spam / "bad.csv").write_text("item,annotator,label\nc1,Ann,eggs\n")
    code, _, err = run("import", "twin", "bad.csv")
    assert code == 2
    assert "row 1" in err
    assert "'label'" in err


def test_a_refused_row_leaves_with_1(run, spam):
    (spam / "more.csv").write_text("id,text\nc5,New\n,Nameless\nc1,Another text\n")
    code, out, _ = run("add", "spam", "more.csv")
    assert code == 1
    assert out.startswith("1 items added, 0 were there, 2 rows refused")
    assert "row 2" in out
    assert "row 3 (c1)" in out


def test_the_guideline(run, spam):
    (spam / "second.md").write_text("# Second\n")
    assert run("guideline", "spam", "second.md")[1] == "version 2\n"
    assert run("guideline", "spam")[1].strip() == "# Second"
    assert run("guideline", "spam", "--version", "1")[1].startswith("# Spam is")
    assert run("guideline", "spam", "--version", "7")[0] == 2
    assert run("guideline", "spam", "nowhere.md")[0] == 2


def test_people(run, spam):
    token = run("annotator", "spam", "Cy")[1]
    with Project.open(spam / ".hindcast" / "labels" / "spam", writing=False) as project:
        assert project.annotator_of(token.strip()).name == "Cy"
    assert run("annotator", "spam", "Cy")[0] == 2
    assert run("annotator", "spam", "Cy", "--renew")[0] == 0
    assert run("annotator", "spam", "Cy", "--revoke")[0] == 0


def test_reading_works_beside_a_writer_and_writing_says_who_has_it(run, spam, monkeypatch):
    monkeypatch.setattr(owner, "TRIES", 2)
    with Project.open(spam / ".hindcast" / "labels" / "spam"):
        assert run("status", "spam")[0] == 0
        assert run("export", "spam", "labels.csv")[0] == 0
        code, _, err = run("add", "spam", "items.csv")
        assert code == 2
        assert "another process writes to" in err


@pytest.mark.slow
@pytest.mark.service
def test_every_writing_command_works_while_the_page_is_served(run, spam):
    command = [sys.executable, "-m", "hindcast.cli", "label", "serve", "spam", "--port", "0", "--annotator", "Zed"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=spam) as server:
        try:
            assert server.stdout is not None
            assert b"labelling 'spam' at http://127.0.0.1:" in server.stdout.readline()
            (spam / "more.csv").write_text("id,text\nc5,New\n,Nameless\n")
            (spam / "crowd.csv").write_text("item,worker,label\nc5,w1,spam\n")
            (spam / "second.md").write_text("# Second\n")
            assert run("add", "spam", "more.csv")[:2] == (
                1, "1 items added, 0 were there, 1 rows refused\n  row 2: a row has no 'id' (column 'id')\n",
            )  # fmt: skip
            assert run("import", "spam", "crowd.csv")[1].startswith("0 items, 1 answers and 0 decisions are new")
            assert run("guideline", "spam", "second.md")[1] == "version 2\n"
            assert run("adjudicate", "spam", "c3", "spam", "--as", "Jo")[1] == "c3: spam\n"
            token = run("annotator", "spam", "Cy")[1].strip()
            assert run("annotator", "spam", "Zed", "--revoke")[0] == 0
            code, _, err = run("adjudicate", "spam", "c3", "eggs", "--as", "Jo")
            assert (code, "no class 'eggs'" in err) == (2, True)
        finally:
            server.terminate()
    assert server.returncode == 0
    with Project.open(spam / ".hindcast" / "labels" / "spam", writing=False) as project:
        assert project.annotator_of(token).name == "Cy"
        assert [one.name for one in project.annotators() if not one.active] == ["Zed"]
        assert project.lineage("c3").steps[-1].label == "spam"


def test_wrong_words(run, spam):
    assert "Did you mean 'status'" in run("statsu", "spam")[2]
    assert run("status", "nowhere")[0] == 2
    assert run("adjudicate", "spam", "c3", "spam")[0] == 2
    assert run("adjudicate", "spam", "c3", "spam", "--as", "Ann")[0] == 2
    assert run("adjudicate", "spam", "c3", "--no-label", "--as", "Jo")[0] == 0
    assert run("new", "spam", "--class", "ham", "--class", "spam")[0] == 2


def test_a_project_may_lie_anywhere(run, tmp_path):
    assert run("new", "some/where", "--class", "a", "--class", "b")[0] == 0
    assert (tmp_path / "some" / "where" / "project.json").exists()
    assert run("new", "other", "--class", "a", "--class", "b", "--home", "elsewhere")[0] == 0
    assert run("status", "other", "--home", "elsewhere")[0] == 0
