"""`labelmodel`: from the votes of 20 functions on disk to a probability of each class, truth unseen.

Peers estimate, so they need not find the same: each line says how right its labels are, beside an oracle that is told
the true accuracies, balance and copies (no method can expect more) and the vote.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from harness.job import Job, Work

from labels import votes

COLUMNS = ("times ours", "accuracy", "log_loss", "CPU s", "peak MB", "above imports MB", "runs", "version")


def judged(place: Path, work: Callable[[], np.ndarray]) -> Work:
    """Work that gives probabilities; how good they are is found outside the measured time, by :func:`check`."""
    return lambda: (work(), place)


def hindcast(place: Path) -> Work:
    from hindcast.weak import LabelModel

    def work() -> Any:
        cast = votes.matrix(place)
        return LabelModel(classes_of(place)).fit(cast).predict_proba(cast)

    return judged(place, work)


def hindcast_vote(place: Path) -> Work:
    from hindcast.weak import MajorityVote

    return judged(place, lambda: MajorityVote(classes=classes_of(place)).predict_proba(votes.matrix(place)))


def numpy_em(place: Path) -> Work:
    """One accuracy per function, by EM in plain NumPy: what one writes in an afternoon."""
    classes = classes_of(place)

    def work() -> Any:
        cast = votes.matrix(place)
        rows = [np.flatnonzero(cast[:, j] >= 0) for j in range(cast.shape[1])]
        said = [cast[at, j].astype(np.int64) for j, at in enumerate(rows)]
        accuracy, balance = np.full(len(rows), 0.7), np.full(classes, 1 / classes)
        while True:
            score = np.tile(np.log(balance), (len(cast), 1))
            for at, vote, right in zip(rows, said, accuracy, strict=True):
                score[at, vote] += np.log(right * (classes - 1) / (1 - right))
            score -= score.max(axis=1, keepdims=True)
            probability = np.exp(score)
            probability /= probability.sum(axis=1, keepdims=True)
            before = accuracy
            right = [probability[at, vote].mean() for at, vote in zip(rows, said, strict=True)]
            accuracy, balance = np.clip(right, 0.01, 0.99), probability.mean(axis=0)
            if np.abs(accuracy - before).max() < 1e-5:
                return probability

    return judged(place, work)


def oracle(place: Path) -> Work:
    """Bayes' rule with the truth about every function."""
    classes = classes_of(place)
    accuracy, coverage, copies = (votes.column(place, "functions", name) for name in ("accuracy", "coverage", "copies"))

    def work() -> Any:
        cast = votes.matrix(place).astype(np.int64)
        score = np.tile(np.log(votes.BALANCE[classes]), (len(cast), 1))
        for j, (right, spoken) in enumerate(zip(accuracy, coverage, strict=True)):
            table = np.full((classes + 1, classes), spoken * (1 - right) / (classes - 1))
            table[np.arange(1, classes + 1), np.arange(classes)] = spoken * right
            table[0] = 1 - spoken
            own = table[cast[:, j] + 1]
            if copies[j]:
                own = (1 - votes.FAITHFUL) * own + votes.FAITHFUL * (cast[:, j] == cast[:, 0])[:, None]
            score += np.log(own)
        score = np.exp(score - score.max(axis=1, keepdims=True))
        return score / score.sum(axis=1, keepdims=True)

    return judged(place, work)


def snorkel(place: Path) -> Work:
    from snorkel.labeling.model import LabelModel

    classes = classes_of(place)

    def work() -> Any:
        cast = votes.matrix(place).astype(np.int64)
        model = LabelModel(cardinality=classes, verbose=False)
        model.fit(cast, n_epochs=500, seed=0, progress_bar=False)
        return model.predict_proba(cast)

    return judged(place, work)


def classes_of(place: Path) -> int:
    """The folder is named by its parameters."""
    return int(place.name.split("-")[2])


def check(found: Any) -> dict[str, Any]:
    """Probabilities may differ; that they are some, of every row, may not."""
    probability, _ = found
    whole = bool(np.isfinite(probability).all() and np.abs(probability.sum(axis=1) - 1).max() < 1e-4)
    return {"rows": len(probability), "probabilities": whole}


def said(found: Any) -> dict[str, Any]:
    return dict(votes.scores(*found))


JOB = Job(
    asks="labels with probabilities from 20 functions, two classes",
    size=100_000,
    unit="rows",
    data=votes.data,
    peers={
        "hindcast": hindcast, "hindcast-vote": hindcast_vote, "numpy-em": numpy_em, "snorkel": snorkel,
        "oracle": oracle,
    },
    check=check,
    line=said,
    packages={
        "hindcast-vote": ("hindcast",), "numpy-em": ("numpy",), "oracle": ("numpy",), "snorkel": ("snorkel", "torch"),
    },
    columns=COLUMNS,
    warm_size=20_000,
    touch=lambda size: 1_024 * size,
    input_bytes=lambda size: 20 * size,
)  # fmt: skip
