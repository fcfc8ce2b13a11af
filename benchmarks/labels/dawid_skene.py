"""`dawid-skene`: the truth of 100,000 items from a million answers of five classes, Dawid and Skene's full model.

Both stop by their own defaults: hindcast when the objective stands still, Crowd-Kit after 100 iterations or when its
loss moves by less than 1e-5. They smooth differently, so the lines say how much of the truth each found.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from harness.job import Found, Job, Work

from labels import answers


def _scored(place: Path, label: Any) -> Found:
    import pyarrow.parquet as pq

    truth = pq.read_table(place / "truth.parquet")["label"].to_numpy()
    return Found(len(label), {"accuracy": round(float(np.mean(np.asarray(label) == truth)), 4)})


def hindcast(place: Path) -> Work:
    from hindcast.crowd import Answers, infer_truth

    return lambda: _scored(place, infer_truth(Answers.of(*answers.columns(place))).label)


def crowd_kit(place: Path) -> Work:
    import pandas as pd
    from crowdkit.aggregation import DawidSkene

    def work() -> Any:
        item, annotator, label = answers.columns(place)
        frame = pd.DataFrame({"task": item, "worker": annotator, "label": label})
        return _scored(place, DawidSkene(n_iter=100).fit_predict(frame).sort_index().to_numpy())

    return work


def majority(place: Path) -> Work:
    """The vote, in NumPy: the floor of time and of accuracy."""

    def work() -> Any:
        item, _, label = answers.columns(place)
        votes = np.bincount(item * answers.CLASSES + label, minlength=(int(item.max()) + 1) * answers.CLASSES)
        return _scored(place, votes.reshape(-1, answers.CLASSES).argmax(axis=1))

    return work


JOB = Job(
    asks="the truth of 100,000 items from ten answers each, five classes",
    size=1_000_000,
    unit="answers",
    data=answers.data,
    peers={"hindcast": hindcast, "crowd-kit": crowd_kit, "numpy-vote": majority},
    check=lambda found: {"items": found},
    packages={"crowd-kit": ("crowd-kit",), "numpy-vote": ("numpy",)},
    columns=("accuracy", "times ours", "CPU s", "above imports MB", "of input", "runs", "version"),
    input_bytes=lambda size: size * 24,
)
