"""Does balancing help? Every method on four sets, one configuration, nothing tuned: ranking, probabilities, decisions.

    HINDCAST_DATA=... python experiments/imbalance.py [part of a set's name ...]

The bank's calls are split by time, and once at random; without the call's duration, which nobody knows beforehand. The
network tables have no time, so their distinct rows (duplicates are dropped before anything is split) are split at
random, five times. Sets larger than 8,000 rows are sampled down to that, those of the rarest class kept, so that
methods that look at neighbours take seconds. Writes experiments/results/imbalance.json and prints Markdown.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from hindcast import balance as b
from hindcast.columns import Frame
from hindcast.metrics import Costs, Estimate
from hindcast.models.lightgbm import lightgbm
from hindcast.models.logistic import logistic
from hindcast.models.prepare import Preparation

SEEDS, ROWS = 5, 8_000
METHODS: dict[str, Any] = {
    "undersample(1.0)": b.undersample(1.0),
    "undersample(0.25)": b.undersample(0.25),
    "oversample(1.0)": b.oversample(1.0),
    "smote(5)": b.smote(5),
    "borderline_smote(5)": b.borderline_smote(5),
    "adasyn(5)": b.adasyn(5),
    "tomek_links()": b.tomek_links(),
    "edited_nearest_neighbours(3)": b.edited_nearest_neighbours(3),
    "smote_tomek(5)": b.smote_tomek(5),
    "smote_enn(5)": b.smote_enn(5),
    'class_weights("balanced")': b.class_weights("balanced"),
    'class_weights("sqrt")': b.class_weights("sqrt"),
    'class_weights("effective")': b.class_weights("effective"),
    "cost_weights(miss=5, false_alarm=1)": b.cost_weights(Costs.binary(miss=5, false_alarm=1)),
}
TREES = {"num_leaves": 15, "learning_rate": 0.1, "min_data_in_leaf": 20, "num_threads": 1}
LEARNERS: dict[str, Any] = {
    "lightgbm": lightgbm(trees=60, leaves=15, learning_rate=0.1, min_leaf=20, min_rows=20, threads=1),
    "logistic": logistic(),
}


class OfTrees:
    """A learner on prepared numbers, for methods that change the learner and not the rows."""

    def __init__(self, name: str) -> None:
        self.name = name

    def describe(self) -> dict[str, Any]:
        return {"learner": self.name}

    def fit(self, features: Frame, label: Any, *, as_of: Any, seed: int) -> OfTrees:
        found = OfTrees(self.name)
        found.preparation = Preparation.trees(features, min_rows=20)
        X, codes = found.preparation.dense(features), label.astype(np.int64)
        going_on = b.Boosting(trees=40, more=20, parameters=TREES)
        if self.name == "two phases":
            found.answer = b.two_phase(going_on, X, codes, b.undersample(1.0), seed=seed).predict_proba
        elif self.name == "dynamic sampling":
            going_on = b.Boosting(trees=12, more=12, parameters=TREES)
            found.answer = b.dynamic_sampling(going_on, X, codes, rounds=5, seed=seed).predict_proba
        elif self.name == "metacost(5 : 1)":
            from lightgbm import LGBMClassifier

            plain = {**TREES, "min_child_samples": TREES["min_data_in_leaf"], "n_jobs": 1, "verbose": -1}
            del plain["num_threads"], plain["min_data_in_leaf"]
            learner = LGBMClassifier(n_estimators=60, deterministic=True, force_row_wise=True, **plain)
            told = b.metacost(X, codes, learner, Costs.binary(miss=5, false_alarm=1), bags=5, seed=seed)
            found.answer = going_on_answer(b.Boosting(trees=60, parameters=TREES), X, told, seed)
        else:
            import lightgbm as library

            loss = b.FocalLoss(2.0)
            start = loss.initial_score(codes)
            fixed = {"verbosity": -1, "deterministic": True, "force_row_wise": True, "seed": seed}
            model = library.train(
                {**TREES, **fixed, "objective": loss.objective()},
                library.Dataset(X, codes, init_score=np.full(len(codes), start)),
                num_boost_round=60,
            )
            mapped = self.name == "focal(2), mapped"

            def answer(rows: Any) -> Any:
                score = model.predict(rows) + start
                p = loss.probability(score) if mapped else 1.0 / (1.0 + np.exp(-score))
                return np.stack([1.0 - p, p], axis=1)

            found.answer = answer
        return found

    def predict(self, features: Frame) -> Any:
        return self.answer(self.preparation.dense(features))[:, 1]


def going_on_answer(learner: b.Boosting, X: Any, codes: Any, seed: int) -> Any:
    """Answers of a learner after its first phase alone."""
    state = learner.start(X, codes, np.ones(len(codes)), 2, seed)
    return lambda rows: learner.probability(state, rows)


OTHERS = ["focal(2)", "focal(2), mapped", "two phases", "dynamic sampling", "metacost(5 : 1)"]


def sampled(label: Any, rows: int, seed: int = 0) -> Any:
    """Places of at most `rows` rows, rising: a random part of all where both classes are common, else of class 0."""
    random = np.random.default_rng(seed)
    if len(label) <= rows:
        return np.arange(len(label))
    if label.mean() > 0.02:
        return np.sort(random.choice(len(label), rows, replace=False))
    ones, noughts = np.flatnonzero(label == 1), np.flatnonzero(label == 0)
    return np.sort(np.r_[ones, random.choice(noughts, rows - len(ones), replace=False)])


def sets() -> Iterator[tuple[str, Frame, Any, Any]]:
    """Name, features, label and moment (or None) of each set."""
    home = Path(os.environ["HINDCAST_DATA"])
    table = pq.read_table(home / "bank_marketing" / "bank_full.parquet")
    day = np.array(table["date_derived"].to_pylist(), dtype="datetime64[us]").astype(np.int64)
    label = np.array([int(v == "yes") for v in table["y"].to_pylist()])
    keep = sampled(label, ROWS)
    features = Frame.from_arrow(table.drop_columns(["y", "duration", "year_derived", "date_derived"]))
    yield "bank_full, by time", features.take(keep), label[keep], day[keep]
    yield "bank_full, at random", features.take(keep), label[keep], None

    table = pq.read_table(home / "bank_marketing" / "bank_additional_full.parquet")
    label = np.array([int(v == "yes") for v in table["y"].to_pylist()])
    keep = sampled(label, ROWS)
    features = Frame.from_arrow(table.drop_columns(["y", "duration", "year_derived"]))
    yield "bank_additional, by row order", features.take(keep), label[keep], np.arange(len(label))[keep]

    table = pq.read_table(home / "kdd99" / "kddcup99_10_percent.parquet")
    distinct = table.group_by(table.column_names, use_threads=False).aggregate([])
    names = np.array(distinct["label"].to_pylist())
    groups = {
        "r2l": ["ftp_write", "guess_passwd", "imap", "multihop", "phf", "spy", "warezclient", "warezmaster"],
        "u2r": ["buffer_overflow", "loadmodule", "perl", "rootkit"],
    }
    whole = Frame.from_arrow(distinct.drop_columns(["label"]))
    bare = np.char.rstrip(names.astype(str), ".")
    for group, kinds in groups.items():
        rare = np.isin(bare, kinds)
        rows = np.flatnonzero(rare | (bare == "normal"))
        label = rare[rows].astype(np.int64)
        keep = rows[sampled(label, ROWS)]
        yield f"network, {group} against normal", whole.take(keep), rare[keep].astype(np.int64), None


def plain(estimate: Estimate) -> list[float]:
    return [round(v, 5) for v in (estimate.value, estimate.low, estimate.high)]


def rows_of(report: b.BalanceReport, names: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "method": names.get(m.name, m.name),
            "rows": m.rows,
            "scores": {key: plain(value) for key, value in m.scores.items()},
            "gain": {key: plain(value) for key, value in m.gain.items()},
        }
        for m in report.methods
    ]


SHOWN = {
    "average_precision": "average precision",
    "auc": "AUC",
    "log_loss": "log loss",
    "log_loss_corrected": "corrected",
    "ece": "ECE",
    "ece_corrected": "corrected",
    "precision_at_half": "precision at 0.5",
    "recall_at_half": "recall at 0.5",
    "f1_moved": "F1, threshold moved",
}


def shown(rows: list[dict[str, Any]]) -> str:
    """A Markdown table; the average precision with its interval, in bold where it differs from the untouched rows'."""
    lines = [f"| method | {' | '.join(SHOWN.values())} |", f"| --- |{' --- |' * len(SHOWN)}"]
    for row in rows:
        cells = []
        for metric in SHOWN:
            value, low, high = row["scores"][metric]
            text = f"{value:.3f}"
            if metric == "average_precision":
                text += f" [{low:.3f}, {high:.3f}]"
                gain = row["gain"][metric]
                if row["method"] not in ("untouched", *OTHERS) and (gain[1] > 0 or gain[2] < 0):
                    text = f"**{text}**"
            cells.append(text)
        lines.append(f"| {row['method']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    out = Path(__file__).parent / "results" / "imbalance.json"
    out.parent.mkdir(exist_ok=True)
    parts = sys.argv[1:]
    result: dict[str, Any] = json.loads(out.read_text(encoding="utf-8")) if parts else {}
    for name, features, label, at in sets():
        if parts and not any(part in name for part in parts):
            continue
        print(f"\n### {name}: {len(label):,} rows, {label.mean():.2%} positive\n", flush=True)
        result[name] = {"rows": len(label), "positive": int(label.sum())}
        for kind, learner in LEARNERS.items():
            report = b.compare_balancing(features, label, learner, METHODS, at=at, positive=1, seeds=SEEDS)
            rows = rows_of(report, {})
            for other in OTHERS if kind == "lightgbm" else []:
                alone = b.compare_balancing(features, label, OfTrees(other), {}, at=at, positive=1, seeds=SEEDS)
                rows += rows_of(alone, {"untouched": other})
            result[name][kind] = {"rows": rows, "advice": report.advice, "notes": list(report.notes)}
            print(f"{kind}\n\n{shown(rows)}\n\n{report.advice}\n", flush=True)
            for note in report.notes:
                print(f"Note: {note}.\n", flush=True)
    out.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"wrote {out.name}", file=sys.stderr)


if __name__ == "__main__":
    main()
