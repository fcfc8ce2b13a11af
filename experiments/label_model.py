"""The label model beside the vote, beside itself without dependence, and beside an oracle that knows everything.

Run as ``HINDCAST_DATA=... python experiments/label_model.py``. Generated: 20 functions on 50,000 rows, some of which
copy one that is right on 60% of its votes; five seeds. Real: five sets of annotators, each taken for a function. One
configuration, the default, for all.
"""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.weak import LabelModel, MajorityVote

ROWS, FUNCTIONS, SEEDS = 50_000, 20, 5
BALANCE = {2: (0.65, 0.35), 5: (0.35, 0.25, 0.2, 0.12, 0.08)}
CASES = [(2, 0, 0.0), (5, 0, 0.0), (2, 3, 0.9), (2, 5, 0.98), (2, 5, 0.9), (2, 5, 0.7), (2, 5, 0.4), (2, 12, 0.9)]
CROWDS = ("bluebird", "rte", "trec", "web", "dog")


def drawn(classes: int, copies: int, faithful: float, seed: int) -> tuple[Any, Any, Any]:
    """Votes, truth, and the posterior under the true parameters and the true copies."""
    random = np.random.default_rng([seed, 0xC0])
    truth = random.choice(classes, ROWS, p=BALANCE[classes])
    coverage, accuracy = random.uniform(0.1, 0.6, FUNCTIONS), random.uniform(0.55, 0.95, FUNCTIONS)
    if copies:
        coverage[0], accuracy[0] = 0.5, 0.6
    votes = np.empty((ROWS, FUNCTIONS), np.int8)
    score = np.tile(np.log(BALANCE[classes]), (ROWS, 1))
    for j in range(FUNCTIONS):
        other = (truth + random.integers(1, classes, ROWS)) % classes
        vote = np.where(random.random(ROWS) < accuracy[j], truth, other)
        vote[random.random(ROWS) >= coverage[j]] = -1
        table = np.full((classes + 1, classes), coverage[j] * (1 - accuracy[j]) / (classes - 1))
        table[np.arange(1, classes + 1), np.arange(classes)] = coverage[j] * accuracy[j]
        table[0] = 1 - coverage[j]
        share = faithful if j >= FUNCTIONS - copies else 0.0
        vote = np.where(random.random(ROWS) < share, votes[:, 0], vote)
        own = (1 - share) * table[vote + 1] + share * (vote == votes[:, 0])[:, None]
        votes[:, j] = vote
        score += np.log(own)
    return votes, truth, score


def crowd(name: str) -> tuple[Any, Any, int]:
    """Votes of annotators, truth (-1 where unknown), and the number of classes."""
    folder = Path(os.environ["HINDCAST_DATA"]) / "crowd"
    answers = list(csv.DictReader((folder / f"{name}_labels.csv").open(encoding="utf-8")))
    true = {row["item"]: row["label"] for row in csv.DictReader((folder / f"{name}_truth.csv").open(encoding="utf-8"))}
    items, workers = ({v: i for i, v in enumerate(sorted({row[c] for row in answers}))} for c in ("item", "worker"))
    classes = {v: i for i, v in enumerate(sorted({row["label"] for row in answers} | set(true.values())))}
    votes = np.full((len(items), len(workers)), -1, np.int8)
    for row in answers:
        votes[items[row["item"]], workers[row["worker"]]] = classes[row["label"]]
    return votes, np.array([classes[true[item]] if item in true else -1 for item in items]), len(classes)


def right(scores: Any, truth: Any) -> float:
    """Accuracy where the truth is known; a tie is a choice at random."""
    rows = np.flatnonzero(truth >= 0)
    best = scores[rows] >= scores[rows].max(axis=1, keepdims=True) - 1e-9
    return float((best[np.arange(len(rows)), truth[rows]] / best.sum(axis=1)).mean())


def interval(accuracy: float, rows: int) -> str:
    return f"{100 * accuracy:.1f} ± {196 * np.sqrt(accuracy * (1 - accuracy) / rows):.1f}"


def main() -> None:
    generated, real = [], []
    print("| classes | copies | faithful | vote | without dependence | label model | oracle | worst of 5 against it |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for classes, copies, faithful in CASES:
        found = []
        for seed in range(SEEDS):
            votes, truth, oracle = drawn(classes, copies, faithful, seed)
            models = [MajorityVote(classes=classes), LabelModel(classes, dependence=False), LabelModel(classes)]
            found.append([right(m.fit(votes).predict_proba(votes), truth) for m in models] + [right(oracle, truth)])
        mean, worst = np.mean(found, axis=0), float(min(row[2] - row[3] for row in found))
        generated.append(
            {"classes": classes, "copies": copies, "faithful": faithful, "accuracy": np.round(found, 5).tolist()}
        )
        cells = [f"{100 * x:.2f}" for x in mean]
        print(f"| {classes} | {copies} | {faithful} | {' | '.join(cells)} | {100 * worst:+.2f} |", flush=True)
    print("\n| annotators | vote | label model | advice |\n| --- | ---: | ---: | --- |")
    for name in CROWDS:
        votes, truth, classes = crowd(name)
        known = int((truth >= 0).sum())
        model = LabelModel(classes).fit(votes)
        pair = [right(m.predict_proba(votes), truth) for m in (MajorityVote(classes=classes), model)]
        said = {"pass": "label model", "fail": "vote", "unknown": "unknown"}[model.advice(votes).outcome]
        real.append({"set": name, "vote": pair[0], "label_model": pair[1], "advice": said, "items": known})
        print(f"| {name} | {interval(pair[0], known)} | {interval(pair[1], known)} | {said} |", flush=True)
    out = Path(__file__).parent / "results" / "label_model.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps({"generated": generated, "annotators": real}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
