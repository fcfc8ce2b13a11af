"""Real crowds through a project: what comes out is what the answers alone give."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
from labelling_aids import make

from hindcast.crowd import Answers, infer_truth
from hindcast.labelling import Item

DATA = os.environ.get("HINDCAST_DATA")
pytestmark = pytest.mark.skipif(DATA is None, reason="HINDCAST_DATA does not say where the real data are")


@pytest.mark.parametrize(("name", "at_least"), [("bluebird", 0.88), ("rte", 0.92)])
def test_labels_of_a_crowd(tmp_path, name, at_least):
    folder = Path(str(DATA)) / "crowd"
    with (folder / f"{name}_labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    with (folder / f"{name}_truth.csv").open() as file:
        truth = {row["item"]: row["label"] for row in csv.DictReader(file)}
    classes = sorted({row["label"] for row in rows})
    with make(tmp_path / "p", items=0, people=(), classes=classes) as project:
        project.add_items(Item(item, f"item {item}") for item in dict.fromkeys(row["item"] for row in rows))
        found = project.import_(folder / f"{name}_labels.csv", "long")
        assert found.answers == len(rows)
        assert project.progress().done == len(truth)
        labels = {one.item: one for one in project.labels()}
        alone = infer_truth(
            Answers.of(*([row[c] for row in rows] for c in ("item", "worker", "label")), classes=classes)
        )
        for place, item in enumerate(alone.items):
            assert labels[item].probability == pytest.approx(alone.probability[place].max(), abs=1e-6)
        right = sum(labels[item].label == label for item, label in truth.items()) / len(truth)
        assert right >= at_least
        assert len(project.report().annotators.annotators) == len({row["worker"] for row in rows})
