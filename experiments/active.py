"""How many labels active learning needs for the accuracy that random labels reach.

Intents of two published sets (150 and 77 classes), and one set where it should not help: clients of a bank, whose
answer hardly hangs on what is known of them. One configuration for all: TF-IDF of words (or standardised columns),
logistic regression, five budgets, five repeats with other splits and first labels. Run as

    HINDCAST_DATA=... python experiments/active.py
"""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.active import BudgetCurve, budget_curve

DATA = Path(os.environ["HINDCAST_DATA"])
RESULTS = Path(__file__).parent / "results" / "active.json"
STRATEGIES = ["margin", "entropy", "mixed", "k_centre", "badge"]
BUDGETS = [250, 500, 750, 1000, 1500]
REPEATS = 5
ROWS = 6_000


def encoded(texts: list[str]) -> Any:
    """TF-IDF learnt on all texts: they are unlabelled, and the pool is there before anyone labels."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(min_df=3, sublinear_tf=True).fit_transform(texts)


def some(n: int) -> np.ndarray[Any, Any]:
    return np.sort(np.random.default_rng(0).permutation(n)[:ROWS])


def clinc() -> tuple[Any, list[str]]:
    import polars as pl

    table = pl.read_parquet(DATA / "text" / "clinc150_full.parquet").filter(pl.col("split") == "train")
    table = table[some(len(table))]
    return encoded(table["text"].to_list()), table["intent"].to_list()


def banking() -> tuple[Any, list[str]]:
    import polars as pl

    table = pl.read_csv(DATA / "text" / "banking77_train.csv")
    table = table[some(len(table))]
    return encoded(table["text"].to_list()), table["category"].to_list()


def bank() -> tuple[Any, list[str]]:
    import polars as pl
    from sklearn.preprocessing import StandardScaler

    table = pl.read_parquet(DATA / "bank_marketing" / "bank_additional_full.parquet").drop("duration")
    table = table[some(len(table))]
    columns = table.drop("y", "year_derived").to_dummies(pl.selectors.string()).to_numpy().astype(np.float64)
    return StandardScaler().fit_transform(columns), table["y"].to_list()


def curve_of(items: Any, labels: list[str]) -> BudgetCurve:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    learner = LogisticRegression(C=10.0, max_iter=200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return budget_curve(items, labels, learner, STRATEGIES, budgets=BUDGETS, repeats=REPEATS)


def main() -> None:
    results: dict[str, Any] = {}
    lines = [
        "| set | strategy | accuracy at 500 | at 1,000 | at 1,500 | for random's at 1,000 | at 1,500 | verdict |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, (items, labels) in {"clinc150": clinc(), "banking77": banking(), "bank clients": bank()}.items():
        curve = curve_of(items, labels)
        results[name] = {"rows": curve.rows(), "verdicts": {}, "needed": {}}
        for strategy in curve.strategies:
            at = dict(zip(BUDGETS, curve.estimates(strategy), strict=True))
            cells = [f"{at[b].value:.3f} [{at[b].low:.3f}, {at[b].high:.3f}]" for b in (500, 1000, 1500)]
            if strategy == "random":
                cells += ["1000", "1500", "the floor"]
            else:
                found = [curve.needed(strategy, b) for b in (1000, 1500)]
                cells += [str(f) for f in found] + [curve.verdict(strategy).outcome]
                results[name]["verdicts"][strategy] = curve.verdict(strategy).reason
                results[name]["needed"][strategy] = [f.spent.describe() for f in found]
            lines.append(f"| {name} | {strategy} | " + " | ".join(cells) + " |")
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        print("\n".join(lines), flush=True)


if __name__ == "__main__":
    main()
