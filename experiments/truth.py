"""Truth inference on five crowd sets: every method in its default configuration, the vote beside it.

Run as ``HINDCAST_DATA=... python experiments/truth.py``. Accuracy is over items whose truth is given; a tie among the
most probable classes counts as the chance to be right by drawing one. Intervals are 95% of a bootstrap over items (the
methods are not fitted again in each draw), also for the difference from the vote on the same items.
"""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np

from hindcast.crowd import TRUTH_METHODS, Answers, infer_truth, krippendorff_alpha
from hindcast.metrics import block_draws

SETS = ("bluebird", "rte", "trec", "web", "dog")
DRAWS = 2_000


def read(folder: Path, name: str) -> tuple[Answers, np.ndarray]:
    """The answers, and the class code of each item's truth, -1 where it is not given."""
    rows, gold = (
        [*csv.DictReader((folder / f"{name}_{part}.csv").open(encoding="utf-8"))] for part in ("labels", "truth")
    )
    answers = Answers.of(*([row[column] for row in rows] for column in ("item", "worker", "label")))
    truth = {row["item"]: row["label"] for row in gold}
    codes = {label: code for code, label in enumerate(answers.classes)}
    return answers, np.array([codes.get(truth.get(item), -1) for item in answers.items])


def credit(probability: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The chance that each item is named right, ties being drawn."""
    best = probability >= probability.max(axis=1, keepdims=True) - 1e-9
    return best[np.arange(len(truth)), truth] / best.sum(axis=1)


def mean_with_interval(values: np.ndarray, weights: np.ndarray) -> list[float]:
    draws = weights @ values / len(values)
    low, high = np.quantile(draws, [0.025, 0.975])
    return [round(100 * float(x), 2) for x in (values.mean(), low, high)]


def main() -> None:
    folder = Path(os.environ["HINDCAST_DATA"]) / "crowd"
    results = []
    for name in SETS:
        answers, truth = read(folder, name)
        known = np.flatnonzero(truth >= 0)
        weights = block_draws(len(known), DRAWS)
        vote = credit(infer_truth(answers, "majority").probability[known], truth[known])
        alpha = krippendorff_alpha(answers)
        for method in TRUTH_METHODS:
            found = infer_truth(answers, method)
            right = credit(found.probability[known], truth[known])
            results.append(
                {
                    "set": name,
                    "method": method,
                    "items": len(known),
                    "answers": len(answers),
                    "alpha": round(alpha.value, 3),
                    "accuracy": mean_with_interval(right, weights),
                    "beyond_vote": mean_with_interval(right - vote, weights),
                    "iterations": found.iterations,
                    "converged": found.converged,
                }
            )
    place = Path(__file__).parent / "results" / "truth.json"
    place.parent.mkdir(exist_ok=True)
    place.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print("| set (items, alpha) | " + " | ".join(TRUTH_METHODS) + " |")
    print("|---" * (1 + len(TRUTH_METHODS)) + "|")
    for name in SETS:
        rows = [row for row in results if row["set"] == name]
        cells = ["{} [{}, {}]".format(*(f"{x:.1f}" for x in row["accuracy"])) for row in rows]
        print(f"| {name} ({rows[0]['items']:,}, {rows[0]['alpha']:.2f}) | " + " | ".join(cells) + " |")
    print("\nAgainst the vote on the same items, in points:\n")
    for name in SETS:
        rows = [row for row in results if row["set"] == name and row["method"] != "majority"]
        print(
            f"- {name}: "
            + "; ".join("{} {:+.1f} [{:+.1f}, {:+.1f}]".format(r["method"], *r["beyond_vote"]) for r in rows)
        )


if __name__ == "__main__":
    main()
