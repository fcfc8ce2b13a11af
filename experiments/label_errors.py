"""Planted label errors: how many are found, how many of those named are wrong, and how well their number is estimated.

Run as ``HINDCAST_DATA=... python experiments/label_errors.py``. A tenth of the labels is replaced by another class at
random (the sets have errors of their own, which count as false alarms here). Beside confident learning stands the
obvious way: doubt every row whose most probable class is not the given one. Probabilities are held out, in 5 folds.
"""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from hindcast.quality import find_label_errors, held_out_probabilities

SEEDS = 5
NOISE = 0.1


def sms(folder: Path) -> tuple[Any, np.ndarray, Any]:
    lines = (folder / "text" / "sms_spam.tsv").read_text(encoding="utf-8").splitlines()
    label, text = zip(*(line.split("\t", 1) for line in lines if "\t" in line), strict=True)
    return (
        TfidfVectorizer(sublinear_tf=True).fit_transform(text),
        np.array(label),
        LogisticRegression(C=10, max_iter=300),
    )


def intents(folder: Path) -> tuple[Any, np.ndarray, Any]:
    with (folder / "text" / "banking77_train.csv").open(encoding="utf-8") as file:
        rows = [*csv.DictReader(file)]
    items = TfidfVectorizer(sublinear_tf=True, min_df=2).fit_transform([row["text"] for row in rows])
    return items, np.array([row["category"] for row in rows]), LogisticRegression(C=10, max_iter=100)


def bank(folder: Path) -> tuple[Any, np.ndarray, Any]:
    table = pq.read_table(folder / "bank_marketing" / "bank_additional_full.parquet")
    columns = [name for name in table.column_names if name not in ("y", "duration", "year_derived")]
    codes = [np.unique(table[name].to_numpy(zero_copy_only=False), return_inverse=True)[1] for name in columns]
    return np.stack(codes, axis=1).astype(float), np.array(table["y"].to_pylist()), HistGradientBoostingClassifier()


def planted(label: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels with a tenth replaced, and which."""
    draw = np.random.default_rng([seed, 1])
    classes, codes = np.unique(label, return_inverse=True)
    wrong = draw.random(len(codes)) < NOISE
    moved = (codes + draw.integers(1, len(classes), len(codes))) % len(classes)
    return classes[np.where(wrong, moved, codes)], wrong


def main() -> None:
    folder = Path(os.environ["HINDCAST_DATA"])
    results = []
    for name, load in (("sms", sms), ("intents", intents), ("bank", bank)):
        items, label, learner = load(folder)
        for seed in range(SEEDS):
            given, wrong = planted(label, seed)
            held = held_out_probabilities(learner, items, given, seed=seed)
            ways = {how: find_label_errors(held, select=how) for how in ("noise-rate", "both")}
            named = {how: found.suspects.row for how, found in ways.items()}
            named["most probable"] = np.flatnonzero(held.probability.argmax(axis=1) != held.label)
            for how, rows in named.items():
                hit = wrong[rows]
                line = {"set": name, "seed": seed, "way": how, "named": len(rows), "planted": int(wrong.sum())}
                line |= {
                    "precision": float(hit.mean()) if len(rows) else float("nan"),
                    "recall": hit.sum() / wrong.sum(),
                }
                if how in ways:
                    line |= {"first 100": float(hit[:100].mean()), "estimated": ways[how].expected}
                results.append(line)
            print(name, seed, flush=True)
    place = Path(__file__).parent / "results" / "label_errors.json"
    place.parent.mkdir(exist_ok=True)
    place.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print("| set | way | precision | recall | precision of the first 100 | estimated / planted |")
    print("|---|---|---|---|---|---|")
    for name in ("sms", "intents", "bank"):
        for how in ("noise-rate", "both", "most probable"):
            rows = [row for row in results if (row["set"], row["way"]) == (name, how)]
            cells = [_interval([row[c] for row in rows]) for c in ("precision", "recall")]
            if "estimated" in rows[0]:
                cells.append(_interval([row["first 100"] for row in rows]))
                cells.append(_interval([row["estimated"] / row["planted"] for row in rows]))
            else:
                cells += ["", ""]
            print(f"| {name} | {how} | " + " | ".join(cells) + " |")


def _interval(values: list[float]) -> str:
    """Mean and its 95% interval over seeds (Student, 4 degrees of freedom)."""
    mean, half = np.mean(values), 2.776 * np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{mean:.2f} ± {half:.2f}"


if __name__ == "__main__":
    main()
