"""Truth inference on generated crowds of every kind: where is a method worse than the vote?

Run as ``python experiments/crowds.py``. Settings are drawn at random: items, annotators, answers an item, classes, how
rare the rare ones are, abilities, people who answer at random or err on purpose, a lean to one class. Each is generated
four times. A method is below the vote beyond noise where its mean difference is below -1 point and below twice its
standard error. Every method in its default configuration.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from truth import credit

from hindcast.crowd import TRUTH_METHODS, Answers, infer_truth

SETTINGS, REPEATS = 90, 4


def setting(draw: np.random.Generator) -> dict[str, Any]:
    large = draw.random() < 0.1
    return {
        "items": 10_000 if large else int(np.exp(draw.uniform(np.log(50), np.log(3_000)))),
        "annotators": int(np.exp(draw.uniform(np.log(5), np.log(200)))),
        "per_item": int(draw.integers(1, 11)),
        "classes": int(draw.choice([2, 2, 3, 4, 5, 7, 10])),
        "largest": float(draw.choice([0, 0, 0.8, 0.9, 0.93, 0.97, 0.98])),
        "least_able": float(draw.choice([0.5, 0.55, 0.7])),
        "most_able": float(draw.choice([0.8, 0.95])),
        "at_random": float(draw.choice([0, 0, 0.2, 0.4])),
        "on_purpose": float(draw.choice([0, 0, 0.1])),
        "confusions": bool(draw.integers(2)),
        "lean": float(draw.choice([0, 0, 0.3])),
    }


def crowd(how: dict[str, Any], draw: np.random.Generator) -> tuple[Answers, np.ndarray]:
    """Answers of people with a confusion matrix each, and the truth."""
    n, m, k = how["items"], how["annotators"], how["classes"]
    shares = np.full(k, (1 - how["largest"]) / (k - 1) if how["largest"] else 1 / k)
    shares[0] = 1 - shares[1:].sum()
    truth = draw.choice(k, n, p=shares)
    rates = np.empty((m, k, k))
    for person in range(m):
        right = draw.uniform(how["least_able"], how["most_able"], k if how["confusions"] else 1) * np.ones(k)
        others = draw.dirichlet(np.ones(k), k) if how["confusions"] else (1 - np.eye(k)) / (k - 1)
        rates[person] = others * (1 - right[:, None]) + np.diag(right)
    spammers = int(how["at_random"] * m)
    for person in range(spammers):
        rates[person] = draw.dirichlet(np.full(k, 0.5)) if person % 2 else 1 / k
    liars = slice(spammers, spammers + int(how["on_purpose"] * m))
    rates[liars] = np.roll(rates[liars], 1, axis=2)
    rates *= 1 - how["lean"]
    rates[:, :, 0] += how["lean"]
    who = draw.random((n, m)).argsort(axis=1)[:, : how["per_item"]]
    cumulative = rates.cumsum(axis=2)[who, truth[:, None]]
    said = (draw.random(who.shape)[:, :, None] > cumulative).sum(axis=2).clip(max=k - 1)
    item = np.repeat(np.arange(n), who.shape[1])
    return Answers.of(item, who.ravel(), said.ravel(), classes=range(k)), truth


def main() -> None:
    results = []
    for at in range(SETTINGS):
        how = setting(np.random.default_rng([at, 1]))
        right: dict[str, list[float]] = {method: [] for method in TRUTH_METHODS}
        for repeat in range(REPEATS):
            answers, truth = crowd(how, np.random.default_rng([at, 2, repeat]))
            for method in TRUTH_METHODS:
                right[method].append(float(credit(infer_truth(answers, method).probability, truth).mean()))
        results.append(
            {**how, "accuracy": {name: np.round(np.multiply(x, 100), 2).tolist() for name, x in right.items()}}
        )
    place = Path(__file__).parent / "results" / "crowds.json"
    place.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    vote = np.array([row["accuracy"]["majority"] for row in results])
    print(f"majority: {vote.mean():.1f}")
    for method in TRUTH_METHODS[1:]:
        beyond = np.array([row["accuracy"][method] for row in results]) - vote
        mean, error = beyond.mean(axis=1), beyond.std(axis=1, ddof=1) / np.sqrt(REPEATS)
        worse = (mean < -1) & (mean < -2 * error)
        print(
            f"| `{method}` | {(vote + beyond).mean():.1f} | {mean.min():+.1f} | {worse.sum()} of {SETTINGS} "
            f"| {(mean > 1).sum()} |"
        )
        for place_at in np.flatnonzero(worse):
            print(f"    {mean[place_at]:+.1f} of {vote[place_at].mean():.1f}: {results[place_at]}")


if __name__ == "__main__":
    main()
