"""From a system's doubts to the labelling page, and back as labels."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import hindcast as hc
from hand_labels_town import comments, labelled_town, opened, spam_system
from hindcast.assemble import Assembly
from hindcast.cli.main import commands
from hindcast.errors import ConfigError, UnknownName
from hindcast.labelling import Project
from hindcast.loop.suggest import item_column, items_of_requests, suggest
from hindcast.values import moment_us


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """A champion; the last forty comments have no label, and twenty of them are no items yet."""
    folder = tmp_path_factory.mktemp("suggest")
    rows = comments()
    labelled_town(folder / "project", {name: values[:220] for name, values in rows.items()}, until=200).project.close()
    assembly = opened(folder, rows=rows)
    assembly.run(until="2024-02-20")
    return assembly


def test_the_least_sure_come_first_and_only_those_without_a_label(town: Assembly):
    history = town.history()
    with town._registry() as registry:
        model = town._model(registry, "v1")
    found = suggest(history, model, n=40)
    assert {one.item for one in found} == {f"c{i}" for i in range(200, 240)}
    doubt = [1 - abs(2 * one.probability - 1) for one in found]
    assert doubt == sorted(doubt, reverse=True)
    assert np.allclose(doubt, [one.score for one in found])
    assert suggest(history, model, n=5) == found[:5]
    assert {one.item for one in suggest(history, model, besides={"c210"})} == {one.item for one in found} - {"c210"}
    late = suggest(history, model, since_us=moment_us("2024-02-29T00:00:00Z"))
    assert {one.item for one in late} == {f"c{i}" for i in range(236, 240)}
    assert suggest(history, model, since_us=moment_us("2025-01-01")) == []
    for n in (0, -1, True, 2.5, "x", None):
        with pytest.raises(ConfigError):
            suggest(history, model, n=n)


def test_what_is_suggested_is_added_or_moved_up_and_said_to_nobody_who_labels(town: Assembly):
    project = town.home.root.parent / "project"
    told = town.suggest(project, 30, content=["comment"])
    assert told["added"] + told["moved"] == 30 == len(told["suggested"])
    assert told["added"] == sum(int(one["item"][1:]) >= 220 for one in told["suggested"])
    with Project.open(project) as labelling:
        first = labelling.next("Ann").item
        assert first.id in {one["item"] for one in told["suggested"][:6]}
        assert "probability" not in repr(first)
    again = town.suggest(project, 30, content=["comment"])
    assert again["added"] == 0
    with Project.open(project) as labelling:
        labelling.answer("Ann", first.id, "spam", key="now")
    assert first.id not in {one["item"] for one in town.suggest(project, 40, content=["comment"])["suggested"]}


def test_what_annotators_see(town: Assembly):
    facts = town.lake.facts("comments")
    chosen: list[Any] = [SimpleNamespace(item="c3", seq=3)]
    (row,) = items_of_requests(chosen, facts, kind="row")
    assert row["id"] == "c3"
    assert set(row["content"]) == {"comment", "posted", "capitals", "length"}
    assert row["content"]["posted"] == comments()["posted"][3]
    assert items_of_requests(chosen, facts, kind="row", content=["length"])[0]["content"].keys() == {"length"}
    assert items_of_requests(chosen, facts, kind="text", content=["comment"]) == [{"id": "c3", "content": "c3"}]
    for content in ((), ("comment", "length")):
        with pytest.raises(ConfigError, match="--content"):
            items_of_requests(chosen, facts, kind="text", content=content)
    with pytest.raises(UnknownName, match="capitals"):
        items_of_requests(chosen, facts, kind="row", content=["capital"])


def test_an_item_has_one_id():
    assert item_column(spam_system()) == "comment"
    rows = hc.Table("rows", key=["a", "b"], event_time="t", known="event")
    answers = hc.Table("answers", key=["a", "b"], event_time="t", known="event")
    label = hc.outcome(answers, "label == 'spam'", on=("a", "b"))
    with pytest.raises(ConfigError, match="one id"):
        item_column(spam_system(predict=hc.Binary(rows, as_of=hc.after("t", "1h"), label=label)))


def test_the_command(town: Assembly, tmp_path: Path):
    project = str(town.home.root.parent / "project")
    file = tmp_path / "system.py"
    lines = ["import sys", f"sys.path.insert(0, {str(Path(__file__).parent.parent)!r})",
             "from hand_labels_town import spam_system", f"system = spam_system({project!r})"]  # fmt: skip
    file.write_text("\n".join(lines), encoding="utf-8")
    more = ["-n", "3", "--content", "comment", "--home", str(town.home.root)]
    done = CliRunner().invoke(commands, ["-q", "label", "suggest", str(file), project, *more])
    assert done.exit_code == 0, done.output
    assert "3 requests about which v1 is least sure" in done.output
    told = CliRunner().invoke(commands, ["-q", "label", "suggest", str(file), project, *more, "--json"])
    assert len(json.loads(told.output)["suggested"]) == 3
