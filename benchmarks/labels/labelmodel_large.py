"""`labelmodel-large`: 50 functions on up to ten million rows: what a vote costs, and what memory it takes."""

from __future__ import annotations

from dataclasses import replace

from labels import labelmodel, votes

SIZES = (100_000, 1_000_000, 10_000_000)

JOB = replace(
    labelmodel.JOB,
    asks="labels with probabilities from 50 functions, two classes, on more and more rows",
    size=SIZES[0],
    sizes=SIZES,
    data=lambda size: votes.data(size, functions=50),
    peers={"hindcast": labelmodel.hindcast, "numpy-em": labelmodel.numpy_em, "snorkel": labelmodel.snorkel},
    limits={"numpy-em": 1_000_000, "snorkel": 1_000_000},
    once_above=1_000_000,
    columns=("times ours", "accuracy", "log_loss", "CPU s", "peak MB", "above imports MB", "of input", "runs"),
    touch=lambda size: 256 * size,
    input_bytes=lambda size: 50 * size,
)
