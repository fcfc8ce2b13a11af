"""The votes of the label model jobs: functions of a known accuracy and coverage, some of which may copy another.

python -m labels.votes --size 100000 --classes 2
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from harness.data import kept, write

BALANCE = {2: (0.65, 0.35), 5: (0.35, 0.25, 0.2, 0.12, 0.08)}
SEED = 11
SOURCE = (0.60, 0.50)
"""Accuracy and coverage of the function that is copied."""
FAITHFUL = 0.9
"""A copy repeats its source, silence included, so often; else it votes for itself."""


def draw(place: Path, size: int, random: np.random.Generator, classes: int, functions: int, copies: int) -> None:
    """Coverage from 10% to 60%, accuracy from 55% to 95%, wrong votes even; the last `copies` copy the first."""
    truth = random.choice(classes, size, p=BALANCE[classes]).astype(np.int8)
    coverage, accuracy = random.uniform(0.10, 0.60, functions), random.uniform(0.55, 0.95, functions)
    if copies:
        accuracy[0], coverage[0] = SOURCE
    columns: dict[str, Any] = {}
    for j in range(functions):
        right = random.random(size) < accuracy[j]
        other = ((truth + random.integers(1, classes, size)) % classes).astype(np.int8)
        vote = np.where(right, truth, other)
        vote[random.random(size) >= coverage[j]] = -1
        if j >= functions - copies:
            vote = np.where(random.random(size) < FAITHFUL, columns["f00"], vote)
        columns[f"f{j:02d}"] = vote
    write(place / "votes.parquet", columns)
    write(place / "truth.parquet", {"truth": truth})
    parameters = {"accuracy": accuracy, "coverage": coverage, "copies": np.arange(functions) >= functions - copies}
    write(place / "functions.parquet", parameters)


def data(size: int, classes: int = 2, functions: int = 20, copies: int = 0) -> Path:
    name = f"votes-{size}-{classes}-{functions}-{copies}"
    return kept(name, lambda place, random: draw(place, size, random, classes, functions, copies), SEED + classes)


def matrix(place: Path) -> np.ndarray:
    """The votes as int8, a function's side by side; read by groups of rows, so that they are held once."""
    import pyarrow.parquet as pq

    file = pq.ParquetFile(place / "votes.parquet")
    votes = np.empty((file.metadata.num_rows, file.metadata.num_columns), dtype=np.int8, order="F")
    first = 0
    for group in range(file.metadata.num_row_groups):
        table = file.read_row_group(group)
        for j, column in enumerate(table.columns):
            votes[first : first + table.num_rows, j] = column.to_numpy()
        first += table.num_rows
    return votes


def column(place: Path, file: str, name: str) -> np.ndarray:
    import pyarrow.parquet as pq

    values: np.ndarray = pq.read_table(place / f"{file}.parquet", columns=[name])[name].to_numpy()
    return values


def scores(probability: np.ndarray, place: Path) -> Mapping[str, float]:
    """How good probabilities are: accuracy, in which a tie is a choice at random, and log loss."""
    truth = column(place, "truth", "truth").astype(np.int64)
    hits = losses = 0.0
    for first in range(0, len(truth), 1 << 18):
        part, true = probability[first : first + (1 << 18)], truth[first : first + (1 << 18)]
        rows = np.arange(len(true))
        best = part >= part.max(axis=1, keepdims=True) - 1e-9
        hits += float((best[rows, true] / best.sum(axis=1)).sum())
        losses -= float(np.log(np.clip(part[rows, true], 1e-12, 1)).sum())
    return {"accuracy": round(hits / len(truth), 4), "log_loss": round(losses / len(truth), 4)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--classes", type=int, default=2)
    parser.add_argument("--functions", type=int, default=20)
    parser.add_argument("--copies", type=int, default=0)
    options = parser.parse_args()
    print(data(options.size, options.classes, options.functions, options.copies))
