"""Whether a model learnt on one task helps on another: learning curves of transferred and from-scratch models.

Text: assistants' intents (150 classes) to intents of a bank (77 classes). Table: the calls of a bank in 2008 to its
calls from 2009 on, when the clients were others and said yes far more often. One configuration for all, five repeats.
Run as

    HINDCAST_DATA=... python experiments/transfer.py
"""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.metrics import auc
from hindcast.transfer import FineTune, Frozen, FrozenTransfer, LeafBase, transfer_curve

DATA = Path(os.environ["HINDCAST_DATA"])
RESULTS = Path(__file__).parent / "results" / "transfer.json"
SHARED = ["age", "job", "marital", "default", "housing", "loan", "contact", "month", "campaign", "previous"]
Curve = Any


def text() -> Curve:
    """The base: TF-IDF, its 200 main directions, and log-probabilities of the old intents. Rival: TF-IDF of the new."""
    import polars as pl
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    old = pl.read_parquet(DATA / "text" / "clinc150_full.parquet").filter(pl.col("split") == "train")
    new = pl.read_csv(DATA / "text" / "banking77_train.csv")
    new = new[np.sort(np.random.default_rng(0).permutation(len(new))[:4_000])]
    texts = new["text"].to_list()

    def words() -> Any:
        return TfidfVectorizer(min_df=3, sublinear_tf=True)

    def head() -> Any:
        return LogisticRegression(C=10.0, max_iter=200)

    asked = old["text"].to_list()
    directions = make_pipeline(words(), TruncatedSVD(200, random_state=0), StandardScaler()).fit(asked)
    intents = make_pipeline(words(), head()).fit(asked, old["intent"].to_list())
    own = Frozen(words().fit(texts))  # words are seen before labels are
    rival = FrozenTransfer(own, head())
    ways = {
        "main directions": FrozenTransfer(Frozen(directions), LogisticRegression(C=0.1, max_iter=200)),
        "old intents": FrozenTransfer(Frozen(intents), head()),
        "old intents beside own words": FrozenTransfer(Frozen(intents), head(), join=[own]),
    }
    return transfer_curve(texts, new["category"].to_list(), ways, rival, sizes=[150, 400, 1_000, 2_500])


def table() -> Curve:
    """The base: a boosted forest, and a network, learnt on 2008. Rivals: the same, from scratch."""
    import polars as pl
    import torch
    from lightgbm import LGBMClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    old = pl.read_parquet(DATA / "bank_marketing" / "bank_full.parquet").filter(pl.col("year_derived") == 2008)
    new = pl.read_parquet(DATA / "bank_marketing" / "bank_additional_full.parquet").filter(
        pl.col("year_derived") > 2008
    )
    frames = [f.select(pl.col(SHARED).cast(pl.String)) for f in (old, new)]
    both = pl.concat(frames).with_columns(pl.col("age", "campaign", "previous").cast(pl.Float64))
    x = both.to_dummies(pl.selectors.string()).to_numpy().astype(np.float64)
    x_old, x_new = x[: len(old)], x[len(old) :]
    scaler = StandardScaler().fit(x_old)
    x_old, x_new = scaler.transform(x_old), scaler.transform(x_new)
    y_old, y_new = (f["y"].to_numpy() for f in (old, new))
    keep = np.sort(np.random.default_rng(0).permutation(len(y_new))[:4_000])

    forest = LGBMClassifier(n_estimators=60, num_leaves=15, verbose=-1, n_jobs=1, random_state=0).fit(x_old, y_old)
    torch.manual_seed(0)

    def net() -> Any:
        return torch.nn.Sequential(
            torch.nn.Linear(x.shape[1], 32), torch.nn.ReLU(), torch.nn.Linear(32, 16), torch.nn.ReLU()
        )

    blank = net()
    learnt = FineTune(blank, epochs=12, batch=256).fit(x_old, y_old)
    base = learnt.module[0]

    def ranking(probability: Any, codes: Any) -> float:
        return auc(codes, probability[:, 1])

    ranking.__name__ = "AUC"
    ways = {
        "forest's leaves": FrozenTransfer(LeafBase(forest), LogisticRegression(C=0.1, max_iter=300)),
        "old answer alone": FrozenTransfer(Frozen(forest), LogisticRegression()),
        "network, head only": FineTune(base, frozen="all", epochs=25),
        "network, tuned gradually": FineTune(base, gradual=3, epochs=25),
        "network from scratch": FineTune(blank, epochs=25),
    }
    rival = LogisticRegression(C=0.1, max_iter=300)
    return transfer_curve(x_new[keep], y_new[keep], ways, rival, sizes=[100, 300, 1_000], metric=ranking)


def main() -> None:
    from sklearn.exceptions import ConvergenceWarning

    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    results: dict[str, Any] = {}
    for name, made in {"clinc150 to banking77": text, "bank 2008 to 2009 and later": table}.items():
        curve = made()
        results[name] = {
            way: {
                "score": [e.describe() for e in curve.estimates(way)],
                "gain": [g.describe() for g in curve.gains(way)],
                "harm at": list(curve.negative(way)),
            }
            for way in curve.names
        }
        print(f"\n{name}:\n\n{curve.table()}", flush=True)
        for way in curve.names[:-1]:
            if curve.negative(way):
                print(f"- negative transfer: {way} at {', '.join(map(str, curve.negative(way)))} labels", flush=True)
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
