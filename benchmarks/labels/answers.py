"""The answers of the jobs on annotators: `size` answers, ten to an item, five classes, an annotator for each 500."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from harness.data import kept, write

CLASSES = 5
PER_ITEM = 10


def draw(place: Path, size: int, random: np.random.Generator) -> None:
    """Annotators are right with a probability of Beta(4, 2), and else name any class."""
    items, annotators = max(size // PER_ITEM, 1), max(size // 500, 20)
    truth = random.integers(0, CLASSES, items)
    item = np.repeat(np.arange(items), PER_ITEM)
    start = random.integers(0, annotators, items)
    step = random.integers(1, max(annotators // PER_ITEM, 2), items)
    annotator = (start[:, None] + step[:, None] * np.arange(PER_ITEM)) % annotators
    skill = random.beta(4, 2, annotators)
    right = random.random(len(item)) < skill[annotator.ravel()]
    label = np.where(right, truth[item], random.integers(0, CLASSES, len(item)))
    write(place / "answers.parquet", {"item": item, "annotator": annotator.ravel(), "label": label})
    write(place / "truth.parquet", {"label": truth})


def data(size: int) -> Path:
    return kept(f"answers-{size}", lambda place, random: draw(place, size, random), 7)


def columns(place: Path) -> list[Any]:
    """Item, annotator and label as arrays."""
    import pyarrow.parquet as pq

    table = pq.read_table(place / "answers.parquet")
    return [table[name].to_numpy() for name in ("item", "annotator", "label")]
