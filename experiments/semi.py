"""Whether rows without labels help: five methods beside supervised only, on few labels and the rest unlabelled.

Intents of a bank (77 classes) with 5 labels a class, clients of a bank with 200 labels, and two generated sets: two
moons with 5 labels each, and blobs whose unlabelled rows have shifted onto the other class. One configuration for all,
five draws of the labels each; scored on a third of the rows that no model saw, paired with the supervised model of the
same draw. The guard's own verdict is asked on three parts of the labels it was given. Run as

    HINDCAST_DATA=... python experiments/semi.py
"""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.semi import Consistency, CoTraining, Propagation, SelfTraining, guarded, mean_of

DATA = Path(os.environ["HINDCAST_DATA"])
RESULTS = Path(__file__).parent / "results" / "semi.json"
DRAWS = 5
ROWS = 3_600


def some(n: int) -> np.ndarray[Any, Any]:
    return np.sort(np.random.default_rng(0).permutation(n)[:ROWS])


def encoded(texts: list[str]) -> Any:
    """The 100 main directions of TF-IDF, rows of length 1; learnt on all texts, none of which needs a label for it."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import Normalizer

    words = TfidfVectorizer(min_df=3, sublinear_tf=True)
    return make_pipeline(words, TruncatedSVD(100, random_state=0), Normalizer()).fit_transform(texts)


def banking() -> tuple[Any, np.ndarray[Any, Any]]:
    import polars as pl

    table = pl.read_csv(DATA / "text" / "banking77_train.csv")
    table = table[some(len(table))]
    return encoded(table["text"].to_list()), table["category"].to_numpy()


def bank() -> tuple[Any, np.ndarray[Any, Any]]:
    import polars as pl
    from sklearn.preprocessing import StandardScaler

    table = pl.read_parquet(DATA / "bank_marketing" / "bank_additional_full.parquet").drop("duration")
    table = table[some(len(table))]
    columns = table.drop("y", "year_derived").to_dummies(pl.selectors.string()).to_numpy().astype(np.float64)
    return StandardScaler().fit_transform(columns), table["y"].to_numpy()


def moons() -> tuple[Any, np.ndarray[Any, Any]]:
    from sklearn.datasets import make_moons

    return make_moons(3_000, noise=0.08, random_state=0)


def shifted() -> tuple[Any, np.ndarray[Any, Any]]:
    """The first two thirds, from which no label is drawn but some, have moved: the classes lie elsewhere there."""
    random = np.random.default_rng(0)
    label = random.integers(0, 2, 3_000)
    x = random.normal(size=(3_000, 2)) + np.c_[2.5 * label, np.zeros(3_000)]
    x[:2_000, 0] += 2.0
    return x, label


def shaken(items: Any, random: np.random.Generator) -> Any:
    """Noise of a fifth of each column's standard deviation."""
    return items + random.normal(0, 0.2, items.shape) * items.std(axis=0)


def halves(items: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Columns dealt to two views."""
    order = np.random.default_rng(0).permutation(items.shape[1])
    return np.sort(order[::2]), np.sort(order[1::2])


def methods(items: Any) -> dict[str, Any]:
    from sklearn.linear_model import LogisticRegression

    learner = LogisticRegression(C=10.0, max_iter=200)
    return {
        "self-training": SelfTraining(learner),
        "propagation": Propagation(learner),
        "spreading": Propagation(learner, alpha=0.9),
        "co-training": CoTraining(learner, halves(items)),
        "consistency": Consistency(learner, [shaken]),
    }


def drawn(label: np.ndarray[Any, Any], test: np.ndarray[Any, Any], given: Any, random: np.random.Generator) -> Any:
    """Labels with all but some hidden: `given` a class (a number), or in all (a one-tuple), outside `test`."""
    labels = label.astype(object).copy()
    free = np.setdiff1d(np.arange(len(label)), test)
    if isinstance(given, tuple):
        keep = random.permutation(free)[: given[0]]
    else:
        keep = np.concatenate([random.permutation(free[label[free] == c])[:given] for c in np.unique(label)])
    hidden = np.ones(len(label), dtype=bool)
    hidden[keep] = False
    labels[hidden] = None
    return labels


def main() -> None:
    from sklearn.exceptions import ConvergenceWarning

    warnings.simplefilter("ignore", ConvergenceWarning)
    sets = {
        "banking77, 5 a class": (banking(), 5),
        "bank clients, 200": (bank(), (200,)),
        "two moons, 5 a class": (moons(), 5),
        "shifted blobs, 40": (shifted(), (40,)),
    }
    results: dict[str, Any] = {}
    lines = [
        "| set | method | supervised | with unlabelled | gain | guard: pass / fail / unknown | kept by the guard |",
        "| --- | --- | ---: | ---: | --- | --- | ---: |",
    ]
    for name, ((items, label), given) in sets.items():
        scores: dict[str, list[tuple[float, float, float, str]]] = {}
        for draw in range(DRAWS):
            random = np.random.default_rng([7, draw])
            moved = name.startswith("shifted")
            test = np.sort(
                random.permutation(np.arange(2_000 if moved else 0, len(label)))[: len(label) // (6 if moved else 3)]
            )
            labels = drawn(label, np.r_[np.arange(2_000), test] if moved else test, given, random)
            rest = np.setdiff1d(np.arange(len(label)), test)
            for kind, method in methods(items).items():
                found = guarded(method, items[rest], labels[rest], parts=3, seed=draw)
                ours, alone, kept = (
                    float(
                        (
                            m.predict_proba(items[test]).argmax(axis=1)
                            == np.searchsorted(found.semi.classes_, label[test])
                        ).mean()
                    )
                    for m in (found.semi, found.supervised, found.model)
                )
                scores.setdefault(kind, []).append((alone, ours, kept, found.verdict.outcome))
        results[name] = scores
        for kind, rows in scores.items():
            alone, ours, kept = (np.array([row[i] for row in rows]) for i in range(3))
            gain = mean_of(ours - alone)
            outcomes = [sum(row[3] == o for row in rows) for o in ("pass", "fail", "unknown")]
            lines.append(
                f"| {name} | {kind} | {alone.mean():.3f} | {ours.mean():.3f} | {gain.value:+.3f} [{gain.low:+.3f}, "
                f"{gain.high:+.3f}] | {' / '.join(map(str, outcomes))} | {kept.mean():.3f} |"
            )
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        print("\n".join(lines), flush=True)


if __name__ == "__main__":
    main()
