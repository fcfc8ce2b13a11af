"""What augmentation is worth: texts with few labels, clean and misspelt tests, and whether labels survive.

    HINDCAST_DATA=... python experiments/augmentation.py

Banking intents (77 classes), 10 labels per class, TF-IDF of words and of letters with logistic regression, 5 draws of
the labelled texts. One configuration for every change; the plain model stands beside.
"""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from hindcast.augment import (
    Policy,
    augment_texts,
    changed_texts,
    delete_words,
    greedy_attack,
    label_survival,
    swap_words,
    text_edits,
    typos,
)
from hindcast.metrics.intervals import student_quantile

DATA = Path(os.environ["HINDCAST_DATA"])
PER_CLASS, SEEDS, TIMES = 10, 5, 3
MODELS = {
    "words": lambda: TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
    "letters": lambda: TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True),
}
MEASURES = ("clean", "misspelt", "fooled", "kept")
CHANGES = {
    "none": None,
    "typos(0.3)": typos(0.3),
    "swap_words(0.3)": swap_words(0.3),
    "delete_words(0.2)": delete_words(0.2),
}


def read(name: str) -> tuple[list[str], list[str]]:
    with (DATA / "text" / name).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], [row["category"] for row in rows]


def drawn(labels: list[str], seed: int) -> np.ndarray:
    rng, found = np.random.default_rng([seed, 1]), []
    names = np.array(labels)
    for name in sorted(set(labels)):
        found += rng.permutation(np.flatnonzero(names == name))[:PER_CLASS].tolist()
    return np.array(found)


def interval(values: list[float]) -> str:
    half = student_quantile(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{100 * np.mean(values):.1f} ± {100 * half:.1f}"


def main() -> None:
    texts, labels = read("banking77_train.csv")
    tests, truth = read("banking77_test.csv")
    misspelt = changed_texts(typos(0.3), tests, 99)
    found: dict[str, dict[str, list[float]]] = {}
    for name, vectorizer in MODELS.items():
        for change_name, change in CHANGES.items():
            scores = found.setdefault(
                f"{name} / {change_name}", {"clean": [], "misspelt": [], "fooled": [], "kept": []}
            )
            for seed in range(SEEDS):
                places = drawn(labels, seed)
                some, their = [texts[i] for i in places], [labels[i] for i in places]
                copies, of = [], np.zeros(0, dtype=int)
                if change is not None:
                    copies, of = augment_texts(some, Policy([change], times=TIMES), seed=seed)
                model = make_pipeline(vectorizer(), LogisticRegression(C=20.0, max_iter=300))
                model.fit([*some, *copies], [*their, *(their[i] for i in of)])
                scores["clean"].append(float(np.mean(model.predict(tests) == np.array(truth))))
                scores["misspelt"].append(float(np.mean(model.predict(misspelt) == np.array(truth))))
                classes = {c: k for k, c in enumerate(model.classes_)}
                asked = np.random.default_rng([seed, 2]).permutation(len(tests))[:100]
                attack = greedy_attack(
                    model.predict_proba,
                    [tests[i] for i in asked],
                    [classes[truth[i]] for i in asked],
                    text_edits,
                    budget=1,
                )
                scores["fooled"].append(attack.share_fooled[0])
                if change is not None:
                    changed = changed_texts(change, tests[:1000], seed)
                    judged = label_survival(tests[:1000], changed, truth[:1000], model.predict)
                    scores["kept"].append(judged.kept)
    out = Path(__file__).parent / "results" / "augmentation.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print("| features / copies by | clean test | misspelt test | fooled by one edit | labels that survive |")
    print("| --- | --- | --- | --- | --- |")
    for name, scores in found.items():
        kept = interval(scores["kept"]) if scores["kept"] else ""
        cells = [interval(scores[key]) for key in ("clean", "misspelt", "fooled")]
        print(f"| {name} | {' | '.join(cells)} | {kept} |")


if __name__ == "__main__":
    with threadpool_limits(limits=1):
        main()
